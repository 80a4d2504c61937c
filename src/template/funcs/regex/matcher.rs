//! Matching as Go's regexp package does it, over the regex crates' engines.

use super::syntax::{self, Refused, refuse};
use crate::template::utf8::{decode, is_digit, is_letter};
use regex_automata::util::captures::Captures;
use regex_automata::{Input, meta};
use std::borrow::Cow;

/// Most memory for a compiled expression. Go bounds its programs to 128 MiB; classes of many characters take more room
/// here, where they match by byte, so that an absurd expression is refused earlier.
const MAX_COMPILED: usize = 64 << 20;

/// A compiled expression.
pub(super) struct Regex {
    engine: meta::Regex,
    names: Vec<String>,
    empty: bool,
}

/// A text to search: valid UTF-8, and where its bytes stand in the original.
struct Haystack<'t> {
    original: &'t [u8],
    text: Cow<'t, [u8]>,
    /// For text with invalid bytes, which Go reads as U+FFFD each: the original offset of every byte, and of the end.
    offsets: Option<Vec<usize>>,
}

impl<'t> Haystack<'t> {
    fn new(original: &'t [u8]) -> Haystack<'t> {
        if std::str::from_utf8(original).is_ok() {
            return Haystack { original, text: Cow::Borrowed(original), offsets: None };
        }
        let (mut text, mut offsets, mut at) = (Vec::new(), Vec::new(), 0);
        while at < original.len() {
            let (rune, width) = decode(&original[at..]);
            let mut buffer = [0; 4];
            text.extend_from_slice(rune.encode_utf8(&mut buffer).as_bytes());
            offsets.resize(text.len(), at);
            at += width;
        }
        offsets.push(at);
        Haystack { original, text: Cow::Owned(text), offsets: Some(offsets) }
    }

    /// The original bytes between two places of the searched text.
    fn slice(&self, start: usize, end: usize) -> &'t [u8] {
        match &self.offsets {
            None => &self.original[start..end],
            Some(offsets) => &self.original[offsets[start]..offsets[end]],
        }
    }

    /// The width of the rune at a place; 0 at the end.
    fn width(&self, at: usize) -> usize {
        match self.text.get(at..) {
            None | Some([]) => 0,
            Some(rest) => decode(rest).1,
        }
    }
}

impl Regex {
    /// Compiles an expression.
    pub fn new(pattern: &[u8]) -> Result<Regex, Refused> {
        let parsed = syntax::parse(pattern)?;
        let config = meta::Config::new().utf8_empty(true).nfa_size_limit(Some(MAX_COMPILED));
        match meta::Builder::new().configure(config).build_from_hir(&parsed.hir) {
            Ok(engine) => Ok(Regex { engine, names: parsed.names, empty: pattern.is_empty() }),
            Err(_) => refuse("expression too large", pattern),
        }
    }

    /// `MatchString`.
    pub fn is_match(&self, text: &[u8]) -> bool {
        let haystack = Haystack::new(text);
        self.engine.is_match(Input::new(&haystack.text))
    }

    /// `FindString`: the leftmost match, or nothing.
    pub fn find<'t>(&self, text: &'t [u8]) -> &'t [u8] {
        let haystack = Haystack::new(text);
        match self.engine.find(Input::new(&haystack.text)) {
            Some(found) => haystack.slice(found.start(), found.end()),
            None => b"",
        }
    }

    /// `FindAllString`: at most `limit` matches (below zero: all).
    pub fn find_all<'t>(&self, text: &'t [u8], limit: i64) -> Vec<&'t [u8]> {
        let haystack = Haystack::new(text);
        self.spans(&haystack, limit).into_iter().map(|(start, end)| haystack.slice(start, end)).collect()
    }

    /// Go's `allMatches`: an empty match right after another match does not count.
    fn spans(&self, haystack: &Haystack<'_>, limit: i64) -> Vec<(usize, usize)> {
        let limit = usize::try_from(limit).unwrap_or(usize::MAX);
        let (mut found, mut at, mut last_end) = (Vec::new(), 0, None);
        while found.len() < limit && at <= haystack.text.len() {
            let Some(span) = self.engine.find(Input::new(&haystack.text).range(at..)) else { break };
            let mut accept = true;
            if span.end() == at {
                accept = Some(span.start()) != last_end;
                at += haystack.width(at).max(1);
            } else {
                at = span.end();
            }
            last_end = Some(span.end());
            if accept {
                found.push((span.start(), span.end()));
            }
        }
        found
    }

    /// `Split` into at most `limit` pieces (below zero: all); `None` is Go's nil slice.
    pub fn split<'t>(&self, text: &'t [u8], limit: i64) -> Option<Vec<&'t [u8]>> {
        if limit == 0 {
            return None;
        }
        if !self.empty && text.is_empty() {
            return Some(vec![b""]);
        }
        let haystack = Haystack::new(text);
        let (mut pieces, mut begin, mut end) = (Vec::new(), 0, 0);
        for (start, stop) in self.spans(&haystack, limit) {
            if limit > 0 && pieces.len() as i64 == limit - 1 {
                break;
            }
            end = start;
            if stop != 0 {
                pieces.push(haystack.slice(begin, end));
            }
            begin = stop;
        }
        if end != haystack.text.len() {
            pieces.push(haystack.slice(begin, haystack.text.len()));
        }
        Some(pieces)
    }

    /// `ReplaceAllLiteralString`.
    pub fn replace_literal(&self, text: &[u8], replacement: &[u8], room: usize) -> Result<Vec<u8>, usize> {
        self.replace(text, false, room, |out, _, _| out.extend_from_slice(replacement))
    }

    /// `ReplaceAllString`: `$1`, `${name}` and `$$` in the template stand for what matched.
    pub fn replace_template(&self, text: &[u8], template: &[u8], room: usize) -> Result<Vec<u8>, usize> {
        match template.contains(&b'$') {
            false => self.replace_literal(text, template, room),
            true => self.replace(text, true, room, |out, found, haystack| self.expand(out, template, found, haystack)),
        }
    }

    /// Go's `replaceAll`. Fails with the size that the result would have beyond `room`.
    fn replace(
        &self,
        text: &[u8],
        groups: bool,
        room: usize,
        mut write: impl FnMut(&mut Vec<u8>, &Captures, &Haystack<'_>),
    ) -> Result<Vec<u8>, usize> {
        let haystack = Haystack::new(text);
        let mut found = match groups {
            true => self.engine.create_captures(),
            false => Captures::matches(self.engine.group_info().clone()),
        };
        let (mut out, mut last_end, mut at) = (Vec::new(), 0, 0);
        while at <= haystack.text.len() {
            self.engine.search_captures(&Input::new(&haystack.text).range(at..), &mut found);
            let Some(span) = found.get_match() else { break };
            out.extend_from_slice(haystack.slice(last_end, span.start()));
            // Not for an empty match right after another match: `x*` would replace twice.
            if span.end() > last_end || span.start() == 0 {
                write(&mut out, &found, &haystack);
            }
            if out.len() > room {
                return Err(out.len());
            }
            last_end = span.end();
            at = span.end().max(at + haystack.width(at).max(1));
        }
        out.extend_from_slice(haystack.slice(last_end, haystack.text.len()));
        Ok(out)
    }

    /// Go's `expand`: appends the template with its references replaced.
    fn expand(&self, out: &mut Vec<u8>, mut template: &[u8], found: &Captures, haystack: &Haystack<'_>) {
        while let Some(at) = template.iter().position(|&byte| byte == b'$') {
            out.extend_from_slice(&template[..at]);
            template = &template[at + 1..];
            if let Some(rest) = template.strip_prefix(b"$") {
                out.push(b'$');
                template = rest;
                continue;
            }
            let Some((name, number, rest)) = reference(template) else {
                out.push(b'$'); // malformed: raw text
                continue;
            };
            template = rest;
            let span = match number {
                Some(number) => found.get_group(number),
                None => {
                    let named = |(index, own): (usize, &String)| found.get_group(index).filter(|_| own.as_bytes() == name);
                    self.names.iter().enumerate().skip(1).find_map(named)
                }
            };
            if let Some(span) = span {
                out.extend_from_slice(haystack.slice(span.start, span.end));
            }
        }
        out.extend_from_slice(template);
    }
}

/// Go's `extract`: the name after a `$` (bare or in braces), the number where it is one, and what follows.
fn reference(text: &[u8]) -> Option<(&[u8], Option<usize>, &[u8])> {
    let (braces, text) = match text.strip_prefix(b"{") {
        Some(text) => (true, text),
        None => (false, text),
    };
    let mut end = 0;
    while end < text.len() {
        let (rune, width) = decode(&text[end..]);
        if !is_letter(rune) && !is_digit(rune) && rune != '_' {
            break;
        }
        end += width;
    }
    let (name, mut rest) = text.split_at(end);
    if name.is_empty() {
        return None;
    }
    if braces {
        rest = rest.strip_prefix(b"}")?;
    }
    let leading_zero = name[0] == b'0' && name.len() > 1;
    let digits = name.len() <= 9 && !leading_zero && name.iter().all(u8::is_ascii_digit);
    let add = |sum: usize, digit: &u8| sum * 10 + usize::from(digit - b'0');
    Some((name, digits.then(|| name.iter().fold(0, add)), rest))
}
