//! How old Pods give way to new ones, set once for charts that know nothing of it.

use serde_json::{Value, json};

/// How old Pods give way to new ones.
#[derive(Clone, Debug, Default, PartialEq)]
pub enum Strategy {
    /// As the chart says.
    #[default]
    Chart,
    /// A few at a time.
    RollingUpdate {
        /// How many Pods more than wanted there may be.
        max_surge: Option<Budget>,
        /// How many Pods fewer than wanted may be ready.
        max_unavailable: Option<Budget>,
    },
    /// All old ones go before new ones come.
    Recreate,
    /// A second set beside the first, until the Services switch to it.
    BlueGreen {
        /// What the names of preview Services end with.
        preview: String,
    },
}

/// A number of Pods, or a share of them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Budget {
    /// So many.
    Count(u32),
    /// A percentage, as Kubernetes writes it: `25%`.
    Percent(String),
}

impl Budget {
    fn json(&self) -> Value {
        match self {
            Budget::Count(count) => json!(count),
            Budget::Percent(text) => json!(text),
        }
    }
}

impl Strategy {
    /// Sets it on a Deployment, StatefulSet or DaemonSet.
    pub(super) fn apply(&self, object: &mut Value) {
        let gvk = crate::object::ObjectRef::of(object).gvk;
        if gvk.group != "apps" || !object["spec"].is_object() {
            return;
        }
        match (self, gvk.kind.as_str()) {
            (Strategy::Chart | Strategy::BlueGreen { .. }, _) => {}
            (Strategy::RollingUpdate { max_surge, max_unavailable }, kind @ ("Deployment" | "DaemonSet" | "StatefulSet")) => {
                let field = if kind == "Deployment" { "strategy" } else { "updateStrategy" };
                let mut rolling = json!({});
                // A StatefulSet keeps names: it never has more Pods than wanted.
                if let Some(surge) = max_surge.as_ref().filter(|_| kind != "StatefulSet") {
                    rolling["maxSurge"] = surge.json();
                }
                if let Some(unavailable) = max_unavailable {
                    rolling["maxUnavailable"] = unavailable.json();
                }
                let partition = object["spec"][field]["rollingUpdate"].get("partition").cloned();
                if let Some(partition) = partition.filter(|_| kind == "StatefulSet") {
                    rolling["partition"] = partition;
                }
                object["spec"][field] = json!({ "type": "RollingUpdate" });
                if rolling.as_object().is_some_and(|map| !map.is_empty()) {
                    object["spec"][field]["rollingUpdate"] = rolling;
                }
            }
            // StatefulSets have no such type: their old Pods are taken away before the new set is applied, like all others.
            (Strategy::Recreate, "Deployment") => object["spec"]["strategy"] = json!({ "type": "Recreate" }),
            (Strategy::Recreate | Strategy::RollingUpdate { .. }, _) => {}
        }
    }
}

/// What a workload becomes so that none of its Pods is left: without replicas. `None` where it has no replicas to take away.
pub fn scaled_down(object: &Value) -> Option<Value> {
    let gvk = crate::object::ObjectRef::of(object).gvk;
    let scales = gvk.group == "apps" && ["Deployment", "StatefulSet", "ReplicaSet"].contains(&gvk.kind.as_str());
    scales.then(|| {
        let mut down = object.clone();
        down["spec"]["replicas"] = json!(0);
        down
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn workload(kind: &str) -> Value {
        json!({"apiVersion": "apps/v1", "kind": kind, "metadata": {"name": "web"}, "spec": {"replicas": 3}})
    }

    #[test]
    fn each_kind_gets_what_it_knows() {
        let rolling = Strategy::RollingUpdate { max_surge: Some(Budget::Percent("25%".into())), max_unavailable: Some(Budget::Count(0)) };
        let mut web = workload("Deployment");
        rolling.apply(&mut web);
        assert_eq!(web["spec"]["strategy"], json!({"type": "RollingUpdate", "rollingUpdate": {"maxSurge": "25%", "maxUnavailable": 0}}));
        let mut db = workload("StatefulSet");
        db["spec"]["updateStrategy"] = json!({"type": "RollingUpdate", "rollingUpdate": {"partition": 2}});
        rolling.apply(&mut db);
        assert_eq!(db["spec"]["updateStrategy"], json!({"type": "RollingUpdate", "rollingUpdate": {"maxUnavailable": 0, "partition": 2}}));
        let mut old = web.clone();
        Strategy::Recreate.apply(&mut old);
        assert_eq!(old["spec"]["strategy"], json!({"type": "Recreate"}));
        let mut config = json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "c"}, "spec": {}});
        let before = config.clone();
        rolling.apply(&mut config);
        assert_eq!(config, before);
    }
}
