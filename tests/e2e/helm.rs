//! The helm command line on releases that windlass made, in both versions, and what windlass makes of that. The table in
//! `docs/compatibility.md` is made of [`ROWS`], which is also what is run.

use crate::{SOON, fixture::{Fixture, Repository, condition, environment, ready}};
use serde_json::{Value, json};
use std::path::Path;

/// One command and what is seen; run in this order, for each helm.
const ROWS: &[(&str, &str, fn(&Case))] = &[
    ("list", "the release with number, status, chart and app version", list),
    ("status", "`deployed`, with the last runs of hooks and tests", status),
    ("history", "`Install complete`", history),
    ("get all / values / manifest / hooks / notes / metadata", "what helm prints of a release that it made itself of the same chart", get),
    ("test", "the tests run; windlass takes the record up again as its own, no new release is made", test),
    ("upgrade", "release 2; the condition ChangedByHelm says so; `Repair`: release 3 is what the branch says", upgrade),
    ("rollback", "release 4; repaired by release 5", rollback),
    ("history --max", "statuses and descriptions as helm writes them", history_of_all),
    ("upgrade, with `sync.onHelmChange: Follow`", "release 6 stays until the branch moves", followed),
    ("uninstall --keep-history", "noticed; the next release goes on from the history", uninstall_keeping),
    ("uninstall", "noticed; installed again", uninstall),
    ("uninstall, with `Follow`", "nothing is installed until the branch moves", uninstall_followed),
];

struct Case {
    f: Fixture,
    name: &'static str,
    tool: &'static str,
    repo: Repository,
}

impl Case {
    fn helm(&self, args: &[&str]) -> String {
        self.f.helm_of(self.tool, args)
    }

    fn helm_json(&self, args: &[&str]) -> Value {
        let text = self.helm(&[args, &["-o", "json"]].concat());
        serde_json::from_str(&text).unwrap_or_else(|error| panic!("helm {args:?} printed no JSON ({error}): {text}"))
    }

    /// Waits until the release of that number is live and the environment settled.
    fn settled(&self, number: u64) -> Value {
        self.f.wait(self.name, SOON, |env| ready(env, "True", "InSync") && env["status"]["release"]["number"] == number)
    }

    fn message(&self) -> String {
        self.f.field(&format!("configmap/{}-config", self.name), "{.data.message}")
    }

    fn chart(&self) -> String {
        self.repo.chart().display().to_string()
    }

    fn policy(&self, policy: &str) {
        let patch = json!({"spec": {"sync": {"onHelmChange": policy}}}).to_string();
        self.f.kubectl(&["patch", "environment", self.name, "--type=merge", "-p", &patch]);
    }

    fn statuses(&self) -> Vec<(String, String)> {
        let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
        let history = self.helm_json(&["history", self.name, "--max", "20"]);
        history.as_array().expect("a list").iter().map(|entry| (text(&entry["status"]), text(&entry["description"]))).collect()
    }
}

#[test]
fn helm_4_works_on_releases_that_windlass_made() {
    conformance("helm", "helm4");
}

#[test]
fn helm_3_works_on_releases_that_windlass_made() {
    conformance("helm3", "helm3");
}

fn conformance(tool: &'static str, name: &'static str) {
    let f = Fixture::get(name);
    let repo = Repository::new(name);
    f.create(&environment(name, &repo, "values: {inline: {replicas: 1}}"));
    let case = Case { f, name, tool, repo };
    case.settled(1);
    for (command, _, check) in ROWS {
        println!("{tool} {command}");
        check(&case);
    }
}

fn list(case: &Case) {
    let list = case.helm_json(&["list"]);
    assert_eq!(list.as_array().expect("a list").len(), 1, "{list}");
    let found = &list[0];
    for (key, wanted) in [("name", case.name), ("revision", "1"), ("status", "deployed"), ("chart", "shop-0.1.0"), ("app_version", "1.0")] {
        assert_eq!(found[key], wanted, "{key} in {found}");
    }
}

fn status(case: &Case) {
    let status = case.helm_json(&["status", case.name]);
    assert_eq!((&status["info"]["status"], &status["version"]), (&json!("deployed"), &json!(1)));
    let text = case.helm(&["status", case.name]);
    assert!(text.contains("STATUS: deployed"), "{text}");
    assert!(text.contains("TEST SUITE:") && text.contains("Phase:          Succeeded"), "{text}");
}

fn history(case: &Case) {
    assert_eq!(case.statuses(), [("deployed".to_owned(), "Install complete".to_owned())]);
}

/// helm itself, in a namespace of its own, is the oracle.
fn get(case: &Case) {
    let other = Fixture::get(&format!("{}-oracle", case.name));
    other.helm_of(case.tool, &["install", case.name, &case.chart(), "--set", "replicas=1"]);
    // helm 4 keeps the blank lines at the ends of documents, and so does windlass; helm 3 does not record them.
    let shown = |text: String| if case.tool == "helm3" { without_blank_lines(&text) } else { text };
    for what in ["values", "manifest", "hooks", "notes"] {
        let args = ["get", what, case.name];
        assert_eq!(shown(case.helm(&args)), shown(other.helm_of(case.tool, &args)), "helm get {what}");
    }
    let metadata = |text: String| {
        let mut metadata: Value = serde_json::from_str(&text).expect("JSON");
        metadata["namespace"] = Value::Null;
        metadata["deployedAt"] = Value::Null;
        for time in ["createdAt", "modifiedAt"] {
            metadata["labels"].as_object_mut().into_iter().for_each(|labels| labels.iter_mut().filter(|(key, _)| *key == time).for_each(|(_, value)| *value = Value::Null));
        }
        metadata
    };
    let args = ["get", "metadata", case.name, "-o", "json"];
    assert_eq!(metadata(case.helm(&args)), metadata(other.helm_of(case.tool, &args)));
    // `get all` is all of the above with times.
    let all = |text: String| -> Vec<String> {
        let timely = |line: &&str| ["LAST DEPLOYED:", "NAMESPACE:", "Last Started:", "Last Completed:", "DEPLOYED_AT:"].iter().any(|word| line.starts_with(word));
        shown(text).lines().filter(|line| !timely(line) && !line.starts_with("TEST SUITE") && !line.starts_with("Phase:")).map(str::to_owned).collect()
    };
    let args = ["get", "all", case.name];
    assert_eq!(all(case.helm(&args)), all(other.helm_of(case.tool, &args)));
    other.helm_of(case.tool, &["uninstall", case.name]);
}

fn without_blank_lines(text: &str) -> String {
    text.lines().filter(|line| !line.is_empty()).flat_map(|line| [line, "\n"]).collect()
}

fn test(case: &Case) {
    let text = case.helm(&["test", case.name]);
    assert!(text.contains("Succeeded"), "{text}");
    let record = format!("secret/sh.helm.release.v1.{}.v1", case.name);
    case.f.until(SOON, "the mark is back on the record", || {
        case.f.field(&record, r"{.metadata.annotations.windlass\.dev/revision}") == case.repo.head()
    });
    let env = case.settled(1);
    assert_eq!(condition(&env, "ChangedByHelm"), Value::Null, "{env:#}");
    assert_eq!(case.statuses().len(), 1);
}

fn upgrade(case: &Case) {
    case.helm(&["upgrade", case.name, &case.chart(), "--set", "message=by-helm"]);
    let env = case.settled(3);
    assert_eq!(case.message(), "hello");
    assert_eq!(condition(&env, "ChangedByHelm")["reason"], "Overtaken");
    let events = case.f.kubectl(&["get", "events", "--field-selector", "reason=ChangedByHelm", "-o", "jsonpath={.items[*].message}"]);
    assert!(events.contains("the helm command line made release 2"), "{events}");
}

fn rollback(case: &Case) {
    case.helm(&["rollback", case.name, "2"]);
    case.settled(5);
    assert_eq!(case.message(), "hello");
}

fn history_of_all(case: &Case) {
    let wanted = [
        ("superseded", "Install complete"),
        ("superseded", "Upgrade complete"),
        ("superseded", "Upgrade complete"),
        ("superseded", "Rollback to 2"),
        ("deployed", "Upgrade complete"),
    ];
    assert_eq!(case.statuses(), wanted.map(|(status, text)| (status.to_owned(), text.to_owned())));
}

fn followed(case: &Case) {
    case.policy("Follow");
    case.helm(&["upgrade", case.name, &case.chart(), "--set", "message=followed"]);
    let env = case.f.wait(case.name, SOON, |env| ready(env, "True", "ChangedByHelm") && env["status"]["release"]["number"] == 6);
    assert_eq!(condition(&env, "ChangedByHelm")["status"], "True");
    assert_eq!(case.message(), "followed");
    case.repo.push("values.yaml", |text| text.replace("hello", "second"));
    case.settled(7);
    assert_eq!(case.message(), "second");
}

fn uninstall_keeping(case: &Case) {
    case.policy("Repair");
    case.helm(&["uninstall", case.name, "--keep-history"]);
    case.settled(8);
    assert_eq!(case.message(), "second");
    assert_eq!(case.statuses().last().expect("a record").0, "deployed");
}

fn uninstall(case: &Case) {
    case.helm(&["uninstall", case.name]);
    let env = case.settled(1);
    assert_eq!(condition(&env, "ChangedByHelm")["reason"], "Overtaken");
    assert_eq!(case.message(), "second");
}

fn uninstall_followed(case: &Case) {
    case.policy("Follow");
    case.f.wait(case.name, SOON, |env| ready(env, "True", "InSync"));
    case.helm(&["uninstall", case.name]);
    case.f.wait(case.name, SOON, |env| ready(env, "False", "ChangedByHelm"));
    assert_eq!(case.helm(&["list", "-q"]).trim(), "");
    case.repo.push("values.yaml", |text| text.replace("second", "third"));
    case.settled(1);
    assert_eq!(case.message(), "third");
}

#[test]
fn the_conformance_table_is_current() {
    const BEGIN: &str = "<!-- made from tests/e2e/helm.rs -->\n";
    const END: &str = "<!-- end -->";
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/compatibility.md");
    let page = std::fs::read_to_string(&path).expect("the page is there");
    let mut table = String::from("| helm command | 4.3.1 | 3.22.0 | what is seen |\n|---|---|---|---|\n");
    for (command, seen, _) in ROWS {
        table.push_str(&format!("| {command} | yes | yes | {seen} |\n"));
    }
    let (before, rest) = page.split_once(BEGIN).expect("the page marks where the table begins");
    let (_, after) = rest.split_once(END).expect("the page marks where the table ends");
    let wanted = format!("{before}{BEGIN}{table}{END}{after}");
    if std::env::var_os("WINDLASS_BLESS").is_some() {
        std::fs::write(&path, &wanted).expect("the page can be written");
    }
    assert!(page == wanted || std::env::var_os("WINDLASS_BLESS").is_some(), "the table is not current: WINDLASS_BLESS=1 cargo test --test e2e conformance_table");
}

#[test]
fn a_record_too_large_for_a_secret_is_refused_before_anything_is_applied() {
    let f = Fixture::get("large");
    let repo = Repository::new("large");
    // Random text does not shrink.
    let mut state = 7u64;
    let noise: String = (0..1_400_000)
        .map(|_| {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            char::from(b"abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789+-"[(state >> 58) as usize])
        })
        .collect();
    repo.add("files/noise.txt", &noise);
    f.create(&environment("large", &repo, ""));
    let env = f.wait("large", SOON, |env| ready(env, "False", "RecordTooLarge"));
    let message = condition(&env, "Stalled")["message"].as_str().unwrap_or_default().to_owned();
    assert!(message.contains("release large would take") && message.contains(".helmignore"), "{message}");
    assert_eq!(f.kubectl(&["get", "deployment,service", "-o", "name"]).trim(), "");
    assert_eq!(f.get_json("configmap/large-config"), serde_json::Value::Null);
    repo.remove("files/noise.txt");
    f.wait("large", SOON, |env| ready(env, "True", "InSync"));
}
