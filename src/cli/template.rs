//! `windlass template`: Helm's `pkg/cmd/template.go` and what `install --dry-run=client` does before it prints.

use super::chart_source::{self, Located};
use super::goerror::path_error;
use super::host::LocalHost;
use super::remote::ChartFlags;
use super::value_flags::{ValueFlags, split_csv};
use super::{Global, Outcome};
use crate::chart::capabilities::{Capabilities, KubeVersion};
use crate::chart::{Chart, Log};
use crate::chart::glob::go_match;
use crate::chart::log::quote;
use crate::render::{Options, Rendered, push_document, render, split_manifests};
use crate::template::{self, Functions, Limits, TemplateSet, Val};
use clap::Args;
use std::io::Write;
use std::path::Path;

/// Render chart templates locally and display the output.
#[derive(Args, Debug)]
pub struct Template {
    /// The release's name and the chart, or the chart alone
    #[arg(required = true, value_name = "[NAME] CHART")]
    arguments: Vec<String>,
    #[command(flatten)]
    values: ValueFlags,
    #[command(flatten)]
    chart: ChartFlags,
    /// Kubernetes version used for Capabilities.KubeVersion
    #[arg(long, value_name = "string")]
    kube_version: Option<String>,
    /// Kubernetes api versions used for Capabilities.APIVersions (multiple can be specified)
    #[arg(short = 'a', long, value_name = "strings")]
    api_versions: Vec<String>,
    /// Include CRDs in the templated output
    #[arg(long)]
    include_crds: bool,
    /// Set .Release.IsUpgrade instead of .Release.IsInstall
    #[arg(long)]
    is_upgrade: bool,
    /// Prevent hooks from running during install
    #[arg(long)]
    no_hooks: bool,
    /// Skip tests from templated output
    #[arg(long)]
    skip_tests: bool,
    /// Only show manifests rendered from the given templates
    #[arg(short, long, value_name = "stringArray")]
    show_only: Vec<String>,
    /// Specify template used to name the release
    #[arg(long, value_name = "string")]
    name_template: Option<String>,
    /// Generate the name (and omit the NAME parameter)
    #[arg(short, long)]
    generate_name: bool,
    /// Writes the executed templates to files in output-dir instead of stdout
    #[arg(long, value_name = "string")]
    output_dir: Option<String>,
    /// Use release name in the output-dir path
    #[arg(long)]
    release_name: bool,
    /// If set, disables JSON schema validation
    #[arg(long)]
    skip_schema_validation: bool,
    /// Update dependencies if they are missing before rendering the chart
    #[arg(long)]
    dependency_update: bool,
    /// Taken as helm takes it; there is nothing but `client` without a cluster
    #[arg(long, value_name = "string", num_args = 0..=1, require_equals = true, default_missing_value = "unset")]
    dry_run: Option<String>,
    /// Ask the cluster: refused
    #[arg(long, hide = true)]
    validate: bool,
    /// Enable DNS lookups when rendering templates
    #[arg(long)]
    enable_dns: bool,
    /// Plugins of helm are not run: refused
    #[arg(long, value_name = "string")]
    post_renderer: Option<String>,
    #[command(flatten)]
    without_effect: WithoutEffect,
}

/// Flags that `helm template` shares with `helm install` and that change nothing of what is printed without a cluster: taken,
/// so that scripts need only the other name.
#[derive(Args, Debug)]
#[allow(dead_code)] // nobody asks for them
struct WithoutEffect {
    /// Taken as helm takes it, without effect on the output
    #[arg(long)]
    create_namespace: bool,
    /// Taken as helm takes it, without effect on the output
    #[arg(long, hide = true)]
    hide_notes: bool,
    /// Taken as helm takes it, without effect on the output
    #[arg(long, hide = true)]
    render_subchart_notes: bool,
    /// Taken as helm takes it, without effect on the output
    #[arg(long, hide = true)]
    replace: bool,
    /// Taken as helm takes it, without effect on the output
    #[arg(long, hide = true)]
    skip_crds: bool,
    /// Taken as helm takes it, without effect on the output
    #[arg(long, value_name = "string", hide = true, num_args = 0..=1, require_equals = true, default_missing_value = "watcher")]
    wait: Option<String>,
    /// Taken as helm takes it, without effect on the output
    #[arg(long, hide = true)]
    server_side: bool,
    /// Taken as helm takes it, without effect on the output
    #[arg(long, value_name = "string")]
    description: Option<String>,
    /// Taken as helm takes it, without effect on the output
    #[arg(long)]
    disable_openapi_validation: bool,
    /// Taken as helm takes it, without effect on the output
    #[arg(long)]
    force_conflicts: bool,
    /// Taken as helm takes it, without effect on the output
    #[arg(long)]
    force_replace: bool,
    /// Taken as helm takes it, without effect on the output
    #[arg(short, long, value_name = "stringToString")]
    labels: Vec<String>,
    /// Taken as helm takes it, without effect on the output
    #[arg(long)]
    rollback_on_failure: bool,
    /// Taken as helm takes it, without effect on the output
    #[arg(long)]
    take_ownership: bool,
    /// Taken as helm takes it, without effect on the output
    #[arg(long, value_name = "duration")]
    timeout: Option<String>,
    /// Taken as helm takes it, without effect on the output
    #[arg(long)]
    wait_for_jobs: bool,
}

impl Template {
    /// Runs the command.
    pub fn run(&self, global: &Global) -> Outcome {
        // As often as they are given, in their order.
        let given = std::env::args_os().filter_map(|argument| Some(argument.to_str()?.strip_prefix("--")?.split('=').next()?.to_owned()));
        for flag in given.filter(|flag| ["hide-notes", "render-subchart-notes"].contains(&flag.as_str())) {
            eprintln!("Flag --{flag} has been deprecated, this flag has no effect for 'helm template' and will be removed in Helm 5");
        }
        let mut log = Log::default();
        let result = self.rendered(global, &mut log);
        super::print_notices(&log);
        let rendered = result?;
        let outcome = self.print(&rendered);
        std::mem::forget(rendered);
        outcome
    }

    fn rendered(&self, global: &Global, log: &mut Log) -> Result<Rendered, String> {
        let kube_version = match &self.kube_version {
            Some(text) if !text.is_empty() => {
                KubeVersion::parse(text).map_err(|error| format!("invalid kube version '{text}': {error}"))?
            }
            _ => KubeVersion::default(),
        };
        self.check_flags(log)?;
        let (name, reference) = self.name_and_chart()?;
        let located = chart_source::find(reference, &self.chart, log)?;
        let values = self.values.merge()?;
        let mut chart = chart_source::load_located(&located, log)?;
        check_kind(&chart, log)?;
        if let Err(text) = check_dependencies(&chart) {
            let text = format!(
                "an error occurred while checking for chart dependencies. You may need to run 'helm dependency build' to fetch missing dependencies: {text}"
            );
            match &located {
                Located::Disk(path) if self.dependency_update => {
                    super::dependency::update_aloud(path, &self.chart.server, global.debug)?;
                    chart = chart_source::load_located(&located, log).map_err(|error| format!("failed reloading chart after repo update: {error}"))?;
                }
                _ => return Err(text),
            }
        }
        if self.enable_dns {
            super::host::look_names_up();
        }
        let extra: Vec<String> = self.api_versions.iter().flat_map(|list| split_csv(list)).collect();
        let options = Options {
            release_name: name,
            namespace: global.namespace(),
            is_upgrade: self.is_upgrade,
            capabilities: Capabilities::offline(kube_version, &extra),
            skip_schema_validation: self.skip_schema_validation,
            ..Options::default()
        };
        let result = render(&chart, &values, &options, &LocalHost, log).map_err(|error| match error.has_release() {
            true => format!("{error}\n\nUse --debug flag to render out invalid YAML"),
            false => error.to_string(),
        });
        // The process ends right after: taking large charts apart leaf by leaf is a twentieth of its time.
        std::mem::forget((chart, values));
        result
    }

    /// `cmdGetDryRunFlagStrategy`, and what this command does not do.
    fn check_flags(&self, log: &mut Log) -> Result<(), String> {
        const CLUSTER: &str = "windlass template asks no cluster; `windlass validate` checks what is rendered, `windlass diff` shows what it would change";
        match self.dry_run.as_deref() {
            None | Some("client") => {}
            Some("server") => return Err(format!("--dry-run=server: {CLUSTER}")),
            Some("unset") => log.warn("--dry-run is deprecated and should be replaced with '--dry-run=client'", &[]),
            Some(on @ ("1" | "t" | "T" | "true" | "TRUE" | "True")) => {
                log.warn(format!("boolean '--dry-run={on}' flag is deprecated and must be replaced with '--dry-run=client'"), &[]);
            }
            Some(off @ ("none" | "0" | "f" | "F" | "false" | "FALSE" | "False")) => {
                return Err(format!("invalid dry-run value ({}). Must be \"server\" or \"client\"", quote(off)));
            }
            Some(other) => return Err(format!("invalid dry-run value ({}). Must be \"none\", \"server\", or \"client\"", quote(other))),
        }
        if self.validate {
            return Err(format!("--validate: {CLUSTER}"));
        }
        match self.post_renderer.as_deref() {
            None | Some("") => Ok(()),
            Some(name) => Err(format!("--post-renderer {name}: windlass runs no plugins of helm; an Environment's `patches` change what its chart renders")),
        }
    }

    /// `NameAndChart`
    fn name_and_chart(&self) -> Result<(String, &str), String> {
        match self.arguments.as_slice() {
            [name, chart] => {
                if self.generate_name {
                    return Err("cannot set --generate-name and also specify a name".to_owned());
                }
                if self.name_template.as_ref().is_some_and(|template| !template.is_empty()) {
                    return Err("cannot set --name-template and also specify a name".to_owned());
                }
                Ok((name.clone(), chart))
            }
            [chart] => match self.name_template.as_deref() {
                None | Some("") => Ok(("release-name".to_owned(), chart)),
                Some(template) => Ok((name_from(template)?, chart)),
            },
            [_, _, extra @ ..] => {
                let extra = extra.join(", ");
                Err(format!("expected at most two arguments, unexpected arguments: {extra}"))
            }
            [] => Err("\"helm template\" requires at least 1 argument".to_owned()),
        }
    }

    fn print(&self, rendered: &Rendered) -> Outcome {
        let hooks = || rendered.hooks.iter().filter(|hook| !self.no_hooks && !(self.skip_tests && hook.is_test()));
        let mut text = String::new();
        if let Some(folder) = self.output_dir.as_deref().filter(|folder| !folder.is_empty()) {
            self.write_files(folder, rendered)?;
            text.push('\n');
        } else {
            if self.include_crds {
                for crd in &rendered.crds {
                    push_document(&mut text, &crd.filename, &String::from_utf8_lossy(&crd.bytes));
                }
            }
            text.push_str(&rendered.manifest());
            text = format!("{}\n", text.trim());
            for hook in hooks() {
                push_document(&mut text, &hook.path, &hook.manifest);
            }
        }
        if !self.show_only.is_empty() {
            text = self.chosen(&text)?;
        }
        super::write_out(text.as_bytes())
    }

    /// `--output-dir`: a file for each template.
    fn write_files(&self, folder: &str, rendered: &Rendered) -> Result<(), String> {
        let mut written: Vec<String> = Vec::new();
        let mut write = |folder: &str, name: &str, text: &str, append: bool| {
            let append = append || written.contains(&format!("{folder}/{name}"));
            written.push(format!("{folder}/{name}"));
            write_file(folder, name, text, append)
        };
        if self.include_crds {
            for crd in &rendered.crds {
                write(folder, &crd.filename, &String::from_utf8_lossy(&crd.bytes), false)?;
            }
        }
        let named = crate::chart::gopath::join(&[folder, &self.name_and_chart()?.0]);
        let folder = if self.release_name { named.as_str() } else { folder };
        for manifest in &rendered.manifests {
            write(folder, &manifest.source, &manifest.text, false)?;
        }
        for hook in rendered.hooks.iter().filter(|hook| !self.no_hooks && !(self.skip_tests && hook.is_test())) {
            let exists = Path::new(folder).join(&hook.path).exists();
            write(folder, &hook.path, &hook.manifest, exists)?;
        }
        Ok(())
    }

    /// `--show-only`: the documents from the templates that were asked for.
    fn chosen(&self, text: &str) -> Result<String, String> {
        let documents = split_manifests(text.as_bytes());
        let mut chosen = String::new();
        for wanted in &self.show_only {
            let before = chosen.len();
            for document in &documents {
                let document = String::from_utf8_lossy(document);
                if source_of(&document).is_some_and(|path| go_match(wanted, path) == Ok(true)) {
                    chosen.push_str(&format!("---\n{document}\n"));
                }
            }
            if chosen.len() == before {
                return Err(format!("could not find template {wanted} in chart"));
            }
        }
        Ok(chosen)
    }
}

/// The path after `# Source: CHART/`.
fn source_of(document: &str) -> Option<&str> {
    document.match_indices("# Source: ").find_map(|(place, mark)| {
        let (chart, rest) = document[place + mark.len()..].split_once('/')?;
        let path = rest.split('\n').next().unwrap_or_default();
        (!chart.is_empty() && !path.is_empty()).then_some(path)
    })
}

/// `writeToFile` in Helm's `pkg/cmd/template.go`.
fn write_file(folder: &str, name: &str, text: &str, append: bool) -> Result<(), String> {
    let path = format!("{folder}/{name}");
    let target = Path::new(&path);
    super::create::make_folder(target.parent().unwrap_or(Path::new(".")))?;
    let mut options = std::fs::OpenOptions::new();
    let file = if append { options.append(true) } else { options.write(true).create(true).truncate(true) }.open(target);
    let mut file = file.map_err(|error| path_error("open", target, &error))?;
    let document = format!("---\n# Source: {name}\n{text}\n");
    file.write_all(document.as_bytes()).map_err(|error| path_error("write", target, &error))?;
    println!("wrote {path}");
    Ok(())
}

/// `TemplateName`: the release's name from a template.
fn name_from(template: &str) -> Result<String, String> {
    let mut set = TemplateSet::new(Functions::Helm);
    set.parse("name-template", &template.into()).map_err(|error| error.message)?;
    let text = set.execute("name-template", &Val::Nil, &LocalHost, &Limits::default(), template::Options::GO);
    text.map(|text| String::from_utf8_lossy(&text).into_owned()).map_err(|error| error.to_string())
}

/// Whether the chart can be installed at all.
fn check_kind(chart: &Chart, log: &mut Log) -> Result<(), String> {
    let kind = chart.metadata.kind.as_str();
    if !matches!(kind, "" | "application") {
        return Err(format!("{kind} charts are not installable"));
    }
    if chart.metadata.deprecated {
        log.warn("this chart is deprecated", &[]);
    }
    Ok(())
}

/// `CheckDependencies`: whether everything in Chart.yaml is in `charts/`.
pub(super) fn check_dependencies(chart: &Chart) -> Result<(), String> {
    let missing: Vec<&str> = chart
        .metadata
        .dependencies()
        .iter()
        .map(|wanted| wanted.name.as_str())
        .filter(|wanted| !chart.dependencies.iter().any(|loaded| loaded.name() == *wanted))
        .collect();
    match missing.is_empty() {
        true => Ok(()),
        false => Err(format!("found in Chart.yaml, but missing in charts/ directory: {}", missing.join(", "))),
    }
}
