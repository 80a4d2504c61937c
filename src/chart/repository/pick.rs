//! Which version is meant: Helm's rules for tags, and ours for a source that is followed.

use crate::template::semver::{Constraints, Version};

/// Which versions a source takes.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Wanted {
    /// An exact version or a range; empty takes the newest.
    pub range: String,
    /// Whether versions with a pre-release part count where the range names none.
    pub prereleases: bool,
}

/// The best of `versions`: an exact match of the text, else the highest that the range takes.
///
/// # Errors
/// A range that does not parse, with Masterminds' words; no version fits: which there are.
pub fn best<'v>(versions: &'v [String], wanted: &Wanted) -> Result<&'v str, String> {
    if let Some(exact) = versions.iter().find(|version| **version == wanted.range) {
        return Ok(exact);
    }
    let range = if wanted.range.is_empty() { "*" } else { &wanted.range };
    let constraint = Constraints::parse(range.as_bytes()).map_err(|error| format!("\"{range}\" is no version and no range: {error}"))?;
    let fitting = versions.iter().filter_map(|text| Some((text, Version::parse(text.as_bytes()).ok()?)));
    let fitting = fitting.filter(|(_, version)| match wanted.prereleases {
        true => constraint.check_prereleases(version),
        false => constraint.check(version),
    });
    // Of equal ones the first: the index has the newest there.
    let best = fitting.reduce(|best, next| if next.1.compare(&best.1).is_gt() { next } else { best });
    best.map(|(text, _)| text.as_str()).ok_or_else(|| match versions {
        [] => "it has no versions".to_owned(),
        some => {
            const SHOWN: usize = 8;
            let list: Vec<&str> = some.iter().take(SHOWN).map(String::as_str).collect();
            let more = if some.len() > SHOWN { ", …" } else { "" };
            format!("none of its versions fits \"{range}\" (it has {}{more})", list.join(", "))
        }
    })
}

/// `Client.Tags`: tags that are versions, the highest first, with `+` where tags have `_`.
pub fn tags(tags: &[String]) -> Vec<String> {
    let strict = |text: &str| {
        let version = Version::parse(text.as_bytes()).ok()?;
        (version.to_string() == text).then_some(version)
    };
    let mut versions: Vec<Version> = tags.iter().filter_map(|tag| strict(&tag.replace('_', "+"))).collect();
    versions.sort_by(|a, b| b.compare(a));
    versions.iter().map(Version::to_string).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pick(range: &str, prereleases: bool) -> Result<String, String> {
        let versions = ["2.0.0-rc.1", "1.5.0", "1.4.9", "1.4.10", "1.4.11-beta", "junk"].map(str::to_owned);
        best(&versions, &Wanted { range: range.into(), prereleases }).map(str::to_owned)
    }

    // The ranges' meaning: Masterminds/semver, with IncludePrerelease for the second column.
    #[test]
    fn ranges_and_prereleases() {
        for (range, plain, with) in [
            ("", "1.5.0", "2.0.0-rc.1"),
            ("~1.4", "1.4.10", "1.4.11-beta"),
            (">=1 <2", "1.5.0", "2.0.0-rc.1"),
            ("1.4.9", "1.4.9", "1.4.9"),
            (">=1.4.11-0", "2.0.0-rc.1", "2.0.0-rc.1"),
        ] {
            assert_eq!(pick(range, false).as_deref(), Ok(plain), "{range}");
            assert_eq!(pick(range, true).as_deref(), Ok(with), "{range} with pre-releases");
        }
        assert!(pick("^3", false).unwrap_err().contains("none of its versions fits \"^3\" (it has 2.0.0-rc.1, 1.5.0"));
        assert!(pick("x.y.z!", false).unwrap_err().contains("no version and no range"));
        assert_eq!(tags(&["1.0.0_b".into(), "v2.0.0".into(), "latest".into(), "1.2.0".into()]), ["1.2.0", "1.0.0+b"]);
    }
}
