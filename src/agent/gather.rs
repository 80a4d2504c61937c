//! What a revision consists of before it is rendered: the chart's files with its dependencies, the values' layers, who made it.
//! A revision is a commit, or `name-version@sha256:…` of a chart from a repository.

use super::{Shared, subcharts, learn::source_failure, planning, target};
use crate::{
    app::{App, ChartSourceSpec, LocalRef, SourceStatus},
    chart::{SourceFile, archive::read_archive, plain, repository::{Revision, Wanted}},
    decide::{Class, Failure, Record},
    metrics::GitOperation,
    object::{Gvk, ObjectRef},
    sources::{self, Access, Archive, ChartError, CommitId, Found, GitSpec, Repository, Snapshot, Want},
};
use std::sync::Arc;

/// What a revision consists of.
pub struct Gathered {
    /// The chart's files, without what `.helmignore` leaves out.
    pub files: Vec<SourceFile>,
    /// The layers of values, lowest first.
    pub layers: target::Layers,
    /// Who made it.
    pub source: SourceStatus,
    /// The archive that the files came from, where they came from one.
    pub archive: Option<Archive>,
    /// When it was made, in seconds since the epoch; 0 where nobody says.
    pub time: i64,
}

/// Which revision is gathered.
#[derive(Clone, Debug)]
pub enum At {
    /// The head as it is now.
    Head,
    /// A revision by its whole name.
    Revision(String),
    /// The head of another branch, or another version of the chart.
    Other(String),
}

/// A chart repository's error as a failure.
pub fn chart_failure(error: &ChartError) -> Failure {
    let class = match error.class() {
        sources::Class::Transient => Class::Transient,
        sources::Class::Denied => Class::Denied,
        sources::Class::Config => Class::Config,
    };
    Failure::new(class, error.reason(), error.to_string())
}

/// Credentials from a Secret of the Environment's namespace; `field` is where the spec names it.
///
/// # Errors
/// The Secret is missing, unreadable, or holds none.
pub async fn access(shared: &Shared, app: &App, field: &str, secret: Option<&LocalRef>, plain_http: bool) -> Result<Access, Failure> {
    let Some(secret) = secret else { return Ok(Access { plain_http, ..Access::default() }) };
    let reference = ObjectRef { gvk: Gvk::new("v1", "Secret"), namespace: Some(app.namespace.clone()), name: secret.name.clone() };
    let doing = format!("reading the credentials of {field} in {reference}");
    let live = shared.inputs.get(&app.id(), &reference).await.map_err(|error| error.failure(&doing))?;
    let live = live.ok_or_else(|| Failure::new(Class::Config, "CredentialsMissing", format!("{doing}: there is no such Secret; create it")))?;
    let access = Access::from_secret(&target::secret_data(&live));
    let access = access.map_err(|why| chart_failure(&ChartError::Credentials { field: field.to_owned(), why }))?;
    Ok(Access { plain_http, ..access })
}

async fn repository(shared: &Shared, app: &App, chart: &ChartSourceSpec) -> Result<Repository, Failure> {
    let access = access(shared, app, "source.chart.secretRef", chart.secret_ref.as_ref(), chart.plain_http).await?;
    Ok(Repository { address: chart.repository.clone(), access })
}

/// The revision that the source has now.
///
/// # Errors
/// The source cannot be read; or a version is there again with other content than the one that is released.
pub async fn head(shared: &Shared, app: &App, record: Option<&Record>) -> Result<String, Failure> {
    let Some(chart) = app.chart() else { return commit(shared, app).await };
    let repository = repository(shared, app, chart).await?;
    let wanted = Wanted { range: chart.version.clone(), prereleases: chart.prereleases };
    let found = shared.charts.find(&repository, &chart.name, &wanted).await.map_err(|error| chart_failure(&error))?;
    let values = match app.git() {
        Some(_) => Some(commit(shared, app).await?),
        None => None,
    };
    let digest = found.digest.unwrap_or_default();
    let revision = Revision { label: format!("{}-{}", chart.name, found.version), digest, values };
    known(record, &revision).map_err(|error| chart_failure(&error))?;
    Ok(revision.to_string())
}

/// A version that was released under one digest is refused under another.
fn known(record: Option<&Record>, revision: &Revision) -> Result<(), ChartError> {
    let marks = record.into_iter().flat_map(|record| &record.entries).filter_map(|entry| Some((entry.number, entry.mark.as_ref()?)));
    for (number, mark) in marks {
        let released = Revision::parse(&mark.revision).filter(|released| released.label == revision.label && released.digest != revision.digest);
        if let Some(released) = released {
            return Err(ChartError::Digest {
                what: format!("the archive of {} in the repository", revision.label),
                promised: format!("release {number}, which was made of it,"),
                expected: released.digest,
                found: revision.digest.clone(),
            });
        }
    }
    Ok(())
}

/// The commit that the branch points to.
async fn commit(shared: &Shared, app: &App) -> Result<String, Failure> {
    let spec = target::git_spec(app)?;
    let creds = planning::credentials(shared, app).await?;
    let git = shared.git.clone();
    let begun = std::time::Instant::now();
    let head = shared.blocking.read(&spec.url.clone(), move || git.head(&spec, &creds)).await;
    let failure = head.as_ref().ok().and_then(|head| head.as_ref().err()).map(|error| error.reason());
    shared.metrics.git(GitOperation::Head, failure, begun.elapsed());
    match head {
        Ok(Ok(commit)) => Ok(commit.to_string()),
        Ok(Err(error)) => Err(source_failure(&error)),
        Err(panic) => Err(Failure::new(Class::Bug, "Panic", format!("reading the branch: {panic}"))),
    }
}

/// Reads the git repository: at a commit, at a branch's head, or at another path of it.
pub(super) async fn snapshot(shared: &Shared, app: &App, at: &At, path: Option<&str>) -> Result<Snapshot, Failure> {
    let mut spec: GitSpec = target::git_spec(app)?;
    if let Some(path) = path {
        path.clone_into(&mut spec.path);
    }
    let mut commit = None;
    match at {
        At::Head => {}
        At::Revision(revision) => commit = Some(revision.parse::<CommitId>().map_err(|error| source_failure(&error))?),
        At::Other(revision) => match revision.parse::<CommitId>() {
            Ok(id) if revision.len() == 40 => {
                commit = Some(id);
                // Only the branch's history is looked through for it.
                spec.depth = 0;
            }
            _ => spec.branch.clone_from(revision),
        },
    }
    let creds = planning::credentials(shared, app).await?;
    let git = shared.git.clone();
    match shared.blocking.read(&spec.url.clone(), move || git.snapshot(&spec, &creds, &Want { commit, previous: None })).await {
        Ok(Ok(snapshot)) => Ok(snapshot),
        Ok(Err(error)) => Err(source_failure(&error)),
        Err(panic) => Err(Failure::new(Class::Bug, "Panic", format!("reading the branch: {panic}"))),
    }
}

/// Gathers a revision.
///
/// # Errors
/// What of it cannot be had, by name.
pub async fn gather(shared: &Shared, app: &App, at: &At) -> Result<Gathered, Failure> {
    match app.chart() {
        Some(chart) => from_repository(shared, app, chart, at).await,
        None => from_git(shared, app, at).await,
    }
}

async fn from_git(shared: &Shared, app: &App, at: &At) -> Result<Gathered, Failure> {
    let snapshot = snapshot(shared, app, at, None).await?;
    let source = SourceStatus {
        commit: snapshot.commit.id.to_string(),
        author: snapshot.commit.author.clone(),
        subject: snapshot.commit.subject.clone(),
        time: target::time(&snapshot),
    };
    let layers = target::values_layers(shared, app, &snapshot).await?;
    let files = snapshot.files.iter().map(|file| SourceFile { path: file.path.clone(), bytes: Arc::from(&file.bytes[..]) }).collect();
    let files = as_chart(app, files)?;
    let files = subcharts::complete(shared, app, files, Some(&source.commit)).await?;
    Ok(Gathered { files, layers, source, archive: None, time: snapshot.commit.time })
}

/// The files of a folder as a chart: its own, or plain manifests.
///
/// # Errors
/// It is neither.
pub fn as_chart(app: &App, files: Vec<SourceFile>) -> Result<Vec<SourceFile>, Failure> {
    if files.iter().any(|file| file.path == "Chart.yaml") {
        return target::ignored(files);
    }
    let place = format!("\"{}\" on branch {}", app.path(), app.branch());
    plain::as_chart(files, &app.release).map_err(|why| Failure::new(Class::Config, "ChartMissing", format!("{place}: {why}")))
}

async fn from_repository(shared: &Shared, app: &App, chart: &ChartSourceSpec, at: &At) -> Result<Gathered, Failure> {
    let repository = repository(shared, app, chart).await?;
    let failed = |error: ChartError| chart_failure(&error);
    let find = async |range: &str| {
        let wanted = Wanted { range: range.to_owned(), prereleases: chart.prereleases };
        shared.charts.find(&repository, &chart.name, &wanted).await.map_err(failed)
    };
    let (found, values): (Found, At) = match at {
        At::Head => (find(&chart.version).await?, At::Head),
        At::Other(version) => (find(version).await?, At::Head),
        At::Revision(text) => {
            let parsed = Revision::parse(text).and_then(|revision| Some((revision.version(&chart.name)?.to_owned(), revision)));
            let bad = || Failure::new(Class::Config, "RevisionInvalid", format!("{text:?} is no revision of chart {}: write name-version@sha256:digest", chart.name));
            let (version, revision) = parsed.ok_or_else(bad)?;
            let place = match shared.charts.cache().get(&revision.digest) {
                Some(_) => String::new(),
                None => find(&version).await?.place,
            };
            (Found { version, digest: Some(revision.digest), place }, revision.values.map_or(At::Head, At::Revision))
        }
    };
    let archive = shared.charts.archive(&repository, &chart.name, &found).await.map_err(failed)?;
    let invalid = |why: String| failed(ChartError::Invalid { doing: format!("reading the archive of {} {}", chart.name, found.version), why });
    let files = read_archive(&archive.bytes).map_err(|error| invalid(error.message))?;
    let (layers, commit) = match app.git() {
        Some(_) => {
            let snapshot = snapshot(shared, app, &values, None).await?;
            (target::values_layers(shared, app, &snapshot).await?, Some(snapshot.commit.id.to_string()))
        }
        None => (target::layers_of(shared, app, &files).await?, None),
    };
    let revision = Revision { label: format!("{}-{}", chart.name, found.version), digest: archive.digest.clone(), values: commit };
    let source = SourceStatus { commit: revision.to_string(), subject: format!("{} {}", chart.name, found.version), ..SourceStatus::default() };
    Ok(Gathered { files, layers, source, archive: Some(archive), time: 0 })
}
