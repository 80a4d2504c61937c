//! Tasks that end with whoever started them, and whose panics are told.

use futures::FutureExt as _;
use std::{
    any::Any,
    panic::AssertUnwindSafe,
    sync::{Arc, Mutex},
    time::Duration,
};
use tokio::task::JoinSet;

/// A group of tasks. Cheap to clone.
#[derive(Clone, Default)]
pub struct Tasks {
    set: Arc<Mutex<JoinSet<()>>>,
}

/// The pause before a task that panicked begins anew.
const PANIC_PAUSE: Duration = Duration::from_secs(5);

impl Tasks {
    /// Starts a task.
    pub fn spawn(&self, work: impl Future<Output = ()> + Send + 'static) {
        let mut set = self.set.lock().expect("no panic while held");
        // Those that have ended are taken out, or the set would only grow.
        while set.try_join_next().is_some() {}
        set.spawn(work);
    }

    /// Starts a task that begins anew if it panics: a fault in one place must not silence it for good.
    pub fn keep<F: Future<Output = ()> + Send>(&self, what: String, mut work: impl FnMut() -> F + Send + 'static) {
        self.spawn(async move {
            while let Err(panic) = AssertUnwindSafe(work()).catch_unwind().await {
                tracing::error!(reason = "Panic", "{what} broke off by a fault of windlass and begins anew: {}", said(&*panic));
                tokio::time::sleep(PANIC_PAUSE).await;
            }
        });
    }

    /// Ends all of them, wherever they are.
    pub fn abort(&self) {
        self.set.lock().expect("no panic while held").abort_all();
    }
}

/// What a panic said.
pub fn said(panic: &(dyn Any + Send)) -> &str {
    let text = panic.downcast_ref::<String>().map(String::as_str);
    text.or_else(|| panic.downcast_ref::<&str>().copied()).unwrap_or("it said nothing")
}
