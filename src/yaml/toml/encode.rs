//! Data to TOML text (`encode.go`).

use crate::{
    value::{GoStr, Value},
    yaml::{
        Error,
        datum::{Datum, Path, Shape, float_of, too_long},
        deep::deeper,
        duration,
        number::{Bits, format_g},
    },
};
use std::collections::BTreeMap;

/// Writes any datum, at the top level a bare value too.
///
/// # Errors
/// What TOML cannot carry, with Go's text; text of more than the datum's `MAX_BYTES`.
pub(in crate::yaml) fn encode<T: Datum>(datum: &T) -> Result<Vec<u8>, Error> {
    let mut writer = Writer { out: Vec::new(), path: Path::new(T::MAX_BYTES), room: T::MAX_BYTES, limit: T::MAX_BYTES };
    if matches!(writer.kind(datum)?, Kind::Nil) && datum.go_type() == "<nil>" {
        // What text/template makes of the panic in Go's encoder.
        return Err(Error::new("reflect: call of reflect.Value.Type on zero Value"));
    }
    if datum.look(|shape| matches!(shape, Shape::NilList)) {
        // Only below a key is a nil slice left out.
        return Ok(b"[]".to_vec());
    }
    if datum.go_type() == FILES {
        let files = datum.look(|shape| match shape {
            Shape::Plain(files) => files_as_bytes(files),
            _ => Value::Null,
        });
        writer.encode(&mut Vec::new(), &files)?;
        return Ok(writer.out);
    }
    writer.encode(&mut Vec::new(), datum)?;
    writer.path.check(writer.out.len())?;
    Ok(writer.out)
}

/// Helm's `.Files`: a `map[string][]byte`, which JSON shows in base64 and TOML as numbers.
const FILES: &str = "engine.files";

fn files_as_bytes(files: &Value) -> Value {
    let numbers = |file: &Value| match file {
        Value::String(text) => {
            let bytes = crate::yaml::base64::decode(text).unwrap_or_default();
            Value::List(bytes.into_iter().map(|byte| Value::Int(i64::from(byte))).collect())
        }
        other => other.clone(),
    };
    match files {
        Value::Map(map) => Value::Map(map.iter().map(|(name, file)| (name.clone(), numbers(file))).collect()),
        other => other.clone(),
    }
}

/// Go's `tomlTypeOfGo`, as far as the layout depends on it.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Kind {
    Nil,
    Table,
    /// A list of tables only, and of one at least.
    Tables,
    Other,
}

/// `room` is how many nodes may be looked at: a list is gone through at each level.
fn kind<T: Datum>(datum: &T, room: &mut usize, limit: usize) -> Result<Kind, Error> {
    *room = room.checked_sub(1).ok_or_else(|| too_long(limit))?;
    datum.look(|shape| {
        Ok(match shape {
            Shape::Null | Shape::NilList | Shape::NilMap => Kind::Nil,
            Shape::Map(_) => Kind::Table,
            Shape::List(items) => {
                let mut tables = !items.is_empty();
                for item in items {
                    match deeper(|| kind(item, room, limit))? {
                        Kind::Nil => return Err(Error::new("toml: cannot encode array with nil element")),
                        found => tables &= found == Kind::Table,
                    }
                }
                if tables { Kind::Tables } else { Kind::Other }
            }
            Shape::Plain(value) | Shape::Struct(value, _) => kind(value, room, limit)?,
            Shape::Unsupported(go_type) => return Err(format!("unsupported type: {go_type}").into()),
            _ => Kind::Other,
        })
    })
}

struct Writer {
    out: Vec<u8>,
    path: Path,
    /// How many nodes may still be looked at to find their kinds.
    room: usize,
    limit: usize,
}

/// The keys from the top to where we are.
type Key<'k> = Vec<&'k [u8]>;

impl Writer {
    fn push(&mut self, text: &str) {
        self.out.extend_from_slice(text.as_bytes());
    }

    fn new_line(&mut self) {
        if !self.out.is_empty() {
            self.out.push(b'\n');
        }
    }

    fn indent(&mut self, key: &Key<'_>) {
        self.out.extend(std::iter::repeat_n(b' ', 2 * (key.len() - 1)));
    }

    fn kind<T: Datum>(&mut self, datum: &T) -> Result<Kind, Error> {
        kind(datum, &mut self.room, self.limit)
    }

    fn encode<T: Datum>(&mut self, key: &mut Key<'_>, datum: &T) -> Result<(), Error> {
        self.path.check(self.out.len())?;
        match self.kind(datum)? {
            Kind::Nil => Ok(()),
            Kind::Other => self.key_value(key, datum),
            Kind::Table => {
                if key.len() == 1 {
                    self.new_line();
                }
                if !key.is_empty() {
                    self.header(key, "[", "]");
                }
                self.table(key, datum)
            }
            Kind::Tables if key.is_empty() => Err(Error::new("toml: top-level values must be Go maps or structs")),
            Kind::Tables => datum.look(|shape| match shape {
                Shape::List(items) => {
                    for item in items {
                        self.new_line();
                        self.header(key, "[[", "]]");
                        self.table(key, item)?;
                    }
                    Ok(())
                }
                Shape::Plain(value) | Shape::Struct(value, _) => self.encode(key, value),
                _ => Ok(()),
            }),
        }
    }

    fn header(&mut self, key: &Key<'_>, open: &str, close: &str) {
        self.indent(key);
        self.push(open);
        for (place, part) in key.iter().enumerate() {
            if place > 0 {
                self.out.push(b'.');
            }
            write_key(part, &mut self.out);
        }
        self.push(close);
        self.new_line();
    }

    fn key_value<T: Datum>(&mut self, key: &Key<'_>, datum: &T) -> Result<(), Error> {
        let Some(last) = key.last() else { return self.element(datum) };
        self.indent(key);
        write_key(last, &mut self.out);
        self.push(" = ");
        self.element(datum)?;
        self.new_line();
        Ok(())
    }

    /// The entries of a table, plain ones before tables, each in order of their keys.
    fn table<T: Datum>(&mut self, key: &mut Key<'_>, datum: &T) -> Result<(), Error> {
        datum.look(|shape| match shape {
            Shape::Map(map) => {
                let noted = self.path.enter(datum)?;
                let (direct, tables) = self.split(map)?;
                for (name, value) in direct.into_iter().chain(tables) {
                    let mut inner = key.clone();
                    inner.push(name);
                    deeper(|| self.encode(&mut inner, value))?;
                }
                self.path.leave(noted);
                Ok(())
            }
            Shape::Plain(value) | Shape::Struct(value, _) => self.table(key, value),
            _ => Ok(()),
        })
    }

    fn element<T: Datum>(&mut self, datum: &T) -> Result<(), Error> {
        self.path.check(self.out.len())?;
        datum.look(|shape| {
            if let Some((number, bits)) = float_of(&shape) {
                self.float(number, bits);
                return Ok(());
            }
            match shape {
                Shape::Bool(flag) => self.push(if flag { "true" } else { "false" }),
                Shape::Int(number) => self.push(&number.to_string()),
                Shape::Uint(number) => self.push(&number.to_string()),
                Shape::Text(text) => quote(text, &mut self.out),
                Shape::Time(_, moment) => self.push(moment),
                Shape::Duration(nanoseconds) => quote(duration::text(nanoseconds).as_bytes(), &mut self.out),
                Shape::Bytes(bytes) => {
                    let numbers: Vec<String> = bytes.iter().map(u8::to_string).collect();
                    self.push(&format!("[{}]", numbers.join(", ")));
                }
                Shape::List(items) => {
                    let noted = self.path.enter(datum)?;
                    self.push("[");
                    for (place, item) in items.iter().enumerate() {
                        self.push(if place > 0 { ", " } else { "" });
                        deeper(|| self.element(item))?;
                    }
                    self.push("]");
                    self.path.leave(noted);
                }
                Shape::Map(map) => {
                    let noted = self.path.enter(datum)?;
                    self.inline(map)?;
                    self.path.leave(noted);
                }
                Shape::Plain(value) | Shape::Struct(value, _) => return self.element(value),
                Shape::NilList => self.push("[]"),
                Shape::NilMap => self.push("{}"),
                Shape::Unsupported(go_type) => return Err(format!("unexpected type: {go_type}").into()),
                Shape::Null | Shape::Float(_) | Shape::Float32(_) => {}
            }
            Ok(())
        })
    }

    fn inline<T: Datum>(&mut self, map: &BTreeMap<GoStr, T>) -> Result<(), Error> {
        let (direct, tables) = self.split(map)?;
        self.push("{");
        let (plain, more) = (direct.len(), !tables.is_empty());
        let count = plain + tables.len();
        for (place, (name, value)) in direct.into_iter().chain(tables).enumerate() {
            if self.kind(value)? == Kind::Nil {
                continue;
            }
            write_key(name, &mut self.out);
            self.push(" = ");
            deeper(|| self.element(value))?;
            // As Go has it: a comma by place, though what follows may be nil and left out.
            let last = if place < plain { place + 1 == plain && !more } else { place + 1 == count };
            self.push(if last { "" } else { ", " });
        }
        self.push("}");
        Ok(())
    }

    /// A map's plain entries and its tables, nil ones among the plain.
    fn split<'m, T: Datum>(&mut self, map: &'m BTreeMap<GoStr, T>) -> Result<(Entries<'m, T>, Entries<'m, T>), Error> {
        let (mut direct, mut tables) = (Vec::new(), Vec::new());
        for (name, value) in map {
            match deeper(|| self.kind(value))? {
                Kind::Table | Kind::Tables => tables.push((name.as_bytes(), value)),
                Kind::Nil | Kind::Other => direct.push((name.as_bytes(), value)),
            }
        }
        Ok((direct, tables))
    }

    fn float(&mut self, number: f64, bits: Bits) {
        let text = if number.is_nan() {
            if number.is_sign_negative() { "-nan" } else { "nan" }.to_owned()
        } else if number.is_infinite() {
            if number < 0.0 { "-inf" } else { "inf" }.to_owned()
        } else {
            let text = format_g(number, bits);
            if text.contains(['e', '.']) { text } else { text + ".0" }
        };
        self.push(&text);
    }
}

type Entries<'m, T> = Vec<(&'m [u8], &'m T)>;

pub(super) fn write_key(key: &[u8], out: &mut Vec<u8>) {
    let bare = |c: &u8| c.is_ascii_alphanumeric() || matches!(c, b'_' | b'-');
    match !key.is_empty() && key.iter().all(bare) {
        true => out.extend_from_slice(key),
        false => quote(key, out),
    }
}

/// Go's `dblQuotedReplacer`, byte by byte.
fn quote(text: &[u8], out: &mut Vec<u8>) {
    out.push(b'"');
    for c in text {
        match c {
            b'\t' => out.extend_from_slice(b"\\t"),
            b'\n' => out.extend_from_slice(b"\\n"),
            b'\r' => out.extend_from_slice(b"\\r"),
            b'\x08' => out.extend_from_slice(b"\\b"),
            b'\x0C' => out.extend_from_slice(b"\\f"),
            b'"' => out.extend_from_slice(b"\\\""),
            b'\\' => out.extend_from_slice(b"\\\\"),
            0..=0x1F | 0x7F => out.extend_from_slice(format!("\\u{c:04x}").as_bytes()),
            _ => out.push(*c),
        }
    }
    out.push(b'"');
}
