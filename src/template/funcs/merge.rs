//! dario.cat/mergo 1.0.1 as sprig's merges use it: maps into maps, with or without overwriting.

use super::args::map;
use super::{FuncError, FuncResult, Host, MAX_DEPTH, Walk, too_deep};
use crate::template::{GoType as T, List, MapRef, Val, deep};

/// Why a merge ended.
enum Stop {
    /// mergo's own error, which `merge` turns into an empty string.
    Refused(&'static str),
    /// A panic: nobody catches it.
    Panicked(FuncError),
}

/// `merge` and `mergeOverwrite`.
pub(super) fn lenient(host: &dyn Host, args: &[Val], overwrite: bool) -> FuncResult {
    match merge_all(host, args, overwrite) {
        Ok(merged) => Ok(merged),
        Err(Stop::Refused(_)) => Ok(Val::str("")),
        Err(Stop::Panicked(error)) => Err(error),
    }
}

/// `mustMerge` and `mustMergeOverwrite`.
pub(super) fn strict(host: &dyn Host, args: &[Val], overwrite: bool) -> FuncResult {
    merge_all(host, args, overwrite).map_err(|stop| match stop {
        Stop::Refused(text) => text.into(),
        Stop::Panicked(error) => error,
    })
}

/// Merges all maps into the first, one after the other, and gives that.
fn merge_all(host: &dyn Host, args: &[Val], overwrite: bool) -> Result<Val, Stop> {
    let mut target = map(args, 0);
    let mut walk = Walk::new(host);
    for index in 1..args.len() {
        let source = map(args, index);
        if target.is_nil() && !source.is_nil() {
            target = MapRef { ty: T::MapAny, entries: Default::default() };
        }
        merge(&mut walk, &target, &source, overwrite, MAX_DEPTH)?;
    }
    Ok(Val::Map(target))
}

/// `deepMerge` of one map into another. Nested maps are shared or changed in place, exactly as mergo does.
fn merge(walk: &mut Walk<'_>, target: &MapRef, source: &MapRef, overwrite: bool, depth: usize) -> Result<(), Stop> {
    let Some(depth) = depth.checked_sub(1) else { return Err(Stop::Panicked(too_deep())) };
    let keys: Vec<_> = source.entries.borrow().keys().cloned().collect();
    for key in keys {
        walk.step().map_err(Stop::Panicked)?;
        let Some(new) = source.entries.borrow().get(&key).cloned() else { continue };
        let old = target.entries.borrow().get(&key).cloned();
        if matches!(new, Val::Nil) {
            if overwrite {
                put(target, source, &key, new)?;
            }
            continue;
        }
        match new.kind() {
            "map" | "ptr" | "struct" => merge_nested(walk, old.as_ref(), &new, overwrite, depth)?,
            "slice" => {
                // mergo looks at the whole target here, not at the element
                let take = overwrite || target.entries.borrow().is_empty();
                let list = match &old {
                    _ if take => new.clone(),
                    None | Some(Val::Nil) => Val::List(List { ty: list_type(&new), items: Default::default() }),
                    Some(old) => old.clone(),
                };
                put(target, source, &key, list)?;
            }
            _ => {}
        }
        let filled = old.as_ref().filter(|old| !is_empty(old));
        if let Some(old) = filled
            && (new.kind() == "slice" || new.kind() == "map" && old.kind() == "map")
        {
            continue;
        }
        if overwrite || filled.is_none() {
            put(target, source, &key, new)?;
        }
    }
    Ok(())
}

fn merge_nested(walk: &mut Walk<'_>, old: Option<&Val>, new: &Val, overwrite: bool, depth: usize) -> Result<(), Stop> {
    match (old, new) {
        (Some(Val::Map(old)), Val::Map(new)) if !old.is_nil() => deep(|| merge(walk, old, new, overwrite, depth)),
        (Some(Val::Object(old)), new) if old.kind() == "ptr" && new.kind() != "ptr" && !overwrite => {
            Err(Stop::Refused("src and dst must be of same type"))
        }
        _ => Ok(()),
    }
}

fn list_type(value: &Val) -> T {
    match value {
        Val::List(list) => list.ty,
        _ => T::ListAny,
    }
}

/// `SetMapIndex`, which refuses what the map's element type cannot hold.
fn put(target: &MapRef, source: &MapRef, key: &[u8], value: Val) -> Result<(), Stop> {
    if target.ty == T::MapString && source.ty != T::MapString {
        let from = T::Any.name();
        let text = format!("reflect.Value.SetMapIndex: value of type {from} is not assignable to type string");
        return Err(Stop::Panicked(text.into()));
    }
    target.entries.borrow_mut().insert(key.into(), value);
    Ok(())
}

/// mergo's `isEmptyValue`: unlike sprig's `empty` it knows no empty complex numbers.
fn is_empty(value: &Val) -> bool {
    !matches!(value, Val::Complex(..)) && super::reflection::is_empty(value)
}
