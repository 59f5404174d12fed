//! The stub homeserver behind everything that is measured: answers each transaction with a result for each event, from
//! answers that were written before the clock started, and counts what reaches it.

use std::collections::HashMap;
use std::io::{BufReader, Write};
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, PoisonError, RwLock};

use sluice_policy::keys::SigningKey;

use super::corpus::Transaction;
use super::{http, must};
use crate::stub::room::key_document;

/// The stub. Its threads end with their connections.
#[derive(Debug)]
pub struct Upstream {
    state: Arc<State>,
    socket: PathBuf,
}

#[derive(Debug)]
struct State {
    keys: Vec<u8>,
    /// By the [`mark`] of the transaction.
    answers: RwLock<HashMap<Vec<u8>, Arc<[u8]>>>,
    known: AtomicU64,
    unknown: AtomicU64,
    stop: AtomicBool,
}

impl Upstream {
    /// Listens on `socket` as the homeserver `name`.
    ///
    /// # Panics
    /// Where it cannot.
    #[must_use]
    pub fn start(name: &str, key: &SigningKey, socket: &Path) -> Self {
        // Of an earlier run; that there is none is as well.
        let _absent = std::fs::remove_file(socket);
        let listener = must(&socket.display().to_string(), UnixListener::bind(socket));
        let keys = http::answer("200 OK", key_document(name, key).to_string().as_bytes());
        let state = Arc::new(State {
            keys,
            answers: RwLock::default(),
            known: AtomicU64::new(0),
            unknown: AtomicU64::new(0),
            stop: AtomicBool::new(false),
        });
        let shared = Arc::clone(&state);
        std::thread::spawn(move || {
            for stream in listener.incoming().map_while(Result::ok) {
                if shared.stop.load(Ordering::SeqCst) {
                    return;
                }
                let state = Arc::clone(&shared);
                std::thread::spawn(move || state.serve(stream));
            }
        });
        Self {
            state,
            socket: socket.to_owned(),
        }
    }

    /// The transactions that are to come; earlier ones are forgotten, counters begin at zero.
    pub fn expect(&self, transactions: &[Transaction]) {
        let answer = |one: &Transaction| {
            (
                mark(&one.body).to_vec(),
                Arc::from(http::answer("200 OK", one.results().as_bytes())),
            )
        };
        let answers = transactions.iter().map(answer).collect();
        *self
            .state
            .answers
            .write()
            .unwrap_or_else(PoisonError::into_inner) = answers;
        self.state.known.store(0, Ordering::SeqCst);
        self.state.unknown.store(0, Ordering::SeqCst);
    }

    /// Transactions that arrived since [`Upstream::expect`]: those that were expected, and others.
    #[must_use]
    pub fn arrived(&self) -> (u64, u64) {
        (
            self.state.known.load(Ordering::SeqCst),
            self.state.unknown.load(Ordering::SeqCst),
        )
    }
}

impl Drop for Upstream {
    fn drop(&mut self) {
        self.state.stop.store(true, Ordering::SeqCst);
        // Wakes the thread; if nobody listens any more it has ended already.
        drop(UnixStream::connect(&self.socket));
    }
}

impl State {
    fn serve(&self, stream: UnixStream) {
        let Ok(mut writer) = stream.try_clone() else {
            return;
        };
        let mut reader = BufReader::with_capacity(64 * 1024, stream);
        while let Ok(Some(request)) = http::read(&mut reader) {
            if writer.write_all(&self.answer(&request)).is_err() {
                return;
            }
        }
    }

    fn answer(&self, request: &http::Message) -> Arc<[u8]> {
        let target = request.second();
        if target == "/_matrix/key/v2/server" {
            return Arc::from(self.keys.as_slice());
        }
        let known = self
            .answers
            .read()
            .unwrap_or_else(PoisonError::into_inner)
            .get(mark(&request.body))
            .cloned();
        if let Some(answer) = known {
            self.known.fetch_add(1, Ordering::SeqCst);
            return answer;
        }
        if request.start.starts_with("PUT ") {
            self.unknown.fetch_add(1, Ordering::SeqCst);
            return Arc::from(http::answer("200 OK", br#"{"pdus":{}}"#));
        }
        Arc::from(http::answer(
            "404 Not Found",
            br#"{"errcode":"M_NOT_FOUND","error":"not here"}"#,
        ))
    }
}

/// What tells transactions apart on both sides of gateways, which give them ids of their own: the content hash of the first
/// event, which stays where it is redacted.
fn mark(body: &[u8]) -> &[u8] {
    const BEFORE: &[u8] = br#""hashes":{"sha256":""#;
    let Some(at) = body.windows(BEFORE.len()).position(|part| part == BEFORE) else {
        return b"";
    };
    let hash = &body[at + BEFORE.len()..];
    let end = hash.iter().position(|byte| *byte == b'"');
    &hash[..end.unwrap_or(hash.len())]
}
