//! An environment that nobody touches costs nothing: no write, no request. And what a push takes.

use super::{all, world::*};
use std::time::{Duration, Instant};

#[test]
fn an_unchanged_environment_sends_nothing_and_a_push_is_soon_ready() {
    let world = world();
    let case = Case::new(world, "idle");
    let (proxy, kubeconfig) = case.proxy("idle");
    let mut agent = world.agent("idle", Some(&case.namespace), &kubeconfig);
    case.create();
    case.until("the first release", &agent, |env| settled(env, world.commit(Revision::First), 1));
    let mut known = 0;
    while proxy.log().iter().filter(|exchange| !exchange.asked.is_lease()).count() != known {
        known = proxy.log().iter().filter(|exchange| !exchange.asked.is_lease()).count();
        std::thread::sleep(Duration::from_secs(3));
    }
    // The branch is polled every second meanwhile: each poll is a reconcile of an unchanged environment.
    let minutes = std::env::var("WINDLASS_IDLE").ok().and_then(|text| text.parse::<u64>().ok());
    let span = minutes.map_or(Duration::from_secs(if all() { 60 } else { 15 }), |minutes| Duration::from_secs(60 * minutes));
    proxy.restart();
    let since = jiff::Timestamp::now().strftime("%Y-%m-%dT%H:%M:%S.%6fZ").to_string();
    std::thread::sleep(span);
    let sent: Vec<String> = proxy
        .log()
        .iter()
        // A watch that the server closed is opened again.
        .filter(|exchange| !exchange.asked.is_lease() && !exchange.asked.is_watch())
        .map(|exchange| format!("{} {}", exchange.asked.method, exchange.asked.path))
        .collect();
    assert!(sent.is_empty(), "sent in {span:?} without a change:\n{}", sent.join("\n"));
    let requests = world.cluster.requests().expect("the audit log can be read");
    let requests = requests.iter().filter(|request| request.user == "idle" && request.event["requestReceivedTimestamp"].as_str() > Some(&since));
    let (renewals, others): (Vec<_>, Vec<_>) = requests.partition(|request| request.uri.contains("/leases/"));
    let watches = others.iter().filter(|request| request.verb == "watch").count();
    assert_eq!(others.len(), watches, "only watches: {:?}", others.iter().map(|r| format!("{} {}", r.verb, r.uri)).collect::<Vec<_>>());
    // Watches last 290 s; this agent has fewer than a dozen kinds.
    let lifetimes = span.as_secs() / 290;
    assert!(watches as u64 <= 12 * lifetimes, "{watches} watches were opened in {span:?}");
    println!("idle for {span:?}: {} renewals of the lease, {watches} watches opened again, nothing else", renewals.len());
    let begun = Instant::now();
    world.set(&case.namespace, Revision::Second);
    case.until("the second release", &agent, |env| settled(env, world.commit(Revision::Second), 2));
    println!("from git push to Ready: {:.1} s, of which the poll (every 1 s) is a part", begun.elapsed().as_secs_f64());
    agent.kill().expect("the agent ends");
}
