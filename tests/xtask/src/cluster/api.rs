//! A plain client of the Kubernetes API: JSON in, JSON out, blocking. Enough for tests, the demo and the benchmark's floor.

use std::time::Duration;

use anyhow::{Context, Result, bail};
use serde_json::{Value, json};
use ureq::tls::{Certificate, ClientCert, PrivateKey, RootCerts, TlsConfig};
use ureq::{Agent, http};

use super::pki::Identity;

/// A connection pool to one API server as one user.
#[derive(Clone)]
pub struct Api {
    agent: Agent,
    server: String,
}

/// How long one request may take.
const REQUEST_TIMEOUT: Duration = Duration::from_secs(60);

impl Api {
    /// A client that trusts `ca` and shows `identity`.
    pub fn new(server: &str, ca: &str, identity: &Identity) -> Result<Self> {
        Self::within(server, ca, identity, Some(REQUEST_TIMEOUT))
    }

    /// The same, whose requests may take for ever, as watches do.
    pub fn unhurried(server: &str, ca: &str, identity: &Identity) -> Result<Self> {
        Self::within(server, ca, identity, None)
    }

    fn within(server: &str, ca: &str, identity: &Identity, limit: Option<Duration>) -> Result<Self> {
        let root = Certificate::from_pem(ca.as_bytes())?;
        let cert = Certificate::from_pem(identity.cert.as_bytes())?;
        let key = PrivateKey::from_pem(identity.key.as_bytes())?;
        let tls = TlsConfig::builder()
            .root_certs(RootCerts::new_with_certs(&[root]))
            .client_cert(Some(ClientCert::new_with_certs(&[cert], key)))
            .build();
        let config = Agent::config_builder()
            .tls_config(tls)
            .proxy(None)
            .http_status_as_error(false)
            .timeout_global(limit)
            .max_idle_connections_per_host(64)
            .user_agent("windlass-xtask")
            .build();
        Ok(Self {
            agent: config.into(),
            server: server.trim_end_matches('/').to_owned(),
        })
    }

    /// One request; gives the HTTP status and the body as text, whatever the status is.
    pub fn raw(
        &self,
        method: &str,
        path: &str,
        content_type: &str,
        body: &str,
    ) -> Result<(u16, String)> {
        let what = || format!("{method} {path}");
        let request = http::Request::builder()
            .method(method)
            .uri(format!("{}{path}", self.server))
            .header("accept", "application/json")
            .header("content-type", content_type)
            .body(body.to_owned())?;
        let mut response = self.agent.run(request).with_context(what)?;
        let text = response
            .body_mut()
            .with_config()
            .limit(1 << 28)
            .read_to_string()
            .with_context(what)?;
        Ok((response.status().as_u16(), text))
    }

    /// One request with these headers; the answer is read by the caller.
    pub fn forward(&self, method: &str, path: &str, headers: &[(&str, &str)], body: Vec<u8>) -> Result<http::Response<ureq::Body>> {
        let mut request = http::Request::builder().method(method).uri(format!("{}{path}", self.server));
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        self.agent.run(request.body(body)?).with_context(|| format!("{method} {path}"))
    }

    /// One request that has to succeed.
    pub fn request(
        &self,
        method: &str,
        path: &str,
        content_type: &str,
        body: &Value,
    ) -> Result<Value> {
        let body = if body.is_null() {
            String::new()
        } else {
            body.to_string()
        };
        let (status, text) = self.raw(method, path, content_type, &body)?;
        if !(200..300).contains(&status) {
            bail!("{method} {path}: {status}: {}", message(&text));
        }
        serde_json::from_str(&text).with_context(|| format!("{method} {path}: answer is not JSON"))
    }

    /// Reads an object or a list.
    pub fn get(&self, path: &str) -> Result<Value> {
        self.request("GET", path, "application/json", &Value::Null)
    }

    /// Reads an object that need not exist.
    pub fn find(&self, path: &str) -> Result<Option<Value>> {
        let (status, text) = self.raw("GET", path, "application/json", "")?;
        match status {
            404 => Ok(None),
            200 => Ok(Some(serde_json::from_str(&text)?)),
            _ => bail!("GET {path}: {status}: {}", message(&text)),
        }
    }

    /// Creates an object at the path of its collection.
    pub fn create(&self, path: &str, object: &Value) -> Result<Value> {
        self.request("POST", path, "application/json", object)
    }

    /// Server-side apply, forced, at the path of the object.
    pub fn apply(&self, path: &str, object: &Value) -> Result<Value> {
        let path = format!("{path}?fieldManager=windlass-xtask&force=true");
        self.request("PATCH", &path, "application/apply-patch+yaml", object)
    }

    /// A JSON merge patch at the path of the object (or a subresource of it).
    pub fn merge(&self, path: &str, patch: &Value) -> Result<Value> {
        self.request("PATCH", path, "application/merge-patch+json", patch)
    }

    /// Deletes an object, its dependents in the background.
    pub fn delete(&self, path: &str) -> Result<Value> {
        self.request(
            "DELETE",
            path,
            "application/json",
            &json!({"propagationPolicy": "Background"}),
        )
    }
}

fn message(text: &str) -> String {
    let status: Option<Value> = serde_json::from_str(text).ok();
    status
        .and_then(|s| Some(s.get("message")?.as_str()?.to_owned()))
        .unwrap_or_else(|| text.trim().to_owned())
}
