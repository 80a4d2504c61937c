//! client-go's `util/jsonpath/parser.go`.

use crate::template::{lex::{is_alphanumeric, show_rune}, quote, utf8};

/// A step of a path.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Node {
    Text(String),
    Field(String),
    Array(Slice),
    Filter { left: Vec<Node>, right: Vec<Node>, operator: String },
    Int(i64),
    Float(f64),
    Bool(bool),
    Wildcard,
    Recursive,
    Union(Vec<Vec<Node>>),
    Identifier(String),
}

/// `[from:to:step]`
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Slice {
    pub from: Option<i64>,
    pub to: Option<i64>,
    /// The end was not named: one element.
    pub derived: bool,
    pub step: Option<i64>,
}

/// How deep unions and filters may stand in each other.
const MAX_DEPTH: usize = 64;

/// The text's parts: each piece of text, and each `{…}`.
pub(super) fn parse(text: &str) -> Result<Vec<Vec<Node>>, String> {
    parse_at(text, 0)
}

fn parse_at(text: &str, depth: usize) -> Result<Vec<Vec<Node>>, String> {
    if depth > MAX_DEPTH {
        return Err(format!("expressions stand in each other more than {MAX_DEPTH} deep"));
    }
    let mut parser = Parser { text, at: 0, start: 0, depth };
    let mut parts = Vec::new();
    loop {
        let rest = &text[parser.at..];
        let Some(open) = rest.find('{') else {
            parts.extend((!rest.is_empty()).then(|| vec![Node::Text(rest.into())]));
            return Ok(parts);
        };
        if open > 0 {
            parts.push(vec![Node::Text(rest[..open].into())]);
        }
        parser.at += open + 1;
        parser.start = parser.at;
        parts.push(parser.action()?);
    }
}

struct Parser<'t> {
    text: &'t str,
    at: usize,
    start: usize,
    depth: usize,
}

fn is_terminator(letter: Option<char>) -> bool {
    letter.is_none_or(|letter| " \t\r\n.,[]$@{}".contains(letter))
}

impl<'t> Parser<'t> {
    fn peek(&self) -> Option<char> {
        self.text[self.at..].chars().next()
    }

    fn next(&mut self) -> Option<char> {
        let letter = self.peek();
        self.at += letter.map_or(0, char::len_utf8);
        letter
    }

    /// What was read since the last time.
    fn consume(&mut self) -> &'t str {
        let read = &self.text[self.start..self.at];
        self.start = self.at;
        read
    }

    /// An expression of its own, as if it stood in braces.
    fn inner(&self, text: &str) -> Result<Vec<Node>, String> {
        let parts = parse_at(&format!("{{{text}}}"), self.depth + 1)?;
        Ok(parts.into_iter().next().unwrap_or_default())
    }

    /// `parseInsideAction`, up to the closing brace.
    fn action(&mut self) -> Result<Vec<Node>, String> {
        let mut nodes = Vec::new();
        loop {
            let rest = &self.text[self.at..];
            if rest.starts_with('}') {
                self.at += 1;
                self.consume();
                return Ok(nodes);
            } else if rest.starts_with("[?(") {
                nodes.push(self.filter()?);
                continue;
            } else if rest.starts_with("..") {
                if nodes.last() == Some(&Node::Recursive) {
                    return Err("invalid multiple recursive descent".into());
                }
                self.at += 2;
                self.consume();
                nodes.push(Node::Recursive);
                if is_alphanumeric(self.peek()) {
                    nodes.push(self.field());
                }
                continue;
            }
            match self.next() {
                None | Some('\r' | '\n') => return Err("unclosed action".into()),
                Some(' ' | '@' | '$') => {
                    self.consume();
                }
                Some('[') => self.array(&mut nodes)?,
                Some(mark @ ('"' | '\'')) => nodes.push(self.quoted(mark)?),
                Some('.') => nodes.push(self.field()),
                Some(letter) if letter == '+' || letter == '-' || utf8::is_digit(letter) => nodes.push(self.number()?),
                letter if is_alphanumeric(letter) => nodes.push(self.identifier()),
                letter => return Err(format!("unrecognized character in action: {}", show_rune(letter))),
            }
        }
    }

    fn identifier(&mut self) -> Node {
        while !is_terminator(self.peek()) {
            self.next();
        }
        match self.consume() {
            "true" => Node::Bool(true),
            "false" => Node::Bool(false),
            word => Node::Identifier(word.into()),
        }
    }

    /// The sign or first digit has been read.
    fn number(&mut self) -> Result<Node, String> {
        while self.peek().is_some_and(|letter| letter == '.' || utf8::is_digit(letter)) {
            self.next();
        }
        let text = self.consume();
        if let Ok(number) = text.parse() {
            return Ok(Node::Int(number));
        }
        // Signs, digits and dots are all that is here: Rust and Go read them alike.
        text.parse().map(Node::Float).map_err(|_| format!("cannot parse number {text}"))
    }

    fn field(&mut self) -> Node {
        self.consume();
        loop {
            if self.peek() == Some('\\') {
                self.next();
                self.next();
            } else if is_terminator(self.peek()) {
                break;
            } else {
                self.next();
            }
        }
        match self.consume() {
            "*" => Node::Wildcard,
            name => Node::Field(name.replace('\\', "")),
        }
    }

    fn quoted(&mut self, mark: char) -> Result<Node, String> {
        loop {
            match self.next() {
                None | Some('\n') => return Err("unterminated quoted string".into()),
                Some(letter) if letter == mark && !self.text[..self.at - 1].ends_with('\\') => break,
                Some(_) => {}
            }
        }
        let text = self.consume();
        let refused = |why: &str| format!("unquote string {text} error {why}");
        let Some(inner) = text.get(1..text.len() - 1).filter(|_| text.len() >= 2) else { return Err(refused(quote::SYNTAX)) };
        if !inner.contains(['\\', mark]) {
            return Ok(Node::Text(inner.into()));
        }
        let (mut rest, mut out) = (inner.as_bytes(), Vec::new());
        while !rest.is_empty() {
            rest = quote::unquote_char(rest, mark as u8, &mut out).map_err(refused)?.1;
        }
        Ok(Node::Text(String::from_utf8_lossy(&out).into_owned()))
    }

    /// The bracket has been read.
    fn array(&mut self, nodes: &mut Vec<Node>) -> Result<(), String> {
        loop {
            match self.next() {
                None | Some('\n') => return Err("unterminated array".into()),
                Some(']') => break,
                Some(_) => {}
            }
        }
        let text = self.consume();
        let text = &text[1..text.len() - 1];
        let text = if text == "*" { ":" } else { text };
        if text.contains(',') {
            let parts = text.split(',').map(|part| self.inner(&format!("[{}]", part.trim_matches(' '))));
            nodes.push(Node::Union(parts.collect::<Result<_, _>>()?));
            return Ok(());
        }
        if let Some(key) = text.strip_prefix('\'').and_then(|text| text.strip_suffix('\'')).filter(|key| !key.contains('\'')) {
            nodes.extend(self.inner(&format!(".{key}"))?);
            return Ok(());
        }
        nodes.push(Node::Array(slice(text)?));
        Ok(())
    }

    fn filter(&mut self) -> Result<Node, String> {
        self.at += 3;
        self.consume();
        let (mut begun, mut ended, mut mark) = (false, false, ' ');
        loop {
            match self.next() {
                None | Some('\n') => return Err("unterminated filter".into()),
                Some(letter @ ('"' | '\'')) => {
                    if !begun {
                        (begun, mark) = (true, letter);
                    } else if !self.text[..self.at - 1].ends_with('\\') && letter == mark {
                        ended = true;
                    }
                }
                Some(')') if begun == ended => break,
                Some(_) => {}
            }
        }
        if self.next() != Some(']') {
            return Err("unclosed array expect ]".into());
        }
        let text = self.consume();
        let text = &text[..text.len() - 2];
        let Some((left, operator, right)) = comparison(text) else {
            return Ok(Node::Filter { left: self.inner(text)?, right: Vec::new(), operator: "exists".into() });
        };
        Ok(Node::Filter { left: self.inner(left)?, right: self.inner(right)?, operator: operator.into() })
    }
}

/// `^([^!<>=]+)([!<>=]+)(.+?)$`
fn comparison(text: &str) -> Option<(&str, &str, &str)> {
    let is_operator = |letter: char| "!<>=".contains(letter);
    let begin = text.find(is_operator).filter(|begin| *begin > 0)?;
    let length = text[begin..].find(|letter| !is_operator(letter)).unwrap_or(text.len() - begin);
    // Something has to be left to compare with, if only the operator's last sign.
    let end = if begin + length < text.len() { begin + length } else { begin + length - 1 };
    (end > begin).then(|| (&text[..begin], &text[begin..end], &text[end..]))
}

/// `^(-?[\d]*)(:-?[\d]*)?(:-?[\d]*)?$`
fn slice(text: &str) -> Result<Slice, String> {
    let parts: Vec<&str> = text.split(':').collect();
    let fits = |part: &&str| part.strip_prefix('-').unwrap_or(part).bytes().all(|byte| byte.is_ascii_digit());
    if parts.len() > 3 || !parts.iter().all(fits) {
        return Err(format!("invalid array index {text}"));
    }
    let number = |place: usize| match parts.get(place).filter(|part| !part.is_empty()) {
        None => Ok(None),
        Some(part) => part.parse::<i64>().map(Some).map_err(|_| format!("array index {part} is not a number")),
    };
    let (from, to, step) = (number(0)?, number(1)?, number(2)?);
    let derived = parts.len() == 1;
    let to = if derived { Some(from.unwrap_or(0).saturating_add(1)) } else { to };
    Ok(Slice { from, to, derived, step })
}
