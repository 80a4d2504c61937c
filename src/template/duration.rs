//! `time.Duration`: its text and its methods.

use super::{GoType, Signature, Val};

/// The method of this name, of durations and of the other numbers that have methods: months and weekdays.
pub(super) fn signature(ty: GoType, name: &[u8]) -> Option<Signature> {
    let (params, result): (&'static [GoType], GoType) = match (ty, name) {
        (GoType::Duration | GoType::Named("time.Month" | "time.Weekday"), b"String") => (&[], GoType::String),
        (GoType::Duration, b"Hours" | b"Minutes" | b"Seconds") => (&[], GoType::Float64),
        (GoType::Duration, b"Milliseconds" | b"Microseconds" | b"Nanoseconds") => (&[], GoType::Int64),
        (GoType::Duration, b"Abs") => (&[], GoType::Duration),
        (GoType::Duration, b"Round" | b"Truncate") => (&[GoType::Duration], GoType::Duration),
        _ => return None,
    };
    Some(Signature { params, variadic: false, result })
}

/// `Duration.String`: `1h2m3.5s`, `1.2ms`, `0s`.
pub fn show(nanos: i64) -> String {
    let sign = if nanos < 0 { "-" } else { "" };
    let total = nanos.unsigned_abs();
    let (unit, scale) = match total {
        0 => return "0s".into(),
        1..1_000 => ("ns", 1),
        1_000..1_000_000 => ("µs", 1_000),
        1_000_000..1_000_000_000 => ("ms", 1_000_000),
        _ => {
            let seconds = total / 1_000_000_000;
            let mut text = String::from(sign);
            if seconds >= 3600 {
                text.push_str(&format!("{}h", seconds / 3600));
            }
            if seconds >= 60 {
                text.push_str(&format!("{}m", seconds / 60 % 60));
            }
            let fraction = fraction(total % 1_000_000_000, 9);
            return format!("{text}{}{fraction}s", seconds % 60);
        }
    };
    let digits = match scale {
        1 => 0,
        1_000 => 3,
        _ => 6,
    };
    format!("{sign}{}{}{unit}", total / scale, fraction(total % scale, digits))
}

fn fraction(rest: u64, digits: usize) -> String {
    if rest == 0 {
        return String::new();
    }
    format!(".{rest:0digits$}").trim_end_matches('0').to_owned()
}

/// `Duration.Round`
pub(crate) fn round(nanos: i64, unit: i64) -> i64 {
    if unit <= 0 {
        return nanos;
    }
    let rest = nanos % unit;
    if rest.unsigned_abs() * 2 < unit.unsigned_abs() {
        return nanos - rest;
    }
    (nanos - rest).saturating_add(if nanos < 0 { -unit } else { unit })
}

/// Calls a method of [`signature`]'s; `unit` is its argument, where it has one.
pub(crate) fn call(nanos: i64, method: &str, unit: i64) -> Val {
    let units = |unit: i64| Val::float((nanos / unit) as f64 + (nanos % unit) as f64 / unit as f64);
    match method {
        "Hours" => units(3_600_000_000_000),
        "Minutes" => units(60_000_000_000),
        "Seconds" => units(1_000_000_000),
        "Milliseconds" => Val::int64(nanos / 1_000_000),
        "Microseconds" => Val::int64(nanos / 1_000),
        "Nanoseconds" => Val::int64(nanos),
        "Abs" => Val::Int(nanos.checked_abs().unwrap_or(i64::MAX), GoType::Duration),
        "Round" => Val::Int(round(nanos, unit), GoType::Duration),
        "Truncate" if unit > 0 => Val::Int(nanos - nanos % unit, GoType::Duration),
        "Truncate" => Val::Int(nanos, GoType::Duration),
        _ => Val::str(show(nanos)),
    }
}
