//! What templates may ask of the world, answered by the machine.

use super::blocking::Turn;
use crate::{
    cluster::{ApiError, Cluster},
    decide::{Class, Failure},
    memory::Meter,
    object::Gvk,
    secrets::Redactor,
    template::funcs::Host,
    value::Value,
};
use serde_json::json;
use std::{cell::RefCell, rc::Rc};

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

/// Clock and randomness of the machine; `lookup` asks the cluster, as helm's does on install and upgrade. The network is not
/// asked.
pub struct ClusterHost {
    system: SystemHost,
    cluster: Cluster,
    /// Given back while the API server is waited for: a slow one keeps no other chart from being rendered.
    turn: Turn,
    /// The last question that the API server did not answer or refused: rendering failed for that, not for the chart.
    trouble: RefCell<Option<ApiError>>,
    /// Knows what the Secrets hold that were looked up.
    secrets: RefCell<Redactor>,
}

impl ClusterHost {
    /// A host for one rendering, in its turn to compute.
    pub fn new(cluster: Cluster, turn: Turn) -> Rc<ClusterHost> {
        Rc::new(ClusterHost { system: SystemHost::start(), cluster, turn, trouble: RefCell::default(), secrets: RefCell::default() })
    }

    /// Knows what templates were given of Secrets: where they put it is theirs, and it is shown nowhere.
    pub fn secrets(&self) -> Redactor {
        self.secrets.borrow().clone()
    }

    fn learn(&self, object: &serde_json::Value) {
        // What a list holds says not of each what it is.
        let secret = |object: &serde_json::Value| json!({ "apiVersion": "v1", "kind": "Secret", "data": object["data"] });
        let all: Vec<serde_json::Value> = match object["items"].as_array() {
            Some(items) => items.iter().map(secret).collect(),
            None => vec![secret(object)],
        };
        let known = self.secrets.take();
        self.secrets.replace(known.and(&Redactor::of_json(&all)));
    }

    /// The failure of a rendering, of the class that fits its cause: a server that cannot be asked, or a missing right, is not
    /// the chart's fault and passes.
    pub fn failure(&self, message: String) -> Failure {
        let class = self.trouble.borrow().as_ref().map(ApiError::class).filter(|class| matches!(class, Class::Transient | Class::Denied));
        match class {
            Some(Class::Denied) => {
                let hint = "; grant the agent's ServiceAccount that verb by a Role or ClusterRole";
                Failure::new(Class::Denied, "LookupForbidden", format!("{message}{hint}"))
            }
            Some(class) => Failure::new(class, "LookupFailed", message),
            None => Failure::new(Class::Config, "RenderFailed", message),
        }
    }
}

impl Host for ClusterHost {
    fn now(&self) -> i128 {
        self.system.now()
    }

    fn zone(&self) -> String {
        self.system.zone()
    }

    fn random(&self, buffer: &mut [u8]) {
        self.system.random(buffer);
    }

    /// As `newLookupFunction` in helm's `pkg/engine/lookup_func.go`: what does not exist is an empty map, an unknown kind is an
    /// error, and so is what the server refuses, in its own words.
    fn lookup(&self, api_version: &str, kind: &str, namespace: &str, name: &str) -> Result<Value, String> {
        let gvk = Gvk::new(api_version, kind);
        let found = self.turn.pause(self.cluster.look_up(&gvk, namespace, name));
        match found {
            Ok(Some(object)) => {
                if gvk.is("", "Secret") {
                    self.learn(&object);
                }
                Ok(crate::object::to_datum(&object))
            }
            Ok(None) => Ok(Value::Map(Default::default())),
            Err(error) => {
                let text = match error.reason.as_str() {
                    "NoKindMatch" => {
                        let kind = format!("{}/{}, Kind={}", gvk.group, gvk.version, gvk.kind);
                        format!("unable to get apiresource from unstructured: {kind}: the server could not find the requested resource")
                    }
                    _ => error.message.clone(),
                };
                self.trouble.replace(Some(error));
                Err(text)
            }
        }
    }

    fn exhausted(&self) -> Option<String> {
        self.system.exhausted()
    }

    fn resolve(&self, _: &str) -> String {
        String::new()
    }
}
