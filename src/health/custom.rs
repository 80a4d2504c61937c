//! Kinds without a rule of their own, by the conditions that kstatus reads: `Stalled`, `Reconciling`, `Ready`.

use super::{
    Health,
    read::{Reader, because},
};

/// The two conditions that outrule everything else, where a controller sets them.
pub(super) fn standard(read: &Reader<'_>) -> Option<Health> {
    if let Some(condition) = read.condition_is("Reconciling", "True") {
        return Some(Health::progressing(condition.reason, format!("its controller is at work{}", because(condition.message))));
    }
    let stalled = read.condition_is("Stalled", "True")?;
    Some(Health::failed(true, stalled.reason, format!("its controller has given up{}", because(stalled.message))))
}

/// Any custom resource.
pub(super) fn conditions(read: &Reader<'_>) -> Health {
    if let Some(health) = standard(read) {
        return health;
    }
    match read.condition("Ready") {
        None => Health::healthy("it is there"),
        Some(ready) if ready.status == "True" => Health::healthy(format!("it is ready{}", because(ready.message))),
        Some(ready) => Health::progressing(ready.reason, format!("it is not ready{}", because(ready.message))),
    }
}

/// Reasons of an Environment that waits for a person or a sync window.
const PATIENT: &[&str] = &["AwaitingApproval", "AwaitingSync", "OutsideWindow", "Suspended"];

/// Our own child: an Environment that a chart of Environments holds.
pub(super) fn environment(read: &Reader<'_>) -> Health {
    if read.flag("/spec/suspend") {
        return Health::suspended("it is suspended");
    }
    if read.int("/status/observedGeneration").is_none() {
        return Health::progressing("NotSeen", "no agent has seen it yet");
    }
    match read.condition("Ready") {
        Some(ready) if ready.status == "True" => Health::healthy(format!("it is ready{}", because(ready.message))),
        // It waits for a person or a time, as it was told to: nothing of that is the parent's release failing.
        Some(ready) if PATIENT.contains(&ready.reason) => Health::suspended(format!("it waits{}", because(ready.message))),
        Some(ready) => Health::progressing(ready.reason, format!("it is not ready{}", because(ready.message))),
        None => Health::progressing("NotReady", "it has not said anything yet"),
    }
}
