//! Go's `time.Time`: an instant with a zone, its calendar arithmetic and its text.

use super::layout::{DAYS, MONTHS, OffsetForm, Std, next_chunk};
use super::zone::Zone;

/// Seconds from the epoch to Go's zero time, 0001-01-01 00:00:00 UTC.
const ZERO: i64 = -62_135_596_800;
/// Seconds of a day.
const DAY: i64 = 86_400;

/// An instant with the zone in which it is shown.
#[derive(Clone, Debug)]
pub(super) struct Time {
    /// Seconds since the Unix epoch.
    pub unix: i64,
    /// Nanoseconds within the second.
    pub nanos: i64,
    pub zone: Zone,
    /// Go's monotonic clock reading, in nanoseconds: only `now` has one, and its text shows it.
    pub monotonic: Option<i64>,
}

/// A date and a clock's time, without a zone.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Civil {
    pub year: i64,
    /// 1 to 12
    pub month: i64,
    pub day: i64,
    pub hour: i64,
    pub minute: i64,
    pub second: i64,
}

/// Days from the epoch to a date of the proleptic Gregorian calendar; months may be any number.
fn days_from_civil(year: i64, month: i64, day: i64) -> i64 {
    let months = year.saturating_mul(12).saturating_add(month - 1);
    let (year, month) = (months.div_euclid(12), months.rem_euclid(12) + 1);
    let shifted = if month <= 2 { year - 1 } else { year };
    let era = shifted.div_euclid(400);
    let of_era = shifted.rem_euclid(400);
    let of_year = (153 * ((month + 9) % 12) + 2) / 5;
    let days = of_era * 365 + of_era / 4 - of_era / 100 + of_year;
    era.saturating_mul(146_097).saturating_add(days - 719_468).saturating_add(day - 1)
}

fn civil_from_days(days: i64) -> (i64, i64, i64) {
    let shifted = days + 719_468;
    let era = shifted.div_euclid(146_097);
    let of_era = shifted.rem_euclid(146_097);
    let year = (of_era - of_era / 1460 + of_era / 36_524 - of_era / 146_096) / 365;
    let of_year = of_era - (365 * year + year / 4 - year / 100);
    let shifted_month = (5 * of_year + 2) / 153;
    let day = of_year - (153 * shifted_month + 2) / 5 + 1;
    let month = if shifted_month < 10 { shifted_month + 3 } else { shifted_month - 9 };
    (year + era * 400 + i64::from(month <= 2), month, day)
}

impl Civil {
    /// Seconds since the epoch, were this UTC. Values out of range carry over, as in `time.Date`.
    pub fn seconds(&self) -> i64 {
        let days = days_from_civil(self.year, self.month, self.day);
        let clock = self.hour * 3600 + self.minute * 60 + self.second;
        days.saturating_mul(DAY).saturating_add(clock)
    }
}

/// How many days a month has.
pub(super) fn days_in(month: i64, year: i64) -> i64 {
    days_from_civil(year, month + 1, 1) - days_from_civil(year, month, 1)
}

impl Time {
    /// Go's zero time.
    pub fn zero() -> Time {
        Time::new(ZERO, 0, Zone::Utc)
    }

    /// An instant without a monotonic reading.
    pub fn new(unix: i64, nanos: i64, zone: Zone) -> Time {
        Time { unix, nanos, zone, monotonic: None }
    }

    /// `time.Date`
    pub fn from_civil(civil: Civil, nanos: i64, zone: Zone) -> Time {
        Time::new(zone.to_unix(civil.seconds()), nanos, zone)
    }

    /// `Add`: nanoseconds later.
    pub fn plus(&self, nanos: i64) -> Time {
        let total = self.nanos + nanos.rem_euclid(1_000_000_000);
        let carry = total.div_euclid(1_000_000_000);
        Time {
            unix: self.unix.saturating_add(nanos.div_euclid(1_000_000_000)).saturating_add(carry),
            nanos: total.rem_euclid(1_000_000_000),
            zone: self.zone.clone(),
            monotonic: self.monotonic.and_then(|reading| reading.checked_add(nanos)),
        }
    }

    /// `Sub`: nanoseconds since another time, as many as fit.
    pub fn minus(&self, other: &Time) -> i64 {
        let nanos = (i128::from(self.unix) - i128::from(other.unix)) * 1_000_000_000 + i128::from(self.nanos - other.nanos);
        nanos.clamp(i64::MIN.into(), i64::MAX.into()) as i64
    }

    /// `AddDate`
    pub fn plus_date(&self, years: i64, months: i64, days: i64) -> Time {
        let civil = self.civil();
        let civil = Civil {
            year: civil.year.saturating_add(years),
            month: civil.month.saturating_add(months),
            day: civil.day.saturating_add(days),
            ..civil
        };
        Time::from_civil(civil, self.nanos, self.zone.clone())
    }

    /// `In`
    pub fn within(&self, zone: Zone) -> Time {
        Time::new(self.unix, self.nanos, zone)
    }

    fn wall(&self) -> i64 {
        self.unix.saturating_add(self.zone.at(self.unix).offset)
    }

    /// Date and clock in the time's zone.
    pub fn civil(&self) -> Civil {
        let wall = self.wall();
        let (year, month, day) = civil_from_days(wall.div_euclid(DAY));
        let clock = wall.rem_euclid(DAY);
        Civil { year, month, day, hour: clock / 3600, minute: clock / 60 % 60, second: clock % 60 }
    }

    /// 0 is Sunday.
    pub fn weekday(&self) -> i64 {
        (self.wall().div_euclid(DAY) + 4).rem_euclid(7)
    }

    /// 1 is the first of January.
    pub fn year_day(&self) -> i64 {
        self.wall().div_euclid(DAY) - days_from_civil(self.civil().year, 1, 1) + 1
    }

    /// `IsZero`
    pub fn is_zero(&self) -> bool {
        self.unix == ZERO && self.nanos == 0
    }

    /// Nanoseconds since the zero time, modulo a duration: what `Truncate` takes away.
    pub fn remainder(&self, duration: i64) -> i64 {
        let total = (i128::from(self.unix) - i128::from(ZERO)) * 1_000_000_000 + i128::from(self.nanos);
        total.rem_euclid(i128::from(duration.max(1))) as i64
    }

    /// What `String` gives.
    pub fn text(&self) -> String {
        let mut text = self.format(b"2006-01-02 15:04:05.999999999 -0700 MST");
        if let Some(reading) = self.monotonic {
            let (sign, reading) = if reading < 0 { ('-', reading.unsigned_abs()) } else { ('+', reading as u64) };
            let text_of = format!(" m={sign}{}.{:09}", reading / 1_000_000_000, reading % 1_000_000_000);
            text.extend_from_slice(text_of.as_bytes());
        }
        String::from_utf8_lossy(&text).into_owned()
    }

    /// `Format`
    pub fn format(&self, mut layout: &[u8]) -> Vec<u8> {
        let civil = self.civil();
        let mut out = Vec::with_capacity(layout.len() + 10);
        loop {
            let (before, chunk, rest) = next_chunk(layout);
            out.extend_from_slice(before);
            let Some((std, _)) = chunk else { return out };
            out.extend_from_slice(self.chunk(&civil, std).as_bytes());
            layout = rest;
        }
    }

    fn chunk(&self, civil: &Civil, std: Std) -> String {
        let hour12 = if civil.hour % 12 == 0 { 12 } else { civil.hour % 12 };
        match std {
            Std::Year => format!("{:02}", civil.year.abs() % 100),
            Std::LongYear if civil.year < 0 => format!("-{:04}", -civil.year),
            Std::LongYear => format!("{:04}", civil.year),
            Std::Month => MONTHS[civil.month as usize - 1][..3].into(),
            Std::LongMonth => MONTHS[civil.month as usize - 1].into(),
            Std::NumMonth => civil.month.to_string(),
            Std::ZeroMonth => format!("{:02}", civil.month),
            Std::WeekDay => DAYS[self.weekday() as usize][..3].into(),
            Std::LongWeekDay => DAYS[self.weekday() as usize].into(),
            Std::Day => civil.day.to_string(),
            Std::UnderDay => format!("{:2}", civil.day),
            Std::ZeroDay => format!("{:02}", civil.day),
            Std::UnderYearDay => format!("{:3}", self.year_day()),
            Std::ZeroYearDay => format!("{:03}", self.year_day()),
            Std::Hour => format!("{:02}", civil.hour),
            Std::Hour12 => hour12.to_string(),
            Std::ZeroHour12 => format!("{hour12:02}"),
            Std::Minute => civil.minute.to_string(),
            Std::ZeroMinute => format!("{:02}", civil.minute),
            Std::Second => civil.second.to_string(),
            Std::ZeroSecond => format!("{:02}", civil.second),
            Std::Half { upper } => match (upper, civil.hour >= 12) {
                (true, true) => "PM".into(),
                (true, false) => "AM".into(),
                (false, true) => "pm".into(),
                (false, false) => "am".into(),
            },
            Std::Zone => {
                let info = self.zone.at(self.unix);
                match info.name.is_empty() {
                    true => offset_text(info.offset, OffsetForm { z: false, colon: false, minutes: true, seconds: false }),
                    false => info.name,
                }
            }
            Std::Offset(form) => offset_text(self.zone.at(self.unix).offset, form),
            Std::Fraction { digits, trim, mark } => self.fraction(digits, trim, mark),
        }
    }

    fn fraction(&self, digits: usize, trim: bool, mark: u8) -> String {
        if trim && self.nanos == 0 {
            return String::new();
        }
        let all = format!("{:09}", self.nanos);
        let mut text = format!("{}{}", char::from(mark), &all[..digits.min(9)]);
        if trim {
            text.truncate(text.trim_end_matches('0').len());
            if text.len() == 1 {
                text.clear();
            }
        }
        text
    }
}

fn offset_text(offset: i64, form: OffsetForm) -> String {
    if form.z && offset == 0 {
        return "Z".into();
    }
    let minutes = offset / 60;
    let colon = if form.colon { ":" } else { "" };
    // The sign is that of the whole minutes, as in Go.
    let mut text = format!("{}{:02}", if minutes < 0 { '-' } else { '+' }, minutes.abs() / 60);
    if form.minutes {
        text += &format!("{colon}{:02}", minutes.abs() % 60);
    }
    if form.seconds {
        let seconds = if minutes < 0 { -offset } else { offset };
        text += &format!("{colon}{:02}", seconds % 60);
    }
    text
}
