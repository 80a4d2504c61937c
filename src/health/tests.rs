//! Health against kstatus, and the sentences that people read.

use super::*;
use crate::object::ObjectRef;
use serde_json::{Value, json};

fn later() -> Option<Timestamp> {
    Some("2026-11-01T00:00:00Z".parse().unwrap())
}

/// Where we differ from kstatus, and why.
const DIFFERENCES: &[(&str, &str, &str)] = &[
    ("argo-job-running", "Progressing", "a Job at work is waited for"),
    ("kstatus-jobInProgress", "Progressing", "a Job at work is waited for"),
    ("argo-job-suspended", "Suspended", "somebody paused it: nothing to wait for"),
    ("argo-deployment-suspended", "Suspended", "somebody paused it: nothing to wait for"),
    ("argo-svc-loadbalancer-unassigned", "Progressing", "a load balancer without an address serves nobody"),
    ("kstatus-serviceLBok", "Progressing", "a load balancer without an address serves nobody"),
    ("argo-apiservice-v1-false", "Progressing", "an aggregated API that does not answer breaks discovery for all"),
    ("argo-apiservice-v1beta1-false", "Progressing", "an aggregated API that does not answer breaks discovery for all"),
    ("argo-hpa-v2-degraded", "Failed", "an autoscaler that cannot reach its target"),
    ("argo-pod-failed", "Failed", "a pod that ended badly is no success"),
    ("kstatus-podCompletedFail", "Failed", "a pod that ended badly is no success"),
    ("argo-daemonset-ondelete", "Current", "nobody but a person updates its pods, as with a StatefulSet"),
    ("argo-pod-imagepullbackoff", "Failed", "its container says why it will not start"),
    ("kstatus-rsReplicaFailure", "Failed", "its pods are refused; it may pass, so it is no lasting failure"),
];

fn word(health: &Health) -> &'static str {
    match health.state {
        State::Healthy => "Current",
        State::Progressing => "Progressing",
        State::Failed { .. } => "Failed",
        State::Unknown => "Unknown",
        State::Suspended => "Suspended",
    }
}

#[test]
fn verdicts_are_kstatuss_but_for_the_differences_listed() {
    let path = format!("{}/tests/cases/health/objects.json", env!("CARGO_MANIFEST_DIR"));
    let cases: Vec<Value> = serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap();
    assert!(cases.len() >= 100);
    let mut wrong = Vec::new();
    for case in &cases {
        let name = case["name"].as_str().unwrap();
        let health = assess(&case["object"], later());
        let kstatus = match case["kstatus"].as_str().unwrap() {
            "InProgress" | "Terminating" => "Progressing",
            other => other,
        };
        let expected = DIFFERENCES.iter().find(|(of, _, _)| *of == name).map_or(kstatus, |(_, ours, _)| *ours);
        assert!(DIFFERENCES.iter().all(|(of, ours, _)| *of != name || *ours != kstatus), "{name} is no difference");
        assert!(!health.message.is_empty() && !health.reason.is_empty());
        if word(&health) != expected {
            wrong.push(format!("{name}: {expected} expected, {health:?}"));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    for (name, _, _) in DIFFERENCES {
        assert!(cases.iter().any(|case| case["name"] == *name), "{name} is no case");
    }
}

fn pod(name: &str, owner: (&str, &str), status: Value) -> Value {
    json!({"apiVersion": "v1", "kind": "Pod", "status": status, "metadata": {
        "name": name, "namespace": "shop", "creationTimestamp": "2026-10-31T23:59:50Z",
        "ownerReferences": [{"kind": owner.0, "name": owner.1}],
    }})
}

fn waiting(reason: &str, message: &str, restarts: u32) -> Value {
    json!({"phase": "Pending", "containerStatuses": [{
        "name": "web", "image": "shop:9", "restartCount": restarts,
        "state": {"waiting": {"reason": reason, "message": message}},
        "lastState": {"terminated": {"exitCode": 1, "reason": "Error", "message": "panic: no\n\tdatabase"}},
    }]})
}

#[test]
fn pods_say_what_is_wrong_in_their_own_words() {
    let judge = |status| assess(&pod("web-1", ("ReplicaSet", "web-a"), status), later());
    let pull = judge(waiting("ImagePullBackOff", "Back-off pulling image \"shop:9\": ErrImagePull: shop:9: not found", 0));
    assert_eq!(pull.state, State::Failed { lasting: true });
    assert_eq!(
        pull.message,
        "container web cannot pull its image \"shop:9\": Back-off pulling image \"shop:9\": ErrImagePull: shop:9: not found"
    );
    let slow = judge(waiting("ImagePullBackOff", "dial tcp: i/o timeout", 0));
    assert_eq!(slow.state, State::Failed { lasting: false });
    let crash = judge(waiting("CrashLoopBackOff", "back-off 10s", 1));
    assert_eq!(crash.state, State::Failed { lasting: false });
    assert_eq!(crash.message, "container web ended with exit code 1 (Error), saying \"panic: no database\"; it was restarted once");
    assert!(judge(waiting("CrashLoopBackOff", "back-off 40s", 3)).is_lasting_failure());
    // Ten seconds old: the Secret may still come. Later it will not.
    let config = waiting("CreateContainerConfigError", "secret \"db\" not found", 0);
    assert_eq!(judge(config.clone()).state, State::Failed { lasting: false });
    let old = assess(&pod("web-1", ("ReplicaSet", "web-a"), config), Some("2026-11-01T00:01:00Z".parse().unwrap()));
    assert!(old.is_lasting_failure());
    assert_eq!(old.message, "container web cannot be started: secret \"db\" not found");
}

fn deployment() -> Value {
    json!({
        "apiVersion": "apps/v1", "kind": "Deployment",
        "metadata": {"name": "web", "namespace": "shop", "generation": 2, "annotations": {"deployment.kubernetes.io/revision": "2"}},
        "spec": {"replicas": 2, "progressDeadlineSeconds": 600},
        "status": {"observedGeneration": 2, "replicas": 3, "updatedReplicas": 1, "availableReplicas": 2, "readyReplicas": 2,
            "conditions": [{"type": "Progressing", "status": "True", "reason": "ReplicaSetUpdated", "message": "ReplicaSet \"web-new\" is progressing."}]},
    })
}

fn replica_set(name: &str, revision: &str) -> Value {
    json!({"apiVersion": "apps/v1", "kind": "ReplicaSet", "metadata": {"name": name, "namespace": "shop",
        "annotations": {"deployment.kubernetes.io/revision": revision}}})
}

fn judged(live: &Value, dependents: &[&Value]) -> Report {
    let reference = ObjectRef::of(live);
    sum(&[Target { reference: &reference, live: Some(live), dependents }], later())
}

#[test]
fn the_first_lasting_failure_of_the_new_pods_ends_the_wait() {
    let live = deployment();
    let (old, new) = (replica_set("web-old", "1"), replica_set("web-new", "2"));
    let broken = waiting("CrashLoopBackOff", "", 4);
    let of_old = pod("web-old-1", ("ReplicaSet", "web-old"), broken.clone());
    let of_new = pod("web-new-1", ("ReplicaSet", "web-new"), broken);
    for sets in [vec![&old, &new], vec![]] {
        let with = |pods: &[&'static str]| {
            let mut all = sets.clone();
            all.extend(pods.iter().map(|name| if *name == "old" { &of_old } else { &of_new }));
            judged(&live, &all)
        };
        let report = with(&["old"]);
        assert_eq!(report.failure, None, "an old pod's failure means nothing");
        assert_eq!(report.summary(), "0 of 1 objects are healthy; waiting for Deployment shop/web: 1 of 2 pods are updated");
        let report = with(&["old", "new"]);
        let failure = report.failure.clone().unwrap();
        assert_eq!(failure.shown_by.unwrap().to_string(), "Pod shop/web-new-1");
        assert_eq!(
            report.summary(),
            "Deployment shop/web (Pod shop/web-new-1): 1 of 2 pods are updated; container web ended with exit code 1 (Error), saying \"panic: no database\"; it was restarted 4 times"
        );
    }
}

#[test]
fn an_unseen_change_is_not_judged_by_the_old_pods() {
    let mut live = deployment();
    live["metadata"]["generation"] = 3.into();
    let new = pod("web-new-1", ("ReplicaSet", "web-new"), waiting("CrashLoopBackOff", "", 4));
    let report = judged(&live, &[&new]);
    assert_eq!(report.failure, None);
    assert_eq!(report.waiting[0].health.reason, "LatestGenerationNotObserved");
}

#[test]
fn a_jobs_crashes_are_for_its_backoff_limit_to_count() {
    let job = json!({"apiVersion": "batch/v1", "kind": "Job", "metadata": {"name": "check", "namespace": "shop"},
        "spec": {"completions": 1}, "status": {"startTime": "2026-10-31T23:59:00Z", "active": 1}});
    let crashing = pod("check-1", ("Job", "check"), waiting("CrashLoopBackOff", "", 9));
    assert_eq!(judged(&job, &[&crashing]).failure, None);
    let imageless = pod("check-1", ("Job", "check"), waiting("ImagePullBackOff", "not found", 0));
    assert!(judged(&job, &[&imageless]).failure.is_some());
    let mut failed = job.clone();
    failed["status"]["failed"] = 1.into();
    failed["status"]["conditions"] = json!([{"type": "Failed", "status": "True", "reason": "BackoffLimitExceeded", "message": "Job has reached the specified backoff limit"}]);
    let ended = pod("check-1", ("Job", "check"), json!({"phase": "Failed", "containerStatuses": [{"name": "check",
        "state": {"terminated": {"exitCode": 3, "reason": "Error", "message": "word: plover"}}}]}));
    let report = judged(&failed, &[&ended]);
    assert_eq!(
        report.summary(),
        "Job shop/check (Pod shop/check-1): it failed after 1 failed pods: Job has reached the specified backoff limit; Pod shop/check-1: it failed: container check ended with exit code 3 (Error), saying \"word: plover\""
    );
}

#[test]
fn what_is_gone_is_waited_for() {
    let reference = ObjectRef { name: "web".into(), ..ObjectRef::default() };
    let report = sum(&[Target { reference: &reference, live: None, dependents: &[] }], None);
    assert!(!report.is_healthy());
    assert_eq!(report.waiting[0].health.reason, "NotFound");
    assert_eq!(sum(&[], None).summary(), "all 0 objects are healthy");
}

#[test]
fn a_partition_holds_the_lower_pods_back() {
    let set = |updated: u32| {
        json!({"apiVersion": "apps/v1", "kind": "StatefulSet", "metadata": {"name": "db", "generation": 1},
            "spec": {"replicas": 3, "updateStrategy": {"type": "RollingUpdate", "rollingUpdate": {"partition": 1}}},
            "status": {"observedGeneration": 1, "replicas": 3, "readyReplicas": 3, "currentReplicas": 1, "updatedReplicas": updated,
                "currentRevision": "a", "updateRevision": "b"}})
    };
    assert_eq!(assess(&set(1), None).message, "1 of the 2 pods above the partition are updated");
    assert!(assess(&set(2), None).is_ready());
}

#[test]
fn a_child_environment_counts_by_its_ready() {
    let child = |status: Value, suspend: bool| json!({"apiVersion": "windlass.dev/v1alpha1", "kind": "Environment", "metadata": {"name": "e", "generation": 1}, "spec": {"suspend": suspend}, "status": status});
    assert_eq!(assess(&child(json!({}), false), None).state, State::Progressing);
    assert_eq!(assess(&child(json!({}), true), None).state, State::Suspended);
    let with = |kind: &str, status: &str| {
        json!({"observedGeneration": 1, "conditions": [{"type": kind, "status": status, "reason": "R", "message": "because"}]})
    };
    assert!(assess(&child(with("Ready", "True"), false), None).is_ready());
    assert!(assess(&child(with("Stalled", "True"), false), None).is_lasting_failure());
}
