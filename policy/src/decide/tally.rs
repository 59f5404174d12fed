//! How often: what detectors found in one unit, and in its room within the hour (DL-5).
//!
//! ```text
//! journal: values seen in the room ─┐
//! units of this call, in their order ┴─> Tally ─> count, distinct, distinct_in_hour of each finding
//! ```
//!
//! Detectors of one name are counted together, whatever their pack: three account numbers are three, be they German
//! (`de.iban`) or not (`eu.iban`). Invariant: values are counted by their keyed hashes, and each once. A unit that comes
//! again adds nothing.

use std::collections::BTreeMap;

use super::UnitFacts;
use crate::dlp::{Finding, Strength};

/// Milliseconds that a value counts for its room: an hour.
pub const SIGHTING_MS: i64 = 3_600_000;

/// Values of one detector in one room that are counted at most; beyond them a table's threshold is long passed.
pub const SIGHTINGS: usize = 64;

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

/// What the units of one call have shown so far, by room and detector's name.
#[derive(Debug, Default)]
pub(super) struct Tally<'a> {
    rooms: BTreeMap<(&'a str, String), Values>,
}

/// Different values, each with the greatest strength that it was seen with.
type Values = BTreeMap<String, Strength>;

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
        let mut own: BTreeMap<&str, Values> = BTreeMap::new();
        for finding in findings {
            let values = own.entry(name(&finding.detector)).or_default();
            for value in &finding.values {
                note(values, &value.to_string(), finding.strength);
            }
        }
        let mut numbers: BTreeMap<(&str, Strength), Numbers> = BTreeMap::new();
        for (name, values) in &own {
            let in_hour = self.in_hour(unit, name, values);
            for strength in [Strength::Low, Strength::Medium, Strength::High] {
                let counted = Numbers {
                    count: count(findings, name, strength),
                    distinct: distinct(values, strength).max(1),
                    distinct_in_hour: distinct(in_hour.unwrap_or(values), strength).max(1),
                };
                numbers.insert((name, strength), counted);
            }
        }
        let of = |finding: &Finding| {
            let key = (name(&finding.detector), finding.strength.max(Strength::Low));
            numbers.get(&key).copied().unwrap_or_default()
        };
        findings.iter().map(of).collect()
    }

    /// What the room has shown under this name, the unit's own values with it; `None` for what is of no room.
    fn in_hour(&mut self, unit: &UnitFacts<'a>, name: &str, own: &Values) -> Option<&Values> {
        let room = unit.room_id?;
        let values = self.rooms.entry((room, name.to_owned())).or_default();
        let seen = unit
            .seen
            .iter()
            .filter(|seen| self::name(&seen.detector) == name);
        let seen = seen.map(|seen| (seen.value.as_str(), seen.strength));
        let own = own
            .iter()
            .map(|(value, strength)| (value.as_str(), *strength));
        for (value, strength) in seen.chain(own) {
            // Strong values make room for nobody, and nobody keeps them out.
            if values.len() < CAP || values.contains_key(value) || strength > Strength::Low {
                note(values, value, strength);
            }
        }
        Some(values)
    }
}

/// Weak values of one name in one room that are counted at most.
const CAP: usize = 4 * SIGHTINGS;

/// A detector's id without its pack.
fn name(id: &str) -> &str {
    id.split_once('.').map_or(id, |(_, name)| name)
}

fn note(values: &mut Values, value: &str, strength: Strength) {
    let known = values.entry(value.to_owned()).or_insert(strength);
    *known = strength.max(*known);
}

fn count(findings: &[Finding], name: &str, strength: Strength) -> usize {
    let same = findings
        .iter()
        .filter(|finding| self::name(&finding.detector) == name);
    same.filter(|finding| finding.strength >= strength).count()
}

fn distinct(values: &Values, strength: Strength) -> usize {
    values.values().filter(|seen| **seen >= strength).count()
}
