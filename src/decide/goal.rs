//! Which goal to pursue while no attempt is open: remove, act on a request, roll back, hold, or follow the head.

use super::*;

/// The next step towards the goal.
pub(super) fn pursue(view: &View, record: &Record) -> Decision {
    if view.policy.deleting {
        return remove(view, record);
    }
    if record.entries.is_empty() && record.memory.excused > 0 {
        // Numbers begin anew: what was excused is gone, and the next first install shall not profit by it.
        return Decision::Do(Step::Remember(Memory { excused: 0, ..record.memory.clone() }));
    }
    if let Some(decision) = request(view, record) {
        return decision;
    }
    if view.policy.suspended {
        return wait(Why::Suspended, None);
    }
    if let Some(decision) = heed(view, record) {
        return decision;
    }
    if let Some(decision) = undo(view, record) {
        return decision;
    }
    if let Some(decision) = follow(view, record) {
        return decision;
    }
    if let Some(hold) = &record.memory.hold {
        return held(view, record, hold);
    }
    ladder::climb(view, record)
}

/// Notices what the helm command line made of a release of ours.
fn heed(view: &View, record: &Record) -> Option<Decision> {
    let memory = &record.memory;
    if let Some(ours) = managed(record) {
        return settled(view, memory, ours);
    }
    let known = [view.facts.managed.as_ref(), memory.managed.as_deref()];
    let managed = known.into_iter().flatten().next()?;
    let (number, uid) = match record.last() {
        None => (0, String::new()),
        Some(Entry { mark: None, phase, number, uid, .. }) => {
            let same = known.into_iter().flatten().find(|known| (known.number, &known.uid) == (*number, uid));
            if let Some(same) = same.filter(|_| *phase == Phase::Deployed) {
                return Some(Decision::Do(surely(view, Step::Restore(Box::new(same.clone())))));
            }
            (*number, uid.clone())
        }
        Some(_) => return None,
    };
    if memory.foreign.as_ref().is_some_and(|known| (known.number, &known.uid) == (number, &uid)) {
        return None;
    }
    let head = view.facts.head.as_ref().and_then(|head| head.commit.clone().ok()).unwrap_or_default();
    let mut memory = memory.clone();
    memory.managed = Some(Box::new(managed.clone()));
    memory.foreign = Some(Box::new(Foreign { number, uid, head, at: view.now }));
    Some(Decision::Do(surely(view, Step::Remember(memory))))
}

/// A release of ours is live. A policy that follows helm has to know it again after a restart, whatever helm does meanwhile; else
/// nothing is written. Objects were adopted for this one release: what turns up later has to be asked for again.
fn settled(view: &View, memory: &Memory, ours: Managed) -> Option<Decision> {
    let adopted = view.policy.adopt.as_ref().filter(|token| !memory.is_handled("adopt", token));
    let unwritten = view.policy.follow_helm && memory.managed.as_deref() != Some(&ours);
    if adopted.is_none() && !unwritten {
        return None;
    }
    let mut memory = memory.clone();
    memory.managed = view.policy.follow_helm.then(|| Box::new(ours));
    memory.handled.extend(adopted.map(|token| ("adopt".to_owned(), token.clone())));
    Some(Decision::Do(Step::Remember(memory)))
}

/// What helm made of the release stays, if that is the policy, until the branch moves or somebody asks for a sync. A failed
/// attempt of helm's is nothing to follow.
fn follow(view: &View, record: &Record) -> Option<Decision> {
    let foreign = record.memory.foreign.as_ref().filter(|_| view.policy.follow_helm)?;
    let latest = match record.last() {
        None => foreign.number == 0,
        Some(last) => last.mark.is_none() && last.phase != Phase::Failed && last.number == foreign.number && last.uid == foreign.uid,
    };
    let asked = view.policy.sync.as_ref().is_some_and(|token| !record.memory.is_handled("sync", token));
    if !latest || asked {
        return None;
    }
    match &view.facts.head {
        Some(Head { commit: Ok(head), next, .. }) if *next > view.now && *head != foreign.head => {
            if !foreign.head.is_empty() {
                return None;
            }
            let mut memory = record.memory.clone();
            memory.foreign = Some(Box::new(Foreign { head: head.clone(), ..(**foreign).clone() }));
            Some(Decision::Do(Step::Remember(memory)))
        }
        Some(head) if head.next > view.now => Some(ladder::steady(view, record, Why::ChangedByHelm { number: foreign.number })),
        _ => Some(Decision::Do(Step::Fetch { token: view.policy.sync.clone() })),
    }
}

fn gone(record: &Record) -> bool {
    record.last().is_none_or(|entry| entry.phase == Phase::Uninstalled)
}

fn remove(view: &View, record: &Record) -> Decision {
    if view.policy.orphan || gone(record) {
        return Decision::Do(Step::Release);
    }
    if let Some(decision) = request(view, record) {
        return decision;
    }
    let last = record.last().expect("not gone, so there is a last record");
    if last.number > record.memory.excused
        && let Some(Mark { op: Op::Uninstall { .. }, failure: Some(failure), .. }) = &last.mark
        && last.phase == Phase::Failed
    {
        let until = last.modified + backoff(view.policy.backoff.max(30_000), 2);
        if view.now < until {
            return wait(Why::Failed(failure.clone()), Some(until));
        }
    }
    open(view, record, Op::Uninstall { cleanup: false }, revision_of(last), digest_of(last), None)
}

/// Acts on what people asked for by annotation, once for each token.
fn request(view: &View, record: &Record) -> Option<Decision> {
    let fresh = |kind: &str, token: &Option<String>| {
        token.clone().filter(|token| !record.memory.is_handled(kind, token))
    };
    let mut memory = record.memory.clone();
    if let Some(token) = fresh("retry", &view.policy.retry) {
        memory.handled.insert("retry".into(), token);
        memory.condemned.clear();
        memory.setbacks = 0;
        memory.excused = record.last().map_or(0, |entry| entry.number);
    } else if let Some(token) = fresh("resume", &view.policy.resume) {
        memory.handled.insert("resume".into(), token);
        memory.hold = None;
    } else if let Some((number, token)) = &view.policy.rollback_to
        && !memory.is_handled("rollback", token)
    {
        memory.handled.insert("rollback".into(), token.clone());
        let head = view.facts.head.as_ref().and_then(|head| head.commit.clone().ok());
        if record.entry(*number).is_some() {
            memory.hold = Some(Hold { number: *number, head: head.unwrap_or_default() });
        }
    } else {
        return None;
    }
    Some(Decision::Do(Step::Remember(memory)))
}

/// What a failed attempt calls for: the last good release again, or the removal of a failed first install.
fn undo(view: &View, record: &Record) -> Option<Decision> {
    // A record that helm left behind, and that was given up, hides what failed before it from nobody.
    let last = record.entries.iter().rev().find(|entry| entry.mark.is_some() || entry.phase != Phase::Failed)?;
    let mark = last.mark.as_ref()?;
    // `windlass retry` asks for the head once more instead; a head that cannot even be rendered leaves only the way back.
    let hopeless = matches!(&view.facts.target, Some(Target { digest: Err(failure), .. }) if failure.class != Class::Transient);
    let excused = last.number <= record.memory.excused && !hopeless;
    if last.phase != Phase::Failed || !view.policy.rollback || excused {
        return None;
    }
    match mark.op {
        Op::Rollback { .. } => {
            let failure = mark.failure.clone()?;
            (!head_is_new(view, record)).then(|| wait(Why::RollbackFailed(failure), view.facts.head.as_ref().map(|h| h.next))
                .or_fetch(view))
        }
        Op::Uninstall { .. } => {
            let until = last.modified + backoff(view.policy.backoff.max(30_000), 2);
            if view.now < until {
                return Some(wait(Why::Failed(mark.failure.clone()?), Some(until)));
            }
            Some(open(view, record, Op::Uninstall { cleanup: true }, mark.revision.clone(), mark.digest.clone(), None))
        }
        Op::Install | Op::Upgrade => match record.last_good() {
            Some(good) => {
                let op = Op::Rollback { to: good.number, by_hand: false };
                Some(open(view, record, op, revision_of(good), digest_of(good), None))
            }
            // An upgrade had something before it. If no record of that is to be seen, it is the records that lack: nothing is
            // removed on their word.
            None if mark.op == Op::Upgrade || view.policy.keep_failed_install => None,
            None => Some(open(view, record, Op::Uninstall { cleanup: true }, mark.revision.clone(), mark.digest.clone(), None)),
        },
    }
}

impl Decision {
    /// While a failed rollback holds, the branch is still looked at: a new commit is the way out.
    fn or_fetch(self, view: &View) -> Decision {
        match &view.facts.head {
            Some(head) if head.next > view.now => self,
            _ => Decision::Do(Step::Fetch { token: view.policy.sync.clone() }),
        }
    }
}

/// Whether the head is a revision that no failed record speaks of.
fn head_is_new(view: &View, record: &Record) -> bool {
    let Some(Head { commit: Ok(head), next, .. }) = &view.facts.head else { return false };
    *next > view.now
        && record.memory.condemned(head, "").is_none()
        && !record.entries.iter().any(|e| e.mark.as_ref().is_some_and(|m| m.revision == *head && m.failure.is_some()))
}

fn held(view: &View, record: &Record, hold: &Hold) -> Decision {
    match &view.facts.head {
        None => return Decision::Do(Step::Fetch { token: view.policy.sync.clone() }),
        Some(head) if head.next <= view.now => return Decision::Do(Step::Fetch { token: view.policy.sync.clone() }),
        Some(Head { commit: Ok(head), .. }) if *head != hold.head => {
            let mut memory = record.memory.clone();
            // A head that was not known when the hold began is taken as the one it began with.
            memory.hold = hold.head.is_empty().then(|| Hold { head: head.clone(), ..hold.clone() });
            return Decision::Do(Step::Remember(memory));
        }
        Some(_) => {}
    }
    let last = record.last();
    let there = last.is_some_and(|entry| {
        entry.phase == Phase::Deployed
            && (entry.number == hold.number
                || matches!(entry.mark, Some(Mark { op: Op::Rollback { to, by_hand: true }, .. }) if to == hold.number))
    });
    if there {
        return ladder::steady(view, record, Why::Held { number: hold.number });
    }
    if let Some(Entry { phase: Phase::Failed, mark: Some(Mark { op: Op::Rollback { by_hand: true, .. }, failure: Some(failure), .. }), .. }) = last {
        return wait(Why::RollbackFailed(failure.clone()), view.facts.head.as_ref().map(|head| head.next));
    }
    match record.entry(hold.number) {
        Some(entry) => open(view, record, Op::Rollback { to: entry.number, by_hand: true }, revision_of(entry), digest_of(entry), None),
        None => {
            let mut memory = record.memory.clone();
            memory.hold = None;
            Decision::Do(Step::Remember(memory))
        }
    }
}

/// Every attempt is opened here: the one gate that spaces attempts by the failures in the record.
pub(super) fn open(view: &View, record: &Record, op: Op, revision: String, digest: String, approved: Option<Approved>) -> Decision {
    if let Some((failure, until)) = view.facts.refused.as_ref().filter(|(_, until)| view.now < *until) {
        return wait(Why::Plan(failure.clone()), Some(*until));
    }
    // The history limit takes failed records away, and a failed first install leaves none: the memory counts, too.
    if matches!(op, Op::Install | Op::Upgrade) && record.memory.setbacks > 0 && !record.good_since(record.memory.setback_at) {
        let until = record.memory.setback_at + backoff(view.policy.backoff, record.memory.setbacks);
        if view.now < until {
            let failure = record.entries.iter().rev().find_map(|e| e.mark.as_ref()?.failure.clone());
            let failure = failure.unwrap_or_else(|| {
                Failure::new(Class::Transient, "InstallFailed", "the first install failed and was taken away again")
            });
            return wait(Why::Failed(failure), Some(until));
        }
    }
    let fresh = record.entries.iter().rev().take_while(|e| e.phase != Phase::Deployed || !is_following(e));
    let failures = fresh.filter(|e| e.phase == Phase::Failed && e.number > record.memory.excused).count() as u32;
    if failures > 0
        && let Some(last) = record.last()
    {
        // The first undoing of a failure goes at once; each further attempt waits longer.
        let pause = if failures == 1 && !matches!(op, Op::Install | Op::Upgrade) { 0 } else { backoff(view.policy.backoff, failures - 1) };
        let until = last.modified + pause;
        if view.now < until {
            let failure = record.entries.iter().rev().find_map(|e| e.mark.as_ref()?.failure.clone());
            let failure = failure.unwrap_or_else(|| Failure::new(Class::Transient, "Failed", "the last attempt failed"));
            return wait(Why::Failed(failure), Some(until));
        }
    }
    // A name that is free is no proof: the history limit frees old ones.
    if !view.facts.sure {
        return Decision::Do(Step::Load);
    }
    // Whoever led before may have a write of the memory under way, and what it forgets or adds is not known here: it is refused
    // once this leader wrote there. Where nothing was ever released or remembered there is nothing to be overtaken by.
    if !view.facts.owned && !(record.entries.is_empty() && record.memory == Memory::default()) {
        return Decision::Do(Step::Remember(Memory { claimed: view.now, ..record.memory.clone() }));
    }
    // An uninstall works on the newest record, as helm's does; everything else writes a new one.
    let number = match (op, record.last()) {
        (Op::Uninstall { .. }, Some(last)) => last.number,
        _ => record.next_number(),
    };
    Decision::Do(Step::Open { number, op, revision, digest, approved })
}

fn is_following(entry: &Entry) -> bool {
    entry.mark.as_ref().is_none_or(|mark| matches!(mark.op, Op::Install | Op::Upgrade))
}

fn revision_of(entry: &Entry) -> String {
    entry.mark.as_ref().map(|mark| mark.revision.clone()).unwrap_or_default()
}

fn digest_of(entry: &Entry) -> String {
    entry.mark.as_ref().map(|mark| mark.digest.clone()).unwrap_or_default()
}
