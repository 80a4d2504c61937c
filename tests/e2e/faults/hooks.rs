//! Hooks run as often as they should, and leave what they should, although requests about them are refused.

use super::{mixture::hooks, world::*};
use std::{
    collections::BTreeMap,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
};
use xtask::{proxy::{Fate, Proxy}, sys::Process};

/// An agent behind its proxy, for a branch of its own.
fn begin(case: &Case) -> (Proxy, Process) {
    let (proxy, kubeconfig) = case.proxy(&case.namespace);
    let agent = case.world.agent(&case.namespace, Some(&case.namespace), &kubeconfig);
    (proxy, agent)
}

/// Refuses the deletion of a Job after it was made, so many times; how often it did.
fn refuse_deletion(proxy: &Proxy, job: &'static str, times: usize) -> Arc<AtomicUsize> {
    let refused = Arc::new(AtomicUsize::new(0));
    let (counted, mut made) = (refused.clone(), false);
    proxy.decide(move |asked| {
        if !asked.path.contains(&format!("/jobs/{job}")) {
            return Fate::Pass;
        }
        made |= asked.method == "PATCH";
        if made && asked.method == "DELETE" && counted.load(Ordering::SeqCst) < times {
            counted.fetch_add(1, Ordering::SeqCst);
            return Fate::Refuse(500, None);
        }
        Fate::Pass
    });
    refused
}

/// The second hook of two is made at first when the first one has ended.
const TWO_HOOKS: &str = r#"
{{- include "faults.hook" (dict "name" "first" "events" "pre-upgrade" "policy" "hook-succeeded" "weight" "1") }}
---
{{- include "faults.hook" (dict "name" "second" "events" "pre-upgrade" "policy" "hook-succeeded" "weight" "2") }}
"#;

/// Pushes the chart with two hooks more to the case's branch; its commit.
fn push_two_hooks(case: &Case, message: &str) -> String {
    let repo = case.world.repo();
    let file = repo.work().join("templates/two-hooks.yaml");
    std::fs::write(&file, TWO_HOOKS).expect("a template is written");
    std::fs::write(repo.work().join("values.yaml"), format!("message: {message}\ntest: complete\n")).expect("values.yaml is written");
    let commit = repo.push(&case.namespace, message).expect("it is pushed");
    std::fs::remove_file(file).expect("it was there");
    commit
}

fn jobs(case: &Case) -> Vec<String> {
    let mut names: Vec<String> = case.list("apis/batch/v1/jobs").iter().map(|job| job["metadata"]["name"].as_str().unwrap_or_default().to_owned()).collect();
    names.sort();
    names
}

fn ran(proxy: &Proxy, name: &str) -> usize {
    hooks(proxy).get(name).copied().unwrap_or(0)
}

#[test]
fn a_hook_that_succeeded_goes_although_its_deletion_was_refused() {
    let case = Case::new(world(), "hook-left");
    let (proxy, mut agent) = begin(&case);
    let refused = refuse_deletion(&proxy, "notify", 4);
    case.create();
    case.until("the first release", &agent, |env| settled(env, case.world.commit(Revision::First), 1));
    assert_eq!(refused.load(Ordering::SeqCst), 4);
    assert_eq!(jobs(&case), ["check", "migrate"], "notify's policy is hook-succeeded");
    assert_eq!(hooks(&proxy), BTreeMap::from([("check", 1), ("migrate", 1), ("notify", 1)].map(|(name, runs)| (name.to_owned(), runs))));
    assert!(!agent.tail(1000).contains("HookMayRunAgain"), "nothing is in doubt:\n{}", agent.tail(40));
    agent.kill().expect("the agent ends");
}

#[test]
fn a_hook_does_not_run_again_because_the_next_one_could_not_be_made() {
    let case = Case::new(world(), "hook-next");
    let (proxy, mut agent) = begin(&case);
    case.create();
    case.until("the first release", &agent, |env| settled(env, case.world.commit(Revision::First), 1));
    let refused = Arc::new(AtomicUsize::new(0));
    let counted = refused.clone();
    proxy.decide(move |asked| {
        let second = asked.method == "PATCH" && asked.path.contains("/jobs/second");
        if second && counted.load(Ordering::SeqCst) < 3 {
            counted.fetch_add(1, Ordering::SeqCst);
            return Fate::Refuse(500, None);
        }
        Fate::Pass
    });
    let commit = push_two_hooks(&case, "two");
    case.until("the upgrade", &agent, |env| settled(env, &commit, 2));
    assert_eq!(refused.load(Ordering::SeqCst), 3);
    assert_eq!((ran(&proxy, "first"), ran(&proxy, "second")), (1, 1), "each ran once\n{}", agent.tail(40));
    assert!(!jobs(&case).iter().any(|job| job == "first" || job == "second"), "both have gone");
    agent.kill().expect("the agent ends");
}

#[test]
fn a_hook_that_an_earlier_release_could_not_delete_does_not_stand_in_the_next_ones_way() {
    let case = Case::new(world(), "hook-stands");
    case.create_with(serde_json::json!({"sync": {"retry": {"limit": 1, "backoff": "50ms"}}}));
    let (proxy, mut agent) = begin(&case);
    case.until("the first release", &agent, |env| settled(env, case.world.commit(Revision::First), 1));
    let refused = refuse_deletion(&proxy, "second", usize::MAX);
    push_two_hooks(&case, "two");
    case.until("the failure", &agent, |_| case.records().contains(&(2, "failed".to_owned())));
    assert!(refused.load(Ordering::SeqCst) > 0);
    assert_eq!(ran(&proxy, "second"), 1, "it is not run again only because it could not be deleted");
    assert!(jobs(&case).contains(&"second".to_owned()));
    proxy.calm();
    let commit = push_two_hooks(&case, "three");
    case.until("the next release", &agent, |env| env.is_some_and(|env| at_rest(env) && xtask::agent::settled_on(env, &commit)));
    assert!(ran(&proxy, "second") >= 2 && !jobs(&case).iter().any(|job| job == "second"), "it ran anew, and has gone");
    agent.kill().expect("the agent ends");
}
