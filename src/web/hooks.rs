//! `POST /webhook/DRIVER/TOKEN`: proved, noted, answered; whoever acts upon it is woken. The answer waits for nothing but the
//! body (and, for the first message of an SNS topic, its certificate).

use axum::{
    Router,
    body::Body,
    extract::{Path, State},
    http::{HeaderMap, StatusCode, header::RETRY_AFTER},
    response::{IntoResponse as _, Response},
    routing::post,
};
use http_body_util::BodyExt as _;
use std::{
    collections::BTreeMap,
    future::Future,
    pin::Pin,
    sync::{Arc, Mutex, PoisonError, RwLock},
    time::Duration,
};

use crate::{
    metrics::Metrics,
    webhooks::{Certificate, Driver, Keys, Pending, Queue, Refused, Request, Seen, Settings, Told, driver, token_digest},
};

/// One Receiver, ready to be called.
#[derive(Clone, Debug)]
pub struct Endpoint {
    /// `namespace/name`.
    pub id: String,
    /// Its driver.
    pub driver: &'static str,
    /// The keys that are accepted.
    pub keys: Keys,
    /// What the driver needs to know.
    pub settings: Settings,
    /// The tokens by which it is called, as digests.
    pub tokens: Vec<[u8; 32]>,
    /// The least pause between two rounds.
    pub pause: Duration,
}

/// Fetches a text by HTTPS: an SNS certificate, or the confirmation of a subscription.
pub type Fetch = Arc<dyn Fn(String) -> Pin<Box<dyn Future<Output = Result<String, String>> + Send>> + Send + Sync>;

/// All Receivers and what they were told. Cheap to clone.
#[derive(Clone)]
pub struct Hooks {
    inner: Arc<Inner>,
}

struct Inner {
    endpoints: RwLock<BTreeMap<[u8; 32], Arc<Endpoint>>>,
    by_id: RwLock<BTreeMap<String, Arc<Endpoint>>>,
    seen: Mutex<BTreeMap<String, Seen>>,
    queue: Mutex<Queue>,
    certificates: Mutex<BTreeMap<String, String>>,
    told: tokio::sync::Notify,
    bodies: tokio::sync::Semaphore,
    metrics: Arc<Metrics>,
    fetch: Fetch,
}

/// How many bodies are read at once: with their bound, what webhooks may take of the memory. Others wait their turn.
const BODIES_AT_ONCE: usize = 32;
/// How long one body may take to come, and how long its turn.
const BODY_TIMEOUT: Duration = Duration::from_secs(10);
/// How long the fetching of a certificate may take.
const FETCH_TIMEOUT: Duration = Duration::from_secs(5);
/// How many certificates are kept.
const MAX_CERTIFICATES: usize = 16;

impl Hooks {
    /// No Receivers yet.
    pub fn new(metrics: Arc<Metrics>, fetch: Fetch) -> Hooks {
        let inner = Inner {
            endpoints: RwLock::default(),
            by_id: RwLock::default(),
            seen: Mutex::default(),
            queue: Mutex::default(),
            certificates: Mutex::default(),
            told: tokio::sync::Notify::new(),
            bodies: tokio::sync::Semaphore::new(BODIES_AT_ONCE),
            metrics,
            fetch,
        };
        Hooks { inner: Arc::new(inner) }
    }

    /// A Receiver as it is now.
    pub fn set(&self, endpoint: Endpoint) {
        let endpoint = Arc::new(endpoint);
        let mut table = self.inner.endpoints.write().unwrap_or_else(PoisonError::into_inner);
        table.retain(|token, known| known.id != endpoint.id || endpoint.tokens.contains(token));
        for token in &endpoint.tokens {
            table.insert(*token, endpoint.clone());
        }
        self.inner.by_id.write().unwrap_or_else(PoisonError::into_inner).insert(endpoint.id.clone(), endpoint);
    }

    /// A Receiver has gone.
    pub fn remove(&self, id: &str) {
        self.inner.endpoints.write().unwrap_or_else(PoisonError::into_inner).retain(|_, known| known.id != id);
        self.inner.by_id.write().unwrap_or_else(PoisonError::into_inner).remove(id);
        self.inner.seen.lock().unwrap_or_else(PoisonError::into_inner).remove(id);
    }

    /// Waits until something is to be acted upon, and takes it.
    pub async fn take(&self) -> Vec<(String, Pending)> {
        loop {
            let told = self.inner.told.notified();
            let now = now_millis();
            let pauses = self.inner.by_id.read().unwrap_or_else(PoisonError::into_inner).clone();
            let pause = |id: &str| pauses.get(id).map_or(0, |endpoint| endpoint.pause.as_millis() as i64);
            let (taken, next) = {
                let mut queue = self.inner.queue.lock().unwrap_or_else(PoisonError::into_inner);
                (queue.take(now, pause), queue.next())
            };
            if !taken.is_empty() {
                return taken;
            }
            match next {
                Some(next) => {
                    let wait = Duration::from_millis((next - now).max(1) as u64);
                    let _ = tokio::time::timeout(wait, told).await;
                }
                None => told.await,
            }
        }
    }

    /// What could not be acted upon comes again.
    pub fn put_back(&self, id: &str, pending: Pending) {
        self.inner.queue.lock().unwrap_or_else(PoisonError::into_inner).put_back(id, pending);
    }

    fn endpoint(&self, driver: &str, token: &str) -> Option<Arc<Endpoint>> {
        let table = self.inner.endpoints.read().unwrap_or_else(PoisonError::into_inner);
        table.get(&token_digest(token)).filter(|endpoint| endpoint.driver == driver).cloned()
    }

    /// From a request to its answer.
    async fn receive(&self, name: &str, token: &str, headers: &HeaderMap, body: Body) -> Response {
        let (Some(driver), Some(endpoint)) = (driver(name), self.endpoint(name, token)) else {
            self.inner.metrics.webhook("unknown", "unknown");
            return answer(StatusCode::NOT_FOUND, "no Receiver has this address".into());
        };
        let turn = tokio::time::timeout(BODY_TIMEOUT, self.inner.bodies.acquire()).await;
        let Ok(Ok(_turn)) = turn else {
            self.inner.metrics.webhook(driver.name, "busy");
            return ([(RETRY_AFTER, "5")], answer(StatusCode::SERVICE_UNAVAILABLE, "too much at once; send it again".into())).into_response();
        };
        let body = http_body_util::Limited::new(body, driver.max_body).collect();
        let body = match tokio::time::timeout(BODY_TIMEOUT, body).await {
            Ok(Ok(body)) => body.to_bytes(),
            Ok(Err(error)) if error.is::<http_body_util::LengthLimitError>() => {
                self.inner.metrics.webhook(driver.name, "refused");
                return answer(StatusCode::PAYLOAD_TOO_LARGE, format!("more than the {} KiB that {} sends", driver.max_body >> 10, driver.title));
            }
            Ok(Err(_)) | Err(_) => {
                self.inner.metrics.webhook(driver.name, "refused");
                return answer(StatusCode::REQUEST_TIMEOUT, "the body did not come".into());
            }
        };
        let text = |value: &axum::http::HeaderValue| String::from_utf8_lossy(value.as_bytes()).into_owned();
        let headers: Vec<(String, String)> = headers.iter().map(|(name, value)| (name.as_str().to_owned(), text(value))).collect();
        let request = Request { headers: &headers, body: &body, now: now_millis() / 1000 };
        match self.prove(driver, &endpoint, &request).await {
            Ok(told) => self.accept(driver, &endpoint, told).await,
            Err(refused) => {
                let code = match refused {
                    Refused::Unproved(_) | Refused::Forged(_) | Refused::Stale(..) => StatusCode::UNAUTHORIZED,
                    Refused::Malformed(_) => StatusCode::BAD_REQUEST,
                    Refused::NeedsCertificate(_) => StatusCode::SERVICE_UNAVAILABLE,
                };
                self.inner.metrics.webhook(driver.name, if code == StatusCode::UNAUTHORIZED { "forged" } else { "refused" });
                tracing::debug!(receiver = endpoint.id, driver = driver.name, "a webhook was refused: {refused}");
                answer(code, refused.to_string())
            }
        }
    }

    async fn prove(&self, driver: &Driver, endpoint: &Endpoint, request: &Request<'_>) -> Result<Told, Refused> {
        match driver.receive(request, &endpoint.keys, &endpoint.settings) {
            Err(Refused::NeedsCertificate(url)) => {
                let pem = self.certificate(&url).await?;
                let settings = Settings { certificate: Some(Certificate { url, pem }), ..endpoint.settings.clone() };
                driver.receive(request, &endpoint.keys, &settings)
            }
            other => other,
        }
    }

    async fn certificate(&self, url: &str) -> Result<String, Refused> {
        let known = self.inner.certificates.lock().unwrap_or_else(PoisonError::into_inner).get(url).cloned();
        if let Some(pem) = known {
            return Ok(pem);
        }
        let fetched = tokio::time::timeout(FETCH_TIMEOUT, (self.inner.fetch)(url.to_owned())).await;
        let Ok(Ok(pem)) = fetched else { return Err(Refused::NeedsCertificate(url.to_owned())) };
        let mut known = self.inner.certificates.lock().unwrap_or_else(PoisonError::into_inner);
        if known.len() >= MAX_CERTIFICATES {
            known.clear();
        }
        known.insert(url.to_owned(), pem.clone());
        Ok(pem)
    }

    async fn accept(&self, driver: &Driver, endpoint: &Endpoint, told: Told) -> Response {
        if let Some(delivery) = &told.delivery {
            let mut seen = self.inner.seen.lock().unwrap_or_else(PoisonError::into_inner);
            if !seen.entry(endpoint.id.clone()).or_default().first_time(delivery) {
                self.inner.metrics.webhook(driver.name, "repeated");
                return answer(StatusCode::OK, "this delivery was received before".into());
            }
        }
        if let Some(url) = told.confirm {
            let confirmed = tokio::time::timeout(FETCH_TIMEOUT, (self.inner.fetch)(url)).await;
            if !matches!(confirmed, Ok(Ok(_))) {
                // SNS sends it again under the same name.
                if let Some(seen) = self.inner.seen.lock().unwrap_or_else(PoisonError::into_inner).get_mut(&endpoint.id) {
                    told.delivery.iter().for_each(|delivery| seen.forget(delivery));
                }
                return answer(StatusCode::SERVICE_UNAVAILABLE, "the subscription could not be confirmed; send it again".into());
            }
            tracing::info!(receiver = endpoint.id, reason = "Confirmed", "the SNS subscription was confirmed");
        }
        if told.events.is_empty() {
            self.inner.metrics.webhook(driver.name, "ignored");
            return answer(StatusCode::OK, told.note.to_owned());
        }
        let count = told.events.len();
        self.inner.queue.lock().unwrap_or_else(PoisonError::into_inner).add(&endpoint.id, told.events);
        self.inner.told.notify_one();
        self.inner.metrics.webhook(driver.name, "accepted");
        answer(StatusCode::ACCEPTED, format!("{count} told"))
    }
}

fn answer(code: StatusCode, text: String) -> Response {
    (code, format!("{text}\n")).into_response()
}

fn now_millis() -> i64 {
    jiff::Timestamp::now().as_millisecond()
}

/// The routes.
pub fn router(hooks: Hooks) -> Router {
    let receive = |State(hooks): State<Hooks>, Path((driver, token)): Path<(String, String)>, headers: HeaderMap, body: Body| async move {
        hooks.receive(&driver, &token, &headers, body).await
    };
    Router::new().route("/webhook/{driver}/{token}", post(receive)).with_state(hooks)
}
