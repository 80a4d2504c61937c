//! A piece of an expression with what Go's limits ask of it: height, size and nested repetition.

use super::class;
use regex_syntax::hir::{Class, ClassUnicode, Hir, Repetition};

/// Go's `maxHeight`: how deep an expression may nest.
const MAX_HEIGHT: u32 = 1000;
/// Go's `maxSize`: how many instructions an expression may need.
const MAX_SIZE: u64 = (128 << 20) / 40;

#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    Literal { folded: bool },
    Concat,
    Alternate,
    Other,
}

/// A piece of an expression.
pub(super) struct Part {
    pub hir: Hir,
    /// How often the innermost thing is copied by counted repetitions.
    pub copies: u32,
    kind: Kind,
    height: u32,
    size: u64,
}

impl Part {
    /// Something without parts of its own.
    pub fn leaf(hir: Hir) -> Part {
        Part { hir, copies: 1, kind: Kind::Other, height: 1, size: 1 }
    }

    /// A character class.
    pub fn class(class: ClassUnicode) -> Part {
        Part::leaf(Hir::class(Class::Unicode(class)))
    }

    /// One character.
    pub fn literal(rune: char, folded: bool) -> Part {
        let mut buffer = [0; 4];
        let part = match folded {
            false => Part::leaf(Hir::literal(rune.encode_utf8(&mut buffer).as_bytes())),
            true => {
                let mut class = ClassUnicode::empty();
                class::add(&mut class, rune as u32, rune as u32);
                class::fold(&mut class);
                Part::class(class)
            }
        };
        Part { kind: Kind::Literal { folded }, ..part }
    }

    /// The part inside something, such as a group.
    pub fn wrapped(self, wrap: impl FnOnce(Hir) -> Hir) -> Part {
        Part { hir: wrap(self.hir), kind: Kind::Other, height: self.height + 1, size: self.size + 2, ..self }
    }

    /// The part repeated; `counted` says by `{…}`, which copies it.
    pub fn repeated(self, min: u32, max: Option<u32>, greedy: bool, counted: bool) -> Part {
        let (copies, size) = match (counted, max) {
            (false, _) | (true, None) if min <= 1 && !counted => (self.copies, self.size + 2),
            (_, Some(0)) => (1, 1),
            (_, Some(max)) => {
                let size = u64::from(max) * self.size + u64::from(max - min);
                (self.copies.saturating_mul(max), size)
            }
            (_, None) => (self.copies.saturating_mul(min.max(1)), 1 + u64::from(min.max(1)) * self.size),
        };
        let hir = Hir::repetition(Repetition { min, max, greedy, sub: Box::new(self.hir) });
        Part { hir, copies, kind: Kind::Other, height: self.height + 1, size: size.max(1) }
    }

    /// Which of Go's limits the part exceeds, by Go's text.
    pub fn excess(&self) -> Option<&'static str> {
        if self.size > MAX_SIZE {
            return Some("expression too large");
        }
        (self.height > MAX_HEIGHT).then_some("expression nests too deeply")
    }
}

/// One part after the other.
pub(super) fn concat(parts: Vec<Part>) -> Part {
    let literal = |part: &Part| matches!(part.kind, Kind::Literal { .. });
    let one_literal = parts.iter().all(literal) && parts.windows(2).all(|pair| pair[0].kind == pair[1].kind);
    match one_literal && parts.len() > 1 {
        true => {
            let kind = parts[0].kind;
            Part { kind, height: 1, ..join(parts, Kind::Concat, Hir::concat) }
        }
        false => join(parts, Kind::Concat, Hir::concat),
    }
}

/// One part or the other.
pub(super) fn alternate(parts: Vec<Part>) -> Part {
    join(parts, Kind::Alternate, Hir::alternation)
}

/// Go's `collapse`: a single part stays as it is, parts of the same kind are taken apart first.
fn join(mut parts: Vec<Part>, kind: Kind, build: fn(Vec<Hir>) -> Hir) -> Part {
    if parts.len() == 1
        && let Some(only) = parts.pop()
    {
        return only;
    }
    let height = parts.iter().map(|part| if part.kind == kind { part.height } else { part.height + 1 }).max();
    let copies = parts.iter().map(|part| part.copies).max();
    let size = parts.iter().map(|part| part.size).sum::<u64>().max(1);
    let hirs = parts.into_iter().map(|part| part.hir).collect();
    Part { hir: build(hirs), copies: copies.unwrap_or(1), kind, height: height.unwrap_or(1), size }
}
