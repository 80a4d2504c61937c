//! `get http://ADDRESS[:PORT]/PATH`: prints the body; exit code 1 unless the status is 200. For containers of tests: the
//! `wget` of a static busybox crashes in the resolver of glibc.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

const LIMIT: Duration = Duration::from_secs(5);

fn main() {
    let url = std::env::args().nth(1).unwrap_or_default();
    match get(&url) {
        Ok(body) => print!("{body}"),
        Err(error) => {
            eprintln!("get {url}: {error}");
            std::process::exit(1);
        }
    }
}

fn get(url: &str) -> Result<String, Box<dyn std::error::Error>> {
    let rest = url.strip_prefix("http://").ok_or("usage: get http://ADDRESS[:PORT]/PATH")?;
    let (host, path) = rest.split_once('/').unwrap_or((rest, ""));
    let address: SocketAddr = if host.contains(':') { host.parse()? } else { format!("{host}:80").parse()? };
    let mut stream = TcpStream::connect_timeout(&address, LIMIT)?;
    stream.set_read_timeout(Some(LIMIT))?;
    write!(stream, "GET /{path} HTTP/1.0\r\nHost: {host}\r\n\r\n")?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer)?;
    let (head, body) = answer.split_once("\r\n\r\n").ok_or("not an HTTP answer")?;
    let status = head.split(' ').nth(1).unwrap_or_default();
    if status != "200" {
        return Err(format!("status {status}: {body}").into());
    }
    Ok(body.to_owned())
}
