//! Images by another name, tag or digest, as kustomize's `images`.

use serde_json::Value;

/// One change: the image of that name gets another name, tag or digest.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct ImageChange {
    /// The name as the chart writes it, without tag and digest.
    pub name: String,
    /// The name instead.
    pub new_name: Option<String>,
    /// The tag instead; takes a digest away.
    pub new_tag: Option<String>,
    /// The digest instead; takes the tag away, unless a new one is given, too.
    pub digest: Option<String>,
}

/// How deep an object is searched; its parser allows no more.
const MAX_DEPTH: usize = 512;

/// Changes every container's image, wherever an object has lists of containers.
pub(super) fn change(object: &mut Value, changes: &[ImageChange]) {
    if !changes.is_empty() {
        walk(object, changes, 0);
    }
}

fn walk(value: &mut Value, changes: &[ImageChange], depth: usize) {
    if depth > MAX_DEPTH {
        return;
    }
    match value {
        Value::Object(map) => {
            for (key, below) in map.iter_mut() {
                if let (true, Value::Array(containers)) = (matches!(key.as_str(), "containers" | "initContainers"), &mut *below) {
                    containers.iter_mut().for_each(|container| set(container, changes));
                }
                walk(below, changes, depth + 1);
            }
        }
        Value::Array(list) => list.iter_mut().for_each(|item| walk(item, changes, depth + 1)),
        _ => {}
    }
}

fn set(container: &mut Value, changes: &[ImageChange]) {
    for change in changes {
        let Some(image) = container.get("image").and_then(Value::as_str) else { return };
        let (name, tag, digest) = split(image);
        if name != change.name {
            continue;
        }
        let (tag, digest) = match (&change.new_tag, &change.digest) {
            (Some(tag), Some(digest)) => (tag.as_str(), digest.as_str()),
            (Some(tag), None) => (tag.as_str(), ""),
            (None, Some(digest)) => ("", digest.as_str()),
            (None, None) => (tag, digest),
        };
        let mut new = change.new_name.clone().unwrap_or_else(|| name.to_owned());
        if !tag.is_empty() {
            new = format!("{new}:{tag}");
        }
        if !digest.is_empty() {
            new = format!("{new}@{digest}");
        }
        container["image"] = new.into();
    }
}

/// Name, tag and digest; a colon before the last slash is a port.
fn split(image: &str) -> (&str, &str, &str) {
    let (rest, digest) = image.split_once('@').unwrap_or((image, ""));
    let after = rest.rfind('/').map_or(0, |at| at + 1);
    match rest[after..].find(':') {
        Some(colon) => (&rest[..after + colon], &rest[after + colon + 1..], digest),
        None => (rest, "", digest),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_port_is_no_tag() {
        assert_eq!(split("localhost:5000/shop/web"), ("localhost:5000/shop/web", "", ""));
        assert_eq!(split("localhost:5000/web:1@sha256:ab"), ("localhost:5000/web", "1", "sha256:ab"));
    }
}
