//! YAML, JSON and TOML in templates (Helm's `pkg/engine/funcs.go`, sprig's `defaults.go`).

use super::{Body, FuncDef, FuncResult, Host, MAX_BYTES};
use crate::{
    template::{GoType, List, MapRef, Val, deep},
    value::{GoStr, Value},
    yaml::{self, Datum, Error, JsonForm, Shape, Toml},
};
use std::{collections::BTreeMap, rc::Rc};

/// The functions of this family.
pub const FUNCS: &[FuncDef] = &[
    to_text("toYaml", to_yaml, "Writes a value as YAML; nothing where YAML cannot carry it."),
    to_text("mustToYaml", must_to_yaml, "Writes a value as YAML; fails where YAML cannot carry it."),
    to_text("toYamlPretty", to_yaml_pretty, "Writes a value as YAML with lists indented by two spaces."),
    from_text("fromYaml", GoType::MapAny, from_yaml, "Reads a YAML mapping; a mistake stands under `Error`."),
    from_text("fromYamlArray", GoType::ListAny, from_yaml_array, "Reads a YAML sequence; a mistake is its only item."),
    to_text("toJson", to_json, "Writes a value as JSON; nothing where JSON cannot carry it."),
    to_text("mustToJson", must_to_json, "Writes a value as JSON; fails where JSON cannot carry it."),
    to_text("toPrettyJson", to_pretty_json, "Writes a value as indented JSON; nothing where JSON cannot carry it."),
    to_text("mustToPrettyJson", must_to_pretty_json, "Writes a value as indented JSON; fails where JSON cannot carry it."),
    to_text("toRawJson", must_to_raw_json, "Writes a value as JSON with `<`, `>` and `&` as they are."),
    to_text("mustToRawJson", must_to_raw_json, "Writes a value as JSON with `<`, `>` and `&` as they are."),
    from_text("fromJson", GoType::MapAny, from_json, "Reads a JSON object; a mistake stands under `Error`."),
    from_text("fromJsonArray", GoType::ListAny, from_json_array, "Reads a JSON array; a mistake is its only item."),
    from_text("mustFromJson", GoType::Any, must_from_json, "Reads JSON; fails at a mistake."),
    from_text("fromToml", GoType::MapAny, from_toml, "Reads TOML; a mistake stands under `Error`."),
    to_text("toToml", to_toml, "Writes a value as TOML; the mistake's text where TOML cannot carry it."),
    to_text("mustToToml", must_to_toml, "Writes a value as TOML; fails where TOML cannot carry it."),
];

const fn to_text(name: &'static str, body: Body, doc: &'static str) -> FuncDef {
    FuncDef { name, doc, params: &[GoType::Any], variadic: false, result: GoType::String, body }
}

const fn from_text(name: &'static str, result: GoType, body: Body, doc: &'static str) -> FuncDef {
    FuncDef { name, doc, params: &[GoType::String], variadic: false, result, body }
}

impl Datum for Val {
    const MAX_BYTES: usize = MAX_BYTES;

    fn look<R>(&self, then: impl FnOnce(Shape<'_, Self>) -> R) -> R {
        match self {
            Val::Nil => then(Shape::Null),
            Val::Bool(flag) => then(Shape::Bool(*flag)),
            Val::Int(number, GoType::Duration) => then(Shape::Duration(*number)),
            Val::Int(number, _) => then(Shape::Int(*number)),
            Val::Uint(number, _) => then(Shape::Uint(*number)),
            Val::Float(number, GoType::Float32) => then(Shape::Float32(*number)),
            Val::Float(number, _) => then(Shape::Float(*number)),
            Val::Complex(..) => then(Shape::Unsupported("complex128")),
            Val::Str(text) => then(Shape::Text(text)),
            bytes if bytes.is_nil_bytes() => then(Shape::NilList),
            Val::Bytes(bytes) => then(Shape::Bytes(bytes)),
            Val::List(list) if list.is_nil() => then(Shape::NilList),
            Val::List(list) => then(Shape::List(&list.items)),
            Val::Map(map) if map.is_nil() => then(Shape::NilMap),
            Val::Map(map) => then(Shape::Map(&map.entries.borrow())),
            Val::Object(object) if object.kind() == "func" => then(Shape::Unsupported(object.type_name())),
            Val::Object(object) => match object.members() {
                None if let Some((json, toml)) = object.moment() => then(Shape::Time(&json, &toml)),
                None => then(Shape::Plain(&object.to_value())),
                Some(members) => then(Shape::Struct(&object.to_value(), &members)),
            },
        }
    }

    fn address(&self) -> Option<usize> {
        match self {
            Val::Map(map) => Some(map.entries.as_ptr() as usize),
            _ => None,
        }
    }

    fn go_type(&self) -> &'static str {
        self.type_name()
    }
}

/// The only argument.
fn datum(args: &[Val]) -> &Val {
    args.first().unwrap_or(&Val::Nil)
}

/// The only argument, a string.
fn text(args: &[Val]) -> &[u8] {
    match args.first() {
        Some(Val::Str(text)) => text,
        _ => b"",
    }
}

fn string(done: Result<String, Error>) -> FuncResult {
    done.map(Val::str).map_err(|error| error.message.into())
}

/// As [`string`], an error swallowed: "Swallow errors inside of a template."
fn string_or_nothing(done: Result<String, Error>) -> FuncResult {
    match done {
        Err(error) if error.bound => Err(error.message.into()),
        done => Ok(Val::str(done.unwrap_or_default())),
    }
}

/// Without the last line break.
fn trimmed(done: Result<String, Error>) -> Result<String, Error> {
    done.map(|mut text| {
        if text.ends_with('\n') {
            text.pop();
        }
        text
    })
}

fn to_yaml(_: &dyn Host, args: &[Val]) -> FuncResult {
    string_or_nothing(trimmed(yaml::marshal(datum(args))))
}

fn must_to_yaml(_: &dyn Host, args: &[Val]) -> FuncResult {
    string(trimmed(yaml::marshal(datum(args))))
}

fn to_yaml_pretty(_: &dyn Host, args: &[Val]) -> FuncResult {
    string_or_nothing(trimmed(yaml::marshal_pretty(datum(args))))
}

/// A map that holds nothing but an error's text, as Helm's `from…` functions return it.
fn error_map(error: &Error) -> (GoStr, Value) {
    (GoStr::from("Error"), Value::from(error.message.as_str()))
}

fn error_list(error: &Error) -> Val {
    Val::list(vec![Val::str(error.message.as_str())])
}

fn from_yaml(_: &dyn Host, args: &[Val]) -> FuncResult {
    let map = yaml::from_yaml_map(text(args)).unwrap_or_else(|error| [error_map(&error)].into());
    Ok(Val::from_value(&Value::Map(map)))
}

fn from_yaml_array(_: &dyn Host, args: &[Val]) -> FuncResult {
    Ok(match yaml::from_yaml_array(text(args)) {
        Ok(items) => Val::from_value(&Value::List(items)),
        Err(error) => error_list(&error),
    })
}

fn json(args: &[Val], escape_html: bool, pretty: bool) -> Result<String, Error> {
    yaml::marshal_json(datum(args), JsonForm { escape_html, pretty })
}

fn to_json(_: &dyn Host, args: &[Val]) -> FuncResult {
    string_or_nothing(json(args, true, false))
}

fn must_to_json(_: &dyn Host, args: &[Val]) -> FuncResult {
    string(json(args, true, false))
}

fn to_pretty_json(_: &dyn Host, args: &[Val]) -> FuncResult {
    string_or_nothing(json(args, true, true))
}

fn must_to_pretty_json(_: &dyn Host, args: &[Val]) -> FuncResult {
    string(json(args, true, true))
}

fn must_to_raw_json(_: &dyn Host, args: &[Val]) -> FuncResult {
    string(json(args, false, false))
}

fn from_json(_: &dyn Host, args: &[Val]) -> FuncResult {
    let (map, error) = yaml::from_json_map(text(args));
    let (Some(mut map), Some(error)) = (map.clone(), error) else {
        return Ok(match map {
            Some(map) => Val::from_value(&Value::Map(map)),
            None => Val::Map(MapRef::nil(GoType::MapAny)),
        });
    };
    map.extend([error_map(&error)]);
    Ok(Val::from_value(&Value::Map(map)))
}

fn from_json_array(_: &dyn Host, args: &[Val]) -> FuncResult {
    Ok(match yaml::from_json_array(text(args)) {
        Ok(Some(items)) => Val::from_value(&Value::List(items)),
        Ok(None) => Val::List(List::nil(GoType::ListAny)),
        Err(error) => error_list(&error),
    })
}

fn must_from_json(_: &dyn Host, args: &[Val]) -> FuncResult {
    let value = yaml::from_json(text(args)).map_err(|error| error.message)?;
    Ok(Val::from_value(&value))
}

fn must_to_toml(_: &dyn Host, args: &[Val]) -> FuncResult {
    match yaml::marshal_toml(datum(args)) {
        Ok(text) => Ok(Val::str(text)),
        Err(error) => Err(error.message.into()),
    }
}

fn to_toml(_: &dyn Host, args: &[Val]) -> FuncResult {
    match yaml::marshal_toml(datum(args)) {
        Err(error) if error.bound => Err(error.message.into()),
        // Go's encoder panics here, which ends the template.
        Err(error) if matches!(datum(args), Val::Nil) => Err(error.message.into()),
        Err(error) => Ok(Val::str(error.message)),
        Ok(text) => Ok(Val::str(text)),
    }
}

fn from_toml(host: &dyn Host, args: &[Val]) -> FuncResult {
    let read = yaml::read_toml(text(args));
    let read = read.unwrap_or_else(|error| [error_map(&error)].map(|(key, text)| (key, text.into())).into());
    Ok(toml_table(host, read))
}

fn toml_table(host: &dyn Host, table: BTreeMap<GoStr, Toml>) -> Val {
    Val::map(table.into_iter().map(|(key, item)| (key, toml_val(host, item))).collect())
}

/// TOML's values with Go's types.
fn toml_val(host: &dyn Host, item: Toml) -> Val {
    deep(|| match item {
        Toml::Plain(value) => Val::from_value(&value),
        Toml::Time(moment) => super::dates::of_toml(&moment.text, &host.zone()),
        Toml::List(items) => Val::list(items.into_iter().map(|item| toml_val(host, item)).collect()),
        Toml::Table(table) => toml_table(host, table),
        Toml::Tables(tables) => {
            let items = tables.into_iter().map(|table| toml_table(host, table)).collect();
            Val::List(List { ty: GoType::ListMapAny, items: Rc::new(items) })
        }
    })
}
