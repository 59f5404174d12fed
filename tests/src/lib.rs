//! End-to-end tests: real homeservers, real clients, an adversarial peer, load.
//!
//! The worlds are those of `sluice demo` ([`sluice::demo`]); this crate adds where the tests find the binary, the shared
//! worlds, and nothing that would make a test pass where the demo would fail.

#![allow(
    clippy::panic,
    reason = "a harness that cannot set up its world has to stop the test, loudly"
)]

pub mod figures;
pub mod large;
pub mod stub;
pub mod zones;

pub mod danger;
pub mod evidence;
pub mod nio;
pub mod profile;

use std::path::PathBuf;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicUsize, Ordering};

use serde_json::Value;
use sluice::demo::cache;
use sluice::demo::world::{World, WorldOptions};
use sluice::demo::zone::Way;

/// The `sluice` binary that this very build made: beside this program, or beside the `deps` folder of a test.
///
/// # Panics
/// When it is not there.
#[must_use]
pub fn sluice_binary() -> PathBuf {
    let program = std::env::current_exe()
        .unwrap_or_else(|error| panic!("the program does not know its own path: {error}"));
    let folders = program.ancestors().skip(1).take(2);
    let binary = folders
        .map(|folder| folder.join("sluice"))
        .find(|binary| binary.is_file());
    binary.unwrap_or_else(|| {
        panic!(
            "no `sluice` near {}: run `cargo build --workspace` (with --release if this is of a release build)",
            program.display()
        )
    })
}

/// The Python with the pinned Synapse; fetched on the first use on this machine.
///
/// # Panics
/// When it cannot be had; the text says why.
#[must_use]
pub fn python() -> PathBuf {
    static PYTHON: OnceLock<PathBuf> = OnceLock::new();
    PYTHON
        .get_or_init(|| {
            cache::synapse_python(&|line| eprintln!("{line}"))
                .unwrap_or_else(|error| panic!("{error}"))
        })
        .clone()
}

/// The world in which both zones use this way out, built on first use and shared by all tests of this executable. Tests
/// make rooms and users of their own in it; one that stops or kills anything builds its own with [`own_world`].
///
/// # Panics
/// When it cannot be built.
#[must_use]
pub fn world(way: Way) -> &'static World {
    static HOOK: OnceLock<World> = OnceLock::new();
    static CONNECT: OnceLock<World> = OnceLock::new();
    match way {
        Way::Hook => HOOK.get_or_init(|| own_world(Way::Hook, Way::Hook)),
        Way::Connect => CONNECT.get_or_init(|| own_world(Way::Connect, Way::Connect)),
    }
}

/// A world for one test alone. With `SLUICE_TEST_KEEP=DIR` its folder is left behind as `DIR/0`, `DIR/1`...
///
/// # Panics
/// When it cannot be built.
#[must_use]
pub fn own_world(high: Way, low: Way) -> World {
    own_world_cleared(high, low, None)
}

/// As [`own_world`], with a clearance of zone `high`'s own.
///
/// # Panics
/// When it cannot be built.
#[must_use]
pub fn own_world_cleared(high: Way, low: Way, high_clearance: Option<&Value>) -> World {
    static NUMBER: AtomicUsize = AtomicUsize::new(0);
    let keep = std::env::var_os("SLUICE_TEST_KEEP").filter(|folder| !folder.is_empty());
    let keep = keep.map(|folder| {
        PathBuf::from(folder).join(NUMBER.fetch_add(1, Ordering::Relaxed).to_string())
    });
    let (binary, python) = (sluice_binary(), python());
    let options = WorldOptions {
        binary: &binary,
        python: &python,
        high,
        low,
        high_clearance,
        keep: keep.as_deref(),
    };
    World::build(&options, &|_| {})
        .unwrap_or_else(|error| panic!("the world cannot be built: {error}"))
}
