//! Where charts come from: git gives a [`Snapshot`] of files at one commit, chart repositories give archives by digest.

pub mod access;
pub mod archive_cache;
pub mod chart_error;
pub mod chart_repo;
pub mod charts;
pub mod error;
pub mod git;
pub mod http;
pub mod oci;
pub mod s3;

pub use access::Access;
pub use chart_error::ChartError;
pub use charts::{Archive, Charts, Found, Outcome, Repository, Upload};
pub use error::{Class, SourceError};
pub use git::promote::{Between, Identity, Moved, Promotion};
pub use git::credentials::{Credentials, Hidden};
pub use git::sign::{Keyring, Signer};
pub use git::tree::TreeLimits;
pub use git::workshop::{WORKSHOP_BRANCH, workshop};
pub use git::write::{Author, Base, Draft, WriteError, Written};
pub use git::{CacheLimits, Commit, CommitId, GitCache, GitSpec, History, Signed, Snapshot, Want};

/// One file of a snapshot; the path is relative to the directory asked for, with `/` between its parts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SourceFile {
    /// Path below the directory that was asked for.
    pub path: String,
    /// The blob's content, as git stores it (no line-end conversion, no LFS).
    pub bytes: Vec<u8>,
}
