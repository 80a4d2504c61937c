//! Many Environments at once: what takes its time keeps nobody else waiting, and what brings releases on goes before what tells of them.

use crate::{SOON, fixture::{Fixture, Repository, condition, named, ready}};
use serde_json::{Value, json};
use std::{
    net::{TcpListener, TcpStream},
    sync::{Arc, Mutex, PoisonError},
};

/// More than are worked on at once.
const MANY: usize = 40;

/// Takes connections, says nothing, and keeps them until it goes: then it closes all, and what comes later at once.
struct Silent {
    port: u16,
    /// `None` once it has gone.
    taken: Arc<Mutex<Option<Vec<TcpStream>>>>,
}

impl Silent {
    fn start() -> Silent {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        let port = listener.local_addr().expect("bound").port();
        let taken = Arc::new(Mutex::new(Some(Vec::new())));
        let keep = taken.clone();
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                if let Some(taken) = keep.lock().expect("no panic while held").as_mut() {
                    taken.push(stream);
                }
            }
        });
        Silent { port, taken }
    }

    fn taken(&self) -> usize {
        self.taken.lock().expect("no panic while held").as_ref().map_or(0, Vec::len)
    }
}

impl Drop for Silent {
    fn drop(&mut self) {
        // Who waits for an answer shall wait no longer: other tests need the places that such waits take.
        self.taken.lock().unwrap_or_else(PoisonError::into_inner).take();
    }
}

#[test]
fn repositories_that_do_not_answer_keep_nobody_waiting() {
    let f = Fixture::get("silent");
    let silent = Silent::start();
    let repo = Repository::of("answering", "tests/cases/scale-app");
    for number in 0..MANY {
        let mut env = named(&format!("silent-{number}"), "silent", &repo, "");
        env["spec"]["source"]["git"]["url"] = json!(format!("http://127.0.0.1:{}/{number}.git", silent.port));
        f.create(&env);
    }
    // Eight threads wait for repositories elsewhere; all other Environments wait for these.
    f.until(SOON, "repositories are asked", || silent.taken() >= 8);
    f.create(&named("answering", "silent", &repo, ""));
    f.wait("answering", SOON, |env| ready(env, "True", "InSync"));
    let list: Value = serde_json::from_str(&f.kubectl(&["get", "env", "-o", "json"])).expect("a list");
    let unanswered = list["items"].as_array().into_iter().flatten().filter(|env| condition(env, "Ready")["status"] != "True").count();
    assert_eq!(unanswered, MANY, "all others still wait");
    f.kubectl(&["delete", "env", "--all", "--wait=false"]);
}

/// The reasons of the events about an Environment.
fn events(f: &Fixture, name: &str) -> Vec<String> {
    let list: Value = serde_json::from_str(&f.kubectl(&["get", "events", "-o", "json", "--field-selector", &format!("involvedObject.name={name}")])).expect("a list");
    list["items"].as_array().into_iter().flatten().map(|event| event["reason"].as_str().unwrap_or_default().to_owned()).collect()
}

#[test]
fn in_a_crowd_the_beginning_of_a_release_is_told_only_where_it_takes_long() {
    let f = Fixture::get("crowd");
    // Each Service takes a second, as a webhook says nothing: places to work are taken while others wait for them.
    let silent = Silent::start();
    f.create(&json!({
        "apiVersion": "admissionregistration.k8s.io/v1", "kind": "ValidatingWebhookConfiguration", "metadata": {"name": "silent.windlass.test"},
        "webhooks": [{
            "name": "silent.windlass.test", "admissionReviewVersions": ["v1"], "sideEffects": "None", "failurePolicy": "Ignore", "timeoutSeconds": 1,
            "clientConfig": {"url": format!("https://127.0.0.1:{}/", silent.port)},
            "namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": "crowd"}},
            "rules": [{"apiGroups": [""], "apiVersions": ["v1"], "operations": ["CREATE"], "resources": ["services"]}],
        }],
    }));
    let repo = Repository::of("crowd", "tests/cases/scale-app");
    let name = |number: usize| format!("crowd-{number}");
    let all: Vec<Value> = (0..MANY).map(|number| {
        // The last one's Pod never starts.
        let more = if number + 1 == MANY { "values: {inline: {image: 'registry.example.com/pending:1'}}" } else { "" };
        named(&name(number), "crowd", &repo, more)
    }).collect();
    f.create(&json!({"apiVersion": "v1", "kind": "List", "items": all}));
    for number in 0..MANY - 1 {
        f.wait(&name(number), SOON, |env| ready(env, "True", "InSync"));
    }
    f.until(SOON, "that they are released is told", || (0..MANY - 1).all(|number| events(&f, &name(number)).contains(&"Deployed".to_owned())));
    let begun = |name: &String| events(&f, name).contains(&"Releasing".to_owned());
    let untold = (0..MANY - 1).map(name).find(|name| !begun(name)).expect("not each release is told twice");
    let last = name(MANY - 1);
    f.wait(&last, SOON, |env| condition(env, "Reconciling")["status"] == "True" && env["status"]["release"]["status"] == "pending-install");
    f.until(SOON, "that it is being released is told", || begun(&last));
    f.kubectl(&["delete", "validatingwebhookconfiguration", "silent.windlass.test"]);
    // What was not told while it was news is not told when the release goes.
    let held = |finalizers: Value| f.kubectl(&["patch", "configmap", &untold, "--type=merge", "-p", &json!({"metadata": {"finalizers": finalizers}}).to_string()]);
    held(json!(["windlass.test/held"]));
    f.kubectl(&["delete", "env", &untold, "--wait=false"]);
    f.wait(&untold, SOON, |env| env["status"]["release"]["status"] == "uninstalling");
    held(Value::Null);
    assert!(!begun(&untold), "{:?}", events(&f, &untold));
    f.kubectl(&["delete", "env", "--all", "--wait=false"]);
}
