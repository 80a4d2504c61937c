//! Smart HTTP and HTTPS.

use std::time::Duration;

use tempfile::TempDir;
use windlass::sources::{Class, CommitId, Credentials, History, SourceError, Want};

use super::repos::Origin;
use super::server::{Front, Http, authority, basic};
use crate::free_port;
use super::{cache, nobody, paths, secret, spec};

fn head(url: &str, creds: &Credentials) -> Result<CommitId, SourceError> {
    let dir = TempDir::new().unwrap();
    cache(dir.path()).head(&spec(url), creds)
}

#[test]
fn an_unchanged_head_costs_one_request_and_a_push_one_fetch_more() {
    let (origin, dir) = (Origin::with_chart("app"), TempDir::new().unwrap());
    for n in 0..5 {
        origin.commit(&format!("commit {n}"));
    }
    let server = Http::start(origin.root.path(), Front::default());
    let (cache, spec) = (cache(dir.path()), spec(&server.url("app")));
    let advert = "GET /app.git/info/refs";
    let first = cache.head(&spec, &nobody()).unwrap();
    assert_eq!(server.take_requests(), [advert]);
    let snapshot = cache.snapshot(&spec, &nobody(), &Want { commit: Some(first), previous: None }).unwrap();
    assert_eq!(paths(&snapshot), ["Chart.yaml", "templates/cm.yaml"]);
    // Without state, HTTP needs a second POST to settle the depth.
    let post = "POST /app.git/git-upload-pack";
    assert_eq!(server.take_requests(), [advert, post, post]);
    let repo = git2::Repository::open_bare(repo_of(dir.path())).unwrap();
    assert!(repo.is_shallow(), "one commit was fetched, not the history");

    assert_eq!(cache.head(&spec, &nobody()).unwrap(), first);
    assert_eq!(server.take_requests(), [advert]);
    cache.snapshot(&spec, &nobody(), &Want { commit: Some(first), previous: None }).unwrap();
    assert_eq!(server.take_requests(), [""; 0]);

    origin.write("chart/new.txt", "new");
    origin.commit("new");
    let second = cache.head(&spec, &nobody()).unwrap();
    server.take_requests();
    let snapshot = cache.snapshot(&spec, &nobody(), &Want { commit: Some(second), previous: Some(first) }).unwrap();
    assert_eq!(snapshot.history, History::Advanced);
    assert_eq!(server.take_requests().iter().filter(|r| **r == advert).count(), 1, "ancestry came with the fetch");
}

#[test]
fn ancestry_is_deepened_until_it_is_known() {
    let (origin, dir) = (Origin::with_chart("app"), TempDir::new().unwrap());
    let server = Http::start(origin.root.path(), Front::default());
    let (cache, spec) = (cache(dir.path()), spec(&server.url("app")));
    let take = || cache.snapshot(&spec, &nobody(), &Want::default()).unwrap();
    take();
    for n in 0..120 {
        origin.git(&["commit", "-q", "--allow-empty", "-m", &format!("{n}")]);
    }
    origin.commit("far ahead");
    assert_eq!(take().history, History::Advanced);
    origin.git(&["reset", "-q", "--hard", "HEAD~3"]);
    origin.commit("rewritten");
    let snapshot = take();
    assert_eq!((snapshot.history, snapshot.commit.subject.as_str()), (History::Rewritten, "rewritten"));
}

#[test]
fn a_commit_that_is_not_the_head_is_fetched_by_name_or_with_the_branch() {
    let origin = Origin::with_chart("app");
    let old = origin.git(&["rev-parse", "HEAD"]);
    origin.write("chart/new.txt", "new");
    origin.commit("new");
    let server = Http::start(origin.root.path(), Front::default());
    let spec = spec(&server.url("app"));
    for allowed in ["false", "true"] {
        super::repos::git(&origin.bare(), &["config", "uploadpack.allowAnySHA1InWant", allowed]);
        let dir = TempDir::new().unwrap();
        let want = Want { commit: Some(old.parse().unwrap()), previous: None };
        let snapshot = cache(dir.path()).snapshot(&spec, &nobody(), &want).unwrap();
        assert_eq!((snapshot.commit.id.to_string(), snapshot.files.len()), (old.clone(), 2));
    }
}

#[test]
fn environments_on_one_branch_share_a_fetch() {
    let (origin, dir) = (Origin::with_chart("app"), TempDir::new().unwrap());
    let server = Http::start(origin.root.path(), Front { slow: Some(Duration::from_millis(20)), ..Front::default() });
    let (cache, spec) = (cache(dir.path()), spec(&server.url("app")));
    std::thread::scope(|scope| {
        for _ in 0..8 {
            scope.spawn(|| {
                let head = cache.head(&spec, &nobody()).unwrap();
                cache.snapshot(&spec, &nobody(), &Want { commit: Some(head), previous: None }).unwrap()
            });
        }
    });
    let requests = server.take_requests();
    assert_eq!(requests.iter().filter(|r| r.starts_with("POST")).count(), 2, "one fetch at a depth is two POSTs: {requests:?}");
    assert_eq!(std::fs::read_dir(repo_of(dir.path()).join("objects/pack")).unwrap().count(), 2, "one pack and its index");
}

#[test]
fn basic_and_bearer_credentials() {
    let origin = Origin::with_chart("app");
    let good = secret(&[("username", "me"), ("password", "hush-1")]);
    let server = Http::start(origin.root.path(), Front { authorization: Some(basic("me", "hush-1")), ..Front::default() });
    let url = server.url("app");
    head(&url, &good).unwrap();
    head(&url.replace("//", "//me:hush-1@"), &nobody()).unwrap();
    cache(TempDir::new().unwrap().path()).snapshot(&spec(&url), &good, &Want::default()).unwrap();

    let error = head(&url, &nobody()).unwrap_err();
    assert!(matches!(error, SourceError::CredentialsMissing { .. }), "{error:?}");
    assert!(error.to_string().contains("source.git.secretRef"), "{error}");
    let error = head(&url, &secret(&[("username", "me"), ("password", "wrong-2")])).unwrap_err();
    assert!(matches!(error, SourceError::CredentialsRefused { .. }), "{error:?}");
    assert!(error.to_string().contains("user \"me\"") && !error.to_string().contains("wrong-2"), "{error}");
    assert_eq!(error.class(), Class::Denied);
    let error = head(&url.replace("//", "//me:wrong-2@"), &nobody()).unwrap_err();
    assert!(!format!("{error} {error:?}").contains("wrong-2"), "{error}");

    let server = Http::start(origin.root.path(), Front { authorization: Some("Bearer tok-3".into()), ..Front::default() });
    let token = secret(&[("bearerToken", "tok-3")]);
    head(&server.url("app"), &token).unwrap();
    assert_eq!(server.take_requests(), ["GET /app.git/info/refs"]);
    cache(TempDir::new().unwrap().path()).snapshot(&spec(&server.url("app")), &token, &Want::default()).unwrap();
    for creds in [secret(&[("bearerToken", "bad-4")]), nobody()] {
        let error = head(&server.url("app"), &creds).unwrap_err();
        assert_eq!(error.class(), Class::Denied, "{error:?}");
        assert!(!format!("{error} {error:?} {creds:?}").contains("bad-4"));
    }
}

#[test]
fn what_one_has_fetched_is_not_read_by_another_without_access() {
    let (origin, dir) = (Origin::with_chart("app"), TempDir::new().unwrap());
    let server = Http::start(origin.root.path(), Front { authorization: Some(basic("me", "hush")), ..Front::default() });
    let (cache, spec) = (cache(dir.path()), spec(&server.url("app")));
    let mine = cache.snapshot(&spec, &secret(&[("username", "me"), ("password", "hush")]), &Want::default()).unwrap();
    let want = Want { commit: Some(mine.commit.id), previous: None };
    assert_eq!(cache.snapshot(&spec, &nobody(), &want).unwrap_err().class(), Class::Denied);
}

#[test]
fn a_password_does_not_follow_a_redirect_to_another_host() {
    let origin = Origin::with_chart("app");
    let thief = Http::start(origin.root.path(), Front { authorization: Some(basic("me", "hush")), ..Front::default() });
    let to = format!("http://localhost:{}", thief.port);
    let server = Http::start(origin.root.path(), Front { redirect: Some(to), ..Front::default() });
    for creds in [secret(&[("username", "me"), ("password", "hush")]), secret(&[("bearerToken", "hush")])] {
        let error = head(&server.url("app"), &creds).unwrap_err();
        assert!(error.to_string().contains("redirect"), "{error:?}");
    }
}

#[test]
fn an_own_authority_is_trusted_when_it_is_given_and_only_then() {
    let origin = Origin::with_chart("app");
    let made = authority("localhost");
    let serve = |chain: &[Vec<u8>]| {
        Http::start(origin.root.path(), Front { tls: Some((chain.to_vec(), made.key.clone())), ..Front::default() })
    };
    let trusting = secret(&[("ca.crt", &made.root_pem)]);
    let direct = serve(&made.direct);
    head(&direct.url("app"), &trusting).unwrap();
    cache(TempDir::new().unwrap().path()).snapshot(&spec(&direct.url("app")), &trusting, &Want::default()).unwrap();
    head(&serve(&made.chain).url("app"), &trusting).expect("the server sends its intermediate, ca.crt has the root");
    let lonely = serve(std::slice::from_ref(&made.lonely.0));
    head(&lonely.url("app"), &secret(&[("ca.crt", &made.lonely.1)])).expect("a self-signed server, given as it is");

    let stranger = authority("localhost");
    let untrusted = |url: &str, creds: &Credentials| {
        let error = head(url, creds).unwrap_err();
        assert!(matches!(error, SourceError::CertificateUntrusted { .. }), "{error:?}");
        error.to_string()
    };
    assert!(untrusted(&direct.url("app"), &nobody()).contains("ca.crt"));
    let error = untrusted(&direct.url("app"), &secret(&[("ca.crt", &stranger.root_pem)]));
    assert!(error.contains("not signed by an authority in ca.crt"), "{error}");
    assert!(untrusted(&lonely.url("app"), &trusting).contains("not signed"));
    let by_address = direct.url("app").replace("localhost", "127.0.0.1");
    assert!(untrusted(&by_address, &trusting).contains("another host name"));
    untrusted(&serve(&made.chain[..1]).url("app"), &trusting);
}

#[test]
fn servers_that_fail_are_told_apart() {
    let origin = Origin::with_chart("app");
    let from = |front: Front| head(&Http::start(origin.root.path(), front).url("app"), &nobody()).unwrap_err();
    let status = |status| from(Front { status: Some(status), ..Front::default() });
    for text in ["503 Service Unavailable", "500 Oops", "429 Too Many Requests"] {
        let error = status(text);
        assert!(matches!(error, SourceError::Server { .. }), "{error:?}");
        assert_eq!(error.class(), Class::Transient);
    }
    assert!(matches!(status("403 Forbidden"), SourceError::CredentialsMissing { .. }));
    assert!(matches!(status("404 Not Found"), SourceError::RepositoryMissing { .. }));
    let error = from(Front { page: Some("<h1>Sign in</h1>"), ..Front::default() });
    assert!(matches!(error, SourceError::NotGit { .. }), "{error:?}");
    let server = Http::start(origin.root.path(), Front::default());
    let error = head(&server.url("other"), &nobody()).unwrap_err();
    assert!(matches!(error, SourceError::RepositoryMissing { .. }), "{error:?}");

    let error = head(&format!("http://127.0.0.1:{}/app.git", free_port()), &nobody()).unwrap_err();
    assert!(matches!(error, SourceError::Unreachable { .. }), "{error:?}");
    let error = head("https://does-not-exist.invalid/app.git", &nobody()).unwrap_err();
    assert!(matches!(error, SourceError::Unreachable { .. }), "{error:?}");
    assert_eq!(error.class(), Class::Transient);
    let error = from(Front { silent: true, ..Front::default() });
    assert!(matches!(error, SourceError::TimedOut { .. }), "{error:?}");
}

pub fn repo_of(cache: &std::path::Path) -> std::path::PathBuf {
    let slots = std::fs::read_dir(cache).unwrap().map(|e| e.unwrap().path().join("repo.git"));
    slots.into_iter().find(|path| path.exists()).expect("a repository is cached")
}
