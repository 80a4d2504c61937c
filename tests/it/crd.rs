//! The files in `manifests/` that are generated: the CRD, which the types give, and `install.yaml`, which the chart gives. `WINDLASS_BLESS=1` writes it anew.

use std::path::Path;

#[test]
fn the_crd_in_manifests_is_current() {
    current("manifests/crd.yaml", &windlass::cli::crd::environments());
    current("manifests/receivers.yaml", &windlass::cli::crd::receivers());
}

/// What `manifests/install.yaml` says above the chart's own text.
const INSTALL: &str = "\
# windlass in a cluster, in three steps:
#   kubectl apply -f manifests/install.yaml
#   kubectl create rolebinding windlass --namespace NAMESPACE --clusterrole admin --serviceaccount windlass:windlass
#   kubectl apply -f environment.yaml
# The second one, for each namespace that windlass shall deploy to, is all the power over applications that it gets. What
# a chart has beyond a namespace (ClusterRoles, CRDs, admission webhooks) needs a ClusterRoleBinding of its own.
#
# Generated: `windlass template windlass manifests/chart --namespace windlass --set namespace.create=true`.
# Change manifests/chart instead.
";

#[test]
fn the_crd_in_the_chart_is_current() {
    current("manifests/chart/files/crd.yaml", &windlass::cli::crd::environments());
    current("manifests/chart/files/receivers.yaml", &windlass::cli::crd::receivers());
}

#[test]
fn install_yaml_is_the_chart() {
    let chart = Path::new(env!("CARGO_MANIFEST_DIR")).join("manifests/chart");
    let mut command = std::process::Command::new(env!("CARGO_BIN_EXE_windlass"));
    command.args(["template", "windlass"]).arg(chart).args(["--namespace", "windlass", "--set", "namespace.create=true"]);
    let output = command.output().expect("windlass runs");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    current("manifests/install.yaml", &format!("{INSTALL}{}", String::from_utf8_lossy(&output.stdout)));
}

/// Compares a generated file, or writes it where that is asked for.
fn current(path: &str, text: &str) {
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join(path);
    if std::env::var_os("WINDLASS_BLESS").is_some() {
        std::fs::write(&file, text).expect("manifests/ can be written");
    }
    let there = std::fs::read_to_string(&file).unwrap_or_default();
    assert!(there == text, "{path} is not current: run WINDLASS_BLESS=1 cargo test --test it crd");
}
