//! `windlass` against helm itself: random templates, documents, `--set` texts and whole charts through both, every output,
//! every error and every notice the same. Needs Go; ignored by default:
//!
//! ```text
//! cargo xtask oracle --compare helm
//! ```
//!
//! `WINDLASS_CASES` sets how many cases, `WINDLASS_SEED` the first seed, `WINDLASS_ONLY` the group, `WINDLASS_SHOW` how many
//! differences are shown, `WINDLASS_BINARY` the program under test.

mod charts;
mod documents;
mod expressions;
mod lint;
mod oracle;
mod programs;
mod regexes;
mod words;

use crate::differential::random::Random;
use oracle::{Answer, Oracle};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::Command;

/// What both are given: files of one folder, and arguments.
pub struct Case {
    /// Path below the case's folder, content.
    pub files: Vec<(String, Vec<u8>)>,
    pub args: Vec<String>,
}

impl Case {
    /// `template rel c` with a namespace and a version that every case shares.
    pub fn template(files: Vec<(String, Vec<u8>)>, more: Vec<String>) -> Case {
        let args = ["template", "rel", "c", "--namespace", "ns", "--kube-version", "1.34.0"];
        Case { files, args: args.into_iter().map(str::to_owned).chain(more).collect() }
    }

    /// One template in the little chart that all such cases share.
    pub fn snippet(template: String, more: Vec<String>) -> Case {
        let chart = [
            ("c/Chart.yaml", include_str!("chart/Chart.yaml")),
            ("c/values.yaml", include_str!("chart/values.yaml")),
            ("c/templates/_h.tpl", include_str!("chart/_h.tpl")),
            ("c/files/a.txt", "line one\nline two\n"),
            ("c/files/b/c.yaml", "k: v\n"),
        ];
        let mut files: Vec<_> = chart.into_iter().map(|(path, text)| (path.to_owned(), text.as_bytes().to_vec())).collect();
        files.push(("c/templates/t.yaml".to_owned(), template.into_bytes()));
        Case::template(files, more)
    }
}

/// A kind of case: its name, and what makes the case of a random source.
type Group = (&'static str, fn(&mut Random) -> Case);

const GROUPS: &[Group] = &[
    ("function", expressions::function),
    ("function", expressions::function),
    ("nested", expressions::nested),
    ("method", expressions::method),
    ("printf", expressions::printf),
    ("regex", expressions::regex),
    ("program", programs::program),
    ("parse", programs::broken),
    ("yaml", documents::yaml),
    ("json", documents::json),
    ("toml", documents::toml),
    ("values", documents::values),
    ("set", documents::set),
    ("emit", documents::emit),
    ("chart", charts::chart),
    ("chart", charts::chart),
    ("manifest", charts::manifests),
    ("lint", lint::lint),
];

fn setting(name: &str, default: u64) -> u64 {
    std::env::var(name).ok().and_then(|text| text.parse().ok()).unwrap_or(default)
}

fn binary() -> PathBuf {
    std::env::var_os("WINDLASS_BINARY").map_or_else(|| env!("CARGO_BIN_EXE_windlass").into(), PathBuf::from)
}

/// Writes what changed of the case's files: most cases differ from the one before in one of them.
#[derive(Default)]
struct Folder {
    there: BTreeMap<String, Vec<u8>>,
}

impl Folder {
    fn put(&mut self, top: &Path, files: &[(String, Vec<u8>)]) {
        for path in self.there.keys().filter(|path| !files.iter().any(|(other, _)| other == *path)) {
            std::fs::remove_file(top.join(path)).unwrap();
            // Empty folders go as well: helm walks them.
            for folder in Path::new(path).ancestors().skip(1).take_while(|folder| !folder.as_os_str().is_empty()) {
                if std::fs::remove_dir(top.join(folder)).is_err() {
                    break;
                }
            }
        }
        for (path, text) in files {
            if self.there.get(path) != Some(text) {
                let file = top.join(path);
                std::fs::create_dir_all(file.parent().unwrap()).unwrap();
                std::fs::write(file, text).unwrap();
            }
        }
        self.there = files.iter().cloned().collect();
    }
}

fn ours(dir: &Path, args: &[String]) -> Answer {
    let output = Command::new(binary()).args(args).current_dir(dir).output().unwrap();
    Answer { out: output.stdout, err: output.stderr, code: output.status.code().unwrap_or(-1) }
}

/// The files that `--output-dir` wrote, taken away.
fn written(top: &Path) -> Vec<(PathBuf, Vec<u8>)> {
    fn walk(folder: &Path, found: &mut Vec<(PathBuf, Vec<u8>)>) {
        for entry in std::fs::read_dir(folder).into_iter().flatten() {
            let path = entry.unwrap().path();
            if path.is_dir() { walk(&path, found) } else { found.push((path.clone(), std::fs::read(&path).unwrap())) }
        }
    }
    let folder = top.join("out");
    let mut found = Vec::new();
    walk(&folder, &mut found);
    found.sort();
    let _ = std::fs::remove_dir_all(folder);
    found
}

/// Helm dies of some cases (a map that contains itself), where windlass has a bound.
fn helm_died(answer: &Answer) -> bool {
    answer.code == oracle::DIED || answer.err.starts_with(b"panic: ")
}

#[test]
#[ignore = "needs Go; cargo xtask oracle --compare runs it"]
fn every_random_case_is_as_helm_has_it() {
    hunt();
}

/// Runs the cases and fails where one differs.
pub fn hunt() {
    let (count, seed, show) = (setting("WINDLASS_CASES", 5_000), setting("WINDLASS_SEED", 1), setting("WINDLASS_SHOW", 30));
    let only = std::env::var("WINDLASS_ONLY").unwrap_or_default();
    let groups: Vec<&Group> = GROUPS.iter().filter(|(name, _)| only.is_empty() || only.split(',').any(|one| one == *name)).collect();
    let top = tempfile::tempdir().unwrap();
    let mut oracle = Oracle::start();
    let mut folder = Folder::default();
    let (mut differ, mut refused, mut died) = (BTreeMap::<&str, u64>::new(), 0, 0);
    for seed in seed..seed + count {
        let mut random = Random::new(seed);
        let (group, make) = groups[random.below(groups.len())];
        let case = make(&mut random);
        folder.put(top.path(), &case.files);
        let want = (oracle.ask(top.path(), &case.args), written(top.path()));
        if helm_died(&want.0) {
            died += 1;
            continue;
        }
        refused += u64::from(want.0.code != 0);
        let got = (ours(top.path(), &case.args), written(top.path()));
        let agrees = |want: &(Answer, Vec<(PathBuf, Vec<u8>)>)| same(&got.0, &want.0) && got.1 == want.1;
        // What helm says first of several things is by chance: it is asked until it says the same, or not.
        if !agrees(&want) && !(1..ASKED).any(|_| agrees(&(oracle.ask(top.path(), &case.args), written(top.path())))) {
            let number = differ.entry(group).or_default();
            *number += 1;
            if *number <= show {
                report(seed, group, &case, &want, &got);
            }
        }
    }
    let total: u64 = differ.values().sum();
    println!("{count} cases, {refused} of them refused by helm, {died} that helm dies of, {total} differ {differ:?}");
    assert!(!only.is_empty() || refused > count / 20 && refused < count * 19 / 20, "the generator should make both kinds");
    assert_eq!(total, 0, "cases differ from helm");
}

/// How often helm is asked where the answers differ: with three broken subcharts it names ours first in one of three.
const ASKED: usize = 60;

fn same(got: &Answer, want: &Answer) -> bool {
    // Errors are for people: windlass puts U+FFFD for what is not UTF-8.
    // Notices come as Go's maps are in order, which is by chance.
    let text = |bytes: &[u8]| {
        let text = bstr::BStr::new(bytes).to_string();
        let (mut notices, rest): (Vec<&str>, Vec<&str>) = text.lines().partition(|line| line.starts_with("level="));
        notices.sort_unstable();
        [notices, rest].concat().join("\n")
    };
    let comparable = |answer: &Answer| (pointers(&answer.out), text(&pointers(&answer.err)), answer.code);
    comparable(got) == comparable(want)
}

/// Pointers differ from run to run, and so do milliseconds of the time that is now: their digits are taken out.
fn pointers(text: &[u8]) -> Vec<u8> {
    use regex::bytes::Regex;
    use std::sync::LazyLock;
    static POINTER: LazyLock<Regex> = LazyLock::new(|| Regex::new("0x[0-9a-f]{8,}").unwrap());
    static MILLISECONDS: LazyLock<Regex> = LazyLock::new(|| Regex::new(r"(:\d\d)\.\d{3}Z").unwrap());
    MILLISECONDS.replace_all(&POINTER.replace_all(text, &b"0xPTR"[..]), &b"$1.000Z"[..]).into_owned()
}

fn report(seed: u64, group: &str, case: &Case, want: &(Answer, Vec<(PathBuf, Vec<u8>)>), got: &(Answer, Vec<(PathBuf, Vec<u8>)>)) {
    println!("== seed {seed}, {group}: {}", case.args.join(" "));
    let shared = ["c/Chart.yaml", "c/values.yaml", "c/templates/_h.tpl", "c/files/a.txt", "c/files/b/c.yaml"];
    let whole = matches!(group, "chart" | "manifest" | "lint");
    for (path, text) in case.files.iter().filter(|(path, _)| whole || !shared.contains(&path.as_str())) {
        println!("  {path}: {:?}", bstr::BStr::new(text));
    }
    for (name, got, want) in [("out", &got.0.out, &want.0.out), ("err", &got.0.err, &want.0.err)] {
        if got != want {
            let at = got.iter().zip(want).take_while(|(a, b)| a == b).count().saturating_sub(60);
            println!("  {name} helm: {:?}\n  {name} ours: {:?}", bstr::BStr::new(&want[at..]), bstr::BStr::new(&got[at..]));
        }
    }
    if got.0.code != want.0.code {
        println!("  exit helm: {}, ours: {}", want.0.code, got.0.code);
    }
    if got.1 != want.1 {
        println!("  files helm: {:?}\n  files ours: {:?}", want.1, got.1);
    }
}
