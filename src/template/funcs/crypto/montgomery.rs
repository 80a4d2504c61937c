//! Powers modulo an odd number, in Montgomery's form. Nearly all the time that a key takes goes into these: with product and
//! reduction in one pass they take half of what the library of big numbers takes.

use num_bigint_dig::BigUint;

/// Bits of the exponent that are taken together.
const WINDOW: usize = 5;

/// An odd modulus, prepared.
pub(super) struct Modulus {
    limbs: Vec<u64>,
    /// The negative inverse of the lowest limb modulo 2^64.
    inverse: u64,
    /// 2^(128 n) modulo the modulus of n limbs: what brings a number into Montgomery's form.
    square: Vec<u64>,
}

/// Little-endian limbs, so many.
fn limbs(number: &BigUint, count: usize) -> Vec<u64> {
    let mut limbs = vec![0; count];
    for (limb, chunk) in limbs.iter_mut().zip(number.to_bytes_le().chunks(8)) {
        *limb = chunk.iter().rev().fold(0, |sum, byte| sum << 8 | u64::from(*byte));
    }
    limbs
}

impl Modulus {
    /// Prepares an odd number.
    pub(super) fn new(number: &BigUint) -> Modulus {
        let count = number.bits().div_ceil(64);
        let own = limbs(number, count);
        // Newton's iteration: each step doubles the bits that are right, from three.
        let mut inverse = own[0];
        for _ in 0..5 {
            inverse = inverse.wrapping_mul(2_u64.wrapping_sub(own[0].wrapping_mul(inverse)));
        }
        let square = (BigUint::from(1_u8) << (128 * count)) % number;
        Modulus { square: limbs(&square, count), limbs: own, inverse: inverse.wrapping_neg() }
    }

    /// `a * b / 2^(64 n)` modulo the modulus, both below it. `out` has a limb more than they.
    fn multiply(&self, a: &[u64], b: &[u64], out: &mut [u64]) {
        let count = self.limbs.len();
        let (a, b, n, out) = (&a[..count], &b[..count], &self.limbs[..count], &mut out[..=count]);
        out.fill(0);
        for factor in a.iter().map(|limb| u128::from(*limb)) {
            let first = u128::from(out[0]) + factor * u128::from(b[0]);
            let reduce = u128::from((first as u64).wrapping_mul(self.inverse));
            let mut product = first >> 64;
            let mut reduced = (u128::from(first as u64) + reduce * u128::from(n[0])) >> 64;
            for place in 1..count {
                let sum = u128::from(out[place]) + factor * u128::from(b[place]) + product;
                product = sum >> 64;
                let sum = u128::from(sum as u64) + reduce * u128::from(n[place]) + reduced;
                reduced = sum >> 64;
                out[place - 1] = sum as u64;
            }
            let top = u128::from(out[count]) + product + reduced;
            out[count - 1] = top as u64;
            out[count] = (top >> 64) as u64;
        }
        let below = out[count] == 0 && out[..count].iter().rev().cmp(n.iter().rev()).is_lt();
        if !below {
            let mut borrow = false;
            for (limb, own) in out.iter_mut().zip(n) {
                let (less, first) = limb.overflowing_sub(*own);
                let (less, second) = less.overflowing_sub(u64::from(borrow));
                (*limb, borrow) = (less, first || second);
            }
            out[count] = 0;
        }
    }

    /// `base` to the power of `exponent`, for a base below the modulus.
    pub(super) fn power(&self, base: &BigUint, exponent: &BigUint) -> BigUint {
        let count = self.limbs.len();
        let mut one = vec![0; count];
        one[0] = 1;
        let mut spare = vec![0; count + 1];
        let mut powers = vec![vec![0; count + 1]; 1 << WINDOW];
        self.multiply(&one, &self.square, &mut powers[0]);
        self.multiply(&limbs(base, count), &self.square, &mut powers[1]);
        for place in 2..powers.len() {
            self.multiply(&powers[place - 1], &powers[1], &mut spare);
            powers[place].copy_from_slice(&spare);
        }
        let bits = exponent.to_bytes_be();
        let bit = |place: usize| usize::from(bits[bits.len() - 1 - place / 8] >> (place % 8) & 1);
        let windows = exponent.bits().div_ceil(WINDOW);
        let mut result = powers[0].clone();
        for window in (0..windows).rev() {
            for _ in 0..WINDOW {
                self.multiply(&result, &result, &mut spare);
                std::mem::swap(&mut result, &mut spare);
            }
            let places = (window * WINDOW..exponent.bits().min((window + 1) * WINDOW)).rev();
            let digit = places.fold(0, |digit, place| digit << 1 | bit(place));
            if digit > 0 {
                self.multiply(&result, &powers[digit], &mut spare);
                std::mem::swap(&mut result, &mut spare);
            }
        }
        self.multiply(&result, &one, &mut spare);
        BigUint::from_bytes_le(&spare[..count].iter().flat_map(|limb| limb.to_le_bytes()).collect::<Vec<u8>>())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use rand::RngCore as _;

    #[test]
    fn powers_are_those_of_the_library() {
        let number = |bytes: usize, odd: u8| {
            let mut buffer = vec![0; bytes];
            rand::thread_rng().fill_bytes(&mut buffer);
            buffer[bytes - 1] |= odd;
            BigUint::from_bytes_be(&buffer)
        };
        for bytes in (1..70).chain([128, 129, 256]) {
            let modulus = number(bytes, 1);
            if modulus.bits() < 2 {
                continue;
            }
            let (base, exponent) = (number(bytes + 3, 0) % &modulus, number(bytes.min(40), 0));
            assert_eq!(Modulus::new(&modulus).power(&base, &exponent), base.modpow(&exponent, &modulus), "{base}^{exponent} mod {modulus}");
        }
        let all_ones = (BigUint::from(1_u8) << 256) - BigUint::from(1_u8);
        let base = &all_ones - BigUint::from(1_u8);
        for exponent in [0_u8, 1, 2, 31, 32, 33, 255].map(BigUint::from) {
            assert_eq!(Modulus::new(&all_ones).power(&base, &exponent), base.modpow(&exponent, &all_ones));
        }
    }
}
