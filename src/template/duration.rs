//! `time.Duration`: its text and its methods.

use super::{GoType, Val};

/// The methods without parameters.
pub(super) const METHODS: &[&str] =
    &["String", "Hours", "Minutes", "Seconds", "Milliseconds", "Microseconds", "Nanoseconds", "Abs"];

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

/// Calls one of [`METHODS`].
pub(super) fn call(nanos: i64, method: &str) -> Val {
    let units = |unit: i64| Val::float((nanos / unit) as f64 + (nanos % unit) as f64 / unit as f64);
    match method {
        "Hours" => units(3_600_000_000_000),
        "Minutes" => units(60_000_000_000),
        "Seconds" => units(1_000_000_000),
        "Milliseconds" => Val::int64(nanos / 1_000_000),
        "Microseconds" => Val::int64(nanos / 1_000),
        "Nanoseconds" => Val::int64(nanos),
        "Abs" => Val::Int(nanos.checked_abs().unwrap_or(i64::MAX), GoType::Duration),
        _ => Val::str(show(nanos)),
    }
}
