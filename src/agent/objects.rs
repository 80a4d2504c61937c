//! Environments that are objects of the API server: followed by a watch, their status written to the status subresource.

use super::{Keeper, Registry, Shared, drive::Shown};
use crate::{
    app::{App, Environment, EnvironmentStatus, FINALIZER, SpecError},
    cluster::{ApiError, Cluster, MANAGER, MAX_LAG, is_older, resource_version},
    object::{Gvk, ObjectRef},
};
use futures::StreamExt as _;
use kube::{Api, ResourceExt as _, runtime::watcher};
use serde_json::json;
use std::{
    collections::HashMap,
    sync::Arc,
    time::{Duration, Instant},
};

/// Watches Environments; starts, wakes and forgets their drivers.
pub async fn follow(shared: Arc<Shared>, namespace: Option<String>, registry: Registry) {
    let client = shared.cluster.client();
    let api: Api<Environment> = match &namespace {
        Some(namespace) => Api::namespaced(client, namespace),
        None => Api::all(client),
    };
    let mut events = watcher::watcher(api, watcher::Config::default()).boxed();
    let mut listed = Vec::new();
    let mut newest = Newest::default();
    let mut pause = Duration::from_millis(200);
    while let Some(event) = events.next().await {
        match event {
            Ok(watcher::Event::Init) => listed.clear(),
            Ok(watcher::Event::InitApply(env)) => {
                listed.push(id(&env));
                if newest.is_news(&env) {
                    meet(&shared, &registry, namespace.as_deref(), env).await;
                }
            }
            Ok(watcher::Event::InitDone) => {
                pause = Duration::from_millis(200);
                // Those that went while the watch was broken.
                registry.ids().iter().filter(|id| !listed.contains(id)).for_each(|id| registry.forget(id));
            }
            Ok(watcher::Event::Apply(env)) => {
                if newest.is_news(&env) {
                    meet(&shared, &registry, namespace.as_deref(), env).await;
                }
            }
            Ok(watcher::Event::Delete(env)) => {
                newest.0.remove(&id(&env));
                registry.forget(&id(&env));
            }
            Err(error) => {
                tracing::warn!(reason = "WatchFailed", "watching Environments: {error}");
                tokio::time::sleep(pause).await;
                pause = (pause * 2).min(Duration::from_secs(10));
            }
        }
    }
}

/// Of each Environment the newest version that was met, and when: a list from a server that lags shows old ones, whose requests
/// were acted upon long ago.
#[derive(Default)]
struct Newest(HashMap<String, (String, Instant)>);

impl Newest {
    fn is_news(&mut self, env: &Environment) -> bool {
        let version = env.resource_version().unwrap_or_default();
        let old = self.0.get(&id(env)).is_some_and(|(known, since)| since.elapsed() < MAX_LAG && is_older(&version, known));
        if !old {
            self.0.insert(id(env), (version, Instant::now()));
        }
        !old
    }
}

fn id(env: &Environment) -> String {
    format!("{}/{}", env.namespace().unwrap_or_default(), env.name_any())
}

/// Who else wrote a part of the status.
fn others(env: &Environment) -> Vec<String> {
    let managers = env.metadata.managed_fields.iter().flatten().filter(|entry| entry.subresource.as_deref() == Some("status"));
    managers.filter_map(|entry| entry.manager.clone()).filter(|manager| manager != MANAGER).collect()
}

async fn meet(shared: &Arc<Shared>, registry: &Registry, only: Option<&str>, env: Environment) {
    let met = (env.resource_version().unwrap_or_default(), env.finalizers().to_vec());
    let keeper = ObjectKeeper { cluster: shared.cluster.clone(), met };
    let app = App::resolve(&env).and_then(|app| match only {
        Some(only) if app.target_namespace != only => Err(SpecError {
            field: "release.namespace".into(),
            problem: format!("this agent minds the namespace \"{only}\" only (--watch-namespace), and the release would go to \"{}\"", app.target_namespace),
        }),
        _ => Ok(app),
    });
    // A removal is never held up by what else the spec says.
    let app = app.or_else(|error| App::to_remove(&env).filter(|app| app.finalizer && only.is_none_or(|only| app.target_namespace == only)).ok_or(error));
    match app {
        Ok(app) => {
            let shown = Shown { version: env.resource_version().unwrap_or_default(), others: others(&env), status: env.status.unwrap_or_default() };
            registry.meet(shared, app, Keeper::Object(Box::new(keeper)), shown).await;
        }
        Err(error) => invalid(&keeper, &env, &error).await,
    }
}

/// A spec that cannot be meant: said, and nothing else is done; what runs goes on running.
async fn invalid(keeper: &ObjectKeeper, env: &Environment, error: &SpecError) {
    let mut status = env.status.clone().unwrap_or_default();
    let said = status.conditions.iter().any(|c| c.type_ == "Stalled" && c.message == error.to_string());
    if said {
        return;
    }
    tracing::warn!(environment = id(env), reason = "InvalidSpec", "{error}");
    let time = jiff::Timestamp::now().strftime("%Y-%m-%dT%H:%M:%SZ").to_string();
    let condition = |type_: &str, value: &str| crate::app::Condition {
        type_: type_.into(),
        status: value.into(),
        reason: "InvalidSpec".into(),
        message: error.to_string(),
        last_transition_time: time.clone(),
        observed_generation: env.metadata.generation,
    };
    status.conditions.retain(|c| c.type_ != "Ready" && c.type_ != "Stalled");
    status.conditions.extend([condition("Ready", "False"), condition("Stalled", "True")]);
    status.observed_generation = env.metadata.generation;
    let reference = reference(&env.namespace().unwrap_or_default(), &env.name_any());
    let _ = keeper.cluster.merge(&reference, "status", &json!({ "status": status })).await;
}

/// The Environment of that name.
pub(super) fn reference(namespace: &str, name: &str) -> ObjectRef {
    ObjectRef { gvk: Gvk::new("windlass.dev/v1alpha1", "Environment"), namespace: Some(namespace.into()), name: name.into() }
}

/// An Environment that is an object of the API server.
pub struct ObjectKeeper {
    cluster: Cluster,
    /// Resource version and finalizers when it was met first.
    met: (String, Vec<String>),
}

impl ObjectKeeper {
    /// Adds our finalizer, if the object is still of that version; the version after it.
    async fn hold(&self, target: &ObjectRef, finalizers: &[String], version: &str) -> Result<String, ApiError> {
        let list: Vec<&str> = finalizers.iter().map(String::as_str).chain([FINALIZER]).collect();
        let patch = json!({ "metadata": { "finalizers": list, "resourceVersion": version } });
        self.cluster.terse().merge(target, "", &patch).await.map(|written| resource_version(&written))
    }

    pub(super) async fn publish(&self, app: &App, status: &EnvironmentStatus, version: &str) -> Result<String, String> {
        let (target, cluster) = (reference(&app.namespace, &app.name), self.cluster.terse());
        let mut written = None;
        if !version.is_empty() {
            let metadata = json!({ "name": app.name, "namespace": app.namespace, "resourceVersion": version });
            let object = json!({ "apiVersion": target.gvk.api_version(), "kind": target.gvk.kind, "metadata": metadata, "status": status });
            written = Some(cluster.replace(&object, "status").await);
        }
        let written = match written {
            Some(written) if !written.as_ref().is_err_and(ApiError::is_conflict) => written,
            // The version is not known, or somebody wrote the Environment since: what they wrote stays.
            _ => cluster.merge(&target, "status", &json!({ "status": complete(status) })).await,
        };
        match written {
            Ok(written) => Ok(resource_version(&written)),
            Err(error) if error.is_not_found() => Ok(String::new()),
            Err(error) => Err(error.to_string()),
        }
    }

    pub(super) async fn release(&self, app: &App) -> Result<(), String> {
        let target = reference(&app.namespace, &app.name);
        let cluster = self.cluster.terse();
        let live = match cluster.get(&target).await {
            Ok(live) => live,
            Err(error) if error.is_not_found() => return Ok(()),
            Err(error) => return Err(error.to_string()),
        };
        let left: Vec<_> = live["metadata"]["finalizers"].as_array().cloned().unwrap_or_default();
        let left: Vec<_> = left.into_iter().filter(|f| f != FINALIZER).collect();
        let version = &live["metadata"]["resourceVersion"];
        let patch = json!({ "metadata": { "finalizers": left, "resourceVersion": version } });
        match cluster.merge(&target, "", &patch).await {
            Ok(_) => Ok(()),
            Err(error) if error.is_not_found() => Ok(()),
            Err(error) => Err(error.to_string()),
        }
    }

    pub(super) async fn adopt(&self, app: &App) -> Result<String, String> {
        if app.deleting || app.finalizer {
            return Ok(self.met.0.clone());
        }
        let target = reference(&app.namespace, &app.name);
        match self.hold(&target, &self.met.1, &self.met.0).await {
            Err(error) if error.is_conflict() => {}
            done => return done.map_err(|error| error.to_string()),
        }
        // Somebody wrote it since it was met.
        let live = self.cluster.terse().get(&target).await.map_err(|error| error.to_string())?;
        let list = live["metadata"]["finalizers"].as_array().into_iter().flatten().filter_map(|f| f.as_str().map(str::to_owned));
        let list: Vec<String> = list.collect();
        if list.iter().any(|f| f == FINALIZER) {
            return Ok(resource_version(&live));
        }
        self.hold(&target, &list, &resource_version(&live)).await.map_err(|error| error.to_string())
    }
}

/// The fields of a status that may be missing.
const FIELDS: [&str; 11] =
    ["observedGeneration", "revision", "source", "attemptedRevision", "lastGoodRevision", "release", "plan", "approval", "tests", "images", "lint"];

/// Fields that a merge patch must take away are named as null.
fn complete(status: &EnvironmentStatus) -> serde_json::Value {
    let mut json = serde_json::to_value(status).expect("a status serialises");
    for key in FIELDS {
        if json.get(key).is_none() {
            json[key] = serde_json::Value::Null;
        }
    }
    json
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_field_of_a_status_that_is_empty_is_taken_away() {
        let schema = serde_json::to_value(schemars::schema_for!(EnvironmentStatus)).unwrap();
        let mut named: Vec<&str> = schema["properties"].as_object().unwrap().keys().map(String::as_str).filter(|key| *key != "conditions").collect();
        let mut known = FIELDS;
        named.sort_unstable();
        known.sort_unstable();
        assert_eq!(named, known);
    }
}
