//! Dashboard and alerts against a real Prometheus (Debian's package), which scrapes our port.

use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use serde_json::Value;
use tempfile::TempDir;
use windlass::metrics::table::{Kind, TABLE};
use windlass::metrics::{GitOperation, Live, Metrics, Outcome, Stage, SyncResult, TestResult};
use windlass::web::{Probes, Web, router, serve};

use crate::free_port;

fn file(path: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(path)
}

fn promtool(args: &[&str], dir: &Path, stdin: &str) -> (bool, String) {
    use std::io::Write;
    let mut child = Command::new("promtool")
        .args(args)
        .current_dir(dir)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("Debian's package prometheus must be installed");
    child.stdin.take().unwrap().write_all(stdin.as_bytes()).unwrap();
    let output = child.wait_with_output().unwrap();
    let text = String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr);
    (output.status.success(), text)
}

/// What an agent with two environments has seen after a while; each call is a while more.
fn record(metrics: &Metrics) {
    let long_ago = SystemTime::now() - Duration::from_secs(4000);
    for environment in ["team/shop", "team/mail"] {
        for result in SyncResult::ALL {
            metrics.sync(environment, *result, Duration::from_millis(1200));
        }
        for outcome in Outcome::ALL {
            metrics.deploy(environment, *outcome, Some(long_ago));
            metrics.rollback(environment, *outcome);
        }
        for result in TestResult::ALL {
            metrics.test(environment, *result);
        }
        let text = |s: &str| s.to_string();
        let live = Live { branch: text("main"), revision: text("4f2a9c1"), release: text("shop.v7"), chart: text("shop-1.2.0") };
        metrics.live(environment, &live);
        metrics.conditions(environment, true, false, false);
        metrics.drift(environment, 1);
        metrics.repaired(environment, 1);
        metrics.restored(environment, Duration::from_secs(90));
    }
    for stage in Stage::ALL {
        metrics.stage(*stage, Duration::from_millis(300));
    }
    for operation in GitOperation::ALL {
        metrics.git(*operation, None, Duration::from_millis(40));
        metrics.git(*operation, Some("GitUnreachable"), Duration::from_secs(3));
    }
    metrics.render_took(Duration::from_millis(4));
    metrics.api("apply", Some(200), Some(Duration::from_millis(12)));
    metrics.api("get", Some(503), Some(Duration::from_millis(12)));
    metrics.api("watch", None, None);
    metrics.webhook("github", "accepted");
    metrics.queue_depth(2);
    metrics.leader(true);
}

#[test]
fn the_metrics_follow_prometheus_conventions() {
    let metrics = Metrics::new("1.0.0", "abc");
    record(&metrics);
    let (ok, text) = promtool(&["check", "metrics"], Path::new("/"), &metrics.render());
    assert!(ok && text.trim().is_empty(), "{text}");
    for def in TABLE {
        let shown = match def.kind {
            Kind::Histogram(_) => format!("\n{}_count", def.name),
            _ => format!("\n{}", def.name),
        };
        assert!(metrics.render().contains(&shown), "{} was recorded nowhere", def.name);
    }
}

#[test]
fn the_rules_are_valid_and_every_alert_can_fire() {
    let dir = TempDir::new().unwrap();
    let rules = std::fs::read_to_string(file("manifests/alerts.yaml")).unwrap();
    let cases = std::fs::read_to_string(file("tests/cases/metrics/alerts.test.yaml")).unwrap();
    std::fs::write(dir.path().join("alerts.yaml"), &rules).unwrap();
    std::fs::write(dir.path().join("alerts.test.yaml"), &cases).unwrap();
    let (ok, text) = promtool(&["check", "rules", "alerts.yaml"], dir.path(), "");
    assert!(ok, "{text}");
    let (ok, text) = promtool(&["test", "rules", "alerts.test.yaml"], dir.path(), "");
    assert!(ok, "{text}");
    for name in rules.lines().filter_map(|line| line.trim().strip_prefix("- alert: ")) {
        let fires = format!("alertname: {name}\n        exp_alerts:\n          - exp_labels");
        assert!(cases.contains(&fires), "no case shows {name} firing");
        assert!(cases.contains(&format!("alertname: {name}, exp_alerts: []")), "no case shows {name} silent");
    }
    let operator = std::fs::read_to_string(file("manifests/prometheusrule.yaml")).unwrap();
    let groups = |text: &str| text[text.find("groups:").unwrap()..].lines().map(str::trim).collect::<Vec<_>>().join("\n");
    assert_eq!(groups(&operator), groups(&rules), "manifests/prometheusrule.yaml differs from alerts.yaml");
}

struct Prometheus {
    child: Child,
    port: u16,
    _dir: TempDir,
}

impl Drop for Prometheus {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Prometheus {
    fn start(target: u16) -> Self {
        let dir = TempDir::new().unwrap();
        std::fs::copy(file("manifests/alerts.yaml"), dir.path().join("alerts.yaml")).unwrap();
        let config = format!(
            "global: {{scrape_interval: 1s, evaluation_interval: 1s}}\nrule_files: [alerts.yaml]\n\
             scrape_configs:\n- job_name: windlass\n  static_configs: [{{targets: ['127.0.0.1:{target}']}}]\n"
        );
        std::fs::write(dir.path().join("prometheus.yml"), config).unwrap();
        let port = free_port();
        let child = Command::new("prometheus")
            .args(["--config.file=prometheus.yml", "--storage.tsdb.path=data", "--log.level=error"])
            .arg(format!("--web.listen-address=127.0.0.1:{port}"))
            .current_dir(dir.path())
            .spawn()
            .expect("Debian's package prometheus must be installed");
        Self { child, port, _dir: dir }
    }

    async fn get(&self, path: &str, query: &[(&str, &str)]) -> Option<Value> {
        let url = format!("http://127.0.0.1:{}/api/v1/{path}", self.port);
        let text: Vec<String> = query.iter().map(|(k, v)| format!("{k}={}", encode(v))).collect();
        let answer = fetch(format!("{url}?{}", text.join("&"))).await.ok()?;
        Some(serde_json::from_str::<Value>(&answer.text().await.ok()?).ok()?["data"].clone())
    }

    async fn query(&self, expression: &str) -> Vec<Value> {
        let data = self.get("query", &[("query", expression)]).await.unwrap();
        data["result"].as_array().cloned().unwrap_or_else(|| panic!("{expression}: {data}"))
    }
}

/// Without TLS; reqwest wants a provider for it all the same. A second installation says so and changes nothing.
async fn fetch(url: impl reqwest::IntoUrl) -> reqwest::Result<reqwest::Response> {
    let _ = rustls::crypto::ring::default_provider().install_default();
    reqwest::get(url).await
}

fn encode(text: &str) -> String {
    text.bytes().map(|byte| format!("%{byte:02X}")).collect()
}

/// Every expression of the dashboard with Grafana's variables as Grafana fills them in.
fn expressions() -> Vec<String> {
    let text = std::fs::read_to_string(file("manifests/grafana/windlass.json")).unwrap();
    let dashboard: Value = serde_json::from_str(&text).unwrap();
    let targets = dashboard["panels"].as_array().unwrap().iter().flat_map(|panel| panel["targets"].as_array().cloned().unwrap_or_default());
    let marks = dashboard["annotations"]["list"].as_array().cloned().unwrap();
    let all: Vec<String> = targets.chain(marks).map(|target| target["expr"].as_str().unwrap().to_string()).collect();
    assert!(all.len() > 30, "{}", all.len());
    all.iter().map(|e| filled(e)).collect()
}

fn filled(expression: &str) -> String {
    let filled = expression.replace("$__range_s", "3600").replace("$__range", "1h");
    let filled = filled.replace("$__rate_interval", "1m").replace("$environment", ".*");
    assert!(!filled.contains('$'), "{filled} has a variable that is not known here");
    filled
}

#[tokio::test]
async fn every_panel_and_alert_has_data_in_a_real_prometheus() {
    let metrics = Arc::new(Metrics::new("1.0.0", "abc"));
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let web = Web { metrics: metrics.clone(), probes: Probes::default(), hooks: crate::webhooks::hooks(metrics.clone()) };
    tokio::spawn(serve(listener, web, std::future::pending()));
    for environment in ["team/shop", "team/mail"] {
        metrics.environment(environment);
    }
    let prometheus = Prometheus::start(port);
    let scraped = async |expression: &str| {
        for _ in 0..240 {
            if let Some(data) = prometheus.get("query", &[("query", expression)]).await
                && data["result"].as_array().is_some_and(|found| !found.is_empty())
            {
                return;
            }
            tokio::time::sleep(Duration::from_millis(250)).await;
        }
        panic!("Prometheus never had {expression}");
    };
    scraped("windlass_sync_total == 0").await;
    for count in 1..=3 {
        record(&metrics);
        scraped(&format!("windlass_render_duration_seconds_count == {count}")).await;
    }
    scraped("rate(process_cpu_seconds_total[1m])").await;
    for expression in expressions() {
        let found = prometheus.query(&expression).await;
        assert!(!found.is_empty(), "{expression} returns nothing");
        assert!(found.iter().any(|sample| sample["value"][1] != "NaN"), "{expression} returns no number: {found:?}");
    }
    // The rules are loaded and evaluated without errors; what makes each fire is shown with promtool.
    scraped("ALERTS").await;
    let data = prometheus.get("rules", &[]).await.unwrap();
    let rules = data["groups"][0]["rules"].as_array().unwrap().clone();
    assert!(rules.len() >= 11);
    for rule in &rules {
        assert_eq!(rule["health"], "ok", "{rule}");
    }
    assert!(rules.iter().any(|rule| rule["state"] == "firing" && rule["name"] == "WindlassRollbackFailed"), "{rules:?}");
    for name in TABLE.iter().filter(|def| !matches!(def.kind, Kind::Histogram(_))).map(|def| def.name) {
        assert!(!prometheus.query(name).await.is_empty(), "{name} was not scraped");
    }
    // Every metric of ours is used somewhere or at least known: a name in dashboard or rules that nobody exports is a typing error.
    let used = std::fs::read_to_string(file("manifests/alerts.yaml")).unwrap() + &expressions().join("\n");
    for word in used.split(|c: char| !(c.is_ascii_alphanumeric() || c == '_')).filter(|word| word.starts_with("windlass_")) {
        let base = word.trim_end_matches("_bucket").trim_end_matches("_count").trim_end_matches("_sum");
        assert!(TABLE.iter().any(|def| def.name == word || def.name == base), "{word} is not exported");
    }
}

#[tokio::test]
async fn probes_say_why() {
    let probes = Probes::default();
    let metrics = Arc::new(Metrics::new("1", "a"));
    let web = Web { metrics: metrics.clone(), probes: probes.clone(), hooks: crate::webhooks::hooks(metrics) };
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    tokio::spawn(async move { axum::serve(listener, router(web)).await });
    let get = async |path: &str| {
        let answer = fetch(format!("http://127.0.0.1:{port}{path}")).await.unwrap();
        (answer.status().as_u16(), answer.text().await.unwrap())
    };
    assert_eq!(get("/healthz").await, (200, "ok\n".into()));
    assert_eq!(get("/readyz").await, (503, "starting\n".into()));
    probes.ready();
    assert_eq!(get("/readyz").await.0, 200);
    probes.unready("the API server is away");
    assert_eq!(get("/readyz").await, (503, "the API server is away\n".into()));
    probes.dead("the loop stands still");
    assert_eq!(get("/healthz").await, (503, "the loop stands still\n".into()));
    let answer = fetch(format!("http://127.0.0.1:{port}/metrics")).await.unwrap();
    assert_eq!(answer.headers()["content-type"], windlass::metrics::CONTENT_TYPE);
    assert_eq!(get("/other").await.0, 404);
}
