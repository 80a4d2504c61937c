//! Masterminds/semver 3.5: versions, and the constraints that charts and `semverCompare` check them with.

mod scan;

use regex::bytes::Regex;
use scan::{Comparison, Parts};
use std::{cmp::Ordering, sync::LazyLock};

/// `MaxVersionLen`
const MAX_VERSION: usize = 256;
/// `MaxConstraintLen`
const MAX_CONSTRAINT: usize = 512;
/// `MaxConstraintGroups`
const MAX_GROUPS: usize = 32;

/// A version of up to three numbers, with what follows them.
#[derive(Clone, Debug, PartialEq)]
pub struct Version {
    /// The first number.
    pub major: u64,
    /// The second number.
    pub minor: u64,
    /// The third number.
    pub patch: u64,
    /// What follows the hyphen.
    pub pre: String,
    /// What follows the plus sign.
    pub metadata: String,
    /// The text that was parsed.
    pub original: String,
}

/// `rangeRegex`: `1.2 - 1.4`. The bars in its classes are Masterminds' own.
static RANGE: LazyLock<Regex> = LazyLock::new(|| {
    const VERSION: &str = r"v?(?:[0-9|x|X|\*]+)(?:\.[0-9|x|X|\*]+)?(?:\.[0-9|x|X|\*]+)?";
    const TAIL: &str = r"(?:-(?:[0-9A-Za-z\-]+(?:\.[0-9A-Za-z\-]+)*))?(?:\+(?:[0-9A-Za-z\-]+(?:\.[0-9A-Za-z\-]+)*))?";
    const SPACE: &str = r"[\t\n\f\r ]";
    let text = format!("(?-u){SPACE}*({VERSION}{TAIL}){SPACE}+-{SPACE}+({VERSION}{TAIL}){SPACE}*");
    Regex::new(&text).expect("the expression is a constant")
});

impl Version {
    /// `semver.NewVersion`: numbers may lack, a `v` may lead.
    pub fn parse(text: &[u8]) -> Result<Version, String> {
        if text.len() > MAX_VERSION {
            return Err(format!("version string is too long (max {MAX_VERSION} bytes)"));
        }
        let parts = scan::version(text).ok_or("invalid semantic version")?;
        let number = |digits: &str| {
            let digits = digits.trim_start_matches('.');
            if digits.is_empty() {
                return Ok(0);
            }
            digits.parse::<u64>().map_err(|_| {
                format!("error parsing version segment: strconv.ParseUint: parsing \"{digits}\": value out of range")
            })
        };
        let version = Version {
            major: number(parts.major)?,
            minor: number(parts.minor)?,
            patch: number(parts.patch)?,
            pre: parts.pre.get(1..).unwrap_or_default().to_owned(),
            metadata: parts.metadata.get(1..).unwrap_or_default().to_owned(),
            original: String::from_utf8_lossy(text).into_owned(),
        };
        if !version.pre.is_empty() {
            check_prerelease(&version.pre)?;
        }
        Ok(version)
    }

    /// The version after this one by the `part`'th number, without what follows the numbers (`IncMajor` and friends).
    pub fn next(&self, part: Part) -> Result<Version, String> {
        let step = |number: u64, name: &str| {
            number.checked_add(1).ok_or_else(|| format!("{name} version increment would overflow uint64"))
        };
        let (major, minor, patch) = match part {
            Part::Major => (step(self.major, "major")?, 0, 0),
            Part::Minor => (self.major, step(self.minor, "minor")?, 0),
            // the release that a pre-release leads to is the next patch
            Part::Patch if !self.pre.is_empty() => (self.major, self.minor, self.patch),
            Part::Patch => (self.major, self.minor, step(self.patch, "patch")?),
        };
        let (pre, metadata) = (String::new(), String::new());
        Ok(self.renamed(Version { major, minor, patch, pre, metadata, original: String::new() }))
    }

    /// `SetPrerelease`
    pub fn with_prerelease(&self, pre: &[u8]) -> Result<Version, String> {
        let pre = std::str::from_utf8(pre).map_err(|_| "invalid prerelease string")?.to_owned();
        if !pre.is_empty() {
            check_prerelease(&pre)?;
        }
        Ok(self.renamed(Version { pre, ..self.clone() }))
    }

    /// `SetMetadata`
    pub fn with_metadata(&self, metadata: &[u8]) -> Result<Version, String> {
        let metadata = std::str::from_utf8(metadata).map_err(|_| "invalid metadata string")?.to_owned();
        let allowed = |part: &str| !part.is_empty() && is_identifier(part);
        if !metadata.is_empty() && !metadata.split('.').all(allowed) {
            return Err("invalid metadata string".to_owned());
        }
        Ok(self.renamed(Version { metadata, ..self.clone() }))
    }

    fn renamed(&self, mut version: Version) -> Version {
        let prefix = if self.original.starts_with('v') { "v" } else { "" };
        version.original = format!("{prefix}{version}");
        version
    }

    /// `Compare`: by numbers, then by pre-release; metadata does not count.
    pub fn compare(&self, other: &Version) -> Ordering {
        let numbers = |v: &Version| (v.major, v.minor, v.patch);
        numbers(self).cmp(&numbers(other)).then_with(|| match (self.pre.is_empty(), other.pre.is_empty()) {
            (true, true) => Ordering::Equal,
            (true, false) => Ordering::Greater,
            (false, true) => Ordering::Less,
            (false, false) => compare_prerelease(&self.pre, &other.pre),
        })
    }
}

/// Which number goes up.
#[derive(Clone, Copy, Debug, PartialEq)]
#[allow(missing_docs)] // the names say it
pub enum Part {
    Major,
    Minor,
    Patch,
}

impl std::fmt::Display for Version {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}.{}.{}", self.major, self.minor, self.patch)?;
        if !self.pre.is_empty() {
            write!(f, "-{}", self.pre)?;
        }
        if !self.metadata.is_empty() {
            write!(f, "+{}", self.metadata)?;
        }
        Ok(())
    }
}

fn is_identifier(part: &str) -> bool {
    part.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-')
}

fn check_prerelease(pre: &str) -> Result<(), String> {
    for part in pre.split('.') {
        if part.is_empty() || !is_identifier(part) {
            return Err("invalid prerelease string".to_owned());
        }
        if part.len() > 1 && part.starts_with('0') && part.bytes().all(|byte| byte.is_ascii_digit()) {
            return Err("version segment starts with 0".to_owned());
        }
    }
    Ok(())
}

/// `comparePrerelease`: part by part; a missing part is less, numbers are less than words.
fn compare_prerelease(a: &str, b: &str) -> Ordering {
    let (mut left, mut right) = (a.split('.'), b.split('.'));
    loop {
        let (a, b) = match (left.next(), right.next()) {
            (None, None) => return Ordering::Equal,
            (a, b) => (a.unwrap_or_default(), b.unwrap_or_default()),
        };
        if a == b {
            continue;
        }
        let number = |part: &str| Some(part).filter(|p| p.bytes().all(|b| b.is_ascii_digit()))?.parse::<u64>().ok();
        return match (number(a), number(b)) {
            _ if a.is_empty() => Ordering::Less,
            _ if b.is_empty() => Ordering::Greater,
            (None, None) => a.cmp(b),
            (Some(_), None) => Ordering::Less,
            (None, Some(_)) => Ordering::Greater,
            (Some(a), Some(b)) if a > b => Ordering::Greater,
            _ => Ordering::Less,
        };
    }
}

/// What a version must satisfy: all constraints of one of the groups.
#[derive(Debug)]
pub struct Constraints {
    groups: Vec<Vec<Constraint>>,
}

#[derive(Debug)]
struct Constraint {
    operator: String,
    version: Version,
    /// Some number is missing or an `x`; which the others say.
    dirty: bool,
    minor_dirty: bool,
    patch_dirty: bool,
}

impl Constraints {
    /// `semver.NewConstraint`
    pub fn parse(text: &[u8]) -> Result<Constraints, String> {
        if text.len() > MAX_CONSTRAINT {
            return Err(format!("constraint string is too long (max {MAX_CONSTRAINT} bytes)"));
        }
        let text = rewrite_ranges(text);
        let parts: Vec<&[u8]> = bstr::ByteSlice::split_str(&*text, b"||").collect();
        if parts.len() > MAX_GROUPS {
            return Err(format!("too many constraint groups (max {MAX_GROUPS})"));
        }
        let groups = parts.into_iter().map(|part| {
            let comparisons = scan::comparisons(part).ok_or_else(|| format!("improper constraint: {}", super::quote::quote(part)))?;
            comparisons.iter().map(Constraint::new).collect()
        });
        Ok(Constraints { groups: groups.collect::<Result<_, String>>()? })
    }

    /// `Constraints.Check`
    pub fn check(&self, version: &Version) -> bool {
        self.groups.iter().any(|group| {
            let pre_wanted = group.iter().any(|constraint| !constraint.version.pre.is_empty());
            (version.pre.is_empty() || pre_wanted) && group.iter().all(|constraint| constraint.check(version))
        })
    }
}

impl Constraints {
    /// `Constraints.Check` with `IncludePrerelease`: a pre-release counts by its order alone.
    pub fn check_prereleases(&self, version: &Version) -> bool {
        self.groups.iter().any(|group| group.iter().all(|constraint| constraint.check(version)))
    }
}

/// `1.2 - 1.4` → `>= 1.2, <= 1.4`
fn rewrite_ranges(text: &[u8]) -> Vec<u8> {
    let mut out = text.to_vec();
    if !scan::may_be_range(text) {
        return out;
    }
    for captures in RANGE.captures_iter(text) {
        let bounds = [b">= ", &captures[1], b", <= ", &captures[2], b" "].concat();
        out = bstr::ByteSlice::replacen(&*out, &captures[0], &bounds, 1);
    }
    out
}

impl Constraint {
    fn new(comparison: &Comparison<'_>) -> Result<Constraint, String> {
        let is_open = |part: &str| matches!(part.trim_start_matches('.'), "" | "x" | "X" | "*");
        let Parts { whole, major, minor, patch, pre: tail, .. } = comparison.version;
        let (mut dirty, mut minor_dirty, mut patch_dirty) = (true, false, false);
        let text = if is_open(major) {
            format!("0.0.0{tail}")
        } else if is_open(minor) {
            minor_dirty = true;
            format!("{major}.0.0{tail}")
        } else if is_open(patch) {
            patch_dirty = true;
            format!("{major}{minor}.0{tail}")
        } else {
            dirty = false;
            whole.to_owned()
        };
        let version = Version::parse(text.as_bytes()).map_err(|_| "constraint parser error")?;
        Ok(Constraint { operator: comparison.operator.to_owned(), version, dirty, minor_dirty, patch_dirty })
    }

    /// `check`; whether pre-releases count was decided for the group.
    fn check(&self, version: &Version) -> bool {
        let order = version.compare(&self.version);
        match &*self.operator {
            "!=" => self.differs(version),
            ">" => self.is_below(version),
            "<" => order.is_lt(),
            ">=" | "=>" => order.is_ge(),
            "<=" | "=<" => self.is_at_most(version),
            "~" | "~>" => self.tilde(version),
            "^" => self.caret(version),
            _ if self.dirty => self.tilde(version),
            _ => order.is_eq(),
        }
    }

    /// `constraintNotEqual`
    fn differs(&self, version: &Version) -> bool {
        let own = &self.version;
        if self.dirty {
            if own.major != version.major {
                return true;
            }
            if own.minor != version.minor && !self.minor_dirty {
                return true;
            }
            if self.minor_dirty {
                return false;
            }
            if own.patch != version.patch && !self.patch_dirty {
                return true;
            }
            if self.patch_dirty {
                let pre = !version.pre.is_empty() || !own.pre.is_empty();
                return pre && compare_prerelease(&version.pre, &own.pre).is_ne();
            }
        }
        version.compare(own).is_ne()
    }

    /// `constraintGreaterThan`: 11.1 is not greater than 11, nor 11.1.1 than 11.1.
    fn is_below(&self, version: &Version) -> bool {
        let own = &self.version;
        match version.major.cmp(&own.major) {
            _ if !self.dirty => version.compare(own).is_gt(),
            Ordering::Greater => true,
            Ordering::Less => false,
            Ordering::Equal if self.minor_dirty => false,
            Ordering::Equal if self.patch_dirty => version.minor > own.minor,
            Ordering::Equal => version.compare(own).is_gt(),
        }
    }

    /// `constraintLessThanEqual`
    fn is_at_most(&self, version: &Version) -> bool {
        let own = &self.version;
        match self.dirty {
            false => version.compare(own).is_le(),
            true => {
                version.major < own.major
                    || version.major == own.major && (version.minor <= own.minor || self.minor_dirty)
            }
        }
    }

    /// `constraintTilde`: ~1.2.3 is >= 1.2.3, < 1.3.0; ~1 is >= 1, < 2.
    fn tilde(&self, version: &Version) -> bool {
        let own = &self.version;
        if version.compare(own).is_lt() {
            return false;
        }
        // ~0.0.0 takes everything
        if (own.major, own.minor, own.patch) == (0, 0, 0) && !self.minor_dirty && !self.patch_dirty {
            return true;
        }
        version.major == own.major && (version.minor == own.minor || self.minor_dirty)
    }

    /// `constraintCaret`: ^1.2.3 is >= 1.2.3, < 2; ^0.2.3 is < 0.3; ^0.0.3 is < 0.0.4.
    fn caret(&self, version: &Version) -> bool {
        let own = &self.version;
        if version.compare(own).is_lt() {
            return false;
        }
        if own.major > 0 || self.minor_dirty {
            return version.major == own.major;
        }
        if version.major > 0 {
            return false;
        }
        if own.minor > 0 || self.patch_dirty {
            return version.minor == own.minor;
        }
        version.minor == 0 && version.patch == own.patch
    }
}
