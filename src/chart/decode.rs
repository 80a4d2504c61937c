//! YAML into typed fields as `sigs.k8s.io/yaml.Unmarshal` does it: through JSON, with the target's types in view.
//!
//! Where the target is a string, numbers and booleans become text (`convertToJSONableObject`); keys match without case
//! (`encoding/json`); the first wrong type is reported and the rest still decoded.

use crate::value::{GoStr, Map, Value};

/// The type of a target, as far as Helm's structs need it.
#[derive(Debug)]
pub enum Kind {
    /// `string`
    Text,
    /// `bool`
    Bool,
    /// `any`
    Any,
    /// A slice, with Go's name of its own type.
    List(&'static Kind, &'static str),
    /// `map[string]string`
    TextMap,
    /// A map from strings to something else, with Go's name of its own type.
    MapOf(&'static Kind, &'static str),
    /// A struct, or a pointer to one: Go's name of the type in a package, and its fields.
    Struct(&'static str, &'static [Field]),
}

/// A field of a struct: its name in JSON and its type.
#[derive(Clone, Copy, Debug)]
pub struct Field(pub &'static str, pub &'static Kind);

/// Decodes YAML over what `target` already holds, as Go decodes into a struct that is not empty.
///
/// # Errors
/// The text of sigs.k8s.io/yaml.
pub fn decode_yaml(text: &[u8], kind: &Kind, target: &mut Value) -> Result<(), String> {
    decode(text, kind, target, false)
}

/// As [`decode_yaml`], and keys that stand twice or that no field takes are errors (`UnmarshalStrict`).
///
/// # Errors
/// The text of sigs.k8s.io/yaml.
pub fn decode_yaml_strict(text: &[u8], kind: &Kind, target: &mut Value) -> Result<(), String> {
    crate::yaml::from_yaml_strict(text).map_err(|error| error.message)?;
    decode(text, kind, target, true)
}

fn decode(text: &[u8], kind: &Kind, target: &mut Value, strict: bool) -> Result<(), String> {
    let raw = crate::yaml::from_yaml_raw(text).map_err(|error| error.message)?;
    if let Some(number) = unsupported(&raw, Some(kind)) {
        let text = float_text(number);
        return Err(format!("error converting YAML to JSON: json: unsupported value: {text}"));
    }
    let mut decoder = Decoder { path: Vec::new(), owner: None, error: None, strict };
    decoder.value(raw, kind, target);
    match decoder.error {
        None => Ok(()),
        Some(error) => Err(format!("error unmarshaling JSON: while decoding JSON: {error}")),
    }
}

/// The first number that JSON has not, in JSON's order. Where the target is a string, such a number is text by then.
fn unsupported(raw: &Value, kind: Option<&Kind>) -> Option<f64> {
    match raw {
        Value::Float(number) => (!number.is_finite() && !matches!(kind, Some(Kind::Text))).then_some(*number),
        Value::List(items) => {
            let element = match kind {
                Some(Kind::List(element, _)) => Some(*element),
                _ => None,
            };
            items.iter().find_map(|item| unsupported(item, element))
        }
        Value::Map(map) => map.iter().find_map(|(key, value)| {
            let kind = match kind {
                Some(Kind::Struct(_, fields)) => field(fields, key).map(|Field(_, kind)| *kind),
                Some(Kind::TextMap) => Some(&Kind::Text),
                _ => None,
            };
            unsupported(value, kind)
        }),
        _ => None,
    }
}

/// The field that takes a key: the one of this very name, else one that differs in case.
fn field(fields: &'static [Field], key: &GoStr) -> Option<&'static Field> {
    let exact = fields.iter().find(|field| *key == field.0);
    exact.or_else(|| fields.iter().find(|field| key.eq_ignore_ascii_case(field.0.as_bytes())))
}

struct Decoder {
    /// The fields from the outermost struct to here.
    path: Vec<&'static str>,
    /// The innermost struct's name.
    owner: Option<&'static str>,
    /// The first type error.
    error: Option<String>,
    /// Whether unknown keys are errors.
    strict: bool,
}

impl Decoder {
    /// Decodes one value. Null empties lists, maps and pointers and leaves everything else alone, as in Go.
    fn value(&mut self, raw: Value, kind: &Kind, target: &mut Value) {
        if raw.is_null() {
            if !matches!(kind, Kind::Text | Kind::Bool) && self.owner.is_some() {
                *target = Value::Null;
            }
            return;
        }
        match (kind, raw) {
            (Kind::Any, raw) => *target = json_form(raw),
            (Kind::Text, raw) => match scalar_text(raw) {
                Ok(text) => *target = Value::String(text),
                Err(found) => self.refuse(found, kind),
            },
            (Kind::Bool, Value::Bool(flag)) => *target = Value::Bool(flag),
            (Kind::List(element, _), Value::List(items)) => self.list(items, element, target),
            (Kind::TextMap, Value::Map(map)) => {
                let entries = table(target);
                for (key, raw) in map {
                    let mut text = Value::from("");
                    self.value(raw, &Kind::Text, &mut text);
                    entries.insert(key, text);
                }
            }
            (Kind::MapOf(kind, _), Value::Map(map)) => {
                let entries = table(target);
                for (key, raw) in map {
                    self.value(raw, kind, entries.entry(key).or_default());
                }
            }
            (Kind::Struct(name, fields), Value::Map(map)) => self.fields(map, name, fields, target),
            (_, raw) => self.refuse(raw_kind(&raw), kind),
        }
    }

    /// Elements that are already there are decoded into, as Go does.
    fn list(&mut self, items: Vec<Value>, element: &Kind, target: &mut Value) {
        let mut old = match std::mem::take(target) {
            Value::List(old) => old,
            _ => Vec::new(),
        };
        old.resize(items.len(), Value::Null);
        for (raw, slot) in items.into_iter().zip(&mut old) {
            if slot.is_null() && matches!(element, Kind::Text) {
                *slot = Value::from("");
            }
            self.value(raw, element, slot);
        }
        *target = Value::List(old);
    }

    fn fields(&mut self, map: Map, name: &'static str, fields: &'static [Field], target: &mut Value) {
        let entries = table(target);
        let outer = self.owner.replace(name);
        for (key, raw) in map {
            if let Some(Field(name, kind)) = field(fields, &key) {
                self.path.push(name);
                self.value(raw, kind, entries.entry(GoStr::from(*name)).or_default());
                self.path.pop();
            } else if self.strict {
                let key = crate::chart::log::quote(&key.to_text());
                self.error.get_or_insert_with(|| format!("json: unknown field {key}"));
            }
        }
        self.owner = outer;
    }

    fn refuse(&mut self, found: &str, kind: &Kind) {
        let ty = match kind {
            Kind::Text => "string",
            Kind::Bool => "bool",
            Kind::Any => "interface {}",
            Kind::List(_, ty) => ty,
            Kind::TextMap => "map[string]string",
            Kind::MapOf(_, ty) => ty,
            Kind::Struct(name, _) => name,
        };
        let target = match self.owner {
            None => format!("Go value of type {ty}"),
            // Go names the innermost struct by its bare name, and has no name for an anonymous one.
            Some(owner) => {
                let owner = if owner.starts_with("struct ") { "" } else { owner.rsplit('.').next().unwrap_or(owner) };
                format!("Go struct field {owner}.{} of type {ty}", self.path.join("."))
            }
        };
        self.error.get_or_insert_with(|| format!("json: cannot unmarshal {found} into {target}"));
    }
}

/// The map in `target`, made if there is none.
fn table(target: &mut Value) -> &mut Map {
    if target.as_map().is_none() {
        *target = Value::Map(Map::new());
    }
    target.as_map_mut().expect("a map was just put there")
}

/// JSON's name for what was found.
fn raw_kind(raw: &Value) -> &'static str {
    match raw {
        Value::Null => "null",
        Value::Bool(_) => "bool",
        Value::Int(_) | Value::Uint(_) | Value::Float(_) => "number",
        Value::String(_) => "string",
        Value::List(_) => "array",
        Value::Map(_) => "object",
    }
}

/// The text of a scalar where a string is wanted, or JSON's name of what cannot be one.
fn scalar_text(raw: Value) -> Result<GoStr, &'static str> {
    Ok(match raw {
        Value::String(text) => text,
        Value::Bool(flag) => GoStr::from(if flag { "true" } else { "false" }),
        Value::Int(number) => GoStr::from(number.to_string()),
        Value::Uint(number) => GoStr::from(number.to_string()),
        Value::Float(number) => GoStr::from(float_text(number)),
        other => return Err(raw_kind(&other)),
    })
}

/// `strconv.FormatFloat(number, 'g', -1, 32)`: YAML floats lose precision where they become text.
fn float_text(number: f64) -> String {
    let short = number as f32;
    if short.is_nan() {
        return "NaN".to_owned();
    }
    if short.is_infinite() {
        return if short > 0.0 { "+Inf" } else { "-Inf" }.to_owned();
    }
    let scientific = format!("{short:e}");
    let (digits, exponent) = scientific.split_once('e').unwrap_or((&scientific, "0"));
    let exponent: i32 = exponent.parse().unwrap_or(0);
    // For the shortest form, Go turns to %e below 1e-4 and from 1e6 on (`eprec` in strconv/ftoa.go).
    if !(-4..6).contains(&exponent) {
        let sign = if exponent < 0 { '-' } else { '+' };
        return format!("{digits}e{sign}{:02}", exponent.abs());
    }
    format!("{short}")
}

/// What a value looks like after its way through JSON into `interface {}`: every number a float64.
fn json_form(raw: Value) -> Value {
    match raw {
        Value::Int(number) => Value::Float(number as f64),
        Value::Uint(number) => Value::Float(number as f64),
        Value::List(items) => Value::List(items.into_iter().map(json_form).collect()),
        Value::Map(map) => Value::Map(map.into_iter().map(|(key, value)| (key, json_form(value))).collect()),
        other => other,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    // Expectations: a Go program calling strconv.FormatFloat(f, 'g', -1, 32), go1.26.
    #[test]
    fn floats_become_text_as_in_go() {
        for (number, want) in [
            (1.1, "1.1"),
            (1.0, "1"),
            (123456.0, "123456"),
            (1234567.0, "1.234567e+06"),
            (20240101.0, "2.02401e+07"),
            (1e21, "1e+21"),
            (1e-5, "1e-05"),
            (2.14159265358979, "2.1415927"),
            (0.0001, "0.0001"),
        ] {
            assert_eq!(float_text(number), want);
        }
    }
}
