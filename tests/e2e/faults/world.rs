//! What the fault tests share: a control plane, a repository, and for each case a namespace with an Environment, an agent and a
//! proxy between that agent and the API server.

use serde_json::{Value, json};
use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
    sync::{Mutex, OnceLock},
    time::{Duration, Instant},
};
use windlass::release;
use xtask::{
    cluster::{Cluster, Nodes, Options},
    proxy::Proxy,
    repo::Repo,
    sys::Process,
};

/// The program under test: `WINDLASS_BIN`, or the one that was built with these tests.
fn program() -> PathBuf {
    std::env::var_os("WINDLASS_BIN").map_or_else(|| env!("CARGO_BIN_EXE_windlass").into(), PathBuf::from)
}
/// The name of every Environment and release: states of different namespaces are compared.
pub const APP: &str = "app";
/// How long a lease lasts here: whoever comes after a killed agent waits for its end.
pub const LEASE: &str = "2s";
/// Within this time an operation has come to its end, faults and a busy machine included.
pub const SOON: Duration = Duration::from_secs(180);

/// A revision of the chart.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Revision {
    /// The first one: it has a ConfigMap that the others have not.
    First,
    /// A good one.
    Second,
    /// Its test fails.
    Bad,
}

/// The shared control plane and repository.
pub struct World {
    /// The control plane.
    pub cluster: Cluster,
    folder: PathBuf,
    repo: Mutex<Repo>,
    commits: [String; 3],
}

/// The one world of these tests.
pub fn world() -> &'static World {
    static WORLD: OnceLock<World> = OnceLock::new();
    WORLD.get_or_init(|| World::start(Options { nodes: Nodes::Kwok(1), audit: true, ..Options::default() }))
}

impl World {
    /// A control plane with the CRD, and a repository with the three revisions.
    pub fn start(options: Options) -> World {
        let cluster = Cluster::start(options).expect("the cluster starts");
        xtask::agent::install_crd(&cluster, &program()).expect("the CRD is taken");
        let folder = cluster.dir().join("faults");
        std::fs::create_dir_all(&folder).expect("a folder for the tests");
        let repo = Repo::create(&folder).expect("a repository");
        repo.copy_in(&xtask::sys::tests_dir().join("cases/faults-app"), ".").expect("the chart is copied");
        let push = |subject: &str, old: &str, new: &str| {
            repo.replace("values.yaml", old, new).expect("values.yaml is changed");
            repo.push("main", subject).expect("it is pushed")
        };
        let commits = [
            push("First", "message: first", "message: first"),
            push("Second", "message: first", "message: second"),
            push("Bad", "message: second\n# What becomes of the test's pod on a fake node: complete or fail.\ntest: complete", "message: bad\ntest: fail"),
        ];
        World { cluster, folder, repo: Mutex::new(repo), commits }
    }

    /// The commit of a revision.
    pub fn commit(&self, revision: Revision) -> &str {
        &self.commits[revision as usize]
    }

    /// Lets a branch be this revision.
    pub fn set(&self, branch: &str, revision: Revision) {
        let refspec = format!("{}:refs/heads/{branch}", self.commit(revision));
        self.repo().git(&["push", "--quiet", "--force", "origin", &refspec]).expect("the branch moves");
    }

    /// The repository; its work tree is one, so its users take turns.
    pub fn repo(&self) -> std::sync::MutexGuard<'_, Repo> {
        self.repo.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
    }

    /// An agent; with a namespace for its own only, under a lease of that namespace's name.
    pub fn agent(&self, name: &str, namespace: Option<&str>, kubeconfig: &Path) -> Process {
        self.agent_for(LEASE, name, namespace, kubeconfig)
    }

    /// The same under a lease of this length.
    pub fn agent_for(&self, lease: &str, name: &str, namespace: Option<&str>, kubeconfig: &Path) -> Process {
        let started = self.cluster.supervisor().spawn(name, &program(), |command| {
            command.args(["agent", "--metrics-addr", "127.0.0.1:0", "--log-format", "text", "--leader-elect-lease-duration", lease]);
            command.args(["--leader-elect-resource-namespace", "default", "--leader-elect-resource-name", namespace.unwrap_or("everybody")]);
            if let Some(namespace) = namespace {
                command.args(["--watch-namespace", namespace]);
            }
            let cache = self.folder.join(format!("cache-{}", namespace.unwrap_or(name)));
            command.arg("--cache-dir").arg(cache).arg("--kubeconfig").arg(kubeconfig);
            command.env_remove("KUBECONFIG").env("HOME", self.cluster.dir());
        });
        started.expect("the agent starts")
    }
}

/// A namespace with an Environment.
pub struct Case {
    /// Where.
    pub world: &'static World,
    /// The namespace, which is the branch's name too.
    pub namespace: String,
}

impl Case {
    /// A fresh one, whose branch is the first revision; the Environment is not created yet.
    pub fn new(world: &'static World, namespace: &str) -> Case {
        let object = json!({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": namespace}});
        world.cluster.api().create("/api/v1/namespaces", &object).expect("a fresh namespace");
        world.set(namespace, Revision::First);
        Case { world, namespace: namespace.into() }
    }

    /// Creates the Environment.
    pub fn create(&self) {
        self.create_with(json!({}));
    }

    /// Creates the Environment with some keys of its spec set otherwise.
    pub fn create_with(&self, spec: Value) {
        let url = self.world.repo().url();
        let mut object = json!({
            "apiVersion": "windlass.dev/v1alpha1", "kind": "Environment",
            "metadata": {"name": APP, "namespace": self.namespace},
            "spec": {
                "source": {"git": {"url": url, "branch": self.namespace, "interval": "1s"}},
                "sync": {"retry": {"limit": 50, "backoff": "50ms"}},
                "health": {"timeout": "3m"}, "tests": {"timeout": "3m"},
            },
        });
        for (key, value) in spec.as_object().into_iter().flatten() {
            object["spec"][key] = value.clone();
        }
        let path = format!("/apis/windlass.dev/v1alpha1/namespaces/{}/environments", self.namespace);
        self.world.cluster.api().create(&path, &object).expect("the Environment is taken");
    }

    /// Deletes the Environment.
    pub fn delete(&self) {
        self.world.cluster.api().delete(&xtask::agent::environment_path(&self.namespace, APP)).expect("the deletion is taken");
    }

    /// A proxy of its own, and a kubeconfig that leads to it.
    pub fn proxy(&self, user: &str) -> (Proxy, PathBuf) {
        let proxy = Proxy::start(&self.world.cluster, user).expect("the proxy starts");
        let path = self.world.folder.join(format!("{user}.kubeconfig"));
        let path = proxy.kubeconfig(&path).expect("its kubeconfig is written");
        (proxy, path)
    }

    /// The Environment; `None` when it has gone.
    pub fn environment(&self) -> Option<Value> {
        self.world.cluster.api().find(&xtask::agent::environment_path(&self.namespace, APP)).ok().flatten()
    }

    /// The objects of a collection in the namespace.
    pub fn list(&self, path: &str) -> Vec<Value> {
        let (prefix, plural) = path.rsplit_once('/').expect("as apis/apps/v1/deployments");
        let path = format!("/{prefix}/namespaces/{}/{plural}", self.namespace);
        let list = self.world.cluster.api().get(&path).unwrap_or_else(|error| panic!("{path}: {error:#}"));
        list["items"].as_array().cloned().unwrap_or_default()
    }

    /// Number and status of each release record, rising.
    pub fn records(&self) -> Vec<(u64, String)> {
        let secrets = self.list("api/v1/secrets");
        let label = |secret: &Value, name: &str| secret["metadata"]["labels"][name].as_str().unwrap_or_default().to_owned();
        let records = secrets.iter().filter(|secret| secret["type"] == "helm.sh/release.v1");
        let mut records: Vec<_> = records.map(|s| (label(s, "version").parse().unwrap_or(0), label(s, "status"))).collect();
        records.sort();
        records
    }

    /// Everything that should be the same after a fault as without it, in words.
    pub fn state(&self) -> BTreeMap<String, Value> {
        let mut state = BTreeMap::new();
        for path in ["api/v1/configmaps", "api/v1/services", "apis/apps/v1/deployments", "apis/batch/v1/jobs"] {
            for object in self.list(path) {
                let name = object["metadata"]["name"].as_str().unwrap_or_default();
                if name != "kube-root-ca.crt" && !name.starts_with("windlass.") {
                    state.insert(format!("{path}/{name}"), content(path, &object));
                }
            }
        }
        for secret in self.list("api/v1/secrets").iter().filter(|secret| secret["type"] == "helm.sh/release.v1") {
            let stored = release::read(secret).expect("a release record can be read");
            let release = stored.release;
            let what = json!({
                "status": secret["metadata"]["labels"]["status"], "manifest": release.manifest.replace(&self.namespace, "NAMESPACE"),
                "hooks": release.hooks.iter().map(|hook| hook.name.clone()).collect::<Vec<_>>(), "namespace": release.namespace == self.namespace,
            });
            state.insert(format!("release {}", release.version), what);
        }
        if let Some(env) = self.environment() {
            let [ready, reason, _] = xtask::agent::condition(&env, "Ready");
            let [rolled_back, ..] = xtask::agent::condition(&env, "RolledBack");
            state.insert("environment".into(), json!({"ready": ready, "reason": reason, "rolledBack": rolled_back, "tests": env["status"]["tests"]["summary"]}));
        }
        state
    }

    /// Waits until something holds of the Environment (`None`: it has gone).
    pub fn until(&self, what: &str, agent: &Process, mut holds: impl FnMut(Option<&Value>) -> bool) {
        let begun = Instant::now();
        loop {
            let env = self.environment();
            if holds(env.as_ref()) {
                return;
            }
            if begun.elapsed() > SOON {
                let status = env.map(|env| env["status"]["conditions"].clone()).unwrap_or_default();
                panic!("{}: {what}: not within {SOON:?}: {status:#}\nrecords {:?}\n{}", self.namespace, self.records(), agent.tail(60));
            }
            std::thread::sleep(Duration::from_millis(100));
        }
    }
}

/// An object without what the server makes of it: numbers, times, addresses, names of its own.
fn content(path: &str, object: &Value) -> Value {
    if path.ends_with("jobs") {
        let ended = object["status"]["conditions"].as_array().into_iter().flatten().filter(|c| c["status"] == "True");
        let ended: Vec<&Value> = ended.map(|c| &c["type"]).filter(|t| *t == "Complete" || *t == "Failed").collect();
        return json!({"ended": ended, "containers": object["spec"]["template"]["spec"]["containers"]});
    }
    let mut spec = object["spec"].clone();
    if let Some(spec) = spec.as_object_mut() {
        spec.remove("clusterIP");
        spec.remove("clusterIPs");
    }
    json!({"spec": spec, "data": object["data"]})
}

/// Whether the Environment is settled on this release with this commit.
pub fn settled(env: Option<&Value>, commit: &str, number: u64) -> bool {
    env.is_some_and(|env| at_rest(env) && xtask::agent::settled_on(env, commit) && env["status"]["release"]["number"] == number)
}

/// Whether nothing is under way.
pub fn at_rest(env: &Value) -> bool {
    let [reconciling, ..] = xtask::agent::condition(env, "Reconciling");
    reconciling == "False"
}
