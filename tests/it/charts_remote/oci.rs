//! `push`, `pull`, `show` and `template` with the distribution registry.

use super::Bench;
use xtask::servers;
use xtask::sys::Supervisor;

#[test]
fn charts_are_pushed_and_pulled_as_helm_does() {
    let supervisor = Supervisor::new("windlass-oci").unwrap();
    let registry = servers::registry(&supervisor, "registry", None).unwrap();
    let bench = Bench::new();
    for version in ["1.0.0", "1.1.0", "1.2.0-rc.1", "1.1.1+build.7"] {
        bench.chart("shop", "shop", version, "home: https://example.com/?a=<b>&c\nsources: [https://example.com/src]\nmaintainers: [{name: Ann, email: ann@example.com}, {name: Bob}]\nannotations: {note: \"<kept>\"}\n");
        // One archive for both, so that manifests can be compared by digest.
        assert_eq!(bench.run_on("helm", &["package", "shop"], &[]).code, Some(0));
        let name = format!("shop-{version}.tgz");
        std::fs::copy(bench.path("helm", &name), bench.path("windlass", &name)).unwrap();
        let time = std::time::UNIX_EPOCH + std::time::Duration::from_secs(1_700_000_000);
        for side in ["helm", "windlass"] {
            std::fs::File::options().append(true).open(bench.path(side, &name)).unwrap().set_modified(time).unwrap();
        }
        let pushed = bench.fine(&["push", &name, &format!("oci://{}/charts", registry.host()), "--plain-http"]);
        assert!(pushed.out.contains("Digest: sha256:"), "{}", pushed.out);
    }
    let chart = &*format!("oci://{}/charts/shop", registry.host());
    let with = |args: &[&str]| bench.fine(&[args, &["--plain-http"]].concat());
    with(&["pull", chart]);
    with(&["pull", chart, "--version", "1.0.0", "-d", "."]);
    with(&["pull", chart, "--version", "~1.0", "--untar", "--untardir", "un"]);
    with(&["pull", chart, "--version", "1.1.1+build.7"]);
    with(&["pull", &format!("{chart}:1.1.0")]);
    with(&["pull", chart, "--devel"]);
    bench.same_files(".");
    with(&["show", "all", chart]);
    with(&["template", "rel", chart, "--version", "<1.1"]);
    let refused = |args: &[&str]| bench.refused(&[args, &["--plain-http"]].concat());
    refused(&["pull", chart, "--version", "9.9.9"]);
    refused(&["pull", chart, "--version", "^9"]);
    refused(&["pull", chart, "--version", "not a version"]);
    refused(&["pull", &format!("{chart}:1.0.0"), "--version", "1.1.0"]);
    refused(&["pull", &format!("{chart}:1.1.1+build.7")]);
    refused(&["pull", &format!("oci://{}/charts/none", registry.host())]);
    refused(&["pull", &format!("oci://{}/charts/none", registry.host()), "--version", "1.0.0"]);
    refused(&["pull", &format!("oci://{}/Charts/UPPER", registry.host())]);
    refused(&["push", "shop", &format!("oci://{}/charts", registry.host())]);
    refused(&["push", "nowhere.tgz", &format!("oci://{}/charts", registry.host())]);
    refused(&["push", "shop-1.0.0.tgz", "https://example.com"]);
    refused(&["push", "shop-1.0.0.tgz", "example.com/charts"]);
    let closed = format!("oci://127.0.0.1:{}/charts/shop", crate::free_port());
    refused(&["pull", &closed, "--version", "1.0.0"]);
}

#[test]
fn logins_are_those_of_helm_and_docker() {
    let supervisor = Supervisor::new("windlass-oci").unwrap();
    // htpasswd -nbB ann hush
    let users = format!("ann:{}\n", bcrypt::hash("hush", 4).unwrap());
    let registry = servers::registry(&supervisor, "registry", Some(&users)).unwrap();
    let bench = Bench::new();
    bench.chart("shop", "shop", "1.0.0", "");
    bench.fine(&["package", "shop"]);
    let target = &*format!("oci://{}/charts", registry.host());
    let chart = &*format!("{target}/shop");
    assert_ne!(bench.run_on("windlass", &["push", "shop-1.0.0.tgz", target, "--plain-http"], &[]).code, Some(0));
    bench.refused(&["pull", chart, "--version", "1.0.0", "--plain-http"]);
    // oras shows the registry's own words beside the status, which the client here does not keep.
    let wrong = ["pull", chart, "--version", "1.0.0", "--plain-http", "--username", "ann", "--password", "wrong"];
    for side in ["helm", "windlass"] {
        let ended = bench.run_on(side, &wrong, &[]);
        assert!(ended.code == Some(1) && ended.err.contains("response status code 401") && !ended.err.contains("wrong"), "{side}: {}", ended.err);
    }
    assert_eq!(bench.run_on("helm", &["push", "shop-1.0.0.tgz", target, "--plain-http", "--username", "ann", "--password", "hush"], &[]).code, Some(0));
    bench.fine(&["pull", chart, "--version", "1.0.0", "--plain-http", "--username", "ann", "--password", "hush"]);
    // What `helm registry login` wrote is found.
    let config = format!("{{\"auths\": {{\"{}\": {{\"auth\": \"YW5uOmh1c2g=\"}}}}}}", registry.host());
    bench.write("login.json", &config);
    bench.fine(&["show", "chart", chart, "--plain-http", "--registry-config", "login.json"]);
}

#[test]
fn client_certificates_are_refused_for_registries() {
    let bench = Bench::new();
    bench.write("cert.pem", "x");
    bench.write("key.pem", "x");
    let arguments = ["pull", "oci://127.0.0.1:1/charts/a", "--version", "1.0.0", "--cert-file", "cert.pem", "--key-file", "key.pem"];
    let ended = bench.run_on("windlass", &arguments, &[]);
    assert!(ended.code != Some(0) && ended.err.contains("client certificates are not supported for OCI registries"), "{}", ended.err);
}
