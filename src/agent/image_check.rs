//! Images that a revision names for the first time are looked up at their registries before anything is applied: one that is
//! missing is waited for, as its build may still run, and condemns nothing.

use super::{Driver, drive::now, target, updates};
use crate::{
    app::ImageCheckMode,
    decide::{Class, Failure},
    images::{Credentials, Options, RegistryError},
    object::Object,
    webhooks::Image,
};
use serde_json::Value;
use std::{collections::BTreeSet, time::Duration};

/// How long a registry may take to answer.
const PATIENCE: Duration = Duration::from_secs(10);
/// How many images of one revision are looked up.
const MAX_IMAGES: usize = 100;

impl Driver {
    /// Whether the registries have what `desired` names and `previous` did not. A registry that cannot be asked, or that does
    /// not let us in, holds nothing back: the nodes may know it better.
    pub(super) async fn images_exist(&mut self, desired: &[Object], previous: &[Object]) -> Result<(), Failure> {
        if self.app.spec.image_check.mode == ImageCheckMode::Off {
            return Ok(());
        }
        let known = images(previous);
        let new: Vec<Image> = images(desired).difference(&known).take(MAX_IMAGES).filter_map(|name| Image::parse(name)).collect();
        let login = self.login(desired).await;
        let asked = new.iter().map(|image| self.missing(image, &login));
        let missing: Vec<String> = futures::future::join_all(asked).await.into_iter().flatten().collect();
        // Each image has its own deadline: another revision's was not waited for yet.
        let now = now();
        self.work.missing_since.retain(|known, _| missing.contains(known));
        let waited = missing.iter().map(|what| now - *self.work.missing_since.entry(what.clone()).or_insert(now)).max();
        let Some(waited) = waited else { return Ok(()) };
        let limit = self.app.image_timeout;
        let waited = Duration::from_millis(waited.max(0) as u64);
        let what = missing.join("; ");
        if waited < limit {
            let text = format!("{what}: waiting for it for up to {}, as its build may still run; nothing was applied", self.app.spec.image_check.timeout);
            return Err(Failure::new(Class::Transient, "ImageMissing", text));
        }
        let text = format!("{what}, and it did not come within {}; nothing was applied. Push the image, or name another one", self.app.spec.image_check.timeout);
        Err(Failure::new(Class::Config, "ImageMissing", text))
    }

    async fn missing(&self, image: &Image, login: &Options) -> Option<String> {
        let insecure = self.app.spec.images.iter().any(|spec| spec.insecure && Image::parse(&spec.image).is_some_and(|ours| ours.same_repository(image, false)));
        let options = Options { insecure, ..login.clone() };
        match tokio::time::timeout(PATIENCE, self.shared.registries.digest(image, &options)).await {
            Ok(Err(RegistryError::Missing(missing))) => Some(missing.to_string()),
            Ok(Err(error)) => {
                tracing::warn!(environment = self.app.id(), reason = "ImageUnchecked", "an image cannot be looked up and is taken to be there: {error}");
                None
            }
            Ok(Ok(_)) => None,
            Err(_) => {
                tracing::warn!(environment = self.app.id(), image = image.name(), reason = "ImageUnchecked", "its registry did not answer: it is taken to be there");
                None
            }
        }
    }

    /// What opens the registries: the Secret that is named for this, else the first that the Pods themselves pull with.
    async fn login(&self, desired: &[Object]) -> Options {
        let data = match &self.app.spec.image_check.secret_ref {
            Some(secret) => updates::secret(&self.shared, &self.app, &secret.name, "imageCheck.secretRef").await.ok(),
            None => {
                let named = desired.iter().find_map(|object| pod_spec(&object.json)?["imagePullSecrets"][0]["name"].as_str());
                match named {
                    Some(name) => {
                        let reference = crate::object::ObjectRef {
                            gvk: crate::object::Gvk::new("v1", "Secret"),
                            namespace: Some(self.app.target_namespace.clone()),
                            name: name.to_owned(),
                        };
                        self.shared.cluster.get(&reference).await.ok().map(|live| target::secret_data(&live))
                    }
                    None => None,
                }
            }
        };
        let credentials = data.and_then(|data| Credentials::from_secret(&data).ok()).unwrap_or_default();
        Options { credentials, insecure: false }
    }
}

/// The images that the Pods of a set run.
pub fn images(objects: &[Object]) -> BTreeSet<String> {
    let mut found = BTreeSet::new();
    for spec in objects.iter().filter_map(|object| pod_spec(&object.json)) {
        for list in ["initContainers", "containers"] {
            let containers = spec[list].as_array().into_iter().flatten();
            found.extend(containers.filter_map(|container| Some(container["image"].as_str()?.to_owned())));
        }
    }
    found
}

/// The Pod's spec in whatever makes Pods.
fn pod_spec(object: &Value) -> Option<&Value> {
    let paths = ["/spec/template/spec", "/spec/jobTemplate/spec/template/spec", "/spec"];
    paths.iter().filter_map(|path| object.pointer(path)).find(|spec| spec["containers"].is_array())
}
