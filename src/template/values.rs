//! The methods of `common.Values`, the type of `.Values` and `.Template` (`helm.sh/helm/v4/pkg/chart/common/values.go`).

use super::{GoType, MapRef, Signature, Val, funcs::FuncResult};
use crate::{value::GoStr, yaml};

type Method = fn(&MapRef, &[Val]) -> FuncResult;

/// The method of this name.
pub(super) fn method(name: &[u8]) -> Option<(Signature, Method)> {
    const fn signature(params: &'static [GoType], result: GoType) -> Signature {
        Signature { params, variadic: false, result }
    }
    Some(match name {
        b"YAML" => (signature(&[], GoType::String), |values, _| match yaml::marshal(&Val::Map(values.clone())) {
            Err(error) if error.bound => Err(error.message.into()),
            text => Ok(Val::str(text.unwrap_or_default())),
        }),
        b"Table" => (signature(&[GoType::String], GoType::Values), |values, args| {
            let table = table(values, text(args)?.split(|byte| *byte == b'.'))?;
            Ok(Val::Map(MapRef { ty: GoType::Values, entries: table.entries.clone() }))
        }),
        b"AsMap" => (signature(&[], GoType::MapAny), |values, _| {
            if values.entries.borrow().is_empty() {
                return Ok(Val::map(Default::default()));
            }
            Ok(Val::Map(MapRef { ty: GoType::MapAny, entries: values.entries.clone() }))
        }),
        b"PathValue" => (signature(&[GoType::String], GoType::Any), |values, args| path_value(values, text(args)?)),
        // A template cannot make an io.Writer.
        b"Encode" => (signature(&[GoType::Named("io.Writer")], GoType::Error), |_, _| Ok(Val::Nil)),
        _ => return None,
    })
}

fn text(args: &[Val]) -> Result<&GoStr, String> {
    match args {
        [Val::Str(text)] => Ok(text),
        _ => Err("the executor passed no string".into()),
    }
}

fn table<'a>(values: &MapRef, path: impl Iterator<Item = &'a [u8]>) -> Result<MapRef, String> {
    let mut table = values.clone();
    for name in path {
        let next = match table.entries.borrow().get(name) {
            Some(Val::Map(map)) if matches!(map.ty, GoType::MapAny | GoType::Values) => Some(map.clone()),
            _ => None,
        };
        let shown = super::quote::quote(name);
        table = next.ok_or_else(|| format!("{shown} is not a table"))?;
    }
    Ok(table)
}

fn path_value(values: &MapRef, path: &GoStr) -> FuncResult {
    if path.is_empty() {
        return Err("YAML path cannot be empty".into());
    }
    let (tables, key) = match path.iter().rposition(|byte| *byte == b'.') {
        Some(dot) => (Some(&path[..dot]), &path[dot + 1..]),
        None => (None, &path[..]),
    };
    let no_value = || format!("{} is not a value", super::quote::quote(key));
    let table = match tables {
        Some(path) => table(values, path.split(|byte| *byte == b'.')).map_err(|_| no_value())?,
        None => values.clone(),
    };
    let found = table.entries.borrow().get(key).cloned();
    match found {
        Some(Val::Map(map)) if map.ty == GoType::MapAny => Err(no_value().into()),
        Some(val) => Ok(val),
        None => Err(no_value().into()),
    }
}
