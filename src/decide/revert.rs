//! After a rollback: the bad commit is taken back on the branch, where that is asked for, so that git stays the truth.
//!
//! Once, until a release proves good again: where the commit before it is bad as well, taking back the taking back would bring the
//! first one again, for ever.

use super::*;

/// The step that it calls for while the head is known bad; `None` where nothing (more) is to be done, or not yet.
pub(super) fn next(view: &View, record: &Record, condemned: &Condemned) -> Option<Step> {
    let last = record.last().filter(|entry| entry.phase == Phase::Deployed)?;
    let back = matches!(last.mark.as_ref()?.op, Op::Rollback { by_hand: false, .. });
    if !view.policy.revert || !back || record.memory.hold.is_some() {
        return None;
    }
    if record.memory.reverted.as_ref().is_some_and(|reverted| !record.good_since(reverted.at)) {
        return None;
    }
    match view.facts.reverted.as_ref().filter(|fact| fact.revision == condemned.revision) {
        Some(PushFact { result: Ok(()), .. }) => {
            let reverted = Some(Reverted { revision: condemned.revision.clone(), at: view.now });
            Some(Step::Remember(Memory { reverted, ..record.memory.clone() }))
        }
        Some(PushFact { next, .. }) if *next > view.now => None,
        _ => Some(surely(view, Step::Revert { revision: condemned.revision.clone(), failure: condemned.failure.clone() })),
    }
}
