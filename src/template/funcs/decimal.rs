//! shopspring/decimal 1.4 as sprig's `addf subf mulf divf` use it: exact decimals, division to 16 places.

use super::FuncError;
use num_bigint::{BigInt, Sign};

/// Places behind the point that a division keeps (`decimal.DivisionPrecision`).
const DIVISION_PRECISION: i32 = 16;

/// `value · 10^exponent`.
#[derive(Clone)]
pub(super) struct Decimal {
    value: BigInt,
    exponent: i32,
}

impl Decimal {
    /// `decimal.NewFromFloat`: the shortest digits that read back as this float.
    pub(super) fn from_float(number: f64) -> Result<Decimal, FuncError> {
        if !number.is_finite() {
            let text = if number.is_nan() { "NaN" } else if number > 0.0 { "+Inf" } else { "-Inf" };
            return Err(format!("Cannot create a Decimal from {text}").into());
        }
        let text = format!("{number:e}");
        let (digits, exponent) = text.split_once('e').unwrap_or((&text, "0"));
        let places = digits.split_once('.').map_or(0, |(_, fraction)| fraction.len() as i32);
        let value = digits.replace('.', "").parse().unwrap_or_default();
        Ok(Decimal { value, exponent: exponent.parse::<i32>().unwrap_or(0) - places })
    }

    /// Both values over the smaller exponent.
    fn rescaled(&self, other: &Decimal) -> (BigInt, BigInt, i32) {
        let exponent = self.exponent.min(other.exponent);
        (self.value_at(exponent), other.value_at(exponent), exponent)
    }

    fn value_at(&self, exponent: i32) -> BigInt {
        &self.value * ten_to(self.exponent - exponent)
    }

    /// The sum.
    pub(super) fn add(&self, other: &Decimal) -> Result<Decimal, FuncError> {
        let (a, b, exponent) = self.rescaled(other);
        Ok(Decimal { value: a + b, exponent })
    }

    /// The difference.
    pub(super) fn sub(&self, other: &Decimal) -> Result<Decimal, FuncError> {
        let (a, b, exponent) = self.rescaled(other);
        Ok(Decimal { value: a - b, exponent })
    }

    /// The product.
    pub(super) fn mul(&self, other: &Decimal) -> Result<Decimal, FuncError> {
        Ok(Decimal { value: &self.value * &other.value, exponent: self.exponent + other.exponent })
    }

    /// The quotient to 16 places, halves away from zero.
    pub(super) fn div(&self, other: &Decimal) -> Result<Decimal, FuncError> {
        if other.value.sign() == Sign::NoSign {
            return Err("decimal division by 0".into());
        }
        let shift = self.exponent - other.exponent + DIVISION_PRECISION;
        let (a, b) = match shift < 0 {
            true => (self.value.clone(), &other.value * ten_to(-shift)),
            false => (&self.value * ten_to(shift), other.value.clone()),
        };
        let (mut quotient, rest) = (&a / &b, &a % &b);
        if rest.magnitude() * 2u32 >= *b.magnitude() {
            quotient += if self.value.sign() == other.value.sign() { 1 } else { -1 };
        }
        Ok(Decimal { value: quotient, exponent: -DIVISION_PRECISION })
    }

    /// The nearest float.
    pub(super) fn to_float(&self) -> f64 {
        format!("{}e{}", self.value, self.exponent).parse().unwrap_or(0.0)
    }
}

fn ten_to(power: i32) -> BigInt {
    BigInt::from(10).pow(power.unsigned_abs())
}
