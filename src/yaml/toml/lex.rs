//! Characters of a TOML text, and strings (`lex.go`). Reading and checking go together: Go's lexer hands over each item
//! before it looks at the next, so the first mistake in the text is the one that is told.

use crate::yaml::go::quote;

/// A mistake: the line (from 1) and Go's words; the parser adds the key it was at.
#[derive(Debug)]
pub(super) struct Mistake {
    pub(super) line: usize,
    pub(super) text: String,
}

/// The end of the text, as Go's lexer has it.
pub(super) const EOF: char = '\0';

/// A place in the text.
pub(super) struct Lexer<'a> {
    pub(super) text: &'a [u8],
    pub(super) at: usize,
    pub(super) line: usize,
    at_eof: bool,
}

/// A rune in Go's `%q`.
pub(super) fn rune(c: char) -> String {
    match c {
        '\'' => "'\\''".to_owned(),
        '"' => "'\"'".to_owned(),
        EOF => "'\\x00'".to_owned(),
        _ => {
            let mut text = String::new();
            quote(c.encode_utf8(&mut [0; 4]).as_bytes(), &mut text);
            format!("'{}'", &text[1..text.len() - 1])
        }
    }
}

/// A string in Go's `%q`.
pub(super) fn quoted(bytes: &[u8]) -> String {
    let mut text = String::new();
    quote(bytes, &mut text);
    text
}

pub(super) fn is_white(c: char) -> bool {
    c == ' ' || c == '\t'
}

pub(super) fn is_line_end(c: char) -> bool {
    c == '\n' || c == '\r'
}

impl<'a> Lexer<'a> {
    pub(super) fn new(text: &'a [u8]) -> Lexer<'a> {
        Lexer { text, at: 0, line: 1, at_eof: false }
    }

    /// Go's `errorf`.
    pub(super) fn wrong<T>(&self, text: impl Into<String>) -> Result<T, Mistake> {
        let after_break = self.at_eof && self.at >= 1 && self.text[self.at - 1] == b'\n';
        Err(Mistake { line: self.line - usize::from(after_break), text: text.into() })
    }

    /// Go's `errorPrevLine`.
    pub(super) fn wrong_before<T>(&self, text: impl Into<String>) -> Result<T, Mistake> {
        Err(Mistake { line: self.line.saturating_sub(1), text: text.into() })
    }

    /// The next character and its length; [`EOF`] at the end.
    fn look(&self) -> Result<(char, usize), Mistake> {
        let rest = &self.text[self.at..];
        let Some(first) = rest.first() else { return Ok((EOF, 0)) };
        let chunk = &rest[..rest.len().min(4)];
        let valid = match std::str::from_utf8(chunk) {
            Ok(text) => text,
            Err(error) => std::str::from_utf8(&chunk[..error.valid_up_to()]).unwrap_or_default(),
        };
        let line = self.line + usize::from(*first == b'\n');
        let Some(c) = valid.chars().next() else {
            return Err(Mistake { line, text: format!("invalid UTF-8 byte: 0x{first:02x}") });
        };
        let lone = c == '\r' && rest.get(1) != Some(&b'\n');
        if lone || (c.is_ascii_control() && !matches!(c, '\t' | '\r' | '\n')) {
            let text = format!(
                "TOML files cannot contain control characters: '0x{:02x}'",
                u32::from(c)
            );
            return Err(Mistake { line, text });
        }
        Ok((c, c.len_utf8()))
    }

    pub(super) fn peek(&mut self) -> Result<char, Mistake> {
        self.at_eof = false;
        Ok(self.look()?.0)
    }

    pub(super) fn next(&mut self) -> Result<char, Mistake> {
        let (c, width) = self.look()?;
        self.at_eof = width == 0;
        self.at += width;
        self.line += usize::from(c == '\n');
        Ok(c)
    }

    /// Goes back over `c`.
    pub(super) fn back(&mut self, c: char) {
        if !self.at_eof {
            self.at -= c.len_utf8();
            self.line -= usize::from(c == '\n');
        }
        self.at_eof = false;
    }

    pub(super) fn accept(&mut self, c: char) -> Result<bool, Mistake> {
        let found = self.peek()? == c;
        if found {
            self.next()?;
        }
        Ok(found)
    }

    pub(super) fn skip_white(&mut self) -> Result<(), Mistake> {
        while is_white(self.peek()?) {
            self.next()?;
        }
        Ok(())
    }

    /// The rest of a comment, up to the end of its line.
    pub(super) fn skip_comment(&mut self) -> Result<(), Mistake> {
        loop {
            let c = self.peek()?;
            if is_line_end(c) || self.at == self.text.len() {
                return Ok(());
            }
            self.next()?;
        }
    }

    pub(super) fn at_end(&self) -> bool {
        self.at_eof
    }

    /// A string after its opening quote.
    pub(super) fn string(&mut self, raw: bool) -> Result<Vec<u8>, Mistake> {
        let start = self.at;
        let mut escaped = false;
        loop {
            let c = self.next()?;
            match c {
                EOF if self.at_eof => {
                    return self.wrong(if raw { "unexpected EOF; expected \"'\"" } else { "unexpected EOF; expected '\"'" });
                }
                '\n' | '\r' => return self.wrong_before("strings cannot contain newlines"),
                '\\' if !raw => {
                    escaped = true;
                    self.escape(start)?;
                }
                '"' if !raw => break,
                '\'' if raw => break,
                _ => {}
            }
        }
        let text = &self.text[start..self.at - 1];
        if escaped { self.unescape(text) } else { Ok(text.to_vec()) }
    }

    /// A string after its three opening quotes.
    pub(super) fn long_string(&mut self, raw: bool) -> Result<Vec<u8>, Mistake> {
        let quote = if raw { '\'' } else { '"' };
        let start = self.at;
        loop {
            let c = self.next()?;
            if self.at_eof {
                return self.wrong(format!("unexpected EOF; expected {}", if raw { "\"'''\"" } else { "'\"\"\"'" }));
            }
            if c == '\\' && !raw {
                let after = self.next()?;
                if !is_line_end(after) {
                    self.back(after);
                    self.escape(start)?;
                }
            } else if c == quote && self.accept(quote)? {
                if !self.accept(quote)? {
                    self.back(quote);
                    continue;
                }
                if self.peek()? != quote {
                    break;
                }
                let current = &self.text[start..self.at];
                let five = [quote as u8; 5];
                if current.ends_with(&five) && (raw || !current.ends_with(b"\\\"\"\"\"\"")) {
                    return self.wrong(if raw { "unexpected \"''''''\"" } else { "unexpected '\"\"\"\"\"\"'" });
                }
                self.back(quote);
                self.back(quote);
            }
        }
        let text = &self.text[start..self.at - 3];
        let text = text.strip_prefix(b"\n").or_else(|| text.strip_prefix(b"\r\n")).unwrap_or(text);
        if raw { Ok(text.to_vec()) } else { self.unescape(&strip_escaped_breaks(text)) }
    }

    /// Checks an escape after its backslash, in a string that starts at `start`.
    fn escape(&mut self, start: usize) -> Result<(), Mistake> {
        let c = self.next()?;
        let (digits, words) = match c {
            'e' | 'b' | 't' | 'n' | 'f' | 'r' | '"' | ' ' | '\t' | '\\' => return Ok(()),
            'x' => (2, "two hexadecimal digits after '\\x'"),
            'u' => (4, "four hexadecimal digits after '\\u'"),
            'U' => (8, "eight hexadecimal digits after '\\U'"),
            _ => {
                let line = self.line - usize::from(self.at_eof);
                return Err(Mistake { line, text: format!("invalid escape in string '\\{c}'") });
            }
        };
        for _ in 0..digits {
            if !self.next()?.is_ascii_hexdigit() {
                return self.wrong(format!("expected {words}, but got {} instead", quoted(&self.text[start..self.at])));
            }
        }
        Ok(())
    }

    /// Go's `replaceEscapes`, for a text that [`Lexer::escape`] has checked.
    fn unescape(&self, text: &[u8]) -> Result<Vec<u8>, Mistake> {
        let mut out = Vec::with_capacity(text.len());
        let mut at = 0;
        while at < text.len() {
            let c = text[at];
            at += 1;
            if c != b'\\' {
                out.push(c);
                continue;
            }
            let letter = text.get(at).copied().unwrap_or(b'\\');
            at += 1;
            let digits = match letter {
                b'x' => 2,
                b'u' => 4,
                b'U' => 8,
                b' ' | b'\t' => return self.wrong(format!("invalid escape: '\\{}'", char::from(letter))),
                _ => {
                    out.push(match letter {
                        b'b' => 0x08,
                        b't' => b'\t',
                        b'n' => b'\n',
                        b'f' => 0x0C,
                        b'r' => b'\r',
                        b'e' => 0x1B,
                        other => other,
                    });
                    continue;
                }
            };
            let hex = String::from_utf8_lossy(text.get(at..at + digits).unwrap_or_default());
            let value = u32::from_str_radix(&hex, 16).ok().and_then(char::from_u32);
            let Some(letter) = value else {
                return self.wrong(format!("Escaped character '\\u{hex}' is not valid UTF-8."));
            };
            out.extend_from_slice(letter.encode_utf8(&mut [0; 4]).as_bytes());
            at += digits;
        }
        Ok(out)
    }
}

/// Go's `stripEscapedNewlines`: a backslash, blanks and a line break vanish with all blanks and breaks that follow.
fn strip_escaped_breaks(text: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(text.len());
    let mut at = 0;
    while at < text.len() {
        if text[at] != b'\\' {
            out.push(text[at]);
            at += 1;
            continue;
        }
        if text.get(at + 1) == Some(&b'\\') {
            out.extend_from_slice(b"\\\\");
            at += 2;
            continue;
        }
        let blanks = text[at + 1..].iter().take_while(|c| matches!(c, b' ' | b'\t' | b'\r' | b'\n')).count();
        let end = at + 1 + blanks;
        if text[at..end].contains(&b'\n') {
            at = end;
        } else {
            out.push(b'\\');
            at += 1;
        }
    }
    out
}
