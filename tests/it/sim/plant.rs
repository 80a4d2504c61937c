//! Faults planted on purpose, and which property is there to notice each.

use super::checks::Check;

/// One planted fault.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Plant {
    /// Suspending is not looked at.
    IgnoresSuspend,
    /// Manual mode is not looked at.
    IgnoresManual,
    /// What is known to be bad is forgotten.
    ForgetsCondemned,
    /// Waiting times are not kept.
    IgnoresBackoff,
    /// A failed release is not undone.
    NeverRollsBack,
    /// Whatever was applied counts as healthy.
    BelievesHealth,
    /// Tests are passed over.
    SkipsTests,
    /// Writes do not name the version they were decided on.
    NoFencing,
    /// Drift is not looked for.
    NeverChecksDrift,
    /// Drift is repaired against the policy.
    AlwaysRepairs,
    /// A hold by hand is forgotten.
    ForgetsHold,
    /// Failed stages are tried for ever.
    RetriesForever,
    /// A new set serves before it has proved itself.
    SwitchesEarly,
    /// Old records are never removed.
    NeverTrims,
    /// The Environment is let go before its release is removed.
    LetsGoEarly,
    /// Sync windows are not looked at.
    IgnoresWindows,
    /// Environments to wait for are not looked at.
    IgnoresDependencies,
    /// Approvals are not asked for.
    IgnoresApproval,
    /// Deletions of what is precious are not asked about.
    IgnoresPruneGuard,
    /// An approval counts for whatever plan waits.
    TakesAnyApproval,
    /// An approval counts for ever.
    ApprovalsNeverExpire,
    /// The next wave does not wait for the one before.
    HurriesWaves,
    /// The deployed release is tested ten times as often as it is said.
    TestsTooOften,
    /// What is good is promoted without waiting.
    PromotesAtOnce,
    /// Nothing is ever promoted.
    NeverPromotes,
    /// What took a bad commit back is taken back as well, and so on.
    RevertsAgainAndAgain,
}

/// Every planted fault with the checks that are there for it.
pub const PLANTED: &[(Plant, &[Check])] = &[
    (Plant::IgnoresSuspend, &[Check::Suspended]),
    (Plant::IgnoresManual, &[Check::Manual]),
    (Plant::ForgetsCondemned, &[Check::BadTries, Check::Idle, Check::Attempts, Check::Converged]),
    (Plant::IgnoresBackoff, &[Check::Attempts, Check::Livelock]),
    (Plant::NeverRollsBack, &[Check::Converged]),
    (Plant::BelievesHealth, &[Check::BadGood, Check::Converged, Check::Waves, Check::Promoted, Check::Serves]),
    (Plant::SkipsTests, &[Check::BadGood, Check::Converged, Check::Promoted, Check::Serves]),
    (Plant::NoFencing, &[Check::OneOpen, Check::Waves]),
    (Plant::NeverChecksDrift, &[Check::DriftRepaired]),
    (Plant::AlwaysRepairs, &[Check::DriftKept]),
    (Plant::ForgetsHold, &[Check::Held]),
    (Plant::RetriesForever, &[Check::Tries]),
    (Plant::SwitchesEarly, &[Check::Serves]),
    (Plant::NeverTrims, &[Check::Growth]),
    (Plant::LetsGoEarly, &[Check::Removed]),
    (Plant::IgnoresWindows, &[Check::Windows]),
    (Plant::IgnoresDependencies, &[Check::Dependencies]),
    (Plant::IgnoresApproval, &[Check::Approved]),
    (Plant::IgnoresPruneGuard, &[Check::Approved]),
    (Plant::TakesAnyApproval, &[Check::Approved]),
    (Plant::ApprovalsNeverExpire, &[Check::Approved]),
    (Plant::HurriesWaves, &[Check::Waves]),
    (Plant::TestsTooOften, &[Check::Tests]),
    (Plant::PromotesAtOnce, &[Check::Promoted]),
    (Plant::NeverPromotes, &[Check::Promoted]),
    (Plant::RevertsAgainAndAgain, &[Check::Reverts, Check::Idle, Check::Converged]),
];
