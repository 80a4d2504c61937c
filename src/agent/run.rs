//! The agent: connects, leads, starts a driver for each Environment, ends in order.

use super::{Driver, Keeper, PARALLEL_STEPS, Shared, Wake, target::ServerCapabilities};
use crate::{
    app::{App, Environment, EnvironmentStatus, FINALIZER, SpecError},
    cluster::{Cluster, Watches},
    metrics::Metrics,
    object::{Gvk, ObjectRef},
    sources::GitCache,
    web::{self, Probes, Web},
};
use futures::StreamExt as _;
use kube::{Api, ResourceExt as _, runtime::watcher};
use serde_json::json;
use std::{
    collections::HashMap,
    path::PathBuf,
    sync::{Arc, Mutex, atomic::AtomicBool},
    time::Duration,
};
use tokio::sync::mpsc;

/// How the agent runs.
#[derive(Clone, Debug)]
pub struct Options {
    /// Where repositories are kept.
    pub cache: PathBuf,
    /// Only Environments of this namespace; all where none is given.
    pub namespace: Option<String>,
    /// Who this agent is, in records and the lease.
    pub holder: String,
    /// Where metrics and probes are served; nowhere if none is given.
    pub address: Option<std::net::SocketAddr>,
}

/// How many wake-ups wait for a driver: more than that say nothing new.
const INBOX: usize = 256;

type Inboxes = Arc<Mutex<HashMap<String, mpsc::Sender<Wake>>>>;

/// Runs the agent until `stop` resolves.
///
/// # Errors
/// What keeps it from starting.
pub async fn run(cluster: Cluster, options: Options, stop: impl Future<Output = ()>) -> Result<(), crate::cluster::ApiError> {
    let inboxes: Inboxes = Arc::default();
    let mut cluster = cluster;
    let metrics = Arc::new(Metrics::new(env!("CARGO_PKG_VERSION"), option_env!("WINDLASS_COMMIT").unwrap_or("unknown")));
    let counted = metrics.clone();
    cluster.count_requests(move |verb, code| counted.api(verb, (code > 0).then_some(code), None));
    let probes = Probes::default();
    if let Some(address) = options.address {
        let listener = tokio::net::TcpListener::bind(address).await.map_err(|error| {
            crate::cluster::ApiError::config(format!("cannot listen on {address} for metrics and probes: {error}"))
        })?;
        let web = Web { metrics: metrics.clone(), probes: probes.clone() };
        tokio::spawn(web::serve(listener, web, std::future::pending()));
    }
    let shared = shared(cluster, &options, &inboxes, metrics).await?;
    probes.ready();
    shared.metrics.leader(true);
    let environments = follow(shared.clone(), options.namespace.clone(), inboxes);
    tokio::select! {
        () = environments => {}
        () = stop => tracing::info!(reason = "Stopping", "asked to stop: an open attempt is finished by the next agent"),
    }
    Ok(())
}

/// What drivers share.
///
/// # Errors
/// The API server cannot be asked for its version and kinds.
pub async fn shared(cluster: Cluster, options: &Options, inboxes: &Inboxes, metrics: Arc<Metrics>) -> Result<Arc<Shared>, crate::cluster::ApiError> {
    let capabilities = ServerCapabilities::ask(&cluster).await?;
    let wake = inboxes.clone();
    let watches = Watches::new(cluster.clone(), None, move |environment, object| {
        if let Some(inbox) = wake.lock().expect("no panic while held").get(environment) {
            // A full inbox means that the driver has plenty to think about already.
            let _ = inbox.try_send(Wake::Object(object.clone()));
        }
    });
    Ok(Arc::new(Shared {
        cluster,
        watches,
        git: Arc::new(GitCache::new(&options.cache, Default::default())),
        holder: options.holder.clone(),
        slots: tokio::sync::Semaphore::new(PARALLEL_STEPS),
        capabilities,
        metrics,
        leading: AtomicBool::new(true),
    }))
}

/// Watches Environments; starts, wakes and forgets their drivers.
async fn follow(shared: Arc<Shared>, namespace: Option<String>, inboxes: Inboxes) {
    let client = shared.cluster.client();
    let api: Api<Environment> = match &namespace {
        Some(namespace) => Api::namespaced(client, namespace),
        None => Api::all(client),
    };
    let mut events = watcher::watcher(api, watcher::Config::default()).boxed();
    let mut pause = Duration::from_millis(200);
    while let Some(event) = events.next().await {
        match event {
            Ok(watcher::Event::Apply(env) | watcher::Event::InitApply(env)) => {
                pause = Duration::from_millis(200);
                meet(&shared, &inboxes, env).await;
            }
            Ok(watcher::Event::Delete(env)) => {
                inboxes.lock().expect("no panic while held").remove(&id(&env));
            }
            Ok(_) => {}
            Err(error) => {
                tracing::warn!(reason = "WatchFailed", "watching Environments: {error}");
                tokio::time::sleep(pause).await;
                pause = (pause * 2).min(Duration::from_secs(10));
            }
        }
    }
}

fn id(env: &Environment) -> String {
    format!("{}/{}", env.namespace().unwrap_or_default(), env.name_any())
}

async fn meet(shared: &Arc<Shared>, inboxes: &Inboxes, env: Environment) {
    let keeper = ObjectKeeper { cluster: shared.cluster.clone() };
    let app = match App::resolve(&env) {
        Ok(app) => app,
        Err(error) => return invalid(&keeper, &env, &error).await,
    };
    let known = inboxes.lock().expect("no panic while held").get(&app.id()).cloned();
    if let Some(inbox) = known
        && inbox.send(Wake::App(Box::new(app.clone()))).await.is_ok()
    {
        return;
    }
    let (sender, inbox) = mpsc::channel(INBOX);
    inboxes.lock().expect("no panic while held").insert(app.id(), sender);
    let status = env.status.clone().unwrap_or_default();
    shared.metrics.environment(&app.id());
    let metrics = shared.metrics.clone();
    let mut driver = Driver::new(shared.clone(), app.clone(), keeper, inbox, status);
    let inboxes = inboxes.clone();
    tokio::spawn(async move {
        driver.run(false).await;
        tracing::info!(environment = app.id(), reason = "Released", "no longer minded");
        metrics.forget(&app.id());
        inboxes.lock().expect("no panic while held").remove(&app.id());
    });
}

/// A spec that cannot be meant: said, and nothing else is done; what runs goes on running.
async fn invalid(keeper: &ObjectKeeper, env: &Environment, error: &SpecError) {
    tracing::warn!(environment = id(env), reason = "InvalidSpec", "{error}");
    let mut status = env.status.clone().unwrap_or_default();
    let time = jiff::Timestamp::now().strftime("%Y-%m-%dT%H:%M:%SZ").to_string();
    let condition = |type_: &str, value: &str| crate::app::Condition {
        type_: type_.into(),
        status: value.into(),
        reason: "InvalidSpec".into(),
        message: error.to_string(),
        last_transition_time: time.clone(),
        observed_generation: env.metadata.generation,
    };
    let said = status.conditions.iter().any(|c| c.type_ == "Stalled" && c.message == error.to_string());
    if said {
        return;
    }
    status.conditions.retain(|c| c.type_ != "Ready" && c.type_ != "Stalled");
    status.conditions.extend([condition("Ready", "False"), condition("Stalled", "True")]);
    status.observed_generation = env.metadata.generation;
    let reference = reference(&env.namespace().unwrap_or_default(), &env.name_any());
    let _ = keeper.cluster.merge(&reference, "status", &json!({ "status": status })).await;
}

fn reference(namespace: &str, name: &str) -> ObjectRef {
    ObjectRef { gvk: Gvk::new("windlass.dev/v1alpha1", "Environment"), namespace: Some(namespace.into()), name: name.into() }
}

/// An Environment that is an object of the API server.
pub struct ObjectKeeper {
    cluster: Cluster,
}

impl Keeper for ObjectKeeper {
    async fn publish(&self, app: &App, status: &EnvironmentStatus) -> Result<(), String> {
        let patch = json!({ "status": complete(status) });
        match self.cluster.merge(&reference(&app.namespace, &app.name), "status", &patch).await {
            Ok(_) => Ok(()),
            Err(error) if error.is_not_found() => Ok(()),
            Err(error) => Err(error.to_string()),
        }
    }

    async fn release(&self, app: &App) -> Result<(), String> {
        let target = reference(&app.namespace, &app.name);
        let live = match self.cluster.get(&target).await {
            Ok(live) => live,
            Err(error) if error.is_not_found() => return Ok(()),
            Err(error) => return Err(error.to_string()),
        };
        let left: Vec<_> = live["metadata"]["finalizers"].as_array().cloned().unwrap_or_default();
        let left: Vec<_> = left.into_iter().filter(|f| f != FINALIZER).collect();
        let version = &live["metadata"]["resourceVersion"];
        let patch = json!({ "metadata": { "finalizers": left, "resourceVersion": version } });
        match self.cluster.merge(&target, "", &patch).await {
            Ok(_) => Ok(()),
            Err(error) if error.is_not_found() => Ok(()),
            Err(error) => Err(error.to_string()),
        }
    }

    async fn adopt(&self, app: &App) -> Result<(), String> {
        if app.deleting || app.finalizer {
            return Ok(());
        }
        let target = reference(&app.namespace, &app.name);
        let live = self.cluster.get(&target).await.map_err(|error| error.to_string())?;
        let mut list = live["metadata"]["finalizers"].as_array().cloned().unwrap_or_default();
        if list.iter().any(|f| f == FINALIZER) {
            return Ok(());
        }
        list.push(json!(FINALIZER));
        let patch = json!({ "metadata": { "finalizers": list, "resourceVersion": live["metadata"]["resourceVersion"] } });
        self.cluster.merge(&target, "", &patch).await.map(drop).map_err(|error| error.to_string())
    }
}

/// Fields that a merge patch must take away are named as null.
fn complete(status: &EnvironmentStatus) -> serde_json::Value {
    let mut json = serde_json::to_value(status).expect("a status serialises");
    for key in ["revision", "source", "attemptedRevision", "lastGoodRevision", "release", "plan", "tests"] {
        if json.get(key).is_none() {
            json[key] = serde_json::Value::Null;
        }
    }
    json
}
