//! Which objects a patch means, as kustomize's `target` selects them.

use crate::object::Object;
use regex::Regex;
use serde_json::Value;

/// A selector: every part that is given has to fit.
#[derive(Clone, Debug, Default)]
pub struct Target {
    /// API group; `Some("")` is the core group.
    pub group: Option<String>,
    /// API version within the group.
    pub version: Option<String>,
    kind: Option<Regex>,
    name: Option<Regex>,
    namespace: Option<Regex>,
    labels: Vec<Requirement>,
    annotations: Vec<Requirement>,
}

impl PartialEq for Target {
    fn eq(&self, other: &Self) -> bool {
        format!("{self:?}") == format!("{other:?}")
    }
}

/// One part of a label selector.
#[derive(Clone, Debug, PartialEq)]
enum Requirement {
    Is(String, String),
    IsNot(String, String),
    In(String, Vec<String>),
    NotIn(String, Vec<String>),
    Exists(String),
    Missing(String),
}

/// A target as it is written.
#[derive(Clone, Debug, Default)]
#[allow(missing_docs)] // each as in the Environment's spec
pub struct Written<'a> {
    pub group: Option<&'a str>,
    pub version: Option<&'a str>,
    pub kind: Option<&'a str>,
    pub name: Option<&'a str>,
    pub namespace: Option<&'a str>,
    pub labels: Option<&'a str>,
    pub annotations: Option<&'a str>,
}

impl Target {
    /// Reads a target; kind, name and namespace are regular expressions that have to fit from end to end.
    ///
    /// # Errors
    /// The part that cannot be read.
    pub fn parse(written: &Written) -> Result<Target, String> {
        let pattern = |what: &str, text: Option<&str>| match text {
            None => Ok(None),
            Some(text) => Regex::new(&format!("^(?:{text})$")).map(Some).map_err(|error| format!("{what}: {error}")),
        };
        Ok(Target {
            group: written.group.map(str::to_owned),
            version: written.version.map(str::to_owned),
            kind: pattern("kind", written.kind)?,
            name: pattern("name", written.name)?,
            namespace: pattern("namespace", written.namespace)?,
            labels: written.labels.map_or(Ok(Vec::new()), requirements).map_err(|error| format!("labelSelector: {error}"))?,
            annotations: written.annotations.map_or(Ok(Vec::new()), requirements).map_err(|error| format!("annotationSelector: {error}"))?,
        })
    }

    /// Whether it means the object. `namespace` is the one that objects without a namespace go to.
    pub fn matches(&self, object: &Object, namespace: &str) -> bool {
        let reference = &object.reference;
        let is = |wanted: &Option<String>, actual: &str| wanted.as_deref().is_none_or(|wanted| wanted == actual);
        let fits = |wanted: &Option<Regex>, actual: &str| wanted.as_ref().is_none_or(|wanted| wanted.is_match(actual));
        is(&self.group, &reference.gvk.group)
            && is(&self.version, &reference.gvk.version)
            && fits(&self.kind, &reference.gvk.kind)
            && fits(&self.name, &reference.name)
            && fits(&self.namespace, reference.namespace.as_deref().unwrap_or(namespace))
            && self.labels.iter().all(|part| part.holds(&object.json["metadata"]["labels"]))
            && self.annotations.iter().all(|part| part.holds(&object.json["metadata"]["annotations"]))
    }
}

/// Whether a patch without a target means the object, by the name that it carries itself.
pub(super) fn is_named(object: &Object, patch: &Value, namespace: &str) -> bool {
    let named = crate::object::ObjectRef::of(patch);
    let placed = |space: &Option<String>| space.clone().unwrap_or_else(|| namespace.to_owned());
    let reference = &object.reference;
    reference.gvk == named.gvk && reference.name == named.name && (named.namespace.is_none() || placed(&reference.namespace) == placed(&named.namespace))
}

impl Requirement {
    fn holds(&self, map: &Value) -> bool {
        let value = |key: &String| map.get(key).and_then(Value::as_str);
        match self {
            Requirement::Is(key, wanted) => value(key) == Some(wanted),
            Requirement::IsNot(key, unwanted) => value(key) != Some(unwanted),
            Requirement::In(key, wanted) => value(key).is_some_and(|value| wanted.iter().any(|wanted| wanted == value)),
            Requirement::NotIn(key, unwanted) => value(key).is_none_or(|value| !unwanted.iter().any(|unwanted| unwanted == value)),
            Requirement::Exists(key) => value(key).is_some(),
            Requirement::Missing(key) => value(key).is_none(),
        }
    }
}

/// Kubernetes' label selectors: `a=b,c!=d,e in (f, g),h notin (i),j,!k`.
fn requirements(text: &str) -> Result<Vec<Requirement>, String> {
    let mut parts = vec![String::new()];
    let mut inside = false;
    for c in text.chars() {
        match c {
            '(' => inside = true,
            ')' => inside = false,
            ',' if !inside => {
                parts.push(String::new());
                continue;
            }
            _ => {}
        }
        parts.last_mut().expect("never empty").push(c);
    }
    parts.iter().map(|part| part.trim()).filter(|part| !part.is_empty()).map(requirement).collect()
}

fn requirement(part: &str) -> Result<Requirement, String> {
    let key = |text: &str| {
        let text = text.trim();
        let fine = !text.is_empty() && text.chars().all(|c| c.is_ascii_alphanumeric() || "-_./".contains(c));
        if fine { Ok(text.to_owned()) } else { Err(format!("{part:?} is no requirement: write it as key=value, key in (a, b) or !key")) }
    };
    let set = |text: &str| -> Option<Vec<String>> {
        let inner = text.trim().strip_prefix('(')?.strip_suffix(')')?;
        Some(inner.split(',').map(|item| item.trim().to_owned()).collect())
    };
    if let Some((left, right)) = part.split_once("!=") {
        return Ok(Requirement::IsNot(key(left)?, right.trim().to_owned()));
    }
    if let Some((left, right)) = part.split_once("==").or_else(|| part.split_once('=')) {
        return Ok(Requirement::Is(key(left)?, right.trim().to_owned()));
    }
    if let Some((left, right)) = part.split_once(" notin ") {
        return Ok(Requirement::NotIn(key(left)?, set(right).ok_or_else(|| format!("{part:?}: the values stand in brackets"))?));
    }
    if let Some((left, right)) = part.split_once(" in ") {
        return Ok(Requirement::In(key(left)?, set(right).ok_or_else(|| format!("{part:?}: the values stand in brackets"))?));
    }
    match part.strip_prefix('!') {
        Some(rest) => Ok(Requirement::Missing(key(rest)?)),
        None => Ok(Requirement::Exists(key(part)?)),
    }
}
