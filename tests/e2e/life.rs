//! What happens to a release between its install and its end: hooks, definitions, drift, immutable fields, changed sets.

use crate::{SOON, fixture::{Fixture, Repository, condition, environment, ready}};
use serde_json::{Value, json};
use std::time::Duration;

/// What was done to hooks' objects, in order: `+ name` made, `- name` deleted.
fn hook_writes(f: &Fixture, namespace: &str) -> Vec<String> {
    let hooks = ["pre-install", "post-install", "pre-upgrade", "post-upgrade", "pre-rollback", "post-rollback", "pre-delete", "post-delete", "hook"];
    let requests = f.cluster().requests().expect("the audit log is there");
    let mut writes = Vec::new();
    for request in requests.iter().filter(|request| (200..300).contains(&request.code)) {
        let object = &request.event["objectRef"];
        let kind = object["resource"].as_str().unwrap_or("");
        // A POST names its object in the answer only: the audit log has it nevertheless.
        let name = object["name"].as_str().unwrap_or("").to_owned();
        let of_hook = ["jobs", "configmaps", "widgets"].contains(&kind) && hooks.iter().any(|hook| name.contains(&format!("hooks-{hook}")));
        if object["namespace"] != namespace || !of_hook || object["subresource"].is_string() {
            continue;
        }
        match request.verb.as_str() {
            "create" | "patch" => writes.push(format!("+ {name}")),
            "delete" => writes.push(format!("- {name}")),
            _ => {}
        }
    }
    writes
}

#[test]
fn hooks_run_in_helms_order_and_are_deleted_when_helm_deletes_them() {
    let helm = Fixture::get("hooks-helm");
    let f = Fixture::get("hooks-ours");
    let repo = Repository::of("hooks", "tests/cases/life/hooks");
    let path = repo.chart().display().to_string();
    let mut theirs = Vec::new();
    let mut ours = Vec::new();
    let mut told = (0, 0);
    let mut step = |ours: &mut Vec<Vec<String>>, theirs: &mut Vec<Vec<String>>| {
        let (our, their) = (hook_writes(&f, "hooks-ours"), hook_writes(&helm, "hooks-helm"));
        ours.push(our[told.0..].to_vec());
        theirs.push(their[told.1..].to_vec());
        told = (our.len(), their.len());
    };
    let mut env = environment("hooks-ours", &repo, "{release: {name: hooks}}");
    env["metadata"]["name"] = json!("hooks");
    f.create(&env);
    f.wait("hooks", SOON, |env| ready(env, "True", "InSync"));
    helm.helm(&["install", "hooks", &path]);
    step(&mut ours, &mut theirs);
    repo.push("values.yaml", |text| text.replace("hello", "second"));
    f.wait("hooks", SOON, |env| ready(env, "True", "InSync") && env["status"]["release"]["number"] == 2);
    helm.helm(&["upgrade", "hooks", &path]);
    step(&mut ours, &mut theirs);
    f.windlass(&["rollback", "hooks", "--to", "1", "--no-wait"]);
    f.wait("hooks", SOON, |env| ready(env, "True", "Held"));
    helm.helm(&["rollback", "hooks", "1"]);
    step(&mut ours, &mut theirs);
    f.kubectl(&["delete", "environment", "hooks", "--timeout=60s"]);
    helm.helm(&["uninstall", "hooks"]);
    step(&mut ours, &mut theirs);
    for (event, (our, their)) in ["install", "upgrade", "rollback", "uninstall"].iter().zip(ours.iter().zip(&theirs)) {
        assert!(their.len() > 4, "{event}: helm wrote {their:?}");
        assert_eq!(our, their, "{event}");
    }
    // What is to be kept is kept by both.
    for f in [&f, &helm] {
        assert_eq!(f.kubectl(&["get", "configmap", "hooks-kept", "-o", "name"]).trim(), "configmap/hooks-kept");
        assert_eq!(f.kubectl(&["get", "configmap", "hooks-config", "-o", "name", "--ignore-not-found"]).trim(), "");
    }
}

#[test]
fn a_failed_hook_names_its_job_and_ends_the_release() {
    let f = Fixture::get("badhook");
    let repo = Repository::of("badhook", "tests/cases/life/hooks");
    f.create(&environment("badhook", &repo, "rollback: {enabled: false}"));
    f.wait("badhook", SOON, |env| ready(env, "True", "InSync"));
    repo.push("values.yaml", |text| text.replace("hook: complete", "hook: fail").replace("hello", "second"));
    let env = f.wait("badhook", SOON, |env| ready(env, "False", "HookFailed"));
    let message = condition(&env, "Ready")["message"].as_str().unwrap_or("").to_owned();
    assert!(message.contains("Job badhook/badhook-pre-upgrade-a failed"), "{message}");
    assert_eq!(f.field("configmap/badhook-config", "{.data.message}"), "hello", "nothing was applied");
    assert_eq!(f.kubectl(&["get", "job", "badhook-pre-upgrade-b", "-o", "name", "--ignore-not-found"]).trim(), "", "the next one was not started");
}

#[test]
fn definitions_follow_their_policy_and_lookup_asks_the_cluster() {
    let f = Fixture::get("crds");
    let repo = Repository::of("crds", "tests/cases/life/hooks");
    // Definitions of its own: `helm install` in another test applies those of the chart anew.
    for path in ["crds/widget.yaml", "charts/sub/crds/gadget.yaml", "templates/hooks.yaml", "templates/objects.yaml"] {
        repo.push(path, |text| text.replace("life.windlass.test", "crds.windlass.test"));
    }
    f.kubectl(&["create", "configmap", "there", "--from-literal=a=1"]);
    f.create(&environment("crds", &repo, ""));
    f.wait("crds", SOON, |env| ready(env, "True", "InSync"));
    assert_eq!(f.field("configmap/crds-config", "{.data.found}"), r#"{"a":"1"}"#);
    assert_eq!(f.field("configmap/crds-config", "{.data.many}"), "true");
    // The subchart's definition came, too.
    assert_eq!(f.kubectl(&["get", "gadgets.crds.windlass.test", "-o", "name"]).trim(), "gadget.crds.windlass.test/crds");
    let generation = || f.field("crd/widgets.crds.windlass.test", "{.metadata.labels.generation}");
    let before = generation();
    // One commit: two may become one release or two, as the agent looks.
    repo.put("crds/widget.yaml", &repo.read("crds/widget.yaml").replace("generation: one", "generation: two"));
    repo.push("values.yaml", |text| text.replace("hello", "second"));
    f.wait("crds", SOON, |env| ready(env, "True", "InSync") && env["status"]["release"]["number"] == 2);
    assert_eq!(generation(), before, "Create changes none that exists");
    f.kubectl(&["patch", "environment", "crds", "--type=merge", "-p", r#"{"spec":{"release":{"crds":"CreateReplace"}}}"#]);
    repo.push("values.yaml", |text| text.replace("second", "third"));
    f.wait("crds", SOON, |env| ready(env, "True", "InSync") && env["status"]["release"]["number"] == 3);
    assert_eq!(generation(), "two");
}

#[test]
fn drift_is_named_with_who_what_and_when_and_repaired_once() {
    let f = Fixture::get("who");
    let repo = Repository::new("who");
    f.create(&environment("who", &repo, ""));
    f.wait("who", SOON, |env| ready(env, "True", "InSync"));
    f.kubectl(&["scale", "deployment/who", "--replicas=4"]);
    f.until(SOON, "the replicas are put back", || f.field("deployment/who", "{.spec.replicas}") == "2");
    f.wait("who", SOON, |env| ready(env, "True", "InSync"));
    let events = || f.kubectl(&["get", "events", "--field-selector", "reason=DriftRepaired", "-o", "jsonpath={range .items[*]}{.count} {.message}{'\\n'}{end}"]);
    f.until(SOON, "the repair is an event", || !events().trim().is_empty());
    let text = events();
    assert!(text.contains("Deployment who/who was changed: spec.replicas by kubectl, seen at 20"), "{text}");
    std::thread::sleep(Duration::from_secs(3));
    assert_eq!(events(), text, "repaired once");
    // Only shown, where that is the policy.
    f.kubectl(&["patch", "environment", "who", "--type=merge", "-p", r#"{"spec":{"sync":{"selfHeal":false}}}"#]);
    f.kubectl(&["patch", "configmap", "who-config", "--field-manager=somebody", "--type=merge", "-p", r#"{"data":{"message":"by hand"}}"#]);
    let env = f.wait("who", SOON, |env| condition(env, "Ready")["reason"] == "Drifted");
    let message = condition(&env, "Ready")["message"].as_str().unwrap_or("").to_owned();
    assert!(message.contains("ConfigMap who/who-config was changed: data.message by somebody at 20"), "{message}");
    assert!(!message.contains("by hand"), "values are not shown: {message}");
    assert_eq!(f.field("configmap/who-config", "{.data.message}"), "by hand");
}

#[test]
fn an_immutable_field_is_refused_by_name_or_replaced_by_policy() {
    let f = Fixture::get("immutable");
    let repo = Repository::new("immutable");
    repo.add(
        "templates/job.yaml",
        "apiVersion: batch/v1\nkind: Job\nmetadata:\n  name: {{ .Release.Name }}-once\nspec:\n  template:\n    metadata:\n      annotations: {test.windlass.dev/outcome: complete}\n    spec:\n      restartPolicy: Never\n      containers:\n        - {name: once, image: {{ .Values.image | quote }}}\n",
    );
    f.create(&environment("immutable", &repo, ""));
    f.wait("immutable", SOON, |env| ready(env, "True", "InSync"));
    let uids = || ["job/immutable-once", "deployment/immutable"].map(|object| f.field(object, "{.metadata.uid}"));
    let before = uids();
    repo.push("values.yaml", |text| text.replace("app:1", "app:2"));
    repo.push("templates/_helpers.tpl", |text| text.replace("app.kubernetes.io/name: {{ .Chart.Name }}", "app.kubernetes.io/name: {{ .Chart.Name }}-2"));
    let env = f.wait("immutable", SOON, |env| condition(env, "Stalled")["reason"] == "ImmutableField");
    let message = condition(&env, "Stalled")["message"].as_str().unwrap_or("").to_owned();
    let named = message.contains("spec.selector cannot be changed in place") || message.contains("spec.template cannot be changed in place");
    assert!(named && message.contains("sync.immutable: Replace") && message.contains("from shop/templates/"), "{message}");
    assert_eq!(uids(), before, "nothing was touched");
    let (code, text) = f.windlass_ends(&["diff", "immutable"]);
    assert_eq!(code, Some(1), "{text}");
    f.kubectl(&["patch", "environment", "immutable", "--type=merge", "-p", r#"{"spec":{"sync":{"immutable":"Replace"}}}"#]);
    f.wait("immutable", SOON, |env| ready(env, "True", "InSync") && env["status"]["release"]["number"] == 2);
    let after = uids();
    assert!(before.iter().zip(&after).all(|(before, after)| before != after && !after.is_empty()), "{before:?} {after:?}");
    assert_eq!(f.field("job/immutable-once", "{.spec.template.spec.containers[0].image}"), "app:2");
}

#[test]
fn what_was_rendered_is_changed_before_it_is_released() {
    let f = Fixture::get("changed");
    let repo = Repository::new("changed");
    let more = r#"
postRender:
  labels: {team: blue}
  images: [{name: app, newTag: "7"}]
  patches:
    - target: {kind: Deployment}
      patch: |
        spec: {template: {spec: {containers: [{name: app, env: [{name: ADDED, value: "yes"}]}]}}}
strategy: {type: RollingUpdate, maxSurge: 1, maxUnavailable: "0%"}
"#;
    f.create(&environment("changed", &repo, more));
    f.wait("changed", SOON, |env| ready(env, "True", "InSync"));
    let web = f.get_json("deployment/changed");
    assert_eq!(web["metadata"]["labels"]["team"], "blue");
    assert_eq!(web["spec"]["strategy"], json!({"type": "RollingUpdate", "rollingUpdate": {"maxSurge": 1, "maxUnavailable": "0%"}}));
    let container = &web["spec"]["template"]["spec"]["containers"][0];
    assert_eq!((&container["image"], &container["env"][0]["name"]), (&json!("app:7"), &json!("ADDED")));
    // What helm sees is what is live, and it stays so.
    assert!(f.helm(&["get", "manifest", "changed"]).contains("image: app:7"));
    assert!(f.helm(&["get", "hooks", "changed"]).contains("team: blue"));
    std::thread::sleep(Duration::from_secs(2));
    let env = f.wait("changed", SOON, |env| ready(env, "True", "InSync"));
    assert_eq!(env["status"]["release"]["number"], 1);
    // A patch that means nothing is said, and the release stays.
    f.kubectl(&["patch", "environment", "changed", "--type=merge", "-p", r#"{"spec":{"postRender":{"patches":[{"patch":"{apiVersion: v1, kind: Secret, metadata: {name: none}}"}]}}}"#]);
    f.wait("changed", SOON, |env| condition(env, "Stalled")["reason"] == "PostRenderFailed");
    assert_eq!(f.field("deployment/changed", "{.metadata.labels.team}"), "blue");
}

#[test]
fn recreate_lets_no_old_pod_see_a_new_one() {
    let f = Fixture::get("recreate");
    let repo = Repository::of("recreate", "tests/cases/life/web");
    f.create(&environment("recreate", &repo, "strategy: {type: Recreate}"));
    f.wait("recreate", SOON, |env| ready(env, "True", "InSync"));
    f.until(SOON, "the autoscaler has its minimum", || f.field("deployment/recreate", "{.status.readyReplicas}") == "2");
    let since = f.kubectl(&["get", "pods", "-o", "jsonpath={.items[0].metadata.resourceVersion}"]);
    let watched = f.watch_pods(&since);
    repo.push("values.yaml", |text| text.replace("hello", "second"));
    f.wait("recreate", SOON, |env| ready(env, "True", "InSync") && env["status"]["release"]["number"] == 2);
    f.until(SOON, "the replicas are back", || f.field("deployment/recreate", "{.status.readyReplicas}") == "2");
    let mut old: Vec<String> = Vec::new();
    let mut new = 0;
    for (kind, pod) in watched.finish() {
        let uid = pod["metadata"]["uid"].as_str().unwrap_or("").to_owned();
        let message = &pod["spec"]["containers"][0]["env"][0]["value"];
        match (kind.as_str(), message == "second") {
            ("DELETED", false) => old.retain(|known| *known != uid),
            (_, false) if !old.contains(&uid) => old.push(uid),
            ("ADDED", true) => {
                new += 1;
                assert!(old.is_empty(), "a new Pod came while {old:?} were there");
            }
            _ => {}
        }
    }
    assert!(new >= 2, "{new} new Pods were seen");
    assert_eq!(f.field("deployment/recreate", "{.spec.strategy.type}"), "Recreate");
    let left: Value = f.get_json("deployment/recreate");
    assert!(left["metadata"]["annotations"]["windlass.dev/replicas"].is_null(), "{left:#}");
}

#[test]
fn a_green_set_stands_beside_the_blue_one_until_it_has_proved_itself() {
    let f = Fixture::get("colours");
    let repo = Repository::new("colours");
    f.create(&environment("colours", &repo, "strategy: {type: BlueGreen, keep: 4s}\nhealth: {timeout: 40s}"));
    f.wait("colours", SOON, |env| ready(env, "True", "InSync"));
    let serving = || f.field("service/colours", r"{.spec.selector.windlass\.dev/colour}");
    assert_eq!(serving(), "blue");
    let blue = f.field("deployment/colours-blue", "{.metadata.uid}");
    assert!(!blue.is_empty());
    // A revision that crashes never serves, and is taken away again; the set that serves is not touched.
    repo.push("values.yaml", |text| text.replace("image: app:1", "image: crash:1"));
    let env = f.wait("colours", SOON, |env| env["status"]["release"]["number"] == 3 && ready(env, "False", ""));
    assert_eq!(condition(&env, "RolledBack")["status"], "True", "{env:#}");
    assert_eq!((serving(), f.field("deployment/colours-blue", "{.metadata.uid}")), ("blue".into(), blue.clone()));
    assert_eq!(f.kubectl(&["get", "deployment", "-o", "name"]).trim(), "deployment.apps/colours-blue");
    // A good one stands beside it, serves, and only then is the old one removed.
    repo.push("values.yaml", |text| text.replace("image: crash:1", "image: app:2").replace("hello", "second"));
    f.until(SOON, "the Services switch", || serving() == "green");
    assert_eq!(f.field("deployment/colours-blue", "{.metadata.uid}"), blue, "the old set still stands");
    assert_eq!(f.field("deployment/colours-blue", "{.spec.template.spec.containers[0].image}"), "app:1");
    assert_eq!(f.field("deployment/colours-green", "{.status.readyReplicas}"), "2", "the new one was ready first");
    assert_eq!(f.field("service/colours-preview", r"{.spec.selector.windlass\.dev/colour}"), "green");
    let env = f.wait("colours", SOON, |env| ready(env, "True", "InSync") && env["status"]["release"]["number"] == 4);
    assert_eq!(env["status"]["tests"]["summary"], "1/1");
    assert_eq!(f.kubectl(&["get", "deployment,configmap", "-l", "app.kubernetes.io/name=shop", "-o", "name"]).split_whitespace().collect::<Vec<_>>(), [
        "deployment.apps/colours-green",
        "configmap/colours-config-green",
    ]);
    assert!(f.field("job/colours-answer", "{.spec.template.spec.containers[0].command}").contains("http://colours-preview"));
    // helm sees one release, and what is live.
    assert_eq!(f.helm(&["list", "-q"]).trim(), "colours");
    assert!(f.helm(&["get", "manifest", "colours"]).contains("name: colours-green"));
    // Back by hand: the old colour comes anew and serves when it is ready.
    f.windlass(&["rollback", "colours", "--to", "1", "--no-wait"]);
    f.wait("colours", SOON, |env| ready(env, "True", "Held"));
    assert_eq!((serving(), f.kubectl(&["get", "deployment", "-o", "name"]).trim().to_owned()), ("blue".into(), "deployment.apps/colours-blue".into()));
}

#[test]
fn a_failure_after_the_switch_switches_back() {
    let f = Fixture::get("backagain");
    let repo = Repository::new("backagain");
    f.create(&environment("backagain", &repo, "strategy: {type: BlueGreen, keep: 40s}\ntests: {enabled: false}"));
    f.wait("backagain", SOON, |env| ready(env, "True", "InSync"));
    let serving = || f.field("service/backagain", r"{.spec.selector.windlass\.dev/colour}");
    let blue = f.field("deployment/backagain-blue", "{.metadata.uid}");
    repo.push("values.yaml", |text| text.replace("hello", "second"));
    f.until(SOON, "the Services switch", || serving() == "green");
    // Its Pods begin to crash: a new image, set past everybody, as a node would lose one.
    f.kubectl(&["patch", "deployment", "backagain-green", "--type=strategic", "-p", r#"{"spec":{"strategy":{"type":"Recreate","rollingUpdate":null},"template":{"spec":{"containers":[{"name":"app","image":"crash:1"}]}}}}"#]);
    f.until(SOON, "the Services switch back", || serving() == "blue");
    let env = f.wait("backagain", SOON, |env| env["status"]["release"]["number"] == 3 && ready(env, "False", ""));
    assert_eq!(condition(&env, "RolledBack")["status"], "True", "{env:#}");
    assert_eq!(f.field("deployment/backagain-blue", "{.metadata.uid}"), blue, "the old set stood all the time");
    assert_eq!(f.kubectl(&["get", "deployment", "-o", "name"]).trim(), "deployment.apps/backagain-blue");
}

#[test]
fn what_cannot_stand_twice_is_refused_by_name() {
    let f = Fixture::get("twice");
    let repo = Repository::of("twice", "tests/cases/life/store");
    f.create(&environment("twice", &repo, "strategy: {type: BlueGreen}"));
    let env = f.wait("twice", SOON, |env| ready(env, "False", "NotDoubled"));
    let message = condition(&env, "Ready")["message"].as_str().unwrap_or("").to_owned();
    assert!(message.contains("StatefulSet twice cannot stand twice: its claims belong to Pods of one name"), "{message}");
    assert_eq!(f.kubectl(&["get", "statefulset", "-o", "name"]).trim(), "");
}
