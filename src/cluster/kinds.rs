//! From a kind to its path: the built-in ones by a table, others by asking the server once.

use super::{ApiError, Cluster};
use crate::object::{Gvk, ObjectRef};
use serde_json::Value;

/// How a kind is addressed.
#[derive(Clone, Debug, PartialEq)]
pub struct Kind {
    /// Its plural, as paths have it.
    pub plural: String,
    /// Whether its objects live in namespaces.
    pub namespaced: bool,
}

/// Kinds whose plural is not the lower-case kind with an `s`.
const IRREGULAR: &[(&str, &str)] = &[
    ("Ingress", "ingresses"), ("IngressClass", "ingressclasses"), ("NetworkPolicy", "networkpolicies"),
    ("StorageClass", "storageclasses"), ("PriorityClass", "priorityclasses"), ("RuntimeClass", "runtimeclasses"),
    ("Endpoints", "endpoints"), ("ValidatingAdmissionPolicy", "validatingadmissionpolicies"),
    ("MutatingAdmissionPolicy", "mutatingadmissionpolicies"), ("DeviceClass", "deviceclasses"),
    ("VolumeAttributesClass", "volumeattributesclasses"),
];

/// Groups of the server itself whose plurals follow the rule above.
const REGULAR: &[&str] =
    &["", "apps", "batch", "autoscaling", "policy", "networking.k8s.io", "rbac.authorization.k8s.io", "storage.k8s.io",
      "scheduling.k8s.io", "apiextensions.k8s.io", "admissionregistration.k8s.io", "coordination.k8s.io"];

/// Kinds of windlass itself.
const OWN: &[(&str, &str)] = &[("Environment", "environments"), ("Receiver", "receivers")];
/// Their group.
const GROUP: &str = "windlass.dev";

impl Cluster {
    /// How to address a kind.
    ///
    /// # Errors
    /// 404 where the server knows no such kind; else as the request failed.
    pub async fn kind(&self, gvk: &Gvk) -> Result<Kind, ApiError> {
        if let Some(namespaced) = crate::object::scope::builtin_namespaced(gvk).filter(|_| REGULAR.contains(&gvk.group.as_str())) {
            let irregular = IRREGULAR.iter().find(|(kind, _)| *kind == gvk.kind).map(|(_, plural)| (*plural).to_owned());
            let plural = irregular.unwrap_or_else(|| format!("{}s", gvk.kind.to_lowercase()));
            return Ok(Kind { plural, namespaced });
        }
        let own = OWN.iter().find(|(kind, _)| gvk.group == GROUP && gvk.kind == *kind);
        if let Some((_, plural)) = own {
            return Ok(Kind { plural: (*plural).to_owned(), namespaced: true });
        }
        // Held while asking: whoever needs the same answer waits for it instead of asking, too.
        let mut kinds = self.kinds.lock().await;
        if let Some(kind) = kinds.get(gvk) {
            return Ok(kind.clone());
        }
        let path = group_path(gvk);
        let unknown = || ApiError {
            code: 404,
            reason: "NoKindMatch".into(),
            message: format!("no matches for kind \"{}\" in version \"{}\": ensure CRDs are installed first", gvk.kind, gvk.api_version()),
            causes: Vec::new(),
            retry_after: None,
        };
        let list = match self.raw("get", &path, None, Vec::new()).await {
            Ok(list) => list,
            Err(error) if error.is_not_found() => return Err(unknown()),
            Err(error) => return Err(error),
        };
        for resource in list["resources"].as_array().into_iter().flatten() {
            let (Some(name), Some(kind)) = (resource["name"].as_str(), resource["kind"].as_str()) else { continue };
            if !name.contains('/') {
                let known = Kind { plural: name.into(), namespaced: resource["namespaced"] == Value::Bool(true) };
                kinds.insert(Gvk { kind: kind.into(), ..gvk.clone() }, known);
            }
        }
        kinds.get(gvk).cloned().ok_or_else(unknown)
    }

    /// Forgets what the server said of kinds: a CRD came or went.
    pub async fn forget_kinds(&self) {
        self.kinds.lock().await.clear();
    }

    /// The path of an object, or of its collection where the name is empty.
    pub(super) async fn path(&self, reference: &ObjectRef) -> Result<String, ApiError> {
        let kind = self.kind(&reference.gvk).await?;
        let mut path = group_path(&reference.gvk);
        if let Some(namespace) = reference.namespace.as_ref().filter(|_| kind.namespaced) {
            path.push_str("/namespaces/");
            path.push_str(&segment(namespace));
        }
        path.push('/');
        path.push_str(&segment(&kind.plural));
        if !reference.name.is_empty() {
            path.push('/');
            path.push_str(&segment(&reference.name));
        }
        Ok(path)
    }
}

/// A name as a part of a path: whatever a chart calls an object can be asked for, and the server says what it thinks of it.
fn segment(name: &str) -> String {
    // What RFC 3986 lets stand in a segment.
    let keep = |byte: u8| byte.is_ascii_alphanumeric() || b"-._~:@!$&'()*+,;=".contains(&byte);
    name.bytes().map(|byte| if keep(byte) { (byte as char).to_string() } else { format!("%{byte:02X}") }).collect()
}

fn group_path(gvk: &Gvk) -> String {
    let (group, version) = (segment(&gvk.group), segment(&gvk.version));
    if group.is_empty() { format!("/api/{version}") } else { format!("/apis/{group}/{version}") }
}
