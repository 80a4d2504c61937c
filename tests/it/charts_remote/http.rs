//! `pull`, `show` and `template` from chart repositories over HTTP.

use super::server::{Http, Rules};
use super::Bench;
use std::fs;
use std::path::Path;

/// A repository of `shop` 1.0.0, 1.1.0, 2.0.0-rc.1 and `child` 0.1.0, its index made by helm.
pub fn repository(folder: &Path) {
    let bench = Bench::new();
    let folder = folder.to_str().unwrap();
    for (name, version) in [("shop", "1.0.0"), ("shop", "1.1.0"), ("shop", "2.0.0-rc.1"), ("child", "0.1.0")] {
        bench.chart(name, name, version, "appVersion: \"1.0\"\n");
        assert_eq!(bench.run_on("helm", &["package", name, "-d", folder], &[]).code, Some(0));
    }
    assert_eq!(bench.run_on("helm", &["repo", "index", folder], &[]).code, Some(0));
}

#[test]
fn charts_of_a_repository_are_pulled_shown_and_rendered() {
    let folder = tempfile::TempDir::new().unwrap();
    repository(folder.path());
    let server = Http::start(folder.path(), Rules::default());
    let bench = Bench::new();
    let url = &*server.url();
    bench.fine(&["pull", "shop", "--repo", url]);
    bench.fine(&["pull", "shop", "--repo", url, "--version", "~1.0", "-d", "."]);
    bench.fine(&["pull", "shop", "--repo", url, "--devel", "--untar"]);
    bench.fine(&["pull", "child", "--repo", url, "--untar", "--untardir", "deep/er"]);
    bench.fine(&["pull", &format!("{url}/shop-1.0.0.tgz"), "--untar", "--untardir", "by-url"]);
    bench.same_files(".");
    bench.refused(&["pull", "child", "--repo", url, "--untar", "--untardir", "deep/er"]);
    for part in ["chart", "values", "readme", "crds", "all"] {
        bench.fine(&["show", part, "shop", "--repo", url]);
        bench.fine(&["show", part, &format!("{url}/shop-1.0.0.tgz")]);
        bench.fine(&["show", part, "shop-1.1.0.tgz"]);
    }
    bench.fine(&["template", "rel", "shop", "--repo", url, "--version", ">=1 <1.1"]);
    bench.fine(&["template", "rel", &format!("{url}/shop-1.1.0.tgz"), "--set", "message=bye"]);
    let near = bench.fine(&["template", "rel", "shop", "--repo", url, "--version", "1.0"]);
    assert!(near.err.contains("unable to find exact version requested"), "{}", near.err);
}

#[test]
fn what_is_not_there_is_said_as_helm_says_it() {
    let folder = tempfile::TempDir::new().unwrap();
    repository(folder.path());
    fs::remove_file(folder.path().join("child-0.1.0.tgz")).unwrap();
    fs::create_dir(folder.path().join("bad")).unwrap();
    fs::write(folder.path().join("bad/index.yaml"), "entries: {}\n").unwrap();
    fs::create_dir(folder.path().join("odd")).unwrap();
    fs::write(folder.path().join("odd/index.yaml"), "apiVersion: v1\nnonsense: 1\n").unwrap();
    let server = Http::start(folder.path(), Rules::default());
    let bench = Bench::new();
    let url = &*server.url();
    let closed = format!("http://127.0.0.1:{}", crate::free_port());
    bench.refused(&["pull", "none", "--repo", url]);
    bench.refused(&["pull", "shop", "--repo", url, "--version", "9.9.9"]);
    bench.refused(&["pull", "shop", "--repo", url, "--version", "?"]);
    bench.refused(&["pull", "child", "--repo", url]);
    bench.refused(&["pull", "shop", "--repo", &format!("{url}/bad")]);
    bench.refused(&["pull", "shop", "--repo", &format!("{url}/odd")]);
    bench.refused(&["pull", "shop", "--repo", &format!("{url}/none")]);
    bench.refused(&["pull", "shop", "--repo", &closed]);
    bench.refused(&["pull", &format!("{closed}/shop-1.0.0.tgz")]);
    bench.refused(&["pull", &format!("{url}/none-1.0.0.tgz")]);
    bench.refused(&["pull", "shop", "--repo", "gopher://example.com"]);
    bench.refused(&["show", "chart", "gopher://example.com/x"]);
    bench.refused(&["show", "chart", "nowhere"]);
    bench.refused(&["show", "chart", "repo/chart"]);
    bench.refused(&["show", "chart", "./nowhere"]);
}

#[test]
fn credentials_go_to_their_own_host() {
    let folder = tempfile::TempDir::new().unwrap();
    repository(folder.path());
    let open = Http::start(folder.path(), Rules::default());
    // An index that leads to another host: what is shown there is nothing.
    let index = fs::read_to_string(folder.path().join("index.yaml")).unwrap();
    fs::create_dir(folder.path().join("elsewhere")).unwrap();
    fs::write(folder.path().join("elsewhere/index.yaml"), index.replace("- shop-", &format!("- {}/shop-", open.url()))).unwrap();
    let server = Http::start(folder.path(), Rules { authorization: Some(crate::git::server::basic("ann", "hush")) });
    let bench = Bench::new();
    let (url, elsewhere) = (&*server.url(), &*format!("{}/elsewhere", server.url()));
    bench.refused(&["pull", "shop", "--repo", url]);
    bench.refused(&["pull", "shop", "--repo", url, "--username", "ann", "--password", "wrong"]);
    bench.fine(&["pull", "shop", "--repo", url, "--username", "ann", "--password", "hush"]);
    bench.fine(&["template", "rel", "shop", "--repo", elsewhere, "--username", "ann", "--password", "hush"]);
    bench.same_files(".");
    let refused = bench.run_on("windlass", &["pull", "shop", "--repo", url, "--username", "ann", "--password", "wrong-secret"], &[]);
    assert!(!refused.err.contains("wrong-secret"), "{}", refused.err);
}
