//! values.schema.json: Helm's `pkg/chart/common/util/jsonschema.go`, with a validator that goes step by step as
//! santhosh-tekuri/jsonschema v6.0.3 does, because Helm prints that library's messages.
//!
//! Drafts 4, 6, 7, 2019-09 and 2020-12. References to other files and hosts are refused: rendering reads neither.

mod check;
mod document;
mod error;
mod format;
mod json;
mod metaschema;
mod number;
mod validate;

use super::{Chart, Log};
use crate::value::{Map, Value};
use document::{Document, Store};
use json::Json;
use std::collections::BTreeMap;

/// The most schema nodes that one validation may visit; combinations of references can grow without bound.
pub const MAX_SCHEMA_STEPS: u64 = 2_000_000;

/// The URL under which Helm knows the schema.
const URL: &str = "file:///values.schema.json";

/// Whether the chart or one of its subcharts has a schema.
pub fn has_schema(chart: &Chart) -> bool {
    chart.schema.is_some() || chart.dependencies.iter().any(has_schema)
}

/// Checks the values of a chart and its subcharts.
///
/// # Errors
/// Helm's text, a paragraph for each chart.
pub fn validate(chart: &Chart, values: &Map, log: &mut Log) -> Result<(), String> {
    let mut text = String::new();
    if let Some(schema) = &chart.schema
        && let Err(error) = validate_one(schema, values, log)
    {
        text.push_str(&format!("{}:\n{error}", chart.name()));
    }
    for subchart in &chart.dependencies {
        let name = subchart.name();
        match values.get(name.as_bytes()) {
            None | Some(Value::Null) => {}
            Some(Value::Map(own)) => {
                if let Err(error) = validate(subchart, own, log) {
                    text.push_str(&error);
                }
            }
            Some(other) => {
                let got = go_type(other);
                text.push_str(&format!("{name}:\ninvalid type for values: expected object (map), got {got}\n"));
            }
        }
    }
    if text.is_empty() { Ok(()) } else { Err(text) }
}

/// Checks values against one schema (`ValidateAgainstSingleSchema`).
///
/// # Errors
/// Why the schema is none, or where the values break it.
pub fn validate_one(schema: &[u8], values: &Map, log: &mut Log) -> Result<(), String> {
    // The parser of Go's library words the errors; ours keeps the numbers' digits.
    crate::yaml::from_json(schema).map_err(|error| error.message)?;
    let schema = json::parse(schema)?;
    let document = Document::new(URL, schema)?;
    let store = Store::new(&document);
    check::check(&store, log)?;
    let values = Json::Object(values.iter().map(|(k, v)| (k.to_text(), Json::from_value(v))).collect::<BTreeMap<_, _>>());
    validate::run(&store, store.root(), &values).map_err(|error| {
        // Helm takes off the first line, which names the schema.
        let text = error.to_string();
        let prefix = format!("jsonschema validation failed with '{URL}#'\n");
        format!("{}\n", text.strip_prefix(&prefix).unwrap_or(&text))
    })
}

fn go_type(value: &Value) -> &'static str {
    match value {
        Value::Null => "<nil>",
        Value::Bool(_) => "bool",
        Value::Int(_) => "int64",
        Value::Uint(_) => "uint64",
        Value::Float(_) => "float64",
        Value::String(_) => "string",
        Value::List(_) => "[]interface {}",
        Value::Map(_) => "map[string]interface {}",
    }
}
