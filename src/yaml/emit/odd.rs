//! Whether JSON and a YAML parser, through which `sigs.k8s.io/yaml.Marshal` goes, change or refuse a datum.

use crate::yaml::{
    datum::{Datum, Shape},
    deep::deeper,
};

/// Deeper data are always taken the long way, which finds out what contains itself.
const MAX_DEPTH: usize = 500;
/// Longer keys may be too long for a key of JSON in YAML, escapes counted.
const MAX_KEY: usize = 160;

/// Whether the long way has to be taken; also where more than `room` nodes are looked at.
pub(super) fn is_odd<T: Datum>(datum: &T, depth: usize, room: &mut usize) -> bool {
    let Some(left) = room.checked_sub(1) else { return true };
    *room = left;
    datum.look(|shape| match shape {
        Shape::Text(text) => is_odd_text(text),
        Shape::Float(number) | Shape::Float32(number) => !number.is_finite(),
        Shape::List(_) | Shape::Map(_) if depth > MAX_DEPTH => true,
        Shape::List(items) => items.iter().any(|item| deeper(|| is_odd(item, depth + 1, room))),
        Shape::Map(map) => {
            map.iter().any(|(key, item)| key.len() > MAX_KEY || is_odd_text(key) || deeper(|| is_odd(item, depth + 1, room)))
        }
        Shape::Plain(value) | Shape::Struct(value, _) => is_odd(value, depth, room),
        Shape::Unsupported(_) => true,
        Shape::Null
        | Shape::Bool(_)
        | Shape::Int(_)
        | Shape::Uint(_)
        | Shape::Duration(_)
        | Shape::Time(..)
        | Shape::Bytes(_)
        | Shape::NilList
        | Shape::NilMap => false,
    })
}

/// Characters that YAML's reader refuses (U+007F, C1 controls, U+FFFE and U+FFFF) or takes for a line break (U+0085), and
/// bytes that are no UTF-8.
fn is_odd_text(text: &[u8]) -> bool {
    if text.is_ascii() {
        return text.contains(&0x7F);
    }
    let Ok(text) = std::str::from_utf8(text) else { return true };
    text.chars().any(|c| matches!(c, '\x7F'..='\u{9F}' | '\u{FFFE}' | '\u{FFFF}'))
}
