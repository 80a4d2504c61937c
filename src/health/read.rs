//! Reading objects that may lack anything.

use jiff::{SignedDuration, Timestamp};
use serde_json::Value;

/// How many characters of an object's own words are quoted.
const MAX_QUOTE: usize = 400;

/// An object being judged, and when.
#[derive(Clone, Copy)]
pub(super) struct Reader<'a> {
    pub(super) object: &'a Value,
    now: Option<Timestamp>,
}

/// A condition of an object's status.
#[derive(Clone, Copy, Debug)]
pub(super) struct Condition<'a> {
    /// `True`, `False` or `Unknown`.
    pub(super) status: &'a str,
    /// One word.
    pub(super) reason: &'a str,
    /// A sentence.
    pub(super) message: &'a str,
}

impl<'a> Reader<'a> {
    pub(super) fn new(object: &'a Value, now: Option<Timestamp>) -> Self {
        Self { object, now }
    }

    /// The text at a JSON pointer; none where it is missing, empty or no text.
    pub(super) fn text(&self, pointer: &str) -> Option<&'a str> {
        self.object.pointer(pointer)?.as_str().filter(|text| !text.is_empty())
    }

    pub(super) fn texts(&self, pointer: &str) -> Vec<&'a str> {
        self.list(pointer).filter_map(Value::as_str).collect()
    }

    pub(super) fn int(&self, pointer: &str) -> Option<i64> {
        self.object.pointer(pointer)?.as_i64()
    }

    pub(super) fn count(&self, pointer: &str) -> i64 {
        self.int(pointer).unwrap_or_default()
    }

    pub(super) fn flag(&self, pointer: &str) -> bool {
        self.object.pointer(pointer) == Some(&Value::Bool(true))
    }

    pub(super) fn list(&self, pointer: &str) -> impl Iterator<Item = &'a Value> + use<'a> {
        self.object.pointer(pointer).and_then(Value::as_array).into_iter().flatten()
    }

    /// A condition by its type.
    pub(super) fn condition(&self, kind: &str) -> Option<Condition<'a>> {
        let text = |value: &'a Value| value.as_str().unwrap_or_default();
        self.list("/status/conditions").find(|condition| condition["type"] == kind).map(|condition| Condition {
            status: text(&condition["status"]),
            reason: text(&condition["reason"]),
            message: text(&condition["message"]),
        })
    }

    /// A condition that has a certain status.
    pub(super) fn condition_is(&self, kind: &str, status: &str) -> Option<Condition<'a>> {
        self.condition(kind).filter(|condition| condition.status == status)
    }

    /// Whether more than `seconds` have passed since the time at a pointer; unknown without a clock. An object without a time
    /// counts as old, as in kstatus.
    pub(super) fn older_than(&self, pointer: &str, seconds: i64) -> Option<bool> {
        let now = self.now?;
        let Some(since) = self.text(pointer).and_then(|text| text.parse::<Timestamp>().ok()) else { return Some(true) };
        Some(now.duration_since(since) > SignedDuration::from_secs(seconds))
    }
}

/// An object's own words, on one line and not too many of them.
pub(super) fn quote(text: &str) -> String {
    let line: String = text.split_whitespace().collect::<Vec<_>>().join(" ");
    let clean: String = line.chars().filter(|c| !c.is_control()).collect();
    match clean.char_indices().nth(MAX_QUOTE) {
        Some((end, _)) => format!("{}…", &clean[..end]),
        None => clean,
    }
}

/// `: ` and the words, where there are any.
pub(super) fn because(text: &str) -> String {
    let words = quote(text);
    if words.is_empty() { words } else { format!(": {words}") }
}
