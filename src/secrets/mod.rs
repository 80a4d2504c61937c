//! Files that sops encrypted, opened in memory: values and files of a chart never touch a disk in plain.
//!
//! [`sops`] reads the four formats and proves the file's MAC; [`keys`] holds what can unwrap a data key: age identities (native
//! and ssh) and PGP secret keys, behind one trait; [`redact`] takes secrets out of sentences again.

pub mod keys;
pub mod redact;
pub mod sops;

pub use keys::{KeyError, Keys};
pub use redact::Redactor;
pub use sops::{Opened, SopsError, is_encrypted, open};
