//! The bare client: applies what helm would have rendered, and waits for the Deployments. Nobody can be much faster.

use super::{follow::until_all, parallel};
use anyhow::{Context as _, Result, bail};
use std::path::Path;
use std::process::Command;
use xtask::cluster::Api;
use xtask::sys;

/// Stands for the name of the release and its namespace in the rendered text.
const NAME: &str = "the-name-of-it";

/// One object: the path of its collection's kind, and its text.
pub struct Manifest {
    /// As `/apis/apps/v1/namespaces/NAMESPACE/deployments/NAME`.
    path: String,
    text: String,
}

/// The chart's objects, with [`NAME`] in the place of names; `message` makes one round differ from the other.
pub fn render(binary: &Path, chart: &Path, message: &str) -> Result<Vec<Manifest>> {
    let mut command = Command::new(binary);
    command.args(["template", NAME]).arg(chart).args(["--namespace", NAME, "--set"]).arg(format!("message=floor-{message}"));
    let text = sys::run(&mut command)?;
    let mut manifests = Vec::new();
    for document in text.split("---\n").filter(|document| document.contains("kind:")) {
        let line = |key: &str| document.lines().find_map(|line| line.strip_prefix(key)).map(str::trim);
        let version = line("apiVersion:").context("a manifest has an apiVersion")?;
        let kind = line("kind:").context("a manifest has a kind")?;
        let prefix = if version.contains('/') { "apis" } else { "api" };
        let plural = match kind.to_lowercase() {
            kind if kind.ends_with('y') => format!("{}ies", kind.trim_end_matches('y')),
            kind => format!("{kind}s"),
        };
        let path = format!("/{prefix}/{version}/namespaces/{NAME}/{plural}/{NAME}");
        manifests.push(Manifest { path, text: document.to_owned() });
    }
    if manifests.len() != 6 {
        bail!("the chart has {} objects, not 6:\n{text}", manifests.len());
    }
    Ok(manifests)
}

/// Applies all objects for all names, sixteen at a time.
pub fn apply(api: &Api, names: &[String], objects: &[Manifest]) -> Result<()> {
    parallel(names.len() * objects.len(), |index| {
        let (name, object) = (&names[index / objects.len()], &objects[index % objects.len()]);
        let path = format!("{}?fieldManager=floor&force=true", object.path.replace(NAME, name));
        let (status, text) = api.raw("PATCH", &path, "application/apply-patch+yaml", &object.text.replace(NAME, name))?;
        if !(200..300).contains(&status) {
            bail!("PATCH {path}: {status}: {text}");
        }
        Ok(())
    })
}

/// Waits until every Deployment is rolled out.
pub fn wait(api: &Api, names: &[String]) -> Result<()> {
    let rolled_out = |item: &serde_json::Value| {
        let (spec, status) = (&item["spec"], &item["status"]);
        item["metadata"]["generation"] == status["observedGeneration"]
            && [&status["updatedReplicas"], &status["availableReplicas"], &status["replicas"]].iter().all(|n| **n == spec["replicas"])
    };
    until_all(api, "/apis/apps/v1/deployments", names, rolled_out, || Ok(()))
}
