//! Single objects that Environments name (values, credentials, other Environments): read once, then watched, so that an idle
//! environment asks for nothing and a change is seen at once.

use super::{ApiError, Cluster, Tasks};
use crate::object::ObjectRef;
use futures::StreamExt as _;
use kube::{
    api::{Api, ApiResource, DynamicObject},
    runtime::watcher,
};
use serde_json::Value;
use std::{
    collections::{BTreeSet, HashMap},
    sync::{Arc, Mutex},
    time::Duration,
};
use tokio::sync::watch;

/// How long the first reading may take.
const FIRST_READING: Duration = Duration::from_secs(30);

type Content = watch::Receiver<Option<Result<Option<Value>, ApiError>>>;
type Notify = Arc<dyn Fn(&str, &ObjectRef) + Send + Sync>;

struct Input {
    content: Content,
    users: BTreeSet<String>,
    task: tokio::task::AbortHandle,
}

/// The named objects of one agent. Cheap to clone.
#[derive(Clone)]
pub struct Inputs {
    cluster: Cluster,
    known: Arc<Mutex<HashMap<ObjectRef, Input>>>,
    notify: Notify,
    tasks: Tasks,
}

impl Inputs {
    /// Inputs that call `notify(environment, object)` for each user of an object that changed.
    pub fn new(cluster: Cluster, tasks: Tasks, notify: impl Fn(&str, &ObjectRef) + Send + Sync + 'static) -> Self {
        Inputs { cluster, known: Arc::default(), notify: Arc::new(notify), tasks }
    }

    /// The object, for `environment`; `None` where it does not exist.
    ///
    /// # Errors
    /// It cannot be read, or not be watched.
    pub async fn get(&self, environment: &str, reference: &ObjectRef) -> Result<Option<Value>, ApiError> {
        let plural = self.cluster.kind(&reference.gvk).await?.plural;
        let mut content = {
            let mut known = self.known.lock().expect("no panic while held");
            let input = known.entry(reference.clone()).or_insert_with(|| self.begin(reference.clone(), plural));
            input.users.insert(environment.to_owned());
            input.content.clone()
        };
        let first = tokio::time::timeout(FIRST_READING, content.wait_for(Option::is_some)).await;
        match first {
            Ok(Ok(content)) => content.clone().unwrap_or(Ok(None)),
            _ => Err(ApiError::unreachable(format!("{reference} was not read within {} s", FIRST_READING.as_secs()))),
        }
    }

    /// The environment uses only these any more: what nobody uses is no longer watched.
    pub fn keep(&self, environment: &str, used: &[ObjectRef]) {
        let mut known = self.known.lock().expect("no panic while held");
        known.retain(|reference, input| {
            if !used.contains(reference) {
                input.users.remove(environment);
            }
            if input.users.is_empty() {
                input.task.abort();
            }
            !input.users.is_empty()
        });
    }

    fn begin(&self, reference: ObjectRef, plural: String) -> Input {
        let (send, content) = watch::channel(None);
        let (this, told) = (self.clone(), reference.clone());
        let task = tokio::spawn(async move { this.follow(told, plural, send).await });
        let handle = task.abort_handle();
        // The group owns it too: it ends with the agent's term.
        self.tasks.spawn(async move {
            let _end = AbortOnDrop(task.abort_handle());
            if let Err(error) = task.await
                && error.is_panic()
            {
                tracing::error!(reason = "Panic", "watching {reference} broke off by a fault of windlass");
            }
        });
        Input { content, users: BTreeSet::new(), task: handle }
    }

    async fn follow(self, reference: ObjectRef, plural: String, send: watch::Sender<Option<Result<Option<Value>, ApiError>>>) {
        let resource = ApiResource {
            group: reference.gvk.group.clone(),
            version: reference.gvk.version.clone(),
            api_version: reference.gvk.api_version(),
            kind: reference.gvk.kind.clone(),
            plural,
        };
        let api: Api<DynamicObject> = match &reference.namespace {
            Some(namespace) => Api::namespaced_with(self.cluster.client(), namespace, &resource),
            None => Api::all_with(self.cluster.client(), &resource),
        };
        let config = watcher::Config::default().fields(&format!("metadata.name={}", reference.name));
        let mut events = watcher::watcher(api, config).boxed();
        let mut listed = None;
        let mut pause = Duration::from_millis(200);
        while let Some(event) = events.next().await {
            let content = match event {
                Ok(watcher::Event::Init) => {
                    listed = None;
                    continue;
                }
                Ok(watcher::Event::InitApply(object)) => {
                    listed = serde_json::to_value(&object).ok();
                    continue;
                }
                Ok(watcher::Event::InitDone) => {
                    pause = Duration::from_millis(200);
                    Ok(listed.take())
                }
                Ok(watcher::Event::Apply(object)) => Ok(serde_json::to_value(&object).ok()),
                Ok(watcher::Event::Delete(_)) => Ok(None),
                Err(error) => {
                    let refused = super::watch::refused(&error);
                    // What was read before still stands while the server cannot be asked.
                    if let Some(refused) = refused.filter(|_| !matches!(&*send.borrow(), Some(Ok(_)))) {
                        send.send_replace(Some(Err(refused)));
                    }
                    tokio::time::sleep(pause).await;
                    pause = (pause * 2).min(Duration::from_secs(30));
                    continue;
                }
            };
            self.store(&reference, &send, content);
        }
    }

    fn store(&self, reference: &ObjectRef, send: &watch::Sender<Option<Result<Option<Value>, ApiError>>>, content: Result<Option<Value>, ApiError>) {
        let data = |content: &Option<Result<Option<Value>, ApiError>>| match content {
            // Of ConfigMaps and Secrets the data, of Environments what they want and how they fare.
            Some(Ok(Some(object))) => Some([&object["data"], &object["binaryData"], &object["spec"], &object["status"]].map(Value::clone)),
            _ => None,
        };
        let first = send.borrow().is_none();
        let content = Some(content);
        let same = !first && data(&send.borrow()) == data(&content);
        send.send_replace(content);
        if first || same {
            return;
        }
        let users: Vec<String> = {
            let known = self.known.lock().expect("no panic while held");
            known.get(reference).map(|input| input.users.iter().cloned().collect()).unwrap_or_default()
        };
        for user in users {
            (self.notify)(&user, reference);
        }
    }
}

struct AbortOnDrop(tokio::task::AbortHandle);

impl Drop for AbortOnDrop {
    fn drop(&mut self) {
        self.0.abort();
    }
}
