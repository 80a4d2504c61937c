//! Is it healthy? The rules of kstatus for every built-in kind, a file per family of kinds, and sentences for people.
//!
//! The verdicts are those of kstatus (`cli-utils/pkg/kstatus/status/core.go`) except where `tests/cases/health/README.md`
//! lists a difference: a Job is waited for until it is done, a LoadBalancer until it has an address, a crash loop counts as
//! lasting only after some restarts, and every verdict has a sentence.

mod batch;
mod cluster;
mod custom;
mod network;
mod pod;
mod read;
mod report;
mod storage;
#[cfg(test)]
mod tests;
mod workload;

pub use report::{Failure, Report, Target, Waiting, sum};

use jiff::Timestamp;
use read::Reader;
use serde::Serialize;
use serde_json::Value;

/// How an object fares.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "PascalCase")]
pub enum State {
    /// It is what its specification asks for.
    Healthy,
    /// It is on its way.
    Progressing,
    /// It failed. A lasting failure will not mend by waiting, and ends the wait.
    Failed {
        /// Whether waiting longer is pointless.
        lasting: bool,
    },
    /// It is gone, or says nothing that could be understood.
    Unknown,
    /// Somebody paused it.
    Suspended,
}

/// An object's health with its reason.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Health {
    /// How it fares.
    pub state: State,
    /// One word for machines: `RolloutInProgress`, `ImagePullBackOff`.
    pub reason: String,
    /// A sentence for people, with numbers and the object's own words.
    pub message: String,
}

impl Health {
    /// Whether nothing more needs to be waited for: healthy, or paused on purpose.
    pub fn is_ready(&self) -> bool {
        matches!(self.state, State::Healthy | State::Suspended)
    }

    /// Whether waiting longer is pointless.
    pub fn is_lasting_failure(&self) -> bool {
        self.state == State::Failed { lasting: true }
    }

    pub(crate) fn new(state: State, reason: &str, message: impl Into<String>) -> Self {
        let reason = if reason.is_empty() { "Unknown" } else { reason };
        Self { state, reason: reason.into(), message: message.into() }
    }

    fn healthy(message: impl Into<String>) -> Self {
        Self::new(State::Healthy, "Current", message)
    }

    fn progressing(reason: &str, message: impl Into<String>) -> Self {
        Self::new(State::Progressing, reason, message)
    }

    fn failed(lasting: bool, reason: &str, message: impl Into<String>) -> Self {
        Self::new(State::Failed { lasting }, reason, message)
    }

    fn suspended(message: impl Into<String>) -> Self {
        Self::new(State::Suspended, "Suspended", message)
    }
}

/// A kind's rule.
type Rule = fn(&Reader<'_>) -> Health;

/// Every kind with a rule of its own; all others are judged by their conditions.
const RULES: &[(&str, &str, Rule)] = &[
    ("apps", "Deployment", workload::deployment),
    ("apps", "StatefulSet", workload::stateful_set),
    ("apps", "DaemonSet", workload::daemon_set),
    ("apps", "ReplicaSet", workload::replica_set),
    ("", "ReplicationController", workload::replica_set),
    ("", "Pod", pod::pod),
    ("batch", "Job", batch::job),
    ("batch", "CronJob", batch::cron_job),
    ("", "PersistentVolumeClaim", storage::claim),
    ("", "PersistentVolume", storage::volume),
    ("", "Service", network::service),
    ("networking.k8s.io", "Ingress", network::ingress),
    ("autoscaling", "HorizontalPodAutoscaler", workload::autoscaler),
    ("policy", "PodDisruptionBudget", workload::disruption_budget),
    ("", "Namespace", cluster::namespace),
    ("apiextensions.k8s.io", "CustomResourceDefinition", cluster::definition),
    ("apiregistration.k8s.io", "APIService", cluster::api_service),
    ("windlass.dev", "Environment", custom::environment),
];

/// Judges a live object by itself. `now` lets rules give young troubles a little time; without it they count as lasting only
/// where no time could mend them.
pub fn assess(object: &Value, now: Option<Timestamp>) -> Health {
    let read = Reader::new(object, now);
    if let Some(since) = read.text("/metadata/deletionTimestamp") {
        let finalizers = read.texts("/metadata/finalizers");
        let held = if finalizers.is_empty() { String::new() } else { format!(", held by its finalizers {}", finalizers.join(", ")) };
        let more = cluster::terminating_namespace(&read).map(|why| format!(": {why}")).unwrap_or_default();
        return Health::progressing("Terminating", format!("it has been on its way out since {since}{held}{more}"));
    }
    let (generation, observed) = (read.int("/metadata/generation"), read.int("/status/observedGeneration"));
    if let (Some(generation), Some(observed)) = (generation, observed)
        && generation != observed
    {
        let message = format!("its controller has not seen the latest change yet (generation {generation}, seen {observed})");
        return Health::progressing("LatestGenerationNotObserved", message);
    }
    let kind = read.text("/kind").unwrap_or_default();
    let group = read.text("/apiVersion").unwrap_or_default().rsplit_once('/').map_or("", |(group, _)| group);
    // `extensions` was the home of the workloads and of Ingress until Kubernetes 1.22.
    let groups: &[&str] = if group == "extensions" { &["apps", "networking.k8s.io"] } else { &[group] };
    match RULES.iter().find(|(of, named, _)| groups.contains(of) && *named == kind) {
        Some((_, _, rule)) => custom::standard(&read).unwrap_or_else(|| rule(&read)),
        None => custom::conditions(&read),
    }
}
