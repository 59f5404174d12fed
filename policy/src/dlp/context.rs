//! Words near a value that say what it is.

use super::Strength;

/// Words near a value that make it surer.
#[derive(Clone, Debug)]
pub(super) struct Context {
    /// In lower case.
    pub(super) words: Vec<String>,
    /// How far from the value a word may stand, in characters.
    pub(super) within: usize,
    /// How sure a value is beside such a word.
    pub(super) strength: Strength,
}

impl Context {
    pub(super) fn is_near(&self, text: &str, start: usize, end: usize) -> bool {
        let (before, after) = around(text, start, end, self.within);
        let near = [
            text[before..start].to_lowercase(),
            text[end..after].to_lowercase(),
        ];
        self.words
            .iter()
            .any(|word| near.iter().any(|part| part.contains(word.as_str())))
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
