//! Sets values in a YAML text so that nothing but their bytes changes: comments, quotes, order, indentation and line ends stay.
//!
//! The places come from the parser that reads the file elsewhere too, and what was written is read again and compared with
//! what was meant: an edit that would mean anything else is refused.

use super::{
    decode,
    resolve::{Rules, Scalar, resolve},
    text::{Document, Kind, NodeId},
};
use crate::value::Value;
use std::fmt::Write as _;

/// What is to be set.
#[derive(Clone, Debug, PartialEq)]
pub struct Edit {
    /// Where, as `--set` names it: `image.tag`, `list[0].name`, `a\.b.c`.
    pub path: String,
    /// The text that is to stand there.
    pub value: String,
}

/// Why a value could not be set.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
pub enum EditError {
    /// The text cannot be read.
    #[error("{0}")]
    Unreadable(String),
    /// It is written in UTF-16.
    #[error("the file is written in UTF-16; save it as UTF-8")]
    Utf16,
    /// A path that cannot be meant.
    #[error("\"{path}\" is no path: {why}; write it as image.tag or list[0].name")]
    Path {
        /// As it was given.
        path: String,
        /// What is wrong with it.
        why: &'static str,
    },
    /// There is nothing at the path.
    #[error("line {line}: {path} is not there: {why}")]
    Missing {
        /// From 1.
        line: usize,
        /// The path.
        path: String,
        /// How far it goes and what there is instead.
        why: String,
    },
    /// There is something, and setting it would change more than it.
    #[error("line {line}: {path} cannot be set: {why}")]
    Refused {
        /// From 1.
        line: usize,
        /// The path.
        path: String,
        /// Why.
        why: String,
    },
}

/// One step of a path.
#[derive(Clone, Debug, PartialEq)]
enum Step {
    Key(String),
    Index(usize),
}

/// The longest path, in steps.
const MAX_STEPS: usize = 100;

/// The text with each value set. Where all of them stand there already, it is the text as it was, byte for byte.
///
/// # Errors
/// The first edit that cannot be done, with line and path; nothing is half done.
pub fn set(text: &[u8], edits: &[Edit]) -> Result<Vec<u8>, EditError> {
    let mut text = text.to_vec();
    if matches!(text.as_slice(), [0xFF, 0xFE, ..] | [0xFE, 0xFF, ..]) {
        return Err(EditError::Utf16);
    }
    let mut present = None;
    for edit in edits {
        let steps = parse(&edit.path)?;
        let before = match present.take() {
            Some(before) => before,
            None => value(&text)?,
        };
        present = Some(match at(&before, &steps) == Some(&Value::from(edit.value.as_str())) {
            true => before,
            false => one(&mut text, before, &steps, edit)?,
        });
    }
    Ok(text)
}

/// The text that stands at a path; `None` where nothing does, or no scalar.
///
/// # Errors
/// The text cannot be read, or it is no path.
pub fn get(text: &[u8], path: &str) -> Result<Option<String>, EditError> {
    let steps = parse(path)?;
    let found = Document::read(text, |document| {
        let document = document?;
        let node = find(document, &steps, path).ok()?;
        match &document.node(node).kind {
            Kind::Scalar { value, .. } => Some(String::from_utf8_lossy(value).into_owned()),
            _ => None,
        }
    });
    found.map_err(|_| unreadable(text))
}

/// Where a value stands, and how.
struct Place {
    /// Characters from and to which it goes; equal where nothing stands.
    span: (usize, usize),
    line: usize,
}

/// Sets one value of a text that means `before`; what it means then.
fn one(text: &mut Vec<u8>, before: Value, steps: &[Step], edit: &Edit) -> Result<Value, EditError> {
    let place = Document::read(text, |document| match document {
        Some(document) => place(document, steps, &edit.path),
        None => Err(EditError::Missing { line: 1, path: edit.path.clone(), why: "the file is empty".into() }),
    });
    let place = place.map_err(|_| unreadable(text))??;
    let refused = |why: String| EditError::Refused { line: place.line, path: edit.path.clone(), why };
    let mut meant = before;
    match at_mut(&mut meant, steps) {
        Some(slot) => *slot = Value::from(edit.value.as_str()),
        None => return Err(refused("it comes from a merge (<<); give it a value of its own".into())),
    }
    let (from, to) = bytes(text, place.span);
    // The style that stands there first, then the one that carries every text.
    for new in [styled(&text[from..to], &edit.value), quoted(&edit.value)] {
        // After a colon with nothing behind it a blank is needed.
        let blank = from == to && !text[..from].ends_with(b" ");
        let mut edited = text[..from].to_vec();
        edited.extend_from_slice(if blank { b" " } else { b"" });
        edited.extend_from_slice(new.as_bytes());
        edited.extend_from_slice(&text[to..]);
        if value(&edited).is_ok_and(|after| after == meant) {
            *text = edited;
            return Ok(meant);
        }
    }
    Err(refused("other places get their value from it (by an anchor), or it is written in a way that cannot be edited in place".into()))
}

fn value(text: &[u8]) -> Result<Value, EditError> {
    let options = decode::Options { integers: true, ..Default::default() };
    decode::decode(text, options).map_err(EditError::Unreadable)
}

fn unreadable(text: &[u8]) -> EditError {
    value(text).err().unwrap_or_else(|| EditError::Unreadable("it is not YAML".into()))
}

/// Where the value of the path stands.
fn place(document: &Document<'_>, steps: &[Step], path: &str) -> Result<Place, EditError> {
    let node = find(document, steps, path)?;
    let line = document.node(node).line + 1;
    let refused = |why: &str| Err(EditError::Refused { line, path: path.to_owned(), why: why.to_owned() });
    match &document.node(node).kind {
        Kind::Scalar { span, .. } if span.1 > span.0 => Ok(Place { span: *span, line }),
        Kind::Scalar { .. } => match parent_key(document, node) {
            // Nothing stands there: it goes behind the key's colon.
            Some(Kind::Scalar { span, .. }) => Ok(Place { span: (span.1 + 1, span.1 + 1), line }),
            _ => refused("nothing stands there; write a first value by hand"),
        },
        Kind::Alias(name, _) => refused(&format!("it is an alias of &{}; give it a value of its own", String::from_utf8_lossy(name))),
        Kind::Mapping => refused("it is a map, and a text is to be set"),
        Kind::Sequence => refused("it is a list, and a text is to be set"),
    }
}

/// The key whose value a node is.
fn parent_key<'d, 'a>(document: &'d Document<'a>, node: NodeId) -> Option<&'d Kind<'a>> {
    // A value's key is the node before it, or for a collection an earlier one: an empty value has no nodes between.
    node.checked_sub(1).map(|key| &document.node(key).kind)
}

fn find(document: &Document<'_>, steps: &[Step], path: &str) -> Result<NodeId, EditError> {
    let mut node: NodeId = 0;
    let mut walked = String::new();
    for step in steps {
        let here = document.node(node);
        let missing = |why: String| EditError::Missing { line: here.line + 1, path: path.to_owned(), why };
        let top = if walked.is_empty() { "the file".to_owned() } else { walked.clone() };
        node = match (&here.kind, step) {
            (Kind::Mapping, Step::Key(key)) => {
                let named = |id: NodeId| Some(decode::key_name(document, id)?.as_str()?.to_owned());
                // Of a key that stands twice the last one counts.
                let found = document.pairs(node).filter(|(name, _)| named(*name).as_deref() == Some(key)).last();
                match found {
                    Some((_, value)) => value,
                    None => {
                        let keys: Vec<String> = document.pairs(node).filter_map(|(name, _)| named(name)).take(10).collect();
                        let merged = if keys.iter().any(|key| key == "<<") { "; what comes from a merge (<<) cannot be set" } else { "" };
                        return Err(missing(format!("{top} has no key \"{key}\" (it has {}){merged}", keys.join(", "))));
                    }
                }
            }
            (Kind::Sequence, Step::Index(index)) => match document.children(node).nth(*index) {
                Some(child) => child,
                None => return Err(missing(format!("{top} has {} entries", document.children(node).count()))),
            },
            (Kind::Alias(name, _), _) => {
                return Err(missing(format!("{top} is an alias of &{}; what it stands for cannot be set for this place alone", String::from_utf8_lossy(name))));
            }
            (Kind::Sequence, Step::Key(_)) => return Err(missing(format!("{top} is a list; name an entry as {top}[0]"))),
            (Kind::Mapping, Step::Index(_)) => return Err(missing(format!("{top} is a map, not a list"))),
            (Kind::Scalar { .. }, _) => return Err(missing(format!("{top} is a single value"))),
        };
        match step {
            Step::Key(key) if walked.is_empty() => walked.push_str(key),
            Step::Key(key) => drop(write!(walked, ".{key}")),
            Step::Index(index) => drop(write!(walked, "[{index}]")),
        }
    }
    Ok(node)
}

fn at<'v>(value: &'v Value, steps: &[Step]) -> Option<&'v Value> {
    steps.iter().try_fold(value, |value, step| match step {
        Step::Key(key) => value.get(key),
        Step::Index(index) => value.as_list()?.get(*index),
    })
}

fn at_mut<'v>(value: &'v mut Value, steps: &[Step]) -> Option<&'v mut Value> {
    steps.iter().try_fold(value, |value, step| match (value, step) {
        (Value::Map(map), Step::Key(key)) => map.get_mut(key.as_bytes()),
        (Value::List(list), Step::Index(index)) => list.get_mut(*index),
        _ => None,
    })
}

/// Characters to bytes; the byte order mark is none of the parser's characters.
fn bytes(text: &[u8], span: (usize, usize)) -> (usize, usize) {
    let start = if text.starts_with(&[0xEF, 0xBB, 0xBF]) { 3 } else { 0 };
    // The parser has accepted the text: it is UTF-8.
    let starts = || text.iter().enumerate().skip(start).filter(|(_, byte)| **byte & 0xC0 != 0x80).map(|(at, _)| at);
    let place = |count: usize| starts().nth(count).unwrap_or(text.len());
    (place(span.0), place(span.1))
}

/// The value as it stands there: in the same quotes, or without any where it stays a text.
fn styled(old: &[u8], value: &str) -> String {
    let calm = |byte: u8| byte.is_ascii_alphanumeric() || b"._-/:@+".contains(&byte);
    match old.first() {
        Some(b'\'') if value.bytes().all(|byte| (0x20..0x7F).contains(&byte)) => format!("'{}'", value.replace('\'', "''")),
        Some(b'"') => quoted(value),
        // A block keeps the line break that ends it.
        Some(b'|' | b'>') => format!("{}{}", quoted(value), if old.ends_with(b"\r\n") { "\r\n" } else if old.ends_with(b"\n") { "\n" } else { "" }),
        _ => {
            let plain = value.bytes().all(calm)
                && value.bytes().next().is_some_and(|byte| byte.is_ascii_alphanumeric() || b"_/".contains(&byte))
                && !value.ends_with(':')
                && [Rules::V2, Rules::V3].iter().all(|rules| resolve(value.as_bytes(), *rules, true) == Scalar::Str);
            if plain { value.to_owned() } else { quoted(value) }
        }
    }
}

/// In double quotes, which carry every text.
fn quoted(value: &str) -> String {
    let mut text = String::from("\"");
    for letter in value.chars() {
        match letter {
            '"' => text.push_str("\\\""),
            '\\' => text.push_str("\\\\"),
            ' '..='~' => text.push(letter),
            letter if (letter as u32) < 0x100 => drop(write!(text, "\\x{:02x}", letter as u32)),
            letter if (letter as u32) < 0x10000 => drop(write!(text, "\\u{:04x}", letter as u32)),
            letter => drop(write!(text, "\\U{:08x}", letter as u32)),
        }
    }
    text.push('"');
    text
}

fn parse(path: &str) -> Result<Vec<Step>, EditError> {
    let wrong = |why: &'static str| EditError::Path { path: path.to_owned(), why };
    let mut steps = Vec::new();
    let mut letters = path.chars().peekable();
    let mut key = String::new();
    let mut open = true;
    while let Some(letter) = letters.next() {
        match letter {
            '\\' => key.push(letters.next().ok_or_else(|| wrong("it ends in a backslash"))?),
            '.' => {
                if !key.is_empty() {
                    steps.push(Step::Key(std::mem::take(&mut key)));
                } else if open {
                    return Err(wrong("a key is empty"));
                }
                open = true;
                continue;
            }
            '[' => {
                if !key.is_empty() {
                    steps.push(Step::Key(std::mem::take(&mut key)));
                }
                let mut digits = String::new();
                loop {
                    match letters.next() {
                        Some(']') => break,
                        Some(digit) if digit.is_ascii_digit() => digits.push(digit),
                        _ => return Err(wrong("an index is a number in brackets")),
                    }
                }
                steps.push(Step::Index(digits.parse().map_err(|_| wrong("an index is a number in brackets"))?));
                open = false;
                continue;
            }
            letter => key.push(letter),
        }
        open = false;
    }
    match key.is_empty() {
        false => steps.push(Step::Key(key)),
        true if open => return Err(wrong("a key is empty")),
        true => {}
    }
    if steps.len() > MAX_STEPS {
        return Err(wrong("it has too many steps"));
    }
    Ok(steps)
}

#[cfg(test)]
mod tests;
