//! What a check finds.

use crate::object::ObjectRef;
use serde::Serialize;
use std::fmt::{self, Write as _};

/// One step of a field's path.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Step {
    /// Into a mapping.
    Key(String),
    /// Into a list.
    Index(usize),
}

/// What is wrong, in one word; JUnit's and JSON's `type`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub enum Fault {
    /// The document is no YAML, or no object.
    NotAnObject,
    /// No schema has the kind.
    UnknownKind,
    /// The schema has no such field.
    UnknownField,
    /// The field is of another type.
    WrongType,
    /// A required field is missing.
    Required,
    /// The value is not among those allowed.
    NotSupported,
    /// The value breaks another rule of the schema.
    Invalid,
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(self, f)
    }
}

/// One finding.
#[derive(Clone, Debug, PartialEq)]
pub struct Finding {
    /// What kind of mistake it is.
    pub fault: Fault,
    /// The object.
    pub object: ObjectRef,
    /// The template that gave it, or the file.
    pub source: Option<String>,
    /// The line in the text that was checked, from 1; see [`super::Document`].
    pub line: Option<usize>,
    /// The line in the template, from 1, where only one can be meant.
    pub template_line: Option<usize>,
    /// The field.
    pub steps: Vec<Step>,
    /// A sentence about the field.
    pub message: String,
}

impl Finding {
    /// A finding about a field of an object yet to be named.
    pub(super) fn new(fault: Fault, steps: Vec<Step>, message: String) -> Finding {
        Finding { fault, object: ObjectRef::default(), source: None, line: None, template_line: None, steps, message }
    }

    /// The field's path as kubectl shows it: `spec.containers[0].image`, `metadata.annotations["a.b/c"]`.
    pub fn path(&self) -> String {
        let mut text = String::new();
        for step in &self.steps {
            let plain = |key: &str| !key.is_empty() && key.chars().all(|c| c.is_alphanumeric() || "-_$".contains(c));
            // Writing to a string cannot fail.
            let _ = match step {
                Step::Index(index) => write!(text, "[{index}]"),
                Step::Key(key) if plain(key) && text.is_empty() => write!(text, "{key}"),
                Step::Key(key) if plain(key) => write!(text, ".{key}"),
                Step::Key(key) => write!(text, "[{key:?}]"),
            };
        }
        text
    }

    /// `shop/templates/web.yaml:12`, as far as it is known.
    pub fn place(&self) -> Option<String> {
        let source = self.source.as_ref()?;
        Some(match (self.template_line, self.line) {
            (Some(line), _) => format!("{source}:{line}"),
            (None, Some(line)) => format!("{source} (line {line} of what it renders to)"),
            (None, None) => source.clone(),
        })
    }
}

impl fmt::Display for Finding {
    /// `Deployment shop/web: spec.replicas: expected integer, but got a string (shop/templates/web.yaml:12)`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if !self.object.gvk.kind.is_empty() {
            write!(f, "{}: ", self.object)?;
        }
        let path = self.path();
        if !path.is_empty() {
            write!(f, "{path}: ")?;
        }
        f.write_str(&self.message)?;
        match self.place() {
            Some(place) => write!(f, " ({place})"),
            None => Ok(()),
        }
    }
}
