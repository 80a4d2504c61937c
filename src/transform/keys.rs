//! Which lists of Kubernetes' own kinds are merged item by item, and by which keys (`x-kubernetes-patch-merge-key` and
//! `x-kubernetes-list-map-keys` of the OpenAPI document that kustomize carries). All other lists are replaced whole.

use serde_json::Value;

/// What is known of an object's kind.
pub(super) struct Kind {
    /// Where its Pod's spec lies, as `spec.template.spec`; `None` where it makes no Pod.
    pod: Option<&'static [&'static str]>,
    kind: String,
    builtin: bool,
}

/// Where kinds of Kubernetes have a Pod's spec.
const PODS: &[(&str, &str, &[&str])] = &[
    ("", "Pod", &["spec"]),
    ("", "PodTemplate", &["template", "spec"]),
    ("", "ReplicationController", &["spec", "template", "spec"]),
    ("apps", "DaemonSet", &["spec", "template", "spec"]),
    ("apps", "Deployment", &["spec", "template", "spec"]),
    ("apps", "ReplicaSet", &["spec", "template", "spec"]),
    ("apps", "StatefulSet", &["spec", "template", "spec"]),
    ("batch", "CronJob", &["spec", "jobTemplate", "spec", "template", "spec"]),
    ("batch", "Job", &["spec", "template", "spec"]),
];

/// Lists below a Pod's spec.
const IN_POD: &[(&[&str], &[&str])] = &[
    (&["containers"], &["name"]),
    (&["initContainers"], &["name"]),
    (&["ephemeralContainers"], &["name"]),
    (&["hostAliases"], &["ip"]),
    (&["imagePullSecrets"], &["name"]),
    (&["resourceClaims"], &["name"]),
    (&["schedulingGates"], &["name"]),
    (&["topologySpreadConstraints"], &["topologyKey", "whenUnsatisfiable"]),
    (&["volumes"], &["name"]),
];

/// Lists below a container.
const IN_CONTAINER: &[(&str, &[&str])] = &[
    ("env", &["name"]),
    ("ports", &["containerPort", "protocol"]),
    ("volumeDevices", &["devicePath"]),
    ("volumeMounts", &["mountPath"]),
];

/// Lists of other kinds, by their path.
const ELSEWHERE: &[(&str, &[&str], &[&str])] = &[
    ("Service", &["spec", "ports"], &["port", "protocol"]),
    ("ServiceAccount", &["secrets"], &["name"]),
    ("MutatingWebhookConfiguration", &["webhooks"], &["name"]),
    ("ValidatingWebhookConfiguration", &["webhooks"], &["name"]),
    ("Node", &["spec", "taints"], &["key"]),
];

/// The Pod's spec of an object's kind.
pub(super) fn pod_path(object: &Value) -> Option<&'static [&'static str]> {
    let gvk = crate::object::ObjectRef::of(object).gvk;
    PODS.iter().find(|(group, kind, _)| gvk.is(group, kind)).map(|(_, _, path)| *path)
}

impl Kind {
    pub(super) fn of(object: &Value) -> Kind {
        let gvk = crate::object::ObjectRef::of(object).gvk;
        let builtin = crate::object::scope::builtin_namespaced(&gvk).is_some();
        Kind { pod: pod_path(object), kind: gvk.kind, builtin }
    }

    /// The keys of the list at `path` (list items aside); empty for a list of plain values that is merged as a set; `None` for
    /// one that is replaced.
    pub(super) fn merge_keys(&self, path: &[&str]) -> Option<&'static [&'static str]> {
        if !self.builtin {
            return None;
        }
        if path == ["metadata", "finalizers"] {
            return Some(&[]);
        }
        if path == ["metadata", "ownerReferences"] {
            return Some(&["uid"]);
        }
        if let Some(found) = ELSEWHERE.iter().find(|(kind, place, _)| *kind == self.kind && *place == path) {
            return Some(found.2);
        }
        let rest = path.strip_prefix(self.pod?)?;
        if let Some((_, keys)) = IN_POD.iter().find(|(place, _)| *place == rest) {
            return Some(keys);
        }
        match rest {
            ["containers" | "initContainers" | "ephemeralContainers", field] => {
                IN_CONTAINER.iter().find(|(name, _)| name == field).map(|(_, keys)| *keys)
            }
            _ => None,
        }
    }
}
