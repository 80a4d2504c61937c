//! Signatures of Amazon SNS messages: which text is signed, by whom, and whether it is.
//!
//! <https://docs.aws.amazon.com/sns/latest/dg/sns-verify-signature-of-message.html>

use super::{Refused, text};
use base64::Engine as _;
use rsa::{Pkcs1v15Sign, RsaPublicKey, pkcs8::DecodePublicKey as _};
use serde_json::Value;
use sha1::Sha1;
use sha2::{Digest as _, Sha256};

/// How old a message may be, in seconds; SNS tries a delivery again for up to an hour.
const MAX_AGE: i64 = 3600;
/// How far in the future a message may claim to be.
const MAX_AHEAD: i64 = 300;
/// The fields that are signed, where the message has them, in this order.
const NOTIFICATION: &[&str] = &["Message", "MessageId", "Subject", "Timestamp", "TopicArn", "Type"];
const CONFIRMATION: &[&str] = &["Message", "MessageId", "SubscribeURL", "Timestamp", "Token", "TopicArn", "Type"];

/// A certificate and the address that it was fetched from.
#[derive(Clone, Debug, PartialEq)]
pub struct Certificate {
    /// Its address.
    pub url: String,
    /// PEM.
    pub pem: String,
}

/// Whether an address is one of Amazon's for SNS, by HTTPS: only from there are certificates believed.
pub fn trusted_host(url: &str) -> bool {
    let Some(rest) = url.strip_prefix("https://") else { return false };
    let host = rest.split('/').next().unwrap_or_default();
    let Some(region) = host.strip_prefix("sns.") else { return false };
    let region = region.strip_suffix(".amazonaws.com").or_else(|| region.strip_suffix(".amazonaws.com.cn"));
    region.is_some_and(|region| !region.is_empty() && region.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-'))
}

/// Proves a message by the certificate that it names.
pub(super) fn prove(body: &Value, certificate: Option<&Certificate>, now: i64) -> Result<(), Refused> {
    const WHAT: &str = "the SNS signature";
    let url = text(body, "/SigningCertURL");
    if !trusted_host(url) || !url.ends_with(".pem") {
        return Err(Refused::Forged("the signing certificate's address, which is not one of amazonaws.com, and"));
    }
    let time: jiff::Timestamp = text(body, "/Timestamp").parse().map_err(|_| Refused::Malformed("its Timestamp is not a time".into()))?;
    let age = now - time.as_second();
    if !(-MAX_AHEAD..=MAX_AGE).contains(&age) {
        return Err(Refused::Stale(age, MAX_AGE));
    }
    let Some(certificate) = certificate.filter(|certificate| certificate.url == url) else {
        return Err(Refused::NeedsCertificate(url.to_owned()));
    };
    let signature = base64::engine::general_purpose::STANDARD.decode(text(body, "/Signature")).map_err(|_| Refused::Unproved(WHAT))?;
    let key = public_key(&certificate.pem).ok_or_else(|| Refused::Malformed(format!("the certificate at {url} cannot be read")))?;
    let signed = signed_text(body);
    let proved = match text(body, "/SignatureVersion") {
        "1" => key.verify(Pkcs1v15Sign::new::<Sha1>(), &Sha1::digest(signed.as_bytes()), &signature),
        "2" => key.verify(Pkcs1v15Sign::new::<Sha256>(), &Sha256::digest(signed.as_bytes()), &signature),
        _ => return Err(Refused::Malformed("its SignatureVersion is neither 1 nor 2".into())),
    };
    proved.map_err(|_| Refused::Forged(WHAT))
}

/// Name and value of each signed field, a line each.
fn signed_text(body: &Value) -> String {
    let fields = if text(body, "/Type") == "Notification" { NOTIFICATION } else { CONFIRMATION };
    let present = fields.iter().filter_map(|name| Some((name, body[*name].as_str()?)));
    present.map(|(name, value)| format!("{name}\n{value}\n")).collect()
}

/// The RSA key of an X.509 certificate in PEM.
fn public_key(pem: &str) -> Option<RsaPublicKey> {
    let body = pem.split("-----BEGIN CERTIFICATE-----").nth(1)?.split("-----END CERTIFICATE-----").next()?;
    let body: String = body.split_whitespace().collect();
    let der = base64::engine::general_purpose::STANDARD.decode(body).ok()?;
    RsaPublicKey::from_public_key_der(subject_key(&der)?).ok()
}

/// `Certificate → tbsCertificate → subjectPublicKeyInfo`, whole (RFC 5280, 4.1).
fn subject_key(der: &[u8]) -> Option<&[u8]> {
    let (certificate, _) = inside(der)?;
    let (mut rest, _) = inside(certificate)?;
    // The version is left out of version 1 certificates.
    if rest.first() == Some(&0xA0) {
        rest = after(rest)?;
    }
    // serialNumber, signature, issuer, validity, subject
    for _ in 0..5 {
        rest = after(rest)?;
    }
    let (_, length) = inside(rest)?;
    rest.get(..length)
}

/// The content of the first element and the length of the whole of it.
fn inside(der: &[u8]) -> Option<(&[u8], usize)> {
    let short = *der.get(1)?;
    let (start, length) = match short {
        0..=0x7F => (2, usize::from(short)),
        0x81..=0x83 => {
            let count = usize::from(short & 0x7F);
            let length = der.get(2..2 + count)?.iter().fold(0, |sum, byte| sum << 8 | usize::from(*byte));
            (2 + count, length)
        }
        _ => return None,
    };
    Some((der.get(start..start + length)?, start + length))
}

/// What follows the first element.
fn after(der: &[u8]) -> Option<&[u8]> {
    let (_, length) = inside(der)?;
    der.get(length..)
}
