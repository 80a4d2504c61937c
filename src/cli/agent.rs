//! `windlass agent`: follows Environments until it is stopped.

use super::{Global, Outcome, connection::Connection};
use crate::agent::{self, Options};
use clap::Args;
use std::{path::PathBuf, process::ExitCode};

/// Follow Environments and bring the cluster to what git says
#[derive(Args, Clone, Debug)]
pub struct Agent {
    #[command(flatten)]
    connection: Connection,
    /// Where repositories are cached
    #[arg(long, default_value = "/var/cache/windlass", env = "WINDLASS_CACHE")]
    cache_dir: PathBuf,
    /// Follow the Environments of this namespace only
    #[arg(long)]
    watch_namespace: Option<String>,
    /// Where /metrics, /healthz and /readyz are served
    #[arg(long, default_value = "0.0.0.0:9464", env = "WINDLASS_METRICS_ADDR")]
    metrics_addr: std::net::SocketAddr,
    /// Name of this agent in release records and the lease
    #[arg(long, env = "POD_NAME")]
    identity: Option<String>,
    /// How log lines look
    #[arg(long, default_value = "json", value_parser = ["json", "text"])]
    log_format: String,
    /// Which log lines are written, for example `info` or `windlass=debug`
    #[arg(long, default_value = "info", env = "WINDLASS_LOG")]
    log_level: String,
}

impl Agent {
    /// Runs it.
    pub fn run(self, _: &Global) -> Outcome {
        super::connection::log(&self.log_format, &self.log_level);
        super::connection::block_on(async move {
            let cluster = self.connection.connect().await?;
            let holder = self.identity.clone().unwrap_or_else(|| format!("windlass-{}", std::process::id()));
            let options = Options { cache: self.cache_dir.clone(), namespace: self.watch_namespace.clone(), holder, address: Some(self.metrics_addr) };
            tracing::info!(reason = "Started", version = env!("CARGO_PKG_VERSION"), holder = options.holder, "windlass agent");
            agent::run(cluster, options, stopped()).await.map_err(|error| error.to_string())?;
            Ok(ExitCode::SUCCESS)
        })
    }
}

/// Resolves on SIGTERM or SIGINT.
async fn stopped() {
    let mut term = tokio::signal::unix::signal(tokio::signal::unix::SignalKind::terminate()).expect("SIGTERM can be handled");
    tokio::select! {
        _ = term.recv() => {}
        _ = tokio::signal::ctrl_c() => {}
    }
}
