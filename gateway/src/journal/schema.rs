//! Tables of the journal, and how an older journal becomes one of today.

use std::path::Path;

use rusqlite::Connection;

use super::{BUSY, JournalError, database};

/// Schema of today. A new one adds its step to [`STEPS`].
const VERSION: i64 = STEPS.len() as i64;

/// Step `n` makes schema `n + 1`. Times are milliseconds since 1970; labels are JSON, `null` for "none".
pub(super) const STEPS: [&str; 8] = [
    "
    CREATE TABLE denials (event_id TEXT NOT NULL, link TEXT NOT NULL, verdict TEXT NOT NULL, rule TEXT NOT NULL,
        time INTEGER NOT NULL, PRIMARY KEY (event_id, link)) WITHOUT ROWID;
    CREATE INDEX denials_time ON denials (time);
    CREATE TABLE rooms (room_id TEXT PRIMARY KEY NOT NULL, version TEXT, creator TEXT, label TEXT) WITHOUT ROWID;
    CREATE TABLE labels (event_id TEXT PRIMARY KEY NOT NULL, label TEXT NOT NULL, time INTEGER NOT NULL) WITHOUT ROWID;
    CREATE INDEX labels_time ON labels (time);
    CREATE TABLE closed (link TEXT NOT NULL, room_id TEXT NOT NULL, rule TEXT NOT NULL,
        PRIMARY KEY (link, room_id)) WITHOUT ROWID;
    CREATE TABLE head (one INTEGER PRIMARY KEY CHECK (one = 1), seq INTEGER NOT NULL, hash TEXT NOT NULL);
",
    // What may be said in a room and who may lower is learned with its label, so labels are asked for anew.
    "
    ALTER TABLE rooms ADD COLUMN clearance TEXT;
    ALTER TABLE rooms ADD COLUMN may_lower TEXT;
    ALTER TABLE rooms ADD COLUMN stale INTEGER NOT NULL DEFAULT 0;
    UPDATE rooms SET label = NULL;
    CREATE TABLE labels2 (event_id TEXT NOT NULL, link TEXT NOT NULL, room_id TEXT, label TEXT NOT NULL,
        time INTEGER NOT NULL, PRIMARY KEY (event_id, link)) WITHOUT ROWID;
    INSERT INTO labels2 (event_id, link, label, time) SELECT event_id, '', label, time FROM labels;
    DROP TABLE labels;
    ALTER TABLE labels2 RENAME TO labels;
    CREATE INDEX labels_time ON labels (time);
    CREATE TABLE water (link TEXT NOT NULL, room_id TEXT NOT NULL, event_id TEXT NOT NULL, label TEXT NOT NULL,
        time INTEGER NOT NULL, PRIMARY KEY (link, room_id, event_id)) WITHOUT ROWID;
    CREATE INDEX water_time ON water (time);
    CREATE INDEX water_room ON water (link, room_id, time);
",
    // Values by their keyed hashes alone.
    "
    CREATE TABLE sightings (link TEXT NOT NULL, room_id TEXT NOT NULL, detector TEXT NOT NULL, value TEXT NOT NULL,
        strength TEXT NOT NULL, time INTEGER NOT NULL, PRIMARY KEY (link, room_id, detector, value, strength)) WITHOUT ROWID;
    CREATE INDEX sightings_time ON sightings (time);
    CREATE INDEX sightings_room ON sightings (link, room_id, time);
",
    // What an operator closed: whole links, by the peer's zone; and who closed a room, why and when.
    "
    CREATE TABLE links (zone TEXT PRIMARY KEY NOT NULL, operator TEXT NOT NULL, reason TEXT, time INTEGER NOT NULL)
        WITHOUT ROWID;
    ALTER TABLE closed ADD COLUMN operator TEXT;
    ALTER TABLE closed ADD COLUMN reason TEXT;
    ALTER TABLE closed ADD COLUMN time INTEGER NOT NULL DEFAULT 0;
    CREATE INDEX links_time ON links (time);
    CREATE INDEX closed_time ON closed (time);
",
    // Servers of other zones that came into a room, or were invited. Whether they are there still, nobody says here.
    "
    CREATE TABLE servers (room_id TEXT NOT NULL, server TEXT NOT NULL, PRIMARY KEY (room_id, server)) WITHOUT ROWID;
    CREATE INDEX servers_server ON servers (server);
",
    // Rooms that were encrypted before are learned with the next state that crosses.
    "
    ALTER TABLE rooms ADD COLUMN encrypted INTEGER NOT NULL DEFAULT 0;
    CREATE INDEX rooms_encrypted ON rooms (encrypted);
",
    // What waits for a person, and what was released: findings and approvals are JSON, hashes keyed.
    "
    CREATE TABLE held (item TEXT PRIMARY KEY NOT NULL, number INTEGER NOT NULL, link TEXT NOT NULL, room_id TEXT NOT NULL,
        sender TEXT NOT NULL, event_id TEXT NOT NULL, event_type TEXT NOT NULL, rule TEXT NOT NULL, findings TEXT NOT NULL,
        bytes INTEGER NOT NULL, time INTEGER NOT NULL, until INTEGER NOT NULL, approved TEXT NOT NULL DEFAULT '[]')
        WITHOUT ROWID;
    CREATE INDEX held_number ON held (number);
    CREATE INDEX held_until ON held (until);
    CREATE TABLE tickets (item TEXT PRIMARY KEY NOT NULL, link TEXT NOT NULL, room_id TEXT NOT NULL, sender TEXT NOT NULL,
        rule TEXT NOT NULL, findings TEXT NOT NULL, likeness TEXT NOT NULL, until INTEGER NOT NULL, time INTEGER NOT NULL,
        event_id TEXT) WITHOUT ROWID;
    CREATE INDEX tickets_open ON tickets (link, room_id, sender);
    CREATE INDEX tickets_event ON tickets (event_id, link);
    CREATE INDEX tickets_time ON tickets (time);
    CREATE TABLE waits (item TEXT PRIMARY KEY NOT NULL, number INTEGER NOT NULL, line TEXT NOT NULL, verdict TEXT)
        WITHOUT ROWID;
    CREATE INDEX waits_number ON waits (number);
",
    // What else a closed peer is known by, as JSON; and on which link a label was learned first.
    "
    ALTER TABLE links ADD COLUMN known_as TEXT NOT NULL DEFAULT '[]';
    ALTER TABLE labels ADD COLUMN seen TEXT NOT NULL DEFAULT '';
    CREATE INDEX labels_seen ON labels (seen, time);
",
];

/// Sets the connection up and brings the tables to [`VERSION`].
pub(super) fn prepare(connection: &mut Connection, path: &Path) -> Result<(), JournalError> {
    let fail = |error: rusqlite::Error| database(path, &error);
    connection.busy_timeout(BUSY).map_err(fail)?;
    connection
        .pragma_update(None, "journal_mode", "WAL")
        .map_err(fail)?;
    // The audit log is the durable record; NORMAL keeps the file whole over a power cut and syncs at checkpoints only.
    connection
        .pragma_update(None, "synchronous", "NORMAL")
        .map_err(fail)?;
    let found: i64 = connection
        .pragma_query_value(None, "user_version", |row| row.get(0))
        .map_err(fail)?;
    if !(0..=VERSION).contains(&found) {
        return Err(JournalError::Schema {
            path: path.display().to_string(),
            found,
            known: VERSION,
        });
    }
    is_whole(connection, path)?;
    upgrade(connection, found).map_err(fail)
}

/// A damaged page could hide a denial. Each key stands in its table and in an index beside it, so that a changed one is
/// found where the two are compared.
fn is_whole(connection: &Connection, path: &Path) -> Result<(), JournalError> {
    let check: rusqlite::Result<String> =
        connection.query_row("PRAGMA integrity_check(1)", [], |row| row.get(0));
    let found = check.unwrap_or_else(|error| error.to_string());
    if found == "ok" {
        return Ok(());
    }
    Err(JournalError::Damaged {
        path: path.display().to_string(),
        found,
    })
}

fn upgrade(connection: &mut Connection, found: i64) -> rusqlite::Result<()> {
    let transaction = connection.transaction()?;
    for step in STEPS
        .iter()
        .skip(usize::try_from(found).unwrap_or(usize::MAX))
    {
        transaction.execute_batch(step)?;
    }
    transaction.pragma_update(None, "user_version", VERSION)?;
    transaction.commit()
}
