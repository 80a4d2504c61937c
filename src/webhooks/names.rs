//! Names of repositories and images, made comparable.

/// A repository's address without what differs between its ways in: scheme, user, port, `.git`, letter case.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Address {
    /// The host; `None` where the sender does not say under which name it is reached.
    pub host: Option<String>,
    /// The path without a leading `/`.
    pub path: String,
}

impl Address {
    /// From a URL, `user@host:path`, or a plain path.
    pub fn parse(text: &str) -> Option<Address> {
        let text = text.trim();
        let (host, path) = if let Some((_, rest)) = text.split_once("://") {
            let (authority, path) = rest.split_once('/').unwrap_or((rest, ""));
            (Some(host(authority)), path)
        } else if let Some((before, path)) = text.split_once(':').filter(|(before, _)| before.contains('@') && !before.contains('/')) {
            (Some(host(before)), path)
        } else {
            (None, text)
        };
        let path = path.split(['?', '#']).next().unwrap_or_default().trim_matches('/');
        let path = path.strip_suffix(".git").unwrap_or(path).trim_matches('/').to_lowercase();
        let host = host.filter(|host| !host.is_empty());
        (!path.is_empty()).then_some(Address { host, path })
    }

    /// Those of them that are addresses, each once.
    pub fn all<'t>(texts: impl Iterator<Item = &'t str>) -> Vec<Address> {
        let mut all: Vec<Address> = texts.filter_map(Address::parse).collect();
        all.sort();
        all.dedup();
        all
    }

    /// Whether both mean one repository. A host that is not known, or not to be compared, is any.
    pub fn means(&self, other: &Address, any_host: bool) -> bool {
        let hosts = any_host || match (&self.host, &other.host) {
            (Some(one), Some(two)) => one == two,
            _ => true,
        };
        // Bitbucket Server has `scm/` before a repository's path in its HTTP addresses only.
        let plain = |path: &str| path.strip_prefix("scm/").unwrap_or(path).to_owned();
        hosts && plain(&self.path) == plain(&other.path)
    }
}

/// The host of `user:password@host:port`.
fn host(authority: &str) -> String {
    let after = authority.rsplit('@').next().unwrap_or(authority);
    let host = match after.strip_prefix('[') {
        Some(six) => six.split(']').next().unwrap_or_default(),
        None => after.split(':').next().unwrap_or_default(),
    };
    host.to_lowercase()
}

/// An image by its parts, in full: Docker Hub's host and `library/` stand there.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Image {
    /// The registry's host with its port; `None` where the sender does not know by which name it is reached.
    pub host: Option<String>,
    /// The repository, for example `library/nginx`.
    pub repository: String,
    /// The tag that was pushed.
    pub tag: Option<String>,
    /// The manifest's digest.
    pub digest: Option<String>,
}

/// Docker Hub's name.
pub const DOCKER_HUB: &str = "docker.io";

impl Image {
    /// From `[host[:port]/]repository[:tag][@digest]`, by Docker's rule for what is a host.
    pub fn parse(text: &str) -> Option<Image> {
        let text = text.trim();
        let text = text.split_once("://").map_or(text, |(_, rest)| rest);
        let (name, digest) = match text.split_once('@') {
            Some((name, digest)) => (name, Some(digest.to_owned())),
            None => (text, None),
        };
        let (host, rest) = match name.split_once('/') {
            Some((first, rest)) if first.contains(['.', ':']) || first == "localhost" => (first.to_lowercase(), rest),
            _ => (DOCKER_HUB.to_owned(), name),
        };
        let host = if matches!(host.as_str(), "index.docker.io" | "registry-1.docker.io") { DOCKER_HUB.to_owned() } else { host };
        let (repository, tag) = match rest.rsplit_once(':') {
            Some((repository, tag)) if !tag.contains('/') => (repository, Some(tag.to_owned())),
            _ => (rest, None),
        };
        let repository = match repository.contains('/') {
            false if host == DOCKER_HUB => format!("library/{repository}"),
            _ => repository.to_owned(),
        };
        let tag = tag.filter(|tag| !tag.is_empty());
        let named = repository.split('/').all(|part| !part.is_empty());
        named.then_some(Image { host: Some(host), repository, tag, digest })
    }

    /// Whether both mean one repository of one registry.
    pub fn same_repository(&self, other: &Image, any_host: bool) -> bool {
        let hosts = any_host || match (&self.host, &other.host) {
            (Some(one), Some(two)) => one == two,
            _ => true,
        };
        hosts && self.repository == other.repository
    }

    /// `host/repository`.
    pub fn name(&self) -> String {
        match &self.host {
            Some(host) => format!("{host}/{}", self.repository),
            None => self.repository.clone(),
        }
    }
}

/// A field of a form, decoded.
pub(super) fn form_field(body: &[u8], name: &str) -> Option<Vec<u8>> {
    let fields = body.split(|byte| *byte == b'&');
    let mut fields = fields.filter_map(|field| {
        let at = field.iter().position(|byte| *byte == b'=')?;
        Some((&field[..at], &field[at + 1..]))
    });
    fields.find(|(key, _)| *key == name.as_bytes()).map(|(_, value)| percent_decode(value))
}

/// `%XX` and `+` as forms and S3's object keys have them.
pub(super) fn percent_decode(text: &[u8]) -> Vec<u8> {
    let digit = |at: usize| text.get(at).and_then(|byte| (*byte as char).to_digit(16)).map(|digit| digit as u8);
    let mut out = Vec::with_capacity(text.len());
    let mut at = 0;
    while at < text.len() {
        match (text[at], digit(at + 1), digit(at + 2)) {
            (b'%', Some(high), Some(low)) => {
                out.push(high << 4 | low);
                at += 2;
            }
            (b'+', ..) => out.push(b' '),
            (byte, ..) => out.push(byte),
        }
        at += 1;
    }
    out
}
