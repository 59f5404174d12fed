//! A plain HTTP service beside the gateway: a webhook, a check, a homeserver's client listener.

use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use super::wire::{Far, Request};

/// How long a test waits for a request.
const PATIENCE: Duration = Duration::from_secs(30);

/// The service.
#[derive(Debug)]
pub struct Service {
    /// What arrives and what is answered.
    pub far: Arc<Far>,
    address: SocketAddr,
    stop: Arc<AtomicBool>,
}

impl Service {
    /// Listens on a free port.
    ///
    /// # Panics
    /// Where it cannot.
    #[must_use]
    pub fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap_or_else(|error| panic!("{error}"));
        let address = listener
            .local_addr()
            .unwrap_or_else(|error| panic!("{error}"));
        let (far, stop) = (Arc::new(Far::default()), Arc::new(AtomicBool::new(false)));
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
        Self { far, address, stop }
    }

    /// `http://IP:PORT`.
    #[must_use]
    pub fn base(&self) -> String {
        format!("http://{}", self.address)
    }

    /// Waits for as many requests as `number`; those that there are.
    ///
    /// # Panics
    /// Where they do not come.
    #[must_use]
    pub fn wait(&self, number: usize) -> Vec<Request> {
        let start = Instant::now();
        loop {
            let requests = self.far.requests();
            if requests.len() >= number {
                return requests;
            }
            assert!(
                start.elapsed() < PATIENCE,
                "{} of {number} came",
                requests.len()
            );
            std::thread::sleep(Duration::from_millis(20));
        }
    }
}

impl Drop for Service {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::SeqCst);
        // Wakes the thread; if nobody listens any more it has ended already.
        drop(TcpStream::connect(self.address));
    }
}
