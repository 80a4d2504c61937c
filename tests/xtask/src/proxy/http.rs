//! The little of HTTP/1.1 that the proxy speaks to a client.

use std::io::{ErrorKind, Read, Write};
use std::net::TcpStream;
use std::sync::atomic::{AtomicBool, Ordering};

use anyhow::{Context, Result, bail, ensure};

/// The longest head of a request.
const MAX_HEAD: usize = 64 << 10;
/// The longest body of a request: an object of etcd's limit, generously.
const MAX_BODY: usize = 16 << 20;

/// A request as it was read.
pub(super) struct Raw {
    pub method: String,
    /// With its query.
    pub path: String,
    /// Names in lower case.
    pub headers: Vec<(String, String)>,
    pub body: Vec<u8>,
}

impl Raw {
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str())
    }
}

/// Reads one request; `None` where the client has gone or the proxy ends. The stream has a read timeout, so that the end is seen.
pub(super) fn read(stream: &mut TcpStream, rest: &mut Vec<u8>, ending: &AtomicBool) -> Result<Option<Raw>> {
    let head_end = loop {
        if let Some(at) = rest.windows(4).position(|four| four == b"\r\n\r\n") {
            break at;
        }
        ensure!(rest.len() < MAX_HEAD, "the head of a request is too long");
        if !more(stream, rest, ending)? {
            return Ok(None);
        }
    };
    let head = String::from_utf8(rest[..head_end].to_vec()).context("the head of a request is no text")?;
    let mut lines = head.split("\r\n");
    let mut words = lines.next().unwrap_or_default().split(' ');
    let (method, path) = (words.next().unwrap_or_default().to_owned(), words.next().unwrap_or_default().to_owned());
    let header = |line: &str| line.split_once(':').map(|(name, value)| (name.trim().to_ascii_lowercase(), value.trim().to_owned()));
    let mut raw = Raw { method, path, headers: lines.filter_map(header).collect(), body: Vec::new() };
    if raw.header("transfer-encoding").is_some() {
        bail!("{} {}: the proxy takes bodies with a Content-Length only", raw.method, raw.path);
    }
    let length: usize = raw.header("content-length").map_or(Ok(0), str::parse).context("Content-Length")?;
    ensure!(length <= MAX_BODY, "{} {}: a body of {length} bytes", raw.method, raw.path);
    let whole = head_end + 4 + length;
    while rest.len() < whole {
        if !more(stream, rest, ending)? {
            return Ok(None);
        }
    }
    raw.body = rest[head_end + 4..whole].to_vec();
    rest.drain(..whole);
    Ok(Some(raw))
}

fn more(stream: &mut TcpStream, rest: &mut Vec<u8>, ending: &AtomicBool) -> Result<bool> {
    let mut buffer = [0; 16 << 10];
    loop {
        match stream.read(&mut buffer) {
            Ok(0) => return Ok(false),
            Ok(count) => {
                rest.extend_from_slice(&buffer[..count]);
                return Ok(true);
            }
            Err(error) if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut) => {
                if ending.load(Ordering::Relaxed) {
                    return Ok(false);
                }
            }
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            Err(_) => return Ok(false),
        }
    }
}

/// The head of an answer; with no length the body is chunked.
pub(super) fn head(code: u16, headers: &[(&str, String)], length: Option<usize>) -> String {
    let mut text = format!("HTTP/1.1 {code} {}\r\n", reason(code));
    for (name, value) in headers {
        text.push_str(&format!("{name}: {value}\r\n"));
    }
    match length {
        Some(length) => text.push_str(&format!("content-length: {length}\r\n\r\n")),
        None => text.push_str("transfer-encoding: chunked\r\n\r\n"),
    }
    text
}

/// One chunk of a body.
pub(super) fn chunk(stream: &mut TcpStream, data: &[u8]) -> std::io::Result<()> {
    let mut text = format!("{:x}\r\n", data.len()).into_bytes();
    text.extend_from_slice(data);
    text.extend_from_slice(b"\r\n");
    stream.write_all(&text)
}

fn reason(code: u16) -> &'static str {
    match code {
        200 => "OK",
        201 => "Created",
        409 => "Conflict",
        410 => "Gone",
        429 => "Too Many Requests",
        500 => "Internal Server Error",
        503 => "Service Unavailable",
        _ => "Answer",
    }
}
