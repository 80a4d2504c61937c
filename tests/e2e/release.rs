//! The main job: what is pushed is released and tested, what fails is undone, what drifts is put back.

use crate::{SOON, fixture::{Fixture, Repository, condition, environment, ready}};
use serde_json::json;
use std::time::Duration;

#[test]
fn a_push_is_released_tested_and_listed_by_helm() {
    let f = Fixture::get("push");
    let repo = Repository::new("push");
    f.create(&environment("push", &repo, ""));
    f.wait("push", SOON, |env| ready(env, "True", "InSync"));
    assert_eq!(f.field("configmap/push-config", "{.data.message}"), "hello");
    repo.push("values.yaml", |text| text.replace("hello", "second"));
    f.wait("push", SOON, |env| ready(env, "True", "InSync") && env["status"]["release"]["number"] == 2);
    assert_eq!(f.field("configmap/push-config", "{.data.message}"), "second");
    let env = f.env("push");
    assert_eq!(env["status"]["tests"]["summary"], "1/1");
    assert_eq!(env["status"]["source"]["commit"], repo.head());
    let history = f.helm(&["history", "push", "-o", "json"]);
    let history: serde_json::Value = serde_json::from_str(&history).expect("helm prints JSON");
    let statuses: Vec<_> = history.as_array().expect("a list").iter().map(|h| h["status"].as_str().unwrap_or("")).collect();
    assert_eq!(statuses, ["superseded", "deployed"], "as helm tells it");
}

#[test]
fn a_failing_test_is_rolled_back_remembered_and_retried_on_demand() {
    let f = Fixture::get("bad-test");
    let repo = Repository::new("bad-test");
    f.create(&environment("bad-test", &repo, ""));
    f.wait("bad-test", SOON, |env| ready(env, "True", "InSync"));
    let good = repo.head();
    repo.push("values.yaml", |text| text.replace("hello", "broken").replace("test: complete", "test: fail"));
    let env = f.wait("bad-test", SOON, |env| ready(env, "False", "TestsFailed") && env["status"]["release"]["number"] == 3);
    assert_eq!(env["status"]["lastGoodRevision"], good);
    assert_eq!(condition(&env, "RolledBack")["status"], "True");
    assert_eq!(condition(&env, "TestsPassed")["status"], "False");
    assert_eq!(f.field("configmap/bad-test-config", "{.data.message}"), "hello", "the last good content is back");
    // Known bad: it is not tried again by itself, even if the agent is asked to look again.
    f.windlass(&["sync", "bad-test", "--no-wait"]);
    std::thread::sleep(Duration::from_secs(3));
    assert_eq!(f.env("bad-test")["status"]["release"]["number"], 3);
    f.windlass(&["retry", "bad-test", "--no-wait"]);
    f.wait("bad-test", SOON, |env| ready(env, "False", "TestsFailed") && env["status"]["release"]["number"] == 5);
    repo.push("values.yaml", |text| text.replace("test: fail", "test: complete"));
    f.wait("bad-test", SOON, |env| ready(env, "True", "InSync"));
    assert_eq!(f.field("configmap/bad-test-config", "{.data.message}"), "broken");
}

#[test]
fn pods_that_crash_end_the_wait_early_and_are_rolled_back() {
    let f = Fixture::get("crash");
    let repo = Repository::new("crash");
    f.create(&environment("crash", &repo, ""));
    f.wait("crash", SOON, |env| ready(env, "True", "InSync"));
    repo.push("values.yaml", |text| text.replace("image: app", "image: crash"));
    let env = f.wait("crash", SOON, |env| env["status"]["release"]["number"] == 3 && ready(env, "False", ""));
    assert_eq!(condition(&env, "RolledBack")["status"], "True");
    assert!(condition(&env, "RolledBack")["message"].as_str().unwrap_or("").contains("Deployment crash/crash"), "{env:#}");
}

#[test]
fn a_first_install_that_fails_is_taken_away_again() {
    let f = Fixture::get("first");
    let repo = Repository::new("first");
    repo.push("values.yaml", |text| text.replace("test: complete", "test: fail"));
    f.create(&environment("first", &repo, ""));
    f.wait("first", SOON, |env| ready(env, "False", "TestsFailed") && env["status"]["release"].is_null());
    assert_eq!(f.kubectl(&["get", "deployment,service", "-o", "name"]).trim(), "");
    assert_eq!(f.get_json("configmap/first-config"), json!(null));
    assert_eq!(f.helm(&["list", "-q"]).trim(), "");
    // What is remembered counts for an Environment that is met only then, as after a restart: no record tells of it any more.
    let mut memory = f.get_json("configmap/windlass.first");
    f.kubectl(&["delete", "environment", "first", "--timeout=60s"]);
    let labels = memory["metadata"]["labels"].take();
    memory["metadata"] = json!({"name": "windlass.first", "namespace": "first", "labels": labels});
    f.create(&memory);
    f.kubectl(&["delete", "events", "--all"]);
    f.create(&environment("first", &repo, ""));
    let env = f.wait("first", SOON, |env| ready(env, "False", "TestsFailed"));
    assert!(condition(&env, "Ready")["message"].as_str().unwrap_or("").contains("is not tried again until"), "{env:#}");
    assert!(!f.kubectl(&["get", "events", "-o", "jsonpath={.items[*].reason}"]).contains("Releasing"));
}

#[test]
fn drift_made_by_hand_is_put_back() {
    let f = Fixture::get("drift");
    let repo = Repository::new("drift");
    f.create(&environment("drift", &repo, ""));
    f.wait("drift", SOON, |env| ready(env, "True", "InSync"));
    f.kubectl(&["patch", "configmap", "drift-config", "--type=merge", "-p", r#"{"data":{"message":"by hand"}}"#]);
    f.kubectl(&["delete", "service", "drift"]);
    f.until(SOON, "the ConfigMap is put back", || f.field("configmap/drift-config", "{.data.message}") == "hello");
    f.until(SOON, "the Service is put back", || f.kubectl(&["get", "service", "-o", "name"]).contains("service/drift"));
    f.wait("drift", SOON, |env| ready(env, "True", "InSync"));
    assert_eq!(f.env("drift")["status"]["release"]["number"], 1, "a repair is no release");
}

#[test]
fn what_leaves_the_chart_is_pruned_and_deletion_uninstalls() {
    let f = Fixture::get("prune");
    let repo = Repository::new("prune");
    f.create(&environment("prune", &repo, ""));
    f.wait("prune", SOON, |env| ready(env, "True", "InSync"));
    f.kubectl(&["create", "configmap", "bystander"]);
    repo.remove("templates/service.yaml");
    f.wait("prune", SOON, |env| ready(env, "True", "InSync") && env["status"]["release"]["number"] == 2);
    assert!(!f.kubectl(&["get", "service", "-o", "name"]).contains("service/prune"));
    f.kubectl(&["delete", "environment", "prune", "--timeout=60s"]);
    assert_eq!(f.kubectl(&["get", "deployment,secret", "-o", "name"]).trim(), "");
    assert!(f.kubectl(&["get", "configmap", "-o", "name"]).contains("bystander"), "what is not ours stays");
}

#[test]
fn a_deletion_does_not_wait_for_what_a_release_waits_for() {
    let f = Fixture::get("given-up");
    let repo = Repository::new("given-up");
    f.create(&environment("given-up", &repo, ""));
    f.wait("given-up", SOON, |env| ready(env, "True", "InSync"));
    repo.put("values.yaml", &repo.read("values.yaml").replace("image: app", "image: never-ready"));
    repo.remove("templates/service.yaml");
    f.wait("given-up", SOON, |env| env["status"]["release"]["number"] == 2 && condition(env, "Ready")["reason"] == "Progressing");
    f.kubectl(&["delete", "environment", "given-up", "--timeout=60s"]);
    assert_eq!(f.kubectl(&["get", "deployment,service,secret", "-o", "name"]).trim(), "", "objects of both releases, and the records");
    assert_eq!(f.get_json("configmap/given-up-config"), json!(null));
    let failures = f.kubectl(&["get", "events", "-o", "jsonpath={.items[*].reason}", "--field-selector", "type=Warning,involvedObject.kind=Environment"]);
    assert_eq!(failures, "", "it was given up, and not waited for until it failed");
}
