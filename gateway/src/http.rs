//! Bodies in, requests out: the two ends where bytes of HTTP meet the gateway's own values.
//!
//! Place in a request's life: `parse` reads a body with [`read_body`]; `relay` writes an [`Outgoing`].
//! Invariant: no header that was received is ever sent on. A request is written from nothing, out of a method, a path
//! that the gateway built, a body that it serialised, and constants.

use std::time::Duration;

use http_body_util::{BodyExt as _, Either, Full};
use hyper::body::{Body, Bytes};
use hyper::header::{self, HeaderMap, HeaderValue};
use hyper::{Method, Request, Response, StatusCode};
use tokio::time::Instant;

use crate::stream::Spooled;

/// Time for a whole body, whatever its size.
pub const BODY_DEADLINE: Duration = Duration::from_secs(60);
/// Slowest body that is tolerated, in bytes a second, measured from the first wait after [`BODY_GRACE`].
pub const BODY_MIN_RATE: u64 = 1024;
/// Time in which a body may be slower than [`BODY_MIN_RATE`].
pub const BODY_GRACE: Duration = Duration::from_secs(5);
/// What the gateway calls itself. The version is the workspace's.
pub const USER_AGENT: &str = concat!("Sluice/", env!("CARGO_PKG_VERSION"));
/// First reservation for a body: more is taken only as bytes arrive, never because a header promised them.
const FIRST_RESERVATION: usize = 16 * 1024;

/// How long a body may take. [`Pace::default`] holds the constants of this module.
#[derive(Debug, Clone, Copy)]
pub struct Pace {
    /// Time for the whole body.
    pub deadline: Duration,
    /// Bytes a second, at least, once `grace` is over.
    pub min_rate: u64,
    /// Time before `min_rate` counts.
    pub grace: Duration,
}

impl Default for Pace {
    fn default() -> Self {
        Self {
            deadline: BODY_DEADLINE,
            min_rate: BODY_MIN_RATE,
            grace: BODY_GRACE,
        }
    }
}

/// Why a body was not read. Nothing of it is kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum BodyError {
    /// The declared or the actual length is over the cap.
    #[error("the body is longer than this endpoint takes")]
    TooLarge,
    /// Slower than the [`Pace`].
    #[error("the body came too slowly")]
    TooSlow,
    /// The sender stopped, or broke the framing.
    #[error("the body ended early or is broken")]
    Broken,
    /// Fields after a chunked body: no endpoint has any.
    #[error("the body has trailers")]
    Trailers,
}

impl BodyError {
    /// The HTTP status that tells the sender of a request.
    pub fn status(self) -> StatusCode {
        match self {
            Self::TooLarge => StatusCode::PAYLOAD_TOO_LARGE,
            Self::TooSlow => StatusCode::REQUEST_TIMEOUT,
            Self::Broken | Self::Trailers => StatusCode::BAD_REQUEST,
        }
    }
}

/// Reads a body of at most `cap` bytes. `declared` is its Content-Length: one over the cap is refused before a byte
/// is read.
///
/// # Errors
/// See [`BodyError`]. A body that breaks off is an error, never a short body.
pub async fn read_body<B>(
    body: B,
    declared: Option<u64>,
    cap: usize,
    pace: Pace,
) -> Result<Vec<u8>, BodyError>
where
    B: Body<Data = Bytes> + Unpin,
{
    let mut body = BodyReader::new(body, declared, cap, pace)?;
    let mut bytes = Vec::with_capacity(FIRST_RESERVATION.min(cap));
    while let Some(data) = body.piece().await? {
        bytes.extend_from_slice(&data);
    }
    Ok(bytes)
}

/// A body that is read piece by piece, within the same bounds as [`read_body`].
#[derive(Debug)]
pub struct BodyReader<B> {
    body: B,
    declared: Option<u64>,
    cap: usize,
    pace: Pace,
    start: Instant,
    received: usize,
}

impl<B> BodyReader<B>
where
    B: Body<Data = Bytes> + Unpin,
{
    /// A reader of at most `cap` bytes; the time that the body may take begins now.
    ///
    /// # Errors
    /// [`BodyError::TooLarge`] where the declared length is over the cap.
    pub fn new(body: B, declared: Option<u64>, cap: usize, pace: Pace) -> Result<Self, BodyError> {
        if declared.is_some_and(|length| length > cap as u64) {
            return Err(BodyError::TooLarge);
        }
        Ok(Self {
            body,
            declared,
            cap,
            pace,
            start: Instant::now(),
            received: 0,
        })
    }

    /// The next bytes; `None` at the end of a whole body.
    ///
    /// # Errors
    /// See [`BodyError`].
    pub async fn piece(&mut self) -> Result<Option<Bytes>, BodyError> {
        let until = self.start + self.pace.patience(self.received);
        let frame = tokio::time::timeout_at(until, self.body.frame()).await;
        let Some(frame) = frame.map_err(|_| BodyError::TooSlow)? else {
            return self.complete().map(|()| None);
        };
        let frame = frame.map_err(|_| BodyError::Broken)?;
        let data = frame.into_data().map_err(|_| BodyError::Trailers)?;
        if data.len() > self.cap - self.received {
            return Err(BodyError::TooLarge);
        }
        self.received += data.len();
        if self.start.elapsed() > self.pace.patience(self.received) {
            return Err(BodyError::TooSlow);
        }
        Ok(Some(data))
    }

    fn complete(&self) -> Result<(), BodyError> {
        match self.declared {
            Some(length) if length != self.received as u64 => Err(BodyError::Broken),
            _ => Ok(()),
        }
    }
}

impl Pace {
    /// The latest moment, counted from the start, at which `received` bytes are still fast enough.
    fn patience(&self, received: usize) -> Duration {
        let earned = Duration::from_millis(received as u64 * 1000 / self.min_rate.max(1));
        self.grace.saturating_add(earned).min(self.deadline)
    }
}

/// A request that the gateway writes itself. `Debug` shows neither the body nor the authorisation.
#[derive(Clone)]
pub struct Outgoing {
    /// Method of the endpoint.
    pub method: Method,
    /// Path and query, percent-encoded, beginning with `/`: exactly what was signed.
    pub path_and_query: String,
    /// Value of `Host`: the server name that the request is for.
    pub host: String,
    /// Value of `Authorization`; `None` for the few endpoints without.
    pub authorization: Option<String>,
    /// JSON that the gateway serialised; `None` sends no body and no Content-Type.
    pub body: Option<Vec<u8>>,
}

/// The request cannot be written: a value in it holds what no header or path may. The gateway is to blame.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the request to relay has an invalid {0}")]
pub struct Unwritable(pub &'static str);

impl Outgoing {
    /// Whether the request may be sent a second time when its connection broke before any answer: the methods that
    /// HTTP calls idempotent. A `POST` may claim one-time keys.
    pub fn is_repeatable(&self) -> bool {
        self.method == Method::GET || self.method == Method::PUT
    }

    /// The request as it goes onto the wire, in origin form, with these headers and no others: `Host`, `User-Agent`,
    /// `Accept-Encoding`, `Authorization`, and with a body `Content-Type` and `Content-Length`.
    ///
    /// # Errors
    /// [`Unwritable`] names the value at fault, without showing it.
    pub fn request(&self) -> Result<Request<Full<Bytes>>, Unwritable> {
        if !self.path_and_query.starts_with('/') {
            return Err(Unwritable("path"));
        }
        let body = Full::new(Bytes::from(self.body.clone().unwrap_or_default()));
        let mut request = Request::builder()
            .method(self.method.clone())
            .uri(&self.path_and_query)
            .body(body)
            .map_err(|_| Unwritable("path"))?;
        if request.uri().path_and_query().map(|p| p.as_str()) != Some(&self.path_and_query) {
            return Err(Unwritable("path"));
        }
        *request.headers_mut() = self.headers()?;
        Ok(request)
    }

    fn headers(&self) -> Result<HeaderMap, Unwritable> {
        let mut headers = HeaderMap::new();
        let host = HeaderValue::from_str(&self.host).map_err(|_| Unwritable("host"))?;
        headers.insert(header::HOST, host);
        headers.insert(header::USER_AGENT, HeaderValue::from_static(USER_AGENT));
        headers.insert(
            header::ACCEPT_ENCODING,
            HeaderValue::from_static("identity"),
        );
        if let Some(value) = &self.authorization {
            let mut value =
                HeaderValue::from_str(value).map_err(|_| Unwritable("authorization"))?;
            value.set_sensitive(true);
            headers.insert(header::AUTHORIZATION, value);
        }
        if let Some(body) = &self.body {
            headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(JSON));
            headers.insert(header::CONTENT_LENGTH, HeaderValue::from(body.len()));
        }
        Ok(headers)
    }
}

impl std::fmt::Debug for Outgoing {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Outgoing")
            .field("method", &self.method)
            .field("host", &self.host)
            .field("body_bytes", &self.body.as_ref().map(Vec::len))
            .finish_non_exhaustive()
    }
}

const JSON: &str = "application/json";

/// The body of an answer: bytes in memory, or a large one out of its spool.
pub type AnswerBody = Either<Full<Bytes>, Spooled>;

/// Bytes as the body of an answer.
pub fn full(bytes: impl Into<Bytes>) -> AnswerBody {
    Either::Left(Full::new(bytes.into()))
}

/// An answer with a JSON body.
pub fn json_answer(status: StatusCode, body: Vec<u8>) -> Response<AnswerBody> {
    json_body(status, full(body))
}

/// An answer whose body is JSON already, and may be large.
pub fn json_body(status: StatusCode, body: AnswerBody) -> Response<AnswerBody> {
    let mut answer = Response::new(body);
    *answer.status_mut() = status;
    let json = HeaderValue::from_static(JSON);
    answer.headers_mut().insert(header::CONTENT_TYPE, json);
    answer
}

/// An answer in Matrix's error shape. `errcode` and `error` are fixed texts: what a stranger sent is never echoed.
pub fn error_answer(
    status: StatusCode,
    errcode: &'static str,
    error: &'static str,
) -> Response<AnswerBody> {
    let body = serde_json::json!({"errcode": errcode, "error": error});
    json_answer(status, body.to_string().into_bytes())
}

#[cfg(test)]
mod tests;
