//! Commits written back to the branch, and signatures, with the real git, OpenSSH, gpg and ssh-keygen.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Mutex;

use tempfile::TempDir;
use windlass::sources::{Author, CommitId, Credentials, Draft, GitCache, GitSpec, Keyring, Signed, Signer, SourceError, Want, WriteError, Written};

use super::repos::{Origin, git};
use super::server::{Front, Http, Sshd, basic};
use super::{cache, nobody, secret, spec};

const VALUES: &str = "# the tag\nimage:\n  tag: v1 # moved\n";

fn origin() -> Origin {
    let origin = Origin::empty("app");
    origin.write("chart/Chart.yaml", "apiVersion: v2\nname: app\nversion: 0.1.0\n");
    origin.write("chart/values.yaml", VALUES);
    origin.commit("first");
    git(&origin.bare(), &["config", "http.receivepack", "true"]);
    origin
}

fn author(signer: Option<&Signer>) -> Author<'_> {
    Author { name: "windlass", email: "windlass@example.com", signer, time: 1_750_000_000 }
}

/// Moves the tag, as image updates do.
fn commit(cache: &GitCache, spec: &GitSpec, creds: &Credentials, signer: Option<&Signer>, tag: &str) -> Result<Written, WriteError<String>> {
    cache.commit(spec, creds, &author(signer), |base| moved(&base.read("chart/values.yaml").map_err(|error| error.to_string())?, tag))
}

fn moved(text: &[u8], tag: &str) -> Result<Option<Draft>, String> {
    let edit = windlass::yaml::edit::Edit { path: "image.tag".into(), value: tag.into() };
    let new = windlass::yaml::edit::set(text, &[edit]).map_err(|error| error.to_string())?;
    Ok((new != text).then(|| Draft { files: vec![("chart/values.yaml".into(), new)], message: format!("Move to {tag}\n") }))
}

fn committed(written: Result<Written, WriteError<String>>) -> (CommitId, u32) {
    match written.unwrap() {
        Written::Committed { commit, tries } => (commit, tries),
        Written::Unchanged(_) => panic!("nothing was committed"),
    }
}

/// What is fetched is the newest commit alone: its parents are not there when the next one is pushed.
#[test]
fn a_commit_is_pushed_onto_a_branch_with_a_past() {
    let origin = origin();
    for number in 2..5 {
        origin.write("chart/notes.txt", &format!("{number}\n"));
        origin.commit(&format!("change {number}"));
    }
    let http = Http::start(origin.root.path(), Front::default());
    let dir = TempDir::new().unwrap();
    let (cache, spec) = (cache(dir.path()), spec(&http.url("app")));
    let (id, _) = committed(commit(&cache, &spec, &nobody(), None, "v2"));
    assert_eq!(cache.head(&spec, &nobody()).unwrap(), id);
    assert_eq!(git(&origin.bare(), &["log", "--format=%s", "main"]), "Move to v2\nchange 4\nchange 3\nchange 2\nfirst");
    git(&origin.work(), &["pull", "-q", "--rebase", "origin", "main"]);
    origin.write("chart/notes.txt", "by others\n");
    origin.commit("change 5");
    committed(commit(&cache, &spec, &nobody(), None, "v3"));
    assert!(git(&origin.bare(), &["log", "--format=%s", "main"]).starts_with("Move to v3\nchange 5\nMove to v2"));
}

#[test]
fn a_commit_goes_over_http_and_changes_the_value_alone() {
    let origin = origin();
    let front = Front { authorization: Some(basic("ci", "hush-hush")), ..Front::default() };
    let http = Http::start(origin.root.path(), front);
    let (dir, creds) = (TempDir::new().unwrap(), secret(&[("username", "ci"), ("password", "hush-hush")]));
    let (cache, spec) = (cache(dir.path()), spec(&http.url("app")));
    let before = cache.head(&spec, &creds).unwrap();
    let (id, tries) = committed(commit(&cache, &spec, &creds, None, "v2"));
    assert_eq!(tries, 1);
    assert_eq!(cache.head(&spec, &creds).unwrap(), id);
    assert_eq!(git(&origin.bare(), &["log", "-1", "--format=%an|%ae|%cn|%P|%B", "main"]), format!("windlass|windlass@example.com|windlass|{before}|Move to v2"));
    assert_eq!(git(&origin.bare(), &["diff", "--stat", "--name-only", "main~1", "main"]), "chart/values.yaml");
    assert_eq!(git(&origin.bare(), &["show", "main:chart/values.yaml"]), VALUES.replace("v1", "v2").trim());
    git(&origin.bare(), &["fsck", "--strict"]);
    assert_eq!(commit(&cache, &spec, &creds, None, "v2").unwrap(), Written::Unchanged(id), "never a commit without a change");
    // What was pushed is read like any other head, and a further one stands on it.
    assert_eq!(cache.snapshot(&spec, &creds, &Want::default()).unwrap().commit.id, id);
    let (next, _) = committed(commit(&cache, &spec, &creds, None, "v3"));
    assert_eq!(git(&origin.bare(), &["rev-parse", "main~1"]), id.to_string());
    assert_ne!(next, id);
    let wrong = commit(&cache, &spec, &secret(&[("username", "ci"), ("password", "wrong")]), None, "v4").unwrap_err();
    assert!(matches!(wrong, WriteError::Source(SourceError::CredentialsRefused { .. })), "{wrong:?}");
}

#[test]
fn a_commit_goes_over_ssh() {
    let (origin, sshd) = (origin(), Sshd::start());
    let (key, known) = (sshd.read("user"), sshd.known_hosts());
    let creds = secret(&[("identity", &key), ("known_hosts", &known)]);
    let dir = TempDir::new().unwrap();
    let (cache, spec) = (cache(dir.path()), spec(&sshd.url(&origin.bare())));
    let (id, _) = committed(commit(&cache, &spec, &creds, None, "v2"));
    assert_eq!(git(&origin.bare(), &["rev-parse", "main"]), id.to_string());
}

/// Somebody pushes between the reading and the writing: their change stays, ours stands on it.
#[test]
fn a_lost_race_is_made_anew() {
    let origin = origin();
    let http = Http::start(origin.root.path(), Front::default());
    let dir = TempDir::new().unwrap();
    let (cache, spec) = (cache(dir.path()), spec(&http.url("app")));
    let races = Mutex::new(2);
    let written = cache.commit(&spec, &nobody(), &author(None), |base| {
        let text = base.read("chart/values.yaml").map_err(|error| error.to_string())?;
        let mut left = races.lock().unwrap();
        if *left > 0 {
            *left -= 1;
            origin.write("chart/values.yaml", &format!("{VALUES}other: {left}\n"));
            origin.commit("meanwhile");
        }
        moved(&text, "v2")
    });
    let (id, tries) = committed(written);
    assert_eq!(tries, 3);
    assert_eq!(git(&origin.bare(), &["rev-parse", "main"]), id.to_string());
    assert_eq!(git(&origin.bare(), &["show", "main:chart/values.yaml"]), format!("{}other: 0", VALUES.replace("v1", "v2")));
    assert_eq!(git(&origin.bare(), &["log", "--format=%s", "main"]), "Move to v2\nmeanwhile\nmeanwhile\nfirst");
    // And where others never stop it ends, and says so.
    let count = Mutex::new(0);
    let error = cache.commit(&spec, &nobody(), &author(None), |base| {
        let text = base.read("chart/values.yaml").map_err(|error| error.to_string())?;
        let mut count = count.lock().unwrap();
        *count += 1;
        origin.git(&["fetch", "-q"]);
        origin.git(&["reset", "-q", "--hard", "origin/main"]);
        origin.write("other.txt", &count.to_string());
        origin.commit("again");
        moved(&text, "v9")
    });
    let error = error.unwrap_err();
    assert!(matches!(error, WriteError::Source(SourceError::Raced { .. })), "{error:?}");
}

#[test]
fn a_protected_branch_is_told_as_such() {
    let origin = origin();
    let hook = origin.bare().join("hooks/pre-receive");
    std::fs::write(&hook, "#!/bin/sh\necho 'GH006: Protected branch update failed' >&2\nexit 1\n").unwrap();
    Command::new("chmod").arg("+x").arg(&hook).status().unwrap();
    let http = Http::start(origin.root.path(), Front::default());
    let dir = TempDir::new().unwrap();
    let error = commit(&cache(dir.path()), &spec(&http.url("app")), &nobody(), None, "v2").unwrap_err();
    let WriteError::Source(SourceError::PushRefused { .. }) = &error else { panic!("{error:?}") };
    let text = error.to_string();
    assert!(text.contains("\"main\" of") && text.contains("hook declined") && text.contains("GH006") && text.contains("take it out of the protected ones"), "{text}");
    assert_eq!(git(&origin.bare(), &["log", "--format=%s", "main"]), "first");
}

#[test]
fn a_path_that_is_missing_stops_before_anything_is_pushed() {
    let origin = origin();
    let dir = TempDir::new().unwrap();
    let cache = cache(dir.path());
    let error = cache.commit(&spec(&origin.file_url()), &nobody(), &author(None), |base| match base.read("chart/missing.yaml") {
        Ok(_) => Ok(None),
        Err(error) => Err(error.to_string()),
    });
    assert!(error.unwrap_err().to_string().contains("chart/missing.yaml"));
}

/// gpg with a home of its own.
struct Gpg(TempDir);

impl Gpg {
    fn new() -> Gpg {
        let home = TempDir::new().unwrap();
        Command::new("chmod").arg("700").arg(home.path()).status().unwrap();
        Gpg(home)
    }

    fn run(&self, args: &[&str]) -> String {
        let output = Command::new("gpg").args(["--batch", "--yes", "--quiet", "--pinentry-mode", "loopback", "--passphrase", ""]).args(args).env("GNUPGHOME", self.0.path()).output().unwrap();
        assert!(output.status.success(), "gpg {args:?}: {}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8(output.stdout).unwrap()
    }

    fn key(&self, user: &str, kind: &str, usage: &str, expire: &str) {
        self.run(&["--quick-generate-key", user, kind, usage, expire]);
    }

    fn public(&self, user: &str) -> String {
        self.run(&["--armor", "--export", user])
    }
}

impl Drop for Gpg {
    fn drop(&mut self) {
        let _ = Command::new("gpgconf").args(["--kill", "all"]).env("GNUPGHOME", self.0.path()).status();
    }
}

fn ssh_key(dir: &Path, name: &str, kind: &str) -> PathBuf {
    let path = dir.join(name);
    let made = Command::new("ssh-keygen").args(["-q", "-t", kind, "-N", "", "-C", name, "-f"]).arg(&path).status().unwrap();
    assert!(made.success());
    path
}

fn keys(parts: &[&str]) -> Keyring {
    let data = parts.iter().enumerate().map(|(at, text)| (format!("key{at}"), text.as_bytes().to_vec())).collect();
    Keyring::from_secret(&data).unwrap()
}

/// What git itself says of a commit that we signed, with SSH and OpenPGP; and that we believe it too.
#[test]
fn what_we_sign_git_believes() {
    let folder = TempDir::new().unwrap();
    let gpg = Gpg::new();
    gpg.key("Ship <ship@example.com>", "ed25519", "sign", "never");
    gpg.key("Old <old@example.com>", "rsa2048", "sign", "never");
    let private = |user: &str| gpg.run(&["--armor", "--export-secret-keys", user]);
    let ssh: Vec<PathBuf> = [("ed", "ed25519"), ("ec", "ecdsa"), ("rsa", "rsa")].iter().map(|(name, kind)| ssh_key(folder.path(), name, kind)).collect();
    let mut signers: Vec<(String, String)> = vec![
        (private("ship@example.com"), gpg.public("ship@example.com")),
        (private("old@example.com"), gpg.public("old@example.com")),
    ];
    for path in &ssh {
        signers.push((std::fs::read_to_string(path).unwrap(), std::fs::read_to_string(path.with_extension("pub")).unwrap()));
    }
    let allowed = folder.path().join("allowed");
    let lines: String = ssh.iter().map(|path| format!("windlass@example.com {}", std::fs::read_to_string(path.with_extension("pub")).unwrap())).collect();
    std::fs::write(&allowed, lines).unwrap();
    for (at, (private, public)) in signers.iter().enumerate() {
        let signer = Signer::from_secret(&BTreeMap::from([("key".to_owned(), private.clone().into_bytes())])).unwrap();
        assert!(!format!("{signer:?}").contains("PRIVATE"));
        let (origin, dir) = (origin(), TempDir::new().unwrap());
        let (cache, spec) = (cache(dir.path()), spec(&origin.file_url()));
        let (id, _) = committed(commit(&cache, &spec, &nobody(), Some(&signer), "v2"));
        let checked = Command::new("git")
            .args(["-c", &format!("gpg.ssh.allowedSignersFile={}", allowed.display()), "verify-commit", "main"])
            .current_dir(origin.bare())
            .env("GNUPGHOME", gpg.0.path())
            .output()
            .unwrap();
        assert!(checked.status.success(), "signer {at}: {}", String::from_utf8_lossy(&checked.stderr));
        cache.signer(&spec, &nobody(), id, &keys(&[public]), Signed::Commit).unwrap();
    }
}

/// Commits and tags that git signed, by keys of the list and by others.
#[test]
fn unsigned_and_foreign_commits_are_told_apart_from_signed_ones() {
    let folder = TempDir::new().unwrap();
    let gpg = Gpg::new();
    gpg.key("Ada <ada@example.com>", "ed25519", "sign", "never");
    gpg.key("Eve <eve@example.com>", "rsa2048", "sign", "never");
    // Many people sign with a subkey.
    gpg.key("Sub <sub@example.com>", "rsa2048", "cert", "never");
    let print = gpg.run(&["--with-colons", "--list-keys", "sub@example.com"]);
    let print = print.lines().find_map(|line| line.strip_prefix("fpr:")).unwrap().trim_matches(':').to_owned();
    gpg.run(&["--quick-add-key", &print, "ed25519", "sign", "never"]);
    let (ours, theirs) = (ssh_key(folder.path(), "ours", "ed25519"), ssh_key(folder.path(), "theirs", "ed25519"));
    let public = |path: &Path| std::fs::read_to_string(path.with_extension("pub")).unwrap();
    let allowed = format!("# our people\nada@example.com namespaces=\"git\" {}", public(&ours));
    let list = keys(&[&allowed, &format!("{}\n{}", gpg.public("ada@example.com"), gpg.public("sub@example.com"))]);

    let (origin, dir) = (Origin::with_chart("app"), TempDir::new().unwrap());
    let http = Http::start(origin.root.path(), Front::default());
    let (cache, spec) = (cache(dir.path()), spec(&http.url("app")));
    let signed = |format: &str, key: &str, what: &[&str]| {
        let output = Command::new("git")
            .args(["-c", &format!("gpg.format={format}"), "-c", &format!("user.signingkey={key}")])
            .args(what)
            .current_dir(origin.work())
            .env("GNUPGHOME", gpg.0.path())
            .env("GIT_CONFIG_GLOBAL", "/dev/null")
            .envs([("GIT_AUTHOR_NAME", "Ada"), ("GIT_AUTHOR_EMAIL", "ada@example.com"), ("GIT_COMMITTER_NAME", "Ada"), ("GIT_COMMITTER_EMAIL", "ada@example.com")])
            .output()
            .unwrap();
        assert!(output.status.success(), "{what:?}: {}", String::from_utf8_lossy(&output.stderr));
        origin.git(&["push", "-q", "--force", "--follow-tags", "origin", "HEAD"]);
    };
    let check = |what: Signed| {
        let head = cache.snapshot(&spec, &nobody(), &Want::default()).unwrap().commit.id;
        cache.signer(&spec, &nobody(), head, &list, what)
    };
    let refused = |what: Signed| check(what).unwrap_err();

    let error = refused(Signed::Commit);
    assert_eq!(error.reason(), "CommitUnsigned", "{error}");
    assert!(error.to_string().contains("is not signed; it is not deployed"), "{error}");
    let make = ["commit", "-q", "--allow-empty", "-S", "-m", "signed"];
    for (format, key) in [("openpgp", "ada@example.com"), ("openpgp", "sub@example.com"), ("ssh", ours.to_str().unwrap())] {
        signed(format, key, &make);
        let who = check(Signed::Commit).unwrap();
        assert!(who.contains(if format == "ssh" { "SSH key SHA256:" } else { "OpenPGP key" }), "{who}");
    }
    for (format, key) in [("openpgp", "eve@example.com"), ("ssh", theirs.to_str().unwrap())] {
        signed(format, key, &make);
        let error = refused(Signed::Commit);
        assert_eq!(error.reason(), "SignatureForeign", "{error}");
        assert!(error.to_string().contains("which is not in the list"), "{error}");
    }
    // A good signature on another text.
    signed("ssh", ours.to_str().unwrap(), &make);
    let raw = git(&origin.work(), &["cat-file", "commit", "HEAD"]).replace("\n\nsigned", "\n\nforged\n");
    let file = folder.path().join("forged");
    std::fs::write(&file, raw).unwrap();
    let forged = git(&origin.work(), &["hash-object", "-t", "commit", "-w", file.to_str().unwrap()]);
    origin.git(&["reset", "-q", "--hard", &forged]);
    origin.git(&["push", "-q", "--force", "origin", "HEAD"]);
    let error = refused(Signed::Commit);
    assert!(error.to_string().contains("does not fit"), "{error}");

    // Tags: a commit without a signature, named by tags of others and of ours.
    origin.commit("plain");
    assert!(refused(Signed::Tag).to_string().contains("no annotated tag names the commit"));
    signed("openpgp", "eve@example.com", &["tag", "-s", "-m", "by eve", "v1"]);
    assert!(refused(Signed::Tag).to_string().contains("the tag v1 is signed by the OpenPGP key"));
    origin.git(&["tag", "-a", "-m", "by nobody", "v2"]);
    origin.git(&["push", "-q", "origin", "v2"]);
    assert!(refused(Signed::Tag).to_string().contains("the tag v2 is not signed"));
    signed("ssh", ours.to_str().unwrap(), &["tag", "-s", "-m", "by us", "v3"]);
    check(Signed::Tag).unwrap();
    check(Signed::CommitOrTag).unwrap();
    assert_eq!(refused(Signed::Commit).reason(), "CommitUnsigned");
    origin.commit("after the tag");
    assert!(refused(Signed::Tag).to_string().contains("no annotated tag names the commit"));
}

/// A key that was revoked, or had expired when it signed.
#[test]
fn keys_that_are_no_longer_good_are_not_believed() {
    let gpg = Gpg::new();
    gpg.key("Gone <gone@example.com>", "ed25519", "sign", "never");
    let text = b"some text";
    let folder = TempDir::new().unwrap();
    let file = folder.path().join("text");
    std::fs::write(&file, text).unwrap();
    let sign = |user: &str, at: &str| gpg.run(&["--faked-system-time", at, "--armor", "--local-user", user, "--output", "-", "--detach-sign", file.to_str().unwrap()]);
    let signature = gpg.run(&["--armor", "--local-user", "gone@example.com", "--output", "-", "--detach-sign", file.to_str().unwrap()]);
    keys(&[&gpg.public("gone@example.com")]).check(signature.as_bytes(), text).unwrap();
    let print = gpg.run(&["--with-colons", "--list-keys", "gone@example.com"]);
    let print = print.lines().find_map(|line| line.strip_prefix("fpr:")).unwrap().trim_matches(':').to_owned();
    // gpg keeps a ready revocation beside each key; a colon keeps it from being used by mistake.
    let revocation = std::fs::read_to_string(gpg.0.path().join(format!("openpgp-revocs.d/{print}.rev"))).unwrap().replace(":-----BEGIN", "-----BEGIN");
    let revoke = folder.path().join("revoke");
    std::fs::write(&revoke, revocation).unwrap();
    gpg.run(&["--import", revoke.to_str().unwrap()]);
    let error = keys(&[&gpg.public("gone@example.com")]).check(signature.as_bytes(), text).unwrap_err();
    assert!(format!("{error:?}").contains("was revoked"), "{error:?}");

    gpg.run(&["--faked-system-time", "20240101T000000", "--quick-generate-key", "Brief <brief@example.com>", "ed25519", "sign", "2d"]);
    let brief = keys(&[&gpg.run(&["--armor", "--export", "brief@example.com"])]);
    brief.check(sign("brief@example.com", "20240101T120000").as_bytes(), text).unwrap();
    assert!(Keyring::from_secret(&BTreeMap::from([("a".to_owned(), b"not a key".to_vec())])).unwrap_err().contains("line 1: no public key"));
    let private = gpg.run(&["--armor", "--export-secret-keys", "brief@example.com"]);
    assert!(Keyring::from_secret(&BTreeMap::from([("a".to_owned(), private.into_bytes())])).unwrap_err().contains("holds a private key"));
}
