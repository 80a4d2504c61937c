//! What the head renders to: snapshot, values and chart become a release that could be opened.

use super::{ClusterHost, Shared, SystemHost};
use crate::{
    app::{App, CrdPolicy, LintMode, SourceStatus, ValuesFromKind},
    chart::{
        self, Log, SourceFile,
        capabilities::{Capabilities, KubeVersion},
        layers::Layer,
    },
    cluster::Cluster,
    decide::{Class, Failure},
    object::{Gvk, Object, ObjectRef},
    release::{self, Chart, Release, Rendered},
    render::{self, lint},
    secrets::{self, Keys, Redactor},
    template::funcs::Host as _,
    sources::{GitSpec, Snapshot, SourceError},
    transform::{self, Strategy},
    value::{Map, Value},
    plan::diff::yaml_of,
    yaml,
};
use base64::Engine as _;
use serde_json::json;
use sha2::{Digest as _, Sha256};
use std::{collections::BTreeMap, path::Path, sync::{Arc, LazyLock}};

/// The server's version and kinds, as `.Capabilities` shows them.
#[derive(Clone, Debug, Default)]
pub struct ServerCapabilities(pub Capabilities);

impl ServerCapabilities {
    /// Asks the server: its version, its groups, and the kinds of each version, as helm does.
    ///
    /// # Errors
    /// As the requests failed.
    pub async fn ask(cluster: &Cluster) -> Result<Self, crate::cluster::ApiError> {
        let version = cluster.get_path("/version").await?;
        let text = version["gitVersion"].as_str().unwrap_or("v1.0.0");
        let mut kube_version = KubeVersion::parse(text).unwrap_or_default();
        for (slot, key) in [(&mut kube_version.major, "major"), (&mut kube_version.minor, "minor")] {
            *slot = version[key].as_str().unwrap_or_default().to_owned();
        }
        let mut api_versions = Vec::new();
        let groups = cluster.get_path("/apis").await?;
        let mut paths = vec![("/api/v1".to_owned(), "v1".to_owned())];
        for group in groups["groups"].as_array().into_iter().flatten() {
            for version in group["versions"].as_array().into_iter().flatten() {
                if let Some(name) = version["groupVersion"].as_str() {
                    paths.push((format!("/apis/{name}"), name.to_owned()));
                }
            }
        }
        for (path, name) in paths {
            api_versions.push(name.clone());
            // An aggregated API that is down hides its kinds, not everybody's.
            let Ok(list) = cluster.get_path(&path).await else { continue };
            for resource in list["resources"].as_array().into_iter().flatten() {
                if let Some(kind) = resource["kind"].as_str().filter(|_| !resource["name"].as_str().unwrap_or("/").contains('/')) {
                    api_versions.push(format!("{name}/{kind}"));
                }
            }
        }
        Ok(ServerCapabilities(Capabilities { kube_version, api_versions: api_versions.into() }))
    }
}

/// What the head renders to.
#[derive(Clone, Debug)]
pub struct Content {
    /// Digest of everything that was rendered from.
    pub digest: String,
    /// The commit.
    pub source: SourceStatus,
    /// What a release record takes.
    pub rendered: Rendered,
    /// The definitions in the `crds/` folders of the chart and its subcharts; no part of the release.
    pub crds: Vec<Object>,
    /// What the linter found, where it was asked: warnings and errors, in Helm's words.
    pub lint: Option<Vec<String>>,
    /// Knows what of it may not be shown.
    pub redactor: Redactor,
}

impl Content {
    /// The definitions that are made before the release is opened, where they are missing.
    pub fn made_first(&self, app: &App) -> &[Object] {
        if app.spec.release.crds == CrdPolicy::Skip { &[] } else { &self.crds }
    }

    /// The release that it would be, for planning; `rendered` is [`Content::rendered`] in its colour.
    pub fn release(&self, app: &App, rendered: Rendered) -> Release {
        release::install(&app.release, &app.target_namespace, rendered, jiff::Timestamp::UNIX_EPOCH)
    }
}

/// The source as the git edge takes it.
///
/// # Errors
/// The Environment follows no git repository.
pub fn git_spec(app: &App) -> Result<GitSpec, Failure> {
    let git = app.git().ok_or_else(|| Failure::new(Class::Config, "NoGitSource", "spec.source.git is not set: there is no branch to read"))?;
    Ok(GitSpec {
        url: git.url.clone(),
        branch: git.branch.clone(),
        path: git.path.clone(),
        depth: git.depth.max(0) as u32,
        submodules: git.submodules,
        limits: Default::default(),
    })
}

/// A Secret's data, decoded.
pub fn secret_data(secret: &serde_json::Value) -> BTreeMap<String, Vec<u8>> {
    let decode = |text: &str| base64::engine::general_purpose::STANDARD.decode(text).ok();
    let data = secret["data"].as_object().cloned().unwrap_or_default();
    data.iter().filter_map(|(key, value)| Some((key.clone(), decode(value.as_str()?)?))).collect()
}

/// When the snapshot's commit was made, RFC 3339.
pub fn time(snapshot: &Snapshot) -> String {
    jiff::Timestamp::from_second(snapshot.commit.time).map(|time| time.to_string()).unwrap_or_default()
}

/// The layers of values over the chart's own, and what is secret in them.
#[derive(Debug, Default)]
pub struct Layers {
    /// Name and YAML, the lowest first: files, then ConfigMaps and Secrets, then inline.
    pub list: Vec<(String, Vec<u8>)>,
    /// Texts that may not be shown: what sops had encrypted, and all that Secrets hold.
    secrets: Vec<String>,
    /// Names of layers that are secret as a whole.
    hidden: Vec<String>,
    keys: Option<Keys>,
}

impl Layers {
    /// The layers over the chart's own values, for people.
    ///
    /// # Errors
    /// The layer that is no YAML map.
    pub fn parsed(&self, chart: &chart::Chart) -> Result<Vec<Layer>, Failure> {
        let mut layers = vec![Layer { name: format!("{}: values.yaml", chart.name()), values: (*chart.values).clone(), secret: false }];
        for (name, text) in &self.list {
            let values = chart::values::load_values(text);
            let values = values.map_err(|error| Failure::new(Class::Config, "ValuesInvalid", format!("{name}: {error}")))?;
            layers.push(Layer { name: name.clone(), values, secret: self.hidden.contains(name) });
        }
        Ok(layers)
    }

    /// Adds a layer, opened where sops encrypted it. `file` says by its ending which of sops's formats it has.
    fn push(&mut self, name: String, file: &str, text: Vec<u8>) -> Result<(), Failure> {
        let text = match secrets::is_encrypted(file, &text) {
            true => {
                self.hidden.push(name.clone());
                self.open(&name, file, &text)?
            }
            false => text,
        };
        self.list.push((name, text));
        Ok(())
    }

    fn open(&mut self, name: &str, file: &str, text: &[u8]) -> Result<Vec<u8>, Failure> {
        let Some(keys) = &self.keys else {
            let message = format!("{name} is encrypted by sops: name the Secret with its keys in spec.values.decryption.secretRef");
            return Err(Failure::new(Class::Config, "DecryptionKeysMissing", message));
        };
        let opened = secrets::open(file, text, keys);
        let opened = opened.map_err(|error| Failure::new(Class::Config, "DecryptionFailed", format!("decrypting {name}: {error}")))?;
        self.secrets.extend(opened.secrets);
        Ok(opened.bytes)
    }
}

/// The layers of an Environment's values, with files read from a snapshot.
///
/// # Errors
/// The layer that is missing, no YAML map, or not to be decrypted, by name.
pub async fn values_layers(shared: &Shared, app: &App, snapshot: &Snapshot) -> Result<Layers, Failure> {
    layers(shared, app, |path| snapshot.read(path).map_err(|error: SourceError| error.to_string())).await
}

/// The same for a chart in a folder: paths from the repository's top are taken from where the folder's own top would be.
///
/// # Errors
/// As [`values_layers`].
pub async fn local_layers(shared: &Shared, app: &App, folder: &Path) -> Result<Layers, Failure> {
    let depth = app.path().split('/').filter(|part| !matches!(*part, "" | ".")).count();
    let folder = folder.canonicalize().unwrap_or_else(|_| folder.to_owned());
    let top = folder.ancestors().nth(depth).unwrap_or(&folder).to_owned();
    layers(shared, app, |path| {
        let path = top.join(path);
        std::fs::read(&path).map_err(|error| format!("{}: {error}", path.display()))
    })
    .await
}

/// The same for a chart that stands alone: its files are those of the chart itself.
///
/// # Errors
/// As [`values_layers`].
pub async fn layers_of(shared: &Shared, app: &App, files: &[SourceFile]) -> Result<Layers, Failure> {
    layers(shared, app, |path| {
        let file = files.iter().find(|file| file.path == path);
        file.map(|file| file.bytes.to_vec()).ok_or_else(|| "the chart has no such file; files beside it need source.git".to_owned())
    })
    .await
}

async fn layers(shared: &Shared, app: &App, read: impl Fn(&str) -> Result<Vec<u8>, String>) -> Result<Layers, Failure> {
    let mut layers = Layers { keys: decryption_keys(shared, app).await?, ..Layers::default() };
    for file in &app.spec.values.files {
        let path = repository_path(app.path(), file);
        let text = read(&path)
            .map_err(|error| Failure::new(Class::Config, "ValuesFileMissing", format!("values file {path}: {error}")))?;
        layers.push(path.clone(), &path, text)?;
    }
    for from in &app.spec.values.from {
        let kind = if from.kind == ValuesFromKind::Secret { "Secret" } else { "ConfigMap" };
        let reference = ObjectRef { gvk: Gvk::new("v1", kind), namespace: Some(app.namespace.clone()), name: from.name.clone() };
        let missing = |what: String| Failure::new(Class::Config, "ValuesMissing", what);
        let text = match shared.inputs.get(&app.id(), &reference).await {
            Ok(Some(live)) if from.kind == ValuesFromKind::Secret => secret_data(&live).remove(&from.key),
            Ok(Some(live)) => live["data"][&from.key].as_str().map(|text| text.as_bytes().to_vec()),
            Ok(None) if from.optional => continue,
            Ok(None) => {
                return Err(missing(format!("spec.values.from names {reference}, which does not exist")));
            }
            Err(error) => return Err(error.failure(&format!("reading values from {reference}"))),
        };
        match text {
            Some(text) => {
                if from.kind == ValuesFromKind::Secret {
                    layers.secrets.extend(leaves(&text));
                    layers.hidden.push(format!("{reference} key {}", from.key));
                }
                layers.push(format!("{reference} key {}", from.key), &from.key, text)?;
            }
            None if from.optional => {}
            None => return Err(missing(format!("{reference} has no key \"{}\"", from.key))),
        }
    }
    if !app.spec.values.inline.is_empty() {
        layers.list.push(("spec.values.inline".into(), serde_json::to_vec(&app.spec.values.inline).expect("JSON serialises")));
    }
    Ok(layers)
}

/// The keys that open encrypted files.
async fn decryption_keys(shared: &Shared, app: &App) -> Result<Option<Keys>, Failure> {
    let Some(decryption) = &app.spec.values.decryption else { return Ok(None) };
    let reference = ObjectRef { gvk: Gvk::new("v1", "Secret"), namespace: Some(app.namespace.clone()), name: decryption.secret_ref.name.clone() };
    let doing = format!("reading the decryption keys in {reference}");
    let live = shared.inputs.get(&app.id(), &reference).await.map_err(|error| error.failure(&doing))?;
    let missing = |why: &str| Failure::new(Class::Config, "DecryptionKeysMissing", format!("{doing}: {why}"));
    let live = live.ok_or_else(|| missing("there is no such Secret; create it"))?;
    Keys::read(&secret_data(&live)).map(Some).map_err(|error| missing(&error.to_string()))
}

/// All texts and numbers of a YAML document; the text itself where it is none.
fn leaves(text: &[u8]) -> Vec<String> {
    fn collect(value: &Value, found: &mut Vec<String>) {
        match value {
            Value::Null | Value::Bool(_) => {}
            Value::List(items) => items.iter().for_each(|item| collect(item, found)),
            Value::Map(map) => map.values().for_each(|value| collect(value, found)),
            Value::String(text) => found.push(text.to_text()),
            number => found.push(yaml::to_json(number, false)),
        }
    }
    let mut found = Vec::new();
    match yaml::from_yaml(text) {
        Ok(value) => collect(&value, &mut found),
        Err(_) => found.push(String::from_utf8_lossy(text).into_owned()),
    }
    found
}

/// A values file's path from the repository's top: relative ones start at the chart.
pub fn repository_path(chart: &str, file: &str) -> String {
    if let Some(top) = file.strip_prefix('/') {
        return top.to_owned();
    }
    let mut parts: Vec<&str> = chart.split('/').filter(|part| !matches!(*part, "" | ".")).collect();
    for part in file.split('/') {
        match part {
            "" | "." => {}
            ".." => drop(parts.pop()),
            part => parts.push(part),
        }
    }
    parts.join("/")
}

/// Charts and templates of all environments, by content: a chart that did not change is not parsed again.
static CACHE: LazyLock<render::Cache> = LazyLock::new(render::Cache::new);

/// The files of a folder, for `windlass diff --local`.
///
/// # Errors
/// What of the folder cannot be read.
pub fn load_local(directory: &Path) -> Result<Vec<SourceFile>, Failure> {
    let mut files = Vec::new();
    read_folder(directory, directory, &mut files)
        .map_err(|error| Failure::new(Class::Config, "ChartUnreadable", format!("reading {}: {error}", directory.display())))?;
    files.sort_by(|a, b| a.path.cmp(&b.path));
    Ok(files)
}

fn read_folder(top: &Path, folder: &Path, files: &mut Vec<SourceFile>) -> std::io::Result<()> {
    for entry in std::fs::read_dir(folder)? {
        let path = entry?.path();
        if path.is_dir() {
            if path.file_name().is_some_and(|name| name != ".git") {
                read_folder(top, &path, files)?;
            }
        } else {
            let name = path.strip_prefix(top).unwrap_or(&path).to_string_lossy().replace('\\', "/");
            files.push(SourceFile { path: name, bytes: Arc::from(std::fs::read(&path)?) });
        }
    }
    Ok(())
}

/// The release that is rendered for.
#[derive(Clone, Copy, Debug)]
pub struct Next {
    /// Its number, as `.Release.Revision` tells it.
    pub number: u32,
    /// Whether there is one already (else it is the first: `.Release.IsInstall`).
    pub upgrade: bool,
}

/// Renders a chart from its files, which are all of it (see `gather`). What may not be shown is not in the failure.
///
/// # Errors
/// What the chart, its values or its templates have wrong, with file and line.
pub fn render_files(
    app: &App,
    files: Vec<SourceFile>,
    layers: Layers,
    next: Next,
    capabilities: &ServerCapabilities,
    host: &ClusterHost,
) -> Result<Content, Failure> {
    let mut layers = layers;
    let (files, sealed) = open_files(files, &mut layers)?;
    let redactor = Redactor::new(std::mem::take(&mut layers.secrets));
    let content = render_opened(app, files, &sealed, &layers.list, next, capabilities, host);
    let redactor = redactor.and(&host.secrets());
    match content {
        Ok(content) => {
            let lint = content.lint.map(|found| found.iter().map(|finding| redactor.clean(finding)).collect());
            Ok(Content { lint, redactor, ..content })
        }
        Err(failure) => Err(Failure { message: redactor.clean(&failure.message), ..failure }),
    }
}

/// What sops had encrypted of a chart, by path, as it was.
type Sealed = BTreeMap<String, Arc<[u8]>>;

/// Opens the chart's files that sops encrypted, templates aside, if there are keys: `.Files.Get` then gives what is in them.
fn open_files(files: Vec<SourceFile>, layers: &mut Layers) -> Result<(Vec<SourceFile>, Sealed), Failure> {
    let mut sealed = Sealed::new();
    if layers.keys.is_none() {
        return Ok((files, sealed));
    }
    let mut opened = Vec::with_capacity(files.len());
    for mut file in files {
        if !file.path.starts_with("templates/") && secrets::is_encrypted(&file.path, &file.bytes) {
            sealed.insert(file.path.clone(), file.bytes.clone());
            file.bytes = layers.open(&file.path, &file.path, &file.bytes)?.into();
        }
        opened.push(file);
    }
    Ok((opened, sealed))
}

fn render_opened(
    app: &App,
    files: Vec<SourceFile>,
    sealed: &Sealed,
    layers: &[(String, Vec<u8>)],
    next: Next,
    capabilities: &ServerCapabilities,
    host: &ClusterHost,
) -> Result<Content, Failure> {
    let linted = (app.spec.lint != LintMode::Off).then(|| files.clone());
    let digest = digest(app, &files, layers, capabilities);
    let config = |reason: &str, message: String| Failure::new(Class::Config, reason, message);
    let place = match app.chart() {
        Some(source) => format!("loading the chart {} from {}", source.name, chart::repository::masked(&source.repository)),
        None => format!("loading the chart in \"{}\"", app.path()),
    };
    let mut log = Log::default();
    let within = || host.exhausted().map_or(Ok(()), |why| Err(config("RenderTooLarge", why)));
    // What sops encrypted is not kept in the clear longer than it is needed.
    let loaded = if sealed.is_empty() { CACHE.chart(files, &mut log) } else { chart::load_files(files, &mut log) };
    let chart = loaded.map_err(|error| config("ChartInvalid", format!("{place}: {error}")))?;
    let missing: Vec<&str> = chart.metadata.dependencies().iter().map(|wanted| wanted.name.as_str()).filter(|name| !chart.dependencies.iter().any(|there| there.name() == *name)).collect();
    if !missing.is_empty() {
        return Err(config("DependencyMissing", format!("{place}: its dependencies {} are named in Chart.yaml and not in charts/", missing.join(", "))));
    }
    within()?;
    let mut values = Map::new();
    for (name, text) in layers {
        let layer = chart::values::load_values(text).map_err(|error| config("ValuesInvalid", format!("{name}: {error}")))?;
        chart::values::merge_into(&mut values, layer);
    }
    let options = render::Options {
        release_name: app.release.clone(),
        namespace: app.target_namespace.clone(),
        revision: i64::from(next.number.max(1)),
        is_upgrade: next.upgrade,
        capabilities: capabilities.0.clone(),
        cache: CACHE.clone(),
        ..Default::default()
    };
    let rendered = render::render(&chart, &values, &options, host, &mut log)
        .map_err(|error| host.failure(format!("rendering the chart: {error}")))?;
    within()?;
    let lint = linted.map(|files| findings(app, files, &values, capabilities));
    if let Some(found) = lint.as_ref().filter(|found| app.spec.lint == LintMode::Strict && !found.is_empty()) {
        return Err(config(LINT_FAILED, format!("spec.lint is Strict and the chart {} has findings: {}", rendered.chart.name(), told(found))));
    }
    let crds = definitions(&rendered.crds)?;
    let mut recorded = recorded(rendered, values, sealed);
    transformed(app, &mut recorded)?;
    Ok(Content { digest, source: SourceStatus::default(), rendered: recorded, crds, lint, redactor: Redactor::default() })
}

/// The reason of a revision that `lint: Strict` refuses.
pub const LINT_FAILED: &str = "LintFailed";
/// How many of the linter's findings a condition or event quotes.
const MAX_TOLD: usize = 5;

/// Some of the linter's findings and how many there are besides.
pub fn told(findings: &[String]) -> String {
    let shown = findings.iter().take(MAX_TOLD).cloned().collect::<Vec<_>>().join("; ");
    match findings.len().saturating_sub(MAX_TOLD) {
        0 => shown,
        more => format!("{shown}; and {more} more (`windlass lint` shows all)"),
    }
}

/// Helm's lint on the chart with these values: what is graver than information.
fn findings(app: &App, files: Vec<SourceFile>, values: &Map, capabilities: &ServerCapabilities) -> Vec<String> {
    let options = lint::LintOptions {
        namespace: app.target_namespace.clone(),
        kube_version: Some(capabilities.0.kube_version.clone()),
        skip_schema_validation: false,
    };
    let source = lint::Source::of(files);
    let found = lint::lint(app.path(), &source, &Log::default(), values, &options, &SystemHost::start(), &mut Log::default());
    found.iter().filter(|finding| finding.severity > lint::Severity::Info).map(ToString::to_string).collect()
}

/// Changes what was rendered as `spec.postRender` and `spec.strategy` say: what is recorded is what is applied. As in helm 4,
/// hooks are changed, too.
fn transformed(app: &App, rendered: &mut Rendered) -> Result<(), Failure> {
    let changes = &app.post_render;
    if changes.is_empty() {
        return Ok(());
    }
    let failed = |text: String| Failure::new(Class::Config, "PostRenderFailed", text);
    let read = |manifest: &str| crate::object::split_documents(manifest).map_err(|error| failed(error.to_string()));
    let mut objects = read(&rendered.manifest)?;
    let hooks = rendered.hooks.iter().map(|hook| read(&hook.manifest)).collect::<Result<Vec<_>, _>>()?;
    changes.check(objects.iter().chain(hooks.iter().flatten()), &app.target_namespace).map_err(|error| failed(error.to_string()))?;
    changes.apply(&mut objects, &app.target_namespace).map_err(|error| failed(error.to_string()))?;
    rendered.manifest = manifest_of(&objects);
    for (hook, mut objects) in rendered.hooks.iter_mut().zip(hooks) {
        changes.apply(&mut objects, &app.target_namespace).map_err(|error| failed(error.to_string()))?;
        hook.manifest = hook_of(&objects);
    }
    // A hook that a patch deleted is none any more.
    rendered.hooks.retain(|hook| !hook.manifest.is_empty());
    Ok(())
}

/// A release's manifest of these objects, each under its template's name.
fn manifest_of(objects: &[Object]) -> String {
    let mut text = String::new();
    objects.iter().for_each(|object| render::push_document(&mut text, object.source.as_deref().unwrap_or_default(), &yaml_of(&object.json)));
    text
}

/// A hook's manifest of these objects.
fn hook_of(objects: &[Object]) -> String {
    objects.iter().map(|object| yaml_of(&object.json)).collect::<Vec<_>>().join("---\n")
}

/// The set in the colour that does not serve now, where the strategy has colours; else as it is.
pub fn coloured(app: &App, rendered: &Rendered, serving: Option<&str>) -> Result<(Rendered, Option<&'static str>), Failure> {
    let Strategy::BlueGreen { preview } = &app.post_render.strategy else { return Ok((rendered.clone(), None)) };
    let failed = |text: String| Failure::new(Class::Config, "NotDoubled", text);
    let plain = crate::object::split_documents(&rendered.manifest).map_err(|error| failed(error.to_string()))?;
    let colour = transform::other(serving);
    let objects = transform::coloured(&plain, colour, preview).map_err(|error| failed(error.to_string()))?;
    let mut coloured = rendered.clone();
    coloured.manifest = manifest_of(&objects);
    for hook in &mut coloured.hooks {
        // Before an upgrade what the old set reads is there; without a colour it has its plain names.
        let reads = if hook.events.contains(&release::Event::PreUpgrade) { serving } else { Some(colour) };
        let documents = crate::object::split_documents(&hook.manifest).map_err(|error| failed(error.to_string()))?;
        if let Some(changed) = reads.and_then(|colour| transform::reading(&documents, &plain, colour)) {
            hook.manifest = hook_of(&changed);
        }
        if hook.events.contains(&release::Event::Test) {
            hook.manifest = transform::previewed(&hook.manifest, &objects, preview);
        }
    }
    Ok((coloured, Some(colour)))
}

/// Without what the chart's `.helmignore` leaves out: a folder that is ignored takes all below it along.
///
/// # Errors
/// A `.helmignore` that helm refuses.
pub fn ignored(files: Vec<SourceFile>) -> Result<Vec<SourceFile>, Failure> {
    let text = files.iter().find(|file| file.path == ".helmignore").map(|file| file.bytes.clone());
    let rules = chart::ignore::Rules::parse(text.as_deref().unwrap_or_default());
    let mut rules = rules.map_err(|error| Failure::new(Class::Config, "ChartInvalid", format!(".helmignore: {error}")))?;
    rules.add_defaults();
    let kept = |path: &str| {
        let folders = path.match_indices('/').map(|(at, _)| &path[..at]);
        !folders.into_iter().any(|folder| rules.ignores(folder, true)) && !rules.ignores(path, false)
    };
    Ok(files.into_iter().filter(|file| kept(&file.path)).collect())
}

/// Everything that the rendered text depends on, but for the release's number and the templates' own randomness.
fn digest(app: &App, files: &[SourceFile], layers: &[(String, Vec<u8>)], capabilities: &ServerCapabilities) -> String {
    let mut hash = Sha256::new();
    let mut feed = |part: &[u8]| {
        hash.update((part.len() as u64).to_le_bytes());
        hash.update(part);
    };
    feed(app.release.as_bytes());
    feed(app.target_namespace.as_bytes());
    feed(capabilities.0.kube_version.version.as_bytes());
    for file in files {
        feed(file.path.as_bytes());
        feed(&file.bytes);
    }
    for (name, text) in layers {
        feed(name.as_bytes());
        feed(text);
    }
    if !app.post_render.is_empty() {
        feed(&serde_json::to_vec(&(&app.spec.post_render, &app.spec.strategy)).expect("a spec serialises"));
    }
    hash.finalize().iter().map(|byte| format!("{byte:02x}")).collect()
}

/// What of it a release record takes, in Helm's shapes.
fn recorded(rendered: render::Rendered, values: Map, sealed: &Sealed) -> Rendered {
    let manifest = rendered.manifest();
    let hooks = rendered.hooks.iter().map(|hook| {
        let words = json!({
            "name": hook.name, "kind": hook.kind, "path": hook.path, "manifest": hook.manifest, "events": hook.events,
            "weight": hook.weight, "delete_policies": hook.delete_policies, "output_log_policies": hook.output_log_policies,
        });
        serde_json::from_value(words).expect("a hook's words are Helm's own")
    });
    let hooks = hooks.collect();
    let config = yaml::to_json(&Value::Map(values), false);
    let config = serde_json::from_str(&config).unwrap_or_default();
    Rendered { chart: chart_json(&rendered.chart, sealed), config, manifest, hooks, notes: rendered.notes, labels: BTreeMap::new() }
}

/// A chart as Helm stores it in a record: no subcharts, contents in base64. Files stay as sealed as they were.
fn chart_json(chart: &chart::Chart, sealed: &Sealed) -> Chart {
    let encode = |bytes: &[u8]| base64::engine::general_purpose::STANDARD.encode(bytes);
    let list = |files: &[SourceFile]| {
        files.iter().map(|file| json!({ "name": file.path, "data": encode(sealed.get(&file.path).unwrap_or(&file.bytes)) })).collect::<Vec<_>>()
    };
    let plain = |value: &Value| serde_json::from_str::<serde_json::Value>(&yaml::to_json(value, false)).unwrap_or_default();
    let raw = chart.raw.iter().find(|file| file.path == "Chart.yaml");
    let mut metadata = raw.and_then(|file| yaml::from_yaml(&file.bytes).ok()).map(|value| plain(&value)).unwrap_or_default();
    // Go's struct has strings there, whatever YAML made of `1.0`.
    for (key, text) in [("version", &chart.metadata.version), ("appVersion", &chart.metadata.app_version)] {
        if !text.is_empty() {
            metadata[key] = json!(text);
        }
    }
    Chart::from_value(&json!({
        "metadata": metadata,
        "lock": serde_json::Value::Null,
        "templates": list(&chart.templates),
        "values": plain(&Value::Map((*chart.values).clone())),
        "schema": chart.schema.as_ref().map(|schema| encode(schema)),
        "files": list(&chart.files),
    }))
}

/// The objects of the chart's `crds/` folders, subcharts' included.
fn definitions(crds: &[chart::Crd]) -> Result<Vec<Object>, Failure> {
    let mut objects = Vec::new();
    for file in crds {
        let invalid = |what: String| Failure::new(Class::Config, "ChartInvalid", format!("{}: {what}", file.filename));
        let text = std::str::from_utf8(&file.bytes).map_err(|error| invalid(error.to_string()))?;
        let found = crate::object::split_documents(text).map_err(|error| invalid(error.to_string()))?;
        objects.extend(found);
    }
    Ok(objects)
}
