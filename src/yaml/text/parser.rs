//! Tokens to events: a port of `parserc.go`, a state machine rather than a recursion, so depth costs no stack.

use super::{
    fault::Fault,
    reader::Source,
    scanner::Scanner,
    token::{Text, Token, TokenKind as T},
};
use std::borrow::Cow;

/// An event and the line (from 0) on which it starts.
#[derive(Debug)]
pub(super) struct Event<'a> {
    pub(super) line: usize,
    pub(super) kind: EventKind<'a>,
}

/// libyaml's events, with what the composer needs of them.
#[derive(Debug)]
pub(super) enum EventKind<'a> {
    StreamStart,
    StreamEnd,
    DocumentStart,
    DocumentEnd,
    Alias(Text<'a>),
    /// With the characters from and to which it goes; nowhere (0 to 0) where nothing stands.
    Scalar { anchor: Option<Text<'a>>, tag: Text<'a>, value: Text<'a>, implicit: bool, span: (usize, usize) },
    SequenceStart(Option<Text<'a>>),
    SequenceEnd,
    MappingStart(Option<Text<'a>>),
    MappingEnd,
}

#[derive(Debug, Clone, Copy)]
enum State {
    StreamStart,
    ImplicitDocumentStart,
    DocumentStart,
    DocumentContent,
    DocumentEnd,
    BlockNode,
    BlockSequenceFirstEntry,
    BlockSequenceEntry,
    IndentlessSequenceEntry,
    BlockMappingFirstKey,
    BlockMappingKey,
    BlockMappingValue,
    FlowSequenceFirstEntry,
    FlowSequenceEntry,
    FlowSequenceEntryMappingKey,
    FlowSequenceEntryMappingValue,
    FlowSequenceEntryMappingEnd,
    FlowMappingFirstKey,
    FlowMappingKey,
    FlowMappingValue,
    FlowMappingEmptyValue,
    End,
}

/// The parser's state.
pub(super) struct Parser<'a> {
    scanner: Scanner<'a>,
    state: State,
    states: Vec<State>,
    /// Lines on which the open collections start, for errors.
    marks: Vec<usize>,
    /// Handle to prefix.
    tag_directives: Vec<(Text<'a>, Text<'a>)>,
}

type Step<'a> = Result<Event<'a>, Fault>;

fn refuse<T>(context: usize, problem: &'static str, line: usize) -> Result<T, Fault> {
    Err(Fault::Parser { context, line, problem })
}

fn empty<'a>(line: usize) -> Event<'a> {
    let nothing = || Cow::Borrowed(&b""[..]);
    Event { line, kind: EventKind::Scalar { anchor: None, tag: nothing(), value: nothing(), implicit: true, span: (0, 0) } }
}

impl<'a> Parser<'a> {
    pub(super) fn new(source: &'a Source) -> Parser<'a> {
        Parser {
            scanner: Scanner::new(source),
            state: State::StreamStart,
            states: Vec::new(),
            marks: Vec::new(),
            tag_directives: Vec::new(),
        }
    }

    /// The next event; the end of the stream for ever once it was reached.
    pub(super) fn next(&mut self) -> Step<'a> {
        match self.state {
            State::StreamStart => self.stream_start(),
            State::ImplicitDocumentStart => self.document_start(true),
            State::DocumentStart => self.document_start(false),
            State::DocumentContent => self.document_content(),
            State::DocumentEnd => self.document_end(),
            State::BlockNode => self.node(true, false),
            State::BlockSequenceFirstEntry => self.block_sequence_entry(true),
            State::BlockSequenceEntry => self.block_sequence_entry(false),
            State::IndentlessSequenceEntry => self.indentless_sequence_entry(),
            State::BlockMappingFirstKey => self.block_mapping_key(true),
            State::BlockMappingKey => self.block_mapping_key(false),
            State::BlockMappingValue => self.block_mapping_value(),
            State::FlowSequenceFirstEntry => self.flow_sequence_entry(true),
            State::FlowSequenceEntry => self.flow_sequence_entry(false),
            State::FlowSequenceEntryMappingKey => self.flow_sequence_entry_mapping_key(),
            State::FlowSequenceEntryMappingValue => self.flow_sequence_entry_mapping_value(),
            State::FlowSequenceEntryMappingEnd => self.flow_sequence_entry_mapping_end(),
            State::FlowMappingFirstKey => self.flow_mapping_key(true),
            State::FlowMappingKey => self.flow_mapping_key(false),
            State::FlowMappingValue => self.flow_mapping_value(false),
            State::FlowMappingEmptyValue => self.flow_mapping_value(true),
            State::End => Ok(Event { line: 0, kind: EventKind::StreamEnd }),
        }
    }

    #[inline]
    fn peek(&mut self) -> Result<&Token<'a>, Fault> {
        self.scanner.peek()
    }

    fn take(&mut self) -> Token<'a> {
        self.scanner.take()
    }

    fn pop_state(&mut self) {
        self.state = self.states.pop().expect("a node is parsed only after its follower was pushed");
    }

    fn pop_mark(&mut self) -> usize {
        self.marks.pop().expect("every open collection pushed its mark")
    }

    /// Parses a node and goes on with `then`.
    fn node_then(&mut self, then: State, block: bool, indentless: bool) -> Step<'a> {
        self.states.push(then);
        self.node(block, indentless)
    }

    fn empty_then(&mut self, then: State, line: usize) -> Step<'a> {
        self.state = then;
        Ok(empty(line))
    }

    /// Takes the collection's last token and closes it.
    fn close(&mut self, kind: EventKind<'a>) -> Step<'a> {
        self.pop_state();
        self.pop_mark();
        let line = self.take().start;
        Ok(Event { line, kind })
    }

    fn stream_start(&mut self) -> Step<'a> {
        self.peek()?;
        let line = self.take().start;
        self.state = State::ImplicitDocumentStart;
        Ok(Event { line, kind: EventKind::StreamStart })
    }

    fn document_start(&mut self, implicit: bool) -> Step<'a> {
        if !implicit {
            while self.peek()?.kind == T::DocumentEnd {
                self.take();
            }
        }
        let token = self.peek()?;
        let line = token.start;
        match token.kind {
            T::StreamEnd => {
                self.take();
                self.state = State::End;
                return Ok(Event { line, kind: EventKind::StreamEnd });
            }
            T::VersionDirective(..) | T::TagDirective(..) | T::DocumentStart => {}
            _ if implicit => {
                self.process_directives()?;
                self.states.push(State::DocumentEnd);
                self.state = State::BlockNode;
                return Ok(Event { line, kind: EventKind::DocumentStart });
            }
            _ => {}
        }
        self.process_directives()?;
        let token = self.peek()?;
        if token.kind != T::DocumentStart {
            return refuse(0, "did not find expected <document start>", token.start);
        }
        self.take();
        self.states.push(State::DocumentEnd);
        self.state = State::DocumentContent;
        Ok(Event { line, kind: EventKind::DocumentStart })
    }

    fn document_content(&mut self) -> Step<'a> {
        let token = self.peek()?;
        match token.kind {
            T::VersionDirective(..) | T::TagDirective(..) | T::DocumentStart | T::DocumentEnd | T::StreamEnd => {
                let line = token.start;
                self.pop_state();
                Ok(empty(line))
            }
            _ => self.node(true, false),
        }
    }

    fn document_end(&mut self) -> Step<'a> {
        let token = self.peek()?;
        let (line, explicit) = (token.start, token.kind == T::DocumentEnd);
        if explicit {
            self.take();
        }
        self.tag_directives.clear();
        self.state = State::DocumentStart;
        Ok(Event { line, kind: EventKind::DocumentEnd })
    }

    fn node(&mut self, block: bool, indentless: bool) -> Step<'a> {
        let start = self.peek()?.start;
        if matches!(self.peek()?.kind, T::Alias(_)) {
            let T::Alias(name) = self.take().kind else { unreachable!("the token was just seen to be an alias") };
            self.pop_state();
            return Ok(Event { line: start, kind: EventKind::Alias(name) });
        }
        let (anchor, tag) = self.properties(start)?;
        let implicit = tag.is_empty();
        let token = self.peek()?;
        let kind = match token.kind {
            T::BlockEntry if indentless => {
                self.state = State::IndentlessSequenceEntry;
                EventKind::SequenceStart(anchor)
            }
            T::Scalar(_, plain) => {
                let token = self.take();
                let span = token.span;
                let T::Scalar(value, _) = token.kind else { unreachable!("the token was just seen to be a scalar") };
                let implicit = (implicit && plain) || *tag == *b"!";
                self.pop_state();
                EventKind::Scalar { anchor, tag, value, implicit, span }
            }
            T::FlowSequenceStart => {
                self.state = State::FlowSequenceFirstEntry;
                EventKind::SequenceStart(anchor)
            }
            T::FlowMappingStart => {
                self.state = State::FlowMappingFirstKey;
                EventKind::MappingStart(anchor)
            }
            T::BlockSequenceStart if block => {
                self.state = State::BlockSequenceFirstEntry;
                EventKind::SequenceStart(anchor)
            }
            T::BlockMappingStart if block => {
                self.state = State::BlockMappingFirstKey;
                EventKind::MappingStart(anchor)
            }
            _ if anchor.is_some() || !implicit => {
                self.pop_state();
                EventKind::Scalar { anchor, tag, value: Cow::Borrowed(b""), implicit, span: (0, 0) }
            }
            _ => return refuse(start, "did not find expected node content", token.start),
        };
        Ok(Event { line: start, kind })
    }

    /// An anchor and a tag in either order.
    fn properties(&mut self, start: usize) -> Result<(Option<Text<'a>>, Text<'a>), Fault> {
        let (mut anchor, mut tag) = (None, None);
        for _ in 0..2 {
            match self.peek()?.kind {
                T::Anchor(_) if anchor.is_none() => {
                    if let T::Anchor(name) = self.take().kind {
                        anchor = Some(name);
                    }
                }
                T::Tag(..) if tag.is_none() => {
                    let token = self.take();
                    if let T::Tag(handle, suffix) = token.kind {
                        tag = Some((handle, suffix, token.start));
                    }
                }
                _ => break,
            }
        }
        // The token after them is looked at before an undefined handle is complained about.
        self.peek()?;
        let tag = match tag {
            None => Cow::Borrowed(&b""[..]),
            Some((handle, suffix, _)) if handle.is_empty() => suffix,
            Some((handle, suffix, line)) => {
                let prefix = self.tag_directives.iter().find(|(known, _)| *known == handle);
                let long = prefix.map(|(_, prefix)| [&prefix[..], &suffix[..]].concat()).unwrap_or_default();
                if long.is_empty() {
                    return refuse(start, "found undefined tag handle", line);
                }
                Cow::Owned(long)
            }
        };
        Ok((anchor, tag))
    }

    /// Takes the token that opened the collection, whose place errors tell.
    fn open(&mut self, first: bool) -> Result<(), Fault> {
        if first {
            let line = self.peek()?.start;
            self.marks.push(line);
            self.take();
        }
        Ok(())
    }

    fn block_sequence_entry(&mut self, first: bool) -> Step<'a> {
        self.open(first)?;
        let token = self.peek()?;
        let line = token.start;
        match token.kind {
            T::BlockEntry => {
                let end = self.take().end;
                match self.peek()?.kind {
                    T::BlockEntry | T::BlockEnd => self.empty_then(State::BlockSequenceEntry, end),
                    _ => self.node_then(State::BlockSequenceEntry, true, false),
                }
            }
            T::BlockEnd => self.close(EventKind::SequenceEnd),
            _ => refuse(self.pop_mark(), "did not find expected '-' indicator", line),
        }
    }

    fn indentless_sequence_entry(&mut self) -> Step<'a> {
        let token = self.peek()?;
        let line = token.start;
        if token.kind != T::BlockEntry {
            self.pop_state();
            return Ok(Event { line, kind: EventKind::SequenceEnd });
        }
        let end = self.take().end;
        match self.peek()?.kind {
            T::BlockEntry | T::Key | T::Value | T::BlockEnd => self.empty_then(State::IndentlessSequenceEntry, end),
            _ => self.node_then(State::IndentlessSequenceEntry, true, false),
        }
    }

    fn block_mapping_key(&mut self, first: bool) -> Step<'a> {
        self.open(first)?;
        let token = self.peek()?;
        let line = token.start;
        match token.kind {
            T::Key => {
                let end = self.take().end;
                match self.peek()?.kind {
                    T::Key | T::Value | T::BlockEnd => self.empty_then(State::BlockMappingValue, end),
                    _ => self.node_then(State::BlockMappingValue, true, true),
                }
            }
            T::BlockEnd => self.close(EventKind::MappingEnd),
            _ => refuse(self.pop_mark(), "did not find expected key", line),
        }
    }

    fn block_mapping_value(&mut self) -> Step<'a> {
        let token = self.peek()?;
        if token.kind != T::Value {
            let line = token.start;
            return self.empty_then(State::BlockMappingKey, line);
        }
        let end = self.take().end;
        match self.peek()?.kind {
            T::Key | T::Value | T::BlockEnd => self.empty_then(State::BlockMappingKey, end),
            _ => self.node_then(State::BlockMappingKey, true, true),
        }
    }

    fn flow_sequence_entry(&mut self, first: bool) -> Step<'a> {
        self.open(first)?;
        if self.peek()?.kind != T::FlowSequenceEnd {
            if !first {
                let token = self.peek()?;
                let line = token.start;
                if token.kind != T::FlowEntry {
                    return refuse(self.pop_mark(), "did not find expected ',' or ']'", line);
                }
                self.take();
            }
            match self.peek()?.kind {
                T::Key => {
                    let line = self.take().start;
                    self.state = State::FlowSequenceEntryMappingKey;
                    return Ok(Event { line, kind: EventKind::MappingStart(None) });
                }
                T::FlowSequenceEnd => {}
                _ => return self.node_then(State::FlowSequenceEntry, false, false),
            }
        }
        self.close(EventKind::SequenceEnd)
    }

    fn flow_sequence_entry_mapping_key(&mut self) -> Step<'a> {
        match self.peek()?.kind {
            // Go takes the token here, whatever it is.
            T::Value | T::FlowEntry | T::FlowSequenceEnd => {
                let end = self.take().end;
                self.empty_then(State::FlowSequenceEntryMappingValue, end)
            }
            _ => self.node_then(State::FlowSequenceEntryMappingValue, false, false),
        }
    }

    fn flow_sequence_entry_mapping_value(&mut self) -> Step<'a> {
        let token = self.peek()?;
        let mut line = token.start;
        if token.kind == T::Value {
            self.take();
            let token = self.peek()?;
            if !matches!(token.kind, T::FlowEntry | T::FlowSequenceEnd) {
                return self.node_then(State::FlowSequenceEntryMappingEnd, false, false);
            }
            line = token.start;
        }
        self.empty_then(State::FlowSequenceEntryMappingEnd, line)
    }

    fn flow_sequence_entry_mapping_end(&mut self) -> Step<'a> {
        let line = self.peek()?.start;
        self.state = State::FlowSequenceEntry;
        Ok(Event { line, kind: EventKind::MappingEnd })
    }

    fn flow_mapping_key(&mut self, first: bool) -> Step<'a> {
        self.open(first)?;
        if self.peek()?.kind != T::FlowMappingEnd {
            if !first {
                let token = self.peek()?;
                let line = token.start;
                if token.kind != T::FlowEntry {
                    return refuse(self.pop_mark(), "did not find expected ',' or '}'", line);
                }
                self.take();
            }
            match self.peek()?.kind {
                T::Key => {
                    self.take();
                    let token = self.peek()?;
                    let line = token.start;
                    return match token.kind {
                        T::Value | T::FlowEntry | T::FlowMappingEnd => self.empty_then(State::FlowMappingValue, line),
                        _ => self.node_then(State::FlowMappingValue, false, false),
                    };
                }
                T::FlowMappingEnd => {}
                _ => return self.node_then(State::FlowMappingEmptyValue, false, false),
            }
        }
        self.close(EventKind::MappingEnd)
    }

    fn flow_mapping_value(&mut self, empty: bool) -> Step<'a> {
        let token = self.peek()?;
        let mut line = token.start;
        if !empty && token.kind == T::Value {
            self.take();
            let token = self.peek()?;
            if !matches!(token.kind, T::FlowEntry | T::FlowMappingEnd) {
                return self.node_then(State::FlowMappingKey, false, false);
            }
            line = token.start;
        }
        self.empty_then(State::FlowMappingKey, line)
    }

    fn process_directives(&mut self) -> Result<(), Fault> {
        let mut version = false;
        loop {
            let token = self.peek()?;
            let line = token.start;
            match &token.kind {
                T::VersionDirective(..) if version => return refuse(0, "found duplicate %YAML directive", line),
                T::VersionDirective(1, 1) => {
                    version = true;
                    self.take();
                }
                T::VersionDirective(..) => return refuse(0, "found incompatible YAML document", line),
                T::TagDirective(handle, prefix) => {
                    let (handle, prefix) = (handle.clone(), prefix.clone());
                    if self.tag_directives.iter().any(|(known, _)| *known == handle) {
                        return refuse(0, "found duplicate %TAG directive", line);
                    }
                    self.tag_directives.push((handle, prefix));
                    self.take();
                }
                _ => break,
            }
        }
        for (handle, prefix) in [(&b"!"[..], &b"!"[..]), (b"!!", b"tag:yaml.org,2002:")] {
            if !self.tag_directives.iter().any(|(known, _)| **known == *handle) {
                self.tag_directives.push((Cow::Borrowed(handle), Cow::Borrowed(prefix)));
            }
        }
        Ok(())
    }
}
