//! Go's `strconv.Quote` and `strconv.Unquote` families.

use super::utf8;

const HEX: &[u8; 16] = b"0123456789abcdef";

/// `strconv.Quote`, for error texts.
pub fn quote(text: &[u8]) -> String {
    let mut out = Vec::with_capacity(text.len() + 2);
    append_quoted(&mut out, text, b'"', false);
    String::from_utf8(out).expect("invalid bytes are escaped")
}

/// Appends the text in quotes, as `strconv.AppendQuote` or, with `ascii`, `AppendQuoteToASCII`.
pub fn append_quoted(out: &mut Vec<u8>, text: &[u8], mark: u8, ascii: bool) {
    out.push(mark);
    for (at, rune, width) in utf8::runes(text) {
        if width == 1 && rune == char::REPLACEMENT_CHARACTER {
            escape_byte(out, text[at]);
        } else {
            escape_rune(out, rune, mark, ascii);
        }
    }
    out.push(mark);
}

/// Appends a rune in single quotes, as `strconv.AppendQuoteRune` or, with `ascii`, `AppendQuoteRuneToASCII`.
pub fn append_quoted_rune(out: &mut Vec<u8>, rune: char, ascii: bool) {
    out.push(b'\'');
    escape_rune(out, rune, b'\'', ascii);
    out.push(b'\'');
}

fn escape_byte(out: &mut Vec<u8>, byte: u8) {
    out.extend([b'\\', b'x', HEX[usize::from(byte >> 4)], HEX[usize::from(byte & 15)]]);
}

fn escape_rune(out: &mut Vec<u8>, rune: char, mark: u8, ascii: bool) {
    if rune == char::from(mark) || rune == '\\' {
        out.extend([b'\\', rune as u8]);
        return;
    }
    if utf8::is_print(rune) && (rune.is_ascii() || !ascii) {
        utf8::push(out, rune);
        return;
    }
    match rune {
        '\x07' => out.extend(b"\\a"),
        '\x08' => out.extend(b"\\b"),
        '\x0c' => out.extend(b"\\f"),
        '\n' => out.extend(b"\\n"),
        '\r' => out.extend(b"\\r"),
        '\t' => out.extend(b"\\t"),
        '\x0b' => out.extend(b"\\v"),
        rune if rune < ' ' || rune == '\x7f' => escape_byte(out, rune as u8),
        rune if (rune as u32) < 0x10000 => out.extend(format!("\\u{:04x}", rune as u32).bytes()),
        rune => out.extend(format!("\\U{:08x}", rune as u32).bytes()),
    }
}

/// `strconv.CanBackquote`: valid UTF-8 on one line, without control characters but tab, backquote or byte-order mark.
pub fn can_backquote(text: &[u8]) -> bool {
    std::str::from_utf8(text).is_ok_and(|text| {
        text.chars().all(|rune| rune != '\u{feff}' && rune != '`' && rune != '\x7f' && (rune >= ' ' || rune == '\t'))
    })
}

/// What `strconv.Unquote` refuses; its text is Go's `ErrSyntax`.
pub const SYNTAX: &str = "invalid syntax";

/// `strconv.Unquote` for the literals a template's lexer can deliver: `"…"` and `` `…` ``.
pub fn unquote(literal: &[u8]) -> Result<Vec<u8>, &'static str> {
    match literal {
        [b'`', inner @ .., b'`'] => {
            // Go drops carriage returns from raw strings.
            Ok(inner.iter().copied().filter(|byte| *byte != b'\r').collect())
        }
        [b'"', inner @ .., b'"'] => {
            let mut out = Vec::with_capacity(inner.len());
            let mut rest = inner;
            while !rest.is_empty() {
                rest = unquote_char(rest, b'"', &mut out)?.1;
            }
            Ok(out)
        }
        _ => Err(SYNTAX),
    }
}

/// `strconv.UnquoteChar`: decodes one character or escape, appends it, and returns its value and what is left.
pub fn unquote_char<'a>(text: &'a [u8], mark: u8, out: &mut Vec<u8>) -> Result<(u32, &'a [u8]), &'static str> {
    let first = *text.first().ok_or(SYNTAX)?;
    if first == mark && (mark == b'\'' || mark == b'"') || first == b'\n' {
        return Err(SYNTAX);
    }
    if first != b'\\' {
        let (rune, width) = utf8::decode(text);
        // Go keeps an invalid byte of a string as U+FFFD.
        utf8::push(out, rune);
        return Ok((rune as u32, &text[width..]));
    }
    let code = *text.get(1).ok_or(SYNTAX)?;
    let rest = &text[2..];
    let simple = match code {
        b'a' => 7,
        b'b' => 8,
        b'f' => 12,
        b'n' => b'\n',
        b'r' => b'\r',
        b't' => b'\t',
        b'v' => 11,
        b'\\' => b'\\',
        b'\'' | b'"' if code == mark => code,
        b'x' => return number(rest, 2, 16, out),
        b'u' => return number(rest, 4, 16, out),
        b'U' => return number(rest, 8, 16, out),
        b'0'..=b'7' => return number(&text[1..], 3, 8, out),
        _ => return Err(SYNTAX),
    };
    out.push(simple);
    Ok((u32::from(simple), rest))
}

/// The digits of an escape: two hexadecimal or three octal ones are a byte, four or eight are a rune.
fn number<'a>(text: &'a [u8], digits: usize, base: u32, out: &mut Vec<u8>) -> Result<(u32, &'a [u8]), &'static str> {
    let head = text.get(..digits).ok_or(SYNTAX)?;
    let mut value = 0u32;
    for byte in head {
        value = value.wrapping_mul(base) + char::from(*byte).to_digit(base).ok_or(SYNTAX)?;
    }
    match digits {
        2 | 3 => out.push(u8::try_from(value).map_err(|_| SYNTAX)?),
        _ => utf8::push(out, char::from_u32(value).ok_or(SYNTAX)?),
    }
    Ok((value, &text[digits..]))
}
