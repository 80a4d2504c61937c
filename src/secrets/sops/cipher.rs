//! `ENC[AES256_GCM,data:…,iv:…,tag:…,type:…]` to its value (`aes/cipher.go`).

use crate::yaml::Ordered;
use aes_gcm::{
    AesGcm, KeyInit as _, Nonce,
    aead::{Aead as _, Payload, consts::{U12, U32}},
    aes::Aes256,
};
use base64::{Engine as _, engine::general_purpose::STANDARD};

/// Why a value does not come out; which of the reasons it is helps nobody but an attacker.
#[derive(Debug, PartialEq)]
pub(super) struct Refused;

/// What a comment decrypts to: it is nobody's value and in no MAC.
const COMMENT: Ordered = Ordered::Null;

/// Decrypts a value. An empty text stands for itself.
pub(super) fn decrypt(text: &str, key: &[u8], aad: &str) -> Result<Ordered, Refused> {
    if text.is_empty() {
        return Ok(Ordered::Text(String::new()));
    }
    let inner = text.strip_prefix("ENC[AES256_GCM,data:").and_then(|rest| rest.strip_suffix(']')).ok_or(Refused)?;
    let (data, rest) = inner.split_once(",iv:").ok_or(Refused)?;
    let (iv, rest) = rest.split_once(",tag:").ok_or(Refused)?;
    let (tag, kind) = rest.split_once(",type:").ok_or(Refused)?;
    let decode = |part: &str| STANDARD.decode(part).map_err(|_| Refused);
    let (mut data, iv, tag) = (decode(data)?, decode(iv)?, decode(tag)?);
    data.extend_from_slice(&tag);
    let payload = Payload { msg: &data, aad: aad.as_bytes() };
    let plain = match iv.len() {
        // sops's own; files by others that follow it may have the usual one.
        32 => AesGcm::<Aes256, U32>::new_from_slice(key).map_err(|_| Refused)?.decrypt(Nonce::from_slice(&iv), payload),
        12 => AesGcm::<Aes256, U12>::new_from_slice(key).map_err(|_| Refused)?.decrypt(Nonce::from_slice(&iv), payload),
        _ => return Err(Refused),
    };
    let plain = String::from_utf8(plain.map_err(|_| Refused)?);
    let plain = plain.map_err(|_| Refused)?;
    Ok(match kind {
        "str" | "bytes" => Ordered::Text(plain),
        "int" => Ordered::Int(plain.parse().map_err(|_| Refused)?),
        "float" => Ordered::Float(plain.parse().map_err(|_| Refused)?),
        "bool" => Ordered::Bool(match plain.as_str() {
            "1" | "t" | "T" | "TRUE" | "true" | "True" => true,
            "0" | "f" | "F" | "FALSE" | "false" | "False" => false,
            _ => return Err(Refused),
        }),
        "time" => Ordered::Time(plain),
        "comment" => COMMENT,
        _ => return Err(Refused),
    })
}
