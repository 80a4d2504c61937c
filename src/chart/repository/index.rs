//! A repository's `index.yaml`: Helm's `pkg/repo/v1/index.go`.

use crate::chart::metadata::{METADATA_FIELDS, text};
use crate::chart::{Field, Kind, Log, Metadata, decode_yaml_strict};
use crate::template::semver::{Constraints, Version};
use crate::value::{GoStr, Map, Value};
use crate::yaml;
use std::cmp::Ordering;
use std::collections::BTreeMap;

/// One version of a chart in an index.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Entry {
    /// Its Chart.yaml.
    pub metadata: Metadata,
    /// Where its archive is, absolute or seen from the repository's address; Helm takes the first.
    pub urls: Vec<String>,
    /// SHA-256 of the archive in hexadecimal, perhaps with `sha256:` before it; empty where the index has none.
    pub digest: String,
    /// What else stands in the entry (`created`, `removed`, fields of old Helm versions), as it was read.
    pub rest: Map,
}

/// An index.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Index {
    /// By chart name, the highest version first.
    pub entries: BTreeMap<String, Vec<Entry>>,
    /// What else stands in the index, as it was read: `apiVersion`, `generated`, annotations.
    pub rest: Map,
}

const REST: [Field; 9] = [
    Field("urls", &Kind::List(&Kind::Text, "[]string")),
    Field("created", &Kind::Text),
    Field("removed", &Kind::Bool),
    Field("digest", &Kind::Text),
    Field("checksum", &Kind::Text),
    Field("engine", &Kind::Text),
    Field("tillerVersion", &Kind::Text),
    Field("url", &Kind::Text),
    // Chart.yaml's `engine` of Helm 2 is the same field as above: Go takes the outer one.
    Field("engine", &Kind::Text),
];

/// Chart.yaml's fields and those of the index, side by side as Go's embedded struct has them.
static ENTRY_FIELDS: [Field; METADATA_FIELDS.len() + REST.len()] = {
    let mut all = [Field("", &Kind::Text); METADATA_FIELDS.len() + REST.len()];
    let mut at = 0;
    while at < METADATA_FIELDS.len() {
        all[at] = METADATA_FIELDS[at];
        at += 1;
    }
    let mut rest = 0;
    while rest < REST.len() {
        all[at + rest] = REST[rest];
        rest += 1;
    }
    all
};

static ENTRY: Kind = Kind::Struct("repo.ChartVersion", &ENTRY_FIELDS);
static ENTRIES: Kind = Kind::List(&ENTRY, "repo.ChartVersions");
static INDEX: Kind = Kind::Struct(
    "repo.IndexFile",
    &[
        Field("serverInfo", &Kind::MapOf(&Kind::Any, "map[string]interface {}")),
        Field("apiVersion", &Kind::Text),
        Field("generated", &Kind::Text),
        Field("entries", &Kind::MapOf(&ENTRIES, "map[string]repo.ChartVersions")),
        Field("publicKeys", &Kind::List(&Kind::Text, "[]string")),
        Field("annotations", &Kind::TextMap),
    ],
);

impl Entry {
    fn from_value(value: &Value) -> Result<Entry, (Metadata, String)> {
        let mut metadata = Metadata::from_value(value).map_err(|error| (Metadata::default(), error))?;
        if metadata.api_version.is_empty() {
            metadata.api_version = "v1".to_owned();
        }
        let checked = metadata.validate();
        // Some repositories leave aliases out (helm#12748), which is no reason to hide a chart.
        if let Err(error) = checked.or_else(|error| if error.contains("more than one dependency with name or alias") { Ok(()) } else { Err(error) }) {
            return Err((metadata, error));
        }
        let urls = value.get("urls").and_then(Value::as_list).unwrap_or_default();
        let urls = urls.iter().filter_map(|url| url.as_str().map(str::to_owned)).collect();
        let own = |key: &GoStr| REST.iter().any(|field| *key == field.0) && *key != "urls" && *key != "digest";
        let rest = value.as_map().into_iter().flatten().filter(|(key, _)| own(key)).map(|(key, value)| (key.clone(), value.clone())).collect();
        Ok(Entry { metadata, urls, digest: text(value, "digest"), rest })
    }

    fn to_value(&self) -> Value {
        let mut map = match self.metadata.to_value() {
            Value::Map(map) => map,
            _ => Map::new(),
        };
        map.extend(self.rest.clone());
        map.insert("urls".into(), self.urls.iter().map(|url| url.as_str().into()).collect::<Vec<Value>>().into());
        if !self.digest.is_empty() {
            map.insert("digest".into(), self.digest.as_str().into());
        }
        map.into()
    }

    /// The digest of the archive in hexadecimal, without its algorithm; `None` where the index has none.
    pub fn sha256(&self) -> Option<&str> {
        let hex = self.digest.split_once(':').map_or(self.digest.as_str(), |(_, hex)| hex);
        (!hex.is_empty()).then_some(hex)
    }
}

impl Index {
    /// An index without charts; `generated` in RFC 3339.
    pub fn new(generated: &str) -> Index {
        let rest = [("apiVersion", "v1"), ("generated", generated)];
        Index { entries: BTreeMap::new(), rest: rest.into_iter().map(|(key, value)| (key.into(), value.into())).collect() }
    }

    /// `loadIndex`: YAML or JSON. Entries that are no charts are left out with a warning that names `source`.
    ///
    /// # Errors
    /// Helm's texts.
    pub fn parse(bytes: &[u8], source: &str, log: &mut Log) -> Result<Index, String> {
        if bytes.is_empty() {
            return Err("empty index.yaml file".to_owned());
        }
        let mut value = Value::Null;
        // YAML takes JSON too; unknown fields are refused in YAML alone.
        if bytes.trim_ascii_start().starts_with(b"{") && yaml::from_json(bytes).is_ok() {
            crate::chart::decode_yaml(bytes, &INDEX, &mut value)?;
        } else {
            decode_yaml_strict(bytes, &INDEX, &mut value)?;
        }
        let mut index = Index::default();
        for (name, versions) in value.get("entries").and_then(Value::as_map).into_iter().flatten() {
            let name = name.to_text();
            let list = index.entries.entry(name.clone()).or_default();
            // Helm walks backwards, and its warnings come in that order.
            for version in versions.as_list().unwrap_or_default().iter().rev() {
                if version.is_null() {
                    log.warn("skipping loading invalid entry for chart: empty entry", &[("name", &name), ("source", source)]);
                    continue;
                }
                match Entry::from_value(version) {
                    Ok(entry) => list.push(entry),
                    Err((metadata, error)) => log.warn(
                        "skipping loading invalid entry for chart",
                        &[("name", &name), ("version", &metadata.version), ("source", source), ("error", &error)],
                    ),
                }
            }
            list.reverse();
        }
        if let Value::Map(map) = value {
            index.rest = map.into_iter().filter(|(key, _)| *key != "entries").collect();
        }
        index.sort();
        if index.rest.get(&b"apiVersion"[..]).and_then(Value::as_str).unwrap_or_default().is_empty() {
            return Err("no API version specified".to_owned());
        }
        Ok(index)
    }

    /// `SortEntries`: the highest version first, what is no version last.
    pub fn sort(&mut self) {
        for list in self.entries.values_mut() {
            let parsed = |entry: &Entry| Version::parse(entry.metadata.version.as_bytes()).ok();
            list.sort_by(|a, b| match (parsed(a), parsed(b)) {
                (Some(a), Some(b)) => b.compare(&a),
                (Some(_), None) => Ordering::Less,
                (None, Some(_)) => Ordering::Greater,
                (None, None) => Ordering::Equal,
            });
        }
    }

    /// `Get`: the version itself, else the highest that the range takes; no range takes the highest that is no pre-release.
    ///
    /// # Errors
    /// Helm's texts: no such chart, no such version, a range that does not parse.
    pub fn get(&self, name: &str, version: &str, log: &mut Log) -> Result<&Entry, String> {
        let list = self.entries.get(name).ok_or("no chart name found")?;
        if list.is_empty() {
            return Err("no chart version found".to_owned());
        }
        let constraint = Constraints::parse(if version.is_empty() { b"*" } else { version.as_bytes() })?;
        if let Some(exact) = list.iter().find(|entry| !version.is_empty() && entry.metadata.version == version) {
            return Ok(exact);
        }
        let fits = |entry: &&Entry| Version::parse(entry.metadata.version.as_bytes()).is_ok_and(|version| constraint.check(&version));
        let found = list.iter().find(fits).ok_or_else(|| format!("no chart version found for {name}-{version}"))?;
        if !version.is_empty() && !is_range(version) {
            let selected = &found.metadata.version;
            log.warn(
                "unable to find exact version requested; falling back to closest available version",
                &[("chart", name), ("requested", version), ("selected", selected)],
            );
        }
        Ok(found)
    }

    /// The entry of exactly this version.
    pub fn exact(&self, name: &str, version: &str) -> Option<&Entry> {
        self.entries.get(name)?.iter().find(|entry| entry.metadata.version == version)
    }

    /// Adds a version; one that is there already stays as it is (`Merge`).
    pub fn add(&mut self, entry: Entry) {
        if self.exact(&entry.metadata.name, &entry.metadata.version).is_none() {
            self.entries.entry(entry.metadata.name.clone()).or_default().push(entry);
        }
    }

    /// Everything of another index that this one has not.
    pub fn merge(&mut self, other: Index) {
        other.entries.into_values().flatten().for_each(|entry| self.add(entry));
    }

    /// As `helm repo index` writes it.
    pub fn to_yaml(&self) -> String {
        let list = |entries: &Vec<Entry>| Value::List(entries.iter().map(Entry::to_value).collect());
        let entries: Map = self.entries.iter().map(|(name, entries)| (name.as_str().into(), list(entries))).collect();
        let mut map = self.rest.clone();
        map.insert("entries".into(), entries.into());
        yaml::to_yaml(&Value::Map(map))
    }
}

/// `isVersionRange`
fn is_range(version: &str) -> bool {
    if version.contains(['^', '~', '<', '>', '=', '!', '*']) || version.contains("||") || version.contains(" - ") {
        return true;
    }
    version.split(['-', '+']).next().unwrap_or_default().contains(['x', 'X'])
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &str = "\
apiVersion: v1
generated: \"2024-01-02T03:04:05Z\"
entries:
  shop:
  - {name: shop, version: 1.2.0, apiVersion: v2, urls: [shop-1.2.0.tgz], digest: aa, created: \"2024-01-01T00:00:00Z\"}
  - {name: shop, version: 1.10.0, apiVersion: v2, urls: [shop-1.10.0.tgz], digest: \"sha256:bb\"}
  - {name: shop, version: 2.0.0-rc.1, apiVersion: v2, urls: [x.tgz]}
  - {name: shop, version: no version, apiVersion: v2, urls: [x.tgz]}
  -
";

    fn index() -> (Index, Vec<String>) {
        let mut log = Log::default();
        let index = Index::parse(TEXT.as_bytes(), "here", &mut log).unwrap();
        (index, log.notices.iter().map(ToString::to_string).collect())
    }

    // Rules and texts: helm v4.3.1, pkg/repo/v1/index.go
    #[test]
    fn versions_are_found_as_helm_finds_them() {
        let (index, notices) = index();
        assert_eq!(notices[0], "level=WARN msg=\"skipping loading invalid entry for chart: empty entry\" name=shop source=here");
        assert!(notices[1].contains("error=\"validation: chart.metadata.version \\\"no version\\\" is invalid\""), "{notices:?}");
        let get = |version: &str| {
            let mut log = Log::default();
            let found = index.get("shop", version, &mut log).map(|entry| entry.metadata.version.clone());
            (found, log.notices.len())
        };
        assert_eq!(get(""), (Ok("1.10.0".into()), 0));
        assert_eq!(get("~1.2"), (Ok("1.2.0".into()), 0));
        assert_eq!(get("2.0.0-rc.1"), (Ok("2.0.0-rc.1".into()), 0));
        assert_eq!(get("1.2"), (Ok("1.2.0".into()), 1));
        assert_eq!(get("3.0.0"), (Err("no chart version found for shop-3.0.0".into()), 0));
        assert_eq!(index.get("none", "", &mut Log::default()).unwrap_err(), "no chart name found");
        assert_eq!(index.exact("shop", "1.10.0").unwrap().sha256(), Some("bb"));
    }

    #[test]
    fn what_was_read_is_written_again() {
        let (index, _) = index();
        let again = Index::parse(index.to_yaml().as_bytes(), "", &mut Log::default()).unwrap();
        assert_eq!(again, index);
        let mut merged = Index::new("2024-01-02T03:04:05Z");
        merged.merge(index.clone());
        assert_eq!(merged.to_yaml(), index.to_yaml());
    }

    #[test]
    fn what_is_no_index_is_refused() {
        let refused = |text: &str| Index::parse(text.as_bytes(), "", &mut Log::default()).unwrap_err();
        assert_eq!(refused(""), "empty index.yaml file");
        assert_eq!(refused("entries: {}"), "no API version specified");
        assert!(refused("apiVersion: v1\nfoo: 1").ends_with("json: unknown field \"foo\""));
        assert!(Index::parse(b"{\"apiVersion\": \"v1\", \"foo\": 1}", "", &mut Log::default()).is_ok());
    }
}
