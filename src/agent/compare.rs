//! Plans: what applying the target would change, found by dry run, and why it cannot be applied.

use super::{Driver, drive::now, learn::kinds};
use crate::{
    decide::{Class, Counts, Failure, Millis, PlanFact, backoff},
    app::PlanStatus,
    object::{self, Gvk, Object, ObjectRef, ownership},
    plan,
};

impl Driver {
    pub(super) async fn plan(&mut self, digest: String) {
        if self.work.content.is_none() {
            self.facts.target = None;
            return;
        }
        let (result, guard) = match self.compare().await.map_err(|failure| self.cleaned(failure)) {
            Ok(found) => {
                self.work.plan = Some(PlanStatus {
                    created: found.counts.created as i64,
                    changed: found.counts.changed as i64,
                    pruned: found.counts.pruned as i64,
                    digest: digest.clone(),
                    changes: found.changes.iter().map(|change| self.clean(change)).collect(),
                });
                (Ok(found.counts), found.guard)
            }
            Err(failure) => (Err(failure), Vec::new()),
        };
        let next = match &result {
            Err(failure) if failure.reason == "ImageMissing" && failure.class == Class::Transient => now() + IMAGE_PAUSE,
            Err(failure) if failure.class == Class::Transient => now() + backoff(self.policy.backoff, 1),
            // Someone else's object, a missing right, a missing CRD: it may be mended outside git.
            _ => now() + self.policy.interval.max(10_000),
        };
        if let Err(failure) = &result {
            tracing::warn!(environment = self.app.id(), reason = failure.reason, "{}", failure.message);
            self.events.warn(&failure.reason, &failure.message).await;
        }
        let base = self.record.as_ref().and_then(|record| record.deployed()).map(|entry| entry.number);
        self.facts.plan = Some(PlanFact { digest, base, result, guard, next });
    }

    /// What applying the head would change, by dry run where there is something to change.
    async fn compare(&mut self) -> Result<Compared, Failure> {
        let content = self.work.content.clone().ok_or_else(|| Failure::new(Class::Bug, "NoContent", "nothing was rendered"))?;
        let (rendered, _) = self.in_colour(&content).await?;
        let release = content.release(&self.app, rendered);
        fits(&release)?;
        let crds = content.made_first(&self.app);
        super::validate::validate(&self.shared, &release, crds).await?;
        let desired = super::stages::desired(&self.shared, &release, &self.app.id()).await?;
        let previous = match self.record.as_ref().and_then(|record| record.deployed().map(|entry| entry.number)) {
            Some(number) => self.released(number).await?,
            None => Vec::new(),
        };
        named(&desired)?;
        self.images_exist(&desired, &previous).await?;
        for gvk in kinds(&desired) {
            self.watch(&gvk).await?;
        }
        let mut found = Compared::default();
        self.work.same = (content.digest.clone(), Default::default());
        for object in &desired {
            match self.compare_one(object, &desired, crds, &previous).await? {
                Some(true) => {
                    found.counts.created += 1;
                    found.note("create", &object.reference);
                }
                Some(false) => {
                    found.counts.changed += 1;
                    found.note("change", &object.reference);
                }
                None => {}
            }
        }
        if self.app.spec.sync.prune {
            self.compare_gone(&desired, &previous, &mut found).await?;
        }
        Ok(found)
    }

    /// What would be deleted, and whether somebody has to agree to that first.
    async fn compare_gone(&self, desired: &[Object], previous: &[Object], found: &mut Compared) -> Result<(), Failure> {
        let gone: Vec<&Object> = previous.iter().filter(|old| !desired.iter().any(|new| new.reference.same_object(&old.reference))).collect();
        let deployed = self.record.as_ref().and_then(|record| record.deployed());
        let helms = deployed.is_some_and(|entry| super::attempt::of_helm(entry.mark.as_ref()));
        let gone = super::stages::as_recorded(gone.into_iter().cloned().collect(), helms);
        let mut pruned = Vec::new();
        for object in &gone {
            if ownership::keep(&object.json) || ownership::prune_forbidden(&object.json) {
                continue;
            }
            let reference = object.reference.clone();
            found.note("delete", &reference);
            if let Some(content) = self.content_of(object).await? {
                pruned.push(plan::Previous { reference, live: None, content });
            }
        }
        found.counts.pruned = gone.len();
        let limits = plan::GuardLimits { max_percent: self.app.max_prune_percent, ..Default::default() };
        found.guard = plan::prune::guard(&pruned, desired.len() + gone.len(), &limits).reasons;
        Ok(())
    }

    /// Whether it still exists, and how many objects a CRD's kind has; of other kinds their number is of no matter.
    async fn content_of(&self, recorded: &Object) -> Result<Option<Option<u64>>, Failure> {
        let reference = &recorded.reference;
        let precious = ["PersistentVolumeClaim", "CustomResourceDefinition", "Namespace"].contains(&reference.gvk.kind.as_str());
        if !precious {
            return Ok(Some(None));
        }
        let doing = format!("looking at what {reference} holds");
        let live = match self.shared.cluster.get(reference).await {
            Ok(live) => live,
            Err(error) if error.is_not_found() => return Ok(None),
            Err(error) => return Err(error.failure(&doing)),
        };
        if ownership::keep(&live) || ownership::prune_forbidden(&live) || !super::stages::is_ours(&live, recorded, &self.app.id()) {
            return Ok(None);
        }
        if reference.gvk.kind != "CustomResourceDefinition" {
            return Ok(Some(None));
        }
        let spec = &live["spec"];
        let version = spec["versions"].as_array().into_iter().flatten().find(|version| version["served"] == true);
        let (Some(group), Some(version), Some(plural)) = (spec["group"].as_str(), version.and_then(|v| v["name"].as_str()), spec["names"]["plural"].as_str())
        else {
            return Ok(Some(None));
        };
        let list = self.shared.cluster.get_path(&format!("/apis/{group}/{version}/{plural}?limit=1")).await;
        let list = match list {
            Ok(list) => list,
            // Who may not look has to ask.
            Err(error) if error.class() == Class::Denied => return Ok(Some(None)),
            Err(error) => return Err(error.failure(&doing)),
        };
        let here = list["items"].as_array().map_or(0, Vec::len) as u64;
        Ok(Some(Some(here + list["metadata"]["remainingItemCount"].as_u64().unwrap_or(0))))
    }

    /// `Some(true)`: it would be created; `Some(false)`: changed; `None`: nothing.
    async fn compare_one(
        &mut self,
        object: &Object,
        desired: &[Object],
        crds: &[Object],
        previous: &[Object],
    ) -> Result<Option<bool>, Failure> {
        let known = self.shared.watches.get(&object.reference);
        let before = previous.iter().find(|old| old.reference.same_object(&object.reference));
        let Some(live) = known else {
            return self.compare_unwatched(object, desired.iter().chain(crds)).await.map(Some);
        };
        if before.is_some_and(|old| old.json == object.json) && self.work.clean.get(&object.reference) == Some(&live.fingerprint) {
            self.work.same.1.insert(object.reference.clone());
            return Ok(None);
        }
        if live.owner.as_deref() != Some(&self.app.id()) {
            self.check_owner(object).await?;
        }
        let rules = super::stages::rules(&self.app, desired);
        let sent = super::stages::settled(&self.shared, object, &rules).await?;
        let manner = self.manner();
        let dry = match super::stages::dry_run(&self.shared, object, &sent, manner).await {
            Err(error) if manner.replace && super::stages::replaceable(object, &error) => return Ok(Some(false)),
            Err(error) => return Err(self.immutable(object, &error).await.unwrap_or_else(|| super::stages::refused(object, &error))),
            Ok(dry) => dry,
        };
        let same = object::digest::drift_fingerprint(&dry.object) == live.fingerprint;
        Ok((!same).then_some(false))
    }

    /// The refusal of an immutable field's change, with the field named.
    pub(super) async fn immutable(&self, object: &Object, error: &crate::cluster::ApiError) -> Option<Failure> {
        let refusal = super::stages::refusal(error);
        let fields = refusal.immutable_fields();
        if fields.is_empty() {
            return None;
        }
        let live = self.shared.cluster.get(&object.reference).await.unwrap_or_default();
        let fields = crate::plan::immutable::narrow(&fields, &refusal, &live, &object.json).join(", ");
        let from = object.source.as_ref().map(|source| format!(" (from {source})")).unwrap_or_default();
        let advice = match crate::plan::immutable::holds_nothing(&object.reference) {
            true => "take the change back, or set sync.immutable: Replace to have the object deleted and created anew",
            false => "take the change back: what the object holds would be lost if it were replaced",
        };
        let message = format!("{}{from}: {fields} cannot be changed in place; {advice}", object.reference);
        Some(Failure::new(Class::Config, "ImmutableField", message))
    }

    /// No watch knows it: it does not exist, or somebody made it without Helm's label.
    async fn compare_unwatched<'a>(&self, object: &Object, defined: impl Iterator<Item = &'a Object>) -> Result<bool, Failure> {
        // A name that is free by all that is watched needs no question. (Where names may not be listed, the object is asked for.)
        if let Ok(false) = self.shared.watches.may_be_a_stranger(&object.reference).await {
            return Ok(true);
        }
        match self.shared.cluster.get(&object.reference).await {
            Ok(live) => {
                self.owned(object, &live)?;
                Ok(false)
            }
            // The kind may come with a CRD of the same release: then it is planned from the text.
            Err(error) if error.reason == "NoKindMatch" && definition(defined, &object.reference.gvk).is_none() => {
                let mut failure = super::stages::refused(object, &error);
                failure.reason = "UnknownKind".into();
                Err(failure)
            }
            Err(error) if error.is_not_found() => Ok(true),
            Err(error) => Err(error.failure(&format!("reading {}", object.reference))),
        }
    }

    async fn check_owner(&self, object: &Object) -> Result<(), Failure> {
        match self.shared.cluster.get(&object.reference).await {
            Ok(live) => self.owned(object, &live),
            Err(error) if error.is_not_found() => Ok(()),
            Err(error) => Err(error.failure(&format!("reading {}", object.reference))),
        }
    }

    fn owned(&self, object: &Object, live: &serde_json::Value) -> Result<(), Failure> {
        let release = ownership::Release { name: self.app.release.clone(), namespace: self.app.target_namespace.clone() };
        let owner = ownership::owner(live);
        if owner.is_none() && self.adopting() {
            return Ok(());
        }
        ownership::check(live, &release).map_err(|why| {
            let advice = match owner {
                Some(_) => String::new(),
                None => format!("; to take it over as it is, say `windlass adopt {}`", self.app.name),
            };
            let text = ownership::conflict_text(&object.reference, &why);
            Failure::new(Class::Conflict, "OwnedByAnother", format!("{text}{advice}"))
        })
    }
}

/// Names are parts of paths: one that leads elsewhere is refused before anything is asked, let alone opened (Kubernetes's own rule
/// for all kinds, `IsValidPathSegmentName`; the rules of each kind are the server's to know).
fn named(desired: &[Object]) -> Result<(), Failure> {
    let astray = |name: &str| name == "." || name == ".." || name.contains(['/', '%']);
    match desired.iter().find(|object| astray(&object.reference.name)) {
        None => Ok(()),
        Some(object) => {
            let text = format!("{}: a name may not be \".\" or \"..\" and may have no \"/\" or \"%\"", object.reference);
            Err(Failure::new(Class::Config, "Invalid", text))
        }
    }
}

/// What applying the head would change.
#[derive(Default)]
struct Compared {
    counts: Counts,
    /// Why somebody has to agree to what would be deleted.
    guard: Vec<String>,
    /// The objects, the first of them.
    changes: Vec<String>,
}

/// How many changed objects the status names.
const MAX_CHANGES: usize = 20;

impl Compared {
    fn note(&mut self, what: &str, reference: &ObjectRef) {
        if self.changes.len() < MAX_CHANGES {
            self.changes.push(format!("{what} {reference}"));
        }
    }
}

/// The first few sentences, and how many more there are.
pub(super) fn some(sentences: Vec<String>) -> String {
    const SHOWN: usize = 3;
    let more = sentences.len().saturating_sub(SHOWN);
    let text = sentences.into_iter().take(SHOWN).collect::<Vec<_>>().join("; ");
    if more > 0 { format!("{text}; and {more} more") } else { text }
}

/// Whether the release's record fits into a Secret: a record is written before anything is applied, and again with how it went.
fn fits(release: &crate::release::Release) -> Result<(), Failure> {
    /// What times, statuses and the longest description may add to what is rendered.
    const SPARE: usize = 16 * 1024;
    let stamp = crate::release::Stamp::Created(jiff::Timestamp::UNIX_EPOCH);
    let made = crate::release::secret(release, &Default::default(), stamp, None);
    let size = match &made {
        Ok(secret) => secret["data"]["release"].as_str().map_or(0, str::len) / 4 * 3,
        Err(too_large) => too_large.size,
    };
    if size + SPARE > crate::release::MAX_PAYLOAD {
        let error = crate::release::TooLarge { release: release.name.clone(), size };
        return Err(Failure::new(Class::Config, "RecordTooLarge", error.to_string()));
    }
    Ok(())
}

/// The CRD among the objects that defines the kind.
pub(super) fn definition<'a>(mut objects: impl Iterator<Item = &'a Object>, gvk: &Gvk) -> Option<&'a ObjectRef> {
    let found = objects.find(|object| {
        let spec = &object.json["spec"];
        object.reference.gvk.kind == "CustomResourceDefinition" && spec["group"] == gvk.group.as_str() && spec["names"]["kind"] == gvk.kind.as_str()
    });
    found.map(|object| &object.reference)
}

/// How often a registry is asked for an image that it does not have yet.
const IMAGE_PAUSE: Millis = 15_000;
