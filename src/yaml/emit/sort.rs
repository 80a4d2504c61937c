//! Keys in Go's "natural" order (`sorter.go`): numbers inside names count as numbers.

use crate::{value::GoStr, yaml::resolve::Rules};
use std::cmp::Ordering;

/// Sorts entries by key. A sort of our own: Go's comparison is not always an order, which the standard library's may
/// take for a reason to panic.
pub(super) fn sort<T>(entries: &mut Vec<(&GoStr, T)>, rules: Rules) {
    if entries.is_sorted_by(|(a, _), (b, _)| !less(b, a, rules)) {
        return;
    }
    let mut runs: Vec<Vec<(&GoStr, T)>> = entries.drain(..).map(|entry| vec![entry]).collect();
    while runs.len() > 1 {
        let mut merged = Vec::with_capacity(runs.len().div_ceil(2));
        let mut pairs = runs.into_iter();
        while let Some(left) = pairs.next() {
            merged.push(match pairs.next() {
                Some(right) => merge(left, right, rules),
                None => left,
            });
        }
        runs = merged;
    }
    entries.extend(runs.into_iter().flatten());
}

fn merge<'k, T>(left: Vec<(&'k GoStr, T)>, right: Vec<(&'k GoStr, T)>, rules: Rules) -> Vec<(&'k GoStr, T)> {
    let mut merged = Vec::with_capacity(left.len() + right.len());
    let (mut left, mut right) = (left.into_iter().peekable(), right.into_iter().peekable());
    while let (Some((a, _)), Some((b, _))) = (left.peek(), right.peek()) {
        let side = if less(b, a, rules) { &mut right } else { &mut left };
        merged.extend(side.next());
    }
    merged.extend(left);
    merged.extend(right);
    merged
}

/// Go's `keyList.Less` for strings.
fn less(a: &[u8], b: &[u8], rules: Rules) -> bool {
    if a.is_ascii() && b.is_ascii() {
        return compare(a, b, rules, |c| char::from(*c));
    }
    let runes = |bytes: &[u8]| String::from_utf8_lossy(bytes).chars().collect::<Vec<char>>();
    compare(&runes(a), &runes(b), rules, |c| *c)
}

fn compare<C: PartialEq>(a: &[C], b: &[C], rules: Rules, rune: impl Fn(&C) -> char) -> bool {
    let mut after_digit = false;
    for place in 0..a.len().min(b.len()) {
        if a[place] == b[place] {
            after_digit = is_digit(rune(&a[place]));
            continue;
        }
        let (ar, br) = (rune(&a[place]), rune(&b[place]));
        let (a_letter, b_letter) = (is_letter(ar), is_letter(br));
        if a_letter && b_letter {
            return ar < br;
        }
        if a_letter || b_letter {
            return if rules == Rules::V3 && after_digit { a_letter } else { b_letter };
        }
        // Leading zeros count only at the start of a number.
        let inside = (ar == '0' || br == '0')
            && a[..place].iter().rev().map(&rune).take_while(|c| is_digit(*c)).any(|c| c != '0');
        let number = |text: &[C]| {
            let digits = text[place..].iter().map(&rune).take_while(|c| is_digit(*c));
            digits.fold((i64::from(inside), place), |(value, end), c| {
                (value.wrapping_mul(10).wrapping_add(i64::from(u32::from(c)) - i64::from(b'0')), end + 1)
            })
        };
        let ((an, ai), (bn, bi)) = (number(a), number(b));
        return match an.cmp(&bn).then(ai.cmp(&bi)) {
            Ordering::Equal => ar < br,
            order => order == Ordering::Less,
        };
    }
    a.len() < b.len()
}

fn is_letter(c: char) -> bool {
    if c.is_ascii() {
        return c.is_ascii_alphabetic();
    }
    use unicode_general_category::{GeneralCategory as G, get_general_category};
    matches!(
        get_general_category(c),
        G::UppercaseLetter | G::LowercaseLetter | G::TitlecaseLetter | G::ModifierLetter | G::OtherLetter
    )
}

fn is_digit(c: char) -> bool {
    use unicode_general_category::{GeneralCategory, get_general_category};
    c.is_ascii_digit() || (!c.is_ascii() && get_general_category(c) == GeneralCategory::DecimalNumber)
}
