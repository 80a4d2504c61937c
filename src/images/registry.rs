//! The registry client: tags, digests, what an image says of itself. It asks; it decides nothing.

use super::{Credentials, policy::Tag};
use crate::webhooks::Image;
use oci_client::{
    Client, Reference,
    client::{Certificate, CertificateEncoding, ClientConfig, ClientProtocol},
    errors::{OciDistributionError, OciErrorCode},
    manifest::{OciDescriptor, OciImageManifest, OciManifest},
    secrets::RegistryAuth,
};
use serde_json::Value;
use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

/// Tags that one page holds, and how many pages are read.
const PAGE: usize = 1000;
const MAX_PAGES: usize = 100;
/// How many images are asked for their age.
const MAX_AGED: usize = 200;
/// The largest configuration of an image that is read.
const MAX_CONFIG: i64 = 4 << 20;
/// How often a registry that says "too many requests" is asked again, and the pauses between.
const TRIES: u32 = 3;
const PAUSE: Duration = Duration::from_secs(1);
/// Images whose details are kept: by their digest they never change.
const MAX_KEPT: usize = 1000;

/// How a registry is reached.
#[derive(Clone, Debug, Default)]
pub struct Options {
    /// What opens it.
    pub credentials: Credentials,
    /// Without TLS. Registries on this machine never have it.
    pub insecure: bool,
}

/// Why a registry gave no answer.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
pub enum RegistryError {
    /// It says that there is no such thing.
    #[error("{0}")]
    Missing(Missing),
    /// It does not let us in.
    #[error("{registry} does not let {who} see {image} ({detail}); check the Secret in secretRef")]
    Denied {
        /// Host.
        registry: String,
        /// As whom.
        who: String,
        /// The image.
        image: String,
        /// Its words.
        detail: String,
    },
    /// It cannot be reached, or answers with an error that may pass.
    #[error("asking {registry} for {image}: {detail}")]
    Unreachable {
        /// Host.
        registry: String,
        /// The image.
        image: String,
        /// What happened.
        detail: String,
    },
    /// It is no image that can be asked for.
    #[error("\"{0}\" is no image: write it as registry.example.com/name")]
    Name(String),
}

/// What a registry does not have.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
#[error("{registry} has no {image}")]
pub struct Missing {
    /// Host.
    pub registry: String,
    /// Name with tag or digest.
    pub image: String,
}

/// What an image says of itself.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Details {
    /// Of the manifest or index that the tag names.
    pub digest: String,
    /// RFC 3339.
    pub created: String,
    /// OCI labels of its configuration, and annotations of its manifest.
    pub labels: BTreeMap<String, String>,
    /// `linux/amd64` …
    pub platforms: Vec<String>,
    /// Bytes of its layers, for one platform.
    pub size: i64,
}

/// What refers to an image: a signature, an SBOM, a scan.
#[derive(Clone, Debug, PartialEq)]
pub struct Referrer {
    /// Its artifact type.
    pub kind: String,
    /// Its digest.
    pub digest: String,
}

/// All registries. Cheap to clone; clones share connections and what is known.
#[derive(Clone, Default)]
pub struct Registries {
    clients: Arc<Mutex<BTreeMap<String, Client>>>,
    known: Arc<Mutex<BTreeMap<String, Details>>>,
}

/// How many clients are kept: one for each registry and login.
const MAX_CLIENTS: usize = 64;

impl Registries {
    /// The tags of a repository, all pages of them; with their ages where `aged` wants those of a tag.
    ///
    /// # Errors
    /// The registry cannot be asked, or has no such repository.
    pub async fn tags(&self, image: &Image, options: &Options, aged: impl Fn(&str) -> bool) -> Result<Vec<Tag>, RegistryError> {
        let asked = Asked::new(self, image, options)?;
        let mut names: Vec<String> = Vec::new();
        for _ in 0..MAX_PAGES {
            let last = names.last().cloned();
            let page = asked.again(|| asked.client.list_tags(&asked.reference, &asked.auth, Some(PAGE), last.as_deref())).await?;
            let before = names.len();
            names.extend(page.tags.into_iter().filter(|tag| Some(tag) != last.as_ref()));
            // A registry that knows no pages sends everything at once, and the same again.
            if names.len() - before < PAGE || names[before..].iter().any(|tag| names[..before].contains(tag)) {
                break;
            }
        }
        names.sort();
        names.dedup();
        let mut left = MAX_AGED;
        let mut tags = Vec::with_capacity(names.len());
        for name in names.into_iter().rev() {
            let wanted = left > 0 && aged(&name);
            let created = if wanted {
                left -= 1;
                let details = self.details(&Image { tag: Some(name.clone()), digest: None, ..image.clone() }, options).await?;
                details.created.parse::<jiff::Timestamp>().ok().map(jiff::Timestamp::as_second)
            } else {
                None
            };
            tags.push(Tag { name, created });
        }
        Ok(tags)
    }

    /// The digest that a tag has now.
    ///
    /// # Errors
    /// The registry cannot be asked, or has no such image.
    pub async fn digest(&self, image: &Image, options: &Options) -> Result<String, RegistryError> {
        let asked = Asked::new(self, image, options)?;
        asked.again(|| asked.client.fetch_manifest_digest(&asked.reference, &asked.auth)).await
    }

    /// What an image says of itself.
    ///
    /// # Errors
    /// The registry cannot be asked, or has no such image.
    pub async fn details(&self, image: &Image, options: &Options) -> Result<Details, RegistryError> {
        let digest = self.digest(image, options).await?;
        let key = format!("{}@{digest}", image.name());
        if let Some(known) = self.known.lock().unwrap_or_else(PoisonError::into_inner).get(&key) {
            return Ok(known.clone());
        }
        let exact = Image { tag: None, digest: Some(digest.clone()), ..image.clone() };
        let asked = Asked::new(self, &exact, options)?;
        let (manifest, _) = asked.again(|| asked.client.pull_manifest(&asked.reference, &asked.auth)).await?;
        let mut details = Details { digest, ..Details::default() };
        match manifest {
            OciManifest::Image(manifest) => asked.describe(&manifest, &mut details).await?,
            OciManifest::ImageIndex(index) => {
                let mut first = None;
                for entry in &index.manifests {
                    // What attests an image stands in the same list, for no platform at all.
                    let Some(platform) = entry.platform.as_ref().and_then(platform).filter(|name| !name.contains("unknown")) else { continue };
                    details.platforms.push(platform);
                    first = first.or(Some(entry.digest.clone()));
                }
                details.labels.extend(index.annotations.clone().unwrap_or_default());
                let platforms = details.platforms.clone();
                if let Some(first) = first {
                    let one = Asked::new(self, &Image { tag: None, digest: Some(first), ..image.clone() }, options)?;
                    let (manifest, _) = one.again(|| one.client.pull_image_manifest(&one.reference, &one.auth)).await?;
                    one.describe(&manifest, &mut details).await?;
                }
                details.platforms = platforms;
            }
        }
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        if known.len() >= MAX_KEPT {
            known.clear();
        }
        known.insert(key, details.clone());
        Ok(details)
    }

    /// What refers to an image, by its digest.
    ///
    /// # Errors
    /// The registry cannot be asked.
    pub async fn referrers(&self, image: &Image, digest: &str, options: &Options) -> Result<Vec<Referrer>, RegistryError> {
        let exact = Image { tag: None, digest: Some(digest.to_owned()), ..image.clone() };
        let asked = Asked::new(self, &exact, options)?;
        asked.client.store_auth_if_needed(asked.reference.resolve_registry(), &asked.auth).await;
        let index = asked.again(|| asked.client.pull_referrers(&asked.reference, None)).await?;
        let kind = |entry: &oci_client::manifest::ImageIndexEntry| entry.artifact_type.clone().unwrap_or_else(|| entry.media_type.clone());
        Ok(index.manifests.iter().map(|entry| Referrer { kind: kind(entry), digest: entry.digest.clone() }).collect())
    }

    fn client(&self, registry: &str, options: &Options) -> Result<Client, RegistryError> {
        let login = options.credentials.login(registry);
        let key = format!("{registry} {:?} {} {:?}", login.map(fingerprint), options.insecure, options.credentials.ca.as_ref().map(|ca| fingerprint((ca, ""))));
        let mut clients = self.clients.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(known) = clients.get(&key) {
            return Ok(known.clone());
        }
        let authorities = options.credentials.ca.iter().map(|ca| Certificate { encoding: CertificateEncoding::Pem, data: ca.clone().into_bytes() });
        let config = ClientConfig {
            protocol: if options.insecure || on_this_machine(registry) { ClientProtocol::Http } else { ClientProtocol::Https },
            extra_root_certificates: authorities.collect(),
            connect_timeout: Some(Duration::from_secs(5)),
            read_timeout: Some(Duration::from_secs(20)),
            user_agent: "windlass",
            ..ClientConfig::default()
        };
        use_ring();
        let unusable = |error: OciDistributionError| RegistryError::Unreachable { registry: registry.into(), image: String::new(), detail: error.to_string() };
        let client = Client::try_from(config).map_err(unusable)?;
        if clients.len() >= MAX_CLIENTS {
            clients.clear();
        }
        clients.insert(key, client.clone());
        Ok(client)
    }
}

/// What all TLS of this process rests on, as reqwest brings none itself: the first caller's choice holds, and all choose this one.
pub fn use_ring() {
    let _ = rustls::crypto::ring::default_provider().install_default();
}

/// `os/architecture`, with a variant where there is one.
fn platform(platform: &oci_client::manifest::Platform) -> Option<String> {
    let json = serde_json::to_value(platform).ok()?;
    let variant = json["variant"].as_str().map(|variant| format!("/{variant}")).unwrap_or_default();
    Some(format!("{}/{}{variant}", json["os"].as_str()?, json["architecture"].as_str()?))
}

/// Tells logins apart without keeping them.
fn fingerprint((user, password): (&str, &str)) -> [u8; 32] {
    use sha2::Digest as _;
    let mut digest = sha2::Sha256::new();
    digest.update((user.len() as u64).to_le_bytes());
    digest.update(user);
    digest.update(password);
    digest.finalize().into()
}

/// Docker's own rule: a registry on the loopback interface has no certificate.
fn on_this_machine(registry: &str) -> bool {
    let host = registry.rsplit_once(':').map_or(registry, |(host, _)| host);
    host == "localhost" || host == "[::1]" || host.starts_with("127.")
}

/// One image of one registry, about to be asked for.
struct Asked {
    client: Client,
    reference: Reference,
    auth: RegistryAuth,
    registry: String,
    shown: String,
    credentials: Credentials,
}

impl Asked {
    fn new(registries: &Registries, image: &Image, options: &Options) -> Result<Asked, RegistryError> {
        let registry = image.host.clone().ok_or_else(|| RegistryError::Name(image.repository.clone()))?;
        let client = registries.client(&registry, options)?;
        let (host, repository) = (registry.clone(), image.repository.clone());
        let (reference, shown) = match (&image.digest, &image.tag) {
            (Some(digest), _) => (Reference::with_digest(host, repository, digest.clone()), format!("{}@{digest}", image.name())),
            (None, Some(tag)) => (Reference::with_tag(host, repository, tag.clone()), format!("{}:{tag}", image.name())),
            (None, None) => (Reference::with_tag(host, repository, "latest".into()), image.name()),
        };
        let auth = match options.credentials.login(&registry) {
            Some((user, password)) => RegistryAuth::Basic(user.to_owned(), password.to_owned()),
            None => RegistryAuth::Anonymous,
        };
        Ok(Asked { client, reference, auth, registry, shown, credentials: options.credentials.clone() })
    }

    /// Asks; again where the registry only wants a pause.
    async fn again<T, F: Future<Output = Result<T, OciDistributionError>>>(&self, ask: impl Fn() -> F) -> Result<T, RegistryError> {
        let mut tried = 0;
        loop {
            tried += 1;
            match ask().await {
                Ok(answer) => return Ok(answer),
                Err(error) if busy(&error) && tried < TRIES => tokio::time::sleep(PAUSE * 2u32.pow(tried)).await,
                Err(error) => return Err(self.error(&error)),
            }
        }
    }

    /// Labels, age and size of an image for one platform.
    async fn describe(&self, manifest: &OciImageManifest, details: &mut Details) -> Result<(), RegistryError> {
        details.size = manifest.layers.iter().map(|layer| layer.size).sum();
        details.labels.extend(manifest.annotations.clone().unwrap_or_default());
        let config: Value = self.config(&manifest.config).await?;
        let labels = config["config"]["Labels"].as_object().into_iter().flatten();
        details.labels.extend(labels.filter_map(|(name, value)| Some((name.clone(), value.as_str()?.to_owned()))));
        let created = config["created"].as_str().or(details.labels.get("org.opencontainers.image.created").map(String::as_str));
        details.created = created.unwrap_or_default().to_owned();
        if let (Some(os), Some(architecture)) = (config["os"].as_str(), config["architecture"].as_str()) {
            details.platforms = vec![format!("{os}/{architecture}")];
        }
        Ok(())
    }

    async fn config(&self, descriptor: &OciDescriptor) -> Result<Value, RegistryError> {
        if descriptor.size > MAX_CONFIG {
            let detail = format!("its configuration has {} bytes, and {MAX_CONFIG} are read", descriptor.size);
            return Err(RegistryError::Unreachable { registry: self.registry.clone(), image: self.shown.clone(), detail });
        }
        self.client.store_auth_if_needed(self.reference.resolve_registry(), &self.auth).await;
        let read = || async {
            let mut bytes = Vec::new();
            self.client.pull_blob(&self.reference, descriptor, &mut bytes).await.map(|()| bytes)
        };
        let bytes = self.again(read).await?;
        // Charts and artifacts have configurations of other kinds.
        Ok(serde_json::from_slice(&bytes).unwrap_or_default())
    }

    fn error(&self, error: &OciDistributionError) -> RegistryError {
        use OciDistributionError as E;
        let (registry, image) = (self.registry.clone(), self.shown.clone());
        let detail = self.credentials.scrub(&words(error));
        let missing = RegistryError::Missing(Missing { registry: registry.clone(), image: image.clone() });
        let denied = |detail| {
            let who = match &self.auth {
                RegistryAuth::Basic(user, _) => format!("user {user:?}"),
                _ => "an anonymous caller".into(),
            };
            RegistryError::Denied { registry: registry.clone(), who, image: image.clone(), detail }
        };
        match error {
            E::ImageManifestNotFoundError(_) | E::ServerError { code: 404, .. } => missing,
            E::RegistryError { envelope, .. } => {
                let codes: Vec<&OciErrorCode> = envelope.errors.iter().map(|error| &error.code).collect();
                let is = |wanted: &[OciErrorCode]| codes.iter().any(|code| wanted.contains(code));
                if is(&[OciErrorCode::ManifestUnknown, OciErrorCode::NameUnknown, OciErrorCode::NotFound]) {
                    missing
                } else if is(&[OciErrorCode::Unauthorized, OciErrorCode::Denied]) {
                    denied(detail)
                } else {
                    RegistryError::Unreachable { registry, image, detail }
                }
            }
            E::AuthenticationFailure(_) | E::UnauthorizedError { .. } | E::ServerError { code: 401 | 403, .. } => denied(detail),
            _ => RegistryError::Unreachable { registry, image, detail },
        }
    }
}

fn busy(error: &OciDistributionError) -> bool {
    match error {
        OciDistributionError::RegistryError { envelope, .. } => envelope.errors.iter().any(|error| error.code == OciErrorCode::Toomanyrequests),
        OciDistributionError::ServerError { code, .. } => matches!(code, 429 | 502..=504),
        _ => false,
    }
}

/// The whole of what went wrong: the outermost text is often only "error sending request".
fn words(error: &OciDistributionError) -> String {
    let mut text = error.to_string();
    let mut source = std::error::Error::source(error);
    while let Some(inner) = source {
        let inner_text = inner.to_string();
        if !text.contains(&inner_text) {
            text = format!("{text}: {inner_text}");
        }
        source = inner.source();
    }
    text
}
