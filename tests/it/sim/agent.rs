//! The agent as far as decisions see it: it performs steps on the fake world as `src/agent` does on a real one.

use super::{
    checks::Check,
    plant::Plant,
    world::{HISTORY, Halt, Live, Quality, Shelf, Stored, World},
};
use std::collections::{BTreeMap, BTreeSet};
use windlass::decide::*;

/// How long a stopped agent keeps its lease.
const LEASE: Millis = 15_000;

pub struct Agent {
    pub id: u32,
    pub record: Option<Record>,
    loaded: Option<Vec<Entry>>,
    pub versions: BTreeMap<u64, u64>,
    memory_version: u64,
    /// The attempt whose objects it is applying, or has applied, and nobody else before it.
    applies: Option<u64>,
    /// Its mark of an attempt where that is ahead of the record's.
    ahead: Option<(u64, Mark)>,
    pub facts: Facts,
    pub leading: bool,
    pub stopped_until: Millis,
    stopped_at: Millis,
    dead_until: Millis,
    /// A write that was under way when it was stopped.
    pub in_flight: Option<Step>,
    pub steps: u32,
}

impl Agent {
    pub fn new(id: u32) -> Agent {
        Agent {
            id,
            record: None,
            loaded: None,
            versions: BTreeMap::new(),
            memory_version: 0,
            applies: None,
            ahead: None,
            facts: Facts::default(),
            leading: false,
            stopped_until: 0,
            stopped_at: 0,
            dead_until: 0,
            in_flight: None,
            steps: 0,
        }
    }

    pub fn lease_until(&self, now: Millis) -> Millis {
        if self.stopped_until > now { self.stopped_at + LEASE } else { Millis::MAX }
    }

    /// All that it knew is gone.
    pub fn die(&mut self, until: Millis) {
        let (id, leading) = (self.id, self.leading);
        *self = Agent { leading, dead_until: until, ..Agent::new(id) };
    }

    /// A new leader believes nothing that it knew before.
    pub fn take_over(&mut self) {
        self.doubt();
        self.facts = Facts::default();
    }

    /// Something else is in the records than was thought.
    pub fn doubt(&mut self) {
        self.record = None;
        self.loaded = None;
        self.applies = None;
        self.ahead = None;
    }

    pub fn decide(&mut self, world: &World) -> Decision {
        if self.dead_until > world.now {
            return Decision::Wait { why: Why::Suspended, until: Some(self.dead_until) };
        }
        if let Some(managed) = self.record.as_ref().and_then(managed) {
            self.facts.managed = Some(managed);
        }
        let mut policy = Policy { holder: self.id.to_string(), ..world.policy.clone() };
        let mut facts = self.facts.clone();
        let mut record = self.record.clone();
        let now = world.now;
        let mut window = world.window();
        match world.plant {
            Some(Plant::IgnoresSuspend) => policy.suspended = false,
            Some(Plant::IgnoresManual) => policy.manual = false,
            Some(Plant::NeverRollsBack) => policy.rollback = false,
            Some(Plant::AlwaysRepairs) => policy.self_heal = true,
            Some(Plant::RetriesForever) => policy.retry_limit = 50,
            Some(Plant::SkipsTests) => policy.tests = false,
            Some(Plant::BelievesHealth) if facts.health.is_some() => facts.health = Some(HealthFact::Ready),
            Some(Plant::NeverChecksDrift) => facts.drift = Some(Drift::None),
            Some(Plant::ForgetsCondemned) => {
                if let Some(record) = &mut record
                    && record.last().is_none_or(|last| last.phase != Phase::Open)
                {
                    record.memory.condemned.clear();
                }
            }
            Some(Plant::ForgetsHold) => {
                if let Some(record) = &mut record {
                    record.memory.hold = None;
                }
            }
            Some(Plant::IgnoresBackoff) => {
                if let Some(record) = &mut record {
                    record.memory.setbacks = 0;
                    for entry in record.entries.iter_mut().filter(|entry| entry.phase == Phase::Failed) {
                        entry.modified -= 600_000;
                    }
                }
            }
            Some(Plant::IgnoresWindows) => window = Window::Open,
            Some(Plant::IgnoresDependencies) => policy.depends = false,
            Some(Plant::IgnoresApproval) => policy.approval = false,
            Some(Plant::IgnoresPruneGuard) => facts.plan.iter_mut().for_each(|plan| plan.guard.clear()),
            Some(Plant::TakesAnyApproval) => {
                if let (Some(approved), Some(Proposal { result: Ok(digest), .. })) = (&mut policy.approved, &facts.proposal) {
                    approved.digest.clone_from(digest);
                }
            }
            Some(Plant::ApprovalsNeverExpire) => policy.approval_expires = Millis::MAX,
            Some(Plant::HurriesWaves) => {
                let last = record.as_ref().and_then(|record| record.last()).and_then(|last| last.mark.as_ref());
                if last.is_some_and(|mark| mark.stage == Stage::Health && !mark.waves.last()) && facts.health.is_some() {
                    facts.health = Some(HealthFact::Ready);
                }
            }
            Some(Plant::PromotesAtOnce) => policy.promote.iter_mut().for_each(|promote| promote.after = 0),
            Some(Plant::NeverPromotes) => policy.promote = None,
            Some(Plant::RevertsAgainAndAgain) => {
                if let Some(record) = &mut record {
                    record.memory.reverted = None;
                }
            }
            Some(Plant::TestsTooOften) => facts.tested -= 540_000,
            Some(Plant::LetsGoEarly) if policy.deleting => return Decision::Do(Step::Release),
            _ => {}
        }
        decide(&View { now, policy: &policy, record: record.as_ref(), facts: &facts, window })
    }

    pub fn perform(&mut self, step: Step, world: &mut World, off: &BTreeSet<Check>) {
        // It may be stopped with the write under way; the other agent takes over meanwhile.
        if self.stopped_until == 0 && world.faults > 0 && world.pick(60) == 0 {
            self.stopped_at = world.now;
            self.stopped_until = world.now + 1_000 + world.pick(40_000) as i64;
            self.in_flight = Some(step);
            return;
        }
        if self.stopped_until != 0 && self.stopped_until <= world.now {
            self.stopped_until = 0;
        }
        self.in_flight = None;
        match step {
            Step::Load | Step::Fetch { .. } | Step::Render { .. } | Step::Plan { .. } | Step::Observe { .. } | Step::CheckDependencies | Step::CheckDrift { .. } => {
                self.learn(step, world);
            }
            Step::Propose { digest, base } => self.propose(digest, base, world),
            Step::Run { number, stage } => self.run(number, stage, world),
            Step::Repair { number } => self.repair(number, world, off),
            Step::Promote { revision, .. } => self.push(revision, world, true),
            Step::Revert { revision, .. } => self.push(revision, world, false),
            Step::Test { .. } => {
                world.tests += 1;
                self.facts.tested = world.now;
            }
            step => self.write(step, world),
        }
    }

    /// Steps that write the record or the memory.
    pub fn write(&mut self, step: Step, world: &mut World) {
        let result = match step {
            Step::Open { number, op, revision, digest, approved } => self.open(number, op, revision, digest, approved, world),
            Step::Claim { number } => self.claim(number, world),
            Step::Advance { number, stage, wave } => self.advance(number, stage, wave, world),
            Step::CountTry { number, not_before, failure } => self.amend(number, world, |mark, _| {
                *mark = Mark { tries: mark.tries + 1, not_before, failure: Some(failure), ..mark.clone() };
            }),
            Step::Restore(managed) => self.restore(*managed, world),
            Step::Close { number } => self.close(number, world),
            Step::Fail { number, failure } => self.end(number, Phase::Failed, world, |mark| mark.failure = Some(failure)),
            Step::Remember(memory) => self.remember(memory, world),
            Step::Release => {
                world.released = true;
                Ok(())
            }
            _ => Ok(()),
        };
        match result {
            Ok(()) => {}
            Err(Halt::Crash) => self.die(world.now + 1_000),
            Err(Halt::Failed | Halt::Conflict) => {
                self.doubt();
                self.facts.health = None;
                world.now += 100;
            }
        }
    }

    fn learn(&mut self, step: Step, world: &mut World) {
        let broken = world.faults > 0 && world.pick(1000) < world.faults;
        let trouble = || Failure::new(Class::Transient, "Unreachable", "no answer");
        match step {
            Step::Load if broken => world.now += 1_000,
            Step::Load => {
                let Shelf { records, memory, memory_version } = world.read();
                self.versions = records.iter().map(|(number, stored)| (*number, stored.version)).collect();
                let entries = records.values().map(|stored| stored.entry.clone()).collect();
                self.memory_version = memory_version;
                let record = Record { entries, memory };
                self.facts.sure = self.loaded.as_ref() == Some(&record.entries);
                self.loaded = Some(record.entries.clone());
                self.record = Some(record);
                self.facts.owned = false;
                self.facts.confirmed = None;
            }
            Step::Fetch { token } => {
                let commit = if broken { Err(trouble()) } else { Ok(world.head().0) };
                self.facts.head = Some(Head { commit, next: world.now + world.policy.interval, token });
            }
            Step::Render { revision } => {
                let digest = match world.quality(&revision) {
                    _ if broken => Err(trouble()),
                    Quality::Unrenderable => Err(Failure::new(Class::Config, "TemplateError", "nil pointer")),
                    _ => Ok(format!("d-{revision}")),
                };
                self.facts.target = Some(Target { revision, digest, next: world.now + 10_000 });
                self.facts.proposal = None;
            }
            Step::Plan { digest } => {
                let result = if broken { Err(trouble()) } else { Ok(Counts::default()) };
                let base = self.record.as_ref().and_then(|record| record.deployed()).map(|entry| entry.number);
                let guard = if world.guarded(&digest, base) { vec!["PersistentVolumeClaim data would be deleted".into()] } else { Vec::new() };
                self.facts.plan = Some(PlanFact { digest, base, result, guard, next: world.now + 10_000 });
            }
            Step::Observe { number } => {
                let content = world.records.get(&number).map(|stored| stored.content.clone()).unwrap_or_default();
                let removes = world.records.get(&number).and_then(|stored| stored.entry.mark.as_ref());
                let removes = removes.is_some_and(|mark| matches!(mark.op, Op::Uninstall { .. }));
                let fact = match world.quality(&content) {
                    _ if removes && (world.live.content.is_some() || world.now < world.live.ready_at) => {
                        HealthFact::Progressing("a finalizer holds it".into())
                    }
                    _ if removes => HealthFact::Ready,
                    Quality::Crashes if world.now >= world.live.ready_at => {
                        HealthFact::Failed(Failure::new(Class::Unhealthy, "CrashLoopBackOff", "it crashes"))
                    }
                    Quality::Crashes | Quality::Hangs => HealthFact::Progressing("1 of 2".into()),
                    _ if world.now < world.live.ready_at => HealthFact::Progressing("1 of 2".into()),
                    _ => HealthFact::Ready,
                };
                self.facts.health = Some(fact);
            }
            Step::CheckDependencies => {
                self.facts.dependencies = Some(match (broken, world.dependency) {
                    (true, _) => Dependencies::Unknown(trouble(), world.now + 5_000),
                    (false, true) => Dependencies::Met,
                    (false, false) => Dependencies::Unmet(vec!["db is not Ready".into()]),
                });
            }
            Step::CheckDrift { number } => {
                let content = world.records.get(&number).map(|stored| stored.content.clone());
                self.facts.drift = Some(if broken {
                    Drift::Unknown(trouble(), world.now + 5_000)
                } else if world.live.drift || world.live.content != content || world.live.partial {
                    Drift::Found("Deployment web by kubectl".into())
                } else {
                    Drift::None
                });
            }
            _ => {}
        }
    }

    /// Brings a commit to the next branch, or takes it back on its own.
    fn push(&mut self, revision: String, world: &mut World, promotes: bool) {
        let told = revision.clone();
        let result = world.request(|world| {
            world.stamp();
            if promotes { world.promote(&told) } else { world.revert(&told) }
            Ok(())
        });
        let result = match result {
            Ok(()) => Ok(()),
            Err(Halt::Crash) => return self.die(world.now + 1_000),
            Err(_) => Err(Failure::new(Class::Transient, "GitUnreachable", "connection reset")),
        };
        let fact = Some(PushFact { revision, result, next: world.now + 30_000 });
        if promotes { self.facts.promotion = fact } else { self.facts.reverted = fact }
    }

    /// Lays the plan down, unless that very plan is laid down already.
    fn propose(&mut self, content: String, base: Option<u64>, world: &mut World) {
        let told = (content.clone(), base);
        let result = world.request(|world| {
            if !matches!(&world.kept, Some((of, _)) if *of == told) {
                let stamp = world.stamp();
                world.kept = Some((told, format!("plan-{stamp}")));
                world.plans.extend(world.kept.clone());
            }
            Ok(world.kept.as_ref().map(|(_, digest)| digest.clone()).unwrap_or_default())
        });
        let result = match result {
            Ok(digest) => Ok(digest),
            Err(Halt::Crash) => return self.die(world.now + 1_000),
            Err(_) => Err(Failure::new(Class::Transient, "Unreachable", "connection reset")),
        };
        self.facts.proposal = Some(Proposal { content, base, result, next: world.now + 2_000 });
    }

    fn run(&mut self, number: u64, stage: Stage, world: &mut World) {
        let Some(stored) = world.records.get(&number).cloned() else {
            self.doubt();
            return;
        };
        let Some(mark) = stored.entry.mark else {
            self.doubt();
            return;
        };
        let quality = world.quality(&stored.content);
        let whole = world.live.content.as_ref() == Some(&stored.content) && !world.live.partial;
        let result = world.request(|world| {
            world.writes += 1;
            match (stage, mark.op) {
                (Stage::Apply, Op::Uninstall { .. }) => {
                    let ready_at = world.now + world.pick(5_000) as i64;
                    world.live = Live { ready_at, ..Live::default() };
                }
                (Stage::Apply, _) if matches!(quality, Quality::Invalid | Quality::Denied) => world.live.partial = true,
                // A coloured set stands beside what serves; only the switch makes it live.
                (Stage::Apply, _) if !mark.colour.is_empty() && world.plant != Some(Plant::SwitchesEarly) => {
                    world.live.ready_at = world.now + 200 + world.pick(20_000) as i64;
                }
                (Stage::Switch, _) => {
                    world.live = Live { content: Some(stored.content.clone()), ready_at: world.live.ready_at, waves: mark.waves.at + 1, ..Live::default() };
                    world.switched = Some(stored.content.clone()).filter(|_| mark.op == Op::Upgrade);
                }
                (Stage::Apply, _) => {
                    world.switched = Some(stored.content.clone()).filter(|_| !mark.colour.is_empty() && mark.op == Op::Upgrade);
                    let ready_at = world.now + 200 + world.pick(20_000) as i64;
                    world.wave(&stored.content, mark.waves);
                    world.live = Live { content: Some(stored.content.clone()), ready_at, waves: mark.waves.at + 1, ..Live::default() };
                }
                _ => {}
            }
            Ok(())
        });
        let outcome = match result {
            Err(Halt::Crash) => {
                // What was whole stays whole when it is applied again.
                if stage == Stage::Apply && !whole && world.live.content.is_some() && world.pick(2) == 0 {
                    world.live.partial = true;
                }
                return self.die(world.now + 1_000);
            }
            Err(_) => Err(Failure::new(Class::Transient, "Unreachable", "connection reset")),
            Ok(()) if stage == Stage::Apply && quality == Quality::Invalid && !matches!(mark.op, Op::Uninstall { .. }) => {
                Err(Failure::new(Class::Config, "Invalid", "spec.replicas: must not be negative"))
            }
            Ok(()) if stage == Stage::Apply && quality == Quality::Denied && !matches!(mark.op, Op::Uninstall { .. }) => {
                Err(Failure::new(Class::Denied, "Forbidden", "RBAC: cannot patch deployments"))
            }
            Ok(()) if stage == Stage::Tests && quality == Quality::FailsTests => {
                Err(Failure::new(Class::Unhealthy, "TestsFailed", "Job check failed"))
            }
            Ok(()) => Ok(()),
        };
        self.facts.outcome = Some(Outcome { number, stage, wave: mark.waves.at, result: outcome });
    }

    fn repair(&mut self, number: u64, world: &mut World, off: &BTreeSet<Check>) {
        if !world.policy.self_heal {
            world.fail(off, Check::DriftKept, format!("drift of release {number} is repaired against the policy"));
        }
        let content = world.records.get(&number).map(|stored| stored.content.clone());
        let result = world.request(|world| {
            world.writes += 1;
            let ready_at = world.live.ready_at;
            world.live = Live { content, ready_at, ..Live::default() };
            Ok(())
        });
        self.facts.repairs = if world.now - self.facts.repaired > 60_000 { 1 } else { self.facts.repairs + 1 };
        self.facts.repaired = world.now;
        match result {
            Ok(()) => self.facts.drift = Some(Drift::None),
            Err(Halt::Crash) => self.die(world.now + 1_000),
            Err(_) => {
                self.facts.drift =
                    Some(Drift::Unknown(Failure::new(Class::Transient, "Unreachable", "no answer"), world.now + 5_000));
            }
        }
    }

    fn open(
        &mut self,
        number: u64,
        op: Op,
        revision: String,
        digest: String,
        approved: Option<Approved>,
        world: &mut World,
    ) -> Result<(), Halt> {
        let (of, made_from, agreed) = (revision.clone(), digest.clone(), approved.clone());
        let mark = Mark {
            op,
            revision,
            digest: digest.clone(),
            stage: Stage::PreHooks,
            waves: Waves { at: 0, of: World::waves(&content_of(op, &digest, world)) },
            since: world.now,
            opened: world.now,
            tries: 0,
            not_before: 0,
            failure: None,
            good: false,
            holder: self.id.to_string(),
            approved,
            colour: if world.blue_green && matches!(op, Op::Upgrade | Op::Rollback { .. }) { "green".into() } else { String::new() },
        };
        if let Op::Uninstall { .. } = op {
            self.replace(number, world, |entry| {
                entry.phase = Phase::Open;
                entry.mark = Some(mark);
            })?;
            world.opened(op, &of, &made_from, agreed.as_ref());
            return Ok(());
        }
        let content = match op {
            Op::Rollback { to, .. } => match world.records.get(&to) {
                Some(stored) => stored.content.clone(),
                None => return Err(Halt::Failed),
            },
            _ => digest,
        };
        let fenced = world.plant != Some(Plant::NoFencing);
        let entry = Entry { number, phase: Phase::Open, mark: Some(mark), modified: world.now, uid: format!("{number} of {}", world.now) };
        let made = entry.clone();
        let version = world.request(|world| {
            // A name that exists is refused by the API server; unfenced, an agent would take the next free one.
            let number = match world.records.contains_key(&number) {
                true if fenced => return Err(Halt::Conflict),
                true => world.records.keys().next_back().map_or(1, |last| last + 1),
                false => number,
            };
            let version = world.stamp();
            world.opened(op, &of, &made_from, agreed.as_ref());
            world.records.insert(number, Stored { entry: Entry { number, ..made }, version, content });
            Ok(version)
        })?;
        self.facts.owned = true;
        self.entered(entry, version);
        Ok(())
    }

    /// Whether the record that this would open is as the agent knew it: the name free, the record to uninstall unwritten.
    pub fn may_open(&self, number: u64, op: Op, world: &World) -> bool {
        match op {
            Op::Uninstall { .. } => world.records.get(&number).map(|stored| stored.version) == self.versions.get(&number).copied(),
            _ => !world.records.contains_key(&number),
        }
    }

    /// Whether it knows all records as they are.
    pub fn is_current(&self, world: &World) -> bool {
        let Some(record) = &self.record else { return false };
        let known = record.entries.iter().map(|entry| (entry.number, self.versions.get(&entry.number).copied()));
        known.eq(world.records.iter().map(|(number, stored)| (*number, Some(stored.version))))
    }

    fn entered(&mut self, entry: Entry, version: u64) {
        self.versions.insert(entry.number, version);
        self.facts.confirmed = Some(entry.number);
        self.facts.sure = true;
        let Some(record) = &mut self.record else { return };
        match record.entries.iter_mut().find(|old| old.number == entry.number) {
            Some(old) => *old = entry,
            None => record.entries.push(entry),
        }
        record.entries.sort_by_key(|entry| entry.number);
        self.facts.outcome = None;
        self.facts.health = None;
    }

    /// Writes a record again, if nobody wrote it since it was read.
    fn replace(&mut self, number: u64, world: &mut World, change: impl FnOnce(&mut Entry)) -> Result<(), Halt> {
        let known = self.versions.get(&number).copied();
        let fenced = world.plant != Some(Plant::NoFencing);
        let ahead = self.ahead.take_if(|(of, _)| *of == number).map(|(_, mark)| mark);
        let (entry, version) = world.request(|world| {
            let version = world.stamp();
            let now = world.now;
            let stored = world.records.get_mut(&number).ok_or(Halt::Conflict)?;
            if fenced && Some(stored.version) != known {
                return Err(Halt::Conflict);
            }
            stored.entry.modified = now;
            if let Some(mark) = ahead {
                stored.entry.mark = Some(mark);
            }
            change(&mut stored.entry);
            stored.version = version;
            Ok((stored.entry.clone(), version))
        })?;
        self.entered(entry, version);
        Ok(())
    }

    fn claim(&mut self, number: u64, world: &mut World) -> Result<(), Halt> {
        let holder = self.id.to_string();
        let modified = world.records.get(&number).map(|stored| stored.entry.modified);
        let outcome = self.facts.outcome.clone();
        self.replace(number, world, |entry| {
            // An annotation is written, and Helm's own times stay.
            entry.modified = modified.unwrap_or(entry.modified);
            if let Some(mark) = &mut entry.mark {
                mark.holder = holder;
            }
        })?;
        self.facts.outcome = outcome;
        Ok(())
    }

    fn advance(&mut self, number: u64, stage: Stage, wave: u16, world: &mut World) -> Result<(), Halt> {
        let moved = |mark: &mut Mark, now| {
            let waves = Waves { at: wave, ..mark.waves };
            *mark = Mark { stage, waves, since: now, tries: 0, not_before: 0, failure: None, ..mark.clone() };
        };
        let entry = self.record.as_ref().and_then(|record| record.entry(number)).cloned();
        match entry {
            // Who applied it all knows that by itself: nothing is written.
            Some(mut entry) if stage == Stage::Health && self.applies == Some(number) && entry.mark.as_ref().is_some_and(|mark| !matches!(mark.op, Op::Uninstall { .. })) => {
                if let Some(mark) = &mut entry.mark {
                    moved(mark, world.now);
                    self.ahead = Some((number, mark.clone()));
                }
                let version = self.versions.get(&number).copied().unwrap_or_default();
                self.entered(entry, version);
            }
            _ => self.amend(number, world, moved)?,
        }
        self.applies = (stage == Stage::Apply).then_some(number);
        Ok(())
    }

    fn amend(&mut self, number: u64, world: &mut World, change: impl FnOnce(&mut Mark, Millis)) -> Result<(), Halt> {
        let now = world.now;
        self.replace(number, world, |entry| {
            if let Some(mark) = &mut entry.mark {
                change(mark, now);
            }
        })
    }

    fn end(&mut self, number: u64, phase: Phase, world: &mut World, change: impl FnOnce(&mut Mark)) -> Result<(), Halt> {
        self.replace(number, world, |entry| {
            entry.phase = phase;
            if let Some(mark) = &mut entry.mark {
                change(mark);
            }
        })?;
        self.facts.plan = None;
        self.facts.drift = None;
        if phase == Phase::Failed { self.trim(world) } else { Ok(()) }
    }

    fn close(&mut self, number: u64, world: &mut World) -> Result<(), Halt> {
        let op = world.records.get(&number).and_then(|stored| stored.entry.mark.as_ref()).map(|mark| mark.op);
        if let Some(Op::Uninstall { .. }) = op {
            let numbers: Vec<u64> = world.records.keys().copied().collect();
            for number in numbers {
                world.request(|world| {
                    world.stamp();
                    world.records.remove(&number);
                    Ok(())
                })?;
                if let Some(record) = &mut self.record {
                    record.entries.retain(|entry| entry.number != number);
                }
            }
            self.facts.plan = None;
            self.facts.drift = None;
            return Ok(());
        }
        let known = self.record.iter().flat_map(|record| &record.entries);
        let old: Vec<u64> = known.filter(|e| e.phase == Phase::Deployed && e.number != number).map(|e| e.number).collect();
        for old in old {
            self.replace(old, world, |entry| entry.phase = Phase::Superseded)?;
        }
        self.end(number, Phase::Deployed, world, |mark| {
            mark.good = true;
            mark.stage = Stage::Close;
            mark.failure = None;
        })?;
        self.trim(world)
    }

    fn trim(&mut self, world: &mut World) -> Result<(), Halt> {
        let Some(record) = &self.record else { return Ok(()) };
        if world.plant == Some(Plant::NeverTrims) {
            return Ok(());
        }
        let keep = [record.deployed().map(|e| e.number), record.last_good().map(|e| e.number)];
        let over = record.entries.len().saturating_sub(HISTORY);
        let old: Vec<u64> =
            record.entries.iter().map(|e| e.number).filter(|number| !keep.contains(&Some(*number))).take(over).collect();
        for number in old {
            world.request(|world| {
                world.stamp();
                world.records.remove(&number);
                Ok(())
            })?;
            if let Some(record) = &mut self.record {
                record.entries.retain(|entry| entry.number != number);
            }
        }
        Ok(())
    }

    fn restore(&mut self, managed: Managed, world: &mut World) -> Result<(), Halt> {
        self.replace(managed.number, world, |entry| entry.mark = Some(managed.mark))
    }

    fn remember(&mut self, memory: Memory, world: &mut World) -> Result<(), Halt> {
        let (stored, known) = (memory.clone(), self.memory_version);
        let fenced = world.plant != Some(Plant::NoFencing);
        self.memory_version = world.request(|world| {
            if fenced && world.memory_version != known {
                return Err(Halt::Conflict);
            }
            world.memory_version = world.stamp();
            world.memory = stored;
            Ok(world.memory_version)
        })?;
        self.facts.owned = true;
        if let Some(record) = &mut self.record {
            if record.memory.reverted != memory.reverted {
                self.facts.head = None;
            }
            record.memory = memory;
        }
        Ok(())
    }
}

/// What a release of this operation holds.
fn content_of(op: Op, digest: &str, world: &World) -> String {
    match op {
        Op::Rollback { to, .. } => world.records.get(&to).map(|stored| stored.content.clone()).unwrap_or_default(),
        _ => digest.to_owned(),
    }
}
