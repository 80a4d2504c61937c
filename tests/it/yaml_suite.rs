//! Every YAML text of the corpus and of the yaml-test-suite through our codec and through Go's libraries: what is read, how
//! it is written again, and what is refused. Needs Go and the texts; ignored by default:
//!
//! ```text
//! YAML_TEST_SUITE=folder cargo xtask oracle --compare yaml
//! ```
//!
//! `YAML_TEST_SUITE` is a copy of <https://github.com/yaml/yaml-test-suite>. The corpus is `../shared/corpus` (its charts and what
//! helm printed of them), or the folders with YAML files that `WINDLASS_TEXTS` names. What is not there is passed over with a word.

use super::yaml::answer;
use serde_json::{Value as Json, json};
use std::collections::BTreeSet;
use std::io::{BufRead, BufReader, Write};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use windlass::{render::split_manifests, yaml};

/// Read as JSON, read strictly, written by `Marshal`, written by v3.
const OPERATIONS: [&str; 4] = ["y", "s", "r", "p"];
/// Larger texts are left out: Go takes minutes for them all.
const MAX_TEXT_BYTES: usize = 1 << 20;

fn files(folder: &Path, found: &mut Vec<PathBuf>) {
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            files(&path, found);
        } else if path.extension().is_some_and(|kind| kind == "yaml" || kind == "yml" || kind == "json") {
            found.push(path);
        }
    }
}

/// The folders with the corpus's texts, unpacked where only archives are there; `None` where there is none.
fn corpus() -> Option<Vec<PathBuf>> {
    if let Ok(folders) = std::env::var("WINDLASS_TEXTS") {
        return Some(folders.split(':').map(PathBuf::from).collect());
    }
    let corpus = Path::new(env!("CARGO_MANIFEST_DIR")).join("../shared/corpus");
    let target = Path::new(env!("CARGO_TARGET_TMPDIR")).join("corpus-texts");
    let unpacked = |name: &str| {
        let archive = corpus.join(format!("{name}.tar.zst"));
        if !archive.exists() {
            return None;
        }
        let folder = target.join(name);
        if !folder.is_dir() {
            std::fs::create_dir_all(&target).unwrap();
            let script = format!("zstd -dc --long=27 '{}' | tar -C '{}' -xf -", archive.display(), target.display());
            assert!(Command::new("sh").args(["-c", &script]).status().unwrap().success(), "{} is unpacked", archive.display());
        }
        Some(folder)
    };
    ["charts", "golden"].into_iter().map(unpacked).collect()
}

/// The files' texts, whole and each document of them.
fn texts_below(folders: &[PathBuf]) -> BTreeSet<Vec<u8>> {
    let mut found = Vec::new();
    folders.iter().for_each(|folder| files(folder, &mut found));
    let mut texts = BTreeSet::new();
    for file in found {
        let text = std::fs::read(file).unwrap();
        texts.extend(split_manifests(&text).into_iter().map(<[u8]>::to_vec));
        texts.insert(text);
    }
    texts
}

/// The suite's cases: each file is a list of maps, with the text under `yaml` and signs for what cannot be seen.
fn texts_of_the_suite(folder: &str) -> BTreeSet<Vec<u8>> {
    let mut found = Vec::new();
    files(&Path::new(folder).join("src"), &mut found);
    assert!(found.len() > 300, "the suite has its files");
    let mut texts = BTreeSet::new();
    for file in found {
        let cases = yaml::from_yaml_array(&std::fs::read(&file).unwrap()).unwrap_or_else(|error| panic!("{}: {error}", file.display()));
        for case in cases {
            if let Some(text) = case.get("yaml").and_then(windlass::value::Value::as_str) {
                let text = text.replace('␣', " ").replace('←', "\r").replace('⇔', "\u{feff}").replace('↵', "").replace("∎\n", "").replace('∎', "");
                let text = text.replace("————»", "\t").replace("———»", "\t").replace("——»", "\t").replace("—»", "\t").replace('»', "\t");
                texts.insert(text.into_bytes());
            }
        }
    }
    texts
}

/// Asks Go and us; panics where the answers differ.
fn compare(texts: BTreeSet<Vec<u8>>) {
    use base64::Engine as _;
    let encode = |bytes: &[u8]| base64::engine::general_purpose::STANDARD.encode(bytes);
    let questions: Vec<(&str, Vec<u8>)> = texts
        .into_iter()
        .filter(|text| text.len() <= MAX_TEXT_BYTES)
        .flat_map(|text| OPERATIONS.map(|operation| (operation, text.clone())))
        .collect();
    let source = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/oracle/yaml");
    let program = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join("yaml-oracle");
    let built = Command::new("go").current_dir(&source).args(["build", "-o"]).arg(&program).arg(".").status().expect("go is installed");
    assert!(built.success(), "the oracle does not build");
    let mut oracle = Command::new(program).stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
    let mut input = oracle.stdin.take().unwrap();
    let lines: Vec<String> = questions.iter().map(|(op, text)| json!({"op": op, "base64": encode(text)}).to_string()).collect();
    let feeder = std::thread::spawn(move || lines.iter().for_each(|line| writeln!(input, "{line}").unwrap()));
    let (mut count, mut refused, mut wrong) = (0, 0, Vec::new());
    for ((operation, text), line) in questions.iter().zip(BufReader::new(oracle.stdout.take().unwrap()).lines()) {
        let said: Json = serde_json::from_str(&line.unwrap()).unwrap();
        let want = match said["error"].as_str() {
            Some(error) => Err(error.to_owned()),
            None => Ok(said["want"].as_str().unwrap_or_default().to_owned()),
        };
        let got = answer(operation, text);
        count += 1;
        refused += u64::from(want.is_err());
        if got != want {
            let shown = |answer: &Result<String, String>| format!("{answer:?}").chars().take(600).collect::<String>();
            let text: String = format!("{:?}", bstr::BStr::new(text)).chars().take(600).collect();
            wrong.push(format!("{operation} {text}\n  Go: {}\n  we: {}", shown(&want), shown(&got)));
        }
    }
    feeder.join().unwrap();
    oracle.wait().unwrap();
    assert_eq!(count, questions.len(), "the oracle died");
    println!("{count} answers, {refused} of them refusals, {} differ", wrong.len());
    assert!(wrong.is_empty(), "{}", wrong[..wrong.len().min(20)].join("\n"));
}

#[test]
#[ignore = "needs Go and the corpus; cargo xtask oracle --compare yaml runs it"]
fn every_text_goes_round_as_with_gos_library() {
    match corpus() {
        Some(folders) => compare(texts_below(&folders)),
        None => println!("../shared/corpus is not there, and WINDLASS_TEXTS names no folders: nothing to compare"),
    }
}

#[test]
#[ignore = "needs Go and the suite; cargo xtask oracle --compare yaml runs it"]
fn the_yaml_test_suite_is_read_as_gos_library_reads_it() {
    match std::env::var("YAML_TEST_SUITE") {
        Ok(folder) => compare(texts_of_the_suite(&folder)),
        Err(_) => println!("YAML_TEST_SUITE names no copy of github.com/yaml/yaml-test-suite: nothing to compare"),
    }
}
