//! `cargo xtask demo`: the main job, shown on a cluster of its own. Each step is waited for and checked.

use std::path::PathBuf;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use serde_json::{Value, json};

use crate::agent::{self, Agent};
use crate::cluster::{Cluster, Nodes, Options, node};
use crate::repo::Repo;
use crate::sys;
use crate::traffic::Traffic;

/// Name of the Environments, the release and the Service.
const APP: &str = "sample";

/// One namespace and one branch for each.
const STAGES: [&str; 3] = ["develop", "staging", "production"];

/// How often the agent looks at a branch here.
const INTERVAL: &str = "2s";

/// How long one step may take before the demo gives up.
const STEP_LIMIT: Duration = Duration::from_secs(180);

/// What was asked for.
pub struct Demo {
    /// Fake nodes even where a real one could be had.
    pub kwok: bool,
    /// End after the last step instead of staying up.
    pub check: bool,
    /// All pods of the application go before new ones come: requests have to be lost. For a test of the count.
    pub recreate: bool,
    /// Note in this file each program that the agent starts, by strace.
    pub trace: Option<PathBuf>,
}

/// Everything that runs.
struct Stage {
    cluster: Cluster,
    repo: Repo,
    agent: Agent,
    started: Instant,
    real: bool,
}

/// Runs it. With `check` an error means that a step was not seen.
pub fn run(demo: &Demo) -> Result<()> {
    let started = Instant::now();
    let nodes = choose_nodes(demo.kwok, started);
    let real = nodes == Nodes::Real;
    say(started, "building windlass (cargo build)");
    let binary = agent::binary("dev")?;
    say(started, "starting Kubernetes: etcd, kube-apiserver, controllers, nodes");
    let cluster = Cluster::start(Options { nodes, ..Options::default() })?;
    say(started, &format!("the cluster is up: export KUBECONFIG={}", cluster.kubeconfig().display()));
    agent::install_crd(&cluster, &binary)?;
    let repo = Repo::create(cluster.dir())?;
    repo.copy_in(&sys::tests_dir().join("cases/sample-app"), "chart")?;
    if demo.recreate {
        repo.replace("chart/values.yaml", "strategy: RollingUpdate", "strategy: Recreate")?;
    }
    let agent = Agent::start_traced(&cluster, &binary, cluster.kubeconfig(), demo.trace.as_deref())?;
    let mut stage = Stage { cluster, repo, agent, started, real };
    let first = stage.first_deployment()?;
    let traffic = stage.traffic()?;
    let good = stage.good_push(&first)?;
    stage.bad_push(&good)?;
    stage.repair()?;
    if let Some(traffic) = &traffic {
        let (sent, lost) = traffic.counts();
        stage.say(&format!("{sent} requests were sent to the application meanwhile, {lost} of them lost"));
        let why = traffic.first_loss().unwrap_or_default();
        ensure!(sent > 0, "no request was sent");
        ensure!(lost == 0 || demo.recreate, "requests were lost, the first to: {why}");
        ensure!(lost > 0 || !demo.recreate, "no request was lost though all pods went at once");
    }
    drop(traffic);
    stage.say("all of it was seen");
    if demo.check {
        return Ok(());
    }
    stage.what_to_look_at();
    loop {
        stage.agent.process.check()?;
        stage.cluster.check()?;
        std::thread::sleep(Duration::from_secs(1));
    }
}

fn choose_nodes(kwok: bool, started: Instant) -> Nodes {
    match (kwok, node::possible()) {
        (true, _) => say(started, "with fake nodes (kwok), as asked: pods are objects, nothing runs in them"),
        (false, Ok(())) => {
            say(started, "with a real node: this machine, by containerd and kubelet");
            return Nodes::Real;
        }
        (false, Err(why)) => say(started, &format!("with fake nodes (kwok): {why:#}")),
    }
    Nodes::Kwok(3)
}

fn say(started: Instant, text: &str) {
    println!("[{:6.1} s] {text}", started.elapsed().as_secs_f64());
}

impl Stage {
    fn say(&self, text: &str) {
        say(self.started, text);
    }

    /// Waits for a state of an Environment, and shows each sentence of its Ready condition on the way.
    fn follow(&mut self, namespace: &str, what: &str, done: impl Fn(&Value) -> bool) -> Result<Value> {
        let mut shown = String::new();
        let started = self.started;
        sys::wait_for(what, STEP_LIMIT, || {
            self.agent.process.check()?;
            let environment = self.cluster.api().get(&agent::environment_path(namespace, APP))?;
            let [_, reason, message] = agent::condition(&environment, "Ready");
            let now = format!("{reason}: {message}");
            if !reason.is_empty() && now != shown {
                say(started, &format!("    {namespace}/{APP}: {now}"));
                shown = now;
            }
            Ok(done(&environment).then_some(environment))
        })
        .with_context(|| format!("{namespace}/{APP} last said: {shown}; the agent's last lines:\n{}", self.agent.process.tail(8)))
    }

    fn first_deployment(&mut self) -> Result<String> {
        self.say("a repository with the branches develop, staging and production; one Environment follows each");
        let mut commit = String::new();
        for name in STAGES {
            commit = self.repo.push(name, "Welcome people")?;
            let namespace = json!({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name}});
            self.cluster.api().create("/api/v1/namespaces", &namespace)?;
            let environment = self.manifest(name);
            let path = format!("/apis/windlass.dev/v1alpha1/namespaces/{name}/environments");
            self.cluster.api().create(&path, &environment)?;
        }
        for name in STAGES {
            let branch = self.repo.git(&["ls-remote", "origin", &format!("refs/heads/{name}")])?;
            let head = branch.split_whitespace().next().unwrap_or_default().to_owned();
            self.follow(name, &format!("the first deployment to {name}"), |e| agent::settled_on(e, &head))?;
        }
        Ok(commit)
    }

    fn manifest(&self, name: &str) -> Value {
        json!({
            "apiVersion": "windlass.dev/v1alpha1", "kind": "Environment",
            "metadata": {"name": APP, "namespace": name},
            "spec": {
                "source": {"git": {"url": self.repo.url(), "branch": name, "path": "chart", "interval": INTERVAL}},
                "release": {"name": APP},
                "values": {"files": [format!("values-{name}.yaml")]},
                "health": {"timeout": "90s"},
                "tests": {"timeout": "60s"},
            },
        })
    }

    /// Requests to the application in `develop`, where something really runs.
    fn traffic(&self) -> Result<Option<Traffic>> {
        if !self.real {
            return Ok(None);
        }
        let service = self.cluster.api().get(&format!("/api/v1/namespaces/develop/services/{APP}"))?;
        let address = service["spec"]["clusterIP"].as_str().context("the Service has no address")?.to_owned();
        self.say(&format!("from now on requests go to http://{address}/ all the time"));
        Ok(Some(Traffic::start(&format!("http://{address}/"))))
    }

    fn good_push(&mut self, first: &str) -> Result<String> {
        self.repo.replace("chart/values.yaml", "welcome aboard", "welcome on deck")?;
        let commit = self.repo.push("develop", "Say where people are welcome")?;
        ensure!(commit != first, "the push made no commit");
        self.say(&format!("1. pushed {} to develop: it gets deployed and tested", &commit[..12]));
        self.follow("develop", "the deployment of a push", |e| agent::settled_on(e, &commit))?;
        self.expect_page("welcome on deck")?;
        Ok(commit)
    }

    fn bad_push(&mut self, good: &str) -> Result<()> {
        let word = word()?;
        self.repo.replace("chart/values.yaml", "welcome on deck", &format!("go away, {word}"))?;
        let commit = self.repo.push("develop", "Be rude")?;
        self.say(&format!("2. pushed {} to develop, which fails its test: it gets rolled back", &commit[..12]));
        let environment = self.follow("develop", "the rollback of a bad push", |e| {
            let [rolled_back, ..] = agent::condition(e, "RolledBack");
            rolled_back == "True" && agent::names_commit(&e["status"]["attemptedRevision"], &commit)
        })?;
        let [_, _, message] = agent::condition(&environment, "RolledBack");
        self.say(&format!("    RolledBack: {message}"));
        // Nothing runs on fake nodes, so nothing was printed.
        ensure!(
            !self.real || message.contains(&word), "the condition does not quote what the test printed ({word}): {message}");
        ensure!(agent::names_commit(&environment["status"]["lastGoodRevision"], good), "{good} is not the last good one");
        self.expect_page("welcome on deck")
    }

    fn repair(&mut self) -> Result<()> {
        self.say("3. by hand: kubectl -n develop scale deployment sample --replicas=5");
        self.cluster.kubectl(&["-n", "develop", "scale", "deployment", APP, "--replicas=5"])?;
        let path = format!("/apis/apps/v1/namespaces/develop/deployments/{APP}");
        sys::wait_for("the repair of a change made by hand", STEP_LIMIT, || {
            self.agent.process.check()?;
            let deployment = self.cluster.api().get(&path)?;
            Ok((deployment["spec"]["replicas"] == 2).then_some(()))
        })?;
        self.say("    the Deployment has its 2 replicas again");
        self.expect_page("welcome on deck")
    }

    /// What is live: the ConfigMap on fake nodes, what the application answers on the real one.
    fn expect_page(&self, text: &str) -> Result<()> {
        let api = self.cluster.api();
        let map = api.get(&format!("/api/v1/namespaces/develop/configmaps/{APP}"))?;
        let page = map["data"]["index.html"].as_str().unwrap_or_default();
        ensure!(page.contains(text), "the ConfigMap says {page:?}, not {text:?}");
        if self.real {
            let service = api.get(&format!("/api/v1/namespaces/develop/services/{APP}"))?;
            let url = format!("http://{}/", service["spec"]["clusterIP"].as_str().unwrap_or_default());
            // For a moment after a rollout pods that have to go still answer.
            let page = sys::wait_for(&format!("{text:?} from {url}"), STEP_LIMIT, || {
                let page = ureq::get(&url).call()?.body_mut().read_to_string()?;
                Ok(page.contains(text).then_some(page))
            })?;
            self.say(&format!("    the application says: {}", page.trim()));
        }
        Ok(())
    }

    fn what_to_look_at(&self) {
        let dir = self.cluster.dir().display();
        println!("\nTo look at (in another terminal):");
        println!("  export KUBECONFIG={}", self.cluster.kubeconfig().display());
        println!("  kubectl get environments -A         kubectl -n develop describe environment {APP}");
        println!("  helm list -A                        helm -n develop history {APP}");
        if let Some(address) = &self.agent.address {
            println!("  curl http://{address}/metrics       dashboards: manifests/grafana, alerts: manifests/alerts.yaml");
        }
        println!("  tail -f {dir}/agent.log");
        println!("  cd {}       # edit chart/values.yaml, commit, git push origin HEAD:develop", self.repo.work().display());
        println!("^C ends all of it.");
    }
}

/// A word that no other run has.
fn word() -> Result<String> {
    let nanos = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH)?.as_nanos();
    Ok(format!("word-{:x}", nanos ^ u128::from(std::process::id())))
}
