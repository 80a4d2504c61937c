//! What opens a chart repository: credentials as they stand in a Secret, in a docker config file or in flags.

use super::git::credentials::Hidden;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use sha2::{Digest as _, Sha256};
use std::collections::BTreeMap;
use std::fmt;

/// Credentials and trust for a chart repository. `Debug` shows no secret.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Access {
    /// User for basic authentication.
    pub username: Option<String>,
    /// Password for it.
    pub password: Option<Hidden>,
    /// Token for `Authorization: Bearer`.
    pub bearer: Option<Hidden>,
    /// PEM certificates of authorities that are trusted besides the system's.
    pub ca: Option<String>,
    /// Client certificate and key in PEM, one after the other.
    pub identity: Option<Hidden>,
    /// Take any certificate.
    pub insecure: bool,
    /// Speak HTTP to OCI registries and S3 endpoints without a scheme.
    pub plain_http: bool,
    /// Show the credentials to other hosts too that an index leads to.
    pub pass_everywhere: bool,
    /// `auths` of a docker config: user and password by registry host.
    pub docker: BTreeMap<String, (String, Hidden)>,
    /// Access key id, secret key and session token of S3.
    pub s3: Option<(String, Hidden, Option<Hidden>)>,
}

const USERNAME: &[&str] = &["username"];
const PASSWORD: &[&str] = &["password", "token"];
const BEARER: &[&str] = &["bearerToken"];
const CA: &[&str] = &["ca.crt", "caFile", "caCert"];
const CERTIFICATE: &[&str] = &["tls.crt", "certFile"];
const KEY: &[&str] = &["tls.key", "keyFile"];
const DOCKER: &[&str] = &[".dockerconfigjson", "config.json"];
const S3_ID: &[&str] = &["accessKeyId", "accesskey", "AWS_ACCESS_KEY_ID"];
const S3_SECRET: &[&str] = &["secretAccessKey", "secretkey", "AWS_SECRET_ACCESS_KEY"];
const S3_TOKEN: &[&str] = &["sessionToken", "AWS_SESSION_TOKEN"];

/// The keys that a Secret may have, for messages.
pub const KEYS: &str = "username and password (or token), bearerToken, .dockerconfigjson, accessKeyId and secretAccessKey, ca.crt, tls.crt and tls.key";

/// The largest value of a Secret's key.
const MAX_VALUE: usize = 256 * 1024;

impl Access {
    /// Reads a Secret's data, under the names that Flux, Argo CD and Kubernetes' own types use.
    ///
    /// # Errors
    /// What is wrong with it, never its content.
    pub fn from_secret(data: &BTreeMap<String, Vec<u8>>) -> Result<Access, String> {
        let get = |names: &[&str]| -> Result<Option<String>, String> {
            let Some((name, bytes)) = names.iter().find_map(|name| Some((*name, data.get(*name)?))) else { return Ok(None) };
            if bytes.len() > MAX_VALUE {
                return Err(format!("the key {name} is larger than {} KiB", MAX_VALUE / 1024));
            }
            let text = std::str::from_utf8(bytes).map_err(|_| format!("the key {name} is not text"))?;
            Ok(Some(text.to_owned()).filter(|text| !text.trim().is_empty()))
        };
        let line = |names: &[&str]| -> Result<Option<String>, String> {
            let text = get(names)?.map(|text| text.trim_end_matches(['\r', '\n']).to_owned());
            match text {
                Some(text) if text.chars().any(char::is_control) => Err(format!("the key {} has more than one line", names[0])),
                text => Ok(text),
            }
        };
        let identity = match (get(CERTIFICATE)?, get(KEY)?) {
            (Some(certificate), Some(key)) => Some(Hidden::new(format!("{certificate}\n{key}"))),
            (None, None) => None,
            (Some(_), None) => return Err("it has tls.crt without tls.key".into()),
            (None, Some(_)) => return Err("it has tls.key without tls.crt".into()),
        };
        let s3 = match (line(S3_ID)?, line(S3_SECRET)?) {
            (Some(id), Some(secret)) => Some((id, Hidden::new(secret), line(S3_TOKEN)?.map(Hidden::new))),
            (None, None) => None,
            _ => return Err("it has only one of accessKeyId and secretAccessKey".into()),
        };
        let access = Access {
            username: line(USERNAME)?,
            password: line(PASSWORD)?.map(Hidden::new),
            bearer: line(BEARER)?.map(Hidden::new),
            ca: get(CA)?,
            identity,
            docker: get(DOCKER)?.map(|text| docker_auths(&text)).transpose()?.unwrap_or_default(),
            s3,
            ..Access::default()
        };
        if access.bearer.is_some() && access.password.is_some() {
            return Err("it has both bearerToken and password; keep the one that the server takes".into());
        }
        if access == Access::default() {
            let names: Vec<&str> = data.keys().map(String::as_str).take(10).collect();
            return Err(format!("it has {}, and none of {KEYS}", if names.is_empty() { "nothing".into() } else { names.join(", ") }));
        }
        Ok(access)
    }

    /// User and password for a registry: those given, else the docker config's for that host.
    pub fn basic(&self, host: &str) -> Option<(String, Hidden)> {
        if let Some(password) = &self.password {
            return Some((self.username.clone().unwrap_or_else(|| "windlass".into()), password.clone()));
        }
        self.docker.get(&docker_host(host)).cloned()
    }

    /// Says whether two are the same without keeping either.
    pub fn fingerprint(&self) -> [u8; 32] {
        let mut digest = Sha256::new();
        let mut feed = |text: &str| {
            digest.update((text.len() as u64).to_le_bytes());
            digest.update(text);
        };
        let hidden = |hidden: &Option<Hidden>| hidden.as_ref().map_or(String::new(), |hidden| hidden.expose().to_owned());
        for text in [&self.username.clone().unwrap_or_default(), &hidden(&self.password), &hidden(&self.bearer), &hidden(&self.identity)] {
            feed(text);
        }
        feed(self.ca.as_deref().unwrap_or_default());
        feed(&format!("{} {} {}", self.insecure, self.plain_http, self.pass_everywhere));
        for (host, (user, password)) in &self.docker {
            [host, user, password.expose()].iter().for_each(|text| feed(text));
        }
        if let Some((id, secret, token)) = &self.s3 {
            [id.as_str(), secret.expose(), &hidden(token)].iter().for_each(|text| feed(text));
        }
        digest.finalize().into()
    }

    /// Takes every secret out of a text that a library or server wrote, as it is and in base64.
    pub fn scrub(&self, text: &str) -> String {
        let mut text = text.to_owned();
        let mut secrets: Vec<&str> = [&self.password, &self.bearer].into_iter().flatten().map(Hidden::expose).collect();
        secrets.extend(self.docker.values().map(|(_, password)| password.expose()));
        if let Some((_, secret, token)) = &self.s3 {
            secrets.push(secret.expose());
            secrets.extend(token.as_ref().map(Hidden::expose));
        }
        for secret in secrets.into_iter().filter(|secret| secret.len() > 2) {
            text = text.replace(secret, "***").replace(&STANDARD.encode(secret), "***");
        }
        text
    }
}

impl fmt::Display for Access {
    /// Which credentials there are, for messages: the kind and the user, never the secret.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (&self.bearer, &self.password, &self.s3) {
            (Some(_), ..) => f.write_str("a bearer token"),
            (_, Some(_), _) => write!(f, "user {:?} with a password", self.username.as_deref().unwrap_or("windlass")),
            (_, _, Some((id, ..))) => write!(f, "access key {id}"),
            _ if !self.docker.is_empty() => f.write_str("a docker config"),
            _ => f.write_str("no credentials"),
        }
    }
}

/// `auths` of a docker config file: user and password by host.
///
/// # Errors
/// It is no such file.
pub fn docker_auths(text: &str) -> Result<BTreeMap<String, (String, Hidden)>, String> {
    let config: serde_json::Value = serde_json::from_str(text).map_err(|_| "the docker config is not valid JSON".to_owned())?;
    let mut found = BTreeMap::new();
    for (host, entry) in config["auths"].as_object().into_iter().flatten() {
        let decoded = entry["auth"].as_str().and_then(|auth| String::from_utf8(STANDARD.decode(auth.trim()).ok()?).ok());
        let pair = match decoded.as_ref().and_then(|pair| pair.split_once(':')) {
            Some((user, password)) => Some((user.to_owned(), password.trim_end_matches('\0').to_owned())),
            None => entry["username"].as_str().zip(entry["password"].as_str()).map(|(user, password)| (user.to_owned(), password.to_owned())),
        };
        if let Some((user, password)) = pair {
            found.insert(docker_host(host), (user, Hidden::new(password)));
        }
    }
    Ok(found)
}

/// How docker names a registry in its config: the host alone, Docker Hub by its old address.
fn docker_host(host: &str) -> String {
    let host = host.trim_start_matches("https://").trim_start_matches("http://");
    let host = host.split('/').next().unwrap_or_default();
    match host {
        "docker.io" | "index.docker.io" | "registry-1.docker.io" => "index.docker.io".into(),
        host => host.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn secret(pairs: &[(&str, &str)]) -> BTreeMap<String, Vec<u8>> {
        pairs.iter().map(|(key, value)| ((*key).to_owned(), value.as_bytes().to_vec())).collect()
    }

    #[test]
    fn secrets_of_every_kind_are_read() {
        let basic = Access::from_secret(&secret(&[("username", "u"), ("password", "hush\n")])).unwrap();
        assert_eq!(basic.basic("any").unwrap().1.expose(), "hush");
        let auth = STANDARD.encode("robot:s3cret");
        let config = format!("{{\"auths\": {{\"https://registry.example.com/v1/\": {{\"auth\": \"{auth}\"}}}}}}");
        let docker = Access::from_secret(&secret(&[(".dockerconfigjson", &config)])).unwrap();
        assert_eq!(docker.basic("registry.example.com").unwrap().0, "robot");
        assert!(docker.basic("other.example.com").is_none());
        let s3 = Access::from_secret(&secret(&[("accesskey", "id"), ("secretkey", "hush")])).unwrap();
        assert_eq!(s3.s3.as_ref().unwrap().0, "id");
        assert_eq!(s3.scrub("the key hush"), "the key ***");
        for access in [basic, docker, s3] {
            assert!(!format!("{access:?} {access}").contains("hush") && !format!("{access:?}").contains("s3cret"));
        }
    }

    #[test]
    fn a_useless_secret_is_named() {
        let why = |pairs: &[(&str, &str)]| Access::from_secret(&secret(pairs)).unwrap_err();
        assert!(why(&[("pasword", "x")]).starts_with("it has pasword, and none of username"));
        assert!(why(&[("tls.crt", "x")]).contains("without tls.key"));
        assert!(why(&[("accessKeyId", "x")]).contains("only one of"));
        assert!(why(&[(".dockerconfigjson", "{")]).contains("not valid JSON"));
        assert!(why(&[("token", "a"), ("bearerToken", "b")]).contains("both"));
    }
}
