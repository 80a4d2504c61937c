//! Go's regexp/syntax parser (Go 1.26, flags `syntax.Perl`): what Go accepts, refused with Go's texts, as the tree that the
//! regex crates compile. Parsing keeps its own stack, so nesting costs no recursion.

use super::class;
use super::tree::{self, Part};
use crate::template::utf8::decode;
use regex_syntax::hir::{Capture, ClassUnicode, Dot, Hir, Look};

/// Highest count in `x{n,m}`, and highest product of nested counts, as in Go.
const MAX_REPEAT: u32 = 1000;

/// What Go's parser refuses: its code's text and the offending piece of the expression.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Refused {
    code: &'static str,
    piece: String,
}

impl std::fmt::Display for Refused {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "error parsing regexp: {}: `{}`", self.code, self.piece)
    }
}

/// A refusal. Go prints invalid UTF-8 as it is; our texts are Unicode.
pub(super) fn refuse<T>(code: &'static str, piece: &[u8]) -> Result<T, Refused> {
    Err(Refused { code, piece: String::from_utf8_lossy(piece).into_owned() })
}

/// What a parse gives: the tree and the names of its groups, the whole match (group 0) first.
pub(super) struct Parsed {
    pub hir: Hir,
    pub names: Vec<String>,
}

#[derive(Clone, Copy)]
struct Flags {
    fold_case: bool,
    dot_newline: bool,
    one_line: bool,
    lazy: bool,
}

enum Entry {
    Part(Part),
    /// `(`: the group's number (0: none) and the flags to return to.
    Open(u32, Flags),
    Bar,
}

struct Parser<'a> {
    whole: &'a [u8],
    flags: Flags,
    stack: Vec<Entry>,
    names: Vec<String>,
}

/// Parses an expression.
pub(super) fn parse(whole: &[u8]) -> Result<Parsed, Refused> {
    let flags = Flags { fold_case: false, dot_newline: false, one_line: true, lazy: false };
    let mut parser = Parser { whole, flags, stack: Vec::new(), names: vec![String::new()] };
    let mut rest = whole;
    let mut last_repeat: &[u8] = b"";
    while !rest.is_empty() {
        (rest, last_repeat) = parser.step(rest, last_repeat)?;
    }
    let part = parser.close()?;
    match parser.stack.is_empty() {
        true => Ok(Parsed { hir: part.hir, names: parser.names }),
        false => refuse("missing closing )", whole),
    }
}

/// The next rune and what follows.
fn next(text: &[u8]) -> Result<(char, &[u8]), Refused> {
    let (rune, width) = decode(text);
    match rune == char::REPLACEMENT_CHARACTER && width == 1 {
        true => refuse("invalid UTF-8", text),
        false => Ok((rune, &text[width..])),
    }
}

fn check_utf8(text: &[u8]) -> Result<(), Refused> {
    match std::str::from_utf8(text) {
        Ok(_) => Ok(()),
        Err(error) => refuse("invalid UTF-8", &text[error.valid_up_to()..]),
    }
}

impl<'a> Parser<'a> {
    /// Takes one construct; returns what follows, and the repetition's own text where it was one.
    fn step(&mut self, text: &'a [u8], last_repeat: &'a [u8]) -> Result<(&'a [u8], &'a [u8]), Refused> {
        let none: &[u8] = b"";
        let tail = &text[1..];
        match text[0] {
            b'(' if tail.first() == Some(&b'?') => return Ok((self.perl_group(text)?, none)),
            b'(' => self.open(String::new()),
            b'|' => {
                self.concat()?;
                self.stack.push(Entry::Bar);
            }
            b')' => self.right_paren()?,
            b'^' => self.look(if self.flags.one_line { Look::Start } else { Look::StartLF })?,
            b'$' => self.look(if self.flags.one_line { Look::End } else { Look::EndLF })?,
            b'.' => {
                let dot = if self.flags.dot_newline { Dot::AnyChar } else { Dot::AnyCharExceptLF };
                self.push(Part::leaf(Hir::dot(dot)))?;
            }
            b'[' => return Ok((self.class(text)?, none)),
            b'*' => return Ok((self.repeat((0, None), false, text, tail, last_repeat)?, text)),
            b'+' => return Ok((self.repeat((1, None), false, text, tail, last_repeat)?, text)),
            b'?' => return Ok((self.repeat((0, Some(1)), false, text, tail, last_repeat)?, text)),
            b'{' => match counts(text) {
                None => self.literal('{')?,
                Some((counts, after)) => {
                    let Some((min, max)) = counts else {
                        return refuse("invalid repeat count", &text[..text.len() - after.len()]);
                    };
                    return Ok((self.repeat((min, max), true, text, after, last_repeat)?, text));
                }
            },
            b'\\' => return Ok((self.backslash(text)?, none)),
            _ => {
                let (rune, after) = next(text)?;
                self.literal(rune)?;
                return Ok((after, none));
            }
        }
        Ok((tail, none))
    }

    fn push(&mut self, part: Part) -> Result<(), Refused> {
        let part = self.within_limits(part)?;
        self.stack.push(Entry::Part(part));
        Ok(())
    }

    fn within_limits(&self, part: Part) -> Result<Part, Refused> {
        match part.excess() {
            Some(code) => refuse(code, self.whole),
            None => Ok(part),
        }
    }

    fn look(&mut self, look: Look) -> Result<(), Refused> {
        self.push(Part::leaf(Hir::look(look)))
    }

    fn literal(&mut self, rune: char) -> Result<(), Refused> {
        self.push(Part::literal(rune, self.flags.fold_case))
    }

    fn open(&mut self, name: String) {
        let number = self.names.len() as u32;
        self.names.push(name);
        self.stack.push(Entry::Open(number, self.flags));
    }

    /// Replaces what stands above the last bar or parenthesis with its concatenation.
    fn concat(&mut self) -> Result<(), Refused> {
        let start = self.stack.iter().rposition(|entry| !matches!(entry, Entry::Part(_))).map_or(0, |at| at + 1);
        let parts: Vec<Part> = self.stack.drain(start..).filter_map(Entry::part).collect();
        self.push(tree::concat(parts))
    }

    /// Takes everything above the last parenthesis as one alternation.
    fn close(&mut self) -> Result<Part, Refused> {
        self.concat()?;
        let open = |entry: &Entry| matches!(entry, Entry::Open(..));
        let start = self.stack.iter().rposition(open).map_or(0, |at| at + 1);
        let parts: Vec<Part> = self.stack.drain(start..).filter_map(Entry::part).collect();
        self.within_limits(tree::alternate(parts))
    }

    fn right_paren(&mut self) -> Result<(), Refused> {
        let part = self.close()?;
        let Some(Entry::Open(number, flags)) = self.stack.pop() else {
            return refuse("unexpected )", self.whole);
        };
        self.flags = flags;
        match number {
            0 => self.push(part),
            index => self.push(part.wrapped(|sub| Hir::capture(Capture { index, name: None, sub: Box::new(sub) }))),
        }
    }

    /// Repeats the part on top. `before` starts at the operator, `after` follows it; `counted` says `{…}`.
    fn repeat(
        &mut self,
        (min, max): (u32, Option<u32>),
        counted: bool,
        before: &'a [u8],
        mut after: &'a [u8],
        last_repeat: &[u8],
    ) -> Result<&'a [u8], Refused> {
        let mut greedy = !self.flags.lazy;
        if after.first() == Some(&b'?') {
            after = &after[1..];
            greedy = !greedy;
        }
        if !last_repeat.is_empty() {
            return refuse("invalid nested repetition operator", &last_repeat[..last_repeat.len() - after.len()]);
        }
        let operator = &before[..before.len() - after.len()];
        let part = match self.stack.pop() {
            Some(Entry::Part(part)) => part,
            _ => return refuse("missing argument to repetition operator", operator),
        };
        let part = part.repeated(min, max, greedy, counted);
        let part = self.within_limits(part)?;
        if part.copies > MAX_REPEAT {
            return refuse("invalid repeat count", operator);
        }
        self.stack.push(Entry::Part(part));
        Ok(after)
    }

    /// `(?flags)`, `(?flags:`, `(?P<name>`, `(?<name>`.
    fn perl_group(&mut self, text: &'a [u8]) -> Result<&'a [u8], Refused> {
        let start = match text {
            [_, _, b'<', _, ..] => 3,
            [_, _, b'P', b'<', _, ..] => 4,
            _ => return self.flag_group(text),
        };
        let Some(end) = text.iter().position(|&byte| byte == b'>') else {
            check_utf8(text)?;
            return refuse("invalid named capture", text);
        };
        let name = &text[start.min(end)..end];
        check_utf8(name)?;
        let valid = |byte: &u8| *byte == b'_' || byte.is_ascii_alphanumeric();
        if name.is_empty() || !name.iter().all(valid) {
            return refuse("invalid named capture", &text[..=end]);
        }
        self.open(String::from_utf8_lossy(name).into_owned());
        Ok(&text[end + 1..])
    }

    fn flag_group(&mut self, text: &'a [u8]) -> Result<&'a [u8], Refused> {
        let mut rest = &text[2..];
        let mut flags = self.flags;
        let (mut on, mut seen) = (true, false);
        while !rest.is_empty() {
            let (rune, after) = next(rest)?;
            rest = after;
            match rune {
                'i' => flags.fold_case = on,
                'm' => flags.one_line = !on,
                's' => flags.dot_newline = on,
                'U' => flags.lazy = on,
                '-' if on => {
                    on = false;
                    seen = false;
                    continue;
                }
                ':' | ')' if on || seen => {
                    if rune == ':' {
                        self.stack.push(Entry::Open(0, self.flags));
                    }
                    self.flags = flags;
                    return Ok(rest);
                }
                _ => break,
            }
            seen = true;
        }
        refuse("invalid or unsupported Perl syntax", &text[..text.len() - rest.len()])
    }

    fn backslash(&mut self, text: &'a [u8]) -> Result<&'a [u8], Refused> {
        let look = match text.get(1) {
            Some(b'A') => Look::Start,
            Some(b'b') => Look::WordAscii,
            Some(b'B') => Look::WordAsciiNegate,
            Some(b'z') => Look::End,
            Some(b'C') => return refuse("invalid escape sequence", &text[..2]),
            Some(b'Q') => return self.quoted(&text[2..]),
            _ => {
                if let Some((class, rest)) = self.class_escape(text)? {
                    self.push(Part::class(class))?;
                    return Ok(rest);
                }
                let (rune, rest) = escape(text)?;
                match char::from_u32(rune) {
                    Some(rune) => self.literal(rune)?,
                    None => self.push(Part::leaf(Hir::fail()))?, // a surrogate is in no text
                }
                return Ok(rest);
            }
        };
        self.look(look)?;
        Ok(&text[2..])
    }

    /// `\Q…\E`: all literal.
    fn quoted(&mut self, text: &'a [u8]) -> Result<&'a [u8], Refused> {
        let end = text.windows(2).position(|pair| pair == b"\\E");
        let mut literal = &text[..end.unwrap_or(text.len())];
        while !literal.is_empty() {
            let (rune, after) = next(literal)?;
            self.literal(rune)?;
            literal = after;
        }
        Ok(end.map_or(b"", |end| &text[end + 2..]))
    }

    /// `\pN`, `\p{Name}`, `\d` and their like, where the text starts with one.
    fn class_escape(&self, text: &'a [u8]) -> Result<Option<(ClassUnicode, &'a [u8])>, Refused> {
        match text {
            [b'\\', b'p' | b'P', ..] => {
                let negated = text[1] == b'P';
                if text.len() == 2 {
                    return refuse("invalid character class range", text);
                }
                let (first, mut rest) = next(&text[2..])?;
                let (name, seq) = if first == '{' {
                    let Some(end) = text.iter().position(|&byte| byte == b'}') else {
                        check_utf8(text)?;
                        return refuse("invalid character class range", text);
                    };
                    rest = &text[end + 1..];
                    check_utf8(&text[3..end])?;
                    (&text[3..end], &text[..=end])
                } else {
                    let seq = &text[..text.len() - rest.len()];
                    (&seq[2..], seq)
                };
                let (negated, name) = match name.strip_prefix(b"^") {
                    Some(name) => (!negated, name),
                    None => (negated, name),
                };
                let name = std::str::from_utf8(name).unwrap_or_default();
                match class::unicode(name, self.flags.fold_case, negated) {
                    Some(class) => Ok(Some((class, rest))),
                    None => refuse("invalid character class range", seq),
                }
            }
            [b'\\', letter, rest @ ..] => Ok(class::perl(*letter, self.flags.fold_case).map(|class| (class, rest))),
            _ => Ok(None),
        }
    }

    /// `[:alpha:]` within a class, where the text starts with one.
    fn named_class(&self, text: &'a [u8]) -> Result<Option<(ClassUnicode, &'a [u8])>, Refused> {
        if !text.starts_with(b"[:") || text.len() <= 2 {
            return Ok(None);
        }
        let Some(end) = text[2..].windows(2).position(|pair| pair == b":]").map(|at| at + 2) else {
            return Ok(None);
        };
        match class::posix(&text[2..end], self.flags.fold_case) {
            Some(class) => Ok(Some((class, &text[end + 2..]))),
            None => refuse("invalid character class range", &text[..end + 2]),
        }
    }

    /// `[…]`.
    fn class(&mut self, text: &'a [u8]) -> Result<&'a [u8], Refused> {
        let mut rest = &text[1..];
        let negated = rest.first() == Some(&b'^');
        if negated {
            rest = &rest[1..];
        }
        let mut class = ClassUnicode::empty();
        let mut first = true; // ] is an ordinary character there
        while first || rest.first() != Some(&b']') {
            first = false;
            let group = match self.named_class(rest)? {
                None => self.class_escape(rest)?,
                found => found,
            };
            if let Some((group, after)) = group {
                class.union(&group);
                rest = after;
                continue;
            }
            let range = rest;
            let (low, after) = class_char(rest, text)?;
            let mut high = low;
            rest = after;
            if rest.len() >= 2 && rest[0] == b'-' && rest[1] != b']' {
                (high, rest) = class_char(&rest[1..], text)?;
                if high < low {
                    return refuse("invalid character class range", &range[..range.len() - rest.len()]);
                }
            }
            let mut span = ClassUnicode::empty();
            class::add(&mut span, low, high);
            if self.flags.fold_case {
                class::fold(&mut span);
            }
            class.union(&span);
        }
        if negated {
            class.negate();
        }
        self.push(Part::class(class))?;
        Ok(&rest[1..])
    }
}

impl Entry {
    fn part(self) -> Option<Part> {
        match self {
            Entry::Part(part) => Some(part),
            _ => None,
        }
    }
}

fn class_char<'a>(text: &'a [u8], whole: &[u8]) -> Result<(u32, &'a [u8]), Refused> {
    match text.first() {
        None => refuse("missing closing ]", whole),
        Some(b'\\') => escape(text),
        Some(_) => next(text).map(|(rune, rest)| (rune as u32, rest)),
    }
}

/// `{n}`, `{n,}`, `{n,m}`: the counts (`None` inside: too big or upside down) and what follows; `None`: not a repetition.
#[allow(clippy::type_complexity)] // the two options are the two outcomes of Go's parseRepeat
fn counts(text: &[u8]) -> Option<(Option<(u32, Option<u32>)>, &[u8])> {
    let (min, rest) = integer(&text[1..])?;
    let (max, rest) = match rest.strip_prefix(b",") {
        None => (Some(min), rest),
        Some(rest) if rest.first() == Some(&b'}') => (None, rest),
        Some(rest) => {
            let (max, rest) = integer(rest)?;
            (Some(max), rest)
        }
    };
    let rest = rest.strip_prefix(b"}")?;
    let valid = min <= MAX_REPEAT && max.is_none_or(|max| max <= MAX_REPEAT && min <= max);
    Some((valid.then_some((min, max)), rest))
}

/// A decimal number without leading zeros, saturating.
fn integer(text: &[u8]) -> Option<(u32, &[u8])> {
    let digits = text.iter().take_while(|byte| byte.is_ascii_digit()).count();
    if digits == 0 || digits > 1 && text[0] == b'0' {
        return None;
    }
    let add = |sum: u32, digit: &u8| sum.saturating_mul(10).saturating_add(u32::from(digit - b'0'));
    Some((text[..digits].iter().fold(0, add), &text[digits..]))
}

/// A single-character escape: the rune (perhaps a surrogate) and what follows.
fn escape(text: &[u8]) -> Result<(u32, &[u8]), Refused> {
    let Some(mut rest) = text.get(1..).filter(|rest| !rest.is_empty()) else {
        return refuse("trailing backslash at end of expression", b"");
    };
    let octal = |text: &[u8]| text.first().is_some_and(|byte| (b'0'..=b'7').contains(byte));
    let (rune, after) = next(rest)?;
    rest = after;
    match rune {
        rune if rune.is_ascii() && !rune.is_ascii_alphanumeric() => return Ok((rune as u32, rest)),
        '0'..='7' if rune == '0' || octal(rest) => {
            let mut value = rune as u32 - '0' as u32;
            for _ in 1..3 {
                if octal(rest) {
                    value = value * 8 + u32::from(rest[0] - b'0');
                    rest = &rest[1..];
                }
            }
            return Ok((value, rest));
        }
        'x' if !rest.is_empty() => match hexadecimal(&mut rest)? {
            Some(value) => return Ok((value, rest)),
            None => {}
        },
        'a' => return Ok((7, rest)),
        'f' => return Ok((12, rest)),
        'n' => return Ok((10, rest)),
        'r' => return Ok((13, rest)),
        't' => return Ok((9, rest)),
        'v' => return Ok((11, rest)),
        _ => {}
    }
    refuse("invalid escape sequence", &text[..text.len() - rest.len()])
}

/// What follows `\x`: two digits, or digits in braces. `None`: malformed; `rest` then stands after what was read.
fn hexadecimal(rest: &mut &[u8]) -> Result<Option<u32>, Refused> {
    let (first, after) = next(rest)?;
    *rest = after;
    if first != '{' {
        let (second, after) = match rest.is_empty() {
            true => ('\u{FFFD}', *rest), // Go decodes nothing to RuneError: no digit
            false => next(rest)?,
        };
        *rest = after;
        return Ok(first.to_digit(16).zip(second.to_digit(16)).map(|(high, low)| high * 16 + low));
    }
    let (mut value, mut digits) = (0, 0);
    loop {
        if rest.is_empty() {
            return Ok(None);
        }
        let (rune, after) = next(rest)?;
        *rest = after;
        match rune.to_digit(16) {
            None if rune == '}' => return Ok((digits > 0).then_some(value)),
            None => return Ok(None),
            Some(digit) => value = value * 16 + digit,
        }
        if value > char::MAX as u32 {
            return Ok(None);
        }
        digits += 1;
    }
}
