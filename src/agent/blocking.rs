//! Work that blocks its thread, in two queues: what computes keeps the cores busy and no more threads than those, and what waits
//! for a disk or a remote repository cannot take these away. Each thread has an allocator's heap of its own, so that few of them
//! are also what keeps the agent small.

use tokio::{
    sync::Semaphore,
    task::{JoinError, spawn_blocking},
};

/// How many threads may wait for repositories at once.
const WAITING: usize = 8;

/// The queues.
pub struct Blocking {
    computing: Semaphore,
    waiting: Semaphore,
}

impl Default for Blocking {
    fn default() -> Self {
        let cores = std::thread::available_parallelism().map_or(1, usize::from);
        Blocking { computing: Semaphore::new(cores), waiting: Semaphore::new(WAITING) }
    }
}

impl Blocking {
    /// Runs what computes: rendering.
    ///
    /// # Errors
    /// It panicked.
    pub async fn compute<T: Send + 'static>(&self, work: impl FnOnce() -> T + Send + 'static) -> Result<T, JoinError> {
        let _turn = self.computing.acquire().await.expect("the semaphore is never closed");
        spawn_blocking(work).await
    }

    /// Runs what waits for others: git.
    ///
    /// # Errors
    /// It panicked.
    pub async fn wait<T: Send + 'static>(&self, work: impl FnOnce() -> T + Send + 'static) -> Result<T, JoinError> {
        let _turn = self.waiting.acquire().await.expect("the semaphore is never closed");
        spawn_blocking(work).await
    }
}
