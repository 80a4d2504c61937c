//! Data to JSON text (`encode.go`, `indent.go`).

use crate::yaml::{
    Error,
    datum::{Datum, Path, Shape},
    deep::deeper,
    number::{Bits, format_g, format_json},
};

/// How JSON is laid out.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Form {
    /// Whether `<`, `>` and `&` become `\u003c` and so on.
    pub escape_html: bool,
    /// Whether members stand on lines of their own, two spaces deeper each level (`MarshalIndent(v, "", "  ")`).
    pub pretty: bool,
}

/// Writes JSON without a line break at the end.
///
/// # Errors
/// Numbers and types that JSON has not, with Go's text; text of more than `limit` bytes.
pub(in crate::yaml) fn encode<T: Datum>(datum: &T, form: Form, limit: usize) -> Result<Vec<u8>, Error> {
    let mut writer = Writer { out: Vec::new(), form, depth: 0, path: Path::new(limit) };
    writer.value(datum)?;
    writer.path.check(writer.out.len())?;
    Ok(writer.out)
}

struct Writer {
    out: Vec<u8>,
    form: Form,
    depth: usize,
    path: Path,
}

impl Writer {
    fn push(&mut self, text: &str) {
        self.out.extend_from_slice(text.as_bytes());
    }

    fn value<T: Datum>(&mut self, datum: &T) -> Result<(), Error> {
        self.path.check(self.out.len())?;
        datum.look(|shape| {
            match shape {
                Shape::Null | Shape::NilList | Shape::NilMap => self.push("null"),
                Shape::Bool(flag) => self.push(if flag { "true" } else { "false" }),
                Shape::Int(number) | Shape::Duration(number) => self.push(&number.to_string()),
                Shape::Uint(number) => self.push(&number.to_string()),
                Shape::Float(number) => self.float(number, Bits::B64)?,
                Shape::Float32(number) => self.float(number, Bits::B32)?,
                Shape::Text(bytes) => text(bytes, self.form.escape_html, &mut self.out),
                Shape::Time(moment, _) => text(moment.as_bytes(), self.form.escape_html, &mut self.out),
                Shape::Bytes(bytes) => {
                    use ::base64::Engine as _;
                    let encoded = ::base64::engine::general_purpose::STANDARD.encode(bytes);
                    self.push(&format!("\"{encoded}\""));
                }
                Shape::List(items) => {
                    let noted = self.path.enter(datum)?;
                    self.open(b'[');
                    for (place, item) in items.iter().enumerate() {
                        self.separate(place);
                        deeper(|| self.value(item))?;
                    }
                    self.close(b']', items.is_empty());
                    self.path.leave(noted);
                }
                Shape::Map(map) => {
                    let noted = self.path.enter(datum)?;
                    self.members(map.iter().map(|(key, item)| (key.as_bytes(), item)))?;
                    self.path.leave(noted);
                }
                Shape::Struct(_, members) => self.members(members.iter().map(|(name, member)| (name.as_bytes(), member)))?,
                Shape::Plain(value) => return self.value(value),
                Shape::Unsupported(problem) => return Err(format!("json: unsupported type: {problem}").into()),
            }
            Ok(())
        })
    }

    fn members<'m, T: Datum + 'm>(&mut self, members: impl Iterator<Item = (&'m [u8], &'m T)>) -> Result<(), Error> {
        self.open(b'{');
        let mut count = 0;
        for (key, item) in members {
            self.separate(count);
            text(key, self.form.escape_html, &mut self.out);
            self.push(if self.form.pretty { ": " } else { ":" });
            deeper(|| self.value(item))?;
            count += 1;
        }
        self.close(b'}', count == 0);
        Ok(())
    }

    fn float(&mut self, number: f64, bits: Bits) -> Result<(), Error> {
        if !number.is_finite() {
            return Err(format!("json: unsupported value: {}", format_g(number, bits)).into());
        }
        self.push(&format_json(number, bits));
        Ok(())
    }

    fn open(&mut self, bracket: u8) {
        self.out.push(bracket);
        self.depth += 1;
    }

    fn separate(&mut self, place: usize) {
        if place > 0 {
            self.out.push(b',');
        }
        if self.form.pretty {
            self.new_line();
        }
    }

    fn close(&mut self, bracket: u8, empty: bool) {
        self.depth -= 1;
        if self.form.pretty && !empty {
            self.new_line();
        }
        self.out.push(bracket);
    }

    fn new_line(&mut self) {
        self.out.push(b'\n');
        self.out.extend(std::iter::repeat_n(b' ', 2 * self.depth));
    }
}

/// Writes a string in quotes (`appendString`): each byte that is no UTF-8 becomes `\ufffd`.
pub(in crate::yaml) fn text(bytes: &[u8], escape_html: bool, out: &mut Vec<u8>) {
    let plain = |c: u8| (0x20..0x7F).contains(&c) && c != b'"' && c != b'\\' && !(escape_html && matches!(c, b'<' | b'>' | b'&'));
    out.push(b'"');
    if bytes.iter().all(|c| plain(*c)) {
        out.extend_from_slice(bytes);
        out.push(b'"');
        return;
    }
    for chunk in bytes.utf8_chunks() {
        for letter in chunk.valid().chars() {
            match letter {
                '"' | '\\' => out.extend_from_slice(&[b'\\', letter as u8]),
                '\x08' => out.extend_from_slice(b"\\b"),
                '\x0C' => out.extend_from_slice(b"\\f"),
                '\n' => out.extend_from_slice(b"\\n"),
                '\r' => out.extend_from_slice(b"\\r"),
                '\t' => out.extend_from_slice(b"\\t"),
                '\0'..='\x1F' | '\u{2028}' | '\u{2029}' => {
                    out.extend_from_slice(format!("\\u{:04x}", u32::from(letter)).as_bytes());
                }
                '<' | '>' | '&' if escape_html => {
                    out.extend_from_slice(format!("\\u{:04x}", u32::from(letter)).as_bytes());
                }
                _ => out.extend_from_slice(letter.encode_utf8(&mut [0; 4]).as_bytes()),
            }
        }
        for _ in chunk.invalid() {
            out.extend_from_slice(b"\\ufffd");
        }
    }
    out.push(b'"');
}
