//! Desired against live: what an apply would change, decided purely from what the cluster answered to dry runs.
//!
//! The caller asks (live objects, server-side dry-run results); this module compares, refuses, marks what is to be pruned,
//! and shows it. Secrets are masked wherever a plan is shown or serialised.

mod compare;
pub mod diff;
pub mod drift;
mod fields;
pub mod ignore;
pub mod immutable;
pub mod mask;
pub mod normalize;
mod overlay;
pub mod prune;
pub mod show;
#[cfg(test)]
mod tests;

pub use compare::plan;
pub use immutable::{Cause, Refusal};
pub use prune::{Guard, GuardLimits};

use crate::object::{Object, ObjectRef, ownership::Release};
use serde::Serialize;
use serde_json::Value;

/// Everything that a plan is made of.
#[derive(Clone, Debug, Default)]
pub struct Input {
    /// The desired objects, placed and stamped, in the order of their application, with what the cluster says of each.
    pub desired: Vec<Candidate>,
    /// What the previous release had and this one has not (objects still desired are skipped by identity).
    pub previous: Vec<Previous>,
}

/// One desired object and what the cluster says of it.
#[derive(Clone, Debug)]
pub struct Candidate {
    /// What is wanted.
    pub desired: Object,
    /// What there is.
    pub observed: Observed,
}

/// What the cluster says of a desired object.
#[derive(Clone, Debug)]
pub enum Observed {
    /// It does not exist: it will be created, no dry run needed.
    Absent,
    /// It cannot be asked about yet: its CRD or namespace is created by the same plan. Planned from the rendered text.
    Hypothetical {
        /// What has to be there first, in words: `its kind is defined by CustomResourceDefinition widgets.example.com`.
        why: String,
    },
    /// It exists.
    Live {
        /// The live object.
        live: Value,
        /// What a server-side dry-run apply would make of it.
        outcome: Outcome,
    },
    /// The cluster refused the question: kind unknown, reading forbidden, creating denied.
    Refused(Refusal),
}

/// The answer to a server-side dry-run apply.
#[derive(Clone, Debug)]
pub enum Outcome {
    /// The object as it would be.
    Would(Value),
    /// The API server's refusal.
    Refused(Refusal),
}

/// An object of the previous release.
#[derive(Clone, Debug)]
pub struct Previous {
    /// Which object.
    pub reference: ObjectRef,
    /// The live object; `None` where it is gone already.
    pub live: Option<Value>,
    /// For kinds that hold other things (Namespace, CRD): how many objects live in it; `None` where unknown or of no matter.
    pub content: Option<u64>,
}

/// What may be done, and what is not looked at.
#[derive(Clone, Debug)]
pub struct Options {
    /// The release that the objects belong to.
    pub release: Release,
    /// Our mark (`namespace/name` of the Environment): only live objects that carry it are pruned.
    pub environment: String,
    /// Whether helm itself wrote the record of the previous release: its ownership then counts in place of our mark.
    pub recorded_by_helm: bool,
    /// Whether anything may be pruned.
    pub prune: bool,
    /// Whether objects that no Helm release owns are taken over; otherwise refused as helm refuses them.
    pub adopt: bool,
    /// Whether an object whose immutable field changed is deleted and created anew; otherwise refused with the field named.
    pub replace_immutable: bool,
    /// What is not compared.
    pub ignore: Vec<ignore::Rule>,
    /// When pruning waits for a person.
    pub guard: GuardLimits,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            release: Release::default(),
            environment: String::new(),
            recorded_by_helm: false,
            prune: true,
            adopt: false,
            replace_immutable: false,
            ignore: ignore::defaults(),
            guard: GuardLimits::default(),
        }
    }
}

/// What happens to one object.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(tag = "type", rename_all = "PascalCase")]
pub enum Action {
    /// It will be created.
    Create,
    /// It will be changed.
    Update,
    /// Nothing will change.
    Unchanged,
    /// It is no longer part of the release and will be deleted.
    Prune,
    /// It is no longer part of the release and stays all the same.
    Keep {
        /// Why it stays.
        why: Kept,
    },
    /// It will be deleted and created anew, because immutable fields changed.
    Replace {
        /// The fields: `spec.selector`.
        fields: Vec<String>,
    },
    /// It cannot be applied; nothing of the plan may be.
    Refused {
        /// Why.
        why: Blocked,
    },
}

/// Why an object that left the release stays in the cluster.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(tag = "type", rename_all = "PascalCase")]
pub enum Kept {
    /// Pruning is off for the Environment.
    PruneOff,
    /// It carries no mark of ours.
    Unmarked,
    /// It carries another Environment's mark.
    MarkedBy {
        /// That Environment.
        environment: String,
    },
    /// Another release owns it by now.
    OwnedBy {
        /// That release.
        release: Release,
    },
    /// `helm.sh/resource-policy: keep`.
    ResourcePolicy,
    /// `windlass.dev/prune: "false"`.
    Annotation,
}

/// Why an object cannot be applied.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(tag = "type", rename_all = "PascalCase")]
pub enum Blocked {
    /// Another Helm release owns it.
    OwnedBy {
        /// That release.
        release: Release,
    },
    /// It exists, no release owns it, and adoption is not allowed.
    NotOwned {
        /// Helm's sentence about the missing label and annotations.
        detail: String,
    },
    /// Immutable fields would change.
    Immutable {
        /// The fields.
        fields: Vec<String>,
    },
    /// Other field managers hold fields that we would set.
    Conflict {
        /// Who holds what.
        managers: Vec<Holder>,
    },
    /// The API server does not know the kind.
    UnknownKind,
    /// The namespace does not exist.
    NamespaceMissing {
        /// Which.
        namespace: String,
    },
    /// RBAC forbids it.
    Forbidden,
    /// An admission webhook or policy denied it.
    Denied {
        /// The webhook or policy, where the message names it.
        by: String,
    },
    /// The object is not valid.
    Invalid {
        /// The fields at fault.
        fields: Vec<String>,
    },
    /// Any other refusal.
    Other,
}

/// A field manager that holds fields.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct Holder {
    /// The manager's name, for example `kubectl-edit`.
    pub manager: String,
    /// The fields as the API server writes them: `.spec.replicas`.
    pub fields: Vec<String>,
}

/// What a plan says of one object.
#[derive(Clone, Debug, PartialEq)]
pub struct Change {
    /// Which object.
    pub reference: ObjectRef,
    /// What happens to it.
    pub action: Action,
    /// The live object, normalised and without what is ignored. Not masked: see [`mask::pair`].
    pub before: Option<Value>,
    /// The object as it would be, normalised likewise. Not masked.
    pub after: Option<Value>,
    /// Planned from the rendered text, because it cannot be asked about yet; `Some` says why.
    pub hypothetical: Option<String>,
    /// Sentences for people: why it is replaced, refused, kept.
    pub reasons: Vec<String>,
    /// The template that it comes from.
    pub source: Option<String>,
}

/// How many objects meet which end.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Counts {
    /// Created.
    pub created: usize,
    /// Changed.
    pub changed: usize,
    /// Left as they are.
    pub unchanged: usize,
    /// Deleted.
    pub pruned: usize,
    /// Gone from the release but left in the cluster.
    pub kept: usize,
    /// Deleted and created anew.
    pub replaced: usize,
    /// Refused.
    pub refused: usize,
}

/// What an apply would do.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Plan {
    /// One entry per object: the desired ones in the order of application, then those that left the release in the order of
    /// removal.
    pub changes: Vec<Change>,
    /// SHA-256 of what would change (and of nothing else): an approval names it. Masking does not enter into it.
    pub digest: String,
    /// What pruning would take away, and whether a person has to agree.
    pub guard: Guard,
}

impl Plan {
    /// Whether an apply would change nothing (a refusal is no change, but not nothing either).
    pub fn is_empty(&self) -> bool {
        self.changes.iter().all(|change| matches!(change.action, Action::Unchanged | Action::Keep { .. }))
    }

    /// The refused objects.
    pub fn refused(&self) -> impl Iterator<Item = &Change> {
        self.changes.iter().filter(|change| matches!(change.action, Action::Refused { .. }))
    }

    /// How many objects meet which end.
    pub fn counts(&self) -> Counts {
        let mut counts = Counts::default();
        for change in &self.changes {
            *match change.action {
                Action::Create => &mut counts.created,
                Action::Update => &mut counts.changed,
                Action::Unchanged => &mut counts.unchanged,
                Action::Prune => &mut counts.pruned,
                Action::Keep { .. } => &mut counts.kept,
                Action::Replace { .. } => &mut counts.replaced,
                Action::Refused { .. } => &mut counts.refused,
            } += 1;
        }
        counts
    }
}
