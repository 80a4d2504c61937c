//! TOML text to values (`parse.go`).

use super::{
    Toml,
    lex::{EOF, Lexer, Mistake, is_line_end, is_white, quoted, rune},
    table::{Item, Key, Tables, key_text},
};
use crate::{
    value::{GoStr, Value},
    yaml::{MAX_NODES, decode::MAX_DEPTH, deep::deeper, too_many_nodes},
};
use std::collections::BTreeMap;

/// Reads a document.
///
/// # Errors
/// Go's text, with the line and the last key.
pub(in crate::yaml) fn decode(text: &[u8]) -> Result<BTreeMap<GoStr, Toml>, String> {
    let text = [&b"\xFF\xFE"[..], b"\xFE\xFF", b"\xEF\xBB\xBF"]
        .into_iter()
        .find_map(|mark| text.strip_prefix(mark))
        .unwrap_or(text);
    if text.iter().take(6).any(|c| *c == 0) {
        let problem = "files cannot contain NULL bytes; probably using UTF-16; TOML files must be UTF-8";
        return Err(format!("toml: line 1: {problem}"));
    }
    let mut parser = Parser {
        lexer: Lexer::new(text),
        tables: Tables::default(),
        context: Vec::new(),
        current: GoStr::default(),
        key_line: 0,
        room: MAX_NODES,
    };
    match parser.document() {
        Ok(()) => Ok(parser.tables.finish()),
        Err(Mistake { line, text }) => Err(match parser.last_key() {
            key if key.is_empty() => format!("toml: line {line}: {text}"),
            key => format!("toml: line {line} (last key {}): {text}", quoted(key.as_bytes())),
        }),
    }
}

struct Parser<'a> {
    lexer: Lexer<'a>,
    tables: Tables,
    /// The table we are in.
    context: Key,
    /// The key whose value we are at.
    current: GoStr,
    /// Where the latest key started.
    key_line: usize,
    /// How many nodes may follow, copies of tables counted.
    room: usize,
}

impl Parser<'_> {
    fn last_key(&self) -> String {
        match (self.current.is_empty(), self.context.is_empty()) {
            (true, _) => key_text(&self.context),
            (false, true) => self.current.to_text(),
            (false, false) => format!("{}.{}", key_text(&self.context), self.current.to_text()),
        }
    }

    fn clash<T>(&self, text: String) -> Result<T, Mistake> {
        Err(Mistake { line: self.key_line, text })
    }

    fn document(&mut self) -> Result<(), Mistake> {
        loop {
            let c = self.lexer.next()?;
            match c {
                c if is_white(c) || is_line_end(c) => continue,
                '#' => {
                    self.lexer.skip_comment()?;
                    continue;
                }
                '[' => self.header()?,
                EOF if self.lexer.at_end() => return Ok(()),
                _ => {
                    self.lexer.back(c);
                    self.entry()?;
                }
            }
            if self.end_of_line()? {
                return Ok(());
            }
        }
    }

    /// What follows an entry or header; whether the document ends.
    fn end_of_line(&mut self) -> Result<bool, Mistake> {
        loop {
            let c = self.lexer.next()?;
            match c {
                '#' => {
                    self.lexer.skip_comment()?;
                    return Ok(false);
                }
                c if is_white(c) => {}
                c if is_line_end(c) => return Ok(false),
                EOF if self.lexer.at_end() => return Ok(true),
                _ => {
                    let wanted = "expected a top-level item to end with a newline, comment, or EOF";
                    return self.lexer.wrong(format!("{wanted}, but got {} instead", rune(c)));
                }
            }
        }
    }

    fn header(&mut self) -> Result<(), Mistake> {
        let array = self.lexer.accept('[')?;
        let mut key = Key::new();
        loop {
            self.lexer.skip_white()?;
            let part = match self.lexer.peek()? {
                ']' | EOF => return self.lexer.wrong("unexpected end of table name (table names cannot be empty)"),
                '.' => return self.lexer.wrong("unexpected table separator (table names cannot be empty)"),
                _ => self.key_part()?,
            };
            if key.is_empty() {
                self.key_line = self.lexer.line;
            }
            key.push(part);
            self.lexer.skip_white()?;
            match self.lexer.next()? {
                '.' => {}
                ']' => break,
                c => return self.lexer.wrong(format!("expected '.' or ']' to end table name, but got {} instead", rune(c))),
            }
        }
        if array {
            let c = self.lexer.next()?;
            if c != ']' {
                let wanted = "expected end of table array name delimiter ']'";
                return self.lexer.wrong(format!("{wanted}, but got {} instead", rune(c)));
            }
        }
        self.enter(&key, array)?;
        self.tables.note_array(key, false);
        Ok(())
    }

    /// Goes into the table that `key` names from the top.
    fn enter(&mut self, key: &[GoStr], array: bool) -> Result<(), Mistake> {
        match self.tables.add_context(key, array) {
            Ok(()) => {
                self.context = key.to_vec();
                Ok(())
            }
            Err((text, context)) => {
                if !context.is_empty() || key.len() == 1 {
                    self.context = context;
                }
                self.clash(text)
            }
        }
    }

    /// A quoted or bare part of a key.
    fn key_part(&mut self) -> Result<GoStr, Mistake> {
        match self.lexer.peek()? {
            quote @ ('"' | '\'') => {
                self.lexer.next()?;
                Ok(self.lexer.string(quote == '\'')?.into())
            }
            _ => {
                let start = self.lexer.at;
                while matches!(self.lexer.peek()?, 'A'..='Z' | 'a'..='z' | '0'..='9' | '_' | '-') {
                    self.lexer.next()?;
                }
                Ok(GoStr::from_bytes(&self.lexer.text[start..self.lexer.at]))
            }
        }
    }

    /// A key and its `=`.
    fn key(&mut self) -> Result<Key, Mistake> {
        self.lexer.skip_white()?;
        match self.lexer.peek()? {
            '=' | EOF => return self.lexer.wrong("unexpected '=': key name appears blank"),
            '.' => return self.lexer.wrong("unexpected '.': keys cannot start with a '.'"),
            _ => {}
        }
        let mut key = Key::new();
        loop {
            self.lexer.skip_white()?;
            match self.lexer.peek()? {
                '=' | EOF => return self.lexer.wrong("unexpected '='"),
                '.' => return self.lexer.wrong("unexpected '.'"),
                _ => {}
            }
            let part = self.key_part()?;
            if key.is_empty() {
                self.key_line = self.lexer.line;
            }
            key.push(part);
            self.lexer.skip_white()?;
            match self.lexer.next()? {
                '.' => {}
                '=' => return Ok(key),
                EOF if self.lexer.at_end() => return self.lexer.wrong("unexpected EOF; expected key separator '='"),
                '\n' => return self.lexer.wrong_before("expected '.' or '=', but got '\\n' instead"),
                c => return self.lexer.wrong(format!("expected '.' or '=', but got {} instead", rune(c))),
            }
        }
    }

    /// `key = value` in the present table.
    fn entry(&mut self) -> Result<(), Mistake> {
        let outer = self.context.clone();
        let key = self.key()?;
        self.pair(key, 0)?;
        self.context = outer;
        self.current = GoStr::default();
        Ok(())
    }

    /// The value of `key`, put where it belongs.
    fn pair(&mut self, mut key: Key, depth: usize) -> Result<Toml, Mistake> {
        let last = key.pop().unwrap_or_default();
        self.current = last.clone();
        for part in key {
            let inner = [&self.context[..], &[part]].concat();
            self.tables.add_implicit(&inner);
            self.enter(&inner, false)?;
        }
        let value = self.value(false, depth)?;
        let item = match &value {
            Toml::Table(map) => {
                self.count(nodes(map))?;
                Item::Table(items(map))
            }
            _ => Item::Value(value.clone()),
        };
        if let Err(text) = self.tables.set(&self.context.clone(), &last, item) {
            return self.clash(text);
        }
        let key = [&self.context[..], std::slice::from_ref(&last)].concat();
        self.tables.note_array(key, matches!(value, Toml::List(_)));
        Ok(value)
    }

    fn count(&mut self, nodes: usize) -> Result<(), Mistake> {
        match self.room.checked_sub(nodes) {
            Some(room) => self.room = room,
            None => return self.lexer.wrong(too_many_nodes()),
        }
        Ok(())
    }

    fn value(&mut self, in_array: bool, depth: usize) -> Result<Toml, Mistake> {
        if depth > MAX_DEPTH {
            return self.lexer.wrong(format!("exceeded max depth of {MAX_DEPTH}"));
        }
        self.count(1)?;
        self.lexer.skip_white()?;
        let start = self.lexer.at;
        let c = self.lexer.next()?;
        match c {
            '0'..='9' => {
                self.lexer.back(c);
                self.lexer.number_or_date()
            }
            '[' => deeper(|| self.array(depth)),
            '{' => deeper(|| self.inline_table(in_array, depth)),
            '"' | '\'' => {
                if self.lexer.accept(c)? {
                    if self.lexer.accept(c)? {
                        return Ok(Value::String(self.lexer.long_string(c == '\'')?.into()).into());
                    }
                    self.lexer.back(c);
                }
                Ok(Value::String(self.lexer.string(c == '\'')?.into()).into())
            }
            '.' => self.lexer.wrong("floats must start with a digit, not '.'"),
            '-' | '+' => self.lexer.signed(start),
            'i' | 'n' => {
                if (self.lexer.accept('n')? && self.lexer.accept('f')?)
                    || (self.lexer.accept('a')? && self.lexer.accept('n')?)
                {
                    return self.lexer.check_float(start);
                }
                self.lexer.back('n');
                self.lexer.boolean()
            }
            c if c.is_alphabetic() => {
                self.lexer.back(c);
                self.lexer.boolean()
            }
            EOF if self.lexer.at_end() => self.lexer.wrong("unexpected EOF; expected value"),
            '\n' => self.lexer.wrong_before("expected value but found '\\n' instead"),
            _ => self.lexer.wrong(format!("expected value but found {} instead", rune(c))),
        }
    }

    fn array(&mut self, depth: usize) -> Result<Toml, Mistake> {
        let key = [&self.context[..], std::slice::from_ref(&self.current)].concat();
        self.tables.note_array(key, true);
        let mut items = Vec::new();
        loop {
            let c = self.lexer.next()?;
            match c {
                c if is_white(c) || is_line_end(c) => continue,
                '#' => {
                    self.lexer.skip_comment()?;
                    continue;
                }
                ',' => return self.lexer.wrong("unexpected comma"),
                ']' => return Ok(Toml::List(items)),
                _ => self.lexer.back(c),
            }
            items.push(self.value(true, depth + 1)?);
            match self.separator()? {
                ',' => {}
                ']' => return Ok(Toml::List(items)),
                c => {
                    let wanted = "expected a comma (',') or array terminator (']')";
                    return self.lexer.wrong(format!("{wanted}, but got {}", self.shown(c)));
                }
            }
        }
    }

    /// The next character that is neither white, a line break nor in a comment.
    fn separator(&mut self) -> Result<char, Mistake> {
        loop {
            match self.lexer.next()? {
                c if is_white(c) || is_line_end(c) => {}
                '#' => self.lexer.skip_comment()?,
                c => return Ok(c),
            }
        }
    }

    fn shown(&self, c: char) -> String {
        if c == EOF { "end of file".to_owned() } else { format!("'{c}'") }
    }

    fn inline_table(&mut self, in_array: bool, depth: usize) -> Result<Toml, Mistake> {
        let (outer, outer_key) = (self.context.clone(), self.current.clone());
        let mut map = BTreeMap::new();
        let inner = [&outer[..], std::slice::from_ref(&outer_key)].concat();
        self.current = GoStr::default();
        self.context = inner.clone();
        self.tables.add_implicit(&inner);
        self.enter(&inner, in_array)?;
        let mut c = self.separator()?;
        if c == ',' {
            return self.lexer.wrong("unexpected comma");
        }
        while c != '}' {
            self.lexer.back(c);
            let key = self.key()?;
            let value = self.pair(key.clone(), depth + 1)?;
            if !nest(&mut map, &key, value) {
                let text = format!("{} is not a table", quoted(key_text(&self.context).as_bytes()));
                return self.clash(text);
            }
            self.context = inner.clone();
            match self.separator()? {
                ',' => {
                    c = self.separator()?;
                    if c == ',' {
                        return self.lexer.wrong("unexpected comma");
                    }
                }
                '}' => break,
                c => {
                    let wanted = "expected a comma or an inline table terminator '}'";
                    return self.lexer.wrong(format!("{wanted}, but got {} instead", self.shown(c)));
                }
            }
        }
        self.context = outer;
        self.current = outer_key;
        Ok(Toml::Table(map))
    }
}

/// Puts a value under a dotted key; whether nothing but tables stood in the way.
fn nest(map: &mut BTreeMap<GoStr, Toml>, key: &[GoStr], value: Toml) -> bool {
    let Some((last, parents)) = key.split_last() else { return true };
    let mut table = map;
    for part in parents {
        table = match table.entry(part.clone()).or_insert_with(|| Toml::Table(BTreeMap::new())) {
            Toml::Table(inner) => inner,
            _ => return false,
        };
    }
    table.insert(last.clone(), value);
    true
}

/// How many nodes an inline table has, tables in it counted.
fn nodes(map: &BTreeMap<GoStr, Toml>) -> usize {
    map.values().map(|value| if let Toml::Table(inner) = value { 1 + deeper(|| nodes(inner)) } else { 1 }).sum()
}

/// An inline table as tables under way: headers and dotted keys may look into it, to be refused.
fn items(map: &BTreeMap<GoStr, Toml>) -> BTreeMap<GoStr, Item> {
    let item = |value: &Toml| match value {
        Toml::Table(inner) => Item::Table(deeper(|| items(inner))),
        other => Item::Value(other.clone()),
    };
    map.iter().map(|(key, value)| (key.clone(), item(value))).collect()
}
