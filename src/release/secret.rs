//! A record's Secret: name, labels, type, size (`pkg/storage/driver/secrets.go`).

use super::{CodecError, Marks, Release, Status, decode, encode};
use crate::object::label;
use base64::{Engine, engine::general_purpose::STANDARD};
use jiff::Timestamp;
use serde_json::{Value, json};
use std::collections::BTreeMap;

/// What a Secret can hold: `MaxSecretSize` in Kubernetes' `pkg/apis/core`.
pub const MAX_PAYLOAD: usize = 1024 * 1024;

/// How records' names begin (`HelmStorageType` in `pkg/storage/storage.go`).
pub const PREFIX: &str = "sh.helm.release.v1.";
/// The Secret's type.
pub const TYPE: &str = "helm.sh/release.v1";
/// Labels that are helm's own; users may not set them (`systemLabels`).
const SYSTEM_LABELS: [&str; 6] = ["name", "owner", "status", "version", "createdAt", "modifiedAt"];

/// A record too large for a Secret, found before anything is applied.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the record of release {release} would take {size} bytes, and a Secret holds at most {MAX_PAYLOAD}: leave large files out of the chart (.helmignore) or split it")]
pub struct TooLarge {
    /// The release.
    pub release: String,
    /// The payload's size in bytes.
    pub size: usize,
}

/// Which of helm's two time labels is set.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stamp {
    /// `createdAt`: the record is new.
    Created(Timestamp),
    /// `modifiedAt`, keeping a `createdAt` that was there.
    Modified {
        /// Now.
        at: Timestamp,
        /// The old label, as seconds.
        created: Option<i64>,
    },
}

/// What labels and annotations alone say of a record: no payload is decoded.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Head {
    /// The release's name.
    pub name: String,
    /// The release's namespace.
    pub namespace: String,
    /// Helm's revision number.
    pub version: u32,
    /// Its state.
    pub status: Status,
    /// Our marks.
    pub marks: Marks,
    /// The Secret's resource version.
    pub resource_version: String,
    /// Helm's `createdAt`, in seconds.
    pub created: Option<i64>,
    /// Helm's `modifiedAt`, in seconds.
    pub modified: Option<i64>,
}

/// A record read whole.
#[derive(Clone, Debug, PartialEq)]
pub struct Stored {
    /// What labels and annotations say.
    pub head: Head,
    /// The release.
    pub release: Release,
}

/// The Secret's name.
pub fn key(release: &str, version: u32) -> String {
    format!("{PREFIX}{release}.v{version}")
}

/// The Secret for a release, ready to be created or (with `resource_version`) replaced.
///
/// # Errors
/// The payload is larger than a Secret can hold.
pub fn secret(release: &Release, marks: &Marks, stamp: Stamp, resource_version: Option<&str>) -> Result<Value, TooLarge> {
    let payload = encode(release);
    if payload.len() > MAX_PAYLOAD {
        return Err(TooLarge { release: release.name.clone(), size: payload.len() });
    }
    let mut meta = json!({
        "name": key(&release.name, release.version),
        "namespace": release.namespace,
        "labels": labels(release, stamp),
    });
    let annotations = marks.to_annotations();
    if !annotations.is_empty() {
        meta["annotations"] = json!(annotations);
    }
    if let Some(version) = resource_version {
        meta["resourceVersion"] = version.into();
    }
    Ok(json!({
        "apiVersion": "v1",
        "kind": "Secret",
        "metadata": meta,
        "type": TYPE,
        "data": {"release": STANDARD.encode(payload)},
    }))
}

/// Helm's labels (`newSecretsObject`): the user's, then its own over them.
fn labels(release: &Release, stamp: Stamp) -> BTreeMap<String, String> {
    let mut labels = release.labels.clone();
    match stamp {
        Stamp::Created(at) => {
            labels.insert("createdAt".into(), at.as_second().to_string());
        }
        Stamp::Modified { at, created } => {
            labels.insert("modifiedAt".into(), at.as_second().to_string());
            if let Some(created) = created {
                labels.insert("createdAt".into(), created.to_string());
            }
        }
    }
    labels.insert("name".into(), release.name.clone());
    labels.insert("owner".into(), "helm".into());
    labels.insert("status".into(), release.info.status.as_str().into());
    labels.insert("version".into(), release.version.to_string());
    labels
}

impl Head {
    /// Reads a Secret's (or its metadata's) labels and annotations; `None` where it is no release record of helm's.
    pub fn of(secret: &Value) -> Option<Self> {
        if label(secret, "owner") != Some("helm") || secret["type"].as_str().is_some_and(|kind| kind != TYPE) {
            return None;
        }
        let meta = &secret["metadata"];
        let (name, version) = meta["name"].as_str()?.strip_prefix(PREFIX)?.rsplit_once(".v")?;
        let seconds = |key: &str| label(secret, key).and_then(|text| text.parse().ok());
        Some(Self {
            name: name.to_owned(),
            namespace: meta["namespace"].as_str().unwrap_or_default().to_owned(),
            version: version.parse().ok()?,
            status: Status::parse(label(secret, "status").unwrap_or_default()),
            marks: Marks::of(secret),
            resource_version: meta["resourceVersion"].as_str().unwrap_or_default().to_owned(),
            created: seconds("createdAt"),
            modified: seconds("modifiedAt"),
        })
    }
}

/// Reads a Secret whole.
///
/// # Errors
/// It is no release record, or its payload cannot be read.
pub fn read(secret: &Value) -> Result<Stored, CodecError> {
    let name = secret["metadata"]["name"].as_str().unwrap_or_default();
    let head = Head::of(secret).ok_or_else(|| CodecError(format!("Secret {name:?} is no release record of helm's")))?;
    let data = secret["data"]["release"].as_str().ok_or_else(|| CodecError(format!("Secret {name:?} holds no data under \"release\"")))?;
    let payload = STANDARD.decode(data).map_err(|error| CodecError(format!("the data of Secret {name:?} is no base64: {error}")))?;
    let mut release = decode(&payload)?;
    if let Some(labels) = secret["metadata"]["labels"].as_object() {
        release.labels = labels
            .iter()
            .filter(|(key, _)| !SYSTEM_LABELS.contains(&key.as_str()))
            .filter_map(|(key, value)| Some((key.clone(), value.as_str()?.to_owned())))
            .collect();
    }
    Ok(Stored { head, release })
}
