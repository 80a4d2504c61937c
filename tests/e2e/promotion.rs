//! Promotion along branches, and bad commits taken back, with the real git over smart HTTP.

use crate::fixture::{Fixture, Repository, condition, named, ready};
use serde_json::json;
use crate::SOON;


fn follows(name: &str, branch: &str, namespace: &str, repo: &Repository, more: &str) -> serde_json::Value {
    let mut env = named(name, namespace, repo, more);
    env["spec"]["source"]["git"]["branch"] = json!(branch);
    env["spec"]["source"]["git"]["url"] = json!(repo.http());
    env
}

#[test]
fn what_is_good_goes_on_to_the_next_branch() {
    let f = Fixture::get("chain");
    let repo = Repository::new("chain");
    repo.git(&["push", "-q", "../bare.git", "develop:staging", "develop:production"]);
    f.create(&follows("dev", "develop", "chain", &repo, "promote: {to: staging, after: 2s}"));
    f.create(&follows("stage", "staging", "chain", &repo, "promote: {to: production, approval: Required}"));
    f.create(&follows("prod", "production", "chain", &repo, ""));
    f.wait("stage", SOON, |env| condition(env, "Promoted")["reason"] == "AwaitingApproval" && ready(env, "True", "InSync"));
    f.wait("dev", SOON, |env| condition(env, "Promoted")["status"] == "True");
    repo.push("values.yaml", |text| text.replace("hello", "second"));
    f.wait("stage", SOON, |env| ready(env, "True", "InSync") && env["status"]["release"]["number"] == 2);
    assert_eq!(f.env("stage")["status"]["source"]["commit"], repo.head(), "the very commit");
    assert_eq!(f.field("configmap/stage-config", "{.data.message}"), "second");
    let list = f.windlass(&["promote", "--list"]);
    let order: Vec<&str> = list.lines().filter_map(|line| line.split_whitespace().nth(1)).take(4).collect();
    assert_eq!(order, ["NAME", "dev", "stage", "prod"], "{list}");
    assert!(list.contains("staging → production:") && list.contains("Change values.yaml"), "{list}");
    // A revision that fails its tests goes nowhere.
    repo.push("values.yaml", |text| text.replace("second", "third").replace("test: complete", "test: fail"));
    f.wait("dev", SOON, |env| ready(env, "False", "TestsFailed"));
    assert_eq!(f.field("configmap/prod-config", "{.data.message}"), "hello");
    let said = f.windlass(&["promote", "stage"]);
    assert!(said.contains("production was given"), "{said}");
    f.wait("prod", SOON, |env| ready(env, "True", "InSync") && env["status"]["release"]["number"] == 2);
    assert_eq!(f.field("configmap/prod-config", "{.data.message}"), "second");
    let (done, said) = f.windlass_by_admin(&["promote", "dev"]);
    assert!(!done && said.contains("is not good"), "{said}");
    assert_eq!(f.env("stage")["status"]["release"]["number"], 2);
}

/// The chart comes to need a key that the next Environment does not give: the promotion is refused with its name, until it does.
#[test]
fn a_promotion_that_would_miss_a_required_key_is_refused_with_its_name() {
    let f = Fixture::get("required");
    let repo = Repository::new("required");
    repo.git(&["push", "-q", "../bare.git", "develop:staging"]);
    let values = "values: {inline: {queue: {host: mq.dev}}}\n";
    f.create(&follows("dev", "develop", "required", &repo, &format!("promote: {{to: staging, after: 1s, keep: [staging.yaml]}}\n{values}")));
    f.create(&follows("stage", "staging", "required", &repo, ""));
    f.wait("stage", SOON, |env| ready(env, "True", "InSync"));
    let before = repo.remote(&["rev-parse", "staging"]);
    repo.push("templates/config.yaml", |text| format!("{text}  queue: {{{{ required \"queue.host is not set\" (.Values.queue).host }}}}\n"));
    let env = f.wait("dev", SOON, |env| condition(env, "Promoted")["reason"] == "PromotionRefused");
    let said = condition(&env, "Promoted")["message"].as_str().unwrap_or_default().to_owned();
    assert!(said.contains("required/stage would refuse it") && said.contains("queue.host is not set"), "{said}");
    let (done, said) = f.windlass_by_admin(&["promote", "dev"]);
    assert!(!done && said.contains("queue.host is not set"), "{said}");
    assert_eq!(repo.remote(&["rev-parse", "staging"]), before, "nothing was pushed");
    assert_eq!(f.field("configmap/dev-config", "{.data.queue}"), "mq.dev", "it is good where it is");
    // Given what it lacks, the Environment takes what it is promoted.
    f.kubectl(&["patch", "environment", "stage", "--type=merge", "-p", &json!({"spec": {"values": {"inline": {"queue": {"host": "mq.stage"}}}}}).to_string()]);
    f.until(SOON, "the promotion is made", || f.field("configmap/stage-config", "{.data.queue}") == "mq.stage");
}

#[test]
fn a_bad_commit_is_taken_back_on_its_branch() {
    let f = Fixture::get("revert");
    let repo = Repository::new("revert");
    f.create(&follows("revert", "develop", "revert", &repo, "rollback: {git: Revert, tests: true}"));
    f.wait("revert", SOON, |env| ready(env, "True", "InSync"));
    repo.push("values.yaml", |text| text.replace("hello", "broken").replace("test: complete", "test: fail"));
    let bad = repo.head();
    let env = f.wait("revert", SOON, |env| ready(env, "True", "InSync") && env["status"]["source"]["subject"] == "Revert \"Change values.yaml\"");
    assert_eq!(env["status"]["release"]["number"], 3, "the rollback is what the branch says again");
    assert_eq!(f.field("configmap/revert-config", "{.data.message}"), "hello");
    let log = repo.git(&["--git-dir", "../bare.git", "log", "-1", "--format=%an %b", "develop"]);
    assert!(log.contains("windlass") && log.contains(&bad) && log.contains("TestsFailed"), "{log}");
}
