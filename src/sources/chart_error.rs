//! What can go wrong between an address of a chart repository and an archive, each with the sentence that a person reads.

use super::Class;

/// Why a chart repository gave nothing, or took nothing. No variant holds a secret: texts of servers are scrubbed before.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ChartError {
    /// The address cannot be followed at all.
    #[error("cannot use the chart repository {address:?}: {why}; write https://host/path, oci://host/path or s3://bucket/prefix")]
    Address {
        /// As written, without a password.
        address: String,
        /// What is wrong with it.
        why: String,
    },
    /// No connection, or it broke off.
    #[error("{doing}: {why}; check that the agent's pod can resolve and reach this host (network policy, proxy, firewall)")]
    Unreachable {
        /// What was tried, on what.
        doing: String,
        /// Why it failed.
        why: String,
    },
    /// The server answered with an error that may pass.
    #[error("{doing}: the server answered {answer}; trying again later")]
    Server {
        /// What was tried, on what.
        doing: String,
        /// Such as `503 Service Unavailable`.
        answer: String,
    },
    /// The server wants other credentials.
    #[error("{doing}: refused ({answer}) with {shown}; check the Secret in secretRef")]
    Denied {
        /// What was tried, on what.
        doing: String,
        /// The server's answer.
        answer: String,
        /// Which credentials were shown, never the secret.
        shown: String,
    },
    /// The Secret cannot be used.
    #[error("the Secret in {field} cannot be used: {why}")]
    Credentials {
        /// Where the Secret is named.
        field: String,
        /// What is wrong with it; never its content.
        why: String,
    },
    /// What was asked for is not there.
    #[error("{doing}: {why}")]
    Missing {
        /// What was tried, on what.
        doing: String,
        /// What there is instead, and what to do.
        why: String,
    },
    /// What came is not what it should be.
    #[error("{doing}: {why}")]
    Invalid {
        /// What was tried, on what.
        doing: String,
        /// What is wrong with it.
        why: String,
    },
    /// An archive is not the one that was promised.
    #[error("{what} is sha256:{found}, and {promised} says sha256:{expected}: nothing of it is used. Publish changes under a new version")]
    Digest {
        /// The archive.
        what: String,
        /// Who promised another: the index, the lock, the release that runs.
        promised: String,
        /// The digest promised.
        expected: String,
        /// The digest found.
        found: String,
    },
    /// Publishing: the version is there with other content.
    #[error("{what} is already published in {repository} with other content (sha256:{there}, not sha256:{ours}): a published version is never overwritten. Raise the version in Chart.yaml")]
    Published {
        /// `name-version`.
        what: String,
        /// Where.
        repository: String,
        /// The digest that is there.
        there: String,
        /// The digest that was to be published.
        ours: String,
    },
    /// A bound was reached.
    #[error("{what} is larger than the {limit} that are allowed")]
    TooLarge {
        /// What was read.
        what: String,
        /// The bound, with its unit.
        limit: String,
    },
    /// Others were faster, too many times.
    #[error("{what}: {tries} others changed it while it was written; trying again later")]
    Contended {
        /// What was written.
        what: String,
        /// How often it was tried.
        tries: usize,
    },
    /// The cache's folder failed.
    #[error("the chart cache failed: {why}; check the space and the rights of the agent's cache volume")]
    Cache {
        /// The system's words.
        why: String,
    },
}

impl ChartError {
    /// What the caller should do about it.
    pub fn class(&self) -> Class {
        use ChartError::*;
        match self {
            Unreachable { .. } | Server { .. } | Contended { .. } | Cache { .. } => Class::Transient,
            Denied { .. } => Class::Denied,
            Address { .. } | Credentials { .. } | Missing { .. } | Invalid { .. } | Digest { .. } | Published { .. } | TooLarge { .. } => Class::Config,
        }
    }

    /// One CamelCase word for a condition's reason and a metric's label; a small, fixed set.
    pub fn reason(&self) -> &'static str {
        use ChartError::*;
        match self {
            Address { .. } => "ChartRepositoryInvalid",
            Unreachable { .. } => "ChartRepositoryUnreachable",
            Server { .. } => "ChartRepositoryServerError",
            Denied { .. } => "ChartRepositoryDenied",
            Credentials { .. } => "ChartCredentialsInvalid",
            Missing { .. } => "ChartNotFound",
            Invalid { .. } => "ChartInvalid",
            Digest { .. } => "ChartDigestMismatch",
            Published { .. } => "ChartVersionTaken",
            TooLarge { .. } => "ChartTooLarge",
            Contended { .. } => "ChartRepositoryBusy",
            Cache { .. } => "ChartCacheFailed",
        }
    }
}
