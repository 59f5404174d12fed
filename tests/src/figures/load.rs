//! The load generator: a thread for each connection, one request in flight on each.

use std::io::{self, BufReader, Read, Write};
use std::net::TcpStream;
use std::os::unix::net::UnixStream;
use std::path::PathBuf;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Barrier};
use std::time::{Duration, Instant};

use rustls::pki_types::ServerName;
use rustls::{ClientConfig, ClientConnection, StreamOwned};

use super::{http, must};

/// A connected byte stream.
pub trait Wire: Read + Write + Send {}
impl<T: Read + Write + Send> Wire for T {}

/// Where the load goes in.
#[derive(Debug, Clone)]
pub enum Entrance {
    /// A unix socket.
    Unix(PathBuf),
    /// mTLS over TCP: address, name in the certificate, and whom we show ourselves as.
    Tls(String, String, Arc<ClientConfig>),
}

impl Entrance {
    fn connect(&self) -> io::Result<Box<dyn Wire>> {
        match self {
            Self::Unix(path) => Ok(Box::new(UnixStream::connect(path)?)),
            Self::Tls(address, name, config) => {
                let stream = TcpStream::connect(address)?;
                stream.set_nodelay(true)?;
                let name = ServerName::try_from(name.clone()).map_err(io::Error::other)?;
                let session =
                    ClientConnection::new(Arc::clone(config), name).map_err(io::Error::other)?;
                Ok(Box::new(StreamOwned::new(session, stream)))
            }
        }
    }
}

/// How a run ends.
#[derive(Debug, Clone, Copy)]
pub enum End {
    /// When all requests were sent once, or after this time.
    Once(Duration),
    /// After this time; requests are sent again and again.
    Repeat(Duration),
}

/// What was measured.
#[derive(Debug, Clone, Default)]
pub struct Sample {
    /// Requests on the clock, each answered 200.
    pub timed: usize,
    /// All requests, with those before the clock.
    pub all: usize,
    /// Seconds on the clock.
    pub seconds: f64,
    /// Microseconds of each timed request, ascending.
    pub latencies: Vec<u32>,
    /// Results with an error, in all answers.
    pub refused: usize,
}

impl Sample {
    /// The latency below which a share of the requests was, in microseconds.
    #[must_use]
    pub fn quantile(&self, share: f64) -> u32 {
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            clippy::cast_precision_loss,
            reason = "an index into a list that fits into memory"
        )]
        let at = (self.latencies.len() as f64 * share) as usize;
        self.latencies
            .get(at.min(self.latencies.len().saturating_sub(1)))
            .copied()
            .unwrap_or(0)
    }
}

/// Sends requests over `connections` connections. The first on each is not timed: it makes the connection and whatever
/// lies behind it. `started` and `ended` are called where the clock starts and stops.
///
/// # Panics
/// Where a connection fails or an answer is not 200.
pub fn run(
    entrance: &Entrance,
    requests: &[Vec<u8>],
    connections: usize,
    end: End,
    started: impl FnOnce(),
    ended: impl FnOnce(),
) -> Sample {
    let (next, barrier) = (AtomicUsize::new(0), Barrier::new(connections + 1));
    let (mut sample, began) = std::thread::scope(|scope| {
        let work = || worker(entrance, requests, end, &next, &barrier);
        let threads: Vec<_> = (0..connections).map(|_| scope.spawn(work)).collect();
        barrier.wait();
        started();
        let began = Instant::now();
        barrier.wait();
        let mut sample = Sample::default();
        for thread in threads {
            let part = thread
                .join()
                .unwrap_or_else(|_| panic!("a connection failed, see above"));
            sample.all += part.all;
            sample.refused += part.refused;
            sample.latencies.extend(part.latencies);
        }
        (sample, began)
    });
    sample.seconds = began.elapsed().as_secs_f64();
    ended();
    sample.timed = sample.latencies.len();
    sample.latencies.sort_unstable();
    sample
}

fn worker(
    entrance: &Entrance,
    requests: &[Vec<u8>],
    end: End,
    next: &AtomicUsize,
    barrier: &Barrier,
) -> Sample {
    let stream = must("connect", entrance.connect());
    let mut stream = BufReader::with_capacity(64 * 1024, stream);
    let mut sample = Sample::default();
    let (limit, repeat) = match end {
        End::Once(limit) => (limit, false),
        End::Repeat(limit) => (limit, true),
    };
    let take = || {
        let at = next.fetch_add(1, Ordering::Relaxed);
        requests.get(if repeat { at % requests.len() } else { at })
    };
    if let Some(request) = take() {
        sample.refused += exchange(&mut stream, request);
        sample.all += 1;
    }
    // Twice: between the two the clock starts.
    barrier.wait();
    barrier.wait();
    let began = Instant::now();
    while began.elapsed() < limit {
        let Some(request) = take() else { break };
        let sent = Instant::now();
        sample.refused += exchange(&mut stream, request);
        sample
            .latencies
            .push(u32::try_from(sent.elapsed().as_micros()).unwrap_or(u32::MAX));
        sample.all += 1;
    }
    sample
}

/// One request and its answer: how many results in it are errors.
fn exchange(stream: &mut BufReader<Box<dyn Wire>>, request: &[u8]) -> usize {
    must(
        "send",
        stream
            .get_mut()
            .write_all(request)
            .and_then(|()| stream.get_mut().flush()),
    );
    let answer = must("receive", http::read(stream));
    let Some(answer) = answer else {
        panic!("the connection was closed instead of an answer")
    };
    let text = String::from_utf8_lossy(&answer.body);
    assert!(answer.second() == "200", "{}: {text}", answer.start);
    text.matches(r#""error":"#).count()
}
