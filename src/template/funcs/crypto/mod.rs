//! Passwords, keys, certificates and encryption (sprig 3.3 `crypto.go`).

mod certificate;
mod der;
mod keys;
mod object;
mod montgomery;
mod passwords;
mod primes;

use super::args::{any, int, string, text};
use super::encodings::decode_base64;
use super::{FuncDef, FuncError, FuncResult, Host};
use crate::template::{GoType as T, Val};
use certificate::{Issuer, Template};
use keys::PrivateKey;
use object::{CERTIFICATE, pair};
use std::net::IpAddr;

/// Bits of the keys that certificates get.
const CERTIFICATE_BITS: usize = 2048;
/// Bits of `genPrivateKey "rsa"`.
const KEY_BITS: usize = 4096;

#[rustfmt::skip] // a table: name, parameters, result and body on one line, the sentence on the next
pub(super) static FUNCS: &[FuncDef] = &[
    FuncDef::new("bcrypt", &[T::String], T::String, |h, a| Ok(Val::str(passwords::bcrypt(h, text(a, 0)))), "The bcrypt hash of a password."),
    FuncDef::new("buildCustomCert", &[T::String, T::String], CERTIFICATE, |_, a| Ok(custom(a)?),
        "A certificate and its key, from base64 of their PEM texts."),
    FuncDef::new("decryptAES", &[T::String, T::String], T::String, |_, a| passwords::decrypt(text(a, 0), text(a, 1)),
        "A text that `encryptAES` encrypted under a password."),
    FuncDef::new("derivePassword", &[T::Uint32, T::String, T::String, T::String, T::String], T::String,
        |_, a| Ok(Val::str(passwords::derive(int(a, 0) as u32, [text(a, 1), text(a, 2), text(a, 3), text(a, 4)]))),
        "A password after the Master Password algorithm: counter, type, master password, user, site."),
    FuncDef::new("encryptAES", &[T::String, T::String], T::String, |h, a| Ok(Val::str(passwords::encrypt(h, text(a, 0), text(a, 1)))),
        "A text encrypted under a password: AES-256-CBC, in base64."),
    FuncDef::new("genCA", &[T::String, T::Int], CERTIFICATE, |h, a| authority(h, a, None),
        "A certificate authority: name and days of validity."),
    FuncDef::new("genCAWithKey", &[T::String, T::Int, T::String], CERTIFICATE, |h, a| authority(h, a, Some(2)), "As `genCA`, with a given key."),
    FuncDef::new("genPrivateKey", &[T::String], T::String, |h, a| Ok(Val::str(private_key(h, text(a, 0)))),
        "A private key: `rsa`, `ecdsa`, `ed25519` or `dsa`."),
    FuncDef::new("genSelfSignedCert", &[T::String, T::ListAny, T::ListAny, T::Int], CERTIFICATE, |h, a| self_signed(h, a, None),
        "A self-signed certificate: name, addresses, DNS names, days of validity."),
    FuncDef::new("genSelfSignedCertWithKey", &[T::String, T::ListAny, T::ListAny, T::Int, T::String], CERTIFICATE,
        |h, a| self_signed(h, a, Some(4)), "As `genSelfSignedCert`, with a given key."),
    FuncDef::new("genSignedCert", &[T::String, T::ListAny, T::ListAny, T::Int, CERTIFICATE], CERTIFICATE, |h, a| signed(h, a, None),
        "A certificate signed by an authority: name, addresses, DNS names, days of validity, authority."),
    FuncDef::new("genSignedCertWithKey", &[T::String, T::ListAny, T::ListAny, T::Int, CERTIFICATE, T::String], CERTIFICATE,
        |h, a| signed(h, a, Some(5)), "As `genSignedCert`, with a given key."),
    FuncDef::new("htpasswd", &[T::String, T::String], T::String, |h, a| Ok(Val::str(passwords::htpasswd(h, &string(a, 0), text(a, 1)))),
        "A line for an htpasswd file: user and bcrypt hash."),
];

fn private_key(host: &dyn Host, kind: &[u8]) -> String {
    let key = match kind {
        b"" | b"rsa" => PrivateKey::rsa(host, KEY_BITS),
        b"dsa" => Ok(PrivateKey::dsa(host)),
        b"ecdsa" => Ok(PrivateKey::ecdsa(host)),
        b"ed25519" => Ok(PrivateKey::ed25519(host)),
        other => return format!("Unknown type {}", String::from_utf8_lossy(other)),
    };
    match key {
        Ok(key) => key.to_pem(),
        Err(error) => format!("failed to generate private key: {error}"),
    }
}

/// The key at a place among the arguments, or a new one.
fn key(host: &dyn Host, args: &[Val], place: Option<usize>) -> Result<PrivateKey, FuncError> {
    match place {
        Some(place) => PrivateKey::from_pem(text(args, place)).map_err(|error| format!("parsing private key: {error}").into()),
        None => PrivateKey::rsa(host, CERTIFICATE_BITS).map_err(|error| format!("error generating rsa key: {error}").into()),
    }
}

/// sprig's `getBaseCertTemplate`.
fn template(host: &dyn Host, name: &[u8], ips: &Val, names: &Val, days: i64) -> Result<Template, FuncError> {
    let mut addresses: Vec<IpAddr> = Vec::new();
    for item in items(ips) {
        let Val::Str(address) = item else {
            return Err(format!("error parsing ip: {} is not a string", shown(item)).into());
        };
        let parsed = address.as_str().and_then(|text| text.parse().ok());
        addresses.push(parsed.ok_or_else(|| format!("error parsing ip: {address}"))?);
    }
    let mut dns_names = Vec::new();
    for item in items(names) {
        let Val::Str(name) = item else {
            return Err(format!("error processing alternate dns name: {} is not a string", shown(item)).into());
        };
        dns_names.push(name.to_vec());
    }
    let mut serial = [0; 16];
    host.random(&mut serial);
    let now = host.now();
    // `time.Hour * 24 * time.Duration(days)` wraps as Go's integers do.
    let valid = i128::from(86_400_000_000_000_i64.wrapping_mul(days));
    let seconds = |nanos: i128| nanos.div_euclid(1_000_000_000) as i64;
    Ok(Template {
        common_name: name.to_vec(),
        addresses,
        dns_names,
        not_before: seconds(now),
        not_after: seconds(now + valid),
        serial,
        authority: false,
    })
}

fn items(value: &Val) -> &[Val] {
    match value {
        Val::List(list) => &list.items,
        _ => &[],
    }
}

fn shown(value: &Val) -> String {
    crate::template::fmt::sprint(std::slice::from_ref(value))
}

/// sprig's `getCertAndKey`.
fn finish(template: &Template, key: &PrivateKey, issuer: Option<&Issuer>, signer: &PrivateKey) -> FuncResult {
    let der = certificate::create(template, key, issuer, signer)
        .map_err(|error| format!("error creating certificate: {error}"))?;
    Ok(pair(der::to_pem("CERTIFICATE", &der), key.to_pem()))
}

fn authority(host: &dyn Host, args: &[Val], key_place: Option<usize>) -> FuncResult {
    let key = key(host, args, key_place)?;
    let template = template(host, text(args, 0), &Val::Nil, &Val::Nil, int(args, 1))?;
    finish(&Template { authority: true, ..template }, &key, None, &key)
}

fn self_signed(host: &dyn Host, args: &[Val], key_place: Option<usize>) -> FuncResult {
    let key = key(host, args, key_place)?;
    let template = template(host, text(args, 0), any(args, 1), any(args, 2), int(args, 3))?;
    finish(&template, &key, None, &key)
}

fn signed(host: &dyn Host, args: &[Val], key_place: Option<usize>) -> FuncResult {
    let key = key(host, args, key_place)?;
    let (certificate, signing_key) = object::parts(any(args, 4));
    let (_, certificate) = der::from_pem(&certificate).ok_or("unable to decode certificate")?;
    let issuer = Issuer::parse(&certificate)
        .ok_or("error parsing certificate: decodedSignerCert.Bytes: x509: malformed certificate")?;
    let signer = PrivateKey::from_pem(&signing_key).map_err(|error| format!("error parsing private key: {error}"))?;
    let template = template(host, text(args, 0), any(args, 1), any(args, 2), int(args, 3))?;
    finish(&template, &key, Some(&issuer), &signer)
}

/// sprig's `buildCustomCertificate`.
fn custom(args: &[Val]) -> Result<Val, String> {
    let certificate = decode_base64(text(args, 0)).map_err(|_| "unable to decode base64 certificate")?;
    let key = decode_base64(text(args, 1)).map_err(|_| "unable to decode base64 private key")?;
    let (_, der) = der::from_pem(&certificate).ok_or("unable to decode certificate")?;
    Issuer::parse(&der).ok_or("error parsing certificate: decodedCert.Bytes: x509: malformed certificate")?;
    PrivateKey::from_pem(&key).map_err(|error| format!("error parsing private key: {error}"))?;
    Ok(pair(certificate, key))
}
