//! The custom resource `Receiver`: an address that senders of webhooks call, registered once.

use super::LocalRef;
use kube::{CustomResource, KubeSchema};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// An address for the webhooks of one sender: what it tells makes the Environments of this namespace look at once.
#[derive(CustomResource, KubeSchema, Clone, Debug, Deserialize, Serialize, PartialEq)]
#[kube(
    group = "windlass.dev",
    version = "v1alpha1",
    kind = "Receiver",
    plural = "receivers",
    category = "windlass",
    namespaced,
    status = "ReceiverStatus",
    derive = "PartialEq",
    printcolumn(name = "Driver", type_ = "string", json_path = ".spec.driver"),
    printcolumn(name = "Path", type_ = "string", json_path = ".status.path"),
    printcolumn(name = "Ready", type_ = "string", json_path = ".status.conditions[?(@.type==\"Ready\")].status"),
    printcolumn(name = "Status", type_ = "string", json_path = ".status.conditions[?(@.type==\"Ready\")].message", priority = 1),
    printcolumn(name = "Age", type_ = "date", json_path = ".metadata.creationTimestamp")
)]
#[serde(rename_all = "camelCase")]
#[allow(clippy::duplicated_attributes)] // each printcolumn repeats the same keys
#[x_kube(validation = Rule::new("self.driver == 'generic' ? has(self.generic) : !has(self.generic)").message("generic goes with the driver generic, and only with it"))]
pub struct ReceiverSpec {
    /// Who sends: see `docs/reference/webhooks.md`.
    pub driver: ReceiverDriver,
    /// A Secret of this namespace with the key `token`; while it is being replaced, the one before as `previousToken`.
    pub secret_ref: LocalRef,
    /// What is done with what is told; everything where nothing is given.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub actions: Vec<ReceiverAction>,
    /// Only these Environments of the namespace, by name; all that follow the repository or image where none is given.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 100))]
    pub environments: Vec<String>,
    /// Repositories and images are compared by their paths alone: for servers that are reached by several names.
    #[serde(default)]
    pub any_host: bool,
    /// The least pause between two rounds of looking; what comes in between is taken together, for example `1s`.
    #[serde(default = "default_pause")]
    pub interval: String,
    /// How the driver `generic` reads a body: CEL expressions over `body` and `headers`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub generic: Option<GenericSpec>,
}

/// Who sends.
#[derive(Clone, Copy, Debug, Deserialize, Serialize, JsonSchema, PartialEq, Eq)]
#[serde(rename_all = "lowercase")]
pub enum ReceiverDriver {
    /// GitHub's pushes.
    GitHub,
    /// GitHub's container registry.
    Ghcr,
    /// GitLab's pushes.
    GitLab,
    /// Pushes and images of Gitea and Forgejo.
    Gitea,
    /// Bitbucket's pushes.
    Bitbucket,
    /// Docker Hub's images.
    DockerHub,
    /// Notifications of the distribution registry.
    Distribution,
    /// Harbor's artifacts.
    Harbor,
    /// Quay's images.
    Quay,
    /// Bucket events of MinIO and AWS.
    S3,
    /// Any JSON, by CEL.
    Generic,
}

impl ReceiverDriver {
    /// The driver's name in addresses.
    pub fn name(self) -> &'static str {
        match self {
            ReceiverDriver::GitHub => "github",
            ReceiverDriver::Ghcr => "ghcr",
            ReceiverDriver::GitLab => "gitlab",
            ReceiverDriver::Gitea => "gitea",
            ReceiverDriver::Bitbucket => "bitbucket",
            ReceiverDriver::DockerHub => "dockerhub",
            ReceiverDriver::Distribution => "distribution",
            ReceiverDriver::Harbor => "harbor",
            ReceiverDriver::Quay => "quay",
            ReceiverDriver::S3 => "s3",
            ReceiverDriver::Generic => "generic",
        }
    }
}

/// What is done with what a webhook tells.
#[derive(Clone, Copy, Debug, Deserialize, Serialize, JsonSchema, PartialEq, Eq)]
#[serde(rename_all = "kebab-case")]
pub enum ReceiverAction {
    /// The Environments that follow the branch (or the chart) that was pushed look at it now.
    Sync,
    /// The Environments with a policy for the image that was pushed ask its registry now.
    SetImage,
}

/// How the driver `generic` reads a body: each a CEL expression over `body` (the JSON) and `headers` (names in lower case).
#[derive(Clone, Debug, Default, Deserialize, Serialize, JsonSchema, PartialEq)]
#[serde(rename_all = "camelCase")]
pub struct GenericSpec {
    /// Anything but `true` tells nothing.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 2048))]
    pub when: Option<String>,
    /// The address of the repository that was pushed to: text or a list.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 2048))]
    pub repository: Option<String>,
    /// The branch, with or without `refs/heads/`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 2048))]
    pub branch: Option<String>,
    /// The image that was pushed, `host/repository` with or without a tag: text or a list.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 2048))]
    pub image: Option<String>,
    /// The tag, where `image` has none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 2048))]
    pub tag: Option<String>,
    /// The sender's own name for this delivery: the same one again is not acted upon.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 2048))]
    pub delivery: Option<String>,
    /// The header with the HMAC-SHA256 of the body in hexadecimal; the token in the address is asked for in any case.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub signature_header: Option<String>,
    /// The header with the token itself.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub token_header: Option<String>,
}

/// The status of a Receiver.
#[derive(Clone, Debug, Default, Deserialize, Serialize, JsonSchema, PartialEq)]
#[serde(rename_all = "camelCase", default)]
pub struct ReceiverStatus {
    /// The generation of the spec that this status speaks of.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub observed_generation: Option<i64>,
    /// The address's path, below whatever leads to the agent's port: `/webhook/DRIVER/TOKEN`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub path: Option<String>,
    /// Ready.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    #[schemars(extend("x-kubernetes-list-type" = "map", "x-kubernetes-list-map-keys" = ["type"]))]
    pub conditions: Vec<super::Condition>,
}

impl ReceiverSpec {
    /// Whether something is done with what is told.
    pub fn does(&self, action: ReceiverAction) -> bool {
        self.actions.is_empty() || self.actions.contains(&action)
    }
}

fn default_pause() -> String {
    "1s".into()
}
