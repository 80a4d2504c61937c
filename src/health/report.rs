//! A whole set's health: what is waited for, what failed for good.

use super::{Health, State, assess};
use crate::object::{ObjectRef, annotation, label};
use jiff::Timestamp;
use serde::Serialize;
use serde_json::Value;

/// One object that is waited for, with what is known of it.
#[derive(Clone, Debug)]
pub struct Target<'a> {
    /// Which object.
    pub reference: &'a ObjectRef,
    /// The live object; `None` where it does not exist (any more).
    pub live: Option<&'a Value>,
    /// Objects that belong to it by owner references, at any depth: ReplicaSets and Pods. They explain troubles long before
    /// the object itself reports them; without them the object's own status decides alone.
    pub dependents: &'a [&'a Value],
}

/// An object that is not ready yet.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Waiting {
    /// Which object.
    pub reference: ObjectRef,
    /// How it fares.
    pub health: Health,
}

/// The first failure that waiting cannot mend.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Failure {
    /// The object of the release.
    pub reference: ObjectRef,
    /// The object that shows the failure, where it is another one: a Pod.
    pub shown_by: Option<ObjectRef>,
    /// How it fares.
    pub health: Health,
}

/// A set's health.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Report {
    /// How many objects were judged.
    pub total: usize,
    /// How many of them are ready.
    pub ready: usize,
    /// Those that are not, in the order given.
    pub waiting: Vec<Waiting>,
    /// The first lasting failure.
    pub failure: Option<Failure>,
}

impl Report {
    /// Whether everything is ready.
    pub fn is_healthy(&self) -> bool {
        self.waiting.is_empty()
    }

    /// One sentence: what failed, else what is waited for, else that all is well.
    pub fn summary(&self) -> String {
        /// How many objects are named; the rest is counted.
        const NAMED: usize = 3;
        if let Some(failure) = &self.failure {
            let by = failure.shown_by.as_ref().map(|pod| format!(" ({pod})")).unwrap_or_default();
            return format!("{}{by}: {}", failure.reference, failure.health.message);
        }
        if self.waiting.is_empty() {
            return format!("all {} objects are healthy", self.total);
        }
        let named: Vec<String> =
            self.waiting.iter().take(NAMED).map(|waiting| format!("{}: {}", waiting.reference, waiting.health.message)).collect();
        let more = self.waiting.len().saturating_sub(NAMED);
        let more = if more > 0 { format!("; and {more} more") } else { String::new() };
        format!("{} of {} objects are healthy; waiting for {}{more}", self.ready, self.total, named.join("; "))
    }
}

/// Judges a set of objects.
pub fn sum(targets: &[Target<'_>], now: Option<Timestamp>) -> Report {
    let mut report = Report { total: targets.len(), ..Report::default() };
    for target in targets {
        let (health, shown_by) = judge(target, now);
        if health.is_ready() {
            report.ready += 1;
            continue;
        }
        if health.is_lasting_failure() && report.failure.is_none() {
            report.failure = Some(Failure { reference: target.reference.clone(), shown_by, health: health.clone() });
        }
        report.waiting.push(Waiting { reference: target.reference.clone(), health });
    }
    report
}

/// One object, explained by what belongs to it.
fn judge(target: &Target<'_>, now: Option<Timestamp>) -> (Health, Option<ObjectRef>) {
    let Some(live) = target.live else {
        return (Health::progressing("NotFound", "it does not exist"), None);
    };
    let own = assess(live, now);
    if own.is_ready() || own.reason == "LatestGenerationNotObserved" || own.reason == "Terminating" {
        return (own, None);
    }
    let Some((pod, trouble)) = worst(target, live, now) else { return (own, None) };
    if own.is_lasting_failure() {
        // The object's verdict stands; its pod says why.
        let message = format!("{}; {pod}: {}", own.message, trouble.message);
        return (Health { message, ..own }, Some(pod));
    }
    let health = Health { message: format!("{}; {}", own.message, trouble.message), ..trouble };
    (health, Some(pod))
}

/// The gravest trouble among the pods of the object's present revision.
fn worst(target: &Target<'_>, live: &Value, now: Option<Timestamp>) -> Option<(ObjectRef, Health)> {
    let kind = live["kind"].as_str().unwrap_or_default();
    let mut troubles: Vec<(ObjectRef, Health)> = pods_of(live, target.dependents)
        .into_iter()
        .filter(|pod| pod.pointer("/metadata/deletionTimestamp").is_none())
        .filter_map(|pod| Some((ObjectRef::of(pod), trouble_of(kind, pod, now)?)))
        .collect();
    troubles.sort_by(|a, b| (!a.1.is_lasting_failure(), &a.0).cmp(&(!b.1.is_lasting_failure(), &b.0)));
    troubles.into_iter().next()
}

fn trouble_of(kind: &str, pod: &Value, now: Option<Timestamp>) -> Option<Health> {
    let health = match pod["status"]["phase"].as_str() {
        Some("Failed") => assess(pod, now),
        Some("Succeeded") => return None,
        _ => super::pod::trouble(&super::read::Reader::new(pod, now)).or_else(|| {
            let health = assess(pod, now);
            matches!(health.state, State::Failed { .. }).then_some(health)
        })?,
    };
    // How often a Job's pods may fail is for its backoffLimit to say, and a failed pod of a controller is replaced.
    let retried = health.reason == "CrashLoopBackOff" && kind == "Job" || pod["status"]["phase"] == "Failed";
    Some(if retried { Health { state: State::Failed { lasting: false }, ..health } } else { health })
}

/// The pods that run the present revision: those of older ones fail, or linger, without meaning anything for this release.
fn pods_of<'a>(live: &Value, dependents: &[&'a Value]) -> Vec<&'a Value> {
    let pods = dependents.iter().copied().filter(|object| object["kind"] == "Pod");
    let labelled = |key: &str, value: Option<&str>| {
        let (key, value) = (key.to_owned(), value.map(str::to_owned));
        pods.clone().filter(|pod| value.is_none() || label(pod, &key) == value.as_deref()).collect()
    };
    match live["kind"].as_str().unwrap_or_default() {
        "Deployment" => {
            let set = current_set(live, dependents);
            pods.filter(|pod| set.as_deref().is_none_or(|set| owned_by(pod, "ReplicaSet", set))).collect()
        }
        "StatefulSet" => labelled("controller-revision-hash", live["status"]["updateRevision"].as_str()),
        "DaemonSet" => labelled("pod-template-generation", annotation(live, "deprecated.daemonset.template.generation")),
        _ => pods.collect(),
    }
}

/// The name of a Deployment's newest ReplicaSet: by its revision annotation, else as the Deployment's own condition names it.
fn current_set(deployment: &Value, dependents: &[&Value]) -> Option<String> {
    const REVISION: &str = "deployment.kubernetes.io/revision";
    let revision = annotation(deployment, REVISION);
    let by_revision = dependents
        .iter()
        .find(|object| object["kind"] == "ReplicaSet" && revision.is_some() && annotation(object, REVISION) == revision)
        .and_then(|set| set["metadata"]["name"].as_str());
    let by_condition = || {
        let progress = super::read::Reader::new(deployment, None).condition("Progressing")?;
        progress.message.strip_prefix("ReplicaSet \"").or_else(|| progress.message.strip_prefix("Created new replica set \""))?.split('"').next()
    };
    by_revision.or_else(by_condition).map(str::to_owned)
}

fn owned_by(object: &Value, kind: &str, name: &str) -> bool {
    object["metadata"]["ownerReferences"].as_array().into_iter().flatten().any(|owner| owner["kind"] == kind && owner["name"] == name)
}
