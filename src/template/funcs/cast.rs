//! spf13/cast 1.7 as sprig uses it: anything to a number, and zero where that fails.

use super::parse::{parse_float, parse_int};
use crate::template::{GoType, Val};

/// Values of named integer types are `int` to cast only for these two; others, such as `time.Duration`, are nothing.
fn is_plain(ty: GoType) -> bool {
    !matches!(ty, GoType::Duration | GoType::Named(_)) || matches!(ty, GoType::Named("time.Month" | "time.Weekday"))
}

/// `cast.ToInt64`, which is `cast.ToInt` too: both are 64 bits wide.
pub(super) fn to_int(value: &Val) -> i64 {
    match value {
        Val::Int(number, ty) if is_plain(*ty) => *number,
        Val::Uint(number, ty) if is_plain(*ty) => *number as i64,
        Val::Float(number, _) => truncate(*number),
        Val::Str(text) => parse_int(trim_zero_decimal(text), 0).unwrap_or(0),
        Val::Bool(flag) => i64::from(*flag),
        _ => 0,
    }
}

/// `cast.ToFloat64`.
pub(super) fn to_float(value: &Val) -> f64 {
    match value {
        Val::Int(number, ty) if is_plain(*ty) => *number as f64,
        Val::Uint(number, ty) if is_plain(*ty) => *number as f64,
        Val::Float(number, _) => *number,
        Val::Str(text) => parse_float(text).unwrap_or(0.0),
        Val::Bool(flag) => f64::from(u8::from(*flag)),
        _ => 0.0,
    }
}

/// Go's `int64(float)` on amd64: what does not fit becomes the smallest number.
pub(super) fn truncate(number: f64) -> i64 {
    const LIMIT: f64 = 9_223_372_036_854_775_808.0;
    match (-LIMIT..LIMIT).contains(&number) {
        true => number as i64,
        false => i64::MIN,
    }
}

/// `3.00` → `3`: cast's way to let decimals with nothing behind the point be integers.
fn trim_zero_decimal(text: &[u8]) -> &[u8] {
    let mut found_zero = false;
    for (place, byte) in text.iter().enumerate().rev() {
        match byte {
            b'.' if found_zero => return &text[..place],
            b'.' => {}
            b'0' => found_zero = true,
            _ => return text,
        }
    }
    text
}
