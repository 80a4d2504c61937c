//! The import rules of `docs/architecture.md`, held by reading the sources.

use std::path::{Path, PathBuf};

const PURE: &[&str] = &["value", "yaml", "template", "chart", "render", "object", "transform", "check", "plan", "health", "release", "app", "decide", "webhooks"];
const ENGINE: &[&str] = &["value", "yaml", "template", "chart", "render"];
const EDGES: &[&str] = &["images", "sources", "secrets", "cluster", "agent", "cli", "metrics", "web"];

fn sources() -> Vec<(PathBuf, String)> {
    let mut files = Vec::new();
    let mut folders = vec![Path::new(env!("CARGO_MANIFEST_DIR")).join("src")];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|end| end == "rs") && !is_test(&path) {
                let text = std::fs::read_to_string(&path).unwrap();
                files.push((path, text));
            }
        }
    }
    assert!(files.len() > 100, "only {} files were found", files.len());
    files
}

/// Files that hold nothing but tests: a `#[cfg(test)] mod` names them.
fn is_test(path: &Path) -> bool {
    path.file_stem().and_then(|name| name.to_str()).is_some_and(|name| name == "tests" || name.ends_with("_tests"))
}

/// The top-level module of a file.
fn module(path: &Path) -> String {
    let below = path.strip_prefix(Path::new(env!("CARGO_MANIFEST_DIR")).join("src")).unwrap();
    let first = below.components().next().unwrap().as_os_str().to_str().unwrap();
    first.trim_end_matches(".rs").to_owned()
}

/// Lines of code that are not tests: what stands before the first `#[cfg(test)]`, without comments.
fn code(text: &str) -> impl Iterator<Item = (usize, &str)> {
    let lines = text.lines().take_while(|line| line.trim() != "#[cfg(test)]").enumerate();
    lines.filter(|(_, line)| !line.trim_start().starts_with("//")).map(|(number, line)| (number + 1, line))
}

fn violations(rule: impl Fn(&str, &Path, &str) -> Option<String>) -> Vec<String> {
    let mut found = Vec::new();
    for (path, text) in sources() {
        let module = module(&path);
        for (number, line) in code(&text) {
            if let Some(why) = rule(&module, &path, line) {
                found.push(format!("{}:{number}: {why}: {}", path.display(), line.trim()));
            }
        }
    }
    found
}

fn names(line: &str, module: &str) -> bool {
    let path = format!("crate::{module}");
    line.match_indices(&path).any(|(at, _)| !line[at + path.len()..].starts_with(|c: char| c.is_alphanumeric() || c == '_'))
}

#[test]
fn pure_modules_import_no_edge() {
    let found = violations(|module, _, line| {
        let edge = EDGES.iter().find(|edge| names(line, edge))?;
        PURE.contains(&module).then(|| format!("{module} is pure and may not know {edge}"))
    });
    assert!(found.is_empty(), "{}", found.join("\n"));
}

#[test]
fn the_engine_knows_nothing_of_the_rest() {
    let rest: Vec<&str> = PURE.iter().filter(|m| !ENGINE.contains(m)).chain(EDGES).copied().collect();
    let found = violations(|module, _, line| {
        let other = rest.iter().find(|other| names(line, other))?;
        ENGINE.contains(&module).then(|| format!("the engine ({module}) may not know {other}"))
    });
    assert!(found.is_empty(), "{}", found.join("\n"));
}

#[test]
fn pure_modules_have_no_clock_environment_file_or_await() {
    const FORBIDDEN: &[&str] =
        &["std::fs", "std::env", "std::time::SystemTime", "Instant::now", "Timestamp::now", ".await", "async fn", "println!", "tracing::", "HashMap"];
    let found = violations(|module, _, line| {
        let what = FORBIDDEN.iter().find(|what| line.contains(**what))?;
        PURE.contains(&module).then(|| format!("{module} is pure, and {what} is not"))
    });
    assert!(found.is_empty(), "{}", found.join("\n"));
}

#[test]
fn each_outside_crate_has_one_home() {
    const HOMES: &[(&str, &[&str])] = &[
        ("git2::", &["sources"]),
        ("croner::", &["app"]),
        ("kube::", &["cluster", "agent", "app", "cli"]),
        ("prometheus::", &["metrics"]),
        ("axum::", &["web"]),
        ("notify::", &["agent"]),
        ("oci_client::", &["images", "sources"]),
        ("pgp::", &["sources", "secrets"]),
        ("ssh_key::", &["sources"]),
        ("cel::", &["webhooks"]),
    ];
    let found = violations(|module, _, line| {
        let (name, homes) = HOMES.iter().find(|(name, _)| line.contains(name))?;
        let inside = homes.contains(&module) || line.contains(&format!("_{name}")) || line.contains(&format!("::{name}"));
        (!inside).then(|| format!("{name} belongs in {}", homes.join(", ")))
    });
    assert!(found.is_empty(), "{}", found.join("\n"));
}
