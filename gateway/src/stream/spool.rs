//! A spool: what does not fit into memory on its way through a judgement, in a file that nobody can open.
//!
//! ```text
//! write ──▶ memory, up to MEMORY_BYTES ──more──▶ file: frame 0, frame 1 ...    AES-256-GCM, a frame's number is its nonce
//! finish ─▶ Reader: the same bytes again
//! ```
//!
//! The file has no name (it is unlinked before its first byte is written), its key is made for it and stands in memory
//! alone, and each frame is opened by its place: what a disk returns changed, swapped or cut is a fault. So nothing of a
//! refused answer, or of one that a crash interrupted, can be read from the disk afterwards.

use std::fs::{File, Permissions};
use std::os::unix::fs::{FileExt as _, PermissionsExt as _};
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use aws_lc_rs::aead::{AES_256_GCM, Aad, LessSafeKey, NONCE_LEN, Nonce, UnboundKey};
use zeroize::Zeroizing;

/// Bytes that a spool keeps in memory; an ordinary answer never touches the disk.
pub const MEMORY_BYTES: usize = 1024 * 1024;
/// Bytes of one sealed piece of a file.
const FRAME_BYTES: usize = 64 * 1024;
/// Bytes that all spools of a gateway together may have on the disk: twice two of the largest answers, as received and as
/// cleared.
pub const SPOOLED_BYTES: u64 = 2 * 1024 * 1024 * 1024;
/// Bytes of them that are for one peer: the other half stays for all others.
pub const SPOOLED_BYTES_OF_A_PEER: u64 = SPOOLED_BYTES / 2;
/// Bytes that spools leave free on their disk: audit log, journal, windows and what waits write there too, and without these
/// nothing at all crosses.
pub const RESERVE_BYTES: u64 = 512 * 1024 * 1024;
/// Bytes of AES-GCM's tag.
const TAG_BYTES: usize = 16;

/// Why a spool cannot be used. Nothing of the answer may cross then.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SpoolError {
    /// The disk does not do its part.
    #[error("a spool in {folder}: {error}; make the folder writable and the disk not full")]
    Disk {
        /// Folder of the spools.
        folder: String,
        /// What the system reported.
        error: String,
    },
    /// More than [`SPOOLED_BYTES`].
    #[error(
        "large answers that are under way fill the {SPOOLED_BYTES} bytes of all spools; the homeserver asks again later"
    )]
    Full,
    /// More than [`SPOOLED_BYTES_OF_A_PEER`].
    #[error(
        "large answers of this peer that are under way fill its half of all spools; the homeserver asks again later"
    )]
    FullForPeer,
    /// No more than [`RESERVE_BYTES`] are free.
    #[error(
        "fewer than {RESERVE_BYTES} bytes are free for others than spools in {folder}; make room, the homeserver asks again later"
    )]
    Reserve {
        /// Folder of the spools.
        folder: String,
    },
    /// A frame is not what was written.
    #[error("a spool was changed on the disk; look after the disk")]
    Changed,
    /// The system has no random numbers, or the library failed.
    #[error("a spool could not be sealed; look after this machine's random numbers")]
    Sealing,
}

/// Bytes that are free on the disk of a file.
type Free = fn(&File) -> std::io::Result<u64>;

/// Where spools are made, and how much they hold together.
#[derive(Debug, Clone)]
pub struct Spools {
    folder: PathBuf,
    free: Free,
    all: Budget,
    /// Of one peer, where they are one's.
    peers: Option<Budget>,
}

/// Bytes on the disk: how many there may be, and are.
#[derive(Debug, Clone)]
struct Budget {
    most: u64,
    used: Arc<AtomicU64>,
}

impl Budget {
    fn of(most: u64) -> Self {
        let used = Arc::default();
        Self { most, used }
    }

    /// Takes bytes, and says whether they were there.
    fn take(&self, bytes: u64) -> bool {
        let used = self.used.fetch_add(bytes, Ordering::Relaxed);
        used + bytes <= self.most
    }

    fn give_back(&self, bytes: u64) {
        self.used.fetch_sub(bytes, Ordering::Relaxed);
    }
}

impl Spools {
    /// Spools in a folder of the gateway's state.
    #[must_use]
    pub fn new(folder: PathBuf) -> Self {
        Self::with_most(folder, SPOOLED_BYTES)
    }

    fn with_most(folder: PathBuf, most: u64) -> Self {
        Self {
            folder,
            free,
            all: Budget::of(most),
            peers: None,
        }
    }

    /// Spools out of these, of which one peer may have half.
    #[must_use]
    pub fn of_a_peer(&self) -> Self {
        let half = Budget::of(self.all.most / 2);
        Self {
            peers: Some(half),
            ..self.clone()
        }
    }

    /// An empty spool.
    #[must_use]
    pub fn open(&self) -> Spool {
        Spool {
            spools: self.clone(),
            buffer: Vec::new(),
            sealed: None,
            bytes: 0,
        }
    }

    fn disk(&self, error: &std::io::Error) -> SpoolError {
        SpoolError::Disk {
            folder: self.folder.display().to_string(),
            error: error.to_string(),
        }
    }

    /// Whether the disk of `file` has so many bytes beside the reserve.
    fn leaves_reserve(&self, file: &File, bytes: u64) -> Result<(), SpoolError> {
        let free = (self.free)(file).map_err(|error| self.disk(&error))?;
        match free.saturating_sub(bytes) >= RESERVE_BYTES {
            true => Ok(()),
            false => Err(SpoolError::Reserve {
                folder: self.folder.display().to_string(),
            }),
        }
    }
}

/// What the system says, of the blocks that this user may take.
fn free(file: &File) -> std::io::Result<u64> {
    let disk = rustix::fs::fstatvfs(file)?;
    Ok(disk.f_bavail.saturating_mul(disk.f_frsize))
}

/// A spool that is being filled.
#[derive(Debug)]
pub struct Spool {
    spools: Spools,
    /// What is not in the file: all of it, or the end.
    buffer: Vec<u8>,
    sealed: Option<Sealed>,
    bytes: u64,
}

/// The part on the disk.
#[derive(Debug)]
struct Sealed {
    spools: Spools,
    file: File,
    key: LessSafeKey,
    frames: u64,
    /// Bytes of the common budget that it has taken.
    taken: u64,
}

impl Spool {
    /// Adds bytes.
    ///
    /// # Errors
    /// [`SpoolError`]: the spool is of no use any more.
    pub fn write(&mut self, bytes: &[u8]) -> Result<(), SpoolError> {
        self.bytes += bytes.len() as u64;
        self.buffer.extend_from_slice(bytes);
        if self.sealed.is_none() {
            if self.buffer.len() <= MEMORY_BYTES {
                return Ok(());
            }
            self.sealed = Some(Sealed::make(&self.spools)?);
        }
        if self.buffer.len() < FRAME_BYTES {
            return Ok(());
        }
        let Some(sealed) = &mut self.sealed else {
            return Ok(());
        };
        let whole = self.buffer.len() - self.buffer.len() % FRAME_BYTES;
        for frame in self.buffer[..whole].chunks(FRAME_BYTES) {
            sealed.append(frame)?;
        }
        self.buffer.drain(..whole);
        if self.buffer.capacity() > 2 * FRAME_BYTES {
            self.buffer.shrink_to(FRAME_BYTES);
        }
        Ok(())
    }

    /// Bytes that were written.
    #[must_use]
    pub fn len(&self) -> u64 {
        self.bytes
    }

    /// Whether nothing was written.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.bytes == 0
    }

    /// Whether it is on the disk.
    #[must_use]
    pub fn is_large(&self) -> bool {
        self.sealed.is_some()
    }

    /// What was written, from its beginning.
    #[must_use]
    pub fn finish(self) -> Reader {
        Reader {
            end: self.buffer,
            sealed: self.sealed,
            next: 0,
            left: self.bytes,
            bytes: self.bytes,
        }
    }
}

impl Sealed {
    fn make(spools: &Spools) -> Result<Self, SpoolError> {
        // Without a name from the beginning, or at once.
        let file = tempfile::tempfile_in(&spools.folder).map_err(|error| spools.disk(&error))?;
        let nobody_else = Permissions::from_mode(0o600);
        file.set_permissions(nobody_else)
            .map_err(|error| spools.disk(&error))?;
        let mut key = Zeroizing::new([0; 32]);
        getrandom::fill(key.as_mut_slice()).map_err(|_| SpoolError::Sealing)?;
        let key = UnboundKey::new(&AES_256_GCM, key.as_slice()).map_err(|_| SpoolError::Sealing)?;
        Ok(Self {
            spools: spools.clone(),
            file,
            key: LessSafeKey::new(key),
            frames: 0,
            taken: 0,
        })
    }

    fn append(&mut self, frame: &[u8]) -> Result<(), SpoolError> {
        let size = (FRAME_BYTES + TAG_BYTES) as u64;
        let Spools { all, peers, .. } = &self.spools;
        self.taken += size;
        let is_there = all.take(size);
        let is_theirs = peers.as_ref().is_none_or(|half| half.take(size));
        match (is_theirs, is_there) {
            (false, _) => return Err(SpoolError::FullForPeer),
            (true, false) => return Err(SpoolError::Full),
            (true, true) => {}
        }
        // Before each frame: it costs a thousandth of what sealing the frame does, and others fill the disk too.
        self.spools.leaves_reserve(&self.file, size)?;
        let mut bytes = Vec::with_capacity(frame.len() + TAG_BYTES);
        bytes.extend_from_slice(frame);
        self.key
            .seal_in_place_append_tag(nonce(self.frames), Aad::empty(), &mut bytes)
            .map_err(|_| SpoolError::Sealing)?;
        self.file
            .write_all_at(&bytes, self.frames * size)
            .map_err(|error| self.spools.disk(&error))?;
        self.frames += 1;
        Ok(())
    }

    fn read(&self, number: u64) -> Result<Vec<u8>, SpoolError> {
        let mut bytes = vec![0; FRAME_BYTES + TAG_BYTES];
        let at = number * bytes.len() as u64;
        self.file
            .read_exact_at(&mut bytes, at)
            .map_err(|error| self.spools.disk(&error))?;
        let opened = self
            .key
            .open_in_place(nonce(number), Aad::empty(), &mut bytes)
            .map_err(|_| SpoolError::Changed)?
            .len();
        bytes.truncate(opened);
        Ok(bytes)
    }
}

impl Drop for Sealed {
    fn drop(&mut self) {
        let Spools { all, peers, .. } = &self.spools;
        for budget in [all].into_iter().chain(peers) {
            budget.give_back(self.taken);
        }
    }
}

/// A key seals each number once: frames are written in order and never again.
fn nonce(frame: u64) -> Nonce {
    let mut nonce = [0; NONCE_LEN];
    let number = frame.to_le_bytes();
    nonce[..number.len()].copy_from_slice(&number);
    Nonce::assume_unique_for_key(nonce)
}

/// A spool that is read from its beginning.
#[derive(Debug, Default)]
pub struct Reader {
    end: Vec<u8>,
    sealed: Option<Sealed>,
    next: u64,
    left: u64,
    bytes: u64,
}

impl Reader {
    /// The next bytes; `None` at the end.
    ///
    /// # Errors
    /// [`SpoolError`]: what was read before is all that there is.
    pub fn read(&mut self) -> Result<Option<Vec<u8>>, SpoolError> {
        if self.left == 0 {
            return Ok(None);
        }
        let bytes = match &self.sealed {
            Some(sealed) if self.next < sealed.frames => sealed.read(self.next)?,
            _ => self.end.clone(),
        };
        self.next += 1;
        let Some(left) = self.left.checked_sub(bytes.len() as u64) else {
            return Err(SpoolError::Changed);
        };
        self.left = left;
        Ok(Some(bytes))
    }

    /// Begins again.
    pub fn rewind(&mut self) {
        self.next = 0;
        self.left = self.bytes;
    }

    /// Bytes that are still to be read.
    #[must_use]
    pub fn left(&self) -> u64 {
        self.left
    }

    /// Whether some of it is on the disk.
    #[must_use]
    pub fn is_large(&self) -> bool {
        self.sealed.is_some()
    }

    /// The file, for tests that spoil it.
    #[cfg(test)]
    pub(super) fn file(&self) -> Option<&File> {
        self.sealed.as_ref().map(|sealed| &sealed.file)
    }
}

#[cfg(test)]
mod tests;
