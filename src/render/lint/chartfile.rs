//! Chart.yaml: Helm's `pkg/chart/v2/lint/rules/chartfile.go`.

use super::addresses::{is_email, is_request_url, is_url};
use super::{Linter, Severity};
use crate::chart::log::quote;
use crate::chart::metadata::METADATA;
use crate::chart::{Metadata, decode_yaml, decode_yaml_strict, gopath};
use crate::template::semver::{Constraints, Version};
use crate::value::Value;

const PATH: &str = "Chart.yaml";

pub(super) fn lint(linter: &mut Linter, text: &[u8]) {
    let mut value = Value::Null;
    let parsed = decode_yaml(text, &METADATA, &mut value).map_err(|error| format!("unable to parse YAML\n\t{error}"));
    if !linter.rule(Severity::Error, PATH, parsed) {
        return;
    }
    let strict = decode_yaml_strict(text, &METADATA, &mut Value::Null);
    let strict = strict.map_err(|error| format!("failed to strictly parse chart metadata file\n\t{error}"));
    linter.rule(Severity::Warning, PATH, strict);
    let raw = crate::yaml::from_yaml(text).unwrap_or_default();
    // Empty entries are a rule's business here, not the loader's.
    let empty_maintainer = value.get("maintainers").and_then(Value::as_list).is_some_and(|list| list.contains(&Value::Null));
    for key in ["maintainers", "dependencies"] {
        if let Some(Value::List(list)) = value.as_map_mut().and_then(|map| map.get_mut(key.as_bytes())) {
            list.retain(|item| !item.is_null());
        }
    }
    let metadata = Metadata::from_value(&value).unwrap_or_default();
    linter.rule(Severity::Error, PATH, name(&metadata));
    linter.rule(Severity::Error, PATH, api_version(&metadata));
    linter.rule(Severity::Error, PATH, is_text(&raw, "version"));
    linter.rule(Severity::Error, PATH, version(&metadata));
    linter.rule(Severity::Error, PATH, is_text(&raw, "appVersion"));
    let maintainers = match empty_maintainer {
        true => Err("a maintainer entry is empty".to_owned()),
        false => maintainers(&metadata),
    };
    linter.rule(Severity::Error, PATH, maintainers);
    let bad_source = metadata.sources.iter().find(|source| !is_request_url(source));
    linter.rule(Severity::Error, PATH, bad_source.map_or(Ok(()), |source| Err(format!("invalid source URL '{source}'"))));
    let icon = &metadata.icon;
    linter.rule(Severity::Info, PATH, if icon.is_empty() { Err("icon is recommended".to_owned()) } else { Ok(()) });
    let icon_fits = icon.is_empty() || is_request_url(icon);
    linter.rule(Severity::Error, PATH, if icon_fits { Ok(()) } else { Err(format!("invalid icon URL '{icon}'")) });
    let api = &metadata.api_version;
    if !metadata.kind.is_empty() && api != "v2" {
        let text = format!("chart type is not valid in apiVersion '{api}'. It is valid in apiVersion 'v2'");
        linter.rule(Severity::Error, PATH, Err(text));
    }
    if !metadata.dependencies().is_empty() && api != "v2" {
        let text = format!(
            "dependencies are not valid in the Chart file with apiVersion '{api}'. They are valid in apiVersion 'v2'"
        );
        linter.rule(Severity::Error, PATH, Err(text));
    }
    let strict = is_strict_version(&metadata.version);
    let text = || Err(format!("version '{}' is not a valid SemVerV2", metadata.version));
    linter.rule(Severity::Warning, PATH, if strict { Ok(()) } else { text() });
}

fn name(metadata: &Metadata) -> Result<(), String> {
    if metadata.name.is_empty() {
        return Err("name is required".to_owned());
    }
    if gopath::base(&metadata.name) != metadata.name {
        return Err(format!("chart name {} is invalid", quote(&metadata.name)));
    }
    Ok(())
}

fn api_version(metadata: &Metadata) -> Result<(), String> {
    match metadata.api_version.as_str() {
        "v1" | "v2" => Ok(()),
        "" => Err("apiVersion is required. The value must be either \"v1\" or \"v2\"".to_owned()),
        other => Err(format!("apiVersion '{other}' is not valid. The value must be either \"v1\" or \"v2\"")),
    }
}

fn is_text(raw: &Value, key: &str) -> Result<(), String> {
    let found = match raw.get(key) {
        None | Some(Value::String(_)) => return Ok(()),
        Some(Value::Null) => "<nil>",
        Some(Value::Bool(_)) => "bool",
        Some(Value::Int(_) | Value::Uint(_) | Value::Float(_)) => "float64",
        Some(Value::List(_)) => "[]interface {}",
        Some(Value::Map(_)) => "map[string]interface {}",
    };
    Err(format!("{key} should be of type string but it's of type {found}"))
}

fn version(metadata: &Metadata) -> Result<(), String> {
    let text = &metadata.version;
    if text.is_empty() {
        return Err("version is required".to_owned());
    }
    let Ok(version) = Version::parse(text.as_bytes()) else {
        return Err(format!("version '{text}' is not a valid SemVer"));
    };
    match Constraints::parse(b">0.0.0-0") {
        Ok(range) if !range.check(&version) => Err(format!("version {text} is less than or equal to 0.0.0-0")),
        _ => Ok(()),
    }
}

fn maintainers(metadata: &Metadata) -> Result<(), String> {
    for maintainer in &metadata.maintainers {
        let (name, email, url) = (&maintainer.name, &maintainer.email, &maintainer.url);
        if name.is_empty() {
            return Err("each maintainer requires a name".to_owned());
        }
        if !email.is_empty() && !is_email(email) {
            return Err(format!("invalid email '{email}' for maintainer '{name}'"));
        }
        if !url.is_empty() && !is_url(url) {
            return Err(format!("invalid url '{url}' for maintainer '{name}'"));
        }
    }
    Ok(())
}

/// `semver.StrictNewVersion`: three numbers, no `v`.
fn is_strict_version(text: &str) -> bool {
    let core = text.split(['-', '+']).next().unwrap_or_default();
    let number = |part: &str| {
        !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_digit()) && (part == "0" || !part.starts_with('0'))
    };
    core.split('.').count() == 3 && core.split('.').all(number) && Version::parse(text.as_bytes()).is_ok()
}
