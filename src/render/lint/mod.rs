//! What `helm lint` finds in a chart: Helm's `pkg/chart/v2/lint`.

mod addresses;
mod chartfile;
mod names;
mod objects;

use super::engine::render_files;
use super::{Options, prepare_lint};
use crate::chart::capabilities::{Capabilities, KubeVersion};
use crate::chart::{Chart, LoadError, Log, SourceFile, gopath, load_v2_files, schema};
use crate::template::funcs::{Host, Tolerated};
use crate::value::Map;
use std::{cell::RefCell, fmt};

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

/// Whether a folder of the chart is there, whatever `.helmignore` says.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Folder {
    /// Nothing of this name.
    #[default]
    Missing,
    /// Something, and no folder.
    File,
    /// A folder, perhaps an empty one.
    There,
}

/// What lint looks at: a few files as they stand, since Helm's rules open them without a look at `.helmignore`, and the files
/// that make the chart.
#[derive(Clone, Debug)]
pub struct Source {
    /// The content of `Chart.yaml`.
    pub manifest: Option<Vec<u8>>,
    /// The content of `values.yaml`.
    pub values: Option<Vec<u8>>,
    /// The content of `values.schema.json`.
    pub schema: Option<Vec<u8>>,
    /// `templates/`
    pub templates: Folder,
    /// `crds/`
    pub crds: Folder,
    /// The chart's files without those that `.helmignore` names, or why they could not be read.
    pub files: Result<Vec<SourceFile>, String>,
}

impl Source {
    /// Of a chart whose files are all there is: an archive, a revision of a repository.
    pub fn of(files: Vec<SourceFile>) -> Source {
        let content = |path: &str| files.iter().find(|file| file.path == path).map(|file| file.bytes.to_vec());
        let folder = |name: &str| match files.iter().any(|file| file.path.strip_prefix(name).is_some_and(|rest| rest.starts_with('/'))) {
            true => Folder::There,
            false if files.iter().any(|file| file.path == name) => Folder::File,
            false => Folder::Missing,
        };
        Source {
            manifest: content("Chart.yaml"),
            values: content("values.yaml"),
            schema: content("values.schema.json"),
            templates: folder("templates"),
            crds: folder("crds"),
            files: Ok(files),
        }
    }
}

/// A chart, loaded once, and the notices that each rule which loads it prints.
struct Loaded {
    chart: Result<Chart, LoadError>,
    notices: Log,
}

impl Loaded {
    fn chart(&self, log: &mut Log) -> &Result<Chart, LoadError> {
        log.notices.extend(self.notices.notices.iter().cloned());
        &self.chart
    }
}

/// The host of a render whose `required` and `fail` only tell.
struct Listener<'h> {
    host: &'h dyn Host,
    notices: RefCell<Log>,
}

impl Host for Listener<'_> {
    fn now(&self) -> i128 {
        self.host.now()
    }
    fn zone(&self) -> String {
        self.host.zone()
    }
    fn random(&self, buffer: &mut [u8]) {
        self.host.random(buffer);
    }
    fn lookup(&self, api_version: &str, kind: &str, namespace: &str, name: &str) -> Result<crate::value::Value, String> {
        self.host.lookup(api_version, kind, namespace, name)
    }
    fn resolve(&self, name: &str) -> String {
        self.host.resolve(name)
    }
    fn exhausted(&self) -> Option<String> {
        self.host.exhausted()
    }
    fn tolerated(&self, what: Tolerated, text: &str) {
        let mut notices = self.notices.borrow_mut();
        match what {
            Tolerated::Nil => notices.warn("missing required value", &[("message", text)]),
            Tolerated::Empty => notices.warn("missing required values", &[("message", text)]),
            Tolerated::Fail => notices.info("funcMap fail", &[("message", text)]),
        }
    }
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

/// Lints a chart. `folder` is how findings name it; `reading` has the notices that came of reading its files.
pub fn lint(
    folder: &str,
    source: &Source,
    reading: &Log,
    values: &Map,
    options: &LintOptions,
    host: &dyn Host,
    log: &mut Log,
) -> Vec<Finding> {
    let mut linter = Linter::default();
    if let Some(text) = &source.manifest {
        chartfile::lint(&mut linter, text);
    }
    lint_values(&mut linter, source, values, options, log);
    let mut notices = reading.clone();
    let chart = match &source.files {
        // The rules load it as helm does what it knows to be v1 or v2.
        Ok(files) => load_v2_files(files.clone(), &mut notices),
        Err(text) => Err(LoadError::new(text.clone())),
    };
    let loaded = Loaded { chart, notices };
    lint_templates(&mut linter, source.templates, &loaded, values, options, host, log);
    lint_dependencies(&mut linter, folder, loaded.chart(log));
    lint_crds(&mut linter, source.crds, &loaded, log);
    linter.0
}

fn lint_values(
    linter: &mut Linter,
    source: &Source,
    overrides: &Map,
    options: &LintOptions,
    log: &mut Log,
) {
    let path = "values.yaml";
    let Some(text) = &source.values else {
        linter.rule(Severity::Info, path, Err("file does not exist".to_owned()));
        return;
    };
    let check = || {
        let values = match crate::yaml::from_yaml(text).map_err(|error| error.message)? {
            crate::value::Value::Map(map) => map,
            crate::value::Value::Null => Map::new(),
            other => return Err(crate::chart::values::not_of_type(&other, "common.Values")),
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
    if let Some(schema) = source.schema.as_ref().filter(|text| !text.is_empty() && !options.skip_schema_validation) {
        linter.rule(Severity::Error, path, schema::validate_one(schema, &merged, log));
    }
}

fn lint_templates(
    linter: &mut Linter,
    there: Folder,
    loaded: &Loaded,
    values: &Map,
    options: &LintOptions,
    host: &dyn Host,
    log: &mut Log,
) {
    let folder = "templates/";
    let found = if there == Folder::Missing { Err("directory does not exist".to_owned()) } else { Ok(()) };
    if !linter.rule(Severity::Warning, folder, found) || !linter.rule(Severity::Error, folder, is_folder(there)) {
        return;
    }
    let chart = match loaded.chart(log) {
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
    let listener = Listener { host, notices: RefCell::default() };
    let rendered = render_files(&chart, &values, &options, &listener);
    log.notices.append(&mut listener.notices.borrow_mut().notices);
    let files = match rendered {
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

/// `validateTemplatesDir`, `validateCrdsDir`
fn is_folder(there: Folder) -> Result<(), String> {
    if there == Folder::File { Err("not a directory".to_owned()) } else { Ok(()) }
}

fn lint_crds(linter: &mut Linter, there: Folder, loaded: &Loaded, log: &mut Log) {
    if there == Folder::Missing || !linter.rule(Severity::Error, "crds/", is_folder(there)) {
        return;
    }
    let chart = match loaded.chart(log) {
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

