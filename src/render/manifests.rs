//! Rendered files to hooks and manifests: Helm's `pkg/release/v1/util/manifest.go` and `manifest_sorter.go`.

use super::order::{INSTALL_ORDER, kind_rank};
use super::{Hook, Manifest, RenderError};
use crate::chart::{Field, Kind, Log, decode_yaml, gopath};
use crate::value::Value;
use std::collections::BTreeMap;

/// Rendered text by template path.
pub(super) type Files = BTreeMap<String, Vec<u8>>;

const NOTES: &str = "NOTES.txt";

/// Takes the notes out of the files: the chart's own, or all of them joined.
pub(super) fn take_notes(files: &mut Files, chart: &str, sub_notes: bool) -> String {
    let own = gopath::join(&[chart, "templates", NOTES]);
    let mut notes = String::new();
    files.retain(|path, text| {
        let is_notes = path.ends_with(NOTES);
        if is_notes && (sub_notes || *path == own) {
            if !notes.is_empty() {
                notes.push('\n');
            }
            notes.push_str(&String::from_utf8_lossy(text));
        }
        !is_notes
    });
    notes
}

/// `SplitManifests`: the documents of a file. They end at lines that begin with `---`, whatever follows on the line.
pub fn split_manifests(text: &[u8]) -> Vec<&[u8]> {
    let text = trim_start(text);
    let mut documents = Vec::new();
    let mut start = 0;
    let mut line = 0;
    loop {
        if text[line..].starts_with(b"---") {
            documents.push(&text[start..line]);
            start = line + 3;
            start += text[start..].iter().take_while(|&&byte| byte == b' ' || byte == b'\t').count();
        }
        match text[line..].iter().position(|&byte| byte == b'\n') {
            Some(end) => line += end + 1,
            None => break,
        }
    }
    documents.push(&text[start..]);
    documents.into_iter().map(trim_start).filter(|document| !document.is_empty()).collect()
}

/// `strings.TrimLeftFunc(text, unicode.IsSpace)`
fn trim_start(text: &[u8]) -> &[u8] {
    let mut rest = text;
    loop {
        match rest.first() {
            Some(byte) if byte.is_ascii_whitespace() || *byte == 0x0b => rest = &rest[1..],
            Some(byte) if !byte.is_ascii() => {
                let valid = rest.utf8_chunks().next().map_or("", |chunk| chunk.valid());
                match valid.chars().next() {
                    Some(c) if c.is_whitespace() => rest = &rest[c.len_utf8()..],
                    _ => return rest,
                }
            }
            _ => return rest,
        }
    }
}

/// What Helm reads of a manifest to tell hooks from the rest.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Head {
    /// `apiVersion`
    pub api_version: String,
    /// `kind`
    pub kind: String,
    /// `metadata.name`
    pub name: String,
    /// `metadata.annotations`
    pub annotations: BTreeMap<String, String>,
}

const HEAD: Kind = Kind::Struct(
    "util.SimpleHead",
    &[Field("apiVersion", &Kind::Text), Field("kind", &Kind::Text), Field("metadata", &METADATA)],
);

const METADATA: Kind = Kind::Struct(
    "struct { Name string \"json:\\\"name\\\"\"; Annotations map[string]string \"json:\\\"annotations\\\"\" }",
    &[Field("name", &Kind::Text), Field("annotations", &Kind::TextMap)],
);

impl Head {
    /// Reads it from YAML.
    ///
    /// # Errors
    /// The text of sigs.k8s.io/yaml.
    pub fn read(document: &[u8]) -> Result<Head, String> {
        let mut value = Value::Null;
        decode_yaml(document, &HEAD, &mut value)?;
        let text = |value: Option<&Value>| match value {
            Some(Value::String(text)) => text.to_text(),
            _ => String::new(),
        };
        let metadata = value.get("metadata");
        let annotations = metadata.and_then(|metadata| metadata.get("annotations")).and_then(Value::as_map);
        Ok(Head {
            api_version: text(value.get("apiVersion")),
            kind: text(value.get("kind")),
            name: text(metadata.and_then(|metadata| metadata.get("name"))),
            annotations: annotations.into_iter().flatten().map(|(k, v)| (k.to_text(), text(Some(v)))).collect(),
        })
    }
}

/// `SortManifests`: hooks and other objects, each in install order.
pub(super) fn sort_manifests(files: Files, log: &mut Log) -> Result<(Vec<Hook>, Vec<Manifest>), RenderError> {
    let (mut hooks, mut manifests) = (Vec::new(), Vec::new());
    for (path, text) in &files {
        if gopath::base(path).starts_with('_') {
            continue;
        }
        for document in split_manifests(text) {
            let head = Head::read(document);
            let head = head.map_err(|message| RenderError::Manifest { path: path.clone(), message })?;
            let text = String::from_utf8_lossy(document).into_owned();
            match head.annotations.get("helm.sh/hook") {
                None => manifests.push(Manifest {
                    source: path.clone(),
                    api_version: head.api_version,
                    kind: head.kind,
                    name: head.name,
                    text,
                }),
                Some(types) => match events(types) {
                    Some(events) => hooks.push(hook(path, head, text, events)),
                    None => log.info("skipping unknown hooks", &[("hookTypes", types)]),
                },
            }
        }
    }
    hooks.sort_by(|a, b| kind_rank(&INSTALL_ORDER, &a.kind).cmp(&kind_rank(&INSTALL_ORDER, &b.kind)));
    manifests.sort_by(|a, b| kind_rank(&INSTALL_ORDER, &a.kind).cmp(&kind_rank(&INSTALL_ORDER, &b.kind)));
    Ok((hooks, manifests))
}

/// The events of a hook; `None` where one of them is unknown.
fn events(types: &str) -> Option<Vec<String>> {
    const KNOWN: [&str; 9] = [
        "pre-install",
        "post-install",
        "pre-delete",
        "post-delete",
        "pre-upgrade",
        "post-upgrade",
        "pre-rollback",
        "post-rollback",
        "test",
    ];
    let event = |event: &str| {
        let event = event.trim().to_lowercase();
        // Helm 2's name for it.
        let event = if event == "test-success" { "test".to_owned() } else { event };
        KNOWN.contains(&event.as_str()).then_some(event)
    };
    types.split(',').map(event).collect()
}

fn hook(path: &str, head: Head, manifest: String, events: Vec<String>) -> Hook {
    let policies = |annotation: &str| match head.annotations.get(annotation) {
        Some(policies) => policies.split(',').map(|policy| policy.trim().to_lowercase()).collect(),
        None => Vec::new(),
    };
    let weight = head.annotations.get("helm.sh/hook-weight").and_then(|weight| weight.parse().ok());
    Hook {
        path: path.to_owned(),
        manifest,
        events,
        weight: weight.unwrap_or(0),
        delete_policies: policies("helm.sh/hook-delete-policy"),
        output_log_policies: policies("helm.sh/hook-output-log-policy"),
        name: head.name,
        kind: head.kind,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn split(text: &str) -> Vec<String> {
        split_manifests(text.as_bytes()).into_iter().map(|part| String::from_utf8_lossy(part).into_owned()).collect()
    }

    // Expectations: a Go program calling releaseutil.SplitManifests of helm v4.3.1
    #[test]
    fn documents_end_at_dashes() {
        assert_eq!(split("\n\n---\na: 1\n---  \nb: 2\n"), ["a: 1\n", "b: 2\n"]);
        assert_eq!(split("---a: 1\n--- # comment\nb: |\n  ---\n"), ["a: 1\n", "# comment\nb: |\n  ---\n"]);
        assert_eq!(split("a\n----\nb"), ["a\n", "-\nb"]);
        assert_eq!(split("---\n---\n \n"), Vec::<String>::new());
    }

    #[test]
    fn unknown_kinds_come_last_by_name() {
        let mut kinds = ["Zebra", "Deployment", "Ape", "Namespace"];
        kinds.sort_by_key(|kind| kind_rank(&INSTALL_ORDER, kind));
        assert_eq!(kinds, ["Namespace", "Deployment", "Ape", "Zebra"]);
    }
}
