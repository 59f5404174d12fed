//! A peer zone that need not play by the rules: its own CA, certificate and keys, raw TLS sockets to our border, and a
//! border of its own, at which our gateway fetches keys and to which it relays.

use std::io::{self, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use rustls::pki_types::ServerName;
use rustls::{ClientConfig, ClientConnection, RootCertStore, ServerConnection, StreamOwned};
use serde_json::{Value, json};
use sluice_certs::{Authority, OwnCertificate, PeerIdentity, UnixTime, tls};
use sluice_policy::ids;
use sluice_policy::keys::{SigningKey, request_json};

use super::room::{key_document, new_key};
use super::wire::{Far, Reply, read_reply, request_bytes};

/// How long a raw client waits for an answer: far shorter than the gateway's patience with a body that does not come,
/// so that an answer within it cannot have waited for the body.
pub const PATIENCE: Duration = Duration::from_secs(20);

/// A raw TLS connection to a border listener.
pub type Line = StreamOwned<ClientConnection, TcpStream>;

/// A peer zone.
#[derive(Debug)]
pub struct StubPeer {
    /// Zone name.
    pub zone: String,
    /// Server name of its homeserver.
    pub server: String,
    /// Its CA.
    pub ca: Authority,
    /// Its border certificate.
    pub own: OwnCertificate,
    /// What it signs requests between gateways with.
    pub signing: SigningKey,
    /// Its homeserver's key.
    pub key: SigningKey,
    /// What arrives at its border, and what is answered there.
    pub far: Arc<Far>,
    listener: TcpListener,
    address: SocketAddr,
    stop: Arc<AtomicBool>,
}

impl StubPeer {
    /// A peer zone `zone` with the homeserver `zone.test`; it serves from [`StubPeer::serve`] on.
    ///
    /// # Panics
    /// Where keys or socket cannot be made.
    #[must_use]
    pub fn new(zone: &str) -> Self {
        let ca = Authority::generate(&format!("CA of {zone}"), UnixTime::now())
            .unwrap_or_else(|error| panic!("{error}"));
        let own = certificate(&ca, &format!("gw.{zone}.test"));
        let listener = TcpListener::bind("127.0.0.1:0").unwrap_or_else(|error| panic!("{error}"));
        let address = listener
            .local_addr()
            .unwrap_or_else(|error| panic!("{error}"));
        let server = format!("{zone}.test");
        let (signing, key) = (
            new_key(&format!("gw_{zone}")),
            new_key(&format!("hs_{zone}")),
        );
        let far = Arc::new(Far::default());
        far.on(
            "GET /_matrix/key/v2/server",
            200,
            &key_document(&server, &key),
        );
        far.on(
            "PUT /_matrix/federation/v1/send/",
            200,
            &json!({"pdus": {}}),
        );
        let zone = zone.to_owned();
        Self {
            zone,
            server,
            ca,
            own,
            signing,
            key,
            far,
            listener,
            address,
            stop: Arc::default(),
        }
    }

    /// The record that its operator would export.
    #[must_use]
    pub fn record(&self) -> Value {
        json!({
            "zone": self.zone, "gateway": format!("gw.{}.test", self.zone), "address": self.address.to_string(),
            "ca": self.ca.certificate_pem(), "key_sha256": self.own.facts().pin.to_string(),
            "server_names": [self.server],
            "signing_key": {"id": self.signing.id(), "key": ids::to_base64(&self.signing.public())},
        })
    }

    /// Serves the border, for the gateway of this record alone.
    ///
    /// # Panics
    /// Where the record is none.
    pub fn serve(&self, gateway: &Value) {
        let identity = identity(gateway);
        let config =
            tls::border_server(&self.own, [&identity]).unwrap_or_else(|error| panic!("{error}"));
        let listener = self
            .listener
            .try_clone()
            .unwrap_or_else(|error| panic!("{error}"));
        let (far, stop) = (Arc::clone(&self.far), Arc::clone(&self.stop));
        std::thread::spawn(move || {
            for stream in listener.incoming().map_while(Result::ok) {
                if stop.load(Ordering::SeqCst) {
                    return;
                }
                let Ok(session) = ServerConnection::new(Arc::clone(&config)) else {
                    continue;
                };
                let far = Arc::clone(&far);
                std::thread::spawn(move || far.serve(StreamOwned::new(session, stream)));
            }
        });
    }

    /// A raw connection to the gateway of this record, with this peer's certificate.
    ///
    /// # Errors
    /// Where nobody listens.
    pub fn dial(&self, gateway: &Value, address: &str) -> io::Result<Line> {
        dial(client_config(&self.own, gateway), gateway, address)
    }

    /// An X-Matrix header field of this peer for a request to `destination`.
    #[must_use]
    pub fn authorization(
        &self,
        method: &str,
        target: &str,
        destination: &str,
        body: Option<&[u8]>,
    ) -> String {
        x_matrix(
            &self.signing,
            method,
            target,
            &self.server,
            destination,
            body,
        )
    }

    /// The bytes of a well-signed request to `destination`.
    #[must_use]
    pub fn request(
        &self,
        method: &str,
        target: &str,
        destination: &str,
        body: Option<&[u8]>,
    ) -> Vec<u8> {
        let authorization = self.authorization(method, target, destination, body);
        request_bytes(method, target, destination, &[authorization], body)
    }
}

impl Drop for StubPeer {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::SeqCst);
        // Wakes the thread; if nobody listens any more it has ended already.
        drop(TcpStream::connect(self.address));
    }
}

/// A gateway certificate in the name of `name`.
///
/// # Panics
/// Where it cannot be made.
#[must_use]
pub fn certificate(ca: &Authority, name: &str) -> OwnCertificate {
    let issued = ca
        .issue_gateway(name, UnixTime::now())
        .unwrap_or_else(|error| panic!("{error}"));
    OwnCertificate::load(&issued.certificate_pem, &issued.key_pem)
        .unwrap_or_else(|error| panic!("{error}"))
}

/// A client that shows this certificate.
///
/// # Panics
/// Where the record is none.
#[must_use]
pub fn client_config(own: &OwnCertificate, gateway: &Value) -> Arc<ClientConfig> {
    tls::peer_client(own, &identity(gateway)).unwrap_or_else(|error| panic!("{error}"))
}

/// A client that shows no certificate at all.
///
/// # Panics
/// Where the record is none.
#[must_use]
pub fn nobodys_config(gateway: &Value) -> Arc<ClientConfig> {
    let mut roots = RootCertStore::empty();
    roots
        .add(identity(gateway).ca().clone())
        .unwrap_or_else(|error| panic!("{error}"));
    let builder = ClientConfig::builder_with_provider(tls::provider())
        .with_protocol_versions(&[&rustls::version::TLS13])
        .unwrap_or_else(|error| panic!("{error}"));
    Arc::new(builder.with_root_certificates(roots).with_no_client_auth())
}

/// Opens a connection; the handshake happens with the first byte.
///
/// # Errors
/// Where nobody listens.
pub fn dial(config: Arc<ClientConfig>, gateway: &Value, address: &str) -> io::Result<Line> {
    let name = gateway["gateway"].as_str().unwrap_or_default().to_owned();
    let name = ServerName::try_from(name).map_err(io::Error::other)?;
    let stream = TcpStream::connect(address)?;
    stream.set_read_timeout(Some(PATIENCE))?;
    let session = ClientConnection::new(config, name).map_err(io::Error::other)?;
    Ok(StreamOwned::new(session, stream))
}

/// Sends bytes as they are and reads one answer.
///
/// # Errors
/// Where the other side refuses the handshake, or closes without an answer.
pub fn exchange(line: &mut Line, bytes: &[u8]) -> io::Result<Reply> {
    // A refusal may come before everything was sent, and breaks the sending; the answer tells.
    let sent = line.write_all(bytes).and_then(|()| line.flush());
    read_reply(line).map_err(|error| sent.err().unwrap_or(error))
}

/// An X-Matrix header field. The body is signed as it stands, canonical or not.
#[must_use]
pub fn x_matrix(
    key: &SigningKey,
    method: &str,
    target: &str,
    origin: &str,
    destination: &str,
    body: Option<&[u8]>,
) -> String {
    let rest = sluice_policy::json::write(&request_json(method, target, origin, destination, None));
    let signed = body.map_or_else(
        || rest.clone(),
        |body| [b"{\"content\":", body, b",", &rest[1..]].concat(),
    );
    let sig = key.sign_bytes(&signed);
    format!(
        "Authorization: X-Matrix origin=\"{origin}\",destination=\"{destination}\",key=\"{}\",sig=\"{sig}\"",
        key.id()
    )
}

fn identity(gateway: &Value) -> PeerIdentity {
    let text = |key: &str| gateway[key].as_str().unwrap_or_default();
    PeerIdentity::new(text("gateway"), text("ca"), text("key_sha256"))
        .unwrap_or_else(|error| panic!("{error}"))
}
