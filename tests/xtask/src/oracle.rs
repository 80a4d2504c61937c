//! `cargo xtask oracle`: asks the real tools anew what tests expect, compares random cases with them, and shows how much
//! of Go's `text/template` the random templates reach.

use crate::sys::{root_dir, tests_dir};
use anyhow::{Context, Result, bail};
use std::collections::BTreeMap;
use std::path::Path;
use std::process::Command;

/// The comparisons of random cases: name, the ignored test behind it.
const COMPARISONS: &[(&str, &str)] = &[
    ("template", "differential::every_random_template_is_as_go_has_it"),
    ("helm", "helm::every_random_case_is_as_helm_has_it"),
    ("yaml", "yaml_suite::"),
];

/// Programs that answer what a test or a benchmark asks them, and generate nothing by themselves.
const FED: [&str; 4] = ["bench", "helm", "template", "yaml"];

/// The least part of `exec.go` and of `parse` that the random templates are to reach, in percent.
const LEAST_COVERAGE: f64 = 90.0;

/// Runs every generator below `tests/oracle`, or those named.
///
/// # Errors
/// Where a tool cannot be built or a generator fails.
pub fn generate(names: &[String]) -> Result<()> {
    let helm = crate::tools::tool("helm")?;
    let folder = tests_dir().join("oracle");
    let mut found: Vec<_> = std::fs::read_dir(&folder)?.collect::<std::io::Result<Vec<_>>>()?;
    found.sort_by_key(std::fs::DirEntry::file_name);
    for entry in found {
        let name = entry.file_name().to_string_lossy().into_owned();
        let wanted = if names.is_empty() { !FED.contains(&name.as_str()) } else { names.contains(&name) };
        if !entry.path().join("go.mod").exists() || !wanted {
            continue;
        }
        println!("== {name}");
        let status = Command::new("go").args(["run", "."]).current_dir(entry.path()).env("GOWORK", "off").env("HELM", &helm).status()?;
        if !status.success() {
            bail!("the generator tests/oracle/{name} ended with {status}");
        }
    }
    Ok(())
}

/// Compares random cases with Go and helm: all comparisons, or those named.
///
/// # Errors
/// Where one differs, or there is no such comparison.
pub fn compare(names: &[String]) -> Result<()> {
    for name in names {
        if !COMPARISONS.iter().any(|(known, _)| known == name) {
            let known: Vec<_> = COMPARISONS.iter().map(|(known, _)| *known).collect();
            bail!("no such comparison: {name}; there are {}", known.join(" "));
        }
    }
    for (name, test) in COMPARISONS.iter().filter(|(name, _)| names.is_empty() || names.iter().any(|wanted| wanted == name)) {
        println!("== {name}");
        run_test(test, None)?;
    }
    Ok(())
}

fn run_test(test: &str, coverage: Option<&Path>) -> Result<()> {
    let mut command = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    command.args(["test", "--quiet", "--test", "it", test, "--", "--ignored", "--nocapture"]).current_dir(root_dir());
    if let Some(folder) = coverage {
        command.env("GOCOVERDIR", folder);
    }
    let status = command.status().with_context(|| format!("starting {command:?}"))?;
    match status.success() {
        true => Ok(()),
        false => bail!("{command:?}: {status}"),
    }
}

/// Runs the random templates through Go with its coverage tool on, and prints what of `text/template` they reached.
///
/// # Errors
/// Where a template differs from Go, or less than [`LEAST_COVERAGE`] is reached.
pub fn coverage() -> Result<()> {
    let folder = std::env::temp_dir().join(format!("windlass-coverage-{}", std::process::id()));
    std::fs::create_dir_all(&folder).context("a folder for Go's counters")?;
    let shown = covered(&folder);
    let _ = std::fs::remove_dir_all(folder);
    shown
}

fn covered(folder: &Path) -> Result<()> {
    run_test(COMPARISONS[0].1, Some(folder))?;
    let profile = folder.join("profile.txt");
    let mut input = std::ffi::OsString::from("-i=");
    input.push(folder);
    let status = Command::new("go").args(["tool", "covdata", "textfmt"]).arg(input).arg("-o").arg(&profile).status()?;
    if !status.success() {
        bail!("go tool covdata ended with {status}");
    }
    let files = by_file(&std::fs::read_to_string(&profile)?);
    let of = |wanted: &dyn Fn(&str) -> bool| {
        let sums = files.iter().filter(|(name, _)| wanted(name)).fold((0, 0), |sum, (_, (reached, all))| (sum.0 + reached, sum.1 + all));
        percent(sums)
    };
    for (name, counts) in files.iter().filter(|(name, _)| name.starts_with("text/template/")) {
        println!("{:5.1} % of {name}: {} of {} statements", percent(*counts), counts.0, counts.1);
    }
    for (name, part) in [
        ("text/template/exec.go", of(&|file| file == "text/template/exec.go")),
        ("text/template/parse", of(&|file| file.starts_with("text/template/parse/"))),
    ] {
        println!("{part:.1} % of {name} are reached by the random templates");
        if part < LEAST_COVERAGE {
            bail!("that is less than {LEAST_COVERAGE} %");
        }
    }
    Ok(())
}

fn percent((reached, all): (u64, u64)) -> f64 {
    100.0 * reached as f64 / all.max(1) as f64
}

/// Statements reached and statements at all, by file, from lines such as `text/template/exec.go:42.10,44.2 3 1`.
fn by_file(profile: &str) -> BTreeMap<String, (u64, u64)> {
    let mut blocks: BTreeMap<&str, (u64, bool)> = BTreeMap::new();
    for line in profile.lines().skip(1) {
        let mut words = line.rsplitn(3, ' ');
        let (count, statements, block) = (words.next(), words.next(), words.next());
        if let (Some(Ok(count)), Some(Ok(statements)), Some(block)) = (count.map(str::parse::<u64>), statements.map(str::parse), block) {
            let entry = blocks.entry(block).or_insert((statements, false));
            entry.1 |= count > 0;
        }
    }
    let mut files = BTreeMap::<String, (u64, u64)>::new();
    for (block, (statements, reached)) in blocks {
        let file = block.split(':').next().unwrap_or_default();
        let sums = files.entry(file.to_owned()).or_default();
        sums.0 += if reached { statements } else { 0 };
        sums.1 += statements;
    }
    files
}

#[cfg(test)]
mod tests {
    #[test]
    fn statements_are_summed_by_file() {
        let profile = "mode: set\na/b.go:1.1,2.2 3 1\na/b.go:3.1,4.2 5 0\na/b.go:3.1,4.2 5 1\na/c.go:1.1,2.2 2 0\n";
        let files = super::by_file(profile);
        assert_eq!(files["a/b.go"], (8, 8));
        assert_eq!(files["a/c.go"], (0, 2));
    }
}
