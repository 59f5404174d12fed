//! Events that were acknowledged and not yet sent: rows that the audit log can make again.

use rusqlite::{Transaction, params};

use super::{Journal, JournalError};
use crate::audit::entry::{HoldAct, HoldEntry, Verdict, WaitEntry};

impl Journal {
    /// Everything that is not yet sent, in the order in which it came.
    ///
    /// # Errors
    /// [`JournalError::Database`]; [`JournalError::Damaged`] where a row cannot be read: what was acknowledged is not forgotten.
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
            let line: WaitEntry = serde_json::from_str(&line).map_err(|error| self.torn(&error))?;
            let decided = verdict.as_deref().map(super::view::verdict);
            let verdict = decided.or(line.verdict);
            Ok(WaitEntry { verdict, ..line })
        };
        rows.into_iter().map(read).collect()
    }

    fn torn(&self, error: &serde_json::Error) -> JournalError {
        JournalError::Damaged {
            path: self.path.display().to_string(),
            found: format!("an event that waits cannot be read: {error}"),
        }
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
            // The first word stands, but that redaction takes a release back.
            let sql = "UPDATE waits SET verdict = ?2 WHERE item = ?1 AND verdict IS NULL";
            decided(transaction, sql, item, Verdict::Release)?;
            ticket(transaction, item, time)
        }
        HoldAct::Stopped => {
            let sql = "UPDATE waits SET verdict = ?2 WHERE item = ?1";
            decided(transaction, sql, item, Verdict::Redact)
        }
        _ => {
            let sql = "DELETE FROM waits WHERE item = ?1";
            transaction.prepare_cached(sql)?.execute([item]).map(drop)
        }
    }
}

fn decided(
    transaction: &Transaction<'_>,
    sql: &str,
    item: &str,
    verdict: Verdict,
) -> rusqlite::Result<()> {
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
