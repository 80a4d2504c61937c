//! Blue and green: a second set of Pods under a colour beside the one that serves, until the Services switch.
//!
//! Deployments and StatefulSets, the ConfigMaps and Secrets that they use, their autoscalers and disruption budgets get the
//! colour as a suffix of their names; their Pods carry it as a label. A Service that selects such Pods selects the colour, too,
//! and has a preview Service beside it. All else is as rendered.

use super::{TransformError, keys};
use crate::object::{Object, ObjectRef};
use regex::Regex;
use serde_json::{Map, Value, json};
use std::collections::BTreeSet;

/// The label of coloured Pods, and in the selectors of what finds them.
pub const COLOUR: &str = "windlass.dev/colour";
/// The label of preview Services.
const PREVIEW: &str = "windlass.dev/preview";
/// The two of them.
const COLOURS: [&str; 2] = ["blue", "green"];
/// The longest name that a workload may have, so that those of its Pods still fit into a label (63) with suffix and hash.
const MAX_NAME: usize = 45;

/// The colour of a release's set; `None` where it has none.
pub fn of_colour(objects: &[Object]) -> Option<&'static str> {
    let of = |object: &Object| object.json["spec"]["template"]["metadata"]["labels"][COLOUR].as_str().map(str::to_owned);
    let found = objects.iter().filter(|object| is_doubled(object)).find_map(of)?;
    COLOURS.into_iter().find(|colour| *colour == found)
}

/// The colour that a live Service leads to; empty where it leads to none.
pub fn serving_colour(service: &Value) -> &str {
    service["spec"]["selector"][COLOUR].as_str().unwrap_or_default()
}

/// The colour for the next set.
pub fn other(colour: Option<&str>) -> &'static str {
    if colour == Some(COLOURS[0]) { COLOURS[1] } else { COLOURS[0] }
}

/// Whether the object is a Service whose selector leads to one colour or the other: applied when the new set has proved itself.
pub fn switches(object: &Object) -> bool {
    object.reference.gvk.is("", "Service") && object.json["spec"]["selector"][COLOUR].is_string() && object.json["metadata"]["labels"][PREVIEW].is_null()
}

/// The set in a colour. `hooks` are what runs beside it: tests among them ask the preview instead of the Service.
///
/// # Errors
/// What cannot stand twice, by name.
pub fn coloured(objects: &[Object], colour: &str, preview: &str) -> Result<Vec<Object>, TransformError> {
    let doubled: Vec<&Object> = objects.iter().filter(|object| is_doubled(object)).collect();
    for object in &doubled {
        alone(object, objects)?;
    }
    let (maps, secrets) = (used(objects, "ConfigMap", &MAPS), used(objects, "Secret", &SECRETS));
    let workloads: BTreeSet<(String, String)> = doubled.iter().map(|object| (object.reference.gvk.kind.clone(), object.reference.name.clone())).collect();
    let mut result = Vec::with_capacity(objects.len() + doubled.len());
    for object in objects {
        let gvk = &object.reference.gvk;
        let name = &object.reference.name;
        if workloads.contains(&(gvk.kind.clone(), name.clone())) && gvk.group == "apps" {
            result.push(workload(object, colour, &maps, &secrets));
        } else if gvk.is("", "ConfigMap") && maps.contains(name) || gvk.is("", "Secret") && secrets.contains(name) {
            if objects.iter().any(|other| !is_doubled(other) && other.reference != object.reference && mentions(&other.json, name)) {
                result.push(object.clone());
            }
            result.push(renamed(object, colour));
        } else if gvk.is("autoscaling", "HorizontalPodAutoscaler") && targets(object, &workloads) {
            let mut follows = renamed(object, colour);
            let target = follows.json["spec"]["scaleTargetRef"]["name"].as_str().unwrap_or_default().to_owned();
            follows.json["spec"]["scaleTargetRef"]["name"] = json!(suffixed(&target, colour));
            result.push(follows);
        } else if gvk.is("policy", "PodDisruptionBudget") && selects(&object.json["spec"]["selector"]["matchLabels"], &doubled) {
            let mut follows = renamed(object, colour);
            follows.json["spec"]["selector"]["matchLabels"][COLOUR] = json!(colour);
            result.push(follows);
        } else if gvk.is("", "Service") && selects(&object.json["spec"]["selector"], &doubled) {
            let mut service = object.clone();
            service.json["spec"]["selector"][COLOUR] = json!(colour);
            result.push(preview_of(&service, preview));
            result.push(service);
        } else {
            result.push(object.clone());
        }
    }
    Ok(result)
}

/// A hook whose Pods read the ConfigMaps and Secrets of the set (`objects`, as rendered) reads those of a colour. `None` where it reads none.
pub fn reading(hook: &[Object], objects: &[Object], colour: &str) -> Option<Vec<Object>> {
    let (maps, secrets) = (used(objects, "ConfigMap", &MAPS), used(objects, "Secret", &SECRETS));
    let mut hook = hook.to_vec();
    let mut changed = false;
    for object in &mut hook {
        let Some(path) = keys::pod_path(&object.json) else { continue };
        let Some(pod) = path.iter().try_fold(&mut object.json, |value, key| value.get_mut(*key)) else { continue };
        for (places, known) in [(&MAPS, &maps), (&SECRETS, &secrets)] {
            each_reference(pod, places, &mut |name| {
                changed |= name.as_str().is_some_and(|name| known.contains(name));
                rename(name, known, colour);
            });
        }
    }
    changed.then_some(hook)
}

/// A test that asks the Services of the set by name, or by the variables that Pods have for them, asks their previews instead: it runs
/// before the switch.
pub fn previewed(test: &str, objects: &[Object], preview: &str) -> String {
    let mut text = test.to_owned();
    for service in objects.iter().filter(|object| switches(object)) {
        let name = &service.reference.name;
        // As the host of an address, or as a whole argument.
        let pattern = format!(r#"(//|[\s"'\[=@]){}([:/.\s"',\]]|$)"#, regex::escape(name));
        if let Ok(pattern) = Regex::new(&pattern) {
            text = text
                .split_inclusive('\n')
                .map(|line| match is_metadata(line) {
                    true => line.to_owned(),
                    false => pattern.replace_all(line, format!("${{1}}{name}{preview}${{2}}")).into_owned(),
                })
                .collect();
        }
        let variable = |name: &str| name.to_ascii_uppercase().replace('-', "_");
        if let Ok(pattern) = Regex::new(&format!(r"\b{}_(SERVICE_HOST|SERVICE_PORT|PORT)", variable(name))) {
            text = pattern.replace_all(&text, format!("{}_${{1}}", variable(&format!("{name}{preview}")))).into_owned();
        }
    }
    text
}

/// Lines of a manifest that name the test itself and not what it asks.
fn is_metadata(line: &str) -> bool {
    let line = line.trim_start();
    ["name:", "app.kubernetes.io/", "app:", "release:", "helm.sh/", "serviceAccountName:", "# "].iter().any(|word| line.starts_with(word))
}

fn is_doubled(object: &Object) -> bool {
    object.reference.gvk.is("apps", "Deployment") || object.reference.gvk.is("apps", "StatefulSet")
}

/// Whether a second set of these Pods can stand beside the first.
fn alone(object: &Object, objects: &[Object]) -> Result<(), TransformError> {
    let refuse = |why: &str| Err(TransformError(format!("strategy BlueGreen: {} cannot stand twice: {why}; use RollingUpdate or Recreate", object.reference)));
    let claims = object.json["spec"]["volumeClaimTemplates"].as_array().is_some_and(|list| !list.is_empty());
    if claims {
        return refuse("its claims belong to Pods of one name");
    }
    if object.reference.name.len() > MAX_NAME {
        return refuse("its name is too long for a colour");
    }
    let pod = &object.json["spec"]["template"]["spec"];
    for volume in pod["volumes"].as_array().into_iter().flatten() {
        let Some(claim) = volume["persistentVolumeClaim"]["claimName"].as_str() else { continue };
        let found = objects.iter().find(|other| other.reference.gvk.is("", "PersistentVolumeClaim") && other.reference.name == claim);
        let shared = found.is_some_and(|claim| {
            let modes = claim.json["spec"]["accessModes"].as_array();
            modes.is_some_and(|modes| modes.iter().any(|mode| mode == "ReadWriteMany" || mode == "ReadOnlyMany"))
        });
        if !shared {
            return refuse(&format!("its claim {claim} can be held by one node only"));
        }
    }
    let ports = pod["containers"].as_array().into_iter().flatten().flat_map(|container| container["ports"].as_array().into_iter().flatten());
    if ports.clone().any(|port| port["hostPort"].as_u64().is_some_and(|port| port > 0)) || pod["hostNetwork"] == true {
        return refuse("it takes ports of its node");
    }
    Ok(())
}

fn suffixed(name: &str, colour: &str) -> String {
    format!("{name}-{colour}")
}

fn renamed(object: &Object, colour: &str) -> Object {
    let mut json = object.json.clone();
    json["metadata"]["name"] = json!(suffixed(&object.reference.name, colour));
    Object { reference: ObjectRef::of(&json), json, source: object.source.clone() }
}

fn workload(object: &Object, colour: &str, maps: &BTreeSet<String>, secrets: &BTreeSet<String>) -> Object {
    let mut object = renamed(object, colour);
    let spec = &mut object.json["spec"];
    for path in ["/selector/matchLabels", "/template/metadata/labels"] {
        let labels = path.split('/').skip(1).fold(&mut *spec, |value, key| &mut value[key]);
        if !labels.is_object() {
            *labels = Value::Object(Map::new());
        }
        labels[COLOUR] = json!(colour);
    }
    if let Some(path) = keys::pod_path(&object.json)
        && let Some(pod) = path.iter().try_fold(&mut object.json, |value, key| value.get_mut(*key))
    {
        each_reference(pod, &MAPS, &mut |name| rename(name, maps, colour));
        each_reference(pod, &SECRETS, &mut |name| rename(name, secrets, colour));
    }
    object
}

fn rename(name: &mut Value, known: &BTreeSet<String>, colour: &str) {
    if let Some(old) = name.as_str().filter(|old| known.contains(*old)) {
        *name = json!(suffixed(old, colour));
    }
}

/// The names of the set's objects of that kind that its doubled workloads use.
fn used(objects: &[Object], kind: &str, places: &Places) -> BTreeSet<String> {
    let used: BTreeSet<String> = objects.iter().filter(|object| is_doubled(object)).flat_map(|object| references(object, places)).collect();
    let there = objects.iter().filter(|object| object.reference.gvk.is("", kind)).map(|object| object.reference.name.clone());
    there.filter(|name| used.contains(name)).collect()
}

/// Under which key a Pod names a ConfigMap or Secret, and in which field.
type Places = [(&'static str, &'static str); 3];
const MAPS: Places = [("configMapRef", "name"), ("configMapKeyRef", "name"), ("configMap", "name")];
const SECRETS: Places = [("secretRef", "name"), ("secretKeyRef", "name"), ("secret", "secretName")];

fn references(object: &Object, places: &Places) -> Vec<String> {
    let mut found = Vec::new();
    let mut pod = object.json["spec"]["template"]["spec"].clone();
    each_reference(&mut pod, places, &mut |name| found.extend(name.as_str().map(str::to_owned)));
    found
}

/// Calls `act` on each name. Recursion is bounded by the object's own depth, which its parser bounded.
fn each_reference(value: &mut Value, places: &Places, act: &mut dyn FnMut(&mut Value)) {
    match value {
        Value::Object(map) => {
            for (key, below) in map.iter_mut() {
                if let Some((_, field)) = places.iter().find(|(place, _)| place == key) {
                    // A projected volume says `secret: {name}` where a plain one says `secretName`.
                    for field in [*field, "name"] {
                        if let Some(name) = below.get_mut(field).filter(|name| name.is_string()) {
                            act(name);
                            break;
                        }
                    }
                }
                each_reference(below, places, act);
            }
        }
        Value::Array(list) => list.iter_mut().for_each(|item| each_reference(item, places, act)),
        _ => {}
    }
}

/// Whether any text of the object is this name.
fn mentions(value: &Value, name: &str) -> bool {
    match value {
        Value::String(text) => text == name,
        Value::Array(list) => list.iter().any(|item| mentions(item, name)),
        Value::Object(map) => map.values().any(|item| mentions(item, name)),
        _ => false,
    }
}

fn targets(object: &Object, workloads: &BTreeSet<(String, String)>) -> bool {
    let target = &object.json["spec"]["scaleTargetRef"];
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    workloads.contains(&(text(&target["kind"]), text(&target["name"])))
}

/// Whether a selector finds Pods of one of the workloads.
fn selects(selector: &Value, workloads: &[&Object]) -> bool {
    let Some(selector) = selector.as_object().filter(|map| !map.is_empty()) else { return false };
    workloads.iter().any(|workload| {
        let labels = &workload.json["spec"]["template"]["metadata"]["labels"];
        selector.iter().all(|(key, value)| labels.get(key) == Some(value))
    })
}

/// A Service of the same ports for those who want to look first: inside the cluster only.
fn preview_of(service: &Object, suffix: &str) -> Object {
    let mut json = service.json.clone();
    json["metadata"]["name"] = json!(format!("{}{suffix}", service.reference.name));
    if !json["metadata"]["labels"].is_object() {
        json["metadata"]["labels"] = json!({});
    }
    json["metadata"]["labels"][PREVIEW] = json!("true");
    let headless = json["spec"]["clusterIP"] == "None";
    if let Some(spec) = json["spec"].as_object_mut() {
        let outside = [
            "type", "clusterIP", "clusterIPs", "externalIPs", "externalName", "externalTrafficPolicy", "healthCheckNodePort", "loadBalancerIP",
            "loadBalancerClass", "loadBalancerSourceRanges", "allocateLoadBalancerNodePorts",
        ];
        spec.retain(|key, _| !outside.contains(&key.as_str()));
        if headless {
            spec.insert("clusterIP".into(), json!("None"));
        }
        for port in spec.get_mut("ports").and_then(Value::as_array_mut).into_iter().flatten() {
            if let Some(port) = port.as_object_mut() {
                port.remove("nodePort");
            }
        }
    }
    Object { reference: ObjectRef::of(&json), json, source: service.source.clone() }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::object::split_documents;

    const SET: &str = r#"
apiVersion: v1
kind: ConfigMap
metadata: {name: web-config}
data: {a: "1"}
---
apiVersion: v1
kind: ConfigMap
metadata: {name: other}
---
apiVersion: apps/v1
kind: Deployment
metadata: {name: web}
spec:
  selector: {matchLabels: {app: web}}
  template:
    metadata: {labels: {app: web, tier: front}}
    spec:
      containers:
        - name: app
          envFrom: [{configMapRef: {name: web-config}}]
          env: [{name: X, valueFrom: {secretKeyRef: {name: elsewhere, key: k}}}]
---
apiVersion: v1
kind: Service
metadata: {name: web}
spec: {type: LoadBalancer, selector: {app: web}, ports: [{port: 80, nodePort: 30001}]}
---
apiVersion: v1
kind: Service
metadata: {name: db}
spec: {selector: {app: db}, ports: [{port: 1}]}
---
apiVersion: autoscaling/v2
kind: HorizontalPodAutoscaler
metadata: {name: web}
spec: {scaleTargetRef: {apiVersion: apps/v1, kind: Deployment, name: web}}
---
apiVersion: policy/v1
kind: PodDisruptionBudget
metadata: {name: web}
spec: {selector: {matchLabels: {app: web}}}
"#;

    fn find<'a>(objects: &'a [Object], kind: &str, name: &str) -> &'a Value {
        let found = objects.iter().find(|o| o.reference.gvk.kind == kind && o.reference.name == name);
        &found.unwrap_or_else(|| panic!("no {kind} {name}")).json
    }

    #[test]
    fn a_set_stands_beside_the_other_under_its_colour() {
        let objects = split_documents(SET).unwrap();
        let green = coloured(&objects, "green", "-preview").unwrap();
        let names: Vec<String> = green.iter().map(|o| format!("{} {}", o.reference.gvk.kind, o.reference.name)).collect();
        assert_eq!(names, [
            "ConfigMap web-config-green", "ConfigMap other", "Deployment web-green", "Service web-preview", "Service web", "Service db",
            "HorizontalPodAutoscaler web-green", "PodDisruptionBudget web-green",
        ]);
        let web = find(&green, "Deployment", "web-green");
        assert_eq!(web["spec"]["selector"]["matchLabels"], json!({"app": "web", COLOUR: "green"}));
        assert_eq!(web["spec"]["template"]["metadata"]["labels"], json!({"app": "web", "tier": "front", COLOUR: "green"}));
        let container = &web["spec"]["template"]["spec"]["containers"][0];
        assert_eq!(container["envFrom"][0]["configMapRef"]["name"], "web-config-green");
        assert_eq!(container["env"][0]["valueFrom"]["secretKeyRef"]["name"], "elsewhere", "it is not of the set");
        assert_eq!(find(&green, "HorizontalPodAutoscaler", "web-green")["spec"]["scaleTargetRef"]["name"], "web-green");
        assert_eq!(find(&green, "Service", "web-preview")["spec"], json!({"selector": {"app": "web", COLOUR: "green"}, "ports": [{"port": 80}]}));
        let switching: Vec<&str> = green.iter().filter(|o| switches(o)).map(|o| o.reference.name.as_str()).collect();
        assert_eq!(switching, ["web"]);
    }

    #[test]
    fn what_cannot_stand_twice_is_refused_by_name() {
        let claims = split_documents("apiVersion: apps/v1\nkind: StatefulSet\nmetadata: {name: db}\nspec: {volumeClaimTemplates: [{metadata: {name: data}}]}\n").unwrap();
        let error = coloured(&claims, "green", "-preview").unwrap_err().to_string();
        assert_eq!(error, "strategy BlueGreen: StatefulSet db cannot stand twice: its claims belong to Pods of one name; use RollingUpdate or Recreate");
    }

    #[test]
    fn tests_ask_the_preview() {
        let green = coloured(&split_documents(SET).unwrap(), "green", "-preview").unwrap();
        let test = "kind: Pod\nmetadata:\n  name: web\nspec:\n  args: [\"http://web:80/ok\", \"web\", \"webs\", \"http://db\", \"$WEB_SERVICE_HOST:${WEB_SERVICE_PORT}\", \"$OLD_WEB_SERVICE_HOST\"]\n";
        let wanted = "kind: Pod\nmetadata:\n  name: web\nspec:\n  args: [\"http://web-preview:80/ok\", \"web-preview\", \"webs\", \"http://db\", \"$WEB_PREVIEW_SERVICE_HOST:${WEB_PREVIEW_SERVICE_PORT}\", \"$OLD_WEB_SERVICE_HOST\"]\n";
        assert_eq!(previewed(test, &green, "-preview"), wanted);
    }

    /// Seen on a node: the test of a green set named a Secret that is there in colours only, and its Pod never started.
    #[test]
    fn hooks_read_what_is_there_in_a_colour() {
        let objects = split_documents(SET).unwrap();
        let job = "apiVersion: batch/v1\nkind: Job\nmetadata: {name: t}\nspec: {template: {spec: {containers: [{name: t, envFrom: [{configMapRef: {name: web-config}}, {configMapRef: {name: other}}]}]}}}\n";
        let hook = reading(&split_documents(job).unwrap(), &objects, "green").unwrap();
        let from = &hook[0].json["spec"]["template"]["spec"]["containers"][0]["envFrom"];
        assert_eq!((&from[0]["configMapRef"]["name"], &from[1]["configMapRef"]["name"]), (&json!("web-config-green"), &json!("other")));
        let reads_nothing = split_documents("apiVersion: v1\nkind: Pod\nmetadata: {name: t}\nspec: {containers: [{name: t}]}\n").unwrap();
        assert_eq!(reading(&reads_nothing, &objects, "green"), None);
    }

    #[test]
    fn colours_alternate() {
        assert_eq!((other(None), other(Some("blue")), other(Some("green"))), ("blue", "green", "blue"));
        let objects = split_documents(SET).unwrap();
        assert_eq!(of_colour(&objects), None);
        assert_eq!(of_colour(&coloured(&objects, "green", "-preview").unwrap()), Some("green"));
    }
}
