//! UTF-8 as Go reads it: byte by byte, each invalid byte being one U+FFFD of width one.

/// The first rune of the bytes and its width; `(U+FFFD, 1)` for an invalid byte, `(U+FFFD, 0)` at the end.
pub fn decode(bytes: &[u8]) -> (char, usize) {
    let Some(&first) = bytes.first() else { return (char::REPLACEMENT_CHARACTER, 0) };
    if first < 0x80 {
        return (first as char, 1);
    }
    let width = match first {
        0xC2..=0xDF => 2,
        0xE0..=0xEF => 3,
        0xF0..=0xF4 => 4,
        _ => return (char::REPLACEMENT_CHARACTER, 1),
    };
    match bytes.get(..width).and_then(|head| std::str::from_utf8(head).ok()).and_then(|text| text.chars().next()) {
        Some(rune) => (rune, width),
        None => (char::REPLACEMENT_CHARACTER, 1),
    }
}

/// The last rune of the bytes and its width, as `utf8.DecodeLastRune`.
pub fn decode_last(bytes: &[u8]) -> (char, usize) {
    let end = bytes.len();
    for start in (end.saturating_sub(4)..end).rev() {
        if bytes[start] & 0xC0 != 0x80 {
            let (rune, width) = decode(&bytes[start..]);
            return if start + width == end { (rune, width) } else { (char::REPLACEMENT_CHARACTER, 1) };
        }
    }
    (char::REPLACEMENT_CHARACTER, usize::from(end > 0))
}

/// How many runes Go counts in the bytes.
pub fn count(bytes: &[u8]) -> usize {
    if bytes.is_ascii() {
        return bytes.len();
    }
    runes(bytes).count()
}

/// The runes with their offsets and widths, as Go's `range` over a string.
pub fn runes(bytes: &[u8]) -> impl Iterator<Item = (usize, char, usize)> + '_ {
    let mut at = 0;
    std::iter::from_fn(move || {
        let rest = bytes.get(at..).filter(|rest| !rest.is_empty())?;
        let (rune, width) = decode(rest);
        at += width;
        Some((at - width, rune, width))
    })
}

/// Appends a rune.
pub fn push(out: &mut Vec<u8>, rune: char) {
    out.extend_from_slice(rune.encode_utf8(&mut [0; 4]).as_bytes());
}

/// `unicode.IsLetter`
pub fn is_letter(rune: char) -> bool {
    use unicode_general_category::{GeneralCategory as G, get_general_category};
    if rune.is_ascii() {
        return rune.is_ascii_alphabetic();
    }
    matches!(
        get_general_category(rune),
        G::UppercaseLetter | G::LowercaseLetter | G::TitlecaseLetter | G::ModifierLetter | G::OtherLetter
    )
}

/// `unicode.IsDigit`
pub fn is_digit(rune: char) -> bool {
    use unicode_general_category::{GeneralCategory as G, get_general_category};
    if rune.is_ascii() { rune.is_ascii_digit() } else { get_general_category(rune) == G::DecimalNumber }
}

/// `unicode.IsPrint` (and `strconv.IsPrint`): letters, marks, numbers, punctuation, symbols and the ASCII space.
pub fn is_print(rune: char) -> bool {
    use unicode_general_category::{GeneralCategory as G, get_general_category};
    if rune.is_ascii() {
        return (' '..='~').contains(&rune);
    }
    !matches!(
        get_general_category(rune),
        G::Control
            | G::Format
            | G::Surrogate
            | G::PrivateUse
            | G::Unassigned
            | G::SpaceSeparator
            | G::LineSeparator
            | G::ParagraphSeparator
    )
}
