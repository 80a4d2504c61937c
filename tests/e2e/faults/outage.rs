//! An API server that goes away, by hanging and by ending, in the middle of an upgrade and while nothing is to be done.

use super::{all, world::*};
use std::time::Duration;
use xtask::cluster::{Nodes, Options};

#[test]
fn an_api_server_that_goes_away_is_said_and_waited_for() {
    let world: &'static World = Box::leak(Box::new(World::start(Options { nodes: Nodes::Kwok(1), ..Options::default() })));
    let away = Duration::from_secs(if all() { 60 } else { 20 });
    let case = Case::new(world, "outage");
    let (proxy, kubeconfig) = case.proxy("outage");
    let mut agent = world.agent("outage", Some(&case.namespace), &kubeconfig);
    case.create();
    case.until("the first release", &agent, |env| settled(env, world.commit(Revision::First), 1));
    let before = case.state();
    let pods = pods(&case);

    // It hangs: connections stay, nothing answers.
    world.cluster.freeze_api_server().expect("it is stopped");
    std::thread::sleep(away);
    world.cluster.thaw_api_server().expect("it goes on");
    case.until("rest after the hang", &agent, |env| settled(env, world.commit(Revision::First), 1));
    assert_eq!(case.state(), before, "the release is unharmed");
    assert_eq!(self::pods(&case), pods, "no pod was replaced");

    // It ends in the middle of an upgrade, right after a write of it was answered.
    let (tell, told) = std::sync::mpsc::channel();
    let tell = std::sync::Mutex::new(Some(tell));
    proxy.restart();
    proxy.answered(move |asked, _| {
        if asked.write >= 5
            && let Some(tell) = tell.lock().expect("no panic while held").take()
        {
            let _ = tell.send(());
        }
        true
    });
    world.set(&case.namespace, Revision::Second);
    told.recv_timeout(SOON).expect("the upgrade begins");
    world.cluster.stop_api_server().expect("it ends");
    std::thread::sleep(away);
    let log = agent.tail(200);
    assert!(agent.ended().expect("its state is known").is_none(), "the agent runs on:\n{log}");
    assert!(log.contains("LeaseNotRenewed") || log.contains("LeaseUnreachable"), "the log says what is wrong:\n{log}");
    world.cluster.start_api_server().expect("it starts again");
    case.until("the upgrade after the outage", &agent, |env| settled(env, world.commit(Revision::Second), 2));
    assert_eq!(case.records(), [(1, "superseded".to_owned()), (2, "deployed".to_owned())], "no release failed over it");
    println!("the API server was away for {away:?} twice; the agent said so and went on");
    agent.kill().expect("the agent ends");
}

fn pods(case: &Case) -> Vec<String> {
    let mut uids: Vec<String> = case.list("api/v1/pods").iter().filter(|pod| pod["metadata"]["labels"]["app"] == APP).map(|pod| pod["metadata"]["uid"].to_string()).collect();
    uids.sort();
    uids
}
