//! Characters to tokens: a port of `scannerc.go`, whose order of checks decides which mistake a text is blamed for.
//! The scalars are in `scalars.rs`, directives, anchors and tags in `tags.rs`.

use super::{
    chars::{is_blank, is_blankz, is_break, is_breakz, width},
    fault::Fault,
    reader::Source,
    token::{Mark, Token, TokenKind},
};
use std::collections::VecDeque;

/// How deep flow collections nest (Go's `max_flow_level`).
const MAX_FLOW_LEVEL: usize = 10_000;
/// How deep block collections nest (Go's `max_indents`).
const MAX_INDENTS: usize = 10_000;
/// How many characters a key without `?` may have.
const MAX_SIMPLE_KEY: usize = 1024;

/// A token that a `:` later on may turn into a key.
#[derive(Debug, Clone, Copy, Default)]
struct SimpleKey {
    possible: bool,
    required: bool,
    token: usize,
    mark: Mark,
}

/// The scanner's state.
pub(super) struct Scanner<'a> {
    source: &'a Source,
    pub(super) buf: &'a [u8],
    pub(super) pos: usize,
    pub(super) mark: Mark,
    /// How far the reader has come, and how many chunks that were.
    decoded: usize,
    chunks: usize,
    /// NULs that stand for the end, once it was reached.
    nuls: usize,
    /// Where Go's buffer starts: its `is_bom` looks there rather than at the present place.
    buffer_start: usize,
    pub(super) flow_level: usize,
    /// The column of the block collection we are in, -1 outside.
    pub(super) indent: isize,
    indents: Vec<isize>,
    pub(super) simple_key_allowed: bool,
    simple_keys: Vec<SimpleKey>,
    /// Token number to its place in `simple_keys`, by rising number (Go's `simple_keys_by_tok`).
    keys_by_token: VecDeque<(usize, usize)>,
    tokens: VecDeque<Token<'a>>,
    tokens_parsed: usize,
    token_available: bool,
    started: bool,
}

impl<'a> Scanner<'a> {
    pub(super) fn new(source: &'a Source) -> Scanner<'a> {
        Scanner {
            source,
            buf: &source.text,
            pos: 0,
            mark: Mark::default(),
            decoded: 0,
            chunks: 0,
            nuls: 0,
            buffer_start: 0,
            flow_level: 0,
            indent: -1,
            indents: Vec::new(),
            simple_key_allowed: true,
            simple_keys: vec![SimpleKey::default()],
            keys_by_token: VecDeque::new(),
            tokens: VecDeque::new(),
            tokens_parsed: 0,
            token_available: false,
            started: false,
        }
    }

    /// The next token, without taking it.
    #[inline]
    pub(super) fn peek(&mut self) -> Result<&Token<'a>, Fault> {
        if !self.token_available {
            self.fetch_more_tokens()?;
        }
        Ok(&self.tokens[0])
    }

    /// Takes the token that [`Scanner::peek`] showed.
    pub(super) fn take(&mut self) -> Token<'a> {
        self.token_available = false;
        self.tokens_parsed += 1;
        self.tokens.pop_front().expect("a token is taken only after it was seen")
    }

    /// The byte `ahead` bytes further on.
    #[inline]
    pub(super) fn at(&self, ahead: usize) -> u8 {
        self.buf[self.pos + ahead]
    }

    /// Makes sure that `count` characters can be looked at, or that the text ends before.
    #[inline]
    pub(super) fn need(&mut self, count: usize) -> Result<(), Fault> {
        if self.pos + 4 * count <= self.decoded {
            return Ok(());
        }
        self.need_more(count)
    }

    /// Go's `yaml_parser_update_buffer`: reads chunks until there are enough characters. A NUL stands for the end, one
    /// more each time that somebody asks for what is not there.
    #[cold]
    fn need_more(&mut self, count: usize) -> Result<(), Fault> {
        if self.unread(count) >= count {
            return Ok(());
        }
        self.buffer_start = self.pos;
        while self.unread(count) < count {
            if let Some(end) = self.source.bounds.get(self.chunks) {
                self.decoded = *end;
                self.chunks += 1;
            } else if let Some(problem) = self.source.fault {
                return Err(Fault::Reader(problem));
            } else {
                self.nuls = self.pos.max(self.decoded) + 1 - self.decoded;
                break;
            }
        }
        Ok(())
    }

    /// How many characters are there to look at, up to `enough`.
    fn unread(&self, enough: usize) -> usize {
        let (mut unread, mut at) = (0, self.pos);
        while at < self.decoded && unread < enough {
            at += width(self.buf[at]).max(1);
            unread += 1;
        }
        unread + (self.decoded + self.nuls).saturating_sub(at)
    }

    pub(super) fn fault<T>(&self, context: Mark, problem: &str) -> Result<T, Fault> {
        Err(Fault::Scanner { context: context.line, line: self.mark.line, problem: problem.to_owned() })
    }

    /// Passes over one character.
    #[inline]
    pub(super) fn skip(&mut self) {
        self.mark.index += 1;
        self.mark.column += 1;
        self.pos += width(self.buf[self.pos]).max(1);
    }

    /// Passes over one line break.
    pub(super) fn skip_line(&mut self) {
        if self.at(0) == b'\r' && self.at(1) == b'\n' {
            self.mark = Mark { index: self.mark.index + 2, line: self.mark.line + 1, column: 0 };
            self.pos += 2;
        } else if is_break(self.buf, self.pos) {
            self.mark = Mark { index: self.mark.index + 1, line: self.mark.line + 1, column: 0 };
            self.pos += width(self.buf[self.pos]);
        }
    }

    /// Appends one line break in its normal form to `to` and passes over it.
    pub(super) fn read_line(&mut self, to: &mut Vec<u8>) {
        let length = match self.at(0) {
            b'\r' if self.at(1) == b'\n' => {
                self.mark.index += 1;
                2
            }
            b'\r' | b'\n' => 1,
            0xC2 if self.at(1) == 0x85 => 2,
            0xE2 if self.at(1) == 0x80 && matches!(self.at(2), 0xA8 | 0xA9) => 3,
            _ => return,
        };
        match length {
            3 => to.extend_from_slice(&self.buf[self.pos..self.pos + 3]),
            _ => to.push(b'\n'),
        }
        self.pos += length;
        self.mark = Mark { index: self.mark.index + 1, line: self.mark.line + 1, column: 0 };
    }

    /// Passes over blanks.
    pub(super) fn skip_blanks(&mut self) -> Result<(), Fault> {
        self.need(1)?;
        while is_blank(self.at(0)) {
            self.skip();
            self.need(1)?;
        }
        Ok(())
    }

    /// Passes over a comment up to the end of its line.
    pub(super) fn skip_comment(&mut self) -> Result<(), Fault> {
        if self.at(0) == b'#' {
            while !is_breakz(self.buf, self.pos) {
                self.skip();
                self.need(1)?;
            }
        }
        Ok(())
    }

    /// Whether `---` or `...` stands at the start of this line, followed by a blank or a break.
    pub(super) fn at_document_indicator(&self) -> bool {
        self.mark.column == 0
            && matches!(&self.buf[self.pos..self.pos + 3], b"---" | b"...")
            && is_blankz(self.buf, self.pos + 3)
    }

    pub(super) fn push(&mut self, kind: TokenKind<'a>, start: Mark) {
        self.tokens.push_back(Token { kind, start: start.line, end: self.mark.line, span: (start.index, self.mark.index) });
    }

    /// Puts a token before the one of this number; at the end if that one has been taken already.
    fn insert(&mut self, number: usize, kind: TokenKind<'a>, mark: Mark) {
        let token = Token { kind, start: mark.line, end: mark.line, span: (mark.index, mark.index) };
        match number.checked_sub(self.tokens_parsed) {
            Some(place) if place <= self.tokens.len() => self.tokens.insert(place, token),
            _ => self.tokens.push_back(token),
        }
    }

    fn fetch_more_tokens(&mut self) -> Result<(), Fault> {
        loop {
            if !self.tokens.is_empty() {
                while self.keys_by_token.front().is_some_and(|(number, _)| *number < self.tokens_parsed) {
                    self.keys_by_token.pop_front();
                }
                match self.keys_by_token.front().copied() {
                    Some((number, place)) if number == self.tokens_parsed && self.simple_key_is_valid(place)? => {}
                    _ => break,
                }
            }
            self.fetch_next_token()?;
        }
        self.token_available = true;
        Ok(())
    }

    fn simple_key_is_valid(&mut self, place: usize) -> Result<bool, Fault> {
        let Some(key) = self.simple_keys.get(place).copied().filter(|key| key.possible) else { return Ok(false) };
        if key.mark.line < self.mark.line || key.mark.index + MAX_SIMPLE_KEY < self.mark.index {
            if key.required {
                return self.fault(key.mark, "could not find expected ':'");
            }
            self.simple_keys[place].possible = false;
            return Ok(false);
        }
        Ok(true)
    }

    fn forget_key(&mut self, number: usize) {
        if let Some(place) = self.keys_by_token.iter().rposition(|(known, _)| *known <= number)
            && self.keys_by_token[place].0 == number
        {
            self.keys_by_token.remove(place);
        }
    }

    fn last_key(&mut self) -> &mut SimpleKey {
        self.simple_keys.last_mut().expect("the stream's own simple key is never removed")
    }

    /// Notes that the token to come may be a key.
    pub(super) fn save_simple_key(&mut self) -> Result<(), Fault> {
        if self.simple_key_allowed {
            let required = self.flow_level == 0 && self.indent == self.mark.column as isize;
            let token = self.tokens_parsed + self.tokens.len();
            self.remove_simple_key()?;
            *self.last_key() = SimpleKey { possible: true, required, token, mark: self.mark };
            self.forget_key(token);
            self.keys_by_token.push_back((token, self.simple_keys.len() - 1));
        }
        Ok(())
    }

    pub(super) fn remove_simple_key(&mut self) -> Result<(), Fault> {
        let key = *self.last_key();
        if key.possible {
            if key.required {
                return self.fault(key.mark, "could not find expected ':'");
            }
            self.last_key().possible = false;
            self.forget_key(key.token);
        }
        Ok(())
    }

    fn increase_flow_level(&mut self) -> Result<(), Fault> {
        let token = self.tokens_parsed + self.tokens.len();
        self.simple_keys.push(SimpleKey { possible: false, required: false, token, mark: self.mark });
        self.flow_level += 1;
        if self.flow_level > MAX_FLOW_LEVEL {
            return self.fault(self.mark, &format!("exceeded max depth of {MAX_FLOW_LEVEL}"));
        }
        Ok(())
    }

    fn decrease_flow_level(&mut self) {
        if self.flow_level > 0 {
            self.flow_level -= 1;
            if let Some(key) = self.simple_keys.pop() {
                self.forget_key(key.token);
            }
        }
    }

    /// Opens a block collection at `column`, before the token `number` where one is given.
    fn roll_indent(&mut self, column: usize, number: Option<usize>, kind: TokenKind<'a>, mark: Mark) -> Result<(), Fault> {
        let column = column as isize;
        if self.flow_level > 0 || self.indent >= column {
            return Ok(());
        }
        self.indents.push(self.indent);
        self.indent = column;
        if self.indents.len() > MAX_INDENTS {
            let context = self.last_key().mark;
            return self.fault(context, &format!("exceeded max depth of {MAX_INDENTS}"));
        }
        self.insert(number.unwrap_or(usize::MAX), kind, mark);
        Ok(())
    }

    /// Closes the block collections that start right of `column`.
    fn unroll_indent(&mut self, column: isize) {
        if self.flow_level > 0 {
            return;
        }
        while self.indent > column {
            self.push(TokenKind::BlockEnd, self.mark);
            self.indent = self.indents.pop().expect("every indentation was pushed by roll_indent");
        }
    }

    fn fetch_next_token(&mut self) -> Result<(), Fault> {
        self.need(1)?;
        if !self.started {
            self.started = true;
            self.push(TokenKind::StreamStart, self.mark);
            return Ok(());
        }
        self.scan_to_next_token()?;
        self.unroll_indent(self.mark.column as isize);
        self.need(4)?;
        let c = self.at(0);
        if c == 0 {
            return self.fetch_stream_end();
        }
        if self.mark.column == 0 && c == b'%' {
            return self.fetch_directive();
        }
        if self.at_document_indicator() {
            return self.fetch_document_indicator(if c == b'-' { TokenKind::DocumentStart } else { TokenKind::DocumentEnd });
        }
        let in_flow = self.flow_level > 0;
        let blank_follows = is_blankz(self.buf, self.pos + 1);
        match c {
            b'[' => self.fetch_flow_start(TokenKind::FlowSequenceStart),
            b'{' => self.fetch_flow_start(TokenKind::FlowMappingStart),
            b']' => self.fetch_flow_end(TokenKind::FlowSequenceEnd),
            b'}' => self.fetch_flow_end(TokenKind::FlowMappingEnd),
            b',' => self.fetch_flow_entry(),
            b'-' if blank_follows => self.fetch_block_entry(),
            b'?' if in_flow || blank_follows => self.fetch_key(),
            b':' if in_flow || blank_follows => self.fetch_value(),
            b'*' | b'&' => self.fetch_anchor(c == b'*'),
            b'!' => self.fetch_tag(),
            b'|' | b'>' if !in_flow => self.fetch_block_scalar(c == b'|'),
            b'\'' | b'"' => self.fetch_flow_scalar(c == b'\''),
            b'-' => self.fetch_plain_scalar(),
            b'?' | b':' if !in_flow => self.fetch_plain_scalar(),
            b'?' | b':' | b'#' | b'|' | b'>' | b'%' | b'@' | b'`' => self.cannot_start(),
            _ if is_blankz(self.buf, self.pos) => self.cannot_start(),
            _ => self.fetch_plain_scalar(),
        }
    }

    fn cannot_start(&self) -> Result<(), Fault> {
        self.fault(self.mark, "found character that cannot start any token")
    }

    fn scan_to_next_token(&mut self) -> Result<(), Fault> {
        loop {
            self.need(1)?;
            if self.mark.column == 0 && self.buf[self.buffer_start..].starts_with(b"\xEF\xBB\xBF") {
                self.skip();
            }
            self.need(1)?;
            while self.at(0) == b' ' || ((self.flow_level > 0 || !self.simple_key_allowed) && self.at(0) == b'\t') {
                self.skip();
                self.need(1)?;
            }
            self.skip_comment()?;
            if !is_break(self.buf, self.pos) {
                return Ok(());
            }
            self.need(2)?;
            self.skip_line();
            if self.flow_level == 0 {
                self.simple_key_allowed = true;
            }
        }
    }

    fn fetch_stream_end(&mut self) -> Result<(), Fault> {
        if self.mark.column != 0 {
            self.mark.column = 0;
            self.mark.line += 1;
        }
        self.unroll_indent(-1);
        self.remove_simple_key()?;
        self.simple_key_allowed = false;
        self.push(TokenKind::StreamEnd, self.mark);
        Ok(())
    }

    fn fetch_directive(&mut self) -> Result<(), Fault> {
        self.unroll_indent(-1);
        self.remove_simple_key()?;
        self.simple_key_allowed = false;
        self.scan_directive()
    }

    fn fetch_document_indicator(&mut self, kind: TokenKind<'a>) -> Result<(), Fault> {
        self.unroll_indent(-1);
        self.remove_simple_key()?;
        self.simple_key_allowed = false;
        let start = self.mark;
        for _ in 0..3 {
            self.skip();
        }
        self.push(kind, start);
        Ok(())
    }

    /// A token of one character.
    fn fetch_indicator(&mut self, kind: TokenKind<'a>) {
        let start = self.mark;
        self.skip();
        self.push(kind, start);
    }

    fn fetch_flow_start(&mut self, kind: TokenKind<'a>) -> Result<(), Fault> {
        self.save_simple_key()?;
        self.increase_flow_level()?;
        self.simple_key_allowed = true;
        self.fetch_indicator(kind);
        Ok(())
    }

    fn fetch_flow_end(&mut self, kind: TokenKind<'a>) -> Result<(), Fault> {
        self.remove_simple_key()?;
        self.decrease_flow_level();
        self.simple_key_allowed = false;
        self.fetch_indicator(kind);
        Ok(())
    }

    fn fetch_flow_entry(&mut self) -> Result<(), Fault> {
        self.remove_simple_key()?;
        self.simple_key_allowed = true;
        self.fetch_indicator(TokenKind::FlowEntry);
        Ok(())
    }

    fn fetch_block_entry(&mut self) -> Result<(), Fault> {
        if self.flow_level == 0 {
            if !self.simple_key_allowed {
                return self.fault(self.mark, "block sequence entries are not allowed in this context");
            }
            self.roll_indent(self.mark.column, None, TokenKind::BlockSequenceStart, self.mark)?;
        }
        self.remove_simple_key()?;
        self.simple_key_allowed = true;
        self.fetch_indicator(TokenKind::BlockEntry);
        Ok(())
    }

    fn fetch_key(&mut self) -> Result<(), Fault> {
        if self.flow_level == 0 {
            if !self.simple_key_allowed {
                return self.fault(self.mark, "mapping keys are not allowed in this context");
            }
            self.roll_indent(self.mark.column, None, TokenKind::BlockMappingStart, self.mark)?;
        }
        self.remove_simple_key()?;
        self.simple_key_allowed = self.flow_level == 0;
        self.fetch_indicator(TokenKind::Key);
        Ok(())
    }

    fn fetch_value(&mut self) -> Result<(), Fault> {
        let place = self.simple_keys.len() - 1;
        if self.simple_key_is_valid(place)? {
            let key = self.simple_keys[place];
            self.insert(key.token, TokenKind::Key, key.mark);
            self.roll_indent(key.mark.column, Some(key.token), TokenKind::BlockMappingStart, key.mark)?;
            self.simple_keys[place].possible = false;
            self.forget_key(key.token);
            self.simple_key_allowed = false;
        } else {
            if self.flow_level == 0 {
                if !self.simple_key_allowed {
                    return self.fault(self.mark, "mapping values are not allowed in this context");
                }
                self.roll_indent(self.mark.column, None, TokenKind::BlockMappingStart, self.mark)?;
            }
            self.simple_key_allowed = self.flow_level == 0;
        }
        self.fetch_indicator(TokenKind::Value);
        Ok(())
    }

    fn fetch_anchor(&mut self, alias: bool) -> Result<(), Fault> {
        self.save_simple_key()?;
        self.simple_key_allowed = false;
        self.scan_anchor(alias)
    }

    fn fetch_tag(&mut self) -> Result<(), Fault> {
        self.save_simple_key()?;
        self.simple_key_allowed = false;
        self.scan_tag()
    }

    fn fetch_block_scalar(&mut self, literal: bool) -> Result<(), Fault> {
        self.remove_simple_key()?;
        self.simple_key_allowed = true;
        self.scan_block_scalar(literal)
    }

    fn fetch_flow_scalar(&mut self, single: bool) -> Result<(), Fault> {
        self.save_simple_key()?;
        self.simple_key_allowed = false;
        self.scan_flow_scalar(single)
    }

    fn fetch_plain_scalar(&mut self) -> Result<(), Fault> {
        self.save_simple_key()?;
        self.simple_key_allowed = false;
        self.scan_plain_scalar()
    }
}
