//! The operations listener: is the program alive, may it serve, and what has it counted. A listener of its own, because
//! neither peers nor homeservers have business here.
//!
//! | path | answer |
//! |---|---|
//! | `/healthz` | 200 as long as the program runs |
//! | `/readyz` | 200, or 503 with the reasons why nothing may cross |
//! | `/metrics` | OpenMetrics text, see [`metrics`] |

use std::collections::BTreeMap;
use std::convert::Infallible;
use std::future::Future;
use std::sync::{Arc, RwLock};
use std::time::Duration;

use http_body_util::Full;
use hyper::body::{Bytes, Incoming};
use hyper::header::{CONTENT_TYPE, HeaderValue};
use hyper::service::service_fn;
use hyper::{Method, Request, Response, StatusCode};
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;

pub mod metrics;

pub use metrics::Metrics;

/// Connections served at the same time; more wait.
pub const MAX_CONNECTIONS: usize = 16;
/// How long a client may take to send its request's head.
pub const HEAD_TIMEOUT: Duration = Duration::from_secs(5);
/// How long one connection may live.
pub const CONNECTION_LIFETIME: Duration = Duration::from_secs(60);
/// Pause after a failed accept, so that a lack of file descriptors does not become a busy loop.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// Whether the gateway may serve. Starts as not ready; each part that fails names itself and its reason.
#[derive(Debug)]
pub struct Health {
    reasons: RwLock<BTreeMap<&'static str, String>>,
}

impl Default for Health {
    fn default() -> Self {
        let starting = BTreeMap::from([("start", "not started yet".to_owned())]);
        Self {
            reasons: RwLock::new(starting),
        }
    }
}

impl Health {
    /// Notes that `part` ("bundle", "audit", "journal", "start") fails, and why. The reason is shown to operators: no
    /// content, no secrets.
    pub fn fail(&self, part: &'static str, reason: impl Into<String>) {
        self.write(|reasons| reasons.insert(part, reason.into()));
    }

    /// Notes that `part` works again; `heal("start")` opens the gateway.
    pub fn heal(&self, part: &'static str) {
        self.write(|reasons| reasons.remove(part));
    }

    /// Why nothing may cross; empty if all is well.
    pub fn reasons(&self) -> BTreeMap<&'static str, String> {
        self.reasons
            .read()
            .unwrap_or_else(std::sync::PoisonError::into_inner)
            .clone()
    }

    fn write<T>(&self, change: impl FnOnce(&mut BTreeMap<&'static str, String>) -> T) {
        change(
            &mut self
                .reasons
                .write()
                .unwrap_or_else(std::sync::PoisonError::into_inner),
        );
    }
}

/// Serves until `stop` is done.
pub async fn serve(
    listener: TcpListener,
    metrics: Metrics,
    health: Arc<Health>,
    stop: impl Future<Output = ()>,
) {
    let places = Arc::new(Semaphore::new(MAX_CONNECTIONS));
    let mut stop = std::pin::pin!(stop);
    loop {
        let Ok(place) = Arc::clone(&places).acquire_owned().await else {
            return;
        };
        let accepted = tokio::select! {
            () = &mut stop => return,
            accepted = listener.accept() => accepted,
        };
        let Ok((stream, _)) = accepted else {
            tokio::time::sleep(ACCEPT_PAUSE).await;
            continue;
        };
        let (metrics, health) = (metrics.clone(), Arc::clone(&health));
        tokio::spawn(async move {
            connection(stream, metrics, health).await;
            drop(place);
        });
    }
}

async fn connection(stream: TcpStream, metrics: Metrics, health: Arc<Health>) {
    let service = service_fn(move |request: Request<Incoming>| {
        let answer = answer(&request, &metrics, &health);
        async move { Ok::<_, Infallible>(answer) }
    });
    let serving = hyper::server::conn::http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(HEAD_TIMEOUT)
        .serve_connection(TokioIo::new(stream), service);
    // Whatever ends the connection, the client is the only one who needs to know.
    let _ended = tokio::time::timeout(CONNECTION_LIFETIME, serving).await;
}

fn answer(
    request: &Request<Incoming>,
    metrics: &Metrics,
    health: &Health,
) -> Response<Full<Bytes>> {
    if request.method() != Method::GET {
        return reply(
            StatusCode::METHOD_NOT_ALLOWED,
            TEXT,
            "GET only\n".to_owned(),
        );
    }
    match request.uri().path() {
        "/healthz" => reply(StatusCode::OK, TEXT, "ok\n".to_owned()),
        "/readyz" => ready(health),
        "/metrics" => exposition(metrics),
        _ => reply(
            StatusCode::NOT_FOUND,
            TEXT,
            "try /healthz, /readyz or /metrics\n".to_owned(),
        ),
    }
}

fn ready(health: &Health) -> Response<Full<Bytes>> {
    let reasons = health.reasons();
    let status = if reasons.is_empty() {
        StatusCode::OK
    } else {
        StatusCode::SERVICE_UNAVAILABLE
    };
    let body = serde_json::json!({ "ready": reasons.is_empty(), "reasons": reasons });
    reply(status, "application/json", format!("{body}\n"))
}

fn exposition(metrics: &Metrics) -> Response<Full<Bytes>> {
    match metrics.encode() {
        Ok(text) => reply(
            StatusCode::OK,
            "application/openmetrics-text; version=1.0.0; charset=utf-8",
            text,
        ),
        Err(_) => reply(
            StatusCode::INTERNAL_SERVER_ERROR,
            TEXT,
            "metrics cannot be written\n".to_owned(),
        ),
    }
}

fn reply(status: StatusCode, kind: &'static str, body: String) -> Response<Full<Bytes>> {
    let mut response = Response::new(Full::new(Bytes::from(body)));
    *response.status_mut() = status;
    response
        .headers_mut()
        .insert(CONTENT_TYPE, HeaderValue::from_static(kind));
    response
}

const TEXT: &str = "text/plain; charset=utf-8";

#[cfg(test)]
mod tests;
