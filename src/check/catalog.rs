//! Schemas by kind.

use super::schema::{OpenApi, Schema};
use crate::object::Gvk;
use serde_json::Value;
use std::collections::BTreeMap;
use std::sync::Arc;

/// Schemas by kind, from several sources: what came first stands.
#[derive(Clone, Debug, Default)]
pub struct Catalog {
    /// By definition name.
    definitions: BTreeMap<String, Arc<Schema>>,
    /// From a kind to its definition's name.
    kinds: BTreeMap<Gvk, String>,
}

/// A kind's schema and how the API server reads objects of the kind.
#[derive(Clone, Copy, Debug)]
pub struct Found<'a> {
    /// The schema.
    pub schema: &'a Schema,
    /// Whether a Go type stands behind it; else it is a custom resource, checked by its schema alone.
    pub typed: bool,
}

/// Definitions of the server's own types begin with one of these; a CRD of a group in `k8s.io` does not.
const TYPED: &[&str] = &["io.k8s.api.", "io.k8s.apimachinery.", "io.k8s.apiextensions-apiserver.", "io.k8s.kube-aggregator."];

/// Metadata of every object.
pub(super) const OBJECT_META: &str = "io.k8s.apimachinery.pkg.apis.meta.v1.ObjectMeta";

impl Catalog {
    /// Adds the definitions of a document.
    pub fn add_document(&mut self, document: OpenApi) {
        for (name, schema) in document.components.schemas {
            self.add(name, Arc::new(schema));
        }
    }

    /// Adds all that another catalog has and this one has not.
    pub fn add_all(&mut self, other: &Catalog) {
        for (name, schema) in &other.definitions {
            self.definitions.entry(name.clone()).or_insert_with(|| schema.clone());
        }
        for (gvk, name) in &other.kinds {
            self.kinds.entry(gvk.clone()).or_insert_with(|| name.clone());
        }
    }

    pub(super) fn add(&mut self, name: String, schema: Arc<Schema>) {
        // What meta/v1 defines for all groups (DeleteOptions …) names them all: no object that anybody applies.
        if let [gvk] = schema.gvks() {
            self.kinds.entry(gvk.clone()).or_insert_with(|| name.clone());
        }
        self.definitions.entry(name).or_insert(schema);
    }

    /// Adds the kinds that a CRD defines, those of versions that are served. Whether it was a CRD that could be read.
    pub fn add_crd(&mut self, object: &Value) -> bool {
        let kinds = super::crd::kinds(object);
        let found = !kinds.is_empty();
        for (gvk, schema) in kinds {
            let name = format!("crd:{gvk}");
            self.definitions.entry(name.clone()).or_insert(Arc::new(schema));
            self.kinds.entry(gvk).or_insert(name);
        }
        found
    }

    /// The schema of a kind.
    pub fn find(&self, gvk: &Gvk) -> Option<Found<'_>> {
        let name = self.kinds.get(gvk)?;
        let schema = self.definitions.get(name)?;
        Some(Found { schema, typed: TYPED.iter().any(|start| name.starts_with(start)) })
    }

    /// Whether there is a schema for the kind.
    pub fn has(&self, gvk: &Gvk) -> bool {
        self.kinds.contains_key(gvk)
    }

    /// A definition by name.
    pub fn definition(&self, name: &str) -> Option<&Schema> {
        self.definitions.get(name).map(|schema| &**schema)
    }

    /// How many kinds there are.
    pub fn len(&self) -> usize {
        self.kinds.len()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.kinds.is_empty()
    }

    /// The `apiVersion`s in which a kind of a group is there.
    pub fn versions_of(&self, group: &str, kind: &str) -> Vec<String> {
        self.kinds.keys().filter(|gvk| gvk.is(group, kind)).map(Gvk::api_version).collect()
    }

    /// The `apiVersion`s in which a kind is there, whatever its group.
    pub fn groups_of(&self, kind: &str) -> Vec<String> {
        self.kinds.keys().filter(|gvk| gvk.kind == kind).map(Gvk::api_version).collect()
    }
}
