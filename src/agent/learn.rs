//! Steps that learn: they read, and note what they found as facts. They change nothing.

use super::{
    ClusterHost, Driver, Keeper,
    drive::{Told, now},
    gather::{self, At},
    status::short,
    target::{self, Content},
};
use crate::{
    decide::{Class, Counts, Drift, Failure, Head, HealthFact, Millis, Op, PlanFact, Step, Target, backoff},
    app::{LintStatus, PlanStatus},
    health::{self, State},
    object::{self, Gvk, Object, ObjectRef, ownership},
    plan::{self, drift},
    sources,
};
use std::{collections::BTreeMap, sync::Arc};

impl<K: Keeper> Driver<K> {
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
        let rendered = self.shared.blocking.compute(move || {
            target::render_files(&app, gathered.files, gathered.layers, next, &capabilities, &ClusterHost::new(cluster))
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

    async fn plan(&mut self, digest: String) {
        if self.work.content.is_none() {
            self.facts.target = None;
            return;
        }
        let (result, guard) = match self.compare().await.map_err(|failure| self.cleaned(failure)) {
            Ok(found) => {
                self.work.plan = Some(PlanStatus {
                    created: found.counts.created as i64,
                    changed: found.counts.changed as i64,
                    pruned: found.counts.pruned as i64,
                    digest: digest.clone(),
                    changes: found.changes.iter().map(|change| self.clean(change)).collect(),
                });
                (Ok(found.counts), found.guard)
            }
            Err(failure) => (Err(failure), Vec::new()),
        };
        let next = match &result {
            Err(failure) if failure.reason == "ImageMissing" && failure.class == Class::Transient => now() + IMAGE_PAUSE,
            Err(failure) if failure.class == Class::Transient => now() + backoff(self.policy.backoff, 1),
            // Someone else's object, a missing right, a missing CRD: it may be mended outside git.
            _ => now() + self.policy.interval.max(10_000),
        };
        if let Err(failure) = &result {
            tracing::warn!(environment = self.app.id(), reason = failure.reason, "{}", failure.message);
            self.events.warn(&failure.reason, &failure.message).await;
        }
        let base = self.record.as_ref().and_then(|record| record.deployed()).map(|entry| entry.number);
        self.facts.plan = Some(PlanFact { digest, base, result, guard, next });
    }

    /// What applying the head would change, by dry run where there is something to change.
    async fn compare(&mut self) -> Result<Compared, Failure> {
        let content = self.work.content.clone().ok_or_else(|| Failure::new(Class::Bug, "NoContent", "nothing was rendered"))?;
        let (rendered, _) = self.in_colour(&content).await?;
        let release = content.release(&self.app, rendered);
        fits(&release)?;
        let crds = content.made_first(&self.app);
        super::validate::validate(&self.shared, &release, crds).await?;
        let desired = super::stages::desired(&self.shared, &release, &self.app.id()).await?;
        let previous = match self.record.as_ref().and_then(|record| record.deployed().map(|entry| entry.number)) {
            Some(number) => self.released(number).await?,
            None => Arc::default(),
        };
        named(&desired)?;
        self.images_exist(&desired, &previous).await?;
        for gvk in kinds(&desired) {
            self.watch(&gvk).await?;
        }
        let mut found = Compared::default();
        self.work.same = (content.digest.clone(), Default::default());
        for object in &desired {
            match self.compare_one(object, &desired, crds, &previous).await? {
                Some(true) => {
                    found.counts.created += 1;
                    found.note("create", &object.reference);
                }
                Some(false) => {
                    found.counts.changed += 1;
                    found.note("change", &object.reference);
                }
                None => {}
            }
        }
        if self.app.spec.sync.prune {
            self.compare_gone(&desired, &previous, &mut found).await?;
        }
        Ok(found)
    }

    /// What would be deleted, and whether somebody has to agree to that first.
    async fn compare_gone(&self, desired: &[Object], previous: &[Object], found: &mut Compared) -> Result<(), Failure> {
        let gone: Vec<&Object> = previous.iter().filter(|old| !desired.iter().any(|new| new.reference.same_object(&old.reference))).collect();
        let deployed = self.record.as_ref().and_then(|record| record.deployed());
        let helms = deployed.is_some_and(|entry| super::act::of_helm(entry.mark.as_ref()));
        let gone = super::stages::as_recorded(gone.into_iter().cloned().collect(), helms);
        let mut pruned = Vec::new();
        for object in &gone {
            if ownership::keep(&object.json) || ownership::prune_forbidden(&object.json) {
                continue;
            }
            let reference = object.reference.clone();
            found.note("delete", &reference);
            if let Some(content) = self.content_of(object).await? {
                pruned.push(plan::Previous { reference, live: None, content });
            }
        }
        found.counts.pruned = gone.len();
        let limits = plan::GuardLimits { max_percent: self.app.max_prune_percent, ..Default::default() };
        found.guard = plan::prune::guard(&pruned, desired.len() + gone.len(), &limits).reasons;
        Ok(())
    }

    /// Whether it still exists, and how many objects a CRD's kind has; of other kinds their number is of no matter.
    async fn content_of(&self, recorded: &Object) -> Result<Option<Option<u64>>, Failure> {
        let reference = &recorded.reference;
        let precious = ["PersistentVolumeClaim", "CustomResourceDefinition", "Namespace"].contains(&reference.gvk.kind.as_str());
        if !precious {
            return Ok(Some(None));
        }
        let doing = format!("looking at what {reference} holds");
        let live = match self.shared.cluster.get(reference).await {
            Ok(live) => live,
            Err(error) if error.is_not_found() => return Ok(None),
            Err(error) => return Err(error.failure(&doing)),
        };
        if ownership::keep(&live) || ownership::prune_forbidden(&live) || !super::stages::is_ours(&live, recorded, &self.app.id()) {
            return Ok(None);
        }
        if reference.gvk.kind != "CustomResourceDefinition" {
            return Ok(Some(None));
        }
        let spec = &live["spec"];
        let version = spec["versions"].as_array().into_iter().flatten().find(|version| version["served"] == true);
        let (Some(group), Some(version), Some(plural)) = (spec["group"].as_str(), version.and_then(|v| v["name"].as_str()), spec["names"]["plural"].as_str())
        else {
            return Ok(Some(None));
        };
        let list = self.shared.cluster.get_path(&format!("/apis/{group}/{version}/{plural}?limit=1")).await;
        let list = match list {
            Ok(list) => list,
            // Who may not look has to ask.
            Err(error) if error.class() == Class::Denied => return Ok(Some(None)),
            Err(error) => return Err(error.failure(&doing)),
        };
        let here = list["items"].as_array().map_or(0, Vec::len) as u64;
        Ok(Some(Some(here + list["metadata"]["remainingItemCount"].as_u64().unwrap_or(0))))
    }

    /// `Some(true)`: it would be created; `Some(false)`: changed; `None`: nothing.
    async fn compare_one(
        &mut self,
        object: &Object,
        desired: &[Object],
        crds: &[Object],
        previous: &[Object],
    ) -> Result<Option<bool>, Failure> {
        let known = self.shared.watches.get(&object.reference);
        let before = previous.iter().find(|old| old.reference.same_object(&object.reference));
        let Some(live) = known else {
            return self.compare_unwatched(object, desired.iter().chain(crds)).await.map(Some);
        };
        if before.is_some_and(|old| old.json == object.json) && self.work.clean.get(&object.reference) == Some(&live.fingerprint) {
            self.work.same.1.insert(object.reference.clone());
            return Ok(None);
        }
        if live.owner.as_deref() != Some(&self.app.id()) {
            self.check_owner(object).await?;
        }
        let rules = super::stages::rules(&self.app, desired);
        let sent = super::stages::settled(&self.shared, object, &rules).await?;
        let manner = self.manner();
        let dry = match super::stages::dry_run(&self.shared, object, &sent, manner).await {
            Err(error) if manner.replace && super::stages::replaceable(object, &error) => return Ok(Some(false)),
            Err(error) => return Err(self.immutable(object, &error).await.unwrap_or_else(|| super::stages::refused(object, &error))),
            Ok(dry) => dry,
        };
        let same = object::digest::drift_fingerprint(&dry.object) == live.fingerprint;
        Ok((!same).then_some(false))
    }

    /// The refusal of an immutable field's change, with the field named.
    async fn immutable(&self, object: &Object, error: &crate::cluster::ApiError) -> Option<Failure> {
        let refusal = super::stages::refusal(error);
        let fields = refusal.immutable_fields();
        if fields.is_empty() {
            return None;
        }
        let live = self.shared.cluster.get(&object.reference).await.unwrap_or_default();
        let fields = crate::plan::immutable::narrow(&fields, &refusal, &live, &object.json).join(", ");
        let from = object.source.as_ref().map(|source| format!(" (from {source})")).unwrap_or_default();
        let advice = match crate::plan::immutable::holds_nothing(&object.reference) {
            true => "take the change back, or set sync.immutable: Replace to have the object deleted and created anew",
            false => "take the change back: what the object holds would be lost if it were replaced",
        };
        let message = format!("{}{from}: {fields} cannot be changed in place; {advice}", object.reference);
        Some(Failure::new(Class::Config, "ImmutableField", message))
    }

    /// No watch knows it: it does not exist, or somebody made it without Helm's label.
    async fn compare_unwatched<'a>(&self, object: &Object, defined: impl Iterator<Item = &'a Object>) -> Result<bool, Failure> {
        // A name that is free by all that is watched needs no question. (Where names may not be listed, the object is asked for.)
        if let Ok(false) = self.shared.watches.may_be_a_stranger(&object.reference).await {
            return Ok(true);
        }
        match self.shared.cluster.get(&object.reference).await {
            Ok(live) => {
                self.owned(object, &live)?;
                Ok(false)
            }
            // The kind may come with a CRD of the same release: then it is planned from the text.
            Err(error) if error.reason == "NoKindMatch" && definition(defined, &object.reference.gvk).is_none() => {
                let mut failure = super::stages::refused(object, &error);
                failure.reason = "UnknownKind".into();
                Err(failure)
            }
            Err(error) if error.is_not_found() => Ok(true),
            Err(error) => Err(error.failure(&format!("reading {}", object.reference))),
        }
    }

    async fn check_owner(&self, object: &Object) -> Result<(), Failure> {
        match self.shared.cluster.get(&object.reference).await {
            Ok(live) => self.owned(object, &live),
            Err(error) if error.is_not_found() => Ok(()),
            Err(error) => Err(error.failure(&format!("reading {}", object.reference))),
        }
    }

    fn owned(&self, object: &Object, live: &serde_json::Value) -> Result<(), Failure> {
        let release = ownership::Release { name: self.app.release.clone(), namespace: self.app.target_namespace.clone() };
        let owner = ownership::owner(live);
        if owner.is_none() && self.adopting() {
            return Ok(());
        }
        ownership::check(live, &release).map_err(|why| {
            let advice = match owner {
                Some(_) => String::new(),
                None => format!("; to take it over as it is, say `windlass adopt {}`", self.app.name),
            };
            let text = ownership::conflict_text(&object.reference, &why);
            Failure::new(Class::Conflict, "OwnedByAnother", format!("{text}{advice}"))
        })
    }

    /// The objects of a release, as they are applied.
    pub(super) async fn released(&mut self, number: u64) -> Result<Arc<Vec<Object>>, Failure> {
        if let Some((known, objects)) = &self.work.objects
            && *known == number
        {
            return Ok(objects.clone());
        }
        let held = self.records.get(number).await.map_err(|error| error.failure(&format!("reading release {number}")))?;
        let Some(held) = held else { return Ok(Arc::default()) };
        let objects = Arc::new(super::stages::desired(&self.shared, &held.release, &self.app.id()).await?);
        self.work.objects = Some((number, objects.clone()));
        Ok(objects)
    }

    pub(super) async fn watch(&self, gvk: &Gvk) -> Result<(), Failure> {
        match self.shared.watches.ensure(gvk).await {
            Ok(()) => Ok(()),
            Err(error) if error.is_not_found() => Ok(()),
            Err(error) => Err(error.failure(&format!("watching {gvk}"))),
        }
    }

    async fn observe(&mut self, number: u64) {
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
        let applied = &objects[..super::act::wave_range(&objects, waves).end];
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

    async fn check_drift(&mut self, number: u64) {
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

/// Names are parts of paths: one that leads elsewhere is refused before anything is asked, let alone opened (Kubernetes's own rule
/// for all kinds, `IsValidPathSegmentName`; the rules of each kind are the server's to know).
fn named(desired: &[Object]) -> Result<(), Failure> {
    let astray = |name: &str| name == "." || name == ".." || name.contains(['/', '%']);
    match desired.iter().find(|object| astray(&object.reference.name)) {
        None => Ok(()),
        Some(object) => {
            let text = format!("{}: a name may not be \".\" or \"..\" and may have no \"/\" or \"%\"", object.reference);
            Err(Failure::new(Class::Config, "Invalid", text))
        }
    }
}

/// What applying the head would change.
#[derive(Default)]
struct Compared {
    counts: Counts,
    /// Why somebody has to agree to what would be deleted.
    guard: Vec<String>,
    /// The objects, the first of them.
    changes: Vec<String>,
}

/// How many changed objects the status names.
const MAX_CHANGES: usize = 20;

impl Compared {
    fn note(&mut self, what: &str, reference: &ObjectRef) {
        if self.changes.len() < MAX_CHANGES {
            self.changes.push(format!("{what} {reference}"));
        }
    }
}

/// The first few sentences, and how many more there are.
fn some(sentences: Vec<String>) -> String {
    const SHOWN: usize = 3;
    let more = sentences.len().saturating_sub(SHOWN);
    let text = sentences.into_iter().take(SHOWN).collect::<Vec<_>>().join("; ");
    if more > 0 { format!("{text}; and {more} more") } else { text }
}

/// Whether the release's record fits into a Secret: a record is written before anything is applied, and again with how it went.
fn fits(release: &crate::release::Release) -> Result<(), Failure> {
    /// What times, statuses and the longest description may add to what is rendered.
    const SPARE: usize = 16 * 1024;
    let stamp = crate::release::Stamp::Created(jiff::Timestamp::UNIX_EPOCH);
    let made = crate::release::secret(release, &Default::default(), stamp, None);
    let size = match &made {
        Ok(secret) => secret["data"]["release"].as_str().map_or(0, str::len) / 4 * 3,
        Err(too_large) => too_large.size,
    };
    if size + SPARE > crate::release::MAX_PAYLOAD {
        let error = crate::release::TooLarge { release: release.name.clone(), size };
        return Err(Failure::new(Class::Config, "RecordTooLarge", error.to_string()));
    }
    Ok(())
}

/// The CRD among the objects that defines the kind.
pub(super) fn definition<'a>(mut objects: impl Iterator<Item = &'a Object>, gvk: &Gvk) -> Option<&'a ObjectRef> {
    let found = objects.find(|object| {
        let spec = &object.json["spec"];
        object.reference.gvk.kind == "CustomResourceDefinition" && spec["group"] == gvk.group.as_str() && spec["names"]["kind"] == gvk.kind.as_str()
    });
    found.map(|object| &object.reference)
}

fn unhealthy(reference: &ObjectRef, health: &health::Health) -> Failure {
    Failure::new(Class::Unhealthy, &health.reason, format!("{reference}: {}", health.message))
}

/// The kinds of a set, each once.
pub(super) fn kinds(objects: &[Object]) -> Vec<Gvk> {
    let kinds: BTreeMap<&Gvk, ()> = objects.iter().map(|object| (&object.reference.gvk, ())).collect();
    kinds.into_keys().cloned().collect()
}

/// How often a registry is asked for an image that it does not have yet.
const IMAGE_PAUSE: Millis = 15_000;

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
