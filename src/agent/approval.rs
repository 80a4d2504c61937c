//! Plans laid down for approval: kept whole, told, and opened exactly as they were agreed to.

use super::{Driver, drive::now, status::short, target::Content};
use crate::{
    decide::{Approved, Failure, Millis, Proposal, backoff},
    release::{Release, Rendered},
};
use std::sync::Arc;

/// The shortest pause before a plan that could not be laid down is tried again.
const LEAST_PAUSE: Millis = 1_000;

impl Driver {
    /// Lays the plan down, or takes up what was laid down before a restart.
    pub(super) async fn propose(&mut self, digest: String, base: Option<u64>) {
        let result = self.laid_down(&digest, base).await;
        if let Err(failure) = &result {
            tracing::warn!(environment = self.app.id(), reason = failure.reason, "{}", failure.message);
        }
        let next = now() + backoff(self.policy.backoff.max(LEAST_PAUSE), 1);
        self.facts.proposal = Some(Proposal { content: digest, base, result, next });
    }

    /// Says who agreed; what was kept for that is in the record now.
    pub(super) async fn tell_approved(&mut self, number: u64, approved: &Approved) {
        let text = format!("release {number}: {} approved the plan {} at {}", approved.by, approved.digest, super::status::time(approved.at));
        tracing::info!(environment = self.app.id(), release = number, by = approved.by, digest = approved.digest, reason = "Approved", "{text}");
        self.events.normal("Approved", &text).await;
        self.facts.proposal = None;
        if let Err(error) = self.records.discard().await {
            tracing::warn!(environment = self.app.id(), reason = error.reason, "the plan that was laid down for approval stays for now: {error}");
        }
    }

    async fn laid_down(&mut self, digest: &str, base: Option<u64>) -> Result<String, Failure> {
        let doing = "laying the plan down for approval";
        let content = self.work.content.clone().filter(|content| content.digest == digest);
        let content = content.ok_or_else(|| Failure::new(crate::decide::Class::Bug, "NoContent", "nothing was rendered"))?;
        let kept = self.records.kept().await.map_err(|error| error.failure(doing))?;
        let kept = match kept.filter(|kept| kept.content == digest && kept.base == base) {
            Some(kept) => kept,
            None => {
                let kept = self.records.keep(digest, base, content.release(&self.app, content.rendered.clone())).await.map_err(|error| error.failure(doing))?;
                let revision = short(&content.source.commit);
                let text = format!("the plan {} of {revision} waits for approval", kept.digest);
                tracing::info!(environment = self.app.id(), revision, reason = "AwaitingApproval", "{text}");
                self.events.normal("AwaitingApproval", &text).await;
                kept
            }
        };
        self.work.content = Some(Arc::new(Content { rendered: rendered(kept.release), ..(*content).clone() }));
        Ok(kept.digest)
    }
}

/// What was rendered, out of the release that it would become.
pub fn rendered(release: Release) -> Rendered {
    Rendered {
        chart: release.chart.unwrap_or_else(|| crate::release::Chart::from_value(&serde_json::Value::Null)),
        config: release.config,
        manifest: release.manifest,
        hooks: release.hooks,
        notes: release.info.notes,
        labels: release.labels,
    }
}
