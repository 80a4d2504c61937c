//! What Prometheus sees: counted here, named in [`table::TABLE`], with bounded labels.
//!
//! Labels come from small fixed sets, except for the environment's, which vanish with it ([`Metrics::forget`]).

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use prometheus::core::Collector;
use prometheus::{Counter, GaugeVec, HistogramOpts, HistogramVec, IntCounterVec, IntGaugeVec, Opts, Registry, TextEncoder};

mod process;
pub mod table;

use table::{Kind, TABLE};

/// Environments with series of their own; further ones share `other`.
pub const MAX_ENVIRONMENTS: usize = 5_000;
const OTHER: &str = "other";

/// What [`Metrics::render`] is served as.
pub const CONTENT_TYPE: &str = "text/plain; version=0.0.4; charset=utf-8";

/// A closed set of label values.
macro_rules! labels {
    ($(#[$doc:meta])* $name:ident { $($(#[$vdoc:meta])* $variant:ident = $text:literal),+ $(,)? }) => {
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq)]
        pub enum $name { $($(#[$vdoc])* $variant),+ }
        impl $name {
            /// Every value.
            pub const ALL: &[Self] = &[$(Self::$variant),+];
            /// The label's text.
            pub fn label(self) -> &'static str {
                match self { $(Self::$variant => $text),+ }
            }
        }
    };
}

labels! {
    /// How a sync ended.
    SyncResult {
        /// Something changed and is good.
        Succeeded = "succeeded",
        /// There was nothing to change.
        Unchanged = "unchanged",
        /// It failed, and what was live before is live still.
        Failed = "failed",
        /// It failed after it had changed something, and the last good release was put back.
        RolledBack = "rolled_back",
    }
}
labels! {
    /// How a deploy or rollback ended.
    Outcome {
        /// Good.
        Succeeded = "succeeded",
        /// Not good.
        Failed = "failed",
    }
}
labels! {
    /// How a test ended.
    TestResult {
        /// It passed.
        Passed = "passed",
        /// It failed or ran out of time.
        Failed = "failed",
    }
}
labels! {
    /// The part of a sync that took time.
    Stage {
        /// Head and snapshot.
        Source = "source",
        /// Dry runs and comparison.
        Plan = "plan",
        /// Writing.
        Apply = "apply",
        /// Waiting until healthy.
        Health = "health",
        /// Test hooks and Jobs.
        Tests = "tests",
        /// Going back.
        Rollback = "rollback",
    }
}
labels! {
    /// A conversation with a git server.
    GitOperation {
        /// One reference advertisement.
        Head = "head",
        /// A fetch.
        Fetch = "fetch",
    }
}

/// What is live in an environment, for `windlass_environment_info`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Live {
    /// Branch followed.
    pub branch: String,
    /// Commit.
    pub revision: String,
    /// Release and its number, as `shop.v12`.
    pub release: String,
    /// Chart and version, as `shop-1.4.0`.
    pub chart: String,
}

/// All metrics of one agent. Cheap to call from anywhere: atomics behind short locks.
pub struct Metrics {
    registry: Registry,
    counters: BTreeMap<&'static str, IntCounterVec>,
    gauges: BTreeMap<&'static str, GaugeVec>,
    ints: BTreeMap<&'static str, IntGaugeVec>,
    histograms: BTreeMap<&'static str, HistogramVec>,
    cpu: Counter,
    known: Mutex<BTreeMap<String, Option<Live>>>,
}

impl Metrics {
    /// Registers everything in the table.
    pub fn new(version: &str, revision: &str) -> Self {
        let mut metrics = Self {
            registry: Registry::new(),
            counters: BTreeMap::new(),
            gauges: BTreeMap::new(),
            ints: BTreeMap::new(),
            histograms: BTreeMap::new(),
            cpu: Counter::new("process_cpu_seconds_total", table_help("process_cpu_seconds_total")).expect("the name is valid"),
            known: Mutex::default(),
        };
        metrics.add(metrics.cpu.clone());
        for def in TABLE.iter().filter(|def| def.name != "process_cpu_seconds_total") {
            let opts = Opts::new(def.name, def.help);
            match def.kind {
                Kind::Counter => {
                    let vec = IntCounterVec::new(opts, def.labels).expect("the table's names are valid");
                    metrics.add(vec.clone());
                    metrics.counters.insert(def.name, vec);
                }
                Kind::Gauge if def.name.ends_with("_seconds") => {
                    let vec = GaugeVec::new(opts, def.labels).expect("the table's names are valid");
                    metrics.add(vec.clone());
                    metrics.gauges.insert(def.name, vec);
                }
                Kind::Gauge => {
                    let vec = IntGaugeVec::new(opts, def.labels).expect("the table's names are valid");
                    metrics.add(vec.clone());
                    metrics.ints.insert(def.name, vec);
                }
                Kind::Histogram(buckets) => {
                    let opts = HistogramOpts { common_opts: opts, buckets: buckets.to_vec() };
                    let vec = HistogramVec::new(opts, def.labels).expect("the table's names are valid");
                    metrics.add(vec.clone());
                    metrics.histograms.insert(def.name, vec);
                }
            }
        }
        metrics.int("windlass_build_info", &[version, revision], 1);
        metrics.gauge("process_start_time_seconds", &[], unix(SystemTime::now()));
        for name in ["windlass_environments", "windlass_queue_depth", "windlass_leader"] {
            metrics.int(name, &[], 0);
        }
        metrics
    }

    /// Everything in Prometheus's text format; served as [`CONTENT_TYPE`].
    pub fn render(&self) -> String {
        if let Some(usage) = process::usage() {
            self.cpu.inc_by((usage.cpu_seconds - self.cpu.get()).max(0.0));
            self.int("process_resident_memory_bytes", &[], usage.resident_bytes);
            self.int("process_open_fds", &[], usage.open_fds);
        }
        TextEncoder::new().encode_to_string(&self.registry.gather()).unwrap_or_else(|error| format!("# {error}\n"))
    }

    /// An environment exists: its counters begin at 0, so that the first failure is seen as a rise.
    pub fn environment(&self, environment: &str) {
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        if known.contains_key(environment) || known.len() >= MAX_ENVIRONMENTS {
            return;
        }
        known.insert(environment.to_string(), None);
        drop(known);
        for (name, label) in each_result() {
            self.counters[name].with_label_values(&[environment, label]);
        }
        self.counters["windlass_drift_repaired_total"].with_label_values(&[environment]);
        for name in ["windlass_drift_objects", "windlass_environment_ready", "windlass_environment_suspended", "windlass_environment_condemned"] {
            self.int(name, &[environment], 0);
        }
        for name in ["windlass_lead_time_seconds", "windlass_restore_duration_seconds"] {
            self.histograms[name].with_label_values(&[environment]);
        }
        self.int("windlass_environments", &[], self.known.lock().unwrap_or_else(PoisonError::into_inner).len() as i64);
    }

    /// An environment is gone, and with it every series that names it.
    pub fn forget(&self, environment: &str) {
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        let Some(live) = known.remove(environment) else { return };
        let left = known.len() as i64;
        drop(known);
        for (name, label) in each_result() {
            let _ = self.counters[name].remove_label_values(&[environment, label]);
        }
        for def in TABLE.iter().filter(|def| def.labels == ["environment"]) {
            let one = &[environment];
            let _ = self.counters.get(def.name).map(|vec| vec.remove_label_values(one));
            let _ = self.gauges.get(def.name).map(|vec| vec.remove_label_values(one));
            let _ = self.ints.get(def.name).map(|vec| vec.remove_label_values(one));
            let _ = self.histograms.get(def.name).map(|vec| vec.remove_label_values(one));
        }
        if let Some(live) = live {
            let _ = self.ints["windlass_environment_info"].remove_label_values(&live.labels(environment));
        }
        self.int("windlass_environments", &[], left);
    }

    /// A sync ended.
    pub fn sync(&self, environment: &str, result: SyncResult, took: Duration) {
        let environment = self.label(environment);
        self.count("windlass_sync_total", &[&environment, result.label()], 1);
        self.observe("windlass_sync_duration_seconds", &[result.label()], took);
        if matches!(result, SyncResult::Succeeded | SyncResult::Unchanged) {
            self.gauge("windlass_last_success_timestamp_seconds", &[&environment], unix(SystemTime::now()));
        }
    }

    /// A stage of a sync ended.
    pub fn stage(&self, stage: Stage, took: Duration) {
        self.observe("windlass_stage_duration_seconds", &[stage.label()], took);
    }

    /// A chart was rendered.
    pub fn render_took(&self, took: Duration) {
        self.observe("windlass_render_duration_seconds", &[], took);
    }

    /// What is live now. The series of what was live before goes.
    pub fn live(&self, environment: &str, live: &Live) {
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        let Some(slot) = known.get_mut(environment) else { return };
        if slot.as_ref() == Some(live) {
            return;
        }
        if let Some(old) = slot.replace(live.clone()) {
            let _ = self.ints["windlass_environment_info"].remove_label_values(&old.labels(environment));
        }
        self.int("windlass_environment_info", &live.labels(environment), 1);
    }

    /// The environment's conditions: Ready, suspended or held, head condemned.
    pub fn conditions(&self, environment: &str, ready: bool, suspended: bool, condemned: bool) {
        let environment = self.label(environment);
        self.int("windlass_environment_ready", &[&environment], i64::from(ready));
        self.int("windlass_environment_suspended", &[&environment], i64::from(suspended));
        self.int("windlass_environment_condemned", &[&environment], i64::from(condemned));
    }

    /// Objects that differ from the release now.
    pub fn drift(&self, environment: &str, objects: usize) {
        self.int("windlass_drift_objects", &[&self.label(environment)], objects as i64);
    }

    /// Objects that were put back.
    pub fn repaired(&self, environment: &str, objects: usize) {
        self.count("windlass_drift_repaired_total", &[&self.label(environment)], objects as u64);
    }

    /// A test ended.
    pub fn test(&self, environment: &str, result: TestResult) {
        self.count("windlass_test_runs_total", &[&self.label(environment), result.label()], 1);
    }

    /// A rollback ended.
    pub fn rollback(&self, environment: &str, outcome: Outcome) {
        self.count("windlass_rollbacks_total", &[&self.label(environment), outcome.label()], 1);
    }

    /// A new revision was deployed, and good or not. `committed` is the commit's time, for the lead time of a good one.
    pub fn deploy(&self, environment: &str, outcome: Outcome, committed: Option<SystemTime>) {
        let environment = self.label(environment);
        self.count("windlass_deploys_total", &[&environment, outcome.label()], 1);
        if let (Outcome::Succeeded, Some(time)) = (outcome, committed) {
            // A committer's clock may run ahead.
            let took = SystemTime::now().duration_since(time).unwrap_or_default();
            self.observe("windlass_lead_time_seconds", &[&environment], took);
        }
    }

    /// An environment is good again, this long after it failed.
    pub fn restored(&self, environment: &str, took: Duration) {
        self.observe("windlass_restore_duration_seconds", &[&self.label(environment)], took);
    }

    /// A conversation with a git server ended; `failure` is [`crate::sources::SourceError::reason`].
    pub fn git(&self, operation: GitOperation, failure: Option<&'static str>, took: Duration) {
        self.count("windlass_git_requests_total", &[operation.label(), failure.unwrap_or("ok")], 1);
        self.observe("windlass_git_request_duration_seconds", &[operation.label()], took);
    }

    /// A request to the API server ended; no code when there was no answer. Watches have no duration.
    pub fn api(&self, verb: &str, code: Option<u16>, took: Option<Duration>) {
        const VERBS: &[&str] = &["get", "list", "watch", "create", "update", "patch", "apply", "delete", "deletecollection"];
        let verb = VERBS.iter().find(|known| **known == verb).copied().unwrap_or(OTHER);
        let code = code.filter(|code| (100..600).contains(code)).unwrap_or(0).to_string();
        self.count("windlass_api_requests_total", &[verb, &code], 1);
        if let Some(took) = took {
            self.observe("windlass_api_request_duration_seconds", &[verb], took);
        }
    }

    /// A Receiver was called.
    pub fn webhook(&self, driver: &str, result: &str) {
        self.count("windlass_webhooks_total", &[driver, result], 1);
    }

    /// Environments that are due and wait.
    pub fn queue_depth(&self, depth: usize) {
        self.int("windlass_queue_depth", &[], depth as i64);
    }

    /// Whether this agent leads.
    pub fn leader(&self, leads: bool) {
        self.int("windlass_leader", &[], i64::from(leads));
    }

    fn add(&self, collector: impl Collector + 'static) {
        self.registry.register(Box::new(collector)).expect("the table names each metric once");
    }

    /// The label of an environment: its own once it is known, else the shared one.
    fn label(&self, environment: &str) -> String {
        self.environment(environment);
        let known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        let label = if known.contains_key(environment) { environment } else { OTHER };
        label.to_string()
    }

    fn count(&self, name: &str, labels: &[&str], by: u64) {
        self.counters[name].with_label_values(labels).inc_by(by);
    }

    fn int(&self, name: &str, labels: &[&str], value: i64) {
        self.ints[name].with_label_values(labels).set(value);
    }

    fn gauge(&self, name: &str, labels: &[&str], value: f64) {
        self.gauges[name].with_label_values(labels).set(value);
    }

    fn observe(&self, name: &str, labels: &[&str], took: Duration) {
        self.histograms[name].with_label_values(labels).observe(took.as_secs_f64());
    }
}

impl Live {
    fn labels<'a>(&'a self, environment: &'a str) -> [&'a str; 5] {
        [environment, &self.branch, &self.revision, &self.release, &self.chart]
    }
}

/// Every counter with the labels `environment` and `result`, with each of its results.
fn each_result() -> impl Iterator<Item = (&'static str, &'static str)> {
    let sync = SyncResult::ALL.iter().map(|r| ("windlass_sync_total", r.label()));
    let tests = TestResult::ALL.iter().map(|r| ("windlass_test_runs_total", r.label()));
    let both = ["windlass_rollbacks_total", "windlass_deploys_total"];
    sync.chain(tests).chain(both.into_iter().flat_map(|name| Outcome::ALL.iter().map(move |o| (name, o.label()))))
}

fn table_help(name: &str) -> &'static str {
    TABLE.iter().find(|def| def.name == name).map_or("", |def| def.help)
}

fn unix(time: SystemTime) -> f64 {
    time.duration_since(UNIX_EPOCH).unwrap_or_default().as_secs_f64()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn filled() -> Metrics {
        let metrics = Metrics::new("1.0.0", "abc");
        for environment in ["team/shop", "team/mail"] {
            metrics.sync(environment, SyncResult::Succeeded, Duration::from_secs(3));
            metrics.deploy(environment, Outcome::Succeeded, Some(UNIX_EPOCH));
            metrics.test(environment, TestResult::Failed);
            metrics.restored(environment, Duration::from_secs(60));
            metrics.drift(environment, 2);
            metrics.live(environment, &live("r1"));
        }
        metrics
    }

    fn live(revision: &str) -> Live {
        Live { branch: "main".into(), revision: revision.into(), release: "shop.v1".into(), chart: "shop-1.0.0".into() }
    }

    #[test]
    fn a_deleted_environment_leaves_no_series() {
        let metrics = filled();
        assert!(metrics.render().contains("windlass_environments 2"));
        metrics.forget("team/shop");
        let text = metrics.render();
        assert!(!text.contains("team/shop"), "{text}");
        assert!(text.contains("team/mail") && text.contains("windlass_environments 1"));
    }

    #[test]
    fn an_environment_has_one_revision() {
        let metrics = filled();
        metrics.live("team/shop", &live("r2"));
        let text = metrics.render();
        let lines: Vec<&str> = text.lines().filter(|l| l.starts_with("windlass_environment_info") && l.contains("shop\"")).collect();
        assert_eq!(lines.iter().filter(|l| l.contains("team/shop")).count(), 1, "{lines:?}");
        assert!(text.contains("revision=\"r2\""));
    }

    #[test]
    fn strange_labels_do_not_multiply() {
        let metrics = Metrics::new("1", "a");
        for n in 0..200 {
            metrics.api(&format!("verb{n}"), Some(1000 + n), None);
        }
        let text = metrics.render();
        let lines = text.lines().filter(|line| line.starts_with("windlass_api_requests_total")).count();
        assert_eq!(lines, 1, "{text}");
        for n in 0..MAX_ENVIRONMENTS + 50 {
            metrics.drift(&format!("n/e{n}"), 1);
        }
        let text = metrics.render();
        let lines = text.lines().filter(|line| line.starts_with("windlass_drift_objects{")).count();
        assert_eq!(lines, MAX_ENVIRONMENTS + 1);
    }

    #[test]
    fn counters_begin_at_zero() {
        let metrics = Metrics::new("1", "a");
        metrics.environment("team/shop");
        let text = metrics.render();
        for line in ["windlass_sync_total{environment=\"team/shop\",result=\"failed\"} 0", "windlass_lead_time_seconds_count{environment=\"team/shop\"} 0"] {
            assert!(text.contains(line), "{text}");
        }
    }

    #[test]
    fn the_reference_page_is_current() {
        let path = concat!(env!("CARGO_MANIFEST_DIR"), "/docs/reference/metrics.md");
        if std::env::var_os("WINDLASS_BLESS").is_some() {
            std::fs::write(path, table::reference()).unwrap();
        }
        assert_eq!(std::fs::read_to_string(path).unwrap_or_default(), table::reference(), "run with WINDLASS_BLESS=1");
    }
}
