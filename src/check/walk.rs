//! Object and schema side by side.
//!
//! Two readings, as the API server has two. *Typed*: the server decodes into Go structs, so null is as good as missing
//! everywhere, and an empty word where a constant is expected takes the default. *By schema*: custom resources, where the
//! schema's every rule counts and a field that it does not name is refused.

use super::catalog::{Catalog, Found, OBJECT_META};
use super::finding::{Fault, Finding, Step};
use super::schema::{Kind, Rare, Schema};
use super::{MAX_FINDINGS, formats, suggest};
use serde_json::{Map, Value};

/// How deep an object is followed; deeper ones the reader of manifests has refused.
const MAX_DEPTH: usize = 512;
/// How many references may lead from one to the next without a field between them.
const MAX_REFERENCES: usize = 16;
/// What a CRD's schemas are made of.
const SCHEMA_PROPS: &str = "io.k8s.apiextensions-apiserver.pkg.apis.apiextensions.v1.JSONSchemaProps";
/// Fields that the published schema calls required though the server takes objects without them, whose zero it means by that.
/// By type; found by asking the server (`tests/e2e/validate.rs`).
const ZERO_WILL_DO: &[(&str, &[&str])] = &[("io.k8s.api.core.v1.SleepAction", &["seconds"])];
/// How many bytes of a value a finding quotes.
const MAX_QUOTED: usize = 60;
/// How large the automaton of a pattern may become.
const MAX_PATTERN: usize = 1 << 20;

/// Checks an object against the schema of its kind.
pub(super) fn walk(object: &Value, found: Found<'_>, catalog: &Catalog) -> Vec<Finding> {
    // What a Secret holds is not quoted, whatever is wrong with it.
    let quote = object["kind"] != "Secret";
    let mut walk = Walk { catalog, found: Vec::new(), steps: Vec::new(), typed: found.typed, in_status: false, rules_only: false, unknown_taken: false, quote };
    if found.typed {
        walk.value(object, found.schema);
    } else {
        walk.resource(object, found.schema);
    }
    walk.found
}

struct Walk<'a> {
    catalog: &'a Catalog,
    found: Vec<Finding>,
    steps: Vec<Step>,
    typed: bool,
    /// Within the object's own status, which a write of the object does not touch: only its form is looked at.
    in_status: bool,
    /// Within `allOf` and its kin: they say nothing of which fields there are.
    rules_only: bool,
    /// Below a type with a reader of its own, which passes over fields that it does not know.
    unknown_taken: bool,
    quote: bool,
}

impl<'a> Walk<'a> {
    fn report(&mut self, fault: Fault, message: String) {
        if self.found.len() < MAX_FINDINGS {
            self.found.push(Finding::new(fault, self.steps.clone(), message));
        }
    }

    fn within(&mut self, step: Step, then: impl FnOnce(&mut Self)) {
        self.steps.push(step);
        then(self);
        self.steps.pop();
    }

    /// A custom resource, or one within another: the server minds its type and metadata itself.
    fn resource(&mut self, value: &Value, schema: &Schema) {
        let Value::Object(map) = value else { return self.wrong("object", value) };
        if let Some(meta) = map.get("metadata")
            && let Some(schema) = self.catalog.definition(OBJECT_META)
        {
            let before = std::mem::replace(&mut self.typed, true);
            self.within(Step::Key("metadata".into()), |walk| walk.value(meta, schema));
            self.typed = before;
        }
        self.object(map, schema, &["apiVersion", "kind", "metadata"]);
    }

    fn value(&mut self, value: &Value, schema: &Schema) {
        if self.steps.len() > MAX_DEPTH {
            return self.report(Fault::Invalid, format!("nested more than {MAX_DEPTH} levels deep"));
        }
        let Some((schema, name)) = self.resolve(schema) else { return };
        if value.is_null() {
            let taken = self.typed || schema.nullable || schema.defaulted || (schema.kind.is_none() && !schema.int_or_string);
            if !taken {
                self.wrong(word(schema), value);
            }
            return;
        }
        if self.typed && name.is_some_and(|name| name.ends_with(".api.resource.Quantity")) {
            return self.quantity(value);
        }
        // The schema says "anything" where the type's own reader takes a schema, or a truth value or a list instead of one.
        if self.typed
            && value.is_object()
            && name.is_some_and(|name| name.ends_with("JSONSchemaPropsOrArray") || name.ends_with("JSONSchemaPropsOrBool"))
            && let Some(inner) = self.catalog.definition(SCHEMA_PROPS)
        {
            let before = std::mem::replace(&mut self.unknown_taken, true);
            self.value(value, inner);
            self.unknown_taken = before;
            return;
        }
        if schema.int_or_string || schema.format.as_deref() == Some("int-or-string") {
            match value {
                Value::String(_) => {}
                Value::Number(_) => self.integer(value, Some("int32").filter(|_| self.typed)),
                _ => return self.wrong("integer or string", value),
            }
        } else {
            match (schema.kind, value) {
                // An alternative may say no more than which fields are required.
                (None, Value::Object(map)) => self.object(map, schema, &[]),
                (None, Value::Array(items)) => self.list(items, schema),
                (None, _) => {}
                (Some(Kind::Object), Value::Object(map)) if schema.embedded => {
                    self.resource(value, schema);
                    for key in ["apiVersion", "kind"].into_iter().filter(|key| !map.contains_key(*key)) {
                        self.within(Step::Key(key.into()), |walk| walk.report(Fault::Required, "is required".into()));
                    }
                }
                (Some(Kind::Object), Value::Object(map)) => {
                    let left_out = ZERO_WILL_DO.iter().find(|(of, _)| self.typed && name == Some(*of));
                    self.object(map, schema, left_out.map_or(&[], |(_, fields)| fields));
                }
                (Some(Kind::Array), Value::Array(items)) => self.list(items, schema),
                (Some(Kind::String), Value::String(text)) => self.text(text, schema),
                (Some(Kind::Integer), Value::Number(_)) => self.integer(value, schema.format.as_deref()),
                (Some(Kind::Number), Value::Number(_)) | (Some(Kind::Boolean), Value::Bool(_)) => {}
                _ => return self.wrong(word(schema), value),
            }
        }
        if let Some(rare) = &schema.rare
            && !self.in_status
        {
            self.rules(value, rare);
        }
    }

    /// Follows references; the name of the last definition.
    fn resolve<'s>(&self, mut schema: &'s Schema) -> Option<(&'s Schema, Option<&'s str>)>
    where
        'a: 's,
    {
        let mut name = None;
        for _ in 0..MAX_REFERENCES {
            let Some(reference) = schema.reference.as_deref() else { return Some((schema, name)) };
            name = Some(reference);
            schema = self.catalog.definition(reference)?;
        }
        None
    }

    /// `known`: fields that are minded elsewhere.
    fn object(&mut self, map: &Map<String, Value>, schema: &Schema, known: &[&str]) {
        let free = schema.preserve || self.rules_only || self.unknown_taken || (self.typed && schema.properties.is_empty() && schema.additional.is_none());
        for (key, value) in map {
            let field = schema.properties.get(key.as_str()).or(schema.additional.as_deref());
            let before = self.in_status;
            self.in_status |= self.steps.is_empty() && key == "status";
            match field {
                Some(field) => self.within(Step::Key(key.clone()), |walk| walk.value(value, field)),
                None if free || known.contains(&key.as_str()) => {}
                None => self.unknown(key, schema),
            }
            self.in_status = before;
        }
        if self.in_status {
            return;
        }
        for key in &schema.required {
            let there = match map.get(&**key) {
                None => false,
                Some(Value::Null) => !self.typed,
                Some(_) => true,
            };
            if !there && !known.contains(&&**key) {
                self.within(Step::Key(key.to_string()), |walk| walk.report(Fault::Required, "is required".into()));
            }
        }
    }

    fn unknown(&mut self, key: &str, schema: &Schema) {
        let hint = match suggest::nearest(key, schema.properties.keys().map(|name| &**name)) {
            Some(meant) => format!("unknown field; did you mean {meant}?"),
            None => "unknown field".to_owned(),
        };
        self.within(Step::Key(key.to_owned()), |walk| walk.report(Fault::UnknownField, hint));
    }

    fn list(&mut self, items: &[Value], schema: &Schema) {
        let Some(item) = &schema.items else { return };
        for (at, value) in items.iter().enumerate() {
            self.within(Step::Index(at), |walk| walk.value(value, item));
        }
    }

    fn text(&mut self, text: &str, schema: &Schema) {
        let Some(format) = schema.format.as_deref() else { return };
        if let Some(expected) = formats::problem(format, text) {
            let shown = self.shown(&Value::String(text.to_owned()));
            self.report(Fault::WrongType, format!("expected {expected}, but got {shown}"));
        }
    }

    fn integer(&mut self, value: &Value, format: Option<&str>) {
        let fits = match format {
            Some("int32") => value.as_i64().is_some_and(|number| i32::try_from(number).is_ok()),
            _ => value.is_i64(),
        };
        if !fits {
            let expected = if format == Some("int32") { "an integer of 32 bits" } else { "an integer" };
            self.report(Fault::WrongType, format!("expected {expected}, but got {}", self.shown(value)));
        }
    }

    fn quantity(&mut self, value: &Value) {
        let taken = match value {
            Value::String(text) => formats::is_quantity(text),
            Value::Number(_) => true,
            _ => false,
        };
        if !taken {
            self.report(Fault::WrongType, format!("expected a quantity such as 500m or 1Gi, but got {}", self.shown(value)));
        }
    }

    fn wrong(&mut self, expected: &str, value: &Value) {
        self.report(Fault::WrongType, format!("expected {expected}, but got {}", self.shown(value)));
    }

    /// What a value is, quoted where that may be.
    fn shown(&self, value: &Value) -> String {
        match value {
            Value::Null => "nothing (null)".into(),
            Value::Object(_) => "a mapping".into(),
            Value::Array(_) => "a list".into(),
            Value::Bool(flag) if self.quote => format!("the boolean {flag}"),
            Value::Number(number) if self.quote => format!("the number {number}"),
            Value::String(text) if self.quote && text.len() <= MAX_QUOTED => format!("the string {text:?}"),
            Value::Bool(_) => "a boolean".into(),
            Value::Number(_) => "a number".into(),
            Value::String(_) => "a string".into(),
        }
    }

    /// Everything that is no question of type.
    fn rules(&mut self, value: &Value, rare: &Rare) {
        let defaulted = self.typed && value.as_str() == Some("");
        if !rare.allowed.is_empty() && !rare.allowed.contains(value) && !defaulted {
            let names: Vec<String> = rare.allowed.iter().map(|one| one.as_str().map_or_else(|| one.to_string(), str::to_owned)).collect();
            let shown = self.shown(value);
            return self.report(Fault::NotSupported, format!("expected one of {}, but got {shown}", names.join(", ")));
        }
        if self.typed {
            return;
        }
        if let Some(broken) = bounds(value, rare) {
            self.report(Fault::Invalid, broken);
        }
        for schema in &rare.all_of {
            let before = std::mem::replace(&mut self.rules_only, true);
            self.value(value, schema);
            self.rules_only = before;
        }
        if !rare.any_of.is_empty() && !rare.any_of.iter().any(|schema| self.fits(value, schema)) {
            self.report(Fault::Invalid, "fits none of the forms that the schema allows (anyOf)".into());
        }
        if !rare.one_of.is_empty() {
            let fitting = rare.one_of.iter().filter(|schema| self.fits(value, schema)).count();
            if fitting != 1 {
                self.report(Fault::Invalid, format!("must fit exactly one of the forms that the schema allows (oneOf), but fits {fitting}"));
            }
        }
        if rare.not.as_ref().is_some_and(|schema| self.fits(value, schema)) {
            self.report(Fault::Invalid, "is of a form that the schema rules out (not)".into());
        }
    }

    /// Whether a value fits a schema among alternatives.
    fn fits(&self, value: &Value, schema: &Schema) -> bool {
        let mut walk =
            Walk { catalog: self.catalog, found: Vec::new(), steps: self.steps.clone(), typed: false, in_status: false, rules_only: true, unknown_taken: false, quote: false };
        walk.value(value, schema);
        walk.found.is_empty()
    }
}

fn word(schema: &Schema) -> &'static str {
    match schema.kind {
        Some(Kind::Object) => "object",
        Some(Kind::Array) => "list",
        Some(Kind::String) => "string",
        Some(Kind::Integer) => "integer",
        Some(Kind::Number) => "number",
        Some(Kind::Boolean) => "boolean",
        None => "integer or string",
    }
}

/// The bound that a value breaks, as a sentence. Values are not quoted: lengths and limits say enough.
fn bounds(value: &Value, rare: &Rare) -> Option<String> {
    let size = |what: &str, size: u64, least: Option<u64>, most: Option<u64>| match (least, most) {
        (Some(least), _) if size < least => Some(format!("must have at least {least} {what}, but has {size}")),
        (_, Some(most)) if size > most => Some(format!("must have at most {most} {what}, but has {size}")),
        _ => None,
    };
    match value {
        Value::String(text) => size("characters", text.chars().count() as u64, rare.min_length, rare.max_length).or_else(|| {
            let pattern = rare.pattern.as_deref()?;
            // A pattern that does not compile here says nothing: the server judges it.
            let regex = regex::RegexBuilder::new(pattern).size_limit(MAX_PATTERN).build().ok()?;
            (!regex.is_match(text)).then(|| format!("must match {pattern}"))
        }),
        Value::Array(items) => size("items", items.len() as u64, rare.min_items, rare.max_items),
        Value::Object(map) => size("fields", map.len() as u64, rare.min_properties, rare.max_properties),
        Value::Number(number) => {
            let number = number.as_f64()?;
            let low = rare.minimum.filter(|least| number < *least || (rare.exclusive_minimum && number == *least));
            let high = rare.maximum.filter(|most| number > *most || (rare.exclusive_maximum && number == *most));
            let ragged = rare.multiple_of.filter(|unit| *unit > 0.0 && (number / unit).fract() != 0.0);
            match (low, high, ragged) {
                (Some(least), _, _) => Some(format!("must be {}{least}", if rare.exclusive_minimum { "greater than " } else { "at least " })),
                (_, Some(most), _) => Some(format!("must be {}{most}", if rare.exclusive_maximum { "less than " } else { "at most " })),
                (_, _, Some(unit)) => Some(format!("must be a multiple of {unit}")),
                _ => None,
            }
        }
        _ => None,
    }
}
