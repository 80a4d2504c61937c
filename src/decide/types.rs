//! What a decision reads and what it says: plain data, no time but what it is given.

use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// Milliseconds since the Unix epoch, or of a span.
pub type Millis = i64;

/// Everything that a decision may look at.
#[derive(Clone, Copy)]
pub struct View<'a> {
    /// Now.
    pub now: Millis,
    /// What the user wrote.
    pub policy: &'a Policy,
    /// The durable truth; `None` until it has been read.
    pub record: Option<&'a Record>,
    /// What was learnt, and may be forgotten.
    pub facts: &'a Facts,
    /// Whether a sync may begin now, by the sync windows.
    pub window: Window,
}

/// What the user wrote, as far as decisions turn on it.
#[derive(Clone, Debug, Default, PartialEq)]
#[allow(missing_docs)] // each as in the Environment's spec
pub struct Policy {
    /// Who decides: the name of this agent.
    pub holder: String,
    pub deleting: bool,
    pub orphan: bool,
    pub suspended: bool,
    pub manual: bool,
    pub self_heal: bool,
    pub rollback: bool,
    pub keep_failed_install: bool,
    pub tests: bool,
    /// Whether a test that fails after a release is only reported.
    pub tests_report: bool,
    /// Whether the tests run after a rollback, too.
    pub tests_on_rollback: bool,
    /// How often the deployed release is tested again.
    pub tests_every: Option<Millis>,
    pub retry_limit: u32,
    pub backoff: Millis,
    pub interval: Millis,
    pub timeout: Millis,
    pub health_timeout: Millis,
    /// Whether there are Environments to wait for.
    pub depends: bool,
    /// Whether somebody has to agree to each plan.
    pub approval: bool,
    /// How long an approval holds.
    pub approval_expires: Millis,
    /// The plan that somebody agreed to.
    pub approved: Option<Approved>,
    /// Whether a commit that was rolled back is taken back on the branch.
    pub revert: bool,
    /// Where what is good goes on to.
    pub promote: Option<PromotePolicy>,
    /// The commit that somebody wants promoted now.
    pub promote_now: Option<String>,
    /// Requests by token, see `app::Requests`.
    pub sync: Option<String>,
    pub retry: Option<String>,
    /// Release number and token.
    pub rollback_to: Option<(u64, String)>,
    pub resume: Option<String>,
    pub adopt: Option<String>,
    /// How long a new set is watched after a switch.
    pub keep: Millis,
    /// What helm makes of the release is kept until the branch moves (else it is put right at once).
    pub follow_helm: bool,
}

/// Where what is good goes on to.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct PromotePolicy {
    /// The next branch.
    pub to: String,
    /// How long it has to be good first.
    pub after: Millis,
    /// Whether somebody has to say so.
    pub by_hand: bool,
}

impl Policy {
    /// Whether the tests run at the end of such an attempt.
    pub fn tests_after(&self, op: Op) -> bool {
        self.tests && (self.tests_on_rollback || !matches!(op, Op::Rollback { .. }))
    }
}

/// The durable truth: the release's records and what outlives them.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Record {
    /// By release number, rising.
    pub entries: Vec<Entry>,
    /// What outlives the history limit.
    pub memory: Memory,
}

/// One release record.
#[derive(Clone, Debug, PartialEq)]
pub struct Entry {
    /// Helm's revision number.
    pub number: u64,
    /// Where it stands.
    pub phase: Phase,
    /// What it did; `None` where helm wrote it.
    pub mark: Option<Mark>,
    /// When the record was last modified.
    pub modified: Millis,
    /// The Secret's own identity: a record that was deleted and made anew under the same number is another one.
    pub uid: String,
}

/// Where a release record stands, Helm's statuses folded.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Phase {
    /// `pending-*` and `uninstalling`
    Open,
    /// `deployed`
    Deployed,
    /// `superseded`
    Superseded,
    /// `failed`
    Failed,
    /// `uninstalled`
    Uninstalled,
}

/// What windlass notes on a release record, in annotations.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Mark {
    /// What the attempt does.
    pub op: Op,
    /// The commit that it brings (of a rollback: the commit it goes back to).
    pub revision: String,
    /// Digest of everything that was rendered from: chart, values, name, capabilities.
    pub digest: String,
    /// The program counter.
    pub stage: Stage,
    /// How far the waves are applied, each after the one before it is healthy.
    #[serde(default, skip_serializing_if = "Waves::single")]
    pub waves: Waves,
    /// When the stage began.
    pub since: Millis,
    /// When the attempt was opened.
    pub opened: Millis,
    /// How often the current stage was tried again.
    #[serde(default)]
    pub tries: u32,
    /// Not before this time is the stage tried again.
    #[serde(default)]
    pub not_before: Millis,
    /// Why it failed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub failure: Option<Failure>,
    /// Healthy and tested.
    #[serde(default)]
    pub good: bool,
    /// Who works on it.
    #[serde(default)]
    pub holder: String,
    /// Who agreed to it, where somebody had to.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub approved: Option<Approved>,
    /// The colour of its set, where it stands beside the old one until the Services switch; else empty.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub colour: String,
}

impl Mark {
    /// The stage after the present one. A coloured set is tested before the Services switch to it, and the old one goes last.
    pub fn next(&self, tests: bool) -> Stage {
        let back = matches!(self.op, Op::Rollback { .. });
        match self.stage {
            _ if self.colour.is_empty() => self.stage.next(self.op, tests),
            Stage::Health if tests && !back => Stage::Tests,
            Stage::Health | Stage::Tests => Stage::Switch,
            // What goes back to a set that served before is not doubted.
            Stage::Switch if !back => Stage::Keep,
            Stage::Switch | Stage::Keep => Stage::Prune,
            Stage::Prune => Stage::PostHooks,
            Stage::PostHooks => Stage::Close,
            stage => stage.next(self.op, tests),
        }
    }
}

/// The waves of an attempt: objects of one wave are applied together, and waited for before the next.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Waves {
    /// The one that is being applied, from 0.
    pub at: u16,
    /// How many there are; 0 and 1 mean the same.
    pub of: u16,
}

impl Waves {
    /// Whether there is but one.
    pub fn single(&self) -> bool {
        self.of <= 1
    }

    /// Whether this is the last one.
    pub fn last(&self) -> bool {
        self.at + 1 >= self.of
    }
}

/// Somebody's agreement to one plan.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Approved {
    /// The plan's digest, see [`Proposal`].
    pub digest: String,
    /// The user, as the API server knows it.
    pub by: String,
    /// When.
    pub at: Millis,
}

/// What an attempt does.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind")]
pub enum Op {
    /// The first release.
    Install,
    /// A further one.
    Upgrade,
    /// Back to the release of that number.
    Rollback {
        /// The release that is put back.
        to: u64,
        /// Whether a person asked for it.
        by_hand: bool,
    },
    /// Away with it.
    Uninstall {
        /// Because the first install failed (else because the Environment goes).
        cleanup: bool,
    },
}

/// The program counter of an attempt.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub enum Stage {
    /// pre-install, pre-upgrade, pre-rollback, pre-delete hooks
    PreHooks,
    /// Apply and prune, or delete.
    Apply,
    /// Wait until healthy; after a removal, until everything is gone.
    Health,
    /// post-* hooks
    PostHooks,
    /// Test hooks and test Jobs.
    Tests,
    /// Services lead to the new set.
    Switch,
    /// The new set serves and is watched; the old one still stands.
    Keep,
    /// The old set goes.
    Prune,
    /// Nothing is left but to close the record.
    Close,
}

impl Stage {
    /// The stage after this one.
    pub fn next(self, op: Op, tests: bool) -> Stage {
        let uninstall = matches!(op, Op::Uninstall { .. });
        match self {
            Stage::PreHooks => Stage::Apply,
            Stage::Apply => Stage::Health,
            Stage::Health => Stage::PostHooks,
            Stage::PostHooks if tests && !uninstall => Stage::Tests,
            Stage::PostHooks | Stage::Tests | Stage::Switch | Stage::Keep | Stage::Prune | Stage::Close => Stage::Close,
        }
    }
}

/// What outlives the history limit and helm's own updates: kept in an object of its own.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub struct Memory {
    /// Revisions known to be bad, by what was rendered from them.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub condemned: Vec<Condemned>,
    /// The release that a person holds.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub hold: Option<Hold>,
    /// Requests that were acted upon, by kind.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub handled: BTreeMap<String, String>,
    /// Failed records up to this number were excused by `windlass retry`.
    pub excused: u64,
    /// Installs and upgrades in a row that failed through no fault of the revision: their records may be gone, by the history
    /// limit or with a first install, and yet the next attempt must be spaced by them.
    pub setbacks: u32,
    /// When the last of them failed.
    pub setback_at: Millis,
    /// The commit last brought to the next branch: it is not brought there twice, whatever somebody does to that branch.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub promoted: String,
    /// The bad commit last taken back on the branch, by `rollback.git: Revert`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reverted: Option<Reverted>,
    /// When the present leader made the memory its own, if it had to: see [`Facts::owned`].
    #[serde(skip_serializing_if = "is_zero")]
    pub claimed: Millis,
    /// The last release that windlass made and found good. Helm's own writes take our marks off the records: this tells a record
    /// that helm merely wrote again (`helm test` does) from one that it made. While an agent runs it is a fact and costs nothing;
    /// it is written down where a policy depends on it (`follow_helm`), or with a change that helm made.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub managed: Option<Box<Managed>>,
    /// The last change that the helm command line made to the release, once it was noticed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub foreign: Option<Box<Foreign>>,
}

fn is_zero(time: &Millis) -> bool {
    *time == 0
}

/// A release that windlass made.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Managed {
    /// Its number.
    pub number: u64,
    /// See [`Entry::uid`].
    pub uid: String,
    /// Its mark, as it was when it proved good.
    pub mark: Mark,
}

/// A change that the helm command line made.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Foreign {
    /// The number of the release that helm made or marked; 0 where it took all of them away.
    pub number: u64,
    /// See [`Entry::uid`].
    pub uid: String,
    /// The head when it was noticed: a policy that follows helm ends with a new one.
    pub head: String,
    /// When it was noticed.
    pub at: Millis,
}

/// A bad commit that was taken back on the branch.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Reverted {
    /// The commit.
    pub revision: String,
    /// When.
    pub at: Millis,
}

/// How many bad revisions are remembered, at the most: the oldest is forgotten first.
pub const MAX_CONDEMNED: usize = 50;

/// A revision that failed its health or tests.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Condemned {
    /// The commit.
    pub revision: String,
    /// What was rendered from it.
    pub digest: String,
    /// What failed.
    pub failure: Failure,
    /// When.
    pub at: Millis,
}

/// A release that a person went back to and holds.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Hold {
    /// The release number whose content is held.
    pub number: u64,
    /// The head when the hold began: a new one ends it.
    pub head: String,
}

/// Why something did not go.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Failure {
    /// What kind of trouble it is, which decides what is done about it.
    pub class: Class,
    /// A word in CamelCase for conditions.
    pub reason: String,
    /// Sentences that a person can act on. No secrets.
    pub message: String,
}

/// Kinds of trouble.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Class {
    /// May pass by itself: refused connections, conflicts of versions, 5xx, 429.
    Transient,
    /// What the user wrote cannot work: template errors, invalid objects.
    Config,
    /// Someone else owns it.
    Conflict,
    /// The agent is not allowed.
    Denied,
    /// It was applied and did not become healthy, or its tests failed.
    Unhealthy,
    /// A fault of windlass itself.
    Bug,
}

impl Failure {
    /// A failure.
    pub fn new(class: Class, reason: &str, message: impl Into<String>) -> Self {
        Failure { class, reason: reason.into(), message: message.into() }
    }

    /// Whether the revision is to blame for certain, so that it is not tried again.
    pub fn condemns(&self) -> bool {
        matches!(self.class, Class::Unhealthy | Class::Config)
    }
}

/// What was learnt; a crash may lose all of it.
#[derive(Clone, Debug, Default)]
pub struct Facts {
    /// The head of the branch.
    pub head: Option<Head>,
    /// What the head renders to.
    pub target: Option<Target>,
    /// What applying the target would change.
    pub plan: Option<PlanFact>,
    /// Why the record of an attempt could not be written, so that nothing was opened; tried again then.
    pub refused: Option<(Failure, Millis)>,
    /// The plan as it was laid down for somebody to agree to.
    pub proposal: Option<Proposal>,
    /// How the Environments fare that this one waits for.
    pub dependencies: Option<Dependencies>,
    /// How the current stage of the open attempt went.
    pub outcome: Option<Outcome>,
    /// How the live objects of the open attempt fare.
    pub health: Option<HealthFact>,
    /// Whether live is what the deployed release says.
    pub drift: Option<Drift>,
    /// The last release that windlass made and found good, as its record last said.
    pub managed: Option<Managed>,
    /// How often drift was repaired lately, and when last: repairs are spaced.
    pub repairs: u32,
    /// When drift was last repaired.
    pub repaired: Millis,
    /// When the deployed release was last tested; 0 where that is not known.
    pub tested: Millis,
    /// Whether the deployed release's last tests failed.
    pub failing: bool,
    /// How the promotion of a commit went.
    pub promotion: Option<PushFact>,
    /// How taking a bad commit back on the branch went.
    pub reverted: Option<PushFact>,
    /// Whether this agent wrote the memory since it last read it: what it read was not old, and what an earlier leader may still
    /// have under way is refused.
    pub owned: bool,
    /// The record that this agent wrote last, since it last read them: the same is true of it.
    pub confirmed: Option<u64>,
    /// Whether the records are known to be as they were read: two readings (the watch is one) agreed, or this agent
    /// wrote one of them since.
    pub sure: bool,
}

/// How it went to bring a commit to another branch, or to take it back.
#[derive(Clone, Debug, PartialEq)]
pub struct PushFact {
    /// The commit.
    pub revision: String,
    /// Done, or why not.
    pub result: Result<(), Failure>,
    /// A failure is tried again then.
    pub next: Millis,
}

/// The head of the branch, or why it is not known.
#[derive(Clone, Debug, PartialEq)]
pub struct Head {
    /// The commit.
    pub commit: Result<String, Failure>,
    /// When it is looked at again.
    pub next: Millis,
    /// The `sync` request that it answers.
    pub token: Option<String>,
}

/// What the head renders to.
#[derive(Clone, Debug, PartialEq)]
pub struct Target {
    /// The commit.
    pub revision: String,
    /// The digest of what was rendered from, or why nothing could be rendered.
    pub digest: Result<String, Failure>,
    /// A transient failure is tried again then.
    pub next: Millis,
}

/// What applying the target would change.
#[derive(Clone, Debug, PartialEq)]
pub struct PlanFact {
    /// The target's digest.
    pub digest: String,
    /// The release that it was compared with, if any ran.
    pub base: Option<u64>,
    /// The counts, or why the plan was refused.
    pub result: Result<Counts, Failure>,
    /// Sentences: why somebody has to agree to what would be deleted; empty where nobody has to.
    pub guard: Vec<String>,
    /// A failure is looked at again then.
    pub next: Millis,
}

/// A plan laid down for approval: what was rendered is kept with it, so that neither a restart nor a random function changes it.
#[derive(Clone, Debug, PartialEq)]
pub struct Proposal {
    /// The target's digest.
    pub content: String,
    /// The release that it would replace, if any runs.
    pub base: Option<u64>,
    /// The digest that an approval names, or why the plan could not be laid down.
    pub result: Result<String, Failure>,
    /// A failure is tried again then.
    pub next: Millis,
}

/// How the Environments fare that this one waits for.
#[derive(Clone, Debug, PartialEq)]
pub enum Dependencies {
    /// All are as wanted.
    Met,
    /// Sentences, one for each that is not.
    Unmet(Vec<String>),
    /// They wait for each other: the names along the way, the first again at the end.
    Cycle(Vec<String>),
    /// They could not be looked at; tried again then.
    Unknown(Failure, Millis),
}

/// Whether a sync may begin now, by the sync windows.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Window {
    /// It may.
    #[default]
    Open,
    /// It may not.
    Closed {
        /// When it may again; `None`: at no time that could be found.
        opens: Option<Millis>,
    },
}

/// What holds a sync back that would else begin.
#[derive(Clone, Debug, PartialEq)]
pub enum Gate {
    /// Somebody has to agree.
    Approval {
        /// The digest to agree to.
        digest: String,
        /// Why.
        reason: String,
        /// Somebody had agreed, too long ago.
        expired: bool,
    },
    /// Other Environments are not as wanted: a sentence each.
    Dependencies(Vec<String>),
    /// Environments wait for each other: the names along the way.
    Cycle(Vec<String>),
    /// No sync window is open.
    Window {
        /// When one opens.
        opens: Option<Millis>,
    },
}

/// Created, changed, pruned objects.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[allow(missing_docs)]
pub struct Counts {
    pub created: usize,
    pub changed: usize,
    pub pruned: usize,
}

/// How a stage of an attempt went.
#[derive(Clone, Debug, PartialEq)]
pub struct Outcome {
    /// The attempt's number.
    pub number: u64,
    /// The stage.
    pub stage: Stage,
    /// The wave that it worked on.
    pub wave: u16,
    /// Done, or why not.
    pub result: Result<(), Failure>,
}

/// How the live objects fare.
#[derive(Clone, Debug, PartialEq)]
pub enum HealthFact {
    /// All of them are ready.
    Ready,
    /// Some are on their way: a sentence.
    Progressing(String),
    /// One failed for good.
    Failed(Failure),
}

/// Whether live is what the deployed release says.
#[derive(Clone, Debug, PartialEq)]
pub enum Drift {
    /// It is.
    None,
    /// It is not: a sentence that names objects and managers.
    Found(String),
    /// It could not be told; looked at again then.
    Unknown(Failure, Millis),
}

/// What is to be done next.
#[derive(Clone, Debug, PartialEq)]
pub enum Decision {
    /// One step, after which the agent decides anew.
    Do(Step),
    /// Nothing, until something changes or the time comes.
    Wait {
        /// What is waited for; people see it.
        why: Why,
        /// When to decide anew at the latest.
        until: Option<Millis>,
    },
}

/// One step.
#[derive(Clone, Debug, PartialEq)]
pub enum Step {
    /// Read the record.
    Load,
    /// Look at the branch.
    Fetch {
        /// The `sync` request that this answers.
        token: Option<String>,
    },
    /// Render the head.
    Render {
        /// The commit.
        revision: String,
    },
    /// Work out what the target would change.
    Plan {
        /// The target's digest.
        digest: String,
    },
    /// Write a new release record: the attempt begins.
    Open {
        /// Its number.
        number: u64,
        /// What it does.
        op: Op,
        /// The commit it brings.
        revision: String,
        /// What was rendered from.
        digest: String,
        /// Who agreed to it, where somebody had to.
        approved: Option<Approved>,
    },
    /// Lay the plan down for somebody to agree to, with everything that was rendered.
    Propose {
        /// The target's digest.
        digest: String,
        /// The release that it would replace.
        base: Option<u64>,
    },
    /// Look at the Environments that this one waits for.
    CheckDependencies,
    /// Put this agent's name on the open attempt: it is as it was read, and whoever worked on it before can no longer write it.
    Claim {
        /// The attempt.
        number: u64,
    },
    /// Run the current stage of the open attempt.
    Run {
        /// The attempt.
        number: u64,
        /// The stage.
        stage: Stage,
    },
    /// Look at the health of the open attempt's objects.
    Observe {
        /// The attempt.
        number: u64,
    },
    /// Move the program counter.
    Advance {
        /// The attempt.
        number: u64,
        /// The next stage.
        stage: Stage,
        /// The wave that it works on.
        wave: u16,
    },
    /// Count a try of the current stage.
    CountTry {
        /// The attempt.
        number: u64,
        /// Not before then is it tried again.
        not_before: Millis,
        /// Why it is tried again.
        failure: Failure,
    },
    /// Put our mark back on a record that helm wrote again without changing what it holds.
    Restore(Box<Managed>),
    /// Close the attempt: deployed (or uninstalled), the one before superseded, old records removed.
    Close {
        /// The attempt.
        number: u64,
    },
    /// Close the attempt as failed.
    Fail {
        /// The attempt.
        number: u64,
        /// Why.
        failure: Failure,
    },
    /// Write the memory.
    Remember(Memory),
    /// Test the deployed release again.
    Test {
        /// The deployed release.
        number: u64,
    },
    /// Bring a commit to the next branch.
    Promote {
        /// The commit.
        revision: String,
        /// The branch.
        to: String,
    },
    /// Take a bad commit back on the branch.
    Revert {
        /// The commit.
        revision: String,
        /// What it failed by.
        failure: Failure,
    },
    /// Compare live with the deployed release.
    CheckDrift {
        /// The deployed release.
        number: u64,
    },
    /// Apply the deployed release's objects again where they drifted.
    Repair {
        /// The deployed release.
        number: u64,
    },
    /// Nothing of the Environment is left to mind: let it go.
    Release,
}

/// What is waited for.
#[derive(Clone, Debug, PartialEq)]
pub enum Why {
    /// Live is what git says.
    InSync {
        /// The release.
        number: u64,
    },
    /// The branch could not be read.
    Source(Failure),
    /// The head could not be rendered.
    Render(Failure),
    /// The plan was refused.
    Plan(Failure),
    /// `Manual`: somebody has to say `windlass sync`.
    AwaitingSync(Counts),
    /// A gate is shut.
    Gated(Gate, Counts),
    /// Suspended.
    Suspended,
    /// Objects become healthy.
    Health(String),
    /// Objects go: a sentence on what holds them.
    Removal(String),
    /// A stage is tried again later.
    Retry(Failure),
    /// The head is known bad; the last good release is held.
    Condemned(Failure),
    /// The helm command line changed the release, and the policy is to follow it.
    ChangedByHelm {
        /// Its number; 0 where helm uninstalled it.
        number: u64,
    },
    /// A person holds a release.
    Held {
        /// Its number.
        number: u64,
    },
    /// A rollback failed: a person has to look.
    RollbackFailed(Failure),
    /// The last attempt failed and may be tried again later.
    Failed(Failure),
    /// Somebody else (helm) works on the release.
    Busy {
        /// The record.
        number: u64,
    },
    /// Live differs and is not repaired by policy, or not yet.
    Drifted(String),
    /// It could not be told whether live differs.
    DriftUnknown(Failure),
}
