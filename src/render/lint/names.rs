//! Names of objects by kind: `validateMetadataNameFunc` in Helm's `pkg/chart/v2/lint/rules/template.go`.

use crate::chart::log::quote;

/// Checks `metadata.name` after the rules for the kind.
pub(super) fn check(kind: &str, name: &str) -> Result<(), String> {
    let messages = match kind.to_lowercase().as_str() {
        "service" => dns1035(name),
        "namespace" => namespace(name),
        "certificatesigningrequest" => Vec::new(),
        "role" | "clusterrole" | "rolebinding" | "clusterrolebinding" => path_segment(name),
        _ => subdomain(name),
    };
    if messages.is_empty() {
        return Ok(());
    }
    let quoted = quote(name);
    let each: Vec<String> = messages.iter().map(|text| format!("metadata.name: Invalid value: {quoted}: {text}")).collect();
    let all = if each.len() == 1 { each[0].clone() } else { format!("[{}]", each.join(", ")) };
    Err(format!("object name does not conform to Kubernetes naming requirements: {quoted}: {all}"))
}

/// `[a-z0-9]([-a-z0-9]*[a-z0-9])?`
fn is_label(text: &str) -> bool {
    let plain = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit();
    let bytes = text.as_bytes();
    bytes.first().is_some_and(|&byte| plain(byte))
        && bytes.last().is_some_and(|&byte| plain(byte))
        && bytes.iter().all(|&byte| plain(byte) || byte == b'-')
}

fn subdomain(name: &str) -> Vec<String> {
    let mut messages = Vec::new();
    if name.len() > 253 {
        messages.push("must be no more than 253 characters".to_owned());
    }
    if !name.split('.').all(is_label) {
        messages.push(r"a lowercase RFC 1123 subdomain must consist of lower case alphanumeric characters, '-' or '.', and must start and end with an alphanumeric character (e.g. 'example.com', regex used for validation is '[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*')".to_owned());
    }
    messages
}

fn namespace(name: &str) -> Vec<String> {
    let mut messages = Vec::new();
    if name.len() > 63 {
        messages.push("must be no more than 63 characters".to_owned());
    }
    if !is_label(name) {
        if name.split('.').all(is_label) {
            messages.push("must not contain dots".to_owned());
        } else {
            messages.push("a lowercase RFC 1123 label must consist of lower case alphanumeric characters or '-', and must start and end with an alphanumeric character (e.g. 'my-name',  or '123-abc', regex used for validation is '[a-z0-9]([-a-z0-9]*[a-z0-9])?')".to_owned());
        }
    }
    messages
}

fn dns1035(name: &str) -> Vec<String> {
    let mut messages = Vec::new();
    if name.len() > 63 {
        messages.push("must be no more than 63 characters".to_owned());
    }
    if !is_label(name) || !name.starts_with(|c: char| c.is_ascii_lowercase()) {
        messages.push("a DNS-1035 label must consist of lower case alphanumeric characters or '-', start with an alphabetic character, and end with an alphanumeric character (e.g. 'my-name',  or 'abc-123', regex used for validation is '[a-z]([-a-z0-9]*[a-z0-9])?')".to_owned());
    }
    messages
}

fn path_segment(name: &str) -> Vec<String> {
    if matches!(name, "." | "..") {
        return vec![format!("may not be '{name}'")];
    }
    ["/", "%"].iter().filter(|part| name.contains(**part)).map(|part| format!("may not contain '{part}'")).collect()
}
