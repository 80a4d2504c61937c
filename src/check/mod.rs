//! Is what was rendered what a cluster takes? Every object against the OpenAPI schema of its kind, before anything is planned.
//!
//! Schemas come from a cluster (`/openapi/v3`), from the Kubernetes versions embedded here, and from CRDs, all in one form
//! ([`Schema`]). What is found is what the API server's strict field validation refuses: unknown fields, wrong types, missing
//! required fields, values that are not among those allowed. What only its code knows (a selector that does not fit its Pods)
//! is not in its schemas, and not here.
//!
//! Pure: who asks the cluster for its schemas is `cluster/schemas.rs`.

mod builtin;
mod catalog;
mod crd;
mod documents;
mod finding;
mod formats;
mod report;
mod schema;
mod suggest;
#[cfg(test)]
mod tests;
mod walk;

pub use builtin::{BuiltinError, builtin, versions};
pub use catalog::Catalog;
pub use documents::{Document, documents, template_line};
pub use finding::{Fault, Finding, Step};
pub use report::{Report, json, junit, text};
pub use schema::{OpenApi, Schema};

use crate::object::Object;

/// How many findings one object may have before the rest is only counted: a file that is no manifest at all has thousands.
pub const MAX_FINDINGS: usize = 100;

/// Checks one object; nothing is found where its kind is unknown to the catalog and `known` says that the cluster has it.
pub fn check_object(object: &Object, catalog: &Catalog) -> Vec<Finding> {
    let mut found = match catalog.find(&object.reference.gvk) {
        Some(schema) => walk::walk(&object.json, schema, catalog),
        None => vec![unknown(object, catalog)],
    };
    for finding in &mut found {
        finding.object = object.reference.clone();
        finding.source.clone_from(&object.source);
    }
    found
}

/// The kind is in no schema: what is there instead is the hint.
fn unknown(object: &Object, catalog: &Catalog) -> Finding {
    let gvk = &object.reference.gvk;
    let others = catalog.versions_of(&gvk.group, &gvk.kind);
    let hint = match others.as_slice() {
        [] => match catalog.groups_of(&gvk.kind).as_slice() {
            [] => "; if a CRD defines it, put that into the chart or name its file".to_owned(),
            groups => format!("; there is {}", groups.join(", ")),
        },
        versions => format!("; there is {}", versions.join(", ")),
    };
    let message = format!("no matches for kind \"{}\" in version \"{}\"{hint}", gvk.kind, gvk.api_version());
    Finding::new(Fault::UnknownKind, Vec::new(), message)
}
