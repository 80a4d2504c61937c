//! Descriptions as helm writes them (`pkg/action`): what `helm history` shows.

use crate::chart::log::quote;

/// While the first install runs.
pub const INSTALL_UNDERWAY: &str = "Initial install underway";
/// The first install is done.
pub const INSTALL_COMPLETE: &str = "Install complete";
/// While an upgrade is made ready and runs.
pub const PREPARING_UPGRADE: &str = "Preparing upgrade";
/// The upgrade is done.
pub const UPGRADE_COMPLETE: &str = "Upgrade complete";
/// While an uninstall runs.
pub const DELETION_IN_PROGRESS: &str = "Deletion in progress (or silently failed)";
/// The uninstall is done.
pub const UNINSTALL_COMPLETE: &str = "Uninstallation complete";

/// An install failed.
pub fn install_failed(release: &str, error: &str) -> String {
    format!("Release {} failed: {error}", quote(release))
}

/// An upgrade failed.
pub fn upgrade_failed(release: &str, error: &str) -> String {
    format!("Upgrade {} failed: {error}", quote(release))
}

/// A rollback failed while it was applied.
pub fn rollback_failed(release: &str, error: &str) -> String {
    format!("Rollback {} failed: {error}", quote(release))
}

/// A rollback, under way and done.
pub fn rollback_to(version: u32) -> String {
    format!("Rollback to {version}")
}
