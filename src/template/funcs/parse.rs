//! Numbers out of strings, as Go's `strconv` reads them.

/// Why `strconv` refused.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum NumError {
    /// `strconv.ErrSyntax`
    Syntax,
    /// `strconv.ErrRange`; the nearest number that fits stands here for those who ignore errors (`Atoi`).
    Range(i64),
}

/// `strconv.ParseInt(text, base, 64)`. Base 0 takes the prefixes `0x 0o 0b 0` and underscores, as Go's literals do.
pub(crate) fn parse_int(text: &[u8], base: u32) -> Result<i64, NumError> {
    let (negative, digits) = match text {
        [b'-', rest @ ..] => (true, rest),
        [b'+', rest @ ..] => (false, rest),
        rest => (false, rest),
    };
    let magnitude = match parse_uint(digits, base) {
        Err(NumError::Syntax) => return Err(NumError::Syntax),
        Err(NumError::Range(_)) => u64::MAX,
        Ok(number) => number,
    };
    match negative {
        false => i64::try_from(magnitude).map_err(|_| NumError::Range(i64::MAX)),
        true if magnitude > 1 << 63 => Err(NumError::Range(i64::MIN)),
        true => Ok((magnitude as i64).wrapping_neg()),
    }
}

/// `strconv.ParseUint(text, base, 64)`.
pub(crate) fn parse_uint(text: &[u8], base: u32) -> Result<u64, NumError> {
    if text.is_empty() {
        return Err(NumError::Syntax);
    }
    let (radix, digits) = match (base, text) {
        (0, [b'0', b'b' | b'B', rest @ ..]) if !rest.is_empty() => (2, rest),
        (0, [b'0', b'o' | b'O', rest @ ..]) if !rest.is_empty() => (8, rest),
        (0, [b'0', b'x' | b'X', rest @ ..]) if !rest.is_empty() => (16, rest),
        (0, [b'0', rest @ ..]) => (8, rest),
        (0, rest) => (10, rest),
        (base, rest) => (base, rest),
    };
    let (mut number, mut underscores) = (0u64, false);
    for byte in digits {
        if base == 0 && *byte == b'_' {
            underscores = true;
            continue;
        }
        let digit = char::from(*byte).to_digit(radix).ok_or(NumError::Syntax)?;
        let next = number.checked_mul(u64::from(radix)).and_then(|shifted| shifted.checked_add(u64::from(digit)));
        number = next.ok_or(NumError::Range(i64::MAX))?;
    }
    match underscores && !underscores_ok(text) {
        true => Err(NumError::Syntax),
        false => Ok(number),
    }
}

/// `strconv.ParseFloat(text, 64)`: decimal and hexadecimal, underscores as in Go's literals, `inf` and `nan`.
pub(crate) fn parse_float(text: &[u8]) -> Result<f64, NumError> {
    let (negative, body) = match text {
        [b'-', rest @ ..] => (true, rest),
        [b'+', rest @ ..] => (false, rest),
        rest => (false, rest),
    };
    let lower = body.to_ascii_lowercase();
    let magnitude = match &*lower {
        b"inf" | b"infinity" => f64::INFINITY,
        b"nan" if text.len() == 3 => return Ok(f64::NAN),
        [b'0', b'x', rest @ ..] => {
            parse_hex_float(&without_underscores(rest, text)?)?
        }
        rest => parse_decimal_float(&without_underscores(rest, text)?)?,
    };
    Ok(if negative { -magnitude } else { magnitude })
}

fn without_underscores(digits: &[u8], whole: &[u8]) -> Result<Vec<u8>, NumError> {
    match digits.contains(&b'_') && !underscores_ok(whole) {
        true => Err(NumError::Syntax),
        false => Ok(digits.iter().copied().filter(|byte| *byte != b'_').collect()),
    }
}

fn parse_decimal_float(digits: &[u8]) -> Result<f64, NumError> {
    // Rust's grammar is Go's once signs, words and underscores are gone
    let plain = digits.first().is_some_and(|byte| byte.is_ascii_digit() || *byte == b'.');
    let text = std::str::from_utf8(digits).ok().filter(|_| plain).ok_or(NumError::Syntax)?;
    match text.parse::<f64>() {
        Ok(number) if number.is_finite() => Ok(number),
        Ok(_) => Err(NumError::Range(i64::MAX)),
        Err(_) => Err(NumError::Syntax),
    }
}

/// The part after `0x`: hexadecimal digits with an optional point, and the binary exponent that Go insists on.
fn parse_hex_float(text: &[u8]) -> Result<f64, NumError> {
    let split = text.iter().position(|byte| *byte == b'p').ok_or(NumError::Syntax)?;
    let (mantissa, exponent) = (&text[..split], &text[split + 1..]);
    if !exponent.last().is_some_and(u8::is_ascii_digit) {
        return Err(NumError::Syntax);
    }
    let mut exponent = parse_int(exponent, 10).map(|e| e.clamp(-100_000, 100_000)).or_else(|error| match error {
        NumError::Range(limit) => Ok(limit.clamp(-100_000, 100_000)),
        NumError::Syntax => Err(NumError::Syntax),
    })?;
    let (mut bits, mut sticky, mut digits, mut point) = (0u64, false, 0, false);
    for byte in mantissa {
        if *byte == b'.' && !point {
            point = true;
            continue;
        }
        let digit = char::from(*byte).to_digit(16).ok_or(NumError::Syntax)?;
        digits += 1;
        if bits < 1 << 59 {
            bits = bits << 4 | u64::from(digit);
            exponent -= i64::from(point) * 4;
        } else {
            sticky |= digit != 0;
            exponent += i64::from(!point) * 4;
        }
    }
    if digits == 0 {
        return Err(NumError::Syntax);
    }
    match scale(bits, sticky, exponent) {
        number if number.is_finite() => Ok(number),
        _ => Err(NumError::Range(i64::MAX)),
    }
}

/// `bits · 2^exponent`, rounded once to the nearest even `float64`; `sticky` stands for lower bits that were cut.
fn scale(bits: u64, sticky: bool, exponent: i64) -> f64 {
    if bits == 0 {
        return 0.0;
    }
    let shift = i64::from(bits.leading_zeros());
    let (bits, exponent) = (bits << shift, exponent - shift); // top bit set: value is 1.xxx · 2^(exponent + 63)
    let top = exponent + 63;
    // how many of the 64 bits fit: 53, fewer for subnormal numbers
    let keep = if top >= -1022 { 53 } else { 53 + 1022 + top };
    if keep < 0 {
        return 0.0;
    }
    let cut = 64 - keep as u32;
    let (mut kept, rest) = match cut {
        64 => (0, u128::from(bits)),
        _ => (bits >> cut, u128::from(bits) & ((1u128 << cut) - 1)),
    };
    let half = 1u128 << (cut - 1);
    if rest > half || rest == half && (sticky || kept & 1 == 1) {
        kept += 1;
    }
    // kept · 2^(exponent + cut) is exact now; two steps keep the powers in range
    let power = exponent + i64::from(cut);
    if power > 1100 {
        return f64::INFINITY;
    }
    let step = power / 2;
    kept as f64 * 2f64.powi(step as i32) * 2f64.powi((power - step) as i32)
}

/// Whether underscores stand only between digits or after the base prefix (`strconv.underscoreOK`).
fn underscores_ok(text: &[u8]) -> bool {
    let text = text.strip_prefix(b"-").or_else(|| text.strip_prefix(b"+")).unwrap_or(text);
    let (digits, hex, mut seen) = match text {
        [b'0', prefix @ (b'b' | b'B' | b'o' | b'O' | b'x' | b'X'), rest @ ..] => {
            (rest, prefix.eq_ignore_ascii_case(&b'x'), b'0')
        }
        rest => (rest, false, b'^'),
    };
    for byte in digits {
        let digit = byte.is_ascii_digit() || hex && byte.is_ascii_hexdigit();
        seen = match (digit, *byte, seen) {
            (true, ..) => b'0',
            (false, b'_', b'0') => b'_',
            (false, b'_', _) | (false, _, b'_') => return false,
            _ => b'!',
        };
    }
    seen != b'_'
}
