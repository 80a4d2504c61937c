//! Following a branch over the file transport.

use tempfile::TempDir;
use windlass::sources::{Class, GitSpec, History, SourceError, Want};

use super::repos::{Origin, git};
use super::{cache, nobody, paths, spec};

#[test]
fn a_snapshot_has_the_charts_files_and_the_commit() {
    let (origin, dir) = (Origin::with_chart("app"), TempDir::new().unwrap());
    let (cache, spec) = (cache(dir.path()), spec(&origin.file_url()));
    let head = cache.head(&spec, &nobody()).unwrap();
    let snapshot = cache.snapshot(&spec, &nobody(), &Want { commit: Some(head), previous: None }).unwrap();
    assert_eq!(paths(&snapshot), ["Chart.yaml", "templates/cm.yaml"]);
    assert_eq!(snapshot.files[1].bytes, b"kind: ConfigMap\n");
    let commit = &snapshot.commit;
    assert_eq!(commit.id.to_string(), origin.git(&["rev-parse", "HEAD"]));
    assert_eq!((commit.author.as_str(), commit.email.as_str(), commit.subject.as_str()), ("Ada", "ada@example.com", "First light"));
    assert_eq!(commit.time.to_string(), origin.git(&["show", "-s", "--format=%ct"]));
    assert_eq!(snapshot.read("envs/dev.yaml").unwrap(), b"replicas: 1\n");
    assert_eq!(snapshot.files_under("envs").unwrap().len(), 1);
    assert!(matches!(snapshot.read("envs/prod.yaml"), Err(SourceError::PathMissing { .. })));
    assert!(matches!(snapshot.read("../etc/passwd"), Err(SourceError::Spec { .. })));
}

#[test]
fn a_push_is_followed_and_a_rewritten_branch_is_followed_and_said() {
    let (origin, dir) = (Origin::with_chart("app"), TempDir::new().unwrap());
    let (cache, spec) = (cache(dir.path()), spec(&origin.file_url()));
    let take = || cache.snapshot(&spec, &nobody(), &Want::default()).unwrap();
    assert_eq!(take().history, History::First);
    assert_eq!(take().history, History::Same);
    origin.write("chart/templates/two.yaml", "two");
    origin.commit("two");
    let two = take();
    assert_eq!((two.history, two.rewritten), (History::Advanced, false));
    assert_eq!(two.files.len(), 3);
    origin.git(&["reset", "-q", "--hard", "HEAD~1"]);
    origin.commit("instead");
    let instead = take();
    assert_eq!((instead.history, instead.rewritten), (History::Rewritten, true));
    assert_eq!(instead.commit.subject, "instead");
    // The environment's own memory counts, not the cache's.
    let want = Want { commit: Some(instead.commit.id), previous: Some(two.commit.id) };
    assert!(cache.snapshot(&spec, &nobody(), &want).unwrap().rewritten);
    // An older commit by name, as a rollback or `--revision` asks for it.
    let old = Want { commit: Some(two.commit.id), previous: None };
    assert_eq!(cache.snapshot(&spec, &nobody(), &old).unwrap().commit.subject, "two");
}

#[test]
fn what_is_missing_is_named() {
    let (origin, dir) = (Origin::with_chart("app"), TempDir::new().unwrap());
    let cache = cache(dir.path());
    let good = spec(&origin.file_url());
    let fails = |spec: &GitSpec| cache.snapshot(spec, &nobody(), &Want::default()).unwrap_err();

    let error = fails(&GitSpec { branch: "gone".into(), ..good.clone() });
    assert!(matches!(error, SourceError::BranchMissing { .. }), "{error}");
    assert!(error.to_string().contains("no branch \"gone\" (it has main)"), "{error}");
    assert_eq!((error.class(), error.reason()), (Class::Config, "GitBranchMissing"));

    let error = fails(&GitSpec { path: "charts/app".into(), ..good.clone() });
    assert!(error.to_string().contains("the repository has chart, envs"), "{error}");
    let error = fails(&GitSpec { path: "chart/x".into(), ..good.clone() });
    assert!(error.to_string().contains("chart has Chart.yaml, templates"), "{error}");
    let error = fails(&GitSpec { path: "chart/Chart.yaml".into(), ..good.clone() });
    assert!(error.to_string().contains("a file, not a directory"), "{error}");

    let error = fails(&spec("file:///nowhere/at/all.git"));
    assert!(matches!(error, SourceError::RepositoryMissing { .. }), "{error:?}");

    for branch in ["", "-x", "a..b", "a b", "*"] {
        assert!(matches!(fails(&GitSpec { branch: branch.into(), ..good.clone() }), SourceError::Spec { .. }));
    }
    let commit = "0123456789012345678901234567890123456789".parse().unwrap();
    let want = Want { commit: Some(commit), previous: None };
    let error = cache.snapshot(&good, &nobody(), &want).unwrap_err();
    assert!(matches!(error, SourceError::CommitMissing { .. }), "{error:?}");

    let empty = Origin::empty("empty");
    let error = fails(&spec(&empty.file_url()));
    assert!(error.to_string().contains("has no commits yet"), "{error}");
}

#[test]
fn a_branch_that_went_and_came_back_is_followed_again() {
    let (origin, dir) = (Origin::with_chart("app"), TempDir::new().unwrap());
    let (cache, spec) = (cache(dir.path()), spec(&origin.file_url()));
    let first = cache.snapshot(&spec, &nobody(), &Want::default()).unwrap();
    git(&origin.bare(), &["update-ref", "-d", "refs/heads/main"]);
    assert!(matches!(cache.head(&spec, &nobody()), Err(SourceError::BranchMissing { .. })));
    assert_eq!(first.read("envs/dev.yaml").unwrap(), b"replicas: 1\n", "what was fetched stays readable");
    origin.git(&["push", "-q", "origin", "main"]);
    assert_eq!(cache.snapshot(&spec, &nobody(), &Want::default()).unwrap().history, History::Same);
}

#[test]
fn local_paths_can_be_forbidden() {
    let origin = Origin::with_chart("app");
    let limits = windlass::sources::CacheLimits { allow_file: false, ..super::limits() };
    let cache = windlass::sources::GitCache::new(TempDir::new().unwrap().path(), limits);
    for url in [origin.file_url(), origin.bare().display().to_string()] {
        let error = cache.head(&spec(&url), &nobody()).unwrap_err();
        assert!(error.to_string().contains("follows no local paths"), "{error}");
    }
}
