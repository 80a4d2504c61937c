//! The check of objects against schemas, held against the API server's own strict verdict: the same objects are refused.
//!
//! Objects are what helm rendered of the corpus' charts (where it is there) and of our own, as they are and with a mistake put
//! in. The server is asked by a dry run with `fieldValidation=Strict`, as `kubectl apply --dry-run=server --validate=strict`
//! does. What its decoder refuses (unknown fields, wrong types) must be found; what is found must be refused. Of what only its
//! code knows (a selector that does not fit), nothing is asked here.

use super::fixture::Fixture;
use serde_json::{Value, json};
use std::{collections::BTreeMap, path::Path, process::Command};
use windlass::{
    check::{Catalog, Fault, OpenApi, builtin, check_object, documents},
    object::{Object, scope},
};

/// How many objects of the corpus are tried, spread evenly.
const SAMPLE: usize = 3000;
/// How many mistakes are put into objects.
const MISTAKES: usize = 3000;

/// What the server says.
#[derive(Debug, PartialEq)]
enum Verdict {
    Taken,
    /// Its decoder refused it: a question of form.
    Malformed(String),
    /// Its code refused it: the reasons of the causes, and what it said.
    Invalid(Vec<String>, String),
    /// It never came to that: no such kind, no such namespace, forbidden.
    Other(u16, String),
}

fn ask(f: &Fixture, object: &Object) -> Verdict {
    let gvk = &object.reference.gvk;
    let prefix = if gvk.group.is_empty() { format!("/api/{}", gvk.version) } else { format!("/apis/{}/{}", gvk.group, gvk.version) };
    let Some(plural) = f.plural(&prefix, &gvk.kind) else { return Verdict::Other(404, "no such kind".into()) };
    let namespace = match scope::builtin_namespaced(gvk) {
        Some(false) => String::new(),
        _ => format!("/namespaces/{}", f.namespace()),
    };
    let mut json = object.json.clone();
    if !namespace.is_empty() {
        json["metadata"]["namespace"] = f.namespace().into();
    }
    let path = format!("{prefix}{namespace}/{plural}?dryRun=All&fieldValidation=Strict&fieldManager=test");
    let (code, text) = f.api().raw("POST", &path, "application/json", &json.to_string()).expect("the API server answers");
    let status: Value = serde_json::from_str(&text).unwrap_or_default();
    let message = status["message"].as_str().unwrap_or(&text).to_owned();
    match code {
        200..=299 | 409 => Verdict::Taken,
        400 => Verdict::Malformed(message),
        422 => {
            let causes = status["details"]["causes"].as_array().cloned().unwrap_or_default();
            Verdict::Invalid(causes.iter().map(|cause| cause["reason"].as_str().unwrap_or_default().to_owned()).collect(), message)
        }
        code => Verdict::Other(code, message),
    }
}

/// What helm printed for the corpus' cases; nothing where it is not there.
fn corpus() -> Vec<Object> {
    let packed = Path::new(env!("CARGO_MANIFEST_DIR")).join("../shared/corpus/golden.tar.zst");
    if !packed.exists() {
        println!("../shared/corpus is not there: only our own charts are tried");
        return Vec::new();
    }
    let folder = tempfile::tempdir().expect("a folder");
    let script = format!("zstd -dc --long=27 '{}' | tar -C '{}' -xf -", packed.display(), folder.path().display());
    assert!(Command::new("sh").args(["-c", &script]).status().expect("sh runs").success());
    let mut files: Vec<_> = std::fs::read_dir(folder.path().join("golden")).expect("golden/").flatten().map(|entry| entry.path()).collect();
    files.sort();
    let mut objects = Vec::new();
    for file in files {
        let text = String::from_utf8_lossy(&std::fs::read(&file).expect("a file")).into_owned();
        let label = file.file_name().expect("a name").to_string_lossy().into_owned();
        for document in documents(&text, Some(&label)) {
            objects.extend(document.objects.into_iter().flatten());
        }
    }
    assert!(objects.len() > 5000, "only {} objects in the corpus", objects.len());
    let step = objects.len().div_ceil(SAMPLE);
    objects.into_iter().step_by(step).collect()
}

fn own() -> Vec<Object> {
    let mut objects = Vec::new();
    for chart in ["shop", "sample-app", "scale-app"] {
        let chart = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/cases").join(chart);
        let output = Command::new(env!("CARGO_BIN_EXE_windlass")).arg("template").arg("rel").arg(&chart).output().expect("windlass runs");
        for document in documents(&String::from_utf8_lossy(&output.stdout), None) {
            objects.extend(document.objects.into_iter().flatten());
        }
    }
    assert!(objects.len() > 8);
    objects
}

/// The server's own schemas, all of them.
fn published(f: &Fixture) -> Catalog {
    let mut catalog = Catalog::default();
    let list = f.api().get("/openapi/v3").expect("the list of documents");
    for (_, entry) in list["paths"].as_object().expect("paths") {
        let (_, text) = f.api().raw("GET", entry["serverRelativeURL"].as_str().expect("an address"), "application/json", "").expect("a document");
        catalog.add_document(serde_json::from_str::<OpenApi>(&text).expect("an OpenAPI document"));
    }
    catalog
}

#[derive(Default)]
struct Tally {
    agreed: usize,
    refused_by_both: usize,
    unasked: usize,
    /// Refused by code that no schema tells.
    beyond: BTreeMap<String, usize>,
    wrong: Vec<String>,
}

fn compare(f: &Fixture, objects: &[Object], catalog: &Catalog) -> Tally {
    let mut tally = Tally::default();
    for object in objects {
        let found = check_object(object, catalog);
        let shown = || format!("{} of {}", object.reference, object.source.as_deref().unwrap_or("-"));
        let said = || found.iter().map(ToString::to_string).collect::<Vec<_>>().join("; ");
        match (ask(f, object), found.is_empty()) {
            (Verdict::Other(404, _), false) if found[0].fault == Fault::UnknownKind => tally.refused_by_both += 1,
            (Verdict::Other(..), _) => tally.unasked += 1,
            (Verdict::Taken, true) => tally.agreed += 1,
            (Verdict::Malformed(_) | Verdict::Invalid(..), false) => tally.refused_by_both += 1,
            (Verdict::Invalid(reasons, _), true) => *tally.beyond.entry(reasons.join(",")).or_default() += 1,
            (Verdict::Taken, false) => tally.wrong.push(format!("{} is taken, but: {}", shown(), said())),
            (Verdict::Malformed(message), true) => tally.wrong.push(format!("{} is refused, and nothing found: {message}", shown())),
        }
    }
    println!(
        "{} objects: {} taken by both, {} refused by both, {} refused by the server's code alone {:?}, {} not asked",
        objects.len(), tally.agreed, tally.refused_by_both, tally.beyond.values().sum::<usize>(), tally.beyond, tally.unasked
    );
    tally
}

#[test]
fn the_same_rendered_objects_are_refused_as_by_the_api_server() {
    let f = Fixture::get("validate");
    let (version, embedded) = builtin(None).expect("the newest is embedded");
    let served = f.api().get("/version").expect("a version")["gitVersion"].as_str().unwrap_or_default().to_owned();
    assert_eq!(served, format!("v{version}"), "the newest embedded version is the one that tests run");
    let mut objects = own();
    objects.extend(corpus());
    let mut wrong = Vec::new();
    for catalog in [embedded, published(&f)] {
        // Custom resources need their CRD in the cluster; what has none is a clear finding on both sides.
        wrong.extend(compare(&f, &objects, &catalog).wrong);
    }
    assert!(wrong.is_empty(), "{} differences:\n{}", wrong.len(), wrong.join("\n"));
}

/// Numbers that look random and are the same each time.
struct Dice(u64);

impl Dice {
    fn below(&mut self, bound: usize) -> usize {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        ((self.0 >> 33) as usize) % bound.max(1)
    }
}

/// All places of an object below its metadata and type, as JSON pointers.
fn places(value: &Value, at: String, found: &mut Vec<String>) {
    match value {
        Value::Object(map) => {
            for (key, inner) in map {
                let below = format!("{at}/{}", key.replace('~', "~0").replace('/', "~1"));
                if !matches!(below.as_str(), "/apiVersion" | "/kind" | "/metadata" | "/metadata/name" | "/metadata/namespace") {
                    found.push(below.clone());
                }
                places(inner, below, found);
            }
        }
        Value::Array(items) => {
            for (index, inner) in items.iter().enumerate() {
                let below = format!("{at}/{index}");
                found.push(below.clone());
                places(inner, below, found);
            }
        }
        _ => {}
    }
}

/// One mistake, at some place of the object.
fn mistaken(object: &Object, dice: &mut Dice) -> Option<Object> {
    let mut json = object.json.clone();
    let mut all = Vec::new();
    places(&json, String::new(), &mut all);
    let place = all.get(dice.below(all.len()))?;
    match dice.below(6) {
        0 => json.pointer_mut(place)?.as_object_mut()?.insert("windlas".into(), json!(1)).map(drop).unwrap_or_default(),
        1 => *json.pointer_mut(place)? = json!("a text"),
        2 => *json.pointer_mut(place)? = json!(7),
        3 => *json.pointer_mut(place)? = json!([true]),
        4 => *json.pointer_mut(place)? = json!({ "a": { "b": 1 } }),
        _ => {
            let (parent, key) = place.rsplit_once('/')?;
            let key = key.replace("~1", "/").replace("~0", "~");
            json.pointer_mut(parent)?.as_object_mut()?.remove(&key);
        }
    }
    Some(Object::new(json, Some(format!("{} with a mistake at {place}", object.reference))))
}

#[test]
fn mistakes_put_in_are_refused_as_by_the_api_server() {
    let f = Fixture::get("validate-mistakes");
    let catalog = builtin(None).expect("the newest is embedded").1;
    let mut sound = own();
    sound.extend(corpus());
    sound.retain(|object| catalog.has(&object.reference.gvk) && check_object(object, &catalog).is_empty());
    let mut dice = Dice(7);
    let mut broken = Vec::new();
    while broken.len() < MISTAKES {
        let at = dice.below(sound.len());
        broken.extend(mistaken(&sound[at], &mut dice));
    }
    let tally = compare(&f, &broken, &catalog);
    assert!(tally.refused_by_both > MISTAKES / 3, "only {} mistakes were any", tally.refused_by_both);
    // A required field that is gone is refused by the server's code; the schema must have said so first.
    assert!(tally.wrong.is_empty(), "{} differences:\n{}", tally.wrong.len(), tally.wrong.join("\n"));
}
