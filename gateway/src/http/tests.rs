#![allow(
    clippy::unwrap_used,
    reason = "a test that fails here has found its fault"
)]
use std::convert::Infallible;
use std::pin::Pin;
use std::task::{Context, Poll};

use hyper::body::Frame;
use tokio::time::Sleep;

use super::*;

/// A body that yields `piece` every `every`, for ever.
struct Drip {
    piece: &'static [u8],
    every: Duration,
    next: Pin<Box<Sleep>>,
}

impl Drip {
    fn new(piece: &'static [u8], every: Duration) -> Self {
        let next = Box::pin(tokio::time::sleep(every));
        Self { piece, every, next }
    }
}

impl Body for Drip {
    type Data = Bytes;
    type Error = Infallible;
    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        std::task::ready!(self.next.as_mut().poll(cx));
        self.next = Box::pin(tokio::time::sleep(self.every));
        Poll::Ready(Some(Ok(Frame::data(Bytes::from_static(self.piece)))))
    }
}

/// Bob's body stands in memory and needs no waiting.
fn bob(text: &'static [u8]) -> Full<Bytes> {
    Full::new(Bytes::from_static(text))
}

fn send_to_low() -> Outgoing {
    Outgoing {
        method: Method::PUT,
        path_and_query: "/_matrix/federation/v1/send/1%2F2?x=%21a".into(),
        host: "low.test".into(),
        authorization: Some("X-Matrix origin=high.test".into()),
        body: Some(b"{}".to_vec()),
    }
}

#[tokio::test]
async fn a_body_that_fits_is_read_whole() {
    let read = read_body(bob(b"12345"), Some(5), 5, Pace::default()).await;
    assert_eq!(read, Ok(b"12345".to_vec()));
}

#[tokio::test]
async fn a_declared_length_over_the_cap_is_refused_before_a_byte_is_read() {
    let never = Drip::new(b"x", Duration::from_secs(3600));
    let read = tokio::time::timeout(
        Duration::from_secs(1),
        read_body(never, Some(6), 5, Pace::default()),
    );
    assert_eq!(read.await.unwrap(), Err(BodyError::TooLarge));
    assert_eq!(BodyError::TooLarge.status(), StatusCode::PAYLOAD_TOO_LARGE);
}

#[tokio::test]
async fn an_undeclared_body_is_cut_off_at_the_cap() {
    let flood = Drip::new(b"0123456789", Duration::from_millis(1));
    let read = read_body(flood, None, 25, Pace::default()).await;
    assert_eq!(read, Err(BodyError::TooLarge));
}

#[tokio::test]
async fn a_body_shorter_than_declared_is_no_body() {
    let read = read_body(bob(b"1234"), Some(5), 10, Pace::default()).await;
    assert_eq!(read, Err(BodyError::Broken));
}

/// The shape of the real pace, a hundred times faster.
fn brisk() -> Pace {
    Pace {
        deadline: Duration::from_millis(600),
        min_rate: 100_000,
        grace: Duration::from_millis(50),
    }
}

#[tokio::test]
async fn a_body_that_stands_still_is_given_up_after_the_grace() {
    let started = Instant::now();
    let stalled = Drip::new(b"x", Duration::from_secs(3600));
    let read = read_body(stalled, None, 100, brisk()).await;
    assert_eq!(read, Err(BodyError::TooSlow));
    assert!(started.elapsed() < brisk().deadline);
}

#[tokio::test]
async fn a_body_that_only_drips_is_given_up_although_it_never_stands_still() {
    let started = Instant::now();
    let drip = Drip::new(b"x", Duration::from_millis(2));
    let read = read_body(drip, None, 1 << 20, brisk()).await;
    assert_eq!(read, Err(BodyError::TooSlow));
    assert!(started.elapsed() < brisk().deadline);
}

#[tokio::test]
async fn fast_enough_is_still_not_for_ever() {
    let steady = Drip::new(&[b'x'; 65536], Duration::from_millis(5));
    let started = Instant::now();
    let read = read_body(steady, None, usize::MAX, brisk()).await;
    assert_eq!(read, Err(BodyError::TooSlow));
    assert!(started.elapsed() >= brisk().deadline);
}

#[tokio::test]
async fn trailers_are_refused() {
    let trailer = async { Some(Ok::<_, Infallible>(HeaderMap::new())) };
    let body = Box::pin(bob(b"{}").with_trailers(trailer));
    let read = read_body(body, None, 10, Pace::default()).await;
    assert_eq!(read, Err(BodyError::Trailers));
}

#[test]
fn a_request_carries_exactly_the_headers_that_the_gateway_wrote() {
    let request = send_to_low().request().unwrap();
    let mut names: Vec<_> = request.headers().keys().map(|n| n.as_str()).collect();
    names.sort_unstable();
    assert_eq!(
        names,
        [
            "accept-encoding",
            "authorization",
            "content-length",
            "content-type",
            "host",
            "user-agent"
        ]
    );
    assert_eq!(request.headers()["accept-encoding"], "identity");
    assert_eq!(request.headers()["user-agent"], USER_AGENT);
    assert_eq!(
        request.uri().to_string(),
        "/_matrix/federation/v1/send/1%2F2?x=%21a"
    );
}

#[test]
fn without_a_body_there_is_no_content_type() {
    let get = Outgoing {
        method: Method::GET,
        body: None,
        authorization: None,
        ..send_to_low()
    };
    let request = get.request().unwrap();
    assert!(!request.headers().contains_key("content-type"));
    assert!(!request.headers().contains_key("content-length"));
    assert!(!request.headers().contains_key("authorization"));
}

#[test]
fn a_value_that_would_split_the_request_is_not_written() {
    let path = |p: &str| {
        Outgoing {
            path_and_query: p.into(),
            ..send_to_low()
        }
        .request()
        .map(|_| ())
    };
    assert_eq!(path("/a b"), Err(Unwritable("path")));
    assert_eq!(path("/a\r\nX: y"), Err(Unwritable("path")));
    assert_eq!(path("http://mallory.test/"), Err(Unwritable("path")));
    assert_eq!(path("/a#b"), Err(Unwritable("path")));
    let host = Outgoing {
        host: "low.test\r\nX: y".into(),
        ..send_to_low()
    };
    assert_eq!(host.request().map(|_| ()), Err(Unwritable("host")));
}

#[test]
fn only_methods_that_may_be_repeated_are_repeated() {
    assert!(send_to_low().is_repeatable());
    assert!(
        !Outgoing {
            method: Method::POST,
            ..send_to_low()
        }
        .is_repeatable()
    );
}

#[test]
fn debug_shows_neither_body_nor_authorisation() {
    let shown = format!("{:?}", send_to_low());
    assert!(shown.contains("low.test") && !shown.contains("X-Matrix") && !shown.contains("{}"));
}
