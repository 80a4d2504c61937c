//! OpenSSH.

use tempfile::TempDir;
use windlass::sources::{Class, Credentials, History, SourceError, Want};

use super::repos::Origin;
use super::server::Sshd;
use super::{cache, nobody, secret, spec};

#[test]
fn keys_and_known_hosts_are_checked_strictly() {
    let (origin, sshd) = (Origin::with_chart("app"), Sshd::start());
    let url = sshd.url(&origin.bare());
    let head = |creds: &Credentials| cache(TempDir::new().unwrap().path()).head(&spec(&url), creds);
    let (key, known) = (sshd.read("user"), sshd.known_hosts());
    let good = secret(&[("identity", &key), ("known_hosts", &known)]);
    head(&good).unwrap();
    head(&secret(&[("sshPrivateKey", &sshd.read("locked")), ("passphrase", "open sesame"), ("known_hosts", &known)])).unwrap();

    let error = head(&secret(&[("identity", &key)])).unwrap_err();
    assert!(matches!(error, SourceError::HostUnknown { .. }), "{error:?}");
    assert!(error.to_string().contains("ssh-keyscan") && error.to_string().contains("SHA256:"), "{error}");
    let error = head(&secret(&[("identity", &key), ("known_hosts", "github.com ssh-ed25519 AAAA")])).unwrap_err();
    assert!(matches!(error, SourceError::HostUnknown { .. }), "{error:?}");
    let other = known.replace(&sshd.read("host.pub"), &sshd.read("stranger.pub"));
    let error = head(&secret(&[("identity", &key), ("known_hosts", &other)])).unwrap_err();
    assert!(matches!(error, SourceError::HostKeyMismatch { .. }), "{error:?}");
    assert_eq!(error.class(), Class::Denied);

    let error = head(&secret(&[("identity", &sshd.read("stranger")), ("known_hosts", &known)])).unwrap_err();
    assert!(matches!(error, SourceError::CredentialsRefused { .. }), "{error:?}");
    let wrong = secret(&[("identity", &sshd.read("locked")), ("passphrase", "shut sesame"), ("known_hosts", &known)]);
    let error = head(&wrong).unwrap_err();
    assert_ne!(error.class(), Class::Transient, "{error:?}");
    assert!(!error.to_string().contains("sesame"));
    let error = head(&secret(&[("known_hosts", &known)])).unwrap_err();
    assert!(matches!(error, SourceError::CredentialsMissing { .. }), "{error:?}");
    assert!(head(&nobody()).is_err());
}

#[test]
fn a_branch_is_followed_over_ssh() {
    let (origin, sshd, dir) = (Origin::with_chart("app"), Sshd::start(), TempDir::new().unwrap());
    let creds = secret(&[("identity", &sshd.read("user")), ("known_hosts", &sshd.known_hosts())]);
    let (cache, spec) = (cache(dir.path()), spec(&sshd.url(&origin.bare())));
    let first = cache.snapshot(&spec, &creds, &Want::default()).unwrap();
    origin.write("chart/new.txt", "new");
    origin.commit("new");
    let second = cache.snapshot(&spec, &creds, &Want { commit: None, previous: Some(first.commit.id) }).unwrap();
    assert_eq!((second.history, second.files.len()), (History::Advanced, 3));

    let missing = super::spec(&sshd.url(&origin.root.path().join("other.git")));
    let error = cache.head(&missing, &creds).unwrap_err();
    assert!(matches!(error, SourceError::RepositoryMissing { .. }), "{error:?}");
}

#[test]
fn the_key_that_known_hosts_has_is_asked_for() {
    let origin = Origin::with_chart("app");
    for key in ["host", "host_ecdsa"] {
        let sshd = Sshd::start();
        let creds = secret(&[("identity", &sshd.read("user")), ("known_hosts", &sshd.known_by(key))]);
        let (dir, spec) = (TempDir::new().unwrap(), spec(&sshd.url(&origin.bare())));
        let head = cache(dir.path()).head(&spec, &creds);
        head.unwrap_or_else(|error| panic!("{key}: {error}"));
    }
}
