//! Receivers: followed by a watch, made known to the HTTP port, and what they are told handed to those whom it concerns.
//!
//! Every replica takes calls, whoever leads: the leader wakes its own drivers, another one notes the call on the Environment
//! (`windlass.dev/wake`), which the leader sees.

use super::{Registry, Wake, target};
use crate::{
    app::{App, Condition, Environment, Receiver, ReceiverAction, ReceiverSpec, ReceiverStatus, WAKE},
    cluster::{ApiError, Cluster, Inputs, Tasks},
    object::{Gvk, ObjectRef},
    web::{Endpoint, Hooks},
    webhooks::{self, Address, Event, Image, Keys, Mapping, Pending, Settings},
};
use futures::StreamExt as _;
use kube::{Api, ResourceExt as _, runtime::watcher};
use serde_json::json;
use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};
use tokio::sync::mpsc;

/// The pauses between tries of a watch that fails: doubled each time, up to the last.
const WATCH_PAUSE: (Duration, Duration) = (Duration::from_secs(1), Duration::from_secs(60));
/// The pause after a call could not be handed on.
const DELIVERY_PAUSE: Duration = Duration::from_secs(1);
/// How many changed Secrets wait to be looked at: each names its Receiver.
const CHANGES: usize = 256;
/// The least pause between two rounds of a Receiver.
const LEAST_PAUSE: Duration = Duration::from_millis(10);

/// What all replicas share: who leads now, if this agent does.
pub type Leading = Arc<Mutex<Option<Registry>>>;

/// The Receivers of one agent.
#[derive(Clone)]
pub struct Receivers {
    cluster: Cluster,
    hooks: Hooks,
    leading: Leading,
    namespace: Option<String>,
    known: Arc<Mutex<BTreeMap<String, Receiver>>>,
}

impl Receivers {
    /// Follows Receivers and hands on what they are told, as long as `tasks` live.
    pub fn start(cluster: Cluster, hooks: Hooks, leading: Leading, namespace: Option<String>, tasks: &Tasks) {
        let receivers = Receivers { cluster: cluster.clone(), hooks, leading, namespace, known: Arc::default() };
        let (changed, changes) = mpsc::channel(CHANGES);
        let inputs = Inputs::new(cluster, tasks.clone(), move |receiver, _| drop(changed.try_send(receiver.to_owned())));
        let changes = Arc::new(tokio::sync::Mutex::new(changes));
        let follower = receivers.clone();
        tasks.keep("watching Receivers".into(), move || {
            let (follower, inputs, changes) = (follower.clone(), inputs.clone(), changes.clone());
            async move { follower.follow(&inputs, &mut *changes.lock().await).await }
        });
        tasks.keep("handing webhooks on".into(), move || {
            let receivers = receivers.clone();
            async move { receivers.deliver().await }
        });
    }

    async fn follow(&self, inputs: &Inputs, changes: &mut mpsc::Receiver<String>) {
        let client = self.cluster.client();
        let api: Api<Receiver> = match &self.namespace {
            Some(namespace) => Api::namespaced(client, namespace),
            None => Api::all(client),
        };
        let mut events = watcher::watcher(api, watcher::Config::default()).boxed();
        let mut listed = Vec::new();
        let mut pause = WATCH_PAUSE.0;
        loop {
            let event = tokio::select! {
                event = events.next() => event,
                changed = changes.recv() => {
                    let known = changed.and_then(|id| self.known().get(&id).cloned());
                    if let Some(receiver) = known {
                        self.settle(inputs, &receiver).await;
                    }
                    continue;
                }
            };
            match event {
                Some(Ok(watcher::Event::Init)) => listed.clear(),
                Some(Ok(watcher::Event::InitApply(receiver))) => {
                    listed.push(id(&receiver));
                    self.settle(inputs, &receiver).await;
                }
                Some(Ok(watcher::Event::InitDone)) => {
                    pause = WATCH_PAUSE.0;
                    let gone: Vec<String> = self.known().keys().filter(|id| !listed.contains(id)).cloned().collect();
                    gone.iter().for_each(|id| self.forget(inputs, id));
                }
                Some(Ok(watcher::Event::Apply(receiver))) => self.settle(inputs, &receiver).await,
                Some(Ok(watcher::Event::Delete(receiver))) => self.forget(inputs, &id(&receiver)),
                Some(Err(error)) => {
                    // An agent of a version that knows Receivers may run before their CRD is there.
                    tracing::debug!(reason = "WatchFailed", "watching Receivers: {error}");
                    tokio::time::sleep(pause).await;
                    pause = (pause * 2).min(WATCH_PAUSE.1);
                }
                None => return,
            }
        }
    }

    fn known(&self) -> std::sync::MutexGuard<'_, BTreeMap<String, Receiver>> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn forget(&self, inputs: &Inputs, id: &str) {
        self.known().remove(id);
        self.hooks.remove(id);
        inputs.keep(id, &[]);
    }

    /// Makes a Receiver callable, or says why it is not; what was callable before stays while its Secret cannot be read.
    async fn settle(&self, inputs: &Inputs, receiver: &Receiver) {
        let id = id(receiver);
        self.known().insert(id.clone(), receiver.clone());
        let (reason, message, path) = match self.endpoint(inputs, receiver).await {
            Ok((endpoint, path)) => {
                self.hooks.set(endpoint);
                (None, "calls are taken".to_owned(), Some(path))
            }
            Err((reason, message, keep)) => {
                if !keep {
                    self.hooks.remove(&id);
                }
                tracing::warn!(receiver = id, reason, "{message}");
                (Some(reason), message, receiver.status.as_ref().and_then(|status| status.path.clone()).filter(|_| keep))
            }
        };
        self.tell(receiver, reason, message, path).await;
    }

    /// The Receiver as the port takes it, with its address. The error's flag: what was before still holds.
    async fn endpoint(&self, inputs: &Inputs, receiver: &Receiver) -> Result<(Endpoint, String), (&'static str, String, bool)> {
        let spec = &receiver.spec;
        let (namespace, name) = (receiver.namespace().unwrap_or_default(), receiver.name_any());
        let pause = humantime::parse_duration(&spec.interval)
            .map_err(|error| ("InvalidSpec", format!("spec.interval: \"{}\" is not a duration ({error}): write it as 1s or 500ms", spec.interval), false))?;
        let mapping = spec.generic.as_ref().map(|generic| Mapping {
            when: generic.when.clone(),
            repository: generic.repository.clone(),
            branch: generic.branch.clone(),
            image: generic.image.clone(),
            tag: generic.tag.clone(),
            delivery: generic.delivery.clone(),
            signature_header: generic.signature_header.clone(),
            token_header: generic.token_header.clone(),
        });
        if let Some(mapping) = &mapping {
            mapping.check().map_err(|why| ("InvalidSpec", why, false))?;
        }
        let secret = ObjectRef { gvk: Gvk::new("v1", "Secret"), namespace: Some(namespace.clone()), name: spec.secret_ref.name.clone() };
        inputs.keep(&id(receiver), std::slice::from_ref(&secret));
        let live = inputs.get(&id(receiver), &secret).await.map_err(|error| ("SecretUnreadable", format!("reading {secret}: {error}"), true))?;
        let live = live.ok_or_else(|| ("SecretMissing", format!("spec.secretRef names {secret}, which does not exist; create it with the key token"), false))?;
        let data = target::secret_data(&live);
        let keys = Keys::new(["token", "previousToken"].iter().filter_map(|key| data.get(*key)).map(Vec::as_slice));
        if !data.contains_key("token") || !keys.strong() {
            let why = format!("the key token of {secret} is missing or shorter than 16 bytes; `openssl rand -hex 32` makes a good one");
            return Err(("TokenWeak", why, false));
        }
        let driver = spec.driver.name();
        let tokens: Vec<String> = keys.iter().map(|key| webhooks::path_token(key, &namespace, &name, driver)).collect();
        let path = format!("/webhook/{driver}/{}", tokens.first().map(String::as_str).unwrap_or_default());
        let endpoint = Endpoint {
            id: id(receiver),
            driver,
            tokens: tokens.iter().map(|token| webhooks::token_digest(token)).collect(),
            keys,
            settings: Settings { mapping, certificate: None },
            pause: pause.max(LEAST_PAUSE),
        };
        Ok((endpoint, path))
    }

    /// Writes the status where it differs. Replicas write the same words: whoever comes first.
    async fn tell(&self, receiver: &Receiver, reason: Option<&str>, message: String, path: Option<String>) {
        let before = receiver.status.clone().unwrap_or_default();
        let status = if reason.is_none() { "True" } else { "False" };
        let time = match before.conditions.iter().find(|condition| condition.type_ == "Ready" && condition.status == status) {
            Some(same) => same.last_transition_time.clone(),
            None => jiff::Timestamp::now().strftime("%Y-%m-%dT%H:%M:%SZ").to_string(),
        };
        let ready = Condition {
            type_: "Ready".into(),
            status: status.into(),
            reason: reason.unwrap_or("Listening").into(),
            message,
            last_transition_time: time,
            observed_generation: receiver.metadata.generation,
        };
        let after = ReceiverStatus { observed_generation: receiver.metadata.generation, path, conditions: vec![ready] };
        if after == before {
            return;
        }
        let mut json = serde_json::to_value(&after).expect("a status serialises");
        if after.path.is_none() {
            json["path"] = serde_json::Value::Null;
        }
        let (namespace, name) = (receiver.namespace(), receiver.name_any());
        let reference = ObjectRef { gvk: Gvk::new("windlass.dev/v1alpha1", "Receiver"), namespace, name };
        if let Err(error) = self.cluster.merge(&reference, "status", &json!({ "status": json })).await
            && !error.is_not_found()
        {
            tracing::warn!(receiver = id(receiver), "cannot write the status: {error}");
        }
    }

    /// Hands on what is told, for ever: nothing is lost while somebody cannot be reached.
    async fn deliver(&self) {
        loop {
            let mut failed = false;
            for (id, pending) in self.hooks.take().await {
                let Some(receiver) = self.known().get(&id).cloned() else { continue };
                let leading = self.leading.lock().unwrap_or_else(PoisonError::into_inner).clone();
                let handed = match leading {
                    Some(registry) => wake(&registry, &receiver, &pending),
                    None => self.note(&receiver, &pending).await.map_err(|error| tracing::warn!(receiver = id, "cannot hand a webhook on: {error}")).is_ok(),
                };
                if !handed {
                    failed = true;
                    self.hooks.put_back(&id, pending);
                }
            }
            if failed {
                tokio::time::sleep(DELIVERY_PAUSE).await;
            }
        }
    }

    /// Notes a call on the Environments that it concerns, for the leader to see.
    async fn note(&self, receiver: &Receiver, pending: &Pending) -> Result<(), ApiError> {
        let collection = ObjectRef { gvk: Gvk::new("windlass.dev/v1alpha1", "Environment"), namespace: receiver.namespace(), name: String::new() };
        for live in self.cluster.list(&collection, "").await? {
            let Ok(env) = serde_json::from_value::<Environment>(live) else { continue };
            let Ok(app) = App::resolve(&env) else { continue };
            if concern(receiver, pending, &app) == Concern::default() {
                continue;
            }
            let patch = json!({ "metadata": { "annotations": { WAKE: jiff::Timestamp::now().to_string() } } });
            let reference = ObjectRef { name: env.name_any(), ..collection.clone() };
            match self.cluster.merge(&reference, "", &patch).await {
                Err(error) if !error.is_not_found() => return Err(error),
                _ => {}
            }
        }
        Ok(())
    }
}

fn id(receiver: &Receiver) -> String {
    format!("{}/{}", receiver.namespace().unwrap_or_default(), receiver.name_any())
}

/// Wakes the drivers that a call concerns; false where one of them cannot listen now.
fn wake(registry: &Registry, receiver: &Receiver, pending: &Pending) -> bool {
    let mut heard = true;
    for app in registry.apps() {
        let concern = concern(receiver, pending, &app);
        if concern.source {
            tracing::debug!(environment = app.id(), receiver = receiver.name_any(), reason = "Webhook", "told to look at the source");
            heard &= registry.wake(&app.id(), Wake::Pushed);
        }
        if concern.images {
            tracing::debug!(environment = app.id(), receiver = receiver.name_any(), reason = "Webhook", "told to look at its images");
            registry.look_at_images(&app.id());
        }
    }
    heard
}

/// What a call means for an Environment.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Concern {
    /// Its source may have moved.
    pub source: bool,
    /// One of its images may have a new tag.
    pub images: bool,
}

/// What a call means for an Environment.
pub fn concern(receiver: &Receiver, pending: &Pending, app: &App) -> Concern {
    let spec = &receiver.spec;
    let minded = receiver.namespace().as_deref() == Some(&app.namespace) && (spec.environments.is_empty() || spec.environments.contains(&app.name));
    let mut concern = Concern::default();
    if minded {
        match pending {
            Pending::Everything => concern = Concern { source: true, images: !app.spec.images.is_empty() },
            Pending::Events(events) => {
                for event in events {
                    one(spec, event, app, &mut concern);
                }
            }
        }
    }
    Concern { source: concern.source && spec.does(ReceiverAction::Sync), images: concern.images && spec.does(ReceiverAction::SetImage) }
}

fn one(spec: &ReceiverSpec, event: &Event, app: &App, concern: &mut Concern) {
    match event {
        Event::Push { repository, branch } => {
            let followed = app.git().filter(|git| git.branch == *branch).and_then(|git| Address::parse(&git.url));
            concern.source |= followed.is_some_and(|followed| repository.iter().any(|address| address.means(&followed, spec.any_host)));
        }
        Event::Image(pushed) => {
            let mut minded = app.spec.images.iter().filter_map(|image| Image::parse(&image.image));
            concern.images |= minded.any(|image| image.same_repository(pushed, spec.any_host));
            // Charts are kept as images are, below the repository's address.
            let chart = app.chart().and_then(|chart| Image::parse(&format!("{}/{}", chart.repository.strip_prefix("oci://")?.trim_end_matches('/'), chart.name)));
            concern.source |= chart.is_some_and(|chart| chart.same_repository(pushed, spec.any_host));
        }
        Event::Object { bucket, .. } => {
            let followed = app.chart().and_then(|chart| chart.repository.strip_prefix("s3://"));
            concern.source |= followed.is_some_and(|rest| rest.split(['/', '?']).next() == Some(bucket));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn app(spec: serde_json::Value) -> App {
        let env = json!({ "apiVersion": "windlass.dev/v1alpha1", "kind": "Environment", "metadata": { "name": "web", "namespace": "shop" }, "spec": spec });
        App::resolve(&serde_json::from_value(env).unwrap()).unwrap()
    }

    fn receiver(namespace: &str, more: serde_json::Value) -> Receiver {
        let mut spec = json!({ "driver": "github", "secretRef": { "name": "key" } });
        more.as_object().unwrap().iter().for_each(|(key, value)| spec[key] = value.clone());
        let object = json!({ "apiVersion": "windlass.dev/v1alpha1", "kind": "Receiver", "metadata": { "name": "r", "namespace": namespace }, "spec": spec });
        serde_json::from_value(object).unwrap()
    }

    fn push(url: &str, branch: &str) -> Event {
        Event::Push { repository: vec![Address::parse(url).unwrap()], branch: branch.into() }
    }

    fn image(name: &str) -> Event {
        Event::Image(Image::parse(name).unwrap())
    }

    /// What one event means for an Environment, by a Receiver of its namespace.
    fn means(event: Event, app: &App, more: serde_json::Value) -> (bool, bool) {
        let found = concern(&receiver("shop", more), &Pending::Events([event].into()), app);
        (found.source, found.images)
    }

    #[test]
    fn a_call_concerns_those_who_follow_what_it_names() {
        let git = app(json!({
            "source": { "git": { "url": "https://git.example.com/shop/app.git", "branch": "develop" } },
            "images": [{ "image": "ghcr.io/shop/web", "policy": { "semver": { "range": "*" } }, "set": ["tag"] }],
        }));
        let none = || json!({});
        assert_eq!(means(push("git@git.example.com:shop/app.git", "develop"), &git, none()), (true, false), "one repository by another protocol");
        assert_eq!(means(push("https://git.example.com/shop/app.git", "main"), &git, none()), (false, false), "another branch");
        assert_eq!(means(push("https://git.example.com/shop/other.git", "develop"), &git, none()), (false, false));
        assert_eq!(means(push("https://git.internal/shop/app.git", "develop"), &git, none()), (false, false), "another host");
        assert_eq!(means(push("https://git.internal/shop/app.git", "develop"), &git, json!({ "anyHost": true })), (true, false));
        assert_eq!(means(image("ghcr.io/shop/web:1"), &git, none()), (false, true));
        assert_eq!(means(image("ghcr.io/shop/api:1"), &git, none()), (false, false));
        let oci = app(json!({ "source": { "chart": { "repository": "oci://registry.example.com/charts/", "name": "shop" } } }));
        assert_eq!(means(image("registry.example.com/charts/shop:1.2.0"), &oci, none()), (true, false), "a chart is kept as an image is");
        assert_eq!(means(image("registry.example.com/charts/other:1.2.0"), &oci, none()), (false, false));
        let bucket = app(json!({ "source": { "chart": { "repository": "s3://charts/tested?endpoint=http://127.0.0.1:9000", "name": "shop" } } }));
        let object = |bucket: &str| Event::Object { bucket: bucket.into(), key: "tested/index.yaml".into() };
        assert_eq!(means(object("charts"), &bucket, none()), (true, false));
        assert_eq!(means(object("chart"), &bucket, none()), (false, false));
    }

    #[test]
    fn a_receiver_does_no_more_than_it_is_allowed_to() {
        let git = app(json!({
            "source": { "git": { "url": "https://git.example.com/shop/app.git", "branch": "develop" } },
            "images": [{ "image": "ghcr.io/shop/web", "policy": { "semver": { "range": "*" } }, "set": ["tag"] }],
        }));
        let both = || Pending::Events([push("https://git.example.com/shop/app.git", "develop"), image("ghcr.io/shop/web:1")].into());
        let means = |receiver: Receiver, pending: Pending| {
            let found = concern(&receiver, &pending, &git);
            (found.source, found.images)
        };
        assert_eq!(means(receiver("shop", json!({})), both()), (true, true));
        assert_eq!(means(receiver("shop", json!({ "actions": ["sync"] })), both()), (true, false));
        assert_eq!(means(receiver("shop", json!({ "actions": ["set-image"] })), both()), (false, true));
        assert_eq!(means(receiver("shop", json!({ "environments": ["api"] })), both()), (false, false));
        assert_eq!(means(receiver("shop", json!({ "environments": ["api", "web"] })), both()), (true, true));
        assert_eq!(means(receiver("elsewhere", json!({})), both()), (false, false), "Receivers are of one namespace");
        assert_eq!(means(receiver("elsewhere", json!({})), Pending::Everything), (false, false));
        assert_eq!(means(receiver("shop", json!({ "actions": ["sync"] })), Pending::Everything), (true, false));
    }
}
