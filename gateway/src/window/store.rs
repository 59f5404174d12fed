//! The sealed texts in SQLite, with their keys beside them: a connection that writes, and one that reads meanwhile.

use std::collections::BTreeMap;
use std::fs::OpenOptions;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use rusqlite::{
    Connection, OpenFlags, OptionalExtension, Transaction, TransactionBehavior, params,
};
use sluice_policy::dlp::{Part, WINDOW_MESSAGES, WINDOW_MS, Window};

use super::clock::{Clock, Now};
use super::keys::{Keys, SLICE_MS};
use super::seal::{self, Blind, Names, Place};
use super::shares::Shares;
use super::{Speaker, WindowError, database, full, lock};

/// How long a statement waits for another connection before it fails.
const BUSY: Duration = Duration::from_secs(5);
/// Version of the table.
const VERSION: i64 = 2;
const TABLES: &str = "
    CREATE TABLE keys (one INTEGER PRIMARY KEY CHECK (one = 1), id BLOB NOT NULL, ahead INTEGER NOT NULL);
    CREATE TABLE texts (number INTEGER PRIMARY KEY AUTOINCREMENT, link BLOB NOT NULL, speaker BLOB NOT NULL,
        event BLOB NOT NULL, sent INTEGER NOT NULL, time INTEGER NOT NULL, slice INTEGER NOT NULL, sealed BLOB NOT NULL,
        UNIQUE (speaker, event));
    CREATE INDEX texts_time ON texts (time);
";

/// The half that writes; used by the writer, and by whoever erases.
pub(super) struct Store {
    path: PathBuf,
    connection: Connection,
    keys: Arc<Mutex<Keys>>,
    names: Arc<Names>,
    shares: Arc<Mutex<Shares>>,
}

/// The half that reads, while the other one waits for the disk.
pub(super) struct Reader {
    path: PathBuf,
    connection: Connection,
    keys: Arc<Mutex<Keys>>,
    names: Arc<Names>,
}

/// A row to be written.
struct Sealed<'a> {
    place: Place,
    part: &'a Part,
    texts: Vec<u8>,
}

impl Store {
    /// The store, and its time, which goes on from where it ended.
    pub(super) fn open(path: &Path, keys: &Path, now: Now) -> Result<(Self, Clock), WindowError> {
        // Made here and not by SQLite, whose files anybody may read; those beside it get the same mode.
        let file = OpenOptions::new()
            .write(true)
            .create(true)
            .truncate(false)
            .mode(0o600)
            .open(path);
        drop(file.map_err(|error| database(path, &error))?);
        let connection = Connection::open(path).map_err(|error| database(path, &error))?;
        let keys = Keys::open(keys)?;
        let mut store = Self {
            path: path.to_owned(),
            connection,
            names: Arc::new(Names::new(&keys.secret)),
            keys: Arc::new(Mutex::new(keys)),
            shares: Arc::default(),
        };
        let version = set_up(&store.connection).map_err(|error| store.failed(&error))?;
        let clock = store.clock(version, now)?;
        let time = clock.time(now.instant);
        lock(&store.keys).erase(time)?;
        store.prepare(version)?;
        store.check(time)?;
        store.count()?;
        store.delete_past(time)?;
        store.set_ahead(clock.ahead_ms())?;
        Ok((store, clock))
    }

    /// How many texts each link keeps, for those who do not wait for the disk.
    pub(super) fn shares(&self) -> Arc<Mutex<Shares>> {
        Arc::clone(&self.shares)
    }

    pub(super) fn names(&self) -> Arc<Names> {
        Arc::clone(&self.names)
    }

    #[cfg(test)]
    pub(super) fn keys(&self) -> Arc<Mutex<Keys>> {
        Arc::clone(&self.keys)
    }

    /// The time of the windows: that of the wall, as far as it stood before it, and not before what was written last.
    fn clock(&self, version: i64, now: Now) -> Result<Clock, WindowError> {
        let Some(latest) = lock(&self.keys).latest() else {
            return Ok(Clock::new(now.wall_ms, 0, now));
        };
        let (mut start, mut ahead) = (latest.saturating_mul(SLICE_MS), 0);
        if version == VERSION {
            let (known, newest) = self.last().map_err(|error| self.failed(&error))?;
            (start, ahead) = (start.max(newest), known);
        }
        let start = start.max(now.wall_ms.saturating_sub(ahead));
        Ok(Clock::new(start, ahead, now))
    }

    /// How far the wall stood before the time of the windows, and when the last text was written.
    fn last(&self) -> rusqlite::Result<(i64, i64)> {
        let sql = "SELECT (SELECT ahead FROM keys), (SELECT max(time) FROM texts)";
        self.connection.query_row(sql, [], |row| {
            let newest: Option<i64> = row.get(1)?;
            let ahead: Option<i64> = row.get(0)?;
            Ok((ahead.unwrap_or_default(), newest.unwrap_or(i64::MIN)))
        })
    }

    /// Keeps how far the wall stands before the time of the windows, for the next start.
    pub(super) fn set_ahead(&self, ahead_ms: i64) -> Result<(), WindowError> {
        let sql = "UPDATE keys SET ahead = ?1 WHERE ahead <> ?1";
        let kept = self.connection.execute(sql, [ahead_ms]);
        kept.map(drop).map_err(|error| self.failed(&error))
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
            names: Arc::clone(&self.names),
        })
    }

    /// Writes what is about to be released by several calls, in one durable transaction; what became of each. One whose
    /// link may keep no more stays out, and costs the others nothing.
    pub(super) fn append(
        &mut self,
        calls: &[Vec<(Speaker, Part)>],
        time: i64,
    ) -> Vec<Result<(), WindowError>> {
        let mut planned = lock(&self.shares).clone();
        let answers: Vec<Result<(), WindowError>> = calls
            .iter()
            .map(|released| reserve(&mut planned, &self.names, released))
            .collect();
        let admitted = calls
            .iter()
            .zip(&answers)
            .filter(|(_, answer)| answer.is_ok());
        let released: Vec<&(Speaker, Part)> = admitted.flat_map(|(released, _)| released).collect();
        match self.keep(&released, time) {
            Ok(()) => answers,
            Err(error) => answers
                .into_iter()
                .map(|answer| answer.and(Err(error.clone())))
                .collect(),
        }
    }

    fn keep(&mut self, released: &[&(Speaker, Part)], time: i64) -> Result<(), WindowError> {
        self.erase(time)?;
        let slice = Keys::slice_at(time);
        let key = lock(&self.keys).ensure(slice)?;
        let mut sealed = Vec::with_capacity(released.len());
        for (speaker, part) in released.iter().filter(|(_, part)| !part.is_empty()) {
            let place = self.names.place(speaker, &part.event_id);
            let texts = seal::seal(&key, &place, part).ok_or_else(|| lock(&self.keys).damaged())?;
            sealed.push(Sealed { place, part, texts });
        }
        let added = write(&mut self.connection, &sealed, time, slice);
        let added = added.map_err(|error| self.failed(&error))?;
        self.counted(&added);
        Ok(())
    }

    /// Overwrites the keys of windows that are over, then deletes their rows.
    pub(super) fn erase(&mut self, time: i64) -> Result<(), WindowError> {
        if !lock(&self.keys).has_past(time) {
            return Ok(());
        }
        lock(&self.keys).erase(time)?;
        self.delete_past(time)
    }

    fn prepare(&mut self, version: i64) -> Result<(), WindowError> {
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
    fn check(&self, time: i64) -> Result<(), WindowError> {
        let sql = "SELECT DISTINCT slice FROM texts WHERE time > ?1";
        let slices: Vec<i64> = self
            .connection
            .prepare(sql)
            .and_then(|mut statement| {
                let rows = statement.query_map([time - WINDOW_MS], |row| row.get(0))?;
                rows.collect()
            })
            .map_err(|error| self.failed(&error))?;
        let keys = lock(&self.keys);
        if slices.iter().any(|slice| keys.key(*slice).is_none()) {
            return Err(keys.damaged());
        }
        Ok(())
    }

    fn delete_past(&mut self, time: i64) -> Result<(), WindowError> {
        let deleted = deleted(
            &self.connection,
            "DELETE FROM texts WHERE time <= ?1 RETURNING link",
            [time - WINDOW_MS],
        );
        let deleted = deleted.map_err(|error| self.failed(&error))?;
        self.counted(&deleted);
        Ok(())
    }

    /// Counts what is there at the start.
    fn count(&self) -> Result<(), WindowError> {
        let sql = "SELECT link, count(*) FROM texts GROUP BY link";
        let counts: Vec<(Blind, i64)> = self
            .connection
            .prepare(sql)
            .and_then(|mut statement| {
                let rows = statement.query_map([], |row| Ok((row.get(0)?, row.get(1)?)))?;
                rows.collect()
            })
            .map_err(|error| self.failed(&error))?;
        self.counted(&counts.into_iter().collect());
        Ok(())
    }

    fn counted(&self, more: &Counts) {
        let mut shares = lock(&self.shares);
        more.iter().for_each(|(link, more)| shares.add(link, *more));
    }

    fn failed(&self, error: &rusqlite::Error) -> WindowError {
        database(&self.path, error)
    }
}

impl Reader {
    /// What a speaker said since the window's begin, as it came.
    pub(super) fn window(&self, speaker: &Speaker, time: i64) -> Result<Window, WindowError> {
        let speaker = self.names.speaker(speaker);
        let mut window = Window::default();
        let rows = self
            .rows(&speaker, time - WINDOW_MS)
            .map_err(|error| database(&self.path, &error))?;
        for row in rows {
            // A key that is erased was over: its row is only not deleted yet.
            let Some(key) = lock(&self.keys).key(row.slice) else {
                continue;
            };
            let part = seal::open(&key, &speaker, &row.event, &row.sealed);
            window.push(part.ok_or_else(|| self.changed())?);
        }
        Ok(window)
    }

    /// The rows of a speaker, which are few.
    fn rows(&self, speaker: &Blind, since: i64) -> rusqlite::Result<Vec<Row>> {
        let sql = "SELECT event, slice, sealed FROM texts WHERE speaker = ?1 AND time > ?2 ORDER BY number";
        let mut statement = self.connection.prepare_cached(sql)?;
        let rows = statement.query_map(params![speaker, since], |row| {
            Ok(Row {
                event: row.get(0)?,
                slice: row.get(1)?,
                sealed: row.get(2)?,
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
    event: Vec<u8>,
    slice: i64,
    sealed: Vec<u8>,
}

/// Texts more or fewer, by link.
type Counts = BTreeMap<Blind, i64>;

/// Takes the room that a call needs.
fn reserve(
    shares: &mut Shares,
    names: &Names,
    released: &[(Speaker, Part)],
) -> Result<(), WindowError> {
    let mut needed: BTreeMap<&str, u64> = BTreeMap::new();
    for (speaker, _) in released.iter().filter(|(_, part)| !part.is_empty()) {
        *needed.entry(&speaker.link).or_default() += 1;
    }
    for (link, more) in needed {
        let name = names.link(link);
        if !shares.has_room(&name, more) {
            return Err(full(link));
        }
        shares.add(&name, i64::try_from(more).unwrap_or(i64::MAX));
    }
    Ok(())
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
    transaction.execute(
        "INSERT INTO keys (one, id, ahead) VALUES (1, ?1, 0)",
        params![id],
    )?;
    transaction.pragma_update(None, "user_version", VERSION)?;
    transaction.commit()
}

/// Writes rows, and deletes those that a window has no room for; how many more there are.
fn write(
    connection: &mut Connection,
    sealed: &[Sealed<'_>],
    time: i64,
    slice: i64,
) -> rusqlite::Result<Counts> {
    let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
    let mut added = Counts::new();
    for row in sealed {
        let more = added.entry(row.place.link).or_default();
        *more += insert(&transaction, row, time, slice)?;
        let gone = deleted(&transaction, TRIM, params![row.place.speaker, STAY])?;
        *more += gone.values().sum::<i64>();
    }
    transaction.commit()?;
    Ok(added)
}

/// An event that is there already keeps its place and its text.
fn insert(
    transaction: &Transaction<'_>,
    row: &Sealed<'_>,
    time: i64,
    slice: i64,
) -> rusqlite::Result<i64> {
    let sql = "INSERT OR IGNORE INTO texts (link, speaker, event, sent, time, slice, sealed) VALUES (?1,?2,?3,?4,?5,?6,?7)";
    let Place {
        link,
        speaker,
        event,
    } = row.place;
    let rows = transaction.prepare_cached(sql)?.execute(params![
        link,
        speaker,
        event,
        row.part.sent_ms,
        time,
        slice,
        row.texts
    ])?;
    Ok(i64::try_from(rows).unwrap_or(0))
}

/// Rows of a window that stay by each of the two orders.
const STAY: i64 = WINDOW_MESSAGES as i64;
/// As [`Window::push`] does it: those that came last stay, and those that were said last.
const TRIM: &str = "
    DELETE FROM texts WHERE speaker = ?1
        AND number NOT IN (SELECT number FROM texts WHERE speaker = ?1 ORDER BY number DESC LIMIT ?2)
        AND number NOT IN (SELECT number FROM texts WHERE speaker = ?1 ORDER BY sent DESC, number DESC LIMIT ?2)
    RETURNING link";

/// Deletes rows; how many, by link, below 0.
fn deleted(
    connection: &Connection,
    sql: &str,
    params: impl rusqlite::Params,
) -> rusqlite::Result<Counts> {
    let mut statement = connection.prepare_cached(sql)?;
    let links = statement.query_map(params, |row| row.get::<_, Blind>(0))?;
    let mut counts = Counts::new();
    for link in links {
        *counts.entry(link?).or_default() -= 1;
    }
    Ok(counts)
}
