//! Charts from repositories: followed, published, promoted; plain manifests; dependencies. On the real registry and S3 server.

use super::fixture::{Fixture, Repository, condition, ready};
use serde_json::{Value, json};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;
use std::time::Duration;
use xtask::servers::{self, Server};
use xtask::sys::Supervisor;

#[allow(dead_code, clippy::unwrap_used)] // half of it is for other tests
#[path = "../it/charts_remote/server.rs"]
mod server;
use server::{Http, Rules};

const SOON: Duration = Duration::from_secs(90);

/// The servers that the tests share.
struct Places {
    supervisor: Supervisor,
    registry: Server,
    s3: Server,
}

fn places() -> &'static Places {
    static PLACES: OnceLock<Places> = OnceLock::new();
    PLACES.get_or_init(|| {
        let supervisor = Supervisor::new("windlass-charts").expect("a folder");
        let registry = servers::registry(&supervisor, "registry", None).expect("the registry starts");
        let s3 = servers::s3(&supervisor, "s3", "bucket").expect("the S3 server starts");
        Places { supervisor, registry, s3 }
    })
}

impl Places {
    fn oci(&self, path: &str) -> String {
        format!("oci://{}/{path}", self.registry.host())
    }

    fn bucket(&self, prefix: &str) -> String {
        format!("s3://bucket/{prefix}?endpoint=http://{}", self.s3.host())
    }

    fn folder(&self, name: &str) -> PathBuf {
        let folder = self.supervisor.dir().join(name);
        std::fs::create_dir_all(&folder).expect("a folder");
        folder
    }
}

fn helm(args: &[&str]) {
    let program = xtask::tools::tool("helm").expect("helm is built");
    let output = Command::new(program).args(args).output().expect("helm runs");
    assert!(output.status.success(), "helm {args:?}: {}", String::from_utf8_lossy(&output.stderr));
}

/// Packages the shop chart with a message of its own.
fn package(into: &Path, version: &str, message: &str) -> PathBuf {
    let work = into.join(format!("work-{version}-{message}"));
    let shop = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/cases/shop");
    super::fixture::copy(&shop, &{ std::fs::create_dir_all(&work).expect("a folder"); work.clone() });
    let values = std::fs::read_to_string(work.join("values.yaml")).expect("values");
    std::fs::write(work.join("values.yaml"), values.replace("hello", message)).expect("values");
    helm(&["package", &work.display().to_string(), "--version", version, "-d", &into.display().to_string()]);
    std::fs::remove_dir_all(&work).expect("the folder goes");
    into.join(format!("shop-{version}.tgz"))
}

fn environment(name: &str, source: Value, more: Value) -> Value {
    let mut env = json!({
        "apiVersion": "windlass.dev/v1alpha1", "kind": "Environment",
        "metadata": { "name": name, "namespace": name }, "spec": { "source": source },
    });
    for (key, value) in more.as_object().expect("a map") {
        env["spec"][key] = value.clone();
    }
    env
}

fn s3_secret(namespace: &str) -> Value {
    json!({
        "apiVersion": "v1", "kind": "Secret", "metadata": { "name": "bucket", "namespace": namespace },
        "stringData": { "accessKeyId": servers::S3_KEYS.0, "secretAccessKey": servers::S3_KEYS.1 },
    })
}

fn message(f: &Fixture, release: &str) -> String {
    f.field(&format!("configmap/{release}-config"), "{.data.message}")
}

#[test]
fn a_range_in_an_http_repository_is_followed_and_a_changed_archive_refused() {
    let f = Fixture::get("chart-http");
    let folder = places().folder("http");
    let index = || helm(&["repo", "index", &folder.display().to_string()]);
    package(&folder, "1.0.0", "one");
    index();
    let web = Http::start(&folder, Rules { authorization: Some("Bearer hush-token".into()) });
    f.create(&json!({ "apiVersion": "v1", "kind": "Secret", "metadata": { "name": "repo", "namespace": "chart-http" }, "stringData": { "bearerToken": "hush-token" } }));
    let chart = json!({ "repository": web.url(), "name": "shop", "version": "~1.0", "interval": "1s", "secretRef": { "name": "repo" } });
    f.create(&environment("chart-http", json!({ "chart": chart }), json!({})));
    let env = f.wait("chart-http", SOON, |env| ready(env, "True", "InSync"));
    assert_eq!(env["status"]["revision"], "shop-1.0.0");
    assert_eq!(message(&f, "chart-http"), "one");
    package(&folder, "1.0.1", "two");
    package(&folder, "1.1.0", "beyond");
    index();
    let env = f.wait("chart-http", SOON, |env| ready(env, "True", "InSync") && env["status"]["release"]["number"] == 2);
    assert_eq!((env["status"]["revision"].as_str(), message(&f, "chart-http").as_str()), (Some("shop-1.0.1"), "two"));
    assert!(env["status"]["source"]["commit"].as_str().is_some_and(|commit| commit.starts_with("shop-1.0.1@sha256:")));
    // The same version with other content.
    package(&folder, "1.0.1", "forged");
    index();
    let env = f.wait("chart-http", SOON, |env| condition(env, "Stalled")["reason"] == "ChartDigestMismatch");
    let text = condition(&env, "Stalled")["message"].as_str().unwrap_or_default().to_owned();
    assert!(text.contains("shop-1.0.1") && text.contains("release 2") && !text.contains("hush"), "{text}");
    assert_eq!(message(&f, "chart-http"), "two", "the release stays");
    package(&folder, "1.0.2", "three");
    index();
    f.wait("chart-http", SOON, |env| ready(env, "True", "InSync") && env["status"]["revision"] == "shop-1.0.2");
}

#[test]
fn a_verified_chart_goes_to_a_registry_and_another_environment_follows_it() {
    let (f, repo) = (Fixture::get("chart-oci"), Repository::new("chart-oci"));
    let follower = Fixture::get("chart-oci-prod");
    let target = places().oci("released");
    let git = json!({ "git": { "url": repo.url(), "branch": "develop", "interval": "1s" } });
    f.create(&environment("chart-oci", git, json!({ "publish": { "to": target, "plainHttp": true } })));
    f.wait("chart-oci", SOON, |env| ready(env, "True", "InSync") && condition(env, "Published")["status"] == "True");
    let chart = json!({ "repository": target, "name": "shop", "version": ">=0.1.0", "interval": "1s", "plainHttp": true });
    follower.create(&environment("chart-oci-prod", json!({ "chart": chart }), json!({})));
    follower.wait("chart-oci-prod", SOON, |env| ready(env, "True", "InSync") && env["status"]["revision"] == "shop-0.1.0");
    // Other content under the same version is said, and nothing is overwritten.
    repo.push("values.yaml", |text| text.replace("hello", "second"));
    let env = f.wait("chart-oci", SOON, |env| condition(env, "Published")["reason"] == "ChartVersionTaken");
    assert!(ready(&env, "True", "InSync"), "the release itself goes on");
    assert!(condition(&env, "Published")["message"].as_str().is_some_and(|text| text.contains("Raise the version in Chart.yaml")));
    repo.push("Chart.yaml", |text| text.replace("version: 0.1.0", "version: 0.2.0"));
    f.wait("chart-oci", SOON, |env| condition(env, "Published")["status"] == "True");
    follower.wait("chart-oci-prod", SOON, |env| ready(env, "True", "InSync") && env["status"]["revision"] == "shop-0.2.0");
    assert_eq!(message(&follower, "chart-oci-prod"), "second");
}

#[test]
fn a_bucket_is_published_to_followed_and_promoted_from_digest_for_digest() {
    let (f, repo) = (Fixture::get("chart-s3"), Repository::new("chart-s3"));
    let follower = Fixture::get("chart-s3-stage");
    for namespace in ["chart-s3", "chart-s3-stage"] {
        f.create(&s3_secret(namespace));
    }
    let bucket = places().bucket("charts");
    let git = json!({ "git": { "url": repo.url(), "branch": "develop", "interval": "1s" } });
    let publish = json!({ "publish": { "when": "Validated", "to": bucket, "secretRef": { "name": "bucket" } } });
    f.create(&environment("chart-s3", git, publish));
    f.wait("chart-s3", SOON, |env| condition(env, "Published")["status"] == "True");
    let chart = json!({ "repository": bucket, "name": "shop", "interval": "1s", "secretRef": { "name": "bucket" } });
    let promoted = places().oci("production");
    let values = Repository::new("chart-s3-values");
    let source = json!({ "chart": chart, "git": { "url": values.url(), "branch": "develop", "interval": "1s" } });
    let more = json!({ "values": { "files": ["values.yaml"] }, "publish": { "to": promoted, "plainHttp": true } });
    follower.create(&environment("chart-s3-stage", source, more));
    let env = follower.wait("chart-s3-stage", SOON, |env| ready(env, "True", "InSync") && condition(env, "Published")["status"] == "True");
    // The values come from git, and a commit there is a new revision of the same chart.
    values.push("values.yaml", |text| text.replace("hello", "from git"));
    follower.wait("chart-s3-stage", SOON, |env| ready(env, "True", "InSync") && env["status"]["release"]["number"] == 2);
    assert_eq!(message(&follower, "chart-s3-stage"), "from git");
    // What was tested is what was promoted.
    let commit = env["status"]["source"]["commit"].as_str().unwrap_or_default().to_owned();
    let digest = commit.split_once("@sha256:").and_then(|(_, rest)| rest.get(..64)).unwrap_or_default().to_owned();
    let folder = places().folder("promoted");
    helm(&["pull", &format!("{promoted}/shop"), "--version", "0.1.0", "--plain-http", "-d", &folder.display().to_string()]);
    let archive = std::fs::read(folder.join("shop-0.1.0.tgz")).expect("the archive");
    assert_eq!(windlass::sources::charts::sha256(&archive), digest);
    let said = follower.windlass(&["publish", "chart-s3-stage"]);
    assert!(said.contains("shop-0.1.0 is published in oci://"), "{said}");
}

/// A bucket's event, as MinIO sends it, makes those look who follow the bucket: here once an hour otherwise.
#[test]
fn a_buckets_event_makes_its_followers_look() {
    const KEY: &str = "0123456789abcdef0123456789abcdef";
    let (f, repo) = (Fixture::get("bucket-event"), Repository::new("bucket-event"));
    let follower = Fixture::get("bucket-event-stage");
    for namespace in ["bucket-event", "bucket-event-stage"] {
        f.create(&s3_secret(namespace));
    }
    let bucket = places().bucket("told");
    let git = json!({ "git": { "url": repo.url(), "branch": "develop", "interval": "1s" } });
    f.create(&environment("bucket-event", git, json!({ "publish": { "to": bucket, "secretRef": { "name": "bucket" } } })));
    f.wait("bucket-event", SOON, |env| condition(env, "Published")["status"] == "True");
    let chart = json!({ "repository": bucket, "name": "shop", "interval": "1h", "secretRef": { "name": "bucket" } });
    follower.create(&environment("bucket-event-stage", json!({ "chart": chart }), json!({})));
    follower.wait("bucket-event-stage", SOON, |env| ready(env, "True", "InSync") && env["status"]["revision"] == "shop-0.1.0");
    let meta = json!({ "name": "s3", "namespace": "bucket-event-stage" });
    f.create(&json!({ "apiVersion": "v1", "kind": "Secret", "metadata": meta, "stringData": { "token": KEY } }));
    f.create(&json!({ "apiVersion": "windlass.dev/v1alpha1", "kind": "Receiver", "metadata": meta, "spec": { "driver": "s3", "secretRef": { "name": "s3" } } }));
    let path = || follower.field("receiver/s3", "{.status.path}");
    f.until(SOON, "the Receiver tells its path", || !path().is_empty());
    repo.push("Chart.yaml", |text| text.replace("version: 0.1.0", "version: 0.2.0"));
    f.wait("bucket-event", SOON, |env| condition(env, "Published")["status"] == "True" && condition(env, "Published")["message"].as_str().is_some_and(|text| text.contains("shop-0.2.0")));
    let documented = std::fs::read(Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/cases/webhooks/s3-minio.json")).expect("the case");
    let mut body = serde_json::from_slice::<Value>(&documented).expect("JSON")["body"].take();
    body["Records"][0]["s3"]["bucket"]["name"] = json!("bucket");
    body["Records"][0]["s3"]["object"]["key"] = json!("told%2Findex.yaml");
    let call = |key: &str| crate::images::post(f.agent_port(), &path(), &[("Authorization", format!("Bearer {key}"))], &body.to_string());
    assert!(call("another key, as long as it").contains("401"));
    assert_eq!(follower.env("bucket-event-stage")["status"]["revision"], "shop-0.1.0");
    assert!(call(KEY).contains("202"));
    follower.wait("bucket-event-stage", SOON, |env| ready(env, "True", "InSync") && env["status"]["revision"] == "shop-0.2.0");
}

#[test]
fn plain_manifests_become_a_release() {
    let (f, repo) = (Fixture::get("plain"), Repository::new("plain"));
    repo.add("deploy/config.yaml", "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: plain-config}\ndata: {message: '{{ not a template }}'}\n");
    repo.add("deploy/more/two.yaml", "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: one}\n---\napiVersion: v1\nkind: Secret\nmetadata: {name: two}\n");
    let source = json!({ "git": { "url": repo.url(), "branch": "develop", "interval": "1s", "path": "deploy" } });
    f.create(&environment("plain", source, json!({})));
    f.wait("plain", SOON, |env| ready(env, "True", "InSync"));
    assert_eq!(message(&f, "plain"), "{{ not a template }}");
    assert!(f.helm(&["list"]).contains("plain-0.0.0"), "helm lists it");
    repo.remove("deploy/more/two.yaml");
    f.wait("plain", SOON, |env| ready(env, "True", "InSync") && env["status"]["release"]["number"] == 2);
    assert!(!f.kubectl(&["get", "configmap,secret", "-o", "name"]).contains("/two"), "what left the folder is pruned");
    f.kubectl(&["patch", "configmap", "plain-config", "--type=merge", "-p", r#"{"data":{"message":"by hand"}}"#]);
    f.until(SOON, "drift is put back", || message(&f, "plain") == "{{ not a template }}");
}

/// The folder of a chart repository with one little chart, as helm makes it.
fn repository_of_child(name: &str) -> std::path::PathBuf {
    let folder = places().folder(name);
    let child = folder.join("child");
    std::fs::create_dir_all(child.join("templates")).expect("a folder");
    std::fs::write(child.join("Chart.yaml"), "apiVersion: v2\nname: child\nversion: 0.1.0\n").expect("a file");
    std::fs::write(child.join("templates/c.yaml"), "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: from-child}\n").expect("a file");
    helm(&["package", &child.display().to_string(), "-d", &folder.display().to_string()]);
    helm(&["repo", "index", &folder.display().to_string()]);
    folder
}

#[test]
fn missing_dependencies_are_fetched_once() {
    let (f, repo) = (Fixture::get("chart-deps"), Repository::new("chart-deps"));
    let folder = repository_of_child("deps");
    let web = Http::start(&folder, Rules::default());
    let url = web.url();
    repo.push("Chart.yaml", |text| format!("{text}dependencies:\n- {{name: child, version: ~0.1, repository: \"{url}\"}}\n"));
    f.create(&environment("chart-deps", json!({ "git": { "url": repo.url(), "branch": "develop", "interval": "1s" } }), json!({})));
    f.wait("chart-deps", SOON, |env| ready(env, "True", "InSync"));
    assert!(f.kubectl(&["get", "configmap", "from-child", "-o", "name"]).contains("from-child"));
    assert!(!web.take_log().is_empty());
    repo.push("values.yaml", |text| text.replace("hello", "second"));
    f.wait("chart-deps", SOON, |env| ready(env, "True", "InSync") && env["status"]["release"]["number"] == 2);
    assert_eq!(web.take_log(), Vec::<String>::new(), "offline after the first time");
}

/// A dependency of a repository that wants a login: refused with the repository's name while no Secret is named for it, and the Secret
/// is shown to that repository alone.
#[test]
fn a_private_dependency_is_fetched_with_its_own_credentials() {
    let (f, repo) = (Fixture::get("private-deps"), Repository::new("private-deps"));
    let folder = repository_of_child("private-deps");
    // `ship:hush`
    let web = Http::start(&folder, Rules { authorization: Some("Basic c2hpcDpodXNo".into()) });
    let url = web.url();
    repo.push("Chart.yaml", |text| format!("{text}dependencies:\n- {{name: child, version: ~0.1, repository: \"{url}\"}}\n"));
    let git = json!({ "url": repo.url(), "branch": "develop", "interval": "1s" });
    f.create(&environment("private-deps", json!({ "git": git }), json!({})));
    let env = f.wait("private-deps", SOON, |env| condition(env, "Stalled")["status"] == "True" || condition(env, "Ready")["message"].as_str().is_some_and(|text| text.contains(&url)));
    let said = condition(&env, "Ready")["message"].as_str().unwrap_or_default().to_owned();
    assert!(said.contains("401") && said.contains(&url), "{said}");
    f.create(&json!({ "apiVersion": "v1", "kind": "Secret", "metadata": { "name": "login", "namespace": "private-deps" }, "stringData": { "username": "ship", "password": "hush" } }));
    let access = json!([{ "repository": url, "secretRef": { "name": "login" } }]);
    f.create(&environment("private-deps", json!({ "git": git, "dependencies": access }), json!({})));
    f.wait("private-deps", SOON, |env| ready(env, "True", "InSync"));
    assert!(f.kubectl(&["get", "configmap", "from-child", "-o", "name"]).contains("from-child"));
}
