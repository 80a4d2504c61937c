//! `windlass lint`: Helm's `pkg/cmd/lint.go` around [`crate::render::lint`].

use super::chart_source::{self, absolute};
use super::goerror::path_error;
use super::host::LocalHost;
use super::value_flags::ValueFlags;
use super::{Global, Outcome};
use crate::chart::archive::read_archive;
use crate::chart::capabilities::KubeVersion;
use crate::chart::Log;
use crate::render::lint::{Finding, Folder, LintOptions, Severity, Source, lint};
use crate::value::Map;
use clap::Args;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

/// Examine a chart for possible issues.
#[derive(Args, Debug)]
pub struct Lint {
    /// The charts' folders or archives
    #[arg(required = true)]
    paths: Vec<String>,
    #[command(flatten)]
    values: ValueFlags,
    /// Fail on lint warnings
    #[arg(long)]
    strict: bool,
    /// Lint dependent charts
    #[arg(long)]
    with_subcharts: bool,
    /// Print only warnings and errors
    #[arg(long)]
    quiet: bool,
    /// If set, disables JSON schema validation
    #[arg(long)]
    skip_schema_validation: bool,
    /// Kubernetes version used for capabilities and deprecation checks
    #[arg(long, value_name = "string")]
    kube_version: Option<String>,
}

impl Lint {
    /// Runs the command.
    pub fn run(&self, global: &Global) -> Outcome {
        let kube_version = match self.kube_version.as_deref() {
            None | Some("") => None,
            Some(text) => {
                let parsed = KubeVersion::parse(text);
                Some(parsed.map_err(|error| format!("invalid kube version '{text}': {error}"))?)
            }
        };
        let mut paths = self.paths.clone();
        if self.with_subcharts {
            for path in &self.paths {
                add_subcharts(&Path::new(path).join("charts"), &mut paths, 0);
            }
        }
        let values = self.values.merge()?;
        let options = LintOptions {
            namespace: global.namespace(),
            kube_version,
            skip_schema_validation: self.skip_schema_validation,
        };
        let mut text = String::new();
        let (mut failed, mut noisy) = (0, 0);
        for path in &paths {
            let mut log = Log::default();
            let result = one(Path::new(path), &values, &options, &mut log);
            super::print_notices(&log);
            let tolerated = if self.strict { Severity::Info } else { Severity::Warning };
            let errors = match &result {
                Ok(findings) => findings.iter().filter(|finding| finding.severity > tolerated).count(),
                Err(_) => 1,
            };
            let findings = result.as_deref().unwrap_or_default();
            let loud = errors > 0 || findings.iter().any(|finding| finding.severity > Severity::Info);
            noisy += usize::from(loud);
            if self.quiet && !loud {
                continue;
            }
            text.push_str(&format!("==> Linting {path}\n"));
            if let Err(error) = &result {
                text.push_str(&format!("Error {error}\n"));
            }
            for finding in findings.iter().filter(|finding| !self.quiet || finding.severity > Severity::Info) {
                text.push_str(&format!("{finding}\n"));
            }
            failed += usize::from(errors > 0);
            text.push('\n');
        }
        print!("{text}");
        let summary = format!("{} chart(s) linted, {failed} chart(s) failed", paths.len());
        if failed > 0 {
            return Err(summary);
        }
        if !self.quiet || noisy > 0 {
            println!("{summary}");
        }
        Ok(ExitCode::SUCCESS)
    }
}

/// Lints one chart.
fn one(path: &Path, values: &Map, options: &LintOptions, log: &mut Log) -> Result<Vec<Finding>, String> {
    let name = path.to_string_lossy();
    if name.ends_with(".tgz") || name.ends_with(".tar.gz") {
        let bytes = std::fs::read(path).map_err(|error| format!("unable to open tarball: {}", path_error("open", path, &error)))?;
        let files = read_archive(&bytes).map_err(|error| format!("unable to extract tarball: {error}"))?;
        let folder = path.with_extension("");
        return Ok(lint(&folder.to_string_lossy(), &Source::of(files), &Log::default(), values, options, &LocalHost, log));
    }
    let manifest = path.join("Chart.yaml");
    if let Err(error) = std::fs::metadata(&manifest) {
        let error = path_error("stat", &manifest, &error);
        return Err(format!("unable to check Chart.yaml file in chart: {error}"));
    }
    let folder = absolute(path)?;
    let mut reading = Log::default();
    let files = chart_source::read_folder(&folder, &mut reading);
    let content = |name: &str| std::fs::read(folder.join(name)).ok();
    let source = Source {
        manifest: content("Chart.yaml"),
        values: content("values.yaml"),
        schema: content("values.schema.json"),
        templates: folder_at(&folder.join("templates")),
        crds: folder_at(&folder.join("crds")),
        files,
    };
    Ok(lint(&folder.to_string_lossy(), &source, &reading, values, options, &LocalHost, log))
}

fn folder_at(path: &Path) -> Folder {
    match std::fs::metadata(path) {
        Ok(info) if info.is_dir() => Folder::There,
        Ok(_) => Folder::File,
        Err(_) => Folder::Missing,
    }
}

/// How deep below `charts/` subcharts are looked for.
const MAX_DEPTH: usize = 64;

/// Every chart below `charts/`, as `filepath.Walk` finds them.
fn add_subcharts(folder: &Path, paths: &mut Vec<String>, depth: usize) {
    let Ok(entries) = std::fs::read_dir(folder) else { return };
    let mut entries: Vec<PathBuf> = entries.flatten().map(|entry| entry.path()).collect();
    entries.sort();
    for entry in entries {
        let name = entry.to_string_lossy().into_owned();
        if entry.is_dir() && !entry.is_symlink() {
            if depth < MAX_DEPTH {
                add_subcharts(&entry, paths, depth + 1);
            }
        } else if name.ends_with("/Chart.yaml") {
            paths.push(folder.to_string_lossy().into_owned());
        } else if name.ends_with(".tgz") || name.ends_with(".tar.gz") {
            paths.push(name);
        }
    }
}
