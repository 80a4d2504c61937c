//! The file format of sops v3 (`getsops/sops` v3.13.3: `sops.go`, `aes/cipher.go`, `stores/`).

mod cipher;
mod dotenv;
mod format;
mod metadata;
mod tree;

pub use format::Format;

use super::keys::Keys;
use crate::yaml::{self, Ordered};
pub use metadata::{Metadata, Wrapped};

use metadata::Rule;
use sha2::{Digest as _, Sha512};

/// How large an encrypted file may be.
pub const MAX_FILE_BYTES: usize = 16 << 20;

/// A file in plain. It has no `Debug` that shows it.
pub struct Opened {
    /// What `sops decrypt` would print, up to layout: YAML and JSON as JSON, dotenv and binary as they were.
    pub bytes: Vec<u8>,
    /// Every text and number in it that was encrypted.
    pub secrets: Vec<String>,
}

impl std::fmt::Debug for Opened {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Opened {{ {} bytes, {} secrets }}", self.bytes.len(), self.secrets.len())
    }
}

/// Why a file was not opened. No text of the file's values is in it.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SopsError {
    /// It is no file of sops, or one that cannot be read.
    #[error("it cannot be read as {format} that sops wrote: {why}")]
    Malformed {
        /// What it was read as.
        format: &'static str,
        /// Why not.
        why: String,
    },
    /// It is encrypted in a way that is not known here.
    #[error("{0}")]
    Unsupported(String),
    /// None of the keys fits.
    #[error("none of the keys at hand opens it: it is encrypted for {}; {why}", .recipients.join(", "))]
    NoKey {
        /// Whom it is for.
        recipients: Vec<String>,
        /// What each key said.
        why: String,
    },
    /// A value does not come out.
    #[error("the value at {path} does not decrypt: it was changed since sops encrypted it")]
    Tampered {
        /// Where.
        path: String,
    },
    /// The values are not those that were encrypted.
    #[error("its MAC does not match: values were added, removed, moved or changed since sops encrypted it; encrypt it anew (sops edit) by somebody who has its key")]
    Mac,
}

/// Whether sops wrote the file: it has sops's metadata.
pub fn is_encrypted(name: &str, bytes: &[u8]) -> bool {
    // A file without the word cannot have the key: most files are not parsed a second time.
    let has = |word: &[u8]| bytes.windows(word.len()).any(|window| window == word);
    if bytes.len() > MAX_FILE_BYTES || !has(b"sops") || !has(b"mac") {
        return false;
    }
    tree::read(Format::of(name), bytes).is_ok_and(|tree| Metadata::take(Format::of(name), tree).is_ok_and(|(_, found)| found.is_some()))
}

/// Opens a file. Its name says which format it has.
///
/// # Errors
/// See [`SopsError`].
pub fn open(name: &str, bytes: &[u8], keys: &Keys) -> Result<Opened, SopsError> {
    let format = Format::of(name);
    let malformed = |why: String| SopsError::Malformed { format: format.name(), why };
    if bytes.len() > MAX_FILE_BYTES {
        return Err(malformed(format!("it is larger than {MAX_FILE_BYTES} bytes")));
    }
    let tree = tree::read(format, bytes).map_err(malformed)?;
    let (tree, metadata) = Metadata::take(format, tree).map_err(malformed)?;
    let metadata = metadata.ok_or_else(|| malformed("it has no metadata of sops".to_owned()))?;
    let rule = metadata.rule()?;
    let key = keys.data_key(&metadata)?;
    let mut opening = Opening { key: &key, rule, only_encrypted: metadata.mac_only_encrypted, hash: Sha512::new(), secrets: Vec::new(), path: Vec::new() };
    if metadata.mac_only_encrypted {
        opening.hash.update(MAC_ONLY_ENCRYPTED);
    }
    let plain = opening.value(tree, false)?;
    let mac: String = opening.hash.finalize().iter().map(|byte| format!("{byte:02X}")).collect();
    let said = cipher::decrypt(&metadata.mac, &key, &metadata.last_modified).map_err(|_| SopsError::Mac)?;
    if !matches!(said, Ordered::Text(said) if same(said.as_bytes(), mac.as_bytes())) {
        return Err(SopsError::Mac);
    }
    Ok(Opened { bytes: tree::write(format, &plain), secrets: opening.secrets })
}

/// `MACOnlyEncryptedInitialization` in `sops.go`: what such a MAC begins with, so that it is never one of the other kind.
const MAC_ONLY_ENCRYPTED: [u8; 32] = [
    0x8a, 0x3f, 0xd2, 0xad, 0x54, 0xce, 0x66, 0x52, 0x7b, 0x10, 0x34, 0xf3, 0xd1, 0x47, 0xbe, 0x0b, 0x0b, 0x97, 0x5b, 0x3b, 0xf4, 0x4f, 0x72, 0xc6, 0xfd,
    0xad, 0xec, 0x81, 0x76, 0xf2, 0x7d, 0x69,
];

/// Compares in a time that tells nothing of where they differ.
fn same(a: &[u8], b: &[u8]) -> bool {
    a.len() == b.len() && a.iter().zip(b).fold(0, |sum, (a, b)| sum | (a ^ b)) == 0
}

struct Opening<'a> {
    key: &'a [u8],
    rule: Rule,
    only_encrypted: bool,
    hash: Sha512,
    secrets: Vec<String>,
    path: Vec<String>,
}

impl Opening<'_> {
    /// `walkValue` in `sops.go`. `covered`: a key above is one that the rule names.
    fn value(&mut self, value: Ordered, covered: bool) -> Result<Ordered, SopsError> {
        match value {
            Ordered::Null => Ok(Ordered::Null),
            Ordered::List(items) => Ok(Ordered::List(items.into_iter().map(|item| self.value(item, covered)).collect::<Result<_, _>>()?)),
            Ordered::Map(pairs) => {
                let mut opened = Vec::with_capacity(pairs.len());
                for (key, value) in pairs {
                    let covered = covered || self.rule.names(&key);
                    self.path.push(key);
                    let value = self.value(value, covered)?;
                    opened.push((self.path.pop().expect("pushed above"), value));
                }
                Ok(Ordered::Map(opened))
            }
            leaf => self.leaf(leaf, self.rule.encrypts(covered)),
        }
    }

    fn leaf(&mut self, leaf: Ordered, encrypted: bool) -> Result<Ordered, SopsError> {
        if !encrypted {
            if !self.only_encrypted {
                self.hash.update(tree::bytes_of(&leaf));
            }
            return Ok(leaf);
        }
        let tampered = |path: &[String]| SopsError::Tampered { path: path.join(".") };
        let Ordered::Text(text) = &leaf else { return Err(tampered(&self.path)) };
        let aad = format!("{}:", self.path.join(":"));
        let plain = cipher::decrypt(text, self.key, &aad).map_err(|_| tampered(&self.path))?;
        let bytes = tree::bytes_of(&plain);
        self.hash.update(&bytes);
        if !matches!(plain, Ordered::Bool(_)) {
            self.secrets.push(String::from_utf8_lossy(&bytes).into_owned());
        }
        Ok(plain)
    }
}

/// A plain tree as values.
fn to_value(tree: &Ordered) -> crate::value::Value {
    use crate::value::Value;
    match tree {
        Ordered::Null => Value::Null,
        Ordered::Bool(flag) => Value::Bool(*flag),
        Ordered::Int(number) => Value::Int(*number),
        Ordered::Uint(number) => Value::Uint(*number),
        Ordered::Float(number) => Value::Float(*number),
        Ordered::Time(text) => Value::String(tree::time(text).into()),
        Ordered::Text(text) => Value::String(text.as_str().into()),
        Ordered::List(items) => Value::List(items.iter().map(to_value).collect()),
        Ordered::Map(pairs) => Value::Map(pairs.iter().map(|(key, value)| (key.as_str().into(), to_value(value))).collect()),
    }
}

/// As JSON, which every reader of YAML takes.
fn to_json(tree: &Ordered) -> Vec<u8> {
    yaml::to_json(&to_value(tree), false).into_bytes()
}
