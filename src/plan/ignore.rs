//! What is not compared: fields that others own, by JSON pointer and by field manager.

use super::fields::{self, Path, Step};
use crate::object::{Object, ObjectRef, ownership::FIELD_MANAGER};
use serde::{Deserialize, Serialize};
use serde_json::Value;

/// One rule: on which objects, which fields.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Rule {
    /// API group; `None` any.
    pub group: Option<String>,
    /// Kind; `None` any.
    pub kind: Option<String>,
    /// Namespace; `None` any.
    pub namespace: Option<String>,
    /// Name; `None` any.
    pub name: Option<String>,
    /// JSON pointers (`/spec/replicas`); a segment `*` stands for every key or index.
    pub pointers: Vec<String>,
    /// Only fields that one of these managers owns; `*` is any manager but ours. With no pointers: all that they own.
    pub managers: Vec<String>,
    /// Only fields that those managers wrote by way of this subresource (`scale`).
    pub subresource: Option<String>,
}

impl Rule {
    fn matches(&self, reference: &ObjectRef) -> bool {
        let fits = |wanted: &Option<String>, actual: &str| wanted.as_deref().is_none_or(|wanted| wanted == actual);
        fits(&self.group, &reference.gvk.group)
            && fits(&self.kind, &reference.gvk.kind)
            && fits(&self.namespace, reference.namespace.as_deref().unwrap_or_default())
            && fits(&self.name, &reference.name)
    }

    /// Whether the rule may mean a field of this object; which, only the live object tells.
    pub fn concerns(&self, object: &Object) -> bool {
        let meant = |pointer: &String| !fields::expand(&object.json, pointer).is_empty();
        self.matches(&object.reference) && (self.pointers.is_empty() || self.pointers.iter().any(meant))
    }

    /// The places in `object` that the rule means, each as a concrete path.
    fn places(&self, object: &Value, live: &Value) -> Vec<Path> {
        let pointed = || self.pointers.iter().flat_map(|pointer| fields::expand(object, pointer));
        if self.managers.is_empty() {
            return pointed().collect();
        }
        let owned = self.owned(object, live);
        if self.pointers.is_empty() {
            return owned;
        }
        pointed().filter(|place| owned.iter().any(|own| own.starts_with(place) || place.starts_with(own))).collect()
    }

    /// What the rule's managers own of `object`.
    fn owned(&self, object: &Value, live: &Value) -> Vec<Path> {
        let entries = live["metadata"]["managedFields"].as_array().into_iter().flatten();
        let ours = entries.filter(|entry| {
            let manager = entry["manager"].as_str().unwrap_or_default();
            let meant = self.managers.iter().any(|wanted| wanted == manager || wanted == "*" && manager != FIELD_MANAGER);
            meant && self.subresource.as_deref().is_none_or(|wanted| entry["subresource"].as_str() == Some(wanted))
        });
        ours.flat_map(|entry| fields::leaves(&entry["fieldsV1"], object)).collect()
    }
}

/// What every plan ignores: replicas that an autoscaler moves, certificate bundles that an injector fills in, rules that
/// aggregation collects.
pub fn defaults() -> Vec<Rule> {
    let rule = |group: &str, kind: &str, pointer: &str, managers: &[&str], subresource: Option<&str>| Rule {
        group: Some(group.into()),
        kind: Some(kind.into()),
        pointers: vec![pointer.into()],
        managers: managers.iter().map(|name| (*name).to_owned()).collect(),
        subresource: subresource.map(str::to_owned),
        ..Rule::default()
    };
    // The autoscaler runs in the controller manager and writes by way of `scale`; a person's `kubectl scale` does the
    // latter only, and stays drift.
    let autoscaler = ["kube-controller-manager", "horizontal-pod-autoscaler"];
    let mut rules: Vec<Rule> = [("apps", "Deployment"), ("apps", "StatefulSet"), ("apps", "ReplicaSet"), ("", "ReplicationController")]
        .iter()
        .map(|(group, kind)| rule(group, kind, "/spec/replicas", &autoscaler, Some("scale")))
        .collect();
    let bundles = [
        ("admissionregistration.k8s.io", "ValidatingWebhookConfiguration", "/webhooks/*/clientConfig/caBundle"),
        ("admissionregistration.k8s.io", "MutatingWebhookConfiguration", "/webhooks/*/clientConfig/caBundle"),
        ("apiextensions.k8s.io", "CustomResourceDefinition", "/spec/conversion/webhook/clientConfig/caBundle"),
        ("apiregistration.k8s.io", "APIService", "/spec/caBundle"),
    ];
    rules.extend(bundles.iter().map(|(group, kind, pointer)| rule(group, kind, pointer, &["*"], None)));
    let aggregation = ["clusterrole-aggregation-controller", "kube-controller-manager"];
    rules.push(rule("rbac.authorization.k8s.io", "ClusterRole", "/rules", &aggregation, None));
    rules
}

/// The rules that a set of objects implies by itself: `/spec/replicas` of what a HorizontalPodAutoscaler in it targets.
pub fn implied<'a>(objects: impl IntoIterator<Item = &'a Object>) -> Vec<Rule> {
    let mut rules = Vec::new();
    for object in objects {
        let reference = &object.reference;
        if !reference.gvk.is("autoscaling", "HorizontalPodAutoscaler") {
            continue;
        }
        let target = &object.json["spec"]["scaleTargetRef"];
        let (Some(kind), Some(name)) = (target["kind"].as_str(), target["name"].as_str()) else { continue };
        let version = target["apiVersion"].as_str().unwrap_or_default();
        rules.push(Rule {
            group: Some(crate::object::Gvk::new(version, kind).group),
            kind: Some(kind.into()),
            namespace: reference.namespace.clone(),
            name: Some(name.into()),
            pointers: vec!["/spec/replicas".into()],
            ..Rule::default()
        });
    }
    rules
}

/// Whether others own fields of the live object that the shipped rules leave to them.
pub fn contested(live: &Value) -> bool {
    let reference = ObjectRef::of(live);
    defaults().iter().any(|rule| rule.matches(&reference) && !rule.places(live, live).is_empty())
}

/// The desired object to be sent so that ignored fields stay as they are: a field that another manager owns is left out, one
/// that nobody else owns is sent with its live value (left out, it would be deleted).
pub fn settle(desired: &Object, live: &Value, rules: &[Rule]) -> Value {
    let mut sent = desired.json.clone();
    let foreign = Rule { managers: vec!["*".into()], ..Rule::default() }.owned(&sent, live);
    let mut places: Vec<Path> =
        rules.iter().filter(|rule| rule.matches(&desired.reference)).flat_map(|rule| rule.places(&desired.json, live)).collect();
    // Later list items first, so that a removal moves none that is still to come.
    places.sort_by(|a, b| b.cmp(a));
    places.dedup();
    for place in places {
        if place.starts_with(&[Step::Key("metadata".into()), Step::Key("name".into())]) {
            continue;
        }
        if foreign.iter().any(|own| own.starts_with(&place) || place.starts_with(own)) {
            fields::remove(&mut sent, &place);
        } else if let Some(value) = fields::counterpart(&desired.json, live, &place) {
            fields::set(&mut sent, &place, value.clone());
        }
    }
    sent
}

/// Takes the ignored fields out of an object that is compared; `live` tells which manager owns what.
pub fn strip(reference: &ObjectRef, object: &mut Value, live: &Value, rules: &[Rule]) {
    let mut places: Vec<Path> =
        rules.iter().filter(|rule| rule.matches(reference)).flat_map(|rule| rule.places(object, live)).collect();
    places.sort_by(|a, b| b.cmp(a));
    places.dedup();
    for place in places {
        fields::remove(object, &place);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn web(replicas: u32) -> Value {
        json!({
            "apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "web", "namespace": "shop"},
            "spec": {"replicas": replicas, "template": {"spec": {"containers": [{"name": "a", "image": "x"}, {"name": "b", "image": "y"}]}}},
        })
    }

    fn owned_by(mut object: Value, manager: &str, subresource: Option<&str>, fields: Value) -> Value {
        let mut entry = json!({"manager": manager, "operation": "Update", "fieldsType": "FieldsV1", "fieldsV1": fields});
        if let Some(subresource) = subresource {
            entry["subresource"] = subresource.into();
        }
        object["metadata"]["managedFields"] = json!([entry]);
        object
    }

    fn stripped(object: &Value, live: &Value, rules: &[Rule]) -> Value {
        let mut copy = object.clone();
        strip(&ObjectRef::of(object), &mut copy, live, rules);
        copy
    }

    #[test]
    fn an_autoscalers_replicas_are_no_drift_but_a_persons_are() {
        let replicas = json!({"f:spec": {"f:replicas": {}}});
        let scaled = owned_by(web(5), "kube-controller-manager", Some("scale"), replicas.clone());
        assert!(stripped(&web(2), &scaled, &defaults())["spec"].get("replicas").is_none());
        let by_hand = owned_by(web(5), "kubectl", Some("scale"), replicas);
        assert_eq!(stripped(&web(2), &by_hand, &defaults())["spec"]["replicas"], 2);
    }

    #[test]
    fn a_manager_without_pointers_keeps_all_its_fields() {
        let fields = json!({"f:spec": {"f:template": {"f:spec": {"f:containers": {"k:{\"name\":\"b\"}": {".": {}, "f:image": {}}}}}}});
        let live = owned_by(web(2), "updater", None, fields);
        let rule = Rule { managers: vec!["updater".into()], ..Rule::default() };
        let left = stripped(&live, &live, std::slice::from_ref(&rule));
        assert_eq!(left["spec"]["template"]["spec"]["containers"], json!([{"name": "a", "image": "x"}, {"name": "b"}]));
        // What is sent leaves the field to its owner, found by its key, not by its place.
        let mut desired = web(2);
        desired["spec"]["template"]["spec"]["containers"] = json!([{"name": "b", "image": "old"}, {"name": "a", "image": "x"}]);
        let sent = settle(&Object::new(desired, None), &live, &[rule]);
        assert_eq!(sent["spec"]["template"]["spec"]["containers"], json!([{"name": "b"}, {"name": "a", "image": "x"}]));
    }

    #[test]
    fn what_nobody_else_owns_is_sent_as_it_lives() {
        let live = owned_by(web(5), FIELD_MANAGER, None, json!({"f:spec": {"f:replicas": {}}}));
        let hpa = Object::new(
            json!({"apiVersion": "autoscaling/v2", "kind": "HorizontalPodAutoscaler", "metadata": {"name": "web", "namespace": "shop"},
                "spec": {"scaleTargetRef": {"apiVersion": "apps/v1", "kind": "Deployment", "name": "web"}}}),
            None,
        );
        let sent = settle(&Object::new(web(2), None), &live, &implied([&hpa]));
        assert_eq!(sent["spec"]["replicas"], 5);
    }

    #[test]
    fn pointers_reach_into_lists() {
        let rule = Rule { pointers: vec!["/spec/template/spec/containers/*/image".into()], ..Rule::default() };
        let left = stripped(&web(1), &web(1), &[rule]);
        assert_eq!(left["spec"]["template"]["spec"]["containers"], json!([{"name": "a"}, {"name": "b"}]));
        let other = Rule { kind: Some("Service".into()), pointers: vec!["/spec".into()], ..Rule::default() };
        assert_eq!(stripped(&web(1), &web(1), &[other]), web(1));
    }

    #[test]
    fn an_injected_bundle_is_left_alone() {
        let hooks = |bundle: &str| {
            json!({"apiVersion": "admissionregistration.k8s.io/v1", "kind": "ValidatingWebhookConfiguration", "metadata": {"name": "v"},
                "webhooks": [{"name": "a.example.com", "clientConfig": {"caBundle": bundle, "url": "u"}}]})
        };
        let fields = json!({"f:webhooks": {"k:{\"name\":\"a.example.com\"}": {"f:clientConfig": {"f:caBundle": {}}}}});
        let live = owned_by(hooks("injected"), "cainjector", None, fields);
        assert_eq!(stripped(&hooks(""), &live, &defaults()), stripped(&live_without_fields(&live), &live, &defaults()));
    }

    fn live_without_fields(live: &Value) -> Value {
        super::super::normalize::normalize(live)
    }
}
