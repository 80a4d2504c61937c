//! The whole delivery chain, once, with real counterparts on a real node: a pushed image, the registry's word of it, a commit of its tag,
//! develop, staging, a secret that sops encrypts, a chart repository, an approval, and production in blue and green under requests.
//! `cargo xtask test node` runs this, as root.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::process::Command;
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use xtask::agent::{self, Agent, condition, environment_path, settled_on};
use xtask::cluster::{Cluster, Nodes, Options};
use xtask::git_server::GitServer;
use xtask::images::{self, Image};
use xtask::repo::Repo;
use xtask::servers::{self, Server};
use xtask::traffic::Traffic;
use xtask::{sys, tools};

/// How long one step may take on a busy machine.
const LIMIT: Duration = Duration::from_secs(180);
/// Name of the Environments, the release, the chart and the Service.
const APP: &str = "story";
/// One namespace for each; the first two follow a branch of that name, the last one the chart repository.
const STAGES: [&str; 3] = ["develop", "staging", "production"];
/// Who may push to the git server.
const LOGIN: (&str, &str) = ("ship", "a password that git asks for");
/// The image's repository at the registry.
const IMAGE: &str = "shop/web";

/// What the story happens in.
struct World {
    cluster: Cluster,
    agent: Agent,
    binary: PathBuf,
    repo: Repo,
    git: GitServer,
    registry: Server,
    bucket: Server,
    /// The public half of the age key.
    recipient: String,
    started: Instant,
}

#[test]
fn from_a_pushed_image_to_production_in_blue_and_green() {
    let mut world = World::start();
    world.encrypt("a-first-token");
    world.begin();

    // A first image goes the whole way; production is installed by an approval.
    let first = world.push_image("1.0.0", GOOD);
    let commit = world.developed("1.0.0");
    world.staged(&commit);
    world.approved("story-1.0.1", &first);
    assert_eq!(world.ask("production"), "welcome from 1.0.0 (production)\n");

    // The next one, and a secret that changes, while people use what is there.
    let traffic = world.traffic();
    let second = world.push_image("1.1.0", GOOD);
    let commit = world.developed("1.1.0");
    world.staged(&commit);
    let commit = world.change_secret("a-second-token", "1.1.0");
    world.staged(&commit);
    assert_eq!(world.token("production"), "a-first-token", "nothing happens there before somebody agrees");
    world.approved("story-1.1.0", &second);
    world.say("production is green");
    assert_eq!(world.token("production"), "a-second-token");
    assert_eq!(world.colours(), ("green".into(), "deployment.apps/story-green".into()));
    let (old, new) = ("welcome from 1.0.0 (production)\n", "welcome from 1.1.0 (production)\n");
    world.nothing_lost(&traffic, &[old, new]);
    drop(traffic);
    world.same_archive("1.1.0");

    // A version that is bad in production alone: what stands there never notices.
    let traffic = world.traffic();
    world.push_image("1.2.0", BAD);
    let commit = world.developed("1.2.0");
    world.staged(&commit);
    world.refused("story-1.1.1", "the page says: out of order");
    assert_eq!(world.colours(), ("green".into(), "deployment.apps/story-green".into()));
    world.nothing_lost(&traffic, &[new]);
    drop(traffic);
    world.nothing_told(&["a-first-token", "a-second-token"]);
    world.say("all of it was seen");
}

/// The program of a good image: it serves a page that names its version.
const GOOD: &str = "echo \"$GREETING from VERSION ($ENVIRONMENT)\" >/www/index.html\necho known >\"/www/$TOKEN\"\nexec httpd -f -p 8080 -h /www\n";

/// One that forgets itself where it matters.
const BAD: &str = "if [ \"$ENVIRONMENT\" = production ]; then echo 'out of order' >/www/index.html; else echo \"$GREETING from VERSION ($ENVIRONMENT)\" >/www/index.html; fi
echo known >\"/www/$TOKEN\"\nexec httpd -f -p 8080 -h /www\n";

impl World {
    /// The cluster, the agent, and every server; nothing is deployed.
    fn start() -> Self {
        let started = Instant::now();
        let binary = agent::binary("dev").unwrap();
        for name in ["sops", "age-keygen", "registry", "s3s-fs"] {
            tools::tool(name).unwrap();
        }
        let cluster = Cluster::start(Options { nodes: Nodes::Real, ..Options::default() }).expect("the node starts");
        for file in ["manifests/crd.yaml", "manifests/receivers.yaml"] {
            cluster.apply(&std::fs::read_to_string(sys::root_dir().join(file)).unwrap()).unwrap();
        }
        cluster.kubectl(&["wait", "--for=condition=Established", "crd/environments.windlass.dev", "crd/receivers.windlass.dev"]).unwrap();
        let mut policy = Command::new(&binary);
        policy.args(["template", "windlass", "--show-only", "templates/approvals.yaml"]).arg(sys::root_dir().join("manifests/chart"));
        cluster.apply(&sys::run(&mut policy).unwrap()).unwrap();
        for name in STAGES {
            cluster.kubectl(&["create", "namespace", name]).unwrap();
        }
        let repo = Repo::create(cluster.dir()).unwrap();
        repo.git(&["--git-dir", repo.bare().to_str().unwrap(), "config", "http.receivepack", "true"]).unwrap();
        let git = GitServer::locked(cluster.dir(), [127, 0, 0, 1].into(), LOGIN.0, LOGIN.1).unwrap();
        let agent = Agent::start(&cluster, &binary, cluster.kubeconfig()).unwrap();
        let notify = receiver(&cluster, agent.address.as_deref().expect("the agent has a port"));
        let registry = servers::registry_with(cluster.supervisor(), "registry", None, &notify).unwrap();
        let bucket = servers::s3(cluster.supervisor(), "s3", "charts").unwrap();
        let identity = cluster.dir().join("age.txt");
        sys::run(Command::new(tools::tool("age-keygen").unwrap()).arg("-o").arg(&identity)).unwrap();
        let text = std::fs::read_to_string(&identity).unwrap();
        let recipient = text.lines().find_map(|line| line.strip_prefix("# public key: ")).unwrap().to_owned();
        for namespace in STAGES {
            let secret = |name: &str, data: Value| {
                let meta = json!({"name": name, "namespace": namespace});
                cluster.apply(&json!({"apiVersion": "v1", "kind": "Secret", "metadata": meta, "stringData": data}).to_string()).unwrap();
            };
            secret("git", json!({"username": LOGIN.0, "password": LOGIN.1}));
            secret("bucket", json!({"accessKeyId": servers::S3_KEYS.0, "secretAccessKey": servers::S3_KEYS.1}));
            secret("keys", json!({"age.txt": text}));
        }
        approver(&cluster);
        let world = World { cluster, agent, binary, repo, git, registry, bucket, recipient, started };
        world.say("the node, the agent, git, the registry and the bucket are up");
        world
    }

    fn say(&self, text: &str) {
        println!("[{:6.1} s] {text}", self.started.elapsed().as_secs_f64());
    }

    /// The chart on both branches, and an Environment for each stage.
    fn begin(&self) {
        self.repo.copy_in(&sys::tests_dir().join("cases/story"), "chart").unwrap();
        let image = format!("{}/{IMAGE}", self.registry.host());
        self.repo.replace("chart/values.yaml", "registry.example.com/shop/web", &image).unwrap();
        self.repo.push("staging", "A chart whose image is not built yet").unwrap();
        self.repo.push("develop", "The same").unwrap();
        let git = |branch: &str| {
            let url = self.git.url("repo.git");
            json!({"git": {"url": url, "branch": branch, "path": "chart", "interval": "1s", "secretRef": {"name": "git"}}})
        };
        let values = |name: &str| json!({"files": [format!("values-{name}.yaml"), "secrets.yaml"], "decryption": {"secretRef": {"name": "keys"}}});
        let bucket = format!("s3://charts/tested?endpoint=http://{}", self.bucket.host());
        let secret = json!({"name": "bucket"});
        self.create("develop", json!({
            "source": git("develop"), "values": values("develop"), "imageCheck": {"mode": "Wait"},
            "images": [{"image": image, "policy": {"semver": {"range": ">=1 <2"}}, "set": ["image.tag"]}],
            // The registry is looked at once an hour: what happens sooner is its notification's doing.
            "imageUpdates": {"interval": "1h", "chartVersion": "Patch"},
            "promote": {"to": "staging", "after": "1s"},
        }));
        self.create("staging", json!({
            "source": git("staging"), "values": values("staging"), "imageCheck": {"mode": "Wait"},
            "publish": {"when": "Verified", "to": bucket, "secretRef": secret},
        }));
        self.create("production", json!({
            "source": {"chart": {"repository": bucket, "name": APP, "version": ">=1", "interval": "1s", "secretRef": secret}},
            "values": values("production"), "approval": "Required", "strategy": {"type": "BlueGreen", "keep": "3s"},
        }));
    }

    fn create(&self, namespace: &str, mut spec: Value) {
        spec["health"] = json!({"timeout": "120s"});
        let object = json!({"apiVersion": "windlass.dev/v1alpha1", "kind": "Environment", "metadata": {"name": APP, "namespace": namespace}, "spec": spec});
        self.cluster.api().create(&format!("/apis/windlass.dev/v1alpha1/namespaces/{namespace}/environments"), &object).unwrap();
    }

    /// Waits for a state of an Environment; a failure shows what it last said, and the agent's log.
    fn wait(&mut self, namespace: &str, what: &str, done: impl Fn(&Value) -> bool) -> Value {
        let mut status = Value::Null;
        let (agent, cluster) = (&mut self.agent, &self.cluster);
        let waited = sys::wait_for(what, LIMIT, || {
            agent.process.check()?;
            let environment = cluster.api().get(&environment_path(namespace, APP))?;
            status = environment["status"].clone();
            Ok(done(&environment).then_some(environment))
        });
        waited.unwrap_or_else(|error| {
            let pods = cluster.kubectl(&["get", "pods,services,jobs", "-A", "-o", "wide"]).unwrap_or_default();
            let events = cluster.kubectl(&["-n", namespace, "get", "events"]).unwrap_or_default();
            panic!("{error:#}: {namespace} says {status:#}\n{pods}\n{events}\n{}", agent.process.tail(30))
        })
    }

    /// The secrets file of the chart, encrypted by sops.
    fn encrypt(&self, token: &str) {
        let plain = self.cluster.dir().join("secrets.yaml");
        std::fs::write(&plain, format!("token: {token}\n")).unwrap();
        let encrypted = sys::run(Command::new(tools::tool("sops").unwrap()).args(["encrypt", "--age", &self.recipient]).arg(&plain)).unwrap();
        std::fs::remove_file(plain).unwrap();
        assert!(!encrypted.contains(token), "{encrypted}");
        let chart = self.repo.work().join("chart");
        std::fs::create_dir_all(&chart).unwrap();
        std::fs::write(chart.join("secrets.yaml"), encrypted).unwrap();
    }

    /// What CI does: it builds an image and pushes it. Gives its digest.
    fn push_image(&self, version: &str, program: &str) -> String {
        let mut image = Image::busybox(&format!("{IMAGE}:{version}")).unwrap();
        image.files.push(("serve".into(), 0o644, program.replace("VERSION", version).into_bytes()));
        image.entrypoint = ["/bin/busybox", "sh", "/serve"].map(str::to_owned).to_vec();
        image.labels = BTreeMap::from([("org.opencontainers.image.revision".to_owned(), format!("build-of-{version}"))]);
        let digest = image.push(&self.registry.host(), IMAGE, version).unwrap();
        self.say(&format!("pushed {IMAGE}:{version}"));
        digest
    }

    /// The registry has told, the tag is committed, develop is released and tested. Gives the commit.
    fn developed(&mut self, version: &str) -> String {
        let environment = self.wait("develop", "the image is released in develop", |e| {
            e["status"]["images"][0]["tag"] == version && settled_on(e, e["status"]["images"][0]["commit"].as_str().unwrap_or("none"))
        });
        assert_eq!(environment["status"]["tests"]["summary"], "1/1");
        let commit = environment["status"]["images"][0]["commit"].as_str().unwrap().to_owned();
        let log = self.bare(&["log", "-1", "--format=%B", &commit]);
        assert!(log.contains(&format!("to {version}")) && log.contains(&format!("built from build-of-{version}")), "{log}");
        let changed = self.bare(&["show", "--format=", "--unified=0", &commit]);
        assert!(changed.contains(&format!("+  tag: {version} # not built yet")), "only the value's bytes change: {changed}");
        assert_eq!(self.ask("develop"), format!("welcome from {version} (develop)\n"));
        self.say(&format!("develop runs {version}, by a commit of its tag"));
        commit
    }

    /// The commit has been promoted to staging, released and tested there, and its chart published.
    fn staged(&mut self, commit: &str) {
        let environment = self.wait("staging", "the promotion to staging", |e| settled_on(e, commit) && condition(e, "Published")[0] == "True");
        assert_eq!(environment["status"]["tests"]["summary"], "1/1");
        assert_eq!(self.bare(&["rev-parse", "staging"]), commit, "the very commit");
        self.say(&format!("staging runs {} and has published it", &commit[..12]));
    }

    /// Somebody changes the secret, on top of what the agent committed.
    fn change_secret(&mut self, token: &str, chart_version: &str) -> String {
        let develop = format!("+refs/heads/develop:refs/remotes/{}/develop", "origin");
        self.repo.git(&["fetch", "--quiet", "origin", &develop]).unwrap();
        self.repo.git(&["reset", "--quiet", "--hard", "origin/develop"]).unwrap();
        self.encrypt(token);
        let chart = std::fs::read_to_string(self.repo.work().join("chart/Chart.yaml")).unwrap();
        let version = chart.lines().find(|line| line.starts_with("version: ")).unwrap();
        self.repo.replace("chart/Chart.yaml", version, &format!("version: {chart_version}")).unwrap();
        let commit = self.repo.push("develop", "Another token").unwrap();
        self.say("pushed another secret to develop");
        self.wait("develop", "the secret's release in develop", |e| settled_on(e, &commit));
        assert_eq!(self.token("develop"), token);
        commit
    }

    /// The plan that production waits with for this chart; its digest.
    fn awaited(&mut self, revision: &str) -> String {
        let environment = self.wait("production", "a plan that waits for approval", |e| {
            condition(e, "Ready")[1] == "AwaitingApproval" && e["status"]["approval"]["revision"].as_str().is_some_and(|r| r.starts_with(revision))
        });
        environment["status"]["approval"]["digest"].as_str().unwrap().to_owned()
    }

    /// Somebody who may approve does so; it ends as it ends.
    fn approve(&self, digest: &str) {
        let mut approve = Command::new(&self.binary);
        approve.args(["approve", APP, "-n", "production", "--digest", digest, "--no-wait"]);
        approve.env("KUBECONFIG", self.cluster.kubeconfig_for_user("ada", None).unwrap());
        sys::run(&mut approve).unwrap();
        self.say("ada approved the plan for production");
    }

    /// The chart is approved, released and tested in production; every Pod there runs the image of that digest, pulled from the registry.
    fn approved(&mut self, revision: &str, image: &str) {
        let digest = self.awaited(revision);
        self.approve(&digest);
        let environment = self.wait("production", "the release in production", |e| {
            condition(e, "Ready")[0] == "True" && condition(e, "Reconciling")[0] == "False" && e["status"]["revision"] == revision
        });
        assert_eq!(environment["status"]["tests"]["summary"], "1/1");
        let number = &environment["status"]["release"]["number"];
        let record = self.cluster.kubectl(&["-n", "production", "get", "secret", &format!("sh.helm.release.v1.{APP}.v{number}"), "-o", "jsonpath={.metadata.annotations}"]);
        assert!(record.unwrap().contains("\"windlass.dev/approved-by\":\"ada\""), "who approved stands in the record");
        let pods = self.cluster.kubectl(&["-n", "production", "get", "pods", "-l", &format!("app={APP}"), "-o", "jsonpath={.items[*].status.containerStatuses[*].imageID}"]).unwrap();
        assert!(pods.contains(image), "{pods} are not {image}");
    }

    /// The chart is approved, and fails its tests against the set that nobody sees.
    fn refused(&mut self, revision: &str, why: &str) {
        let digest = self.awaited(revision);
        self.approve(&digest);
        let environment = self.wait("production", "the end of the bad version", |e| {
            condition(e, "RolledBack")[0] == "True" && condition(e, "Reconciling")[0] == "False"
        });
        let [ready, _, message] = condition(&environment, "Ready");
        assert_eq!(ready, "False");
        assert!(message.contains(why), "{message}");
        self.say(&format!("production refused it: {message}"));
    }

    /// The colour that production's Service leads to, and the Deployments that are left there.
    fn colours(&self) -> (String, String) {
        let get = |args: &[&str]| self.cluster.kubectl(&[&["-n", "production", "get"], args].concat()).unwrap().trim().to_owned();
        (get(&["service", APP, "-o", r"jsonpath={.spec.selector.windlass\.dev/colour}"]), get(&["deployments", "-o", "name"]))
    }

    fn address(&self, namespace: &str) -> String {
        let service = self.cluster.api().get(&format!("/api/v1/namespaces/{namespace}/services/{APP}")).unwrap();
        format!("http://{}/", service["spec"]["clusterIP"].as_str().unwrap())
    }

    fn ask(&self, namespace: &str) -> String {
        ureq::get(self.address(namespace)).call().unwrap().body_mut().read_to_string().unwrap()
    }

    fn traffic(&self) -> Traffic {
        self.say("from now on requests go to production all the time");
        Traffic::start(&self.address("production"))
    }

    /// Every request was answered, by one of these pages, and by each of them.
    fn nothing_lost(&self, traffic: &Traffic, pages: &[&str]) {
        let (sent, lost) = traffic.counts();
        self.say(&format!("{sent} requests were sent to production meanwhile, {lost} of them lost"));
        assert!(sent > 100, "hardly any request was sent");
        assert_eq!(lost, 0, "the first to: {}", traffic.first_loss().unwrap_or_default());
        let answers: Vec<String> = traffic.answers().into_keys().collect();
        assert_eq!(answers, pages, "{:?}", traffic.answers());
    }

    /// The token in the Secret that the Pods there use.
    fn token(&self, namespace: &str) -> String {
        let name = if namespace == "production" { format!("{APP}-token-{}", self.colours().0) } else { format!("{APP}-token") };
        let text = self.cluster.kubectl(&["-n", namespace, "get", "secret", &name, "-o", "go-template={{.data.token | base64decode}}"]).unwrap();
        text.trim().to_owned()
    }

    /// What staging tested is what production runs: one archive, digest for digest.
    fn same_archive(&self, version: &str) {
        let archive = std::fs::read(self.cluster.dir().join(format!("s3/charts/tested/{APP}-{version}.tgz"))).unwrap();
        let environment = self.cluster.api().get(&environment_path("production", APP)).unwrap();
        let commit = environment["status"]["source"]["commit"].as_str().unwrap();
        assert_eq!(commit, format!("{APP}-{version}@{}", images::digest(&archive)));
        let file = self.cluster.dir().join("published.tgz");
        std::fs::write(&file, archive).unwrap();
        let secrets = sys::run(Command::new("tar").arg("-xzOf").arg(&file).arg(format!("{APP}/secrets.yaml"))).unwrap();
        assert!(secrets.contains("token: ENC[") && !secrets.contains("-token"), "{secrets}");
    }

    /// The agent's log, Events and status name none of these.
    fn nothing_told(&self, secrets: &[&str]) {
        let log = std::fs::read_to_string(self.agent.process.log()).unwrap();
        let told = self.cluster.kubectl(&["get", "events,environments,receivers", "-A", "-o", "yaml"]).unwrap();
        for secret in secrets {
            assert!(!log.contains(secret) && !told.contains(secret), "{secret} is told");
        }
    }

    fn bare(&self, args: &[&str]) -> String {
        let bare = self.repo.bare().to_str().unwrap();
        self.repo.git(&[&["--git-dir", bare], args].concat()).unwrap()
    }
}

/// A Receiver in develop; what the registry's configuration says so that it calls there.
fn receiver(cluster: &Cluster, address: &str) -> String {
    let meta = json!({"name": "registry", "namespace": "develop"});
    let key = json!({"token": "a key that nobody can guess, of thirty-two bytes"});
    cluster.apply(&json!({"apiVersion": "v1", "kind": "Secret", "metadata": meta, "stringData": key}).to_string()).unwrap();
    let spec = json!({"driver": "distribution", "secretRef": {"name": "registry"}});
    cluster.apply(&json!({"apiVersion": "windlass.dev/v1alpha1", "kind": "Receiver", "metadata": meta, "spec": spec}).to_string()).unwrap();
    let path = sys::wait_for("the Receiver tells its path", LIMIT, || {
        let path = cluster.kubectl(&["-n", "develop", "get", "receiver", "registry", "-o", "jsonpath={.status.path}"])?;
        Ok((!path.is_empty()).then_some(path))
    });
    format!("notifications:\n  endpoints:\n  - {{name: windlass, url: \"http://{address}{}\", timeout: 5s, threshold: 5, backoff: 1s}}\n", path.unwrap())
}

/// Ada may approve in production, and has no other right there but to look.
fn approver(cluster: &Cluster) {
    let meta = json!({"name": "approver", "namespace": "production"});
    let rules = json!([{"apiGroups": ["windlass.dev"], "resources": ["environments"], "verbs": ["get", "list", "watch", "patch", "approve"]}]);
    cluster.apply(&json!({"apiVersion": "rbac.authorization.k8s.io/v1", "kind": "Role", "metadata": meta, "rules": rules}).to_string()).unwrap();
    let role = json!({"apiGroup": "rbac.authorization.k8s.io", "kind": "Role", "name": "approver"});
    let subjects = json!([{"apiGroup": "rbac.authorization.k8s.io", "kind": "User", "name": "ada"}]);
    let binding = json!({"apiVersion": "rbac.authorization.k8s.io/v1", "kind": "RoleBinding", "metadata": meta, "roleRef": role, "subjects": subjects});
    cluster.apply(&binding.to_string()).unwrap();
}
