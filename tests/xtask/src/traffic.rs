//! Requests to an application, one after the other, without retries: what is lost is counted.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;
use std::time::Duration;

/// How long one request may take before it counts as lost.
const LIMIT: Duration = Duration::from_secs(5);

/// The pause between two requests of one client.
const PAUSE: Duration = Duration::from_millis(10);

#[derive(Default)]
struct Counts {
    sent: AtomicU64,
    lost: AtomicU64,
    stop: AtomicBool,
    first_loss: Mutex<Option<String>>,
    answers: Mutex<BTreeMap<String, u64>>,
}

/// A client that keeps asking until it is stopped.
pub struct Traffic {
    counts: Arc<Counts>,
    thread: Option<JoinHandle<()>>,
}

impl Traffic {
    /// Starts asking.
    pub fn start(url: &str) -> Self {
        let counts = Arc::<Counts>::default();
        let (url, shared) = (url.to_owned(), counts.clone());
        let thread = std::thread::spawn(move || {
            // A new connection each time: kept ones would never see another pod.
            let config = ureq::Agent::config_builder().proxy(None).timeout_global(Some(LIMIT)).max_idle_connections(0);
            let agent: ureq::Agent = config.build().into();
            while !shared.stop.load(Ordering::Relaxed) {
                let answer = agent.get(&url).call().and_then(|mut a| a.body_mut().read_to_string());
                match answer {
                    Ok(text) => *shared.answers.lock().expect("nothing panics while it is held").entry(text).or_default() += 1,
                    Err(error) => {
                        shared.lost.fetch_add(1, Ordering::Relaxed);
                        shared.first_loss.lock().expect("nothing panics while it is held").get_or_insert(error.to_string());
                    }
                }
                shared.sent.fetch_add(1, Ordering::Relaxed);
                std::thread::sleep(PAUSE);
            }
        });
        Self { counts, thread: Some(thread) }
    }

    /// Requests so far, and how many of them were lost.
    pub fn counts(&self) -> (u64, u64) {
        (self.counts.sent.load(Ordering::Relaxed), self.counts.lost.load(Ordering::Relaxed))
    }

    /// What was answered so far, and how often. An application that says something new each time makes this large.
    pub fn answers(&self) -> BTreeMap<String, u64> {
        self.counts.answers.lock().expect("nothing panics while it is held").clone()
    }

    /// Why the first one was lost.
    pub fn first_loss(&self) -> Option<String> {
        self.counts.first_loss.lock().expect("nothing panics while it is held").clone()
    }
}

impl Drop for Traffic {
    fn drop(&mut self) {
        self.counts.stop.store(true, Ordering::Relaxed);
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}
