//! Hooks as helm records them (`pkg/release/v1/hook.go`) and the order in which it runs them (`pkg/action/hooks.go`).

use super::{Time, null_is_default, time};
use serde::{Deserialize, Serialize};

/// One hook of a chart.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Hook {
    /// The object's name.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub name: String,
    /// The object's kind.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub kind: String,
    /// The template.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub path: String,
    /// The rendered object.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub manifest: String,
    /// When it runs.
    #[serde(default, skip_serializing_if = "Vec::is_empty", deserialize_with = "null_is_default")]
    pub events: Vec<Event>,
    /// How it went last.
    #[serde(default)]
    pub last_run: Execution,
    /// Order among the hooks of one event: lower is earlier.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub weight: i64,
    /// When it is deleted; none counts as [`DeletePolicy::BeforeHookCreation`].
    #[serde(default, skip_serializing_if = "Vec::is_empty", deserialize_with = "null_is_default")]
    pub delete_policies: Vec<DeletePolicy>,
    /// When its log is shown (helm 4).
    #[serde(default, skip_serializing_if = "Vec::is_empty", deserialize_with = "null_is_default")]
    pub output_log_policies: Vec<OutputPolicy>,
}

impl Hook {
    /// Whether it is deleted at that moment; without any policy, before it is created again.
    pub fn deletes(&self, when: DeletePolicy) -> bool {
        if self.delete_policies.is_empty() { when == DeletePolicy::BeforeHookCreation } else { self.delete_policies.contains(&when) }
    }
}

/// A word that helm gives meaning to, or any other that a template wrote: kept as it is, without effect.
macro_rules! words {
    ($(#[$doc:meta])* $name:ident { $($(#[$each:meta])* $variant:ident = $word:literal,)* }) => {
        $(#[$doc])*
        #[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        pub enum $name {
            $($(#[$each])* #[serde(rename = $word)] $variant,)*
            /// A word without meaning to helm, kept as written.
            #[serde(untagged)]
            Other(String),
        }

        impl $name {
            /// Helm's word.
            pub fn as_str(&self) -> &str {
                match self {
                    $($name::$variant => $word,)*
                    $name::Other(word) => word,
                }
            }

            /// Helm's word read back.
            pub fn parse(word: &str) -> Self {
                match word {
                    $($word => $name::$variant,)*
                    other => $name::Other(other.to_owned()),
                }
            }
        }
    };
}

words! {
    /// When a hook runs.
    Event {
        /// Before an install.
        PreInstall = "pre-install",
        /// After an install.
        PostInstall = "post-install",
        /// Before an uninstall.
        PreDelete = "pre-delete",
        /// After an uninstall.
        PostDelete = "post-delete",
        /// Before an upgrade.
        PreUpgrade = "pre-upgrade",
        /// After an upgrade.
        PostUpgrade = "post-upgrade",
        /// Before a rollback.
        PreRollback = "pre-rollback",
        /// After a rollback.
        PostRollback = "post-rollback",
        /// On `helm test`.
        Test = "test",
    }
}

words! {
    /// When a hook's object is deleted.
    DeletePolicy {
        /// After it succeeded.
        HookSucceeded = "hook-succeeded",
        /// After it failed.
        HookFailed = "hook-failed",
        /// Before it is created again.
        BeforeHookCreation = "before-hook-creation",
    }
}

words! {
    /// When a hook's log is shown.
    OutputPolicy {
        /// After it succeeded.
        HookSucceeded = "hook-succeeded",
        /// After it failed.
        HookFailed = "hook-failed",
    }
}

/// How a hook went.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Execution {
    /// When it was started.
    #[serde(default, skip_serializing_if = "Time::is_none", deserialize_with = "time::lenient")]
    pub started_at: Option<Time>,
    /// When it ended.
    #[serde(default, skip_serializing_if = "Time::is_none", deserialize_with = "time::lenient")]
    pub completed_at: Option<Time>,
    /// How far it came.
    #[serde(default)]
    pub phase: Phase,
}

/// How far a hook came.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum Phase {
    /// It never ran.
    #[default]
    #[serde(rename = "")]
    Never,
    /// It was started and then lost.
    Unknown,
    /// It runs.
    Running,
    /// It succeeded.
    Succeeded,
    /// It failed.
    Failed,
}

/// The hooks of an event in the order helm runs them: by weight, then by name, else as recorded (which is by kind).
pub fn hooks_for<'a>(hooks: &'a [Hook], event: &Event) -> Vec<&'a Hook> {
    // A hook that names the event twice runs twice, in helm as here.
    let mut found: Vec<&Hook> =
        hooks.iter().flat_map(|hook| hook.events.iter().filter(|e| *e == event).map(move |_| hook)).collect();
    found.sort_by(|a, b| (a.weight, &a.name).cmp(&(b.weight, &b.name)));
    found
}

fn is_zero(number: &i64) -> bool {
    *number == 0
}
