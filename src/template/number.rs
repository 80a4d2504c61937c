//! Number constants, as Go's `strconv` and `text/template/parse/node.go` (`newNumber`) read them.

use super::quote;

/// A number constant: what it can be, and its text.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Number {
    pub int: Option<i64>,
    pub uint: Option<u64>,
    pub float: Option<f64>,
    pub complex: Option<(f64, f64)>,
    /// The original text.
    pub text: String,
}

/// `newNumber` for a character constant such as `'x'`.
pub(super) fn character(text: &[u8]) -> Result<Number, String> {
    let (rune, tail) = quote::unquote_char(&text[1..], b'\'', &mut Vec::new())?;
    let shown = String::from_utf8_lossy(text).into_owned();
    if tail != b"'" {
        return Err(format!("malformed character constant: {shown}"));
    }
    let rune = rune as i32; // Go's rune
    Ok(Number {
        int: Some(i64::from(rune)),
        uint: Some(i64::from(rune) as u64),
        float: Some(f64::from(rune)),
        complex: None,
        text: shown,
    })
}

/// `newNumber` for a complex constant such as `1+2i`.
pub(super) fn complex(text: &str) -> Result<Number, String> {
    let number = text.strip_suffix('i').and_then(|body| {
        let split = body[1..].rfind(['+', '-']).map(|at| at + 1)?;
        // An exponent's sign is no separator.
        let split = if matches!(body.as_bytes()[split - 1], b'e' | b'E' | b'p' | b'P') && split > 1 {
            body[1..split - 1].rfind(['+', '-']).map(|at| at + 1)?
        } else {
            split
        };
        Some((parse_float(&body[..split])?, parse_float(&body[split..])?))
    });
    let Some((real, imaginary)) = number else { return Err("syntax error scanning complex number".into()) };
    Ok(simplify(real, imaginary, text))
}

fn simplify(real: f64, imaginary: f64, text: &str) -> Number {
    let mut number = Number { complex: Some((real, imaginary)), text: text.to_owned(), ..Number::default() };
    if imaginary == 0.0 {
        number.float = Some(real);
        number.int = whole_int(real);
        number.uint = whole_uint(real);
    }
    number
}

/// The integer that converts back to the same float, as Go on amd64 converts.
fn whole_int(float: f64) -> Option<i64> {
    let int = if float >= 9_223_372_036_854_775_808.0 { i64::MIN } else { float as i64 };
    (int as f64 == float).then_some(int)
}

fn whole_uint(float: f64) -> Option<u64> {
    // amd64: negative floats wrap through int64, too large ones become 1<<63.
    let uint = if float < 0.0 {
        float as i64 as u64
    } else if float >= 1.844_674_407_370_955_2e19 {
        1 << 63
    } else {
        float as u64
    };
    (uint as f64 == float).then_some(uint)
}

/// `newNumber` for anything else that the lexer calls a number.
pub(super) fn plain(text: &str) -> Result<Number, String> {
    if let Some(body) = text.strip_suffix('i')
        && let Some(imaginary) = parse_float(body)
    {
        return Ok(simplify(0.0, imaginary, text));
    }
    let mut number = Number { text: text.to_owned(), ..Number::default() };
    number.uint = parse_uint(text);
    number.int = parse_int(text);
    if number.int == Some(0) {
        number.uint = Some(0); // for -0
    }
    if let Some(int) = number.int {
        number.float = Some(int as f64);
    } else if let Some(uint) = number.uint {
        number.float = Some(uint as f64);
    } else if let Some(float) = parse_float(text) {
        if !text.contains(['.', 'e', 'E', 'p', 'P']) {
            return Err(format!("integer overflow: {}", quote::quote(text.as_bytes())));
        }
        number.float = Some(float);
        number.int = whole_int(float);
        number.uint = whole_uint(float);
    } else {
        return Err(format!("illegal number syntax: {}", quote::quote(text.as_bytes())));
    }
    Ok(number)
}

/// `strconv.ParseUint(text, 0, 64)`
fn parse_uint(text: &str) -> Option<u64> {
    let bytes = text.as_bytes();
    let (base, digits) = match bytes {
        [b'0', b'b' | b'B', _, ..] => (2, &text[2..]),
        [b'0', b'o' | b'O', _, ..] => (8, &text[2..]),
        [b'0', b'x' | b'X', _, ..] => (16, &text[2..]),
        [b'0', ..] => (8, &text[1..]),
        [] => return None,
        _ => (10, text),
    };
    let mut value = 0u64;
    for byte in digits.bytes().filter(|byte| *byte != b'_') {
        let digit = char::from(byte).to_digit(base)?;
        value = value.checked_mul(u64::from(base))?.checked_add(u64::from(digit))?;
    }
    (!text.contains('_') || underscores_fit(text)).then_some(value)
}

/// `strconv.ParseInt(text, 0, 64)`
fn parse_int(text: &str) -> Option<i64> {
    let (negative, digits) = match text.as_bytes().first()? {
        b'-' => (true, &text[1..]),
        b'+' => (false, &text[1..]),
        _ => (false, text),
    };
    let value = parse_uint(digits)?;
    if negative { 0i64.checked_sub_unsigned(value) } else { i64::try_from(value).ok() }
}

/// `strconv.ParseFloat(text, 64)` for texts of digits; an overflow is refused, as there.
fn parse_float(text: &str) -> Option<f64> {
    if text.contains('_') && !underscores_fit(text) {
        return None;
    }
    let clean: String = text.chars().filter(|rune| *rune != '_').collect();
    let (negative, body) = match clean.as_bytes().first()? {
        b'-' => (true, &clean[1..]),
        b'+' => (false, &clean[1..]),
        _ => (false, &clean[..]),
    };
    let value = match body.strip_prefix("0x").or_else(|| body.strip_prefix("0X")) {
        Some(hex) => parse_hex_float(hex)?,
        None if body.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'.' | b'e' | b'E' | b'+' | b'-')) => {
            body.parse::<f64>().ok()?
        }
        None => return None,
    };
    value.is_finite().then_some(if negative { -value } else { value })
}

/// A hexadecimal float without its `0x`: the mantissa is exact in 64 bits and more, rounded once to even.
fn parse_hex_float(text: &str) -> Option<f64> {
    let (digits, exponent) = text.split_once(['p', 'P'])?;
    let exponent: i64 = exponent.parse().ok()?;
    let (mut mantissa, mut shift, mut sticky, mut seen, mut dot) = (0u64, 0i64, false, false, false);
    for rune in digits.chars() {
        if rune == '.' {
            if std::mem::replace(&mut dot, true) {
                return None;
            }
            continue;
        }
        let digit = u64::from(rune.to_digit(16)?);
        seen = true;
        if mantissa >> 60 == 0 {
            mantissa = mantissa << 4 | digit;
            shift -= if dot { 4 } else { 0 };
        } else {
            sticky |= digit != 0;
            shift += if dot { 0 } else { 4 };
        }
    }
    if !seen {
        return None;
    }
    let value = scale(mantissa | u64::from(sticky), exponent.clamp(-100_000, 100_000) + shift);
    Some(value)
}

/// `mantissa × 2^exponent`, rounded to nearest even once.
fn scale(mantissa: u64, exponent: i64) -> f64 {
    if mantissa == 0 {
        return 0.0;
    }
    let bits = 64 - i64::from(mantissa.leading_zeros());
    // How many bits a double keeps at this magnitude (fewer when subnormal).
    let keep = (bits + exponent + 1074).clamp(0, 53);
    let drop = bits - keep;
    let (mut kept, mut exponent) = (mantissa, exponent);
    if drop > 0 {
        let rest = if drop >= 64 { mantissa } else { mantissa & ((1 << drop) - 1) };
        kept = if drop >= 64 { 0 } else { mantissa >> drop };
        let half = 1u64 << (drop.min(64) - 1);
        if rest > half || rest == half && kept & 1 == 1 {
            kept += 1;
        }
        exponent += drop;
    }
    // Two exact steps keep powers of two in range.
    let half = exponent / 2;
    (kept as f64) * 2f64.powi(half.clamp(-2000, 2000) as i32) * 2f64.powi((exponent - half).clamp(-2000, 2000) as i32)
}

/// Go's `underscoreOK`: underscores stand between digits, or after the base prefix.
fn underscores_fit(text: &str) -> bool {
    let body = text.strip_prefix(['+', '-']).unwrap_or(text).as_bytes();
    let prefixed = matches!(body, [b'0', b'b' | b'B' | b'o' | b'O' | b'x' | b'X', ..]);
    let hex = matches!(body, [b'0', b'x' | b'X', ..]);
    let mut saw = if prefixed { b'0' } else { b'^' };
    for byte in &body[if prefixed { 2 } else { 0 }..] {
        saw = match byte {
            b'0'..=b'9' => b'0',
            b'a'..=b'f' | b'A'..=b'F' if hex => b'0',
            b'_' if saw == b'0' => b'_',
            b'_' => return false,
            _ if saw == b'_' => return false,
            _ => b'!',
        };
    }
    saw != b'_'
}
