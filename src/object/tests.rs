//! Manifests to objects.

use super::*;
use serde_json::json;

fn fails(manifest: &str) -> String {
    split_documents(manifest).unwrap_err().to_string()
}

#[test]
fn a_manifest_gives_its_objects_with_their_templates() {
    let manifest = "---\n# Source: shop/templates/a.yaml\napiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: a\ndata:\n  n: \"1\"\n---\n# Source: shop/templates/empty.yaml\n# nothing\n--- # more\napiVersion: apps/v1\nkind: Deployment\nmetadata: {name: web, namespace: shop}\nspec:\n  replicas: 3\n  big: 9007199254740993\n  float: 1.5\n  whole: 2.0\n  exp: 1e3\n";
    let objects = split_documents(manifest).unwrap();
    assert_eq!(objects.len(), 2);
    assert_eq!(objects[0].source.as_deref(), Some("shop/templates/a.yaml"));
    assert_eq!(objects[1].reference.to_string(), "Deployment shop/web");
    assert_eq!(objects[1].json["spec"], json!({"replicas": 3, "big": 9_007_199_254_740_993_i64, "float": 1.5, "whole": 2, "exp": 1000}));
}

#[test]
fn lists_are_opened_however_deep() {
    let manifest = "apiVersion: v1\nkind: List\nitems:\n- apiVersion: v1\n  kind: ConfigMap\n  metadata: {name: a}\n- apiVersion: rbac.authorization.k8s.io/v1\n  kind: RoleList\n  items:\n  - metadata: {name: r}\n";
    let names: Vec<String> = split_documents(manifest).unwrap().iter().map(|object| object.reference.to_string()).collect();
    assert_eq!(names, ["ConfigMap a", "Role r"]);
}

#[test]
fn mistakes_are_named_with_their_place() {
    assert_eq!(
        fails("# Source: shop/templates/a.yaml\nkind: ConfigMap\nmetadata: {name: a}\n"),
        "shop/templates/a.yaml (document 1 of the manifest): apiVersion is missing (its name is \"a\"): every object needs apiVersion, kind and metadata.name"
    );
    assert!(fails("- a\n").ends_with("must be a mapping with apiVersion, kind and metadata, but this is a list"));
    assert!(fails("apiVersion: v1\nkind: ConfigMap\n").ends_with("this ConfigMap has no metadata: give it metadata.name"));
    assert!(fails("apiVersion: v1\nkind: ConfigMap\nmetadata: {name: 5}\n").ends_with("must be a string, but is the number 5: quote it"));
    assert!(fails("apiVersion: v1\nkind: X\nmetadata: {name: a, generateName: b}\n").ends_with("metadata.name and metadata.generateName cannot both be set"));
    assert!(
        fails("apiVersion: v1\nkind: X\nmetadata: {name: a, annotations: {on: true}}\n")
            .ends_with("must be a string, but is the truth value true: quote it")
    );
    assert!(fails("a: b: c\n").contains("document 1 of the manifest"));
    assert_eq!(split_documents("apiVersion: v1\nkind: Job\nmetadata: {generateName: b-}\n").unwrap()[0].reference.name, "");
}

#[test]
fn depth_has_a_bound() {
    let deep = format!("{}{}", "[".repeat(5_000), "]".repeat(5_000));
    assert!(split_documents(&format!("apiVersion: v1\nkind: X\nmetadata: {{name: a}}\nspec: {deep}\n")).is_err());
}


#[test]
fn a_reference_reads_as_people_say_it() {
    let web = ObjectRef::of(&json!({"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "web", "namespace": "shop"}}));
    assert_eq!(web.to_string(), "Deployment shop/web");
    assert_eq!(web.gvk, Gvk { group: "apps".into(), version: "v1".into(), kind: "Deployment".into() });
    assert_eq!(web.gvk.api_version(), "apps/v1");
    let shop = ObjectRef::of(&json!({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "shop", "namespace": ""}}));
    assert_eq!(shop.to_string(), "Namespace shop");
    assert_eq!(shop.gvk.api_version(), "v1");
}

#[test]
fn the_version_is_no_part_of_the_identity() {
    let at = |version: &str| ObjectRef { gvk: Gvk::new(version, "CronJob"), namespace: Some("a".into()), name: "b".into() };
    assert!(at("batch/v1").same_object(&at("batch/v1beta1")));
    assert!(!at("batch/v1").same_object(&at("other/v1")));
    assert_eq!(at("batch/v1").identity(), at("batch/v1beta1").identity());
}

#[test]
fn objects_are_placed_by_their_scope() {
    let mut web = Object::new(json!({"apiVersion": "v1", "kind": "Service", "metadata": {"name": "web"}}), None);
    web.place(true, "shop");
    assert_eq!(web.reference.to_string(), "Service shop/web");
    let mut role = Object::new(json!({"kind": "ClusterRole", "metadata": {"name": "r", "namespace": "x"}}), None);
    role.place(false, "shop");
    assert_eq!(role.reference.namespace, None);
    assert!(role.json["metadata"].get("namespace").is_none());
}
