//! What the tests share: a cluster, an agent, repositories.

use serde_json::{Value, json};
use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
    process::Command,
    sync::{Mutex, OnceLock},
    time::{Duration, Instant},
};
use xtask::{
    cluster::{Cluster, Nodes, Options},
    git_server::GitServer,
    sys::Process,
};

struct World {
    cluster: Cluster,
    folder: PathBuf,
    port: u16,
    agent: Mutex<Option<Process>>,
    git: Mutex<Option<GitServer>>,
}

/// One test's view of the world: its namespace.
pub struct Fixture {
    world: &'static World,
    namespace: String,
}

fn world() -> &'static World {
    static WORLD: OnceLock<World> = OnceLock::new();
    WORLD.get_or_init(|| {
        let cluster = Cluster::start(Options { nodes: Nodes::Kwok(3), audit: true, ..Options::default() }).expect("the cluster starts");
        for file in ["manifests/crd.yaml", "manifests/receivers.yaml"] {
            let crd = Path::new(env!("CARGO_MANIFEST_DIR")).join(file);
            cluster.kubectl(&["apply", "--server-side", "-f", crd.to_str().expect("a plain path")]).expect("the CRD is taken");
        }
        cluster.kubectl(&["wait", "--for=condition=Established", "crd/environments.windlass.dev"]).expect("the CRD is ready");
        let chart = Path::new(env!("CARGO_MANIFEST_DIR")).join("manifests/chart");
        let policy = Command::new(env!("CARGO_BIN_EXE_windlass")).args(["template", "windlass"]).arg(&chart)
            .args(["--show-only", "templates/approvals.yaml"]).output().expect("windlass runs");
        cluster.apply(&String::from_utf8_lossy(&policy.stdout)).expect("the policy on approvals is taken");
        let folder = cluster.dir().join("e2e");
        std::fs::create_dir_all(&folder).expect("a folder for the tests");
        let port = std::net::TcpListener::bind("127.0.0.1:0").and_then(|socket| socket.local_addr()).expect("a free port").port();
        let world = World { agent: Mutex::new(None), git: Mutex::new(None), folder, port, cluster };
        *world.agent.lock().expect("no panic while held") = Some(world.start_agent());
        world
    })
}

impl World {
    /// Another replica: it stands by, as the first one leads.
    fn start_replica(&self, port: u16) -> Process {
        let program = Path::new(env!("CARGO_BIN_EXE_windlass"));
        let started = self.cluster.supervisor().spawn("replica", program, |command| {
            command.args(["agent", "--metrics-addr", &format!("127.0.0.1:{port}"), "--log-format", "text", "--leader-elect-lease-duration", "2s", "--cache-dir"]);
            command.arg(self.folder.join("cache-replica")).env("KUBECONFIG", self.cluster.kubeconfig());
        });
        started.expect("the replica starts")
    }

    fn start_agent(&self) -> Process {
        let cache = self.folder.join("cache");
        let program = Path::new(env!("CARGO_BIN_EXE_windlass"));
        let started = self.cluster.supervisor().spawn("agent", program, |command| {
            command.args(["agent", "--metrics-addr", &format!("127.0.0.1:{}", self.port), "--log-format", "text", "--leader-elect-lease-duration", "2s", "--cache-dir"]).arg(cache).env("KUBECONFIG", self.cluster.kubeconfig());
        });
        started.expect("the agent starts")
    }

    fn agent_log(&self) -> String {
        let agent = self.agent.lock().expect("no panic while held");
        agent.as_ref().and_then(|agent| std::fs::read_to_string(agent.log()).ok()).unwrap_or_default()
    }
}

impl Fixture {
    /// A namespace of its own in the shared world.
    pub fn get(namespace: &str) -> Fixture {
        let world = world();
        world.cluster.kubectl(&["create", "namespace", namespace]).expect("a fresh namespace");
        Fixture { world, namespace: namespace.into() }
    }

    /// Creates an object.
    pub fn create(&self, object: &Value) {
        self.world.cluster.apply(&object.to_string()).expect("the object is taken");
    }

    /// The agent's HTTP port.
    pub fn agent_port(&self) -> u16 {
        self.world.port
    }

    /// Another replica, which ends with this value, and its HTTP port.
    pub fn replica(&self) -> (Process, u16) {
        let port = xtask::sys::free_port().expect("a free port");
        (self.world.start_replica(port), port)
    }

    /// A command that goes on: windlass in the namespace, started with its output in a log.
    pub fn windlass_running(&self, args: &[&str]) -> Process {
        let started = self.world.cluster.supervisor().spawn(&format!("windlass-{}", self.namespace), Path::new(env!("CARGO_BIN_EXE_windlass")), |command| {
            command.args(args).args(["-n", &self.namespace]).env("KUBECONFIG", self.world.cluster.kubeconfig());
        });
        started.expect("windlass starts")
    }

    /// kubectl in the namespace; its standard output. That it succeeds is part of each test: what a question that cannot be asked is
    /// answered with is empty, too.
    pub fn kubectl(&self, args: &[&str]) -> String {
        let mut all = vec!["-n", &self.namespace];
        all.extend(args);
        let mut command = self.world.cluster.kubectl_command().expect("kubectl is built");
        let output = command.args(&all).output().expect("kubectl runs");
        assert!(output.status.success(), "kubectl {}: {}", all.join(" "), String::from_utf8_lossy(&output.stderr));
        String::from_utf8_lossy(&output.stdout).into_owned()
    }

    /// helm 4 in the namespace.
    pub fn helm(&self, args: &[&str]) -> String {
        self.helm_of("helm", args)
    }

    /// A helm (`helm`: version 4, `helm3`: version 3) in the namespace.
    pub fn helm_of(&self, tool: &str, args: &[&str]) -> String {
        let helm = xtask::tools::tool(tool).expect("helm is built");
        let output = Command::new(helm).args(args).args(["-n", &self.namespace])
            .env("KUBECONFIG", self.world.cluster.kubeconfig()).output().expect("helm runs");
        assert!(output.status.success(), "helm {args:?}: {}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8_lossy(&output.stdout).into_owned()
    }

    /// windlass in the namespace.
    pub fn windlass(&self, args: &[&str]) -> String {
        let output = Command::new(env!("CARGO_BIN_EXE_windlass")).args(args).args(["-n", &self.namespace])
            .env("KUBECONFIG", self.world.cluster.kubeconfig()).output().expect("windlass runs");
        assert!(output.status.success(), "windlass {args:?}: {}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8_lossy(&output.stdout).into_owned()
    }

    /// windlass, however it ends: what it printed and said.
    pub fn windlass_any(&self, args: &[&str]) -> String {
        self.windlass_by(self.world.cluster.kubeconfig(), args).1
    }

    /// windlass, however it ends: whether it was done, and what was said.
    pub fn windlass_by_admin(&self, args: &[&str]) -> (bool, String) {
        self.windlass_by(self.world.cluster.kubeconfig(), args)
    }

    /// windlass as another user: whether it was done, and what was said.
    pub fn windlass_as(&self, user: &str, args: &[&str]) -> (bool, String) {
        self.windlass_by(&self.kubeconfig(user), args)
    }

    fn windlass_by(&self, kubeconfig: &Path, args: &[&str]) -> (bool, String) {
        let mut command = Command::new(env!("CARGO_BIN_EXE_windlass"));
        let output = command.args(args).args(["-n", &self.namespace]).env("KUBECONFIG", kubeconfig).output().expect("windlass runs");
        told(&output)
    }

    fn kubeconfig(&self, user: &str) -> PathBuf {
        self.world.cluster.kubeconfig_for_user(user, None).expect("a kubeconfig")
    }

    /// kubectl as another user: whether it was done, and what was said.
    pub fn kubectl_as(&self, user: &str, args: &[&str]) -> (bool, String) {
        self.kubectl_with(user, args, "")
    }

    /// The same with text on its standard input.
    pub fn kubectl_with(&self, user: &str, args: &[&str], input: &str) -> (bool, String) {
        use std::io::Write as _;
        let mut command = self.world.cluster.kubectl_command().expect("kubectl is built");
        command.args(["-n", &self.namespace]).args(args).env("KUBECONFIG", self.kubeconfig(user));
        command.stdin(std::process::Stdio::piped()).stdout(std::process::Stdio::piped()).stderr(std::process::Stdio::piped());
        let mut child = command.spawn().expect("kubectl runs");
        child.stdin.take().expect("it is a pipe").write_all(input.as_bytes()).expect("kubectl reads");
        told(&child.wait_with_output().expect("kubectl ends"))
    }

    /// `kubectl edit` as another user, whose editor is sed.
    pub fn edit_as(&self, user: &str, object: &str, script: &str) -> (bool, String) {
        use std::os::unix::fs::PermissionsExt as _;
        let editor = self.world.folder.join(format!("editor-{}", self.namespace));
        std::fs::write(&editor, format!("#!/bin/sh\nexec sed -i '{script}' \"$1\"\n")).expect("the editor is written");
        std::fs::set_permissions(&editor, std::fs::Permissions::from_mode(0o755)).expect("it can be run");
        let mut command = self.world.cluster.kubectl_command().expect("kubectl is built");
        command.args(["-n", &self.namespace, "edit", object]).env("KUBECONFIG", self.kubeconfig(user)).env("KUBE_EDITOR", editor);
        told(&command.output().expect("kubectl runs"))
    }

    /// The same, and how it ended, whatever that was.
    pub fn windlass_ends(&self, args: &[&str]) -> (Option<i32>, String) {
        let output = Command::new(env!("CARGO_BIN_EXE_windlass")).args(args).args(["-n", &self.namespace])
            .env("KUBECONFIG", self.world.cluster.kubeconfig()).output().expect("windlass runs");
        let text = [output.stdout, output.stderr].map(|bytes| String::from_utf8_lossy(&bytes).into_owned()).concat();
        (output.status.code(), text)
    }

    /// Watches the namespace's Pods from a resource version on.
    pub fn watch_pods(&self, since: &str) -> PodWatch {
        let path = format!("/api/v1/namespaces/{}/pods?watch=true&resourceVersion={since}", self.namespace);
        let mut command = self.world.cluster.kubectl_command().expect("kubectl is built");
        let child = command.args(["get", "--raw", &path]).stdout(std::process::Stdio::piped()).spawn().expect("kubectl runs");
        PodWatch(child)
    }

    /// An object as JSON; null where there is none.
    pub fn get_json(&self, object: &str) -> Value {
        serde_json::from_str(&self.kubectl(&["get", object, "-o", "json", "--show-managed-fields", "--ignore-not-found"])).unwrap_or_default()
    }

    /// The cluster that all tests share.
    pub fn cluster(&self) -> &Cluster {
        &self.world.cluster
    }

    /// A field of an object, by JSON path; empty where there is no such object.
    pub fn field(&self, object: &str, path: &str) -> String {
        self.kubectl(&["get", object, "-o", &format!("jsonpath={path}"), "--ignore-not-found"])
    }

    /// The Environment.
    pub fn env(&self, name: &str) -> Value {
        let path = format!("/apis/windlass.dev/v1alpha1/namespaces/{}/environments/{name}", self.namespace);
        self.world.cluster.api().get(&path).unwrap_or_else(|error| panic!("reading Environment {name}: {error:#}"))
    }

    /// The namespace's name.
    pub fn namespace(&self) -> &str {
        &self.namespace
    }

    /// A plain client.
    pub fn api(&self) -> &xtask::cluster::Api {
        self.world.cluster.api()
    }

    /// The plural of a kind below `/apis/GROUP/VERSION`; `None` where the server has no such kind.
    pub fn plural(&self, prefix: &str, kind: &str) -> Option<String> {
        static KNOWN: Mutex<BTreeMap<String, Value>> = Mutex::new(BTreeMap::new());
        let mut known = KNOWN.lock().expect("no panic while held");
        let list = known.entry(prefix.to_owned()).or_insert_with(|| self.api().find(prefix).ok().flatten().unwrap_or_default());
        let resource = list["resources"].as_array()?.iter().find(|resource| {
            resource["kind"] == kind && !resource["name"].as_str().unwrap_or("/").contains('/')
        })?;
        Some(resource["name"].as_str()?.to_owned())
    }

    /// Waits until the Environment is as wanted.
    pub fn wait(&self, name: &str, limit: Duration, wanted: impl Fn(&Value) -> bool) -> Value {
        let start = Instant::now();
        loop {
            let env = self.env(name);
            if wanted(&env) {
                return env;
            }
            if start.elapsed() > limit {
                let log = self.world.agent_log();
                let log: Vec<&str> = log.lines().filter(|line| line.contains(&format!("{}/", self.namespace))).collect();
                panic!("{name} is not as wanted after {limit:?}: {:#}\n{}", env["status"], log.join("\n"));
            }
            std::thread::sleep(Duration::from_millis(100));
        }
    }

    /// Waits until something holds.
    pub fn until(&self, limit: Duration, what: &str, holds: impl Fn() -> bool) {
        let start = Instant::now();
        while !holds() {
            assert!(start.elapsed() < limit, "{what}: not within {limit:?}");
            std::thread::sleep(Duration::from_millis(100));
        }
    }
}

fn told(output: &std::process::Output) -> (bool, String) {
    let text = [&output.stdout[..], &output.stderr[..]].concat();
    (output.status.success(), String::from_utf8_lossy(&text).into_owned())
}

/// A watch that is running.
pub struct PodWatch(std::process::Child);

impl PodWatch {
    /// Ends it: each event's type and Pod, in order.
    pub fn finish(mut self) -> Vec<(String, Value)> {
        self.0.kill().expect("it runs until now");
        let output = self.0.wait_with_output().expect("its output can be read");
        let lines = String::from_utf8_lossy(&output.stdout).into_owned();
        let events = lines.lines().filter_map(|line| serde_json::from_str::<Value>(line).ok());
        events.map(|mut event| (event["type"].as_str().unwrap_or("").to_owned(), event["object"].take())).collect()
    }
}

/// A condition of an Environment; null where it has none.
pub fn condition(env: &Value, name: &str) -> Value {
    let list = env["status"]["conditions"].as_array().cloned().unwrap_or_default();
    list.into_iter().find(|c| c["type"] == name).unwrap_or_default()
}

/// Whether Ready has this status and (unless empty) this reason, and speaks of the present spec.
pub fn ready(env: &Value, status: &str, reason: &str) -> bool {
    let ready = condition(env, "Ready");
    let settled = condition(env, "Reconciling")["status"] == "False";
    ready["status"] == status && settled && (reason.is_empty() || ready["reason"] == reason)
}

/// An Environment named like its namespace; `more` is YAML below `spec`.
pub fn environment(name: &str, repo: &Repository, more: &str) -> Value {
    let mut env = json!({
        "apiVersion": "windlass.dev/v1alpha1", "kind": "Environment",
        "metadata": { "name": name, "namespace": name },
        "spec": { "source": { "git": { "url": repo.url(), "branch": "develop", "interval": "1s" } } },
    });
    if !more.is_empty() {
        let more = windlass::yaml::from_yaml(more.as_bytes()).expect("valid YAML");
        let more: Value = serde_json::from_str(&windlass::yaml::to_json(&more, false)).expect("JSON");
        for (key, value) in more.as_object().expect("a map") {
            env["spec"][key] = value.clone();
        }
    }
    env
}

/// An Environment of that name in the namespace.
pub fn named(name: &str, namespace: &str, repo: &Repository, more: &str) -> Value {
    let mut env = environment(name, repo, more);
    env["metadata"]["namespace"] = json!(namespace);
    env
}

/// A bare repository with a small chart on the branch `develop`, and a work tree to push from.
pub struct Repository {
    folder: PathBuf,
}

impl Repository {
    /// A fresh one with the small chart `shop`.
    pub fn new(name: &str) -> Repository {
        Repository::of(name, "tests/cases/shop")
    }

    /// A fresh one with the chart of that folder of the project.
    pub fn of(name: &str, chart: &str) -> Repository {
        let folder = world().folder.join("repositories").join(name);
        let work = folder.join("work");
        std::fs::create_dir_all(&work).expect("a folder");
        let repo = Repository { folder };
        repo.git(&["init", "-q", "-b", "develop", "."]);
        let chart = Path::new(env!("CARGO_MANIFEST_DIR")).join(chart);
        copy(&chart, &work);
        repo.git(&["add", "-A"]);
        repo.git(&["commit", "-q", "-m", "First"]);
        repo.git(&["clone", "-q", "--bare", ".", "../bare.git"]);
        repo
    }

    /// Its address.
    pub fn url(&self) -> String {
        format!("file://{}", self.folder.join("bare.git").display())
    }

    /// Its work tree: what is written there is nobody's until it is pushed.
    pub fn work(&self) -> PathBuf {
        self.folder.join("work")
    }

    /// Its address by smart HTTP, where it can be pushed to.
    pub fn http(&self) -> String {
        let world = world();
        let mut server = world.git.lock().expect("no panic while held");
        let root = world.folder.join("repositories");
        let server = server.get_or_insert_with(|| GitServer::start(&root, [127, 0, 0, 1].into()).expect("the git server starts"));
        self.git(&["--git-dir", "../bare.git", "config", "http.receivepack", "true"]);
        server.url(&format!("{}/bare.git", self.folder.file_name().and_then(|name| name.to_str()).expect("a plain name")))
    }

    /// The work tree: the chart's folder.
    pub fn chart(&self) -> PathBuf {
        self.folder.join("work")
    }

    /// The head's commit.
    pub fn head(&self) -> String {
        self.git(&["rev-parse", "HEAD"]).trim().to_owned()
    }

    /// A file's text.
    pub fn read(&self, path: &str) -> String {
        std::fs::read_to_string(self.folder.join("work").join(path)).expect("the file is there")
    }

    /// Changes a file, commits and pushes.
    pub fn push(&self, path: &str, change: impl Fn(&str) -> String) {
        let new = change(&self.read(path));
        std::fs::write(self.folder.join("work").join(path), new).expect("the file can be written");
        self.commit(&format!("Change {path}"));
    }

    /// Writes a whole file, commits and pushes.
    pub fn write(&self, path: &str, text: &str) {
        std::fs::write(self.folder.join("work").join(path), text).expect("the file can be written");
        self.commit(&format!("Write {path}"));
    }

    /// Writes a file, to be committed with the next push.
    pub fn put(&self, path: &str, text: &str) {
        std::fs::write(self.folder.join("work").join(path), text).expect("the file can be written");
    }

    /// Adds a file, commits and pushes.
    pub fn add(&self, path: &str, text: &str) {
        let file = self.folder.join("work").join(path);
        std::fs::create_dir_all(file.parent().expect("a file lies in a folder")).expect("a folder");
        std::fs::write(&file, text).expect("the file can be written");
        self.commit(&format!("Add {path}"));
    }

    /// The same, with a commit that an SSH key signs.
    pub fn signed(&self, key: &Path, path: &str, change: impl Fn(&str) -> String) {
        let new = change(&self.read(path));
        std::fs::write(self.folder.join("work").join(path), new).expect("the file can be written");
        let key = format!("user.signingkey={}", key.display());
        self.git(&["-c", "gpg.format=ssh", "-c", &key, "commit", "-q", "-a", "-S", "-m", "Signed"]);
        self.git(&["push", "-q", "../bare.git", "develop"]);
    }

    /// What git says in the bare repository: others push to it.
    pub fn remote(&self, args: &[&str]) -> String {
        let mut all = vec!["--git-dir", "../bare.git"];
        all.extend(args);
        self.git(&all)
    }

    /// Removes a file, commits and pushes.
    pub fn remove(&self, path: &str) {
        std::fs::remove_file(self.folder.join("work").join(path)).expect("the file is there");
        self.commit(&format!("Remove {path}"));
    }

    fn commit(&self, subject: &str) {
        self.git(&["add", "-A"]);
        self.git(&["commit", "-q", "-m", subject]);
        self.git(&["push", "-q", "../bare.git", "develop"]);
    }

    /// git in the work tree.
    pub fn git(&self, args: &[&str]) -> String {
        let output = Command::new("git")
            .args(["-c", "user.name=Test", "-c", "user.email=test@example.com", "-c", "commit.gpgsign=false"])
            .args(args)
            .current_dir(self.folder.join("work"))
            .output()
            .expect("git runs");
        assert!(output.status.success(), "git {args:?}: {}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8_lossy(&output.stdout).into_owned()
    }
}

/// Copies a folder with all below it.
pub fn copy(from: &Path, to: &Path) {
    for entry in std::fs::read_dir(from).expect("the folder is there") {
        let path = entry.expect("readable").path();
        let target = to.join(path.file_name().expect("it has a name"));
        if path.is_dir() {
            std::fs::create_dir_all(&target).expect("a folder");
            copy(&path, &target);
        } else {
            std::fs::copy(&path, &target).expect("a copy");
        }
    }
}
