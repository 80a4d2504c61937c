//! Taking over what runs already, and leaving it behind: no Pod is restarted, no field is left in conflict.

use crate::{SOON, fixture::{Fixture, Repository, condition, environment, ready}};
use serde_json::{Value, json};

/// The charts that are tried each way: a Deployment, one with an autoscaler and accounts, a StatefulSet with claims.
const CHARTS: &[(&str, &str)] = &[("shop", "tests/cases/shop"), ("web", "tests/cases/life/web"), ("store", "tests/cases/life/store")];

fn volume(f: &Fixture, name: &str) {
    f.create(&json!({
        "apiVersion": "v1", "kind": "PersistentVolume", "metadata": {"name": format!("volume-{name}")},
        "spec": {"capacity": {"storage": "1Gi"}, "accessModes": ["ReadWriteOnce"], "storageClassName": "", "hostPath": {"path": "/tmp/none"},
            "claimRef": {"namespace": name, "name": format!("data-{name}-0")}},
    }));
}

fn pods(f: &Fixture) -> Vec<String> {
    let text = f.kubectl(&["get", "pods", "-l", "!batch.kubernetes.io/job-name", "-o", r"jsonpath={range .items[*]}{.metadata.uid}{'\n'}{end}"]);
    let mut pods: Vec<String> = text.lines().filter(|line| !line.is_empty()).map(str::to_owned).collect();
    pods.sort();
    pods
}

/// Every object of the release, by helm's own manifest.
fn objects(f: &Fixture, name: &str) -> Vec<Value> {
    let manifest = f.helm(&["get", "manifest", name]);
    let found = windlass::object::split_documents(&manifest).expect("helm prints objects");
    found.iter().map(|object| f.get_json(&format!("{}/{}", object.reference.gvk.kind.to_lowercase(), object.reference.name))).collect()
}

/// No field is managed by what an earlier tool left; ours is helm's, by server-side apply.
fn assert_managed(object: &Value) {
    let entries = object["metadata"]["managedFields"].as_array().cloned().unwrap_or_default();
    let name = format!("{} {}", object["kind"], object["metadata"]["name"]);
    let mut ours = 0;
    for entry in entries.iter().filter(|entry| entry["subresource"].is_null()) {
        let (manager, operation) = (entry["manager"].as_str().unwrap_or(""), entry["operation"].as_str().unwrap_or(""));
        assert!(!manager.starts_with("kubectl"), "{name}: {entry}");
        assert!(manager != "helm" || operation == "Apply", "{name}: {entry}");
        ours += usize::from(manager == "helm");
    }
    assert_eq!(ours, 1, "{name}: {entries:#?}");
}

fn rollout(f: &Fixture, name: &str) {
    f.until(SOON, "the workload is ready", || {
        let all = f.kubectl(&["get", "deployment,statefulset", "-o", "json"]);
        let all: Value = serde_json::from_str(&all).unwrap_or_default();
        let items = all["items"].as_array().cloned().unwrap_or_default();
        // The autoscaler raises a Deployment without replicas to its minimum first.
        let wanted = |object: &Value| if name.starts_with("web") { json!(2) } else { object["spec"]["replicas"].clone() };
        !items.is_empty() && items.iter().all(|object| object["status"]["readyReplicas"] == wanted(object) && object["spec"]["replicas"] == wanted(object))
    });
}

/// Takes a running release over and checks that its Pods stayed; then changes it by a commit.
fn taken_over(f: &Fixture, repo: &Repository, name: &str, number: u64) {
    let before = pods(f);
    assert!(!before.is_empty());
    f.create(&environment(name, repo, ""));
    if number == 1 {
        // Nobody's objects are taken only where somebody asks for it, and the plan can be looked at first.
        let env = f.wait(name, SOON, |env| ready(env, "False", "OwnedByAnother"));
        let message = condition(&env, "Ready")["message"].as_str().unwrap_or("").to_owned();
        assert!(message.contains(&format!("windlass adopt {name}")), "{message}");
        let (code, text) = f.windlass_ends(&["adopt", name, "--dry-run"]);
        assert_eq!(code, Some(0), "{text}");
        assert!(text.contains("no release owns it: it is taken over as it is"), "{text}");
        assert_eq!(f.helm(&["list", "-q"]).trim(), "", "a dry run takes nothing");
        f.windlass(&["adopt", name, "--no-wait"]);
    }
    f.wait(name, SOON, |env| ready(env, "True", "InSync") && env["status"]["release"]["number"] == number);
    assert_eq!(pods(f), before, "no Pod was restarted");
    for object in objects(f, name) {
        assert_managed(&object);
        assert_eq!(object["metadata"]["annotations"]["windlass.dev/environment"], format!("{name}/{name}"), "{object:#}");
        assert!(object["metadata"]["annotations"]["kubectl.kubernetes.io/last-applied-configuration"].is_null(), "{object:#}");
    }
    repo.push("values.yaml", |text| text.replace("hello", "second"));
    f.wait(name, SOON, |env| ready(env, "True", "InSync") && env["status"]["release"]["number"] == number + 1);
    objects(f, name).iter().for_each(assert_managed);
}

fn adopt_from(tool: &str, short: &str) {
    for (chart, folder) in CHARTS {
        let name = format!("{chart}-{short}");
        let f = Fixture::get(&name);
        let repo = Repository::of(&name, folder);
        volume(&f, &name);
        let path = repo.chart().display().to_string();
        match tool {
            "kubectl" => {
                let manifest = f.helm(&["template", &name, &path, "--skip-tests"]);
                let file = repo.chart().with_file_name("manifest.yaml");
                std::fs::write(&file, manifest).expect("a file");
                f.kubectl(&["apply", "-f", &file.display().to_string()]);
            }
            tool => drop(f.helm_of(tool, &["install", &name, &path])),
        }
        rollout(&f, &name);
        taken_over(&f, &repo, &name, if tool == "kubectl" { 1 } else { 2 });
    }
}

#[test]
fn what_helm_4_made_is_taken_over() {
    adopt_from("helm", "h4");
}

#[test]
fn what_helm_3_made_is_taken_over() {
    adopt_from("helm3", "h3");
}

#[test]
fn what_kubectl_applied_is_taken_over_when_asked() {
    adopt_from("kubectl", "ctl");
}

/// A release that is let go: nothing of windlass is left on it, and helm goes on with it.
fn orphan(tool: &str, short: &str) {
    for (chart, folder) in CHARTS {
        let name = format!("{chart}-o{short}");
        let f = Fixture::get(&name);
        let repo = Repository::of(&name, folder);
        volume(&f, &name);
        f.create(&environment(&name, &repo, "deletionPolicy: Orphan"));
        f.wait(&name, SOON, |env| ready(env, "True", "InSync"));
        rollout(&f, &name);
        let before = pods(&f);
        f.kubectl(&["delete", "environment", &name, "--timeout=60s"]);
        assert_eq!(pods(&f), before, "no Pod was restarted");
        for object in objects(&f, &name) {
            assert!(object["metadata"]["annotations"]["windlass.dev/environment"].is_null(), "{object:#}");
            assert_managed(&object);
        }
        let record = f.get_json(&format!("secret/sh.helm.release.v1.{name}.v1"));
        assert!(record["metadata"]["annotations"].as_object().is_none_or(serde_json::Map::is_empty), "{record:#}");
        assert_eq!(f.kubectl(&["get", "configmap", &format!("windlass.{name}"), "-o", "name", "--ignore-not-found"]).trim(), "");
        let path = repo.chart().display().to_string();
        f.helm_of(tool, &["upgrade", &name, &path, "--set", "message=by-helm"]);
        let config = objects(&f, &name).into_iter().find(|o| o["metadata"]["name"] == format!("{name}-config")).expect("every chart has one");
        assert!(config["data"]["message"] == "by-helm" || config["data"]["message"] == "YnktaGVsbQ==", "{config:#}");
        f.helm_of(tool, &["uninstall", &name]);
        assert_eq!(f.kubectl(&["get", "deployment,statefulset,service", "-o", "name"]).trim(), "");
    }
}

#[test]
fn helm_4_goes_on_with_what_was_left_to_it() {
    orphan("helm", "4");
}

#[test]
fn helm_3_goes_on_with_what_was_left_to_it() {
    orphan("helm3", "3");
}

/// Public charts, where they are at hand: taken over from each tool in turn, then left to helm again.
const CORPUS: &[&str] = &[
    "cowboysysop+charts/whoami",
    "cowboysysop+charts/kroki",
    "cowboysysop+charts/quickchart",
    "cowboysysop+charts/lighthouse-ci",
    "cowboysysop+charts/kubeview",
    "FairwindsOps+charts/goldilocks",
    "FairwindsOps+charts/polaris",
    "prometheus-community+helm-charts/prometheus-blackbox-exporter",
    "prometheus-community+helm-charts/prometheus-json-exporter",
    "prometheus-community+helm-charts/prometheus-kafka-exporter",
];

#[test]
fn ten_public_charts_are_taken_over_and_left_again() {
    let archive = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../shared/corpus/charts.tar.zst");
    if !archive.exists() {
        println!("{} is not there: nothing to try", archive.display());
        return;
    }
    let folder = tempfile::tempdir().expect("a folder");
    let mut tar = std::process::Command::new("tar");
    let status = tar.arg("--zstd").arg("-xf").arg(&archive).arg("-C").arg(folder.path()).status().expect("tar runs");
    assert!(status.success(), "tar: {status}");
    for (at, chart) in CORPUS.iter().enumerate() {
        let tool = ["helm", "helm3", "kubectl"][at % 3];
        let name = format!("c{at}-{}", chart.rsplit('/').next().expect("a name").trim_start_matches("prometheus-"));
        println!("{chart}: taken over from {tool}");
        let f = Fixture::get(&name);
        let repo = Repository::of(&name, &folder.path().join("charts").join(chart).display().to_string());
        let path = repo.chart().display().to_string();
        match tool {
            "kubectl" => {
                let file = repo.chart().with_file_name("manifest.yaml");
                std::fs::write(&file, f.helm(&["template", &name, &path, "--skip-tests"])).expect("a file");
                f.kubectl(&["apply", "-f", &file.display().to_string()]);
            }
            tool => drop(f.helm_of(tool, &["install", &name, &path])),
        }
        rollout(&f, &name);
        let before = pods(&f);
        f.create(&environment(&name, &repo, "{deletionPolicy: Orphan, tests: {enabled: false}}"));
        if tool == "kubectl" {
            f.wait(&name, SOON, |env| ready(env, "False", "OwnedByAnother"));
            f.windlass(&["adopt", &name, "--no-wait"]);
        }
        f.wait(&name, SOON, |env| ready(env, "True", "InSync"));
        assert_eq!(pods(&f), before, "{chart}: no Pod was restarted");
        objects(&f, &name).iter().for_each(assert_managed);
        f.kubectl(&["delete", "environment", &name, "--timeout=60s"]);
        for object in objects(&f, &name) {
            assert!(object["metadata"]["annotations"]["windlass.dev/environment"].is_null(), "{object:#}");
        }
        f.helm_of(if at % 2 == 0 { "helm" } else { "helm3" }, &["upgrade", &name, &path]);
        assert_eq!(pods(&f), before, "{chart}: nor by helm's next upgrade");
        f.helm(&["uninstall", &name]);
    }
}
