//! Numbers as the validator compares and prints them: exact decimals, Go's `big.Rat` for what JSON can write.

use std::cmp::Ordering;

/// Digits times a power of ten. Numbers with more digits than fit are compared as float64.
#[derive(Clone, Copy, Debug)]
pub(super) struct Number {
    digits: i128,
    exponent: i32,
    float: f64,
    exact: bool,
}

/// Powers of ten that an `i128` can be scaled by.
const MAX_SHIFT: i32 = 36;

impl Number {
    pub fn parse(text: &str) -> Option<Number> {
        let float: f64 = text.parse().ok()?;
        let (mantissa, exponent) = text.split_once(['e', 'E']).unwrap_or((text, "0"));
        let exponent: i32 = exponent.parse().unwrap_or(i32::MAX / 2);
        let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
        let fraction = fraction.trim_end_matches('0');
        let digits: Result<i128, _> = format!("{whole}{fraction}").parse();
        let exponent = exponent.saturating_sub(fraction.len() as i32);
        let exact = digits.is_ok() && exponent.abs() <= 400;
        Some(Number { digits: digits.unwrap_or(0), exponent, float, exact })
    }

    /// Both numbers' digits at the same power of ten.
    fn aligned(&self, other: &Number) -> Option<(i128, i128)> {
        let least = self.exponent.min(other.exponent);
        let scale = |number: &Number| {
            let shift = number.exponent - least;
            if number.digits == 0 {
                return Some(0);
            }
            (shift <= MAX_SHIFT).then(|| number.digits.checked_mul(10i128.pow(shift as u32)))?
        };
        if !self.exact || !other.exact {
            return None;
        }
        Some((scale(self)?, scale(other)?))
    }

    pub fn compare(&self, other: &Number) -> Ordering {
        match self.aligned(other) {
            Some((a, b)) => a.cmp(&b),
            None => self.float.partial_cmp(&other.float).unwrap_or(Ordering::Equal),
        }
    }

    /// Whether `self` divided by `other` is whole.
    pub fn is_multiple_of(&self, other: &Number) -> bool {
        match self.aligned(other) {
            Some((_, 0)) => false,
            Some((a, b)) => a % b == 0,
            None => (self.float / other.float).fract() == 0.0,
        }
    }

    pub fn is_zero(&self) -> bool {
        self.float == 0.0
    }

    pub fn is_integer(&self) -> bool {
        self.float.fract() == 0.0
    }

    /// The number as a count, where it is whole.
    pub fn as_count(&self) -> Option<i64> {
        self.is_integer().then_some(self.float as i64)
    }

    /// As golang.org/x/text prints a float64 in English: groups of thousands, powers of ten written out.
    pub fn print(&self) -> String {
        let scientific = format!("{:e}", self.float);
        let (digits, exponent) = scientific.split_once('e').unwrap_or((&scientific, "0"));
        let exponent: i32 = exponent.parse().unwrap_or(0);
        if (-4..6).contains(&exponent) || self.float == 0.0 {
            let plain = format!("{}", self.float);
            let (whole, fraction) = plain.split_once('.').map_or((plain.as_str(), None), |(w, f)| (w, Some(f)));
            let grouped = group(whole);
            return fraction.map_or(grouped.clone(), |fraction| format!("{grouped}.{fraction}"));
        }
        let raised = |c: char| match c {
            '1' => '¹',
            '2' => '²',
            '3' => '³',
            c => c.to_digit(10).and_then(|digit| char::from_u32(0x2070 + digit)).unwrap_or(c),
        };
        let sign = if exponent < 0 { "⁻" } else { "" };
        let power: String = format!("{:02}", exponent.abs()).chars().map(raised).collect();
        format!("{digits}×10{sign}{power}")
    }
}

/// A whole number as golang.org/x/text prints it: `1,234`.
pub(super) fn print_count(number: i64) -> String {
    group(&number.to_string())
}

fn group(whole: &str) -> String {
    let (sign, digits) = whole.strip_prefix('-').map_or(("", whole), |digits| ("-", digits));
    let mut out = sign.to_owned();
    for (place, digit) in digits.chars().enumerate() {
        if place > 0 && (digits.len() - place) % 3 == 0 {
            out.push(',');
        }
        out.push(digit);
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    // Expectations: golang.org/x/text/message as helm v4.3.1 builds it, Sprintf("%v", float64)
    #[test]
    fn numbers_print_in_english() {
        for (text, want) in [
            ("0", "0"),
            ("-1234", "-1,234"),
            ("65536", "65,536"),
            ("1234.5678", "1,234.5678"),
            ("1e6", "1×10⁰⁶"),
            ("1.5e21", "1.5×10²¹"),
            ("0.0001", "0.0001"),
            ("0.00001", "1×10⁻⁰⁵"),
            ("123456789.123456789", "1.2345678912345679×10⁰⁸"),
        ] {
            assert_eq!(Number::parse(text).unwrap().print(), want);
        }
    }

    #[test]
    fn decimals_are_exact() {
        let number = |text| Number::parse(text).unwrap();
        assert!(number("0.3").is_multiple_of(&number("0.1")));
        assert!(!number("0.25").is_multiple_of(&number("0.1")));
        assert!(number("1e300").compare(&number("1e299")).is_gt());
        assert!(number("1.0").compare(&number("1")).is_eq());
    }
}
