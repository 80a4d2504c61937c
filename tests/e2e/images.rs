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
pub fn post(port: u16, path: &str, headers: &[(&str, String)], body: &str) -> String {
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
    // This sender proves nothing but that it knows the address: what it names is asked for at the registry, which knows nothing of it.
    let event = json!({ "events": [{
        "id": "forged", "action": "push", "request": { "host": registry.host(), "method": "PUT" },
        "target": { "mediaType": "application/vnd.oci.image.manifest.v1+json", "digest": format!("sha256:{}", "c".repeat(64)), "repository": "shop/web", "tag": "1.9.0" },
    }] });
    assert!(post(f.agent_port(), &path, &[("Content-Type", "application/vnd.docker.distribution.events.v2+json".into())], &event.to_string()).contains("202"));
    std::thread::sleep(Duration::from_secs(3));
    assert_eq!((message(), repo.remote(&["log", "--format=%s", "develop"]).lines().count()), ("1.1.0".into(), 3), "nothing was written");
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
    let call = |key: &str, delivery: &str| tell_of_push(f.agent_port(), &path, key, &repo, delivery);
    assert!(call("another key, as long as it", "1").contains("401"));
    std::thread::sleep(Duration::from_secs(2));
    assert_eq!(f.field("configmap/told-config", "{.data.message}"), "hello");
    assert!(call(KEY, "2").contains("202"));
    f.until(SOON, "the push is released", || f.field("configmap/told-config", "{.data.message}") == "second");
}

/// A call for a push of the branch's head, signed by the key.
fn tell_of_push(port: u16, path: &str, key: &str, repo: &Repository, delivery: &str) -> String {
    use hmac::Mac as _;
    let body = json!({ "ref": "refs/heads/develop", "after": repo.head(), "repository": { "clone_url": repo.url() } }).to_string();
    let mut mac = hmac::Hmac::<sha2::Sha256>::new_from_slice(key.as_bytes()).expect("any key");
    mac.update(body.as_bytes());
    let hex: String = mac.finalize().into_bytes().iter().map(|byte| format!("{byte:02x}")).collect();
    let headers = [("X-GitHub-Event", "push".to_owned()), ("X-GitHub-Delivery", delivery.to_owned()), ("X-Hub-Signature-256", format!("sha256={hex}"))];
    post(port, path, &headers, &body)
}

/// As `docs/guides/webhooks.md` has it: the new key beside the old one, the sender changes over, the old one goes. A sender that calls all
/// the time is never refused, and what it tells last is released.
#[test]
fn a_receivers_key_is_replaced_while_calls_come() {
    const NEW: &str = "fedcba9876543210fedcba9876543210";
    let f = Fixture::get("rotated");
    let path = receiver(&f, "rotated", "github");
    let repo = Repository::new("rotated");
    let more = format!("source: {{git: {{url: '{}', branch: develop, interval: 1h}}}}\n", repo.url());
    f.create(&environment("rotated", &repo, &more));
    f.wait("rotated", SOON, |env| ready(env, "True", "InSync"));
    // What the sender is set to: address and key.
    let sender = std::sync::Mutex::new((path.clone(), KEY));
    let over = std::sync::atomic::AtomicBool::new(false);
    let new_path = path_token(NEW.as_bytes(), "rotated", "github", "github");
    let new_path = format!("/webhook/github/{new_path}");
    let (calls, refused) = std::thread::scope(|scope| {
        let calling = scope.spawn(|| {
            let (mut calls, mut refused) = (0, Vec::new());
            while !over.load(std::sync::atomic::Ordering::Relaxed) {
                let (path, key) = sender.lock().expect("no panic while held").clone();
                calls += 1;
                let status = tell_of_push(f.agent_port(), &path, key, &repo, &format!("delivery {calls}"));
                if !status.contains("202") {
                    refused.push(status);
                }
                std::thread::sleep(Duration::from_millis(20));
            }
            (calls, refused)
        });
        let patch = |data: serde_json::Value| f.kubectl(&["patch", "secret", "github", "--type=merge", "-p", &data.to_string()]);
        patch(json!({ "stringData": { "token": NEW, "previousToken": KEY } }));
        f.until(SOON, "the Receiver has its new address", || f.field("receiver/github", "{.status.path}") == new_path);
        *sender.lock().expect("no panic while held") = (new_path.clone(), NEW);
        std::thread::sleep(Duration::from_millis(500));
        patch(json!({ "data": { "previousToken": null } }));
        f.until(SOON, "the old address has gone", || tell_of_push(f.agent_port(), &path, KEY, &repo, "old").contains("404"));
        repo.push("values.yaml", |text| text.replace("hello", "told by the new key"));
        f.until(SOON, "what is told last is released", || f.field("configmap/rotated-config", "{.data.message}") == "told by the new key");
        over.store(true, std::sync::atomic::Ordering::Relaxed);
        calling.join().expect("no panic")
    });
    assert!(calls > 20, "{calls} calls are too few");
    assert_eq!(refused, Vec::<String>::new(), "of {calls} calls");
}

#[test]
fn a_replica_that_does_not_lead_hears_calls_for_the_one_that_does() {
    let f = Fixture::get("replica");
    let path = receiver(&f, "replica", "github");
    let repo = Repository::new("replica");
    let more = format!("source: {{git: {{url: '{}', branch: develop, interval: 1h}}}}\n", repo.url());
    f.create(&environment("replica", &repo, &more));
    f.wait("replica", SOON, |env| ready(env, "True", "InSync"));
    let (_replica, port) = f.replica();
    f.until(SOON, "the replica answers", || std::net::TcpStream::connect(("127.0.0.1", port)).is_ok());
    repo.push("values.yaml", |text| text.replace("hello", "by the other one"));
    f.until(SOON, "the replica takes the call", || tell_of_push(port, &path, KEY, &repo, "1").contains("202"));
    f.until(SOON, "the leader acts upon it", || f.field("configmap/replica-config", "{.data.message}") == "by the other one");
}

/// While calls tell of every head the branch is looked at ten times less often; the first head that none told of ends that.
#[test]
fn polling_stretches_while_calls_tell_of_every_head() {
    let f = Fixture::get("stretch");
    let path = receiver(&f, "stretch", "github");
    let repo = Repository::new("stretch");
    let interval = Duration::from_secs(3);
    let more = format!("source: {{git: {{url: '{}', branch: develop, interval: 3s}}}}\n", repo.url());
    f.create(&environment("stretch", &repo, &more));
    f.wait("stretch", SOON, |env| ready(env, "True", "InSync"));
    let message = || f.field("configmap/stretch-config", "{.data.message}");
    repo.push("values.yaml", |text| text.replace("hello", "told"));
    assert!(tell_of_push(f.agent_port(), &path, KEY, &repo, "1").contains("202"));
    f.until(SOON, "the push is released", || message() == "told");
    f.wait("stretch", SOON, |env| ready(env, "True", "InSync"));
    let pushed = std::time::Instant::now();
    repo.push("values.yaml", |text| text.replace("told", "untold"));
    f.until(SOON, "the safety net finds it", || message() == "untold");
    // Less than the whole stretched interval, as it began before the push.
    assert!(pushed.elapsed() > 2 * interval, "found after {:?}: polling did not stretch", pushed.elapsed());
}

/// What runs, from which build and commit, what refers to it, and the commits up to what a policy wants.
#[test]
fn images_tell_what_they_were_built_from() {
    let f = Fixture::get("origins");
    let (registry, runtime) = (Registry::start(""), runtime());
    let image = format!("{}/shop/web", registry.host());
    let sources = Repository::new("origins-source");
    let built = |repo: &Repository| Made {
        created: "2025-03-04T05:06:07Z".into(),
        labels: BTreeMap::from([("revision", repo.head()), ("source", repo.url())].map(|(name, value)| (format!("org.opencontainers.image.{name}"), value))),
    };
    let first = sources.head();
    let digest = runtime.block_on(registry.push("shop/web", "1.0.0", &built(&sources)));
    runtime.block_on(registry.attach("shop/web", &digest, "application/spdx+json"));
    let repo = Repository::new("origins");
    repo.push("values.yaml", |text| text.replace("image: app:1", &format!("image: {image}:1.0.0")));
    let more = format!("sync: {{mode: Manual}}\nimages:\n- image: {image}\n  policy: {{semver: {{range: '>=1 <2'}}}}\n  set: [image=image]\nimageUpdates: {{interval: 1s}}\n");
    f.create(&environment("origins", &repo, &more));
    f.wait("origins", SOON, |env| ready(env, "False", "AwaitingSync"));
    f.windlass(&["sync", "origins", "--no-wait"]);
    let env = f.wait("origins", SOON, |env| ready(env, "True", "InSync") && !env["status"]["images"][0]["referrers"].is_null());
    let told = &env["status"]["images"][0];
    assert_eq!((&told["digest"], &told["created"], &told["revision"]), (&json!(digest), &json!("2025-03-04T05:06:07Z"), &json!(first)), "{told}");
    assert_eq!((&told["source"], &told["referrers"]), (&json!(sources.url()), &json!(["application/spdx+json"])), "{told}");
    let listed = |args: &[&str]| -> serde_json::Value { serde_json::from_str(&f.windlass(args)).expect("JSON") };
    let running = listed(&["images", "origins", "-o", "json"]);
    let web = running.as_array().into_iter().flatten().find(|one| one["tag"] == "1.0.0").expect("the image is listed").clone();
    assert_eq!((&web["digest"], &web["platforms"]), (&json!(digest), &json!(["linux/amd64"])), "{web}");
    assert_eq!(web["labels"]["org.opencontainers.image.revision"], json!(first));
    assert!(web["size"].as_i64().unwrap_or_default() > 0, "{web}");
    assert_eq!(web["referrers"][0]["kind"], "application/spdx+json");
    // A newer build: it is written to the branch, and waits there for somebody to sync.
    sources.push("values.yaml", |text| text.replace("hello", "a better greeting"));
    runtime.block_on(registry.push("shop/web", "1.1.0", &built(&sources)));
    f.wait("origins", SOON, |env| env["status"]["images"][0]["tag"] == "1.1.0" && env["status"]["images"][0]["revision"] == json!(sources.head()));
    let running = listed(&["images", "origins", "--commits", "-o", "json"]);
    let web = running.as_array().into_iter().flatten().find(|one| one["tag"] == "1.0.0").expect("the old one runs still").clone();
    assert_eq!((&web["wanted"], &web["commits"][0]["commit"]), (&json!("1.1.0"), &json!(sources.head())), "{web}");
    assert_eq!(web["commits"][0]["subject"], "Change values.yaml");
    let table = f.windlass(&["images", "origins", "--commits"]);
    assert!(table.contains("IMAGE") && table.contains("1.1.0") && table.contains("Change values.yaml"), "{table}");
}

/// A chart's folder, saved and synced; a save that cannot be rendered is said and harms nothing.
#[test]
fn a_folder_is_followed_at_each_save() {
    let f = Fixture::get("saves");
    let repo = Repository::new("saves");
    let chart = repo.work();
    let dev = f.windlass_running(&["dev", chart.to_str().expect("a plain path"), "--release", "saves"]);
    let message = || f.field("configmap/saves-config", "{.data.message}");
    f.until(SOON, "the folder is synced", || message() == "hello");
    repo.put("values.yaml", &repo.read("values.yaml").replace("hello", "saved"));
    f.until(SOON, "the save is synced", || message() == "saved");
    let good = repo.read("templates/config.yaml");
    repo.put("templates/config.yaml", "{{ fail \"on purpose\" }}");
    let log = || std::fs::read_to_string(dev.log()).unwrap_or_default();
    f.until(SOON, "what is wrong is said", || log().contains("on purpose"));
    assert_eq!(message(), "saved");
    repo.put("templates/config.yaml", &good);
    repo.put("values.yaml", &repo.read("values.yaml").replace("saved", "saved again"));
    f.until(SOON, "the next save is synced", || message() == "saved again");
    f.until(SOON, "it is said", || log().contains("+  message: saved again") && log().contains("in sync: "));
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

/// What does not come in time is said, and condemns nothing; the next revision's image has a deadline of its own.
#[test]
fn an_image_that_never_comes_is_said_and_the_next_one_is_waited_for() {
    let f = Fixture::get("no-image");
    let (registry, runtime) = (Registry::start(""), runtime());
    runtime.block_on(registry.push("shop/app", "1", &Made::default()));
    let repo = Repository::new("no-image");
    let image = |tag: &str| format!("image: {}/shop/app:{tag}", registry.host());
    repo.push("values.yaml", |text| text.replace("image: app:1", &image("never")));
    f.create(&environment("no-image", &repo, "imageCheck: {mode: Wait, timeout: 10s}\n"));
    let env = f.wait("no-image", SOON, |env| condition(env, "Stalled")["status"] == "True");
    let said = condition(&env, "Stalled")["message"].as_str().unwrap_or_default().to_owned();
    assert!(said.contains("did not come within 10s") && said.contains("Push the image, or name another one"), "{said}");
    assert!(env["status"]["release"].is_null(), "nothing was applied");
    repo.push("values.yaml", |text| text.replace(&image("never"), &image("late")));
    let env = f.wait("no-image", SOON, |env| condition(env, "Ready")["message"].as_str().is_some_and(|text| text.contains(":late")));
    let said = condition(&env, "Ready")["message"].as_str().unwrap_or_default().to_owned();
    assert!(said.contains("waiting for it for up to 10s"), "{said}");
    runtime.block_on(registry.push("shop/app", "never", &Made::default()));
    repo.push("values.yaml", |text| text.replace(&image("late"), &image("never")));
    f.wait("no-image", SOON, |env| ready(env, "True", "InSync"));
    assert_eq!(f.field("deployment/no-image", "{.spec.template.spec.containers[0].image}"), format!("{}/shop/app:never", registry.host()), "it was not condemned");
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
