//! Sync windows: when a sync may begin, by cron schedules with time zones.
//!
//! A `Deny` window that is open shuts the gate. Otherwise it is open where there is no `Allow` window at all, or one of them is open.

use super::{SpecError, WindowKind, WindowSpec, duration};
use crate::decide::{Millis, Window};
use croner::Cron;
use jiff::{Timestamp, Zoned, tz::TimeZone};
use std::{str::FromStr as _, time::Duration};

/// The windows of an Environment, checked.
#[derive(Clone, Debug, Default)]
pub struct Windows(Vec<Schedule>);

#[derive(Clone, Debug)]
struct Schedule {
    spec: WindowSpec,
    cron: Cron,
    zone: TimeZone,
    span: Millis,
}

impl PartialEq for Windows {
    fn eq(&self, other: &Self) -> bool {
        self.0.iter().map(|w| &w.spec).eq(other.0.iter().map(|w| &w.spec))
    }
}

/// How many edges of windows are looked at to find the next opening: weeks of hourly windows.
const MAX_EDGES: usize = 2_000;
/// The longest window: with a longer one another kind of rule is meant.
const MAX_SPAN: Duration = Duration::from_secs(366 * 24 * 3600);

impl Windows {
    /// Checks them.
    ///
    /// # Errors
    /// The first schedule, duration or time zone that means nothing, by its place in the list.
    pub fn resolve(specs: &[WindowSpec]) -> Result<Windows, SpecError> {
        specs.iter().enumerate().map(|(at, spec)| schedule(at, spec)).collect::<Result<_, _>>().map(Windows)
    }

    /// Whether a sync may begin at `now`, and if not, when one may at the earliest.
    pub fn at(&self, now: Millis) -> Window {
        if self.allowed_until(now).is_ok() {
            return Window::Open;
        }
        let mut time = now;
        for _ in 0..MAX_EDGES {
            match self.allowed_until(time) {
                Ok(()) => return Window::Closed { opens: Some(time) },
                Err(Some(next)) if next > time => time = next,
                Err(_) => return Window::Closed { opens: None },
            }
        }
        Window::Closed { opens: None }
    }

    /// `Ok` where a sync may begin; else the next time at which that may be different.
    fn allowed_until(&self, now: Millis) -> Result<(), Option<Millis>> {
        let of = |kind: WindowKind| self.0.iter().filter(move |window| window.spec.kind == kind);
        if let Some(ends) = of(WindowKind::Deny).filter_map(|window| window.open_until(now)).max() {
            return Err(Some(ends));
        }
        if of(WindowKind::Allow).next().is_none() || of(WindowKind::Allow).any(|window| window.open_until(now).is_some()) {
            return Ok(());
        }
        Err(of(WindowKind::Allow).filter_map(|window| window.next(now)).min())
    }
}

impl Schedule {
    /// When it ends, if it is open.
    fn open_until(&self, now: Millis) -> Option<Millis> {
        let began = self.cron.find_previous_occurrence(&self.zoned(now)?, true).ok()?;
        let ends = began.timestamp().as_millisecond() + self.span;
        (now < ends).then_some(ends)
    }

    fn next(&self, now: Millis) -> Option<Millis> {
        let next = self.cron.find_next_occurrence(&self.zoned(now)?, false).ok()?;
        Some(next.timestamp().as_millisecond())
    }

    fn zoned(&self, now: Millis) -> Option<Zoned> {
        Some(Timestamp::from_millisecond(now).ok()?.to_zoned(self.zone.clone()))
    }
}

fn schedule(at: usize, spec: &WindowSpec) -> Result<Schedule, SpecError> {
    let wrong = |field: &str, problem: String| SpecError { field: format!("sync.windows[{at}].{field}"), problem };
    let cron = Cron::from_str(&spec.schedule).map_err(|error| {
        wrong("schedule", format!("\"{}\" is not a cron schedule ({error}): write minute, hour, day, month, weekday, as in \"0 22 * * MON-FRI\"", spec.schedule))
    })?;
    let zone = TimeZone::get(&spec.time_zone)
        .map_err(|_| wrong("timeZone", format!("\"{}\" is not a time zone: write an IANA name such as Europe/Berlin, or UTC", spec.time_zone)))?;
    let span = duration(&format!("sync.windows[{at}].duration"), &spec.duration, Duration::from_secs(60))?;
    if span > MAX_SPAN {
        return Err(wrong("duration", format!("\"{}\" is longer than a year", spec.duration)));
    }
    Ok(Schedule { spec: spec.clone(), cron, zone, span: span.as_millis() as Millis })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn window(kind: WindowKind, schedule: &str, duration: &str, zone: &str) -> WindowSpec {
        WindowSpec { kind, schedule: schedule.into(), duration: duration.into(), time_zone: zone.into() }
    }

    fn at(windows: &[WindowSpec], time: &str) -> String {
        let windows = Windows::resolve(windows).expect("they are right");
        match windows.at(time.parse::<Timestamp>().expect("a time").as_millisecond()) {
            Window::Open => "open".into(),
            Window::Closed { opens: None } => "never".into(),
            Window::Closed { opens: Some(at) } => Timestamp::from_millisecond(at).expect("in range").to_string(),
        }
    }

    #[test]
    fn nights_in_berlin_follow_the_clocks_there() {
        let nights = [window(WindowKind::Allow, "0 22 * * *", "8h", "Europe/Berlin")];
        assert_eq!(at(&nights, "2026-01-10T20:59:59Z"), "2026-01-10T21:00:00Z", "winter: UTC+1");
        assert_eq!(at(&nights, "2026-01-10T21:00:00Z"), "open", "its first moment belongs to it");
        assert_eq!(at(&nights, "2026-01-11T04:59:59Z"), "open");
        assert_eq!(at(&nights, "2026-01-11T05:00:00Z"), "2026-01-11T21:00:00Z", "its last one does not");
        assert_eq!(at(&nights, "2026-07-10T19:30:00Z"), "2026-07-10T20:00:00Z", "summer: UTC+2");
    }

    #[test]
    fn a_deny_window_goes_before_every_allow_window() {
        let both = [
            window(WindowKind::Allow, "0 * * * *", "30m", "UTC"),
            window(WindowKind::Deny, "0 0 * * SAT", "2d", "UTC"),
        ];
        assert_eq!(at(&both, "2026-01-09T12:10:00Z"), "open", "a Friday");
        assert_eq!(at(&both, "2026-01-09T12:40:00Z"), "2026-01-09T13:00:00Z");
        assert_eq!(at(&both, "2026-01-10T12:10:00Z"), "2026-01-12T00:00:00Z", "a Saturday");
        let freeze = [window(WindowKind::Deny, "0 0 20 12 *", "14d", "UTC")];
        assert_eq!(at(&freeze, "2026-12-19T23:59:00Z"), "open", "without an Allow window all other times are open");
        assert_eq!(at(&freeze, "2026-12-31T12:00:00Z"), "2027-01-03T00:00:00Z", "over the turn of the year");
        assert_eq!(at(&[], "2026-12-31T12:00:00Z"), "open");
    }

    #[test]
    fn overlapping_denials_are_waited_out_and_endless_ones_never_open() {
        let chain = [window(WindowKind::Deny, "0 8 * * *", "3h", "UTC"), window(WindowKind::Deny, "0 10 * * *", "3h", "UTC")];
        assert_eq!(at(&chain, "2026-03-01T09:00:00Z"), "2026-03-01T13:00:00Z");
        let always = [window(WindowKind::Deny, "* * * * *", "1h", "UTC")];
        assert_eq!(at(&always, "2026-03-01T09:00:00Z"), "never");
    }

    #[test]
    fn what_means_nothing_is_named() {
        let wrong = |w: WindowSpec| Windows::resolve(&[w]).expect_err("it is wrong").to_string();
        assert!(wrong(window(WindowKind::Allow, "every night", "1h", "UTC")).starts_with("spec.sync.windows[0].schedule: \"every night\" is not a cron schedule"));
        assert!(wrong(window(WindowKind::Allow, "0 1 * * *", "1h", "Mars/Olympus")).contains("timeZone: \"Mars/Olympus\" is not a time zone"));
        assert!(wrong(window(WindowKind::Allow, "0 1 * * *", "long", "UTC")).contains("sync.windows[0].duration"));
    }
}
