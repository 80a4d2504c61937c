//! What goes through: to the API server, and its answer back.

use std::collections::BTreeMap;
use std::io::{Read, Write};
use std::net::{Shutdown, TcpStream};
use std::sync::{Mutex, atomic::Ordering};

use anyhow::Result;
use serde_json::json;

use super::http::{self, Raw};
use super::{Fate, Inner, held};

/// The longest answer that is kept whole.
const MAX_ANSWER: u64 = 64 << 20;
/// How many reads are remembered for [`Fate::Stale`].
const MAX_STALE: usize = 4096;

/// An answer of the API server.
#[derive(Clone)]
pub(super) struct Answer {
    pub code: u16,
    pub kind: String,
    pub retry_after: Option<String>,
    pub body: Vec<u8>,
}

/// The last answer to each read.
#[derive(Default)]
pub(super) struct Stale(Mutex<BTreeMap<String, Answer>>);

/// Sends a request on and reads the whole answer.
pub(super) fn forward(inner: &Inner, raw: &Raw, fate: &Fate) -> Result<Answer> {
    let read = raw.method == "GET";
    // Only once in a row: the next read of the same is true again, as that of a lagging replica that catches up.
    if read && *fate == Fate::Stale
        && let Some(old) = held(&inner.stale.0).remove(&raw.path)
    {
        return Ok(old);
    }
    let response = inner.api.forward(&raw.method, &raw.path, &passed(raw), raw.body.clone())?;
    let code = response.status().as_u16();
    let text = |name: &str| response.headers().get(name).and_then(|value| value.to_str().ok()).map(str::to_owned);
    let (kind, retry_after) = (text("content-type").unwrap_or_default(), text("retry-after"));
    let mut body = Vec::new();
    response.into_body().into_reader().take(MAX_ANSWER).read_to_end(&mut body)?;
    let answer = Answer { code, kind, retry_after, body };
    if read {
        let mut stale = held(&inner.stale.0);
        if stale.len() < MAX_STALE {
            stale.insert(raw.path.clone(), answer.clone());
        }
    }
    Ok(answer)
}

/// Gives the client an answer, or the first half of it.
pub(super) fn pass(stream: &mut TcpStream, answer: &Answer, half: bool) -> Result<()> {
    let mut headers = vec![("content-type", answer.kind.clone())];
    headers.extend(answer.retry_after.clone().map(|seconds| ("retry-after", seconds)));
    let mut data = http::head(answer.code, &headers, Some(answer.body.len())).into_bytes();
    let end = if half { answer.body.len() / 2 } else { answer.body.len() };
    data.extend_from_slice(&answer.body[..end]);
    Ok(stream.write_all(&data)?)
}

/// Passes a watch on as it comes, until either side ends it.
pub(super) fn watch(inner: &Inner, stream: &mut TcpStream, raw: &Raw, fate: &Fate, noted: impl Fn(u16)) -> Result<()> {
    let response = inner.api.forward(&raw.method, &raw.path, &passed(raw), Vec::new())?;
    let code = response.status().as_u16();
    noted(code);
    let kind = response.headers().get("content-type").and_then(|value| value.to_str().ok()).unwrap_or_default().to_owned();
    stream.write_all(http::head(code, &[("content-type", kind), ("connection", "close".into())], None).as_bytes())?;
    if let Fate::Cut(time) = fate {
        let (time, end) = (*time, stream.try_clone()?);
        std::thread::spawn(move || {
            std::thread::sleep(time);
            let _ = end.shutdown(Shutdown::Both);
        });
    }
    let mut reader = response.into_body().into_reader();
    let mut buffer = vec![0; 16 << 10];
    loop {
        let count = reader.read(&mut buffer)?;
        if count == 0 {
            return Ok(stream.write_all(b"0\r\n\r\n")?);
        }
        if inner.ending.load(Ordering::Relaxed) {
            return Ok(());
        }
        if *fate == Fate::Truncate {
            // In the middle of an event.
            return Ok(http::chunk(stream, &buffer[..count / 2])?);
        }
        http::chunk(stream, &buffer[..count])?;
    }
}

/// A watch that begins with "too old resource version", as kube-apiserver says it.
pub(super) fn expire(stream: &mut TcpStream) -> Result<()> {
    let status = json!({
        "kind": "Status", "apiVersion": "v1", "status": "Failure", "code": 410, "reason": "Expired",
        "message": "too old resource version: said by the test's proxy",
    });
    let event = format!("{}\n", json!({"type": "ERROR", "object": status}));
    let headers = [("content-type", "application/json".to_owned()), ("connection", "close".to_owned())];
    stream.write_all(http::head(200, &headers, None).as_bytes())?;
    http::chunk(stream, event.as_bytes())?;
    Ok(stream.write_all(b"0\r\n\r\n")?)
}

/// The headers that matter to the API server.
fn passed(raw: &Raw) -> Vec<(&str, &str)> {
    ["accept", "content-type", "user-agent"].into_iter().filter_map(|name| Some((name, raw.header(name)?))).collect()
}
