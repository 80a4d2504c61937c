//! Words: case styles, wrapping, abbreviation (Masterminds/goutils 1.1, huandu/xstrings 1.5).

use super::args::{int, text};
use super::unicode::{is_lower, is_space, is_title, is_upper};
use super::unicode::{map, to_lower, to_title, to_upper};
use super::{FuncDef, FuncError, FuncResult, Host, fits};
use crate::template::utf8;
use crate::template::{GoType as T, Val};

#[rustfmt::skip] // a table: name, parameters, result and body on one line, the sentence on the next
pub(super) static FUNCS: &[FuncDef] = &[
    FuncDef::new("abbrev", &[T::Int, T::String], T::String, |_, a| Ok(Val::str(abbrev(int(a, 0), text(a, 1)))),
        "The string cut to a width, with an ellipsis."),
    FuncDef::new("abbrevboth", &[T::Int, T::Int, T::String], T::String,
        |_, a| Ok(Val::str(abbrev_both(int(a, 0), int(a, 1), text(a, 2)))),
        "The string cut at both sides: from an offset, to a width, with ellipses."),
    FuncDef::new("camelcase", &[T::String], T::String, |_, a| Ok(Val::str(pascal(text(a, 0)))),
        "`some_words` as `SomeWords`."),
    FuncDef::new("initials", &[T::String], T::String, |_, a| Ok(Val::str(initials(text(a, 0)))),
        "The first letter of every word."),
    FuncDef::new("kebabcase", &[T::String], T::String, |_, a| Ok(Val::str(super::xstrings::connected(text(a, 0), '-'))),
        "`SomeWords` as `some-words`."),
    FuncDef::new("shuffle", &[T::String], T::String, shuffle, "The string's characters in random order."),
    FuncDef::new("snakecase", &[T::String], T::String, |_, a| Ok(Val::str(super::xstrings::connected(text(a, 0), '_'))),
        "`SomeWords` as `some_words`."),
    FuncDef::new("swapcase", &[T::String], T::String, |_, a| Ok(Val::str(swap_case(text(a, 0)))),
        "The string with upper and lower case exchanged, the first letters of words in title case."),
    FuncDef::new("wrap", &[T::Int, T::String], T::String, |_, a| Ok(Val::str(wrap(text(a, 1), int(a, 0), b"", false)?)),
        "The string with lines broken at spaces before a column."),
    FuncDef::new("wrapWith", &[T::Int, T::String, T::String], T::String,
        |_, a| Ok(Val::str(wrap(text(a, 2), int(a, 0), text(a, 1), true)?)),
        "As `wrap`, with another string at the breaks; long words are broken too."),
];

fn abbrev(width: i64, bytes: &[u8]) -> Vec<u8> {
    match width < 4 {
        true => bytes.to_vec(),
        false => abbreviate(bytes, 0, width),
    }
}

fn abbrev_both(left: i64, right: i64, bytes: &[u8]) -> Vec<u8> {
    match right < 4 || left > 0 && right < 7 {
        true => bytes.to_vec(),
        false => abbreviate(bytes, left, right),
    }
}

/// goutils' `AbbreviateFull`, for widths that sprig lets through; it gives nothing where it would return an error.
fn abbreviate(bytes: &[u8], offset: i64, width: i64) -> Vec<u8> {
    let length = bytes.len() as i64;
    if length <= width {
        return bytes.to_vec();
    }
    let room = width - 3;
    let mut offset = offset.min(length);
    if length - room < offset {
        offset = length - room;
    }
    if offset <= 4 {
        return [&bytes[..room as usize], b"..."].concat();
    }
    if width < 7 {
        return Vec::new();
    }
    match offset + room < length {
        true => [b"...", &*abbreviate(&bytes[offset as usize..], 0, room)].concat(),
        false => [b"...", &bytes[(length - room) as usize..]].concat(),
    }
}

/// goutils' `Initials`, which takes bytes for characters.
fn initials(bytes: &[u8]) -> String {
    let mut after_gap = true;
    let mut out = String::new();
    for rune in bytes.iter().map(|byte| char::from(*byte)) {
        let gap = is_space(rune);
        if !gap && after_gap {
            out.push(rune);
        }
        after_gap = gap;
    }
    out
}

/// goutils' `SwapCase`.
fn swap_case(bytes: &[u8]) -> Vec<u8> {
    let mut after_space = true;
    map(bytes, |rune| {
        if is_upper(rune) || is_title(rune) {
            after_space = false;
            to_lower(rune)
        } else if is_lower(rune) {
            match std::mem::take(&mut after_space) {
                true => to_title(rune),
                false => to_upper(rune),
            }
        } else {
            after_space = is_space(rune);
            rune
        }
    })
}

/// goutils' `WrapCustom`.
fn wrap(bytes: &[u8], width: i64, separator: &[u8], break_words: bool) -> Result<Vec<u8>, FuncError> {
    let separator = if separator.is_empty() { b"\n" } else { separator };
    let width = usize::try_from(width.max(1)).unwrap_or(usize::MAX);
    let (mut out, mut offset) = (Vec::new(), 0);
    while bytes.len() - offset > width {
        if bytes[offset] == b' ' {
            offset += 1;
            continue;
        }
        fits(out.len().saturating_add(separator.len()))?;
        let end = offset + width;
        let space = bytes[offset..=end].iter().rposition(|byte| *byte == b' ').map(|place| place + offset);
        let (until, next) = match space {
            Some(space) => (space, space + 1),
            None if break_words => (end, end),
            None => match bytes[end..].iter().position(|byte| *byte == b' ') {
                Some(place) => (end + place, end + place + 1),
                None => break,
            },
        };
        out.extend_from_slice(&bytes[offset..until]);
        out.extend_from_slice(separator);
        offset = next;
    }
    out.extend_from_slice(&bytes[offset..]);
    Ok(out)
}

/// xstrings' `ToPascalCase`.
fn pascal(bytes: &[u8]) -> String {
    let mut out = String::new();
    let mut rest = utf8::runes(bytes).map(|(_, rune, _)| rune).peekable();
    let mut last = loop {
        match rest.next() {
            None => return out,
            Some(rune) if !super::xstrings::is_connector(rune) => break (rune, to_upper(rune)),
            // the last connector of a string that has nothing else is written once more by Go; see below
            Some(rune) => {
                out.push(rune);
                if rest.peek().is_none() {
                    out.push(rune);
                    return out;
                }
            }
        }
    };
    let mut first_upper = is_upper(last.0);
    for rune in rest {
        let (before, mut now) = (last.1, rune);
        let connectors = (super::xstrings::is_connector(now), super::xstrings::is_connector(before));
        match connectors {
            (true, true) => out.push(before),
            (_, true) => {
                first_upper = is_upper(now);
                now = to_upper(now);
            }
            _ => {
                if first_upper {
                    match is_upper(now) {
                        true => now = to_lower(now),
                        false => first_upper = false,
                    }
                }
                out.push(before);
            }
        }
        last = (rune, now);
    }
    out.push(last.1);
    out
}

fn shuffle(host: &dyn Host, args: &[Val]) -> FuncResult {
    let mut characters: Vec<char> = utf8::runes(text(args, 0)).map(|(_, rune, _)| rune).collect();
    let mut random = vec![0u8; characters.len().saturating_mul(8)];
    host.random(&mut random);
    for (place, draw) in (1..characters.len()).rev().zip(random.chunks_exact(8)) {
        let draw = draw.iter().fold(0u64, |number, byte| number << 8 | u64::from(*byte));
        characters.swap(place, (draw % (place as u64 + 1)) as usize);
    }
    Ok(Val::str(characters.into_iter().collect::<String>()))
}
