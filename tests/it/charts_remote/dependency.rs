//! `dependency list`, `build` and `update`: from folders, HTTP repositories and OCI registries.

use super::http::repository;
use super::server::{Http, Rules};
use super::Bench;
use std::fs;
use xtask::servers;
use xtask::sys::Supervisor;

#[test]
fn dependencies_are_fetched_locked_and_listed_as_helm_does() {
    let folder = tempfile::TempDir::new().unwrap();
    repository(folder.path());
    let server = Http::start(folder.path(), Rules::default());
    let bench = Bench::new();
    let url = server.url();
    bench.chart("local", "local", "0.3.0", "");
    bench.chart("parent", "parent", "1.0.0", &format!(
        "dependencies:\n- {{name: shop, version: \"^1.1.0\", repository: \"{url}\", condition: shop.enabled, tags: [a], import-values: [{{child: x, parent: \"<y>\"}}]}}\n- {{name: shop, version: ~1.0, repository: \"{url}/\", alias: other}}\n- {{name: local, version: \">0.1\", repository: \"file://../local\"}}\n- {{name: inside, version: 0.x, repository: \"\"}}\n"
    ));
    bench.chart("parent/charts/inside", "inside", "0.5.0", "");
    bench.fine(&["dependency", "list", "parent"]);
    bench.fine(&["dependency", "update", "parent"]);
    bench.same_files("parent");
    bench.fine(&["dependency", "list", "parent"]);
    bench.fine(&["dep", "ls", "parent", "--max-col-width", "12"]);
    bench.fine(&["template", "rel", "parent"]);
    // What is no archive is refused as helm does.
    bench.write("parent/charts/stray-1.0.0.tgz", "no archive");
    bench.refused(&["dependency", "up", "parent"]);
    for side in ["helm", "windlass"] {
        fs::remove_file(bench.path(side, "parent/charts/stray-1.0.0.tgz")).unwrap();
    }
    // Once more: nothing changes; what nobody wants goes.
    bench.fine(&["package", "local", "-d", "parent/charts", "--version", "0.2.0"]);
    bench.fine(&["dependency", "up", "parent"]);
    bench.same_files("parent");
    bench.fine(&["dependency", "list", "parent"]);
    // Out of step with the lock.
    for side in ["helm", "windlass"] {
        let file = bench.path(side, "parent/Chart.yaml");
        fs::write(&file, fs::read_to_string(&file).unwrap().replace("^1.1.0", "^1.1.1")).unwrap();
    }
    bench.refused(&["dependency", "build", "parent"]);
}

#[test]
fn dependencies_of_registries_and_folders_are_built_from_the_lock() {
    let supervisor = Supervisor::new("windlass-oci").unwrap();
    let registry = servers::registry(&supervisor, "registry", None).unwrap();
    let bench = Bench::new();
    bench.chart("local", "local", "0.3.0", "");
    let target = format!("oci://{}/charts", registry.host());
    for version in ["1.0.0", "1.1.0"] {
        bench.chart("shop", "shop", version, "");
        assert_eq!(bench.run_on("helm", &["package", "shop"], &[]).code, Some(0));
        assert_eq!(bench.run_on("helm", &["push", &format!("shop-{version}.tgz"), &target, "--plain-http"], &[]).code, Some(0));
        fs::copy(bench.path("helm", &format!("shop-{version}.tgz")), bench.path("windlass", &format!("shop-{version}.tgz"))).unwrap();
    }
    bench.chart("parent", "parent", "1.0.0", &format!(
        "dependencies:\n- {{name: shop, version: ~1.0, repository: \"{target}\"}}\n- {{name: local, version: 0.3.0, repository: \"file://../local\"}}\n"
    ));
    bench.fine(&["dependency", "update", "parent", "--plain-http"]);
    bench.same_files("parent");
    for side in ["helm", "windlass"] {
        fs::remove_dir_all(bench.path(side, "parent/charts")).unwrap();
    }
    bench.fine(&["dependency", "build", "parent", "--plain-http"]);
    bench.same_files("parent");
    // One time for all: the lock's own differs from side to side.
    let epoch = [("SOURCE_DATE_EPOCH", "1600000000")];
    assert_eq!(bench.both_with(&["package", "parent", "-u", "--plain-http", "-d", "out"], &epoch).code, Some(0));
    bench.same_files("out");
}

#[test]
fn what_cannot_be_resolved_is_said_as_helm_says_it() {
    let folder = tempfile::TempDir::new().unwrap();
    repository(folder.path());
    let server = Http::start(folder.path(), Rules::default());
    let bench = Bench::new();
    let url = server.url();
    let closed = format!("http://127.0.0.1:{}", crate::free_port());
    bench.chart("none", "none", "1.0.0", "");
    bench.write("file.txt", "x");
    for (name, dependency) in [
        ("version", format!("{{name: shop, version: ^9, repository: \"{url}\"}}")),
        ("chart", format!("{{name: nobody, version: 1.0.0, repository: \"{url}\"}}")),
        ("range", format!("{{name: shop, version: \"not a range\", repository: \"{url}\"}}")),
        ("folder", "{name: local, version: 1.0.0, repository: \"file://../nowhere\"}".into()),
        ("local", "{name: none, version: 2.0.0, repository: \"file://../none\"}".into()),
        ("inside", "{name: inside, version: 1.0.0, repository: \"\"}".into()),
        ("alias", "{name: shop, version: 1.0.0, repository: \"@unknown\"}".into()),
        ("word", "{name: shop, version: 1.0.0, repository: stable}".into()),
        ("closed", format!("{{name: shop, version: 1.0.0, repository: \"{closed}\"}}")),
    ] {
        bench.chart(name, "parent", "1.0.0", &format!("dependencies:\n- {dependency}\n"));
        bench.refused(&["dependency", "update", name]);
    }
    bench.fine(&["dependency", "update", "none"]);
    bench.fine(&["dependency", "list", "none"]);
    bench.refused(&["dependency", "update", "nowhere"]);
    bench.refused(&["dependency", "update", "file.txt"]);
    bench.refused(&["dependency", "list", "nowhere"]);
}

#[test]
fn template_fetches_what_is_missing_where_it_is_asked_to() {
    let bench = Bench::new();
    bench.chart("local", "local", "0.3.0", "");
    bench.chart("parent", "parent", "1.0.0", "dependencies:\n- {name: local, version: \">0.1\", repository: \"file://../local\"}\n");
    bench.refused(&["template", "rel", "parent"]);
    bench.fine(&["template", "rel", "parent", "--dependency-update"]);
    bench.same_files("parent");
    bench.fine(&["template", "rel", "parent", "--dependency-update"]);
}

/// The one command where windlass goes on: it has no `repo add` by which a repository could be known to it.
#[test]
fn a_repository_that_the_settings_do_not_name_is_read() {
    let folder = tempfile::TempDir::new().unwrap();
    repository(folder.path());
    let server = Http::start(folder.path(), Rules::default());
    let bench = Bench::new();
    bench.chart("parent", "parent", "1.0.0", &format!("dependencies:\n- {{name: shop, version: ^1.1.0, repository: \"{}\"}}\n", server.url()));
    bench.fine(&["dependency", "update", "parent"]);
    for side in ["helm", "windlass"] {
        fs::remove_dir_all(bench.path(side, "parent/charts")).unwrap();
    }
    let helm = bench.run_on("helm", &["dependency", "build", "parent"], &[]);
    assert!(helm.code == Some(1) && helm.err.contains("no repository definition"), "{}", helm.err);
    assert_eq!(bench.run_on("windlass", &["dependency", "build", "parent"], &[]).code, Some(0));
    assert!(fs::read_dir(bench.path("windlass", "parent/charts")).unwrap().count() == 1);
}
