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
    /// Old records are never removed.
    NeverTrims,
    /// The Environment is let go before its release is removed.
    LetsGoEarly,
}

/// Every planted fault with the checks that are there for it.
pub const PLANTED: &[(Plant, &[Check])] = &[
    (Plant::IgnoresSuspend, &[Check::Suspended]),
    (Plant::IgnoresManual, &[Check::Manual]),
    (Plant::ForgetsCondemned, &[Check::BadTries, Check::Idle, Check::Attempts, Check::Converged, Check::Livelock]),
    (Plant::IgnoresBackoff, &[Check::Attempts, Check::Livelock]),
    (Plant::NeverRollsBack, &[Check::Converged]),
    (Plant::BelievesHealth, &[Check::BadGood, Check::Converged]),
    (Plant::SkipsTests, &[Check::BadGood, Check::Converged]),
    (Plant::NoFencing, &[Check::OneOpen]),
    (Plant::NeverChecksDrift, &[Check::DriftRepaired]),
    (Plant::AlwaysRepairs, &[Check::DriftKept]),
    (Plant::ForgetsHold, &[Check::Held]),
    (Plant::RetriesForever, &[Check::Tries]),
    (Plant::NeverTrims, &[Check::Growth]),
    (Plant::LetsGoEarly, &[Check::Removed]),
];
