//! The gateway of zone `low` comes to the border of zone `high`; mallory comes with other papers.
use std::sync::Arc;

use rustls::ClientConfig;
use rustls_pki_types::ServerName;
use sha2::{Digest as _, Sha256};
use tokio::io::AsyncReadExt as _;
use tokio::net::TcpStream;
use tokio::sync::watch;
use tokio_rustls::TlsConnector;

use super::kit::{Authority, Desk, PATIENCE, brisk, status, talk};
use crate::accept::{Border, Face, Listener, Trigger, key_sha256, shutdown};

const GET: &str =
    "GET /_matrix/key/v2/server HTTP/1.1\r\nHost: high.test\r\nConnection: close\r\n\r\n";

struct World {
    desk: Arc<Desk>,
    address: String,
    authority: Authority,
    _tls: watch::Sender<Arc<rustls::ServerConfig>>,
    _trigger: Trigger,
}

async fn world() -> World {
    let listener = Listener::tcp("127.0.0.1:0".parse().unwrap()).await.unwrap();
    let (address, desk, authority) = (
        listener.address(),
        Arc::new(Desk::default()),
        Authority::new(),
    );
    let (sender, tls) = watch::channel(authority.mutual_server(&authority.leaf("gw.high.test")));
    let border = Border {
        listener,
        tls,
        bounds: brisk(),
    };
    let (trigger, fired) = shutdown();
    tokio::spawn(border.run(Arc::clone(&desk), fired));
    World {
        desk,
        address,
        authority,
        _tls: sender,
        _trigger: trigger,
    }
}

impl World {
    /// In TLS 1.3 the client may believe in a connection that the server has just refused: then it reads nothing.
    async fn ask(&self, config: Arc<ClientConfig>) -> String {
        let stream = TcpStream::connect(&self.address).await.unwrap();
        let name = ServerName::try_from("gw.high.test").unwrap();
        match TlsConnector::from(config).connect(name, stream).await {
            Ok(mut stream) => talk(&mut stream, GET).await,
            Err(_) => String::new(),
        }
    }
}

#[tokio::test]
async fn a_peer_is_handed_on_with_the_key_that_its_record_names() {
    let world = world().await;
    let low = world.authority.leaf("gw.low.test");
    let answer = world.ask(world.authority.client(Some(&low))).await;
    assert_eq!(status(&answer), "HTTP/1.1 200 OK");
    let expected: String = Sha256::digest(&low.spki)
        .iter()
        .map(|b| format!("{b:02x}"))
        .collect();
    assert_eq!(key_sha256(&low.certificate), Some(expected.clone()));
    let face = Face::Border {
        peer_key_sha256: expected,
        certificates: vec![low.certificate].into(),
    };
    assert_eq!(world.desk.heads()[0].face, face);
}

#[tokio::test]
async fn mallory_is_refused_by_papers_and_counted_by_reason() {
    let world = world().await;
    assert_eq!(world.ask(world.authority.client(None)).await, "");
    assert_eq!(world.desk.stranger().await, "no_certificate");

    for (authority, reason) in [
        (Authority::named("mallory's authority"), "unknown_issuer"),
        // Named like the real one, but with another key.
        (Authority::new(), "bad_certificate"),
    ] {
        let forged = authority.leaf("gw.low.test");
        assert_eq!(world.ask(world.authority.client(Some(&forged))).await, "");
        assert_eq!(world.desk.stranger().await, reason);
    }
    assert!(world.desk.heads().is_empty());
}

#[tokio::test]
async fn plain_http_and_silence_are_hung_up_on() {
    let world = world().await;
    let mut plain = TcpStream::connect(&world.address).await.unwrap();
    let mut alert = Vec::new();
    tokio::io::AsyncWriteExt::write_all(&mut plain, GET.as_bytes())
        .await
        .unwrap();
    let _ = tokio::time::timeout(PATIENCE, plain.read_to_end(&mut alert))
        .await
        .unwrap();
    assert_eq!(world.desk.stranger().await, "tls");

    let mut silent = TcpStream::connect(&world.address).await.unwrap();
    assert_eq!(talk(&mut silent, "").await, "");
    assert_eq!(world.desk.stranger().await, "slow_handshake");
}

#[tokio::test]
async fn a_peer_speaks_origin_form_with_one_authorisation() {
    let world = world().await;
    let low = world.authority.leaf("gw.low.test");
    for request in [
        "GET https://high.test/x HTTP/1.1\r\nHost: high.test\r\n\r\n",
        "GET /x HTTP/1.1\r\nHost: high.test\r\nAuthorization: X-Matrix a\r\nAuthorization: X-Matrix a\r\n\r\n",
        "CONNECT high.test:8448 HTTP/1.1\r\nHost: high.test\r\n\r\n",
    ] {
        let stream = TcpStream::connect(&world.address).await.unwrap();
        let name = ServerName::try_from("gw.high.test").unwrap();
        let connector = TlsConnector::from(world.authority.client(Some(&low)));
        let mut stream = connector.connect(name, stream).await.unwrap();
        assert_eq!(
            status(&talk(&mut stream, request).await),
            "HTTP/1.1 400 Bad Request",
            "{request}"
        );
    }
    assert!(world.desk.heads().is_empty());
}
