//! The values that one pattern of a detector finds in a text, each step of the search paid for.

use super::{
    budget::{Budget, ScanError},
    detector::Detector,
    pattern::{Group, Match, Pattern},
};

/// What a validator costs beside a pattern, in bytes searched for each byte of its text.
const VALIDATOR_COST: usize = 8;

/// A search under way, from left to right.
pub(super) struct Values<'s> {
    pub(super) detector: &'s Detector,
    pub(super) pattern: &'s Pattern,
    pub(super) group: Group,
    pub(super) text: &'s str,
    /// The parts of the text that are left to be searched.
    parts: &'s [(usize, usize)],
    /// Where to go on.
    at: usize,
}

/// A value: the whole match that it stands in, and itself.
pub(super) type Value = ((usize, usize), (usize, usize));

impl<'s> Values<'s> {
    pub(super) fn new(
        detector: &'s Detector,
        pattern: &'s Pattern,
        group: Group,
        text: &'s str,
        parts: &'s [(usize, usize)],
    ) -> Self {
        Values {
            detector,
            pattern,
            group,
            text,
            parts,
            at: 0,
        }
    }

    /// The next value.
    ///
    /// # Errors
    /// Over a limit.
    pub(super) fn next(&mut self, budget: &mut Budget) -> Result<Option<Value>, ScanError> {
        while let Some((start, end)) = self.parts.first() {
            self.at = self.at.max(*start);
            let part = &self.text[..*end];
            let next = self.pattern.find_at(part, self.at, self.group, budget)?;
            let Some(found) = next else {
                self.parts = &self.parts[1..];
                continue;
            };
            budget.candidate()?;
            if let Some(value) = self.accept(found, budget)? {
                return Ok(Some(value));
            }
        }
        Ok(None)
    }

    /// Looks at a match and moves on.
    ///
    /// After a match that is no value the search goes on one character further, so that a number in front cannot hide
    /// the value behind it.
    fn accept(&mut self, found: Match, budget: &mut Budget) -> Result<Option<Value>, ScanError> {
        let least = self.after(self.at);
        let Some((start, end)) = found.value else {
            self.at = found.end.max(least);
            return Ok(None);
        };
        if self.detector.validator.is_some() {
            budget.searched((end - start) * VALIDATOR_COST)?;
        }
        let next = self.text[end..].chars().next();
        let Some(length) = self.detector.accept(&self.text[start..end], next) else {
            self.at = self.after(start.max(self.at));
            return Ok(None);
        };
        let end = self.text.ceil_char_boundary(start + length);
        self.at = end.max(least);
        Ok(Some(((found.start, found.end), (start, end))))
    }

    /// Byte after the character at `at`.
    fn after(&self, at: usize) -> usize {
        at + self.text[at..].chars().next().map_or(1, char::len_utf8)
    }
}
