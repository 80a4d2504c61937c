//! Fake nodes by kwok: pods get ready, fail or hang as their annotations or images say, thousands of them.

use std::fs;
use std::time::Duration;

use anyhow::Result;
use serde_json::json;

use super::{Cluster, kubeconfig};
use crate::{sys, tools};

/// The shipped Stages; `@OUTCOME@` stands for the expression that tells what shall become of a pod.
const STAGES: &str = include_str!("stages.yaml");

/// jq: the annotation, else the image's name if it is one of the outcomes, else success: what restarts always gets
/// ready, the rest (Jobs, Helm's test pods) completes.
const OUTCOME: &str = concat!(
    r#"(.metadata.annotations["test.windlass.dev/outcome"] // "#,
    r#"(.spec.containers[0].image | split("/")[-1] | split("@")[0] | split(":")[0])) as $o "#,
    r#"| if (["ready","never-ready","crash","missing","pending","fail","complete"] | index($o)) then $o "#,
    r#"elif .spec.restartPolicy == "Always" then "ready" else "complete" end"#
);

pub(super) fn start(cluster: &Cluster, nodes: u32) -> Result<()> {
    let dir = cluster.dir();
    let mut stages = STAGES.replace("@OUTCOME@", OUTCOME);
    for stage in &cluster.options.stages {
        stages.push_str("\n---\n");
        stages.push_str(stage);
    }
    let config = dir.join("stages.yaml");
    fs::write(&config, stages)?;
    let identity = cluster.authority.client("kwok", Some("system:masters"))?;
    let kubeconfig = kubeconfig::write(
        &dir.join("kwok.kubeconfig"),
        cluster.server(),
        &cluster.ca(),
        &identity,
    )?;
    let mut process = cluster.home.spawn("kwok", &tools::tool("kwok")?, |c| {
        c.arg("--kubeconfig")
            .arg(&kubeconfig)
            .arg("--config")
            .arg(&config);
        c.args([
            "--manage-nodes-with-annotation-selector",
            "kwok.x-k8s.io/node=fake",
        ]);
        c.args([
            "--cidr",
            "10.128.0.1/10",
            "--node-ip",
            "10.127.0.1",
            "--node-lease-duration-seconds",
            "0",
        ]);
        // It reads ~/.kwok/kwok.yaml too.
        c.env("HOME", dir);
    })?;
    for index in 0..nodes {
        cluster.api().create("/api/v1/nodes", &node(index))?;
    }
    sys::wait_for(
        "readiness of the fake nodes",
        Duration::from_secs(60),
        || {
            process.check()?;
            let list = cluster.api().get("/api/v1/nodes")?;
            let ready = list["items"]
                .as_array()
                .into_iter()
                .flatten()
                .filter(|n| n["status"]["phase"] == "Running");
            Ok((ready.count() as u32 == nodes).then_some(()))
        },
    )
}

fn node(index: u32) -> serde_json::Value {
    let name = format!("fake-{index}");
    let size = json!({"cpu": "1k", "memory": "1Ti", "pods": "100k"});
    json!({
        "apiVersion": "v1", "kind": "Node",
        "metadata": {
            "name": name,
            "annotations": {"kwok.x-k8s.io/node": "fake"},
            "labels": {"kubernetes.io/hostname": name, "kubernetes.io/os": "linux", "kubernetes.io/arch": "amd64"},
        },
        "status": {"allocatable": size, "capacity": size},
    })
}
