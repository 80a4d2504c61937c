//! What exists without Helm's label: objects that nobody minds here, of which only the names matter. Whether a new object's name is
//! free is thereby known without asking the server object by object; one watch of names for each kind that is ever created.

use super::{ApiError, Cluster, Tasks, watch};
use crate::object::{Gvk, ObjectRef};
use futures::StreamExt as _;
use kube::{
    api::{Api, ApiResource, DynamicObject},
    core::PartialObjectMeta,
    runtime::watcher,
};
use std::{
    collections::{HashMap, HashSet},
    hash::{BuildHasher as _, RandomState},
    sync::{Arc, Mutex},
    time::Duration,
};
use tokio::sync::watch as channel;

/// How long the first reading of a kind's names may take.
const FIRST_READING: Duration = Duration::from_secs(30);

/// Names by kind. Cheap to clone.
#[derive(Clone)]
pub(super) struct Strangers {
    inner: Arc<Inner>,
}

struct Inner {
    cluster: Cluster,
    namespace: Option<String>,
    tasks: Tasks,
    kinds: Mutex<HashMap<Gvk, Names>>,
    /// Names are kept as numbers, eight bytes each. Two that fall together cost one request, and nothing else.
    hasher: RandomState,
}

struct Names {
    ready: channel::Receiver<Option<Result<(), ApiError>>>,
    taken: Arc<Mutex<HashSet<u64>>>,
}

impl Strangers {
    pub(super) fn new(cluster: Cluster, namespace: Option<String>, tasks: Tasks) -> Self {
        Strangers { inner: Arc::new(Inner { cluster, namespace, tasks, kinds: Mutex::default(), hasher: RandomState::new() }) }
    }

    /// Whether an object of that name may exist without Helm's label.
    pub(super) async fn may_be(&self, reference: &ObjectRef) -> Result<bool, ApiError> {
        let kind = self.inner.cluster.kind(&reference.gvk).await?;
        let (mut ready, taken) = {
            let mut kinds = self.inner.kinds.lock().expect("no panic while held");
            let names = kinds.entry(reference.gvk.clone()).or_insert_with(|| self.begin(reference.gvk.clone(), kind));
            (names.ready.clone(), names.taken.clone())
        };
        match tokio::time::timeout(FIRST_READING, ready.wait_for(Option::is_some)).await {
            Ok(Ok(first)) => first.clone().unwrap_or(Ok(()))?,
            _ => return Err(ApiError::unreachable(format!("the names of {} were not listed within {} s", reference.gvk, FIRST_READING.as_secs()))),
        }
        let name = self.number(reference.namespace.as_deref(), &reference.name);
        Ok(taken.lock().expect("no panic while held").contains(&name))
    }

    fn number(&self, namespace: Option<&str>, name: &str) -> u64 {
        self.inner.hasher.hash_one((namespace.unwrap_or_default(), name))
    }

    fn begin(&self, gvk: Gvk, kind: super::Kind) -> Names {
        let (done, ready) = channel::channel(None);
        let (done, taken) = (Arc::new(done), Arc::<Mutex<HashSet<u64>>>::default());
        let (this, names) = (self.clone(), taken.clone());
        let what = format!("watching the names of {gvk}");
        self.inner.tasks.keep(what, move || this.clone().follow(gvk.clone(), kind.clone(), names.clone(), done.clone()));
        Names { ready, taken }
    }

    async fn follow(self, gvk: Gvk, kind: super::Kind, taken: Arc<Mutex<HashSet<u64>>>, done: Arc<channel::Sender<Option<Result<(), ApiError>>>>) {
        let (group, version, api_version) = (gvk.group.clone(), gvk.version.clone(), gvk.api_version());
        let resource = ApiResource { group, version, api_version, kind: gvk.kind.clone(), plural: kind.plural };
        let client = self.inner.cluster.client();
        let api: Api<PartialObjectMeta<DynamicObject>> = match &self.inner.namespace {
            Some(namespace) if kind.namespaced => Api::namespaced_with(client, namespace, &resource),
            _ => Api::all_with(client, &resource),
        };
        let config = watcher::Config::default().labels("app.kubernetes.io/managed-by!=Helm").page_size(500);
        let mut events = watcher::watcher(api, config).boxed();
        let mut listed = HashSet::new();
        let mut pause = Duration::from_millis(200);
        let number = |meta: &kube::core::ObjectMeta| self.number(meta.namespace.as_deref(), meta.name.as_deref().unwrap_or_default());
        while let Some(event) = events.next().await {
            match event {
                Ok(watcher::Event::Init) => listed.clear(),
                Ok(watcher::Event::InitApply(object)) => drop(listed.insert(number(&object.metadata))),
                Ok(watcher::Event::InitDone) => {
                    *taken.lock().expect("no panic while held") = std::mem::take(&mut listed);
                    pause = Duration::from_millis(200);
                    done.send_replace(Some(Ok(())));
                }
                Ok(watcher::Event::Apply(object)) => drop(taken.lock().expect("no panic while held").insert(number(&object.metadata))),
                Ok(watcher::Event::Delete(object)) => drop(taken.lock().expect("no panic while held").remove(&number(&object.metadata))),
                Err(error) => {
                    tracing::debug!(kind = %gvk, %error, "the watch of names broke off, starting again");
                    if !matches!(&*done.borrow(), Some(Ok(()))) && let Some(refused) = watch::refused(&error) {
                        done.send_replace(Some(Err(refused)));
                    }
                    tokio::time::sleep(pause).await;
                    pause = (pause * 2).min(Duration::from_secs(10));
                }
            }
        }
    }
}
