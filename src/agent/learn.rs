//! Steps that learn: they read, and note what they found as facts. They change nothing.

use super::{ClusterHost, Driver, drive::{Told, kept, now}, gather::{self, At}, status::short, target::{self, Content}};
use crate::{
    decide::{Class, Failure, Head, Millis, Step, Target, backoff},
    app::LintStatus,
    object::{Gvk, Object, Packed},
    sources,
};
use std::{collections::BTreeMap, sync::Arc};

impl Driver {
    pub(super) async fn learn(&mut self, step: Step) {
        match step {
            Step::Load => self.load().await,
            Step::Fetch { token } => self.fetch(token).await,
            Step::Render { revision } => self.render(revision).await,
            Step::Plan { digest } => self.plan(digest).await,
            Step::Observe { number } => self.observe(number).await,
            Step::CheckDependencies => self.check_dependencies().await,
            Step::CheckDrift { number } => self.check_drift(number).await,
            _ => unreachable!("only learning steps come here"),
        }
    }

    async fn load(&mut self) {
        let (namespace, release) = (&self.app.target_namespace, &self.app.release);
        if !self.work.read && self.shared.shelves.are_empty(namespace, release) {
            return self.loaded(self.records.begin());
        }
        match self.records.load().await {
            Ok(record) => self.loaded(record),
            Err(error) => {
                let failure = error.failure("reading the release records");
                tracing::warn!(environment = self.app.id(), reason = failure.reason, "{}", failure.message);
                tokio::time::sleep(std::time::Duration::from_secs(1)).await;
            }
        }
    }

    async fn fetch(&mut self, token: Option<String>) {
        let commit = gather::head(&self.shared, &self.app, self.record.as_ref()).await;
        self.trust_webhooks(commit.as_ref().ok());
        let stretched = if self.work.told_of_pushes == Told::No { self.policy.interval } else { stretched(self.policy.interval) };
        let failures = u32::from(commit.is_err());
        // A tenth of the interval, by name: environments of one agent do not all knock at the same moment.
        let jitter = jitter(&self.app.id(), self.policy.interval / 10);
        let next = now() + if failures > 0 { self.policy.interval.min(30_000) } else { stretched } + jitter;
        let next = next.max(now() + 250);
        if let Err(failure) = &commit {
            tracing::warn!(environment = self.app.id(), reason = failure.reason, "{}", failure.message);
        }
        // Another revision may be one that can be written.
        if self.facts.head.as_ref().is_some_and(|head| head.commit != commit) {
            self.facts.refused = None;
        }
        self.facts.head = Some(Head { commit, next, token });
    }

    /// A look that a webhook caused keeps the trust in them; one that finds by itself what none told of ends it.
    fn trust_webhooks(&mut self, commit: Option<&String>) {
        let Some(commit) = commit else { return };
        let news = self.work.seen_head.as_ref().is_some_and(|seen| seen != commit);
        self.work.told_of_pushes = match self.work.told_of_pushes {
            Told::Yes { pending: false } if news => Told::No,
            Told::Yes { .. } => Told::Yes { pending: false },
            Told::No => Told::No,
        };
        self.work.seen_head = Some(commit.clone());
    }

    async fn render(&mut self, revision: String) {
        let result = self.content(&revision).await;
        let next = now() + backoff(self.policy.backoff, 2);
        let digest = match result {
            Ok(content) => {
                let digest = content.digest.clone();
                self.work.source = Some(content.source.clone());
                self.work.redactor = content.redactor.clone();
                self.work.lint = content.lint.clone().map(LintStatus::from);
                if let Some(found) = content.lint.as_ref().filter(|found| !found.is_empty()) {
                    self.events.warn("LintFindings", &format!("{}: {}", short(&revision), target::told(found))).await;
                }
                self.work.content = Some(Arc::new(content));
                Ok(digest)
            }
            Err(failure) => {
                self.work.lint = (failure.reason == target::LINT_FAILED).then(|| vec![failure.message.clone()].into());
                tracing::warn!(environment = self.app.id(), revision = short(&revision), reason = failure.reason, "{}", failure.message);
                self.events.warn(&failure.reason, &failure.message).await;
                Err(failure)
            }
        };
        // A failure that is the revision's own stays until the branch or the spec moves. A signature may still come: as a tag.
        let next = match &digest {
            Err(failure) if matches!(failure.reason.as_str(), "CommitUnsigned" | "SignatureForeign") => now() + self.policy.interval.max(10_000),
            // A missing right is granted outside of git.
            Err(failure) if failure.class == Class::Denied => now() + self.policy.interval.max(10_000),
            Err(failure) if failure.class != Class::Transient => Millis::MAX,
            _ => next,
        };
        self.facts.target = Some(Target { revision, digest, next });
        // What was laid down is taken up again: it holds what chance drew then.
        self.facts.proposal = None;
    }

    async fn content(&mut self, revision: &str) -> Result<Content, Failure> {
        let gathered = gather::gather(&self.shared, &self.app, &At::Revision(revision.to_owned())).await?;
        self.signed(revision).await?;
        let upgrade = self.record.as_ref().is_some_and(|record| record.deployed().is_some());
        let number = self.record.as_ref().map_or(1, crate::decide::Record::next_number);
        let next = target::Next { number: number as u32, upgrade };
        let app = self.app.clone();
        let (capabilities, cluster) = (self.shared.capabilities.clone(), self.shared.cluster.clone());
        let begun = std::time::Instant::now();
        let rendered = self.shared.blocking.compute(move |turn| {
            target::render_files(&app, gathered.files, gathered.layers, next, &capabilities, &ClusterHost::new(cluster, turn))
        });
        let rendered = rendered.await;
        self.shared.metrics.render_took(begun.elapsed());
        let mut content = match rendered {
            Ok(content) => content?,
            Err(panic) => return Err(Failure::new(Class::Bug, "Panic", format!("rendering {}: {panic}", short(revision)))),
        };
        content.source = gathered.source;
        Ok(content)
    }

    /// Whether the commit carries a signature of those who may.
    async fn signed(&self, revision: &str) -> Result<(), Failure> {
        use crate::app::VerifyMode;
        let Some(verify) = self.app.git().and_then(|git| git.verify.as_ref()) else { return Ok(()) };
        // Of a chart from a repository git gives the values: their commit is what is signed.
        let values = self.app.chart().and_then(|_| crate::chart::repository::Revision::parse(revision)).and_then(|found| found.values);
        let commit: sources::CommitId = values.as_deref().unwrap_or(revision).parse().map_err(|error| source_failure(&error))?;
        let wrong = |why: String| Failure::new(Class::Config, "VerifyInvalid", why);
        let data = super::updates::secret(&self.shared, &self.app, &verify.secret_ref.name, "source.git.verify.secretRef").await.map_err(wrong)?;
        let keys = sources::Keyring::from_secret(&data).map_err(|why| wrong(format!("the Secret {} in source.git.verify: {why}", verify.secret_ref.name)))?;
        let what = match verify.mode {
            VerifyMode::Commit => sources::Signed::Commit,
            VerifyMode::Tag => sources::Signed::Tag,
            VerifyMode::CommitOrTag => sources::Signed::CommitOrTag,
        };
        let (git, spec) = (self.shared.git.clone(), target::git_spec(&self.app)?);
        let creds = super::planning::credentials(&self.shared, &self.app).await?;
        let checked = self.shared.blocking.wait(move || git.signer(&spec, &creds, commit, &keys, what)).await;
        match checked {
            Ok(Ok(who)) => {
                tracing::debug!(environment = self.app.id(), commit = %commit, "signed by {who}");
                Ok(())
            }
            Ok(Err(error)) => Err(source_failure(&error)),
            Err(panic) => Err(Failure::new(Class::Bug, "Panic", format!("checking a signature: {panic}"))),
        }
    }

    /// The objects of a release, as they are applied.
    pub(super) async fn released(&mut self, number: u64) -> Result<Vec<Object>, Failure> {
        if let Some(objects) = kept(&self.work.objects, number) {
            return Ok(objects);
        }
        let held = self.records.get(number).await.map_err(|error| error.failure(&format!("reading release {number}")))?;
        let Some(held) = held else { return Ok(Vec::new()) };
        let objects = super::stages::desired(&self.shared, &held.release, &self.app.id()).await?;
        self.work.objects = Some((number, Packed::new(&objects)));
        Ok(objects)
    }

    pub(super) async fn watch(&self, gvk: &Gvk) -> Result<(), Failure> {
        match self.shared.watches.ensure(gvk).await {
            Ok(()) => Ok(()),
            Err(error) if error.is_not_found() => Ok(()),
            Err(error) => Err(error.failure(&format!("watching {gvk}"))),
        }
    }
}

/// The kinds of a set, each once.
pub(super) fn kinds(objects: &[Object]) -> Vec<Gvk> {
    let kinds: BTreeMap<&Gvk, ()> = objects.iter().map(|object| (&object.reference.gvk, ())).collect();
    kinds.into_keys().cloned().collect()
}

/// How much less often the branch is looked at while webhooks tell of it, and how often at the least.
const STRETCH: Millis = 10;
const STRETCHED_AT_MOST: Millis = 15 * 60_000;

fn stretched(interval: Millis) -> Millis {
    (interval * STRETCH).min(STRETCHED_AT_MOST).max(interval)
}

fn jitter(id: &str, span: Millis) -> Millis {
    let sum = id.bytes().fold(0u64, |sum, byte| sum.wrapping_mul(31).wrapping_add(u64::from(byte)));
    if span <= 0 { 0 } else { (sum % span as u64) as Millis }
}

/// A source's trouble as a failure.
pub(super) fn source_failure(error: &sources::SourceError) -> Failure {
    let class = match error.class() {
        sources::Class::Transient => Class::Transient,
        sources::Class::Denied => Class::Denied,
        _ => Class::Config,
    };
    Failure::new(class, error.reason(), error.to_string())
}
