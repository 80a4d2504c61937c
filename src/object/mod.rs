//! Kubernetes objects as plain JSON: what they are called, where they came from, who owns them, in which order they go.
//!
//! Pure: nothing here talks to a cluster. An object's identity is its group, kind, namespace and name; the version is only
//! the language in which it is written (`isMatchingInfo` in helm's `pkg/kube/resource.go`).

pub mod digest;
pub mod managers;
mod order;
pub mod ownership;
mod packed;
mod parse;
pub mod scope;
#[cfg(test)]
mod tests;

pub use order::{WAVE, install_order, sort_install, sort_uninstall, sort_waves, sort_waves_back, uninstall_order, wave, wave_ends};
pub use packed::Packed;
pub use parse::{ParseError, from_json_value, split_documents, to_datum, to_json};

use serde::{Deserialize, Serialize};
use serde_json::Value;
use std::fmt;

/// Group, version and kind: which type of object.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Gvk {
    /// API group; empty for the core group.
    pub group: String,
    /// Version within the group, for example `v1`.
    pub version: String,
    /// Kind, for example `Deployment`.
    pub kind: String,
}

impl Gvk {
    /// Reads `apiVersion` (`v1`, `apps/v1`) and kind.
    pub fn new(api_version: &str, kind: &str) -> Self {
        let (group, version) = api_version.rsplit_once('/').unwrap_or(("", api_version));
        Self { group: group.into(), version: version.into(), kind: kind.into() }
    }

    /// The `apiVersion` as objects carry it: `apps/v1`, or `v1` for the core group.
    pub fn api_version(&self) -> String {
        if self.group.is_empty() { self.version.clone() } else { format!("{}/{}", self.group, self.version) }
    }

    /// Whether this is `kind` of `group`, in whatever version.
    pub fn is(&self, group: &str, kind: &str) -> bool {
        self.group == group && self.kind == kind
    }
}

impl fmt::Display for Gvk {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.api_version(), self.kind)
    }
}

/// One object by name. Ordered and hashed by all its parts; see [`ObjectRef::same_object`] for identity across versions.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct ObjectRef {
    /// Type of the object.
    #[serde(flatten)]
    pub gvk: Gvk,
    /// Namespace; `None` for cluster-scoped objects, and for rendered ones that name none until they are placed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub namespace: Option<String>,
    /// Name; empty where the object has only a `generateName`.
    pub name: String,
}

/// What makes an object the same one in every version of its API.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Identity {
    /// API group.
    pub group: String,
    /// Kind.
    pub kind: String,
    /// Namespace, where there is one.
    pub namespace: Option<String>,
    /// Name.
    pub name: String,
}

impl ObjectRef {
    /// Reads the reference off an object: `apiVersion`, `kind`, `metadata.namespace` (empty counts as none), `metadata.name`.
    pub fn of(object: &Value) -> Self {
        let meta = &object["metadata"];
        let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
        Self {
            gvk: Gvk::new(object["apiVersion"].as_str().unwrap_or_default(), object["kind"].as_str().unwrap_or_default()),
            namespace: meta["namespace"].as_str().filter(|name| !name.is_empty()).map(str::to_owned),
            name: text(&meta["name"]),
        }
    }

    /// Group, kind, namespace and name, without the version.
    pub fn identity(&self) -> Identity {
        Identity {
            group: self.gvk.group.clone(),
            kind: self.gvk.kind.clone(),
            namespace: self.namespace.clone(),
            name: self.name.clone(),
        }
    }

    /// Whether both mean the same object, the API's version aside.
    pub fn same_object(&self, other: &Self) -> bool {
        self.gvk.is(&other.gvk.group, &other.gvk.kind) && self.namespace == other.namespace && self.name == other.name
    }
}

impl fmt::Display for ObjectRef {
    /// `Deployment shop/web`, `Namespace shop`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.namespace {
            Some(namespace) => write!(f, "{} {namespace}/{}", self.gvk.kind, self.name),
            None => write!(f, "{} {}", self.gvk.kind, self.name),
        }
    }
}

/// One object with its content and where it was rendered from.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Object {
    /// What it is called.
    pub reference: ObjectRef,
    /// Its content.
    pub json: Value,
    /// The template that gave it, as helm's `# Source:` comment names it (`shop/templates/web.yaml`).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub source: Option<String>,
}

impl Object {
    /// An object of this content.
    pub fn new(json: Value, source: Option<String>) -> Self {
        Self { reference: ObjectRef::of(&json), json, source }
    }

    /// Puts the object where it belongs once its scope is known: a namespaced object without a namespace goes to the
    /// release's, a cluster-scoped one loses a namespace that the template gave it (kubectl and helm ignore it, too).
    pub fn place(&mut self, namespaced: bool, release_namespace: &str) {
        if namespaced && self.reference.namespace.is_none() {
            self.json["metadata"]["namespace"] = release_namespace.into();
        } else if !namespaced && let Some(meta) = self.json["metadata"].as_object_mut() {
            meta.remove("namespace");
        }
        self.reference = ObjectRef::of(&self.json);
    }

    /// An annotation's value.
    pub fn annotation(&self, key: &str) -> Option<&str> {
        annotation(&self.json, key)
    }
}

/// An annotation of any object.
pub fn annotation<'a>(object: &'a Value, key: &str) -> Option<&'a str> {
    object.get("metadata")?.get("annotations")?.get(key)?.as_str()
}

/// The labels that a workload's Pods carry, as a selector of the API server (`a=b,c=d`); `None` where the object names none.
pub fn pod_selector(object: &Value) -> Option<String> {
    let labels = object["spec"]["selector"]["matchLabels"].as_object()?;
    let each: Vec<String> = labels.iter().filter_map(|(key, value)| Some(format!("{key}={}", value.as_str()?))).collect();
    (!each.is_empty()).then(|| each.join(","))
}

/// A label of any object.
pub fn label<'a>(object: &'a Value, key: &str) -> Option<&'a str> {
    object.get("metadata")?.get("labels")?.get(key)?.as_str()
}
