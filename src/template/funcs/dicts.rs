//! Dicts (sprig's `dict.go`). A map is shared by all who hold it: `set`, `unset` and the merges change it in place.

use super::args::{any, map, string, text};
use super::merge::{lenient, strict};
use super::text::strval;
use super::{FuncDef, FuncError, FuncResult, Host, MAX_DEPTH, Walk, too_deep};
use crate::template::{GoType as T, List, MapRef, Val, deep};
use crate::value::GoStr;
use std::{cell::RefCell, collections::BTreeMap, rc::Rc};

#[rustfmt::skip] // a table: name, parameters, result and body on one line, the sentence on the next
pub(super) static FUNCS: &[FuncDef] = &[
    FuncDef::new("deepCopy", &[T::Any], T::Any, deep_copy, "A copy of the value that shares nothing with it."),
    FuncDef::variadic("dict", &[T::Any], T::MapAny, dict, "A map of keys and values in turn."),
    FuncDef::variadic("dig", &[T::Any], T::Any, dig,
        "The value at the end of a path of keys in the map that comes last, or the value before it."),
    FuncDef::new("get", &[T::MapAny, T::String], T::Any,
        |_, a| Ok(map(a, 0).entries.borrow().get(text(a, 1)).cloned().unwrap_or_else(|| Val::str(""))),
        "The map's value of the key, or the empty string."),
    FuncDef::new("hasKey", &[T::MapAny, T::String], T::Bool,
        |_, a| Ok(Val::Bool(map(a, 0).entries.borrow().contains_key(text(a, 1)))),
        "Whether the map has the key."),
    FuncDef::variadic("keys", &[T::MapAny], T::ListString, keys,
        "All keys of the maps. Helm gives them in random order; windlass always in the order of the bytes."),
    FuncDef::variadic("merge", &[T::MapAny, T::MapAny], T::Any,
        |host, a| lenient(host, a, false),
        "Merges the maps into the first one, where the first that has a value wins."),
    FuncDef::variadic("mergeOverwrite", &[T::MapAny, T::MapAny], T::Any,
        |host, a| lenient(host, a, true),
        "Merges the maps into the first one, where the last that has a value wins."),
    FuncDef::new("mustDeepCopy", &[T::Any], T::Any, deep_copy, "As `deepCopy`."),
    FuncDef::variadic("mustMerge", &[T::MapAny, T::MapAny], T::Any, |host, a| strict(host, a, false),
        "As `merge`; fails where that gives an empty string."),
    FuncDef::variadic("mustMergeOverwrite", &[T::MapAny, T::MapAny], T::Any, |host, a| strict(host, a, true),
        "As `mergeOverwrite`; fails where that gives an empty string."),
    FuncDef::variadic("omit", &[T::MapAny, T::String], T::MapAny, |_, a| Ok(filtered(a, false)),
        "A map without the keys."),
    FuncDef::variadic("pick", &[T::MapAny, T::String], T::MapAny, |_, a| Ok(filtered(a, true)),
        "A map of the keys alone."),
    FuncDef::variadic("pluck", &[T::String, T::MapAny], T::ListAny, pluck, "The values of the key in all maps that have it."),
    FuncDef::new("set", &[T::MapAny, T::String, T::Any], T::MapAny, set, "Sets the key in the map, and gives the map."),
    FuncDef::new("unset", &[T::MapAny, T::String], T::MapAny, |_, a| {
            map(a, 0).entries.borrow_mut().remove(text(a, 1));
            Ok(Val::Map(map(a, 0)))
        },
        "Removes the key from the map, and gives the map."),
    FuncDef::new("values", &[T::MapAny], T::ListAny,
        |_, a| Ok(Val::list(map(a, 0).entries.borrow().values().cloned().collect())),
        "All values of the map, in the order of its keys."),
];

fn dict(_: &dyn Host, args: &[Val]) -> FuncResult {
    let mut entries = BTreeMap::new();
    for pair in args.chunks(2) {
        entries.insert(strval(any(pair, 0))?, pair.get(1).cloned().unwrap_or_else(|| Val::str("")));
    }
    Ok(Val::map(entries))
}

fn set(_: &dyn Host, args: &[Val]) -> FuncResult {
    let map = map(args, 0);
    if map.is_nil() {
        return Err("assignment to entry in nil map".into());
    }
    map.entries.borrow_mut().insert(string(args, 1), any(args, 2).clone());
    Ok(Val::Map(map))
}

fn keys(_: &dyn Host, args: &[Val]) -> FuncResult {
    let mut out = Vec::new();
    for index in 0..args.len() {
        out.extend(map(args, index).entries.borrow().keys().cloned().map(Val::Str));
    }
    Ok(Val::strings(out))
}

fn pluck(_: &dyn Host, args: &[Val]) -> FuncResult {
    let plucked = (1..args.len()).filter_map(|index| map(args, index).entries.borrow().get(text(args, 0)).cloned());
    Ok(Val::list(plucked.collect()))
}

fn filtered(args: &[Val], keep: bool) -> Val {
    let keys: std::collections::BTreeSet<&[u8]> = (1..args.len()).map(|index| text(args, index)).collect();
    let map = map(args, 0);
    let entries = map.entries.borrow();
    let chosen = entries.iter().filter(|(key, _)| keys.contains(key.as_bytes()) == keep);
    Val::map(chosen.map(|(key, value)| (key.clone(), value.clone())).collect())
}

/// sprig's `dig`, with the panics of its type assertions.
fn dig(_: &dyn Host, args: &[Val]) -> FuncResult {
    let [keys @ .., default, dict] = args else { return Err("dig needs at least three arguments".into()) };
    if keys.is_empty() {
        return Err("dig needs at least three arguments".into());
    }
    let asserted = |value: &Val, wanted: &str| -> FuncError {
        let found = if matches!(value, Val::Nil) { "nil" } else { value.type_name() };
        format!("interface conversion: interface {{}} is {found}, not {wanted}").into()
    };
    let as_map = |value: &Val| match value {
        Val::Map(map) if map.ty == T::MapAny => Ok(map.clone()),
        other => Err(asserted(other, "map[string]interface {}")),
    };
    let mut map = as_map(dict)?;
    let mut path = Vec::with_capacity(keys.len());
    for key in keys {
        match key {
            Val::Str(key) => path.push(key.clone()),
            other => return Err(asserted(other, "string")),
        }
    }
    for (place, key) in path.iter().enumerate() {
        let Some(step) = map.entries.borrow().get(key).cloned() else { return Ok(default.clone()) };
        if place + 1 == path.len() {
            return Ok(step);
        }
        map = as_map(&step)?;
    }
    Ok(default.clone())
}

fn deep_copy(host: &dyn Host, args: &[Val]) -> FuncResult {
    match any(args, 0) {
        // copystructure has no result to take a type from
        Val::Nil => Err("reflect: call of reflect.Value.Type on zero Value".into()),
        value => copy(&mut Walk::new(host), value, MAX_DEPTH),
    }
}

/// Copies maps and lists; what cannot change is shared.
fn copy(walk: &mut Walk<'_>, value: &Val, depth: usize) -> FuncResult {
    walk.step()?;
    let Some(depth) = depth.checked_sub(1) else { return Err(too_deep()) };
    deep(|| Ok(match value {
        Val::List(list) if !list.is_nil() => {
            let items: Result<Vec<Val>, FuncError> = list.items.iter().map(|item| copy(walk, item, depth)).collect();
            Val::List(List { ty: list.ty, items: Rc::new(items?) })
        }
        Val::Map(map) if !map.is_nil() => {
            let mut entries: BTreeMap<GoStr, Val> = BTreeMap::new();
            for (key, value) in map.entries.borrow().iter() {
                entries.insert(key.clone(), copy(walk, value, depth)?);
            }
            Val::Map(MapRef { ty: map.ty, entries: Rc::new(RefCell::new(entries)) })
        }
        // copystructure cannot read unexported fields, and a version has no others
        Val::Object(object) => object.copied().or_else(|| super::semver::copied(object)).unwrap_or_else(|| value.clone()),
        other => other.clone(),
    }))
}
