//! What each entry of the log means for the journal.

use rusqlite::{Connection, OptionalExtension, Transaction, TransactionBehavior, params};
use serde_json::Value;
use sluice_policy::decide::SIGHTING_MS;
use sluice_policy::label::Label;
use time::OffsetDateTime;

use super::{
    ClosedLink, ClosedRoom, DENIAL_DAYS, DENIALS, LABEL_DAYS, LABELS, SIGHTINGS, TICKETS,
    WATER_DAYS, WATERS, held, labels, sightings, waits,
};
use crate::audit::Head;
use crate::audit::entry::{
    ClosedEntry, Entry, EventEntry, LabelValue, Line, LinkEntry, RoomEntry, Text, Verdict,
    WaterEntry,
};

/// Milliseconds of a day.
const DAY: i64 = 86_400_000;

/// Takes over the lines and the head behind them.
pub(super) fn apply(
    connection: &mut Connection,
    lines: &[Line],
    head: &Head,
) -> rusqlite::Result<()> {
    let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
    for line in lines {
        take(&transaction, line)?;
    }
    let seq = i64::try_from(head.seq).unwrap_or(i64::MAX);
    transaction
        .prepare_cached("INSERT OR REPLACE INTO head (one, seq, hash) VALUES (1, ?1, ?2)")?
        .execute(params![seq, head.hash])?;
    transaction.commit()
}

/// The head; that of an empty log where nothing was taken over yet.
pub(super) fn head(connection: &Connection) -> rusqlite::Result<Head> {
    let found = connection
        .query_row("SELECT seq, hash FROM head", [], |row| {
            Ok((row.get::<_, i64>(0)?, row.get::<_, String>(1)?))
        })
        .optional()?;
    Ok(found.map_or_else(Head::genesis, |(seq, hash)| Head {
        seq: seq.cast_unsigned(),
        hash,
    }))
}

/// The first `most` closed rooms.
pub(super) fn closed_rooms(
    connection: &Connection,
    most: u32,
) -> rusqlite::Result<Vec<ClosedRoom>> {
    let mut statement = connection.prepare_cached(
        "SELECT link, room_id, rule, operator, reason, time FROM closed ORDER BY link, room_id LIMIT ?1",
    )?;
    let rows = statement.query_map([most], |row| {
        Ok(ClosedRoom {
            link: row.get(0)?,
            room_id: row.get(1)?,
            rule: row.get(2)?,
            operator: row.get(3)?,
            reason: row.get(4)?,
            since: row.get(5)?,
        })
    })?;
    rows.collect()
}

/// All peers whose links an operator closed.
pub(super) fn closed_links(connection: &Connection) -> rusqlite::Result<Vec<ClosedLink>> {
    let mut statement = connection
        .prepare_cached("SELECT zone, operator, reason, time, known_as FROM links ORDER BY zone")?;
    let rows = statement.query_map([], |row| {
        Ok(ClosedLink {
            peer: row.get(0)?,
            operator: row.get(1)?,
            reason: row.get(2)?,
            since: row.get(3)?,
            known_as: names(&row.get::<_, String>(4)?),
        })
    })?;
    rows.collect()
}

/// The different labels of what crossed in a room on a link.
pub(super) fn water(
    connection: &Connection,
    link: &str,
    room_id: &str,
    since: i64,
    most: u32,
) -> rusqlite::Result<Vec<Value>> {
    let sql = "SELECT DISTINCT label FROM water WHERE link = ?1 AND room_id = ?2 AND (time >= ?3 OR time >= (
            SELECT coalesce(min(time), 9223372036854775807) FROM (
                SELECT time FROM water WHERE link = ?1 AND room_id = ?2 ORDER BY time DESC LIMIT ?4)))";
    let mut statement = connection.prepare_cached(sql)?;
    let rows = statement.query_map(params![link, room_id, since, most], |row| {
        row.get::<_, String>(0)
    })?;
    rows.map(|row| Ok(serde_json::from_str(&row?).unwrap_or(Value::Null)))
        .collect()
}

/// Forgets what is too old or too many.
pub(super) fn prune(connection: &mut Connection, now: OffsetDateTime) -> rusqlite::Result<()> {
    let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
    for (table, kept_ms, most) in [
        ("denials", DENIAL_DAYS * DAY, DENIALS),
        ("labels", LABEL_DAYS * DAY, LABELS),
        ("water", WATER_DAYS * DAY, WATERS),
        ("sightings", SIGHTING_MS, SIGHTINGS),
        ("tickets", DENIAL_DAYS * DAY, TICKETS),
    ] {
        let oldest = now
            .unix_timestamp()
            .saturating_mul(1000)
            .saturating_sub(kept_ms);
        transaction.execute(
            &format!("DELETE FROM {table} WHERE time < ?1"),
            params![oldest],
        )?;
        match table {
            "sightings" => sightings::cap(&transaction, most)?,
            "labels" => labels::cap(&transaction, most)?,
            _ => cap(&transaction, table, most)?,
        }
    }
    held::drop_unused(&transaction, now.unix_timestamp().saturating_mul(1000))?;
    transaction.commit()
}

/// Keeps at most `most` rows, the youngest ones.
pub(super) fn cap(transaction: &Transaction<'_>, table: &str, most: u64) -> rusqlite::Result<()> {
    let skip = i64::try_from(most).unwrap_or(i64::MAX);
    let sql = format!("SELECT time FROM {table} ORDER BY time DESC LIMIT 1 OFFSET ?1");
    let too_old: Option<i64> = transaction
        .query_row(&sql, params![skip], |row| row.get(0))
        .optional()?;
    if let Some(too_old) = too_old {
        transaction.execute(
            &format!("DELETE FROM {table} WHERE time <= ?1"),
            params![too_old],
        )?;
    }
    Ok(())
}

/// Verdict of a row. A word that nobody wrote counts as the most restrictive one.
pub(super) fn verdict(word: &str) -> Verdict {
    serde_json::from_value(Value::from(word)).unwrap_or(Verdict::Drop)
}

/// Label of a row: `None` for "has none". What cannot be read was one.
pub(super) fn label(json: &str) -> Option<Value> {
    let label = serde_json::from_str(json).unwrap_or_else(|_| Label::nobody().to_json());
    Some(label).filter(|label: &Value| !label.is_null())
}

/// User ids, or other names, of a row.
pub(super) fn names(json: &str) -> Vec<String> {
    serde_json::from_str(json).unwrap_or_default()
}

fn take(transaction: &Transaction<'_>, line: &Line) -> rusqlite::Result<()> {
    match &line.entry {
        Entry::Event(event) => {
            let time = crate::audit::millis(&line.time);
            sightings::note(transaction, event, time)?;
            denial(transaction, event, time)
        }
        Entry::Room(entry) => room(transaction, entry),
        Entry::Label(entry) => labels::keep(transaction, entry, crate::audit::millis(&line.time)),
        Entry::Closed(entry) => closed(transaction, entry, crate::audit::millis(&line.time)),
        Entry::Link(entry) => link(transaction, entry, crate::audit::millis(&line.time)),
        Entry::Held(entry) => held::keep(transaction, entry, line),
        Entry::Wait(entry) => waits::keep(transaction, entry, line.seq),
        Entry::Hold(entry) if entry.act.is_of_wait() => {
            waits::act(transaction, entry, crate::audit::millis(&line.time))
        }
        Entry::Hold(entry) => held::act(transaction, entry, crate::audit::millis(&line.time)),
        Entry::Water(entry) => rise(transaction, entry, crate::audit::millis(&line.time)),
        _ => Ok(()),
    }
}

/// A denial stays as it was given first.
fn denial(transaction: &Transaction<'_>, event: &EventEntry, time: i64) -> rusqlite::Result<()> {
    let Some(event_id) = event.event_id.as_deref() else {
        return Ok(());
    };
    if !event.remember || event.verdict == Verdict::Release {
        return Ok(());
    }
    let verdict = serde_json::to_value(event.verdict)
        .ok()
        .and_then(|word| word.as_str().map(str::to_owned));
    transaction
        .prepare_cached("INSERT OR IGNORE INTO denials (event_id, link, verdict, rule, time) VALUES (?1,?2,?3,?4,?5)")?
        .execute(params![event_id, event.link.as_str(), verdict, event.rule.as_str(), time])?;
    Ok(())
}

/// What is absent changes nothing. A room's version and creator never change, so the first word holds.
fn room(transaction: &Transaction<'_>, room: &RoomEntry) -> rusqlite::Result<()> {
    let sql = "INSERT INTO rooms (room_id, version, creator, label, clearance, may_lower, encrypted)
        VALUES (?1, ?2, ?3, ?4, ?6, ?7, ?8)
        ON CONFLICT (room_id) DO UPDATE SET version = coalesce(version, excluded.version),
            creator = coalesce(creator, excluded.creator), encrypted = encrypted OR excluded.encrypted,
            clearance = CASE WHEN excluded.label IS NULL THEN clearance ELSE excluded.clearance END,
            may_lower = CASE WHEN excluded.label IS NULL THEN may_lower ELSE excluded.may_lower END,
            stale = CASE WHEN ?5 THEN 1 WHEN excluded.label IS NULL THEN stale ELSE 0 END,
            label = coalesce(excluded.label, label)";
    let label = room.label.as_ref().map(|label| json(label.as_ref()));
    let clearance = room
        .clearance
        .as_ref()
        .map(|clearance| json(Some(clearance)));
    let may_lower = serde_json::to_string(&room.may_lower).ok();
    let (version, creator) = (room.version.as_deref(), room.creator.as_deref());
    transaction.prepare_cached(sql)?.execute(params![
        room.room_id.as_str(),
        version,
        creator,
        label,
        room.label_unknown,
        clearance,
        may_lower,
        room.encrypted
    ])?;
    let sql = "INSERT OR IGNORE INTO servers (room_id, server) VALUES (?1, ?2)";
    for server in &room.servers {
        transaction
            .prepare_cached(sql)?
            .execute(params![room.room_id.as_str(), server.as_str()])?;
    }
    Ok(())
}

/// The servers that came into a room, or were invited.
pub(super) fn servers(connection: &Connection, room_id: &str) -> rusqlite::Result<Vec<String>> {
    let mut statement = connection
        .prepare_cached("SELECT server FROM servers WHERE room_id = ?1 ORDER BY server")?;
    let rows = statement.query_map([room_id], |row| row.get(0))?;
    rows.collect()
}

fn rise(transaction: &Transaction<'_>, entry: &WaterEntry, time: i64) -> rusqlite::Result<()> {
    let sql = "INSERT OR IGNORE INTO water (link, room_id, event_id, label, time) VALUES (?1, ?2, ?3, ?4, ?5)";
    transaction.prepare_cached(sql)?.execute(params![
        entry.link.as_str(),
        entry.room_id.as_str(),
        entry.event_id.as_str(),
        entry.label.as_value().to_string(),
        time
    ])?;
    Ok(())
}

/// The first rule that closed a room stands, unless an operator says it himself.
fn closed(transaction: &Transaction<'_>, entry: &ClosedEntry, time: i64) -> rusqlite::Result<()> {
    let (link, room_id) = (entry.link.as_str(), entry.room_id.as_str());
    if entry.open {
        let sql = "DELETE FROM closed WHERE link = ?1 AND room_id = ?2";
        transaction
            .prepare_cached(sql)?
            .execute(params![link, room_id])?;
        return Ok(());
    }
    let sql = "INSERT INTO closed (link, room_id, rule, operator, reason, time) VALUES (?1, ?2, ?3, ?4, ?5, ?6)
        ON CONFLICT (link, room_id) DO UPDATE SET rule = excluded.rule, operator = excluded.operator,
            reason = excluded.reason, time = excluded.time WHERE excluded.operator IS NOT NULL";
    transaction.prepare_cached(sql)?.execute(params![
        link,
        room_id,
        entry.rule.as_str(),
        entry.operator.as_deref(),
        entry.reason.as_deref(),
        time
    ])?;
    Ok(())
}

fn link(transaction: &Transaction<'_>, entry: &LinkEntry, time: i64) -> rusqlite::Result<()> {
    let zone = entry.peer.as_str();
    if entry.open {
        transaction
            .prepare_cached("DELETE FROM links WHERE zone = ?1")?
            .execute(params![zone])?;
        return forget_names(transaction, &entry.known_as);
    }
    transaction
        .prepare_cached(
            "INSERT OR REPLACE INTO links (zone, operator, reason, time, known_as) VALUES (?1, ?2, ?3, ?4, ?5)",
        )?
        .execute(params![
            zone,
            entry.operator.as_str(),
            entry.reason.as_deref(),
            time,
            serde_json::to_string(&entry.known_as).unwrap_or_default()
        ])?;
    Ok(())
}

/// What an opened peer is known by closes nobody any more. Another peer that is closed stays so by the rest of its names.
fn forget_names(transaction: &Transaction<'_>, opened: &[Text]) -> rusqlite::Result<()> {
    for mut closed in closed_links(transaction)? {
        let before = closed.known_as.len();
        let is_opened = |name: &String| opened.iter().any(|opened| opened.as_str() == name);
        closed.known_as.retain(|name| !is_opened(name));
        if closed.known_as.len() < before {
            let kept = serde_json::to_string(&closed.known_as).unwrap_or_default();
            transaction
                .prepare_cached("UPDATE links SET known_as = ?2 WHERE zone = ?1")?
                .execute(params![closed.peer, kept])?;
        }
    }
    Ok(())
}

pub(super) fn json(label: Option<&LabelValue>) -> String {
    label.map_or_else(|| "null".to_owned(), |label| label.as_value().to_string())
}
