//! What is taken out before a live object and a dry run's result are compared: the server's own bookkeeping.

use serde_json::{Map, Value};

/// Fields of `metadata` that the API server alone writes.
const BOOKKEEPING: [&str; 8] = [
    "managedFields",
    "resourceVersion",
    "generation",
    "uid",
    "creationTimestamp",
    "selfLink",
    "deletionTimestamp",
    "deletionGracePeriodSeconds",
];

/// The object without `status` and without what the server writes into `metadata`; `creationTimestamp: null` goes from pod
/// templates, too, where Go's encoder leaves it.
pub fn normalize(object: &Value) -> Value {
    let Some(fields) = object.as_object() else { return object.clone() };
    let mut kept = Map::new();
    for (key, value) in fields {
        match (key.as_str(), value) {
            ("status", _) => {}
            ("metadata", Value::Object(meta)) => {
                let meta = meta.iter().filter(|(key, _)| !BOOKKEEPING.contains(&key.as_str()));
                kept.insert(key.clone(), Value::Object(meta.map(|(key, value)| (key.clone(), value.clone())).collect()));
            }
            _ => {
                let mut value = value.clone();
                drop_null_timestamps(&mut value);
                kept.insert(key.clone(), value);
            }
        }
    }
    Value::Object(kept)
}

/// Objects come from parsers that bound their depth, so the recursion is bounded as well.
fn drop_null_timestamps(value: &mut Value) {
    match value {
        Value::Object(map) => {
            if let Some(Value::Object(meta)) = map.get_mut("metadata")
                && meta.get("creationTimestamp") == Some(&Value::Null)
            {
                meta.remove("creationTimestamp");
            }
            map.values_mut().for_each(drop_null_timestamps);
        }
        Value::Array(list) => list.iter_mut().for_each(drop_null_timestamps),
        _ => {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn only_what_the_server_writes_goes() {
        let live = json!({
            "apiVersion": "apps/v1", "kind": "Deployment",
            "metadata": {"name": "web", "uid": "1", "resourceVersion": "2", "generation": 3, "creationTimestamp": "2026-01-01T00:00:00Z",
                "managedFields": [], "labels": {"a": "b"}, "finalizers": ["x"]},
            "spec": {"template": {"metadata": {"creationTimestamp": null, "labels": {"a": "b"}}}},
            "status": {"replicas": 1},
        });
        assert_eq!(
            normalize(&live),
            json!({
                "apiVersion": "apps/v1", "kind": "Deployment",
                "metadata": {"name": "web", "labels": {"a": "b"}, "finalizers": ["x"]},
                "spec": {"template": {"metadata": {"labels": {"a": "b"}}}},
            })
        );
    }
}
