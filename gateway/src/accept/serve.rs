//! One HTTP/1.1 connection: hyper with our bounds, and the hand-over of a request to the stages.

use std::convert::Infallible;
use std::future::Future;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Request, Response, StatusCode};
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::io::{AsyncRead, AsyncWrite};

use super::hygiene::Refusal;
use super::listener::Place;
use super::stall::Stall;
use crate::links::{Carries, Gate, Severed};

use super::{
    Bounds, HTTP, Head, MAX_BUFFER_BYTES, MAX_HEAD_BYTES, MAX_HEADERS, Service, Shutdown, Source,
};
use crate::http::AnswerBody;

/// What one connection carries along beside its bytes.
pub(super) struct Link<S> {
    pub service: Arc<S>,
    pub source: Source,
    pub place: Place,
    pub shutdown: Shutdown,
    pub bounds: Bounds,
    pub carries: Carries,
}

// Derived, it would ask for `S: Clone`.
impl<S> Clone for Link<S> {
    fn clone(&self) -> Self {
        Self {
            service: Arc::clone(&self.service),
            source: self.source,
            place: self.place.clone(),
            shutdown: self.shutdown.clone(),
            bounds: self.bounds,
            carries: self.carries.clone(),
        }
    }
}

impl<S: Service> Link<S> {
    pub(super) fn stranger(&self, reason: &'static str) {
        self.service.stranger(self.source, reason);
    }

    /// Counts and answers a request whose HTTP is at fault.
    pub(super) fn refuse(&self, refusal: Refusal) -> Response<AnswerBody> {
        self.stranger(HTTP);
        refusal.answer()
    }

    /// Hands a request to the stages, in a task that ends by itself and not with the connection.
    pub(super) async fn hand_over(&self, head: Head, body: Incoming) -> Response<AnswerBody> {
        let Self {
            service,
            source,
            place,
            carries,
            ..
        } = self.clone();
        // hyper reads a head only when the answer before it is flushed: its bytes have gone.
        carries.set(None);
        let task = tokio::spawn(async move {
            let _place = place;
            service.handle(head, source, body).await
        });
        let answer = task.await.unwrap_or_else(|_| {
            tracing::error!("a request handler panicked; please report this");
            let status = StatusCode::INTERNAL_SERVER_ERROR;
            Refusal::new(status, "M_UNKNOWN", "internal error").answer()
        });
        carries.set(answer.extensions().get::<Arc<Gate>>().cloned());
        answer
    }
}

/// Serves requests on `io` until either side ends it; after a shutdown, and when the link of `gate` closes, the request
/// under way is the last. `head` is the time for each head, waiting for it included.
pub(super) async fn http1<S, F, Fut>(
    io: impl AsyncRead + AsyncWrite + Send + Unpin + 'static,
    link: &Link<S>,
    head: Duration,
    gate: Option<Arc<Gate>>,
    answer: F,
) where
    S: Service,
    F: Fn(Request<Incoming>) -> Fut,
    Fut: Future<Output = Response<AnswerBody>>,
{
    let io = Severed::new(
        Stall::new(io, link.bounds.write_stall),
        link.carries.clone(),
    );
    let io = TokioIo::new(io);
    let service = service_fn(|request| {
        let answered = answer(request);
        async move { Ok::<_, Infallible>(answered.await) }
    });
    let mut connection = pin!(builder(head).serve_connection(io, service).with_upgrades());
    let mut shutdown = link.shutdown.clone();
    let ended = tokio::select! {
        ended = connection.as_mut() => ended,
        () = shutdown.fired() => {
            connection.as_mut().graceful_shutdown();
            connection.await
        }
        () = closes(gate) => {
            connection.as_mut().graceful_shutdown();
            connection.await
        }
    };
    if let Err(error) = ended {
        if error.is_parse() {
            link.stranger(HTTP);
        }
        // hyper's texts name the fault and hold nothing of the request.
        tracing::debug!(source = %link.source, %error, "connection ended");
    }
}

/// Returns when a link closes that was open at first: on one that is closed already each request gets its answer.
async fn closes(gate: Option<Arc<Gate>>) {
    match gate {
        Some(gate) if !gate.is_closed() => gate.closed().await,
        _ => std::future::pending().await,
    }
}

fn builder(head: Duration) -> http1::Builder {
    let mut builder = http1::Builder::new();
    builder
        // Without a timer hyper would not keep the time-out.
        .timer(TokioTimer::new())
        .header_read_timeout(head)
        .max_headers(MAX_HEADERS)
        .max_header_size(MAX_HEAD_BYTES)
        .max_buf_size(MAX_BUFFER_BYTES)
        .half_close(false);
    builder
}
