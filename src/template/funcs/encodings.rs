//! Base64 and base32, with Go's error texts as results: sprig gives the text of the error, not the error.

use super::args::text;
use super::{FuncDef, FuncResult, Host};
use crate::template::{GoType as T, Val};

#[rustfmt::skip] // a table: name, parameters, result and body on one line, the sentence on the next
pub(super) static FUNCS: &[FuncDef] = &[
    FuncDef::new("b32dec", &[T::String], T::String, b32dec, "The string that the base32 text stands for, or an error's text."),
    FuncDef::new("b32enc", &[T::String], T::String, |_, a| Ok(Val::str(data_encoding::BASE32.encode(text(a, 0)))),
        "The string in base32."),
    FuncDef::new("b64dec", &[T::String], T::String, b64dec, "The string that the base64 text stands for, or an error's text."),
    FuncDef::new("b64enc", &[T::String], T::String, |_, a| Ok(Val::str(data_encoding::BASE64.encode(text(a, 0)))),
        "The string in base64."),
];

fn b64dec(_: &dyn Host, args: &[Val]) -> FuncResult {
    Ok(match decode_base64(text(args, 0)) {
        Ok(bytes) => Val::str(bytes),
        Err(place) => Val::str(format!("illegal base64 data at input byte {place}")),
    })
}

fn b32dec(_: &dyn Host, args: &[Val]) -> FuncResult {
    Ok(match decode_base32(text(args, 0)) {
        Ok(bytes) => Val::str(bytes),
        Err(place) => Val::str(format!("illegal base32 data at input byte {place}")),
    })
}

fn sextet(byte: u8) -> Option<u32> {
    Some(u32::from(match byte {
        b'A'..=b'Z' => byte - b'A',
        b'a'..=b'z' => byte - b'a' + 26,
        b'0'..=b'9' => byte - b'0' + 52,
        b'+' => 62,
        b'/' => 63,
        _ => return None,
    }))
}

/// `base64.StdEncoding.DecodeString`: line ends are skipped, loose last bits are allowed. The error is the place of the
/// byte that Go names.
pub(super) fn decode_base64(text: &[u8]) -> Result<Vec<u8>, usize> {
    let skip = |mut place: usize| {
        while matches!(text.get(place), Some(b'\n' | b'\r')) {
            place += 1;
        }
        place
    };
    let (mut out, mut place) = (Vec::with_capacity(text.len() / 4 * 3), 0);
    loop {
        let (mut bits, mut digits) = (0u32, 0usize);
        while digits < 4 {
            let Some(&byte) = text.get(place) else {
                return if digits == 0 { Ok(out) } else { Err(place - digits) };
            };
            place += 1;
            if let Some(value) = sextet(byte) {
                bits = bits << 6 | value;
                digits += 1;
                continue;
            }
            match byte {
                b'\n' | b'\r' => continue,
                b'=' if digits >= 2 => {}
                _ => return Err(place - 1),
            }
            if digits == 2 {
                place = skip(place);
                match text.get(place) {
                    None => return Err(text.len()),
                    Some(b'=') => place += 1,
                    Some(_) => return Err(place - 1),
                }
            }
            place = skip(place);
            if place < text.len() {
                return Err(place);
            }
            bits <<= 6 * (4 - digits);
            out.extend_from_slice(&bits.to_be_bytes()[1..digits]);
            return Ok(out);
        }
        out.extend_from_slice(&bits.to_be_bytes()[1..]);
    }
}

/// `base32.StdEncoding.DecodeString`; places are counted without line ends.
fn decode_base32(text: &[u8]) -> Result<Vec<u8>, usize> {
    let text: Vec<u8> = text.iter().copied().filter(|byte| !matches!(byte, b'\n' | b'\r')).collect();
    let (mut out, mut place, length) = (Vec::new(), 0, text.len());
    let mut end = false;
    while place < length && !end {
        let (mut bits, mut digits) = (0u64, 0usize);
        while digits < 8 {
            let Some(&byte) = text.get(place) else { return Err(length - digits) };
            place += 1;
            let left = length - place;
            if byte == b'=' && digits >= 2 && left < 8 {
                if left + digits < 7 {
                    return Err(length);
                }
                // each of the paddings that must follow
                if let Some(wrong) = (0..7 - digits).find(|k| *k < left && text[place + k] != b'=') {
                    return Err((place + wrong).saturating_sub(1));
                }
                if matches!(digits, 3 | 6) {
                    return Err(place - 1);
                }
                end = true;
                break;
            }
            let value = match byte {
                b'A'..=b'Z' => byte - b'A',
                b'2'..=b'7' => byte - b'2' + 26,
                _ => return Err(place - 1),
            };
            bits = bits << 5 | u64::from(value);
            digits += 1;
        }
        bits <<= 5 * (8 - digits);
        out.extend_from_slice(&bits.to_be_bytes()[3..3 + digits * 5 / 8]);
    }
    Ok(out)
}
