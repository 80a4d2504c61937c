//! What is ours on a record: annotations beside Helm's payload.

use crate::object::annotation;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use std::collections::BTreeMap;

/// What our annotations' keys begin with.
const PREFIX: &str = "windlass.dev/";
/// How many bytes of a failure's text are kept; all annotations of an object together may take 256 KiB.
const MAX_FAILURE: usize = 4096;

/// Our annotations on a record. A record without a revision was last written by helm itself.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Marks {
    /// The source's revision (commit) that this release came from.
    pub revision: Option<String>,
    /// The open attempt's stage: its program counter. None where no attempt is open.
    pub stage: Option<String>,
    /// Who works on it: the holder of the lease.
    pub holder: Option<String>,
    /// The digest of what was rendered.
    pub digest: Option<String>,
    /// How often the present stage was tried.
    pub tries: u32,
    /// What failed, in a sentence.
    pub failure: Option<String>,
    /// When the attempt was opened.
    pub started: Option<Timestamp>,
}

impl Marks {
    /// The annotations for a Secret; what is not set is not written.
    pub fn to_annotations(&self) -> BTreeMap<String, String> {
        let texts = [
            ("revision", self.revision.clone()),
            ("stage", self.stage.clone()),
            ("holder", self.holder.clone()),
            ("digest", self.digest.clone()),
            ("tries", (self.tries > 0).then(|| self.tries.to_string())),
            ("failure", self.failure.as_deref().map(|text| shorten(text, MAX_FAILURE))),
            ("started", self.started.map(|at| at.to_string())),
        ];
        texts.into_iter().filter_map(|(key, text)| Some((format!("{PREFIX}{key}"), text?))).collect()
    }

    /// Reads them off an object; what is missing or unreadable is as if never written.
    pub fn of(object: &Value) -> Self {
        let text = |key: &str| annotation(object, &format!("{PREFIX}{key}")).map(str::to_owned);
        Self {
            revision: text("revision"),
            stage: text("stage"),
            holder: text("holder"),
            digest: text("digest"),
            tries: text("tries").and_then(|text| text.parse().ok()).unwrap_or_default(),
            failure: text("failure"),
            started: text("started").and_then(|text| text.parse().ok()),
        }
    }

    /// Whether the record carries any of our marks; helm's own writes drop them all.
    pub fn is_ours(&self) -> bool {
        *self != Self::default()
    }
}

/// Cuts a text to `limit` bytes at a character's edge, and shows that it was cut.
pub(super) fn shorten(text: &str, limit: usize) -> String {
    if text.len() <= limit {
        return text.to_owned();
    }
    let end = (0..=limit).rev().find(|at| text.is_char_boundary(*at)).unwrap_or_default();
    format!("{}…", &text[..end])
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn marks_survive_the_way_through_annotations() {
        let marks = Marks {
            revision: Some("4f2c".into()),
            stage: Some("Applying".into()),
            tries: 3,
            failure: Some("Job shop/check failed".into()),
            started: Some(Timestamp::from_second(1_700_000_000).unwrap()),
            ..Marks::default()
        };
        let object = json!({"metadata": {"annotations": marks.to_annotations()}});
        assert_eq!(object["metadata"]["annotations"]["windlass.dev/stage"], "Applying");
        assert_eq!(Marks::of(&object), marks);
        assert!(!Marks::of(&json!({"metadata": {"annotations": {"other": "x"}}})).is_ours());
    }

    #[test]
    fn long_failures_are_cut_at_a_character() {
        assert_eq!(shorten("aäb", 2), "a…");
        assert_eq!(shorten("aäb", 4), "aäb");
    }
}
