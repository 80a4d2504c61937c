//! A repository of files that are no repository: each state of a folder becomes a commit, for `windlass dev`.

use std::path::Path;

use git2::{FileMode, Repository, Signature, Time};

use super::CommitId;
use crate::sources::SourceError;

/// The branch that the states are on.
pub const WORKSHOP_BRANCH: &str = "dev";

/// Puts the files into the repository at `path` (made where there is none) as the branch's head; the head as it is where they
/// are the same. Paths are relative, with `/`.
///
/// # Errors
/// The repository cannot be written.
pub fn workshop(path: &Path, files: &[(String, Vec<u8>)], time: i64) -> Result<CommitId, SourceError> {
    let failed = |error: git2::Error| SourceError::Cache { url: format!("file://{}", path.display()), why: error.message().into() };
    let repo = match path.join("HEAD").exists() {
        true => Repository::open_bare(path),
        false => Repository::init_bare(path),
    };
    let repo = repo.map_err(failed)?;
    let empty = repo.treebuilder(None).and_then(|builder| builder.write()).and_then(|oid| repo.find_tree(oid)).map_err(failed)?;
    let mut update = git2::build::TreeUpdateBuilder::new();
    for (name, content) in files {
        let blob = repo.blob(content).map_err(failed)?;
        update.upsert(name.as_str(), blob, FileMode::Blob);
    }
    let tree = update.create_updated(&repo, &empty).and_then(|oid| repo.find_tree(oid)).map_err(failed)?;
    let branch = format!("refs/heads/{WORKSHOP_BRANCH}");
    let parent = repo.refname_to_id(&branch).and_then(|oid| repo.find_commit(oid)).ok();
    if let Some(parent) = parent.as_ref().filter(|parent| parent.tree_id() == tree.id()) {
        return Ok(CommitId(parent.id()));
    }
    let who = Signature::new("windlass dev", "windlass@localhost", &Time::new(time, 0)).map_err(failed)?;
    let parents: Vec<&git2::Commit<'_>> = parent.iter().collect();
    let commit = repo.commit(Some(&branch), &who, &who, "Saved", &tree, &parents).map_err(failed)?;
    Ok(CommitId(commit))
}
