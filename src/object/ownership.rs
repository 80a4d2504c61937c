//! Who owns an object: Helm's label and annotations, the environment's own mark, and what must be kept.

use super::{ObjectRef, annotation, label};
use crate::chart::log::quote;
use serde_json::{Map, Value, json};
use std::fmt;

/// Helm's label on everything that it manages (`pkg/action/validate.go`).
pub const MANAGED_BY: &str = "app.kubernetes.io/managed-by";
/// Its value.
pub const MANAGED_BY_HELM: &str = "Helm";
/// Helm's annotation: the release that owns the object.
pub const RELEASE_NAME: &str = "meta.helm.sh/release-name";
/// Helm's annotation: that release's namespace.
pub const RELEASE_NAMESPACE: &str = "meta.helm.sh/release-namespace";
/// Helm's annotation that may hold an object back from deletion (`pkg/kube/resource_policy.go`).
pub const RESOURCE_POLICY: &str = "helm.sh/resource-policy";
/// Our mark, an annotation: the Environment (`namespace/name`) that applied the object. Only marked objects are pruned, but for those
/// of a release that helm itself recorded.
pub const ENVIRONMENT: &str = "windlass.dev/environment";
/// An object's own word against pruning: `windlass.dev/prune: "false"`.
pub const PRUNE: &str = "windlass.dev/prune";

/// The field manager under which a release's objects are applied: helm's own name (`kube.ManagedFieldsManager` in
/// `cmd/helm`), so that what helm 4 applied before or after conflicts with nothing. See `docs/decisions/field-manager.md`.
pub const FIELD_MANAGER: &str = "helm";

/// A release: the owner of objects.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize, serde::Deserialize)]
pub struct Release {
    /// Name of the release.
    pub name: String,
    /// Namespace in which it is recorded.
    pub namespace: String,
}

impl fmt::Display for Release {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.namespace, self.name)
    }
}

/// Stamps Helm's ownership on an object, over whatever the template said (`setMetadataVisitor`), and our mark where one is
/// given.
pub fn stamp(object: &mut Value, release: &Release, environment: Option<&str>) {
    put(object, "labels", MANAGED_BY, MANAGED_BY_HELM);
    put(object, "annotations", RELEASE_NAME, &release.name);
    put(object, "annotations", RELEASE_NAMESPACE, &release.namespace);
    if let Some(environment) = environment {
        put(object, "annotations", ENVIRONMENT, environment);
    }
}

/// Takes our mark off.
pub fn unmark(object: &mut Value) {
    if let Some(annotations) = object["metadata"]["annotations"].as_object_mut() {
        annotations.remove(ENVIRONMENT);
    }
}

/// Sets an annotation.
pub fn annotate(object: &mut Value, key: &str, value: &str) {
    put(object, "annotations", key, value);
}

fn put(object: &mut Value, map: &str, key: &str, value: &str) {
    let Some(object) = object.as_object_mut() else { return };
    let meta = entry(object, "metadata");
    entry(meta, map).insert(key.into(), json!(value));
}

/// The map under `key`, made where there is none (or `null`, as templates often leave it).
fn entry<'a>(map: &'a mut Map<String, Value>, key: &str) -> &'a mut Map<String, Value> {
    let slot = map.entry(key).or_insert(Value::Null);
    if !slot.is_object() {
        *slot = Value::Object(Map::new());
    }
    slot.as_object_mut().expect("made an object the line before")
}

/// The release that Helm's annotations name, complete or not.
pub fn owner(object: &Value) -> Option<Release> {
    Some(Release {
        name: annotation(object, RELEASE_NAME)?.to_owned(),
        namespace: annotation(object, RELEASE_NAMESPACE).unwrap_or_default().to_owned(),
    })
}

/// The environment (`namespace/name`) whose mark the object carries.
pub fn mark(object: &Value) -> Option<&str> {
    annotation(object, ENVIRONMENT)
}

/// Whether the object must outlive its release: `helm.sh/resource-policy: keep`, with the spaces and the case that
/// helm's `filterManifestsToKeep` forgives.
pub fn keep(object: &Value) -> bool {
    annotation(object, RESOURCE_POLICY).is_some_and(|policy| policy.trim().eq_ignore_ascii_case("keep"))
}

/// Whether the object forbids pruning by its own annotation.
pub fn prune_forbidden(object: &Value) -> bool {
    annotation(object, PRUNE).is_some_and(|value| value.trim().eq_ignore_ascii_case("false"))
}

/// Helm's `checkOwnership`: fine only where label and both annotations name this release. The error is helm's text after
/// `… exists and cannot be imported into the current release: `.
///
/// # Errors
/// `invalid ownership metadata; …` with each part that is missing or different.
pub fn check(object: &Value, release: &Release) -> Result<(), String> {
    let wrong: Vec<String> = [
        ("label", MANAGED_BY, label(object, MANAGED_BY), MANAGED_BY_HELM),
        ("annotation", RELEASE_NAME, annotation(object, RELEASE_NAME), release.name.as_str()),
        ("annotation", RELEASE_NAMESPACE, annotation(object, RELEASE_NAMESPACE), release.namespace.as_str()),
    ]
    .into_iter()
    .filter_map(|(what, key, actual, wanted)| {
        require(key, actual, wanted).err().map(|error| format!("{what} validation error: {error}"))
    })
    .collect();
    if wrong.is_empty() { Ok(()) } else { Err(format!("invalid ownership metadata; {}", wrong.join("; "))) }
}

fn require(key: &str, actual: Option<&str>, wanted: &str) -> Result<(), String> {
    match actual {
        None => Err(format!("missing key {}: must be set to {}", quote(key), quote(wanted))),
        Some(actual) if actual != wanted => {
            Err(format!("key {} must equal {}: current value is {}", quote(key), quote(wanted), quote(actual)))
        }
        Some(_) => Ok(()),
    }
}

/// What helm says when an object is in the way: `Service "web" in namespace "shop" exists and cannot be imported into the
/// current release: …`.
pub fn conflict_text(reference: &ObjectRef, why: &str) -> String {
    format!(
        "{} {} in namespace {} exists and cannot be imported into the current release: {why}",
        reference.gvk.kind,
        quote(&reference.name),
        quote(reference.namespace.as_deref().unwrap_or_default())
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shop() -> Release {
        Release { name: "web".into(), namespace: "shop".into() }
    }

    #[test]
    fn what_is_stamped_passes_helms_check() {
        let mut object = json!({"kind": "Service", "metadata": {"name": "web", "labels": null, "annotations": {"a": "b"}}});
        stamp(&mut object, &shop(), Some("team/web"));
        assert_eq!(check(&object, &shop()), Ok(()));
        assert_eq!(owner(&object), Some(shop()));
        assert_eq!(mark(&object), Some("team/web"));
        assert_eq!(annotation(&object, "a"), Some("b"));
    }

    /// The texts are those of `checkOwnership` in helm v4.3.1 (`TestCheckOwnership` in `pkg/action/validate_test.go`).
    #[test]
    fn refusals_read_as_helms() {
        let mut object = json!({"kind": "Deployment", "metadata": {"name": "foo"}});
        let release = Release { name: "rel-a".into(), namespace: "ns-a".into() };
        assert_eq!(
            check(&object, &release).unwrap_err(),
            "invalid ownership metadata; label validation error: missing key \"app.kubernetes.io/managed-by\": must be set to \"Helm\"; annotation validation error: missing key \"meta.helm.sh/release-name\": must be set to \"rel-a\"; annotation validation error: missing key \"meta.helm.sh/release-namespace\": must be set to \"ns-a\""
        );
        stamp(&mut object, &Release { name: "rel-b".into(), ..release.clone() }, None);
        assert_eq!(
            check(&object, &release).unwrap_err(),
            "invalid ownership metadata; annotation validation error: key \"meta.helm.sh/release-name\" must equal \"rel-a\": current value is \"rel-b\""
        );
    }

    #[test]
    fn what_is_to_be_kept_is_kept_however_it_is_spelt() {
        let with = |key: &str, value: &str| json!({"metadata": {"annotations": {key: value}}});
        assert!(keep(&with(RESOURCE_POLICY, " Keep ")));
        assert!(!keep(&with(RESOURCE_POLICY, "delete")));
        assert!(prune_forbidden(&with(PRUNE, "false")));
        assert!(!prune_forbidden(&with(PRUNE, "true")));
    }
}
