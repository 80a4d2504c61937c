//! The durable record: Helm's release Secrets with our marks in annotations, and one ConfigMap for what outlives them.

use super::{ApiError, Cluster, Delete};
use crate::{
    decide::{Entry, Failure, Mark, Memory, Phase, Record},
    object::{Gvk, ObjectRef},
    release::{self, Marks, Release, Stamp, Status},
};
use serde_json::{Value, json};
use std::{
    collections::{BTreeMap, HashMap, VecDeque},
    sync::{Arc, Mutex},
};

/// The annotation that holds an attempt's mark as JSON.
const ATTEMPT: &str = "windlass.dev/attempt";
/// What the memory says of itself.
const ABOUT_MEMORY: &str =
    "what windlass must not forget about this release: revisions known to be bad, a release held by hand, requests acted upon";
/// The label of the memory and of what else is kept beside the records; its value is the release.
pub(super) const RELEASE_LABEL: &str = "windlass.dev/release";
/// The key of the memory's ConfigMap.
const MEMORY_KEY: &str = "memory.json";

/// How many versions of a record are remembered as known.
const KNOWN_VERSIONS: usize = 16;

/// The records of one release. Clones share what they know.
#[derive(Clone)]
pub struct Records {
    cluster: Cluster,
    namespace: String,
    release: String,
    known: Arc<Mutex<Known>>,
}

/// Which versions of what were read or written here: a watch that tells of them tells nothing new.
#[derive(Default)]
struct Known {
    records: HashMap<u64, VecDeque<Option<String>>>,
    /// The records as they were last listed: number and resource version.
    listed: BTreeMap<u64, String>,
    /// The memory's resource version; `None` where there is no memory yet.
    memory: Option<String>,
}

/// A record's whole content with what a later write of it needs.
#[derive(Clone, Debug)]
pub struct Held {
    /// The release.
    pub release: Release,
    /// Its mark.
    pub mark: Option<Mark>,
    /// The Secret's resource version: a write after anybody else's is refused.
    pub resource_version: String,
    /// The Secret's identity.
    pub uid: String,
    /// Helm's label `createdAt`, for a later write to keep, in seconds. (Helm keeps it on records that it read in a list.)
    pub created: Option<i64>,
}

impl Records {
    /// The records of `release` in `namespace`.
    pub fn new(cluster: Cluster, namespace: &str, release: &str) -> Self {
        Records { cluster, namespace: namespace.into(), release: release.into(), known: Arc::default() }
    }

    /// Whether this version of a record (`None`: its deletion) was read or written here.
    pub fn knows(&self, number: u64, version: Option<&str>) -> bool {
        let known = self.known.lock().expect("no panic while held");
        known.records.get(&number).is_some_and(|versions| versions.iter().any(|known| known.as_deref() == version))
    }

    /// Number and resource version of each record, as they were last listed.
    pub fn listed(&self) -> BTreeMap<u64, String> {
        self.known.lock().expect("no panic while held").listed.clone()
    }

    fn note(&self, number: u64, version: Option<String>) {
        let mut known = self.known.lock().expect("no panic while held");
        let versions = known.records.entry(number).or_default();
        versions.push_back(version);
        if versions.len() > KNOWN_VERSIONS {
            versions.pop_front();
        }
    }

    fn secret(&self, number: u64) -> ObjectRef {
        reference("Secret", &self.namespace, &release::key(&self.release, number as u32))
    }

    pub(super) fn cluster(&self) -> &Cluster {
        &self.cluster
    }

    /// The Secret of the plan that waits for approval.
    pub(super) fn plan(&self) -> ObjectRef {
        reference("Secret", &self.namespace, &format!("windlass.{}.plan", self.release))
    }

    /// The Secret of the last test results.
    pub(super) fn tests(&self) -> ObjectRef {
        reference("Secret", &self.namespace, &format!("windlass.{}.tests", self.release))
    }

    fn memory(&self) -> ObjectRef {
        reference("ConfigMap", &self.namespace, &format!("windlass.{}", self.release))
    }

    /// Reads all of it.
    ///
    /// # Errors
    /// As the requests failed.
    pub async fn load(&self) -> Result<Record, ApiError> {
        let selector = format!("owner=helm,name={}", self.release);
        let secrets = self.cluster.terse().list(&reference("Secret", &self.namespace, ""), &selector).await?;
        let mut entries = Vec::with_capacity(secrets.len());
        let mut listed = BTreeMap::new();
        for secret in &secrets {
            if let Some(entry) = entry(secret) {
                self.note(entry.number, Some(version(secret)));
                listed.insert(entry.number, version(secret));
                entries.push(entry);
            }
        }
        self.known.lock().expect("no panic while held").listed = listed;
        entries.sort_by_key(|entry| entry.number);
        let memory = match self.cluster.get(&self.memory()).await {
            Ok(map) => {
                let memory = self.read_memory(&map)?;
                self.known.lock().expect("no panic while held").memory = Some(version(&map));
                memory
            }
            Err(error) if error.is_not_found() => {
                self.known.lock().expect("no panic while held").memory = None;
                Memory::default()
            }
            Err(error) => return Err(error),
        };
        Ok(Record { entries, memory })
    }

    /// There is nothing yet to read, as [`super::Shelves::are_empty`] says.
    pub fn begin(&self) -> Record {
        let mut known = self.known.lock().expect("no panic while held");
        known.listed.clear();
        known.memory = None;
        Record::default()
    }

    /// What was forgotten by accident would be tried again for ever: an unreadable memory is an error, not an empty one.
    fn read_memory(&self, map: &Value) -> Result<Memory, ApiError> {
        let Some(text) = map["data"][MEMORY_KEY].as_str() else { return Ok(Memory::default()) };
        serde_json::from_str(text).map_err(|error| {
            ApiError::config(format!(
                "the key {MEMORY_KEY} of {} cannot be read: {error}; mend it, or delete the ConfigMap to forget which revisions are known to be bad",
                self.memory()
            ))
        })
    }

    /// Reads one record whole; `None` where there is none.
    ///
    /// # Errors
    /// As the request failed, or the payload cannot be read.
    pub async fn get(&self, number: u64) -> Result<Option<Held>, ApiError> {
        let secret = match self.cluster.get(&self.secret(number)).await {
            Ok(secret) => secret,
            Err(error) if error.is_not_found() => return Ok(None),
            Err(error) => return Err(error),
        };
        let stored = release::read(&secret).map_err(|error| {
            ApiError::config(format!("release record {}: {error}", release::key(&self.release, number as u32)))
        })?;
        Ok(Some(Held {
            mark: mark(&secret),
            resource_version: stored.head.resource_version,
            uid: uid(&secret),
            created: stored.head.created,
            release: stored.release,
        }))
    }

    /// Writes a new record.
    ///
    /// # Errors
    /// 409 where one of that number exists; 413 where it is too large; else as the request failed.
    pub async fn create(&self, release: Release, mark: &Mark) -> Result<Held, ApiError> {
        let now = jiff::Timestamp::now();
        let secret = self.encode(&release, Some(mark), Stamp::Created(now), None)?;
        let made = self.cluster.terse().create(&secret).await?;
        self.note(u64::from(release.version), Some(version(&made)));
        Ok(Held { release, mark: Some(mark.clone()), resource_version: version(&made), uid: uid(&made), created: Some(now.as_second()) })
    }

    /// Writes a record again, if nobody wrote it in between.
    ///
    /// # Errors
    /// 409 where somebody did; else as the request failed.
    pub async fn replace(&self, held: &mut Held) -> Result<(), ApiError> {
        let stamp = Stamp::Modified { at: jiff::Timestamp::now(), created: held.created };
        let secret = self.encode(&held.release, held.mark.as_ref(), stamp, Some(&held.resource_version))?;
        held.resource_version = version(&self.cluster.terse().replace(&secret, "").await?);
        self.note(u64::from(held.release.version), Some(held.resource_version.clone()));
        Ok(())
    }

    /// Writes a record's mark only, if nobody wrote the record in between.
    ///
    /// # Errors
    /// 409 where somebody did; else as the request failed.
    pub async fn mark(&self, held: &mut Held, mark: Mark) -> Result<(), ApiError> {
        let patch = json!({ "metadata": { "resourceVersion": held.resource_version, "annotations": annotations(&mark) } });
        let number = u64::from(held.release.version);
        held.resource_version = version(&self.cluster.terse().merge(&self.secret(number), "", &patch).await?);
        self.note(number, Some(held.resource_version.clone()));
        held.mark = Some(mark);
        Ok(())
    }

    /// Takes every annotation of ours off a record: what is left is helm's alone.
    ///
    /// # Errors
    /// As the request failed.
    pub async fn unmark(&self, number: u64) -> Result<(), ApiError> {
        let live = match self.cluster.get(&self.secret(number)).await {
            Ok(live) => live,
            Err(error) if error.is_not_found() => return Ok(()),
            Err(error) => return Err(error),
        };
        let ours = live["metadata"]["annotations"].as_object().into_iter().flatten();
        let none: serde_json::Map<String, Value> =
            ours.filter(|(key, _)| key.starts_with("windlass.dev/")).map(|(key, _)| (key.clone(), Value::Null)).collect();
        if none.is_empty() {
            return Ok(());
        }
        let written = self.cluster.merge(&self.secret(number), "", &json!({ "metadata": { "annotations": none } })).await?;
        self.note(number, Some(version(&written)));
        Ok(())
    }

    /// Removes a record.
    ///
    /// # Errors
    /// As the request failed.
    pub async fn delete(&self, number: u64) -> Result<(), ApiError> {
        self.note(number, None);
        self.cluster.delete(&self.secret(number), Delete::Background).await.map(drop)
    }

    /// Writes what outlives the records, if nobody wrote it since it was read.
    ///
    /// # Errors
    /// 409 where somebody did; else as the request failed.
    pub async fn remember(&self, memory: &Memory) -> Result<(), ApiError> {
        let text = serde_json::to_string_pretty(memory).expect("the memory has only string keys");
        let mut object = json!({
            "apiVersion": "v1", "kind": "ConfigMap",
            "metadata": {
                "name": self.memory().name, "namespace": self.namespace,
                "labels": { "app.kubernetes.io/managed-by": "windlass", RELEASE_LABEL: self.release },
                "annotations": { "windlass.dev/about": ABOUT_MEMORY },
            },
            "data": { MEMORY_KEY: text },
        });
        let before = self.known.lock().expect("no panic while held").memory.clone();
        let written = match before {
            Some(version) => {
                object["metadata"]["resourceVersion"] = json!(version);
                self.cluster.terse().replace(&object, "").await?
            }
            None => self.cluster.terse().create(&object).await?,
        };
        self.known.lock().expect("no panic while held").memory = Some(version(&written));
        Ok(())
    }

    /// Removes what outlives the records: the Environment has gone.
    ///
    /// # Errors
    /// As the request failed.
    pub async fn forget(&self) -> Result<(), ApiError> {
        self.discard().await?;
        self.cluster.delete(&self.tests(), Delete::Background).await?;
        self.cluster.delete(&self.memory(), Delete::Background).await.map(drop)
    }

    fn encode(&self, release: &Release, mark: Option<&Mark>, stamp: Stamp, version: Option<&str>) -> Result<Value, ApiError> {
        let marks = Marks::default();
        let mut secret = release::secret(release, &marks, stamp, version).map_err(|error| ApiError {
            code: 413,
            reason: "RecordTooLarge".into(),
            message: error.to_string(),
            causes: Vec::new(),
            retry_after: None,
        })?;
        if let Some(mark) = mark {
            secret["metadata"]["annotations"] = annotations(mark);
        }
        Ok(secret)
    }
}

fn reference(kind: &str, namespace: &str, name: &str) -> ObjectRef {
    ObjectRef { gvk: Gvk::new("v1", kind), namespace: Some(namespace.into()), name: name.into() }
}

/// The object's `metadata.resourceVersion`; empty where it has none.
pub(crate) fn version(object: &Value) -> String {
    object["metadata"]["resourceVersion"].as_str().unwrap_or_default().to_owned()
}

/// The mark as annotations: whole as JSON for the machine, its main parts one by one for people and `kubectl get -o custom-columns`.
fn annotations(mark: &Mark) -> Value {
    let failure = mark.failure.as_ref().map(|failure: &Failure| short(&failure.message, 1024));
    json!({
        ATTEMPT: serde_json::to_string(mark).expect("a mark has only string keys"),
        "windlass.dev/revision": mark.revision,
        "windlass.dev/stage": format!("{:?}", mark.stage),
        "windlass.dev/digest": mark.digest,
        "windlass.dev/holder": mark.holder,
        "windlass.dev/tries": mark.tries.to_string(),
        "windlass.dev/approved-by": mark.approved.as_ref().map(|approved| &approved.by),
        "windlass.dev/failure": failure,
    })
}

fn uid(object: &Value) -> String {
    object["metadata"]["uid"].as_str().unwrap_or_default().to_owned()
}

fn short(text: &str, limit: usize) -> String {
    match text.char_indices().nth(limit) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text.to_owned(),
    }
}

fn mark(secret: &Value) -> Option<Mark> {
    serde_json::from_str(crate::object::annotation(secret, ATTEMPT)?).ok()
}

fn entry(secret: &Value) -> Option<Entry> {
    let head = release::Head::of(secret)?;
    let phase = match head.status {
        Status::Deployed => Phase::Deployed,
        Status::Superseded => Phase::Superseded,
        Status::Uninstalled => Phase::Uninstalled,
        Status::PendingInstall | Status::PendingUpgrade | Status::PendingRollback | Status::Uninstalling => Phase::Open,
        _ => Phase::Failed,
    };
    let seconds = head.modified.or(head.created).unwrap_or(0);
    Some(Entry { number: u64::from(head.version), phase, mark: mark(secret), modified: seconds * 1000, uid: uid(secret) })
}
