//! The commands that ask the agent for something: `sync`, `retry`, `rollback`, `suspend`, `resume`. Each writes an annotation on
//! the Environment, or into its file, and (but for `suspend`) waits for the answer.

use super::{Global, Outcome, connection::{self, Connection}, environments};
use crate::{
    agent,
    app::{Environment, RESUME, RETRY, ROLLBACK, SUSPEND, SYNC},
    cluster::Cluster,
    decide::Why,
};
use clap::Args;
use serde_json::{Value, json};
use std::{io::IsTerminal as _, path::{Path, PathBuf}, process::ExitCode, time::Duration};

/// Which Environment is asked, and how long to wait.
#[derive(Args, Clone, Debug)]
pub struct Ask {
    /// Name of the Environment
    #[arg(value_name = "ENVIRONMENT", required_unless_present = "file")]
    pub name: Option<String>,
    /// A file with the Environment, for an agent that follows a directory
    #[arg(short, long, value_name = "FILE")]
    pub file: Option<PathBuf>,
    /// Only write the request into the file: an agent that follows its folder carries it out
    #[arg(long, requires = "file")]
    pub annotate: bool,
    /// Do not wait for the outcome
    #[arg(long)]
    pub no_wait: bool,
    #[arg(skip)]
    once: bool,
    /// How long to wait for the outcome
    #[arg(long, default_value = "5m", value_parser = humantime::parse_duration)]
    pub timeout: Duration,
    #[command(flatten)]
    pub connection: Connection,
}

/// Go back to an earlier release and hold it
#[derive(Args, Clone, Debug)]
pub struct Rollback {
    #[command(flatten)]
    ask: Ask,
    /// Number of the release, as `windlass history` shows it; the one before the newest where it is not given
    #[arg(long, value_name = "NUMBER")]
    to: Option<u64>,
}

/// What is asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum What {
    /// Look at the branch now; in Manual mode, apply.
    Sync,
    /// Try a condemned revision again.
    Retry,
    /// Change nothing until resumed.
    Suspend,
    /// Go on.
    Resume,
}

impl Ask {
    /// Asks.
    pub fn run(mut self, what: What, global: &Global) -> Outcome {
        // A file by itself has no agent: the sync is done here and now.
        self.once = what == What::Sync && !self.annotate;
        let token = jiff::Timestamp::now().to_string();
        let annotations = match what {
            What::Sync => json!({ SYNC: token }),
            What::Retry => json!({ RETRY: token, SYNC: token }),
            What::Suspend => json!({ SUSPEND: "true" }),
            What::Resume => json!({ SUSPEND: null, RESUME: token, SYNC: token }),
        };
        let wait = what != What::Suspend;
        self.send(global, annotations, wait)
    }

    /// Brings the cluster to what the file's branch says, without an agent; 0 when it is in sync then.
    async fn once(self, global: &Global, file: &Path, annotations: Value) -> Outcome {
        super::connection::log("text", "info");
        let cluster = self.connection.connect().await?;
        let mut app = environments::app(&cluster, global, None, Some(file)).await?;
        app.requests.sync = annotations[SYNC].as_str().map(str::to_owned);
        let cache = super::look::Cache::new(None);
        let shared = agent::shared_once(cluster, cache.folder(), &super::agent::identity()).await.map_err(|error| error.to_string())?;
        let (_wake, inbox) = tokio::sync::mpsc::channel(1);
        let id = app.id();
        let mut driver = agent::Driver::new(shared, app, agent::Keeper::File, inbox, Default::default());
        let why = tokio::time::timeout(self.timeout, driver.run(true)).await;
        let why = why.map_err(|_| format!("{id} has not settled within {}", humantime::format_duration(self.timeout)))?;
        let status = driver.published();
        println!("{id}: {}", ready(status));
        Ok(match why {
            Some(Why::InSync { .. } | Why::Held { .. }) => ExitCode::SUCCESS,
            _ => ExitCode::FAILURE,
        })
    }

    pub(super) fn send(self, global: &Global, annotations: Value, wait: bool) -> Outcome {
        if let Some(file) = self.file.as_ref().filter(|_| self.once) {
            let file = file.clone();
            return connection::block_on(async move { self.once(global, &file, annotations).await });
        }
        if let Some(file) = &self.file {
            annotate_file(file, &annotations)?;
            println!("{} annotated", file.display());
            return Ok(ExitCode::SUCCESS);
        }
        connection::block_on(async move {
            let cluster = self.connection.connect().await?;
            let name = self.name.clone().unwrap_or_default();
            let reference = environments::reference(&cluster, global, &name);
            let patch = json!({ "metadata": { "annotations": annotations } });
            let asked = cluster.merge(&reference, "", &patch).await;
            let asked = asked.map_err(|error| format!("asking {reference}: {error}"))?;
            println!("environment.windlass.dev/{name} annotated");
            if !wait || self.no_wait {
                return Ok(ExitCode::SUCCESS);
            }
            let asked: Environment = serde_json::from_value(asked).map_err(|error| format!("reading {reference}: {error}"))?;
            let before = asked.status.as_ref().map(ready).unwrap_or_default();
            follow(&cluster, &reference, before, self.timeout).await
        })
    }
}

impl Rollback {
    /// Asks for it.
    pub fn run(self, global: &Global) -> Outcome {
        let ask = self.ask.clone();
        let number = match self.to {
            Some(number) => number,
            None => connection::block_on_value(async {
                let cluster = ask.connection.connect().await?;
                let reference = environments::reference(&cluster, global, &ask.name.clone().unwrap_or_default());
                let live = cluster.get(&reference).await.map_err(|error| format!("reading {reference}: {error}"))?;
                let newest = live["status"]["release"]["number"].as_u64().unwrap_or(0);
                newest.checked_sub(1).filter(|number| *number > 0).ok_or_else(|| "there is no earlier release; see `windlass history`".to_owned())
            })?,
        };
        let token = jiff::Timestamp::now().to_string();
        ask.send(global, json!({ ROLLBACK: format!("{number}@{token}") }), true)
    }
}

fn ready(status: &crate::app::EnvironmentStatus) -> String {
    let ready = status.conditions.iter().find(|c| c.type_ == "Ready");
    ready.map(|c| format!("{} {} {}", c.status, c.reason, c.message)).unwrap_or_default()
}

/// How long a status must stand still before it is taken as the answer.
const SETTLED: Duration = Duration::from_millis(1500);

/// Shows what happens until it has settled: exit 0 when Ready, 1 when it failed.
async fn follow(cluster: &Cluster, reference: &crate::object::ObjectRef, before: String, limit: Duration) -> Outcome {
    let bar = std::io::stderr().is_terminal().then(indicatif::ProgressBar::new_spinner);
    if let Some(bar) = &bar {
        bar.enable_steady_tick(Duration::from_millis(100));
    }
    let start = tokio::time::Instant::now();
    let mut shown = before;
    let mut since = start;
    loop {
        let live = cluster.get(reference).await.map_err(|error| format!("reading {reference}: {error}"))?;
        let env: Environment = serde_json::from_value(live).map_err(|error| format!("reading {reference}: {error}"))?;
        let status = env.status.unwrap_or_default();
        let now = ready(&status);
        if now != shown {
            shown.clone_from(&now);
            since = tokio::time::Instant::now();
            match &bar {
                Some(bar) => bar.set_message(now.clone()),
                None => println!("{now}"),
            }
        }
        let working = status.conditions.iter().any(|c| c.type_ == "Reconciling" && c.status == "True");
        if !working && since.elapsed() > SETTLED {
            if let Some(bar) = bar {
                bar.finish_and_clear();
                println!("{now}");
            }
            return Ok(if now.starts_with("True") { ExitCode::SUCCESS } else { ExitCode::FAILURE });
        }
        if start.elapsed() > limit {
            return Err(format!("{reference} has not settled within {}: {now}", humantime::format_duration(limit)));
        }
        tokio::time::sleep(Duration::from_millis(200)).await;
    }
}

/// Writes annotations into a file that holds one Environment, leaving the rest of it as it is.
fn annotate_file(path: &Path, annotations: &Value) -> Result<(), String> {
    let text = std::fs::read_to_string(path).map_err(|error| format!("reading {}: {error}", path.display()))?;
    let mut document = crate::app::parse_json(&text).map_err(|error| format!("{}: {error}", path.display()))?;
    let slot = &mut document["metadata"]["annotations"];
    for (key, value) in annotations.as_object().into_iter().flatten() {
        if value.is_null() {
            if let Some(map) = slot.as_object_mut() {
                map.remove(key);
            }
        } else {
            slot[key] = value.clone();
        }
    }
    let value = crate::yaml::from_json(document.to_string().as_bytes()).map_err(|error| error.to_string())?;
    let new = path.with_extension("windlass-new");
    let written = std::fs::write(&new, crate::yaml::to_yaml(&value)).and_then(|()| std::fs::rename(&new, path));
    written.map_err(|error| format!("writing {}: {error}", path.display()))
}
