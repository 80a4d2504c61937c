//! Chart repositories of every kind behind one door: which version is meant, its archive by digest, publishing.
//!
//! Archives are kept in the cache by their digest, for all environments; an index is kept in memory with its tag.

use super::chart_error::ChartError;
use super::chart_repo::{self, Known};
use super::http;
use super::oci::{self, Registry};
use super::s3;
use super::{Access, archive_cache::ArchiveCache};
use crate::chart::repository::{Entry, Index, Wanted, masked};
use crate::chart::{Log, Metadata, SourceFile, archive::read_archive};
use crate::value::Map;
use sha2::{Digest as _, Sha256};
use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};

/// Indexes, clients and registries kept in memory: the oldest key goes first.
const MAX_KEPT: usize = 64;

/// The schemes of addresses, each with its driver.
const SCHEMES: [(&str, Kind); 4] = [("https://", Kind::Http), ("http://", Kind::Http), ("oci://", Kind::Oci), ("s3://", Kind::S3)];

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Http,
    Oci,
    S3,
}

/// A repository: where it is and what opens it.
#[derive(Clone, Debug, PartialEq)]
pub struct Repository {
    /// `https://…`, `http://…`, `oci://…` or `s3://…`.
    pub address: String,
    /// What opens it.
    pub access: Access,
}

/// A version in a repository.
#[derive(Clone, Debug, PartialEq)]
pub struct Found {
    /// The version.
    pub version: String,
    /// SHA-256 of the archive in hexadecimal, where the repository promises one.
    pub digest: Option<String>,
    /// Where the archive is: a URL, a reference, an object's name.
    pub place: String,
}

/// An archive, whole and checked.
#[derive(Clone, Debug, PartialEq)]
pub struct Archive {
    /// SHA-256 in hexadecimal.
    pub digest: String,
    /// The gzipped tar.
    pub bytes: Arc<[u8]>,
}

/// What is published.
#[derive(Clone, Debug)]
pub struct Upload {
    /// The archive.
    pub archive: Arc<[u8]>,
    /// SHA-256 of it in hexadecimal.
    pub digest: String,
    /// Its Chart.yaml.
    pub metadata: Metadata,
    /// When, in RFC 3339.
    pub created: String,
}

/// How publishing went.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// It is there now.
    Published,
    /// It was there already, with the same content.
    AlreadyThere,
}

type Key = [u8; 32];

/// All chart repositories of a process. Cheap to clone.
#[derive(Clone)]
pub struct Charts {
    inner: Arc<Inner>,
}

struct Inner {
    cache: ArchiveCache,
    indexes: Mutex<BTreeMap<Key, Known>>,
    clients: Mutex<BTreeMap<Key, reqwest::Client>>,
    registries: Mutex<BTreeMap<Key, Registry>>,
}

impl Charts {
    /// Repositories with a cache below `folder`, which is created when something is fetched.
    pub fn new(folder: impl Into<PathBuf>) -> Charts {
        let cache = ArchiveCache::new(folder.into());
        Charts { inner: Arc::new(Inner { cache, indexes: Mutex::default(), clients: Mutex::default(), registries: Mutex::default() }) }
    }

    /// Which version of a chart is meant, by what the repository says now.
    ///
    /// # Errors
    /// As the driver's.
    pub async fn find(&self, repository: &Repository, name: &str, wanted: &Wanted) -> Result<Found, ChartError> {
        let mut found = match repository.kind()? {
            Kind::Http => chart_repo::find(self, repository, name, wanted).await?,
            Kind::Oci => oci::find(self, repository, name, wanted).await?,
            Kind::S3 => s3::find(self, repository, name, wanted).await?,
        };
        if found.digest.is_none() {
            // Without a promise the archive itself tells, once.
            found.digest = Some(self.archive(repository, name, &found).await?.digest);
        }
        Ok(found)
    }

    /// An archive, from the cache where it is there, else from the repository; checked against the digest that was promised.
    ///
    /// # Errors
    /// As the driver's; and another digest than promised.
    pub async fn archive(&self, repository: &Repository, name: &str, found: &Found) -> Result<Archive, ChartError> {
        if let Some(digest) = &found.digest
            && let Some(bytes) = self.inner.cache.get(digest)
        {
            return Ok(Archive { digest: digest.clone(), bytes });
        }
        let bytes = match repository.kind()? {
            Kind::Http => chart_repo::archive(self, repository, found).await?,
            Kind::Oci => oci::archive(self, repository, found).await?,
            Kind::S3 => s3::archive(self, repository, found).await?,
        };
        let digest = sha256(&bytes);
        match &found.digest {
            Some(expected) if !expected.eq_ignore_ascii_case(&digest) => {
                let (what, promised) = (format!("the archive of {name} {}", found.version), format!("the index of {}", repository.shown()));
                Err(ChartError::Digest { what, promised, expected: expected.clone(), found: digest })
            }
            _ => {
                let bytes: Arc<[u8]> = bytes.into();
                self.inner.cache.put(&digest, &bytes)?;
                Ok(Archive { digest, bytes })
            }
        }
    }

    /// Publishes an archive; a version that is there is never overwritten.
    ///
    /// # Errors
    /// As the driver's; other content under the same version.
    pub async fn publish(&self, repository: &Repository, upload: &Upload) -> Result<Outcome, ChartError> {
        match repository.kind()? {
            Kind::Http => chart_repo::publish(self, repository, upload).await,
            Kind::Oci => oci::publish(self, repository, upload).await,
            Kind::S3 => s3::publish(self, repository, upload).await,
        }
    }

    /// The cache of archives.
    pub fn cache(&self) -> &ArchiveCache {
        &self.inner.cache
    }

    /// The HTTP client for a repository's credentials.
    pub(super) fn client(&self, repository: &Repository) -> Result<reqwest::Client, ChartError> {
        kept(&self.inner.clients, repository.access.fingerprint(), || http::client(&repository.access)).map_err(|why| repository.invalid(why))
    }

    /// The client of an OCI registry.
    pub(super) fn registry(&self, repository: &Repository, host: &str) -> Result<Registry, ChartError> {
        kept(&self.inner.registries, repository.key(host), || Registry::new(host, &repository.access)).map_err(|why| repository.invalid(why))
    }

    /// The index as it was last read with these credentials.
    pub(super) fn known(&self, repository: &Repository) -> Option<Known> {
        lock(&self.inner.indexes).get(&repository.key(&repository.address)).cloned()
    }

    pub(super) fn remember(&self, repository: &Repository, known: Known) {
        let mut indexes = lock(&self.inner.indexes);
        bound(&mut indexes);
        indexes.insert(repository.key(&repository.address), known);
    }

    /// Parses an index off the runtime's threads: large ones take their time.
    pub(super) async fn parse_index(&self, bytes: Vec<u8>, shown: &str) -> Result<Arc<Index>, String> {
        let source = shown.to_owned();
        let parsed = tokio::task::spawn_blocking(move || {
            let mut log = Log::default();
            let index = Index::parse(&bytes, &source, &mut log);
            log.notices.iter().take(MAX_KEPT).for_each(|notice| tracing::debug!("{}", notice.message));
            index
        });
        parsed.await.map_err(|panic| format!("a fault of windlass: {panic}"))?.map(Arc::new)
    }
}

fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

fn bound<T>(map: &mut BTreeMap<Key, T>) {
    while map.len() >= MAX_KEPT {
        map.pop_first();
    }
}

fn kept<T: Clone>(map: &Mutex<BTreeMap<Key, T>>, key: Key, make: impl FnOnce() -> Result<T, String>) -> Result<T, String> {
    let mut map = lock(map);
    if let Some(there) = map.get(&key) {
        return Ok(there.clone());
    }
    let made = make()?;
    bound(&mut map);
    map.insert(key, made.clone());
    Ok(made)
}

impl Repository {
    fn kind(&self) -> Result<Kind, ChartError> {
        let kind = SCHEMES.iter().find(|(scheme, _)| self.address.starts_with(scheme)).map(|(_, kind)| *kind);
        kind.ok_or_else(|| self.invalid("its scheme is none that charts can be fetched by".into()))
    }

    /// The address without a password, for messages.
    pub fn shown(&self) -> String {
        masked(&self.address)
    }

    pub(super) fn invalid(&self, why: String) -> ChartError {
        ChartError::Address { address: self.shown(), why }
    }

    fn key(&self, more: &str) -> Key {
        let mut digest = Sha256::new();
        digest.update(self.access.fingerprint());
        digest.update(more);
        digest.finalize().into()
    }
}

/// SHA-256 in hexadecimal.
pub fn sha256(bytes: &[u8]) -> String {
    Sha256::digest(bytes).iter().map(|byte| format!("{byte:02x}")).collect()
}

pub(super) fn index_error(doing: String, why: String) -> ChartError {
    ChartError::Invalid { doing, why: format!("it is no index.yaml of a chart repository: {why}") }
}

impl Upload {
    /// What an archive is published as; `created` in RFC 3339.
    ///
    /// # Errors
    /// It is no chart.
    pub fn new(archive: Arc<[u8]>, created: String) -> Result<Upload, String> {
        let chart = crate::chart::load_archive(&archive, &mut Log::default()).map_err(|error| error.message)?;
        Ok(Upload { digest: sha256(&archive), metadata: chart.metadata, archive, created })
    }

    /// `name-version`
    pub fn label(&self) -> String {
        format!("{}-{}", self.metadata.name, self.metadata.version)
    }

    /// Whether what is there is the same: byte for byte, or file for file (compression may differ from build to build).
    pub(super) fn compare(&self, there: &[u8], repository: &str) -> Result<Outcome, ChartError> {
        let files = |bytes: &[u8]| -> Option<Vec<SourceFile>> { read_archive(bytes).ok() };
        let digest = sha256(there);
        if digest == self.digest || files(there).is_some_and(|there| files(&self.archive) == Some(there)) {
            return Ok(Outcome::AlreadyThere);
        }
        Err(self.taken(repository, &digest))
    }

    pub(super) fn taken(&self, repository: &str, there: &str) -> ChartError {
        ChartError::Published { what: self.label(), repository: repository.to_owned(), there: there.to_owned(), ours: self.digest.clone() }
    }

    /// Its entry in an index; `digest` is that of the archive as it is stored.
    pub(super) fn entry(&self, url: &str, digest: &str) -> Entry {
        let rest: Map = [("created".into(), self.created.as_str().into())].into();
        Entry { metadata: self.metadata.clone(), urls: vec![url.to_owned()], digest: digest.to_owned(), rest }
    }
}
