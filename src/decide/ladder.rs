//! Following the head: head, target, plan, gates, open; and staying there: drift.

use super::*;

/// The next rung.
pub(super) fn climb(view: &View, record: &Record) -> Decision {
    let facts = view.facts;
    let sync = view.policy.sync.as_ref().filter(|token| !record.memory.is_handled("sync", token));
    let head = match &facts.head {
        Some(head) if head.next > view.now && (sync.is_none() || head.token.as_ref() == sync) => head,
        _ => return Decision::Do(Step::Fetch { token: view.policy.sync.clone() }),
    };
    let revision = match &head.commit {
        Ok(commit) => commit,
        Err(failure) => return settle(view, record, sync, Why::Source(failure.clone())),
    };
    let target = match &facts.target {
        Some(target) if target.revision == *revision && !(target.digest.is_err() && target.next <= view.now) => target,
        _ => return Decision::Do(Step::Render { revision: revision.clone() }),
    };
    let digest = match &target.digest {
        Ok(digest) => digest,
        Err(failure) => return settle(view, record, sync, Why::Render(failure.clone())),
    };
    if let Some(number) = in_sync(record, digest) {
        return settle(view, record, sync, Why::InSync { number });
    }
    if let Some(condemned) = record.memory.condemned(revision, digest) {
        if let Some(step) = revert::next(view, record, condemned) {
            return Decision::Do(step);
        }
        return settle(view, record, sync, Why::Condemned(condemned.failure.clone()));
    }
    let base = record.deployed().map(|entry| entry.number);
    let (counts, guard) = match &facts.plan {
        Some(plan) if plan.digest == *digest && plan.base == base && !(plan.result.is_err() && plan.next <= view.now) => match &plan.result {
            Ok(counts) => (*counts, &plan.guard),
            Err(failure) => return settle(view, record, sync, Why::Plan(failure.clone())),
        },
        _ => return Decision::Do(Step::Plan { digest: digest.clone() }),
    };
    if view.policy.manual && sync.is_none() {
        return steady(view, record, Why::AwaitingSync(counts));
    }
    // A request to sync stays until it is carried out: a gate that is shut holds it, and does not answer it.
    let approved = match gates::pass(view, record, digest, guard) {
        gates::Passage::Free(approved) => approved,
        gates::Passage::Shut(gate) => return steady(view, record, Why::Gated(gate, counts)),
        gates::Passage::Unknown(failure) => return steady(view, record, Why::Plan(failure)),
        gates::Passage::First(step) => return Decision::Do(step),
    };
    let op = if record.deployed().is_some() { Op::Upgrade } else { Op::Install };
    goal::open(view, record, op, revision.clone(), digest.clone(), approved)
}

/// The release that already is what the head renders to.
fn in_sync(record: &Record, digest: &str) -> Option<u64> {
    let last = record.last().filter(|entry| entry.phase == Phase::Deployed)?;
    last.mark.as_ref().filter(|mark| mark.digest == digest && mark.good).map(|_| last.number)
}

/// The ladder ended without an attempt: a `sync` request is thereby answered.
fn settle(view: &View, record: &Record, sync: Option<&String>, why: Why) -> Decision {
    if let Some(token) = sync {
        let mut memory = record.memory.clone();
        memory.handled.insert("sync".into(), token.clone());
        return Decision::Do(Step::Remember(memory));
    }
    steady(view, record, why)
}

/// How long a repair is held back after `repairs` of them in a row: nobody wins a fight.
const REPAIR_PAUSE: Millis = 500;

/// Nothing is to be opened: what runs is kept as it was released.
pub(super) fn steady(view: &View, record: &Record, why: Why) -> Decision {
    let facts = view.facts;
    let next = [
        facts.head.as_ref().map(|head| head.next),
        facts.target.as_ref().filter(|target| target.digest.is_err()).map(|target| target.next),
        facts.plan.as_ref().filter(|plan| plan.result.is_err()).map(|plan| plan.next),
        facts.proposal.as_ref().filter(|proposal| proposal.result.is_err()).map(|proposal| proposal.next),
        facts.reverted.as_ref().filter(|reverted| reverted.result.is_err()).map(|reverted| reverted.next),
        match &facts.dependencies {
            Some(Dependencies::Unknown(_, next)) => Some(*next),
            _ => None,
        },
        match &why {
            Why::Gated(Gate::Window { opens }, _) => *opens,
            _ => None,
        },
    ];
    let next = next.into_iter().flatten().filter(|next| *next > view.now).min();
    let Some(deployed) = record.last().filter(|entry| entry.phase == Phase::Deployed) else { return wait(why, next) };
    match &facts.drift {
        None => Decision::Do(Step::CheckDrift { number: deployed.number }),
        Some(Drift::None) => rest(view, record, deployed.number, why, next),
        Some(Drift::Unknown(failure, at)) if *at > view.now => {
            wait(Why::DriftUnknown(failure.clone()), next.map_or(Some(*at), |next| Some(next.min(*at))))
        }
        Some(Drift::Unknown(..)) => Decision::Do(Step::CheckDrift { number: deployed.number }),
        // What waits for a person, or has failed, is said before a difference that is left alone.
        Some(Drift::Found(what)) if !view.policy.self_heal => match why {
            Why::InSync { .. } | Why::Held { .. } => wait(Why::Drifted(what.clone()), next),
            why => wait(why, next),
        },
        Some(Drift::Found(what)) => {
            let pause = if facts.repairs == 0 { 0 } else { backoff(REPAIR_PAUSE, facts.repairs) };
            let at = facts.repaired + pause;
            if view.now < at {
                return wait(Why::Drifted(what.clone()), next.map_or(Some(at), |next| Some(next.min(at))));
            }
            Decision::Do(surely(view, Step::Repair { number: deployed.number }))
        }
    }
}

/// Live is as it was released: it is tested again by the schedule, and goes on to the next branch.
fn rest(view: &View, record: &Record, number: u64, why: Why, next: Option<Millis>) -> Decision {
    let tests = match tests_due(view) {
        Some(at) if at <= view.now => return Decision::Do(Step::Test { number }),
        at => at,
    };
    let promotion = match &why {
        Why::InSync { .. } => match promote::next(view, record) {
            Ok(step) => return Decision::Do(step),
            Err(at) => at,
        },
        _ => None,
    };
    wait(why, [next, tests, promotion].into_iter().flatten().min())
}

/// When the deployed release is to be tested again.
fn tests_due(view: &View) -> Option<Millis> {
    let every = view.policy.tests_every.filter(|_| view.policy.tests && !view.policy.suspended)?;
    Some(view.facts.tested.saturating_add(every))
}
