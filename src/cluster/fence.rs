//! The gate before every write: open only while this agent holds the lease, by its own clock.

use std::{
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::{Duration, Instant},
};

/// Whether writes may be sent now. Cheap to clone; all clones are one gate.
///
/// The lease says so until a moment that was set before its renewal was even sent, so that a process that was stopped and wakes
/// finds the gate shut, whatever it was about to do.
#[derive(Clone, Debug)]
pub struct Fence {
    epoch: Instant,
    /// Milliseconds since `epoch` until which writes may be sent.
    until: Arc<AtomicU64>,
}

impl Fence {
    /// A gate that is always open: for commands that a person runs.
    pub fn open() -> Self {
        Fence { epoch: Instant::now(), until: Arc::new(AtomicU64::new(u64::MAX)) }
    }

    /// A gate that is shut until [`Fence::extend`] opens it.
    pub fn shut() -> Self {
        Fence { epoch: Instant::now(), until: Arc::new(AtomicU64::new(0)) }
    }

    /// Open for `span` from `from` on.
    pub fn extend(&self, from: Instant, span: Duration) {
        let until = (from + span).saturating_duration_since(self.epoch).as_millis();
        self.until.store(u64::try_from(until).unwrap_or(u64::MAX - 1), Ordering::Release);
    }

    /// Shuts it.
    pub fn close(&self) {
        self.until.store(0, Ordering::Release);
    }

    /// Whether a write may be sent now.
    pub fn is_open(&self) -> bool {
        let until = self.until.load(Ordering::Acquire);
        until == u64::MAX || self.epoch.elapsed() < Duration::from_millis(until)
    }

    /// How long it stays open.
    pub fn left(&self) -> Duration {
        Duration::from_millis(self.until.load(Ordering::Acquire)).saturating_sub(self.epoch.elapsed())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_gate_closes_by_itself_when_its_time_is_over() {
        let fence = Fence::shut();
        assert!(!fence.is_open());
        fence.extend(Instant::now(), Duration::from_secs(60));
        assert!(fence.is_open());
        // The moment counts from when the renewal was sent, not from when it was answered.
        fence.extend(Instant::now() - Duration::from_secs(61), Duration::from_secs(60));
        assert!(!fence.is_open());
        assert!(Fence::open().is_open());
    }
}
