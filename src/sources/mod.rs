//! Where charts come from: each source turns a specification into a [`Snapshot`] of files at one revision.

pub mod error;
pub mod git;

pub use error::{Class, SourceError};
pub use git::credentials::Credentials;
pub use git::promote::{Between, Identity, Moved, Promotion};
pub use git::tree::TreeLimits;
pub use git::{CacheLimits, Commit, CommitId, GitCache, GitSpec, History, Snapshot, Want};

/// One file of a snapshot; the path is relative to the directory asked for, with `/` between its parts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SourceFile {
    /// Path below the directory that was asked for.
    pub path: String,
    /// The blob's content, as git stores it (no line-end conversion, no LFS).
    pub bytes: Vec<u8>,
}
