//! Checksums (sprig 3.3 `crypto.go`): hexadecimal digests of a string.

use super::args::text;
use super::{FuncDef, FuncResult};
use crate::template::{GoType as T, Val};
use sha2::Digest as _;

#[rustfmt::skip] // a table: name, parameters, result and body on one line, the sentence on the next
pub(super) static FUNCS: &[FuncDef] = &[
    FuncDef::new("adler32sum", &[T::String], T::String, |_, a| Ok(Val::str(adler32(text(a, 0)).to_string())),
        "The Adler-32 checksum of a string, in decimal."),
    FuncDef::new("sha1sum", &[T::String], T::String, |_, a| hex(&sha1::Sha1::digest(text(a, 0))), "The SHA-1 digest of a string."),
    FuncDef::new("sha256sum", &[T::String], T::String, |_, a| hex(&sha2::Sha256::digest(text(a, 0))), "The SHA-256 digest of a string."),
    FuncDef::new("sha512sum", &[T::String], T::String, |_, a| hex(&sha2::Sha512::digest(text(a, 0))), "The SHA-512 digest of a string."),
];

fn hex(digest: &[u8]) -> FuncResult {
    Ok(Val::str(data_encoding::HEXLOWER.encode(digest)))
}

fn adler32(bytes: &[u8]) -> u32 {
    const PRIME: u32 = 65_521;
    /// So many bytes can be added before the sums must be reduced.
    const RUN: usize = 5_552;
    let (mut low, mut high) = (1_u32, 0_u32);
    for run in bytes.chunks(RUN) {
        for &byte in run {
            low += u32::from(byte);
            high += low;
        }
        low %= PRIME;
        high %= PRIME;
    }
    high << 16 | low
}
