//! The agent: connects, waits for the lease, minds Environments while it holds it, and ends in order.

use super::{
    Election, LeaseOptions, PARALLEL_STEPS, Registry, Shared, Wake, files, objects,
    receivers::{Leading, Receivers},
    target::ServerCapabilities,
};
use crate::{
    cluster::{ApiError, Cluster, Fence, Inputs, Schemas, Shelves, Tasks, Watches, watch_memories, watch_records},
    metrics::Metrics,
    sources::{Charts, GitCache},
    web::{self, Hooks, Probes, Web},
};
use std::{
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};

/// How the agent runs.
#[derive(Clone, Debug)]
pub struct Options {
    /// Where repositories are kept.
    pub cache: PathBuf,
    /// Only Environments of this namespace; all where none is given.
    pub namespace: Option<String>,
    /// Environments are the YAML files of this folder instead of the API server's objects.
    pub config: Option<PathBuf>,
    /// Who this agent is, in records and the lease.
    pub holder: String,
    /// The lease that is held while anything is written; `None`: this agent is the only one.
    pub lease: Option<LeaseOptions>,
    /// Where metrics and probes are served; nowhere if none is given.
    pub address: Option<std::net::SocketAddr>,
}

/// The pause after a term that could not even begin.
const TERM_PAUSE: Duration = Duration::from_secs(2);

/// Runs the agent until `stop` resolves.
///
/// # Errors
/// What keeps it from starting.
pub async fn run(mut cluster: Cluster, options: Options, stop: impl Future<Output = ()>) -> Result<(), ApiError> {
    let metrics = Arc::new(Metrics::new(env!("CARGO_PKG_VERSION"), option_env!("WINDLASS_COMMIT").unwrap_or("unknown")));
    let counted = metrics.clone();
    cluster.count_requests(move |verb, code| counted.api(verb, (code > 0).then_some(code), None));
    let probes = Probes::default();
    let leading = Leading::default();
    let listening = Tasks::default();
    if let Some(address) = options.address {
        let listener = tokio::net::TcpListener::bind(address)
            .await
            .map_err(|error| ApiError::config(format!("cannot listen on {address} for metrics and probes: {error}")))?;
        let hooks = Hooks::new(metrics.clone(), fetch());
        // Environments that are files have no API objects beside them: they are not called.
        if options.config.is_none() {
            Receivers::start(cluster.clone(), hooks.clone(), leading.clone(), options.namespace.clone(), &listening);
        }
        let web = Web { metrics: metrics.clone(), probes: probes.clone(), hooks };
        tokio::spawn(web::serve(listener, web, std::future::pending()));
    }
    probes.ready();
    let sources = caches(&options.cache);
    let fence = if options.lease.is_some() { Fence::shut() } else { Fence::open() };
    let mut election = options.lease.clone().map(|lease| Election::new(cluster.express(), fence.clone(), options.holder.clone(), lease));
    let fenced = cluster.fenced(fence);
    tokio::pin!(stop);
    loop {
        let term = lead(&fenced, &options, &metrics, &sources, &leading, election.as_mut());
        tokio::select! {
            () = term => {}
            () = &mut stop => {
                tracing::info!(reason = "Stopping", "asked to stop: an open attempt is finished by the next agent");
                if let Some(election) = &mut election {
                    election.resign().await;
                }
                return Ok(());
            }
        }
    }
}

/// One term: from winning the lease to losing it. Whatever is under way then ends where it stands, as in a crash: the record
/// tells the next holder how to go on.
async fn lead(
    cluster: &Cluster,
    options: &Options,
    metrics: &Arc<Metrics>,
    sources: &(Arc<GitCache>, Charts),
    leading: &Leading,
    election: Option<&mut Election>,
) {
    let mut election = election;
    if let Some(election) = &mut election {
        election.win().await;
    }
    metrics.leader(true);
    tracing::info!(reason = "Leading", holder = options.holder, "minding Environments");
    let kept = async {
        match election {
            Some(election) => election.keep().await,
            None => std::future::pending().await,
        }
    };
    let term = Term { tasks: Tasks::default(), metrics: metrics.clone(), leading: leading.clone() };
    tokio::select! {
        () = kept => {}
        error = mind(cluster, options, metrics, sources, &term) => {
            tracing::error!(reason = error.reason, "cannot begin: {error}");
            tokio::time::sleep(TERM_PAUSE).await;
        }
    }
}

/// Ends a term's tasks, however the term ends.
struct Term {
    tasks: Tasks,
    metrics: Arc<Metrics>,
    leading: Leading,
}

impl Term {
    fn leads(&self, registry: Option<Registry>) {
        *self.leading.lock().unwrap_or_else(std::sync::PoisonError::into_inner) = registry;
    }
}

impl Drop for Term {
    fn drop(&mut self) {
        self.leads(None);
        self.tasks.abort();
        self.metrics.leader(false);
    }
}

/// Minds all Environments; comes back only where it cannot begin.
async fn mind(cluster: &Cluster, options: &Options, metrics: &Arc<Metrics>, sources: &(Arc<GitCache>, Charts), term: &Term) -> ApiError {
    let (registry, tasks) = (Registry::default(), &term.tasks);
    let begun = shared(cluster.clone(), options.namespace.clone(), &options.holder, tasks, &registry, metrics.clone(), sources.clone()).await;
    let shared = match begun {
        Ok(shared) => shared,
        Err(error) => return error,
    };
    term.leads(Some(registry.clone()));
    let worked = shared.clone();
    tasks.keep("giving back code".into(), move || give_back_code(worked.clone()));
    let (told, watched, namespace, shelves) = (registry.clone(), cluster.clone(), options.namespace.clone(), shared.shelves.clone());
    tasks.keep("watching release records".into(), move || {
        let told = told.clone();
        watch_records(watched.clone(), namespace.clone(), shelves.clone(), move |seen| told.record(seen))
    });
    let (watched, namespace, shelves) = (cluster.clone(), options.namespace.clone(), shared.shelves.clone());
    tasks.keep("watching what outlives release records".into(), move || watch_memories(watched.clone(), namespace.clone(), shelves.clone()));
    match &options.config {
        Some(folder) => files::follow(shared, folder.clone(), registry).await,
        None => {
            objects::follow(shared, options.namespace.clone(), registry).await;
            ApiError::unreachable("the watch on Environments ended".into())
        }
    }
}

/// How long code that was reached stays in memory: what a beginning, an install and an upgrade need is not the same.
const CODE_STAYS: Duration = Duration::from_secs(5);

/// Gives code back to the system now, as most of what ran until a term begins does not run again, and while steps are taken.
async fn give_back_code(shared: Arc<Shared>) {
    loop {
        crate::memory::give_back_code();
        let before = shared.slots.taken();
        tokio::time::sleep(CODE_STAYS).await;
        while shared.slots.taken() == before {
            tokio::time::sleep(CODE_STAYS).await;
        }
    }
}

/// What drivers share.
///
/// # Errors
/// The API server cannot be asked for its version and kinds.
pub async fn shared(
    cluster: Cluster,
    namespace: Option<String>,
    holder: &str,
    tasks: &Tasks,
    registry: &Registry,
    metrics: Arc<Metrics>,
    sources: (Arc<GitCache>, Charts),
) -> Result<Arc<Shared>, ApiError> {
    let capabilities = ServerCapabilities::ask(&cluster).await?;
    let (object, input) = (registry.clone(), registry.clone());
    let shelves = Shelves::of_namespace(namespace.clone());
    Ok(Arc::new(Shared {
        watches: Watches::new(cluster.clone(), namespace, tasks.clone(), move |environment, reference| object.object(environment, reference)),
        inputs: Inputs::new(cluster.clone(), tasks.clone(), move |environment, reference| {
            let _ = input.wake(environment, Wake::Input(Box::new(reference.clone())));
        }),
        schemas: Schemas::new(cluster.clone()),
        cluster,
        git: sources.0,
        charts: sources.1,
        holder: holder.to_owned(),
        slots: super::slots::Slots::new(PARALLEL_STEPS),
        blocking: Default::default(),
        shelves,
        capabilities,
        registries: Default::default(),
        image_status: Default::default(),
        metrics,
        tasks: tasks.clone(),
        minded: registry.clone(),
    }))
}

/// The same for a command that a person runs: no lease, nobody to wake.
///
/// # Errors
/// As [`shared`].
pub async fn shared_once(cluster: Cluster, cache: &Path, holder: &str) -> Result<Arc<Shared>, ApiError> {
    let metrics = Arc::new(Metrics::new(env!("CARGO_PKG_VERSION"), "command"));
    shared(cluster, None, holder, &Tasks::default(), &Registry::default(), metrics, caches(cache)).await
}

/// The caches of git and chart repositories below a folder.
pub fn caches(folder: &Path) -> (Arc<GitCache>, Charts) {
    (Arc::new(GitCache::new(folder, Default::default())), Charts::new(folder.join("charts")))
}

/// Fetches a text by HTTPS for the webhooks' port, from the hosts that the caller has checked.
fn fetch() -> web::Fetch {
    /// The longest text that is read: a certificate, or the answer to a confirmation.
    const MAX_TEXT: usize = 64 << 10;
    Arc::new(|url| {
        Box::pin(async move {
            crate::images::use_ring();
            let client = reqwest::Client::builder().redirect(reqwest::redirect::Policy::none()).timeout(Duration::from_secs(5)).build();
            let client = client.map_err(|error| error.to_string())?;
            let mut answer = client.get(url).send().await.and_then(reqwest::Response::error_for_status).map_err(|error| error.to_string())?;
            let mut text = Vec::new();
            while let Some(piece) = answer.chunk().await.map_err(|error| error.to_string())? {
                text.extend_from_slice(&piece);
                if text.len() > MAX_TEXT {
                    return Err("the answer is too long".into());
                }
            }
            Ok(String::from_utf8_lossy(&text).into_owned())
        })
    })
}
