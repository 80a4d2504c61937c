//! Hooks and tests: created in order, waited for, their logs kept, cleaned up as told.

use super::Shared;
use crate::{
    app::TestStatus,
    cluster::Delete,
    decide::{Class, Failure},
    health,
    object::{self, Gvk, Object, ObjectRef},
    release::{self, DeletePolicy, Event, Execution, Hook, OutputPolicy, Release, hooks_for},
};
use futures::{FutureExt as _, StreamExt as _};
use kube::{
    api::{Api, ApiResource, DynamicObject},
    runtime::watcher,
};
use serde_json::Value;
use std::time::Duration;

/// How many lines of a log are read, from its end; the API server gives 64 KiB of them at the most.
const LOG_LINES: u32 = 1000;
/// How many tests run at the same time.
const MAX_PARALLEL_TESTS: usize = 8;
/// How much of it is quoted in a condition, in characters, from its end.
const LOG_QUOTE: usize = 800;

/// The annotation on a hook's objects that tells which stage of which attempt made them.
const RUN: &str = "windlass.dev/run";

/// A stage of an attempt that runs hooks. Whoever goes on with a stage that another began (or that failed halfway) finds the
/// hooks that already ran by this name, and does not run them again.
#[derive(Debug, Default)]
pub struct Run {
    /// Names the attempt and the stage; empty: the hooks are nobody's who could be cut off.
    pub id: String,
    /// Whether hooks of it may have run already.
    pub resumed: bool,
    /// All of them ran and ended well: no more is left to do than to delete what their policies say.
    pub ended: bool,
    /// Sentences about hooks of which it cannot be told whether they ran.
    pub doubts: Vec<String>,
    /// How the hooks went.
    pub ran: Vec<Ran>,
}

/// How a hook ran, for the release's record.
#[derive(Debug)]
pub struct Ran {
    path: String,
    name: String,
    execution: Execution,
}

impl Ran {
    fn new(hook: &Hook, started: jiff::Timestamp, succeeded: bool) -> Ran {
        let execution = Execution {
            started_at: Some(started.into()),
            completed_at: Some(jiff::Timestamp::now().into()),
            phase: if succeeded { release::Phase::Succeeded } else { release::Phase::Failed },
        };
        Ran { path: hook.path.clone(), name: hook.name.clone(), execution }
    }

    /// Notes it on the release, where helm looks for it.
    pub fn note(self, release: &mut Release) {
        let hook = release.hooks.iter_mut().find(|hook| hook.path == self.path && hook.name == self.name);
        if let Some(hook) = hook {
            hook.last_run = self.execution;
        }
    }
}

/// Runs the hooks of an event as helm's `execHook` does: by weight, then name, each waited for; what `hook-succeeded` deletes
/// goes when all of them have succeeded, the last one first.
///
/// A failure that passes keeps what ran before it: the next try finds it there, and does not run it again.
///
/// # Errors
/// The first hook that fails, with the end of its log; or what cannot be deleted for now.
pub async fn run(shared: &Shared, release: &Release, event: &Event, limit: Duration, run: &mut Run) -> Result<(), Failure> {
    let hooks = hooks_for(&release.hooks, event);
    let to_run = if run.ended { &[] } else { &hooks[..] };
    for (at, hook) in to_run.iter().enumerate() {
        let mut objects = read(shared, hook, &release.namespace).await?;
        let started = jiff::Timestamp::now();
        let (_, result) = execute(shared, hook, &mut objects, limit, run, false).await;
        run.ran.push(Ran::new(hook, started, result.is_ok()));
        let Err(failure) = result else { continue };
        if failure.class != Class::Transient {
            for hook in &hooks[..at] {
                if let Err(failure) = clean(shared, hook, &release.namespace, limit).await {
                    tracing::warn!(hook = hook.name, reason = failure.reason, "cleaning up: {}", failure.message);
                }
            }
        }
        return Err(failure);
    }
    run.ended = true;
    for hook in hooks.iter().rev() {
        clean(shared, hook, &release.namespace, limit).await?;
    }
    Ok(())
}

/// Deletes a hook's objects after it succeeded, if its policy says so.
///
/// # Errors
/// What cannot be deleted for now. What never can is no failure of the release.
async fn clean(shared: &Shared, hook: &Hook, namespace: &str, limit: Duration) -> Result<(), Failure> {
    // Never definitions: all objects of their kinds would go with them (`deleteHookByPolicy` in helm's `pkg/action/hooks.go`).
    if !hook.deletes(DeletePolicy::HookSucceeded) || hook.kind == DEFINITION {
        return Ok(());
    }
    for object in &read(shared, hook, namespace).await? {
        match delete(shared, object, limit, "after it ran").await {
            Err(failure) if failure.class == Class::Transient => return Err(failure),
            Err(failure) => tracing::warn!(hook = hook.name, reason = failure.reason, "cleaning up: {}", failure.message),
            Ok(()) => {}
        }
    }
    Ok(())
}

/// A kind that hooks may have, and that is never deleted.
const DEFINITION: &str = "CustomResourceDefinition";

/// Runs the tests, all of them, so that a person sees every failure at once: one after the other, or in parallel. Each comes with
/// the end of its log.
///
/// # Errors
/// What keeps them from running; a failed test is in the results.
pub async fn test_with_logs(
    shared: &Shared,
    release: &Release,
    limit: Duration,
    parallel: bool,
    run: &mut Run,
) -> Result<Vec<(TestStatus, String)>, Failure> {
    let width = if parallel { MAX_PARALLEL_TESTS } else { 1 };
    let mut tests = Vec::new();
    for hook in hooks_for(&release.hooks, &Event::Test) {
        let run = Run { id: run.id.clone(), resumed: run.resumed, ..Run::default() };
        tests.push(test_one(shared, hook, &release.namespace, limit, run).boxed());
    }
    let ran = futures::stream::iter(tests).buffered(width).collect::<Vec<_>>().await;
    ran.into_iter().map(|(result, one)| {
        run.doubts.extend(one.doubts);
        run.ran.extend(one.ran);
        result
    }).collect()
}

async fn test_one(
    shared: &Shared,
    hook: &Hook,
    namespace: &str,
    limit: Duration,
    mut run: Run,
) -> (Result<(TestStatus, String), Failure>, Run) {
    let mut objects = match read(shared, hook, namespace).await {
        Ok(objects) => objects,
        Err(failure) => return (Err(failure), run),
    };
    let started = jiff::Timestamp::now();
    let (log, result) = execute(shared, hook, &mut objects, limit, &mut run, true).await;
    run.ran.push(Ran::new(hook, started, result.is_ok()));
    let (phase, message) = match result {
        Ok(()) => ("Succeeded", String::new()),
        Err(failure) if failure.class != Class::Unhealthy => return (Err(failure), run),
        Err(failure) if failure.reason == "HookTimeout" => ("TimedOut", failure.message),
        Err(failure) => ("Failed", failure.message),
    };
    (Ok((TestStatus { name: hook.name.clone(), phase: phase.into(), message }, log)), run)
}

async fn read(shared: &Shared, hook: &Hook, namespace: &str) -> Result<Vec<Object>, Failure> {
    let mut objects = object::split_documents(&hook.manifest)
        .map_err(|error| Failure::new(Class::Config, "InvalidManifest", format!("hook {}: {error}", hook.path)))?;
    for object in &mut objects {
        let kind = shared.cluster.kind(&object.reference.gvk).await;
        let kind = kind.map_err(|error| error.failure(&format!("hook {} ({})", hook.name, hook.path)))?;
        object.place(kind.namespaced, namespace);
    }
    Ok(objects)
}

/// Runs one hook: the end of its log, and how it went. A test stands for itself: it is cleaned up at once, and its log is kept.
async fn execute(
    shared: &Shared,
    hook: &Hook,
    objects: &mut [Object],
    limit: Duration,
    run: &mut Run,
    test: bool,
) -> (String, Result<(), Failure>) {
    for object in objects.iter_mut() {
        match ran(shared, hook, object, run).await {
            Ok(true) => continue,
            Ok(false) => {}
            Err(failure) => return (String::new(), Err(failure)),
        }
        if let Err(failure) = begin(shared, hook, object, limit).await {
            return (String::new(), Err(failure));
        }
    }
    let objects = &*objects;
    let mut log = String::new();
    let mut result = Ok(());
    for object in objects {
        result = complete(shared, object, limit).await;
        let failed = result.is_err();
        let shown = if failed { OutputPolicy::HookFailed } else { OutputPolicy::HookSucceeded };
        let output = hook.output_log_policies.contains(&shown);
        if failed || output || test {
            log = tail(shared, &object.reference).await;
        }
        if output {
            tracing::info!(hook = hook.name, object = %object.reference, log, reason = "HookLog", "output of hook {}", hook.name);
        }
        if let Err(failure) = &mut result
            && !log.is_empty()
        {
            failure.message = format!("{}; its log ends: {}", failure.message, quote(&log));
        }
        if failed {
            break;
        }
    }
    let when = if result.is_ok() { DeletePolicy::HookSucceeded } else { DeletePolicy::HookFailed };
    // Those that succeeded go together when all are done (see `run`).
    if hook.kind != DEFINITION && hook.deletes(when) && (result.is_err() || test) {
        for object in objects {
            match clear(shared, object).await {
                Err(failure) if result.is_ok() && failure.class == Class::Transient => result = Err(failure),
                Err(failure) => tracing::warn!(hook = hook.name, "{}", failure.message),
                Ok(()) => {}
            }
        }
    }
    (log, result)
}

/// How often the deletion of a hook that ended is asked for.
const CLEAN_TRIES: u32 = 5;

/// Deletes what a hook left. If it cannot be deleted now, the stage is tried again, finds the hook's end, and comes here anew.
async fn clear(shared: &Shared, object: &Object) -> Result<(), Failure> {
    let mut pause = Duration::from_millis(200);
    let mut tries = 1;
    loop {
        match shared.cluster.delete(&object.reference, Delete::Background).await {
            Ok(_) => return Ok(()),
            Err(error) if error.class() == Class::Transient && tries < CLEAN_TRIES => tokio::time::sleep(pause).await,
            Err(error) => return Err(error.failure(&format!("deleting {} after it ran", object.reference))),
        }
        tries += 1;
        pause *= 2;
    }
}

/// Creates a hook's object, in place of one that its policy deletes first.
async fn begin(shared: &Shared, hook: &Hook, object: &Object, limit: Duration) -> Result<(), Failure> {
    if hook.kind != DEFINITION {
        if hook.deletes(DeletePolicy::BeforeHookCreation) {
            delete(shared, object, limit, "before it runs again").await?;
        } else {
            match shared.cluster.get(&object.reference).await {
                Err(error) if error.is_not_found() => {}
                Err(error) => return Err(error.failure(&format!("looking for hook {}", object.reference))),
                Ok(live) if left_over(hook, object, &live) => delete(shared, object, limit, "which an earlier run left").await?,
                Ok(_) => {
                    let message = format!(
                        "hook {} exists already, and its helm.sh/hook-delete-policy does not delete it before it runs: delete it, or add before-hook-creation",
                        object.reference
                    );
                    return Err(Failure::new(Class::Conflict, "HookExists", message));
                }
            }
        }
    }
    match shared.cluster.apply(&object.reference, &object.json, false, true).await {
        Ok(_) => Ok(()),
        Err(error) => Err(super::stages::refused(object, &error)),
    }
}

/// Whether a run of ours, cut off before it could clean up, left this: its own policy deletes it for how it ended.
fn left_over(hook: &Hook, object: &Object, live: &Value) -> bool {
    let policy = match ended(&object.reference, live) {
        Some(Ok(())) => DeletePolicy::HookSucceeded,
        Some(Err(_)) => DeletePolicy::HookFailed,
        None => return false,
    };
    object::annotation(live, RUN).is_some() && hook.deletes(policy)
}

/// Whether this run already made the hook's object; if not, the object gets the run's name.
async fn ran(shared: &Shared, hook: &Hook, object: &mut Object, run: &mut Run) -> Result<bool, Failure> {
    if run.id.is_empty() {
        return Ok(false);
    }
    object.json["metadata"]["annotations"][RUN] = run.id.as_str().into();
    if !run.resumed {
        return Ok(false);
    }
    match shared.cluster.get(&object.reference).await {
        Ok(live) if object::annotation(&live, RUN) == Some(&run.id) => {
            // What is being deleted ran to an end that this run's own policy deletes for.
            Ok(live["metadata"]["deletionTimestamp"].is_null() || matches!(ended(&object.reference, &live), Some(Ok(()))))
        }
        Ok(_) => Ok(false),
        Err(error) if error.is_not_found() => {
            if hook.deletes(DeletePolicy::HookSucceeded) || hook.deletes(DeletePolicy::HookFailed) {
                run.doubts.push(format!(
                    "hook {} runs, and may have run before: the stage was cut off, and its delete policy leaves no trace of a run that ended",
                    hook.name
                ));
            }
            Ok(false)
        }
        Err(error) => Err(error.failure(&format!("looking whether hook {} already ran", hook.name))),
    }
}

/// The end of a log, short enough for a condition.
pub fn quote(log: &str) -> String {
    let log = log.trim();
    let skip = log.chars().count().saturating_sub(LOG_QUOTE);
    let text: String = log.chars().skip(skip).collect();
    if skip > 0 { format!("…{text}") } else { text }
}

/// Deletes an object and waits until it is gone; `when` is for a sentence.
async fn delete(shared: &Shared, object: &Object, limit: Duration, when: &str) -> Result<(), Failure> {
    let doing = format!("deleting {} {when}", object.reference);
    if !shared.cluster.delete(&object.reference, Delete::Background).await.map_err(|error| error.failure(&doing))? {
        return Ok(());
    }
    let deadline = tokio::time::Instant::now() + limit;
    loop {
        match shared.cluster.get(&object.reference).await {
            Err(error) if error.is_not_found() => return Ok(()),
            Err(error) => return Err(error.failure(&doing)),
            Ok(_) if tokio::time::Instant::now() > deadline => {
                return Err(Failure::new(Class::Transient, "DeletionStuck", format!("{doing}: it is still there after {} s", limit.as_secs())));
            }
            Ok(_) => tokio::time::sleep(Duration::from_millis(200)).await,
        }
    }
}

/// Waits until a Job or Pod has completed. Other kinds are done once they exist, as in Helm.
async fn complete(shared: &Shared, object: &Object, limit: Duration) -> Result<(), Failure> {
    let reference = &object.reference;
    if !reference.gvk.is("batch", "Job") && !reference.gvk.is("", "Pod") {
        return Ok(());
    }
    match tokio::time::timeout(limit, watch_end(shared, object)).await {
        Ok(result) => result,
        Err(_) => {
            let state = shared.cluster.get(reference).await.map(|live| health::assess(&live, None).message).unwrap_or_default();
            let message = format!("{reference} did not complete within {} s: {state}", limit.as_secs());
            Err(Failure::new(Class::Unhealthy, "HookTimeout", message))
        }
    }
}

async fn watch_end(shared: &Shared, object: &Object) -> Result<(), Failure> {
    let reference = &object.reference;
    // A list may come from a server that lags: one of the same name that an earlier run made says nothing about this one.
    let run = object::annotation(&object.json, RUN);
    let of_this_run = |live: &DynamicObject| run.is_none() || live.metadata.annotations.as_ref().and_then(|all| all.get(RUN)).map(String::as_str) == run;
    let kind = shared.cluster.kind(&reference.gvk).await.map_err(|error| error.failure(&format!("waiting for {reference}")))?;
    let Gvk { group, version, kind: name } = reference.gvk.clone();
    let resource = ApiResource { group, version, api_version: reference.gvk.api_version(), kind: name, plural: kind.plural };
    let namespace = reference.namespace.clone().unwrap_or_default();
    let api: Api<DynamicObject> = Api::namespaced_with(shared.cluster.client(), &namespace, &resource);
    let config = watcher::Config::default().fields(&format!("metadata.name={}", reference.name));
    let mut events = watcher::watcher(api, config).boxed();
    while let Some(event) = events.next().await {
        let object = match event {
            Ok(watcher::Event::Apply(object) | watcher::Event::InitApply(object)) if of_this_run(&object) => object,
            Ok(watcher::Event::Delete(object)) if of_this_run(&object) => {
                return Err(Failure::new(Class::Unhealthy, "HookDeleted", format!("{reference} was deleted by somebody while it ran")));
            }
            Ok(_) => continue,
            Err(error) => {
                tracing::debug!(%reference, %error, "watch broke off");
                tokio::time::sleep(Duration::from_millis(500)).await;
                continue;
            }
        };
        let live = serde_json::to_value(&object).expect("came as JSON");
        if let Some(result) = ended(reference, &live) {
            return result;
        }
    }
    Err(Failure::new(Class::Transient, "WatchEnded", format!("watching {reference} ended")))
}

/// Whether a Job or Pod has ended, and how.
fn ended(reference: &ObjectRef, live: &Value) -> Option<Result<(), Failure>> {
    let failed = |message: String| Some(Err(Failure::new(Class::Unhealthy, "HookFailed", message)));
    if reference.gvk.kind == "Pod" {
        return match live["status"]["phase"].as_str() {
            Some("Succeeded") => Some(Ok(())),
            Some("Failed") => failed(format!("{reference} failed{}", words(&live["status"]["message"]))),
            _ => None,
        };
    }
    for condition in live["status"]["conditions"].as_array().into_iter().flatten() {
        match (condition["type"].as_str(), condition["status"].as_str()) {
            (Some("Complete"), Some("True")) => return Some(Ok(())),
            (Some("Failed"), Some("True")) => {
                return failed(format!("{reference} failed: {}", condition["message"].as_str().unwrap_or("no message")));
            }
            _ => {}
        }
    }
    None
}

fn words(text: &Value) -> String {
    text.as_str().map(|text| format!(": {text}")).unwrap_or_default()
}

/// The end of the log of a Job's newest Pod, or of a Pod.
pub async fn tail(shared: &Shared, reference: &ObjectRef) -> String {
    let pods = match reference.gvk.kind.as_str() {
        "Pod" => shared.cluster.get(reference).await.map(|pod| vec![pod]).unwrap_or_default(),
        "Job" => {
            let all = ObjectRef { gvk: Gvk::new("v1", "Pod"), namespace: reference.namespace.clone(), name: String::new() };
            shared.cluster.list(&all, &format!("batch.kubernetes.io/job-name={}", reference.name)).await.unwrap_or_default()
        }
        _ => Vec::new(),
    };
    let newest = pods.iter().max_by_key(|pod| pod["metadata"]["creationTimestamp"].as_str().unwrap_or_default().to_owned());
    let Some(pod) = newest else { return String::new() };
    let containers = pod["spec"]["containers"].as_array().cloned().unwrap_or_default();
    let mut text = String::new();
    for container in containers.iter().filter_map(|container| container["name"].as_str()) {
        let log = shared.cluster.logs(&ObjectRef::of(pod), container, LOG_LINES).await.unwrap_or_default();
        text.push_str(&log);
    }
    text
}
