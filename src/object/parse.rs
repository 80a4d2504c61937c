//! Manifest text to objects, as helm's builder reads it (`cli-runtime/pkg/resource`: `StreamVisitor`, `FlattenListVisitor`).

use super::Object;
use crate::{value::Value as Datum, yaml};
use serde_json::{Map, Number, Value};

/// How many objects one manifest may hold, lists opened; etcd would not hold a release record for more.
const MAX_OBJECTS: usize = 50_000;
/// How deep a document may nest before it is refused (the API server's own limit for JSON is 10,000 levels).
const MAX_DEPTH: usize = 500;

/// A document that is no Kubernetes object.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{place}: {what}")]
pub struct ParseError {
    /// The template and the document within the manifest: `shop/templates/web.yaml (document 3)`.
    pub place: String,
    /// What is wrong with it, and what to do.
    pub what: String,
}

/// Splits a rendered manifest into its objects, in order; lists (`kind: List`, `RoleList`, anything with `items`) are opened.
///
/// # Errors
/// The first document that is no YAML, no mapping, or lacks `apiVersion`, `kind` or a name, with its template.
pub fn split_documents(manifest: &str) -> Result<Vec<Object>, ParseError> {
    let mut objects = Vec::new();
    for (at, text) in documents(manifest).into_iter().enumerate() {
        let source = source_of(&text);
        let place = match &source {
            Some(path) => format!("{path} (document {} of the manifest)", at + 1),
            None => format!("document {} of the manifest", at + 1),
        };
        let fail = |what: String| ParseError { place: place.clone(), what };
        let datum = yaml::from_yaml_raw(text.as_bytes()).map_err(|error| fail(error.message))?;
        if datum.is_null() {
            continue;
        }
        let json = from_value(&datum, 0).ok_or_else(|| fail(format!("nested more than {MAX_DEPTH} levels deep")))?;
        open(json, source.as_deref(), &mut objects).map_err(fail)?;
    }
    Ok(objects)
}

/// Checks one JSON document and opens it where it is a list.
///
/// # Errors
/// What is missing for it to be an object.
pub fn from_json_value(json: Value, source: Option<&str>) -> Result<Vec<Object>, String> {
    let mut objects = Vec::new();
    open(json, source, &mut objects)?;
    Ok(objects)
}

/// The documents of a stream: `---` at the start of a line ends one (`YAMLReader.Read` in apimachinery's `util/yaml`, which
/// also looks into block scalars).
fn documents(manifest: &str) -> Vec<String> {
    let mut found = vec![String::new()];
    for line in manifest.split_inclusive('\n') {
        if let Some(rest) = line.strip_prefix("---") {
            found.push(rest.to_owned());
        } else if let Some(last) = found.last_mut() {
            last.push_str(line);
        }
    }
    found.retain(|text| !text.trim().is_empty());
    found
}

/// The template that helm's `# Source: ` comment names.
fn source_of(document: &str) -> Option<String> {
    document.lines().find_map(|line| line.strip_prefix("# Source: ")).map(|path| path.trim().to_owned())
}

fn open(json: Value, source: Option<&str>, objects: &mut Vec<Object>) -> Result<(), String> {
    let mut queue = std::collections::VecDeque::from([json]);
    while let Some(json) = queue.pop_front() {
        let Value::Object(mut map) = json else {
            return Err(format!("a Kubernetes object must be a mapping with apiVersion, kind and metadata, but this is {}", kind_of(&json)));
        };
        match map.remove("items") {
            None => objects.push(checked(map, source)?),
            Some(Value::Array(items)) => queue.extend(items.into_iter().map(|item| item_of(item, &map))),
            Some(other) => return Err(format!("items must be a list of objects, but is {}", kind_of(&other))),
        }
        if objects.len() + queue.len() > MAX_OBJECTS {
            return Err(format!("more than {MAX_OBJECTS} objects"));
        }
    }
    Ok(())
}

/// An item of a typed list takes kind and version from it where it has neither (`decodeToList` in apimachinery).
fn item_of(item: Value, list: &Map<String, Value>) -> Value {
    let Value::Object(mut item) = item else { return item };
    let named = |map: &Map<String, Value>, key: &str| map.get(key).and_then(Value::as_str).is_some_and(|text| !text.is_empty());
    if !named(&item, "kind") && !named(&item, "apiVersion") {
        let kind = list.get("kind").and_then(Value::as_str).unwrap_or_default();
        item.insert("kind".into(), kind.strip_suffix("List").unwrap_or(kind).into());
        item.insert("apiVersion".into(), list.get("apiVersion").cloned().unwrap_or_default());
    }
    Value::Object(item)
}

fn checked(map: Map<String, Value>, source: Option<&str>) -> Result<Object, String> {
    let named = if let Some(name) = map.get("metadata").and_then(|meta| meta.get("name")).and_then(Value::as_str) {
        format!(" (its name is {name:?})")
    } else {
        String::new()
    };
    for key in ["apiVersion", "kind"] {
        match map.get(key) {
            Some(Value::String(text)) if !text.is_empty() => {}
            None | Some(Value::Null | Value::String(_)) => {
                return Err(format!("{key} is missing{named}: every object needs apiVersion, kind and metadata.name"));
            }
            Some(other) => return Err(format!("{key} must be a string, but is {}{named}", kind_of(other))),
        }
    }
    let kind = map["kind"].as_str().unwrap_or_default().to_owned();
    let Some(Value::Object(meta)) = map.get("metadata") else {
        return Err(format!("this {kind} has no metadata: give it metadata.name"));
    };
    let text = |key: &str| meta.get(key).and_then(Value::as_str).is_some_and(|text| !text.is_empty());
    match (text("name"), text("generateName")) {
        (true, true) => return Err("metadata.name and metadata.generateName cannot both be set".into()),
        (false, false) => match meta.get("name") {
            Some(other) if !other.is_null() && !other.is_string() => {
                return Err(format!("metadata.name of this {kind} must be a string, but is {}: quote it", kind_of(other)));
            }
            _ => return Err(format!("this {kind} has no metadata.name")),
        },
        _ => {}
    }
    for map in ["labels", "annotations"] {
        check_strings(meta.get(map), map)?;
    }
    Ok(Object::new(Value::Object(map), source.map(str::to_owned)))
}

/// Labels and annotations are strings; a bare `true` or `1` in a template is the commonest mistake of all.
fn check_strings(map: Option<&Value>, name: &str) -> Result<(), String> {
    match map {
        None | Some(Value::Null) => Ok(()),
        Some(Value::Object(map)) => match map.iter().find(|(_, value)| !value.is_string() && !value.is_null()) {
            Some((key, value)) => Err(format!("metadata.{name}[{key:?}] must be a string, but is {}: quote it", kind_of(value))),
            None => Ok(()),
        },
        Some(other) => Err(format!("metadata.{name} must be a mapping, but is {}", kind_of(other))),
    }
}

fn kind_of(value: &Value) -> String {
    match value {
        Value::Null => "empty".into(),
        Value::Bool(flag) => format!("the truth value {flag}"),
        Value::Number(number) => format!("the number {number}"),
        Value::String(_) => "a string".into(),
        Value::Array(_) => "a list".into(),
        Value::Object(_) => "a mapping".into(),
    }
}

/// A datum as JSON; whole numbers become integers, as Kubernetes reads them. `None` where it is nested too deep.
pub fn to_json(datum: &Datum) -> Option<Value> {
    from_value(datum, 0)
}

/// JSON as a datum; whole numbers stay integers, as in Kubernetes' own unstructured objects. Recursion is bounded by the depth
/// that the object's parser allowed.
pub fn to_datum(json: &Value) -> Datum {
    match json {
        Value::Null => Datum::Null,
        Value::Bool(flag) => Datum::Bool(*flag),
        Value::Number(number) => match (number.as_i64(), number.as_u64()) {
            (Some(number), _) => Datum::Int(number),
            (None, Some(number)) => Datum::Uint(number),
            (None, None) => Datum::Float(number.as_f64().unwrap_or_default()),
        },
        Value::String(text) => Datum::String(text.as_str().into()),
        Value::Array(list) => Datum::List(list.iter().map(to_datum).collect()),
        Value::Object(map) => Datum::Map(map.iter().map(|(key, value)| (key.as_str().into(), to_datum(value))).collect()),
    }
}

/// A datum as JSON; whole numbers become integers, as Kubernetes reads them. `None` where it is nested too deep.
fn from_value(datum: &Datum, depth: usize) -> Option<Value> {
    if depth > MAX_DEPTH {
        return None;
    }
    Some(match datum {
        Datum::Null => Value::Null,
        Datum::Bool(flag) => Value::Bool(*flag),
        Datum::Int(number) => Value::from(*number),
        Datum::Uint(number) => Value::from(*number),
        Datum::Float(number) => from_float(*number),
        Datum::String(text) => Value::String(text.to_text()),
        Datum::List(list) => Value::Array(list.iter().map(|item| from_value(item, depth + 1)).collect::<Option<_>>()?),
        Datum::Map(map) => {
            let entries = map.iter().map(|(key, value)| Some((key.to_text(), from_value(value, depth + 1)?)));
            Value::Object(entries.collect::<Option<_>>()?)
        }
    })
}

fn from_float(number: f64) -> Value {
    // Both bounds are exact in f64: -2^63 and 2^63.
    if number.fract() == 0.0 && (-9_223_372_036_854_775_808.0..9_223_372_036_854_775_808.0).contains(&number) {
        return Value::from(number as i64);
    }
    Number::from_f64(number).map_or(Value::Null, Value::Number)
}
