//! Steps that act. Each is idempotent, and each write of the record names the resource version it was decided on: an agent that
//! lost its lease cannot move the record back.

use super::{
    Driver, Keeper, hooks, stages,
    drive::now,
    learn::kinds,
    target::Content,
    status::short,
};
use crate::{
    cluster::{ApiError, Held},
    decide::{self, Approved, Class, Entry, Failure, Managed, Mark, Memory, Millis, Op, Phase, Stage, Step, Waves},
    metrics::{Outcome, SyncResult},
    object::{Object, ObjectRef, sort_waves_back, wave_ends},
    release::{self, Event, Release},
    secrets::Redactor,
    transform::{self, Strategy},
};
use std::{sync::Arc, time::Duration};

impl<K: Keeper> Driver<K> {
    pub(super) async fn act(&mut self, step: Step) {
        let result = match step {
            Step::Open { number, op, revision, digest, approved } => match self.open(number, op, revision, digest, approved).await {
                Err(error) if error.class() != Class::Transient => return self.refused(number, &error).await,
                result => {
                    self.facts.refused = None;
                    self.facts.owned |= result.is_ok();
                    result
                }
            },
            Step::Propose { digest, base } => return self.propose(digest, base).await,
            Step::Claim { number } => self.claim(number).await,
            Step::Run { number, stage } => return self.run_stage(number, stage).await,
            Step::Advance { number, stage, wave } => self.advance(number, stage, wave).await,
            Step::CountTry { number, not_before, failure } => self.count_try(number, not_before, failure).await,
            Step::Restore(managed) => self.restore(*managed).await,
            Step::Close { number } => self.close(number).await,
            Step::Fail { number, failure } => self.fail(number, failure).await,
            Step::Remember(memory) => self.remember(memory).await,
            Step::Repair { number } => return self.repair(number).await,
            Step::Revert { revision, failure } => return self.revert(revision, failure).await,
            Step::Promote { revision, to } => return self.promote(revision, to).await,
            Step::Test { number } => return self.test_again(number).await,
            _ => unreachable!("only acting steps come here"),
        };
        if let Err(error) = result {
            // What was decided no longer fits what is there, or nothing could be written: read the record anew.
            tracing::warn!(environment = self.app.id(), reason = error.reason, "writing the release record: {error}");
            self.doubt_records();
            // The record may have moved all the same, to another wave: what was seen of the one before says nothing of that.
            self.facts.health = None;
            tokio::time::sleep(Duration::from_millis(if error.is_conflict() { 50 } else { 1000 })).await;
        }
    }

    /// Nothing was opened, and that will not pass by itself: the namespace is missing, the record is too large, a right lacks.
    async fn refused(&mut self, number: u64, error: &ApiError) {
        let mut failure = error.failure(&format!("writing the record of release {number}"));
        if error.is_not_found() && error.message.contains("namespaces") {
            failure.reason = "NamespaceMissing".into();
            failure.message.push_str("; create the namespace or set release.createNamespace");
        }
        tracing::warn!(environment = self.app.id(), reason = failure.reason, "{}", failure.message);
        self.events.warn(&failure.reason, &failure.message).await;
        self.facts.refused = Some((failure, now() + self.policy.interval.clamp(5_000, 60_000)));
        self.doubt_records();
    }

    /// The record of that number, whole.
    async fn held(&mut self, number: u64) -> Result<&mut Held, ApiError> {
        let known = self.work.held.as_ref().is_some_and(|held| u64::from(held.release.version) == number);
        if !known {
            let held = self.records.get(number).await?;
            self.work.held = Some(held.ok_or_else(|| ApiError::unreachable(format!("release record {number} has gone")))?);
        }
        Ok(self.work.held.as_mut().expect("set just above"))
    }

    fn entered(&mut self, phase: Phase) {
        let Some(held) = &self.work.held else { return };
        let entry = Entry { number: u64::from(held.release.version), phase, mark: held.mark.clone(), modified: now(), uid: held.uid.clone() };
        self.enter(entry);
    }

    async fn open(&mut self, number: u64, op: Op, revision: String, digest: String, approved: Option<Approved>) -> Result<(), ApiError> {
        let mut mark = Mark {
            op,
            revision,
            digest,
            stage: Stage::PreHooks,
            waves: Waves::default(),
            since: now(),
            opened: now(),
            tries: 0,
            not_before: 0,
            failure: None,
            good: false,
            holder: self.shared.holder.clone(),
            approved,
            colour: String::new(),
        };
        let time = jiff::Timestamp::now();
        if self.app.spec.release.create_namespace
            && op == Op::Install
            && let Err(failure) = stages::create_namespace(&self.shared, &self.app.target_namespace).await
        {
            return Err(failure);
        }
        let mut release = match op {
            Op::Uninstall { .. } => {
                let held = self.held(number).await?;
                held.release.uninstalling(time);
                held.created = None;
                let mark = begin(&held.release, mark, false);
                let stage = mark.stage;
                held.mark = Some(mark);
                let mut held = held.clone();
                self.records.replace(&mut held).await?;
                self.work.held = Some(held);
                self.work.began = Some((number, stage));
                self.entered(Phase::Open);
                self.events.normal("Uninstalling", "removing the release").await;
                return Ok(());
            }
            Op::Rollback { to, .. } => {
                let target = self.records.get(to).await?;
                let target = target.ok_or_else(|| ApiError::unreachable(format!("release {to} has gone")))?.release;
                let last = self.held(number - 1).await?.release.clone();
                if let Strategy::BlueGreen { .. } = self.app.post_render.strategy {
                    let objects = crate::object::split_documents(&target.manifest).unwrap_or_default();
                    mark.colour = transform::of_colour(&objects).unwrap_or_default().into();
                }
                release::rollback(&target, &last, time)
            }
            Op::Install | Op::Upgrade => {
                let Some(content) = self.work.content.clone().filter(|content| content.digest == mark.digest) else {
                    self.facts.target = None;
                    return Ok(());
                };
                // Before the record, as helm does: what the release's kinds are defined by stays when the release goes.
                if let Err(failure) = stages::define(&self.shared, &content.crds, self.app.spec.release.crds).await {
                    self.refuse_plan(mark.digest, failure).await;
                    return Ok(());
                }
                let (rendered, colour) = match self.in_colour(&content).await {
                    Ok(coloured) => coloured,
                    Err(failure) => {
                        self.refuse_plan(mark.digest, failure).await;
                        return Ok(());
                    }
                };
                match self.record.as_ref().and_then(|record| record.deployed().map(|entry| entry.number)) {
                    Some(current) => {
                        let current = self.held(current).await?.clone();
                        mark.colour = colour.unwrap_or_default().into();
                        let release = release::upgrade(&current.release, (number - 1) as u32, rendered, time);
                        self.work.previous = Some(current);
                        release
                    }
                    // There is no old set to stand beside.
                    None => release::install(&self.app.release, &self.app.target_namespace, rendered, time),
                }
            }
        };
        release.version = number as u32;
        match stages::desired(&self.shared, &release, &self.app.id()).await {
            Ok(objects) => {
                mark.waves.of = wave_ends(&objects).len() as u16;
                self.work.objects = Some((number, Arc::new(objects)));
            }
            Err(failure) => return Err(ApiError::unreachable(failure.message)),
        }
        let (shown, mark) = (short(&mark.revision), begin(&release, mark, self.drains(op)));
        self.work.held = Some(self.records.create(release, &mark).await?);
        self.work.began = Some((number, mark.stage));
        self.entered(Phase::Open);
        let text = match op {
            Op::Rollback { to, .. } => format!("release {number} goes back to release {to} ({shown})"),
            _ => format!("release {number} brings {shown}"),
        };
        tracing::info!(environment = self.app.id(), revision = shown, release = number, reason = "Opened", "{text}");
        self.events.normal(if matches!(op, Op::Rollback { .. }) { "RollingBack" } else { "Releasing" }, &text).await;
        if let Some(approved) = mark.approved {
            self.tell_approved(number, &approved).await;
        }
        Ok(())
    }

    /// What has to be there before a release can be opened cannot be made: the plan is refused after all.
    async fn refuse_plan(&mut self, digest: String, failure: Failure) {
        let next = now() + match failure.class {
            Class::Transient => decide::backoff(self.policy.backoff, 1),
            _ => self.policy.interval.max(10_000),
        };
        tracing::warn!(environment = self.app.id(), reason = failure.reason, "{}", failure.message);
        self.events.warn(&failure.reason, &failure.message).await;
        let base = self.record.as_ref().and_then(|record| record.deployed()).map(|entry| entry.number);
        self.facts.plan = Some(decide::PlanFact { digest, base, result: Err(failure), guard: Vec::new(), next });
    }

    /// Takes our marks off objects and records: what is left is a release as helm would have made it, for helm applied it by name.
    pub(super) async fn orphan(&mut self) -> Result<(), Failure> {
        let numbers: Vec<u64> = self.record.iter().flat_map(|record| &record.entries).map(|entry| entry.number).collect();
        if let Some(last) = numbers.last() {
            let objects = self.released(*last).await?;
            for object in objects.iter() {
                stages::unmark(&self.shared, &object.reference, &self.app.id()).await?;
            }
        }
        for number in numbers {
            self.records.unmark(number).await.map_err(|error| error.failure(&format!("taking our marks off release {number}")))?;
        }
        self.events.normal("Orphaned", "the release stays, as helm's own").await;
        Ok(())
    }

    /// Goes on with an attempt that another agent began, or makes sure that one is as it was read.
    async fn claim(&mut self, number: u64) -> Result<(), ApiError> {
        let records = self.records.clone();
        let holder = self.shared.holder.clone();
        let held = self.held(number).await?;
        let Some(mark) = held.mark.clone() else { return Err(ApiError::unreachable("the record lost its mark".into())) };
        let before = mark.holder.clone();
        records.mark(held, Mark { holder, ..mark }).await?;
        let mark = held.mark.clone();
        if let Some(entry) = self.record.as_ref().and_then(|record| record.entry(number)).cloned() {
            // How the stage went is as true as it was: what was done is not done again.
            let outcome = self.facts.outcome.take();
            self.enter(Entry { mark, ..entry });
            self.facts.outcome = outcome;
        }
        if before != self.shared.holder {
            tracing::info!(environment = self.app.id(), release = number, before, reason = "Claimed", "going on with release {number}, which {before} began");
        }
        Ok(())
    }

    async fn run_stage(&mut self, number: u64, stage: Stage) {
        let begun = std::time::Instant::now();
        let mut wave = 0;
        let result = match self.held(number).await {
            Ok(held) => {
                let (release, mark) = (held.release.clone(), held.mark.clone());
                wave = mark.as_ref().map_or(0, |mark| mark.waves.at);
                match mark {
                    Some(mark) => self.stage_of(&release, &mark, stage).await,
                    None => Err(Failure::new(Class::Conflict, "RecordChanged", "another tool wrote the release record")),
                }
            }
            Err(error) => Err(error.failure(&format!("reading release {number}"))),
        };
        let result = result.map_err(|failure| {
            let failure = self.cleaned(failure);
            let held = self.work.held.as_ref().map(|held| self.redactor(&held.release)).unwrap_or_default();
            Failure { message: held.clean(&failure.message), ..failure }
        });
        if let Err(failure) = &result {
            tracing::warn!(environment = self.app.id(), release = number, stage = ?stage, reason = failure.reason, "{}", failure.message);
        }
        self.shared.metrics.stage(measured(stage), begun.elapsed());
        self.facts.outcome = Some(decide::Outcome { number, stage, wave, result });
    }

    async fn stage_of(&mut self, release: &Release, mark: &Mark, stage: Stage) -> Result<(), Failure> {
        let (before, after) = match mark.op {
            Op::Install => (Event::PreInstall, Event::PostInstall),
            Op::Upgrade => (Event::PreUpgrade, Event::PostUpgrade),
            Op::Rollback { .. } => (Event::PreRollback, Event::PostRollback),
            Op::Uninstall { .. } => (Event::PreDelete, Event::PostDelete),
        };
        match stage {
            Stage::PreHooks => {
                if self.drains(mark.op) {
                    self.drain(u64::from(release.version)).await?;
                }
                self.hooks(release, mark, &before).await
            }
            Stage::PostHooks => self.hooks(release, mark, &after).await,
            Stage::Apply if matches!(mark.op, Op::Uninstall { .. }) => self.delete_all(release).await,
            Stage::Apply => self.apply_wave(release, mark).await,
            Stage::Switch => self.switch(release).await,
            Stage::Prune => self.prune(release).await,
            Stage::Tests => self.tests(release, mark).await,
            Stage::Health | Stage::Keep | Stage::Close => Ok(()),
        }
    }

    /// Whether all that runs goes before such an attempt applies anything.
    fn drains(&self, op: Op) -> bool {
        matches!(op, Op::Upgrade | Op::Rollback { .. }) && self.app.post_render.strategy == Strategy::Recreate
    }

    /// `strategy: Recreate`: no Pod of what ran before is left when hooks run and the new set comes. Done again after a crash, it
    /// finds nothing left to do.
    async fn drain(&mut self, number: u64) -> Result<(), Failure> {
        let before = self.before(number).await?;
        stages::drain(&self.shared, &before, self.app.timeout).await
    }

    /// Applies the objects of the wave; with the last one, what is no longer part of the release goes.
    async fn apply_wave(&mut self, release: &Release, mark: &Mark) -> Result<(), Failure> {
        let number = u64::from(release.version);
        let objects = self.attempt_objects(number).await?;
        let wave = &objects[wave_range(&objects, mark.waves)];
        let mut now = self.changed(wave, mark);
        for gvk in kinds(&objects) {
            self.watch(&gvk).await?;
        }
        let rules = stages::rules(&self.app, &objects);
        // Services lead to the old set until the new one has proved itself.
        if !mark.colour.is_empty() {
            let before = stages::before_the_switch(&self.shared, wave, &mark.colour).await?;
            now.retain(|reference| before.contains(reference));
        }
        stages::apply(&self.shared, wave, &rules, self.manner(), Some(&now)).await?;
        for object in wave {
            if let Some(observed) = self.shared.watches.get(&object.reference) {
                self.work.clean.insert(object.reference.clone(), observed.fingerprint);
            }
        }
        if mark.colour.is_empty() && mark.waves.last() { self.prune(release).await } else { Ok(()) }
    }

    /// Services lead to the new set, one right after the other, in the order of the release.
    async fn switch(&mut self, release: &Release) -> Result<(), Failure> {
        let objects = self.attempt_objects(u64::from(release.version)).await?;
        let services: Vec<ObjectRef> = objects.iter().filter(|object| transform::switches(object)).map(|object| object.reference.clone()).collect();
        let rules = stages::rules(&self.app, &objects);
        stages::apply(&self.shared, &objects, &rules, self.manner(), Some(&services)).await?;
        let text = format!("release {}: {} Services lead to the new set", release.version, services.len());
        tracing::info!(environment = self.app.id(), release = release.version, reason = "Switched", "{text}");
        self.events.normal("Switched", &text).await;
        Ok(())
    }

    /// The objects that have to be sent: all but those that the plan found in the running release word for word, and that still
    /// live as they were released.
    fn changed(&self, objects: &[Object], mark: &Mark) -> Vec<ObjectRef> {
        let (digest, same) = &self.work.same;
        let live = |object: &Object| self.shared.watches.get(&object.reference).map(|observed| observed.fingerprint);
        let same = |object: &&Object| {
            mark.op == Op::Upgrade
                && *digest == mark.digest
                && same.contains(&object.reference)
                && live(object).is_some_and(|live| self.work.clean.get(&object.reference) == Some(&live))
        };
        objects.iter().filter(|object| !same(object)).map(|object| object.reference.clone()).collect()
    }

    /// What earlier releases had and this one has not goes, if that is the policy.
    async fn prune(&mut self, release: &Release) -> Result<(), Failure> {
        if !self.app.spec.sync.prune {
            return Ok(());
        }
        let number = u64::from(release.version);
        let objects = self.attempt_objects(number).await?;
        let before = self.before(number).await?;
        stages::prune(&self.shared, &before, &objects, &self.app.id()).await.map(drop)
    }

    /// What the head renders to, in the colour that does not serve now, where the strategy has colours.
    pub(super) async fn in_colour(&mut self, content: &Content) -> Result<(release::Rendered, Option<&'static str>), Failure> {
        let Strategy::BlueGreen { .. } = self.app.post_render.strategy else { return Ok((content.rendered.clone(), None)) };
        let deployed = self.record.as_ref().and_then(|record| record.deployed().map(|entry| entry.number));
        let serving = match deployed {
            Some(number) => transform::of_colour(&self.released(number).await?),
            None => None,
        };
        super::target::coloured(&self.app, &content.rendered, serving)
    }

    /// Whether objects that no release owns are taken over: somebody asked for it, and no release has been made since.
    pub(super) fn adopting(&self) -> bool {
        let handled = |token: &String| self.record.as_ref().is_some_and(|record| record.memory.is_handled("adopt", token));
        self.app.requests.adopt.as_ref().is_some_and(|token| !handled(token))
    }

    /// How objects are applied, as the spec says.
    pub(super) fn manner(&self) -> stages::Manner {
        stages::Manner {
            force: self.app.spec.sync.force_conflicts,
            adopt: self.adopting(),
            replace: self.app.spec.sync.immutable == crate::app::ImmutablePolicy::Replace,
        }
    }

    /// Everything that earlier releases may have left: the deployed one's objects and those of the record right before.
    async fn before(&mut self, number: u64) -> Result<Vec<Object>, Failure> {
        let Some(record) = &self.record else { return Ok(Vec::new()) };
        let deployed = record.entries.iter().rev().find(|e| e.phase == Phase::Deployed && e.number != number).map(|e| e.number);
        let last = record.entries.iter().rev().find(|e| e.number < number).map(|e| e.number);
        let mut numbers: Vec<u64> = [deployed, last].into_iter().flatten().collect();
        numbers.dedup();
        let helms: Vec<u64> = record.entries.iter().filter(|entry| of_helm(entry.mark.as_ref())).map(|entry| entry.number).collect();
        let mut objects = Vec::new();
        for number in numbers {
            let read;
            let release = match &self.work.previous {
                Some(previous) if u64::from(previous.release.version) == number => Some(&previous.release),
                _ => {
                    read = self.records.get(number).await.map_err(|error| error.failure(&format!("reading release {number}")))?;
                    read.as_ref().map(|held| &held.release)
                }
            };
            if let Some(release) = release {
                let found = stages::desired(&self.shared, release, &self.app.id()).await?;
                objects.extend(stages::as_recorded(found, helms.contains(&number)));
            }
        }
        Ok(objects)
    }

    async fn delete_all(&mut self, release: &Release) -> Result<(), Failure> {
        let id = self.app.id();
        let objects = self.removed_objects(u64::from(release.version)).await?;
        let removed = stages::remove(&self.shared, &objects, &id).await?;
        tracing::info!(environment = id, release = release.version, removed, reason = "Uninstalled", "objects deleted");
        Ok(())
    }

    async fn hooks(&mut self, release: &Release, mark: &Mark, event: &Event) -> Result<(), Failure> {
        let mut run = self.run_of(release, mark);
        let result = hooks::run(&self.shared, release, event, self.app.timeout, &mut run).await;
        self.note(release, &mut run);
        self.doubt(&run).await;
        result
    }

    /// Knows what may not be shown: of the head's values, and of the release's Secrets, whoever opened it.
    pub(super) fn redactor(&self, release: &Release) -> Redactor {
        let objects = crate::object::split_documents(&release.manifest).unwrap_or_default();
        self.work.redactor.clone().and(&Redactor::of_objects(&objects))
    }

    /// The run of the present stage's hooks: a new one if this agent began the stage and has not tried it yet.
    pub(super) fn run_of(&self, release: &Release, mark: &Mark) -> hooks::Run {
        let began = self.work.began == Some((u64::from(release.version), mark.stage));
        hooks::Run {
            id: format!("{}.v{}/{:?}/{}", release.name, release.version, mark.stage, mark.opened),
            resumed: !began || mark.tries > 0,
            doubts: Vec::new(),
            ran: Vec::new(),
        }
    }

    /// How the hooks went, for `helm status`: written with the record when the attempt is closed, or lost in a crash.
    pub(super) fn note(&mut self, release: &Release, run: &mut hooks::Run) {
        if let Some(held) = self.work.held.as_mut().filter(|held| held.release.version == release.version) {
            run.ran.drain(..).for_each(|ran| ran.note(&mut held.release));
        }
    }

    /// A hook that may have run twice is said, never hidden.
    pub(super) async fn doubt(&mut self, run: &hooks::Run) {
        for doubt in &run.doubts {
            tracing::warn!(environment = self.app.id(), reason = "HookMayRunAgain", "{doubt}");
            self.events.warn("HookMayRunAgain", doubt).await;
        }
    }

    /// All that a removal takes away, in its order.
    pub(super) async fn removed_objects(&mut self, number: u64) -> Result<Arc<Vec<Object>>, Failure> {
        if let Some((known, objects)) = &self.work.removed
            && *known == number
        {
            return Ok(objects.clone());
        }
        let held = self.held(number).await.map_err(|error| error.failure(&format!("reading release {number}")))?;
        let (release, helms) = (held.release.clone(), of_helm(held.mark.as_ref()));
        let found = stages::desired(&self.shared, &release, &self.app.id()).await?;
        let mut objects = stages::as_recorded(found, helms);
        objects.extend(self.before(number).await?);
        sort_waves_back(&mut objects);
        let objects = Arc::new(objects);
        self.work.removed = Some((number, objects.clone()));
        Ok(objects)
    }

    /// The objects of the open attempt.
    pub(super) async fn attempt_objects(&mut self, number: u64) -> Result<Arc<Vec<Object>>, Failure> {
        if let Some((known, objects)) = &self.work.objects
            && *known == number
        {
            return Ok(objects.clone());
        }
        let release = match self.held(number).await {
            Ok(held) => held.release.clone(),
            Err(error) => return Err(error.failure(&format!("reading release {number}"))),
        };
        let objects = Arc::new(stages::desired(&self.shared, &release, &self.app.id()).await?);
        self.work.objects = Some((number, objects.clone()));
        Ok(objects)
    }

    async fn advance(&mut self, number: u64, stage: Stage, wave: u16) -> Result<(), ApiError> {
        let records = self.records.clone();
        let policy = self.policy.clone();
        let jobs = !self.app.spec.tests.jobs.is_empty();
        let holder = self.shared.holder.clone();
        let held = self.held(number).await?;
        let Some(mark) = held.mark.clone() else { return Err(ApiError::unreachable("the record lost its mark".into())) };
        // Stages in which nothing is to be done are passed in one write.
        let mut stage = stage;
        while idle(&held.release, &mark, stage, jobs) {
            stage = Mark { stage, ..mark.clone() }.next(policy.tests_after(mark.op));
        }
        let waves = Waves { at: wave, ..mark.waves };
        let mark = Mark { stage, waves, since: now(), tries: 0, not_before: 0, failure: None, holder, ..mark };
        if stage == Stage::Close {
            // Closing writes the whole record: the mark goes with it.
            held.mark = Some(mark);
        } else {
            records.mark(held, mark).await?;
        }
        self.work.began = Some((number, stage));
        self.work.looks = 0;
        self.entered(Phase::Open);
        Ok(())
    }

    /// Puts our mark back on a record that helm wrote again.
    async fn restore(&mut self, managed: Managed) -> Result<(), ApiError> {
        let number = managed.number;
        let records = self.records.clone();
        self.work.held = None;
        let held = self.held(number).await?;
        if held.uid != managed.uid || held.release.info.status != release::Status::Deployed {
            return Err(ApiError::unreachable("the release record has changed since it was looked at".into()));
        }
        records.mark(held, managed.mark).await?;
        self.entered(Phase::Deployed);
        tracing::info!(environment = self.app.id(), release = number, reason = "MarkRestored", "helm wrote the record of release {number} again: it is as it was");
        Ok(())
    }

    async fn count_try(&mut self, number: u64, not_before: Millis, failure: Failure) -> Result<(), ApiError> {
        let records = self.records.clone();
        let held = self.held(number).await?;
        let Some(mark) = held.mark.clone() else { return Err(ApiError::unreachable("the record lost its mark".into())) };
        let mark = Mark { tries: mark.tries + 1, not_before, failure: Some(failure), ..mark };
        records.mark(held, mark).await?;
        self.entered(Phase::Open);
        Ok(())
    }

    async fn close(&mut self, number: u64) -> Result<(), ApiError> {
        let op = self.held(number).await?.mark.as_ref().map(|mark| mark.op);
        if let Some(Op::Uninstall { .. }) = op {
            return self.close_uninstall().await;
        }
        // As helm does: first the old one is superseded, then the new one is deployed. A crash between the two leaves the
        // attempt open, and it is closed again.
        let old: Vec<u64> = self.record.iter().flat_map(|record| &record.entries)
            .filter(|entry| entry.phase == Phase::Deployed && entry.number != number)
            .map(|entry| entry.number)
            .collect();
        for old in old {
            // If somebody wrote it since it was read, it is read anew: the write is refused, and the attempt is closed again.
            let known = self.work.previous.take().filter(|previous| u64::from(previous.release.version) == old);
            let held = match known {
                Some(held) => Some(held),
                None => self.records.get(old).await?,
            };
            if let Some(mut held) = held {
                held.release.superseded();
                self.records.replace(&mut held).await?;
                let entry = Entry { number: old, phase: Phase::Superseded, mark: held.mark.clone(), modified: now(), uid: held.uid.clone() };
                self.enter(entry);
            }
        }
        let records = self.records.clone();
        let held = self.held(number).await?;
        held.release.deployed();
        // As helm does: its own release in memory knows no labels of the record.
        held.created = None;
        if let Some(mark) = &mut held.mark {
            mark.good = true;
            mark.stage = Stage::Close;
            mark.failure = None;
        }
        records.replace(held).await?;
        let revision = held.mark.as_ref().map(|mark| short(&mark.revision)).unwrap_or_default();
        let opened = held.mark.as_ref().map_or(0, |mark| mark.opened);
        self.measure(op, opened, true);
        self.entered(Phase::Deployed);
        self.facts.failing = self.facts.failing && self.work.tests.as_ref().is_some_and(|tests| tests.release == number as i64);
        // An environment that is as it should be needs nothing of what was rendered; a plan renders anew.
        self.work.content = None;
        // What somebody changed while the attempt ran is drift now; objects known to be clean cost no request.
        self.facts.drift = None;
        self.facts.plan = None;
        self.trim().await?;
        tracing::info!(environment = self.app.id(), revision, release = number, reason = "Deployed", "release {number} is live, healthy and tested");
        self.events.normal("Deployed", &format!("release {number} ({revision}) is live, healthy and tested")).await;
        Ok(())
    }

    /// An attempt ended: its counters and durations.
    fn measure(&mut self, op: Option<Op>, opened: Millis, good: bool) {
        let (id, metrics) = (self.app.id(), &self.shared.metrics);
        let took = Duration::from_millis((now() - opened).max(0) as u64);
        let outcome = if good { Outcome::Succeeded } else { Outcome::Failed };
        match op {
            Some(Op::Rollback { .. }) => {
                metrics.rollback(&id, outcome);
                metrics.sync(&id, if good { SyncResult::RolledBack } else { SyncResult::Failed }, took);
            }
            Some(Op::Install | Op::Upgrade) => {
                let committed = self.work.source.as_ref().and_then(|source| source.time.parse::<jiff::Timestamp>().ok());
                metrics.deploy(&id, outcome, committed.map(std::time::SystemTime::from));
                metrics.sync(&id, if good { SyncResult::Succeeded } else { SyncResult::Failed }, took);
            }
            _ => {}
        }
        match (good, self.work.failing) {
            (false, None) => self.work.failing = Some(now()),
            (true, Some(since)) if !matches!(op, Some(Op::Uninstall { .. })) => {
                metrics.restored(&id, Duration::from_millis((now() - since).max(0) as u64));
                self.work.failing = None;
            }
            _ => {}
        }
    }

    async fn close_uninstall(&mut self) -> Result<(), ApiError> {
        let numbers: Vec<u64> = self.record.iter().flat_map(|record| &record.entries).map(|entry| entry.number).collect();
        for number in numbers {
            self.records.delete(number).await?;
        }
        if let Some(record) = &mut self.record {
            record.entries.clear();
        }
        self.work.held = None;
        self.work.objects = None;
        self.work.removed = None;
        self.work.clean.clear();
        self.facts.plan = None;
        self.facts.drift = None;
        self.events.normal("Uninstalled", "the release and its records are gone").await;
        Ok(())
    }

    /// Removes the oldest records over the limit, never the deployed one, as helm does.
    async fn trim(&mut self) -> Result<(), ApiError> {
        let limit = self.app.spec.release.history_limit.max(1) as usize;
        let Some(record) = &self.record else { return Ok(()) };
        let deployed = record.deployed().map(|entry| entry.number);
        let good = record.last_good().map(|entry| entry.number);
        let over = record.entries.len().saturating_sub(limit);
        let old: Vec<u64> = record.entries.iter().map(|entry| entry.number)
            .filter(|number| Some(*number) != deployed && Some(*number) != good)
            .take(over)
            .collect();
        for number in old {
            self.records.delete(number).await?;
            if let Some(record) = &mut self.record {
                record.entries.retain(|entry| entry.number != number);
            }
        }
        Ok(())
    }

    async fn fail(&mut self, number: u64, failure: Failure) -> Result<(), ApiError> {
        let records = self.records.clone();
        let held = self.held(number).await?;
        // A record that was just small enough must stay so.
        held.created = None;
        held.release.failed(&failure.message.chars().take(MAX_DESCRIPTION).collect::<String>());
        if let Some(mark) = &mut held.mark {
            mark.failure = Some(failure.clone());
        }
        records.replace(held).await?;
        let (op, opened) = (held.mark.as_ref().map(|mark| mark.op), held.mark.as_ref().map_or(0, |mark| mark.opened));
        self.work.previous = None;
        self.measure(op, opened, false);
        self.entered(Phase::Failed);
        self.facts.plan = None;
        self.facts.drift = None;
        // Where nothing is rolled back, failures alone would fill the history.
        self.trim().await?;
        tracing::error!(environment = self.app.id(), release = number, reason = failure.reason, "release {number} failed: {}", failure.message);
        self.events.warn(&failure.reason, &format!("release {number} failed: {}", failure.message)).await;
        Ok(())
    }

    async fn remember(&mut self, memory: Memory) -> Result<(), ApiError> {
        self.records.remember(&memory).await?;
        self.facts.owned = true;
        if self.record.as_ref().is_some_and(|record| record.memory.reverted != memory.reverted) {
            // The branch has moved by our own hand.
            self.facts.head = None;
        }
        let noticed = memory.foreign.clone().filter(|new| {
            self.record.as_ref().and_then(|record| record.memory.foreign.as_ref()).is_none_or(|old| (old.number, &old.uid) != (new.number, &new.uid))
        });
        if let Some(record) = &mut self.record {
            record.memory = memory;
        }
        if let Some(foreign) = noticed {
            let text = super::status::by_helm(&foreign, self.policy.follow_helm);
            tracing::warn!(environment = self.app.id(), release = foreign.number, reason = "ChangedByHelm", "{text}");
            self.events.warn("ChangedByHelm", &text).await;
        }
        Ok(())
    }

    async fn repair(&mut self, number: u64) {
        // What looks like drift may be helm at work: its record tells, and the watch on the records may be late.
        match self.records.load().await {
            Ok(record) if self.record.as_ref().is_some_and(|known| same_releases(known, &record)) => {}
            Ok(record) => {
                self.loaded(record);
                self.work.held = None;
                self.facts.drift = None;
                return;
            }
            Err(error) => {
                self.facts.drift = Some(decide::Drift::Unknown(error.failure("reading the release records"), now() + 5000));
                return;
            }
        }
        let drifted = std::mem::take(&mut self.work.drifted);
        let what = match &self.facts.drift {
            Some(crate::decide::Drift::Found(what)) => what.clone(),
            _ => String::new(),
        };
        let result = match self.released(number).await {
            Ok(objects) => {
                let rules = stages::rules(&self.app, &objects);
                let manner = stages::Manner { force: true, ..self.manner() };
                stages::apply(&self.shared, &objects, &rules, manner, Some(&drifted)).await
            }
            Err(failure) => Err(failure),
        };
        self.facts.repairs = if now() - self.facts.repaired > 60_000 { 1 } else { self.facts.repairs + 1 };
        self.facts.repaired = now();
        match result {
            Ok(_) => {
                self.shared.metrics.repaired(&self.app.id(), drifted.len());
                for reference in drifted {
                    if let Some(observed) = self.shared.watches.get(&reference) {
                        self.work.clean.insert(reference, observed.fingerprint);
                    }
                }
                self.facts.drift = Some(crate::decide::Drift::None);
                tracing::info!(environment = self.app.id(), release = number, reason = "DriftRepaired", "put back: {what}");
                self.events.normal("DriftRepaired", &format!("put back: {what}")).await;
            }
            Err(failure) => {
                let failure = self.cleaned(failure);
                self.events.warn(&failure.reason, &failure.message).await;
                self.facts.drift = Some(crate::decide::Drift::Unknown(failure, now() + 5000));
            }
        }
    }
}

/// Where the objects of the wave stand in a sorted set. What an older version began knows of one wave only: the whole set.
pub(super) fn wave_range(objects: &[Object], waves: Waves) -> std::ops::Range<usize> {
    if waves.single() {
        return 0..objects.len();
    }
    let ends = wave_ends(objects);
    let end_of = |wave: u16| ends.get(usize::from(wave)).copied().unwrap_or(objects.len());
    let begin = waves.at.checked_sub(1).map_or(0, end_of);
    begin..end_of(waves.at)
}

/// Whether a record is one that helm wrote: it bears no mark, or only that of its removal, which knows of nothing rendered.
pub(super) fn of_helm(mark: Option<&Mark>) -> bool {
    mark.is_none_or(|mark| matches!(mark.op, Op::Uninstall { .. }) && mark.digest.is_empty())
}

/// Whether nobody else wrote a release in between.
fn same_releases(known: &decide::Record, read: &decide::Record) -> bool {
    let of = |entry: &Entry| (entry.number, entry.phase, entry.uid.clone(), entry.mark.is_some());
    known.entries.iter().map(of).eq(read.entries.iter().map(of))
}

/// How much of a failure a record's description takes, in characters; the whole of it stands in the condition.
const MAX_DESCRIPTION: usize = 4000;

/// A stage's label in metrics.
fn measured(stage: Stage) -> crate::metrics::Stage {
    match stage {
        Stage::Tests => crate::metrics::Stage::Tests,
        Stage::Health => crate::metrics::Stage::Health,
        _ => crate::metrics::Stage::Apply,
    }
}

/// The mark of an attempt at its first stage that has something to do.
fn begin(release: &Release, mark: Mark, drains: bool) -> Mark {
    let stage = if !drains && idle(release, &mark, Stage::PreHooks, false) { Stage::Apply } else { Stage::PreHooks };
    Mark { stage, ..mark }
}

/// Whether a stage has nothing to do, as far as the record alone can tell.
fn idle(release: &Release, mark: &Mark, stage: Stage, jobs: bool) -> bool {
    let none = |event: Event| release::hooks_for(&release.hooks, &event).is_empty();
    match (stage, mark.op) {
        (Stage::PreHooks, Op::Install) => none(Event::PreInstall),
        (Stage::PreHooks, Op::Upgrade) => none(Event::PreUpgrade),
        (Stage::PreHooks, Op::Rollback { .. }) => none(Event::PreRollback),
        (Stage::PreHooks, Op::Uninstall { .. }) => none(Event::PreDelete),
        (Stage::PostHooks, Op::Install) => none(Event::PostInstall),
        (Stage::PostHooks, Op::Upgrade) => none(Event::PostUpgrade),
        (Stage::PostHooks, Op::Rollback { .. }) => none(Event::PostRollback),
        (Stage::PostHooks, Op::Uninstall { .. }) => none(Event::PostDelete),
        (Stage::Tests, _) => none(Event::Test) && !jobs,
        _ => false,
    }
}
