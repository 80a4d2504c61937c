//! Values from YAML and from several sources: `LoadValues` and `MergeMaps` in Helm's `pkg/chart/v2/loader/load.go`.

use crate::template::Val;
use crate::value::{Map, Value};
use crate::yaml;

/// Reads values from one or more YAML documents; later ones win.
///
/// # Errors
/// Go's text, from `error reading yaml document` or `cannot unmarshal yaml document` on.
pub fn load_values(text: &[u8]) -> Result<Map, String> {
    let mut values = Map::new();
    for document in split_documents(text) {
        let document = document.map_err(|text| format!("error reading yaml document: {text}"))?;
        let value = yaml::from_yaml(&document).map_err(|error| format!("cannot unmarshal yaml document: {error}"))?;
        let map = match value {
            Value::Map(map) => map,
            Value::Null => continue,
            other => return Err(format!("cannot unmarshal yaml document: {}", not_a_map(&other))),
        };
        merge_into(&mut values, map);
    }
    Ok(values)
}

/// What `sigs.k8s.io/yaml` says when a document is no map.
pub fn not_a_map(value: &Value) -> String {
    not_of_type(value, "map[string]interface {}")
}

/// What `sigs.k8s.io/yaml` says when a document is none of a map's type of Go.
pub fn not_of_type(value: &Value, target: &str) -> String {
    let found = match value {
        Value::Null => "null",
        Value::Bool(_) => "bool",
        Value::Int(_) | Value::Uint(_) | Value::Float(_) => "number",
        Value::String(_) => "string",
        Value::List(_) => "array",
        Value::Map(_) => "object",
    };
    format!("error unmarshaling JSON: while decoding JSON: json: cannot unmarshal {found} into Go value of type {target}")
}

/// The documents of a stream as `YAMLReader` in `k8s.io/apimachinery/pkg/util/yaml` cuts it: at lines that begin with `---`.
pub(crate) fn split_documents(text: &[u8]) -> Vec<Result<Vec<u8>, String>> {
    let mut documents = Vec::new();
    let mut buffer = Vec::new();
    let text = text.strip_suffix(b"\n").unwrap_or(text);
    if text.is_empty() {
        return documents;
    }
    for line in text.split(|&byte| byte == b'\n') {
        let line = line.strip_suffix(b"\r").unwrap_or(line);
        if let Some(rest) = line.strip_prefix(b"---") {
            let rest = String::from_utf8_lossy(rest);
            let rest = rest.trim();
            if !rest.is_empty() && !rest.starts_with('#') {
                documents.push(Err(format!("invalid Yaml document separator: {rest}")));
                return documents;
            }
            if !buffer.is_empty() {
                documents.push(Ok(std::mem::take(&mut buffer)));
                continue;
            }
        }
        buffer.extend_from_slice(line);
        buffer.push(b'\n');
    }
    if !buffer.is_empty() {
        documents.push(Ok(buffer));
    }
    documents
}

/// `MergeMaps`: what `over` says wins, maps are merged all the way down.
pub fn merge_into(base: &mut Map, over: Map) {
    for (key, value) in over {
        match (base.get_mut(&key), value) {
            (Some(Value::Map(base)), Value::Map(over)) => merge_into(base, over),
            (_, value) => {
                base.insert(key, value);
            }
        }
    }
}

/// Go's `%v` of values as they come from YAML and `--set`.
pub(crate) fn go_print(value: &Val) -> String {
    crate::template::fmt::sprint(std::slice::from_ref(value))
}
