//! What each sender has said lately, for messages that are split: durable before the message leaves, readable for as long
//! as its window lasts and not longer.
//!
//! ```text
//! collect ── enter(who, what is being judged) ──▶ Visit { windows }         what was released, and what others try now
//! record  ── append(what is released) ──▶ writer: seal ─▶ texts (SQLite) ─ durable ─▶ the message may leave
//! tick    ── erase ──▶ keys of past minutes are overwritten, then rows deleted
//! ```
//!
//! At rest there is only ciphertext, under the key of the minute in which it was said; keys stand in a file of their own,
//! in which a minute's key is overwritten when the last window that needs it is over. What SQLite keeps in free pages and in
//! its log is unreadable from then on. (A copy that the disk itself keeps of an overwritten block is beyond a program; the
//! key file belongs on a disk of the gateway alone, and in no backup.)
//!
//! Texts are made durable before the message leaves: what is lost in a crash was not sent. A text whose message then did
//! not leave counts all the same, which denies more and never less. Whoever cannot read or write windows lets nothing
//! cross (invariant 1).

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use sluice_policy::dlp::{Part, WINDOW_MS, Window};
use tokio::sync::{mpsc, oneshot};

use store::{Reader, Store};
use writer::Job;

mod keys;
mod seal;
mod store;
#[cfg(test)]
mod tests;
mod writer;

pub use keys::{SLICE_MS, SLOTS};
pub use store::MAX_TEXTS;

/// Messages of one window that are being judged at the same moment, at most; further ones wait for their turn at the
/// sender, whose gateway or homeserver sends again.
pub const PENDING_A_WINDOW: usize = 1024;
/// Calls that wait for the writer at most; further ones wait in front of the queue.
pub const QUEUE: usize = 1024;

/// Whose window: one sender in one room on one link.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Speaker {
    /// The link, `high->low`.
    pub link: String,
    /// The room's id.
    pub room: String,
    /// The sender's user id.
    pub sender: String,
}

/// The windows of all links. One a gateway; shared by all tasks.
pub struct Windows {
    path: PathBuf,
    store: Arc<Mutex<Store>>,
    reader: Mutex<Reader>,
    pending: Arc<Mutex<Pending>>,
    queue: Option<mpsc::Sender<Job>>,
    thread: Option<std::thread::JoinHandle<()>>,
}

/// What is being judged, by speaker; each part with the visit that brought it.
#[derive(Default)]
struct Pending {
    visits: u64,
    parts: BTreeMap<Speaker, Vec<(u64, Part)>>,
}

/// One judgement's view of the windows. As long as it lives, others see what is judged in it.
pub struct Visit {
    windows: BTreeMap<Speaker, Window>,
    number: u64,
    pending: Arc<Mutex<Pending>>,
}

/// Why windows cannot be used. Whoever gets one must let nothing cross.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum WindowError {
    /// SQLite or the disk below it failed.
    #[error("windows {path}: {error}; make the file writable and the disk not full")]
    Database {
        /// The file.
        path: String,
        /// What was reported.
        error: String,
    },
    /// The disk below the keys failed.
    #[error("window keys {path}: {error}; make the file writable and the disk not full")]
    Disk {
        /// The file.
        path: String,
        /// What was reported.
        error: String,
    },
    /// The key file is none, was cut, or a key in it that is still needed is damaged.
    #[error(
        "window keys {path} are damaged; move this file and the windows beside it away together: what was said in the last \
         ten minutes is then forgotten, so do it when nobody is sending"
    )]
    Keys {
        /// The file.
        path: String,
    },
    /// Keys of other windows, or none where there are windows.
    #[error(
        "window keys {path} do not belong to the windows beside them; put the two files back that belong together, or move \
         both away, which forgets what was said in the last ten minutes"
    )]
    OtherKeys {
        /// The key file.
        path: String,
    },
    /// A row that its key does not open.
    #[error(
        "windows {path} were changed by another program; move this file and the key file away together, which forgets what \
         was said in the last ten minutes"
    )]
    Changed {
        /// The file.
        path: String,
    },
    /// Written by a newer gateway.
    #[error("windows {path} are of a newer gateway: start that one")]
    Newer {
        /// The file.
        path: String,
    },
    /// The clock stands before what was written.
    #[error(
        "the clock stands before the windows {path}, which were written later; set the clock right, or move this file and \
         the key file away together"
    )]
    Clock {
        /// The file.
        path: String,
    },
    /// More than [`MAX_TEXTS`].
    #[error(
        "windows {path} hold {MAX_TEXTS} texts of the last ten minutes, more than a gateway may keep"
    )]
    Full {
        /// The file.
        path: String,
    },
    /// More than [`PENDING_A_WINDOW`].
    #[error(
        "more than {PENDING_A_WINDOW} messages of one sender in one room are judged at the same moment"
    )]
    Crowded,
    /// Another process has the windows open.
    #[error(
        "windows {path} are in use by another process; stop that one, or give each gateway files of its own"
    )]
    InUse {
        /// The key file.
        path: String,
    },
    /// The gateway is stopping.
    #[error("the windows are closed")]
    Stopped,
}

impl Windows {
    /// Opens the windows in `path` with the keys in `keys`, makes both where there is neither, and erases what is over.
    ///
    /// # Errors
    /// [`WindowError`], with the remedy. The gateway must not run then.
    pub fn open(path: &Path, keys: &Path, now_ms: i64) -> Result<Self, WindowError> {
        let store = Store::open(path, keys, now_ms)?;
        let reader = Mutex::new(store.reader()?);
        let store = Arc::new(Mutex::new(store));
        let (queue, jobs) = mpsc::channel(QUEUE);
        let of_writer = Arc::clone(&store);
        let thread = std::thread::Builder::new()
            .name("window".to_owned())
            .spawn(move || writer::run(&of_writer, jobs))
            .map_err(|error| database(path, &error))?;
        Ok(Self {
            path: path.to_owned(),
            store,
            reader,
            pending: Arc::default(),
            queue: Some(queue),
            thread: Some(thread),
        })
    }

    /// What these speakers said in the last ten minutes, and what of them is being judged elsewhere. What each of them says
    /// now is pending from here on: of two requests that come together, one sees the other.
    ///
    /// # Errors
    /// [`WindowError`]: not the same as "has said nothing".
    pub fn enter(
        &self,
        says: BTreeMap<Speaker, Vec<Part>>,
        now_ms: i64,
    ) -> Result<Visit, WindowError> {
        // First what is pending, then what is written: what moves from the one to the other meanwhile is seen twice.
        let (mut visit, others) = self.register(says)?;
        for (speaker, parts) in others {
            let mut window = lock(&self.reader).window(&speaker, now_ms)?;
            parts.into_iter().for_each(|part| window.push(part));
            visit.windows.insert(speaker, window);
        }
        Ok(visit)
    }

    fn register(
        &self,
        says: BTreeMap<Speaker, Vec<Part>>,
    ) -> Result<(Visit, BTreeMap<Speaker, Vec<Part>>), WindowError> {
        let mut pending = lock(&self.pending);
        pending.visits += 1;
        let number = pending.visits;
        let visit = Visit {
            windows: BTreeMap::new(),
            number,
            pending: Arc::clone(&self.pending),
        };
        let mut others = BTreeMap::new();
        let mut crowded = false;
        for (speaker, parts) in says {
            let known = pending.parts.entry(speaker.clone()).or_default();
            crowded |= known.len() > PENDING_A_WINDOW;
            others.insert(
                speaker,
                known.iter().map(|(_, part)| part.clone()).collect(),
            );
            known.extend(parts.into_iter().map(|part| (number, part)));
        }
        // Before the visit is dropped, which takes the lock again.
        drop(pending);
        if crowded {
            return Err(WindowError::Crowded);
        }
        Ok((visit, others))
    }

    /// Makes durable what is about to be released. Calls that wait at the same time share one durable write.
    ///
    /// # Errors
    /// [`WindowError`]: nothing of it may be released.
    pub async fn append(
        &self,
        released: Vec<(Speaker, Part)>,
        now_ms: i64,
    ) -> Result<(), WindowError> {
        if released.iter().all(|(_, part)| part.is_empty()) {
            return Ok(());
        }
        let (answer, answered) = oneshot::channel();
        let queue = self.queue.as_ref().ok_or(WindowError::Stopped)?;
        let job = Job {
            released,
            now_ms,
            answer,
        };
        queue.send(job).await.map_err(|_| WindowError::Stopped)?;
        answered.await.unwrap_or(Err(WindowError::Stopped))
    }

    /// Overwrites the keys of windows that are over, and deletes their rows. Once a second; costs nothing where none is.
    ///
    /// # Errors
    /// [`WindowError`]: something is still readable that should not be; it is tried again the next time.
    pub fn erase(&self, now_ms: i64) -> Result<(), WindowError> {
        lock(&self.store).erase(now_ms)
    }
}

impl Visit {
    /// The window of a speaker; empty for one who was not asked for.
    #[must_use]
    pub fn window(&self, speaker: &Speaker) -> Window {
        self.windows.get(speaker).cloned().unwrap_or_default()
    }
}

impl Drop for Visit {
    fn drop(&mut self) {
        let mut pending = lock(&self.pending);
        pending.parts.retain(|_, parts| {
            parts.retain(|(visit, _)| *visit != self.number);
            !parts.is_empty()
        });
    }
}

impl Drop for Windows {
    /// Waits until the writer has finished what was given to it.
    fn drop(&mut self) {
        drop(self.queue.take());
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

/// Counts, never a text.
impl std::fmt::Debug for Visit {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Visit")
            .field("number", &self.number)
            .field("windows", &self.windows.len())
            .finish_non_exhaustive()
    }
}

impl std::fmt::Debug for Windows {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Windows")
            .field("path", &self.path)
            .finish_non_exhaustive()
    }
}

fn lock<T>(shared: &Mutex<T>) -> MutexGuard<'_, T> {
    shared.lock().unwrap_or_else(PoisonError::into_inner)
}

fn database(path: &Path, error: &dyn std::fmt::Display) -> WindowError {
    WindowError::Database {
        path: path.display().to_string(),
        error: error.to_string(),
    }
}
