//! Labels and annotations on everything.

use super::keys;
use serde_json::{Map, Value, json};
use std::collections::BTreeMap;

/// Labels of the object itself, as kustomize's `labels` without selectors.
pub(super) fn labels(object: &mut Value, pairs: &BTreeMap<String, String>) {
    put(&mut object["metadata"], "labels", pairs);
}

/// Annotations of the object and of the Pods (and Jobs) that it makes, as kustomize's `commonAnnotations`.
pub(super) fn annotations(object: &mut Value, pairs: &BTreeMap<String, String>) {
    if pairs.is_empty() {
        return;
    }
    put(&mut object["metadata"], "annotations", pairs);
    let Some(path) = keys::pod_path(object) else { return };
    let is_cron = object["kind"] == "CronJob";
    let (_, template) = path.split_last().expect("every path ends with the Pod's spec");
    let mut below = &mut *object;
    for (at, key) in template.iter().enumerate() {
        let Some(next) = below.get_mut(*key) else { return };
        below = next;
        // The Job that a CronJob makes is annotated, too.
        if is_cron && at == 1 {
            put(&mut below["metadata"], "annotations", pairs);
        }
    }
    if !template.is_empty() {
        put(&mut below["metadata"], "annotations", pairs);
    }
}

fn put(meta: &mut Value, map: &str, pairs: &BTreeMap<String, String>) {
    if pairs.is_empty() {
        return;
    }
    if !meta.is_object() {
        *meta = json!({});
    }
    if !meta[map].is_object() {
        meta[map] = Value::Object(Map::new());
    }
    for (key, value) in pairs {
        meta[map][key] = json!(value);
    }
}
