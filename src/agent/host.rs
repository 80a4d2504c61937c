//! What templates may ask of the world, answered by the machine.

use crate::{memory::Meter, template::funcs::Host, value::Value};

/// Clock and randomness of the machine; the cluster and the network are not asked. What is rendered may hold so much memory
/// from when this was made, on this thread.
pub struct SystemHost(Meter);

impl SystemHost {
    /// Measures from now on.
    pub fn start() -> Self {
        SystemHost(Meter::start())
    }
}

impl Host for SystemHost {
    fn now(&self) -> i128 {
        jiff::Timestamp::now().as_nanosecond()
    }

    fn zone(&self) -> String {
        jiff::tz::TimeZone::system().iana_name().unwrap_or("UTC").to_owned()
    }

    fn random(&self, buffer: &mut [u8]) {
        rand::RngCore::fill_bytes(&mut rand::rngs::OsRng, buffer);
    }

    fn lookup(&self, _: &str, _: &str, _: &str, _: &str) -> Result<Value, String> {
        Ok(Value::Map(Default::default()))
    }

    fn exhausted(&self) -> Option<String> {
        self.0.exceeded()
    }

    fn resolve(&self, _: &str) -> String {
        String::new()
    }
}
