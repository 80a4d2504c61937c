//! The properties.

/// One property of every run.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Check {
    /// At most one record is open.
    OneOpen,
    /// Nothing is opened while suspended, but for the removal of the Environment.
    Suspended,
    /// In manual mode only a request opens an install or upgrade.
    Manual,
    /// Attempts within an hour are bounded.
    Attempts,
    /// A bad revision is opened a bounded number of times.
    BadTries,
    /// A bad revision is never recorded good.
    BadGood,
    /// A stage is tried a bounded number of times.
    Tries,
    /// When all is calm, live is the head, or the last good release where the head is bad, or nothing where none is good.
    Converged,
    /// When all is calm, drift is repaired if that is the policy.
    DriftRepaired,
    /// Drift is left alone if that is the policy.
    DriftKept,
    /// A release held by hand stays until it is resumed or the head moves.
    Held,
    /// A deleted Environment leaves nothing behind, unless it is orphaned.
    Removed,
    /// Records stay within the history limit.
    Growth,
    /// No endless work without waiting.
    Livelock,
    /// When all is calm, nothing is written any more.
    Idle,
}

impl Check {
    /// All of them.
    pub const ALL: [Check; 15] = [
        Check::OneOpen,
        Check::Suspended,
        Check::Manual,
        Check::Attempts,
        Check::BadTries,
        Check::BadGood,
        Check::Tries,
        Check::Converged,
        Check::DriftRepaired,
        Check::DriftKept,
        Check::Held,
        Check::Removed,
        Check::Growth,
        Check::Livelock,
        Check::Idle,
    ];
}
