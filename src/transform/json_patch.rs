//! RFC 6902, as `evanphx/json-patch` applies it for kustomize.

use serde_json::Value;

/// One operation.
#[derive(Clone, Debug, PartialEq)]
pub struct Operation {
    op: Op,
    path: String,
    from: String,
    value: Value,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Op {
    Add,
    Remove,
    Replace,
    Move,
    Copy,
    Test,
}

/// Reads operations; the error names the one at fault.
pub(super) fn parse(list: Vec<Value>) -> Result<Vec<Operation>, String> {
    let read = |(at, item): (usize, Value)| {
        let text = |key: &str| item[key].as_str().unwrap_or_default().to_owned();
        let op = match text("op").as_str() {
            "add" => Op::Add,
            "remove" => Op::Remove,
            "replace" => Op::Replace,
            "move" => Op::Move,
            "copy" => Op::Copy,
            "test" => Op::Test,
            other => return Err(format!("has in operation {at} the op {other:?}: add, remove, replace, move, copy or test is meant")),
        };
        if !item["path"].is_string() {
            return Err(format!("has no path in operation {at}"));
        }
        if matches!(op, Op::Add | Op::Replace | Op::Test) && item.get("value").is_none() {
            return Err(format!("has no value in operation {at}"));
        }
        Ok(Operation { op, path: text("path"), from: text("from"), value: item["value"].clone() })
    };
    list.into_iter().enumerate().map(read).collect()
}

/// Carries the operations out, in order.
pub(super) fn apply(object: &mut Value, operations: &[Operation]) -> Result<(), String> {
    for operation in operations {
        let path = &operation.path;
        match operation.op {
            Op::Add => add(object, path, operation.value.clone())?,
            Op::Remove => drop(remove(object, path)?),
            Op::Replace => {
                remove(object, path).map_err(|_| missing("replace", path))?;
                add(object, path, operation.value.clone())?;
            }
            Op::Move => {
                let value = remove(object, &operation.from)?;
                add(object, path, value)?;
            }
            Op::Copy => {
                let value = find(object, &operation.from).ok_or_else(|| missing("copy", &operation.from))?.clone();
                add(object, path, value)?;
            }
            Op::Test => {
                let there = find(object, path).cloned().unwrap_or(Value::Null);
                if there != operation.value {
                    return Err(format!("test of {path} failed: the value is another one"));
                }
            }
        }
    }
    Ok(())
}

fn missing(what: &str, path: &str) -> String {
    format!("{what}: there is no {path}")
}

fn segments(path: &str) -> Result<Vec<String>, String> {
    if path.is_empty() {
        return Ok(Vec::new());
    }
    let rest = path.strip_prefix('/').ok_or_else(|| format!("the path {path:?} does not begin with '/'"))?;
    Ok(rest.split('/').map(|segment| segment.replace("~1", "/").replace("~0", "~")).collect())
}

/// A list's index; negative ones count from the end, as in `evanphx/json-patch`.
fn index(segment: &str, length: usize) -> Option<usize> {
    let number: i64 = segment.parse().ok()?;
    let number = if number < 0 { number + i64::try_from(length).ok()? } else { number };
    usize::try_from(number).ok()
}

fn find<'a>(object: &'a Value, path: &str) -> Option<&'a Value> {
    segments(path).ok()?.iter().try_fold(object, |value, segment| match value {
        Value::Array(list) => list.get(index(segment, list.len())?),
        Value::Object(map) => map.get(segment),
        _ => None,
    })
}

fn parent<'a>(object: &'a mut Value, path: &str) -> Result<(&'a mut Value, String), String> {
    let mut segments = segments(path)?;
    let last = segments.pop().ok_or("the whole object cannot be changed at once")?;
    let mut value = object;
    for segment in &segments {
        let below = match value {
            Value::Array(list) => index(segment, list.len()).and_then(|at| list.get_mut(at)),
            Value::Object(map) => map.get_mut(segment),
            _ => None,
        };
        value = below.ok_or_else(|| format!("there is no {segment:?} on the way to {path}"))?;
    }
    Ok((value, last))
}

fn add(object: &mut Value, path: &str, value: Value) -> Result<(), String> {
    match parent(object, path)? {
        (Value::Object(map), key) => {
            map.insert(key, value);
            Ok(())
        }
        (Value::Array(list), key) if key == "-" => {
            list.push(value);
            Ok(())
        }
        (Value::Array(list), key) => match index(&key, list.len() + 1) {
            Some(at) if at <= list.len() => {
                list.insert(at, value);
                Ok(())
            }
            _ => Err(format!("add: {path} is beyond the list's end")),
        },
        _ => Err(format!("add: what holds {path} is neither a map nor a list")),
    }
}

fn remove(object: &mut Value, path: &str) -> Result<Value, String> {
    match parent(object, path)? {
        (Value::Object(map), key) => map.remove(&key),
        (Value::Array(list), key) => index(&key, list.len()).filter(|at| *at < list.len()).map(|at| list.remove(at)),
        _ => None,
    }
    .ok_or_else(|| missing("remove", path))
}
