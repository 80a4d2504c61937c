//! Typed looks at checked arguments. The executor has converted them to the table's parameter types, so a kind that does
//! not fit cannot arrive; should it, the zero value stands in, as Go's `reflect.Zero` would.

use crate::template::{MapRef, Val};
use crate::value::GoStr;

/// A `string` parameter's bytes.
pub(super) fn text(args: &[Val], index: usize) -> &[u8] {
    match args.get(index) {
        Some(Val::Str(text)) => text,
        _ => b"",
    }
}

/// A `string` parameter, to share.
pub(super) fn string(args: &[Val], index: usize) -> GoStr {
    match args.get(index) {
        Some(Val::Str(text)) => text.clone(),
        _ => GoStr::default(),
    }
}

/// An `int` parameter.
pub(super) fn int(args: &[Val], index: usize) -> i64 {
    match args.get(index) {
        Some(Val::Int(number, _)) => *number,
        Some(Val::Uint(number, _)) => *number as i64,
        _ => 0,
    }
}

/// A `float64` parameter.
pub(super) fn float(args: &[Val], index: usize) -> f64 {
    match args.get(index) {
        Some(Val::Float(number, _)) => *number,
        _ => 0.0,
    }
}

/// A `bool` parameter.
pub(super) fn flag(args: &[Val], index: usize) -> bool {
    matches!(args.get(index), Some(Val::Bool(true)))
}

/// A `map[string]interface {}` parameter; a missing value arrives as Go's nil map.
pub(super) fn map(args: &[Val], index: usize) -> MapRef {
    use crate::template::GoType;
    match args.get(index) {
        Some(Val::Map(map)) => MapRef { ty: GoType::MapAny, entries: map.entries.clone() },
        _ => MapRef::nil(GoType::MapAny),
    }
}

/// An `interface {}` parameter.
pub(super) fn any(args: &[Val], index: usize) -> &Val {
    args.get(index).unwrap_or(&Val::Nil)
}
