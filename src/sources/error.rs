//! What can go wrong between a specification and a snapshot, each with the sentence that a person reads in a condition.
//!
//! No variant holds a secret: URLs are masked before they get here, and texts from libgit2 or a server pass
//! [`crate::sources::git::credentials::Credentials::scrub`].

/// What a caller should do about a failure.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Class {
    /// May go away by itself: try again with backoff.
    Transient,
    /// Somebody has to change the specification, the repository or the settings first.
    Config,
    /// Somebody has to grant access or trust first.
    Denied,
}

/// Why a source gave no snapshot. [`SourceError::class`] says what to do, [`SourceError::reason`] is the condition's
/// reason, `Display` its message.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SourceError {
    /// The URL cannot be followed at all.
    #[error("cannot follow the git URL {url}: {why}; use https://host/repo.git, ssh://git@host/repo.git, git@host:repo.git or file:///path")]
    Url {
        /// The masked URL.
        url: String,
        /// What is wrong with it.
        why: String,
    },
    /// The specification names a branch or path that cannot exist.
    #[error("source.git.{field} {value:?} is not valid: {why}")]
    Spec {
        /// Field below `source.git`.
        field: &'static str,
        /// The value as written.
        value: String,
        /// The rule it breaks.
        why: String,
    },
    /// No connection to the server.
    #[error("cannot reach {url}: {detail}; check that the agent's pod can resolve and reach this host (network policy, proxy, firewall)")]
    Unreachable {
        /// The masked URL.
        url: String,
        /// The library's words.
        detail: String,
    },
    /// The server stopped answering, or the whole transfer took longer than allowed.
    #[error("gave up {doing} {url} {after}; the server is slow or hangs, or the repository needs a longer git timeout")]
    TimedOut {
        /// The masked URL.
        url: String,
        /// `listing the branches of` or `fetching from`.
        doing: &'static str,
        /// `after 2m` or `after 20s without a byte`.
        after: String,
    },
    /// The server answered with an error that may pass.
    #[error("the server of {url} answered {answer}; trying again later")]
    Server {
        /// The masked URL.
        url: String,
        /// Its answer, such as `HTTP 503`.
        answer: String,
    },
    /// What answered does not speak git.
    #[error("{url} does not answer as a git server does ({detail}); check that the URL is the one that `git clone` takes")]
    NotGit {
        /// The masked URL.
        url: String,
        /// What came instead.
        detail: String,
    },
    /// The server wants credentials and none are set.
    #[error("{url} asks for credentials and none are set; name a Secret in source.git.secretRef with {keys}")]
    CredentialsMissing {
        /// The masked URL.
        url: String,
        /// The keys that the Secret needs.
        keys: &'static str,
    },
    /// The server refused what it was given.
    #[error("{url} refused the credentials ({what}); check that the Secret in source.git.secretRef is current and may read this repository")]
    CredentialsRefused {
        /// The masked URL.
        url: String,
        /// Which kind was tried, and as whom; never the secret.
        what: String,
    },
    /// The Secret cannot be used.
    #[error("the Secret in source.git.secretRef cannot be used: {why}")]
    CredentialsInvalid {
        /// What is wrong with it; never its content.
        why: String,
    },
    /// The server's TLS certificate is not trusted.
    #[error("the TLS certificate of {host} for {url} is not trusted: {why}; put the certificate of its authority into the Secret's key ca.crt")]
    CertificateUntrusted {
        /// The masked URL.
        url: String,
        /// The host that showed it.
        host: String,
        /// Why it was refused.
        why: String,
    },
    /// The SSH server's key is in no known_hosts line.
    #[error("the SSH host {host} is not known: it showed {shown}, and {known}; check that key with the host's owner, then add the output of `ssh-keyscan {host}` to the Secret's key known_hosts")]
    HostUnknown {
        /// Host, `[host]:port` beyond port 22.
        host: String,
        /// Type and fingerprint of the key shown.
        shown: String,
        /// What known_hosts has for it.
        known: String,
    },
    /// The SSH server showed another key than known_hosts has: a new server key, or someone in between.
    #[error("the key of the SSH host {host} is not the one in known_hosts: it showed {shown}; nothing was sent. If its owner confirms the new key, replace the host's lines in the Secret's key known_hosts")]
    HostKeyMismatch {
        /// Host, `[host]:port` beyond port 22.
        host: String,
        /// Type and fingerprint of the key shown.
        shown: String,
    },
    /// There is no repository at the URL, or it is not shown to these credentials.
    #[error("no repository at {url} ({detail}); check the URL{hint}")]
    RepositoryMissing {
        /// The masked URL.
        url: String,
        /// The server's words.
        detail: String,
        /// Such as `, and that the credentials may see it`.
        hint: String,
    },
    /// The branch does not exist (any more).
    #[error("{url} has no branch {branch:?} ({others}); the release stays as it is. Push the branch, or change source.git.branch")]
    BranchMissing {
        /// The masked URL.
        url: String,
        /// The branch looked for.
        branch: String,
        /// Which branches there are.
        others: String,
    },
    /// A commit that was asked for by name cannot be had.
    #[error("{url} does not give commit {commit} (looked on branch {branch:?} and by name: {detail}); check that it was pushed")]
    CommitMissing {
        /// The masked URL.
        url: String,
        /// The branch followed.
        branch: String,
        /// The commit asked for.
        commit: String,
        /// The server's words.
        detail: String,
    },
    /// The path is not in the commit.
    #[error("{path:?} does not exist in {url} on branch {branch:?} at {commit} ({nearest}); check source.git.path")]
    PathMissing {
        /// The masked URL.
        url: String,
        /// The branch followed.
        branch: String,
        /// Short commit.
        commit: String,
        /// The path looked for.
        path: String,
        /// What there is instead.
        nearest: String,
    },
    /// The path leads into a submodule that is not fetched.
    #[error("{path:?} lies in the submodule {name:?} ({submodule_url}) of {url}, and submodules are not fetched; set source.git.submodules: true")]
    SubmoduleNotFetched {
        /// The masked URL.
        url: String,
        /// The path that needs it.
        path: String,
        /// The submodule's path in the repository.
        name: String,
        /// Its masked URL, or why there is none.
        submodule_url: String,
    },
    /// The head is not signed by anybody who may.
    #[error("the head of branch {branch:?} of {url} is not trusted: {why}; it is not deployed. Sign it with a key of source.git.verify, or add the key there")]
    Untrusted {
        /// The masked URL.
        url: String,
        /// The branch.
        branch: String,
        /// What is signed by whom.
        why: String,
        /// Nothing is signed at all.
        unsigned: bool,
    },
    /// A submodule was to be fetched and could not be.
    #[error("the submodule {name:?} of {url}: {cause}")]
    Submodule {
        /// The masked URL of the repository that has it.
        url: String,
        /// The submodule's path in the repository.
        name: String,
        /// What went wrong.
        cause: Box<SourceError>,
    },
    /// A symbolic link that cannot be followed.
    #[error("the symbolic link {path:?} in {url} at {commit} points to {target:?}, {why}; replace it with the file, or point it inside the repository")]
    Link {
        /// The masked URL.
        url: String,
        /// Short commit.
        commit: String,
        /// The link.
        path: String,
        /// Where it points.
        target: String,
        /// Why that is refused.
        why: &'static str,
    },
    /// A bound was reached.
    #[error("{what} in {url} is more than the {limit} that are allowed; {fix}")]
    TooLarge {
        /// The masked URL.
        url: String,
        /// What was measured.
        what: String,
        /// The bound, with its unit.
        limit: String,
        /// The setting, or the way round.
        fix: &'static str,
    },
    /// The server refused a push, or what was to be pushed cannot be made.
    #[error("{branch:?} of {url} was not moved: {why}; let the agent's user push to this branch, or take it out of the protected ones")]
    PushRefused {
        /// The masked URL.
        url: String,
        /// The branch.
        branch: String,
        /// The server's words.
        why: String,
    },
    /// Somebody else pushed to the branch at the same time.
    #[error("{branch:?} of {url} moved while it was pushed to; trying again later")]
    Raced {
        /// The masked URL.
        url: String,
        /// The branch.
        branch: String,
    },
    /// The cache's directory failed (disk full, not writable, damaged twice in a row).
    #[error("the git cache for {url} failed: {why}; check the space and the rights of the agent's cache volume")]
    Cache {
        /// The masked URL.
        url: String,
        /// The system's words.
        why: String,
    },
    /// Anything that libgit2 reports and nothing above covers.
    #[error("git failed {doing} {url}: {detail}")]
    Git {
        /// The masked URL.
        url: String,
        /// `listing the branches of` or `fetching from`.
        doing: &'static str,
        /// libgit2's words.
        detail: String,
    },
}

impl SourceError {
    /// What the caller should do about it.
    pub fn class(&self) -> Class {
        use SourceError::*;
        match self {
            Unreachable { .. } | TimedOut { .. } | Server { .. } | Cache { .. } | Git { .. } | Raced { .. } => Class::Transient,
            PushRefused { .. } | CredentialsMissing { .. } | CredentialsRefused { .. } | CertificateUntrusted { .. } => Class::Denied,
            HostUnknown { .. } | HostKeyMismatch { .. } | Untrusted { .. } => Class::Denied,
            Url { .. } | Spec { .. } | NotGit { .. } | CredentialsInvalid { .. } | RepositoryMissing { .. } => Class::Config,
            BranchMissing { .. } | CommitMissing { .. } | PathMissing { .. } => Class::Config,
            SubmoduleNotFetched { .. } | Link { .. } | TooLarge { .. } => Class::Config,
            Submodule { cause, .. } => cause.class(),
        }
    }

    /// One CamelCase word for a condition's reason and a metric's label; a small, fixed set.
    pub fn reason(&self) -> &'static str {
        use SourceError::*;
        match self {
            Url { .. } => "GitUrlInvalid",
            Spec { .. } => "GitSpecInvalid",
            Unreachable { .. } => "GitUnreachable",
            TimedOut { .. } => "GitTimeout",
            Server { .. } => "GitServerError",
            NotGit { .. } => "GitProtocolError",
            CredentialsMissing { .. } => "GitCredentialsMissing",
            CredentialsRefused { .. } => "GitCredentialsRefused",
            CredentialsInvalid { .. } => "GitCredentialsInvalid",
            CertificateUntrusted { .. } => "GitCertificateUntrusted",
            HostUnknown { .. } => "GitHostUnknown",
            HostKeyMismatch { .. } => "GitHostKeyMismatch",
            RepositoryMissing { .. } => "GitRepositoryMissing",
            BranchMissing { .. } => "GitBranchMissing",
            CommitMissing { .. } => "GitCommitMissing",
            PathMissing { .. } => "ChartPathMissing",
            SubmoduleNotFetched { .. } => "SubmoduleNotFetched",
            Submodule { cause, .. } => cause.reason(),
            Untrusted { unsigned: true, .. } => "CommitUnsigned",
            Untrusted { .. } => "SignatureForeign",
            Link { .. } => "SymlinkRefused",
            TooLarge { .. } => "GitTooLarge",
            PushRefused { .. } => "GitPushRefused",
            Raced { .. } => "GitPushRaced",
            Cache { .. } => "GitCacheFailed",
            Git { .. } => "GitFailed",
        }
    }
}
