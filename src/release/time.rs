//! Go's `time.Time` in JSON, kept as its text so that a record written again keeps offset and digits.

use jiff::Timestamp;
use serde::{Deserialize, Deserializer, Serialize};
use std::fmt;

/// A time as RFC 3339 text, never Go's zero time.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(transparent)]
pub struct Time(String);

impl Time {
    /// The instant; `None` where the text is no time.
    pub fn timestamp(&self) -> Option<Timestamp> {
        self.0.parse().ok()
    }

    /// For serde: nothing to write.
    pub(super) fn is_none(time: &Option<Time>) -> bool {
        time.is_none()
    }
}

impl From<Timestamp> for Time {
    fn from(at: Timestamp) -> Self {
        Self(at.to_string())
    }
}

impl fmt::Display for Time {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Reads a time as helm does: absent, `null`, `""` (helm 3) and Go's zero time all mean none; anything else that is no
/// time is an error.
pub(super) fn lenient<'de, D: Deserializer<'de>>(from: D) -> Result<Option<Time>, D::Error> {
    let Some(text) = Option::<String>::deserialize(from)? else { return Ok(None) };
    if text.is_empty() || text.starts_with("0001-01-01T00:00:00") {
        return Ok(None);
    }
    if text.parse::<Timestamp>().is_err() {
        return Err(serde::de::Error::custom(format!("{text:?} is no RFC 3339 time")));
    }
    Ok(Some(Time(text)))
}
