//! The ways in: who may open a connection, and which bytes on it count as a request.
//!
//! First step in a request's life. Three listeners end transport and hand the same thing to the stages behind them:
//!
//! ```text
//!  homeserver ─ hook.rs     absolute-form requests, bearer secret      ┐
//!  homeserver ─ connect.rs  CONNECT, Basic secret, TLS inside          ├─ hygiene ─ Service::handle(Head, body)
//!  peer       ─ border.rs   TLS 1.3 with a client certificate          ┘
//! ```
//!
//! Invariant: [`Service::handle`] sees only requests of an authenticated neighbour whose framing has one reading.
//! Which party enforces which part of that:
//!
//! | on the wire | refused by | answer |
//! |---|---|---|
//! | folded header lines, blanks before the colon, control bytes, bad method or version | hyper's parser | 400, closed |
//! | two *different* Content-Lengths, one that is a list or has a sign | hyper | 400 or nothing, closed |
//! | two *equal* Content-Lengths | nobody: hyper keeps one; nothing received is sent on, so there is one reading | - |
//! | Content-Length with Transfer-Encoding | hyper hides the length and closes after; we refuse the encoding | 411, closed |
//! | any Transfer-Encoding, thus any trailers | us: both neighbours announce lengths | 411, closed |
//! | two Host or Authorization fields, Host missing | us | 400, closed |
//! | Expect | us, before hyper would send `100 Continue` | 417, closed |
//! | Upgrade, Trailer, Content-Encoding other than identity | us | 400 or 415, closed |
//! | HTTP/1.0 (but for CONNECT, which Synapse sends so); HTTP/2 preface | us; hyper | 505; nothing, closed |
//! | more than [`MAX_HEADERS`] fields or [`MAX_HEAD_BYTES`] | hyper, with our limits | 431, closed |
//! | a `#fragment` in the target | hyper drops it; a signature over it then fails | - |
//!
//! The handler runs in a task of its own: a neighbour that hangs up does not stop a judgement half-way, so the audit
//! line is always written. Its place among the connections stays taken until it has ended.

mod border;
mod connect;
mod crowd;
mod hook;
mod hygiene;
mod listener;
mod secret;
mod serve;
mod shutdown;
pub(crate) mod stall;

use std::fmt;
use std::future::Future;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use hyper::body::Incoming;
use hyper::{Method, Response};
use rustls_pki_types::CertificateDer;

use crate::http::AnswerBody;
use crate::links::Gate;

pub use border::{Border, key_sha256};
pub use connect::{Connect, LeafRefused, LeafSource};
pub use hook::Hook;
pub use listener::Listener;
pub use secret::Secret;
pub use shutdown::{Shutdown, Trigger, shutdown};

/// Most header fields in one request.
pub const MAX_HEADERS: usize = 32;
/// Most bytes of request line and header together.
pub const MAX_HEAD_BYTES: usize = 16 * 1024;
/// Most bytes that hyper buffers for one connection; above [`MAX_HEAD_BYTES`] so that a long head gets its answer.
pub const MAX_BUFFER_BYTES: usize = 32 * 1024;
/// Time to send a whole head. hyper counts from the moment when it waits for one, so this is the idle time too.
pub const HEAD_TIMEOUT: Duration = Duration::from_secs(30);
/// The same within a tunnel: longer than the 120 s for which Synapse keeps an idle connection.
pub const TUNNEL_HEAD_TIMEOUT: Duration = Duration::from_secs(150);
/// Time for a TLS handshake.
pub const HANDSHAKE_TIMEOUT: Duration = Duration::from_secs(10);
/// Time for which a neighbour may take no byte of an answer.
pub const WRITE_STALL: Duration = Duration::from_secs(30);
/// Most connections on one listener; requests that outlive their connection count.
pub const MAX_CONNECTIONS: usize = 512;
/// Most connections from one address. A homeserver's hook opens one a request.
pub const MAX_CONNECTIONS_PER_SOURCE: usize = 128;
/// Most border connections of one peer, by its key. Its gateway opens [`crate::relay::MAX_CONNECTIONS`] at most, and as
/// many again after a restart.
pub const MAX_CONNECTIONS_PER_PEER: usize = 96;
/// Time that a shutdown leaves to what is under way.
pub const DRAIN_DEADLINE: Duration = Duration::from_secs(30);

/// What is known of a request before its body is read. `Debug` shows neither target nor authorisation.
#[derive(Clone)]
pub struct Head {
    /// Method as received.
    pub method: Method,
    /// Path and query exactly as received, beginning with `/`, nothing decoded: what `X-Matrix` signs.
    pub target: String,
    /// Value of the one `Authorization` field. Two of them never come this far.
    pub authorization: Option<String>,
    /// Declared length of the body in bytes; `None` means that there is no body.
    pub content_length: Option<u64>,
    /// Which way the request came in, and for whom or from whom.
    pub face: Face,
}

/// The two faces of the gateway.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Face {
    /// From our own homeserver, which knows the inside secret.
    Inside {
        /// Server name that the homeserver wants to reach: a lower-case DNS name, with a port if the name has one.
        /// From `CONNECT`, the ports 443 and 8448 are not part of the name.
        destination: String,
    },
    /// From another gateway, whose certificate one of our authorities issued.
    Border {
        /// SHA-256 of the leaf's SubjectPublicKeyInfo, lower-case hex, as in a peer record.
        peer_key_sha256: String,
        /// What the peer showed in the handshake, leaf first, never empty. The handshake proves an authority only:
        /// `identify` checks name, key and record for every request, so that a reload counts for open connections too.
        certificates: Arc<[CertificateDer<'static>]>,
    },
}

impl fmt::Debug for Head {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Head")
            .field("method", &self.method)
            .field("content_length", &self.content_length)
            .field("face", &self.face)
            .finish_non_exhaustive()
    }
}

/// Where a connection came from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Source {
    /// An address and its port.
    Tcp(SocketAddr),
    /// A process on this machine.
    Unix,
}

impl fmt::Display for Source {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Tcp(address) => write!(f, "{}", address.ip()),
            Self::Unix => f.write_str("unix"),
        }
    }
}

/// The stages behind the listeners.
pub trait Service: Send + Sync + 'static {
    /// Answers one request. Runs to its end even when the neighbour has gone; it must bound its own time.
    /// The body is unread: [`crate::http::read_body`] reads it within a cap. An answer with an `Arc<Gate>` among its
    /// extensions carries bytes of that link, and breaks off when the link closes.
    fn handle(
        &self,
        head: Head,
        source: Source,
        body: Incoming,
    ) -> impl Future<Output = Response<AnswerBody>> + Send;

    /// The gate of the peer who showed these certificates, leaf first, where they are a peer's: when it closes, the
    /// connection ends after the answer that is under way.
    fn gate(&self, certificates: &[CertificateDer<'static>]) -> Option<Arc<Gate>>;

    /// Told of a connection or request that was refused before it had a name. `reason` is one of [`STRANGERS`].
    /// Called once a connection or request: the callee counts, it does not write a line each.
    fn stranger(&self, source: Source, reason: &'static str);
}

/// Every reason that [`Service::stranger`] is told, and what it means.
pub const STRANGERS: &[(&str, &str)] = &[
    (NO_CERTIFICATE, "a TLS client without a certificate"),
    (
        UNKNOWN_ISSUER,
        "a certificate that none of our authorities issued",
    ),
    (
        BAD_CERTIFICATE,
        "an expired, revoked, misused or unreadable certificate",
    ),
    (TLS, "no TLS 1.3 handshake, or one that broke off"),
    (SLOW_HANDSHAKE, "a handshake longer than HANDSHAKE_TIMEOUT"),
    (SECRET, "the inside secret is missing, wrong or given twice"),
    (TOO_MANY, "over the cap of connections"),
    (
        HTTP,
        "a request whose HTTP has no reading, or more than one",
    ),
    (
        SNI,
        "a tunnel whose TLS asks for another name than CONNECT did",
    ),
];

const NO_CERTIFICATE: &str = "no_certificate";
const UNKNOWN_ISSUER: &str = "unknown_issuer";
const BAD_CERTIFICATE: &str = "bad_certificate";
const TLS: &str = "tls";
const SLOW_HANDSHAKE: &str = "slow_handshake";
const SECRET: &str = "inside_secret";
const TOO_MANY: &str = "too_many_connections";
/// Its neighbour may well have a certificate; but a request with two readings has no sender that could be named.
const HTTP: &str = "http";
const SNI: &str = "wrong_sni";

/// What one listener tolerates. [`Bounds::default`] holds the constants of this module.
#[derive(Debug, Clone, Copy)]
pub struct Bounds {
    /// See [`MAX_CONNECTIONS`].
    pub connections: usize,
    /// See [`MAX_CONNECTIONS_PER_SOURCE`].
    pub per_source: usize,
    /// See [`MAX_CONNECTIONS_PER_PEER`].
    pub per_peer: usize,
    /// See [`HEAD_TIMEOUT`].
    pub head: Duration,
    /// See [`TUNNEL_HEAD_TIMEOUT`].
    pub tunnel_head: Duration,
    /// See [`HANDSHAKE_TIMEOUT`].
    pub handshake: Duration,
    /// See [`WRITE_STALL`].
    pub write_stall: Duration,
    /// See [`DRAIN_DEADLINE`].
    pub drain: Duration,
}

impl Default for Bounds {
    fn default() -> Self {
        Self {
            connections: MAX_CONNECTIONS,
            per_source: MAX_CONNECTIONS_PER_SOURCE,
            per_peer: MAX_CONNECTIONS_PER_PEER,
            head: HEAD_TIMEOUT,
            tunnel_head: TUNNEL_HEAD_TIMEOUT,
            handshake: HANDSHAKE_TIMEOUT,
            write_stall: WRITE_STALL,
            drain: DRAIN_DEADLINE,
        }
    }
}

#[cfg(test)]
pub(crate) mod tests;
