//! A dictionary: phrases that are found as whole words, whatever white space stands between their words.

use std::borrow::Cow;

use aho_corasick::AhoCorasick;

use super::{
    budget::{Budget, ScanError},
    prefilter::Word,
};

/// White space between two words of a phrase at most, in characters: what is longer parts them.
pub const MAX_BLANKS: usize = 8;

/// A dictionary.
#[derive(Clone, Debug)]
pub(super) struct Phrases {
    automaton: AhoCorasick,
    /// For the search that all detectors share, which takes them: of each phrase its longest word.
    pub(super) words: Vec<Word>,
    /// True where a phrase has more than one word.
    spaced: bool,
}

/// A text with one blank for each white space within it, and the way back.
struct Even<'t> {
    text: Cow<'t, str>,
    /// Byte of this text behind each white space that was changed, and that of the original.
    moved: Vec<(usize, usize)>,
}

impl Phrases {
    /// # Errors
    /// They are too many or too long.
    pub(super) fn new(written: &[String], ignore_case: bool) -> Result<Phrases, String> {
        let phrases: Vec<String> = written.iter().map(|text| evened(text)).collect();
        let automaton = AhoCorasick::builder()
            .ascii_case_insensitive(ignore_case)
            .build(&phrases)
            .map_err(|_| "phrases are too many or too long; remove some".to_owned())?;
        let word = |phrase: &String| {
            let words = phrase.split(' ');
            let longest = words.max_by_key(|word| word.len()).unwrap_or(phrase);
            match ignore_case {
                true => Word::ignoring_case(longest),
                false => Word {
                    text: longest.to_owned(),
                    exact: true,
                },
            }
        };
        Ok(Phrases {
            words: phrases.iter().map(word).collect(),
            spaced: phrases.iter().any(|phrase| phrase.contains(' ')),
            automaton,
        })
    }

    /// Every place where a phrase stands as whole words, in bytes of the text.
    ///
    /// # Errors
    /// Over a limit.
    pub(super) fn find(
        &self,
        text: &str,
        budget: &mut Budget,
    ) -> Result<Vec<(usize, usize)>, ScanError> {
        budget.searched(text.len())?;
        let even = match self.spaced {
            true => Even::of(text),
            false => Even::unchanged(text),
        };
        let mut spans = Vec::new();
        for found in self.automaton.find_overlapping_iter(even.text.as_ref()) {
            budget.candidate()?;
            if is_whole_word(&even.text, found.start(), found.end()) {
                spans.push((even.original(found.start()), even.original(found.end())));
            }
        }
        Ok(spans)
    }
}

impl<'t> Even<'t> {
    fn unchanged(text: &'t str) -> Even<'t> {
        Even {
            text: Cow::Borrowed(text),
            moved: Vec::new(),
        }
    }

    fn of(text: &'t str) -> Even<'t> {
        let mut even = Even::unchanged(text);
        let mut made = String::new();
        let mut copied = 0;
        for (start, end) in gaps(text) {
            made.push_str(&text[copied..start]);
            made.push(' ');
            even.moved.push((made.len(), end));
            copied = end;
        }
        if copied > 0 {
            made.push_str(&text[copied..]);
            even.text = Cow::Owned(made);
        }
        even
    }

    /// The byte of the original for one that is a border of a word.
    fn original(&self, at: usize) -> usize {
        let behind = self.moved.partition_point(|(here, _)| *here <= at);
        match behind.checked_sub(1).and_then(|last| self.moved.get(last)) {
            Some((here, original)) => original + (at - here),
            None => at,
        }
    }
}

/// White space that is not one blank, but no more than one gap: start and end of each.
fn gaps(text: &str) -> impl Iterator<Item = (usize, usize)> {
    let mut at = 0;
    std::iter::from_fn(move || {
        loop {
            let start = at + text[at..].find(char::is_whitespace)?;
            let rest = &text[start..];
            let length = rest.find(|c: char| !c.is_whitespace());
            at = length.map_or(text.len(), |length| start + length);
            let gap = &text[start..at];
            if gap != " " && gap.chars().nth(MAX_BLANKS).is_none() {
                return Some((start, at));
            }
        }
    })
}

fn evened(text: &str) -> String {
    Even::of(text).text.into_owned()
}

/// True where neither end stands inside a word.
fn is_whole_word(text: &str, start: usize, end: usize) -> bool {
    let joins = |outer: Option<char>, inner: Option<char>| {
        outer.is_some_and(char::is_alphanumeric) && inner.is_some_and(char::is_alphanumeric)
    };
    let value = &text[start..end];
    !joins(text[..start].chars().next_back(), value.chars().next())
        && !joins(text[end..].chars().next(), value.chars().next_back())
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test may stop at the first surprise")]

    use super::*;

    fn found<'t>(phrases: &[&str], text: &'t str) -> Vec<&'t str> {
        let phrases: Vec<String> = phrases.iter().map(|&one| one.to_owned()).collect();
        let phrases = Phrases::new(&phrases, false).unwrap();
        let mut budget = Budget::default();
        budget.unit(text.len()).unwrap();
        let spans = phrases.find(text, &mut budget).unwrap();
        spans.iter().map(|(from, to)| &text[*from..*to]).collect()
    }

    #[test]
    fn a_blank_in_a_phrase_is_any_white_space_between_two_words() {
        for gap in [" ", "  ", "\n", "\r\n", " \n\t", "\u{a0}"] {
            let phrase = format!("STRENG{gap}GEHEIM");
            let text = format!("ü  a\n{phrase}  \nb");
            assert_eq!(found(&["STRENG GEHEIM"], &text), [&phrase], "{gap:?}");
            assert_eq!(found(&["STRENG  GEHEIM"], &text), [&phrase], "{gap:?}");
        }
        for other in [
            "STRENGGEHEIM",
            "STRENG-GEHEIM",
            "STRENG  GEHEIMES",
            "STRENG\n\n\n\n\n\n\n\n\nGEHEIM",
        ] {
            assert_eq!(found(&["STRENG GEHEIM"], other), [""; 0], "{other:?}");
        }
    }

    #[test]
    fn phrases_of_one_word_are_found_at_their_place() {
        assert_eq!(found(&["LAGE"], "die  LAGE\n\nLAGEN LAGE"), ["LAGE"; 2]);
        assert_eq!(found(&["LAGE", "LAGE X"], "LAGE\nX"), ["LAGE", "LAGE\nX"]);
    }
}
