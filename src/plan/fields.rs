//! Places in objects: JSON pointers with wildcards, and the paths of `managedFields` (structured-merge-diff's `fieldsV1`).

use serde_json::Value;

/// How many places one rule may mean in one object.
const MAX_PLACES: usize = 10_000;

/// One step into an object.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Step {
    /// Into a map.
    Key(String),
    /// Into a list.
    Index(usize),
}

/// A concrete place.
pub(super) type Path = Vec<Step>;

/// The places in `object` that a JSON pointer means; `*` stands for every key or index, `~1` for `/`, `~0` for `~`.
pub(super) fn expand(object: &Value, pointer: &str) -> Vec<Path> {
    let Some(pointer) = pointer.strip_prefix('/') else { return Vec::new() };
    let mut places: Vec<(Path, &Value)> = vec![(Vec::new(), object)];
    for segment in pointer.split('/') {
        let segment = segment.replace("~1", "/").replace("~0", "~");
        let mut next = Vec::new();
        for (path, value) in places {
            for (step, child) in children(value) {
                let meant = match &step {
                    Step::Key(key) => segment == "*" || *key == segment,
                    Step::Index(index) => segment == "*" || index.to_string() == segment,
                };
                if meant && next.len() < MAX_PLACES {
                    next.push((path.iter().cloned().chain([step]).collect(), child));
                }
            }
        }
        places = next;
    }
    places.into_iter().map(|(path, _)| path).collect()
}

fn children(value: &Value) -> Vec<(Step, &Value)> {
    match value {
        Value::Object(map) => map.iter().map(|(key, value)| (Step::Key(key.clone()), value)).collect(),
        Value::Array(list) => list.iter().enumerate().map(|(index, value)| (Step::Index(index), value)).collect(),
        _ => Vec::new(),
    }
}

/// The leaves that a manager owns, as they stand in `object`: `f:` is a key, `k:` a list item by its key fields, `v:` one by
/// its value, `i:` one by its index. What the object has not is left out.
pub(super) fn leaves(fields: &Value, object: &Value) -> Vec<Path> {
    let mut found = Vec::new();
    walk(fields, object, &mut Vec::new(), &mut found);
    found
}

/// Recursion is bounded by the object's own depth, which its parser bounded.
fn walk(fields: &Value, object: &Value, path: &mut Path, found: &mut Vec<Path>) {
    let Some(fields) = fields.as_object() else { return };
    if !fields.keys().any(|key| key != ".") {
        if found.len() < MAX_PLACES {
            found.push(path.clone());
        }
        return;
    }
    for (key, below) in fields {
        let Some((step, child)) = enter(key, object) else { continue };
        path.push(step);
        walk(below, child, path, found);
        path.pop();
    }
}

fn enter<'a>(key: &str, object: &'a Value) -> Option<(Step, &'a Value)> {
    let (kind, text) = key.split_once(':')?;
    let item = |position: Option<usize>| position.and_then(|index| Some((Step::Index(index), object.get(index)?)));
    match kind {
        "f" => Some((Step::Key(text.to_owned()), object.get(text)?)),
        "i" => item(text.parse().ok()),
        "v" => {
            let wanted: Value = serde_json::from_str(text).ok()?;
            item(object.as_array()?.iter().position(|value| *value == wanted))
        }
        "k" => {
            let wanted: Value = serde_json::from_str(text).ok()?;
            let keys = wanted.as_object()?;
            item(object.as_array()?.iter().position(|value| keys.iter().all(|(key, wanted)| value.get(key) == Some(wanted))))
        }
        _ => None,
    }
}

/// Takes a place out; list items move up.
pub(super) fn remove(object: &mut Value, path: &[Step]) {
    let Some((last, parents)) = path.split_last() else { return };
    let Some(parent) = parents.iter().try_fold(object, descend) else { return };
    match (last, parent) {
        (Step::Key(key), Value::Object(map)) => {
            map.remove(key);
        }
        (Step::Index(index), Value::Array(list)) if *index < list.len() => {
            list.remove(*index);
        }
        _ => {}
    }
}

/// Writes a place that exists.
pub(super) fn set(object: &mut Value, path: &[Step], value: Value) {
    if let Some(place) = path.iter().try_fold(object, descend) {
        *place = value;
    }
}

fn descend<'a>(value: &'a mut Value, step: &Step) -> Option<&'a mut Value> {
    match step {
        Step::Key(key) => value.get_mut(key),
        Step::Index(index) => value.get_mut(index),
    }
}

/// What stands in `there` at the place `path` of `here`: list items are matched by `name` where they have one.
pub(super) fn counterpart<'a>(here: &Value, there: &'a Value, path: &[Step]) -> Option<&'a Value> {
    let (mut here, mut there) = (here, there);
    for step in path {
        (here, there) = match step {
            Step::Key(key) => (here.get(key)?, there.get(key)?),
            Step::Index(index) => {
                let item = here.get(index)?;
                let same = match item.get("name") {
                    Some(name) => there.as_array()?.iter().find(|other| other.get("name") == Some(name))?,
                    None => there.get(index)?,
                };
                (item, same)
            }
        };
    }
    Some(there)
}
