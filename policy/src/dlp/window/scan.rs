//! The detectors over joined texts.

use super::joined::{Place, joined};
use super::{Around, MAX_SAID, Said, WINDOW_BYTES};
use crate::dlp::budget::{MAX_FINDINGS, within};
use crate::dlp::scan::Scanner;
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
        looked_at(around, current)?;
        // One scan, so that all ways to read the texts share one budget.
        let mut scanner = Scanner::new(self, *options, "");
        let mut alone = Alone::of(current);
        let mut findings: Vec<Finding> = Vec::new();
        for seen in joined(around, current) {
            for finding in scanner.text(&seen.text)? {
                let Some(place) = seen.place(finding.start, finding.end) else {
                    continue;
                };
                let Some(said) = current.get(place.current) else {
                    continue;
                };
                if place.whole && alone.shows(&mut scanner, &place, &finding)? {
                    continue;
                }
                let (start, end) = said.span(place.start, place.end);
                let field = said.pointer.clone();
                add(
                    &mut findings,
                    Finding {
                        field,
                        start,
                        end,
                        ..finding
                    },
                );
                within(findings.len(), MAX_FINDINGS, "findings")?;
            }
        }
        Ok(findings)
    }
}

/// Fails where not all of what was said can be read together.
fn looked_at(around: &Around<'_>, current: &[Said<'_>]) -> Result<(), ScanError> {
    within(current.len(), MAX_SAID, "texts of one event")?;
    let bytes = |one: &[&str], other: &[&str]| {
        let texts = one.iter().chain(other);
        texts.map(|text| text.len()).sum()
    };
    let what = "bytes of messages around one";
    within(bytes(&around.before, &around.after), WINDOW_BYTES, what)?;
    within(
        bytes(&around.html_before, &around.html_after),
        WINDOW_BYTES,
        what,
    )
}

/// What each text of the event shows alone, looked at where it is asked for.
struct Alone<'a> {
    current: &'a [Said<'a>],
    found: Vec<Option<Vec<Finding>>>,
}

impl<'a> Alone<'a> {
    fn of(current: &'a [Said<'a>]) -> Self {
        Self {
            current,
            found: vec![None; current.len()],
        }
    }

    /// Whether a text shows a finding as surely by itself.
    fn shows(
        &mut self,
        scanner: &mut Scanner<'_>,
        place: &Place,
        finding: &Finding,
    ) -> Result<bool, ScanError> {
        let number = place.current;
        let (Some(said), Some(found)) = (self.current.get(number), self.found.get_mut(number))
        else {
            return Ok(false);
        };
        let known = match found {
            Some(known) => known,
            None => found.insert(scanner.text(&said.text)?),
        };
        Ok(known.iter().any(|alone| {
            alone.detector == finding.detector
                && alone.start < place.end
                && place.start < alone.end
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
