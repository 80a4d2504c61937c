//! Moving a branch to what another one has: fast-forward where it has nothing of its own, else a commit with both parents whose tree is
//! the source's. And taking a commit back. Both push with the followed branch's credentials and never force.

use git2::{Oid, Repository, Signature, Tree, build::TreeUpdateBuilder};

use super::remote::{Failure, Link};
use super::{ALL, Commit, CommitId, Credentials, Door, GitCache, GitSpec, describe};
use crate::sources::SourceError;

/// Who commits.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Identity {
    /// Name.
    pub name: String,
    /// Mail address.
    pub email: String,
}

impl Default for Identity {
    fn default() -> Self {
        Self { name: "windlass".into(), email: "windlass@windlass.dev".into() }
    }
}

/// One commit for another branch of the same repository.
#[derive(Debug, Clone)]
pub struct Promotion {
    /// The commit.
    pub commit: CommitId,
    /// The branch that shall have it; made where it is missing.
    pub to: String,
    /// Paths from the repository's top, files or folders, that stay as that branch has them.
    pub keep: Vec<String>,
    /// Who commits, where a commit is needed.
    pub identity: Identity,
    /// Its message.
    pub message: String,
}

/// What became of a promotion or a revert.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Moved {
    /// The branch already had it.
    Already,
    /// The branch was moved to that very commit.
    FastForward(CommitId),
    /// A commit was made.
    Committed(CommitId),
}

/// How two branches differ.
#[derive(Debug, Clone, Default)]
pub struct Between {
    /// What the source has and the other has not, the newest first, up to the limit.
    pub commits: Vec<Commit>,
    /// How many there are.
    pub ahead: usize,
    /// How many the other has and the source has not.
    pub behind: usize,
}

/// How often a lost race is run again: fetched, made anew, pushed.
const MAX_RACES: usize = 4;

impl GitCache {
    /// Brings a commit of the branch to another one.
    ///
    /// # Errors
    /// As fetching fails; the server refuses the push (a protected branch, no right to write).
    pub fn promote(&self, spec: &GitSpec, creds: &Credentials, promotion: &Promotion) -> Result<Moved, SourceError> {
        let door = self.door(spec, creds)?;
        self.door(&GitSpec { branch: promotion.to.clone(), ..spec.clone() }, creds)?;
        self.write(&door, |repo, link| {
            let moved = self.prepare(repo, &door, link, promotion)?;
            if let Moved::FastForward(commit) | Moved::Committed(commit) = moved {
                push_to(repo, link, commit.0, &promotion.to)?;
            }
            Ok(moved)
        })
    }

    /// What the other branch would be at after [`GitCache::promote`], made and not pushed: its files can be read from the cache.
    ///
    /// # Errors
    /// As fetching fails.
    pub fn propose(&self, spec: &GitSpec, creds: &Credentials, promotion: &Promotion) -> Result<Moved, SourceError> {
        let door = self.door(spec, creds)?;
        self.door(&GitSpec { branch: promotion.to.clone(), ..spec.clone() }, creds)?;
        self.with_repo(&self.slot(&door.url), &door.url, |repo| {
            let link = Link { url: &door.url, creds: &door.creds, limits: &self.limits };
            self.prepare(repo, &door, &link, promotion)
        })
    }

    /// Fetches both branches and makes the commit where one is needed.
    fn prepare(&self, repo: &Repository, door: &Door, link: &Link<'_>, promotion: &Promotion) -> Result<Moved, Failure> {
        let heads = self.bring_both(repo, door, link, &promotion.to)?;
        let source = promotion.commit.0;
        repo.find_commit(source).map_err(|_| gone(door, source))?;
        match heads {
            None => Ok(Moved::FastForward(promotion.commit)),
            Some(target) => merge(repo, source, target, promotion),
        }
    }

    /// Takes one commit of the branch back by a new commit: the tree is its parent's where it is the head, else a three-way merge.
    ///
    /// # Errors
    /// As [`GitCache::promote`]; later commits changed the same lines; a merge commit or the first one cannot be taken back.
    pub fn revert(&self, spec: &GitSpec, creds: &Credentials, commit: &CommitId, identity: &Identity, why: &str) -> Result<Moved, SourceError> {
        let door = self.door(spec, creds)?;
        self.write(&door, |repo, link| {
            let head = self.bring_both(repo, &door, link, &door.branch)?.ok_or_else(|| gone(&door, commit.0))?;
            let bad = repo.find_commit(commit.0).map_err(|_| gone(&door, commit.0))?;
            if head != commit.0 && !repo.graph_descendant_of(head, commit.0).map_err(damaged)? {
                return Ok(Moved::Already);
            }
            let subject = String::from_utf8_lossy(bad.summary_bytes().unwrap_or_default()).into_owned();
            let refuse = |why: &str| refused(&door, format!("{} cannot be taken back: {why}", commit));
            if bad.parent_count() != 1 {
                return Err(refuse("it has not exactly one parent; revert it by hand"));
            }
            let ours = repo.find_commit(head).map_err(damaged)?;
            let mut index = repo.revert_commit(&bad, &ours, 0, None).map_err(damaged)?;
            if index.has_conflicts() {
                return Err(refuse("later commits changed the same lines; revert it by hand"));
            }
            let tree = repo.find_tree(index.write_tree_to(repo).map_err(damaged)?).map_err(damaged)?;
            if tree.id() == ours.tree_id() {
                return Ok(Moved::Already);
            }
            let message = format!("Revert \"{subject}\"\n\nThis reverts commit {commit}.\n\n{why}\n");
            let made = commit_tree(repo, identity, &message, &tree, &[head])?;
            push_to(repo, link, made, &door.branch)?;
            Ok(Moved::Committed(CommitId(made)))
        })
    }

    /// The commits that one branch has and another has not.
    ///
    /// # Errors
    /// As fetching fails.
    pub fn between(&self, spec: &GitSpec, creds: &Credentials, to: &str, limit: usize) -> Result<Between, SourceError> {
        let door = self.door(spec, creds)?;
        let head = self.head_of(&self.slot(&door.url), &door)?;
        let slot = self.slot(&door.url);
        self.with_repo(&slot, &door.url, |repo| {
            let link = Link { url: &door.url, creds: &door.creds, limits: &self.limits };
            let other = self.bring_both(repo, &door, &link, to)?;
            let repo = Repository::open_bare(repo.path()).map_err(damaged)?;
            let mut walk = repo.revwalk().map_err(damaged)?;
            walk.push(head).map_err(damaged)?;
            if let Some(other) = other {
                walk.hide(other).map_err(damaged)?;
            }
            let ahead: Vec<Oid> = walk.collect::<Result<_, _>>().map_err(damaged)?;
            let commits = ahead.iter().take(limit).map(|oid| describe(&repo, *oid)).collect::<Result<_, _>>()?;
            let behind = other.map_or(Ok((0, 0)), |other| repo.graph_ahead_behind(head, other)).map_err(damaged)?.1;
            Ok(Between { commits, ahead: ahead.len(), behind })
        })
    }

    /// Runs a write; a race that was lost is run again from what the winner left.
    fn write(&self, door: &Door, work: impl Fn(&Repository, &Link<'_>) -> Result<Moved, Failure>) -> Result<Moved, SourceError> {
        let slot = self.slot(&door.url);
        let mut races = 0;
        loop {
            let moved = self.with_repo(&slot, &door.url, |repo| {
                let link = Link { url: &door.url, creds: &door.creds, limits: &self.limits };
                work(repo, &link)
            });
            match moved {
                Err(SourceError::Raced { .. }) if races < MAX_RACES => races += 1,
                other => return other,
            }
        }
    }

    /// Fetches the followed branch and another one with their whole history; the other's head, if it exists.
    fn bring_both(&self, repo: &Repository, door: &Door, link: &Link<'_>, to: &str) -> Result<Option<Oid>, Failure> {
        let slot = self.slot(&door.url);
        let branches = self.branches(&slot, &door.url, &door.creds)?;
        let spec = |branch: &str| format!("+refs/heads/{branch}:refs/windlass/heads/{branch}");
        let mut wanted = vec![spec(&door.branch)];
        if to != door.branch && branches.contains_key(to) {
            wanted.push(spec(to));
        }
        let wanted: Vec<&str> = wanted.iter().map(String::as_str).collect();
        link.fetch(repo, &wanted, ALL)?;
        Ok(branches.get(to).copied())
    }
}

fn merge(repo: &Repository, source: Oid, target: Oid, promotion: &Promotion) -> Result<Moved, Failure> {
    // Opened anew: libgit2 keeps commits as it first read them, without the parents that a deeper fetch brought.
    let repo = Repository::open_bare(repo.path()).map_err(damaged)?;
    if source == target || repo.graph_descendant_of(target, source).map_err(damaged)? {
        return Ok(Moved::Already);
    }
    let (ours, theirs) = (repo.find_commit(target).map_err(damaged)?, repo.find_commit(source).map_err(damaged)?);
    let tree = kept(&repo, &theirs.tree().map_err(damaged)?, &ours.tree().map_err(damaged)?, &promotion.keep)?;
    if repo.graph_descendant_of(source, target).map_err(damaged)? && tree.id() == theirs.tree_id() {
        return Ok(Moved::FastForward(promotion.commit));
    }
    let made = commit_tree(&repo, &promotion.identity, &promotion.message, &tree, &[target, source])?;
    Ok(Moved::Committed(CommitId(made)))
}

/// The source's tree with some paths as the target has them, or without them where the target has none.
fn kept<'r>(repo: &'r Repository, source: &Tree<'r>, target: &Tree<'_>, keep: &[String]) -> Result<Tree<'r>, Failure> {
    let mut update = TreeUpdateBuilder::new();
    let mut any = false;
    for path in keep {
        let path = std::path::Path::new(path.trim_matches('/'));
        match (target.get_path(path), source.get_path(path)) {
            (Ok(ours), Ok(theirs)) if ours.id() == theirs.id() => continue,
            (Ok(ours), theirs) => {
                // A file where the other has a folder is no update: the one goes before the other comes.
                if theirs.is_ok_and(|theirs| theirs.kind() != ours.kind()) {
                    update.remove(path);
                }
                update.upsert(path, ours.id(), mode(ours.filemode()));
            }
            (Err(_), Ok(_)) => drop(update.remove(path)),
            (Err(_), Err(_)) => continue,
        }
        any = true;
    }
    let id = if any { update.create_updated(repo, source).map_err(damaged)? } else { source.id() };
    repo.find_tree(id).map_err(damaged)
}

fn mode(mode: i32) -> git2::FileMode {
    match mode {
        0o040_000 => git2::FileMode::Tree,
        0o100_755 => git2::FileMode::BlobExecutable,
        0o120_000 => git2::FileMode::Link,
        0o160_000 => git2::FileMode::Commit,
        _ => git2::FileMode::Blob,
    }
}

fn commit_tree(repo: &Repository, identity: &Identity, message: &str, tree: &Tree<'_>, parents: &[Oid]) -> Result<Oid, Failure> {
    let who = Signature::now(&identity.name, &identity.email).map_err(damaged)?;
    let parents: Vec<_> = parents.iter().map(|oid| repo.find_commit(*oid)).collect::<Result<_, _>>().map_err(damaged)?;
    let parents: Vec<_> = parents.iter().collect();
    repo.commit(None, &who, &who, message, tree, &parents).map_err(damaged)
}

/// Pushes a commit to a branch, without force: what somebody else pushed meanwhile is never lost.
fn push_to(repo: &Repository, link: &Link<'_>, commit: Oid, branch: &str) -> Result<(), Failure> {
    let name = format!("refs/windlass/push/{commit}");
    repo.reference(&name, commit, true, "to be pushed").map_err(damaged)?;
    let pushed = link.push(repo, &name, branch);
    if let Ok(mut reference) = repo.find_reference(&name) {
        let _ = reference.delete();
    }
    Ok(pushed?)
}

fn damaged(error: git2::Error) -> Failure {
    Failure::Damaged(error.message().into())
}

fn gone(door: &Door, commit: Oid) -> Failure {
    let detail = "it is not in the branch's history".to_string();
    SourceError::CommitMissing { url: door.url.shown(), branch: door.branch.clone(), commit: commit.to_string(), detail }.into()
}

fn refused(door: &Door, why: String) -> Failure {
    SourceError::PushRefused { url: door.url.shown(), branch: door.branch.clone(), why }.into()
}
