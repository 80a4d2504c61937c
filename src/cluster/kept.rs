//! A plan that waits for approval, kept whole beside the release records: what was rendered stays what it is through restarts, and
//! whatever a template draws by chance is drawn once.

use super::{ApiError, Delete, Records, records::RELEASE_LABEL};
use crate::release::{self, Release};
use base64::{Engine as _, engine::general_purpose::STANDARD};
use hmac::{Hmac, Mac as _};
use serde_json::{Value, json};
use sha2::Sha256;

/// The Secret's type.
const TYPE: &str = "windlass.dev/plan";
/// What it says of itself.
const ABOUT: &str = "a plan of windlass that waits for approval, with everything that was rendered; it goes when the release begins";
/// How many hexadecimal digits of the digest people handle: 128 bits.
const DIGITS: usize = 32;
/// Bytes of the key.
const KEY: usize = 32;

/// A plan laid down.
#[derive(Clone, Debug)]
pub struct Kept {
    /// The digest of what was rendered from.
    pub content: String,
    /// The release that it would replace.
    pub base: Option<u64>,
    /// What was rendered, as the release that it would become.
    pub release: Release,
    /// What an approval names.
    pub digest: String,
}

impl Records {
    /// The plan that waits, if one is laid down and readable: a damaged one is as good as none, for it is laid down anew.
    ///
    /// # Errors
    /// As the request failed.
    pub async fn kept(&self) -> Result<Option<Kept>, ApiError> {
        match self.cluster().get(&self.plan()).await {
            Ok(secret) => Ok(read(&secret)),
            Err(error) if error.is_not_found() => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// Lays a plan down, in place of one that was there before, under a fresh key.
    ///
    /// # Errors
    /// 409 where somebody else did at the same time; 413 where it is too large; else as the request failed.
    pub async fn keep(&self, content: &str, base: Option<u64>, release: Release) -> Result<Kept, ApiError> {
        let payload = release::encode(&release);
        if payload.len() > release::MAX_PAYLOAD {
            let error = release::TooLarge { release: release.name, size: payload.len() };
            return Err(ApiError { code: 413, reason: "RecordTooLarge".into(), ..ApiError::config(error.to_string()) });
        }
        let key: [u8; KEY] = rand::random();
        let reference = self.plan();
        let mut secret = json!({
            "apiVersion": "v1", "kind": "Secret", "type": TYPE,
            "metadata": {
                "name": reference.name, "namespace": reference.namespace,
                "labels": { "app.kubernetes.io/managed-by": "windlass", RELEASE_LABEL: release.name },
                "annotations": { "windlass.dev/about": ABOUT },
            },
            "data": {
                "key": STANDARD.encode(key), "content": STANDARD.encode(content),
                "base": STANDARD.encode(base.map(|base| base.to_string()).unwrap_or_default()), "release": STANDARD.encode(&payload),
            },
        });
        let cluster = self.cluster().terse();
        match cluster.get(&reference).await {
            Ok(old) => {
                secret["metadata"]["resourceVersion"] = old["metadata"]["resourceVersion"].clone();
                cluster.replace(&secret, "").await?;
            }
            Err(error) if error.is_not_found() => drop(cluster.create(&secret).await?),
            Err(error) => return Err(error),
        }
        let digest = digest(&key, content, base, payload.as_bytes());
        Ok(Kept { content: content.to_owned(), base, release, digest })
    }

    /// Takes the plan away: it was opened, or the Environment has gone.
    ///
    /// # Errors
    /// As the request failed.
    pub async fn discard(&self) -> Result<(), ApiError> {
        self.cluster().delete(&self.plan(), Delete::Background).await.map(drop)
    }
}

fn read(secret: &Value) -> Option<Kept> {
    let data = |key: &str| STANDARD.decode(secret["data"][key].as_str()?).ok();
    let text = |key: &str| String::from_utf8(data(key)?).ok();
    let (key, content, base, payload) = (data("key")?, text("content")?, text("base")?, data("release")?);
    let base = if base.is_empty() { None } else { Some(base.parse().ok()?) };
    let digest = digest(&key, &content, base, &payload);
    Some(Kept { release: release::decode(&payload).ok()?, content, base, digest })
}

/// Keyed, as it covers Secrets: nobody learns a password by trying which one gives this digest.
fn digest(key: &[u8], content: &str, base: Option<u64>, payload: &[u8]) -> String {
    let mut mac = Hmac::<Sha256>::new_from_slice(key).expect("HMAC takes keys of any length");
    let operation = base.map_or("install".to_owned(), |base| format!("upgrade from {base}"));
    for part in [operation.as_bytes(), content.as_bytes(), payload] {
        mac.update(&(part.len() as u64).to_le_bytes());
        mac.update(part);
    }
    let hex: String = mac.finalize().into_bytes().iter().map(|byte| format!("{byte:02x}")).collect();
    hex[..DIGITS].to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_digest_covers_key_operation_content_and_payload() {
        let base = digest(b"key", "content", Some(3), b"payload");
        let others = [
            digest(b"kez", "content", Some(3), b"payload"),
            digest(b"key", "contenu", Some(3), b"payload"),
            digest(b"key", "content", Some(4), b"payload"),
            digest(b"key", "content", None, b"payload"),
            digest(b"key", "content", Some(3), b"payloae"),
            digest(b"key", "contentp", Some(3), b"ayload"),
        ];
        assert!(others.iter().all(|other| *other != base), "{base} {others:?}");
        assert_eq!(base.len(), DIGITS);
    }
}
