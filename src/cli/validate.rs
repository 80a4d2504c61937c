//! `windlass validate`: every object of charts, manifests or an Environment against the schemas of its kind.

#[cfg(feature = "agent")]
use super::connection::{self, Connection};
use super::chart_source;
use super::host::LocalHost;
use super::value_flags::{ValueFlags, read_file};
use super::{Global, Outcome};
use crate::chart::capabilities::{Capabilities, KubeVersion};
use crate::chart::{Chart, Log, gopath};
use crate::check::{self, Catalog, Document, Fault, Report};
use crate::render::{Options, push_document, render};
use clap::{Args, ValueEnum};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

/// Check objects against the API server's schemas: unknown fields, wrong types, missing fields; exit code 1 on findings
#[derive(Args, Debug)]
pub struct Validate {
    /// Charts (folders or archives), YAML files, folders of YAML files; `-` for standard input
    #[arg(value_name = "PATH")]
    paths: Vec<String>,
    /// The schemas of this Kubernetes version instead of the newest that is embedded
    #[arg(long, value_name = "VERSION")]
    kubernetes_version: Option<String>,
    /// Files or folders with CustomResourceDefinitions, beside those among the objects (can specify multiple)
    #[arg(long, value_name = "PATH")]
    crd: Vec<PathBuf>,
    /// Pass over kinds that no schema has
    #[arg(long)]
    allow_unknown_kinds: bool,
    /// The release's name, for charts
    #[arg(long, value_name = "NAME", default_value = "release-name")]
    release: String,
    #[command(flatten)]
    values: ValueFlags,
    /// Output format
    #[arg(short, long, value_enum, default_value_t)]
    output: Format,
    #[cfg(feature = "agent")]
    #[command(flatten)]
    cluster: ClusterFlags,
}

/// What is asked of a cluster.
#[cfg(feature = "agent")]
#[derive(Args, Debug)]
struct ClusterFlags {
    /// The schemas of the cluster instead of embedded ones
    #[arg(long, conflicts_with = "kubernetes_version")]
    cluster: bool,
    /// Check what the head of this Environment renders to, against its cluster
    #[arg(long, value_name = "ENVIRONMENT", conflicts_with_all = ["paths", "kubernetes_version"])]
    env: Option<String>,
    /// The same for the Environment in this file
    #[arg(long, value_name = "FILE", conflicts_with_all = ["paths", "kubernetes_version", "env"])]
    env_file: Option<PathBuf>,
    #[command(flatten)]
    connection: Connection,
}

/// How findings are printed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
enum Format {
    /// A line for each finding.
    #[default]
    Text,
    /// JSON.
    Json,
    /// JUnit's XML, for CI servers.
    Junit,
}

/// How many files a folder may hold.
const MAX_FILES: usize = 100_000;
/// How deep folders may lie in each other.
const MAX_DEPTH: usize = 64;

/// What is checked: documents, and the charts that some of them came from.
#[derive(Default)]
struct Set {
    documents: Vec<Document>,
    charts: Vec<Chart>,
    /// Files and standard input: their own text is what was checked.
    texts: Vec<String>,
}

impl Validate {
    /// Runs it: 0 nothing found, 1 something found or it cannot be told.
    pub fn run(&self, global: &Global) -> Outcome {
        let mut report = self.report(global)?;
        if self.allow_unknown_kinds {
            report.findings.retain(|finding| finding.fault != Fault::UnknownKind);
        }
        let text = match self.output {
            Format::Text => check::text(&report),
            Format::Json => format!("{:#}\n", check::json(&report)),
            Format::Junit => check::junit(&report),
        };
        super::write_out(text.as_bytes())?;
        Ok(if report.findings.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
    }

    #[cfg(feature = "agent")]
    fn report(&self, global: &Global) -> Result<Report, String> {
        if self.cluster.env.is_some() || self.cluster.env_file.is_some() {
            return connection::block_on_value(self.environment(global));
        }
        if !self.cluster.cluster {
            return self.offline(global);
        }
        connection::block_on_value(async {
            let cluster = self.cluster.connection.connect().await?;
            let capabilities = crate::agent::ServerCapabilities::ask(&cluster).await;
            let capabilities = capabilities.map_err(|error| format!("asking the cluster for its version: {error}"))?.0;
            let against = format!("the cluster (Kubernetes {})", capabilities.kube_version.version);
            let (set, mut catalog) = self.load(global, &capabilities)?;
            let kinds: Vec<_> = set.objects().map(|object| object.reference.gvk.clone()).filter(|gvk| !catalog.has(gvk)).collect();
            let schemas = crate::cluster::Schemas::new(cluster);
            let kinds: Vec<_> = kinds.into_iter().chain([crate::object::Gvk::new("v1", "ConfigMap")]).collect();
            schemas.add(&kinds, crate::cluster::MAX_SCHEMA_AGE, &mut catalog).await.map_err(|error| format!("reading the cluster's schemas: {error}"))?;
            Ok(set.report(against, &catalog))
        })
    }

    #[cfg(not(feature = "agent"))]
    fn report(&self, global: &Global) -> Result<Report, String> {
        self.offline(global)
    }

    fn offline(&self, global: &Global) -> Result<Report, String> {
        let (version, builtin) = check::builtin(self.kubernetes_version.as_deref()).map_err(|error| error.to_string())?;
        let kube_version = KubeVersion::parse(&version).map_err(|error| format!("invalid version {version}: {error}"))?;
        let (set, mut catalog) = self.load(global, &Capabilities::offline(kube_version, &[]))?;
        catalog.add_all(&builtin);
        Ok(set.report(format!("Kubernetes {version}"), &catalog))
    }

    /// What the head of an Environment renders to.
    #[cfg(feature = "agent")]
    async fn environment(&self, global: &Global) -> Result<Report, String> {
        use crate::agent::{self, planning};
        let flags = &self.cluster;
        let cluster = flags.connection.connect().await?;
        let app = super::environments::app(&cluster, global, flags.env.as_deref(), flags.env_file.as_deref()).await?;
        let cache = super::look::Cache::new(None);
        let shared = agent::shared_once(cluster.clone(), cache.folder(), &super::agent::identity()).await.map_err(|error| error.to_string())?;
        let record = crate::cluster::Records::new(cluster, &app.target_namespace, &app.release).load().await;
        let record = record.map_err(|error| format!("reading the release records: {error}"))?;
        let content = planning::content(&shared, &app, &record, &planning::What::Head).await.map_err(|failure| failure.message)?;
        let report = agent::validate::report(&shared, &content.release(&app, content.rendered.clone()), content.made_first(&app)).await;
        report.map(|report| cleaned(report, &content.redactor)).map_err(|error| format!("reading the cluster's schemas: {error}"))
    }

    /// The objects, and the schemas of the kinds that they and `--crd` define.
    fn load(&self, global: &Global, capabilities: &Capabilities) -> Result<(Set, Catalog), String> {
        if self.paths.is_empty() {
            return Err("name a chart, a file, a folder or - for standard input".to_owned());
        }
        let mut set = Set::default();
        for path in &self.paths {
            self.add(&mut set, path, global, capabilities)?;
        }
        let mut catalog = Catalog::default();
        for object in set.objects() {
            catalog.add_crd(&object.json);
        }
        for path in &self.crd {
            let mut found = false;
            for file in yaml_files(path)? {
                let text = String::from_utf8_lossy(&read_file(&file)?).into_owned();
                for document in check::documents(&text, Some(&file)) {
                    let objects = document.objects.map_err(|what| format!("--crd {file}: {what}"))?;
                    found |= objects.iter().filter(|object| catalog.add_crd(&object.json)).count() > 0;
                }
            }
            if !found {
                return Err(format!("--crd {}: there is no CustomResourceDefinition with a served version in it", path.display()));
            }
        }
        Ok((set, catalog))
    }

    fn add(&self, set: &mut Set, path: &str, global: &Global, capabilities: &Capabilities) -> Result<(), String> {
        let folder = Path::new(path);
        if path != "-" && (folder.join("Chart.yaml").exists() || path.ends_with(".tgz") || path.ends_with(".tar.gz")) {
            return self.add_chart(set, folder, global, capabilities);
        }
        let files = if path == "-" { vec![path.to_owned()] } else { yaml_files(folder)? };
        for file in files {
            let text = String::from_utf8_lossy(&read_file(&file)?).into_owned();
            let label = if file == "-" { "standard input" } else { &file };
            set.texts.push(label.to_owned());
            set.documents.extend(check::documents(&text, Some(label)));
        }
        Ok(())
    }

    /// As `windlass template --include-crds` prints it, so that lines are those of its output.
    fn add_chart(&self, set: &mut Set, path: &Path, global: &Global, capabilities: &Capabilities) -> Result<(), String> {
        let mut log = Log::default();
        let chart = chart_source::load(path, &mut log)?;
        let options = Options {
            release_name: self.release.clone(),
            namespace: global.namespace(),
            capabilities: capabilities.clone(),
            ..Options::default()
        };
        let rendered = render(&chart, &self.values.merge()?, &options, &LocalHost, &mut log);
        super::print_notices(&log);
        let rendered = rendered.map_err(|error| format!("rendering {}: {error}", path.display()))?;
        let mut text = String::new();
        for crd in &rendered.crds {
            push_document(&mut text, &crd.filename, &String::from_utf8_lossy(&crd.bytes));
        }
        text.push_str(&rendered.manifest());
        for hook in &rendered.hooks {
            push_document(&mut text, &hook.path, &hook.manifest);
        }
        set.documents.extend(check::documents(&text, None));
        set.charts.push(rendered.chart);
        Ok(())
    }
}

impl Set {
    fn objects(&self) -> impl Iterator<Item = &crate::object::Object> {
        self.documents.iter().filter_map(|document| document.objects.as_ref().ok()).flatten()
    }

    fn report(&self, against: String, catalog: &Catalog) -> Report {
        let mut findings = Vec::new();
        for document in &self.documents {
            findings.extend(document.check(catalog));
        }
        for finding in &mut findings {
            let source = finding.source.clone().unwrap_or_default();
            let template = self.charts.iter().find_map(|chart| template(chart, chart.name(), &source));
            match template {
                Some(text) => finding.template_line = check::template_line(text, finding),
                // A file is its own text.
                None if self.texts.contains(&source) => finding.template_line = finding.line,
                None => {}
            }
        }
        let checked = self.objects().map(|object| (object.reference.to_string(), object.source.clone())).collect();
        Report { against, checked, findings }
    }
}

/// The report without what encrypted files and Secrets gave to the objects: a finding quotes what it stumbled over.
#[cfg(feature = "agent")]
fn cleaned(mut report: Report, redactor: &crate::secrets::Redactor) -> Report {
    for finding in &mut report.findings {
        finding.message = redactor.clean(&finding.message);
        finding.object.name = redactor.clean(&finding.object.name);
        finding.object.gvk.kind = redactor.clean(&finding.object.gvk.kind);
        for step in &mut finding.steps {
            if let check::Step::Key(key) = step {
                *key = redactor.clean(key);
            }
        }
    }
    for (object, _) in &mut report.checked {
        *object = redactor.clean(object);
    }
    report
}

/// The text of a template by the path that `# Source:` shows.
fn template<'c>(chart: &'c Chart, full_path: &str, source: &str) -> Option<&'c str> {
    let own = chart.templates.iter().find(|file| gopath::join(&[full_path, &file.path]) == source);
    own.and_then(|file| std::str::from_utf8(&file.bytes).ok()).or_else(|| {
        chart.dependencies.iter().find_map(|child| template(child, &format!("{full_path}/charts/{}", child.name()), source))
    })
}

/// A file, or the YAML and JSON files below a folder in order of their names.
fn yaml_files(path: &Path) -> Result<Vec<String>, String> {
    let mut files = Vec::new();
    collect(path, 0, &mut files)?;
    if files.is_empty() {
        return Err(format!("there are no YAML files below {}", path.display()));
    }
    Ok(files)
}

fn collect(path: &Path, depth: usize, files: &mut Vec<String>) -> Result<(), String> {
    let failed = |error: std::io::Error| format!("reading {}: {error}", path.display());
    if !std::fs::metadata(path).map_err(failed)?.is_dir() {
        files.push(path.to_string_lossy().into_owned());
        return Ok(());
    }
    if depth > MAX_DEPTH {
        return Err(format!("folders are nested deeper than {MAX_DEPTH} levels at {}", path.display()));
    }
    let mut entries: Vec<PathBuf> = std::fs::read_dir(path).map_err(failed)?.flatten().map(|entry| entry.path()).collect();
    entries.sort();
    for entry in entries {
        let yaml = entry.extension().is_some_and(|end| end == "yaml" || end == "yml" || end == "json");
        if entry.is_dir() || yaml {
            collect(&entry, depth + 1, files)?;
        }
        if files.len() > MAX_FILES {
            return Err(format!("there are more than {MAX_FILES} files below {}", path.display()));
        }
    }
    Ok(())
}
