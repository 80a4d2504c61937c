//! The drivers of one term: one for each Environment, started, woken and forgotten here.

use super::{Driver, Keeper, Shared, Wake, drive::Shown};
use crate::{
    app::App,
    cluster::{self, Seen},
    object::ObjectRef,
};
use futures::FutureExt as _;
use std::{
    collections::HashMap,
    panic::AssertUnwindSafe,
    sync::{Arc, Mutex},
    time::Duration,
};
use tokio::sync::{Notify, mpsc, watch};

/// How many wake-ups wait for a driver: more than that say nothing new.
const INBOX: usize = 256;

/// The pauses before a driver that panicked begins anew: doubled each time, up to the last.
const PANIC_PAUSE: (Duration, Duration) = (Duration::from_secs(1), Duration::from_secs(300));

struct Entry {
    inbox: mpsc::Sender<Wake>,
    /// As it is now, for those who ask whom a webhook concerns and for its image updates.
    app: watch::Sender<Arc<App>>,
    /// Its images are to be looked at now.
    images: Arc<Notify>,
    /// Namespace and name of its release.
    release: (String, String),
}

/// What a new driver listens to.
struct New {
    inbox: mpsc::Receiver<Wake>,
    seen: watch::Receiver<Arc<App>>,
    images: Arc<Notify>,
}

/// Who minds which Environment. Cheap to clone.
#[derive(Clone, Default)]
pub struct Registry {
    entries: Arc<Mutex<HashMap<String, Entry>>>,
}

impl Registry {
    /// Wakes an environment's driver; false where its inbox is full. Mostly that means that it has plenty to think about
    /// already; who must be heard comes again.
    pub fn wake(&self, environment: &str, wake: Wake) -> bool {
        match self.entries.lock().expect("no panic while held").get(environment) {
            Some(entry) => !matches!(entry.inbox.try_send(wake), Err(mpsc::error::TrySendError::Full(_))),
            None => true,
        }
    }

    /// Lets an environment's images be looked at now.
    pub fn look_at_images(&self, environment: &str) {
        if let Some(entry) = self.entries.lock().expect("no panic while held").get(environment) {
            entry.images.notify_one();
        }
    }

    /// The Environments that are minded, as they are now.
    pub fn apps(&self) -> Vec<Arc<App>> {
        self.entries.lock().expect("no panic while held").values().map(|entry| entry.app.borrow().clone()).collect()
    }

    /// A live object that carries the environment's mark changed.
    pub fn object(&self, environment: &str, object: &ObjectRef) {
        let _ = self.wake(environment, Wake::Object(Box::new(object.clone())));
    }

    /// A release record changed.
    pub fn record(&self, seen: Seen) {
        let entries = self.entries.lock().expect("no panic while held");
        let release = (seen.namespace.clone(), seen.release.clone());
        for entry in entries.values().filter(|entry| entry.release == release) {
            let _ = entry.inbox.try_send(Wake::Record(Box::new(seen.clone())));
        }
    }

    /// An Environment as it is now: its driver is told, or started.
    pub async fn meet(&self, shared: &Arc<Shared>, app: App, keeper: Keeper, shown: Shown) {
        loop {
            let (driver, new) = self.driver_of(&app);
            if let Some(new) = new {
                return self.begin(shared, app, keeper, shown, new);
            }
            if driver.send(Wake::App(Box::new(app.clone()))).await.is_ok() {
                if !shown.version.is_empty() {
                    let _ = driver.send(Wake::Status(Box::new(shown))).await;
                }
                return;
            }
            // It ended between the two: nobody listens there any more.
        }
    }

    /// The inbox of an environment's driver; with what belongs to a new one, where none listens.
    fn driver_of(&self, app: &App) -> (mpsc::Sender<Wake>, Option<New>) {
        let mut entries = self.entries.lock().expect("no panic while held");
        if let Some(entry) = entries.get(&app.id()).filter(|entry| !entry.inbox.is_closed()) {
            entry.app.send_replace(Arc::new(app.clone()));
            return (entry.inbox.clone(), None);
        }
        let (sender, inbox) = mpsc::channel(INBOX);
        let (shown, seen) = watch::channel(Arc::new(app.clone()));
        let images = Arc::new(Notify::new());
        let entry = Entry { inbox: sender.clone(), app: shown, images: images.clone(), release: (app.target_namespace.clone(), app.release.clone()) };
        entries.insert(app.id(), entry);
        (sender, Some(New { inbox, seen, images }))
    }

    fn begin(&self, shared: &Arc<Shared>, app: App, keeper: Keeper, shown: Shown, new: New) {
        super::updates::start(shared, self, new.seen, new.images, &shown.status);
        shared.metrics.environment(&app.id());
        let (this, id, shared_too) = (self.clone(), app.id(), shared.clone());
        // Boxed, or the task would have room for it twice: before it begins, and while it runs.
        let mut driver = Box::new(Driver::new(shared.clone(), app, keeper, new.inbox, shown.status));
        shared.tasks.spawn(async move {
            drive(&mut driver, &id).await;
            tracing::info!(environment = id, reason = "Released", "no longer minded");
            let (keeper, next) = this.end(*driver, &id);
            if let Some(app) = next {
                Box::pin(this.meet(&shared_too, *app, keeper, Shown::default())).await;
            } else if !this.ids().contains(&id) {
                shared_too.metrics.forget(&id);
                shared_too.inputs.keep(&id, &[]);
            }
        });
    }

    /// A driver has ended: its keeper, and the Environment of the same name that was told to it meanwhile, for another driver to
    /// mind. One that another minds already stays.
    fn end(&self, driver: Driver, id: &str) -> (Keeper, Option<Box<App>>) {
        let mut entries = self.entries.lock().expect("no panic while held");
        let left = driver.end();
        if entries.get(id).is_some_and(|entry| entry.inbox.is_closed()) {
            entries.remove(id);
        }
        left
    }

    /// The Environment has gone: its driver ends when it next listens.
    pub fn forget(&self, environment: &str) {
        self.entries.lock().expect("no panic while held").remove(environment);
    }

    /// Those who are minded.
    pub fn ids(&self) -> Vec<String> {
        self.entries.lock().expect("no panic while held").keys().cloned().collect()
    }
}

/// Drives until the Environment is let go. A panic is a crash of this one environment: what is known is forgotten, the record
/// is read anew, and the others notice nothing.
async fn drive(driver: &mut Driver, id: &str) {
    let mut pause = PANIC_PAUSE.0;
    loop {
        match AssertUnwindSafe(driver.run(false)).catch_unwind().await {
            Ok(_) => return,
            Err(panic) => {
                tracing::error!(environment = id, reason = "Panic", "a fault of windlass: {}; beginning anew in {} s", cluster::said(&*panic), pause.as_secs());
                tokio::time::sleep(pause).await;
                pause = (pause * 2).min(PANIC_PAUSE.1);
                driver.forget_all();
            }
        }
    }
}
