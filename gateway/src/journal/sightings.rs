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
    for finding in event
        .findings
        .iter()
        .filter(|finding| !finding.value.is_empty())
    {
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

/// The newest of each detector and strength in a room since a moment: many of one cannot hide a few of another.
pub(super) fn since(
    connection: &Connection,
    link: &str,
    room_id: &str,
    since: i64,
) -> rusqlite::Result<Vec<Sighting>> {
    let sql = "SELECT detector, value, strength FROM (
            SELECT detector, value, strength, row_number() OVER (PARTITION BY detector, strength ORDER BY time DESC) AS place
            FROM sightings WHERE link = ?1 AND room_id = ?2 AND time > ?3)
        WHERE place <= ?4";
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

/// Forgets the oldest of each link beyond `most`: what floods one link takes nothing from another.
pub(super) fn cap(transaction: &Transaction<'_>, most: u64) -> rusqlite::Result<()> {
    let most = i64::try_from(most).unwrap_or(i64::MAX);
    let links: Vec<String> = transaction
        .prepare("SELECT DISTINCT link FROM sightings")?
        .query_map([], |row| row.get(0))?
        .collect::<rusqlite::Result<_>>()?;
    for link in links {
        let sql = "DELETE FROM sightings WHERE link = ?1 AND time <= (
            SELECT time FROM sightings WHERE link = ?1 ORDER BY time DESC LIMIT 1 OFFSET ?2)";
        transaction.execute(sql, params![link, most])?;
    }
    Ok(())
}

/// A word that nobody wrote counts as the surest.
fn strength(word: &str) -> Strength {
    serde_json::from_value(word.into()).unwrap_or(Strength::High)
}
