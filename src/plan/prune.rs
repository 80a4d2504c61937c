//! What pruning would take away, and when a person has to agree first.

use super::{Kept, Options, Previous};
use crate::object::{ObjectRef, ownership};
use serde::Serialize;
use serde_json::Value;

/// When pruning waits for approval.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GuardLimits {
    /// The share of the release's objects, old and new together, in percent, above which a prune waits; 100 never does by its share.
    pub max_percent: u8,
    /// Releases of this many objects or fewer have no share worth asking about.
    pub small: usize,
}

impl Default for GuardLimits {
    fn default() -> Self {
        Self { max_percent: 50, small: 4 }
    }
}

/// What pruning would take away.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Guard {
    /// Objects of the previous release that still exist, and new ones.
    pub previous: usize,
    /// How many of them would be deleted.
    pub pruned: usize,
    /// Objects that hold data or other objects: PVCs, CRDs and Namespaces with content.
    pub precious: Vec<ObjectRef>,
    /// Sentences: why a person has to agree; empty where nobody has to.
    pub reasons: Vec<String>,
}

impl Guard {
    /// Whether the plan waits for approval.
    pub fn needs_approval(&self) -> bool {
        !self.reasons.is_empty()
    }
}

/// Why an object that left the release stays; `None` where it is to be deleted. Nothing without our mark is ever deleted, unless
/// helm itself recorded the release that had it, and helm's ownership on it names that release: helm would delete it, too.
pub(super) fn keeps(live: &Value, options: &Options) -> Option<Kept> {
    if ownership::keep(live) {
        return Some(Kept::ResourcePolicy);
    }
    if ownership::prune_forbidden(live) {
        return Some(Kept::Annotation);
    }
    match ownership::mark(live) {
        None if !options.recorded_by_helm || ownership::check(live, &options.release).is_err() => return Some(Kept::Unmarked),
        None => {}
        Some(mark) if mark != options.environment => return Some(Kept::MarkedBy { environment: mark.to_owned() }),
        Some(_) => {}
    }
    match ownership::owner(live) {
        Some(owner) if owner != options.release => return Some(Kept::OwnedBy { release: owner }),
        _ => {}
    }
    (!options.prune).then_some(Kept::PruneOff)
}

/// The sentence for it.
pub(super) fn sentence(kept: &Kept) -> String {
    let why = match kept {
        Kept::PruneOff => "pruning is off (sync.prune)".to_owned(),
        Kept::Unmarked => format!("it does not carry our mark ({})", ownership::ENVIRONMENT),
        Kept::MarkedBy { environment } => format!("it belongs to the Environment {environment} by now"),
        Kept::OwnedBy { release } => format!("it belongs to the release {release} by now"),
        Kept::ResourcePolicy => format!("its annotation {} says keep", ownership::RESOURCE_POLICY),
        Kept::Annotation => format!("its annotation {} says false", ownership::PRUNE),
    };
    format!("no longer part of the release, but stays: {why}")
}

/// Weighs what would be deleted. `total` counts the previous release's objects and the new ones together, each once.
pub fn guard(pruned: &[Previous], total: usize, limits: &GuardLimits) -> Guard {
    let mut reasons = Vec::new();
    let share = (pruned.len() * 100).checked_div(total).unwrap_or(0);
    if total > limits.small && share > usize::from(limits.max_percent) {
        reasons.push(format!(
            "{} of {total} objects would be deleted ({share} %, and more than {} % waits for approval)",
            pruned.len(),
            limits.max_percent
        ));
    }
    let mut precious = Vec::new();
    for previous in pruned {
        let reference = &previous.reference;
        let held = match (reference.gvk.group.as_str(), reference.gvk.kind.as_str(), previous.content) {
            ("", "PersistentVolumeClaim", _) => "the data in it".to_owned(),
            ("", "Namespace", None) => "whatever is in it".to_owned(),
            ("apiextensions.k8s.io", "CustomResourceDefinition", None) => "all objects of its kind".to_owned(),
            ("", "Namespace", Some(count)) if count > 0 => format!("the {count} objects in it"),
            ("apiextensions.k8s.io", "CustomResourceDefinition", Some(count)) if count > 0 => format!("the {count} objects of its kind"),
            _ => continue,
        };
        reasons.push(format!("{reference} would be deleted, and with it {held}"));
        precious.push(reference.clone());
    }
    Guard { previous: total, pruned: pruned.len(), precious, reasons }
}
