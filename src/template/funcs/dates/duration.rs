//! Go's `time.Duration`: nanoseconds, their text and its parser (Go 1.26 `time/format.go`, `time/time.go`).

use super::parse::quote;

/// `ParseDuration`: nanoseconds.
pub(crate) fn parse(original: &[u8]) -> Result<i64, String> {
    let invalid = || format!("time: invalid duration {}", quote(original));
    let (negative, mut text) = match original {
        [b'-', rest @ ..] => (true, rest),
        [b'+', rest @ ..] => (false, rest),
        rest => (false, rest),
    };
    if text == b"0" {
        return Ok(0);
    }
    if text.is_empty() {
        return Err(invalid());
    }
    let mut total: u64 = 0;
    while !text.is_empty() {
        let whole_digits = digits(text);
        let whole = leading_integer(&text[..whole_digits]).ok_or_else(invalid)?;
        text = &text[whole_digits..];
        let (mut fraction, mut scale, mut fraction_digits) = (0, 1.0, 0);
        if let Some(rest) = text.strip_prefix(b".") {
            fraction_digits = digits(rest);
            (fraction, scale) = leading_fraction(&rest[..fraction_digits]);
            text = &rest[fraction_digits..];
        }
        if whole_digits == 0 && fraction_digits == 0 {
            return Err(invalid());
        }
        let width = text.iter().take_while(|byte| **byte != b'.' && !byte.is_ascii_digit()).count();
        if width == 0 {
            return Err(format!("time: missing unit in duration {}", quote(original)));
        }
        let (unit, rest) = text.split_at(width);
        text = rest;
        let Some(unit) = unit_nanos(unit) else {
            return Err(format!("time: unknown unit {} in duration {}", quote(unit), quote(original)));
        };
        let mut nanos = whole.checked_mul(unit).filter(|nanos| *nanos <= 1 << 63).ok_or_else(invalid)?;
        if fraction > 0 {
            nanos += (fraction as f64 * (unit as f64 / scale)) as u64;
            if nanos > 1 << 63 {
                return Err(invalid());
            }
        }
        total = total.checked_add(nanos).filter(|total| *total <= 1 << 63).ok_or_else(invalid)?;
    }
    match negative {
        true => Ok((total as i64).wrapping_neg()),
        false => i64::try_from(total).map_err(|_| invalid()),
    }
}

fn unit_nanos(unit: &[u8]) -> Option<u64> {
    match std::str::from_utf8(unit).ok()? {
        "ns" => Some(1),
        "us" | "\u{b5}s" | "\u{3bc}s" => Some(1_000),
        "ms" => Some(1_000_000),
        "s" => Some(1_000_000_000),
        "m" => Some(60_000_000_000),
        "h" => Some(3_600_000_000_000),
        _ => None,
    }
}

fn digits(text: &[u8]) -> usize {
    text.iter().take_while(|byte| byte.is_ascii_digit()).count()
}

/// `None` on overflow.
fn leading_integer(digits: &[u8]) -> Option<u64> {
    let mut sum: u64 = 0;
    for digit in digits {
        sum = sum.checked_mul(10)?.checked_add(u64::from(digit - b'0')).filter(|sum| *sum <= 1 << 63)?;
    }
    Some(sum)
}

/// The digits as a number and the power of ten to divide by; further digits than fit add nothing.
fn leading_fraction(digits: &[u8]) -> (u64, f64) {
    let (mut sum, mut scale) = (0_u64, 1.0);
    for digit in digits {
        if sum > (i64::MAX as u64) / 10 {
            break;
        }
        let next = sum * 10 + u64::from(digit - b'0');
        if next > 1 << 63 {
            break;
        }
        (sum, scale) = (next, scale * 10.0);
    }
    (sum, scale)
}

/// `Duration.String`: `1h2m3.5s`, `1.5ms`, `0s`.
pub(super) fn text(nanos: i64) -> String {
    let magnitude = nanos.unsigned_abs();
    let sign = if nanos < 0 { "-" } else { "" };
    if magnitude < 1_000_000_000 {
        return match magnitude {
            0 => "0s".into(),
            1..1_000 => format!("{sign}{magnitude}ns"),
            1_000..1_000_000 => format!("{sign}{}µs", decimal(magnitude, 1_000, 3)),
            _ => format!("{sign}{}ms", decimal(magnitude, 1_000_000, 6)),
        };
    }
    let minutes = magnitude / 60_000_000_000;
    let seconds = decimal(magnitude % 60_000_000_000, 1_000_000_000, 9);
    match minutes {
        0 => format!("{sign}{seconds}s"),
        1..60 => format!("{sign}{minutes}m{seconds}s"),
        _ => format!("{sign}{}h{}m{seconds}s", minutes / 60, minutes % 60),
    }
}

fn decimal(value: u64, unit: u64, digits: usize) -> String {
    let fraction = format!("{:0digits$}", value % unit);
    match fraction.trim_end_matches('0') {
        "" => (value / unit).to_string(),
        fraction => format!("{}.{fraction}", value / unit),
    }
}
