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

/// Deployed, tested, rolled back, repaired: without a lost request, and without another program (helm, git, kubectl) to do it.
#[test]
fn the_demo_is_seen_and_no_request_is_lost() {
    let trace = std::env::temp_dir().join(format!("windlass-execve-{}", std::process::id()));
    let demo = Demo { kwok: false, check: true, recreate: false, trace: Some(trace.clone()) };
    demo::run(&demo).unwrap_or_else(|error| panic!("{error:#}"));
    let text = std::fs::read_to_string(&trace).expect("strace wrote it");
    std::fs::remove_file(&trace).expect("it can be removed");
    let started: Vec<&str> = text.lines().filter(|line| line.contains("exec")).collect();
    assert_eq!(started.len(), 1, "the agent started other programs:\n{}", started.join("\n"));
    assert!(started[0].contains("windlass"), "{started:?}");
}

/// The same with pods that all go before new ones come: the count of lost requests can be other than 0.
#[test]
fn requests_are_lost_where_all_pods_go_at_once() {
    demo::run(&Demo { kwok: false, check: true, recreate: true, trace: None }).unwrap_or_else(|error| panic!("{error:#}"));
}
