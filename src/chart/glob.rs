//! The two pattern languages of Helm charts: Go's `filepath.Match` (`.helmignore`, `--show-only`) and gobwas/glob (`.Files.Glob`).

use regex::{Regex, RegexBuilder};

/// A pattern that Go refuses: `syntax error in pattern`.
#[derive(Debug, PartialEq)]
pub struct BadPattern;

/// `filepath.Match` on Unix: `*` and `?` stop at `/`, `[a-z]`, `[^a]`, `\` escapes.
///
/// # Errors
/// A malformed pattern.
pub fn go_match(pattern: &str, name: &str) -> Result<bool, BadPattern> {
    let (mut pattern, mut name): (Vec<char>, Vec<char>) = (pattern.chars().collect(), name.chars().collect());
    'pattern: while !pattern.is_empty() {
        let (star, chunk, rest) = scan_chunk(&pattern);
        pattern = rest;
        if star && chunk.is_empty() {
            return Ok(!name.contains(&'/'));
        }
        if let Some(left) = match_chunk(&chunk, &name)?
            && (left.is_empty() || !pattern.is_empty())
        {
            name = left;
            continue;
        }
        if star {
            let mut start = 0;
            while start < name.len() && name[start] != '/' {
                if let Some(left) = match_chunk(&chunk, &name[start + 1..])? {
                    if pattern.is_empty() && !left.is_empty() {
                        start += 1;
                        continue;
                    }
                    name = left;
                    continue 'pattern;
                }
                start += 1;
            }
        }
        // What is left must still be well-formed.
        while !pattern.is_empty() {
            let (_, chunk, rest) = scan_chunk(&pattern);
            match_chunk(&chunk, &[])?;
            pattern = rest;
        }
        return Ok(false);
    }
    Ok(name.is_empty())
}

/// Splits off the next stretch without `*`, with whether stars stood before it.
fn scan_chunk(pattern: &[char]) -> (bool, Vec<char>, Vec<char>) {
    let stars = pattern.iter().take_while(|&&c| c == '*').count();
    let pattern = &pattern[stars..];
    let (mut in_range, mut end) = (false, 0);
    while end < pattern.len() {
        match pattern[end] {
            '\\' => end += usize::from(end + 1 < pattern.len()),
            '[' => in_range = true,
            ']' => in_range = false,
            '*' if !in_range => break,
            _ => {}
        }
        end += 1;
    }
    (stars > 0, pattern[..end].to_vec(), pattern[end..].to_vec())
}

/// Matches a stretch at the start of `text`; gives what is left of the text.
fn match_chunk(chunk: &[char], text: &[char]) -> Result<Option<Vec<char>>, BadPattern> {
    let (mut chunk, mut text, mut failed) = (chunk, text, false);
    while let Some(&c) = chunk.first() {
        failed = failed || text.is_empty();
        match c {
            '[' => {
                let r = text.first().copied();
                let (negated, found, rest) = match_class(&chunk[1..], r)?;
                chunk = rest;
                failed = failed || found == negated;
                text = text.get(1..).unwrap_or_default();
            }
            '?' => {
                failed = failed || text.first() == Some(&'/');
                (chunk, text) = (&chunk[1..], text.get(1..).unwrap_or_default());
            }
            _ => {
                if c == '\\' {
                    chunk = &chunk[1..];
                }
                let want = chunk.first().ok_or(BadPattern)?;
                failed = failed || text.first() != Some(want);
                (chunk, text) = (&chunk[1..], text.get(1..).unwrap_or_default());
            }
        }
    }
    Ok((!failed).then(|| text.to_vec()))
}

/// Reads a class after its `[`: whether negated, whether it holds `r`, and the pattern after it.
fn match_class(class: &[char], r: Option<char>) -> Result<(bool, bool, &[char]), BadPattern> {
    let negated = class.first() == Some(&'^');
    let mut class = &class[usize::from(negated)..];
    let (mut found, mut count) = (false, 0);
    loop {
        if class.first() == Some(&']') && count > 0 {
            return Ok((negated, found, &class[1..]));
        }
        let (low, rest) = class_char(class)?;
        let (high, rest) = if rest[0] == '-' { class_char(&rest[1..])? } else { (low, rest) };
        found = found || r.is_some_and(|r| low <= r && r <= high);
        (class, count) = (rest, count + 1);
    }
}

/// One character of a class; something must follow it.
fn class_char(class: &[char]) -> Result<(char, &[char]), BadPattern> {
    let class = match class.first() {
        None | Some('-' | ']') => return Err(BadPattern),
        Some('\\') => &class[1..],
        Some(_) => class,
    };
    let &c = class.first().ok_or(BadPattern)?;
    let rest = &class[1..];
    if rest.is_empty() { Err(BadPattern) } else { Ok((c, rest)) }
}

/// A pattern of gobwas/glob v0.2.3 with `/` as separator, as an expression of the same meaning: matched in linear time, whatever
/// a chart writes.
#[derive(Debug)]
pub struct Glob(Regex);

/// The deepest nesting of `{…}` in a pattern.
const MAX_GLOB_DEPTH: usize = 64;
/// The size of a compiled pattern, in bytes.
const MAX_GLOB_SIZE: usize = 1 << 20;

impl Glob {
    /// Compiles a pattern; `None` where gobwas refuses it, and where it is too deep or too large.
    pub fn compile(pattern: &str) -> Option<Glob> {
        let chars: Vec<char> = pattern.chars().collect();
        let expression = format!("^(?:{})$", parse_terms(&chars, &mut 0, 0)?);
        RegexBuilder::new(&expression).dot_matches_new_line(true).size_limit(MAX_GLOB_SIZE).build().ok().map(Glob)
    }

    /// Whether the whole text matches.
    pub fn matches(&self, text: &str) -> bool {
        self.0.is_match(text)
    }
}

/// Reads alternatives up to `}` (inside terms) or the end, as an expression.
fn parse_terms(chars: &[char], place: &mut usize, depth: usize) -> Option<String> {
    if depth > MAX_GLOB_DEPTH {
        return None;
    }
    let mut expression = String::new();
    while let Some(&c) = chars.get(*place) {
        *place += 1;
        match c {
            '{' => {
                let inner = parse_terms(chars, place, depth + 1)?;
                expression.extend(["(?:", &inner, ")"]);
            }
            '}' if depth > 0 => break,
            ',' if depth > 0 => expression.push('|'),
            '[' => expression.push_str(&parse_class(chars, place)?),
            '?' => expression.push_str("[^/]"),
            '*' if chars.get(*place) == Some(&'*') => {
                *place += 1;
                expression.push_str(".*");
            }
            '*' => expression.push_str("[^/]*"),
            '\\' => {
                if let Some(&escaped) = chars.get(*place) {
                    *place += 1;
                    push_plain(&mut expression, escaped);
                }
            }
            other => push_plain(&mut expression, other),
        }
    }
    Some(expression)
}

fn push_plain(expression: &mut String, c: char) {
    expression.push_str(&regex::escape(c.encode_utf8(&mut [0; 4])));
}

/// A class after its `[`, as an expression: either a range `a-z` or a list of characters; `!` negates.
fn parse_class(chars: &[char], place: &mut usize) -> Option<String> {
    let not = chars.get(*place) == Some(&'!');
    *place += usize::from(not);
    let mut class = String::from(if not { "[^" } else { "[" });
    let &first = chars.get(*place)?;
    if chars.get(*place + 1) == Some(&'-') {
        let &high = chars.get(*place + 2)?;
        if chars.get(*place + 3) != Some(&']') || high < first {
            return None;
        }
        *place += 4;
        push_plain(&mut class, first);
        class.push('-');
        push_plain(&mut class, high);
        class.push(']');
        return Some(class);
    }
    let mut empty = true;
    loop {
        let mut c = *chars.get(*place)?;
        *place += 1;
        match c {
            ']' => break,
            '\\' => {
                c = *chars.get(*place)?;
                *place += 1;
            }
            _ => {}
        }
        push_plain(&mut class, c);
        empty = false;
    }
    class.push(']');
    (!empty).then_some(class)
}

#[cfg(test)]
mod tests {
    use super::*;

    // Cases: Go 1.26, path/filepath/match_test.go
    #[test]
    fn go_patterns() {
        for (pattern, name, want) in [
            ("abc", "abc", Ok(true)),
            ("*", "abc", Ok(true)),
            ("*c", "abc", Ok(true)),
            ("a*", "ab/c", Ok(false)),
            ("a*/b", "abc/b", Ok(true)),
            ("a*b*c*d*e*/f", "axbxcxdxe/f", Ok(true)),
            ("a*b*c*d*e*/f", "axbxcxdxexxx/fff", Ok(false)),
            ("a*b?c*x", "abxbbxdbxebxczzx", Ok(true)),
            ("ab[c]", "abc", Ok(true)),
            ("ab[^c]", "abc", Ok(false)),
            ("ab[e-g]", "abc", Ok(false)),
            ("a\\*b", "a*b", Ok(true)),
            ("a?b", "a☺b", Ok(true)),
            ("a[^a]b", "a☺b", Ok(true)),
            ("[a-ζ]*", "α", Ok(true)),
            ("a?b", "a/b", Ok(false)),
            ("[\\]a]", "]", Ok(true)),
            ("[]a]", "]", Err(BadPattern)),
            ("[-]", "-", Err(BadPattern)),
            ("[x-]", "x", Err(BadPattern)),
            ("\\", "a", Err(BadPattern)),
            ("[a-b-c]", "a", Err(BadPattern)),
            ("[", "a", Err(BadPattern)),
            ("a[", "a", Err(BadPattern)),
            ("*x", "xxx", Ok(true)),
        ] {
            assert_eq!(go_match(pattern, name), want, "{pattern} {name}");
        }
    }

    // Cases: gobwas/glob v0.2.3, glob_test.go, with '/' for separator
    #[test]
    fn gobwas_patterns() {
        for (pattern, text, want) in [
            ("* ?at * eyes", "my cat has very bright eyes", true),
            ("abc", "abc", true),
            ("a*c", "abc", true),
            ("a**c", "a/c", true),
            ("a*c", "a/c", false),
            ("/*", "/a/b", false),
            ("**", "a/b", true),
            ("{*,**}", "a/b", true),
            ("[!a]", "a", false),
            ("[!a]?", "bc", true),
            ("[a-c]x", "bx", true),
            ("{abc,def}ghi", "defghi", true),
            ("{a,b{c,d}}e", "bde", true),
            ("a\\*", "a*", true),
            ("a,b", "a,b", true),
            ("config/{a,b}.*", "config/b.yaml", true),
        ] {
            assert_eq!(Glob::compile(pattern).unwrap().matches(text), want, "{pattern} {text}");
        }
        assert!(Glob::compile("[]").is_none() && Glob::compile("[a").is_none() && Glob::compile("[c-a]").is_none());
        assert!(Glob::compile("[.-a]").unwrap().matches("/") && Glob::compile("[&&~~--]").unwrap().matches("~"));
    }

    /// Neither the stack nor the time that a match takes grows with what a chart writes.
    #[test]
    fn long_patterns_are_bounded() {
        let text = "a".repeat(5000);
        for pattern in ["*".repeat(20_000), "{}".repeat(20_000), "a".repeat(5000), format!("{}b", "*a".repeat(2000)), "{a,".repeat(60)] {
            let _ = Glob::compile(&pattern).is_some_and(|glob| glob.matches(&text));
        }
        assert!(Glob::compile(&"{".repeat(10_000)).is_none());
    }
}
