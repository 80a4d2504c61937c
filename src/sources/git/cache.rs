//! The directory of one repository: bare, locked within and between processes, swept after a crash, thrown away when
//! it is damaged. Nothing in it is worth more than a fetch.
//!
//!     DIR/KEY/lock       flock held while the repository is written
//!     DIR/KEY/repo.git   the bare repository; `refs/windlass/heads/BRANCH` is what was last fetched

use std::collections::{BTreeMap, BTreeSet};
use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use git2::{Oid, Repository};

use super::remote::Failure;
use crate::sources::SourceError;

/// Packs that gather before the cache is made anew: every fetch adds one, and libgit2 never joins them.
const MAX_PACKS: usize = 64;
/// Credentials remembered as good for one repository.
const MAX_PROVED: usize = 256;

type Fingerprint = [u8; 32];
type Branches = Result<BTreeMap<String, Oid>, SourceError>;

/// One repository's place in the cache.
#[derive(Debug)]
pub struct Slot {
    dir: PathBuf,
    work: Mutex<()>,
    advert: Mutex<Option<Advert>>,
    proved: Mutex<BTreeSet<Fingerprint>>,
}

#[derive(Debug)]
struct Advert {
    started: Instant,
    who: Fingerprint,
    branches: Branches,
}

impl Slot {
    /// A slot in `dir`; nothing is written yet.
    pub fn new(dir: PathBuf) -> Self {
        Self { dir, work: Mutex::default(), advert: Mutex::default(), proved: Mutex::default() }
    }

    /// Lists branches. Callers that wait while another with the same credentials asks share the next answer, never one
    /// whose question was put before they came.
    pub fn branches(&self, who: Fingerprint, ask: impl FnOnce() -> Branches) -> Branches {
        let came = Instant::now();
        let mut advert = lock(&self.advert);
        if let Some(last) = advert.as_ref().filter(|last| last.started >= came && last.who == who) {
            return last.branches.clone();
        }
        let started = Instant::now();
        let branches = ask();
        if branches.is_ok() {
            let mut proved = lock(&self.proved);
            if proved.len() >= MAX_PROVED {
                proved.clear();
            }
            proved.insert(who);
        } else {
            lock(&self.proved).remove(&who);
        }
        *advert = Some(Advert { started, who, branches: branches.clone() });
        branches
    }

    /// True when the server last accepted these credentials: only then may what others fetched be read.
    pub fn is_proved(&self, who: &Fingerprint) -> bool {
        lock(&self.proved).contains(who)
    }

    /// Takes the repository for writing.
    pub fn lock(&self, url: &str) -> Result<Locked<'_>, SourceError> {
        let guard = lock(&self.work);
        let file = (|| {
            fs::create_dir_all(&self.dir)?;
            let file = File::options().create(true).truncate(false).write(true).open(self.dir.join("lock"))?;
            file.lock()?;
            Ok(file)
        })();
        let file = file.map_err(|e: io::Error| SourceError::Cache { url: url.into(), why: format!("locking {}: {e}", self.dir.display()) })?;
        Ok(Locked { dir: &self.dir, _file: file, _guard: guard })
    }

    /// Opens the repository for reading, without the lock: git objects never change, and a repository that is thrown
    /// away meanwhile shows as damage.
    pub fn open(&self) -> Result<Repository, Failure> {
        Repository::open_bare(self.dir.join("repo.git")).map_err(|e| Failure::Damaged(e.message().into()))
    }
}

/// A repository held for writing.
pub struct Locked<'a> {
    dir: &'a Path,
    _file: File,
    _guard: MutexGuard<'a, ()>,
}

impl Locked<'_> {
    /// Opens or creates the repository, after sweeping what a killed fetch left behind.
    pub fn open(&self) -> Result<Repository, Failure> {
        let path = self.dir.join("repo.git");
        if pack_count(&path) > MAX_PACKS {
            self.wipe();
        }
        sweep(&path);
        let opened = match path.join("HEAD").exists() {
            true => Repository::open_bare(&path),
            false => Repository::init_bare(&path),
        };
        opened.map_err(|e| Failure::Damaged(e.message().into()))
    }

    /// Throws the repository away; the next fetch makes it anew.
    pub fn wipe(&self) {
        if let Err(error) = fs::remove_dir_all(self.dir.join("repo.git"))
            && error.kind() != io::ErrorKind::NotFound
        {
            tracing::warn!(%error, "a damaged git cache could not be removed");
        }
    }
}

/// Removes lock files and half-written packs. The caller holds the lock, so nobody is writing them.
fn sweep(repo: &Path) {
    let packs = repo.join("objects/pack");
    for entry in entries(&packs) {
        // libgit2 writes `pack_git2_XXXXXX`, git `tmp_pack_XXXXXX`; finished files have an extension.
        if entry.extension().is_none() || entry.extension().is_some_and(|e| e == "lock") {
            remove(&entry);
        }
    }
    let mut folders = vec![repo.join("refs")];
    entries(repo).filter(|path| is_lock(path)).for_each(|path| remove(&path));
    while let Some(folder) = folders.pop() {
        for entry in entries(&folder) {
            if entry.is_dir() {
                folders.push(entry);
            } else if is_lock(&entry) {
                remove(&entry);
            }
        }
    }
}

fn is_lock(path: &Path) -> bool {
    path.extension().is_some_and(|e| e == "lock")
}

fn remove(path: &Path) {
    if let Err(error) = fs::remove_file(path) {
        tracing::warn!(%error, path = %path.display(), "a leftover in the git cache could not be removed");
    }
}

fn entries(dir: &Path) -> impl Iterator<Item = PathBuf> + use<> {
    fs::read_dir(dir).into_iter().flatten().filter_map(|entry| Some(entry.ok()?.path()))
}

fn pack_count(repo: &Path) -> usize {
    entries(&repo.join("objects/pack")).filter(|path| path.extension().is_some_and(|e| e == "pack")).count()
}

/// A panic elsewhere leaves these locks' data whole: each holds one value that is replaced at once.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
