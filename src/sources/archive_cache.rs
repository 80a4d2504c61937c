//! Archives on disk by their digest. Nothing in it is worth more than a fetch: what does not fit its name is thrown away.
//!
//!     DIR/archives/DIGEST.tgz    an archive
//!     DIR/dependencies/KEY       which archive a dependency was resolved to, once

use super::charts::sha256;
use super::chart_error::ChartError;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

/// Archives that are kept, at the most; those longest unused go.
const MAX_ARCHIVES: usize = 1_000;

/// The cache.
#[derive(Debug)]
pub struct ArchiveCache {
    folder: PathBuf,
}

impl ArchiveCache {
    /// A cache below `folder`.
    pub fn new(folder: PathBuf) -> ArchiveCache {
        ArchiveCache { folder }
    }

    fn archive(&self, digest: &str) -> PathBuf {
        self.folder.join("archives").join(format!("{digest}.tgz"))
    }

    /// The archive of a digest, if it is there and whole.
    pub fn get(&self, digest: &str) -> Option<Arc<[u8]>> {
        if digest.len() != 64 || !digest.bytes().all(|byte| byte.is_ascii_hexdigit()) {
            return None;
        }
        let path = self.archive(&digest.to_ascii_lowercase());
        let bytes = fs::read(&path).ok()?;
        if !sha256(&bytes).eq_ignore_ascii_case(digest) {
            tracing::warn!(digest, "an archive in the chart cache is damaged; fetching it anew");
            let _ = fs::remove_file(&path);
            return None;
        }
        // Its time says when it was last of use.
        let _ = fs::File::options().append(true).open(&path).and_then(|file| file.set_modified(std::time::SystemTime::now()));
        Some(bytes.into())
    }

    /// Keeps an archive.
    ///
    /// # Errors
    /// The folder cannot be written.
    pub fn put(&self, digest: &str, bytes: &[u8]) -> Result<(), ChartError> {
        write(&self.archive(digest), bytes)?;
        self.sweep();
        Ok(())
    }

    /// What was noted under a key.
    pub fn note(&self, key: &str) -> Option<String> {
        fs::read_to_string(self.folder.join("dependencies").join(key)).ok()
    }

    /// Notes a text under a key, which is a digest in hexadecimal.
    ///
    /// # Errors
    /// The folder cannot be written.
    pub fn keep_note(&self, key: &str, text: &str) -> Result<(), ChartError> {
        write(&self.folder.join("dependencies").join(key), text.as_bytes())
    }

    /// Removes the archives longest unused beyond the bound.
    fn sweep(&self) {
        let entries = fs::read_dir(self.folder.join("archives")).into_iter().flatten().flatten();
        let mut files: Vec<_> = entries.filter_map(|entry| Some((entry.metadata().ok()?.modified().ok()?, entry.path()))).collect();
        if files.len() > MAX_ARCHIVES {
            files.sort();
            let over = files.len() - MAX_ARCHIVES;
            files.iter().take(over).for_each(|(_, path)| drop(fs::remove_file(path)));
        }
    }
}

/// Writes a file whole or not at all.
fn write(path: &Path, bytes: &[u8]) -> Result<(), ChartError> {
    static COUNT: AtomicU64 = AtomicU64::new(0);
    let failed = |error: io::Error| ChartError::Cache { why: format!("writing {}: {error}", path.display()) };
    let folder = path.parent().unwrap_or(Path::new("."));
    fs::create_dir_all(folder).map_err(failed)?;
    let partial = folder.join(format!(".{}-{}", std::process::id(), COUNT.fetch_add(1, Ordering::Relaxed)));
    fs::write(&partial, bytes).and_then(|()| fs::rename(&partial, path)).map_err(|error| {
        let _ = fs::remove_file(&partial);
        failed(error)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_does_not_fit_its_name_is_thrown_away() {
        let folder = tempfile::TempDir::new().unwrap();
        let cache = ArchiveCache::new(folder.path().to_owned());
        let digest = sha256(b"content");
        assert!(cache.get(&digest).is_none() && cache.get("../../etc/passwd").is_none());
        cache.put(&digest, b"content").unwrap();
        assert_eq!(cache.get(&digest).as_deref(), Some(&b"content"[..]));
        fs::write(cache.archive(&digest), b"damage").unwrap();
        assert!(cache.get(&digest).is_none());
        assert!(!cache.archive(&digest).exists());
    }
}
