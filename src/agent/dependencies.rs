//! The Environments that one waits for: read once, then watched, so that waiting costs no request.

use super::{Driver, drive::now, objects::reference};
use crate::{
    app::DependencySpec,
    cluster::ApiError,
    decide::{Class, Dependencies, backoff},
    object::{ObjectRef, ownership},
};
use std::collections::{BTreeMap, VecDeque};

/// How many Environments are looked at along the ways from one, to find a cycle.
const MAX_LOOKED_AT: usize = 256;
/// How many Environments may stand above one, each in the chart of the next, for a cycle through them to be found.
const MAX_ABOVE: usize = 16;

impl Driver {
    pub(super) async fn check_dependencies(&mut self) {
        let found = match self.dependencies().await {
            Ok(found) => found,
            Err(error) => {
                let failure = error.failure("looking at the Environments that spec.dependsOn names");
                Dependencies::Unknown(failure, now() + backoff(self.policy.backoff, 1))
            }
        };
        self.facts.dependencies = Some(found);
    }

    async fn dependencies(&self) -> Result<Dependencies, ApiError> {
        if let Some(names) = self.cycle().await? {
            return Ok(Dependencies::Cycle(names));
        }
        let mut unmet = Vec::new();
        for wanted in &self.app.spec.depends_on {
            let target = wanted_of(&self.app.namespace, wanted);
            let live = self.shared.inputs.get(&self.app.id(), &target).await?;
            unmet.extend(lacking(wanted, &target, live.as_ref()));
        }
        Ok(if unmet.is_empty() { Dependencies::Met } else { Dependencies::Unmet(unmet) })
    }

    /// The Environments above this one, its parent first: each waits for what its chart holds.
    async fn above(&self) -> Result<Vec<ObjectRef>, ApiError> {
        let mut above: Vec<ObjectRef> = Vec::new();
        let mut next = self.app.parent.as_deref().and_then(of_id);
        while let Some(parent) = next.filter(|parent| above.len() < MAX_ABOVE && !above.contains(parent)) {
            let live = match self.shared.inputs.get(&self.app.id(), &parent).await {
                Ok(Some(live)) => live,
                // It has gone, or is none of this agent's.
                Ok(None) => break,
                Err(error) if error.class() == Class::Denied => break,
                Err(error) => return Err(error),
            };
            next = ownership::mark(&live).and_then(of_id);
            above.push(parent);
        }
        Ok(above)
    }

    /// The names along a way that comes back to this Environment, or to one that waits for it as it holds it.
    async fn cycle(&self) -> Result<Option<Vec<String>>, ApiError> {
        let own = reference(&self.app.namespace, &self.app.name);
        let above = self.above().await?;
        let mut ways: BTreeMap<ObjectRef, Vec<String>> = BTreeMap::new();
        let mut open: VecDeque<(ObjectRef, Vec<DependencySpec>)> = VecDeque::from([(own.clone(), self.app.spec.depends_on.clone())]);
        ways.insert(own.clone(), vec![id(&own)]);
        while let Some((from, next)) = open.pop_front() {
            let way = ways.get(&from).cloned().unwrap_or_default();
            for wanted in &next {
                let target = wanted_of(from.namespace.as_deref().unwrap_or_default(), wanted);
                let mut longer = way.clone();
                longer.push(id(&target));
                if target == own {
                    return Ok(Some(longer));
                }
                if let Some(at) = above.iter().position(|holder| *holder == target) {
                    longer.extend(above[..at].iter().rev().chain([&own]).map(id));
                    return Ok(Some(longer));
                }
                if ways.contains_key(&target) || ways.len() >= MAX_LOOKED_AT {
                    continue;
                }
                let live = self.shared.inputs.get(&self.app.id(), &target).await?;
                let further = live.and_then(|live| serde_json::from_value::<Vec<DependencySpec>>(live["spec"]["dependsOn"].clone()).ok());
                ways.insert(target.clone(), longer);
                open.push_back((target, further.unwrap_or_default()));
            }
        }
        Ok(None)
    }
}

/// What a wake-up by this object puts in doubt: an Environment is looked at again, and nothing is rendered anew.
pub(super) fn concerns(object: &ObjectRef) -> bool {
    object.gvk.is("windlass.dev", "Environment")
}

/// The Environment that one in `namespace` wants.
fn wanted_of(namespace: &str, wanted: &DependencySpec) -> ObjectRef {
    reference(wanted.namespace.as_deref().unwrap_or(namespace), &wanted.name)
}

/// The Environment of an id, `namespace/name`.
fn of_id(id: &str) -> Option<ObjectRef> {
    let (namespace, name) = id.split_once('/')?;
    Some(reference(namespace, name))
}

fn id(reference: &ObjectRef) -> String {
    format!("{}/{}", reference.namespace.as_deref().unwrap_or_default(), reference.name)
}

/// The sentence for what is not as wanted.
fn lacking(wanted: &DependencySpec, target: &ObjectRef, live: Option<&serde_json::Value>) -> Option<String> {
    let name = id(target);
    let Some(live) = live else { return Some(format!("{name} does not exist")) };
    if live["status"]["observedGeneration"] != live["metadata"]["generation"] {
        return Some(format!("{name} has not seen its latest change yet"));
    }
    let conditions = live["status"]["conditions"].as_array();
    let Some(found) = conditions.and_then(|list| list.iter().find(|c| c["type"] == wanted.condition.as_str())) else {
        return Some(format!("{name} has no condition {}", wanted.condition));
    };
    let message = found["message"].as_str().unwrap_or_default();
    (found["status"] != "True").then(|| format!("{name} is not {}: {message}", wanted.condition))
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn what_lacks_is_said() {
        let wanted = DependencySpec { name: "db".into(), namespace: None, condition: "Ready".into() };
        let target = wanted_of("shop", &wanted);
        let say = |live: Option<&serde_json::Value>| lacking(&wanted, &target, live).unwrap_or_default();
        assert_eq!(say(None), "shop/db does not exist");
        let mut live = json!({"metadata": {"generation": 2}, "status": {"observedGeneration": 1}});
        assert_eq!(say(Some(&live)), "shop/db has not seen its latest change yet");
        live["status"]["observedGeneration"] = json!(2);
        assert_eq!(say(Some(&live)), "shop/db has no condition Ready");
        live["status"]["conditions"] = json!([{"type": "Ready", "status": "False", "message": "it starts"}]);
        assert_eq!(say(Some(&live)), "shop/db is not Ready: it starts");
        live["status"]["conditions"][0]["status"] = json!("True");
        assert_eq!(lacking(&wanted, &target, Some(&live)), None);
    }
}
