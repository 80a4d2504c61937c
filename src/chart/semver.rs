//! Versions and ranges as charts use them: Masterminds/semver through Helm's `compatible.go`.

use crate::template::semver::{Constraints, Version};

/// `IsCompatibleRange`: whether the version fits the range; a version or range that does not parse never fits.
pub fn is_compatible(range: &str, version: &str) -> bool {
    let Ok(version) = Version::parse(version.as_bytes()) else { return false };
    Constraints::parse(range.as_bytes()).is_ok_and(|range| range.check(&version))
}

/// Whether `semver.NewVersion` takes it.
pub fn is_version(version: &str) -> bool {
    Version::parse(version.as_bytes()).is_ok()
}

/// Whether `semver.StrictNewVersion` takes it: three numbers, no `v` before them.
pub fn is_strict(version: &str) -> bool {
    Version::parse(version.as_bytes()).is_ok_and(|parsed| parsed.to_string() == version)
}

/// Whether `semver.NewConstraint` takes it.
pub fn is_range(range: &str) -> bool {
    Constraints::parse(range.as_bytes()).is_ok()
}
