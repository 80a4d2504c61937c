//! What the head renders to: snapshot, values and chart become a release that could be opened.

use super::{Shared, SystemHost};
use crate::{
    app::{App, SourceStatus, ValuesFromKind},
    chart::{
        self, Log, SourceFile,
        capabilities::{Capabilities, KubeVersion},
    },
    cluster::Cluster,
    decide::{Class, Failure},
    object::{Gvk, Object, ObjectRef},
    release::{self, Chart, Release, Rendered},
    render,
    sources::{GitSpec, Snapshot, SourceError},
    value::{Map, Value},
    yaml,
};
use base64::Engine as _;
use serde_json::json;
use sha2::{Digest as _, Sha256};
use std::{collections::BTreeMap, path::Path, sync::Arc};

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
}

impl Content {
    /// The release that it would be, for planning: numbered 0.
    pub fn release(&self, app: &App) -> Release {
        release::install(&app.release, &app.target_namespace, self.rendered.clone(), jiff::Timestamp::UNIX_EPOCH)
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

/// The layers of values over the chart's own, lowest first: files, then ConfigMaps and Secrets, then inline.
///
/// # Errors
/// The layer that is missing or no YAML map, by name.
pub async fn values_layers(shared: &Shared, app: &App, snapshot: &Snapshot) -> Result<Vec<(String, Vec<u8>)>, Failure> {
    layers(shared, app, |path| snapshot.read(path).map_err(|error: SourceError| error.to_string())).await
}

/// The same for a chart in a folder: paths from the repository's top are taken from where the folder's own top would be.
///
/// # Errors
/// As [`values_layers`].
pub async fn local_layers(shared: &Shared, app: &App, folder: &Path) -> Result<Vec<(String, Vec<u8>)>, Failure> {
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
pub async fn layers_of(shared: &Shared, app: &App, files: &[SourceFile]) -> Result<Vec<(String, Vec<u8>)>, Failure> {
    layers(shared, app, |path| {
        let file = files.iter().find(|file| file.path == path);
        file.map(|file| file.bytes.to_vec()).ok_or_else(|| "the chart has no such file; files beside it need source.git".to_owned())
    })
    .await
}

async fn layers(shared: &Shared, app: &App, read: impl Fn(&str) -> Result<Vec<u8>, String>) -> Result<Vec<(String, Vec<u8>)>, Failure> {
    let mut layers = Vec::new();
    for file in &app.spec.values.files {
        let path = repository_path(app.path(), file);
        let text = read(&path)
            .map_err(|error| Failure::new(Class::Config, "ValuesFileMissing", format!("values file {path}: {error}")))?;
        layers.push((path, text));
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
            Some(text) => layers.push((format!("{reference} key {}", from.key), text)),
            None if from.optional => {}
            None => return Err(missing(format!("{reference} has no key \"{}\"", from.key))),
        }
    }
    if !app.spec.values.inline.is_empty() {
        layers.push(("spec.values.inline".into(), serde_json::to_vec(&app.spec.values.inline).expect("JSON serialises")));
    }
    Ok(layers)
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

/// Renders a chart from its files, which are all of it (see `gather`).
///
/// # Errors
/// What the chart, its values or its templates have wrong, with file and line.
pub fn render_files(
    app: &App,
    files: Vec<SourceFile>,
    layers: Vec<(String, Vec<u8>)>,
    upgrade: bool,
    number: u32,
    capabilities: &ServerCapabilities,
) -> Result<Content, Failure> {
    let digest = digest(app, &files, &layers, capabilities);
    let config = |reason: &str, message: String| Failure::new(Class::Config, reason, message);
    let place = match app.chart() {
        Some(source) => format!("loading the chart {} from {}", source.name, chart::repository::masked(&source.repository)),
        None => format!("loading the chart in \"{}\"", app.path()),
    };
    let mut log = Log::default();
    let chart = chart::load_files(files, &mut log).map_err(|error| config("ChartInvalid", format!("{place}: {error}")))?;
    let missing: Vec<&str> = chart.metadata.dependencies().iter().map(|wanted| wanted.name.as_str()).filter(|name| !chart.dependencies.iter().any(|there| there.name() == *name)).collect();
    if !missing.is_empty() {
        return Err(config("DependencyMissing", format!("{place}: its dependencies {} are named in Chart.yaml and not in charts/", missing.join(", "))));
    }
    let mut values = Map::new();
    for (name, text) in &layers {
        let layer = chart::values::load_values(text).map_err(|error| config("ValuesInvalid", format!("{name}: {error}")))?;
        chart::values::merge_into(&mut values, layer);
    }
    let options = render::Options {
        release_name: app.release.clone(),
        namespace: app.target_namespace.clone(),
        revision: i64::from(number.max(1)),
        is_upgrade: upgrade,
        capabilities: capabilities.0.clone(),
        ..Default::default()
    };
    let rendered = render::render(&chart, &values, &options, &SystemHost, &mut log)
        .map_err(|error| config("RenderFailed", format!("rendering the chart: {error}")))?;
    Ok(Content { digest, source: SourceStatus::default(), rendered: recorded(rendered, values) })
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
    hash.finalize().iter().map(|byte| format!("{byte:02x}")).collect()
}

/// What of it a release record takes, in Helm's shapes.
fn recorded(rendered: render::Rendered, values: Map) -> Rendered {
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
    Rendered { chart: chart_json(&rendered.chart), config, manifest, hooks, notes: rendered.notes, labels: BTreeMap::new() }
}

/// A chart as Helm stores it in a record: no subcharts, contents in base64.
fn chart_json(chart: &chart::Chart) -> Chart {
    let encode = |bytes: &[u8]| base64::engine::general_purpose::STANDARD.encode(bytes);
    let list = |files: &[SourceFile]| {
        files.iter().map(|file| json!({ "name": file.path, "data": encode(&file.bytes) })).collect::<Vec<_>>()
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

/// The CRDs in the record's `crds/` folder: applied before everything else, on a first install only, as helm does.
pub fn crds(release: &Release) -> Vec<Object> {
    let Some(chart) = &release.chart else { return Vec::new() };
    let chart = chart.to_value();
    let decode = |text: &str| base64::engine::general_purpose::STANDARD.decode(text).ok();
    let mut objects = Vec::new();
    for file in chart["files"].as_array().into_iter().flatten() {
        let name = file["name"].as_str().unwrap_or_default();
        if name.starts_with("crds/")
            && let Some(text) = file["data"].as_str().and_then(decode).and_then(|bytes| String::from_utf8(bytes).ok())
            && let Ok(found) = crate::object::split_documents(&text)
        {
            objects.extend(found);
        }
    }
    objects
}
