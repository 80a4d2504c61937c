//! The test cluster itself: what tests rely on when they use it.

use std::process::{Command, Stdio};
use std::time::Duration;

use serde_json::json;
use xtask::cluster::{Cluster, Nodes, Options};
use xtask::demo::{self, Demo};
use xtask::sys;

const LIMIT: Duration = Duration::from_secs(60);

/// A Deployment of one container whose image's name says what becomes of it.
fn deployment(name: &str) -> serde_json::Value {
    json!({
        "apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": name},
        "spec": {
            "replicas": 2, "progressDeadlineSeconds": 600,
            "selector": {"matchLabels": {"app": name}},
            "template": {
                "metadata": {"labels": {"app": name}},
                "spec": {"containers": [{"name": "main", "image": format!("{name}:1")}]},
            },
        },
    })
}

fn job(name: &str, image: &str) -> serde_json::Value {
    json!({
        "apiVersion": "batch/v1", "kind": "Job", "metadata": {"name": name},
        "spec": {
            "backoffLimit": 0,
            "template": {"spec": {"restartPolicy": "Never", "containers": [{"name": "main", "image": image}]}},
        },
    })
}

#[test]
fn fake_nodes_do_what_the_images_are_named() {
    let cluster = Cluster::start(Options::default()).expect("the cluster starts");
    let api = cluster.api();
    for name in ["web", "never-ready", "crash", "missing"] {
        api.create(
            "/apis/apps/v1/namespaces/default/deployments",
            &deployment(name),
        )
        .unwrap();
    }
    for (name, image) in [("good", "test:1"), ("bad", "example.com/fail:1")] {
        api.create("/apis/batch/v1/namespaces/default/jobs", &job(name, image))
            .unwrap();
    }
    sys::wait_for("web gets ready", LIMIT, || {
        let web = api.get("/apis/apps/v1/namespaces/default/deployments/web")?;
        Ok((web["status"]["readyReplicas"] == 2).then_some(()))
    })
    .unwrap();
    for (name, condition) in [("good", "Complete"), ("bad", "Failed")] {
        sys::wait_for(&format!("{name} is {condition}"), LIMIT, || {
            let job = api.get(&format!("/apis/batch/v1/namespaces/default/jobs/{name}"))?;
            let conditions = job["status"]["conditions"]
                .as_array()
                .cloned()
                .unwrap_or_default();
            Ok(conditions
                .iter()
                .any(|c| c["type"] == condition && c["status"] == "True")
                .then_some(()))
        })
        .unwrap();
    }
    for (name, pointer, want) in [
        (
            "crash",
            "/status/containerStatuses/0/state/waiting/reason",
            "CrashLoopBackOff",
        ),
        (
            "missing",
            "/status/containerStatuses/0/state/waiting/reason",
            "ImagePullBackOff",
        ),
        (
            "never-ready",
            "/status/conditions/1/reason",
            "ContainersNotReady",
        ),
    ] {
        sys::wait_for(&format!("{name} shows {want}"), LIMIT, || {
            let pods = api.get(&format!(
                "/api/v1/namespaces/default/pods?labelSelector=app%3D{name}"
            ))?;
            let found = pods["items"][0].pointer(pointer).cloned();
            Ok((found.as_ref().and_then(|v| v.as_str()) == Some(want)).then_some(()))
        })
        .unwrap();
    }
}

#[test]
fn users_have_no_right_but_those_given_and_their_requests_are_logged() {
    let cluster = Cluster::start(Options {
        nodes: Nodes::None,
        audit: true,
        ..Options::default()
    })
    .unwrap();
    let kubectl = |config: &std::path::Path, args: &[&str]| {
        sys::run(
            cluster
                .kubectl_command()
                .unwrap()
                .env("KUBECONFIG", config)
                .args(args),
        )
    };
    let user = cluster.kubeconfig_for_user("jane", None).unwrap();
    let refused = kubectl(&user, &["get", "pods"]).unwrap_err().to_string();
    assert!(
        refused.contains("User \"jane\" cannot list resource \"pods\""),
        "{refused}"
    );
    let account = cluster
        .kubeconfig_for_service_account("default", "default")
        .unwrap();
    let refused = kubectl(&account, &["get", "secrets"])
        .unwrap_err()
        .to_string();
    assert!(
        refused.contains("system:serviceaccount:default:default"),
        "{refused}"
    );
    cluster
        .kubectl(&[
            "create",
            "clusterrolebinding",
            "x",
            "--clusterrole=view",
            "--user=jane",
        ])
        .unwrap();
    kubectl(&user, &["get", "pods"]).unwrap();
    let requests = cluster.requests().unwrap();
    let pods = |code| {
        requests
            .iter()
            .filter(|r| r.user == "jane" && r.uri.contains("/pods") && r.code == code)
            .count()
    };
    assert_eq!((pods(403), pods(200)), (1, 1));
    assert!(
        requests
            .iter()
            .all(|r| r.user != "kwok" && r.user != "xtask")
    );
}

#[test]
fn an_api_server_that_comes_back_has_what_it_had() {
    let cluster = Cluster::start(Options {
        nodes: Nodes::None,
        controllers: false,
        ..Options::default()
    })
    .unwrap();
    let map = json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "kept"}});
    cluster
        .api()
        .create("/api/v1/namespaces/default/configmaps", &map)
        .unwrap();
    cluster.stop_api_server().unwrap();
    assert!(cluster.api().get("/api/v1/namespaces").is_err());
    cluster.start_api_server().unwrap();
    cluster
        .api()
        .get("/api/v1/namespaces/default/configmaps/kept")
        .unwrap();
}

/// Starts the command line in a process of its own, kills that with SIGKILL, and looks for what it left.
#[test]
fn nothing_outlives_a_killed_owner() {
    let mut child = Command::new(env!("CARGO_BIN_EXE_xtask"))
        .args(["cluster", "up", "--nodes", "1"])
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut line = String::new();
    std::io::BufRead::read_line(
        &mut std::io::BufReader::new(child.stdout.take().unwrap()),
        &mut line,
    )
    .unwrap();
    let config = line
        .trim()
        .strip_prefix("export KUBECONFIG=")
        .expect("the first line names the kubeconfig")
        .to_owned();
    let dir = std::path::Path::new(&config).parent().unwrap().to_owned();
    let running = || {
        let listed = sys::run(Command::new("ps").args(["-eo", "args"])).unwrap();
        listed
            .lines()
            .filter(|l| l.contains(dir.to_str().unwrap()) && !l.starts_with("/bin/sh"))
            .count()
    };
    assert_eq!(
        running(),
        5,
        "etcd, kube-apiserver, controller manager, scheduler, kwok"
    );
    child.kill().unwrap();
    child.wait().unwrap();
    sys::wait_for("the end of all processes", LIMIT, || {
        Ok((running() == 0).then_some(()))
    })
    .unwrap();
    sys::wait_for("the removal of the folder", LIMIT, || {
        Ok((!dir.exists()).then_some(()))
    })
    .unwrap();
}

#[test]
fn the_demo_is_seen_on_fake_nodes() {
    demo::run(&Demo { kwok: true, check: true, recreate: false, trace: None }).unwrap_or_else(|error| panic!("{error:#}"));
}

#[test]
fn manifests_applied_at_the_same_time_do_not_take_each_others_place() {
    let cluster = Cluster::start(Options::default()).expect("the cluster starts");
    let names: Vec<String> = (0..8).map(|n| format!("at-once-{n}")).collect();
    std::thread::scope(|scope| {
        for name in &names {
            let manifest = json!({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name}}).to_string();
            scope.spawn(|| cluster.apply(&{ manifest }).expect("the Namespace is taken"));
        }
    });
    for name in &names {
        cluster.kubectl(&["get", "namespace", name]).expect("it is there");
    }
}
