//! Dates (sprig 3.3 `date.go`, Go 1.26 `time`): Go's layouts both ways, time zones, durations.

pub(super) mod duration;
mod layout;
mod object;
mod parse;
mod time;
mod zone;

use super::args::{any, string, text};
use super::{FuncDef, FuncResult, Host};
use crate::template::{GoType as T, Val};
use object::value;
use time::Time;
use zone::Zone;

const TIME: T = T::Named("time.Time");
/// The layout of `htmlDate`.
const HTML: &[u8] = b"2006-01-02";
/// What `now` shows as Go's monotonic reading: time since the program started, of which rendering knows nothing.
const SINCE_START: i64 = 50_000_000;
/// Nanoseconds of a second.
const SECOND: i64 = 1_000_000_000;

#[rustfmt::skip] // a table: name, parameters, result and body on one line, the sentence on the next
pub(super) static FUNCS: &[FuncDef] = &[
    FuncDef::new("ago", &[T::Any], T::String, ago, "How long ago a date was, to the second."),
    FuncDef::new("date", &[T::String, T::Any], T::String, |h, a| formatted(h, text(a, 0), any(a, 1), "Local"),
        "A date by a layout."),
    FuncDef::new("dateInZone", &[T::String, T::Any, T::String], T::String, date_in_zone, "A date by a layout, in a time zone."),
    FuncDef::new("dateModify", &[T::String, TIME], TIME, |h, a| Ok(modified(h, a).unwrap_or_else(|_| any(a, 1).clone())),
        "A date and a duration after it."),
    FuncDef::new("date_in_zone", &[T::String, T::Any, T::String], T::String, date_in_zone, "As `dateInZone`."),
    FuncDef::new("date_modify", &[T::String, TIME], TIME, |h, a| Ok(modified(h, a).unwrap_or_else(|_| any(a, 1).clone())),
        "As `dateModify`."),
    FuncDef::new("duration", &[T::Any], T::String, |_, a| Ok(Val::str(duration_of(any(a, 0)))),
        "So many seconds as `1h2m3s`."),
    FuncDef::new("durationRound", &[T::Any], T::String, |h, a| Ok(Val::str(rounded(h, any(a, 0)))),
        "A duration by its biggest unit: `2h`, `3mo`."),
    FuncDef::new("htmlDate", &[T::Any], T::String, |h, a| formatted(h, HTML, any(a, 0), "Local"),
        "A date as HTML's date picker wants it."),
    FuncDef::new("htmlDateInZone", &[T::Any, T::String], T::String,
        |h, a| formatted(h, HTML, any(a, 0), &String::from_utf8_lossy(text(a, 1))),
        "As `htmlDate`, in a time zone."),
    FuncDef::new("mustDateModify", &[T::String, TIME], TIME, |h, a| Ok(modified(h, a)?), "As `dateModify`, but a bad duration is an error."),
    FuncDef::new("mustToDate", &[T::String, T::String], TIME, |h, a| Ok(parsed(h, a)?), "As `toDate`, but a bad date is an error."),
    FuncDef::new("must_date_modify", &[T::String, TIME], TIME, |h, a| Ok(modified(h, a)?), "As `mustDateModify`."),
    FuncDef::new("now", &[], TIME, |h, _| Ok(value(now(h), &h.zone())), "The current time."),
    FuncDef::new("toDate", &[T::String, T::String], TIME, |h, a| Ok(parsed(h, a).unwrap_or_else(|_| value(Time::zero(), &h.zone()))),
        "The date that a string means by a layout."),
    FuncDef::new("unixEpoch", &[TIME], T::String, |_, a| Ok(Val::str(own(any(a, 0)).unix.to_string())),
        "Seconds since the Unix epoch."),
];

/// Seconds since the epoch in UTC by a layout, for certificates.
pub(super) fn utc_text(unix: i64, layout: &str) -> String {
    String::from_utf8_lossy(&Time::new(unix, 0, Zone::Utc).format(layout.as_bytes())).into_owned()
}

fn now(host: &dyn Host) -> Time {
    let nanos = host.now();
    let unix = nanos.div_euclid(i128::from(SECOND)) as i64;
    let fraction = nanos.rem_euclid(i128::from(SECOND)) as i64;
    Time { monotonic: Some(SINCE_START), ..Time::new(unix, fraction, Zone::local(&host.zone())) }
}

/// A `time.Time` parameter.
fn own(value: &Val) -> Time {
    object::time(value).cloned().unwrap_or_else(Time::zero)
}

/// sprig takes times and seconds; anything else means now.
fn time_of(host: &dyn Host, value: &Val, int32: bool) -> Time {
    match value {
        Val::Int(seconds, T::Int | T::Int64) => Time::new(*seconds, 0, Zone::local(&host.zone())),
        Val::Int(seconds, T::Int32) if int32 => Time::new(*seconds, 0, Zone::local(&host.zone())),
        other => object::time(other).cloned().unwrap_or_else(|| now(host)),
    }
}

fn formatted(host: &dyn Host, layout: &[u8], date: &Val, zone: &str) -> FuncResult {
    let zone = Zone::named(zone, &host.zone());
    Ok(Val::str(time_of(host, date, true).within(zone).format(layout)))
}

fn date_in_zone(host: &dyn Host, args: &[Val]) -> FuncResult {
    formatted(host, text(args, 0), any(args, 1), &string(args, 2).to_text())
}

fn modified(host: &dyn Host, args: &[Val]) -> Result<Val, String> {
    let nanos = duration::parse(text(args, 0))?;
    Ok(value(own(any(args, 1)).plus(nanos), &host.zone()))
}

fn parsed(host: &dyn Host, args: &[Val]) -> Result<Val, String> {
    let local = host.zone();
    parse::parse(text(args, 0), text(args, 1), &Zone::local(&local)).map(|time| value(time, &local))
}

/// A date or time of a TOML document, as written: BurntSushi/toml's `dtTypes`.
pub(super) fn of_toml(text: &str, local: &str) -> Val {
    let own = |at: usize| {
        let (name, _) = object::LOCALS[at];
        let now = Zone::local(local).at(0).offset;
        Zone::Fixed(name.into(), now)
    };
    let layouts: [(&[u8], Zone); 7] = [
        (b"2006-01-02T15:04:05.999999999Z07:00", Zone::local(local)),
        (b"2006-01-02T15:04:05.999999999", own(0)),
        (b"2006-01-02", own(1)),
        (b"15:04:05.999999999", own(2)),
        (b"2006-01-02T15:04Z07:00", Zone::local(local)),
        (b"2006-01-02T15:04", own(0)),
        (b"15:04", own(2)),
    ];
    let time = layouts.iter().find_map(|(layout, zone)| parse::parse(layout, text.as_bytes(), zone).ok());
    value(time.unwrap_or_else(Time::zero), local)
}

fn ago(host: &dyn Host, args: &[Val]) -> FuncResult {
    let since = now(host).minus(&time_of(host, any(args, 0), false));
    Ok(Val::str(duration::text(crate::template::duration::round(since, SECOND))))
}

fn duration_of(value: &Val) -> String {
    let seconds = match value {
        Val::Str(digits) => parse_int(digits),
        Val::Int(seconds, T::Int64) => *seconds,
        _ => 0,
    };
    duration::text(seconds.wrapping_mul(SECOND))
}

/// `strconv.ParseInt(s, 10, 64)` with its error thrown away: 0 for what is no number, the nearest bound for what is too
/// big. Go stops at the digit that is too much and so never sees what follows it.
fn parse_int(text: &[u8]) -> i64 {
    let (negative, digits) = match text {
        [b'-', rest @ ..] => (true, rest),
        [b'+', rest @ ..] => (false, rest),
        rest => (false, rest),
    };
    let mut sum = 0_u64;
    for digit in digits {
        if !digit.is_ascii_digit() {
            return 0;
        }
        match sum.checked_mul(10).and_then(|sum| sum.checked_add(u64::from(digit - b'0'))) {
            Some(next) => sum = next,
            None => return if negative { i64::MIN } else { i64::MAX },
        }
    }
    match negative {
        true => 0_i64.checked_sub_unsigned(sum).unwrap_or(i64::MIN),
        false => i64::try_from(sum).unwrap_or(i64::MAX),
    }
}

fn rounded(host: &dyn Host, value: &Val) -> String {
    let nanos = match value {
        Val::Str(text) => duration::parse(text).unwrap_or(0),
        Val::Int(nanos, T::Int64) => *nanos,
        other => object::time(other).map_or(0, |time| now(host).minus(time)),
    };
    const HOUR: u64 = 3_600_000_000_000;
    const UNITS: [(u64, &str); 6] = [
        (HOUR * 24 * 365, "y"),
        (HOUR * 24 * 30, "mo"),
        (HOUR * 24, "d"),
        (HOUR, "h"),
        (HOUR / 60, "m"),
        (HOUR / 3600, "s"),
    ];
    let nanos = nanos.unsigned_abs();
    match UNITS.iter().find(|(unit, _)| nanos > *unit) {
        Some((unit, name)) => format!("{}{name}", nanos / unit),
        None => "0s".into(),
    }
}
