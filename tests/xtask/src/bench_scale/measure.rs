//! What is measured: time, the agent's CPU seconds and memory, and the requests that the API server says it was sent.

use anyhow::{Context as _, Result};
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::time::Instant;
use xtask::cluster::Cluster;

/// The agent's user, by which the audit log knows it.
pub const USER: &str = "windlass-agent";

/// Clock ticks a second in `/proc/PID/stat`: Linux says 100 to all programs on every architecture.
const TICKS: f64 = 100.0;

/// What the agent may cost: times the floor's wall time, CPU seconds, requests an Environment, MB, seconds.
const WALL_OVER_FLOOR: f64 = 1.5;
const CPU_S: f64 = 5.0;
const INSTALL_REQUESTS: f64 = 17.0;
const UPGRADE_REQUESTS: f64 = 25.0;
const IDLE_CPU_S: f64 = 0.1;
const PEAK_RSS_MB: f64 = 40.0;
const REPAIRED_S: f64 = 2.0;

/// Starts a phase.
pub struct Meter {
    process: u32,
    begun: Instant,
    cpu: f64,
    /// How many audited requests there were before.
    before: usize,
}

impl Meter {
    /// From now on.
    pub fn start(cluster: &Cluster, process: u32) -> Result<Self> {
        let before = requests(cluster)?.len();
        Ok(Meter { process, begun: Instant::now(), cpu: cpu_s(process)?, before })
    }

    /// Until now.
    pub fn stop(self, cluster: &Cluster) -> Result<Phase> {
        let (wall_s, cpu_s) = (self.begun.elapsed().as_secs_f64(), cpu_s(self.process)? - self.cpu);
        let mut kinds = BTreeMap::new();
        for kind in requests(cluster)?.split_off(self.before) {
            *kinds.entry(kind).or_insert(0) += 1;
        }
        Ok(Phase { wall_s, cpu_s, kinds, rounds: 1 })
    }
}

/// The agent's requests so far, each as `verb resource`. The lease is left out: its renewals have nothing to do with
/// Environments.
fn requests(cluster: &Cluster) -> Result<Vec<String>> {
    let mut found = Vec::new();
    for request in cluster.requests()?.iter().filter(|request| request.user == USER) {
        let object = &request.event["objectRef"];
        let resource = match (object["resource"].as_str(), object["subresource"].as_str()) {
            (Some("leases"), _) => continue,
            (Some(resource), Some(sub)) => format!("{resource}/{sub}"),
            (Some(resource), None) => resource.to_owned(),
            _ => request.uri.split('?').next().unwrap_or_default().to_owned(),
        };
        let dry = if request.uri.contains("dryRun=All") { " (dry run)" } else { "" };
        let failed = if request.code >= 400 { format!(" → {}", request.code) } else { String::new() };
        found.push(format!("{} {resource}{dry}{failed}", request.verb));
    }
    Ok(found)
}

/// User and system time of a process, in seconds.
fn cpu_s(process: u32) -> Result<f64> {
    let text = std::fs::read_to_string(format!("/proc/{process}/stat")).context("the agent's CPU time in /proc")?;
    // The program's name, in brackets, may hold anything.
    let fields: Vec<&str> = text.rsplit(')').next().unwrap_or_default().split_whitespace().collect();
    let ticks = |index: usize| fields.get(index).and_then(|text| text.parse::<f64>().ok());
    let (user, system) = (ticks(11).context("utime")?, ticks(12).context("stime")?);
    Ok((user + system) / TICKS)
}

/// The most memory that a process ever had, in MB.
pub fn peak_rss_mb(process: u32) -> Result<f64> {
    let text = std::fs::read_to_string(format!("/proc/{process}/status")).context("the agent's memory in /proc")?;
    let line = text.lines().find_map(|line| line.strip_prefix("VmHWM:")).context("/proc tells VmHWM")?;
    let kib: f64 = line.trim().trim_end_matches("kB").trim().parse().context("VmHWM is a number")?;
    Ok(kib / 1024.0)
}

/// What one phase took; the mean, where it was gone through in several rounds.
#[derive(Default)]
pub struct Phase {
    pub wall_s: f64,
    pub cpu_s: f64,
    /// How many requests of each kind, in all rounds.
    kinds: BTreeMap<String, usize>,
    rounds: usize,
}

impl Phase {
    /// Of all rounds one.
    pub fn mean(rounds: &[Phase]) -> Phase {
        let mut kinds = BTreeMap::new();
        for (kind, count) in rounds.iter().flat_map(|round| &round.kinds) {
            *kinds.entry(kind.clone()).or_insert(0) += count;
        }
        let of = |figure: fn(&Phase) -> f64| mean(&rounds.iter().map(figure).collect::<Vec<_>>());
        Phase { wall_s: of(|round| round.wall_s), cpu_s: of(|round| round.cpu_s), kinds, rounds: rounds.iter().map(|round| round.rounds).sum() }
    }

    /// All requests, of all rounds.
    pub fn requests(&self) -> usize {
        self.kinds.values().sum()
    }

    /// How often that is for each Environment and round.
    fn each(&self, count: usize, environments: usize) -> f64 {
        count as f64 / (environments * self.rounds).max(1) as f64
    }
}

/// The mean; 0 of nothing.
fn mean(figures: &[f64]) -> f64 {
    figures.iter().sum::<f64>() / figures.len().max(1) as f64
}

/// What a run measured.
#[derive(Default)]
pub struct Figures {
    /// Seconds of the bare client to install and to upgrade, each before the agent's first round and after each of its rounds.
    pub floor: [Vec<f64>; 2],
    /// A phase for each round.
    pub install: Vec<Phase>,
    pub idle: Phase,
    /// A phase for each round.
    pub upgrade: Vec<Phase>,
    pub repair: Phase,
    /// When the last of the deleted Deployments was back.
    pub repaired_s: f64,
    pub peak_rss_mb: f64,
    pub environments: usize,
}

impl Figures {
    /// Requests for each Environment.
    pub fn each(&self, phase: &Phase) -> f64 {
        phase.each(phase.requests(), self.environments)
    }

    /// The mean of the bare client's times, to install and to upgrade, in seconds; 0 where there was none.
    fn floors(&self) -> [f64; 2] {
        self.floor.each_ref().map(|walls| mean(walls))
    }

    /// What the agent took to install and to upgrade, the mean of all rounds.
    fn means(&self) -> [Phase; 2] {
        [&self.install, &self.upgrade].map(|rounds| Phase::mean(rounds))
    }

    /// The agent's times in each round, to install and to upgrade, in seconds.
    fn walls(&self) -> [Vec<f64>; 2] {
        [&self.install, &self.upgrade].map(|rounds| rounds.iter().map(|round| round.wall_s).collect())
    }

    /// For machines: a documented shape.
    pub fn json(&self) -> Value {
        let phase = |phase: &Phase, walls: &[f64]| {
            json!({"wall_s": phase.wall_s, "walls_s": walls, "cpu_s": phase.cpu_s, "requests_per_environment": self.each(phase)})
        };
        let ([install, upgrade], [of_install, of_upgrade], walls) = (self.floors(), self.means(), self.walls());
        json!({
            // The bare client sends six requests for each application and round; its CPU time is not the agent's.
            "floor": {
                "wall_s": install, "upgrade_wall_s": upgrade, "cpu_s": null, "requests_per_environment": 6.0,
                "walls_s": self.floor[0], "upgrade_walls_s": self.floor[1],
            },
            "install": phase(&of_install, &walls[0]), "idle": phase(&self.idle, &[self.idle.wall_s]), "upgrade": phase(&of_upgrade, &walls[1]),
            "peak_rss_mb": self.peak_rss_mb, "repaired_s": self.repaired_s, "environments": self.environments,
        })
    }

    /// For people.
    pub fn print(&self) {
        println!("{:22} {:>9} {:>9} {:>9} {:>13}", "", "wall", "of floor", "CPU", "requests each");
        let ([floor_install, floor_upgrade], [install, upgrade]) = (self.floors(), self.means());
        for (name, phase, floor) in [("install", &install, floor_install), ("idle", &self.idle, 0.0), ("upgrade", &upgrade, floor_upgrade)] {
            let ratio = if floor > 0.0 { format!("{:.2}x", phase.wall_s / floor) } else { String::new() };
            println!("{name:22} {:7.1} s {ratio:>9} {:7.2} s {:13.2}", phase.wall_s, phase.cpu_s, self.each(phase));
        }
        let seconds = |walls: &Vec<f64>| walls.iter().map(|wall| format!("{wall:.1}")).collect::<Vec<_>>().join(" ");
        if self.install.len() > 1 {
            println!("in seconds, each round: install {}, upgrade {}", seconds(&self.walls()[0]), seconds(&self.walls()[1]));
        }
        if floor_install > 0.0 {
            println!("the floor, before and after each: install {}, upgrade {}", seconds(&self.floor[0]), seconds(&self.floor[1]));
        }
        println!("peak memory {:.1} MB", self.peak_rss_mb);
        println!("the last of the deleted Deployments was back after {:.2} s", self.repaired_s);
        for (name, phase) in [("install", &install), ("idle", &self.idle), ("upgrade", &upgrade), ("repair", &self.repair)] {
            println!("\nrequests of {name}, {} in all:", phase.requests());
            let mut kinds: Vec<_> = phase.kinds.iter().collect();
            kinds.sort_by_key(|(kind, count)| (std::cmp::Reverse(**count), kind.as_str()));
            for (kind, count) in kinds {
                println!("{count:7} {:6.2} each  {kind}", phase.each(*count, self.environments));
            }
        }
    }

    /// The figures that are over their limits, as sentences.
    pub fn over(&self) -> Vec<String> {
        let ([floor_install, floor_upgrade], [install, upgrade]) = (self.floors(), self.means());
        let figures = [
            ("install takes, in seconds,", install.wall_s, floor_install * WALL_OVER_FLOOR),
            ("install's CPU seconds are", install.cpu_s, CPU_S),
            ("install's requests for each Environment are", self.each(&install), INSTALL_REQUESTS),
            ("idle requests are", self.idle.requests() as f64, 0.0),
            ("idle CPU seconds are", self.idle.cpu_s * 60.0 / self.idle.wall_s.max(1.0), IDLE_CPU_S),
            ("upgrade takes, in seconds,", upgrade.wall_s, floor_upgrade * WALL_OVER_FLOOR),
            ("upgrade's CPU seconds are", upgrade.cpu_s, CPU_S),
            ("upgrade's requests for each Environment are", self.each(&upgrade), UPGRADE_REQUESTS),
            ("peak memory in MB is", self.peak_rss_mb, PEAK_RSS_MB),
            ("repair takes, in seconds,", self.repaired_s, REPAIRED_S),
        ];
        let over = figures.iter().filter(|(_, figure, limit)| figure > limit);
        over.map(|(what, figure, limit)| format!("{what} {figure:.2}, at most {limit:.2}")).collect()
    }
}
