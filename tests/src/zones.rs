//! Worlds of other shapes than the demo's: any number of zones, each with one or more real homeservers, and two
//! homeservers that federate directly.

use std::io::{self, Read as _, Write as _};
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use sluice::demo::client::Client;
use sluice::demo::synapse::Synapse;
use sluice::demo::zone::{Way, Zone, ZoneOptions};
use sluice_policy::bundle::BundleParts;
use sluice_policy::link::{DEFAULT_LINK, LinkPolicy, RequireLabel, ThirdServers};

use crate::stub::gateway::archive;

/// The shipped policy with one link policy for all: no label is demanded, those that are there are judged.
///
/// # Panics
/// Where the shipped profile is broken.
#[must_use]
pub fn policy(third_servers: ThirdServers) -> BundleParts {
    let mut parts = sluice::shipped::demo_parts().unwrap_or_else(|error| panic!("{error}"));
    let link = LinkPolicy {
        edus: vec!["m.typing".to_owned(), "m.receipt".to_owned()],
        third_servers,
        ..LinkPolicy::new(RequireLabel::None)
    };
    parts.links = [(DEFAULT_LINK.to_owned(), link)].into();
    parts
}

/// A zone in a folder of its own below `folder`, with this policy; nothing of it runs yet.
///
/// # Panics
/// Where it cannot be set up.
#[must_use]
pub fn zone(folder: &Path, name: &str, way: Way, others: &[&str], parts: &BundleParts) -> Zone {
    let folder = folder.join(name);
    std::fs::create_dir_all(&folder).unwrap_or_else(|error| panic!("{error}"));
    let zone = Zone::prepare(&ZoneOptions {
        name,
        way,
        folder: &folder,
        binary: &crate::sluice_binary(),
        python: &crate::python(),
        clearance: None,
        others,
    });
    let zone = zone.unwrap_or_else(|error| panic!("zone {name}: {error}"));
    install(&zone, parts);
    zone
}

/// A folder for zones, with a path that is short enough for sockets.
///
/// # Panics
/// Where there can be none.
#[must_use]
pub fn folder() -> tempfile::TempDir {
    let made = tempfile::Builder::new().prefix("sluice-").tempdir();
    made.unwrap_or_else(|error| panic!("{error}"))
}

/// Starts homeservers and gateways, all homeservers at once.
///
/// # Panics
/// Where one does not come up.
pub fn start(zones: &mut [&mut Zone]) {
    start_homeservers(zones);
    for zone in zones {
        zone.start_gateway()
            .unwrap_or_else(|error| panic!("{error}"));
    }
}

/// Starts the homeservers alone.
///
/// # Panics
/// Where one does not come up.
pub fn start_homeservers(zones: &mut [&mut Zone]) {
    for synapse in zones.iter_mut().flat_map(|zone| homeservers(zone)) {
        synapse.launch().unwrap_or_else(|error| panic!("{error}"));
    }
    for synapse in zones.iter_mut().flat_map(|zone| homeservers(zone)) {
        synapse
            .wait_until_up()
            .unwrap_or_else(|error| panic!("{error}"));
    }
}

fn homeservers(zone: &mut Zone) -> impl Iterator<Item = &mut Synapse> {
    std::iter::once(&mut zone.synapse).chain(&mut zone.others)
}

/// Replaces a zone's bundle; its gateway takes it with the next start or reload.
///
/// # Panics
/// Where the parts are no bundle.
pub fn install(zone: &Zone, parts: &BundleParts) {
    let folder = zone.gateway_folder();
    let pem = std::fs::read_to_string(folder.join("keys/bundle.key"))
        .unwrap_or_else(|error| panic!("{error}"));
    std::fs::write(folder.join("bundle.tar.gz"), archive(parts, &pem))
        .unwrap_or_else(|error| panic!("{error}"));
}

/// `sluice reload`.
///
/// # Panics
/// Where the gateway refuses.
pub fn reload(zone: &Zone) {
    let configuration = zone.configuration().display().to_string();
    zone.sluice(&["reload", "-c", &configuration])
        .unwrap_or_else(|error| panic!("{error}"));
}

/// A user of a homeserver, and its administrator.
///
/// # Panics
/// Where the homeserver refuses.
#[must_use]
pub fn user(synapse: &Synapse, name: &str) -> Client {
    let made = synapse.register(name, "tests-only", true);
    made.unwrap_or_else(|error| panic!("{error}"))
}

/// A line between homeservers that federate directly: what one sends by its hook is handed to the other as it is, byte
/// for byte but for the form of the first line. It ends when it is dropped.
#[derive(Debug)]
pub struct Wire {
    socket: PathBuf,
    stop: Arc<AtomicBool>,
}

impl Wire {
    /// Listens on `socket` for requests to these homeservers, by name and federation socket.
    ///
    /// # Panics
    /// Where it cannot.
    #[must_use]
    pub fn between(socket: &Path, homeservers: &[(&str, PathBuf)]) -> Self {
        let listener = UnixListener::bind(socket)
            .unwrap_or_else(|error| panic!("{}: {error}", socket.display()));
        let known: Arc<Vec<(String, PathBuf)>> = Arc::new(
            homeservers
                .iter()
                .map(|(name, socket)| ((*name).to_owned(), socket.clone()))
                .collect(),
        );
        let stop = Arc::new(AtomicBool::new(false));
        let stopped = Arc::clone(&stop);
        std::thread::spawn(move || {
            for stream in listener.incoming().map_while(Result::ok) {
                if stopped.load(Ordering::SeqCst) {
                    return;
                }
                let known = Arc::clone(&known);
                // A homeserver that is gone is what the other one sees as a broken line.
                std::thread::spawn(move || drop(hand_over(stream, &known)));
            }
        });
        Self {
            socket: socket.to_owned(),
            stop,
        }
    }
}

impl Drop for Wire {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::SeqCst);
        // Wakes the thread; if nobody listens any more it has ended already.
        drop(UnixStream::connect(&self.socket));
    }
}

/// One request and its answer: `PUT matrix-federation://low.test/path HTTP/1.1` becomes `PUT /path HTTP/1.1`.
fn hand_over(mut from: UnixStream, known: &[(String, PathBuf)]) -> io::Result<()> {
    let mut head = Vec::new();
    let mut byte = [0_u8; 1];
    while !head.ends_with(b"\r\n\r\n") {
        from.read_exact(&mut byte)?;
        head.push(byte[0]);
    }
    let head = String::from_utf8_lossy(&head).into_owned();
    let (method, rest) = head
        .split_once(" matrix-federation://")
        .ok_or(io::ErrorKind::InvalidData)?;
    let (name, rest) = rest.split_once('/').ok_or(io::ErrorKind::InvalidData)?;
    let (_, socket) = known
        .iter()
        .find(|(known, _)| known == name)
        .ok_or(io::ErrorKind::NotFound)?;
    let length = head.lines().find_map(|line| {
        let (field, value) = line.split_once(':')?;
        let is_length = field.eq_ignore_ascii_case("content-length");
        is_length.then(|| value.trim().parse().ok())?
    });
    let mut body = vec![0; length.unwrap_or(0)];
    from.read_exact(&mut body)?;
    let mut to = UnixStream::connect(socket)?;
    to.write_all(format!("{method} /{rest}").as_bytes())?;
    to.write_all(&body)?;
    io::copy(&mut to, &mut from)?;
    Ok(())
}
