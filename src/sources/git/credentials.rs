//! Credentials as they stand in a Secret, under the names that Flux, Argo CD and Kubernetes' own types use.

use std::collections::BTreeMap;
use std::fmt;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use sha2::{Digest, Sha256};

use crate::sources::SourceError;

/// A text that never shows itself.
#[derive(Clone, PartialEq, Eq)]
pub struct Hidden(String);

impl Hidden {
    /// Hides a text.
    pub fn new(text: String) -> Self {
        Self(text)
    }

    /// The text, for the one place that sends it.
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Hidden {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("***")
    }
}

/// What opens a repository. Empty for a public one. `Debug` shows which parts are set and no secret.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Credentials {
    /// User for basic authentication; for a token alone hosts take any user name.
    pub username: Option<String>,
    /// Password or token for basic authentication.
    pub password: Option<Hidden>,
    /// Token for `Authorization: Bearer`.
    pub bearer: Option<Hidden>,
    /// PEM certificates of authorities that are trusted besides the system's.
    pub ca: Option<String>,
    /// Private SSH key in PEM or OpenSSH format.
    pub identity: Option<Hidden>,
    /// Passphrase of the key.
    pub passphrase: Option<Hidden>,
    /// Lines as in OpenSSH's known_hosts.
    pub known_hosts: Option<String>,
}

const USERNAME: &[&str] = &["username"];
const PASSWORD: &[&str] = &["password", "token"];
const BEARER: &[&str] = &["bearerToken"];
const CA: &[&str] = &["ca.crt", "caFile", "caCert"];
const IDENTITY: &[&str] = &["identity", "sshPrivateKey", "ssh-privatekey"];
const PASSPHRASE: &[&str] = &["passphrase", "sshPrivateKeyPassphrase"];
const KNOWN_HOSTS: &[&str] = &["known_hosts", "ssh_known_hosts", "knownHosts"];

/// The keys that a Secret for HTTPS needs, for messages.
pub const HTTP_KEYS: &str = "the keys username and password (or token), or bearerToken";
/// The keys that a Secret for SSH needs, for messages.
pub const SSH_KEYS: &str = "the keys identity (the private SSH key) and known_hosts";

const MAX_VALUE: usize = 256 * 1024;

impl Credentials {
    /// Reads a Secret's data. Names of other tools are taken too; what cannot work is refused here with the key's name.
    pub fn from_secret(data: &BTreeMap<String, Vec<u8>>) -> Result<Self, SourceError> {
        let get = |names: &[&str]| -> Result<Option<String>, SourceError> {
            for name in names {
                let Some(bytes) = data.get(*name) else { continue };
                if bytes.len() > MAX_VALUE {
                    return Err(invalid(format!("the key {name} is larger than {} KiB", MAX_VALUE / 1024)));
                }
                let text = std::str::from_utf8(bytes).map_err(|_| invalid(format!("the key {name} is not text")))?;
                if !text.trim().is_empty() {
                    return Ok(Some(text.to_string()));
                }
            }
            Ok(None)
        };
        // A newline at the end is the commonest fault of a Secret made from a file, and no token has one.
        let line = |names: &[&str]| -> Result<Option<String>, SourceError> {
            let Some(text) = get(names)? else { return Ok(None) };
            let text = text.trim_end_matches(['\r', '\n']).to_string();
            if text.chars().any(char::is_control) {
                return Err(invalid(format!("the key {} has more than one line", names[0])));
            }
            Ok(Some(text))
        };
        let mut creds = Self {
            username: line(USERNAME)?,
            password: line(PASSWORD)?.map(Hidden),
            bearer: line(BEARER)?.map(Hidden),
            ca: get(CA)?,
            identity: get(IDENTITY)?.map(Hidden),
            passphrase: line(PASSPHRASE)?.map(Hidden),
            known_hosts: get(KNOWN_HOSTS)?,
        };
        if creds == Self::default() {
            return Err(invalid(found(data)));
        }
        // Flux keeps the key's passphrase in `password`.
        if creds.identity.is_some() && creds.passphrase.is_none() {
            creds.passphrase = creds.password.clone();
        }
        if creds.bearer.is_some() && creds.password.is_some() {
            return Err(invalid("it has both bearerToken and password; keep the one that the server takes".into()));
        }
        if creds.identity.as_ref().is_some_and(|key| !key.0.contains("PRIVATE KEY-----")) {
            return Err(invalid("the key identity holds no private SSH key (a public one, perhaps?)".into()));
        }
        if creds.ca.as_ref().is_some_and(|ca| !ca.contains("-----BEGIN CERTIFICATE-----")) {
            return Err(invalid("the key ca.crt holds no PEM certificate".into()));
        }
        Ok(creds)
    }

    /// What was tried, for messages: the kind and the user, never the secret.
    pub fn shown(&self) -> String {
        match (&self.bearer, &self.password, &self.identity) {
            (Some(_), ..) => "a bearer token".into(),
            (_, _, Some(_)) => "an SSH key".into(),
            (_, Some(_), _) => format!("user {:?} with a password or token", self.user()),
            _ => "no password, token or key".into(),
        }
    }

    /// The user name for basic authentication. Hosts that take a token as the password accept any name but an empty one.
    pub fn user(&self) -> &str {
        self.username.as_deref().unwrap_or("git")
    }

    /// True when there is something to show a server over HTTP.
    pub fn has_http(&self) -> bool {
        self.password.is_some() || self.bearer.is_some()
    }

    /// Only what says whom to trust, for another host than the one the secrets are for. A key stays: SSH shows no host
    /// the private key, and which hosts are talked to at all is up to known_hosts.
    pub fn for_other_host(&self) -> Self {
        Self { username: None, password: None, bearer: None, ..self.clone() }
    }

    /// Says whether two are the same without keeping either.
    pub fn fingerprint(&self) -> [u8; 32] {
        let mut digest = Sha256::new();
        let hidden = |h: &Option<Hidden>| h.as_ref().map(|h| h.0.clone());
        let parts = [
            self.username.clone(),
            hidden(&self.password),
            hidden(&self.bearer),
            self.ca.clone(),
            hidden(&self.identity),
            hidden(&self.passphrase),
            self.known_hosts.clone(),
        ];
        for part in parts {
            digest.update([u8::from(part.is_some())]);
            let text = part.unwrap_or_default();
            digest.update((text.len() as u64).to_le_bytes());
            digest.update(text);
        }
        digest.finalize().into()
    }

    /// Takes every secret out of a text that a library or server wrote, as it is and in base64.
    pub fn scrub(&self, text: &str) -> String {
        let mut text = text.to_string();
        let secrets = [&self.password, &self.bearer, &self.passphrase];
        for secret in secrets.into_iter().flatten().map(|h| h.expose()).filter(|s| s.len() > 2) {
            text = text.replace(secret, "***");
            text = text.replace(&STANDARD.encode(secret), "***");
            text = text.replace(&STANDARD.encode(format!("{}:{secret}", self.user())), "***");
        }
        text
    }
}

fn invalid(why: String) -> SourceError {
    SourceError::CredentialsInvalid { why }
}

fn found(data: &BTreeMap<String, Vec<u8>>) -> String {
    let names: Vec<&str> = data.keys().map(String::as_str).take(10).collect();
    let has = if names.is_empty() { "it is empty".into() } else { format!("it has {}", names.join(", ")) };
    format!("{has}, and none of username/password, token, bearerToken, identity/sshPrivateKey, known_hosts or ca.crt")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn secret(pairs: &[(&str, &str)]) -> BTreeMap<String, Vec<u8>> {
        pairs.iter().map(|(k, v)| (k.to_string(), v.as_bytes().to_vec())).collect()
    }

    #[test]
    fn flux_and_argo_key_names_are_taken() {
        let flux = Credentials::from_secret(&secret(&[
            ("identity", "-----BEGIN OPENSSH PRIVATE KEY-----\nx"),
            ("identity.pub", "ssh-ed25519 A"),
            ("known_hosts", "h ssh-ed25519 A"),
            ("password", "phrase\n"),
        ]))
        .unwrap();
        assert_eq!(flux.passphrase.unwrap().expose(), "phrase");
        let argo = Credentials::from_secret(&secret(&[("url", "x"), ("sshPrivateKey", "-----BEGIN RSA PRIVATE KEY-----")])).unwrap();
        assert!(argo.identity.is_some());
        let basic = Credentials::from_secret(&secret(&[("username", "u"), ("password", "p")])).unwrap();
        assert_eq!((basic.user(), basic.password.as_ref().unwrap().expose()), ("u", "p"));
    }

    #[test]
    fn a_useless_secret_is_named() {
        let why = |pairs: &[(&str, &str)]| Credentials::from_secret(&secret(pairs)).unwrap_err().to_string();
        assert!(why(&[("pasword", "x")]).contains("it has pasword, and none of"));
        assert!(why(&[("identity", "ssh-ed25519 AAAA")]).contains("no private SSH key"));
        assert!(why(&[("ca.crt", "zzz")]).contains("no PEM certificate"));
        assert!(why(&[("bearerToken", "a\nb")]).contains("more than one line"));
    }

    #[test]
    fn debug_and_scrub_show_no_secret() {
        let creds = Credentials::from_secret(&secret(&[("username", "u"), ("password", "hush-hush")])).unwrap();
        assert!(!format!("{creds:?}").contains("hush"));
        let text = format!("server said hush-hush and {}", STANDARD.encode("u:hush-hush"));
        assert_eq!(creds.scrub(&text), "server said *** and ***");
        assert!(creds.for_other_host().password.is_none());
    }
}
