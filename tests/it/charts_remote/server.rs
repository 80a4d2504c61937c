//! A plain HTTP server over a folder: entity tags, basic and bearer authentication, a log of requests.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};

#[derive(Clone, Default)]
pub struct Rules {
    /// `Authorization` that is asked for.
    pub authorization: Option<String>,
}

/// A running server; its thread ends with the test process.
pub struct Http {
    pub port: u16,
    log: Arc<Mutex<Vec<String>>>,
}

impl Http {
    pub fn start(root: &Path, rules: Rules) -> Http {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        let log = Arc::new(Mutex::new(Vec::new()));
        let (seen, root) = (log.clone(), root.to_owned());
        std::thread::spawn(move || {
            for socket in listener.incoming().flatten() {
                let (seen, root, rules) = (seen.clone(), root.clone(), rules.clone());
                std::thread::spawn(move || serve(socket, &root, &rules, &seen));
            }
        });
        Http { port, log }
    }

    pub fn url(&self) -> String {
        format!("http://127.0.0.1:{}", self.port)
    }

    /// `GET /index.yaml 200` and so on, since the last call.
    pub fn take_log(&self) -> Vec<String> {
        std::mem::take(&mut *self.log.lock().unwrap())
    }
}

fn serve(mut socket: TcpStream, root: &Path, rules: &Rules, log: &Mutex<Vec<String>>) {
    let mut reader = BufReader::new(socket.try_clone().unwrap());
    let mut line = String::new();
    if reader.read_line(&mut line).unwrap_or(0) == 0 {
        return;
    }
    let mut words = line.split_whitespace();
    let (method, path) = (words.next().unwrap_or("").to_owned(), words.next().unwrap_or("").to_owned());
    let (mut authorization, mut tag, mut length) = (None, None, 0);
    loop {
        let mut line = String::new();
        if reader.read_line(&mut line).unwrap_or(0) == 0 || line == "\r\n" {
            break;
        }
        let (name, value) = line.split_once(':').unwrap_or((&line, ""));
        match name.to_ascii_lowercase().as_str() {
            "authorization" => authorization = Some(value.trim().to_owned()),
            "if-none-match" => tag = Some(value.trim().to_owned()),
            "content-length" => length = value.trim().parse().unwrap_or(0),
            _ => {}
        }
    }
    let mut body = vec![0; length];
    let _ = reader.read_exact(&mut body);
    let (status, headers, answer) = answer(root, rules, &path, authorization, tag);
    log.lock().unwrap().push(format!("{method} {path} {}", status.split(' ').next().unwrap_or("")));
    let _ = write!(socket, "HTTP/1.1 {status}\r\n{headers}Content-Length: {}\r\nConnection: close\r\n\r\n", answer.len());
    let _ = socket.write_all(&answer);
}

fn answer(root: &Path, rules: &Rules, path: &str, authorization: Option<String>, tag: Option<String>) -> (&'static str, String, Vec<u8>) {
    if rules.authorization.is_some() && rules.authorization != authorization {
        return ("401 Unauthorized", "WWW-Authenticate: Basic realm=\"charts\"\r\n".into(), b"no".to_vec());
    }
    let file: PathBuf = root.join(path.split('?').next().unwrap_or("").trim_start_matches('/'));
    let Ok(bytes) = std::fs::read(file) else { return ("404 Not Found", String::new(), b"none".to_vec()) };
    let etag = format!("\"{}\"", windlass::sources::charts::sha256(&bytes));
    if tag.as_ref() == Some(&etag) {
        return ("304 Not Modified", format!("ETag: {etag}\r\n"), Vec::new());
    }
    ("200 OK", format!("ETag: {etag}\r\n"), bytes)
}

/// A port that passes one request after the other on to a server: s3s-fs looks at a condition and writes in two steps, where S3
/// does both at once.
pub fn one_at_a_time(to: u16) -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    let turn = Arc::new(Mutex::new(()));
    std::thread::spawn(move || {
        for socket in listener.incoming().flatten() {
            let turn = turn.clone();
            std::thread::spawn(move || pass(socket, to, &turn));
        }
    });
    port
}

fn pass(mut socket: TcpStream, to: u16, turn: &Mutex<()>) {
    let mut reader = BufReader::new(socket.try_clone().unwrap());
    let (mut head, mut length) = (String::new(), 0);
    loop {
        let mut line = String::new();
        if reader.read_line(&mut line).unwrap_or(0) == 0 {
            return;
        }
        if line == "\r\n" {
            break;
        }
        let (name, value) = line.split_once(':').unwrap_or((&line, ""));
        match name.to_ascii_lowercase().as_str() {
            "content-length" => length = value.trim().parse().unwrap_or(0),
            "connection" => continue,
            _ => {}
        }
        head.push_str(&line);
    }
    let mut body = vec![0; length];
    reader.read_exact(&mut body).unwrap();
    let _turn = turn.lock().unwrap();
    let mut server = TcpStream::connect(("127.0.0.1", to)).unwrap();
    server.write_all(format!("{head}Connection: close\r\n\r\n").as_bytes()).unwrap();
    server.write_all(&body).unwrap();
    let mut answer = Vec::new();
    server.read_to_end(&mut answer).unwrap();
    let _ = socket.write_all(&answer);
}
