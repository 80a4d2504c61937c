//! What people ask for: a release held by hand, a plan that waits for them.

use crate::{SOON, fixture::{Fixture, Repository, environment, ready}};

#[test]
fn a_rollback_by_hand_holds_until_resumed() {
    let f = Fixture::get("hold");
    let repo = Repository::new("hold");
    f.create(&environment("hold", &repo, ""));
    f.wait("hold", SOON, |env| ready(env, "True", "InSync"));
    repo.push("values.yaml", |text| text.replace("hello", "second"));
    f.wait("hold", SOON, |env| ready(env, "True", "InSync") && env["status"]["release"]["number"] == 2);
    f.windlass(&["rollback", "hold", "--to", "1", "--no-wait"]);
    f.wait("hold", SOON, |env| ready(env, "True", "Held"));
    assert_eq!(f.field("configmap/hold-config", "{.data.message}"), "hello");
    f.windlass(&["resume", "hold", "--no-wait"]);
    f.wait("hold", SOON, |env| ready(env, "True", "InSync") && env["status"]["release"]["number"] == 4);
    assert_eq!(f.field("configmap/hold-config", "{.data.message}"), "second");
}

#[test]
fn manual_mode_plans_and_waits_for_a_person() {
    let f = Fixture::get("manual");
    let repo = Repository::new("manual");
    f.create(&environment("manual", &repo, "sync: {mode: Manual}"));
    let env = f.wait("manual", SOON, |env| ready(env, "False", "AwaitingSync"));
    assert_eq!(env["status"]["plan"]["created"], 3);
    assert!(env["status"]["release"].is_null());
    f.windlass(&["sync", "manual", "--no-wait"]);
    f.wait("manual", SOON, |env| ready(env, "True", "InSync"));
}
