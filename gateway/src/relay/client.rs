//! A small pool of HTTP/1.1 connections to one neighbour.
//!
//! A request is sent at most twice, and only when its first connection had been kept and broke before any answer:
//! then the neighbour most likely closed it while it was idle. The second attempt always opens a new connection.
//! A request that may have been acted on is repeated only if its method allows that.

use std::error::Error as StdError;
use std::future::Future;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use http_body_util::Full;
use hyper::body::{Bytes, Incoming};
use hyper::client::conn::http1::{self, SendRequest};
use hyper::{Request, Response};
use hyper_util::rt::TokioIo;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::{Instant, timeout};

use super::{Deadlines, MAX_KEPT, RelayError, Reply};
use crate::accept::stall::Stall;
use crate::accept::{MAX_BUFFER_BYTES, MAX_HEAD_BYTES};
use crate::http::Outgoing;
use crate::links::{Carries, Gate, Severed};

/// Most header fields of an answer: Synapse behind a reverse proxy sends more of them than a request has.
const MAX_ANSWER_HEADERS: usize = 64;

/// A connected byte stream, authenticated where the way demands it.
pub(super) trait Wire: AsyncRead + AsyncWrite + Send + Unpin {}
impl<T: AsyncRead + AsyncWrite + Send + Unpin> Wire for T {}
pub(super) type Stream = Box<dyn Wire>;

/// How a connection is opened. Bounded in time by the caller.
pub(super) trait Dial: Send + Sync {
    fn dial(&self) -> impl Future<Output = Result<Stream, RelayError>> + Send;
}

type Sender = SendRequest<Full<Bytes>>;

#[derive(Debug)]
struct Kept {
    line: Line,
    since: Instant,
}

/// A connection, and the link whose bytes it carries.
#[derive(Debug)]
struct Line {
    sender: Sender,
    carries: Carries,
}

/// The pool.
#[derive(Debug)]
pub(super) struct Client<D> {
    dial: D,
    deadlines: Deadlines,
    places: Arc<Semaphore>,
    kept: Arc<Mutex<Vec<Kept>>>,
}

/// A connection whose answer is being read.
#[derive(Debug)]
pub(super) struct Lent {
    line: Line,
    kept: Arc<Mutex<Vec<Kept>>>,
}

impl Lent {
    /// Keeps the connection for another request: its answer was read to the end.
    pub(super) fn give_back(self) {
        self.line.carries.set(None);
        let mut kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        if kept.len() < MAX_KEPT {
            kept.push(Kept {
                line: self.line,
                since: Instant::now(),
            });
        }
    }
}

/// A failed attempt, and whether the neighbour can have seen the request.
struct Failed {
    error: RelayError,
    seen: Seen,
}

enum Seen {
    /// It was handed back unsent.
    Nothing(Box<Request<Full<Bytes>>>),
    /// The connection broke after some of it may have been sent, before any answer.
    Perhaps,
    /// There was an answer, or a time-out: trying again would not help.
    Yes,
}

impl<D: Dial> Client<D> {
    /// A pool of at most `connections`.
    pub(super) fn new(dial: D, deadlines: Deadlines, connections: usize) -> Self {
        let places = Arc::new(Semaphore::new(connections));
        Self {
            dial,
            deadlines,
            places,
            kept: Arc::default(),
        }
    }

    /// Sends a request and reads the head of its answer. When the link of `gate` closes, the connection breaks where it
    /// is, and so does the answer that is still being read.
    pub(super) async fn open(
        &self,
        outgoing: &Outgoing,
        gate: Option<&Arc<Gate>>,
    ) -> Result<Reply, RelayError> {
        match gate {
            None => self.exchange(outgoing, None).await,
            Some(open) => open.while_open(self.exchange(outgoing, gate)).await?,
        }
    }

    /// Ends all connections that are not in use.
    pub(super) fn forget_idle(&self) {
        let mut kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        kept.clear();
    }

    async fn exchange(
        &self,
        outgoing: &Outgoing,
        gate: Option<&Arc<Gate>>,
    ) -> Result<Reply, RelayError> {
        let mut request = outgoing.request()?;
        let place = Arc::clone(&self.places).acquire_owned();
        let waiting = timeout(self.deadlines.connect, place).await;
        // The semaphore is never closed, so that the inner error cannot be.
        let place = waiting.map_err(|_| RelayError::Timeout("a free connection"))?;
        let place = place.map_err(|_| RelayError::Timeout("a free connection"))?;
        if let Some(line) = self.take().await {
            line.carries.set(gate.cloned());
            let failed = match self.attempt(line, request).await {
                Ok((response, lent)) => return self.reply(response, lent, place, gate),
                Err(failed) => failed,
            };
            request = match failed.seen {
                Seen::Nothing(unsent) => *unsent,
                Seen::Perhaps if outgoing.is_repeatable() => outgoing.request()?,
                Seen::Perhaps | Seen::Yes => return Err(failed.error),
            };
        }
        let line = self.connect().await?;
        line.carries.set(gate.cloned());
        let answered = self.attempt(line, request).await;
        let (response, lent) = answered.map_err(|failed| failed.error)?;
        self.reply(response, lent, place, gate)
    }

    fn reply(
        &self,
        response: Response<Incoming>,
        lent: Lent,
        place: OwnedSemaphorePermit,
        gate: Option<&Arc<Gate>>,
    ) -> Result<Reply, RelayError> {
        let pace = self.deadlines.body;
        Reply::new(response, pace, (lent, place), gate.cloned())
    }

    async fn attempt(
        &self,
        mut line: Line,
        request: Request<Full<Bytes>>,
    ) -> Result<(Response<Incoming>, Lent), Failed> {
        let sent = line.sender.try_send_request(request);
        let sent = timeout(self.deadlines.answer, sent).await;
        let kept = Arc::clone(&self.kept);
        match sent {
            Err(_) => Err(final_failure(RelayError::Timeout("an answer"))),
            Ok(Err(mut error)) => {
                let unsent = error.take_message();
                Err(unanswered(error.error(), unsent))
            }
            Ok(Ok(response)) => Ok((response, Lent { line, kept })),
        }
    }

    async fn connect(&self) -> Result<Line, RelayError> {
        let dialled = timeout(self.deadlines.connect, self.dial.dial()).await;
        let stream = dialled.map_err(|_| RelayError::Timeout("a connection"))??;
        let carries = Carries::default();
        // A request that was given up must not leave a connection behind that waits to write it.
        let stream = Stall::new(stream, self.deadlines.answer);
        let (sender, connection) = builder()
            .handshake(TokioIo::new(Severed::new(stream, carries.clone())))
            .await
            .map_err(|error| blame(&error))?;
        tokio::spawn(async move {
            // Whatever ends it is told to the request under way; an idle connection may end as it likes.
            let _ = connection.await;
        });
        Ok(Line { sender, carries })
    }

    /// The connection used last that is still open, so that a pool shrinks when there is less to do.
    async fn take(&self) -> Option<Line> {
        loop {
            let mut kept = self.pop()?;
            // Ready as soon as hyper has seen the end of the last answer; an error if it was closed since.
            let ready = timeout(READY_WAIT, kept.line.sender.ready()).await;
            if matches!(ready, Ok(Ok(()))) {
                return Some(kept.line);
            }
        }
    }

    fn pop(&self) -> Option<Kept> {
        let mut kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        let idle = self.deadlines.keep_idle;
        kept.retain(|one| one.since.elapsed() < idle && !one.line.sender.is_closed());
        kept.pop()
    }
}

/// Time for a kept connection to become ready; a healthy one takes no longer than a turn of the scheduler.
const READY_WAIT: Duration = Duration::from_secs(1);

fn builder() -> http1::Builder {
    let mut builder = http1::Builder::new();
    builder
        .max_headers(MAX_ANSWER_HEADERS)
        .max_header_size(MAX_HEAD_BYTES)
        .max_buf_size(MAX_BUFFER_BYTES);
    builder
}

fn final_failure(error: RelayError) -> Failed {
    Failed {
        error,
        seen: Seen::Yes,
    }
}

fn unanswered(error: &hyper::Error, unsent: Option<Request<Full<Bytes>>>) -> Failed {
    let seen = match unsent {
        Some(request) => Seen::Nothing(Box::new(request)),
        None if error.is_parse() => Seen::Yes,
        None => Seen::Perhaps,
    };
    Failed {
        error: blame(error),
        seen,
    }
}

/// Sorts an error of hyper. A TLS 1.3 peer that refuses our certificate says so only after the handshake, in place of
/// an answer.
fn blame(error: &hyper::Error) -> RelayError {
    if error.is_parse() {
        return RelayError::BadAnswer("it is not valid HTTP/1.1");
    }
    let mut source: Option<&(dyn StdError + 'static)> = Some(error);
    while let Some(cause) = source {
        if let Some(io) = cause.downcast_ref::<std::io::Error>() {
            return super::peer::blame(io);
        }
        source = cause.source();
    }
    RelayError::Unreachable(error.to_string())
}
