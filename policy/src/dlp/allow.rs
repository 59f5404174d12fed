//! Allow-lists: values that are known to be none, such as the example in a service's handbook.

use std::collections::BTreeSet;

use super::{budget::ScanError, pattern::Pattern};

/// One allow-list.
#[derive(Clone, Debug, Default)]
pub(super) struct Allow {
    /// Values, normalised as for their hash.
    pub(super) values: BTreeSet<String>,
    /// Parts of a value, in lower case.
    pub(super) words: Vec<String>,
    pub(super) regexes: Vec<Pattern>,
    pub(super) target: Target,
    /// True where every kind that is given must fit.
    pub(super) all: bool,
}

/// What the patterns of an allow-list look at.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum Target {
    /// The value.
    #[default]
    Value,
    /// The whole match.
    Match,
    /// The lines that the match stands in.
    Line,
}

/// A value in its surroundings.
pub(super) struct Place<'t> {
    pub(super) text: &'t str,
    /// The whole match.
    pub(super) all: (usize, usize),
    pub(super) value: (usize, usize),
}

impl Allow {
    /// True where the value is none.
    ///
    /// # Errors
    /// A pattern does not compile.
    pub(super) fn fits(&self, place: &Place<'_>) -> Result<bool, ScanError> {
        let value = &place.text[place.value.0..place.value.1];
        let kinds = [
            (!self.values.is_empty()).then(|| self.has_value(value)),
            (!self.words.is_empty()).then(|| self.has_word(value)),
            (!self.regexes.is_empty())
                .then(|| self.has_match(place))
                .transpose()?,
        ];
        let mut kinds = kinds.into_iter().flatten();
        Ok(if self.all {
            kinds.all(|fits| fits)
        } else {
            kinds.any(|fits| fits)
        })
    }

    /// What `fits` runs over, in bytes.
    pub(super) fn cost(&self, place: &Place<'_>) -> usize {
        let value = place.value.1 - place.value.0;
        let target = if self.regexes.is_empty() {
            0
        } else {
            place.target(self.target).len()
        };
        value * (1 + self.words.len()) + target * self.regexes.len()
    }

    fn has_value(&self, value: &str) -> bool {
        self.values.contains(&super::hash::normal(value))
    }

    fn has_word(&self, value: &str) -> bool {
        let value = value.to_lowercase();
        self.words.iter().any(|word| value.contains(word.as_str()))
    }

    fn has_match(&self, place: &Place<'_>) -> Result<bool, ScanError> {
        let text = place.target(self.target);
        any(&self.regexes, |regex| regex.is_match(text))
    }
}

/// True where the question is answered with yes for one of them.
pub(super) fn any<T>(
    list: &[T],
    mut ask: impl FnMut(&T) -> Result<bool, ScanError>,
) -> Result<bool, ScanError> {
    for one in list {
        if ask(one)? {
            return Ok(true);
        }
    }
    Ok(false)
}

impl<'t> Place<'t> {
    fn target(&self, target: Target) -> &'t str {
        let (start, end) = match target {
            Target::Value => self.value,
            Target::Match => self.all,
            Target::Line => return self.lines(),
        };
        &self.text[start..end]
    }

    fn lines(&self) -> &'t str {
        let (start, end) = self.all;
        let start = self.text[..start].rfind('\n').map_or(0, |at| at + 1);
        let end = self.text[end..]
            .find('\n')
            .map_or(self.text.len(), |at| end + at);
        &self.text[start..end.max(start)]
    }
}
