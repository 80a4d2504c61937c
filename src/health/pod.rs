//! Pods: what their containers say, quoted.

use super::{
    Health,
    read::{Reader, because, quote},
};
use serde_json::Value;

/// A pod that cannot be placed may be a matter of seconds; kstatus gives it as many (`ScheduleWindow`).
const SCHEDULE_PATIENCE: i64 = 15;
/// Seconds after which a missing ConfigMap or Secret, or a container that cannot be made, will not come right by itself:
/// they may be applied after the pod.
const CONFIG_PATIENCE: i64 = 30;
/// Seconds that a registry has to answer, where it has not said that the image is not there.
const PULL_PATIENCE: i64 = 120;
/// Crashes after which a container is not merely waiting for something else to start.
const CRASHES: i64 = 3;
/// A registry's words for an image that will not appear by waiting.
const NO_SUCH_IMAGE: [&str; 8] = [
    "not found",
    "manifest unknown",
    "does not exist",
    "unauthorized",
    "denied",
    "insufficient_scope",
    "no match for platform",
    "invalid reference",
];

/// Pods by phase, readiness and their containers' troubles.
pub(super) fn pod(read: &Reader<'_>) -> Health {
    match read.text("/status/phase").unwrap_or_default() {
        "Succeeded" => Health::healthy("it has done its work"),
        "Failed" => failed(read),
        phase => {
            if read.condition_is("Ready", "True").is_some() {
                return Health::healthy("it is ready");
            }
            if let Some(trouble) = trouble(read) {
                return trouble;
            }
            unready(read, phase)
        }
    }
}

fn failed(read: &Reader<'_>) -> Health {
    let ends: Vec<String> = statuses(read).filter_map(|status| ended(&status["name"], &status["state"]["terminated"])).collect();
    let reason = read.text("/status/reason").unwrap_or("PodFailed");
    let own = because(read.text("/status/message").unwrap_or_default());
    let how = if ends.is_empty() { own } else { format!(": {}", ends.join("; ")) };
    Health::failed(true, reason, format!("it failed{how}"))
}

fn unready(read: &Reader<'_>, phase: &str) -> Health {
    let scheduled = read.condition_is("PodScheduled", "False");
    if let Some(condition) = scheduled {
        let words = because(condition.message);
        return match condition.reason {
            "SchedulingGated" => Health::progressing("SchedulingGated", format!("its scheduling gates hold it back{words}")),
            "Unschedulable" if read.older_than("/metadata/creationTimestamp", SCHEDULE_PATIENCE) == Some(true) => {
                Health::failed(false, "Unschedulable", format!("no node takes it{words}"))
            }
            _ => Health::progressing("PodNotScheduled", format!("it has no node yet{words}")),
        };
    }
    let waiting: Vec<&str> =
        statuses(read).filter(|status| status["ready"] != true).filter_map(|status| status["name"].as_str()).collect();
    match (phase, waiting.is_empty()) {
        ("", _) => Health::progressing("PodNotObserved", "its node has not seen it yet"),
        ("Pending", _) => Health::progressing("PodPending", "its containers have not started yet"),
        (_, false) => Health::progressing("PodNotReady", format!("it runs, but is not ready (containers {})", waiting.join(", "))),
        (_, true) => {
            let gates = read.condition("Ready").map(|condition| because(condition.message)).unwrap_or_default();
            Health::progressing("PodNotReady", format!("it runs, but is not ready{gates}"))
        }
    }
}

fn statuses<'a>(read: &Reader<'a>) -> impl Iterator<Item = &'a Value> + use<'a> {
    read.list("/status/initContainerStatuses").chain(read.list("/status/containerStatuses"))
}

/// The gravest trouble of any container: a lasting one before one that may pass.
pub(super) fn trouble(read: &Reader<'_>) -> Option<Health> {
    let mut troubles: Vec<Health> = statuses(read).filter_map(|status| of_container(read, status)).collect();
    troubles.sort_by_key(|health| !health.is_lasting_failure());
    troubles.into_iter().next()
}

fn of_container(read: &Reader<'_>, status: &Value) -> Option<Health> {
    let waiting = &status["state"]["waiting"];
    let (reason, said) = (waiting["reason"].as_str()?, waiting["message"].as_str().unwrap_or_default());
    let name = status["name"].as_str().unwrap_or_default();
    let image = status["image"].as_str().unwrap_or_default();
    let waited = |seconds| read.older_than("/metadata/creationTimestamp", seconds) == Some(true);
    let words = because(said);
    match reason {
        "InvalidImageName" | "ErrImageNeverPull" => {
            Some(Health::failed(true, reason, format!("container {name} cannot use the image {image:?}{words}")))
        }
        "ImagePullBackOff" | "ErrImagePull" | "ImageInspectError" | "RegistryUnavailable" | "SignatureValidationFailed" => {
            let refused = NO_SUCH_IMAGE.iter().any(|phrase| said.to_lowercase().contains(phrase));
            // ErrImagePull is the first try; a back-off means that more than one failed.
            let lasting = refused && reason == "ImagePullBackOff" || waited(PULL_PATIENCE);
            Some(Health::failed(lasting, reason, format!("container {name} cannot pull its image {image:?}{words}")))
        }
        "CrashLoopBackOff" => {
            let restarts = status["restartCount"].as_i64().unwrap_or_default();
            let last = ended(&status["name"], &status["lastState"]["terminated"]).unwrap_or(format!("container {name} crashed"));
            let times = if restarts == 1 { "once".to_owned() } else { format!("{restarts} times") };
            Some(Health::failed(restarts >= CRASHES, reason, format!("{last}; it was restarted {times}")))
        }
        "CreateContainerConfigError" | "CreateContainerError" | "RunContainerError" | "PreCreateHookError" | "PreStartHookError"
        | "PostStartHookError" => {
            Some(Health::failed(waited(CONFIG_PATIENCE), reason, format!("container {name} cannot be started{words}")))
        }
        _ => None,
    }
}

/// How a container ended, where it did and not well: `container web ended with exit code 1 (Error), saying "boom"`.
fn ended(name: &Value, terminated: &Value) -> Option<String> {
    let code = terminated["exitCode"].as_i64().filter(|code| *code != 0)?;
    let reason = terminated["reason"].as_str().map(|reason| format!(" ({reason})")).unwrap_or_default();
    let said = quote(terminated["message"].as_str().unwrap_or_default());
    let said = if said.is_empty() { said } else { format!(", saying {said:?}") };
    Some(format!("container {} ended with exit code {code}{reason}{said}", name.as_str().unwrap_or_default()))
}
