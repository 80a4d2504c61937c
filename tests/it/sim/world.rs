//! The fake world: a branch, a cluster, release records, people, a clock.

use super::{Finding, agent::Agent, checks::Check, plant::Plant};
use std::collections::{BTreeMap, BTreeSet};
use windlass::decide::*;

/// What a revision is like.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Quality {
    Good,
    /// Fails for good while it becomes healthy.
    Crashes,
    /// Never becomes healthy, and says no more.
    Hangs,
    FailsTests,
    /// The API server refuses it.
    Invalid,
    /// The agent is not allowed to apply it; nobody says that the revision is to blame.
    Denied,
    /// It cannot be rendered.
    Unrenderable,
}

/// A record in the fake API server.
#[derive(Clone, Debug)]
pub struct Stored {
    pub entry: Entry,
    pub version: u64,
    /// What the release holds.
    pub content: String,
}

/// What an agent reads: records and memory, as they were at one moment.
#[derive(Clone, Debug, Default)]
pub struct Shelf {
    pub records: BTreeMap<u64, Stored>,
    pub memory: Memory,
    pub memory_version: u64,
}

/// What runs.
#[derive(Clone, Debug, Default)]
pub struct Live {
    /// The content last applied.
    pub content: Option<String>,
    /// An apply was cut off.
    pub partial: bool,
    pub drift: bool,
    /// When what was applied becomes healthy, or when what was deleted is gone.
    pub ready_at: Millis,
    /// How many waves are applied.
    pub waves: u16,
}

/// Why an agent's step ended early.
pub enum Halt {
    Crash,
    /// The request failed; whether it took effect is not known.
    Failed,
    /// Somebody else wrote.
    Conflict,
}

/// How long the world is wild, then how long it is calm.
const WILD: Millis = 40 * 60_000;
const CALM: Millis = 45 * 60_000;
/// How many steps may follow one another without a wait.
const MAX_STEPS: u32 = 400;
/// How long a revision has to be good before it is promoted.
const AFTER: Millis = 5 * 60_000;
/// How many records the agent keeps.
pub const HISTORY: usize = 5;

pub struct World {
    random: u64,
    pub now: Millis,
    pub plant: Option<Plant>,
    pub loud: bool,
    pub policy: Policy,
    /// Revisions of the branch, the last is the head.
    pub branch: Vec<(String, Quality)>,
    pub records: BTreeMap<u64, Stored>,
    pub memory: Memory,
    pub memory_version: u64,
    /// An agent that no longer leads opened something: the leader hears of it then, and until it acted on it two may be open.
    late: Option<Millis>,
    /// Records and memory as they once were: a server that lags answers with them.
    past: Shelf,
    /// The leader read that; the watch tells it better then.
    lagged: Option<Millis>,
    /// What the leader last said that it waits for.
    said: Option<Why>,
    pub live: Live,
    /// The plan laid down for approval: what it was made from, and its digest.
    pub kept: Option<((String, Option<u64>), String)>,
    /// All that were ever laid down.
    pub plans: Vec<((String, Option<u64>), String)>,
    /// The digests that somebody agreed to.
    agreed: BTreeSet<String>,
    /// What a write gave away.
    suspect: Option<(Check, String)>,
    /// Whether the Environment is ready that this one waits for.
    pub dependency: bool,
    /// Whether there are sync windows: open for the first ten minutes of each half hour.
    windows: bool,
    /// In the end somebody agrees to whatever waits.
    patient: bool,
    pub released: bool,
    /// New sets stand beside old ones until they have proved themselves.
    pub blue_green: bool,
    /// The set that began to serve last, where there are two.
    pub switched: Option<String>,
    version: u64,
    /// Probability of a fault at each request, in thousandths; 0 when calm.
    pub faults: u64,
    /// How many attempts were opened.
    opened: u64,
    pub opens: Vec<Millis>,
    pub bad_opens: BTreeMap<String, u32>,
    /// What people did that excuses more attempts.
    excuses: u32,
    retries: u32,
    /// Writes of records and memory, applies and repairs.
    pub writes: u64,
    /// Revisions that were brought to the next branch.
    promoted: BTreeSet<String>,
    /// How many commits were taken back.
    reverts: u32,
    /// How many commits people pushed.
    pushes: u32,
    /// How often the deployed release was tested again.
    pub tests: u32,
    pub finding: Option<Finding>,
    tokens: u32,
}

impl World {
    pub fn new(seed: u64, plant: Option<Plant>, loud: bool) -> World {
        let mut world = World {
            random: seed ^ 0x9e37_79b9_7f4a_7c15,
            now: 1_700_000_000_000,
            plant,
            loud,
            policy: Policy::default(),
            branch: Vec::new(),
            records: BTreeMap::new(),
            memory: Memory::default(),
            memory_version: 0,
            late: None,
            past: Shelf::default(),
            lagged: None,
            said: None,
            live: Live::default(),
            kept: None,
            plans: Vec::new(),
            agreed: BTreeSet::new(),
            suspect: None,
            dependency: true,
            windows: false,
            patient: false,
            released: false,
            blue_green: false,
            switched: None,
            version: 0,
            faults: 0,
            opened: 0,
            opens: Vec::new(),
            bad_opens: BTreeMap::new(),
            excuses: 0,
            retries: 0,
            writes: 0,
            promoted: BTreeSet::new(),
            reverts: 0,
            pushes: 0,
            tests: 0,
            finding: None,
            tokens: 0,
        };
        world.faults = [0, 10, 50, 150, 300][world.pick(5) as usize];
        world.policy = Policy {
            manual: world.pick(6) == 0,
            self_heal: world.pick(4) != 0,
            rollback: world.pick(8) != 0,
            keep_failed_install: world.pick(4) == 0,
            tests: true,
            tests_report: world.pick(8) == 0,
            tests_on_rollback: world.pick(4) == 0,
            tests_every: (world.pick(3) == 0).then_some(600_000),
            revert: world.pick(4) == 0,
            promote: (world.pick(3) == 0).then(|| PromotePolicy { to: "next".into(), after: AFTER, by_hand: false }),
            retry_limit: 3,
            backoff: 1_000 + world.pick(5_000) as i64,
            interval: 30_000 + world.pick(90_000) as i64,
            timeout: 120_000,
            health_timeout: 60_000,
            depends: world.pick(6) == 0,
            approval: world.pick(6) == 0,
            approval_expires: 120_000,
            follow_helm: world.pick(4) == 0,
            ..Policy::default()
        };
        world.windows = world.pick(6) == 0;
        world.dependency = world.pick(3) != 0;
        world.blue_green = world.pick(4) == 0;
        world.policy.keep = 1_000 + world.pick(30_000) as i64;
        world.push();
        world
    }

    /// splitmix64
    pub fn pick(&mut self, below: u64) -> u64 {
        self.random = self.random.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.random;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (z ^ (z >> 31)) % below
    }

    pub fn say(&self, what: impl FnOnce() -> String) {
        if self.loud {
            println!("{:>8.1} {}", (self.now - 1_700_000_000_000) as f64 / 1000.0, what());
        }
    }

    pub fn fail(&mut self, off: &BTreeSet<Check>, check: Check, what: String) {
        if !off.contains(&check) && self.finding.is_none() {
            self.finding = Some(Finding { check, what });
        }
    }

    pub fn head(&self) -> (String, Quality) {
        self.branch.last().cloned().expect("pushed at the start")
    }

    pub fn quality(&self, content: &str) -> Quality {
        let revision = content.trim_start_matches("d-");
        self.branch.iter().find(|(name, _)| name == revision).map_or(Quality::Good, |(_, quality)| *quality)
    }

    fn push(&mut self) {
        let quality = match self.pick(13) {
            0 => Quality::Crashes,
            1 => Quality::Hangs,
            2 => Quality::FailsTests,
            3 => Quality::Invalid,
            4 => Quality::Unrenderable,
            5 => Quality::Denied,
            _ => Quality::Good,
        };
        self.pushes += 1;
        self.add(quality);
    }

    fn add(&mut self, quality: Quality) {
        let name = format!("r{}", self.branch.len());
        self.say(|| format!("git: {name} is {quality:?}"));
        self.branch.push((name, quality));
        self.excuses += 3;
    }

    /// Whether a sync may begin now.
    pub fn window(&self) -> Window {
        self.window_at(self.now)
    }

    fn window_at(&self, now: Millis) -> Window {
        const EVERY: Millis = 30 * 60_000;
        const OPEN: Millis = 10 * 60_000;
        match now % EVERY < OPEN {
            _ if !self.windows => Window::Open,
            true => Window::Open,
            false => Window::Closed { opens: Some(now - now % EVERY + EVERY) },
        }
    }

    /// How many waves a release of this content has: every third revision has three.
    pub fn waves(content: &str) -> u16 {
        match content.trim_start_matches("d-r").parse::<u64>() {
            Ok(number) if number.is_multiple_of(3) => 3,
            _ => 1,
        }
    }

    /// A wave is applied: the ones before it are, and are healthy.
    pub fn wave(&mut self, content: &str, waves: Waves) {
        let same = self.live.content.as_deref() == Some(content);
        let before = same && self.live.waves >= waves.at && (self.live.waves > waves.at || self.now >= self.live.ready_at);
        if waves.at > 0 && !before {
            self.suspect = Some((Check::Waves, format!("wave {} of {content} is applied onto {:?}", waves.at, self.live)));
        }
    }

    /// A commit reaches the next branch: it runs here, and has been good for as long as was asked.
    pub fn promote(&mut self, revision: &str) {
        let deployed = self.records.values().next_back().filter(|stored| stored.entry.phase == Phase::Deployed);
        let good = deployed.is_some_and(|stored| {
            let mark = stored.entry.mark.as_ref();
            mark.is_some_and(|mark| mark.good && mark.digest == format!("d-{revision}")) && self.now - stored.entry.modified >= AFTER
        });
        if !good || self.bad(revision) {
            self.suspect = Some((Check::Promoted, format!("{revision} is promoted, and it was not good for long enough")));
        }
        self.promoted.insert(revision.to_owned());
    }

    /// A commit is taken back: the branch gets a commit like the one before it.
    pub fn revert(&mut self, revision: &str) {
        let Some(at) = self.branch.iter().position(|(name, _)| name == revision) else { return };
        if at + 1 != self.branch.len() {
            return;
        }
        let quality = at.checked_sub(1).map_or(Quality::Good, |before| self.branch[before].1);
        self.reverts += 1;
        if self.reverts > 1 + self.pushes {
            self.suspect = Some((Check::Reverts, format!("{} commits were taken back, and {} pushed", self.reverts, self.pushes)));
        }
        self.add(quality);
    }

    /// Whether this revision would delete what nobody deletes unasked: every fifth.
    pub fn guarded(&self, content: &str, base: Option<u64>) -> bool {
        let number = content.trim_start_matches("d-r").parse::<u64>();
        base.is_some() && number.is_ok_and(|number| number > 0 && number.is_multiple_of(5))
    }

    /// Somebody agrees to the plan that waits; now and then the annotation names an old one.
    fn approve(&mut self) {
        let Some((_, digest)) = &self.kept else { return };
        let digest = digest.clone();
        self.say(|| format!("somebody approves {digest}"));
        self.agreed.insert(digest.clone());
        self.policy.approved = Some(Approved { digest, by: "ada".into(), at: self.now });
        self.excuses += 3;
    }

    /// Records and memory as an agent reads them: now and then as they were some time ago.
    pub fn read(&mut self) -> Shelf {
        let present = Shelf { records: self.records.clone(), memory: self.memory.clone(), memory_version: self.memory_version };
        if self.faults > 0 && self.pick(1000) < self.faults {
            self.say(|| format!("it reads the past: {:?}", self.past.records.keys()));
            self.lagged = Some(self.now + 1 + self.pick(3_000) as i64);
            return std::mem::replace(&mut self.past, present);
        }
        if self.pick(4) == 0 {
            self.past = present.clone();
        }
        present
    }

    pub fn stamp(&mut self) -> u64 {
        self.version += 1;
        self.writes += 1;
        self.version
    }

    /// One request to the API server: it may fail before or after it took effect, and the agent may die around it.
    pub fn request<T>(&mut self, act: impl FnOnce(&mut World) -> Result<T, Halt>) -> Result<T, Halt> {
        self.now += 1 + self.pick(30) as i64;
        if self.faults > 0 && self.pick(1000) < self.faults {
            return match self.pick(4) {
                0 => Err(Halt::Crash),
                1 => Err(Halt::Failed),
                2 => act(self).and(Err(Halt::Failed)),
                _ => act(self).and(Err(Halt::Crash)),
            };
        }
        act(self)
    }

    /// What people do to it, now and then.
    fn meddle(&mut self, agents: &mut [Agent]) {
        match self.pick(17) {
            0..=3 => {
                self.push();
                agents.iter_mut().for_each(|agent| agent.facts.head = None);
            }
            4 | 5 => {
                if self.live.content.is_some() {
                    self.say(|| "somebody changes live by hand".into());
                    self.live.drift = true;
                    agents.iter_mut().for_each(|agent| agent.facts.drift = None);
                }
            }
            6 => self.policy.suspended = !self.policy.suspended,
            7 => {
                self.policy.sync = Some(self.token("sync"));
            }
            8 => {
                self.policy.retry = Some(self.token("retry"));
                self.excuses += 2 * self.doublings() + 2;
                self.retries += 1;
            }
            9 => {
                let good: Vec<u64> = self.records.values().filter(|r| r.entry.phase == Phase::Superseded).map(|r| r.entry.number).collect();
                if !good.is_empty() {
                    let number = good[self.pick(good.len() as u64) as usize];
                    self.policy.rollback_to = Some((number, self.token("rollback")));
                    self.excuses += 4;
                }
            }
            10 => {
                self.policy.resume = Some(self.token("resume"));
                self.excuses += 3;
            }
            11 => {
                self.helm(agents.len());
                // The watch on the records tells.
                for agent in agents.iter_mut() {
                    agent.doubt();
                    agent.facts.drift = None;
                }
            }
            12 => {
                let agent = self.pick(agents.len() as u64) as usize;
                self.say(|| format!("agent {agent} is killed"));
                agents[agent].die(self.now + 500);
            }
            13 => {
                self.dependency = !self.dependency;
                self.say(|| "the other Environment changes".into());
                agents.iter_mut().for_each(|agent| agent.facts.dependencies = None);
            }
            14 | 15 => self.approve(),
            _ => {
                let agent = self.pick(agents.len() as u64) as usize;
                agents[agent].stopped_until = self.now + 5_000 + self.pick(40_000) as i64;
            }
        }
    }

    /// How often a pause doubles until it is at its longest. `windlass retry` begins that anew: each pause may be followed by an
    /// attempt and the rollback of it. (A number of attempts for each retry that knew nothing of `backoff` was too few for the
    /// shorter ones, as seed 20613 showed: four retries within the hour, and a pause of 2.1 s to begin with.)
    fn doublings(&self) -> u32 {
        (0..20).find(|tries| backoff(self.policy.backoff, *tries) >= MAX_BACKOFF).unwrap_or(20)
    }

    fn token(&mut self, what: &str) -> String {
        self.tokens += 1;
        let token = format!("{what}-{}", self.tokens);
        self.say(|| format!("somebody asks: {token}"));
        token
    }

    /// helm itself upgrades, tests, uninstalls, or leaves a record pending.
    fn helm(&mut self, agents: usize) {
        let Some(last) = self.records.values().next_back().cloned() else { return };
        if last.entry.phase == Phase::Open {
            return;
        }
        if last.entry.phase == Phase::Deployed && self.pick(4) == 0 {
            self.say(|| "helm tests the release: it writes the record again, without our mark".into());
            let stored = self.records.get_mut(&last.entry.number).expect("the last one");
            stored.entry.mark = None;
            stored.version += 1_000_000;
            return;
        }
        // Numbers begin anew then: an agent that wakes with a write under way is held back by its lease alone, which is not shown here.
        if last.entry.phase == Phase::Deployed && agents == 1 && self.pick(6) == 0 {
            self.say(|| "helm uninstalls the release".into());
            self.records.clear();
            self.live = Live::default();
            self.excuses += 4;
            return;
        }
        let number = last.entry.number + 1;
        let done = self.pick(3) != 0;
        let phase = if done { Phase::Deployed } else { Phase::Open };
        self.say(|| format!("helm writes release {number}, {phase:?}"));
        if done {
            for stored in self.records.values_mut().filter(|stored| stored.entry.phase == Phase::Deployed) {
                stored.entry.phase = Phase::Superseded;
                stored.version += 1_000_000;
            }
            self.live = Live { content: Some(format!("helm-{number}")), ready_at: self.now, ..Live::default() };
        }
        let entry = Entry { number, phase, mark: None, modified: self.now, uid: format!("{number} of {}", self.now) };
        let version = self.stamp();
        self.records.insert(number, Stored { entry, version, content: format!("helm-{number}") });
        self.excuses += 4;
    }

    pub fn run(&mut self, off: &BTreeSet<Check>) -> Option<Finding> {
        let start = self.now;
        let mut agents = vec![Agent::new(0)];
        if self.pick(3) == 0 {
            agents.push(Agent::new(1));
        }
        let mut next_meddling = start + self.pick(120_000) as i64;
        let mut calm = false;
        let mut quiet_writes = None;
        while self.now < start + WILD + CALM && self.finding.is_none() && !self.released {
            if !calm && self.now >= start + WILD {
                calm = true;
                self.calm(&mut agents);
            }
            if !calm && self.now >= next_meddling {
                self.meddle(&mut agents);
                next_meddling = self.now + 1_000 + self.pick(240_000) as i64;
            }
            if calm && quiet_writes.is_none() && self.now >= start + WILD + CALM - 600_000 {
                quiet_writes = Some((self.writes, self.tests));
            }
            self.turn(&mut agents, if calm { i64::MAX } else { next_meddling }, off);
            self.check(off);
        }
        if self.finding.is_none() {
            self.check_end(off, quiet_writes);
        }
        self.finding.clone()
    }

    /// One agent's turn: a step, or a wait that lets the clock run.
    fn turn(&mut self, agents: &mut [Agent], meddling: Millis, off: &BTreeSet<Check>) {
        // Who is not stopped leads; a stopped one loses its lease to the other after 15 s.
        let leader = match agents.iter().position(|agent| agent.leading && self.now < agent.lease_until(self.now)) {
            Some(leader) => leader,
            None => agents.iter().position(|agent| agent.stopped_until <= self.now).unwrap_or(0),
        };
        for (at, agent) in agents.iter_mut().enumerate() {
            if at == leader && !agent.leading {
                agent.take_over();
            }
            agent.leading = at == leader;
        }
        if agents.len() > 1 {
            self.stale_write(agents, leader);
        }
        let agent = &mut agents[leader];
        if [self.late, self.lagged].into_iter().flatten().any(|told| told <= self.now) && !agent.is_current(self) {
            // The watch on the records tells.
            agent.doubt();
            agent.facts.drift = None;
        }
        self.lagged = self.lagged.filter(|told| *told > self.now);
        if agent.stopped_until > self.now {
            self.now = agent.stopped_until.min(self.now + 1_000).min(meddling.max(self.now + 1));
            return;
        }
        match agent.decide(self) {
            Decision::Wait { why, until } => {
                agent.steps = 0;
                if self.patient && matches!(why, Why::Gated(Gate::Approval { .. }, _)) {
                    self.approve();
                    self.now += 1;
                    return;
                }
                let until = until.unwrap_or(self.now + 3_600_000).max(self.now + 1);
                let look = if matches!(why, Why::Health(_)) { self.now + 3_000 } else { until };
                self.say(|| format!("waits: {why:?}"));
                self.said = Some(why.clone());
                let told = [self.late, self.lagged].into_iter().flatten().filter(|told| *told > self.now).min().unwrap_or(until);
                self.now = until.min(look).min(meddling).min(told).max(self.now + 1);
                agent.facts.health = None;
            }
            Decision::Do(step) => {
                agent.steps += 1;
                if agent.steps > MAX_STEPS {
                    let what = format!("{} steps without a wait, the last {step:?}", agent.steps);
                    self.fail(off, Check::Livelock, what);
                    // Where the check is off, time goes on.
                    agent.steps = 0;
                    self.now += 60_000;
                    return;
                }
                self.now += 1 + self.pick(50) as i64;
                self.say(|| format!("agent {leader}: {step:?}"));
                self.check_overtaken(agent, &step, off);
                let (before, decided) = (self.opened, step.clone());
                agent.perform(step, self, off);
                if self.opened > before {
                    self.check_open(&decided, off);
                }
                if self.open().len() < 2 && agent.is_current(self) {
                    self.late = None;
                }
            }
        }
    }

    /// An agent that was stopped in the middle of a write finishes it after it woke, leader or not.
    fn stale_write(&mut self, agents: &mut [Agent], leader: usize) {
        for at in (0..agents.len()).filter(|at| *at != leader) {
            if agents[at].stopped_until != 0 && agents[at].stopped_until <= self.now {
                agents[at].stopped_until = 0;
                if let Some(step) = agents[at].in_flight.take() {
                    self.say(|| format!("agent {at} wakes and writes: {step:?}"));
                    // No version fences a name that is free, or a record that the leader had no reason to write: such an attempt
                    // is open then, and the leader hears of it a moment later.
                    if let Step::Open { number, op, .. } = &step
                        && agents[at].may_open(*number, *op, self)
                    {
                        self.late = Some(self.now + self.pick(3_000) as i64);
                    }
                    agents[at].write(step, self);
                }
            }
        }
    }

    /// Faults stop, people go home. What is still asked for is answered in the time that is left.
    fn calm(&mut self, agents: &mut [Agent]) {
        self.say(|| "calm".into());
        self.faults = 0;
        self.policy.suspended = false;
        self.dependency = true;
        self.policy.approval_expires = 3_600_000;
        self.patient = true;
        if self.policy.manual {
            self.policy.sync = Some(self.token("sync"));
        }
        if self.pick(8) == 0 {
            self.policy.deleting = true;
            self.policy.orphan = self.pick(3) == 0;
            self.say(|| "the Environment is deleted".into());
        }
        for agent in agents.iter_mut() {
            agent.stopped_until = 0;
            agent.in_flight = None;
            agent.facts = Facts::default();
        }
    }

    fn check_open(&mut self, step: &Step, off: &BTreeSet<Check>) {
        let Step::Open { op, .. } = step else { return };
        if self.policy.suspended && !self.policy.deleting {
            self.fail(off, Check::Suspended, format!("{step:?} while suspended"));
        }
        let asked = self.policy.sync.as_ref().is_some_and(|token| !self.memory.is_handled("sync", token));
        if self.policy.manual && matches!(op, Op::Install | Op::Upgrade) && !asked {
            self.fail(off, Check::Manual, format!("{step:?} though nobody asked"));
        }
        if matches!(op, Op::Install | Op::Upgrade) {
            self.check_gates(step, off);
        }
        if let Some(hold) = &self.memory.hold
            && hold.head == self.head().0
            && matches!(op, Op::Install | Op::Upgrade)
        {
            let what = format!("{step:?} though release {} is held", hold.number);
            self.fail(off, Check::Held, what);
        }
    }

    /// Two may be open for a moment, see [`World::late`]: who knows of it closes the older one before anything else.
    fn check_overtaken(&mut self, agent: &Agent, step: &Step, off: &BTreeSet<Check>) {
        let open = |entry: &&Entry| entry.phase == Phase::Open && entry.mark.is_some();
        let known: Vec<u64> = agent.record.iter().flat_map(|record| record.entries.iter().filter(open)).map(|entry| entry.number).collect();
        if known.len() > 1 && !matches!(step, Step::Fail { number, .. } if *number == known[0]) {
            self.fail(off, Check::OneOpen, format!("{step:?} while releases {known:?} are known to be open"));
        }
    }

    fn open(&self) -> Vec<u64> {
        self.records.values().filter(|stored| stored.entry.phase == Phase::Open).map(|stored| stored.entry.number).collect()
    }

    fn check_gates(&mut self, step: &Step, off: &BTreeSet<Check>) {
        let Step::Open { approved, .. } = step else { return };
        // The clock ran on a little since the decision.
        const MOMENT: Millis = 60;
        if self.window_at(self.now - MOMENT) != Window::Open && self.window() != Window::Open {
            self.fail(off, Check::Windows, format!("{step:?} outside of the windows"));
        }
        if self.policy.depends && !self.dependency {
            self.fail(off, Check::Dependencies, format!("{step:?} though the other Environment is not ready"));
        }
        if let Some(approved) = approved
            && self.now - MOMENT >= approved.at + self.policy.approval_expires
        {
            self.fail(off, Check::Approved, format!("{step:?} though the approval has expired"));
        }
    }

    /// An install or upgrade was recorded: what needed somebody's approval has one, of this very plan.
    fn opened_agreed(&mut self, digest: &str, approved: Option<&Approved>) {
        let base = self.deployed();
        if !(self.policy.approval || self.guarded(digest, base)) {
            return;
        }
        let plan = (digest.to_owned(), base);
        let good = approved.is_some_and(|approved| {
            self.agreed.contains(&approved.digest) && self.plans.iter().any(|(of, digest)| *of == plan && *digest == approved.digest)
        });
        if !good {
            self.suspect = Some((Check::Approved, format!("{plan:?} was opened with {approved:?}, which is no approval of it")));
        }
        self.kept = None;
    }

    /// The release that runs.
    pub fn deployed(&self) -> Option<u64> {
        self.records.values().rev().find(|stored| stored.entry.phase == Phase::Deployed).map(|stored| stored.entry.number)
    }

    /// An attempt was recorded.
    pub fn opened(&mut self, op: Op, revision: &str, digest: &str, approved: Option<&Approved>) {
        self.opened += 1;
        self.opens.push(self.now);
        if matches!(op, Op::Install | Op::Upgrade) {
            self.opened_agreed(digest, approved);
        }
        if matches!(op, Op::Install | Op::Upgrade) && self.bad(revision) {
            *self.bad_opens.entry(revision.to_owned()).or_default() += 1;
        }
    }

    fn bad(&self, revision: &str) -> bool {
        let quality = self.quality(revision);
        matches!(quality, Quality::Crashes | Quality::Hangs | Quality::Invalid) || quality == Quality::FailsTests && !self.policy.tests_report
    }

    fn check(&mut self, off: &BTreeSet<Check>) {
        if let Some((check, what)) = self.suspect.take() {
            self.fail(off, check, what);
        }
        let open = self.open();
        if open.len() > 1 && self.late.is_none() {
            self.fail(off, Check::OneOpen, format!("releases {open:?} are open at once"));
        }
        if let Some(serves) = self.switched.take()
            && match self.quality(&serves) {
                Quality::Crashes | Quality::Hangs => true,
                // A policy that only reports failed tests lets it serve.
                Quality::FailsTests => !self.policy.tests_report,
                _ => false,
            }
        {
            self.fail(off, Check::Serves, format!("{serves} serves, which never proved itself"));
        }
        let hour = self.now - 3_600_000;
        self.opens.retain(|at| *at > hour);
        let limit = 40 + self.excuses as usize;
        if self.opens.len() > limit {
            self.fail(off, Check::Attempts, format!("{} attempts within an hour, {limit} would be many", self.opens.len()));
        }
        let allowed = 4 + 2 * self.retries;
        if let Some((revision, count)) = self.bad_opens.iter().find(|(_, count)| **count > allowed).map(|(r, c)| (r.clone(), *c)) {
            self.fail(off, Check::BadTries, format!("{revision} was tried {count} times, though it is bad"));
        }
        let good: Vec<String> = self
            .records
            .values()
            .filter_map(|stored| stored.entry.mark.as_ref().filter(|mark| mark.good && matches!(mark.op, Op::Install | Op::Upgrade)))
            .map(|mark| mark.revision.clone())
            .collect();
        if let Some(revision) = good.iter().find(|revision| self.bad(revision)) {
            self.fail(off, Check::BadGood, format!("{revision} is bad and recorded good"));
        }
        let limit = self.policy.retry_limit;
        let tries = self.records.values().filter_map(|r| Some(r.entry.mark.as_ref()?.tries)).max().unwrap_or_default();
        if tries > limit {
            self.fail(off, Check::Tries, format!("a stage was tried {tries} times again, {limit} are allowed"));
        }
        if self.records.len() > HISTORY + 15 {
            self.fail(off, Check::Growth, format!("{} records", self.records.len()));
        }
    }

    fn check_end(&mut self, off: &BTreeSet<Check>, quiet: Option<(u64, u32)>) {
        if self.policy.deleting {
            if !self.released {
                self.fail(off, Check::Removed, "the deleted Environment was never let go".into());
            } else if !self.policy.orphan && (self.live.content.is_some() || !self.records.is_empty()) {
                let what = format!("the Environment is gone, but {:?} runs and {} records are left", self.live.content, self.records.len());
                self.fail(off, Check::Removed, what);
            }
            return;
        }
        // What is not allowed is tried again for ever, seldom.
        if let Some((_, before)) = quiet
            && self.tests - before > 2
        {
            self.fail(off, Check::Tests, format!("tested {} times again within ten minutes", self.tests - before));
        }
        if let Some((before, _)) = quiet
            && before != self.writes
            && self.branch.iter().all(|(_, quality)| *quality != Quality::Denied)
        {
            self.fail(off, Check::Idle, format!("{} writes in the last ten calm minutes", self.writes - before));
        }
        if self.live.drift && self.policy.self_heal && self.settled_good() {
            self.fail(off, Check::DriftRepaired, "drift was never repaired".into());
        }
        self.check_converged(off);
        let (head, quality) = self.head();
        let there = self.live.content.as_deref() == Some(&format!("d-{head}")) && self.settled_good() && self.memory.hold.is_none() && !self.live.drift;
        if self.policy.promote.is_some() && quality == Quality::Good && there && !self.promoted.contains(&head) {
            self.fail(off, Check::Promoted, format!("{head} has been good for long, and was never promoted"));
        }
    }

    /// Whether the newest record is deployed: only then is there something to compare live with.
    fn settled_good(&self) -> bool {
        self.records.values().next_back().is_some_and(|stored| stored.entry.phase == Phase::Deployed)
    }

    fn check_converged(&mut self, off: &BTreeSet<Check>) {
        let (head, quality) = self.head();
        let live = self.live.content.clone();
        // What helm made stays where that is the policy, until the branch moves.
        let followed = self.memory.foreign.as_ref().filter(|foreign| {
            let latest = self.records.values().next_back().map_or(0, |stored| if stored.entry.mark.is_none() { stored.entry.number } else { u64::MAX });
            self.policy.follow_helm && foreign.number == latest && foreign.head == head
        });
        if followed.is_some() {
            return;
        }
        if self.memory.hold.is_some() || self.live.partial && !self.policy.rollback {
            return;
        }
        // A rollback that failed says so and holds still until somebody asks or the branch moves: it is not tried again by itself.
        // (A record that helm left pending and that was given up hides it from nobody.)
        let last = self.records.values().rev().map(|stored| &stored.entry).find(|entry| entry.mark.is_some() || entry.phase != Phase::Failed);
        let failed = last.is_some_and(|entry| entry.phase == Phase::Failed && matches!(&entry.mark, Some(Mark { op: Op::Rollback { .. }, .. })));
        if failed && matches!(self.said, Some(Why::RollbackFailed(_))) {
            return;
        }
        let fine = |quality| quality == Quality::Good || quality == Quality::FailsTests && self.policy.tests_report;
        if fine(quality) {
            if live != Some(format!("d-{head}")) || self.live.partial {
                self.fail(off, Check::Converged, format!("{live:?} runs, and the head is {head}, which is good"));
            }
            return;
        }
        let good = match live.as_deref() {
            None => self.records.values().all(|stored| stored.entry.phase != Phase::Deployed),
            Some(content) => content.starts_with("helm-") || fine(self.quality(content)),
        };
        if self.policy.rollback && !self.policy.keep_failed_install && !good {
            self.fail(off, Check::Converged, format!("{live:?} runs, which is bad"));
        }
    }
}
