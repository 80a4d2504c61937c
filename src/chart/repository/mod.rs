//! Chart repositories as Helm knows them, without the network: the index, which version is meant, digests of locks, addresses.

mod address;
mod index;
mod json;
mod lock;
mod pick;
mod revision;

pub use address::{OciReference, is_oci, masked, resolve, same_host, same_url};
pub use index::{Entry, Index};
pub use json::{Blob, manifest, metadata as metadata_json};
pub use lock::{hash, hash_v2, versions_equal};
pub use pick::{Wanted, best, tags};
pub use revision::Revision;
