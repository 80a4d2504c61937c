//! Work that blocks its thread, in three queues: what computes keeps the cores busy and no more threads than those, what reads a
//! repository of this machine likewise, and what waits for a remote repository cannot take these away. Each thread has an
//! allocator's heap of its own, so that few of them are also what keeps the agent small.

use std::{cell::RefCell, sync::Arc};
use tokio::{
    runtime::Handle,
    sync::{OwnedSemaphorePermit, Semaphore},
    task::{JoinError, spawn_blocking},
};

/// How many threads may wait for repositories at once.
const WAITING: usize = 8;

/// How many threads may compute at once, however many cores there are.
const COMPUTING: usize = 8;

/// The queues.
pub struct Blocking {
    computing: Arc<Semaphore>,
    reading: Semaphore,
    waiting: Semaphore,
}

impl Default for Blocking {
    fn default() -> Self {
        let cores = std::thread::available_parallelism().map_or(1, usize::from).min(COMPUTING);
        Blocking { computing: Arc::new(Semaphore::new(cores)), reading: Semaphore::new(cores), waiting: Semaphore::new(WAITING) }
    }
}

impl Blocking {
    /// Runs what computes: rendering. What it has to wait for meanwhile it waits for by [`Turn::pause`].
    ///
    /// # Errors
    /// It panicked.
    pub async fn compute<T: Send + 'static>(&self, work: impl FnOnce(Turn) -> T + Send + 'static) -> Result<T, JoinError> {
        let permit = take(self.computing.clone()).await;
        let (queue, runtime) = (self.computing.clone(), Handle::current());
        spawn_blocking(move || work(Turn { permit: RefCell::new(Some(permit)), queue, runtime })).await
    }

    /// Runs what reads the repository at that address: it waits for others only where that is another machine.
    ///
    /// # Errors
    /// It panicked.
    pub async fn read<T: Send + 'static>(&self, url: &str, work: impl FnOnce() -> T + Send + 'static) -> Result<T, JoinError> {
        in_turn(if url.starts_with("file://") { &self.reading } else { &self.waiting }, work).await
    }

    /// Runs what waits for others: git.
    ///
    /// # Errors
    /// It panicked.
    pub async fn wait<T: Send + 'static>(&self, work: impl FnOnce() -> T + Send + 'static) -> Result<T, JoinError> {
        in_turn(&self.waiting, work).await
    }
}

async fn in_turn<T: Send + 'static>(queue: &Semaphore, work: impl FnOnce() -> T + Send + 'static) -> Result<T, JoinError> {
    let _turn = queue.acquire().await.expect("the semaphore is never closed");
    spawn_blocking(work).await
}

/// A turn to compute.
pub struct Turn {
    permit: RefCell<Option<OwnedSemaphorePermit>>,
    queue: Arc<Semaphore>,
    runtime: Handle,
}

impl Turn {
    /// Waits for something; others compute meanwhile, however long that takes. (How many wait so at once, the steps under way
    /// bound: [`super::PARALLEL_STEPS`].)
    pub fn pause<T>(&self, something: impl Future<Output = T>) -> T {
        drop(self.permit.take());
        self.runtime.block_on(async {
            let came = something.await;
            self.permit.replace(Some(take(self.queue.clone()).await));
            came
        })
    }
}

async fn take(queue: Arc<Semaphore>) -> OwnedSemaphorePermit {
    queue.acquire_owned().await.expect("the semaphore is never closed")
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::{
        sync::atomic::{AtomicUsize, Ordering},
        time::Duration,
    };

    /// Work for as many cores as there are, and more, all of it in the middle of waiting until the sender goes.
    fn waiters(blocking: &Arc<Blocking>, until: &tokio::sync::watch::Receiver<()>, at_once: &Arc<AtomicUsize>) -> Vec<tokio::task::JoinHandle<usize>> {
        let cores = blocking.computing.available_permits();
        let one = |number: usize| {
            let (blocking, mut until, at_once) = (blocking.clone(), until.clone(), at_once.clone());
            tokio::spawn(async move {
                let work = move |turn: Turn| {
                    turn.pause(async { while until.changed().await.is_ok() {} });
                    let computing = at_once.fetch_add(1, Ordering::SeqCst) + 1;
                    std::thread::sleep(Duration::from_millis(5));
                    at_once.fetch_sub(1, Ordering::SeqCst);
                    assert!(computing <= cores, "{computing} compute at once on {cores} cores");
                    number
                };
                blocking.compute(work).await.expect("no panic")
            })
        };
        (0..cores * 2 + 1).map(one).collect()
    }

    #[tokio::test]
    async fn what_waits_in_the_middle_of_computing_keeps_nobody_else_from_computing() {
        let blocking = Arc::new(Blocking::default());
        let (server, until) = tokio::sync::watch::channel(());
        let waiting = waiters(&blocking, &until, &Arc::default());
        for number in 0..10 {
            let other = tokio::time::timeout(Duration::from_secs(20), blocking.compute(move |_| number)).await;
            assert_eq!(other.expect("a turn comes").expect("no panic"), number);
        }
        drop(server);
        for (number, one) in waiting.into_iter().enumerate() {
            assert_eq!(one.await.expect("no panic"), number);
        }
    }
}
