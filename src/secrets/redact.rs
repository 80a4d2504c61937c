//! Takes secrets out of sentences: errors quote what they stumbled over, and that may be one.

use crate::{object::Object, plan::show};
use base64::{Engine as _, engine::general_purpose::{STANDARD, URL_SAFE}};
use serde_json::Value;
use std::collections::BTreeSet;

/// Texts shorter than this are no secrets worth the name, and taking `on` or `80` out would make nonsense of every sentence.
pub const MIN_SECRET: usize = 5;
/// How many texts are looked for, at most: the longest ones.
const MAX_TEXTS: usize = 10_000;
/// Pieces of base64 shorter than this are too common to be looked for in other texts.
const MIN_WITHIN: usize = 8;
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
    /// Knows these texts, their lines, and both in base64 (of the text alone, and wherever in a longer one) and as Go, JSON and
    /// comments for pull requests write them.
    pub fn new(secrets: impl IntoIterator<Item = String>) -> Redactor {
        let mut texts = BTreeSet::new();
        let mut add = |text: &str| {
            let trimmed = text.trim();
            if trimmed.len() >= MIN_SECRET {
                texts.insert(trimmed.to_owned());
                texts.insert(STANDARD.encode(text));
                texts.insert(STANDARD.encode(trimmed));
                texts.extend(within(trimmed));
                let quoted = serde_json::to_string(trimmed).unwrap_or_default();
                let quoted = quoted.strip_prefix('"').and_then(|inner| inner.strip_suffix('"')).unwrap_or_default();
                texts.extend([quoted.to_owned(), show::escape(trimmed), go_json(quoted)]);
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
        Redactor::of_json(objects.into_iter().map(|object| &object.json))
    }

    /// The same of objects as the server has them.
    pub fn of_json<'o>(objects: impl IntoIterator<Item = &'o Value>) -> Redactor {
        let mut secrets = Vec::new();
        for object in objects.into_iter().filter(|object| object["kind"] == "Secret" && object["apiVersion"] == "v1") {
            for (field, encoded) in [("data", true), ("stringData", false)] {
                for value in object[field].as_object().into_iter().flat_map(|map| map.values()) {
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

    /// A document without secrets in its texts; its keys stay.
    pub fn clean_json(&self, value: &Value) -> Value {
        match value {
            Value::String(text) => Value::String(self.clean(text)),
            Value::Array(items) => items.iter().map(|item| self.clean_json(item)).collect(),
            Value::Object(map) => map.iter().map(|(key, value)| (key.clone(), self.clean_json(value))).collect::<serde_json::Map<_, _>>().into(),
            other => other.clone(),
        }
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

/// As Go's encoding/json writes what JSON would let stand: the server's answers quote objects so.
fn go_json(quoted: &str) -> String {
    quoted.replace('&', "\\u0026").replace('<', "\\u003c").replace('>', "\\u003e")
}

/// A text inside of a longer one in base64 (`user:password` of a header), wherever it begins: the letters that it alone decides, in
/// both alphabets. Of short texts too few are left to be looked for.
fn within(text: &str) -> Vec<String> {
    let mut forms = Vec::new();
    for (shift, first) in [(0, 0), (1, 2), (2, 3)] {
        let padded = [&[0; 2][..shift], text.as_bytes()].concat();
        let decided = padded.len() * 8 / 6;
        if decided < first + MIN_WITHIN {
            continue;
        }
        forms.extend([STANDARD.encode(&padded), URL_SAFE.encode(&padded)].map(|encoded| encoded[first..decided].to_owned()));
    }
    forms
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

    #[test]
    fn a_secret_inside_of_base64_is_taken_out_wherever_it_begins() {
        use base64::{Engine as _, engine::general_purpose::{STANDARD, URL_SAFE}};
        let redactor = Redactor::new(["hunter2?>~long".to_owned()]);
        assert_eq!(redactor.clean("<b>hunter2?&gt;~long</b> {\"a\": \"hunter2?\\u003e~long\"}"), "<b>(secret)</b> {\"a\": \"(secret)\"}");
        for before in ["", "u", "us", "use", "user:"] {
            for encoded in [STANDARD.encode(format!("{before}hunter2?>~long!")), URL_SAFE.encode(format!("{before}hunter2?>~long!"))] {
                let said = redactor.clean(&format!("Authorization: Basic {encoded}"));
                assert!(said.contains("(secret)"), "{said}");
                // What is left of it decodes to nothing of the secret but a letter at each end.
                assert!(said.len() < 22 + 8 + before.len() * 2 + 10, "{said}");
            }
        }
    }
}
