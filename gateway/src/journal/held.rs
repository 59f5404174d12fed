//! What is held, and the tickets of what was released: rows that the audit log can make again. The content stands
//! elsewhere ([`crate::hold`]).

use std::collections::BTreeSet;

use rusqlite::{Connection, OptionalExtension, Row, Transaction, params};
use sluice_policy::decide::Waiver;

use super::{Journal, JournalError};
use crate::audit::entry::{HeldEntry, HoldAct, HoldEntry, Line, ShownFinding};

/// Something that waits.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HeldItem {
    /// Its id.
    pub item: String,
    /// Number of its audit line: the order in which things came.
    pub number: i64,
    /// Link, `high->low`.
    pub link: String,
    /// Room id.
    pub room_id: String,
    /// User id of the sender.
    pub sender: String,
    /// Event id.
    pub event_id: String,
    /// Event type.
    pub event_type: String,
    /// What a release waives.
    pub waiver: Waiver,
    /// Bytes of the event.
    pub bytes: u64,
    /// Since when, milliseconds since 1970.
    pub time: i64,
    /// Until when.
    pub until: i64,
    /// Users who released it already, where two must.
    pub approved: Vec<u32>,
}

/// What may be sent again, or was.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ticket {
    /// The item that was released.
    pub item: String,
    /// What it waives.
    pub waiver: Waiver,
    /// Keyed hash of what may be sent.
    pub likeness: String,
    /// The event that it was spent for.
    pub event_id: Option<String>,
}

const ITEM: &str = "item, number, link, room_id, sender, event_id, event_type, rule, findings, bytes, time, until, approved";

impl Journal {
    /// An item that waits.
    ///
    /// # Errors
    /// [`JournalError::Database`].
    pub fn held(&self, item: &str) -> Result<Option<HeldItem>, JournalError> {
        let sql = format!("SELECT {ITEM} FROM held WHERE item = ?1");
        self.one(&sql, &[item], read_item)
    }

    /// At most `most` items that wait, oldest first, behind the one with number `after`.
    ///
    /// # Errors
    /// [`JournalError::Database`].
    pub fn held_after(&self, after: i64, most: usize) -> Result<Vec<HeldItem>, JournalError> {
        let sql = format!("SELECT {ITEM} FROM held WHERE number > ?1 ORDER BY number LIMIT ?2");
        self.items(&sql, after, most)
    }

    /// At most `most` items whose time is over.
    ///
    /// # Errors
    /// [`JournalError::Database`].
    pub fn held_over(&self, now_ms: i64, most: usize) -> Result<Vec<HeldItem>, JournalError> {
        let sql = format!("SELECT {ITEM} FROM held WHERE until <= ?1 ORDER BY until LIMIT ?2");
        self.items(&sql, now_ms, most)
    }

    /// The ticket by which an event crossed on a link, and goes on to be shown to who asks for it.
    ///
    /// # Errors
    /// [`JournalError::Database`].
    pub fn ticket_of(&self, event_id: &str, link: &str) -> Result<Option<Ticket>, JournalError> {
        let sql = "SELECT item, rule, findings, likeness, event_id FROM tickets WHERE event_id = ?1 AND link = ?2";
        self.one(sql, &[event_id, link], read_ticket)
    }

    /// Tickets of a sender for a room that are not spent at `now_ms`.
    ///
    /// # Errors
    /// [`JournalError::Database`].
    pub fn open_tickets(
        &self,
        (link, room_id, sender): (&str, &str, &str),
        now_ms: i64,
    ) -> Result<Vec<Ticket>, JournalError> {
        let sql = "SELECT item, rule, findings, likeness, event_id FROM tickets
            WHERE link = ?1 AND room_id = ?2 AND sender = ?3 AND event_id IS NULL AND until > ?4 ORDER BY time";
        let reader = self.reader();
        let found = reader.prepare_cached(sql).and_then(|mut statement| {
            let rows = statement.query_map(params![link, room_id, sender, now_ms], read_ticket)?;
            rows.collect()
        });
        found.map_err(|error| self.failed(&error))
    }

    /// Whether a link has tickets, open or used.
    ///
    /// # Errors
    /// [`JournalError::Database`].
    pub fn has_tickets(&self, link: &str) -> Result<bool, JournalError> {
        let sql = "SELECT EXISTS (SELECT 1 FROM tickets WHERE link = ?1)";
        let reader = self.reader();
        let found = reader
            .prepare_cached(sql)
            .and_then(|mut statement| statement.query_row(params![link], |row| row.get(0)));
        found.map_err(|error| self.failed(&error))
    }

    fn items(&self, sql: &str, from: i64, most: usize) -> Result<Vec<HeldItem>, JournalError> {
        let most = i64::try_from(most).unwrap_or(i64::MAX);
        let reader = self.reader();
        let found = reader.prepare_cached(sql).and_then(|mut statement| {
            let rows = statement.query_map(params![from, most], read_item)?;
            rows.collect()
        });
        found.map_err(|error| self.failed(&error))
    }
}

/// Notes an item; one that is there already stays.
pub(super) fn keep(
    transaction: &Transaction<'_>,
    entry: &HeldEntry,
    line: &Line,
) -> rusqlite::Result<()> {
    let sql = "INSERT OR IGNORE INTO held (item, number, link, room_id, sender, event_id, event_type, rule, findings, bytes,
        time, until) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12)";
    transaction.prepare_cached(sql)?.execute(params![
        entry.item.as_str(),
        i64::try_from(line.seq).unwrap_or(i64::MAX),
        entry.link.as_str(),
        entry.room_id.as_str(),
        entry.sender.as_str(),
        entry.event_id.as_str(),
        entry.event_type.as_str(),
        entry.rule.as_str(),
        serde_json::to_string(&entry.findings).unwrap_or_default(),
        i64::try_from(entry.bytes).unwrap_or(i64::MAX),
        crate::audit::millis(&line.time),
        entry.until,
    ])?;
    Ok(())
}

/// What became of an item.
pub(super) fn act(
    transaction: &Transaction<'_>,
    entry: &HoldEntry,
    time: i64,
) -> rusqlite::Result<()> {
    let item = entry.item.as_str();
    match entry.act {
        HoldAct::Shown => Ok(()),
        HoldAct::Approved => approve(transaction, item, entry.uid),
        HoldAct::Released => {
            let sql = "INSERT OR IGNORE INTO tickets (item, link, room_id, sender, rule, findings, likeness, until, time)
                SELECT item, link, room_id, sender, rule, findings, ?2, ?3, ?4 FROM held WHERE item = ?1";
            let likeness = entry.likeness.as_deref().unwrap_or_default();
            transaction.prepare_cached(sql)?.execute(params![
                item,
                likeness,
                entry.until.unwrap_or_default(),
                time
            ])?;
            forget(transaction, item)
        }
        HoldAct::Rejected | HoldAct::Expired | HoldAct::Lost => forget(transaction, item),
        HoldAct::Passed | HoldAct::Stopped | HoldAct::Sent | HoldAct::GivenUp => Ok(()),
        HoldAct::Spent => {
            let sql =
                "UPDATE tickets SET event_id = ?2, time = ?3 WHERE item = ?1 AND event_id IS NULL";
            let event_id = entry.event_id.as_deref().unwrap_or_default();
            transaction
                .prepare_cached(sql)?
                .execute(params![item, event_id, time])?;
            Ok(())
        }
    }
}

/// Forgets tickets that were never used and cannot be any more.
pub(super) fn drop_unused(transaction: &Transaction<'_>, now_ms: i64) -> rusqlite::Result<()> {
    let sql = "DELETE FROM tickets WHERE event_id IS NULL AND until <= ?1";
    transaction.execute(sql, params![now_ms]).map(drop)
}

fn approve(transaction: &Transaction<'_>, item: &str, uid: Option<u32>) -> rusqlite::Result<()> {
    let known: Option<String> = transaction
        .query_row("SELECT approved FROM held WHERE item = ?1", [item], |row| {
            row.get(0)
        })
        .optional()?;
    let mut users: BTreeSet<u32> = known
        .and_then(|known| serde_json::from_str(&known).ok())
        .unwrap_or_default();
    users.extend(uid);
    let users = serde_json::to_string(&users).unwrap_or_default();
    let sql = "UPDATE held SET approved = ?2 WHERE item = ?1";
    transaction.execute(sql, params![item, users]).map(drop)
}

fn forget(transaction: &Connection, item: &str) -> rusqlite::Result<()> {
    let sql = "DELETE FROM held WHERE item = ?1";
    transaction.prepare_cached(sql)?.execute([item]).map(drop)
}

fn read_item(row: &Row<'_>) -> rusqlite::Result<HeldItem> {
    let approved: String = row.get(12)?;
    Ok(HeldItem {
        item: row.get(0)?,
        number: row.get(1)?,
        link: row.get(2)?,
        room_id: row.get(3)?,
        sender: row.get(4)?,
        event_id: row.get(5)?,
        event_type: row.get(6)?,
        waiver: waiver(row.get(7)?, &row.get::<_, String>(8)?),
        bytes: row.get::<_, i64>(9)?.cast_unsigned(),
        time: row.get(10)?,
        until: row.get(11)?,
        approved: serde_json::from_str(&approved).unwrap_or_default(),
    })
}

fn read_ticket(row: &Row<'_>) -> rusqlite::Result<Ticket> {
    Ok(Ticket {
        item: row.get(0)?,
        waiver: waiver(row.get(1)?, &row.get::<_, String>(2)?),
        likeness: row.get(3)?,
        event_id: row.get(4)?,
    })
}

/// What cannot be read waives no finding.
fn waiver(rule: String, findings: &str) -> Waiver {
    let shown: Vec<ShownFinding> = serde_json::from_str(findings).unwrap_or_default();
    let pairs = shown
        .iter()
        .map(|shown| (shown.detector.to_string(), shown.value.to_string()));
    Waiver {
        rule,
        findings: pairs.collect(),
    }
}
