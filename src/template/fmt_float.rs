//! Go's `strconv.AppendFloat`: shortest and fixed digits, and the binary and hexadecimal forms.

/// More fractional digits than any float has: what is asked beyond is zeros (and Rust's own formatter ends at 65535).
const MAX_DIGITS: usize = 1100;

/// Significant decimal digits and where the point stands: `0.d₀d₁… × 10^point`.
struct Digits {
    digits: Vec<u8>,
    point: i32,
}

/// Appends the float as `strconv.AppendFloat(out, value, verb, precision, bits)`; `None` is as many digits as needed.
pub fn append_float(out: &mut Vec<u8>, value: f64, verb: u8, precision: Option<usize>, bits: u32) {
    if value.is_nan() {
        out.extend(b"NaN");
        return;
    }
    if value.is_infinite() {
        out.extend(if value > 0.0 { b"+Inf" } else { b"-Inf" });
        return;
    }
    if value.is_sign_negative() {
        out.push(b'-');
    }
    let value = value.abs();
    match verb {
        b'b' => append_binary(out, value, bits),
        b'x' | b'X' => append_hex(out, value, verb, precision, bits),
        b'e' | b'E' => {
            let digits = digits(value, precision.map(|precision| precision + 1), bits);
            let precision = precision.unwrap_or(digits.digits.len().saturating_sub(1));
            append_exponent(out, &digits, precision, verb);
        }
        b'f' => match precision {
            Some(precision) => append_fixed(out, value, precision),
            None => {
                let digits = digits(value, None, bits);
                let precision = usize::try_from(digits.digits.len() as i32 - digits.point).unwrap_or(0);
                append_plain(out, &digits, precision);
            }
        },
        _ => append_general(out, value, verb, precision, bits),
    }
}

/// `%g`: the exponent decides between `%e` and `%f`.
fn append_general(out: &mut Vec<u8>, value: f64, verb: u8, precision: Option<usize>, bits: u32) {
    let precision = precision.map(|precision| precision.max(1));
    let digits = digits(value, precision, bits);
    let count = digits.digits.len();
    let wanted = precision.unwrap_or(count);
    let mut limit = wanted as i32;
    if wanted > count && count as i32 >= digits.point {
        limit = count as i32;
    }
    if precision.is_none() {
        limit = 6;
    }
    let exponent = digits.point - 1;
    if exponent < -4 || exponent >= limit {
        append_exponent(out, &digits, wanted.min(count).saturating_sub(1), verb + b'e' - b'g');
        return;
    }
    let wanted = if wanted as i32 > digits.point { count } else { wanted };
    append_plain(out, &digits, usize::try_from(wanted as i32 - digits.point).unwrap_or(0));
}

/// The value's digits: `count` of them, rounded to nearest even and without the zeros at the end, or as few as tell it
/// from its neighbours. Zero has none, as in Go.
fn digits(value: f64, count: Option<usize>, bits: u32) -> Digits {
    if value == 0.0 {
        return Digits { digits: Vec::new(), point: 0 };
    }
    let text = match count {
        Some(count) => format!("{:.*e}", count.clamp(1, MAX_DIGITS) - 1, value),
        None if bits == 32 => format!("{:e}", value as f32),
        None => format!("{value:e}"),
    };
    let (mantissa, exponent) = text.split_once('e').expect("Rust writes an exponent");
    let mut digits: Vec<u8> = mantissa.bytes().filter(u8::is_ascii_digit).collect();
    while digits.len() > 1 && digits.last() == Some(&b'0') {
        digits.pop();
    }
    let exponent: i32 = exponent.parse().expect("Rust writes a number");
    Digits { digits, point: exponent + 1 }
}

fn append_exponent(out: &mut Vec<u8>, digits: &Digits, precision: usize, verb: u8) {
    out.push(digits.digits.first().copied().unwrap_or(b'0'));
    if precision > 0 {
        out.push(b'.');
        let more = digits.digits.get(1..).unwrap_or(&[]);
        let more = &more[..more.len().min(precision)];
        out.extend_from_slice(more);
        out.resize(out.len() + precision - more.len(), b'0');
    }
    let exponent = if digits.digits.is_empty() { 0 } else { digits.point - 1 };
    out.push(verb);
    out.push(if exponent < 0 { b'-' } else { b'+' });
    out.extend(format!("{:02}", exponent.unsigned_abs()).bytes());
}

fn append_plain(out: &mut Vec<u8>, digits: &Digits, precision: usize) {
    let at = |place: i32| usize::try_from(place).ok().and_then(|place| digits.digits.get(place)).copied().unwrap_or(b'0');
    if digits.point > 0 {
        out.extend((0..digits.point).map(at));
    } else {
        out.push(b'0');
    }
    if precision > 0 {
        out.push(b'.');
        out.extend((0..precision as i32).map(|place| at(digits.point + place)));
    }
}

fn append_fixed(out: &mut Vec<u8>, value: f64, precision: usize) {
    let exact = precision.min(MAX_DIGITS);
    out.extend(format!("{value:.exact$}").bytes());
    out.resize(out.len() + precision - exact, b'0');
}

/// Mantissa with its implicit bit, and exponent, as Go takes them from the bits.
fn parts(value: f64, bits: u32) -> (u64, i32, u32) {
    let (raw, mantissa_bits, bias) =
        if bits == 32 { (u64::from((value as f32).to_bits()), 23, -127) } else { (value.to_bits(), 52, -1023) };
    let exponent_mask = if bits == 32 { 0xFF } else { 0x7FF };
    let mut exponent = (raw >> mantissa_bits) as i32 & exponent_mask;
    let mut mantissa = raw & ((1 << mantissa_bits) - 1);
    if exponent == 0 {
        exponent = 1;
    } else {
        mantissa |= 1 << mantissa_bits;
    }
    (mantissa, exponent + bias, mantissa_bits)
}

fn append_binary(out: &mut Vec<u8>, value: f64, bits: u32) {
    let (mantissa, exponent, mantissa_bits) = parts(value, bits);
    out.extend(format!("{mantissa}p{:+}", exponent - mantissa_bits as i32).bytes());
}

fn append_hex(out: &mut Vec<u8>, value: f64, verb: u8, precision: Option<usize>, bits: u32) {
    let (mut mantissa, mut exponent, mantissa_bits) = parts(value, bits);
    if mantissa == 0 {
        exponent = 0;
    }
    // Shift so that the leading 1 is at bit 60.
    mantissa <<= 60 - mantissa_bits;
    while mantissa != 0 && mantissa & (1 << 60) == 0 {
        mantissa <<= 1;
        exponent -= 1;
    }
    if let Some(precision) = precision.filter(|precision| *precision < 15) {
        let shift = precision as u32 * 4;
        let extra = (mantissa << shift) & ((1 << 60) - 1);
        mantissa >>= 60 - shift;
        if extra | (mantissa & 1) > 1 << 59 {
            mantissa += 1;
        }
        mantissa <<= 60 - shift;
        if mantissa & (1 << 61) != 0 {
            mantissa >>= 1;
            exponent += 1;
        }
    }
    let hex: &[u8; 16] = if verb == b'X' { b"0123456789ABCDEF" } else { b"0123456789abcdef" };
    out.extend([b'0', verb, b'0' + ((mantissa >> 60) & 1) as u8]);
    mantissa <<= 4;
    let count = precision.unwrap_or_else(|| mantissa.checked_ilog2().map_or(0, |_| 16 - mantissa.trailing_zeros() as usize / 4));
    if count > 0 {
        out.push(b'.');
    }
    for _ in 0..count {
        out.push(hex[((mantissa >> 60) & 15) as usize]);
        mantissa <<= 4;
    }
    out.push(if verb == b'X' { b'P' } else { b'p' });
    out.extend(format!("{}{:02}", if exponent < 0 { '-' } else { '+' }, exponent.unsigned_abs()).bytes());
}
