//! Block, quoted and plain scalars (the end of `scannerc.go`).

use super::{
    chars::{is_blank, is_blankz, is_break, is_breakz},
    fault::Fault,
    scanner::Scanner,
    token::{Builder, Mark, TokenKind},
};
use std::borrow::Cow;

/// What becomes of the line breaks at the end of a block scalar.
#[derive(Clone, Copy, PartialEq)]
enum Chomping {
    Strip,
    Clip,
    Keep,
}

impl<'a> Scanner<'a> {
    pub(super) fn scan_block_scalar(&mut self, literal: bool) -> Result<(), Fault> {
        let start = self.mark;
        self.skip();
        let (chomping, increment) = self.scan_block_header(start)?;
        let mut indent = match increment {
            0 => 0,
            _ => self.indent.max(0) as usize + increment,
        };
        let mut end = self.mark;
        let (mut text, mut leading, mut trailing) = (Vec::new(), Vec::new(), Vec::new());
        self.scan_block_breaks(&mut indent, &mut trailing, start, &mut end)?;
        self.need(1)?;
        let mut leading_blank = false;
        while self.mark.column == indent && self.at(0) != 0 {
            let trailing_blank = is_blank(self.at(0));
            if !literal && !leading_blank && !trailing_blank && leading.first() == Some(&b'\n') {
                if trailing.is_empty() {
                    text.push(b' ');
                }
            } else {
                text.extend_from_slice(&leading);
            }
            leading.clear();
            text.append(&mut trailing);
            leading_blank = trailing_blank;
            let from = self.pos;
            while !is_breakz(self.buf, self.pos) {
                self.skip();
                self.need(1)?;
            }
            text.extend_from_slice(&self.buf[from..self.pos]);
            self.need(2)?;
            self.read_line(&mut leading);
            self.scan_block_breaks(&mut indent, &mut trailing, start, &mut end)?;
        }
        if chomping != Chomping::Strip {
            text.append(&mut leading);
        }
        if chomping == Chomping::Keep {
            text.append(&mut trailing);
        }
        let after = std::mem::replace(&mut self.mark, end);
        self.push(TokenKind::Scalar(Cow::Owned(text), false), start);
        self.mark = after;
        Ok(())
    }

    /// The rest of the line after `|` or `>`: chomping, indentation (0: to be found), a comment.
    fn scan_block_header(&mut self, start: Mark) -> Result<(Chomping, usize), Fault> {
        let (mut chomping, mut increment) = (Chomping::Clip, 0);
        self.need(1)?;
        if let Some(sign) = self.chomping() {
            chomping = sign;
            self.need(1)?;
            increment = self.indentation(start)?;
        } else if self.at(0).is_ascii_digit() {
            increment = self.indentation(start)?;
            self.need(1)?;
            chomping = self.chomping().unwrap_or(Chomping::Clip);
        }
        self.skip_blanks()?;
        self.skip_comment()?;
        if !is_breakz(self.buf, self.pos) {
            return self.fault(start, "did not find expected comment or line break");
        }
        if is_break(self.buf, self.pos) {
            self.need(2)?;
            self.skip_line();
        }
        Ok((chomping, increment))
    }

    fn chomping(&mut self) -> Option<Chomping> {
        let sign = match self.at(0) {
            b'+' => Chomping::Keep,
            b'-' => Chomping::Strip,
            _ => return None,
        };
        self.skip();
        Some(sign)
    }

    fn indentation(&mut self, start: Mark) -> Result<usize, Fault> {
        match self.at(0) {
            b'0' => self.fault(start, "found an indentation indicator equal to 0"),
            digit @ b'1'..=b'9' => {
                self.skip();
                Ok(usize::from(digit - b'0'))
            }
            _ => Ok(0),
        }
    }

    /// Indentation and empty lines; finds out `indent` where it is 0.
    fn scan_block_breaks(&mut self, indent: &mut usize, breaks: &mut Vec<u8>, start: Mark, end: &mut Mark) -> Result<(), Fault> {
        *end = self.mark;
        let mut widest = 0;
        loop {
            self.need(1)?;
            while (*indent == 0 || self.mark.column < *indent) && self.at(0) == b' ' {
                self.skip();
                self.need(1)?;
            }
            widest = widest.max(self.mark.column);
            if (*indent == 0 || self.mark.column < *indent) && self.at(0) == b'\t' {
                return self.fault(start, "found a tab character where an indentation space is expected");
            }
            if !is_break(self.buf, self.pos) {
                break;
            }
            self.need(2)?;
            self.read_line(breaks);
            *end = self.mark;
        }
        if *indent == 0 {
            *indent = widest.max((self.indent + 1) as usize).max(1);
        }
        Ok(())
    }

    pub(super) fn scan_flow_scalar(&mut self, single: bool) -> Result<(), Fault> {
        let start = self.mark;
        let quote = if single { b'\'' } else { b'"' };
        self.skip();
        let mut text = Builder::new(self.buf);
        loop {
            self.need(4)?;
            if self.at_document_indicator() {
                return self.fault(start, "found unexpected document indicator");
            }
            if self.at(0) == 0 {
                return self.fault(start, "found unexpected end of stream");
            }
            let continued = self.scan_quoted_word(quote, start, &mut text)?;
            self.need(1)?;
            if self.at(0) == quote {
                break;
            }
            self.scan_quoted_space(continued, &mut text)?;
        }
        self.skip();
        self.push(TokenKind::Scalar(text.finish(), false), start);
        Ok(())
    }

    /// The characters up to a blank, a break or the end of the quotes; whether an escaped line break ended them.
    fn scan_quoted_word(&mut self, quote: u8, start: Mark, text: &mut Builder<'a>) -> Result<bool, Fault> {
        while !is_blankz(self.buf, self.pos) {
            let c = self.at(0);
            if c == quote {
                if quote == b'"' || self.at(1) != b'\'' {
                    return Ok(false);
                }
                text.bytes(b"'");
                self.skip();
                self.skip();
            } else if c == b'\\' && quote == b'"' {
                if is_break(self.buf, self.pos + 1) {
                    self.need(3)?;
                    self.skip();
                    self.skip_line();
                    return Ok(true);
                }
                self.scan_escape(start, text)?;
            } else {
                let from = self.pos;
                self.skip();
                text.span(from, self.pos);
            }
            self.need(2)?;
        }
        Ok(false)
    }

    fn scan_escape(&mut self, start: Mark, text: &mut Builder<'a>) -> Result<(), Fault> {
        let digits = match self.at(1) {
            b'x' => 2,
            b'u' => 4,
            b'U' => 8,
            letter => {
                let bytes: &[u8] = match letter {
                    b'0' => b"\0",
                    b'a' => b"\x07",
                    b'b' => b"\x08",
                    b't' | b'\t' => b"\t",
                    b'n' => b"\n",
                    b'v' => b"\x0B",
                    b'f' => b"\x0C",
                    b'r' => b"\r",
                    b'e' => b"\x1B",
                    b' ' => b" ",
                    b'"' => b"\"",
                    b'\'' => b"'",
                    b'\\' => b"\\",
                    b'N' => "\u{85}".as_bytes(),
                    b'_' => "\u{A0}".as_bytes(),
                    b'L' => "\u{2028}".as_bytes(),
                    b'P' => "\u{2029}".as_bytes(),
                    _ => return self.fault(start, "found unknown escape character"),
                };
                text.bytes(bytes);
                self.skip();
                self.skip();
                return Ok(());
            }
        };
        self.skip();
        self.skip();
        self.need(digits)?;
        let mut value = 0_u32;
        for ahead in 0..digits {
            let Some(digit) = char::from(self.at(ahead)).to_digit(16) else {
                return self.fault(start, "did not find expected hexdecimal number");
            };
            value = value << 4 | digit;
        }
        let Some(letter) = char::from_u32(value) else {
            return self.fault(start, "found invalid Unicode character escape code");
        };
        text.bytes(letter.encode_utf8(&mut [0; 4]).as_bytes());
        for _ in 0..digits {
            self.skip();
        }
        Ok(())
    }

    /// Blanks and breaks between the words of a quoted scalar, folded.
    fn scan_quoted_space(&mut self, continued: bool, text: &mut Builder<'a>) -> Result<(), Fault> {
        let (mut leading_blanks, mut leading, mut trailing) = (continued, Vec::new(), Vec::new());
        let mut blanks = (self.pos, self.pos);
        loop {
            if is_blank(self.at(0)) {
                let from = self.pos;
                self.skip();
                if !leading_blanks {
                    blanks = (if blanks.0 == blanks.1 { from } else { blanks.0 }, self.pos);
                }
            } else if is_break(self.buf, self.pos) {
                self.need(2)?;
                if leading_blanks {
                    self.read_line(&mut trailing);
                } else {
                    self.read_line(&mut leading);
                    leading_blanks = true;
                }
            } else {
                break;
            }
            self.need(1)?;
        }
        match leading_blanks {
            true => fold(text, &leading, &trailing),
            false => text.span(blanks.0, blanks.1),
        }
        Ok(())
    }

    pub(super) fn scan_plain_scalar(&mut self) -> Result<(), Fault> {
        let (start, mut end) = (self.mark, self.mark);
        let indent = (self.indent + 1) as usize;
        let mut text = Builder::new(self.buf);
        let (mut leading, mut trailing) = (Vec::new(), Vec::new());
        let (mut leading_blanks, mut blanks) = (false, (0, 0));
        loop {
            self.need(4)?;
            if self.at_document_indicator() || self.at(0) == b'#' {
                break;
            }
            let from = self.pos;
            while !is_blankz(self.buf, self.pos) {
                let c = self.at(0);
                if (c == b':' && is_blankz(self.buf, self.pos + 1))
                    || (self.flow_level > 0 && matches!(c, b',' | b'?' | b'[' | b']' | b'{' | b'}'))
                {
                    break;
                }
                self.skip();
                self.need(2)?;
            }
            if self.pos > from {
                if leading_blanks {
                    fold(&mut text, &leading, &trailing);
                    leading.clear();
                    trailing.clear();
                    leading_blanks = false;
                } else {
                    text.span(blanks.0, blanks.1);
                }
                blanks = (0, 0);
                text.span(from, self.pos);
                end = self.mark;
            }
            if !(is_blank(self.at(0)) || is_break(self.buf, self.pos)) {
                break;
            }
            self.need(1)?;
            while is_blank(self.at(0)) || is_break(self.buf, self.pos) {
                if is_blank(self.at(0)) {
                    if leading_blanks && self.mark.column < indent && self.at(0) == b'\t' {
                        return self.fault(start, "found a tab character that violates indentation");
                    }
                    let from = self.pos;
                    self.skip();
                    if !leading_blanks {
                        blanks = (if blanks.0 == blanks.1 { from } else { blanks.0 }, self.pos);
                    }
                } else {
                    self.need(2)?;
                    if leading_blanks {
                        self.read_line(&mut trailing);
                    } else {
                        blanks = (0, 0);
                        self.read_line(&mut leading);
                        leading_blanks = true;
                    }
                }
                self.need(1)?;
            }
            if self.flow_level == 0 && self.mark.column < indent {
                break;
            }
        }
        let after = std::mem::replace(&mut self.mark, end);
        self.push(TokenKind::Scalar(text.finish(), true), start);
        self.mark = after;
        if leading_blanks {
            self.simple_key_allowed = true;
        }
        Ok(())
    }
}

/// Line breaks between words: one becomes a space, more lose their first.
fn fold(text: &mut Builder<'_>, leading: &[u8], trailing: &[u8]) {
    match leading.first() {
        Some(b'\n') if trailing.is_empty() => text.bytes(b" "),
        Some(b'\n') => text.bytes(trailing),
        _ => {
            text.bytes(leading);
            text.bytes(trailing);
        }
    }
}
