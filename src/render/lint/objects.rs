//! Rendered objects: Helm's `pkg/chart/v2/lint/rules/template.go`, `deprecations.go` and `crds.go`.

use super::{Linter, Severity, names};
use crate::chart::capabilities::KubeVersion;
use crate::chart::log::quote;
use crate::chart::values::split_documents;
use crate::chart::{Field, Kind, decode_yaml};
use crate::value::Value;

const OBJECT: Kind = Kind::Struct(
    "rules.k8sYamlStruct",
    &[Field("apiVersion", &Kind::Text), Field("Kind", &Kind::Text), Field("Metadata", &METADATA)],
);

const METADATA: Kind =
    Kind::Struct("rules.k8sYamlMetadata", &[Field("Namespace", &Kind::Text), Field("Name", &Kind::Text)]);

struct Object {
    api_version: String,
    kind: String,
    name: String,
}

/// Reads the documents of a file one by one; false where one does not parse.
fn each(linter: &mut Linter, path: &str, text: &[u8], mut visit: impl FnMut(&mut Linter, &Object)) -> bool {
    for document in split_documents(text) {
        let parsed = document.and_then(|document| {
            let mut value = Value::Null;
            decode_yaml(&document, &OBJECT, &mut value)?;
            Ok(value)
        });
        match parsed {
            Err(error) => {
                return linter.rule(Severity::Error, path, Err(format!("unable to parse YAML: {error}")));
            }
            Ok(Value::Null) => {}
            Ok(value) => {
                let text = |value: Option<&Value>| match value {
                    Some(Value::String(text)) => text.to_text(),
                    _ => String::new(),
                };
                let object = Object {
                    api_version: text(value.get("apiVersion")),
                    kind: text(value.get("Kind")),
                    name: text(value.get("Metadata").and_then(|metadata| metadata.get("Name"))),
                };
                visit(linter, &object);
            }
        }
    }
    true
}

/// Lints a rendered file; false where linting ends with it.
pub(super) fn lint(linter: &mut Linter, path: &str, text: &[u8], kube_version: &KubeVersion) -> bool {
    let manifest = String::from_utf8_lossy(text);
    linter.rule(Severity::Warning, path, top_indent(&manifest));
    each(linter, path, text, |linter, object| {
        linter.rule(Severity::Warning, path, names::check(&object.kind, &object.name));
        linter.rule(Severity::Warning, path, deprecation(object, kube_version));
        linter.rule(Severity::Error, path, selector(object, &manifest));
        linter.rule(Severity::Error, path, list_annotations(object, text));
    })
}

/// Lints a file of `crds/`; false where linting ends with it.
pub(super) fn lint_crd(linter: &mut Linter, path: &str, text: &[u8]) -> bool {
    each(linter, path, text, |linter, object| {
        let version = object.api_version.starts_with("apiextensions.k8s.io");
        let found = if version { Ok(()) } else { Err("apiVersion is not in 'apiextensions.k8s.io'".to_owned()) };
        linter.rule(Severity::Error, path, found);
        let kind = object.kind == "CustomResourceDefinition";
        let found = if kind { Ok(()) } else { Err("object kind is not 'CustomResourceDefinition'".to_owned()) };
        linter.rule(Severity::Error, path, found);
    })
}

fn top_indent(manifest: &str) -> Result<(), String> {
    let first = manifest.split('\n').map(|line| line.strip_suffix('\r').unwrap_or(line)).find(|line| !line.trim().is_empty());
    match first {
        Some(line) if line.starts_with([' ', '\t']) => {
            let line = quote(line);
            Err(format!("document starts with an illegal indent: {line}, which may cause parsing problems"))
        }
        _ => Ok(()),
    }
}

/// Group and version, kind, since when, and the API server's warning: from the types in k8s.io/api 0.37.
const DEPRECATIONS: &str = include_str!("deprecations.tsv");

fn deprecation(object: &Object, kube_version: &KubeVersion) -> Result<(), String> {
    if object.api_version.is_empty() || object.kind.is_empty() {
        return Ok(());
    }
    for line in DEPRECATIONS.lines() {
        let fields: Vec<&str> = line.split('\t').collect();
        let [version, kind, major, minor, warning] = fields.as_slice() else { continue };
        if *version != object.api_version || *kind != object.kind {
            continue;
        }
        let number = |text: &str| text.parse::<u32>().map_err(|_| format!("strconv.Atoi: parsing {}: invalid syntax", quote(text)));
        let now = (number(&kube_version.major)?, number(&kube_version.minor)?);
        let since = (number(major)?, number(minor)?);
        return if now >= since { Err((*warning).to_owned()) } else { Ok(()) };
    }
    Ok(())
}

fn selector(object: &Object, manifest: &str) -> Result<(), String> {
    let needs = matches!(object.kind.as_str(), "Deployment" | "ReplicaSet" | "DaemonSet" | "StatefulSet");
    if needs && !manifest.contains("matchLabels") && !manifest.contains("matchExpressions") {
        let (kind, name) = (&object.kind, quote(&object.name));
        return Err(format!("a {kind} must contain matchLabels or matchExpressions, and {name} does not"));
    }
    Ok(())
}

fn list_annotations(object: &Object, text: &[u8]) -> Result<(), String> {
    if object.kind != "List" {
        return Ok(());
    }
    let list = crate::yaml::from_yaml(text).map_err(|error| format!("unable to parse YAML: {error}"))?;
    let items = list.get("items").and_then(Value::as_list).unwrap_or_default();
    let kept = |item: &Value| {
        let annotations = item.get("metadata").and_then(|metadata| metadata.get("annotations"));
        annotations.and_then(|annotations| annotations.get("helm.sh/resource-policy")).is_some()
    };
    match items.iter().any(kept) {
        true => Err("annotation 'helm.sh/resource-policy' within List objects are ignored".to_owned()),
        false => Ok(()),
    }
}
