//! One environment's driver: decide, tell, act or wait, for ever.

use super::{Shared, events::Events, objects::ObjectKeeper, slots::Course, status, target::Content};
use crate::{
    app::{App, EnvironmentStatus, LintStatus, PlanStatus, SourceStatus, TestsStatus},
    cluster::{Held, Records, Seen},
    decide::{self, Decision, Facts, Failure, Millis, Phase, Policy, Record, Stage, Step, View},
    object::{Object, ObjectRef, Packed},
    secrets::Redactor,
};
use std::{
    collections::{BTreeMap, BTreeSet, HashMap},
    sync::Arc,
    time::{Duration, Instant},
};
use tokio::sync::mpsc;

/// What wakes a driver up. A wake-up may only forget facts. It is small: an inbox has room for dozens of them before the first comes.
#[derive(Clone, Debug)]
pub enum Wake {
    /// The Environment changed.
    App(Box<App>),
    /// A live object with this environment's mark changed.
    Object(Box<ObjectRef>),
    /// A ConfigMap or Secret that the Environment names changed.
    Input(Box<ObjectRef>),
    /// The branch may have moved.
    Source,
    /// A webhook says that the branch moved.
    Pushed,
    /// There is something new to tell, and nothing to forget.
    Told,
    /// A release record changed.
    Record(Box<Seen>),
    /// The status as the API server has it.
    Status(Box<Shown>),
}

/// A status as the API server has it.
#[derive(Clone, Debug, Default)]
pub struct Shown {
    /// The Environment's resource version with it.
    pub version: String,
    /// The status.
    pub status: EnvironmentStatus,
    /// The field managers that hold parts of it, but for this agent's.
    pub others: Vec<String>,
}

/// Where an Environment lives.
pub enum Keeper {
    /// It is an object of the API server.
    Object(Box<ObjectKeeper>),
    /// It is a file: its status goes to the log and the metrics, and nothing holds it back when it goes.
    File,
}

impl Keeper {
    /// Shows the status; the Environment's resource version with it, where it has one. `version` is the last one known, or empty.
    pub(super) async fn publish(&self, app: &App, status: &EnvironmentStatus, version: &str) -> Result<String, String> {
        match self {
            Keeper::Object(keeper) => keeper.publish(app, status, version).await,
            Keeper::File => Ok(String::new()),
        }
    }

    /// Lets the Environment go: its release is no longer minded.
    async fn release(&self, app: &App) -> Result<(), String> {
        match self {
            Keeper::Object(keeper) => keeper.release(app).await,
            Keeper::File => Ok(()),
        }
    }

    /// Holds back the Environment's deletion until the release is gone; the Environment's resource version with that, where it has one.
    async fn adopt(&self, app: &App) -> Result<String, String> {
        match self {
            Keeper::Object(keeper) => keeper.adopt(app).await,
            Keeper::File => Ok(String::new()),
        }
    }
}

/// One environment's driver.
pub struct Driver {
    pub(super) shared: Arc<Shared>,
    pub(super) app: App,
    pub(super) policy: Policy,
    pub(super) keeper: Keeper,
    pub(super) inbox: mpsc::Receiver<Wake>,
    pub(super) records: Records,
    pub(super) record: Option<Record>,
    pub(super) facts: Facts,
    pub(super) work: Work,
    pub(super) events: Events,
    pub(super) published: EnvironmentStatus,
    /// When it was published by this agent.
    pub(super) published_at: Option<Instant>,
    pub(super) showing: super::showing::Showing,
}

/// What the steps know beyond what decisions read; a crash may lose all of it.
#[derive(Default)]
pub struct Work {
    /// What the head renders to.
    pub content: Option<Arc<Content>>,
    /// The head's commit.
    pub source: Option<SourceStatus>,
    /// The last plan that changed something.
    pub plan: Option<PlanStatus>,
    /// What the linter found in the head.
    pub lint: Option<LintStatus>,
    /// Knows what of the head's values may not be shown.
    pub redactor: Redactor,
    /// The last test results.
    pub tests: Option<TestsStatus>,
    /// The record that is worked on, whole.
    pub held: Option<Held>,
    /// The chart that runs, as `name-version`, where this agent released it.
    pub chart: String,
    /// The record that the open upgrade replaces, whole.
    pub previous: Option<Held>,
    /// The objects of the release of that number, as applied.
    pub objects: Option<(u64, Packed)>,
    /// The objects that the removal of the release of that number takes away.
    pub removed: Option<(u64, Packed)>,
    /// Fingerprints of live objects that are known to be as the open attempt applied them, or as the release that runs has them.
    pub clean: HashMap<ObjectRef, String>,
    /// Of the planned target, by its digest: objects that are in the running release word for word and live as released, so that
    /// applying them would change nothing.
    pub same: (String, BTreeSet<ObjectRef>),
    /// Look at Pods too: something takes its time.
    pub closer: bool,
    /// How often Pods were looked at since the attempt's stage began.
    pub looks: u32,
    /// What the last drift check found to repair.
    pub drifted: Vec<ObjectRef>,
    /// Since when releases fail, for the time to restore.
    pub failing: Option<Millis>,
    /// How publishing went, last.
    pub published: Option<super::publish::Published>,
    /// Since when an image of the target is missing.
    pub missing_since: BTreeMap<String, Millis>,
    /// The head as it was last seen, for the trust in webhooks.
    pub seen_head: Option<String>,
    /// Whether webhooks tell of what is pushed.
    pub told_of_pushes: Told,
    /// Log lines already written for a waiting reason.
    pub told: String,
    /// The open attempt that the status tells of.
    pub told_of: Option<u64>,
    /// The open attempt, where this agent opened it.
    pub opening: Option<super::telling::Opening>,
    /// The status could not be written.
    pub untold: bool,
    /// The records were read once. What is in doubt since is not taken from a watch.
    pub read: bool,
    /// The records as they were last read.
    pub loaded: Option<Vec<decide::Entry>>,
    /// The attempt and stage that this agent began: nothing of it ran before.
    pub began: Option<(u64, decide::Stage)>,
    /// The attempt and stage whose hooks have all ended well, as this agent saw.
    pub hooked: Option<(u64, decide::Stage)>,
}

/// The objects that are kept of the release of that number.
pub(super) fn kept(objects: &Option<(u64, Packed)>, number: u64) -> Option<Vec<Object>> {
    objects.as_ref().filter(|(known, _)| *known == number).map(|(_, objects)| objects.objects())
}

/// Whether webhooks tell of what is pushed to the branch: then it is looked at less often.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Told {
    /// None came, or one did not come that should have.
    #[default]
    No,
    /// They do.
    Yes {
        /// The next look is because of one.
        pending: bool,
    },
}

/// While objects become healthy, they are looked at again after this time even if no watch speaks: a Pod's trouble shows in
/// no object of the release. The next looks are that much further apart each, up to the limit.
const LOOK_AGAIN: Duration = Duration::from_secs(3);
const LOOK_AGAIN_AT_MOST: Duration = Duration::from_secs(9);

/// A status that could not be written is written again after this time.
const TELL_AGAIN: Duration = Duration::from_secs(2);

/// The pause before the Environment's deletion is held back again where that failed.
const HOLD_AGAIN: Duration = Duration::from_secs(1);

impl Driver {
    /// A driver for an environment; `status` is what was published before.
    pub fn new(shared: Arc<Shared>, app: App, keeper: Keeper, inbox: mpsc::Receiver<Wake>, status: EnvironmentStatus) -> Self {
        let records = Records::new(shared.cluster.clone(), &app.target_namespace, &app.release);
        let work = Work { tests: status.tests.clone(), plan: status.plan.clone(), ..Work::default() };
        let events = Events::new(shared.cluster.clone(), &app);
        let policy = policy(&app, &shared.holder);
        let (tested, failing) = super::testing::last(&status);
        let facts = Facts { tested, failing, ..Facts::default() };
        Driver { shared, policy, app, keeper, inbox, records, record: None, facts, work, events, published: status, published_at: None, showing: Default::default() }
    }

    /// The status as it was last told.
    pub fn published(&self) -> &EnvironmentStatus {
        &self.published
    }

    /// Runs until the Environment is let go. With `once` it returns as soon as there is nothing to do but wait for time to pass.
    /// What is done is boxed: an Environment that waits, as nearly all do, holds no room for it.
    pub async fn run(&mut self, once: bool) -> Option<decide::Why> {
        // Nothing is opened before: an Environment that is not held back could go without its release.
        loop {
            let error = match Box::pin(self.keeper.adopt(&self.app)).await {
                Ok(version) => {
                    self.showing.met(version);
                    break;
                }
                Err(error) => error,
            };
            tracing::warn!(environment = self.app.id(), error, "cannot hold back the Environment's deletion, trying again");
            if once {
                break;
            }
            tokio::time::sleep(HOLD_AGAIN).await;
            while let Ok(wake) = self.inbox.try_recv() {
                self.wake(wake);
            }
            if self.inbox.is_closed() {
                return None;
            }
        }
        let shared = self.shared.clone();
        loop {
            while let Ok(wake) = self.inbox.try_recv() {
                self.wake(wake);
            }
            if let Some(managed) = self.record.as_ref().and_then(decide::managed) {
                self.facts.managed = Some(managed);
            }
            let decision = decide::decide(&self.view());
            if let Some(revision) = self.publish_due(&decision) {
                Box::pin(self.publish_revision(revision)).await;
                continue;
            }
            // A closed release tells no more what its tests said: that stands in the status, and has to be there before.
            let tested = matches!(decision, Decision::Do(Step::Close { .. })) && self.work.tests != self.published.tests;
            let open = self.record.as_ref().and_then(Record::last).filter(|entry| entry.phase == Phase::Open).map(|entry| entry.number);
            let begun = open.is_some() && self.work.told_of != open;
            let long = matches!(&decision, Decision::Do(step) if self.waits_for_hooks(step));
            if tested || long || (begun || status::worth_telling(&decision)) && !self.tells_later(&decision, begun) {
                self.work.told_of = open;
                Box::pin(self.tell_opening()).await;
                Box::pin(self.publish(&decision)).await;
            }
            match decision {
                Decision::Do(Step::Release) => {
                    if Box::pin(self.let_go()).await {
                        return None;
                    }
                }
                Decision::Do(step) => {
                    // However many hooks run, and however long, and however many repositories do not answer: nobody else waits for them.
                    let _slot = match long || matches!(step, Step::Fetch { .. }) {
                        true => None,
                        false => Some(shared.slots.take(self.course(&step)).await),
                    };
                    Box::pin(self.perform(step)).await;
                }
                Decision::Wait { why, .. } if once && settled(&why) => return Some(why),
                Decision::Wait { why, until } => self.wait(&why, until).await?,
            }
        }
    }

    /// Ends: its keeper, and the newest Environment that it was told of and that is another one than it minded: one of the same name
    /// that somebody created at once.
    pub fn end(mut self) -> (Keeper, Option<Box<App>>) {
        self.inbox.close();
        let mut next = None;
        while let Ok(wake) = self.inbox.try_recv() {
            if let Wake::App(app) = wake
                && app.uid != self.app.uid
            {
                next = Some(app);
            }
        }
        (self.keeper, next)
    }

    /// As after a restart: everything that is not in the record is forgotten.
    pub fn forget_all(&mut self) {
        self.record = None;
        self.facts = Facts { tested: self.facts.tested, failing: self.facts.failing, ..Facts::default() };
        self.work = Work { tests: self.work.tests.take(), plan: self.work.plan.take(), ..Work::default() };
    }

    pub(super) fn view(&self) -> View<'_> {
        let now = now();
        View { now, policy: &self.policy, record: self.record.as_ref(), facts: &self.facts, window: self.app.windows.at(now) }
    }

    async fn perform(&mut self, step: Step) {
        tracing::debug!(environment = self.app.id(), ?step, "step");
        match step {
            Step::Load | Step::Fetch { .. } | Step::Render { .. } | Step::Plan { .. } | Step::Observe { .. } | Step::CheckDependencies
            | Step::CheckDrift { .. } => {
                self.learn(step).await;
            }
            step => self.act(step).await,
        }
    }

    /// Whether a step goes on with what is under way: an open attempt, the undoing of a failed one, a repair.
    fn course(&self, step: &Step) -> Course {
        let last = self.record.as_ref().and_then(Record::last).map(|entry| entry.phase);
        match (step, last) {
            (Step::Repair { .. }, _) | (_, Some(Phase::Open | Phase::Failed)) => Course::GoesOn,
            _ => Course::Begins,
        }
    }

    /// Whether a step waits for Jobs and Pods that somebody wrote: hooks, tests, and what `Recreate` lets go first.
    fn waits_for_hooks(&self, step: &Step) -> bool {
        match step {
            Step::Test { .. } => true,
            Step::Run { stage: Stage::PreHooks | Stage::PostHooks | Stage::Tests, .. } => {
                let drains = |held: &Held| held.mark.as_ref().is_some_and(|mark| self.drains(mark.op));
                self.work.held.as_ref().is_none_or(|held| !held.release.hooks.is_empty() || drains(held))
            }
            _ => false,
        }
    }

    /// Waits; `None` when nobody will ever wake it again.
    async fn wait(&mut self, why: &decide::Why, until: Option<Millis>) -> Option<()> {
        let healing = waits(why);
        let until = [until, self.publish_next()].into_iter().flatten().min();
        let mut pause = until.map(|until| Duration::from_millis((until - now()).max(0) as u64));
        if healing {
            let look = (LOOK_AGAIN * (self.work.looks + 1)).min(LOOK_AGAIN_AT_MOST);
            pause = Some(pause.map_or(look, |pause| pause.min(look)));
        }
        if self.work.untold {
            pause = Some(pause.map_or(TELL_AGAIN, |pause| pause.min(TELL_AGAIN)));
        }
        if let Some(due) = self.showing.due() {
            let due = Duration::from_millis((due - now()).max(0) as u64);
            pause = Some(pause.map_or(due, |pause| pause.min(due)));
        }
        let sleep = async {
            match pause {
                Some(pause) => tokio::time::sleep(pause).await,
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            wake = self.inbox.recv() => self.wake(wake?),
            // Where much is under way everything takes its time, and Pods are looked at later.
            () = sleep => if healing && !self.is_young_in_a_crowd() {
                self.work.closer = true;
                self.work.looks = self.work.looks.saturating_add(1);
                self.facts.health = None;
            },
        }
        Some(())
    }

    /// Forgets what a wake-up puts in doubt.
    fn wake(&mut self, wake: Wake) {
        match wake {
            Wake::App(app) => {
                // Whoever touches the Environment wants it looked at.
                self.facts.refused = None;
                if app.requests != self.app.requests && self.facts.plan.as_ref().is_some_and(|plan| plan.result.is_err()) {
                    // Whoever asks has mended what a plan was refused for, or allows it: `windlass adopt`.
                    self.facts.plan = None;
                }
                if app.spec.publish != self.app.spec.publish {
                    self.work.published = None;
                }
                if app.spec != self.app.spec {
                    self.facts.target = None;
                    self.facts.plan = None;
                    self.facts.dependencies = None;
                    if app.spec.source != self.app.spec.source {
                        self.facts.head = None;
                    }
                }
                if app.requests.wake != self.app.requests.wake {
                    self.wake(Wake::Pushed);
                }
                self.policy = policy(&app, &self.shared.holder);
                self.app = *app;
            }
            Wake::Told => {}
            // What could not be written will be, whatever stands there.
            Wake::Status(shown) if self.work.untold => self.showing.met(shown.version),
            Wake::Status(shown) => {
                if self.showing.is_foreign(&shown, &self.published, now()) {
                    tracing::warn!(environment = self.app.id(), by = shown.others.join(", "), reason = "StatusOverwritten", "somebody else wrote the status; it is put right");
                }
            }
            Wake::Source => self.facts.head = None,
            Wake::Pushed => {
                self.work.told_of_pushes = Told::Yes { pending: true };
                self.facts.head = None;
            }
            Wake::Record(seen) => {
                // Our own writes come back to us: only what somebody else wrote is news.
                if self.record.is_some() && !self.records.knows(seen.number, seen.version.as_deref()) {
                    self.doubt_records();
                    self.facts.drift = None;
                }
            }
            Wake::Input(object) if super::dependencies::concerns(&object) => self.facts.dependencies = None,
            Wake::Input(object) => {
                let source = &self.app.spec.source;
                let secrets = [source.git.as_ref().and_then(|git| git.secret_ref.as_ref()), source.chart.as_ref().and_then(|chart| chart.secret_ref.as_ref())];
                let credentials = secrets.into_iter().flatten().any(|secret| secret.name == object.name);
                if credentials && object.gvk.kind == "Secret" {
                    self.facts.head = None;
                }
                if self.work.published.as_ref().is_some_and(|published| published.result.is_err()) {
                    self.work.published = None;
                }
                self.facts.target = None;
            }
            Wake::Object(object) => {
                self.facts.health = None;
                let live = self.shared.watches.get(&object).map(|observed| observed.fingerprint);
                if live.is_none() || live.as_ref() != self.work.clean.get(&object) {
                    self.facts.drift = None;
                }
            }
        }
    }

    async fn let_go(&mut self) -> bool {
        // Letting go cannot be taken back: that no release is left is read once more, as a list may come from a server that lags.
        if self.app.spec.deletion_policy != crate::app::DeletionPolicy::Orphan {
            match self.records.load().await {
                Ok(record) if record.last().is_none_or(|entry| entry.phase == Phase::Uninstalled) => {}
                Ok(record) => {
                    self.loaded(record);
                    return false;
                }
                Err(error) => {
                    tracing::warn!(environment = self.app.id(), %error, "cannot read whether a release is left, trying again");
                    tokio::time::sleep(Duration::from_secs(1)).await;
                    return false;
                }
            }
        }
        if self.policy.deleting
            && self.policy.orphan
            && let Err(failure) = self.orphan().await
        {
            tracing::warn!(environment = self.app.id(), reason = failure.reason, "cannot leave the release to itself yet: {}", failure.message);
            tokio::time::sleep(Duration::from_secs(1)).await;
            return false;
        }
        if let Err(error) = self.records.forget().await {
            tracing::warn!(environment = self.app.id(), %error, "cannot remove the memory of the release");
        }
        match self.keeper.release(&self.app).await {
            Ok(()) => true,
            Err(error) => {
                tracing::warn!(environment = self.app.id(), error, "cannot let the Environment go, trying again");
                tokio::time::sleep(Duration::from_secs(1)).await;
                false
            }
        }
    }

    /// The sentence without what sops had encrypted and what the release's Secrets hold.
    pub(super) fn clean(&self, sentence: &str) -> String {
        let released = self.work.objects.as_ref().map(|(_, objects)| Redactor::of_objects(&objects.those(|reference| reference.gvk.is("", "Secret"))));
        self.work.redactor.clone().and(&released.unwrap_or_default()).clean(sentence)
    }

    /// The same for a failure.
    pub(super) fn cleaned(&self, failure: Failure) -> Failure {
        Failure { message: self.clean(&failure.message), ..failure }
    }

    /// Something else is in the records than was thought: they are read anew, and what was read before proves nothing.
    pub(super) fn doubt_records(&mut self) {
        self.record = None;
        // Whose release objects live by is in doubt, too.
        self.work.clean.clear();
        self.work.held = None;
        self.work.loaded = None;
    }

    /// The records were read: what was read may be old until something was written by its word.
    pub(super) fn loaded(&mut self, record: Record) {
        let watched = self.shared.shelves.of(&self.app.target_namespace, &self.app.release);
        self.facts.sure = self.work.loaded.as_ref() == Some(&record.entries) || watched == Some(self.records.listed());
        self.work.loaded = Some(record.entries.clone());
        self.work.read = true;
        self.record = Some(record);
        self.facts.owned = false;
        self.facts.confirmed = None;
    }

    /// The record of a number was written: its entry changes with it.
    pub(super) fn enter(&mut self, entry: decide::Entry) {
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

}

/// Whether live objects are waited for.
pub(super) fn waits(why: &decide::Why) -> bool {
    matches!(why, decide::Why::Health(_) | decide::Why::Removal(_))
}

/// Whether, run once, there is nothing more to wait for.
fn settled(why: &decide::Why) -> bool {
    !matches!(why, decide::Why::Health(_) | decide::Why::Removal(_) | decide::Why::Retry(_) | decide::Why::Busy { .. } | decide::Why::Failed(_))
}

/// Milliseconds since the epoch.
pub(super) fn now() -> Millis {
    jiff::Timestamp::now().as_millisecond()
}

/// What decisions need of the spec.
fn policy(app: &App, holder: &str) -> Policy {
    use crate::app::{DeletionPolicy, FirstInstall, OnHelmChange, SyncMode};
    let rollback = app.requests.rollback.as_ref().and_then(|text| {
        let (number, _) = text.split_once('@').unwrap_or((text, ""));
        Some((number.parse().ok()?, text.clone()))
    });
    Policy {
        holder: holder.to_owned(),
        deleting: app.deleting,
        orphan: app.spec.deletion_policy == DeletionPolicy::Orphan,
        suspended: app.suspended(),
        manual: app.spec.sync.mode == SyncMode::Manual,
        self_heal: app.spec.sync.self_heal,
        rollback: app.spec.rollback.enabled,
        keep_failed_install: app.spec.rollback.first_install == FirstInstall::Keep,
        tests: app.spec.tests.enabled,
        tests_report: app.spec.tests.on_failure == crate::app::TestFailure::Report,
        tests_on_rollback: app.spec.rollback.tests,
        tests_every: app.test_every.map(|every| every.as_millis() as Millis),
        retry_limit: app.spec.sync.retry.limit.max(0) as u32,
        backoff: app.backoff.as_millis() as Millis,
        interval: app.interval.as_millis() as Millis,
        timeout: app.timeout.as_millis() as Millis,
        health_timeout: app.health_timeout.as_millis() as Millis,
        depends: !app.spec.depends_on.is_empty(),
        approval: app.spec.approval == crate::app::ApprovalMode::Required,
        approval_expires: app.approval_expires.as_millis() as Millis,
        approved: app.requests.approved.clone(),
        revert: app.spec.rollback.git == crate::app::GitRollback::Revert,
        promote: app.spec.promote.as_ref().map(|promote| decide::PromotePolicy {
            to: promote.to.clone(),
            after: app.promote_after.as_millis() as Millis,
            by_hand: promote.approval == crate::app::ApprovalMode::Required,
        }),
        promote_now: app.requests.promote.clone(),
        sync: app.requests.sync.clone(),
        retry: app.requests.retry.clone(),
        rollback_to: rollback,
        resume: app.requests.resume.clone(),
        adopt: app.requests.adopt.clone(),
        keep: app.keep.as_millis() as Millis,
        follow_helm: app.spec.sync.on_helm_change == OnHelmChange::Follow,
    }
}
