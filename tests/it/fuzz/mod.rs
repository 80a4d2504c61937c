//! Everything that reads what strangers wrote, fed with garbage that looks right: no panic, no hang.
//!
//! Inputs are seeds (the project's cases, and the corpus where it is there) with a few changes, which bolero's bytes choose.
//! In CI each target runs a bounded number of inputs; `cargo xtask fuzz [TARGET] [--time 5m]` runs longer. An input that
//! fails is kept in `tests/cases/fuzz/TARGET/`, and from then on it is tried first.

mod mutate;
mod seeds;
mod targets;

use sha2::{Digest as _, Sha256};
use std::{
    panic::{AssertUnwindSafe, catch_unwind, resume_unwind},
    path::{Path, PathBuf},
    sync::{Arc, Mutex},
    time::{Duration, Instant},
};

/// How many inputs a target gets where no time is named.
const ITERATIONS: usize = 1500;
/// An input that takes longer than this hangs: a hundred times what the slowest one takes on a loaded machine.
const HANG: Duration = Duration::from_secs(120);
/// The name of the variable by which `cargo xtask fuzz` sets the time, in seconds.
const SECONDS: &str = "WINDLASS_FUZZ_SECONDS";

fn kept(target: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/cases/fuzz").join(target)
}

/// Keeps an input that failed; the file's path.
fn keep(target: &str, input: &[u8]) -> PathBuf {
    let folder = kept(target);
    std::fs::create_dir_all(&folder).expect("tests/cases can be written");
    let name: String = Sha256::digest(input).iter().take(6).map(|byte| format!("{byte:02x}")).collect();
    let path = folder.join(name);
    std::fs::write(&path, input).expect("tests/cases can be written");
    path
}

type Current = Arc<Mutex<Option<(Instant, Vec<u8>)>>>;

/// Ends the process, with the input kept, when one input takes too long.
fn watch(target: &'static str) -> Current {
    let current: Current = Arc::default();
    let seen = Arc::downgrade(&current);
    std::thread::spawn(move || {
        while let Some(current) = seen.upgrade() {
            let late = match &*current.lock().unwrap() {
                Some((since, input)) if since.elapsed() > HANG => Some(input.clone()),
                _ => None,
            };
            if let Some(input) = late {
                eprintln!("{target}: an input takes longer than {HANG:?}; it is kept as {}", keep(target, &input).display());
                std::process::abort();
            }
            drop(current);
            std::thread::sleep(Duration::from_secs(1));
        }
    });
    current
}

fn try_one(target: &str, run: fn(&[u8]), input: &[u8], current: &Current) {
    *current.lock().unwrap() = Some((Instant::now(), input.to_vec()));
    let done = catch_unwind(AssertUnwindSafe(|| run(input)));
    *current.lock().unwrap() = None;
    if let Err(panic) = done {
        eprintln!("{target}: an input panics; it is kept as {}", keep(target, input).display());
        resume_unwind(panic);
    }
}

fn drive(target: &'static str, seeds: Vec<Vec<u8>>, run: fn(&[u8])) {
    let current = watch(target);
    for entry in std::fs::read_dir(kept(target)).into_iter().flatten().flatten() {
        try_one(target, run, &std::fs::read(entry.path()).unwrap(), &current);
    }
    assert!(!seeds.is_empty(), "{target} has no seeds");
    for seed in &seeds {
        try_one(target, run, seed, &current);
    }
    let seconds: Option<u64> = std::env::var(SECONDS).ok().and_then(|text| text.parse().ok());
    let check = bolero::check!().with_shrink_time(Duration::ZERO).with_max_len(256);
    let check = match seconds {
        Some(seconds) => check.with_iterations(usize::MAX).with_test_time(Duration::from_secs(seconds)),
        None => check.with_iterations(ITERATIONS).with_test_time(Duration::from_secs(20)),
    };
    let mut tried = 0_u64;
    let began = Instant::now();
    check.for_each(|choices: &[u8]| {
        try_one(target, run, &mutate::mutated(&seeds, choices), &current);
        tried += 1;
    });
    println!("{target}: {} seeds, {tried} inputs in {:.0} s", seeds.len(), began.elapsed().as_secs_f64());
}

macro_rules! targets {
    ($($name:ident: $seeds:expr),* $(,)?) => {
        $(#[test] fn $name() { drive(stringify!($name), $seeds, targets::$name); })*
    };
}

targets! {
    lexer: seeds::templates(),
    parser: seeds::templates(),
    executor: seeds::templates(),
    yaml: seeds::yaml(),
    json: seeds::json(),
    toml: seeds::toml(),
    archive: seeds::archives(),
    chart: seeds::charts(),
    values: seeds::yaml(),
    strvals: seeds::strvals(),
    record: seeds::records(),
    schema: seeds::schemas(),
    manifest: seeds::manifests(),
    patterns: seeds::patterns(),
}

#[cfg(feature = "agent")]
targets! {
    environment: seeds::environments(),
    sops: seeds::sops(),
}

/// A target that panics is found, and its input kept: else all of the above shows nothing.
#[test]
fn a_planted_panic_is_found() {
    fn planted(input: &[u8]) {
        assert!(!input.windows(2).any(|pair| pair == b"{}"), "planted");
    }
    let found = catch_unwind(|| drive("planted", vec![b"a: {".to_vec(), b"b: }".to_vec()], planted));
    assert!(found.is_err(), "nothing was found");
    let cases: Vec<_> = std::fs::read_dir(kept("planted")).unwrap().flatten().collect();
    assert!(!cases.is_empty());
    std::fs::remove_dir_all(kept("planted")).unwrap();
}
