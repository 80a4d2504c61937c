//! Watches that never last: told that their version is too old, cut, broken off in the middle of an event, refused. Whatever
//! changes is seen all the same, and nothing is taken for a change.

use super::world::*;
use serde_json::json;
use std::time::{Duration, Instant};
use xtask::proxy::{Asked, Fate};

/// What becomes of the next watch, each in its turn.
fn fate(asked: &Asked, turn: &mut usize) -> Fate {
    if !asked.is_watch() {
        return Fate::Pass;
    }
    *turn += 1;
    match *turn % 6 {
        0 => Fate::Cut(Duration::from_millis(400)),
        1 => Fate::Expire,
        2 => Fate::Truncate,
        3 => Fate::Refuse(410, None),
        4 => Fate::Cut(Duration::from_millis(1500)),
        _ => Fate::Reset,
    }
}

#[test]
fn what_changes_is_seen_although_no_watch_lasts() {
    let world = world();
    let case = Case::new(world, "watches");
    let (proxy, kubeconfig) = case.proxy("watches");
    let mut turn = 0;
    proxy.decide(move |asked| fate(asked, &mut turn));
    let mut agent = world.agent_for("60s", "watches", Some(&case.namespace), &kubeconfig);
    case.create();
    case.until("the first release", &agent, |env| settled(env, world.commit(Revision::First), 1));
    let wanted = case.state();

    // Nothing changed: nothing is written, however often everything is listed anew.
    std::thread::sleep(Duration::from_secs(5));
    proxy.restart();
    let watches = || proxy.log().iter().filter(|exchange| exchange.asked.is_watch()).count();
    let begun = Instant::now();
    while watches() < 12 {
        assert!(begun.elapsed() < SOON, "only {} watches were begun", watches());
        std::thread::sleep(Duration::from_millis(200));
    }
    assert_eq!(proxy.writes().iter().map(|write| &write.asked.path).collect::<Vec<_>>(), Vec::<&String>::new());

    // Drift is seen and put right, a deletion too.
    let api = world.cluster.api();
    let path = |kind: &str| format!("/{kind}/namespaces/{}", case.namespace);
    let changed = json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": APP}, "data": {"message": "by hand"}});
    api.apply(&format!("{}/configmaps/{APP}", path("api/v1")), &changed).expect("somebody changes it");
    api.delete(&format!("{}/services/{APP}", path("api/v1"))).expect("somebody deletes it");
    case.until("the repair", &agent, |env| env.is_some_and(at_rest) && case.state() == wanted);
    assert_eq!(case.records(), [(1, "deployed".to_owned())], "a repair is no release");

    // A request by annotation, a new commit, a deletion.
    world.set(&case.namespace, Revision::Second);
    case.until("the second release", &agent, |env| settled(env, world.commit(Revision::Second), 2));
    case.delete();
    case.until("the removal", &agent, |env| env.is_none());
    assert!(case.records().is_empty());
    agent.kill().expect("the agent ends");
}
