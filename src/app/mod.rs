//! What the user wrote, and what it means once it is validated: after [`App::resolve`] nothing in it can be wrong.

mod crd;
mod images;
mod parse;
mod receiver;
mod status;
mod transform;
mod windows;

pub use crd::*;
pub use images::*;
pub use parse::{parse, parse_json};
pub use receiver::*;
pub use status::*;
pub use windows::Windows;

use crate::decide::Approved;
use crate::transform::PostRender;
use std::time::Duration;

/// An Environment, validated: durations parsed, defaults resolved.
#[derive(Clone, Debug, PartialEq)]
pub struct App {
    /// Namespace of the Environment object (or of the file's metadata).
    pub namespace: String,
    /// Name of the Environment.
    pub name: String,
    /// `metadata.generation`; 0 for a file.
    pub generation: i64,
    /// The object is being deleted.
    pub deleting: bool,
    /// It already holds back its deletion until the release is gone.
    pub finalizer: bool,
    /// `metadata.uid`; empty for a file.
    pub uid: String,
    /// The Environment whose chart holds this one, as `namespace/name`: it waits until this one is ready.
    pub parent: Option<String>,
    /// The spec as written.
    pub spec: EnvironmentSpec,
    /// The release's name.
    pub release: String,
    /// The release's namespace.
    pub target_namespace: String,
    /// How often the branch is looked at.
    pub interval: Duration,
    /// How long one apply or hook may take.
    pub timeout: Duration,
    /// How long the release may take to become healthy.
    pub health_timeout: Duration,
    /// How long one test may take.
    pub test_timeout: Duration,
    /// How often the deployed release is tested again.
    pub test_every: Option<Duration>,
    /// How long a revision has to be good before it is promoted.
    pub promote_after: Duration,
    /// The first pause after a transient failure.
    pub backoff: Duration,
    /// When a sync may begin.
    pub windows: Windows,
    /// How long an approval holds.
    pub approval_expires: Duration,
    /// The largest share of a release's objects that a sync deletes by itself, in percent.
    pub max_prune_percent: u8,
    /// How often registries are asked for new tags.
    pub image_interval: Duration,
    /// How long a missing image is waited for.
    pub image_timeout: Duration,
    /// How long a new set is watched after a switch, with the strategy `BlueGreen`.
    pub keep: Duration,
    /// What is changed on the rendered objects.
    pub post_render: PostRender,
    /// What people asked for, by annotation.
    pub requests: Requests,
}

/// What people asked for: each a token (a time, usually) that is acted upon once.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Requests {
    /// `windlass.dev/sync`: look at the branch now; in `Manual` mode, apply what is planned.
    pub sync: Option<String>,
    /// `windlass.dev/retry`: try a condemned or stalled revision once more.
    pub retry: Option<String>,
    /// `windlass.dev/rollback`: `NUMBER@TOKEN`: go back to that release and hold there.
    pub rollback: Option<String>,
    /// `windlass.dev/resume`: let go of a release held by hand.
    pub resume: Option<String>,
    /// `windlass.dev/wake`: a webhook told another replica of the agent that the branch or an image may have moved.
    pub wake: Option<String>,
    /// `windlass.dev/set-image`: `IMAGE:TAG@TOKEN`: write that tag to the branch.
    pub set_image: Option<String>,
    /// `windlass.dev/adopt`: take over objects of the same names that no release owns.
    pub adopt: Option<String>,
    /// `windlass.dev/suspend: "true"`, beside `spec.suspend`.
    pub suspend: bool,
    /// `windlass.dev/promote`: the commit that somebody wants promoted now.
    pub promote: Option<String>,
    /// `windlass.dev/approve` with `-by` and `-at`: the plan that somebody agreed to.
    pub approved: Option<Approved>,
}

/// Annotations by which people ask.
pub const SYNC: &str = "windlass.dev/sync";
/// See [`Requests::retry`].
pub const RETRY: &str = "windlass.dev/retry";
/// See [`Requests::rollback`].
pub const ROLLBACK: &str = "windlass.dev/rollback";
/// See [`Requests::resume`].
pub const RESUME: &str = "windlass.dev/resume";
/// See [`Requests::wake`].
pub const WAKE: &str = "windlass.dev/wake";
/// See [`Requests::set_image`].
pub const SET_IMAGE: &str = "windlass.dev/set-image";
/// See [`Requests::adopt`].
pub const ADOPT: &str = "windlass.dev/adopt";
/// See [`Requests::suspend`].
pub const SUSPEND: &str = "windlass.dev/suspend";
/// See [`Requests::promote`].
pub const PROMOTE: &str = "windlass.dev/promote";
/// The digest of the plan that somebody agrees to: see [`Requests::approved`].
pub const APPROVE: &str = "windlass.dev/approve";
/// Who agreed: the user as the API server knows it.
pub const APPROVED_BY: &str = "windlass.dev/approved-by";
/// When, RFC 3339.
pub const APPROVED_AT: &str = "windlass.dev/approved-at";
/// The finalizer that lets a release be uninstalled before its Environment goes.
pub const FINALIZER: &str = "windlass.dev/release";

/// What is wrong with an Environment: the field and what to write instead.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
#[error("spec.{field}: {problem}")]
pub struct SpecError {
    /// The field's path below `spec`.
    pub field: String,
    /// What is wrong, and what would be right.
    pub problem: String,
}

impl SourceSpec {
    /// The branch that is followed; nothing where no git repository is.
    pub fn branch(&self) -> &str {
        self.git.as_ref().map_or("", |git| &git.branch)
    }

    /// The git repository's address; nothing where there is none.
    pub fn git_url(&self) -> &str {
        self.git.as_ref().map_or("", |git| &git.url)
    }
}

impl App {
    /// Validates an Environment.
    ///
    /// # Errors
    /// The first field that cannot be meant, named.
    pub fn resolve(env: &Environment) -> Result<App, SpecError> {
        let meta = &env.metadata;
        let spec = env.spec.clone();
        let name = meta.name.clone().unwrap_or_default();
        let namespace = meta.namespace.clone().unwrap_or_else(|| "default".into());
        let release = spec.release.name.clone().unwrap_or_else(|| name.clone());
        if release.len() > 53 {
            return Err(SpecError {
                field: "release.name".into(),
                problem: format!("\"{release}\" has {} characters; Helm allows 53. Set a shorter one", release.len()),
            });
        }
        if spec.promote.is_some() && spec.source.chart.is_some() {
            let problem = "it moves git branches: a chart from a repository goes on by spec.publish".to_owned();
            return Err(SpecError { field: "promote".into(), problem });
        }
        if let Some(promote) = spec.promote.as_ref().filter(|promote| promote.to == spec.source.branch()) {
            let problem = format!("\"{}\" is the branch that this Environment follows: name the next one", promote.to);
            return Err(SpecError { field: "promote.to".into(), problem });
        }
        let annotation = |key: &str| meta.annotations.as_ref().and_then(|a| a.get(key)).cloned();
        Ok(App {
            target_namespace: spec.release.namespace.clone().unwrap_or_else(|| namespace.clone()),
            interval: interval(&spec.source)?,
            timeout: duration("release.timeout", &spec.release.timeout, Duration::from_secs(1))?,
            health_timeout: duration("health.timeout", &spec.health.timeout, Duration::from_secs(1))?,
            test_timeout: duration("tests.timeout", &spec.tests.timeout, Duration::from_secs(1))?,
            test_every: spec.tests.every.as_ref().map(|text| duration("tests.every", text, Duration::from_secs(1))).transpose()?,
            promote_after: spec.promote.as_ref().map(|promote| duration("promote.after", &promote.after, Duration::ZERO)).transpose()?.unwrap_or_default(),
            windows: Windows::resolve(&spec.sync.windows)?,
            approval_expires: duration("approvalExpires", &spec.approval_expires, Duration::from_secs(1))?,
            max_prune_percent: percent("sync.pruneGuard.maxShare", &spec.sync.prune_guard.max_share)?,
            backoff: duration("sync.retry.backoff", &spec.sync.retry.backoff, Duration::from_millis(10))?,
            image_interval: duration("imageUpdates.interval", &spec.image_updates.interval, Duration::from_secs(1))?,
            image_timeout: duration("imageCheck.timeout", &spec.image_check.timeout, Duration::from_secs(1))?,
            keep: duration("strategy.keep", spec.strategy.as_ref().and_then(|s| s.keep.as_deref()).unwrap_or("1m"), Duration::ZERO)?,
            post_render: transform::post_render(&spec)?,
            generation: meta.generation.unwrap_or(0),
            deleting: meta.deletion_timestamp.is_some(),
            finalizer: meta.finalizers.iter().flatten().any(|finalizer| finalizer == FINALIZER),
            uid: meta.uid.clone().unwrap_or_default(),
            parent: annotation(crate::object::ownership::ENVIRONMENT),
            requests: Requests {
                sync: annotation(SYNC),
                retry: annotation(RETRY),
                rollback: annotation(ROLLBACK),
                resume: annotation(RESUME),
                wake: annotation(WAKE),
                set_image: annotation(SET_IMAGE),
                adopt: annotation(ADOPT),
                suspend: annotation(SUSPEND).as_deref() == Some("true"),
                promote: annotation(PROMOTE),
                approved: annotation(APPROVE).map(|digest| Approved {
                    digest,
                    by: annotation(APPROVED_BY).unwrap_or_default(),
                    // A time that cannot be read is long ago: such an approval has expired.
                    at: annotation(APPROVED_AT).and_then(|at| at.parse::<jiff::Timestamp>().ok()).map_or(0, |at| at.as_millisecond()),
                }),
            },
            namespace,
            name,
            release,
            spec,
        })
    }

    /// An Environment that cannot be meant, and that is to go: what its removal needs is where its release is and what becomes of
    /// that. `None` where even that is not to be told.
    pub fn to_remove(env: &Environment) -> Option<App> {
        env.metadata.deletion_timestamp.as_ref()?;
        let ReleaseSpec { name, namespace, timeout, .. } = &env.spec.release;
        let timeout = Some(timeout).filter(|text| humantime::parse_duration(text).is_ok_and(|time| time >= Duration::from_secs(1))).cloned().unwrap_or_else(|| ReleaseSpec::default().timeout);
        let spec = serde_json::json!({
            // Nothing is fetched for a removal: the record says what goes.
            "source": { "git": { "url": env.spec.source.git_url(), "branch": env.spec.source.branch() } },
            "release": { "name": name, "namespace": namespace, "timeout": timeout },
            "deletionPolicy": env.spec.deletion_policy,
        });
        App::resolve(&Environment { metadata: env.metadata.clone(), spec: serde_json::from_value(spec).ok()?, status: env.status.clone() }).ok()
    }

    /// `namespace/name`: how logs, metrics and people call it.
    pub fn id(&self) -> String {
        format!("{}/{}", self.namespace, self.name)
    }

    /// The git repository that is followed, where one is.
    pub fn git(&self) -> Option<&GitSourceSpec> {
        self.spec.source.git.as_ref()
    }

    /// The chart repository that is followed, where one is.
    pub fn chart(&self) -> Option<&ChartSourceSpec> {
        self.spec.source.chart.as_ref()
    }

    /// The branch that is followed; nothing where no git repository is.
    pub fn branch(&self) -> &str {
        self.spec.source.branch()
    }

    /// What is followed, for people: the branch, or the chart and where it comes from.
    pub fn followed(&self) -> String {
        match self.chart() {
            Some(chart) => format!("{} {} in {}", chart.name, if chart.version.is_empty() { "*" } else { &chart.version }, crate::chart::repository::masked(&chart.repository)),
            None => self.branch().to_owned(),
        }
    }

    /// The chart's folder in the git repository; nothing where there is none.
    pub fn path(&self) -> &str {
        self.git().map_or("", |git| &git.path)
    }

    /// Whether nothing may be changed now.
    pub fn suspended(&self) -> bool {
        self.spec.suspend || self.requests.suspend
    }
}

fn percent(field: &str, text: &str) -> Result<u8, SpecError> {
    let share = text.strip_suffix('%').and_then(|number| number.parse().ok()).filter(|share| *share <= 100);
    share.ok_or_else(|| SpecError { field: field.into(), problem: format!("\"{text}\" is not a share: write it as 50%") })
}

/// How often the source is looked at.
fn interval(source: &SourceSpec) -> Result<Duration, SpecError> {
    match (&source.chart, &source.git) {
        (Some(chart), _) => duration("source.chart.interval", &chart.interval, Duration::from_secs(1)),
        (None, Some(git)) => duration("source.git.interval", &git.interval, Duration::from_secs(1)),
        (None, None) => Err(SpecError { field: "source".into(), problem: "it names no source: set source.git or source.chart".into() }),
    }
}

fn duration(field: &str, text: &str, least: Duration) -> Result<Duration, SpecError> {
    let problem = match humantime::parse_duration(text) {
        Ok(parsed) if parsed >= least => return Ok(parsed),
        Ok(_) => format!("\"{text}\" is too short: at least {} is needed", humantime::format_duration(least)),
        Err(error) => format!("\"{text}\" is not a duration ({error}): write it as 30s, 5m or 1h 30m"),
    };
    Err(SpecError { field: field.into(), problem })
}
