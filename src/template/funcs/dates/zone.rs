//! Time zones: UTC, the host's own, those of the TZ database (bundled: an image without /usr/share/zoneinfo has them
//! too), and the fabricated ones of parsed dates.

use jiff::tz::{TimeZone, TimeZoneDatabase};
use std::rc::Rc;

/// A `*time.Location`.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Zone {
    /// `time.UTC`
    Utc,
    /// `time.Local`
    Local(TimeZone),
    /// From the TZ database.
    Named(TimeZone),
    /// `time.FixedZone(name, offset)`: seconds east of UTC.
    Fixed(Rc<str>, i64),
}

/// What holds in a zone at an instant.
pub(super) struct ZoneInfo {
    pub name: String,
    /// Seconds east of UTC.
    pub offset: i64,
    pub dst: bool,
}

/// A zone of the TZ database by its exact name.
fn load(name: &str) -> Option<TimeZone> {
    let zone = TimeZoneDatabase::bundled().get(name).ok()?;
    (zone.iana_name() == Some(name)).then_some(zone) // Go's look-up is a file's name: case matters
}

impl Zone {
    /// `time.Local`, given the host's zone name.
    pub fn local(name: &str) -> Zone {
        Zone::Local(load(name).unwrap_or(TimeZone::UTC))
    }

    /// `time.LoadLocation`, or UTC where that fails, as sprig does it.
    pub fn named(name: &str, local: &str) -> Zone {
        match name {
            "" | "UTC" => Zone::Utc,
            "Local" => Zone::local(local),
            name => load(name).map_or(Zone::Utc, Zone::Named),
        }
    }

    /// The location's own name.
    pub fn name(&self) -> String {
        match self {
            Zone::Utc => "UTC".into(),
            Zone::Local(_) => "Local".into(),
            Zone::Named(zone) => zone.iana_name().unwrap_or_default().into(),
            Zone::Fixed(name, _) => name.to_string(),
        }
    }

    /// What holds at these seconds since the epoch.
    pub fn at(&self, unix: i64) -> ZoneInfo {
        let utc = || ZoneInfo { name: "UTC".into(), offset: 0, dst: false };
        match self {
            Zone::Utc => utc(),
            Zone::Fixed(name, offset) => ZoneInfo { name: name.to_string(), offset: *offset, dst: false },
            Zone::Local(zone) | Zone::Named(zone) => {
                // Beyond the years that jiff covers, the first or last rule goes on.
                let clamped = unix.clamp(jiff::Timestamp::MIN.as_second() + 1, jiff::Timestamp::MAX.as_second() - 1);
                let Ok(instant) = jiff::Timestamp::from_second(clamped) else { return utc() };
                let info = zone.to_offset_info(instant);
                ZoneInfo {
                    name: info.abbreviation().into(),
                    offset: i64::from(info.offset().seconds()),
                    dst: info.dst().is_dst(),
                }
            }
        }
    }

    /// Go's `lookupName`: the offset that an abbreviation means at about this (zoneless) time.
    pub fn offset_of(&self, name: &str, unix: i64) -> Option<i64> {
        const HALF_YEAR: i64 = 182 * 86400;
        let candidates = [0, HALF_YEAR, -HALF_YEAR].map(|shift| self.at(unix.saturating_add(shift)));
        let mut known = candidates.iter().filter(|info| info.name == name).map(|info| info.offset);
        let first = known.clone().next();
        known.find(|offset| self.at(unix - offset).name == name).or(first)
    }

    /// The instant at which a clock in this zone shows these (zoneless) seconds, as `time.Date` finds it.
    pub fn to_unix(&self, wall: i64) -> i64 {
        match self.at(wall).offset {
            0 => wall,
            offset => wall - self.at(wall - offset).offset,
        }
    }
}
