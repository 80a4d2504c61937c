//! What people see: the status, derived from the record and the decision. It is never set by hand.

use crate::{
    app::{ApprovalStatus, App, Condition, EnvironmentStatus, ImageStatus, LintStatus, PlanStatus, ReleaseStatus, SourceStatus, TestsStatus},
    decide::{Class, Counts, Decision, Entry, Facts, Failure, Foreign, Gate, Millis, Op, Phase, Promotion, Record, Stage, Step, Why},
};

/// What the status tells beside what decisions read.
#[derive(Clone, Debug)]
pub struct Seen {
    /// The head's commit.
    pub source: Option<SourceStatus>,
    /// The last plan that changed something.
    pub plan: Option<PlanStatus>,
    /// The last test results.
    pub tests: Option<TestsStatus>,
    /// How far the promotion of what runs has come.
    pub promotion: Promotion,
    /// How publishing went, last.
    pub published: Option<super::publish::Published>,
    /// Images with a policy.
    pub images: Vec<ImageStatus>,
    /// What the linter found in the head.
    pub lint: Option<LintStatus>,
}

/// The status.
pub fn derive(app: &App, record: Option<&Record>, facts: &Facts, seen: &Seen, decision: &Decision, now: &str) -> EnvironmentStatus {
    let empty = Record::default();
    let record = record.unwrap_or(&empty);
    let last = record.last();
    let revision = |entry: &Entry| entry.mark.as_ref().map(|mark| mark.revision.clone()).filter(|r| !r.is_empty());
    let good = record.last_good();
    let mut status = EnvironmentStatus {
        observed_generation: (app.generation > 0).then_some(app.generation),
        revision: record.deployed().and_then(revision).map(|r| short(&r)),
        source: seen.source.clone(),
        attempted_revision: record.entries.iter().rev().filter(|e| !is_rollback(e)).find_map(revision),
        last_good_revision: good.and_then(revision),
        release: last.map(|entry| ReleaseStatus {
            name: app.release.clone(),
            namespace: app.target_namespace.clone(),
            number: entry.number as i64,
            status: word(entry).into(),
            display: format!("{}.v{}", app.release, entry.number),
        }),
        plan: seen.plan.clone(),
        approval: match decision {
            Decision::Wait { why: Why::Gated(Gate::Approval { digest, reason, .. }, _), .. } => Some(ApprovalStatus {
                digest: digest.clone(),
                reason: reason.clone(),
                revision: seen.source.as_ref().map(|source| source.commit.clone()).unwrap_or_default(),
            }),
            _ => None,
        },
        tests: seen.tests.clone(),
        images: seen.images.clone(),
        lint: seen.lint.clone(),
        conditions: Vec::new(),
    };
    let head = facts.head.as_ref().and_then(|head| head.commit.as_ref().ok()).map(|c| short(c)).unwrap_or_default();
    status.conditions = conditions(app, record, seen, decision, &head);
    for condition in &mut status.conditions {
        condition.last_transition_time = now.into();
        condition.observed_generation = status.observed_generation;
    }
    status
}

/// Takes over the transition times of conditions whose status did not change.
pub fn keep_times(status: &mut EnvironmentStatus, before: &EnvironmentStatus) {
    for condition in &mut status.conditions {
        if let Some(old) = before.conditions.iter().find(|old| old.type_ == condition.type_ && old.status == condition.status) {
            condition.last_transition_time = old.last_transition_time.clone();
        }
    }
}

fn is_rollback(entry: &Entry) -> bool {
    matches!(entry.mark.as_ref().map(|mark| mark.op), Some(Op::Rollback { .. }))
}

/// Twelve characters name a commit well enough for people; a chart is named by its version.
pub fn short(commit: &str) -> String {
    if let Some(revision) = crate::chart::repository::Revision::parse(commit) {
        return revision.label;
    }
    commit.chars().take(12).collect()
}

fn word(entry: &Entry) -> &'static str {
    match (entry.phase, entry.mark.as_ref().map(|mark| mark.op)) {
        (Phase::Open, Some(Op::Install)) => "pending-install",
        (Phase::Open, Some(Op::Rollback { .. })) => "pending-rollback",
        (Phase::Open, Some(Op::Uninstall { .. })) => "uninstalling",
        (Phase::Open, _) => "pending-upgrade",
        (Phase::Deployed, _) => "deployed",
        (Phase::Superseded, _) => "superseded",
        (Phase::Failed, _) => "failed",
        (Phase::Uninstalled, _) => "uninstalled",
    }
}

fn condition(type_: &str, status: bool, reason: &str, message: impl Into<String>) -> Condition {
    let status = if status { "True" } else { "False" };
    Condition { type_: type_.into(), status: status.into(), reason: reason.into(), message: message.into(), ..Default::default() }
}

fn conditions(app: &App, record: &Record, seen: &Seen, decision: &Decision, head: &str) -> Vec<Condition> {
    let (ready, reason, message) = match (ready(app, record, decision, head), failing(record, seen)) {
        ((true, ..), Some(failing)) => (false, "TestsFailed".to_owned(), failing),
        (as_decided, _) => as_decided,
    };
    let stalled = match decision {
        Decision::Wait { why, .. } => stalled(why),
        Decision::Do(_) => None,
    };
    let working = matches!(decision, Decision::Do(_) | Decision::Wait { why: Why::Health(_) | Why::Removal(_) | Why::Retry(_), .. });
    let mut list = vec![condition("Ready", ready, &reason, message.clone())];
    let progress = if working { ("Progressing", message.clone()) } else { (reason.as_str(), "nothing is under way".into()) };
    list.push(condition("Reconciling", working, progress.0, progress.1));
    list.push(match &stalled {
        Some(failure) => condition("Stalled", true, &failure.reason, failure.message.clone()),
        None => condition("Stalled", false, "NotStalled", "no help is needed"),
    });
    let deployed = record.last().is_some_and(|entry| entry.phase == Phase::Deployed);
    if record.last().is_some() {
        let (reason, text) = if deployed { ("Healthy", "all objects of the release are ready".to_owned()) } else { (reason.as_str(), message) };
        list.push(condition("Healthy", deployed, reason, text));
    }
    if let Some(lint) = &seen.lint {
        list.push(match lint.findings.as_slice() {
            [] => condition("Linted", true, "NoFindings", "the linter found nothing"),
            found => condition("Linted", false, "LintFindings", super::target::told(found)),
        });
    }
    if let Some(tests) = &seen.tests {
        let failed: Vec<&str> = tests.results.iter().filter(|t| t.phase != "Succeeded").map(|t| t.name.as_str()).collect();
        list.push(match failed.as_slice() {
            [] => condition("TestsPassed", true, "TestsPassed", format!("{} tests passed", tests.summary)),
            names => condition("TestsPassed", false, "TestsFailed", format!("failed: {}", names.join(", "))),
        });
    }
    list.extend(promoted(app, &seen.promotion, head));
    if let Some(published) = seen.published.as_ref().filter(|_| app.spec.publish.is_some()) {
        list.push(match &published.result {
            Ok(sentence) => condition("Published", true, "Published", sentence.clone()),
            Err(failure) => condition("Published", false, &failure.reason, failure.message.clone()),
        });
    }
    if let Some(foreign) = &record.memory.foreign {
        // A record of ours after helm's: what helm did is overtaken.
        let after = record.last().filter(|entry| entry.mark.is_some());
        list.push(match after {
            Some(entry) => condition("ChangedByHelm", false, "Overtaken", format!("release {} is windlass's own again", entry.number)),
            None => condition("ChangedByHelm", true, "ChangedByHelm", by_helm(foreign, app.spec.sync.on_helm_change == crate::app::OnHelmChange::Follow)),
        });
    }
    if let Some(entry) = record.last().filter(|entry| is_rollback(entry) && entry.phase == Phase::Deployed) {
        let why = record.entries.iter().rev().skip(1).find_map(|e| Some((e.number, e.mark.as_ref()?.failure.clone()?)));
        let condemned = record.memory.condemned.last().map(|c| (0, c.failure.clone()));
        let text = match (why, condemned, &record.memory.hold) {
            (_, _, Some(hold)) => format!("release {} was put back by hand", hold.number),
            (Some((number, failure)), _, _) => format!("release {number} failed and was rolled back: {}", failure.message),
            (None, Some((_, failure)), _) => format!("rolled back: {}", failure.message),
            (None, None, None) => format!("release {} was put back", entry.number),
        };
        list.push(condition("RolledBack", true, "RolledBack", text));
    } else if deployed {
        list.push(condition("RolledBack", false, "NotRolledBack", "the release is what was asked for"));
    }
    list
}

/// How far the promotion has come, where there is a next branch.
fn promoted(app: &App, promotion: &Promotion, head: &str) -> Option<Condition> {
    let to = &app.spec.promote.as_ref()?.to;
    Some(match promotion {
        Promotion::Off | Promotion::NotGood => condition("Promoted", false, "NotGood", "what runs is not (yet) live, healthy and tested as the branch has it"),
        Promotion::Done | Promotion::Unnoted => condition("Promoted", true, "Promoted", format!("{to} was given {head}")),
        Promotion::AwaitsPerson => {
            condition("Promoted", false, "AwaitingApproval", format!("{head} is good; say `windlass promote {}` to bring it to {to}", app.name))
        }
        Promotion::Waits { until } => condition("Promoted", false, "Waiting", format!("{head} goes on to {to} at {} if it stays good", time(*until))),
        Promotion::Due => condition("Promoted", false, "Promoting", format!("bringing {head} to {to}")),
        Promotion::Failed { failure, .. } => condition("Promoted", false, &failure.reason, format!("{head} could not be brought to {to}: {}", failure.message)),
    })
}

/// What the tests of the deployed release say against it, where they ran on it and failed: by a schedule, or only to report.
fn failing(record: &Record, seen: &Seen) -> Option<String> {
    let number = record.deployed().map(|entry| entry.number as i64)?;
    let tests = seen.tests.as_ref().filter(|tests| tests.release == number)?;
    let failed: Vec<&str> = tests.results.iter().filter(|test| test.phase != "Succeeded").map(|test| test.message.as_str()).collect();
    (!failed.is_empty()).then(|| format!("release {number} runs, but its tests failed: {}", failed.join("; ")))
}

fn ready(app: &App, record: &Record, decision: &Decision, head: &str) -> (bool, String, String) {
    let name = |number: u64| format!("{}.v{number}", app.release);
    let failure = |failure: &Failure| (false, failure.reason.clone(), failure.message.clone());
    match decision {
        Decision::Do(step) => working(record, step, head),
        Decision::Wait { why, .. } => match why {
            Why::InSync { number } => (true, "InSync".into(), format!("{} is {head}, healthy and tested", name(*number))),
            Why::Suspended => (false, "Suspended".into(), "suspended: nothing is changed until it is resumed".into()),
            Why::AwaitingSync(counts) => (
                false,
                "AwaitingSync".into(),
                format!("{head} {}; say `windlass sync {}` to apply it", would(counts), app.name),
            ),
            Why::Gated(gate, counts) => {
                let (reason, what) = gated(app, gate);
                (false, reason.into(), format!("{head} {}; {what}", would(counts)))
            }
            Why::Held { number } => (
                true,
                "Held".into(),
                format!("release {number} is held by hand; `windlass resume {}` or a new commit ends that", app.name),
            ),
            Why::ChangedByHelm { number } => (
                *number != 0 && record.deployed().is_some(),
                "ChangedByHelm".into(),
                record.memory.foreign.as_ref().map(|foreign| by_helm(foreign, true)).unwrap_or_default(),
            ),
            Why::Condemned(f) => (
                false,
                f.reason.clone(),
                format!("{head} failed and is not tried again until the branch moves or `windlass retry {}`: {}", app.name, f.message),
            ),
            Why::Health(what) => (false, "Progressing".into(), format!("waiting until healthy: {what}")),
            Why::Removal(what) => (false, "Uninstalling".into(), format!("waiting until everything is gone: {what}")),
            Why::Retry(f) => (false, f.reason.clone(), format!("trying again soon: {}", f.message)),
            Why::RollbackFailed(f) => (
                false,
                "RollbackFailed".into(),
                format!("the rollback failed and is not tried again: {}; mend the cause, then `windlass retry {}`", f.message, app.name),
            ),
            Why::Busy { number } => (false, "OtherToolBusy".into(), format!("release {number} is being worked on by another tool")),
            Why::Drifted(what) => (app.spec.sync.self_heal, "Drifted".into(), format!("live differs from the release: {what}")),
            Why::Source(f) | Why::Render(f) | Why::Plan(f) | Why::Failed(f) | Why::DriftUnknown(f) => failure(f),
        },
    }
}

fn would(Counts { created, changed, pruned }: &Counts) -> String {
    format!("would create {created}, change {changed} and delete {pruned} objects")
}

/// A gate's reason and what a person can do about it.
fn gated(app: &App, gate: &Gate) -> (&'static str, String) {
    let name = &app.name;
    match gate {
        Gate::Approval { digest, reason, expired } => {
            let again = if *expired { "its approval has expired; " } else { "" };
            let say = format!("look at it with `windlass plan {name}`, then say `windlass approve {name} --digest {digest}`");
            ("AwaitingApproval", format!("{again}{reason}: {say}"))
        }
        Gate::Dependencies(what) => ("DependencyNotReady", format!("it waits for other Environments: {}", what.join("; "))),
        Gate::Cycle(names) => ("DependencyCycle", format!("Environments wait for each other: {}; take one of these out of its spec.dependsOn", names.join(" → "))),
        Gate::Window { opens: Some(opens) } => ("OutsideWindow", format!("the next sync window (sync.windows) opens at {}", time(*opens))),
        Gate::Window { opens: None } => ("OutsideWindow", "the sync windows (sync.windows) never open: mend their schedules".into()),
    }
}

/// A time for people, in UTC.
pub(super) fn time(at: Millis) -> String {
    jiff::Timestamp::from_millisecond(at).map(|at| at.strftime("%Y-%m-%dT%H:%M:%SZ").to_string()).unwrap_or_default()
}

/// What helm did, and what becomes of it.
pub fn by_helm(foreign: &Foreign, follow: bool) -> String {
    let what = match foreign.number {
        0 => "the helm command line uninstalled the release".to_owned(),
        number => format!("the helm command line made release {number}"),
    };
    let then = match follow {
        true => "it is followed (sync.onHelmChange: Follow) until the branch moves or somebody says `windlass sync`",
        false => "it is put right by a release of what the branch says (sync.onHelmChange: Repair)",
    };
    format!("{what}; {then}")
}

/// What is done in a stage.
fn doing(stage: Stage, record: &Record) -> &'static str {
    let removal = record.last().and_then(|entry| entry.mark.as_ref()).is_some_and(|mark| matches!(mark.op, Op::Uninstall { .. }));
    match stage {
        Stage::Apply if removal => "deleting its objects",
        Stage::Health if removal => "waiting until its objects are gone",
        Stage::PreHooks => "running the hooks that come before it",
        Stage::Apply => "applying its objects",
        Stage::Health => "waiting until its objects are ready",
        Stage::PostHooks => "running the hooks that come after it",
        Stage::Tests => "running its tests",
        Stage::Switch => "leading its Services to the new set",
        Stage::Keep => "keeping the old set for a while",
        Stage::Prune => "deleting what is no longer part of it",
        Stage::Close => "closing",
    }
}

fn working(record: &Record, step: &Step, head: &str) -> (bool, String, String) {
    let settled = record.last().is_some_and(|entry| entry.phase == Phase::Deployed);
    let (reason, text) = match step {
        Step::Load | Step::Fetch { .. } | Step::Render { .. } | Step::Plan { .. } | Step::CheckDependencies | Step::CheckDrift { .. } => {
            return (settled, if settled { "InSync" } else { "Progressing" }.into(), format!("looking at {}", if head.is_empty() { "the branch" } else { head }));
        }
        Step::Repair { .. } => ("Repairing", "putting back what was changed by hand".to_owned()),
        Step::Open { op: Op::Rollback { to, .. }, .. } => ("RollingBack", format!("going back to release {to}")),
        Step::Open { op: Op::Uninstall { .. }, .. } => ("Uninstalling", "removing the release".to_owned()),
        Step::Open { revision, .. } => ("Progressing", format!("releasing {}", short(revision))),
        Step::Claim { number } => ("Progressing", format!("release {number}: going on with it")),
        Step::Run { number, stage } | Step::Advance { number, stage, .. } => ("Progressing", format!("release {number}: {}", doing(*stage, record))),
        Step::Observe { number } => ("Progressing", format!("release {number}: looking at its health")),
        Step::Fail { failure, .. } => return (false, failure.reason.clone(), failure.message.clone()),
        Step::CountTry { failure, .. } => return (false, failure.reason.clone(), format!("trying again: {}", failure.message)),
        Step::Propose { .. } => ("Progressing", format!("laying the plan of {head} down for approval")),
        Step::Revert { revision, .. } => ("Reverting", format!("taking {} back on the branch", short(revision))),
        Step::Promote { to, .. } => return (settled, if settled { "InSync" } else { "Progressing" }.into(), format!("bringing {head} to {to}")),
        Step::Test { .. } => return (settled, if settled { "InSync" } else { "Progressing" }.into(), "testing the release again".to_owned()),
        Step::Restore(managed) => ("Progressing", format!("release {}: taking it up again after helm", managed.number)),
        Step::Close { number } => ("Progressing", format!("release {number}: closing")),
        Step::Remember(_) => ("Progressing", "noting what must not be forgotten".to_owned()),
        Step::Release => ("Uninstalled", "the release is gone".to_owned()),
    };
    (false, reason.into(), text)
}

/// Whether nothing moves without a person (or without something outside changing).
fn stalled(why: &Why) -> Option<Failure> {
    match why {
        // What may pass by itself needs nobody yet.
        Why::Source(f) | Why::Render(f) | Why::Plan(f) if f.class == Class::Transient => None,
        Why::Source(f) | Why::Render(f) | Why::Plan(f) | Why::Condemned(f) | Why::RollbackFailed(f) => Some(f.clone()),
        Why::Gated(Gate::Cycle(names), _) => {
            Some(Failure::new(Class::Config, "DependencyCycle", format!("Environments wait for each other: {}", names.join(" → "))))
        }
        _ => None,
    }
}

/// Whether two statuses say the same in other words: only messages of their conditions differ.
pub fn differ_in_words_only(one: &EnvironmentStatus, other: &EnvironmentStatus) -> bool {
    let wordless = |status: &EnvironmentStatus| {
        let mut status = status.clone();
        status.conditions.iter_mut().for_each(|condition| condition.message.clear());
        status
    };
    wordless(one) == wordless(other)
}

/// Whether a decision is worth telling by itself: short reading steps are not, or an idle environment would write its status at each
/// poll; of an attempt its first step after it was opened tells.
pub fn worth_telling(decision: &Decision) -> bool {
    match decision {
        Decision::Wait { .. } => true,
        Decision::Do(step) => matches!(step, Step::Fail { .. }),
    }
}
