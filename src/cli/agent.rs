//! `windlass agent`: follows Environments until it is stopped.

use super::{Global, Outcome, connection::Connection};
use crate::agent::{self, LeaseOptions, Options};
use clap::Args;
use std::{path::PathBuf, process::ExitCode, time::Duration};

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
    /// Follow the Environments in the YAML files of this folder, instead of those in the API server
    #[arg(long, value_name = "DIR")]
    config: Option<PathBuf>,
    /// Name of this agent in release records and the lease; no two agents may have the same
    #[arg(long, env = "POD_NAME")]
    identity: Option<String>,
    /// Write only while holding a lease, so that several replicas may run
    #[arg(long, default_value_t = true, action = clap::ArgAction::Set, value_name = "BOOL", default_missing_value = "true", num_args = 0..=1, require_equals = true)]
    leader_elect: bool,
    /// How long the lease lasts unrenewed, in whole seconds
    #[arg(long, default_value = "15s", value_name = "DURATION", value_parser = humantime::parse_duration)]
    leader_elect_lease_duration: Duration,
    /// Name of the lease
    #[arg(long, default_value = "windlass", value_name = "NAME")]
    leader_elect_resource_name: String,
    /// Namespace of the lease; the agent's own where it is not given
    #[arg(long, env = "POD_NAMESPACE", value_name = "NAMESPACE")]
    leader_elect_resource_namespace: Option<String>,
    /// How much memory rendering one chart may hold, for example `512Mi`
    #[arg(long, default_value = "512Mi", env = "WINDLASS_RENDER_MEMORY", value_name = "QUANTITY", value_parser = crate::memory::parse_bytes)]
    render_memory: u64,
    /// How long rendering one chart may take
    #[arg(long, default_value = "60s", env = "WINDLASS_RENDER_TIMEOUT", value_name = "DURATION", value_parser = humantime::parse_duration)]
    render_timeout: Duration,
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
        crate::memory::give_back_soon();
        crate::memory::set_render_memory(self.render_memory);
        crate::memory::set_render_time(self.render_timeout);
        super::connection::block_on(async move {
            let cluster = self.connection.connect().await?;
            let holder = self.identity.clone().unwrap_or_else(identity);
            let namespace = self.leader_elect_resource_namespace.clone().unwrap_or_else(|| cluster.default_namespace().to_owned());
            let duration = Duration::from_secs(self.leader_elect_lease_duration.as_secs().max(1));
            let lease = LeaseOptions { namespace, name: self.leader_elect_resource_name.clone(), duration };
            let options = Options {
                cache: self.cache_dir.clone(),
                namespace: self.watch_namespace.clone(),
                config: self.config.clone(),
                holder,
                lease: self.leader_elect.then_some(lease),
                address: Some(self.metrics_addr),
            };
            tracing::info!(reason = "Started", version = env!("CARGO_PKG_VERSION"), holder = options.holder, "windlass agent");
            agent::run(cluster, options, stopped()).await.map_err(|error| error.to_string())?;
            Ok(ExitCode::SUCCESS)
        })
    }
}

/// A name that no other agent has: the host's, and a random word, as two may run on one host.
pub fn identity() -> String {
    let host = std::fs::read_to_string("/proc/sys/kernel/hostname").unwrap_or_default();
    let host = host.trim();
    format!("{}_{:08x}", if host.is_empty() { "windlass" } else { host }, rand::random::<u32>())
}

/// Resolves on SIGTERM or SIGINT.
async fn stopped() {
    let mut term = tokio::signal::unix::signal(tokio::signal::unix::SignalKind::terminate()).expect("SIGTERM can be handled");
    tokio::select! {
        _ = term.recv() => {}
        _ = tokio::signal::ctrl_c() => {}
    }
}
