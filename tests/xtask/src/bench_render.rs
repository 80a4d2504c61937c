//! `cargo xtask bench render`: windlass and helm render the same charts, process against process and in process.

use anyhow::{Context as _, Result, bail};
use serde::Deserialize;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Instant;
use xtask::{agent, sys, tools};

/// Renders of a chart as a process: the median counts.
const PROCESS_RUNS: usize = 5;

/// What to compare, and with which binaries.
#[derive(clap::Args)]
pub struct RenderBench {
    /// A folder with `cases.jsonl` (lines of `id`, `chart`, `values`, `exit`) and `charts/`, or `charts.tar.zst` to unpack;
    /// ../shared/corpus if it is there, else the tests' own charts.
    #[arg(long)]
    corpus: Option<PathBuf>,
    /// Chart folders, instead of a corpus.
    charts: Vec<PathBuf>,
    /// How many charts of the corpus, evenly chosen.
    #[arg(long, default_value_t = 60)]
    sample: usize,
    /// Seconds of in-process rendering for each chart and engine.
    #[arg(long, default_value_t = 0.3)]
    seconds: f64,
    /// helm; built from its module when none is named.
    #[arg(long)]
    helm: Option<PathBuf>,
    /// Cargo's profile for windlass.
    #[arg(long, default_value = "release")]
    profile: String,
}

#[derive(Clone, Deserialize)]
struct Case {
    chart: PathBuf,
    values: Option<PathBuf>,
    #[serde(default)]
    exit: i32,
}

/// What `render-bench` and `tests/oracle/bench` print.
#[derive(Deserialize)]
struct InProcess {
    ns_per_render: f64,
    peak_rss_kb: f64,
}

/// One chart's figures: milliseconds, and KiB at the peak.
struct Row {
    name: String,
    processes: [f64; 2],
    renders: [f64; 2],
    peaks: [f64; 2],
}

/// Runs the comparison and prints its table.
///
/// # Errors
/// Where something cannot be built or run, or a chart does not render.
pub fn run(bench: &RenderBench) -> Result<()> {
    let binaries = build(bench)?;
    let cases = bench.cases()?;
    let mut rows = Vec::new();
    for (at, case) in cases.iter().enumerate() {
        eprint!("\r{}/{} {:60.60}", at + 1, cases.len(), case.chart.display());
        match measure(bench, &binaries, case) {
            Ok(row) => rows.push(row),
            Err(error) => eprintln!("\r{}: {error:#}", case.chart.display()),
        }
    }
    eprintln!();
    if rows.is_empty() {
        bail!("no chart was rendered by both");
    }
    print(&mut rows);
    Ok(())
}

struct Binaries {
    windlass: PathBuf,
    helm: PathBuf,
    windlass_bench: PathBuf,
    go_bench: PathBuf,
}

fn build(bench: &RenderBench) -> Result<Binaries> {
    let windlass = agent::binary(&bench.profile)?;
    let profile = &bench.profile;
    // The engine alone, in a folder of its own: with other features the whole program would be linked anew each time.
    let folder = agent::target_dir().join("bench");
    let cargo = ["build", "--quiet", "--package", "windlass", "--no-default-features", "--profile", profile, "--example", "render-bench"];
    succeed(Command::new("cargo").args(cargo).arg("--target-dir").arg(&folder))?;
    let built = std::path::absolute(folder.join(agent::profile_dir(profile)))?;
    let go_bench = built.join("go-render-bench");
    succeed(Command::new("go").args(["build", "-mod=mod", "-o"]).arg(&go_bench).arg(".").current_dir("tests/oracle/bench"))?;
    let helm = match &bench.helm {
        Some(helm) => helm.clone(),
        None => tools::tool("helm")?,
    };
    Ok(Binaries { windlass, helm, windlass_bench: built.join("examples/render-bench"), go_bench })
}

fn succeed(command: &mut Command) -> Result<()> {
    let status = command.status().with_context(|| format!("cannot run {command:?}"))?;
    match status.success() {
        true => Ok(()),
        false => bail!("{command:?} failed: {status}"),
    }
}

impl RenderBench {
    fn cases(&self) -> Result<Vec<Case>> {
        if !self.charts.is_empty() {
            return Ok(self.charts.iter().map(|chart| Case { chart: chart.clone(), values: None, exit: 0 }).collect());
        }
        let shared = sys::root_dir().join("../shared/corpus");
        let Some(corpus) = self.corpus.as_ref().or_else(|| Some(&shared).filter(|corpus| corpus.join("cases.jsonl").exists())) else {
            return own_charts();
        };
        let charts = unpacked(corpus)?;
        let text = std::fs::read_to_string(corpus.join("cases.jsonl")).context("the corpus's cases.jsonl")?;
        let mut cases = Vec::new();
        for line in text.lines() {
            let case: Case = serde_json::from_str(line).context("cases.jsonl")?;
            if case.exit == 0 && !makes_keys(&charts.join(&case.chart)) {
                let values = case.values.map(|file| charts.join(file));
                cases.push(Case { chart: charts.join(case.chart), values, exit: 0 });
            }
        }
        let step = (cases.len() as f64 / self.sample.max(1) as f64).max(1.0);
        let chosen = (0..cases.len().min(self.sample)).map(|at| cases[(at as f64 * step) as usize].clone());
        Ok(chosen.collect())
    }
}

/// The charts of the tests.
fn own_charts() -> Result<Vec<Case>> {
    let mut cases = Vec::new();
    let mut folders = vec![sys::tests_dir().join("cases")];
    while let Some(folder) = folders.pop() {
        if folder.join("Chart.yaml").exists() && folder.join("templates").is_dir() {
            if !makes_keys(&folder) {
                cases.push(Case { chart: folder, values: None, exit: 0 });
            }
            continue;
        }
        for entry in std::fs::read_dir(&folder)? {
            folders.extend(Some(entry?.path()).filter(|path| path.is_dir()));
        }
    }
    cases.sort_by(|a, b| a.chart.cmp(&b.chart));
    Ok(cases)
}

/// Whether templates make keys or hash passwords: that takes longer than all the rest, and measures nothing of an engine.
fn makes_keys(chart: &Path) -> bool {
    const SLOW: &[&str] = &["genPrivateKey", "genCA", "genSelfSignedCert", "genSignedCert", "htpasswd", "bcrypt", "derivePassword"];
    let Ok(entries) = std::fs::read_dir(chart) else { return false };
    entries.flatten().map(|entry| entry.path()).any(|path| {
        if path.is_dir() {
            return makes_keys(&path);
        }
        let text = std::fs::read(&path).unwrap_or_default();
        SLOW.iter().any(|name| String::from_utf8_lossy(&text).contains(name))
    })
}

/// The corpus's chart folders, unpacked beside the build where only the archive is there.
fn unpacked(corpus: &Path) -> Result<PathBuf> {
    let folder = corpus.join("charts");
    if folder.is_dir() {
        return Ok(folder);
    }
    let target = std::path::absolute(agent::target_dir().join("bench-corpus"))?;
    let done = target.join("charts");
    if !done.is_dir() {
        std::fs::create_dir_all(&target)?;
        let archive = corpus.join("charts.tar.zst");
        succeed(Command::new("tar").args(["--use-compress-program", "zstd -d --long=27", "-xf"]).arg(archive).arg("-C").arg(&target))?;
    }
    Ok(done)
}

fn measure(bench: &RenderBench, binaries: &Binaries, case: &Case) -> Result<Row> {
    let in_process = |command: &mut Command| -> Result<InProcess> {
        let output = command.stderr(Stdio::null()).output()?;
        serde_json::from_slice(&output.stdout).with_context(|| format!("{command:?} failed"))
    };
    let values = case.values.clone().unwrap_or_else(|| "-".into());
    let seconds = bench.seconds.to_string();
    let ours = in_process(Command::new(&binaries.windlass_bench).arg(&case.chart).arg(&values).arg(&seconds))?;
    let mut go = Command::new(&binaries.go_bench);
    go.arg("-chart").arg(&case.chart).args(["-seconds", &seconds]);
    if let Some(file) = &case.values {
        go.arg("-values").arg(file);
    }
    let theirs = in_process(&mut go)?;
    // In turn, so that what else the machine does meets both.
    let mut times = [Vec::new(), Vec::new()];
    for _ in 0..PROCESS_RUNS {
        for (binary, times) in [&binaries.windlass, &binaries.helm].into_iter().zip(&mut times) {
            times.push(process(binary, case)?);
        }
    }
    let name = case.chart.components().rev().take(2).map(|part| part.as_os_str().to_string_lossy()).collect::<Vec<_>>();
    Ok(Row {
        name: name.into_iter().rev().collect::<Vec<_>>().join("/"),
        processes: times.map(|mut times| median(&mut times)),
        renders: [ours.ns_per_render / 1e6, theirs.ns_per_render / 1e6],
        peaks: [ours.peak_rss_kb, theirs.peak_rss_kb],
    })
}

/// One `template` of a binary, in milliseconds.
fn process(binary: &Path, case: &Case) -> Result<f64> {
    let mut command = Command::new(binary);
    command.args(["template", "rel"]).arg(&case.chart).args(["--namespace", "ns", "--kube-version", "1.34.0"]);
    if let Some(file) = &case.values {
        command.arg("-f").arg(file);
    }
    let began = Instant::now();
    let status = command.stdout(Stdio::null()).stderr(Stdio::null()).status().with_context(|| format!("{command:?}"))?;
    match status.success() {
        true => Ok(began.elapsed().as_secs_f64() * 1e3),
        false => bail!("{command:?} failed: {status}"),
    }
}

fn median(values: &mut [f64]) -> f64 {
    values.sort_by(f64::total_cmp);
    values[values.len() / 2]
}

/// The heaviest charts, then medians over all.
fn print(rows: &mut [Row]) {
    const SHOWN: usize = 15;
    rows.sort_by(|a, b| b.renders[1].total_cmp(&a.renders[1]));
    println!("{:44} {:>10} {:>10} {:>6}  {:>10} {:>10} {:>6}  {:>8} {:>8}", "heaviest first", "process", "helm", "ratio", "render", "engine", "ratio", "peak MB", "helm MB");
    for row in rows.iter().take(SHOWN) {
        let [ours, theirs] = row.processes;
        let [render, engine] = row.renders;
        println!(
            "{:44.44} {ours:8.1}ms {theirs:8.1}ms {:5.1}x  {render:8.2}ms {engine:8.2}ms {:5.1}x  {:8.1} {:8.1}",
            row.name, theirs / ours, engine / render, row.peaks[0] / 1024.0, row.peaks[1] / 1024.0
        );
    }
    let over = |figure: fn(&Row) -> f64| median(&mut rows.iter().map(figure).collect::<Vec<_>>());
    println!(
        "medians over {} charts: process {:.1}x (windlass {:.1} ms), in process {:.1}x (lowest {:.1}x), peak memory {:.1}x less",
        rows.len(),
        over(|row| row.processes[1] / row.processes[0]),
        over(|row| row.processes[0]),
        over(|row| row.renders[1] / row.renders[0]),
        rows.iter().map(|row| row.renders[1] / row.renders[0]).fold(f64::INFINITY, f64::min),
        over(|row| row.peaks[1] / row.peaks[0]),
    );
}
