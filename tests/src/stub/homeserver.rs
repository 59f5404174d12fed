//! A homeserver that is no homeserver: a unix socket, a script, and a record of every byte that reached it.

use std::os::unix::net::{UnixListener, UnixStream};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use sluice_policy::keys::SigningKey;

use super::room::key_document;
use super::wire::Far;

/// The stub of our own homeserver. Its thread ends when it is dropped.
#[derive(Debug)]
pub struct StubHomeserver {
    /// Server name.
    pub name: String,
    /// Signing key, which its key document publishes.
    pub key: SigningKey,
    /// What arrives and what is answered.
    pub far: Arc<Far>,
    socket: PathBuf,
    stop: Arc<AtomicBool>,
}

impl StubHomeserver {
    /// Listens on `socket`.
    ///
    /// # Panics
    /// Where it cannot.
    #[must_use]
    pub fn start(name: &str, key: SigningKey, socket: &Path) -> Self {
        let listener = UnixListener::bind(socket)
            .unwrap_or_else(|error| panic!("{}: {error}", socket.display()));
        let far = Arc::new(Far::default());
        far.on("GET /_matrix/key/v2/server", 200, &key_document(name, &key));
        far.on(
            "PUT /_matrix/federation/v1/send/",
            200,
            &serde_json::json!({"pdus": {}}),
        );
        let stop = Arc::new(AtomicBool::new(false));
        let (served, stopped) = (Arc::clone(&far), Arc::clone(&stop));
        std::thread::spawn(move || {
            for stream in listener.incoming().map_while(Result::ok) {
                if stopped.load(Ordering::SeqCst) {
                    return;
                }
                let far = Arc::clone(&served);
                std::thread::spawn(move || far.serve(stream));
            }
        });
        Self {
            name: name.to_owned(),
            key,
            far,
            socket: socket.to_owned(),
            stop,
        }
    }
}

impl Drop for StubHomeserver {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::SeqCst);
        // Wakes the thread; if nobody listens any more it has ended already.
        drop(UnixStream::connect(&self.socket));
    }
}
