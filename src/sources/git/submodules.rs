//! Submodules: where `.gitmodules` says they come from, fetched at the commit that the parent names.

use git2::{Oid, Repository};

use super::remote::Failure;
use super::tree::{Reader, Submodules};
use super::url::{RemoteUrl, Scheme, mask};
use super::{Credentials, GitCache};
use crate::sources::SourceError;

/// Submodules inside of submodules are not fetched: git's own nesting has no bound.
pub struct None;

impl Submodules for None {
    fn open(&self, parent: &Reader<'_>, name: &str, _: Oid, path: &str) -> Result<(Repository, Oid), Failure> {
        let submodule_url = "a submodule inside of a submodule, which windlass does not fetch".to_string();
        Err(SourceError::SubmoduleNotFetched { url: parent.url.clone(), path: path.into(), name: name.into(), submodule_url }.into())
    }
}

/// Submodules are not to be fetched: says so, with the name and URL of the one that was needed.
pub struct Refused<'a> {
    /// The parent's URL.
    pub base: &'a RemoteUrl,
}

impl Submodules for Refused<'_> {
    fn open(&self, parent: &Reader<'_>, name: &str, _: Oid, path: &str) -> Result<(Repository, Oid), Failure> {
        let submodule_url = match url_of(parent, name)? {
            Some(text) => mask(&self.base.join(&text)),
            Option::None => ".gitmodules does not say where it comes from".into(),
        };
        Err(SourceError::SubmoduleNotFetched { url: parent.url.clone(), path: path.into(), name: name.into(), submodule_url }.into())
    }
}

/// Submodules are fetched through the same cache.
pub struct Fetched<'a> {
    /// The cache.
    pub cache: &'a GitCache,
    /// The parent's URL.
    pub base: &'a RemoteUrl,
    /// The parent's credentials; secrets go to the parent's host only.
    pub creds: &'a Credentials,
}

impl Submodules for Fetched<'_> {
    fn open(&self, parent: &Reader<'_>, name: &str, commit: Oid, _: &str) -> Result<(Repository, Oid), Failure> {
        let wrap = |cause: SourceError| {
            Failure::Source(SourceError::Submodule { url: parent.url.clone(), name: name.into(), cause: Box::new(cause) })
        };
        let text = url_of(parent, name)?.ok_or_else(|| {
            wrap(SourceError::Url { url: "?".into(), why: ".gitmodules does not say where it comes from".into() })
        })?;
        let (url, password) = RemoteUrl::parse(&self.base.join(&text)).map_err(wrap)?;
        // As git since CVE-2022-39253: a repository from elsewhere must not make us read this machine's files.
        if url.scheme == Scheme::File && self.base.scheme != Scheme::File {
            let why = "a submodule of a remote repository may not be a local path".to_string();
            return Err(wrap(SourceError::Url { url: url.shown(), why }));
        }
        let mut creds = if url.same_host(self.base) { self.creds.clone() } else { self.creds.for_other_host() };
        if let Some(password) = password {
            creds.username = url.user.clone();
            creds.password = Some(password);
        }
        let repo = self.cache.commit_of(&url, &creds, commit).map_err(wrap)?;
        Ok((repo, commit))
    }
}

/// The URL of the submodule at path `name`, from `.gitmodules` in the parent's tree.
fn url_of(parent: &Reader<'_>, name: &str) -> Result<Option<String>, Failure> {
    match parent.read(".gitmodules") {
        Ok(bytes) => Ok(parse(&String::from_utf8_lossy(&bytes), name)),
        Err(Failure::Source(SourceError::PathMissing { .. })) => Ok(Option::None),
        Err(other) => Err(other),
    }
}

/// The part of git's configuration format that `.gitmodules` uses; nothing is included or executed.
fn parse(text: &str, wanted: &str) -> Option<String> {
    let (mut path, mut url) = (Option::None, Option::None);
    let mut found = Option::None;
    let mut close = |path: &mut Option<String>, url: &mut Option<String>| {
        let (path, url) = (path.take(), url.take());
        if path.as_deref() == Some(wanted) && found.is_none() {
            found = url;
        }
    };
    for line in text.lines().map(str::trim) {
        if line.starts_with('[') {
            close(&mut path, &mut url);
        } else if let Some((key, value)) = line.split_once('=') {
            let value = value.trim().trim_matches('"').trim_end_matches('/').to_string();
            match key.trim().to_ascii_lowercase().as_str() {
                "path" => path = Some(value),
                "url" => url = Some(value),
                _ => {}
            }
        }
    }
    close(&mut path, &mut url);
    found
}

#[cfg(test)]
mod tests {
    #[test]
    fn gitmodules_are_read() {
        let text = "[submodule \"a\"]\n\tpath = charts/a\n\turl = ../a.git\n[submodule \"b\"]\n\turl=https://h/b\n\tpath=\"b\"\n";
        assert_eq!(super::parse(text, "charts/a").as_deref(), Some("../a.git"));
        assert_eq!(super::parse(text, "b").as_deref(), Some("https://h/b"));
        assert_eq!(super::parse(text, "c"), None);
        assert_eq!(super::parse("= [ \n[x", "c"), None);
    }
}
