//! Helm's release records: what helm v4.3.1 and v3.22.0 store, to the field, and what of ours stands beside it.
//!
//! A record is a Secret `sh.helm.release.v1.NAME.vN` of type `helm.sh/release.v1`. Its payload and labels hold Helm's fields
//! and nothing else; ours are annotations ([`Marks`]). Helm's own update replaces the whole Secret and so drops them, which
//! is how a change by helm is told from one of ours.

mod build;
mod codec;
pub mod describe;
mod history;
mod hook;
mod marks;
mod memory;
mod secret;
mod status;
#[cfg(test)]
mod tests;
mod time;

pub use build::{Rendered, install, rollback, upgrade};
pub use codec::{CodecError, decode, encode};
pub use history::{current, last, last_deployed, least_recent, latest_good};
pub use hook::{DeletePolicy, Event, Execution, Hook, OutputPolicy, Phase, hooks_for};
pub use marks::Marks;
pub use memory::{Condemned, Hold, Memory};
pub use secret::{Head, MAX_PAYLOAD, Stamp, Stored, TYPE, TooLarge, key, read, secret};
pub use status::Status;
pub use time::Time;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, value::RawValue};
use std::collections::BTreeMap;

/// One release, as helm's `pkg/release/v1.Release` writes it in JSON.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct Release {
    /// Name of the release.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub name: String,
    /// State and times.
    #[serde(default)]
    pub info: Info,
    /// The chart as helm stores it; kept as text, for it is most of the record and seldom looked into.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub chart: Option<Chart>,
    /// The values given by the user, without the chart's own.
    #[serde(default, skip_serializing_if = "Map::is_empty", deserialize_with = "null_is_default")]
    pub config: Map<String, Value>,
    /// The rendered objects, hooks aside.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub manifest: String,
    /// All hooks of the chart.
    #[serde(default, skip_serializing_if = "Vec::is_empty", deserialize_with = "null_is_default")]
    pub hooks: Vec<Hook>,
    /// Helm's revision number: 1, 2, 3 …
    #[serde(default, skip_serializing_if = "is_zero")]
    pub version: u32,
    /// The release's namespace.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub namespace: String,
    /// `ssa` or `csa`; empty in what helm 3 wrote, and then client-side apply is meant.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub apply_method: String,
    /// The user's labels on the Secret; not part of the payload.
    #[serde(skip)]
    pub labels: BTreeMap<String, String>,
}

/// A release's state and times, helm's `Info`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Info {
    /// When the first revision was deployed.
    #[serde(default, skip_serializing_if = "Time::is_none", deserialize_with = "time::lenient")]
    pub first_deployed: Option<Time>,
    /// When this one was.
    #[serde(default, skip_serializing_if = "Time::is_none", deserialize_with = "time::lenient")]
    pub last_deployed: Option<Time>,
    /// When it was uninstalled.
    #[serde(default, skip_serializing_if = "Time::is_none", deserialize_with = "time::lenient")]
    pub deleted: Option<Time>,
    /// Helm's log line for people.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub description: String,
    /// The state.
    #[serde(default)]
    pub status: Status,
    /// The revision that was rolled back to (helm 4 only; 0 where it was no rollback).
    #[serde(default, skip_serializing_if = "is_zero")]
    pub rollback_revision: u32,
    /// The rendered NOTES.txt.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub notes: String,
}

/// The chart inside a record, as JSON text.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Chart(pub Box<RawValue>);

/// What of a chart's metadata people want to see.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub struct ChartMetadata {
    /// The chart's name.
    pub name: String,
    /// Its version.
    pub version: String,
    /// The version of what it installs.
    pub app_version: String,
}

impl Chart {
    /// A chart of this JSON.
    pub fn from_value(value: &Value) -> Self {
        Self(serde_json::value::to_raw_value(value).expect("a JSON value has only string keys"))
    }

    /// The chart's JSON, parsed.
    pub fn to_value(&self) -> Value {
        serde_json::from_str(self.0.get()).unwrap_or_default()
    }

    /// Name and versions; empty where the record is damaged.
    pub fn metadata(&self) -> ChartMetadata {
        #[derive(Default, Deserialize)]
        #[serde(default)]
        struct Head {
            metadata: Option<ChartMetadata>,
        }
        serde_json::from_str::<Head>(self.0.get()).unwrap_or_default().metadata.unwrap_or_default()
    }

    /// `name-version`, as `helm list` calls it.
    pub fn label(&self) -> String {
        let ChartMetadata { name, version, .. } = self.metadata();
        format!("{name}-{version}")
    }
}

impl PartialEq for Chart {
    fn eq(&self, other: &Self) -> bool {
        self.0.get() == other.0.get()
    }
}

impl PartialEq for Release {
    fn eq(&self, other: &Self) -> bool {
        self.name == other.name
            && self.namespace == other.namespace
            && self.version == other.version
            && self.info == other.info
            && self.chart == other.chart
            && self.config == other.config
            && self.manifest == other.manifest
            && self.hooks == other.hooks
            && self.apply_method == other.apply_method
            && self.labels == other.labels
    }
}

fn is_zero(number: &u32) -> bool {
    *number == 0
}

/// Go writes `null` for a slice or map that was never made.
fn null_is_default<'de, D, T>(from: D) -> Result<T, D::Error>
where
    D: serde::Deserializer<'de>,
    T: Deserialize<'de> + Default,
{
    Ok(Option::<T>::deserialize(from)?.unwrap_or_default())
}
