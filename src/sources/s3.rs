//! Chart repositories in S3-compatible buckets: `index.yaml` and archives as objects, written under conditions, so that two
//! publishers at once lose nothing.

use super::chart_error::ChartError;
use super::chart_repo::{Known, from_index};
use super::charts::{Charts, Found, Outcome, Repository, Upload, index_error};
use super::http::{self, MAX_ARCHIVE_BYTES, MAX_INDEX_BYTES};
use crate::chart::repository::{Index, Wanted};
use object_store::aws::{AmazonS3, AmazonS3Builder};
use object_store::{Error, GetOptions, GetResult, ObjectStore, ObjectStoreExt as _, PutMode, PutOptions, UpdateVersion, path::Path};
use std::sync::Arc;
use std::time::Duration;

/// How often an index is written anew when others write it meanwhile.
const MAX_INDEX_TRIES: usize = 32;
/// The pause after a lost race, at most; the share is random.
const RACE_PAUSE: Duration = Duration::from_millis(400);
/// Region where none is said: what MinIO and its like take.
const DEFAULT_REGION: &str = "us-east-1";

/// A bucket and the prefix in it.
pub struct Bucket {
    store: AmazonS3,
    prefix: String,
}

/// Opens the bucket of `s3://BUCKET/PREFIX?endpoint=URL&region=NAME`.
///
/// # Errors
/// An address that names no bucket, or settings that do not fit.
pub fn open(repository: &Repository) -> Result<Bucket, ChartError> {
    http::install_crypto();
    let rest = repository.address.strip_prefix("s3://").unwrap_or(&repository.address);
    let (path, query) = rest.split_once('?').unwrap_or((rest, ""));
    let (bucket, prefix) = path.split_once('/').unwrap_or((path, ""));
    if bucket.is_empty() {
        return Err(repository.invalid("it names no bucket".into()));
    }
    let access = &repository.access;
    // Never the agent's own environment or role: an Environment would borrow rights that its namespace has not.
    let mut builder = AmazonS3Builder::new().with_bucket_name(bucket);
    let mut region = DEFAULT_REGION.to_owned();
    for pair in query.split('&').filter(|pair| !pair.is_empty()) {
        match pair.split_once('=') {
            Some(("endpoint", url)) => {
                let url = match (url.contains("://"), access.plain_http) {
                    (true, _) => url.to_owned(),
                    (false, true) => format!("http://{url}"),
                    (false, false) => format!("https://{url}"),
                };
                builder = builder.with_allow_http(url.starts_with("http://")).with_endpoint(url);
            }
            Some(("region", name)) => region = name.to_owned(),
            _ => return Err(repository.invalid(format!("{pair:?} is no setting of it; there are endpoint=URL and region=NAME"))),
        }
    }
    builder = builder.with_region(region);
    builder = match &access.s3 {
        Some((id, secret, _)) => builder.with_access_key_id(id).with_secret_access_key(secret.expose()),
        None => builder.with_skip_signature(true),
    };
    if let Some((_, _, Some(token))) = &access.s3 {
        builder = builder.with_token(token.expose());
    }
    let mut options = object_store::ClientOptions::new().with_allow_http(true).with_allow_invalid_certificates(access.insecure);
    for certificate in access.ca.as_deref().map(|pem| object_store::Certificate::from_pem_bundle(pem.as_bytes())).transpose().map_err(|_| repository.invalid("ca.crt is not valid PEM".into()))?.unwrap_or_default() {
        options = options.with_root_certificate(certificate);
    }
    let retry = object_store::RetryConfig { max_retries: 2, retry_timeout: Duration::from_secs(20), ..Default::default() };
    let store = builder.with_client_options(options).with_retry(retry).build();
    let store = store.map_err(|error| repository.invalid(access.scrub(&http::chain(&error))))?;
    Ok(Bucket { store, prefix: prefix.trim_matches('/').to_owned() })
}

impl Bucket {
    fn path(&self, name: &str) -> Path {
        Path::from(format!("{}/{name}", self.prefix))
    }

    async fn read(&self, result: GetResult, limit: usize) -> Result<Vec<u8>, Error> {
        if result.meta.size > limit as u64 {
            let source = format!("it is larger than {limit} bytes").into();
            return Err(Error::Generic { store: "S3", source });
        }
        Ok(result.bytes().await?.to_vec())
    }
}

fn failed(error: Error, doing: String, repository: &Repository, missing: &str) -> ChartError {
    let access = &repository.access;
    let detail = access.scrub(&http::chain(&error));
    match error {
        Error::NotFound { .. } => ChartError::Missing { doing, why: missing.to_owned() },
        Error::PermissionDenied { .. } | Error::Unauthenticated { .. } => ChartError::Denied { doing, answer: "access denied".into(), shown: access.to_string() },
        _ => ChartError::Unreachable { doing, why: detail },
    }
}

/// The index, and the version that a conditional write names; none where the bucket has no index yet.
async fn index(charts: &Charts, repository: &Repository, bucket: &Bucket, anew: bool) -> Result<Option<(Arc<Index>, UpdateVersion)>, ChartError> {
    let doing = || format!("reading the index of {}", repository.shown());
    let known = charts.known(repository).filter(|_| !anew);
    let options = GetOptions { if_none_match: known.as_ref().and_then(|known| known.etag.clone()), ..Default::default() };
    let result = match bucket.store.get_opts(&bucket.path("index.yaml"), options).await {
        Ok(result) => result,
        Err(Error::NotFound { .. }) => return Ok(None),
        Err(Error::NotModified { .. }) if known.is_some() => {
            return Ok(known.map(|known| (known.index, UpdateVersion { e_tag: known.etag, version: None })));
        }
        Err(error) => return Err(failed(error, doing(), repository, "")),
    };
    let version = UpdateVersion { e_tag: result.meta.e_tag.clone(), version: result.meta.version.clone() };
    let bytes = bucket.read(result, MAX_INDEX_BYTES).await.map_err(|error| failed(error, doing(), repository, "it went while it was read"))?;
    let index = charts.parse_index(bytes, &repository.shown()).await.map_err(|why| index_error(doing(), why))?;
    charts.remember(repository, Known { etag: version.e_tag.clone(), index: index.clone() });
    Ok(Some((index, version)))
}

/// Which version is meant, and which object is its archive.
///
/// # Errors
/// The bucket cannot be read, or has no such chart or version.
pub async fn find(charts: &Charts, repository: &Repository, name: &str, wanted: &Wanted) -> Result<Found, ChartError> {
    let bucket = open(repository)?;
    let Some((index, _)) = index(charts, repository, &bucket, false).await? else {
        let doing = format!("reading the index of {}", repository.shown());
        return Err(ChartError::Missing { doing, why: "the bucket has no index.yaml under this prefix; publish a chart to it first".into() });
    };
    from_index(&index, repository, name, wanted)
}

/// Fetches an archive: an object beside the index, or whatever `s3://` address the index has.
///
/// # Errors
/// The bucket cannot be read, or has it not.
pub async fn archive(_: &Charts, repository: &Repository, found: &Found) -> Result<Vec<u8>, ChartError> {
    let bucket = open(repository)?;
    let name = match found.place.split_once("://") {
        // helm-s3 writes whole addresses: what lies in this bucket is taken from it.
        Some(("s3", rest)) => rest.rsplit('/').next().unwrap_or(rest).to_owned(),
        Some(_) => return Err(ChartError::Invalid { doing: format!("fetching {}", found.place), why: "the index of a bucket names objects of it".into() }),
        None => found.place.clone(),
    };
    let doing = || format!("fetching {name} from {}", repository.shown());
    let missing = "the index names it, and it is not there; publish it again";
    let result = bucket.store.get(&bucket.path(&name)).await.map_err(|error| failed(error, doing(), repository, missing))?;
    bucket.read(result, MAX_ARCHIVE_BYTES).await.map_err(|error| failed(error, doing(), repository, missing))
}

/// Publishes: the archive where none of its name is, then the index under the condition that it is still the one that was read.
///
/// # Errors
/// The bucket cannot be written; other content under the same version; others kept writing the index.
pub async fn publish(charts: &Charts, repository: &Repository, upload: &Upload) -> Result<Outcome, ChartError> {
    let bucket = open(repository)?;
    let name = format!("{}.tgz", upload.label());
    let doing = || format!("publishing {} to {}", upload.label(), repository.shown());
    let create = PutOptions { mode: PutMode::Create, ..Default::default() };
    let mut stored = upload.digest.clone();
    match bucket.store.put_opts(&bucket.path(&name), upload.archive.to_vec().into(), create).await {
        Ok(_) => {}
        Err(Error::AlreadyExists { .. } | Error::Precondition { .. }) => {
            let there = archive(charts, repository, &Found { version: String::new(), digest: None, place: name.clone() }).await?;
            upload.compare(&there, &repository.shown())?;
            stored = super::charts::sha256(&there);
        }
        Err(error) => return Err(failed(error, doing(), repository, "there is no such bucket")),
    }
    for attempt in 0..MAX_INDEX_TRIES {
        let (mut new, mode) = match index(charts, repository, &bucket, attempt > 0).await? {
            Some((index, version)) => match index.exact(&upload.metadata.name, &upload.metadata.version) {
                Some(entry) if entry.sha256().is_none_or(|there| there == stored) => return Ok(Outcome::AlreadyThere),
                Some(entry) => return Err(upload.taken(&repository.shown(), entry.sha256().unwrap_or_default())),
                None => ((*index).clone(), PutMode::Update(version)),
            },
            None => (Index::new(&upload.created), PutMode::Create),
        };
        new.add(upload.entry(&name, &stored));
        new.sort();
        new.rest.insert("generated".into(), upload.created.as_str().into());
        let options = PutOptions { mode, ..Default::default() };
        match bucket.store.put_opts(&bucket.path("index.yaml"), new.to_yaml().into_bytes().into(), options).await {
            // Some stores take the condition and do not hold it: only what can be read again is published.
            Ok(_) => match index(charts, repository, &bucket, true).await? {
                Some((there, _)) if there.exact(&upload.metadata.name, &upload.metadata.version).is_some() => return Ok(Outcome::Published),
                _ => {}
            },
            Err(Error::AlreadyExists { .. } | Error::Precondition { .. } | Error::NotFound { .. }) => {
                tokio::time::sleep(RACE_PAUSE.mul_f64(rand::random::<f64>())).await;
            }
            Err(error) => return Err(failed(error, doing(), repository, "there is no such bucket")),
        }
    }
    Err(ChartError::Contended { what: format!("the index of {}", repository.shown()), tries: MAX_INDEX_TRIES })
}
