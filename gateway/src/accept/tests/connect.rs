//! `high.test` knows HTTP proxies only: it opens tunnels and meets the zone's own authority in them.
use std::sync::Arc;

use rustls_pki_types::ServerName;
use tokio::io::AsyncWriteExt as _;
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

use super::kit::{Authority, Desk, brisk, read_answer, status, talk};
use crate::accept::{Connect, Face, LeafRefused, LeafSource, Listener, Secret, Trigger, shutdown};

/// `sluice:hush`.
const BASIC: &str = "Proxy-Authorization: Basic c2x1aWNlOmh1c2g=\r\n";

struct World {
    desk: Arc<Desk>,
    address: String,
    zone: Arc<Authority>,
    _trigger: Trigger,
}

impl LeafSource for Authority {
    fn tls(&self, host: &str) -> Result<Arc<rustls::ServerConfig>, LeafRefused> {
        if host == "unknown.test" {
            return Err(LeafRefused("not one of ours".into()));
        }
        Ok(self.server(host))
    }
}

async fn world() -> World {
    let listener = Listener::tcp("127.0.0.1:0".parse().unwrap()).await.unwrap();
    let (address, desk, zone) = (
        listener.address(),
        Arc::new(Desk::default()),
        Arc::new(Authority::new()),
    );
    let leaves: Arc<dyn LeafSource> = Arc::<Authority>::clone(&zone);
    let connect = Connect {
        listener,
        secret: Secret::new("hush").unwrap(),
        leaves,
        bounds: brisk(),
    };
    let (trigger, fired) = shutdown();
    tokio::spawn(connect.run(Arc::clone(&desk), fired));
    World {
        desk,
        address,
        zone,
        _trigger: trigger,
    }
}

impl World {
    async fn ask(&self, request: &str) -> String {
        talk(
            &mut TcpStream::connect(&self.address).await.unwrap(),
            request,
        )
        .await
    }

    /// CONNECT, then TLS for `sni`.
    async fn tunnel(&self, authority: &str, sni: &str) -> std::io::Result<TlsStream<TcpStream>> {
        let mut stream = TcpStream::connect(&self.address).await.unwrap();
        let connect = format!("CONNECT {authority} HTTP/1.1\r\nHost: {authority}\r\n{BASIC}\r\n");
        stream.write_all(connect.as_bytes()).await.unwrap();
        assert_eq!(status(&read_answer(&mut stream).await), "HTTP/1.1 200 OK");
        let name = ServerName::try_from(sni.to_owned()).unwrap();
        TlsConnector::from(self.zone.client(None))
            .connect(name, stream)
            .await
    }
}

#[tokio::test]
async fn a_tunnel_carries_one_request_after_another_for_one_destination() {
    let world = world().await;
    let mut tunnel = world.tunnel("low.test:8448", "low.test").await.unwrap();
    for (target, host) in [("/a%2Fb?x=%21", "low.test"), ("/second", "low.test:8448")] {
        let request =
            format!("GET {target} HTTP/1.1\r\nHost: {host}\r\nAuthorization: X-Matrix a\r\n\r\n");
        tunnel.write_all(request.as_bytes()).await.unwrap();
        assert!(read_answer(&mut tunnel).await.ends_with(target));
    }
    let heads = world.desk.heads();
    assert_eq!(heads.len(), 2);
    for head in heads {
        assert_eq!(
            head.face,
            Face::Inside {
                destination: "low.test".into()
            }
        );
    }
}

#[tokio::test]
async fn a_kept_alive_tunnel_does_not_carry_a_request_for_somebody_else() {
    let world = world().await;
    for host in ["mallory.test", "low.test:443", "LOW.test", "low.test."] {
        let mut tunnel = world.tunnel("low.test:8448", "low.test").await.unwrap();
        tunnel
            .write_all(b"GET /first HTTP/1.1\r\nHost: low.test\r\n\r\n")
            .await
            .unwrap();
        assert_eq!(status(&read_answer(&mut tunnel).await), "HTTP/1.1 200 OK");
        let answer = talk(
            &mut tunnel,
            &format!("GET /second HTTP/1.1\r\nHost: {host}\r\n\r\n"),
        )
        .await;
        assert_eq!(
            status(&answer),
            "HTTP/1.1 421 Misdirected Request",
            "{host}"
        );
    }
    let absolute = "GET https://mallory.test/x HTTP/1.1\r\nHost: low.test\r\n\r\n";
    let mut tunnel = world.tunnel("low.test:8448", "low.test").await.unwrap();
    assert_eq!(
        status(&talk(&mut tunnel, absolute).await),
        "HTTP/1.1 400 Bad Request"
    );
    assert!(
        world
            .desk
            .heads()
            .iter()
            .all(|head| head.target == "/first")
    );
}

#[tokio::test]
async fn delegation_is_answered_on_443_and_nothing_else_is() {
    let world = world().await;
    let mut tunnel = world.tunnel("low.test:443", "low.test").await.unwrap();
    tunnel
        .write_all(b"GET /.well-known/matrix/server HTTP/1.1\r\nHost: low.test\r\n\r\n")
        .await
        .unwrap();
    let answer = read_answer(&mut tunnel).await;
    assert_eq!(status(&answer), "HTTP/1.1 200 OK");
    assert!(
        answer.contains("cache-control: max-age=")
            && answer.ends_with(r#"{"m.server":"low.test:8448"}"#)
    );
    let other = "GET /_matrix/key/v2/server HTTP/1.1\r\nHost: low.test\r\n\r\n";
    assert_eq!(
        status(&talk(&mut tunnel, other).await),
        "HTTP/1.1 404 Not Found"
    );
    assert!(world.desk.heads().is_empty());
}

#[tokio::test]
async fn an_explicit_port_belongs_to_the_name() {
    let world = world().await;
    let mut tunnel = world.tunnel("low.test:8999", "low.test").await.unwrap();
    let request = "GET /x HTTP/1.1\r\nHost: low.test:8999\r\nConnection: close\r\n\r\n";
    assert_eq!(status(&talk(&mut tunnel, request).await), "HTTP/1.1 200 OK");
    assert_eq!(
        world.desk.heads()[0].face,
        Face::Inside {
            destination: "low.test:8999".into()
        }
    );
}

#[tokio::test]
async fn another_name_in_the_handshake_ends_the_tunnel() {
    let world = world().await;
    assert!(world.tunnel("low.test:8448", "mallory.test").await.is_err());
    assert_eq!(world.desk.stranger().await, "wrong_sni");
}

#[tokio::test]
async fn what_is_not_tls_ends_the_tunnel() {
    let world = world().await;
    let connect = format!("CONNECT low.test:8448 HTTP/1.1\r\nHost: low.test\r\n{BASIC}\r\n");
    let answer = world
        .ask(&format!(
            "{connect}GET /x HTTP/1.1\r\nHost: low.test\r\n\r\n"
        ))
        .await;
    assert_eq!(
        answer.matches("HTTP/1.1").count(),
        1,
        "only CONNECT was answered"
    );
    assert_eq!(world.desk.stranger().await, "tls");
    world.ask(&connect).await;
    assert_eq!(world.desk.stranger().await, "slow_handshake");
    assert!(world.desk.heads().is_empty());
}

#[tokio::test]
async fn without_the_secret_there_is_no_tunnel() {
    let world = world().await;
    for shown in [
        "",
        "Proxy-Authorization: Bearer hush\r\n",
        // root:hush, sluice:hus
        "Proxy-Authorization: Basic cm9vdDpodXNo\r\n",
        "Proxy-Authorization: Basic c2x1aWNlOmh1cw==\r\n",
    ] {
        let request = format!("CONNECT low.test:8448 HTTP/1.1\r\nHost: low.test\r\n{shown}\r\n");
        let answer = world.ask(&request).await;
        assert_eq!(
            status(&answer),
            "HTTP/1.1 407 Proxy Authentication Required",
            "{shown}"
        );
        assert!(answer.contains("proxy-authenticate: Basic"));
        assert_eq!(world.desk.stranger().await, "inside_secret");
    }
}

#[tokio::test]
async fn only_names_that_can_be_servers_are_connected_to() {
    let world = world().await;
    for (authority, expected) in [
        ("127.0.0.1:8448", "403"),
        ("[::1]:8448", "403"),
        ("LOW.test:8448", "403"),
        ("low.test:0", "403"),
        ("low.test:08448", "403"),
        ("low.test", "403"),
        ("unknown.test:8448", "502"),
    ] {
        let request = format!("CONNECT {authority} HTTP/1.1\r\nHost: x\r\n{BASIC}\r\n");
        let answer = world.ask(&request).await;
        assert!(status(&answer).contains(expected), "{authority}: {answer}");
    }
    let get = world
        .ask(&format!(
            "GET http://low.test/ HTTP/1.1\r\nHost: x\r\n{BASIC}\r\n"
        ))
        .await;
    assert_eq!(status(&get), "HTTP/1.1 405 Method Not Allowed");
}
