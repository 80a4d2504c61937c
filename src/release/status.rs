//! The states of a release (`pkg/release/common/status.go`).

use serde::{Deserialize, Serialize};
use std::fmt;

/// A release's state, spelt as helm spells it in payload and label.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Status {
    /// Live.
    Deployed,
    /// Removed, history kept.
    Uninstalled,
    /// A newer one is live.
    Superseded,
    /// It did not become live.
    Failed,
    /// Being removed.
    Uninstalling,
    /// First install under way.
    PendingInstall,
    /// Upgrade under way.
    PendingUpgrade,
    /// Rollback under way.
    PendingRollback,
    /// Nobody knows; also any word that helm does not know.
    #[default]
    #[serde(other)]
    Unknown,
}

impl Status {
    /// Helm's word.
    pub fn as_str(self) -> &'static str {
        match self {
            Status::Unknown => "unknown",
            Status::Deployed => "deployed",
            Status::Uninstalled => "uninstalled",
            Status::Superseded => "superseded",
            Status::Failed => "failed",
            Status::Uninstalling => "uninstalling",
            Status::PendingInstall => "pending-install",
            Status::PendingUpgrade => "pending-upgrade",
            Status::PendingRollback => "pending-rollback",
        }
    }

    /// Helm's word read back; what it does not know is [`Status::Unknown`].
    pub fn parse(word: &str) -> Self {
        use Status::*;
        [Deployed, Uninstalled, Superseded, Failed, Uninstalling, PendingInstall, PendingUpgrade, PendingRollback]
            .into_iter()
            .find(|status| status.as_str() == word)
            .unwrap_or(Unknown)
    }

    /// Whether an install, upgrade or rollback is under way (`IsPending`: an uninstall is not counted).
    pub fn is_pending(self) -> bool {
        matches!(self, Status::PendingInstall | Status::PendingUpgrade | Status::PendingRollback)
    }
}

impl fmt::Display for Status {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}
