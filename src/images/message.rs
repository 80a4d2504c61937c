//! The message of a commit that moves images, from a Go template. Pure.

use super::Details;
use crate::{
    template::{self, Functions, Limits, MissingKey, TemplateSet, Val, funcs::Host},
    value::{GoStr, Map, Value},
};

/// One image that a commit moves.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Update {
    /// `host/repository`.
    pub image: String,
    /// What stood there; empty where nothing did.
    pub from: String,
    /// What stands there now.
    pub to: String,
    /// What the new image says of itself.
    pub details: Details,
    /// The file that was changed.
    pub file: String,
}

/// The message that is written where none is configured.
pub const DEFAULT: &str = "\
{{ if eq (len .updates) 1 }}{{ with index .updates 0 }}Update {{ .image }} to {{ .to }}{{ end }}{{ else }}Update {{ len .updates }} images{{ end }}

{{ range .updates }}- {{ .image }}: {{ .from | default \"nothing\" }} -> {{ .to }}
{{- with .digest }} ({{ . }}){{ end }}
{{- with index .labels \"org.opencontainers.image.revision\" }}
  built from {{ . }}{{ end }}
{{- with index .labels \"org.opencontainers.image.url\" }}
  {{ . }}{{ end }}
{{ end }}
";

/// The longest message, in bytes.
const MAX_MESSAGE: usize = 64 << 10;

/// Renders the message: Go's text/template with Helm's functions over `.environment`, `.namespace`, `.branch`, `.chartVersion`
/// and `.updates` (each `.image .from .to .digest .created .labels .file`).
///
/// # Errors
/// The template's own mistake, with its line.
pub fn message(text: Option<&str>, environment: (&str, &str), branch: &str, chart_version: &str, updates: &[Update], host: &dyn Host) -> Result<String, String> {
    const NAME: &str = "spec.imageUpdates.message";
    let mut set = TemplateSet::new(Functions::Helm);
    let unreadable = |error: String| format!("{NAME}: {error}");
    set.parse(NAME, &GoStr::from(text.unwrap_or(DEFAULT))).map_err(|error| unreadable(error.to_string()))?;
    let one = |update: &Update| {
        let labels = update.details.labels.iter().map(|(key, value)| (GoStr::from(key.as_str()), Value::from(value.as_str())));
        Value::Map(Map::from_iter([
            ("image".into(), Value::from(update.image.as_str())),
            ("from".into(), Value::from(update.from.as_str())),
            ("to".into(), Value::from(update.to.as_str())),
            ("digest".into(), Value::from(update.details.digest.as_str())),
            ("created".into(), Value::from(update.details.created.as_str())),
            ("file".into(), Value::from(update.file.as_str())),
            ("labels".into(), Value::Map(labels.collect())),
        ]))
    };
    let data = Value::Map(Map::from_iter([
        ("namespace".into(), Value::from(environment.0)),
        ("environment".into(), Value::from(environment.1)),
        ("branch".into(), Value::from(branch)),
        ("chartVersion".into(), Value::from(chart_version)),
        ("updates".into(), Value::List(updates.iter().map(one).collect())),
    ]));
    let options = template::Options { missing_key: MissingKey::Zero, ..template::Options::HELM };
    let written = set.execute(NAME, &Val::from_value(&data), host, &Limits::default(), options).map_err(|error| unreadable(error.to_string()))?;
    let written = String::from_utf8_lossy(&written).into_owned();
    let lines: Vec<&str> = written.lines().map(str::trim_end).collect();
    let tidy = lines.join("\n").trim().to_owned();
    if tidy.is_empty() || tidy.len() > MAX_MESSAGE {
        return Err(unreadable(format!("it gives a message of {} bytes, and 1 to {MAX_MESSAGE} are allowed", tidy.len())));
    }
    Ok(format!("{tidy}\n"))
}
