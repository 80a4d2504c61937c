//! What proved good here goes on to the next branch; what proved bad is taken back on its own, where that is asked for.

use super::{Driver, drive::now, learn::source_failure, planning, status::short, target};
use crate::{
    app::App,
    cluster::Records,
    decide::{Class, Failure, Millis, PushFact},
    sources::{CommitId, Identity, Moved, Promotion},
    webhooks::Address,
};
use std::sync::Arc;

/// The shortest pause before a promotion that failed is tried again.
const PAUSE: Millis = 30_000;

impl Driver {
    pub(super) async fn promote(&mut self, revision: String, to: String) {
        let result = self.bring(&revision, &to).await;
        let shown = short(&revision);
        match &result {
            Ok(text) => {
                tracing::info!(environment = self.app.id(), revision = shown, to, reason = "Promoted", "{text}");
                self.events.normal("Promoted", text).await;
            }
            Err(failure) => {
                let text = format!("promoting {shown} to {to}: {}", failure.message);
                tracing::warn!(environment = self.app.id(), revision = shown, to, reason = failure.reason, "{text}");
                self.events.warn(&failure.reason, &text).await;
            }
        }
        let next = now() + self.policy.interval.max(PAUSE);
        self.facts.promotion = Some(PushFact { revision, result: result.map(drop), next });
    }

    /// Takes the bad commit back on the branch, as `git revert` does.
    pub(super) async fn revert(&mut self, revision: String, failure: Failure) {
        let why = format!("Its release failed in the Environment {} and was rolled back ({}).", self.app.id(), failure.reason);
        let result = self.take_back(&revision, why).await;
        let (shown, branch) = (short(&revision), self.app.branch().to_owned());
        match &result {
            Ok(text) => {
                tracing::info!(environment = self.app.id(), revision = shown, branch, reason = "Reverted", "{text}");
                self.events.normal("Reverted", text).await;
            }
            Err(failure) => {
                let text = format!("taking {shown} back on {branch}: {}", failure.message);
                tracing::warn!(environment = self.app.id(), revision = shown, branch, reason = failure.reason, "{text}");
                self.events.warn(&failure.reason, &text).await;
            }
        }
        let next = now() + self.policy.interval.max(PAUSE);
        self.facts.reverted = Some(PushFact { revision, result: result.map(drop), next });
    }

    async fn take_back(&self, revision: &str, why: String) -> Result<String, Failure> {
        let commit: CommitId = revision.parse().map_err(|error| source_failure(&error))?;
        let creds = planning::credentials(&self.shared, &self.app).await?;
        let (spec, git) = (target::git_spec(&self.app)?, self.shared.git.clone());
        let (shown, branch) = (short(revision), spec.branch.clone());
        let moved = self.shared.blocking.wait(move || git.revert(&spec, &creds, &commit, &Identity::default(), &why)).await;
        match moved {
            Ok(Ok(Moved::Committed(made))) => Ok(format!("{shown} was taken back on {branch} by {}", short(&made.to_string()))),
            Ok(Ok(_)) => Ok(format!("{branch} no longer has {shown}")),
            Ok(Err(error)) => Err(source_failure(&error)),
            Err(panic) => Err(Failure::new(Class::Bug, "Panic", format!("pushing: {panic}"))),
        }
    }

    /// The Environments that follow the next branch.
    fn takers(&self, to: &str) -> Vec<Arc<App>> {
        let ours = self.app.git().and_then(|git| Address::parse(&git.url));
        let follows = |app: &App| app.git().is_some_and(|git| git.branch == to && Address::parse(&git.url) == ours);
        self.shared.minded.apps().into_iter().filter(|app| app.chart().is_none() && follows(app)).collect()
    }

    /// Whether an Environment renders what its branch would be at: a key that the chart asks for and its values lack refuses the
    /// promotion by name, before anything is pushed.
    async fn taken(&self, taker: &App, commit: CommitId) -> Result<(), Failure> {
        let records = Records::new(self.shared.cluster.clone(), &taker.target_namespace, &taker.release);
        let record = records.load().await.map_err(|error| error.failure(&format!("reading the release records of {}", taker.id())))?;
        let what = planning::What::Revision(commit.to_string());
        match planning::content(&self.shared, taker, &record, &what).await {
            Ok(_) => Ok(()),
            Err(failure) if failure.class == Class::Transient => Err(failure),
            Err(failure) => {
                let text = format!("the Environment {} would refuse it, and nothing was pushed: {}", taker.id(), failure.message);
                Err(Failure::new(Class::Config, "PromotionRefused", text))
            }
        }
    }

    async fn bring(&self, revision: &str, to: &str) -> Result<String, Failure> {
        let commit: CommitId = revision.parse().map_err(|error| source_failure(&error))?;
        let creds = planning::credentials(&self.shared, &self.app).await?;
        let (spec, git) = (target::git_spec(&self.app)?, self.shared.git.clone());
        let shown = short(revision);
        let from = spec.branch.clone();
        let promotion = Promotion {
            commit,
            to: to.to_owned(),
            keep: self.app.spec.promote.iter().flat_map(|promote| promote.keep.clone()).collect(),
            identity: Identity::default(),
            message: format!("Promote {from} to {to}\n\n{shown} was live, healthy and tested in the Environment {}.\n", self.app.id()),
        };
        let takers = self.takers(to);
        if !takers.is_empty() {
            let (git, spec, creds, promotion) = (git.clone(), spec.clone(), creds.clone(), promotion.clone());
            let proposed = self.shared.blocking.wait(move || git.propose(&spec, &creds, &promotion)).await;
            let proposed = proposed.map_err(|panic| Failure::new(Class::Bug, "Panic", format!("preparing: {panic}")))?;
            if let Moved::FastForward(commit) | Moved::Committed(commit) = proposed.map_err(|error| source_failure(&error))? {
                for taker in takers {
                    self.taken(&taker, commit).await?;
                }
            }
        }
        let moved = self.shared.blocking.wait(move || git.promote(&spec, &creds, &promotion)).await;
        match moved {
            Ok(Ok(Moved::Already)) => Ok(format!("{to} has {shown} already")),
            Ok(Ok(Moved::FastForward(_))) => Ok(format!("{to} is at {shown} now")),
            Ok(Ok(Moved::Committed(commit))) => Ok(format!("{to} is at {} now, which brings {shown}", short(&commit.to_string()))),
            Ok(Err(error)) => Err(source_failure(&error)),
            Err(panic) => Err(Failure::new(Class::Bug, "Panic", format!("pushing: {panic}"))),
        }
    }
}
