//! The API server's own backpressure: an answer that says "later" is obeyed, for writes, reads and watches alike.
//!
//! The rules are client-go's (`rest/with_retry.go`): 429, and any 5xx that carries `Retry-After`, is asked again after the time
//! that the answer names, ten times at the most. kube's own retry is switched off: it knows no fence, so that a write of an
//! agent that lost its lease meanwhile would still be sent; and it sends a POST again that a 504 left in doubt.

use std::time::Duration;

/// How often one request is sent again because the server asked to.
pub(super) const MAX_RETRIES: u32 = 10;
/// The longest time that an answer may ask for; a longer one is the caller's trouble.
const MAX_PAUSE: Duration = Duration::from_secs(60);
/// The pause where a 429 names none: client-go's own.
const DEFAULT_PAUSE: Duration = Duration::from_secs(1);

/// How long an answer asks to wait before the same request is sent again; `None`: it does not ask.
pub(super) fn pause(code: u16, headers: &http::HeaderMap) -> Option<Duration> {
    let asked = headers.get("retry-after").and_then(|value| value.to_str().ok()?.trim().parse().ok()).map(Duration::from_secs);
    let pause = match (code, asked) {
        (429, None) => DEFAULT_PAUSE,
        (429 | 500..=599, Some(asked)) => asked,
        _ => return None,
    };
    (pause <= MAX_PAUSE).then_some(pause)
}

/// A client whose reads wait where the server asks for it: for watches, which are read elsewhere. (Writes go through
/// `Cluster::send`, which looks at the fence before each try.)
pub(super) fn patient(client: kube::Client) -> kube::Client {
    let namespace = client.default_namespace().to_owned();
    let service = tower::service_fn(move |request: http::Request<kube::client::Body>| {
        let client = client.clone();
        async move { ask(&client, request).await }
    });
    kube::Client::new(service, namespace)
}

async fn ask(
    client: &kube::Client,
    request: http::Request<kube::client::Body>,
) -> Result<http::Response<kube::client::Body>, kube::Error> {
    let (parts, body) = request.into_parts();
    let mut tries = 0;
    loop {
        // A body that cannot be sent twice is sent once.
        let Some(copy) = body.try_clone() else { return client.send(http::Request::from_parts(parts, body)).await };
        let answer = client.send(http::Request::from_parts(parts.clone(), copy)).await?;
        match pause(answer.status().as_u16(), answer.headers()) {
            Some(pause) if tries < MAX_RETRIES && parts.method == http::Method::GET => tokio::time::sleep(pause).await,
            _ => return Ok(answer),
        }
        tries += 1;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_says_how_long_to_wait() {
        let mut headers = http::HeaderMap::new();
        assert_eq!(pause(429, &headers), Some(DEFAULT_PAUSE));
        assert_eq!(pause(503, &headers), None, "a plain 503 is a failure like others");
        headers.insert("retry-after", http::HeaderValue::from_static("7"));
        assert_eq!(pause(429, &headers), Some(Duration::from_secs(7)));
        assert_eq!(pause(503, &headers), Some(Duration::from_secs(7)));
        assert_eq!(pause(409, &headers), None);
        headers.insert("retry-after", http::HeaderValue::from_static("86400"));
        assert_eq!(pause(429, &headers), None, "nobody is waited for that long");
    }
}
