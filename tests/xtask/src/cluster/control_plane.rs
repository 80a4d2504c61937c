//! etcd, kube-apiserver, kube-controller-manager and kube-scheduler as processes of one folder.

use std::fs;
use std::net::{IpAddr, Ipv4Addr};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use anyhow::{Context, Result, bail};

use super::api::Api;
use super::pki::{Authority, Identity};
use super::{Nodes, Options, audit, kubeconfig};
use crate::sys::{self, Process, Supervisor};
use crate::tools;

/// Services get their addresses from here; the first is that of the API server itself.
pub(super) const SERVICE_CIDR: &str = "10.96.0.0/16";
const SERVICE_IP: IpAddr = IpAddr::V4(Ipv4Addr::new(10, 96, 0, 1));

/// The API server is ready in 4 s on an idle machine; a busy one may take its time.
const READY_LIMIT: Duration = Duration::from_secs(180);

/// How often another port is tried after somebody else took the one that was free.
const PORT_TRIES: u32 = 5;

/// The running control plane.
pub(super) struct ControlPlane {
    pub server: String,
    pub port: u16,
    pub api: Api,
    etcd: Process,
    apiserver: Mutex<Process>,
    others: Vec<Process>,
    ready_limit: Duration,
}

/// Where the API server listens, and under which address nodes and pods know it.
#[derive(Clone, Copy)]
pub(super) struct Address {
    pub bind: IpAddr,
    pub advertise: Option<IpAddr>,
}

impl ControlPlane {
    pub(super) fn start(
        home: &Supervisor,
        authority: &Authority,
        options: &Options,
        address: Address,
    ) -> Result<Self> {
        write_files(home.dir(), authority, address)?;
        let etcd = start_etcd(home)?;
        let admin = authority.client("xtask", Some("system:masters"))?;
        let (apiserver, port) = start_apiserver(home, options, address, None)?;
        let server = format!("https://{}:{port}", address.bind);
        let api = Api::new(&server, &authority.cert(), &admin)?;
        let mut plane = Self {
            server,
            port,
            api,
            etcd,
            apiserver: Mutex::new(apiserver),
            others: Vec::new(),
            ready_limit: READY_LIMIT,
        };
        for attempt in 1.. {
            let Err(error) = plane.wait_ready() else {
                break;
            };
            let taken = plane.apiserver().tail(30).contains("address already in use");
            if !taken || attempt == PORT_TRIES {
                return Err(error);
            }
            let (apiserver, port) = start_apiserver(home, options, address, None)?;
            (plane.apiserver, plane.port) = (Mutex::new(apiserver), port);
            plane.server = format!("https://{}:{}", address.bind, plane.port);
            plane.api = Api::new(&plane.server, &authority.cert(), &admin)?;
        }
        if options.controllers {
            plane.start_controllers(home, authority, options)?;
        }
        Ok(plane)
    }

    /// Waits until the API server answers that it is ready.
    pub(super) fn wait_ready(&mut self) -> Result<()> {
        self.wait_api()?;
        self.check()
    }

    fn wait_api(&self) -> Result<()> {
        sys::wait_for("readiness of kube-apiserver", self.ready_limit, || {
            // What ended will not get ready: not worth waiting for.
            if self.apiserver().ended()?.is_some() {
                return Ok(Some(()));
            }
            let (status, text) = self.api.raw("GET", "/readyz", "application/json", "")?;
            if status != 200 {
                bail!("{status}: {text}")
            }
            Ok(Some(()))
        })?;
        self.apiserver().check()
    }

    /// An error if a part of it has ended.
    pub(super) fn check(&mut self) -> Result<()> {
        self.apiserver().check()?;
        self.etcd.check()?;
        self.others.iter_mut().try_for_each(Process::check)
    }

    pub(super) fn apiserver(&self) -> MutexGuard<'_, Process> {
        self.apiserver.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Starts the API server again, on the same port, with the data that etcd kept.
    pub(super) fn start_apiserver_again(
        &self,
        home: &Supervisor,
        options: &Options,
        address: Address,
    ) -> Result<()> {
        let (process, _) = start_apiserver(home, options, address, Some(self.port))?;
        *self.apiserver() = process;
        self.wait_api()
    }

    fn start_controllers(
        &mut self,
        home: &Supervisor,
        authority: &Authority,
        options: &Options,
    ) -> Result<()> {
        let dir = home.dir();
        // Their default of 20 requests a second for each controller is else what a load test measures.
        const LIMITS: [&str; 4] = ["--kube-api-qps", "500", "--kube-api-burst", "1000"];
        let manager_config = kubeconfig::write(
            &dir.join("controller-manager.kubeconfig"),
            &self.server,
            &authority.cert(),
            // Its own role leaves its controllers nothing: they are made to have accounts of their own, which takes
            // longer to start and would stand in the audit log.
            &authority.client("system:kube-controller-manager", Some("system:masters"))?,
        )?;
        self.others.push(home.spawn(
            "kube-controller-manager",
            &tools::tool("kube-controller-manager")?,
            |c| {
                c.arg("--kubeconfig").arg(&manager_config);
                c.args(["--leader-elect=false", "--secure-port=0"])
                    .args(LIMITS);
                c.arg("--root-ca-file").arg(dir.join("ca.crt"));
                c.arg("--service-account-private-key-file")
                    .arg(dir.join("sa.key"));
                if !matches!(options.nodes, Nodes::Real) {
                    // Fake nodes are always well: without it they need neither leases nor taints.
                    c.arg("--controllers=*,-node-lifecycle-controller");
                }
            },
        )?);
        let scheduler_config = kubeconfig::write(
            &dir.join("scheduler.kubeconfig"),
            &self.server,
            &authority.cert(),
            &authority.client("system:kube-scheduler", None)?,
        )?;
        self.others.push(
            home.spawn("kube-scheduler", &tools::tool("kube-scheduler")?, |c| {
                c.arg("--kubeconfig").arg(&scheduler_config);
                c.args(["--leader-elect=false", "--secure-port=0"])
                    .args(LIMITS);
            })?,
        );
        let api = self.api.clone();
        sys::wait_for(
            "the controllers' first work (a default service account)",
            self.ready_limit,
            || {
                self.check()?;
                api.find("/api/v1/namespaces/default/serviceaccounts/default")
            },
        )?;
        Ok(())
    }
}

/// The server's certificate, the authority, and the key that signs service accounts' tokens.
fn write_files(dir: &Path, authority: &Authority, address: Address) -> Result<()> {
    let names = [
        "localhost",
        "kubernetes",
        "kubernetes.default",
        "kubernetes.default.svc",
    ];
    let mut addresses = vec![IpAddr::V4(Ipv4Addr::LOCALHOST), SERVICE_IP];
    addresses.extend(address.advertise);
    let server = authority.server("kube-apiserver", &names, &addresses)?;
    let kubelet = authority.client("kube-apiserver-kubelet-client", Some("system:masters"))?;
    let accounts = authority.client("service-accounts", None)?;
    for (name, text) in [
        ("ca.crt", &authority.cert()),
        ("apiserver.crt", &server.cert),
        ("apiserver.key", &server.key),
        ("kubelet-client.crt", &kubelet.cert),
        ("kubelet-client.key", &kubelet.key),
        // Kubernetes reads public keys from certificates, but not from PKCS #8 private keys.
        ("sa.crt", &accounts.cert),
        ("sa.key", &accounts.key),
        ("audit-policy.json", &audit::POLICY.to_owned()),
    ] {
        fs::write(dir.join(name), text).with_context(|| format!("writing {name}"))?;
    }
    Ok(())
}

/// etcd over Unix sockets: no ports, hence no collisions.
fn start_etcd(home: &Supervisor) -> Result<Process> {
    let dir = home.dir();
    let client = format!("unix://{}", dir.join("etcd.sock").display());
    // etcd wants a host and a port in this one, and makes a file of that name in its working directory.
    let peer = "unix://localhost:2380";
    let advertised = "unix://localhost:2379";
    home.spawn("etcd", &tools::tool("etcd")?, |c| {
        c.current_dir(dir);
        c.arg("--data-dir").arg(dir.join("etcd"));
        c.args(["--name", "test", "--unsafe-no-fsync", "--log-level", "warn"]);
        c.args([
            "--listen-client-urls",
            &client,
            "--advertise-client-urls",
            advertised,
        ]);
        c.args([
            "--listen-peer-urls",
            peer,
            "--initial-advertise-peer-urls",
            peer,
        ]);
        c.args(["--initial-cluster", &format!("test={peer}")]);
        c.args([
            "--quota-backend-bytes",
            "4294967296",
            "--max-request-bytes",
            "10485760",
        ]);
    })
}

fn start_apiserver(
    home: &Supervisor,
    options: &Options,
    address: Address,
    port: Option<u16>,
) -> Result<(Process, u16)> {
    let dir = home.dir();
    let file = |name: &str| -> PathBuf { dir.join(name) };
    let port = port.map_or_else(sys::free_port, Ok)?;
    let process = home.spawn("kube-apiserver", &tools::tool("kube-apiserver")?, |c| {
        c.arg(format!(
            "--etcd-servers=unix://{}",
            file("etcd.sock").display()
        ));
        c.arg(format!("--bind-address={}", address.bind))
            .arg(format!("--secure-port={port}"));
        match address.advertise {
            Some(ip) => c.arg(format!("--advertise-address={ip}")),
            None => c.arg("--endpoint-reconciler-type=none"),
        };
        c.arg(format!("--service-cluster-ip-range={SERVICE_CIDR}"));
        c.arg("--client-ca-file").arg(file("ca.crt"));
        c.arg("--tls-cert-file")
            .arg(file("apiserver.crt"))
            .arg("--tls-private-key-file")
            .arg(file("apiserver.key"));
        c.arg("--kubelet-client-certificate")
            .arg(file("kubelet-client.crt"));
        c.arg("--kubelet-client-key")
            .arg(file("kubelet-client.key"));
        c.arg("--kubelet-preferred-address-types=InternalIP");
        c.arg("--service-account-issuer=https://kubernetes.default.svc");
        c.arg("--service-account-key-file").arg(file("sa.crt"));
        c.arg("--service-account-signing-key-file")
            .arg(file("sa.key"));
        c.args([
            "--authorization-mode=Node,RBAC",
            "--allow-privileged=true",
            "--profiling=false",
        ]);
        if !matches!(options.nodes, Nodes::Real) {
            c.arg("--disable-admission-plugins=TaintNodesByCondition");
        }
        if options.audit {
            c.arg("--audit-policy-file").arg(file("audit-policy.json"));
            c.arg("--audit-log-path").arg(file("audit.log"));
            // Else a test may read the log before the line is there; and never a second file.
            c.args(["--audit-log-mode=blocking", "--audit-log-maxsize=0"]);
        }
        c.args(&options.apiserver_flags);
    })?;
    Ok((process, port))
}

/// A client identity that the API server treats as an administrator.
pub(super) fn admin(authority: &Authority) -> Result<Identity> {
    authority.client("admin", Some("system:masters"))
}
