//! `--set` and its kin: Helm's `pkg/strvals`, parser.go and literal_parser.go.

use super::log::quote;
use crate::template::deep;
use crate::value::{GoStr, Map, Value};
use crate::yaml;

/// Helm's `MaxIndex`: the highest list index.
pub const MAX_INDEX: i64 = 65536;
/// Helm's `MaxNestedNameLevel`: the most dots in a name.
pub const MAX_NESTED_NAME_LEVEL: usize = 30;
/// How many lists may lie directly in each other, as in `a[0][0][0]`. Helm has no such bound.
pub const MAX_NESTED_LISTS: usize = 1000;

/// Gives the value for the text after `=`: a file's content for `--set-file`.
pub type Reader<'r> = dyn FnMut(&str) -> Result<Value, String> + 'r;

/// `--set`: merges `line` into `target`.
///
/// # Errors
/// Helm's text.
pub fn parse_into(line: &str, target: &mut Map) -> Result<(), String> {
    Parser::new(line, Mode::Reader(&mut |text| Ok(typed(text)))).run(target)
}

/// `--set-string`: every value is a string.
///
/// # Errors
/// Helm's text.
pub fn parse_string_into(line: &str, target: &mut Map) -> Result<(), String> {
    Parser::new(line, Mode::Reader(&mut |text| Ok(text.into()))).run(target)
}

/// `--set-file`: every value is what `reader` makes of it.
///
/// # Errors
/// Helm's text, or the reader's.
pub fn parse_file_into(line: &str, target: &mut Map, reader: &mut Reader<'_>) -> Result<(), String> {
    Parser::new(line, Mode::Reader(reader)).run(target)
}

/// `--set-json`: every value is JSON.
///
/// # Errors
/// Some text; Helm shows the argument instead.
pub fn parse_json_into(line: &str, target: &mut Map) -> Result<(), String> {
    Parser::new(line, Mode::Json).run(target)
}

/// `--set-literal`: everything after the first `=` is the value.
///
/// # Errors
/// Helm's text.
pub fn parse_literal_into(line: &str, target: &mut Map) -> Result<(), String> {
    Parser::new(line, Mode::Literal).run(target)
}

/// `typedVal`: booleans, null and integers are what they look like.
fn typed(text: &str) -> Value {
    // strings.EqualFold: the long s folds to s.
    let is = |word: &str| text.replace('ſ', "s").eq_ignore_ascii_case(word);
    if is("true") || is("false") {
        return Value::Bool(is("true"));
    }
    if is("null") {
        return Value::Null;
    }
    if text == "0" {
        return Value::Int(0);
    }
    match text.parse() {
        Ok(number) if !text.starts_with('0') => Value::Int(number),
        _ => text.into(),
    }
}

enum Mode<'r> {
    Reader(&'r mut Reader<'r>),
    Json,
    Literal,
}

/// Why a key ended early. The end of the line is no error, however deep it comes.
enum Stop {
    End,
    Refused(String),
}

type Step<T> = Result<T, Stop>;

fn refuse<T>(text: impl Into<String>) -> Step<T> {
    Err(Stop::Refused(text.into()))
}

struct Parser<'r> {
    line: Vec<char>,
    place: usize,
    mode: Mode<'r>,
}

impl<'r> Parser<'r> {
    fn new(line: &str, mode: Mode<'r>) -> Self {
        Parser { line: line.chars().collect(), place: 0, mode }
    }

    fn run(mut self, target: &mut Map) -> Result<(), String> {
        loop {
            match self.key(target, 0) {
                Ok(()) => {}
                Err(Stop::End) => return Ok(()),
                Err(Stop::Refused(text)) => return Err(text),
            }
        }
    }

    fn next(&mut self) -> Option<char> {
        let c = self.line.get(self.place).copied();
        self.place += usize::from(c.is_some());
        c
    }

    /// Reads up to one of `stops`; gives what was read and the stop, `None` at the end. A backslash escapes, except in literals.
    fn until(&mut self, stops: &[char]) -> (String, Option<char>) {
        let mut read = String::new();
        while let Some(c) = self.next() {
            if stops.contains(&c) {
                return (read, Some(c));
            }
            if c == '\\' && !matches!(self.mode, Mode::Literal) {
                match self.next() {
                    Some(escaped) => read.push(escaped),
                    None => return (read, None),
                }
            } else {
                read.push(c);
            }
        }
        (read, None)
    }

    fn key(&mut self, target: &mut Map, level: usize) -> Step<()> {
        let stops: &[char] = if matches!(self.mode, Mode::Literal) { &['=', '[', '.'] } else { &['=', '[', ',', '.'] };
        let (key, stop) = self.until(stops);
        match stop {
            None if key.is_empty() => Err(Stop::End),
            None => refuse(format!("key {} has no value", quote(&key))),
            Some('=') => self.key_value(target, &key),
            Some('[') => {
                let index = self.index()?;
                let list = match target.get_mut(key.as_bytes()) {
                    None => Vec::new(),
                    Some(Value::List(list)) => std::mem::take(list),
                    Some(other) => return refuse(conversion(other, "[]interface {}")),
                };
                let (list, result) = self.item(list, index, level, 0);
                set(target, &key, Value::List(list));
                result
            }
            Some('.') => self.key_table(target, &key, level + 1),
            Some(_) => {
                set(target, &key, "".into());
                refuse(format!("key {} has no value (cannot end with ,)", quote(&key)))
            }
        }
    }

    /// After `key.`
    fn key_table(&mut self, target: &mut Map, key: &str, level: usize) -> Step<()> {
        if level > MAX_NESTED_NAME_LEVEL {
            return refuse(format!(
                "value name nested level is greater than maximum supported nested level of {MAX_NESTED_NAME_LEVEL}"
            ));
        }
        let mut inner = match target.get_mut(key.as_bytes()) {
            None => Map::new(),
            Some(Value::Map(inner)) => std::mem::take(inner),
            Some(other) => return refuse(conversion(other, "map[string]interface {}")),
        };
        let result = self.key(&mut inner, level);
        if result.is_ok() && inner.is_empty() {
            return refuse(format!("key map {} has no value", quote(key)));
        }
        if !inner.is_empty() {
            set(target, key, Value::Map(inner));
        }
        result
    }

    /// After `key=`
    fn key_value(&mut self, target: &mut Map, key: &str) -> Step<()> {
        match self.mode {
            Mode::Literal => {
                let value: String = self.line[self.place..].iter().collect();
                self.place = self.line.len();
                set(target, key, value.into());
                Ok(())
            }
            Mode::Json => {
                let value = self.json()?;
                set(target, key, value);
                Ok(())
            }
            Mode::Reader(_) => match self.list()? {
                Listed::List(items) => {
                    set(target, key, Value::List(items));
                    Ok(())
                }
                Listed::End => {
                    set(target, key, "".into());
                    Err(Stop::End)
                }
                Listed::No => {
                    let (text, _) = self.until(&[',']);
                    match self.read(&text) {
                        Ok(value) => {
                            set(target, key, value);
                            Ok(())
                        }
                        Err(stop) => {
                            set(target, key, Value::Null);
                            Err(stop)
                        }
                    }
                }
            },
        }
    }

    /// The number up to `]`.
    fn index(&mut self) -> Step<i64> {
        let (text, stop) = self.until(&[']']);
        if stop.is_none() {
            return Err(Stop::End);
        }
        // strconv.Atoi
        let digits = text.strip_prefix(['+', '-']).unwrap_or(&text);
        let invalid = digits.is_empty() || !digits.bytes().all(|byte| byte.is_ascii_digit());
        text.parse().or_else(|_| {
            let why = if invalid { "invalid syntax" } else { "value out of range" };
            refuse(format!("error parsing index: strconv.Atoi: parsing {}: {why}", quote(&text)))
        })
    }

    /// After `key[index]`: the list with the item set, and whether it went well.
    fn item(&mut self, mut list: Vec<Value>, index: i64, level: usize, depth: usize) -> (Vec<Value>, Step<()>) {
        if index < 0 {
            return (list, refuse(format!("negative {index} index not allowed")));
        }
        if depth > MAX_NESTED_LISTS {
            return (list, refuse(format!("lists are nested deeper than {MAX_NESTED_LISTS} levels")));
        }
        let (extra, stop) = self.until(&['[', '.', '=']);
        if !extra.is_empty() {
            let runes: Vec<String> = extra.chars().map(quote_rune).collect();
            return (list, refuse(format!("unexpected data at end of array index: [{}]", runes.join(" "))));
        }
        let made = match stop {
            None => return (list, Err(Stop::End)),
            Some('=') => self.item_value(),
            Some('.') => {
                let slot = usize::try_from(index).ok().and_then(|index| list.get_mut(index));
                let existed = slot.is_some();
                let mut inner = match slot.map(std::mem::take) {
                    Some(Value::Map(inner)) => inner,
                    _ => Map::new(),
                };
                let result = self.key(&mut inner, level);
                if result.is_err() {
                    if existed {
                        list[index as usize] = Value::Map(inner);
                    }
                    return (list, result);
                }
                Ok(Value::Map(inner))
            }
            Some(_) => self.item_list(&mut list, index, level, depth),
        };
        match made {
            Ok(value) => set_index(list, index, value),
            Err(stop) => (list, Err(stop)),
        }
    }

    /// After `key[index][`
    fn item_list(&mut self, list: &mut [Value], index: i64, level: usize, depth: usize) -> Step<Value> {
        let next = self.index()?;
        let slot = usize::try_from(index).ok().and_then(|index| list.get_mut(index));
        let inner = match slot {
            None | Some(Value::Null) => Vec::new(),
            Some(Value::List(inner)) => std::mem::take(inner),
            Some(other) => return refuse(conversion(other, "[]interface {}")),
        };
        // A thousand levels are more than a thread's stack holds in a debug build.
        let (inner, result) = deep(|| self.item(inner, next, level, depth + 1));
        if result.is_err()
            && let Some(slot @ Value::List(_)) = usize::try_from(index).ok().and_then(|index| list.get_mut(index))
        {
            *slot = Value::List(inner);
            result?;
            return Ok(Value::Null);
        }
        result?;
        Ok(Value::List(inner))
    }

    /// After `key[index]=`
    fn item_value(&mut self) -> Step<Value> {
        match self.mode {
            Mode::Literal => {
                let value: String = self.line[self.place..].iter().collect();
                self.place = self.line.len();
                Ok(value.into())
            }
            Mode::Json => self.json(),
            Mode::Reader(_) => match self.list()? {
                Listed::List(items) => Ok(Value::List(items)),
                Listed::End => Ok("".into()),
                Listed::No => {
                    let (text, _) = self.until(&[',']);
                    self.read(&text)
                }
            },
        }
    }

    fn read(&mut self, text: &str) -> Step<Value> {
        match &mut self.mode {
            Mode::Reader(reader) => reader(text).map_err(Stop::Refused),
            Mode::Json | Mode::Literal => Ok(text.into()),
        }
    }

    /// `{a,b}`
    fn list(&mut self) -> Step<Listed> {
        match self.line.get(self.place) {
            None => return Ok(Listed::End),
            Some('{') => self.place += 1,
            Some(_) => return Ok(Listed::No),
        }
        let mut items = Vec::new();
        loop {
            let (text, stop) = self.until(&[',', '}']);
            if stop.is_none() {
                return refuse("list must terminate with '}'");
            }
            if stop == Some('}') && self.line.get(self.place) == Some(&',') {
                self.place += 1;
            }
            items.push(self.read(&text)?);
            if stop == Some('}') {
                return Ok(Listed::List(items));
            }
        }
    }

    /// A JSON value at this place, and blanks and a comma after it; nothing, or nothing before a comma, is null.
    fn json(&mut self) -> Step<Value> {
        if self.skip_blank() {
            return Ok(Value::Null);
        }
        let rest: String = self.line[self.place..].iter().collect();
        let mut stream = serde_json::Deserializer::from_str(&rest).into_iter::<serde::de::IgnoredAny>();
        match stream.next() {
            Some(Ok(_)) => {}
            _ => return refuse("invalid JSON"),
        }
        let end = stream.byte_offset();
        let value = yaml::from_json(&rest.as_bytes()[..end]).map_err(|error| Stop::Refused(error.message))?;
        self.place += rest[..end].chars().count();
        self.skip_blank();
        Ok(value)
    }

    /// `emptyVal`: skips blanks; true at the end or after a comma, which it takes.
    fn skip_blank(&mut self) -> bool {
        loop {
            match self.line.get(self.place) {
                None => return true,
                Some(',') => {
                    self.place += 1;
                    return true;
                }
                Some(&c) if super::metadata::go_space(c) => self.place += 1,
                Some(_) => return false,
            }
        }
    }
}

enum Listed {
    List(Vec<Value>),
    End,
    No,
}

/// An empty key sets nothing.
fn set(target: &mut Map, key: &str, value: Value) {
    if !key.is_empty() {
        target.insert(GoStr::from(key), value);
    }
}

fn set_index(mut list: Vec<Value>, index: i64, value: Value) -> (Vec<Value>, Step<()>) {
    if index > MAX_INDEX {
        let text = format!("index of {index} is greater than maximum supported index of {MAX_INDEX}");
        return (list, refuse(text));
    }
    let index = index as usize;
    if list.len() <= index {
        list.resize(index + 1, Value::Null);
    }
    list[index] = value;
    (list, Ok(()))
}

/// Go's panic for a failed type assertion, as Helm's recover shows it.
fn conversion(found: &Value, wanted: &str) -> String {
    let found = match found {
        Value::Null => "nil",
        Value::Bool(_) => "bool",
        Value::Int(_) => "int64",
        Value::Uint(_) => "uint64",
        Value::Float(_) => "float64",
        Value::String(_) => "string",
        Value::List(_) => "[]interface {}",
        Value::Map(_) => "map[string]interface {}",
    };
    format!("unable to parse key: interface conversion: interface {{}} is {found}, not {wanted}")
}

/// `strconv.QuoteRune`
fn quote_rune(c: char) -> String {
    match c {
        '\'' => "'\\''".to_owned(),
        '"' => "'\"'".to_owned(),
        c => {
            let quoted = quote(c.encode_utf8(&mut [0; 4]));
            format!("'{}'", &quoted[1..quoted.len() - 1])
        }
    }
}
