//! The acts of an attempt: apply, prune, delete. Each is idempotent; each works from the release record alone, so that whoever
//! finishes an attempt needs nothing that the one who began it knew.

use super::Shared;
use crate::{
    app::App,
    cluster::{ApiError, Delete},
    decide::{Class, Failure},
    object::{self, Gvk, Object, ObjectRef, ownership},
    plan::ignore::{self, Rule},
    release::Release,
};
use serde_json::{Value, json};
use std::{borrow::Cow, time::Duration};

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
    let live = match shared.cluster.get(&object.reference).await {
        Ok(live) => live,
        Err(error) if error.is_not_found() => return Ok(Cow::Borrowed(&object.json)),
        Err(error) => return Err(error.failure(&format!("reading {}", object.reference))),
    };
    let mut all = ignore::defaults();
    all.extend_from_slice(rules);
    Ok(Cow::Owned(ignore::settle(object, &live, &all)))
}

/// Applies what is not as it should be, in order; returns how many objects changed.
///
/// # Errors
/// The first object that is refused, by name.
pub async fn apply(shared: &Shared, objects: &[Object], rules: &[Rule], force: bool, only: Option<&[ObjectRef]>) -> Result<usize, Failure> {
    let mut changed = 0;
    for object in objects {
        if only.is_some_and(|only| !only.contains(&object.reference)) {
            continue;
        }
        let before = shared.watches.get(&object.reference);
        let sent = settled(shared, object, rules).await?;
        let patched = match shared.cluster.apply(&object.reference, &sent, false, force).await {
            Ok(patched) => patched,
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

/// Deletes what the previous release had and this one has not, if it carries our mark and nobody said to keep it.
///
/// # Errors
/// The first object that cannot be deleted.
pub async fn prune(shared: &Shared, before: &[Object], now: &[Object], environment: &str) -> Result<usize, Failure> {
    let mut gone: Vec<Object> =
        before.iter().filter(|old| !now.iter().any(|new| new.reference.same_object(&old.reference))).cloned().collect();
    object::sort_waves_back(&mut gone);
    remove(shared, &gone, environment).await
}

/// Deletes objects that carry our mark, in the order given; those to be kept stay.
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
        let ours = ownership::mark(&live) == Some(environment);
        if !ours || ownership::keep(&live) || ownership::keep(&object.json) || ownership::prune_forbidden(&live) {
            tracing::info!(environment, object = %object.reference, ours, "kept: not ours or asked to be kept");
            continue;
        }
        if shared.cluster.delete(&object.reference, Delete::Background).await.map_err(|error| error.failure(&doing))? {
            removed += 1;
        }
    }
    Ok(removed)
}
