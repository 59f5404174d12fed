//! What homeservers and gateways leave behind, read from outside: databases, files, audit lines.

#![allow(
    clippy::panic,
    reason = "evidence that cannot be read has to stop the test, loudly"
)]

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::Duration;

use rusqlite::{Connection, OpenFlags};
use serde_json::Value;
use sluice::demo::synapse::Synapse;
use sluice::demo::trail;
use sluice::demo::zone::Zone;
use sluice::route;

/// Event id to content.
pub type Events = BTreeMap<String, Value>;

/// The events of a room that a homeserver holds as part of the room's history, read from its database.
///
/// # Panics
/// When the database cannot be read.
#[must_use]
pub fn events(synapse: &Synapse, room: &str) -> Events {
    let path = synapse.database();
    let read = || -> rusqlite::Result<Vec<(String, String)>> {
        let database = Connection::open_with_flags(&path, OpenFlags::SQLITE_OPEN_READ_ONLY)?;
        database.busy_timeout(BUSY)?;
        let mut statement = database.prepare(EVENTS)?;
        let rows = statement.query_map([room], |row| Ok((row.get(0)?, row.get(1)?)))?;
        rows.collect()
    };
    let rows = read().unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    rows.into_iter()
        .map(|(id, json)| {
            let event: Value = serde_json::from_str(&json)
                .unwrap_or_else(|error| panic!("{id} is no JSON: {error}"));
            (id, event["content"].clone())
        })
        .collect()
}

/// One event as a homeserver holds it, with what goes over federation.
///
/// # Panics
/// When the homeserver does not have it.
#[must_use]
pub fn event(synapse: &Synapse, event_id: &str) -> Value {
    let path = synapse.database();
    let read = || -> rusqlite::Result<String> {
        let database = Connection::open_with_flags(&path, OpenFlags::SQLITE_OPEN_READ_ONLY)?;
        database.busy_timeout(BUSY)?;
        let sql = "SELECT json FROM event_json WHERE event_id = ?1";
        database.query_row(sql, [event_id], |row| row.get(0))
    };
    let json = read().unwrap_or_else(|error| panic!("{event_id} in {}: {error}", path.display()));
    serde_json::from_str(&json).unwrap_or_else(|error| panic!("{event_id} is no JSON: {error}"))
}

/// Operations that a gateway's audit log says were passed to its own homeserver, with their numbers.
///
/// # Panics
/// When the log cannot be read.
#[must_use]
pub fn recorded_at_border(zone: &Zone) -> BTreeMap<String, usize> {
    let lines = trail::of_kind(&zone.audit(), "request")
        .unwrap_or_else(|error| panic!("the audit log: {error}"));
    let reaches_us = |line: &&Value| match line["face"].as_str() {
        Some("border") => line["own"] != true,
        Some("own") => line["destination"] == zone.server_name(),
        _ => false,
    };
    let ops = lines
        .iter()
        .filter(reaches_us)
        .map(|line| line["op"].as_str().unwrap_or("?").to_owned());
    tally(ops)
}

/// Operations that a homeserver's own log says it served on its federation socket, with their numbers.
///
/// # Panics
/// When the log cannot be read.
#[must_use]
pub fn served(synapse: &Synapse) -> BTreeMap<String, usize> {
    let requests = synapse
        .federation_requests()
        .unwrap_or_else(|error| panic!("the homeserver's log: {error}"));
    tally(requests.into_iter().map(|(method, target)| {
        route::route(&method, &target).map_or_else(
            |_| format!("{method} {target}"),
            |route| route.endpoint.op.as_str().to_owned(),
        )
    }))
}

fn tally(names: impl Iterator<Item = String>) -> BTreeMap<String, usize> {
    let mut counts = BTreeMap::new();
    for name in names {
        *counts.entry(name).or_default() += 1;
    }
    counts
}

/// All files below a folder (or the file itself) that hold `needle`, byte for byte.
///
/// # Panics
/// When a file cannot be read; one that goes away meanwhile is passed over.
#[must_use]
pub fn files_with(place: &Path, needle: &str) -> Vec<PathBuf> {
    let mut found = Vec::new();
    let Ok(kind) = std::fs::metadata(place) else {
        return found;
    };
    if kind.is_dir() {
        let entries =
            std::fs::read_dir(place).unwrap_or_else(|error| panic!("{}: {error}", place.display()));
        for entry in entries.flatten() {
            found.extend(files_with(&entry.path(), needle));
        }
    } else if kind.is_file() {
        let bytes = std::fs::read(place).unwrap_or_default();
        let needle = needle.as_bytes();
        if bytes.windows(needle.len()).any(|window| window == needle) {
            found.push(place.to_owned());
        }
    }
    found
}

const BUSY: Duration = Duration::from_secs(10);
/// Neither outliers (known only as grounds for other events) nor rejected events are part of the history.
const EVENTS: &str = "SELECT events.event_id, event_json.json FROM events JOIN event_json USING (event_id) \
                      LEFT JOIN rejections USING (event_id) \
                      WHERE events.room_id = ?1 AND NOT events.outlier AND rejections.event_id IS NULL";

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests may stop at the first surprise")]
    use super::*;

    #[test]
    fn a_needle_is_found_in_any_file_below() {
        let folder = tempfile::tempdir().unwrap();
        let below = folder.path().join("below");
        std::fs::create_dir(&below).unwrap();
        std::fs::write(below.join("raw"), b"\x00\xffneedle\x00").unwrap();
        assert_eq!(files_with(folder.path(), "needle"), [below.join("raw")]);
        assert!(files_with(folder.path(), "other").is_empty());
    }
}
