//! Controllers and injectors write to what windlass released: an autoscaler, a sidecar injector, a CA injector. Nobody fights, and
//! nobody writes once all is done.

use crate::{SOON, fixture::{Fixture, Repository, environment, ready}};
use base64::{Engine as _, engine::general_purpose::STANDARD};
use serde_json::{Value, json};
use std::{
    io::{BufRead as _, BufReader, Read as _, Write as _},
    net::{TcpListener, TcpStream},
    sync::Arc,
    time::Duration,
};
use xtask::cluster::Request;

/// A mutating webhook that puts a second container beside the first, into Pods and what makes them.
struct Injector {
    port: u16,
    ca: String,
}

impl Injector {
    fn start() -> Injector {
        let made = rcgen::generate_simple_self_signed(vec!["127.0.0.1".into()]).expect("a certificate");
        let (cert, key) = (made.cert.der().clone(), rustls::pki_types::PrivateKeyDer::try_from(made.signing_key.serialize_der()).expect("a key"));
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let config = rustls::ServerConfig::builder_with_provider(provider).with_safe_default_protocol_versions().expect("versions");
        let config = Arc::new(config.with_no_client_auth().with_single_cert(vec![cert], key).expect("a pair"));
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        let port = listener.local_addr().expect("bound").port();
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let config = config.clone();
                std::thread::spawn(move || serve(stream, config));
            }
        });
        Injector { port, ca: STANDARD.encode(made.cert.pem()) }
    }
}

/// Answers requests on one connection until it is closed.
fn serve(stream: TcpStream, config: Arc<rustls::ServerConfig>) {
    let Ok(session) = rustls::ServerConnection::new(config) else { return };
    let mut stream = BufReader::new(rustls::StreamOwned::new(session, stream));
    loop {
        let mut length = 0;
        let mut line = String::new();
        loop {
            line.clear();
            if stream.read_line(&mut line).unwrap_or(0) == 0 {
                return;
            }
            if let Some(value) = line.to_lowercase().strip_prefix("content-length:") {
                length = value.trim().parse().unwrap_or(0);
            }
            if line.trim().is_empty() {
                break;
            }
        }
        let mut body = vec![0; length];
        if stream.read_exact(&mut body).is_err() {
            return;
        }
        let answer = admitted(&serde_json::from_slice(&body).unwrap_or_default()).to_string();
        let head = format!("HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: {}\r\n\r\n", answer.len());
        if stream.get_mut().write_all(format!("{head}{answer}").as_bytes()).and_then(|()| stream.get_mut().flush()).is_err() {
            return;
        }
    }
}

fn admitted(review: &Value) -> Value {
    let object = &review["request"]["object"];
    let pod = if object["kind"] == "Pod" { "/spec" } else { "/spec/template/spec" };
    let containers = object.pointer(&format!("{pod}/containers")).and_then(Value::as_array).cloned().unwrap_or_default();
    let mut response = json!({"uid": review["request"]["uid"], "allowed": true});
    if !containers.iter().any(|container| container["name"] == "sidecar") {
        let patch = json!([{"op": "add", "path": format!("{pod}/containers/-"), "value": {"name": "sidecar", "image": "sidecar:1"}}]);
        response["patchType"] = json!("JSONPatch");
        response["patch"] = json!(STANDARD.encode(patch.to_string()));
    }
    json!({"apiVersion": "admission.k8s.io/v1", "kind": "AdmissionReview", "response": response})
}

/// How long nothing may be written: ten seconds, or what `WINDLASS_QUIET_SECONDS` says (600 for the whole proof).
fn window() -> Duration {
    let seconds = std::env::var("WINDLASS_QUIET_SECONDS").ok().and_then(|text| text.parse().ok()).unwrap_or(10);
    Duration::from_secs(seconds)
}

/// What the agent asked of the release, its Environment and their events, dry runs apart: those requests of it that are `wanted`.
fn agents_requests(f: &Fixture, name: &str, wanted: impl Fn(&Request) -> bool) -> Vec<String> {
    let requests = f.cluster().requests().expect("the audit log is there");
    let found = requests.into_iter().filter(|request| {
        let object = &request.event["objectRef"];
        let here = object["namespace"] == name || object["name"].as_str().is_some_and(|found| found.starts_with(&format!("{name}.")));
        let tool = ["kubectl", "helm", "Helm", "Go-http"].iter().any(|tool| request.user_agent.starts_with(tool));
        here && !tool && wanted(request) && !request.uri.contains("dryRun=All")
    });
    found.map(|request| format!("{} {} ({})", request.verb, request.uri, request.code)).collect()
}

/// What the agent wrote to the release, its Environment and their events.
fn agents_writes(f: &Fixture, name: &str) -> Vec<String> {
    agents_requests(f, name, |request| ["create", "update", "patch", "delete"].contains(&request.verb.as_str()))
}

#[test]
fn what_was_never_released_is_not_asked_for() {
    let f = Fixture::get("never");
    let repo = Repository::of("never", "tests/cases/scale-app");
    f.create(&environment("never", &repo, ""));
    f.wait("never", SOON, |env| ready(env, "True", "InSync"));
    let reads = agents_requests(&f, "never", |request| ["get", "list"].contains(&request.verb.as_str()));
    assert!(reads.is_empty(), "watches tell that there is neither a record nor a memory: {reads:#?}");
    assert!(agents_writes(&f, "never").len() >= 8, "finalizer, record and six objects are seen");
}

#[test]
fn an_autoscaler_a_sidecar_injector_and_a_ca_injector_are_left_alone() {
    let f = Fixture::get("quiet");
    let injector = Injector::start();
    f.create(&json!({
        "apiVersion": "admissionregistration.k8s.io/v1", "kind": "MutatingWebhookConfiguration", "metadata": {"name": "sidecars.windlass.test"},
        "webhooks": [{
            "name": "sidecars.windlass.test", "admissionReviewVersions": ["v1"], "sideEffects": "None", "failurePolicy": "Fail",
            "clientConfig": {"url": format!("https://127.0.0.1:{}/", injector.port), "caBundle": injector.ca},
            "namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": "quiet"}},
            "objectSelector": {"matchLabels": {"inject": "yes"}},
            "rules": [
                {"apiGroups": [""], "apiVersions": ["v1"], "operations": ["CREATE"], "resources": ["pods"]},
                {"apiGroups": ["apps"], "apiVersions": ["v1"], "operations": ["CREATE", "UPDATE"], "resources": ["deployments"]},
            ],
        }],
    }));
    let repo = Repository::of("quiet", "tests/cases/life/quiet");
    f.create(&environment("quiet", &repo, ""));
    f.wait("quiet", SOON, |env| ready(env, "True", "InSync"));
    assert_eq!(f.field("deployment/quiet", "{.spec.template.spec.containers[*].name}"), "app sidecar", "the injector works");
    // A user's autoscaler, no part of the chart, moved by its minimum; a CA injector.
    f.create(&json!({
        "apiVersion": "autoscaling/v2", "kind": "HorizontalPodAutoscaler", "metadata": {"name": "user", "namespace": "quiet"},
        "spec": {"scaleTargetRef": {"apiVersion": "apps/v1", "kind": "Deployment", "name": "quiet"}, "minReplicas": 3, "maxReplicas": 6},
    }));
    f.until(SOON, "the autoscaler raises the replicas", || f.field("deployment/quiet", "{.status.readyReplicas}") == "3");
    let webhook = "validatingwebhookconfiguration/quiet.windlass.test";
    let bundle = &injector.ca;
    let patch = json!([{"op": "add", "path": "/webhooks/0/clientConfig/caBundle", "value": bundle}]).to_string();
    f.kubectl(&["patch", webhook, "--field-manager=cainjector", "--type=json", "-p", &patch]);
    f.kubectl(&["patch", "hpa", "user", "--type=merge", "-p", r#"{"spec":{"minReplicas":4}}"#]);
    f.until(SOON, "the autoscaler raises the replicas again", || f.field("deployment/quiet", "{.status.readyReplicas}") == "4");
    // A further release leaves them alone, too.
    repo.push("values.yaml", |text| text.replace("hello", "second"));
    f.wait("quiet", SOON, |env| ready(env, "True", "InSync") && env["status"]["release"]["number"] == 2);
    let as_left = |f: &Fixture| {
        assert_eq!(f.field("deployment/quiet", "{.spec.replicas}"), "4");
        assert_eq!(&f.field(webhook, "{.webhooks[0].clientConfig.caBundle}"), bundle);
        assert_eq!(f.field("deployment/quiet", "{.spec.template.spec.containers[*].name}"), "app sidecar");
    };
    as_left(&f);
    f.until(SOON, "the rollout has ended", || f.field("deployment/quiet", "{.status.updatedReplicas} {.status.readyReplicas} {.status.replicas}") == "4 4 4");
    std::thread::sleep(Duration::from_secs(3));
    let before = agents_writes(&f, "quiet");
    assert!(before.len() > 5, "the agent's writes are found in the audit log: {before:?}");
    std::thread::sleep(window());
    let after = agents_writes(&f, "quiet");
    assert_eq!(after.len(), before.len(), "written meanwhile: {:#?}", &after[before.len()..]);
    as_left(&f);
    let repaired = f.kubectl(&["get", "events", "--field-selector", "reason=DriftRepaired", "-o", "name"]);
    assert_eq!(repaired.trim(), "", "nothing was taken for drift");
}
