//! Lists (sprig's `list.go`). Nothing changes a list in place: every function gives a new one.

use super::args::{any, int};
use super::cast::to_int;
use super::reflection::{deep_equal, elements, is_empty};
use super::{FuncDef, FuncError, FuncResult, Host, Walk};
use crate::template::{GoType as T, List, Val};
use std::rc::Rc;

#[rustfmt::skip] // a table: name, parameters, result and body on one line, the sentence on the next
pub(super) static FUNCS: &[FuncDef] = &[
    FuncDef::new("append", &[T::Any, T::Any], T::ListAny, push, "The list with the value at its end."),
    FuncDef::new("chunk", &[T::Int, T::Any], T::ListListAny, chunk, "The list cut into lists of a length."),
    FuncDef::new("compact", &[T::Any], T::ListAny, compact, "The list without empty values."),
    FuncDef::variadic("concat", &[T::Any], T::Any, concat, "One list of all lists' elements."),
    FuncDef::new("first", &[T::Any], T::Any, first, "The list's first element, or nil."),
    FuncDef::new("has", &[T::Any, T::Any], T::Bool, has, "Whether the value is among the list's elements."),
    FuncDef::new("initial", &[T::Any], T::ListAny, initial, "The list without its last element."),
    FuncDef::new("last", &[T::Any], T::Any, last, "The list's last element, or nil."),
    FuncDef::variadic("list", &[T::Any], T::ListAny, |_, a| Ok(Val::list(a.to_vec())), "A list of the values."),
    FuncDef::new("mustAppend", &[T::Any, T::Any], T::ListAny, push, "As `append`."),
    FuncDef::new("mustChunk", &[T::Int, T::Any], T::ListListAny, chunk, "As `chunk`."),
    FuncDef::new("mustCompact", &[T::Any], T::ListAny, compact, "As `compact`."),
    FuncDef::new("mustFirst", &[T::Any], T::Any, first, "As `first`."),
    FuncDef::new("mustHas", &[T::Any, T::Any], T::Bool, has, "As `has`."),
    FuncDef::new("mustInitial", &[T::Any], T::ListAny, initial, "As `initial`."),
    FuncDef::new("mustLast", &[T::Any], T::Any, last, "As `last`."),
    FuncDef::new("mustPrepend", &[T::Any, T::Any], T::ListAny, prepend, "As `prepend`."),
    FuncDef::new("mustPush", &[T::Any, T::Any], T::ListAny, push, "As `append`."),
    FuncDef::new("mustRest", &[T::Any], T::ListAny, rest, "As `rest`."),
    FuncDef::new("mustReverse", &[T::Any], T::ListAny, reverse, "As `reverse`."),
    FuncDef::variadic("mustSlice", &[T::Any, T::Any], T::Any, slice, "As sprig's `slice`."),
    FuncDef::new("mustUniq", &[T::Any], T::ListAny, uniq, "As `uniq`."),
    FuncDef::variadic("mustWithout", &[T::Any, T::Any], T::ListAny, without, "As `without`."),
    FuncDef::new("prepend", &[T::Any, T::Any], T::ListAny, prepend, "The list with the value before its first element."),
    FuncDef::new("push", &[T::Any, T::Any], T::ListAny, push, "As `append`."),
    FuncDef::new("rest", &[T::Any], T::ListAny, rest, "The list without its first element."),
    FuncDef::new("reverse", &[T::Any], T::ListAny, reverse, "The list from its end to its start."),
    FuncDef::variadic("slice", &[T::Any, T::Any], T::Any, slice,
        "The list's elements from the first number up to the second, without it; all that follow where there is none."),
    FuncDef::variadic("tuple", &[T::Any], T::ListAny, |_, a| Ok(Val::list(a.to_vec())), "As `list`, its old name."),
    FuncDef::new("uniq", &[T::Any], T::ListAny, uniq, "The list without repetitions."),
    FuncDef::variadic("without", &[T::Any, T::Any], T::ListAny, without, "The list without the values."),
];

/// The elements of a list, or what sprig says of anything else: a text before the kind, and one after it.
fn items_of(value: &Val, before: &str, after: &str) -> Result<Rc<Vec<Val>>, FuncError> {
    match value {
        // reflect.TypeOf(nil).Kind()
        Val::Nil => Err("runtime error: invalid memory address or nil pointer dereference".into()),
        value => elements(value).ok_or_else(|| format!("{before} {}{after}", value.kind()).into()),
    }
}

fn push(_: &dyn Host, args: &[Val]) -> FuncResult {
    let mut items = items_of(any(args, 0), "Cannot push on type", "")?.to_vec();
    items.push(any(args, 1).clone());
    Ok(Val::list(items))
}

fn prepend(_: &dyn Host, args: &[Val]) -> FuncResult {
    let items = items_of(any(args, 0), "Cannot prepend on type", "")?;
    Ok(Val::list(std::iter::once(any(args, 1)).chain(items.iter()).cloned().collect()))
}

/// sprig's `mustChunk`, with its detour through floats: zero and negative sizes fail, or not, as they do there.
fn chunk(_: &dyn Host, args: &[Val]) -> FuncResult {
    let items = items_of(any(args, 1), "Cannot chunk type", "")?;
    let size = int(args, 0);
    let too_long = || FuncError::from("runtime error: makeslice: len out of range");
    let length = items.len() as f64;
    let chunks = ((length - 1.0) / size as f64).floor() + 1.0;
    if !chunks.is_finite() || chunks < 0.0 {
        return Err(too_long());
    }
    let (chunks, mut out) = (chunks as usize, Vec::new());
    for index in 0..chunks {
        let mut wanted = size;
        if index + 1 == chunks {
            wanted = (length % size as f64).floor() as i64;
            if wanted == 0 {
                wanted = size;
            }
        }
        let wanted = usize::try_from(wanted).map_err(|_| too_long())?;
        let part = items.iter().skip(index * size.unsigned_abs() as usize).take(wanted);
        out.push(Val::list(part.cloned().collect()));
    }
    Ok(Val::List(List { ty: T::ListListAny, items: Rc::new(out) }))
}

fn compact(_: &dyn Host, args: &[Val]) -> FuncResult {
    let items = items_of(any(args, 0), "Cannot compact on type", "")?;
    Ok(Val::list(items.iter().filter(|item| !is_empty(item)).cloned().collect()))
}

fn concat(_: &dyn Host, args: &[Val]) -> FuncResult {
    let mut out = Vec::new();
    for list in args {
        out.extend(items_of(list, "Cannot concat type", " as list")?.iter().cloned());
    }
    match out.is_empty() {
        true => Ok(Val::List(List::nil(T::ListAny))),
        false => Ok(Val::list(out)),
    }
}

fn first(_: &dyn Host, args: &[Val]) -> FuncResult {
    Ok(items_of(any(args, 0), "Cannot find first on type", "")?.first().cloned().unwrap_or(Val::Nil))
}

fn last(_: &dyn Host, args: &[Val]) -> FuncResult {
    Ok(items_of(any(args, 0), "Cannot find last on type", "")?.last().cloned().unwrap_or(Val::Nil))
}

fn rest(_: &dyn Host, args: &[Val]) -> FuncResult {
    let items = items_of(any(args, 0), "Cannot find rest on type", "")?;
    Ok(items.split_first().map_or_else(|| Val::List(List::nil(T::ListAny)), |(_, rest)| Val::list(rest.to_vec())))
}

fn initial(_: &dyn Host, args: &[Val]) -> FuncResult {
    let items = items_of(any(args, 0), "Cannot find initial on type", "")?;
    Ok(items.split_last().map_or_else(|| Val::List(List::nil(T::ListAny)), |(_, rest)| Val::list(rest.to_vec())))
}

fn reverse(_: &dyn Host, args: &[Val]) -> FuncResult {
    let items = items_of(any(args, 0), "Cannot find reverse on type", "")?;
    Ok(Val::list(items.iter().rev().cloned().collect()))
}

fn contains(walk: &mut Walk<'_>, list: &[Val], wanted: &Val) -> Result<bool, FuncError> {
    for item in list {
        if deep_equal(walk, wanted, item)? {
            return Ok(true);
        }
    }
    Ok(false)
}

fn uniq(host: &dyn Host, args: &[Val]) -> FuncResult {
    let (mut out, mut walk) = (Vec::new(), Walk::new(host));
    for item in items_of(any(args, 0), "Cannot find uniq on type", "")?.iter() {
        if !contains(&mut walk, &out, item)? {
            out.push(item.clone());
        }
    }
    Ok(Val::list(out))
}

fn without(host: &dyn Host, args: &[Val]) -> FuncResult {
    let omitted = args.get(1..).unwrap_or(&[]);
    let (mut out, mut walk) = (Vec::new(), Walk::new(host));
    for item in items_of(any(args, 0), "Cannot find without on type", "")?.iter() {
        if !contains(&mut walk, omitted, item)? {
            out.push(item.clone());
        }
    }
    Ok(Val::list(out))
}

fn has(host: &dyn Host, args: &[Val]) -> FuncResult {
    match any(args, 1) {
        Val::Nil => Ok(Val::Bool(false)),
        list => Ok(Val::Bool(contains(&mut Walk::new(host), &items_of(list, "Cannot find has on type", "")?, any(args, 0))?)),
    }
}

fn slice(_: &dyn Host, args: &[Val]) -> FuncResult {
    let list = any(args, 0);
    let items = items_of(list, "list should be type of slice or array but", "")?;
    let length = items.len() as i64;
    if length == 0 {
        return Ok(Val::Nil);
    }
    let start = args.get(1).map_or(0, to_int);
    let end = args.get(2).map_or(length, to_int);
    if start < 0 || end < start || end > length {
        return Err("reflect.Value.Slice: slice index out of bounds".into());
    }
    let (start, end) = (start as usize, end as usize);
    Ok(match list {
        Val::Bytes(bytes) => Val::Bytes(bytes[start..end].into()),
        Val::List(list) => Val::List(List { ty: list.ty, items: Rc::new(items[start..end].to_vec()) }),
        // a named slice type such as common.VersionSet keeps its name
        other => Val::List(List { ty: T::Named(other.type_name()), items: Rc::new(items[start..end].to_vec()) }),
    })
}
