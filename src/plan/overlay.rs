//! What a replaced object would look like: nobody can ask the server, so the rendered text is laid over the live object.

use serde_json::Value;

/// `over` laid over `under`: maps are joined, lists of the same length item by item, all else is taken from `over`.
/// Recursion is bounded by the depth that the objects' parsers allow.
pub(super) fn overlaid(under: &Value, over: &Value) -> Value {
    match (under, over) {
        (Value::Object(under), Value::Object(over)) => {
            let mut joined = under.clone();
            for (key, value) in over {
                let value = under.get(key).map_or_else(|| value.clone(), |old| overlaid(old, value));
                joined.insert(key.clone(), value);
            }
            Value::Object(joined)
        }
        (Value::Array(under), Value::Array(over)) if under.len() == over.len() => {
            Value::Array(under.iter().zip(over).map(|(old, new)| overlaid(old, new)).collect())
        }
        _ => over.clone(),
    }
}
