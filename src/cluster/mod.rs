//! The edge to the API server: objects, watches, records, events. It translates; it decides nothing.

mod error;
mod fence;
mod inputs;
mod kept;
mod kinds;
mod lookup;
mod newest;
mod objects;
mod pressure;
mod record_watch;
mod records;
mod strangers;
mod schemas;
mod tasks;
mod test_logs;
mod watch;

pub use error::{ApiError, Cause};
pub use fence::Fence;
pub use inputs::Inputs;
pub use kept::Kept;
pub use kinds::Kind;
pub use record_watch::{Seen, Shelves, watch_memories, watch_records};
pub use records::{Held, Records};
pub(crate) use records::version as resource_version;
pub use objects::{Delete, MANAGER, Patched};
pub use schemas::{MAX_AGE as MAX_SCHEMA_AGE, Schemas};
pub use tasks::{Tasks, said};
pub use watch::{Observed, Watches};
pub(crate) use watch::{MAX_LAG, is_older};

use crate::object::Gvk;
use std::{collections::HashMap, sync::Arc};
use tokio::sync::{Mutex, Semaphore};

/// Requests under way at the same time, watches apart. More make nothing faster, and each needs a connection of its own.
const IN_FLIGHT: usize = 16;

/// Hears of each request: its verb and status code.
type OnRequest = Arc<dyn Fn(&str, u16) + Send + Sync>;

/// A connection to one API server. Cheap to clone.
#[derive(Clone)]
pub struct Cluster {
    client: kube::Client,
    patient: kube::Client,
    kinds: Arc<Mutex<HashMap<Gvk, Kind>>>,
    on_request: OnRequest,
    fence: Fence,
    newest: Arc<newest::Newest>,
    flight: Arc<Semaphore>,
    /// Answers hold metadata only.
    terse: bool,
}

impl Cluster {
    /// Connects as the pod's service account or by `KUBECONFIG`, in this order: an explicit kubeconfig, the environment's, the
    /// cluster's own.
    ///
    /// # Errors
    /// What is wrong with the configuration.
    pub async fn connect(kubeconfig: Option<&std::path::Path>, context: Option<String>) -> Result<Cluster, ApiError> {
        let options = kube::config::KubeConfigOptions { context, ..Default::default() };
        let unusable = |error: &dyn std::fmt::Display| ApiError::config(format!("cannot connect to a cluster: {error}"));
        let config = match kubeconfig {
            Some(path) => {
                let file = kube::config::Kubeconfig::read_from(path).map_err(|error| unusable(&error))?;
                kube::Config::from_custom_kubeconfig(file, &options).await.map_err(|error| unusable(&error))?
            }
            None if options.context.is_some() => {
                kube::Config::from_kubeconfig(&options).await.map_err(|error| unusable(&error))?
            }
            None => kube::Config::infer().await.map_err(|error| unusable(&error))?,
        };
        let mut config = config;
        config.default_retry = false;
        let client = kube::Client::try_from(config).map_err(|error| unusable(&error))?;
        let patient = pressure::patient(client.clone());
        let flight = Arc::new(Semaphore::new(IN_FLIGHT));
        Ok(Cluster { client, patient, kinds: Arc::default(), on_request: Arc::new(|_, _| {}), fence: Fence::open(), newest: Arc::default(), flight, terse: false })
    }

    /// The same connection, whose writes pass the gate only while it is open.
    pub fn fenced(&self, fence: Fence) -> Cluster {
        Cluster { fence, ..self.clone() }
    }

    /// The same connection, whose requests wait for no others: for the lease.
    pub fn express(&self) -> Cluster {
        Cluster { flight: Arc::new(Semaphore::new(IN_FLIGHT)), ..self.clone() }
    }

    /// Whether as many requests are under way as may be: others queue, or are about to.
    pub fn is_busy(&self) -> bool {
        self.flight.available_permits() == 0
    }

    /// The same connection, whose answers hold `metadata` and nothing else: for who writes to learn of the version, or reads what
    /// labels and annotations tell. It spares both sides what nobody reads.
    pub fn terse(&self) -> Cluster {
        Cluster { terse: true, ..self.clone() }
    }

    /// Calls `report` with the verb and the status code of each request; 0 where no answer came.
    pub fn count_requests(&mut self, report: impl Fn(&str, u16) + Send + Sync + 'static) {
        self.on_request = Arc::new(report);
    }

    /// The namespace of the kubeconfig's context or of the pod.
    pub fn default_namespace(&self) -> &str {
        self.client.default_namespace()
    }

    /// The client, for watches: it waits where the server asks for it.
    pub fn client(&self) -> kube::Client {
        self.patient.clone()
    }
}
