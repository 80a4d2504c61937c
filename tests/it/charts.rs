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

#[test]
fn flags_that_ask_for_more_than_rendering_are_refused() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/cases/charts");
    for (flag, says) in [
        ("--dry-run=server", "--dry-run=server: windlass template asks no cluster"),
        ("--validate", "--validate: windlass template asks no cluster"),
        ("--post-renderer=x", "--post-renderer x: windlass runs no plugins of helm"),
    ] {
        let output = Command::new(env!("CARGO_BIN_EXE_windlass")).current_dir(&folder).args(["template", "rel", "files", flag]).output().unwrap();
        let shown = String::from_utf8_lossy(&output.stderr);
        assert!(!output.status.success() && shown.contains(says), "{flag}: {shown}");
    }
}

// Expected: helm v4.3.1, see tests/cases/lint/README.md.
#[test]
fn lint_finds_and_says_what_helm_does() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/cases/lint");
    for chart in ["asks", "hidden", "odd"] {
        let output = Command::new(env!("CARGO_BIN_EXE_windlass")).current_dir(&folder).args(["lint", chart]).output().unwrap();
        for (shown, kind) in [(&output.stdout, "out"), (&output.stderr, "err")] {
            let expected = fs::read_to_string(folder.join(format!("{chart}.{kind}"))).unwrap();
            assert_eq!(String::from_utf8_lossy(shown), expected, "{chart}.{kind}");
        }
    }
}

// Expected: helm v4.3.1 with the same files and arguments.
#[test]
fn what_helm_says_beside_the_output_is_the_same() {
    let folder = tempfile::tempdir().unwrap();
    let put = |path: &str, text: &str| {
        let path = folder.path().join(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    };
    put("c/Chart.yaml", "apiVersion: v2\nname: c\nversion: 1.0.0\n");
    let copied = "{{ $c := deepCopy .Capabilities }}a: {{ list $c.KubeVersion.String (toString $c.KubeVersion) (deepEqual .Capabilities $c) | toJson | quote }}\n";
    put("c/templates/a.yaml", copied);
    put("c/charts/lib/Chart.yaml", "apiVersion: v2\nname: lib\nversion: 1.0.0\n");
    put("more.yaml", "lib: 12345678901\n");
    put("v3/Chart.yaml", "apiVersion: v3\nname: v\nversion: 1.0.0\n");
    put("v3/charts/b/Chart.yaml", "apiVersion: v2\nname: b\nversion: 1.0.0\ndeprecated: x\n");
    let run = |arguments: &[&str]| {
        let output = Command::new(env!("CARGO_BIN_EXE_windlass")).current_dir(folder.path()).args(arguments).output().unwrap();
        (String::from_utf8_lossy(&output.stdout).into_owned(), String::from_utf8_lossy(&output.stderr).into_owned())
    };
    // Copying by reflection loses the field that is not exported.
    let (out, _) = run(&["template", "r", "c", "--kube-version", "1.34.0-gke.1"]);
    assert_eq!(out, "---\n# Source: c/templates/a.yaml\na: \"[\\\"v1.34.0-gke.1\\\",\\\"{v1.34.0-gke.1  1 34}\\\",false]\"\n");
    assert_eq!(run(&["template", "r", "c", "-f", "more.yaml"]).1, "Error: type mismatch on lib: %!t(float64=1.2345678901e+10)\n");
    let subchart = "error unpacking subchart b in v: cannot load Chart.yaml: error unmarshaling JSON: while decoding JSON: json: cannot unmarshal string into Go struct field Metadata.deprecated of type bool";
    assert_eq!(run(&["template", "r", "v3"]).1, format!("Error: {subchart}\n"));
    assert_eq!(run(&["show", "chart", "v3"]).1, format!("Error: {subchart}\n"));
    fs::remove_dir_all(folder.path().join("v3/charts")).unwrap();
    assert_eq!(run(&["template", "r", "v3"]).1, "Error: invalid chart apiVersion\n");
    assert_eq!(run(&["show", "chart", "v3"]).0, "apiVersion: v3\nname: v\nversion: 1.0.0\n\n");
}
