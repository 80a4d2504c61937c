//! This machine as a real node: containerd, kubelet and kube-proxy. Real containers, Services, probes and logs.
//!
//! Its cgroups, network tables and bridge are the machine's: one at a time, under a lock that the watchdog holds until
//! it has taken all of it away again. Needs root, and Debian's runc, containernetworking-plugins, busybox-static, nftables.

use std::fs;
use std::net::{IpAddr, Ipv4Addr};
use std::path::Path;
use std::process::Command;
use std::time::Duration;

use anyhow::{Context, Result, bail};
use serde_json::json;

use super::{Cluster, kubeconfig};
use crate::images::Image;
use crate::sys::{self, Process, Supervisor};
use crate::tools;

/// The bridge that pods are on, and this machine's address there: the API server's and the kubelet's.
const BRIDGE: &str = "windlass0";
const ADDRESS: Ipv4Addr = Ipv4Addr::new(10, 98, 0, 1);
const POD_CIDR: &str = "10.98.0.0/24";
const NAME: &str = "real";
const PAUSE: &str = "windlass.dev/pause:1";

/// The image of the sample application, imported into every real node: busybox.
pub const SAMPLE_IMAGE: &str = "windlass.dev/sample:1";

/// Held by the owner of the node.
const LOCK: &str = "/run/lock/windlass-node.lock";

const NODE_READY_LIMIT: Duration = Duration::from_secs(120);

/// Programs that the node needs, and the Debian package of each.
const NEEDS: &[(&str, &str)] = &[
    ("/usr/sbin/runc", "runc"),
    ("/usr/lib/cni/bridge", "containernetworking-plugins"),
    ("/bin/busybox", "busybox-static"),
    ("/usr/sbin/nft", "nftables"),
    ("/sbin/ip", "iproute2"),
];

/// Whether this machine can be a node; an error says what lacks.
pub fn possible() -> Result<()> {
    if !cfg!(target_os = "linux") {
        bail!("a real node needs Linux");
    }
    let id = sys::run(Command::new("id").arg("-u"))?;
    if id.trim() != "0" {
        bail!("a real node needs root: it makes cgroups, a bridge and network tables");
    }
    let lacking: Vec<&str> = NEEDS
        .iter()
        .filter(|(path, _)| !Path::new(path).exists())
        .map(|(_, p)| *p)
        .collect();
    if !lacking.is_empty() {
        bail!(
            "a real node needs Debian's {}: apt-get install {0}",
            lacking.join(" ")
        );
    }
    Ok(())
}

/// Waits for the lock and makes the bridge; what undoes it is given to the watchdog first.
pub(super) fn prepare() -> Result<(Supervisor, IpAddr)> {
    possible()?;
    fs::create_dir_all("/run/lock")?;
    let lock = sys::lock(Path::new(LOCK), "owner of the real node")?;
    let home = Supervisor::holding("windlass-cluster", Some(lock))?;
    let forward = fs::read_to_string("/proc/sys/net/ipv4/ip_forward")?;
    let script = TEARDOWN
        .replace("@DIR@", &home.dir().display().to_string())
        .replace("@BRIDGE@", BRIDGE)
        .replace("@FORWARD@", forward.trim());
    home.on_teardown(&script)?;
    let ip = |args: &[&str]| sys::run(Command::new("ip").args(args));
    // A machine that was switched off in the middle of a run has none of it; a teardown that was killed may have.
    let _ = ip(&["link", "del", BRIDGE]);
    ip(&["link", "add", BRIDGE, "type", "bridge"])?;
    ip(&["addr", "add", &format!("{ADDRESS}/24"), "dev", BRIDGE])?;
    ip(&["link", "set", BRIDGE, "up"])?;
    fs::write("/proc/sys/net/ipv4/ip_forward", "1")?;
    Ok((home, IpAddr::V4(ADDRESS)))
}

pub(super) fn start(cluster: &Cluster) -> Result<()> {
    let dir = cluster.dir();
    let mut containerd = start_containerd(&cluster.home)?;
    sys::wait_for("containerd's start", NODE_READY_LIMIT, || {
        containerd.check()?;
        sys::run(ctr(dir)?.args(["version"])).map(Some)
    })?;
    import(cluster, &Image::pause(PAUSE)?)?;
    import(cluster, &Image::busybox(SAMPLE_IMAGE)?)?;
    let mut kubelet = start_kubelet(cluster)?;
    let identity = cluster.authority.client("system:kube-proxy", None)?;
    let config = kubeconfig::write(
        &dir.join("kube-proxy.kubeconfig"),
        cluster.server(),
        &cluster.ca(),
        &identity,
    )?;
    let mut proxy = cluster
        .home
        .spawn("kube-proxy", &tools::tool("kube-proxy")?, |c| {
            c.arg("--kubeconfig").arg(&config);
            c.args(["--proxy-mode=nftables", "--conntrack-max-per-core=0"]);
            c.arg(format!("--cluster-cidr={POD_CIDR}"))
                .arg(format!("--hostname-override={NAME}"));
            c.arg(format!("--healthz-bind-address={ADDRESS}:10256"));
            c.arg(format!("--metrics-bind-address={ADDRESS}:10249"));
        })?;
    sys::wait_for("readiness of the node", NODE_READY_LIMIT, || {
        containerd.check()?;
        kubelet.check()?;
        proxy.check()?;
        let Some(node) = cluster.api().find(&format!("/api/v1/nodes/{NAME}"))? else {
            return Ok(None);
        };
        let conditions = node["status"]["conditions"]
            .as_array()
            .cloned()
            .unwrap_or_default();
        Ok(conditions
            .iter()
            .any(|c| c["type"] == "Ready" && c["status"] == "True")
            .then_some(()))
    })
}

/// Gives the node an image; pods name it with `imagePullPolicy: Never` or `IfNotPresent`.
pub(super) fn import(cluster: &Cluster, image: &Image) -> Result<()> {
    let archive = image.write(cluster.dir())?;
    sys::run(
        ctr(cluster.dir())?
            .args(["-n", "k8s.io", "images", "import"])
            .arg(&archive),
    )
    .with_context(|| format!("importing the image {}", image.name))?;
    fs::remove_file(archive)?;
    Ok(())
}

fn ctr(dir: &Path) -> Result<Command> {
    let mut command = Command::new(tools::tool("ctr")?);
    command.arg("--address").arg(dir.join("containerd.sock"));
    Ok(command)
}

fn start_containerd(home: &Supervisor) -> Result<Process> {
    let dir = home.dir();
    let config = CONTAINERD
        .replace("@DIR@", &dir.display().to_string())
        .replace("@PAUSE@", PAUSE);
    fs::write(dir.join("containerd.toml"), config)?;
    let network = json!({
        "cniVersion": "1.0.0", "name": "windlass", "plugins": [
            {"type": "bridge", "bridge": BRIDGE, "isGateway": true, "hairpinMode": true, "ipam": {
                "type": "host-local", "dataDir": dir.join("cni-data"), "ranges": [[{"subnet": POD_CIDR}]],
                "routes": [{"dst": "0.0.0.0/0"}],
            }},
        ],
    });
    fs::create_dir_all(dir.join("cni"))?;
    fs::write(dir.join("cni/10-windlass.conflist"), network.to_string())?;
    let shim = tools::tool("containerd-shim-runc-v2")?;
    let shim_dir = shim.parent().context("a cache entry lies in a folder")?;
    home.spawn("containerd", &tools::tool("containerd")?, |c| {
        c.arg("--config").arg(dir.join("containerd.toml"));
        c.env(
            "PATH",
            format!("{}:/usr/sbin:/usr/bin:/sbin:/bin", shim_dir.display()),
        );
    })
}

fn start_kubelet(cluster: &Cluster) -> Result<Process> {
    let dir = cluster.dir();
    let identity = cluster
        .authority
        .client(&format!("system:node:{NAME}"), Some("system:nodes"))?;
    let path = kubeconfig::write(
        &dir.join("kubelet.kubeconfig"),
        cluster.server(),
        &cluster.ca(),
        &identity,
    )?;
    fs::write(dir.join("resolv.conf"), "")?;
    let config = json!({
        "apiVersion": "kubelet.config.k8s.io/v1beta1", "kind": "KubeletConfiguration",
        "address": ADDRESS.to_string(),
        "authentication": {
            "anonymous": {"enabled": false}, "webhook": {"enabled": true},
            "x509": {"clientCAFile": dir.join("ca.crt")},
        },
        "authorization": {"mode": "Webhook"},
        "containerRuntimeEndpoint": format!("unix://{}", dir.join("containerd.sock").display()),
        // Machines of continuous integration often still have the first version of cgroups.
        "failCgroupV1": false, "cgroupDriver": "cgroupfs", "enforceNodeAllocatable": [],
        "localStorageCapacityIsolation": false, "failSwapOn": false,
        // Disks of such machines are full by other people's measure.
        "evictionHard": {"imagefs.available": "0%", "nodefs.available": "0%", "nodefs.inodesFree": "0%",
                         "memory.available": "0%"},
        "imageGCHighThresholdPercent": 100, "imageGCLowThresholdPercent": 99,
        "healthzPort": 0, "readOnlyPort": 0, "syncFrequency": "10s",
        "podLogsDir": dir.join("pod-logs"), "volumePluginDir": dir.join("volume-plugins"),
        "resolvConf": dir.join("resolv.conf"),
    });
    fs::write(dir.join("kubelet.json"), config.to_string())?;
    cluster
        .home
        .spawn("kubelet", &tools::tool("kubelet")?, |c| {
            c.arg("--config")
                .arg(dir.join("kubelet.json"))
                .arg("--kubeconfig")
                .arg(&path);
            c.arg("--root-dir")
                .arg(dir.join("kubelet"))
                .arg("--cert-dir")
                .arg(dir.join("kubelet-pki"));
            c.arg(format!("--node-ip={ADDRESS}"))
                .arg(format!("--hostname-override={NAME}"));
            c.env("PATH", "/usr/sbin:/usr/bin:/sbin:/bin");
        })
}

/// containerd 2; Debian's runc. Network namespaces lie in our folder, so that unmounting what is below it is enough.
const CONTAINERD: &str = r#"version = 3
root = "@DIR@/containerd"
state = "@DIR@/run"
disabled_plugins = ["io.containerd.nri.v1.nri", "io.containerd.tracing.processor.v1.otlp", "io.containerd.snapshotter.v1.btrfs",
  "io.containerd.snapshotter.v1.zfs", "io.containerd.snapshotter.v1.devmapper", "io.containerd.snapshotter.v1.blockfile",
  "io.containerd.snapshotter.v1.erofs"]
[grpc]
  address = "@DIR@/containerd.sock"
[ttrpc]
  address = "@DIR@/containerd.sock.ttrpc"
[plugins.'io.containerd.internal.v1.opt']
  path = "@DIR@/opt"
[plugins.'io.containerd.cri.v1.images'.pinned_images]
  sandbox = "@PAUSE@"
[plugins.'io.containerd.cri.v1.runtime']
  # Else every sandbox fails where the kernel refuses a lower value than that of the parent.
  restrict_oom_score_adj = true
  netns_mounts_under_state_dir = true
  [plugins.'io.containerd.cri.v1.runtime'.cni]
    bin_dirs = ["/usr/lib/cni"]
    conf_dir = "@DIR@/cni"
"#;

/// After kubelet, kube-proxy and containerd were killed: the containers, mounts, tables, cgroups and the bridge.
const TEARDOWN: &str = r#"
dir=@DIR@
sockets=$(grep -rhoE '/run/containerd/s/[0-9a-f]+' "$dir"/run/io.containerd.runtime.v2.task/*/*/bootstrap.json 2>/dev/null)
for round in 1 2 3; do
    for process in /proc/[0-9]*; do
        tr '\0' ' ' <"$process/cmdline" 2>/dev/null | grep -q "containerd-shim.*$dir/" && kill -s KILL "${process#/proc/}"
    done
    find /sys/fs/cgroup -path '*/kubepods*' -name cgroup.procs -exec cat {} + 2>/dev/null | sort -u |
        while read -r pid; do kill -s KILL "$pid"; done
    sleep 0.1
done
awk -v dir="$dir/" 'index($2, dir) == 1 {print $2}' /proc/mounts | sort -r | while read -r mount; do umount -l "$mount"; done
rm -f $sockets
find /sys/fs/cgroup -depth -type d -path '*/kubepods*' -exec rmdir {} + 2>/dev/null
ip link del @BRIDGE@
nft delete table ip kube-proxy
nft delete table ip6 kube-proxy
find /var/log/containers -lname "$dir/*" -delete 2>/dev/null
rmdir /var/log/containers 2>/dev/null
echo @FORWARD@ >/proc/sys/net/ipv4/ip_forward
"#;
