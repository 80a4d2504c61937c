//! Promotion and taking back, by smart HTTP with the real `git http-backend`.

use tempfile::TempDir;
use windlass::sources::{Class, CommitId, Identity, Moved, Promotion, SourceError};

use super::repos::{Origin, git};
use super::server::{Front, Http, basic};
use super::{cache, nobody, secret, spec};

struct World {
    origin: Origin,
    server: Http,
    folder: TempDir,
}

fn world() -> World {
    let origin = Origin::with_chart("app");
    git(&origin.bare(), &["config", "http.receivepack", "true"]);
    let server = Http::start(origin.root.path(), Front::default());
    World { origin, server, folder: TempDir::new().unwrap() }
}

fn promotion(commit: &str, keep: &[&str]) -> Promotion {
    Promotion {
        commit: commit.parse().unwrap(),
        to: "staging".into(),
        keep: keep.iter().map(|path| (*path).to_owned()).collect(),
        identity: Identity::default(),
        message: "Promote main to staging\n".into(),
    }
}

impl World {
    fn promote(&self, commit: &str, keep: &[&str]) -> Result<Moved, SourceError> {
        cache(self.folder.path()).promote(&spec(&self.server.url("app")), &nobody(), &promotion(commit, keep))
    }

    fn staging(&self, args: &[&str]) -> String {
        git(&self.origin.bare(), args)
    }

    fn commit_on_staging(&self, path: &str, text: &str) -> String {
        self.origin.git(&["fetch", "-q", "origin", "staging"]);
        self.origin.git(&["checkout", "-q", "-B", "staging", "origin/staging"]);
        self.origin.write(path, text);
        let made = self.origin.commit("on staging");
        self.origin.git(&["checkout", "-q", "main"]);
        made
    }
}

fn id(text: &str) -> CommitId {
    text.trim().parse().unwrap()
}

#[test]
fn the_next_branch_is_made_then_moved_to_the_same_commit() {
    let w = world();
    let first = w.origin.git(&["rev-parse", "HEAD"]);
    assert_eq!(w.promote(&first, &[]).unwrap(), Moved::FastForward(id(&first)));
    for n in 0..3 {
        w.origin.write("chart/templates/cm.yaml", &format!("kind: ConfigMap # {n}\n"));
        w.origin.commit(&format!("change {n}"));
    }
    let head = w.origin.git(&["rev-parse", "HEAD"]);
    let between = cache(w.folder.path()).between(&spec(&w.server.url("app")), &nobody(), "staging", 2).unwrap();
    assert_eq!((between.ahead, between.behind, between.commits.len()), (3, 0, 2));
    assert_eq!(between.commits[0].subject, "change 2");
    assert_eq!(w.promote(&head, &[]).unwrap(), Moved::FastForward(id(&head)));
    assert_eq!(w.staging(&["rev-parse", "staging"]), head);
    assert_eq!(w.promote(&head, &[]).unwrap(), Moved::Already);
    assert_eq!(w.promote(&first, &[]).unwrap(), Moved::Already, "an older one is in it");
}

#[test]
fn what_the_next_branch_has_of_its_own_stays_where_asked_and_else_goes() {
    let w = world();
    w.origin.write("envs/staging.yaml", "replicas: 1\n");
    w.origin.write("chart/once.yaml", "good\n");
    let first = w.origin.commit("with staging's values");
    w.promote(&first, &[]).unwrap();
    w.commit_on_staging("envs/staging.yaml", "replicas: 5\n");
    // Reverted there by hand: it comes back when it is promoted again.
    w.commit_on_staging("chart/once.yaml", "taken back\n");
    w.origin.write("envs/staging.yaml", "replicas: 2\n");
    w.origin.write("envs/new.yaml", "only here\n");
    let head = w.origin.commit("next");
    let before = w.staging(&["rev-parse", "staging"]);
    let Moved::Committed(made) = w.promote(&head, &["envs/staging.yaml", "envs/new.yaml", "nowhere"]).unwrap() else { panic!("a commit is needed") };
    assert_eq!(w.staging(&["rev-parse", "staging"]), made.to_string());
    assert_eq!(w.staging(&["rev-list", "--parents", "-1", "staging"]), format!("{made} {before} {head}"), "both parents");
    assert_eq!(w.staging(&["show", "staging:envs/staging.yaml"]), "replicas: 5");
    assert_eq!(w.staging(&["show", "staging:chart/once.yaml"]), "good");
    assert!(!w.staging(&["ls-tree", "-r", "--name-only", "staging"]).contains("envs/new.yaml"));
    assert_eq!(w.staging(&["diff", "--name-only", &head, "staging"]), "envs/new.yaml\nenvs/staging.yaml");
    assert_eq!(w.staging(&["fsck", "--strict"]), "");
    // A folder is kept as a whole, and a branch without commits of its own still keeps it.
    w.origin.write("envs/staging.yaml", "replicas: 3\n");
    let head = w.origin.commit("and on");
    assert!(matches!(w.promote(&head, &["envs/"]).unwrap(), Moved::Committed(_)));
    assert_eq!(w.staging(&["show", "staging:envs/staging.yaml"]), "replicas: 5");
}

#[test]
fn a_protected_branch_is_told_with_the_servers_words() {
    let w = world();
    let hook = w.origin.bare().join("hooks/update");
    std::fs::write(&hook, "#!/bin/sh\necho \"GL-HOOK-ERR: staging is protected\" >&2\nexit 1\n").unwrap();
    let mut rights = std::fs::metadata(&hook).unwrap().permissions();
    std::os::unix::fs::PermissionsExt::set_mode(&mut rights, 0o755);
    std::fs::set_permissions(&hook, rights).unwrap();
    let head = w.origin.git(&["rev-parse", "HEAD"]);
    let error = w.promote(&head, &[]).unwrap_err();
    assert_eq!((error.class(), error.reason()), (Class::Denied, "GitPushRefused"), "{error}");
    assert!(error.to_string().contains("hook declined"), "{error}");
}

#[test]
fn credentials_that_may_only_read_are_told() {
    let origin = Origin::with_chart("app");
    // http.receivepack is not set: git takes no anonymous push.
    let server = Http::start(origin.root.path(), Front { authorization: Some(basic("ada", "pa55word")), ..Front::default() });
    let folder = TempDir::new().unwrap();
    let creds = secret(&[("username", "ada"), ("password", "pa55word")]);
    let head = origin.git(&["rev-parse", "HEAD"]);
    let error = cache(folder.path()).promote(&spec(&server.url("app")), &creds, &promotion(&head, &[])).unwrap_err();
    assert!(!error.to_string().contains("pa55word"), "{error}");
    assert_eq!(git(&origin.bare(), &["branch", "--list", "staging"]), "");
}

#[test]
fn a_bad_commit_is_taken_back_as_git_does() {
    let w = world();
    let good = w.origin.git(&["rev-parse", "HEAD"]);
    w.origin.write("chart/templates/cm.yaml", "kind: Nonsense\n");
    let bad = w.origin.commit("Break it");
    w.origin.write("envs/dev.yaml", "replicas: 9\n");
    w.origin.commit("Unrelated");
    let revert = |commit: &str| {
        cache(w.folder.path()).revert(&spec(&w.server.url("app")), &nobody(), &id(commit), &Identity::default(), "Its release failed.")
    };
    let Moved::Committed(made) = revert(&bad).unwrap() else { panic!("a commit is needed") };
    assert_eq!(w.staging(&["rev-parse", "main"]), made.to_string());
    assert_eq!(w.staging(&["show", "main:chart/templates/cm.yaml"]), "kind: ConfigMap");
    assert_eq!(w.staging(&["show", "main:envs/dev.yaml"]), "replicas: 9", "what came later stays");
    // git itself comes to the same tree.
    w.origin.git(&["revert", "--no-edit", &bad]);
    assert_eq!(w.origin.git(&["rev-parse", "HEAD^{tree}"]), w.staging(&["rev-parse", "main^{tree}"]));
    let message = w.staging(&["log", "-1", "--format=%B", "main"]);
    assert!(message.starts_with(&format!("Revert \"Break it\"\n\nThis reverts commit {bad}.")), "{message}");
    assert_eq!(revert(&bad).unwrap(), Moved::Already);
    let error = revert(&good).unwrap_err();
    assert!(error.to_string().contains("it has not exactly one parent"), "{error}");
}
