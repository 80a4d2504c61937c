//! What templates may ask of this process: the clock and random bytes. No cluster, and names only where `--enable-dns` is given.

use crate::memory::Meter;
use crate::template::funcs::Host;
use crate::value::{Map, Value};
use rand::RngCore;
use std::sync::{OnceLock, atomic::{AtomicBool, Ordering}};
use std::time::{SystemTime, UNIX_EPOCH};

static NAMES: AtomicBool = AtomicBool::new(false);

/// `--enable-dns`: from now on `getHostByName` asks the resolver.
pub(super) fn look_names_up() {
    NAMES.store(true, Ordering::Relaxed);
}

/// The process's own clock and random bytes; `lookup` finds nothing, and `getHostByName` what `--enable-dns` allows.
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

    fn resolve(&self, name: &str) -> String {
        use std::net::ToSocketAddrs as _;
        if !NAMES.load(Ordering::Relaxed) {
            return String::new();
        }
        // Helm takes one of the addresses by chance.
        let address = (name, 0).to_socket_addrs().ok().and_then(|mut found| found.next());
        address.map_or_else(String::new, |address| address.ip().to_string())
    }
}
