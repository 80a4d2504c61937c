//! `ChartDownloader` and `FindChartInRepoURL`: from what the user wrote to an archive, with helm's texts.

use super::registry::{self, Printer};
use super::settings::{ChartFlags, ServerFlags};
use crate::chart::log::quote;
use crate::chart::repository::{self, Index, OciReference, is_oci};
use crate::chart::Log;
use crate::cli::goerror::{errno_text, path_error};
use crate::sources::access::docker_auths;
use crate::sources::http::{self, Answer, MAX_ARCHIVE_BYTES, MAX_INDEX_BYTES};
use crate::sources::{Access, Hidden};
use crate::value::Value;
use crate::yaml;
use std::collections::BTreeMap;
use std::path::Path;

/// A repository as helm's repositories.yaml has it.
#[derive(Clone, Debug)]
pub struct Known {
    /// Its name.
    pub name: String,
    /// Its address.
    pub url: String,
    /// What opens it.
    pub access: Access,
}

/// Where an archive is.
#[derive(Clone, Debug)]
pub enum Place {
    /// Behind a URL.
    Http {
        /// The URL.
        url: String,
        /// What is shown to its server.
        access: Access,
        /// The digest that an index promised.
        digest: Option<String>,
    },
    /// In a registry.
    Oci(OciReference),
}

/// One command's view of the world: flags, helm's settings.
pub struct Session {
    /// From the flags.
    pub access: Access,
    /// helm's repositories.
    pub known: Vec<Known>,
    flags: ServerFlags,
    /// Where a registry's client writes.
    pub printer: Printer,
}

fn read(path: &str) -> Result<String, String> {
    std::fs::read_to_string(path).map_err(|error| path_error("open", Path::new(path), &error))
}

/// Trust and identity from files (`tlsutil.NewTLSConfig`).
fn tls(access: &mut Access, certificate: &str, key: &str, ca: &str) -> Result<(), String> {
    let failed = |text: String| format!("can't create TLS config for client: {text}");
    if !certificate.is_empty() && !key.is_empty() {
        let certificate = read(certificate).map_err(|error| failed(format!("unable to read cert file: {}: {error}", quote(certificate))))?;
        let key = read(key).map_err(|error| failed(format!("unable to read key file: {}: {error}", quote(key))))?;
        access.identity = Some(Hidden::new(format!("{certificate}\n{key}")));
    }
    if !ca.is_empty() {
        access.ca = Some(read(ca).map_err(|error| failed(format!("can't read CA file: {}: {error}", quote(ca))))?);
    }
    Ok(())
}

/// helm shows credentials only where it has both parts.
fn basic(access: &mut Access, username: &str, password: &str) {
    if !username.is_empty() && !password.is_empty() {
        access.username = Some(username.to_owned());
        access.password = Some(Hidden::new(password.to_owned()));
    }
}

impl Session {
    /// Reads helm's settings.
    ///
    /// # Errors
    /// A file that cannot be read, with helm's text.
    pub fn new(flags: &ServerFlags, pass_credentials: bool, printer: Printer) -> Result<Session, String> {
        let mut access = Access { insecure: flags.insecure_skip_tls_verify, plain_http: flags.plain_http, pass_everywhere: pass_credentials, ..Access::default() };
        let text = |flag: &Option<String>| flag.clone().unwrap_or_default();
        basic(&mut access, &text(&flags.username), &text(&flags.password));
        tls(&mut access, &text(&flags.cert_file), &text(&flags.key_file), &text(&flags.ca_file)).map_err(|error| format!("missing registry client: {error}"))?;
        let docker = super::settings::helm_path("DOCKER_CONFIG", "DOCKER_CONFIG", ".docker", "config.json");
        let docker = match std::env::var_os("DOCKER_CONFIG") {
            Some(_) => docker,
            None => std::path::PathBuf::from(std::env::var_os("HOME").unwrap_or_default()).join(".docker/config.json"),
        };
        // Helm's own logins come before docker's.
        for path in [docker, flags.registry_config()] {
            if let Ok(text) = std::fs::read_to_string(&path) {
                access.docker.extend(docker_auths(&text).map_err(|why| format!("missing registry client: {}: {why}", path.display()))?);
            }
        }
        Ok(Session { access, known: repositories(&flags.repository_config())?, flags: flags.clone(), printer })
    }

    /// The cached index of one of helm's repositories.
    pub fn cached_index(&self, name: &str, log: &mut Log) -> Result<Index, String> {
        let path = self.flags.repository_cache().join(format!("{name}-index.yaml"));
        let bytes = std::fs::read(&path).map_err(|error| path_error("open", &path, &error))?;
        let shown = path.display().to_string();
        Index::parse(&bytes, &shown, log).map_err(|error| format!("error loading {shown}: {error}"))
    }

    /// One request of helm's getter.
    pub async fn get(&self, url: &str, access: &Access, limit: usize) -> Result<Vec<u8>, String> {
        let scheme = url.split_once(':').map_or("", |(scheme, _)| scheme);
        if scheme != "http" && scheme != "https" {
            return Err(format!("scheme {} not supported", quote(scheme)));
        }
        let client = http::client(access).map_err(|error| format!("can't create TLS config for client: {error}"))?;
        match http::get(&client, url, access, None, limit).await {
            Ok(Answer::Body { bytes, .. }) => Ok(bytes),
            Ok(Answer::Unchanged) => Err(format!("failed to fetch {url} : 304 Not Modified")),
            Err(fault) => Err(access.scrub(&fault.helm(url))),
        }
    }

    /// `DownloadIndexFile`
    pub async fn index(&self, url: &str, access: &Access, log: &mut Log) -> Result<Index, String> {
        let scheme = url.split_once("://").map_or("", |(scheme, _)| scheme);
        if scheme != "http" && scheme != "https" {
            return Err(format!("could not find protocol handler for: {scheme}"));
        }
        let address = repository::resolve(url, "index.yaml")?;
        let bytes = self.get(&address, access, MAX_INDEX_BYTES).await?;
        Index::parse(&bytes, url, log)
    }

    /// `FindChartInRepoURL`: the archive's address and the digest that the index has for it.
    pub async fn find(&self, url: &str, name: &str, version: &str, access: &Access, log: &mut Log) -> Result<(String, Option<String>), String> {
        let index = match self.index(url, access, log).await {
            Ok(index) => index,
            Err(error) if error.starts_with("could not find protocol handler") => return Err(error),
            Err(error) => return Err(format!("looks like {} is not a valid chart repository or cannot be reached: {error}", quote(url))),
        };
        let what = match version {
            "" => format!("chart {}", quote(name)),
            version => format!("chart {} version {}", quote(name), quote(version)),
        };
        let entry = index.get(name, version, log).map_err(|_| format!("{what} not found in {url} repository"))?;
        let first = entry.urls.first().ok_or_else(|| format!("{what} has no downloadable URLs"))?;
        let address = repository::resolve(url, first).map_err(|error| format!("failed to make chart URL absolute: {error}"))?;
        Ok((address, entry.sha256().map(str::to_owned)))
    }

    /// `ResolveChartVersion`: where a reference leads.
    pub async fn resolve(&self, reference: &str, version: &str, log: &mut Log) -> Result<Place, String> {
        if is_oci(reference) {
            return registry::resolve(self, reference, version).await.map(Place::Oci);
        }
        if reference.contains("://") {
            return Ok(Place::Http { url: reference.to_owned(), access: self.for_url(reference, log)?, digest: None });
        }
        let Some((name, chart)) = reference.split_once('/') else {
            return Err(format!("non-absolute URLs should be in form of repo_name/path_to_chart, got: {reference}"));
        };
        let known = self.known.iter().find(|known| known.name == name).ok_or_else(|| format!("repo {name} not found"))?;
        if known.url.is_empty() {
            return Err(format!("no URL found for repository {name}"));
        }
        let index = self.cached_index(name, log).map_err(|error| format!("no cached repo found. (try 'helm repo update'): {error}"))?;
        let entry = index.get(chart, version, log).map_err(|error| {
            format!("chart {} matching {version} not found in {name} index. (try 'helm repo update'): {error}", quote(chart))
        })?;
        let first = entry.urls.first().ok_or_else(|| format!("chart {} has no downloadable URLs", quote(reference)))?;
        let url = repository::resolve(&known.url, first).map_err(|_| format!("invalid chart URL format: {reference}"))?;
        Ok(Place::Http { access: self.shown_to(&known.access, &known.url, &url), url, digest: entry.sha256().map(str::to_owned) })
    }

    /// What is shown for a URL that stands alone: that of the repository whose index has it, else the flags' (`scanReposForURL`).
    fn for_url(&self, url: &str, log: &mut Log) -> Result<Access, String> {
        for known in &self.known {
            let index = self.cached_index(&known.name, log).map_err(|error| format!("no cached repo found. (try 'helm repo update'): {error}"))?;
            let mut urls = index.entries.values().flatten().flat_map(|entry| &entry.urls);
            if urls.any(|other| repository::same_url(url, other)) {
                return Ok(self.shown_to(&known.access, &known.url, url));
            }
        }
        Ok(self.access.clone())
    }

    /// A repository's credentials, for another address only where that is allowed.
    fn shown_to(&self, access: &Access, repository: &str, url: &str) -> Access {
        match access.pass_everywhere || repository::same_host(repository, url) {
            true => access.clone(),
            false => Access { username: None, password: None, ..access.clone() },
        }
    }

    /// The archive of a place; a digest that an index promised is checked.
    pub async fn fetch(&self, place: &Place) -> Result<Vec<u8>, String> {
        match place {
            Place::Oci(reference) => registry::pull(self, reference).await,
            Place::Http { url, access, digest } => {
                let bytes = self.get(url, access, MAX_ARCHIVE_BYTES).await?;
                let found = crate::sources::charts::sha256(&bytes);
                match digest {
                    Some(digest) if !digest.eq_ignore_ascii_case(&found) => {
                        Err(format!("{url} is sha256:{found}, and the index says sha256:{digest}: the archive was changed after it was published"))
                    }
                    _ => Ok(bytes),
                }
            }
        }
    }

    /// `LocateChart` for what is not on disk: where the archive is.
    pub async fn locate(&self, name: &str, flags: &ChartFlags, log: &mut Log) -> Result<Place, String> {
        let version = flags.version();
        let Some(url) = flags.repo() else { return self.resolve(name, version, log).await };
        let (address, digest) = self.find(url, name, version, &self.access, log).await?;
        let access = self.shown_to(&self.access, url, &address);
        match self.resolve(&address, version, log).await? {
            Place::Http { url, .. } => Ok(Place::Http { url, access, digest }),
            place => Ok(place),
        }
    }
}

impl Place {
    /// The archive's file name.
    pub fn file_name(&self) -> String {
        match self {
            Place::Http { url, .. } => crate::chart::gopath::base(url.split(['?', '#']).next().unwrap_or_default()).to_owned(),
            Place::Oci(OciReference { repository, tag, digest, .. }) => {
                let name = crate::chart::gopath::base(repository);
                match digest.split_once(':') {
                    Some((algorithm, hex)) if tag.is_empty() => format!("{name}@{algorithm}-{hex}.tgz"),
                    _ => format!("{name}-{}.tgz", tag.replace('_', "+")),
                }
            }
        }
    }
}

/// `repo.LoadFile`; no file means no repositories.
fn repositories(path: &Path) -> Result<Vec<Known>, String> {
    let bytes = match std::fs::read(path) {
        Ok(bytes) => bytes,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(error) => return Err(format!("couldn't load repositories file ({}): open {}: {}", path.display(), path.display(), errno_text(&error))),
    };
    let map = yaml::from_yaml_map(&bytes).map_err(|error| error.message)?;
    let list = map.get(&b"repositories"[..]).and_then(Value::as_list).unwrap_or_default();
    list.iter().map(|entry| {
        let text = |key: &str| entry.get(key).and_then(Value::as_str).unwrap_or_default().to_owned();
        let flag = |key: &str| entry.get(key).and_then(Value::as_bool).unwrap_or_default();
        let mut access = Access { insecure: flag("insecure_skip_tls_verify"), pass_everywhere: flag("pass_credentials_all"), docker: BTreeMap::new(), ..Access::default() };
        basic(&mut access, &text("username"), &text("password"));
        tls(&mut access, &text("certFile"), &text("keyFile"), &text("caFile"))?;
        Ok(Known { name: text("name"), url: text("url"), access })
    }).collect()
}
