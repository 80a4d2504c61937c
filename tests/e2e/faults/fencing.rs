//! Fencing: two agents, each its own user. The leader is stopped (SIGSTOP) in the middle of an upgrade, past its lease's end; the
//! other takes over; the first wakes (SIGCONT) with its last answer waiting for it, and writes nothing more.

use super::{all, world::*};
use std::{
    sync::{
        Arc, Condvar, Mutex,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

/// How long the woken agent is watched.
const WATCHED: Duration = Duration::from_secs(4);

/// A latch between the proxy's thread and the test.
#[derive(Default)]
struct Latch {
    open: Mutex<bool>,
    changed: Condvar,
}

impl Latch {
    fn open(&self) {
        *self.open.lock().expect("no panic while held") = true;
        self.changed.notify_all();
    }

    fn wait(&self) {
        let open = self.open.lock().expect("no panic while held");
        let (_open, time) = self.changed.wait_timeout_while(open, SOON, |open| !*open).expect("no panic while held");
        assert!(!time.timed_out(), "nobody opened the latch");
    }
}

/// The writes of an upgrade after which the leader is stopped: opening, applying, moving on, a hook.
const WRITES: [usize; 2] = [2, 7];

#[test]
fn a_leader_that_slept_past_its_lease_writes_nothing_more() {
    let writes: Vec<usize> = if all() { (1..=14).collect() } else { WRITES.to_vec() };
    std::thread::scope(|scope| {
        let runs: Vec<_> = writes.iter().map(|write| scope.spawn(|| stopped_after(*write))).collect();
        runs.into_iter().for_each(|run| run.join().expect("the run comes to its end"));
    });
    println!("a leader stopped after one of the writes {writes:?} of an upgrade wrote nothing after it woke");
}

fn stopped_after(number: usize) {
    let world = world();
    let case = Case::new(world, &format!("fencing-{number}"));
    let (users, names) = ([format!("first-{number}"), format!("second-{number}")], ["first", "second"].map(|n| format!("{n}-agent-{number}")));
    let (proxy, kubeconfig) = case.proxy(&users[0]);
    let first = world.agent(&names[0], Some(&case.namespace), &kubeconfig);
    case.create();
    case.until("the first release", &first, |env| settled(env, world.commit(Revision::First), 1));
    std::thread::sleep(Duration::from_secs(1));
    let (other, kubeconfig) = case.proxy(&users[1]);
    let mut second = world.agent(&names[1], Some(&case.namespace), &kubeconfig);
    proxy.restart();
    let (stopped, wake) = (Arc::new(Latch::default()), Arc::new(Latch::default()));
    let (told, held, once, victim) = (stopped.clone(), wake.clone(), AtomicBool::new(false), first.id());
    proxy.answered(move |asked, _| {
        if asked.write >= number && !once.swap(true, Ordering::SeqCst) {
            signal(victim, "STOP");
            told.open();
            // The answer waits for the sleeper: it is what it finds first when it wakes.
            held.wait();
        }
        true
    });
    world.set(&case.namespace, Revision::Second);
    stopped.wait();
    // The other one leads once it has written anything: it has claimed the attempt.
    let begun = std::time::Instant::now();
    while other.writes().is_empty() {
        assert!(begun.elapsed() < SOON, "the second agent did not take over:\n{}", second.tail(40));
        std::thread::sleep(Duration::from_millis(50));
    }
    let woken = now();
    signal(first.id(), "CONT");
    wake.open();
    case.until("the upgrade by the second agent", &second, |env| settled(env, world.commit(Revision::Second), 2));
    std::thread::sleep(WATCHED);
    let requests = world.cluster.requests().expect("the audit log can be read");
    let at = |request: &xtask::cluster::Request| request.event["requestReceivedTimestamp"].as_str().unwrap_or_default().to_owned();
    let mine: Vec<_> = requests.iter().filter(|request| request.user == users[0]).collect();
    let late: Vec<String> = mine
        .iter()
        .filter(|request| at(request) > woken && !matches!(request.verb.as_str(), "get" | "list" | "watch") && !request.uri.contains("dryRun=All"))
        .map(|request| format!("{} {} {} → {}", at(request), request.verb, request.uri, request.code))
        .collect();
    assert!(mine.iter().any(|request| at(request) > woken), "the first agent woke and asked for its lease:\n{}", first.tail(20));
    assert!(late.is_empty(), "after {woken} the first agent still wrote:\n{}\n{}", late.join("\n"), first.tail(30));
    assert_eq!(case.records(), [(1, "superseded".to_owned()), (2, "deployed".to_owned())]);
    let mut first = first;
    first.kill().expect("the first agent ends");
    second.kill().expect("the second agent ends");
}

/// The API server's clock, as its audit log writes it: that of this machine.
fn now() -> String {
    jiff::Timestamp::now().strftime("%Y-%m-%dT%H:%M:%S.%6fZ").to_string()
}

fn signal(process: u32, name: &str) {
    let status = std::process::Command::new("kill").args(["-s", name, "--", &format!("-{process}")]).status();
    assert!(status.is_ok_and(|status| status.success()), "SIG{name} to {process}");
}
