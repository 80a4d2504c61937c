//! What somebody changed on a live object: which fields, by which manager, when.

use super::{fields::{self, Step}, normalize::normalize};
use crate::object::ownership::FIELD_MANAGER;
use serde_json::Value;
use std::collections::BTreeSet;

/// How many fields a sentence names; what goes beyond is counted.
const MAX_NAMED: usize = 5;
/// How many differing fields are looked for.
const MAX_FOUND: usize = 1000;

/// One field that is not as released.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Difference {
    /// Its path, as `spec.template.spec.containers[app].image`: never its value, which may be a secret.
    pub path: String,
    /// Who holds it on the live object; `None` where nobody does (it was taken away).
    pub manager: Option<String>,
    /// Since when, as the server says.
    pub time: Option<String>,
}

/// The fields in which `live` differs from what a dry-run apply of the release would make of it.
pub fn differences(live: &Value, released: &Value) -> Vec<Difference> {
    let mut paths = Vec::new();
    walk(&normalize(live), &normalize(released), &mut Vec::new(), &mut paths);
    let holders = holders(live);
    let mut found: Vec<Difference> = paths
        .into_iter()
        .map(|path| {
            // The latest who holds the field, something in it, or what it stands in.
            let held = |(own, _, _): &&(fields::Path, String, String)| own.starts_with(&path) || path.starts_with(own);
            let holder = holders.iter().filter(held).max_by(|a, b| a.2.cmp(&b.2));
            Difference {
                path: shown(live, released, &path),
                manager: holder.map(|(_, manager, _)| manager.clone()),
                time: holder.map(|(_, _, time)| time.clone()),
            }
        })
        .collect();
    found.sort();
    found.dedup();
    found
}

/// A sentence for people: `was changed: spec.replicas by kubectl at 2026-01-01T10:00:00Z`. The server notes no time of what goes
/// through the subresource `scale` (`kubectl scale`), nor of what was taken away: there `seen` says when it was found.
pub fn sentence(differences: &[Difference], seen: &str) -> String {
    let one = |difference: &Difference| match (&difference.manager, &difference.time) {
        (Some(manager), Some(time)) if !time.is_empty() => format!("{} by {manager} at {time}", difference.path),
        (Some(manager), _) => format!("{} by {manager}, seen at {seen}", difference.path),
        (None, _) => format!("{} was taken away, seen at {seen}", difference.path),
    };
    let mut text: Vec<String> = differences.iter().take(MAX_NAMED).map(one).collect();
    if differences.len() > MAX_NAMED {
        text.push(format!("and {} fields more", differences.len() - MAX_NAMED));
    }
    match text.is_empty() {
        true => "was changed".to_owned(),
        false => format!("was changed: {}", text.join(", ")),
    }
}

/// The managers that were involved, each once.
pub fn managers(differences: &[Difference]) -> Vec<String> {
    let names: BTreeSet<&String> = differences.iter().filter_map(|difference| difference.manager.as_ref()).collect();
    names.into_iter().cloned().collect()
}

/// Who but us holds which field, and since when.
fn holders(live: &Value) -> Vec<(fields::Path, String, String)> {
    let entries = live["metadata"]["managedFields"].as_array().into_iter().flatten();
    let others = entries.filter(|entry| !(entry["manager"] == FIELD_MANAGER && entry["operation"] == "Apply"));
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    others.flat_map(|entry| fields::leaves(&entry["fieldsV1"], live).into_iter().map(|path| (path, text(&entry["manager"]), text(&entry["time"])))).collect()
}

/// Recursion is bounded by the objects' own depth, which their parsers bounded.
fn walk(live: &Value, released: &Value, path: &mut fields::Path, found: &mut Vec<fields::Path>) {
    if live == released || found.len() >= MAX_FOUND {
        return;
    }
    match (live, released) {
        (Value::Object(here), Value::Object(there)) => {
            let keys: BTreeSet<&String> = here.keys().chain(there.keys()).collect();
            for key in keys {
                path.push(Step::Key(key.clone()));
                walk(here.get(key).unwrap_or(&Value::Null), there.get(key).unwrap_or(&Value::Null), path, found);
                path.pop();
            }
        }
        (Value::Array(here), Value::Array(there)) if here.len() == there.len() => {
            for (at, (here, there)) in here.iter().zip(there).enumerate() {
                path.push(Step::Index(at));
                walk(here, there, path, found);
                path.pop();
            }
        }
        _ => found.push(path.clone()),
    }
}

/// The path for people; list items by their name where they have one.
fn shown(live: &Value, released: &Value, path: &[Step]) -> String {
    let mut text = String::new();
    let (mut live, mut released) = (Some(live), Some(released));
    for step in path {
        match step {
            Step::Key(key) => {
                (live, released) = (live.and_then(|value| value.get(key)), released.and_then(|value| value.get(key)));
                if key.contains(['.', '/']) {
                    text.push_str(&format!("[{key}]"));
                } else {
                    text.push_str(if text.is_empty() { "" } else { "." });
                    text.push_str(key);
                }
            }
            Step::Index(at) => {
                (live, released) = (live.and_then(|value| value.get(at)), released.and_then(|value| value.get(at)));
                let name = live.or(released).and_then(|item| item.get("name")).and_then(Value::as_str);
                text.push_str(&name.map_or_else(|| format!("[{at}]"), |name| format!("[{name}]")));
            }
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn a_change_is_named_with_field_manager_and_time() {
        let released = json!({
            "kind": "Deployment", "metadata": {"name": "web"},
            "spec": {"replicas": 2, "template": {"spec": {"containers": [{"name": "app", "image": "app:1"}]}}},
        });
        let mut live = released.clone();
        live["spec"]["replicas"] = json!(5);
        live["spec"]["template"]["spec"]["containers"][0]["image"] = json!("app:2");
        live["metadata"]["managedFields"] = json!([
            {"manager": "helm", "operation": "Apply", "time": "2026-01-01T09:00:00Z", "fieldsV1": {"f:spec": {"f:replicas": {}}}},
            {"manager": "kubectl", "operation": "Update", "subresource": "scale", "time": "2026-01-01T10:00:00Z", "fieldsV1": {"f:spec": {"f:replicas": {}}}},
            {"manager": "kubectl-set", "operation": "Update", "time": "2026-01-01T11:00:00Z",
                "fieldsV1": {"f:spec": {"f:template": {"f:spec": {"f:containers": {"k:{\"name\":\"app\"}": {"f:image": {}}}}}}}},
        ]);
        let found = differences(&live, &released);
        assert_eq!(
            sentence(&found, "now"),
            "was changed: spec.replicas by kubectl at 2026-01-01T10:00:00Z, spec.template.spec.containers[app].image by kubectl-set at 2026-01-01T11:00:00Z"
        );
        assert_eq!(managers(&found), ["kubectl", "kubectl-set"]);
        live["metadata"]["managedFields"].as_array_mut().unwrap().pop();
        live["metadata"]["managedFields"][1].as_object_mut().unwrap().remove("time");
        live["spec"]["template"] = released["spec"]["template"].clone();
        assert_eq!(sentence(&differences(&live, &released), "2026-01-02T00:00:00Z"), "was changed: spec.replicas by kubectl, seen at 2026-01-02T00:00:00Z");
    }

    #[test]
    fn what_was_taken_away_is_held_by_nobody() {
        let released = json!({"kind": "ConfigMap", "metadata": {"labels": {"app.kubernetes.io/name": "web"}}, "data": {"a": "1"}});
        let live = json!({"kind": "ConfigMap", "metadata": {"labels": {}}, "data": {"a": "1"}});
        assert_eq!(sentence(&differences(&live, &released), "now"), "was changed: metadata.labels[app.kubernetes.io/name] was taken away, seen at now");
    }
}
