//! The real node, and the main job on it. `cargo xtask test node` runs this, as root, one after the other.

use std::process::Command;

use xtask::cluster::{Cluster, Nodes, Options};
use xtask::demo::{self, Demo};
use xtask::sys;

/// Everything that the real node is there for: containers, Services, probes, Jobs, logs; and nothing left of it after.
#[test]
fn the_real_node_runs_real_containers() {
    let cluster = Cluster::start(Options {
        nodes: Nodes::Real,
        ..Options::default()
    })
    .expect("the node starts");
    let dir = cluster.dir().to_owned();
    cluster.apply(include_str!("real-node.yaml")).unwrap();
    cluster
        .kubectl(&["rollout", "status", "deployment/web", "--timeout=90s"])
        .unwrap();
    // Only the Job asks through the Service's address, from a pod.
    cluster
        .kubectl(&[
            "wait",
            "--for=condition=Complete",
            "job/ask",
            "--timeout=90s",
        ])
        .unwrap();
    let logs = cluster.kubectl(&["logs", "job/ask"]).unwrap();
    assert_eq!(logs.trim(), "served by a real container");
    cluster
        .kubectl(&[
            "wait",
            "--for=condition=Failed",
            "job/fails",
            "--timeout=90s",
        ])
        .unwrap();
    let logs = cluster.kubectl(&["logs", "job/fails"]).unwrap();
    assert_eq!(logs.trim(), "this one fails");
    // From the machine itself, too: that is where tests send their requests from.
    let address = cluster
        .kubectl(&["get", "service", "web", "-o", "jsonpath={.spec.clusterIP}"])
        .unwrap();
    let answer = ureq::get(format!("http://{address}/"))
        .call()
        .unwrap()
        .body_mut()
        .read_to_string()
        .unwrap();
    assert_eq!(answer.trim(), "served by a real container");
    drop(cluster);
    assert!(!dir.exists(), "{} is left", dir.display());
    let mounts = std::fs::read_to_string("/proc/mounts").unwrap();
    assert!(!mounts.contains(dir.to_str().unwrap()), "mounts are left");
    let processes = sys::run(Command::new("ps").args(["-eo", "args"])).unwrap();
    assert!(
        !processes.contains(dir.to_str().unwrap()),
        "processes are left:\n{processes}"
    );
    assert!(
        sys::run(Command::new("ip").args(["link", "show", "windlass0"])).is_err(),
        "the bridge is left"
    );
    let tables = sys::run(Command::new("nft").args(["list", "tables"])).unwrap();
    assert!(!tables.contains("kube-proxy"), "{tables}");
}

#[test]
fn the_demo_is_seen_and_no_request_is_lost() {
    demo::run(&Demo { kwok: false, check: true, recreate: false }).unwrap_or_else(|error| panic!("{error:#}"));
}

/// The same with pods that all go before new ones come: the count of lost requests can be other than 0.
#[test]
fn requests_are_lost_where_all_pods_go_at_once() {
    demo::run(&Demo { kwok: false, check: true, recreate: true }).unwrap_or_else(|error| panic!("{error:#}"));
}
