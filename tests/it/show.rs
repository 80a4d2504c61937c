//! `show values --jsonpath` against what helm printed (`tests/oracle/jsonpath`).

use std::process::Command;

#[derive(serde::Deserialize)]
struct Case {
    template: String,
    out: String,
    #[serde(default)]
    err: String,
}

#[test]
fn values_at_a_path_are_those_of_helm() {
    let cases = include_str!("../cases/show/jsonpath.jsonl").lines().map(|line| serde_json::from_str::<Case>(line).unwrap());
    let mut differ = Vec::new();
    for case in cases {
        let mut command = Command::new(env!("CARGO_BIN_EXE_windlass"));
        let output = command.args(["show", "values", "tests/cases/show/chart", "--jsonpath"]).arg(&case.template).output().unwrap();
        let (out, err) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
        if (&*out, &*err) != (&*case.out, &*case.err) {
            differ.push(format!("{}\n  helm {:?} {:?}\n  ours {out:?} {err:?}", case.template, case.out, case.err));
        }
    }
    assert!(differ.is_empty(), "{}", differ.join("\n"));
}
