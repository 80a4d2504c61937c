//! Kubeconfig files: JSON, which is YAML too.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use base64::{Engine, engine::general_purpose::STANDARD};
use serde_json::{Value, json};

use super::pki::Identity;

/// Writes one for a client certificate; gives its path back.
pub(super) fn write(path: &Path, server: &str, ca: &str, identity: &Identity) -> Result<PathBuf> {
    let user = json!({
        "client-certificate-data": STANDARD.encode(&identity.cert),
        "client-key-data": STANDARD.encode(&identity.key),
    });
    write_user(path, server, ca, &user)
}

/// Writes one for a bearer token.
pub(super) fn write_token(path: &Path, server: &str, ca: &str, token: &str) -> Result<PathBuf> {
    write_user(path, server, ca, &json!({"token": token}))
}

fn write_user(path: &Path, server: &str, ca: &str, user: &Value) -> Result<PathBuf> {
    let config = json!({
        "apiVersion": "v1",
        "kind": "Config",
        "clusters": [{"name": "test", "cluster": {
            "server": server, "certificate-authority-data": STANDARD.encode(ca),
        }}],
        "users": [{"name": "user", "user": user}],
        "contexts": [{"name": "test", "context": {"cluster": "test", "user": "user"}}],
        "current-context": "test",
    });
    fs::write(path, serde_json::to_vec_pretty(&config)?)
        .with_context(|| format!("writing {}", path.display()))?;
    Ok(path.to_owned())
}
