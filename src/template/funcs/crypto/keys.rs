//! Private keys: generated, read from PEM, written as sprig writes them, and signing certificates.

use super::der::{self, Reader, bits, element, integer, oid, sequence};
use super::primes;
use crate::template::funcs::Host;
use num_bigint_dig::BigUint;
use rsa::traits::{PrivateKeyParts as _, PublicKeyParts as _};
use sha2::Digest as _;

const OID_RSA: &[u8] = &[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x01, 0x01];
const OID_SHA256_RSA: &[u8] = &[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x01, 0x0b];
const OID_EC: &[u8] = &[0x2a, 0x86, 0x48, 0xce, 0x3d, 0x02, 0x01];
const OID_ED25519: &[u8] = &[0x2b, 0x65, 0x70];
const NULL: &[u8] = &[0x05, 0x00];

/// Random bits for DSA's modulus, as sprig's `L2048N256`.
const DSA_P_BYTES: usize = 256;
const DSA_Q_BYTES: usize = 32;
/// The biggest RSA modulus taken from a chart: beyond it signing takes minutes.
const MAX_RSA_BYTES: usize = 16_384 / 8;

/// The exponent of every key that Go makes.
const RSA_EXPONENT: u32 = 65_537;
/// How many pairs of primes are tried for a key.
const MAX_PRIME_PAIRS: usize = 20;

/// The host's randomness for crates that want a generator.
pub(super) struct HostRandom<'h>(pub &'h dyn Host);

impl rand::RngCore for HostRandom<'_> {
    fn next_u32(&mut self) -> u32 {
        let mut buffer = [0; 4];
        self.0.random(&mut buffer);
        u32::from_le_bytes(buffer)
    }

    fn next_u64(&mut self) -> u64 {
        let mut buffer = [0; 8];
        self.0.random(&mut buffer);
        u64::from_le_bytes(buffer)
    }

    fn fill_bytes(&mut self, buffer: &mut [u8]) {
        self.0.random(buffer);
    }

    fn try_fill_bytes(&mut self, buffer: &mut [u8]) -> Result<(), rand::Error> {
        self.0.random(buffer);
        Ok(())
    }
}

impl rand::CryptoRng for HostRandom<'_> {}

/// NIST's curves that Go's x509 knows and we sign with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Curve {
    P256,
    P384,
    P521,
}

/// A DSA key's numbers.
pub(super) struct Dsa {
    p: BigUint,
    q: BigUint,
    g: BigUint,
    y: BigUint,
    x: BigUint,
}

/// A private key.
pub(super) enum PrivateKey {
    Rsa(Box<rsa::RsaPrivateKey>),
    /// Curve and scalar.
    Ec(Curve, Vec<u8>),
    Ed25519(Box<ed25519_dalek::SigningKey>),
    Dsa(Box<Dsa>),
}

impl Curve {
    const ALL: [Curve; 3] = [Curve::P256, Curve::P384, Curve::P521];

    fn oid(self) -> &'static [u8] {
        match self {
            Curve::P256 => &[0x2a, 0x86, 0x48, 0xce, 0x3d, 0x03, 0x01, 0x07],
            Curve::P384 => &[0x2b, 0x81, 0x04, 0x00, 0x22],
            Curve::P521 => &[0x2b, 0x81, 0x04, 0x00, 0x23],
        }
    }

    /// Bytes of a scalar.
    fn size(self) -> usize {
        match self {
            Curve::P256 => 32,
            Curve::P384 => 48,
            Curve::P521 => 66,
        }
    }

    /// The public point, uncompressed; `None` for a scalar that is no key.
    fn point(self, scalar: &[u8]) -> Option<Vec<u8>> {
        use p256::elliptic_curve::sec1::ToEncodedPoint as _;
        Some(match self {
            Curve::P256 => p256::SecretKey::from_slice(scalar).ok()?.public_key().to_encoded_point(false).as_bytes().to_vec(),
            Curve::P384 => p384::SecretKey::from_slice(scalar).ok()?.public_key().to_encoded_point(false).as_bytes().to_vec(),
            Curve::P521 => p521::SecretKey::from_slice(scalar).ok()?.public_key().to_encoded_point(false).as_bytes().to_vec(),
        })
    }
}

impl PrivateKey {
    /// An RSA key of so many bits.
    pub fn rsa(host: &dyn Host, bits: usize) -> Result<PrivateKey, String> {
        for _ in 0..MAX_PRIME_PAIRS {
            let (p, q) = (primes::prime(host, bits / 2)?, primes::prime(host, bits / 2)?);
            // The exponent has no inverse where it divides p-1 or q-1: one pair of many thousands.
            if p != q
                && let Ok(key) = rsa::RsaPrivateKey::from_p_q(p, q, BigUint::from(RSA_EXPONENT))
            {
                return Ok(PrivateKey::Rsa(Box::new(key)));
            }
        }
        Err("no primes for a key were found: the source of randomness does not work".to_owned())
    }

    /// A key on P-256.
    pub fn ecdsa(host: &dyn Host) -> PrivateKey {
        PrivateKey::Ec(Curve::P256, p256::SecretKey::random(&mut HostRandom(host)).to_bytes().to_vec())
    }

    /// An Ed25519 key.
    pub fn ed25519(host: &dyn Host) -> PrivateKey {
        PrivateKey::Ed25519(Box::new(ed25519_dalek::SigningKey::generate(&mut HostRandom(host))))
    }

    /// A DSA key of 2048 and 256 bits, by Go's `GenerateParameters` and `GenerateKey`.
    pub fn dsa(host: &dyn Host) -> PrivateKey {
        let (p, q) = dsa_primes(host);
        let one = BigUint::from(1_u8);
        let exponent = (&p - &one) / &q;
        let mut base = BigUint::from(2_u8);
        let g = loop {
            let g = base.modpow(&exponent, &p);
            if g != one {
                break g;
            }
            base += &one;
        };
        let x = loop {
            let x = random_number(host, DSA_Q_BYTES, 0, 0);
            if x > BigUint::default() && x < q {
                break x;
            }
        };
        let y = g.modpow(&x, &p);
        PrivateKey::Dsa(Box::new(Dsa { p, q, g, y, x }))
    }

    /// sprig's `parsePrivateKeyPEM`.
    pub fn from_pem(text: &[u8]) -> Result<PrivateKey, String> {
        let (kind, bytes) = der::from_pem(text).ok_or("no PEM data in input")?;
        if kind == "PRIVATE KEY" {
            return from_pkcs8(&bytes).map_err(|error| format!("decoding PEM as PKCS#8: {error}"));
        }
        match kind.strip_suffix(" PRIVATE KEY") {
            None => Err(format!("no private key data in PEM block of type {kind}")),
            Some("RSA") => from_pkcs1(&bytes).map_err(|error| format!("parsing RSA private key from PEM: {error}")),
            Some("EC") => from_sec1(&bytes, None).map_err(|error| format!("parsing EC private key from PEM: {error}")),
            Some("DSA") => from_dsa(&bytes).ok_or_else(|| format!("parsing DSA private key from PEM: {MALFORMED}")),
            Some(_) => Err(format!("invalid private key type {kind}")),
        }
    }

    /// sprig's `pemBlockForKey`, encoded.
    pub fn to_pem(&self) -> String {
        match self {
            PrivateKey::Rsa(key) => der::to_pem("RSA PRIVATE KEY", &rsa_der(key)),
            PrivateKey::Ec(curve, scalar) => {
                let point = curve.point(scalar).unwrap_or_default();
                let parts = [
                    integer(&[1]),
                    element(der::OCTET_STRING, scalar),
                    element(0xa0, &oid(curve.oid())),
                    element(0xa1, &bits(&point)),
                ];
                der::to_pem("EC PRIVATE KEY", &sequence(&parts))
            }
            PrivateKey::Ed25519(key) => {
                let seed = element(der::OCTET_STRING, key.as_bytes());
                let parts = [integer(&[0]), sequence(&[oid(OID_ED25519)]), element(der::OCTET_STRING, &seed)];
                der::to_pem("PRIVATE KEY", &sequence(&parts))
            }
            PrivateKey::Dsa(key) => {
                let numbers = [&key.p, &key.q, &key.g, &key.y, &key.x].map(|number| integer(&number.to_bytes_be()));
                der::to_pem("DSA PRIVATE KEY", &sequence(&[vec![integer(&[0])], numbers.to_vec()].concat()))
            }
        }
    }

    /// The public key: the algorithm, encoded, and the key's own bytes. An error for what certificates cannot carry.
    pub fn public(&self) -> Result<(Vec<u8>, Vec<u8>), String> {
        Ok(match self {
            PrivateKey::Rsa(key) => {
                let numbers = [integer(&key.n().to_bytes_be()), integer(&key.e().to_bytes_be())];
                (sequence(&[oid(OID_RSA), NULL.to_vec()]), sequence(&numbers))
            }
            PrivateKey::Ec(curve, scalar) => {
                (sequence(&[oid(OID_EC), oid(curve.oid())]), curve.point(scalar).unwrap_or_default())
            }
            PrivateKey::Ed25519(key) => (sequence(&[oid(OID_ED25519)]), key.verifying_key().to_bytes().to_vec()),
            PrivateKey::Dsa(_) => return Err("x509: unsupported public key type: *dsa.PublicKey".into()),
        })
    }

    /// The algorithm by which this key signs certificates, encoded. A DSA key signs none.
    pub fn signature_algorithm(&self) -> Result<Vec<u8>, String> {
        Ok(match self {
            PrivateKey::Rsa(_) => sequence(&[oid(OID_SHA256_RSA), NULL.to_vec()]),
            PrivateKey::Ec(curve, _) => {
                let last = match curve {
                    Curve::P256 => 2,
                    Curve::P384 => 3,
                    Curve::P521 => 4,
                };
                sequence(&[oid(&[0x2a, 0x86, 0x48, 0xce, 0x3d, 0x04, 0x03, last])])
            }
            PrivateKey::Ed25519(_) => sequence(&[oid(OID_ED25519)]),
            PrivateKey::Dsa(_) => return Err("x509: certificate private key does not implement crypto.Signer".into()),
        })
    }

    /// Signs a certificate's body.
    pub fn sign(&self, body: &[u8]) -> Result<Vec<u8>, String> {
        use p256::ecdsa::signature::hazmat::PrehashSigner as _;
        let broken = |_| "x509: the key cannot sign".to_owned();
        match self {
            PrivateKey::Rsa(key) => key
                .sign(rsa::Pkcs1v15Sign::new::<sha2::Sha256>(), &sha2::Sha256::digest(body))
                .map_err(|error| error.to_string()),
            PrivateKey::Ec(Curve::P256, scalar) => {
                let key = p256::ecdsa::SigningKey::from_slice(scalar).map_err(broken)?;
                let signature: p256::ecdsa::Signature = key.sign_prehash(&sha2::Sha256::digest(body)).map_err(broken)?;
                Ok(signature.to_der().as_bytes().to_vec())
            }
            PrivateKey::Ec(Curve::P384, scalar) => {
                let key = p384::ecdsa::SigningKey::from_slice(scalar).map_err(broken)?;
                let signature: p384::ecdsa::Signature = key.sign_prehash(&sha2::Sha384::digest(body)).map_err(broken)?;
                Ok(signature.to_der().as_bytes().to_vec())
            }
            PrivateKey::Ec(Curve::P521, scalar) => {
                let key = p521::ecdsa::SigningKey::from_slice(scalar).map_err(broken)?;
                let signature: p521::ecdsa::Signature = key.sign_prehash(&sha2::Sha512::digest(body)).map_err(broken)?;
                Ok(signature.to_der().as_bytes().to_vec())
            }
            PrivateKey::Ed25519(key) => {
                use ed25519_dalek::Signer as _;
                Ok(key.sign(body).to_bytes().to_vec())
            }
            PrivateKey::Dsa(_) => Err("x509: certificate private key does not implement crypto.Signer".into()),
        }
    }
}

/// For DER that cannot be read; Go's texts name Go's own structures.
const MALFORMED: &str = "asn1: structure error: the key is malformed";

fn rsa_der(key: &rsa::RsaPrivateKey) -> Vec<u8> {
    let one = BigUint::from(1_u8);
    let (p, q) = (&key.primes()[0], &key.primes()[1]);
    let inverse = q.modpow(&(p - BigUint::from(2_u8)), p); // p is prime
    let numbers = [key.n(), key.e(), key.d(), p, q, &(key.d() % (p - &one)), &(key.d() % (q - &one)), &inverse];
    let numbers = numbers.map(|number| integer(&number.to_bytes_be()));
    sequence(&[vec![integer(&[0])], numbers.to_vec()].concat())
}

fn from_pkcs1(bytes: &[u8]) -> Result<PrivateKey, String> {
    let read = || {
        let mut parts = Reader(Reader(bytes).expect(der::SEQUENCE)?);
        parts.integer()?;
        let mut number = || parts.integer().map(BigUint::from_bytes_be);
        let [n, e, d, p, q] = [number()?, number()?, number()?, number()?, number()?];
        Some((n, e, d, vec![p, q]))
    };
    let (n, e, d, primes) = read().ok_or(MALFORMED)?;
    if n.bits() / 8 > MAX_RSA_BYTES {
        return Err(format!("crypto/rsa: a modulus of {} bits is more than windlass signs with", n.bits()));
    }
    let key = rsa::RsaPrivateKey::from_components(n, e, d, primes).map_err(|_| "crypto/rsa: invalid exponents")?;
    key.validate().map_err(|_| "crypto/rsa: invalid exponents")?;
    Ok(PrivateKey::Rsa(Box::new(key)))
}

fn from_sec1(bytes: &[u8], outer: Option<Curve>) -> Result<PrivateKey, String> {
    let read = || {
        let mut parts = Reader(Reader(bytes).expect(der::SEQUENCE)?);
        let version = parts.integer()?;
        let scalar = parts.expect(der::OCTET_STRING)?;
        let inner = match parts.next() {
            Some((0xa0, content, _)) => Reader(content).expect(der::OID),
            _ => None,
        };
        Some((version, scalar, inner))
    };
    let (version, scalar, inner) = read().ok_or_else(|| format!("x509: failed to parse EC private key: {MALFORMED}"))?;
    if version != [1] {
        return Err(format!("x509: unknown EC private key version {}", version.last().unwrap_or(&0)));
    }
    let named = || Curve::ALL.into_iter().find(|curve| Some(curve.oid()) == inner);
    let curve = outer.or_else(named).ok_or("x509: unknown elliptic curve")?;
    // Leading zeros may be too many or missing: OpenSSL once did that.
    let skipped = scalar.iter().take_while(|byte| **byte == 0).count();
    let significant = &scalar[skipped..];
    if significant.len() > curve.size() {
        return Err("x509: invalid private key length".into());
    }
    let padded = [vec![0; curve.size() - significant.len()], significant.to_vec()].concat();
    match curve.point(&padded) {
        Some(_) => Ok(PrivateKey::Ec(curve, padded)),
        None => Err("x509: invalid elliptic curve private key value".into()),
    }
}

fn from_pkcs8(bytes: &[u8]) -> Result<PrivateKey, String> {
    let read = || {
        let mut parts = Reader(Reader(bytes).expect(der::SEQUENCE)?);
        parts.integer()?;
        let mut algorithm = Reader(parts.expect(der::SEQUENCE)?);
        let kind = algorithm.expect(der::OID)?;
        Some((kind, algorithm.next(), parts.expect(der::OCTET_STRING)?))
    };
    let (kind, parameters, key) = read().ok_or(MALFORMED)?;
    if kind == OID_RSA {
        return from_pkcs1(key).map_err(|error| format!("x509: failed to parse RSA private key embedded in PKCS#8: {error}"));
    }
    if kind == OID_EC {
        let curve = Curve::ALL.into_iter().find(|curve| parameters.is_some_and(|(_, oid, _)| oid == curve.oid()));
        return from_sec1(key, curve).map_err(|error| format!("x509: failed to parse EC private key embedded in PKCS#8: {error}"));
    }
    if kind == OID_ED25519 {
        let seed = Reader(key).expect(der::OCTET_STRING).ok_or("x509: invalid Ed25519 private key: asn1: syntax error")?;
        let seed: &[u8; 32] =
            seed.try_into().map_err(|_| format!("x509: invalid Ed25519 private key length: {}", seed.len()))?;
        return Ok(PrivateKey::Ed25519(Box::new(ed25519_dalek::SigningKey::from_bytes(seed))));
    }
    Err("x509: PKCS#8 wrapping contained private key with unknown algorithm".into())
}

fn from_dsa(bytes: &[u8]) -> Option<PrivateKey> {
    let mut parts = Reader(Reader(bytes).expect(der::SEQUENCE)?);
    parts.integer()?;
    let mut number = || parts.integer().map(BigUint::from_bytes_be);
    let [p, q, g, y, x] = [number()?, number()?, number()?, number()?, number()?];
    Some(PrivateKey::Dsa(Box::new(Dsa { p, q, g, y, x })))
}

/// A random number of so many bytes, with bits set in the first and the last.
fn random_number(host: &dyn Host, bytes: usize, first: u8, last: u8) -> BigUint {
    let mut buffer = vec![0; bytes];
    host.random(&mut buffer);
    buffer[0] |= first;
    buffer[bytes - 1] |= last;
    BigUint::from_bytes_be(&buffer)
}

/// Primes p and q with q dividing p-1. Go tries p from a random number down to the next one that is 1 modulo q; this takes
/// 1 modulo 2q, since an even p is never prime.
fn dsa_primes(host: &dyn Host) -> (BigUint, BigUint) {
    let one = BigUint::from(1_u8);
    loop {
        let q = random_number(host, DSA_Q_BYTES, 0x80, 1);
        if !primes::is_probable(host, &q) {
            continue;
        }
        let step = &q << 1;
        for _ in 0..4 * DSA_P_BYTES * 8 {
            let start = random_number(host, DSA_P_BYTES, 0x80, 1);
            let p = &start - (&start % &step) + &one;
            if p.bits() == DSA_P_BYTES * 8 && primes::is_probable(host, &p) {
                return (p, q);
            }
        }
    }
}
