//! One watch on the metadata of all Helm release records: what the helm command line (or another agent) writes is seen at once.

use super::Cluster;
use futures::StreamExt as _;
use k8s_openapi::api::core::v1::Secret;
use kube::{Api, core::PartialObjectMeta, runtime::watcher};
use std::time::Duration;

/// A release record as the watch saw it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Seen {
    /// The release's namespace.
    pub namespace: String,
    /// The release's name.
    pub release: String,
    /// The record's number.
    pub number: u64,
    /// Its resource version; `None` where it was deleted.
    pub version: Option<String>,
}

/// Watches the records of `namespace`, or of all namespaces, for ever, and tells of each change.
pub async fn watch_records(cluster: Cluster, namespace: Option<String>, tell: impl Fn(Seen)) {
    let api: Api<PartialObjectMeta<Secret>> = match &namespace {
        Some(namespace) => Api::namespaced(cluster.client(), namespace),
        None => Api::all(cluster.client()),
    };
    let config = watcher::Config::default().labels("owner=helm").page_size(200);
    let mut events = watcher::watcher(api, config).boxed();
    let mut pause = Duration::from_millis(200);
    while let Some(event) = events.next().await {
        match event {
            Ok(watcher::Event::Apply(object) | watcher::Event::InitApply(object)) => {
                seen(&object.metadata, true).into_iter().for_each(&tell);
            }
            Ok(watcher::Event::Delete(object)) => seen(&object.metadata, false).into_iter().for_each(&tell),
            Ok(watcher::Event::InitDone) => pause = Duration::from_millis(200),
            Ok(watcher::Event::Init) => {}
            Err(error) => {
                tracing::debug!(%error, "the watch on release records broke off, starting again");
                tokio::time::sleep(pause).await;
                pause = (pause * 2).min(Duration::from_secs(10));
            }
        }
    }
}

fn seen(meta: &kube::core::ObjectMeta, there: bool) -> Option<Seen> {
    let label = |key: &str| meta.labels.as_ref()?.get(key).cloned();
    Some(Seen {
        namespace: meta.namespace.clone()?,
        release: label("name")?,
        number: label("version")?.parse().ok()?,
        version: if there { meta.resource_version.clone() } else { None },
    })
}
