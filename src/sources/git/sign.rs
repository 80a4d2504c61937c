//! Signatures of commits and tags: made with a key of ours, and checked against a list of keys. SSH (PROTOCOL.sshsig, namespace
//! `git`) and OpenPGP, as git writes both.

use std::collections::BTreeMap;
use std::fmt;

use pgp::composed::{ArmorOptions, Deserializable, DetachedSignature, SignedPublicKey, SignedSecretKey};
use pgp::crypto::hash::HashAlgorithm;
use pgp::packet::SignatureType;
use pgp::types::{KeyDetails, Password};
use sha2::Digest as _;
use ssh_key::{HashAlg, LineEnding, PrivateKey, PublicKey, SshSig};

/// git's namespace for SSH signatures.
const NAMESPACE: &str = "git";
const SSH_BEGIN: &str = "-----BEGIN SSH SIGNATURE-----";
const PGP_BEGIN: &str = "-----BEGIN PGP SIGNATURE-----";
const PGP_PUBLIC: &str = "-----BEGIN PGP PUBLIC KEY BLOCK-----";
const PGP_PUBLIC_END: &str = "-----END PGP PUBLIC KEY BLOCK-----";
/// How many keys a list may hold.
const MAX_KEYS: usize = 1000;

/// A key that signs what the agent commits. `Debug` shows no key.
pub enum Signer {
    /// An SSH key.
    Ssh(Box<PrivateKey>),
    /// An OpenPGP key and its passphrase.
    Pgp(Box<SignedSecretKey>, Password),
}

impl fmt::Debug for Signer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Signer::Ssh(_) => "Signer::Ssh(***)",
            Signer::Pgp(..) => "Signer::Pgp(***)",
        })
    }
}

impl Signer {
    /// The private key that a Secret holds, under whatever key, with its passphrase under `passphrase`.
    ///
    /// # Errors
    /// What is wrong with it; never its content.
    pub fn from_secret(data: &BTreeMap<String, Vec<u8>>) -> Result<Signer, String> {
        let passphrase = data.get("passphrase").map(|bytes| String::from_utf8_lossy(bytes).trim_end_matches(['\r', '\n']).to_owned());
        for (name, bytes) in data {
            let Ok(text) = std::str::from_utf8(bytes) else { continue };
            if text.contains("BEGIN PGP PRIVATE KEY BLOCK") {
                let read = SignedSecretKey::from_armor_single(text.as_bytes());
                let (key, _) = read.map_err(|error| format!("the key {name} holds no OpenPGP key that can be read: {error}"))?;
                let password = passphrase.map_or_else(Password::empty, |text| Password::from(text.as_str()));
                return Ok(Signer::Pgp(Box::new(key), password));
            }
            if text.contains("BEGIN OPENSSH PRIVATE KEY") {
                let key = PrivateKey::from_openssh(text).map_err(|error| format!("the key {name} holds no SSH key that can be read: {error}"))?;
                if !key.is_encrypted() {
                    return Ok(Signer::Ssh(Box::new(key)));
                }
                let passphrase = passphrase.ok_or_else(|| format!("the SSH key in {name} has a passphrase, and there is no key passphrase"))?;
                let key = key.decrypt(passphrase).map_err(|error| format!("the SSH key in {name} does not open with the passphrase: {error}"))?;
                return Ok(Signer::Ssh(Box::new(key)));
            }
        }
        let names: Vec<&str> = data.keys().map(String::as_str).take(10).collect();
        Err(format!("it has {}, and no private key: an OpenSSH one (ssh-keygen -t ed25519), or an OpenPGP one (gpg --armor --export-secret-keys)", names.join(", ")))
    }

    /// The signature of a commit's text, as it stands in its header `gpgsig`.
    ///
    /// # Errors
    /// The key cannot sign.
    pub fn sign(&self, text: &[u8]) -> Result<String, String> {
        match self {
            Signer::Ssh(key) => {
                let signed = sign_ssh(key, text).map_err(|error| format!("signing with the SSH key: {error}"))?;
                signed.to_pem(LineEnding::LF).map_err(|error| format!("signing with the SSH key: {error}"))
            }
            Signer::Pgp(key, password) => {
                let hash = HashAlgorithm::Sha256;
                let may_sign = |signatures: &[pgp::packet::Signature]| signatures.iter().any(|signature| signature.key_flags().sign());
                let subkey = key.secret_subkeys.iter().find(|subkey| may_sign(&subkey.signatures));
                let signed = match subkey {
                    Some(subkey) => DetachedSignature::sign_binary_data(rand::rngs::OsRng, &subkey.key, password, hash, text),
                    None => DetachedSignature::sign_binary_data(rand::rngs::OsRng, &key.primary_key, password, hash, text),
                };
                let signed = signed.map_err(|error| format!("signing with the OpenPGP key (is its passphrase right?): {error}"))?;
                signed.to_armored_string(ArmorOptions::default()).map_err(|error| format!("signing with the OpenPGP key: {error}"))
            }
        }
    }
}

fn sign_ssh(key: &PrivateKey, text: &[u8]) -> Result<SshSig, ssh_key::Error> {
    let Some(pair) = key.key_data().rsa() else { return key.sign(NAMESPACE, HashAlg::Sha512, text) };
    // ssh-key 0.6 takes an RSA key's first prime for both of them and then refuses it; the key itself is as it should be.
    let number = |part: &ssh_key::Mpint| rsa::BigUint::from_bytes_be(part.as_positive_bytes().unwrap_or_default());
    let (public, private) = (&pair.public, &pair.private);
    let primes = vec![number(&private.p), number(&private.q)];
    let own = rsa::RsaPrivateKey::from_components(number(&public.n), number(&public.e), number(&private.d), primes);
    let own = own.map_err(|_| ssh_key::Error::Crypto)?;
    let data = SshSig::signed_data(NAMESPACE, HashAlg::Sha512, text)?;
    let digest = sha2::Sha512::digest(&data);
    let signed = own.sign(rsa::Pkcs1v15Sign::new::<sha2::Sha512>(), &digest).map_err(|_| ssh_key::Error::Crypto)?;
    let signature = ssh_key::Signature::new(ssh_key::Algorithm::Rsa { hash: Some(HashAlg::Sha512) }, signed)?;
    SshSig::new(key.public_key().key_data().clone(), NAMESPACE, HashAlg::Sha512, signature)
}

/// The keys whose signatures are believed.
#[derive(Clone, Debug, Default)]
pub struct Keyring {
    ssh: Vec<PublicKey>,
    pgp: Vec<SignedPublicKey>,
}

/// Why a signature is not believed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Distrust {
    /// There is none.
    Unsigned,
    /// It is by a key that is not in the list, or that may not sign any more: which, and why.
    Foreign(String),
    /// It is by a key of the list, and does not fit what it signs.
    Wrong(String),
}

impl Keyring {
    /// Reads a Secret's data: SSH public keys (as in `authorized_keys`, `allowed_signers` or `*.pub`) and OpenPGP public keys.
    ///
    /// # Errors
    /// The key and what is wrong with it.
    pub fn from_secret(data: &BTreeMap<String, Vec<u8>>) -> Result<Keyring, String> {
        let mut keys = Keyring::default();
        for (name, bytes) in data {
            let text = std::str::from_utf8(bytes).map_err(|_| format!("the key {name} is not text"))?;
            if text.contains("PRIVATE KEY") {
                return Err(format!("the key {name} holds a private key; only public ones belong there"));
            }
            keys.read(text).map_err(|why| format!("the key {name}: {why}"))?;
        }
        if keys.ssh.is_empty() && keys.pgp.is_empty() {
            return Err("it holds no public key: an SSH one (ssh-ed25519 AAAA…), or an OpenPGP one (gpg --armor --export)".into());
        }
        if keys.ssh.len() + keys.pgp.len() > MAX_KEYS {
            return Err(format!("it holds more than {MAX_KEYS} keys"));
        }
        Ok(keys)
    }

    fn read(&mut self, text: &str) -> Result<(), String> {
        let mut rest = text;
        while let Some(at) = rest.find(PGP_PUBLIC) {
            self.lines(&rest[..at])?;
            let block = &rest[at..];
            let end = block.find(PGP_PUBLIC_END).ok_or("an OpenPGP key without its last line")? + PGP_PUBLIC_END.len();
            let (found, _) = SignedPublicKey::from_armor_many(&block.as_bytes()[..end]).map_err(|error| format!("no OpenPGP key: {error}"))?;
            for key in found.take(MAX_KEYS) {
                self.pgp.push(key.map_err(|error| format!("no OpenPGP key: {error}"))?);
            }
            rest = &block[end..];
        }
        self.lines(rest)
    }

    fn lines(&mut self, text: &str) -> Result<(), String> {
        for (number, line) in text.lines().enumerate() {
            let line = line.trim();
            if line.is_empty() || line.starts_with('#') {
                continue;
            }
            let wrong = |why: &str| format!("line {}: {why}", number + 1);
            let words: Vec<&str> = line.split_whitespace().collect();
            let kind = words.iter().position(|word| ["ssh-", "ecdsa-", "sk-ssh-", "sk-ecdsa-"].iter().any(|start| word.starts_with(start)));
            let at = kind.ok_or_else(|| wrong("no public key"))?;
            // Options that narrow a key down may not be passed over.
            if let Some(option) = words[..at].iter().find(|word| ["cert-authority", "valid-after", "valid-before"].iter().any(|start| word.starts_with(start))) {
                return Err(wrong(&format!("the option {option} is not understood; list only keys that are good now")));
            }
            let encoded = words.get(at + 1).ok_or_else(|| wrong("no public key"))?;
            let key = PublicKey::from_openssh(&format!("{} {encoded} {}", words[at], words.get(at + 2).unwrap_or(&""))).map_err(|error| wrong(&format!("no SSH key: {error}")))?;
            self.ssh.push(key);
        }
        Ok(())
    }

    /// Who signed `text`, by a key of the list.
    ///
    /// # Errors
    /// Why the signature is not believed.
    pub fn check(&self, signature: &[u8], text: &[u8]) -> Result<String, Distrust> {
        let signature = String::from_utf8_lossy(signature);
        if signature.contains(SSH_BEGIN) {
            return self.check_ssh(&signature, text);
        }
        if signature.contains(PGP_BEGIN) {
            return self.check_pgp(&signature, text);
        }
        Err(Distrust::Foreign("a signature that is neither SSH nor OpenPGP".into()))
    }

    fn check_ssh(&self, signature: &str, text: &[u8]) -> Result<String, Distrust> {
        let signature = SshSig::from_pem(signature.trim()).map_err(|error| Distrust::Wrong(format!("an SSH signature that cannot be read ({error})")))?;
        let shown = PublicKey::from(signature.public_key().clone()).fingerprint(HashAlg::Sha256).to_string();
        let Some(key) = self.ssh.iter().find(|key| key.key_data() == signature.public_key()) else {
            return Err(Distrust::Foreign(format!("the SSH key {shown}, which is not in the list")));
        };
        let named = if key.comment().is_empty() { shown } else { format!("{shown} ({})", key.comment()) };
        key.verify(NAMESPACE, text, &signature).map_err(|_| Distrust::Wrong(format!("the signature of the SSH key {named} does not fit")))?;
        Ok(format!("the SSH key {named}"))
    }

    fn check_pgp(&self, signature: &str, text: &[u8]) -> Result<String, Distrust> {
        let read = DetachedSignature::from_armor_single(signature.as_bytes());
        let (signature, _) = read.map_err(|error| Distrust::Wrong(format!("an OpenPGP signature that cannot be read ({error})")))?;
        let inner = &signature.signature;
        let shown = inner.issuer_fingerprint().first().map(|found| found.to_string());
        let shown = shown.or_else(|| inner.issuer_key_id().first().map(|id| id.to_string())).unwrap_or_else(|| "unknown".into());
        let issued_by = |key: &dyn KeyDetails| {
            let by_print = inner.issuer_fingerprint().into_iter().any(|found| *found == key.fingerprint());
            by_print || (inner.issuer_fingerprint().is_empty() && inner.issuer_key_id().into_iter().any(|id| *id == key.legacy_key_id()))
        };
        for key in &self.pgp {
            let name = key.details.users.first().map(|user| String::from_utf8_lossy(user.id.id()).into_owned()).unwrap_or_default();
            let named = format!("the OpenPGP key {shown} ({name})");
            let wrong = || Distrust::Wrong(format!("the signature of {named} does not fit"));
            if issued_by(&key.primary_key) {
                self.usable(key, None, inner).map_err(|why| Distrust::Foreign(format!("{named}, which {why}")))?;
                signature.verify(&key.primary_key, text).map_err(|_| wrong())?;
                return Ok(named);
            }
            if let Some(at) = key.public_subkeys.iter().position(|subkey| issued_by(&subkey.key)) {
                self.usable(key, Some(at), inner).map_err(|why| Distrust::Foreign(format!("{named}, which {why}")))?;
                signature.verify(&key.public_subkeys[at].key, text).map_err(|_| wrong())?;
                return Ok(named);
            }
        }
        Err(Distrust::Foreign(format!("the OpenPGP key {shown}, which is not in the list")))
    }

    /// Whether a key could sign when the signature says that it was made: bound to its owner, meant for signing, neither
    /// revoked nor expired then.
    fn usable(&self, key: &SignedPublicKey, subkey: Option<usize>, signature: &pgp::packet::Signature) -> Result<(), String> {
        if !matches!(signature.typ(), Some(SignatureType::Binary | SignatureType::Text)) {
            return Err("made a signature of another kind".into());
        }
        key.details.verify_bindings(&key.primary_key).map_err(|error| format!("is not bound to its owner ({error})"))?;
        if !key.details.revocation_signatures.is_empty() {
            return Err("was revoked".into());
        }
        let time = signature.created().map(|time| u64::from(time.as_secs())).ok_or("does not say when it signed")?;
        let expired = |created: u64, life: Option<pgp::types::Duration>| life.is_some_and(|life| life.as_secs() > 0 && created + u64::from(life.as_secs()) < time);
        let own = key.details.users.iter().flat_map(|user| &user.signatures).chain(&key.details.direct_signatures);
        // The newest of the owner's own statements counts.
        let newest = own.filter(|own| own.created().is_some()).max_by_key(|own| own.created().map(|time| time.as_secs()));
        let made = u64::from(key.primary_key.created_at().as_secs());
        if expired(made, newest.and_then(|own| own.key_expiration_time())) {
            return Err("had expired".into());
        }
        let Some(subkey) = subkey.map(|at| &key.public_subkeys[at]) else {
            return if newest.is_none_or(|own| own.key_flags().sign()) { Ok(()) } else { Err("is not for signing".into()) };
        };
        subkey.verify_bindings(&key.primary_key).map_err(|error| format!("is not bound to its owner ({error})"))?;
        if subkey.signatures.iter().any(|own| own.typ() == Some(SignatureType::SubkeyRevocation)) {
            return Err("was revoked".into());
        }
        let newest = subkey.signatures.iter().filter(|own| own.created().is_some()).max_by_key(|own| own.created().map(|time| time.as_secs()));
        if !newest.is_some_and(|own| own.key_flags().sign()) {
            return Err("is not for signing".into());
        }
        if expired(u64::from(subkey.key.created_at().as_secs()), newest.and_then(|own| own.key_expiration_time())) {
            return Err("had expired".into());
        }
        Ok(())
    }
}

/// The signature at the end of a tag's text, and the text that it signs.
pub fn split_tag(text: &[u8]) -> Option<(&[u8], &[u8])> {
    let begin = |mark: &str| text.windows(mark.len()).rposition(|window| window == mark.as_bytes());
    let at = begin(SSH_BEGIN).max(begin(PGP_BEGIN)).filter(|at| *at == 0 || text[at - 1] == b'\n')?;
    Some((&text[at..], &text[..at]))
}
