//! The plan itself: one verdict per object.

use super::{
    Action, Blocked, Candidate, Change, GuardLimits, Input, Observed, Options, Outcome, Plan, Previous, Refusal, ignore,
    immutable, normalize::normalize, overlay, prune,
};
use crate::object::{Object, ObjectRef, digest, ownership, uninstall_order};
use serde_json::Value;
use sha2::{Digest, Sha256};
use std::collections::BTreeSet;

/// Decides what an apply would do. Pure: the same input gives the same plan, byte for byte.
pub fn plan(input: Input, options: &Options) -> Plan {
    let mut rules = options.ignore.clone();
    rules.extend(ignore::implied(input.desired.iter().map(|candidate| &candidate.desired)));
    let wanted: BTreeSet<_> = input.desired.iter().map(|candidate| candidate.desired.reference.identity()).collect();
    let mut hasher = Sha256::new();
    let mut changes = Vec::with_capacity(input.desired.len());
    for candidate in input.desired {
        let of_desired = digest::of_value(&candidate.desired.json);
        let change = judge(candidate, &rules, options);
        note(&mut hasher, &change, &of_desired);
        changes.push(change);
    }
    let left: Vec<Previous> =
        input.previous.into_iter().filter(|previous| previous.live.is_some() && !wanted.contains(&previous.reference.identity())).collect();
    let (removed, guard) = removals(left, wanted.len(), options);
    for change in &removed {
        note(&mut hasher, change, "");
    }
    changes.extend(removed);
    let digest = hasher.finalize().iter().map(|byte| format!("{byte:02x}")).collect();
    Plan { changes, digest, guard }
}

/// Only what would change counts for the digest, and of it what was rendered, not what else the live object holds: an
/// approval must not lapse because a controller touched something.
fn note(hasher: &mut Sha256, change: &Change, of_desired: &str) {
    let what = match &change.action {
        Action::Unchanged | Action::Keep { .. } => return,
        Action::Create => "create",
        Action::Update => "update",
        Action::Prune => "prune",
        Action::Replace { .. } => "replace",
        Action::Refused { .. } => "refused",
    };
    hasher.update(format!("{what}\0{}\0{}\0{of_desired}\n", change.reference.gvk.api_version(), change.reference));
}

fn judge(candidate: Candidate, rules: &[ignore::Rule], options: &Options) -> Change {
    let Candidate { desired, observed } = candidate;
    let rendered = || Some(normalize(&desired.json));
    match observed {
        Observed::Absent => change(&desired, Action::Create, None, rendered()),
        Observed::Hypothetical { why } => {
            Change { hypothetical: Some(why), ..change(&desired, Action::Create, None, rendered()) }
        }
        Observed::Refused(refusal) => refused(&desired, None, &refusal),
        Observed::Live { live, outcome } => match (ours(&desired, &live, options), outcome) {
            (Err(blocked), _) => blocked,
            (Ok(mut reasons), outcome) => {
                reasons.extend(terminating(&live));
                let mut change = compared(&desired, &live, outcome, rules, options);
                change.reasons.splice(0..0, reasons);
                change
            }
        },
    }
}

/// Whether the live object may be touched at all: Helm's ownership rule, and what to say where it is taken over.
fn ours(desired: &Object, live: &Value, options: &Options) -> Result<Vec<String>, Change> {
    let reference = &desired.reference;
    match ownership::owner(live) {
        Some(owner) if owner == options.release => Ok(Vec::new()),
        Some(owner) => {
            let why = format!("release {owner} owns it, as its meta.helm.sh annotations say: remove it from that release first");
            let action = Action::Refused { why: Blocked::OwnedBy { release: owner } };
            Err(Change { reasons: vec![why], ..change(desired, action, Some(normalize(live)), None) })
        }
        None if options.adopt || ownership::mark(live) == Some(options.environment.as_str()) => {
            Ok(vec!["no release owns it: it is taken over as it is".into()])
        }
        None => {
            let detail = ownership::check(live, &options.release).err().unwrap_or_default();
            let sentence = ownership::conflict_text(reference, &detail);
            let action = Action::Refused { why: Blocked::NotOwned { detail } };
            Err(Change { reasons: vec![sentence], ..change(desired, action, Some(normalize(live)), None) })
        }
    }
}

fn terminating(live: &Value) -> Option<String> {
    let since = live["metadata"]["deletionTimestamp"].as_str()?;
    let finalizers: Vec<&str> = live["metadata"]["finalizers"].as_array().into_iter().flatten().filter_map(Value::as_str).collect();
    Some(if finalizers.is_empty() {
        format!("it has been on its way out since {since}")
    } else {
        format!("it has been on its way out since {since}, held by its finalizers {}", finalizers.join(", "))
    })
}

fn compared(desired: &Object, live: &Value, outcome: Outcome, rules: &[ignore::Rule], options: &Options) -> Change {
    let seen = |object: &Value| {
        let mut seen = normalize(object);
        ignore::strip(&desired.reference, &mut seen, live, rules);
        seen
    };
    let before = seen(live);
    match outcome {
        Outcome::Would(result) => {
            let after = seen(&result);
            let action = if before == after { Action::Unchanged } else { Action::Update };
            change(desired, action, Some(before), Some(after))
        }
        Outcome::Refused(refusal) => {
            let fields = immutable::narrow(&refusal.immutable_fields(), &refusal, live, &desired.json);
            if fields.is_empty() {
                return refused(desired, Some(before), &refusal);
            }
            let after = overlay::overlaid(&before, &normalize(&desired.json));
            let named = fields.join(", ");
            if options.replace_immutable && immutable::holds_nothing(&desired.reference) {
                let why = format!("{named} cannot be changed in place: it is deleted and created anew, and is away in between");
                let action = Action::Replace { fields };
                return Change { reasons: vec![why], ..change(desired, action, Some(before), Some(after)) };
            }
            let advice = match immutable::holds_nothing(&desired.reference) {
                true => "take the change back, or allow the object to be replaced (sync.immutable: Replace)",
                false => "take the change back; what it holds would be lost if it were replaced",
            };
            let why = format!("{named} cannot be changed in place: {advice}");
            let action = Action::Refused { why: Blocked::Immutable { fields } };
            Change { reasons: vec![why], ..change(desired, action, Some(before), Some(after)) }
        }
    }
}

fn refused(desired: &Object, before: Option<Value>, refusal: &Refusal) -> Change {
    let why = refusal.classify(&desired.reference);
    let mut reasons = Vec::new();
    if let Blocked::Conflict { managers } = &why {
        reasons.extend(managers.iter().map(|holder| format!("{} holds {}", holder.manager, holder.fields.join(", "))));
    }
    if !refusal.message.is_empty() {
        reasons.push(super::mask::scrub(&refusal.message, &desired.json));
    }
    let after = Some(normalize(&desired.json));
    Change { reasons, ..change(desired, Action::Refused { why }, before, after) }
}

fn change(desired: &Object, action: Action, before: Option<Value>, after: Option<Value>) -> Change {
    Change {
        reference: desired.reference.clone(),
        action,
        before,
        after,
        hypothetical: None,
        reasons: Vec::new(),
        source: desired.source.clone(),
    }
}

/// What becomes of the objects that left the release, in the order of removal, and whether a person has to agree.
fn removals(mut left: Vec<Previous>, kept: usize, options: &Options) -> (Vec<Change>, super::Guard) {
    left.sort_by(|a, b| {
        let order = |reference: &ObjectRef| uninstall_order(&reference.gvk.kind).0;
        (order(&a.reference), &a.reference).cmp(&(order(&b.reference), &b.reference))
    });
    let mut changes = Vec::new();
    let mut pruned = Vec::new();
    for previous in left {
        let Some(live) = &previous.live else { continue };
        let action = match prune::keeps(live, options) {
            Some(why) => Action::Keep { why },
            None => Action::Prune,
        };
        let reasons = match &action {
            Action::Keep { why } => vec![prune::sentence(why)],
            _ => Vec::new(),
        };
        changes.push(Change {
            reference: previous.reference.clone(),
            before: Some(normalize(live)),
            after: matches!(action, Action::Keep { .. }).then(|| normalize(live)),
            hypothetical: None,
            reasons,
            source: None,
            action,
        });
        if matches!(changes.last(), Some(Change { action: Action::Prune, .. })) {
            pruned.push(previous);
        }
    }
    let total = kept + changes.len();
    let limits: &GuardLimits = &options.guard;
    let guard = prune::guard(&pruned, total, limits);
    (changes, guard)
}
