//! The client towards a homeserver of our zone: plain HTTP over a unix socket or a wire of its own.

use std::fmt;
use std::path::PathBuf;
use std::str::FromStr;
use std::sync::Arc;

use tokio::net::{TcpStream, UnixStream};

use super::client::{Client, Dial, Stream};
use super::{Answer, Deadlines, MAX_HOMESERVER_CONNECTIONS, RelayError, Reply};
use crate::http::Outgoing;
use crate::links::Gate;

/// Where a homeserver serves federation.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum HomeserverAddress {
    /// Path of a unix socket.
    Unix(PathBuf),
    /// `HOST:PORT`, plain HTTP.
    Http(String),
}

/// The text is no address.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is no homeserver address: write unix:/PATH or http://HOST:PORT")]
pub struct BadAddress(pub String);

impl FromStr for HomeserverAddress {
    type Err = BadAddress;

    fn from_str(text: &str) -> Result<Self, BadAddress> {
        let bad = || BadAddress(text.to_owned());
        if let Some(path) = text.strip_prefix("unix:") {
            return if path.is_empty() {
                Err(bad())
            } else {
                Ok(Self::Unix(path.into()))
            };
        }
        let authority = text.strip_prefix("http://").ok_or_else(bad)?;
        let authority = authority.strip_suffix('/').unwrap_or(authority);
        let (host, port) = authority.rsplit_once(':').ok_or_else(bad)?;
        let plain = !host.is_empty() && !host.contains(['/', '@', '?', '#']);
        let port_ok = port.parse::<u16>().is_ok_and(|port| port != 0);
        (plain && port_ok)
            .then(|| Self::Http(authority.to_owned()))
            .ok_or_else(bad)
    }
}

impl fmt::Display for HomeserverAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unix(path) => write!(f, "unix:{}", path.display()),
            Self::Http(authority) => write!(f, "http://{authority}"),
        }
    }
}

impl Dial for HomeserverAddress {
    async fn dial(&self) -> Result<Stream, RelayError> {
        let connected: std::io::Result<Stream> = match self {
            Self::Unix(path) => UnixStream::connect(path)
                .await
                .map(|s| Box::new(s) as Stream),
            Self::Http(authority) => TcpStream::connect(authority).await.and_then(|stream| {
                stream.set_nodelay(true)?;
                Ok(Box::new(stream) as Stream)
            }),
        };
        connected.map_err(|error| RelayError::Unreachable(format!("{self}: {error}")))
    }
}

/// A homeserver of our zone. Share it: all requests use one pool.
#[derive(Debug)]
pub struct Homeserver(Client<HomeserverAddress>);

impl Homeserver {
    /// A client; it connects when there is something to send.
    pub fn new(address: HomeserverAddress, deadlines: Deadlines) -> Self {
        Self(Client::new(address, deadlines, MAX_HOMESERVER_CONNECTIONS))
    }

    /// Sends one request and reads its whole answer, of at most `cap` body bytes.
    ///
    /// # Errors
    /// See [`RelayError`]; an HTTP error status is an [`Answer`].
    pub async fn send(&self, request: &Outgoing, cap: usize) -> Result<Answer, RelayError> {
        self.open(request).await?.whole(cap).await
    }

    /// As [`Self::send`], with bytes of a link: when it closes, the connection breaks where it is.
    ///
    /// # Errors
    /// See [`Self::send`].
    pub async fn send_of(
        &self,
        gate: &Arc<Gate>,
        request: &Outgoing,
        cap: usize,
    ) -> Result<Answer, RelayError> {
        self.open_of(gate, request).await?.whole(cap).await
    }

    /// Sends one request and reads the head of its answer.
    ///
    /// # Errors
    /// See [`RelayError`]; an HTTP error status is a [`Reply`].
    pub async fn open(&self, request: &Outgoing) -> Result<Reply, RelayError> {
        self.0.open(request, None).await
    }

    /// As [`Self::open`], with bytes of a link: when it closes, the connection breaks where it is, and the answer with it.
    ///
    /// # Errors
    /// See [`Self::open`].
    pub async fn open_of(&self, gate: &Arc<Gate>, request: &Outgoing) -> Result<Reply, RelayError> {
        self.0.open(request, Some(gate)).await
    }
}
