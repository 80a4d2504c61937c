//! `cargo xtask test`: every check of the project, by part. A part that cannot run fails; nothing is skipped silently.

use crate::sys::root_dir;
use anyhow::{Context, Result, bail};
use std::io::{BufRead, BufReader};
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Instant;

/// One part: its name, what it checks, how.
pub struct Part {
    /// As on the command line.
    pub name: &'static str,
    /// One sentence for `--list`.
    pub about: &'static str,
    run: fn() -> Result<()>,
}

/// All parts, in the order in which they run: the quick ones first.
pub const PARTS: &[Part] = &[
    Part { name: "lint", about: "clippy with warnings as errors, for both feature sets; licences and sources of the dependencies", run: lint },
    Part { name: "unit", about: "unit tests of the library", run: unit },
    Part { name: "cases", about: "tests against real counterparts and goldens made by helm, Go and Prometheus; the architecture rules", run: cases },
    Part { name: "corpus", about: "helm's output for hundreds of public charts and thousands of templates, edits of their values, where ../shared holds them", run: corpus },
    Part { name: "sim", about: "the decision in a fake world with faults and crashes, over many seeds", run: sim },
    Part { name: "cluster", about: "the main job on a real API server with fake nodes", run: cluster },
    Part { name: "faults", about: "kill -9 after each write, two leaders, a proxy that refuses and lies, an API server that goes away (--all: every case)", run: faults },
    Part { name: "load", about: "webhooks, 2,000 a second; many Environments at once: time, CPU, memory and requests, printed (--all: a minute, 200 of them)", run: load },
    Part { name: "node", about: "real containers on this machine, requests to them meanwhile; the agent's image updating itself; the whole delivery chain (needs root)", run: node },
    Part { name: "guides", about: "every command of docs/guides, on a real API server with fake nodes", run: guides },
];

/// Whether parts that have a spread of cases run all of them.
static ALL: AtomicBool = AtomicBool::new(false);

/// Runs the named parts, all of them where none is named; with `all` every case of those that else run a spread.
pub fn run(names: &[String], all: bool) -> Result<()> {
    ALL.store(all, Ordering::Relaxed);
    let unknown: Vec<_> = names.iter().filter(|name| !PARTS.iter().any(|part| part.name == **name)).collect();
    if !unknown.is_empty() {
        let known: Vec<_> = PARTS.iter().map(|part| part.name).collect();
        bail!("no such part: {unknown:?}; there are {}", known.join(" "));
    }
    let mut failed = Vec::new();
    let mut passed = 0;
    for part in PARTS.iter().filter(|part| names.is_empty() || names.iter().any(|name| name == part.name)) {
        println!("\n== {}: {}", part.name, part.about);
        let start = Instant::now();
        match (part.run)() {
            Ok(()) => {
                passed += 1;
                println!("== {} passed in {:.0} s", part.name, start.elapsed().as_secs_f64());
            }
            Err(error) => {
                println!("== {} FAILED after {:.0} s: {error:#}", part.name, start.elapsed().as_secs_f64());
                failed.push(part.name);
            }
        }
    }
    println!("\n{passed} passed, {} failed", failed.len());
    if !failed.is_empty() {
        bail!("failed: {}", failed.join(" "));
    }
    Ok(())
}

fn cargo(args: &[&str]) -> Result<()> {
    let mut command = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    run_command(command.args(args))
}

fn cargo_test(args: &[&str]) -> Result<()> {
    let mut command = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    command.args(["test", "--quiet"]).args(args).current_dir(root_dir());
    if ALL.load(Ordering::Relaxed) {
        command.env("WINDLASS_FAULTS", "all");
    }
    run_tests(command)
}

/// Runs tests, passes their output on, and wants at least one of them to have run.
fn run_tests(mut command: Command) -> Result<()> {
    println!("+ {command:?}");
    let mut child = command.stdout(Stdio::piped()).spawn().with_context(|| format!("starting {command:?}"))?;
    let (mut ran, mut ignored) = (0, 0);
    for line in BufReader::new(child.stdout.take().context("its output is a pipe")?).lines() {
        let line = line?;
        println!("{line}");
        if let Some(rest) = line.strip_prefix("test result: ") {
            let (these, skipped) = counts(rest);
            ran += these;
            ignored += skipped;
        }
    }
    println!("{ran} tests ran, {ignored} are ignored by attribute");
    let status = child.wait()?;
    if !status.success() {
        bail!("{command:?}: {status}");
    }
    if ran == 0 {
        bail!("{command:?} ran no test");
    }
    Ok(())
}

/// From `ok. 12 passed; 1 failed; 2 ignored; …`: how many ran, how many were ignored.
fn counts(text: &str) -> (u64, u64) {
    let number = |word: &str| {
        let before = text.split(&format!(" {word}")).next().unwrap_or_default();
        before.rsplit(' ').next().and_then(|n| n.parse().ok()).unwrap_or(0)
    };
    (number("passed") + number("failed"), number("ignored"))
}

fn run_command(command: &mut Command) -> Result<()> {
    println!("+ {command:?}");
    let status = command.current_dir(root_dir()).status().with_context(|| format!("starting {command:?}"))?;
    if !status.success() {
        bail!("{command:?}: {status}");
    }
    Ok(())
}

fn lint() -> Result<()> {
    cargo(&["clippy", "--quiet", "--workspace", "--all-targets", "--", "-D", "warnings"])?;
    cargo(&["clippy", "--quiet", "--no-default-features", "--lib", "--bins", "--", "-D", "warnings"])?;
    // Advisories need their database from the network: `cargo deny check advisories`, where there is one.
    let deny = crate::tools::tool("cargo-deny")?;
    run_command(Command::new(deny).args(["--all-features", "--offline", "check", "bans", "licenses", "sources"]))
}

fn unit() -> Result<()> {
    cargo_test(&["--lib", "--bins"])
}

fn cases() -> Result<()> {
    crate::tools::tool("helm")?;
    crate::tools::tool("helm3")?;
    // Optimised code has parts of its own: sim, corpus, load.
    cargo_test(&["--test", "it", "--", "--skip", "sim::", "--skip", "yaml_edit::", "--skip", "webhooks::under_load"])
}

fn sim() -> Result<()> {
    // Optimised: so many seeds take minutes otherwise.
    run_tests(crate::agent::quick_cargo(&["test", "--package", "windlass", "--test", "it", "sim::"])?)
}

fn cluster() -> Result<()> {
    crate::tools::tools(crate::tools::CONTROL_PLANE)?;
    cargo_test(&["--package", "xtask", "--lib", "--bins", "--test", "cluster"])?;
    cargo_test(&["--test", "e2e", "--", "--skip", "faults::"])
}

fn faults() -> Result<()> {
    crate::tools::tools(crate::tools::CONTROL_PLANE)?;
    // What they print is their result too: how many cases, how many requests.
    cargo_test(&["--test", "e2e", "--", "--nocapture", "faults::"])
}

/// This program's file. A part before may have built it anew, and then the kernel calls the one that runs deleted.
fn own_path() -> Result<PathBuf> {
    let path = std::env::current_exe().context("this program's own path")?;
    let there = path.to_str().and_then(|text| text.strip_suffix(" (deleted)")).map(PathBuf::from);
    Ok(there.unwrap_or(path))
}

fn load() -> Result<()> {
    crate::tools::tools(crate::tools::CONTROL_PLANE)?;
    let mut webhooks = crate::agent::quick_cargo(&["test", "--package", "windlass", "--test", "it", "webhooks::under_load", "--", "--nocapture"])?;
    if ALL.load(Ordering::Relaxed) {
        webhooks.env("WINDLASS_WEBHOOK_SECONDS", "60");
    }
    run_tests(webhooks)?;
    let environments = if ALL.load(Ordering::Relaxed) { "200" } else { "40" };
    let mut command = Command::new(own_path()?);
    // The optimised program that other parts build, too.
    command.env("WINDLASS_BIN", crate::agent::static_binary()?);
    run_command(command.args(["bench", "load", "--environments", environments, "--idle", "10"]))
}

fn guides() -> Result<()> {
    crate::tools::tools(crate::tools::CONTROL_PLANE)?;
    cargo_test(&["--test", "guides"])
}

fn node() -> Result<()> {
    crate::cluster::node::possible()?;
    // One after the other: there is one real node.
    cargo_test(&["--package", "xtask", "--test", "node", "--test", "image", "--test", "story", "--", "--test-threads", "1"])
}

/// The corpus is not part of the project: it may be absent, and that is said.
fn corpus() -> Result<()> {
    // Those of its values files that are there; without the corpus those of the project.
    run_tests(crate::agent::quick_cargo(&["test", "--package", "windlass", "--test", "it", "yaml_edit::", "--", "--nocapture"])?)?;
    let shared = root_dir().join("../shared");
    if !shared.join("corpus/compare").exists() {
        println!("../shared/corpus is not there: nothing to compare with");
        return Ok(());
    }
    let binary = crate::agent::static_binary()?;
    let binary = binary.to_str().context("a path of plain text")?;
    let render = format!("{binary} template rel {{chart}} --namespace ns --kube-version 1.34.0 {{values}}");
    let charts = run_command(Command::new(shared.join("corpus/compare")).arg(render));
    let functions = run_command(Command::new(shared.join("functions/compare")).arg(binary));
    charts.and(functions)
}

#[cfg(test)]
mod tests {
    #[test]
    fn summary_lines_are_counted() {
        assert_eq!(super::counts("ok. 12 passed; 0 failed; 2 ignored; 0 measured; 1 filtered out"), (12, 2));
        assert_eq!(super::counts("FAILED. 3 passed; 4 failed; 0 ignored; 0 measured"), (7, 0));
    }
}
