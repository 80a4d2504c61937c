//! What names a chart's archive for good: `name-version@sha256:…`.

use std::fmt;

/// A chart's name and version, and the digest of its archive; with them the commit of the values, where those come from git.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Revision {
    /// `name-version`, as the archive is called.
    pub label: String,
    /// SHA-256 of the archive, in hexadecimal.
    pub digest: String,
    /// The commit of the values' files.
    pub values: Option<String>,
}

/// Between chart and values in a revision's text.
const VALUES: &str = "+values@";

impl Revision {
    /// Reads what `Display` writes; `None` where a text is something else, such as a commit.
    pub fn parse(text: &str) -> Option<Revision> {
        let (label, rest) = text.split_once("@sha256:")?;
        let (digest, values) = match rest.split_once(VALUES) {
            Some((digest, commit)) => (digest, Some(commit.to_owned())),
            None => (rest, None),
        };
        let hex = digest.len() == 64 && digest.bytes().all(|byte| byte.is_ascii_hexdigit());
        hex.then(|| Revision { label: label.into(), digest: digest.into(), values })
    }

    /// The version, where the chart is of this name.
    pub fn version(&self, name: &str) -> Option<&str> {
        self.label.strip_prefix(name)?.strip_prefix('-')
    }
}

impl fmt::Display for Revision {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}@sha256:{}", self.label, self.digest)?;
        match &self.values {
            Some(commit) => write!(f, "{VALUES}{commit}"),
            None => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_are_read_back() {
        let digest = "ab".repeat(32);
        for (text, name, version) in [
            (format!("shop-1.2.3@sha256:{digest}"), "shop", "1.2.3"),
            (format!("web-app-2-1.0.0-rc.1+b.5@sha256:{digest}+values@0123"), "web-app-2", "1.0.0-rc.1+b.5"),
        ] {
            let revision = Revision::parse(&text).unwrap();
            assert_eq!(revision.version(name), Some(version));
            assert_eq!(revision.to_string(), text);
        }
        assert_eq!(Revision::parse("0123456789abcdef"), None);
        assert_eq!(Revision::parse("shop-1.0.0@sha256:short"), None);
    }
}
