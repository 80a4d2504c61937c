//! JSON as Go's `encoding/json` (v1) reads and writes it.

mod decode;
mod encode;

pub(super) use decode::{decode, well_formed};
pub use encode::Form;
pub(super) use encode::encode;
