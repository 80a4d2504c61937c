//! A real Kubernetes for tests: its own control plane, with fake nodes (kwok), one real node, or none.
//!
//! Control planes run side by side as often as the memory allows (about 600 MB each); the real node is one at a time.
//! Nothing outlives the process that started it, however that ends (see [`crate::sys::Supervisor`]).

mod api;
mod audit;
mod control_plane;
mod kubeconfig;
mod kwok;
pub mod node;
mod pki;

use std::net::{IpAddr, Ipv4Addr};
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result};
use serde_json::json;

pub use api::Api;
pub use audit::Request;
use control_plane::{Address, ControlPlane};
use pki::Authority;

use crate::images::Image;
use crate::sys::{self, Supervisor};
use crate::tools;

/// What the pods run on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Nodes {
    /// Nothing: pods stay pending.
    None,
    /// That many fake nodes. What becomes of a pod its annotations or its image's name say; see `stages.yaml`.
    Kwok(u32),
    /// This machine, by containerd and kubelet. Needs root; one at a time.
    Real,
}

/// How to start a cluster.
#[derive(Clone, Debug)]
pub struct Options {
    /// What the pods run on.
    pub nodes: Nodes,
    /// Whether requests are logged, for [`Cluster::requests`].
    pub audit: bool,
    /// Whether kube-controller-manager and kube-scheduler run. Without them nothing follows from an object.
    pub controllers: bool,
    /// Further kwok Stages (YAML), tried beside the shipped ones.
    pub stages: Vec<String>,
    /// Further flags of kube-apiserver.
    pub apiserver_flags: Vec<String>,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            nodes: Nodes::Kwok(3),
            audit: false,
            controllers: true,
            stages: vec![],
            apiserver_flags: vec![],
        }
    }
}

/// A running cluster. Dropping it ends it and removes everything that it made.
pub struct Cluster {
    // Dropped first: its connections end before the server does.
    plane: ControlPlane,
    authority: Authority,
    options: Options,
    address: Address,
    kubeconfig: PathBuf,
    home: Supervisor,
}

impl Cluster {
    /// Starts one; ready when this returns (3 to 6 s once its programs are in the cache).
    pub fn start(options: Options) -> Result<Self> {
        let mut needed = vec![
            "etcd",
            "kube-apiserver",
            "kube-controller-manager",
            "kube-scheduler",
            "kubectl",
        ];
        match options.nodes {
            Nodes::None => {}
            Nodes::Kwok(_) => needed.push("kwok"),
            Nodes::Real => needed.extend(tools::NODE),
        }
        tools::tools(&needed)?;
        let real = options.nodes == Nodes::Real;
        let (home, bind) = match real {
            true => node::prepare().context("preparing the real node")?,
            false => (
                Supervisor::new("windlass-cluster")?,
                IpAddr::V4(Ipv4Addr::LOCALHOST),
            ),
        };
        let authority = Authority::new()?;
        let address = Address {
            bind,
            advertise: real.then_some(bind),
        };
        let plane = ControlPlane::start(&home, &authority, &options, address)
            .context("starting the control plane")?;
        let path = home.dir().join("admin.kubeconfig");
        let admin = control_plane::admin(&authority)?;
        let kubeconfig = kubeconfig::write(&path, &plane.server, &authority.cert(), &admin)?;
        let cluster = Self {
            plane,
            authority,
            options,
            address,
            kubeconfig,
            home,
        };
        match cluster.options.nodes {
            Nodes::None => {}
            Nodes::Kwok(count) => {
                kwok::start(&cluster, count).context("starting the fake nodes")?
            }
            Nodes::Real => node::start(&cluster).context("starting the real node")?,
        }
        Ok(cluster)
    }

    /// The administrator's kubeconfig (user `admin`).
    pub fn kubeconfig(&self) -> &Path {
        &self.kubeconfig
    }

    /// `https://127.0.0.1:PORT`, or the bridge's address on the real node.
    pub fn server(&self) -> &str {
        &self.plane.server
    }

    /// The certificate of the authority that signed everything, in PEM.
    pub fn ca(&self) -> String {
        self.authority.cert()
    }

    /// The folder with the logs of all parts (`kube-apiserver.log` …); the caller may put files there.
    pub fn dir(&self) -> &Path {
        self.home.dir()
    }

    /// A plain client, as an administrator whose requests are not in the audit log (user `xtask`).
    pub fn api(&self) -> &Api {
        &self.plane.api
    }

    /// A client as another administrator, whose requests are in the audit log; its requests may take for ever.
    pub fn api_as(&self, user: &str) -> Result<Api> {
        Api::unhurried(self.server(), &self.ca(), &self.authority.client(user, Some("system:masters"))?)
    }

    /// A kubeconfig for any user, with at most one group beyond `system:authenticated`; RBAC says what it may.
    pub fn kubeconfig_for_user(&self, user: &str, group: Option<&str>) -> Result<PathBuf> {
        let identity = self.authority.client(user, group)?;
        let path = self
            .dir()
            .join(format!("user-{}.kubeconfig", user.replace([':', '/'], "-")));
        kubeconfig::write(&path, self.server(), &self.ca(), &identity)
    }

    /// A client for an administrator of this name, whose requests are audited.
    pub fn api_of(&self, user: &str) -> Result<Api> {
        Api::new(self.server(), &self.ca(), &self.authority.client(user, Some("system:masters"))?)
    }

    /// A kubeconfig with a token of a service account, which has to exist; valid for a day.
    pub fn kubeconfig_for_service_account(&self, namespace: &str, name: &str) -> Result<PathBuf> {
        let path = format!("/api/v1/namespaces/{namespace}/serviceaccounts/{name}/token");
        let request = json!({
            "apiVersion": "authentication.k8s.io/v1", "kind": "TokenRequest", "spec": {"expirationSeconds": 86400},
        });
        let answer = self.api().create(&path, &request)?;
        let token = answer
            .pointer("/status/token")
            .and_then(|t| t.as_str())
            .context("the answer holds no token")?;
        let path = self
            .dir()
            .join(format!("account-{namespace}-{name}.kubeconfig"));
        kubeconfig::write_token(&path, self.server(), &self.ca(), token)
    }

    /// A `kubectl` command as administrator.
    pub fn kubectl_command(&self) -> Result<Command> {
        let mut command = Command::new(tools::tool("kubectl")?);
        // Its discovery cache lies in HOME.
        command
            .env("KUBECONFIG", &self.kubeconfig)
            .env("HOME", self.dir())
            .current_dir(self.dir());
        Ok(command)
    }

    /// Runs `kubectl` as administrator; gives what it printed.
    pub fn kubectl<S: AsRef<std::ffi::OsStr>>(&self, args: &[S]) -> Result<String> {
        sys::run(self.kubectl_command()?.args(args))
    }

    /// Applies a manifest (YAML text) with `kubectl apply --server-side`.
    pub fn apply(&self, manifest: &str) -> Result<String> {
        // A pipe, not a file: tests apply at the same time.
        let mut command = self.kubectl_command()?;
        command.args(["apply", "--server-side", "--force-conflicts", "-f", "-"]);
        sys::run_with_input(&mut command, manifest.as_bytes())
    }

    /// Where the audit log is written ([`Options::audit`]).
    pub fn audit_log(&self) -> PathBuf {
        self.dir().join("audit.log")
    }

    /// The audited requests so far: those of everybody but the cluster's own parts and [`Cluster::api`].
    pub fn requests(&self) -> Result<Vec<Request>> {
        audit::read(&self.audit_log())
    }

    /// An error, with the end of its log, if a part of the control plane has ended.
    pub fn check(&mut self) -> Result<()> {
        self.plane.check()
    }

    /// Kills the API server: connections break and are refused until [`Cluster::start_api_server`].
    pub fn stop_api_server(&self) -> Result<()> {
        self.plane.apiserver().kill()
    }

    /// Starts the API server again, on the same port and with the same data, and waits until it is ready.
    pub fn start_api_server(&self) -> Result<()> {
        self.plane
            .start_apiserver_again(&self.home, &self.options, self.address)
    }

    /// Stops the API server in its tracks (SIGSTOP): connections stay and nothing answers.
    pub fn freeze_api_server(&self) -> Result<()> {
        self.plane.apiserver().signal("STOP")
    }

    /// Lets it go on.
    pub fn thaw_api_server(&self) -> Result<()> {
        self.plane.apiserver().signal("CONT")
    }

    /// Gives the real node an image; pods name it with `imagePullPolicy: Never`.
    pub fn import_image(&self, image: &Image) -> Result<()> {
        node::import(self, image)
    }

    /// What starts further processes that end with the cluster (the agent under test, a git server).
    pub fn supervisor(&self) -> &Supervisor {
        &self.home
    }
}
