//! The git source against the real git, `git http-backend` and OpenSSH.

mod cache;
mod follow;
mod http;
mod promote;
mod repos;
pub mod server;
mod ssh;
mod tree;
mod write;

use std::collections::BTreeMap;
use std::path::Path;
use std::time::Duration;

use windlass::sources::{CacheLimits, Credentials, GitCache, GitSpec, Snapshot, TreeLimits};

/// The timeouts hold for the whole process, so that every test has the same.
pub fn limits() -> CacheLimits {
    CacheLimits {
        connect_timeout: Duration::from_secs(3),
        stall_timeout: Duration::from_secs(5),
        ..CacheLimits::default()
    }
}

pub fn cache(dir: &Path) -> GitCache {
    GitCache::new(dir, limits())
}

pub fn spec(url: &str) -> GitSpec {
    GitSpec {
        url: url.into(),
        branch: "main".into(),
        path: "chart".into(),
        depth: 1,
        submodules: false,
        limits: TreeLimits::default(),
    }
}

pub fn nobody() -> Credentials {
    Credentials::default()
}

pub fn secret(pairs: &[(&str, &str)]) -> Credentials {
    let data: BTreeMap<String, Vec<u8>> = pairs.iter().map(|(k, v)| (k.to_string(), v.as_bytes().to_vec())).collect();
    Credentials::from_secret(&data).unwrap()
}

pub fn paths(snapshot: &Snapshot) -> Vec<&str> {
    snapshot.files.iter().map(|file| file.path.as_str()).collect()
}
