//! Go's `netip.ParseAddr`, for the error texts of hosts in brackets.

use crate::template::quote::quote;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

struct Failure<'a> {
    message: &'static str,
    at: &'a [u8],
}

fn failed<'a>(message: &'static str, at: &'a [u8]) -> Failure<'a> {
    Failure { message, at }
}

/// The address; a zone is checked for and dropped. The error is Go's text.
pub(super) fn parse(text: &[u8]) -> Result<IpAddr, String> {
    let parsed = match text.iter().find(|byte| matches!(byte, b'.' | b':' | b'%')) {
        Some(b'.') => parse_v4(text).map(|fields| IpAddr::V4(Ipv4Addr::from(fields))),
        Some(b':') => parse_v6(text).map(|groups| IpAddr::V6(Ipv6Addr::from(groups))),
        Some(_) => Err(failed("missing IPv6 address", b"")),
        None => Err(failed("unable to parse IP", b"")),
    };
    parsed.map_err(|Failure { message, at }| match at.is_empty() {
        true => format!("ParseAddr({}): {message}", quote(text)),
        false => format!("ParseAddr({}): {message} (at {})", quote(text), quote(at)),
    })
}

fn parse_v4(text: &[u8]) -> Result<[u8; 4], Failure<'_>> {
    let (mut fields, mut field, mut value, mut digits) = ([0; 4], 0, 0u16, 0);
    for (place, byte) in text.iter().enumerate() {
        match byte {
            b'0'..=b'9' => {
                if digits == 1 && value == 0 {
                    return Err(failed("IPv4 field has octet with leading zero", b""));
                }
                value = value * 10 + u16::from(byte - b'0');
                digits += 1;
                if value > 255 {
                    return Err(failed("IPv4 field has value >255", b""));
                }
            }
            b'.' => {
                if place == 0 || place == text.len() - 1 || text[place - 1] == b'.' {
                    return Err(failed("IPv4 field must have at least one digit", &text[place..]));
                }
                if field == 3 {
                    return Err(failed("IPv4 address too long", b""));
                }
                fields[field] = value as u8;
                (field, value, digits) = (field + 1, 0, 0);
            }
            _ => return Err(failed("unexpected character", &text[place..])),
        }
    }
    if field < 3 {
        return Err(failed("IPv4 address too short", b""));
    }
    fields[3] = value as u8;
    Ok(fields)
}

fn parse_v6(text: &[u8]) -> Result<[u8; 16], Failure<'_>> {
    let mut rest = text;
    if let Some(zone) = text.iter().position(|byte| *byte == b'%') {
        rest = &text[..zone];
        if zone + 1 == text.len() {
            return Err(failed("zone must be a non-empty string", b""));
        }
    }
    let (mut address, mut filled, mut ellipsis) = ([0u8; 16], 0, None);
    if let Some(tail) = rest.strip_prefix(b"::") {
        (rest, ellipsis) = (tail, Some(0));
        if rest.is_empty() {
            return Ok(address);
        }
    }
    while filled < 16 {
        let digits = rest.iter().take_while(|byte| byte.is_ascii_hexdigit()).count();
        match digits {
            0 => return Err(failed("each colon-separated field must have at least one digit", rest)),
            1..=4 => {}
            _ => return Err(failed("each group must have 4 or less digits", rest)),
        }
        if rest.get(digits) == Some(&b'.') {
            if ellipsis.is_none() && filled != 12 {
                return Err(failed("embedded IPv4 address must replace the final 2 fields of the address", rest));
            }
            if filled + 4 > 16 {
                let message = "too many hex fields to fit an embedded IPv4 at the end of the address";
                return Err(failed(message, rest));
            }
            address[filled..filled + 4].copy_from_slice(&parse_v4(rest)?);
            (rest, filled) = (b"", filled + 4);
            break;
        }
        let group = rest[..digits].iter().fold(0u16, |group, byte| {
            group << 4 | char::from(*byte).to_digit(16).unwrap_or(0) as u16
        });
        address[filled..filled + 2].copy_from_slice(&group.to_be_bytes());
        filled += 2;
        rest = &rest[digits..];
        match rest {
            [] => break,
            [b':'] => return Err(failed("colon must be followed by more characters", rest)),
            [b':', b':', ..] if ellipsis.is_some() => return Err(failed("multiple :: in address", &rest[1..])),
            [b':', b':', tail @ ..] => (rest, ellipsis) = (tail, Some(filled)),
            [b':', tail @ ..] => rest = tail,
            _ => return Err(failed("unexpected character, want colon", rest)),
        }
        if rest.is_empty() {
            break;
        }
    }
    if !rest.is_empty() {
        return Err(failed("trailing garbage after address", rest));
    }
    match (filled < 16, ellipsis) {
        (true, None) => return Err(failed("address string too short", b"")),
        (true, Some(at)) => {
            address.copy_within(at..filled, at + 16 - filled);
            address[at..at + 16 - filled].fill(0);
        }
        (false, Some(_)) => return Err(failed("the :: must expand to at least one field of zeros", b"")),
        (false, None) => {}
    }
    Ok(address)
}
