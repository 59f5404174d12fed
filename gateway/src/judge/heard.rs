//! What was said around each event of a body by its sender in its room, so that a value that is split over messages is
//! found in the one that completes it.
//!
//! All events of a body count as said, also those that are denied: at worst more is denied.

use std::collections::BTreeMap;

use sluice_policy::dlp::{Around, Part};

use crate::collect::{Case, Collected, Material};
use crate::window::Speaker;

/// The texts around one event. They are never shown.
pub(super) struct Heard {
    before: Vec<String>,
    after: Vec<String>,
    html_before: Vec<String>,
    html_after: Vec<String>,
}

impl Heard {
    fn of(around: &Around<'_>) -> Self {
        let owned = |texts: &[&str]| texts.iter().map(|text| (*text).to_owned()).collect();
        Self {
            before: owned(&around.before),
            after: owned(&around.after),
            html_before: owned(&around.html_before),
            html_after: owned(&around.html_after),
        }
    }

    pub(super) fn around(&self) -> Around<'_> {
        Around {
            before: lent(&self.before),
            after: lent(&self.after),
            html_before: lent(&self.html_before),
            html_after: lent(&self.html_after),
        }
    }
}

fn lent(texts: &[String]) -> Vec<&str> {
    texts.iter().map(String::as_str).collect()
}

/// Never the texts.
impl std::fmt::Debug for Heard {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.around().fmt(f)
    }
}

/// What was said around each event that says something, by its place among the cases.
pub(super) fn all(collected: &Collected) -> BTreeMap<usize, Heard> {
    let Some(visit) = &collected.visit else {
        return BTreeMap::new();
    };
    let mut heard = BTreeMap::new();
    for (speaker, parts) in by_speaker(&collected.cases) {
        let mut window = visit.window(speaker);
        for (at, part) in parts {
            let around = window.around_part(part);
            heard.insert(at, Heard::of(&around));
            window.push(part.clone());
        }
    }
    heard
}

/// The parts of each speaker in the order of sending; of one moment in that of the body.
fn by_speaker(cases: &[Case]) -> BTreeMap<&Speaker, Vec<(usize, &Part)>> {
    let mut speakers: BTreeMap<&Speaker, Vec<(usize, &Part)>> = BTreeMap::new();
    for (at, case) in cases.iter().enumerate() {
        if let Ok(Material::Pdu(case)) = &case.material
            && let Some((speaker, part)) = &case.said
        {
            speakers.entry(speaker).or_default().push((at, part));
        }
    }
    for parts in speakers.values_mut() {
        parts.sort_by_key(|(at, part)| (part.sent_ms, *at));
    }
    speakers
}
