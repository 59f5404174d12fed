//! Reads one answer, and refuses all that has two readings.

use std::sync::Arc;

use hyper::body::{Bytes, Incoming};
use hyper::header::{self, HeaderMap};
use hyper::{Response, StatusCode, Version};
use tokio::sync::OwnedSemaphorePermit;

use super::client::Lent;
use super::{Answer, RelayError};
use crate::http::{BodyError, BodyReader, Pace};
use crate::links::Gate;

/// An answer whose head is checked and whose body is not read yet. Its connection is used again once the body was read
/// to its end, and closed where it was not.
#[derive(Debug)]
pub struct Reply {
    status: u16,
    content_type: Option<String>,
    declared: Option<u64>,
    body: Incoming,
    pace: Pace,
    connection: Lent,
    place: OwnedSemaphorePermit,
    /// The link whose bytes it carries.
    gate: Option<Arc<Gate>>,
}

/// The body of a [`Reply`] that is being read.
#[derive(Debug)]
pub struct ReplyBody {
    reader: BodyReader<Incoming>,
    connection: Option<Lent>,
    _place: OwnedSemaphorePermit,
    gate: Option<Arc<Gate>>,
}

impl Reply {
    /// Checks the head of an answer.
    pub(super) fn new(
        response: Response<Incoming>,
        pace: Pace,
        (connection, place): (Lent, OwnedSemaphorePermit),
        gate: Option<Arc<Gate>>,
    ) -> Result<Self, RelayError> {
        let declared = check(response.version(), response.status(), response.headers())?;
        let (head, body) = response.into_parts();
        let content_type = head.headers.get(header::CONTENT_TYPE);
        let content_type = content_type
            .and_then(|v| v.to_str().ok())
            .map(str::to_owned);
        Ok(Self {
            status: head.status.as_u16(),
            content_type,
            declared,
            body,
            pace,
            connection,
            place,
            gate,
        })
    }

    /// HTTP status, 200 to 299 or 400 to 599.
    #[must_use]
    pub fn status(&self) -> u16 {
        self.status
    }

    /// The body, of at most `cap` bytes, piece by piece.
    ///
    /// # Errors
    /// [`RelayError::TooLarge`] where it is announced to be longer.
    pub fn pieces(self, cap: usize) -> Result<ReplyBody, RelayError> {
        let reader = BodyReader::new(self.body, self.declared, cap, self.pace).map_err(blame)?;
        Ok(ReplyBody {
            reader,
            connection: Some(self.connection),
            _place: self.place,
            gate: self.gate,
        })
    }

    /// The whole answer, of at most `cap` body bytes.
    ///
    /// # Errors
    /// See [`RelayError`].
    pub async fn whole(self, cap: usize) -> Result<Answer, RelayError> {
        let (status, content_type) = (self.status, self.content_type.clone());
        let mut pieces = self.pieces(cap)?;
        let mut body = Vec::new();
        while let Some(piece) = pieces.piece().await? {
            body.extend_from_slice(&piece);
        }
        Ok(Answer {
            status,
            content_type,
            body,
        })
    }
}

impl ReplyBody {
    /// The next bytes; `None` at the end of a whole body. Once the link is closed there are none, not even those that
    /// have come.
    ///
    /// # Errors
    /// See [`RelayError`].
    pub async fn piece(&mut self) -> Result<Option<Bytes>, RelayError> {
        let next = self.reader.piece();
        let piece = match &self.gate {
            Some(gate) => gate.while_open(next).await?,
            None => next.await,
        };
        let piece = piece.map_err(blame)?;
        if piece.is_none()
            && let Some(connection) = self.connection.take()
        {
            connection.give_back();
        }
        Ok(piece)
    }
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
