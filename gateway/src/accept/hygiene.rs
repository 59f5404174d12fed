//! Which requests have one reading only. The table in the parent module says who refuses what.

use hyper::header::{self, HeaderMap, HeaderName, HeaderValue};
use hyper::{Request, Response, StatusCode, Version};

use crate::http::{AnswerBody, error_answer};

/// A refusal with fixed texts; nothing of the request is echoed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Refusal {
    pub status: StatusCode,
    pub errcode: &'static str,
    pub error: &'static str,
}

impl Refusal {
    pub(super) const fn new(
        status: StatusCode,
        errcode: &'static str,
        error: &'static str,
    ) -> Self {
        Self {
            status,
            errcode,
            error,
        }
    }

    const fn bad(error: &'static str) -> Self {
        Self::new(StatusCode::BAD_REQUEST, "M_UNKNOWN", error)
    }

    /// The answer, after which the connection ends: what follows on it cannot be trusted to be a request.
    pub(super) fn answer(self) -> Response<AnswerBody> {
        let mut answer = error_answer(self.status, self.errcode, self.error);
        let close = HeaderValue::from_static("close");
        answer.headers_mut().insert(header::CONNECTION, close);
        answer
    }
}

/// The header fields that count, each known to stand there once at most.
#[derive(Debug)]
pub(super) struct Fields {
    pub authorization: Option<String>,
    pub content_length: Option<u64>,
    pub host: String,
}

/// Checks the head of a request.
pub(super) fn check<B>(request: &Request<B>) -> Result<Fields, Refusal> {
    let headers = request.headers();
    check_version(request.version())?;
    check_framing(headers)?;
    let fields = Fields {
        authorization: text(headers, header::AUTHORIZATION)?,
        content_length: content_length(headers)?,
        host: text(headers, header::HOST)?.ok_or(Refusal::bad("Host is missing"))?,
    };
    Ok(fields)
}

/// Checks the head of a `CONNECT`. Twisted, and so Synapse, sends it as HTTP/1.0 and without Host; it has no body, and
/// what is inside the tunnel is checked as any other request.
pub(super) fn check_connect<B>(request: &Request<B>) -> Result<(), Refusal> {
    let headers = request.headers();
    if request.version() != Version::HTTP_10 {
        check_version(request.version())?;
    }
    check_framing(headers)?;
    text(headers, header::HOST)?;
    match content_length(headers)? {
        None => Ok(()),
        Some(_) => Err(Refusal::bad("CONNECT has no body")),
    }
}

fn check_version(version: Version) -> Result<(), Refusal> {
    if version == Version::HTTP_11 {
        return Ok(());
    }
    let status = StatusCode::HTTP_VERSION_NOT_SUPPORTED;
    Err(Refusal::new(status, "M_UNKNOWN", "HTTP/1.1 only"))
}

fn check_framing(headers: &HeaderMap) -> Result<(), Refusal> {
    if headers.contains_key(header::TRANSFER_ENCODING) {
        let status = StatusCode::LENGTH_REQUIRED;
        return Err(Refusal::new(
            status,
            "M_UNKNOWN",
            "send Content-Length, not Transfer-Encoding",
        ));
    }
    if headers.contains_key(header::EXPECT) {
        let status = StatusCode::EXPECTATION_FAILED;
        return Err(Refusal::new(status, "M_UNKNOWN", "Expect is not supported"));
    }
    if headers.contains_key(header::UPGRADE) {
        return Err(Refusal::bad("Upgrade is not supported"));
    }
    if headers.contains_key(header::TRAILER) {
        return Err(Refusal::bad("trailers are not supported"));
    }
    if !headers
        .get_all(header::CONTENT_ENCODING)
        .iter()
        .all(is_identity)
    {
        let status = StatusCode::UNSUPPORTED_MEDIA_TYPE;
        return Err(Refusal::new(
            status,
            "M_UNKNOWN",
            "Content-Encoding is not supported",
        ));
    }
    Ok(())
}

fn is_identity(value: &HeaderValue) -> bool {
    value.as_bytes().eq_ignore_ascii_case(b"identity")
}

/// The only value of a field, if it stands there at all.
fn text(headers: &HeaderMap, name: HeaderName) -> Result<Option<String>, Refusal> {
    let mut values = headers.get_all(name).iter();
    let first = values.next();
    if values.next().is_some() {
        return Err(Refusal::bad(
            "a header field that may stand once is given twice",
        ));
    }
    let read = |value: &HeaderValue| value.to_str().map(str::to_owned);
    first
        .map(read)
        .transpose()
        .map_err(|_| Refusal::bad("a header field is not ASCII"))
}

fn content_length(headers: &HeaderMap) -> Result<Option<u64>, Refusal> {
    let value = text(headers, header::CONTENT_LENGTH)?;
    let read = |text: String| {
        text.parse()
            .map_err(|_| Refusal::bad("Content-Length is not a number"))
    };
    value.map(read).transpose()
}
