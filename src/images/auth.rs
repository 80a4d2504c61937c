//! Registry credentials as they stand in a Secret: Docker's own configuration, or user and password.

use base64::{Engine as _, engine::general_purpose::STANDARD};
use serde_json::Value;
use std::{collections::BTreeMap, fmt};

/// What opens registries, by host. `Debug` shows no secret.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Credentials {
    /// Host (with its port) to user and password; an empty host is any.
    hosts: BTreeMap<String, (String, String)>,
    /// PEM certificates of authorities that are trusted besides the system's.
    pub ca: Option<String>,
}

impl fmt::Debug for Credentials {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Credentials").field("hosts", &self.hosts.keys()).field("ca", &self.ca.is_some()).finish()
    }
}

impl Credentials {
    /// Reads a Secret's data: `.dockerconfigjson`, `config.json` or `.dockercfg`, or `username` and `password`; `ca.crt`.
    ///
    /// # Errors
    /// What is wrong with it; never its content.
    pub fn from_secret(data: &BTreeMap<String, Vec<u8>>) -> Result<Credentials, String> {
        let text = |key: &str| data.get(key).map(|bytes| String::from_utf8_lossy(bytes).into_owned());
        let mut found = Credentials { hosts: BTreeMap::new(), ca: text("ca.crt") };
        for key in [".dockerconfigjson", "config.json", ".dockercfg"] {
            let Some(bytes) = data.get(key) else { continue };
            let json: Value = serde_json::from_slice(bytes).map_err(|error| format!("the key {key} is not JSON (line {})", error.line()))?;
            let hosts = if key == ".dockercfg" { &json } else { &json["auths"] };
            let hosts = hosts.as_object().ok_or_else(|| format!("the key {key} has no map \"auths\""))?;
            for (host, entry) in hosts {
                if let Some(login) = login(entry) {
                    found.hosts.insert(plain(host), login);
                }
            }
        }
        if let (Some(user), Some(password)) = (text("username"), text("password")) {
            found.hosts.insert(String::new(), (user.trim_end().to_owned(), password.trim_end_matches(['\r', '\n']).to_owned()));
        }
        if found == Credentials::default() {
            let keys: Vec<&str> = data.keys().map(String::as_str).take(10).collect();
            return Err(format!("it has {}, and none of .dockerconfigjson, username/password or ca.crt", keys.join(", ")));
        }
        Ok(found)
    }

    /// User and password for a registry: those of its host, else those that are for any.
    pub fn login(&self, host: &str) -> Option<(&str, &str)> {
        let found = self.hosts.get(&plain(host)).or_else(|| self.hosts.get(""));
        found.map(|(user, password)| (user.as_str(), password.as_str()))
    }

    /// Takes every secret out of a text that a library or server wrote.
    pub fn scrub(&self, text: &str) -> String {
        let secrets = self.hosts.values().map(|(_, password)| password).filter(|secret| secret.len() > 2);
        secrets.fold(text.to_owned(), |text, secret| text.replace(secret.as_str(), "***"))
    }
}

fn login(entry: &Value) -> Option<(String, String)> {
    if let Some(decoded) = entry["auth"].as_str().and_then(|auth| STANDARD.decode(auth.trim()).ok()).and_then(|bytes| String::from_utf8(bytes).ok())
        && let Some((user, password)) = decoded.split_once(':')
    {
        return Some((user.to_owned(), password.trim_end_matches('\0').to_owned()));
    }
    Some((entry["username"].as_str()?.to_owned(), entry["password"].as_str()?.to_owned()))
}

/// `https://index.docker.io/v1/` and the like to a host.
fn plain(host: &str) -> String {
    let host = host.split_once("://").map_or(host, |(_, rest)| rest);
    let host = host.split('/').next().unwrap_or_default().to_lowercase();
    if matches!(host.as_str(), "index.docker.io" | "registry-1.docker.io") { "docker.io".into() } else { host }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn secret(pairs: &[(&str, &str)]) -> BTreeMap<String, Vec<u8>> {
        pairs.iter().map(|(key, value)| ((*key).to_owned(), value.as_bytes().to_vec())).collect()
    }

    #[test]
    fn docker_configurations_are_read() {
        let json = format!(r#"{{"auths":{{"https://index.docker.io/v1/":{{"auth":"{}"}},"ghcr.io":{{"username":"u","password":"hush-hush"}}}}}}"#, STANDARD.encode("me:pass:word"));
        let found = Credentials::from_secret(&secret(&[(".dockerconfigjson", &json)])).unwrap();
        assert_eq!(found.login("docker.io"), Some(("me", "pass:word")));
        assert_eq!(found.login("ghcr.io"), Some(("u", "hush-hush")));
        assert_eq!(found.login("quay.io"), None);
        assert!(!format!("{found:?}").contains("hush"));
        assert_eq!(found.scrub("it said hush-hush"), "it said ***");
        let any = Credentials::from_secret(&secret(&[("username", "a"), ("password", "b\n")])).unwrap();
        assert_eq!(any.login("any.example:5000"), Some(("a", "b")));
        assert!(Credentials::from_secret(&secret(&[("x", "y")])).unwrap_err().contains("it has x, and none of"));
        assert!(Credentials::from_secret(&secret(&[(".dockerconfigjson", "{")])).unwrap_err().contains("not JSON"));
    }
}
