//! Order inside of a release (waves), and Environments that a chart of Environments holds.

use crate::fixture::{Fixture, Repository, condition, environment, ready};
use serde_json::json;
use crate::SOON;
use std::time::Duration;


/// A ConfigMap of a wave.
fn wave(name: &str, wave: &str) -> String {
    format!("apiVersion: v1\nkind: ConfigMap\nmetadata: {{name: {name}, annotations: {{windlass.dev/wave: \"{wave}\"}}}}\n")
}

#[test]
fn each_wave_waits_until_the_one_before_it_is_healthy() {
    let f = Fixture::get("waves");
    let repo = Repository::new("waves");
    repo.put("templates/early.yaml", &wave("early", "-1"));
    repo.put("templates/late.yaml", &wave("late", "1"));
    // The Deployment, of wave 0, gets ready when somebody says so.
    repo.push("values.yaml", |text| text.replace("app:1", "never-ready:1"));
    f.create(&environment("waves", &repo, "health: {timeout: 10m}"));
    let env = f.wait("waves", SOON, |env| condition(env, "Ready")["message"].as_str().is_some_and(|text| text.contains("wave 2 of 3")));
    assert_eq!(env["status"]["release"]["status"], "pending-install");
    let names = f.kubectl(&["get", "configmap", "-o", "name"]);
    assert!(names.contains("/early") && !names.contains("/late"), "{names}");
    let record = f.field("secret/sh.helm.release.v1.waves.v1", "{.metadata.annotations.windlass\\.dev/attempt}");
    assert!(record.contains("\"waves\":{\"at\":1,\"of\":3}"), "{record}");
    // The pods are made ready by hand: the wave is done.
    for pod in f.kubectl(&["get", "pod", "-o", "name"]).lines() {
        let patch = json!({ "status": { "conditions": [{ "type": "Ready", "status": "True" }, { "type": "ContainersReady", "status": "True" }] } });
        f.kubectl(&["patch", pod, "--subresource=status", "--type=strategic", "-p", &patch.to_string()]);
    }
    f.wait("waves", SOON, |env| ready(env, "True", "InSync"));
    assert!(f.kubectl(&["get", "configmap", "-o", "name"]).contains("/late"));
    // What is no number refuses the plan, by name.
    repo.put("templates/late.yaml", &wave("late", "soon"));
    repo.push("values.yaml", |text| format!("{text}\n"));
    let env = f.wait("waves", SOON, |env| condition(env, "Stalled")["reason"] == "InvalidWave");
    let message = condition(&env, "Ready")["message"].as_str().unwrap_or("").to_owned();
    assert!(message.contains("ConfigMap waves/late") && message.contains("\"soon\""), "{message}");
}

#[test]
fn a_chart_of_environments_is_an_ordinary_release() {
    let f = Fixture::get("parent");
    let child = Repository::new("parent-child");
    let repo = Repository::new("parent");
    for old in ["deployment.yaml", "service.yaml", "config.yaml", "tests/answer.yaml"] {
        repo.remove(&format!("templates/{old}"));
    }
    let spec = |policy: &str| {
        format!(
            "apiVersion: windlass.dev/v1alpha1\nkind: Environment\nmetadata: {{name: NAME}}\nspec:\n  deletionPolicy: {policy}\n  \
             source: {{git: {{url: '{}', branch: develop, interval: 1s}}}}\n",
            child.url()
        )
    };
    repo.put("templates/one.yaml", &spec("Uninstall").replace("NAME", "one"));
    repo.put("templates/two.yaml", &spec("Orphan").replace("NAME", "two"));
    repo.push("values.yaml", |text| format!("{text}\n"));
    f.create(&environment("parent", &repo, ""));
    let env = f.wait("parent", SOON, |env| ready(env, "True", "InSync"));
    assert_eq!(env["status"]["release"]["number"], 1);
    assert!(ready(&f.env("one"), "True", "InSync") && ready(&f.env("two"), "True", "InSync"), "the children's health is the parent's");
    assert_eq!(f.kubectl(&["get", "deployment", "-o", "name"]).split_whitespace().count(), 2);

    // A child that waits for a person holds up no parent; an upgrade of the parent leaves the children's releases alone.
    let manual = spec("Uninstall").replace("NAME", "three").replace("spec:\n", "spec:\n  sync: {mode: Manual}\n");
    repo.put("templates/three.yaml", &manual);
    repo.push("values.yaml", |text| format!("{text}\n"));
    f.wait("parent", SOON, |env| ready(env, "True", "InSync") && env["status"]["release"]["number"] == 2);
    assert_eq!(condition(&f.env("three"), "Ready")["reason"], "AwaitingSync");
    assert_eq!(f.env("one")["status"]["release"]["number"], 1);

    // A child that leaves the chart goes as its own policy says.
    repo.remove("templates/one.yaml");
    f.wait("parent", SOON, |env| ready(env, "True", "InSync") && env["status"]["release"]["number"] == 3);
    f.until(SOON, "the first child is gone with its release", || {
        !f.kubectl(&["get", "environment,deployment", "-o", "name"]).contains("/one")
    });
    // And the parent with the rest of them.
    f.kubectl(&["delete", "environment", "parent", "--timeout=60s"]);
    assert_eq!(f.kubectl(&["get", "environment", "-o", "name"]).trim(), "");
    assert_eq!(f.kubectl(&["get", "deployment", "-o", "name"]).trim(), "deployment.apps/two", "the orphaned release stays");
    assert!(f.helm(&["list", "-q"]).contains("two"));
}

#[test]
fn what_holds_a_deletion_is_said() {
    let f = Fixture::get("held-up");
    let repo = Repository::new("held-up");
    f.create(&environment("held-up", &repo, "release: {timeout: 3s}"));
    f.wait("held-up", SOON, |env| ready(env, "True", "InSync"));
    f.kubectl(&["patch", "configmap", "held-up-config", "--type=merge", "-p", r#"{"metadata":{"finalizers":["example.com/hold"]}}"#]);
    f.kubectl(&["delete", "environment", "held-up", "--wait=false"]);
    let env = f.wait("held-up", SOON, |env| condition(env, "Ready")["message"].as_str().is_some_and(|text| text.contains("example.com/hold")));
    let message = condition(&env, "Ready")["message"].as_str().unwrap_or("").to_owned();
    assert!(message.contains("ConfigMap held-up/held-up-config"), "{message}");
    // Its time is over: said as a failure, tried again later, and nothing is forgotten.
    let env = f.wait("held-up", SOON, |env| condition(env, "Ready")["reason"] == "DeletionStuck");
    assert!(condition(&env, "Ready")["message"].as_str().unwrap_or("").contains("example.com/hold"), "{env:#}");
    f.kubectl(&["patch", "configmap", "held-up-config", "--type=merge", "-p", r#"{"metadata":{"finalizers":null}}"#]);
    f.kubectl(&["annotate", "environment", "held-up", "windlass.dev/retry=now"]);
    f.until(Duration::from_secs(150), "it goes", || f.kubectl(&["get", "environment", "-o", "name"]).trim().is_empty());
    assert_eq!(f.kubectl(&["get", "secret,deployment", "-o", "name"]).trim(), "");
}
