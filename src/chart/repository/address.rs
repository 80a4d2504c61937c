//! Addresses of repositories and charts: what Helm does with `net/url` and with OCI references.

use crate::chart::{gopath, log::quote};

/// Whether an address is one of an OCI registry.
pub fn is_oci(address: &str) -> bool {
    address.starts_with("oci://")
}

/// A URL in the parts that resolving needs: scheme and host with their marks, the path, the query.
struct Parts<'a> {
    origin: &'a str,
    path: &'a str,
    query: &'a str,
}

fn parts(url: &str) -> Parts<'_> {
    let url = url.split('#').next().unwrap_or_default();
    let (head, query) = url.split_once('?').unwrap_or((url, ""));
    let start = match scheme(head) {
        Some(scheme) if head[scheme.len() + 1..].starts_with("//") => scheme.len() + 3,
        Some(scheme) => scheme.len() + 1,
        None => return Parts { origin: "", path: head, query },
    };
    let end = head[start..].find('/').map_or(head.len(), |slash| start + slash);
    Parts { origin: &head[..end], path: &head[end..], query }
}

/// The scheme of an absolute URL.
fn scheme(url: &str) -> Option<&str> {
    let (scheme, _) = url.split_once(':')?;
    let mut bytes = scheme.bytes();
    let valid = bytes.next()?.is_ascii_alphabetic() && bytes.all(|byte| byte.is_ascii_alphanumeric() || b"+-.".contains(&byte));
    valid.then_some(scheme)
}

/// `ResolveReferenceURL`: a chart's URL as the index has it, seen from the repository's address. The repository's query stays.
///
/// # Errors
/// A text that is no URL, with Go's words.
pub fn resolve(base: &str, reference: &str) -> Result<String, String> {
    let refuse = |text: &str| {
        let why = "net/url: invalid control character in URL";
        format!("failed to parse {text} as URL: parse {}: {why}", quote(text))
    };
    if let Some(bad) = [reference, base].into_iter().find(|text| text.bytes().any(|byte| byte < b' ' || byte == 0x7f)) {
        return Err(refuse(bad));
    }
    if scheme(reference).is_some() {
        return Ok(reference.to_owned());
    }
    let base = parts(base);
    let (reference, _) = reference.split_once('?').unwrap_or((reference, ""));
    let reference = reference.split('#').next().unwrap_or_default();
    let query = if base.query.is_empty() { String::new() } else { format!("?{}", base.query) };
    if let Some(rest) = reference.strip_prefix("//") {
        let scheme = base.origin.split_once("//").map_or("", |(scheme, _)| scheme);
        return Ok(format!("{scheme}//{rest}{query}"));
    }
    let path = match reference {
        path if path.starts_with('/') => path.to_owned(),
        path => format!("{}/{path}", base.path.strip_suffix('/').unwrap_or(base.path)),
    };
    Ok(format!("{}{}{query}", base.origin, escaped(&dotless(&path))))
}

/// `resolvePath`: without `.` and `..`, a slash at the end kept.
fn dotless(path: &str) -> String {
    let mut kept: Vec<&str> = Vec::new();
    let last = path.split('/').next_back().unwrap_or_default();
    for part in path.split('/').skip(1) {
        match part {
            "." => {}
            ".." => drop(kept.pop()),
            part => kept.push(part),
        }
    }
    let slash = if matches!(last, "." | "..") { "/" } else { "" };
    format!("/{}{slash}", kept.join("/"))
}

/// What may not stand in a path as it is becomes `%XX`, as `URL.String` writes it; escapes that are there stay.
fn escaped(path: &str) -> String {
    let mut out = String::with_capacity(path.len());
    for byte in path.bytes() {
        match byte {
            byte if byte.is_ascii_alphanumeric() || b"$&+,-./:;=@_~!'()*%[]".contains(&byte) => out.push(byte as char),
            byte => out.push_str(&format!("%{byte:02X}")),
        }
    }
    out
}

/// A URL without what stands before its `@`.
pub fn masked(url: &str) -> String {
    let Some((scheme, rest)) = url.split_once("://") else { return url.to_owned() };
    let end = rest.find('/').unwrap_or(rest.len());
    match rest[..end].rfind('@') {
        Some(at) => format!("{scheme}://***@{}", &rest[at + 1..]),
        None => url.to_owned(),
    }
}

/// `urlutil.Equal`: the same but for a slash at the end of the path.
pub fn same_url(a: &str, b: &str) -> bool {
    let clean = |url: &str| {
        let parts = parts(url);
        let path = if parts.path.is_empty() { "/" } else { parts.path };
        format!("{}{}?{}", parts.origin.to_ascii_lowercase(), gopath::clean(path), parts.query)
    };
    clean(a) == clean(b)
}

/// Whether two URLs have scheme, host and port in common: credentials of the one may be shown to the other.
pub fn same_host(a: &str, b: &str) -> bool {
    let key = |url: &str| {
        let origin = parts(url).origin.to_ascii_lowercase();
        let (scheme, host) = origin.split_once("://").map(|(scheme, host)| (scheme.to_owned(), host.to_owned()))?;
        let host = host.rsplit_once('@').map_or(host.clone(), |(_, host)| host.to_owned());
        let default = if scheme == "https" { ":443" } else { ":80" };
        let host = host.strip_suffix(default).map(str::to_owned).unwrap_or(host);
        Some((scheme, host))
    };
    key(a).is_some_and(|a| Some(a) == key(b))
}

/// A reference of an OCI registry: `registry/repository:tag@digest`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct OciReference {
    /// Host, with its port.
    pub registry: String,
    /// Path below the host.
    pub repository: String,
    /// The tag, with `_` where the version has `+`; empty where there is none.
    pub tag: String,
    /// The digest with its algorithm; empty where there is none.
    pub digest: String,
}

impl OciReference {
    /// `newReference`: with or without `oci://`; a plus sign in the tag becomes an underscore, as tags have none.
    ///
    /// # Errors
    /// oras' texts.
    pub fn parse(text: &str) -> Result<OciReference, String> {
        let raw = text.strip_prefix("oci://").unwrap_or(text);
        let (raw, digest) = raw.rsplit_once('@').unwrap_or((raw, ""));
        let Some((registry, rest)) = raw.split_once('/') else {
            return Err("invalid reference: missing registry or repository".to_owned());
        };
        let (repository, tag) = match rest.rsplit_once(':') {
            Some((repository, tag)) if !tag.contains('/') => (repository, tag.replace('+', "_")),
            _ => (rest, String::new()),
        };
        let host = |c: char| c.is_ascii_alphanumeric() || ".-:[]_".contains(c);
        if registry.is_empty() || !registry.chars().all(host) {
            return Err(format!("invalid reference: invalid registry {}", quote(registry)));
        }
        if !is_repository(repository) {
            return Err(format!("invalid reference: invalid repository {}", quote(repository)));
        }
        let word = |c: char| c.is_ascii_alphanumeric() || c == '_' || c == '.' || c == '-';
        if !tag.chars().all(word) || tag.starts_with(['.', '-']) || tag.len() > 128 {
            return Err(format!("invalid reference: invalid tag {}", quote(&tag)));
        }
        Ok(OciReference { registry: registry.into(), repository: repository.into(), tag, digest: digest.into() })
    }
}

/// `repositoryRegexp`: lower-case words with separators between them, joined by slashes.
fn is_repository(text: &str) -> bool {
    let component = |part: &str| {
        let inner = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit();
        let ends = part.starts_with(inner) && part.ends_with(inner);
        let allowed = part.chars().all(|c| inner(c) || "._-".contains(c));
        ends && allowed && !["..", "._", "_.", "___", ".-", "-.", "_-", "-_"].iter().any(|bad| part.contains(bad))
    };
    !text.is_empty() && text.split('/').all(component)
}

impl std::fmt::Display for OciReference {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}/{}", self.registry, self.repository)?;
        match (self.tag.as_str(), self.digest.as_str()) {
            ("", "") => Ok(()),
            ("", digest) => write!(f, "@{digest}"),
            (tag, _) => write!(f, ":{tag}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    // Cases: helm v4.3.1, pkg/repo/v1/chartrepo_test.go (TestResolveReferenceURL) and pkg/registry/reference_test.go
    #[test]
    fn references_as_helm_resolves_them() {
        for (base, reference, want) in [
            ("http://localhost:8123/charts/", "nginx-0.2.0.tgz", "http://localhost:8123/charts/nginx-0.2.0.tgz"),
            ("http://localhost:8123/charts-with-no-trailing-slash", "nginx-0.2.0.tgz", "http://localhost:8123/charts-with-no-trailing-slash/nginx-0.2.0.tgz"),
            ("http://localhost:8123", "https://charts.helm.sh/stable/nginx-0.2.0.tgz", "https://charts.helm.sh/stable/nginx-0.2.0.tgz"),
            ("http://localhost:8123/charts%2fwith%2fescaped%2fslash", "nginx-0.2.0.tgz", "http://localhost:8123/charts%2fwith%2fescaped%2fslash/nginx-0.2.0.tgz"),
            ("http://localhost:8123/charts?with=queryparameter", "nginx-0.2.0.tgz", "http://localhost:8123/charts/nginx-0.2.0.tgz?with=queryparameter"),
            ("http://localhost:8123/charts", "/other/nginx.tgz", "http://localhost:8123/other/nginx.tgz"),
            ("http://localhost:8123/a/b", "../nginx.tgz", "http://localhost:8123/a/nginx.tgz"),
        ] {
            assert_eq!(resolve(base, reference).as_deref(), Ok(want));
        }
        assert!(same_url("http://example.com/foo", "http://example.com/foo/") && !same_url("http://example.com/a", "http://example.com/b"));
        assert!(same_host("https://h/x", "https://h:443/y") && !same_host("http://h/x", "http://h:8080/x") && !same_host("http://h/", "https://h/"));
    }

    #[test]
    fn oci_references_as_oras_takes_them() {
        let parsed = OciReference::parse("oci://registry.example.com:5000/a/b:1.0.0+x@sha256:00").unwrap();
        assert_eq!((parsed.registry.as_str(), parsed.repository.as_str()), ("registry.example.com:5000", "a/b"));
        assert_eq!((parsed.tag.as_str(), parsed.digest.as_str()), ("1.0.0_x", "sha256:00"));
        assert!(OciReference::parse("a/B").unwrap_err().contains("invalid repository"));
        assert!(OciReference::parse("host").is_err());
    }
}
