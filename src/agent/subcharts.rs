//! Dependencies that a chart in git names and does not carry in `charts/`: fetched as `helm dependency build` does, once for
//! each lock, then from the cache without the network.

use super::{Shared, gather::{self, At, access, chart_failure}};
use crate::{
    app::App,
    chart::{self, Dependency, Log, SourceFile, gopath, repository::{self, Wanted}, semver},
    decide::{Class, Failure},
    sources::{ChartError, Repository, charts::sha256},
};
use std::sync::Arc;

/// The most dependencies of one chart that are fetched.
const MAX_DEPENDENCIES: usize = 100;

/// The chart's files with what is missing of its dependencies; `commit` is where `file://` leads.
///
/// # Errors
/// The lock does not fit, or a dependency cannot be had.
pub async fn complete(shared: &Shared, app: &App, files: Vec<SourceFile>, commit: Option<&str>) -> Result<Vec<SourceFile>, Failure> {
    // What is wrong with the chart itself is said where it is rendered.
    let Ok(loaded) = chart::load_files(files.clone(), &mut Log::default()) else { return Ok(files) };
    let wanted = loaded.metadata.dependencies().to_vec();
    let there = |dependency: &Dependency| loaded.dependencies.iter().any(|chart| chart.name() == dependency.name);
    if wanted.iter().all(there) {
        return Ok(files);
    }
    if wanted.len() > MAX_DEPENDENCIES {
        return Err(failure("DependenciesInvalid", format!("Chart.yaml names {} dependencies; {MAX_DEPENDENCIES} are fetched at most", wanted.len())));
    }
    let locked = locked(&loaded)?;
    let mut files = files;
    for (place, dependency) in wanted.iter().enumerate().filter(|(_, dependency)| !there(dependency)) {
        let exact = locked.as_ref().and_then(|locked| locked.get(place)).filter(|locked| locked.name == dependency.name);
        let version = exact.map_or(&dependency.version, |locked| &locked.version);
        let added = match dependency.repository.strip_prefix("file://") {
            Some(path) => local(shared, app, dependency, path, commit).await?,
            None => vec![remote(shared, app, dependency, version, exact.is_some(), &loaded).await?],
        };
        // Two aliases of one chart are one archive.
        files.retain(|file| !added.iter().any(|new| new.path == file.path));
        files.extend(added);
    }
    Ok(files)
}

fn failure(reason: &str, message: String) -> Failure {
    Failure::new(Class::Config, reason, message)
}

/// The lock's dependencies, if there is a lock; it has to fit Chart.yaml.
fn locked(chart: &chart::Chart) -> Result<Option<Vec<Dependency>>, Failure> {
    let Some(lock) = &chart.lock else { return Ok(None) };
    let wanted = chart.metadata.dependencies.as_deref();
    let v1 = chart.metadata.api_version == "v1";
    let fits = repository::hash(wanted, Some(&lock.dependencies)) == lock.digest || v1 && repository::hash_v2(wanted) == lock.digest;
    let (lock_file, file) = if v1 { ("requirements.lock", "requirements.yaml") } else { ("Chart.lock", "Chart.yaml") };
    match fits {
        true => Ok(Some(lock.dependencies.clone())),
        false => Err(failure(
            "ChartLockOutOfSync",
            format!("the lock file ({lock_file}) is out of sync with the dependencies file ({file}): run `windlass dependency update` and commit both"),
        )),
    }
}

/// A dependency in the same repository: its folder's files below `charts/`.
async fn local(shared: &Shared, app: &App, dependency: &Dependency, path: &str, commit: Option<&str>) -> Result<Vec<SourceFile>, Failure> {
    let Dependency { name, repository, version, .. } = dependency;
    let refuse = |why: String| failure("DependencyMissing", format!("dependency {name} from {repository}: {why}"));
    let Some(commit) = commit else { return Err(refuse("a chart from a repository has no folders beside it; package it with its dependencies".into())) };
    if path.starts_with('/') {
        return Err(refuse("it is an absolute path; write one that starts at the chart's folder and stays in the repository".into()));
    }
    let path = gopath::join(&[app.path(), path]);
    if path.starts_with("..") {
        return Err(refuse("it leads out of the repository".into()));
    }
    let snapshot = gather::snapshot(shared, app, &At::Revision(commit.to_owned()), Some(&path)).await?;
    let files = snapshot.files.iter().map(|file| SourceFile { path: file.path.clone(), bytes: Arc::from(&file.bytes[..]) }).collect();
    let files = super::target::ignored(files)?;
    let found = chart::load_files(files.clone(), &mut Log::default()).map_err(|error| refuse(error.message))?;
    if !semver::is_compatible(version, &found.metadata.version) {
        return Err(refuse(format!("version {} there does not fit \"{version}\"", found.metadata.version)));
    }
    Ok(files.into_iter().map(|file| SourceFile { path: format!("charts/{name}/{}", file.path), bytes: file.bytes }).collect())
}

/// A dependency from a chart repository: its archive in `charts/`.
async fn remote(shared: &Shared, app: &App, dependency: &Dependency, version: &str, locked: bool, parent: &chart::Chart) -> Result<SourceFile, Failure> {
    let Dependency { name, repository: address, .. } = dependency;
    if address.is_empty() {
        return Err(failure("DependencyMissing", format!("dependency {name} names no repository, and it is not in charts/: commit it there")));
    }
    if address.starts_with('@') || address.starts_with("alias:") {
        let why = "is an alias, which only one helm client's settings explain; write the repository's URL into Chart.yaml";
        return Err(failure("DependencyMissing", format!("dependency {name}: the repository \"{address}\" {why}")));
    }
    let list = &app.spec.source.dependencies;
    let fits = |prefix: &str| address.trim_end_matches('/') == prefix.trim_end_matches('/') || address.starts_with(&format!("{}/", prefix.trim_end_matches('/')));
    let own = list.iter().filter(|own| fits(&own.repository)).max_by_key(|own| own.repository.len());
    let secret = own.and_then(|own| own.secret_ref.as_ref());
    let access = access(shared, app, "source.dependencies[].secretRef", secret, own.is_some_and(|own| own.plain_http)).await?;
    let repository = Repository { address: address.clone(), access };
    // With a lock the version is the key; without one, the Chart.yaml that asked for it.
    let asked = parent.raw.iter().find(|file| file.path == "Chart.yaml").map(|file| sha256(&file.bytes)).unwrap_or_default();
    let scope = if locked { String::new() } else { asked };
    let who: String = repository.access.fingerprint().iter().map(|byte| format!("{byte:02x}")).collect();
    let key = sha256(format!("{address}\n{name}\n{version}\n{scope}\n{who}").as_bytes());
    let cache = shared.charts.cache();
    let noted = cache.note(&key).and_then(|note| note.split_once(' ').map(|(version, digest)| (version.to_owned(), digest.to_owned())));
    if let Some((version, bytes)) = noted.and_then(|(version, digest)| Some((version, cache.get(&digest)?))) {
        return Ok(SourceFile { path: format!("charts/{name}-{version}.tgz"), bytes });
    }
    let failed = |error: ChartError| {
        let failure = chart_failure(&error);
        Failure { message: format!("dependency {name}: {}", failure.message), ..failure }
    };
    let wanted = Wanted { range: version.to_owned(), prereleases: false };
    let found = shared.charts.find(&repository, name, &wanted).await.map_err(failed)?;
    let archive = shared.charts.archive(&repository, name, &found).await.map_err(failed)?;
    cache.keep_note(&key, &format!("{} {}", found.version, archive.digest)).map_err(failed)?;
    Ok(SourceFile { path: format!("charts/{name}-{}.tgz", found.version), bytes: archive.bytes })
}
