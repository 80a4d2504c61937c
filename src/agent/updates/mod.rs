//! Image updates: registries are asked, a policy picks, and what it picks is written to the branch. Deploying it is the
//! driver's business, which follows the branch as ever.
//!
//! A policy's pick is written once. Who sets another tag by hand (`windlass image set`, or a commit) keeps it until the policy
//! picks another one than before: what was picked stands in the status, so that a restart forgets nothing.

mod draft;
mod pick;

pub use draft::{Change, Target, draft};
pub use pick::{options, policy, secret};

use super::{Registry, Shared, SystemHost, Wake, events::Events, planning, target};
use crate::{
    app::{App, ChartVersionMode, EnvironmentStatus, ImageSpec, ImageStatus, SET_IMAGE},
    cluster::ApiError,
    images::{self, Details, Update},
    object::{Gvk, ObjectRef},
    sources::{self, Author, Signer, WriteError, Written},
    webhooks::Image,
};
use serde_json::json;
use std::{
    collections::{BTreeMap, HashMap},
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};
use tokio::sync::{Notify, watch};

/// The pause after a round that failed; doubled for each one more, up to the interval.
const FIRST_PAUSE: Duration = Duration::from_secs(10);

/// How often an annotation is tried to be taken off an Environment that others write to, and the pause between.
const TAKE_OFF_TRIES: u32 = 20;
const TAKE_OFF_PAUSE: Duration = Duration::from_millis(100);

/// What is known of each Environment's images, for its status. Cheap to clone.
#[derive(Clone, Default)]
pub struct Statuses(Arc<Mutex<HashMap<String, Vec<ImageStatus>>>>);

impl Statuses {
    /// As last found.
    pub fn get(&self, environment: &str) -> Option<Vec<ImageStatus>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).get(environment).cloned()
    }

    fn set(&self, environment: &str, found: Vec<ImageStatus>) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).insert(environment.to_owned(), found);
    }

    fn forget(&self, environment: &str) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).remove(environment);
    }
}

/// Minds an Environment's images until it is let go; `look` makes it ask now.
pub(super) fn start(shared: &Arc<Shared>, registry: &Registry, app: watch::Receiver<Arc<App>>, look: Arc<Notify>, status: &EnvironmentStatus) {
    let known = app.borrow().clone();
    let id = known.id();
    let acted = status.images.iter().map(|image| (image.image.clone(), image.clone())).collect();
    let updater = Updater { shared: shared.clone(), registry: registry.clone(), events: Events::new(shared.cluster.clone(), &known), acted, done: String::new() };
    let shared_too = shared.clone();
    shared.tasks.spawn(async move {
        updater.run(app, &look).await;
        shared_too.image_status.forget(&id);
    });
}

struct Updater {
    shared: Arc<Shared>,
    registry: Registry,
    events: Events,
    /// What was picked and written, by image.
    acted: BTreeMap<String, ImageStatus>,
    /// The request that was acted upon last.
    done: String,
}

/// What is wanted of one image now.
struct Wanted {
    spec: ImageSpec,
    image: Image,
    tag: String,
    details: Details,
    /// It is wanted whether it was wanted before or not.
    by_hand: bool,
}

/// How many platforms and referrers of an image a status names.
const MAX_LISTED: usize = 20;

/// A label as a status holds it: strangers write them.
fn cut(text: &str) -> String {
    const LONGEST: usize = 300;
    text.chars().filter(|letter| !letter.is_control()).take(LONGEST).collect()
}

impl Updater {
    async fn run(mut self, mut apps: watch::Receiver<Arc<App>>, look: &Notify) {
        let mut pause = FIRST_PAUSE;
        loop {
            let app = apps.borrow_and_update().clone();
            let wait = if app.suspended() || app.deleting || app.spec.images.is_empty() {
                None
            } else if Box::pin(self.round(&app)).await {
                pause = FIRST_PAUSE;
                Some(app.image_interval)
            } else {
                let failed = pause;
                pause = (pause * 2).min(app.image_interval.max(FIRST_PAUSE));
                Some(failed)
            };
            if !self.wait(&app, &mut apps, look, wait).await {
                return;
            }
        }
    }

    /// Until something is to be done again; false where the Environment has gone.
    async fn wait(&mut self, app: &App, apps: &mut watch::Receiver<Arc<App>>, look: &Notify, wait: Option<Duration>) -> bool {
        let sleep = async {
            match wait {
                Some(wait) => tokio::time::sleep(wait).await,
                None => std::future::pending().await,
            }
        };
        tokio::pin!(sleep);
        loop {
            tokio::select! {
                changed = apps.changed() => {
                    if changed.is_err() {
                        return false;
                    }
                    let now = apps.borrow().clone();
                    // Another file or path for an image is written to even if the pick is the same.
                    self.acted.retain(|image, _| !now.spec.images.iter().any(|new| new.image == *image && !app.spec.images.contains(new)));
                    let asked = |app: &App| (app.requests.set_image.clone(), app.requests.wake.clone(), app.suspended());
                    let same = now.spec.images == app.spec.images && now.spec.image_updates == app.spec.image_updates && now.spec.source == app.spec.source;
                    if !same || asked(&now) != asked(app) {
                        return true;
                    }
                }
                () = look.notified() => return true,
                () = &mut sleep => return true,
            }
        }
    }

    /// Asks and writes once; false where something failed that may pass.
    async fn round(&mut self, app: &App) -> bool {
        let request = app.requests.set_image.clone().filter(|request| *request != self.done);
        let mut statuses = Vec::new();
        let mut wanted = Vec::new();
        let mut whole = true;
        for spec in &app.spec.images {
            let set = request.as_deref().and_then(|request| pick::requested(request, spec));
            let mut status = self.acted.get(&spec.image).cloned().unwrap_or_default();
            status.image.clone_from(&spec.image);
            status.message.clear();
            match pick::pick(&self.shared, app, spec, set.as_deref()).await {
                Ok((image, tag, details)) => wanted.push(Wanted { spec: spec.clone(), image, tag, details, by_hand: set.is_some() }),
                Err(why) => {
                    whole = false;
                    tracing::warn!(environment = app.id(), image = spec.image, reason = "ImagePolicyFailed", "{why}");
                    status.message = why;
                }
            }
            statuses.push(status);
        }
        let news: Vec<&Wanted> = wanted.iter().filter(|wanted| wanted.by_hand || !self.known(wanted)).collect();
        if !news.is_empty() {
            match self.write(app, &news).await {
                Ok(commit) => {
                    for wanted in &news {
                        let Some(status) = statuses.iter_mut().find(|status| status.image == wanted.spec.image) else { continue };
                        // What was set by hand is not the policy's pick: the pick before it stays on record.
                        if !wanted.by_hand {
                            (status.tag, status.digest) = (wanted.tag.clone(), wanted.details.digest.clone());
                        }
                        if let Some(commit) = &commit {
                            status.commit.clone_from(commit);
                        }
                        self.acted.insert(wanted.spec.image.clone(), status.clone());
                    }
                }
                Err((why, transient)) => {
                    whole &= !transient;
                    tracing::warn!(environment = app.id(), reason = "ImageUpdateFailed", "{why}");
                    self.events.warn("ImageUpdateFailed", &why).await;
                    for status in statuses.iter_mut().filter(|status| news.iter().any(|wanted| wanted.spec.image == status.image)) {
                        status.message.clone_from(&why);
                    }
                }
            }
        }
        self.describe(app, &wanted, &mut statuses).await;
        if let Some(request) = request {
            self.answered(app, &request, &wanted).await;
        }
        self.shared.image_status.set(&app.id(), statuses);
        let _ = self.registry.wake(&app.id(), Wake::Told);
        whole
    }

    /// Tells of the picked images what their registries tell. What refers to an image comes after it: that is asked for each time.
    async fn describe(&mut self, app: &App, wanted: &[Wanted], statuses: &mut [ImageStatus]) {
        for wanted in wanted.iter().filter(|wanted| !wanted.by_hand) {
            let Some(status) = statuses.iter_mut().find(|status| status.image == wanted.spec.image) else { continue };
            let details = &wanted.details;
            if status.digest != details.digest {
                continue;
            }
            let label = |name: &str| details.labels.get(&format!("org.opencontainers.image.{name}")).map(|text| cut(text)).unwrap_or_default();
            (status.source, status.revision) = (label("source"), label("revision"));
            (status.created, status.platforms, status.size) = (details.created.clone(), details.platforms.clone(), details.size);
            status.platforms.truncate(MAX_LISTED);
            status.referrers = self.referrers(app, wanted).await;
            if let Some(acted) = self.acted.get_mut(&wanted.spec.image) {
                *acted = ImageStatus { message: String::new(), ..status.clone() };
            }
        }
    }

    /// The kinds of what refers to an image; none where its registry cannot say.
    async fn referrers(&self, app: &App, wanted: &Wanted) -> Vec<String> {
        let Ok(options) = pick::options(&self.shared, app, &wanted.spec).await else { return Vec::new() };
        let found = self.shared.registries.referrers(&wanted.image, &wanted.details.digest, &options).await.unwrap_or_default();
        found.into_iter().map(|referrer| cut(&referrer.kind)).take(MAX_LISTED).collect()
    }

    /// Whether it was picked and written before.
    fn known(&self, wanted: &Wanted) -> bool {
        let digest = wanted.spec.policy.digest.is_some();
        self.acted.get(&wanted.spec.image).is_some_and(|acted| acted.tag == wanted.tag && (!digest || acted.digest == wanted.details.digest))
    }

    /// Writes what is wanted to the branch; the commit, or nothing where it stood there already. The error's flag: it may pass.
    async fn write(&mut self, app: &App, news: &[&Wanted]) -> Result<Option<String>, (String, bool)> {
        let creds = planning::credentials(&self.shared, app).await.map_err(|failure| (failure.message, true))?;
        let signer = self.signer(app).await?;
        let Some(source) = app.git().cloned() else { return Err(("spec.source.git is not set: there is no branch to write to".into(), false)) };
        let targets: Vec<Target> = news.iter().map(|wanted| Target {
            image: wanted.spec.image.clone(),
            file: target::repository_path(&source.path, &wanted.spec.file),
            set: wanted.spec.set.clone(),
            tag: wanted.tag.clone(),
            digest: wanted.details.digest.clone(),
            moves: wanted.spec.policy.digest.is_some(),
        }).collect();
        let details: BTreeMap<String, Details> = news.iter().map(|wanted| (wanted.spec.image.clone(), wanted.details.clone())).collect();
        let spec = target::git_spec(app).map_err(|failure| (failure.message, false))?;
        let (git, app_too, branch) = (self.shared.git.clone(), app.clone(), source.branch.clone());
        let written = self.shared.blocking.wait(move || {
            let updates = &app_too.spec.image_updates;
            let author = Author {
                name: &updates.author.name,
                email: &updates.author.email,
                signer: signer.as_ref(),
                time: jiff::Timestamp::now().as_second(),
            };
            let chart = (updates.chart_version != ChartVersionMode::Keep).then(|| (target::repository_path(&source.path, "Chart.yaml"), updates.chart_version));
            git.commit(&spec, &creds, &author, |base| -> Result<_, String> {
                let read = |path: &str| base.read(path).map_err(|error| error.to_string());
                let Some((files, changes, version)) = draft(&targets, chart.as_ref(), &read)? else { return Ok(None) };
                let told: Vec<Update> = changes.into_iter().map(|change| Update {
                    details: details.get(&change.image).cloned().unwrap_or_default(),
                    image: change.image,
                    from: change.from,
                    to: change.to,
                    file: change.file,
                }).collect();
                let environment = (app_too.namespace.as_str(), app_too.name.as_str());
                let message = images::message(updates.message.as_deref(), environment, &source.branch, &version, &told, &SystemHost::start())?;
                Ok(Some(sources::Draft { files, message }))
            })
        });
        match written.await {
            Ok(Ok(Written::Unchanged(_))) => Ok(None),
            Ok(Ok(Written::Committed { commit, tries })) => {
                let what: Vec<String> = news.iter().map(|wanted| format!("{} to {}", wanted.image.name(), wanted.tag)).collect();
                let note = format!("moved {} on branch {} by commit {}", what.join(", "), branch, super::status::short(&commit.to_string()));
                tracing::info!(environment = app.id(), reason = "ImageUpdated", tries, "{note}");
                self.events.normal("ImageUpdated", &note).await;
                let _ = self.registry.wake(&app.id(), Wake::Source);
                Ok(Some(commit.to_string()))
            }
            Ok(Err(WriteError::Source(error))) => Err((error.to_string(), error.class() == sources::Class::Transient)),
            Ok(Err(error)) => Err((error.to_string(), false)),
            Err(panic) => Err((format!("a fault of windlass: {panic}"), true)),
        }
    }

    async fn signer(&self, app: &App) -> Result<Option<Signer>, (String, bool)> {
        let Some(secret) = &app.spec.image_updates.signing_secret_ref else { return Ok(None) };
        let data = pick::secret(&self.shared, app, &secret.name, "imageUpdates.signingSecretRef").await.map_err(|why| (why, true))?;
        let signer = Signer::from_secret(&data).map_err(|why| (format!("the Secret {} in imageUpdates.signingSecretRef: {why}", secret.name), false))?;
        Ok(Some(signer))
    }

    /// A request was acted upon: it is taken off the Environment, or a restart would do it again.
    async fn answered(&mut self, app: &App, request: &str, wanted: &[Wanted]) {
        if !wanted.iter().any(|wanted| wanted.by_hand) {
            let why = format!("{SET_IMAGE}: \"{request}\" names no image of spec.images that its registry has");
            tracing::warn!(environment = app.id(), reason = "ImageSetFailed", "{why}");
            self.events.warn("ImageSetFailed", &why).await;
        }
        request.clone_into(&mut self.done);
        let reference = ObjectRef { gvk: Gvk::new("windlass.dev/v1alpha1", "Environment"), namespace: Some(app.namespace.clone()), name: app.name.clone() };
        for tried in 1..=TAKE_OFF_TRIES {
            match self.take_off(&reference, request).await {
                Ok(()) => return,
                // The driver writes the status at the same moment, as the commit has just woken it.
                Err(error) if error.is_conflict() && tried < TAKE_OFF_TRIES => tokio::time::sleep(TAKE_OFF_PAUSE).await,
                Err(error) => return tracing::warn!(environment = app.id(), "cannot take the annotation {SET_IMAGE} off: {error}"),
            }
        }
    }

    async fn take_off(&self, reference: &ObjectRef, request: &str) -> Result<(), ApiError> {
        let live = match self.shared.cluster.get(reference).await {
            Err(error) if error.is_not_found() => return Ok(()),
            live => live?,
        };
        if live["metadata"]["annotations"][SET_IMAGE] != request {
            return Ok(());
        }
        let patch = json!({ "metadata": { "annotations": { SET_IMAGE: null }, "resourceVersion": live["metadata"]["resourceVersion"] } });
        self.shared.cluster.merge(reference, "", &patch).await.map(drop)
    }
}
