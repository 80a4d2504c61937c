//! `cargo xtask bench scale`: a hundred Environments of one chart with six objects on a control plane with fake nodes.
//!
//! Installed all at once, left alone for a minute, upgraded all at once; then ten Deployments are deleted. In the same run a
//! bare client applies the same objects, so that the machine's own speed is known: its time is the floor. It does so before
//! the agent and after it, and the mean counts: a machine's speed may change within a run.

mod floor;
mod follow;
mod measure;

use anyhow::{Context as _, Result, bail, ensure};
use serde_json::{Value, json};
use std::path::PathBuf;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};
use xtask::agent::{self, Agent};
use xtask::cluster::{Cluster, Nodes, Options};
use xtask::repo::Repo;
use xtask::sys;

use follow::until_all;
use measure::{Figures, Meter, Phase};

/// How many requests of the bare client, and of whoever creates the Environments, are under way at once.
const PARALLEL: usize = 16;

/// How long one phase may take before the benchmark gives up.
const PHASE_LIMIT: Duration = Duration::from_secs(600);

/// Deployments deleted by hand, to be put back.
const DELETED: usize = 10;

/// The branch that all Environments follow.
const BRANCH: &str = "main";

/// How it is run, and where the figures go.
#[derive(clap::Args)]
pub struct ScaleBench {
    /// How many Environments.
    #[arg(long, default_value_t = 100)]
    environments: usize,
    #[command(flatten)]
    how: How,
    /// Fail where a figure is over its limit (README and docs/reference name them).
    #[arg(long)]
    check: bool,
}

/// The same without a bare client beside it, for a chart of ten objects: how it goes, not how it compares.
#[derive(clap::Args)]
pub struct LoadBench {
    /// How many Environments.
    #[arg(long, default_value_t = 200)]
    environments: usize,
    #[command(flatten)]
    how: How,
}

/// What both have.
#[derive(clap::Args)]
struct How {
    /// Cargo's profile for windlass.
    #[arg(long, default_value = "release")]
    profile: String,
    /// Seconds without anything to do, between install and upgrade.
    #[arg(long, default_value_t = 60)]
    idle: u64,
    /// Write the figures to this file too.
    #[arg(long)]
    json: Option<PathBuf>,
}

/// Runs it and prints what was measured; what is sent while nothing changes fails it.
///
/// # Errors
/// What cannot be started, a phase that does not end, a request while nothing was to be done.
pub fn load(bench: LoadBench) -> Result<()> {
    let LoadBench { environments, how } = bench;
    let bench = ScaleBench { environments, how, check: false };
    let figures = measured(&bench, "load-app", false)?;
    ensure!(figures.idle.requests() == 0, "{} requests were sent while nothing changed", figures.idle.requests());
    Ok(())
}

/// Runs it and prints what was measured.
///
/// # Errors
/// What cannot be started, a phase that does not end, or with `check` a figure over its limit.
pub fn run(bench: &ScaleBench) -> Result<()> {
    match measured(bench, "scale-app", true)?.over() {
        over if over.is_empty() || !bench.check => Ok(()),
        over => bail!("over the limit: {}", over.join("; ")),
    }
}

/// Runs all phases with a chart of `tests/cases`, with or without the bare client's.
fn measured(bench: &ScaleBench, chart: &str, floor: bool) -> Result<Figures> {
    eprintln!("building windlass ({})", bench.how.profile);
    let binary = agent::binary(&bench.how.profile)?;
    eprintln!("starting Kubernetes");
    let cluster = Cluster::start(Options { nodes: Nodes::Kwok(3), audit: true, ..Options::default() })?;
    agent::install_crd(&cluster, &binary)?;
    let repo = Repo::create(cluster.dir())?;
    repo.copy_in(&sys::tests_dir().join("cases").join(chart), "chart")?;
    repo.push(BRANCH, "First")?;
    let mut world = World { bench, cluster, repo, figures: Figures { environments: bench.environments, ..Figures::default() } };
    if floor {
        let names = world.floor(&binary, "before")?;
        world.clear(&names)?;
    }
    let kubeconfig = world.cluster.kubeconfig_for_user(measure::USER, Some("system:masters"))?;
    let mut agent = Agent::start(&world.cluster, &binary, &kubeconfig)?;
    let begun = Instant::now();
    world.wait_started(&mut agent)?;
    eprintln!("the agent was ready {:.1} s after its start", begun.elapsed().as_secs_f64());
    world.install(&mut agent)?;
    world.idle(&mut agent)?;
    world.upgrade(&mut agent)?;
    world.repair(&mut agent)?;
    world.figures.peak_rss_mb = measure::peak_rss_mb(agent.process.id())?;
    if floor {
        agent.process.kill()?;
        world.floor(&binary, "after")?;
    }
    world.figures.print();
    if let Some(path) = &bench.how.json {
        let text = serde_json::to_string_pretty(&world.figures.json())?;
        std::fs::write(path, text + "\n").with_context(|| format!("writing {}", path.display()))?;
    }
    Ok(world.figures)
}

/// What one run works with.
struct World<'a> {
    bench: &'a ScaleBench,
    cluster: Cluster,
    repo: Repo,
    figures: Figures,
}

impl World<'_> {
    fn namespaces(&self, prefix: &str) -> Vec<String> {
        (0..self.bench.environments).map(|index| format!("{prefix}-{index:03}")).collect()
    }

    fn make_namespaces(&self, names: &[String]) -> Result<()> {
        parallel(names.len(), |index| {
            let object = json!({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": names[index]}});
            self.cluster.api().create("/api/v1/namespaces", &object).map(drop)
        })
    }

    /// The bare client: the same objects, and the Deployments waited for, twice. The namespaces that it made.
    fn floor(&mut self, binary: &std::path::Path, when: &str) -> Result<Vec<String>> {
        let names = self.namespaces(&format!("floor-{when}"));
        self.make_namespaces(&names)?;
        for (round, message) in ["first", "second"].into_iter().enumerate() {
            let objects = floor::render(binary, &self.repo.work().join("chart"), message)?;
            let begun = Instant::now();
            floor::apply(self.cluster.api(), &names, &objects)?;
            floor::wait(self.cluster.api(), &names)?;
            self.figures.floor[round].push(begun.elapsed().as_secs_f64());
            eprintln!("floor {when}, {message}: {:.1} s", begun.elapsed().as_secs_f64());
        }
        Ok(names)
    }

    /// What the bare client made shall not be in the agent's way.
    fn clear(&self, names: &[String]) -> Result<()> {
        parallel(names.len(), |index| self.cluster.api().delete(&format!("/api/v1/namespaces/{}", names[index])).map(drop))?;
        sys::wait_for("the end of the floor's namespaces", PHASE_LIMIT, || {
            let left = self.cluster.api().get("/api/v1/namespaces")?;
            let left = left["items"].as_array().into_iter().flatten();
            let left = left.filter(|n| n["metadata"]["name"].as_str().is_some_and(|name| name.starts_with("floor-"))).count();
            Ok((left == 0).then_some(()))
        })
    }

    fn wait_started(&self, agent: &mut Agent) -> Result<()> {
        let address = agent.address.clone().context("the agent serves /readyz")?;
        sys::wait_for("readiness of the agent", PHASE_LIMIT, || {
            agent.process.check()?;
            ureq::get(&format!("http://{address}/readyz")).call()?;
            Ok(Some(()))
        })
    }

    fn install(&mut self, agent: &mut Agent) -> Result<()> {
        let names = self.namespaces("app");
        self.make_namespaces(&names)?;
        let head = self.repo.git(&["rev-parse", "HEAD"])?;
        let meter = Meter::start(&self.cluster, agent.process.id())?;
        parallel(names.len(), |index| {
            let object = self.environment(&names[index]);
            self.cluster.api().create(&environments(&names[index]), &object).map(drop)
        })?;
        self.settled(agent, &head)?;
        self.figures.install = meter.stop(&self.cluster)?;
        self.done("install", |figures| &figures.install);
        Ok(())
    }

    fn environment(&self, name: &str) -> Value {
        json!({
            "apiVersion": "windlass.dev/v1alpha1", "kind": "Environment",
            "metadata": {"name": name, "namespace": name},
            // It is told of a change, as its peers were when they were measured: the interval has nothing to do with it.
            "spec": {"source": {"git": {"url": self.repo.url(), "branch": BRANCH, "path": "chart", "interval": "1h"}}},
        })
    }

    fn idle(&mut self, agent: &mut Agent) -> Result<()> {
        // What follows from the install, such as the last status of a Deployment, still comes in.
        std::thread::sleep(Duration::from_secs(5));
        let meter = Meter::start(&self.cluster, agent.process.id())?;
        std::thread::sleep(Duration::from_secs(self.bench.how.idle));
        agent.process.check()?;
        self.figures.idle = meter.stop(&self.cluster)?;
        self.done("idle", |figures| &figures.idle);
        Ok(())
    }

    /// A new commit; all Environments are told of it at once.
    fn upgrade(&mut self, agent: &mut Agent) -> Result<()> {
        self.repo.replace("chart/values.yaml", "message: first", "message: second")?;
        let head = self.repo.push(BRANCH, "Second")?;
        let names = self.namespaces("app");
        let meter = Meter::start(&self.cluster, agent.process.id())?;
        parallel(names.len(), |index| {
            let patch = json!({"metadata": {"annotations": {"windlass.dev/sync": head}}});
            self.cluster.api().merge(&format!("{}/{}", environments(&names[index]), names[index]), &patch).map(drop)
        })?;
        self.settled(agent, &head)?;
        self.figures.upgrade = meter.stop(&self.cluster)?;
        self.done("upgrade", |figures| &figures.upgrade);
        Ok(())
    }

    /// Deployments deleted by hand come back.
    fn repair(&mut self, agent: &mut Agent) -> Result<()> {
        std::thread::sleep(Duration::from_secs(3));
        let names: Vec<String> = self.namespaces("app").into_iter().take(DELETED).collect();
        let path = |name: &str| format!("/apis/apps/v1/namespaces/{name}/deployments/{name}");
        let meter = Meter::start(&self.cluster, agent.process.id())?;
        let slowest = std::sync::Mutex::new(0.0_f64);
        parallel(names.len(), |index| {
            let api = self.cluster.api();
            let before = api.get(&path(&names[index]))?["metadata"]["uid"].clone();
            let begun = Instant::now();
            api.delete(&path(&names[index]))?;
            sys::wait_for(&format!("the Deployment {}", names[index]), PHASE_LIMIT, || {
                let live = api.find(&path(&names[index]))?;
                Ok(live.filter(|live| live["metadata"]["uid"] != before).map(drop))
            })?;
            let took = begun.elapsed().as_secs_f64();
            let mut slowest = slowest.lock().expect("no panic while held");
            *slowest = slowest.max(took);
            Ok(())
        })?;
        agent.process.check()?;
        self.figures.repaired_s = slowest.into_inner().expect("no panic while held");
        self.figures.repair = meter.stop(&self.cluster)?;
        Ok(())
    }

    /// Waits until all Environments are ready with this commit.
    fn settled(&self, agent: &mut Agent, head: &str) -> Result<()> {
        let settled = |item: &Value| agent::settled_on(item, head);
        let waited = until_all(self.cluster.api(), "/apis/windlass.dev/v1alpha1/environments", &self.namespaces("app"), settled, || agent.process.check());
        waited.with_context(|| agent.process.tail(10))
    }

    fn done(&self, name: &str, phase: fn(&Figures) -> &Phase) {
        let phase = phase(&self.figures);
        let each = phase.requests() as f64 / self.bench.environments as f64;
        eprintln!("{name}: {:.1} s, {:.2} CPU seconds, {each:.2} requests for each Environment", phase.wall_s, phase.cpu_s);
    }
}

fn environments(namespace: &str) -> String {
    format!("/apis/windlass.dev/v1alpha1/namespaces/{namespace}/environments")
}

/// Does something `count` times, [`PARALLEL`] at once; the first error ends it.
fn parallel(count: usize, work: impl Fn(usize) -> Result<()> + Sync) -> Result<()> {
    let next = AtomicUsize::new(0);
    let worker = || -> Result<()> {
        loop {
            let index = next.fetch_add(1, Ordering::Relaxed);
            if index >= count {
                return Ok(());
            }
            work(index)?;
        }
    };
    std::thread::scope(|scope| {
        let workers: Vec<_> = (0..PARALLEL).map(|_| scope.spawn(worker)).collect();
        for worker in workers {
            let result = worker.join();
            ensure!(result.is_ok(), "a worker panicked");
            result.unwrap_or(Ok(()))?;
        }
        Ok(())
    })
}
