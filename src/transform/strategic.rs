//! Strategic merge, as kustomize does it (`kyaml/yaml/merge2` with lists that grow at their front).

use super::keys;
use serde_json::{Map, Value};

/// A directive in a patch.
const DIRECTIVE: &str = "$patch";

/// The object with the patch merged into it; `None` where the patch deletes it.
///
/// # Errors
/// A directive that nobody knows, or a value of another kind than the object's.
pub(super) fn merge(object: &Value, patch: &Value) -> Result<Option<Value>, String> {
    let kind = keys::Kind::of(object);
    merged(Some(object), patch, &kind, &mut Vec::new())
}

#[derive(PartialEq)]
enum Directive {
    Merge,
    Replace,
    Delete,
}

fn directive(word: &Value) -> Result<Directive, String> {
    match word.as_str() {
        Some("merge") => Ok(Directive::Merge),
        Some("replace") => Ok(Directive::Replace),
        Some("delete") => Ok(Directive::Delete),
        _ => Err(format!("unknown patch strategy {word}: merge, replace or delete is meant")),
    }
}

/// Recursion is bounded by the patch's own depth, which its parser bounded.
fn merged<'a>(old: Option<&Value>, patch: &'a Value, kind: &keys::Kind, path: &mut Vec<&'a str>) -> Result<Option<Value>, String> {
    match (old, patch) {
        (_, Value::Null) => Ok(None),
        (None | Some(Value::Null), Value::Object(new)) => map(&Map::new(), new, kind, path, false),
        (Some(Value::Object(old)), Value::Object(new)) => map(old, new, kind, path, true),
        (Some(Value::Array(old)), Value::Array(new)) => list(old, new, kind, path),
        (None | Some(Value::Null), Value::Array(new)) => list(&[], new, kind, path),
        (Some(old), new) if old.is_object() || old.is_array() || new.is_object() || new.is_array() => {
            Err(format!("{} is {} in the object and {} in the patch", path.join("."), word(old), word(new)))
        }
        (_, new) => Ok(Some(new.clone())),
    }
}

fn word(value: &Value) -> &'static str {
    match value {
        Value::Object(_) => "a mapping",
        Value::Array(_) => "a list",
        _ => "a plain value",
    }
}

fn map<'a>(old: &Map<String, Value>, new: &'a Map<String, Value>, kind: &keys::Kind, path: &mut Vec<&'a str>, there: bool) -> Result<Option<Value>, String> {
    let mut base = old.clone();
    if let Some(word) = new.get(DIRECTIVE) {
        match directive(word)? {
            Directive::Delete => return Ok(None),
            Directive::Replace => base.clear(),
            Directive::Merge => {}
        }
    }
    for (key, value) in new.iter().filter(|(key, _)| *key != DIRECTIVE) {
        path.push(key);
        let below = merged(base.get(key), value, kind, path)?;
        path.pop();
        match below {
            Some(value) => base.insert(key.clone(), value),
            None => base.remove(key),
        };
    }
    // What was there and is emptied stays as an empty map; what a patch of nulls would make anew does not come to be.
    let nothing = base.is_empty() && !there && !new.is_empty();
    Ok((!nothing).then_some(Value::Object(base)))
}

fn list<'a>(old: &[Value], new: &'a [Value], kind: &keys::Kind, path: &mut Vec<&'a str>) -> Result<Option<Value>, String> {
    let Some(keys) = kind.merge_keys(path) else {
        return Ok(Some(Value::Array(new.iter().map(plain).collect())));
    };
    // `- $patch: replace` alone in an item speaks of the whole list.
    let whole = new.iter().find_map(|item| item.as_object().filter(|map| map.len() == 1)?.get(DIRECTIVE));
    let items: Vec<&Value> = new.iter().filter(|item| !item.as_object().is_some_and(|map| map.len() == 1 && map.contains_key(DIRECTIVE))).collect();
    match whole.map(directive).transpose()? {
        Some(Directive::Delete) => return Ok(None),
        Some(Directive::Replace) => return Ok(Some(Value::Array(items.into_iter().map(plain).collect()))),
        _ => {}
    }
    if keys.is_empty() {
        let mut joined: Vec<Value> = items.into_iter().cloned().collect();
        joined.extend(old.iter().filter(|value| !new.contains(value)).cloned());
        return Ok(Some(Value::Array(joined)));
    }
    // As kustomize: what the patch names comes first, in its order, then what is left. Where an item is known by more than one
    // key, only what is new comes first, and what was there keeps its place.
    let mut left: Vec<Option<Value>> = old.iter().cloned().map(Some).collect();
    let mut result = Vec::new();
    for item in items {
        let place = left.iter().position(|old| old.as_ref().is_some_and(|old| same(old, item, keys)));
        let before = place.and_then(|at| left[at].take());
        let value = merged(before.as_ref(), item, kind, path)?;
        match place.filter(|_| keys.len() > 1) {
            Some(at) => left[at] = value,
            None => result.extend(value),
        }
    }
    result.extend(left.into_iter().flatten());
    Ok(Some(Value::Array(result)))
}

/// Whether two items are one: their keys are equal, where both have them, and the first of them is there.
fn same(a: &Value, b: &Value, keys: &[&str]) -> bool {
    let set = |value: &Value, key: &str| value.get(key).cloned().filter(|value| !value.is_null());
    let mut common = false;
    for key in keys {
        match (set(a, key), set(b, key)) {
            (Some(a), Some(b)) if a != b => return false,
            (Some(_), Some(_)) => common = true,
            _ => {}
        }
    }
    common
}

/// A value that is taken as it is, without directives.
fn plain(value: &Value) -> Value {
    match value {
        Value::Object(map) => Value::Object(map.iter().filter(|(key, _)| *key != DIRECTIVE).map(|(key, value)| (key.clone(), plain(value))).collect()),
        Value::Array(list) => Value::Array(list.iter().map(plain).collect()),
        other => other.clone(),
    }
}
