//! Promotion: what is good here for long enough, or what somebody says, goes on to the next branch.

use super::*;

/// How far the promotion of what runs has come.
#[derive(Clone, Debug, PartialEq)]
pub enum Promotion {
    /// There is no next branch.
    Off,
    /// What runs is not, or not yet, what could be promoted.
    NotGood,
    /// The next branch has it.
    Done,
    /// It is good; somebody has to say so.
    AwaitsPerson,
    /// It has to stay good until then.
    Waits {
        /// The time.
        until: Millis,
    },
    /// It could not be brought to the next branch; tried again then.
    Failed {
        /// Why.
        failure: Failure,
        /// When it is tried again.
        next: Millis,
    },
    /// It is to be brought there now.
    Due,
    /// It was, and that is still to be noted.
    Unnoted,
}

/// The commit that would be promoted: the one that the branch has now, where what runs was rendered from the same.
pub fn promotable<'a>(view: &View<'a>) -> Option<&'a str> {
    let deployed = view.record?.last().filter(|entry| entry.phase == Phase::Deployed)?;
    let mark = deployed.mark.as_ref().filter(|mark| mark.good)?;
    let target = view.facts.target.as_ref()?;
    (target.digest.as_ref().ok() == Some(&mark.digest)).then_some(target.revision.as_str())
}

/// How far the promotion has come.
pub fn promotion(view: &View) -> Promotion {
    let (Some(policy), Some(record)) = (&view.policy.promote, view.record) else { return Promotion::Off };
    let Some(revision) = promotable(view) else { return Promotion::NotGood };
    if record.memory.promoted == revision {
        return Promotion::Done;
    }
    match view.facts.promotion.as_ref().filter(|fact| fact.revision == revision) {
        Some(PushFact { result: Ok(()), .. }) => return Promotion::Unnoted,
        Some(PushFact { result: Err(failure), next, .. }) if *next > view.now => {
            return Promotion::Failed { failure: failure.clone(), next: *next };
        }
        _ => {}
    }
    if view.facts.failing || record.memory.hold.is_some() {
        return Promotion::NotGood;
    }
    // Who asks names what they saw: another revision is not meant.
    if view.policy.promote_now.as_deref().is_some_and(|asked| asked == revision) {
        return Promotion::Due;
    }
    if policy.by_hand {
        return Promotion::AwaitsPerson;
    }
    let until = record.last().map_or(0, |entry| entry.modified).saturating_add(policy.after);
    if view.now < until { Promotion::Waits { until } } else { Promotion::Due }
}

/// The step that it calls for, or when it is to be looked at again.
pub(super) fn next(view: &View, record: &Record) -> Result<Step, Option<Millis>> {
    let (Some(policy), Some(revision)) = (&view.policy.promote, promotable(view)) else { return Err(None) };
    match promotion(view) {
        Promotion::Due => Ok(surely(view, Step::Promote { revision: revision.to_owned(), to: policy.to.clone() })),
        Promotion::Unnoted => Ok(Step::Remember(Memory { promoted: revision.to_owned(), ..record.memory.clone() })),
        Promotion::Waits { until } => Err(Some(until)),
        Promotion::Failed { next, .. } => Err(Some(next)),
        Promotion::Off | Promotion::NotGood | Promotion::Done | Promotion::AwaitsPerson => Err(None),
    }
}
