//! An index of documents: their fingerprints, sorted, each with the number of its document.

use serde::{Deserialize, Serialize};

use super::print::Printed;
use super::{MIN_SHARED, Overlap, Print, QUOTE_SLACK_WORDS, SHINGLE_WORDS, STRETCH};
use crate::dlp::budget::{Budget, ScanError};
use crate::dlp::index::{Filter, IndexError, IndexKey, Words, bytes, lower_bound};

/// Bytes of an entry: fingerprint and document.
const ENTRY_BYTES: usize = 12;

#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Header {
    name: String,
    documents: usize,
    entries: usize,
}

/// Documents that were read.
#[derive(Clone)]
pub(crate) struct Shelf {
    name: String,
    print: Print,
    /// Fingerprints of each document.
    counts: Vec<u32>,
    entries: Vec<u8>,
    filter: Filter,
}

/// A fingerprint of the text that a document has too.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct Shared {
    document: u32,
    /// Number of the fingerprint in the text.
    number: usize,
    print: u64,
}

/// What is enough to be found.
#[derive(Clone, Copy, Debug)]
pub(super) struct Wanted {
    /// The least overlap.
    pub(super) overlap: f64,
    /// Or so many words in a row.
    pub(super) quote: Option<usize>,
}

/// Header and body of a file.
pub(crate) fn write(
    name: &str,
    counts: &[u32],
    entries: &[(u64, u32)],
) -> (serde_json::Result<Vec<u8>>, Vec<u8>) {
    let header = Header {
        name: name.to_owned(),
        documents: counts.len(),
        entries: entries.len(),
    };
    let mut body: Vec<u8> = counts
        .iter()
        .flat_map(|count| count.to_le_bytes())
        .collect();
    for (print, document) in entries {
        body.extend(print.to_le_bytes());
        body.extend(document.to_le_bytes());
    }
    (serde_json::to_vec(&header), body)
}

impl Shelf {
    pub(crate) fn read(header: &[u8], body: &[u8], key: &IndexKey) -> Result<Self, IndexError> {
        let header: Header = serde_json::from_slice(header).map_err(|_| IndexError::Kind)?;
        let count_bytes = header.documents.checked_mul(4).ok_or(IndexError::Changed)?;
        let (counts, entries) = body
            .split_at_checked(count_bytes)
            .ok_or(IndexError::Changed)?;
        if Some(entries.len()) != header.entries.checked_mul(ENTRY_BYTES) {
            return Err(IndexError::Changed);
        }
        let counts = counts.chunks_exact(4);
        let prints: Vec<u64> = entries
            .chunks_exact(ENTRY_BYTES)
            .map(|entry| bytes(entry, 0).map_or(0, u64::from_le_bytes))
            .collect();
        Ok(Self {
            print: Print::new(key, &header.name),
            name: header.name,
            counts: counts
                .map(|count| bytes(count, 0).map_or(0, u32::from_le_bytes))
                .collect(),
            entries: entries.to_vec(),
            filter: Filter::of(&prints),
        })
    }

    pub(crate) fn name(&self) -> &str {
        &self.name
    }

    /// What `words` share with the document that they share most with, where it is enough.
    pub(super) fn find(
        &self,
        words: &Words,
        wanted: Wanted,
        budget: &mut Budget,
    ) -> Result<Option<Overlap>, ScanError> {
        let prints = self.print.of(words);
        budget.lookups(prints.len())?;
        let mut shared = Vec::new();
        for (number, (print, _)) in prints.iter().enumerate() {
            if self.filter.may_have(*print) {
                self.take(*print, number, budget, &mut shared)?;
            }
        }
        shared.sort_unstable();
        let mut best: Option<Overlap> = None;
        for of_one in shared.chunk_by(|left, right| left.document == right.document) {
            let Some(overlap) = self.overlap(of_one, prints.len()) else {
                continue;
            };
            let run = match overlap >= wanted.overlap && is_enough(of_one, prints.len()) {
                true => of_one,
                false => match quoted(of_one, &prints, wanted.quote) {
                    Some(run) => run,
                    None => continue,
                },
            };
            if best.is_none_or(|best| overlap > best.overlap) {
                best = span(run, &prints, words).map(|(start, end)| Overlap {
                    start,
                    end,
                    overlap,
                });
            }
        }
        Ok(best)
    }

    /// Adds every document that has a fingerprint.
    fn take(
        &self,
        print: u64,
        number: usize,
        budget: &mut Budget,
        shared: &mut Vec<Shared>,
    ) -> Result<(), ScanError> {
        let count = self.entries.len() / ENTRY_BYTES;
        let from = lower_bound(0..count, |at| self.entry(at).0 < print);
        let of_print = (from..count)
            .map(|at| self.entry(at))
            .take_while(|entry| entry.0 == print);
        for (_, document) in of_print {
            budget.lookups(1)?;
            shared.push(Shared {
                document,
                number,
                print,
            });
        }
        Ok(())
    }

    fn entry(&self, at: usize) -> (u64, u32) {
        let at = at * ENTRY_BYTES;
        let print = bytes(&self.entries, at).map_or(0, u64::from_le_bytes);
        let document = bytes(&self.entries, at + 8).map_or(0, u32::from_le_bytes);
        (print, document)
    }

    /// The overlap with one document, of which these are shared, in their order.
    #[expect(clippy::cast_precision_loss, reason = "counts far below 2^52")]
    fn overlap(&self, shared: &[Shared], all: usize) -> Option<f64> {
        let stretch = all.min(STRETCH);
        let of_text = densest(shared, stretch) as f64 / stretch.max(1) as f64;
        let document = *self.counts.get(shared.first()?.document as usize)?;
        let of_document = different(shared) as f64 / f64::from(document.max(1));
        Some(of_text.max(of_document))
    }
}

/// Whether these are enough to say what part of a text they are. A short text that is nothing but a quote has few of them,
/// and shares all.
fn is_enough(shared: &[Shared], all: usize) -> bool {
    different(shared) >= MIN_SHARED.min(all)
}

fn different(shared: &[Shared]) -> usize {
    let mut prints: Vec<u64> = shared.iter().map(|shared| shared.print).collect();
    prints.sort_unstable();
    prints.dedup();
    prints.len()
}

/// The first run of shared fingerprints, with none of the text's own between them, that a quote of so many words may leave.
///
/// A quote leaves one at least: between the first window that lies wholly in it and the last, text and document choose the
/// same, and a fingerprint of a window that reaches out of the quote cannot stand between those. The first of them begins
/// within [`WINDOW_SHINGLES`](super::WINDOW_SHINGLES) - 1 words of the quote's beginning, the last ends as near its end.
fn quoted<'s>(
    shared: &'s [Shared],
    prints: &[Printed],
    quote: Option<usize>,
) -> Option<&'s [Shared]> {
    let least = quote?.saturating_sub(QUOTE_SLACK_WORDS);
    let place = |shared: &Shared| prints.get(shared.number).map_or(0, |print| print.1);
    shared
        .chunk_by(|left, right| left.number + 1 == right.number)
        .find(|run| {
            let words = run.first().zip(run.last());
            words.is_some_and(|(first, last)| place(last) + SHINGLE_WORDS - place(first) >= least)
        })
}

/// The bytes from the first of these to the last.
fn span(shared: &[Shared], prints: &[Printed], words: &Words) -> Option<(usize, usize)> {
    let word = |shared: &Shared, further| words.get(prints.get(shared.number)?.1 + further);
    let first = word(shared.first()?, 0)?;
    let last = word(shared.last()?, SHINGLE_WORDS - 1)?;
    Some((first.start, last.end))
}

/// How many of these lie within one stretch of the text, at most.
fn densest(shared: &[Shared], stretch: usize) -> usize {
    let mut from = 0;
    let mut most = 0;
    for (at, last) in shared.iter().enumerate() {
        while shared[from].number + stretch <= last.number {
            from += 1;
        }
        most = most.max(at + 1 - from);
    }
    most
}

impl std::fmt::Debug for Shelf {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Shelf")
            .field("name", &self.name)
            .finish_non_exhaustive()
    }
}
