//! The case mappings and classes of Go's tables (Unicode 15.0).

use crate::template::utf8;
use unicode_general_category::{GeneralCategory as C, get_general_category};

/// Go's `strings.Map` for a mapping that keeps every rune.
pub(crate) fn map(bytes: &[u8], mut change: impl FnMut(char) -> char) -> Vec<u8> {
    utf8::runes(bytes).map(|(_, rune, _)| change(rune)).collect::<String>().into_bytes()
}

/// Whether the letter or its other case came with Unicode 15.1 or later, which Go 1.26's tables do not know.
fn is_newer_than_go(rune: char) -> bool {
    matches!(rune, '\u{1c89}'..='\u{1c8a}' | '\u{a7cb}'..='\u{a7cf}' | '\u{a7d2}' | '\u{a7d4}' | '\u{a7da}'..='\u{a7dc}'
        | '\u{10d50}'..='\u{10d85}' | '\u{16ea0}'..='\u{16ed3}')
}

/// The one character of a full mapping; Go's simple mappings leave alone what would become several.
fn single(mut mapped: impl Iterator<Item = char>, rune: char) -> char {
    match (mapped.next(), mapped.next()) {
        (Some(one), None) => one,
        _ => rune,
    }
}

/// Go's `unicode.ToUpper`.
pub(crate) fn to_upper(rune: char) -> char {
    match rune {
        '\u{19b}' | '\u{264}' | '\u{a7d3}' | '\u{a7d5}' => rune,
        // Greek with iota below: the full mapping has two characters, the simple one is the title case
        '\u{1f80}'..='\u{1f87}' | '\u{1f90}'..='\u{1f97}' | '\u{1fa0}'..='\u{1fa7}' => offset(rune, 8),
        '\u{1fb3}' | '\u{1fc3}' | '\u{1ff3}' => offset(rune, 9),
        _ if is_newer_than_go(rune) => rune,
        _ => single(rune.to_uppercase(), rune),
    }
}

/// Go's `unicode.ToLower`.
pub(crate) fn to_lower(rune: char) -> char {
    match rune {
        'İ' => 'i',
        _ if is_newer_than_go(rune) => rune,
        _ => single(rune.to_lowercase(), rune),
    }
}

/// Go's `unicode.ToTitle`: upper case, except for digraphs and Georgian.
pub(crate) fn to_title(rune: char) -> char {
    match rune {
        '\u{1c4}'..='\u{1c6}' => '\u{1c5}',
        '\u{1c7}'..='\u{1c9}' => '\u{1c8}',
        '\u{1ca}'..='\u{1cc}' => '\u{1cb}',
        '\u{1f1}'..='\u{1f3}' => '\u{1f2}',
        '\u{10d0}'..='\u{10fa}' | '\u{10fd}'..='\u{10ff}' => rune,
        _ => to_upper(rune),
    }
}

fn offset(rune: char, by: u32) -> char {
    char::from_u32(rune as u32 + by).unwrap_or(rune)
}

/// Go's `unicode.IsUpper`.
pub(crate) fn is_upper(rune: char) -> bool {
    get_general_category(rune) == C::UppercaseLetter && !is_newer_than_go(rune)
}

/// Go's `unicode.IsLower`.
pub(crate) fn is_lower(rune: char) -> bool {
    get_general_category(rune) == C::LowercaseLetter && !is_newer_than_go(rune)
}

/// Go's `unicode.IsTitle`.
pub(crate) fn is_title(rune: char) -> bool {
    get_general_category(rune) == C::TitlecaseLetter
}

/// Go's `unicode.IsNumber`.
pub(crate) fn is_number(rune: char) -> bool {
    matches!(get_general_category(rune), C::DecimalNumber | C::LetterNumber | C::OtherNumber)
}

/// Go's `unicode.IsPunct`.
pub(crate) fn is_punct(rune: char) -> bool {
    use C::{
        ClosePunctuation, ConnectorPunctuation, DashPunctuation, FinalPunctuation, InitialPunctuation, OpenPunctuation,
        OtherPunctuation,
    };
    let (a, b) = (get_general_category(rune), OtherPunctuation);
    matches!(a, ConnectorPunctuation | DashPunctuation | OpenPunctuation | ClosePunctuation)
        || matches!(a, InitialPunctuation | FinalPunctuation)
        || a == b
}

/// Go's `unicode.IsSpace`: the same set as Rust's.
pub(crate) fn is_space(rune: char) -> bool {
    rune.is_whitespace()
}
