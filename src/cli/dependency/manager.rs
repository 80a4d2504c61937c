//! `Manager`: dependencies fetched into `charts/`, in the order and the words of helm.

use super::super::connection::block_on_value;
use super::super::goerror::path_error;
use super::super::remote::{Printer, ServerFlags, Session};
use super::super::{chart_source, create::make_folder, package, print_notices};
use super::resolve::{self, Indexes};
use crate::chart::log::quote;
use crate::chart::repository::{self, is_oci};
use crate::chart::{Chart, Dependency, Lock, Log, gopath, semver};
use crate::yaml;
use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

/// How it is done.
#[derive(Clone, Copy, Debug)]
pub struct Options {
    /// Indexes are not read anew.
    pub skip_refresh: bool,
    /// One time for all files of archives that are made.
    pub epoch: Option<i64>,
    /// Say more.
    pub debug: bool,
    /// Say nothing.
    pub quiet: bool,
}

/// One run.
pub(super) struct Manager {
    pub(super) folder: PathBuf,
    pub(super) session: Session,
    pub(super) options: Options,
    pub(super) log: Log,
}

/// Runs `Build` or `Update`.
pub(super) fn run(folder: &Path, server: &ServerFlags, options: Options, build: bool) -> Result<(), String> {
    // A quiet run's registry lines are helm's own too: its client prints where the command does.
    let session = Session::new(server, false, Printer::Out)?;
    let mut manager = Manager { folder: folder.to_owned(), session, options, log: Log::default() };
    let done = block_on_value(async {
        match build {
            true => manager.build().await,
            false => manager.update().await,
        }
    });
    print_notices(&manager.log);
    done
}

impl Manager {
    pub(super) fn say(&self, text: &str) {
        if !self.options.quiet {
            println!("{text}");
        }
    }

    /// `loadChartDir`
    fn load(&mut self) -> Result<Chart, String> {
        match fs::metadata(&self.folder) {
            Err(error) => return Err(format!("could not find {}: {}", self.folder.display(), path_error("stat", &self.folder, &error))),
            Ok(info) if !info.is_dir() => return Err("only unpacked charts can be updated".to_owned()),
            Ok(_) => {}
        }
        chart_source::load(&self.folder, &mut self.log)
    }

    /// `Build`: from the lock, where there is one.
    async fn build(&mut self) -> Result<(), String> {
        let chart = self.load()?;
        let Some(lock) = chart.lock.clone() else { return self.update().await };
        let mut wanted = chart.metadata.dependencies.clone();
        let v1 = chart.metadata.api_version == "v1";
        let v2_sum = repository::hash_v2(wanted.as_deref());
        self.names(wanted.as_deref_mut().unwrap_or_default())?;
        let mut locked = lock.dependencies.clone();
        let listed = (!lock.dependencies.is_empty()).then_some(&locked[..]);
        if repository::hash(wanted.as_deref(), listed) != lock.digest {
            if !v1 {
                return Err("the lock file (Chart.lock) is out of sync with the dependencies file (Chart.yaml). Please update the dependencies with 'helm dependency update'".to_owned());
            }
            self.log.print("warning: a valid Helm v3 hash was not found. Checking against Helm v2 hash...");
            if v2_sum != lock.digest {
                return Err("the lock file (requirements.lock) is out of sync with the dependencies file (requirements.yaml). Please update the dependencies".to_owned());
            }
        }
        let mut indexes = Indexes::default();
        self.refresh(&mut indexes).await?;
        self.download(&mut locked, &mut indexes).await
    }

    /// `Update`: versions are found anew.
    async fn update(&mut self) -> Result<(), String> {
        let chart = self.load()?;
        let Some(mut wanted) = chart.metadata.dependencies.clone() else { return Ok(()) };
        let names = self.names(&mut wanted)?;
        let mut indexes = Indexes::default();
        self.read_strangers(&names, &wanted, &mut indexes).await;
        self.refresh(&mut indexes).await?;
        let mut locked = resolve::resolve(self, &wanted, &names, &mut indexes).await?;
        self.download(&mut locked, &mut indexes).await?;
        let digest = repository::hash(Some(&wanted), Some(&locked));
        if chart.lock.as_ref().is_some_and(|old| old.digest == digest) {
            return Ok(());
        }
        let generated = jiff::Zoned::now().strftime("%Y-%m-%dT%H:%M:%S%.f%:z").to_string().replace("+00:00", "Z");
        self.write_lock(&Lock { generated, digest, dependencies: locked }, chart.metadata.api_version == "v1")
    }

    /// `writeLock`
    fn write_lock(&self, lock: &Lock, legacy: bool) -> Result<(), String> {
        let name = if legacy { "requirements.lock" } else { "Chart.lock" };
        let path = self.folder.join(name);
        if let Ok(target) = fs::read_link(&path) {
            return Err(format!("the {name} file is a symlink to {}", quote(&target.to_string_lossy())));
        }
        fs::write(&path, yaml::to_yaml(&lock.to_value())).map_err(|error| path_error("open", &path, &error))
    }

    /// `resolveRepoNames`: by dependency the repository's name; aliases in `wanted` become addresses.
    fn names(&self, wanted: &mut [Dependency]) -> Result<BTreeMap<String, String>, String> {
        let mut names = BTreeMap::new();
        let mut missing = Vec::new();
        for dependency in wanted {
            let address = dependency.repository.clone();
            if address.is_empty() {
                continue;
            }
            if address.starts_with("file://") {
                local_path(&address, &self.folder)?;
                if self.options.debug {
                    self.say(&format!("Repository from local path: {address}"));
                }
                names.insert(dependency.name.clone(), address);
            } else if is_oci(&address) {
                names.insert(dependency.name.clone(), address);
            } else {
                let alias = address.strip_prefix('@').or_else(|| address.strip_prefix("alias:"));
                let known = self.session.known.iter().find(|known| alias == Some(&known.name) || repository::same_url(&known.url, &address));
                match known {
                    Some(known) => {
                        if alias == Some(&known.name) {
                            dependency.repository.clone_from(&known.url);
                        }
                        names.insert(dependency.name.clone(), known.name.clone());
                    }
                    // `url.ParseRequestURI`: an absolute URL or path will do.
                    None if address.contains("://") || address.starts_with('/') => {}
                    None => missing.push(address),
                }
            }
        }
        if missing.is_empty() {
            return Ok(names);
        }
        let mut text = format!("no repository definition for {}. Please add them via 'helm repo add'", missing.join(", "));
        if missing.iter().any(|repo| !repo.contains("//") && !repo.starts_with('@') && !repo.starts_with("alias:")) {
            text.push_str(
                "\nNote that repositories must be URLs or aliases. For example, to refer to the \"example\"\nrepository, use \"https://charts.example.com/\" or \"@example\" instead of\n\"example\". Don't forget to add the repo, too ('helm repo add').",
            );
        }
        Err(text)
    }

    /// `ensureMissingRepos`: indexes of repositories that helm does not know.
    async fn read_strangers(&mut self, names: &BTreeMap<String, String>, wanted: &[Dependency], indexes: &mut Indexes) {
        // helm keeps one repository for each dependency's name: the first that stands there.
        let mut named: BTreeSet<&String> = names.keys().collect();
        let strangers = wanted.iter().filter(|dependency| !dependency.repository.is_empty() && named.insert(&dependency.name));
        let addresses: Vec<String> = strangers.map(|dependency| dependency.repository.clone()).collect();
        if self.options.skip_refresh || addresses.is_empty() {
            return;
        }
        self.say("Getting updates for unmanaged Helm repositories...");
        // Two addresses that differ by a slash at the end are one.
        let unique: BTreeMap<String, String> = addresses.into_iter().map(|address| (address.trim_end_matches('/').to_owned(), address)).collect();
        for address in unique.into_values() {
            match self.session.index(&address, &self.session.access, &mut self.log).await {
                Ok(index) => {
                    indexes.put(&address, index);
                    self.say(&format!("...Successfully got an update from the {} chart repository", quote(&address)));
                }
                Err(error) => self.say(&format!("...Unable to get an update from the {} chart repository:\n\t{error}", quote(&address))),
            }
        }
    }

    /// `UpdateRepositories`: indexes of those that helm knows.
    async fn refresh(&mut self, indexes: &mut Indexes) -> Result<(), String> {
        let known = self.session.known.clone();
        if self.options.skip_refresh || known.is_empty() {
            return Ok(());
        }
        self.say("Hang tight while we grab the latest from your chart repositories...");
        for known in known {
            match self.session.index(&known.url, &known.access, &mut self.log).await {
                Ok(index) => {
                    indexes.put(&known.url, index);
                    self.say(&format!("...Successfully got an update from the {} chart repository", quote(&known.name)));
                }
                Err(error) => {
                    self.say(&format!("...Unable to get an update from the {} chart repository ({}):\n\t{error}", quote(&known.name), known.url));
                }
            }
        }
        self.say("Update Complete. ⎈Happy Helming!⎈");
        Ok(())
    }

    /// `downloadAll`: into a folder of its own first, then into `charts/`.
    async fn download(&mut self, locked: &mut [Dependency], indexes: &mut Indexes) -> Result<(), String> {
        let charts = self.folder.join("charts");
        match fs::metadata(&charts) {
            Ok(info) if !info.is_dir() => return Err(format!("{} is not a directory", quote(&charts.to_string_lossy()))),
            Ok(_) => {}
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => make_folder(&charts)?,
            Err(error) => return Err(format!("unable to retrieve file info for '{}': {}", charts.display(), path_error("stat", &charts, &error))),
        }
        let passing = Passing(self.folder.join(format!("tmpcharts-{}", std::process::id())));
        make_folder(&passing.0)?;
        self.say(&format!("Saving {} charts", locked.len()));
        let mut seen = BTreeSet::new();
        for dependency in locked.iter_mut() {
            if dependency.repository.is_empty() {
                self.say(&format!("Dependency {} did not declare a repository. Assuming it exists in the charts directory", dependency.name));
                self.check_in_place(&charts, dependency)?;
                continue;
            }
            let fetched = match dependency.repository.starts_with("file://") {
                true => self.pack(dependency, &passing.0),
                false => self.fetch(dependency, indexes, &passing.0, &mut seen).await,
            };
            if let Err(error) = fetched {
                self.say(&format!("Save error occurred:  {error}"));
                return Err(error);
            }
        }
        self.move_all(locked, &passing.0, &charts)
    }

    /// A dependency without a repository has to be in `charts/` and of a version that fits.
    fn check_in_place(&mut self, charts: &Path, dependency: &Dependency) -> Result<(), String> {
        let path = charts.join(&dependency.name);
        let chart = chart_source::load(&path, &mut self.log).map_err(|error| format!("unable to load chart '{}': {error}", path.display()))?;
        resolve::constraint(dependency)?;
        let version = &chart.metadata.version;
        match semver::is_compatible(&dependency.version, version) {
            true => Ok(()),
            false => {
                let error = format!("dependency {} at version {version} does not satisfy the constraint {}", dependency.name, dependency.version);
                self.say(&format!("Save error occurred:  {error}"));
                Err(error)
            }
        }
    }

    /// `tarFromLocalDir`
    fn pack(&mut self, dependency: &mut Dependency, into: &Path) -> Result<(), String> {
        if self.options.debug {
            self.say(&format!("Archiving {} from repo {}", dependency.name, dependency.repository));
        }
        let folder = local_path(&dependency.repository, &self.folder)?;
        let mut chart = chart_source::load(&folder, &mut self.log)?;
        resolve::constraint(dependency)?;
        if !semver::is_compatible(&dependency.version, &chart.metadata.version) {
            return Err(format!("can't get a valid version for dependency {}", dependency.name));
        }
        package::save(&mut chart, &folder, into, self.options.epoch)?;
        dependency.version.clone_from(&chart.metadata.version);
        Ok(())
    }

    async fn fetch(&mut self, dependency: &Dependency, indexes: &mut Indexes, into: &Path, seen: &mut BTreeSet<String>) -> Result<(), String> {
        let found = resolve::place(self, dependency, indexes).await?;
        if !seen.insert(found.shown.clone()) {
            self.say(&format!("Already downloaded {} from repo {}", dependency.name, dependency.repository));
            return Ok(());
        }
        self.say(&format!("Downloading {} from repo {}", dependency.name, dependency.repository));
        let bytes = self.session.fetch(&found.place).await.map_err(|error| format!("could not download {}: {error}", found.shown))?;
        let file = into.join(found.place.file_name());
        fs::write(&file, bytes).map_err(|error| path_error("open", &file, &error))
    }

    /// `safeMoveDeps`: what was fetched replaces what was there; archives that nobody wants any more go.
    fn move_all(&mut self, locked: &[Dependency], from: &Path, charts: &Path) -> Result<(), String> {
        let list = |folder: &Path| -> Result<Vec<PathBuf>, String> {
            let entries = fs::read_dir(folder).map_err(|error| path_error("open", folder, &error))?;
            let mut files: Vec<PathBuf> = entries.flatten().map(|entry| entry.path()).filter(|path| !path.is_dir()).collect();
            files.sort();
            Ok(files)
        };
        let old = list(charts)?;
        let mut kept = BTreeSet::new();
        for source in list(from)? {
            let name = source.file_name().unwrap_or_default().to_owned();
            kept.insert(name.clone());
            match chart_source::load(&source, &mut self.log) {
                Err(error) => print!("Could not verify {} for moving: {error} (Skipping)", source.display()),
                Ok(_) => fs::rename(&source, charts.join(&name)).map_err(|error| path_error("rename", &source, &error))?,
            }
        }
        self.say("Deleting outdated charts");
        for path in old.iter().filter(|path| !kept.contains(path.file_name().unwrap_or_default())) {
            match chart_source::load(path, &mut self.log) {
                Err(error) => self.say(&format!("Could not verify {} for deletion: {error} (Skipping)", path.display())),
                Ok(chart) if locked.iter().any(|local| local.repository.is_empty() && local.name == chart.name()) => {}
                Ok(_) => fs::remove_file(path).map_err(|error| path_error("remove", path, &error))?,
            }
        }
        Ok(())
    }
}

/// A folder that goes when the work is done, whichever way.
struct Passing(PathBuf);

impl Drop for Passing {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

/// `GetLocalPath`
pub(super) fn local_path(address: &str, chart: &Path) -> Result<PathBuf, String> {
    let path = address.strip_prefix("file://").unwrap_or(address);
    let path = match path.starts_with('/') {
        true => PathBuf::from(gopath::clean(path)),
        false => PathBuf::from(gopath::join(&[&chart.to_string_lossy(), path])),
    };
    match fs::metadata(&path) {
        Ok(_) => Ok(path),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Err(format!("directory {} not found", path.display())),
        Err(error) => Err(path_error("stat", &path, &error)),
    }
}
