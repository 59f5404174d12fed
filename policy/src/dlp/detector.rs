//! One detector as it runs.

use std::sync::Arc;

use serde::Deserialize;

use super::{
    Strength,
    allow::{Allow, Place, any},
    budget::ScanError,
    check::Check,
    context::Context,
    index::Finder,
    pattern::{Group, Pattern},
    phrases::Phrases,
    validator::Validator,
    view::ViewName,
};

/// The level that a marking stands for, in a loaded policy.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Marking {
    /// Name or dotted object identifier of the policy.
    pub policy: String,
    /// Name of the classification.
    pub classification: String,
}

/// One detector.
#[derive(Clone, Debug)]
pub(super) struct Detector {
    pub(super) id: String,
    /// File and line where it stands, for messages.
    pub(super) origin: String,
    pub(super) description: String,
    pub(super) keywords: Vec<String>,
    pub(super) source: Source,
    pub(super) all_of: Vec<Pattern>,
    /// How far from the value the patterns of `all_of` may stand, in characters.
    pub(super) within: usize,
    pub(super) validator: Option<Validator>,
    pub(super) entropy: f64,
    pub(super) context: Option<Context>,
    pub(super) strength: Strength,
    pub(super) min_distinct: usize,
    pub(super) allow: Vec<Arc<Allow>>,
    pub(super) views: ViewSet,
    pub(super) links: Vec<String>,
    pub(super) rooms: Vec<String>,
    pub(super) marking: Option<Marking>,
    /// True for one that came from another format, without examples.
    pub(super) imported: bool,
    pub(super) examples: Vec<Example>,
    pub(super) negative_examples: Vec<Example>,
}

/// Some of the views.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct ViewSet([bool; ViewName::ALL.len()]);

/// What finds values.
#[derive(Clone, Debug)]
pub(super) enum Source {
    /// Patterns, of which any finds, and a dictionary beside them.
    Text {
        patterns: Vec<(Pattern, Group)>,
        phrases: Option<Phrases>,
    },
    Check(Check),
    Index(Arc<dyn Finder>),
}

/// A text that a rule holds against itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Example {
    pub(super) text: String,
    /// Exactly this strength, where it is given.
    pub(super) strength: Option<Strength>,
}

impl ViewSet {
    pub(super) const ALL: ViewSet = ViewSet([true; ViewName::ALL.len()]);

    pub(super) fn has(self, view: ViewName) -> bool {
        self.0[view as usize]
    }
}

impl FromIterator<ViewName> for ViewSet {
    fn from_iter<I: IntoIterator<Item = ViewName>>(views: I) -> Self {
        let mut set = ViewSet([false; ViewName::ALL.len()]);
        views
            .into_iter()
            .for_each(|view| set.0[view as usize] = true);
        set
    }
}

impl Detector {
    /// How sure a value is without context: a step less where many numbers that are none look like it.
    pub(super) fn alone(&self, value: &str) -> Strength {
        if self
            .validator
            .is_some_and(|validator| validator.is_weak(value))
        {
            self.strength.lowered()
        } else {
            self.strength
        }
    }

    /// Length of the value in `candidate`, which `next` follows.
    pub(super) fn accept(&self, candidate: &str, next: Option<char>) -> Option<usize> {
        match self.validator {
            Some(validator) => validator.accept(candidate, next),
            None => Some(candidate.len()),
        }
    }

    /// What `counts` runs over, in bytes.
    pub(super) fn allow_cost(&self, place: &Place<'_>) -> usize {
        self.allow.iter().map(|allow| allow.cost(place)).sum()
    }

    /// True where the value is random enough and stands in no allow-list.
    ///
    /// # Errors
    /// A pattern of an allow-list does not compile.
    pub(super) fn counts(&self, place: &Place<'_>) -> Result<bool, ScanError> {
        let value = &place.text[place.value.0..place.value.1];
        let random = self.entropy <= 0.0 || entropy(value) >= self.entropy;
        Ok(random && !any(&self.allow, |allow| allow.fits(place))?)
    }

    /// True where it looks at what crosses this link in this room. What is not known does not keep it away.
    pub(super) fn runs_on(&self, link: Option<&str>, room: Option<&str>) -> bool {
        let in_list = |list: &[String], name: Option<&str>| match name {
            Some(name) => list.is_empty() || list.iter().any(|entry| entry == name),
            None => true,
        };
        in_list(&self.links, link) && in_list(&self.rooms, room)
    }
}

/// Shannon entropy over the characters of `value`, in bits a character.
pub(super) fn entropy(value: &str) -> f64 {
    let mut signs: Vec<char> = value.chars().collect();
    signs.sort_unstable();
    let all = count(signs.len());
    let part = |run: &[char]| count(run.len()) / all;
    signs
        .chunk_by(|one, other| one == other)
        .map(part)
        .map(|part| -part * part.log2())
        .sum()
}

/// As a number that can be divided; a value is far shorter than where that loses digits.
fn count(length: usize) -> f64 {
    u32::try_from(length).map_or(f64::MAX, f64::from)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn entropy_is_of_characters() {
        for (text, bits) in [("", 0.0), ("aaaa", 0.0), ("abab", 1.0), ("äöüß", 2.0)] {
            assert!((entropy(text) - bits).abs() < 1e-9, "{text}");
        }
    }
}
