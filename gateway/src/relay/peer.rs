//! The client towards a peer's gateway: TLS 1.3 in both directions, and the pinned key checked before a byte is sent.

use std::collections::BTreeMap;
use std::fmt;
use std::io;
use std::sync::{Arc, PoisonError, RwLock};

use rustls::ClientConfig;
use rustls_pki_types::{CertificateDer, ServerName};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;

use super::client::{Client, Dial, Stream};
use super::{Answer, Deadlines, MAX_CONNECTIONS, RelayError, Reply};
use crate::http::Outgoing;
use crate::links::Gate;

/// Whether a leaf certificate, which the TLS configuration already accepted, is the one in the peer record.
pub type Pin = Arc<dyn Fn(&CertificateDer<'_>) -> bool + Send + Sync>;

/// Everything that it takes to reach one peer.
#[derive(Clone)]
pub struct PeerTarget {
    /// `HOST:PORT` to dial.
    pub address: String,
    /// Name that its certificate must carry.
    pub name: ServerName<'static>,
    /// Our certificate, and the authority that its certificate must come from.
    pub tls: Arc<ClientConfig>,
    /// The check that follows the handshake.
    pub pin: Pin,
    /// Whether the link with it is open.
    pub gate: Arc<Gate>,
    /// Changes whenever address, name or identity do: the digest of the peer record and of our own certificate.
    pub version: String,
}

impl fmt::Debug for PeerTarget {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PeerTarget")
            .field("address", &self.address)
            .field("name", &self.name)
            .field("version", &self.version)
            .finish_non_exhaustive()
    }
}

impl Dial for PeerTarget {
    async fn dial(&self) -> Result<Stream, RelayError> {
        let stream = TcpStream::connect(&self.address)
            .await
            .map_err(|error| RelayError::Unreachable(format!("{}: {error}", self.address)))?;
        stream.set_nodelay(true).map_err(|error| blame(&error))?;
        let connector = TlsConnector::from(Arc::clone(&self.tls));
        let connected = connector.connect(self.name.clone(), stream).await;
        let stream = connected.map_err(|error| blame(&error))?;
        let leaf = stream
            .get_ref()
            .1
            .peer_certificates()
            .and_then(<[_]>::first);
        if !leaf.is_some_and(|leaf| (self.pin)(leaf)) {
            let error = "the certificate's key is not the one in the peer record";
            return Err(RelayError::Identity(error.to_owned()));
        }
        Ok(Box::new(stream))
    }
}

/// Sorts an error of the stream: certificates are about identity, the rest is the network.
pub(super) fn blame(error: &io::Error) -> RelayError {
    let inner = error
        .get_ref()
        .and_then(|e| e.downcast_ref::<rustls::Error>());
    match inner {
        Some(
            tls @ (rustls::Error::InvalidCertificate(_) | rustls::Error::NoCertificatesPresented),
        ) => RelayError::Identity(tls.to_string()),
        Some(tls @ rustls::Error::AlertReceived(_)) => {
            RelayError::Identity(format!("the peer refused us: {tls}"))
        }
        _ => RelayError::Unreachable(error.to_string()),
    }
}

/// One peer's gateway. Share it: all requests use one pool.
#[derive(Debug)]
pub struct PeerClient {
    client: Client<PeerTarget>,
    gate: Arc<Gate>,
    version: String,
}

impl PeerClient {
    /// A client; it connects when there is something to send.
    pub fn new(target: PeerTarget, deadlines: Deadlines) -> Self {
        let (gate, version) = (Arc::clone(&target.gate), target.version.clone());
        Self {
            client: Client::new(target, deadlines, MAX_CONNECTIONS),
            gate,
            version,
        }
    }

    /// Sends one request and reads its whole answer, of at most `cap` body bytes.
    ///
    /// # Errors
    /// See [`RelayError`]; an HTTP error status is an [`Answer`].
    pub async fn send(&self, request: &Outgoing, cap: usize) -> Result<Answer, RelayError> {
        self.open(request).await?.whole(cap).await
    }

    /// Sends one request and reads the head of its answer; when the link closes, the answer breaks where it is.
    ///
    /// # Errors
    /// See [`RelayError`]; an HTTP error status is a [`Reply`].
    pub async fn open(&self, request: &Outgoing) -> Result<Reply, RelayError> {
        self.client.open(request, Some(&self.gate)).await
    }

    /// Ends all connections that are not in use.
    pub fn forget_idle(&self) {
        self.client.forget_idle();
    }
}

/// The clients of all peers, by zone.
#[derive(Debug)]
pub struct Peers {
    clients: RwLock<BTreeMap<String, Arc<PeerClient>>>,
    deadlines: Deadlines,
}

impl Peers {
    /// No peers yet.
    pub fn new(deadlines: Deadlines) -> Self {
        Self {
            clients: RwLock::default(),
            deadlines,
        }
    }

    /// Makes `targets` the peers, by zone. A peer whose version did not change keeps its client and its connections;
    /// requests under way with a client that is gone still end.
    pub fn replace(&self, targets: BTreeMap<String, PeerTarget>) {
        let mut clients = self.clients.write().unwrap_or_else(PoisonError::into_inner);
        let mut renew = |(zone, target): (String, PeerTarget)| {
            let client = match clients.remove(&zone) {
                Some(old) if old.version == target.version => old,
                _ => Arc::new(PeerClient::new(target, self.deadlines)),
            };
            (zone, client)
        };
        *clients = targets.into_iter().map(&mut renew).collect();
    }

    /// The client of a zone's gateway.
    pub fn get(&self, zone: &str) -> Option<Arc<PeerClient>> {
        let clients = self.clients.read().unwrap_or_else(PoisonError::into_inner);
        clients.get(zone).cloned()
    }
}
