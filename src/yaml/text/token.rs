//! What the scanner hands to the parser.

use std::borrow::Cow;

/// Bytes of the source, or made up where the source has escapes or folds.
pub(super) type Text<'a> = Cow<'a, [u8]>;

/// A token, the lines (from 0) on which it starts and ends, and the characters from and to which it goes.
#[derive(Debug, Clone)]
pub(super) struct Token<'a> {
    pub(super) kind: TokenKind<'a>,
    pub(super) start: usize,
    pub(super) end: usize,
    pub(super) span: (usize, usize),
}

/// libyaml's tokens.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum TokenKind<'a> {
    StreamStart,
    StreamEnd,
    VersionDirective(i8, i8),
    TagDirective(Text<'a>, Text<'a>),
    DocumentStart,
    DocumentEnd,
    BlockSequenceStart,
    BlockMappingStart,
    BlockEnd,
    FlowSequenceStart,
    FlowSequenceEnd,
    FlowMappingStart,
    FlowMappingEnd,
    BlockEntry,
    FlowEntry,
    Key,
    Value,
    Alias(Text<'a>),
    Anchor(Text<'a>),
    /// Handle and suffix.
    Tag(Text<'a>, Text<'a>),
    /// The value, and whether it stands there plain.
    Scalar(Text<'a>, bool),
}

/// A place in the text; `index` and `column` count characters.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Mark {
    pub(super) index: usize,
    pub(super) line: usize,
    pub(super) column: usize,
}

/// A scalar under way: a piece of the source as long as that suffices, a copy from then on.
pub(super) struct Builder<'a> {
    source: &'a [u8],
    start: usize,
    end: usize,
    copy: Option<Vec<u8>>,
}

impl<'a> Builder<'a> {
    pub(super) fn new(source: &'a [u8]) -> Builder<'a> {
        Builder { source, start: 0, end: 0, copy: None }
    }

    /// Appends `source[start..end]`.
    #[inline]
    pub(super) fn span(&mut self, start: usize, end: usize) {
        if start == end {
            return;
        }
        match &mut self.copy {
            Some(copy) => copy.extend_from_slice(&self.source[start..end]),
            None if self.start == self.end => (self.start, self.end) = (start, end),
            None if self.end == start => self.end = end,
            None => {
                let source = self.source;
                self.owned().extend_from_slice(&source[start..end]);
            }
        }
    }

    /// Appends bytes that do not stand in the source like this.
    pub(super) fn bytes(&mut self, bytes: &[u8]) {
        if !bytes.is_empty() {
            self.owned().extend_from_slice(bytes);
        }
    }

    fn owned(&mut self) -> &mut Vec<u8> {
        let (source, start, end) = (self.source, self.start, self.end);
        self.copy.get_or_insert_with(|| source[start..end].to_vec())
    }

    pub(super) fn finish(self) -> Text<'a> {
        match self.copy {
            Some(copy) => Cow::Owned(copy),
            None => Cow::Borrowed(&self.source[self.start..self.end]),
        }
    }
}
