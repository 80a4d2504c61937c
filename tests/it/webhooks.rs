//! Webhooks over HTTP: answers, rotation, load; and the real registry's notifications.

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use hmac::Mac as _;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use windlass::metrics::Metrics;
use windlass::web::{Endpoint, Hooks, Probes, Web, serve};
use windlass::webhooks::{Event, Keys, Pending, Settings, path_token, token_digest};

const KEY: &str = "a key that nobody can guess";

/// A port's Receivers that can fetch nothing.
pub fn hooks(metrics: Arc<Metrics>) -> Hooks {
    Hooks::new(metrics, Arc::new(|url| Box::pin(async move { Err(format!("{url} is not to be fetched")) })))
}

pub struct Port {
    pub port: u16,
    pub hooks: Hooks,
    pub metrics: Arc<Metrics>,
}

impl Port {
    pub async fn open() -> Port {
        let metrics = Arc::new(Metrics::new("1", "a"));
        let hooks = hooks(metrics.clone());
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let web = Web { metrics: metrics.clone(), probes: Probes::default(), hooks: hooks.clone() };
        tokio::spawn(serve(listener, web, std::future::pending()));
        Port { port, hooks, metrics }
    }

    /// A Receiver of that driver; its path.
    pub fn receiver(&self, driver: &'static str, keys: &[&str]) -> String {
        let tokens: Vec<String> = keys.iter().map(|key| path_token(key.as_bytes(), "shop", driver, driver)).collect();
        self.hooks.set(Endpoint {
            id: format!("shop/{driver}"),
            driver,
            keys: Keys::new(keys.iter().map(|key| key.as_bytes())),
            settings: Settings::default(),
            tokens: tokens.iter().map(|token| token_digest(token)).collect(),
            pause: Duration::from_millis(10),
        });
        format!("/webhook/{driver}/{}", tokens[0])
    }

    async fn post(&self, path: &str, headers: &[(&str, &str)], body: &[u8]) -> (u16, String) {
        let mut stream = TcpStream::connect(("127.0.0.1", self.port)).await.unwrap();
        stream.write_all(&request(path, headers, body)).await.unwrap();
        answer(&mut stream).await
    }
}

fn request(path: &str, headers: &[(&str, &str)], body: &[u8]) -> Vec<u8> {
    let headers: String = headers.iter().map(|(name, value)| format!("{name}: {value}\r\n")).collect();
    let mut bytes = format!("POST {path} HTTP/1.1\r\nHost: x\r\n{headers}Content-Length: {}\r\n\r\n", body.len()).into_bytes();
    bytes.extend_from_slice(body);
    bytes
}

/// One answer of a connection that stays open.
async fn answer(stream: &mut TcpStream) -> (u16, String) {
    let mut bytes = Vec::new();
    let mut piece = [0; 4096];
    loop {
        let size = stream.read(&mut piece).await.unwrap();
        assert!(size > 0, "the connection broke off: {}", String::from_utf8_lossy(&bytes));
        bytes.extend_from_slice(&piece[..size]);
        let text = String::from_utf8_lossy(&bytes).into_owned();
        let Some((head, body)) = text.split_once("\r\n\r\n") else { continue };
        let length = head.lines().find_map(|line| line.to_lowercase().strip_prefix("content-length: ")?.parse().ok()).unwrap_or(0);
        if body.len() >= length {
            let code = head.split_whitespace().nth(1).unwrap().parse().unwrap();
            return (code, body.trim().to_owned());
        }
    }
}

fn signature(key: &str, body: &[u8]) -> String {
    let mut mac = hmac::Hmac::<sha2::Sha256>::new_from_slice(key.as_bytes()).unwrap();
    mac.update(body);
    let hex: String = mac.finalize().into_bytes().iter().map(|byte| format!("{byte:02x}")).collect();
    format!("sha256={hex}")
}

fn push(branch: &str) -> Vec<u8> {
    let repository = serde_json::json!({ "clone_url": "https://git.example.com/shop/app.git", "html_url": "https://git.example.com/shop/app" });
    serde_json::json!({ "ref": format!("refs/heads/{branch}"), "after": "1".repeat(40), "repository": repository }).to_string().into_bytes()
}

fn branches(pending: &Pending) -> Option<Vec<String>> {
    match pending {
        Pending::Everything => None,
        Pending::Events(events) => Some(events.iter().filter_map(|event| match event {
            Event::Push { branch, .. } => Some(branch.clone()),
            _ => None,
        }).collect()),
    }
}

#[tokio::test]
async fn calls_are_answered_and_told() {
    let port = Port::open().await;
    let path = port.receiver("github", &[KEY]);
    let body = push("main");
    let good = signature(KEY, &body);
    let send = async |path: &str, signature: &str, delivery: &str, body: &[u8]| {
        port.post(path, &[("X-GitHub-Event", "push"), ("X-GitHub-Delivery", delivery), ("X-Hub-Signature-256", signature)], body).await
    };
    assert_eq!(send(&path, &good, "1", &body).await, (202, "1 told".into()));
    assert_eq!(send(&path, &good, "1", &body).await, (200, "this delivery was received before".into()));
    let (code, why) = send(&path, &signature("another key", &body), "2", &body).await;
    assert!(code == 401 && why.contains("does not match the Receiver's token"), "{code} {why}");
    assert_eq!(send("/webhook/github/0123", &good, "3", &body).await.0, 404);
    assert_eq!(send(&path.replace("/github/", "/gitea/"), &good, "3", &body).await.0, 404, "a token is for its driver alone");
    assert_eq!(send("/webhook/nobody/0123", &good, "3", &body).await.0, 404);
    assert_eq!(send(&path, &signature(KEY, b"nonsense"), "4", b"nonsense").await.0, 400);
    let taken = port.hooks.take().await;
    assert_eq!(taken.len(), 1);
    assert_eq!((taken[0].0.as_str(), branches(&taken[0].1)), ("shop/github", Some(vec!["main".to_owned()])));
    let text = port.metrics.render();
    assert!(text.contains("windlass_webhooks_total{driver=\"github\",result=\"accepted\"} 1"), "{text}");
    assert!(text.contains("windlass_webhooks_total{driver=\"github\",result=\"forged\"} 1"), "{text}");
    port.hooks.remove("shop/github");
    assert_eq!(send(&path, &good, "5", &body).await.0, 404);
}

#[tokio::test]
async fn a_body_beyond_the_bound_is_refused() {
    let port = Port::open().await;
    let path = port.receiver("generic", &[KEY]);
    let (code, why) = port.post(&path, &[], &vec![b' '; (256 << 10) + 1]).await;
    assert!(code == 413 && why.contains("more than the 256 KiB"), "{code} {why}");
}

/// While a key is replaced, senders use the old and the new one, at the old and the new address: all are heard.
#[tokio::test]
async fn a_key_is_replaced_without_a_lost_call() {
    const NEW: &str = "the key after it, for all time";
    let port = Port::open().await;
    let old_path = port.receiver("github", &[KEY]);
    let new_path = port.receiver("github", &[NEW, KEY]);
    assert_ne!(old_path, new_path);
    let mut delivery = 0;
    for path in [&old_path, &new_path] {
        for key in [KEY, NEW] {
            delivery += 1;
            let body = push(&format!("b{delivery}"));
            let sent = port.post(path, &[("X-GitHub-Event", "push"), ("X-GitHub-Delivery", &delivery.to_string()), ("X-Hub-Signature-256", &signature(key, &body))], &body).await;
            assert_eq!(sent.0, 202, "{path} {key}");
        }
    }
    assert_eq!(port.receiver("github", &[NEW]), new_path);
    let body = push("late");
    let headers = |key: &str| signature(key, &body);
    assert_eq!(port.post(&old_path, &[("X-GitHub-Event", "push"), ("X-Hub-Signature-256", &headers(NEW))], &body).await.0, 404);
    assert_eq!(port.post(&new_path, &[("X-GitHub-Event", "push"), ("X-Hub-Signature-256", &headers(KEY))], &body).await.0, 401);
}

fn resident() -> u64 {
    let text = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = text.lines().find(|line| line.starts_with("VmRSS:")).unwrap();
    line.split_whitespace().nth(1).unwrap().parse::<u64>().unwrap() >> 10
}

/// 2,000 calls a second (`WINDLASS_WEBHOOK_SECONDS` of them, ten by itself), half of them forged: wrong keys and wrong addresses.
/// No valid one is lost, no forged one is heard, memory stays where it was; optimised code keeps up, and answers in time.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn under_load_nothing_valid_is_lost_and_nothing_forged_is_heard() {
    const RATE: usize = 2000;
    const LINES: usize = 20;
    /// Within this time all but one call in a thousand are answered: those that a busy machine's scheduler held up.
    const IN_TIME: Duration = Duration::from_millis(100);
    /// What the process may grow by between the first tenth and the end, in MiB: buffers of connections, the allocator's own.
    const MAY_GROW: u64 = 48;
    let seconds: usize = std::env::var("WINDLASS_WEBHOOK_SECONDS").ok().and_then(|text| text.parse().ok()).unwrap_or(10);
    let port = Arc::new(Port::open().await);
    let path = port.receiver("github", &[KEY]);
    let accepted: Arc<Mutex<BTreeSet<String>>> = Arc::default();
    let heard: Arc<Mutex<BTreeSet<String>>> = Arc::default();
    let (hooks, told, sent) = (port.hooks.clone(), heard.clone(), accepted.clone());
    let listener = tokio::spawn(async move {
        loop {
            for (_, pending) in hooks.take().await {
                match branches(&pending) {
                    Some(branches) => told.lock().unwrap().extend(branches),
                    // Everything is looked at: whatever was accepted until now is heard.
                    None => told.lock().unwrap().extend(sent.lock().unwrap().iter().cloned()),
                }
            }
        }
    });
    let begun = Instant::now();
    let each = RATE * seconds / LINES;
    let times: Arc<Mutex<Vec<Duration>>> = Arc::new(Mutex::new(Vec::with_capacity(each * LINES)));
    let mut lines = Vec::new();
    for line in 0..LINES {
        let (port, path, accepted, times) = (port.clone(), path.clone(), accepted.clone(), times.clone());
        lines.push(tokio::spawn(async move {
            let mut stream = TcpStream::connect(("127.0.0.1", port.port)).await.unwrap();
            let mut first = 0;
            for number in 0..each {
                // Paced, and never faster: on a machine that cannot follow it is slower.
                let due = begun + Duration::from_secs_f64((number * LINES) as f64 / RATE as f64);
                tokio::time::sleep_until(due.into()).await;
                if number == each / 10 {
                    first = resident();
                }
                let forged = number % 2 == 1;
                let branch = format!("{}-{line}-{number}", if forged { "forged" } else { "valid" });
                let body = push(&branch);
                let (key, path) = match (forged, number % 4) {
                    (false, _) => (KEY, path.clone()),
                    (true, 1) => ("a wrong key of some length", path.clone()),
                    (true, _) => (KEY, format!("/webhook/github/{number:064x}")),
                };
                let headers = [("X-GitHub-Event", "push"), ("X-GitHub-Delivery", branch.as_str()), ("X-Hub-Signature-256", &signature(key, &body))];
                let asked = Instant::now();
                stream.write_all(&request(&path, &headers, &body)).await.unwrap();
                let (code, text) = answer(&mut stream).await;
                times.lock().unwrap().push(asked.elapsed());
                if forged {
                    assert!(code == 401 || code == 404, "a forged call was answered {code} {text}");
                } else {
                    assert_eq!(code, 202, "a valid call was answered {text}");
                    accepted.lock().unwrap().insert(branch);
                }
            }
            first
        }));
    }
    let mut first = u64::MAX;
    for line in lines {
        first = first.min(line.await.unwrap());
    }
    let took = begun.elapsed();
    let last = resident();
    let wanted = accepted.lock().unwrap().clone();
    for _ in 0..600 {
        if heard.lock().unwrap().is_superset(&wanted) {
            break;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    listener.abort();
    let heard = heard.lock().unwrap().clone();
    let rate = (each * LINES) as f64 / took.as_secs_f64();
    let mut times = times.lock().unwrap().clone();
    times.sort_unstable();
    let of = |share: usize| times[(times.len() - 1) * share / 1000];
    eprintln!(
        "{} calls in {:.1} s: {rate:.0} a second; answered within {:?} (half), {:?} (99 %), {:?} (99.9 %), {:?} (all); memory {first} to {last} MiB",
        each * LINES, took.as_secs_f64(), of(500), of(990), of(999), of(1000),
    );
    assert_eq!(wanted.len(), each * LINES / 2);
    let lost: Vec<&String> = wanted.difference(&heard).take(5).collect();
    assert!(lost.is_empty(), "lost: {lost:?}");
    let forged: Vec<&String> = heard.iter().filter(|branch| branch.starts_with("forged")).take(5).collect();
    assert!(forged.is_empty(), "heard: {forged:?}");
    // Times are figures, not conditions: a busy machine is slower, and loses nothing all the same.
    if rate < RATE as f64 * 0.98 || of(999) > IN_TIME {
        eprintln!("that is less than {RATE} calls a second, each answered within {IN_TIME:?}");
    }
    // The test keeps the branches that it sent itself, twice: about 100 bytes each.
    let own = (wanted.len() * 400) as u64 >> 20;
    assert!(last <= first + MAY_GROW + own, "memory went from {first} to {last} MiB");
}

/// A key in the place of Amazon's, and its certificate.
fn amazon() -> (rcgen::KeyPair, String) {
    use rsa::pkcs8::EncodePrivateKey as _;
    let key = rsa::RsaPrivateKey::new(&mut rand::rngs::OsRng, 2048).unwrap();
    let pem = key.to_pkcs8_pem(rsa::pkcs8::LineEnding::LF).unwrap();
    let pair = rcgen::KeyPair::from_pem_and_sign_algo(&pem, &rcgen::PKCS_RSA_SHA256).unwrap();
    let certificate = rcgen::CertificateParams::new(vec!["sns.amazonaws.com".into()]).unwrap().self_signed(&pair).unwrap();
    (pair, certificate.pem())
}

/// A topic's first call, signed: the certificate and then the confirmation are fetched from Amazon, and nothing from anywhere else. What
/// could not be fetched is asked for again by the next delivery.
#[tokio::test]
async fn a_subscription_is_confirmed_and_only_amazon_is_asked() {
    use base64::Engine as _;
    let (key, pem) = amazon();
    let fetched: Arc<Mutex<Vec<String>>> = Arc::default();
    let down = Arc::new(std::sync::atomic::AtomicBool::new(true));
    let (asked, away) = (fetched.clone(), down.clone());
    let metrics = Arc::new(Metrics::new("1", "a"));
    let fetch = Arc::new(move |url: String| -> std::pin::Pin<Box<dyn Future<Output = Result<String, String>> + Send>> {
        asked.lock().unwrap().push(url.clone());
        let answer = if url.ends_with(".pem") { Ok(pem.clone()) } else if away.load(std::sync::atomic::Ordering::Relaxed) { Err("down".into()) } else { Ok("<ok/>".into()) };
        Box::pin(async move { answer })
    });
    let hooks = Hooks::new(metrics.clone(), fetch);
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = Port { port: listener.local_addr().unwrap().port(), hooks: hooks.clone(), metrics: metrics.clone() };
    tokio::spawn(serve(listener, Web { metrics, probes: Probes::default(), hooks }, std::future::pending()));
    let path = port.receiver("s3", &[KEY]);
    let documented = std::fs::read("tests/cases/webhooks/s3-sns-confirmation.json").unwrap();
    let documented: serde_json::Value = serde_json::from_slice(&documented).unwrap();
    let signed = |change: &dyn Fn(&mut serde_json::Value)| {
        let mut body = documented["body"].clone();
        body["Timestamp"] = jiff::Timestamp::now().to_string().into();
        body["SignatureVersion"] = "2".into();
        change(&mut body);
        let fields = ["Message", "MessageId", "SubscribeURL", "Timestamp", "Token", "TopicArn", "Type"];
        let text: String = fields.iter().map(|name| format!("{name}\n{}\n", body[*name].as_str().unwrap())).collect();
        body["Signature"] = base64::engine::general_purpose::STANDARD.encode(rcgen::SigningKey::sign(&key, text.as_bytes()).unwrap()).into();
        body
    };
    let send = async |body: &serde_json::Value| port.post(&path, &[("x-amz-sns-message-type", "SubscriptionConfirmation")], body.to_string().as_bytes()).await;
    let (subscribe, certificate) = (documented["body"]["SubscribeURL"].as_str().unwrap(), documented["body"]["SigningCertURL"].as_str().unwrap());
    let good = signed(&|_| {});
    assert_eq!(send(&good).await.0, 503, "the confirmation could not be fetched");
    down.store(false, std::sync::atomic::Ordering::Relaxed);
    assert_eq!(send(&good).await, (200, "the subscription is confirmed".into()));
    assert_eq!(std::mem::take(&mut *fetched.lock().unwrap()), [certificate, subscribe, subscribe], "the certificate is kept");
    // Signed by the right key, and leading elsewhere.
    let elsewhere = signed(&|body| body["SubscribeURL"] = "https://169.254.169.254/latest/meta-data".into());
    assert_eq!(send(&elsewhere).await.0, 400);
    let foreign = signed(&|body| body["SigningCertURL"] = "https://sns.us-west-2.amazonaws.com.evil.example/cert.pem".into());
    assert_eq!(send(&foreign).await.0, 401);
    let mut forged = signed(&|_| {});
    forged["TopicArn"] = "arn:aws:sns:us-west-2:999999999999:Other".into();
    assert_eq!(send(&forged).await.0, 401);
    assert_eq!(*fetched.lock().unwrap(), Vec::<String>::new(), "nothing else was asked");
}

/// What the distribution registry sends when an image is pushed.
#[tokio::test(flavor = "multi_thread")]
async fn the_real_registry_tells_of_a_push() {
    let port = Port::open().await;
    let path = port.receiver("distribution", &[KEY]);
    let notify = format!(
        "notifications:\n  endpoints:\n  - name: windlass\n    url: http://127.0.0.1:{}{path}\n    timeout: 5s\n    threshold: 5\n    backoff: 1s\n",
        port.port
    );
    let registry = crate::registry::Registry::start(&notify);
    let digest = registry.push("shop/web", "1.4.2", &crate::registry::Made::default()).await;
    let pending = tokio::time::timeout(Duration::from_secs(60), port.hooks.take()).await.expect("the registry tells within a minute");
    let Pending::Events(events) = &pending[0].1 else { panic!("{pending:?}") };
    let wanted = |event: &Event| matches!(event, Event::Image(image) if image.repository == "shop/web" && image.tag.as_deref() == Some("1.4.2") && image.digest.as_deref() == Some(&digest));
    assert!(events.iter().any(wanted), "{events:?}");
}
