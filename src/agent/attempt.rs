//! The stages of an open attempt: what is sent to the cluster. Each can be done again after a crash; repairs and letting go are done
//! by the same means.

use super::{Driver, hooks, stages, drive::{kept, now}, learn::kinds, target::Content};
use crate::{
    decide::{self, Class, Entry, Failure, Mark, Op, Phase, Stage, Waves},
    object::{Object, ObjectRef, Packed, sort_waves_back, wave_ends},
    release::{self, Event, Release},
    secrets::Redactor,
    transform::{self, Strategy},
};

impl Driver {
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

    pub(super) async fn run_stage(&mut self, number: u64, stage: Stage) {
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
    pub(super) fn drains(&self, op: Op) -> bool {
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
        let stage = (u64::from(release.version), mark.stage);
        run.ended = self.work.hooked == Some(stage);
        let result = hooks::run(&self.shared, release, event, self.app.timeout, &mut run).await;
        self.work.hooked = run.ended.then_some(stage);
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
            ..hooks::Run::default()
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
    pub(super) async fn removed_objects(&mut self, number: u64) -> Result<Vec<Object>, Failure> {
        if let Some(objects) = kept(&self.work.removed, number) {
            return Ok(objects);
        }
        let held = self.held(number).await.map_err(|error| error.failure(&format!("reading release {number}")))?;
        let (release, helms) = (held.release.clone(), of_helm(held.mark.as_ref()));
        let found = stages::desired(&self.shared, &release, &self.app.id()).await?;
        let mut objects = stages::as_recorded(found, helms);
        objects.extend(self.before(number).await?);
        sort_waves_back(&mut objects);
        self.work.removed = Some((number, Packed::new(&objects)));
        Ok(objects)
    }

    /// The objects of the open attempt.
    pub(super) async fn attempt_objects(&mut self, number: u64) -> Result<Vec<Object>, Failure> {
        if let Some(objects) = kept(&self.work.objects, number) {
            return Ok(objects);
        }
        let release = match self.held(number).await {
            Ok(held) => held.release.clone(),
            Err(error) => return Err(error.failure(&format!("reading release {number}"))),
        };
        let objects = stages::desired(&self.shared, &release, &self.app.id()).await?;
        self.work.objects = Some((number, Packed::new(&objects)));
        Ok(objects)
    }

    pub(super) async fn repair(&mut self, number: u64) {
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

/// A stage's label in metrics.
fn measured(stage: Stage) -> crate::metrics::Stage {
    match stage {
        Stage::Tests => crate::metrics::Stage::Tests,
        Stage::Health => crate::metrics::Stage::Health,
        _ => crate::metrics::Stage::Apply,
    }
}
