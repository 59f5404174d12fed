//! The key file: the secret of names, which lasts, and one slot for the key of each minute, overwritten when the minute's
//! windows are over.
//!
//! ```text
//! header 64: magic 8 | file id 16 | secret 32 | 0    then SLOTS slots of 64: minute 8 | key 32 | check 24, or zeros
//! ```
//!
//! A slot is smaller than a sector and written in one call, and no text is sealed with a key before the slot is durable:
//! a slot that a crash has torn had no text yet.

use std::fs::{File, OpenOptions};
use std::os::unix::fs::{FileExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use sha2::{Digest, Sha256};
use zeroize::Zeroizing;

use super::{WINDOW_MS, WindowError};

/// How long one key is used, in milliseconds.
pub const SLICE_MS: i64 = 60_000;
/// Keys at most: those of a window's ten minutes, that of the minute that has begun, and one to spare.
pub const SLOTS: usize = 12;
const MAGIC: &[u8; 8] = b"SLUICEW2";
/// Bytes of the header, and of each slot.
const SLOT_BYTES: usize = 64;
const FILE_BYTES: usize = SLOT_BYTES * (1 + SLOTS);
const KEY_BYTES: usize = 32;
/// Where in the header the secret of names stands.
const SECRET_AT: usize = 24;
const CHECK_BYTES: usize = 24;

/// A key; overwritten in memory when it is dropped.
pub(super) type Secret = Zeroizing<[u8; KEY_BYTES]>;

/// The open key file.
pub(super) struct Keys {
    path: PathBuf,
    file: File,
    /// Says to which windows the file belongs.
    pub(super) id: [u8; 16],
    /// Hides names.
    pub(super) secret: Secret,
    slots: [Slot; SLOTS],
}

/// What stands in a slot.
enum Slot {
    Free,
    Key {
        slice: i64,
        key: Secret,
    },
    /// A write that was never finished, or damage.
    Torn,
}

impl Keys {
    /// Reads the file, or makes one.
    pub(super) fn open(path: &Path) -> Result<Self, WindowError> {
        let opened = OpenOptions::new()
            .read(true)
            .write(true)
            .create(true)
            .truncate(false)
            .mode(0o600)
            .open(path);
        let file = opened.map_err(|error| disk(path, &error))?;
        lock(path, &file)?;
        let length = file.metadata().map_err(|error| disk(path, &error))?.len();
        let mut keys = Self {
            path: path.to_owned(),
            file,
            id: [0; 16],
            secret: Secret::default(),
            slots: std::array::from_fn(|_| Slot::Free),
        };
        match length {
            0 => keys.create()?,
            length if length == FILE_BYTES as u64 => keys.read()?,
            _ => return Err(keys.damaged()),
        }
        Ok(keys)
    }

    /// The minute of a moment.
    pub(super) const fn slice_at(now_ms: i64) -> i64 {
        now_ms.div_euclid(SLICE_MS)
    }

    /// The key of a minute, where it is not erased.
    pub(super) fn key(&self, slice: i64) -> Option<Secret> {
        match self.slots.get(place(slice))? {
            Slot::Key { slice: of, key } if *of == slice => Some(key.clone()),
            _ => None,
        }
    }

    /// The minute of the latest key.
    pub(super) fn latest(&self) -> Option<i64> {
        let slices = self.slots.iter().filter_map(|slot| match slot {
            Slot::Key { slice, .. } => Some(*slice),
            _ => None,
        });
        slices.max()
    }

    /// The key of a minute, made where there is none yet, and durable.
    pub(super) fn ensure(&mut self, slice: i64) -> Result<Secret, WindowError> {
        if let Some(key) = self.key(slice) {
            return Ok(key);
        }
        let mut key = Secret::default();
        getrandom::fill(&mut key[..]).map_err(|error| disk(&self.path, &error))?;
        self.put(place(slice), &written(slice, &key))?;
        let kept = key.clone();
        self.slots[place(slice)] = Slot::Key { slice, key: kept };
        Ok(key)
    }

    /// Whether a key is over.
    pub(super) fn has_past(&self, now_ms: i64) -> bool {
        self.slots.iter().any(|slot| is_past(slot, now_ms))
    }

    /// Overwrites the keys that are over, and what is torn.
    pub(super) fn erase(&mut self, now_ms: i64) -> Result<(), WindowError> {
        for at in 0..SLOTS {
            if is_past(&self.slots[at], now_ms) {
                self.put(at, &[0; SLOT_BYTES])?;
                self.slots[at] = Slot::Free;
            }
        }
        Ok(())
    }

    fn create(&mut self) -> Result<(), WindowError> {
        getrandom::fill(&mut self.id).map_err(|error| disk(&self.path, &error))?;
        getrandom::fill(&mut self.secret[..]).map_err(|error| disk(&self.path, &error))?;
        let mut all = Zeroizing::new([0; FILE_BYTES]);
        all[..8].copy_from_slice(MAGIC);
        all[8..SECRET_AT].copy_from_slice(&self.id);
        all[SECRET_AT..SECRET_AT + KEY_BYTES].copy_from_slice(&self.secret[..]);
        let folder = self.path.parent().filter(|folder| *folder != Path::new(""));
        self.file
            .write_all_at(&all[..], 0)
            .and_then(|()| self.file.sync_all())
            .and_then(|()| File::open(folder.unwrap_or(Path::new(".")))?.sync_all())
            .map_err(|error| disk(&self.path, &error))
    }

    fn read(&mut self) -> Result<(), WindowError> {
        let mut all = Zeroizing::new([0; FILE_BYTES]);
        self.file
            .read_exact_at(&mut all[..], 0)
            .map_err(|error| disk(&self.path, &error))?;
        if !all.starts_with(MAGIC) {
            return Err(self.damaged());
        }
        self.id.copy_from_slice(&all[8..SECRET_AT]);
        let secret = &all[SECRET_AT..SECRET_AT + KEY_BYTES];
        self.secret.copy_from_slice(secret);
        for (at, bytes) in all.chunks_exact(SLOT_BYTES).skip(1).enumerate() {
            self.slots[at] = slot(at, bytes);
        }
        Ok(())
    }

    /// Writes a slot, durable.
    fn put(&self, at: usize, bytes: &[u8; SLOT_BYTES]) -> Result<(), WindowError> {
        self.file
            .write_all_at(bytes, ((1 + at) * SLOT_BYTES) as u64)
            .and_then(|()| self.file.sync_data())
            .map_err(|error| disk(&self.path, &error))
    }

    pub(super) fn damaged(&self) -> WindowError {
        WindowError::Keys {
            path: self.path.display().to_string(),
        }
    }

    pub(super) fn foreign(&self) -> WindowError {
        WindowError::OtherKeys {
            path: self.path.display().to_string(),
        }
    }
}

/// Two processes would write keys of their own into the same slot. The lock ends with the file's handle.
fn lock(path: &Path, file: &File) -> Result<(), WindowError> {
    use rustix::fs::{FlockOperation, flock};
    match flock(file, FlockOperation::NonBlockingLockExclusive) {
        Ok(()) => Ok(()),
        Err(rustix::io::Errno::WOULDBLOCK) => Err(WindowError::InUse {
            path: path.display().to_string(),
        }),
        Err(error) => Err(disk(path, &error)),
    }
}

fn place(slice: i64) -> usize {
    usize::try_from(slice.rem_euclid(SLOTS as i64)).unwrap_or(0)
}

/// A window lasts ten minutes from its last message; the last of a minute may come at its end.
fn is_past(slot: &Slot, now_ms: i64) -> bool {
    match slot {
        Slot::Free => false,
        Slot::Torn => true,
        Slot::Key { slice, .. } => (slice + 1) * SLICE_MS + WINDOW_MS <= now_ms,
    }
}

fn written(slice: i64, key: &Secret) -> Zeroizing<[u8; SLOT_BYTES]> {
    let mut bytes = Zeroizing::new([0; SLOT_BYTES]);
    bytes[..8].copy_from_slice(&slice.to_le_bytes());
    bytes[8..40].copy_from_slice(&key[..]);
    let check = check(&bytes[..40]);
    bytes[40..].copy_from_slice(&check);
    bytes
}

fn slot(at: usize, bytes: &[u8]) -> Slot {
    if bytes.iter().all(|byte| *byte == 0) {
        return Slot::Free;
    }
    let slice = i64::from_le_bytes(std::array::from_fn(|at| bytes[at]));
    if check(&bytes[..40])[..] != bytes[40..] || place(slice) != at {
        return Slot::Torn;
    }
    let key = Secret::new(std::array::from_fn(|at| bytes[8 + at]));
    Slot::Key { slice, key }
}

fn check(bytes: &[u8]) -> [u8; CHECK_BYTES] {
    let hash = Sha256::digest(bytes);
    std::array::from_fn(|at| hash[at])
}

fn disk(path: &Path, error: &dyn std::fmt::Display) -> WindowError {
    WindowError::Disk {
        path: path.display().to_string(),
        error: error.to_string(),
    }
}
