//! Passwords: bcrypt, htpasswd, derivation after Master Password, AES under a password.

use super::decode_base64;
use crate::template::Val;
use crate::template::funcs::{FuncResult, Host};
use aes::cipher::{BlockDecryptMut as _, BlockEncryptMut as _, KeyIvInit as _, block_padding::NoPadding};
use base64::Engine as _;
use hmac::Mac as _;

/// bcrypt's `DefaultCost`.
const COST: u32 = 10;
/// What bcrypt can take; Go refuses more.
const MAX_PASSWORD: usize = 72;
const SEED: &[u8] = b"com.lyndir.masterpassword";
/// AES block and IV.
const BLOCK: usize = 16;

/// sprig's `bcrypt`: the error is the result.
pub(super) fn bcrypt(host: &dyn Host, password: &[u8]) -> String {
    if password.len() > MAX_PASSWORD {
        return "failed to encrypt string with bcrypt: bcrypt: password length exceeds 72 bytes".into();
    }
    let mut salt = [0; 16];
    host.random(&mut salt);
    match bcrypt::hash_with_salt(password, COST, salt) {
        Ok(hash) => hash.format_for_version(bcrypt::Version::TwoA),
        Err(error) => format!("failed to encrypt string with bcrypt: {error}"),
    }
}

/// sprig's `htpasswd`.
pub(super) fn htpasswd(host: &dyn Host, user: &[u8], password: &[u8]) -> Vec<u8> {
    match user.contains(&b':') {
        true => [b"invalid username: ", user].concat(),
        false => [user, b":", bcrypt(host, password).as_bytes()].concat(),
    }
}

fn templates(kind: &[u8]) -> Option<&'static [&'static str]> {
    Some(match kind {
        b"maximum" => &["anoxxxxxxxxxxxxxxxxx", "axxxxxxxxxxxxxxxxxno"],
        b"long" => &[
            "CvcvnoCvcvCvcv", "CvcvCvcvnoCvcv", "CvcvCvcvCvcvno", "CvccnoCvcvCvcv", "CvccCvcvnoCvcv", "CvccCvcvCvcvno",
            "CvcvnoCvccCvcv", "CvcvCvccnoCvcv", "CvcvCvccCvcvno", "CvcvnoCvcvCvcc", "CvcvCvcvnoCvcc", "CvcvCvcvCvccno",
            "CvccnoCvccCvcv", "CvccCvccnoCvcv", "CvccCvccCvcvno", "CvcvnoCvccCvcc", "CvcvCvccnoCvcc", "CvcvCvccCvccno",
            "CvccnoCvcvCvcc", "CvccCvcvnoCvcc", "CvccCvcvCvccno",
        ],
        b"medium" => &["CvcnoCvc", "CvcCvcno"],
        b"short" => &["Cvcn"],
        b"basic" => &["aaanaaan", "aannaaan", "aaannaaa"],
        b"pin" => &["nnnn"],
        _ => return None,
    })
}

fn characters(class: u8) -> &'static [u8] {
    match class {
        b'V' => b"AEIOU",
        b'C' => b"BCDFGHJKLMNPQRSTVWXYZ",
        b'v' => b"aeiou",
        b'c' => b"bcdfghjklmnpqrstvwxyz",
        b'A' => b"AEIOUBCDFGHJKLMNPQRSTVWXYZ",
        b'a' => b"AEIOUaeiouBCDFGHJKLMNPQRSTVWXYZbcdfghjklmnpqrstvwxyz",
        b'n' => b"0123456789",
        b'o' => b"@&%?,=[]_:-+*$#!'^~;()/.",
        _ => b"AEIOUaeiouBCDFGHJKLMNPQRSTVWXYZbcdfghjklmnpqrstvwxyz0123456789!@#$%^&*()",
    }
}

/// sprig's `derivePassword`; the texts are type, password, user and site.
pub(super) fn derive(counter: u32, [kind, password, user, site]: [&[u8]; 4]) -> Vec<u8> {
    let Some(templates) = templates(kind) else {
        return [b"cannot find password template ", kind].concat();
    };
    let length = |text: &[u8]| (text.len() as u32).to_be_bytes();
    let salt = [SEED, &length(user), user].concat();
    let mut key = [0; 64];
    let params = scrypt::Params::new(15, 8, 2, 64).expect("these parameters are within scrypt's bounds");
    scrypt::scrypt(password, &salt, &params, &mut key).expect("the key's length is within scrypt's bounds");
    let mut mac = hmac::Hmac::<sha2::Sha256>::new_from_slice(&key).expect("HMAC takes keys of any length");
    for part in [SEED, &length(site), site, &counter.to_be_bytes()] {
        mac.update(part);
    }
    let seed = mac.finalize().into_bytes();
    let template = templates[usize::from(seed[0]) % templates.len()];
    let choose = |(class, byte): (u8, &u8)| {
        let choice = characters(class);
        choice[usize::from(*byte) % choice.len()]
    };
    template.bytes().zip(&seed[1..]).map(choose).collect()
}

/// The password as a key of 32 bytes: cut, or filled with zeros.
fn aes_key(password: &[u8]) -> [u8; 32] {
    let mut key = [0; 32];
    let length = password.len().min(key.len());
    key[..length].copy_from_slice(&password[..length]);
    key
}

/// sprig's `encryptAES`.
pub(super) fn encrypt(host: &dyn Host, password: &[u8], plain: &[u8]) -> String {
    if plain.is_empty() {
        return String::new();
    }
    let mut iv = [0; BLOCK];
    host.random(&mut iv);
    let padding = BLOCK - plain.len() % BLOCK;
    let padded = [plain, &vec![padding as u8; padding]].concat();
    let cipher = cbc::Encryptor::<aes::Aes256>::new(&aes_key(password).into(), &iv.into());
    let encrypted = cipher.encrypt_padded_vec_mut::<NoPadding>(&padded);
    base64::engine::general_purpose::STANDARD.encode([&iv[..], &encrypted].concat())
}

/// sprig's `decryptAES`, with the panics of Go where the text is not what `encryptAES` made.
pub(super) fn decrypt(password: &[u8], encrypted: &[u8]) -> FuncResult {
    if encrypted.is_empty() {
        return Ok(Val::str(""));
    }
    let bytes = decode_base64(encrypted).map_err(|place| format!("illegal base64 data at input byte {place}"))?;
    if bytes.len() < BLOCK {
        let capacity = encrypted.len() / 4 * 3;
        return Err(match capacity < BLOCK {
            true => format!("runtime error: slice bounds out of range [:16] with capacity {capacity}").into(),
            false => format!("runtime error: slice bounds out of range [16:{}]", bytes.len()).into(),
        });
    }
    let (iv, body) = bytes.split_at(BLOCK);
    if !body.len().is_multiple_of(BLOCK) {
        return Err("crypto/cipher: input not full blocks".into());
    }
    let iv: [u8; BLOCK] = iv.try_into().expect("split off with this length");
    let cipher = cbc::Decryptor::<aes::Aes256>::new(&aes_key(password).into(), &iv.into());
    let plain = cipher.decrypt_padded_vec_mut::<NoPadding>(body).map_err(|_| "crypto/cipher: input not full blocks")?;
    let Some(&padding) = plain.last() else {
        return Err("runtime error: index out of range [-1]".into());
    };
    match plain.len().checked_sub(usize::from(padding)) {
        Some(end) => Ok(Val::str(&plain[..end])),
        None => Err(format!("runtime error: slice bounds out of range [:-{}]", usize::from(padding) - plain.len()).into()),
    }
}
