//! Payloads as the senders document them (`tests/cases/webhooks`), proved, forged and mangled.

use super::*;
use hmac::Mac as _;
use std::collections::{BTreeMap, BTreeSet};

const KEY: &[u8] = b"a key that nobody can guess";
const OLD: &[u8] = b"the key before it, still good";
const NOW: i64 = 1_700_000_000;

/// A documented payload, ready to be sent.
struct Case {
    file: String,
    driver: &'static Driver,
    headers: Vec<(String, String)>,
    body: Vec<u8>,
    sign: Option<String>,
    settings: Settings,
    json: Value,
}

fn hmac(key: &[u8], text: &[u8]) -> Vec<u8> {
    let mut mac = hmac::Hmac::<sha2::Sha256>::new_from_slice(key).unwrap();
    mac.update(text);
    mac.finalize().into_bytes().to_vec()
}

fn hex(bytes: &[u8]) -> String {
    data_encoding::HEXLOWER.encode(bytes)
}

/// An authority of ours in the place of Amazon's.
fn sns_key() -> &'static (rcgen::KeyPair, String) {
    static KEYS: std::sync::OnceLock<(rcgen::KeyPair, String)> = std::sync::OnceLock::new();
    KEYS.get_or_init(|| {
        use rsa::pkcs8::EncodePrivateKey as _;
        let key = rsa::RsaPrivateKey::new(&mut rand::rngs::OsRng, 2048).unwrap();
        let pem = key.to_pkcs8_pem(rsa::pkcs8::LineEnding::LF).unwrap();
        let pair = rcgen::KeyPair::from_pem_and_sign_algo(&pem, &rcgen::PKCS_RSA_SHA256).unwrap();
        let certificate = rcgen::CertificateParams::new(vec!["sns.amazonaws.com".into()]).unwrap().self_signed(&pair).unwrap();
        (pair, certificate.pem())
    })
}

/// Signs as the documentation says: the fields one under the other.
fn sns_signature(body: &Value) -> String {
    use base64::Engine as _;
    let mut text = String::new();
    for name in ["Message", "MessageId", "Subject", "SubscribeURL", "Timestamp", "Token", "TopicArn", "Type"] {
        if let Some(value) = body[name].as_str() {
            text.push_str(&format!("{name}\n{value}\n"));
        }
    }
    let signature = rcgen::SigningKey::sign(&sns_key().0, text.as_bytes()).unwrap();
    base64::engine::general_purpose::STANDARD.encode(signature)
}

impl Case {
    fn read(path: &std::path::Path) -> Case {
        let json: Value = serde_json::from_slice(&std::fs::read(path).unwrap()).unwrap();
        let mut settings = Settings::default();
        if json["generic"].is_object() {
            let text = |name: &str| json["generic"][name].as_str().map(str::to_owned);
            settings.mapping = Some(Mapping {
                when: text("when"),
                repository: text("repository"),
                branch: text("branch"),
                image: text("image"),
                tag: text("tag"),
                delivery: text("delivery"),
                signature_header: text("signature_header"),
                token_header: None,
            });
            settings.mapping.as_ref().unwrap().check().unwrap();
        }
        let headers = json["headers"].as_object().unwrap();
        let headers = headers.iter().map(|(name, value)| (name.to_lowercase(), value.as_str().unwrap().to_owned())).collect();
        let body = match json["body"].get("form") {
            Some(form) => {
                let quoted: String = form.to_string().bytes().map(|b| if b == b' ' { "+".into() } else { format!("%{b:02X}") }).collect();
                format!("payload={quoted}").into_bytes()
            }
            None => json["body"].to_string().into_bytes(),
        };
        Case {
            file: path.file_name().unwrap().to_string_lossy().into_owned(),
            driver: driver(json["driver"].as_str().unwrap()).unwrap(),
            headers,
            body,
            sign: json["sign"].as_str().map(str::to_owned),
            settings,
            json,
        }
    }

    /// Proves it with a key, as its sender does.
    fn proved(mut self, key: &[u8]) -> Case {
        use base64::Engine as _;
        match self.sign.clone().as_deref() {
            None => {}
            Some("standard") => {
                let id = self.headers.iter().find(|(name, _)| name == "webhook-id").unwrap().1.clone();
                let text = [id.as_bytes(), b".", NOW.to_string().as_bytes(), b".", &self.body].concat();
                let signature = base64::engine::general_purpose::STANDARD.encode(hmac(key, &text));
                self.headers.push(("webhook-timestamp".into(), NOW.to_string()));
                self.headers.push(("webhook-signature".into(), format!("v1,bm9uZQ== v1,{signature}")));
            }
            Some("sns") => {
                let mut body: Value = serde_json::from_slice(&self.body).unwrap();
                body["Timestamp"] = jiff::Timestamp::from_second(NOW).unwrap().to_string().into();
                body["SignatureVersion"] = "2".into();
                body["Signature"] = sns_signature(&body).into();
                self.settings.certificate = Some(Certificate { url: body["SigningCertURL"].as_str().unwrap().into(), pem: sns_key().1.clone() });
                self.body = body.to_string().into_bytes();
            }
            Some(sign) => match sign.strip_prefix("token ") {
                Some(header) => {
                    let scheme = if header == "authorization" && self.file.contains("minio") { "Bearer " } else { "" };
                    self.headers.push((header.into(), format!("{scheme}{}", String::from_utf8_lossy(key))));
                }
                None => {
                    let prefix = if sign.starts_with("x-hub") { "sha256=" } else { "" };
                    self.headers.push((sign.into(), format!("{prefix}{}", hex(&hmac(key, &self.body)))));
                }
            },
        }
        self
    }

    fn receive(&self) -> Result<Told, Refused> {
        self.receive_at(NOW)
    }

    fn receive_at(&self, now: i64) -> Result<Told, Refused> {
        let request = Request { headers: &self.headers, body: &self.body, now };
        self.driver.receive(&request, &Keys::new([KEY, OLD]), &self.settings)
    }
}

fn cases() -> Vec<Case> {
    let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/cases/webhooks");
    let files = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    let cases: Vec<Case> = files.filter(|path| path.extension().is_some_and(|end| end == "json")).map(|path| Case::read(&path)).collect();
    assert!(cases.len() >= 30, "only {} payloads were found", cases.len());
    cases
}

fn shown(event: &Event) -> String {
    match event {
        Event::Push { repository, branch } => {
            let names: Vec<String> = repository.iter().map(|one| format!("{}/{}", one.host.as_deref().unwrap_or("?"), one.path)).collect();
            format!("push {} {branch}", names.join(","))
        }
        Event::Image(image) => {
            let tag = image.tag.as_ref().map(|tag| format!(":{tag}")).unwrap_or_default();
            let digest = image.digest.as_ref().map(|digest| format!("@{digest}")).unwrap_or_default();
            format!("image {}/{}{tag}{digest}", image.host.as_deref().unwrap_or("?"), image.repository)
        }
        Event::Object { bucket, key } => format!("object {bucket} {key}"),
    }
}

#[test]
fn documented_payloads_tell_what_they_mean() {
    for case in cases() {
        for key in [KEY, OLD] {
            let case = Case { headers: case.headers.clone(), body: case.body.clone(), sign: case.sign.clone(), settings: case.settings.clone(), json: case.json.clone(), file: case.file.clone(), ..case };
            let case = case.proved(key);
            let told = case.receive().unwrap_or_else(|error| panic!("{}: {error}", case.file));
            let tells: Vec<String> = told.events.iter().map(shown).collect();
            let wanted: Vec<&str> = case.json["tells"].as_array().unwrap().iter().map(|text| text.as_str().unwrap()).collect();
            assert_eq!(tells, wanted, "{}", case.file);
            if let Some(note) = case.json["note"].as_str() {
                assert_eq!(told.note, note, "{}", case.file);
            }
            if let Some(delivery) = case.json["delivery"].as_str() {
                assert_eq!(told.delivery.as_deref(), Some(delivery), "{}", case.file);
            }
            assert_eq!(told.confirm.is_some(), case.file.contains("confirmation"), "{}", case.file);
        }
    }
}

#[test]
fn every_driver_has_a_documented_payload() {
    let shown: BTreeSet<&str> = cases().iter().map(|case| case.driver.name).collect();
    let all: BTreeSet<&str> = DRIVERS.iter().map(|driver| driver.name).collect();
    assert_eq!(shown, all);
}

#[test]
fn what_is_forged_is_refused() {
    let mut tried = BTreeMap::new();
    for case in cases() {
        if case.sign.is_none() {
            continue;
        }
        *tried.entry(case.driver.name).or_insert(0) += 1;
        let (file, sns) = (case.file.clone(), case.sign.as_deref() == Some("sns"));
        let refused = |case: &Case, how: &str| match case.receive() {
            Err(Refused::Unproved(_) | Refused::Forged(_)) => {}
            other => panic!("{file} {how}: {other:?}"),
        };
        let copy = |case: &Case| Case { headers: case.headers.clone(), body: case.body.clone(), sign: case.sign.clone(), settings: case.settings.clone(), json: case.json.clone(), file: case.file.clone(), driver: case.driver };
        if !sns {
            refused(&case, "without a proof");
            refused(&copy(&case).proved(b"another key"), "with another key");
        }
        let mut changed = copy(&case).proved(KEY);
        if case.sign.as_deref().is_some_and(|sign| sign.starts_with("token")) {
            let token = changed.headers.last_mut().unwrap();
            token.1.push('x');
        } else {
            let text = String::from_utf8(changed.body.clone()).unwrap();
            let at = text.len() / 2;
            changed.body = if sns { text.replacen("MyTopic", "Topic", 1) } else { format!("{}~{}", &text[..at], &text[at + 1..]) }.into_bytes();
        }
        refused(&changed, "changed on the way");
    }
    for name in ["github", "ghcr", "gitlab", "gitea", "bitbucket", "harbor", "s3", "generic"] {
        assert!(tried.contains_key(name), "{name} was not tried");
    }
}

#[test]
fn what_is_old_is_refused_where_the_protocol_tells_the_time() {
    for case in cases().into_iter().filter(|case| matches!(case.sign.as_deref(), Some("sns" | "standard"))) {
        let case = case.proved(KEY);
        assert!(case.receive_at(NOW + 200).is_ok(), "{}", case.file);
        for time in [NOW + 4000, NOW - 400] {
            assert!(matches!(case.receive_at(time), Err(Refused::Stale(..))), "{}", case.file);
        }
    }
}

#[test]
fn certificates_come_from_amazon_alone() {
    let good = ["https://sns.us-west-2.amazonaws.com/x.pem", "https://sns.cn-north-1.amazonaws.com.cn/x.pem"];
    let bad = [
        "http://sns.us-west-2.amazonaws.com/x.pem",
        "https://sns.us-west-2.amazonaws.com.evil.example/x.pem",
        "https://evil.example/sns.us-west-2.amazonaws.com/x.pem",
        "https://sns.us-west-2.amazonaws.com@evil.example/x.pem",
        "https://sns.evil.example\\.amazonaws.com/x.pem",
        "https://sns.a.b.amazonaws.com/x.pem",
        "https://sns.us-west-2.amazonaws.com:8443/x.pem",
    ];
    assert!(good.iter().all(|url| trusted_host(url)));
    for url in bad {
        assert!(!trusted_host(url), "{url}");
    }
    let mut case = cases().into_iter().find(|case| case.file == "s3-sns.json").unwrap().proved(KEY);
    case.settings.certificate = None;
    assert!(matches!(case.receive(), Err(Refused::NeedsCertificate(_))));
}

#[test]
fn deliveries_are_known_again() {
    let mut seen = Seen::default();
    assert!(seen.first_time("a") && seen.first_time("b") && !seen.first_time("a"));
    for number in 0..5000 {
        assert!(seen.first_time(&number.to_string()));
    }
    assert!(seen.first_time("a"), "only so many are remembered");
}

#[test]
fn addresses_mean_the_same_repository() {
    let address = |text: &str| Address::parse(text).unwrap();
    let same = ["https://GitHub.com/Shop/App.git", "git@github.com:shop/app.git", "ssh://git@github.com:22/shop/app", "https://user:pw@github.com/shop/app/"];
    for one in same {
        assert!(same.iter().all(|other| address(one).means(&address(other), false)), "{one}");
    }
    assert!(address("https://git.example.com/scm/proj/r.git").means(&address("ssh://git@git.example.com:7999/proj/r.git"), false));
    assert!(address("PROJ/r").means(&address("https://git.example.com/scm/proj/r.git"), false));
    assert!(!address("https://a.example/x/y").means(&address("https://b.example/x/y"), false));
    assert!(address("https://a.example/x/y").means(&address("https://b.example/x/y"), true));
    assert_eq!(Address::parse("https://host/"), None);
    assert_eq!(Address::parse(""), None);
}

#[test]
fn images_are_read_as_docker_reads_them() {
    let read = |text: &str| Image::parse(text).map(|image| shown(&Event::Image(image)));
    for (text, wanted) in [
        ("nginx", "image docker.io/library/nginx"),
        ("nginx:1.27", "image docker.io/library/nginx:1.27"),
        ("shop/web", "image docker.io/shop/web"),
        ("ghcr.io/shop/web:1@sha256:ab", "image ghcr.io/shop/web:1@sha256:ab"),
        ("localhost/web", "image localhost/web"),
        ("localhost:5000/a/b:x", "image localhost:5000/a/b:x"),
        ("index.docker.io/library/nginx", "image docker.io/library/nginx"),
    ] {
        assert_eq!(read(text).as_deref(), Some(wanted), "{text}");
    }
    assert_eq!(read(""), None);
    assert_eq!(read("a//b"), None);
}

/// Whatever is sent: an answer, and never a panic. `cargo bolero test webhooks::tests::any_body_is_answered` fuzzes it.
#[test]
fn any_body_is_answered() {
    let seeds: Vec<(Vec<u8>, Vec<(String, String)>)> = cases().into_iter().map(|case| (case.body, case.headers)).collect();
    let mapping = Mapping { image: Some("body.a.b".into()), when: Some("size(body) > 0".into()), ..Mapping::default() };
    let settings = Settings { mapping: Some(mapping), certificate: None };
    bolero::check!().with_type::<(usize, usize, Vec<(u16, u8)>, Vec<u8>)>().cloned().for_each(|(which, driver, changes, raw): (usize, usize, Vec<(u16, u8)>, Vec<u8>)| {
        let (mut body, headers) = seeds[which % seeds.len()].clone();
        for (at, byte) in changes {
            let at = usize::from(at) % body.len();
            body[at] = byte;
        }
        let driver = &DRIVERS[driver % DRIVERS.len()];
        for body in [&body, &raw] {
            let request = Request { headers: &headers, body, now: NOW };
            let _ = driver.receive(&request, &Keys::new([KEY]), &settings);
            // What is not proved is read only here: the readers have to stand it too.
            let _ = (driver.read)(&request, &settings);
        }
    });
}

#[test]
fn the_reference_page_is_current() {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/docs/reference/webhooks.md");
    if std::env::var_os("WINDLASS_BLESS").is_some() {
        std::fs::write(path, reference()).unwrap();
    }
    let there = std::fs::read_to_string(path).unwrap_or_default();
    assert!(there == reference(), "docs/reference/webhooks.md is not current: run WINDLASS_BLESS=1 cargo test --lib webhooks");
}

/// The kind `Receiver` knows the drivers of the table, each by its name.
#[test]
fn every_driver_can_be_written_in_a_receiver() {
    for driver in DRIVERS {
        let read: crate::app::ReceiverDriver = serde_json::from_value(driver.name.into()).unwrap();
        assert_eq!(read.name(), driver.name);
    }
}
