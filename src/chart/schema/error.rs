//! What is wrong where, printed as santhosh-tekuri/jsonschema prints it (`output.go`, `kind/kind.go`).

use super::json::Json;
use std::fmt;

/// One finding and those below it.
#[derive(Clone, Debug)]
pub(super) struct Finding {
    /// The path of the value.
    pub location: Vec<String>,
    pub kind: Kind,
    pub causes: Vec<Finding>,
}

#[derive(Clone, Debug)]
pub(super) enum Kind {
    /// The whole schema, by its URL.
    Schema(String),
    /// Several findings at one place.
    Group,
    /// Through a reference; not shown where it has one cause.
    Reference,
    /// A message.
    Text(String),
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.show(f, 0)
    }
}

impl Finding {
    fn show(&self, f: &mut fmt::Formatter<'_>, indent: usize) -> fmt::Result {
        let skip = matches!(self.kind, Kind::Reference) && self.causes.len() == 1;
        if !skip {
            if indent > 0 {
                write!(f, "\n{}- ", "  ".repeat(indent - 1))?;
            }
            match &self.kind {
                Kind::Schema(url) => write!(f, "jsonschema validation failed with {}", quote(url))?,
                kind => {
                    let text = if let Kind::Text(text) = kind { text } else { "validation failed" };
                    write!(f, "at {}: {text}", quote(&pointer(&self.location)))?;
                }
            }
        }
        let indent = if skip { indent } else { indent + 1 };
        self.causes.iter().try_for_each(|cause| cause.show(f, indent))
    }
}

/// A JSON pointer of these keys.
pub(super) fn pointer(location: &[String]) -> String {
    location.iter().map(|key| format!("/{}", escape(key))).collect()
}

/// A key in a JSON pointer.
pub(super) fn escape(key: &str) -> String {
    key.replace('~', "~0").replace('/', "~1")
}

/// The library's quotes: Go's, but single.
pub(super) fn quote(text: &str) -> String {
    let quoted = crate::chart::log::quote(text);
    let inner = quoted[1..quoted.len() - 1].replace("\\\"", "\"").replace('\'', "\\'");
    format!("'{inner}'")
}

/// Several of them.
pub(super) fn join_quoted<T: AsRef<str>>(texts: &[T]) -> String {
    texts.iter().map(|text| quote(text.as_ref())).collect::<Vec<_>>().join(", ")
}

/// A scalar in a message.
pub(super) fn display(value: &Json) -> String {
    match value {
        Json::Null => "<nil>".to_owned(),
        Json::Bool(flag) => flag.to_string(),
        Json::Number(text) => text.clone(),
        Json::Text(text) => quote(text),
        Json::List(_) | Json::Object(_) => "value".to_owned(),
    }
}
