//! The decision: from what is known to the one next step. Pure, total, without await, clock or randomness.
//!
//! Finish an open attempt first, unless the release shall go; else choose the goal (remove, roll back, hold, follow the head); then
//! climb the ladder: head, target, plan, gates, open. `docs/behaviour.md` states the same for people.

mod attempt;
mod gates;
mod goal;
mod ladder;
mod promote;
mod revert;
mod types;

pub use promote::{Promotion, promotable, promotion};
pub use types::*;

/// The next step, or what is waited for.
pub fn decide(view: &View) -> Decision {
    let Some(record) = view.record else { return Decision::Do(Step::Load) };
    if let Some(step) = attempt::overtaken(record) {
        return Decision::Do(step);
    }
    match record.entries.last() {
        Some(entry) if entry.phase == Phase::Open && !attempt::given_up(view, entry) => attempt::finish(view, entry),
        _ => goal::pursue(view, record),
    }
}

/// The newest release, if windlass made it and found it good: what is to be known of it when helm takes our mark off its record.
pub fn managed(record: &Record) -> Option<Managed> {
    let last = record.last().filter(|last| last.phase == Phase::Deployed)?;
    let mark = last.mark.as_ref().filter(|mark| mark.good)?;
    Some(Managed { number: last.number, uid: last.uid.clone(), mark: mark.clone() })
}

/// The longest pause between two tries.
pub const MAX_BACKOFF: Millis = 5 * 60 * 1000;

/// The pause before try `tries + 1`: doubled each time, bounded. Jitter is added where the clock is read, not here.
pub fn backoff(first: Millis, tries: u32) -> Millis {
    first.max(1).saturating_mul(1 << tries.min(20)).min(MAX_BACKOFF.max(first))
}

/// A step by the record's word alone, which writes no record that would refuse it: only once that word is sure.
fn surely(view: &View, step: Step) -> Step {
    if view.facts.sure { step } else { Step::Load }
}

fn wait(why: Why, until: Option<Millis>) -> Decision {
    Decision::Wait { why, until }
}

impl Record {
    /// The newest record.
    pub fn last(&self) -> Option<&Entry> {
        self.entries.last()
    }

    /// The release that runs.
    pub fn deployed(&self) -> Option<&Entry> {
        self.entries.iter().rev().find(|entry| entry.phase == Phase::Deployed)
    }

    /// The newest release that proved good: ours by its mark, helm's own by having been deployed.
    pub fn last_good(&self) -> Option<&Entry> {
        let after_removal = self.entries.iter().rposition(|e| e.phase == Phase::Uninstalled).map_or(0, |i| i + 1);
        self.entries[after_removal..].iter().rev().find(|entry| {
            matches!(entry.phase, Phase::Deployed | Phase::Superseded) && entry.mark.as_ref().is_none_or(|mark| mark.good)
        })
    }

    /// Whether a release that was opened after that time proved good.
    pub fn good_since(&self, time: Millis) -> bool {
        let follows = |mark: &Mark| matches!(mark.op, Op::Install | Op::Upgrade) && mark.good && mark.opened > time;
        self.entries.iter().any(|entry| entry.mark.as_ref().is_some_and(follows))
    }

    /// The record of that number.
    pub fn entry(&self, number: u64) -> Option<&Entry> {
        self.entries.iter().find(|entry| entry.number == number)
    }

    /// The number of the next record.
    pub fn next_number(&self) -> u64 {
        self.entries.last().map_or(1, |entry| entry.number + 1)
    }
}

impl Memory {
    /// Why this revision, rendered to this digest, is known to be bad.
    pub fn condemned(&self, revision: &str, digest: &str) -> Option<&Condemned> {
        self.condemned.iter().rev().find(|c| c.revision == revision && (c.digest == digest || digest.is_empty()))
    }

    /// Whether a request was acted upon.
    pub fn is_handled(&self, kind: &str, token: &str) -> bool {
        self.handled.get(kind).is_some_and(|handled| handled == token)
    }
}
