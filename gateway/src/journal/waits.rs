//! Events that were acknowledged and not yet sent: rows that the audit log can make again.

use rusqlite::{Transaction, params};

use super::{Journal, JournalError};
use crate::audit::entry::{HoldAct, HoldEntry, Verdict, WaitEntry};

impl Journal {
    /// Everything that is not yet sent, in the order in which it came.
    ///
    /// # Errors
    /// [`JournalError::Database`].
    pub fn waits(&self) -> Result<Vec<WaitEntry>, JournalError> {
        let sql = "SELECT line, verdict FROM waits ORDER BY number";
        let reader = self.reader();
        let found = reader.prepare_cached(sql).and_then(|mut statement| {
            let rows = statement.query_map([], |row| {
                Ok((row.get::<_, String>(0)?, row.get::<_, Option<String>>(1)?))
            })?;
            rows.collect::<rusqlite::Result<Vec<_>>>()
        });
        let rows = found.map_err(|error| self.failed(&error))?;
        let read = |(line, verdict): (String, Option<String>)| {
            let line: WaitEntry = serde_json::from_str(&line).ok()?;
            let decided = verdict.as_deref().map(super::view::verdict);
            let verdict = decided.or(line.verdict);
            Some(WaitEntry { verdict, ..line })
        };
        Ok(rows.into_iter().filter_map(read).collect())
    }

    /// Whether an item is one of them.
    ///
    /// # Errors
    /// [`JournalError::Database`].
    pub fn has_wait(&self, item: &str) -> Result<bool, JournalError> {
        let sql = "SELECT 1 FROM waits WHERE item = ?1";
        Ok(self.one(sql, &[item], |_| Ok(()))?.is_some())
    }
}

/// Notes an event that waits; one that is there already stays.
pub(super) fn keep(
    transaction: &Transaction<'_>,
    entry: &WaitEntry,
    seq: u64,
) -> rusqlite::Result<()> {
    let sql = "INSERT OR IGNORE INTO waits (item, number, line) VALUES (?1, ?2, ?3)";
    transaction.prepare_cached(sql)?.execute(params![
        entry.item.as_str(),
        i64::try_from(seq).unwrap_or(i64::MAX),
        serde_json::to_string(entry).unwrap_or_default(),
    ])?;
    Ok(())
}

/// What became of it.
pub(super) fn act(
    transaction: &Transaction<'_>,
    entry: &HoldEntry,
    time: i64,
) -> rusqlite::Result<()> {
    let item = entry.item.as_str();
    match entry.act {
        HoldAct::Passed => {
            decided(transaction, item, Verdict::Release)?;
            ticket(transaction, item, time)
        }
        HoldAct::Stopped => decided(transaction, item, Verdict::Redact),
        _ => {
            let sql = "DELETE FROM waits WHERE item = ?1";
            transaction.prepare_cached(sql)?.execute([item]).map(drop)
        }
    }
}

fn decided(transaction: &Transaction<'_>, item: &str, verdict: Verdict) -> rusqlite::Result<()> {
    let sql = "UPDATE waits SET verdict = ?2 WHERE item = ?1";
    transaction
        .prepare_cached(sql)?
        .execute(params![item, verdict.as_str()])
        .map(drop)
}

/// What the checks let pass goes on to be shown to who asks for it, as what a reviewer released does.
fn ticket(transaction: &Transaction<'_>, item: &str, time: i64) -> rusqlite::Result<()> {
    let sql = "INSERT OR IGNORE INTO tickets (item, link, room_id, sender, rule, findings, likeness, until, time, event_id)
        SELECT item, line ->> 'link', line ->> 'room_id', line ->> 'sender', line ->> 'rule',
            coalesce(line -> 'findings', '[]'), '', 0, ?2, line ->> 'event_id' FROM waits WHERE item = ?1";
    transaction
        .prepare_cached(sql)?
        .execute(params![item, time])
        .map(drop)
}
