//! Whole plans, from what a cluster answered to what people read.

use super::*;
use crate::object::ownership::stamp;
use serde_json::json;

fn release() -> Release {
    Release { name: "shop".into(), namespace: "town".into() }
}

fn options() -> Options {
    Options { release: release(), environment: "town/shop".into(), ..Options::default() }
}

fn object(kind: &str, name: &str, body: Value) -> Value {
    let version = if kind == "Deployment" { "apps/v1" } else { "v1" };
    let mut object = json!({"apiVersion": version, "kind": kind, "metadata": {"name": name, "namespace": "town"}});
    for (key, value) in body.as_object().unwrap() {
        object[key] = value.clone();
    }
    stamp(&mut object, &release(), Some("town/shop"));
    object
}

fn config(name: &str, value: &str) -> Value {
    object("ConfigMap", name, json!({"data": {"key": value}}))
}

/// As the server would hold it.
fn lived(mut object: Value) -> Value {
    object["metadata"]["uid"] = "u".into();
    object["metadata"]["resourceVersion"] = "7".into();
    object["metadata"]["creationTimestamp"] = "2026-01-01T00:00:00Z".into();
    object["metadata"]["managedFields"] = json!([]);
    object["status"] = json!({"observedGeneration": 1});
    object
}

fn candidate(desired: Value, observed: Observed) -> Candidate {
    Candidate { desired: Object::new(desired, Some("shop/templates/a.yaml".into())), observed }
}

fn live(before: Value, after: Value) -> Observed {
    Observed::Live { live: lived(before), outcome: Outcome::Would(lived(after)) }
}

fn previous(object: Value) -> Previous {
    Previous { reference: ObjectRef::of(&object), live: Some(lived(object)), content: None }
}

fn planned(desired: Vec<Candidate>, previous: Vec<Previous>, options: &Options) -> Plan {
    plan(Input { desired, previous }, options)
}

fn action(plan: &Plan) -> &Action {
    &plan.changes[0].action
}

#[test]
fn an_unchanged_environment_has_an_empty_plan() {
    let same = config("a", "1");
    let mut fresher = lived(same.clone());
    fresher["metadata"]["resourceVersion"] = "8".into();
    fresher["metadata"]["managedFields"] = json!([{"manager": "windlass"}]);
    let observed = Observed::Live { live: lived(same.clone()), outcome: Outcome::Would(fresher) };
    let plan = planned(vec![candidate(same, observed)], vec![], &options());
    assert!(plan.is_empty());
    assert_eq!(show::summary(&plan), "1 unchanged");
    assert_eq!(diff::unified(&plan.changes[0], 3), "");
}

#[test]
fn changes_show_as_a_diff() {
    let plan = planned(
        vec![candidate(config("a", "2"), live(config("a", "1"), config("a", "2"))), candidate(config("b", "1"), Observed::Absent)],
        vec![],
        &options(),
    );
    assert_eq!(show::summary(&plan), "1 to create, 1 to change");
    let diff = diff::unified(&plan.changes[0], 1);
    assert_eq!(
        diff,
        "--- live ConfigMap town/a\n+++ planned ConfigMap town/a\n@@ -1,5 +1,5 @@\n apiVersion: v1\n data:\n-  key: \"1\"\n+  key: \"2\"\n kind: ConfigMap\n"
            .replace("@@ -1,5 +1,5 @@\n apiVersion: v1\n", "@@ -2,3 +2,3 @@\n")
    );
    let text = show::text(&plan, show::Style::default());
    assert!(text.starts_with("~ ConfigMap town/a: change  (shop/templates/a.yaml)\n--- live"), "{text}");
    assert!(text.contains("+ ConfigMap town/b: create  (shop/templates/a.yaml)\n--- /dev/null\n+++ planned ConfigMap town/b\n"), "{text}");
    assert!(text.ends_with("1 to create, 1 to change\n"));
    assert!(!text.contains('\x1b'));
    assert!(show::text(&plan, show::Style { color: true, context: 3 }).contains("\x1b[33m~ ConfigMap town/a"));
}

#[test]
fn the_digest_knows_what_is_rendered_and_nothing_else() {
    let digest = |before: &str, after: &str, noise: &str| {
        let mut old = config("a", before);
        old["metadata"]["annotations"]["noise"] = noise.into();
        planned(vec![candidate(config("a", after), live(old, config("a", after)))], vec![], &options()).digest
    };
    assert_eq!(digest("1", "2", "x"), digest("1", "2", "y"));
    assert_ne!(digest("1", "2", "x"), digest("1", "3", "x"));
}

#[test]
fn another_releases_object_is_refused_by_name() {
    let mut theirs = config("a", "1");
    stamp(&mut theirs, &Release { name: "other".into(), namespace: "village".into() }, None);
    let refused = planned(vec![candidate(config("a", "1"), live(theirs, config("a", "1")))], vec![], &options());
    assert_eq!(
        action(&refused),
        &Action::Refused { why: Blocked::OwnedBy { release: Release { name: "other".into(), namespace: "village".into() } } }
    );
    assert!(refused.changes[0].reasons[0].starts_with("release village/other owns it"));
}

#[test]
fn what_nobody_owns_is_refused_as_helm_does_or_adopted() {
    let bare = json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "a", "namespace": "town"}, "data": {"key": "1"}});
    let ask = |adopt| {
        let options = Options { adopt, ..options() };
        planned(vec![candidate(config("a", "1"), live(bare.clone(), config("a", "1")))], vec![], &options)
    };
    let refused = ask(false);
    assert_eq!(
        refused.changes[0].reasons[0],
        "ConfigMap \"a\" in namespace \"town\" exists and cannot be imported into the current release: invalid ownership metadata; label validation error: missing key \"app.kubernetes.io/managed-by\": must be set to \"Helm\"; annotation validation error: missing key \"meta.helm.sh/release-name\": must be set to \"shop\"; annotation validation error: missing key \"meta.helm.sh/release-namespace\": must be set to \"town\""
    );
    let adopted = ask(true);
    assert_eq!(action(&adopted), &Action::Update);
    assert_eq!(adopted.changes[0].reasons, ["no release owns it: it is taken over as it is"]);
}

fn immutable() -> Refusal {
    Refusal {
        code: 422,
        causes: vec![Cause { field: "spec.selector".into(), message: "Invalid value: field is immutable".into(), ..Cause::default() }],
        ..Refusal::default()
    }
}

#[test]
fn immutable_fields_are_refused_or_replaced_by_policy() {
    let before = object("Deployment", "web", json!({"spec": {"selector": "a", "revisionHistoryLimit": 10}}));
    let after = object("Deployment", "web", json!({"spec": {"selector": "b"}}));
    let ask = |replace_immutable| {
        let observed = Observed::Live { live: lived(before.clone()), outcome: Outcome::Refused(immutable()) };
        planned(vec![candidate(after.clone(), observed)], vec![], &Options { replace_immutable, ..options() })
    };
    let fields = vec!["spec.selector".to_owned()];
    assert_eq!(action(&ask(false)), &Action::Refused { why: Blocked::Immutable { fields: fields.clone() } });
    let replaced = ask(true);
    assert_eq!(action(&replaced), &Action::Replace { fields });
    assert!(replaced.changes[0].reasons[0].contains("deleted and created anew"));
    let diff = diff::unified(&replaced.changes[0], 0);
    assert!(diff.contains("-  selector: a\n+  selector: b\n") && !diff.contains("revisionHistoryLimit"), "{diff}");
}

#[test]
fn only_what_carries_our_mark_is_pruned_or_what_helm_recorded() {
    let mut unmarked = config("unmarked", "1");
    unmarked["metadata"]["annotations"] = json!({});
    // What helm made of this very release, before windlass took it over: helm would delete it, too.
    let mut by_helm = config("by-helm", "1");
    by_helm["metadata"]["annotations"].as_object_mut().unwrap().remove("windlass.dev/environment");
    let annotated = |name: &str, key: &str, value: &str| {
        let mut object = config(name, "1");
        object["metadata"]["annotations"][key] = value.into();
        object
    };
    let all = || {
        vec![
            previous(config("pruned", "1")),
            previous(unmarked.clone()),
            previous(by_helm.clone()),
            previous(annotated("kept", "helm.sh/resource-policy", "keep")),
            previous(annotated("forbidden", "windlass.dev/prune", "false")),
            previous(annotated("moved", "windlass.dev/environment", "town/other")),
            previous(annotated("taken", "meta.helm.sh/release-name", "other")),
            previous(config("still-there", "1")),
            Previous { live: None, ..previous(config("gone", "1")) },
        ]
    };
    let desired = || vec![candidate(config("still-there", "1"), live(config("still-there", "1"), config("still-there", "1")))];
    let verdicts = |options: &Options| -> Vec<(String, Action)> {
        planned(desired(), all(), options).changes.into_iter().skip(1).map(|change| (change.reference.name, change.action)).collect()
    };
    let keep = |why| Action::Keep { why };
    let other = Release { name: "other".into(), ..release() };
    assert_eq!(
        verdicts(&options()),
        [
            ("by-helm".into(), keep(Kept::Unmarked)),
            ("forbidden".into(), keep(Kept::Annotation)),
            ("kept".into(), keep(Kept::ResourcePolicy)),
            ("moved".into(), keep(Kept::MarkedBy { environment: "town/other".into() })),
            ("pruned".into(), Action::Prune),
            ("taken".into(), keep(Kept::OwnedBy { release: other })),
            ("unmarked".into(), keep(Kept::Unmarked)),
        ]
    );
    let after_helm = verdicts(&Options { recorded_by_helm: true, ..options() });
    assert!(after_helm.contains(&("by-helm".into(), Action::Prune)));
    assert!(after_helm.contains(&("unmarked".into(), keep(Kept::Unmarked))), "it is not helm's, either");
    assert!(verdicts(&Options { prune: false, ..options() }).contains(&("pruned".into(), keep(Kept::PruneOff))));
}

#[test]
fn a_version_of_an_api_that_moved_on_prunes_nothing() {
    let mut old = config("a", "1");
    old["apiVersion"] = "v0".into();
    let plan = planned(vec![candidate(config("a", "1"), live(config("a", "1"), config("a", "1")))], vec![previous(old)], &options());
    assert!(plan.is_empty());
    assert_eq!(plan.changes.len(), 1);
}

#[test]
fn a_great_or_precious_loss_waits_for_a_person() {
    let many = |count: usize| (0..count).map(|at| previous(config(&format!("m{at}"), "1"))).collect::<Vec<_>>();
    let kept = |count: usize| {
        (0..count).map(|at| { let same = config(&format!("k{at}"), "1"); candidate(same.clone(), live(same.clone(), same)) }).collect::<Vec<_>>()
    };
    assert!(!planned(kept(5), many(5), &options()).guard.needs_approval());
    let most = planned(kept(4), many(6), &options());
    assert_eq!(most.guard.reasons, ["6 of 10 objects would be deleted (60 %, and more than 50 % waits for approval)"]);
    let claim = object("PersistentVolumeClaim", "data", json!({}));
    let guard = planned(kept(9), vec![previous(claim)], &options()).guard;
    assert_eq!(guard.reasons, ["PersistentVolumeClaim town/data would be deleted, and with it the data in it"]);
    assert_eq!(guard.precious.len(), 1);
    let namespace = |content| Previous { content, ..previous(object("Namespace", "ns", json!({}))) };
    assert!(planned(kept(9), vec![namespace(Some(3))], &options()).guard.needs_approval());
    assert!(!planned(kept(9), vec![namespace(Some(0))], &options()).guard.needs_approval());
    assert!(planned(kept(9), vec![namespace(None)], &options()).guard.needs_approval());
}

#[test]
fn no_way_of_showing_a_plan_gives_a_secret_away() {
    let secret = |value: &str| object("Secret", "s", json!({"data": {"password": value}}));
    let refusal = Refusal { code: 422, message: "Invalid value: \"b2xkLXBhc3N3b3Jk\"".into(), ..Refusal::default() };
    let plan = planned(
        vec![
            candidate(secret("bmV3LXBhc3N3b3Jk"), live(secret("b2xkLXBhc3N3b3Jk"), secret("bmV3LXBhc3N3b3Jk"))),
            candidate(secret("b2xkLXBhc3N3b3Jk"), Observed::Refused(refusal)),
            candidate(secret("bmV3LXBhc3N3b3Jk"), Observed::Absent),
        ],
        vec![],
        &options(),
    );
    let shown = [
        show::text(&plan, show::Style::default()),
        show::markdown(&plan, "Plan", 60_000),
        show::json(&plan).to_string(),
    ];
    for text in shown {
        for secret in ["bmV3LXBhc3N3b3Jk", "b2xkLXBhc3N3b3Jk", "new-password", "old-password"] {
            assert!(!text.contains(secret), "{text}");
        }
        assert!(text.contains("(hidden, changed)"), "{text}");
    }
}

#[test]
fn a_comment_keeps_within_its_limit_and_its_fences() {
    let changes = (0..50).map(|at| candidate(config(&format!("a{at}"), &"```\nx\n".repeat(100)), Observed::Absent)).collect();
    let plan = planned(changes, vec![], &options());
    let comment = show::markdown(&plan, "Plan for <town>", 20_000);
    assert!(comment.len() <= 20_000);
    assert!(comment.starts_with("### Plan for &lt;town&gt;\n\n50 to create\n"));
    assert!(comment.contains("\n````diff\n"), "{comment}");
    assert!(comment.contains("left out because this comment may not be longer"));
}

#[test]
fn what_cannot_be_asked_about_yet_is_marked() {
    let observed = Observed::Hypothetical { why: "its namespace is created by the same plan".into() };
    let plan = planned(vec![candidate(config("a", "1"), observed)], vec![], &options());
    assert_eq!(action(&plan), &Action::Create);
    assert!(show::text(&plan, show::Style::default()).contains("planned from the rendered text alone: its namespace is created by the same plan"));
}

#[test]
fn an_autoscaler_in_the_same_release_owns_the_replicas() {
    let web = |replicas: u32| object("Deployment", "web", json!({"spec": {"replicas": replicas}}));
    let hpa = json!({"apiVersion": "autoscaling/v2", "kind": "HorizontalPodAutoscaler", "metadata": {"name": "web", "namespace": "town"},
        "spec": {"scaleTargetRef": {"apiVersion": "apps/v1", "kind": "Deployment", "name": "web"}}});
    let scaled = || candidate(web(2), live(web(5), web(2)));
    assert_eq!(action(&planned(vec![scaled()], vec![], &options())), &Action::Update);
    assert_eq!(action(&planned(vec![scaled(), candidate(hpa, Observed::Absent)], vec![], &options())), &Action::Unchanged);
}
