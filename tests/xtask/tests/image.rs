//! The agent as people run it: from its image, as the Deployment of `manifests/install.yaml`, with that file's rights, on the real
//! node; then updating itself from git by its own chart. `cargo xtask test node` runs this, as root.

use std::process::Command;
use std::time::Duration;

use serde_json::{Value, json};
use xtask::agent::{self, condition, environment_path, settled_on};
use xtask::cluster::{Cluster, Nodes, Options};
use xtask::git_server::GitServer;
use xtask::images::{self, Image};
use xtask::repo::Repo;
use xtask::sys;

const LIMIT: Duration = Duration::from_secs(150);

/// The tag of the agent that the running one brings in its own place.
const NEXT: &str = "next";

/// What the tests work with; the real node is one, so they share it.
struct World {
    cluster: Cluster,
    repo: Repo,
    git: GitServer,
}

impl World {
    fn start() -> Self {
        let binary = agent::static_binary().unwrap();
        let cluster = Cluster::start(Options { nodes: Nodes::Real, audit: true, ..Options::default() }).expect("the node starts");
        for name in [images::WINDLASS.to_owned(), images::WINDLASS.replace(":0.1.0", &format!(":{NEXT}"))] {
            cluster.import_image(&Image::windlass(&name, &binary).unwrap()).unwrap();
        }
        let repo = Repo::create(cluster.dir()).unwrap();
        let host = cluster.server().trim_start_matches("https://").split(':').next().unwrap().parse().unwrap();
        let git = GitServer::start(cluster.dir(), host).unwrap();
        World { cluster, repo, git }
    }

    fn create(&self, name: &str, spec: Value) {
        let namespace = name;
        let mut object = json!({"apiVersion": "windlass.dev/v1alpha1", "kind": "Environment"});
        object["metadata"] = json!({"name": name, "namespace": namespace});
        object["spec"] = spec;
        let path = format!("/apis/windlass.dev/v1alpha1/namespaces/{namespace}/environments");
        self.cluster.api().create(&path, &object).unwrap();
    }

    fn source(&self, branch: &str) -> Value {
        json!({"git": {"url": self.git.url("repo.git"), "branch": branch, "path": "chart", "interval": "2s"}})
    }

    /// Waits for a state of the Environment; a failure shows what it last said, and the agent's log.
    fn wait(&self, name: &str, what: &str, done: impl Fn(&Value) -> bool) -> Value {
        let mut last = String::new();
        let waited = sys::wait_for(what, LIMIT, || {
            let environment = self.cluster.api().get(&environment_path(name, name))?;
            last = condition(&environment, "Ready").join(" ");
            Ok(done(&environment).then_some(environment))
        });
        waited.unwrap_or_else(|error| panic!("{error:#}: {name} says {last}\n{}\n{}", self.pods(), self.log()))
    }

    fn log(&self) -> String {
        let log = self.cluster.kubectl(&["-n", "windlass", "logs", "-l", "app.kubernetes.io/name=windlass", "--tail", "30", "--prefix"]);
        log.unwrap_or_else(|error| format!("{error:#}"))
    }

    fn pods(&self) -> String {
        let pods = self.cluster.kubectl(&["get", "pods", "-A", "-o", "wide"]).unwrap_or_default();
        let events = self.cluster.kubectl(&["-n", "windlass", "get", "events"]).unwrap_or_default();
        format!("{pods}\n{events}")
    }

    fn rollout(&self, namespace: &str, name: &str) {
        let rollout = ["-n", namespace, "rollout", "status", &format!("deployment/{name}"), "--timeout=120s"].map(str::to_owned);
        self.cluster.kubectl(&rollout).unwrap_or_else(|error| panic!("{error:#}\n{}\n{}", self.pods(), self.log()));
    }

    /// Requests that the agent was refused for want of a right.
    fn forbidden(&self) -> Vec<String> {
        let requests = self.cluster.requests().unwrap();
        let refused = requests.iter().filter(|r| r.user == "system:serviceaccount:windlass:windlass" && r.code == 403);
        refused.map(|r| format!("{} {}", r.verb, r.uri)).collect()
    }
}

fn words(text: &[&str]) -> Vec<String> {
    text.iter().map(|word| (*word).to_owned()).collect()
}

#[test]
fn the_image_syncs_with_the_rights_of_the_manifests_and_updates_itself() {
    let world = World::start();
    let word = syncs(&world);
    updates_itself(&world, &word);
}

/// `install.yaml` and one RoleBinding are all that it needs. Gives the word that broke the test.
fn syncs(world: &World) -> String {
    let install = std::fs::read_to_string(sys::root_dir().join("manifests/install.yaml")).unwrap();
    world.cluster.apply(&install).unwrap();
    world.cluster.kubectl(&["create", "namespace", "shop"]).unwrap();
    let binding = "-n shop create rolebinding windlass --clusterrole admin --serviceaccount windlass:windlass";
    world.cluster.kubectl(&words(&binding.split(' ').collect::<Vec<_>>())).unwrap();
    world.rollout("windlass", "windlass");
    world.repo.copy_in(&sys::tests_dir().join("cases/sample-app"), "chart").unwrap();
    let first = world.repo.push("develop", "Welcome people").unwrap();
    world.create("shop", json!({"source": world.source("develop"), "health": {"timeout": "90s"}}));
    let environment = world.wait("shop", "the first release", |e| settled_on(e, &first));
    assert_eq!(environment["status"]["tests"]["summary"], "1/1");
    let word = format!("word-{}", std::process::id());
    world.repo.replace("chart/values.yaml", "welcome aboard", &word).unwrap();
    world.repo.push("develop", "Break the test").unwrap();
    let environment = world.wait("shop", "the roll back", |e| condition(e, "RolledBack")[0] == "True" && condition(e, "Reconciling")[0] == "False");
    let message = &condition(&environment, "Ready")[2];
    assert!(message.contains(&word), "the log of the test is not in the condition: {message}");
    assert_eq!(world.forbidden(), Vec::<String>::new(), "rights that the manifests lack");
    let pod = world.cluster.kubectl(&["-n", "windlass", "get", "pods", "-o", "jsonpath={.items[0].status.containerStatuses[0]}"]).unwrap();
    assert!(pod.contains("\"restartCount\":0"), "{pod}");
    word
}

/// Its own chart on a branch; the tag of its image changes there.
fn updates_itself(world: &World, word: &str) {
    let chart = sys::root_dir().join("manifests/chart");
    let mut template = Command::new(agent::static_binary().unwrap());
    template.args(["template", "windlass", "--namespace", "windlass", "--set", "rbac.self=true"]).arg(&chart);
    world.cluster.apply(&sys::run(&mut template).unwrap()).unwrap();
    world.repo.git(&["checkout", "--quiet", "--orphan", "self"]).unwrap();
    world.repo.git(&["rm", "-rfq", "."]).unwrap();
    world.repo.copy_in(&chart, "chart").unwrap();
    world.repo.replace("chart/values.yaml", "self: false", "self: true").unwrap();
    let first = world.repo.push("self", "The chart as it runs").unwrap();
    // What kubectl applied it holds as well: the release takes it over.
    world.create("windlass", json!({"source": world.source("self"), "sync": {"forceConflicts": true}}));
    world.wait("windlass", "the agent's own release", |e| settled_on(e, &first));
    world.repo.replace("chart/values.yaml", "tag: \"\"", &format!("tag: {NEXT}")).unwrap();
    let second = world.repo.push("self", "The next agent").unwrap();
    world.wait("windlass", "the agent's update of itself", |e| settled_on(e, &second));
    world.rollout("windlass", "windlass");
    let pods = sys::wait_for("the end of the old agent", LIMIT, || {
        let list = world.cluster.api().get("/api/v1/namespaces/windlass/pods")?;
        Ok(list["items"].as_array().filter(|pods| pods.len() == 1).cloned())
    });
    let image = pods.unwrap()[0]["spec"]["containers"][0]["image"].clone();
    assert_eq!(image, format!("windlass:{NEXT}"));
    let secrets = world.cluster.api().get("/api/v1/namespaces/windlass/secrets?labelSelector=owner%3Dhelm").unwrap();
    let pending = secrets["items"].as_array().unwrap().iter().filter(|s| s["metadata"]["labels"]["status"].as_str().unwrap().starts_with("pending"));
    assert_eq!(pending.count(), 0);
    // And goes on with what it had.
    world.repo.git(&["checkout", "--quiet", "--force", "-B", "develop", "origin/develop"]).unwrap();
    world.repo.replace("chart/values.yaml", word, "welcome again").unwrap();
    let third = world.repo.push("develop", "Mend it").unwrap();
    world.wait("shop", "a release by the new agent", |e| settled_on(e, &third));
}
