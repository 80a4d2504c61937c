//! A git server that pods can reach: `git http-backend` behind the smallest front that libgit2 and git talk to.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{IpAddr, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;

use anyhow::{Context, Result};

/// A client that says nothing for so long has gone.
const PATIENCE: Duration = Duration::from_secs(30);

/// The largest request that is read: what a fetch wants and has.
const MAX_BODY: u64 = 16 << 20;

/// It serves until the process ends.
pub struct GitServer {
    address: std::net::SocketAddr,
}

impl GitServer {
    /// Serves the bare repositories below a folder, for reading, on a free port of an address of this machine.
    pub fn start(root: &Path, ip: IpAddr) -> Result<Self> {
        Self::begin(root, ip, None)
    }

    /// The same, for those who know user and password.
    pub fn locked(root: &Path, ip: IpAddr, user: &str, password: &str) -> Result<Self> {
        use base64::Engine as _;
        let login = base64::engine::general_purpose::STANDARD.encode(format!("{user}:{password}"));
        Self::begin(root, ip, Some(format!("Basic {login}")))
    }

    fn begin(root: &Path, ip: IpAddr, login: Option<String>) -> Result<Self> {
        let listener = TcpListener::bind((ip, 0)).with_context(|| format!("listening on {ip} for git"))?;
        let address = listener.local_addr()?;
        let root = root.to_owned();
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let (root, login) = (root.clone(), login.clone());
                std::thread::spawn(move || {
                    if let Err(error) = serve(stream, &root, login.as_deref()) {
                        eprintln!("git server: {error:#}");
                    }
                });
            }
        });
        Ok(Self { address })
    }

    /// The address of a repository.
    pub fn url(&self, name: &str) -> String {
        format!("http://{}/{name}", self.address)
    }
}

/// One request of one connection.
fn serve(stream: TcpStream, root: &Path, login: Option<&str>) -> Result<()> {
    stream.set_read_timeout(Some(PATIENCE))?;
    let mut out = stream.try_clone()?;
    let mut stream = BufReader::new(stream);
    let mut line = String::new();
    stream.read_line(&mut line)?;
    let mut words = line.split_whitespace();
    let (Some(method), Some(target)) = (words.next(), words.next()) else { return Ok(()) };
    let (path, query) = target.split_once('?').unwrap_or((target, ""));
    let headers = headers(&mut stream)?;
    let header = |name: &str| headers.iter().find(|(n, _)| n == name).map(|(_, v)| v.as_str()).unwrap_or_default();
    if !header("expect").is_empty() {
        out.write_all(b"HTTP/1.1 100 Continue\r\n\r\n")?;
    }
    let chunked = header("transfer-encoding") == "chunked";
    let body = body(&mut stream, chunked, header("content-length"))?;
    if login.is_some_and(|login| login != header("authorization")) {
        let refusal = "HTTP/1.1 401 Unauthorized\r\nWWW-Authenticate: Basic realm=\"git\"\r\nContent-Length: 0\r\nConnection: close\r\n\r\n";
        return Ok(out.write_all(refusal.as_bytes())?);
    }
    let mut command = Command::new("git");
    command.arg("http-backend").env("GIT_PROJECT_ROOT", PathBuf::from(root)).env("GIT_HTTP_EXPORT_ALL", "1");
    command.env("GIT_CONFIG_GLOBAL", "/dev/null").env("PATH_INFO", path).env("QUERY_STRING", query);
    command.env("REQUEST_METHOD", method).env("CONTENT_TYPE", header("content-type")).env("REMOTE_ADDR", "127.0.0.1");
    command.env("CONTENT_LENGTH", body.len().to_string()).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::null());
    let mut child = command.spawn().context("starting git http-backend")?;
    // What a client sends here is small: it fits the pipe or is read before anything is answered.
    child.stdin.take().context("its input is a pipe")?.write_all(&body)?;
    let answer = child.wait_with_output()?.stdout;
    let end = answer.windows(4).position(|four| four == b"\r\n\r\n").context("git http-backend answered without headers")?;
    let (head, content) = (String::from_utf8_lossy(&answer[..end]), &answer[end + 4..]);
    let status = head.lines().find_map(|line| line.strip_prefix("Status: ")).unwrap_or("200 OK");
    let kept: String = head.lines().filter(|line| !line.starts_with("Status: ")).map(|line| format!("{line}\r\n")).collect();
    write!(out, "HTTP/1.1 {status}\r\n{kept}Content-Length: {}\r\nConnection: close\r\n\r\n", content.len())?;
    Ok(out.write_all(content)?)
}

fn headers(stream: &mut impl BufRead) -> Result<Vec<(String, String)>> {
    let mut headers = Vec::new();
    loop {
        let mut line = String::new();
        if stream.read_line(&mut line)? == 0 || line == "\r\n" {
            return Ok(headers);
        }
        let (name, value) = line.split_once(':').unwrap_or((&line, ""));
        headers.push((name.to_ascii_lowercase(), value.trim().to_owned()));
    }
}

fn body(stream: &mut impl BufRead, chunked: bool, length: &str) -> Result<Vec<u8>> {
    let mut body = Vec::new();
    if !chunked {
        let length = length.parse::<u64>().unwrap_or(0).min(MAX_BODY);
        stream.take(length).read_to_end(&mut body)?;
        return Ok(body);
    }
    loop {
        let mut line = String::new();
        stream.read_line(&mut line)?;
        let size = u64::from_str_radix(line.trim(), 16).context("the size of a chunk")?;
        anyhow::ensure!(body.len() as u64 + size <= MAX_BODY, "a request over {MAX_BODY} bytes");
        stream.take(size).read_to_end(&mut body)?;
        stream.read_line(&mut line)?;
        if size == 0 {
            return Ok(body);
        }
    }
}
