//! A proxy between one client and the API server that does to requests what a test wants: refuses, stalls, loses, cuts.
//!
//! The client speaks plain HTTP/1.1 to it; the proxy itself is the user that the API server sees. What becomes of each request a
//! closure says, with the request's number among the writes, so that a test can hit any single write. Everything is noted.

mod http;
mod relay;

use std::io::Write;
use std::net::{Shutdown, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use serde_json::json;

use crate::cluster::{Api, Cluster};

/// A request, as the closure sees it.
#[derive(Clone, Debug)]
pub struct Asked {
    /// `GET POST PUT PATCH DELETE`
    pub method: String,
    /// With its query.
    pub path: String,
    /// When it had come in.
    pub at: Instant,
    /// Of a write: its number, from 1; 0 for everything else.
    pub write: usize,
}

impl Asked {
    /// Whether it changes something. Leases do not count: how often they are renewed is a matter of time.
    pub fn is_write(&self) -> bool {
        self.method != "GET" && !self.path.contains("dryRun=All") && !self.is_lease()
    }

    /// Whether it is about a lease.
    pub fn is_lease(&self) -> bool {
        self.path.contains("/leases")
    }

    /// Whether it is a watch.
    pub fn is_watch(&self) -> bool {
        self.method == "GET" && self.path.contains("watch=")
    }
}

/// What becomes of a request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Fate {
    /// It goes through.
    Pass,
    /// The proxy answers in the API server's stead, with this code and `Retry-After`; nothing goes through.
    Refuse(u16, Option<u64>),
    /// The connection breaks before anything went through.
    Reset,
    /// It goes through, but the connection breaks instead of an answer.
    Lost,
    /// It goes through after this time.
    Stall(Duration),
    /// It goes through; the answer breaks off in its middle.
    Truncate,
    /// It goes through; after this time the answer breaks off (of a watch).
    Cut(Duration),
    /// A watch is told that its resource version is too old.
    Expire,
    /// A read is answered as the same read was answered before, if it was.
    Stale,
}

/// A request and what became of it.
#[derive(Clone, Debug)]
pub struct Exchange {
    /// The request.
    pub asked: Asked,
    /// What was done to it.
    pub fate: Fate,
    /// What the client was answered, or would have been; 0: nothing.
    pub code: u16,
}

type Decide = Box<dyn FnMut(&Asked) -> Fate + Send>;
type Answered = Arc<dyn Fn(&Asked, u16) -> bool + Send + Sync>;

/// A running proxy; it ends when it is dropped.
pub struct Proxy {
    port: u16,
    inner: Arc<Inner>,
}

struct Inner {
    api: Api,
    ending: AtomicBool,
    decide: Mutex<Decide>,
    answered: Mutex<Option<Answered>>,
    writes: Mutex<usize>,
    log: Mutex<Vec<Exchange>>,
    stale: relay::Stale,
}

/// How often a waiting connection looks whether the proxy ends.
const LOOK: Duration = Duration::from_millis(250);

impl Proxy {
    /// Starts one that passes everything on as `user`, an administrator.
    pub fn start(cluster: &Cluster, user: &str) -> Result<Proxy> {
        let listener = TcpListener::bind(("127.0.0.1", 0)).context("a port for the proxy")?;
        let port = listener.local_addr()?.port();
        let inner = Inner {
            api: cluster.api_as(user)?,
            ending: AtomicBool::new(false),
            decide: Mutex::new(Box::new(|_| Fate::Pass)),
            answered: Mutex::default(),
            writes: Mutex::default(),
            log: Mutex::default(),
            stale: relay::Stale::default(),
        };
        let inner = Arc::new(inner);
        let shared = inner.clone();
        std::thread::spawn(move || {
            for stream in listener.incoming() {
                if shared.ending.load(Ordering::Relaxed) {
                    return;
                }
                let Ok(stream) = stream else { continue };
                let shared = shared.clone();
                std::thread::spawn(move || shared.serve(stream));
            }
        });
        Ok(Proxy { port, inner })
    }

    /// Writes a kubeconfig that leads to it.
    pub fn kubeconfig(&self, path: &Path) -> Result<PathBuf> {
        let config = json!({
            "apiVersion": "v1", "kind": "Config", "current-context": "test",
            "clusters": [{"name": "test", "cluster": {"server": format!("http://127.0.0.1:{}", self.port)}}],
            "users": [{"name": "user", "user": {}}],
            "contexts": [{"name": "test", "context": {"cluster": "test", "user": "user"}}],
        });
        std::fs::write(path, config.to_string()).with_context(|| format!("writing {}", path.display()))?;
        Ok(path.to_owned())
    }

    /// From now on `decide` says what becomes of each request.
    pub fn decide(&self, decide: impl FnMut(&Asked) -> Fate + Send + 'static) {
        *held(&self.inner.decide) = Box::new(decide);
    }

    /// From now on everything passes.
    pub fn calm(&self) {
        self.decide(|_| Fate::Pass);
        *held(&self.inner.answered) = None;
    }

    /// From now on `answered` hears of each answer before the client gets it, with the code; `false` keeps the answer back for good.
    pub fn answered(&self, answered: impl Fn(&Asked, u16) -> bool + Send + Sync + 'static) {
        *held(&self.inner.answered) = Some(Arc::new(answered));
    }

    /// Writes are counted from 1 again, and what was noted is forgotten.
    pub fn restart(&self) {
        *held(&self.inner.writes) = 0;
        held(&self.inner.log).clear();
    }

    /// Everything that was asked since [`Proxy::restart`].
    pub fn log(&self) -> Vec<Exchange> {
        held(&self.inner.log).clone()
    }

    /// The writes that went through, whether or not the answer did.
    pub fn writes(&self) -> Vec<Exchange> {
        let log = self.log();
        log.into_iter().filter(|exchange| exchange.asked.is_write() && !matches!(exchange.fate, Fate::Refuse(..) | Fate::Reset)).collect()
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        self.inner.ending.store(true, Ordering::Relaxed);
        // Wakes the thread that takes connections.
        let _ = TcpStream::connect(("127.0.0.1", self.port));
    }
}

/// A panic of one connection leaves nothing half done behind these locks.
fn held<T: ?Sized>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
}

impl Inner {
    fn serve(&self, mut stream: TcpStream) {
        let _ = stream.set_read_timeout(Some(LOOK));
        let _ = stream.set_nodelay(true);
        let mut rest = Vec::new();
        while let Ok(Some(raw)) = http::read(&mut stream, &mut rest, &self.ending) {
            match self.exchange(&mut stream, &raw) {
                Ok(true) => {}
                // The client sees a connection that broke.
                Ok(false) | Err(_) => break,
            }
        }
        let _ = stream.shutdown(Shutdown::Both);
    }

    /// One request and its answer; `false` ends the connection.
    fn exchange(&self, stream: &mut TcpStream, raw: &http::Raw) -> Result<bool> {
        let mut asked = Asked { method: raw.method.clone(), path: raw.path.clone(), at: Instant::now(), write: 0 };
        if asked.is_write() {
            let mut writes = held(&self.writes);
            *writes += 1;
            asked.write = *writes;
        }
        let fate = (held(&self.decide))(&asked);
        let slot = {
            let mut log = held(&self.log);
            log.push(Exchange { asked: asked.clone(), fate: fate.clone(), code: 0 });
            log.len() - 1
        };
        let noted = |code: u16| {
            if let Some(exchange) = held(&self.log).get_mut(slot).filter(|exchange| exchange.asked.at == asked.at) {
                exchange.code = code;
            }
        };
        match &fate {
            Fate::Reset => return Ok(false),
            Fate::Refuse(code, retry_after) => {
                noted(*code);
                return refuse(stream, *code, *retry_after).map(|()| true);
            }
            Fate::Expire if asked.is_watch() => {
                noted(200);
                return relay::expire(stream).map(|()| false);
            }
            Fate::Stall(time) => std::thread::sleep(*time),
            _ => {}
        }
        if asked.is_watch() {
            return relay::watch(self, stream, raw, &fate, noted).map(|()| false);
        }
        let answer = relay::forward(self, raw, &fate)?;
        noted(answer.code);
        let hook = held(&self.answered).clone();
        if fate == Fate::Lost || hook.is_some_and(|hook| !hook(&asked, answer.code)) {
            return Ok(false);
        }
        relay::pass(stream, &answer, fate == Fate::Truncate).map(|()| fate != Fate::Truncate)
    }
}

/// As kube-apiserver refuses: priority and fairness with a plain text, everything else with a Status.
fn refuse(stream: &mut TcpStream, code: u16, retry_after: Option<u64>) -> Result<()> {
    let (kind, body) = match code {
        429 => ("text/plain", "Too many requests, please try again later.\n".to_owned()),
        _ => {
            let reason = match code {
                409 => "Conflict",
                503 => "ServiceUnavailable",
                _ => "InternalError",
            };
            let status = json!({
                "kind": "Status", "apiVersion": "v1", "status": "Failure", "code": code, "reason": reason,
                "message": format!("refused by the test's proxy with {code}"),
            });
            ("application/json", status.to_string())
        }
    };
    let mut headers = vec![("content-type", kind.to_owned())];
    headers.extend(retry_after.map(|seconds| ("retry-after", seconds.to_string())));
    let mut text = http::head(code, &headers, Some(body.len()));
    text.push_str(&body);
    Ok(stream.write_all(text.as_bytes())?)
}
