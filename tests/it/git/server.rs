//! Real servers on free ports: `git http-backend` behind a small HTTP(S) front, and OpenSSH's sshd.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use base64::Engine;
use crate::free_port;
use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair};
use rustls::pki_types::{CertificateDer, PrivateKeyDer};

/// What the front does before it asks git.
#[derive(Clone, Default)]
pub struct Front {
    /// The `Authorization` header that is let in.
    pub authorization: Option<String>,
    /// Answered to everything, such as `503 Service Unavailable`.
    pub status: Option<&'static str>,
    /// Accepts and stays silent.
    pub silent: bool,
    /// Answered as a page.
    pub page: Option<&'static str>,
    /// Where everything is redirected to.
    pub redirect: Option<String>,
    /// Pause after each piece of a pack.
    pub slow: Option<Duration>,
    /// Certificates (the server's own first) and key in DER.
    pub tls: Option<(Vec<Vec<u8>>, Vec<u8>)>,
}

pub fn basic(user: &str, password: &str) -> String {
    format!("Basic {}", base64::engine::general_purpose::STANDARD.encode(format!("{user}:{password}")))
}

/// A running server; its thread ends with the test process.
pub struct Http {
    pub port: u16,
    tls: bool,
    requests: Arc<Mutex<Vec<String>>>,
}

impl Http {
    pub fn start(root: &Path, front: Front) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        let requests = Arc::new(Mutex::new(Vec::new()));
        let (log, root, tls) = (requests.clone(), root.to_path_buf(), front.tls.is_some());
        let config = front.tls.clone().map(|(chain, key)| {
            let provider = Arc::new(rustls::crypto::ring::default_provider());
            let config = rustls::ServerConfig::builder_with_provider(provider).with_safe_default_protocol_versions().unwrap();
            let chain = chain.into_iter().map(CertificateDer::from).collect();
            Arc::new(config.with_no_client_auth().with_single_cert(chain, PrivateKeyDer::try_from(key).unwrap()).unwrap())
        });
        std::thread::spawn(move || {
            for socket in listener.incoming().flatten() {
                let (front, root, log, config) = (front.clone(), root.clone(), log.clone(), config.clone());
                std::thread::spawn(move || match config {
                    None => serve(socket, &front, &root, &log),
                    Some(config) => {
                        let session = rustls::ServerConnection::new(config).unwrap();
                        serve(rustls::StreamOwned::new(session, socket), &front, &root, &log);
                    }
                });
            }
        });
        Self { port, tls, requests }
    }

    pub fn url(&self, name: &str) -> String {
        let (scheme, host) = if self.tls { ("https", "localhost") } else { ("http", "127.0.0.1") };
        format!("{scheme}://{host}:{}/{name}.git", self.port)
    }

    /// `GET /app.git/info/refs` and so on, since the last call.
    pub fn take_requests(&self) -> Vec<String> {
        std::mem::take(&mut *self.requests.lock().unwrap())
    }
}

fn serve<S: Read + Write>(socket: S, front: &Front, root: &Path, log: &Mutex<Vec<String>>) {
    let mut stream = BufReader::new(socket);
    let mut line = String::new();
    if stream.read_line(&mut line).unwrap_or(0) == 0 {
        return;
    }
    let mut words = line.split_whitespace();
    let (method, target) = (words.next().unwrap_or("").to_string(), words.next().unwrap_or("").to_string());
    let mut headers = Vec::new();
    loop {
        let mut line = String::new();
        if stream.read_line(&mut line).unwrap_or(0) == 0 || line == "\r\n" {
            break;
        }
        let (name, value) = line.split_once(':').unwrap_or((&line, ""));
        headers.push((name.to_ascii_lowercase(), value.trim().to_string()));
    }
    let header = |name: &str| headers.iter().find(|(n, _)| n == name).map(|(_, v)| v.clone());
    let (path, query) = target.split_once('?').unwrap_or((&target, ""));
    log.lock().unwrap().push(format!("{method} {path}"));
    if front.silent {
        std::thread::sleep(Duration::from_secs(60));
        return;
    }
    if header("expect").is_some() {
        let _ = stream.get_mut().write_all(b"HTTP/1.1 100 Continue\r\n\r\n");
    }
    let body = body(&mut stream, &header);
    let out = stream.get_mut();
    if let Some(status) = front.status {
        return answer(out, status, "", "no");
    }
    if let Some(page) = front.page {
        return answer(out, "200 OK", "Content-Type: text/html\r\n", page);
    }
    if let Some(to) = &front.redirect {
        return answer(out, "302 Found", &format!("Location: {to}{target}\r\n"), "");
    }
    if front.authorization.is_some() && header("authorization") != front.authorization {
        let scheme = if front.authorization.as_ref().is_some_and(|a| a.starts_with("Bearer")) { "Bearer" } else { "Basic" };
        return answer(out, "401 Unauthorized", &format!("WWW-Authenticate: {scheme} realm=\"git\"\r\n"), "");
    }
    cgi(out, front, root, &method, path, query, header("content-type"), &body);
}

fn body<S: Read>(stream: &mut BufReader<S>, header: &dyn Fn(&str) -> Option<String>) -> Vec<u8> {
    let mut body = Vec::new();
    if header("transfer-encoding").as_deref() == Some("chunked") {
        loop {
            let mut line = String::new();
            stream.read_line(&mut line).unwrap();
            let size = usize::from_str_radix(line.trim(), 16).unwrap();
            let mut piece = vec![0; size + 2];
            stream.read_exact(&mut piece).unwrap();
            body.extend_from_slice(&piece[..size]);
            if size == 0 {
                return body;
            }
        }
    }
    body.resize(header("content-length").and_then(|l| l.parse().ok()).unwrap_or(0), 0);
    stream.read_exact(&mut body).unwrap();
    body
}

fn answer(out: &mut impl Write, status: &str, headers: &str, body: &str) {
    let _ = write!(out, "HTTP/1.1 {status}\r\n{headers}Content-Length: {}\r\nConnection: close\r\n\r\n{body}", body.len());
    let _ = out.flush();
}

#[allow(clippy::too_many_arguments)]
fn cgi(out: &mut impl Write, front: &Front, root: &Path, method: &str, path: &str, query: &str, kind: Option<String>, body: &[u8]) {
    let mut child = Command::new("git")
        .arg("http-backend")
        .env("GIT_PROJECT_ROOT", root)
        .env("GIT_HTTP_EXPORT_ALL", "1")
        .env("GIT_CONFIG_GLOBAL", "/dev/null")
        .env("PATH_INFO", path)
        .env("QUERY_STRING", query)
        .env("REQUEST_METHOD", method)
        .env("CONTENT_TYPE", kind.unwrap_or_default())
        .env("CONTENT_LENGTH", body.len().to_string())
        .env("REMOTE_ADDR", "127.0.0.1")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .expect("git http-backend must be installed");
    child.stdin.take().unwrap().write_all(body).unwrap();
    let mut stdout = BufReader::new(child.stdout.take().unwrap());
    let (mut status, mut headers) = ("200 OK".to_string(), String::new());
    loop {
        let mut line = String::new();
        if stdout.read_line(&mut line).unwrap() == 0 || line.trim().is_empty() {
            break;
        }
        match line.strip_prefix("Status: ") {
            Some(given) => status = given.trim().to_string(),
            None => headers.push_str(&line),
        }
    }
    let _ = write!(out, "HTTP/1.1 {status}\r\n{headers}Transfer-Encoding: chunked\r\nConnection: close\r\n\r\n");
    let mut piece = vec![0; 32 * 1024];
    loop {
        let size = stdout.read(&mut piece).unwrap_or(0);
        let sent = write!(out, "{size:x}\r\n").and_then(|()| out.write_all(&piece[..size])).and_then(|()| out.write_all(b"\r\n"));
        if size == 0 || sent.and_then(|()| out.flush()).is_err() {
            break;
        }
        if let Some(pause) = front.slow {
            std::thread::sleep(pause);
        }
    }
    let _ = child.kill();
    let _ = child.wait();
}

/// An authority with everything it takes to be a server.
pub struct Authority {
    pub root_pem: String,
    /// Server, intermediate; signed by the root.
    pub chain: Vec<Vec<u8>>,
    /// Server signed by the root itself.
    pub direct: Vec<Vec<u8>>,
    pub key: Vec<u8>,
    /// A server's certificate that signs itself, in DER and PEM, for the same key.
    pub lonely: (Vec<u8>, String),
}

pub fn authority(host: &str) -> Authority {
    let ca = |name: &str| {
        let mut params = CertificateParams::new(vec![]).unwrap();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params.distinguished_name.push(rcgen::DnType::CommonName, name);
        params
    };
    let root = CertifiedIssuer::self_signed(ca("test root"), KeyPair::generate().unwrap()).unwrap();
    let middle = CertifiedIssuer::signed_by(ca("test middle"), KeyPair::generate().unwrap(), &root).unwrap();
    let key = KeyPair::generate().unwrap();
    let server = || CertificateParams::new(vec![host.to_string()]).unwrap();
    let through = server().signed_by(&key, &middle).unwrap();
    let direct = server().signed_by(&key, &root).unwrap();
    let lonely = server().self_signed(&key).unwrap();
    Authority {
        root_pem: root.pem(),
        chain: vec![through.der().to_vec(), middle.der().to_vec()],
        direct: vec![direct.der().to_vec()],
        key: key.serialize_der(),
        lonely: (lonely.der().to_vec(), lonely.pem()),
    }
}

/// OpenSSH's server with keys of its own.
pub struct Sshd {
    pub port: u16,
    pub user: String,
    dir: tempfile::TempDir,
    child: Option<Child>,
}

impl Sshd {
    pub fn start() -> Self {
        let dir = tempfile::TempDir::new().unwrap();
        let user = String::from_utf8(Command::new("id").arg("-un").output().unwrap().stdout).unwrap().trim().to_string();
        let mut sshd = Self { port: free_port(), user, child: None, dir };
        sshd.keygen("host", "");
        sshd.keygen("host_ecdsa", "");
        sshd.keygen("user", "");
        sshd.keygen("locked", "open sesame");
        sshd.keygen("stranger", "");
        let allowed = format!("{}{}", sshd.read("user.pub"), sshd.read("locked.pub"));
        std::fs::write(sshd.file("authorized_keys"), allowed).unwrap();
        let config = format!(
            "Port {}\nListenAddress 127.0.0.1\nHostKey {}\nHostKey {}\nAuthorizedKeysFile {}\nPidFile none\nStrictModes no\nUsePAM no\n\
             PasswordAuthentication no\nKbdInteractiveAuthentication no\nPermitRootLogin prohibit-password\n",
            sshd.port,
            sshd.file("host").display(),
            sshd.file("host_ecdsa").display(),
            sshd.file("authorized_keys").display()
        );
        std::fs::write(sshd.file("config"), config).unwrap();
        // sshd drops privileges into this directory; Debian's init makes it at boot.
        let _ = std::fs::create_dir_all("/run/sshd");
        let mut command = Command::new("/usr/sbin/sshd");
        command.args(["-D", "-e", "-f"]).arg(sshd.file("config")).stderr(Stdio::null());
        sshd.child = Some(command.spawn().expect("Debian's openssh-server must be installed"));
        for _ in 0..200 {
            if TcpStream::connect(("127.0.0.1", sshd.port)).is_ok() {
                return sshd;
            }
            std::thread::sleep(Duration::from_millis(25));
        }
        panic!("sshd did not start on port {}", sshd.port);
    }

    fn keygen(&self, name: &str, passphrase: &str) {
        let kind = if name.ends_with("ecdsa") { "ecdsa" } else { "ed25519" };
        let made = Command::new("ssh-keygen").args(["-q", "-t", kind, "-N", passphrase, "-C", name, "-f"]).arg(self.file(name)).status();
        assert!(made.unwrap().success());
    }

    fn file(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    pub fn read(&self, name: &str) -> String {
        std::fs::read_to_string(self.file(name)).unwrap()
    }

    /// The line of one of its two keys, `host` (Ed25519) or `host_ecdsa`.
    pub fn known_by(&self, key: &str) -> String {
        format!("[127.0.0.1]:{} {}", self.port, self.read(&format!("{key}.pub")))
    }

    pub fn known_hosts(&self) -> String {
        self.known_by("host")
    }

    pub fn url(&self, repo: &Path) -> String {
        format!("ssh://{}@127.0.0.1:{}{}", self.user, self.port, repo.display())
    }
}

impl Drop for Sshd {
    fn drop(&mut self) {
        for child in self.child.iter_mut() {
            let _ = child.kill();
            let _ = child.wait();
        }
    }
}
