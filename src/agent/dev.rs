//! `windlass dev`: a chart's folder, followed as a branch is. Each save becomes a commit of a repository that goes with the command,
//! so that what is seen and synced is what a push would bring, step for step.

use super::{Driver, Keeper, Shared, Wake, planning::{self, What}, target};
use crate::{app::App, cluster::Records, decide::Why, plan::Plan, sources};
use notify::Watcher as _;
use std::{path::{Path, PathBuf}, sync::Arc, time::Duration};
use tokio::sync::mpsc;

/// Editors write a file in several steps: changes are taken together for this long.
const SETTLE: Duration = Duration::from_millis(200);
/// How long a save may take to become healthy and tested before it is said that it has not.
const PATIENCE: Duration = Duration::from_secs(600);

/// What one save came to.
pub enum Said {
    /// The plan, for people.
    Plan(Plan),
    /// How the sync ended: whether it is in sync, and the sentence.
    Synced(bool, String),
    /// The chart cannot be read, rendered or planned.
    Wrong(String),
}

/// What is followed and how.
pub struct Dev {
    /// The chart's folder.
    pub chart: PathBuf,
    /// A repository that goes with the command.
    pub repository: PathBuf,
    /// Only plans; nothing is applied.
    pub plan_only: bool,
    /// Ends after the first save.
    pub once: bool,
}

/// Follows the folder until the process ends; with `once` it plans and syncs a single time. Whether the last sync went well.
///
/// # Errors
/// The folder cannot be watched, or the cluster not be asked.
pub async fn follow(shared: Arc<Shared>, mut app: App, dev: &Dev, mut say: impl FnMut(Said)) -> Result<bool, String> {
    let (changed, mut changes) = mpsc::channel(1);
    let mut watcher = notify::recommended_watcher(move |event: notify::Result<notify::Event>| {
        // Reading the folder tells of itself too: only what changes it is news.
        if event.is_ok_and(|event| !event.kind.is_access()) {
            let _ = changed.try_send(());
        }
    })
    .map_err(|error| format!("cannot watch {}: {error}", dev.chart.display()))?;
    watcher.watch(&dev.chart, notify::RecursiveMode::Recursive).map_err(|error| format!("cannot watch {}: {error}", dev.chart.display()))?;
    let source = serde_json::json!({ "url": format!("file://{}", dev.repository.display()), "branch": sources::WORKSHOP_BRANCH, "path": "." });
    app.spec.source.git = Some(serde_json::from_value(source).expect("a git source needs url and branch"));
    app.spec.source.chart = None;
    app.interval = Duration::from_secs(24 * 3600);
    let (wake, inbox) = mpsc::channel(8);
    let mut driver = Driver::new(shared.clone(), app.clone(), Keeper::File, inbox, Default::default());
    let mut before = None;
    loop {
        let well = match save(&dev.chart, &dev.repository) {
            Ok(commit) if before.as_ref() == Some(&commit) => None,
            Ok(commit) => {
                before = Some(commit);
                Some(one(&shared, &app, dev, &mut driver, &wake, &mut say).await)
            }
            Err(why) => {
                say(Said::Wrong(why));
                Some(false)
            }
        };
        if dev.once {
            return Ok(well.unwrap_or(true));
        }
        if changes.recv().await.is_none() {
            return Err(format!("the watch on {} ended", dev.chart.display()));
        }
        tokio::time::sleep(SETTLE).await;
        let _ = changes.try_recv();
    }
}

/// The folder as it is now, as a commit.
fn save(chart: &Path, repository: &Path) -> Result<sources::CommitId, String> {
    let files = target::load_local(chart).map_err(|failure| failure.message)?;
    let files: Vec<(String, Vec<u8>)> = files.into_iter().map(|file| (file.path, file.bytes.to_vec())).collect();
    sources::workshop(repository, &files, jiff::Timestamp::now().as_second()).map_err(|error| error.to_string())
}

async fn one(shared: &Arc<Shared>, app: &App, dev: &Dev, driver: &mut Driver, wake: &mpsc::Sender<Wake>, say: &mut impl FnMut(Said)) -> bool {
    let records = Records::new(shared.cluster.clone(), &app.target_namespace, &app.release);
    let planned = async {
        let record = records.load().await.map_err(|error| format!("reading the release records: {error}"))?;
        let content = planning::content(shared, app, &record, &What::Head).await.map_err(|failure| failure.message)?;
        let plan = planning::plan(shared, app, &record, &content).await.map_err(|failure| failure.message)?;
        Ok::<_, String>(plan)
    };
    match planned.await {
        Ok(plan) => say(Said::Plan(plan)),
        Err(why) => {
            say(Said::Wrong(why));
            return false;
        }
    }
    if dev.plan_only {
        return true;
    }
    let _ = wake.try_send(Wake::Source);
    let synced = match tokio::time::timeout(PATIENCE, driver.run(true)).await {
        Ok(why) => matches!(why, Some(Why::InSync { .. } | Why::Held { .. })),
        Err(_) => false,
    };
    let ready = driver.published().conditions.iter().find(|condition| condition.type_ == "Ready");
    say(Said::Synced(synced, ready.map(|ready| ready.message.clone()).unwrap_or_default()));
    synced
}
