//! Charts of our own making against what helm v4.3.1 prints (`tests/cases/charts`).

use std::{fs, path::Path, process::Command};

#[test]
fn charts_as_helm() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/cases/charts");
    let mut seen = 0;
    for entry in fs::read_dir(&folder).unwrap() {
        let case = entry.unwrap().path();
        let Some(name) = case.file_name().and_then(|name| name.to_str()).and_then(|name| name.strip_suffix(".out")) else {
            continue;
        };
        let chart = fs::read_to_string(case.join("chart")).unwrap_or_else(|_| name.to_owned());
        let arguments = fs::read_to_string(case.join("args")).unwrap();
        let output = Command::new(env!("CARGO_BIN_EXE_windlass"))
            .current_dir(&folder)
            .args(["template", "rel", chart.trim(), "--namespace", "ns", "--kube-version", "1.34.0", "--include-crds"])
            .args(arguments.lines())
            .output()
            .unwrap();
        let shown = String::from_utf8_lossy(&output.stderr);
        match fs::read_to_string(case.join("expected.yaml")) {
            Ok(expected) => assert_eq!(String::from_utf8_lossy(&output.stdout), expected, "{name}: {shown}"),
            Err(_) => {
                assert_eq!(output.status.code(), Some(1), "{name}");
                assert_eq!(shown, fs::read_to_string(case.join("error")).unwrap(), "{name}");
            }
        }
        seen += 1;
    }
    assert!(seen >= 5, "the cases are there");
}
