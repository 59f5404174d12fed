//! What each sender has said lately, for messages that are split: durable before the message leaves, readable for as long
//! as its window lasts and not longer.
//!
//! ```text
//! collect ── enter(who, what is being judged) ──▶ Visit { windows }         what was released, and what others try now
//! record  ── append(what is released) ──▶ writer: seal ─▶ texts (SQLite) ─ durable ─▶ the message may leave
//! tick    ── erase ──▶ keys of past minutes are overwritten, then rows deleted
//! ```
//!
//! At rest there is only ciphertext, under the key of the minute in which it was said, and hashes of names under a secret;
//! keys stand in a file of their own, in which a minute's key is overwritten when the last window that needs it is over. What
//! SQLite keeps in free pages and in its log is unreadable from then on. (A copy that the disk itself keeps of an overwritten block is beyond a program; the
//! key file belongs on a disk of the gateway alone, and in no backup.)
//!
//! Texts are made durable before the message leaves: what is lost in a crash was not sent. A text whose message then did
//! not leave counts all the same, which denies more and never less. Whoever cannot read or write windows lets nothing
//! cross (invariant 1). One link that says too much stops itself, and no other.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use sluice_policy::dlp::{Part, WINDOW_MS, Window};
use tokio::sync::{mpsc, oneshot};

use clock::Clock;
use seal::Names;
use shares::Shares;
use store::{Reader, Store};
use writer::Job;

mod clock;
mod keys;
mod seal;
mod shares;
mod store;
#[cfg(test)]
mod tests;
mod writer;

pub use clock::{JUMP_MS, JUMP_TOLD_MS, Jump, Now};
pub use keys::{SLICE_MS, SLOTS};
pub use shares::MAX_TEXTS;

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
    names: Arc<Names>,
    shares: Arc<Mutex<Shares>>,
    clock: Mutex<Clock>,
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
    /// A link keeps as many texts as all links together have left free of [`MAX_TEXTS`].
    #[error(
        "the senders of link {link} have said so much in the last ten minutes that the gateway can keep no more of it; other \
         links go on, and this one when windows are over; look in the audit log who floods it"
    )]
    Full {
        /// The link.
        link: String,
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
    /// The gateway is stopping, or their writer broke off.
    #[error("the windows are closed: start the gateway again")]
    Stopped,
}

impl Windows {
    /// Opens the windows in `path` with the keys in `keys`, makes both where there is neither, and erases what is over. Time
    /// goes on from what was written last, also where the clock was set back since.
    ///
    /// # Errors
    /// [`WindowError`], with the remedy. The gateway must not run then.
    pub fn open(path: &Path, keys: &Path, now: Now) -> Result<Self, WindowError> {
        let (store, clock) = Store::open(path, keys, now)?;
        let reader = Mutex::new(store.reader()?);
        let (names, shares) = (store.names(), store.shares());
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
            names,
            shares,
            clock: Mutex::new(clock),
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
        at: Instant,
    ) -> Result<Visit, WindowError> {
        self.has_room(&says)?;
        let time = lock(&self.clock).time(at);
        // First what is pending, then what is written: what moves from the one to the other meanwhile is seen twice.
        let (mut visit, others) = self.register(says)?;
        for (speaker, parts) in others {
            let mut window = lock(&self.reader).window(&speaker, time)?;
            parts.into_iter().for_each(|part| window.push(part));
            visit.windows.insert(speaker, window);
        }
        Ok(visit)
    }

    /// Asked before anything is judged: a gateway that cannot keep what is said gives no verdict on it.
    fn has_room(&self, says: &BTreeMap<Speaker, Vec<Part>>) -> Result<(), WindowError> {
        let mut needed: BTreeMap<&str, u64> = BTreeMap::new();
        for (speaker, parts) in says {
            *needed.entry(&speaker.link).or_default() += parts.len() as u64;
        }
        for (link, more) in needed {
            let name = self.names.link(link);
            if more > 0 && !lock(&self.shares).has_room(&name, more) {
                return Err(full(link));
            }
        }
        Ok(())
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
        at: Instant,
    ) -> Result<(), WindowError> {
        if released.iter().all(|(_, part)| part.is_empty()) {
            return Ok(());
        }
        let (answer, answered) = oneshot::channel();
        let queue = self.queue.as_ref().ok_or(WindowError::Stopped)?;
        let job = Job {
            released,
            time: lock(&self.clock).time(at),
            answer,
        };
        queue.send(job).await.map_err(|_| WindowError::Stopped)?;
        answered.await.unwrap_or(Err(WindowError::Stopped))
    }

    /// Overwrites the keys of windows that are over, and deletes their rows. Once a second; costs nothing where none is.
    /// Gives the jump that the clock on the wall made lately, if it did; no window ends by it.
    ///
    /// # Errors
    /// [`WindowError`]: something is still readable that should not be; it is tried again the next time.
    pub fn erase(&self, now: Now) -> Result<Option<Jump>, WindowError> {
        let clock = {
            let mut clock = lock(&self.clock);
            clock.look(now);
            *clock
        };
        let mut store = lock(&self.store);
        store.erase(clock.time(now.instant))?;
        store.set_ahead(clock.ahead_ms())?;
        // Noticed here also while nobody says anything.
        if self.queue.as_ref().is_none_or(mpsc::Sender::is_closed) {
            return Err(WindowError::Stopped);
        }
        Ok(clock.jump(now.instant))
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

fn full(link: &str) -> WindowError {
    WindowError::Full {
        link: link.to_owned(),
    }
}

fn database(path: &Path, error: &dyn std::fmt::Display) -> WindowError {
    WindowError::Database {
        path: path.display().to_string(),
        error: error.to_string(),
    }
}
