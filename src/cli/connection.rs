//! What the agent's commands share: the connection, the runtime, the log.

use super::Outcome;
use crate::cluster::Cluster;
use clap::Args;
use std::path::PathBuf;

/// Which cluster is meant.
#[derive(Args, Clone, Debug, Default)]
pub struct Connection {
    /// Path to the kubeconfig file
    #[arg(long, global = true, env = "KUBECONFIG")]
    pub kubeconfig: Option<PathBuf>,
    /// Name of the kubeconfig context to use
    #[arg(long = "kube-context", visible_alias = "context")]
    pub context: Option<String>,
}

impl Connection {
    /// Connects.
    pub async fn connect(&self) -> Result<Cluster, String> {
        let path = self.kubeconfig.as_deref().filter(|path| !path.as_os_str().is_empty());
        Cluster::connect(path, self.context.clone()).await.map_err(|error| error.to_string())
    }
}

/// Threads that everything but blocking work shares. It waits for the network nearly always; each more has an allocator's heap of its
/// own.
const WORKERS: usize = 1;
/// How many threads may block at once: more than `agent::Blocking` lets, as looking up names blocks, too.
const BLOCKING_THREADS: usize = 16;
/// How long such a thread waits for its next work.
const THREAD_KEPT: std::time::Duration = std::time::Duration::from_secs(2);

/// Runs a command's future to its end.
pub fn block_on(work: impl Future<Output = Outcome>) -> Outcome {
    let mut runtime = tokio::runtime::Builder::new_multi_thread();
    let runtime = runtime.enable_all().worker_threads(WORKERS).max_blocking_threads(BLOCKING_THREADS).thread_keep_alive(THREAD_KEPT).build();
    runtime.map_err(|error| format!("cannot start: {error}"))?.block_on(work)
}

/// Runs a future that gives a value.
pub fn block_on_value<T>(work: impl Future<Output = Result<T, String>>) -> Result<T, String> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    runtime.map_err(|error| format!("cannot start: {error}"))?.block_on(work)
}

/// Sets the log up.
pub fn log(format: &str, level: &str) {
    use std::io::IsTerminal as _;
    let filter = tracing_subscriber::EnvFilter::try_new(format!("kube_client=off,kube_runtime=off,{level}")).unwrap_or_else(|_| tracing_subscriber::EnvFilter::new("info"));
    let builder = tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr).with_target(false);
    if format == "json" {
        builder.json().flatten_event(true).with_current_span(false).init();
    } else {
        builder.with_ansi(std::io::stderr().is_terminal()).init();
    }
}
