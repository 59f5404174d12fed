//! Documents as fingerprints: how much of a text stands in one of them, whatever stands around it.
//!
//! ```text
//! words ─▶ shingles of five ─▶ keyed hash ─▶ of each four the least (winnowing) ─▶ in which documents? ─▶ overlap
//! ```
//!
//! The same choice is made in documents and messages, so that a passage they share gives the same fingerprints. The overlap
//! is the greatest of: the part of the text that stands in one document; the same for each stretch of the text, so that
//! words added around a passage hide little; the part of a document that stands in the text. A detector that also asks for a
//! `quote` of N words finds each passage of N words or more, whatever stands around it.

mod print;
mod shelf;

use std::sync::Arc;

use serde::Deserialize;

use super::budget::{Budget, ScanError};
use super::exact::UseError;
use super::index::{Finder, Index, Kind, Words};

use shelf::Wanted;

pub(super) use print::Print;
pub(super) use shelf::{Shelf, write};

/// Words of a shingle.
pub const SHINGLE_WORDS: usize = 5;
/// Shorter texts and documents say too little to be compared, in words.
pub const MIN_WORDS: usize = 12;
/// Of so many shingles in a row one is kept at least: no passage longer than this and a shingle goes unseen.
pub const WINDOW_SHINGLES: usize = 4;
/// Fingerprints that a text must share with a document at least; one that has fewer must share all.
pub const MIN_SHARED: usize = 4;
/// Fingerprints of a stretch, in which overlap is looked for on its own: some 150 words.
pub const STRETCH: usize = 64;

/// Words of a quote that a detector may ask for at least.
pub const MIN_QUOTE_WORDS: usize = 12;
/// And at most.
pub const MAX_QUOTE_WORDS: usize = 1000;
/// Of a quote so many words may be without a fingerprint, at both ends together: there the windows reach into what stands
/// around it, which is not the same in the document.
pub const QUOTE_SLACK_WORDS: usize = 2 * (WINDOW_SHINGLES - 1);

/// Overlap that a detector may ask for at least.
const MIN_OVERLAP: f64 = 0.05;

/// The key `documents` of a detector, as it is written.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DocumentsSpec {
    /// Name of the index.
    pub index: String,
    /// The least part that counts.
    #[serde(default = "overlap")]
    pub overlap: f64,
    /// Words in a row that count by themselves, whatever stands around them.
    pub quote: Option<usize>,
}

/// A detector's comparison with documents.
#[derive(Clone, Debug)]
pub struct Documents {
    shelf: Arc<Shelf>,
    wanted: Wanted,
}

/// What a text shares with the document that it shares most with, or what it quotes from it.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Overlap {
    /// First byte of what is shared.
    pub start: usize,
    /// Byte after it.
    pub end: usize,
    /// From 0 to 1.
    pub overlap: f64,
}

impl Documents {
    /// The comparison that a detector asks for.
    ///
    /// # Errors
    /// [`UseError`], with the remedy.
    pub fn new(spec: &DocumentsSpec, index: &Index) -> Result<Self, UseError> {
        let Kind::Documents(shelf) = &index.0 else {
            return Err(UseError::NoDocuments);
        };
        if !(MIN_OVERLAP..=1.0).contains(&spec.overlap) {
            return Err(UseError::Overlap);
        }
        let words = MIN_QUOTE_WORDS..=MAX_QUOTE_WORDS;
        if spec.quote.is_some_and(|quote| !words.contains(&quote)) {
            return Err(UseError::Quote);
        }
        Ok(Self {
            shelf: Arc::clone(shelf),
            wanted: Wanted {
                overlap: spec.overlap,
                quote: spec.quote,
            },
        })
    }

    /// What a text shares with a document, where it is enough.
    ///
    /// # Errors
    /// [`ScanError::Budget`]: the text was not compared to its end.
    pub fn find(&self, text: &str) -> Result<Option<Overlap>, ScanError> {
        self.within(text, &mut Budget::default())
    }

    fn within(&self, text: &str, budget: &mut Budget) -> Result<Option<Overlap>, ScanError> {
        self.shelf.find(&Words::of(text), self.wanted, budget)
    }
}

impl Finder for Documents {
    fn find(&self, text: &str, budget: &mut Budget) -> Result<Vec<(usize, usize)>, ScanError> {
        let best = self.within(text, budget)?;
        Ok(best
            .map(|best| (best.start, best.end))
            .into_iter()
            .collect())
    }
}

const fn overlap() -> f64 {
    0.3
}

#[cfg(test)]
mod tests;
