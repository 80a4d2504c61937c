//! Links, submodules and sizes.

use tempfile::TempDir;
use windlass::sources::{GitSpec, Snapshot, SourceError, TreeLimits, Want};

use super::repos::Origin;
use super::server::{Front, Http, basic};
use super::{cache, nobody, paths, secret, spec};

fn snapshot(spec: &GitSpec) -> Result<Snapshot, SourceError> {
    // The directory may go: what is asserted on has been read.
    cache(TempDir::new().unwrap().path()).snapshot(spec, &nobody(), &Want::default())
}

#[test]
fn links_inside_the_tree_are_followed() {
    let origin = Origin::with_chart("app");
    origin.write("shared/tpl/a.yaml", "a");
    origin.write("shared/b.yaml", "b");
    origin.link("chart/templates/b.yaml", "../../shared/b.yaml");
    origin.link("chart/lib", "../shared/./tpl/");
    origin.link("shared/tpl/again.yaml", "../../chart/templates/b.yaml");
    origin.link("current", "chart");
    origin.commit("links");
    let expected = ["Chart.yaml", "lib/a.yaml", "lib/again.yaml", "templates/b.yaml", "templates/cm.yaml"];
    let taken = snapshot(&spec(&origin.file_url())).unwrap();
    assert_eq!(paths(&taken), expected);
    assert_eq!(taken.files[2].bytes, b"b");
    let through = GitSpec { path: "current".into(), ..spec(&origin.file_url()) };
    assert_eq!(paths(&snapshot(&through).unwrap()), expected);
}

#[test]
fn links_out_of_the_tree_are_refused() {
    for (target, says) in [
        ("../../secret", "outside of the repository"),
        ("../../../../../etc/passwd", "outside of the repository"),
        ("/etc/passwd", "absolute"),
        ("x/../../../y", "outside of the repository"),
        ("loop", "in a circle"),
        (".", "in a circle"),
    ] {
        let origin = Origin::with_chart("app");
        origin.link("chart/loop", target);
        origin.commit("link");
        let error = snapshot(&spec(&origin.file_url())).unwrap_err();
        assert!(error.to_string().contains(says), "{target}: {error}");
    }
    let origin = Origin::with_chart("app");
    origin.link("chart/dangling", "nowhere");
    origin.commit("link");
    assert!(matches!(snapshot(&spec(&origin.file_url())), Err(SourceError::PathMissing { .. })));
}

#[test]
fn sizes_are_bounded_before_anything_is_read() {
    let origin = Origin::with_chart("app");
    origin.write_bytes("chart/big", &vec![7; 3 << 20]);
    origin.write_bytes("chart/big2", &vec![8; 3 << 20]);
    origin.commit("big");
    let with = |limits: TreeLimits| snapshot(&GitSpec { limits, ..spec(&origin.file_url()) });
    let refused = |limits: TreeLimits| with(limits).unwrap_err().to_string();
    with(TreeLimits::default()).unwrap();
    assert!(refused(TreeLimits { max_file: 2 << 20, ..TreeLimits::default() }).contains("the size of \"chart/big\""));
    assert!(refused(TreeLimits { max_total: 5 << 20, ..TreeLimits::default() }).contains("all files below the chart's path"));
    assert!(refused(TreeLimits { max_files: 3, ..TreeLimits::default() }).contains("number of files"));
}

#[test]
fn links_that_multiply_folders_are_bounded() {
    let origin = Origin::with_chart("app");
    for n in 0..30 {
        origin.link(&format!("chart/d{n}/left"), &format!("../d{}", n + 1));
        origin.link(&format!("chart/d{n}/right"), &format!("../d{}", n + 1));
    }
    origin.write("chart/d30/end", "");
    origin.commit("a billion folders");
    let error = snapshot(&spec(&origin.file_url())).unwrap_err();
    assert!(error.to_string().contains("number of files and folders"), "{error}");
}

#[test]
fn submodules_are_named_or_fetched() {
    let library = Origin::with_chart("library");
    let server = Http::start(library.root.path(), Front::default());
    let origin = Origin::with_chart("app");
    origin.git(&["submodule", "--quiet", "add", &server.url("library"), "chart/charts/library"]);
    let front = Front { authorization: Some(basic("me", "hush")), ..Front::default() };
    let private = Http::start(library.root.path(), front);
    origin.commit("with a submodule");

    let closed = spec(&origin.file_url());
    let error = snapshot(&closed).unwrap_err();
    assert!(matches!(error, SourceError::SubmoduleNotFetched { .. }), "{error:?}");
    assert!(error.to_string().contains("chart/charts/library") && error.to_string().contains("submodules: true"), "{error}");
    let inside = GitSpec { path: "chart/charts/library/chart".into(), ..closed.clone() };
    assert!(matches!(snapshot(&inside), Err(SourceError::SubmoduleNotFetched { .. })));

    let open = GitSpec { submodules: true, ..closed };
    assert!(paths(&snapshot(&open).unwrap()).contains(&"charts/library/chart/Chart.yaml"));
    let inside = GitSpec { submodules: true, ..inside };
    assert_eq!(paths(&snapshot(&inside).unwrap()), ["Chart.yaml", "templates/cm.yaml"]);

    // A password for one host is not shown to another.
    origin.git(&["config", "-f", ".gitmodules", "submodule.chart/charts/library.url", &private.url("library")]);
    origin.commit("a private submodule");
    let creds = secret(&[("username", "me"), ("password", "hush")]);
    let dir = TempDir::new().unwrap();
    let error = cache(dir.path()).snapshot(&open, &creds, &Want::default()).unwrap_err();
    assert!(matches!(&error, SourceError::Submodule { cause, .. } if matches!(**cause, SourceError::CredentialsMissing { .. })), "{error:?}");
}

#[test]
fn a_remote_repository_cannot_name_local_paths_as_submodules() {
    let (library, origin) = (Origin::with_chart("library"), Origin::with_chart("app"));
    origin.git(&["submodule", "--quiet", "add", &library.file_url(), "chart/lib"]);
    origin.commit("a local submodule");
    let server = Http::start(origin.root.path(), Front::default());
    let error = snapshot(&GitSpec { submodules: true, ..spec(&server.url("app")) }).unwrap_err();
    assert!(error.to_string().contains("may not be a local path"), "{error}");
    let local = snapshot(&GitSpec { submodules: true, ..spec(&origin.file_url()) }).unwrap();
    assert_eq!(local.files.len(), 5);
}
