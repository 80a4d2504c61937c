//! What a plain scalar means: YAML 1.1 by go.yaml.in/yaml's rules (`resolve.go`, v2.4.4, and v3.0.5 where it differs).

/// A scalar's meaning.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Scalar {
    Null,
    Bool(bool),
    Int(i64),
    Uint(u64),
    Float(f64),
    Timestamp,
    Str,
}

impl Scalar {
    /// The short tag.
    pub(super) fn tag(&self) -> &'static str {
        match self {
            Scalar::Null => "!!null",
            Scalar::Bool(_) => "!!bool",
            Scalar::Int(_) | Scalar::Uint(_) => "!!int",
            Scalar::Float(_) => "!!float",
            Scalar::Timestamp => "!!timestamp",
            Scalar::Str => "!!str",
        }
    }
}

/// Which of the two libraries' rules.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Rules {
    /// `y`, `no`, `on` … are booleans.
    V2,
    /// Only `true` and `false` are; `0o17` has its own rule.
    V3,
}

/// What `text` means where it stands plain and untagged; with `timestamps` false, dates are no dates (Go tries them only
/// without a tag or with `!!timestamp`).
#[inline]
pub(super) fn resolve(text: &[u8], rules: Rules, timestamps: bool) -> Scalar {
    let Some(first) = text.first() else { return Scalar::Null };
    match first {
        b'0'..=b'9' | b'+' | b'-' => word(text, rules).unwrap_or_else(|| number(text, rules, timestamps)),
        b'.' => word(text, rules).unwrap_or_else(|| fraction(text)),
        b'y' | b'Y' | b'n' | b'N' | b't' | b'T' | b'f' | b'F' | b'o' | b'O' | b'~' => word(text, rules).unwrap_or(Scalar::Str),
        _ => Scalar::Str,
    }
}

/// Go's `resolveMap`.
fn word(text: &[u8], rules: Rules) -> Option<Scalar> {
    Some(match text {
        b"true" | b"True" | b"TRUE" => Scalar::Bool(true),
        b"false" | b"False" | b"FALSE" => Scalar::Bool(false),
        b"y" | b"Y" | b"yes" | b"Yes" | b"YES" | b"on" | b"On" | b"ON" if rules == Rules::V2 => Scalar::Bool(true),
        b"n" | b"N" | b"no" | b"No" | b"NO" | b"off" | b"Off" | b"OFF" if rules == Rules::V2 => Scalar::Bool(false),
        b"~" | b"null" | b"Null" | b"NULL" => Scalar::Null,
        b".nan" | b".NaN" | b".NAN" => Scalar::Float(f64::NAN),
        b".inf" | b".Inf" | b".INF" | b"+.inf" | b"+.Inf" | b"+.INF" => Scalar::Float(f64::INFINITY),
        b"-.inf" | b"-.Inf" | b"-.INF" => Scalar::Float(f64::NEG_INFINITY),
        _ => return None,
    })
}

fn number(text: &[u8], rules: Rules, timestamps: bool) -> Scalar {
    if timestamps && is_timestamp(text) {
        return Scalar::Timestamp;
    }
    let stripped;
    let plain = if text.contains(&b'_') {
        stripped = text.iter().copied().filter(|c| *c != b'_').collect::<Vec<u8>>();
        &stripped
    } else {
        text
    };
    if let Some(int) = integer(plain, 0) {
        return int;
    }
    if is_float(plain)
        && let Some(value) = float(plain)
    {
        return Scalar::Float(value);
    }
    let digits = |base: u32, plus: &[u8], minus: &[u8]| {
        if let Some(rest) = plain.strip_prefix(plus) {
            return integer(rest, base);
        }
        let rest = plain.strip_prefix(minus)?;
        integer(&[b"-", rest].concat(), base).filter(|int| matches!(int, Scalar::Int(_)))
    };
    digits(2, b"0b", b"-0b")
        .or_else(|| (rules == Rules::V3).then(|| digits(8, b"0o", b"-0o")).flatten())
        .unwrap_or(Scalar::Str)
}

/// A text that starts with a point. Go's `ParseFloat` takes underscores between digits here, though it says otherwise.
fn fraction(text: &[u8]) -> Scalar {
    let between = |place: usize| {
        let digit = |c: Option<&u8>| c.is_some_and(u8::is_ascii_digit);
        text[place] != b'_' || (place > 0 && digit(text.get(place - 1)) && digit(text.get(place + 1)))
    };
    let plain: Vec<u8> = text.iter().copied().filter(|c| *c != b'_').collect();
    match is_float(&plain) && (0..text.len()).all(between) {
        true => float(&plain).map_or(Scalar::Str, Scalar::Float),
        false => Scalar::Str,
    }
}

/// Go's `strconv.ParseInt(text, base, 64)`, then `ParseUint`, without underscores. Base 0: by prefix.
fn integer(text: &[u8], base: u32) -> Option<Scalar> {
    let (negative, signed, digits) = match text {
        [b'-', rest @ ..] => (true, true, rest),
        [b'+', rest @ ..] => (false, true, rest),
        _ => (false, false, text),
    };
    let (base, digits) = match digits {
        [b'0', b'x' | b'X', rest @ ..] if base == 0 => (16, rest),
        [b'0', b'o' | b'O', rest @ ..] if base == 0 => (8, rest),
        [b'0', b'b' | b'B', rest @ ..] if base == 0 => (2, rest),
        [b'0', rest @ ..] if base == 0 && !rest.is_empty() => (8, rest),
        _ => (if base == 0 { 10 } else { base }, digits),
    };
    if digits.is_empty() {
        return None;
    }
    let mut value = 0_u64;
    for c in digits {
        let digit = char::from(*c).to_digit(base)?;
        value = value.checked_mul(base.into())?.checked_add(digit.into())?;
    }
    match (negative, i64::try_from(value)) {
        (true, _) => 0_i64.checked_sub_unsigned(value).map(Scalar::Int),
        (false, Ok(value)) => Some(Scalar::Int(value)),
        // ParseUint takes no sign.
        (false, Err(_)) => (!signed).then_some(Scalar::Uint(value)),
    }
}

/// `^[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?$`
fn is_float(text: &[u8]) -> bool {
    fn digits(text: &[u8]) -> (usize, &[u8]) {
        let count = text.iter().take_while(|c| c.is_ascii_digit()).count();
        (count, &text[count..])
    }
    let text = text.strip_prefix(b"-").or_else(|| text.strip_prefix(b"+")).unwrap_or(text);
    let (whole, mut rest) = digits(text);
    let mut fraction = 0;
    if let Some(after) = rest.strip_prefix(b".") {
        (fraction, rest) = digits(after);
    }
    if whole == 0 && fraction == 0 {
        return false;
    }
    let Some((b'e' | b'E', exponent)) = rest.split_first() else { return rest.is_empty() };
    let exponent = exponent.strip_prefix(b"-").or_else(|| exponent.strip_prefix(b"+")).unwrap_or(exponent);
    let (count, rest) = digits(exponent);
    count > 0 && rest.is_empty()
}

/// Go's `strconv.ParseFloat` of a text in [`is_float`]'s form: too large a number is an error, too small a one is 0.
fn float(text: &[u8]) -> Option<f64> {
    std::str::from_utf8(text).ok()?.parse::<f64>().ok().filter(|value| value.is_finite())
}

/// Whether Go's `parseTimestamp` takes it: one of four layouts of `time.Parse`.
pub(super) fn is_timestamp(text: &[u8]) -> bool {
    let year = text.iter().take_while(|c| c.is_ascii_digit()).count();
    if year != 4 || text.get(4) != Some(&b'-') {
        return false;
    }
    timestamp(text).is_some()
}

/// One or two digits, as `time.Parse` takes them.
fn small(text: &[u8]) -> Option<(u32, &[u8])> {
    let digit = |place: usize| text.get(place).filter(|c| c.is_ascii_digit()).map(|c| u32::from(c - b'0'));
    let tens = digit(0)?;
    Some(match digit(1) {
        Some(ones) => (tens * 10 + ones, &text[2..]),
        None => (tens, &text[1..]),
    })
}

fn timestamp(text: &[u8]) -> Option<()> {
    let year = text[..4].iter().fold(0, |sum, c| sum * 10 + u32::from(c - b'0'));
    let (month, rest) = small(&text[5..])?;
    let (day, rest) = small(rest.strip_prefix(b"-")?)?;
    let leap = year.is_multiple_of(4) && (!year.is_multiple_of(100) || year.is_multiple_of(400));
    let days = match month {
        1 | 3 | 5 | 7 | 8 | 10 | 12 => 31,
        4 | 6 | 9 | 11 => 30,
        2 if leap => 29,
        2 => 28,
        _ => return None,
    };
    if day == 0 || day > days {
        return None;
    }
    match rest {
        [] => Some(()),
        [b'T' | b't', clock @ ..] => zone(time_of_day(clock)?),
        [b' ', ..] => {
            let clock = &rest[rest.iter().take_while(|c| **c == b' ').count()..];
            time_of_day(clock)?.is_empty().then_some(())
        }
        _ => None,
    }
}

/// `15:4:5` and perhaps a fraction; what follows.
fn time_of_day(text: &[u8]) -> Option<&[u8]> {
    let (hour, rest) = small(text)?;
    let (minute, rest) = small(rest.strip_prefix(b":")?)?;
    let (second, rest) = small(rest.strip_prefix(b":")?)?;
    if hour > 23 || minute > 59 || second > 59 {
        return None;
    }
    Some(match rest {
        [b'.' | b',', fraction @ ..] if fraction.first().is_some_and(u8::is_ascii_digit) => {
            &fraction[fraction.iter().take_while(|c| c.is_ascii_digit()).count()..]
        }
        _ => rest,
    })
}

/// `Z07:00`. Go allows 24 hours and 60 minutes.
fn zone(text: &[u8]) -> Option<()> {
    match text {
        b"Z" => Some(()),
        [b'+' | b'-', h1, h2, b':', m1, m2] => {
            let two = |a: &u8, b: &u8| (a.is_ascii_digit() && b.is_ascii_digit()).then(|| (a - b'0') * 10 + (b - b'0'));
            (two(h1, h2)? <= 24 && two(m1, m2)? <= 60).then_some(())
        }
        _ => None,
    }
}
