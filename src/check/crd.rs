//! A CustomResourceDefinition to the schemas of its kinds.

use super::schema::Schema;
use crate::object::Gvk;
use serde::Deserialize as _;
use serde_json::Value;

/// The kinds that a CRD serves, each with its schema. Nothing where the object is none, or one that cannot be read: what is
/// wrong with it is then found by the check of the CRD itself.
pub(super) fn kinds(object: &Value) -> Vec<(Gvk, Schema)> {
    let spec = &object["spec"];
    if object["kind"] != "CustomResourceDefinition" {
        return Vec::new();
    }
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let (group, kind) = (text(&spec["group"]), text(&spec["names"]["kind"]));
    let mut found = Vec::new();
    for version in spec["versions"].as_array().into_iter().flatten() {
        if version["served"] == Value::Bool(false) {
            continue;
        }
        // A version without a schema (v1beta1 had one for all) keeps whatever it is given.
        let schema = match version["schema"].get("openAPIV3Schema") {
            Some(schema) => Schema::deserialize(schema).ok(),
            None => Some(Schema { preserve: true, ..Schema::default() }),
        };
        let Some(mut schema) = schema else { continue };
        // The server itself knows what stands there, whatever the CRD says of it.
        for key in ["apiVersion", "kind", "metadata"] {
            schema.properties.remove(key);
        }
        found.push((Gvk { group: group.clone(), version: text(&version["name"]), kind: kind.clone() }, schema));
    }
    found
}
