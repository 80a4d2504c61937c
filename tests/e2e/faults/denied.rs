//! An agent that lacks a right says which rule it needs, leaves the release alone, and goes on once it has it.

use super::world::*;
use serde_json::json;
use xtask::agent::condition;

#[test]
fn a_forbidden_action_names_the_rule_that_lacks() {
    let world = world();
    let case = Case::new(world, "denied");
    let api = world.cluster.api();
    let role = |resources: serde_json::Value| {
        json!({
            "apiVersion": "rbac.authorization.k8s.io/v1", "kind": "ClusterRole", "metadata": {"name": "denied"},
            "rules": [
                {"apiGroups": ["", "batch", "coordination.k8s.io", "windlass.dev"], "resources": ["*"], "verbs": ["*"]},
                {"apiGroups": ["apps"], "resources": resources, "verbs": ["*"]},
                {"nonResourceURLs": ["*"], "verbs": ["get"]},
            ],
        })
    };
    let path = "/apis/rbac.authorization.k8s.io/v1/clusterroles/denied";
    api.apply(path, &role(json!(["replicasets"]))).expect("the role is taken");
    let binding = json!({
        "apiVersion": "rbac.authorization.k8s.io/v1", "kind": "ClusterRoleBinding", "metadata": {"name": "denied"},
        "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": "denied"},
        "subjects": [{"apiGroup": "rbac.authorization.k8s.io", "kind": "User", "name": "denied"}],
    });
    api.apply("/apis/rbac.authorization.k8s.io/v1/clusterrolebindings/denied", &binding).expect("the binding is taken");
    let kubeconfig = world.cluster.kubeconfig_for_user("denied", None).expect("a kubeconfig");
    let mut agent = world.agent("denied", Some(&case.namespace), &kubeconfig);
    case.create();
    case.until("the refusal", &agent, |env| {
        env.is_some_and(|env| {
            let [status, reason, message] = condition(env, "Stalled");
            let rule = r#"{apiGroups: ["apps"], resources: ["deployments"], verbs: ["#;
            status == "True" && reason == "Forbidden" && message.contains(rule)
        })
    });
    assert!(case.records().is_empty() && case.list("api/v1/services").is_empty(), "nothing was applied");
    api.apply(path, &role(json!(["*"]))).expect("the role is taken");
    case.until("the first release", &agent, |env| settled(env, world.commit(Revision::First), 1));
    agent.kill().expect("the agent ends");
}
