//! Text to tree and back. The MAC covers values in the order in which they stand, so trees keep it.

use super::{dotenv, format::Format, to_json};
use crate::yaml::{self, Ordered};
use serde::de::{self, Deserialize, Deserializer, MapAccess, SeqAccess, Visitor};
use std::fmt;

/// Reads a file.
pub(super) fn read(format: Format, bytes: &[u8]) -> Result<Ordered, String> {
    let tree = match format {
        Format::Yaml => yaml::ordered(bytes).map_err(|error| error.message)?,
        // serde_json ends at 128 levels, so the recursion below is bounded.
        Format::Json | Format::Binary => serde_json::from_slice::<Json>(bytes).map_err(|error| position(&error))?.0,
        Format::Dotenv => dotenv::read(std::str::from_utf8(bytes).map_err(|_| "it is not UTF-8".to_owned())?)?,
    };
    match tree {
        Ordered::Map(_) => Ok(tree),
        _ => Err("it is no mapping".to_owned()),
    }
}

/// Where a parser stopped, without the text that stood there.
fn position(error: &serde_json::Error) -> String {
    format!("no JSON at line {} column {}", error.line(), error.column())
}

/// Writes a plain tree.
pub(super) fn write(format: Format, tree: &Ordered) -> Vec<u8> {
    match (format, tree) {
        (Format::Dotenv, tree) => dotenv::write(tree),
        (Format::Binary, Ordered::Map(pairs)) => pairs.iter().find(|(key, _)| key == "data").map(|(_, data)| bytes_of(data)).unwrap_or_default(),
        (_, tree) => to_json(tree),
    }
}

/// `ToBytes` in `sops.go`: what the MAC covers of a value.
pub(super) fn bytes_of(leaf: &Ordered) -> Vec<u8> {
    match leaf {
        Ordered::Bool(true) => b"True".to_vec(),
        Ordered::Bool(false) => b"False".to_vec(),
        Ordered::Int(number) => number.to_string().into_bytes(),
        Ordered::Uint(number) => number.to_string().into_bytes(),
        // Go's `FormatFloat(x, 'f', -1, 64)`: the shortest digits that are read back the same, without an exponent.
        Ordered::Float(number) => number.to_string().into_bytes(),
        Ordered::Time(text) => time(text).into_bytes(),
        Ordered::Text(text) => text.clone().into_bytes(),
        Ordered::Null | Ordered::List(_) | Ordered::Map(_) => Vec::new(),
    }
}

/// Go's `time.Time.MarshalText` of a date or time in YAML.
pub(super) fn time(text: &str) -> String {
    match text.parse::<jiff::civil::Date>() {
        Ok(date) if !text.contains([':', 'T', 't', ' ']) => format!("{date}T00:00:00Z"),
        _ => text.to_owned(),
    }
}

/// JSON with its keys in order.
struct Json(Ordered);

struct Reading;

impl<'de> Visitor<'de> for Reading {
    type Value = Ordered;

    fn expecting(&self, f: &mut fmt::Formatter) -> fmt::Result {
        f.write_str("a JSON value")
    }

    fn visit_unit<E: de::Error>(self) -> Result<Ordered, E> {
        Ok(Ordered::Null)
    }

    fn visit_bool<E: de::Error>(self, flag: bool) -> Result<Ordered, E> {
        Ok(Ordered::Bool(flag))
    }

    fn visit_i64<E: de::Error>(self, number: i64) -> Result<Ordered, E> {
        Ok(Ordered::Int(number))
    }

    fn visit_u64<E: de::Error>(self, number: u64) -> Result<Ordered, E> {
        Ok(i64::try_from(number).map_or(Ordered::Float(number as f64), Ordered::Int))
    }

    fn visit_f64<E: de::Error>(self, number: f64) -> Result<Ordered, E> {
        Ok(Ordered::Float(number))
    }

    fn visit_str<E: de::Error>(self, text: &str) -> Result<Ordered, E> {
        Ok(Ordered::Text(text.to_owned()))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Ordered, A::Error> {
        let mut items = Vec::new();
        while let Some(Json(item)) = list.next_element()? {
            items.push(item);
        }
        Ok(Ordered::List(items))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Ordered, A::Error> {
        let mut pairs = Vec::new();
        while let Some((key, Json(value))) = map.next_entry::<String, Json>()? {
            pairs.push((key, value));
        }
        Ok(Ordered::Map(pairs))
    }
}

impl<'de> Deserialize<'de> for Json {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Json, D::Error> {
        deserializer.deserialize_any(Reading).map(Json)
    }
}
