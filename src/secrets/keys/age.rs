//! age identities: native ones (X25519) and ssh keys.

use super::{KeySource, Wrapped};
use ::age::{DecryptError, Decryptor, Identity, armor::ArmoredReader, secrecy::SecretString, ssh, x25519};
use std::io::Read as _;

/// How large a wrapped data key may be.
const MAX_WRAPPED: usize = 64 << 10;

struct Age(Box<dyn Identity + Send + Sync>);

/// Reads identities: one a line, or one ssh key.
pub(super) fn read(text: &str, passphrase: Option<&str>) -> Result<Vec<Box<dyn KeySource>>, String> {
    if text.contains("PRIVATE KEY-----") {
        let identity = ssh::Identity::from_buffer(text.as_bytes(), None).map_err(|_| "is no ssh key that age takes (ed25519, RSA)".to_owned())?;
        return match identity {
            ssh::Identity::Unsupported(_) => Err("is an ssh key of a kind that age does not take: use ed25519 or RSA".to_owned()),
            ssh::Identity::Encrypted(_) => {
                let Some(passphrase) = passphrase else {
                    return Err("is protected by a passphrase: put that into the entry \"passphrase\"".to_owned());
                };
                Ok(vec![Box::new(Age(Box::new(identity.with_callbacks(Passphrase(passphrase.to_owned())))))])
            }
            identity => Ok(vec![Box::new(Age(Box::new(identity)))]),
        };
    }
    let mut found: Vec<Box<dyn KeySource>> = Vec::new();
    for line in text.lines().map(str::trim).filter(|line| !line.is_empty() && !line.starts_with('#')) {
        let identity: x25519::Identity = line.parse().map_err(|_| {
            "is no key: keys are age identities (AGE-SECRET-KEY-1…), ssh private keys or armored PGP secret keys".to_owned()
        })?;
        found.push(Box::new(Age(Box::new(identity))));
    }
    Ok(found)
}

impl KeySource for Age {
    fn kind(&self) -> &'static str {
        "age"
    }

    fn unwrap(&self, wrapped: &Wrapped) -> Result<Vec<u8>, String> {
        if wrapped.text.len() > MAX_WRAPPED {
            return Err("the wrapped data key is too large".to_owned());
        }
        let opened = Decryptor::new_buffered(ArmoredReader::new(wrapped.text.as_bytes())).map_err(|_| "the wrapped data key is no age file".to_owned())?;
        let reader = opened.decrypt(std::iter::once(&*self.0 as &dyn Identity));
        let mut reader = reader.map_err(|error| match error {
            DecryptError::NoMatchingKeys => "no identity matches".to_owned(),
            DecryptError::KeyDecryptionFailed => "the ssh key does not open: is the passphrase right?".to_owned(),
            _ => "the wrapped data key was changed".to_owned(),
        })?;
        let mut key = Vec::new();
        let read = reader.by_ref().take(MAX_WRAPPED as u64).read_to_end(&mut key);
        read.map_err(|_| "the wrapped data key was changed".to_owned())?;
        Ok(key)
    }
}

/// Nobody is there to be asked: the passphrase is what the Secret says.
#[derive(Clone)]
struct Passphrase(String);

impl ::age::Callbacks for Passphrase {
    fn display_message(&self, _: &str) {}

    fn confirm(&self, _: &str, _: &str, _: Option<&str>) -> Option<bool> {
        None
    }

    fn request_public_string(&self, _: &str) -> Option<String> {
        None
    }

    fn request_passphrase(&self, _: &str) -> Option<SecretString> {
        Some(SecretString::from(self.0.clone()))
    }
}
