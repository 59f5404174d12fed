//! The ways out: clients that carry a rebuilt request to our homeserver or to a peer's gateway, and bring an answer
//! back within limits.
//!
//! Last outward step in a request's life. Both clients are the same pool over another way to connect:
//!
//! ```text
//! Outgoing ─ Client::open ─ kept connection? ── stale, nothing answered ──┐
//!                                │                                        ▼
//!                                └────────── Reply ◄───────────── new connection (dial)
//! ```
//!
//! Invariant: a [`Reply`] is an HTTP/1.1 answer with one framing, no encoding and no redirect, whose body is read within
//! the caller's cap, whole ([`Answer`]) or piece by piece. Interim (1xx) answers are thrown away by hyper and never reach anybody; `101` is refused.

mod answer;
mod client;
mod homeserver;
mod peer;

use std::time::Duration;

use crate::http::{BODY_GRACE, BODY_MIN_RATE, Pace, Unwritable};
use crate::links::Closed;

pub use answer::{Reply, ReplyBody};
pub use homeserver::{BadAddress, Homeserver, HomeserverAddress};
pub use peer::{PeerClient, PeerTarget, Peers, Pin};

/// Time for name look-up, connection, TLS handshake and waiting for a free place in the pool, each.
pub const CONNECT_DEADLINE: Duration = Duration::from_secs(10);
/// Time from the request to the head of the answer. A homeserver gives up after 60 s itself.
pub const ANSWER_DEADLINE: Duration = Duration::from_secs(55);
/// Time for the whole body of an answer: the state of a large room takes its time.
pub const ANSWER_BODY_DEADLINE: Duration = Duration::from_secs(180);
/// Most connections to one peer's gateway; further requests wait.
pub const MAX_CONNECTIONS: usize = 32;
/// Most connections to one of our homeservers: as many as requests may be under way by default, so that the slow ones of
/// one peer take no place from another's.
pub const MAX_HOMESERVER_CONNECTIONS: usize = 512;
/// Most of them kept while idle: all, because a new one to a peer costs a TLS handshake on both sides, as much as
/// judging an event. Those that are no longer needed end after [`KEEP_IDLE`].
pub const MAX_KEPT: usize = MAX_CONNECTIONS;
/// How long an idle connection is used again. Shorter than [`crate::accept::HEAD_TIMEOUT`], after which a peer's
/// border closes it.
pub const KEEP_IDLE: Duration = Duration::from_secs(20);

/// How long each step may take. [`Deadlines::default`] holds the constants of this module.
#[derive(Debug, Clone, Copy)]
pub struct Deadlines {
    /// See [`CONNECT_DEADLINE`].
    pub connect: Duration,
    /// See [`ANSWER_DEADLINE`].
    pub answer: Duration,
    /// See [`ANSWER_BODY_DEADLINE`].
    pub body: Pace,
    /// See [`KEEP_IDLE`].
    pub keep_idle: Duration,
}

impl Default for Deadlines {
    fn default() -> Self {
        Self {
            connect: CONNECT_DEADLINE,
            answer: ANSWER_DEADLINE,
            body: Pace {
                deadline: ANSWER_BODY_DEADLINE,
                min_rate: BODY_MIN_RATE,
                grace: BODY_GRACE,
            },
            keep_idle: KEEP_IDLE,
        }
    }
}

/// What the neighbour answered: everything of it that may be looked at.
#[derive(Clone, PartialEq, Eq)]
pub struct Answer {
    /// HTTP status, 200 to 299 or 400 to 599.
    pub status: u16,
    /// Value of `Content-Type`, if there is one in ASCII.
    pub content_type: Option<String>,
    /// The whole body.
    pub body: Vec<u8>,
}

impl std::fmt::Debug for Answer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Answer")
            .field("status", &self.status)
            .field("body_bytes", &self.body.len())
            .finish_non_exhaustive()
    }
}

/// Why there is no [`Answer`], by who is to blame. The texts are for our log and hold nothing that was sent.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum RelayError {
    /// The network, or a neighbour that does not run: no connection, or one that broke before an answer.
    #[error("unreachable: {0}")]
    Unreachable(String),
    /// The neighbour is too slow; the step that took too long.
    #[error("timed out while waiting for {0}")]
    Timeout(&'static str),
    /// The neighbour breaks the rules of HTTP, or ours.
    #[error("the answer was refused: {0}")]
    BadAnswer(&'static str),
    /// The body is over the caller's cap.
    #[error("the answer is longer than this endpoint takes")]
    TooLarge,
    /// One of the two does not accept the other's certificate.
    #[error("identity: {0}")]
    Identity(String),
    /// An operator has closed the link.
    #[error(transparent)]
    Closed(#[from] Closed),
    /// We are to blame: the request could not be written.
    #[error(transparent)]
    Unwritable(#[from] Unwritable),
}

#[cfg(test)]
mod tests;
