//! Takes secrets out of sentences: errors quote what they stumbled over, and that may be one.

use crate::object::Object;
use base64::{Engine as _, engine::general_purpose::STANDARD};
use std::collections::BTreeSet;

/// Texts shorter than this are no secrets worth the name, and taking `on` or `80` out would make nonsense of every sentence.
pub const MIN_SECRET: usize = 5;
/// How many texts are looked for, at most: the longest ones.
const MAX_TEXTS: usize = 10_000;
/// What stands in a secret's place.
const MASK: &str = "(secret)";

/// Knows secrets and takes them out. Nothing shows them.
#[derive(Clone, Default)]
pub struct Redactor {
    /// The longest first, so that no part of one stays.
    texts: Vec<String>,
}

impl std::fmt::Debug for Redactor {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Redactor({})", self.texts.len())
    }
}

impl Redactor {
    /// Knows these texts, their lines, and both in base64 and as Go and JSON quote them.
    pub fn new(secrets: impl IntoIterator<Item = String>) -> Redactor {
        let mut texts = BTreeSet::new();
        let mut add = |text: &str| {
            let trimmed = text.trim();
            if trimmed.len() >= MIN_SECRET {
                texts.insert(trimmed.to_owned());
                texts.insert(STANDARD.encode(text));
                texts.insert(STANDARD.encode(trimmed));
                let quoted = serde_json::to_string(trimmed).unwrap_or_default();
                texts.insert(quoted.strip_prefix('"').and_then(|inner| inner.strip_suffix('"')).unwrap_or_default().to_owned());
            }
        };
        for secret in secrets {
            add(&secret);
            for line in secret.lines() {
                add(line);
            }
        }
        let mut texts: Vec<String> = texts.into_iter().filter(|text| text.len() >= MIN_SECRET).collect();
        texts.sort_by(|a, b| b.len().cmp(&a.len()).then_with(|| a.cmp(b)));
        texts.truncate(MAX_TEXTS);
        Redactor { texts }
    }

    /// Knows what the Secrets among these objects hold.
    pub fn of_objects<'o>(objects: impl IntoIterator<Item = &'o Object>) -> Redactor {
        let mut secrets = Vec::new();
        for object in objects.into_iter().filter(|object| object.reference.gvk.is("", "Secret")) {
            for (field, encoded) in [("data", true), ("stringData", false)] {
                for value in object.json[field].as_object().into_iter().flat_map(|map| map.values()) {
                    let Some(text) = value.as_str() else { continue };
                    let plain = if encoded { STANDARD.decode(text).ok().and_then(|bytes| String::from_utf8(bytes).ok()) } else { None };
                    secrets.push(plain.unwrap_or_else(|| text.to_owned()));
                }
            }
        }
        Redactor::new(secrets)
    }

    /// Both together.
    #[must_use]
    pub fn and(mut self, other: &Redactor) -> Redactor {
        self.texts.extend(other.texts.iter().cloned());
        self.texts.sort_by(|a, b| b.len().cmp(&a.len()).then_with(|| a.cmp(b)));
        self.texts.dedup();
        self.texts.truncate(MAX_TEXTS);
        self
    }

    /// The sentence without secrets.
    pub fn clean(&self, sentence: &str) -> String {
        let mut clean = sentence.to_owned();
        for text in &self.texts {
            if clean.contains(text.as_str()) {
                clean = clean.replace(text.as_str(), MASK);
            }
        }
        clean
    }
}

#[cfg(test)]
mod tests {
    use super::Redactor;

    #[test]
    fn secrets_their_lines_and_their_base64_are_taken_out() {
        let redactor = Redactor::new(["hunter2!".to_owned(), "line one\nline \"two\"".to_owned(), "on".to_owned()]);
        let said = redactor.clean("got hunter2! and aHVudGVyMiE=, then line \\\"two\\\" on line one");
        assert_eq!(said, "got (secret) and (secret), then (secret) on (secret)");
    }
}
