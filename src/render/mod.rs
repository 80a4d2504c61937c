//! Chart and values to hooks and manifests, as Helm's `pkg/engine` and `renderResources` in `pkg/action/action.go` order them.

mod cache;
mod engine;
pub mod lint;
mod manifests;
mod order;
mod scope;

pub use cache::Cache;
pub use manifests::{Head, split_manifests};
pub use order::{INSTALL_ORDER, UNINSTALL_ORDER, kind_rank};

use crate::chart::capabilities::Capabilities;
use crate::chart::{Chart, Crd, Log, coalesce, dependencies, schema, semver};
use crate::template::{GoType, funcs::Host};
use crate::value::{Map, Value};

/// What is rendered besides chart and values.
#[derive(Clone, Debug, PartialEq)]
pub struct Options {
    /// `.Release.Name`
    pub release_name: String,
    /// `.Release.Namespace`
    pub namespace: String,
    /// `.Release.Revision`
    pub revision: i64,
    /// `.Release.IsUpgrade`, and the opposite of `.Release.IsInstall` (in lint, both are false).
    pub is_upgrade: bool,
    /// `.Capabilities`
    pub capabilities: Capabilities,
    /// Leaves values.schema.json out of account.
    pub skip_schema_validation: bool,
    /// Joins the notes of subcharts to the chart's.
    pub sub_notes: bool,
    /// As `helm lint` renders: `required` and `fail` only warn.
    pub lint: bool,
    /// A missing key is an error.
    pub strict: bool,
    /// Keeps parsed templates for the next time; by default nothing does.
    pub cache: Cache,
}

impl Default for Options {
    fn default() -> Self {
        Options {
            release_name: "release-name".to_owned(),
            namespace: "default".to_owned(),
            revision: 1,
            is_upgrade: false,
            capabilities: Capabilities::default(),
            skip_schema_validation: false,
            sub_notes: false,
            lint: false,
            strict: false,
            cache: Cache::default(),
        }
    }
}

/// A hook, with what Helm keeps of it in a release.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Hook {
    /// `metadata.name`
    pub name: String,
    /// `kind`
    pub kind: String,
    /// The template's path.
    pub path: String,
    /// The object as YAML.
    pub manifest: String,
    /// `pre-install`, `test` …
    pub events: Vec<String>,
    /// `helm.sh/hook-weight`
    pub weight: i64,
    /// `helm.sh/hook-delete-policy`
    pub delete_policies: Vec<String>,
    /// `helm.sh/hook-output-log-policy`
    pub output_log_policies: Vec<String>,
}

impl Hook {
    /// Whether this hook is a test.
    pub fn is_test(&self) -> bool {
        self.events.iter().any(|event| event == "test")
    }
}

/// An object that is no hook.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Manifest {
    /// The template's path, such as `chart/templates/service.yaml`.
    pub source: String,
    /// `apiVersion`
    pub api_version: String,
    /// `kind`
    pub kind: String,
    /// `metadata.name`
    pub name: String,
    /// The object as YAML, as the template wrote it.
    pub text: String,
}

/// What a chart became.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Rendered {
    /// The hooks in Helm's install order.
    pub hooks: Vec<Hook>,
    /// All other objects in Helm's install order.
    pub manifests: Vec<Manifest>,
    /// NOTES.txt
    pub notes: String,
    /// The objects in `crds/`.
    pub crds: Vec<Crd>,
    /// The values that the templates saw at first.
    pub values: Map,
    /// The chart with its dependencies processed, as Helm stores it in a release.
    pub chart: Chart,
}

impl Rendered {
    /// The manifest as Helm keeps it in a release: every object after its `# Source:` line.
    pub fn manifest(&self) -> String {
        let mut text = String::new();
        for manifest in &self.manifests {
            push_document(&mut text, &manifest.source, &manifest.text);
        }
        text
    }
}

/// Adds a document as Helm prints it.
pub fn push_document(target: &mut String, source: &str, text: &str) {
    for part in ["---\n# Source: ", source, "\n", text, "\n"] {
        target.push_str(part);
    }
}

/// Why a chart could not be rendered, with Helm's text.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
pub enum RenderError {
    /// The release's name is none.
    #[error("release name check failed: {0}")]
    Name(String),
    /// The values do not fit the dependencies.
    #[error("chart dependencies processing failed: {0}")]
    Dependencies(String),
    /// The values cannot be brought together.
    #[error("{0}")]
    Values(String),
    /// The values break values.schema.json.
    #[error("values don't meet the specifications of the schema(s) in the following chart(s):\n{0}")]
    Schema(String),
    /// The chart is not for this version of Kubernetes.
    #[error("chart requires kubeVersion: {range} which is incompatible with Kubernetes {version}")]
    KubeVersion {
        /// What the chart asks for.
        range: String,
        /// What there is.
        version: String,
    },
    /// A template does not parse, or failed.
    #[error("{0}")]
    Template(String),
    /// A rendered object is no YAML.
    #[error("YAML parse error on {path}: {message}")]
    Manifest {
        /// The template's path.
        path: String,
        /// The YAML library's text.
        message: String,
    },
}

impl RenderError {
    /// Whether Helm had a release in hand by then: it then adds its hint about `--debug`.
    pub fn has_release(&self) -> bool {
        matches!(self, RenderError::KubeVersion { .. } | RenderError::Template(_) | RenderError::Manifest { .. })
    }
}

/// Renders a chart. Notices go to `log`, errors or not.
///
/// # Errors
/// Whatever `helm template` refuses.
pub fn render(
    chart: &Chart,
    user_values: &Map,
    options: &Options,
    host: &dyn Host,
    log: &mut Log,
) -> Result<Rendered, RenderError> {
    let (chart, values) = prepare(chart, user_values, options, log)?;
    let capabilities = &options.capabilities;
    let range = &chart.metadata.kube_version;
    if !range.is_empty() && !semver::is_compatible(range, capabilities.kube_version.for_constraints()) {
        let version = capabilities.kube_version.version.clone();
        return Err(RenderError::KubeVersion { range: range.clone(), version });
    }
    let plain = values.borrow().iter().map(|(key, value)| (key.clone(), value.to_value())).collect();
    let mut files = engine::render_files(&chart, &values, options, host)?;
    let notes = manifests::take_notes(&mut files, chart.name(), options.sub_notes);
    let (hooks, manifests) = manifests::sort_manifests(files, log)?;
    let crds = chart.crds();
    Ok(Rendered { hooks, manifests, notes, crds, values: plain, chart })
}

/// Renders a chart's templates to texts by path, without reading them as YAML: what `render` sorts into manifests.
///
/// # Errors
/// Whatever `helm template` refuses before it looks at the texts.
pub fn render_texts(
    chart: &Chart,
    user_values: &Map,
    options: &Options,
    host: &dyn Host,
    log: &mut Log,
) -> Result<std::collections::BTreeMap<String, Vec<u8>>, RenderError> {
    let (chart, values) = prepare(chart, user_values, options, log)?;
    engine::render_files(&chart, &values, options, host)
}

/// The chart with its dependencies processed, and the values that its templates get.
fn prepare(
    chart: &Chart,
    user_values: &Map,
    options: &Options,
    log: &mut Log,
) -> Result<(Chart, coalesce::Table), RenderError> {
    let name = &options.release_name;
    if let Err(text) = check_release_name(name) {
        let text = format!("release name {}: {text}", crate::chart::log::quote(name));
        log.error("release name check failed", &[("error", &text)]);
        return Err(RenderError::Name(text));
    }
    let mut chart = chart.clone();
    let user_values = coalesce::table(user_values);
    dependencies::process_dependencies(&mut chart, &user_values, log).map_err(|text| {
        log.error("chart dependencies processing failed", &[("error", &text)]);
        RenderError::Dependencies(text)
    })?;
    let values = coalesce::coalesce_values(&chart, &user_values, log).map_err(RenderError::Values)?;
    check_schema(&chart, &values, options, log)?;
    Ok((chart, values))
}

fn check_schema(chart: &Chart, values: &coalesce::Table, options: &Options, log: &mut Log) -> Result<(), RenderError> {
    if options.skip_schema_validation || !schema::has_schema(chart) {
        return Ok(());
    }
    let plain: Value = coalesce::as_val(values, GoType::Values).to_value();
    schema::validate(chart, plain.as_map().unwrap_or(&Map::new()), log).map_err(RenderError::Schema)
}

/// As [`prepare`], for `helm lint`: values are coalesced twice, and `None` is what it passes over in silence.
fn prepare_lint(
    chart: &Chart,
    user_values: &Map,
    options: &Options,
    log: &mut Log,
) -> Result<Option<(Chart, coalesce::Table)>, String> {
    let mut chart = chart.clone();
    let user_values = coalesce::table(user_values);
    if dependencies::process_dependencies(&mut chart, &user_values, log).is_err() {
        return Ok(None);
    }
    let Ok(values) = coalesce::coalesce_values(&chart, &user_values, log) else { return Ok(None) };
    let values = coalesce::coalesce_values(&chart, &values, log)?;
    check_schema(&chart, &values, options, log).map_err(|error| error.to_string())?;
    Ok(Some((chart, values)))
}

/// The longest name of a release: `maxReleaseNameLen` in `pkg/chart/v2/util/validate_name.go`.
pub const MAX_RELEASE_NAME_BYTES: usize = 53;

/// Whether Helm takes the name for a release.
///
/// # Errors
/// Helm's text.
pub fn check_release_name(name: &str) -> Result<(), String> {
    if name.is_empty() {
        return Err("no name provided".to_owned());
    }
    let alphanumeric = |byte: Option<u8>| byte.is_some_and(|b| b.is_ascii_lowercase() || b.is_ascii_digit());
    let label = |label: &str| {
        let mut bytes = label.bytes();
        alphanumeric(bytes.next())
            && alphanumeric(label.bytes().next_back())
            && bytes.all(|byte| byte == b'-' || alphanumeric(Some(byte)))
    };
    if name.len() > MAX_RELEASE_NAME_BYTES || !name.split('.').all(label) {
        return Err(r"invalid release name, must match regex ^[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*$ and the length must not be longer than 53".to_owned());
    }
    Ok(())
}
