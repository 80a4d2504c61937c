//! The loop that drives each environment: events forget, steps learn, `decide` only reads.

mod act;
pub mod approval;
mod attempt;
mod blocking;
mod closing;
mod compare;
mod dependencies;
pub mod dev;
mod drive;
mod events;
mod files;
mod gather;
pub mod hooks;
pub mod image_check;
mod host;
mod leader;
mod learn;
mod objects;
mod observe;
pub mod receivers;
pub mod planning;
mod promotion;
pub mod publish;
mod registry;
mod run;
mod showing;
mod slots;
mod stages;
mod subcharts;
pub mod status;
mod target;
mod telling;
mod testing;
pub mod updates;
pub mod validate;

use blocking::Blocking;
pub use drive::{Driver, Keeper, Wake};
pub use host::{ClusterHost, SystemHost};
pub use leader::{Election, LeaseOptions};
pub use registry::Registry;
pub use target::{Content, ServerCapabilities, git_spec, load_local};
pub use run::{Options, caches, run, shared, shared_once};

use crate::{
    cluster::{Cluster, Inputs, Schemas, Tasks, Watches},
    metrics::Metrics,
    sources::{Charts, GitCache},
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
    /// Chart repositories.
    pub charts: Charts,
    /// Who this agent is, in records.
    pub holder: String,
    /// Places for steps.
    pub slots: slots::Slots,
    /// Work that blocks its thread.
    pub blocking: Blocking,
    /// The release records that there are, as their watch has them.
    pub shelves: crate::cluster::Shelves,
    /// The server's version and kinds, for `.Capabilities`.
    pub capabilities: target::ServerCapabilities,
    /// What Prometheus sees.
    pub metrics: Arc<Metrics>,
    /// ConfigMaps and Secrets that Environments name.
    pub inputs: Inputs,
    /// Registries of images.
    pub registries: crate::images::Registries,
    /// What is known of images with a policy.
    pub image_status: updates::Statuses,
    /// What the API server says of its kinds.
    pub schemas: Schemas,
    /// Everything that ends with this agent's term.
    pub tasks: Tasks,
    /// The Environments that are minded.
    pub minded: Registry,
}

/// How many steps run at once, over all environments.
pub const PARALLEL_STEPS: usize = 16;
