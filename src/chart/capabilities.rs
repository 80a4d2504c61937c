//! `.Capabilities`: the cluster's version and API versions, as Helm's `pkg/chart/common/capabilities.go` shows them.

use super::log::quote;
use crate::template::{GoType, Object, Printing, Signature, Val};
use crate::value::{GoStr, Map, Value};
use std::{any::Any, rc::Rc, sync::Arc};

/// The version of Helm that windlass renders like; `.Capabilities.HelmVersion.Version` as helm v4.3.1 built from its module says it.
pub const HELM_VERSION: &str = "v4.3";
const GO_VERSION: &str = "go1.26.8";
const KUBE_CLIENT_VERSION: &str = "v1.37";

/// What helm v4.3.1 has in `.Capabilities.APIVersions` without a cluster, in its order.
pub const DEFAULT_API_VERSIONS: [&str; 57] = [
    "v1",
    "admissionregistration.k8s.io/v1",
    "admissionregistration.k8s.io/v1alpha1",
    "admissionregistration.k8s.io/v1beta1",
    "internal.apiserver.k8s.io/v1alpha1",
    "apps/v1",
    "apps/v1beta1",
    "apps/v1beta2",
    "authentication.k8s.io/v1",
    "authentication.k8s.io/v1alpha1",
    "authentication.k8s.io/v1beta1",
    "authorization.k8s.io/v1",
    "authorization.k8s.io/v1beta1",
    "autoscaling/v1",
    "autoscaling/v2",
    "batch/v1",
    "batch/v1beta1",
    "certificates.k8s.io/v1",
    "certificates.k8s.io/v1beta1",
    "certificates.k8s.io/v1alpha1",
    "coordination.k8s.io/v1alpha2",
    "coordination.k8s.io/v1beta1",
    "coordination.k8s.io/v1",
    "discovery.k8s.io/v1",
    "discovery.k8s.io/v1beta1",
    "events.k8s.io/v1",
    "events.k8s.io/v1beta1",
    "extensions/v1beta1",
    "flowcontrol.apiserver.k8s.io/v1",
    "flowcontrol.apiserver.k8s.io/v1beta1",
    "flowcontrol.apiserver.k8s.io/v1beta2",
    "flowcontrol.apiserver.k8s.io/v1beta3",
    "lifecycle.k8s.io/v1alpha1",
    "networking.k8s.io/v1",
    "networking.k8s.io/v1beta1",
    "node.k8s.io/v1",
    "node.k8s.io/v1alpha1",
    "node.k8s.io/v1beta1",
    "policy/v1",
    "policy/v1beta1",
    "rbac.authorization.k8s.io/v1",
    "rbac.authorization.k8s.io/v1beta1",
    "rbac.authorization.k8s.io/v1alpha1",
    "resource.k8s.io/v1",
    "resource.k8s.io/v1beta2",
    "resource.k8s.io/v1beta1",
    "resource.k8s.io/v1alpha3",
    "scheduling.k8s.io/v1alpha3",
    "scheduling.k8s.io/v1beta1",
    "scheduling.k8s.io/v1",
    "storage.k8s.io/v1beta1",
    "storage.k8s.io/v1",
    "storage.k8s.io/v1alpha1",
    "storagemigration.k8s.io/v1",
    "storagemigration.k8s.io/v1beta1",
    "apiextensions.k8s.io/v1beta1",
    "apiextensions.k8s.io/v1",
];

/// A cluster's version.
#[derive(Clone, Debug, PartialEq)]
pub struct KubeVersion {
    /// The full version, such as `v1.33.4-gke.1245000`.
    pub version: String,
    /// Without what follows the numbers, such as `v1.33.4`; empty where a live cluster told the version.
    pub normalized: String,
    /// `1`
    pub major: String,
    /// `33`; a live cluster may say `33+`.
    pub minor: String,
}

impl Default for KubeVersion {
    /// The version of client-go in helm v4.3.1.
    fn default() -> Self {
        let version = "v1.37.0".to_owned();
        KubeVersion { normalized: version.clone(), version, major: "1".to_owned(), minor: "37".to_owned() }
    }
}

impl KubeVersion {
    /// `ParseKubeVersion`, with `ParseGeneric` of `k8s.io/apimachinery/pkg/util/version` below it.
    ///
    /// # Errors
    /// Go's text.
    pub fn parse(text: &str) -> Result<KubeVersion, String> {
        let trimmed = text.trim_start_matches([' ', '\t', '\n', '\x0c', '\r']);
        let trimmed = trimmed.strip_prefix('v').unwrap_or(trimmed);
        let mut end = 0;
        // [0-9]+(\.[0-9]+)*
        loop {
            let from = if end == 0 { 0 } else { end + 1 };
            // Bytes, not text: what follows a digit may be in the middle of a rune.
            let digits = trimmed.as_bytes()[from..].iter().take_while(|byte| byte.is_ascii_digit()).count();
            if digits == 0 || from > 0 && trimmed.as_bytes()[end] != b'.' {
                break;
            }
            end = from + digits;
            if end == trimmed.len() {
                break;
            }
        }
        if end == 0 || trimmed[end..].contains('\n') {
            return Err(format!("could not parse {} as version", quote(text)));
        }
        let components: Vec<&str> = trimmed[..end].split('.').collect();
        if components.len() < 2 {
            return Err(format!("illegal version string {}", quote(text)));
        }
        let mut numbers = Vec::new();
        for (place, &component) in components.iter().enumerate() {
            let (shown, whole) = (quote(component), quote(text));
            if place == 0 && component.starts_with('0') && component != "0" {
                return Err(format!("illegal zero-prefixed version component {shown} in {whole}"));
            }
            let number: u64 = component.parse().map_err(|_| {
                let why = format!("strconv.ParseUint: parsing {shown}: value out of range");
                format!("illegal non-numeric version component {shown} in {whole}: {why}")
            })?;
            numbers.push(number.to_string());
        }
        Ok(KubeVersion {
            version: if text.starts_with('v') { text.to_owned() } else { format!("v{text}") },
            normalized: format!("v{}", numbers.join(".")),
            major: numbers[0].clone(),
            minor: numbers[1].clone(),
        })
    }

    /// The version that constraints are checked against.
    pub fn for_constraints(&self) -> &str {
        if self.normalized.is_empty() { &self.version } else { &self.normalized }
    }

    /// What copying by reflection leaves of it: that field is not exported.
    fn without_normalized(&self) -> KubeVersion {
        KubeVersion { normalized: String::new(), ..self.clone() }
    }
}

/// What a cluster can do.
#[derive(Clone, Debug, PartialEq)]
pub struct Capabilities {
    /// Its version.
    pub kube_version: KubeVersion,
    /// Its API versions: `apps/v1`, and from a live cluster `apps/v1/Deployment` too.
    pub api_versions: Arc<[String]>,
}

impl Default for Capabilities {
    /// As without a cluster.
    fn default() -> Self {
        Capabilities::offline(KubeVersion::default(), &[])
    }
}

impl Capabilities {
    /// As without a cluster, with more API versions.
    pub fn offline(kube_version: KubeVersion, extra: &[String]) -> Capabilities {
        let known = DEFAULT_API_VERSIONS.iter().map(|&version| version.to_owned());
        Capabilities { kube_version, api_versions: known.chain(extra.iter().cloned()).collect() }
    }

    /// The object that templates see.
    pub(crate) fn object(self) -> Val {
        Val::Object(Rc::new(self))
    }
}

fn text(value: &str) -> Val {
    Val::str(value)
}

fn map(entries: Vec<(&str, Value)>) -> Value {
    Value::Map(entries.into_iter().map(|(key, value)| (GoStr::from(key), value)).collect::<Map>())
}

impl Object for Capabilities {
    fn type_name(&self) -> &'static str {
        "*common.Capabilities"
    }
    fn kind(&self) -> &'static str {
        "ptr"
    }
    fn printing(&self) -> Printing {
        Printing::Parts
    }
    fn display(&self) -> String {
        let KubeVersion { version, normalized, major, minor } = &self.kube_version;
        let versions = self.api_versions.join(" ");
        let helm = BuildInfo.display();
        format!("&{{{{{version} {normalized} {major} {minor}}} [{versions}] {helm}}}")
    }
    fn field(&self, name: &str) -> Option<Val> {
        self.fields().into_iter().find(|(field, _)| *field == name).map(|(_, value)| value)
    }
    fn call(&self, name: &str, _args: &[Val]) -> Option<Result<Val, String>> {
        (name == "Copy").then(|| Ok(self.clone().object()))
    }
    fn signature(&self, name: &str) -> Option<Signature> {
        let result = GoType::Named("*common.Capabilities");
        (name == "Copy").then_some(Signature { params: &[], variadic: false, result })
    }
    fn copied(&self) -> Option<Val> {
        let kube_version = self.kube_version.without_normalized();
        Some(Capabilities { kube_version, api_versions: self.api_versions.clone() }.object())
    }
    fn fields(&self) -> Vec<(&'static str, Val)> {
        vec![
            ("KubeVersion", Val::Object(Rc::new(self.kube_version.clone()))),
            ("APIVersions", Val::Object(Rc::new(VersionSet(self.api_versions.clone())))),
            ("HelmVersion", Val::Object(Rc::new(BuildInfo))),
        ]
    }
    fn members(&self) -> Option<Vec<(&'static str, Val)>> {
        Some(self.fields())
    }
    fn to_value(&self) -> Value {
        map(self.fields().into_iter().map(|(name, value)| (name, value.to_value())).collect())
    }
    fn as_any(&self) -> &dyn Any {
        self
    }
}

impl Object for KubeVersion {
    fn type_name(&self) -> &'static str {
        "common.KubeVersion"
    }
    fn kind(&self) -> &'static str {
        "struct"
    }
    fn printing(&self) -> Printing {
        Printing::ByPointer
    }
    fn display(&self) -> String {
        self.for_constraints().to_owned()
    }
    fn field(&self, name: &str) -> Option<Val> {
        let found = match name {
            "Version" => &self.version,
            "Major" => &self.major,
            "Minor" => &self.minor,
            _ => return None,
        };
        Some(text(found))
    }
    fn call(&self, name: &str, _args: &[Val]) -> Option<Result<Val, String>> {
        match name {
            "String" => Some(Ok(Val::str(self.display()))),
            "GitVersion" => Some(Ok(text(&self.version))),
            _ => None,
        }
    }
    fn signature(&self, name: &str) -> Option<Signature> {
        matches!(name, "String" | "GitVersion").then_some(Signature {
            params: &[],
            variadic: false,
            result: GoType::String,
        })
    }
    fn copied(&self) -> Option<Val> {
        Some(Val::Object(Rc::new(self.without_normalized())))
    }
    fn fields(&self) -> Vec<(&'static str, Val)> {
        // The second is not exported, but `%v` shows it.
        vec![
            ("Version", text(&self.version)),
            ("normalizedVersion", text(&self.normalized)),
            ("Major", text(&self.major)),
            ("Minor", text(&self.minor)),
        ]
    }
    fn members(&self) -> Option<Vec<(&'static str, Val)>> {
        Some(vec![("Version", text(&self.version)), ("Major", text(&self.major)), ("Minor", text(&self.minor))])
    }
    fn to_value(&self) -> Value {
        let [version, major, minor] = [&self.version, &self.major, &self.minor].map(|field| field.as_str().into());
        map(vec![("Version", version), ("Major", major), ("Minor", minor)])
    }
    fn as_any(&self) -> &dyn Any {
        self
    }
}

/// `common.VersionSet`
struct VersionSet(Arc<[String]>);

impl Object for VersionSet {
    fn type_name(&self) -> &'static str {
        "common.VersionSet"
    }
    fn kind(&self) -> &'static str {
        "slice"
    }
    fn printing(&self) -> Printing {
        Printing::Parts
    }
    fn display(&self) -> String {
        format!("[{}]", self.0.join(" "))
    }
    fn field(&self, _name: &str) -> Option<Val> {
        None
    }
    fn call(&self, name: &str, args: &[Val]) -> Option<Result<Val, String>> {
        if name != "Has" {
            return None;
        }
        let [Val::Str(wanted)] = args else {
            return Some(Err(format!("wrong number of args for Has: want 1 got {}", args.len())));
        };
        Some(Ok(Val::Bool(self.0.iter().any(|version| *wanted == version.as_str()))))
    }
    fn signature(&self, name: &str) -> Option<Signature> {
        let params = &[GoType::String];
        (name == "Has").then_some(Signature { params, variadic: false, result: GoType::Bool })
    }
    fn items(&self) -> Option<Vec<Val>> {
        Some(self.0.iter().map(|version| text(version)).collect())
    }
    fn to_value(&self) -> Value {
        Value::List(self.0.iter().map(|version| version.as_str().into()).collect())
    }
    fn truth(&self) -> bool {
        !self.0.is_empty()
    }
    fn as_any(&self) -> &dyn Any {
        self
    }
}

/// `version.BuildInfo` of helm
struct BuildInfo;

impl Object for BuildInfo {
    fn type_name(&self) -> &'static str {
        "version.BuildInfo"
    }
    fn kind(&self) -> &'static str {
        "struct"
    }
    fn printing(&self) -> Printing {
        Printing::Parts
    }
    fn display(&self) -> String {
        format!("{{{HELM_VERSION}   {GO_VERSION} {KUBE_CLIENT_VERSION}}}")
    }
    fn field(&self, name: &str) -> Option<Val> {
        self.fields().into_iter().find(|(field, _)| *field == name).map(|(_, value)| value)
    }
    fn fields(&self) -> Vec<(&'static str, Val)> {
        vec![
            ("Version", text(HELM_VERSION)),
            ("GitCommit", text("")),
            ("GitTreeState", text("")),
            ("GoVersion", text(GO_VERSION)),
            ("KubeClientVersion", text(KUBE_CLIENT_VERSION)),
        ]
    }
    fn members(&self) -> Option<Vec<(&'static str, Val)>> {
        let names = [("version", HELM_VERSION), ("go_version", GO_VERSION), ("kube_client_version", KUBE_CLIENT_VERSION)];
        Some(names.map(|(name, value)| (name, text(value))).into())
    }
    fn to_value(&self) -> Value {
        map(vec![
            ("version", HELM_VERSION.into()),
            ("go_version", GO_VERSION.into()),
            ("kube_client_version", KUBE_CLIENT_VERSION.into()),
        ])
    }
    fn as_any(&self) -> &dyn Any {
        self
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    // Expectations: helm v4.3.1 template --kube-version
    #[test]
    fn kube_versions() {
        let parsed = KubeVersion::parse("1.33.4-gke.1245000").unwrap();
        assert_eq!((parsed.version.as_str(), parsed.normalized.as_str()), ("v1.33.4-gke.1245000", "v1.33.4"));
        assert_eq!((parsed.major.as_str(), parsed.minor.as_str()), ("1", "33"));
        assert_eq!(KubeVersion::parse("v1.20").unwrap().normalized, "v1.20");
        assert_eq!(KubeVersion::parse("x").unwrap_err(), "could not parse \"x\" as version");
        assert_eq!(KubeVersion::parse("1").unwrap_err(), "illegal version string \"1\"");
        // A rune after the digits once was cut in its middle.
        assert_eq!(KubeVersion::parse("1é").unwrap_err(), "illegal version string \"1é\"");
        assert_eq!(KubeVersion::parse("v1.é").unwrap_err(), "illegal version string \"v1.é\"");
        assert_eq!(KubeVersion::parse("1.30.é1").unwrap().normalized, "v1.30");
        let want = "illegal zero-prefixed version component \"01\" in \"01.2\"";
        assert_eq!(KubeVersion::parse("01.2").unwrap_err(), want);
    }
}
