//! Which styles a scalar's text allows (`yaml_emitter_analyze_scalar`) and which its meaning asks for (`stringv`).

use crate::yaml::resolve::{Rules, Scalar, resolve};

/// How a scalar is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Style {
    Plain,
    Single,
    Double,
    Literal,
}

/// What a text allows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Allowed {
    pub(super) multiline: bool,
    pub(super) plain: bool,
    pub(super) single: bool,
    pub(super) block: bool,
}

/// The style that a text would resolve from plainly, or needs quotes to stay a string (Go's `stringv`).
pub(super) fn wanted(text: &[u8], rules: Rules) -> Style {
    if text.contains(&b'\n') {
        return Style::Literal;
    }
    let plain = resolve(text, rules, true) == Scalar::Str
        && !is_base60(text)
        && !(rules == Rules::V3 && matches!(resolve(text, Rules::V2, false), Scalar::Bool(_)));
    if plain { Style::Plain } else { Style::Double }
}

/// `^[-+]?[0-9][0-9_]*(?::[0-5]?[0-9])+(?:\.[0-9_]*)?$`
fn is_base60(text: &[u8]) -> bool {
    if !text.contains(&b':') {
        return false;
    }
    let text = text.strip_prefix(b"-").or_else(|| text.strip_prefix(b"+")).unwrap_or(text);
    let mut parts = text.split(|c| *c == b':');
    let digits = |part: &[u8]| part.iter().all(|c| c.is_ascii_digit() || *c == b'_');
    if !parts.next().is_some_and(|first| first.first().is_some_and(u8::is_ascii_digit) && digits(first)) {
        return false;
    }
    let rest: Vec<&[u8]> = parts.collect();
    let Some((last, middle)) = rest.split_last() else { return false };
    let sixty = |part: &[u8]| matches!(part, [b'0'..=b'9'] | [b'0'..=b'5', b'0'..=b'9']);
    let (whole, fraction) = match last.iter().position(|c| *c == b'.') {
        Some(dot) => (&last[..dot], &last[dot + 1..]),
        None => (*last, &b""[..]),
    };
    middle.iter().all(|part| sixty(part)) && sixty(whole) && digits(fraction)
}

pub(super) fn is_break(text: &[u8], at: usize) -> bool {
    match text[at] {
        b'\r' | b'\n' => true,
        0xC2 => text.get(at + 1) == Some(&0x85),
        0xE2 => matches!(text.get(at + 1..at + 3), Some([0x80, 0xA8 | 0xA9])),
        _ => false,
    }
}

/// libyaml's idea of printable: nothing beyond U+FFFD, no byte order mark, no tab.
pub(super) fn is_printable(text: &[u8], at: usize) -> bool {
    let next = |ahead: usize| text.get(at + ahead).copied().unwrap_or(0);
    match text[at] {
        b'\n' | 0x20..=0x7E => true,
        0xC2 => next(1) >= 0xA0,
        0xC3..=0xEC | 0xEE => true,
        0xED => next(1) < 0xA0,
        0xEF => !matches!((next(1), next(2)), (0xBB, 0xBF) | (0xBF, 0xBE | 0xBF)),
        _ => false,
    }
}

/// The length of the character that starts with this byte of valid UTF-8.
pub(super) fn width(c: u8) -> usize {
    match c {
        0..=0xBF => 1,
        0xC0..=0xDF => 2,
        0xE0..=0xEF => 3,
        0xF0.. => 4,
    }
}

/// Whether a text is one that block context takes plainly without a closer look: the common case of names and words.
fn is_simple(text: &[u8]) -> bool {
    let Some(first) = text.first() else { return false };
    (first.is_ascii_alphanumeric() || *first == b'/')
        && text.iter().all(|c| c.is_ascii_alphanumeric() || matches!(c, b'-' | b'_' | b'.' | b'/'))
}

/// What a scalar's text allows in block context.
pub(super) fn analyze(text: &[u8], rules: Rules) -> Allowed {
    if text.is_empty() {
        return Allowed { multiline: false, plain: true, single: true, block: false };
    }
    if is_simple(text) {
        return Allowed { multiline: false, plain: true, single: true, block: true };
    }
    let mut indicators = text.starts_with(b"---") || text.starts_with(b"...");
    let (mut breaks, mut special, mut tabs) = (false, false, false);
    let (mut leading, mut trailing_space, mut trailing_break) = (false, false, false);
    let (mut break_space, mut space_break) = (false, false);
    let (mut after_space, mut after_break, mut after_white) = (false, false, true);
    let mut at = 0;
    while at < text.len() {
        let (c, next) = (text[at], at + width(text[at]));
        let blank_follows = text.get(next).is_none_or(|c| matches!(c, b' ' | b'\t'));
        indicators |= match c {
            b'#' => at == 0 || after_white,
            b',' | b'[' | b']' | b'{' | b'}' | b'&' | b'*' | b'!' | b'|' | b'>' | b'\'' | b'"' | b'%' | b'@' | b'`' => at == 0,
            b'?' | b'-' => at == 0 && blank_follows,
            b':' => blank_follows,
            _ => false,
        };
        if c == b'\t' && rules == Rules::V3 {
            tabs = true;
        } else if !is_printable(text, at) {
            special = true;
        }
        let is_space = c == b' ';
        let is_break = !is_space && is_break(text, at);
        leading |= at == 0 && (is_space || is_break);
        trailing_space |= is_space && next == text.len();
        trailing_break |= is_break && next == text.len();
        break_space |= is_space && after_break;
        space_break |= is_break && after_space;
        breaks |= is_break;
        (after_space, after_break) = (is_space, is_break);
        after_white = is_space || is_break || matches!(c, b'\t' | 0);
        at = next;
    }
    let ends = leading || trailing_space || trailing_break;
    let single = !(break_space || space_break || special || tabs);
    Allowed {
        multiline: breaks,
        plain: single && !ends && !breaks && !indicators,
        single,
        block: !(trailing_space || space_break || special),
    }
}
