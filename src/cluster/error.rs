//! What the API server refused, and which class of trouble that is.

use crate::decide::{Class, Failure};
use serde_json::Value;

/// A request that failed.
#[derive(Clone, Debug, thiserror::Error)]
#[error("{message}")]
pub struct ApiError {
    /// The HTTP status; 0 where no answer came.
    pub code: u16,
    /// Kubernetes' word for it: `NotFound`, `Conflict`, `Invalid`, `Forbidden` …
    pub reason: String,
    /// The server's own sentence, or what kept us from asking.
    pub message: String,
    /// `details.causes` of the answer: field conflicts, invalid fields.
    pub causes: Vec<Cause>,
    /// `Retry-After`, in seconds.
    pub retry_after: Option<u64>,
}

/// One cause that the server names.
#[derive(Clone, Debug, PartialEq)]
pub struct Cause {
    /// `FieldManagerConflict`, `FieldValueInvalid` …
    pub reason: String,
    /// The field.
    pub field: String,
    /// The sentence.
    pub message: String,
}

impl ApiError {
    /// Nothing was sent: the configuration is wrong.
    pub fn config(message: String) -> Self {
        ApiError { code: 0, reason: "Config".into(), message, causes: Vec::new(), retry_after: None }
    }

    /// No answer came.
    pub fn unreachable(message: String) -> Self {
        ApiError { code: 0, reason: "Unreachable".into(), message, causes: Vec::new(), retry_after: None }
    }

    /// Nothing was sent: this agent no longer holds the lease.
    pub fn not_leading() -> Self {
        ApiError { reason: "NotLeading".into(), ..ApiError::unreachable("this agent no longer holds the lease: nothing was written".into()) }
    }

    /// From an answer that is not 2xx.
    pub fn answer(code: u16, retry_after: Option<u64>, body: &[u8]) -> Self {
        let status: Value = serde_json::from_slice(body).unwrap_or(Value::Null);
        let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
        let causes = status["details"]["causes"].as_array().map(|causes| {
            let cause = |c: &Value| Cause { reason: text(&c["reason"]), field: text(&c["field"]), message: text(&c["message"]) };
            causes.iter().map(cause).collect()
        });
        let message = match text(&status["message"]) {
            empty if empty.is_empty() => format!("the API server answered {code}"),
            message => message,
        };
        ApiError { code, reason: text(&status["reason"]), message, causes: causes.unwrap_or_default(), retry_after }
    }

    /// The object does not exist.
    pub fn is_not_found(&self) -> bool {
        self.code == 404
    }

    /// Somebody wrote in between, or it exists already.
    pub fn is_conflict(&self) -> bool {
        self.code == 409
    }

    /// Field conflicts of a server-side apply: manager and field.
    pub fn field_conflicts(&self) -> impl Iterator<Item = &Cause> {
        self.causes.iter().filter(|cause| cause.reason == "FieldManagerConflict")
    }

    /// The class of trouble.
    pub fn class(&self) -> Class {
        match self.code {
            409 if self.field_conflicts().next().is_some() => Class::Conflict,
            0 if self.reason == "Config" => Class::Config,
            // The server calls a field of the wrong type its own error (`managedfields` in apimachinery): it never passes.
            500 if self.message.contains("failed to create typed patch object") => Class::Config,
            0 | 408 | 409 | 410 | 425 | 429 | 500..=599 => Class::Transient,
            401 | 403 => Class::Denied,
            _ => Class::Config,
        }
    }

    /// The RBAC rule that would have allowed what was forbidden, in the words of a Role, where the server says what it was
    /// (`apiserver/pkg/endpoints/handlers/responsewriters/errors.go`).
    fn missing_rule(&self) -> Option<String> {
        let (_, cannot) = self.message.split_once(" cannot ")?;
        let (verb, rest) = cannot.split_once(" resource \"")?;
        let (resource, rest) = rest.split_once('"')?;
        let (_, rest) = rest.split_once("in API group \"")?;
        let (group, _) = rest.split_once('"')?;
        Some(format!("{{apiGroups: [\"{group}\"], resources: [\"{resource}\"], verbs: [\"{verb}\"]}}"))
    }

    /// As a failure of doing `what` (on which object).
    pub fn failure(&self, what: &str) -> Failure {
        let class = self.class();
        if let Some(rule) = self.missing_rule().filter(|_| class == Class::Denied) {
            let message = format!("{what}: {}; the roles of the agent's account lack the rule {rule}", self.message);
            return Failure::new(class, "Forbidden", message);
        }
        let (reason, hint) = match class {
            Class::Transient if self.code == 0 => ("ApiServerUnreachable", ""),
            Class::Transient => ("ApiServerBusy", ""),
            Class::Conflict => ("FieldConflict", "; let that manager give the field up, remove it from the chart, or set sync.forceConflicts"),
            Class::Denied => ("Forbidden", "; grant the agent's ServiceAccount that verb by a Role or ClusterRole"),
            _ if self.code == 404 => ("NotFound", ""),
            _ if self.code == 413 => ("TooLarge", ""),
            _ => ("Invalid", ""),
        };
        Failure::new(class, reason, format!("{what}: {}{hint}", self.message))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_forbidden_names_the_rule_that_lacks() {
        let said = r#"deployments.apps "web" is forbidden: User "system:serviceaccount:a:b" cannot patch resource "deployments" in API group "apps" in the namespace "shop""#;
        let error = ApiError { code: 403, reason: "Forbidden".into(), message: said.into(), causes: Vec::new(), retry_after: None };
        let failure = error.failure("applying Deployment shop/web");
        assert_eq!((failure.class, failure.reason.as_str()), (Class::Denied, "Forbidden"));
        assert!(failure.message.ends_with(r#"lack the rule {apiGroups: ["apps"], resources: ["deployments"], verbs: ["patch"]}"#), "{}", failure.message);
        let quota = ApiError { message: "exceeded quota: compute".into(), ..error };
        assert!(quota.failure("applying").message.contains("exceeded quota"), "not everything forbidden is a matter of roles");
    }
}
