//! HTTP/1.1 as bytes: what was sent is what was written, and what arrived is kept byte by byte.

use std::io::{self, Read, Write};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use serde_json::Value;

/// Largest head that a stub reads.
const MAX_HEAD: usize = 64 * 1024;
/// Longest that an answer is kept back for a test that has ended.
const SHUT_AT_MOST: Duration = Duration::from_secs(120);

/// A request as a stub server received it.
#[derive(Debug, Clone)]
pub struct Request {
    /// Method.
    pub method: String,
    /// Request target as received.
    pub target: String,
    /// Request line and header fields, as received.
    pub head: String,
    /// Body.
    pub body: Vec<u8>,
}

impl Request {
    /// The body as JSON; `Null` where it is none.
    #[must_use]
    pub fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or_default()
    }
}

/// An answer as a raw client received it.
#[derive(Debug, Clone)]
pub struct Reply {
    /// Status code.
    pub status: u16,
    /// Status line and header fields.
    pub head: String,
    /// Body.
    pub body: Vec<u8>,
}

impl Reply {
    /// The body as JSON; `Null` where it is none.
    #[must_use]
    pub fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or_default()
    }

    /// The body as text.
    #[must_use]
    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }
}

/// The bytes of a request with these header fields beside `Host`, and `Content-Length` where there is a body.
#[must_use]
pub fn request_bytes(
    method: &str,
    target: &str,
    host: &str,
    fields: &[String],
    body: Option<&[u8]>,
) -> Vec<u8> {
    let mut head = format!("{method} {target} HTTP/1.1\r\nHost: {host}\r\n");
    for field in fields {
        head.push_str(field);
        head.push_str("\r\n");
    }
    if let Some(body) = body {
        head.push_str(&format!("Content-Length: {}\r\n", body.len()));
    }
    head.push_str("\r\n");
    let mut bytes = head.into_bytes();
    bytes.extend_from_slice(body.unwrap_or_default());
    bytes
}

/// Reads one answer with a `Content-Length`.
///
/// # Errors
/// Where the connection ends before the answer does.
pub fn read_reply(stream: &mut impl Read) -> io::Result<Reply> {
    let (head, body) = read_message(stream, &mut |_| {})?.ok_or(io::ErrorKind::UnexpectedEof)?;
    let status = head
        .split(' ')
        .nth(1)
        .and_then(|code| code.parse().ok())
        .unwrap_or(0);
    Ok(Reply { status, head, body })
}

/// Everything that arrived at a stub server, and what it answers.
#[derive(Debug, Default)]
pub struct Far {
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    raw: Vec<u8>,
    requests: Vec<Request>,
    script: Vec<(String, u16, Vec<u8>)>,
    slow: Vec<(String, Duration)>,
    raw_script: Vec<(String, Vec<u8>)>,
    trickle: Option<(String, Duration)>,
    shut: Vec<String>,
}

impl Far {
    /// Answers requests whose `METHOD TARGET` begins with `what` from now on; the latest such line wins.
    pub fn on(&self, what: &str, status: u16, body: &Value) {
        self.on_bytes(what, status, body.to_string().as_bytes());
    }

    /// As [`Far::on`], with a body that is not what a JSON library would write.
    pub fn on_bytes(&self, what: &str, status: u16, body: &[u8]) {
        self.lock()
            .script
            .push((what.to_owned(), status, body.to_vec()));
    }

    /// Answers requests whose `METHOD TARGET` begins with `what` with these bytes, head and all, and hangs up.
    pub fn on_raw(&self, what: &str, bytes: &[u8]) {
        let line = (what.to_owned(), bytes.to_vec());
        self.lock().raw_script.push(line);
    }

    /// As [`Far::on_bytes`] with status 200, one byte at a time with a pause behind each.
    pub fn on_trickle(&self, what: &str, body: &[u8], pause: Duration) {
        self.on_bytes(what, 200, body);
        self.lock().trickle = Some((what.to_owned(), pause));
    }

    /// Answers requests whose `METHOD TARGET` begins with `what` only after a while from now on.
    pub fn slow(&self, what: &str, pause: Duration) {
        self.lock().slow.push((what.to_owned(), pause));
    }

    /// Answers no request whose `METHOD TARGET` begins with `what` until [`Far::open`]. It counts as received meanwhile.
    pub fn shut(&self, what: &str) {
        self.lock().shut.push(what.to_owned());
    }

    /// Answers what was kept back by [`Far::shut`], and all that follows.
    pub fn open(&self, what: &str) {
        self.lock().shut.retain(|shut| shut != what);
    }

    fn wait_until_open(&self, what: &str) {
        let start = Instant::now();
        while self.lock().shut.iter().any(|shut| what.starts_with(shut)) {
            if start.elapsed() > SHUT_AT_MOST {
                return;
            }
            std::thread::sleep(Duration::from_millis(5));
        }
    }

    /// Every byte that was received since the last [`Far::forget`].
    #[must_use]
    pub fn raw(&self) -> Vec<u8> {
        self.lock().raw.clone()
    }

    /// Whether `needle` stands in those bytes.
    #[must_use]
    pub fn saw(&self, needle: &str) -> bool {
        contains(&self.lock().raw, needle)
    }

    /// Every whole request since the last [`Far::forget`].
    #[must_use]
    pub fn requests(&self) -> Vec<Request> {
        self.lock().requests.clone()
    }

    /// The requests of one kind, such as `PUT /_matrix/federation/v1/send/`.
    #[must_use]
    pub fn requests_of(&self, what: &str) -> Vec<Request> {
        let is_it =
            |request: &Request| format!("{} {}", request.method, request.target).starts_with(what);
        self.requests().into_iter().filter(is_it).collect()
    }

    /// Begins a new record of what arrives.
    pub fn forget(&self) {
        let mut state = self.lock();
        state.raw.clear();
        state.requests.clear();
    }

    /// Serves one connection until it ends.
    pub fn serve(&self, mut stream: impl Read + Write) {
        loop {
            let message = read_message(&mut stream, &mut |bytes| {
                self.lock().raw.extend_from_slice(bytes)
            });
            let Ok(Some((head, body))) = message else {
                return;
            };
            let mut words = head.split(' ').map(str::to_owned);
            let (method, target) = (
                words.next().unwrap_or_default(),
                words.next().unwrap_or_default(),
            );
            let (status, answer) = self.answer(&method, &target);
            let trickle = self.lock().trickle.clone();
            let trickle =
                trickle.filter(|(what, _)| format!("{method} {target}").starts_with(what));
            let raw = self.raw_answer(&format!("{method} {target}"));
            let what = format!("{method} {target}");
            std::thread::sleep(self.pause(&what));
            self.lock().requests.push(Request {
                method,
                target,
                head,
                body,
            });
            self.wait_until_open(&what);
            if let Some(bytes) = raw {
                // Whether all of it is taken is the gateway's affair.
                let _taken = stream.write_all(&bytes).and_then(|()| stream.flush());
                return;
            }
            let mut bytes = format!(
                "HTTP/1.1 {status} Stub\r\nContent-Type: application/json\r\nContent-Length: {}\r\n\r\n",
                answer.len()
            )
            .into_bytes();
            if let Some((_, pause)) = trickle {
                let _taken = stream.write_all(&bytes);
                for byte in answer {
                    if stream
                        .write_all(&[byte])
                        .and_then(|()| stream.flush())
                        .is_err()
                    {
                        return;
                    }
                    std::thread::sleep(pause);
                }
                return;
            }
            bytes.extend_from_slice(&answer);
            if stream
                .write_all(&bytes)
                .and_then(|()| stream.flush())
                .is_err()
            {
                return;
            }
        }
    }

    fn raw_answer(&self, what: &str) -> Option<Vec<u8>> {
        let state = self.lock();
        let mut lines = state.raw_script.iter().rev();
        let line = lines.find(|(start, _)| what.starts_with(start.as_str()));
        line.map(|(_, bytes)| bytes.clone())
    }

    fn answer(&self, method: &str, target: &str) -> (u16, Vec<u8>) {
        let what = format!("{method} {target}");
        let state = self.lock();
        let line = state
            .script
            .iter()
            .rev()
            .find(|(start, _, _)| what.starts_with(start.as_str()));
        line.map_or_else(
            || {
                (
                    404,
                    br#"{"errcode":"M_NOT_FOUND","error":"not in the script"}"#.to_vec(),
                )
            },
            |(_, status, body)| (*status, body.clone()),
        )
    }

    fn pause(&self, what: &str) -> Duration {
        let state = self.lock();
        let slow = state.slow.iter().rev();
        slow.filter(|(start, _)| what.starts_with(start.as_str()))
            .map(|(_, pause)| *pause)
            .next()
            .unwrap_or_default()
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Whether `needle` stands in `hay`.
#[must_use]
pub fn contains(hay: &[u8], needle: &str) -> bool {
    hay.windows(needle.len())
        .any(|window| window == needle.as_bytes())
}

/// Head and body of one message; `None` where the connection ends before one begins.
fn read_message(
    stream: &mut impl Read,
    tap: &mut impl FnMut(&[u8]),
) -> io::Result<Option<(String, Vec<u8>)>> {
    let mut head = Vec::new();
    let mut byte = [0_u8; 1];
    while !head.ends_with(b"\r\n\r\n") {
        if head.len() > MAX_HEAD {
            return Err(io::ErrorKind::InvalidData.into());
        }
        match stream.read(&mut byte)? {
            0 if head.is_empty() => return Ok(None),
            0 => return Err(io::ErrorKind::UnexpectedEof.into()),
            _ => {
                tap(&byte);
                head.push(byte[0]);
            }
        }
    }
    let head = String::from_utf8_lossy(&head).into_owned();
    let mut body = vec![0; content_length(&head)];
    let mut filled = 0;
    while filled < body.len() {
        match stream.read(&mut body[filled..])? {
            0 => return Err(io::ErrorKind::UnexpectedEof.into()),
            count => {
                tap(&body[filled..filled + count]);
                filled += count;
            }
        }
    }
    Ok(Some((head, body)))
}

fn content_length(head: &str) -> usize {
    let field = head.lines().find_map(|line| {
        let (name, value) = line.split_once(':')?;
        name.eq_ignore_ascii_case("content-length")
            .then(|| value.trim().parse().ok())?
    });
    field.unwrap_or(0)
}
