//! The texts of versions and constraints, read as Masterminds' expressions match them. They are short and everywhere (each
//! chart has some), and compiling the expressions took longer than rendering a small chart.

/// A version's parts as they stand in the text; what lacks is empty.
#[derive(Debug, Default, PartialEq)]
pub(super) struct Parts<'a> {
    /// All of them, with a leading `v`.
    pub whole: &'a str,
    /// The first number, or `x`.
    pub major: &'a str,
    /// The second number with its dot before it.
    pub minor: &'a str,
    /// The third number with its dot before it.
    pub patch: &'a str,
    /// What follows the numbers, from its hyphen on.
    pub pre: &'a str,
    /// What follows, from its plus sign on.
    pub metadata: &'a str,
}

/// One comparison of a constraint.
#[derive(Debug, PartialEq)]
pub(super) struct Comparison<'a> {
    pub operator: &'a str,
    pub version: Parts<'a>,
}

/// The operators; without any a version stands for itself.
const OPERATORS: &[&str] = &["", "=", "!=", ">", "<", ">=", "=>", "<=", "=<", "~", "~>", "^"];

/// `versionRegex`: the whole text as a version.
pub(super) fn version(text: &[u8]) -> Option<Parts<'_>> {
    let mut scanner = Scanner { text, at: 0 };
    let parts = scanner.version(|byte| byte.is_ascii_digit())?;
    scanner.at_end().then_some(parts)
}

/// `validConstraintRegex`, `findConstraintRegex` and `constraintRegex` in one: comparisons with white space or a comma between.
pub(super) fn comparisons(text: &[u8]) -> Option<Vec<Comparison<'_>>> {
    let mut scanner = Scanner { text, at: 0 };
    let mut found = Vec::new();
    scanner.take(is_space);
    loop {
        let operator = scanner.take(|byte| b"=!<>~^".contains(&byte));
        if !OPERATORS.contains(&operator) {
            return None;
        }
        scanner.take(is_space);
        // The bars in the class are Masterminds' own.
        let version = scanner.version(|byte| byte.is_ascii_digit() || b"|xX*".contains(&byte))?;
        found.push(Comparison { operator, version });
        let apart = !scanner.take(is_space).is_empty();
        if scanner.at_end() {
            return Some(found);
        }
        if scanner.skip(b',') {
            scanner.take(is_space);
        } else if !apart {
            return None;
        }
    }
}

/// Whether `rangeRegex` can match: it wants a hyphen with white space on both sides.
pub(super) fn may_be_range(text: &[u8]) -> bool {
    text.windows(3).any(|three| three[1] == b'-' && is_space(three[0]) && is_space(three[2]))
}

/// Go's `\s`, which is without the vertical tab.
fn is_space(byte: u8) -> bool {
    b"\t\n\x0c\r ".contains(&byte)
}

struct Scanner<'a> {
    text: &'a [u8],
    at: usize,
}

impl<'a> Scanner<'a> {
    fn at_end(&self) -> bool {
        self.at == self.text.len()
    }

    fn skip(&mut self, byte: u8) -> bool {
        let is_there = self.text.get(self.at) == Some(&byte);
        self.at += usize::from(is_there);
        is_there
    }

    /// As many as fit; the classes are ASCII.
    fn take(&mut self, fits: impl Fn(u8) -> bool) -> &'a str {
        let begin = self.at;
        self.at += self.text[begin..].iter().take_while(|byte| fits(**byte)).count();
        self.since(begin)
    }

    fn since(&self, begin: usize) -> &'a str {
        std::str::from_utf8(&self.text[begin..self.at]).unwrap_or_default()
    }

    /// From `v` to the metadata; none if something begins that does not end.
    fn version(&mut self, digit: impl Fn(u8) -> bool + Copy) -> Option<Parts<'a>> {
        let begin = self.at;
        self.skip(b'v');
        let mut parts = Parts { major: Some(self.take(digit)).filter(|major| !major.is_empty())?, ..Parts::default() };
        parts.minor = self.after_dot(digit)?;
        if !parts.minor.is_empty() {
            parts.patch = self.after_dot(digit)?;
        }
        parts.pre = self.words(b'-')?;
        parts.metadata = self.words(b'+')?;
        parts.whole = self.since(begin);
        Some(parts)
    }

    /// A dot and what follows it; empty if there is no dot.
    fn after_dot(&mut self, fits: impl Fn(u8) -> bool) -> Option<&'a str> {
        let begin = self.at;
        if self.skip(b'.') && self.take(fits).is_empty() {
            return None;
        }
        Some(self.since(begin))
    }

    /// Words with dots between, after the sign; empty if there is no sign.
    fn words(&mut self, sign: u8) -> Option<&'a str> {
        let begin = self.at;
        if !self.skip(sign) {
            return Some("");
        }
        let is_word = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-';
        loop {
            if self.take(is_word).is_empty() {
                return None;
            }
            if !self.skip(b'.') {
                return Some(self.since(begin));
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use regex::bytes::{Captures, Regex};
    use std::sync::LazyLock;

    /// Masterminds' expressions, with Go's `\s`.
    struct Expressions {
        version: Regex,
        constraint: Regex,
        find: Regex,
        valid: Regex,
        range: Regex,
    }

    static EXPRESSIONS: LazyLock<Expressions> = LazyLock::new(|| {
        let compile = |text: String| Regex::new(&format!("(?-u){}", text.replace(r"\s", r"[\t\n\f\r ]"))).unwrap();
        let tail = r"(-([0-9A-Za-z\-]+(\.[0-9A-Za-z\-]+)*))?(\+([0-9A-Za-z\-]+(\.[0-9A-Za-z\-]+)*))?";
        let version = format!(r"v?([0-9|x|X|\*]+)(\.[0-9|x|X|\*]+)?(\.[0-9|x|X|\*]+)?{tail}");
        let operators = r"=||!=|>|<|>=|=>|<=|=<|~|~>|\^";
        Expressions {
            version: compile(format!(r"^v?([0-9]+)(\.[0-9]+)?(\.[0-9]+)?{tail}$")),
            constraint: compile(format!(r"^\s*({operators})\s*({version})\s*$")),
            find: compile(format!(r"({operators})\s*({version})")),
            valid: compile(format!(r"^(\s*({operators})\s*({version})\s*)((?:\s+|,\s*)({operators})\s*({version})\s*)*$")),
            range: compile(format!(r"\s*({version})\s+-\s+({version})\s*")),
        }
    });

    fn group<'a>(captures: &Captures<'a>, index: usize) -> &'a str {
        captures.get(index).map_or("", |found| std::str::from_utf8(found.as_bytes()).unwrap())
    }

    fn parts<'a>(captures: &Captures<'a>, whole: usize) -> Parts<'a> {
        let group = |index: usize| group(captures, whole + index);
        Parts { whole: group(0), major: group(1), minor: group(2), patch: group(3), pre: group(4), metadata: group(7) }
    }

    fn agree(text: &[u8]) {
        let expected = EXPRESSIONS.version.captures(text);
        assert_eq!(version(text), expected.map(|captures| parts(&captures, 0)), "{:?}", bstr::BStr::new(text));
        let expected: Option<Vec<Comparison<'_>>> = EXPRESSIONS.valid.is_match(text).then(|| {
            let found = EXPRESSIONS.find.find_iter(text).map(|found| EXPRESSIONS.constraint.captures(found.as_bytes()).unwrap());
            found.map(|captures| Comparison { operator: group(&captures, 1), version: parts(&captures, 2) }).collect()
        });
        assert_eq!(comparisons(text), expected, "{:?}", bstr::BStr::new(text));
        assert!(may_be_range(text) || !EXPRESSIONS.range.is_match(text), "{:?}", bstr::BStr::new(text));
    }

    proptest! {
        #![proptest_config(ProptestConfig { cases: 4000, ..ProptestConfig::default() })]

        #[test]
        fn it_reads_what_the_expressions_match(text in "([ \t\u{b}\u{c},]{0,2}(=|!=|>|<|>=|=>|=<|~>|\\^|~|)? ?v?[0-9x*X|]{1,2}(\\.[0-9x*]{0,2}){0,3}(-[a-z0-9.-]{0,4})?(\\+[a-z0-9.]{0,3})?[ ,-]{0,2}){1,3}") {
            agree(text.as_bytes());
        }

        #[test]
        fn whatever_the_bytes(text in proptest::collection::vec(prop_oneof![Just(b'.'), Just(b' '), Just(b'1'), Just(b'-'), Just(b'='), Just(b','), any::<u8>()], 0..12)) {
            agree(&text);
        }
    }

    #[test]
    fn versions_and_constraints_of_charts() {
        for text in ["", "v", "1", "v1.2.3", "1.2.3-rc.1+build.5", "1.2.", "1.2.3.4", "-", "1-", "1+", ">=1.2 <3", ">= 1.2, < 3.x", "1 ,2", "1,", ",1", "*", "1|2", "1 - 2", "=>1", "==1", "1\x0b"] {
            agree(text.as_bytes());
        }
    }
}
