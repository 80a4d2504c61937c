//! What holds a sync back: windows, other Environments, deletions of what is precious, approvals.

use crate::fixture::{Fixture, Repository, condition, environment, named, ready};
use serde_json::{Value, json};
use crate::SOON;
use std::time::Duration;


fn message(env: &Value) -> String {
    condition(env, "Ready")["message"].as_str().unwrap_or_default().to_owned()
}

fn digest(env: &Value) -> String {
    env["status"]["approval"]["digest"].as_str().unwrap_or_default().to_owned()
}

fn base64(text: &str) -> Vec<u8> {
    base64::Engine::decode(&base64::engine::general_purpose::STANDARD, text).expect("base64")
}

#[test]
fn outside_of_the_windows_nothing_begins_and_the_next_opening_is_said() {
    let f = Fixture::get("windows");
    let repo = Repository::new("windows");
    f.create(&environment("windows", &repo, "sync: {windows: [{kind: Allow, schedule: '0 3 29 2 *', duration: 1h, timeZone: Europe/Berlin}]}"));
    let env = f.wait("windows", SOON, |env| ready(env, "False", "OutsideWindow"));
    assert!(message(&env).contains("opens at 2028-02-29T02:00:00Z"), "{}", message(&env));
    assert_eq!(env["status"]["plan"]["created"], 3, "the plan is shown meanwhile");
    assert_eq!(f.kubectl(&["get", "deployment", "-o", "name"]).trim(), "");
    f.kubectl(&["patch", "environment", "windows", "--type=merge", "-p", r#"{"spec":{"sync":{"windows":[]}}}"#]);
    f.wait("windows", SOON, |env| ready(env, "True", "InSync"));
}

#[test]
fn an_environment_waits_for_others_and_cycles_are_refused_by_name() {
    let f = Fixture::get("depends");
    let repo = Repository::new("depends");
    f.create(&named("shop", "depends", &repo, "dependsOn: [{name: db}]"));
    let env = f.wait("shop", SOON, |env| ready(env, "False", "DependencyNotReady"));
    assert!(message(&env).contains("depends/db does not exist"), "{}", message(&env));
    f.create(&named("db", "depends", &repo, "sync: {mode: Manual}"));
    f.wait("db", SOON, |env| ready(env, "False", "AwaitingSync"));
    let env = f.wait("shop", SOON, |env| message(env).contains("db is not Ready"));
    assert!(env["status"]["release"].is_null());
    f.windlass(&["sync", "db", "--no-wait"]);
    f.wait("shop", SOON, |env| ready(env, "True", "InSync"));
    f.kubectl(&["patch", "environment", "db", "--type=merge", "-p", r#"{"spec":{"dependsOn":[{"name":"shop"}]}}"#]);
    repo.push("values.yaml", |text| text.replace("hello", "second"));
    let env = f.wait("shop", SOON, |env| ready(env, "False", "DependencyCycle"));
    assert!(message(&env).contains("depends/shop → depends/db → depends/shop"), "{}", message(&env));
    assert_eq!(condition(&env, "Stalled")["status"], "True");
    f.kubectl(&["patch", "environment", "db", "--type=merge", "-p", r#"{"spec":{"dependsOn":null,"sync":{"mode":"Auto"}}}"#]);
    f.wait("shop", SOON, |env| ready(env, "True", "InSync") && env["status"]["release"]["number"] == 2);
}

const EXTRA: &str = "{{- range until (int .Values.extra) }}\n---\napiVersion: v1\nkind: ConfigMap\nmetadata: {name: \"extra-{{ . }}\"}\n{{- end }}\n";
const CLAIM: &str = "{{- if .Values.claim }}\napiVersion: v1\nkind: PersistentVolumeClaim\nmetadata: {name: data}\nspec:\n  storageClassName: \"\"\n  \
    volumeName: guard-data\n  accessModes: [ReadWriteOnce]\n  resources: {requests: {storage: 1Gi}}\n{{- end }}\n";

#[test]
fn a_sync_that_would_delete_much_or_data_waits_for_somebody() {
    let f = Fixture::get("guard");
    let repo = Repository::new("guard");
    f.create(&json!({
        "apiVersion": "v1", "kind": "PersistentVolume", "metadata": { "name": "guard-data" },
        "spec": {
            "capacity": { "storage": "1Gi" }, "accessModes": ["ReadWriteOnce"], "hostPath": { "path": "/nowhere" },
            "claimRef": { "namespace": "guard", "name": "data" },
        },
    }));
    repo.put("templates/extra.yaml", EXTRA);
    repo.put("templates/claim.yaml", CLAIM);
    repo.push("values.yaml", |text| format!("{text}\nextra: 6\nclaim: true\n"));
    f.create(&environment("guard", &repo, ""));
    f.wait("guard", SOON, |env| ready(env, "True", "InSync"));

    repo.push("values.yaml", |text| text.replace("extra: 6", "extra: 0"));
    let env = f.wait("guard", SOON, |env| ready(env, "False", "AwaitingApproval"));
    assert!(message(&env).contains("6 of 10 objects would be deleted (60 %, and more than 50 % waits for approval)"), "{}", message(&env));
    assert!(f.kubectl(&["get", "configmap", "-o", "name"]).contains("extra-5"));
    f.windlass(&["approve", "guard", "--no-wait"]);
    f.wait("guard", SOON, |env| ready(env, "True", "InSync") && env["status"]["release"]["number"] == 2);
    f.until(SOON, "the objects are pruned", || !f.kubectl(&["get", "configmap", "-o", "name"]).contains("extra-5"));

    repo.push("values.yaml", |text| text.replace("claim: true", "claim: false"));
    let env = f.wait("guard", SOON, |env| ready(env, "False", "AwaitingApproval"));
    assert!(message(&env).contains("PersistentVolumeClaim guard/data would be deleted, and with it the data in it"), "{}", message(&env));
    // A revision that keeps it needs nobody.
    repo.push("values.yaml", |text| text.replace("claim: false", "claim: true").replace("hello", "second"));
    let env = f.wait("guard", SOON, |env| ready(env, "True", "InSync") && env["status"]["release"]["number"] == 3);
    assert!(env["status"]["approval"].is_null());
    assert!(f.kubectl(&["get", "pvc", "-o", "name"]).contains("data"));
}

const PASSWORD: &str = "apiVersion: v1\nkind: Secret\nmetadata: {name: password}\nstringData: {password: {{ randAlphaNum 24 | quote }}}\n";

#[test]
fn a_plan_that_was_approved_is_applied_as_it_was_shown() {
    let f = Fixture::get("approved");
    let repo = Repository::new("approved");
    repo.put("templates/password.yaml", PASSWORD);
    repo.push("values.yaml", |text| format!("{text}\n"));
    f.kubectl(&["create", "configmap", "values", "--from-literal=values.yaml=message: hello", "--from-literal=other=1"]);
    f.create(&environment("approved", &repo, "{approval: Required, values: {from: [{kind: ConfigMap, name: values}]}}"));
    let env = f.wait("approved", SOON, |env| ready(env, "False", "AwaitingApproval"));
    let first = digest(&env);
    assert_eq!(env["status"]["approval"]["reason"], "each plan needs an approval");
    assert_eq!(env["status"]["approval"]["revision"], repo.head());
    let kept = f.field("secret/windlass.approved.plan", "{.data.release}");
    let kept = base64(kept.trim());
    let kept = windlass::release::decode(&kept).expect("a release");
    let drawn = kept.manifest.split("password: \"").nth(1).and_then(|rest| rest.split('"').next()).expect("it is rendered").to_owned();
    // It is rendered anew, as after a restart: what chance drew stays.
    f.kubectl(&["patch", "configmap", "values", "--type=merge", "-p", r#"{"data":{"other":"2"}}"#]);
    std::thread::sleep(Duration::from_secs(3));
    assert_eq!(digest(&f.env("approved")), first);
    let shown = f.windlass_any(&["plan", "approved"]);
    assert!(shown.contains(&first) && !shown.contains(&drawn), "{shown}");
    f.windlass(&["approve", "approved", "--digest", &first, "--no-wait"]);
    let env = f.wait("approved", SOON, |env| ready(env, "True", "InSync"));
    assert!(env["status"]["approval"].is_null());
    let there = f.field("secret/password", "{.data.password}");
    assert_eq!(base64(there.trim()), drawn.as_bytes());
    assert_eq!(f.kubectl(&["get", "secret", "windlass.approved.plan", "--ignore-not-found", "-o", "name"]).trim(), "", "it is in the record now");
    let record = f.field("secret/sh.helm.release.v1.approved.v1", "{.metadata.annotations}");
    assert!(record.contains("approved-by") && record.contains(&first), "{record}");
    assert!(f.kubectl(&["get", "events"]).contains(&format!("approved the plan {first}")));
    // Another plan needs another approval; one that is too old does not count.
    repo.push("values.yaml", |text| text.replace("app:1", "app:2"));
    let env = f.wait("approved", SOON, |env| ready(env, "False", "AwaitingApproval"));
    let second = digest(&env);
    assert_ne!(second, first);
    f.kubectl(&["annotate", "environment", "approved", "--overwrite", &format!("windlass.dev/approve={second}"), "windlass.dev/approved-at=2020-01-01T00:00:00Z"]);
    f.wait("approved", SOON, |env| message(env).contains("its approval has expired"));
    assert_eq!(f.env("approved")["status"]["release"]["number"], 1);
}

/// Who may change Environments in every way but approve; and who may approve.
fn people(f: &Fixture, namespace: &str) {
    for (name, verbs) in [("editor", "get list watch create update patch delete"), ("approver", "get list watch update patch approve")] {
        let rule = |resources: Value| json!({ "apiGroups": ["windlass.dev"], "resources": resources, "verbs": verbs.split(' ').collect::<Vec<_>>() });
        f.create(&json!({
            "apiVersion": "rbac.authorization.k8s.io/v1", "kind": "Role", "metadata": { "name": name, "namespace": namespace },
            "rules": [rule(json!(["environments", "environments/status"]))],
        }));
        f.create(&json!({
            "apiVersion": "rbac.authorization.k8s.io/v1", "kind": "RoleBinding", "metadata": { "name": name, "namespace": namespace },
            "roleRef": { "apiGroup": "rbac.authorization.k8s.io", "kind": "Role", "name": name },
            "subjects": [{ "apiGroup": "rbac.authorization.k8s.io", "kind": "User", "name": name }],
        }));
    }
}

#[test]
fn who_may_change_but_not_approve_finds_no_way_round() {
    let f = Fixture::get("bypass");
    people(&f, "bypass");
    let repo = Repository::new("bypass");
    f.create(&environment("bypass", &repo, "approval: Required"));
    let env = f.wait("bypass", SOON, |env| ready(env, "False", "AwaitingApproval"));
    let first = digest(&env);
    let now = "2999-01-01T00:00:00Z";
    let annotations = |digest: &str, by: &str| json!({ "windlass.dev/approve": digest, "windlass.dev/approved-by": by, "windlass.dev/approved-at": now });
    let refused = |what: &str, (done, said): (bool, String)| {
        assert!(!done && said.to_lowercase().contains("forbid") | said.contains("verb approve") | said.contains("has to name"), "{what}: {done} {said}");
    };
    let flags = |digest: &str, by: &str| {
        vec![format!("windlass.dev/approve={digest}"), format!("windlass.dev/approved-by={by}"), format!("windlass.dev/approved-at={now}")]
    };
    let annotate = |user: &str, digest: &str, by: &str| {
        let flags = flags(digest, by);
        let mut args = vec!["annotate", "environment", "bypass", "--overwrite"];
        args.extend(flags.iter().map(String::as_str));
        f.kubectl_as(user, &args)
    };
    let patch = |kind: &str, patch: Value| f.kubectl_as("editor", &["patch", "environment", "bypass", kind, "-p", &patch.to_string()]);

    refused("annotate", annotate("editor", &first, "editor"));
    refused("annotate in another's name", annotate("editor", &first, "approver"));
    refused("merge patch", patch("--type=merge", json!({ "metadata": { "annotations": annotations(&first, "editor") } })));
    refused("JSON patch", patch("--type=json", json!([{ "op": "add", "path": "/metadata/annotations", "value": annotations(&first, "editor") }])));
    refused("turning approvals off", patch("--type=merge", json!({ "spec": { "approval": "Off" } })));
    refused("making approvals last", patch("--type=merge", json!({ "spec": { "approvalExpires": "9999h" } })));
    refused("windlass approve", f.windlass_as("editor", &["approve", "bypass", "--no-wait"]));
    refused("edit", f.edit_as("editor", "environment/bypass", &format!("s|^metadata:|metadata:\\n  annotations: {{windlass.dev/approve: \"{first}\"}}|")));
    let mut whole = f.env("bypass");
    whole["metadata"]["annotations"] = annotations(&first, "editor");
    whole["metadata"]["managedFields"] = Value::Null;
    refused("replace", f.kubectl_with("editor", &["replace", "-f", "-"], &whole.to_string()));
    let mut apply = environment("bypass", &repo, "approval: Required");
    apply["metadata"]["annotations"] = annotations(&first, "editor");
    refused("server-side apply", f.kubectl_with("editor", &["apply", "--server-side", "-f", "-"], &apply.to_string()));
    // The status subresource takes nothing but the status, and what stands there approves nothing.
    let status = json!({ "metadata": { "annotations": annotations(&first, "editor") }, "status": { "approval": { "digest": "0".repeat(32), "reason": "none", "revision": "" } } });
    f.kubectl_as("editor", &["patch", "environment", "bypass", "--subresource=status", "--type=merge", "-p", &status.to_string()]);
    assert!(f.env("bypass")["metadata"]["annotations"]["windlass.dev/approve"].is_null());
    f.wait("bypass", SOON, |env| digest(env) == first);
    // A new Environment that comes approved.
    let mut other = environment("bypass", &repo, "approval: Required");
    other["metadata"]["name"] = json!("other");
    other["metadata"]["annotations"] = annotations(&first, "editor");
    refused("create", f.kubectl_with("editor", &["create", "-f", "-"], &other.to_string()));

    // Who may approve does so in no name but their own.
    refused("approving in another's name", annotate("approver", &first, "editor"));
    assert!(f.env("bypass")["status"]["release"].is_null(), "nothing was released by all this");
    let (done, said) = f.windlass_as("approver", &["approve", "bypass", "--digest", &first, "--no-wait"]);
    assert!(done, "{said}");
    f.wait("bypass", SOON, |env| ready(env, "True", "InSync"));
    assert!(f.field("secret/sh.helm.release.v1.bypass.v1", "{.metadata.annotations}").contains("\"windlass.dev/approved-by\":\"approver\""));

    // The old digest opens nothing new, and cannot be dated anew.
    repo.push("values.yaml", |text| text.replace("hello", "second"));
    let env = f.wait("bypass", SOON, |env| ready(env, "False", "AwaitingApproval"));
    assert_ne!(digest(&env), first);
    refused("an old digest again", annotate("editor", &first, "approver"));
    let (done, said) = f.windlass_as("approver", &["approve", "bypass", "--digest", &first, "--no-wait"]);
    assert!(!done && said.contains("does not wait (any more)"), "{said}");
    assert_eq!(f.env("bypass")["status"]["release"]["number"], 1);
    // Taking an approval back needs no right: it opens nothing.
    assert!(f.kubectl_as("editor", &["annotate", "environment", "bypass", "windlass.dev/approve-"]).0);
}
