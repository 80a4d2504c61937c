//! kill -9: after each single write of an operation, and at random moments while revisions keep coming.
//!
//! An undisturbed run of each operation is counted at the proxy. Then, for each of its writes, the operation is run again and the
//! agent is killed when that write was answered by the API server and before it hears of it. The next agent goes on from what is
//! there; its end state must be the undisturbed one, and no hook may have run once more than there without a word about it.

use super::{Random, all, mixture::hooks, world::*};
use serde_json::json;
use std::{
    collections::BTreeMap,
    process::Command,
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
    time::{Duration, Instant},
};
use xtask::{proxy::Proxy, sys::Process};

/// How many cases run at once.
const WORKERS: usize = 4;
/// In CI, every so many writes of an operation are cases.
const STRIDE: usize = 6;
/// After so much quiet nothing more of an operation is to come.
const QUIET: Duration = Duration::from_millis(1500);

/// What is done to a release.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Operation {
    Install,
    Upgrade,
    /// An upgrade whose test fails, and what follows from that.
    Rollback,
    Uninstall,
    /// An upgrade whose new set stands beside the old one and is watched for a while before that goes.
    BlueGreen,
    /// An upgrade before which every old Pod goes.
    Recreate,
}

impl Operation {
    const ALL: [Operation; 6] =
        [Operation::Install, Operation::Upgrade, Operation::Rollback, Operation::Uninstall, Operation::BlueGreen, Operation::Recreate];

    fn word(self) -> &'static str {
        match self {
            Operation::Install => "install",
            Operation::Upgrade => "upgrade",
            Operation::Rollback => "rollback",
            Operation::Uninstall => "uninstall",
            Operation::BlueGreen => "blue-green",
            Operation::Recreate => "recreate",
        }
    }

    /// Creates the Environment that it is done to.
    fn create(self, case: &Case) {
        match self {
            Operation::BlueGreen => case.create_with(json!({"strategy": {"type": "BlueGreen", "keep": "2s"}})),
            Operation::Recreate => case.create_with(json!({"strategy": {"type": "Recreate"}})),
            _ => case.create(),
        }
    }

    /// Asks for it; the agent that does it starts afterwards.
    fn ask(self, case: &Case) {
        match self {
            Operation::Install => self.create(case),
            Operation::Upgrade | Operation::BlueGreen | Operation::Recreate => case.world.set(&case.namespace, Revision::Second),
            Operation::Rollback => case.world.set(&case.namespace, Revision::Bad),
            Operation::Uninstall => case.delete(),
        }
    }

    /// Waits until it has come to its end.
    fn wait(self, case: &Case, agent: &Process) {
        let world = case.world;
        case.until(self.word(), agent, |env| match self {
            Operation::Install => settled(env, world.commit(Revision::First), 1),
            Operation::Upgrade | Operation::BlueGreen | Operation::Recreate => settled(env, world.commit(Revision::Second), 2),
            Operation::Rollback => env.is_some_and(|env| {
                let [ready, reason, _] = xtask::agent::condition(env, "Ready");
                at_rest(env) && ready == "False" && reason == "TestsFailed" && env["status"]["release"]["number"] == 3
            }),
            Operation::Uninstall => env.is_none(),
        });
    }
}

/// What an undisturbed run leaves.
struct Undisturbed {
    writes: usize,
    state: BTreeMap<String, serde_json::Value>,
    hooks: BTreeMap<String, usize>,
}

/// An agent behind its proxy, with whatever the operation needs to begin with; the next write is the operation's first.
fn begin(case: &Case, operation: Operation) -> (Proxy, std::path::PathBuf, Process) {
    let (proxy, kubeconfig) = case.proxy(&case.namespace);
    let agent = case.world.agent(&case.namespace, Some(&case.namespace), &kubeconfig);
    if operation != Operation::Install {
        operation.create(case);
        Operation::Install.wait(case, &agent);
        calmed(&proxy);
    }
    proxy.restart();
    (proxy, kubeconfig, agent)
}

/// Waits until no more writes come.
fn calmed(proxy: &Proxy) -> usize {
    let mut writes = None;
    while writes != Some(proxy.writes().len()) {
        writes = Some(proxy.writes().len());
        std::thread::sleep(QUIET);
    }
    writes.unwrap_or_default()
}

fn undisturbed(case: &Case, operation: Operation) -> Undisturbed {
    let (proxy, _, mut agent) = begin(case, operation);
    let before = audited(case);
    operation.ask(case);
    operation.wait(case, &agent);
    let writes = calmed(&proxy);
    assert_eq!(audited(case) - before, writes, "{}: the writes in the audit log are those that the proxy counted", case.namespace);
    let found = Undisturbed { writes, state: case.state(), hooks: hooks(&proxy) };
    agent.kill().expect("the agent ends");
    found
}

/// The writes of the case's user in the audit log.
fn audited(case: &Case) -> usize {
    let requests = case.world.cluster.requests().expect("the audit log can be read");
    let writes = requests.iter().filter(|request| {
        let write = !matches!(request.verb.as_str(), "get" | "list" | "watch") && !request.uri.contains("dryRun=All");
        request.user == case.namespace && write && !request.uri.contains("/leases")
    });
    writes.count()
}

/// Whether the agent was killed: some runs need a write less.
#[derive(Debug, PartialEq, Eq)]
enum Killed {
    Yes,
    EndedBefore,
}

/// Runs the operation, kills the agent after write `number`, lets the next one go on, and compares.
fn killed_after(case: &Case, operation: Operation, number: usize, wanted: &Undisturbed) -> Result<Killed, String> {
    let (proxy, kubeconfig, mut agent) = begin(case, operation);
    let fired = Arc::new(AtomicBool::new(false));
    let (victim, done) = (agent.id(), fired.clone());
    proxy.answered(move |asked, _| {
        if asked.write < number || done.swap(true, Ordering::SeqCst) {
            return true;
        }
        kill(victim);
        false
    });
    operation.ask(case);
    let begun = Instant::now();
    let mut quiet = (0, Instant::now());
    // An operation that needs a write less this time ends without it.
    while !fired.load(Ordering::SeqCst) && (quiet.0 == 0 || quiet.1.elapsed() < 6 * QUIET) && begun.elapsed() < SOON {
        let count = proxy.writes().len();
        if count != quiet.0 {
            quiet = (count, Instant::now());
        }
        std::thread::sleep(Duration::from_millis(50));
    }
    let killed = if fired.load(Ordering::SeqCst) { Killed::Yes } else { Killed::EndedBefore };
    agent.kill().map_err(|error| error.to_string())?;
    proxy.calm();
    let mut agent = case.world.agent(&case.namespace, Some(&case.namespace), &kubeconfig);
    operation.wait(case, &agent);
    let state = settled_state(case, wanted);
    let log = agent.tail(10_000);
    agent.kill().map_err(|error| error.to_string())?;
    let mut wrong = Vec::new();
    for key in wanted.state.keys().chain(state.keys()).collect::<std::collections::BTreeSet<_>>() {
        let (a, b) = (wanted.state.get(key), state.get(key));
        if a != b {
            wrong.push(format!("{key}: undisturbed {}, now {}", show(a), show(b)));
        }
    }
    for (hook, runs) in hooks(&proxy) {
        let usual = wanted.hooks.get(&hook).copied().unwrap_or(0);
        let told = log.lines().any(|line| line.contains("HookMayRunAgain") && line.contains(&hook));
        if runs > usual && !told {
            wrong.push(format!("hook {hook} ran {runs} times, undisturbed {usual}, and nobody said so"));
        }
    }
    if wrong.is_empty() { Ok(killed) } else { Err(format!("{}\n{}", wrong.join("\n"), log.lines().rev().take(40).collect::<Vec<_>>().join("\n"))) }
}

/// The state, given a little time to become the wanted one: what the garbage collector does comes late.
fn settled_state(case: &Case, wanted: &Undisturbed) -> BTreeMap<String, serde_json::Value> {
    let begun = Instant::now();
    loop {
        let state = case.state();
        if state == wanted.state || begun.elapsed() > Duration::from_secs(15) {
            return state;
        }
        std::thread::sleep(Duration::from_millis(200));
    }
}

fn show(value: Option<&serde_json::Value>) -> String {
    value.map_or_else(|| "nothing".into(), std::string::ToString::to_string)
}

fn kill(process: u32) {
    let group = format!("-{process}");
    let _ = Command::new("kill").args(["-s", "KILL", "--", &group]).status();
}

#[test]
fn killed_after_each_write_the_next_agent_brings_the_same_end() {
    let world = world();
    let made: Vec<(Operation, Case)> = Operation::ALL.map(|operation| (operation, Case::new(world, &format!("whole-{}", operation.word())))).into();
    let undisturbed: Vec<Undisturbed> = std::thread::scope(|scope| {
        let runs: Vec<_> = made.iter().map(|(operation, case)| scope.spawn(|| undisturbed(case, *operation))).collect();
        runs.into_iter().map(|run| run.join().expect("the undisturbed run comes to its end")).collect()
    });
    let mut cases = Vec::new();
    for (index, operation) in Operation::ALL.into_iter().enumerate() {
        let writes = undisturbed[index].writes;
        let chosen: Vec<usize> = (1..=writes).filter(|write| all() || (write + index) % STRIDE == 0).collect();
        println!("{}: {writes} writes, {} of them are cases", operation.word(), chosen.len());
        cases.extend(chosen.into_iter().map(|write| (index, operation, write, Case::new(world, &format!("{}-{write}", operation.word())))));
    }
    let (next, wrong) = (AtomicUsize::new(0), Mutex::new(Vec::new()));
    let (killed, early) = (AtomicUsize::new(0), AtomicUsize::new(0));
    std::thread::scope(|scope| {
        for _ in 0..WORKERS {
            scope.spawn(|| {
                while let Some((index, operation, write, case)) = cases.get(next.fetch_add(1, Ordering::Relaxed)) {
                    match killed_after(case, *operation, *write, &undisturbed[*index]) {
                        Ok(Killed::Yes) => drop(killed.fetch_add(1, Ordering::Relaxed)),
                        Ok(Killed::EndedBefore) => drop(early.fetch_add(1, Ordering::Relaxed)),
                        Err(error) => wrong.lock().expect("no panic while held").push(format!("{} killed after write {write}: {error}", operation.word())),
                    }
                }
            });
        }
    });
    let (killed, early) = (killed.into_inner(), early.into_inner());
    println!("killed after a write: {killed} of {} cases came to the undisturbed end; {early} needed fewer writes this time", cases.len());
    let wrong = wrong.into_inner().expect("no panic while held");
    assert!(wrong.is_empty(), "{}", wrong.join("\n\n"));
    // Statuses are written as things change, so that a run may take one write more or less; more than that would hide cases.
    assert!(early * 10 <= cases.len(), "{early} of {} cases ended before their write", cases.len());
}

/// How many times the agent is killed while revisions keep coming.
const KILLS: usize = 30;

#[test]
fn killed_thirty_times_while_revisions_keep_coming_it_converges() {
    let world = world();
    let case = Case::new(world, "random-kills");
    case.create();
    let kubeconfig = world.cluster.kubeconfig_for_user("random-kills", Some("system:masters")).expect("a kubeconfig");
    let mut random = Random::seeded("random kills");
    let (watching, most) = (AtomicBool::new(true), AtomicUsize::new(0));
    std::thread::scope(|scope| {
        // Never two releases pending, at no moment.
        scope.spawn(|| {
            while watching.load(Ordering::Relaxed) {
                let pending = case.records().iter().filter(|(_, status)| status.starts_with("pending")).count();
                most.fetch_max(pending, Ordering::Relaxed);
                std::thread::sleep(Duration::from_millis(50));
            }
        });
        let mut agent = world.agent("random-kills", Some(&case.namespace), &kubeconfig);
        for round in 0..KILLS {
            // A new commit each time, so that revisions keep coming; every fifth is a bad one.
            let bad = round % 5 == 4;
            push(world, &case.namespace, &format!("round-{round}"), if bad { "fail" } else { "complete" });
            // From right after the lease's end to the end of an upgrade.
            std::thread::sleep(Duration::from_millis(1500 + random.below(2500)));
            kill(agent.id());
            agent.kill().expect("the agent is gone");
            agent = world.agent("random-kills", Some(&case.namespace), &kubeconfig);
        }
        let last = push(world, &case.namespace, "the-last", "complete");
        case.until("the last revision after thirty kills", &agent, |env| env.is_some_and(|env| at_rest(env) && xtask::agent::settled_on(env, &last)));
        watching.store(false, Ordering::Relaxed);
        agent.kill().expect("the agent ends");
    });
    let records = case.records();
    println!("{KILLS} kills; at most {} releases pending at once; records at the end: {records:?}", most.load(Ordering::Relaxed));
    assert!(most.load(Ordering::Relaxed) <= 1, "two releases were pending at once");
    assert_eq!(records.iter().filter(|(_, status)| status == "deployed").count(), 1, "{records:?}");
    assert!(records.iter().all(|(_, status)| !status.starts_with("pending")), "{records:?}");
    let config = case.list("api/v1/configmaps").into_iter().find(|map| map["metadata"]["name"] == APP).expect("the ConfigMap is there");
    assert_eq!(config["data"]["message"], "the-last");
}

/// Pushes a revision with this message to a branch; its commit.
fn push(world: &World, branch: &str, message: &str, test: &str) -> String {
    let repo = world.repo();
    let values = format!("message: {message}\ntest: {test}\n");
    std::fs::write(repo.work().join("values.yaml"), values).expect("values.yaml is written");
    repo.push(branch, message).expect("it is pushed")
}
