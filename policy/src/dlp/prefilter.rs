//! Which detectors a text calls for, so that a clean message costs the same however many detectors there are.
//!
//! ```text
//!  text ─→ words (keywords, phrases, what patterns cannot match without) ─┐
//!       ─→ shapes of four bytes, digits near each other ──────────────────┴→ detectors, and of them patterns
//! ```
//!
//! Invariant: what is left out here cannot match. Keywords are the author's word for it; everything else is read off
//! the pattern, and a text with letters or digits that ASCII knows nothing of passes these tests unseen.

mod digits;
mod literals;
mod shape;
mod words;

use regex_syntax::hir::Hir;

use self::{digits::Digits, literals::FOLDED, shape::Shapes, words::Words};
use super::{
    budget::{Budget, ScanError},
    detector::{Detector, Source},
};

pub(super) use self::words::{Word, spellings};

/// Words found in a text before those found twice are put together.
const MAX_LOOSE_HITS: usize = 4096;
/// What comparing a word costs, in bytes searched.
const BYTES_PER_WORD: usize = 8;

/// What every match of one pattern has.
#[derive(Clone, Debug, Default)]
pub(super) struct Needs {
    /// Any of these; empty where none is known.
    words: Vec<Word>,
    /// Their numbers, once they are among those that are looked for.
    ids: Vec<u32>,
    digits: usize,
    longest: Option<usize>,
    shapes: Option<Shapes>,
}

/// What a text has.
pub(super) struct Facts {
    /// Numbers of the words in it, in order.
    words: Vec<u32>,
    /// True where letters or digits stand in it that only Unicode takes for those of ASCII.
    odd: bool,
    digits: Digits,
    shapes: Shapes,
}

/// The search that all detectors share.
#[derive(Clone, Debug, Default)]
pub(super) struct Prefilter {
    words: Words,
    /// Detectors that a word calls, by its number.
    callers: Vec<Vec<u32>>,
    /// Detectors that no word calls.
    always: Vec<u32>,
    /// Detectors that only words read off their patterns call.
    derived: Vec<u32>,
}

impl Needs {
    pub(super) fn of(hir: &Hir) -> Needs {
        Needs {
            words: literals::of(hir).unwrap_or_default(),
            ids: Vec::new(),
            digits: digits::of_pattern(hir),
            longest: hir.properties().maximum_len(),
            shapes: Shapes::of_pattern(hir),
        }
    }

    /// True where the pattern may match.
    pub(super) fn allow(&self, facts: &Facts) -> bool {
        facts.odd
            || (self.shapes.is_none_or(|shapes| shapes.meets(facts.shapes))
                && facts.digits.has(self.digits, self.longest)
                && (self.ids.is_empty() || self.ids.iter().any(|id| facts.has(*id))))
    }
}

impl Facts {
    fn has(&self, word: u32) -> bool {
        self.words.binary_search(&word).is_ok()
    }
}

impl Prefilter {
    /// Takes the words of all detectors, and gives their patterns the numbers of theirs.
    pub(super) fn new(list: &mut [Detector]) -> Prefilter {
        let mut filter = Prefilter::default();
        for (index, detector) in (0..).zip(list) {
            filter.add(index, detector);
        }
        filter.words.build();
        filter
    }

    fn add(&mut self, index: u32, detector: &mut Detector) {
        let mut derived = Some(Vec::new());
        match &mut detector.source {
            Source::Text { patterns, phrases } => {
                for (pattern, _) in patterns {
                    let needs = pattern.needs_mut();
                    needs.ids = needs
                        .words
                        .drain(..)
                        .map(|word| self.words.add(word))
                        .collect();
                    needs.ids.sort_unstable();
                    derived = derived.filter(|_| !needs.ids.is_empty());
                    derived.iter_mut().for_each(|ids| ids.extend(&needs.ids));
                }
                for word in phrases
                    .iter_mut()
                    .flat_map(|phrases| phrases.words.drain(..))
                {
                    let id = self.words.add(word);
                    derived.iter_mut().for_each(|ids| ids.push(id));
                }
            }
            Source::Check(_) | Source::Index(_) => derived = None,
        }
        let keywords = detector.keywords.iter();
        let keywords: Vec<u32> = keywords
            .map(|word| self.words.add(Word::ignoring_case(word)))
            .collect();
        match derived {
            _ if !keywords.is_empty() => self.call(index, &keywords),
            Some(ids) => {
                self.derived.push(index);
                self.call(index, &ids);
            }
            None => self.always.push(index),
        }
    }

    fn call(&mut self, detector: u32, words: &[u32]) {
        for word in words {
            let word = *word as usize;
            if self.callers.len() <= word {
                self.callers.resize(word + 1, Vec::new());
            }
            self.callers[word].push(detector);
        }
    }

    /// What a text has, and the detectors that it calls for, in order.
    pub(super) fn look(
        &self,
        text: &str,
        budget: &mut Budget,
    ) -> Result<(Facts, Vec<u32>), ScanError> {
        let mut words = Vec::new();
        let compared = self.words.find(text, &mut |word| {
            if words.len() >= MAX_LOOSE_HITS {
                sort(&mut words);
            }
            words.push(word);
        });
        budget.searched(compared * BYTES_PER_WORD)?;
        sort(&mut words);
        let facts = Facts {
            words,
            odd: is_odd(text),
            digits: Digits::of_text(text),
            shapes: Shapes::of_text(text),
        };
        let called = self.called(&facts);
        Ok((facts, called))
    }

    fn called(&self, facts: &Facts) -> Vec<u32> {
        let mut called = self.always.clone();
        if facts.odd {
            called.extend(&self.derived);
        }
        let callers = facts
            .words
            .iter()
            .filter_map(|word| self.callers.get(*word as usize));
        callers.for_each(|detectors| called.extend(detectors));
        sort(&mut called);
        called
    }
}

fn sort(list: &mut Vec<u32>) {
    list.sort_unstable();
    list.dedup();
}

/// True for a text with a decimal digit of another script, or a letter that is an ASCII letter where case is ignored.
fn is_odd(text: &str) -> bool {
    !text.is_ascii()
        && (has_high_byte(text) || FOLDED.iter().any(|(letter, _)| text.contains(*letter)))
}

/// True where a byte begins a character of a script with digits: none of Latin, Greek or Cyrillic, of the punctuation
/// or of the emoji has such a one.
fn has_high_byte(text: &str) -> bool {
    let bytes = text.as_bytes();
    let high = |(at, byte): (usize, &u8)| match byte {
        0xf0 => !matches!(bytes.get(at + 1..at + 3), Some([0x9f, 0x8c..=0xa7])),
        0xe2 => false,
        byte => *byte >= 0xd9,
    };
    bytes.iter().enumerate().any(high)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::unicode::ascii_digit;

    #[test]
    fn every_digit_and_letter_that_ascii_does_not_know_is_odd() {
        let digits = ('\u{80}'..=char::MAX).filter(|c| ascii_digit(*c).is_some());
        for c in digits.chain(['\u{17f}', '\u{212a}']) {
            assert!(is_odd(&format!("a{c}b")), "{c:?}");
        }
        for text in ["Grüße", "„so“ – 5 €", "Привет", "😀 ja", "plain"] {
            assert!(!is_odd(text), "{text}");
        }
    }
}
