//! Steps that act. Each is idempotent, and each write of the record names the resource version it was decided on: an agent that
//! lost its lease cannot move the record back.

use super::{Driver, drive::now, stages, status::short, telling::Opening};
use crate::{
    cluster::{ApiError, Held},
    decide::{self, Approved, Class, Entry, Failure, Managed, Mark, Memory, Millis, Op, Phase, Stage, Step, Waves},
    object::{Packed, wave_ends},
    release::{self, Event, Release},
    transform::{self, Strategy},
};
use std::time::Duration;

impl Driver {
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
    pub(super) async fn held(&mut self, number: u64) -> Result<&mut Held, ApiError> {
        let known = self.work.held.as_ref().is_some_and(|held| u64::from(held.release.version) == number);
        if !known {
            let held = self.records.get(number).await?;
            self.work.held = Some(held.ok_or_else(|| ApiError::unreachable(format!("release record {number} has gone")))?);
        }
        Ok(self.work.held.as_mut().expect("set just above"))
    }

    pub(super) fn entered(&mut self, phase: Phase) {
        if phase != Phase::Open {
            // Of an attempt that is over, its last event tells all that its first would: a later one of that number is another.
            self.work.opening = None;
        }
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
                self.work.objects = Some((number, Packed::new(&objects)));
            }
            Err(failure) => return Err(ApiError::unreachable(failure.message)),
        }
        let (shown, mark) = (short(&mark.revision), begin(&release, mark, self.drains(op)));
        self.work.held = Some(self.records.create(release, &mark).await?);
        // The record and the objects to apply hold all of it now.
        self.work.content = None;
        self.work.began = Some((number, mark.stage));
        self.entered(Phase::Open);
        let text = match op {
            Op::Rollback { to, .. } => format!("release {number} goes back to release {to} ({shown})"),
            _ => format!("release {number} brings {shown}"),
        };
        tracing::info!(environment = self.app.id(), revision = shown, release = number, reason = "Opened", "{text}");
        let mut opening = Opening { number, crowded: self.is_crowded(), untold: None };
        match op {
            Op::Rollback { .. } => self.events.normal("RollingBack", &text).await,
            // Where many are released at once, the event that it is live tells what this one would.
            _ if opening.crowded => opening.untold = Some(text),
            _ => self.events.normal("Releasing", &text).await,
        }
        self.work.opening = Some(opening);
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

    async fn advance(&mut self, number: u64, stage: Stage, wave: u16) -> Result<(), ApiError> {
        let records = self.records.clone();
        let policy = self.policy.clone();
        let jobs = !self.app.spec.tests.jobs.is_empty();
        let (holder, began) = (self.shared.holder.clone(), self.work.began);
        let held = self.held(number).await?;
        let Some(mark) = held.mark.clone() else { return Err(ApiError::unreachable("the record lost its mark".into())) };
        // Stages in which nothing is to be done are passed in one write.
        let mut stage = stage;
        while idle(&held.release, &mark, stage, jobs) {
            stage = Mark { stage, ..mark.clone() }.next(policy.tests_after(mark.op));
        }
        let applied_here = began == Some((number, Stage::Apply)) && !matches!(mark.op, Op::Uninstall { .. });
        let waves = Waves { at: wave, ..mark.waves };
        let mark = Mark { stage, waves, since: now(), tries: 0, not_before: 0, failure: None, holder, ..mark };
        if stage == Stage::Close || applied_here && stage == Stage::Health {
            // Closing writes the whole record: the mark goes with it. That all is applied, who applied it knows; whoever takes over
            // in the middle of the wait applies it once more, which changes nothing, and writes what it waits for.
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
