//! JSON text to values (`decode.go`, `scanner.go`), with Go's errors.

use crate::{
    value::{GoStr, Map, Value},
    yaml::{MAX_NODES, decode::MAX_DEPTH, deep::deeper, go, too_many_nodes},
};

/// What came of a text that is JSON.
#[derive(Debug)]
pub(in crate::yaml) struct Decoded {
    /// The value; what could not be taken is null in it.
    pub(in crate::yaml) value: Value,
    /// The first number that no `float64` holds, with Go's text.
    pub(in crate::yaml) problem: Option<String>,
}

/// Reads one JSON value with nothing but white space around it.
///
/// # Errors
/// Go's text of the first mistake of syntax.
pub(in crate::yaml) fn decode(text: &[u8]) -> Result<Decoded, String> {
    let mut reader = Reader { text, at: 0, nodes: 0, problem: None };
    let value = reader.value(0)?;
    match reader.peek() {
        None => Ok(Decoded { value, problem: reader.problem }),
        Some(_) => Err(reader.wrong("after top-level value")),
    }
}

struct Reader<'a> {
    text: &'a [u8],
    at: usize,
    nodes: usize,
    problem: Option<String>,
}

impl Reader<'_> {
    /// The next byte that is no white space.
    fn peek(&mut self) -> Option<u8> {
        while let Some(b' ' | b'\t' | b'\r' | b'\n') = self.text.get(self.at) {
            self.at += 1;
        }
        self.text.get(self.at).copied()
    }

    fn wrong(&self, context: &str) -> String {
        match self.text.get(self.at) {
            None => "unexpected end of JSON input".to_owned(),
            Some(c) => format!("invalid character {} {context}", quote_byte(*c)),
        }
    }

    /// As [`Reader::wrong`], inside a token: there Go tries a space at the end of the text.
    fn wrong_inside(&self, context: &str) -> String {
        match self.text.get(self.at) {
            None => format!("invalid character ' ' {context}"),
            Some(_) => self.wrong(context),
        }
    }

    fn value(&mut self, depth: usize) -> Result<Value, String> {
        self.nodes += 1;
        if self.nodes > MAX_NODES {
            return Err(too_many_nodes());
        }
        match self.peek() {
            Some(b'{' | b'[') if depth >= MAX_DEPTH => Err(self.wrong("exceeded max depth")),
            Some(b'{') => deeper(|| self.object(depth)),
            Some(b'[') => deeper(|| self.array(depth)),
            Some(b'"') => Ok(Value::String(self.string()?)),
            Some(b'-' | b'0'..=b'9') => self.number(),
            Some(b't') => self.word("true", Value::Bool(true)),
            Some(b'f') => self.word("false", Value::Bool(false)),
            Some(b'n') => self.word("null", Value::Null),
            _ => Err(self.wrong("looking for beginning of value")),
        }
    }

    fn word(&mut self, word: &str, value: Value) -> Result<Value, String> {
        for letter in word.chars() {
            if self.text.get(self.at).copied().map(char::from) != Some(letter) {
                return Err(self.wrong_inside(&format!("in literal {word} (expecting '{letter}')")));
            }
            self.at += 1;
        }
        Ok(value)
    }

    fn object(&mut self, depth: usize) -> Result<Value, String> {
        let mut map = Map::new();
        self.at += 1;
        if self.peek() == Some(b'}') {
            self.at += 1;
            return Ok(Value::Map(map));
        }
        loop {
            if self.peek() != Some(b'"') {
                return Err(self.wrong("looking for beginning of object key string"));
            }
            let key = self.string()?;
            if self.peek() != Some(b':') {
                return Err(self.wrong("after object key"));
            }
            self.at += 1;
            let value = self.value(depth + 1)?;
            map.insert(key, value);
            match self.peek() {
                Some(b',') => self.at += 1,
                Some(b'}') => {
                    self.at += 1;
                    return Ok(Value::Map(map));
                }
                _ => return Err(self.wrong("after object key:value pair")),
            }
        }
    }

    fn array(&mut self, depth: usize) -> Result<Value, String> {
        let mut items = Vec::new();
        self.at += 1;
        if self.peek() == Some(b']') {
            self.at += 1;
            return Ok(Value::List(items));
        }
        loop {
            items.push(self.value(depth + 1)?);
            match self.peek() {
                Some(b',') => self.at += 1,
                Some(b']') => {
                    self.at += 1;
                    return Ok(Value::List(items));
                }
                _ => return Err(self.wrong("after array element")),
            }
        }
    }

    fn digits(&mut self) -> usize {
        let start = self.at;
        while self.text.get(self.at).is_some_and(u8::is_ascii_digit) {
            self.at += 1;
        }
        self.at - start
    }

    fn number(&mut self) -> Result<Value, String> {
        let start = self.at;
        self.at += usize::from(self.text[self.at] == b'-');
        match self.text.get(self.at) {
            Some(b'0') => self.at += 1,
            _ if self.digits() == 0 => return Err(self.wrong_inside("in numeric literal")),
            _ => {}
        }
        if self.text.get(self.at) == Some(&b'.') {
            self.at += 1;
            if self.digits() == 0 {
                return Err(self.wrong_inside("after decimal point in numeric literal"));
            }
        }
        if let Some(b'e' | b'E') = self.text.get(self.at) {
            self.at += 1;
            self.at += usize::from(matches!(self.text.get(self.at), Some(b'+' | b'-')));
            if self.digits() == 0 {
                return Err(self.wrong_inside("in exponent of numeric literal"));
            }
        }
        let text = String::from_utf8_lossy(&self.text[start..self.at]);
        match text.parse::<f64>() {
            Ok(number) if number.is_finite() => Ok(Value::Float(number)),
            _ => {
                let problem = || format!("json: cannot unmarshal number {text} into Go value of type float64");
                self.problem.get_or_insert_with(problem);
                Ok(Value::Null)
            }
        }
    }

    fn string(&mut self) -> Result<GoStr, String> {
        self.at += 1;
        let start = self.at;
        let plain = self.text[start..].iter().take_while(|c| (0x20..0x7F).contains(*c) && **c != b'"' && **c != b'\\').count();
        if self.text.get(start + plain) == Some(&b'"') {
            self.at += plain + 1;
            return Ok(GoStr::from_bytes(&self.text[start..start + plain]));
        }
        let mut bytes = Vec::new();
        loop {
            match self.text.get(self.at) {
                Some(b'"') => {
                    self.at += 1;
                    return Ok(well_formed(&bytes).into());
                }
                Some(b'\\') => self.escape(&mut bytes)?,
                Some(0x20..) => {
                    bytes.push(self.text[self.at]);
                    self.at += 1;
                }
                _ => return Err(self.wrong("in string literal")),
            }
        }
    }

    fn escape(&mut self, bytes: &mut Vec<u8>) -> Result<(), String> {
        self.at += 1;
        let byte = match self.text.get(self.at) {
            Some(c @ (b'"' | b'\\' | b'/')) => *c,
            Some(b'b') => 0x08,
            Some(b'f') => 0x0C,
            Some(b'n') => b'\n',
            Some(b'r') => b'\r',
            Some(b't') => b'\t',
            Some(b'u') => {
                self.at += 1;
                let letter = self.unicode()?;
                bytes.extend_from_slice(letter.encode_utf8(&mut [0; 4]).as_bytes());
                return Ok(());
            }
            _ => return Err(self.wrong_inside("in string escape code")),
        };
        bytes.push(byte);
        self.at += 1;
        Ok(())
    }

    /// The character of `\u` and perhaps a second half; half a surrogate pair becomes U+FFFD.
    fn unicode(&mut self) -> Result<char, String> {
        let unit = self.hex()?;
        if let Some(letter) = char::from_u32(unit) {
            return Ok(letter);
        }
        let after = self.at;
        if unit < 0xDC00 && self.text[self.at..].starts_with(b"\\u") {
            self.at += 2;
            let low = self.hex()?;
            if (0xDC00..0xE000).contains(&low) {
                let value = 0x10000 + ((unit - 0xD800) << 10) + (low - 0xDC00);
                return Ok(char::from_u32(value).unwrap_or(char::REPLACEMENT_CHARACTER));
            }
            self.at = after;
        }
        Ok(char::REPLACEMENT_CHARACTER)
    }

    fn hex(&mut self) -> Result<u32, String> {
        let mut value = 0;
        for _ in 0..4 {
            let digit = self.text.get(self.at).and_then(|c| char::from(*c).to_digit(16));
            value = value << 4 | digit.ok_or_else(|| self.wrong_inside("in \\u hexadecimal character escape"))?;
            self.at += 1;
        }
        Ok(value)
    }
}

/// Each byte that is no UTF-8 made U+FFFD.
pub(in crate::yaml) fn well_formed(bytes: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(bytes.len());
    for chunk in bytes.utf8_chunks() {
        out.extend_from_slice(chunk.valid().as_bytes());
        for _ in chunk.invalid() {
            out.extend_from_slice("\u{FFFD}".as_bytes());
        }
    }
    out
}

/// Go's `quoteChar`: the byte taken for a code point.
fn quote_byte(c: u8) -> String {
    match c {
        b'\'' => "'\\''".to_owned(),
        b'"' => "'\"'".to_owned(),
        _ => {
            let mut quoted = String::new();
            go::quote(char::from(c).encode_utf8(&mut [0; 4]).as_bytes(), &mut quoted);
            format!("'{}'", &quoted[1..quoted.len() - 1])
        }
    }
}
