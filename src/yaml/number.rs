//! Floating-point numbers as Go's `strconv.FormatFloat` and `encoding/json` write them.

/// The shortest decimal digits that read back as the number, and where the point goes: `0.DIGITS × 10^point`.
fn shortest(text: &str) -> (Vec<u8>, i32) {
    let (mantissa, exponent) = text.split_once('e').unwrap_or((text, "0"));
    let digits: Vec<u8> = mantissa.bytes().filter(u8::is_ascii_digit).collect();
    let exponent: i32 = exponent.parse().unwrap_or(0);
    match digits.as_slice() {
        [b'0'] => (digits, 1),
        _ => (digits, exponent + 1),
    }
}

/// Whether a `float64` or a `float32` is meant: it decides how few digits suffice.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Bits {
    B32,
    B64,
}

fn parts(value: f64, bits: Bits) -> (bool, Vec<u8>, i32) {
    let text = match bits {
        Bits::B64 => format!("{:e}", value.abs()),
        Bits::B32 => format!("{:e}", (value as f32).abs()),
    };
    let (digits, point) = shortest(&text);
    (value.is_sign_negative(), digits, point)
}

/// The number is written with an exponent from this one on (`strconv/ftoa.go`: `eprec` of the shortest form).
const G_EXPONENT: i32 = 6;

/// `FormatFloat(value, 'g', -1, bits)`.
pub(super) fn format_g(value: f64, bits: Bits) -> String {
    if value.is_nan() {
        return "NaN".to_owned();
    }
    if value.is_infinite() || (bits == Bits::B32 && (value as f32).is_infinite()) {
        return if value > 0.0 { "+Inf" } else { "-Inf" }.to_owned();
    }
    let (negative, digits, point) = parts(value, bits);
    match point - 1 {
        exponent @ -4..G_EXPONENT => plain(negative, &digits, exponent + 1),
        exponent => scientific(negative, &digits, exponent),
    }
}

/// A finite number as `encoding/json` writes it: JavaScript's cutoffs, and exponents down to -9 with one digit.
pub(super) fn format_json(value: f64, bits: Bits) -> String {
    let size = value.abs();
    let exponential = match bits {
        Bits::B64 => !(1e-6..1e21).contains(&size),
        Bits::B32 => !(1e-6..1e21).contains(&(size as f32)),
    };
    let (negative, digits, point) = parts(value, bits);
    if size == 0.0 || !exponential {
        return plain(negative, &digits, point);
    }
    scientific(negative, &digits, point - 1).replace("e-0", "e-")
}

/// A number as YAML shows it after its way through JSON (`sigs.k8s.io/yaml.Marshal`): whole numbers as far as 64 bits
/// carry without a point, others as `%g`.
pub(super) fn format_yaml(value: f64, bits: Bits) -> String {
    /// 2^64 and -2^63, the ends of what Go's YAML reads back as integers.
    const ABOVE: f64 = 18_446_744_073_709_551_616.0;
    const BELOW: f64 = -9_223_372_036_854_775_808.0;
    if value.fract() == 0.0 && (BELOW..ABOVE).contains(&value) {
        // The digits of JSON's text, which stop where the shortest form does; -0 has lost its sign.
        let text = format_json(value, bits);
        let exact = text.parse::<i64>().map(|i| i.to_string()).or_else(|_| text.parse::<u64>().map(|u| u.to_string()));
        if let Ok(exact) = exact {
            return exact;
        }
    }
    match bits {
        Bits::B64 => format_g(value, bits),
        Bits::B32 => format_g(format_json(value, bits).parse().unwrap_or(value), Bits::B64),
    }
}

/// `1.5e+21`, at least two digits of exponent.
fn scientific(negative: bool, digits: &[u8], exponent: i32) -> String {
    let mut text = String::with_capacity(digits.len() + 8);
    if negative {
        text.push('-');
    }
    text.push(char::from(digits[0]));
    if digits.len() > 1 {
        text.push('.');
        text.extend(digits[1..].iter().map(|d| char::from(*d)));
    }
    text.push('e');
    text.push(if exponent < 0 { '-' } else { '+' });
    text.push_str(&format!("{:02}", exponent.unsigned_abs()));
    text
}

/// `150`, `0.015`.
fn plain(negative: bool, digits: &[u8], point: i32) -> String {
    let mut text = String::with_capacity(digits.len() + 8);
    if negative {
        text.push('-');
    }
    if point <= 0 {
        text.push_str("0.");
        text.extend(std::iter::repeat_n('0', point.unsigned_abs() as usize));
        text.extend(digits.iter().map(|d| char::from(*d)));
        return text;
    }
    let point = point as usize;
    for place in 0..digits.len().max(point) {
        if place == point {
            text.push('.');
        }
        text.push(digits.get(place).map_or('0', |d| char::from(*d)));
    }
    text
}
