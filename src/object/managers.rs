//! Whose fields are whose: entries of `metadata.managedFields` that an earlier tool left, moved to ours, as
//! `csaupgrade.UpgradeManagedFields` in client-go moves them (helm 4 uses it on what helm 3 made).
//!
//! Without that, a field that the earlier tool set and the chart has no more would stay for ever, and one whose value changes
//! would be a conflict.

use super::ownership::FIELD_MANAGER;
use serde_json::{Map, Value, json};

/// What helm 3 and helm 4's client-side apply write as: taken over wherever the release is ours.
const HELM: &[&str] = &[FIELD_MANAGER];
/// What `kubectl apply` and `kubectl create` write as: taken over where objects are adopted.
const KUBECTL: &[&str] = &["kubectl-client-side-apply", "kubectl", "kubectl-create"];

/// How deep `fieldsV1` is followed; objects are refused at a lesser depth.
const MAX_DEPTH: usize = 512;

/// What windlass itself applied objects by before it took helm's name.
const OURS_BEFORE: &str = "windlass";

/// Whether a manager of this name is one whose fields are taken over.
pub fn is_earlier(manager: &str, adopting: bool) -> bool {
    HELM.contains(&manager) || manager == OURS_BEFORE || adopting && KUBECTL.contains(&manager)
}

/// Whether fields of the object are managed by an earlier tool, for us to take over.
pub fn left_over(live: &Value, adopting: bool) -> bool {
    entries(live).any(|entry| earlier(entry, adopting))
}

/// The object's `managedFields` with what earlier tools held moved to our own entry; `None` where there is nothing to move.
pub fn taken_over(live: &Value, adopting: bool) -> Option<Value> {
    if !left_over(live, adopting) {
        return None;
    }
    let mut ours = entries(live).find(|entry| is_ours(entry)).cloned();
    let mut others = Vec::new();
    for entry in entries(live).filter(|entry| !is_ours(entry)) {
        if !earlier(entry, adopting) {
            others.push(entry.clone());
            continue;
        }
        match &mut ours {
            None => {
                let mut first = entry.clone();
                first["manager"] = json!(FIELD_MANAGER);
                first["operation"] = json!("Apply");
                ours = Some(first);
            }
            // Field paths of another version of the API may mean other places: client-go drops them, too.
            Some(ours) if ours["apiVersion"] == entry["apiVersion"] => {
                let mut joined = ours["fieldsV1"].take();
                join(&mut joined, &entry["fieldsV1"], 0);
                ours["fieldsV1"] = joined;
            }
            Some(_) => {}
        }
    }
    others.extend(ours);
    Some(Value::Array(others))
}

fn entries(live: &Value) -> impl Iterator<Item = &Value> {
    live["metadata"]["managedFields"].as_array().into_iter().flatten()
}

fn is_ours(entry: &Value) -> bool {
    entry["manager"] == FIELD_MANAGER && entry["operation"] == "Apply" && entry["subresource"].as_str().unwrap_or_default().is_empty()
}

fn earlier(entry: &Value, adopting: bool) -> bool {
    !is_ours(entry)
        && entry["subresource"].as_str().unwrap_or_default().is_empty()
        && is_earlier(entry["manager"].as_str().unwrap_or_default(), adopting)
        // What windlass updates on an object (a finalizer, an annotation that was acted upon) is not of the release.
        && (entry["manager"] != OURS_BEFORE || entry["operation"] == "Apply")
}

/// The union of two field sets: maps of `f:`, `k:`, `v:`, `i:` and `.`.
fn join(into: &mut Value, from: &Value, depth: usize) {
    let Value::Object(from) = from else { return };
    if !into.is_object() {
        *into = Value::Object(Map::new());
    }
    let Value::Object(into) = into else { return };
    for (key, below) in from {
        let slot = into.entry(key.clone()).or_insert_with(|| json!({}));
        if depth < MAX_DEPTH {
            join(slot, below, depth + 1);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entry(manager: &str, operation: &str, fields: Value) -> Value {
        json!({"manager": manager, "operation": operation, "apiVersion": "v1", "fieldsType": "FieldsV1", "fieldsV1": fields})
    }

    fn live(entries: Vec<Value>) -> Value {
        json!({"metadata": {"managedFields": entries}})
    }

    #[test]
    fn what_helm_3_held_becomes_ours_and_what_controllers_hold_stays() {
        let status = json!({"manager": "helm", "operation": "Update", "apiVersion": "v1", "subresource": "status", "fieldsV1": {"f:status": {}}});
        let object = live(vec![
            entry("helm", "Update", json!({"f:data": {".": {}, "f:a": {}}})),
            entry("kube-controller-manager", "Update", json!({"f:data": {"f:c": {}}})),
            status.clone(),
            entry("helm", "Apply", json!({"f:data": {"f:b": {}}})),
        ]);
        let moved = taken_over(&object, false).unwrap();
        assert_eq!(
            moved,
            json!([
                entry("kube-controller-manager", "Update", json!({"f:data": {"f:c": {}}})),
                status,
                entry("helm", "Apply", json!({"f:data": {".": {}, "f:a": {}, "f:b": {}}})),
            ])
        );
        assert!(taken_over(&live(vec![entry("helm", "Apply", json!({}))]), true).is_none());
    }

    #[test]
    fn what_windlass_applied_under_its_own_name_is_moved_and_what_it_updated_stays() {
        let finalizer = entry("windlass", "Update", json!({"f:metadata": {"f:finalizers": {}}}));
        let object = live(vec![entry("windlass", "Apply", json!({"f:data": {"f:a": {}}})), finalizer.clone()]);
        assert_eq!(taken_over(&object, false).unwrap(), json!([finalizer, entry("helm", "Apply", json!({"f:data": {"f:a": {}}}))]));
        assert!(taken_over(&live(vec![finalizer]), true).is_none());
    }

    #[test]
    fn kubectls_fields_are_taken_over_in_an_adoption_only() {
        let object = live(vec![entry("kubectl-client-side-apply", "Update", json!({"f:data": {"f:a": {}}}))]);
        assert!(taken_over(&object, false).is_none());
        assert_eq!(taken_over(&object, true).unwrap(), json!([entry("helm", "Apply", json!({"f:data": {"f:a": {}}}))]));
        let by_hand = live(vec![entry("kubectl-edit", "Update", json!({"f:data": {"f:a": {}}}))]);
        assert!(taken_over(&by_hand, true).is_none());
    }
}
