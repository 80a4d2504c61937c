//! Chart.yaml and its kin as Helm's structs: `pkg/chart/v2/metadata.go` and `dependency.go`.

use super::decode::{Field, Kind};
use super::log::{printable, quote};
use super::{gopath, semver};
use crate::value::{Map, Value};

/// A person or organisation behind a chart.
#[derive(Clone, Debug, Default, PartialEq)]
#[allow(missing_docs)] // the fields of Chart.yaml by their names
pub struct Maintainer {
    pub name: String,
    pub email: String,
    pub url: String,
}

/// A chart that another one depends on.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Dependency {
    /// The name in the dependency's own Chart.yaml; the alias once dependencies were processed.
    pub name: String,
    /// A version, or a range of them.
    pub version: String,
    /// The repository's URL, `file://…`, `oci://…`, `@name` or nothing.
    pub repository: String,
    /// Paths into the values, separated by commas; the first that is a boolean decides.
    pub condition: String,
    /// Names below `tags:` in the values that switch this dependency.
    pub tags: Vec<String>,
    /// Whether conditions and tags leave it in; set when dependencies are processed.
    pub enabled: bool,
    /// What to import from its values: names below `exports`, or maps of `child` and `parent`.
    pub import_values: Vec<Value>,
    /// Another name for it in this chart.
    pub alias: String,
}

/// Chart.yaml.
#[derive(Clone, Debug, Default, PartialEq)]
#[allow(missing_docs)] // the fields of Chart.yaml by their names
pub struct Metadata {
    pub name: String,
    pub home: String,
    pub sources: Vec<String>,
    pub version: String,
    pub description: String,
    pub keywords: Vec<String>,
    pub maintainers: Vec<Maintainer>,
    pub icon: String,
    pub api_version: String,
    pub condition: String,
    pub tags: String,
    pub app_version: String,
    pub deprecated: bool,
    /// `None` where Chart.yaml has none: Go's nil map.
    pub annotations: Option<Vec<(String, String)>>,
    pub kube_version: String,
    /// `None` where there are none at all: Go's nil slice.
    pub dependencies: Option<Vec<Dependency>>,
    /// `type`: `application`, `library` or nothing.
    pub kind: String,
}

/// Chart.lock or requirements.lock.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Lock {
    /// When it was made, RFC 3339.
    pub generated: String,
    /// The digest of the dependencies in Chart.yaml.
    pub digest: String,
    /// The dependencies with their exact versions.
    pub dependencies: Vec<Dependency>,
}

const TEXTS: Kind = Kind::List(&Kind::Text, "[]string");

const MAINTAINER: Kind = Kind::Struct(
    "v2.Maintainer",
    &[Field("name", &Kind::Text), Field("email", &Kind::Text), Field("url", &Kind::Text)],
);

const DEPENDENCY: Kind = Kind::Struct(
    "v2.Dependency",
    &[
        Field("name", &Kind::Text),
        Field("version", &Kind::Text),
        Field("repository", &Kind::Text),
        Field("condition", &Kind::Text),
        Field("tags", &TEXTS),
        Field("enabled", &Kind::Bool),
        Field("import-values", &Kind::List(&Kind::Any, "[]interface {}")),
        Field("alias", &Kind::Text),
    ],
);

const DEPENDENCIES: Kind = Kind::List(&DEPENDENCY, "[]*v2.Dependency");

/// The fields of Chart.yaml; an entry of a repository's index has them too.
pub const METADATA_FIELDS: [Field; 17] = [
    Field("name", &Kind::Text),
    Field("home", &Kind::Text),
    Field("sources", &TEXTS),
    Field("version", &Kind::Text),
    Field("description", &Kind::Text),
    Field("keywords", &TEXTS),
    Field("maintainers", &Kind::List(&MAINTAINER, "[]*v2.Maintainer")),
    Field("icon", &Kind::Text),
    Field("apiVersion", &Kind::Text),
    Field("condition", &Kind::Text),
    Field("tags", &Kind::Text),
    Field("appVersion", &Kind::Text),
    Field("deprecated", &Kind::Bool),
    Field("annotations", &Kind::TextMap),
    Field("kubeVersion", &Kind::Text),
    Field("dependencies", &DEPENDENCIES),
    Field("type", &Kind::Text),
];

/// The type of Chart.yaml, for [`super::decode_yaml`].
pub const METADATA: Kind = Kind::Struct("v2.Metadata", &METADATA_FIELDS);

/// The type of Chart.lock.
pub const LOCK: Kind = Kind::Struct(
    "v2.Lock",
    &[Field("generated", &Kind::Text), Field("digest", &Kind::Text), Field("dependencies", &DEPENDENCIES)],
);

/// The detection of a chart's version, the first thing Helm reads (`chartBase` in `pkg/chart/loader/load.go`).
pub const CHART_BASE: Kind = Kind::Struct("loader.chartBase", &[Field("apiVersion", &Kind::Text)]);

/// A field's text, empty where it is missing.
pub(super) fn text(value: &Value, key: &str) -> String {
    match value.get(key) {
        Some(Value::String(text)) => text.to_text(),
        _ => String::new(),
    }
}

fn flag(value: &Value, key: &str) -> bool {
    value.get(key).and_then(Value::as_bool).unwrap_or(false)
}

fn list<'v>(value: &'v Value, key: &str) -> &'v [Value] {
    value.get(key).and_then(Value::as_list).unwrap_or_default()
}

fn texts(value: &Value, key: &str) -> Vec<String> {
    list(value, key)
        .iter()
        .map(|item| match item {
            Value::String(text) => text.to_text(),
            _ => String::new(),
        })
        .collect()
}

impl Metadata {
    /// From what [`super::decode_yaml`] made of Chart.yaml.
    ///
    /// # Errors
    /// An empty entry among maintainers or dependencies: Helm's `Validate` refuses it, a struct cannot hold it.
    pub fn from_value(value: &Value) -> Result<Metadata, String> {
        // Helm's order of checks: maintainers come before dependencies.
        let maintainers = list(value, "maintainers").iter().map(|item| match item {
            Value::Null => Err("validation: maintainers must not contain empty or null nodes".to_owned()),
            item => Ok(Maintainer { name: text(item, "name"), email: text(item, "email"), url: text(item, "url") }),
        });
        let maintainers = maintainers.collect::<Result<_, _>>();
        let dependencies = value.get("dependencies").and_then(Value::as_list).map(dependencies_from);
        let annotations = value.get("annotations").and_then(Value::as_map).map(|map| {
            map.iter().map(|(key, value)| (key.to_text(), value.as_str().unwrap_or_default().to_owned())).collect()
        });
        let mut metadata = Metadata {
            name: text(value, "name"),
            home: text(value, "home"),
            sources: texts(value, "sources"),
            version: text(value, "version"),
            description: text(value, "description"),
            keywords: texts(value, "keywords"),
            maintainers: Vec::new(),
            icon: text(value, "icon"),
            api_version: text(value, "apiVersion"),
            condition: text(value, "condition"),
            tags: text(value, "tags"),
            app_version: text(value, "appVersion"),
            deprecated: flag(value, "deprecated"),
            annotations,
            kube_version: text(value, "kubeVersion"),
            dependencies: None,
            kind: text(value, "type"),
        };
        if maintainers.is_err() || matches!(dependencies, Some(Err(_))) {
            metadata.validate()?;
        }
        metadata.maintainers = maintainers?;
        metadata.dependencies = dependencies.transpose()?;
        Ok(metadata)
    }

    /// As JSON, what is empty left out: for `show chart`, packages and release records.
    pub fn to_value(&self) -> Value {
        let mut map = Map::new();
        let texts = [
            ("name", &self.name),
            ("home", &self.home),
            ("version", &self.version),
            ("description", &self.description),
            ("icon", &self.icon),
            ("apiVersion", &self.api_version),
            ("condition", &self.condition),
            ("tags", &self.tags),
            ("appVersion", &self.app_version),
            ("kubeVersion", &self.kube_version),
            ("type", &self.kind),
        ];
        for (key, text) in texts.into_iter().filter(|(_, text)| !text.is_empty()) {
            map.insert(key.into(), text.as_str().into());
        }
        for (key, list) in [("sources", &self.sources), ("keywords", &self.keywords)] {
            if !list.is_empty() {
                map.insert(key.into(), list.iter().map(|item| item.as_str().into()).collect::<Vec<Value>>().into());
            }
        }
        if !self.maintainers.is_empty() {
            let list: Vec<Value> = self.maintainers.iter().map(Maintainer::to_value).collect();
            map.insert("maintainers".into(), list.into());
        }
        if self.deprecated {
            map.insert("deprecated".into(), true.into());
        }
        if let Some(annotations) = self.annotations.as_ref().filter(|list| !list.is_empty()) {
            let entry = |(key, value): &(String, String)| (key.as_str().into(), value.as_str().into());
            map.insert("annotations".into(), Value::Map(annotations.iter().map(entry).collect()));
        }
        if !self.dependencies().is_empty() {
            let list: Vec<Value> = self.dependencies().iter().map(Dependency::to_value).collect();
            map.insert("dependencies".into(), list.into());
        }
        map.into()
    }

    /// The dependencies, none where there is no list.
    pub fn dependencies(&self) -> &[Dependency] {
        self.dependencies.as_deref().unwrap_or_default()
    }

    /// Checks and cleans as Helm does before it loads subcharts.
    ///
    /// # Errors
    /// Helm's text, `validation: …`.
    pub fn validate(&mut self) -> Result<(), String> {
        let singles = [
            &mut self.name,
            &mut self.description,
            &mut self.home,
            &mut self.icon,
            &mut self.condition,
            &mut self.tags,
            &mut self.app_version,
            &mut self.kube_version,
        ];
        for text in singles.into_iter().chain(&mut self.sources).chain(&mut self.keywords) {
            sanitize(text);
        }
        let refuse = |text: String| Err(format!("validation: {text}"));
        if self.api_version.is_empty() {
            return refuse("chart.metadata.apiVersion is required".to_owned());
        }
        if self.name.is_empty() {
            return refuse("chart.metadata.name is required".to_owned());
        }
        if self.name == "." || self.name == ".." {
            return refuse(format!("chart.metadata.name {} is not allowed", quote(&self.name)));
        }
        if self.name != gopath::base(&self.name) {
            return refuse(format!("chart.metadata.name {} is invalid", quote(&self.name)));
        }
        if self.version.is_empty() {
            return refuse("chart.metadata.version is required".to_owned());
        }
        if !semver::is_version(&self.version) {
            return refuse(format!("chart.metadata.version {} is invalid", quote(&self.version)));
        }
        if !matches!(self.kind.as_str(), "" | "application" | "library") {
            return refuse("chart.metadata.type must be application or library".to_owned());
        }
        for maintainer in &mut self.maintainers {
            for text in [&mut maintainer.name, &mut maintainer.email, &mut maintainer.url] {
                sanitize(text);
            }
        }
        let mut keys: Vec<String> = Vec::new();
        for dependency in self.dependencies.iter_mut().flatten() {
            dependency.validate()?;
            let key = if dependency.alias.is_empty() { &dependency.name } else { &dependency.alias };
            if keys.contains(key) {
                return refuse(format!("more than one dependency with name or alias {}", quote(key)));
            }
            keys.push(key.clone());
        }
        Ok(())
    }
}

impl Maintainer {
    /// As JSON, what is empty left out.
    pub fn to_value(&self) -> Value {
        let texts = [("name", &self.name), ("email", &self.email), ("url", &self.url)];
        let entry = |(key, text): (&str, &String)| (key.into(), text.as_str().into());
        Value::Map(texts.into_iter().filter(|(_, text)| !text.is_empty()).map(entry).collect())
    }
}

fn dependencies_from(items: &[Value]) -> Result<Vec<Dependency>, String> {
    items
        .iter()
        .map(|item| match item {
            Value::Null => Err("validation: dependencies must not contain empty or null nodes".to_owned()),
            item => Ok(Dependency::from_value(item)),
        })
        .collect()
}

impl Dependency {
    /// From what [`super::decode_yaml`] made of an entry.
    pub fn from_value(item: &Value) -> Dependency {
        Dependency {
            name: text(item, "name"),
            version: text(item, "version"),
            repository: text(item, "repository"),
            condition: text(item, "condition"),
            tags: texts(item, "tags"),
            enabled: flag(item, "enabled"),
            import_values: list(item, "import-values").to_vec(),
            alias: text(item, "alias"),
        }
    }

    fn validate(&mut self) -> Result<(), String> {
        let singles = [&mut self.name, &mut self.version, &mut self.repository, &mut self.condition];
        for text in singles.into_iter().chain(&mut self.tags) {
            sanitize(text);
        }
        if self.alias.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_' || byte == b'-') {
            return Ok(());
        }
        Err(format!("validation: dependency {} has disallowed characters in the alias", quote(&self.name)))
    }

    /// As JSON in Go's field order: for digests, locks and release records.
    pub fn to_value(&self) -> Value {
        let mut map = Map::new();
        let mut put = |key: &str, value: Value| map.insert(key.into(), value);
        put("name", self.name.as_str().into());
        put("repository", self.repository.as_str().into());
        for (key, text) in [("version", &self.version), ("condition", &self.condition), ("alias", &self.alias)] {
            if !text.is_empty() {
                put(key, text.as_str().into());
            }
        }
        if !self.tags.is_empty() {
            put("tags", self.tags.iter().map(|tag| tag.as_str().into()).collect::<Vec<_>>().into());
        }
        if self.enabled {
            put("enabled", true.into());
        }
        if !self.import_values.is_empty() {
            put("import-values", self.import_values.clone().into());
        }
        map.into()
    }
}

impl Lock {
    /// As JSON: what is written to Chart.lock (and sorted by key there).
    pub fn to_value(&self) -> Value {
        let dependencies: Vec<Value> = self.dependencies.iter().map(Dependency::to_value).collect();
        let mut map = Map::new();
        map.insert("generated".into(), self.generated.as_str().into());
        map.insert("digest".into(), self.digest.as_str().into());
        map.insert("dependencies".into(), dependencies.into());
        map.into()
    }

    /// From what [`super::decode_yaml`] made of the file.
    pub fn from_value(value: &Value) -> Lock {
        Lock {
            generated: text(value, "generated"),
            digest: text(value, "digest"),
            dependencies: list(value, "dependencies").iter().map(Dependency::from_value).collect(),
        }
    }
}

/// `sanitizeString`: white space becomes a space, what does not print goes.
fn sanitize(text: &mut String) {
    if text.bytes().all(|byte| (b' '..=b'~').contains(&byte)) {
        return;
    }
    let clean = text.chars().filter_map(|c| match c {
        c if go_space(c) => Some(' '),
        c => printable(c).then_some(c),
    });
    *text = clean.collect();
}

/// `unicode.IsSpace`.
pub(crate) fn go_space(c: char) -> bool {
    c.is_whitespace()
}
