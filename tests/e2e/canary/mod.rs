//! Secrets never come out. Values that are nowhere else are put wherever windlass takes secrets from; then everything that can
//! quote one is let happen, and all that the agent and the commands emit is searched: the log at its most talkative level,
//! events, statuses, metrics, answers to webhooks, what is told of releases, files, commits, outputs.

mod finder;
mod world;

use finder::{Canary, Finder};
use serde_json::{Value, json};
use world::World;

/// The secrets of this story.
struct Canaries {
    sops: Canary,
    changed: Canary,
    file: Canary,
    layer: Canary,
    looked: Canary,
    by_hand: Canary,
    token: Canary,
    git: Canary,
    wrong: Canary,
    registry: Canary,
    age: Canary,
    signing: Canary,
}

impl Canaries {
    fn all(&self) -> Vec<Canary> {
        let Canaries { sops, changed, file, layer, looked, by_hand, token, git, wrong, registry, age, signing } = self;
        [sops, changed, file, layer, looked, by_hand, token, git, wrong, registry, age, signing].into_iter().cloned().collect()
    }
}

/// Revisions that fail where something may quote what it stumbled over, and the reason that is said.
const BROKEN: [(&str, &str); 8] = [
    ("fail", "RenderFailed"),
    ("function", "RenderFailed"),
    ("nil", "RenderFailed"),
    ("yaml", "RenderFailed"),
    ("schema", "RenderFailed"),
    ("kind", ""),
    ("type", "Invalid"),
    ("label", "Invalid"),
];

#[test]
fn no_secret_comes_out() {
    let folder = tempfile::TempDir::new().expect("a folder");
    let canaries = Canaries {
        sops: Canary::new("a value that sops encrypted"),
        changed: Canary::new("that value after a change"),
        file: Canary::new("a file of the chart that sops encrypted"),
        layer: Canary::new("a value from a Secret"),
        looked: Canary::new("what a template looked up in a Secret"),
        by_hand: Canary::new("what somebody wrote into a released Secret"),
        token: Canary::new("a Receiver's token"),
        git: Canary::new("the password of the git repository"),
        wrong: Canary::new("a password that is wrong"),
        registry: Canary::new("the password of the registry"),
        age: Canary::of("the age identity", &world::age_identity(folder.path())),
        signing: Canary::of("the key that signs commits", &world::ssh_key(folder.path())),
    };
    let c = &canaries;
    let w = World::start(folder.path(), &c.git.value, &c.registry.value);
    w.secret("decryption", "age.txt", &c.age.value);
    w.secret("layer", "values.yaml", &format!("layer: {{token: '{}'}}\n", c.layer.value));
    w.secret("elsewhere", "password", &c.looked.value);
    w.secret("signing", "identity", &c.signing.value);
    w.login("git", &c.git.value);
    w.login("registry", &c.registry.value);
    w.encrypt("secrets.yaml", &format!("db:\n  password: '{}'\n", c.sops.value));
    w.encrypt("licence.txt", &format!("{}\n", c.file.value));
    w.image("1.0.0");
    w.push("First");
    let hook = w.receiver(&c.token.value);
    w.environment();
    w.until("the first release is good", |env| world::good(env) && env["status"]["images"][0]["tag"] == "1.0.0");
    // What is searched for did arrive: in the Secret, and in the ConfigMap that should not have it.
    assert_eq!(w.decoded("canary-secret", "password"), c.sops.value);
    assert_eq!(w.decoded("canary-secret", "licence").trim(), c.file.value);
    assert!(w.kubectl(&["get", "configmap", "canary-config", "-o", "yaml"]).contains(&c.sops.value));
    assert!(w.kubectl(&["get", "configmap", "canary-config", "-o", "jsonpath={.data.looked}"]).contains(&c.looked.value));

    broken_revisions(&w);
    broken_inputs(&w, c);
    webhooks(&w, c, &hook);
    changes(&w, c);

    let material = w.collect();
    let finder = Finder::new(&canaries.all());
    let sizes: Vec<String> = material.iter().map(|(place, text)| format!("{place} {} KiB", text.len() >> 10)).collect();
    eprintln!("searched: {}", sizes.join(", "));
    let leaks: Vec<String> = material.iter().flat_map(|(place, text)| finder.find(place, text)).map(|leak| leak.to_string()).collect();
    assert!(leaks.is_empty(), "{} leaks:\n{}", leaks.len(), leaks.join("\n"));
    // One leak planted in any of them is found, and so is one in base64 inside of something longer.
    for (place, text) in &material {
        for canary in canaries.all() {
            let encoded = base64::Engine::encode(&base64::engine::general_purpose::STANDARD, format!("user:{}", canary.leak));
            for planted in [canary.leak.clone(), encoded] {
                let around = &text[..text.len().min(4096)];
                let with = [around, planted.as_bytes(), around].concat();
                assert!(!finder.find(place, &with).is_empty(), "{} planted in {place} was not found", canary.name);
            }
        }
    }
}

/// Revisions whose failure quotes values.
fn broken_revisions(w: &World) {
    let mut before = String::new();
    for (case, reason) in BROKEN {
        w.replace("values.yaml", "case: none", &format!("case: {case}"));
        w.push(&format!("Break by {case}"));
        w.windlass(&["sync", "canary", "--no-wait"]);
        let env = w.until(&format!("{case} is refused"), |env| {
            let [status, why, message] = xtask::agent::condition(env, "Stalled");
            status == "True" && message != before && (reason.is_empty() || why == reason)
        });
        before = xtask::agent::condition(&env, "Stalled")[2].clone();
        eprintln!("{case}: {before}");
        w.look();
        w.replace("values.yaml", &format!("case: {case}"), "case: none");
    }
    // Two that are released and rolled back: an object has a name that the server refuses, a test fails.
    let mut number = 1;
    for (old, new) in [("case: none", "case: name"), ("test: complete", "test: fail")] {
        w.replace("values.yaml", old, new);
        w.push(&format!("Break by {new}"));
        w.windlass(&["sync", "canary", "--no-wait"]);
        number += 2;
        w.until(&format!("{new} is rolled back"), |env| {
            let record = env["status"]["release"]["number"].as_i64().unwrap_or_default();
            record >= number && xtask::agent::condition(env, "RolledBack")[0] == "True" && xtask::agent::condition(env, "Reconciling")[0] == "False"
        });
        w.look();
        w.replace("values.yaml", new, old);
    }
    w.push("Good again");
    w.windlass(&["sync", "canary", "--no-wait"]);
    w.until("it is good again", world::good);
}

/// Secrets that are wrong or missing: what is said of them does not quote them.
fn broken_inputs(w: &World, c: &Canaries) {
    let wants = |what: &str, holds: &dyn Fn(&Value) -> bool| {
        w.windlass(&["sync", "canary", "--no-wait"]);
        w.until(what, holds);
        w.look();
    };
    let refused = |env: &Value| xtask::agent::condition(env, "Ready")[0] == "False" && xtask::agent::condition(env, "Reconciling")[0] == "False";
    w.login("git", &c.wrong.value);
    wants("the git server refuses", &refused);
    w.login("git", &c.git.value);
    wants("it lets us in again", &world::good);
    w.secret("layer", "values.yaml", &format!("layer: {{token: '{}', {}: [\n", c.layer.value, c.layer.value));
    wants("a layer that is no YAML is refused", &refused);
    w.secret("layer", "values.yaml", &format!("layer: {{token: '{}'}}\n", c.layer.value));
    wants("a good layer is taken", &world::good);
    w.secret("decryption", "age.txt", &format!("{}x\n", c.age.value.trim_end()));
    wants("a broken identity is refused", &refused);
    w.secret("decryption", "age.txt", &world::age_identity(&w.folder().join("other")));
    wants("an identity that does not fit is refused", &refused);
    w.secret("decryption", "age.txt", &c.age.value);
    wants("the right one is taken", &world::good);
    w.login("registry", &c.wrong.value);
    wants("a wrong password for the registry is said", &|env| {
        // A newer image cannot be seen.
        w.windlass(&["image", "set", "canary", &format!("{}:1.0.0", w.image_name()), "--no-wait"]);
        !env["status"]["images"][0]["message"].is_null()
    });
    w.login("registry", &c.registry.value);
    w.image("1.1.0");
    w.windlass(&["image", "set", "canary", &format!("{}:1.1.0", w.image_name()), "--no-wait"]);
    w.until("the image is written and released", |env| world::good(env) && env["status"]["images"][0]["tag"] == "1.1.0" && env["status"]["images"][0]["message"].is_null());
}

/// Calls with the right token, with a wrong one, and with the right one in the wrong places.
fn webhooks(w: &World, c: &Canaries, path: &str) {
    let body = json!({ "object_kind": "push", "ref": "refs/heads/main", "project": { "git_http_url": w.url() } }).to_string();
    let answer = w.post(path, &[("X-Gitlab-Token", &c.token.value)], &body);
    assert!(answer.starts_with("HTTP/1.1 202"), "{answer}");
    w.post(path, &[("X-Gitlab-Token", &c.wrong.value)], &body);
    w.post(path, &[("X-Gitlab-Token", &c.token.value)], &format!("no JSON {}", "x".repeat(20)));
    w.post(path, &[("Authorization", &format!("Bearer {}", c.token.value))], &body);
}

/// A secret that changes, by git and by hand; a plan that waits for approval meanwhile.
fn changes(w: &World, c: &Canaries) {
    let approval = |mode: &str| w.kubectl(&["patch", "environment", "canary", "--type=merge", "-p", &json!({"spec": {"approval": mode}}).to_string()]);
    approval("Required");
    w.encrypt("secrets.yaml", &format!("db:\n  password: '{}'\n", c.changed.value));
    w.push("Change the secret");
    w.look();
    w.windlass(&["sync", "canary", "--no-wait"]);
    let env = w.until("the plan waits", |env| xtask::agent::condition(env, "Ready")[1] == "AwaitingApproval");
    assert!(env["status"]["plan"]["changes"].to_string().contains("Secret"), "{}", env["status"]["plan"]);
    w.look();
    w.windlass(&["approve", "canary", "--no-wait"]);
    w.until("the change is released", world::good);
    assert_eq!(w.decoded("canary-secret", "password"), c.changed.value);
    approval("Off");
    let patch = json!({ "stringData": { "password": c.by_hand.value } }).to_string();
    w.kubectl(&["patch", "secret", "canary-secret", "--type=merge", "-p", &patch]);
    w.wait("what was changed by hand is put back", || w.decoded("canary-secret", "password") == c.changed.value);
    w.look();
}
