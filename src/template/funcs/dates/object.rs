//! `time.Time` as templates see it: its methods, with their Go signatures.

use super::layout::MONTHS;
use super::time::{Civil, Time};
use super::zone::Zone;
use crate::template::{GoType as T, Object, Signature, Val};
use crate::value::Value;
use std::rc::Rc;

const TIME: T = T::Named("time.Time");
const LOCATION: T = T::Named("*time.Location");

/// A `time.Time`, and the name of the local zone for `Local`.
pub(super) struct TimeObject {
    pub time: Time,
    pub local: Rc<str>,
}

/// A `*time.Location`.
struct LocationObject(Zone);

/// The template value of a time.
pub(super) fn value(time: Time, local: &str) -> Val {
    Val::Object(Rc::new(TimeObject { time, local: local.into() }))
}

/// The time in a template value.
pub(super) fn time(value: &Val) -> Option<&Time> {
    match value {
        Val::Object(object) => object.as_any().downcast_ref::<TimeObject>().map(|object| &object.time),
        _ => None,
    }
}

/// The zones that TOML's dates without one get, and how TOML writes them (`internal/tz.go` and `encode.go` of BurntSushi/toml).
pub(super) const LOCALS: [(&str, &[u8]); 3] = [
    ("datetime-local", b"2006-01-02T15:04:05.999999999"),
    ("date-local", b"2006-01-02"),
    ("time-local", b"15:04:05.999999999"),
];

/// Parameters and result of each method that templates can call (those with one result, or a result and an error).
#[rustfmt::skip]
const METHODS: &[(&str, &[T], T)] = &[
    ("Add", &[T::Duration], TIME), ("AddDate", &[T::Int, T::Int, T::Int], TIME), ("After", &[TIME], T::Bool),
    ("Before", &[TIME], T::Bool), ("Compare", &[TIME], T::Int), ("Day", &[], T::Int), ("Equal", &[TIME], T::Bool),
    ("Format", &[T::String], T::String), ("Hour", &[], T::Int), ("In", &[LOCATION], TIME), ("IsDST", &[], T::Bool),
    ("IsZero", &[], T::Bool), ("Local", &[], TIME), ("Location", &[], LOCATION), ("MarshalJSON", &[], T::Bytes),
    ("MarshalText", &[], T::Bytes), ("Minute", &[], T::Int), ("Month", &[], T::Named("time.Month")), ("Nanosecond", &[], T::Int),
    ("Round", &[T::Duration], TIME), ("Second", &[], T::Int), ("String", &[], T::String), ("Sub", &[TIME], T::Duration),
    ("Truncate", &[T::Duration], TIME), ("UTC", &[], TIME), ("Unix", &[], T::Int64), ("UnixMicro", &[], T::Int64),
    ("UnixMilli", &[], T::Int64), ("UnixNano", &[], T::Int64), ("Weekday", &[], T::Named("time.Weekday")),
    ("Year", &[], T::Int), ("YearDay", &[], T::Int),
];

impl Object for TimeObject {
    fn type_name(&self) -> &'static str {
        "time.Time"
    }

    fn kind(&self) -> &'static str {
        "struct"
    }

    fn display(&self) -> String {
        self.time.text()
    }

    fn field(&self, _: &str) -> Option<Val> {
        None
    }

    fn signature(&self, name: &str) -> Option<Signature> {
        let (_, params, result) = METHODS.iter().find(|(own, ..)| *own == name)?;
        Some(Signature { params, variadic: false, result: *result })
    }

    fn call(&self, name: &str, args: &[Val]) -> Option<Result<Val, String>> {
        METHODS.iter().any(|(own, ..)| *own == name).then(|| self.method(name, args))
    }

    fn moment(&self) -> Option<(String, String)> {
        let toml = match &self.time.zone {
            // Go's encoder shows these in UTC.
            Zone::Fixed(name, _) => {
                LOCALS.iter().find(|(own, _)| **own == **name).map(|(_, layout)| self.time.within(Zone::Utc).format(layout))
            }
            _ => None,
        };
        let json = self.rfc3339();
        let toml = toml.map_or_else(|| json.clone(), |text| String::from_utf8_lossy(&text).into_owned());
        Some((json, toml))
    }

    /// `Time.GoString`
    fn go_syntax(&self) -> Option<String> {
        let civil = self.time.civil();
        let month = match usize::try_from(civil.month - 1).ok().and_then(|place| MONTHS.get(place)) {
            Some(name) => format!("time.{name}"),
            None => civil.month.to_string(),
        };
        let zone = match &self.time.zone {
            Zone::Utc => "time.UTC".to_owned(),
            Zone::Local(_) => "time.Local".to_owned(),
            zone => format!("time.Location({})", super::parse::quote(zone.name().as_bytes())),
        };
        let Civil { year, day, hour, minute, second, .. } = civil;
        Some(format!("time.Date({year}, {month}, {day}, {hour}, {minute}, {second}, {}, {zone})", self.time.nanos))
    }

    fn to_value(&self) -> Value {
        Value::from(self.rfc3339())
    }

    fn as_any(&self) -> &dyn std::any::Any {
        self
    }
}

impl TimeObject {
    fn rfc3339(&self) -> String {
        String::from_utf8_lossy(&self.time.format(b"2006-01-02T15:04:05.999999999Z07:00")).into_owned()
    }

    /// A flat match.
    fn method(&self, name: &str, args: &[Val]) -> Result<Val, String> {
        let own = &self.time;
        let instant = |time: &Time| (time.unix, time.nanos);
        let other = || args.first().and_then(time).cloned().unwrap_or_else(Time::zero);
        let number = |at: usize| match args.get(at) {
            Some(Val::Int(number, _)) => *number,
            _ => 0,
        };
        let wrap = |time: Time| value(time, &self.local);
        let civil = own.civil();
        let nanos_of = |unit: i64| own.unix.wrapping_mul(unit).wrapping_add(own.nanos / (1_000_000_000 / unit));
        Ok(match name {
            "Add" => wrap(own.plus(number(0))),
            "AddDate" => wrap(own.plus_date(number(0), number(1), number(2))),
            "After" => Val::Bool(instant(own) > instant(&other())),
            "Before" => Val::Bool(instant(own) < instant(&other())),
            "Equal" => Val::Bool(instant(own) == instant(&other())),
            "Compare" => Val::int(instant(own).cmp(&instant(&other())) as i64),
            "Sub" => Val::Int(own.minus(&other()), T::Duration),
            "Format" => Val::str(own.format(match args.first() {
                Some(Val::Str(layout)) => layout,
                _ => b"",
            })),
            "In" => wrap(own.within(location(args).ok_or("time: missing Location in call to Time.In")?)),
            "Local" => wrap(own.within(Zone::local(&self.local))),
            "UTC" => wrap(own.within(Zone::Utc)),
            "Location" => Val::Object(Rc::new(LocationObject(own.zone.clone()))),
            "IsDST" => Val::Bool(own.zone.at(own.unix).dst),
            "IsZero" => Val::Bool(own.is_zero()),
            "MarshalJSON" => Val::Bytes(format!("\"{}\"", self.rfc3339()).into_bytes().into()),
            "MarshalText" => Val::Bytes(self.rfc3339().into_bytes().into()),
            "String" => Val::str(own.text()),
            "Round" | "Truncate" => wrap(self.rounded(number(0), name == "Round")),
            "Unix" => Val::int64(own.unix),
            "UnixMilli" => Val::int64(nanos_of(1_000)),
            "UnixMicro" => Val::int64(nanos_of(1_000_000)),
            "UnixNano" => Val::int64(nanos_of(1_000_000_000)),
            "Year" => Val::int(civil.year),
            "Month" => Val::Int(civil.month, T::Named("time.Month")),
            "Day" => Val::int(civil.day),
            "Weekday" => Val::Int(own.weekday(), T::Named("time.Weekday")),
            "YearDay" => Val::int(own.year_day()),
            "Hour" => Val::int(civil.hour),
            "Minute" => Val::int(civil.minute),
            "Second" => Val::int(civil.second),
            "Nanosecond" => Val::int(own.nanos),
            _ => return Err(format!("time.Time has no method {name}")),
        })
    }

    /// `Round` and `Truncate`: to a multiple of the duration since the zero time; both drop the monotonic reading.
    fn rounded(&self, unit: i64, nearest: bool) -> Time {
        let plain = Time { monotonic: None, ..self.time.clone() };
        if unit <= 0 {
            return plain;
        }
        let rest = plain.remainder(unit);
        match nearest && rest.unsigned_abs() * 2 >= unit.unsigned_abs() {
            true => plain.plus(unit - rest),
            false => plain.plus(-rest),
        }
    }
}

fn location(args: &[Val]) -> Option<Zone> {
    match args.first()? {
        Val::Object(object) => object.as_any().downcast_ref::<LocationObject>().map(|location| location.0.clone()),
        _ => None,
    }
}

impl Object for LocationObject {
    fn type_name(&self) -> &'static str {
        "*time.Location"
    }

    fn kind(&self) -> &'static str {
        "ptr"
    }

    fn display(&self) -> String {
        self.0.name()
    }

    fn field(&self, _: &str) -> Option<Val> {
        None
    }

    fn call(&self, name: &str, _: &[Val]) -> Option<Result<Val, String>> {
        (name == "String").then(|| Ok(Val::str(self.0.name())))
    }

    fn to_value(&self) -> Value {
        Value::Map(crate::value::Map::new())
    }

    fn as_any(&self) -> &dyn std::any::Any {
        self
    }
}
