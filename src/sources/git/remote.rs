//! One conversation with a git server: who is trusted, what is shown to it, how long and how much it may send.

use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;
use std::path::Path;
use std::time::Instant;

use git2::{AutotagOption, CertificateCheckStatus, Cred, CredentialType, Direction, FetchOptions, Oid};
use git2::{ProxyOptions, RemoteCallbacks, RemoteRedirect, Repository, RepositoryOpenFlags};

use super::credentials::{Credentials, HTTP_KEYS, SSH_KEYS};
use super::url::{RemoteUrl, Scheme};
use super::{CacheLimits, known_hosts, tls, translate};
use crate::sources::SourceError;

/// A server, and what we may say to it.
pub struct Link<'a> {
    /// Where it is.
    pub url: &'a RemoteUrl,
    /// What opens it.
    pub creds: &'a Credentials,
    /// Bounds of time and size.
    pub limits: &'a CacheLimits,
}

/// Why a fetch brought nothing.
pub enum Failure {
    /// For the caller.
    Source(SourceError),
    /// The cache itself is broken and can be made anew.
    Damaged(String),
}

impl From<SourceError> for Failure {
    fn from(error: SourceError) -> Self {
        Self::Source(error)
    }
}

/// What callbacks learn, for the message: libgit2 only reports that a callback said no.
#[derive(Default)]
pub struct Notes {
    /// The reason for stopping, when a callback knew it.
    pub error: RefCell<Option<SourceError>>,
    /// Why `ca.crt` does not vouch for the server.
    pub tls: RefCell<Option<(String, String)>>,
    /// The last thing that the server said to people.
    pub said: RefCell<String>,
    presented: Cell<bool>,
}

impl Notes {
    fn stop(&self, error: SourceError) -> git2::Error {
        self.error.borrow_mut().get_or_insert(error);
        git2::Error::from_str("stopped by windlass")
    }
}

/// What asks nothing of the server but its list of branches: it matches no reference.
const NOTHING: &str = "refs/windlass/nothing:refs/windlass/nothing";
const LISTING: &str = "listing the branches of";
const FETCHING: &str = "fetching from";
const PUSHING: &str = "pushing to";
const MAX_SAID: usize = 500;
/// Folders that a search for a repository does not leave: nothing is searched for.
const NO_CEILING: [&std::ffi::OsStr; 0] = [];

impl Link<'_> {
    /// The branches and their commits: one reference advertisement.
    pub fn branches(&self, scratch: &Path) -> Result<BTreeMap<String, Oid>, SourceError> {
        let notes = Notes::default();
        let heads = self.advertisement(&notes, scratch);
        let heads = heads.map_err(|e| translate::source_error(self, &notes, LISTING, &e))?;
        if heads.len() > self.limits.max_branches {
            let (what, fix) = ("the number of branches".to_string(), "delete branches that are no longer used");
            return Err(SourceError::TooLarge { url: self.url.shown(), what, limit: self.limits.max_branches.to_string(), fix });
        }
        Ok(heads)
    }

    /// The tags and what they name: `v1` the tag object or commit, `v1^{}` the commit that a tag object names.
    pub fn tags(&self, scratch: &Path) -> Result<BTreeMap<String, Oid>, SourceError> {
        let notes = Notes::default();
        let listed = self.listed(&notes, scratch, "refs/tags/");
        listed.map_err(|e| translate::source_error(self, &notes, LISTING, &e))
    }

    fn advertisement(&self, notes: &Notes, scratch: &Path) -> Result<BTreeMap<String, Oid>, git2::Error> {
        self.listed(notes, scratch, "refs/heads/")
    }

    fn listed(&self, notes: &Notes, scratch: &Path, below: &str) -> Result<BTreeMap<String, Oid>, git2::Error> {
        let deadline = Instant::now() + self.limits.fetch_timeout;
        let collect = |list: &[git2::RemoteHead<'_>]| -> BTreeMap<String, Oid> {
            let branch = |head: &git2::RemoteHead<'_>| Some((head.name().strip_prefix(below)?.to_string(), head.oid()));
            list.iter().filter_map(branch).collect()
        };
        if self.creds.bearer.is_none() {
            let mut remote = git2::Remote::create_detached(self.url.connect())?;
            let connection = remote.connect_auth(Direction::Fetch, Some(self.callbacks(notes, LISTING, deadline)), Some(proxy()))?;
            return Ok(collect(connection.list()?));
        }
        // Only a download takes headers of our own, and only with a repository; it asks for nothing.
        let repo = Repository::init_bare(scratch)?;
        let mut remote = repo.remote_anonymous(&self.url.connect())?;
        self.with_options(notes, LISTING, deadline, 0, |options| remote.download(&[NOTHING], Some(options)))?;
        Ok(collect(remote.list()?))
    }

    /// Fetches `refspecs`; depth 0 is the whole history. Packs stream to disk.
    pub fn fetch(&self, repo: &Repository, refspecs: &[&str], depth: i32) -> Result<(), Failure> {
        let notes = Notes::default();
        let deadline = Instant::now() + self.limits.fetch_timeout;
        let depth = if self.url.has_depth() { depth } else { 0 };
        let done = (|| {
            let mut remote = repo.remote_anonymous(&self.url.connect())?;
            self.with_options(&notes, FETCHING, deadline, depth, |options| remote.fetch(refspecs, Some(options), None))
        })();
        done.map_err(|error| match translate::is_damage(&notes, &error) {
            true => Failure::Damaged(self.creds.scrub(error.message())),
            false => Failure::Source(translate::source_error(self, &notes, FETCHING, &error)),
        })
    }

    /// Pushes a reference of ours to a branch, without force.
    ///
    /// # Errors
    /// [`SourceError::Raced`] where the branch moved meanwhile; [`SourceError::PushRefused`] with the server's words.
    pub fn push(&self, repo: &Repository, from: &str, branch: &str) -> Result<(), SourceError> {
        let notes = Notes::default();
        let deadline = Instant::now() + self.limits.fetch_timeout;
        let (url, to) = (self.url.shown(), branch.to_owned());
        let done = (|| {
            // Opened anew: a push walks back to where a shallow history ends, and of all ways to open a repository only this one reads
            // where that is (libgit2 1.9, `load_grafts` in `git_repository_open_ext`).
            let flags = RepositoryOpenFlags::BARE | RepositoryOpenFlags::NO_SEARCH;
            let repo = Repository::open_ext(repo.path(), flags, NO_CEILING)?;
            let mut remote = repo.remote_anonymous(&self.url.connect())?;
            let mut callbacks = self.callbacks(&notes, PUSHING, deadline);
            callbacks.push_update_reference(|_, status| match status {
                None => Ok(()),
                Some(why) => Err(notes.stop(self.push_refused(&to, why, &notes))),
            });
            let mut options = git2::PushOptions::new();
            options.remote_callbacks(callbacks).proxy_options(proxy());
            if let Some(token) = &self.creds.bearer {
                options.follow_redirects(RemoteRedirect::None);
                options.custom_headers(&[&format!("Authorization: Bearer {}", token.expose())]);
            }
            remote.push(&[format!("{from}:refs/heads/{branch}")], Some(&mut options))
        })();
        done.map_err(|error: git2::Error| {
            let known = notes.error.borrow().is_some();
            match error.code() {
                git2::ErrorCode::NotFastForward if !known => SourceError::Raced { url, branch: branch.to_owned() },
                _ => translate::source_error(self, &notes, PUSHING, &error),
            }
        })
    }

    /// What the server's word against a push means. The words are git's own (`builtin/receive-pack.c`).
    fn push_refused(&self, branch: &str, why: &str, notes: &Notes) -> SourceError {
        let (url, branch) = (self.url.shown(), branch.to_owned());
        if ["failed to update ref", "fetch first", "non-fast-forward", "cannot lock ref", "stale info"].iter().any(|word| why.contains(word)) {
            return SourceError::Raced { url, branch };
        }
        let said = notes.said.borrow();
        let said = self.creds.scrub(said.trim());
        let why = if said.is_empty() { why.to_owned() } else { format!("{why} ({said})") };
        SourceError::PushRefused { url, branch, why }
    }

    fn with_options<T>(
        &self,
        notes: &Notes,
        doing: &'static str,
        deadline: Instant,
        depth: i32,
        run: impl FnOnce(&mut FetchOptions<'_>) -> Result<T, git2::Error>,
    ) -> Result<T, git2::Error> {
        let mut options = FetchOptions::new();
        options.remote_callbacks(self.callbacks(notes, doing, deadline));
        options.proxy_options(proxy()).download_tags(AutotagOption::None).update_fetchhead(false).depth(depth);
        if let Some(token) = &self.creds.bearer {
            // libgit2 would send the header to wherever a redirect leads.
            options.follow_redirects(RemoteRedirect::None);
            options.custom_headers(&[&format!("Authorization: Bearer {}", token.expose())]);
        }
        run(&mut options)
    }

    fn callbacks<'n>(&'n self, notes: &'n Notes, doing: &'static str, deadline: Instant) -> RemoteCallbacks<'n> {
        let mut callbacks = RemoteCallbacks::new();
        callbacks.credentials(move |at, _, allowed| self.credential(notes, at, allowed));
        callbacks.certificate_check(move |cert, host| self.trust(notes, cert, host));
        let late = move || match Instant::now() > deadline {
            true => {
                let after = format!("after {}", humantime::format_duration(self.limits.fetch_timeout));
                notes.stop(SourceError::TimedOut { url: self.url.shown(), doing, after });
                true
            }
            false => false,
        };
        callbacks.sideband_progress(move |bytes| {
            let mut said = notes.said.borrow_mut();
            said.push_str(&String::from_utf8_lossy(bytes));
            let cut = said.len().saturating_sub(MAX_SAID);
            let cut = (cut..said.len()).find(|&at| said.is_char_boundary(at)).unwrap_or(0);
            said.drain(..cut);
            !late()
        });
        callbacks.transfer_progress(move |progress| !late() && self.within(notes, progress.received_bytes() as u64));
        callbacks
    }

    fn within(&self, notes: &Notes, bytes: u64) -> bool {
        if bytes <= self.limits.max_repository {
            return true;
        }
        let limit = format!("{} MiB", self.limits.max_repository >> 20);
        let what = "what must be fetched".to_string();
        let fix = "raise the agent's --git-max-repository, or keep large files out of the chart's repository";
        notes.stop(SourceError::TooLarge { url: self.url.shown(), what, limit, fix });
        false
    }

    fn credential(&self, notes: &Notes, at: &str, allowed: CredentialType) -> Result<Cred, git2::Error> {
        let url = self.url.shown();
        let user = self.url.user.as_deref().unwrap_or("git");
        if allowed.contains(CredentialType::USERNAME) {
            return Cred::username(user);
        }
        let ssh = self.url.scheme == Scheme::Ssh;
        let nothing = if ssh { self.creds.identity.is_none() && self.creds.password.is_none() } else { !self.creds.has_http() };
        if nothing {
            return Err(notes.stop(SourceError::CredentialsMissing { url, keys: if ssh { SSH_KEYS } else { HTTP_KEYS } }));
        }
        let refused = |what: String| notes.stop(SourceError::CredentialsRefused { url: url.clone(), what });
        if notes.presented.replace(true) || (!ssh && self.creds.bearer.is_some()) {
            return Err(refused(self.creds.shown()));
        }
        if let (true, Some(key)) = (ssh, &self.creds.identity) {
            if !allowed.intersects(CredentialType::SSH_MEMORY | CredentialType::SSH_KEY) {
                return Err(refused("the server takes no SSH keys".into()));
            }
            return Cred::ssh_key_from_memory(user, None, key.expose(), self.creds.passphrase.as_ref().map(|p| p.expose()));
        }
        // A redirect may have led elsewhere; a password is for the host in the specification alone.
        let elsewhere = !ssh && !RemoteUrl::parse(at).is_ok_and(|(at, _)| at.same_host(self.url));
        match &self.creds.password {
            _ if elsewhere => Err(refused(format!("not sent: the server redirects to {}", super::url::mask(at)))),
            Some(password) if allowed.contains(CredentialType::USER_PASS_PLAINTEXT) => {
                let user = if ssh { user } else { self.creds.user() };
                Cred::userpass_plaintext(user, password.expose())
            }
            _ => Err(refused("the server takes no password".into())),
        }
    }

    fn trust(&self, notes: &Notes, cert: &git2::cert::Cert<'_>, host: &str) -> Result<CertificateCheckStatus, git2::Error> {
        if let Some(key) = cert.as_hostkey() {
            let error = match key.hostkey() {
                Some(raw) => self.host_key_error(raw),
                None => Some(self.host_unknown("no readable key".into(), "nothing could be compared".into())),
            };
            return match error {
                None => Ok(CertificateCheckStatus::CertificateOk),
                Some(error) => Err(notes.stop(error)),
            };
        }
        let (Some(x509), Some(ca)) = (cert.as_x509(), &self.creds.ca) else {
            return Ok(CertificateCheckStatus::CertificatePassthrough);
        };
        let port = if host == self.url.host { self.url.port.unwrap_or(443) } else { 443 };
        match tls::check(x509.data(), host, port, ca, self.limits.connect_timeout) {
            Ok(()) => Ok(CertificateCheckStatus::CertificateOk),
            // The system's authorities may still vouch for it.
            Err(why) => {
                *notes.tls.borrow_mut() = Some((host.to_string(), why));
                Ok(CertificateCheckStatus::CertificatePassthrough)
            }
        }
    }

    fn host_key_error(&self, key: &[u8]) -> Option<SourceError> {
        let shown = known_hosts::describe(key);
        let Some(lines) = &self.creds.known_hosts else {
            return Some(self.host_unknown(shown, "there is no known_hosts".into()));
        };
        let host = self.url.ssh_host();
        match known_hosts::check(lines, &self.url.host, self.url.port.unwrap_or(22), key) {
            known_hosts::Verdict::Known => None,
            known_hosts::Verdict::Changed => Some(SourceError::HostKeyMismatch { host, shown }),
            known_hosts::Verdict::Revoked => Some(SourceError::HostKeyMismatch { host, shown: format!("{shown}, which is marked @revoked") }),
            known_hosts::Verdict::Unknown(types) if types.is_empty() => {
                Some(self.host_unknown(shown, "known_hosts has no line for it".into()))
            }
            known_hosts::Verdict::Unknown(types) => {
                Some(self.host_unknown(shown, format!("known_hosts only has its {} key", types.join(" and "))))
            }
        }
    }

    fn host_unknown(&self, shown: String, known: String) -> SourceError {
        SourceError::HostUnknown { host: self.url.ssh_host(), shown, known }
    }
}

fn proxy() -> ProxyOptions<'static> {
    let mut options = ProxyOptions::new();
    options.auto();
    options
}
