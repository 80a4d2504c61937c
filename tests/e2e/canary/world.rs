//! The canary's world: a control plane, an agent whose log tells everything, a git server and a registry that want passwords.

use crate::registry::{Made, Registry};
use serde_json::{Value, json};
use std::{
    cell::RefCell,
    io::{Read as _, Write as _},
    path::{Path, PathBuf},
    process::Command,
    time::{Duration, Instant},
};
use windlass::webhooks::path_token;
use xtask::{
    cluster::{Cluster, Nodes, Options},
    git_server::GitServer,
    repo::Repo,
    sys::Process,
};

const PROGRAM: &str = env!("CARGO_BIN_EXE_windlass");
const SOON: Duration = Duration::from_secs(120);
const USER: &str = "ship";
/// Files beyond this are packs and programs, not notes.
const MAX_FILE: u64 = 64 << 20;

/// An age identity made by age-keygen.
pub fn age_identity(folder: &Path) -> String {
    std::fs::create_dir_all(folder).expect("a folder");
    let file = folder.join("age.txt");
    run(Command::new(xtask::tools::tool("age-keygen").expect("age-keygen is built")).arg("-o").arg(&file));
    std::fs::read_to_string(file).expect("the identity")
}

/// An SSH key made by OpenSSH.
pub fn ssh_key(folder: &Path) -> String {
    let file = folder.join("signing");
    run(Command::new("ssh-keygen").args(["-q", "-t", "ed25519", "-N", "", "-f"]).arg(&file));
    std::fs::read_to_string(file).expect("the key")
}

/// Whether the Environment is settled and good.
pub fn good(env: &Value) -> bool {
    xtask::agent::condition(env, "Ready")[0] == "True" && xtask::agent::condition(env, "Reconciling")[0] == "False"
}

fn run(command: &mut Command) -> Vec<u8> {
    let output = command.output().unwrap_or_else(|error| panic!("{command:?}: {error}"));
    assert!(output.status.success(), "{command:?}: {}", String::from_utf8_lossy(&output.stderr));
    output.stdout
}

/// See the module.
pub struct World {
    cluster: Cluster,
    folder: PathBuf,
    repo: Repo,
    url: String,
    registry: Registry,
    runtime: tokio::runtime::Runtime,
    port: u16,
    agent: Process,
    said: RefCell<Vec<u8>>,
}

impl World {
    /// Starts all of it.
    pub fn start(folder: &Path, git_password: &str, registry_password: &str) -> World {
        let cluster = Cluster::start(Options { nodes: Nodes::Kwok(1), ..Options::default() }).expect("the cluster starts");
        for file in ["manifests/crd.yaml", "manifests/receivers.yaml"] {
            let crd = Path::new(env!("CARGO_MANIFEST_DIR")).join(file);
            cluster.kubectl(&["apply", "--server-side", "-f", crd.to_str().expect("a plain path")]).expect("the CRD is taken");
        }
        cluster.kubectl(&["wait", "--for=condition=Established", "crd/environments.windlass.dev", "crd/receivers.windlass.dev"]).expect("the CRDs are ready");
        cluster.kubectl(&["create", "namespace", "canary"]).expect("a namespace");
        let repo = Repo::create(folder).expect("a repository");
        repo.copy_in(&xtask::sys::tests_dir().join("cases/canary"), ".").expect("the chart is copied");
        repo.git(&["--git-dir", repo.bare().to_str().expect("a plain path"), "config", "http.receivepack", "true"]).expect("it can be pushed to");
        let server = GitServer::locked(folder, [127, 0, 0, 1].into(), USER, git_password).expect("the git server starts");
        let url = server.url(repo.bare().file_name().and_then(|name| name.to_str()).expect("a plain name"));
        let registry = Registry::locked(USER, registry_password);
        repo.replace("values.yaml", "image: busybox", &format!("image: {}/shop/web", registry.host())).expect("values.yaml is changed");
        let port = xtask::sys::free_port().expect("a free port");
        for name in ["tmp", "tmp-cli", "cache", "other"] {
            std::fs::create_dir(folder.join(name)).expect("a folder");
        }
        let agent = cluster.supervisor().spawn("canary-agent", Path::new(PROGRAM), |command| {
            command.args(["agent", "--metrics-addr", &format!("127.0.0.1:{port}"), "--log-level", "trace", "--leader-elect-lease-duration", "2s"]);
            command.arg("--cache-dir").arg(folder.join("cache")).arg("--kubeconfig").arg(cluster.kubeconfig());
            command.env("TMPDIR", folder.join("tmp")).env("RUST_BACKTRACE", "1").env("HOME", cluster.dir());
        });
        World {
            folder: folder.to_owned(),
            agent: agent.expect("the agent starts"),
            runtime: tokio::runtime::Builder::new_multi_thread().enable_all().build().expect("a runtime"),
            said: RefCell::default(),
            cluster, repo, url, registry, port,
        }
    }

    /// Where files of this test may lie.
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// The repository's address.
    pub fn url(&self) -> &str {
        &self.url
    }

    /// kubectl in the namespace; its standard output.
    pub fn kubectl(&self, args: &[&str]) -> String {
        let all = [&["-n", "canary"], args].concat();
        self.cluster.kubectl(&all).unwrap_or_else(|error| panic!("kubectl {args:?}: {error:#}"))
    }

    /// A Secret with one entry; it takes the place of the one before.
    pub fn secret(&self, name: &str, key: &str, text: &str) {
        self.apply(&json!({ "apiVersion": "v1", "kind": "Secret", "metadata": { "name": name, "namespace": "canary" }, "stringData": { key: text } }));
    }

    /// A Secret with user and password.
    pub fn login(&self, name: &str, password: &str) {
        let data = json!({ "username": USER, "password": password });
        self.apply(&json!({ "apiVersion": "v1", "kind": "Secret", "metadata": { "name": name, "namespace": "canary" }, "stringData": data }));
    }

    fn apply(&self, object: &Value) {
        self.cluster.apply(&object.to_string()).expect("the object is taken");
    }

    /// An entry of a Secret, decoded.
    pub fn decoded(&self, secret: &str, key: &str) -> String {
        let text = self.kubectl(&["get", "secret", secret, "-o", &format!("jsonpath={{.data.{key}}}")]);
        let bytes = base64::Engine::decode(&base64::engine::general_purpose::STANDARD, text.trim()).expect("base64");
        String::from_utf8(bytes).expect("a text")
    }

    /// A file of the chart, encrypted by sops for the age identity.
    pub fn encrypt(&self, name: &str, text: &str) {
        let identity = std::fs::read_to_string(self.folder.join("age.txt")).expect("the identity");
        let public = identity.lines().find_map(|line| line.strip_prefix("# public key: ")).expect("it says whom it is for");
        let file = self.folder.join("plain").join(name);
        std::fs::create_dir_all(file.parent().expect("it lies in a folder")).expect("a folder");
        std::fs::write(&file, text).expect("it is written");
        let encrypted = run(Command::new(xtask::tools::tool("sops").expect("sops is built")).args(["encrypt", "--age", public]).arg(&file));
        std::fs::write(self.repo.work().join(name), encrypted).expect("it is written");
    }

    /// Replaces text in a file of the chart.
    pub fn replace(&self, file: &str, old: &str, new: &str) {
        self.repo.replace(file, old, new).expect("the file is changed");
    }

    /// Commits and pushes, on top of what the agent committed.
    pub fn push(&self, subject: &str) -> String {
        self.repo.git(&["add", "--all"]).expect("git add");
        self.repo.git(&["commit", "--quiet", "--message", subject]).expect("git commit");
        if subject != "First" {
            self.repo.git(&["pull", "--quiet", "--rebase", "origin", "main"]).expect("git pull");
        }
        self.repo.push("main", "Nothing more").expect("it is pushed")
    }

    /// Pushes an image with this tag.
    pub fn image(&self, tag: &str) {
        self.runtime.block_on(self.registry.push("shop/web", tag, &Made::default()));
    }

    /// The image, without a tag.
    pub fn image_name(&self) -> String {
        format!("{}/shop/web", self.registry.host())
    }

    /// A Receiver of GitLab's, whose sender shows the token itself; its path.
    pub fn receiver(&self, token: &str) -> String {
        self.secret("hook", "token", token);
        let spec = json!({ "driver": "gitlab", "secretRef": { "name": "hook" } });
        self.apply(&json!({ "apiVersion": "windlass.dev/v1alpha1", "kind": "Receiver", "metadata": { "name": "hook", "namespace": "canary" }, "spec": spec }));
        let path = format!("/webhook/gitlab/{}", path_token(token.as_bytes(), "canary", "hook", "gitlab"));
        self.wait("the Receiver tells its path", || self.kubectl(&["get", "receiver", "hook", "-o", "jsonpath={.status.path}"]) == path);
        path
    }

    /// The Environment: every place that takes a secret has one.
    pub fn environment(&self) {
        let secret = |name: &str| json!({ "name": name });
        self.apply(&json!({
            "apiVersion": "windlass.dev/v1alpha1", "kind": "Environment", "metadata": { "name": "canary", "namespace": "canary" },
            "spec": {
                "source": { "git": { "url": self.url, "branch": "main", "interval": "1h", "secretRef": secret("git") } },
                "values": {
                    "files": ["secrets.yaml"], "from": [{ "kind": "Secret", "name": "layer" }],
                    "decryption": { "secretRef": secret("decryption") },
                },
                "lint": "Warn",
                "images": [{ "image": self.image_name(), "policy": { "semver": { "range": ">=1" } }, "set": ["tag"], "secretRef": secret("registry") }],
                "imageUpdates": { "interval": "1h", "signingSecretRef": secret("signing") },
                "imageCheck": { "mode": "Wait", "secretRef": secret("registry") },
                "publish": { "to": format!("oci://{}/charts", self.registry.host()), "secretRef": secret("registry"), "plainHttp": true },
                "sync": { "retry": { "limit": 1, "backoff": "50ms" } },
            },
        }));
    }

    /// Waits until the Environment is as wanted.
    pub fn until(&self, what: &str, wanted: impl Fn(&Value) -> bool) -> Value {
        let begun = Instant::now();
        loop {
            let env = self.cluster.api().get(&xtask::agent::environment_path("canary", "canary")).expect("the Environment is there");
            if wanted(&env) {
                return env;
            }
            assert!(begun.elapsed() < SOON, "{what}: not within {SOON:?}: {:#}", env["status"]);
            std::thread::sleep(Duration::from_millis(200));
        }
    }

    /// Waits until something holds.
    pub fn wait(&self, what: &str, holds: impl Fn() -> bool) {
        let begun = Instant::now();
        while !holds() {
            assert!(begun.elapsed() < SOON, "{what}: not within {SOON:?}");
            std::thread::sleep(Duration::from_millis(200));
        }
    }

    /// A command, however it ends; what it prints is kept.
    pub fn windlass(&self, args: &[&str]) {
        let output = Command::new(PROGRAM).args(args).args(["-n", "canary"]).env("KUBECONFIG", self.cluster.kubeconfig())
            .env("TMPDIR", self.folder.join("tmp-cli")).output().expect("windlass runs");
        let mut said = self.said.borrow_mut();
        said.extend(format!("$ windlass {}\n", args.join(" ")).bytes());
        said.extend(output.stdout);
        said.extend(output.stderr);
    }

    /// Every command that shows something.
    pub fn look(&self) {
        for args in [
            &["status", "canary"][..], &["status", "canary", "-o", "json"], &["status", "-A", "-o", "wide"], &["history", "canary"],
            &["history", "canary", "-o", "json"], &["values", "canary"], &["values", "canary", "--explain", "db.password"],
            &["values", "canary", "--explain", "layer"], &["diff", "canary"], &["diff", "canary", "-o", "markdown"], &["plan", "canary", "-o", "json"],
            &["render", "canary"], &["images", "canary", "-o", "json"], &["test", "canary", "--last", "--logs"], &["promote", "--list"],
            &["validate", "--env", "canary"],
        ] {
            self.windlass(args);
        }
    }

    /// Calls the agent's port; the whole answer, which is kept.
    pub fn post(&self, path: &str, headers: &[(&str, &str)], body: &str) -> String {
        self.call("POST", path, headers, body)
    }

    fn call(&self, method: &str, path: &str, headers: &[(&str, &str)], body: &str) -> String {
        let mut stream = std::net::TcpStream::connect(("127.0.0.1", self.port)).expect("the agent's port is open");
        let headers: String = headers.iter().map(|(name, value)| format!("{name}: {value}\r\n")).collect();
        write!(stream, "{method} {path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n{headers}Content-Length: {}\r\n\r\n{body}", body.len()).expect("it is sent");
        let mut text = String::new();
        stream.read_to_string(&mut text).expect("it is answered");
        self.said.borrow_mut().extend(text.bytes());
        text
    }

    /// Everything that was emitted, by place. Each is looked at for a word that has to be there: what is empty proves nothing.
    pub fn collect(&self) -> Vec<(String, Vec<u8>)> {
        let log = std::fs::read(self.agent.log()).expect("the agent's log");
        let metrics = self.call("GET", "/metrics", &[], "");
        let windlass = ["environments", "receivers"].map(|kind| self.kubectl(&["get", kind, "-o", "json"])).concat();
        let memory = self.kubectl(&["get", "configmap", "windlass.canary", "-o", "json"]);
        let commits = self.repo.git(&["--git-dir", self.repo.bare().to_str().expect("a plain path"), "log", "--all", "--format=raw"]).expect("git log");
        let cmdline = std::fs::read(format!("/proc/{}/cmdline", self.agent.id())).expect("the agent runs");
        let mut material = vec![
            ("the log".to_owned(), log, "\"TRACE\""),
            ("events".to_owned(), self.kubectl(&["get", "events", "-o", "json"]).into_bytes(), "RenderFailed"),
            ("Environments and Receivers".to_owned(), windlass.into_bytes(), "\"lastGoodRevision\""),
            ("the memory of bad revisions".to_owned(), memory.into_bytes(), "TestsFailed"),
            ("what release records tell".to_owned(), self.told_of_releases().into_bytes(), "Rollback to"),
            ("metrics".to_owned(), metrics.into_bytes(), "windlass_"),
            ("commits".to_owned(), commits.into_bytes(), "gpgsig"),
            ("the agent's arguments".to_owned(), cmdline, "--log-level"),
            ("outputs".to_owned(), self.said.borrow().clone(), "canary-config"),
        ];
        for folder in ["tmp", "tmp-cli", "cache"] {
            let mut found = Vec::new();
            files(&self.folder.join(folder), &mut found);
            let what = if folder == "cache" { "pack" } else { "" };
            material.push((format!("files in {folder}"), found, what));
        }
        for (place, text, word) in &material {
            let there = text.windows(word.len().max(1)).any(|window| window == word.as_bytes()) || word.is_empty();
            assert!(there, "{place} has no {word}: it is not what was to be searched");
        }
        material.into_iter().map(|(place, text, _)| (place, text)).collect()
    }

    /// Of the Secrets that hold releases, what is no secret: labels, annotations, and the words about each release. Their manifests and
    /// values hold secrets rightly.
    fn told_of_releases(&self) -> String {
        let list: Value = serde_json::from_str(&self.kubectl(&["get", "secrets", "-o", "json"])).expect("JSON");
        let mut told = String::new();
        for secret in list["items"].as_array().into_iter().flatten() {
            let mut metadata = secret["metadata"].clone();
            // What kubectl applied stands there again, put there by this test.
            if let Some(annotations) = metadata["annotations"].as_object_mut() {
                annotations.remove("kubectl.kubernetes.io/last-applied-configuration");
            }
            told.push_str(&metadata.to_string());
            if let Ok(stored) = windlass::release::read(secret) {
                told.push_str(&format!("{}\n{:?}\n", stored.release.info.description, stored.release.hooks.iter().map(|hook| &hook.name).collect::<Vec<_>>()));
            }
        }
        told
    }
}

/// Names and contents of all files below a folder; what git packed, unpacked.
fn files(folder: &Path, found: &mut Vec<u8>) {
    if folder.join("objects").is_dir() && folder.join("HEAD").exists() {
        let all = Command::new("git").arg("--git-dir").arg(folder).args(["cat-file", "--batch-all-objects", "--batch"]).output().expect("git runs");
        found.extend(all.stdout);
    }
    for entry in std::fs::read_dir(folder).into_iter().flatten().flatten() {
        let path = entry.path();
        found.extend(path.as_os_str().as_encoded_bytes());
        found.push(b'\n');
        if path.is_dir() {
            files(&path, found);
        } else if entry.metadata().is_ok_and(|about| about.is_file() && about.len() < MAX_FILE) {
            found.extend(std::fs::read(&path).unwrap_or_default());
        }
    }
}
