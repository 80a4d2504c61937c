//! Plain data as YAML and JSON carry it: what charts, values and manifests are made of before and after templates run.
//!
//! A [`Value`] is immutable where it is shared, `Send`, and ordered: maps iterate in byte order of their keys, as Go's
//! `text/template` and `encoding/json` do. The mutable, typed values that templates see are `template::Val`.

mod gostr;

pub use gostr::GoStr;

use std::collections::BTreeMap;

/// A map from string keys to values, in byte order of the keys.
pub type Map = BTreeMap<GoStr, Value>;

/// One datum of YAML or JSON.
///
/// Number kinds are those that `sigs.k8s.io/yaml` leaves after its way through JSON: most numbers arrive as [`Value::Float`]
/// (Go's `float64`); [`Value::Int`] comes from typed sources such as `--set`, Chart.yaml or template functions.
#[derive(Clone, Debug, Default, PartialEq)]
pub enum Value {
    /// `null`, Go's `nil`.
    #[default]
    Null,
    /// `true` or `false`.
    Bool(bool),
    /// Go's `int64` (also `int`).
    Int(i64),
    /// Go's `uint64`, where a number does not fit `int64`.
    Uint(u64),
    /// Go's `float64`.
    Float(f64),
    /// A string of bytes, nearly always UTF-8.
    String(GoStr),
    /// A sequence.
    List(Vec<Value>),
    /// A mapping.
    Map(Map),
}

impl Value {
    /// The map, where this is one.
    pub fn as_map(&self) -> Option<&Map> {
        match self {
            Value::Map(map) => Some(map),
            _ => None,
        }
    }

    /// The map to change, where this is one.
    pub fn as_map_mut(&mut self) -> Option<&mut Map> {
        match self {
            Value::Map(map) => Some(map),
            _ => None,
        }
    }

    /// The list, where this is one.
    pub fn as_list(&self) -> Option<&[Value]> {
        match self {
            Value::List(list) => Some(list),
            _ => None,
        }
    }

    /// The text, where this is a string of valid UTF-8.
    pub fn as_str(&self) -> Option<&str> {
        match self {
            Value::String(text) => text.as_str(),
            _ => None,
        }
    }

    /// The truth value, where this is a boolean.
    pub fn as_bool(&self) -> Option<bool> {
        match self {
            Value::Bool(flag) => Some(*flag),
            _ => None,
        }
    }

    /// The member `key` of a map; `None` for other kinds and missing keys.
    pub fn get(&self, key: &str) -> Option<&Value> {
        self.as_map()?.get(key.as_bytes())
    }

    /// Whether this is `null`.
    pub fn is_null(&self) -> bool {
        matches!(self, Value::Null)
    }
}

impl From<&str> for Value {
    fn from(text: &str) -> Self {
        Value::String(text.into())
    }
}

impl From<String> for Value {
    fn from(text: String) -> Self {
        Value::String(text.into())
    }
}

impl From<bool> for Value {
    fn from(flag: bool) -> Self {
        Value::Bool(flag)
    }
}

impl From<i64> for Value {
    fn from(number: i64) -> Self {
        Value::Int(number)
    }
}

impl From<f64> for Value {
    fn from(number: f64) -> Self {
        Value::Float(number)
    }
}

impl From<Map> for Value {
    fn from(map: Map) -> Self {
        Value::Map(map)
    }
}

impl From<Vec<Value>> for Value {
    fn from(list: Vec<Value>) -> Self {
        Value::List(list)
    }
}
