//! The API server's refusals, read from its `Status` objects: immutable fields, conflicts, denials.

use super::{Blocked, Holder};
use crate::object::ObjectRef;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use std::collections::BTreeMap;

/// What the validations of Kubernetes 1.37 say when a field may not change any more (`pkg/apis/*/validation`).
const PHRASES: [&str; 10] = [
    "field is immutable",
    "may not change once set",
    "updates to statefulset spec for fields other than",
    "pod updates may not change fields other than",
    "is immutable after creation",
    "may not be changed in an update",
    "cannot change roleref",
    "are forbidden.",
    "value is immutable",
    "is immutable",
];

/// How many causes of one refusal are read; a server sends far fewer.
const MAX_CAUSES: usize = 200;

/// A refusal of the API server: the parts of a `metav1.Status` that matter.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Refusal {
    /// HTTP code.
    pub code: u16,
    /// `Invalid`, `Conflict`, `Forbidden`, …
    pub reason: String,
    /// The server's message.
    pub message: String,
    /// The single causes.
    pub causes: Vec<Cause>,
}

/// One cause of a refusal.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Cause {
    /// `FieldValueInvalid`, `FieldManagerConflict`, …
    pub reason: String,
    /// The field: `spec.template`.
    pub field: String,
    /// The message about it.
    pub message: String,
}

impl Refusal {
    /// Reads a `Status` object (or what there is of it).
    pub fn from_status(status: &Value) -> Self {
        let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
        let causes = status["details"]["causes"].as_array().into_iter().flatten().take(MAX_CAUSES);
        Self {
            code: status["code"].as_u64().and_then(|code| u16::try_from(code).ok()).unwrap_or_default(),
            reason: text(&status["reason"]),
            message: text(&status["message"]),
            causes: causes
                .map(|cause| Cause { reason: text(&cause["reason"]), field: text(&cause["field"]), message: text(&cause["message"]) })
                .collect(),
        }
    }

    /// The immutable fields at fault; empty where the refusal is about anything else, even in part: replacing the object
    /// would not help then.
    pub fn immutable_fields(&self) -> Vec<String> {
        if self.code != 422 {
            return Vec::new();
        }
        let immutable = |message: &str| {
            let message = message.to_lowercase();
            PHRASES.iter().any(|phrase| message.contains(phrase))
        };
        if self.causes.is_empty() || !self.causes.iter().all(|cause| immutable(&cause.message)) {
            return Vec::new();
        }
        let mut fields: Vec<String> = self.causes.iter().map(|cause| cause.field.clone()).collect();
        fields.sort();
        fields.dedup();
        fields
    }

    /// What kind of refusal it is.
    pub fn classify(&self, reference: &ObjectRef) -> Blocked {
        let holders = self.holders();
        if !holders.is_empty() {
            return Blocked::Conflict { managers: holders };
        }
        let immutable = self.immutable_fields();
        if !immutable.is_empty() {
            return Blocked::Immutable { fields: immutable };
        }
        if let Some(by) = self.denied_by() {
            return Blocked::Denied { by };
        }
        match self.code {
            404 => match &reference.namespace {
                Some(namespace) if self.message.starts_with("namespaces ") => Blocked::NamespaceMissing { namespace: namespace.clone() },
                _ => Blocked::UnknownKind,
            },
            401 | 403 => Blocked::Forbidden,
            400 | 413 | 422 => Blocked::Invalid { fields: self.fields() },
            _ => Blocked::Other,
        }
    }

    /// Who holds the fields of a server-side apply conflict. The messages read
    /// `conflict with "kubectl-edit" using apps/v1` (`fieldmanager/internal/conflict.go` in structured-merge-diff's user).
    fn holders(&self) -> Vec<Holder> {
        let mut holders: BTreeMap<String, Vec<String>> = BTreeMap::new();
        for cause in self.causes.iter().filter(|cause| cause.reason == "FieldManagerConflict") {
            let manager = quoted(&cause.message).unwrap_or_else(|| "another manager".into());
            holders.entry(manager).or_default().push(cause.field.clone());
        }
        holders.into_iter().map(|(manager, fields)| Holder { manager, fields }).collect()
    }

    /// The admission webhook, policy, quota or standard that said no.
    fn denied_by(&self) -> Option<String> {
        let message = &self.message;
        let after = |mark: &str| message.find(mark).map(|at| &message[at + mark.len()..]);
        if let Some(rest) = after("admission webhook ") {
            return Some(format!("admission webhook {}", quoted(rest)?));
        }
        if let Some(rest) = after("ValidatingAdmissionPolicy '") {
            return Some(format!("ValidatingAdmissionPolicy {}", rest.split('\'').next()?));
        }
        if let Some(rest) = after("violates PodSecurity ") {
            return Some(format!("Pod Security Standard {}", quoted(rest)?));
        }
        if let Some(rest) = after("exceeded quota: ") {
            return Some(format!("ResourceQuota {}", rest.split(',').next()?));
        }
        // RBAC says what the user cannot do; any other 403 is an admission plugin's.
        (self.code == 403 && !message.contains(" cannot ")).then(|| "an admission plugin".to_owned())
    }

    /// The fields at fault: from the causes, else from the text that server-side apply gives for an unknown one
    /// (`….spec.foo: field not declared in schema`).
    fn fields(&self) -> Vec<String> {
        let mut fields: Vec<String> = self.causes.iter().map(|cause| cause.field.clone()).filter(|field| !field.is_empty()).collect();
        if fields.is_empty()
            && let Some((before, _)) = self.message.split_once(": field not declared in schema")
        {
            fields.extend(before.rsplit(' ').next().map(str::to_owned));
        }
        fields.sort();
        fields.dedup();
        fields
    }
}

/// Whether an object of this kind can be deleted and created anew without the loss of what it holds: data, objects, addresses of
/// data. The others are never replaced, whatever the policy.
pub fn holds_nothing(reference: &ObjectRef) -> bool {
    const PRECIOUS: [(&str, &str); 4] =
        [("", "PersistentVolumeClaim"), ("", "PersistentVolume"), ("", "Namespace"), ("apiextensions.k8s.io", "CustomResourceDefinition")];
    !PRECIOUS.iter().any(|(group, kind)| reference.gvk.is(group, kind))
}

/// The fields below a refused one that really differ: Kubernetes names only `spec` for a StatefulSet or a bound claim, and
/// lists in quotes what may change.
pub fn narrow(fields: &[String], refusal: &Refusal, live: &Value, desired: &Value) -> Vec<String> {
    let mut narrowed = Vec::new();
    for field in fields {
        let path: Vec<&str> = field.split('.').collect();
        let (live, wanted) = (at(live, &path), at(desired, &path));
        let message = refusal.causes.iter().find(|cause| cause.field == *field).map_or("", |cause| cause.message.as_str());
        let differing: Vec<String> = match (live, wanted) {
            (Some(Value::Object(live)), Some(Value::Object(wanted))) if path == ["spec"] => wanted
                .iter()
                .filter(|(key, value)| live.get(*key) != Some(value) && !message.contains(&format!("'{key}'")))
                .map(|(key, _)| format!("{field}.{key}"))
                .collect(),
            _ => Vec::new(),
        };
        if differing.is_empty() { narrowed.push(field.clone()) } else { narrowed.extend(differing) }
    }
    narrowed
}

fn at<'a>(object: &'a Value, path: &[&str]) -> Option<&'a Value> {
    path.iter().try_fold(object, |value, key| value.get(key))
}

/// The first text in double quotes.
fn quoted(text: &str) -> Option<String> {
    text.split('"').nth(1).map(str::to_owned)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    /// As kube-apiserver v1.37 answers.
    fn refusal(code: u16, message: &str, causes: &[(&str, &str, &str)]) -> Refusal {
        let causes: Vec<Value> =
            causes.iter().map(|(reason, field, message)| json!({"reason": reason, "field": field, "message": message})).collect();
        Refusal::from_status(&json!({"kind": "Status", "code": code, "message": message, "details": {"causes": causes}}))
    }

    fn web() -> ObjectRef {
        ObjectRef { namespace: Some("shop".into()), name: "web".into(), ..ObjectRef::default() }
    }

    #[test]
    fn immutable_fields_are_named() {
        let selector = refusal(422, "Deployment.apps \"web\" is invalid", &[(
            "FieldValueInvalid",
            "spec.selector",
            "Invalid value: {\"matchLabels\":{\"app\":\"b\"}}: field is immutable",
        )]);
        assert_eq!(selector.classify(&web()), Blocked::Immutable { fields: vec!["spec.selector".into()] });
        let mixed = refusal(422, "", &[
            ("FieldValueInvalid", "spec.selector", "Invalid value: x: field is immutable"),
            ("FieldValueRequired", "spec.template.spec.containers", "Required value"),
        ]);
        assert_eq!(
            mixed.classify(&web()),
            Blocked::Invalid { fields: vec!["spec.selector".into(), "spec.template.spec.containers".into()] }
        );
    }

    #[test]
    fn a_statefulset_names_the_field_itself() {
        let refused = refusal(422, "", &[(
            "FieldValueForbidden",
            "spec",
            "Forbidden: updates to statefulset spec for fields other than 'replicas', 'ordinals', 'template', 'updateStrategy', 'revisionHistoryLimit', 'persistentVolumeClaimRetentionPolicy' and 'minReadySeconds' are forbidden",
        )]);
        let fields = refused.immutable_fields();
        assert_eq!(fields, ["spec"]);
        let live = json!({"spec": {"replicas": 1, "serviceName": "a", "volumeClaimTemplates": [1]}});
        let desired = json!({"spec": {"replicas": 2, "serviceName": "a", "volumeClaimTemplates": [2]}});
        assert_eq!(narrow(&fields, &refused, &live, &desired), ["spec.volumeClaimTemplates"]);
    }

    #[test]
    fn conflicts_name_their_managers() {
        let conflict = refusal(409, "Apply failed with 2 conflicts", &[
            ("FieldManagerConflict", ".spec.replicas", "conflict with \"kubectl-edit\" using apps/v1"),
            ("FieldManagerConflict", ".spec.paused", "conflict with \"kubectl-edit\" using apps/v1"),
        ]);
        assert_eq!(
            conflict.classify(&web()),
            Blocked::Conflict {
                managers: vec![Holder { manager: "kubectl-edit".into(), fields: vec![".spec.replicas".into(), ".spec.paused".into()] }]
            }
        );
    }

    #[test]
    fn refusals_are_told_apart() {
        let says = |code, message| refusal(code, message, &[]).classify(&web());
        assert_eq!(says(404, "namespaces \"shop\" not found"), Blocked::NamespaceMissing { namespace: "shop".into() });
        assert_eq!(says(404, "the server could not find the requested resource"), Blocked::UnknownKind);
        assert_eq!(
            says(403, "deployments.apps \"web\" is forbidden: User \"x\" cannot patch resource \"deployments\" in API group \"apps\""),
            Blocked::Forbidden
        );
        assert_eq!(says(403, "admission webhook \"v.example.com\" denied the request: no"), Blocked::Denied { by: "admission webhook v.example.com".into() });
        assert_eq!(
            says(422, "deployments.apps \"web\" is forbidden: ValidatingAdmissionPolicy 'p' with binding 'b' denied request: no"),
            Blocked::Denied { by: "ValidatingAdmissionPolicy p".into() }
        );
        assert_eq!(
            says(400, "failed to create typed patch object (shop/web; apps/v1, Kind=Deployment): .spec.foo: field not declared in schema"),
            Blocked::Invalid { fields: vec![".spec.foo".into()] }
        );
        assert_eq!(says(500, "boom"), Blocked::Other);
    }
}
