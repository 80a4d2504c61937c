//! The API server's OpenAPI v3 documents, fetched as they are needed and kept for all environments: one for each group and
//! version in use, without descriptions.

use super::{ApiError, Cluster};
use crate::{
    check::{Catalog, OpenApi},
    object::{self, Gvk},
};
use serde::Deserialize;
use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
    time::{Duration, Instant},
};
use tokio::sync::Mutex;

/// How long the list of documents is taken for current: their addresses change with their content.
pub const MAX_AGE: Duration = Duration::from_secs(60);

/// Schemas of one API server. Cheap to clone.
#[derive(Clone)]
pub struct Schemas {
    cluster: Cluster,
    state: Arc<Mutex<State>>,
}

#[derive(Default)]
struct State {
    /// When the list was fetched.
    asked: Option<Instant>,
    /// From `apis/apps/v1` to the document's address.
    list: BTreeMap<String, String>,
    /// The documents that were needed, with the addresses that they came from.
    documents: BTreeMap<String, (String, Arc<Catalog>)>,
}

#[derive(Deserialize)]
struct List {
    paths: BTreeMap<String, Entry>,
}

#[derive(Deserialize)]
struct Entry {
    // An initialism, so not in serde's camel case.
    #[serde(rename = "serverRelativeURL")]
    server_relative_url: String,
}

impl Schemas {
    /// Those of a server; nothing is asked yet.
    pub fn new(cluster: Cluster) -> Self {
        Schemas { cluster, state: Arc::default() }
    }

    /// Adds the schemas of the kinds' groups and versions to a catalog, as far as the server has them. What is older than
    /// `max_age` is looked at again.
    ///
    /// # Errors
    /// As the requests failed; 404 from servers before Kubernetes 1.24.
    pub async fn add(&self, kinds: &[Gvk], max_age: Duration, catalog: &mut Catalog) -> Result<(), ApiError> {
        // Held while asking: whoever needs the same documents waits for them instead of asking, too.
        let mut state = self.state.lock().await;
        let wanted: BTreeSet<String> = kinds.iter().map(document).collect();
        let unknown = wanted.iter().any(|name| !state.list.contains_key(name));
        if state.asked.is_none_or(|asked| asked.elapsed() >= if unknown { Duration::ZERO } else { max_age }) {
            let list: List = self.read("/openapi/v3").await?;
            state.list = list.paths.into_iter().map(|(name, entry)| (name, entry.server_relative_url)).collect();
            state.asked = Some(Instant::now());
        }
        for name in wanted {
            let Some(address) = state.list.get(&name).cloned() else { continue };
            let known = state.documents.get(&name).filter(|(from, _)| *from == address).map(|(_, document)| document.clone());
            let document = match known {
                Some(document) => document,
                None => {
                    let mut document = Catalog::default();
                    document.add_document(self.read::<OpenApi>(&address).await?);
                    let document = Arc::new(document);
                    state.documents.insert(name, (address, document.clone()));
                    document
                }
            };
            catalog.add_all(&document);
        }
        Ok(())
    }

    /// Whether the server has the kind, schema or not.
    pub async fn knows(&self, kind: &Gvk) -> bool {
        // Publishing lags behind discovery by seconds after a CRD was made; built-in kinds are always published.
        object::scope::builtin_namespaced(kind).is_none() && self.cluster.kind(kind).await.is_ok()
    }

    async fn read<T: for<'de> Deserialize<'de>>(&self, path: &str) -> Result<T, ApiError> {
        let bytes = self.cluster.get_bytes(path).await?;
        let unreadable = |error| ApiError::unreachable(format!("the API server's answer to {path} is no OpenAPI document: {error}"));
        serde_json::from_slice(&bytes).map_err(unreadable)
    }
}

/// The document that a kind is in, as the list names it.
fn document(kind: &Gvk) -> String {
    if kind.group.is_empty() { format!("api/{}", kind.version) } else { format!("apis/{}/{}", kind.group, kind.version) }
}
