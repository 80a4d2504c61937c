//! `cargo xtask bench scale`: a hundred Environments of one chart with six objects on a control plane with fake nodes.
//!
//! Installed all at once, left alone for a minute, upgraded all at once; then ten Deployments are deleted. In the same run a
//! bare client applies the same objects, so that the machine's own speed is known: its time is the floor. Both go through it
//! several times, in turn, and the mean counts: a machine's speed may change within seconds.

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
    /// How often all is installed and upgraded, each time by an agent that was just started.
    #[arg(long, default_value_t = 3, value_parser = clap::value_parser!(u32).range(1..))]
    rounds: u32,
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
    let bench = ScaleBench { environments, rounds: 1, how, check: false };
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
    let kubeconfig = world.cluster.kubeconfig_for_user(measure::USER, Some("system:masters"))?;
    if floor {
        world.floor(&binary, 0)?;
    }
    for round in 1..=bench.rounds {
        let mut agent = Agent::start(&world.cluster, &binary, &kubeconfig)?;
        let begun = Instant::now();
        world.wait_started(&mut agent)?;
        eprintln!("the agent was ready {:.1} s after its start", begun.elapsed().as_secs_f64());
        world.install(&mut agent, round)?;
        if round == 1 {
            world.idle(&mut agent)?;
        }
        world.upgrade(&mut agent, round)?;
        if round == bench.rounds {
            world.repair(&mut agent, round)?;
        } else {
            world.remove(&mut agent, round)?;
        }
        world.figures.peak_rss_mb = world.figures.peak_rss_mb.max(measure::peak_rss_mb(agent.process.id())?);
        // Asked to stop it gives the lease back: the next one need not wait for its end.
        agent.process.signal("TERM")?;
        sys::wait_for("the end of the agent", PHASE_LIMIT, || Ok(agent.process.ended()?.map(drop)))?;
        if floor {
            world.floor(&binary, round)?;
        }
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

    fn apps(&self, round: u32) -> Vec<String> {
        self.namespaces(&format!("app-{round}"))
    }

    fn make_namespaces(&self, names: &[String]) -> Result<()> {
        parallel(names.len(), |index| {
            let object = json!({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": names[index]}});
            self.cluster.api().create("/api/v1/namespaces", &object).map(drop)
        })
    }

    /// The bare client: the same objects, and the Deployments waited for, twice; before the agent's first round, or after one.
    fn floor(&mut self, binary: &std::path::Path, after: u32) -> Result<()> {
        let names = self.namespaces(&format!("floor-{after}"));
        self.make_namespaces(&names)?;
        // Its requests are audited as the agent's are.
        let api = self.cluster.api_of("bare-client")?;
        let when = if after == 0 { "before".to_owned() } else { format!("after round {after}") };
        for (step, message) in ["install", "upgrade"].into_iter().enumerate() {
            let objects = floor::render(binary, &self.repo.work().join("chart"), &format!("{after}-{message}"))?;
            let begun = Instant::now();
            floor::apply(&api, &names, &objects)?;
            floor::wait(&api, &names)?;
            self.figures.floor[step].push(begun.elapsed().as_secs_f64());
            eprintln!("floor {when}, {message}: {:.1} s", begun.elapsed().as_secs_f64());
        }
        if after == self.bench.rounds { Ok(()) } else { self.clear("floor-", &names) }
    }

    /// What was made in a round shall not be in the way of the next.
    fn clear(&self, prefix: &str, names: &[String]) -> Result<()> {
        parallel(names.len(), |index| self.cluster.api().delete(&format!("/api/v1/namespaces/{}", names[index])).map(drop))?;
        sys::wait_for("the end of namespaces", PHASE_LIMIT, || {
            let left = self.cluster.api().get("/api/v1/namespaces")?;
            let left = left["items"].as_array().into_iter().flatten();
            let left = left.filter(|n| n["metadata"]["name"].as_str().is_some_and(|name| name.starts_with(prefix))).count();
            Ok((left == 0).then_some(()))
        })
    }

    /// The agent takes everything away again.
    fn remove(&mut self, agent: &mut Agent, round: u32) -> Result<()> {
        let names = self.apps(round);
        let begun = Instant::now();
        parallel(names.len(), |index| self.cluster.api().delete(&format!("{}/{}", environments(&names[index]), names[index])).map(drop))?;
        sys::wait_for("the end of the Environments", PHASE_LIMIT, || {
            agent.process.check()?;
            let left = self.cluster.api().get("/apis/windlass.dev/v1alpha1/environments")?;
            Ok(left["items"].as_array().is_some_and(Vec::is_empty).then_some(()))
        })?;
        eprintln!("removal: {:.1} s", begun.elapsed().as_secs_f64());
        self.clear("app-", &names)
    }

    fn wait_started(&self, agent: &mut Agent) -> Result<()> {
        let address = agent.address.clone().context("the agent serves /readyz")?;
        sys::wait_for("readiness of the agent", PHASE_LIMIT, || {
            agent.process.check()?;
            ureq::get(&format!("http://{address}/readyz")).call()?;
            Ok(Some(()))
        })
    }

    fn install(&mut self, agent: &mut Agent, round: u32) -> Result<()> {
        let names = self.apps(round);
        self.make_namespaces(&names)?;
        let head = self.repo.git(&["rev-parse", "HEAD"])?;
        let meter = Meter::start(&self.cluster, agent.process.id())?;
        parallel(names.len(), |index| {
            let object = self.environment(&names[index]);
            self.cluster.api().create(&environments(&names[index]), &object).map(drop)
        })?;
        self.settled(agent, &head, &names)?;
        let phase = meter.stop(&self.cluster)?;
        self.done("install", &phase);
        self.figures.install.push(phase);
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
        self.done("idle", &self.figures.idle);
        Ok(())
    }

    /// A new commit; all Environments are told of it at once.
    fn upgrade(&mut self, agent: &mut Agent, round: u32) -> Result<()> {
        let (old, new) = if round % 2 == 1 { ("first", "second") } else { ("second", "first") };
        self.repo.replace("chart/values.yaml", &format!("message: {old}"), &format!("message: {new}"))?;
        let head = self.repo.push(BRANCH, &format!("Change {round}"))?;
        let names = self.apps(round);
        let meter = Meter::start(&self.cluster, agent.process.id())?;
        parallel(names.len(), |index| {
            let patch = json!({"metadata": {"annotations": {"windlass.dev/sync": head}}});
            self.cluster.api().merge(&format!("{}/{}", environments(&names[index]), names[index]), &patch).map(drop)
        })?;
        self.settled(agent, &head, &names)?;
        let phase = meter.stop(&self.cluster)?;
        self.done("upgrade", &phase);
        self.figures.upgrade.push(phase);
        Ok(())
    }

    /// Deployments deleted by hand come back.
    fn repair(&mut self, agent: &mut Agent, round: u32) -> Result<()> {
        std::thread::sleep(Duration::from_secs(3));
        let names: Vec<String> = self.apps(round).into_iter().take(DELETED).collect();
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
    fn settled(&self, agent: &mut Agent, head: &str, names: &[String]) -> Result<()> {
        let settled = |item: &Value| agent::settled_on(item, head);
        let waited = until_all(self.cluster.api(), "/apis/windlass.dev/v1alpha1/environments", names, settled, || agent.process.check());
        waited.with_context(|| agent.process.tail(10))
    }

    fn done(&self, name: &str, phase: &Phase) {
        let each = self.figures.each(phase);
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
