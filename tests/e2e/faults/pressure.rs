//! The API server's backpressure is obeyed: after a 429 the same request comes again, and not before the time that was asked for.

use super::world::*;
use std::{
    collections::{BTreeMap, BTreeSet},
    time::Duration,
};
use xtask::proxy::Fate;

/// What a refusal asks for.
const RETRY_AFTER: u64 = 2;

#[test]
fn after_a_429_nothing_is_sent_again_before_its_time() {
    let world = world();
    let case = Case::new(world, "pressure");
    let (proxy, kubeconfig) = case.proxy("pressure");
    // An agent that loses its lease begins anew, with whatever it had asked before: here it never does, however busy the machine is.
    let mut agent = world.agent_for("300s", "pressure", Some(&case.namespace), &kubeconfig);
    case.create();
    case.until("the first release", &agent, |env| settled(env, world.commit(Revision::First), 1));
    proxy.restart();
    // Every different request, a watch too, is refused the first time.
    let mut refused = BTreeSet::new();
    proxy.decide(move |asked| {
        if asked.is_lease() || !refused.insert(key(&asked.method, &asked.path)) {
            return Fate::Pass;
        }
        Fate::Refuse(if refused.len() % 3 == 0 { 503 } else { 429 }, Some(RETRY_AFTER))
    });
    world.set(&case.namespace, Revision::Second);
    case.until("the second release", &agent, |env| settled(env, world.commit(Revision::Second), 2));
    let mut asked: BTreeMap<String, Vec<_>> = BTreeMap::new();
    for exchange in proxy.log() {
        asked.entry(key(&exchange.asked.method, &exchange.asked.path)).or_default().push(exchange);
    }
    let (mut checked, mut shortest) = (0, Duration::MAX);
    for (what, exchanges) in &asked {
        for pair in exchanges.windows(2).filter(|pair| matches!(pair[0].fate, Fate::Refuse(..))) {
            let pause = pair[1].asked.at - pair[0].asked.at;
            assert!(pause >= Duration::from_secs(RETRY_AFTER), "{what} came again after {pause:?}");
            (checked, shortest) = (checked + 1, shortest.min(pause));
        }
    }
    println!("{checked} refused requests came again, the soonest after {shortest:?}; Retry-After was {RETRY_AFTER} s");
    assert!(checked >= 8, "only {checked} requests were refused and came again");
    assert_eq!(case.records(), [(1, "superseded".to_owned()), (2, "deployed".to_owned())]);
    agent.kill().expect("the agent ends");
}

/// A request without what changes from try to try.
fn key(method: &str, path: &str) -> String {
    let path = path.split("resourceVersion=").next().unwrap_or_default();
    format!("{method} {path}")
}
