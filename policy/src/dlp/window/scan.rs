//! The detectors over joined texts.

use ruma_common::CanonicalJsonValue as Tree;

use super::{Around, Said, joined};
use crate::dlp::{Detectors, Finding, Scan, ScanError};

impl Detectors {
    /// What the texts of an event show only together with those around it, or with each other; see [`super::said`].
    ///
    /// A finding stands in the text of the event that it reaches into, cut to that text. What an event's texts show alone
    /// is not repeated, unless what was said around makes it surer.
    ///
    /// # Errors
    /// [`ScanError`]: part of the texts was not looked at, so the caller must deny.
    pub fn scan_window(
        &self,
        options: &Scan<'_>,
        around: &Around<'_>,
        current: &[Said<'_>],
    ) -> Result<Vec<Finding>, ScanError> {
        let mut alone = Alone {
            detectors: self,
            options,
            current,
            found: vec![None; current.len()],
        };
        let mut findings: Vec<Finding> = Vec::new();
        for seen in joined(around, current) {
            for finding in self.text(options, &seen.text)? {
                let Some(place) = seen.place(finding.start, finding.end) else {
                    continue;
                };
                let Some(said) = current.get(place.current) else {
                    continue;
                };
                let finding = Finding {
                    field: said.pointer.clone(),
                    start: place.start + said.offset,
                    end: place.end + said.offset,
                    ..finding
                };
                if !(place.whole && alone.shows(place.current, &finding)?) {
                    add(&mut findings, finding);
                }
            }
        }
        Ok(findings)
    }

    fn text(&self, options: &Scan<'_>, text: &str) -> Result<Vec<Finding>, ScanError> {
        self.scan_with(options, &Tree::String(text.to_owned()), "")
    }
}

/// What each text of the event shows alone, looked at where it is asked for.
struct Alone<'a> {
    detectors: &'a Detectors,
    options: &'a Scan<'a>,
    current: &'a [Said<'a>],
    found: Vec<Option<Vec<Finding>>>,
}

impl Alone<'_> {
    /// Whether a text shows a finding as surely by itself.
    fn shows(&mut self, number: usize, finding: &Finding) -> Result<bool, ScanError> {
        let (Some(said), Some(found)) = (self.current.get(number), self.found.get_mut(number))
        else {
            return Ok(false);
        };
        let known = match found {
            Some(known) => known,
            None => found.insert(self.detectors.text(self.options, said.text)?),
        };
        Ok(known.iter().any(|alone| {
            alone.detector == finding.detector
                && alone.start + said.offset < finding.end
                && finding.start < alone.end + said.offset
                && alone.strength >= finding.strength
        }))
    }
}

/// One finding per detector, field and span, with all its values; the greatest strength counts.
fn add(findings: &mut Vec<Finding>, finding: Finding) {
    let same = |known: &&mut Finding| {
        (&known.detector, &known.field, known.start, known.end)
            == (
                &finding.detector,
                &finding.field,
                finding.start,
                finding.end,
            )
    };
    match findings.iter_mut().find(same) {
        Some(known) => {
            known.strength = known.strength.max(finding.strength);
            known.values.extend(finding.values);
            known.values.sort_unstable();
            known.values.dedup();
        }
        None => findings.push(finding),
    }
}
