//! The whole plan with every live object read, for people: `windlass diff`. The agent's own planning (`learn`) asks the same
//! questions and keeps only what it needs to decide.

use super::{
    ClusterHost, Shared,
    gather::{self, At, Gathered},
    stages::{self, refusal},
    target::{self, Content},
};
use crate::{
    app::{App, SourceStatus},
    chart::layers::Layer,
    cluster::Records,
    decide::{Class, Failure, Record},
    object::{Gvk, Object, ObjectRef, ownership},
    plan::{self, Candidate, Input, Observed, Options, Outcome, Plan, Previous, Refusal},
    sources::Credentials,
};
use std::collections::BTreeMap;

/// What is rendered for a look.
#[derive(Clone, Debug)]
pub enum What {
    /// The head of the branch.
    Head,
    /// Another branch, or a commit by its whole name.
    Revision(String),
    /// A folder in place of the repository's chart.
    Local(std::path::PathBuf),
}

/// Renders for a look; nothing is written anywhere.
///
/// # Errors
/// What keeps it from being fetched or rendered.
pub async fn content(shared: &Shared, app: &App, record: &Record, what: &What) -> Result<Content, Failure> {
    let next = target::Next { number: record.next_number() as u32, upgrade: record.deployed().is_some() };
    let (app_too, capabilities, cluster) = (app.clone(), shared.capabilities.clone(), shared.cluster.clone());
    let gathered = match what {
        What::Local(folder) => {
            let files = gather::as_chart(app, target::load_local(folder)?)?;
            let layers = target::local_layers(shared, app, folder).await?;
            Gathered { files, layers, source: SourceStatus::default(), archive: None, time: 0 }
        }
        What::Head => gather::gather(shared, app, &At::Head).await?,
        What::Revision(revision) => gather::gather(shared, app, &At::Other(revision.clone())).await?,
    };
    let source = gathered.source.clone();
    let rendered = shared.blocking.compute(move |turn| {
        let content = target::render_files(&app_too, gathered.files, gathered.layers, next, &capabilities, &ClusterHost::new(cluster, turn))?;
        Ok(Content { source, ..content })
    });
    rendered.await.map_err(|panic| Failure::new(Class::Bug, "Panic", format!("rendering: {panic}")))?
}

/// The layers of an Environment's values at its head, the chart's own first.
///
/// # Errors
/// What keeps them from being read.
pub async fn values(shared: &Shared, app: &App) -> Result<Vec<Layer>, Failure> {
    let gathered = gather::gather(shared, app, &At::Head).await?;
    let chart = crate::chart::load_files(gathered.files, &mut crate::chart::Log::default());
    let chart = chart.map_err(|error| Failure::new(Class::Config, "ChartInvalid", format!("loading the chart: {error}")))?;
    gathered.layers.parsed(&chart)
}

/// Whether an Environment would take what another one's source is at: it is rendered with its own values, so that a key which
/// the chart's schema or `required` asks for and they lack is named.
///
/// # Errors
/// Why it would be refused.
pub async fn promotable(shared: &Shared, from: &App, to: &App) -> Result<(), Failure> {
    let mut there = to.clone();
    there.spec.source = from.spec.source.clone();
    content(shared, &there, &Record::default(), &What::Head).await.map(drop)
}

/// The git credentials that the Environment names.
///
/// # Errors
/// The Secret is missing, unreadable, or holds none.
pub async fn credentials(shared: &Shared, app: &App) -> Result<Credentials, Failure> {
    let Some(secret) = app.git().and_then(|git| git.secret_ref.as_ref()) else { return Ok(Credentials::default()) };
    let reference = ObjectRef { gvk: Gvk::new("v1", "Secret"), namespace: Some(app.namespace.clone()), name: secret.name.clone() };
    let doing = format!("reading the git credentials in {reference}");
    let live = shared.inputs.get(&app.id(), &reference).await.map_err(|error| error.failure(&doing))?;
    let live = live.ok_or_else(|| Failure::new(Class::Config, "CredentialsMissing", format!("{doing}: there is no such Secret; create it")))?;
    Credentials::from_secret(&target::secret_data(&live)).map_err(|error| super::learn::source_failure(&error))
}

/// Whether objects that no release owns may be taken over: somebody asked for it (see the request `adopt`).
pub fn adopting(app: &App) -> bool {
    app.requests.adopt.is_some()
}

/// What applying the content would do, object by object.
///
/// # Errors
/// The cluster cannot be asked.
pub async fn plan(shared: &Shared, app: &App, record: &Record, content: &Content) -> Result<Plan, Failure> {
    let id = app.id();
    let before = before(shared, app, record).await?;
    let (rendered, _) = target::coloured(app, &content.rendered, crate::transform::of_colour(&before))?;
    let desired = stages::desired(shared, &content.release(app, rendered), &id).await?;
    let mut rules = plan::ignore::defaults();
    rules.extend(stages::rules(app, &desired));
    let mut namespaces = BTreeMap::new();
    let mut candidates = Vec::with_capacity(desired.len());
    for object in &desired {
        let observed = observe(shared, app, object, &desired, content.made_first(app), &rules, &mut namespaces).await?;
        candidates.push(Candidate { desired: object.clone(), observed });
    }
    let mut previous = Vec::new();
    for object in before.iter().filter(|old| !desired.iter().any(|new| new.reference.same_object(&old.reference))) {
        let live = found(shared, &object.reference).await?;
        previous.push(Previous { reference: object.reference.clone(), live, content: None });
    }
    let options = Options {
        release: ownership::Release { name: app.release.clone(), namespace: app.target_namespace.clone() },
        environment: id,
        recorded_by_helm: record.deployed().is_some_and(|entry| super::attempt::of_helm(entry.mark.as_ref())),
        prune: app.spec.sync.prune,
        adopt: adopting(app),
        replace_immutable: app.spec.sync.immutable == crate::app::ImmutablePolicy::Replace,
        ignore: rules,
        ..Options::default()
    };
    Ok(plan::plan(Input { desired: candidates, previous }, &options))
}

async fn before(shared: &Shared, app: &App, record: &Record) -> Result<Vec<Object>, Failure> {
    let Some(deployed) = record.deployed() else { return Ok(Vec::new()) };
    let records = Records::new(shared.cluster.clone(), &app.target_namespace, &app.release);
    let held = records.get(deployed.number).await.map_err(|error| error.failure(&format!("reading release {}", deployed.number)))?;
    match held {
        Some(held) => stages::desired(shared, &held.release, &app.id()).await,
        None => Ok(Vec::new()),
    }
}

async fn found(shared: &Shared, reference: &ObjectRef) -> Result<Option<serde_json::Value>, Failure> {
    match shared.cluster.get(reference).await {
        Ok(live) => Ok(Some(live)),
        Err(error) if error.is_not_found() => Ok(None),
        Err(error) => Err(error.failure(&format!("reading {reference}"))),
    }
}

async fn observe(
    shared: &Shared,
    app: &App,
    object: &Object,
    desired: &[Object],
    crds: &[Object],
    rules: &[plan::ignore::Rule],
    namespaces: &mut BTreeMap<String, bool>,
) -> Result<Observed, Failure> {
    let live = match shared.cluster.get(&object.reference).await {
        Ok(live) => live,
        Err(error) if error.reason == "NoKindMatch" => {
            return Ok(match super::compare::definition(desired.iter().chain(crds), &object.reference.gvk) {
                Some(crd) => Observed::Hypothetical { why: format!("its kind is defined by {crd}, which the same plan creates") },
                None => Observed::Refused(refusal(&error)),
            });
        }
        Err(error) if error.is_not_found() => return absent(shared, app, object, desired, namespaces).await,
        Err(error) if error.class() == Class::Transient => return Err(error.failure(&format!("reading {}", object.reference))),
        Err(error) => return Ok(Observed::Refused(refusal(&error))),
    };
    let sent = plan::ignore::settle(object, &live, rules);
    let manner = stages::Manner { force: app.spec.sync.force_conflicts, adopt: adopting(app), ..Default::default() };
    let outcome = match stages::dry_run(shared, object, &sent, manner).await {
        Ok(dry) => Outcome::Would(dry.object),
        Err(error) if error.class() == Class::Transient => return Err(stages::refused(object, &error)),
        Err(error) => Outcome::Refused(refusal(&error)),
    };
    Ok(Observed::Live { live, outcome })
}

/// What does not exist is created, if its namespace is there or will be.
async fn absent(shared: &Shared, app: &App, object: &Object, desired: &[Object], namespaces: &mut BTreeMap<String, bool>) -> Result<Observed, Failure> {
    let Some(namespace) = object.reference.namespace.clone() else { return Ok(Observed::Absent) };
    let reference = ObjectRef { gvk: Gvk::new("v1", "Namespace"), namespace: None, name: namespace.clone() };
    let there = match namespaces.get(&namespace) {
        Some(there) => *there,
        None => {
            let there = match shared.cluster.get(&reference).await {
                Ok(_) => true,
                // Who may not read namespaces learns it when something is applied.
                Err(error) => !error.is_not_found(),
            };
            namespaces.insert(namespace.clone(), there);
            there
        }
    };
    if there {
        return Ok(Observed::Absent);
    }
    let made = desired.iter().any(|other| other.reference.same_object(&reference));
    if made || (app.spec.release.create_namespace && namespace == app.target_namespace) {
        return Ok(Observed::Hypothetical { why: format!("its namespace {namespace} is created first") });
    }
    Ok(Observed::Refused(Refusal { code: 404, reason: "NotFound".into(), message: format!("namespaces \"{namespace}\" not found"), causes: Vec::new() }))
}

