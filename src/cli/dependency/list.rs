//! `windlass dependency list`: what Chart.yaml wants, and what `charts/` has of it.

use super::super::{Outcome, chart_source, print_notices, write_out};
use crate::chart::log::quote;
use crate::chart::{Chart, Dependency, Log, gopath, semver};
use clap::Args;
use std::path::{Path, PathBuf};

/// List the dependencies for the given chart.
#[derive(Args, Debug)]
pub struct List {
    /// The chart's folder or archive
    #[arg(default_value = ".", value_name = "CHART")]
    chart: String,
    /// Maximum column width for output table
    #[arg(long, default_value_t = 80, value_name = "uint")]
    max_col_width: usize,
}

impl List {
    /// Runs the command.
    pub fn run(&self) -> Outcome {
        let folder = PathBuf::from(gopath::clean(&self.chart));
        let mut log = Log::default();
        let chart = chart_source::load(&folder, &mut log);
        print_notices(&log);
        let chart = chart?;
        let Some(wanted) = &chart.metadata.dependencies else {
            let charts = gopath::join(&[&folder.to_string_lossy(), "charts"]);
            return write_out(format!("WARNING: no dependencies at {charts}\n").as_bytes());
        };
        let mut rows = vec![["NAME", "VERSION", "REPOSITORY", "STATUS"].map(str::to_owned)];
        for wanted in wanted {
            rows.push([wanted.name.clone(), wanted.version.clone(), wanted.repository.clone(), status(&folder, wanted, &chart).to_owned()]);
        }
        let mut text = table(&rows, self.max_col_width);
        text.push_str("\n\n");
        text.push_str(&strangers(&folder, wanted));
        write_out(text.as_bytes())
    }
}

/// `uitable`: columns as wide as their widest cell, a tab between them; what is longer than allowed ends in dots.
fn table(rows: &[[String; 4]], limit: usize) -> String {
    let length = |text: &str| text.chars().count();
    let mut widths = [0; 4];
    for row in rows {
        for (width, cell) in widths.iter_mut().zip(row) {
            let cell = if limit == 0 { length(cell) } else { length(cell).min(limit) };
            *width = (*width).max(cell);
        }
    }
    let fit = |text: &str, width: usize| match length(text) {
        same if same == width => text.to_owned(),
        less if less < width => format!("{text:width$}"),
        // Go writes the rune before it looks whether there is room, so one at least is kept.
        _ => text.chars().take(width.saturating_sub(3).max(1)).chain("...".chars()).collect(),
    };
    let line = |row: &[String; 4]| row.iter().zip(widths).map(|(cell, width)| fit(cell, width)).collect::<Vec<_>>().join("\t");
    rows.iter().map(line).collect::<Vec<_>>().join("\n")
}

/// `dependencyStatus`
fn status(folder: &Path, wanted: &Dependency, parent: &Chart) -> &'static str {
    let archives = archives(folder, &wanted.name);
    let chosen = match archives.as_slice() {
        [] => None,
        [one] => Some(one),
        many => {
            let prefix = format!("{}-", wanted.name);
            let strict = |path: &&PathBuf| {
                let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
                name.strip_suffix(".tgz").and_then(|name| name.strip_prefix(&prefix)).is_some_and(semver::is_strict)
            };
            let versions: Vec<&PathBuf> = many.iter().filter(strict).collect();
            match versions.as_slice() {
                [one] => Some(*one),
                [] => None,
                _ => return "too many matches",
            }
        }
    };
    if let Some(path) = chosen.filter(|path| path.exists()) {
        return archive_status(path, wanted);
    }
    let Some(loaded) = parent.dependencies.iter().rfind(|loaded| loaded.name() == wanted.name) else { return "missing" };
    version_status(&loaded.metadata.version, wanted).unwrap_or("unpacked")
}

/// What is wrong with a version, where anything is.
fn version_status(version: &str, wanted: &Dependency) -> Option<&'static str> {
    if version == wanted.version {
        return None;
    }
    match (semver::is_range(&wanted.version), semver::is_version(version)) {
        (true, true) => (!semver::is_compatible(&wanted.version, version)).then_some("wrong version"),
        _ => Some("invalid version"),
    }
}

fn archive_status(path: &Path, wanted: &Dependency) -> &'static str {
    match chart_source::load(path, &mut Log::default()) {
        Err(_) => "corrupt",
        Ok(chart) if chart.name() != wanted.name => "misnamed",
        Ok(chart) => version_status(&chart.metadata.version, wanted).unwrap_or("ok"),
    }
}

/// `charts/NAME-*.tgz`, sorted.
fn archives(folder: &Path, name: &str) -> Vec<PathBuf> {
    let prefix = format!("{name}-");
    let fits = |path: &PathBuf| {
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        name.starts_with(&prefix) && name.ends_with(".tgz") && name.len() >= prefix.len() + ".tgz".len()
    };
    entries(folder).into_iter().filter(fits).collect()
}

fn entries(folder: &Path) -> Vec<PathBuf> {
    let mut found: Vec<PathBuf> = std::fs::read_dir(folder.join("charts")).into_iter().flatten().flatten().map(|entry| entry.path()).collect();
    found.sort();
    found
}

/// `printMissing`: charts in `charts/` that Chart.yaml does not name.
fn strangers(folder: &Path, wanted: &[Dependency]) -> String {
    let mut text = String::new();
    for path in entries(folder) {
        if !path.is_dir() && path.extension().is_none_or(|end| end != "tgz") {
            continue;
        }
        let shown = quote(&path.to_string_lossy());
        match chart_source::load(&path, &mut Log::default()) {
            Err(_) => text.push_str(&format!("WARNING: {shown} is not a chart.\n")),
            Ok(chart) if wanted.iter().any(|wanted| wanted.name == chart.name()) => {}
            Ok(_) => text.push_str(&format!("WARNING: {shown} is not in Chart.yaml.\n")),
        }
    }
    text
}
