//! Helm's own duration helpers (`pkg/engine/funcs.go` of Helm 4): numbers and strings to a `time.Duration`, and its parts.

use super::args::any;
use super::cast::truncate;
use super::dates::duration::parse;
use super::parse::parse_float;
use super::unicode::is_space;
use super::{FuncDef, FuncError, FuncResult};
use crate::template::{GoType as T, Val, duration::{call, round}, fmt, quote::quote};

const SECOND: i64 = 1_000_000_000;

#[rustfmt::skip] // a table: name, parameters, result and body on one line, the sentence on the next
pub(super) static FUNCS: &[FuncDef] = &[
    FuncDef::new("durationDays", &[T::Any], T::Float64, |_, a| Ok(Val::float(hours(a) / 24.0)), "The duration in days, or 0."),
    FuncDef::new("durationHours", &[T::Any], T::Float64, |_, a| part(a, "Hours"), "The duration in hours, or 0."),
    FuncDef::new("durationMicroseconds", &[T::Any], T::Int64, |_, a| part(a, "Microseconds"), "The duration in whole microseconds, or 0."),
    FuncDef::new("durationMilliseconds", &[T::Any], T::Int64, |_, a| part(a, "Milliseconds"), "The duration in whole milliseconds, or 0."),
    FuncDef::new("durationMinutes", &[T::Any], T::Float64, |_, a| part(a, "Minutes"), "The duration in minutes, or 0."),
    FuncDef::new("durationNanoseconds", &[T::Any], T::Int64, |_, a| part(a, "Nanoseconds"), "The duration in nanoseconds, or 0."),
    FuncDef::new("durationRoundTo", &[T::Any, T::Any], T::Duration, |_, a| Ok(to_multiple(a, round)),
        "The duration rounded to a multiple of the second one."),
    FuncDef::new("durationSeconds", &[T::Any], T::Float64, |_, a| part(a, "Seconds"), "The duration in seconds, or 0."),
    FuncDef::new("durationTruncateTo", &[T::Any, T::Any], T::Duration, |_, a| Ok(to_multiple(a, |nanos, unit| nanos - nanos % unit)),
        "The duration cut to a multiple of the second one."),
    FuncDef::new("durationWeeks", &[T::Any], T::Float64, |_, a| Ok(Val::float(hours(a) / 24.0 / 7.0)), "The duration in weeks, or 0."),
    FuncDef::new("mustToDuration", &[T::Any], T::Duration, |_, a| Ok(Val::Int(duration(any(a, 0))?, T::Duration)),
        "The duration that a string such as `1h30m` spells; numbers are seconds."),
];

/// Go's `asDuration`, in nanoseconds.
fn duration(value: &Val) -> Result<i64, FuncError> {
    let seconds = |number: i64| -> Result<i64, FuncError> {
        number.checked_mul(SECOND).ok_or_else(|| format!("duration seconds overflow: {number}").into())
    };
    match value {
        Val::Int(nanos, T::Duration) => Ok(*nanos),
        Val::Int(number, _) => seconds(*number),
        Val::Uint(number, _) => match i64::try_from(*number) {
            Ok(number) => seconds(number),
            Err(_) => Err(format!("duration seconds overflow: {number}").into()),
        },
        Val::Float(number, _) => from_float(*number),
        Val::Str(text) => {
            let trimmed = super::strings::trim(text, is_space);
            if trimmed.is_empty() {
                return Err("empty duration".into());
            }
            match (parse(trimmed), parse_float(trimmed)) {
                (Ok(nanos), _) => Ok(nanos),
                (_, Ok(number)) => from_float(number),
                _ => Err(format!("could not parse duration {}", quote(text)).into()),
            }
        }
        Val::Nil => Err("invalid duration".into()),
        other => Err(format!("unsupported duration type {}", other.type_name()).into()),
    }
}

fn from_float(seconds: f64) -> Result<i64, FuncError> {
    let limit = i64::MAX as f64;
    let refused = |what: &str, number: f64| Err(format!("{what}: {}", fmt::sprint(&[Val::float(number)])).into());
    let nanos = seconds * SECOND as f64;
    match () {
        () if !seconds.is_finite() => refused("invalid duration seconds", seconds),
        () if seconds.abs() > limit / SECOND as f64 => refused("duration seconds overflow", seconds),
        () if nanos.abs() > limit => refused("duration nanoseconds overflow", nanos),
        () => Ok(truncate(nanos)),
    }
}

/// A part of the duration by the method of Go's type; of what is no duration, zero.
fn part(args: &[Val], method: &str) -> FuncResult {
    Ok(call(duration(any(args, 0)).unwrap_or(0), method, 0))
}

fn hours(args: &[Val]) -> f64 {
    match call(duration(any(args, 0)).unwrap_or(0), "Hours", 0) {
        Val::Float(hours, _) => hours,
        _ => 0.0,
    }
}

/// What is no duration is zero; without a usable unit the duration stays as it is.
fn to_multiple(args: &[Val], operation: fn(i64, i64) -> i64) -> Val {
    let nanos = duration(any(args, 0)).unwrap_or(0);
    let unit = duration(any(args, 1)).ok().filter(|unit| *unit > 0);
    Val::Int(unit.map_or(nanos, |unit| operation(nanos, unit)), T::Duration)
}
