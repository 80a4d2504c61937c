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
    /// With two sets, one that is not healthy and tested never serves.
    Serves,
    /// A deleted Environment leaves nothing behind, unless it is orphaned.
    Removed,
    /// Records stay within the history limit.
    Growth,
    /// No endless work without waiting.
    Livelock,
    /// When all is calm, nothing is written any more.
    Idle,
    /// Nothing is installed or upgraded outside of the sync windows.
    Windows,
    /// Nothing is installed or upgraded while an Environment that it waits for is not ready.
    Dependencies,
    /// What needs an approval is opened only with one of that very plan that has not expired.
    Approved,
    /// A wave is applied when the ones before it are healthy.
    Waves,
    /// The deployed release is tested again no more often than it is said.
    Tests,
    /// What was good for as long as was asked is promoted in the end, and nothing else ever.
    Promoted,
    /// Commits are taken back a bounded number of times: no more than people pushed, and one.
    Reverts,
}

impl Check {
    /// All of them.
    pub const ALL: [Check; 23] = [
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
        Check::Serves,
        Check::Removed,
        Check::Growth,
        Check::Livelock,
        Check::Idle,
        Check::Windows,
        Check::Dependencies,
        Check::Approved,
        Check::Waves,
        Check::Tests,
        Check::Promoted,
        Check::Reverts,
    ];
}
