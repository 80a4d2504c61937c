//! `spec.postRender` against kustomize: each case goes through both, `kubectl kustomize` is the oracle.

use serde_json::{Value, json};
use std::process::Command;
use windlass::{
    app::{App, Environment},
    object::{Object, split_documents},
};

/// What the cases change.
const OBJECTS: &str = r#"
apiVersion: apps/v1
kind: Deployment
metadata:
  name: web
  labels: {app: web, tier: front}
  annotations: {owner: team-a}
spec:
  replicas: 2
  selector: {matchLabels: {app: web}}
  template:
    metadata: {labels: {app: web}}
    spec:
      initContainers:
        - {name: init, image: "localhost:5000/tools/init:1.0@sha256:aaaa"}
      containers:
        - name: app
          image: "shop/web:1.0"
          args: [a, b]
          env:
            - {name: FIRST, value: "1"}
            - {name: SECOND, value: "2"}
          ports:
            - {containerPort: 80, protocol: TCP}
            - {containerPort: 80, protocol: UDP, name: udp}
          volumeMounts:
            - {name: data, mountPath: /data}
            - {name: tmp, mountPath: /tmp}
        - {name: sidecar, image: sidecar}
      tolerations:
        - {key: a, operator: Exists}
      volumes:
        - {name: data, emptyDir: {}}
        - {name: tmp, emptyDir: {}}
---
apiVersion: v1
kind: Service
metadata: {name: web, labels: {app: web}}
spec:
  selector: {app: web}
  ports:
    - {name: http, port: 80, targetPort: 8080, protocol: TCP}
    - {name: admin, port: 81, protocol: TCP}
---
apiVersion: v1
kind: ConfigMap
metadata: {name: settings, finalizers: [example.com/a, example.com/b]}
data: {a: "1", b: "2"}
---
apiVersion: batch/v1
kind: CronJob
metadata: {name: night}
spec:
  schedule: "0 3 * * *"
  jobTemplate:
    spec:
      template:
        spec:
          restartPolicy: Never
          containers:
            - {name: job, image: "shop/job:1"}
---
apiVersion: example.com/v1
kind: Widget
metadata: {name: w}
spec:
  parts:
    - {name: a, size: 1}
    - {name: b, size: 2}
  containers:
    - {name: c, image: "shop/web:1.0"}
"#;

/// What is written below `postRender`.
const CASES: &[(&str, &str)] = &[
    ("labels", "{labels: {team: blue, app: web}}"),
    ("annotations", "{annotations: {note: hello, owner: team-b}}"),
    ("images by name, tag and digest", r#"{images: [{name: shop/web, newTag: "2.0"}, {name: "localhost:5000/tools/init", digest: "sha256:bbbb"}, {name: sidecar, newName: registry.example/side, newTag: v3}, {name: shop/job, newName: other/job}]}"#),
    ("a value, by the patch's own name", "{patches: [{patch: '{apiVersion: apps/v1, kind: Deployment, metadata: {name: web}, spec: {replicas: 5}}'}]}"),
    ("a container's field and a new container", r#"{patches: [{patch: '{apiVersion: apps/v1, kind: Deployment, metadata: {name: web}, spec: {template: {spec: {containers: [{name: extra, image: e}, {name: app, image: "shop/web:9"}]}}}}'}]}"#),
    ("environment, mounts and ports", r#"{patches: [{patch: '{apiVersion: apps/v1, kind: Deployment, metadata: {name: web}, spec: {template: {spec: {containers: [{name: app, env: [{name: SECOND, value: "x"}, {name: THIRD, value: "3"}], ports: [{containerPort: 80, protocol: UDP, name: changed}, {containerPort: 90}], volumeMounts: [{name: other, mountPath: /data}]}]}}}}'}]}"#),
    ("lists without keys are replaced", r#"{patches: [{patch: '{apiVersion: apps/v1, kind: Deployment, metadata: {name: web}, spec: {template: {spec: {tolerations: [{key: b, operator: Exists}], containers: [{name: app, args: [c]}]}}}}'}]}"#),
    ("a null takes away", "{patches: [{patch: '{apiVersion: v1, kind: ConfigMap, metadata: {name: settings}, data: {a: null, c: \"3\"}}'}]}"),
    ("an object deleted", "{patches: [{patch: '{apiVersion: v1, kind: ConfigMap, metadata: {name: settings}, $patch: delete}'}]}"),
    ("a map replaced", "{patches: [{patch: '{apiVersion: v1, kind: ConfigMap, metadata: {name: settings}, data: {$patch: replace, z: \"26\"}}'}]}"),
    ("a list item deleted", r#"{patches: [{patch: '{apiVersion: apps/v1, kind: Deployment, metadata: {name: web}, spec: {template: {spec: {containers: [{name: sidecar, $patch: delete}]}}}}'}]}"#),
    ("a list replaced", r#"{patches: [{patch: '{apiVersion: apps/v1, kind: Deployment, metadata: {name: web}, spec: {template: {spec: {volumes: [{$patch: replace}, {name: new, emptyDir: {}}]}}}}'}]}"#),
    ("a list deleted", r#"{patches: [{patch: '{apiVersion: apps/v1, kind: Deployment, metadata: {name: web}, spec: {template: {spec: {volumes: [{$patch: delete}]}}}}'}]}"#),
    ("a Service's ports", "{patches: [{patch: '{apiVersion: v1, kind: Service, metadata: {name: web}, spec: {ports: [{port: 81, protocol: TCP, targetPort: 9}, {port: 82, protocol: TCP, name: more}]}}'}]}"),
    ("finalizers are a set", "{patches: [{patch: '{apiVersion: v1, kind: ConfigMap, metadata: {name: settings, finalizers: [example.com/c, example.com/b]}}'}]}"),
    ("a custom kind's lists are replaced", "{patches: [{patch: '{apiVersion: example.com/v1, kind: Widget, metadata: {name: w}, spec: {parts: [{name: b, size: 3}]}}'}]}"),
    ("a target by kind pattern and labels", r#"{patches: [{target: {kind: "Deployment|Service", labelSelector: "app=web"}, patch: '{apiVersion: v1, kind: Any, metadata: {name: any, annotations: {seen: "yes"}}}'}]}"#),
    ("a target by name pattern", r#"{patches: [{target: {name: "w.*"}, patch: '{apiVersion: v1, kind: Any, metadata: {name: any, labels: {w: "1"}}}'}]}"#),
    ("a target by group and annotations", r#"{patches: [{target: {group: apps, annotationSelector: "owner in (team-a, team-b)"}, patch: '{apiVersion: v1, kind: Any, metadata: {name: any}, spec: {replicas: 7}}'}]}"#),
    ("a target that fits nothing", r#"{patches: [{target: {kind: Ingress}, patch: '{apiVersion: v1, kind: Any, metadata: {name: any}, spec: {replicas: 7}}'}]}"#),
    ("operations", r#"{patches: [{target: {kind: Deployment}, patch: '[{op: replace, path: /spec/replicas, value: 4}, {op: add, path: /spec/template/spec/containers/0/args/-, value: z}, {op: add, path: /spec/template/spec/containers/0/args/0, value: first}, {op: remove, path: /metadata/labels/tier}, {op: add, path: "/metadata/annotations/example.com~1x", value: "1"}]'}]}"#),
    ("operations that test, copy and move", r#"{patches: [{target: {kind: ConfigMap}, patch: '[{op: test, path: /data/a, value: "1"}, {op: copy, from: /data/a, path: /data/c}, {op: move, from: /data/b, path: /data/d}]'}]}"#),
    ("all of it together", r#"{labels: {l: "1"}, annotations: {a: "1"}, images: [{name: shop/web, newTag: "3"}], patches: [{target: {kind: Deployment}, patch: '[{op: replace, path: /spec/replicas, value: 4}]'}, {patch: '{apiVersion: apps/v1, kind: Deployment, metadata: {name: web}, spec: {template: {spec: {containers: [{name: late, image: "shop/web:1.0"}]}}}}'}]}"#),
];

fn yaml(text: &str) -> Value {
    let value = windlass::yaml::from_yaml(text.as_bytes()).unwrap_or_else(|error| panic!("{}: {text}", error.message));
    serde_json::from_str(&windlass::yaml::to_json(&value, false)).unwrap()
}

fn app(post_render: &Value) -> App {
    let env: Environment = serde_json::from_value(json!({
        "apiVersion": "windlass.dev/v1alpha1", "kind": "Environment", "metadata": {"name": "e", "namespace": "default"},
        "spec": {"source": {"git": {"url": "https://example.com/x.git", "branch": "main"}}, "postRender": post_render},
    }))
    .unwrap();
    App::resolve(&env).unwrap_or_else(|error| panic!("{error}"))
}

fn ours(post_render: &Value) -> Vec<Object> {
    let mut objects = split_documents(OBJECTS).unwrap();
    let app = app(post_render);
    app.post_render.check(objects.iter(), "default").unwrap();
    app.post_render.apply(&mut objects, "default").unwrap();
    objects
}

fn kustomize(post_render: &Value) -> Vec<Object> {
    let folder = tempfile::tempdir().unwrap();
    let mut kustomization = json!({"apiVersion": "kustomize.config.k8s.io/v1beta1", "kind": "Kustomization", "resources": ["objects.yaml"]});
    for (ours, theirs) in [("patches", "patches"), ("images", "images"), ("annotations", "commonAnnotations")] {
        if let Some(value) = post_render.get(ours) {
            kustomization[theirs] = value.clone();
        }
    }
    // Kustomize takes a text that begins with a bracket for JSON, and nothing else.
    for patch in kustomization["patches"].as_array_mut().into_iter().flatten() {
        let text = patch["patch"].as_str().unwrap_or_default();
        if text.starts_with('[') {
            patch["patch"] = json!(yaml(text).to_string());
        }
    }
    if let Some(pairs) = post_render.get("labels") {
        kustomization["labels"] = json!([{"pairs": pairs, "includeSelectors": false}]);
    }
    std::fs::write(folder.path().join("objects.yaml"), OBJECTS).unwrap();
    std::fs::write(folder.path().join("kustomization.yaml"), kustomization.to_string()).unwrap();
    let kubectl = xtask::tools::tool("kubectl").expect("kubectl is built");
    let output = Command::new(kubectl).arg("kustomize").arg(folder.path()).env("HOME", folder.path()).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    split_documents(&String::from_utf8_lossy(&output.stdout)).unwrap()
}

#[test]
fn objects_come_out_as_of_kustomize() {
    let mut wrong = Vec::new();
    for (name, text) in CASES {
        let post_render = yaml(text);
        let (ours, theirs) = (ours(&post_render), kustomize(&post_render));
        assert_eq!(ours.len(), theirs.len(), "{name}");
        for their in &theirs {
            let our = ours.iter().find(|our| our.reference == their.reference).unwrap_or_else(|| panic!("{name}: {} is missing", their.reference));
            if our.json != their.json {
                wrong.push(format!("{name}: {}\n  ours:   {}\n  theirs: {}", their.reference, our.json, their.json));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn what_cannot_be_meant_is_said_with_its_place() {
    let refused = |post_render: &str| {
        let env: Environment = serde_json::from_value(json!({
            "apiVersion": "windlass.dev/v1alpha1", "kind": "Environment", "metadata": {"name": "e"},
            "spec": {"source": {"git": {"url": "https://example.com/x.git", "branch": "main"}}, "postRender": yaml(post_render)},
        }))
        .unwrap();
        App::resolve(&env).unwrap_err().to_string()
    };
    assert_eq!(
        refused("{patches: [{patch: '[{op: add, path: /a, value: 1}]'}]}"),
        "spec.postRender.patches[0]: a patch that lists operations needs a target"
    );
    assert!(refused("{patches: [{patch: '{spec: {}}'}]}").contains("needs apiVersion, kind and metadata.name"));
    assert!(refused("{patches: [{target: {kind: A}, patch: '[{op: put, path: /a}]'}]}").contains("has in operation 0 the op \"put\""));
    assert!(refused("{patches: [{target: {kind: '('}, patch: '{a: 1}'}]}").contains("patches[0]: target: kind:"));
    let mut objects = split_documents(OBJECTS).unwrap();
    let nothing = app(&yaml("{patches: [{patch: '{apiVersion: v1, kind: Secret, metadata: {name: s}}'}]}"));
    assert!(nothing.post_render.check(objects.iter(), "default").unwrap_err().to_string().contains("the chart renders no Secret s"));
    let wrong = app(&yaml("{patches: [{target: {kind: ConfigMap}, patch: '[{op: remove, path: /data/x}]'}]}"));
    assert_eq!(
        wrong.post_render.apply(&mut objects, "default").unwrap_err().to_string(),
        "spec.postRender.patches[0]: ConfigMap settings: remove: there is no /data/x"
    );
}
