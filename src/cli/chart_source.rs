//! A chart on disk: where the argument leads, and its files as Helm walks them (`LoadDir`, `internal/sympath`).

use super::goerror::{errno_text, path_error};
use super::remote::ChartFlags;
use crate::chart::archive::{MAX_DECOMPRESSED_CHART_BYTES, read_archive, without_bom};
use crate::chart::log::quote;
use crate::chart::{Chart, Log, SourceFile, ignore::Rules, load_archive, load_files, load_v2_files};
use std::fs;
use std::io::Read;
use std::path::{Path, PathBuf};

/// How deep folders of a chart may lie in each other: a symbolic link to a parent would never end.
const MAX_FOLDER_DEPTH: usize = 64;
/// The most files of a chart folder.
const MAX_FILES: usize = 100_000;

/// Where a chart was found.
pub(super) enum Located {
    /// A folder or an archive on disk, by its absolute path.
    Disk(PathBuf),
    /// An archive that was fetched.
    Fetched(Vec<u8>),
}

/// `LocateChart`: on disk where it is there and no repository is named, else from where the reference leads.
pub(super) fn find(name: &str, flags: &ChartFlags, log: &mut Log) -> Result<Located, String> {
    flags.check()?;
    let name = name.trim();
    if flags.repo().is_none() {
        if Path::new(name).exists() {
            return absolute(Path::new(name)).map(Located::Disk);
        }
        if Path::new(name).is_absolute() || name.starts_with('.') {
            return Err(format!("path {} not found", quote(name)));
        }
    }
    fetch(name, flags, log).map(Located::Fetched)
}

#[cfg(feature = "agent")]
fn fetch(name: &str, flags: &ChartFlags, log: &mut Log) -> Result<Vec<u8>, String> {
    super::connection::block_on_value(async {
        let session = super::remote::Session::new(&flags.server, flags.pass_credentials, super::remote::Printer::Err)?;
        let place = session.locate(name, flags, log).await?;
        session.fetch(&place).await
    })
}

#[cfg(not(feature = "agent"))]
fn fetch(name: &str, _: &ChartFlags, _: &mut Log) -> Result<Vec<u8>, String> {
    Err(format!("{name} is not on disk, and this build of windlass has no network"))
}

/// Loads what was found.
pub(super) fn load_located(located: &Located, log: &mut Log) -> Result<Chart, String> {
    match located {
        Located::Disk(path) => load(path, log),
        Located::Fetched(bytes) => load_archive(bytes, log).map_err(|error| format!("the archive that was fetched is no chart: {error}")),
    }
}

/// `filepath.Abs`
pub(super) fn absolute(path: &Path) -> Result<PathBuf, String> {
    let whole = match path.is_absolute() {
        true => path.to_owned(),
        false => std::env::current_dir().map_err(|error| path_error("getwd", Path::new("."), &error))?.join(path),
    };
    Ok(PathBuf::from(crate::chart::gopath::clean(&whole.to_string_lossy())))
}

/// Loads what was found as [`load_v2_files`] does.
pub(super) fn load_located_v2(located: &Located, log: &mut Log) -> Result<Chart, String> {
    let files = match located {
        Located::Disk(path) if path.is_dir() => read_folder(path, log)?,
        Located::Disk(path) => read_archive(&read_archive_file(path)?).map_err(|error| not_an_archive(path, error.message))?,
        Located::Fetched(bytes) => read_archive(bytes).map_err(|error| format!("the archive that was fetched is no chart: {error}"))?,
    };
    load_v2_files(files, log).map_err(|error| error.message)
}

/// Loads a chart from a folder or an archive.
pub fn load(path: &Path, log: &mut Log) -> Result<Chart, String> {
    let info = fs::metadata(path).map_err(|error| path_error("stat", path, &error))?;
    if info.is_dir() {
        let manifest = path.join("Chart.yaml");
        if let Err(error) = fs::File::open(&manifest) {
            let error = path_error("open", &manifest, &error);
            return Err(format!("unable to detect chart at {}: {error}", manifest.display()));
        }
        let files = read_folder(path, log)?;
        if !files.iter().any(|file| file.path == "Chart.yaml") {
            // Helm found it on disk; it is .helmignore that takes it away.
            return Err("Chart.yaml file is missing".to_owned());
        }
        return load_files(files, log).map_err(|error| error.message);
    }
    let bytes = read_archive_file(path)?;
    load_archive(&bytes, log).map_err(|error| not_an_archive(path, error.message))
}

fn not_an_archive(path: &Path, error: String) -> String {
    match error.as_str() {
        "gzip: invalid header" => format!("file '{}' does not appear to be a valid chart file (details: {error})", path.display()),
        _ => error,
    }
}

/// The bytes of an archive, after a look at whether it is one (`EnsureArchive`).
fn read_archive_file(path: &Path) -> Result<Vec<u8>, String> {
    let bytes = fs::read(path).map_err(|error| path_error("open", path, &error))?;
    if bytes.starts_with(&[0x1f, 0x8b, 0x08]) {
        return Ok(bytes);
    }
    let name = path.display().to_string();
    if name.ends_with(".yml") || name.ends_with(".yaml") {
        return Err(format!("file '{name}' seems to be a YAML file, but expected a gzipped archive"));
    }
    let binary = |byte: &u8| matches!(byte, 0..=8 | 0x0b | 0x0e..=0x1a | 0x1c..=0x1f);
    let start = &bytes[..bytes.len().min(512)];
    // Go sniffs a buffer of 512 bytes, zeros after the file's end among them.
    let kind = if start.len() < 512 || start.iter().any(binary) { "application/octet-stream" } else { "text/plain; charset=utf-8" };
    Err(format!("file '{name}' does not appear to be a gzipped archive; got '{kind}'"))
}

/// The files of a chart's folder in path order, symbolic links followed, without what `.helmignore` names.
pub(super) fn read_folder(folder: &Path, log: &mut Log) -> Result<Vec<SourceFile>, String> {
    let top = absolute(folder)?;
    let mut rules = match fs::read(top.join(".helmignore")) {
        Ok(text) => Rules::parse(&text)?,
        Err(_) => Rules::default(),
    };
    rules.add_defaults();
    let mut walk = Walk { rules, files: Vec::new(), remaining: MAX_DECOMPRESSED_CHART_BYTES, log };
    walk.folder(&top, "", 0)?;
    Ok(walk.files)
}

struct Walk<'l> {
    rules: Rules,
    files: Vec<SourceFile>,
    remaining: u64,
    log: &'l mut Log,
}

impl Walk<'_> {
    fn folder(&mut self, folder: &Path, below: &str, depth: usize) -> Result<(), String> {
        if depth > MAX_FOLDER_DEPTH {
            return Err(format!("folders are nested deeper than {MAX_FOLDER_DEPTH} levels at {}", folder.display()));
        }
        let entries = fs::read_dir(folder).map_err(|error| path_error("open", folder, &error))?;
        let mut names = entries
            .map(|entry| entry.map(|entry| entry.file_name()))
            .collect::<Result<Vec<_>, _>>()
            .map_err(|error| path_error("readdirent", folder, &error))?;
        names.sort();
        for name in names {
            let path = folder.join(&name);
            let name = name.to_string_lossy();
            let inner = if below.is_empty() { name.into_owned() } else { format!("{below}/{name}") };
            self.entry(&path, &inner, depth)?;
        }
        Ok(())
    }

    fn entry(&mut self, path: &Path, inner: &str, depth: usize) -> Result<(), String> {
        let mut info = fs::symlink_metadata(path).map_err(|error| path_error("lstat", path, &error))?;
        if info.is_symlink() {
            let evaluate = |error| format!("error evaluating symlink {}: {}", path.display(), errno_path(path, error));
            let resolved = fs::canonicalize(path).map_err(evaluate)?;
            let (shown, target) = (path.to_string_lossy(), resolved.to_string_lossy());
            self.log.info(
                "found symbolic link in path. Contents of linked file included and used",
                &[("path", &shown), ("resolved", &target)],
            );
            info = fs::symlink_metadata(&resolved).map_err(|error| path_error("lstat", &resolved, &error))?;
        }
        if self.rules.ignores(inner, info.is_dir()) {
            return Ok(());
        }
        if info.is_dir() {
            return self.folder(path, inner, depth + 1);
        }
        if !info.is_file() {
            return Err(format!("cannot load irregular file {} as it has file mode type bits set", path.display()));
        }
        self.file(path, inner, info.len())
    }

    fn file(&mut self, path: &Path, inner: &str, size: u64) -> Result<(), String> {
        let too_large = || {
            let bound = MAX_DECOMPRESSED_CHART_BYTES;
            format!("error reading {inner}: chart exceeds maximum decompressed size of {bound} bytes")
        };
        if size > self.remaining {
            return Err(too_large());
        }
        if self.files.len() >= MAX_FILES {
            return Err(format!("chart has more than {MAX_FILES} files"));
        }
        let failed = |operation, error| format!("error reading {inner}: {}", path_error(operation, path, &error));
        let file = fs::File::open(path).map_err(|error| failed("open", error))?;
        let mut bytes = Vec::with_capacity(size as usize + 1);
        file.take(self.remaining + 1).read_to_end(&mut bytes).map_err(|error| failed("read", error))?;
        let read = bytes.len() as u64;
        if read > self.remaining {
            return Err(too_large());
        }
        self.remaining -= read;
        self.files.push(SourceFile { path: inner.to_owned(), bytes: without_bom(&bytes).into() });
        Ok(())
    }
}

fn errno_path(path: &Path, error: std::io::Error) -> String {
    let target = fs::read_link(path).map_or_else(|_| path.to_owned(), |target| match path.parent() {
        Some(parent) => parent.join(target),
        None => target,
    });
    format!("lstat {}: {}", crate::chart::gopath::clean(&target.to_string_lossy()), errno_text(&error))
}
