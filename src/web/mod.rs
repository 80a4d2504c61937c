//! The agent's own HTTP port: `/metrics`, `/healthz`, `/readyz`, `/webhook/…`.

mod hooks;

pub use hooks::{Endpoint, Fetch, Hooks};

use std::future::Future;
use std::sync::{Arc, Mutex, PoisonError};

use axum::Router;
use axum::extract::State;
use axum::http::StatusCode;
use axum::http::header::CONTENT_TYPE;
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use tokio::net::TcpListener;

use crate::metrics::{self, Metrics};

/// What the kubelet asks. Clones share it; the agent sets it, the port reads it.
#[derive(Clone, Debug)]
pub struct Probes(Arc<Mutex<Answers>>);

#[derive(Debug)]
struct Answers {
    unready: Option<String>,
    dead: Option<String>,
}

impl Default for Probes {
    /// Alive and not ready yet.
    fn default() -> Self {
        Self(Arc::new(Mutex::new(Answers { unready: Some("starting".into()), dead: None })))
    }
}

impl Probes {
    /// Ready: caches are filled, and this agent leads or stands by to.
    pub fn ready(&self) {
        self.set(|answers| answers.unready = None);
    }

    /// Not ready, and why.
    pub fn unready(&self, why: impl Into<String>) {
        let why = why.into();
        self.set(|answers| answers.unready = Some(why));
    }

    /// Cannot go on; the kubelet is to start it again.
    pub fn dead(&self, why: impl Into<String>) {
        let why = why.into();
        self.set(|answers| answers.dead = Some(why));
    }

    fn set(&self, change: impl FnOnce(&mut Answers)) {
        change(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner));
    }

    fn answer(&self, which: impl FnOnce(&Answers) -> Option<String>) -> Response {
        match which(&self.0.lock().unwrap_or_else(PoisonError::into_inner)) {
            None => (StatusCode::OK, "ok\n").into_response(),
            Some(why) => (StatusCode::SERVICE_UNAVAILABLE, format!("{why}\n")).into_response(),
        }
    }
}

/// What the port needs of the agent.
#[derive(Clone)]
pub struct Web {
    /// The figures.
    pub metrics: Arc<Metrics>,
    /// The probes.
    pub probes: Probes,
    /// The Receivers.
    pub hooks: Hooks,
}

/// The routes; others may be merged in.
pub fn router(web: Web) -> Router {
    let hooks = hooks::router(web.hooks.clone());
    Router::new()
        .route("/metrics", get(|State(web): State<Web>| async move { ([(CONTENT_TYPE, metrics::CONTENT_TYPE)], web.metrics.render()) }))
        .route("/healthz", get(|State(web): State<Web>| async move { web.probes.answer(|a| a.dead.clone()) }))
        .route("/readyz", get(|State(web): State<Web>| async move { web.probes.answer(|a| a.dead.clone().or(a.unready.clone())) }))
        .with_state(web)
        .merge(hooks)
}

/// Serves until `stop` is done, then finishes what is being answered.
pub async fn serve(listener: TcpListener, web: Web, stop: impl Future<Output = ()> + Send + 'static) -> std::io::Result<()> {
    axum::serve(listener, router(web)).with_graceful_shutdown(stop).await
}
