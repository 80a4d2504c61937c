//! Environments that are files of a folder: followed by the file system's own notifications. Their status goes to the log and
//! the metrics; a file that goes lets its release stand.

use super::{Keeper, Registry, Shared, drive::Shown};
use crate::{
    app::{self, App},
    cluster::ApiError,
};
use notify::Watcher as _;
use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};
use tokio::sync::mpsc;

/// Editors write a file in several steps: changes are taken together for this long.
const SETTLE: Duration = Duration::from_millis(150);
/// The folder is read again after this time even if no notification came: some network file systems send none.
const READ_AGAIN: Duration = Duration::from_secs(60);

/// Follows the folder; comes back only where it cannot be watched.
pub async fn follow(shared: Arc<Shared>, folder: PathBuf, registry: Registry) -> ApiError {
    let (send, mut changed) = mpsc::channel(1);
    let watcher = notify::recommended_watcher(move |_: notify::Result<notify::Event>| {
        // One waiting notification is as good as a hundred: the whole folder is read.
        let _ = send.try_send(());
    });
    let watching = watcher.and_then(|mut watcher| watcher.watch(&folder, notify::RecursiveMode::NonRecursive).map(|()| watcher));
    let _watcher = match watching {
        Ok(watcher) => watcher,
        Err(error) => return ApiError::config(format!("cannot watch the folder {}: {error}", folder.display())),
    };
    let mut known: BTreeMap<PathBuf, (String, String)> = BTreeMap::new();
    loop {
        read(&shared, &folder, &registry, &mut known).await;
        tokio::select! {
            _ = changed.recv() => tokio::time::sleep(SETTLE).await,
            () = tokio::time::sleep(READ_AGAIN) => {}
        }
        let _ = changed.try_recv();
    }
}

/// Reads the folder: new and changed files are minded, those that went are let go. `known` holds each file's text and the
/// environment that it meant.
async fn read(shared: &Arc<Shared>, folder: &Path, registry: &Registry, known: &mut BTreeMap<PathBuf, (String, String)>) {
    let found = match list(folder) {
        Ok(found) => found,
        Err(error) => return tracing::warn!(reason = "FolderUnreadable", "reading the folder {}: {error}", folder.display()),
    };
    let gone: Vec<PathBuf> = known.keys().filter(|path| !found.contains_key(*path)).cloned().collect();
    for path in gone {
        if let Some((_, id)) = known.remove(&path).filter(|(_, id)| !id.is_empty()) {
            tracing::info!(environment = id, file = %path.display(), reason = "FileGone", "its file has gone: the release stays as it is");
            registry.forget(&id);
        }
    }
    for (path, text) in found {
        let before = known.get(&path).cloned();
        if before.as_ref().is_some_and(|(old, _)| *old == text) {
            continue;
        }
        let id = match app::parse(&text).and_then(|env| App::resolve(&env).map_err(|error| error.to_string())) {
            Ok(app) => {
                let id = app.id();
                if let Some((other, _)) = known.iter().find(|(other, (_, known))| **other != path && *known == id) {
                    tracing::warn!(environment = id, reason = "InvalidSpec", "{} means the same Environment as {}: it is passed over", path.display(), other.display());
                    continue;
                }
                registry.meet(shared, app, Keeper::File, Shown::default()).await;
                id
            }
            Err(error) => {
                tracing::warn!(file = %path.display(), reason = "InvalidSpec", "{}: {error}; what it meant before still holds", path.display());
                before.map(|(_, id)| id).unwrap_or_default()
            }
        };
        known.insert(path, (text, id));
    }
}

fn list(folder: &Path) -> std::io::Result<BTreeMap<PathBuf, String>> {
    let mut found = BTreeMap::new();
    for entry in std::fs::read_dir(folder)? {
        let path = entry?.path();
        let name = path.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
        let yaml = [".yaml", ".yml", ".json"].iter().any(|end| name.ends_with(end));
        if yaml && !name.starts_with('.') && path.is_file() {
            // A file that goes while the folder is read is simply not there.
            if let Ok(text) = std::fs::read_to_string(&path) {
                found.insert(path, text);
            }
        }
    }
    Ok(found)
}
