//! What inputs begin with: the project's cases, and the corpus's charts where `WINDLASS_FUZZ_CORPUS` names their folder.

use std::path::{Path, PathBuf};

/// The largest file that is taken as a seed.
const MAX_SEED: u64 = 16 << 10;
/// How many files of the corpus a target takes.
const MAX_SEEDS: usize = 3000;

fn cases() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/cases")
}

fn walk(folder: &Path, wanted: &dyn Fn(&str) -> bool, found: &mut Vec<Vec<u8>>) {
    let mut entries: Vec<PathBuf> = std::fs::read_dir(folder).into_iter().flatten().flatten().map(|entry| entry.path()).collect();
    entries.sort();
    for path in entries {
        if found.len() >= MAX_SEEDS {
            return;
        }
        let Ok(info) = std::fs::symlink_metadata(&path) else { continue };
        if info.is_dir() && !path.ends_with("cases/fuzz") {
            walk(&path, wanted, found);
        } else if info.is_file() && info.len() <= MAX_SEED && wanted(&path.to_string_lossy()) {
            found.push(std::fs::read(&path).unwrap());
        }
    }
}

fn files(wanted: impl Fn(&str) -> bool) -> Vec<Vec<u8>> {
    let mut found = Vec::new();
    walk(&cases(), &wanted, &mut found);
    walk(&Path::new(env!("CARGO_MANIFEST_DIR")).join("manifests"), &wanted, &mut found);
    if let Some(corpus) = std::env::var_os("WINDLASS_FUZZ_CORPUS") {
        walk(Path::new(&corpus), &wanted, &mut found);
    }
    found
}

fn texts(texts: &[&str]) -> Vec<Vec<u8>> {
    texts.iter().map(|text| text.as_bytes().to_vec()).collect()
}

/// The recorded calls of every function: one template each.
fn calls() -> Vec<Vec<u8>> {
    use std::io::Read as _;
    let mut text = String::new();
    let packed = std::fs::File::open(cases().join("functions/cases.jsonl.gz")).unwrap();
    flate2::read::GzDecoder::new(packed).read_to_string(&mut text).unwrap();
    let template = |line: &str| {
        let case: serde_json::Value = serde_json::from_str(line).ok()?;
        Some(case["template"].as_str()?.as_bytes().to_vec())
    };
    text.lines().filter_map(template).step_by(7).collect()
}

pub fn templates() -> Vec<Vec<u8>> {
    let mut found = files(|path| path.contains("/templates/"));
    found.extend(calls());
    found
}

pub fn yaml() -> Vec<Vec<u8>> {
    let mut found = files(|path| path.ends_with("values.yaml") || path.ends_with("expected.yaml") || path.ends_with("Chart.yaml"));
    found.extend(texts(&[
        "a: &x [1, 2.5, ~, yes, 'q', \"d\\n\\u00e9\"]\nb: *x\nc:\n  <<: {d: 1}\n  e: |2-\n    text\n   more\n",
        "? complex\n: - !!binary aGk=\n  - !!float 1\n  - 0o17\n  - 2001-12-14t21:59:43.10-05:00\n...\n---\nsecond: doc\n",
        "%YAML 1.1\n%TAG ! tag:x,2000:\n--- !a\nfolded: >+\n  one\n  two\n\n# comment\n",
    ]));
    found
}

pub fn json() -> Vec<Vec<u8>> {
    let mut found = files(|path| path.ends_with(".json"));
    found.extend(texts(&[r#"{"a":[1,-2.5e10,true,null,"\u00e9\ud83d\ude00\n"],"b":{"c":{}}}"#, "[[[[[]]]]]", "18446744073709551616"]));
    found
}

pub fn toml() -> Vec<Vec<u8>> {
    texts(&[
        "a = 1\nb = [1.5, 2]\n[t.x]\nd = 1979-05-27T07:32:00Z\ne = \"\"\"multi\nline\"\"\"\n[[l]]\nk = 'v'\n[[l]]\nk = {i = 0x1F, j = inf}\n",
        "\"quoted key\" = true\na.b.c = [[1], [\"x\"]]\ntime = 07:32:00.999\n",
    ])
}

pub fn archives() -> Vec<Vec<u8>> {
    let tar = |entries: &[(&str, &[u8])]| {
        let mut tar = tar::Builder::new(Vec::new());
        for (path, data) in entries {
            let mut header = tar::Header::new_gnu();
            header.set_size(data.len() as u64);
            header.set_mode(0o644);
            header.set_cksum();
            tar.append_data(&mut header, path, *data).unwrap();
        }
        tar.into_inner().unwrap()
    };
    let chart: &[u8] = b"apiVersion: v2\nname: c\nversion: 1.0.0\n";
    vec![
        tar(&[("c/Chart.yaml", chart), ("c/values.yaml", b"a: 1\n"), ("c/templates/x.yaml", b"a: {{ .Values.a }}\n")]),
        tar(&[("c/Chart.yaml", chart), (&format!("c/{}", "long/".repeat(40)), b"x")]),
        b"\x1f\x8b\x08\x00\x00\x00\x00\x00\x00\xff".to_vec(),
    ]
}

/// A chart as lines `=== path`, each with its file below it.
pub fn charts() -> Vec<Vec<u8>> {
    texts(&[
        "=== Chart.yaml\napiVersion: v2\nname: c\nversion: 1.0.0\ndependencies:\n- {name: d, version: '*', condition: d.on, alias: e, import-values: [data]}\n=== values.yaml\nd: {on: true}\n=== charts/d/Chart.yaml\napiVersion: v1\nname: d\nversion: 0.1.0\n=== charts/d/values.yaml\nexports: {data: {x: 1}}\n=== templates/a.yaml\nkind: ConfigMap\napiVersion: v1\nmetadata: {name: a, annotations: {helm.sh/hook: pre-install}}\ndata: {{ .Values | toJson }}\n=== templates/NOTES.txt\n{{ .Release.Name }}\n",
        "=== Chart.yaml\napiVersion: v1\nname: old\nversion: 1.0.0+x\nkubeVersion: '>=1.20-0'\n=== requirements.yaml\ndependencies: [{name: a, repository: 'file://x'}]\n=== .helmignore\n*.bak\n!keep\n=== values.schema.json\n{\"type\": \"object\"}\n=== crds/x.yaml\nkind: X\n=== templates/_h.tpl\n{{ define \"x\" }}{{ end }}\n",
    ])
}

pub fn strvals() -> Vec<Vec<u8>> {
    texts(&[
        "a=b,c.d=1,e[0].f=true,g={x,y},h\\.i=null", "a[2][1]=x", "list={}", "a=1,a=null", "k=\"quoted, comma\"", "n[0]=1,n[1]=2",
        "a={\"b\":[1,2,{\"c\":null}]},d=[1]", "s=1e3,t=0x10,u=-1", "long.nested.name.with.many.parts=v",
    ])
}

pub fn records() -> Vec<Vec<u8>> {
    let mut found = files(|path| path.contains("/release/") && path.ends_with(".json"));
    found.extend(texts(&[
        r#"{"name":"x","info":{"first_deployed":"2026-01-02T03:04:05Z","status":"deployed"},"chart":{"metadata":{"name":"c"},"templates":[{"name":"a","data":"YQ=="}],"values":{}},"config":{"a":1},"manifest":"---\n","hooks":[{"name":"h","events":["test"],"last_run":{"phase":"Succeeded"}}],"version":1,"namespace":"n"}"#,
    ]));
    found
}

pub fn schemas() -> Vec<Vec<u8>> {
    let mut found = files(|path| path.ends_with("schema.json"));
    found.extend(texts(&[
        r##"{"$schema":"http://json-schema.org/draft-07/schema#","type":"object","properties":{"a":{"$ref":"#/definitions/x"},"b":{"anyOf":[{"type":"string","pattern":"^a+$"},{"type":"integer","multipleOf":0.1}]}},"definitions":{"x":{"$ref":"#/definitions/y"},"y":{"enum":[1,null,"z"]}},"required":["a"],"additionalProperties":false,"if":{"required":["b"]},"then":{"minProperties":2},"dependencies":{"a":["b"]}}"##,
        r##"{"$schema":"https://json-schema.org/draft/2020-12/schema","$id":"x","$defs":{"n":{"$anchor":"a","prefixItems":[{"const":1}],"unevaluatedItems":false}},"properties":{"l":{"$ref":"#a"},"r":{"$dynamicRef":"#m"}},"propertyNames":{"maxLength":3},"contains":{"format":"date-time"}}"##,
    ]));
    found
}

pub fn manifests() -> Vec<Vec<u8>> {
    let mut found = files(|path| path.ends_with("expected.yaml") || path.ends_with("crd.yaml") || path.ends_with("install.yaml"));
    found.extend(texts(&[
        "apiVersion: v1\nkind: List\nitems:\n- apiVersion: apps/v1\n  kind: Deployment\n  metadata: {name: a}\n  spec: {replicas: 1, selector: {}, template: {spec: {containers: [{name: a, image: b, resources: {limits: {cpu: 1}}}]}}}\n",
        "apiVersion: apiextensions.k8s.io/v1\nkind: CustomResourceDefinition\nmetadata: {name: xs.y.z}\nspec: {group: y.z, names: {kind: X}, versions: [{name: v1, served: true, schema: {openAPIV3Schema: {type: object, properties: {spec: {type: object, x-kubernetes-preserve-unknown-fields: true, anyOf: [{required: [a]}]}}}}}]}\n---\napiVersion: y.z/v1\nkind: X\nmetadata: {name: x}\nspec: {a: 1}\n",
    ]));
    found
}

pub fn patterns() -> Vec<Vec<u8>> {
    texts(&["*.{yaml,json}", "**/a/[!b-d]?", "{a,{b,{c,d}}}*", "!keep\n*.bak\n/dir/\n\\#x", ">=1.2.3-0 <2 || ~3.4.x, !=5", "^1.2 - 3.x", "[a-", "1.2.3-rc.1+b"])
}

#[cfg(feature = "agent")]
pub fn environments() -> Vec<Vec<u8>> {
    texts(&[
        "apiVersion: windlass.dev/v1alpha1\nkind: Environment\nmetadata: {name: shop, namespace: shop, annotations: {windlass.dev/rollback: '3@x'}}\nspec:\n  source: {git: {url: 'https://example.com/x.git', branch: main, interval: 1m 30s}}\n  values: {files: [a.yaml], inline: {a: 1}, from: [{kind: Secret, name: s}]}\n  sync: {mode: Manual, retry: {limit: 3, backoff: 5s}, ignore: [{kind: X, pointers: [/spec/replicas]}]}\n",
    ])
}

#[cfg(feature = "agent")]
pub fn sops() -> Vec<Vec<u8>> {
    texts(&[
        "a: ENC[AES256_GCM,data:AAAA,iv:AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=,tag:AAAAAAAAAAAAAAAAAAAAAA==,type:str]\nl:\n- b_unencrypted: 1\nsops:\n    age:\n    - recipient: age1x\n      enc: |\n        -----BEGIN AGE ENCRYPTED FILE-----\n        YWdl\n        -----END AGE ENCRYPTED FILE-----\n    lastmodified: \"2026-01-02T03:04:05Z\"\n    mac: ENC[AES256_GCM,data:AA==,iv:AA==,tag:AA==,type:str]\n    version: 3.13.3\n",
        "A=ENC[AES256_GCM,data:AA==,iv:AA==,tag:AA==,type:str]\nsops_age__list_0__map_enc=x\\ny\nsops_age__list_0__map_recipient=age1\nsops_mac=ENC[]\nsops_lastmodified=x\n",
        r#"{"data":"ENC[AES256_GCM,data:AA==,iv:AA==,tag:AA==,type:str]","sops":{"pgp":[{"fp":"AB","enc":"-----BEGIN PGP MESSAGE-----\n\nhQ==\n-----END PGP MESSAGE-----\n"}],"mac":"ENC[x]","lastmodified":"x","encrypted_regex":"(a+)+$"}}"#,
    ])
}
