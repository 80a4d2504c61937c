//! An open attempt is finished before anything else, by its stage.

use super::*;

/// Whether the Environment goes, and the release with it: nobody waits any more for what would be taken away next. (An orphan's
/// attempt is finished: helm finds nothing pending.)
pub(super) fn given_up(view: &View, entry: &Entry) -> bool {
    let brings = entry.mark.as_ref().is_some_and(|mark| !matches!(mark.op, Op::Uninstall { .. }));
    brings && view.policy.deleting && !view.policy.orphan
}

/// The next step of an open attempt.
pub(super) fn finish(view: &View, entry: &Entry) -> Decision {
    let Some(mark) = &entry.mark else { return foreign(view, entry) };
    if mark.holder != view.policy.holder || view.facts.confirmed != Some(entry.number) {
        return Decision::Do(Step::Claim { number: entry.number });
    }
    if mark.not_before > view.now {
        let failure = mark.failure.clone().unwrap_or_else(|| Failure::new(Class::Transient, "Retry", "trying again soon"));
        return wait(Why::Retry(failure), Some(mark.not_before));
    }
    let result = match mark.stage {
        Stage::Close => return Decision::Do(Step::Close { number: entry.number }),
        Stage::Health => return health(view, entry, mark),
        Stage::Keep => return keep(view, entry, mark),
        _ => {
            let here = |o: &&Outcome| o.number == entry.number && o.stage == mark.stage && o.wave == mark.waves.at;
            view.facts.outcome.as_ref().filter(here).map(|o| &o.result)
        }
    };
    match result {
        None => Decision::Do(Step::Run { number: entry.number, stage: mark.stage }),
        Some(Ok(())) => advance(view, entry, mark),
        Some(Err(failure)) => failed(view, entry, mark, failure),
    }
}

/// An attempt of ours that another release came after: helm's own, or one that a former leader still had under way when it lost
/// its lease. No fence keeps a new name from being created; so whoever sees two open closes the older one, which nobody works on
/// any more, and goes on from the newer. (What helm left pending behind newer releases of its own stands in nobody's way.)
pub(super) fn overtaken(record: &Record) -> Option<Step> {
    let (last, older) = record.entries.split_last()?;
    let entry = older.iter().find(|entry| entry.phase == Phase::Open && entry.mark.is_some())?;
    let message = format!("release {} was still under way when release {} began", entry.number, last.number);
    Some(Step::Fail { number: entry.number, failure: Failure::new(Class::Transient, "Overtaken", message) })
}

/// A `pending-*` record without our mark is helm's. Its age tells whether helm still works on it: helm gives up after its own
/// timeout, so twice ours is taken as the end of its patience.
fn foreign(view: &View, entry: &Entry) -> Decision {
    let until = entry.modified + 2 * view.policy.timeout;
    if view.now < until {
        return wait(Why::Busy { number: entry.number }, Some(until));
    }
    let message = format!("release {} was left pending by another tool, which no longer works on it", entry.number);
    Decision::Do(Step::Fail { number: entry.number, failure: Failure::new(Class::Transient, "Abandoned", message) })
}

fn advance(view: &View, entry: &Entry, mark: &Mark) -> Decision {
    let removes = matches!(mark.op, Op::Uninstall { .. });
    if mark.stage == Stage::Health && !mark.waves.last() && !removes {
        return Decision::Do(Step::Advance { number: entry.number, stage: Stage::Apply, wave: mark.waves.at + 1 });
    }
    let tests = view.policy.tests_after(mark.op);
    Decision::Do(Step::Advance { number: entry.number, stage: mark.next(tests), wave: mark.waves.at })
}

fn health(view: &View, entry: &Entry, mark: &Mark) -> Decision {
    if matches!(mark.op, Op::Uninstall { .. }) {
        return removal(view, entry, mark);
    }
    let deadline = mark.since + view.policy.health_timeout;
    match &view.facts.health {
        None => Decision::Do(Step::Observe { number: entry.number }),
        Some(HealthFact::Ready) => advance(view, entry, mark),
        Some(HealthFact::Failed(failure)) => end(view, entry, mark, failure),
        Some(HealthFact::Progressing(what)) if view.now >= deadline => {
            let seconds = view.policy.health_timeout / 1000;
            let message = format!("not healthy after {seconds} s: {what}");
            end(view, entry, mark, &Failure::new(Class::Unhealthy, "HealthTimeout", message))
        }
        Some(HealthFact::Progressing(what)) => wait(Why::Health(what.clone()), Some(deadline)),
    }
}

/// After a removal: everything has to be gone. What holds it is nobody's fault in the revision, and may let go later.
fn removal(view: &View, entry: &Entry, mark: &Mark) -> Decision {
    let deadline = mark.since + view.policy.timeout;
    match &view.facts.health {
        None => Decision::Do(Step::Observe { number: entry.number }),
        Some(HealthFact::Ready) => advance(view, entry, mark),
        Some(HealthFact::Failed(failure)) => end(view, entry, mark, failure),
        Some(HealthFact::Progressing(what)) if view.now >= deadline => {
            let message = format!("not everything is gone after {} s: {what}", view.policy.timeout / 1000);
            end(view, entry, mark, &Failure::new(Class::Transient, "DeletionStuck", message))
        }
        Some(HealthFact::Progressing(what)) => wait(Why::Removal(what.clone()), Some(deadline)),
    }
}

/// The new set serves: a failure within the time leads back to the old one, which still stands.
fn keep(view: &View, entry: &Entry, mark: &Mark) -> Decision {
    let until = mark.since + view.policy.keep;
    match &view.facts.health {
        None => Decision::Do(Step::Observe { number: entry.number }),
        Some(HealthFact::Failed(failure)) => end(view, entry, mark, failure),
        Some(HealthFact::Ready) if view.now >= until => advance(view, entry, mark),
        Some(HealthFact::Ready) => wait(Why::Health("the new set serves and is watched before the old one goes".into()), Some(until)),
        Some(HealthFact::Progressing(what)) if view.now >= until + view.policy.health_timeout => {
            let message = format!("no longer healthy after the switch: {what}");
            end(view, entry, mark, &Failure::new(Class::Unhealthy, "HealthTimeout", message))
        }
        Some(HealthFact::Progressing(what)) => wait(Why::Health(what.clone()), Some(until + view.policy.health_timeout)),
    }
}

fn failed(view: &View, entry: &Entry, mark: &Mark, failure: &Failure) -> Decision {
    if mark.stage == Stage::Tests && failure.class == Class::Unhealthy && view.policy.tests_report {
        return advance(view, entry, mark);
    }
    if failure.class == Class::Transient && mark.tries < view.policy.retry_limit {
        let not_before = view.now + backoff(view.policy.backoff, mark.tries);
        return Decision::Do(Step::CountTry { number: entry.number, not_before, failure: failure.clone() });
    }
    end(view, entry, mark, failure)
}

/// Closes a failed attempt; a revision that is to blame is condemned first, so that a crash between the two forgets nothing.
fn end(view: &View, entry: &Entry, mark: &Mark, failure: &Failure) -> Decision {
    let follows = matches!(mark.op, Op::Install | Op::Upgrade);
    if let Some(record) = view.record
        && follows
        && failure.condemns()
        && record.memory.condemned(&mark.revision, &mark.digest).is_none()
    {
        let mut memory = record.memory.clone();
        memory.condemned.push(Condemned {
            revision: mark.revision.clone(),
            digest: mark.digest.clone(),
            failure: failure.clone(),
            at: view.now,
        });
        if memory.condemned.len() > MAX_CONDEMNED {
            memory.condemned.remove(0);
        }
        return Decision::Do(Step::Remember(memory));
    }
    if let Some(record) = view.record
        && follows
        && !failure.condemns()
        && record.memory.setback_at < mark.opened
    {
        let mut memory = record.memory.clone();
        // In a row: a release that proved good since begins the count anew.
        memory.setbacks = if record.good_since(memory.setback_at) { 1 } else { memory.setbacks.saturating_add(1) };
        memory.setback_at = view.now;
        return Decision::Do(Step::Remember(memory));
    }
    Decision::Do(Step::Fail { number: entry.number, failure: failure.clone() })
}
