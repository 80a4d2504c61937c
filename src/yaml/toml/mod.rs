//! TOML as `github.com/BurntSushi/toml` v1.6.0 reads and writes it.

mod decode;
mod encode;
mod lex;
mod scalar;
mod table;

pub(super) use decode::decode;
pub(super) use encode::encode;
