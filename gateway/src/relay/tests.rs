//! Stories of the ways out. Bob's homeserver here is a socket that says exactly what a story needs.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test that fails here has found its fault"
)]

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use hyper::Method;
use rustls_pki_types::ServerName;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpListener;

use super::*;
use crate::accept::tests::kit::{Authority, Desk, Leaf, brisk};
use crate::accept::{Border, Listener, Trigger, key_sha256, shutdown};
use crate::http::Outgoing;

const CAP: usize = 100;
const OK: &str = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}";

fn put() -> Outgoing {
    Outgoing {
        method: Method::PUT,
        path_and_query: "/_matrix/federation/v1/send/1%2F2".into(),
        host: "low.test".into(),
        authorization: Some("X-Matrix a".into()),
        body: Some(b"{}".to_vec()),
    }
}

fn quick() -> Deadlines {
    Deadlines {
        connect: Duration::from_secs(2),
        answer: Duration::from_secs(1),
        body: Pace {
            deadline: Duration::from_secs(1),
            min_rate: 1000,
            grace: Duration::from_millis(300),
        },
        keep_idle: Duration::from_secs(5),
    }
}

/// Ends a text after which bob closes the connection without having said so.
const HANG_UP: char = '\u{4}';

/// Answers the n-th request (over all connections) with the n-th text, the last one again and again; an empty text
/// hangs up instead. Keeps connections open. Counts connections.
async fn bob(texts: &[&str]) -> (Homeserver, Arc<AtomicUsize>, Arc<AtomicUsize>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = format!("http://{}", listener.local_addr().unwrap())
        .parse()
        .unwrap();
    let texts: Arc<Vec<String>> = Arc::new(texts.iter().map(ToString::to_string).collect());
    let connections = Arc::new(AtomicUsize::new(0));
    let requests = Arc::new(AtomicUsize::new(0));
    let counts = (Arc::clone(&connections), Arc::clone(&requests));
    tokio::spawn(async move {
        loop {
            let (mut stream, _) = listener.accept().await.unwrap();
            counts.0.fetch_add(1, Ordering::SeqCst);
            let (texts, requests) = (Arc::clone(&texts), Arc::clone(&counts.1));
            tokio::spawn(async move {
                let mut seen = Vec::new();
                while let Ok(byte) = stream.read_u8().await {
                    seen.push(byte);
                    if !seen.ends_with(b"\r\n\r\n{}") {
                        continue;
                    }
                    seen.clear();
                    let nth = requests.fetch_add(1, Ordering::SeqCst).min(texts.len() - 1);
                    if texts[nth].is_empty() {
                        return;
                    }
                    let text = texts[nth].trim_end_matches(HANG_UP);
                    let _ = stream.write_all(text.as_bytes()).await;
                    if text != texts[nth] {
                        return;
                    }
                }
            });
        }
    });
    (Homeserver::new(address, quick()), connections, requests)
}

async fn refused(answer: &str) -> RelayError {
    let (bob, ..) = bob(&[answer]).await;
    bob.send(&put(), CAP).await.expect_err(answer)
}

#[tokio::test]
async fn two_requests_use_one_connection() {
    let chunked = "HTTP/1.1 404 Not Found\r\nTransfer-Encoding: chunked\r\nContent-Type: a/b\r\n\r\n2\r\n{}\r\n0\r\n\r\n";
    let (bob, connections, requests) = bob(&[OK, chunked]).await;
    assert_eq!(bob.send(&put(), CAP).await.unwrap().status, 200);
    let second = bob.send(&put(), CAP).await.unwrap();
    let expected = Answer {
        status: 404,
        content_type: Some("a/b".into()),
        body: b"{}".to_vec(),
    };
    assert_eq!(second, expected);
    assert_eq!(
        (
            connections.load(Ordering::SeqCst),
            requests.load(Ordering::SeqCst)
        ),
        (1, 2)
    );
}

#[tokio::test]
async fn a_kept_connection_that_breaks_is_replaced_once_for_what_may_be_repeated() {
    let (bob, connections, requests) = bob(&[OK, "", OK]).await;
    bob.send(&put(), CAP).await.unwrap();
    assert_eq!(bob.send(&put(), CAP).await.unwrap().status, 200);
    assert_eq!(
        (
            connections.load(Ordering::SeqCst),
            requests.load(Ordering::SeqCst)
        ),
        (2, 3)
    );
}

#[tokio::test]
async fn a_claim_of_keys_is_never_sent_twice() {
    let claim = Outgoing {
        method: Method::POST,
        ..put()
    };
    let (bob, _, requests) = bob(&[OK, "", OK]).await;
    bob.send(&claim, CAP).await.unwrap();
    assert!(matches!(
        bob.send(&claim, CAP).await,
        Err(RelayError::Unreachable(_))
    ));
    assert_eq!(requests.load(Ordering::SeqCst), 2);
}

#[tokio::test]
async fn a_kept_connection_that_was_closed_meanwhile_costs_no_request() {
    let claim = Outgoing {
        method: Method::POST,
        ..put()
    };
    let (bob, connections, requests) = bob(&[&format!("{OK}{HANG_UP}"), OK]).await;
    bob.send(&claim, CAP).await.unwrap();
    tokio::time::sleep(Duration::from_millis(100)).await;
    assert_eq!(bob.send(&claim, CAP).await.unwrap().status, 200);
    let counts = (
        connections.load(Ordering::SeqCst),
        requests.load(Ordering::SeqCst),
    );
    assert_eq!(counts, (2, 2));
}

#[tokio::test]
async fn a_fresh_connection_that_breaks_is_not_tried_again() {
    let (bob, _, requests) = bob(&["", OK]).await;
    assert!(matches!(
        bob.send(&put(), CAP).await,
        Err(RelayError::Unreachable(_))
    ));
    assert_eq!(requests.load(Ordering::SeqCst), 1);
}

#[tokio::test]
async fn answers_with_two_readings_are_refused() {
    let body = "\r\n\r\n{}";
    for fields in [
        "Content-Length: 2\r\nTransfer-Encoding: chunked\r\n\r\n2\r\n{}\r\n0\r\n\r\n".to_owned(),
        format!("Content-Length: 2\r\nContent-Length: 3{body} "),
        format!("Content-Length: 2\r\nContent-Length: 2{body}"),
        format!("Content-Length: 2, 2{body}"),
        format!("Transfer-Encoding: gzip{body}"),
        format!("Content-Type: a/b{body}"),
        format!("Content-Length: 2\r\nContent-Encoding: gzip{body}"),
        format!("Content-Length: 2\r\nUpgrade: h2c{body}"),
        format!("Content-Length: 2\r\nX-Folded: a\r\n b{body}"),
        "Transfer-Encoding: chunked\r\n\r\n2\r\n{}\r\n0\r\nX-Late: a\r\n\r\n".to_owned(),
    ] {
        let error = refused(&format!("HTTP/1.1 200 OK\r\n{fields}")).await;
        assert!(
            matches!(error, RelayError::BadAnswer(_)),
            "{fields:?}: {error:?}"
        );
    }
}

#[tokio::test]
async fn redirects_and_changes_of_protocol_are_not_followed() {
    for line in [
        "302 Found\r\nLocation: /x",
        "307 T\r\nLocation: http://mallory.test/",
        "101 S\r\nUpgrade: x",
    ] {
        let error = refused(&format!("HTTP/1.1 {line}\r\nContent-Length: 0\r\n\r\n")).await;
        assert!(
            matches!(error, RelayError::BadAnswer(_)),
            "{line}: {error:?}"
        );
    }
    let old = refused("HTTP/1.0 200 OK\r\nContent-Length: 2\r\n\r\n{}").await;
    assert_eq!(old, RelayError::BadAnswer("it is not HTTP/1.1"));
    let junk = refused("SSH-2.0-mallory\r\n\r\n").await;
    assert_eq!(junk, RelayError::BadAnswer("it is not valid HTTP/1.1"));
}

#[tokio::test]
async fn a_long_answer_is_cut_off_whether_announced_or_not() {
    let announced = "HTTP/1.1 200 OK\r\nContent-Length: 101\r\n\r\n";
    assert_eq!(refused(announced).await, RelayError::TooLarge);
    let chunk = format!("40\r\n{}\r\n", "a".repeat(64));
    let flood = format!("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n{chunk}{chunk}");
    assert_eq!(refused(&flood).await, RelayError::TooLarge);
}

#[tokio::test]
async fn silence_is_a_time_out_that_names_the_step() {
    let half = refused("HTTP/1.1 200 OK\r\n").await;
    assert_eq!(half, RelayError::Timeout("an answer"));
    let stalled = refused("HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n{").await;
    assert_eq!(stalled, RelayError::Timeout("the body of the answer"));
}

#[tokio::test]
async fn a_homeserver_behind_a_unix_socket_is_reached_and_a_missing_one_is_not() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("federation.sock");
    let address: HomeserverAddress = format!("unix:{}", path.display()).parse().unwrap();
    let homeserver = Homeserver::new(address, quick());
    let gone = homeserver.send(&put(), CAP).await;
    assert!(matches!(gone, Err(RelayError::Unreachable(text)) if text.contains("federation.sock")));

    let listener = tokio::net::UnixListener::bind(&path).unwrap();
    let server = tokio::spawn(async move {
        let (mut stream, _) = listener.accept().await.unwrap();
        let mut seen = vec![0; 512];
        let read = stream.read(&mut seen).await.unwrap();
        stream.write_all(OK.as_bytes()).await.unwrap();
        String::from_utf8(seen[..read].to_vec()).unwrap()
    });
    assert_eq!(homeserver.send(&put(), CAP).await.unwrap().body, b"{}");
    let request = server.await.unwrap();
    assert!(request.starts_with("PUT /_matrix/federation/v1/send/1%2F2 HTTP/1.1\r\n"));
    assert_eq!(request.matches("content-length: 2\r\n").count(), 1);
}

#[test]
fn addresses_are_read_strictly() {
    for good in [
        "unix:/run/x.sock",
        "http://127.0.0.1:18009",
        "http://[::1]:18009",
        "http://localhost:8008/",
    ] {
        assert!(good.parse::<HomeserverAddress>().is_ok(), "{good}");
    }
    for bad in [
        "",
        "unix:",
        "127.0.0.1:1",
        "https://a:1",
        "http://a",
        "http://a:0",
        "http://a:1/x",
        "http://u@a:1",
    ] {
        let error = bad.parse::<HomeserverAddress>().expect_err(bad);
        assert!(error.to_string().contains("http://HOST:PORT"));
    }
}

/// Two gateways: ours asks, the one of zone `low` is a real border.
struct Border2 {
    authority: Authority,
    low: Leaf,
    address: String,
    desk: Arc<Desk>,
    _tls: tokio::sync::watch::Sender<Arc<rustls::ServerConfig>>,
    _trigger: Trigger,
}

async fn low_gateway() -> Border2 {
    let listener = Listener::tcp("127.0.0.1:0".parse().unwrap()).await.unwrap();
    let (address, authority, desk) = (
        listener.address(),
        Authority::new(),
        Arc::new(Desk::default()),
    );
    let low = authority.leaf("gw.low.test");
    let (sender, tls) = tokio::sync::watch::channel(authority.mutual_server(&low));
    let (trigger, fired) = shutdown();
    let border = Border {
        listener,
        tls,
        bounds: crate::accept::Bounds {
            head: Duration::from_secs(5),
            ..brisk()
        },
    };
    tokio::spawn(border.run(Arc::clone(&desk), fired));
    Border2 {
        authority,
        low,
        address,
        desk,
        _tls: sender,
        _trigger: trigger,
    }
}

impl Border2 {
    fn target(&self, papers: Option<&Leaf>, pinned: &Leaf) -> PeerTarget {
        let pinned = key_sha256(&pinned.certificate);
        PeerTarget {
            address: self.address.clone(),
            name: ServerName::try_from("gw.low.test").unwrap(),
            tls: self.authority.client(papers),
            pin: Arc::new(move |leaf| key_sha256(leaf) == pinned),
            gate: Arc::default(),
            version: "1".into(),
        }
    }
}

#[tokio::test]
async fn a_request_reaches_the_peer_whose_key_is_pinned() {
    let world = low_gateway().await;
    let high = world.authority.leaf("gw.high.test");
    let client = PeerClient::new(world.target(Some(&high), &world.low), quick());
    let answer = client.send(&put(), CAP).await.unwrap();
    assert_eq!(answer.body, b"/_matrix/federation/v1/send/1%2F2");
    assert_eq!(world.desk.heads().len(), 1);
}

#[tokio::test]
async fn another_key_of_the_same_authority_gets_not_one_byte() {
    let world = low_gateway().await;
    let high = world.authority.leaf("gw.high.test");
    let client = PeerClient::new(world.target(Some(&high), &high), quick());
    assert!(matches!(
        client.send(&put(), CAP).await,
        Err(RelayError::Identity(_))
    ));
    assert!(world.desk.heads().is_empty());
}

#[tokio::test]
async fn wrong_papers_on_either_side_are_about_identity() {
    let world = low_gateway().await;
    let without = PeerClient::new(world.target(None, &world.low), quick());
    let refused = without.send(&put(), CAP).await;
    assert!(
        matches!(refused, Err(RelayError::Identity(_))),
        "{refused:?}"
    );

    let mut target = world.target(None, &world.low);
    target.name = ServerName::try_from("gw.other.test").unwrap();
    let misnamed = PeerClient::new(target, quick()).send(&put(), CAP).await;
    assert!(
        matches!(misnamed, Err(RelayError::Identity(_))),
        "{misnamed:?}"
    );
}

#[tokio::test]
async fn a_reload_keeps_the_connections_of_peers_that_did_not_change() {
    let world = low_gateway().await;
    let high = world.authority.leaf("gw.high.test");
    let peers = Peers::new(quick());
    let target = world.target(Some(&high), &world.low);
    peers.replace(BTreeMap::from([("low".into(), target.clone())]));
    let before = peers.get("low").unwrap();

    peers.replace(BTreeMap::from([("low".into(), target.clone())]));
    assert!(Arc::ptr_eq(&before, &peers.get("low").unwrap()));

    let changed = PeerTarget {
        version: "2".into(),
        ..target
    };
    peers.replace(BTreeMap::from([("low".into(), changed)]));
    assert!(!Arc::ptr_eq(&before, &peers.get("low").unwrap()));
    peers.replace(BTreeMap::new());
    assert!(peers.get("low").is_none());
    assert_eq!(
        before.send(&put(), CAP).await.unwrap().status,
        200,
        "what is under way still ends"
    );
}
