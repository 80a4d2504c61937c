//! `eq`, `lt` and their kin (Go's `text/template/funcs.go`).

use super::{Val, fmt};

/// What comparison knows of a value.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    /// Nil, slices, maps, structs …
    Other,
    Bool,
    Complex,
    Int,
    Float,
    String,
    Uint,
}

const BAD_TYPE: &str = "invalid type for comparison";
const NO_ARGUMENT: &str = "missing argument for comparison";

fn kind(val: &Val) -> Kind {
    match val {
        Val::Bool(_) => Kind::Bool,
        Val::Int(..) => Kind::Int,
        Val::Uint(..) => Kind::Uint,
        Val::Float(..) => Kind::Float,
        Val::Complex(..) => Kind::Complex,
        Val::Str(_) => Kind::String,
        Val::Nil | Val::Bytes(_) | Val::List(_) | Val::Map(_) | Val::Object(_) => Kind::Other,
    }
}

fn incompatible(a: &Val, b: &Val) -> String {
    format!("incompatible types for comparison: {} and {}", a.type_name(), b.type_name())
}

/// Whether the first equals any other.
pub(super) fn eq(first: &Val, others: &[Val]) -> Result<bool, String> {
    if others.is_empty() {
        return Err(NO_ARGUMENT.into());
    }
    for other in others {
        let equal = match (first, other) {
            (Val::Bool(a), Val::Bool(b)) => a == b,
            (Val::Complex(..), Val::Complex(..)) | (Val::Float(..), Val::Float(..)) => same_number(first, other),
            (Val::Int(a, _), Val::Int(b, _)) => a == b,
            (Val::Uint(a, _), Val::Uint(b, _)) => a == b,
            (Val::Int(a, _), Val::Uint(b, _)) | (Val::Uint(b, _), Val::Int(a, _)) => {
                u64::try_from(*a).is_ok_and(|a| a == *b)
            }
            (Val::Str(a), Val::Str(b)) => a == b,
            _ if kind(first) != kind(other) => {
                if !matches!(first, Val::Nil) && !matches!(other, Val::Nil) {
                    return Err(incompatible(first, other));
                }
                false
            }
            _ => eq_other(first, other)?,
        };
        if equal {
            return Ok(true);
        }
    }
    Ok(false)
}

fn same_number(a: &Val, b: &Val) -> bool {
    match (a, b) {
        (Val::Float(a, _), Val::Float(b, _)) => a == b,
        (Val::Complex(a, i), Val::Complex(b, j)) => a == b && i == j,
        _ => false,
    }
}

/// Neither is of a basic kind.
fn eq_other(a: &Val, b: &Val) -> Result<bool, String> {
    let (nil_a, nil_b) = (is_nil(a), is_nil(b));
    if !matches!(a, Val::Nil) && !matches!(b, Val::Nil) && a.kind() != b.kind() {
        let (shown_a, shown_b) = (fmt::sprintf_reflect('s', a), fmt::sprintf_reflect('v', b));
        return Err(format!("non-comparable types {shown_a}: {}, {}: {shown_b}", a.type_name(), b.type_name()));
    }
    if nil_a || nil_b {
        return Ok(nil_a == nil_b);
    }
    match (a, b) {
        (Val::Object(a), Val::Object(b)) if !matches!(b.kind(), "slice" | "map" | "func") => {
            let same_type = a.type_name() == b.type_name();
            Ok(same_type
                && match b.kind() {
                    "ptr" => std::ptr::addr_eq(std::rc::Rc::as_ptr(a), std::rc::Rc::as_ptr(b)),
                    _ => a.to_value() == b.to_value(),
                })
        }
        _ => Err(format!("non-comparable type {}: {}", fmt::sprintf_reflect('s', b), b.type_name())),
    }
}

fn is_nil(val: &Val) -> bool {
    match val {
        Val::Nil => true,
        Val::List(list) => list.is_nil(),
        Val::Map(map) => map.is_nil(),
        _ => false,
    }
}

/// Whether the first is less than the second.
pub(super) fn lt(a: &Val, b: &Val) -> Result<bool, String> {
    if kind(a) == Kind::Other || kind(b) == Kind::Other {
        return Err(BAD_TYPE.into());
    }
    match (a, b) {
        (Val::Int(a, _), Val::Int(b, _)) => Ok(a < b),
        (Val::Uint(a, _), Val::Uint(b, _)) => Ok(a < b),
        (Val::Int(a, _), Val::Uint(b, _)) => Ok(u64::try_from(*a).map_or(true, |a| a < *b)),
        (Val::Uint(a, _), Val::Int(b, _)) => Ok(u64::try_from(*b).is_ok_and(|b| *a < b)),
        (Val::Float(a, _), Val::Float(b, _)) => Ok(a < b),
        (Val::Str(a), Val::Str(b)) => Ok(a < b),
        _ if kind(a) == kind(b) => Err(BAD_TYPE.into()),
        _ => Err(incompatible(a, b)),
    }
}

/// Whether the first is less than or equals the second.
pub(super) fn le(a: &Val, b: &Val) -> Result<bool, String> {
    if lt(a, b)? {
        return Ok(true);
    }
    eq(a, std::slice::from_ref(b))
}
