//! Values to YAML text, as libyaml's emitter in Go writes them (`emitterc.go`, `encode.go`): v2 behind
//! `sigs.k8s.io/yaml.Marshal`, v3 with an indentation of two behind Helm's `toYamlPretty`.
//!
//! Go's emitter is driven by events; ours walks the data, since only empty collections are ever written in flow style.

mod analyze;
mod odd;
mod sort;
mod write;

use super::{
    Error, MAX_NODES, base64, decode,
    json::{self, Form},
    datum::{Datum, Path, Shape, float_of},
    deep::deeper,
    number::{format_g, format_yaml},
    resolve::Rules,
};
use crate::value::{GoStr, Value};
use analyze::{Style, analyze, wanted};
use std::collections::BTreeMap;
use write::Writer;

/// The longest key that is written without `?` (`yaml_emitter_check_simple_key`), in bytes.
const MAX_SIMPLE_KEY: usize = 128;

/// Writes one document.
///
/// # Errors
/// Data that contain themselves, and text of more than `limit` bytes.
pub(super) fn emit<T: Datum>(datum: &T, rules: Rules, limit: usize) -> Result<Vec<u8>, Error> {
    let mut emitter = Emitter { writer: Writer::new(rules), rules, path: Path::new(limit) };
    emitter.node(datum, Place::Root)?;
    emitter.writer.write_indent();
    emitter.path.check(emitter.writer.out.len())?;
    Ok(emitter.writer.out)
}

/// Writes one document as `sigs.k8s.io/yaml.Marshal` does: by way of JSON and a YAML parser, which are gone through only
/// where they would make a difference.
///
/// # Errors
/// What JSON or the YAML parser refuse, with Go's text.
pub(super) fn marshal<T: Datum>(datum: &T) -> Result<Vec<u8>, Error> {
    let json = |datum: &T| {
        let form = Form { escape_html: true, pretty: false };
        json::encode(datum, form, T::MAX_BYTES).map_err(|problem| match problem.bound {
            true => problem,
            false => Error::new(format!("error marshaling into JSON: {problem}")),
        })
    };
    let mut room = if T::MAX_BYTES == usize::MAX { usize::MAX } else { MAX_NODES };
    let odd = odd::is_odd(datum, 0, &mut room);
    if room == 0 {
        let message = format!("the value has more than {MAX_NODES} nodes, which windlass does not write");
        return Err(Error { message, bound: true });
    }
    if !odd {
        return emit(datum, Rules::V2, T::MAX_BYTES);
    }
    let value = decode::decode(&json(datum)?, decode::Options { integers: true, strict: false })?;
    emit(&value, Rules::V2, T::MAX_BYTES)
}

/// Where a node stands.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Place {
    Root,
    Sequence,
    /// A mapping's value, or its key after `?`.
    Mapping,
    /// A key before `:`.
    SimpleKey,
}

struct Emitter {
    writer: Writer,
    rules: Rules,
    path: Path,
}

impl Emitter {
    fn node<T: Datum>(&mut self, datum: &T, place: Place) -> Result<(), Error> {
        self.path.check(self.writer.out.len())?;
        datum.look(|shape| {
            if let Some((number, bits)) = float_of(&shape) {
                let text = match self.rules {
                    Rules::V2 => format_yaml(number, bits),
                    Rules::V3 => match format_g(number, bits).as_str() {
                        "+Inf" => ".inf".to_owned(),
                        "-Inf" => "-.inf".to_owned(),
                        "NaN" => ".nan".to_owned(),
                        text => text.to_owned(),
                    },
                };
                self.bare(&text);
                return Ok(());
            }
            match shape {
                Shape::Null => self.bare("null"),
                Shape::NilList | Shape::NilMap if self.rules == Rules::V2 => self.bare("null"),
                Shape::NilList => self.empty("[", "]"),
                Shape::NilMap => self.empty("{", "}"),
                Shape::Bool(flag) => self.bare(if flag { "true" } else { "false" }),
                Shape::Int(number) => self.bare(&number.to_string()),
                Shape::Uint(number) => self.bare(&number.to_string()),
                Shape::Duration(nanoseconds) if self.rules == Rules::V2 => self.bare(&nanoseconds.to_string()),
                Shape::Duration(nanoseconds) => self.string(super::duration::text(nanoseconds).as_bytes(), place),
                Shape::Time(moment, _) if self.rules == Rules::V2 => self.string(moment.as_bytes(), place),
                Shape::Time(moment, _) => self.bare(moment),
                Shape::Text(text) => self.string(text, place),
                Shape::Bytes(bytes) if self.rules == Rules::V2 => {
                    use ::base64::Engine as _;
                    let text = ::base64::engine::general_purpose::STANDARD.encode(bytes);
                    self.string(text.as_bytes(), place);
                }
                Shape::Bytes(bytes) => {
                    let items: Vec<Value> = bytes.iter().map(|byte| Value::Int((*byte).into())).collect();
                    return self.node(&Value::List(items), place);
                }
                Shape::List([]) => self.empty("[", "]"),
                Shape::List(items) => return self.sequence(datum, items, place),
                Shape::Map(map) if map.is_empty() => self.empty("{", "}"),
                Shape::Map(map) => return self.mapping(datum, map),
                Shape::Plain(value) | Shape::Struct(value, _) => return self.node(value, place),
                Shape::Unsupported(problem) => return Err(Error::new(problem)),
                Shape::Float(_) | Shape::Float32(_) => unreachable!("floats are written above"),
            }
            Ok(())
        })
    }

    /// A number, boolean or null.
    fn bare(&mut self, text: &str) {
        self.writer.write_plain(text.as_bytes(), false);
    }

    fn empty(&mut self, open: &str, close: &str) {
        self.writer.write_indicator(open, true, true, false);
        self.writer.write_indicator(close, false, false, false);
    }

    fn sequence<T: Datum>(&mut self, datum: &T, items: &[T], place: Place) -> Result<(), Error> {
        let noted = self.path.enter(datum)?;
        let indentless = self.rules == Rules::V2 && place == Place::Mapping && !self.writer.indention;
        let before = self.writer.increase_indent(false, indentless);
        for item in items {
            self.writer.write_indent();
            self.writer.write_indicator("-", true, false, true);
            deeper(|| self.node(item, Place::Sequence))?;
        }
        self.writer.indent = before;
        self.path.leave(noted);
        Ok(())
    }

    fn mapping<T: Datum>(&mut self, datum: &T, map: &BTreeMap<GoStr, T>) -> Result<(), Error> {
        let noted = self.path.enter(datum)?;
        let before = self.writer.increase_indent(false, false);
        let mut entries: Vec<(&GoStr, &T)> = map.iter().collect();
        sort::sort(&mut entries, self.rules);
        for (key, value) in entries {
            self.writer.write_indent();
            if self.is_simple_key(key) {
                self.string(key, Place::SimpleKey);
                self.writer.write_indicator(":", false, false, false);
            } else {
                self.writer.write_indicator("?", true, false, true);
                self.string(key, Place::Mapping);
                self.writer.write_indent();
                self.writer.write_indicator(":", true, false, true);
            }
            deeper(|| self.node(value, Place::Mapping))?;
        }
        self.writer.indent = before;
        self.path.leave(noted);
        Ok(())
    }

    fn is_simple_key(&self, key: &[u8]) -> bool {
        match std::str::from_utf8(key) {
            Ok(_) => key.len() <= MAX_SIMPLE_KEY && !analyze(key, self.rules).multiline,
            Err(_) => {
                let text = base64::encode_lines(key);
                text.len() + "!!binary".len() <= MAX_SIMPLE_KEY && !text.contains('\n')
            }
        }
    }

    /// A string; invalid UTF-8 becomes `!!binary` as YAML's own encoder has it.
    fn string(&mut self, text: &[u8], place: Place) {
        if std::str::from_utf8(text).is_ok() {
            let style = wanted(text, self.rules);
            self.scalar(text, style, false, place);
            return;
        }
        let text = base64::encode_lines(text);
        let style = if text.contains('\n') { Style::Literal } else { Style::Plain };
        self.scalar(text.as_bytes(), style, true, place);
    }

    /// Writes a scalar in the style wanted or the next that its text allows (`yaml_emitter_select_scalar_style`).
    fn scalar(&mut self, text: &[u8], mut style: Style, binary: bool, place: Place) {
        let allowed = analyze(text, self.rules);
        let simple_key = place == Place::SimpleKey;
        if simple_key && allowed.multiline {
            style = Style::Double;
        }
        if style == Style::Plain && (!allowed.plain || (text.is_empty() && simple_key)) {
            style = Style::Single;
        }
        if style == Style::Single && !allowed.single {
            style = Style::Double;
        }
        if style == Style::Literal && (!allowed.block || simple_key) {
            style = Style::Double;
        }
        if binary {
            self.writer.write_tag("!!binary");
        }
        let before = self.writer.increase_indent(true, false);
        match style {
            Style::Plain => self.writer.write_plain(text, !simple_key),
            Style::Single => self.writer.write_single(text, !simple_key),
            Style::Double => self.writer.write_double(text, !simple_key),
            Style::Literal => self.writer.write_literal(text),
        }
        self.writer.indent = before;
    }
}
