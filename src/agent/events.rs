//! Kubernetes Events about an Environment: one for each step that changes something, repeated ones counted, never a flood.

use crate::{
    app::App,
    cluster::Cluster,
    object::{Gvk, ObjectRef},
};
use serde_json::json;
use std::collections::BTreeMap;

/// How many different events are remembered for counting.
const MAX_REMEMBERED: usize = 64;
/// The longest note that the API takes (`events.k8s.io`).
const MAX_NOTE: usize = 1000;

/// The events of one environment.
pub struct Events {
    cluster: Cluster,
    namespace: String,
    name: String,
    uid: String,
    seen: BTreeMap<(String, String), (String, u32)>,
}

impl Events {
    /// Events about this environment. One from a file has no object to speak of: its events are only logged.
    pub fn new(cluster: Cluster, app: &App) -> Self {
        Events { cluster, namespace: app.namespace.clone(), name: app.name.clone(), uid: app.uid.clone(), seen: BTreeMap::new() }
    }

    /// Something went as it should.
    pub async fn normal(&mut self, reason: &str, note: &str) {
        self.emit("Normal", reason, note).await;
    }

    /// Something did not.
    pub async fn warn(&mut self, reason: &str, note: &str) {
        self.emit("Warning", reason, note).await;
    }

    async fn emit(&mut self, kind: &str, reason: &str, note: &str) {
        if self.uid.is_empty() {
            return;
        }
        let note: String = note.chars().take(MAX_NOTE).collect();
        let now = jiff::Timestamp::now();
        let time = now.strftime("%Y-%m-%dT%H:%M:%SZ").to_string();
        let key = (reason.to_owned(), note.clone());
        if let Some((name, count)) = self.seen.get_mut(&key) {
            *count += 1;
            // Counted at powers of two only: a thing that repeats for hours costs a dozen writes.
            if count.is_power_of_two() {
                let reference = ObjectRef { gvk: Gvk::new("v1", "Event"), namespace: Some(self.namespace.clone()), name: name.clone() };
                let patch = json!({ "count": *count, "lastTimestamp": time });
                let _ = self.cluster.terse().merge(&reference, "", &patch).await;
            }
            return;
        }
        let name = format!("{}.{:x}", self.name, now.as_nanosecond());
        let event = json!({
            "apiVersion": "v1", "kind": "Event",
            "metadata": { "name": name, "namespace": self.namespace },
            "involvedObject": {
                "apiVersion": "windlass.dev/v1alpha1", "kind": "Environment",
                "name": self.name, "namespace": self.namespace, "uid": self.uid,
            },
            "type": kind, "reason": reason, "message": note, "count": 1,
            "firstTimestamp": time, "lastTimestamp": time,
            "source": { "component": "windlass" }, "reportingComponent": "windlass.dev/agent",
        });
        if let Err(error) = self.cluster.terse().create(&event).await {
            tracing::debug!(%error, reason, "an event was not recorded");
        }
        if self.seen.len() >= MAX_REMEMBERED {
            self.seen.clear();
        }
        self.seen.insert(key, (name, 1));
    }
}
