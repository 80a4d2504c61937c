//! `.helmignore`: Helm's `pkg/ignore/rules.go`.

use super::glob::{BadPattern, go_match};
use super::gopath;

/// The rules of one `.helmignore`.
#[derive(Debug, Default)]
pub struct Rules {
    patterns: Vec<Pattern>,
}

#[derive(Debug)]
struct Pattern {
    rule: String,
    /// `!` in front: what does not match is ignored.
    negate: bool,
    /// `/` at the end: only folders.
    must_dir: bool,
    place: Place,
}

#[derive(Debug, PartialEq)]
enum Place {
    /// A slash in the rule: compared with the whole path.
    Whole,
    /// No slash: compared with the last element.
    Base,
}

/// Longest line of a `.helmignore`, that of Go's `bufio.Scanner`.
const MAX_LINE_BYTES: usize = 64 * 1024;

impl Rules {
    /// Reads the rules from the file's text.
    ///
    /// # Errors
    /// A rule with `**` or a pattern that does not compile, with Helm's text.
    pub fn parse(text: &[u8]) -> Result<Rules, String> {
        let mut rules = Rules::default();
        for line in super::archive::without_bom(text).split(|&byte| byte == b'\n') {
            if line.len() >= MAX_LINE_BYTES {
                return Err("bufio.Scanner: token too long".to_owned());
            }
            rules.add(&String::from_utf8_lossy(line))?;
        }
        Ok(rules)
    }

    /// Adds what Helm always ignores: dot files in `templates/`.
    pub fn add_defaults(&mut self) {
        let added = self.add("templates/.?*");
        debug_assert!(added.is_ok());
    }

    fn add(&mut self, rule: &str) -> Result<(), String> {
        let rule = rule.trim();
        if rule.is_empty() || rule.starts_with('#') {
            return Ok(());
        }
        if rule.contains("**") {
            return Err("double-star (**) syntax is not supported".to_owned());
        }
        go_match(rule, "abc").map_err(|BadPattern| "syntax error in pattern".to_owned())?;
        let (negate, rule) = rule.strip_prefix('!').map_or((false, rule), |rest| (true, rest));
        let (must_dir, rule) = rule.strip_suffix('/').map_or((false, rule), |rest| (true, rest));
        let (place, rule) = match rule.strip_prefix('/') {
            Some(rest) => (Place::Whole, rest),
            None if rule.contains('/') => (Place::Whole, rule),
            None => (Place::Base, rule),
        };
        self.patterns.push(Pattern { rule: rule.to_owned(), negate, must_dir, place });
        Ok(())
    }

    /// Whether the chart leaves out this path (below its folder, with `/`).
    pub fn ignores(&self, path: &str, is_dir: bool) -> bool {
        if matches!(path, "" | "." | "./") {
            return false;
        }
        for pattern in &self.patterns {
            let matches = || {
                let name = if pattern.place == Place::Base { gopath::base(path) } else { path };
                go_match(&pattern.rule, name).unwrap_or(false)
            };
            if pattern.negate {
                if pattern.must_dir && !is_dir || !matches() {
                    return true;
                }
            } else if (!pattern.must_dir || is_dir) && matches() {
                return true;
            }
        }
        false
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    // Cases: helm v4.3.1, pkg/ignore/rules_test.go
    #[test]
    fn rules_as_helm() {
        for (rule, path, is_dir, want) in [
            ("helm.txt", "helm.txt", false, true),
            ("helm.*", "helm.txt", false, true),
            ("helm.*", "rudder.txt", false, false),
            ("*.txt", "tiller.txt", false, true),
            ("*.txt", "cargo/a.txt", false, true),
            ("cargo/*.txt", "cargo/a.txt", false, true),
            ("cargo/*.*", "cargo/a.txt", false, true),
            ("cargo/*.txt", "mast/a.txt", false, false),
            ("ru[c-e]?er.txt", "rudder.txt", false, true),
            ("templates/.?*", "templates/.dotfile", false, true),
            ("cargo/", "cargo", true, true),
            ("cargo/", "cargo/", true, true),
            ("cargo/", "mast/", true, false),
            ("helm.txt/", "helm.txt", false, false),
            ("!helm.txt", "helm.txt", false, false),
            ("!helm.txt", "tiller.txt", false, true),
            ("!*.txt", "cargo", true, true),
            ("!cargo/", "mast/", true, true),
            ("/a.txt", "a.txt", false, true),
            ("/a.txt", "cargo/a.txt", false, false),
            ("/cargo/a.txt", "cargo/a.txt", false, true),
        ] {
            assert_eq!(Rules::parse(rule.as_bytes()).unwrap().ignores(path, is_dir), want, "{rule} {path}");
        }
        assert_eq!(Rules::parse(b"**/foo").unwrap_err(), "double-star (**) syntax is not supported");
        assert_eq!(Rules::parse(b"[a").unwrap_err(), "syntax error in pattern");
    }
}
