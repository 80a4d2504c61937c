//! Publishing an Environment's chart to a chart repository: the archive that a revision came from, or the folder in git
//! packaged. A version that is there is never overwritten.

use super::{
    Driver, Shared,
    drive::now,
    gather::{self, At, Gathered, access, chart_failure},
};
use crate::{
    app::{App, PublishSpec, PublishWhen},
    chart::{self, Log, package, plain},
    decide::{Class, Decision, Failure, Millis, Why, backoff},
    sources::{Outcome, Repository, Upload},
};
use std::sync::Arc;

/// How publishing a revision went.
#[derive(Clone, Debug, PartialEq)]
pub struct Published {
    /// The revision.
    pub revision: String,
    /// Where, as written.
    pub to: String,
    /// A sentence, or why not.
    pub result: Result<String, Failure>,
    /// A failure is tried again then.
    pub next: Millis,
    /// How often it failed in a row.
    pub tries: u32,
}

/// What is published of a gathered revision.
///
/// # Errors
/// Plain manifests, which have no version; a chart that cannot be packaged.
pub fn upload(app: &App, gathered: &Gathered) -> Result<Upload, Failure> {
    let config = |reason: &str, message: String| Failure::new(Class::Config, reason, message);
    let created = jiff::Timestamp::now().strftime("%Y-%m-%dT%H:%M:%S%.fZ").to_string();
    let invalid = |why: String| config("ChartInvalid", format!("packaging the chart of {}: {why}", app.id()));
    if let Some(archive) = &gathered.archive {
        // What was tested is what is published: the same bytes.
        return Upload::new(archive.bytes.clone(), created).map_err(invalid);
    }
    if plain::is_plain(&gathered.files) {
        return Err(config("NothingToPublish", format!("{} follows plain manifests, which have no version: make them a chart to publish them", app.id())));
    }
    let loaded = chart::load_files(gathered.files.clone(), &mut Log::default()).map_err(|error| invalid(error.message))?;
    // One time for all files, the commit's: whoever packages this commit makes the same archive.
    let times = package::Times::Files { files: Default::default(), now: gathered.time };
    let archive: Arc<[u8]> = package::archive(&loaded, &times).map_err(invalid)?.into();
    Upload::new(archive, created).map_err(invalid)
}

/// Publishes a gathered revision; a sentence that says what was done.
///
/// # Errors
/// As the repository refuses, or other content is there under the same version.
pub async fn publish(shared: &Shared, app: &App, spec: &PublishSpec, gathered: &Gathered) -> Result<String, Failure> {
    let upload = upload(app, gathered)?;
    let access = access(shared, app, "publish.secretRef", spec.secret_ref.as_ref(), spec.plain_http).await?;
    let repository = Repository { address: spec.to.clone(), access };
    let outcome = shared.charts.publish(&repository, &upload).await.map_err(|error| chart_failure(&error))?;
    let (label, digest) = (upload.label(), &upload.digest);
    Ok(match outcome {
        Outcome::Published => format!("{label} (sha256:{digest}) was published to {}", repository.shown()),
        Outcome::AlreadyThere => format!("{label} is published in {}", repository.shown()),
    })
}

/// Publishes by hand: what the source has now.
///
/// # Errors
/// As [`publish`]; the Environment publishes nothing.
pub async fn by_hand(shared: &Shared, app: &App, revision: Option<&str>) -> Result<String, Failure> {
    let none = || Failure::new(Class::Config, "NothingToPublish", format!("{} has no spec.publish: say there where its chart goes", app.id()));
    let spec = app.spec.publish.as_ref().ok_or_else(none)?;
    let at = revision.map_or(At::Head, |revision| At::Other(revision.to_owned()));
    let gathered = gather::gather(shared, app, &at).await?;
    publish(shared, app, spec, &gathered).await
}

/// The first pause after a failure that may pass.
const PAUSE: Millis = 5_000;

impl Driver {
    /// The revision that is to be published now, by where the Environment stands.
    pub(super) fn publish_due(&self, decision: &Decision) -> Option<String> {
        let spec = self.app.spec.publish.as_ref().filter(|_| !self.policy.deleting && !self.policy.suspended)?;
        let target = self.facts.target.as_ref()?;
        let digest = target.digest.as_ref().ok()?;
        let verified = matches!(decision, Decision::Wait { why: Why::InSync { .. }, .. });
        let planned = self.facts.plan.as_ref().is_some_and(|plan| plan.digest == *digest && plan.result.is_ok());
        let reached = match spec.when {
            PublishWhen::Verified => verified,
            PublishWhen::Validated => verified || planned,
        };
        let last = self.work.published.as_ref().filter(|last| last.revision == target.revision && last.to == spec.to);
        let done = last.is_some_and(|last| last.result.is_ok() || last.next > now());
        (reached && !done).then(|| target.revision.clone())
    }

    /// When a publishing that failed is tried again, if it is.
    pub(super) fn publish_next(&self) -> Option<Millis> {
        let last = self.work.published.as_ref()?;
        (last.result.is_err() && last.next < Millis::MAX).then_some(last.next)
    }

    /// Publishes a revision and notes how it went. A failure holds no release up.
    pub(super) async fn publish_revision(&mut self, revision: String) {
        let Some(spec) = self.app.spec.publish.clone() else { return };
        let shared = self.shared.clone();
        let _slot = shared.slots.take(super::slots::Course::Begins).await;
        let result = match gather::gather(&self.shared, &self.app, &At::Revision(revision.clone())).await {
            Ok(gathered) => publish(&self.shared, &self.app, &spec, &gathered).await,
            Err(failure) => Err(failure),
        };
        let before = self.work.published.take().filter(|last| last.revision == revision && last.to == spec.to);
        let tries = before.as_ref().map_or(0, |last| last.tries) + 1;
        match &result {
            Ok(sentence) => {
                tracing::info!(environment = self.app.id(), reason = "Published", "{sentence}");
                self.events.normal("Published", sentence).await;
            }
            Err(failure) => {
                tracing::warn!(environment = self.app.id(), reason = failure.reason, "publishing: {}", failure.message);
                self.events.warn(&failure.reason, &failure.message).await;
            }
        }
        // What somebody has to mend first is looked at again with the next revision, spec or Secret, and now and then.
        let next = match &result {
            Ok(_) => Millis::MAX,
            Err(failure) if failure.class == Class::Transient => now() + backoff(PAUSE, tries),
            Err(_) => now() + self.policy.interval.max(60_000),
        };
        self.work.published = Some(Published { revision, to: spec.to, result, next, tries });
    }
}
