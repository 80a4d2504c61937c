//! Secrets never show: values are replaced before anything is printed, in every place where Kubernetes copies them.

use crate::object::ObjectRef;
use base64::{Engine, engine::general_purpose::STANDARD};
use serde_json::Value;
use std::collections::BTreeMap;

/// What stands for a value that is the same before and after.
pub const HIDDEN: &str = "(hidden)";
/// What stands for a value that differs.
pub const CHANGED: &str = "(hidden, changed)";

/// Annotations in which tools keep a copy of the whole object, encoded or not.
const COPIES: [&str; 6] = [
    "kubectl.kubernetes.io/last-applied-configuration",
    "objectset.rio.cattle.io/applied",
    "kapp.k14s.io/original",
    "kapp.k14s.io/original-diff",
    "banzaicloud.com/last-applied",
    "pulumi.com/last-applied",
];
/// Shorter values (`1`, `no`) are not looked for in other texts: they would blacken half of them, and hide nothing.
const MIN_SOUGHT: usize = 4;

/// Whether an object's values are secret: Secrets, and lists or templates of them are not objects of their own.
pub fn is_secret(reference: &ObjectRef) -> bool {
    reference.gvk.is("", "Secret")
}

/// Masks both sides of a comparison: equal values show as equal, different ones as changed.
pub fn pair(before: Option<&Value>, after: Option<&Value>) -> (Option<Value>, Option<Value>) {
    let secret = |object: Option<&Value>| object.is_some_and(|object| is_secret(&ObjectRef::of(object)));
    if !secret(before) && !secret(after) {
        return (before.cloned(), after.cloned());
    }
    let sought: Vec<String> = [before, after].into_iter().flatten().flat_map(values_of).collect();
    let known = before.map(effective).unwrap_or_default();
    let masked_before = before.map(|object| masked(object, &sought, |_, _| HIDDEN));
    let masked_after = after.map(|object| {
        let old = before.unwrap_or(&Value::Null);
        masked(object, &sought, |place, value| match (before, place) {
            (None, _) => HIDDEN,
            (Some(_), Place::Data(key)) if known.get(key) == Some(&decoded_or_plain(object, key, value)) => HIDDEN,
            (Some(_), Place::Meta(map, key)) if old["metadata"][map].get(key) == Some(value) => HIDDEN,
            _ => CHANGED,
        })
    });
    (masked_before, masked_after)
}

/// Masks one object.
pub fn single(object: &Value) -> Value {
    pair(None, Some(object)).1.unwrap_or_default()
}

/// Takes a Secret's values out of a text about it, such as a refusal that quotes them.
pub fn scrub(text: &str, object: &Value) -> String {
    if !is_secret(&ObjectRef::of(object)) {
        return text.to_owned();
    }
    values_of(object).iter().fold(text.to_owned(), |text, value| text.replace(value.as_str(), HIDDEN))
}

enum Place<'a> {
    /// A key of `data` or `stringData`.
    Data(&'a str),
    /// A key of the named map of `metadata`.
    Meta(&'a str, &'a str),
}

fn masked<'a>(object: &'a Value, sought: &[String], stand_in: impl Fn(Place<'a>, &'a Value) -> &'static str) -> Value {
    let mut result = object.clone();
    for field in ["data", "stringData"] {
        match (&object[field], result.get_mut(field)) {
            (Value::Object(from), Some(Value::Object(to))) => {
                for (key, value) in from {
                    to.insert(key.clone(), stand_in(Place::Data(key), value).into());
                }
            }
            (Value::Null, _) | (_, None) => {}
            // Not a mapping, and so not valid, but secret all the same.
            (_, Some(other)) => *other = HIDDEN.into(),
        }
    }
    for map in ["annotations", "labels"] {
        let Some(from) = object["metadata"][map].as_object() else { continue };
        let Some(to) = result["metadata"][map].as_object_mut() else { continue };
        for (key, value) in from {
            let text = value.as_str().unwrap_or_default();
            if COPIES.contains(&key.as_str()) || sought.iter().any(|secret| text.contains(secret.as_str())) {
                to.insert(key.clone(), stand_in(Place::Meta(map, key), value).into());
            }
        }
    }
    result
}

/// All the texts that would give a Secret away: its values as they stand, encoded and decoded.
fn values_of(object: &Value) -> Vec<String> {
    let fields = |name: &str| -> Vec<String> {
        object[name].as_object().into_iter().flatten().filter_map(|(_, value)| value.as_str()).map(str::to_owned).collect()
    };
    let (data, plain) = (fields("data"), fields("stringData"));
    let decoded = data.iter().filter_map(|text| String::from_utf8(STANDARD.decode(text).ok()?).ok());
    let encoded = plain.iter().map(|text| STANDARD.encode(text));
    let mut all: Vec<String> = decoded.chain(encoded).chain(data.iter().cloned()).chain(plain.iter().cloned()).collect();
    all.retain(|text| text.len() >= MIN_SOUGHT);
    // Longer ones first: a value may be part of another.
    all.sort_by_key(|text| std::cmp::Reverse(text.len()));
    all.dedup();
    all
}

/// The bytes that a Secret gives for each key: `stringData` goes over `data`.
fn effective(object: &Value) -> BTreeMap<&str, Vec<u8>> {
    let mut all = BTreeMap::new();
    for field in ["data", "stringData"] {
        for (key, value) in object[field].as_object().into_iter().flatten() {
            all.insert(key.as_str(), bytes_of(field, value));
        }
    }
    all
}

fn decoded_or_plain(object: &Value, key: &str, value: &Value) -> Vec<u8> {
    let field = if object["stringData"].get(key) == Some(value) { "stringData" } else { "data" };
    bytes_of(field, value)
}

fn bytes_of(field: &str, value: &Value) -> Vec<u8> {
    let text = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
    if field == "data"
        && let Ok(bytes) = STANDARD.decode(&text)
    {
        return bytes;
    }
    text.into_bytes()
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn secret(data: Value) -> Value {
        json!({"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "s"}, "data": data})
    }

    #[test]
    fn equal_values_look_equal_and_changed_ones_changed() {
        let before = secret(json!({"a": "b2xkLXZhbHVl", "b": "c2FtZS12YWx1ZQ==", "gone": "eA=="}));
        let after = secret(json!({"a": "bmV3LXZhbHVl", "b": "c2FtZS12YWx1ZQ==", "new": "eA=="}));
        let (before, after) = pair(Some(&before), Some(&after));
        assert_eq!(before.unwrap()["data"], json!({"a": HIDDEN, "b": HIDDEN, "gone": HIDDEN}));
        assert_eq!(after.unwrap()["data"], json!({"a": CHANGED, "b": HIDDEN, "new": CHANGED}));
    }

    #[test]
    fn string_data_is_compared_with_what_the_server_made_of_it() {
        let before = secret(json!({"a": "c2FtZS12YWx1ZQ=="}));
        let mut after = secret(json!({}));
        after["stringData"] = json!({"a": "same-value"});
        let after = pair(Some(&before), Some(&after)).1.unwrap();
        assert_eq!(after["stringData"], json!({"a": HIDDEN}));
    }

    #[test]
    fn no_copy_gives_a_secret_away() {
        let mut object = secret(json!({"password": "aHVudGVyMi1zZWNyZXQ="}));
        object["metadata"]["annotations"] = json!({
            "kubectl.kubernetes.io/last-applied-configuration": "{\"data\":{\"password\":\"aHVudGVyMi1zZWNyZXQ=\"}}",
            "someone.example/copy": "x hunter2-secret y",
            "harmless": "text",
        });
        object["stringData"] = json!("aHVudGVyMi1zZWNyZXQ=");
        let shown = single(&object);
        let text = shown.to_string();
        assert!(!text.contains("hunter2") && !text.contains("aHVudGVyMi"), "{text}");
        assert_eq!(shown["metadata"]["annotations"]["harmless"], "text");
        assert_eq!(scrub("Invalid value: \"hunter2-secret\": bad", &object), "Invalid value: \"(hidden)\": bad");
    }

    #[test]
    fn other_kinds_are_left_alone() {
        let map = json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "m"}, "data": {"a": "b"}});
        assert_eq!(single(&map), map);
        let other = json!({"apiVersion": "example.com/v1", "kind": "Secret", "data": {"a": "b"}});
        assert_eq!(single(&other), other);
    }
}
