//! What can be written as JSON, YAML and TOML without a copy first.

use super::{Error, number::Bits};
use crate::value::{GoStr, Value};
use std::collections::BTreeMap;

/// A datum that encoders walk: [`Value`], and the values of running templates.
pub trait Datum: Sized {
    /// How many bytes an encoder may write of it. Data that stand in several places of themselves are written in full in each,
    /// so that what fits into memory may be endless as text.
    const MAX_BYTES: usize = usize::MAX;

    /// Shows what the datum is.
    ///
    /// # Errors
    /// Whatever `then` refuses.
    fn look<R>(&self, then: impl FnOnce(Shape<'_, Self>) -> R) -> R;

    /// Where a map or slice lives, so that one which contains itself is found out; `None` where that cannot be.
    fn address(&self) -> Option<usize> {
        None
    }

    /// Go's name of the type, for errors.
    fn go_type(&self) -> &'static str;
}

/// What a datum is.
pub enum Shape<'a, T> {
    /// `null`
    Null,
    /// `true` or `false`
    Bool(bool),
    /// A signed integer.
    Int(i64),
    /// An unsigned integer.
    Uint(u64),
    /// A `float64`.
    Float(f64),
    /// A `float32`.
    Float32(f64),
    /// A string.
    Text(&'a [u8]),
    /// A `time.Duration` in nanoseconds: JSON shows the number, YAML (by v3) and TOML a text.
    Duration(i64),
    /// A `time.Time`: as RFC 3339 has it, a string in JSON and a timestamp in YAML by v3, and as TOML has it.
    Time(&'a str, &'a str),
    /// `[]byte`: base64 in JSON, numbers in YAML by v3.
    Bytes(&'a [u8]),
    /// A nil slice: `null` in JSON, empty in YAML by v3.
    NilList,
    /// A nil map, the same.
    NilMap,
    /// A slice.
    List(&'a [T]),
    /// A map.
    Map(&'a BTreeMap<GoStr, T>),
    /// A struct or other named type, as JSON shows it.
    Plain(&'a Value),
    /// A struct: its plain form, and its members by JSON's names in the order of the fields.
    Struct(&'a Value, &'a [(&'static str, T)]),
    /// JSON has nothing like it: Go's text.
    Unsupported(&'static str),
}

impl Datum for Value {
    fn look<R>(&self, then: impl FnOnce(Shape<'_, Self>) -> R) -> R {
        then(match self {
            Value::Null => Shape::Null,
            Value::Bool(flag) => Shape::Bool(*flag),
            Value::Int(number) => Shape::Int(*number),
            Value::Uint(number) => Shape::Uint(*number),
            Value::Float(number) => Shape::Float(*number),
            Value::String(text) => Shape::Text(text),
            Value::List(items) => Shape::List(items),
            Value::Map(map) => Shape::Map(map),
        })
    }

    fn go_type(&self) -> &'static str {
        match self {
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
}

/// How deep data are walked before maps that contain themselves are looked for (Go's `startDetectCyclesAfter`).
const CYCLES_AFTER: usize = 1_000;
/// How deep data may nest at all.
const MAX_DEPTH: usize = 10_000;

/// Where a walk is, to find data that contain themselves, and how much it may write.
#[derive(Debug)]
pub(super) struct Path {
    limit: usize,
    depth: usize,
    seen: std::collections::BTreeSet<usize>,
}

impl Path {
    /// A walk that may write so many bytes.
    pub(super) fn new(limit: usize) -> Path {
        Path { limit, depth: 0, seen: Default::default() }
    }

    /// Refuses to go on once so many bytes are written.
    pub(super) fn check(&self, written: usize) -> Result<(), Error> {
        match written > self.limit {
            true => Err(too_long(self.limit)),
            false => Ok(()),
        }
    }

    /// Walks into a collection; [`Path::leave`] takes back what this returns.
    pub(super) fn enter<T: Datum>(&mut self, datum: &T) -> Result<Option<usize>, Error> {
        self.depth += 1;
        if self.depth > MAX_DEPTH {
            return Err(format!("data nests deeper than {MAX_DEPTH} levels").into());
        }
        if self.depth <= CYCLES_AFTER {
            return Ok(None);
        }
        let address = datum.address();
        match address.is_some_and(|address| !self.seen.insert(address)) {
            true => Err(format!("json: unsupported value: encountered a cycle via {}", datum.go_type()).into()),
            false => Ok(address),
        }
    }

    /// Walks out of a collection.
    pub(super) fn leave(&mut self, noted: Option<usize>) {
        self.depth -= 1;
        if let Some(address) = noted {
            self.seen.remove(&address);
        }
    }
}

/// The text would be longer than an encoder may write.
pub(super) fn too_long(limit: usize) -> Error {
    Error { message: format!("the result would have more than the {limit} bytes that windlass allows"), bound: true }
}

/// A float's bits by its shape.
pub(super) fn float_of<T>(shape: &Shape<'_, T>) -> Option<(f64, Bits)> {
    match shape {
        Shape::Float(number) => Some((*number, Bits::B64)),
        Shape::Float32(number) => Some((*number, Bits::B32)),
        _ => None,
    }
}
