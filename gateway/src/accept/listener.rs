//! Sockets, and the loop that takes connections from them within the caps.
//!
//! A connection holds a [`Place`] from accept until its last request has ended, also when that outlives the
//! connection. The loop ends when the shutdown fires, and returns when every place is free or the drain time is over.

use std::collections::HashMap;
use std::fs;
use std::future::Future;
use std::io;
use std::net::{IpAddr, Ipv6Addr, SocketAddr};
use std::os::unix::fs::{FileTypeExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, UnixListener};
use tokio::sync::mpsc;

use super::{Bounds, Shutdown, Source, TOO_MANY};

/// Mode of a unix socket: the owner and its group, so that a homeserver with another user can share the group.
const SOCKET_MODE: u32 = 0o660;
/// Pause after a failed accept; it fails when descriptors run out, and would fail again at once.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// A bound socket.
#[derive(Debug)]
pub struct Listener(Socket);

#[derive(Debug)]
enum Socket {
    Tcp(TcpListener),
    Unix(UnixListener, PathBuf),
}

/// A byte stream of either kind.
pub(super) trait Wire: AsyncRead + AsyncWrite + Send + Unpin {}
impl<T: AsyncRead + AsyncWrite + Send + Unpin> Wire for T {}
pub(super) type Stream = Box<dyn Wire>;

impl Listener {
    /// Binds a TCP socket. Port 0 lets the system choose; [`Listener::address`] tells which.
    ///
    /// # Errors
    /// What the system says, such as an address in use.
    pub async fn tcp(address: SocketAddr) -> io::Result<Self> {
        TcpListener::bind(address)
            .await
            .map(|l| Self(Socket::Tcp(l)))
    }

    /// Binds a unix socket of mode 0660. A socket that a dead process left is replaced, anything else is not.
    ///
    /// # Errors
    /// `AddrInUse` if somebody listens there, `AlreadyExists` if the path is no socket.
    pub fn unix(path: &Path) -> io::Result<Self> {
        remove_dead_socket(path)?;
        let listener = UnixListener::bind(path)?;
        fs::set_permissions(path, fs::Permissions::from_mode(SOCKET_MODE))?;
        Ok(Self(Socket::Unix(listener, path.to_owned())))
    }

    /// Where it listens: `IP:PORT`, or `unix:` and the path.
    pub fn address(&self) -> String {
        match &self.0 {
            Socket::Tcp(listener) => listener
                .local_addr()
                .map_or_else(|e| e.to_string(), |a| a.to_string()),
            Socket::Unix(_, path) => format!("unix:{}", path.display()),
        }
    }

    async fn accept(&self) -> io::Result<(Stream, Source)> {
        match &self.0 {
            Socket::Tcp(listener) => {
                let (stream, address) = listener.accept().await?;
                // Answers are written in one piece; waiting for more would only add delay.
                stream.set_nodelay(true)?;
                Ok((Box::new(stream), Source::Tcp(address)))
            }
            Socket::Unix(listener, _) => {
                let (stream, _) = listener.accept().await?;
                Ok((Box::new(stream), Source::Unix))
            }
        }
    }

    /// Serves connections until the shutdown. `refused` is told of each connection over a cap.
    pub(super) async fn run<F, Fut>(
        self,
        bounds: Bounds,
        mut shutdown: Shutdown,
        refused: impl Fn(Source, &'static str),
        serve: F,
    ) where
        F: Fn(Stream, Source, Place) -> Fut,
        Fut: Future<Output = ()> + Send + 'static,
    {
        let (alive, ended) = mpsc::channel(1);
        let places = Arc::new(Places {
            taken: Mutex::default(),
            bounds,
            alive,
        });
        loop {
            let accepted = tokio::select! {
                () = shutdown.fired() => break,
                accepted = self.accept() => accepted,
            };
            match accepted {
                Err(error) => {
                    tracing::warn!(%error, "accept failed");
                    tokio::time::sleep(ACCEPT_PAUSE).await;
                }
                Ok((stream, source)) => match places.take(source) {
                    Some(place) => drop(tokio::spawn(serve(stream, source, place))),
                    None => refused(source, TOO_MANY),
                },
            }
        }
        self.close();
        drop(places);
        drain(ended, bounds.drain).await;
    }

    fn close(self) {
        if let Socket::Unix(listener, path) = self.0 {
            drop(listener);
            // Somebody may have removed it already; a socket that stays is replaced at the next start.
            let _ = fs::remove_file(path);
        }
    }
}

/// Waits until the last [`Place`] is gone: each holds a sender, nobody sends.
async fn drain(mut ended: mpsc::Receiver<()>, deadline: Duration) {
    if tokio::time::timeout(deadline, ended.recv()).await.is_err() {
        tracing::warn!("shutdown: connections left over after the drain deadline");
    }
}

fn remove_dead_socket(path: &Path) -> io::Result<()> {
    let Ok(found) = fs::symlink_metadata(path) else {
        return Ok(());
    };
    if !found.file_type().is_socket() {
        return Err(io::ErrorKind::AlreadyExists.into());
    }
    match std::os::unix::net::UnixStream::connect(path) {
        Ok(_) => Err(io::ErrorKind::AddrInUse.into()),
        Err(_) => fs::remove_file(path),
    }
}

/// Whom a place is counted for: an IPv4 address, or an IPv6 /64, of which one subscriber has all addresses.
fn network(address: IpAddr) -> IpAddr {
    match address {
        IpAddr::V4(_) => address,
        IpAddr::V6(address) => {
            let [a, b, c, d, ..] = address.segments();
            IpAddr::V6(Ipv6Addr::new(a, b, c, d, 0, 0, 0, 0))
        }
    }
}

/// The places of one listener.
struct Places {
    taken: Mutex<Taken>,
    bounds: Bounds,
    alive: mpsc::Sender<()>,
}

#[derive(Default)]
struct Taken {
    all: usize,
    by_source: HashMap<IpAddr, usize>,
}

/// A connection's place among those that the caps allow. Freed when the last clone is dropped.
#[derive(Clone)]
pub(super) struct Place {
    _held: Arc<Held>,
}

struct Held {
    places: Arc<Places>,
    address: Option<IpAddr>,
    _alive: mpsc::Sender<()>,
}

impl Places {
    fn take(self: &Arc<Self>, source: Source) -> Option<Place> {
        let address = match source {
            Source::Tcp(address) => Some(network(address.ip())),
            Source::Unix => None,
        };
        let mut taken = self.taken.lock().unwrap_or_else(PoisonError::into_inner);
        let from_here = address.map_or(0, |ip| taken.by_source.get(&ip).copied().unwrap_or(0));
        if taken.all >= self.bounds.connections || from_here >= self.bounds.per_source {
            return None;
        }
        taken.all += 1;
        if let Some(ip) = address {
            taken.by_source.insert(ip, from_here + 1);
        }
        drop(taken);
        let held = Held {
            places: Arc::clone(self),
            address,
            _alive: self.alive.clone(),
        };
        Some(Place {
            _held: Arc::new(held),
        })
    }

    fn free(&self, address: Option<IpAddr>) {
        let mut taken = self.taken.lock().unwrap_or_else(PoisonError::into_inner);
        taken.all -= 1;
        let Some(ip) = address else { return };
        if let Some(count) = taken.by_source.get_mut(&ip) {
            *count -= 1;
            if *count == 0 {
                taken.by_source.remove(&ip);
            }
        }
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        self.places.free(self.address);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_subscriber_is_one_source() {
        let of =
            |address: &str| network(address.parse().unwrap_or(IpAddr::V6(Ipv6Addr::LOCALHOST)));
        assert_eq!(of("2001:db8:1:2::3"), of("2001:db8:1:2:ffff::1"));
        assert_ne!(of("2001:db8:1:2::3"), of("2001:db8:1:3::3"));
        assert_ne!(of("198.51.100.7"), of("198.51.100.8"));
    }
}
