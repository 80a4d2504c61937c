//! Git: follows one branch of a repository through a cache that every environment on that repository shares.
//!
//! [`GitCache::head`] is one reference advertisement and nothing else; [`GitCache::snapshot`] fetches what is missing
//! and reads the chart's files. Both block: an async caller wraps them in `spawn_blocking`.

use std::collections::BTreeMap;
use std::fmt;
use std::path::PathBuf;
use std::str::FromStr;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use git2::{Oid, Repository};

mod ancestry;
mod between;
mod cache;
pub mod credentials;
mod hints;
mod known_hosts;
pub mod promote;
mod remote;
mod settings;
pub mod sign;
mod submodules;
mod tls;
mod translate;
pub mod tree;
pub mod url;
mod verify;
pub mod workshop;
pub mod write;

pub use verify::Signed;

use cache::Slot;
use credentials::Credentials;
use remote::{Failure, Link};
use tree::{Reader, Submodules, TreeLimits};
use url::{RemoteUrl, Scheme};

use super::{SourceError, SourceFile};

/// What to follow.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GitSpec {
    /// `https://`, `ssh://`, `git@host:path`, `file://`.
    pub url: String,
    /// Branch, without `refs/heads/`.
    pub branch: String,
    /// The chart's directory; `""` or `.` is the repository's root.
    pub path: String,
    /// Commits to fetch at first; 0 is the whole history. More are fetched where ancestry needs them.
    pub depth: u32,
    /// Fetch submodules that the path leads into or has below it.
    pub submodules: bool,
    /// Bounds of the snapshot.
    pub limits: TreeLimits,
}

/// Bounds of all git traffic. The timeouts hold for the process: the first cache sets them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CacheLimits {
    /// Bytes that one fetch may receive.
    pub max_repository: u64,
    /// Branches that a server may list.
    pub max_branches: usize,
    /// Time to a connection.
    pub connect_timeout: Duration,
    /// Time without a byte.
    pub stall_timeout: Duration,
    /// Time for a whole fetch.
    pub fetch_timeout: Duration,
    /// Whether `file://` URLs and absolute paths may be followed.
    pub allow_file: bool,
}

impl Default for CacheLimits {
    fn default() -> Self {
        Self {
            max_repository: 4 << 30,
            max_branches: 100_000,
            connect_timeout: Duration::from_secs(10),
            stall_timeout: Duration::from_secs(30),
            fetch_timeout: Duration::from_secs(600),
            allow_file: true,
        }
    }
}

/// A commit's full name in hexadecimal.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct CommitId(Oid);

impl fmt::Display for CommitId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl FromStr for CommitId {
    type Err = SourceError;

    fn from_str(text: &str) -> Result<Self, SourceError> {
        let why = "a commit is named by 40 hexadecimal digits".to_string();
        match Oid::from_str(text) {
            Ok(oid) if text.len() == 40 => Ok(Self(oid)),
            _ => Err(SourceError::Spec { field: "commit", value: text.chars().take(80).collect(), why }),
        }
    }
}

/// A commit, as people know it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Commit {
    /// Its name.
    pub id: CommitId,
    /// Author's name.
    pub author: String,
    /// Author's address.
    pub email: String,
    /// First line of the message.
    pub subject: String,
    /// When it was committed, in Unix seconds: where its lead time begins.
    pub time: i64,
}

/// Which commit a snapshot is of, and which one came before it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Want {
    /// The commit; none is the branch's head.
    pub commit: Option<CommitId>,
    /// The commit this environment had before; none takes what the cache last saw of the branch.
    pub previous: Option<CommitId>,
}

/// How a commit follows the one before it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum History {
    /// Nothing came before.
    First,
    /// It is the same commit.
    Same,
    /// The one before is an ancestor.
    Advanced,
    /// The one before is no ancestor (looked for in the whole history, or in its last 1,000 commits): a force push.
    Rewritten,
    /// It could not be found out; the commit itself is good.
    Unknown,
}

/// The files of one commit.
#[derive(Debug)]
pub struct Snapshot {
    /// The commit.
    pub commit: Commit,
    /// How it follows the one before.
    pub history: History,
    /// True when the branch was rewritten: followed, and to be said.
    pub rewritten: bool,
    /// Everything below the specification's path.
    pub files: Vec<SourceFile>,
    cache: GitCache,
    slot: Arc<Slot>,
    door: Door,
}

impl Snapshot {
    /// One file elsewhere in the repository, such as a values file. `path` starts at the repository's root.
    pub fn read(&self, path: &str) -> Result<Vec<u8>, SourceError> {
        let path = clean_path("values.files", path)?;
        self.cache.reading(&self.slot, &self.door, self.commit.id.0, |reader| reader.read(&path))
    }

    /// All files below another directory of the repository, such as a chart that `file://../lib` names.
    pub fn files_under(&self, path: &str) -> Result<Vec<SourceFile>, SourceError> {
        let path = clean_path("path", path)?;
        self.cache.reading(&self.slot, &self.door, self.commit.id.0, |reader| reader.files(&path))
    }
}

/// A specification that was checked: building from it cannot fail for its form.
#[derive(Debug, Clone)]
struct Door {
    url: RemoteUrl,
    creds: Credentials,
    branch: String,
    path: String,
    depth: i32,
    submodules: bool,
    limits: TreeLimits,
}

/// The cache of all repositories. Cheap to clone; clones share everything.
#[derive(Clone)]
pub struct GitCache {
    dir: PathBuf,
    limits: Arc<CacheLimits>,
    slots: Arc<Mutex<BTreeMap<String, Arc<Slot>>>>,
}

impl fmt::Debug for GitCache {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("GitCache").field("dir", &self.dir).finish_non_exhaustive()
    }
}

const BRANCHES: &str = "+refs/heads/*:refs/windlass/heads/*";
/// libgit2's GIT_FETCH_DEPTH_UNSHALLOW.
const ALL: i32 = i32::MAX;

impl GitCache {
    /// A cache below `dir`, which is created when something is fetched.
    pub fn new(dir: impl Into<PathBuf>, limits: CacheLimits) -> Self {
        let dir = dir.into();
        settings::apply(&limits, &dir);
        Self { dir, limits: Arc::new(limits), slots: Arc::default() }
    }

    /// The commit that the branch points to: one reference advertisement.
    pub fn head(&self, spec: &GitSpec, creds: &Credentials) -> Result<CommitId, SourceError> {
        let door = self.door(spec, creds)?;
        self.head_of(&self.slot(&door.url), &door).map(CommitId)
    }

    /// The files at a commit, fetched where the cache lacks it.
    pub fn snapshot(&self, spec: &GitSpec, creds: &Credentials, want: &Want) -> Result<Snapshot, SourceError> {
        let door = self.door(spec, creds)?;
        let slot = self.slot(&door.url);
        let head = match want.commit {
            // What others fetched is only for those whom the server lets in.
            Some(commit) if slot.is_proved(&door.creds.fingerprint()) => commit.0,
            Some(commit) => {
                self.branches(&slot, &door.url, &door.creds)?;
                commit.0
            }
            None => self.head_of(&slot, &door)?,
        };
        let (oid, history) = self.with_repo(&slot, &door.url, |repo| self.bring(repo, &door, head, want))?;
        let (commit, files) = self.reading(&slot, &door, oid, |reader| {
            let commit = describe(&reader.repo, oid)?;
            Ok((commit, reader.files(&door.path)?))
        })?;
        let rewritten = history == History::Rewritten;
        Ok(Snapshot { commit, history, rewritten, files, cache: self.clone(), slot, door })
    }

    /// Removes what is cached of repositories that none of `urls` names.
    pub fn retain<'a>(&self, urls: impl IntoIterator<Item = &'a str>) {
        let keys: Vec<String> = urls.into_iter().filter_map(|u| Some(RemoteUrl::parse(u).ok()?.0.key())).collect();
        let mut slots = self.slots.lock().unwrap_or_else(PoisonError::into_inner);
        // A slot that somebody still holds stays: its snapshot may be read.
        slots.retain(|key, slot| keys.contains(key) || Arc::strong_count(slot) > 1);
        for entry in std::fs::read_dir(&self.dir).into_iter().flatten().flatten() {
            let name = entry.file_name().to_string_lossy().into_owned();
            if name.len() != 32 || keys.contains(&name) || slots.contains_key(&name) {
                continue;
            }
            if let Err(error) = std::fs::remove_dir_all(entry.path()) {
                tracing::warn!(%error, "a git cache that nobody uses could not be removed");
            }
        }
    }

    /// A submodule's commit, fetched by its name, or with all branches where the server does not allow that.
    fn commit_of(&self, url: &RemoteUrl, creds: &Credentials, commit: Oid) -> Result<Repository, SourceError> {
        self.check_scheme(url)?;
        let slot = self.slot(url);
        if !slot.is_proved(&creds.fingerprint()) {
            self.branches(&slot, url, creds)?;
        }
        self.with_repo(&slot, url, |repo| {
            if repo.find_commit(commit).is_ok() {
                return Ok(());
            }
            let link = Link { url, creds, limits: &self.limits };
            let detail = match link.fetch(repo, &[&by_name(commit)], 1) {
                Err(Failure::Damaged(why)) => why,
                Err(Failure::Source(error)) => error.to_string(),
                Ok(()) => String::new(),
            };
            if repo.find_commit(commit).is_err() {
                link.fetch(repo, &[BRANCHES], ALL)?;
            }
            repo.find_commit(commit).map(|_| ()).map_err(|_| {
                SourceError::CommitMissing { url: url.shown(), branch: "*".into(), commit: commit.to_string(), detail }.into()
            })
        })?;
        slot.open().map_err(|failure| settle(failure, url))
    }

    fn door(&self, spec: &GitSpec, creds: &Credentials) -> Result<Door, SourceError> {
        let (url, password) = RemoteUrl::parse(&spec.url)?;
        self.check_scheme(&url)?;
        let branch = spec.branch.strip_prefix("refs/heads/").unwrap_or(&spec.branch).to_string();
        let valid = git2::Reference::is_valid_name(&format!("refs/heads/{branch}"));
        if !valid || branch.starts_with('-') || branch.contains('*') {
            let why = "git does not allow this name (see git check-ref-format)".to_string();
            return Err(SourceError::Spec { field: "branch", value: branch, why });
        }
        let mut creds = creds.clone();
        if creds.password.is_none() && creds.bearer.is_none() && password.is_some() {
            creds.password = password;
            creds.username = url.user.clone();
        }
        creds.username = creds.username.or_else(|| url.user.clone());
        let path = clean_path("path", &spec.path)?;
        let depth = i32::try_from(spec.depth).unwrap_or(ALL);
        Ok(Door { url, creds, branch, path, depth, submodules: spec.submodules, limits: spec.limits.clone() })
    }

    fn check_scheme(&self, url: &RemoteUrl) -> Result<(), SourceError> {
        if url.scheme == Scheme::File && !self.limits.allow_file {
            return Err(SourceError::Url { url: url.shown(), why: "this agent follows no local paths".into() });
        }
        Ok(())
    }

    fn slot(&self, url: &RemoteUrl) -> Arc<Slot> {
        let mut slots = self.slots.lock().unwrap_or_else(PoisonError::into_inner);
        let key = url.key();
        slots.entry(key.clone()).or_insert_with(|| Arc::new(Slot::new(self.dir.join(key)))).clone()
    }

    fn branches(&self, slot: &Slot, url: &RemoteUrl, creds: &Credentials) -> Result<BTreeMap<String, Oid>, SourceError> {
        if let (Scheme::Ssh, Some(lines)) = (url.scheme, &creds.known_hosts) {
            hints::add(lines);
        }
        let link = Link { url, creds, limits: &self.limits };
        slot.branches(creds.fingerprint(), || link.branches(&self.dir.join("scratch.git")))
    }

    fn head_of(&self, slot: &Slot, door: &Door) -> Result<Oid, SourceError> {
        let branches = self.branches(slot, &door.url, &door.creds)?;
        branches.get(&door.branch).copied().ok_or_else(|| {
            const SHOWN: usize = 10;
            let names: Vec<&str> = branches.keys().take(SHOWN).map(String::as_str).collect();
            let more = if branches.len() > SHOWN { ", …" } else { "" };
            let others = match names.as_slice() {
                [] => "the repository has no commits yet".to_string(),
                _ => format!("it has {}{more}", names.join(", ")),
            };
            SourceError::BranchMissing { url: door.url.shown(), branch: door.branch.clone(), others }
        })
    }

    /// Runs `work` on the locked repository; a damaged one is thrown away and made anew, once.
    fn with_repo<T>(
        &self,
        slot: &Slot,
        url: &RemoteUrl,
        work: impl Fn(&Repository) -> Result<T, Failure>,
    ) -> Result<T, SourceError> {
        let locked = slot.lock(&url.shown())?;
        match locked.open().and_then(|repo| work(&repo)) {
            Err(Failure::Damaged(why)) => {
                tracing::warn!(url = url.shown(), why, "the git cache is damaged; fetching it anew");
                locked.wipe();
            }
            other => return other.map_err(|failure| settle(failure, url)),
        }
        locked.open().and_then(|repo| work(&repo)).map_err(|failure| settle(failure, url))
    }

    /// Makes sure that `head` is in the repository, and finds out how it follows the commit before.
    fn bring(&self, repo: &Repository, door: &Door, head: Oid, want: &Want) -> Result<(Oid, History), Failure> {
        let tracked = format!("refs/windlass/heads/{}", door.branch);
        let spec = format!("+refs/heads/{}:{tracked}", door.branch);
        let link = Link { url: &door.url, creds: &door.creds, limits: &self.limits };
        let before = repo.refname_to_id(&tracked).ok();
        let previous = want.previous.map(|commit| commit.0).or(before);
        let mut head = head;
        if repo.find_commit(head).is_err() {
            // What comes after a known commit is fetched deep enough to say in one go whether it follows it.
            let deeper = previous.is_some_and(|oid| repo.find_commit(oid).is_ok()) && door.depth > 0;
            let depth = if deeper { door.depth.max(ancestry::STEPS[0]) } else { door.depth };
            link.fetch(repo, &[&spec], depth)?;
            if want.commit.is_none() {
                head = repo.refname_to_id(&tracked).map_err(|e| Failure::Damaged(e.message().into()))?;
            }
        }
        if repo.find_commit(head).is_err() {
            self.bring_by_name(repo, &link, door, head, &spec)?;
        }
        if want.commit.is_none() && repo.refname_to_id(&tracked).ok() != Some(head) {
            let moved = repo.reference(&tracked, head, true, "already here");
            moved.map_err(|e| Failure::Damaged(e.message().into()))?;
        }
        let deepen = |depth: i32| link.fetch(repo, &[&spec], depth);
        Ok((head, ancestry::history(repo, door.url.has_depth(), previous, head, deepen)?))
    }

    /// A commit that is not the branch's head: by its name where the server allows it, else with the whole branch.
    fn bring_by_name(&self, repo: &Repository, link: &Link<'_>, door: &Door, commit: Oid, spec: &str) -> Result<(), Failure> {
        let detail = match link.fetch(repo, &[&by_name(commit)], door.depth) {
            Err(Failure::Damaged(why)) => why,
            Err(Failure::Source(error)) => error.to_string(),
            Ok(()) => "the server sent nothing".into(),
        };
        if repo.find_commit(commit).is_err() {
            link.fetch(repo, &[spec], ALL)?;
        }
        repo.find_commit(commit).map(|_| ()).map_err(|_| {
            let (url, branch) = (door.url.shown(), door.branch.clone());
            SourceError::CommitMissing { url, branch, commit: commit.to_string(), detail }.into()
        })
    }

    /// Reads from a commit, without the lock. Damage found here throws the repository away: the next call mends it.
    fn reading<T>(
        &self,
        slot: &Slot,
        door: &Door,
        commit: Oid,
        work: impl Fn(&Reader<'_>) -> Result<T, Failure>,
    ) -> Result<T, SourceError> {
        let fetched = submodules::Fetched { cache: self, base: &door.url, creds: &door.creds };
        let refused = submodules::Refused { base: &door.url };
        let submodules: &dyn Submodules = if door.submodules { &fetched } else { &refused };
        let once = || {
            let (url, branch) = (door.url.shown(), door.branch.clone());
            work(&Reader { repo: slot.open()?, commit, url, branch, limits: &door.limits, submodules })
        };
        match once() {
            Err(Failure::Damaged(why)) => {
                tracing::warn!(url = door.url.shown(), why, "the git cache is damaged; fetching it anew");
                slot.lock(&door.url.shown())?.wipe();
            }
            other => return other.map_err(|failure| settle(failure, &door.url)),
        }
        let want = Want { commit: Some(CommitId(commit)), previous: None };
        self.with_repo(slot, &door.url, |repo| self.bring(repo, door, commit, &want))?;
        once().map_err(|failure| settle(failure, &door.url))
    }
}

fn by_name(commit: Oid) -> String {
    format!("{commit}:refs/windlass/commits/{commit}")
}

/// Damage that making the cache anew did not mend.
fn settle(failure: Failure, url: &RemoteUrl) -> SourceError {
    match failure {
        Failure::Source(error) => error,
        Failure::Damaged(why) => SourceError::Cache { url: url.shown(), why },
    }
}

/// A path inside the repository: relative, with `/`, never upwards.
fn clean_path(field: &'static str, path: &str) -> Result<String, SourceError> {
    let refuse = |why: &str| SourceError::Spec { field, value: path.chars().take(200).collect(), why: why.into() };
    if path.starts_with('/') || path.contains('\0') || path.len() > 4096 {
        return Err(refuse("it starts at the repository's root and is written without a leading /"));
    }
    let parts: Vec<&str> = path.split('/').filter(|part| !part.is_empty() && *part != ".").collect();
    if parts.contains(&"..") {
        return Err(refuse("it may not contain .."));
    }
    Ok(parts.join("/"))
}

fn describe(repo: &Repository, oid: Oid) -> Result<Commit, Failure> {
    const MAX: usize = 200;
    let commit = repo.find_commit(oid).map_err(|e| Failure::Damaged(e.message().into()))?;
    let text = |bytes: &[u8]| -> String { String::from_utf8_lossy(bytes).chars().filter(|c| !c.is_control()).take(MAX).collect() };
    let author = commit.author();
    Ok(Commit {
        id: CommitId(oid),
        author: text(author.name_bytes()),
        email: text(author.email_bytes()),
        subject: text(commit.summary_bytes().unwrap_or_default()),
        time: commit.time().seconds(),
    })
}
