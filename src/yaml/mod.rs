//! YAML, JSON and TOML as Go's libraries read and write them (`sigs.k8s.io/yaml` v1.6.0 over `go.yaml.in/yaml` v2.4.4,
//! `encoding/json`, `BurntSushi/toml` v1.6.0), to the byte, error texts included.
//!
//! Reading: `text/` makes nodes of YAML, `resolve` says what scalars mean, `decode` makes values. Writing: `emit/`.
//! Why the parser is our own: `docs/decisions/yaml.md`.

mod base64;
mod datum;
mod decode;
mod deep;
mod duration;
pub mod edit;
mod emit;
mod go;
mod json;
mod locate;
mod number;
mod ordered;
mod resolve;
mod text;
mod toml;

pub use datum::{Datum, Shape};
pub use json::Form as JsonForm;
pub use locate::{Step, line_of};
pub use ordered::{Ordered, ordered};
pub use toml::{Moment, Toml};

use crate::value::{GoStr, Map, Value};
use resolve::Rules;
use std::collections::BTreeMap;

/// How many nodes a document may have, in YAML, JSON and TOML alike. Go's libraries read on until the memory is gone.
pub const MAX_NODES: usize = 2_000_000;

/// What a parser refused: the text that Go's library gives, for example
/// `error converting YAML to JSON: yaml: line 2: found a tab character where an indentation space is expected`.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
#[error("{message}")]
pub struct Error {
    /// Go's error text, without anything around it.
    pub message: String,
    /// Whether a bound was reached that Go has not ([`Datum::MAX_BYTES`]): an error even where Helm swallows the others.
    pub bound: bool,
}

impl Error {
    fn new(message: impl Into<String>) -> Error {
        Error { message: message.into(), bound: false }
    }
}

impl From<String> for Error {
    fn from(message: String) -> Error {
        Error::new(message)
    }
}

fn too_many_nodes() -> String {
    format!("the document has more than {MAX_NODES} nodes, which windlass does not read")
}

/// Parses one YAML document as `sigs.k8s.io/yaml.Unmarshal` into `interface{}` does: by way of JSON, numbers as float64.
///
/// # Errors
/// Whatever Go's library refuses, with its text.
pub fn from_yaml(text: &[u8]) -> Result<Value, Error> {
    decode::decode(text, decode::Options::default()).map_err(to_json_failed)
}

/// As [`from_yaml`], and a key that stands twice in a mapping is an error (`UnmarshalStrict`).
///
/// # Errors
/// Whatever Go's library refuses, with its text.
pub fn from_yaml_strict(text: &[u8]) -> Result<Value, Error> {
    decode::decode(text, decode::Options { strict: true, ..Default::default() }).map_err(to_json_failed)
}

/// Parses one YAML document as `sigs.k8s.io/yaml.Unmarshal` into `map[string]interface{}` does: values files, `fromYaml`.
/// An empty document is an empty map.
///
/// # Errors
/// Whatever Go's library refuses, with its text.
pub fn from_yaml_map(text: &[u8]) -> Result<Map, Error> {
    into_map(from_yaml(text)?)
}

/// Parses one YAML document as `sigs.k8s.io/yaml.Unmarshal` into `[]interface{}` does (`fromYamlArray`).
///
/// # Errors
/// Whatever Go's library refuses, with its text.
pub fn from_yaml_array(text: &[u8]) -> Result<Vec<Value>, Error> {
    match from_yaml(text)? {
        Value::List(items) => Ok(items),
        Value::Null => Ok(Vec::new()),
        other => Err(while_decoding(cannot_unmarshal(json_kind(&other), "[]interface {}"))),
    }
}

/// The map that a document is; Go's error where it is something else.
fn into_map(value: Value) -> Result<Map, Error> {
    match value {
        Value::Map(map) => Ok(map),
        Value::Null => Ok(Map::new()),
        other => Err(while_decoding(cannot_unmarshal(json_kind(&other), "map[string]interface {}"))),
    }
}

fn to_json_failed(problem: String) -> Error {
    Error::new(format!("error converting YAML to JSON: {problem}"))
}

/// What `sigs.k8s.io/yaml` says around an error of `encoding/json`, such as [`cannot_unmarshal`]'s.
pub fn while_decoding(problem: String) -> Error {
    Error::new(format!("error unmarshaling JSON: while decoding JSON: {problem}"))
}

/// Go's name for the kind of JSON value in `json.UnmarshalTypeError`: `object`, `array`, `string`, `number`, `bool`.
pub fn json_kind(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "bool",
        Value::Int(_) | Value::Uint(_) | Value::Float(_) => "number",
        Value::String(_) => "string",
        Value::List(_) => "array",
        Value::Map(_) => "object",
    }
}

/// Go's `json.UnmarshalTypeError` at the top: `json: cannot unmarshal array into Go value of type map[string]interface {}`.
pub fn cannot_unmarshal(kind: &str, go_type: &str) -> String {
    format!("json: cannot unmarshal {kind} into Go value of type {go_type}")
}

/// Go's `json.UnmarshalTypeError` inside a struct: `json: cannot unmarshal string into Go struct field Metadata.keywords of
/// type []string`. `field` is the path of JSON names from the outermost struct, `structure` the innermost struct's name.
pub fn cannot_unmarshal_field(kind: &str, structure: &str, field: &str, go_type: &str) -> String {
    format!("json: cannot unmarshal {kind} into Go struct field {structure}.{field} of type {go_type}")
}

/// Writes a value as `sigs.k8s.io/yaml.Marshal` does, with the trailing newline. Empty where Go refuses the value.
pub fn to_yaml(value: &Value) -> String {
    marshal(value).unwrap_or_default()
}

/// Writes any datum as `sigs.k8s.io/yaml.Marshal` does: JSON in between, so that strings come out as JSON's way through a
/// YAML parser leaves them.
///
/// # Errors
/// Numbers and types that JSON has not, and the few strings (U+007F, for one) that YAML's reader refuses, with Go's text.
pub fn marshal<T: Datum>(datum: &T) -> Result<String, Error> {
    let bytes = emit::marshal(datum)?;
    Ok(String::from_utf8(bytes).unwrap_or_else(|error| String::from_utf8_lossy(error.as_bytes()).into_owned()))
}

/// Writes any datum as `go.yaml.in/yaml/v3` does with an indentation of two (`toYamlPretty`).
///
/// # Errors
/// Data that contain themselves.
pub fn marshal_pretty<T: Datum>(datum: &T) -> Result<String, Error> {
    let bytes = emit::emit(datum, Rules::V3, T::MAX_BYTES)?;
    Ok(String::from_utf8(bytes).unwrap_or_else(|error| String::from_utf8_lossy(error.as_bytes()).into_owned()))
}

/// Parses JSON as `encoding/json.Unmarshal` into `interface{}` does.
///
/// # Errors
/// Whatever Go's library refuses, with its text.
pub fn from_json(text: &[u8]) -> Result<Value, Error> {
    let decoded = json::decode(text).map_err(Error::new)?;
    match decoded.problem {
        Some(problem) => Err(Error::new(problem)),
        None => Ok(decoded.value),
    }
}

/// Parses JSON as `encoding/json.Unmarshal` into a `map[string]interface{}` does (`fromJson`): what could be taken stands
/// in the map even where there is an error. `null` makes it Go's nil map.
pub fn from_json_map(text: &[u8]) -> (Option<Map>, Option<Error>) {
    match json::decode(text) {
        Err(problem) => (Some(Map::new()), Some(Error::new(problem))),
        Ok(decoded) => match decoded.value {
            Value::Map(map) => (Some(map), decoded.problem.map(Error::new)),
            Value::Null if decoded.problem.is_none() => (None, None),
            other => (Some(Map::new()), Some(Error::new(refusal(&other, "map[string]interface {}")))),
        },
    }
}

/// Parses JSON as `encoding/json.Unmarshal` into `[]interface{}` does (`fromJsonArray`). `null` makes it Go's nil slice.
///
/// # Errors
/// Whatever Go's library refuses, with its text.
pub fn from_json_array(text: &[u8]) -> Result<Option<Vec<Value>>, Error> {
    let decoded = json::decode(text).map_err(Error::new)?;
    match decoded.value {
        Value::List(items) => decoded.problem.map_or(Ok(Some(items)), |problem| Err(Error::new(problem))),
        Value::Null if decoded.problem.is_none() => Ok(None),
        other => Err(Error::new(refusal(&other, "[]interface {}"))),
    }
}

/// Why a datum at the top is not of a type; null stands for a number here that no `float64` holds.
fn refusal(value: &Value, go_type: &str) -> String {
    cannot_unmarshal(if value.is_null() { "number" } else { json_kind(value) }, go_type)
}

/// Writes compact JSON as `encoding/json.Marshal` does; `escape_html` turns `<`, `>` and `&` into `\u003c` and so on.
/// Empty where Go refuses the value.
pub fn to_json(value: &Value, escape_html: bool) -> String {
    marshal_json(value, JsonForm { escape_html, pretty: false }).unwrap_or_default()
}

/// Writes any datum as `encoding/json` does, without a line break at the end.
///
/// # Errors
/// Numbers and types that JSON has not, with Go's text.
pub fn marshal_json<T: Datum>(datum: &T, form: JsonForm) -> Result<String, Error> {
    let bytes = json::encode(datum, form, T::MAX_BYTES)?;
    Ok(String::from_utf8(bytes).unwrap_or_else(|error| String::from_utf8_lossy(error.as_bytes()).into_owned()))
}

/// Parses one YAML document as `go.yaml.in/yaml/v2` does, before JSON: integers and floats told apart, keys already text.
///
/// # Errors
/// Whatever Go's library refuses, with its text.
pub fn from_yaml_raw(text: &[u8]) -> Result<Value, Error> {
    decode::decode(text, decode::Options { integers: true, ..Default::default() }).map_err(to_json_failed)
}

/// Writes any datum as TOML, as `BurntSushi/toml`'s encoder does. Strings go out byte by byte, UTF-8 or not.
///
/// # Errors
/// What TOML cannot carry, with Go's text.
pub fn marshal_toml<T: Datum>(datum: &T) -> Result<Vec<u8>, Error> {
    toml::encode(datum)
}

/// Parses a TOML document as `BurntSushi/toml.Unmarshal` into `map[string]interface{}` does: integers are int64, dates are
/// the text that JSON shows of them.
///
/// # Errors
/// Whatever Go's library refuses, with its text.
pub fn from_toml(text: &[u8]) -> Result<Map, Error> {
    Ok(read_toml(text)?.into_iter().map(|(key, item)| (key, item.into_value())).collect())
}

/// As [`from_toml`], with Go's types of dates and lists of tables.
///
/// # Errors
/// Whatever Go's library refuses, with its text.
pub fn read_toml(text: &[u8]) -> Result<BTreeMap<GoStr, Toml>, Error> {
    toml::decode(text).map_err(Error::new)
}
