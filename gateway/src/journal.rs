//! The journal: what the gateway remembers, as a view of the audit log that can be asked.
//!
//! ```text
//! audit log (durable first)  ──apply──▶  denials, rooms, labels, closed, head   (SQLite, WAL)
//! ```
//!
//! The audit log is the write-ahead log; the journal holds nothing that the log does not, apart from what was pruned.
//! Its `head` says up to which line it has taken the log over: entries and head are written in one transaction, so that
//! a journal that was deleted, or lost its last writes with the power, is filled again from the log at the next start.
//! For the same reason it does not sync each commit.

use std::fs::OpenOptions;
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError, TryLockError};
use std::time::Duration;

use rusqlite::{Connection, OpenFlags, OptionalExtension, Row, params_from_iter};
use serde_json::Value;
use sluice_policy::decide::Sighting;
use time::OffsetDateTime;

use crate::audit::Head;
use crate::audit::entry::{Line, Text, Verdict};

mod held;
mod labels;
mod schema;
mod sightings;
#[cfg(test)]
mod tests;
mod view;
mod waits;

pub use held::{HeldItem, Ticket};

/// Days that a denial is remembered.
pub const DENIAL_DAYS: i64 = 400;
/// Denials that are remembered at most; the oldest go first.
pub const DENIALS: u64 = 10_000_000;
/// Days that an event's label is remembered.
pub const LABEL_DAYS: i64 = 400;
/// Labels that are remembered at most, in equal shares of the links; the oldest of a link go first.
pub const LABELS: u64 = 1_000_000;
/// Days that the labels of what crossed are kept for a room's high-water mark.
pub const WATER_DAYS: i64 = 31;
/// Labels that are kept for high-water marks at most; the oldest go first.
pub const WATERS: u64 = 1_000_000;
/// Values that detectors found and that are kept for the rooms of one link at most; the oldest go first. They count for an
/// hour.
pub const SIGHTINGS: u64 = 200_000;
/// Tickets that are remembered at most, spent ones with them; the oldest go first.
pub const TICKETS: u64 = 100_000;
/// Connections for reading.
const READERS: usize = 4;
/// How long a statement waits for another connection before it fails.
const BUSY: Duration = Duration::from_secs(5);

/// The journal, open for writing by one gateway and for reading by all its tasks.
pub struct Journal {
    path: PathBuf,
    writer: Mutex<Connection>,
    readers: Vec<Mutex<Connection>>,
    turn: AtomicUsize,
    /// Device and inode of the file that was opened.
    file: (u64, u64),
}

/// A remembered denial.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Denial {
    /// What was decided.
    pub verdict: Verdict,
    /// The rule that decided then.
    pub rule: String,
}

/// What is known of a room.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Room {
    /// Room version.
    pub version: Option<String>,
    /// User id that sent the create event.
    pub creator: Option<String>,
    /// The room's label: `None`: not known; `Some(None)`: it has none.
    pub label: Option<Option<Value>>,
    /// True where `label` may have changed meanwhile: it still counts until our homeserver has been asked.
    pub stale: bool,
    /// What may be said in it, where its label's state says so; known where `label` is.
    pub clearance: Option<Value>,
    /// User ids of those who may label lower than what they answer; known where `label` is.
    pub may_lower: Vec<String>,
    /// Whether it is known to be encrypted.
    pub encrypted: bool,
}

/// A room that is closed for a link.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ClosedRoom {
    /// Link.
    pub link: String,
    /// Room id.
    pub room_id: String,
    /// The rule that closed it, or `operator`.
    pub rule: String,
    /// Who closed it by hand.
    pub operator: Option<String>,
    /// His reason.
    pub reason: Option<String>,
    /// When, in milliseconds since 1970; 0: before that was kept.
    pub since: i64,
}

/// A peer whose links an operator closed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ClosedLink {
    /// Its zone.
    pub peer: String,
    /// What else it is known by: gateway, keys, server names.
    pub known_as: Vec<String>,
    /// Who closed them.
    pub operator: String,
    /// His reason.
    pub reason: Option<String>,
    /// When, in milliseconds since 1970.
    pub since: i64,
}

/// What is remembered of an event's label.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Remembered {
    /// The event's room, where an older gateway did not leave it out.
    pub room_id: Option<String>,
    /// The label; `None`: the event has none.
    pub label: Option<Value>,
    /// Whether it counts on the one link alone.
    pub by_link: bool,
}

impl Remembered {
    /// Whether the event is, as far as is known, one of this room.
    #[must_use]
    pub fn is_of(&self, room_id: &str) -> bool {
        let bounded = Text::from(room_id);
        let known = self.room_id.as_deref();
        known.is_none_or(|known| known == bounded.as_str())
    }
}

/// Why the journal cannot be used. Whoever gets one must let nothing cross (invariant 1).
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum JournalError {
    /// SQLite or the disk below it failed.
    #[error(
        "journal {path}: {error}; make the file writable and the disk not full; a damaged journal may be moved away \
         while the gateway is stopped, it is rebuilt from the audit log"
    )]
    Database {
        /// The journal's file.
        path: String,
        /// What was reported.
        error: String,
    },
    /// A page of it is not what was written.
    #[error(
        "journal {path} is damaged ({found}); move it away, with the files -wal and -shm beside it, and start the gateway \
         again: it is rebuilt from the audit log"
    )]
    Damaged {
        /// The journal's file.
        path: String,
        /// What SQLite found.
        found: String,
    },
    /// Written by a newer gateway.
    #[error(
        "journal {path} has schema {found}, this gateway knows {known}: start the newer gateway"
    )]
    Schema {
        /// The journal's file.
        path: String,
        /// Its schema.
        found: i64,
        /// The newest one that is known here.
        known: i64,
    },
    /// The file was deleted or replaced while the gateway runs.
    #[error(
        "journal {path} was deleted or replaced underneath: restart the gateway, it rebuilds the journal"
    )]
    Replaced {
        /// The journal's file.
        path: String,
    },
}

impl Journal {
    /// Opens the journal, and makes one where there is none. [`crate::audit::Audit::open`] fills it.
    ///
    /// # Errors
    /// [`JournalError`], with the remedy.
    pub fn open(path: &Path) -> Result<Self, JournalError> {
        // Made here and not by SQLite, whose files anybody may read; those beside it get the same mode.
        let file = OpenOptions::new()
            .write(true)
            .create(true)
            .truncate(false)
            .mode(0o600)
            .open(path);
        drop(file.map_err(|error| disk(path, &error))?);
        let mut writer = Connection::open(path).map_err(|error| database(path, &error))?;
        schema::prepare(&mut writer, path)?;
        let readers = (0..READERS)
            .map(|_| read_only(path).map(Mutex::new))
            .collect::<Result<Vec<_>, _>>()?;
        let file = identity(path).map_err(|error| disk(path, &error))?;
        Ok(Self {
            path: path.to_owned(),
            writer: Mutex::new(writer),
            readers,
            turn: AtomicUsize::new(0),
            file,
        })
    }

    /// The head of a journal that another process may be writing: for `sluice audit verify --head`.
    ///
    /// # Errors
    /// [`JournalError::Database`]; also where the file does not exist or is no journal.
    pub fn read_head(path: &Path) -> Result<Head, JournalError> {
        let connection = read_only(path)?;
        view::head(&connection).map_err(|error| database(path, &error))
    }

    /// Up to which line of the log it has been filled.
    ///
    /// # Errors
    /// [`JournalError::Database`].
    pub fn head(&self) -> Result<Head, JournalError> {
        view::head(&self.writer()).map_err(|error| self.failed(&error))
    }

    /// Takes over `lines`, which end at `head`, in one transaction. Only the audit log calls this.
    ///
    /// # Errors
    /// [`JournalError`]; then nothing was taken over.
    pub(crate) fn apply(&self, lines: &[Line], head: &Head) -> Result<(), JournalError> {
        self.still_ours()?;
        let mut writer = self.writer();
        view::apply(&mut writer, lines, head).map_err(|error| self.failed(&error))
    }

    /// Forgets denials and labels that are too old or too many. At the start and with each new segment of the log.
    ///
    /// # Errors
    /// [`JournalError::Database`].
    pub(crate) fn prune(&self, now: OffsetDateTime) -> Result<(), JournalError> {
        let mut writer = self.writer();
        view::prune(&mut writer, now).map_err(|error| self.failed(&error))
    }

    /// The remembered denial of an event on a link.
    ///
    /// # Errors
    /// [`JournalError::Database`]: not the same as "no denial".
    pub fn denial(&self, event_id: &str, link: &str) -> Result<Option<Denial>, JournalError> {
        let sql = "SELECT verdict, rule FROM denials WHERE event_id = ?1 AND link = ?2";
        self.one(sql, &[event_id, link], |row| {
            Ok(Denial {
                verdict: view::verdict(&row.get::<_, String>(0)?),
                rule: row.get(1)?,
            })
        })
    }

    /// What is known of a room; `None`: it was never seen.
    ///
    /// # Errors
    /// [`JournalError::Database`].
    pub fn room(&self, room_id: &str) -> Result<Option<Room>, JournalError> {
        let sql = "SELECT version, creator, label, clearance, may_lower, stale, encrypted FROM rooms WHERE room_id = ?1";
        self.one(sql, &[room_id], |row| {
            let label: Option<String> = row.get(2)?;
            let clearance: Option<String> = row.get(3)?;
            let may_lower: Option<String> = row.get(4)?;
            Ok(Room {
                version: row.get(0)?,
                creator: row.get(1)?,
                label: label.as_deref().map(view::label),
                clearance: clearance.as_deref().and_then(view::label),
                may_lower: may_lower.as_deref().map(view::names).unwrap_or_default(),
                stale: row.get(5)?,
                encrypted: row.get(6)?,
            })
        })
    }

    /// The rule that closed a room for a link; `None`: it is open.
    ///
    /// # Errors
    /// [`JournalError::Database`].
    pub fn closed(&self, link: &str, room_id: &str) -> Result<Option<String>, JournalError> {
        let sql = "SELECT rule FROM closed WHERE link = ?1 AND room_id = ?2";
        self.one(sql, &[link, room_id], |row| row.get(0))
    }

    /// The first `most` closed rooms, by link and room id.
    ///
    /// # Errors
    /// [`JournalError::Database`].
    pub fn closed_rooms(&self, most: u32) -> Result<Vec<ClosedRoom>, JournalError> {
        let reader = self.reader();
        view::closed_rooms(&reader, most).map_err(|error| self.failed(&error))
    }

    /// The peers whose links an operator closed, by zone.
    ///
    /// # Errors
    /// [`JournalError::Database`].
    pub fn closed_links(&self) -> Result<Vec<ClosedLink>, JournalError> {
        let reader = self.reader();
        view::closed_links(&reader).map_err(|error| self.failed(&error))
    }

    /// Servers of other zones whose users came into a room, or were invited, at any time.
    ///
    /// # Errors
    /// [`JournalError::Database`].
    pub fn servers(&self, room_id: &str) -> Result<Vec<String>, JournalError> {
        let (room_id, reader) = (Text::from(room_id), self.reader());
        view::servers(&reader, &room_id).map_err(|error| self.failed(&error))
    }

    /// What is remembered of an event's label on a link, whose own word comes before what counts on all; `None`: it is not
    /// known.
    ///
    /// # Errors
    /// [`JournalError::Database`].
    pub fn label(&self, event_id: &str, link: &str) -> Result<Option<Remembered>, JournalError> {
        let sql = "SELECT room_id, label, link FROM labels WHERE event_id = ?1 AND link IN (?2, '')
            ORDER BY link DESC LIMIT 1";
        self.one(sql, &[event_id, link], |row| {
            Ok(Remembered {
                room_id: row.get(0)?,
                label: view::label(&row.get::<_, String>(1)?),
                by_link: !row.get::<_, String>(2)?.is_empty(),
            })
        })
    }

    /// Whether an event was denied by this rule, on whichever link.
    ///
    /// # Errors
    /// [`JournalError::Database`].
    pub fn was_denied_by(&self, event_id: &str, rule: &str) -> Result<bool, JournalError> {
        let sql = "SELECT 1 FROM denials WHERE event_id = ?1 AND rule = ?2 LIMIT 1";
        Ok(self.one(sql, &[event_id, rule], |_| Ok(()))?.is_some())
    }

    /// The different labels of what crossed in a room on a link: of the newest `most` events, and of all since `since`
    /// (milliseconds since 1970).
    ///
    /// # Errors
    /// [`JournalError::Database`].
    pub fn water(
        &self,
        link: &str,
        room_id: &str,
        since: i64,
        most: u32,
    ) -> Result<Vec<Value>, JournalError> {
        let key = (Text::from(link), Text::from(room_id));
        let reader = self.reader();
        view::water(&reader, &key.0, &key.1, since, most).map_err(|error| self.failed(&error))
    }

    /// What detectors found in a room on a link since `since` (milliseconds since 1970), the newest of each.
    ///
    /// # Errors
    /// [`JournalError::Database`].
    pub fn sightings(
        &self,
        link: &str,
        room_id: &str,
        since: i64,
    ) -> Result<Vec<Sighting>, JournalError> {
        let key = (Text::from(link), Text::from(room_id));
        let reader = self.reader();
        sightings::since(&reader, &key.0, &key.1, since).map_err(|error| self.failed(&error))
    }

    /// The row with this key; keys are bounded as they are in the log.
    fn one<T>(
        &self,
        sql: &str,
        key: &[&str],
        read: impl FnOnce(&Row<'_>) -> rusqlite::Result<T>,
    ) -> Result<Option<T>, JournalError> {
        let key = params_from_iter(key.iter().map(|part| Text::from(*part).to_string()));
        let reader = self.reader();
        let found = reader
            .prepare_cached(sql)
            .and_then(|mut statement| statement.query_row(key, read).optional());
        found.map_err(|error| self.failed(&error))
    }

    fn writer(&self) -> MutexGuard<'_, Connection> {
        self.writer.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The first connection that is free, else the next in turn.
    fn reader(&self) -> MutexGuard<'_, Connection> {
        let turn = self.turn.fetch_add(1, Ordering::Relaxed);
        for step in 0..READERS {
            match self.readers[(turn.wrapping_add(step)) % READERS].try_lock() {
                Ok(reader) => return reader,
                Err(TryLockError::Poisoned(reader)) => return reader.into_inner(),
                Err(TryLockError::WouldBlock) => {}
            }
        }
        self.readers[turn % READERS]
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }

    /// SQLite goes on writing to a file that was deleted: what it took over there would be lost at the next start.
    fn still_ours(&self) -> Result<(), JournalError> {
        if identity(&self.path).is_ok_and(|file| file == self.file) {
            return Ok(());
        }
        Err(JournalError::Replaced {
            path: self.path.display().to_string(),
        })
    }

    fn failed(&self, error: &rusqlite::Error) -> JournalError {
        database(&self.path, error)
    }
}

impl std::fmt::Debug for Journal {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Journal")
            .field("path", &self.path)
            .finish_non_exhaustive()
    }
}

fn read_only(path: &Path) -> Result<Connection, JournalError> {
    let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let connection =
        Connection::open_with_flags(path, flags).map_err(|error| database(path, &error))?;
    connection
        .busy_timeout(BUSY)
        .map_err(|error| database(path, &error))?;
    Ok(connection)
}

fn identity(path: &Path) -> std::io::Result<(u64, u64)> {
    let file = std::fs::metadata(path)?;
    Ok((file.dev(), file.ino()))
}

fn database(path: &Path, error: &rusqlite::Error) -> JournalError {
    JournalError::Database {
        path: path.display().to_string(),
        error: error.to_string(),
    }
}

fn disk(path: &Path, error: &std::io::Error) -> JournalError {
    JournalError::Database {
        path: path.display().to_string(),
        error: error.to_string(),
    }
}
