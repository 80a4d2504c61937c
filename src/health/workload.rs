//! What runs pods: Deployment, StatefulSet, DaemonSet, ReplicaSet, and what watches over them.

use super::{
    Health,
    read::{Reader, because, quote},
};

/// Deployments, by their counts and their progress deadline (`DeploymentStatusViewer` in kubectl).
pub(super) fn deployment(read: &Reader<'_>) -> Health {
    let wanted = read.int("/spec/replicas").unwrap_or(1);
    let (all, updated) = (read.count("/status/replicas"), read.count("/status/updatedReplicas"));
    let (available, ready) = (read.count("/status/availableReplicas"), read.count("/status/readyReplicas"));
    if let Some(progress) = read.condition("Progressing")
        && progress.reason == "ProgressDeadlineExceeded"
    {
        let message = format!(
            "it did not get done within its progress deadline: {updated} of {wanted} pods are updated, {available} available{}",
            because(progress.message)
        );
        return Health::failed(true, "ProgressDeadlineExceeded", message);
    }
    let waiting = if updated < wanted {
        Some(("LessUpdated", format!("{updated} of {wanted} pods are updated")))
    } else if all > updated {
        Some(("ExtraPods", format!("{} old pods still have to go", all - updated)))
    } else if all > wanted {
        Some(("ExtraPods", format!("{} surplus pods still have to go", all - wanted)))
    } else if available < updated {
        Some(("LessAvailable", format!("{available} of {updated} updated pods are available")))
    } else if ready < wanted {
        Some(("LessReady", format!("{ready} of {wanted} pods are ready")))
    } else {
        None
    };
    let Some((reason, message)) = waiting else { return settled(read, wanted) };
    if read.flag("/spec/paused") {
        return Health::suspended(format!("its rollout is paused: {message}"));
    }
    if let Some(failure) = read.condition_is("ReplicaFailure", "True") {
        return Health::failed(false, failure.reason, format!("its pods cannot be created{} ({message})", because(failure.message)));
    }
    Health::progressing(reason, message)
}

/// All counts fit; the conditions have the last word, as in kstatus.
fn settled(read: &Reader<'_>, wanted: i64) -> Health {
    // Without a deadline (or with Go's largest int32) the controller sets no Progressing condition.
    let deadline = read.int("/spec/progressDeadlineSeconds").is_some_and(|seconds| seconds != i64::from(i32::MAX));
    let done = read.condition_is("Progressing", "True").is_some_and(|condition| condition.reason == "NewReplicaSetAvailable");
    if deadline && !done && !read.flag("/spec/paused") {
        return Health::progressing("ReplicaSetNotAvailable", "its new pods are not confirmed as available yet");
    }
    if read.condition_is("Available", "True").is_none() {
        return Health::progressing("DeploymentNotAvailable", "too few of its pods are available");
    }
    Health::healthy(format!("all {wanted} pods are up to date and available"))
}

/// StatefulSets, with partitions and the strategy that leaves updating to people.
pub(super) fn stateful_set(read: &Reader<'_>) -> Health {
    if read.text("/spec/updateStrategy/type") == Some("OnDelete") {
        return Health::healthy("it updates pods only when somebody deletes them (OnDelete)");
    }
    let wanted = read.int("/spec/replicas").unwrap_or(1);
    let (all, ready) = (read.count("/status/replicas"), read.count("/status/readyReplicas"));
    let (current, updated) = (read.count("/status/currentReplicas"), read.count("/status/updatedReplicas"));
    if all < wanted {
        return Health::progressing("LessReplicas", format!("{all} of {wanted} pods are there"));
    }
    if ready < wanted {
        return Health::progressing("LessReady", format!("{ready} of {wanted} pods are ready"));
    }
    if all > wanted {
        return Health::progressing("ExtraPods", format!("{} surplus pods still have to go", all - wanted));
    }
    // The API server defaults the partition to 0; only a larger one holds pods back.
    if let Some(partition) = read.int("/spec/updateStrategy/rollingUpdate/partition").filter(|partition| *partition > 0) {
        let wanted = (wanted - partition).max(0);
        if updated < wanted {
            return Health::progressing("PartitionRollout", format!("{updated} of the {wanted} pods above the partition are updated"));
        }
        return Health::healthy(format!("{updated} pods above the partition {partition} are updated"));
    }
    let (now, next) = (read.text("/status/currentRevision"), read.text("/status/updateRevision"));
    if now != next {
        return Health::progressing("RevisionMismatch", format!("{updated} of {wanted} pods are updated"));
    }
    if current < wanted {
        return Health::progressing("LessCurrent", format!("{current} of {wanted} pods are up to date"));
    }
    Health::healthy(format!("all {wanted} pods are up to date and ready"))
}

/// DaemonSets.
pub(super) fn daemon_set(read: &Reader<'_>) -> Health {
    if read.int("/status/observedGeneration").is_none() {
        return Health::progressing("NoObservedGeneration", "its controller has not seen it yet");
    }
    let Some(wanted) = read.int("/status/desiredNumberScheduled") else {
        return Health::progressing("NoDesiredNumber", "its controller has not counted the nodes yet");
    };
    let by_hand = read.text("/spec/updateStrategy/type") == Some("OnDelete");
    let counts = [
        ("LessCurrent", "have a pod", read.count("/status/currentNumberScheduled")),
        ("LessUpdated", "have an updated pod", if by_hand { wanted } else { read.count("/status/updatedNumberScheduled") }),
        ("LessAvailable", "have an available pod", read.count("/status/numberAvailable")),
        ("LessReady", "have a ready pod", read.count("/status/numberReady")),
    ];
    match counts.iter().find(|(_, _, count)| *count < wanted) {
        Some((reason, what, count)) => Health::progressing(reason, format!("{count} of {wanted} nodes {what}")),
        None => Health::healthy(format!("all {wanted} nodes have their pod")),
    }
}

/// ReplicaSets and ReplicationControllers.
pub(super) fn replica_set(read: &Reader<'_>) -> Health {
    if let Some(failure) = read.condition_is("ReplicaFailure", "True") {
        return Health::failed(false, failure.reason, format!("its pods cannot be created{}", because(failure.message)));
    }
    let wanted = read.int("/spec/replicas").unwrap_or(1);
    let counts = [
        ("LessLabelled", "carry its labels", read.count("/status/fullyLabeledReplicas")),
        ("LessAvailable", "are available", read.count("/status/availableReplicas")),
        ("LessReady", "are ready", read.count("/status/readyReplicas")),
    ];
    if let Some((reason, what, count)) = counts.iter().find(|(_, _, count)| *count < wanted) {
        return Health::progressing(reason, format!("{count} of {wanted} pods {what}"));
    }
    match read.count("/status/replicas") - wanted {
        surplus if surplus > 0 => Health::progressing("ExtraPods", format!("{surplus} surplus pods still have to go")),
        _ => Health::healthy(format!("all {wanted} pods are available")),
    }
}

/// Autoscalers. Missing metrics are no fault of a release: helm and kstatus do not wait for them either.
pub(super) fn autoscaler(read: &Reader<'_>) -> Health {
    if let Some(able) = read.condition_is("AbleToScale", "False")
        && able.reason.starts_with("Failed")
    {
        return Health::failed(false, able.reason, format!("it cannot scale its target{}", because(able.message)));
    }
    match read.condition_is("ScalingActive", "False") {
        Some(active) if active.reason == "InvalidSelector" => {
            Health::failed(true, active.reason, format!("it cannot count its target's pods{}", because(active.message)))
        }
        Some(active) if active.reason.starts_with("Failed") => {
            Health::new(super::State::Healthy, active.reason, format!("it has no metrics to go by{}", because(active.message)))
        }
        _ => Health::healthy(format!("it holds its target at {} pods", read.count("/status/desiredReplicas"))),
    }
}

/// Disruption budgets.
pub(super) fn disruption_budget(read: &Reader<'_>) -> Health {
    match read.condition_is("DisruptionAllowed", "False") {
        Some(condition) if condition.reason == "SyncFailed" => {
            Health::failed(false, "SyncFailed", format!("it cannot be worked out{}", because(condition.message)))
        }
        _ => Health::healthy(format!("it allows {} disruptions", quote(&read.count("/status/disruptionsAllowed").to_string()))),
    }
}
