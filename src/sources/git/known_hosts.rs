//! OpenSSH's known_hosts, checked strictly: sshd(8) "SSH_KNOWN_HOSTS FILE FORMAT".

use base64::Engine;
use base64::engine::general_purpose::{STANDARD, STANDARD_NO_PAD};
use hmac::{Hmac, Mac};
use sha1::Sha1;
use sha2::{Digest, Sha256};

/// What known_hosts says of a key that a host showed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Verdict {
    /// The key is listed for the host.
    Known,
    /// No line for this host and key type; the types that the host does have lines for.
    Unknown(Vec<String>),
    /// The host has another key of this type.
    Changed,
    /// The key is marked `@revoked`.
    Revoked,
}

const MAX_LINES: usize = 10_000;

/// Looks a raw host key up for `host` (as the URL writes it) and `port`.
pub fn check(known_hosts: &str, host: &str, port: u16, key: &[u8]) -> Verdict {
    let kind = key_type(key);
    let full = if port == 22 { host.to_string() } else { format!("[{host}]:{port}") };
    let (mut known, mut changed, mut others) = (false, false, Vec::new());
    for line in known_hosts.lines().take(MAX_LINES).filter_map(Line::parse) {
        if line.marker == Some("@cert-authority") {
            continue;
        }
        let exact = line.covers(&full);
        // As ssh does: a key that is listed for the bare name is good on every port, but says nothing against one.
        if !exact && !line.covers(host) {
            continue;
        }
        let same = line.key == key;
        if line.marker == Some("@revoked") {
            if same {
                return Verdict::Revoked;
            }
            continue;
        }
        known |= same;
        changed |= exact && !same && line.kind == kind;
        if !same && line.kind != kind && !others.contains(&line.kind.to_string()) {
            others.push(line.kind.to_string());
        }
    }
    match (known, changed) {
        (true, _) => Verdict::Known,
        (false, true) => Verdict::Changed,
        (false, false) => Verdict::Unknown(others),
    }
}

/// `ssh-ed25519 SHA256:…`, as ssh-keygen -l prints it.
pub fn describe(key: &[u8]) -> String {
    format!("{} SHA256:{}", key_type(key), STANDARD_NO_PAD.encode(Sha256::digest(key)))
}

/// The type that a raw key names itself: a length and the name (RFC 4253 §6.6).
pub fn key_type(key: &[u8]) -> &str {
    let Some((len, rest)) = key.split_first_chunk::<4>() else { return "unknown" };
    let len = u32::from_be_bytes(*len) as usize;
    rest.get(..len).and_then(|name| std::str::from_utf8(name).ok()).unwrap_or("unknown")
}

struct Line<'a> {
    marker: Option<&'a str>,
    hosts: &'a str,
    kind: &'a str,
    key: Vec<u8>,
}

impl<'a> Line<'a> {
    fn parse(text: &'a str) -> Option<Self> {
        let text = text.trim();
        if text.is_empty() || text.starts_with('#') {
            return None;
        }
        let mut words = text.split_whitespace();
        let mut first = words.next()?;
        let marker = first.starts_with('@').then_some(first);
        if marker.is_some() {
            first = words.next()?;
        }
        let (kind, key) = (words.next()?, words.next()?);
        Some(Self { marker, hosts: first, kind, key: STANDARD.decode(key).ok()? })
    }

    fn covers(&self, host: &str) -> bool {
        if let Some(hashed) = self.hosts.strip_prefix("|1|") {
            return hashed_matches(hashed, host).unwrap_or(false);
        }
        let mut found = false;
        for pattern in self.hosts.split(',') {
            match pattern.strip_prefix('!') {
                Some(not) if wildcard(not.as_bytes(), host.as_bytes()) => return false,
                Some(_) => {}
                None => found |= wildcard(&pattern.to_ascii_lowercase().into_bytes(), host.as_bytes()),
            }
        }
        found
    }
}

/// `salt|hash`, both in base64: HMAC-SHA1 of the name under the salt.
fn hashed_matches(hashed: &str, host: &str) -> Option<bool> {
    let (salt, hash) = hashed.split_once('|')?;
    let mut mac = Hmac::<Sha1>::new_from_slice(&STANDARD.decode(salt).ok()?).ok()?;
    mac.update(host.as_bytes());
    Some(mac.verify_slice(&STANDARD.decode(hash).ok()?).is_ok())
}

/// `*` and `?`, without recursion: linear memory, at most pattern × text steps.
fn wildcard(pattern: &[u8], text: &[u8]) -> bool {
    let (mut p, mut t, mut star) = (0, 0, None);
    while t < text.len() {
        match pattern.get(p) {
            Some(b'*') => {
                star = Some((p, t));
                p += 1;
            }
            Some(&c) if c == b'?' || c == text[t] => {
                p += 1;
                t += 1;
            }
            _ => match star {
                Some((at, from)) => {
                    star = Some((at, from + 1));
                    p = at + 1;
                    t = from + 1;
                }
                None => return false,
            },
        }
    }
    pattern[p..].iter().all(|&c| c == b'*')
}

#[cfg(test)]
mod tests {
    use super::*;

    // Made with ssh-keygen (OpenSSH 9.2); HASHED is `ssh-keygen -H` of `example.com ED`.
    const ED: &str = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIA8Jz0dTYvHqJc3Zzm3GSeGUz2FbmvGWRCyUChqTJcbw";
    const ED2: &str = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIBbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb";

    fn raw(line: &str) -> Vec<u8> {
        STANDARD.decode(line.split(' ').nth(1).unwrap()).unwrap()
    }

    #[test]
    fn hosts_ports_and_patterns() {
        let key = raw(ED);
        let ok = |hosts: &str, host: &str, port| check(&format!("{hosts} {ED} comment"), host, port, &key) == Verdict::Known;
        assert!(ok("example.com", "example.com", 22));
        assert!(ok("[example.com]:2222", "example.com", 2222));
        assert!(ok("example.com", "example.com", 2222));
        assert!(!ok("[example.com]:2222", "example.com", 22));
        assert!(ok("a,*.example.com,!bad.example.com", "git.example.com", 22));
        assert!(!ok("*.example.com,!bad.example.com", "bad.example.com", 22));
        assert!(!ok("example.com", "example.org", 22));
    }

    #[test]
    fn a_changed_key_and_an_unknown_type_are_told_apart() {
        let key = raw(ED);
        assert_eq!(check(&format!("h {ED2}"), "h", 22, &key), Verdict::Changed);
        assert_eq!(check("h ssh-rsa AAAAB3NzaC1yc2EAAAA=", "h", 22, &key), Verdict::Unknown(vec!["ssh-rsa".into()]));
        assert_eq!(check(&format!("h {ED2}\nh {ED}"), "h", 22, &key), Verdict::Known);
        assert_eq!(check(&format!("h {ED}\n@revoked h {ED}"), "h", 22, &key), Verdict::Revoked);
        assert_eq!(check(&format!("@cert-authority h {ED}"), "h", 22, &key), Verdict::Unknown(vec![]));
        assert_eq!(check("", "h", 22, &key), Verdict::Unknown(vec![]));
    }

    #[test]
    fn garbage_is_passed_over() {
        for text in ["@", "@revoked", "h", "h k", "|1|x h k", "|1|", "h ssh-ed25519 %%%", "\u{0} \u{0} \u{0}"] {
            assert_eq!(check(text, "h", 22, &raw(ED)), Verdict::Unknown(vec![]));
        }
        assert_eq!(key_type(&[255, 255, 255, 255]), "unknown");
    }
}
