//! Random charts: metadata, subcharts, dependencies, values, files, hooks, notes, schemas and the flags of `template`.

use super::{Case, Random, words::SCALARS};

type Files = Vec<(String, Vec<u8>)>;

fn put(files: &mut Files, path: String, text: impl Into<Vec<u8>>) {
    files.retain(|(other, _)| *other != path);
    files.push((path, text.into()));
}

/// A whole chart.
pub fn chart(random: &mut Random) -> Case {
    let mut files = Files::new();
    one(random, &mut files, "c", "c", 0);
    if random.chance(25) {
        put(&mut files, "more.yaml".to_owned(), values(random, &["a", "b", "x"], 0));
    }
    let mut args = flags(random);
    if files.iter().any(|(path, _)| path == "more.yaml") {
        args.extend(["-f".to_owned(), "more.yaml".to_owned()]);
    }
    Case::template(files, args)
}

/// The flags of `template`.
pub fn flags(random: &mut Random) -> Vec<String> {
    const FLAGS: &[&[&str]] = &[
        &["--include-crds"], &["--is-upgrade"], &["--no-hooks"], &["--skip-tests"], &["--show-only", "templates/dump.yaml"], &["--show-only", "templates/*.yaml"], &["--show-only", "nope.yaml"], &["--output-dir", "out"],
        &["--output-dir", "out", "--release-name"], &["--api-versions", "x/v1,y/v2/Kind"], &["-a", "example.org/v1"], &["--skip-schema-validation"], &["--set", "a.enabled=true,b.enabled=false"], &["--set", "a=null"],
        &["--set", "tags.one=false,tags.two=true"], &["--set", "global.g=1"], &["--set", "b.x=null,global=null"], &["--set-string", "x=01"], &["--set-json", "a={\"x\": [1]}"], &["--set", "x.y.z=1"], &["--set", "a.global.g=deep"],
        &["--show-only", "charts/a/templates/dump.yaml"], &["--set", "a.b.enabled=true"], &["--set", "y=null"], &["--set", "a=text"], &["--set", "b.a.x=5,b.x.y=null"], &["--description", "d"], &["--kube-version", "v1.30"], &["--kube-version", "1.19.3-gke.1"],
        &["--set", "list[0]=null,list[1].k=v"], &["--hide-notes"], &["--render-subchart-notes"], &["--show-only", "templates/NOTES.txt"], &["--show-only", "crds/one.yaml", "--include-crds"],
    ];
    let mut args = Vec::new();
    for _ in 0..[0, 0, 1, 1, 2, 3][random.below(6)] {
        args.extend(FLAGS[random.below(FLAGS.len())].iter().map(|arg| (*arg).to_owned()));
    }
    args
}

/// One chart below `top`, and its subcharts.
fn one(random: &mut Random, files: &mut Files, top: &str, name: &str, depth: usize) {
    let subcharts: Vec<&str> = match depth {
        0 => ["a", "b", "lib"].into_iter().filter(|_| random.chance(55)).collect(),
        1 => ["b", "x"].into_iter().filter(|_| random.chance(20)).collect(),
        _ => Vec::new(),
    };
    metadata(random, files, top, name, &subcharts);
    if random.chance(90) {
        put(files, format!("{top}/values.yaml"), values(random, &subcharts, 0));
    }
    templates(random, files, top);
    extras(random, files, top, depth);
    for sub in &subcharts {
        let folder = if random.chance(5) { "other" } else { sub };
        one(random, files, &format!("{top}/charts/{folder}"), sub, depth + 1);
    }
    if random.chance(5) {
        put(files, format!("{top}/charts/{}", random.pick(&["README.md", "_ignored/Chart.yaml", ".hidden/Chart.yaml", "x.tgz", "plain.txt", "empty/values.yaml", "bad.prov"])), "x: 1\n");
    }
}

fn metadata(random: &mut Random, files: &mut Files, top: &str, name: &str, subcharts: &[&str]) {
    let v1 = random.chance(15);
    let mut text = format!("apiVersion: {}\n", if random.chance(2) { random.pick(&["v3", "", "1", "v0", "[]"]) } else if v1 { "v1" } else { "v2" });
    text += &format!("name: {}\n", if random.chance(3) { random.pick(&["", "Upper", "a/b", "a b", "é", "1", "x.y", "null", "../x"]) } else { name });
    text += &format!("version: {}\n", if random.chance(10) { random.pick(&["1", "v1.2.3", "\"\"", "1.0", "x", "1.2.3-a+b", "01.2.3", "1.2.3.4", "null"]) } else { "1.2.3" });
    const FIELDS: &[&str] = &[
        "appVersion: 4.5", "appVersion: \"1.0\"", "kubeVersion: \">=1.20\"", "kubeVersion: \">=1.99.0\"", "kubeVersion: bad", "description: \"a\\tb\"", "type: application", "type: library", "type: other", "deprecated: true",
        "home: https://x.example", "icon: https://x.example/i.png", "keywords: [a, b]", "keywords: a", "sources: [https://x.example]", "annotations: {a: \"1\", b: x}", "annotations: {a: 1}", "maintainers: [{name: N, email: n@x.example, url: https://x.example}]",
        "maintainers: [{email: x}]", "maintainers: [null]", "unknown: 1", "name: twice", "description: [1]", "tags: one", "condition: x", "engine: gotpl", "deprecated: \"yes\"", "appVersion: 1e3", "appVersion: true", "kubeVersion: 1.30", "version: 2.0.0",
        "home: \"not a url\"", "Description: case", "dependencies: null", "description: \"\\u0001\"",
    ];
    for _ in 0..random.below(3) {
        text += random.pick(FIELDS);
        text.push('\n');
    }
    let mut dependencies = String::new();
    for sub in subcharts {
        if random.chance(30) {
            continue;
        }
        dependencies += &dependency(random, sub);
        if random.chance(12) {
            dependencies += &dependency(random, sub);
            dependencies += "    alias: again\n";
        }
    }
    if random.chance(3) {
        dependencies += &dependency(random, "missing");
    }
    if !dependencies.is_empty() {
        let text_of = format!("dependencies:\n{dependencies}");
        if v1 != random.chance(10) {
            put(files, format!("{top}/requirements.yaml"), text_of);
        } else {
            text += &text_of;
        }
    }
    put(files, format!("{top}/Chart.yaml"), text);
}

fn dependency(random: &mut Random, name: &str) -> String {
    let mut text = format!("  - name: {name}\n");
    text += &format!("    version: {}\n", random.pick(&["1.2.3", "\">=1.0.0\"", "\"*\"", "1.x", "\"2.0.0\"", "\"\"", "bad", "~1.2", "1.2.3"]));
    if random.chance(40) {
        text += "    repository: https://charts.example\n";
    }
    if random.chance(35) {
        text += &format!("    condition: {}\n", random.pick(&["a.enabled", "b.enabled", "nope.enabled,a.enabled", "x.y", "a.enabled, b.enabled", "\"\"", "global.on", "sub.enabled", "\"a.x\"", "list"]));
    }
    if random.chance(25) {
        text += &format!("    tags: {}\n", random.pick(&["[one]", "[one, two]", "[]", "[nope]", "one"]));
    }
    if random.chance(12) {
        text += &format!("    alias: {}\n", random.pick(&["sub", "al", "a-b", "UP", "\"a b\"", "\"\"", "a.b"]));
    }
    if random.chance(8) {
        text += "    enabled: false\n";
    }
    if random.chance(25) {
        text += "    import-values:\n";
        for _ in 0..1 + random.below(2) {
            text += random.pick(&[
                "      - data\n", "      - child: x\n        parent: y\n", "      - child: exports.data\n        parent: .\n", "      - child: .\n        parent: all\n", "      - nope\n", "      - child: nope\n        parent: y\n", "      - {child: default, parent: imported}\n",
                "      - 1\n", "      - child: x.y\n        parent: x.z\n", "      - {child: list, parent: l}\n", "      - {parent: y}\n", "      - {child: map, parent: map}\n",
            ]);
        }
    }
    text
}

fn scalar(random: &mut Random) -> String {
    match random.below(8) {
        0..=2 => random.pick(&["1", "x", "true", "false", "null", "2.5", "\"\"", "[]", "{}"]).to_owned(),
        3 => "null".to_owned(),
        _ => {
            let text = random.pick(SCALARS);
            if random.chance(50) || text.contains('\n') { serde_json::to_string(text).unwrap() } else { random.pick(&["7", "text", "1e3", "0x10", "yes", "~", "12345678901"]).to_owned() }
        }
    }
}

/// Values with subcharts' tables, globals, nulls.
fn values(random: &mut Random, subcharts: &[&str], depth: usize) -> String {
    let pad = "  ".repeat(depth);
    let mut text = String::new();
    let mut keys = vec!["x", "y", "list", "map", "enabled", "replicas"];
    if depth < 3 {
        keys.extend(["global", "tags", "exports", "a", "b", "sub", "again", "default"]);
        keys.extend(subcharts);
    }
    let mut seen = Vec::new();
    for _ in 0..random.below(7) {
        let key = keys[random.below(keys.len())];
        if seen.contains(&key) && !random.chance(3) {
            continue;
        }
        seen.push(key);
        let table = matches!(key, "global" | "exports" | "a" | "b" | "sub" | "again" | "map" | "x" | "default" | "lib");
        if key == "tags" && random.chance(80) {
            text += &format!("{pad}tags: {}\n", random.pick(&["{one: true}", "{one: false}", "{one: false, two: true}", "{two: 1}", "{}", "null"]));
        } else if key == "enabled" {
            text += &format!("{pad}enabled: {}\n", random.pick(&["true", "false", "\"true\"", "1", "null"]));
        } else if key == "list" {
            text += &format!("{pad}list: {}\n", random.pick(&["[1, null, {k: v}]", "[]", "[{a: null}]", "null", "text", "[[1], x]"]));
        } else if key == "exports" && random.chance(80) {
            text += &format!("{pad}exports: {}\n", random.pick(&["{data: {imported: 1, x: {y: 2}}}", "{data: null}", "{data: {a: {x: 1}}}", "{data: [1]}", "{}"]));
        } else if table && depth < 3 && random.chance(75) {
            let inner = values(random, &[], depth + 1);
            text += &if inner.is_empty() { format!("{pad}{key}: {{}}\n") } else { format!("{pad}{key}:\n{inner}") };
        } else {
            text += &format!("{pad}{key}: {}\n", scalar(random));
        }
    }
    if depth == 0 && random.chance(3) {
        text += random.pick(&["- 1\n", "x\n", "\tx: 1\n", "x: [\n", "&a x: *a\n", "!!binary x: 1\n", "1: 2\n", "~: 3\n", "---\nz: 1\n"]);
    }
    text
}

const DUMPS: &[&str] = &[
    "values: {{ .Values | toYaml | nindent 2 }}\n", "chart: {{ .Chart | toYaml | nindent 2 }}\n", "release: {{ .Release | toYaml | nindent 2 }}\n", "template: {{ .Template.Name }} {{ .Template.BasePath }}\n", "subcharts: {{ .Subcharts | toJson }}\n",
    "subs: {{ range $k, $v := .Subcharts }}{{ $k }}={{ $v.Values | toJson }} {{ $v.Chart.Name }}{{ end }}\n", "api: {{ .Capabilities.APIVersions | toJson }}\n", "has: {{ .Capabilities.APIVersions.Has \"x/v1\" }}\n", "kube: {{ .Capabilities.KubeVersion }} {{ .Capabilities.KubeVersion.Minor }}\n",
    "files: {{ range $p, $c := .Files }}{{ $p }} {{ end }}\n", "glob: {{ (.Files.Glob \"**.txt\").AsConfig | nindent 2 }}\n", "secrets: {{ (.Files.Glob \"files/*\").AsSecrets | nindent 2 }}\n", "lines: {{ range .Files.Lines \"files/one.txt\" }}<{{ . }}>{{ end }}\n", "get: {{ .Files.Get \"files/one.txt\" | quote }}\n",
    "upgrade: {{ .Release.IsUpgrade }} {{ .Release.IsInstall }}\n", "inc: {{ include \"c.name\" . }}\n", "inc: {{ include \"shared\" . }}\n", "x: {{ .Values.x }}\n", "deep: {{ .Values.x.y.z }}\n", "req: {{ required \"x is required\" .Values.x }}\n", "global: {{ .Values.global | toJson }}\n",
    "tpl: {{ tpl \"{{ .Values | toJson | quote }}\" . }}\n", "{{ fail \"on purpose\" }}\n", "{{ if .Values.enabled }}on{{ else }}off{{ end }}: 1\n", "v: {{ .Values.global.g }}\n", "set: {{ $_ := set .Values \"added\" 1 }}{{ .Values.added }}\n", "{{ include \"deep\" . }}\n", "look: {{ lookup \"v1\" \"Pod\" \"ns\" \"\" | toJson }}\n",
    "all: {{ omit . \"Files\" \"Subcharts\" \"Capabilities\" | toJson }}\n", "{{ template \"shared\" . }}\n", "dep: {{ .Chart.Dependencies | toJson }}\n", "root: {{ .Chart.IsRoot }}\n", "t: {{ typeOf .Values }} {{ typeOf .Values.global }} {{ typeOf .Values.a }} {{ typeOf .Chart }}\n",
    "k: {{ range $k, $v := . }}{{ $k }} {{ end }}\n", "{{- range $i, $n := list \"s\" \"t\" }}\n---\nkind: ConfigMap\nmetadata: {name: {{ $n }}}\n{{- end }}\n", "\n---\n---\n# only a comment\n", "notes: {{ .Files.Get \"templates/NOTES.txt\" }}\n", "d: {{ .Chart.Deprecated }} {{ .Chart.Type }}\n",
];

const HELPERS: &[&str] = &[
    "{{- define \"shared\" -}}from {{ .Chart.Name }}{{- end }}\n", "{{ define \"c.name\" }}{{ .Release.Name }}-{{ .Chart.Name }}{{ end }}\n", "{{ define \"deep\" }}\n\n{{ include \"deeper\" . }}{{ end }}{{ define \"deeper\" }}{{ .Values.x.y.z }}{{ end }}\n", "stray text\n", "{{ define \"shared\" }}other{{ end }}", "{{ if }}\n",
    "{{ define \"deep\" }}{{ fail \"deep down\" }}{{ end }}", "",
];

fn templates(random: &mut Random, files: &mut Files, top: &str) {
    let mut dump = String::new();
    for _ in 0..random.below(5) {
        dump += random.pick(DUMPS);
    }
    if random.chance(60) {
        dump = format!("apiVersion: v1\nkind: {}\nmetadata:\n  name: dump\n{}", random.pick(&["ConfigMap", "Secret", "Thing"]), dump);
    }
    put(files, format!("{top}/templates/dump.yaml"), dump);
    if random.chance(70) {
        put(files, format!("{top}/templates/_helpers.tpl"), random.pick(HELPERS).to_owned() + random.pick(HELPERS));
    }
    if random.chance(25) {
        put(files, format!("{top}/templates/NOTES.txt"), random.pick(&["notes {{ .Values.x }}\n", "{{ fail \"notes\" }}", "{{ include \"shared\" . }}", "plain"]));
    }
    if random.chance(25) {
        let path = random.pick(&["sub/more.yaml", "z.yml", "a.txt", "_part.yaml", "partial.tpl", "Upper.YAML", "tests/t.yaml", ".hidden.yaml", "b.json", "é.yaml", "a b.yaml", "sub/_x.tpl", "z.yaml~", "sub/NOTES.txt"]);
        put(files, format!("{top}/templates/{path}"), object(random));
    }
    if random.chance(35) {
        put(files, format!("{top}/templates/hook.yaml"), object(random));
    }
}

fn extras(random: &mut Random, files: &mut Files, top: &str, depth: usize) {
    if random.chance(40) {
        put(files, format!("{top}/files/one.txt"), random.pick(&["line one\nline two\n", "", "\u{feff}bom\n", "no end", "é\r\nx"]));
    }
    if random.chance(15) {
        let path = random.pick(&["files/b.bin", "README.md", "LICENSE", "files/.dot", "docs/x.txt", "values.txt", "files/a b.txt", "Chart.lock", "templates.txt", "a.txt"]);
        put(files, format!("{top}/{path}"), if path == "Chart.lock" { b"dependencies: []\ngenerated: \"2024-01-01T00:00:00Z\"\n".to_vec() } else { b"\xff\x00x".to_vec() });
    }
    if random.chance(25) {
        let crd = random.pick(&["apiVersion: apiextensions.k8s.io/v1\nkind: CustomResourceDefinition\nmetadata: {name: x.example.org}\n", "---\na: 1\n---\nb: {{ raw }}\n", "", "not: [yaml\n"]);
        put(files, format!("{top}/crds/{}", random.pick(&["one.yaml", "one.json", "sub/two.yaml", "x.txt"])), crd);
    }
    if depth == 0 && random.chance(20) {
        let rules = random.pick(&["*.txt\n", "files/\n", "# c\n/README.md\n", "!files/one.txt\n*.md\n", "templates/z.*\n", "charts/a\n", "*\n", "**/x\n", "[\n", "a.txt \n\\#x\n", "values.yaml\n", "/templates/*.yml\n!keep\n", ".*\n", "docs\n", "sub/\n", "crds/\n"]);
        put(files, format!("{top}/.helmignore"), rules);
    }
    if random.chance(12) {
        put(files, format!("{top}/values.schema.json"), schema(random));
    }
}

fn schema(random: &mut Random) -> String {
    let draft = random.pick(&["", "", "\"$schema\": \"http://json-schema.org/draft-07/schema#\", ", "\"$schema\": \"https://json-schema.org/draft/2020-12/schema\", ", "\"$schema\": \"http://json-schema.org/draft-04/schema#\", ", "\"$schema\": \"https://json-schema.org/draft/2019-09/schema\", "]);
    let body = random.pick(&[
        "\"required\": [\"x\"]", "\"properties\": {\"x\": {\"type\": \"string\"}}", "\"properties\": {\"x\": {\"type\": [\"object\", \"null\"]}, \"list\": {\"type\": \"array\", \"items\": {\"type\": \"integer\"}, \"minItems\": 2}}", "\"additionalProperties\": false, \"properties\": {\"global\": {}, \"x\": {}}",
        "\"properties\": {\"replicas\": {\"type\": \"integer\", \"minimum\": 2}}", "\"type\": \"array\"", "\"properties\": {\"x\": {\"enum\": [1, \"a\"]}}", "\"properties\": {\"y\": {\"pattern\": \"^a\", \"minLength\": 3}}", "\"anyOf\": [{\"required\": [\"x\"]}, {\"required\": [\"y\"]}]", "\"properties\": {\"x\": {\"$ref\": \"#/definitions/d\"}}, \"definitions\": {\"d\": {\"const\": 1}}",
        "\"$ref\": \"#/nope\"", "\"properties\": {\"x\": {\"oneOf\": [{\"type\": \"number\"}, {\"type\": \"integer\"}]}}", "\"not\": {\"required\": [\"enabled\"]}", "\"if\": {\"required\": [\"x\"]}, \"then\": {\"required\": [\"y\"]}", "\"properties\": {\"x\": {\"format\": \"ipv4\"}}", "\"propertyNames\": {\"maxLength\": 3}", "\"type\": \"nope\"", "\"properties\": {\"x\": {\"multipleOf\": 2}}", "\"dependencies\": {\"x\": [\"y\"]}",
        "\"properties\": {\"list\": {\"uniqueItems\": true, \"contains\": {\"const\": 1}}}", "\"minProperties\": 9", "\"patternProperties\": {\"^x\": {\"type\": \"boolean\"}}", "broken",
    ]);
    format!("{{{draft}{body}}}\n")
}

/// An object with hooks' annotations, some of them odd.
fn object(random: &mut Random) -> String {
    const KINDS: &[&str] = &["ConfigMap", "Secret", "Deployment", "Service", "Namespace", "Job", "Pod", "ServiceAccount", "ClusterRole", "Ingress", "CustomThing", "List", "CustomResourceDefinition", "\"\"", "1", "StorageClass", "RoleBinding", "PriorityClass"];
    let mut text = String::new();
    for _ in 0..1 + random.below(3) {
        text += random.pick(&["---\n", "---\n", "--- # c\n", "---   \n", "\n---\n", "# c\n---\n"]);
        text += &format!("apiVersion: {}\n", random.pick(&["v1", "apps/v1", "\"\"", "1", "x/v1"]));
        text += &format!("kind: {}\n", random.pick(KINDS));
        text += &format!("metadata:\n  name: {}\n", random.pick(&["one", "two", "\"1\"", "1", "", "a-b", "one"]));
        if random.chance(55) {
            text += "  annotations:\n";
            for _ in 0..1 + random.below(3) {
                let line = random.pick(&[
                    "helm.sh/hook: pre-install", "helm.sh/hook: test", "helm.sh/hook: post-install,post-upgrade", "helm.sh/hook: test-success", "helm.sh/hook: nope", "helm.sh/hook: pre-install, nope", "helm.sh/hook: \"\"", "helm.sh/hook: crd-install", "helm.sh/hook: Test", "helm.sh/hook-weight: \"-5\"", "helm.sh/hook-weight: \"5\"",
                    "helm.sh/hook-weight: 5", "helm.sh/hook-weight: \"x\"", "helm.sh/hook-weight: \" 3\"", "helm.sh/hook-delete-policy: hook-succeeded", "helm.sh/hook-delete-policy: nope", "helm.sh/hook-output-log-policy: hook-failed", "a: b", "n: 1", "helm.sh/hook: pre-delete", "helm.sh/resource-policy: keep", "t: true", "z: null",
                ]);
                text += &format!("    {line}\n");
            }
        }
        text += random.pick(&["", "data: {a: b}\n", "spec:\n  x: {{ .Values.x | toJson }}\n", "bad: [\n", "a: 1\na: 2\n", "\ttab: 1\n", "x: 1e999\n", "items: []\n", "data:\n  text: |\n    ---\n    inner\n", "s: \"---\"\n", "# Source: other/x.yaml\n"]);
    }
    text
}

/// Objects whose order, hooks and faults matter.
pub fn manifests(random: &mut Random) -> Case {
    let mut files = Files::new();
    put(&mut files, "c/Chart.yaml".to_owned(), "apiVersion: v2\nname: c\nversion: 1.2.3\n");
    put(&mut files, "c/values.yaml".to_owned(), "x: {y: 1}\n");
    for name in ["a.yaml", "b.yaml", "sub/c.yaml", "tests/d.yaml", "_h.yaml", "z.txt"] {
        if random.chance(50) {
            put(&mut files, format!("c/templates/{name}"), object(random));
        }
    }
    if random.chance(20) {
        put(&mut files, "c/templates/list.yaml".to_owned(), random.pick(&["- 1\n", "text\n", "null\n", "{}\n", "a: b: c\n", "\"x\"\n", "---\n---\n\n", "{{ \"\" }}\n  \n", "# c", "<<: {kind: X}\n", "kind: [x]\n", "metadata: 1\n", "metadata: {annotations: [1]}\n", "metadata: {annotations: {helm.sh/hook: [x]}}\n"]));
    }
    Case::template(files, flags(random))
}
