//! Images: which tags a registry has, which of them a policy picks, and what an image says of itself.
//!
//! The policies and the commit's message are pure; the registry client is an edge.

mod auth;
mod message;
pub mod policy;
mod registry;

pub use auth::Credentials;
pub use message::{Update, message};
pub use policy::{Order, Policy, Tag};
pub use registry::{Details, Missing, Options, Referrer, Registries, RegistryError, use_ring};
