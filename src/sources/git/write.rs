//! Commits to the branch that is followed: made on its newest head, pushed, and made anew where somebody else was faster.

use git2::{FileMode, ObjectType, Oid, Repository, Signature, Time};

use super::credentials::Credentials;
use super::remote::{Failure, Link};
use super::sign::Signer;
use super::{CommitId, Door, GitCache, GitSpec, Want, clean_path};
use crate::sources::SourceError;

/// How often a commit is made anew when others push in between.
pub const MAX_TRIES: u32 = 5;

/// Who commits.
#[derive(Debug)]
pub struct Author<'a> {
    /// Name.
    pub name: &'a str,
    /// Address.
    pub email: &'a str,
    /// Signs, where a key is given.
    pub signer: Option<&'a Signer>,
    /// Unix seconds.
    pub time: i64,
}

/// A head of the branch, to be read from.
pub struct Base<'a> {
    /// The commit.
    pub commit: CommitId,
    read: &'a dyn Fn(&str) -> Result<Vec<u8>, SourceError>,
}

impl Base<'_> {
    /// A file; its path starts at the repository's root.
    ///
    /// # Errors
    /// It is not there.
    pub fn read(&self, path: &str) -> Result<Vec<u8>, SourceError> {
        (self.read)(path)
    }
}

/// What is to be committed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Draft {
    /// Paths from the repository's root, with their new content.
    pub files: Vec<(String, Vec<u8>)>,
    /// The whole message.
    pub message: String,
}

/// What became of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Written {
    /// There was nothing to change at this head.
    Unchanged(CommitId),
    /// It is the branch's head now.
    Committed {
        /// The new commit.
        commit: CommitId,
        /// How often it was made; more than once where others pushed in between.
        tries: u32,
    },
}

/// Why nothing was committed.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum WriteError<E> {
    /// The repository.
    #[error(transparent)]
    Source(#[from] SourceError),
    /// What was to be committed could not be made.
    #[error("{0}")]
    Draft(E),
    /// It could not be signed.
    #[error("the commit could not be signed: {0}; nothing was pushed")]
    Sign(String),
}

impl GitCache {
    /// Commits what `draft` makes of the branch's head, and pushes it. Where the branch has moved by then, the head is fetched
    /// and `draft` asked again: what it makes is always of the head that it lands on. Nothing to change is no commit.
    ///
    /// # Errors
    /// The branch cannot be read or written, or `draft`'s own error.
    pub fn commit<E>(
        &self,
        spec: &GitSpec,
        creds: &Credentials,
        author: &Author<'_>,
        draft: impl Fn(&Base<'_>) -> Result<Option<Draft>, E>,
    ) -> Result<Written, WriteError<E>> {
        let door = self.door(spec, creds)?;
        let slot = self.slot(&door.url);
        for tries in 1..=MAX_TRIES {
            let head = self.head_of(&slot, &door)?;
            let want = Want { commit: Some(CommitId(head)), previous: None };
            let (head, _) = self.with_repo(&slot, &door.url, |repo| self.bring(repo, &door, head, &want))?;
            let read = |path: &str| {
                let path = clean_path("images.file", path)?;
                self.reading(&slot, &door, head, |reader| reader.read(&path))
            };
            let Some(draft) = draft(&Base { commit: CommitId(head), read: &read }).map_err(WriteError::Draft)? else {
                return Ok(Written::Unchanged(CommitId(head)));
            };
            let made = self.with_repo(&slot, &door.url, |repo| Ok(make(repo, head, &draft, author)?))?;
            let (text, tree) = made;
            if tree.is_none() {
                return Ok(Written::Unchanged(CommitId(head)));
            }
            let signature = author.signer.map(|signer| signer.sign(text.as_bytes())).transpose().map_err(WriteError::Sign)?;
            match self.with_repo(&slot, &door.url, |repo| push(self, repo, &door, &text, signature.as_deref())) {
                Ok(commit) => return Ok(Written::Committed { commit: CommitId(commit), tries }),
                Err(SourceError::Raced { .. }) => {}
                Err(error) => return Err(error.into()),
            }
        }
        Err(SourceError::Raced { url: door.url.shown(), branch: door.branch.clone() }.into())
    }
}

/// The commit's text without a signature, and its tree where that differs from its parent's.
fn make(repo: &Repository, head: Oid, draft: &Draft, author: &Author<'_>) -> Result<(String, Option<Oid>), SourceError> {
    let failed = |error: git2::Error| SourceError::Git { url: "the cache".into(), doing: "making a commit in", detail: error.message().into() };
    let parent = repo.find_commit(head).map_err(failed)?;
    let before = parent.tree().map_err(failed)?;
    let mut update = git2::build::TreeUpdateBuilder::new();
    for (path, content) in &draft.files {
        let path = clean_path("images.file", path)?;
        let blob = repo.blob(content).map_err(failed)?;
        let mode = before.get_path(path.as_ref()).map_or(FileMode::Blob, |entry| match entry.filemode() {
            0o100755 => FileMode::BlobExecutable,
            _ => FileMode::Blob,
        });
        update.upsert(path, blob, mode);
    }
    let tree = update.create_updated(repo, &before).map_err(failed)?;
    if tree == before.id() {
        return Ok((String::new(), None));
    }
    let who = Signature::new(author.name, author.email, &Time::new(author.time, 0)).map_err(failed)?;
    let tree = repo.find_tree(tree).map_err(failed)?;
    let text = repo.commit_create_buffer(&who, &who, &draft.message, &tree, &[&parent]).map_err(failed)?;
    let text = String::from_utf8(text.to_vec()).map_err(|_| SourceError::Git {
        url: "the cache".into(),
        doing: "making a commit in",
        detail: "its message is not UTF-8".into(),
    })?;
    Ok((text, Some(tree.id())))
}

/// Writes the commit and pushes it, never by force.
fn push(cache: &GitCache, repo: &Repository, door: &Door, text: &str, signature: Option<&str>) -> Result<Oid, Failure> {
    let damaged = |error: git2::Error| Failure::Damaged(error.message().into());
    let commit = match signature {
        Some(signature) => repo.commit_signed(text, signature.trim_end(), None),
        None => repo.odb().and_then(|odb| odb.write(ObjectType::Commit, text.as_bytes())),
    };
    let commit = commit.map_err(damaged)?;
    // A push goes from a reference; nobody else reads this one.
    let local = format!("refs/windlass/push/{}", door.branch);
    repo.reference(&local, commit, true, "to be pushed").map_err(damaged)?;
    let link = Link { url: &door.url, creds: &door.creds, limits: &cache.limits };
    link.push(repo, &local, &door.branch)?;
    let tracked = format!("refs/windlass/heads/{}", door.branch);
    repo.reference(&tracked, commit, true, "pushed").map_err(damaged)?;
    Ok(commit)
}
