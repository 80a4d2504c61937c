//! Files to a chart: `LoadFiles` in Helm's `pkg/chart/v2/loader/load.go`.

use super::archive::read_archive;
use super::log::Log;
use super::metadata::{CHART_BASE, LOCK, METADATA};
use super::values::load_values;
use super::{Chart, Lock, Metadata, SourceFile, decode_yaml, gopath};
use crate::value::Value;
use std::{collections::BTreeMap, sync::Arc};

/// How deep subcharts may lie in each other. Helm has no bound; a chart in an archive in an archive … is one bomb more.
pub const MAX_SUBCHART_DEPTH: usize = 64;

/// What all archives in `charts/`, and those in them, may unpack to together. Helm bounds each archive alone: eight of them in
/// each other, each holding the next one twice, are 256 times that.
pub const MAX_NESTED_BYTES: u64 = 4 * super::archive::MAX_DECOMPRESSED_CHART_BYTES;

/// Why a chart could not be loaded: Helm's text.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
#[error("{message}")]
pub struct LoadError {
    /// The text as Helm prints it after `Error: `.
    pub message: String,
}

impl LoadError {
    /// An error with this text.
    pub fn new(message: impl Into<String>) -> LoadError {
        LoadError { message: message.into() }
    }
}

impl From<String> for LoadError {
    fn from(message: String) -> LoadError {
        LoadError { message }
    }
}

/// Loads a chart from its files; subcharts in `charts/` (folders and archives) with it. Deprecation notices go to `log`.
///
/// # Errors
/// What Helm refuses, with its text.
pub fn load_files(files: Vec<SourceFile>, log: &mut Log) -> Result<Chart, LoadError> {
    match detect(&files)?.as_str() {
        "" | "v1" | "v2" => load_v2_files(files, log),
        // Helm can load v3 charts, but install, template and the rest then refuse them.
        "v3" => {
            load_at(files, log, 0, &mut Way { left: MAX_NESTED_BYTES, v3: true })?;
            Err(LoadError::new("invalid chart apiVersion"))
        }
        _ => Err(LoadError::new("unsupported chart version")),
    }
}

/// As [`load_files`], whatever `apiVersion` says: what helm's commands do that know charts of v1 and v2 only (`show`, `lint`).
///
/// # Errors
/// What Helm refuses, with its text.
pub fn load_v2_files(files: Vec<SourceFile>, log: &mut Log) -> Result<Chart, LoadError> {
    load_at(files, log, 0, &mut Way { left: MAX_NESTED_BYTES, v3: false })
}

/// Loads a chart from a gzipped tar archive.
///
/// # Errors
/// What Helm refuses, with its text.
pub fn load_archive(bytes: &[u8], log: &mut Log) -> Result<Chart, LoadError> {
    load_files(read_archive(bytes)?, log)
}

/// The `apiVersion` in Chart.yaml.
fn detect(files: &[SourceFile]) -> Result<String, LoadError> {
    let Some(file) = files.iter().find(|file| file.path == "Chart.yaml") else {
        return Err(LoadError::new("unable to detect chart version, no Chart.yaml found"));
    };
    let mut base = Value::Null;
    let decoded = decode_yaml(&file.bytes, &CHART_BASE, &mut base);
    decoded.map_err(|text| LoadError::new(format!("cannot load Chart.yaml: {text}")))?;
    Ok(super::metadata::text(&base, "apiVersion"))
}

/// What is the same for a chart and all below it.
struct Way {
    /// Bytes that archives may still unpack to.
    left: u64,
    /// By the rules of v3, which know no requirements.yaml.
    v3: bool,
}

fn load_at(files: Vec<SourceFile>, log: &mut Log, depth: usize, way: &mut Way) -> Result<Chart, LoadError> {
    if depth > MAX_SUBCHART_DEPTH {
        return Err(LoadError::new(format!("subcharts are nested deeper than {MAX_SUBCHART_DEPTH} levels")));
    }
    let mut chart = Chart { raw: files.clone(), ..Chart::default() };
    let mut metadata: Option<Value> = None;
    for file in files.iter().filter(|file| file.path == "Chart.yaml") {
        let target = metadata.get_or_insert_default();
        let decoded = decode_yaml(&file.bytes, &METADATA, target);
        decoded.map_err(|text| LoadError::new(format!("cannot load Chart.yaml: {text}")))?;
    }
    if let Some(target) = &mut metadata {
        default_version(target, if way.v3 { "v3" } else { "v1" });
    }
    let mut subcharts: BTreeMap<String, Vec<SourceFile>> = BTreeMap::new();
    for file in files {
        place(file, &mut chart, &mut metadata, &mut subcharts, way.v3, log)?;
    }
    let Some(metadata) = metadata else {
        return Err(LoadError::new("Chart.yaml file is missing"));
    };
    chart.metadata = Metadata::from_value(&metadata)?;
    chart.metadata.validate()?;
    for (name, files) in subcharts {
        if name.starts_with(['_', '.']) {
            continue;
        }
        let loaded = load_subchart(&name, files, chart.name(), log, depth, way)?;
        let wrap = |error| LoadError::new(format!("error unpacking subchart {name} in {}: {error}", chart.name()));
        let loaded = loaded.map_err(wrap)?;
        chart.dependencies.push(loaded);
    }
    Ok(chart)
}

/// Helm 2 took charts without `apiVersion`, so they count as v1; helm's loader of v3 takes them as its own.
fn default_version(metadata: &mut Value, version: &str) {
    if super::metadata::text(metadata, "apiVersion").is_empty() {
        if metadata.as_map().is_none() {
            *metadata = Value::Map(Default::default());
        }
        if let Some(map) = metadata.as_map_mut() {
            map.insert("apiVersion".into(), version.into());
        }
    }
}

/// Puts one file where it belongs.
fn place(
    file: SourceFile,
    chart: &mut Chart,
    metadata: &mut Option<Value>,
    subcharts: &mut BTreeMap<String, Vec<SourceFile>>,
    v3: bool,
    log: &mut Log,
) -> Result<(), LoadError> {
    let fail = |text: String| LoadError::new(format!("cannot load {}: {text}", file.path));
    match file.path.as_str() {
        "Chart.yaml" => {}
        "Chart.lock" => chart.lock = Some(read_lock(&file).map_err(fail)?),
        "values.yaml" => chart.values = Arc::new(load_values(&file.bytes).map_err(fail)?),
        "values.schema.json" => chart.schema = Some(file.bytes),
        "requirements.yaml" if !v3 => {
            let target = metadata.get_or_insert_default();
            let v1 = super::metadata::text(target, "apiVersion") == "v1";
            if !v1 {
                log.print(
                    "Warning: Dependencies are handled in Chart.yaml since apiVersion \"v2\". We recommend migrating dependencies to Chart.yaml.",
                );
            }
            decode_yaml(&file.bytes, &METADATA, target).map_err(fail)?;
            if super::metadata::text(target, "apiVersion") == "v1" {
                chart.files.push(file);
            }
        }
        "requirements.lock" if !v3 => {
            chart.lock = Some(read_lock(&file).map_err(fail)?);
            let v1 = metadata.as_ref().is_some_and(|target| super::metadata::text(target, "apiVersion") == "v1");
            if v1 {
                chart.files.push(file);
            } else {
                metadata.get_or_insert_default();
                log.print(
                    "Warning: Dependency locking is handled in Chart.lock since apiVersion \"v2\". We recommend migrating to Chart.lock.",
                );
            }
        }
        path if path.starts_with("templates/") => chart.templates.push(file),
        path if path.starts_with("charts/") && gopath::extension(path) != ".prov" => {
            let path = path["charts/".len()..].to_owned();
            let name = path.split('/').next().unwrap_or_default().to_owned();
            subcharts.entry(name).or_default().push(SourceFile { path, bytes: file.bytes });
        }
        _ => chart.files.push(file),
    }
    Ok(())
}

fn read_lock(file: &SourceFile) -> Result<Lock, String> {
    let mut value = Value::Null;
    decode_yaml(&file.bytes, &LOCK, &mut value)?;
    Ok(Lock::from_value(&value))
}

/// Loads one entry of `charts/`: an archive or a folder.
fn load_subchart(
    name: &str,
    files: Vec<SourceFile>,
    parent: &str,
    log: &mut Log,
    depth: usize,
    way: &mut Way,
) -> Result<Result<Chart, LoadError>, LoadError> {
    if gopath::extension(name) == ".tgz" {
        let file = &files[0];
        if file.path != name {
            let got = &file.path;
            return Err(LoadError::new(format!("error unpacking subchart tar in {parent}: expected {name}, got {got}")));
        }
        return Ok(read_archive(&file.bytes).and_then(|files| {
            let unpacked = files.iter().map(|file| file.bytes.len() as u64).sum();
            way.left = way.left.checked_sub(unpacked).ok_or_else(|| {
                LoadError::new(format!("archives in charts/ unpack to more than {MAX_NESTED_BYTES} bytes together"))
            })?;
            load_at(files, log, depth + 1, way)
        }));
    }
    let inside = files.into_iter().filter_map(|file| {
        let (_, path) = file.path.split_once('/')?;
        Some(SourceFile { path: path.to_owned(), bytes: file.bytes })
    });
    Ok(load_at(inside.collect(), log, depth + 1, way))
}
