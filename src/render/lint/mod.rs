//! What `helm lint` finds in a chart: Helm's `pkg/chart/v2/lint`.

mod addresses;
mod chartfile;
mod names;
mod objects;

use super::engine::render_files;
use super::{Options, prepare_lint};
use crate::chart::capabilities::{Capabilities, KubeVersion};
use crate::chart::{Chart, LoadError, Log, SourceFile, gopath, load_files, schema};
use crate::template::funcs::Host;
use crate::value::Map;
use std::fmt;

/// How grave a finding is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Severity {
    /// Good to know.
    Info,
    /// Against a convention.
    Warning,
    /// It will not work.
    Error,
}

/// One finding.
#[derive(Clone, Debug, PartialEq)]
pub struct Finding {
    /// How grave it is.
    pub severity: Severity,
    /// The file below the chart, its folder, or nothing.
    pub path: String,
    /// Helm's text.
    pub message: String,
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let severity = match self.severity {
            Severity::Info => "INFO",
            Severity::Warning => "WARNING",
            Severity::Error => "ERROR",
        };
        write!(f, "[{severity}] {}: {}", self.path, self.message)
    }
}

/// What a chart is linted with besides values.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct LintOptions {
    /// `.Release.Namespace`
    pub namespace: String,
    /// The version of Kubernetes for `.Capabilities` and deprecations; Helm's default where there is none.
    pub kube_version: Option<KubeVersion>,
    /// Leaves values.schema.json out of account.
    pub skip_schema_validation: bool,
}

/// The findings so far.
#[derive(Default)]
struct Linter(Vec<Finding>);

impl Linter {
    /// Notes what a rule found; whether it found nothing.
    fn rule(&mut self, severity: Severity, path: &str, found: Result<(), String>) -> bool {
        match found {
            Ok(()) => true,
            Err(message) => {
                self.0.push(Finding { severity, path: path.to_owned(), message });
                false
            }
        }
    }
}

/// Lints a chart from its files (or why they could not be read). `folder` is how findings name the chart.
pub fn lint(
    folder: &str,
    files: Result<Vec<SourceFile>, String>,
    values: &Map,
    options: &LintOptions,
    host: &dyn Host,
    log: &mut Log,
) -> Vec<Finding> {
    let mut linter = Linter::default();
    let listed = files.as_deref().unwrap_or_default();
    let find = |path: &str| listed.iter().find(|file| file.path == path);
    if let Some(file) = find("Chart.yaml") {
        chartfile::lint(&mut linter, &file.bytes);
    }
    lint_values(&mut linter, find("values.yaml"), find("values.schema.json"), values, options, log);
    let has_folder = |folder: &str| listed.iter().any(|file| file.path.starts_with(folder));
    let loaded = match &files {
        Ok(files) => load_files(files.clone(), log),
        Err(text) => Err(LoadError::new(text.clone())),
    };
    lint_templates(&mut linter, has_folder("templates/"), &loaded, values, options, host, log);
    lint_dependencies(&mut linter, folder, &loaded);
    if has_folder("crds/") {
        lint_crds(&mut linter, &loaded);
    }
    linter.0
}

fn lint_values(
    linter: &mut Linter,
    file: Option<&SourceFile>,
    schema_file: Option<&SourceFile>,
    overrides: &Map,
    options: &LintOptions,
    log: &mut Log,
) {
    let path = "values.yaml";
    let Some(file) = file else {
        linter.rule(Severity::Info, path, Err("file does not exist".to_owned()));
        return;
    };
    let check = || {
        let values = match crate::yaml::from_yaml(&file.bytes).map_err(|error| error.message)? {
            crate::value::Value::Map(map) => map,
            crate::value::Value::Null => Map::new(),
            other => return Err(crate::chart::values::not_a_map(&other)),
        };
        Ok(values)
    };
    let values = match check() {
        Ok(values) => values,
        Err(text) => {
            linter.rule(Severity::Error, path, Err(format!("unable to parse YAML: {text}")));
            return;
        }
    };
    let merged = crate::chart::coalesce::coalesce_plain(overrides, &values, log);
    if let Some(schema_file) = schema_file.filter(|file| !file.bytes.is_empty() && !options.skip_schema_validation) {
        linter.rule(Severity::Error, path, schema::validate_one(&schema_file.bytes, &merged, log));
    }
}

fn lint_templates(
    linter: &mut Linter,
    exists: bool,
    loaded: &Result<Chart, LoadError>,
    values: &Map,
    options: &LintOptions,
    host: &dyn Host,
    log: &mut Log,
) {
    let folder = "templates/";
    let found = if exists { Ok(()) } else { Err("directory does not exist".to_owned()) };
    if !linter.rule(Severity::Warning, folder, found) {
        return;
    }
    let chart = match loaded {
        Ok(chart) => chart,
        Err(error) => {
            linter.rule(Severity::Error, folder, Err(error.message.clone()));
            return;
        }
    };
    let kube_version = options.kube_version.clone().unwrap_or_default();
    let options = Options {
        release_name: "test-release".to_owned(),
        namespace: options.namespace.clone(),
        revision: 0,
        capabilities: Capabilities::offline(kube_version.clone(), &[]),
        skip_schema_validation: options.skip_schema_validation,
        lint: true,
        ..Options::default()
    };
    // What is wrong with the dependencies' values, lint does not say.
    let (chart, values) = match prepare_lint(chart, values, &options, log) {
        Ok(Some(prepared)) => prepared,
        Ok(None) => return,
        Err(text) => {
            linter.rule(Severity::Error, folder, Err(text));
            return;
        }
    };
    let files = match render_files(&chart, &values, &options, host) {
        Ok(files) => files,
        Err(error) => {
            linter.rule(Severity::Error, folder, Err(error.to_string()));
            return;
        }
    };
    for template in &chart.templates {
        let extension = gopath::extension(&template.path);
        if ![".yaml", ".yml", ".tpl", ".txt"].contains(&extension) {
            let text = format!("file extension '{extension}' not valid. Valid extensions are .yaml, .yml, .tpl, or .txt");
            linter.rule(Severity::Error, &template.path, Err(text));
        }
        if !matches!(extension.to_lowercase().as_str(), ".yaml" | ".yml") {
            continue;
        }
        let rendered = files.get(&gopath::join(&[chart.name(), &template.path]));
        let Some(rendered) = rendered.filter(|text| !text.trim_ascii().is_empty()) else { continue };
        if !objects::lint(linter, &template.path, rendered, &kube_version) {
            return;
        }
    }
}

fn lint_dependencies(linter: &mut Linter, folder: &str, loaded: &Result<Chart, LoadError>) {
    let chart = match loaded {
        Ok(chart) => chart,
        Err(error) => {
            linter.rule(Severity::Error, "", Err(format!("unable to load chart\n\t{error}")));
            return;
        }
    };
    let wanted = chart.metadata.dependencies();
    let mut report = |severity, text: &str, names: Vec<&str>| {
        let found = if names.is_empty() { Ok(()) } else { Err(format!("{text}: {}", names.join(","))) };
        linter.rule(severity, folder, found);
    };
    let unnamed = chart.dependencies.iter().map(Chart::name).filter(|name| !wanted.iter().any(|entry| entry.name == *name));
    report(Severity::Error, "chart metadata is missing these dependencies", unnamed.collect());
    let missing = wanted.iter().map(|entry| entry.name.as_str());
    let missing = missing.filter(|name| !chart.dependencies.iter().any(|loaded| loaded.name() == *name));
    report(Severity::Warning, "chart directory is missing these dependencies", missing.collect());
}

fn lint_crds(linter: &mut Linter, loaded: &Result<Chart, LoadError>) {
    let chart = match loaded {
        Ok(chart) => chart,
        Err(error) => {
            linter.rule(Severity::Error, "crds/", Err(error.message.clone()));
            return;
        }
    };
    for crd in chart.crds() {
        if !objects::lint_crd(linter, &crd.name, &crd.bytes) {
            return;
        }
    }
}

