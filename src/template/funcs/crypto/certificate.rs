//! X.509 certificates, byte for byte as Go's `x509.CreateCertificate` writes what sprig asks for, save the random parts.

use super::der::{self, Reader, bits, element, integer, oid, sequence};
use super::keys::PrivateKey;
use crate::template::funcs::dates::utc_text;
use crate::template::quote::quote;
use sha2::Digest as _;
use std::net::IpAddr;

const OID_COMMON_NAME: &[u8] = &[0x55, 0x04, 0x03];
const OID_SUBJECT_KEY_ID: &[u8] = &[0x55, 0x1d, 0x0e];
const OID_KEY_USAGE: &[u8] = &[0x55, 0x1d, 0x0f];
const OID_ALTERNATIVE_NAMES: &[u8] = &[0x55, 0x1d, 0x11];
const OID_BASIC_CONSTRAINTS: &[u8] = &[0x55, 0x1d, 0x13];
const OID_AUTHORITY_KEY_ID: &[u8] = &[0x55, 0x1d, 0x23];
const OID_EXTENDED_USAGE: &[u8] = &[0x55, 0x1d, 0x25];
const OID_SERVER_AUTH: &[u8] = &[0x2b, 0x06, 0x01, 0x05, 0x05, 0x07, 0x03, 0x01];
const OID_CLIENT_AUTH: &[u8] = &[0x2b, 0x06, 0x01, 0x05, 0x05, 0x07, 0x03, 0x02];

/// What a certificate says (sprig's `getBaseCertTemplate`).
pub(super) struct Template {
    pub common_name: Vec<u8>,
    pub addresses: Vec<IpAddr>,
    pub dns_names: Vec<Vec<u8>>,
    /// Seconds since the epoch.
    pub not_before: i64,
    pub not_after: i64,
    pub serial: [u8; 16],
    pub authority: bool,
}

/// Who signs: the issuer's name, key identifier and public key, read from its certificate.
pub(super) struct Issuer {
    subject: Vec<u8>,
    key_id: Vec<u8>,
    /// Its `SubjectPublicKeyInfo`.
    public_key: Vec<u8>,
}

impl Issuer {
    /// Reads a certificate; `None` where it is malformed.
    pub fn parse(certificate: &[u8]) -> Option<Issuer> {
        let mut outer = Reader(certificate);
        let mut parts = Reader(Reader(outer.expect(der::SEQUENCE)?).expect(der::SEQUENCE)?);
        if !outer.0.is_empty() {
            return None;
        }
        let (tag, ..) = parts.clone().next()?;
        if tag == 0xa0 {
            parts.next()?; // the version
        }
        parts.expect(der::INTEGER)?;
        parts.expect(der::SEQUENCE)?; // the signature's algorithm
        parts.expect(der::SEQUENCE)?; // the issuer
        parts.expect(der::SEQUENCE)?; // the validity
        let (.., subject) = parts.next()?;
        let (.., public_key) = parts.next()?;
        let mut key_id = Vec::new();
        while let Some((tag, content, _)) = parts.next() {
            if tag == 0xa3 {
                key_id = subject_key_id(content).unwrap_or_default();
            }
        }
        Some(Issuer { subject: subject.to_vec(), key_id, public_key: public_key.to_vec() })
    }
}

fn subject_key_id(extensions: &[u8]) -> Option<Vec<u8>> {
    let mut extensions = Reader(Reader(extensions).expect(der::SEQUENCE)?);
    while let Some((_, content, _)) = extensions.next() {
        let mut parts = Reader(content);
        if parts.expect(der::OID)? == OID_SUBJECT_KEY_ID {
            return Reader(parts.expect(der::OCTET_STRING)?).expect(der::OCTET_STRING).map(<[u8]>::to_vec);
        }
    }
    None
}

/// Creates a certificate for a key, signed by an issuer's key, or by itself where there is no issuer.
pub(super) fn create(
    template: &Template,
    key: &PrivateKey,
    issuer: Option<&Issuer>,
    signer: &PrivateKey,
) -> Result<Vec<u8>, String> {
    let algorithm = signer.signature_algorithm()?;
    let (key_algorithm, key_bytes) = key.public()?;
    let subject = name(&template.common_name)?;
    let issuer_name = issuer.map_or(&subject, |issuer| &issuer.subject);
    let no_id = Vec::new();
    let authority_id = match issuer {
        Some(issuer) if issuer.subject != subject => &issuer.key_id,
        _ => &no_id,
    };
    if let Some(issuer) = issuer {
        let (algorithm, bytes) = signer.public()?;
        if issuer.public_key != sequence(&[algorithm, bits(&bytes)]) {
            return Err("x509: provided PrivateKey doesn't match parent's PublicKey".into());
        }
    }
    let extensions = extensions(template, &subject, &key_bytes, authority_id)?;
    let body = sequence(&[
        element(0xa0, &integer(&[2])),
        integer(&template.serial),
        algorithm.clone(),
        issuer_name.clone(),
        sequence(&[date(template.not_before)?, date(template.not_after)?]),
        subject,
        sequence(&[key_algorithm, bits(&key_bytes)]),
        element(0xa3, &sequence(&extensions)),
    ]);
    let signature = signer.sign(&body)?;
    Ok(sequence(&[body, algorithm, bits(&signature)]))
}

/// A name of nothing but the common name; an empty one has no part at all.
fn name(common_name: &[u8]) -> Result<Vec<u8>, String> {
    if common_name.is_empty() {
        return Ok(sequence(&[]));
    }
    if std::str::from_utf8(common_name).is_err() {
        return Err("asn1: string not valid UTF-8".into());
    }
    let printable = |byte: &u8| byte.is_ascii_alphanumeric() || b"'()+,-./ :=?".contains(byte);
    let tag = if common_name.iter().all(printable) { 0x13 } else { 0x0c };
    let part = sequence(&[oid(OID_COMMON_NAME), element(tag, common_name)]);
    Ok(sequence(&[element(der::SET, &part)]))
}

fn date(unix: i64) -> Result<Vec<u8>, String> {
    let year: i64 = utc_text(unix, "2006").parse().unwrap_or(0);
    match year {
        1950..2050 => Ok(element(0x17, utc_text(unix, "060102150405Z").as_bytes())),
        0..10_000 => Ok(element(0x18, utc_text(unix, "20060102150405Z").as_bytes())),
        _ => Err("asn1: structure error: cannot represent time as GeneralizedTime".into()),
    }
}

/// Go's `buildCertExtensions`, in its order.
fn extensions(template: &Template, subject: &[u8], key: &[u8], authority_id: &[u8]) -> Result<Vec<Vec<u8>>, String> {
    // Bits: digital signature, key encipherment and, for an authority, certificate signing.
    let usage = if template.authority { [2, 0xa4] } else { [5, 0xa0] };
    let constraints = match template.authority {
        true => sequence(&[element(0x01, &[0xff])]),
        false => sequence(&[]),
    };
    let mut all = vec![
        extension(OID_KEY_USAGE, true, &element(der::BIT_STRING, &usage)),
        extension(OID_EXTENDED_USAGE, false, &sequence(&[oid(OID_SERVER_AUTH), oid(OID_CLIENT_AUTH)])),
        extension(OID_BASIC_CONSTRAINTS, true, &constraints),
    ];
    if template.authority {
        let id = &sha2::Sha256::digest(key)[..20];
        all.push(extension(OID_SUBJECT_KEY_ID, false, &element(der::OCTET_STRING, id)));
    }
    if !authority_id.is_empty() {
        all.push(extension(OID_AUTHORITY_KEY_ID, false, &sequence(&[element(0x80, authority_id)])));
    }
    if !template.dns_names.is_empty() || !template.addresses.is_empty() {
        let no_subject = subject == sequence(&[]);
        all.push(extension(OID_ALTERNATIVE_NAMES, no_subject, &alternative_names(template)?));
    }
    Ok(all)
}

fn extension(id: &[u8], critical: bool, value: &[u8]) -> Vec<u8> {
    let critical = if critical { element(0x01, &[0xff]) } else { Vec::new() };
    sequence(&[oid(id), critical, element(der::OCTET_STRING, value)])
}

fn alternative_names(template: &Template) -> Result<Vec<u8>, String> {
    let mut names = Vec::new();
    for dns in &template.dns_names {
        if !dns.is_ascii() {
            return Err(format!("x509: {} cannot be encoded as an IA5String", quote(dns)));
        }
        names.push(element(0x82, dns));
    }
    for address in &template.addresses {
        names.push(match address.to_canonical() {
            IpAddr::V4(address) => element(0x87, &address.octets()),
            IpAddr::V6(address) => element(0x87, &address.octets()),
        });
    }
    Ok(sequence(&names))
}
