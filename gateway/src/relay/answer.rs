//! Reads one answer, and refuses all that has two readings.

use hyper::body::Incoming;
use hyper::header::{self, HeaderMap};
use hyper::{Response, StatusCode, Version};

use super::{Answer, RelayError};
use crate::http::{BodyError, Pace, read_body};

/// Reads the body behind a checked head.
pub(super) async fn read(
    response: Response<Incoming>,
    cap: usize,
    pace: Pace,
) -> Result<Answer, RelayError> {
    let declared = check(response.version(), response.status(), response.headers())?;
    let (head, body) = response.into_parts();
    let content_type = head.headers.get(header::CONTENT_TYPE);
    let content_type = content_type
        .and_then(|v| v.to_str().ok())
        .map(str::to_owned);
    let body = read_body(body, declared, cap, pace).await.map_err(blame)?;
    Ok(Answer {
        status: head.status.as_u16(),
        content_type,
        body,
    })
}

fn blame(error: BodyError) -> RelayError {
    match error {
        BodyError::TooLarge => RelayError::TooLarge,
        BodyError::TooSlow => RelayError::Timeout("the body of the answer"),
        BodyError::Broken => RelayError::BadAnswer("the body ended early or is broken"),
        BodyError::Trailers => RelayError::BadAnswer("it has trailers"),
    }
}

fn check(
    version: Version,
    status: StatusCode,
    headers: &HeaderMap,
) -> Result<Option<u64>, RelayError> {
    let refuse = |why| Err(RelayError::BadAnswer(why));
    if version != Version::HTTP_11 {
        return refuse("it is not HTTP/1.1");
    }
    if status.is_informational() || headers.contains_key(header::UPGRADE) {
        return refuse("it wants to change the protocol");
    }
    if status.is_redirection() {
        return refuse("it is a redirect");
    }
    if !(200..600).contains(&status.as_u16()) {
        return refuse("its status is unknown");
    }
    let encodings = headers.get_all(header::CONTENT_ENCODING);
    if !encodings
        .iter()
        .all(|v| v.as_bytes().eq_ignore_ascii_case(b"identity"))
    {
        return refuse("its body is encoded");
    }
    length(status, headers)
}

/// The declared length; `None` for a chunked body. A body that ends with the connection is refused: nobody could
/// tell a whole one from half of one.
fn length(status: StatusCode, headers: &HeaderMap) -> Result<Option<u64>, RelayError> {
    let lengths: Vec<_> = headers.get_all(header::CONTENT_LENGTH).iter().collect();
    let codings: Vec<_> = headers.get_all(header::TRANSFER_ENCODING).iter().collect();
    match (lengths.as_slice(), codings.as_slice()) {
        ([one], []) => one
            .to_str()
            .ok()
            .and_then(|text| text.parse().ok())
            .map(Some)
            .ok_or(RelayError::BadAnswer("its length is not a number")),
        ([], [one]) if one.as_bytes().eq_ignore_ascii_case(b"chunked") => Ok(None),
        ([], []) if status == StatusCode::NO_CONTENT => Ok(Some(0)),
        ([], []) => Err(RelayError::BadAnswer("it has no length")),
        _ => Err(RelayError::BadAnswer("it has two lengths")),
    }
}
