//! What a user writes: the custom resource `Environment`, from which the CRD in `manifests/` is generated.

use kube::{CustomResource, KubeSchema};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

use super::{ImageCheckSpec, ImageSpec, ImageUpdatesSpec, VerifySpec, status::EnvironmentStatus};

/// One chart, followed from one branch of a git repository or from a chart repository, released as one Helm release in one namespace.
#[derive(CustomResource, KubeSchema, Clone, Debug, Deserialize, Serialize, PartialEq)]
#[kube(
    group = "windlass.dev",
    version = "v1alpha1",
    kind = "Environment",
    plural = "environments",
    shortname = "env",
    category = "windlass",
    namespaced,
    status = "EnvironmentStatus",
    derive = "PartialEq",
    printcolumn(name = "Branch", type_ = "string", json_path = ".spec.source.git.branch"),
    printcolumn(name = "Chart", type_ = "string", json_path = ".spec.source.chart.name", priority = 1),
    printcolumn(name = "Revision", type_ = "string", json_path = ".status.revision"),
    printcolumn(name = "Release", type_ = "string", json_path = ".status.release.display"),
    printcolumn(name = "Ready", type_ = "string", json_path = ".status.conditions[?(@.type==\"Ready\")].status"),
    printcolumn(name = "Tests", type_ = "string", json_path = ".status.tests.summary"),
    printcolumn(name = "Status", type_ = "string", json_path = ".status.conditions[?(@.type==\"Ready\")].message", priority = 1),
    printcolumn(name = "Age", type_ = "date", json_path = ".metadata.creationTimestamp")
)]
#[serde(rename_all = "camelCase")]
#[allow(clippy::duplicated_attributes)] // each printcolumn repeats the same keys
pub struct EnvironmentSpec {
    /// Where the chart comes from.
    pub source: SourceSpec,
    /// The Helm release that the chart becomes.
    #[serde(default)]
    pub release: ReleaseSpec,
    /// Values on top of the chart's own: files, then keys of ConfigMaps and Secrets, then inline.
    #[serde(default)]
    pub values: ValuesSpec,
    /// What is changed on the rendered objects before they are planned: patches, images, labels, annotations.
    #[serde(default)]
    pub post_render: PostRenderSpec,
    /// How old Pods give way to new ones; as the chart says where it is not given.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub strategy: Option<StrategySpec>,
    /// When and how the cluster is brought to what git says.
    #[serde(default)]
    pub sync: SyncSpec,
    /// How long a release may take to become healthy.
    #[serde(default)]
    pub health: HealthSpec,
    /// The tests that run after every release.
    #[serde(default)]
    pub tests: TestsSpec,
    /// What happens when a release fails.
    #[serde(default)]
    pub rollback: RollbackSpec,
    /// Whether each revision is linted before it is planned.
    #[serde(default)]
    pub lint: LintMode,
    /// Environments that have to be as wanted before a sync of this one begins.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 32))]
    pub depends_on: Vec<DependencySpec>,
    /// Whether somebody with the right to `approve` has to agree to each plan before it is applied.
    #[serde(default)]
    pub approval: ApprovalMode,
    /// How long an approval holds: a sync that has not begun by then asks again.
    #[serde(default = "default_approval_expires")]
    pub approval_expires: String,
    /// Where a revision goes on to that proved good here.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub promote: Option<PromoteSpec>,
    /// Images whose tags are written to the branch by policy.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 50))]
    pub images: Vec<ImageSpec>,
    /// How image updates are looked for and committed.
    #[serde(default)]
    pub image_updates: ImageUpdatesSpec,
    /// Whether images that a revision names for the first time are looked up before anything is applied.
    #[serde(default)]
    pub image_check: ImageCheckSpec,
    /// What becomes of the release when this Environment is deleted.
    #[serde(default)]
    pub deletion_policy: DeletionPolicy,
    /// Where the chart is published, if anywhere.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub publish: Option<PublishSpec>,
    /// While true nothing is changed; what is under way is finished first.
    #[serde(default)]
    pub suspend: bool,
}

/// Where the chart comes from.
#[derive(KubeSchema, Clone, Debug, Deserialize, Serialize, PartialEq)]
#[serde(rename_all = "camelCase")]
#[x_kube(validation = Rule::new("has(self.git) || has(self.chart)").message("name where the chart comes from: git, or chart (git beside it then gives values files alone)"))]
#[x_kube(validation = Rule::new("!has(self.dependencies) || !has(self.chart)").message("dependencies are for a chart in git: a chart from a repository carries its own"))]
pub struct SourceSpec {
    /// A branch of a git repository: the chart's folder, or a folder of plain manifests. Beside `chart`, git gives the files
    /// of `spec.values.files` and nothing else.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub git: Option<GitSourceSpec>,
    /// A chart from a chart repository.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub chart: Option<ChartSourceSpec>,
    /// How the repositories of dependencies that are not in the chart's `charts/` are opened.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 32))]
    pub dependencies: Vec<DependencyAccess>,
}

/// A chart from a chart repository.
#[derive(KubeSchema, Clone, Debug, Deserialize, Serialize, PartialEq)]
#[serde(rename_all = "camelCase")]
pub struct ChartSourceSpec {
    /// The repository: `https://host/path` (with index.yaml), `oci://host/path` (the chart's name is added) or
    /// `s3://bucket/prefix?endpoint=URL&region=NAME`.
    #[schemars(length(max = 512))]
    #[x_kube(validation = Rule::new("self.matches('^(https?|oci|s3)://.+$')").message("must be an https://, http://, oci:// or s3:// address"))]
    pub repository: String,
    /// The chart's name.
    #[schemars(length(min = 1, max = 250))]
    pub name: String,
    /// The version, or a range such as `~1.4` or `>=2 <3`; the newest where it is not given.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    #[schemars(length(max = 512))]
    pub version: String,
    /// Whether versions with a pre-release part count where the range names none.
    #[serde(default)]
    pub prereleases: bool,
    /// How often the repository is looked at, for example `5m`.
    #[serde(default = "default_chart_interval")]
    #[schemars(regex(pattern = r"^([0-9]+ ?(ms|msec|s|sec|second|seconds|m|min|minute|minutes|h|hr|hour|hours|d|day|days|w|week|weeks) ?)+$"))]
    pub interval: String,
    /// A Secret in the Environment's namespace with the credentials.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub secret_ref: Option<LocalRef>,
    /// Whether a registry or an S3 endpoint is spoken to without TLS.
    #[serde(default)]
    pub plain_http: bool,
}

/// How a repository of dependencies is opened.
#[derive(Clone, Debug, Deserialize, Serialize, JsonSchema, PartialEq)]
#[serde(rename_all = "camelCase")]
pub struct DependencyAccess {
    /// The repository as Chart.yaml names it, or the beginning of its path.
    #[schemars(length(min = 1, max = 512))]
    pub repository: String,
    /// A Secret in the Environment's namespace with the credentials.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub secret_ref: Option<LocalRef>,
    /// Whether a registry is spoken to without TLS.
    #[serde(default)]
    pub plain_http: bool,
}

/// Where the Environment's chart is published.
#[derive(KubeSchema, Clone, Debug, Deserialize, Serialize, PartialEq)]
#[serde(rename_all = "camelCase")]
pub struct PublishSpec {
    /// When: once the chart renders and its plan is accepted, or once it is released, healthy and tested.
    #[serde(default)]
    pub when: PublishWhen,
    /// The repository: `oci://host/path`, `s3://bucket/prefix?endpoint=URL&region=NAME`, or `https://host/path` with
    /// ChartMuseum's API.
    #[schemars(length(max = 512))]
    #[x_kube(validation = Rule::new("self.matches('^(https?|oci|s3)://.+$')").message("must be an https://, http://, oci:// or s3:// address"))]
    pub to: String,
    /// A Secret in the Environment's namespace with the credentials.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub secret_ref: Option<LocalRef>,
    /// Whether a registry or an S3 endpoint is spoken to without TLS.
    #[serde(default)]
    pub plain_http: bool,
}

/// When the Environment's chart is published.
#[derive(Clone, Copy, Debug, Default, Deserialize, Serialize, JsonSchema, PartialEq, Eq)]
pub enum PublishWhen {
    /// Once the chart renders and its plan is accepted.
    Validated,
    /// Once it is released, healthy and tested.
    #[default]
    Verified,
}

/// A branch of a git repository.
#[derive(KubeSchema, Clone, Debug, Deserialize, Serialize, PartialEq)]
#[serde(rename_all = "camelCase")]
pub struct GitSourceSpec {
    /// The repository: `https://…`, `ssh://…`, `git@host:path` or `file://…`.
    #[schemars(length(max = 512))]
    #[x_kube(validation = Rule::new("self.matches('^(https?|ssh|file)://.+$|^[^@/ ]+@[^:/ ]+:.+$')").message("must be an https://, ssh://, file:// or user@host:path address"))]
    pub url: String,
    /// The branch to follow.
    #[schemars(length(min = 1))]
    pub branch: String,
    /// The chart's folder in the repository.
    #[serde(default = "default_path")]
    #[schemars(length(max = 256))]
    #[x_kube(validation = Rule::new("!self.startsWith('/') && !self.split('/').exists(p, p == '..')").message("must be a relative path without '..'"))]
    pub path: String,
    /// How often the branch is looked at, for example `1m`.
    #[serde(default = "default_interval")]
    #[schemars(regex(pattern = r"^([0-9]+ ?(ms|msec|s|sec|second|seconds|m|min|minute|minutes|h|hr|hour|hours|d|day|days|w|week|weeks) ?)+$"))]
    pub interval: String,
    /// A Secret in the Environment's namespace with the credentials.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub secret_ref: Option<LocalRef>,
    /// How many commits are fetched; 0 fetches all.
    #[serde(default = "default_depth")]
    #[schemars(range(min = 0))]
    pub depth: i32,
    /// Whether submodules are fetched too.
    #[serde(default)]
    pub submodules: bool,
    /// Whose signature the head has to carry; what is unsigned or signed by others is never deployed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub verify: Option<VerifySpec>,
}

/// The name of an object in the Environment's namespace.
#[derive(Clone, Debug, Deserialize, Serialize, JsonSchema, PartialEq)]
pub struct LocalRef {
    /// Its name.
    #[schemars(length(min = 1))]
    pub name: String,
}

/// The Helm release that the chart becomes.
#[derive(KubeSchema, Clone, Debug, Deserialize, Serialize, PartialEq)]
#[serde(rename_all = "camelCase")]
pub struct ReleaseSpec {
    /// The release's name; the Environment's own name where it is not given.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 53), regex(pattern = r"^[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*$"))]
    #[x_kube(validation = Rule::new("self == oldSelf").message("a release cannot be renamed: make another Environment"))]
    pub name: Option<String>,
    /// The namespace it goes to; the Environment's own where it is not given.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 63))]
    #[x_kube(validation = Rule::new("self == oldSelf").message("a release cannot change its namespace: make another Environment"))]
    pub namespace: Option<String>,
    /// Whether a missing namespace is created.
    #[serde(default)]
    pub create_namespace: bool,
    /// What becomes of the CustomResourceDefinitions in the chart's `crds/` folders, subcharts' included.
    #[serde(default)]
    pub crds: CrdPolicy,
    /// How many release records are kept.
    #[serde(default = "default_history_limit")]
    #[schemars(range(min = 2))]
    pub history_limit: i32,
    /// How long one operation (apply, a hook) may take, for example `5m`.
    #[serde(default = "default_timeout")]
    pub timeout: String,
}

/// Values on top of the chart's own, in this order: files, from, inline.
#[derive(Clone, Debug, Default, Deserialize, Serialize, JsonSchema, PartialEq)]
#[serde(rename_all = "camelCase")]
pub struct ValuesSpec {
    /// Files of the repository, relative to the chart's folder (or to the repository's top with a leading `/`).
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub files: Vec<String>,
    /// Keys of ConfigMaps and Secrets that hold YAML.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub from: Vec<ValuesFrom>,
    /// What opens files that sops encrypted: values files, keys of ConfigMaps and Secrets, and files of the chart.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub decryption: Option<DecryptionSpec>,
    /// Values written here.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    #[schemars(schema_with = "any_object")]
    pub inline: BTreeMap<String, serde_json::Value>,
}

/// What opens files that sops encrypted.
#[derive(Clone, Debug, Deserialize, Serialize, JsonSchema, PartialEq)]
#[serde(rename_all = "camelCase")]
pub struct DecryptionSpec {
    /// A Secret in the Environment's namespace: each entry holds age identities, an ssh private key or an armored PGP secret
    /// key; the entry `passphrase` opens protected ones.
    pub secret_ref: LocalRef,
}

/// One key of a ConfigMap or Secret.
#[derive(Clone, Debug, Deserialize, Serialize, JsonSchema, PartialEq)]
#[serde(rename_all = "camelCase")]
pub struct ValuesFrom {
    /// `ConfigMap` or `Secret`.
    pub kind: ValuesFromKind,
    /// The object's name, in the Environment's namespace.
    pub name: String,
    /// The key that holds YAML.
    #[serde(default = "default_values_key")]
    pub key: String,
    /// Whether a missing object or key is passed over.
    #[serde(default)]
    pub optional: bool,
}

/// What holds values.
#[derive(Clone, Copy, Debug, Deserialize, Serialize, JsonSchema, PartialEq, Eq)]
pub enum ValuesFromKind {
    /// A ConfigMap.
    ConfigMap,
    /// A Secret.
    Secret,
}

/// What is changed on the rendered objects, hooks included, in this order; as kustomize does it.
#[derive(Clone, Debug, Default, Deserialize, Serialize, JsonSchema, PartialEq)]
#[serde(rename_all = "camelCase")]
pub struct PostRenderSpec {
    /// Patches, one after the other.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub patches: Vec<PatchSpec>,
    /// Images by another name, tag or digest.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub images: Vec<PostRenderImage>,
    /// Labels on every object; selectors and Pod templates stay as they are.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub labels: BTreeMap<String, String>,
    /// Annotations on every object and on the Pods that it makes.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub annotations: BTreeMap<String, String>,
}

/// One patch.
#[derive(Clone, Debug, Deserialize, Serialize, JsonSchema, PartialEq)]
pub struct PatchSpec {
    /// The objects that it is meant for; where it is not given, the patch's own apiVersion, kind and name say so.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub target: Option<PatchTarget>,
    /// YAML: a part of an object (strategic merge), or a list of operations (JSON6902).
    #[schemars(length(min = 1, max = 65536))]
    pub patch: String,
}

/// The objects that a patch is meant for: those that fit everything given here.
#[derive(Clone, Debug, Default, Deserialize, Serialize, JsonSchema, PartialEq)]
#[serde(rename_all = "camelCase")]
pub struct PatchTarget {
    /// API group, for example `apps`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub group: Option<String>,
    /// API version, for example `v1`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub version: Option<String>,
    /// Kind, a regular expression that fits from end to end.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub kind: Option<String>,
    /// Name, likewise.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// Namespace, likewise.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub namespace: Option<String>,
    /// Labels, as `app=web,tier in (a, b)`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub label_selector: Option<String>,
    /// Annotations, likewise.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub annotation_selector: Option<String>,
}

/// An image by another name, tag or digest.
#[derive(Clone, Debug, Deserialize, Serialize, JsonSchema, PartialEq)]
#[serde(rename_all = "camelCase")]
pub struct PostRenderImage {
    /// The name as the chart writes it, without tag and digest.
    #[schemars(length(min = 1))]
    pub name: String,
    /// The name instead.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub new_name: Option<String>,
    /// The tag instead; takes a digest away.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub new_tag: Option<String>,
    /// The digest instead, as `sha256:…`; takes the tag away, unless a new one is given, too.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub digest: Option<String>,
}

/// How old Pods give way to new ones, set on every workload of the chart.
#[derive(Clone, Debug, Deserialize, Serialize, JsonSchema, PartialEq)]
#[serde(rename_all = "camelCase")]
pub struct StrategySpec {
    /// `RollingUpdate`: a few at a time. `Recreate`: every old Pod of the release is gone before pre-upgrade hooks run and new ones
    /// come: for versions that must not run together. `BlueGreen`: a second set stands beside the first, is waited for and tested through
    /// preview Services; then the Services switch, and the old set is removed once the new one has been watched for `keep`.
    #[serde(rename = "type")]
    pub type_: StrategyType,
    /// For `RollingUpdate`: how many Pods more than wanted there may be, a number or a percentage (not for StatefulSets).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "int_or_string")]
    pub max_surge: Option<serde_json::Value>,
    /// For `RollingUpdate`: how many Pods fewer than wanted may be ready, a number or a percentage.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "int_or_string")]
    pub max_unavailable: Option<serde_json::Value>,
    /// For `BlueGreen`: how long the new set is watched after the Services have switched to it, before the old one is removed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub keep: Option<String>,
    /// For `BlueGreen`: what the names of the preview Services end with; `-preview` where it is not given.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 2, max = 20), regex(pattern = r"^-[-a-z0-9]*[a-z0-9]$"))]
    pub preview: Option<String>,
}

/// How old Pods give way to new ones.
#[derive(Clone, Copy, Debug, Deserialize, Serialize, JsonSchema, PartialEq, Eq)]
pub enum StrategyType {
    /// A few at a time.
    RollingUpdate,
    /// All old ones go before new ones come.
    Recreate,
    /// A second set beside the first, until the Services switch to it.
    BlueGreen,
}

/// When and how the cluster is brought to what git says.
#[derive(Clone, Debug, Deserialize, Serialize, JsonSchema, PartialEq)]
#[serde(rename_all = "camelCase")]
pub struct SyncSpec {
    /// `Auto` applies each new revision; `Manual` plans, shows, and waits for `windlass sync`.
    #[serde(default)]
    pub mode: SyncMode,
    /// Whether objects that left the chart are deleted.
    #[serde(default = "yes")]
    pub prune: bool,
    /// Whether changes made by hand are taken back.
    #[serde(default = "yes")]
    pub self_heal: bool,
    /// Another release's or tool's fields are taken over instead of reported as a conflict.
    #[serde(default)]
    pub force_conflicts: bool,
    /// Fields that are left to others: they are neither compared nor applied where they live already.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub ignore: Vec<IgnoreSpec>,
    /// How transient failures are tried again.
    #[serde(default)]
    pub retry: RetrySpec,
    /// When a sync may begin. One that is under way is always finished.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 32))]
    pub windows: Vec<WindowSpec>,
    /// When deletions wait for somebody's approval.
    #[serde(default)]
    pub prune_guard: PruneGuardSpec,
    /// What becomes of a change that the helm command line makes to the release: `Repair` releases again what the branch says,
    /// `Follow` keeps it until the branch moves or somebody asks for a sync.
    #[serde(default)]
    pub on_helm_change: OnHelmChange,
    /// What becomes of a change to a field that cannot be changed in place (a Job's template, a Deployment's selector): `Refuse`
    /// names the field and applies nothing, `Replace` deletes the object and creates it anew.
    #[serde(default)]
    pub immutable: ImmutablePolicy,
}

/// A time in which a sync may begin, or may not.
#[derive(Clone, Debug, Deserialize, Serialize, JsonSchema, PartialEq)]
#[serde(rename_all = "camelCase")]
pub struct WindowSpec {
    /// `Allow`: only in such a window; `Deny`: in none of these, which goes before every `Allow`.
    pub kind: WindowKind,
    /// When it opens, in cron's five fields: `0 22 * * MON-FRI`.
    #[schemars(length(min = 1, max = 128))]
    pub schedule: String,
    /// How long it is open, for example `8h`.
    pub duration: String,
    /// The time zone of the schedule, by its IANA name.
    #[serde(default = "default_time_zone")]
    pub time_zone: String,
}

/// What a window does.
#[derive(Clone, Copy, Debug, Deserialize, Serialize, JsonSchema, PartialEq, Eq)]
pub enum WindowKind {
    /// A sync may begin in it.
    Allow,
    /// None may.
    Deny,
}

/// When deletions wait for somebody's approval. PersistentVolumeClaims, CRDs and Namespaces that hold anything always do.
#[derive(Clone, Debug, Deserialize, Serialize, JsonSchema, PartialEq)]
#[serde(rename_all = "camelCase")]
pub struct PruneGuardSpec {
    /// The share of the release's objects, old and new together, that one sync may delete by itself; `100%` never waits by it.
    #[serde(default = "default_max_share")]
    #[schemars(regex(pattern = r"^(100|[0-9]{1,2})%$"))]
    pub max_share: String,
}

/// An Environment that another one waits for.
#[derive(Clone, Debug, Deserialize, Serialize, JsonSchema, PartialEq)]
#[serde(rename_all = "camelCase")]
pub struct DependencySpec {
    /// Its name.
    #[schemars(length(min = 1, max = 253))]
    pub name: String,
    /// Its namespace; that of this Environment where it is not given.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 63))]
    pub namespace: Option<String>,
    /// The condition that has to be true.
    #[serde(default = "default_condition")]
    #[schemars(length(min = 1, max = 63))]
    pub condition: String,
}

/// Where a revision goes on to that proved good here: another branch of the same repository, which another Environment follows.
#[derive(KubeSchema, Clone, Debug, Deserialize, Serialize, PartialEq)]
#[serde(rename_all = "camelCase")]
pub struct PromoteSpec {
    /// The branch.
    #[schemars(length(min = 1))]
    pub to: String,
    /// How long it has to be live, healthy and tested first.
    #[serde(default = "default_promote_after")]
    pub after: String,
    /// Whether somebody with the right to `approve` has to say so, by `windlass promote`.
    #[serde(default)]
    pub approval: ApprovalMode,
    /// Files and folders, from the repository's top, that stay as the other branch has them: its own values.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 64))]
    pub keep: Vec<String>,
}

/// Whether somebody has to agree to each plan.
#[derive(Clone, Copy, Debug, Default, Deserialize, Serialize, JsonSchema, PartialEq, Eq)]
pub enum ApprovalMode {
    /// Nobody has to.
    #[default]
    Off,
    /// Somebody has to, by `windlass approve`.
    Required,
}

/// What becomes of a change that the helm command line makes to the release.
#[derive(Clone, Copy, Debug, Default, Deserialize, Serialize, JsonSchema, PartialEq, Eq)]
pub enum OnHelmChange {
    /// What the branch says is released again at once.
    #[default]
    Repair,
    /// It stays until the branch moves.
    Follow,
}

/// What becomes of a change to a field that cannot be changed in place.
#[derive(Clone, Copy, Debug, Default, Deserialize, Serialize, JsonSchema, PartialEq, Eq)]
pub enum ImmutablePolicy {
    /// The plan is refused, with the field named.
    #[default]
    Refuse,
    /// The object is deleted and created anew; it is away in between.
    Replace,
}

/// What becomes of the definitions in a chart's `crds/` folders.
#[derive(Clone, Copy, Debug, Default, Deserialize, Serialize, JsonSchema, PartialEq, Eq)]
pub enum CrdPolicy {
    /// They are left out.
    Skip,
    /// Those that do not exist are created, before each release; none is changed.
    #[default]
    Create,
    /// They are created, and brought up to date with each release.
    CreateReplace,
}

/// Fields that are left to others, on the objects that fit everything given here.
#[derive(Clone, Debug, Default, Deserialize, Serialize, JsonSchema, PartialEq)]
#[serde(rename_all = "camelCase")]
pub struct IgnoreSpec {
    /// API group, for example `apps`; any where it is not given.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub group: Option<String>,
    /// Kind; any where it is not given.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub kind: Option<String>,
    /// Name; any where it is not given.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// JSON pointers, for example `/spec/replicas`; a segment `*` stands for every key or index.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub pointers: Vec<String>,
    /// Only fields that one of these field managers owns; `*` is any but windlass. With no pointers: all that they own.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub managers: Vec<String>,
}

/// When a new revision is applied.
#[derive(Clone, Copy, Debug, Default, Deserialize, Serialize, JsonSchema, PartialEq, Eq)]
pub enum SyncMode {
    /// At once.
    #[default]
    Auto,
    /// When a person says so.
    Manual,
}

/// How transient failures (a refused connection, a conflict, a 5xx) are tried again.
#[derive(Clone, Debug, Deserialize, Serialize, JsonSchema, PartialEq)]
#[serde(rename_all = "camelCase")]
pub struct RetrySpec {
    /// How many times.
    #[serde(default = "default_retry_limit")]
    #[schemars(range(min = 0, max = 100))]
    pub limit: i32,
    /// The first pause; each further one is twice as long, with jitter, up to five minutes.
    #[serde(default = "default_backoff")]
    pub backoff: String,
}

/// How long a release may take to become healthy.
#[derive(Clone, Debug, Deserialize, Serialize, JsonSchema, PartialEq)]
pub struct HealthSpec {
    /// For example `5m`.
    #[serde(default = "default_timeout")]
    pub timeout: String,
}

/// The tests that run after every release.
#[derive(Clone, Debug, Deserialize, Serialize, JsonSchema, PartialEq)]
#[serde(rename_all = "camelCase")]
pub struct TestsSpec {
    /// Whether they run.
    #[serde(default = "yes")]
    pub enabled: bool,
    /// How long each may take.
    #[serde(default = "default_timeout")]
    pub timeout: String,
    /// How often they run again on the release that is deployed, for example `1h`: checks from inside of the cluster. They only
    /// report. Not at all where it is not given.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub every: Option<String>,
    /// Whether they run at the same time, up to eight of them, instead of one after the other.
    #[serde(default)]
    pub parallel: bool,
    /// What a test that fails after a release leads to.
    #[serde(default)]
    pub on_failure: TestFailure,
    /// Jobs of the release, by name, that count as tests beside the chart's own test hooks.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub jobs: Vec<String>,
}

/// What happens when a release fails.
#[derive(Clone, Debug, Deserialize, Serialize, JsonSchema, PartialEq)]
#[serde(rename_all = "camelCase")]
pub struct RollbackSpec {
    /// Whether the last good release is put back.
    #[serde(default = "yes")]
    pub enabled: bool,
    /// What becomes of a first release that fails.
    #[serde(default)]
    pub first_install: FirstInstall,
    /// Whether the tests run after a rollback, too.
    #[serde(default)]
    pub tests: bool,
    /// Whether the bad commit is taken back on the branch after a rollback, by `git revert`.
    #[serde(default)]
    pub git: GitRollback,
}

/// What happens on the branch after a rollback.
#[derive(Clone, Copy, Debug, Default, Deserialize, Serialize, JsonSchema, PartialEq, Eq)]
pub enum GitRollback {
    /// Nothing.
    #[default]
    Off,
    /// The bad commit is reverted and pushed.
    Revert,
}

/// What a test that fails after a release leads to.
#[derive(Clone, Copy, Debug, Default, Deserialize, Serialize, JsonSchema, PartialEq, Eq)]
pub enum TestFailure {
    /// The release has failed: it is rolled back as `rollback` says.
    #[default]
    Rollback,
    /// It is said, and the release stays.
    Report,
}

/// What becomes of a first release that fails.
#[derive(Clone, Copy, Debug, Default, Deserialize, Serialize, JsonSchema, PartialEq, Eq)]
pub enum FirstInstall {
    /// It is taken away again.
    #[default]
    Remove,
    /// It stays, for a look.
    Keep,
}

/// Whether each revision is linted before it is planned.
#[derive(Clone, Copy, Debug, Default, Deserialize, Serialize, JsonSchema, PartialEq, Eq)]
pub enum LintMode {
    /// Not at all.
    #[default]
    Off,
    /// Findings are shown.
    Warn,
    /// Errors and warnings refuse the revision.
    Strict,
}

/// What becomes of the release when its Environment is deleted.
#[derive(Clone, Copy, Debug, Default, Deserialize, Serialize, JsonSchema, PartialEq, Eq)]
pub enum DeletionPolicy {
    /// It is uninstalled.
    #[default]
    Uninstall,
    /// It stays, as a release that helm goes on with.
    Orphan,
}

macro_rules! defaults_from_serde {
    ($($type:ty),*) => {$(
        impl Default for $type {
            fn default() -> Self {
                serde_json::from_value(serde_json::json!({})).expect("every field of it has a default")
            }
        }
    )*};
}
defaults_from_serde!(ReleaseSpec, SyncSpec, PruneGuardSpec, RetrySpec, HealthSpec, TestsSpec, RollbackSpec);

fn yes() -> bool {
    true
}
fn default_path() -> String {
    ".".into()
}
fn default_interval() -> String {
    "1m".into()
}
fn default_chart_interval() -> String {
    "5m".into()
}
fn default_depth() -> i32 {
    1
}
fn default_history_limit() -> i32 {
    10
}
fn default_timeout() -> String {
    "5m".into()
}
fn default_retry_limit() -> i32 {
    5
}
fn default_backoff() -> String {
    "5s".into()
}
fn default_promote_after() -> String {
    "30m".into()
}
fn default_time_zone() -> String {
    "UTC".into()
}
fn default_max_share() -> String {
    "50%".into()
}
fn default_condition() -> String {
    "Ready".into()
}
fn default_approval_expires() -> String {
    "24h".into()
}
fn default_values_key() -> String {
    "values.yaml".into()
}

/// A number, or a percentage as text.
fn int_or_string(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
    schemars::json_schema!({ "x-kubernetes-int-or-string": true })
}

/// A free-form object: the API server keeps whatever stands in it.
fn any_object(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
    schemars::json_schema!({ "type": "object", "x-kubernetes-preserve-unknown-fields": true })
}
