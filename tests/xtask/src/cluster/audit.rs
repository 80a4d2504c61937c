//! The audit log: what the API server was asked, by whom. Tests count requests with it.

use std::fs;
use std::path::Path;

use anyhow::{Context, Result};
use serde_json::Value;

/// Requests of the cluster's own parts are left out, and of the others the moment of their arrival.
pub(super) const POLICY: &str = r#"{
  "apiVersion": "audit.k8s.io/v1", "kind": "Policy", "omitStages": ["RequestReceived"],
  "rules": [
    {"level": "None", "users": ["system:apiserver", "system:kube-controller-manager", "system:kube-scheduler",
                                "system:kube-proxy", "system:anonymous", "kwok", "xtask"]},
    {"level": "None", "userGroups": ["system:nodes"]},
    {"level": "Metadata"}
  ]
}"#;

/// One line of the log.
#[derive(Clone, Debug)]
pub struct Request {
    /// `system:serviceaccount:NAMESPACE:NAME`, or the name of the certificate.
    pub user: String,
    /// `get list watch create update patch delete …`.
    pub verb: String,
    /// With its query.
    pub uri: String,
    /// The HTTP status; 0 if none was sent.
    pub code: u16,
    /// What the client calls itself.
    pub user_agent: String,
    /// `ResponseStarted` (watches only), `ResponseComplete` or `Panic`.
    pub stage: String,
    /// The whole event.
    pub event: Value,
}

/// Reads the log. A request counts once: the start of a watch stands for it, its end is left out.
pub(super) fn read(path: &Path) -> Result<Vec<Request>> {
    let text = fs::read_to_string(path)
        .with_context(|| format!("reading the audit log {}", path.display()))?;
    // The last line may be half written.
    let whole = text.rfind('\n').map_or("", |end| &text[..end]);
    let mut requests = Vec::new();
    for line in whole.lines() {
        let event: Value =
            serde_json::from_str(line).with_context(|| format!("audit log: not JSON: {line}"))?;
        let text = |pointer: &str| {
            event
                .pointer(pointer)
                .and_then(Value::as_str)
                .unwrap_or_default()
                .to_owned()
        };
        let request = Request {
            user: text("/user/username"),
            verb: text("/verb"),
            uri: text("/requestURI"),
            code: event
                .pointer("/responseStatus/code")
                .and_then(Value::as_u64)
                .unwrap_or(0) as u16,
            user_agent: text("/userAgent"),
            stage: text("/stage"),
            event,
        };
        // A watch that was answered is written twice; one that was refused only at its end.
        if request.verb == "watch" && request.stage == "ResponseComplete" && request.code == 200 {
            continue;
        }
        requests.push(request);
    }
    Ok(requests)
}
