//! What is found, by case. Whether the API server agrees, `tests/e2e/validate.rs` asks it.

use super::{Catalog, Document, Finding, Report, builtin, documents, json, junit, template_line, text, versions};

fn newest() -> Catalog {
    builtin(None).unwrap().1
}

/// The findings of a text, CRDs in it known.
fn found(manifest: &str) -> Vec<Finding> {
    let documents = documents(manifest, None);
    let mut catalog = Catalog::default();
    for object in documents.iter().filter_map(|document| document.objects.as_ref().ok()).flatten() {
        catalog.add_crd(&object.json);
    }
    catalog.add_all(&newest());
    documents.iter().flat_map(|document: &Document| document.check(&catalog)).collect()
}

fn said(manifest: &str) -> Vec<String> {
    found(manifest).iter().map(|finding| format!("{} {}: {}", finding.line.unwrap_or(0), finding.path(), finding.message)).collect()
}

const DEPLOYMENT: &str = "\
apiVersion: apps/v1
kind: Deployment
metadata: {name: web, labels: {app: web}}
spec:
  replicas: 2
  selector: {matchLabels: {app: web}}
  template:
    metadata: {labels: {app: web}, creationTimestamp: null}
    spec:
      containers:
      - name: web
        image: web:1
        imagePullPolicy: Always
        ports: [{containerPort: 80, name: http}]
        resources: {limits: {cpu: 500m, memory: 1Gi, ephemeral-storage: 1.5}}
        livenessProbe: {httpGet: {port: http}, initialDelaySeconds: 3}
";

#[test]
fn every_minor_version_is_there_and_whole() {
    let versions = versions();
    assert_eq!(versions, ["1.33.0", "1.34.0", "1.35.0", "1.36.0", "1.37.2"]);
    for version in &versions {
        let (named, catalog) = builtin(Some(version)).unwrap();
        assert_eq!(named, *version);
        for kind in [("apps/v1", "Deployment"), ("v1", "Pod"), ("batch/v1", "CronJob"), ("apiextensions.k8s.io/v1", "CustomResourceDefinition")] {
            assert!(catalog.has(&crate::object::Gvk::new(kind.0, kind.1)), "{kind:?} in {version}");
        }
        assert!(catalog.len() > 90, "{} kinds in {version}", catalog.len());
    }
    assert_eq!(builtin(Some("v1.34.7")).unwrap().0, "1.34.0");
    let error = builtin(Some("1.12")).unwrap_err().to_string();
    assert!(error.starts_with("Kubernetes 1.12 is not embedded; there are 1.33.0,"), "{error}");
}

#[test]
fn what_is_right_is_taken() {
    assert_eq!(said(DEPLOYMENT), Vec::<String>::new());
}

#[test]
fn mistakes_are_found_with_their_lines() {
    for (from, to, want) in [
        ("imagePullPolicy: Always", "imagePullPolcy: Always", "13 spec.template.spec.containers[0].imagePullPolcy: unknown field; did you mean imagePullPolicy?"),
        ("replicas: 2", "replicas: \"2\"", "5 spec.replicas: expected integer, but got the string \"2\""),
        ("replicas: 2", "replicas: 2.5", "5 spec.replicas: expected an integer of 32 bits, but got the number 2.5"),
        ("replicas: 2", "replicas: 3000000000", "5 spec.replicas: expected an integer of 32 bits, but got the number 3000000000"),
        ("replicas: 2", "replicas: [2]", "5 spec.replicas: expected integer, but got a list"),
        ("policy: Always", "policy: Always", ""),
        ("PullPolicy: Always", "PullPolicy: Sometimes", "13 spec.template.spec.containers[0].imagePullPolicy: expected one of Always, IfNotPresent, Never, but got the string \"Sometimes\""),
        ("  selector: {matchLabels: {app: web}}\n", "", "4 spec.selector: is required"),
        ("cpu: 500m", "cpu: 500x", "15 spec.template.spec.containers[0].resources.limits.cpu: expected a quantity such as 500m or 1Gi, but got the string \"500x\""),
        ("port: http", "port: true", "16 spec.template.spec.containers[0].livenessProbe.httpGet.port: expected integer or string, but got the boolean true"),
        ("creationTimestamp: null", "creationTimestamp: now", "8 spec.template.metadata.creationTimestamp: expected a time as RFC 3339 has it, such as 2006-01-02T15:04:05Z, but got the string \"now\""),
        ("apiVersion: apps/v1", "apiVersion: apps/v1beta2", "1 : no matches for kind \"Deployment\" in version \"apps/v1beta2\"; there is apps/v1"),
        ("{name: web, labels", "{nme: web, name: web, labels", "3 metadata.nme: unknown field; did you mean name?"),
        ("kind: Deployment", "kind: Deploymnt", "1 : no matches for kind \"Deploymnt\" in version \"apps/v1\"; if a CRD defines it, put that into the chart or name its file"),
        ("{name: web, labels", "{labels", "1 : this Deployment has no metadata.name"),
    ] {
        let text = DEPLOYMENT.replacen(from, to, 1);
        let want: Vec<&str> = if want.is_empty() { Vec::new() } else { vec![want] };
        assert_eq!(said(&text), want, "{to}");
    }
}

#[test]
fn lines_count_from_the_streams_beginning_and_lists_are_opened() {
    let text = format!("---\n# Source: shop/templates/a.yaml\n{DEPLOYMENT}---\n# Source: shop/templates/b.yaml\napiVersion: v1\nkind: List\nitems:\n- apiVersion: v1\n  kind: ConfigMap\n  metadata: {{name: a}}\n- apiVersion: v1\n  kind: ConfigMap\n  metadata: {{name: b}}\n  data: {{x: 1}}\n");
    let found = found(&text);
    assert_eq!(found.len(), 1, "{found:?}");
    assert_eq!(found[0].to_string(), "ConfigMap b: data.x: expected string, but got the number 1 (shop/templates/b.yaml (line 30 of what it renders to))");
    assert_eq!(text.lines().nth(29), Some("  data: {x: 1}"));
}

#[test]
fn what_a_secret_holds_is_not_quoted() {
    let text = "apiVersion: v1\nkind: Secret\nmetadata: {name: s}\ndata: {pass: hunter2!, number: 12345}\nstringData: {flag: true}\n";
    let all = said(text).join("\n");
    assert_eq!(all.lines().count(), 3, "{all}");
    assert!(!all.contains("hunter2") && !all.contains("12345") && !all.contains("true"), "{all}");
}

const CRD: &str = "\
apiVersion: apiextensions.k8s.io/v1
kind: CustomResourceDefinition
metadata: {name: boats.sea.example}
spec:
  group: sea.example
  scope: Namespaced
  names: {kind: Boat, plural: boats, listKind: BoatList, singular: boat}
  versions:
  - name: v1
    served: true
    storage: true
    schema:
      openAPIV3Schema:
        type: object
        required: [spec]
        properties:
          spec:
            type: object
            required: [sails]
            properties:
              sails: {type: integer, minimum: 1, maximum: 9}
              name: {type: string, pattern: '^[a-z]+$', maxLength: 5}
              depth: {x-kubernetes-int-or-string: true, anyOf: [{type: integer}, {type: string, pattern: '^[0-9]+m$'}]}
              crew: {type: array, maxItems: 2, items: {type: string, enum: [cook, mate]}}
              cargo: {type: object, x-kubernetes-preserve-unknown-fields: true}
              tags: {type: object, additionalProperties: {type: string}}
              flag: {type: string, nullable: true}
              motor: {type: object, properties: {kw: {type: number}, oars: {type: integer}}, oneOf: [{required: [kw]}, {required: [oars]}]}
              tender: {type: object, x-kubernetes-embedded-resource: true, x-kubernetes-preserve-unknown-fields: true}
";

#[test]
fn custom_resources_are_checked_by_their_crd() {
    let boat = |spec: &str| said(&format!("{CRD}---\napiVersion: sea.example/v1\nkind: Boat\nmetadata: {{name: b}}\nspec: {spec}\n"));
    let fine = "{sails: 2, name: ann, depth: 3m, crew: [cook], cargo: {any: [1]}, tags: {a: b}, flag: null, motor: {kw: 1.5}, tender: {apiVersion: v1, kind: Pod, metadata: {name: x}, spec: {}}}";
    assert_eq!(boat(fine), Vec::<String>::new());
    for (spec, want) in [
        ("{}", "spec.sails: is required"),
        ("{sails: 0}", "spec.sails: must be at least 1"),
        ("{sails: 1, name: Ann}", "spec.name: must match ^[a-z]+$"),
        ("{sails: 1, name: longer}", "spec.name: must have at most 5 characters, but has 6"),
        ("{sails: 1, depth: deep}", "spec.depth: fits none of the forms that the schema allows (anyOf)"),
        ("{sails: 1, crew: [cook, cat]}", "spec.crew[1]: expected one of cook, mate, but got the string \"cat\""),
        ("{sails: 1, crew: [cook, mate, cook]}", "spec.crew: must have at most 2 items, but has 3"),
        ("{sails: 1, masts: 1}", "spec.masts: unknown field"),
        ("{sails: 1, tags: {a: 1}}", "spec.tags.a: expected string, but got the number 1"),
        ("{sails: null}", "spec.sails: expected integer, but got nothing (null)"),
        ("{sails: 1, motor: {}}", "spec.motor: must fit exactly one of the forms that the schema allows (oneOf), but fits 0"),
        ("{sails: 1, tender: {metadata: {nam: x}}}", "spec.tender.metadata.nam: unknown field; did you mean name?"),
    ] {
        let found = boat(spec);
        assert!(found.iter().any(|line| line.ends_with(want)), "{spec}: {found:?}, not {want}");
    }
}

// As the API server does (tests/e2e/validate.rs): a reader of its own passes over what it does not know, yet minds types.
#[test]
fn unknown_fields_below_a_schemas_items_are_passed_over_as_the_server_does() {
    let crd = |from: &str, to: &str| said(&CRD.replacen(from, to, 1));
    assert_eq!(crd("maxItems: 2, items: {type: string,", "maxItems: 2, items: {type: string, windlas: 1,"), Vec::<String>::new());
    assert_eq!(crd("additionalProperties: {type: string}", "additionalProperties: {type: string, windlas: 1}"), Vec::<String>::new());
    assert!(crd("maxItems: 2, items: {type: string,", "maxItems: 2, items: {type: 1,")[0].contains("expected string"));
    assert!(crd("maxItems: 2,", "maxItems: 2, windlas: 1,")[0].contains("unknown field"));
}

#[test]
fn the_templates_line_is_told_where_only_one_can_be_meant() {
    let finding = &found(&DEPLOYMENT.replace("imagePullPolicy", "imagePullPolcy"))[0];
    assert_eq!(template_line("kind: X\nspec:\n  - name: a\n    imagePullPolcy: {{ .Values.p }}\n", finding), Some(4));
    assert_eq!(template_line("a:\n  - imagePullPolcy: x\nb:\n  imagePullPolcy: y\n", finding), None);
    assert_eq!(template_line("{{ include \"x\" . }}\n", finding), None);
}

#[test]
fn reports_are_what_their_readers_take() {
    let findings = found(&DEPLOYMENT.replace("replicas: 2", "replicas: \"<2>\""));
    let report = Report { against: "Kubernetes 1.37.2".into(), checked: vec![("Deployment web".into(), None), ("Service web".into(), None)], findings };
    assert_eq!(
        text(&report),
        "Deployment web: spec.replicas: expected integer, but got the string \"<2>\"\n2 objects checked against Kubernetes 1.37.2: 1 finding\n"
    );
    assert_eq!(json(&report)["findings"][0]["field"], "spec.replicas");
    assert_eq!(json(&report)["findings"][0]["type"], "WrongType");
    let xml = junit(&report);
    assert!(xml.contains("<testsuite name=\"-\" tests=\"2\" failures=\"1\">"), "{xml}");
    assert!(xml.contains("name=\"Service web\"/>") && xml.contains("but got the string &quot;&lt;2&gt;&quot;"), "{xml}");
}

#[test]
fn json_is_read_as_json() {
    // YAML's reader refuses halves of a pair of surrogates.
    let manifest = r#"{"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "a"}, "data": {"t": "\ud83d\ude00"}}"#;
    assert_eq!(said(manifest), Vec::<String>::new());
    assert_eq!(said(&manifest.replace("data", "date")).len(), 1);
}
