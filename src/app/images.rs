//! What a user writes about images and signatures, as part of an Environment.

use super::LocalRef;
use kube::KubeSchema;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// An image whose tag is written to the branch when a policy picks another one.
#[derive(KubeSchema, Clone, Debug, Deserialize, Serialize, PartialEq)]
#[serde(rename_all = "camelCase")]
pub struct ImageSpec {
    /// The image without a tag, for example `ghcr.io/shop/web`.
    #[schemars(length(min = 1, max = 255))]
    pub image: String,
    /// Which tag is wanted.
    pub policy: ImagePolicySpec,
    /// Where it is written: paths of the values file, as `--set` names them. What is written follows an equals sign: `tag`
    /// (where nothing is said), `digest`, `tag@digest` (where nothing is said of a policy `digest`) or `image`, for example `image.tag` or `image.digest=digest`.
    #[schemars(length(min = 1, max = 20))]
    pub set: Vec<String>,
    /// The file, relative to the chart's folder (or to the repository's top with a leading `/`).
    #[serde(default = "default_file")]
    pub file: String,
    /// A Secret with the registry's credentials (`kubernetes.io/dockerconfigjson`, or `username` and `password`; `ca.crt`).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub secret_ref: Option<LocalRef>,
    /// The registry is reached without TLS.
    #[serde(default)]
    pub insecure: bool,
}

/// Which tag is wanted: exactly one of these.
#[derive(KubeSchema, Clone, Debug, Default, Deserialize, Serialize, PartialEq)]
#[serde(rename_all = "camelCase")]
#[x_kube(validation = Rule::new("[has(self.semver), has(self.regex), has(self.newest), has(self.digest)].filter(p, p).size() == 1").message("set exactly one of semver, regex, newest, digest"))]
pub struct ImagePolicySpec {
    /// The highest version in a range.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub semver: Option<SemverPolicySpec>,
    /// The last of the tags that match a pattern.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub regex: Option<RegexPolicySpec>,
    /// The image that was made last.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub newest: Option<NewestPolicySpec>,
    /// One tag whose digest moves.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub digest: Option<DigestPolicySpec>,
}

/// The highest version in a range.
#[derive(Clone, Debug, Deserialize, Serialize, JsonSchema, PartialEq)]
#[serde(rename_all = "camelCase")]
pub struct SemverPolicySpec {
    /// As Helm reads it: `~1.4`, `>=2 <3`.
    #[schemars(length(min = 1, max = 512))]
    pub range: String,
    /// Whether prereleases of the range count.
    #[serde(default)]
    pub prereleases: bool,
}

/// The last of the tags that match a pattern.
#[derive(Clone, Debug, Deserialize, Serialize, JsonSchema, PartialEq)]
#[serde(rename_all = "camelCase")]
pub struct RegexPolicySpec {
    /// It has to match all of the tag; the group named `key`, else the first, is what is ordered: `main-(\d+)-[0-9a-f]+`.
    #[schemars(length(min = 1, max = 512))]
    pub pattern: String,
    /// The order.
    #[serde(default)]
    pub order: RegexOrder,
    /// The first is wanted instead of the last.
    #[serde(default)]
    pub descending: bool,
}

/// How tags are ordered.
#[derive(Clone, Copy, Debug, Default, Deserialize, Serialize, JsonSchema, PartialEq, Eq)]
pub enum RegexOrder {
    /// By number.
    #[default]
    Numerical,
    /// By letters.
    Alphabetical,
    /// As versions.
    Semver,
}

/// The image that was made last.
#[derive(Clone, Debug, Default, Deserialize, Serialize, JsonSchema, PartialEq)]
#[serde(rename_all = "camelCase")]
pub struct NewestPolicySpec {
    /// Only tags that match; any where it is not given.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 512))]
    pub pattern: Option<String>,
}

/// One tag whose digest moves.
#[derive(Clone, Debug, Deserialize, Serialize, JsonSchema, PartialEq)]
#[serde(rename_all = "camelCase")]
pub struct DigestPolicySpec {
    /// The tag.
    #[schemars(length(min = 1, max = 128))]
    pub tag: String,
}

/// How image updates are looked for and committed.
#[derive(Clone, Debug, Deserialize, Serialize, JsonSchema, PartialEq)]
#[serde(rename_all = "camelCase")]
pub struct ImageUpdatesSpec {
    /// How often registries are asked, for example `5m`; a webhook makes it at once.
    #[serde(default = "default_interval")]
    pub interval: String,
    /// The commit's message: a Go template over `.environment .namespace .branch .chartVersion .updates` (each `.image .from .to
    /// .digest .created .labels .file`).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 16384))]
    pub message: Option<String>,
    /// Who commits.
    #[serde(default)]
    pub author: AuthorSpec,
    /// A Secret with a private key that signs the commits: an OpenSSH or an OpenPGP one, its passphrase under `passphrase`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub signing_secret_ref: Option<LocalRef>,
    /// Which part of the chart's version moves with the images.
    #[serde(default)]
    pub chart_version: ChartVersionMode,
}

/// Who commits.
#[derive(Clone, Debug, Deserialize, Serialize, JsonSchema, PartialEq)]
#[serde(rename_all = "camelCase")]
pub struct AuthorSpec {
    /// Name.
    #[serde(default = "default_author")]
    #[schemars(length(min = 1, max = 200))]
    pub name: String,
    /// Address.
    #[serde(default = "default_email")]
    #[schemars(length(min = 1, max = 200))]
    pub email: String,
}

/// Which part of the chart's version moves with the images.
#[derive(Clone, Copy, Debug, Default, Deserialize, Serialize, JsonSchema, PartialEq, Eq)]
pub enum ChartVersionMode {
    /// None.
    #[default]
    Keep,
    /// The third number.
    Patch,
    /// The second number.
    Minor,
}

/// Whether images that a revision names for the first time are looked up at their registries before anything is applied.
#[derive(Clone, Debug, Deserialize, Serialize, JsonSchema, PartialEq)]
#[serde(rename_all = "camelCase")]
pub struct ImageCheckSpec {
    /// `Wait` holds a revision back while an image is missing; `Off` asks no registry.
    #[serde(default)]
    pub mode: ImageCheckMode,
    /// How long a missing image is waited for before the revision counts as stalled; it is still not condemned.
    #[serde(default = "default_check_timeout")]
    pub timeout: String,
    /// A Secret with the registries' credentials.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub secret_ref: Option<LocalRef>,
}

/// What is done about images that a registry does not have.
#[derive(Clone, Copy, Debug, Default, Deserialize, Serialize, JsonSchema, PartialEq, Eq)]
pub enum ImageCheckMode {
    /// Nobody is asked.
    #[default]
    Off,
    /// They are waited for.
    Wait,
}

/// Whose signatures the head of the branch has to carry.
#[derive(Clone, Debug, Deserialize, Serialize, JsonSchema, PartialEq)]
#[serde(rename_all = "camelCase")]
pub struct VerifySpec {
    /// A Secret with public keys: SSH (as in `authorized_keys` or `allowed_signers`) and OpenPGP, under any key.
    pub secret_ref: LocalRef,
    /// What has to be signed.
    #[serde(default)]
    pub mode: VerifyMode,
}

/// What has to be signed.
#[derive(Clone, Copy, Debug, Default, Deserialize, Serialize, JsonSchema, PartialEq, Eq)]
pub enum VerifyMode {
    /// The commit.
    #[default]
    Commit,
    /// An annotated tag that names the commit.
    Tag,
    /// Either.
    CommitOrTag,
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
defaults_from_serde!(ImageUpdatesSpec, AuthorSpec, ImageCheckSpec);

fn default_file() -> String {
    "values.yaml".into()
}
fn default_interval() -> String {
    "5m".into()
}
fn default_author() -> String {
    "windlass".into()
}
fn default_email() -> String {
    "windlass@localhost".into()
}
fn default_check_timeout() -> String {
    "30m".into()
}
