//! Bad input: said in a condition that a person can act on, and the release that runs stays unharmed.

use crate::{SOON, fixture::{Fixture, Repository, condition, environment, ready}};

#[test]
fn bad_input_is_said_and_the_release_stays_unharmed() {
    let f = Fixture::get("bad-input");
    let repo = Repository::new("bad-input");
    f.create(&environment("bad-input", &repo, ""));
    f.wait("bad-input", SOON, |env| ready(env, "True", "InSync"));
    let uid = f.kubectl(&["get", "deployment/bad-input", "-o", "jsonpath={.metadata.uid}"]);
    let config = repo.read("templates/config.yaml");
    let cases: &[(&str, &str, &str)] = &[
        // Line and column as helm says them.
        ("RenderFailed", "shop/templates/config.yaml:3:11", "kind: ConfigMap\nmetadata:\n  name: {{ fail \"on purpose\" }}\n"),
        ("RenderFailed", "YAML parse error on shop/templates/config.yaml", "kind: ConfigMap\n a: b: c\n"),
        ("UnknownKind", "no matches for kind", "apiVersion: nobody.example/v1\nkind: Unheard\nmetadata: {name: x}\n"),
        ("Invalid", "expected string", "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: bad-input-config}\ndata: {message: 7}\n"),
        ("Invalid", "more than 1048576", "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: bad-input-config}\ndata: {message: {{ repeat 1200000 \"x\" }}}\n"),
    ];
    // A name that is a path to something else.
    let names = [("Invalid", "may have no \"/\"", "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: a/status}\n")];
    let cases = [cases, &names].concat();
    let unharmed = |what: &str| {
        assert_eq!(f.field("configmap/bad-input-config", "{.data.message}"), "hello", "after {what}");
        assert_eq!(f.kubectl(&["get", "deployment", "-o", "name"]).trim(), "deployment.apps/bad-input", "after {what}");
    };
    let stalled = |reason: &str, text: &str| {
        f.wait("bad-input", SOON, |env| {
            let stalled = condition(env, "Stalled");
            stalled["reason"] == reason && stalled["message"].as_str().is_some_and(|message| message.contains(text))
        });
        unharmed(&format!("{reason} {text}"));
    };
    for (reason, text, template) in &cases {
        repo.write("templates/config.yaml", template);
        stalled(reason, text);
    }
    repo.write("templates/config.yaml", &config);
    f.wait("bad-input", SOON, |env| ready(env, "True", "InSync"));
    let values = repo.read("values.yaml");
    repo.write("values.yaml", &values.replace("replicas: 2", "replicas: two"));
    stalled("Invalid", "expected integer");
    repo.write("values.yaml", &values);
    f.wait("bad-input", SOON, |env| ready(env, "True", "InSync"));
    let chart = repo.read("Chart.yaml");
    repo.remove("Chart.yaml");
    stalled("ChartMissing", "Chart.yaml");
    repo.write("Chart.yaml", &chart);
    f.wait("bad-input", SOON, |env| ready(env, "True", "InSync"));
    assert_eq!(f.kubectl(&["get", "deployment/bad-input", "-o", "jsonpath={.metadata.uid}"]), uid, "the Deployment was never replaced");
}

#[test]
fn a_namespace_that_is_missing_is_said_and_found_when_it_comes() {
    let f = Fixture::get("no-namespace");
    let repo = Repository::new("no-namespace");
    f.create(&environment("no-namespace", &repo, "release: {namespace: nowhere}"));
    let env = f.wait("no-namespace", SOON, |env| condition(env, "Stalled")["reason"] == "NamespaceMissing");
    let message = condition(&env, "Ready")["message"].as_str().unwrap_or("").to_owned();
    assert!(message.contains("nowhere") && message.contains("createNamespace"), "{message}");
    f.kubectl(&["create", "namespace", "nowhere"]);
    f.wait("no-namespace", SOON, |env| ready(env, "True", "InSync"));
}

#[test]
fn a_release_too_large_for_a_record_is_refused_before_anything_is_applied() {
    let f = Fixture::get("too-large");
    let repo = Repository::new("too-large");
    f.create(&environment("too-large", &repo, ""));
    f.wait("too-large", SOON, |env| ready(env, "True", "InSync"));
    // Random words, as a record is compressed; in several objects, each of which the server would take.
    let template = "{{- range until 3 }}\n---\napiVersion: v1\nkind: ConfigMap\nmetadata: {name: too-large-{{ . }}}\ndata: {words: {{ randAlphaNum 700000 }}}\n{{- end }}\n";
    repo.write("templates/more.yaml", template);
    let env = f.wait("too-large", SOON, |env| condition(env, "Stalled")["reason"] == "RecordTooLarge");
    let message = condition(&env, "Stalled")["message"].as_str().unwrap_or("").to_owned();
    assert!(message.contains("release too-large would take"), "{message}");
    assert_eq!(f.kubectl(&["get", "configmap", "-o", "name"]).matches("too-large-0").count(), 0, "nothing was applied");
    assert_eq!(f.field("configmap/too-large-config", "{.data.message}"), "hello");
    assert_eq!(env["status"]["release"]["number"], 1);
}

#[test]
fn another_releases_object_is_refused_with_its_name() {
    let f = Fixture::get("owned");
    let repo = Repository::new("owned");
    f.kubectl(&["create", "configmap", "owned-config"]);
    f.create(&environment("owned", &repo, ""));
    let env = f.wait("owned", SOON, |env| ready(env, "False", "OwnedByAnother"));
    let message = condition(&env, "Ready")["message"].as_str().unwrap_or("").to_owned();
    assert!(message.contains("owned-config") && message.contains("app.kubernetes.io/managed-by"), "{message}");
    assert_eq!(f.kubectl(&["get", "deployment", "-o", "name"]).trim(), "", "nothing was applied");
}
