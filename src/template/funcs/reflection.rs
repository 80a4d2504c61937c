//! Types and kinds, emptiness and deep equality, as Go's `reflect` sees values.

use super::args::{any, text};
use super::{FuncDef, FuncError, MAX_DEPTH, Walk};
use crate::template::{GoType as T, Val, deep};
use std::rc::Rc;

#[rustfmt::skip] // a table: name, parameters, result and body on one line, the sentence on the next
pub(super) static FUNCS: &[FuncDef] = &[
    FuncDef::new("deepEqual", &[T::Any, T::Any], T::Bool, |host, a| Ok(Val::Bool(deep_equal(&mut Walk::new(host), any(a, 0), any(a, 1))?)),
        "Whether both values have the same type and content."),
    FuncDef::new("kindIs", &[T::String, T::Any], T::Bool, |_, a| Ok(Val::Bool(any(a, 1).kind().as_bytes() == text(a, 0))),
        "Whether the value is of this kind (`map`, `slice`, `string`, `int`, `float64`, `bool`, `invalid` …)."),
    FuncDef::new("kindOf", &[T::Any], T::String, |_, a| Ok(Val::str(any(a, 0).kind())), "The value's kind."),
    FuncDef::new("typeIs", &[T::String, T::Any], T::Bool,
        |_, a| Ok(Val::Bool(any(a, 1).type_name().as_bytes() == text(a, 0))),
        "Whether the value is of this type."),
    FuncDef::new("typeIsLike", &[T::String, T::Any], T::Bool, |_, a| {
            let name = any(a, 1).type_name();
            Ok(Val::Bool(name.as_bytes() == text(a, 0) || name.strip_prefix('*').is_some_and(|n| n.as_bytes() == text(a, 0))))
        },
        "Whether the value is of this type or a pointer to it."),
    FuncDef::new("typeOf", &[T::Any], T::String, |_, a| Ok(Val::str(any(a, 0).type_name())), "The value's type."),
];

/// The elements of a slice of any type; `None` for everything else.
pub(super) fn elements(value: &Val) -> Option<Rc<Vec<Val>>> {
    match value {
        Val::List(list) => Some(list.items.clone()),
        Val::Bytes(bytes) => Some(Rc::new(bytes.iter().map(|byte| Val::Uint(u64::from(*byte), T::Uint8)).collect())),
        Val::Object(object) if matches!(object.kind(), "slice" | "array") => object.items().map(Rc::new),
        _ => None,
    }
}

/// sprig's `empty`: nil, false, zero, and strings, lists and maps with nothing in them.
pub(super) fn is_empty(value: &Val) -> bool {
    match value {
        Val::Nil => true,
        Val::Bool(flag) => !flag,
        Val::Int(number, _) => *number == 0,
        Val::Uint(number, _) => *number == 0,
        Val::Float(number, _) => *number == 0.0,
        Val::Complex(re, im) => *re == 0.0 && *im == 0.0,
        Val::Str(text) => text.is_empty(),
        Val::Bytes(bytes) => bytes.is_empty(),
        Val::List(list) => list.items.is_empty(),
        Val::Map(map) => map.entries.borrow().is_empty(),
        Val::Object(object) => match object.kind() {
            "slice" | "array" => object.items().is_none_or(|items| items.is_empty()),
            "map" => object.entries().is_none_or(|entries| entries.is_empty()),
            _ => false,
        },
    }
}

/// Go's `reflect.DeepEqual`.
pub(super) fn deep_equal(walk: &mut Walk<'_>, a: &Val, b: &Val) -> Result<bool, FuncError> {
    equal(walk, a, b, MAX_DEPTH)
}

fn equal(walk: &mut Walk<'_>, a: &Val, b: &Val, depth: usize) -> Result<bool, FuncError> {
    let Some(depth) = depth.checked_sub(1) else { return Err(super::too_deep()) };
    walk.step()?;
    let mut all = |a: &[Val], b: &[Val]| -> Result<bool, FuncError> {
        for (a, b) in a.iter().zip(b) {
            if !deep(|| equal(walk, a, b, depth))? {
                return Ok(false);
            }
        }
        Ok(a.len() == b.len())
    };
    Ok(match (a, b) {
        (Val::Nil, Val::Nil) => true,
        (Val::Bool(a), Val::Bool(b)) => a == b,
        (Val::Int(a, s), Val::Int(b, t)) => a == b && s == t,
        (Val::Uint(a, s), Val::Uint(b, t)) => a == b && s == t,
        (Val::Float(a, s), Val::Float(b, t)) => a == b && s == t,
        (Val::Complex(a, b), Val::Complex(c, d)) => a == c && b == d,
        (Val::Str(a), Val::Str(b)) => a == b,
        (Val::Bytes(a), Val::Bytes(b)) => a == b,
        (Val::List(a), Val::List(b)) => {
            a.ty == b.ty && a.is_nil() == b.is_nil() && (Rc::ptr_eq(&a.items, &b.items) || all(&a.items, &b.items)?)
        }
        (Val::Map(a), Val::Map(b)) if a.ty != b.ty || a.is_nil() != b.is_nil() => false,
        (Val::Map(a), Val::Map(b)) if Rc::ptr_eq(&a.entries, &b.entries) => true,
        (Val::Map(a), Val::Map(b)) => {
            let (a, b) = (a.entries.borrow(), b.entries.borrow());
            a.len() == b.len() && {
                for (key, value) in a.iter() {
                    match b.get(key) {
                        Some(other) if deep(|| equal(walk, value, other, depth))? => {}
                        _ => return Ok(false),
                    }
                }
                true
            }
        }
        (Val::Object(a), Val::Object(b)) => {
            Rc::ptr_eq(a, b)
                || a.type_name() == b.type_name()
                    && a.kind() != "func"
                    && a.display() == b.display()
                    && a.to_value() == b.to_value()
        }
        _ => false,
    })
}
