//! `time.ParseInLocation` (Go 1.26 `time/format.go`), with its error texts.

use super::layout::{DAYS, MONTHS, OffsetForm, Std, next_chunk};
use super::time::{Civil, Time, days_in};
use super::zone::Zone;

/// Go's `time.quote`: control and non-ASCII bytes as `\x..`.
pub(super) fn quote(text: &[u8]) -> String {
    let mut out = String::from("\"");
    for &byte in text {
        match byte {
            b'"' | b'\\' => out.extend(['\\', char::from(byte)]),
            b' '..=0x7f => out.push(char::from(byte)),
            _ => out += &format!("\\x{byte:02x}"),
        }
    }
    out + "\""
}

/// The value does not fit the element at hand; the caller says which.
struct Bad;

/// What an element refuses.
enum Refusal {
    Bad,
    /// Named, as in `: month out of range`.
    Range(&'static str),
}

impl From<Bad> for Refusal {
    fn from(_: Bad) -> Self {
        Refusal::Bad
    }
}

type Taken<'v, T> = Result<(T, &'v [u8]), Bad>;

/// What has been read so far.
#[derive(Default)]
struct Fields {
    year: i64,
    month: Option<i64>,
    day: Option<i64>,
    year_day: Option<i64>,
    hour: i64,
    minute: i64,
    second: i64,
    nanos: i64,
    /// `PM` or `AM`
    afternoon: Option<bool>,
    utc: bool,
    offset: Option<i64>,
    zone: Vec<u8>,
}

/// Parses a value by a layout; without a zone in it, it is a time of this one.
pub(super) fn parse(layout: &[u8], value: &[u8], zone: &Zone) -> Result<Time, String> {
    let (mut rest_layout, mut rest) = (layout, value);
    let mut fields = Fields::default();
    let mismatch = |element: &[u8], at: &[u8]| {
        let (value, layout, at, element) = (quote(value), quote(layout), quote(at), quote(element));
        format!("parsing time {value} as {layout}: cannot parse {at} as {element}")
    };
    let problem = |text: &str| format!("parsing time {}: {text}", quote(value));
    loop {
        let (before, chunk, after) = next_chunk(rest_layout);
        rest = skip(rest, before).map_err(|at| mismatch(before, at))?;
        let Some((std, element)) = chunk else {
            match rest.is_empty() {
                true => break,
                false => return Err(problem(&format!("extra text: {}", quote(rest)))),
            }
        };
        rest_layout = after;
        rest = match fields.take(std, rest, rest_layout) {
            Ok(rest) => rest,
            Err(Refusal::Bad) => return Err(mismatch(element, rest)),
            Err(Refusal::Range(what)) => return Err(problem(&format!("{what} out of range"))),
        };
    }
    fields.finish(zone).map_err(problem)
}

/// Takes a layout's literal text from the value; runs of spaces are alike.
fn skip<'v>(mut value: &'v [u8], mut prefix: &[u8]) -> Result<&'v [u8], &'v [u8]> {
    while let Some(&expected) = prefix.first() {
        if expected == b' ' {
            if value.first().is_some_and(|byte| *byte != b' ') {
                return Err(value);
            }
            prefix = prefix.trim_ascii_start_spaces();
            value = value.trim_ascii_start_spaces();
            continue;
        }
        if value.first() != Some(&expected) {
            return Err(value);
        }
        (prefix, value) = (&prefix[1..], &value[1..]);
    }
    Ok(value)
}

trait Spaces {
    fn trim_ascii_start_spaces(&self) -> &Self;
}

impl Spaces for [u8] {
    fn trim_ascii_start_spaces(&self) -> &[u8] {
        &self[self.iter().take_while(|byte| **byte == b' ').count()..]
    }
}

fn is_digit(text: &[u8], at: usize) -> bool {
    text.get(at).is_some_and(u8::is_ascii_digit)
}

fn number(digits: &[u8]) -> i64 {
    digits.iter().fold(0, |sum, digit| sum * 10 + i64::from(digit - b'0'))
}

/// One or two digits; `fixed` asks for two.
fn two(value: &[u8], fixed: bool) -> Taken<'_, i64> {
    match (is_digit(value, 0), is_digit(value, 1)) {
        (true, true) => Ok((number(&value[..2]), &value[2..])),
        (true, false) if !fixed => Ok((number(&value[..1]), &value[1..])),
        _ => Err(Bad),
    }
}

/// Go's `atoi`: a sign and digits, the whole text.
fn atoi(text: &[u8]) -> Result<i64, Bad> {
    let (negative, digits) = match text {
        [b'-', rest @ ..] => (true, rest),
        [b'+', rest @ ..] => (false, rest),
        rest => (false, rest),
    };
    match digits.iter().all(u8::is_ascii_digit) {
        true => Ok(if negative { -number(digits) } else { number(digits) }),
        false => Err(Bad),
    }
}

/// A name of a list, or its first `length` letters, in any case: its place.
fn name<'v>(names: &[&str], length: Option<usize>, value: &'v [u8]) -> Taken<'v, i64> {
    for (at, name) in names.iter().enumerate() {
        let name = &name.as_bytes()[..length.unwrap_or(name.len())];
        if value.get(..name.len()).is_some_and(|start| start.eq_ignore_ascii_case(name)) {
            return Ok((at as i64, &value[name.len()..]));
        }
    }
    Err(Bad)
}

/// The first bytes of the value, if there are so many.
fn cut(value: &[u8], width: usize) -> Taken<'_, &[u8]> {
    value.split_at_checked(width).ok_or(Bad)
}

fn ranged<'v>(taken: Taken<'v, i64>, valid: std::ops::Range<i64>, what: &'static str) -> Result<(i64, &'v [u8]), Refusal> {
    let (value, rest) = taken?;
    match valid.contains(&value) {
        true => Ok((value, rest)),
        false => Err(Refusal::Range(what)),
    }
}

/// A fraction with its mark, as nanoseconds.
fn fraction(text: &[u8]) -> Result<i64, Refusal> {
    if !matches!(text.first(), Some(b'.' | b',')) {
        return Err(Refusal::Bad);
    }
    let digits = &text[1..text.len().min(10)];
    let value = atoi(digits)?;
    match value < 0 {
        true => Err(Refusal::Range("fractional second")),
        false => Ok(value * 10_i64.pow(9 - digits.len() as u32)),
    }
}

impl Fields {
    /// Takes one element from the value; `layout` is what follows it there. A flat match.
    fn take<'v>(&mut self, std: Std, value: &'v [u8], layout: &[u8]) -> Result<&'v [u8], Refusal> {
        let rest;
        match std {
            Std::Year => {
                let (text, after) = cut(value, 2)?;
                let year = atoi(text)?;
                (self.year, rest) = (if year >= 69 { year + 1900 } else { year + 2000 }, after);
            }
            Std::LongYear => {
                let (text, after) = cut(value, 4)?;
                if !is_digit(text, 0) {
                    return Err(Refusal::Bad);
                }
                (self.year, rest) = (atoi(text)?, after);
            }
            Std::Month | Std::LongMonth => {
                let (month, after) = name(&MONTHS, (std == Std::Month).then_some(3), value)?;
                (self.month, rest) = (Some(month + 1), after);
            }
            Std::NumMonth | Std::ZeroMonth => {
                let (month, after) = ranged(two(value, std == Std::ZeroMonth), 1..13, "month")?;
                (self.month, rest) = (Some(month), after);
            }
            Std::WeekDay => (_, rest) = name(&DAYS, Some(3), value)?,
            Std::LongWeekDay => (_, rest) = name(&DAYS, None, value)?,
            Std::Day | Std::UnderDay | Std::ZeroDay => {
                let padded = std == Std::UnderDay && value.first() == Some(&b' ');
                let (day, after) = two(&value[usize::from(padded)..], std == Std::ZeroDay)?;
                (self.day, rest) = (Some(day), after);
            }
            Std::UnderYearDay | Std::ZeroYearDay => {
                let spaces = value.iter().take(2).take_while(|byte| **byte == b' ').count();
                let value = &value[if std == Std::UnderYearDay { spaces } else { 0 }..];
                let digits = value.iter().take(3).take_while(|byte| byte.is_ascii_digit()).count();
                if digits == 0 || std == Std::ZeroYearDay && digits != 3 {
                    return Err(Refusal::Bad);
                }
                (self.year_day, rest) = (Some(number(&value[..digits])), &value[digits..]);
            }
            Std::Hour => (self.hour, rest) = ranged(two(value, false), 0..24, "hour")?,
            Std::Hour12 | Std::ZeroHour12 => {
                (self.hour, rest) = ranged(two(value, std == Std::ZeroHour12), 0..13, "hour")?;
            }
            Std::Minute | Std::ZeroMinute => {
                (self.minute, rest) = ranged(two(value, std == Std::ZeroMinute), 0..60, "minute")?;
            }
            Std::Second | Std::ZeroSecond => return self.seconds(std == Std::ZeroSecond, value, layout),
            Std::Half { upper } => {
                let (text, after) = cut(value, 2)?;
                self.afternoon = Some(match (upper, text) {
                    (true, b"PM") | (false, b"pm") => true,
                    (true, b"AM") | (false, b"am") => false,
                    _ => return Err(Refusal::Bad),
                });
                rest = after;
            }
            Std::Zone if value.starts_with(b"UTC") => (self.utc, rest) = (true, &value[3..]),
            Std::Zone => {
                let (zone, after) = cut(value, zone_length(value).ok_or(Bad)?)?;
                (self.zone, rest) = (zone.to_vec(), after);
            }
            Std::Offset(form) if form.z && value.first() == Some(&b'Z') => (self.utc, rest) = (true, &value[1..]),
            Std::Offset(form) => {
                let (offset, after) = offset(form, value)?;
                (self.offset, rest) = (Some(offset), after);
            }
            Std::Fraction { digits, trim: false, .. } => {
                let (text, after) = cut(value, digits + 1)?;
                (self.nanos, rest) = (fraction(text)?, after);
            }
            Std::Fraction { trim: true, .. } => return self.optional_fraction(value),
        }
        Ok(rest)
    }

    /// Seconds, and a fraction that the layout does not mention.
    fn seconds<'v>(&mut self, fixed: bool, value: &'v [u8], layout: &[u8]) -> Result<&'v [u8], Refusal> {
        let (second, rest) = ranged(two(value, fixed), 0..60, "second")?;
        self.second = second;
        match next_chunk(layout).1 {
            Some((Std::Fraction { .. }, _)) => Ok(rest),
            _ => self.optional_fraction(rest),
        }
    }

    fn optional_fraction<'v>(&mut self, value: &'v [u8]) -> Result<&'v [u8], Refusal> {
        if !matches!(value.first(), Some(b'.' | b',')) || !is_digit(value, 1) {
            return Ok(value);
        }
        let width = 1 + value[1..].iter().take_while(|byte| byte.is_ascii_digit()).count();
        self.nanos = fraction(&value[..width])?;
        Ok(&value[width..])
    }

    fn finish(mut self, zone: &Zone) -> Result<Time, &'static str> {
        match self.afternoon {
            Some(true) if self.hour < 12 => self.hour += 12,
            Some(false) if self.hour == 12 => self.hour = 0,
            _ => {}
        }
        let (month, day) = self.date()?;
        let civil = Civil { year: self.year, month, day, hour: self.hour, minute: self.minute, second: self.second };
        if self.utc {
            return Ok(Time::from_civil(civil, self.nanos, Zone::Utc));
        }
        let name = String::from_utf8_lossy(&self.zone).into_owned();
        // Go marks a missing offset by -1, so that a second west of Greenwich does not count.
        if let Some(offset) = self.offset.filter(|offset| *offset != -1) {
            let unix = civil.seconds() - offset;
            let info = zone.at(unix);
            let local = info.offset == offset && (name.is_empty() || info.name == name);
            let zone = if local { zone.clone() } else { Zone::Fixed(name.into(), offset) };
            return Ok(Time::new(unix, self.nanos, zone));
        }
        if name.is_empty() {
            return Ok(Time::from_civil(civil, self.nanos, zone.clone()));
        }
        let unix = civil.seconds();
        if let Some(offset) = zone.offset_of(&name, unix) {
            return Ok(Time::new(unix - offset, self.nanos, zone.clone()));
        }
        let offset = match name.strip_prefix("GMT") {
            Some(hours) if !hours.is_empty() => atoi(hours.as_bytes()).unwrap_or(0) * 3600,
            _ => 0,
        };
        Ok(Time::new(unix, self.nanos, Zone::Fixed(name.into(), offset)))
    }

    /// Month and day, checked, from themselves or the day of the year.
    fn date(&self) -> Result<(i64, i64), &'static str> {
        let (month, day) = match self.year_day {
            None => (self.month.unwrap_or(1), self.day.unwrap_or(1)),
            Some(mut left) => {
                if left < 1 || left > 365 + i64::from(days_in(2, self.year) == 29) {
                    return Err("day-of-year out of range");
                }
                let mut month = 1;
                while left > days_in(month, self.year) {
                    left -= days_in(month, self.year);
                    month += 1;
                }
                if self.month.is_some_and(|given| given != month) {
                    return Err("day-of-year does not match month");
                }
                if self.day.is_some_and(|given| given != left) {
                    return Err("day-of-year does not match day");
                }
                (month, left)
            }
        };
        match day < 1 || day > days_in(month, self.year) {
            true => Err("day out of range"),
            false => Ok((month, day)),
        }
    }
}

/// A numeric offset: seconds east of UTC.
fn offset(form: OffsetForm, value: &[u8]) -> Result<(i64, &[u8]), Refusal> {
    let colon = usize::from(form.colon);
    let width = 3 + if form.minutes { 2 + colon } else { 0 } + if form.seconds { 2 + colon } else { 0 };
    let (text, rest) = cut(value, width)?;
    if form.colon && (text[3] != b':' || form.seconds && text[6] != b':') {
        return Err(Refusal::Bad);
    }
    let part = |used: bool, at: usize| match used {
        true => two(&text[at..at + 2], true).map(|(number, _)| number),
        false => Ok(0),
    };
    // Go looks at the ranges even of parts whose digits are bad; those stay 0.
    let parts = [part(true, 1), part(form.minutes, 3 + colon), part(form.seconds, 5 + 2 * colon)];
    let [hours, minutes, seconds] = [0, 1, 2].map(|at| match parts[..=at].iter().all(Result::is_ok) {
        true => parts[at].as_ref().map_or(0, |number| *number),
        false => 0,
    });
    for (number, limit, what) in [
        (seconds, 60, "time zone offset second"),
        (minutes, 60, "time zone offset minute"),
        (hours, 24, "time zone offset hour"),
    ] {
        if number > limit {
            return Err(Refusal::Range(what));
        }
    }
    if parts.iter().any(Result::is_err) {
        return Err(Refusal::Bad);
    }
    let total = (hours * 60 + minutes) * 60 + seconds;
    match text[0] {
        b'+' => Ok((total, rest)),
        b'-' => Ok((-total, rest)),
        _ => Err(Refusal::Bad),
    }
}

/// Go's `parseTimeZone`: how long the abbreviation at the start is.
fn zone_length(value: &[u8]) -> Option<usize> {
    if value.len() < 3 {
        return None;
    }
    if value.starts_with(b"ChST") || value.starts_with(b"MeST") {
        return Some(4);
    }
    if let Some(rest) = value.strip_prefix(b"GMT") {
        return Some(3 + signed_offset_length(rest));
    }
    if matches!(value[0], b'+' | b'-') {
        return Some(signed_offset_length(value)).filter(|length| *length > 0);
    }
    match value.iter().take(6).take_while(|byte| byte.is_ascii_uppercase()).count() {
        5 if value[4] == b'T' => Some(5),
        4 if value[3] == b'T' || value.starts_with(b"WITA") => Some(4),
        3 => Some(3),
        _ => None,
    }
}

/// The length of a sign with a number up to 23, or 0.
fn signed_offset_length(value: &[u8]) -> usize {
    if !matches!(value.first(), Some(b'+' | b'-')) {
        return 0;
    }
    let digits = value[1..].iter().take_while(|byte| byte.is_ascii_digit()).count();
    let significant = value[1..=digits].iter().skip_while(|byte| **byte == b'0').count();
    match digits == 0 || significant > 2 || number(&value[1 + digits - significant..=digits]) > 23 {
        true => 0,
        false => 1 + digits,
    }
}
