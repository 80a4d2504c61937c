//! A random mixture of everything that goes wrong between an agent and an API server, while a release is installed, upgraded,
//! rolled back and removed: the end of each is the undisturbed one.

use super::{Random, all, world::*};
use std::{
    collections::BTreeMap,
    time::{Duration, Instant},
};
use xtask::{
    proxy::{Asked, Fate, Proxy},
    sys::Process,
};

type State = BTreeMap<String, serde_json::Value>;

/// How many requests in a thousand meet with each fault.
fn fate(random: &mut Random, asked: &Asked) -> Fate {
    let dice = random.below(1000);
    if asked.is_lease() {
        return match dice {
            0..10 => Fate::Reset,
            10..20 => Fate::Refuse(500, None),
            20..40 => Fate::Stall(Duration::from_millis(200)),
            _ => Fate::Pass,
        };
    }
    if asked.is_watch() {
        return match dice {
            0..300 => Fate::Cut(Duration::from_millis(100 + random.below(2000))),
            300..400 => Fate::Expire,
            400..450 => Fate::Truncate,
            450..500 => Fate::Refuse(429, Some(1)),
            500..550 => Fate::Refuse(410, None),
            550..600 => Fate::Reset,
            _ => Fate::Pass,
        };
    }
    match dice {
        0..30 => Fate::Refuse(429, Some(1)),
        30..60 => Fate::Refuse(500, None),
        60..80 => Fate::Refuse(503, None),
        80..110 => Fate::Reset,
        110..140 => Fate::Lost,
        140..170 => Fate::Stall(Duration::from_millis(random.below(800))),
        170..190 => Fate::Truncate,
        190..210 if asked.is_write() => Fate::Refuse(409, None),
        // As old as the last answer to the same question: minutes, in parts.
        190..250 => Fate::Stale,
        _ => Fate::Pass,
    }
}

/// Install, upgrade, a bad upgrade that is rolled back, removal; the state after each, and how often each hook was run.
fn life(case: &Case, proxy: &Proxy, agent: &Process, wanted: &[State]) -> Vec<State> {
    let world = case.world;
    let mut states = Vec::new();
    let mut note = |index: usize| {
        // Late events and the garbage collector have a moment.
        let begun = Instant::now();
        let mut state = case.state();
        while wanted.get(index).is_some_and(|wanted| *wanted != state) && begun.elapsed() < Duration::from_secs(20) {
            std::thread::sleep(Duration::from_millis(300));
            state = case.state();
        }
        states.push(state);
    };
    case.create();
    case.until("the install", agent, |env| settled(env, world.commit(Revision::First), 1));
    note(0);
    world.set(&case.namespace, Revision::Second);
    case.until("the upgrade", agent, |env| settled(env, world.commit(Revision::Second), 2));
    note(1);
    world.set(&case.namespace, Revision::Bad);
    case.until("the rollback", agent, |env| {
        env.is_some_and(|env| at_rest(env) && xtask::agent::condition(env, "RolledBack")[0] == "True" && env["status"]["release"]["number"] == 4)
    });
    note(2);
    case.delete();
    case.until("the removal", agent, |env| env.is_none());
    proxy.calm();
    note(3);
    states
}

#[test]
fn under_a_mixture_of_faults_every_operation_comes_to_its_undisturbed_end() {
    let world = world();
    let rounds = if all() { 6 } else { 2 };
    let mut random = Random::seeded("mixture");
    let seeds: Vec<u64> = (0..rounds).map(|_| random.next()).collect();
    let whole = Case::new(world, "mixture-whole");
    let (proxy, kubeconfig) = whole.proxy(&whole.namespace);
    let mut agent = world.agent(&whole.namespace, Some(&whole.namespace), &kubeconfig);
    let wanted = life(&whole, &proxy, &agent, &[]);
    let usual = hooks(&proxy);
    agent.kill().expect("the agent ends");
    assert!(wanted[1].contains_key("release 2") && wanted[3].keys().all(|key| !key.starts_with("release")), "{wanted:#?}");
    std::thread::scope(|scope| {
        let (wanted, usual) = (&wanted, &usual);
        let runs = seeds.iter().enumerate().map(|(round, seed)| scope.spawn(move || disturbed(world, round, *seed, wanted, usual)));
        // All of them are started before the first is waited for.
        runs.collect::<Vec<_>>().into_iter().for_each(|run| run.join().expect("the run comes to its end"));
    });
}

fn disturbed(world: &'static World, round: usize, seed: u64, wanted: &[State], usual: &BTreeMap<String, usize>) {
    let case = Case::new(world, &format!("mixture-{round}"));
    let (proxy, kubeconfig) = case.proxy(&case.namespace);
    let mut dice = Random(seed);
    proxy.decide(move |asked| fate(&mut dice, asked));
    // Longer than a busy machine forgets an agent: it is faults of the API server that end a term here.
    let mut agent = world.agent_for("6s", &case.namespace, Some(&case.namespace), &kubeconfig);
    let states = life(&case, &proxy, &agent, wanted);
    for (index, (wanted, found)) in wanted.iter().zip(&states).enumerate() {
        assert_eq!(wanted, found, "round {round} (seed {seed}): the state after operation {index} is the undisturbed one\n{}", agent.tail(60));
    }
    let log = agent.tail(100_000);
    for (hook, runs) in hooks(&proxy) {
        let told = log.lines().filter(|line| line.contains("HookMayRunAgain") && line.contains(&hook)).count();
        let usual = usual.get(&hook).copied().unwrap_or(0);
        assert!(runs <= usual + told, "round {round} (seed {seed}): hook {hook} ran {runs} times, usually {usual}, and {told} times it was said\n{}", agent.tail(60));
    }
    let log = proxy.log();
    let faults = log.iter().filter(|exchange| exchange.fate != Fate::Pass).count();
    println!("round {round}: {faults} of {} requests met with a fault", log.len());
    agent.kill().expect("the agent ends");
}

/// How often each hook was run: a Job that an apply created.
pub fn hooks(proxy: &Proxy) -> BTreeMap<String, usize> {
    let mut runs = BTreeMap::new();
    for write in proxy.writes().iter().filter(|write| write.code == 201 && write.asked.path.contains("/jobs/")) {
        let name = write.asked.path.split("/jobs/").nth(1).and_then(|rest| rest.split('?').next()).unwrap_or_default();
        *runs.entry(name.to_owned()).or_insert(0) += 1;
    }
    runs
}
