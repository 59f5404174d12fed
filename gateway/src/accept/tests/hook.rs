//! `high.test` sends through its hook; mallory stands at the same socket without the secret.
use std::sync::Arc;
use std::time::Duration;

use hyper::Method;
use tokio::io::AsyncWriteExt as _;
use tokio::net::{TcpStream, UnixStream};
use tokio::task::JoinHandle;

use super::kit::{Desk, brisk, read_answer, status, talk};
use crate::accept::{Bounds, Face, Hook, Listener, Secret, Trigger, shutdown};

const GET: &str = "GET matrix-federation://low.test/_matrix/key/v2/server HTTP/1.1\r\n";
const SECRET: &str = "Proxy-Authorization: Bearer hush\r\nHost: low.test:80\r\n";

struct World {
    desk: Arc<Desk>,
    address: String,
    trigger: Trigger,
    running: JoinHandle<()>,
}

async fn world(bounds: Bounds) -> World {
    world_with(bounds, Desk::default()).await
}

async fn world_with(bounds: Bounds, desk: Desk) -> World {
    let listener = Listener::tcp("127.0.0.1:0".parse().unwrap()).await.unwrap();
    let (address, desk) = (listener.address(), Arc::new(desk));
    let hook = Hook {
        listener,
        secret: Secret::new("hush\n").unwrap(),
        bounds,
    };
    let (trigger, fired) = shutdown();
    let running = tokio::spawn(hook.run(Arc::clone(&desk), fired));
    World {
        desk,
        address,
        trigger,
        running,
    }
}

impl World {
    async fn connect(&self) -> TcpStream {
        TcpStream::connect(&self.address).await.unwrap()
    }

    async fn ask(&self, request: &str) -> String {
        talk(&mut self.connect().await, request).await
    }

    /// An authenticated request with these further fields, and then `body`.
    async fn put(&self, fields: &str, body: &str) -> String {
        let line = "PUT matrix-federation://low.test/_matrix/federation/v1/send/1 HTTP/1.1\r\n";
        self.ask(&format!("{line}{SECRET}{fields}\r\n{body}")).await
    }

    async fn refuses(&self, fields: &str, body: &str, expected: &str) {
        let answer = self.put(fields, body).await;
        assert_eq!(status(&answer), expected, "{fields:?}");
        assert!(
            self.desk.heads().is_empty(),
            "{fields:?} reached the stages"
        );
    }
}

#[tokio::test]
async fn a_request_arrives_with_its_target_exactly_as_sent() {
    let world = world(brisk()).await;
    let target = "/_matrix/federation/v1/send/a%2Fb%252F//../;x?ver=12&ver=%21%24&e=";
    let request = format!(
        "PUT matrix-federation://low.test:8999{target} HTTP/1.1\r\n{SECRET}Authorization: X-Matrix a\r\n\
         Content-Length: 2\r\nConnection: close\r\n\r\n{{}}"
    );
    let answer = world.ask(&request).await;
    assert_eq!(status(&answer), "HTTP/1.1 200 OK");
    assert!(answer.ends_with(target));
    let head = &world.desk.heads()[0];
    assert_eq!((&head.method, head.target.as_str()), (&Method::PUT, target));
    assert_eq!(head.authorization.as_deref(), Some("X-Matrix a"));
    assert_eq!(head.content_length, Some(2));
    assert_eq!(
        head.face,
        Face::Inside {
            destination: "low.test:8999".into()
        }
    );
    assert_eq!(*world.desk.bodies.lock().unwrap(), [b"{}"]);
}

#[tokio::test]
async fn mallory_without_the_secret_gets_403_and_is_counted() {
    let world = world(brisk()).await;
    for shown in [
        "",
        "Proxy-Authorization: Bearer hus\r\n",
        "Proxy-Authorization: Bearer hushh\r\n",
        "Proxy-Authorization: hush\r\n",
        "Proxy-Authorization: Basic c2x1aWNlOmh1c2g=\r\n",
        "Proxy-Authorization: Bearer hush\r\nProxy-Authorization: Bearer hush\r\n",
        "Authorization: Bearer hush\r\n",
    ] {
        let answer = world
            .ask(&format!("{GET}Host: low.test\r\n{shown}\r\n"))
            .await;
        assert_eq!(status(&answer), "HTTP/1.1 403 Forbidden", "{shown}");
        assert!(answer.contains(r#""errcode":"M_FORBIDDEN""#) && !answer.contains("hush"));
        assert_eq!(world.desk.stranger().await, "inside_secret");
    }
    assert!(world.desk.heads().is_empty());
}

#[tokio::test]
async fn only_absolute_targets_of_plain_names_are_hook_requests() {
    let world = world(brisk()).await;
    for target in [
        "/_matrix/key/v2/server",
        "http://low.test/_matrix/key/v2/server",
        "matrix-federation://LOW.test/x",
        "matrix-federation://127.0.0.1/x",
        "matrix-federation://mallory@low.test/x",
        "matrix-federation://low.test:0/x",
        "*",
    ] {
        let answer = world
            .ask(&format!("GET {target} HTTP/1.1\r\n{SECRET}\r\n"))
            .await;
        assert_eq!(status(&answer), "HTTP/1.1 400 Bad Request", "{target}");
    }
    let connect = world
        .ask(&format!("CONNECT low.test:8448 HTTP/1.1\r\n{SECRET}\r\n"))
        .await;
    assert_eq!(status(&connect), "HTTP/1.1 400 Bad Request");
    assert!(world.desk.heads().is_empty());
}

#[tokio::test]
async fn a_body_with_two_lengths_never_reaches_the_stages() {
    let world = world(brisk()).await;
    let bad = "HTTP/1.1 400 Bad Request";
    world
        .refuses("Content-Length: 2\r\nContent-Length: 3\r\n", "{} ", bad)
        .await;
    world.refuses("Content-Length: 2, 2\r\n", "{}", bad).await;
    world.refuses("Content-Length: +2\r\n", "{}", bad).await;
    let smuggled = "0\r\n\r\nGET matrix-federation://low.test/smuggled HTTP/1.1\r\n\r\n";
    let length_required = "HTTP/1.1 411 Length Required";
    for both in [
        "Content-Length: 5\r\nTransfer-Encoding: chunked\r\n",
        "Transfer-Encoding: chunked\r\nContent-Length: 5\r\n",
        "Transfer-Encoding: chunked\r\n",
    ] {
        world.refuses(both, smuggled, length_required).await;
        assert_eq!(
            world.put(both, smuggled).await.matches("HTTP/1.1").count(),
            1,
            "{both}"
        );
    }
    world.refuses("Transfer-Encoding: gzip\r\n", "", bad).await;
}

#[tokio::test]
async fn two_equal_lengths_have_one_reading_and_pass() {
    let world = world(brisk()).await;
    let fields = "Content-Length: 2\r\nContent-Length: 2\r\nConnection: close\r\n";
    assert_eq!(status(&world.put(fields, "{}").await), "HTTP/1.1 200 OK");
    assert_eq!(*world.desk.bodies.lock().unwrap(), [b"{}"]);
}

#[tokio::test]
async fn fields_that_ask_for_more_than_a_request_are_refused() {
    let world = world(brisk()).await;
    let bad = "HTTP/1.1 400 Bad Request";
    world
        .refuses(
            "Authorization: X-Matrix a\r\nAuthorization: X-Matrix b\r\n",
            "",
            bad,
        )
        .await;
    world.refuses("Host: low.test\r\n", "", bad).await;
    world.refuses("X-Folded: a\r\n b\r\n", "", bad).await;
    world.refuses("X-Blank : a\r\n", "", bad).await;
    world
        .refuses("Upgrade: h2c\r\nConnection: upgrade\r\n", "", bad)
        .await;
    world.refuses("Trailer: X-Late\r\n", "", bad).await;
    let expectation = "HTTP/1.1 417 Expectation Failed";
    world
        .refuses(
            "Expect: 100-continue\r\nContent-Length: 2\r\n",
            "",
            expectation,
        )
        .await;
    let media = "HTTP/1.1 415 Unsupported Media Type";
    world
        .refuses(
            "Content-Encoding: gzip\r\nContent-Length: 2\r\n",
            "{}",
            media,
        )
        .await;
    let old = world
        .ask(&format!("{}{SECRET}\r\n", GET.replace("1.1", "1.0")))
        .await;
    assert!(
        status(&old).ends_with("505 HTTP Version Not Supported"),
        "{old}"
    );
    let nameless = world
        .ask(&format!("{GET}Proxy-Authorization: Bearer hush\r\n\r\n"))
        .await;
    assert_eq!(status(&nameless), bad);
}

#[tokio::test]
async fn a_long_head_is_refused_by_bytes_and_by_fields() {
    let world = world(brisk()).await;
    let too_large = "HTTP/1.1 431 Request Header Fields Too Large";
    world
        .refuses(
            &format!("X-Long: {}\r\n", "a".repeat(17 * 1024)),
            "",
            too_large,
        )
        .await;
    world
        .refuses(&"X-Many: a\r\n".repeat(40), "", too_large)
        .await;
    let long = format!(
        "GET matrix-federation://low.test/{} HTTP/1.1\r\n{SECRET}\r\n",
        "a".repeat(17 * 1024)
    );
    assert!(!status(&world.ask(&long).await).contains("200"));
}

#[tokio::test]
async fn a_body_over_the_cap_is_answered_413_before_it_is_sent() {
    let world = world(brisk()).await;
    let answer = world.put("Content-Length: 1000000\r\n", "").await;
    assert_eq!(status(&answer), "HTTP/1.1 413 Payload Too Large");
}

#[tokio::test]
async fn half_a_head_is_hung_up_on_after_the_time_for_heads() {
    let world = world(brisk()).await;
    let started = std::time::Instant::now();
    assert!(!world.ask(GET).await.contains("200"));
    assert!(started.elapsed() >= brisk().head);
    assert_eq!(world.ask("").await, "", "an idle connection is closed too");
}

#[tokio::test]
async fn one_source_cannot_take_every_place() {
    let bounds = Bounds {
        per_source: 2,
        head: Duration::from_secs(60),
        ..brisk()
    };
    let world = world(bounds).await;
    let kept = (world.connect().await, world.connect().await);
    assert_eq!(world.ask("").await, "", "the third is hung up on");
    assert_eq!(world.desk.stranger().await, "too_many_connections");
    drop(kept);
    for _ in 0..100 {
        tokio::time::sleep(Duration::from_millis(10)).await;
        let answer = world
            .ask(&format!("{GET}{SECRET}Connection: close\r\n\r\n"))
            .await;
        if status(&answer) == "HTTP/1.1 200 OK" {
            return;
        }
    }
    panic!("a place that was given back was not given out again");
}

#[tokio::test]
async fn a_shutdown_finishes_the_request_under_way_and_takes_no_other() {
    let desk = Desk {
        delay: Duration::from_millis(300),
        ..Desk::default()
    };
    let world = world_with(brisk(), desk).await;
    let mut alice = world.connect().await;
    alice
        .write_all(format!("{GET}{SECRET}\r\n").as_bytes())
        .await
        .unwrap();
    world.desk.arrival().await;
    world.trigger.fire();
    assert_eq!(status(&read_answer(&mut alice).await), "HTTP/1.1 200 OK");
    world.running.await.unwrap();
    assert!(TcpStream::connect(&world.address).await.is_err());
}

#[tokio::test]
async fn a_homeserver_that_hangs_up_does_not_stop_the_judgement() {
    let desk = Desk {
        delay: Duration::from_millis(200),
        ..Desk::default()
    };
    let world = world_with(brisk(), desk).await;
    let mut alice = world.connect().await;
    alice
        .write_all(format!("{GET}{SECRET}\r\n").as_bytes())
        .await
        .unwrap();
    world.desk.arrival().await;
    drop(alice);
    world.trigger.fire();
    world.running.await.unwrap();
    assert_eq!(world.desk.heads().len(), 1, "the handler ran to its end");
}

#[tokio::test]
async fn a_unix_socket_serves_the_same_and_replaces_a_dead_one_only() {
    use std::os::unix::fs::PermissionsExt as _;
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("hook.sock");
    drop(std::os::unix::net::UnixListener::bind(&path).unwrap());
    let listener = Listener::unix(&path).unwrap();
    assert_eq!(
        std::fs::metadata(&path).unwrap().permissions().mode() & 0o777,
        0o660
    );
    assert!(Listener::unix(&path).is_err(), "somebody listens there");
    let plain = folder.path().join("file");
    std::fs::write(&plain, "kept").unwrap();
    assert!(Listener::unix(&plain).is_err(), "a file is not a socket");
    assert_eq!(std::fs::read(&plain).unwrap(), b"kept");

    let (trigger, fired) = shutdown();
    let desk = Arc::new(Desk::default());
    let hook = Hook {
        listener,
        secret: Secret::new("hush").unwrap(),
        bounds: brisk(),
    };
    let running = tokio::spawn(hook.run(Arc::clone(&desk), fired));
    let mut alice = UnixStream::connect(&path).await.unwrap();
    let answer = talk(
        &mut alice,
        &format!("{GET}{SECRET}Connection: close\r\n\r\n"),
    )
    .await;
    assert_eq!(status(&answer), "HTTP/1.1 200 OK");
    trigger.fire();
    running.await.unwrap();
    assert!(!path.exists(), "the socket is removed at the end");
}

#[test]
fn an_empty_secret_is_no_secret_and_none_is_shown() {
    assert!(Secret::new("\n").is_none());
    assert!(!format!("{:?}", Secret::new("hush")).contains("hush"));
}
