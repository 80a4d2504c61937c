//! A readable unified diff of one object's YAML.

use super::{Action, Change, mask};
use crate::{object::to_datum, yaml};
use serde_json::Value;
use similar::TextDiff;

/// Above this many lines on either side an object is not compared line by line: the comparison's cost grows with the square.
const MAX_LINES: usize = 20_000;

/// One change as a unified diff (`--- live`, `+++ planned`), Secrets masked, with `context` lines around each hunk; empty
/// where nothing changes.
pub fn unified(change: &Change, context: usize) -> String {
    if matches!(change.action, Action::Unchanged | Action::Keep { .. }) {
        return String::new();
    }
    let (before, after) = mask::pair(change.before.as_ref(), change.after.as_ref());
    let text = |side: &Option<Value>| side.as_ref().map(yaml_of).unwrap_or_default();
    let (before_text, after_text) = (text(&before), text(&after));
    if before_text == after_text {
        return String::new();
    }
    let name = |side: &Option<Value>, what: &str| if side.is_some() { format!("{what} {}", change.reference) } else { "/dev/null".into() };
    let (before_name, after_name) = (name(&before, "live"), name(&after, "planned"));
    let lines = before_text.lines().count().max(after_text.lines().count());
    if lines > MAX_LINES {
        return format!(
            "--- {before_name}\n+++ {after_name}\n@@ too large to be compared line by line: {} bytes become {} bytes @@\n",
            before_text.len(),
            after_text.len()
        );
    }
    TextDiff::from_lines(&before_text, &after_text)
        .unified_diff()
        .context_radius(context)
        .header(&before_name, &after_name)
        .to_string()
}

/// An object as YAML, in the form that `helm get manifest` and kubectl print.
pub fn yaml_of(object: &Value) -> String {
    yaml::to_yaml(&to_datum(object))
}
