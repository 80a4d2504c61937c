//! Reading and writing single objects.

use super::{ApiError, Cluster, newest, pressure};
use crate::object::{ObjectRef, ownership::FIELD_MANAGER};
use http_body_util::BodyExt as _;
use serde_json::{Value, json};
use std::time::Duration;

/// The field manager of what is windlass's own: records, status, events. A release's objects are applied under helm's name,
/// see [`FIELD_MANAGER`].
pub const MANAGER: &str = "windlass";

/// How long one request may take before it counts as unanswered.
const REQUEST_TIMEOUT: Duration = Duration::from_secs(30);

/// The pause before a read is sent again that was answered with something old.
const OLD_PAUSE: Duration = Duration::from_millis(150);

/// The largest answer that is read: a list of a whole kind, generously.
const MAX_ANSWER: usize = 64 << 20;

/// What is accepted as an answer: JSON; before it, where only metadata is wanted, that of one object or of each of a list. Who does
/// not know of that sends all.
const WHOLE: &str = "application/json";
const METADATA: &str = "application/json;as=PartialObjectMetadata;g=meta.k8s.io;v=v1,application/json";
const METADATA_OF_EACH: &str = "application/json;as=PartialObjectMetadataList;g=meta.k8s.io;v=v1,application/json";

/// What an apply left.
#[derive(Clone, Debug)]
pub struct Patched {
    /// The object after it, defaults and admission included.
    pub object: Value,
    /// It did not exist before.
    pub created: bool,
}

/// How to delete.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Delete {
    /// Dependents go afterwards, by the garbage collector.
    Background,
    /// Dependents go first.
    Foreground,
}

/// What came back.
struct Answer {
    code: u16,
    headers: http::HeaderMap,
    bytes: Vec<u8>,
}

impl Cluster {
    /// One request. `path` may hold a query; `content` is the content type of the body.
    pub(super) async fn raw(&self, verb: &str, path: &str, content: Option<&str>, body: Vec<u8>) -> Result<Value, ApiError> {
        let (_, bytes) = self.send(verb, path, content, body).await?;
        if bytes.is_empty() {
            return Ok(Value::Null);
        }
        serde_json::from_slice(&bytes).map_err(|error| ApiError::unreachable(format!("the API server's answer is not JSON: {error}")))
    }

    /// One request, sent again where the server asks for that; no write passes the shut gate, however often it was tried before.
    async fn send(&self, verb: &str, path: &str, content: Option<&str>, body: Vec<u8>) -> Result<(u16, Vec<u8>), ApiError> {
        let answer = self.send_patiently(verb, path, content, body).await;
        if let Err(error) = &answer
            && !matches!(verb, "get" | "list")
            && !path.contains("dryRun=All")
            && (error.code == 0 || error.code >= 500)
        {
            self.newest.doubt(path);
        }
        answer
    }

    async fn send_patiently(&self, verb: &str, path: &str, content: Option<&str>, body: Vec<u8>) -> Result<(u16, Vec<u8>), ApiError> {
        let body = bytes::Bytes::from(body);
        let mut tries = 0;
        loop {
            // Before the gate: it may be shut while others are waited for.
            let under_way = self.flight.acquire().await.expect("the semaphore is never closed");
            if !matches!(verb, "get" | "list") && !self.fence.is_open() {
                return Err(ApiError::not_leading());
            }
            let answer = tokio::time::timeout(REQUEST_TIMEOUT, self.send_once(verb, path, content, body.clone()));
            let answer = answer.await.unwrap_or_else(|_| Err(ApiError::unreachable("the API server did not answer within 30 s".into())));
            drop(under_way);
            (self.on_request)(verb, answer.as_ref().map_or(0, |answer| answer.code));
            let Answer { code, headers, bytes } = answer?;
            if (200..300).contains(&code) {
                return Ok((code, bytes));
            }
            match pressure::pause(code, &headers) {
                Some(pause) if tries < pressure::MAX_RETRIES => tokio::time::sleep(pause).await,
                pause => return Err(ApiError::answer(code, pause.map(|pause| pause.as_secs()), &bytes)),
            }
            tries += 1;
        }
    }

    async fn send_once(&self, verb: &str, path: &str, content: Option<&str>, body: bytes::Bytes) -> Result<Answer, ApiError> {
        let method = match verb {
            "get" | "list" => "GET",
            "create" => "POST",
            "update" => "PUT",
            "delete" => "DELETE",
            _ => "PATCH",
        };
        let accept = match (self.terse, verb) {
            (false, _) | (true, "delete") => WHOLE,
            (true, "list") => METADATA_OF_EACH,
            (true, _) => METADATA,
        };
        let mut request = http::Request::builder().method(method).uri(path).header("accept", accept);
        if let Some(content) = content {
            request = request.header("content-type", content);
        }
        let request = request
            .body(kube::client::Body::from(body))
            // The path is not quoted: names and kinds may come from secrets, and stand in it in other letters than a redactor knows.
            .map_err(|error| ApiError::config(format!("no request can be made of it: {error}")))?;
        let response = self.client.send(request).await.map_err(|error| unreachable(&error))?;
        let (code, headers) = (response.status().as_u16(), response.headers().clone());
        let limited = http_body_util::Limited::new(response.into_body(), MAX_ANSWER);
        let bytes = limited.collect().await.map_err(|error| ApiError::unreachable(format!("the answer broke off: {error}")))?;
        Ok(Answer { code, headers, bytes: bytes.to_bytes().to_vec() })
    }

    /// The object.
    ///
    /// # Errors
    /// 404 where there is none; else as the request failed.
    pub async fn get(&self, reference: &ObjectRef) -> Result<Value, ApiError> {
        let path = self.path(reference).await?;
        self.read("get", &path).await
    }

    /// A read that does not go back behind what this agent wrote or read before.
    async fn read(&self, verb: &str, path: &str) -> Result<Value, ApiError> {
        let mut tries = 0;
        loop {
            let answer = self.raw(verb, path, None, Vec::new()).await;
            if tries == newest::MAX_RETRIES || !self.newest.is_old(path, &answer) {
                self.newest.believe(path, &answer);
                return answer;
            }
            tries += 1;
            tokio::time::sleep(OLD_PAUSE).await;
        }
    }

    /// The objects of a collection (`reference.name` empty), by label selector; an empty one takes all.
    ///
    /// # Errors
    /// As the request failed.
    pub async fn list(&self, reference: &ObjectRef, selector: &str) -> Result<Vec<Value>, ApiError> {
        let mut path = self.path(reference).await?;
        if !selector.is_empty() {
            path = format!("{path}?labelSelector={}", escape(selector));
        }
        let mut list = self.read("list", &path).await?;
        let kind = json!(reference.gvk.kind);
        let version = json!(reference.gvk.api_version());
        let Value::Array(mut items) = list["items"].take() else { return Ok(Vec::new()) };
        for item in &mut items {
            item["kind"] = kind.clone();
            item["apiVersion"] = version.clone();
        }
        Ok(items)
    }

    /// Server-side apply, for real or as a dry run.
    ///
    /// # Errors
    /// 409 with causes for field conflicts, unless `force`; else as the request failed.
    pub async fn apply(&self, reference: &ObjectRef, object: &Value, dry_run: bool, force: bool) -> Result<Patched, ApiError> {
        let path = self.path(reference).await?;
        let dry = if dry_run { "&dryRun=All" } else { "" };
        let path = format!("{path}?fieldManager={FIELD_MANAGER}&force={force}{dry}&fieldValidation=Strict");
        let body = serde_json::to_vec(object).expect("a JSON value always serialises");
        let (code, bytes) = self.send("patch", &path, Some("application/apply-patch+yaml"), body).await?;
        let object = serde_json::from_slice(&bytes)
            .map_err(|error| ApiError::unreachable(format!("the API server's answer is not JSON: {error}")))?;
        if !dry_run {
            self.newest.wrote(&path, &object);
        }
        Ok(Patched { object, created: code == 201 })
    }

    /// Creates an object.
    ///
    /// # Errors
    /// 409 where it exists; else as the request failed.
    pub async fn create(&self, object: &Value) -> Result<Value, ApiError> {
        let mut reference = ObjectRef::of(object);
        reference.name.clear();
        let collection = self.path(&reference).await?;
        let path = format!("{collection}?fieldManager={MANAGER}");
        let made = self.raw("create", &path, Some("application/json"), serde_json::to_vec(object).expect("JSON serialises")).await?;
        self.newest.wrote(&format!("{collection}/{}", made["metadata"]["name"].as_str().unwrap_or_default()), &made);
        Ok(made)
    }

    /// Replaces an object, or a subresource of it (`status`, which costs the server half of what a patch costs); with
    /// `metadata.resourceVersion` only if nobody wrote in between.
    ///
    /// # Errors
    /// 409 where somebody did; else as the request failed.
    pub async fn replace(&self, object: &Value, subresource: &str) -> Result<Value, ApiError> {
        let path = self.write_path(&ObjectRef::of(object), subresource).await?;
        let written = self.raw("update", &path, Some("application/json"), serde_json::to_vec(object).expect("JSON serialises")).await?;
        self.newest.wrote(&path, &written);
        Ok(written)
    }

    /// The path that a write of an object, or of a subresource of it, goes to.
    async fn write_path(&self, reference: &ObjectRef, subresource: &str) -> Result<String, ApiError> {
        let mut path = self.path(reference).await?;
        if !subresource.is_empty() {
            path = format!("{path}/{subresource}");
        }
        Ok(format!("{path}?fieldManager={MANAGER}"))
    }

    /// JSON merge patch, on the object or a subresource of it (`status`).
    ///
    /// # Errors
    /// As the request failed.
    pub async fn merge(&self, reference: &ObjectRef, subresource: &str, patch: &Value) -> Result<Value, ApiError> {
        let path = self.write_path(reference, subresource).await?;
        let written = self.raw("patch", &path, Some("application/merge-patch+json"), serde_json::to_vec(patch).expect("JSON serialises")).await?;
        self.newest.wrote(&path, &written);
        Ok(written)
    }

    /// Deletes an object; `false` where there was none.
    ///
    /// # Errors
    /// As the request failed.
    pub async fn delete(&self, reference: &ObjectRef, how: Delete) -> Result<bool, ApiError> {
        let policy = match how {
            Delete::Background => "Background",
            Delete::Foreground => "Foreground",
        };
        let body = serde_json::to_vec(&json!({ "propagationPolicy": policy })).expect("JSON serialises");
        let path = self.path(reference).await?;
        match self.raw("delete", &path, Some("application/json"), body).await {
            Ok(answer) => {
                self.newest.deleted(&path, &answer);
                Ok(true)
            }
            Err(error) if error.is_not_found() => Ok(false),
            Err(error) => Err(error),
        }
    }

    /// The last lines of a container's log.
    ///
    /// # Errors
    /// As the request failed; 400 where the container has not started.
    pub async fn logs(&self, pod: &ObjectRef, container: &str, lines: u32) -> Result<String, ApiError> {
        let path = format!("{}/log?container={}&tailLines={lines}&limitBytes=65536", self.path(pod).await?, escape(container));
        let (_, bytes) = self.send("get", &path, None, Vec::new()).await?;
        Ok(String::from_utf8_lossy(&bytes).into_owned())
    }

    /// Any GET by its path, for documents that are too large to be read twice.
    ///
    /// # Errors
    /// As the request failed.
    pub(super) async fn get_bytes(&self, path: &str) -> Result<Vec<u8>, ApiError> {
        self.send("get", path, None, Vec::new()).await.map(|(_, bytes)| bytes)
    }

    /// Any GET by its path: versions, discovery.
    ///
    /// # Errors
    /// As the request failed.
    pub async fn get_path(&self, path: &str) -> Result<Value, ApiError> {
        self.raw("get", path, None, Vec::new()).await
    }
}

fn unreachable(error: &kube::Error) -> ApiError {
    let mut text = error.to_string();
    let mut source = std::error::Error::source(error);
    // The outermost text is only "ServiceError: client error (Connect)": what went wrong stands below.
    while let Some(inner) = source {
        let inner_text = inner.to_string();
        if !text.contains(&inner_text) {
            text = format!("{text}: {inner_text}");
        }
        source = inner.source();
    }
    ApiError::unreachable(format!("the API server cannot be reached: {text}"))
}

fn escape(text: &str) -> String {
    let keep = |b: u8| b.is_ascii_alphanumeric() || b"-._~".contains(&b);
    text.bytes().map(|b| if keep(b) { (b as char).to_string() } else { format!("%{b:02X}") }).collect()
}
