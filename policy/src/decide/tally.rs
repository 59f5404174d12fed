//! How often: what detectors found in one unit, and in its room within the hour (DL-5).
//!
//! ```text
//! journal: values seen in the room ─┐
//! units of this call, in their order ┴─> Tally ─> count, distinct, distinct_in_hour of each finding
//! ```
//!
//! Invariant: values are counted by their keyed hashes, and each once. A unit that comes again adds nothing.

use std::collections::{BTreeMap, BTreeSet};

use super::UnitFacts;
use crate::dlp::{Finding, Strength};

/// Milliseconds that a value counts for its room: an hour.
pub const SIGHTING_MS: i64 = 3_600_000;

/// Values of one room that are counted at most; beyond them a table's threshold is long passed.
pub const SIGHTINGS: usize = 1024;

/// A value that a detector found in a room.
#[derive(Clone, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub struct Sighting {
    /// Id of the detector.
    pub detector: String,
    /// Keyed hash of the value.
    pub value: String,
    /// How sure it was.
    pub strength: Strength,
}

/// What the units of one call have shown so far, by room.
#[derive(Debug, Default)]
pub(super) struct Tally<'a> {
    rooms: BTreeMap<&'a str, BTreeSet<Sighting>>,
}

/// The numbers of one finding.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub(super) struct Numbers {
    pub(super) count: usize,
    pub(super) distinct: usize,
    pub(super) distinct_in_hour: usize,
}

impl<'a> Tally<'a> {
    /// The numbers of a unit's findings, in their order; the room remembers them for the units that follow.
    pub(super) fn numbers(&mut self, unit: &UnitFacts<'a>, findings: &[Finding]) -> Vec<Numbers> {
        if findings.is_empty() {
            return Vec::new();
        }
        let own: BTreeSet<Sighting> = findings.iter().flat_map(sightings).collect();
        let room = unit.room_id.unwrap_or_default();
        let seen = self.rooms.entry(room).or_default();
        let before = unit.seen.iter().chain(&own).cloned();
        seen.extend(before.take(SIGHTINGS + own.len()));
        let numbers = |finding: &Finding| Numbers {
            count: findings.iter().filter(|other| is_as_sure(finding, &other.detector, other.strength)).count(),
            distinct: distinct(finding, &own),
            distinct_in_hour: distinct(finding, if unit.room_id.is_some() { seen } else { &own }),
        };
        findings.iter().map(numbers).collect()
    }
}

/// Of the same detector, and at least as sure.
fn is_as_sure(finding: &Finding, detector: &str, strength: Strength) -> bool {
    detector == finding.detector && strength >= finding.strength
}

/// One value may have been seen with several strengths.
fn distinct(finding: &Finding, seen: &BTreeSet<Sighting>) -> usize {
    let same = seen
        .iter()
        .filter(|seen| is_as_sure(finding, &seen.detector, seen.strength));
    same.map(|seen| &seen.value).collect::<BTreeSet<_>>().len()
}

/// One place may hold several values, such as a blob that unpacks to them.
fn sightings(finding: &Finding) -> impl Iterator<Item = Sighting> {
    finding.values.iter().map(|value| Sighting {
        detector: finding.detector.clone(),
        value: value.to_string(),
        strength: finding.strength,
    })
}
