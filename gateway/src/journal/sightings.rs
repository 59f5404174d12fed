//! What detectors found in a room lately, for thresholds over the room and the hour (DL-5). Values stand here by their
//! keyed hashes, as in the audit log, from which this can be rebuilt.

use rusqlite::{Connection, Transaction, params};
use sluice_policy::decide::{SIGHTINGS, Sighting};
use sluice_policy::dlp::Strength;

use crate::audit::entry::EventEntry;

/// Notes each value of an event's line; one that was seen before was seen again now.
pub(super) fn note(
    transaction: &Transaction<'_>,
    event: &EventEntry,
    time: i64,
) -> rusqlite::Result<()> {
    let Some(room_id) = event.room_id.as_deref() else {
        return Ok(());
    };
    let sql = "INSERT OR REPLACE INTO sightings (link, room_id, detector, value, strength, time)
        VALUES (?1, ?2, ?3, ?4, ?5, ?6)";
    for finding in event.findings.iter().filter(|finding| !finding.value.is_empty()) {
        transaction.prepare_cached(sql)?.execute(params![
            event.link.as_str(),
            room_id,
            finding.detector.as_str(),
            finding.value.as_str(),
            finding.strength.as_str(),
            time
        ])?;
    }
    Ok(())
}

/// The newest of a room since a moment.
pub(super) fn since(
    connection: &Connection,
    link: &str,
    room_id: &str,
    since: i64,
) -> rusqlite::Result<Vec<Sighting>> {
    let sql = "SELECT detector, value, strength FROM sightings WHERE link = ?1 AND room_id = ?2 AND time > ?3
        ORDER BY time DESC LIMIT ?4";
    let most = i64::try_from(SIGHTINGS).unwrap_or(i64::MAX);
    let mut statement = connection.prepare_cached(sql)?;
    let rows = statement.query_map(params![link, room_id, since, most], |row| {
        Ok(Sighting {
            detector: row.get(0)?,
            value: row.get(1)?,
            strength: strength(&row.get::<_, String>(2)?),
        })
    })?;
    rows.collect()
}

/// A word that nobody wrote counts as the surest.
fn strength(word: &str) -> Strength {
    serde_json::from_value(word.into()).unwrap_or(Strength::High)
}
