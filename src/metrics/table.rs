//! Every metric, once: the registry, the reference page and the tests of dashboard and alerts come from this table.

/// What a metric is to Prometheus.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Kind {
    /// Only rises.
    Counter,
    /// Rises and falls.
    Gauge,
    /// Counts in buckets, with these upper bounds in seconds.
    Histogram(&'static [f64]),
}

/// One metric.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Def {
    /// Its name, unit included.
    pub name: &'static str,
    /// Its kind.
    pub kind: Kind,
    /// Its labels, in the order in which values are given.
    pub labels: &'static [&'static str],
    /// One sentence, as `# HELP` shows it.
    pub help: &'static str,
}

/// Calls: milliseconds to the longest git fetch.
const CALLS: &[f64] = &[0.005, 0.02, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 120.0, 600.0];
/// In-process work: microseconds to seconds.
const WORK: &[f64] = &[0.0005, 0.002, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 5.0];
/// Syncs: seconds to an hour.
const SYNCS: &[f64] = &[0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0, 120.0, 300.0, 600.0, 1800.0, 3600.0];
/// What people do: a minute to a month.
const HUMAN: &[f64] =
    &[30.0, 60.0, 300.0, 900.0, 1800.0, 3600.0, 14_400.0, 43_200.0, 86_400.0, 172_800.0, 604_800.0, 2_592_000.0];

const ENV: &[&str] = &["environment"];
const ENV_RESULT: &[&str] = &["environment", "result"];

const fn counter(name: &'static str, labels: &'static [&'static str], help: &'static str) -> Def {
    Def { name, kind: Kind::Counter, labels, help }
}

const fn gauge(name: &'static str, labels: &'static [&'static str], help: &'static str) -> Def {
    Def { name, kind: Kind::Gauge, labels, help }
}

const fn histogram(name: &'static str, buckets: &'static [f64], labels: &'static [&'static str], help: &'static str) -> Def {
    Def { name, kind: Kind::Histogram(buckets), labels, help }
}

/// All metrics, in the order of the reference page.
pub const TABLE: &[Def] = &[
    counter("windlass_sync_total", ENV_RESULT, "Syncs that ended, by result: succeeded, unchanged, failed, rolled_back."),
    histogram("windlass_sync_duration_seconds", SYNCS, &["result"], "Time from the start of a sync to its end."),
    histogram("windlass_stage_duration_seconds", SYNCS, &["stage"], "Time of one stage of a sync: source, plan, apply, health, tests, rollback."),
    histogram("windlass_render_duration_seconds", WORK, &[], "Time to render a chart."),
    gauge("windlass_environments", &[], "Environments that this agent drives."),
    gauge("windlass_environment_info", &["environment", "branch", "revision", "release", "chart"], "Always 1: the revision and release that are live in an environment."),
    gauge("windlass_environment_ready", ENV, "1 when the environment's condition Ready is true, else 0."),
    gauge("windlass_environment_suspended", ENV, "1 when the environment is suspended or held by hand, else 0."),
    gauge("windlass_environment_condemned", ENV, "1 while the branch's head is a revision that failed and was rolled back, else 0."),
    gauge("windlass_last_success_timestamp_seconds", ENV, "Unix time of the last sync that succeeded or found nothing to change."),
    gauge("windlass_drift_objects", ENV, "Objects that differ from the release at the last look."),
    counter("windlass_drift_repaired_total", ENV, "Objects that were put back after a change by others."),
    counter("windlass_test_runs_total", ENV_RESULT, "Test Jobs and Pods that ended, by result: passed, failed."),
    counter("windlass_rollbacks_total", ENV_RESULT, "Rollbacks, by result: succeeded, failed."),
    counter("windlass_deploys_total", ENV_RESULT, "New revisions that were deployed, by result: succeeded, failed. DORA's deployment frequency and change failure rate."),
    histogram("windlass_lead_time_seconds", HUMAN, ENV, "Time from a commit to its being live and tested. DORA's lead time for changes."),
    histogram("windlass_restore_duration_seconds", HUMAN, ENV, "Time from a failure in an environment until it was good again. DORA's time to restore."),
    counter("windlass_git_requests_total", &["operation", "result"], "Conversations with git servers, by operation (head, fetch) and result (ok or the reason of the failure)."),
    histogram("windlass_git_request_duration_seconds", CALLS, &["operation"], "Time of a conversation with a git server."),
    counter("windlass_api_requests_total", &["verb", "code"], "Requests to the Kubernetes API server, by verb and HTTP status (0 when there was no answer)."),
    histogram("windlass_api_request_duration_seconds", CALLS, &["verb"], "Time of a request to the Kubernetes API server, without watches."),
    counter("windlass_webhooks_total", &["driver", "result"], "Calls of Receivers, by driver and result: accepted, ignored, repeated, forged, refused, busy, unknown."),
    gauge("windlass_queue_depth", &[], "Environments that are due and wait for a worker."),
    gauge("windlass_leader", &[], "1 while this agent holds the lease, else 0."),
    gauge("windlass_build_info", &["version", "revision"], "Always 1: the agent's version and the commit it was built from."),
    counter("process_cpu_seconds_total", &[], "CPU time that the agent took, user and system."),
    gauge("process_resident_memory_bytes", &[], "Memory that the agent holds."),
    gauge("process_open_fds", &[], "Files and sockets that the agent has open."),
    gauge("process_start_time_seconds", &[], "Unix time at which the agent started."),
];

/// The reference page, in Markdown.
pub fn reference() -> String {
    let mut page = String::from(
        "# Metrics\n\n\
         Made from the table in `src/metrics/table.rs`; a test keeps it current (`WINDLASS_BLESS=1 cargo test metrics` writes it).\n\n\
         `environment` is `NAMESPACE/NAME`: a label of its own would clash with the `namespace` that Prometheus gives its targets.\n\
         The series of a deleted environment vanish with it. At most 5,000 environments have series of their own; what goes beyond\n\
         is counted under `environment=\"other\"`.\n\n\
         | metric | type | labels | what it says |\n|---|---|---|---|\n",
    );
    for def in TABLE {
        let kind = match def.kind {
            Kind::Counter => "counter",
            Kind::Gauge => "gauge",
            Kind::Histogram(_) => "histogram",
        };
        let labels = def.labels.iter().map(|label| format!("`{label}`")).collect::<Vec<_>>().join(" ");
        page.push_str(&format!("| `{}` | {kind} | {labels} | {} |\n", def.name, def.help));
    }
    page
}
