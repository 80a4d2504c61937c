//! A schema as checks need it: OpenAPI v3 without its descriptions, which are nine tenths of it.

use crate::object::Gvk;
use serde::de::{self, Deserializer, IgnoredAny, MapAccess, Visitor};
use serde::Deserialize;
use std::collections::BTreeMap;
use std::fmt;

/// One OpenAPI v3 document, as far as schemas go.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub struct OpenApi {
    /// What it defines.
    pub components: Components,
}

/// `components` of an OpenAPI v3 document.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub struct Components {
    /// By name, such as `io.k8s.api.apps.v1.Deployment`.
    pub schemas: BTreeMap<String, Schema>,
}

/// JSON's types, as schemas name them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
#[allow(missing_docs)] // the words are the meaning
pub enum Kind {
    Object,
    Array,
    String,
    Integer,
    Number,
    Boolean,
}

/// One schema. An empty one takes anything.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Schema {
    /// `type`
    pub kind: Option<Kind>,
    /// `nullable`
    pub nullable: bool,
    /// `x-kubernetes-preserve-unknown-fields`
    pub preserve: bool,
    /// `x-kubernetes-int-or-string`
    pub int_or_string: bool,
    /// `x-kubernetes-embedded-resource`
    pub embedded: bool,
    /// Whether there is a `default`: null is then as good as missing.
    pub defaulted: bool,
    /// `format`
    pub format: Option<Box<str>>,
    /// The name that `$ref` leads to, without `#/components/schemas/`.
    pub reference: Option<Box<str>>,
    /// `required`
    pub required: Box<[Box<str>]>,
    /// `properties`
    pub properties: BTreeMap<Box<str>, Schema>,
    /// `items`
    pub items: Option<Box<Schema>>,
    /// `additionalProperties`: a schema, or (true) an empty one. False and none are the same here.
    pub additional: Option<Box<Schema>>,
    /// What few schemas have.
    pub rare: Option<Box<Rare>>,
}

/// What few schemas have.
#[derive(Clone, Debug, Default, PartialEq)]
#[allow(missing_docs)] // as in OpenAPI v3
pub struct Rare {
    pub gvks: Vec<Gvk>,
    pub allowed: Vec<serde_json::Value>,
    pub all_of: Vec<Schema>,
    pub any_of: Vec<Schema>,
    pub one_of: Vec<Schema>,
    pub not: Option<Schema>,
    pub pattern: Option<Box<str>>,
    pub minimum: Option<f64>,
    pub maximum: Option<f64>,
    pub exclusive_minimum: bool,
    pub exclusive_maximum: bool,
    pub multiple_of: Option<f64>,
    pub min_length: Option<u64>,
    pub max_length: Option<u64>,
    pub min_items: Option<u64>,
    pub max_items: Option<u64>,
    pub min_properties: Option<u64>,
    pub max_properties: Option<u64>,
}

impl Schema {
    fn rare(&mut self) -> &mut Rare {
        self.rare.get_or_insert_default()
    }

    /// The kinds that the schema is of: `x-kubernetes-group-version-kind`.
    pub fn gvks(&self) -> &[Gvk] {
        self.rare.as_deref().map_or(&[], |rare| &rare.gvks)
    }

    /// `allOf: [{$ref}]` is how a reference is written that has a description: the reference is enough.
    fn flattened(mut self) -> Schema {
        if self.kind.is_none()
            && self.reference.is_none()
            && let Some(rare) = &mut self.rare
            && let [only] = rare.all_of.as_mut_slice()
            && only.reference.is_some()
            && only.rare.is_none()
            && only.properties.is_empty()
        {
            self.reference = only.reference.take();
            rare.all_of.clear();
            if **rare == Rare::default() {
                self.rare = None;
            }
        }
        self
    }
}

/// `additionalProperties`, `items` of a schema: either a schema or a truth value.
#[derive(Deserialize)]
#[serde(untagged)]
enum Additional {
    Allowed(bool),
    Schema(Box<Schema>),
}

const REFERENCE: &str = "#/components/schemas/";

struct Reading;

impl<'de> Visitor<'de> for Reading {
    type Value = Schema;

    fn expecting(&self, f: &mut fmt::Formatter) -> fmt::Result {
        f.write_str("an OpenAPI v3 schema")
    }

    /// A flat list of keys, longer than a screen.
    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Schema, A::Error> {
        let mut schema = Schema::default();
        while let Some(key) = map.next_key::<std::borrow::Cow<'de, str>>()? {
            match &*key {
                "type" => schema.kind = map.next_value()?,
                "nullable" => schema.nullable = map.next_value()?,
                "x-kubernetes-preserve-unknown-fields" => schema.preserve = map.next_value()?,
                "x-kubernetes-int-or-string" => schema.int_or_string = map.next_value()?,
                "x-kubernetes-embedded-resource" => schema.embedded = map.next_value()?,
                "default" => {
                    map.next_value::<IgnoredAny>()?;
                    schema.defaulted = true;
                }
                "format" => schema.format = map.next_value()?,
                "$ref" => {
                    let text: String = map.next_value()?;
                    let name = text.strip_prefix(REFERENCE);
                    schema.reference = Some(name.ok_or_else(|| de::Error::custom(format!("a reference elsewhere: {text}")))?.into());
                }
                "required" => schema.required = map.next_value()?,
                "properties" => schema.properties = map.next_value()?,
                "items" => schema.items = map.next_value()?,
                "additionalProperties" => {
                    schema.additional = match map.next_value()? {
                        Additional::Schema(schema) => Some(schema),
                        Additional::Allowed(true) => Some(Box::default()),
                        Additional::Allowed(false) => None,
                    }
                }
                "x-kubernetes-group-version-kind" => schema.rare().gvks = map.next_value()?,
                "enum" => schema.rare().allowed = map.next_value()?,
                "allOf" => schema.rare().all_of = map.next_value()?,
                "anyOf" => schema.rare().any_of = map.next_value()?,
                "oneOf" => schema.rare().one_of = map.next_value()?,
                "not" => schema.rare().not = map.next_value()?,
                "pattern" => schema.rare().pattern = map.next_value()?,
                "minimum" => schema.rare().minimum = map.next_value()?,
                "maximum" => schema.rare().maximum = map.next_value()?,
                "exclusiveMinimum" => schema.rare().exclusive_minimum = map.next_value()?,
                "exclusiveMaximum" => schema.rare().exclusive_maximum = map.next_value()?,
                "multipleOf" => schema.rare().multiple_of = map.next_value()?,
                "minLength" => schema.rare().min_length = map.next_value()?,
                "maxLength" => schema.rare().max_length = map.next_value()?,
                "minItems" => schema.rare().min_items = map.next_value()?,
                "maxItems" => schema.rare().max_items = map.next_value()?,
                "minProperties" => schema.rare().min_properties = map.next_value()?,
                "maxProperties" => schema.rare().max_properties = map.next_value()?,
                _ => drop(map.next_value::<IgnoredAny>()?),
            }
        }
        Ok(schema.flattened())
    }
}

impl<'de> Deserialize<'de> for Schema {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Schema, D::Error> {
        deserializer.deserialize_map(Reading)
    }
}
