//! What must outlive the records: revisions known to be bad, and a hold by hand.

use super::marks::shorten;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

/// How many bytes of the reason are kept.
const MAX_WHY: usize = 1024;

/// A revision that failed for good: not tried again until the branch moves or somebody says so.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Condemned {
    /// The source's revision.
    pub revision: String,
    /// The digest of what was rendered: other values make it another release.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub digest: Option<String>,
    /// What failed, in a sentence.
    pub why: String,
    /// When.
    pub at: Timestamp,
    /// Helm's number of the release that failed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub release: Option<u32>,
}

/// A rollback by hand: the environment stays there until `resume` or a new commit.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Hold {
    /// Helm's number of the release that is held.
    pub release: u32,
    /// The head at that time: another one ends the hold.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub head: Option<String>,
    /// Since when.
    pub since: Timestamp,
    /// Who asked for it, where known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub by: Option<String>,
}

/// What an environment remembers, kept apart from the release records: helm drops their annotations and prunes them.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Memory {
    /// Bad revisions, newest first, at most [`Memory::LIMIT`].
    pub condemned: Vec<Condemned>,
    /// A hold by hand.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub hold: Option<Hold>,
}

impl Memory {
    /// How many bad revisions are remembered.
    pub const LIMIT: usize = 50;

    /// Reads the text; damaged text is an error that says so, never a silent loss of what was known to be bad.
    ///
    /// # Errors
    /// The text is no memory of ours.
    pub fn parse(text: &str) -> Result<Self, String> {
        if text.trim().is_empty() {
            return Ok(Self::default());
        }
        serde_json::from_str(text).map_err(|error| format!("the environment's memory cannot be read: {error}"))
    }

    /// The text to store.
    pub fn to_text(&self) -> String {
        serde_json::to_string(self).expect("plain strings and numbers")
    }

    /// Remembers a bad revision.
    pub fn condemn(&mut self, mut bad: Condemned) {
        bad.why = shorten(&bad.why, MAX_WHY);
        self.condemned.retain(|old| (&old.revision, &old.digest) != (&bad.revision, &bad.digest));
        self.condemned.insert(0, bad);
        self.condemned.truncate(Self::LIMIT);
    }

    /// What is known against a revision, rendered with this digest (a condemnation without digest counts for all).
    pub fn against(&self, revision: &str, digest: Option<&str>) -> Option<&Condemned> {
        self.condemned.iter().find(|bad| {
            bad.revision == revision && (bad.digest.is_none() || digest.is_none() || bad.digest.as_deref() == digest)
        })
    }

    /// Forgets what is known against a revision: `windlass retry`.
    pub fn forgive(&mut self, revision: &str) {
        self.condemned.retain(|bad| bad.revision != revision);
    }
}
