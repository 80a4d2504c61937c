//! Stable digests of objects: the same content gives the same text on every machine and in every version of the agent.

use super::Object;
use serde_json::{Map, Value};
use sha2::{Digest, Sha256};

/// How deep an object may be nested before what is below is taken as its text; API servers refuse far less.
const MAX_DEPTH: usize = 512;

/// SHA-256 of an object's canonical JSON (keys sorted, no spaces), as 64 hexadecimal digits.
pub fn of_value(value: &Value) -> String {
    let mut hasher = Sha256::new();
    feed(&mut hasher, value, 0);
    hex(hasher)
}

/// The digest of a set of objects; their order and their sources do not matter.
pub fn of_set(objects: &[Object]) -> String {
    let mut each: Vec<(&super::ObjectRef, String)> = objects.iter().map(|o| (&o.reference, of_value(&o.json))).collect();
    each.sort();
    let mut hasher = Sha256::new();
    for (reference, digest) in each {
        hasher.update(format!("{}\0{reference}\0{digest}\n", reference.gvk.api_version()));
    }
    hex(hasher)
}

/// A live object's digest without what changes by itself: `status` and the bookkeeping of `metadata`. A watch event whose
/// fingerprint is the known one carries no drift, and asks nothing of the API server.
pub fn drift_fingerprint(live: &Value) -> String {
    const BOOKKEEPING: [&str; 4] = ["resourceVersion", "generation", "managedFields", "selfLink"];
    /// Annotations in which controllers of Kubernetes itself keep notes.
    const NOTES: [&str; 7] = [
        "deployment.kubernetes.io/revision", "deprecated.daemonset.template.generation", "pv.kubernetes.io/bind-completed",
        "pv.kubernetes.io/bound-by-controller", "volume.kubernetes.io/selected-node", "volume.kubernetes.io/storage-provisioner",
        "volume.beta.kubernetes.io/storage-provisioner",
    ];
    let annotations = |all: &Map<String, Value>| -> Map<String, Value> {
        all.iter().filter(|(key, _)| !NOTES.contains(&key.as_str())).map(|(key, value)| (key.clone(), value.clone())).collect()
    };
    let Some(fields) = live.as_object() else { return of_value(live) };
    let mut kept = Map::new();
    for (key, value) in fields.iter().filter(|(key, _)| key.as_str() != "status") {
        let value = match (key.as_str(), value) {
            ("metadata", Value::Object(meta)) => {
                let mut meta: Map<String, Value> =
                    meta.iter().filter(|(k, _)| !BOOKKEEPING.contains(&k.as_str())).map(|(k, v)| (k.clone(), v.clone())).collect();
                if let Some(Value::Object(all)) = meta.remove("annotations") {
                    let left = annotations(&all);
                    if !left.is_empty() {
                        meta.insert("annotations".into(), Value::Object(left));
                    }
                }
                Value::Object(meta)
            }
            _ => value.clone(),
        };
        kept.insert(key.clone(), value);
    }
    of_value(&Value::Object(kept))
}

/// Feeds canonical JSON. Written out here so that no feature of `serde_json` (key order, number form) can change it.
fn feed(hasher: &mut Sha256, value: &Value, depth: usize) {
    match value {
        Value::Object(map) if depth < MAX_DEPTH => {
            let mut keys: Vec<&String> = map.keys().collect();
            keys.sort();
            hasher.update(b"{");
            for key in keys {
                hasher.update(Value::String(key.clone()).to_string());
                hasher.update(b":");
                feed(hasher, &map[key], depth + 1);
                hasher.update(b",");
            }
            hasher.update(b"}");
        }
        Value::Array(list) if depth < MAX_DEPTH => {
            hasher.update(b"[");
            for item in list {
                feed(hasher, item, depth + 1);
                hasher.update(b",");
            }
            hasher.update(b"]");
        }
        _ => hasher.update(value.to_string()),
    }
}

fn hex(hasher: Sha256) -> String {
    hasher.finalize().iter().map(|byte| format!("{byte:02x}")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn status_and_bookkeeping_do_not_show_in_the_fingerprint() {
        let before = json!({"kind": "Deployment", "metadata": {"name": "web", "resourceVersion": "1", "generation": 1}, "spec": {"replicas": 1}});
        let mut after = before.clone();
        after["metadata"]["resourceVersion"] = "2".into();
        after["metadata"]["generation"] = 2.into();
        after["metadata"]["managedFields"] = json!([{"manager": "x"}]);
        after["status"] = json!({"replicas": 1});
        assert_eq!(drift_fingerprint(&before), drift_fingerprint(&after));
        after["metadata"]["annotations"] = json!({"deployment.kubernetes.io/revision": "2"});
        assert_eq!(drift_fingerprint(&before), drift_fingerprint(&after));
        after["metadata"]["annotations"]["by"] = "hand".into();
        assert_ne!(drift_fingerprint(&before), drift_fingerprint(&after));
        after["metadata"]["annotations"] = json!({});
        after["spec"]["replicas"] = 2.into();
        assert_ne!(drift_fingerprint(&before), drift_fingerprint(&after));
        let mut labelled = before.clone();
        labelled["metadata"]["labels"] = json!({"by": "hand"});
        assert_ne!(drift_fingerprint(&before), drift_fingerprint(&labelled));
    }

    #[test]
    fn a_sets_digest_knows_no_order() {
        let a = Object::new(json!({"kind": "A", "metadata": {"name": "a"}}), None);
        let b = Object::new(json!({"kind": "B", "metadata": {"name": "b"}}), Some("x.yaml".into()));
        assert_eq!(of_set(&[a.clone(), b.clone()]), of_set(&[b.clone(), a.clone()]));
        assert_ne!(of_set(std::slice::from_ref(&a)), of_set(&[a, b]));
    }
}
