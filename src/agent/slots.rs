//! Places for steps: so many run at once, and whoever goes on with a release takes one before those who are yet to begin.

use std::sync::atomic::{AtomicU64, Ordering};
use tokio::sync::{Semaphore, SemaphorePermit};

/// What a step does for its Environment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Course {
    /// It goes on with what is under way: an open attempt, the undoing of a failed one, a repair.
    GoesOn,
    /// It learns whether there is something to do, and begins it.
    Begins,
}

/// The places of one agent. What is under way is finished before more is begun: a hundred Environments that all change are released
/// one after the other, not all half, and those that are done need no telling of how they wait.
pub struct Slots {
    places: Semaphore,
    /// Of those who begin, one at a time waits for a place among those who go on: each of the others passes them.
    door: Semaphore,
    taken: AtomicU64,
}

impl Slots {
    /// So many places.
    pub fn new(places: usize) -> Self {
        Slots { places: Semaphore::new(places), door: Semaphore::new(1), taken: AtomicU64::new(0) }
    }

    /// Waits for a place; it is given back when it is dropped. Who begins gets one, too, however many go on: places are given in turn.
    pub async fn take(&self, course: Course) -> SemaphorePermit<'_> {
        const OPEN: &str = "the semaphore is never closed";
        let _first = match course {
            Course::GoesOn => None,
            Course::Begins => Some(self.door.acquire().await.expect(OPEN)),
        };
        let place = self.places.acquire().await.expect(OPEN);
        self.taken.fetch_add(1, Ordering::Relaxed);
        place
    }

    /// How many places were taken until now.
    pub fn taken(&self) -> u64 {
        self.taken.load(Ordering::Relaxed)
    }

    /// Whether all places are taken: others wait, or are about to.
    pub fn are_taken(&self) -> bool {
        self.places.available_permits() == 0
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::{Arc, Mutex};

    /// All of them wait for the one place, in this order; the order in which they get it.
    async fn order(waiting: &[(Course, u32)]) -> Vec<u32> {
        let (slots, got) = (Arc::new(Slots::new(1)), Arc::new(Mutex::new(Vec::new())));
        let taken = slots.take(Course::GoesOn).await;
        assert!(slots.are_taken());
        let mut tasks = Vec::new();
        for &(course, name) in waiting {
            let (slots, got) = (slots.clone(), got.clone());
            tasks.push(tokio::spawn(async move {
                let _place = slots.take(course).await;
                got.lock().expect("no panic while held").push(name);
            }));
            // On one thread: it waits when this comes back.
            tokio::task::yield_now().await;
        }
        drop(taken);
        for task in tasks {
            task.await.expect("no panic");
        }
        let got = got.lock().expect("no panic while held").clone();
        assert!(!slots.are_taken());
        assert_eq!(slots.taken(), waiting.len() as u64 + 1);
        got
    }

    #[tokio::test]
    async fn who_goes_on_passes_those_who_begin_but_for_the_first() {
        use Course::{Begins, GoesOn};
        let waiting = [(Begins, 1), (Begins, 2), (Begins, 3), (GoesOn, 11), (GoesOn, 12), (GoesOn, 13)];
        assert_eq!(order(&waiting).await, [1, 11, 12, 13, 2, 3]);
        // Nobody waits for ever: each who begins has its turn among them.
        assert_eq!(order(&[(GoesOn, 11), (Begins, 1), (GoesOn, 12)]).await, [11, 1, 12]);
    }
}
