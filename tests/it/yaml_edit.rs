//! The YAML editor over the corpus's values files, where the corpus is there: each value that is a text or a number, several in
//! each file, set to something else. Only the value's bytes change, and the result parses to what was meant.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use windlass::value::Value;
use windlass::yaml::{self, edit::{Edit, EditError, set}};

/// Files that hold values, below a folder.
fn values_files(folder: &Path, found: &mut Vec<PathBuf>) {
    for entry in std::fs::read_dir(folder).into_iter().flatten().flatten() {
        let path = entry.path();
        if path.is_dir() {
            values_files(&path, found);
        } else {
            let name = entry.file_name().to_string_lossy().into_owned();
            if name.contains("values") && (name.ends_with(".yaml") || name.ends_with(".yml")) {
                found.push(path);
            }
        }
    }
}

/// Paths of scalars that somebody would set, as `--set` names them.
fn scalars<'v>(value: &'v Value, path: &str, found: &mut Vec<(String, &'v Value)>) {
    match value {
        Value::Map(map) => {
            for (key, value) in map {
                let Some(key) = key.as_str().filter(|key| !key.is_empty()) else { continue };
                let key = key.replace('\\', "\\\\").replace('.', "\\.").replace('[', "\\[");
                scalars(value, &if path.is_empty() { key } else { format!("{path}.{key}") }, found);
            }
        }
        Value::List(list) => {
            for (at, value) in list.iter().enumerate() {
                scalars(value, &format!("{path}[{at}]"), found);
            }
        }
        _ => found.push((path.to_owned(), value)),
    }
}

/// The lines of `new` that are not in `old`, by position from both ends.
fn changed(old: &str, new: &str) -> (usize, usize) {
    let (old, new): (Vec<&str>, Vec<&str>) = (old.split('\n').collect(), new.split('\n').collect());
    let head = old.iter().zip(&new).take_while(|(a, b)| a == b).count();
    let tail = old.iter().rev().zip(new.iter().rev()).take_while(|(a, b)| a == b).count().min(old.len().min(new.len()) - head);
    (old.len() - head - tail, new.len() - head - tail)
}

#[test]
fn the_corpus_is_edited_in_place() {
    let mut files = Vec::new();
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let unpacked = tempfile::TempDir::new().unwrap();
    for folder in ["tests/cases", "manifests"] {
        values_files(&root.join(folder), &mut files);
    }
    // The corpus is no part of the project: it may be absent.
    let named = std::env::var_os("WINDLASS_CORPUS").map(PathBuf::from);
    let corpus = named.unwrap_or_else(|| root.join("../shared/corpus")).join("charts.tar.zst");
    if corpus.exists() {
        let script = "zstd -dc --long=27 \"$0\" | tar -C \"$1\" -xf -";
        let done = std::process::Command::new("sh").args(["-c", script]).arg(&corpus).arg(unpacked.path()).status();
        assert!(done.unwrap().success(), "{} cannot be unpacked", corpus.display());
        values_files(unpacked.path(), &mut files);
    }
    assert!(files.len() >= 3, "only {} values files were found", files.len());
    let (mut edits, mut refused, mut unread, begun) = (0, 0, 0, std::time::Instant::now());
    for file in &files {
        let text = std::fs::read(file).unwrap();
        let Ok(value) = yaml::from_yaml_raw(&text) else {
            unread += 1;
            continue;
        };
        let mut paths = Vec::new();
        scalars(&value, "", &mut paths);
        // A file without anything in it is one empty value.
        let paths: Vec<String> = paths.into_iter().map(|(path, _)| path).filter(|path| !path.is_empty()).collect();
        // A dozen from all over the file.
        let step = paths.len() / 12 + 1;
        let mut all = Vec::new();
        for (number, path) in paths.iter().step_by(step).enumerate() {
            let new = ["v9.9.9", "1.10", "main@sha256:0a", "it's \"quoted\" #1"][number % 4];
            let edit = Edit { path: path.clone(), value: new.into() };
            match set(&text, std::slice::from_ref(&edit)) {
                Ok(edited) => {
                    edits += 1;
                    // One line gives way to one line; more only where the value had more.
                    let (before, after) = changed(&String::from_utf8_lossy(&text), &String::from_utf8_lossy(&edited));
                    assert!(after <= 1, "{}: {path}: {before} lines became {after}", file.display());
                    let read = yaml::edit::get(&edited, path).unwrap();
                    assert_eq!(read.as_deref(), Some(new), "{}: {path}", file.display());
                    all.push(edit);
                }
                Err(EditError::Missing { why, .. } | EditError::Refused { why, .. }) => {
                    refused += 1;
                    assert!(why.contains("anchor") || why.contains("merge") || why.contains("alias"), "{}: {path}: {why}", file.display());
                }
                Err(error) => panic!("{}: {path}: {error}", file.display()),
            }
        }
        let together = set(&text, &all).unwrap_or_else(|error| panic!("{}: {error}", file.display()));
        let read = yaml::from_yaml_raw(&together).unwrap_or_else(|error| panic!("{}: {error}", file.display()));
        let mut after = Vec::new();
        scalars(&read, "", &mut after);
        let after: BTreeMap<&str, &Value> = after.iter().map(|(path, value)| (path.as_str(), *value)).collect();
        for edit in &all {
            assert_eq!(after.get(edit.path.as_str()), Some(&&Value::from(edit.value.as_str())), "{}: {}", file.display(), edit.path);
        }
    }
    let took = begun.elapsed().as_secs_f64();
    eprintln!("{} files, {edits} edits, {refused} refused for anchors, {unread} files that are no YAML; {took:.1} s", files.len());
}
