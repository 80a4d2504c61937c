//! Trouble that nobody has to go and mend by hand: what helm left half done, a way back that is barred, Environments that hold,
//! delete or wait for each other.

use crate::{SOON, fixture::{Fixture, Repository, condition, environment, named, ready}};
use serde_json::{Value, json};
use std::{
    process::{Child, Command, Stdio},
    time::Duration,
};

fn message(env: &Value) -> String {
    condition(env, "Ready")["message"].as_str().unwrap_or_default().to_owned()
}

/// Number and status of each release record of that name, rising.
fn records(f: &Fixture, name: &str) -> Vec<(u64, String)> {
    let list: Value = serde_json::from_str(&f.kubectl(&["get", "secret", "-l", &format!("owner=helm,name={name}"), "-o", "json"])).unwrap_or_default();
    let label = |secret: &Value, key: &str| secret["metadata"]["labels"][key].as_str().unwrap_or_default().to_owned();
    let items = list["items"].as_array().cloned().unwrap_or_default();
    let mut records: Vec<_> = items.iter().map(|secret| (label(secret, "version").parse().unwrap_or(0), label(secret, "status"))).collect();
    records.sort();
    records
}

/// helm at work, waiting for a hook that never ends.
fn helm_at_work(f: &Fixture, args: &[&str]) -> Child {
    let helm = xtask::tools::tool("helm").expect("helm is built");
    let mut command = Command::new(helm);
    command.args(args).args(["-n", f.namespace(), "--timeout", "10m"]).env("KUBECONFIG", f.cluster().kubeconfig());
    command.stdout(Stdio::null()).stderr(Stdio::null()).spawn().expect("helm starts")
}

/// A hook whose Pod is on no node.
const ENDLESS_HOOK: &str = "apiVersion: batch/v1\nkind: Job\nmetadata: {name: endless, annotations: {helm.sh/hook: 'pre-install,pre-upgrade'}}\n\
    spec: {template: {spec: {restartPolicy: Never, nodeSelector: {no: where}, containers: [{name: hook, image: busybox}]}}}\n";

#[test]
fn what_helm_left_pending_is_waited_for_and_then_given_up() {
    let f = Fixture::get("pending");
    let repo = Repository::new("pending");
    f.create(&environment("pending", &repo, "release: {timeout: 15s}"));
    f.wait("pending", SOON, |env| ready(env, "True", "InSync"));
    // A chart that only helm sees.
    repo.put("templates/endless.yaml", ENDLESS_HOOK);
    let mut helm = helm_at_work(&f, &["upgrade", "pending", &repo.chart().display().to_string()]);
    f.until(SOON, "helm works on it", || records(&f, "pending").contains(&(2, "pending-upgrade".to_owned())));
    f.wait("pending", SOON, |env| condition(env, "Ready")["reason"] == "OtherToolBusy");
    assert_eq!(records(&f, "pending"), [(1, "deployed".to_owned()), (2, "pending-upgrade".to_owned())], "helm is left to it");
    helm.kill().and_then(|()| helm.wait()).expect("helm is killed");
    std::fs::remove_file(repo.work().join("templates/endless.yaml")).expect("it was there");
    repo.push("values.yaml", |text| text.replace("hello", "second"));
    f.wait("pending", SOON, |env| ready(env, "True", "InSync") && env["status"]["release"]["number"] == 3);
    assert_eq!(records(&f, "pending"), [(1, "superseded".to_owned()), (2, "failed".to_owned()), (3, "deployed".to_owned())]);
    assert_eq!(f.field("configmap/pending-config", "{.data.message}"), "second");
}

#[test]
fn an_install_that_helm_left_pending_keeps_nobody_from_installing() {
    let f = Fixture::get("half-installed");
    let repo = Repository::new("half-installed");
    repo.put("templates/endless.yaml", ENDLESS_HOOK);
    let mut helm = helm_at_work(&f, &["install", "half-installed", &repo.chart().display().to_string()]);
    f.until(SOON, "helm works on it", || records(&f, "half-installed") == [(1, "pending-install".to_owned())]);
    helm.kill().and_then(|()| helm.wait()).expect("helm is killed");
    std::fs::remove_file(repo.work().join("templates/endless.yaml")).expect("it was there");
    f.create(&environment("half-installed", &repo, "release: {timeout: 3s}"));
    f.wait("half-installed", SOON, |env| ready(env, "True", "InSync"));
    assert_eq!(records(&f, "half-installed").last().expect("a release").1, "deployed");
}

/// Refuses that the ConfigMap `barred-config` says "hello", and that its Environment's releases therefore come back.
fn bar_the_way_back(f: &Fixture) {
    f.create(&json!({
        "apiVersion": "admissionregistration.k8s.io/v1", "kind": "ValidatingAdmissionPolicy", "metadata": {"name": "barred.windlass.test"},
        "spec": {
            "failurePolicy": "Fail",
            "matchConstraints": {
                "namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": "barred"}},
                "resourceRules": [{"apiGroups": [""], "apiVersions": ["v1"], "operations": ["CREATE", "UPDATE"], "resources": ["configmaps"]}],
            },
            "validations": [{"expression": "object.metadata.name != 'barred-config' || object.data.message != 'hello'", "message": "no way back"}],
        },
    }));
    f.create(&json!({
        "apiVersion": "admissionregistration.k8s.io/v1", "kind": "ValidatingAdmissionPolicyBinding", "metadata": {"name": "barred.windlass.test"},
        "spec": {"policyName": "barred.windlass.test", "validationActions": ["Deny"]},
    }));
    let hello = "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: barred-config}\ndata: {message: hello}";
    f.until(SOON, "the policy is in force", || !f.kubectl_with("admin", &["apply", "--dry-run=server", "-f", "-"], hello).1.contains("dry run"));
}

#[test]
fn a_rollback_that_fails_says_so_and_holds_still() {
    let f = Fixture::get("barred");
    let repo = Repository::new("barred");
    f.create(&environment("barred", &repo, "sync: {retry: {limit: 1, backoff: 100ms}}"));
    f.wait("barred", SOON, |env| ready(env, "True", "InSync"));
    f.create(&json!({
        "apiVersion": "rbac.authorization.k8s.io/v1", "kind": "RoleBinding", "metadata": {"name": "admin", "namespace": "barred"},
        "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": "admin"},
        "subjects": [{"apiGroup": "rbac.authorization.k8s.io", "kind": "User", "name": "admin"}],
    }));
    bar_the_way_back(&f);
    // The second revision says something else, and its Pods crash.
    repo.push("values.yaml", |text| text.replace("hello", "second").replace("app:1", "crash:1"));
    let env = f.wait("barred", SOON, |env| ready(env, "False", "RollbackFailed"));
    assert!(message(&env).contains("no way back") && message(&env).contains("windlass retry barred"), "{}", message(&env));
    assert_eq!(condition(&env, "Stalled")["status"], "True");
    let held = records(&f, "barred");
    assert_eq!(held, [(1, "deployed".to_owned()), (2, "failed".to_owned()), (3, "failed".to_owned())]);
    std::thread::sleep(Duration::from_secs(12));
    assert_eq!(records(&f, "barred"), held, "nothing is tried again by itself");
    assert!(ready(&f.env("barred"), "False", "RollbackFailed"));
    // A new commit is a way out.
    repo.push("values.yaml", |text| text.replace("second", "third").replace("crash:1", "app:1"));
    f.wait("barred", SOON, |env| ready(env, "True", "InSync"));
    assert_eq!(f.field("configmap/barred-config", "{.data.message}"), "third");
}

#[test]
fn what_a_failed_release_left_is_put_right_by_going_back_on_the_branch() {
    let f = Fixture::get("left-over");
    let repo = Repository::new("left-over");
    f.create(&environment("left-over", &repo, "rollback: {enabled: false}"));
    f.wait("left-over", SOON, |env| ready(env, "True", "InSync"));
    repo.push("values.yaml", |text| text.replace("app:1", "crash:1"));
    f.until(SOON, "the failure", || records(&f, "left-over").contains(&(2, "failed".to_owned())));
    assert_eq!(f.field("deployment/left-over", "{.spec.template.spec.containers[0].image}"), "crash:1");
    // Word for word what the first release has, which is still the one that runs; but it does not live so.
    repo.push("values.yaml", |text| text.replace("crash:1", "app:1"));
    f.until(SOON, "the image is back", || f.field("deployment/left-over", "{.spec.template.spec.containers[0].image}") == "app:1");
    f.wait("left-over", SOON, |env| ready(env, "True", "InSync"));
}

#[test]
fn an_environment_that_cannot_be_meant_is_removed_all_the_same() {
    let f = Fixture::get("unmeant");
    let repo = Repository::new("unmeant");
    f.create(&environment("unmeant", &repo, ""));
    f.wait("unmeant", SOON, |env| ready(env, "True", "InSync"));
    let windows = json!({"spec": {"sync": {"windows": [{"kind": "Allow", "schedule": "whenever", "duration": "1h"}]}}}).to_string();
    f.kubectl(&["patch", "environment", "unmeant", "--type=merge", "-p", &windows]);
    f.wait("unmeant", SOON, |env| condition(env, "Ready")["reason"] == "InvalidSpec");
    f.kubectl(&["delete", "environment", "unmeant", "--timeout=60s"]);
    assert_eq!(f.kubectl(&["get", "environment,secret,deployment", "-o", "name"]).trim(), "");
}

#[test]
fn an_environment_that_is_created_again_at_once_is_minded_as_the_one_before() {
    let f = Fixture::get("recreated");
    let repo = Repository::new("recreated");
    let env = environment("recreated", &repo, "sync: {mode: Manual}");
    let (collection, path) = ("/apis/windlass.dev/v1alpha1/namespaces/recreated/environments", xtask::agent::environment_path("recreated", "recreated"));
    for _ in 0..20 {
        f.api().create(collection, &env).expect("it is taken");
        f.wait("recreated", SOON, |env| ready(env, "False", "AwaitingSync"));
        f.api().delete(&path).expect("the deletion is taken");
        let begun = std::time::Instant::now();
        while f.api().find(&path).expect("it can be looked for").is_some() {
            assert!(begun.elapsed() < SOON, "it is not let go");
        }
    }
}

/// A chart whose only object is a child Environment, below `spec` of which stands `more`.
fn parent_of(name: &str, child: &str, children: &Repository, more: &str) -> Repository {
    let repo = Repository::new(name);
    for old in ["deployment.yaml", "service.yaml", "config.yaml", "tests/answer.yaml"] {
        repo.remove(&format!("templates/{old}"));
    }
    let source = format!("{{git: {{url: '{}', branch: develop, interval: 1s}}}}", children.url());
    repo.put("templates/child.yaml", &format!("apiVersion: windlass.dev/v1alpha1\nkind: Environment\nmetadata: {{name: {child}}}\nspec:\n  source: {source}\n{more}"));
    repo.push("values.yaml", |text| format!("{text}\n"));
    repo
}

#[test]
fn a_child_that_waits_for_its_parent_is_a_cycle_and_no_deadlock() {
    let f = Fixture::get("above");
    let children = Repository::new("above-child");
    let repo = parent_of("above", "below", &children, "  dependsOn: [{name: above}]\n");
    f.create(&environment("above", &repo, "rollback: {firstInstall: Keep}"));
    f.until(SOON, "the child is there", || !f.kubectl(&["get", "environment", "below", "-o", "name", "--ignore-not-found"]).is_empty());
    let env = f.wait("below", SOON, |env| condition(env, "Ready")["reason"] == "DependencyCycle");
    assert!(message(&env).contains("above/below → above/above → above/below"), "{}", message(&env));
    let failed = |env: &Value| env["status"]["release"]["status"] == "failed" && message(env).contains("wait for each other");
    f.wait("above", SOON, |env| condition(env, "Ready")["status"] == "False" && failed(env));
    repo.push("templates/child.yaml", |text| text.replace("  dependsOn: [{name: above}]\n", ""));
    f.wait("above", SOON, |env| ready(env, "True", "InSync"));
    assert!(ready(&f.env("below"), "True", "InSync"));
}

#[test]
fn a_child_that_cannot_go_is_named_by_its_parent_with_what_holds_it() {
    let f = Fixture::get("holding");
    let children = Repository::new("holding-child");
    let repo = parent_of("holding", "held", &children, "  release: {timeout: 2s}\n");
    f.create(&environment("holding", &repo, "release: {timeout: 5s}"));
    f.wait("holding", SOON, |env| ready(env, "True", "InSync"));
    f.kubectl(&["patch", "configmap", "held-config", "--type=merge", "-p", r#"{"metadata":{"finalizers":["example.com/hold"]}}"#]);
    f.kubectl(&["delete", "environment", "holding", "--wait=false"]);
    f.wait("held", SOON, |env| message(env).contains("ConfigMap holding/held-config") && message(env).contains("example.com/hold"));
    let env = f.wait("holding", SOON, |env| condition(env, "Ready")["reason"] == "DeletionStuck");
    assert!(message(&env).contains("Environment holding/held") && message(&env).contains("windlass.dev/release"), "{}", message(&env));
    f.kubectl(&["patch", "configmap", "held-config", "--type=merge", "-p", r#"{"metadata":{"finalizers":null}}"#]);
    for name in ["held", "holding"] {
        f.kubectl(&["annotate", "environment", name, "windlass.dev/retry=now"]);
    }
    f.until(Duration::from_secs(150), "both go", || f.kubectl(&["get", "environment", "-o", "name"]).trim().is_empty());
    assert_eq!(f.kubectl(&["get", "secret,deployment", "-o", "name"]).trim(), "");
}

#[test]
fn a_parent_that_holds_its_childs_namespace_lets_the_child_go_first() {
    let f = Fixture::get("tenant-home");
    let children = Repository::new("tenant-child");
    children.add("templates/role.yaml", "apiVersion: rbac.authorization.k8s.io/v1\nkind: ClusterRole\nmetadata: {name: of-the-tenant}\nrules: []\n");
    let repo = parent_of("tenant-home", "tenant, namespace: tenant", &children, "");
    repo.add("templates/namespace.yaml", "apiVersion: v1\nkind: Namespace\nmetadata: {name: tenant}\n");
    f.create(&environment("tenant-home", &repo, "sync: {retry: {limit: 30, backoff: 500ms}}"));
    f.wait("tenant-home", SOON, |env| ready(env, "True", "InSync"));
    let left = || f.kubectl(&["get", "namespace/tenant", "clusterrole/of-the-tenant", "--ignore-not-found", "-o", "name"]);
    assert_eq!(left().lines().count(), 2);
    // The child takes its time.
    let hold = |finalizers: Value| {
        let patch = json!({"metadata": {"finalizers": finalizers}});
        f.api().merge("/apis/rbac.authorization.k8s.io/v1/clusterroles/of-the-tenant", &patch).expect("the role is patched");
    };
    hold(json!(["example.com/hold"]));
    f.kubectl(&["delete", "environment", "tenant-home", "--wait=false"]);
    let env = f.wait("tenant-home", SOON, |env| message(env).contains("Environment tenant/tenant"));
    assert_eq!(f.field("namespace/tenant", "{.status.phase}"), "Active", "its namespace would take the child's records away: {}", message(&env));
    hold(Value::Null);
    f.until(2 * SOON, "all of it goes", || f.kubectl(&["get", "environment", "-o", "name"]).trim().is_empty() && left().is_empty());
}

#[test]
fn however_many_hooks_run_nobody_else_waits_for_them() {
    let f = Fixture::get("many-hooks");
    let slow = Repository::new("many-hooks");
    slow.put("templates/endless.yaml", &ENDLESS_HOOK.replace("name: endless,", "name: '{{ .Release.Name }}-endless',"));
    slow.push("values.yaml", |text| format!("{text}# with a hook\n"));
    // More than are at work at once.
    const HOOKS: usize = 40;
    for number in 0..HOOKS {
        f.create(&named(&format!("hooks-{number}"), "many-hooks", &slow, "release: {timeout: 3m}"));
    }
    let pending = || {
        let list: Value = serde_json::from_str(&f.kubectl(&["get", "env", "-o", "json"])).unwrap_or_default();
        let items = list["items"].as_array().cloned().unwrap_or_default();
        items.iter().filter(|env| env["status"]["release"]["status"] == "pending-install").count()
    };
    f.until(SOON, "all of their hooks run", || f.kubectl(&["get", "jobs", "-o", "name"]).lines().count() == HOOKS && pending() == HOOKS);
    let repo = Repository::new("in-between");
    f.create(&named("in-between", "many-hooks", &repo, ""));
    f.wait("in-between", SOON, |env| ready(env, "True", "InSync"));
    assert_eq!(pending(), HOOKS, "they still run");
    f.kubectl(&["delete", "env", "--all", "--wait=false"]);
}
