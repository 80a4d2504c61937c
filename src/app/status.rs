//! What the agent tells about an Environment: derived from the record and the decision, never set by hand.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// The status of an Environment.
#[derive(Clone, Debug, Default, Deserialize, Serialize, JsonSchema, PartialEq)]
#[serde(rename_all = "camelCase", default)]
// It has one owner, the agent: to note who owns which of its fields costs the API server a fifth of each write.
#[schemars(extend("x-kubernetes-map-type" = "atomic"))]
pub struct EnvironmentStatus {
    /// The generation of the spec that this status speaks of.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub observed_generation: Option<i64>,
    /// The revision that runs, shortened for the table.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub revision: Option<String>,
    /// The head of the branch.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub source: Option<SourceStatus>,
    /// The revision last attempted.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub attempted_revision: Option<String>,
    /// The revision that was last released, healthy and tested.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub last_good_revision: Option<String>,
    /// The release.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub release: Option<ReleaseStatus>,
    /// What the last plan changes or changed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub plan: Option<PlanStatus>,
    /// The plan that waits for somebody's approval.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub approval: Option<ApprovalStatus>,
    /// The last test results.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tests: Option<TestsStatus>,
    /// Images with a policy.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub images: Vec<ImageStatus>,
    /// What the linter found in the head, with `lint: Warn` or `Strict`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub lint: Option<LintStatus>,
    /// Ready, Reconciling, Stalled, Healthy, TestsPassed, Published, RolledBack, Linted.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    #[schemars(extend("x-kubernetes-list-type" = "map", "x-kubernetes-list-map-keys" = ["type"]))]
    pub conditions: Vec<Condition>,
}

/// The head of the branch.
#[derive(Clone, Debug, Default, Deserialize, Serialize, JsonSchema, PartialEq)]
#[serde(rename_all = "camelCase", default)]
pub struct SourceStatus {
    /// The commit.
    pub commit: String,
    /// Its author.
    pub author: String,
    /// Its first line.
    pub subject: String,
    /// When it was committed, RFC 3339.
    pub time: String,
}

/// The Helm release.
#[derive(Clone, Debug, Default, Deserialize, Serialize, JsonSchema, PartialEq)]
#[serde(rename_all = "camelCase", default)]
pub struct ReleaseStatus {
    /// Its name.
    pub name: String,
    /// Its namespace.
    pub namespace: String,
    /// Its number, as `helm history` counts.
    pub number: i64,
    /// Its state, in Helm's words.
    pub status: String,
    /// `name.vN`, for the table.
    pub display: String,
}

/// An image with a policy.
#[derive(Clone, Debug, Default, Deserialize, Serialize, JsonSchema, PartialEq)]
#[serde(rename_all = "camelCase", default)]
pub struct ImageStatus {
    /// The image.
    pub image: String,
    /// The tag that the policy picks.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub tag: String,
    /// Its digest.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub digest: String,
    /// The commit that wrote it to the branch, where this agent did.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub commit: String,
    /// When it was made, RFC 3339.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub created: String,
    /// Where its source is: the label `org.opencontainers.image.source`.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub source: String,
    /// The commit that it was built from: the label `org.opencontainers.image.revision`.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub revision: String,
    /// What it runs on: `linux/amd64` …
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub platforms: Vec<String>,
    /// Bytes of its layers, for one platform.
    #[serde(skip_serializing_if = "is_zero")]
    pub size: i64,
    /// What refers to it in its registry, by artifact type: signatures, SBOMs, scan results.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub referrers: Vec<String>,
    /// Why it is not looked for or written.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub message: String,
}

fn is_zero(number: &i64) -> bool {
    *number == 0
}

/// What a plan changes.
#[derive(Clone, Debug, Default, Deserialize, Serialize, JsonSchema, PartialEq)]
#[serde(rename_all = "camelCase", default)]
pub struct PlanStatus {
    /// Objects to create.
    pub created: i64,
    /// Objects to change.
    pub changed: i64,
    /// Objects to delete.
    pub pruned: i64,
    /// The digest of what the plan was made from: chart, values, name, capabilities.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub digest: String,
    /// The objects, the first of them: `create Deployment shop/web`.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub changes: Vec<String>,
}

/// A plan that waits for approval.
#[derive(Clone, Debug, Default, Deserialize, Serialize, JsonSchema, PartialEq)]
#[serde(rename_all = "camelCase", default)]
pub struct ApprovalStatus {
    /// What an approval has to name: it covers everything that was rendered, Secrets too, and what would be done with it.
    pub digest: String,
    /// Why somebody has to agree.
    pub reason: String,
    /// The commit that the plan brings.
    pub revision: String,
}

/// What the linter found.
#[derive(Clone, Debug, Default, Deserialize, Serialize, JsonSchema, PartialEq)]
#[serde(rename_all = "camelCase", default)]
pub struct LintStatus {
    /// How many findings there are.
    pub count: i64,
    /// The first of them, in Helm's words.
    pub findings: Vec<String>,
}

/// How many of the linter's findings a status holds.
pub const MAX_FINDINGS: usize = 20;

impl From<Vec<String>> for LintStatus {
    fn from(mut findings: Vec<String>) -> Self {
        let count = findings.len() as i64;
        findings.truncate(MAX_FINDINGS);
        LintStatus { count, findings }
    }
}

/// The last test results.
#[derive(Clone, Debug, Default, Deserialize, Serialize, JsonSchema, PartialEq)]
#[serde(rename_all = "camelCase", default)]
pub struct TestsStatus {
    /// `2/2` or `1/2`, for the table.
    pub summary: String,
    /// The release that they ran on.
    pub release: i64,
    /// When the last one ended, RFC 3339.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub time: String,
    /// Each test.
    pub results: Vec<TestStatus>,
}

/// One test's result.
#[derive(Clone, Debug, Default, Deserialize, Serialize, JsonSchema, PartialEq)]
#[serde(rename_all = "camelCase", default)]
pub struct TestStatus {
    /// The Pod's or Job's name.
    pub name: String,
    /// `Succeeded`, `Failed` or `TimedOut`.
    pub phase: String,
    /// The tail of its log, or why there is none.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub message: String,
}

/// A condition as Kubernetes tools expect it.
#[derive(Clone, Debug, Default, Deserialize, Serialize, JsonSchema, PartialEq)]
#[serde(rename_all = "camelCase")]
pub struct Condition {
    /// Its type, for example `Ready`.
    #[serde(rename = "type")]
    pub type_: String,
    /// `True`, `False` or `Unknown`.
    pub status: String,
    /// A word in CamelCase.
    pub reason: String,
    /// A sentence that a person can act on.
    pub message: String,
    /// When the status last changed, RFC 3339.
    pub last_transition_time: String,
    /// The generation that it speaks of.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub observed_generation: Option<i64>,
}
