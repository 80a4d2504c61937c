//! Who leads: one Lease, renewed by its holder, taken by another once it was seen unrenewed for its whole duration.
//!
//! The rules are client-go's (`tools/leaderelection`): clocks of different machines are never compared; a candidate counts from
//! when it saw the lease change. On top of that the leader's own right to write ends ([`Fence`]) a lease's duration after it
//! *sent* its last renewal, which is always before another may take over.

use crate::{
    cluster::{ApiError, Cluster, Fence},
    object::{Gvk, ObjectRef},
};
use serde_json::{Value, json};
use std::time::{Duration, Instant};

/// Where the lease lies and how long it lasts.
#[derive(Clone, Debug)]
pub struct LeaseOptions {
    /// Its namespace.
    pub namespace: String,
    /// Its name.
    pub name: String,
    /// How long it lasts unrenewed; whole seconds, at least one.
    pub duration: Duration,
}

/// A candidate for the lease, and its holder once it is won.
pub struct Election {
    cluster: Cluster,
    fence: Fence,
    holder: String,
    options: LeaseOptions,
    seen: Option<(Value, Instant)>,
}

/// Where an attempt to get or keep the lease led.
#[derive(Debug, PartialEq, Eq)]
enum Standing {
    Holder,
    Other(String),
}

impl Election {
    /// A candidate. `cluster` must not be behind the fence; `fence` opens while the lease is held.
    pub fn new(cluster: Cluster, fence: Fence, holder: String, options: LeaseOptions) -> Self {
        Election { cluster, fence, holder, options, seen: None }
    }

    /// Waits until the lease is won.
    pub async fn win(&mut self) {
        let mut told = String::new();
        loop {
            match self.attempt().await {
                Ok(Standing::Holder) => return,
                Ok(Standing::Other(holder)) if holder != told => {
                    tracing::info!(reason = "Standby", leader = holder, "another agent leads; waiting");
                    told = holder;
                }
                Ok(Standing::Other(_)) => {}
                Err(error) => tracing::warn!(reason = "LeaseUnreachable", "asking for the lease {}: {error}", self.reference()),
            }
            tokio::time::sleep(self.options.duration / 5).await;
        }
    }

    /// Renews the lease until it is lost.
    pub async fn keep(&mut self) {
        loop {
            let pause = (self.options.duration / 3).min(self.fence.left());
            tokio::time::sleep(pause).await;
            if !self.fence.is_open() {
                tracing::warn!(reason = "LeaseLost", "the lease could not be renewed in time");
                return;
            }
            // An answer that comes after the lease's end changes nothing any more.
            match tokio::time::timeout(self.fence.left(), self.attempt()).await {
                Ok(Ok(Standing::Holder)) => {}
                Ok(Ok(Standing::Other(holder))) => {
                    self.fence.close();
                    tracing::warn!(reason = "LeaseLost", leader = holder, "another agent holds the lease");
                    return;
                }
                Ok(Err(error)) => {
                    tracing::warn!(reason = "LeaseNotRenewed", "renewing the lease {}: {error}", self.reference());
                    tokio::time::sleep((self.options.duration / 15).min(self.fence.left())).await;
                }
                Err(_) => {}
            }
        }
    }

    /// Gives the lease up, so that the next agent need not wait for its end.
    pub async fn resign(&mut self) {
        self.fence.close();
        let Some((lease, _)) = self.seen.take() else { return };
        if lease["spec"]["holderIdentity"] != self.holder.as_str() {
            return;
        }
        let mut lease = lease;
        lease["spec"]["holderIdentity"] = json!("");
        lease["spec"]["leaseDurationSeconds"] = json!(1);
        let _ = tokio::time::timeout(Duration::from_secs(2), self.cluster.replace(&lease, "")).await;
    }

    fn reference(&self) -> ObjectRef {
        let gvk = Gvk::new("coordination.k8s.io/v1", "Lease");
        ObjectRef { gvk, namespace: Some(self.options.namespace.clone()), name: self.options.name.clone() }
    }

    async fn attempt(&mut self) -> Result<Standing, ApiError> {
        let sent = Instant::now();
        // The holder knows its lease; if somebody else wrote it, the write is refused and it is read anew.
        let known = self.seen.as_ref().filter(|(lease, _)| self.fence.is_open() && lease["spec"]["holderIdentity"] == self.holder.as_str());
        let live = match known {
            Some((lease, _)) => Some(lease.clone()),
            None => match self.cluster.get(&self.reference()).await {
                Ok(live) => Some(live),
                Err(error) if error.is_not_found() => None,
                Err(error) => return Err(error),
            },
        };
        let written = match live {
            None => self.cluster.create(&self.lease(None)).await,
            Some(live) => {
                if let Some(holder) = self.held_by_other(&live) {
                    return Ok(Standing::Other(holder));
                }
                self.cluster.replace(&self.lease(Some(&live)), "").await
            }
        };
        match written {
            Ok(lease) => {
                self.seen = Some((lease, sent));
                self.fence.extend(sent, self.options.duration);
                Ok(Standing::Holder)
            }
            Err(error) => {
                if error.is_conflict() || error.is_not_found() {
                    // Somebody else was quicker: what is known of the lease is old.
                    if let Some((lease, _)) = &mut self.seen
                        && lease["spec"]["holderIdentity"] == self.holder.as_str()
                    {
                        self.seen = None;
                    }
                }
                Err(error)
            }
        }
    }

    /// Who else holds the lease, as far as can be told by watching it for its duration.
    fn held_by_other(&mut self, live: &Value) -> Option<String> {
        let changed = self.seen.as_ref().is_none_or(|(seen, _)| seen["spec"] != live["spec"]);
        if changed {
            self.seen = Some((live.clone(), Instant::now()));
        }
        let holder = live["spec"]["holderIdentity"].as_str().unwrap_or_default();
        if holder.is_empty() || holder == self.holder {
            return None;
        }
        let span = Duration::from_secs(live["spec"]["leaseDurationSeconds"].as_u64().unwrap_or(15));
        let since = self.seen.as_ref().map_or_else(Instant::now, |(_, since)| *since);
        (since.elapsed() < span).then(|| holder.to_owned())
    }

    fn lease(&self, live: Option<&Value>) -> Value {
        let now = jiff::Timestamp::now().strftime("%Y-%m-%dT%H:%M:%S.%6fZ").to_string();
        let mut lease = live.cloned().unwrap_or_else(|| {
            json!({
                "apiVersion": "coordination.k8s.io/v1", "kind": "Lease",
                "metadata": { "name": self.options.name, "namespace": self.options.namespace },
                "spec": { "leaseTransitions": -1 },
            })
        });
        let spec = &mut lease["spec"];
        if spec["holderIdentity"] != self.holder.as_str() {
            spec["acquireTime"] = json!(now);
            spec["leaseTransitions"] = json!(spec["leaseTransitions"].as_i64().unwrap_or(-1) + 1);
        }
        spec["holderIdentity"] = json!(self.holder);
        spec["leaseDurationSeconds"] = json!(self.options.duration.as_secs().max(1));
        spec["renewTime"] = json!(now);
        lease
    }
}
