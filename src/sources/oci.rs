//! Charts in OCI registries: tags are versions, the archive is the layer of Helm's media type.

use super::Access;
use super::chart_error::ChartError;
use super::charts::{Charts, Found, Outcome, Repository, Upload, sha256};
use super::http::{self, Fault, MAX_ARCHIVE_BYTES, status_text};
use crate::chart::repository::{self, Blob, OciReference, Wanted};
use oci_client::client::{Certificate, CertificateEncoding, ClientConfig, ClientProtocol};
use oci_client::errors::{OciDistributionError, OciErrorCode};
use oci_client::manifest::OciDescriptor;
use oci_client::secrets::RegistryAuth;
use oci_client::{Client, Reference, RegistryOperation};
use serde::Deserialize;
use std::time::Duration;

/// The config blob of a chart (`ConfigMediaType`).
pub const CONFIG: &str = "application/vnd.cncf.helm.config.v1+json";
/// The archive (`ChartLayerMediaType`).
pub const CHART: &str = "application/vnd.cncf.helm.chart.content.v1.tar+gzip";
/// The archive as old versions of Helm wrote it (`LegacyChartLayerMediaType`).
const LEGACY: &str = "application/tar+gzip";
/// An image's manifest.
const MANIFEST: &str = "application/vnd.oci.image.manifest.v1+json";
/// What may be a manifest.
const MANIFESTS: &[&str] = &[MANIFEST, "application/vnd.docker.distribution.manifest.v2+json"];

/// Tags asked for at once, and the most pages of them.
const TAG_PAGE: usize = 100;
/// See [`TAG_PAGE`].
const MAX_TAG_PAGES: usize = 200;
/// Time to a connection, and without a byte.
const TIMEOUTS: (Duration, Duration) = (Duration::from_secs(10), Duration::from_secs(30));
/// The largest manifest that registries take (the distribution specification says 4 MiB).
const MAX_MANIFEST_BYTES: usize = 4 << 20;

/// What a registry did not give.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum OciFault {
    /// No such repository, tag or blob.
    Missing(String),
    /// Not for these credentials.
    Denied(String),
    /// No connection.
    Transport(Fault),
    /// The server's trouble.
    Server(String),
    /// What came is no chart.
    Invalid(String),
}

/// A manifest, as far as charts need it.
#[derive(Clone, Debug, Deserialize)]
pub struct Manifest {
    /// The config blob.
    pub config: Descriptor,
    /// The layers.
    #[serde(default)]
    pub layers: Vec<Descriptor>,
}

/// A blob in a manifest.
#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Descriptor {
    /// Its media type.
    pub media_type: String,
    /// `sha256:…`
    pub digest: String,
    /// In bytes.
    pub size: u64,
}

/// A chart as it was pulled.
#[derive(Clone, Debug)]
pub struct Pulled {
    /// The reference, with its tag or digest.
    pub reference: OciReference,
    /// The manifest's digest, `sha256:…`.
    pub manifest: String,
    /// The archive.
    pub archive: Vec<u8>,
}

/// A registry's client with credentials: tokens are kept in it.
#[derive(Clone)]
pub struct Registry {
    client: Client,
    auth: RegistryAuth,
}

impl Registry {
    /// A client for a registry's host.
    ///
    /// # Errors
    /// Certificates that cannot be read, or what this client cannot do.
    pub fn new(host: &str, access: &Access) -> Result<Registry, String> {
        http::install_crypto();
        if access.identity.is_some() {
            return Err("client certificates are not supported for OCI registries; use a user and a password".to_owned());
        }
        const END: &str = "-----END CERTIFICATE-----";
        let certificates = access.ca.iter().flat_map(|pem| pem.split_inclusive(END)).filter(|pem| pem.contains(END));
        let config = ClientConfig {
            protocol: if access.plain_http { ClientProtocol::Http } else { ClientProtocol::Https },
            accept_invalid_certificates: access.insecure,
            extra_root_certificates: certificates.map(|pem| Certificate { encoding: CertificateEncoding::Pem, data: pem.trim().as_bytes().to_vec() }).collect(),
            use_monolithic_push: true,
            connect_timeout: Some(TIMEOUTS.0),
            read_timeout: Some(TIMEOUTS.1),
            user_agent: concat!("windlass/", env!("CARGO_PKG_VERSION")),
            ..ClientConfig::default()
        };
        let client = Client::try_from(config).map_err(|error| format!("cannot set TLS up: {}", http::chain(&error)))?;
        let auth = match (&access.bearer, access.basic(host)) {
            (Some(token), _) => RegistryAuth::Bearer(token.expose().to_owned()),
            (None, Some((user, password))) => RegistryAuth::Basic(user, password.expose().to_owned()),
            (None, None) => RegistryAuth::Anonymous,
        };
        Ok(Registry { client, auth })
    }

    async fn enter(&self, reference: &Reference, operation: RegistryOperation) -> Result<(), OciFault> {
        self.client.auth(reference, &self.auth, operation).await.map(|_| ()).map_err(|error| fault(&error))
    }

    /// All tags of a repository.
    ///
    /// # Errors
    /// The registry cannot be reached, refuses, or has no such repository.
    pub async fn tags(&self, reference: &OciReference) -> Result<Vec<String>, OciFault> {
        let reference = Reference::with_tag(reference.registry.clone(), reference.repository.clone(), "latest".into());
        self.enter(&reference, RegistryOperation::Pull).await?;
        let mut tags: Vec<String> = Vec::new();
        for _ in 0..MAX_TAG_PAGES {
            let last = tags.last().cloned();
            let page = self.client.list_tags(&reference, &self.auth, Some(TAG_PAGE), last.as_deref()).await;
            let page = page.map_err(|error| fault(&error))?.tags;
            let full = page.len() >= TAG_PAGE;
            // A registry that knows no pages gives the same ones again.
            if last.is_some_and(|last| page.contains(&last)) {
                break;
            }
            tags.extend(page);
            if !full {
                break;
            }
        }
        Ok(tags)
    }

    /// The manifest under a tag or digest, and its digest.
    ///
    /// # Errors
    /// As [`Registry::tags`]; and it is no chart's manifest.
    pub async fn manifest(&self, reference: &OciReference) -> Result<(Manifest, String), OciFault> {
        let reference = image(reference);
        self.enter(&reference, RegistryOperation::Pull).await?;
        let (bytes, digest) = self.client.pull_manifest_raw(&reference, &self.auth, MANIFESTS).await.map_err(|error| fault(&error))?;
        if bytes.len() > MAX_MANIFEST_BYTES {
            return Err(OciFault::Invalid("the manifest is larger than 4 MiB".into()));
        }
        let manifest = serde_json::from_slice(&bytes).map_err(|error| OciFault::Invalid(format!("the manifest is not one of a chart: {error}")))?;
        Ok((manifest, digest))
    }

    /// A blob's bytes, checked against its digest.
    ///
    /// # Errors
    /// As [`Registry::tags`]; and it is too large or another than was named.
    pub async fn blob(&self, reference: &OciReference, blob: &Descriptor, limit: usize) -> Result<Vec<u8>, OciFault> {
        if blob.size > limit as u64 {
            return Err(OciFault::Invalid(format!("the layer has {} bytes, more than the {limit} that are allowed", blob.size)));
        }
        let mut bytes = Vec::new();
        let descriptor = OciDescriptor { digest: blob.digest.clone(), media_type: blob.media_type.clone(), size: blob.size as i64, ..Default::default() };
        self.client.pull_blob(&image(reference), &descriptor, &mut bytes).await.map_err(|error| fault(&error))?;
        Ok(bytes)
    }

    /// Pulls a chart.
    ///
    /// # Errors
    /// As [`Registry::manifest`] and [`Registry::blob`].
    pub async fn pull(&self, reference: &OciReference) -> Result<Pulled, OciFault> {
        let (manifest, digest) = self.manifest(reference).await?;
        let layer = manifest.chart().map_err(OciFault::Invalid)?;
        let archive = self.blob(reference, layer, MAX_ARCHIVE_BYTES).await?;
        Ok(Pulled { reference: reference.clone(), manifest: digest, archive })
    }

    /// Pushes a chart as `helm push` does; the manifest's digest. `provenance` is the text of a `.prov` file.
    ///
    /// # Errors
    /// The registry cannot be reached or refuses.
    pub async fn push(&self, reference: &OciReference, upload: &Upload, provenance: Option<&[u8]>) -> Result<String, OciFault> {
        const PROVENANCE: &str = "application/vnd.cncf.helm.chart.provenance.v1.prov";
        let target = image(reference);
        self.enter(&target, RegistryOperation::Push).await?;
        let config = repository::metadata_json(&upload.metadata).into_bytes();
        let mut blobs = vec![(CONFIG, config), (CHART, upload.archive.to_vec())];
        blobs.extend(provenance.map(|text| (PROVENANCE, text.to_vec())));
        let mut named = Vec::new();
        for (media_type, bytes) in blobs {
            let digest = format!("sha256:{}", sha256(&bytes));
            let size = bytes.len();
            if !self.client.blob_exists(&target, &digest).await.unwrap_or(false) {
                self.client.push_blob(&target, bytes, &digest).await.map_err(|error| fault(&error))?;
            }
            named.push((media_type, digest, size));
        }
        let blobs: Vec<Blob<'_>> = named.iter().map(|(media_type, digest, size)| Blob { media_type, digest, size: *size }).collect();
        let manifest = repository::manifest(&upload.metadata, &blobs[0], &blobs[1..], &upload.created);
        let digest = format!("sha256:{}", sha256(manifest.as_bytes()));
        let kind = http_header(MANIFEST);
        self.client.push_manifest_raw(&target, manifest.into_bytes(), kind).await.map_err(|error| fault(&error))?;
        Ok(digest)
    }
}

fn http_header(text: &'static str) -> ::http::HeaderValue {
    ::http::HeaderValue::from_static(text)
}

impl Manifest {
    /// The layer that is the archive.
    ///
    /// # Errors
    /// Helm's texts: this is no chart.
    pub fn chart(&self) -> Result<&Descriptor, String> {
        if self.config.media_type != CONFIG {
            return Err(format!("could not load config with mediatype {CONFIG}"));
        }
        let layer = self.layers.iter().rev().find(|layer| layer.media_type == CHART || layer.media_type == LEGACY);
        layer.ok_or_else(|| format!("manifest does not contain a layer with mediatype {CHART}"))
    }
}

fn image(reference: &OciReference) -> Reference {
    let OciReference { registry, repository, tag, digest } = reference.clone();
    match (tag.is_empty(), digest.is_empty()) {
        (_, false) => Reference::with_digest(registry, repository, digest),
        (false, true) => Reference::with_tag(registry, repository, tag),
        (true, true) => Reference::with_tag(registry, repository, "latest".into()),
    }
}

fn fault(error: &OciDistributionError) -> OciFault {
    use OciDistributionError::*;
    match error {
        ImageManifestNotFoundError(_) => OciFault::Missing("not found".into()),
        UnauthorizedError { .. } => OciFault::Denied(status_text(401)),
        AuthenticationFailure(why) => OciFault::Denied(format!("the token service: {}", why.trim())),
        RequestError(error) => OciFault::Transport(http::transport(error, "Get", error.url().map_or("", |url| url.as_str()))),
        ServerError { code: 404, .. } => OciFault::Missing("not found".into()),
        ServerError { code: code @ (401 | 403), .. } => OciFault::Denied(status_text(*code)),
        ServerError { code, .. } => OciFault::Server(status_text(*code)),
        RegistryError { envelope, .. } => {
            let first = envelope.errors.first();
            let words = first.map(|error| match error.detail.is_null() {
                true => error.message.clone(),
                false => format!("{}: {}", error.message, go_value(&error.detail)),
            });
            let words = words.unwrap_or_default();
            match first.map(|error| &error.code) {
                Some(OciErrorCode::ManifestUnknown | OciErrorCode::NameUnknown | OciErrorCode::NotFound | OciErrorCode::BlobUnknown) => OciFault::Missing(words),
                Some(OciErrorCode::Denied | OciErrorCode::Unauthorized) => OciFault::Denied(words),
                Some(OciErrorCode::Toomanyrequests) => OciFault::Server(words),
                _ => OciFault::Invalid(words),
            }
        }
        other => OciFault::Invalid(http::chain(other)),
    }
}

/// A JSON value as Go's `%v` prints it: registries' details in errors.
fn go_value(value: &serde_json::Value) -> String {
    match value {
        serde_json::Value::Null => "<nil>".to_owned(),
        serde_json::Value::String(text) => text.clone(),
        serde_json::Value::Array(items) => format!("[{}]", items.iter().map(go_value).collect::<Vec<_>>().join(" ")),
        serde_json::Value::Object(map) => format!("map[{}]", map.iter().map(|(key, value)| format!("{key}:{}", go_value(value))).collect::<Vec<_>>().join(" ")),
        other => other.to_string(),
    }
}

impl OciFault {
    /// As a source's error; `missing` says what it means that there is no such thing.
    pub fn error(self, doing: String, access: &Access, missing: &str) -> ChartError {
        match self {
            OciFault::Missing(_) => ChartError::Missing { doing, why: missing.to_owned() },
            OciFault::Denied(answer) => ChartError::Denied { doing, answer: access.scrub(&answer), shown: access.to_string() },
            OciFault::Transport(fault) => fault.error(doing, access, missing),
            OciFault::Server(answer) => ChartError::Server { doing, answer },
            OciFault::Invalid(why) => ChartError::Invalid { doing, why: access.scrub(&why) },
        }
    }
}

/// The repository of a chart below an address, with a version as its tag.
fn reference(repository: &Repository, name: &str, version: &str) -> Result<OciReference, ChartError> {
    let text = format!("{}/{name}", repository.address.trim_end_matches('/'));
    let parsed = OciReference::parse(&text).map_err(|why| repository.invalid(why))?;
    Ok(OciReference { tag: version.replace('+', "_"), ..parsed })
}

/// Which version is meant, and the digest of its archive.
///
/// # Errors
/// The registry cannot be reached, refuses, or has no such chart or version.
pub async fn find(charts: &Charts, repository: &Repository, name: &str, wanted: &Wanted) -> Result<Found, ChartError> {
    let mut reference = reference(repository, name, &wanted.range)?;
    let registry = charts.registry(repository, &reference.registry)?;
    let doing = || format!("looking for chart {name} in {}", repository.shown());
    let missing = "the registry has no such chart; check repository and name";
    let exact = crate::template::semver::Version::parse(wanted.range.as_bytes()).is_ok();
    let version = if exact {
        wanted.range.clone()
    } else {
        let tags = registry.tags(&reference).await.map_err(|fault| fault.error(doing(), &repository.access, missing))?;
        let versions = repository::tags(&tags);
        repository::best(&versions, wanted).map_err(|why| ChartError::Missing { doing: doing(), why })?.to_owned()
    };
    reference.tag = version.replace('+', "_");
    let missing = format!("there is no version {version} of it; check source.chart.version");
    let manifest = registry.manifest(&reference).await.map_err(|fault| fault.error(doing(), &repository.access, &missing))?;
    let layer = manifest.0.chart().map_err(|why| ChartError::Invalid { doing: doing(), why })?;
    let digest = layer.digest.strip_prefix("sha256:").map(str::to_owned);
    Ok(Found { version, digest, place: reference.to_string() })
}

/// Fetches an archive by its place.
///
/// # Errors
/// As [`find`].
pub async fn archive(charts: &Charts, repository: &Repository, found: &Found) -> Result<Vec<u8>, ChartError> {
    let reference = OciReference::parse(&found.place).map_err(|why| repository.invalid(why))?;
    let registry = charts.registry(repository, &reference.registry)?;
    let pulled = registry.pull(&reference).await;
    let pulled = pulled.map_err(|fault| fault.error(format!("fetching oci://{reference}"), &repository.access, "there is no such version (any more)"))?;
    Ok(pulled.archive)
}

/// Publishes. A registry has no conditional write of a tag: what is there is looked at before and after.
///
/// # Errors
/// The registry cannot be reached or refuses; other content under the same version.
pub async fn publish(charts: &Charts, repository: &Repository, upload: &Upload) -> Result<Outcome, ChartError> {
    let reference = reference(repository, &upload.metadata.name, &upload.metadata.version)?;
    let registry = charts.registry(repository, &reference.registry)?;
    let doing = || format!("publishing {} to {}", upload.label(), repository.shown());
    let failed = |fault: OciFault| fault.error(doing(), &repository.access, "there is no such repository");
    if there(&registry, &reference, repository, upload).await?.is_some() {
        return Ok(Outcome::AlreadyThere);
    }
    registry.push(&reference, upload, None).await.map_err(failed)?;
    match there(&registry, &reference, repository, upload).await? {
        Some(()) => Ok(Outcome::Published),
        None => Err(ChartError::Server { doing: doing(), answer: "that it was taken, and then has it not".into() }),
    }
}

/// Whether the version is there with this content; other content is an error.
async fn there(registry: &Registry, reference: &OciReference, repository: &Repository, upload: &Upload) -> Result<Option<()>, ChartError> {
    let manifest = match registry.manifest(reference).await {
        Ok((manifest, _)) => manifest,
        Err(OciFault::Missing(_)) => return Ok(None),
        Err(fault) => return Err(fault.error(format!("looking for {} in {}", upload.label(), repository.shown()), &repository.access, "")),
    };
    let doing = || format!("looking at {} in {}", upload.label(), repository.shown());
    let layer = manifest.chart().map_err(|why| ChartError::Invalid { doing: doing(), why })?;
    if layer.digest.strip_prefix("sha256:") == Some(upload.digest.as_str()) {
        return Ok(Some(()));
    }
    let archive = registry.blob(reference, layer, MAX_ARCHIVE_BYTES).await.map_err(|fault| fault.error(doing(), &repository.access, "its archive is not there"))?;
    upload.compare(&archive, &repository.shown()).map(|_| Some(()))
}
