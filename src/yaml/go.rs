//! Go values as they are between YAML and JSON, and Go's syntax for them (`%#v`), which some errors show.

use super::number::{Bits, format_g};
use crate::value::GoStr;

/// What `interface{}` holds after go.yaml.in/yaml filled it.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Raw {
    Nil,
    Bool(bool),
    Int(i64),
    Uint(u64),
    Float(f64),
    Str(GoStr),
    List(Vec<Raw>),
    /// In no particular order.
    Map(Vec<(Raw, Raw)>),
}

impl Raw {
    /// Go's type, as `%s` prints a `reflect.Type`.
    pub(super) fn type_name(&self) -> &'static str {
        match self {
            Raw::Nil => "%!s(<nil>)",
            Raw::Bool(_) => "bool",
            Raw::Int(_) => "int",
            Raw::Uint(_) => "uint64",
            Raw::Float(_) => "float64",
            Raw::Str(_) => "string",
            Raw::List(_) => "[]interface {}",
            Raw::Map(_) => "map[interface {}]interface {}",
        }
    }

    /// What tells this key from others: type and text.
    pub(super) fn identity(&self) -> (&'static str, GoStr) {
        let name = match self {
            Raw::Str(text) => text.clone(),
            _ => GoStr::from(self.go()),
        };
        (self.type_name(), name)
    }

    /// The key that `sigs.k8s.io/yaml` makes of it for JSON; none of nil and of integers beyond 63 bits.
    pub(super) fn json_key(&self) -> Option<GoStr> {
        Some(match self {
            Raw::Str(text) => text.clone(),
            Raw::Int(number) => number.to_string().into(),
            Raw::Bool(flag) => flag.to_string().into(),
            Raw::Float(number) => match format_g(*number, Bits::B32).as_str() {
                "+Inf" => ".inf".into(),
                "-Inf" => "-.inf".into(),
                "NaN" => ".nan".into(),
                text => text.into(),
            },
            Raw::Nil | Raw::Uint(_) | Raw::List(_) | Raw::Map(_) => return None,
        })
    }

    /// `%#v` of the value itself.
    pub(super) fn go_top(&self) -> String {
        match self {
            Raw::Nil => "<nil>".to_owned(),
            _ => self.go(),
        }
    }

    /// `%#v` of the value as an element.
    pub(super) fn go(&self) -> String {
        let mut text = String::new();
        self.write(&mut text);
        text
    }

    fn write(&self, to: &mut String) {
        match self {
            Raw::Nil => to.push_str("interface {}(nil)"),
            Raw::Bool(flag) => to.push_str(if *flag { "true" } else { "false" }),
            Raw::Int(number) => to.push_str(&number.to_string()),
            Raw::Uint(number) => to.push_str(&format!("{number:#x}")),
            Raw::Float(number) => to.push_str(&format_g(*number, Bits::B64)),
            Raw::Str(text) => quote(text, to),
            Raw::List(items) => {
                to.push_str("[]interface {}{");
                for (place, item) in items.iter().enumerate() {
                    to.push_str(if place > 0 { ", " } else { "" });
                    super::deep::deeper(|| item.write(to));
                }
                to.push('}');
            }
            Raw::Map(pairs) => {
                to.push_str("map[interface {}]interface {}{");
                let mut pairs: Vec<&(Raw, Raw)> = pairs.iter().collect();
                pairs.sort_by(|(a, _), (b, _)| a.order(b));
                for (place, (key, value)) in pairs.into_iter().enumerate() {
                    to.push_str(if place > 0 { ", " } else { "" });
                    key.write(to);
                    to.push(':');
                    super::deep::deeper(|| value.write(to));
                }
                to.push('}');
            }
        }
    }

    /// Go's order of keys when it prints a map. Among types that is the order of their descriptors in the binary: this
    /// one in helm v4.3.1.
    fn order(&self, other: &Raw) -> std::cmp::Ordering {
        let rank = |raw: &Raw| match raw {
            Raw::Nil => 0,
            Raw::Str(_) => 1,
            Raw::Uint(_) => 2,
            Raw::Int(_) => 3,
            Raw::Float(_) => 4,
            Raw::Bool(_) => 5,
            Raw::List(_) | Raw::Map(_) => 6,
        };
        match (self, other) {
            (Raw::Bool(a), Raw::Bool(b)) => a.cmp(b),
            (Raw::Int(a), Raw::Int(b)) => a.cmp(b),
            (Raw::Uint(a), Raw::Uint(b)) => a.cmp(b),
            (Raw::Float(a), Raw::Float(b)) => a.total_cmp(b),
            (Raw::Str(a), Raw::Str(b)) => a.cmp(b),
            _ => rank(self).cmp(&rank(other)),
        }
    }
}

/// Go's `strconv.Quote`.
pub(super) fn quote(bytes: &[u8], to: &mut String) {
    to.push('"');
    for chunk in bytes.utf8_chunks() {
        for letter in chunk.valid().chars() {
            match letter {
                '"' => to.push_str("\\\""),
                '\\' => to.push_str("\\\\"),
                '\x07' => to.push_str("\\a"),
                '\x08' => to.push_str("\\b"),
                '\x0C' => to.push_str("\\f"),
                '\n' => to.push_str("\\n"),
                '\r' => to.push_str("\\r"),
                '\t' => to.push_str("\\t"),
                '\x0B' => to.push_str("\\v"),
                ' '..='~' => to.push(letter),
                letter if is_print(letter) => to.push(letter),
                '\0'..='\x1F' | '\x7F' => to.push_str(&format!("\\x{:02x}", u32::from(letter))),
                '\u{80}'..='\u{FFFF}' => to.push_str(&format!("\\u{:04x}", u32::from(letter))),
                _ => to.push_str(&format!("\\U{:08x}", u32::from(letter))),
            }
        }
        for byte in chunk.invalid() {
            to.push_str(&format!("\\x{byte:02x}"));
        }
    }
    to.push('"');
}

/// Go's `strconv.IsPrint`: letters, marks, numbers, punctuation, symbols, and of the spaces only ASCII's.
fn is_print(letter: char) -> bool {
    use unicode_general_category::{GeneralCategory as G, get_general_category};
    letter >= '\u{A0}'
        && !matches!(
            get_general_category(letter),
            G::Control
                | G::Format
                | G::Surrogate
                | G::PrivateUse
                | G::Unassigned
                | G::SpaceSeparator
                | G::LineSeparator
                | G::ParagraphSeparator
        )
}
