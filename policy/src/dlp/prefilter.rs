//! Which detectors a text calls for, so that a clean message costs the same however many detectors there are.
//!
//! ```text
//!  text ─→ words (keywords, phrases, what patterns cannot match without) ─→ detectors
//!       └→ the same words, digits near each other, kinds of bytes in a row ─→ and of them patterns
//! ```
//!
//! Invariant: what is left out here cannot match. Keywords are the author's word for it; everything else is read off
//! the pattern, and holds for every text: letters that are ASCII letters where case is ignored are looked for as such, and
//! digits of other scripts count as digits.

mod columns;
mod digits;
mod literals;
mod words;

use std::{borrow::Cow, cell::OnceCell};

use regex_syntax::hir::Hir;

use self::{
    columns::{Columns, Steps},
    digits::{Digits, Row},
    literals::FOLDED,
    words::Words,
};
use super::{
    Strength,
    budget::{Budget, ScanError},
    detector::{Detector, Source},
};

pub(super) use self::words::{Word, spellings};

/// Words found in a text before those found twice are put together.
const MAX_LOOSE_HITS: usize = 4096;
/// What comparing a word costs, in bytes searched.
const BYTES_PER_WORD: usize = 8;
/// Bytes that are looked at together for one that is not ASCII.
const WIDE_STEP: usize = 32;
/// Bytes of a text of which looking where one pattern may match costs as much as searching one.
const BYTES_PER_PLACE: usize = 16;

/// What every match of one pattern has.
#[derive(Clone, Debug, Default)]
pub(super) struct Needs {
    /// Any of these; empty where none is known.
    words: Vec<Word>,
    /// Their numbers, once they are among those that are looked for.
    ids: Vec<u32>,
    digits: usize,
    /// Those of them without a letter among them.
    row: Row,
    shortest: usize,
    longest: Option<usize>,
    steps: Option<Steps>,
}

/// What a text has.
pub(super) struct Facts<'f> {
    text: &'f str,
    /// Numbers of the words in it, in order.
    words: Vec<u32>,
    /// True where all of it is ordinary Western writing, see [`is_plain`].
    plain: bool,
    digits: Digits,
    /// Where its bytes of each kind stand, once that was asked.
    columns: OnceCell<Columns>,
}

/// The search that all detectors share.
#[derive(Clone, Debug, Default)]
pub(super) struct Prefilter {
    words: Words,
    /// Detectors that a word calls, by its number.
    callers: Vec<Vec<u32>>,
    /// Detectors that count only beside a word, by its number; it may stand in the original alone.
    beside: Vec<Vec<u32>>,
    /// Detectors that no word calls.
    always: Vec<u32>,
    /// Text in ASCII of fewer bytes has no value.
    shortest: usize,
}

impl Needs {
    pub(super) fn of(hir: &Hir) -> Needs {
        Needs {
            words: literals::of(hir).unwrap_or_default(),
            digits: digits::of_pattern(hir),
            row: digits::row_of(hir),
            shortest: hir.properties().minimum_len().unwrap_or(0),
            longest: hir.properties().maximum_len(),
            steps: Steps::of(hir),
            ..Needs::default()
        }
    }

    /// True where the pattern may match.
    ///
    /// # Errors
    /// Over a limit.
    pub(super) fn allow(&self, facts: &Facts<'_>, budget: &mut Budget) -> Result<bool, ScanError> {
        let digits =
            facts.digits.has(self.digits, self.longest) && facts.digits.has_in_a_row(self.row);
        let words = self.ids.is_empty() || self.ids.iter().any(|id| facts.has(*id));
        match &self.steps {
            Some(steps) if digits && words => {
                budget.searched(facts.text.len() / BYTES_PER_PLACE)?;
                Ok(facts.columns().may_match(steps))
            }
            _ => Ok(digits && words),
        }
    }

    /// The parts of the text that hold all matches, each with a character after it, on character borders and in order.
    pub(super) fn parts(&self, facts: &Facts<'_>) -> Vec<(usize, usize)> {
        let Some(spans) = facts.digits.around(self.digits, self.longest) else {
            return vec![(0, facts.text.len())];
        };
        let border = |(start, end)| {
            let text = facts.text;
            (
                text.floor_char_boundary(start),
                text.ceil_char_boundary(end),
            )
        };
        spans.into_iter().map(border).collect()
    }
}

impl Facts<'_> {
    /// True for text in which no check can find anything.
    pub(super) fn is_plain(&self) -> bool {
        self.plain
    }

    fn has(&self, word: u32) -> bool {
        self.words.binary_search(&word).is_ok()
    }

    fn columns(&self) -> &Columns {
        self.columns.get_or_init(|| Columns::of(self.text))
    }
}

impl Prefilter {
    /// Takes the words of all detectors, and gives their patterns the numbers of theirs.
    pub(super) fn new(list: &mut [Detector]) -> Prefilter {
        let shortest = list.iter().map(shortest).min().unwrap_or(usize::MAX);
        let mut filter = Prefilter {
            shortest,
            ..Prefilter::default()
        };
        for (index, detector) in (0..).zip(list.iter_mut()) {
            filter.add(index, detector);
        }
        filter.words.build();
        filter
    }

    /// True where nothing can be found and nothing need be looked at: a number in a list, a word of two letters.
    pub(super) fn is_too_short(&self, text: &str) -> bool {
        text.len() < self.shortest && text.is_ascii()
    }

    fn add(&mut self, index: u32, detector: &mut Detector) {
        let derived = self.derive(&mut detector.source);
        let mut ids = |words: &[String]| -> Vec<u32> {
            let words = words.iter().map(|word| Word::ignoring_case(word));
            words.map(|word| self.words.add(word)).collect()
        };
        let keywords = ids(&detector.keywords);
        let beside = match &detector.context {
            Some(context) if detector.strength == Strength::None => ids(context.words()),
            _ => Vec::new(),
        };
        match derived {
            _ if !keywords.is_empty() => call(&mut self.callers, index, &keywords),
            Some(words) => call(&mut self.callers, index, &words),
            None if !beside.is_empty() => call(&mut self.beside, index, &beside),
            None => self.always.push(index),
        }
    }

    /// Words of which every value of the source has one, where all of it has such.
    fn derive(&mut self, source: &mut Source) -> Option<Vec<u32>> {
        let Source::Text { patterns, phrases } = source else {
            return None;
        };
        let mut all = Some(Vec::new());
        for (pattern, _) in patterns {
            let needs = pattern.needs_mut();
            let words = needs.words.drain(..);
            needs.ids = words.map(|word| self.words.add(word)).collect();
            all = all.filter(|_| !needs.ids.is_empty());
            all.iter_mut().for_each(|ids| ids.extend(&needs.ids));
        }
        for word in phrases
            .iter_mut()
            .flat_map(|phrases| phrases.words.drain(..))
        {
            let id = self.words.add(word);
            all.iter_mut().for_each(|ids| ids.push(id));
        }
        all
    }

    /// What a text has, and the detectors that it calls for, in order. `original` is what the text has of which this
    /// one is a view.
    pub(super) fn look<'f>(
        &'f self,
        text: &'f str,
        original: Option<&Facts<'_>>,
        budget: &mut Budget,
    ) -> Result<(Facts<'f>, Vec<u32>), ScanError> {
        let plain = is_plain(text);
        let mut words = self.words_in(text, budget)?;
        if let Some(folded) = (!plain).then(|| folded(text)).flatten() {
            words.extend(self.words_in(&folded, budget)?);
            sort(&mut words);
        }
        let facts = Facts {
            text,
            words,
            plain,
            digits: Digits::of_text(text, !plain && has_high_byte(text)),
            columns: OnceCell::new(),
        };
        let called = self.called(&facts, original);
        Ok((facts, called))
    }

    /// Numbers of the words in a text, in order.
    fn words_in(&self, text: &str, budget: &mut Budget) -> Result<Vec<u32>, ScanError> {
        let mut words = Vec::new();
        let compared = self.words.find(text, &mut |word| {
            if words.len() >= MAX_LOOSE_HITS {
                sort(&mut words);
            }
            words.push(word);
        });
        // Once for the kinds of bytes.
        budget.searched(compared * BYTES_PER_WORD + text.len())?;
        sort(&mut words);
        Ok(words)
    }

    fn called(&self, facts: &Facts<'_>, original: Option<&Facts<'_>>) -> Vec<u32> {
        let mut called = self.always.clone();
        called.extend(named(&self.callers, facts));
        for facts in [Some(facts), original].into_iter().flatten() {
            called.extend(named(&self.beside, facts));
        }
        sort(&mut called);
        called
    }
}

/// Length of the shortest text in ASCII that the detector finds anything in, in bytes. Checks are about other text.
fn shortest(detector: &Detector) -> usize {
    match &detector.source {
        Source::Text { patterns, phrases } => {
            let patterns = patterns.iter().map(|(pattern, _)| pattern.needs().shortest);
            let phrases = phrases.iter().flat_map(|phrases| &phrases.words);
            let phrases = phrases.map(|word| word.text.len());
            patterns.chain(phrases).min().unwrap_or(0)
        }
        Source::Check(_) => usize::MAX,
        Source::Index(_) => 0,
    }
}

/// Notes that each of these words calls the detector.
fn call(callers: &mut Vec<Vec<u32>>, detector: u32, words: &[u32]) {
    for word in words {
        let word = *word as usize;
        if callers.len() <= word {
            callers.resize(word + 1, Vec::new());
        }
        callers[word].push(detector);
    }
}

/// The detectors that the words of a text call.
fn named<'c>(callers: &'c [Vec<u32>], facts: &'c Facts<'_>) -> impl Iterator<Item = &'c u32> {
    let words = facts.words.iter();
    words
        .filter_map(|word| callers.get(*word as usize))
        .flatten()
}

fn sort(list: &mut Vec<u32>) {
    list.sort_unstable();
    list.dedup();
}

/// The text with ASCII letters for those that are the same where case is ignored; `None` where it has none.
fn folded(text: &str) -> Option<String> {
    let has = |text: &str| FOLDED.iter().any(|(letter, _)| text.contains(*letter));
    let fold = |text: Cow<'_, str>, (letter, ascii): &(char, char)| {
        Cow::Owned(text.replace(*letter, ascii.encode_utf8(&mut [0; 4])))
    };
    has(text).then(|| FOLDED.iter().fold(Cow::Borrowed(text), fold).into_owned())
}

/// True for text of ASCII, Latin letters in one piece and the signs of German and English typesetting: one script, and
/// nothing invisible, right-to-left or combining.
fn is_plain(text: &str) -> bool {
    let plain = |c: char| {
        matches!(c, '\u{a1}'..='\u{ac}' | '\u{ae}'..='\u{17e}' | '\u{2013}' | '\u{2014}' | '\u{2018}'..='\u{201e}'
            | '\u{2026}' | '\u{20ac}')
    };
    let mut rest = text;
    while let Some(at) = first_wide(rest.as_bytes()) {
        let mut chars = rest[at..].chars();
        if !chars.next().is_some_and(plain) {
            return false;
        }
        rest = chars.as_str();
    }
    true
}

/// Where the first byte stands that is not ASCII.
fn first_wide(bytes: &[u8]) -> Option<usize> {
    let narrow = bytes.chunks(WIDE_STEP).take_while(|part| part.is_ascii());
    let from = narrow.map(<[u8]>::len).sum();
    let wide = bytes[from..].iter().position(|byte| !byte.is_ascii())?;
    Some(from + wide)
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
    fn every_digit_that_ascii_does_not_know_is_odd() {
        let digits = ('\u{80}'..=char::MAX).filter(|c| ascii_digit(*c).is_some());
        for c in digits {
            assert!(has_high_byte(&format!("a{c}b")), "{c:?}");
        }
        for text in ["Grüße", "„so“ – 5 €", "Привет", "😀 ja", "plain"] {
            assert!(!has_high_byte(text), "{text}");
        }
    }

    #[test]
    fn letters_that_ascii_does_not_know_are_folded() {
        let folded_as = folded("a\u{17f}b\u{212a}c\u{17f}");
        assert_eq!(folded_as.as_deref(), Some("asbkcs"));
        assert_eq!(folded("Stra\u{df}e"), None);
    }
}
