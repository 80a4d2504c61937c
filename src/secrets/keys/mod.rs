//! What unwraps data keys: each way is one [`KeySource`], and a Secret's data makes them.

mod age;
mod pgp;

use super::sops::{Metadata, SopsError, Wrapped};
use std::collections::BTreeMap;

/// One way to unwrap a data key. A cloud's key service is one more of these.
pub trait KeySource: Send + Sync {
    /// The kind of recipients it is for, as sops calls it: `age`, `pgp`.
    fn kind(&self) -> &'static str;

    /// The data key.
    ///
    /// # Errors
    /// Why it does not unwrap it, without anything secret.
    fn unwrap(&self, wrapped: &Wrapped) -> Result<Vec<u8>, String>;
}

/// All keys of an Environment. Nothing shows them.
#[derive(Default)]
pub struct Keys {
    sources: Vec<Box<dyn KeySource>>,
}

impl std::fmt::Debug for Keys {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Keys({})", self.sources.len())
    }
}

/// A Secret that holds no keys, or one that cannot be read.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct KeyError(String);

/// The entry that holds the passphrase of protected keys.
pub const PASSPHRASE: &str = "passphrase";

/// How many keys a Secret may hold.
const MAX_KEYS: usize = 256;

/// The length of a data key: AES-256.
const DATA_KEY_BYTES: usize = 32;

impl Keys {
    /// Reads the entries of a Secret by their content, whatever they are called: age identities (`AGE-SECRET-KEY-1…`), ssh
    /// private keys (ed25519 and RSA), PGP secret keys in armor; `passphrase` is what protects them.
    ///
    /// # Errors
    /// An entry that is no key, by name.
    pub fn read(data: &BTreeMap<String, Vec<u8>>) -> Result<Keys, KeyError> {
        let passphrase = data.get(PASSPHRASE).map(|bytes| String::from_utf8_lossy(bytes).trim_end_matches(['\r', '\n']).to_owned());
        let mut keys = Keys::default();
        for (name, bytes) in data.iter().filter(|(name, _)| *name != PASSPHRASE) {
            let unusable = |why: &str| KeyError(format!("entry \"{name}\" {why}"));
            let text = std::str::from_utf8(bytes).map_err(|_| unusable("is no text: keys are age identities, ssh private keys or armored PGP secret keys"))?;
            let sources = if text.contains("-----BEGIN PGP") {
                pgp::read(text, passphrase.as_deref())
            } else {
                age::read(text, passphrase.as_deref())
            };
            keys.sources.extend(sources.map_err(|why| unusable(&why))?);
            if keys.sources.len() > MAX_KEYS {
                return Err(KeyError(format!("there are more than {MAX_KEYS} keys")));
            }
        }
        match keys.sources.is_empty() {
            true => Err(KeyError("there is no key in it".to_owned())),
            false => Ok(keys),
        }
    }

    /// The data key of a file: the first one that unwraps.
    pub(super) fn data_key(&self, metadata: &Metadata) -> Result<Vec<u8>, SopsError> {
        let mut tried = Vec::new();
        for wrapped in &metadata.wrapped {
            for source in self.sources.iter().filter(|source| source.kind() == wrapped.kind) {
                match source.unwrap(wrapped) {
                    Ok(key) if key.len() == DATA_KEY_BYTES => return Ok(key),
                    Ok(key) => tried.push(format!("{}: the data key has {} bytes instead of {DATA_KEY_BYTES}", wrapped.kind, key.len())),
                    Err(why) => tried.push(format!("{}: {why}", wrapped.kind)),
                }
            }
        }
        tried.dedup();
        let mut recipients: Vec<String> = metadata.wrapped.iter().map(|wrapped| format!("{} {}", wrapped.kind, wrapped.recipient)).collect();
        if recipients.is_empty() {
            recipients.push("nobody".to_owned());
        }
        let why = match tried.as_slice() {
            [] if self.sources.is_empty() => "there are no keys: name the Secret that holds them in spec.values.decryption.secretRef".to_owned(),
            [] => format!("the keys are for {}", self.kinds().join(" and ")),
            tried => tried.join("; "),
        };
        Err(SopsError::NoKey { recipients, why })
    }

    fn kinds(&self) -> Vec<&'static str> {
        let mut kinds: Vec<&str> = self.sources.iter().map(|source| source.kind()).collect();
        kinds.sort_unstable();
        kinds.dedup();
        kinds
    }
}
