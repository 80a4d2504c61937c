//! Metadata as `encoding/json` writes Helm's structs: fields in their order, what is empty left out, `<>&` escaped. Digests
//! and the config blobs of OCI registries are made of this.

use crate::chart::{Dependency, Metadata};
use crate::value::Value;
use crate::yaml;

/// One JSON object in the making.
#[derive(Default)]
struct Object(Vec<String>);

impl Object {
    fn put(&mut self, key: &str, value: &Value) {
        self.0.push(format!("{}:{}", yaml::to_json(&key.into(), true), yaml::to_json(value, true)));
    }

    fn raw(&mut self, key: &str, json: &str) {
        self.0.push(format!("\"{key}\":{json}"));
    }

    fn text(&mut self, key: &str, text: &str) {
        if !text.is_empty() {
            self.put(key, &text.into());
        }
    }

    fn texts(&mut self, key: &str, texts: &[String]) {
        if !texts.is_empty() {
            self.put(key, &texts.iter().map(|text| text.as_str().into()).collect::<Vec<Value>>().into());
        }
    }

    fn done(self) -> String {
        format!("{{{}}}", self.0.join(","))
    }
}

/// A list of dependencies; `None` is Go's nil.
pub(super) fn dependencies(list: Option<&[Dependency]>) -> String {
    let Some(list) = list else { return "null".to_owned() };
    let items: Vec<String> = list.iter().map(dependency).collect();
    format!("[{}]", items.join(","))
}

fn dependency(dependency: &Dependency) -> String {
    let mut object = Object::default();
    object.put("name", &dependency.name.as_str().into());
    object.text("version", &dependency.version);
    object.put("repository", &dependency.repository.as_str().into());
    object.text("condition", &dependency.condition);
    object.texts("tags", &dependency.tags);
    if dependency.enabled {
        object.put("enabled", &true.into());
    }
    if !dependency.import_values.is_empty() {
        object.put("import-values", &dependency.import_values.clone().into());
    }
    object.text("alias", &dependency.alias);
    object.done()
}

/// Chart.yaml: the config blob of a chart in an OCI registry.
pub fn metadata(chart: &Metadata) -> String {
    let mut object = Object::default();
    object.text("name", &chart.name);
    object.text("home", &chart.home);
    object.texts("sources", &chart.sources);
    object.text("version", &chart.version);
    object.text("description", &chart.description);
    object.texts("keywords", &chart.keywords);
    if !chart.maintainers.is_empty() {
        let maintainers: Vec<String> = chart.maintainers.iter().map(|maintainer| {
            let mut object = Object::default();
            object.text("name", &maintainer.name);
            object.text("email", &maintainer.email);
            object.text("url", &maintainer.url);
            object.done()
        }).collect();
        object.raw("maintainers", &format!("[{}]", maintainers.join(",")));
    }
    object.text("icon", &chart.icon);
    object.text("apiVersion", &chart.api_version);
    object.text("condition", &chart.condition);
    object.text("tags", &chart.tags);
    object.text("appVersion", &chart.app_version);
    if chart.deprecated {
        object.put("deprecated", &true.into());
    }
    if let Some(annotations) = chart.annotations.as_ref().filter(|list| !list.is_empty()) {
        object.raw("annotations", &map(annotations));
    }
    object.text("kubeVersion", &chart.kube_version);
    if !chart.dependencies().is_empty() {
        object.raw("dependencies", &dependencies(Some(chart.dependencies())));
    }
    object.text("type", &chart.kind);
    object.done()
}

/// A map of texts, by key.
fn map(entries: &[(String, String)]) -> String {
    let mut sorted: Vec<_> = entries.iter().collect();
    sorted.sort();
    let mut object = Object::default();
    sorted.iter().for_each(|(key, value)| object.put(key, &value.as_str().into()));
    object.done()
}

/// A blob as a manifest names it.
pub struct Blob<'a> {
    /// Its media type.
    pub media_type: &'a str,
    /// `sha256:…`
    pub digest: &'a str,
    /// In bytes.
    pub size: usize,
}

impl Blob<'_> {
    fn json(&self) -> String {
        format!("{{\"mediaType\":\"{}\",\"digest\":\"{}\",\"size\":{}}}", self.media_type, self.digest, self.size)
    }
}

/// The manifest that `helm push` writes (`tagManifest` and `generateOCIAnnotations`); `created` in RFC 3339.
pub fn manifest(chart: &Metadata, config: &Blob<'_>, layers: &[Blob<'_>], created: &str) -> String {
    let mut layers: Vec<&Blob<'_>> = layers.iter().collect();
    layers.sort_by_key(|layer| layer.digest);
    let layers: Vec<String> = layers.into_iter().map(Blob::json).collect();
    let annotations = map(&annotations(chart, created));
    format!("{{\"schemaVersion\":2,\"config\":{},\"layers\":[{}],\"annotations\":{annotations}}}", config.json(), layers.join(","))
}

fn annotations(chart: &Metadata, created: &str) -> Vec<(String, String)> {
    const VERSION: &str = "org.opencontainers.image.version";
    const TITLE: &str = "org.opencontainers.image.title";
    let last = chart.maintainers.len().saturating_sub(1);
    let authors: String = chart.maintainers.iter().enumerate().map(|(place, maintainer)| {
        let email = if maintainer.email.is_empty() { String::new() } else { format!(" ({})", maintainer.email) };
        format!("{}{email}{}", maintainer.name, if place < last { ", " } else { "" })
    }).collect();
    let own = [
        ("org.opencontainers.image.description", chart.description.as_str()),
        (TITLE, &chart.name),
        (VERSION, &chart.version),
        ("org.opencontainers.image.url", &chart.home),
        ("org.opencontainers.image.created", created),
        ("org.opencontainers.image.source", chart.sources.first().map_or("", String::as_str)),
        ("org.opencontainers.image.authors", &authors),
    ];
    let mut all: std::collections::BTreeMap<String, String> =
        own.into_iter().filter(|(_, text)| !text.trim().is_empty()).map(|(key, text)| (key.to_owned(), text.to_owned())).collect();
    for (key, text) in chart.annotations.iter().flatten().filter(|(key, _)| key != VERSION && key != TITLE) {
        all.insert(key.clone(), text.clone());
    }
    all.into_iter().collect()
}
