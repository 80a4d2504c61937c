//! Characters out: indentation, indicators and the four scalar styles (the end of `emitterc.go`).

use super::analyze::{is_break, is_printable, width};
use crate::yaml::resolve::Rules;

/// Spaces per level (`best_indent`).
const INDENT: i32 = 2;
/// From which column v2 folds long lines (`best_width`); v3 as Helm sets it up never does.
const WIDTH: usize = 80;

/// The text so far and where its end stands.
pub(super) struct Writer {
    pub(super) out: Vec<u8>,
    rules: Rules,
    width: usize,
    /// In characters.
    column: usize,
    /// -1 before anything was opened.
    pub(super) indent: i32,
    whitespace: bool,
    /// Whether only indentation stands on the line so far.
    pub(super) indention: bool,
}

impl Writer {
    pub(super) fn new(rules: Rules) -> Writer {
        Writer {
            out: Vec::new(),
            rules,
            width: if rules == Rules::V2 { WIDTH } else { usize::MAX },
            column: 0,
            indent: -1,
            whitespace: true,
            indention: true,
        }
    }

    /// Indents by a level; the indentation to go back to.
    pub(super) fn increase_indent(&mut self, flow: bool, indentless: bool) -> i32 {
        let before = self.indent;
        if self.indent < 0 {
            self.indent = if flow { INDENT } else { 0 };
        } else if !indentless {
            self.indent += INDENT;
        }
        before
    }

    fn put(&mut self, c: u8) {
        self.out.push(c);
        self.column += 1;
    }

    fn put_break(&mut self) {
        self.out.push(b'\n');
        self.column = 0;
        if self.rules == Rules::V3 {
            self.indention = true;
        }
    }

    /// One character of `text`; its length.
    fn write(&mut self, text: &[u8], at: usize) -> usize {
        let width = width(text[at]);
        self.out.extend_from_slice(&text[at..at + width]);
        self.column += 1;
        width
    }

    /// One line break of `text`; its length.
    fn write_break(&mut self, text: &[u8], at: usize) -> usize {
        let width = if text[at] == b'\n' {
            self.put_break();
            1
        } else {
            let width = self.write(text, at);
            self.column = 0;
            width
        };
        self.indention = true;
        width
    }

    pub(super) fn write_indent(&mut self) {
        let indent = self.indent.max(0) as usize;
        if !self.indention || self.column > indent || (self.column == indent && !self.whitespace) {
            self.put_break();
        }
        while self.column < indent {
            self.put(b' ');
        }
        self.whitespace = true;
        if self.rules == Rules::V2 {
            self.indention = true;
        }
    }

    pub(super) fn write_indicator(&mut self, indicator: &str, need_whitespace: bool, whitespace: bool, indention: bool) {
        if need_whitespace && !self.whitespace {
            self.put(b' ');
        }
        self.out.extend_from_slice(indicator.as_bytes());
        self.column += indicator.len();
        self.whitespace = whitespace;
        self.indention = self.indention && indention;
    }

    pub(super) fn write_tag(&mut self, tag: &str) {
        self.write_indicator(tag, true, false, false);
    }

    pub(super) fn write_plain(&mut self, text: &[u8], breaks: bool) {
        if !(self.whitespace || self.rules == Rules::V3 && text.is_empty()) {
            self.put(b' ');
        }
        if self.fits(text, breaks) {
            self.out.extend_from_slice(text);
            self.column += text.len();
        } else {
            self.write_folded(text, breaks, false);
        }
        if self.rules == Rules::V2 || !text.is_empty() {
            self.whitespace = false;
        }
        self.indention = false;
    }

    /// Whether `text` goes out as it is: ASCII that cannot be folded.
    fn fits(&self, text: &[u8], breaks: bool) -> bool {
        text.is_ascii() && (!breaks || self.column.saturating_add(text.len()) <= self.width)
    }

    pub(super) fn write_single(&mut self, text: &[u8], breaks: bool) {
        self.write_indicator("'", true, false, false);
        self.write_folded(text, breaks, true);
        self.write_indicator("'", false, false, false);
        self.whitespace = false;
        self.indention = false;
    }

    /// The inside of plain and single-quoted scalars.
    fn write_folded(&mut self, text: &[u8], allow_breaks: bool, quoted: bool) {
        let (mut spaces, mut breaks) = (false, false);
        let mut at = 0;
        while at < text.len() {
            if text[at] == b' ' {
                let inside = !quoted || (at > 0 && at < text.len() - 1);
                let fold = allow_breaks && !spaces && self.column > self.width && inside && text.get(at + 1) != Some(&b' ');
                if fold {
                    self.write_indent();
                    at += 1;
                } else {
                    at += self.write(text, at);
                }
                spaces = true;
            } else if is_break(text, at) {
                if !breaks && text[at] == b'\n' {
                    self.put_break();
                }
                at += self.write_break(text, at);
                breaks = true;
            } else {
                if breaks {
                    self.write_indent();
                }
                if quoted && text[at] == b'\'' {
                    self.put(b'\'');
                }
                at += self.write(text, at);
                self.indention = false;
                (spaces, breaks) = (false, false);
            }
        }
    }

    pub(super) fn write_double(&mut self, text: &[u8], allow_breaks: bool) {
        self.write_indicator("\"", true, false, false);
        // Go's is_bom looks at the start of the text whatever the place: a text that starts with a byte order mark is
        // escaped throughout.
        let marked = text.starts_with(b"\xEF\xBB\xBF");
        let mut spaces = false;
        let mut at = 0;
        while at < text.len() {
            let c = text[at];
            if marked || !is_printable(text, at) || is_break(text, at) || c == b'"' || c == b'\\' {
                let letter = std::str::from_utf8(&text[at..at + width(c)]).ok().and_then(|s| s.chars().next());
                self.write_escape(letter.expect("the emitter is given valid UTF-8"));
                at += width(c);
                spaces = false;
            } else if c == b' ' {
                let fold = allow_breaks && !spaces && self.column > self.width && at > 0 && at < text.len() - 1;
                if fold {
                    self.write_indent();
                    if text[at + 1] == b' ' {
                        self.put(b'\\');
                    }
                    at += 1;
                } else {
                    at += self.write(text, at);
                }
                spaces = true;
            } else {
                at += self.write(text, at);
                spaces = false;
            }
        }
        self.write_indicator("\"", false, false, false);
        self.whitespace = false;
        self.indention = false;
    }

    fn write_escape(&mut self, letter: char) {
        let short = match letter {
            '\0' => "0",
            '\x07' => "a",
            '\x08' => "b",
            '\t' => "t",
            '\n' => "n",
            '\x0B' => "v",
            '\x0C' => "f",
            '\r' => "r",
            '\x1B' => "e",
            '"' => "\"",
            '\\' => "\\",
            '\u{85}' => "N",
            '\u{A0}' => "_",
            '\u{2028}' => "L",
            '\u{2029}' => "P",
            _ => "",
        };
        let value = u32::from(letter);
        let escape = match value {
            _ if !short.is_empty() => format!("\\{short}"),
            0..=0xFF => format!("\\x{value:02X}"),
            0x100..=0xFFFF => format!("\\u{value:04X}"),
            _ => format!("\\U{value:08X}"),
        };
        self.out.extend_from_slice(escape.as_bytes());
        self.column += escape.len();
    }

    pub(super) fn write_literal(&mut self, text: &[u8]) {
        self.write_indicator("|", true, false, false);
        self.write_hints(text);
        self.put_break();
        self.indention = true;
        self.whitespace = true;
        let mut breaks = true;
        let mut at = 0;
        while at < text.len() {
            if is_break(text, at) {
                at += self.write_break(text, at);
                breaks = true;
            } else {
                if breaks {
                    self.write_indent();
                }
                at += self.write(text, at);
                self.indention = false;
                breaks = false;
            }
        }
    }

    /// The indentation, where the text's first line would hide it, and what becomes of the last breaks.
    fn write_hints(&mut self, text: &[u8]) {
        if text.first() == Some(&b' ') || (!text.is_empty() && is_break(text, 0)) {
            self.write_indicator(&INDENT.to_string(), false, false, false);
        }
        let start_of = |end: usize| (0..end).rev().find(|at| text[*at] & 0xC0 != 0x80).unwrap_or(0);
        let last = start_of(text.len());
        if text.is_empty() || !is_break(text, last) {
            self.write_indicator("-", false, false, false);
        } else if last == 0 || is_break(text, start_of(last)) {
            self.write_indicator("+", false, false, false);
        }
    }
}
