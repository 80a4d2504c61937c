//! Random primes for keys: a sieve takes what small numbers divide, Miller-Rabin the rest.
//!
//! Without the sieve nine of ten candidates cost a modular power each, and a key takes many times as long as Go's.

use super::montgomery::Modulus;
use crate::template::Host;
use num_bigint_dig::BigUint;
use std::sync::OnceLock;

/// The sieve knows the odd primes below this.
const SMALL: usize = 1 << 17;
/// How many odd numbers from a random one on are sieved; a prime of 2,048 bits is met after 710 of them, in the mean.
const WINDOW: usize = 1 << 13;
/// After so many windows without a prime the randomness is none.
const MAX_WINDOWS: usize = 100;

/// The odd primes below [`SMALL`].
fn small() -> &'static [u32] {
    static PRIMES: OnceLock<Vec<u32>> = OnceLock::new();
    PRIMES.get_or_init(|| {
        let mut composite = vec![false; SMALL];
        let mut primes = Vec::new();
        for number in (3..SMALL).step_by(2) {
            if !composite[number] {
                primes.push(number as u32);
                (number * number..SMALL).step_by(2 * number).for_each(|multiple| composite[multiple] = true);
            }
        }
        primes
    })
}

/// Whether a small prime divides a number that is larger than all of them.
fn has_small_divisor(number: &BigUint) -> bool {
    let limbs = limbs(number);
    small().iter().any(|prime| remainder(&limbs, u64::from(*prime)) == 0)
}

/// Rounds of Miller-Rabin that leave a random composite a chance below 2^-112, as in Go's crypto/internal/fips140/rsa
/// (FIPS 186-5, table B.1).
fn rounds(bits: usize) -> usize {
    match bits {
        3747.. => 3,
        1345.. => 4,
        476.. => 5,
        _ => 27,
    }
}

/// A number of so many bits (a multiple of 8), the two highest and the lowest set: the product of two such has twice the bits.
fn candidate(host: &dyn Host, bits: usize) -> BigUint {
    let mut bytes = vec![0; bits / 8];
    host.random(&mut bytes);
    if let [first, .., last] = bytes.as_mut_slice() {
        *first |= 0xC0;
        *last |= 1;
    }
    BigUint::from_bytes_be(&bytes)
}

/// A random prime of so many bits, the two highest set.
///
/// # Errors
/// There is no randomness.
pub(super) fn prime(host: &dyn Host, bits: usize) -> Result<BigUint, String> {
    for _ in 0..MAX_WINDOWS {
        let start = candidate(host, bits);
        let limbs = limbs(&start);
        let mut composite = vec![false; WINDOW];
        for prime in small() {
            let prime = *prime as usize;
            let rest = remainder(&limbs, prime as u64) as usize;
            // start + 2k is divided by p first where 2k = -rest modulo p; half of an odd number is that of it and p.
            let missing = (prime - rest) % prime;
            let first = if missing.is_multiple_of(2) { missing / 2 } else { (missing + prime) / 2 };
            (first..WINDOW).step_by(prime).for_each(|place| composite[place] = true);
        }
        for place in (0..WINDOW).filter(|place| !composite[*place]) {
            let number = &start + BigUint::from(2 * place);
            if number.bits() == bits && is_prime(host, &number, rounds(bits)) {
                return Ok(number);
            }
        }
    }
    Err("no prime was found: the source of randomness does not work".to_owned())
}

/// Limbs of 32 bits, the highest first.
fn limbs(number: &BigUint) -> Vec<u32> {
    let bytes = number.to_bytes_be();
    bytes.rchunks(4).rev().map(|chunk| chunk.iter().fold(0, |sum, byte| sum << 8 | u32::from(*byte))).collect()
}

fn remainder(limbs: &[u32], prime: u64) -> u64 {
    limbs.iter().fold(0, |rest, limb| (rest << 32 | u64::from(*limb)) % prime)
}

/// Whether a number of as many bits as keys' primes have is one.
pub(super) fn is_probable(host: &dyn Host, number: &BigUint) -> bool {
    !has_small_divisor(number) && is_prime(host, number, rounds(number.bits()))
}

/// Miller and Rabin's test of an odd number with random bases.
fn is_prime(host: &dyn Host, number: &BigUint, rounds: usize) -> bool {
    let (one, two) = (BigUint::from(1_u8), BigUint::from(2_u8));
    let less = number - &one;
    let twos = less.trailing_zeros().unwrap_or(0);
    let odd = &less >> twos;
    let mut bytes = vec![0; number.bits().div_ceil(8)];
    let modulus = Modulus::new(number);
    'rounds: for _ in 0..rounds {
        host.random(&mut bytes);
        // From 2 to the number less 2.
        let base = BigUint::from_bytes_be(&bytes) % (&less - &two) + &two;
        let mut power = modulus.power(&base, &odd);
        if power == one || power == less {
            continue;
        }
        for _ in 1..twos {
            power = &power * &power % number;
            if power == less {
                continue 'rounds;
            }
        }
        return false;
    }
    true
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::value::Value;
    use num_bigint_dig::prime::probably_prime;

    /// A host of which nothing but randomness is asked: what fills the buffer.
    struct Source(fn(&mut [u8]));

    const DICE: Source = Source(|buffer| rand::RngCore::fill_bytes(&mut rand::thread_rng(), buffer));

    impl Host for Source {
        fn now(&self) -> i128 {
            0
        }
        fn zone(&self) -> String {
            "UTC".into()
        }
        fn random(&self, buffer: &mut [u8]) {
            self.0(buffer);
        }
        fn lookup(&self, _: &str, _: &str, _: &str, _: &str) -> Result<Value, String> {
            Ok(Value::Null)
        }
        fn resolve(&self, _: &str) -> String {
            String::new()
        }
    }

    #[test]
    fn primes_are_prime_and_as_long_as_asked() {
        for bits in [256, 512, 1024] {
            let prime = prime(&DICE, bits).unwrap();
            assert_eq!(prime.bits(), bits);
            assert!(probably_prime(&prime, 20), "{prime} is no prime");
            assert_eq!(&prime >> (bits - 2), BigUint::from(3_u8), "the two highest bits are set");
        }
    }

    #[test]
    fn every_small_number_is_told_as_another_library_tells_it() {
        for number in (5..20_000_u32).step_by(2) {
            let number = BigUint::from(number);
            assert_eq!(is_prime(&DICE, &number, 27), probably_prime(&number, 20), "{number}");
        }
        // Carmichael numbers, and a strong pseudoprime to the bases 2, 3, 5 and 7.
        for number in [561_u64, 41_041, 825_265, 321_197_185, 3_215_031_751] {
            assert!(!is_prime(&DICE, &BigUint::from(number), 27), "{number}");
        }
    }

    #[test]
    fn without_randomness_there_is_an_error() {
        let stuck = Source(|buffer| buffer.fill(7));
        assert!(super::super::keys::PrivateKey::rsa(&stuck, 512).is_err());
    }
}
