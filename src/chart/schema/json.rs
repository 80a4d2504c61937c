//! JSON with its numbers as they were written: messages repeat them.

use crate::template::deep;
use crate::value::Value;
use std::collections::BTreeMap;

/// A JSON value.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Json {
    Null,
    Bool(bool),
    /// The digits as they stand.
    Number(String),
    Text(String),
    List(Vec<Json>),
    Object(BTreeMap<String, Json>),
}

impl Json {
    pub fn from_value(value: &Value) -> Json {
        match value {
            Value::Null => Json::Null,
            Value::Bool(flag) => Json::Bool(*flag),
            Value::Int(number) => Json::Number(number.to_string()),
            Value::Uint(number) => Json::Number(number.to_string()),
            Value::Float(_) => Json::Number(crate::yaml::to_json(value, false)),
            Value::String(text) => Json::Text(text.to_text()),
            Value::List(items) => Json::List(items.iter().map(Json::from_value).collect()),
            Value::Map(map) => Json::Object(map.iter().map(|(k, v)| (k.to_text(), Json::from_value(v))).collect()),
        }
    }

    pub fn get(&self, key: &str) -> Option<&Json> {
        match self {
            Json::Object(map) => map.get(key),
            _ => None,
        }
    }

    pub fn text(&self, key: &str) -> Option<&str> {
        match self.get(key) {
            Some(Json::Text(text)) => Some(text),
            _ => None,
        }
    }

    pub fn flag(&self, key: &str) -> Option<bool> {
        match self.get(key) {
            Some(Json::Bool(flag)) => Some(*flag),
            _ => None,
        }
    }

    pub fn list(&self, key: &str) -> Option<&[Json]> {
        match self.get(key) {
            Some(Json::List(list)) => Some(list),
            _ => None,
        }
    }

    pub fn object(&self, key: &str) -> Option<&BTreeMap<String, Json>> {
        match self.get(key) {
            Some(Json::Object(map)) => Some(map),
            _ => None,
        }
    }

    /// The texts of a list; other items are left out.
    pub fn texts(&self, key: &str) -> Option<Vec<&str>> {
        fn text(item: &Json) -> Option<&str> {
            match item {
                Json::Text(text) => Some(text.as_str()),
                _ => None,
            }
        }
        Some(self.list(key)?.iter().filter_map(text).collect())
    }
}

/// Parses what Go's parser has already taken.
pub(super) fn parse(text: &[u8]) -> Result<Json, String> {
    let text = String::from_utf8_lossy(text);
    let mut parser = Parser { text: text.as_bytes(), place: 0 };
    let value = parser.value(0)?;
    parser.blank();
    if parser.place < parser.text.len() {
        return Err("invalid character after top-level value".to_owned());
    }
    Ok(value)
}

/// Go's `encoding/json` nests no deeper either.
const MAX_DEPTH: usize = 10_000;

struct Parser<'t> {
    text: &'t [u8],
    place: usize,
}

impl Parser<'_> {
    fn blank(&mut self) {
        while self.text.get(self.place).is_some_and(|byte| b" \t\r\n".contains(byte)) {
            self.place += 1;
        }
    }

    fn take(&mut self, byte: u8) -> bool {
        self.blank();
        let found = self.text.get(self.place) == Some(&byte);
        self.place += usize::from(found);
        found
    }

    fn value(&mut self, depth: usize) -> Result<Json, String> {
        if depth > MAX_DEPTH {
            return Err("exceeded max depth".to_owned());
        }
        self.blank();
        let broken = || Err("unexpected end of JSON input".to_owned());
        match self.text.get(self.place) {
            Some(b'{') => {
                self.place += 1;
                let mut map = BTreeMap::new();
                while !self.take(b'}') {
                    self.blank();
                    let key = self.string()?;
                    if !self.take(b':') {
                        return broken();
                    }
                    map.insert(key, deep(|| self.value(depth + 1))?);
                    self.take(b',');
                }
                Ok(Json::Object(map))
            }
            Some(b'[') => {
                self.place += 1;
                let mut list = Vec::new();
                while !self.take(b']') {
                    list.push(deep(|| self.value(depth + 1))?);
                    self.take(b',');
                }
                Ok(Json::List(list))
            }
            Some(b'"') => Ok(Json::Text(self.string()?)),
            Some(_) => {
                let rest = &self.text[self.place..];
                let end = rest.iter().position(|byte| b",]} \t\r\n".contains(byte)).unwrap_or(rest.len());
                let word = String::from_utf8_lossy(&rest[..end]).into_owned();
                self.place += end;
                match word.as_str() {
                    "" => broken(),
                    "null" => Ok(Json::Null),
                    "true" | "false" => Ok(Json::Bool(word == "true")),
                    _ => Ok(Json::Number(word)),
                }
            }
            None => broken(),
        }
    }

    fn string(&mut self) -> Result<String, String> {
        let start = self.place;
        self.place += 1;
        loop {
            match self.text.get(self.place) {
                Some(b'"') => break,
                Some(b'\\') => self.place += 2,
                Some(_) => self.place += 1,
                None => return Err("unexpected end of JSON input".to_owned()),
            }
        }
        self.place += 1;
        let literal = &self.text[start..self.place];
        match crate::yaml::from_json(literal) {
            Ok(Value::String(text)) => Ok(text.to_text()),
            _ => Err("invalid JSON string".to_owned()),
        }
    }
}
