//! What proves a request: keys, signatures compared in constant time, deliveries seen before.

use super::{Refused, Request};
use base64::{Engine as _, engine::general_purpose::STANDARD};
use hmac::{Hmac, Mac as _};
use sha2::{Digest as _, Sha256};
use std::{
    collections::{BTreeSet, VecDeque},
    fmt,
};

/// The keys that are accepted now: the present one, and the one before while it is being replaced.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Keys(Vec<Vec<u8>>);

impl fmt::Debug for Keys {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} keys", self.0.len())
    }
}

/// The least length of a key in bytes: one that can be guessed protects nothing.
pub const LEAST_KEY: usize = 16;

impl Keys {
    /// Keys, the present one first. Line ends at their ends are taken off: no sender can type them.
    pub fn new<'k>(keys: impl IntoIterator<Item = &'k [u8]>) -> Keys {
        let trim = |key: &[u8]| String::from_utf8_lossy(key).trim_end_matches(['\r', '\n']).as_bytes().to_vec();
        Keys(keys.into_iter().map(trim).filter(|key| !key.is_empty()).collect())
    }

    /// Each of them.
    pub fn iter(&self) -> impl Iterator<Item = &[u8]> {
        self.0.iter().map(Vec::as_slice)
    }

    /// Whether the present one is long enough.
    pub fn strong(&self) -> bool {
        self.0.first().is_some_and(|key| key.len() >= LEAST_KEY)
    }

    /// HMAC-SHA256 of the body in hexadecimal, in a header, with an optional `sha256=` before it.
    pub(super) fn hmac(&self, request: &Request<'_>, header: &str, name: &'static str) -> Result<(), Refused> {
        let given = request.header(header).filter(|value| !value.is_empty()).ok_or(Refused::Unproved(name))?;
        let given = given.strip_prefix("sha256=").unwrap_or(given);
        let given = data_encoding::HEXLOWER_PERMISSIVE.decode(given.as_bytes()).map_err(|_| Refused::Forged(name))?;
        let right = |key: &[u8]| signed(key, request.body).verify_slice(&given).is_ok();
        // Every key is tried, whichever fits: how long it takes tells nothing.
        let fits = self.iter().fold(false, |fits, key| right(key) | fits);
        if fits { Ok(()) } else { Err(Refused::Forged(name)) }
    }

    /// The key itself, in a header.
    pub(super) fn token(&self, request: &Request<'_>, header: &str, name: &'static str) -> Result<(), Refused> {
        let given = request.header(header).filter(|value| !value.is_empty()).ok_or(Refused::Unproved(name))?;
        let given = ["Bearer ", "bearer ", "Token "].iter().find_map(|scheme| given.strip_prefix(scheme)).unwrap_or(given);
        let fits = self.iter().fold(false, |fits, key| same(key, given.as_bytes()) | fits);
        if fits { Ok(()) } else { Err(Refused::Forged(name)) }
    }

    /// Standard Webhooks: HMAC-SHA256 over `id.timestamp.body`, in base64, with the time of sending signed too
    /// (<https://www.standardwebhooks.com>).
    pub(super) fn standard(&self, request: &Request<'_>) -> Result<(), Refused> {
        const NAME: &str = "the header webhook-signature";
        let header = |name: &str| request.header(name).ok_or(Refused::Unproved(NAME));
        let (id, time, given) = (header("webhook-id")?, header("webhook-timestamp")?, header("webhook-signature")?);
        let sent: i64 = time.parse().map_err(|_| Refused::Malformed("webhook-timestamp is not a number".into()))?;
        let age = request.now.saturating_sub(sent);
        if age.unsigned_abs() > MAX_AGE {
            return Err(Refused::Stale(age, MAX_AGE as i64));
        }
        let text = [id.as_bytes(), b".", time.as_bytes(), b".", request.body].concat();
        let given: Vec<Vec<u8>> = given.split(' ').take(MAX_SIGNATURES).filter_map(|one| STANDARD.decode(one.strip_prefix("v1,")?).ok()).collect();
        let right = |key: &[u8]| given.iter().fold(false, |fits, one| signed(key, &text).verify_slice(one).is_ok() | fits);
        let fits = self.iter().fold(false, |fits, key| {
            // A key is written as it is or, with this prefix, in base64.
            let decoded = key.strip_prefix(b"whsec_").and_then(|key| STANDARD.decode(key).ok());
            right(key) | decoded.is_some_and(|key| right(&key)) | fits
        });
        if fits { Ok(()) } else { Err(Refused::Forged(NAME)) }
    }
}

/// How far from now a signed time may be, in seconds.
const MAX_AGE: u64 = 300;
/// How many signatures one header may hold.
const MAX_SIGNATURES: usize = 8;

fn signed(key: &[u8], body: &[u8]) -> Hmac<Sha256> {
    let mut mac = <Hmac<Sha256> as hmac::Mac>::new_from_slice(key).expect("HMAC takes keys of any length");
    mac.update(body);
    mac
}

/// Compares two texts in a time that depends on neither: by their digests, all of them looked at.
pub fn same(one: &[u8], two: &[u8]) -> bool {
    let (one, two) = (Sha256::digest(one), Sha256::digest(two));
    one.iter().zip(two).fold(0, |different, (a, b)| different | (a ^ b)) == 0
}

/// The token in a Receiver's address: it tells nothing of the key that it comes from.
pub fn path_token(key: &[u8], namespace: &str, name: &str, driver: &str) -> String {
    let text = format!("windlass receiver\0{namespace}\0{name}\0{driver}");
    let bytes = signed(key, text.as_bytes()).finalize().into_bytes();
    data_encoding::HEXLOWER.encode(&bytes)
}

/// By which a token is looked up: a table of digests tells by its timing nothing of the tokens.
pub fn token_digest(token: &str) -> [u8; 32] {
    Sha256::digest(token.as_bytes()).into()
}

/// Deliveries seen lately, a bounded number of them.
#[derive(Debug, Default)]
pub struct Seen {
    known: BTreeSet<u64>,
    order: VecDeque<u64>,
}

/// How many deliveries of a Receiver are remembered.
const MAX_SEEN: usize = 4096;

impl Seen {
    /// It was not acted upon: the same delivery again is news.
    pub fn forget(&mut self, delivery: &str) {
        let short = Self::short(delivery);
        self.known.remove(&short);
        self.order.retain(|known| *known != short);
    }

    fn short(delivery: &str) -> u64 {
        let digest = Sha256::digest(delivery.as_bytes());
        u64::from_le_bytes(digest[..8].try_into().expect("a digest has more than eight bytes"))
    }

    /// Notes a delivery; false where it was seen before.
    pub fn first_time(&mut self, delivery: &str) -> bool {
        let short = Self::short(delivery);
        if !self.known.insert(short) {
            return false;
        }
        self.order.push_back(short);
        if self.order.len() > MAX_SEEN
            && let Some(oldest) = self.order.pop_front()
        {
            self.known.remove(&oldest);
        }
        true
    }
}
