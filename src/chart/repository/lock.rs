//! Digests of dependencies, as they stand in Chart.lock: `internal/resolver` in Helm.

use super::json;
use crate::chart::Dependency;
use crate::template::semver::Version;
use sha2::{Digest as _, Sha256};

/// `HashReq`: the digest of the dependencies as wanted and as locked, `sha256:…`. `None` is Go's nil list.
pub fn hash(wanted: Option<&[Dependency]>, locked: Option<&[Dependency]>) -> String {
    digest(&format!("[{},{}]", json::dependencies(wanted), json::dependencies(locked)))
}

/// `HashV2Req`: the digest that Helm 2 wrote to requirements.lock.
pub fn hash_v2(wanted: Option<&[Dependency]>) -> String {
    digest(&format!("{{\"dependencies\":{}}}", json::dependencies(wanted)))
}

fn digest(text: &str) -> String {
    let sum = Sha256::digest(text.as_bytes());
    let hex: String = sum.iter().map(|byte| format!("{byte:02x}")).collect();
    format!("sha256:{hex}")
}

/// `versionEquals`: equal as versions; as text where the first is none.
pub fn versions_equal(a: &str, b: &str) -> bool {
    match (Version::parse(a.as_bytes()), Version::parse(b.as_bytes())) {
        (Err(_), _) => a == b,
        (Ok(_), Err(_)) => false,
        (Ok(a), Ok(b)) => a.compare(&b).is_eq(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    // The digests themselves are compared with helm's own Chart.lock in `tests/it/charts_remote`.
    #[test]
    fn digests_tell_lists_apart() {
        let dependency = |version: &str| Dependency { name: "alpine".into(), version: version.into(), ..Default::default() };
        let locked = [dependency("0.1.0")];
        assert_ne!(hash(Some(&[dependency("^0.1.0")]), Some(&locked)), hash(Some(&locked), Some(&locked)));
        assert_ne!(hash(None, Some(&locked)), hash(Some(&[]), Some(&locked)));
        assert!(versions_equal("v1.0", "1.0.0") && !versions_equal("1.0.0", "x") && versions_equal("x", "x"));
    }
}
