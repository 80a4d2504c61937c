//! `windlass dev`: a chart's folder, seen and synced at each save.

use super::{Global, Outcome, connection::{self, Connection}, environments, look::Cache};
use crate::{
    agent::{self, dev::{self, Dev, Said}},
    app::{App, Environment},
    plan::show::{self, Style},
};
use clap::Args;
use serde_json::json;
use std::{io::IsTerminal as _, path::PathBuf, process::ExitCode};

/// Follow a chart's folder: at each save show what would change, and bring a namespace to it
#[derive(Args, Clone, Debug)]
pub struct DevCommand {
    /// The chart's folder
    #[arg(value_name = "CHART")]
    chart: PathBuf,
    /// Name of the release; the folder's where it is not given
    #[arg(long, value_name = "NAME", conflicts_with = "file")]
    release: Option<String>,
    /// A file with an Environment, for its release, values and tests; its source is the folder
    #[arg(short, long, value_name = "FILE")]
    file: Option<PathBuf>,
    /// A values file in the chart's folder; may be given more than once
    #[arg(long, value_name = "FILE", conflicts_with = "file")]
    values: Vec<String>,
    /// Only show what would change
    #[arg(long)]
    plan_only: bool,
    /// Stop after the first time; exit code 1 if it failed
    #[arg(long)]
    once: bool,
    #[command(flatten)]
    connection: Connection,
}

impl DevCommand {
    /// Runs it.
    pub fn run(self, global: &Global) -> Outcome {
        connection::log("text", "warn");
        connection::block_on(async move {
            let cluster = self.connection.connect().await?;
            let app = match &self.file {
                Some(file) => environments::app(&cluster, global, None, Some(file)).await?,
                None => self.made_up(global, cluster.default_namespace())?,
            };
            let chart = self.chart.canonicalize().map_err(|error| format!("{}: {error}", self.chart.display()))?;
            let cache = Cache::new(None);
            let shared = agent::shared_once(cluster, &cache.folder().join("cache"), &super::agent::identity()).await.map_err(|error| error.to_string())?;
            eprintln!("following {} for release {} in namespace {}", chart.display(), app.release, app.target_namespace);
            let style = Style { color: std::io::stdout().is_terminal(), context: 3 };
            let say = |said: Said| match said {
                Said::Plan(plan) => drop(super::write_out(show::text(&plan, style).as_bytes())),
                Said::Synced(well, message) => println!("{}: {message}", if well { "in sync" } else { "not in sync" }),
                Said::Wrong(why) => println!("Error: {why}"),
            };
            let dev = Dev { chart, repository: cache.folder().join("saves.git"), plan_only: self.plan_only, once: self.once };
            tokio::select! {
                followed = dev::follow(shared, app, &dev, say) => Ok(if followed? { ExitCode::SUCCESS } else { ExitCode::FAILURE }),
                _ = tokio::signal::ctrl_c() => Ok(ExitCode::SUCCESS),
            }
        })
    }

    /// An Environment for a chart that has none yet.
    fn made_up(&self, global: &Global, default: &str) -> Result<App, String> {
        let folder = self.chart.canonicalize().map_err(|error| format!("{}: {error}", self.chart.display()))?;
        let folder = folder.file_name().map(|name| name.to_string_lossy().to_lowercase()).unwrap_or_default();
        let release = self.release.clone().unwrap_or(folder);
        let namespace = global.namespace.clone().unwrap_or_else(|| default.to_owned());
        let env = json!({
            "apiVersion": "windlass.dev/v1alpha1", "kind": "Environment", "metadata": { "name": release, "namespace": namespace },
            "spec": {
                "source": { "git": { "url": "file:///", "branch": "dev" } }, "values": { "files": self.values },
                "release": { "createNamespace": true }, "rollback": { "enabled": false },
            },
        });
        let env: Environment = serde_json::from_value(env).map_err(|error| error.to_string())?;
        App::resolve(&env).map_err(|error| error.to_string())
    }
}
