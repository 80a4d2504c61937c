//! Directives, anchors and tags (the middle of `scannerc.go`).

use super::{
    chars::{is_alpha, is_blank, is_blankz, is_break, is_breakz, width},
    fault::Fault,
    scanner::Scanner,
    token::{Mark, TokenKind},
};
use std::borrow::Cow;

/// Digits of a version number (Go's `max_number_length`).
const MAX_VERSION_DIGITS: usize = 2;

impl<'a> Scanner<'a> {
    pub(super) fn scan_directive(&mut self) -> Result<(), Fault> {
        let start = self.mark;
        self.skip();
        let name = self.scan_directive_name(start)?;
        let kind = match name {
            b"YAML" => self.scan_version(start)?,
            b"TAG" => self.scan_tag_directive(start)?,
            _ => return self.fault(start, "found unknown directive name"),
        };
        let end = self.mark;
        self.skip_blanks()?;
        self.skip_comment()?;
        if !is_breakz(self.buf, self.pos) {
            return self.fault(start, "did not find expected comment or line break");
        }
        if is_break(self.buf, self.pos) {
            self.need(2)?;
            self.skip_line();
        }
        let after = std::mem::replace(&mut self.mark, end);
        self.push(kind, start);
        self.mark = after;
        Ok(())
    }

    /// Passes over letters, digits, `_` and `-`; what they were.
    fn word(&mut self) -> Result<&'a [u8], Fault> {
        let start = self.pos;
        self.need(1)?;
        while is_alpha(self.at(0)) {
            self.skip();
            self.need(1)?;
        }
        Ok(&self.buf[start..self.pos])
    }

    fn scan_directive_name(&mut self, start: Mark) -> Result<&'a [u8], Fault> {
        let name = self.word()?;
        if name.is_empty() {
            return self.fault(start, "could not find expected directive name");
        }
        if !is_blankz(self.buf, self.pos) {
            return self.fault(start, "found unexpected non-alphabetical character");
        }
        Ok(name)
    }

    fn scan_version(&mut self, start: Mark) -> Result<TokenKind<'a>, Fault> {
        self.skip_blanks()?;
        let major = self.scan_version_number(start)?;
        if self.at(0) != b'.' {
            return self.fault(start, "did not find expected digit or '.' character");
        }
        self.skip();
        let minor = self.scan_version_number(start)?;
        Ok(TokenKind::VersionDirective(major, minor))
    }

    fn scan_version_number(&mut self, start: Mark) -> Result<i8, Fault> {
        self.need(1)?;
        let (mut value, mut length) = (0_i8, 0);
        while self.at(0).is_ascii_digit() {
            length += 1;
            if length > MAX_VERSION_DIGITS {
                return self.fault(start, "found extremely long version number");
            }
            value = value * 10 + (self.at(0) - b'0') as i8;
            self.skip();
            self.need(1)?;
        }
        match length {
            0 => self.fault(start, "did not find expected version number"),
            _ => Ok(value),
        }
    }

    fn scan_tag_directive(&mut self, start: Mark) -> Result<TokenKind<'a>, Fault> {
        self.skip_blanks()?;
        let handle = self.scan_tag_handle(true, start)?;
        self.need(1)?;
        if !is_blank(self.at(0)) {
            return self.fault(start, "did not find expected whitespace");
        }
        self.skip_blanks()?;
        let prefix = self.scan_tag_uri(b"", start)?;
        self.need(1)?;
        if !is_blankz(self.buf, self.pos) {
            return self.fault(start, "did not find expected whitespace or line break");
        }
        Ok(TokenKind::TagDirective(Cow::Borrowed(handle), Cow::Owned(prefix)))
    }

    pub(super) fn scan_anchor(&mut self, alias: bool) -> Result<(), Fault> {
        let start = self.mark;
        self.skip();
        let name = self.word()?;
        let ends = is_blankz(self.buf, self.pos) || matches!(self.at(0), b'?' | b':' | b',' | b']' | b'}' | b'%' | b'@' | b'`');
        if name.is_empty() || !ends {
            return self.fault(start, "did not find expected alphabetic or numeric character");
        }
        let name = Cow::Borrowed(name);
        self.push(if alias { TokenKind::Alias(name) } else { TokenKind::Anchor(name) }, start);
        Ok(())
    }

    pub(super) fn scan_tag(&mut self) -> Result<(), Fault> {
        let start = self.mark;
        self.need(2)?;
        let (handle, suffix): (&[u8], Vec<u8>);
        if self.at(1) == b'<' {
            self.skip();
            self.skip();
            (handle, suffix) = (b"", self.scan_tag_uri(b"", start)?);
            if self.at(0) != b'>' {
                return self.fault(start, "did not find the expected '>'");
            }
            self.skip();
        } else {
            let head = self.scan_tag_handle(false, start)?;
            if head.len() > 1 && head.ends_with(b"!") {
                (handle, suffix) = (head, self.scan_tag_uri(b"", start)?);
            } else {
                let tail = self.scan_tag_uri(head, start)?;
                // The tag "!" alone: Go swaps the two.
                (handle, suffix) = if tail.is_empty() { (&b""[..], b"!".to_vec()) } else { (&b"!"[..], tail) };
            }
        }
        self.need(1)?;
        if !is_blankz(self.buf, self.pos) {
            return self.fault(start, "did not find expected whitespace or line break");
        }
        self.push(TokenKind::Tag(Cow::Borrowed(handle), Cow::Owned(suffix)), start);
        Ok(())
    }

    fn scan_tag_handle(&mut self, directive: bool, start: Mark) -> Result<&'a [u8], Fault> {
        self.need(1)?;
        if self.at(0) != b'!' {
            return self.fault(start, "did not find expected '!'");
        }
        let from = self.pos;
        self.skip();
        self.word()?;
        if self.at(0) == b'!' {
            self.skip();
        } else if directive && self.pos - from != 1 {
            return self.fault(start, "did not find expected '!'");
        }
        Ok(&self.buf[from..self.pos])
    }

    fn scan_tag_uri(&mut self, head: &[u8], start: Mark) -> Result<Vec<u8>, Fault> {
        let mut uri = head.get(1..).unwrap_or_default().to_vec();
        let mut found = !head.is_empty();
        self.need(1)?;
        loop {
            match self.at(0) {
                b'%' => self.scan_uri_escapes(start, &mut uri)?,
                c if is_alpha(c) || b";/?:@&=+$,.!~*'()[]".contains(&c) => {
                    uri.push(c);
                    self.skip();
                }
                _ if found => return Ok(uri),
                _ => return self.fault(start, "did not find expected tag URI"),
            }
            self.need(1)?;
            found = true;
        }
    }

    /// One character as `%`-escaped octets.
    fn scan_uri_escapes(&mut self, start: Mark, uri: &mut Vec<u8>) -> Result<(), Fault> {
        let mut left = 0;
        loop {
            self.need(3)?;
            let digit = |c: u8| char::from(c).to_digit(16);
            let (b'%', Some(high), Some(low)) = (self.at(0), digit(self.at(1)), digit(self.at(2))) else {
                return self.fault(start, "did not find URI escaped octet");
            };
            let octet = (high << 4 | low) as u8;
            if left == 0 {
                left = width(octet);
                if left == 0 {
                    return self.fault(start, "found an incorrect leading UTF-8 octet");
                }
            } else if octet & 0xC0 != 0x80 {
                return self.fault(start, "found an incorrect trailing UTF-8 octet");
            }
            uri.push(octet);
            for _ in 0..3 {
                self.skip();
            }
            left -= 1;
            if left == 0 {
                return Ok(());
            }
        }
    }
}
