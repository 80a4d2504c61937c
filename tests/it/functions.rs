//! Helm's template functions: the table against Helm's own function map, and every recorded case against our engine.
//! The records are helm v4.3.1's (`tests/cases/functions/README.md`).

use flate2::read::GzDecoder;
use serde_json::Value as Json;
use std::collections::BTreeMap;
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use windlass::chart::{Chart, Log, Metadata, SourceFile};
use windlass::render::{Options, render_texts};
use windlass::template::funcs::{self, Host};
use windlass::value::{Map, Value};

/// Functions that the executor itself brings, because they need it; they are not in the table.
const LATE_BOUND: [&str; 4] = ["fail", "include", "required", "tpl"];

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/cases/functions")
}

/// A world without a cluster, with a clock that stands and random bytes that are not.
struct TestHost;

impl Host for TestHost {
    fn now(&self) -> i128 {
        1_700_000_000_000_000_000
    }
    fn zone(&self) -> String {
        "UTC".to_owned()
    }
    fn random(&self, buffer: &mut [u8]) {
        rand::RngCore::fill_bytes(&mut rand::thread_rng(), buffer);
    }
    fn lookup(&self, _: &str, _: &str, _: &str, _: &str) -> Result<Value, String> {
        Ok(Value::Map(Map::new()))
    }
    fn resolve(&self, _: &str) -> String {
        String::new()
    }
}

#[test]
fn the_table_has_helms_functions_and_their_types() {
    let text = std::fs::read_to_string(folder().join("funcmap.json")).unwrap();
    let record: Json = serde_json::from_str(&text).unwrap();
    let helm: BTreeMap<&str, String> = record["functions"]
        .as_array()
        .unwrap()
        .iter()
        .map(|function| {
            let params: Vec<&str> = function["params"].as_array().unwrap().iter().map(|p| p.as_str().unwrap()).collect();
            let (name, result) = (function["name"].as_str().unwrap(), function["result"].as_str().unwrap());
            (name, format!("({}) variadic {} -> {result}", params.join(", "), function["variadic"]))
        })
        .filter(|(name, _)| !LATE_BOUND.contains(name))
        .collect();
    let ours: BTreeMap<&str, String> = funcs::all()
        .iter()
        .map(|def| {
            let params: Vec<&str> = def.params.iter().map(|ty| ty.name()).collect();
            (def.name, format!("({}) variadic {} -> {}", params.join(", "), def.variadic, def.result.name()))
        })
        .collect();
    let mut wrong = Vec::new();
    for name in helm.keys().chain(ours.keys()) {
        let (theirs, own) = (helm.get(name), ours.get(name));
        if theirs != own {
            wrong.push(format!("{name}: helm {theirs:?}, windlass {own:?}"));
        }
    }
    wrong.sort();
    wrong.dedup();
    assert!(wrong.is_empty(), "{} functions differ:\n{}", wrong.len(), wrong.join("\n"));
    assert_eq!(ours.len(), funcs::all().len(), "a name stands twice in the table");
    assert!(funcs::all().iter().all(|def| funcs::lookup(def.name).is_some_and(|found| std::ptr::eq(found, *def))));
    assert!(funcs::lookup("env").is_none() && funcs::lookup("expandenv").is_none());
}

/// One recorded template.
struct Case {
    function: String,
    template: Vec<u8>,
    expected: Result<Vec<u8>, Vec<u8>>,
}

fn read_cases() -> Vec<Case> {
    let file = std::fs::File::open(folder().join("cases.jsonl.gz")).unwrap();
    let mut lines = BufReader::new(GzDecoder::new(file)).lines();
    assert!(lines.next().unwrap().unwrap().contains("v4.3.1"), "the header names Helm's version");
    lines
        .map(|line| {
            let record: Json = serde_json::from_str(&line.unwrap()).unwrap();
            let latin1 = record["latin1"] == Json::Bool(true);
            let bytes = |text: &Json| -> Vec<u8> {
                let text = text.as_str().unwrap();
                if latin1 { text.chars().map(|c| c as u8).collect() } else { text.as_bytes().to_vec() }
            };
            let expected = match &record["err"] {
                Json::Null => Ok(bytes(&record["out"])),
                error => Err(bytes(error)),
            };
            Case { function: record["f"].as_str().unwrap().to_owned(), template: bytes(&record["t"]), expected }
        })
        .collect()
}

/// The chart of the records, without reading YAML: a fault there is none of the functions'.
fn load_chart() -> Chart {
    let read = |path: &str| std::fs::read(folder().join(path)).unwrap();
    let values: Json = serde_json::from_slice(&read("values.json")).unwrap();
    let Value::Map(values) = floats(&values) else { panic!("the values are a map") };
    let metadata = Metadata {
        name: "c".to_owned(),
        version: "1.2.3-rc.1+b5".to_owned(),
        api_version: "v2".to_owned(),
        app_version: "2.0".to_owned(),
        description: "What the oracle and the test of the functions render with".to_owned(),
        keywords: vec!["a".to_owned(), "b".to_owned()],
        ..Metadata::default()
    };
    let files = vec![SourceFile { path: "files/a.txt".to_owned(), bytes: read("chart/files/a.txt").into() }];
    Chart { metadata, values: values.into(), files, ..Chart::default() }
}

/// Values as Helm reads them: every number is a `float64`.
fn floats(json: &Json) -> Value {
    match json {
        Json::Null => Value::Null,
        Json::Bool(flag) => Value::Bool(*flag),
        Json::Number(number) => Value::Float(number.as_f64().unwrap()),
        Json::String(text) => Value::from(text.as_str()),
        Json::Array(items) => Value::List(items.iter().map(floats).collect()),
        Json::Object(map) => Value::Map(map.iter().map(|(key, value)| (key.as_str().into(), floats(value))).collect()),
    }
}

/// What our engine makes of a template: its text or its error.
fn render(chart: &Chart, template: &[u8]) -> Result<Vec<u8>, Vec<u8>> {
    let templates = vec![SourceFile { path: "templates/t.yaml".to_owned(), bytes: template.into() }];
    let chart = Chart { templates, ..chart.clone() };
    let options = Options { release_name: "rel".to_owned(), namespace: "ns".to_owned(), ..Options::default() };
    let rendered = render_texts(&chart, &Map::new(), &options, &TestHost, &mut Log::default());
    rendered.map(|mut texts| texts.remove("c/templates/t.yaml").unwrap()).map_err(|error| error.to_string().into_bytes())
}

fn failures(cases: &[Case]) -> Vec<(String, String)> {
    let chart = load_chart();
    let mut failed = Vec::new();
    for case in cases {
        let got = render(&chart, &case.template);
        if got != case.expected {
            let show = |result: &Result<Vec<u8>, Vec<u8>>| match result {
                Ok(text) => format!("{:?}", bstr::BStr::new(text)),
                Err(text) => format!("error {:?}", bstr::BStr::new(text)),
            };
            let (template, helm) = (bstr::BStr::new(&case.template), show(&case.expected));
            failed.push((case.function.clone(), format!("{template}\n    helm: {helm}\n    ours: {}", show(&got))));
        }
    }
    failed
}

#[test]
fn every_case_is_as_helm_has_it() {
    // WINDLASS_FUNCTION=name runs one function's cases alone; WINDLASS_SHOW=n shows n failures of each
    let only = std::env::var("WINDLASS_FUNCTION").ok();
    let cases: Vec<Case> =
        read_cases().into_iter().filter(|case| only.as_ref().is_none_or(|name| *name == case.function)).collect();
    assert!(!cases.is_empty());
    let threads = std::thread::available_parallelism().map_or(1, usize::from);
    let failed: Vec<(String, String)> = std::thread::scope(|scope| {
        let parts = cases.chunks(cases.len().div_ceil(threads));
        let running: Vec<_> = parts.map(|part| scope.spawn(|| failures(part))).collect();
        running.into_iter().flat_map(|thread| thread.join().unwrap()).collect()
    });
    let mut by_function: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
    for (function, text) in &failed {
        by_function.entry(function).or_default().push(text);
    }
    let shown = std::env::var("WINDLASS_SHOW").map_or(2, |number| number.parse().unwrap());
    let mut report = String::new();
    for (function, texts) in &by_function {
        report += &format!("{function}: {} differ\n", texts.len());
        texts.iter().take(shown).for_each(|text| report += &format!("  {text}\n"));
    }
    assert!(failed.is_empty(), "{} of {} cases differ\n{report}", failed.len(), cases.len());
}

/// The executor's own functions, for the page: name, parameters, result and sentence.
const OWN: [(&str, &str, &str, &str); 4] = [
    ("fail", "string", "string", "Ends the rendering with the message."),
    ("include", "string any", "string", "What the named template writes for the value."),
    ("required", "string any", "any", "The value; where it is nil or an empty string, ends the rendering with the message."),
    ("tpl", "string any", "string", "What the text writes, as a template, for the value."),
];

const PAGE_HEAD: &str = "\
# Template functions

Everything that Helm v4.3.1 gives to templates, with the same results and the same error texts, besides Go's own
`and or not len index call html js print printf println urlquery eq ne lt le gt ge`. `env` and `expandenv` are not among
them, as in Helm. What differs is said at the function and in the page on compatibility.

Parameters stand in order, so that what comes through a pipe is the last; `…` marks one that repeats, zero times or more.
`list` and `map` are `[]interface {}` and `map[string]interface {}`. Written by a test from the table in
`src/template/funcs/`: change it there, then run `WINDLASS_BLESS=1 cargo test --test it functions`.

| function | parameters | result | |
|---|---|---|---|
";

fn page() -> String {
    let short = |ty: &str| match ty {
        "interface {}" => "any".to_owned(),
        "map[string]interface {}" => "map".to_owned(),
        "[]interface {}" => "list".to_owned(),
        other => other.replace("interface {}", "any"),
    };
    let mut rows: BTreeMap<&str, String> = BTreeMap::new();
    for (name, params, result, doc) in OWN {
        rows.insert(name, format!("| `{name}` | `{params}` | `{result}` | {doc} |\n"));
    }
    for def in funcs::all() {
        let mut params: Vec<String> = def.params.iter().map(|ty| short(ty.name())).collect();
        if let Some(last) = params.last_mut().filter(|_| def.variadic) {
            last.push('…');
        }
        let params = if params.is_empty() { String::new() } else { format!("`{}`", params.join(" ")) };
        let (name, result, doc) = (def.name, short(def.result.name()), def.doc.replace('|', "\\|"));
        rows.insert(name, format!("| `{name}` | {params} | `{result}` | {doc} |\n"));
    }
    PAGE_HEAD.to_owned() + &rows.into_values().collect::<String>()
}

#[test]
fn the_reference_page_is_current() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/reference/functions.md");
    assert!(funcs::all().iter().all(|def| def.doc.ends_with(['.', ')', '`'])), "every function has its sentence");
    if std::env::var_os("WINDLASS_BLESS").is_some() {
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(&path, page()).unwrap();
    }
    let written = std::fs::read_to_string(&path).unwrap_or_default();
    assert_eq!(written, page(), "run WINDLASS_BLESS=1 cargo test --test it functions");
}
