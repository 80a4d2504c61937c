//! The commits between two, for people who ask what a newer image brings.

use git2::Oid;

use super::credentials::Credentials;
use super::remote::{Failure, Link};
use super::{ALL, BRANCHES, Commit, CommitId, GitCache, GitSpec, describe};
use crate::sources::SourceError;

impl GitCache {
    /// The commits that `to` has and `from` has not, the newest first, `max` of them at the most. The branch of `spec` does not
    /// matter: all branches are fetched where one of the two is not there yet.
    ///
    /// # Errors
    /// The repository cannot be read, or has no such commit.
    pub fn commits_between(&self, spec: &GitSpec, creds: &Credentials, from: CommitId, to: CommitId, max: usize) -> Result<Vec<Commit>, SourceError> {
        let door = self.door(spec, creds)?;
        let slot = self.slot(&door.url);
        self.branches(&slot, &door.url, &door.creds)?;
        self.with_repo(&slot, &door.url, |repo| {
            let there = |oid: Oid| repo.find_commit(oid).is_ok();
            let walk = || -> Result<Vec<Oid>, git2::Error> {
                let mut walk = repo.revwalk()?;
                walk.push(to.0)?;
                walk.hide(from.0)?;
                walk.take(max).collect()
            };
            // A shallow copy may hold both and not what lies between.
            if repo.is_shallow() || !there(from.0) || !there(to.0) {
                Link { url: &door.url, creds: &door.creds, limits: &self.limits }.fetch(repo, &[BRANCHES], ALL)?;
            }
            for commit in [from, to] {
                if !there(commit.0) {
                    let (url, branch, detail) = (door.url.shown(), "*".into(), "it is on no branch".into());
                    return Err(SourceError::CommitMissing { url, branch, commit: commit.to_string(), detail }.into());
                }
            }
            walk().map_err(|e| Failure::Damaged(e.message().into()))?.into_iter().map(|oid| describe(repo, oid)).collect()
        })
    }
}
