//! `internal/resolver` and `findChartURL`: which version of a dependency is meant, and where its archive is.

use super::manager::{Manager, local_path};
use crate::chart::log::quote;
use crate::chart::repository::{self, Index, OciReference, is_oci};
use crate::chart::{Dependency, semver};
use crate::cli::chart_source;
use crate::cli::remote::{Place, tags};
use crate::sources::Access;
use crate::template::semver::{Constraints, Version};
use std::collections::BTreeMap;

/// Indexes that were read in this run, by address.
#[derive(Default)]
pub struct Indexes(BTreeMap<String, Index>);

impl Indexes {
    /// Keeps an index.
    pub fn put(&mut self, address: &str, index: Index) {
        self.0.insert(address.to_owned(), index);
    }

    fn get(&self, address: &str) -> Option<&Index> {
        self.0.iter().find(|(other, _)| repository::same_url(other, address)).map(|(_, index)| index)
    }
}

/// Where an archive is.
pub struct Located {
    /// As helm names it in messages.
    pub shown: String,
    /// Where it is fetched.
    pub place: Place,
}

/// The range of a dependency, if it is one.
pub fn constraint(dependency: &Dependency) -> Result<Constraints, String> {
    let parsed = Constraints::parse(dependency.version.as_bytes());
    parsed.map_err(|error| format!("dependency {} has an invalid version/constraint format: {error}", dependency.name))
}

/// `Resolver.Resolve`: the dependencies with exact versions.
pub(super) async fn resolve(
    manager: &mut Manager,
    wanted: &[Dependency],
    names: &BTreeMap<String, String>,
    indexes: &mut Indexes,
) -> Result<Vec<Dependency>, String> {
    let mut locked = Vec::new();
    let mut missing = Vec::new();
    for dependency in wanted {
        let range = Constraints::parse(dependency.version.as_bytes())
            .map_err(|error| format!("dependency {} has an invalid version/constraint format: {error}", quote(&dependency.name)))?;
        match version(manager, dependency, &range, names, indexes).await? {
            Some(version) => locked.push(Dependency { name: dependency.name.clone(), repository: dependency.repository.clone(), version, ..Default::default() }),
            None => {
                let [name, repository, version] = [&dependency.name, &dependency.repository, &dependency.version].map(|text| quote(text));
                missing.push(format!("{name} (repository {repository}, version {version})"));
            }
        }
    }
    if missing.is_empty() {
        return Ok(locked);
    }
    Err(format!(
        "can't get a valid version for {} subchart(s): {}. Make sure a matching chart version exists in the repo, or change the version constraint in Chart.yaml",
        missing.len(),
        missing.join(", ")
    ))
}

/// One dependency's version; `None` where none fits.
async fn version(
    manager: &mut Manager,
    dependency: &Dependency,
    range: &Constraints,
    names: &BTreeMap<String, String>,
    indexes: &mut Indexes,
) -> Result<Option<String>, String> {
    let address = &dependency.repository;
    let fits = |version: &str| Version::parse(version.as_bytes()).is_ok_and(|version| range.check(&version));
    if address.is_empty() {
        local_path(&format!("charts/{}", dependency.name), &manager.folder)?;
        return Ok(Some(dependency.version.clone()));
    }
    if address.starts_with("file://") {
        let folder = local_path(address, &manager.folder)?;
        let version = chart_source::load(&folder, &mut manager.log)?.metadata.version;
        return Ok(fits(&version).then_some(version));
    }
    if is_oci(address) {
        if semver::is_version(&dependency.version) {
            return Ok(Some(dependency.version.clone()));
        }
        let reference = OciReference::parse(&format!("{address}/{}", dependency.name))?;
        let tags = tags(&manager.session, &reference).await;
        let tags = tags.map_err(|error| format!("could not retrieve list of tags for repository {address}: {error}"))?;
        // helm falls back to the range itself, which no tag can be.
        return Ok(Some(tags.into_iter().find(|tag| fits(tag)).unwrap_or_else(|| dependency.version.clone())));
    }
    let name = names.get(&dependency.name);
    if indexes.get(address).is_none() {
        let name = name.cloned().unwrap_or_else(|| format!("helm-manager-{}", crate::sources::charts::sha256(address.as_bytes())));
        let index = manager.session.cached_index(&name, &mut manager.log);
        let index = index.map_err(|error| format!("no cached repository for {name} found. (try 'helm repo update'): {error}"))?;
        indexes.put(address, index);
    }
    let index = indexes.get(address).ok_or("the index was just put there")?;
    let entries = index.entries.get(&dependency.name).ok_or_else(|| format!("{} chart not found in repo {address}", dependency.name))?;
    let entry = entries.iter().find(|entry| !entry.urls.is_empty() && fits(&entry.metadata.version));
    Ok(entry.map(|entry| entry.metadata.version.clone()))
}

/// `findChartURL`: where the archive of a locked dependency is.
pub(super) async fn place(manager: &mut Manager, dependency: &Dependency, indexes: &mut Indexes) -> Result<Located, String> {
    let Dependency { name, version, repository: address, .. } = dependency;
    if is_oci(address) {
        let shown = format!("{address}/{name}:{version}");
        let reference = OciReference::parse(&shown).map_err(|error| format!("could not download {address}/{name}: {error}"))?;
        return Ok(Located { shown: format!("{address}/{name}"), place: Place::Oci(reference) });
    }
    let known = manager.session.known.iter().find(|known| repository::same_url(&known.url, address)).cloned();
    let could_not = |error: String| format!("could not find : {error}");
    if let Some(known) = known {
        if indexes.get(address).is_none() {
            let index = manager.session.cached_index(&known.name, &mut manager.log)?;
            indexes.put(address, index);
        }
        let index = indexes.get(address).ok_or("the index was just put there")?;
        let entries = index.entries.get(name).ok_or_else(|| could_not("entry not found".into()))?;
        let fits = |version: &str, other: &str| version.is_empty() || repository::versions_equal(version, other);
        let entry = entries.iter().find(|entry| !entry.urls.is_empty() && fits(version, &entry.metadata.version));
        let entry = entry.ok_or_else(|| could_not("no matching version".into()))?;
        let url = repository::resolve(address, &entry.urls[0]).map_err(could_not)?;
        let access = match known.access.pass_everywhere || repository::same_host(&known.url, &url) {
            true => known.access,
            false => Access { username: None, password: None, ..known.access },
        };
        return Ok(Located { shown: url.clone(), place: Place::Http { url, access, digest: entry.sha256().map(str::to_owned) } });
    }
    let access = manager.session.access.clone();
    let found = manager.session.find(address, name, version, &access, &mut manager.log).await;
    let (url, digest) = found.map_err(|error| could_not(format!("chart {name} not found in {address}: {error}")))?;
    let access = match repository::same_host(address, &url) {
        true => access,
        false => Access { username: None, password: None, ..access },
    };
    Ok(Located { shown: url.clone(), place: Place::Http { url, access, digest } })
}
