//! The detectors over joined texts.

use super::joined::{Place, joined};
use super::{Around, MAX_SAID, Said, WINDOW_BYTES};
use crate::dlp::budget::within;
use crate::dlp::scan::{Hit, Scanner};
use crate::dlp::{Detectors, Finding, Scan, ScanError};

impl Detectors {
    /// What the texts of an event show only together with those around it, or with each other; see [`super::said`].
    ///
    /// A finding stands in the text of the event that it reaches into, cut to that text. What an event's texts show alone
    /// is not repeated, unless what was said around makes it surer; [`Detectors::scan_together`] shows both.
    ///
    /// # Errors
    /// [`ScanError`]: part of the texts was not looked at, so the caller must deny.
    pub fn scan_window(
        &self,
        options: &Scan<'_>,
        around: &Around<'_>,
        current: &[Said<'_>],
    ) -> Result<Vec<Finding>, ScanError> {
        let mut scanner = Scanner::new(self, *options, "");
        scanner.window(around, current)?;
        Ok(scanner.finish())
    }
}

impl Scanner<'_> {
    /// All ways to read the texts, out of the budget of this scan. Values around the event count among the different ones,
    /// though they are no findings of it.
    pub(in crate::dlp) fn window(
        &mut self,
        around: &Around<'_>,
        current: &[Said<'_>],
    ) -> Result<(), ScanError> {
        looked_at(around, current)?;
        let mut alone = Alone::of(current);
        for seen in joined(around, current) {
            for hit in self.look(&seen.text)? {
                self.count(&hit);
                let Some(place) = seen.place(hit.start, hit.end) else {
                    continue;
                };
                let Some(said) = current.get(place.current) else {
                    continue;
                };
                if place.whole && alone.shows(self, &place, &hit)? {
                    continue;
                }
                self.keep(&said.pointer, said.span(place.start, place.end), hit)?;
            }
        }
        Ok(())
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
    found: Vec<Option<Vec<Hit>>>,
}

impl<'a> Alone<'a> {
    fn of(current: &'a [Said<'a>]) -> Self {
        Self {
            current,
            found: vec![None; current.len()],
        }
    }

    /// Whether a text shows a hit as surely by itself.
    fn shows(
        &mut self,
        scanner: &mut Scanner<'_>,
        place: &Place,
        hit: &Hit,
    ) -> Result<bool, ScanError> {
        let number = place.current;
        let (Some(said), Some(found)) = (self.current.get(number), self.found.get_mut(number))
        else {
            return Ok(false);
        };
        let known = match found {
            Some(known) => known,
            None => found.insert(scanner.look(&said.text)?),
        };
        Ok(known.iter().any(|alone| {
            alone.detector == hit.detector
                && alone.start < place.end
                && place.start < alone.end
                && alone.strength >= hit.strength
        }))
    }
}
