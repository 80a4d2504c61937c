//! Policies: from the tags that a registry has to the one that is wanted. Pure.

use crate::template::semver::{Constraints, Version};
use regex::Regex;
use std::cmp::Ordering;

/// One tag of a repository.
#[derive(Clone, Debug, PartialEq)]
pub struct Tag {
    /// The tag.
    pub name: String,
    /// When the image was made, in seconds since the epoch; only [`Policy::Newest`] asks for it.
    pub created: Option<i64>,
}

/// Which tag is wanted.
pub enum Policy {
    /// The highest version in a range.
    Semver {
        /// As Masterminds (and so Helm) reads it.
        range: Constraints,
        /// Prereleases count, whether the range has one or not.
        prereleases: bool,
    },
    /// The last of the tags that match, in an order. A group named `key` is what is ordered, else the first group, else all.
    Regex {
        /// It has to match all of the tag.
        pattern: Regex,
        /// The order.
        order: Order,
        /// The first is wanted instead of the last.
        descending: bool,
    },
    /// The image that was made last, of the tags that match.
    Newest {
        /// Any where none is given; it has to match all of the tag.
        pattern: Option<Regex>,
    },
    /// One tag, whose digest moves.
    Digest {
        /// The tag.
        tag: String,
    },
}

/// How tags are ordered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Order {
    /// By number.
    Numerical,
    /// By letters.
    Alphabetical,
    /// As versions.
    Semver,
}

/// Why nothing is wanted.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
#[error("none of the {tags} tags {wanted}{shown}")]
pub struct NoMatch {
    tags: usize,
    wanted: String,
    shown: String,
}

/// The longest pattern, in bytes.
const MAX_PATTERN: usize = 512;
/// How many tags are named when none fits.
const SHOWN: usize = 5;

/// A pattern that has to match all of a tag.
///
/// # Errors
/// What is wrong with it.
pub fn pattern(text: &str) -> Result<Regex, String> {
    if text.len() > MAX_PATTERN {
        return Err(format!("longer than {MAX_PATTERN} bytes"));
    }
    let whole = regex::RegexBuilder::new(&format!("^(?:{text})$")).size_limit(1 << 20).build();
    whole.map_err(|error| format!("\"{text}\" is not a regular expression: {error}"))
}

impl Policy {
    /// A range of versions, as Helm reads it: `~1.4`, `>=2 <3`, `1.x`.
    ///
    /// # Errors
    /// What is wrong with it.
    pub fn semver(range: &str, prereleases: bool) -> Result<Policy, String> {
        let range = Constraints::parse(range.as_bytes()).map_err(|why| format!("\"{range}\" is not a range of versions ({why}): write it as ~1.4 or >=2 <3"))?;
        Ok(Policy::Semver { range, prereleases })
    }

    /// Whether a tag can be wanted at all.
    pub fn fits(&self, tag: &str) -> bool {
        match self {
            Policy::Semver { range, prereleases } => version(tag).is_some_and(|version| in_range(range, *prereleases, &version)),
            Policy::Regex { pattern, order, .. } => pattern.is_match(tag) && sortable(pattern, *order, tag),
            Policy::Newest { pattern } => pattern.as_ref().is_none_or(|pattern| pattern.is_match(tag)),
            Policy::Digest { tag: wanted } => wanted == tag,
        }
    }

    /// Whether it has to know when images were made.
    pub fn wants_created(&self) -> bool {
        matches!(self, Policy::Newest { .. })
    }

    /// The tag that is wanted. Of two that are equal in its order, the one later in the alphabet: whoever asks again gets the
    /// same answer.
    ///
    /// # Errors
    /// No tag fits.
    pub fn choose<'t>(&self, tags: &'t [Tag]) -> Result<&'t Tag, NoMatch> {
        let fitting = tags.iter().filter(|tag| self.fits(&tag.name));
        let chosen = match self {
            Policy::Semver { .. } => fitting.max_by(|a, b| by_version(&a.name, &b.name).then(a.name.cmp(&b.name))),
            Policy::Regex { pattern, order, descending } => fitting.max_by(|a, b| {
                let by = compare(*order, key(pattern, &a.name), key(pattern, &b.name));
                if *descending { by.reverse() } else { by }.then(a.name.cmp(&b.name))
            }),
            Policy::Newest { .. } => fitting.filter(|tag| tag.created.is_some()).max_by(|a, b| a.created.cmp(&b.created).then(a.name.cmp(&b.name))),
            Policy::Digest { .. } => fitting.max_by(|a, b| a.name.cmp(&b.name)),
        };
        chosen.ok_or_else(|| {
            let mut names: Vec<&str> = tags.iter().rev().take(SHOWN).map(|tag| tag.name.as_str()).collect();
            names.sort_unstable();
            let shown = if names.is_empty() { String::new() } else { format!(" (it has {}{})", names.join(", "), if tags.len() > SHOWN { ", …" } else { "" }) };
            NoMatch { tags: tags.len(), wanted: self.wanted(), shown }
        })
    }

    fn wanted(&self) -> String {
        match self {
            Policy::Semver { .. } => "is a version in the policy's range".into(),
            Policy::Regex { pattern, .. } => format!("matches {pattern} and can be ordered"),
            Policy::Newest { pattern: Some(pattern) } => format!("matches {pattern} and says when it was made"),
            Policy::Newest { pattern: None } => "says when it was made".into(),
            Policy::Digest { tag } => format!("is {tag}"),
        }
    }
}

fn in_range(range: &Constraints, prereleases: bool, version: &Version) -> bool {
    if range.check(version) {
        return true;
    }
    // Masterminds leaves prereleases out unless the range has one itself: the release that it leads to decides.
    prereleases && !version.pre.is_empty() && version.with_prerelease(b"").is_ok_and(|release| range.check(&release))
}

/// A tag as a version: three numbers, as everybody means by it. `1` or `v1.2` are tags that move, not versions.
fn version(tag: &str) -> Option<Version> {
    let numbers = tag.strip_prefix('v').unwrap_or(tag);
    let numbers = numbers.split(['-', '+']).next().unwrap_or_default();
    (numbers.split('.').count() == 3).then(|| Version::parse(tag.as_bytes()).ok())?
}

fn by_version(a: &str, b: &str) -> Ordering {
    match (version(a), version(b)) {
        (Some(a), Some(b)) => a.compare(&b),
        (a, b) => a.is_some().cmp(&b.is_some()),
    }
}

/// What of a tag is ordered.
fn key<'t>(pattern: &Regex, tag: &'t str) -> &'t str {
    let Some(found) = pattern.captures(tag) else { return tag };
    found.name("key").or_else(|| found.get(1)).map_or(tag, |group| group.as_str())
}

fn sortable(pattern: &Regex, order: Order, tag: &str) -> bool {
    let key = key(pattern, tag);
    match order {
        Order::Numerical => number(key).is_some(),
        Order::Alphabetical => true,
        Order::Semver => Version::parse(key.as_bytes()).is_ok(),
    }
}

/// Whole numbers of any length, or with a fraction: build numbers and times.
fn number(text: &str) -> Option<(usize, &str, &str)> {
    let (whole, fraction) = text.split_once('.').unwrap_or((text, ""));
    let digits = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
    if whole.is_empty() || !digits(whole) || !digits(fraction) {
        return None;
    }
    let whole = whole.trim_start_matches('0');
    Some((whole.len(), whole, fraction.trim_end_matches('0')))
}

fn compare(order: Order, a: &str, b: &str) -> Ordering {
    match order {
        Order::Numerical => number(a).cmp(&number(b)),
        Order::Alphabetical => a.cmp(b),
        Order::Semver => match (Version::parse(a.as_bytes()), Version::parse(b.as_bytes())) {
            (Ok(a), Ok(b)) => a.compare(&b),
            (a, b) => a.is_ok().cmp(&b.is_ok()),
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tags(names: &[&str]) -> Vec<Tag> {
        names.iter().map(|name| Tag { name: (*name).into(), created: None }).collect()
    }

    fn chosen(policy: &Policy, names: &[&str]) -> String {
        policy.choose(&tags(names)).map_or_else(|error| error.to_string(), |tag| tag.name.clone())
    }

    #[test]
    fn versions_in_a_range() {
        let all = ["latest", "1.4.9", "1.4.10", "v1.4.2", "1.5.0", "1.4.11-rc.1", "1.4", "1", "2.0.0", "sha-abc", "1.4.10+b1"];
        assert_eq!(chosen(&Policy::semver("~1.4", false).unwrap(), &all), "1.4.10+b1");
        assert_eq!(chosen(&Policy::semver("~1.4", true).unwrap(), &all), "1.4.11-rc.1");
        assert_eq!(chosen(&Policy::semver(">=1 <2", false).unwrap(), &all), "1.5.0");
        assert_eq!(chosen(&Policy::semver(">=1.4.11-0", false).unwrap(), &all), "2.0.0");
        assert!(chosen(&Policy::semver("^3", false).unwrap(), &all).starts_with("none of the 11 tags is a version in the policy's range (it has "));
        assert!(Policy::semver("bogus", false).err().unwrap().contains("write it as ~1.4"));
    }

    #[test]
    fn patterns_with_an_order() {
        let policy = |text: &str, order, descending| Policy::Regex { pattern: pattern(text).unwrap(), order, descending };
        let builds = ["main-9-aaa", "main-10-bbb", "main-0010-ccc", "dev-99-x", "main-x"];
        assert_eq!(chosen(&policy(r"main-(\d+)-[a-z]+", Order::Numerical, false), &builds), "main-10-bbb");
        assert_eq!(chosen(&policy(r"main-(?P<key>\d+)-[a-z]+", Order::Numerical, true), &builds), "main-9-aaa");
        assert_eq!(chosen(&policy(r"main-.*", Order::Alphabetical, false), &builds), "main-x");
        assert_eq!(chosen(&policy(r"main-.*", Order::Numerical, false), &builds), "none of the 5 tags matches ^(?:main-.*)$ and can be ordered (it has dev-99-x, main-0010-ccc, main-10-bbb, main-9-aaa, main-x)");
        assert_eq!(chosen(&policy(r"rel-(.+)", Order::Semver, false), &["rel-1.9", "rel-1.10", "rel-x"]), "rel-1.10");
        let long = ["b-20250101120000", "b-20250101120001", "b-99999999999999999999999", "b-1.5"];
        assert_eq!(chosen(&policy(r"b-([0-9.]+)", Order::Numerical, false), &long), "b-99999999999999999999999");
        assert!(pattern("(").unwrap_err().contains("not a regular expression"));
    }

    #[test]
    fn the_newest_and_the_one_that_moves() {
        let mut all = tags(&["a", "b", "c"]);
        all[0].created = Some(30);
        all[1].created = Some(20);
        let newest = Policy::Newest { pattern: None };
        assert_eq!(newest.choose(&all).unwrap().name, "a");
        let newest = Policy::Newest { pattern: Some(pattern("[bc]").unwrap()) };
        assert_eq!(newest.choose(&all).unwrap().name, "b");
        assert_eq!(chosen(&Policy::Digest { tag: "main".into() }, &["a", "main"]), "main");
        assert_eq!(chosen(&Policy::Digest { tag: "main".into() }, &[]), "none of the 0 tags is main");
    }

    #[test]
    fn the_order_of_the_tags_does_not_matter() {
        let mut names = vec!["1.0.0", "v1.0.0", "1.0.0+a", "0.9.0"];
        let policy = Policy::semver(">=0", false).unwrap();
        let first = chosen(&policy, &names);
        for _ in 0..names.len() {
            names.rotate_left(1);
            assert_eq!(chosen(&policy, &names), first);
        }
    }
}
