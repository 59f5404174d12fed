//! What cannot be saved: one strict Ed25519 verification for each event and hop, and the disk's own rate of syncs.

use std::fs::File;
use std::io::Write as _;
use std::path::Path;
use std::time::{Duration, Instant};

use ed25519_dalek::{Signer as _, SigningKey, VerifyingKey};

use super::{must, process};

/// The floors of this machine.
#[derive(Debug, Clone, Copy)]
pub struct Floors {
    /// CPU time of one `verify_strict` in microseconds, with the key read from its bytes.
    pub verify_micros: f64,
    /// `fdatasync` of a file that grew by [`LINES`] bytes, a second.
    pub syncs_per_second: f64,
}

/// Bytes that an event is signed over, about.
const SIGNED: usize = 900;
/// Bytes of the audit lines of a small transaction, about.
pub const LINES: usize = 2048;

/// Measures both, each for `time`.
#[must_use]
pub fn measure(dir: &Path, time: Duration) -> Floors {
    Floors {
        verify_micros: verify(time),
        syncs_per_second: sync(dir, time),
    }
}

/// By the CPU time of this thread, because others may want the core too.
fn verify(time: Duration) -> f64 {
    let key = SigningKey::from_bytes(&[7; 32]);
    let (message, public) = (vec![b'x'; SIGNED], key.verifying_key().to_bytes());
    let signature = key.sign(&message);
    let once = || {
        let key = must("key", VerifyingKey::from_bytes(&public));
        must("signature", key.verify_strict(&message, &signature));
    };
    let (start, mut count) = (Instant::now(), 0_u32);
    let begun = process::thread_cpu_nanos();
    while start.elapsed() < time {
        once();
        count += 1;
    }
    let nanos = process::thread_cpu_nanos().saturating_sub(begun);
    Duration::from_nanos(nanos).as_secs_f64() * 1e6 / f64::from(count.max(1))
}

fn sync(dir: &Path, time: Duration) -> f64 {
    let path = dir.join("floor");
    let mut file = must("floor", File::create(&path));
    let lines = [b'x'; LINES];
    let (start, mut count) = (Instant::now(), 0_u32);
    while start.elapsed() < time {
        must(
            "floor",
            file.write_all(&lines).and_then(|()| file.sync_data()),
        );
        count += 1;
    }
    let rate = f64::from(count) / start.elapsed().as_secs_f64();
    must("floor", std::fs::remove_file(&path));
    rate
}
