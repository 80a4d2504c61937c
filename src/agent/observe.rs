//! What is live: how the objects of the attempt fare, and whether the deployed release is still what runs.

use super::{Driver, drive::now, compare::some, learn::kinds};
use crate::{
    decide::{Class, Drift, Failure, HealthFact, Op, backoff},
    health::{self, State},
    object::{self, Gvk, Object, ObjectRef, ownership},
    plan::drift,
};

impl Driver {
    pub(super) async fn observe(&mut self, number: u64) {
        let fact = match self.assess(number).await {
            Ok(HealthFact::Ready) => HealthFact::Ready,
            Ok(HealthFact::Progressing(text)) => HealthFact::Progressing(self.clean(&text)),
            Ok(HealthFact::Failed(failure)) => HealthFact::Failed(self.cleaned(failure)),
            Err(failure) if failure.class == Class::Transient => HealthFact::Progressing(self.clean(&failure.message)),
            Err(failure) => HealthFact::Failed(self.cleaned(failure)),
        };
        self.facts.health = Some(fact);
    }

    async fn assess(&mut self, number: u64) -> Result<HealthFact, Failure> {
        let mark = self.record.as_ref().and_then(|record| record.entry(number)).and_then(|entry| entry.mark.as_ref());
        let (op, waves) = mark.map(|mark| (Some(mark.op), mark.waves)).unwrap_or_default();
        if matches!(op, Some(Op::Uninstall { .. })) {
            return self.removal(number).await;
        }
        let objects = self.attempt_objects(number).await?;
        let applied = &objects[..super::attempt::wave_range(&objects, waves).end];
        for gvk in kinds(&objects) {
            self.watch(&gvk).await?;
        }
        let closer = std::mem::take(&mut self.work.closer);
        let mut waiting = Vec::new();
        for object in applied {
            let health = match self.shared.watches.get(&object.reference) {
                Some(observed) => observed.health,
                None => self.look(&object.reference).await?,
            };
            if health.is_ready() {
                continue;
            }
            if let State::Failed { lasting: true } = health.state {
                return Ok(HealthFact::Failed(unhealthy(&object.reference, &health)));
            }
            if closer && let Some(failure) = self.trouble(object).await? {
                return Ok(HealthFact::Failed(failure));
            }
            waiting.push(format!("{}: {}", object.reference, health.message));
        }
        if waiting.is_empty() {
            return Ok(HealthFact::Ready);
        }
        let wave = if waves.single() { String::new() } else { format!("wave {} of {}: ", waves.at + 1, waves.of) };
        Ok(HealthFact::Progressing(format!("{wave}{}", some(waiting))))
    }

    /// What a removal still waits for, with what holds it: finalizers, a namespace's content.
    async fn removal(&mut self, number: u64) -> Result<HealthFact, Failure> {
        let objects = self.removed_objects(number).await?;
        for gvk in kinds(&objects) {
            self.watch(&gvk).await?;
        }
        let id = self.app.id();
        let mut waiting = Vec::new();
        for object in objects.iter().filter(|object| !ownership::keep(&object.json)) {
            let Some(observed) = self.shared.watches.get(&object.reference).filter(|observed| observed.owner.as_ref() == Some(&id)) else {
                continue;
            };
            if observed.health.reason != "Terminating" {
                match self.shared.cluster.get(&object.reference).await {
                    // It stays by its own word, or was not asked to go yet: whoever deletes looks at the same.
                    Ok(live) if ownership::keep(&live) || ownership::prune_forbidden(&live) => continue,
                    Ok(_) => {}
                    Err(error) if error.is_not_found() => continue,
                    Err(error) => return Err(error.failure(&format!("waiting until {} is gone", object.reference))),
                }
            }
            waiting.push(format!("{}: {}", object.reference, observed.health.message));
        }
        Ok(if waiting.is_empty() { HealthFact::Ready } else { HealthFact::Progressing(some(waiting)) })
    }

    async fn look(&self, reference: &ObjectRef) -> Result<health::Health, Failure> {
        match self.shared.cluster.get(reference).await {
            Ok(live) => Ok(health::assess(&live, Some(jiff::Timestamp::now()))),
            Err(error) if error.is_not_found() => {
                Ok(health::Health { state: State::Progressing, reason: "NotFound".into(), message: "it does not exist (any more)".into() })
            }
            Err(error) => Err(error.failure(&format!("reading {reference}"))),
        }
    }

    /// The lasting trouble of a workload's Pods, which its own status tells late or never.
    async fn trouble(&self, object: &Object) -> Result<Option<Failure>, Failure> {
        let reference = &object.reference;
        let doing = format!("looking at the Pods of {reference}");
        if !["Deployment", "StatefulSet", "DaemonSet", "Job", "ReplicaSet"].contains(&reference.gvk.kind.as_str()) {
            return Ok(None);
        }
        let pods = |version: &str, kind: &str| ObjectRef { gvk: Gvk::new(version, kind), namespace: reference.namespace.clone(), name: String::new() };
        let mut selector = object::pod_selector(&object.json);
        let mut owned = Vec::new();
        if let Some(selector) = &selector {
            // Pods that all are well, or on their way, need no second question.
            owned = self.shared.cluster.list(&pods("v1", "Pod"), selector).await.map_err(|error| error.failure(&doing))?;
            let failed = |pod: &serde_json::Value| matches!(health::assess(pod, Some(jiff::Timestamp::now())).state, State::Failed { .. });
            if !owned.iter().any(failed) {
                return Ok(None);
            }
        }
        let live = self.shared.cluster.get(reference).await.map_err(|error| error.failure(&doing))?;
        if selector.is_none() {
            // A Job's is the server's own.
            selector = object::pod_selector(&live);
            let Some(selector) = &selector else { return Ok(None) };
            owned = self.shared.cluster.list(&pods("v1", "Pod"), selector).await.map_err(|error| error.failure(&doing))?;
        }
        let selector = selector.unwrap_or_default();
        if reference.gvk.kind == "Deployment" {
            let sets = self.shared.cluster.list(&pods("apps/v1", "ReplicaSet"), &selector).await;
            owned.extend(sets.map_err(|error| error.failure(&doing))?);
        }
        let dependents: Vec<&serde_json::Value> = owned.iter().collect();
        let target = health::Target { reference, live: Some(&live), dependents: &dependents };
        let report = health::sum(&[target], Some(jiff::Timestamp::now()));
        Ok(report.failure.map(|failure| {
            let shown = failure.shown_by.as_ref().map(|pod| format!(" ({pod})")).unwrap_or_default();
            let mut found = unhealthy(&failure.reference, &failure.health);
            found.message.push_str(&shown);
            found
        }))
    }

    pub(super) async fn check_drift(&mut self, number: u64) {
        let found = match self.drift(number).await {
            Ok(found) => found,
            Err(failure) => {
                let at = now() + backoff(self.policy.backoff, 2);
                self.facts.drift = Some(Drift::Unknown(self.cleaned(failure), at));
                return;
            }
        };
        self.work.drifted = found.iter().map(|(reference, _)| reference.clone()).collect();
        let text: Vec<String> = found.into_iter().map(|(reference, what)| format!("{reference} {what}")).collect();
        self.facts.drift = Some(if text.is_empty() { Drift::None } else { Drift::Found(text.join(", ")) });
    }

    async fn drift(&mut self, number: u64) -> Result<Vec<(ObjectRef, String)>, Failure> {
        let objects = self.released(number).await?;
        for gvk in kinds(&objects) {
            self.watch(&gvk).await?;
        }
        let rules = super::stages::rules(&self.app, &objects);
        let mut found = Vec::new();
        for object in objects.iter() {
            let Some(live) = self.shared.watches.get(&object.reference) else {
                match self.shared.cluster.get(&object.reference).await {
                    Ok(_) => found.push((object.reference.clone(), "lost Helm's label".into())),
                    Err(error) if error.is_not_found() => found.push((object.reference.clone(), "was deleted".into())),
                    Err(error) => return Err(error.failure(&format!("reading {}", object.reference))),
                }
                continue;
            };
            if self.work.clean.get(&object.reference) == Some(&live.fingerprint) {
                continue;
            }
            let sent = super::stages::settled(&self.shared, object, &rules).await?;
            let manner = super::stages::Manner { force: true, ..self.manner() };
            let dry = match super::stages::dry_run(&self.shared, object, &sent, manner).await {
                // Somebody made it anew with another value in a field that cannot be changed.
                Err(error) if manner.replace && super::stages::replaceable(object, &error) => {
                    found.push((object.reference.clone(), "was made anew by somebody, with another immutable field".into()));
                    continue;
                }
                Err(error) => return Err(self.immutable(object, &error).await.unwrap_or_else(|| super::stages::refused(object, &error))),
                Ok(dry) => dry,
            };
            if object::digest::drift_fingerprint(&dry.object) == live.fingerprint {
                self.work.clean.insert(object.reference.clone(), live.fingerprint);
                continue;
            }
            // Who, what, when: the live object tells, which no watch keeps.
            let now = self.shared.cluster.get(&object.reference).await.map_err(|error| error.failure(&format!("reading {}", object.reference)))?;
            let seen = jiff::Timestamp::now().strftime("%Y-%m-%dT%H:%M:%SZ").to_string();
            found.push((object.reference.clone(), drift::sentence(&drift::differences(&now, &dry.object), &seen)));
        }
        Ok(found)
    }
}

fn unhealthy(reference: &ObjectRef, health: &health::Health) -> Failure {
    Failure::new(Class::Unhealthy, &health.reason, format!("{reference}: {}", health.message))
}
