//! Random regular expressions and texts that they may match.

use super::Random;

/// A random expression; some are none.
pub fn pattern(random: &mut Random, depth: usize) -> String {
    let mut text = String::new();
    for _ in 0..1 + random.below(3) {
        atom(random, depth, &mut text);
        if random.chance(40) {
            text.push_str(random.pick(&["*", "+", "?", "*?", "+?", "??", "{2}", "{1,}", "{0,2}", "{,3}", "{2,1}", "{1,2}?", "**", "{1001}", "{", "{a}"]));
        }
        if random.chance(12) {
            text.push('|');
        }
    }
    text
}

fn atom(random: &mut Random, depth: usize, text: &mut String) {
    match random.below(if depth > 0 { 12 } else { 9 }) {
        0..=3 => text.push_str(random.pick(&["a", "b", "ab", "é", "x", "1", "-", " ", "A", "ß", "K", "\\.", "\\x41", "\\x{e9}", "\\n", "\\101", "\\t", "_"])),
        4 => text.push_str(random.pick(&[".", "^", "$", "\\b", "\\B", "\\A", "\\z", "\\Z", "\\C", "\\G"])),
        5 | 6 => text.push_str(random.pick(&["\\d", "\\D", "\\w", "\\W", "\\s", "\\S", "\\pL", "\\p{Lu}", "\\P{Greek}", "\\pN", "\\p{Nope}", "\\h", "\\v", "\\p{^L}", "\\p{Han}"])),
        7 => class(random, text),
        8 => text.push_str(random.pick(&["\\Qa.b\\E", "\\Q*", "\\E", "(?i)", "(?s)", "(?m)", "(?-i)", "(?U)", "(?x)", "\\", "[", "(", ")", "]", "\\1", "\\y"])),
        _ => {
            text.push_str(random.pick(&["(", "(", "(?:", "(?P<n>", "(?<m>", "(?i:", "(?s-i:", "(?P<n", "(?=", "(?!", "(?<=", "(?#", "(?P=n)", "(?P<1a>", "(?ii:"]));
            let inner = pattern(random, depth - 1);
            text.push_str(&inner);
            text.push(')');
        }
    }
}

fn class(random: &mut Random, text: &mut String) {
    text.push_str(random.pick(&["[", "[", "[^", "[]", "[^]", "[-"]));
    for _ in 0..random.below(4) {
        text.push_str(random.pick(&[
            "a", "a-c", "z-a", "\\d", "\\D", "[:alpha:]", "[:^digit:]", "[:nope:]", "\\pL", "é-ü", "-", "\\]", "\\-", "^", "\\n", "A-z", "&&", "\\x20-\\x7e", "\\w-z", "a-\\d", "[", "\\b", "0-9", "K", "\\Q", "--", "~~", "[a-z]",
        ]));
    }
    text.push_str(random.pick(&["]", "]", "]", "]", "-]", ""]));
}

/// A text for them.
pub fn subject(random: &mut Random) -> String {
    const PIECES: &[&str] = &["a", "b", "ab", "é", "x", "1", "-", " ", "A", "ß", "K", "\u{212a}", "ſ", "s", "\n", ".", "aa", "abab", "日", "_", "\u{7f}", "\t", "σς", "Σ", "]", "^"];
    (0..random.below(9)).map(|_| random.pick(PIECES)).collect()
}
