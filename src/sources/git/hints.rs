//! Which host key to ask a server for. It has several; OpenSSH asks for the kind that known_hosts has, libssh2 for
//! its own favourite unless it is told. libgit2 tells it from `.ssh/known_hosts` in its home directory, so ours is given one
//! with the lines that the credentials have. They are hints and no more: whom to trust is decided in `known_hosts`,
//! by the environment's own lines alone.

use std::collections::BTreeSet;
use std::ffi::CString;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, OnceLock, PoisonError};

use base64::Engine;
use base64::engine::general_purpose::STANDARD;

use super::known_hosts;

static HOME: OnceLock<PathBuf> = OnceLock::new();
static LINES: Mutex<BTreeSet<String>> = Mutex::new(BTreeSet::new());

/// libssh2 gives up on a file with one line that it cannot read (`knownhost.c`), so only what it surely can gets in.
const KINDS: &[&str] = &["ssh-ed25519", "ecdsa-sha2-nistp256", "ecdsa-sha2-nistp384", "ecdsa-sha2-nistp521", "ssh-rsa"];
const MAX_HOST: usize = 200;
const MAX_KEY: usize = 2_000;
const MAX_LINES: usize = 10_000;

/// Makes `cache/home` libgit2's home directory.
#[allow(unsafe_code)]
pub fn set_home(cache: &Path) {
    let home = cache.join("home");
    let Ok(path) = CString::new(home.as_os_str().as_bytes()) else { return };
    // SAFETY: as in `settings::apply`, the only caller: before any other use of libgit2. libgit2 copies the string.
    let set = unsafe { libgit2_sys::git_libgit2_opts(libgit2_sys::GIT_OPT_SET_HOMEDIR as std::ffi::c_int, path.as_ptr()) };
    if set == 0 {
        let _ = HOME.set(home);
    }
}

/// Adds the lines of one environment.
pub fn add(known_hosts: &str) {
    let Some(home) = HOME.get() else { return };
    let mut lines = LINES.lock().unwrap_or_else(PoisonError::into_inner);
    let before = lines.len();
    lines.extend(usable(known_hosts).take(MAX_LINES.saturating_sub(before)));
    if lines.len() == before {
        return;
    }
    let text: String = lines.iter().map(|line| format!("{line}\n")).collect();
    let dir = home.join(".ssh");
    let (file, fresh) = (dir.join("known_hosts"), dir.join("known_hosts.new"));
    let written = std::fs::create_dir_all(&dir).and_then(|()| std::fs::write(&fresh, text)).and_then(|()| std::fs::rename(&fresh, &file));
    if let Err(error) = written {
        tracing::info!(%error, "the kinds of known host keys could not be noted");
    }
}

fn usable(known_hosts: &str) -> impl Iterator<Item = String> {
    known_hosts.lines().filter(|line| !line.starts_with(['#', '@'])).flat_map(|line| {
        let words: Vec<&str> = line.split_whitespace().take(3).collect();
        let (hosts, kind, key) = match words.as_slice() {
            [hosts, kind, key] if KINDS.contains(kind) && is_key(kind, key) => (*hosts, *kind, *key),
            _ => ("", "", ""),
        };
        hosts.split(',').filter(|host| is_host(host)).map(|host| format!("{host} {kind} {key}")).collect::<Vec<_>>()
    })
}

fn is_key(kind: &str, key: &str) -> bool {
    key.len() <= MAX_KEY && STANDARD.decode(key).is_ok_and(|raw| raw.len() > 32 && known_hosts::key_type(&raw) == kind)
}

/// A plain name, or salt and hash of one, 20 bytes each.
fn is_host(host: &str) -> bool {
    if let Some(hashed) = host.strip_prefix("|1|") {
        let twenty = |text: &str| STANDARD.decode(text).is_ok_and(|bytes| bytes.len() == 20);
        return hashed.split_once('|').is_some_and(|(salt, hash)| twenty(salt) && twenty(hash));
    }
    !host.is_empty() && host.len() <= MAX_HOST && !host.contains(['*', '?', '!', '|'])
}

#[cfg(test)]
mod tests {
    #[test]
    fn only_what_libssh2_reads_gets_in() {
        let key = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIA8Jz0dTYvHqJc3Zzm3GSeGUz2FbmvGWRCyUChqTJcbw";
        let hashed = "|1|F1E1KeoE/eEWhi10WpGv4OdiO6Y=|3988QV0VE8wmZL7suNrYQLITLCg=";
        let text = format!(
            "# c\na,*.b,!c {key} me\n@revoked a {key}\n{hashed} {key}\n|1|x|y {key}\nbad\nh ssh-ed25519 AAAA\nh ssh-rsa {}\n",
            &key[12..]
        );
        let lines: Vec<String> = super::usable(&text).collect();
        assert_eq!(lines, [format!("a {key}"), format!("{hashed} {key}")]);
    }
}
