//! The sealed texts in SQLite, with their keys beside them: a connection that writes, and one that reads meanwhile.

use std::fs::OpenOptions;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use rusqlite::{
    Connection, OpenFlags, OptionalExtension, Transaction, TransactionBehavior, params,
};
use sluice_policy::dlp::{Part, WINDOW_MESSAGES, WINDOW_MS, Window};

use super::keys::{Keys, SLOTS};
use super::seal::{self, Whose, whose};
use super::{Speaker, WindowError, database, lock};

/// Texts at most, each of one event: over it nothing is released until windows end.
pub const MAX_TEXTS: u64 = 500_000;
/// How long a statement waits for another connection before it fails.
const BUSY: Duration = Duration::from_secs(5);
/// Version of the table.
const VERSION: i64 = 1;
const TABLES: &str = "
    CREATE TABLE keys (one INTEGER PRIMARY KEY CHECK (one = 1), id BLOB NOT NULL);
    CREATE TABLE texts (number INTEGER PRIMARY KEY AUTOINCREMENT, speaker BLOB NOT NULL, event_id TEXT NOT NULL,
        sent INTEGER NOT NULL, time INTEGER NOT NULL, slice INTEGER NOT NULL, sealed BLOB NOT NULL,
        UNIQUE (speaker, event_id));
    CREATE INDEX texts_slice ON texts (slice);
";

/// The half that writes; used by the writer, and by whoever erases.
pub(super) struct Store {
    path: PathBuf,
    connection: Connection,
    keys: Arc<Mutex<Keys>>,
    texts: u64,
}

/// The half that reads, while the other one waits for the disk.
pub(super) struct Reader {
    path: PathBuf,
    connection: Connection,
    keys: Arc<Mutex<Keys>>,
}

impl Store {
    pub(super) fn open(path: &Path, keys: &Path, now_ms: i64) -> Result<Self, WindowError> {
        // Made here and not by SQLite, whose files anybody may read; those beside it get the same mode.
        let file = OpenOptions::new()
            .write(true)
            .create(true)
            .truncate(false)
            .mode(0o600)
            .open(path);
        drop(file.map_err(|error| database(path, &error))?);
        let connection = Connection::open(path).map_err(|error| database(path, &error))?;
        let mut store = Self {
            path: path.to_owned(),
            connection,
            keys: Arc::new(Mutex::new(Keys::open(keys)?)),
            texts: 0,
        };
        lock(&store.keys).erase(now_ms)?;
        store.prepare()?;
        store.check(now_ms)?;
        store.delete_past(now_ms)?;
        Ok(store)
    }

    /// The half that reads.
    pub(super) fn reader(&self) -> Result<Reader, WindowError> {
        let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
        let connection = Connection::open_with_flags(&self.path, flags)
            .and_then(|connection| connection.busy_timeout(BUSY).map(|()| connection))
            .map_err(|error| self.failed(&error))?;
        Ok(Reader {
            path: self.path.clone(),
            connection,
            keys: Arc::clone(&self.keys),
        })
    }

    /// Writes what is about to be released, in one durable transaction.
    pub(super) fn append(
        &mut self,
        released: &[(Speaker, Part)],
        now_ms: i64,
    ) -> Result<(), WindowError> {
        self.erase(now_ms)?;
        let slice = self.slice(now_ms)?;
        let key = lock(&self.keys).ensure(slice)?;
        if self.texts.saturating_add(released.len() as u64) > MAX_TEXTS {
            return Err(WindowError::Full {
                path: self.path.display().to_string(),
            });
        }
        let mut sealed = Vec::with_capacity(released.len());
        for (speaker, part) in released.iter().filter(|(_, part)| !part.is_empty()) {
            let whose = whose(speaker);
            let texts = seal::seal(&key, &whose, part).ok_or_else(|| lock(&self.keys).damaged())?;
            sealed.push((whose, part, texts));
        }
        let added = write(&mut self.connection, &sealed, now_ms, slice);
        let added = added.map_err(|error| self.failed(&error))?;
        self.texts = self.texts.saturating_add_signed(added);
        Ok(())
    }

    /// Overwrites the keys of windows that are over, then deletes their rows.
    pub(super) fn erase(&mut self, now_ms: i64) -> Result<(), WindowError> {
        if !lock(&self.keys).has_past(now_ms) {
            return Ok(());
        }
        lock(&self.keys).erase(now_ms)?;
        self.delete_past(now_ms)
    }

    /// The minute whose key is used now: not one before the latest, so that no key outlives its minutes.
    fn slice(&self, now_ms: i64) -> Result<i64, WindowError> {
        let now = Keys::slice_at(now_ms);
        let slice = lock(&self.keys)
            .latest()
            .map_or(now, |latest| latest.max(now));
        if slice - now >= SLOTS as i64 {
            return Err(WindowError::Clock {
                path: self.path.display().to_string(),
            });
        }
        Ok(slice)
    }

    fn prepare(&mut self) -> Result<(), WindowError> {
        let version = set_up(&self.connection).map_err(|error| self.failed(&error))?;
        match version {
            VERSION => self.same_keys(),
            // Keys that are in use, and what they open is gone: it would be forgotten without a word.
            0 if lock(&self.keys).latest().is_some() => Err(lock(&self.keys).foreign()),
            0 => {
                let id = lock(&self.keys).id;
                create(&mut self.connection, &id).map_err(|error| self.failed(&error))
            }
            _ => Err(WindowError::Newer {
                path: self.path.display().to_string(),
            }),
        }
    }

    fn same_keys(&self) -> Result<(), WindowError> {
        let id: Option<Vec<u8>> = self
            .connection
            .query_row("SELECT id FROM keys", [], |row| row.get(0))
            .optional()
            .map_err(|error| self.failed(&error))?;
        let keys = lock(&self.keys);
        if id.as_deref() == Some(&keys.id[..]) {
            return Ok(());
        }
        Err(keys.foreign())
    }

    /// Every row whose window lasts must have its key: a lost window would let the rest of a value pass.
    fn check(&self, now_ms: i64) -> Result<(), WindowError> {
        self.slice(now_ms)?;
        let sql = "SELECT DISTINCT slice FROM texts WHERE time > ?1";
        let slices: Vec<i64> = self
            .connection
            .prepare(sql)
            .and_then(|mut statement| {
                let rows = statement.query_map([now_ms - WINDOW_MS], |row| row.get(0))?;
                rows.collect()
            })
            .map_err(|error| self.failed(&error))?;
        let keys = lock(&self.keys);
        if slices.iter().any(|slice| keys.key(*slice).is_none()) {
            return Err(keys.damaged());
        }
        Ok(())
    }

    fn delete_past(&mut self, now_ms: i64) -> Result<(), WindowError> {
        let sql = "DELETE FROM texts WHERE time <= ?1";
        let deleted = self
            .connection
            .execute(sql, [now_ms - WINDOW_MS])
            .and_then(|_| {
                let count = "SELECT count(*) FROM texts";
                self.connection
                    .query_row(count, [], |row| row.get::<_, i64>(0))
            });
        self.texts = deleted
            .map_err(|error| self.failed(&error))?
            .cast_unsigned();
        Ok(())
    }

    fn failed(&self, error: &rusqlite::Error) -> WindowError {
        database(&self.path, error)
    }
}

impl Reader {
    /// What a speaker said since the window's begin, the oldest first.
    pub(super) fn window(&self, speaker: &Speaker, now_ms: i64) -> Result<Window, WindowError> {
        let whose = whose(speaker);
        let mut window = Window::default();
        let rows = self
            .rows(&whose, now_ms - WINDOW_MS)
            .map_err(|error| database(&self.path, &error))?;
        for row in rows.into_iter().rev() {
            // A key that is erased was over: its row is only not deleted yet.
            let Some(key) = lock(&self.keys).key(row.slice) else {
                continue;
            };
            let texts = seal::open(&key, &whose, &row.event_id, &row.sealed);
            let (texts, html) = texts.ok_or_else(|| self.changed())?;
            window.push(Part {
                texts,
                html,
                event_id: row.event_id,
                sent_ms: row.sent,
            });
        }
        Ok(window)
    }

    /// The latest rows of a speaker, the last one first.
    fn rows(&self, whose: &Whose, since: i64) -> rusqlite::Result<Vec<Row>> {
        let sql = "SELECT event_id, sent, slice, sealed FROM texts WHERE speaker = ?1 AND time > ?2
            ORDER BY number DESC LIMIT ?3";
        let mut statement = self.connection.prepare_cached(sql)?;
        let rows = statement.query_map(params![whose, since, WINDOW_MESSAGES as i64], |row| {
            Ok(Row {
                event_id: row.get(0)?,
                sent: row.get(1)?,
                slice: row.get(2)?,
                sealed: row.get(3)?,
            })
        })?;
        rows.collect()
    }

    fn changed(&self) -> WindowError {
        WindowError::Changed {
            path: self.path.display().to_string(),
        }
    }
}

struct Row {
    event_id: String,
    sent: i64,
    slice: i64,
    sealed: Vec<u8>,
}

/// Sets the connection up; the version of its tables. Each commit is durable: the message leaves right after it.
fn set_up(connection: &Connection) -> rusqlite::Result<i64> {
    connection.busy_timeout(BUSY)?;
    connection.pragma_update(None, "journal_mode", "WAL")?;
    connection.pragma_update(None, "synchronous", "FULL")?;
    connection.pragma_query_value(None, "user_version", |row| row.get(0))
}

fn create(connection: &mut Connection, id: &[u8; 16]) -> rusqlite::Result<()> {
    let transaction = connection.transaction()?;
    transaction.execute_batch(TABLES)?;
    transaction.execute("INSERT INTO keys (one, id) VALUES (1, ?1)", params![id])?;
    transaction.pragma_update(None, "user_version", VERSION)?;
    transaction.commit()
}

/// Writes rows, and deletes those that a window has no room for; how many more there are.
fn write(
    connection: &mut Connection,
    sealed: &[(Whose, &Part, Vec<u8>)],
    now_ms: i64,
    slice: i64,
) -> rusqlite::Result<i64> {
    let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
    let mut added = 0;
    for (whose, part, texts) in sealed {
        added += insert(&transaction, whose, part, texts, now_ms, slice)?;
        added -= trim(&transaction, whose)?;
    }
    transaction.commit()?;
    Ok(added)
}

/// An event that is there already keeps its place and its text.
fn insert(
    transaction: &Transaction<'_>,
    whose: &Whose,
    part: &Part,
    sealed: &[u8],
    now_ms: i64,
    slice: i64,
) -> rusqlite::Result<i64> {
    let sql = "INSERT OR IGNORE INTO texts (speaker, event_id, sent, time, slice, sealed) VALUES (?1,?2,?3,?4,?5,?6)";
    let rows = transaction.prepare_cached(sql)?.execute(params![
        whose,
        part.event_id,
        part.sent_ms,
        now_ms,
        slice,
        sealed
    ])?;
    Ok(i64::try_from(rows).unwrap_or(0))
}

fn trim(transaction: &Transaction<'_>, whose: &Whose) -> rusqlite::Result<i64> {
    let sql = "DELETE FROM texts WHERE speaker = ?1 AND number <= (
        SELECT number FROM texts WHERE speaker = ?1 ORDER BY number DESC LIMIT 1 OFFSET ?2)";
    let rows = transaction
        .prepare_cached(sql)?
        .execute(params![whose, WINDOW_MESSAGES as i64])?;
    Ok(i64::try_from(rows).unwrap_or(0))
}
