//! What templates may ask of this process: the clock and random bytes. No cluster, no names.

use crate::memory::Meter;
use crate::template::funcs::Host;
use crate::value::{Map, Value};
use rand::RngCore;
use std::sync::OnceLock;
use std::time::{SystemTime, UNIX_EPOCH};

/// The process's own clock and random bytes; `lookup` finds nothing, `getHostByName` neither.
pub struct LocalHost;

impl Host for LocalHost {
    fn now(&self) -> i128 {
        let since = SystemTime::now().duration_since(UNIX_EPOCH);
        since.map_or(0, |elapsed| elapsed.as_nanos() as i128)
    }

    fn zone(&self) -> String {
        jiff::tz::TimeZone::system().iana_name().unwrap_or("UTC").to_owned()
    }

    fn random(&self, buffer: &mut [u8]) {
        rand::thread_rng().fill_bytes(buffer);
    }

    fn lookup(&self, _: &str, _: &str, _: &str, _: &str) -> Result<Value, String> {
        Ok(Value::Map(Map::new()))
    }

    fn exhausted(&self) -> Option<String> {
        // A command renders what it renders, and ends.
        static SINCE: OnceLock<Meter> = OnceLock::new();
        SINCE.get_or_init(Meter::start).exceeded()
    }

    fn resolve(&self, _name: &str) -> String {
        String::new()
    }
}
