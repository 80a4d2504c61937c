//! The template engine against Go's `text/template`: thousands of random templates and data, every output and every error
//! text the same. Needs Go; ignored by default:
//!
//! ```text
//! cargo test --no-default-features --test it differential -- --ignored --nocapture
//! ```
//!
//! `WINDLASS_CASES` sets how many cases, `WINDLASS_SEED` the first seed. With `GOCOVERDIR` set, Go writes the coverage of
//! `text/template` there: `tests/oracle/template/coverage` shows it.

mod data;
mod generate;
pub mod random;

use data::Datum;
use serde_json::{Value as Json, json};
use std::{
    collections::BTreeSet,
    io::{BufRead, BufReader, Write},
    path::PathBuf,
    process::{Command, Stdio},
};
use windlass::{
    template::{Functions, Host, Limits, MissingKey, Options, TemplateSet},
    value::{GoStr, Value},
};

/// A template set with data.
pub struct Case {
    pub files: Vec<(String, Vec<u8>)>,
    /// The template to run: the first file, but for a name that nobody defines.
    pub execute: String,
    pub missing_key: MissingKey,
    pub data: Datum,
}

impl Case {
    /// The line for the oracle.
    fn request(&self) -> String {
        use base64::Engine as _;
        let encode = |bytes: &[u8]| base64::engine::general_purpose::STANDARD.encode(bytes);
        let files: Vec<Json> =
            self.files.iter().map(|(name, text)| json!({"Name": name, "Text": encode(text)})).collect();
        let missing_key = match self.missing_key {
            MissingKey::Invalid => "invalid",
            MissingKey::Zero => "zero",
            MissingKey::Error => "error",
        };
        let case = json!({"Files": files, "Execute": self.execute, "MissingKey": missing_key, "Data": self.data.json()});
        case.to_string()
    }

    /// The names of the templates that the files define, as Go's `DefinedTemplates` shows each; `None` where one is refused.
    fn defined(&self) -> Option<BTreeSet<String>> {
        let mut set = TemplateSet::new(Functions::Go);
        for (name, text) in &self.files {
            set.parse(name, &GoStr::from_bytes(text)).ok()?;
        }
        Some(set.names().map(|name| windlass::template::quote::quote(name)).collect())
    }

    /// Each template as its tree prints itself, where Go's is text.
    fn check_trees(&self, trees: &Json, number: u64) {
        use base64::Engine as _;
        let mut set = TemplateSet::new(Functions::Go);
        for (name, text) in &self.files {
            set.parse(name, &GoStr::from_bytes(text)).expect("Go took it, and so did we");
        }
        for (name, tree) in trees.as_object().into_iter().flatten() {
            let tree = base64::engine::general_purpose::STANDARD.decode(tree.as_str().unwrap_or_default()).expect("it is base64");
            if let Ok(tree) = String::from_utf8(tree) {
                assert_eq!(set.printed(name.as_bytes()), Some(tree), "seed {number}: {name:?} prints otherwise");
            }
        }
    }

    /// What our engine makes of it.
    fn run(&self) -> Result<Vec<u8>, String> {
        let mut set = TemplateSet::new(Functions::Go);
        for (name, text) in &self.files {
            set.parse(name, &GoStr::from_bytes(text)).map_err(|error| error.to_string())?;
        }
        let options = Options { missing_key: self.missing_key, ..Options::GO };
        set.execute(&self.execute, &self.data.val(), &Nowhere, &Limits::default(), options)
            .map_err(|error| error.to_string())
    }
}

/// A host for functions that ask nothing of it.
struct Nowhere;

impl Host for Nowhere {
    fn now(&self) -> i128 {
        0
    }
    fn zone(&self) -> String {
        "UTC".into()
    }
    fn random(&self, buffer: &mut [u8]) {
        buffer.fill(7);
    }
    fn lookup(&self, _: &str, _: &str, _: &str, _: &str) -> Result<Value, String> {
        Ok(Value::Null)
    }
    fn resolve(&self, _: &str) -> String {
        String::new()
    }
}

fn setting(name: &str, default: u64) -> u64 {
    std::env::var(name).ok().and_then(|text| text.parse().ok()).unwrap_or(default)
}

/// Builds the oracle, with coverage of Go's packages where it is asked for.
fn build_oracle() -> PathBuf {
    let source = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/oracle/template");
    let program = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join("template-oracle");
    let mut build = Command::new("go");
    build.current_dir(&source).arg("build").arg("-o").arg(&program);
    if std::env::var_os("GOCOVERDIR").is_some() {
        build.args(["-cover", "-coverpkg=text/template,text/template/parse,windlass.dev/oracle/template"]);
    }
    let status = build.arg(".").status().expect("go is installed");
    assert!(status.success(), "the oracle does not build");
    program
}

/// Pointers differ from run to run: their digits are taken out.
fn comparable(text: &[u8]) -> String {
    let text = String::from_utf8_lossy(text);
    regex::Regex::new("0x[0-9a-f]{6,}").expect("it is a good expression").replace_all(&text, "0xPTR").into_owned()
}

#[test]
#[ignore = "needs Go; cargo xtask oracle runs it"]
fn every_random_template_is_as_go_has_it() {
    let (count, seed) = (setting("WINDLASS_CASES", 20_000), setting("WINDLASS_SEED", 1));
    let cases: Vec<Case> = (0..count).map(|number| generate::case(seed + number)).collect();
    let requests: Vec<String> = cases.iter().map(Case::request).collect();
    let mut oracle = Command::new(build_oracle())
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .expect("the oracle starts");
    let mut input = oracle.stdin.take().expect("it is piped");
    let feeder = std::thread::spawn(move || {
        for request in requests {
            writeln!(input, "{request}").expect("the oracle reads");
        }
    });
    let answers = BufReader::new(oracle.stdout.take().expect("it is piped")).lines();
    let (mut differ, mut refused, mut answered) = (0, 0, 0);
    for ((case, line), number) in cases.iter().zip(answers).zip(seed..) {
        let answer: Json = serde_json::from_str(&line.expect("the oracle answers")).expect("it answers JSON");
        let wanted = wanted(&answer);
        answered += 1;
        refused += u64::from(wanted.is_err());
        if let (Err(error), true) = (&wanted, setting("WINDLASS_ERRORS", 0) > 0) {
            println!("error: {error}");
        }
        let got = case.run().map(|out| comparable(&out)).map_err(|error| comparable(error.as_bytes()));
        let names = answer["defined"].as_str().unwrap_or_default().strip_prefix("; defined templates are: ");
        if let Some(names) = names {
            let names = names.split(", ").map(str::to_owned).collect();
            assert_eq!(case.defined(), Some(names), "seed {number} defines other templates");
            case.check_trees(&answer["trees"], number);
        }
        if got != wanted {
            differ += 1;
            if differ <= setting("WINDLASS_SHOW", 20) {
                let text: Vec<_> = case.files.iter().map(|(name, text)| (name, String::from_utf8_lossy(text))).collect();
                println!("seed {number}: {text:?}\n  Go:  {wanted:?}\n  we:  {got:?}");
            }
        }
    }
    feeder.join().expect("all cases are sent");
    oracle.wait().expect("the oracle ends");
    println!("{answered} templates, {refused} of them refused by Go, {differ} differ");
    assert_eq!(answered, count, "the oracle died");
    assert!(refused > count / 20 && refused < count * 19 / 20, "the generator should make both kinds");
    assert_eq!(differ, 0, "templates differ from Go");
}

fn wanted(answer: &Json) -> Result<String, String> {
    use base64::Engine as _;
    match answer["err"].as_str() {
        Some(error) if !error.is_empty() => Err(comparable(error.as_bytes())),
        _ => {
            let out = answer["out"].as_str().unwrap_or_default();
            let out = base64::engine::general_purpose::STANDARD.decode(out).expect("it is base64");
            Ok(comparable(&out))
        }
    }
}
