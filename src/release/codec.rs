//! Helm's payload: base64 of gzip of JSON (`pkg/storage/driver/util.go`, the same in v3.22.0 and v4.3.1).

use super::Release;
use base64::{Engine, engine::general_purpose::STANDARD};
use flate2::{Compression, read::MultiGzDecoder, write::GzEncoder};
use std::io::{Read, Write};

/// How large a record may become when unpacked. A Secret's mebibyte could unpack to a thousand times that.
const MAX_JSON: u64 = 64 * 1024 * 1024;
/// How gzip data begins; helm takes records without it as plain JSON (they were stored before it learnt to compress).
const MAGIC: [u8; 3] = [0x1f, 0x8b, 0x08];

/// A payload that cannot be read.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the release record cannot be read: {0}")]
pub struct CodecError(pub String);

/// The payload: the value under `release` of the Secret's data (before the API's own base64).
pub fn encode(release: &Release) -> String {
    let mut packer = GzEncoder::new(Vec::new(), Compression::best());
    serde_json::to_writer(&mut packer, release).expect("a release has string keys only, and a Vec takes every write");
    packer.flush().expect("a Vec takes every write");
    STANDARD.encode(packer.finish().expect("a Vec takes every write"))
}

/// Reads a payload.
///
/// # Errors
/// It is no base64, no gzip, no release, or unpacks to more than any chart does.
pub fn decode(payload: &[u8]) -> Result<Release, CodecError> {
    // Go's decoder skips line breaks.
    let text: Vec<u8> = payload.iter().copied().filter(|byte| !matches!(byte, b'\n' | b'\r')).collect();
    let packed = STANDARD.decode(text).map_err(|error| CodecError(format!("its base64 is broken: {error}")))?;
    let json = if packed.len() > MAGIC.len() && packed.starts_with(&MAGIC) { unpack(&packed)? } else { packed };
    serde_json::from_slice(&json).map_err(|error| CodecError(format!("its JSON is not a release of helm's: {error}")))
}

fn unpack(packed: &[u8]) -> Result<Vec<u8>, CodecError> {
    let mut json = Vec::new();
    let mut reader = MultiGzDecoder::new(packed).take(MAX_JSON + 1);
    reader.read_to_end(&mut json).map_err(|error| CodecError(format!("its gzip data is broken: {error}")))?;
    if json.len() as u64 > MAX_JSON {
        return Err(CodecError(format!("it unpacks to more than {} MiB", MAX_JSON >> 20)));
    }
    Ok(json)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bomb_is_refused() {
        let mut packer = GzEncoder::new(Vec::new(), Compression::best());
        let blank = vec![b' '; 1 << 20];
        for _ in 0..=64 {
            packer.write_all(&blank).unwrap();
        }
        let payload = STANDARD.encode(packer.finish().unwrap());
        assert_eq!(decode(payload.as_bytes()).unwrap_err().to_string(), "the release record cannot be read: it unpacks to more than 64 MiB");
    }

    #[test]
    fn damage_is_named() {
        let text = |payload: &str| decode(payload.as_bytes()).unwrap_err().0;
        assert!(text("%%%").starts_with("its base64 is broken"));
        assert!(text(&STANDARD.encode([0x1f, 0x8b, 0x08, 0, 1])).starts_with("its gzip data is broken"));
        assert!(text(&STANDARD.encode("7")).starts_with("its JSON is not a release"));
    }

    #[test]
    fn records_from_before_compression_are_read() {
        let release = decode(STANDARD.encode(r#"{"name":"old","version":3}"#).as_bytes()).unwrap();
        assert_eq!((release.name.as_str(), release.version), ("old", 3));
    }
}
