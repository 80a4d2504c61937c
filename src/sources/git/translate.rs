//! libgit2's errors, whose codes say little, to ours. Texts are those of libgit2 1.9 (`transports/http.c`,
//! `ssh_libssh2.c`, `streams/socket.c`).

use git2::{Error, ErrorClass, ErrorCode};

use super::credentials::{HTTP_KEYS, SSH_KEYS};
use super::remote::{Link, Notes};
use super::url::Scheme;
use crate::sources::SourceError;

/// True when the error speaks of our own copy, not of the server.
pub fn is_damage(notes: &Notes, error: &Error) -> bool {
    use ErrorClass::*;
    let ours = matches!(error.class(), Odb | Indexer | Zlib | Object | Tree | Reference | Config | FetchHead | Sha1);
    notes.error.borrow().is_none() && ours && !is_full(error)
}

fn is_full(error: &Error) -> bool {
    error.message().contains("No space left") || error.message().contains("Read-only file system")
}

/// Makes the sentence for a person from an error, what the callbacks noted and what was being done.
pub fn source_error(link: &Link<'_>, notes: &Notes, doing: &'static str, error: &Error) -> SourceError {
    if let Some(known) = notes.error.borrow_mut().take() {
        return known;
    }
    let url = link.url.shown();
    let detail = link.creds.scrub(error.message()).trim().to_string();
    if is_full(error) {
        return SourceError::Cache { url, why: detail };
    }
    let lower = detail.to_ascii_lowercase();
    let says = |words: &[&str]| words.iter().any(|word| lower.contains(word));
    match (error.class(), error.code()) {
        (_, ErrorCode::Certificate) => untrusted(link, notes, detail),
        (ErrorClass::Ssl, _) if says(&["certificate"]) => untrusted(link, notes, detail),
        (_, ErrorCode::Auth) => no_access(link),
        (_, ErrorCode::Timeout) => timed_out(link, doing),
        (_, ErrorCode::Owner) => missing(link, "it belongs to another user of this machine".into()),
        (_, ErrorCode::NotFound) if link.url.scheme == Scheme::File => missing(link, "there is no git repository".into()),
        (ErrorClass::Os | ErrorClass::Repository, _) if link.url.scheme == Scheme::File => missing(link, detail),
        // What libgit2 says of a path that is no directory.
        (ErrorClass::Net, _) if link.url.scheme == Scheme::File => missing(link, "there is no such directory".into()),
        (ErrorClass::Http, _) if lower.contains("unexpected http status code") => by_status(link, &detail),
        (ErrorClass::Http | ErrorClass::Net, _) if says(&["content-type", "redirect", "invalid pkt-line", "malformed"]) => {
            SourceError::NotGit { url, detail }
        }
        _ if says(&["timed out", "timeout"]) => timed_out(link, doing),
        _ if says(&["not appear to be a git repository", "repository not found", "does not exist", "could not be found"]) => {
            missing(link, detail)
        }
        (ErrorClass::Ssh, _) if says(&["permission denied", "access denied"]) => no_access(link),
        (ErrorClass::Ssh, _) if says(&["private key", "public key", "passphrase"]) => SourceError::CredentialsInvalid {
            why: format!("the SSH key could not be used ({detail}); check its passphrase"),
        },
        (ErrorClass::Net | ErrorClass::Os | ErrorClass::Ssh | ErrorClass::Ssl, _) | (_, ErrorCode::Eof) => {
            SourceError::Unreachable { url, detail }
        }
        _ => SourceError::Git { url, doing, detail },
    }
}

fn untrusted(link: &Link<'_>, notes: &Notes, detail: String) -> SourceError {
    let url = link.url.shown();
    match notes.tls.borrow_mut().take() {
        Some((host, why)) => SourceError::CertificateUntrusted { url, host, why },
        None => SourceError::CertificateUntrusted { url, host: link.url.host.clone(), why: detail },
    }
}

fn no_access(link: &Link<'_>) -> SourceError {
    let (url, ssh) = (link.url.shown(), link.url.scheme == Scheme::Ssh);
    let has = if ssh { link.creds.identity.is_some() } else { link.creds.has_http() };
    match has {
        true => SourceError::CredentialsRefused { url, what: link.creds.shown() },
        false => SourceError::CredentialsMissing { url, keys: if ssh { SSH_KEYS } else { HTTP_KEYS } },
    }
}

fn timed_out(link: &Link<'_>, doing: &'static str) -> SourceError {
    let after = format!("after {} without a byte", humantime::format_duration(link.limits.stall_timeout));
    SourceError::TimedOut { url: link.url.shown(), doing, after }
}

fn missing(link: &Link<'_>, detail: String) -> SourceError {
    let hint = match (link.url.scheme, link.creds.has_http()) {
        (Scheme::File, _) => "",
        (Scheme::Http | Scheme::Https, false) => ", and whether it is a private one, which needs source.git.secretRef",
        _ => ", and that the credentials may see it",
    };
    SourceError::RepositoryMissing { url: link.url.shown(), detail, hint: hint.into() }
}

fn by_status(link: &Link<'_>, detail: &str) -> SourceError {
    let status: u16 = detail.rsplit(' ').next().and_then(|code| code.parse().ok()).unwrap_or(0);
    let url = link.url.shown();
    match status {
        401 | 403 | 407 => no_access(link),
        404 | 410 => missing(link, format!("HTTP {status}")),
        408 | 425 | 429 | 500..=599 => SourceError::Server { url, answer: format!("HTTP {status}") },
        _ => SourceError::NotGit { url, detail: detail.to_string() },
    }
}
