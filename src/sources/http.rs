//! HTTP(S) for chart repositories: one client for each set of credentials, answers with a bound, errors in Go's words where
//! helm's commands print them.

use super::Access;
use super::chart_error::ChartError;
use reqwest::{Client, Method, RequestBuilder, Response, StatusCode, header};
use std::error::Error as _;
use std::sync::Once;
use std::time::Duration;

/// Time to a connection.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);
/// Time without a byte.
const STALL_TIMEOUT: Duration = Duration::from_secs(30);
/// Redirects that are followed; Go's client stops there too.
const MAX_REDIRECTS: usize = 10;
/// The largest index.
pub const MAX_INDEX_BYTES: usize = 256 * 1024 * 1024;
/// The largest archive.
pub const MAX_ARCHIVE_BYTES: usize = 256 * 1024 * 1024;

/// Why a request gave no answer to use.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Fault {
    /// No connection, or it broke off: the words of Go's client, and of ours.
    Transport {
        /// As Go says it.
        go: String,
        /// As the libraries say it, the cause last.
        detail: String,
    },
    /// A status other than success.
    Status(u16),
    /// More bytes than allowed.
    TooLarge(usize),
}

/// What came.
#[derive(Clone, Debug)]
pub enum Answer {
    /// Nothing new since the tag that was sent.
    Unchanged,
    /// The body, and its tag where the server gave one.
    Body {
        /// The bytes.
        bytes: Vec<u8>,
        /// `ETag`.
        etag: Option<String>,
    },
}

/// The process's cryptography for TLS, once.
pub fn install_crypto() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        // It fails only where somebody installed one before.
        let _ = rustls::crypto::ring::default_provider().install_default();
    });
}

/// A client with these credentials' trust.
///
/// # Errors
/// Certificates that cannot be read.
pub fn client(access: &Access) -> Result<Client, String> {
    install_crypto();
    let roots = match &access.ca {
        Some(pem) => reqwest::Certificate::from_pem_bundle(pem.as_bytes()).map_err(|_| "the CA certificate is not valid PEM".to_owned())?,
        None => Vec::new(),
    };
    let identity = match &access.identity {
        Some(pem) => Some(reqwest::Identity::from_pem(pem.expose().as_bytes()).map_err(|_| "client certificate and key are not valid PEM".to_owned())?),
        None => None,
    };
    let builder = || {
        let builder = Client::builder()
            .user_agent(concat!("windlass/", env!("CARGO_PKG_VERSION")))
            .connect_timeout(CONNECT_TIMEOUT)
            .read_timeout(STALL_TIMEOUT)
            .redirect(reqwest::redirect::Policy::limited(MAX_REDIRECTS))
            .tls_danger_accept_invalid_certs(access.insecure);
        match &identity {
            Some(identity) => builder.identity(identity.clone()),
            None => builder,
        }
    };
    // Where the system has no authorities at all (a small container image), only those given are trusted.
    let made = builder().tls_certs_merge(roots.clone()).build();
    made.or_else(|_| builder().tls_certs_only(roots).build()).map_err(|error| format!("cannot set TLS up: {}", chain(&error)))
}

/// A request with what identifies us, for the host that it is meant for.
pub fn request(client: &Client, method: Method, url: &str, access: &Access) -> RequestBuilder {
    let request = client.request(method, url);
    match (&access.bearer, &access.password) {
        (Some(token), _) => request.bearer_auth(token.expose()),
        (None, Some(password)) => request.basic_auth(access.username.as_deref().unwrap_or("windlass"), Some(password.expose())),
        (None, None) => request,
    }
}

/// Fetches a URL.
///
/// # Errors
/// As [`Fault`] tells them.
pub async fn get(client: &Client, url: &str, access: &Access, etag: Option<&str>, limit: usize) -> Result<Answer, Fault> {
    let mut request = request(client, Method::GET, url, access);
    if let Some(etag) = etag {
        request = request.header(header::IF_NONE_MATCH, etag);
    }
    let response = request.send().await.map_err(|error| transport(&error, "Get", url))?;
    match response.status() {
        StatusCode::NOT_MODIFIED if etag.is_some() => return Ok(Answer::Unchanged),
        StatusCode::OK => {}
        status => return Err(Fault::Status(status.as_u16())),
    }
    let etag = response.headers().get(header::ETAG).and_then(|tag| tag.to_str().ok()).map(str::to_owned);
    Ok(Answer::Body { bytes: body(response, url, limit).await?, etag })
}

/// A response's body, no larger than allowed.
///
/// # Errors
/// It is, or it broke off.
pub async fn body(mut response: Response, url: &str, limit: usize) -> Result<Vec<u8>, Fault> {
    if response.content_length().is_some_and(|length| length > limit as u64) {
        return Err(Fault::TooLarge(limit));
    }
    let mut bytes = Vec::new();
    while let Some(piece) = response.chunk().await.map_err(|error| transport(&error, "Get", url))? {
        if bytes.len() + piece.len() > limit {
            return Err(Fault::TooLarge(limit));
        }
        bytes.extend_from_slice(&piece);
    }
    Ok(bytes)
}

/// A failed request in Go's words.
pub fn transport(error: &reqwest::Error, method: &str, url: &str) -> Fault {
    let detail = chain(error);
    let mut source = error.source();
    let mut io = None;
    while let Some(inner) = source {
        io = inner.downcast_ref::<std::io::Error>().map(std::io::Error::kind).or(io);
        source = inner.source();
    }
    let parsed = reqwest::Url::parse(url).ok();
    let host = parsed.as_ref().and_then(|url| Some(format!("{}:{}", url.host_str()?, url.port_or_known_default()?))).unwrap_or_default();
    let why = match io {
        Some(std::io::ErrorKind::ConnectionRefused) => format!("dial tcp {host}: connect: connection refused"),
        Some(std::io::ErrorKind::ConnectionReset) => format!("read tcp {host}: connection reset by peer"),
        Some(std::io::ErrorKind::UnexpectedEof) => "EOF".to_owned(),
        _ => detail.clone(),
    };
    Fault::Transport { go: format!("{method} \"{url}\": {why}"), detail }
}

/// An error and its causes, each once.
pub fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(inner) = source {
        let inner_text = inner.to_string();
        if !text.contains(&inner_text) {
            text = format!("{text}: {inner_text}");
        }
        source = inner.source();
    }
    text
}

/// `404 Not Found`
pub fn status_text(code: u16) -> String {
    let words = StatusCode::from_u16(code).ok().and_then(|status| status.canonical_reason()).unwrap_or("");
    format!("{code} {words}").trim_end().to_owned()
}

impl Fault {
    /// As helm's getter prints it.
    pub fn helm(&self, url: &str) -> String {
        match self {
            Fault::Transport { go, .. } => go.clone(),
            Fault::Status(code) => format!("failed to fetch {url} : {}", status_text(*code)),
            Fault::TooLarge(limit) => format!("failed to fetch {url} : the answer is larger than {limit} bytes"),
        }
    }

    /// As a source's error; `missing` says what a 404 means.
    pub fn error(self, doing: String, access: &Access, missing: &str) -> ChartError {
        match self {
            Fault::Transport { detail, .. } => ChartError::Unreachable { doing, why: access.scrub(&detail) },
            Fault::Status(code @ (401 | 403)) => ChartError::Denied { doing, answer: status_text(code), shown: access.to_string() },
            Fault::Status(404) => ChartError::Missing { doing, why: missing.to_owned() },
            Fault::Status(code) if code == 429 || code >= 500 => ChartError::Server { doing, answer: status_text(code) },
            Fault::Status(code) => ChartError::Invalid { doing, why: format!("the server answered {}", status_text(code)) },
            Fault::TooLarge(limit) => ChartError::TooLarge { what: doing, limit: format!("{} MiB", limit >> 20) },
        }
    }
}
