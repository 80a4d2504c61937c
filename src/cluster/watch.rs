//! One watch for each kind that some release holds, shared by all environments: of each object only its health and a
//! fingerprint are kept, so that thousands of objects cost little.

use super::{ApiError, Cluster, Tasks, strangers::Strangers};
use crate::{
    health::{self, Health},
    object::{Gvk, ObjectRef, ownership},
};
use futures::StreamExt as _;
use kube::{
    api::{Api, ApiResource, DynamicObject},
    runtime::watcher,
};
use std::{
    collections::HashMap,
    sync::{Arc, Mutex},
};
use tokio::sync::watch;

/// How long the first reading of a kind may take.
const FIRST_READING: std::time::Duration = std::time::Duration::from_secs(30);

/// A list that shows an object older than it is known for less than this time comes from a server that lags, and the watch that
/// begins with it soon tells better. Known for longer, it is another truth: a restored backup.
pub(crate) const MAX_LAG: std::time::Duration = std::time::Duration::from_secs(10 * 60);

/// What is kept of a live object.
#[derive(Clone, Debug, PartialEq)]
pub struct Observed {
    /// `metadata.resourceVersion`
    pub resource_version: String,
    /// See `object::drift_fingerprint`.
    pub fingerprint: String,
    /// How it fares.
    pub health: Health,
    /// Whether others own fields of it that are left to them: replicas under an autoscaler, injected certificate bundles.
    pub contested: bool,
    /// The environment whose mark it carries.
    pub owner: Option<String>,
}

/// How the first reading of a kind went; `None` while it is under way.
type First = Option<Result<(), ApiError>>;
type Notify = Arc<dyn Fn(&str, &ObjectRef) + Send + Sync>;

/// The watches of one agent. Cheap to clone.
#[derive(Clone)]
pub struct Watches {
    inner: Arc<Inner>,
}

struct Inner {
    cluster: Cluster,
    kinds: Mutex<HashMap<Gvk, watch::Receiver<First>>>,
    /// With when each was first seen like that.
    objects: Mutex<HashMap<ObjectRef, (Observed, std::time::Instant)>>,
    notify: Notify,
    namespace: Option<String>,
    tasks: Tasks,
    strangers: Strangers,
}

impl Watches {
    /// Watches that call `notify(environment, object)` when an object that carries an environment's mark changes.
    pub fn new(cluster: Cluster, namespace: Option<String>, tasks: Tasks, notify: impl Fn(&str, &ObjectRef) + Send + Sync + 'static) -> Self {
        let strangers = Strangers::new(cluster.clone(), namespace.clone(), tasks.clone());
        let inner = Inner { cluster, kinds: Mutex::default(), objects: Mutex::default(), notify: Arc::new(notify), namespace, tasks, strangers };
        Watches { inner: Arc::new(inner) }
    }

    /// Starts watching a kind, if it is not watched yet, and waits until all its objects have been seen once.
    ///
    /// # Errors
    /// The server refuses to list or watch it, or does not answer in time; it is asked again all the same.
    pub async fn ensure(&self, gvk: &Gvk) -> Result<(), ApiError> {
        let kind = self.inner.cluster.kind(gvk).await?;
        let mut ready = {
            let mut kinds = self.inner.kinds.lock().expect("no panic while held");
            match kinds.get(gvk) {
                Some(ready) => ready.clone(),
                None => {
                    let (done, ready) = watch::channel(None);
                    kinds.insert(gvk.clone(), ready.clone());
                    let (this, gvk, kind, done) = (self.clone(), gvk.clone(), kind.clone(), Arc::new(done));
                    let what = format!("watching {gvk}");
                    self.inner.tasks.keep(what, move || this.clone().run(gvk.clone(), kind.clone(), done.clone()));
                    ready
                }
            }
        };
        let seen = tokio::time::timeout(FIRST_READING, ready.wait_for(Option::is_some)).await;
        match seen {
            Ok(Ok(first)) => first.clone().unwrap_or(Ok(())),
            _ => Err(ApiError::unreachable(format!(
                "watching {gvk}: the API server did not list its objects within {} s",
                FIRST_READING.as_secs()
            ))),
        }
    }

    /// What is known of an object; `None`: it does not exist, or nobody watches its kind.
    pub fn get(&self, reference: &ObjectRef) -> Option<Observed> {
        self.inner.objects.lock().expect("no panic while held").get(reference).map(|(observed, _)| observed.clone())
    }

    /// Whether an object that these watches do not know may exist all the same, without Helm's label.
    ///
    /// # Errors
    /// The names of its kind cannot be listed.
    pub async fn may_be_a_stranger(&self, reference: &ObjectRef) -> Result<bool, ApiError> {
        self.inner.strangers.may_be(reference).await
    }

    /// Notes what an apply returned, before the watch tells.
    pub fn note(&self, reference: &ObjectRef, object: &serde_json::Value) {
        self.store(reference.clone(), object, false);
    }

    /// How many objects are known.
    pub fn len(&self) -> usize {
        self.inner.objects.lock().expect("no panic while held").len()
    }

    /// Whether none is.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    fn store(&self, reference: ObjectRef, object: &serde_json::Value, tell: bool) {
        let observed = Observed {
            resource_version: object["metadata"]["resourceVersion"].as_str().unwrap_or_default().into(),
            fingerprint: crate::object::digest::drift_fingerprint(object),
            health: health::assess(object, Some(jiff::Timestamp::now())),
            contested: crate::plan::ignore::contested(object),
            owner: ownership::mark(object).map(str::to_owned),
        };
        let old = {
            let mut objects = self.inner.objects.lock().expect("no panic while held");
            let old = objects.get(&reference);
            if old.is_some_and(|(old, since)| since.elapsed() < MAX_LAG && is_older(&observed.resource_version, &old.resource_version)) {
                return;
            }
            let since = old.filter(|(old, _)| old.resource_version == observed.resource_version).map(|(_, since)| *since);
            let entry = (observed.clone(), since.unwrap_or_else(std::time::Instant::now));
            objects.insert(reference.clone(), entry).map(|(old, _)| old)
        };
        if tell && old.as_ref() != Some(&observed) {
            self.tell(old.as_ref(), &observed, &reference);
        }
    }

    fn tell(&self, old: Option<&Observed>, new: &Observed, reference: &ObjectRef) {
        let same_words = old.is_some_and(|old| old.fingerprint == new.fingerprint && old.health == new.health);
        if same_words {
            return;
        }
        // An object may lose its mark by hand: the one who lost it is told.
        let owners = [old.and_then(|old| old.owner.as_ref()), new.owner.as_ref()];
        let mut told = None;
        for owner in owners.into_iter().flatten() {
            if told != Some(owner) {
                (self.inner.notify)(owner, reference);
                told = Some(owner);
            }
        }
    }

    fn remove(&self, reference: &ObjectRef) {
        let old = self.inner.objects.lock().expect("no panic while held").remove(reference);
        if let Some(owner) = old.and_then(|(old, _)| old.owner) {
            (self.inner.notify)(&owner, reference);
        }
    }

    async fn run(self, gvk: Gvk, kind: super::Kind, done: Arc<watch::Sender<First>>) {
        let resource = ApiResource {
            group: gvk.group.clone(),
            version: gvk.version.clone(),
            api_version: gvk.api_version(),
            kind: gvk.kind.clone(),
            plural: kind.plural,
        };
        let client = self.inner.cluster.client();
        let api: Api<DynamicObject> = match &self.inner.namespace {
            Some(namespace) if kind.namespaced => Api::namespaced_with(client, namespace, &resource),
            _ => Api::all_with(client, &resource),
        };
        let config = watcher::Config::default().labels("app.kubernetes.io/managed-by=Helm").page_size(100);
        let mut events = watcher::watcher(api, config).boxed();
        let mut listed: Option<Vec<ObjectRef>> = None;
        let mut pause = std::time::Duration::from_millis(200);
        while let Some(event) = events.next().await {
            match event {
                Ok(watcher::Event::Init) => listed = Some(Vec::new()),
                Ok(watcher::Event::InitApply(object)) => {
                    let (reference, json) = self.read(&gvk, object);
                    listed.get_or_insert_default().push(reference.clone());
                    self.store(reference, &json, true);
                }
                Ok(watcher::Event::InitDone) => {
                    self.forget_unlisted(&gvk, listed.take().unwrap_or_default());
                    pause = std::time::Duration::from_millis(200);
                    done.send_replace(Some(Ok(())));
                }
                Ok(watcher::Event::Apply(object)) => {
                    let (reference, json) = self.read(&gvk, object);
                    self.store(reference, &json, true);
                }
                Ok(watcher::Event::Delete(object)) => self.remove(&self.read(&gvk, object).0),
                Err(error) => {
                    tracing::debug!(kind = %gvk, %error, "watch broke off, starting again");
                    // Once everything was read, what is known stands until the watch speaks again.
                    if !matches!(&*done.borrow(), Some(Ok(()))) && let Some(refused) = refused(&error) {
                        done.send_replace(Some(Err(refused)));
                    }
                    tokio::time::sleep(pause).await;
                    pause = (pause * 2).min(std::time::Duration::from_secs(10));
                }
            }
        }
    }

    fn read(&self, gvk: &Gvk, object: DynamicObject) -> (ObjectRef, serde_json::Value) {
        let mut json = serde_json::to_value(&object).expect("came as JSON, goes as JSON");
        json["apiVersion"] = gvk.api_version().into();
        json["kind"] = gvk.kind.clone().into();
        (ObjectRef::of(&json), json)
    }

    /// What a fresh list does not hold any more has gone while the watch was broken.
    fn forget_unlisted(&self, gvk: &Gvk, listed: Vec<ObjectRef>) {
        let listed: std::collections::HashSet<_> = listed.into_iter().collect();
        let gone: Vec<_> = {
            let objects = self.inner.objects.lock().expect("no panic while held");
            objects.keys().filter(|r| r.gvk == *gvk && !listed.contains(r)).cloned().collect()
        };
        for reference in gone {
            self.remove(&reference);
        }
    }
}

/// Whether a resource version is older than another, where both are numbers, as kube-apiserver's are.
pub(crate) fn is_older(version: &str, known: &str) -> bool {
    matches!((version.parse::<u64>(), known.parse::<u64>()), (Ok(version), Ok(known)) if version < known)
}

/// What the server said, where it refused the list or the watch.
pub(super) fn refused(error: &watcher::Error) -> Option<ApiError> {
    match error {
        watcher::Error::InitialListFailed(kube::Error::Api(status)) | watcher::Error::WatchStartFailed(kube::Error::Api(status)) => {
            Some(ApiError { code: status.code, reason: status.reason.clone(), ..ApiError::unreachable(status.message.clone()) })
        }
        _ => None,
    }
}
