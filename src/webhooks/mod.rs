//! Webhooks: from the headers and the body of a request to what they tell, proved. Pure: a driver per sender, one table.
//!
//! A webhook is never believed further than this: it says where to look. The branch is read at its repository and the tag at
//! its registry before anything happens, so that the worst that a forged call could do is a look too many.

mod bitbucket;
mod distribution;
mod dockerhub;
mod generic;
mod ghcr;
mod gitea;
mod github;
mod gitlab;
mod harbor;
mod names;
mod proof;
mod quay;
mod queue;
mod reference;
mod s3;
mod sns;

pub use generic::Mapping;
pub use names::{Address, Image};
pub use proof::{Keys, Seen, path_token, same, token_digest};
pub use reference::reference;
pub use queue::{MAX_EVENTS, Pending, Queue};
pub use sns::{Certificate, trusted_host};

use serde_json::Value;

/// A request, as far as a driver may look at it.
#[derive(Clone, Copy, Debug)]
pub struct Request<'a> {
    /// Names in lower case; the first of a name counts.
    pub headers: &'a [(String, String)],
    /// The body, byte for byte as it came: signatures are over these bytes.
    pub body: &'a [u8],
    /// Seconds since the epoch.
    pub now: i64,
}

impl<'a> Request<'a> {
    /// A header's value; its name in lower case.
    pub fn header(&self, name: &str) -> Option<&'a str> {
        self.headers.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str())
    }

    /// The body as JSON. A form with a field `payload`, as GitHub sends it by default, is opened first.
    fn json(&self) -> Result<Value, Refused> {
        let form = self.header("content-type").is_some_and(|kind| kind.starts_with("application/x-www-form-urlencoded"));
        let decoded = if form { names::form_field(self.body, "payload") } else { None };
        let bytes = decoded.as_deref().unwrap_or(self.body);
        serde_json::from_slice(bytes).map_err(|error| Refused::Malformed(format!("the body is not JSON: {error}")))
    }
}

/// What happened, as a sender tells it.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Event {
    /// A branch moved.
    Push {
        /// The repository, under each name that the sender gives it.
        repository: Vec<Address>,
        /// Without `refs/heads/`.
        branch: String,
    },
    /// An image (or a chart, which registries keep in the same way) was pushed.
    Image(Image),
    /// An object was written to a bucket.
    Object {
        /// The bucket.
        bucket: String,
        /// The object's key.
        key: String,
    },
}

/// What a proved request tells.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Told {
    /// What happened; nothing of interest where it is empty.
    pub events: Vec<Event>,
    /// The sender's own name for this delivery: the same one again tells nothing new.
    pub delivery: Option<String>,
    /// Why there are no events, for the answer.
    pub note: &'static str,
    /// An address that the sender wants to be asked for, to prove that this receiver exists (SNS).
    pub confirm: Option<String>,
}

impl Told {
    fn nothing(note: &'static str) -> Told {
        Told { note, ..Told::default() }
    }
}

/// Why a request is refused.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
pub enum Refused {
    /// The proof that the driver asks for is not there.
    #[error("{0} is missing: set the Receiver's token as the secret of the webhook at the sender")]
    Unproved(&'static str),
    /// The proof is wrong.
    #[error("{0} does not match the Receiver's token")]
    Forged(&'static str),
    /// It is too old to be believed.
    #[error("it was sent {0} s ago, and {1} s are allowed")]
    Stale(i64, i64),
    /// It is not what the driver reads.
    #[error("{0}")]
    Malformed(String),
    /// The certificate that signed it has to be fetched first.
    #[error("the certificate at {0} is needed to prove it")]
    NeedsCertificate(String),
}

/// What a Receiver brings beside its keys.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Settings {
    /// How `generic` reads a body.
    pub mapping: Option<Mapping>,
    /// The signing certificate that a request named (SNS), where it was fetched.
    pub certificate: Option<Certificate>,
}

type Prove = fn(&Request<'_>, &Keys, &Settings) -> Result<(), Refused>;
type Read = fn(&Request<'_>, &Settings) -> Result<Told, Refused>;

/// One sender.
pub struct Driver {
    /// As in the address and in `spec.driver`.
    pub name: &'static str,
    /// What people call the sender.
    pub title: &'static str,
    /// What proves a request, for people.
    pub proof: &'static str,
    /// How a request that was seen before is known, for people.
    pub replay: &'static str,
    /// What it tells, for people.
    pub tells: &'static str,
    /// What is set where at the sender, for people.
    pub setup: &'static str,
    /// Where the sender describes its payloads.
    pub source: &'static str,
    /// The largest body that is read, in bytes.
    pub max_body: usize,
    prove: Prove,
    read: Read,
}

/// Every driver: code, documentation and tests come from this table.
pub const DRIVERS: &[Driver] = &[
    github::DRIVER,
    ghcr::DRIVER,
    gitlab::DRIVER,
    gitea::DRIVER,
    bitbucket::DRIVER,
    dockerhub::DRIVER,
    distribution::DRIVER,
    harbor::DRIVER,
    quay::DRIVER,
    s3::DRIVER,
    generic::DRIVER,
];

/// The bound of most bodies: the largest push that GitHub describes whole is far below it.
const MAX_BODY: usize = 4 << 20;
/// How many events one request may tell; what comes after them is not read.
const MAX_TOLD: usize = 1000;

/// The driver of that name.
pub fn driver(name: &str) -> Option<&'static Driver> {
    DRIVERS.iter().find(|driver| driver.name == name)
}

impl Driver {
    /// From a request to what it tells, proved.
    ///
    /// # Errors
    /// It is not proved, or not what this sender sends.
    pub fn receive(&self, request: &Request<'_>, keys: &Keys, settings: &Settings) -> Result<Told, Refused> {
        (self.prove)(request, keys, settings)?;
        let mut told = (self.read)(request, settings)?;
        told.events.truncate(MAX_TOLD);
        told.events.sort();
        told.events.dedup();
        Ok(told)
    }
}

/// Protocols that sign nothing rest on the token in the address, which led here.
fn by_address(_: &Request<'_>, _: &Keys, _: &Settings) -> Result<(), Refused> {
    Ok(())
}

/// The text at a JSON pointer; empty where there is none.
fn text<'v>(value: &'v Value, pointer: &str) -> &'v str {
    value.pointer(pointer).and_then(Value::as_str).unwrap_or_default()
}

/// The list at a JSON pointer; empty where there is none.
fn list<'v>(value: &'v Value, pointer: &str) -> &'v [Value] {
    value.pointer(pointer).and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default()
}

/// A push as GitHub, GitLab and Gitea tell it: `ref`, and `after` of zeros where the branch was deleted.
fn push(body: &Value, addresses: &[&str]) -> Result<Told, Refused> {
    let name = text(body, "/ref");
    if name.is_empty() {
        return Err(Refused::Malformed("a push without \"ref\"".into()));
    }
    let Some(branch) = name.strip_prefix("refs/heads/") else { return Ok(Told::nothing("a tag, not a branch")) };
    let after = text(body, "/after");
    if body["deleted"] == true || (!after.is_empty() && after.bytes().all(|byte| byte == b'0')) {
        return Ok(Told::nothing("the branch was deleted"));
    }
    let repository = Address::all(addresses.iter().map(|pointer| text(body, pointer)));
    if repository.is_empty() {
        return Err(Refused::Malformed("a push that names no repository".into()));
    }
    Ok(Told { events: vec![Event::Push { repository, branch: branch.to_owned() }], ..Told::default() })
}

#[cfg(test)]
mod tests;
