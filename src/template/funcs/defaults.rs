//! Defaults and choices: what to take when a value is missing or empty.

use super::args::{any, flag};
use super::reflection::is_empty;
use super::FuncDef;
use crate::template::{GoType as T, Val};

#[rustfmt::skip] // a table: name, parameters, result and body on one line, the sentence on the next
pub(super) static FUNCS: &[FuncDef] = &[
    FuncDef::variadic("all", &[T::Any], T::Bool, |_, a| Ok(Val::Bool(!a.iter().any(is_empty))),
        "Whether no value is empty."),
    FuncDef::variadic("any", &[T::Any], T::Bool, |_, a| Ok(Val::Bool(!a.iter().all(is_empty))),
        "Whether some value is not empty."),
    FuncDef::variadic("coalesce", &[T::Any], T::Any,
        |_, a| Ok(a.iter().find(|value| !is_empty(value)).cloned().unwrap_or(Val::Nil)),
        "The first value that is not empty, or nil."),
    FuncDef::variadic("default", &[T::Any, T::Any], T::Any,
        |_, a| Ok(any(a, usize::from(!is_empty(any(a, 1)))).clone()),
        "The second value, or the first where that is missing or empty."),
    FuncDef::new("empty", &[T::Any], T::Bool, |_, a| Ok(Val::Bool(is_empty(any(a, 0)))),
        "Whether the value is nil, false, 0 or has nothing in it."),
    FuncDef::new("ternary", &[T::Any, T::Any, T::Bool], T::Any, |_, a| Ok(any(a, usize::from(!flag(a, 2))).clone()),
        "The first value if the condition is true, else the second."),
];
