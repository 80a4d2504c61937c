//! The simulation: `decide` driven in a fake world with faults, crashes, bad revisions, people and a second agent, over many
//! seeds. Properties are checked after every step and once the world has become calm. Faults planted on purpose test the
//! simulation itself: each is found, and goes unnoticed when the checks that are there for it are switched off.
//!
//! 100,000 seeds run where the code is optimised (`cargo test --profile quick sim::`), 2,000 otherwise. `SIM_SEEDS` sets how many,
//! `SIM_FROM` the first of them; `SIM_SEED` replays one and prints what happened, with the fault that `SIM_PLANT` names.

mod agent;
mod checks;
mod day;
mod plant;
mod world;

use checks::Check;
use plant::{PLANTED, Plant};
use std::collections::BTreeSet;
use world::World;

/// What a run found.
#[derive(Clone, Debug)]
struct Finding {
    check: Check,
    what: String,
}

/// Runs one seed; the first violated property, if any.
fn run(seed: u64, plant: Option<Plant>, off: &BTreeSet<Check>, loud: bool) -> Option<Finding> {
    let mut world = World::new(seed, plant, loud);
    world.run(off)
}

fn number(variable: &str) -> Option<u64> {
    std::env::var(variable).ok().and_then(|text| text.parse().ok())
}

/// The seeds, shared out over the machine's cores.
fn over_seeds(count: u64, run: impl Fn(u64) -> Option<String> + Sync) -> Vec<String> {
    let workers = std::thread::available_parallelism().map_or(2, |n| n.get() as u64);
    std::thread::scope(|scope| {
        let run = &run;
        let handles: Vec<_> = (0..workers)
            .map(|worker| scope.spawn(move || (worker..count).step_by(workers as usize).filter_map(run).take(3).collect::<Vec<_>>()))
            .collect();
        handles.into_iter().flat_map(|handle| handle.join().unwrap()).collect()
    })
}

#[test]
fn no_seed_breaks_a_property() {
    if let Some(seed) = number("SIM_SEED") {
        let plant = std::env::var("SIM_PLANT").ok().and_then(|name| PLANTED.iter().find(|(plant, _)| format!("{plant:?}") == name));
        let found = run(seed, plant.map(|(plant, _)| *plant), &BTreeSet::new(), true);
        assert!(found.is_none(), "{found:?}");
        return;
    }
    let (first, count) = (number("SIM_FROM").unwrap_or(0), number("SIM_SEEDS").unwrap_or(if cfg!(debug_assertions) { 2_000 } else { 100_000 }));
    let found = over_seeds(count, |seed| {
        let seed = first + seed;
        run(seed, None, &BTreeSet::new(), false).map(|f| format!("SIM_SEED={seed}: {:?}: {}", f.check, f.what))
    });
    assert!(found.is_empty(), "{}", found.join("\n"));
}

#[test]
fn every_planted_fault_is_found_and_only_by_the_checks_meant_for_it() {
    assert!(PLANTED.len() >= 12);
    let wrong: Vec<String> = std::thread::scope(|scope| {
        let handles: Vec<_> = PLANTED.iter().map(|(plant, meant)| scope.spawn(move || judge(*plant, meant))).collect();
        handles.into_iter().flat_map(|handle| handle.join().unwrap()).collect()
    });
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// What is wrong with the checks that are there for a planted fault.
fn judge(plant: Plant, meant: &[Check]) -> Vec<String> {
    /// Within so many seeds each fault is found.
    const SEEDS: u64 = 1_000;
    /// Over so many it goes unnoticed where its checks are off.
    const QUIET: u64 = 300;
    let noticed = |off: &BTreeSet<Check>, seeds| (0..seeds).find_map(|seed| run(seed, Some(plant), off, false).map(|f| (seed, f)));
    let mut wrong = Vec::new();
    if noticed(&BTreeSet::new(), SEEDS).is_none() {
        wrong.push(format!("{plant:?} is not found within {SEEDS} seeds"));
    }
    let off: BTreeSet<Check> = meant.iter().copied().collect();
    if let Some((seed, finding)) = noticed(&off, QUIET) {
        wrong.push(format!("{plant:?} is also noticed by {finding:?} (seed {seed})"));
    }
    for check in meant {
        let others: BTreeSet<Check> = Check::ALL.iter().copied().filter(|other| other != check).collect();
        if noticed(&others, SEEDS).is_none() {
            wrong.push(format!("{plant:?} is not noticed by {check:?} alone"));
        }
    }
    wrong
}
