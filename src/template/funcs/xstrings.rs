//! huandu/xstrings 1.5: `ToSnakeCase` and `ToKebabCase`, with its idea of words and numbers.

use super::unicode::{is_number, is_punct, is_space, is_upper, to_lower};
use crate::template::utf8::{decode, is_letter, push, runes};

#[derive(Clone, Copy, PartialEq)]
enum Word {
    Invalid,
    Number,
    UpperCase,
    Alphabet,
    Connector,
    Punctuation,
    Other,
}

/// Whether the character separates words.
pub(super) fn is_connector(rune: char) -> bool {
    rune == '-' || rune == '_' || is_space(rune)
}

/// Letters outside of the scripts that write without spaces.
fn is_alphabet(rune: char) -> bool {
    is_letter(rune)
        && !matches!(rune, '\u{4e00}'..='\u{9fcc}' | '\u{3400}'..='\u{4d85}' | '\u{20000}'..='\u{2b81d}')
}

/// `camelCaseToLowerCase`: words in lower case with a connector between.
pub(super) fn connected(bytes: &[u8], connector: char) -> Vec<u8> {
    let mut out = Vec::new();
    if bytes.is_empty() {
        return out;
    }
    let glues = |kind: Word| !matches!(kind, Word::Connector | Word::Punctuation);
    let (mut kind, mut word, mut rest) = next_word(bytes);
    while !rest.is_empty() {
        if kind != Word::Connector {
            lower(&mut out, kind, word, connector);
        }
        let (before, last) = (kind, word);
        (kind, word, rest) = next_word(rest);
        match before {
            Word::Number => {
                while matches!(kind, Word::Alphabet | Word::Number) {
                    lower(&mut out, kind, word, connector);
                    (kind, word, rest) = next_word(rest);
                }
                if kind != Word::Invalid && glues(kind) {
                    push(&mut out, connector);
                }
            }
            Word::Connector => lower(&mut out, before, last, connector),
            Word::Punctuation => {}
            _ if kind != Word::Number => {
                if glues(kind) {
                    push(&mut out, connector);
                }
            }
            _ if rest.is_empty() => {}
            _ => {
                let number = word;
                (kind, word, rest) = next_word(rest);
                if kind != Word::Alphabet {
                    // a number belongs to the word before: Bld4Floor is bld4_floor
                    lower(&mut out, Word::Number, number, connector);
                    if glues(kind) {
                        push(&mut out, connector);
                    }
                    continue;
                }
                // unless small letters follow: HTTP2xx is http_2xx
                push(&mut out, connector);
                lower(&mut out, Word::Number, number, connector);
                while matches!(kind, Word::Alphabet | Word::Number) {
                    lower(&mut out, kind, word, connector);
                    (kind, word, rest) = next_word(rest);
                }
                if kind != Word::Invalid && glues(kind) {
                    push(&mut out, connector);
                }
            }
        }
    }
    lower(&mut out, kind, word, connector);
    out
}

fn lower(out: &mut Vec<u8>, kind: Word, word: &[u8], connector: char) {
    if !matches!(kind, Word::UpperCase | Word::Connector) {
        out.extend_from_slice(word);
        return;
    }
    for (_, rune, _) in runes(word) {
        push(out, if is_connector(rune) { connector } else if is_upper(rune) { to_lower(rune) } else { rune });
    }
}

/// The next rune that is not broken, and the bytes up to its end; `before` where there is none.
fn next_valid(bytes: &[u8], before: char) -> (char, usize) {
    let mut size = 0;
    while size < bytes.len() {
        let (rune, width) = decode(&bytes[size..]);
        size += width;
        if rune != char::REPLACEMENT_CHARACTER {
            return (rune, size);
        }
    }
    (before, size)
}

/// Goes on from `offset` while the runes belong to the word.
fn take_while(bytes: &[u8], mut offset: usize, first: char, belongs: impl Fn(char) -> bool) -> usize {
    let mut rune = first;
    while offset < bytes.len() {
        let (next, size) = next_valid(&bytes[offset..], rune);
        if !belongs(next) {
            break;
        }
        rune = next;
        offset += size;
    }
    offset
}

/// The first word: what it is, the word, and what follows.
fn next_word(bytes: &[u8]) -> (Word, &[u8], &[u8]) {
    if bytes.is_empty() {
        return (Word::Invalid, bytes, bytes);
    }
    let (rune, size) = next_valid(bytes, char::REPLACEMENT_CHARACTER);
    let small = |rune| is_alphabet(rune) && !is_upper(rune);
    let (kind, end) = if rune == char::REPLACEMENT_CHARACTER {
        (Word::Invalid, size)
    } else if is_connector(rune) {
        (Word::Connector, take_while(bytes, size, rune, is_connector))
    } else if is_punct(rune) {
        (Word::Punctuation, take_while(bytes, size, rune, is_punct))
    } else if is_upper(rune) {
        (Word::UpperCase, upper_word(bytes, size, rune))
    } else if is_alphabet(rune) {
        (Word::Alphabet, take_while(bytes, size, rune, small))
    } else if is_number(rune) {
        (Word::Number, take_while(bytes, size, rune, is_number))
    } else {
        let plain = |rune| !(is_connector(rune) || is_alphabet(rune) || is_number(rune) || is_punct(rune));
        (Word::Other, take_while(bytes, size, rune, plain))
    };
    (kind, &bytes[..end], &bytes[end..])
}

/// Where a word that begins with a capital ends: `HTTPStatus` is `HTTP` and `Status`, `Status` is one word.
fn upper_word(bytes: &[u8], start: usize, first: char) -> usize {
    if start == bytes.len() {
        return start;
    }
    let (mut rune, mut size) = next_valid(&bytes[start..], first);
    let mut end = start;
    if !is_upper(rune) {
        return match is_alphabet(rune) {
            true => take_while(bytes, start + size, rune, |rune| is_alphabet(rune) && !is_upper(rune)),
            false => start,
        };
    }
    let mut last = size;
    end += size;
    while end < bytes.len() {
        (rune, size) = next_valid(&bytes[end..], rune);
        if !is_upper(rune) {
            break;
        }
        last = size;
        end += size;
    }
    if end < bytes.len() && is_alphabet(rune) { end - last } else { end }
}
