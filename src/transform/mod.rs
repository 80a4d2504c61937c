//! The desired set, changed after rendering: patches, images, labels and annotations as kustomize applies them, and how old
//! Pods give way to new ones. Pure functions on objects; what they give is what the release records.
//!
//! Kustomize is the model, to the order of list items; `tests/it/transform.rs` compares with `kubectl kustomize`.

mod colour;
mod images;
mod json_patch;
mod keys;
mod meta;
mod strategic;
mod strategy;
mod target;

pub use colour::{coloured, of_colour, other, previewed, reading, serving_colour, switches};
pub use images::ImageChange;
pub use strategy::{Budget, Strategy, scaled_down};
pub use target::{Target, Written};

use crate::object::Object;
use serde_json::Value;
use std::collections::BTreeMap;

/// What is changed after rendering, in this order.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct PostRender {
    /// Patches, one after the other.
    pub patches: Vec<Patch>,
    /// Image names, tags and digests.
    pub images: Vec<ImageChange>,
    /// Labels on every object (not in selectors and templates: those could not be changed later).
    pub labels: BTreeMap<String, String>,
    /// Annotations on every object and on the Pods that it makes.
    pub annotations: BTreeMap<String, String>,
    /// How old Pods give way to new ones.
    pub strategy: Strategy,
}

/// One patch.
#[derive(Clone, Debug, PartialEq)]
pub struct Patch {
    /// The objects that it is meant for; without it the patch's own apiVersion, kind and name say so.
    pub target: Option<Target>,
    /// What it does.
    pub change: PatchKind,
}

/// What a patch does.
#[derive(Clone, Debug, PartialEq)]
pub enum PatchKind {
    /// A part of an object, merged into it by Kubernetes' rules for lists.
    Strategic(Value),
    /// Operations of RFC 6902.
    Json(Vec<json_patch::Operation>),
}

/// A change that cannot be made.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct TransformError(pub String);

impl Patch {
    /// Reads a patch from YAML or JSON: a list is one of operations, a map a strategic merge.
    ///
    /// # Errors
    /// What is wrong with the text, or which target is missing.
    pub fn parse(text: &str, target: Option<Target>) -> Result<Patch, TransformError> {
        let wrong = |what: String| TransformError(format!("a patch {what}"));
        let datum = crate::yaml::from_yaml_raw(text.as_bytes()).map_err(|error| wrong(format!("is no YAML: {}", error.message)))?;
        let json = crate::object::to_json(&datum).ok_or_else(|| wrong("is nested too deep".into()))?;
        match json {
            Value::Array(_) if target.is_none() => Err(wrong("that lists operations needs a target".into())),
            Value::Array(list) => Ok(Patch { target, change: PatchKind::Json(json_patch::parse(list).map_err(wrong)?) }),
            Value::Object(_) => {
                let named = |value: &Value| value.as_str().is_some_and(|text| !text.is_empty());
                if target.is_none() && !(named(&json["apiVersion"]) && named(&json["kind"]) && named(&json["metadata"]["name"])) {
                    return Err(wrong("without a target needs apiVersion, kind and metadata.name of the object that it changes".into()));
                }
                Ok(Patch { target, change: PatchKind::Strategic(json) })
            }
            _ => Err(wrong("must be a mapping, or a list of operations".into())),
        }
    }
}

impl PostRender {
    /// Whether nothing is changed.
    pub fn is_empty(&self) -> bool {
        *self == PostRender::default()
    }

    /// Changes the set. `namespace` is the one that objects without a namespace go to.
    ///
    /// # Errors
    /// The patch that does not fit, with the object.
    pub fn apply(&self, objects: &mut Vec<Object>, namespace: &str) -> Result<(), TransformError> {
        for (at, patch) in self.patches.iter().enumerate() {
            let place = |text: String| TransformError(format!("spec.postRender.patches[{at}]: {text}"));
            patched(patch, objects, namespace).map_err(place)?;
        }
        for object in objects.iter_mut() {
            images::change(&mut object.json, &self.images);
            meta::labels(&mut object.json, &self.labels);
            meta::annotations(&mut object.json, &self.annotations);
            self.strategy.apply(&mut object.json);
        }
        Ok(())
    }

    /// Whether the patches could mean an object of this set: without a target, exactly one has to be there.
    ///
    /// # Errors
    /// The patch that means nothing.
    pub fn check<'a>(&self, objects: impl Iterator<Item = &'a Object> + Clone, namespace: &str) -> Result<(), TransformError> {
        for (at, patch) in self.patches.iter().enumerate().filter(|(_, patch)| patch.target.is_none()) {
            if let PatchKind::Strategic(body) = &patch.change
                && !objects.clone().any(|object| target::is_named(object, body, namespace))
            {
                let name = crate::object::ObjectRef::of(body);
                return Err(TransformError(format!("spec.postRender.patches[{at}]: the chart renders no {name}; name one that it does, or give a target")));
            }
        }
        Ok(())
    }
}

fn patched(patch: &Patch, objects: &mut Vec<Object>, namespace: &str) -> Result<(), String> {
    let mut gone = Vec::new();
    for (at, object) in objects.iter_mut().enumerate() {
        let meant = match (&patch.target, &patch.change) {
            (Some(target), _) => target.matches(object, namespace),
            (None, PatchKind::Strategic(body)) => target::is_named(object, body, namespace),
            (None, PatchKind::Json(_)) => false,
        };
        if !meant {
            continue;
        }
        match &patch.change {
            PatchKind::Json(operations) => {
                json_patch::apply(&mut object.json, operations).map_err(|error| format!("{}: {error}", object.reference))?;
            }
            PatchKind::Strategic(body) => match strategic::merge(&object.json, body).map_err(|error| format!("{}: {error}", object.reference))? {
                Some(mut merged) => {
                    // A patch with a target changes what it means, it does not rename it.
                    for key in ["apiVersion", "kind"] {
                        merged[key] = object.json[key].clone();
                    }
                    merged["metadata"]["name"] = object.json["metadata"]["name"].clone();
                    object.json = merged;
                }
                None => gone.push(at),
            },
        }
        if !object.json["metadata"]["name"].is_string() || !object.json["kind"].is_string() {
            return Err(format!("{}: after the patch it has no kind or no name", object.reference));
        }
    }
    for at in gone.into_iter().rev() {
        objects.remove(at);
    }
    Ok(())
}
