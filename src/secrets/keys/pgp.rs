//! PGP secret keys, as `gpg --export-secret-keys --armor` gives them.

use super::{KeySource, Wrapped};
use ::pgp::{
    composed::{Deserializable as _, Message, SignedSecretKey},
    types::Password,
};

/// How large a wrapped data key may be.
const MAX_WRAPPED: usize = 64 << 10;

struct Pgp {
    key: SignedSecretKey,
    passphrase: String,
}

/// Reads the keys of an armored text.
pub(super) fn read(text: &str, passphrase: Option<&str>) -> Result<Vec<Box<dyn KeySource>>, String> {
    let unreadable = || "is no PGP secret key: export it by gpg --export-secret-keys --armor".to_owned();
    let (keys, _) = SignedSecretKey::from_armor_many(text.as_bytes()).map_err(|_| unreadable())?;
    let mut found: Vec<Box<dyn KeySource>> = Vec::new();
    for key in keys {
        let key = key.map_err(|_| unreadable())?;
        found.push(Box::new(Pgp { key, passphrase: passphrase.unwrap_or_default().to_owned() }));
    }
    if found.is_empty() { Err(unreadable()) } else { Ok(found) }
}

impl KeySource for Pgp {
    fn kind(&self) -> &'static str {
        "pgp"
    }

    fn unwrap(&self, wrapped: &Wrapped) -> Result<Vec<u8>, String> {
        if wrapped.text.len() > MAX_WRAPPED {
            return Err("the wrapped data key is too large".to_owned());
        }
        let (message, _) = Message::from_string(&wrapped.text).map_err(|_| "the wrapped data key is no PGP message".to_owned())?;
        let fails = |_| "no secret key opens the data key (is it the right key, and its passphrase in the entry \"passphrase\"?)".to_owned();
        let message = message.decrypt(&Password::from(self.passphrase.as_str()), &self.key).map_err(fails)?;
        let mut message = if message.is_compressed() { message.decompress().map_err(|_| "the wrapped data key was changed".to_owned())? } else { message };
        message.as_data_vec().map_err(|_| "the wrapped data key was changed".to_owned())
    }
}
