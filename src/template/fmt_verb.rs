//! Go's `fmt/format.go`: one basic value with flags, width and precision.

use super::{fmt_float::append_float, quote, utf8};

/// Flags, width and precision of a verb.
#[derive(Clone, Copy, Default)]
pub(super) struct Flags {
    pub width: Option<usize>,
    pub precision: Option<usize>,
    pub minus: bool,
    pub plus: bool,
    pub sharp: bool,
    pub space: bool,
    pub zero: bool,
    /// `%+v`
    pub plus_v: bool,
    /// `%#v`
    pub sharp_v: bool,
}

pub(super) const LOWER: &[u8; 17] = b"0123456789abcdefx";
pub(super) const UPPER: &[u8; 17] = b"0123456789ABCDEFX";

impl Flags {
    fn padding(&self, out: &mut Vec<u8>, count: usize) {
        let byte = if self.zero && !self.minus { b'0' } else { b' ' };
        out.resize(out.len() + count, byte);
    }

    /// Appends the text, padded to the width.
    pub fn pad(&self, out: &mut Vec<u8>, text: &[u8]) {
        let count = match self.width {
            None | Some(0) => 0,
            Some(width) => width.saturating_sub(utf8::count(text)),
        };
        if !self.minus {
            self.padding(out, count);
        }
        out.extend_from_slice(text);
        if self.minus {
            self.padding(out, count);
        }
    }

    fn unzeroed(&self) -> Flags {
        Flags { zero: false, ..*self }
    }

    pub fn boolean(&self, out: &mut Vec<u8>, flag: bool) {
        self.pad(out, if flag { b"true" } else { b"false" });
    }

    fn truncate<'a>(&self, text: &'a [u8]) -> &'a [u8] {
        match self.precision.and_then(|precision| utf8::runes(text).nth(precision)) {
            Some((at, ..)) => &text[..at],
            None => text,
        }
    }

    /// `%s`
    pub fn string(&self, out: &mut Vec<u8>, text: &[u8]) {
        self.pad(out, self.truncate(text));
    }

    /// `%q`
    pub fn quoted(&self, out: &mut Vec<u8>, text: &[u8]) {
        let text = self.truncate(text);
        let mut quoted = Vec::with_capacity(text.len() + 2);
        if self.sharp && quote::can_backquote(text) {
            quoted.push(b'`');
            quoted.extend_from_slice(text);
            quoted.push(b'`');
        } else {
            quote::append_quoted(&mut quoted, text, b'"', self.plus);
        }
        self.pad(out, &quoted);
    }

    /// `%x` of a string or bytes.
    pub fn hex_string(&self, out: &mut Vec<u8>, text: &[u8], digits: &[u8; 17]) {
        let text = &text[..self.precision.unwrap_or(text.len()).min(text.len())];
        let mut width = 2 * text.len();
        if text.is_empty() {
            self.padding(out, self.width.unwrap_or(0));
            return;
        }
        if self.space {
            width = width * if self.sharp { 2 } else { 1 } + text.len() - 1;
        } else if self.sharp {
            width += 2;
        }
        let padding = self.width.unwrap_or(0).saturating_sub(width);
        if !self.minus {
            self.padding(out, padding);
        }
        for (index, byte) in text.iter().enumerate() {
            if self.space && index > 0 {
                out.push(b' ');
            }
            if self.sharp && (self.space || index == 0) {
                out.extend([b'0', digits[16]]);
            }
            out.extend([digits[usize::from(byte >> 4)], digits[usize::from(byte & 15)]]);
        }
        if self.minus {
            self.padding(out, padding);
        }
    }

    /// A rune, U+FFFD where the number is none.
    fn rune(number: u64) -> char {
        u32::try_from(number).ok().and_then(char::from_u32).unwrap_or(char::REPLACEMENT_CHARACTER)
    }

    /// `%c`
    pub fn character(&self, out: &mut Vec<u8>, number: u64) {
        let mut text = Vec::new();
        utf8::push(&mut text, Self::rune(number));
        self.pad(out, &text);
    }

    /// `%q` of an integer.
    pub fn quoted_character(&self, out: &mut Vec<u8>, number: u64) {
        let mut text = Vec::new();
        quote::append_quoted_rune(&mut text, Self::rune(number), self.plus);
        self.pad(out, &text);
    }

    /// `%U`
    pub fn unicode(&self, out: &mut Vec<u8>, number: u64) {
        let digits = self.precision.unwrap_or(4).max(4);
        let mut text = format!("U+{number:X}");
        if text.len() - 2 < digits {
            let zeros = "0".repeat(digits - (text.len() - 2));
            text.insert_str(2, &zeros);
        }
        if self.sharp
            && let Some(rune) = u32::try_from(number).ok().and_then(char::from_u32)
            && utf8::is_print(rune)
        {
            text.push_str(&format!(" '{rune}'"));
        }
        self.unzeroed().pad(out, text.as_bytes());
    }

    /// An integer in a base. `signed` numbers come as their two's complement.
    pub fn integer(&self, out: &mut Vec<u8>, number: u64, base: u64, signed: bool, verb: char, digits: &[u8; 17]) {
        let negative = signed && (number as i64) < 0;
        let magnitude = if negative { number.wrapping_neg() } else { number };
        let mut wanted = 0;
        if let Some(precision) = self.precision {
            wanted = precision;
            if precision == 0 && magnitude == 0 {
                self.unzeroed().padding(out, self.width.unwrap_or(0));
                return;
            }
        } else if let Some(width) = self.width
            && self.zero
            && !self.minus
        {
            wanted = width.saturating_sub(usize::from(negative || self.plus || self.space));
        }
        // Right to left.
        let mut text = Vec::with_capacity(24);
        let mut rest = magnitude;
        loop {
            text.push(digits[(rest % base) as usize]);
            rest /= base;
            if rest == 0 {
                break;
            }
        }
        text.resize(text.len().max(wanted), b'0');
        if self.sharp {
            match base {
                2 => text.extend(b"b0"),
                8 if text.last() != Some(&b'0') => text.push(b'0'),
                16 => text.extend([digits[16], b'0']),
                _ => {}
            }
        }
        if verb == 'O' {
            text.extend(b"o0");
        }
        if negative {
            text.push(b'-');
        } else if self.plus {
            text.push(b'+');
        } else if self.space {
            text.push(b' ');
        }
        text.reverse();
        self.unzeroed().pad(out, &text);
    }

    /// A float by a verb of `strconv`; `default` is the precision where the format gives none.
    pub fn float(&self, out: &mut Vec<u8>, value: f64, bits: u32, verb: u8, default: Option<usize>) {
        let precision = self.precision.or(default);
        let mut number = vec![b'+'];
        append_float(&mut number, value, verb, precision, bits);
        if matches!(number[1], b'-' | b'+') {
            number.remove(0);
        }
        if self.space && number[0] == b'+' && !self.plus {
            number[0] = b' ';
        }
        if matches!(number[1], b'I' | b'N') {
            let from = usize::from(number[1] == b'N' && !self.space && !self.plus);
            self.unzeroed().pad(out, &number[from..]);
            return;
        }
        if self.sharp && verb != b'b' {
            number = force_point(number, verb, precision);
        }
        if self.plus || number[0] != b'+' {
            if self.zero && !self.minus && self.width.is_some_and(|width| width > number.len()) {
                // The sign stands before the zeros.
                out.push(number[0]);
                self.padding(out, self.width.unwrap_or(0) - number.len());
                out.extend_from_slice(&number[1..]);
                return;
            }
            self.pad(out, &number);
            return;
        }
        self.pad(out, &number[1..]);
    }
}

/// The `#` flag: always a point, and the zeros that `%g` would drop.
fn force_point(number: Vec<u8>, verb: u8, precision: Option<usize>) -> Vec<u8> {
    let mut digits = match verb {
        b'v' | b'g' | b'G' | b'x' => precision.map_or(6, |precision| precision as i64),
        _ => 0,
    };
    let hex = matches!(verb, b'x' | b'X');
    let cut = number.iter().skip(1).position(|byte| match byte {
        b'p' | b'P' => true,
        b'e' | b'E' => !hex,
        _ => false,
    });
    let (head, tail) = number.split_at(cut.map_or(number.len(), |cut| cut + 1));
    let mut head = head.to_vec();
    let mut point = false;
    let mut nonzero = false;
    for byte in &head[1..] {
        if *byte == b'.' {
            point = true;
            continue;
        }
        nonzero |= *byte != b'0';
        digits -= i64::from(nonzero);
    }
    if !point {
        if head.len() == 2 && head[1] == b'0' {
            digits -= 1;
        }
        head.push(b'.');
    }
    head.resize(head.len() + usize::try_from(digits).unwrap_or(0), b'0');
    head.extend_from_slice(tail);
    head
}
