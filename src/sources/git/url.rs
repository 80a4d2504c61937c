//! Git URLs: taken apart once at the door, so that no password travels on in a string.

use sha2::{Digest, Sha256};

use super::credentials::Hidden;
use crate::sources::SourceError;

/// How a URL is reached.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Scheme {
    /// `http://`: no TLS; credentials are sent in the clear.
    Http,
    /// `https://`.
    Https,
    /// `ssh://` and `user@host:path`.
    Ssh,
    /// `file://` and absolute paths.
    File,
}

/// A git URL without its password, and what libgit2 is given to connect.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RemoteUrl {
    /// How it is reached.
    pub scheme: Scheme,
    /// User name in the URL, if any.
    pub user: Option<String>,
    /// Host without brackets or port; empty for files.
    pub host: String,
    /// Port when it is written.
    pub port: Option<u16>,
    /// Everything behind the host, beginning with `/` (except for `user@host:path`).
    pub path: String,
    /// `user@host:path` as written, which has a relative path.
    scp: bool,
}

const MAX_URL: usize = 2048;

impl RemoteUrl {
    /// Parses a URL and hands back the password that it carried apart from it.
    pub fn parse(text: &str) -> Result<(RemoteUrl, Option<Hidden>), SourceError> {
        let text = text.trim();
        let refuse = |why: &str| SourceError::Url { url: mask(text), why: why.to_string() };
        if text.is_empty() {
            return Err(refuse("it is empty"));
        }
        if text.len() > MAX_URL || text.chars().any(|c| c.is_control() || c.is_whitespace()) {
            return Err(refuse("it is too long or has white space in it"));
        }
        let Some((scheme, rest)) = text.split_once("://") else {
            return Self::without_scheme(text).ok_or_else(|| refuse("it has no scheme"));
        };
        let scheme = match scheme.to_ascii_lowercase().as_str() {
            "https" => Scheme::Https,
            "http" => Scheme::Http,
            "ssh" | "git+ssh" | "ssh+git" => Scheme::Ssh,
            "file" => Scheme::File,
            other => return Err(refuse(&format!("the scheme {other:?} is not supported"))),
        };
        let (authority, path) = match rest.find('/') {
            Some(at) => rest.split_at(at),
            None => (rest, ""),
        };
        if scheme == Scheme::File {
            if !(authority.is_empty() || authority == "localhost") || path.len() < 2 {
                return Err(refuse("a file URL needs an absolute path"));
            }
            let path = percent_decode(path).ok_or_else(|| refuse("its path is not UTF-8"))?;
            return Ok((Self { scheme, user: None, host: String::new(), port: None, path, scp: false }, None));
        }
        let (userinfo, hostport) = match authority.rsplit_once('@') {
            Some((user, host)) => (Some(user), host),
            None => (None, authority),
        };
        let (host, port) = split_port(hostport).ok_or_else(|| refuse("its port is not a number"))?;
        if host.is_empty() || host.starts_with('-') {
            return Err(refuse("it has no host"));
        }
        if path.len() < 2 {
            return Err(refuse("it has no path"));
        }
        let (user, password) = match userinfo.map(|u| u.split_once(':').unwrap_or((u, ""))) {
            None => (None, None),
            Some((user, password)) => {
                let decode = |s: &str| percent_decode(s).ok_or_else(|| refuse("its user part is not UTF-8"));
                let (user, password) = (decode(user)?, decode(password)?);
                (some(user), some(password).map(Hidden::new))
            }
        };
        Ok((Self { scheme, user, host: host.to_ascii_lowercase(), port, path: path.to_string(), scp: false }, password))
    }

    /// `/absolute/path` and `user@host:path`.
    fn without_scheme(text: &str) -> Option<(RemoteUrl, Option<Hidden>)> {
        if text.starts_with('/') && text.len() > 1 {
            let (path, host) = (text.to_string(), String::new());
            return Some((Self { scheme: Scheme::File, user: None, host, port: None, path, scp: false }, None));
        }
        let (authority, path) = text.split_once(':')?;
        let (user, host) = match authority.split_once('@') {
            Some((user, host)) => (some(user.to_string()), host),
            None => (None, authority),
        };
        if host.is_empty() || host.contains('/') || host.starts_with('-') || path.is_empty() || path.starts_with('-') {
            return None;
        }
        let host = host.to_ascii_lowercase();
        Some((Self { scheme: Scheme::Ssh, user, host, port: None, path: path.to_string(), scp: true }, None))
    }

    /// What libgit2 connects to. Without user names for HTTP: they travel with the credentials.
    pub fn connect(&self) -> String {
        let user = match (&self.user, self.scheme) {
            (Some(user), Scheme::Ssh) => format!("{user}@"),
            (None, Scheme::Ssh) => "git@".to_string(),
            _ => String::new(),
        };
        match self.scheme {
            Scheme::File => self.path.clone(),
            Scheme::Ssh if self.scp => format!("{user}{}:{}", self.host, self.path),
            Scheme::Ssh => format!("ssh://{user}{}{}", self.authority(), self.path),
            Scheme::Http => format!("http://{}{}", self.authority(), self.path),
            Scheme::Https => format!("https://{}{}", self.authority(), self.path),
        }
    }

    /// What people read: no password, no query.
    pub fn shown(&self) -> String {
        match self.scheme {
            Scheme::File => format!("file://{}", self.path),
            _ => self.connect().split('?').next().unwrap_or_default().to_string(),
        }
    }

    /// The name of the cache directory: two spellings of one repository may differ, two repositories never share one.
    pub fn key(&self) -> String {
        let digest = Sha256::digest(self.connect().trim_end_matches('/').trim_end_matches(".git"));
        digest.iter().take(16).map(|byte| format!("{byte:02x}")).collect()
    }

    /// True where the server can send less than the whole history; libgit2's file transport cannot.
    pub fn has_depth(&self) -> bool {
        self.scheme != Scheme::File
    }

    /// Host as OpenSSH writes it in known_hosts.
    pub fn ssh_host(&self) -> String {
        match self.port {
            Some(port) if port != 22 => format!("[{}]:{port}", self.host),
            _ => self.host.clone(),
        }
    }

    /// True when a secret meant for `self` may be shown to `other`: same scheme, host and port.
    pub fn same_host(&self, other: &RemoteUrl) -> bool {
        self.scheme == other.scheme && self.host == other.host && self.port == other.port
    }

    /// A submodule's URL, which may be relative to this one (`../other.git`), as git resolves it.
    pub fn join(&self, relative: &str) -> String {
        if !relative.starts_with("./") && !relative.starts_with("../") {
            return relative.to_string();
        }
        let base = self.connect();
        let mut base = base.trim_end_matches('/');
        let mut rest = relative;
        loop {
            if let Some(after) = rest.strip_prefix("./") {
                rest = after;
            } else if let Some(after) = rest.strip_prefix("../") {
                rest = after;
                // Never above the host: `https://h/a` + `../../b` stays `https://h/b`.
                let floor = base.find("://").map_or(0, |at| at + 3);
                match base[floor..].rfind(['/', ':']) {
                    Some(at) => base = &base[..floor + at],
                    None => break,
                }
            } else {
                break;
            }
        }
        // `git@host:path` loses its colon when the last part of the path goes.
        let joint = if self.scp && !base.contains(':') { ':' } else { '/' };
        format!("{base}{joint}{rest}")
    }

    fn authority(&self) -> String {
        let host = if self.host.contains(':') { format!("[{}]", self.host) } else { self.host.clone() };
        self.port.map_or(host.clone(), |port| format!("{host}:{port}"))
    }
}

/// A URL that nobody has parsed yet, for messages: user part and query are hidden.
pub fn mask(url: &str) -> String {
    let (scheme, rest) = url.split_once("://").unwrap_or(("", url));
    let rest = rest.split('?').next().unwrap_or_default();
    let slash = rest.find('/').unwrap_or(rest.len());
    let (authority, path) = rest.split_at(slash);
    let authority = match authority.rsplit_once('@') {
        Some((user, host)) if user.contains(':') || !scheme.is_empty() => format!("***@{host}"),
        _ => authority.to_string(),
    };
    let shown: String = format!("{authority}{path}").chars().filter(|c| !c.is_control()).take(200).collect();
    if scheme.is_empty() { shown } else { format!("{scheme}://{shown}") }
}

fn some(text: String) -> Option<String> {
    (!text.is_empty()).then_some(text)
}

fn split_port(text: &str) -> Option<(String, Option<u16>)> {
    if let Some(rest) = text.strip_prefix('[') {
        let (host, port) = rest.split_once(']')?;
        return match port.strip_prefix(':') {
            Some(port) => Some((host.to_string(), Some(port.parse().ok()?))),
            None => port.is_empty().then(|| (host.to_string(), None)),
        };
    }
    match text.split_once(':') {
        Some((host, "")) => Some((host.to_string(), None)),
        Some((host, port)) => Some((host.to_string(), Some(port.parse().ok()?))),
        None => Some((text.to_string(), None)),
    }
}

fn percent_decode(text: &str) -> Option<String> {
    let mut out = Vec::with_capacity(text.len());
    let mut bytes = text.bytes();
    while let Some(byte) = bytes.next() {
        if byte != b'%' {
            out.push(byte);
            continue;
        }
        let hex = [bytes.next()?, bytes.next()?];
        out.push(u8::from_str_radix(std::str::from_utf8(&hex).ok()?, 16).ok()?);
    }
    String::from_utf8(out).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn url(text: &str) -> RemoteUrl {
        RemoteUrl::parse(text).unwrap().0
    }

    #[test]
    fn a_password_in_the_url_is_taken_out() {
        let (url, password) = RemoteUrl::parse("https://me:s%40cret@Git.Example.com:8443/a/b.git?token=x").unwrap();
        assert_eq!(url.connect(), "https://git.example.com:8443/a/b.git?token=x");
        assert_eq!(url.shown(), "https://git.example.com:8443/a/b.git");
        assert_eq!((url.user.as_deref(), password.unwrap().expose()), (Some("me"), "s@cret"));
    }

    #[test]
    fn scp_like_addresses_are_ssh() {
        let u = url("git@github.com:org/app.git");
        assert_eq!((u.scheme, u.ssh_host(), u.connect()), (Scheme::Ssh, "github.com".into(), "git@github.com:org/app.git".into()));
        assert_eq!(url("ssh://example.com:2222/x").ssh_host(), "[example.com]:2222");
        assert_eq!(url("ssh://example.com:2222/x").connect(), "ssh://git@example.com:2222/x");
    }

    #[test]
    fn what_is_no_git_url_is_refused_without_showing_its_password() {
        for bad in ["", "ftp://u:hush@h/x", "https://u:hush@h:port/x", "https://u:hush@/x", "https://h", "file://x", "-oProxyCommand=x:y", "ext::sh -c x"] {
            let error = RemoteUrl::parse(bad).unwrap_err().to_string();
            assert!(!error.contains("hush"), "{error}");
        }
        assert_eq!(mask("https://u:hush@h/x?private_token=hush"), "https://***@h/x");
    }

    #[test]
    fn submodule_urls_are_relative_to_their_parent() {
        assert_eq!(url("https://h/org/app.git").join("../lib.git"), "https://h/org/lib.git");
        assert_eq!(url("https://h/org/app").join("../../x/lib"), "https://h/x/lib");
        assert_eq!(url("git@h:org/app.git").join("../lib.git"), "git@h:org/lib.git");
        assert_eq!(url("git@h:app.git").join("../lib.git"), "git@h:lib.git");
        assert_eq!(url("https://h/org/app").join("https://other/x"), "https://other/x");
        assert_eq!(url("file:///srv/app").join("../lib"), "/srv/lib");
    }

    #[test]
    fn one_repository_has_one_key() {
        assert_eq!(url("https://h/a.git").key(), url("https://user:pw@H/a").key());
        assert_ne!(url("https://h/a.git").key(), url("https://h/b.git").key());
    }
}
