//! The character classes of libyaml, over bytes (`yamlprivateh.go`). `b` holds at least two bytes after `i`: texts are
//! padded with NULs.

pub(super) fn is_alpha(c: u8) -> bool {
    c.is_ascii_alphanumeric() || c == b'_' || c == b'-'
}

pub(super) fn is_blank(c: u8) -> bool {
    c == b' ' || c == b'\t'
}

/// CR, LF, NEL, LS or PS.
#[inline]
pub(super) fn is_break(b: &[u8], i: usize) -> bool {
    match b[i] {
        b'\r' | b'\n' => true,
        0xC2 => b[i + 1] == 0x85,
        0xE2 => b[i + 1] == 0x80 && (b[i + 2] == 0xA8 || b[i + 2] == 0xA9),
        _ => false,
    }
}

/// A break or the end (NUL).
#[inline]
pub(super) fn is_breakz(b: &[u8], i: usize) -> bool {
    b[i] == 0 || is_break(b, i)
}

/// A blank, a break or the end.
#[inline]
pub(super) fn is_blankz(b: &[u8], i: usize) -> bool {
    b[i] == b' ' || b[i] == b'\t' || is_breakz(b, i)
}

/// The length of the UTF-8 character that starts with this byte; 0 if none does.
#[inline]
pub(super) fn width(c: u8) -> usize {
    match c {
        0x00..=0x7F => 1,
        0xC0..=0xDF => 2,
        0xE0..=0xEF => 3,
        0xF0..=0xF7 => 4,
        _ => 0,
    }
}
