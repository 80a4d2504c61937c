//! One watch on the metadata of all Helm release records: what the helm command line (or another agent) writes is seen at once.

use super::Cluster;
use futures::StreamExt as _;
use k8s_openapi::api::core::v1::Secret;
use kube::{Api, core::PartialObjectMeta, runtime::watcher};
use std::{
    collections::{BTreeMap, HashMap},
    sync::{Arc, Mutex},
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

/// The records that there are, as the watch has them: a second reading of them that costs no request. Cheap to clone.
#[derive(Clone, Default)]
pub struct Shelves(Arc<Mutex<View>>);

#[derive(Default)]
struct View {
    /// Everything was listed once.
    whole: bool,
    /// By namespace and release: each record's number and resource version.
    records: HashMap<(String, String), BTreeMap<u64, String>>,
}

impl Shelves {
    /// Number and resource version of each record of a release; `None` where that is not known (yet).
    pub fn of(&self, namespace: &str, release: &str) -> Option<BTreeMap<u64, String>> {
        let view = self.0.lock().expect("no panic while held");
        view.whole.then(|| view.records.get(&(namespace.to_owned(), release.to_owned())).cloned().unwrap_or_default())
    }

    fn note(&self, seen: &Seen) {
        let mut view = self.0.lock().expect("no panic while held");
        let key = (seen.namespace.clone(), seen.release.clone());
        match &seen.version {
            Some(version) => drop(view.records.entry(key).or_default().insert(seen.number, version.clone())),
            None => {
                let left = view.records.get_mut(&key).map(|records| {
                    records.remove(&seen.number);
                    records.len()
                });
                if left == Some(0) {
                    view.records.remove(&key);
                }
            }
        }
    }

    fn clear(&self) {
        *self.0.lock().expect("no panic while held") = View::default();
    }

    fn whole(&self) {
        self.0.lock().expect("no panic while held").whole = true;
    }
}

/// Watches the records of `namespace`, or of all namespaces, for ever, keeps `shelves` and tells of each change.
pub async fn watch_records(cluster: Cluster, namespace: Option<String>, shelves: Shelves, tell: impl Fn(Seen)) {
    let tell = |seen: Seen| {
        shelves.note(&seen);
        tell(seen);
    };
    let api: Api<PartialObjectMeta<Secret>> = match &namespace {
        Some(namespace) => Api::namespaced(cluster.client(), namespace),
        None => Api::all(cluster.client()),
    };
    let config = watcher::Config::default().labels("owner=helm").page_size(200);
    let mut events = watcher::watcher(api, config).boxed();
    let mut pause = Duration::from_millis(200);
    while let Some(event) = events.next().await {
        match event {
            Ok(watcher::Event::Apply(object) | watcher::Event::InitApply(object)) => {
                seen(&object.metadata, true).into_iter().for_each(&tell);
            }
            Ok(watcher::Event::Delete(object)) => seen(&object.metadata, false).into_iter().for_each(&tell),
            Ok(watcher::Event::InitDone) => {
                shelves.whole();
                pause = Duration::from_millis(200);
            }
            Ok(watcher::Event::Init) => shelves.clear(),
            Err(error) => {
                tracing::debug!(%error, "the watch on release records broke off, starting again");
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
