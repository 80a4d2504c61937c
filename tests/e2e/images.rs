//! From a pushed image to a release: the real registry, its notifications, commits on the branch, signatures.

use crate::{
    fixture::{Fixture, Repository, condition, environment, ready},
    registry::{Made, Registry},
};
use serde_json::json;
use std::{collections::BTreeMap, io::{Read as _, Write as _}, time::Duration};
use windlass::webhooks::path_token;

const SOON: Duration = Duration::from_secs(120);
const KEY: &str = "0123456789abcdef0123456789abcdef";

fn runtime() -> tokio::runtime::Runtime {
    tokio::runtime::Builder::new_multi_thread().enable_all().build().expect("a runtime")
}

/// A Secret with the key, and a Receiver that uses it; its path.
fn receiver(f: &Fixture, namespace: &str, driver: &str) -> String {
    f.create(&json!({ "apiVersion": "v1", "kind": "Secret", "metadata": { "name": driver, "namespace": namespace }, "stringData": { "token": KEY } }));
    f.create(&json!({
        "apiVersion": "windlass.dev/v1alpha1", "kind": "Receiver", "metadata": { "name": driver, "namespace": namespace },
        "spec": { "driver": driver, "secretRef": { "name": driver } },
    }));
    let path = format!("/webhook/{driver}/{}", path_token(KEY.as_bytes(), namespace, driver, driver));
    f.until(SOON, "the Receiver tells its path", || f.field(&format!("receiver/{driver}"), "{.status.path}") == path);
    assert_eq!(f.field(&format!("receiver/{driver}"), "{.status.conditions[?(@.type==\"Ready\")].status}"), "True");
    path
}

/// One call; the status line.
fn post(port: u16, path: &str, headers: &[(&str, String)], body: &str) -> String {
    let mut stream = std::net::TcpStream::connect(("127.0.0.1", port)).expect("the agent's port is open");
    let headers: String = headers.iter().map(|(name, value)| format!("{name}: {value}\r\n")).collect();
    write!(stream, "POST {path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n{headers}Content-Length: {}\r\n\r\n{body}", body.len()).expect("it is sent");
    let mut text = String::new();
    stream.read_to_string(&mut text).expect("it is answered");
    text.lines().next().unwrap_or_default().to_owned()
}

#[test]
fn an_image_that_is_pushed_is_committed_and_released() {
    let f = Fixture::get("image-push");
    let path = receiver(&f, "image-push", "distribution");
    let notify = format!(
        "notifications:\n  endpoints:\n  - name: windlass\n    url: http://127.0.0.1:{}{path}\n    timeout: 5s\n    threshold: 5\n    backoff: 1s\n",
        f.agent_port()
    );
    let (registry, runtime) = (Registry::start(&notify), runtime());
    let image = format!("{}/shop/web", registry.host());
    let labels = BTreeMap::from([("org.opencontainers.image.revision".to_owned(), "c0ffee".to_owned())]);
    runtime.block_on(registry.push("shop/web", "1.0.0", &Made { created: String::new(), labels: labels.clone() }));
    let repo = Repository::new("image-push");
    // The branch is looked at once an hour, and so is the registry: whatever happens sooner is the webhook's doing.
    let more = format!(
        "source: {{git: {{url: '{}', branch: develop, interval: 1h}}}}\nimages:\n- image: {image}\n  policy: {{semver: {{range: '>=1 <2'}}}}\n  set: [message]\n\
         imageUpdates: {{interval: 1h, chartVersion: Patch, author: {{name: Ship, email: ship@example.com}}}}\n",
        repo.url()
    );
    f.create(&environment("image-push", &repo, &more));
    let message = || f.field("configmap/image-push-config", "{.data.message}");
    f.until(SOON, "the first tag is written", || message() == "1.0.0");
    f.wait("image-push", SOON, |env| ready(env, "True", "InSync") && env["status"]["images"][0]["tag"] == "1.0.0");
    runtime.block_on(registry.push("shop/web", "2.0.0", &Made::default()));
    runtime.block_on(registry.push("shop/web", "1.1.0", &Made { created: String::new(), labels }));
    f.until(SOON, "the new tag is written and released", || message() == "1.1.0");
    let env = f.wait("image-push", SOON, |env| ready(env, "True", "InSync") && env["status"]["images"][0]["tag"] == "1.1.0");
    assert_eq!(env["status"]["source"]["author"], "Ship");
    assert_eq!(env["status"]["images"][0]["commit"], env["status"]["source"]["commit"]);
    let log = repo.remote(&["log", "-1", "--format=%an <%ae>%n%B", "develop"]);
    assert!(log.starts_with(&format!("Ship <ship@example.com>\nUpdate {image} to 1.1.0\n")), "{log}");
    assert!(log.contains("1.0.0 -> 1.1.0") && log.contains("built from c0ffee") && log.contains("sha256:"), "{log}");
    assert_eq!(repo.remote(&["log", "--format=%s", "develop"]).lines().count(), 3, "one commit for each tag, and no loop");
    assert!(repo.remote(&["show", "develop:Chart.yaml"]).contains("version: 0.1.2"));
    assert!(repo.remote(&["show", "develop:values.yaml"]).contains("# What becomes of the test's pod"));
    // By hand, until the policy picks another one.
    let said = f.windlass(&["image", "set", "image-push", &format!("{image}:1.0.0")]);
    assert!(said.contains("by commit"), "{said}");
    f.until(SOON, "the old tag is back", || message() == "1.0.0");
    runtime.block_on(registry.push("shop/web", "1.1.0", &Made::default()));
    std::thread::sleep(Duration::from_secs(3));
    assert_eq!(message(), "1.0.0", "the same pick again is not written again");
    runtime.block_on(registry.push("shop/web", "1.2.0", &Made::default()));
    f.until(SOON, "the policy goes on", || message() == "1.2.0");
}

#[test]
fn a_push_is_told_and_a_forged_one_is_not_heard() {
    let f = Fixture::get("told");
    let path = receiver(&f, "told", "github");
    let repo = Repository::new("told");
    let more = format!("source: {{git: {{url: '{}', branch: develop, interval: 1h}}}}\n", repo.url());
    f.create(&environment("told", &repo, &more));
    f.wait("told", SOON, |env| ready(env, "True", "InSync"));
    repo.push("values.yaml", |text| text.replace("hello", "second"));
    let body = json!({ "ref": "refs/heads/develop", "after": repo.head(), "repository": { "clone_url": repo.url() } }).to_string();
    let call = |key: &str, delivery: &str| {
        use hmac::Mac as _;
        let mut mac = hmac::Hmac::<sha2::Sha256>::new_from_slice(key.as_bytes()).expect("any key");
        mac.update(body.as_bytes());
        let hex: String = mac.finalize().into_bytes().iter().map(|byte| format!("{byte:02x}")).collect();
        let headers = [("X-GitHub-Event", "push".to_owned()), ("X-GitHub-Delivery", delivery.to_owned()), ("X-Hub-Signature-256", format!("sha256={hex}"))];
        post(f.agent_port(), &path, &headers, &body)
    };
    assert!(call("another key, as long as it", "1").contains("401"));
    std::thread::sleep(Duration::from_secs(2));
    assert_eq!(f.field("configmap/told-config", "{.data.message}"), "hello");
    assert!(call(KEY, "2").contains("202"));
    f.until(SOON, "the push is released", || f.field("configmap/told-config", "{.data.message}") == "second");
}

#[test]
fn an_image_that_is_missing_is_waited_for() {
    let f = Fixture::get("late-image");
    let (registry, runtime) = (Registry::start(""), runtime());
    runtime.block_on(registry.push("shop/app", "1", &Made::default()));
    let repo = Repository::new("late-image");
    let image = |tag: &str| format!("image: {}/shop/app:{tag}", registry.host());
    repo.push("values.yaml", |text| text.replace("image: app:1", &image("1")));
    f.create(&environment("late-image", &repo, "imageCheck: {mode: Wait, timeout: 10m}\n"));
    f.wait("late-image", SOON, |env| ready(env, "True", "InSync"));
    repo.push("values.yaml", |text| text.replace(&image("1"), &image("2")));
    let env = f.wait("late-image", SOON, |env| ready(env, "False", "ImageMissing"));
    let said = condition(&env, "Ready")["message"].as_str().unwrap_or_default().to_owned();
    assert!(said.contains(&format!("has no {}/shop/app:2", registry.host())) && said.contains("nothing was applied"), "{said}");
    assert_eq!(env["status"]["release"]["number"], 1, "no release was begun");
    runtime.block_on(registry.push("shop/app", "2", &Made::default()));
    f.wait("late-image", SOON, |env| ready(env, "True", "InSync") && env["status"]["release"]["number"] == 2);
    assert_eq!(f.field("deployment/late-image", "{.spec.template.spec.containers[0].image}"), format!("{}/shop/app:2", registry.host()));
}

#[test]
fn what_is_not_signed_by_ours_is_never_deployed() {
    let f = Fixture::get("signed");
    let folder = tempfile::TempDir::new().expect("a folder");
    let key = folder.path().join("key");
    let made = std::process::Command::new("ssh-keygen").args(["-q", "-t", "ed25519", "-N", "", "-f"]).arg(&key).status().expect("ssh-keygen runs");
    assert!(made.success());
    let public = std::fs::read_to_string(key.with_extension("pub")).expect("the public key");
    f.create(&json!({ "apiVersion": "v1", "kind": "Secret", "metadata": { "name": "people", "namespace": "signed" }, "stringData": { "ada.pub": public } }));
    let repo = Repository::new("signed");
    let more = format!("source: {{git: {{url: '{}', branch: develop, interval: 1s, verify: {{secretRef: {{name: people}}}}}}}}\n", repo.url());
    f.create(&environment("signed", &repo, &more));
    let env = f.wait("signed", SOON, |env| ready(env, "False", "CommitUnsigned"));
    assert!(env["status"]["release"].is_null());
    repo.signed(&key, "values.yaml", |text| text.replace("hello", "signed"));
    f.wait("signed", SOON, |env| ready(env, "True", "InSync"));
    repo.push("values.yaml", |text| text.replace("signed", "sneaked in"));
    f.wait("signed", SOON, |env| ready(env, "False", "CommitUnsigned"));
    assert_eq!(f.field("configmap/signed-config", "{.data.message}"), "signed");
}
