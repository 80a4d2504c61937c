//! Watches on the metadata of all Helm release records, so that what the helm command line (or another agent) writes is seen at once,
//! and of what outlives them.

use super::{Cluster, records::RELEASE_LABEL};
use futures::StreamExt as _;
use k8s_openapi::api::core::v1::{ConfigMap, Secret};
use kube::{
    api::{Api, ApiResource, DynamicObject},
    core::PartialObjectMeta,
    runtime::watcher,
};
use std::{
    collections::{BTreeMap, HashMap},
    sync::{Arc, Mutex, MutexGuard},
    time::Duration,
};

/// A release record as the watch saw it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Seen {
    /// The release's namespace.
    pub namespace: String,
    /// The release's name.
    pub release: String,
    /// The record's number.
    pub number: u64,
    /// Its resource version; `None` where it was deleted.
    pub version: Option<String>,
}

/// The records and memories that there are, as the watches have them: a reading of them that costs no request. Cheap to clone.
#[derive(Clone, Default)]
pub struct Shelves {
    /// Only what is in this namespace is watched; everything where none is given.
    namespace: Option<String>,
    view: Arc<Mutex<View>>,
}

/// A namespace, and the name of a release in it.
type Release = (String, String);

#[derive(Default)]
struct View {
    /// Each record's number and resource version.
    records: Shelf<BTreeMap<u64, String>>,
    /// The memories.
    memories: Shelf<()>,
}

/// What one watch has seen.
#[derive(Default)]
struct Shelf<T> {
    /// Everything was listed once.
    whole: bool,
    /// The watch broke off since: what happened meanwhile may come late.
    broken: bool,
    of: HashMap<Release, T>,
}

impl Shelves {
    /// For watches on this namespace; on all where none is given.
    pub fn of_namespace(namespace: Option<String>) -> Self {
        Shelves { namespace, view: Arc::default() }
    }

    /// Number and resource version of each record of a release; `None` where that is not known (yet).
    pub fn of(&self, namespace: &str, release: &str) -> Option<BTreeMap<u64, String>> {
        let view = self.view();
        let known = view.records.whole && self.covers(namespace);
        known.then(|| view.records.of.get(&(namespace.to_owned(), release.to_owned())).cloned().unwrap_or_default())
    }

    /// Whether a release has neither a record nor a memory, as far as watches tell that never broke off: what they lack is what was
    /// written just now. A record of ours that is written by this word is refused where there is one.
    pub fn are_empty(&self, namespace: &str, release: &str) -> bool {
        let (view, key) = (self.view(), (namespace.to_owned(), release.to_owned()));
        self.covers(namespace) && view.records.has_not(&key) && view.memories.has_not(&key)
    }

    fn covers(&self, namespace: &str) -> bool {
        self.namespace.as_deref().is_none_or(|only| only == namespace)
    }

    fn view(&self) -> MutexGuard<'_, View> {
        self.view.lock().expect("no panic while held")
    }

    fn note(&self, seen: &Seen) {
        let records = &mut self.view().records.of;
        let key = (seen.namespace.clone(), seen.release.clone());
        match &seen.version {
            Some(version) => drop(records.entry(key).or_default().insert(seen.number, version.clone())),
            None => {
                let left = records.get_mut(&key).map(|records| {
                    records.remove(&seen.number);
                    records.len()
                });
                if left == Some(0) {
                    records.remove(&key);
                }
            }
        }
    }
}

impl<T> Shelf<T> {
    fn has_not(&self, release: &Release) -> bool {
        self.whole && !self.broken && !self.of.contains_key(release)
    }
}

/// Watches the records of `namespace`, or of all namespaces, for ever, keeps `shelves` and tells of each change.
pub async fn watch_records(cluster: Cluster, namespace: Option<String>, shelves: Shelves, tell: impl Fn(Seen)) {
    let told = |meta: &kube::core::ObjectMeta, there: bool| {
        let Some(seen) = seen(meta, there) else { return };
        shelves.note(&seen);
        tell(seen);
    };
    keep(metadata::<Secret>(&cluster, namespace.as_deref()), "owner=helm", "release records", |view| &mut view.records, &shelves, told).await;
}

/// Watches for ever for which releases of `namespace`, or of all namespaces, there is a memory, and keeps `shelves`.
pub async fn watch_memories(cluster: Cluster, namespace: Option<String>, shelves: Shelves) {
    let told = |meta: &kube::core::ObjectMeta, there: bool| {
        let release = meta.labels.as_ref().and_then(|labels| labels.get(RELEASE_LABEL));
        let Some(key) = meta.namespace.clone().zip(release.cloned()) else { return };
        let memories = &mut shelves.view().memories.of;
        match there {
            true => drop(memories.insert(key, ())),
            false => drop(memories.remove(&key)),
        }
    };
    keep(metadata::<ConfigMap>(&cluster, namespace.as_deref()), RELEASE_LABEL, "memories of releases", |view| &mut view.memories, &shelves, told).await;
}

/// The metadata of a kind's objects; of no certain type, so that the code is the one by which strangers are watched.
fn metadata<K: kube::Resource<DynamicType = ()>>(cluster: &Cluster, namespace: Option<&str>) -> Api<PartialObjectMeta<DynamicObject>> {
    let kind = ApiResource::erase::<K>(&());
    match namespace {
        Some(namespace) => Api::namespaced_with(cluster.client(), namespace, &kind),
        None => Api::all_with(cluster.client(), &kind),
    }
}

/// Watches the metadata of what a selector selects; `told` hears of each object and whether it is there.
async fn keep<T: Default>(
    api: Api<PartialObjectMeta<DynamicObject>>,
    selector: &str,
    what: &str,
    shelf: impl Fn(&mut View) -> &mut Shelf<T>,
    shelves: &Shelves,
    told: impl Fn(&kube::core::ObjectMeta, bool),
) {
    let config = watcher::Config::default().labels(selector).page_size(200);
    let mut events = watcher::watcher(api, config).boxed();
    let mut pause = Duration::from_millis(200);
    while let Some(event) = events.next().await {
        match event {
            Ok(watcher::Event::Apply(object) | watcher::Event::InitApply(object)) => told(&object.metadata, true),
            Ok(watcher::Event::Delete(object)) => told(&object.metadata, false),
            Ok(watcher::Event::InitDone) => {
                shelf(&mut shelves.view()).whole = true;
                pause = Duration::from_millis(200);
            }
            Ok(watcher::Event::Init) => *shelf(&mut shelves.view()) = Shelf::default(),
            Err(error) => {
                tracing::debug!(%error, "the watch on {what} broke off, starting again");
                shelf(&mut shelves.view()).broken = true;
                tokio::time::sleep(pause).await;
                pause = (pause * 2).min(Duration::from_secs(10));
            }
        }
    }
}

fn seen(meta: &kube::core::ObjectMeta, there: bool) -> Option<Seen> {
    let label = |key: &str| meta.labels.as_ref()?.get(key).cloned();
    Some(Seen {
        namespace: meta.namespace.clone()?,
        release: label("name")?,
        number: label("version")?.parse().ok()?,
        version: if there { meta.resource_version.clone() } else { None },
    })
}
