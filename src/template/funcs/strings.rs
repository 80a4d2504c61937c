//! Strings: trimming, case, cutting, searching, splitting (Go's `strings`, sprig's `strings.go`).

use super::args::{int, string, text};
use super::unicode::{self, is_space, to_lower, to_title, to_upper};
use super::{FuncDef, FuncError, FuncResult, fits};
use crate::template::utf8::{self, decode, decode_last, is_digit, is_letter};
use crate::template::{GoType as T, MapRef, Val};
use std::{cell::RefCell, rc::Rc};

#[rustfmt::skip] // a table: name, parameters, result and body on one line, the sentence on the next
pub(super) static FUNCS: &[FuncDef] = &[
    FuncDef::new("contains", &[T::String, T::String], T::Bool, |_, a| Ok(Val::Bool(count(text(a, 1), text(a, 0)) > 0)),
        "Whether the first string occurs in the second."),
    FuncDef::new("hasPrefix", &[T::String, T::String], T::Bool, |_, a| Ok(Val::Bool(text(a, 1).starts_with(text(a, 0)))),
        "Whether the second string starts with the first."),
    FuncDef::new("hasSuffix", &[T::String, T::String], T::Bool, |_, a| Ok(Val::Bool(text(a, 1).ends_with(text(a, 0)))),
        "Whether the second string ends with the first."),
    FuncDef::new("indent", &[T::Int, T::String], T::String, |_, a| Ok(Val::str(indent(int(a, 0), text(a, 1))?)),
        "Indents every line by a number of spaces."),
    FuncDef::new("lower", &[T::String], T::String, |_, a| Ok(Val::str(unicode::map(text(a, 0), to_lower))),
        "The string in lower case."),
    FuncDef::new("nindent", &[T::Int, T::String], T::String,
        |_, a| Ok(Val::str([b"\n", &*indent(int(a, 0), text(a, 1))?].concat())),
        "A new line, then every line indented by a number of spaces."),
    FuncDef::new("nospace", &[T::String], T::String, |_, a| Ok(Val::str(nospace(text(a, 0)))),
        "The string without white space."),
    FuncDef::new("plural", &[T::String, T::String, T::Int], T::String,
        |_, a| Ok(Val::Str(string(a, usize::from(int(a, 2) != 1)))),
        "The first string if the number is one, else the second."),
    FuncDef::new("repeat", &[T::Int, T::String], T::String, |_, a| Ok(Val::str(repeat(text(a, 1), int(a, 0))?)),
        "The string a number of times."),
    FuncDef::new("replace", &[T::String, T::String, T::String], T::String,
        |_, a| Ok(Val::str(replace(text(a, 2), text(a, 0), text(a, 1))?)),
        "The third string with every occurrence of the first replaced by the second."),
    FuncDef::new("split", &[T::String, T::String], T::MapString,
        |_, a| numbered(split(text(a, 1), text(a, 0), -1)),
        "Splits the second string at the first into a map with the keys `_0`, `_1` and so on."),
    FuncDef::new("splitList", &[T::String, T::String], T::ListString,
        |_, a| Ok(Val::strings(split(text(a, 1), text(a, 0), -1).into_iter().map(Val::str).collect())),
        "Splits the second string at the first into a list."),
    FuncDef::new("splitn", &[T::String, T::Int, T::String], T::MapString,
        |_, a| numbered(split(text(a, 2), text(a, 0), int(a, 1))),
        "As `split`, into at most the given number of parts."),
    FuncDef::new("substr", &[T::Int, T::Int, T::String], T::String,
        |_, a| Ok(Val::str(substring(int(a, 0), int(a, 1), text(a, 2))?)),
        "The bytes from the first number up to the second; a negative one means the string's edge."),
    FuncDef::new("title", &[T::String], T::String, |_, a| Ok(Val::str(title(text(a, 0)))),
        "The string with every word's first letter in title case."),
    FuncDef::new("trim", &[T::String], T::String, |_, a| Ok(Val::str(trim(text(a, 0), is_space))),
        "The string without white space at its ends."),
    FuncDef::new("trimAll", &[T::String, T::String], T::String, trim_all,
        "The second string without the first one's characters at its ends."),
    FuncDef::new("trimPrefix", &[T::String, T::String], T::String,
        |_, a| Ok(text(a, 1).strip_prefix(text(a, 0)).map_or_else(|| Val::Str(string(a, 1)), Val::str)),
        "The second string without the first at its start."),
    FuncDef::new("trimSuffix", &[T::String, T::String], T::String,
        |_, a| Ok(text(a, 1).strip_suffix(text(a, 0)).map_or_else(|| Val::Str(string(a, 1)), Val::str)),
        "The second string without the first at its end."),
    FuncDef::new("trimall", &[T::String, T::String], T::String, trim_all, "As `trimAll`, its old name."),
    FuncDef::new("trunc", &[T::Int, T::String], T::String, |_, a| Ok(Val::str(trunc(int(a, 0), text(a, 1)))),
        "The first bytes of the string, or the last where the number is negative."),
    FuncDef::new("untitle", &[T::String], T::String, |_, a| Ok(Val::str(untitle(text(a, 0)))),
        "The string with every word's first letter in lower case."),
    FuncDef::new("upper", &[T::String], T::String, |_, a| Ok(Val::str(unicode::map(text(a, 0), to_upper))),
        "The string in upper case."),
];

fn trim_all(_: &dyn super::Host, args: &[Val]) -> FuncResult {
    let cutset: Vec<char> = utf8::runes(text(args, 0)).map(|(_, rune, _)| rune).collect();
    Ok(Val::str(trim(text(args, 1), |rune| cutset.contains(&rune))))
}

/// Go's `strings.TrimFunc`. A broken byte counts as U+FFFD, at either end.
pub(super) fn trim(bytes: &[u8], cut: impl Fn(char) -> bool) -> &[u8] {
    let mut rest = bytes;
    while !rest.is_empty() {
        let (rune, width) = decode(rest);
        if !cut(rune) {
            break;
        }
        rest = &rest[width..];
    }
    while !rest.is_empty() {
        let (rune, width) = decode_last(rest);
        if !cut(rune) {
            break;
        }
        rest = &rest[..rest.len() - width];
    }
    rest
}

/// How often a string occurs without overlap; an empty one stands once before each rune and at the end.
fn count(bytes: &[u8], wanted: &[u8]) -> usize {
    match wanted.is_empty() {
        true => utf8::count(bytes) + 1,
        false => bstr::ByteSlice::find_iter(bytes, wanted).count(),
    }
}

/// Go's `strings.ReplaceAll`.
fn replace(bytes: &[u8], old: &[u8], new: &[u8]) -> Result<Vec<u8>, FuncError> {
    fits(count(bytes, old).saturating_mul(new.len()).saturating_add(bytes.len()))?;
    if !old.is_empty() {
        return Ok(bstr::ByteSlice::replace(bytes, old, new));
    }
    let mut out = new.to_vec();
    let mut rest = bytes;
    while !rest.is_empty() {
        let (head, tail) = rest.split_at(decode(rest).1);
        out.extend_from_slice(head);
        out.extend_from_slice(new);
        rest = tail;
    }
    Ok(out)
}

/// Go's `strings.Repeat`.
pub(super) fn repeat(bytes: &[u8], times: i64) -> Result<Vec<u8>, FuncError> {
    let times = usize::try_from(times).map_err(|_| "strings: negative Repeat count")?;
    match bytes.len().checked_mul(times) {
        Some(length) if length <= i64::MAX as usize => fits(length)?,
        _ => return Err("strings: Repeat output length overflow".into()),
    }
    Ok(bytes.repeat(times))
}

fn indent(spaces: i64, bytes: &[u8]) -> Result<Vec<u8>, FuncError> {
    let pad = repeat(b" ", spaces)?;
    let lines = replace(bytes, b"\n", &[b"\n", &*pad].concat())?;
    Ok([pad, lines].concat())
}

/// goutils' `DeleteWhiteSpace`: reads bytes as Latin-1, and writes them so once anything was deleted.
fn nospace(bytes: &[u8]) -> Vec<u8> {
    let kept: String = bytes.iter().map(|byte| char::from(*byte)).filter(|rune| !is_space(*rune)).collect();
    match kept.chars().count() == bytes.len() {
        true => bytes.to_vec(),
        false => kept.into_bytes(),
    }
}

/// Go's `strings.Split` (`limit` below zero) and `strings.SplitN`.
pub(super) fn split<'a>(bytes: &'a [u8], separator: &[u8], limit: i64) -> Vec<&'a [u8]> {
    let limit = usize::try_from(limit).unwrap_or(usize::MAX);
    let (mut parts, mut rest) = (Vec::new(), bytes);
    if limit == 0 || (separator.is_empty() && bytes.is_empty()) {
        return parts;
    }
    while parts.len() + 1 < limit {
        let cut = match separator.is_empty() {
            true => Some(decode(rest).1).filter(|width| *width < rest.len()),
            false => bstr::ByteSlice::find(rest, separator),
        };
        let Some(cut) = cut else { break };
        parts.push(&rest[..cut]);
        rest = &rest[cut + separator.len()..];
    }
    parts.push(rest);
    parts
}

fn numbered(parts: Vec<&[u8]>) -> FuncResult {
    let entries = parts.into_iter().enumerate().map(|(i, part)| (format!("_{i}").into(), Val::str(part))).collect();
    Ok(Val::Map(MapRef { ty: T::MapString, entries: Rc::new(RefCell::new(entries)) }))
}

/// sprig's `substring`, with the panics of Go's slicing.
fn substring(start: i64, end: i64, bytes: &[u8]) -> Result<&[u8], FuncError> {
    let length = bytes.len() as i64;
    let range = |x: String| Err(FuncError::from(format!("runtime error: slice bounds out of range {x}")));
    match (start, end) {
        (..0, ..0) => range(format!("[:{end}]")),
        (..0, _) if end > length => range(format!("[:{end}] with length {length}")),
        (..0, _) => Ok(&bytes[..end as usize]),
        _ if (end < 0 || end > length) && start > length => range(format!("[{start}:{length}]")),
        _ if end < 0 || end > length => Ok(&bytes[start as usize..]),
        _ if start > end => range(format!("[{start}:{end}]")),
        _ => Ok(&bytes[start as usize..end as usize]),
    }
}

fn trunc(length: i64, bytes: &[u8]) -> &[u8] {
    let has = bytes.len() as i64;
    match length {
        ..0 if has + length > 0 => &bytes[(has + length) as usize..],
        0.. if has > length => &bytes[..length as usize],
        _ => bytes,
    }
}

/// Go's `strings.Title`, deprecated there and kept here with its idea of a word.
fn title(bytes: &[u8]) -> Vec<u8> {
    let mut before = ' ';
    unicode::map(bytes, |rune| {
        let separated = match before {
            'a'..='z' | 'A'..='Z' | '0'..='9' | '_' => false,
            '\0'..='\x7f' => true,
            other => !is_letter(other) && !is_digit(other) && is_space(other),
        };
        before = rune;
        if separated { to_title(rune) } else { rune }
    })
}

/// goutils' `Uncapitalize`.
fn untitle(bytes: &[u8]) -> Vec<u8> {
    let mut first = true;
    unicode::map(bytes, |rune| match is_space(rune) {
        true => {
            first = true;
            rune
        }
        false if first => {
            first = false;
            to_lower(rune)
        }
        false => rune,
    })
}
