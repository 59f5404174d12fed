//! Words near a value that say what it is.

use aho_corasick::{AhoCorasick, AhoCorasickKind};

use super::{Strength, prefilter::spellings};

/// Words near a value that make it surer. A word counts inside of a longer one too, as German puts them together.
#[derive(Clone, Debug)]
pub(super) struct Context {
    /// As they are written.
    words: Vec<String>,
    /// Finds them; case is ignored.
    automaton: AhoCorasick,
    /// How far from the value a word may stand, in characters.
    pub(super) within: usize,
    /// How sure a value is beside such a word.
    pub(super) strength: Strength,
}

impl Context {
    /// # Errors
    /// The words are too many.
    pub(super) fn new(
        words: &[String],
        within: usize,
        strength: Strength,
    ) -> Result<Context, String> {
        let automaton = AhoCorasick::builder()
            .ascii_case_insensitive(true)
            .kind(Some(AhoCorasickKind::ContiguousNFA))
            .build(words.iter().flat_map(|word| spellings(word)))
            .map_err(|_| "context: too many words; remove some".to_owned())?;
        Ok(Context {
            words: words.to_vec(),
            automaton,
            within,
            strength,
        })
    }

    /// True where a word stands in `text` beside its bytes `start..end`.
    pub(super) fn is_near(&self, text: &str, start: usize, end: usize) -> bool {
        let (before, after) = around(text, start, end, self.within);
        let sides = [&text[before..start], &text[end..after]];
        sides.iter().any(|side| self.automaton.is_match(*side))
    }

    /// The words as they are written.
    pub(super) fn words(&self) -> &[String] {
        &self.words
    }
}

/// `start..end` with `chars` characters more on both sides.
pub(super) fn around(text: &str, start: usize, end: usize, chars: usize) -> (usize, usize) {
    let before = text[..start]
        .char_indices()
        .rev()
        .take(chars)
        .last()
        .map_or(start, |(at, _)| at);
    let after = text[end..]
        .char_indices()
        .nth(chars)
        .map_or(text.len(), |(at, _)| end + at);
    (before, after)
}
