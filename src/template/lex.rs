//! The lexer of Go's `text/template/parse/lex.go`: items with position and line, in Go's order and with Go's errors.

use super::utf8;
use std::borrow::Cow;

/// What an item is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Kind {
    Error,
    Bool,
    Char,
    CharConstant,
    Complex,
    Assign,
    Declare,
    Eof,
    Field,
    Identifier,
    LeftDelim,
    LeftParen,
    Number,
    Pipe,
    RawString,
    RightDelim,
    RightParen,
    Space,
    String,
    Text,
    Variable,
    /// Only marks where keywords begin.
    Keyword,
    Block,
    Break,
    Continue,
    Dot,
    Define,
    Else,
    End,
    If,
    Nil,
    Range,
    Template,
    With,
}

/// One lexical item.
#[derive(Clone, Debug)]
pub(super) struct Item<'a> {
    pub kind: Kind,
    /// Byte offset in the source.
    pub pos: usize,
    /// The source text, or an error's message.
    pub val: Cow<'a, [u8]>,
    /// The line at the item's start, counted as Go counts.
    pub line: usize,
}

impl Item<'_> {
    /// The item as Go's error texts show it.
    pub fn show(&self) -> String {
        let text = String::from_utf8_lossy(&self.val);
        match self.kind {
            Kind::Eof => "EOF".into(),
            Kind::Error => text.into_owned(),
            kind if kind > Kind::Keyword => format!("<{text}>"),
            _ if self.val.len() > 10 => {
                let cut = utf8::runes(&self.val).nth(10).map_or(self.val.len(), |(at, ..)| at);
                format!("{}...", super::quote::quote(&self.val[..cut]))
            }
            _ => super::quote::quote(&self.val),
        }
    }
}

/// Where the lexer stands.
enum State {
    Text,
    LeftDelim,
    Comment,
    RightDelim,
    InsideAction,
    Done,
}

/// The scanner's state over one source text.
pub(super) struct Lexer<'a> {
    input: &'a [u8],
    pos: usize,
    start: usize,
    at_eof: bool,
    parens: isize,
    line: usize,
    start_line: usize,
    item: Item<'a>,
    inside_action: bool,
}

const LEFT_DELIM: &[u8] = b"{{";
const RIGHT_DELIM: &[u8] = b"}}";
const LEFT_COMMENT: &[u8] = b"/*";
const RIGHT_COMMENT: &[u8] = b"*/";
/// A trim marker and the space beside it.
const TRIM_MARKER: usize = 2;

fn is_space(byte: u8) -> bool {
    matches!(byte, b' ' | b'\t' | b'\r' | b'\n')
}

pub(super) fn is_alphanumeric(rune: Option<char>) -> bool {
    rune.is_some_and(|rune| rune == '_' || utf8::is_letter(rune) || utf8::is_digit(rune))
}

fn has_left_trim(text: &[u8]) -> bool {
    matches!(text, [b'-', space, ..] if is_space(*space))
}

fn has_right_trim(text: &[u8]) -> bool {
    matches!(text, [space, b'-', ..] if is_space(*space))
}

fn left_trim_length(text: &[u8]) -> usize {
    text.iter().take_while(|byte| is_space(**byte)).count()
}

fn right_trim_length(text: &[u8]) -> usize {
    text.iter().rev().take_while(|byte| is_space(**byte)).count()
}

fn find(haystack: &[u8], needle: &[u8]) -> Option<usize> {
    bstr::ByteSlice::find(haystack, needle)
}

fn newlines(text: &[u8]) -> usize {
    text.iter().filter(|byte| **byte == b'\n').count()
}

fn keyword(word: &[u8]) -> Option<Kind> {
    Some(match word {
        b"." => Kind::Dot,
        b"block" => Kind::Block,
        b"break" => Kind::Break,
        b"continue" => Kind::Continue,
        b"define" => Kind::Define,
        b"else" => Kind::Else,
        b"end" => Kind::End,
        b"if" => Kind::If,
        b"range" => Kind::Range,
        b"nil" => Kind::Nil,
        b"template" => Kind::Template,
        b"with" => Kind::With,
        _ => return None,
    })
}

/// A rune as Go's `%#U` prints it: `U+0026 '&'`.
pub(super) fn show_rune(rune: Option<char>) -> String {
    match rune {
        None => "U+FFFFFFFFFFFFFFFF".into(), // Go's eof is -1
        Some(rune) if utf8::is_print(rune) => format!("U+{:04X} '{rune}'", rune as u32),
        Some(rune) => format!("U+{:04X}", rune as u32),
    }
}

impl<'a> Lexer<'a> {
    pub fn new(input: &'a [u8]) -> Self {
        let item = Item { kind: Kind::Eof, pos: 0, val: Cow::Borrowed(b"EOF"), line: 1 };
        Lexer {
            input,
            pos: 0,
            start: 0,
            at_eof: false,
            parens: 0,
            line: 1,
            start_line: 1,
            item,
            inside_action: false,
        }
    }

    /// The next item; after an error or the end, `Eof` for ever.
    pub fn next_item(&mut self) -> Item<'a> {
        self.item = Item { kind: Kind::Eof, pos: self.pos, val: Cow::Borrowed(b"EOF"), line: self.start_line };
        let mut state = if self.inside_action { State::InsideAction } else { State::Text };
        loop {
            state = match state {
                State::Text => self.lex_text(),
                State::LeftDelim => self.lex_left_delim(),
                State::Comment => self.lex_comment(),
                State::RightDelim => self.lex_right_delim(),
                State::InsideAction => self.lex_inside_action(),
                State::Done => return self.item.clone(),
            };
        }
    }

    fn rest(&self) -> &'a [u8] {
        &self.input[self.pos..]
    }

    fn next(&mut self) -> Option<char> {
        if self.pos >= self.input.len() {
            self.at_eof = true;
            return None;
        }
        let (rune, width) = utf8::decode(self.rest());
        self.pos += width;
        if rune == '\n' {
            self.line += 1;
        }
        Some(rune)
    }

    fn peek(&mut self) -> Option<char> {
        let rune = self.next();
        self.backup();
        rune
    }

    fn backup(&mut self) {
        if !self.at_eof && self.pos > 0 {
            let (rune, width) = utf8::decode_last(&self.input[..self.pos]);
            self.pos -= width;
            if rune == '\n' {
                self.line -= 1;
            }
        }
    }

    fn this_item(&mut self, kind: Kind) -> Item<'a> {
        let val = Cow::Borrowed(&self.input[self.start..self.pos]);
        let item = Item { kind, pos: self.start, val, line: self.start_line };
        self.start = self.pos;
        self.start_line = self.line;
        item
    }

    fn emit(&mut self, kind: Kind) -> State {
        self.item = self.this_item(kind);
        State::Done
    }

    fn ignore(&mut self) {
        self.line += newlines(&self.input[self.start..self.pos]);
        self.start = self.pos;
        self.start_line = self.line;
    }

    fn accept(&mut self, valid: &str) -> bool {
        if self.next().is_some_and(|rune| valid.contains(rune)) {
            return true;
        }
        self.backup();
        false
    }

    fn accept_run(&mut self, valid: &str) {
        while self.next().is_some_and(|rune| valid.contains(rune)) {}
        self.backup();
    }

    fn error(&mut self, message: impl Into<String>) -> State {
        let val = Cow::Owned(message.into().into_bytes());
        self.item = Item { kind: Kind::Error, pos: self.start, val, line: self.start_line };
        self.start = 0;
        self.pos = 0;
        self.input = &[];
        State::Done
    }

    fn lex_text(&mut self) -> State {
        if let Some(length) = find(self.rest(), LEFT_DELIM) {
            if length > 0 {
                self.pos += length;
                let delim_end = self.pos + LEFT_DELIM.len();
                let trim = if has_left_trim(&self.input[delim_end..]) {
                    right_trim_length(&self.input[self.start..self.pos])
                } else {
                    0
                };
                self.pos -= trim;
                self.line += newlines(&self.input[self.start..self.pos]);
                let item = self.this_item(Kind::Text);
                self.pos += trim;
                self.ignore();
                if !item.val.is_empty() {
                    self.item = item;
                    return State::Done;
                }
            }
            return State::LeftDelim;
        }
        self.pos = self.input.len();
        if self.pos > self.start {
            self.line += newlines(&self.input[self.start..self.pos]);
            return self.emit(Kind::Text);
        }
        self.emit(Kind::Eof)
    }

    /// Whether a right delimiter stands here, and whether a trim marker precedes it.
    fn at_right_delim(&self) -> (bool, bool) {
        let rest = self.rest();
        if has_right_trim(rest) && rest[TRIM_MARKER..].starts_with(RIGHT_DELIM) {
            return (true, true);
        }
        (rest.starts_with(RIGHT_DELIM), false)
    }

    fn lex_left_delim(&mut self) -> State {
        self.pos += LEFT_DELIM.len();
        let after_marker = if has_left_trim(self.rest()) { TRIM_MARKER } else { 0 };
        if self.input[self.pos + after_marker..].starts_with(LEFT_COMMENT) {
            self.pos += after_marker;
            self.ignore();
            return State::Comment;
        }
        let item = self.this_item(Kind::LeftDelim);
        self.inside_action = true;
        self.pos += after_marker;
        self.ignore();
        self.parens = 0;
        self.item = item;
        State::Done
    }

    fn lex_comment(&mut self) -> State {
        self.pos += LEFT_COMMENT.len();
        let Some(length) = find(self.rest(), RIGHT_COMMENT) else { return self.error("unclosed comment") };
        self.pos += length + RIGHT_COMMENT.len();
        let (delim, trim) = self.at_right_delim();
        if !delim {
            return self.error("comment ends before closing delimiter");
        }
        self.line += newlines(&self.input[self.start..self.pos]);
        self.start = self.pos;
        self.start_line = self.line;
        if trim {
            self.pos += TRIM_MARKER;
        }
        self.pos += RIGHT_DELIM.len();
        if trim {
            self.pos += left_trim_length(self.rest());
        }
        self.ignore();
        State::Text
    }

    fn lex_right_delim(&mut self) -> State {
        let (_, trim) = self.at_right_delim();
        if trim {
            self.pos += TRIM_MARKER;
            self.ignore();
        }
        self.pos += RIGHT_DELIM.len();
        let item = self.this_item(Kind::RightDelim);
        if trim {
            self.pos += left_trim_length(self.rest());
            self.ignore();
        }
        self.inside_action = false;
        self.item = item;
        State::Done
    }

    fn lex_inside_action(&mut self) -> State {
        if self.at_right_delim().0 {
            return if self.parens == 0 { State::RightDelim } else { self.error("unclosed left paren") };
        }
        let Some(rune) = self.next() else { return self.error("unclosed action") };
        match rune {
            ' ' | '\t' | '\r' | '\n' => {
                self.backup(); // back before the space, in case we have " -}}"
                self.lex_space()
            }
            '=' => self.emit(Kind::Assign),
            ':' if self.next() == Some('=') => self.emit(Kind::Declare),
            ':' => self.error("expected :="),
            '|' => self.emit(Kind::Pipe),
            '"' => self.lex_quote('"', Kind::String, "unterminated quoted string"),
            '`' => self.lex_raw_quote(),
            '$' => self.lex_field_or_variable(Kind::Variable),
            '\'' => self.lex_quote('\'', Kind::CharConstant, "unterminated character constant"),
            '.' if self.rest().first().is_some_and(|byte| !byte.is_ascii_digit()) => {
                self.lex_field_or_variable(Kind::Field)
            }
            '.' | '+' | '-' | '0'..='9' => {
                self.backup();
                self.lex_number()
            }
            _ if is_alphanumeric(Some(rune)) => {
                self.backup();
                self.lex_identifier()
            }
            '(' => {
                self.parens += 1;
                self.emit(Kind::LeftParen)
            }
            ')' => {
                self.parens -= 1;
                if self.parens < 0 { self.error("unexpected right paren") } else { self.emit(Kind::RightParen) }
            }
            ' '..='~' => self.emit(Kind::Char),
            _ => self.error(format!("unrecognized character in action: {}", show_rune(Some(rune)))),
        }
    }

    fn lex_space(&mut self) -> State {
        let mut spaces = 0;
        while self.rest().first().is_some_and(|byte| is_space(*byte)) {
            self.next();
            spaces += 1;
        }
        if self.pos >= self.input.len() {
            self.at_eof = true; // as Go's peek leaves it
        }
        // A trim-marked closing delimiter has its minus after a space, which belongs to it.
        let from_last = &self.input[self.pos - 1..];
        if has_right_trim(from_last) && from_last[TRIM_MARKER..].starts_with(RIGHT_DELIM) {
            self.backup();
            if spaces == 1 {
                return State::RightDelim;
            }
        }
        self.emit(Kind::Space)
    }

    fn lex_identifier(&mut self) -> State {
        let mut rune = self.next();
        while is_alphanumeric(rune) {
            rune = self.next();
        }
        self.backup();
        if !self.at_terminator() {
            return self.error(format!("bad character {}", show_rune(rune)));
        }
        match &self.input[self.start..self.pos] {
            b"true" | b"false" => self.emit(Kind::Bool),
            word => self.emit(keyword(word).unwrap_or(Kind::Identifier)),
        }
    }

    fn lex_field_or_variable(&mut self, kind: Kind) -> State {
        if self.at_terminator() {
            return self.emit(if kind == Kind::Variable { kind } else { Kind::Dot });
        }
        let mut rune = self.next();
        while is_alphanumeric(rune) {
            rune = self.next();
        }
        self.backup();
        if !self.at_terminator() {
            return self.error(format!("bad character {}", show_rune(rune)));
        }
        self.emit(kind)
    }

    fn at_terminator(&mut self) -> bool {
        match self.peek() {
            None | Some(' ' | '\t' | '\r' | '\n' | '.' | ',' | '|' | ':' | ')' | '(') => true,
            Some(_) => self.rest().starts_with(RIGHT_DELIM),
        }
    }

    fn lex_quote(&mut self, end: char, kind: Kind, unterminated: &str) -> State {
        loop {
            match self.next() {
                Some('\\') => {
                    if matches!(self.next(), None | Some('\n')) {
                        return self.error(unterminated);
                    }
                }
                None | Some('\n') => return self.error(unterminated),
                Some(rune) if rune == end => return self.emit(kind),
                Some(_) => {}
            }
        }
    }

    fn lex_raw_quote(&mut self) -> State {
        loop {
            match self.next() {
                None => return self.error("unterminated raw quoted string"),
                Some('`') => return self.emit(Kind::RawString),
                Some(_) => {}
            }
        }
    }

    fn lex_number(&mut self) -> State {
        if !self.scan_number() {
            return self.bad_number();
        }
        if matches!(self.peek(), Some('+' | '-')) {
            // Complex: 1+2i. No spaces, must end in 'i'.
            if !self.scan_number() || self.input[self.pos - 1] != b'i' {
                return self.bad_number();
            }
            return self.emit(Kind::Complex);
        }
        self.emit(Kind::Number)
    }

    fn bad_number(&mut self) -> State {
        let text = super::quote::quote(&self.input[self.start..self.pos]);
        self.error(format!("bad number syntax: {text}"))
    }

    fn scan_number(&mut self) -> bool {
        self.accept("+-");
        let mut digits = "0123456789_";
        if self.accept("0") {
            // A leading 0 does not mean octal in floats.
            if self.accept("xX") {
                digits = "0123456789abcdefABCDEF_";
            } else if self.accept("oO") {
                digits = "01234567_";
            } else if self.accept("bB") {
                digits = "01_";
            }
        }
        self.accept_run(digits);
        if self.accept(".") {
            self.accept_run(digits);
        }
        if digits.len() == 10 + 1 && self.accept("eE") {
            self.accept("+-");
            self.accept_run("0123456789_");
        }
        if digits.len() == 16 + 6 + 1 && self.accept("pP") {
            self.accept("+-");
            self.accept_run("0123456789_");
        }
        self.accept("i");
        if is_alphanumeric(self.peek()) {
            self.next();
            return false;
        }
        true
    }
}
