//! The bounds that Helm has not (`docs/compatibility.md`), each reached: a clear error, and soon. Hostile charts as a whole are
//! in `hostile.rs`.

use std::process::Command;
use windlass::{
    chart::{self, Log, SourceFile, glob::Glob, schema, strvals},
    value::Map,
    yaml,
};

fn file(path: &str, text: &str) -> SourceFile {
    SourceFile { path: path.to_owned(), bytes: text.as_bytes().into() }
}

#[test]
fn subcharts_in_each_other_end_at_the_bound() {
    let nested = |depth: usize| {
        let files = (0..=depth).map(|level| file(&format!("{}Chart.yaml", "charts/c/".repeat(level)), "apiVersion: v2\nname: c\nversion: 1.0.0\n"));
        chart::load_files(files.collect(), &mut Log::default())
    };
    assert!(nested(chart::load::MAX_SUBCHART_DEPTH).is_ok());
    let error = nested(chart::load::MAX_SUBCHART_DEPTH + 1).unwrap_err().to_string();
    assert!(error.ends_with("subcharts are nested deeper than 64 levels"), "{error}");
}

#[test]
fn lists_in_lists_of_set_end_at_the_bound() {
    let set = |depth: usize| strvals::parse_into(&format!("a{}=x", "[0]".repeat(depth)), &mut Map::new());
    assert_eq!(set(strvals::MAX_NESTED_LISTS), Ok(()));
    let error = set(strvals::MAX_NESTED_LISTS + 2).unwrap_err();
    assert!(error.contains("lists are nested deeper than 1000 levels"), "{error}");
}

#[test]
fn values_files_end_at_the_bound() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("big.yaml");
    std::fs::File::create(&path).unwrap().set_len((64 << 20) + 1).unwrap();
    let shop = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/cases/shop");
    let output = Command::new(env!("CARGO_BIN_EXE_windlass")).args(["template", "r", shop, "-f"]).arg(&path).output().unwrap();
    let error = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(!output.status.success() && error.contains("is larger than 67108864 bytes"), "{error}");
}

#[test]
fn folders_in_folders_end_at_the_bound() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("Chart.yaml"), "apiVersion: v2\nname: c\nversion: 1.0.0\n").unwrap();
    std::fs::create_dir_all(folder.path().join("f/".repeat(70))).unwrap();
    let output = Command::new(env!("CARGO_BIN_EXE_windlass")).args(["template", "r"]).arg(folder.path()).output().unwrap();
    let error = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(!output.status.success() && error.contains("folders are nested deeper than 64 levels"), "{error}");
}

#[test]
fn patterns_of_files_end_at_the_bound() {
    let braces = |depth: usize| Glob::compile(&format!("{}a{}", "{".repeat(depth), "}".repeat(depth)));
    assert!(braces(60).is_some_and(|glob| glob.matches("a")));
    assert!(braces(65).is_none(), "deeper than 64 levels");
    // Were each star to try every rest of the name, this would be 100 to the power of 20.
    let glob = Glob::compile(&format!("{}b", "*a".repeat(20))).unwrap();
    assert!(!glob.matches(&"a".repeat(100)));
}

#[test]
fn schemas_that_explode_end_at_the_bound() {
    let mut definitions = String::new();
    for level in 0..60 {
        let next = level + 1;
        definitions.push_str(&format!("\"d{level}\": {{\"allOf\": [{{\"$ref\": \"#/definitions/d{next}\"}}, {{\"$ref\": \"#/definitions/d{next}\"}}]}},"));
    }
    let schema = format!("{{\"$ref\": \"#/definitions/d0\", \"definitions\": {{{definitions} \"d60\": {{}}}}}}");
    let error = schema::validate_one(schema.as_bytes(), &Map::new(), &mut Log::default()).unwrap_err();
    assert!(error.contains(&schema::MAX_SCHEMA_STEPS.to_string()), "{error}");
}

#[test]
fn schemas_read_no_other_files_and_hosts() {
    let values = yaml::from_yaml_map(b"a: 1\n").unwrap();
    for reference in ["file:///etc/passwd", "http://127.0.0.1:1/x.json", "other.json"] {
        let schema = format!("{{\"properties\": {{\"a\": {{\"$ref\": \"{reference}\"}}}}}}");
        let error = schema::validate_one(schema.as_bytes(), &values, &mut Log::default()).unwrap_err();
        assert!(!error.contains("root:") && !error.contains("onnection"), "{reference}: {error}");
    }
}
