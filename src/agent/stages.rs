//! The acts of an attempt: apply, prune, delete. Each is idempotent; each works from the release record alone, so that whoever
//! finishes an attempt needs nothing that the one who began it knew.

use super::Shared;
use crate::{
    app::{App, CrdPolicy},
    cluster::{ApiError, Delete, Patched},
    decide::{Class, Failure},
    object::{self, Gvk, Object, ObjectRef, managers, ownership},
    plan::{Cause, Refusal, ignore::{self, Rule}},
    release::Release,
    transform,
};
use serde_json::{Value, json};
use std::{borrow::Cow, time::Duration};

/// How objects are applied.
#[derive(Clone, Copy, Debug, Default)]
pub struct Manner {
    /// Other managers' fields are taken over instead of reported.
    pub force: bool,
    /// Objects that `kubectl apply` made are taken over: its fields become ours.
    pub adopt: bool,
    /// An object whose immutable field changed is deleted and created anew.
    pub replace: bool,
}

/// How long a replaced object may take to go.
const REPLACE_TIMEOUT: Duration = Duration::from_secs(120);

/// How long a CRD or namespace may take to be usable.
const ESTABLISH_TIMEOUT: Duration = Duration::from_secs(30);

/// The objects of a release as they are applied: placed in their namespaces, stamped with Helm's ownership and our mark,
/// wave by wave, and inside of each in Helm's order.
///
/// # Errors
/// The manifest cannot be read, or the server does not know a kind.
pub async fn desired(shared: &Shared, release: &Release, environment: &str) -> Result<Vec<Object>, Failure> {
    let mut objects = object::split_documents(&release.manifest)
        .map_err(|error| Failure::new(Class::Config, "InvalidManifest", error.to_string()))?;
    let owner = ownership::Release { name: release.name.clone(), namespace: release.namespace.clone() };
    for object in &mut objects {
        let namespaced = namespaced(shared, &object.reference.gvk, object).await?;
        object.place(namespaced, &release.namespace);
        ownership::stamp(&mut object.json, &owner, Some(environment));
        if let Err(text) = object::wave(object) {
            let message = format!("{}: the annotation {} is \"{text}\", and a whole number is needed", object.reference, object::WAVE);
            return Err(Failure::new(Class::Config, "InvalidWave", message));
        }
    }
    object::sort_waves(&mut objects);
    Ok(objects)
}

/// A kind that the server does not know yet (its CRD comes with the same release) is taken as namespaced.
async fn namespaced(shared: &Shared, gvk: &Gvk, object: &Object) -> Result<bool, Failure> {
    match shared.cluster.kind(gvk).await {
        Ok(kind) => Ok(kind.namespaced),
        Err(error) if error.is_not_found() => Ok(object.reference.namespace.is_some()),
        Err(error) => Err(error.failure(&format!("looking up kind {gvk}"))),
    }
}

/// The rules by which fields are left to others: the shipped ones, what the set itself implies, what the user wrote.
pub fn rules(app: &App, objects: &[Object]) -> Vec<Rule> {
    let mut rules = ignore::implied(objects);
    rules.extend(app.spec.sync.ignore.iter().map(|rule| Rule {
        group: rule.group.clone(),
        kind: rule.kind.clone(),
        name: rule.name.clone(),
        pointers: rule.pointers.clone(),
        managers: rule.managers.clone(),
        ..Rule::default()
    }));
    rules
}

/// The object as it is sent: fields that are left to others stay as they live. Only where there may be any is the live object
/// read.
///
/// # Errors
/// It cannot be read.
pub async fn settled<'a>(shared: &Shared, object: &'a Object, rules: &[Rule]) -> Result<Cow<'a, Value>, Failure> {
    let Some(observed) = shared.watches.get(&object.reference) else { return Ok(Cow::Borrowed(&object.json)) };
    if !observed.contested && !rules.iter().any(|rule| rule.concerns(object)) {
        return Ok(Cow::Borrowed(&object.json));
    }
    let mut live = match shared.cluster.get(&object.reference).await {
        Ok(live) => live,
        Err(error) if error.is_not_found() => return Ok(Cow::Borrowed(&object.json)),
        Err(error) => return Err(error.failure(&format!("reading {}", object.reference))),
    };
    if let Some(replicas) = object::annotation(&live, REPLICAS).and_then(|text| text.parse::<u64>().ok()) {
        live["spec"]["replicas"] = replicas.into();
    }
    let mut all = ignore::defaults();
    all.extend_from_slice(rules);
    Ok(Cow::Owned(ignore::settle(object, &live, &all)))
}

/// Applies what is not as it should be, in order; returns how many objects changed.
///
/// # Errors
/// The first object that is refused, by name.
pub async fn apply(shared: &Shared, objects: &[Object], rules: &[Rule], manner: Manner, only: Option<&[ObjectRef]>) -> Result<usize, Failure> {
    let mut changed = 0;
    for object in objects {
        if only.is_some_and(|only| !only.contains(&object.reference)) {
            continue;
        }
        let before = shared.watches.get(&object.reference);
        let sent = settled(shared, object, rules).await?;
        let patched = match send(shared, object, &sent, manner).await {
            Ok(patched) => patched,
            Err(error) if manner.replace && replaceable(object, &error) => replace(shared, object, &error).await?,
            Err(error) => return Err(refused(object, &error)),
        };
        let version = patched.object["metadata"]["resourceVersion"].as_str().unwrap_or_default();
        if before.is_none_or(|before| before.resource_version != version) {
            changed += 1;
        }
        shared.watches.note(&object.reference, &patched.object);
        establish(shared, &object.reference).await?;
    }
    Ok(changed)
}

/// Applies one object; fields that an earlier tool managed become ours.
async fn send(shared: &Shared, object: &Object, sent: &Value, manner: Manner) -> Result<Patched, ApiError> {
    let apply = || shared.cluster.apply(&object.reference, sent, false, manner.force);
    let live = match apply().await {
        // Applied, and yet somebody else's too: what left the chart would stay.
        Ok(patched) if !patched.created && managers::left_over(&patched.object, manner.adopt) => patched.object,
        Err(error) if only_earlier(&error, manner.adopt) => shared.cluster.get(&object.reference).await?,
        other => return other,
    };
    let Some(fields) = managers::taken_over(&live, manner.adopt) else { return apply().await };
    let patch = json!({ "metadata": { "managedFields": fields, "resourceVersion": live["metadata"]["resourceVersion"] } });
    shared.cluster.merge(&object.reference, "", &patch).await?;
    apply().await
}

/// What a dry run would make of the object; fields that an earlier tool manages count as ours.
///
/// # Errors
/// As the request failed.
pub async fn dry_run(shared: &Shared, object: &Object, sent: &Value, manner: Manner) -> Result<Patched, ApiError> {
    match shared.cluster.apply(&object.reference, sent, true, manner.force).await {
        Err(error) if only_earlier(&error, manner.adopt) => shared.cluster.apply(&object.reference, sent, true, true).await,
        other => other,
    }
}

/// Whether an apply was refused for nothing but fields that an earlier tool manages.
fn only_earlier(error: &ApiError, adopting: bool) -> bool {
    let mut conflicts = error.field_conflicts().peekable();
    conflicts.peek().is_some()
        && conflicts.all(|cause| cause.message.split('"').nth(1).is_some_and(|manager| managers::is_earlier(manager, adopting)))
}

/// Whether the object may be deleted and created anew to get around an immutable field.
pub fn replaceable(object: &Object, error: &ApiError) -> bool {
    !refusal(error).immutable_fields().is_empty() && crate::plan::immutable::holds_nothing(&object.reference)
}

/// Deletes the object and creates it anew. Cut off in between, the next apply creates it.
async fn replace(shared: &Shared, object: &Object, why: &ApiError) -> Result<Patched, Failure> {
    let doing = format!("replacing {}", object.reference);
    tracing::info!(object = %object.reference, reason = "Replacing", fields = refusal(why).immutable_fields().join(", "), "it is deleted and created anew");
    // What it owns goes first: new Pods beside old ones of the same name would be refused.
    shared.cluster.delete(&object.reference, Delete::Foreground).await.map_err(|error| error.failure(&doing))?;
    let deadline = tokio::time::Instant::now() + REPLACE_TIMEOUT;
    loop {
        match shared.cluster.get(&object.reference).await {
            Err(error) if error.is_not_found() => break,
            Err(error) => return Err(error.failure(&doing)),
            Ok(live) if tokio::time::Instant::now() > deadline => {
                let finalizers = &live["metadata"]["finalizers"];
                let message = format!("{doing}: it is still there after {} s, held by its finalizers {finalizers}", REPLACE_TIMEOUT.as_secs());
                return Err(Failure::new(Class::Transient, "DeletionStuck", message));
            }
            Ok(_) => tokio::time::sleep(Duration::from_millis(200)).await,
        }
    }
    let created = shared.cluster.apply(&object.reference, &object.json, false, true).await;
    created.map_err(|error| refused(object, &error))
}

/// The server's refusal as plans read it.
pub fn refusal(error: &ApiError) -> Refusal {
    let cause = |cause: &crate::cluster::Cause| Cause { reason: cause.reason.clone(), field: cause.field.clone(), message: cause.message.clone() };
    Refusal { code: error.code, reason: error.reason.clone(), message: error.message.clone(), causes: error.causes.iter().map(cause).collect() }
}

/// What an apply was refused for, with the object, its template and the managers that hold its fields.
pub fn refused(object: &Object, error: &ApiError) -> Failure {
    let from = object.source.as_ref().map(|source| format!(" (from {source})")).unwrap_or_default();
    let mut failure = error.failure(&format!("applying {}{from}", object.reference));
    let conflicts: Vec<String> = error.field_conflicts().map(|c| format!("{} {}", c.message.replace('"', ""), c.field)).collect();
    if !conflicts.is_empty() {
        failure.message = format!(
            "applying {}{from}: {}; let that manager give the fields up, remove them from the chart, or set sync.forceConflicts",
            object.reference,
            conflicts.join(", ")
        );
    }
    if error.is_not_found() && error.message.contains("namespaces") {
        failure.reason = "NamespaceMissing".into();
        failure.message = format!("{}; create the namespace or set release.createNamespace", failure.message);
    }
    failure
}

/// CRDs and namespaces are waited for: what follows needs them.
async fn establish(shared: &Shared, reference: &ObjectRef) -> Result<(), Failure> {
    let crd = reference.gvk.is("apiextensions.k8s.io", "CustomResourceDefinition");
    if !crd && !reference.gvk.is("", "Namespace") {
        return Ok(());
    }
    let deadline = tokio::time::Instant::now() + ESTABLISH_TIMEOUT;
    loop {
        let live = shared.cluster.get(reference).await.map_err(|error| error.failure(&format!("waiting for {reference}")))?;
        let ready = if crd { condition(&live, "Established") } else { live["status"]["phase"] == "Active" };
        if ready {
            if crd {
                shared.cluster.forget_kinds().await;
            }
            return Ok(());
        }
        if tokio::time::Instant::now() > deadline {
            return Err(Failure::new(Class::Transient, "NotEstablished", format!("{reference} was applied but is not ready for use after 30 s")));
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
}

fn condition(object: &Value, name: &str) -> bool {
    let conditions = object["status"]["conditions"].as_array();
    conditions.is_some_and(|list| list.iter().any(|c| c["type"] == name && c["status"] == "True"))
}

/// Takes all Pods of these workloads away and waits until none is left. How many replicas an autoscaler had given is kept in an
/// annotation, for [`settled`] to give them back.
///
/// # Errors
/// What cannot be taken away, and the Pods that are left when the time is over.
pub async fn drain(shared: &Shared, objects: &[Object], limit: Duration) -> Result<(), Failure> {
    let mut selectors = Vec::new();
    for object in objects {
        let doing = format!("taking the Pods of {} away", object.reference);
        let live = match shared.cluster.get(&object.reference).await {
            Ok(live) => live,
            Err(error) if error.is_not_found() => continue,
            Err(error) => return Err(error.failure(&doing)),
        };
        let Some(mut down) = transform::scaled_down(&object.json) else {
            if object.reference.gvk.is("apps", "DaemonSet") {
                // It has no replicas: it goes, and comes back with the new set.
                shared.cluster.delete(&object.reference, Delete::Foreground).await.map_err(|error| error.failure(&doing))?;
                selectors.extend(object::pod_selector(&live).map(|selector| (object, selector)));
            }
            continue;
        };
        let replicas = live["spec"]["replicas"].as_u64().unwrap_or(1);
        if replicas > 0 {
            ownership::annotate(&mut down, REPLICAS, &replicas.to_string());
            shared.cluster.apply(&object.reference, &down, false, true).await.map_err(|error| refused(object, &error))?;
        }
        selectors.extend(object::pod_selector(&live).map(|selector| (object, selector)));
    }
    let deadline = tokio::time::Instant::now() + limit;
    for (object, selector) in selectors {
        let pods = ObjectRef { gvk: Gvk::new("v1", "Pod"), namespace: object.reference.namespace.clone(), name: String::new() };
        loop {
            let left = shared.cluster.list(&pods, &selector).await;
            let left = left.map_err(|error| error.failure(&format!("waiting until the Pods of {} are gone", object.reference)))?;
            let left: Vec<&Value> = left.iter().filter(|pod| !matches!(pod["status"]["phase"].as_str(), Some("Succeeded" | "Failed"))).collect();
            let Some(pod) = left.first() else { break };
            if tokio::time::Instant::now() > deadline {
                let pod = ObjectRef::of(pod);
                let message = format!("{} of {} are still there after {} s, among them {pod}", left.len(), object.reference, limit.as_secs());
                return Err(Failure::new(Class::Transient, "PodsLeft", message));
            }
            tokio::time::sleep(Duration::from_millis(200)).await;
        }
    }
    Ok(())
}

/// What of a coloured set is applied before the switch: all but Services that lead to another set now.
///
/// # Errors
/// A Service cannot be read.
pub async fn before_the_switch(shared: &Shared, objects: &[Object], colour: &str) -> Result<Vec<ObjectRef>, Failure> {
    let mut now = Vec::with_capacity(objects.len());
    for object in objects {
        if transform::switches(object) {
            match shared.cluster.get(&object.reference).await {
                Ok(live) if transform::serving_colour(&live) != colour => continue,
                Ok(_) => {}
                Err(error) if error.is_not_found() => {}
                Err(error) => return Err(error.failure(&format!("reading {}", object.reference))),
            }
        }
        now.push(object.reference.clone());
    }
    Ok(now)
}

/// On a workload whose Pods were taken away, an annotation: how many replicas it had.
const REPLICAS: &str = "windlass.dev/replicas";

/// Makes the definitions of a chart's `crds/` folders, as the policy says, and waits until they are usable.
///
/// # Errors
/// The first definition that is refused, by name.
pub async fn define(shared: &Shared, crds: &[Object], policy: CrdPolicy) -> Result<(), Failure> {
    for object in crds {
        let doing = format!("creating {}", object.reference);
        match policy {
            CrdPolicy::Skip => return Ok(()),
            CrdPolicy::Create => match shared.cluster.get(&object.reference).await {
                Ok(_) => continue,
                Err(error) if error.is_not_found() => match shared.cluster.create(&object.json).await {
                    Ok(_) => {}
                    Err(error) if error.reason == "AlreadyExists" => {}
                    Err(error) => return Err(error.failure(&doing)),
                },
                Err(error) => return Err(error.failure(&doing)),
            },
            CrdPolicy::CreateReplace => {
                let applied = shared.cluster.apply(&object.reference, &object.json, false, true).await;
                applied.map_err(|error| refused(object, &error))?;
            }
        }
        establish(shared, &object.reference).await?;
    }
    Ok(())
}

/// Makes the release's namespace, if it is missing.
///
/// # Errors
/// As the request failed.
pub async fn create_namespace(shared: &Shared, name: &str) -> Result<(), ApiError> {
    let object = json!({ "apiVersion": "v1", "kind": "Namespace", "metadata": { "name": name, "labels": { "name": name } } });
    match shared.cluster.create(&object).await {
        Ok(_) => Ok(()),
        Err(error) if error.is_conflict() => Ok(()),
        Err(error) => Err(ApiError { message: format!("creating namespace {name}: {}", error.message), ..error }),
    }
}

/// Deletes what the previous release had and this one has not, if it is ours by [`is_ours`] and nobody said to keep it.
///
/// # Errors
/// The first object that cannot be deleted.
pub async fn prune(shared: &Shared, before: &[Object], now: &[Object], environment: &str) -> Result<usize, Failure> {
    let mut gone: Vec<Object> =
        before.iter().filter(|old| !now.iter().any(|new| new.reference.same_object(&old.reference))).cloned().collect();
    object::sort_waves_back(&mut gone);
    remove(shared, &gone, environment).await
}

/// The objects of a record as [`remove`] takes them: those of a record that helm wrote bear no mark of ours, for helm's ownership
/// is what counts there.
pub fn as_recorded(mut objects: Vec<Object>, helms: bool) -> Vec<Object> {
    if helms {
        objects.iter_mut().for_each(|object| ownership::unmark(&mut object.json));
    }
    objects
}

/// Whether a live object that a record speaks of may be deleted: it carries our mark. Only where helm itself wrote the record
/// (before windlass took the release over, or in between), and the object carries nobody's mark, helm's ownership of the release
/// does as well. See `docs/decisions/prune-after-helm.md`.
pub fn is_ours(live: &Value, recorded: &Object, environment: &str) -> bool {
    match ownership::mark(live) {
        Some(mark) => mark == environment,
        None if ownership::mark(&recorded.json).is_some() => false,
        None => ownership::owner(&recorded.json).is_some_and(|release| ownership::check(live, &release).is_ok()),
    }
}

/// Deletes objects that are ours by [`is_ours`], in the order given; those to be kept stay.
///
/// # Errors
/// The first object that cannot be deleted.
pub async fn remove(shared: &Shared, objects: &[Object], environment: &str) -> Result<usize, Failure> {
    let mut removed = 0;
    for object in objects {
        let doing = format!("deleting {}", object.reference);
        let live = match shared.cluster.get(&object.reference).await {
            Ok(live) => live,
            Err(error) if error.is_not_found() => continue,
            Err(error) => return Err(error.failure(&doing)),
        };
        let ours = is_ours(&live, object, environment);
        if !ours || ownership::keep(&live) || ownership::keep(&object.json) || ownership::prune_forbidden(&live) {
            tracing::info!(environment, object = %object.reference, ours, "kept: not ours or asked to be kept");
            continue;
        }
        children_first(shared, objects, &object.reference, environment).await?;
        if shared.cluster.delete(&object.reference, Delete::Background).await.map_err(|error| error.failure(&doing))? {
            removed += 1;
        }
    }
    Ok(removed)
}

/// How long a namespace waits in the step itself for the Environments in it, and how often they are looked at meanwhile: most are
/// quick to go. For others the stage is tried again, and keeps no room from them.
const CHILDREN_WAIT: (u32, Duration) = (20, Duration::from_millis(250));

/// A namespace that goes takes the release records in it along, and what an Environment in it had elsewhere would stay for ever:
/// Environments of the same set go before. (In Helm's order kinds that it does not know come after namespaces.)
async fn children_first(shared: &Shared, objects: &[Object], namespace: &ObjectRef, environment: &str) -> Result<(), Failure> {
    if !namespace.gvk.is("", "Namespace") {
        return Ok(());
    }
    let inside = |object: &&Object| object.reference.gvk.is("windlass.dev", "Environment") && object.reference.namespace.as_ref() == Some(&namespace.name);
    for child in objects.iter().filter(inside) {
        let mut looks = 0;
        while remains(shared, child, environment).await? {
            if looks == 0 {
                let deleted = shared.cluster.delete(&child.reference, Delete::Background).await;
                deleted.map_err(|error| error.failure(&format!("deleting {}", child.reference)))?;
            }
            looks += 1;
            if looks == CHILDREN_WAIT.0 {
                let message = format!("deleting {namespace}: {} is still there, and its release goes first", child.reference);
                return Err(Failure::new(Class::Transient, "ChildrenFirst", message));
            }
            tokio::time::sleep(CHILDREN_WAIT.1).await;
        }
    }
    Ok(())
}

/// Whether an object that is to go is there yet.
async fn remains(shared: &Shared, object: &Object, environment: &str) -> Result<bool, Failure> {
    match shared.cluster.get(&object.reference).await {
        Ok(live) => Ok(is_ours(&live, object, environment) && !ownership::keep(&live) && !ownership::prune_forbidden(&live)),
        Err(error) if error.is_not_found() => Ok(false),
        Err(error) => Err(error.failure(&format!("waiting until {} is gone", object.reference))),
    }
}

/// Takes our mark off a live object.
///
/// # Errors
/// As the requests failed.
pub async fn unmark(shared: &Shared, reference: &ObjectRef, environment: &str) -> Result<(), Failure> {
    let doing = format!("taking our mark off {reference}");
    let live = match shared.cluster.get(reference).await {
        Ok(live) => live,
        Err(error) if error.is_not_found() => return Ok(()),
        Err(error) => return Err(error.failure(&doing)),
    };
    if ownership::mark(&live) != Some(environment) {
        return Ok(());
    }
    let patch = json!({ "metadata": { "annotations": { ownership::ENVIRONMENT: null } } });
    match shared.cluster.merge(reference, "", &patch).await {
        Ok(_) => Ok(()),
        Err(error) if error.is_not_found() => Ok(()),
        Err(error) => Err(error.failure(&doing)),
    }
}

