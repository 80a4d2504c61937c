//! The loop that drives each environment: events forget, steps learn, `decide` only reads.

mod act;
mod drive;
mod events;
mod hooks;
mod host;
mod learn;
mod run;
mod stages;
pub mod status;
mod target;

pub use drive::{Driver, Keeper, Wake};
pub use host::SystemHost;
pub use run::{Options, run};
pub use target::{Content, load_local};

use crate::{
    cluster::{Cluster, Watches},
    metrics::Metrics,
    sources::GitCache,
};
use std::sync::Arc;

/// What all environments of one agent share.
pub struct Shared {
    /// The API server.
    pub cluster: Cluster,
    /// Live objects.
    pub watches: Watches,
    /// Repositories.
    pub git: Arc<GitCache>,
    /// Who this agent is, in records.
    pub holder: String,
    /// How many steps run at once.
    pub slots: tokio::sync::Semaphore,
    /// The server's version and kinds, for `.Capabilities`.
    pub capabilities: target::ServerCapabilities,
    /// What Prometheus sees.
    pub metrics: Arc<Metrics>,
    /// Whether this agent may write: it holds the lease.
    pub leading: std::sync::atomic::AtomicBool,
}

/// How many steps run at once, over all environments.
pub const PARALLEL_STEPS: usize = 32;
