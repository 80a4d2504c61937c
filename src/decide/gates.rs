//! The gates before a sync: somebody's approval, other Environments, the sync windows. Each that is shut says so with its reason.
//!
//! Approval comes first, so that it can be had while a window is shut. Nothing here holds back what is open already, the way back
//! to a good release, or the removal of the Environment.

use super::*;

/// What stands at the gates.
pub(super) enum Passage {
    /// All are open; with who agreed, where somebody had to.
    Free(Option<Approved>),
    /// One is shut.
    Shut(Gate),
    /// It cannot be told for now.
    Unknown(Failure),
    /// Something has to be learnt or laid down first.
    First(Step),
}

/// Approvals dated further ahead than clocks differ are no approvals.
const CLOCK_SKEW: Millis = 5 * 60 * 1000;

/// Whether this plan may be opened.
pub(super) fn pass(view: &View, record: &Record, digest: &str, guard: &[String]) -> Passage {
    let approved = match approval(view, record, digest, guard) {
        Passage::Free(approved) => approved,
        shut => return shut,
    };
    if view.policy.depends {
        match &view.facts.dependencies {
            None => return Passage::First(Step::CheckDependencies),
            Some(Dependencies::Unknown(_, next)) if *next <= view.now => return Passage::First(Step::CheckDependencies),
            Some(Dependencies::Unknown(failure, _)) => return Passage::Unknown(failure.clone()),
            Some(Dependencies::Unmet(what)) => return Passage::Shut(Gate::Dependencies(what.clone())),
            Some(Dependencies::Cycle(names)) => return Passage::Shut(Gate::Cycle(names.clone())),
            Some(Dependencies::Met) => {}
        }
    }
    match view.window {
        Window::Open => Passage::Free(approved),
        Window::Closed { opens } => Passage::Shut(Gate::Window { opens }),
    }
}

fn approval(view: &View, record: &Record, digest: &str, guard: &[String]) -> Passage {
    let reason = match (view.policy.approval, guard) {
        (false, []) => return Passage::Free(None),
        (true, []) => "each plan needs an approval".to_owned(),
        (_, reasons) => reasons.join("; "),
    };
    let base = record.deployed().map(|entry| entry.number);
    let known = view.facts.proposal.as_ref().filter(|p| p.content == digest && p.base == base);
    let wanted = match known {
        Some(Proposal { result: Ok(wanted), .. }) => wanted,
        Some(Proposal { result: Err(failure), next, .. }) if *next > view.now => return Passage::Unknown(failure.clone()),
        _ => return Passage::First(Step::Propose { digest: digest.to_owned(), base }),
    };
    let shut = |expired| Passage::Shut(Gate::Approval { digest: wanted.clone(), reason: reason.clone(), expired });
    match view.policy.approved.as_ref().filter(|approved| approved.digest == *wanted) {
        None => shut(false),
        Some(approved) if fresh(approved, view.now, view.policy.approval_expires) => Passage::Free(Some(approved.clone())),
        Some(_) => shut(true),
    }
}

fn fresh(approved: &Approved, now: Millis, expires: Millis) -> bool {
    approved.at <= now.saturating_add(CLOCK_SKEW) && now < approved.at.saturating_add(expires)
}
