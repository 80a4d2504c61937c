//! Reads that do not go back in time: an answer older than what this agent wrote or read before is asked for again.
//!
//! A read without a resource version is answered by kube-apiserver from etcd's newest state. Behind a balancer, a cache or a
//! restored member it may be older all the same, and what an agent does by such an answer undoes its own work. Versions of one
//! API server rise, so that it can be told; an answer that stays old is another truth (a restored backup), and believed.

use super::ApiError;
use serde_json::Value;
use std::{
    collections::{HashMap, HashSet},
    hash::{DefaultHasher, Hash as _, Hasher as _},
    sync::Mutex,
};

/// How often an old answer is asked for again before it is believed.
pub(super) const MAX_RETRIES: u32 = 2;
/// How many paths are remembered: over that all are forgotten, which costs the protection only.
const MAX_PATHS: usize = 100_000;

/// What is known of paths: of objects, and of the collections that they are in.
#[derive(Default)]
pub(super) struct Newest {
    known: Mutex<HashMap<u64, Known>>,
    /// Paths with a write of which no answer came: whether it took effect, one reading does not tell.
    doubtful: Mutex<HashSet<u64>>,
}

#[derive(Clone, Copy)]
struct Known {
    version: u64,
    /// Whether something is there; an object that was deleted shows with `deletionTimestamp` for a while.
    there: bool,
}

impl Newest {
    /// An object was written at this path (a query does not matter): this came back.
    pub(super) fn wrote(&self, path: &str, object: &Value) {
        let Some(version) = version(object) else { return };
        self.rise(path, version, true);
        if let Some((collection, _)) = bare(path).rsplit_once('/') {
            self.rise(collection, version, true);
        }
    }

    /// The object at this path was deleted: this came back, the object or a mere status.
    pub(super) fn deleted(&self, path: &str, answer: &Value) {
        let mut known = self.known.lock().expect("no panic while held");
        let before = known.get(&key(path)).map(|known| known.version);
        if let Some(version) = version(answer).max(before) {
            known.insert(key(path), Known { version, there: false });
        }
    }

    /// A write at this path was sent, and no answer came.
    pub(super) fn doubt(&self, path: &str) {
        let mut doubtful = self.doubtful.lock().expect("no panic while held");
        if doubtful.len() < MAX_PATHS {
            doubtful.insert(key(path));
        }
    }

    /// Whether a read of this path was answered with something older than is known, or may have been.
    pub(super) fn is_old(&self, path: &str, answer: &Result<Value, ApiError>) -> bool {
        let told = answer.as_ref().map_or_else(ApiError::is_not_found, |_| true);
        if told && self.doubtful.lock().expect("no panic while held").remove(&key(path)) {
            // The second reading is not to be older than the first one.
            if let Some(version) = answer.as_ref().ok().and_then(version) {
                self.rise(path, version, true);
            }
            return true;
        }
        let Some(known) = self.known.lock().expect("no panic while held").get(&key(path)).copied() else { return false };
        match answer {
            Ok(object) if known.there => version(object).is_some_and(|version| version < known.version),
            Ok(object) => {
                object["metadata"]["deletionTimestamp"].is_null() && version(object).is_some_and(|version| version <= known.version)
            }
            Err(error) => known.there && error.is_not_found(),
        }
    }

    /// What a read of this path was answered with is taken for true.
    pub(super) fn believe(&self, path: &str, answer: &Result<Value, ApiError>) {
        let mut known = self.known.lock().expect("no panic while held");
        match answer {
            Err(error) if error.is_not_found() => drop(known.remove(&key(path))),
            Err(_) => {}
            Ok(object) => {
                if let Some(version) = version(object) {
                    make_room(&mut known);
                    known.insert(key(path), Known { version, there: true });
                }
            }
        }
    }

    fn rise(&self, path: &str, version: u64, there: bool) {
        let mut known = self.known.lock().expect("no panic while held");
        make_room(&mut known);
        let entry = known.entry(key(path)).or_insert(Known { version, there });
        *entry = Known { version: entry.version.max(version), there };
    }
}

fn make_room(known: &mut HashMap<u64, Known>) {
    if known.len() >= MAX_PATHS {
        known.clear();
    }
}

/// The path without its query and without the subresource that the agent writes.
fn bare(path: &str) -> &str {
    let path = path.split('?').next().unwrap_or_default();
    path.strip_suffix("/status").unwrap_or(path)
}

fn key(path: &str) -> u64 {
    let mut hasher = DefaultHasher::new();
    bare(path).hash(&mut hasher);
    hasher.finish()
}

/// `metadata.resourceVersion` of an object or a list, where it is a number, as kube-apiserver's are.
fn version(object: &Value) -> Option<u64> {
    object["metadata"]["resourceVersion"].as_str()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    const POD: &str = "/api/v1/namespaces/shop/pods/web";
    const PODS: &str = "/api/v1/namespaces/shop/pods";

    fn at(version: u32) -> Value {
        json!({"metadata": {"resourceVersion": version.to_string()}})
    }

    fn missing() -> Result<Value, ApiError> {
        Err(ApiError::answer(404, None, br#"{"reason":"NotFound"}"#))
    }

    #[test]
    fn what_was_written_is_not_read_as_it_was_before() {
        let newest = Newest::default();
        assert!(!newest.is_old(POD, &Ok(at(1))), "nothing is known");
        newest.wrote(&format!("{POD}?fieldManager=windlass"), &at(7));
        assert!(newest.is_old(POD, &Ok(at(6))) && newest.is_old(POD, &missing()));
        assert!(!newest.is_old(POD, &Ok(at(7))) && !newest.is_old(POD, &Ok(at(8))));
        assert!(newest.is_old(&format!("{PODS}?labelSelector=a"), &Ok(at(6))), "a list from before the write");
        assert!(!newest.is_old(PODS, &Ok(at(7))));
        newest.wrote(&format!("{POD}/status?fieldManager=windlass"), &at(9));
        assert!(newest.is_old(POD, &Ok(at(8))), "its status is a part of it");
    }

    #[test]
    fn what_was_deleted_does_not_come_back_but_may_take_its_time() {
        let newest = Newest::default();
        newest.wrote(POD, &at(7));
        newest.deleted(POD, &json!({"kind": "Status"}));
        assert!(newest.is_old(POD, &Ok(at(7))) && !newest.is_old(POD, &missing()));
        assert!(!newest.is_old(POD, &Ok(at(8))), "somebody made it anew");
        let going = json!({"metadata": {"resourceVersion": "7", "deletionTimestamp": "2026-01-01T00:00:00Z"}});
        assert!(!newest.is_old(POD, &Ok(going)));
    }

    #[test]
    fn after_a_write_without_an_answer_one_reading_is_not_enough() {
        let newest = Newest::default();
        newest.doubt(&format!("{POD}?fieldManager=windlass"));
        assert!(!newest.is_old(PODS, &Ok(at(3))));
        assert!(!newest.is_old(POD, &Err(ApiError::unreachable("gone".into()))), "no reading");
        assert!(newest.is_old(POD, &missing()), "it may be older than the write");
        assert!(!newest.is_old(POD, &missing()), "twice is believed");
        newest.doubt(POD);
        assert!(newest.is_old(POD, &Ok(at(9))) && newest.is_old(POD, &Ok(at(8))), "the second is older than the first");
        assert!(!newest.is_old(POD, &Ok(at(9))));
    }

    #[test]
    fn an_answer_that_stays_old_is_believed() {
        let newest = Newest::default();
        newest.wrote(POD, &at(7));
        newest.believe(POD, &Ok(at(3)));
        assert!(!newest.is_old(POD, &Ok(at(3))), "a backup was restored");
        newest.believe(POD, &missing());
        assert!(!newest.is_old(POD, &missing()), "somebody deleted it");
    }
}
