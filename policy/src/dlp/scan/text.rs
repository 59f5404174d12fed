//! One text: its views, the detectors that are called for, their values.

use std::collections::BTreeSet;

use super::Scanner;
use crate::dlp::{
    Strength,
    allow::Place,
    budget::{Budget, MAX_FINDINGS, ScanError, within},
    check::{self, Check},
    context::around,
    detector::{Detector, Phrases, Source},
    detectors::Detectors,
    hash::{HashKey, ValueHash},
    pattern::{Group, Match, Pattern},
    view::{View, ViewName, views},
};

/// Values that one text may show in all its views before those of one place become one finding, for each finding.
const FOUND_PER_FINDING: usize = 8;

/// What was found in one text, in bytes of the original.
pub(super) struct Hit {
    pub(super) detector: usize,
    pub(super) start: usize,
    pub(super) end: usize,
    pub(super) strength: Strength,
    pub(super) view: ViewName,
    /// All that were found at this place: what was packed has one place.
    pub(super) values: Vec<ValueHash>,
}

/// The same before its value is hashed, for which it keeps the value's place in its view.
struct Found {
    detector: usize,
    original: (usize, usize),
    strength: Strength,
    /// Number of the view.
    view: usize,
    span: (usize, usize),
}

/// One detector at work in one view.
struct Search<'s, 't> {
    index: usize,
    detector: &'s Detector,
    original: &'t str,
    view: &'s View<'t>,
    number: usize,
    /// Matches of each pattern of `all_of` in the view; looked for once, when a value asks.
    required: Option<Vec<Vec<(usize, usize)>>>,
    found: &'s mut Vec<Found>,
    budget: &'s mut Budget,
}

impl Scanner<'_> {
    /// All that is found in one text, by start.
    pub(super) fn look(&mut self, text: &str) -> Result<Vec<Hit>, ScanError> {
        self.budget.unit(text.len())?;
        let mut found = Vec::new();
        let views = views(text, &mut self.budget)?;
        for (number, view) in views.iter().enumerate() {
            self.budget.view(view.text.len())?;
            for index in self.detectors.called_by(view) {
                if self.runs(index) {
                    let mut search = Search {
                        index,
                        detector: &self.detectors.list[index],
                        original: text,
                        view,
                        number,
                        required: None,
                        found: &mut found,
                        budget: &mut self.budget,
                    };
                    search.run()?;
                }
            }
        }
        let hits = hits(found, &views, self.key());
        within(hits.len(), MAX_FINDINGS, "findings")?;
        Ok(hits)
    }
}

impl Search<'_, '_> {
    fn run(&mut self) -> Result<(), ScanError> {
        let detector = self.detector;
        match &detector.source {
            Source::Check(check) => self.check(*check),
            _ if !detector.views.has(self.view.name) => Ok(()),
            Source::Text { patterns, phrases } => {
                patterns
                    .iter()
                    .try_for_each(|(pattern, group)| self.pattern(pattern, *group))?;
                phrases.iter().try_for_each(|phrases| self.phrases(phrases))
            }
            Source::Index(finder) => {
                let spans = finder.find(&self.view.text, self.budget)?;
                spans.into_iter().try_for_each(|span| self.take(span, span))
            }
        }
    }

    /// A check sees the text as it stands.
    fn check(&mut self, check: Check) -> Result<(), ScanError> {
        if self.view.name != ViewName::Raw {
            return Ok(());
        }
        let spans = check::run(check, self.original);
        spans.into_iter().try_for_each(|span| self.take(span, span))
    }

    fn pattern(&mut self, pattern: &Pattern, group: Group) -> Result<(), ScanError> {
        let view = self.view;
        let mut at = 0;
        loop {
            let found = pattern.find_at(&view.text, at, group);
            self.budget
                .searched(pattern.cost(&view.text, at, found.as_ref()))?;
            let Some(found) = found else { return Ok(()) };
            self.budget.candidate()?;
            at = self.candidate(found, at)?;
        }
    }

    /// Looks at a match; returns where to go on.
    ///
    /// After a match that is no value the search goes on one character further, so that a number in front cannot hide
    /// the value behind it.
    fn candidate(&mut self, found: Match, at: usize) -> Result<usize, ScanError> {
        let text = self.view.text.as_ref();
        let Some((start, end)) = found.value else {
            return Ok(found.end.max(after(text, at)));
        };
        let next = text[end..].chars().next();
        match self.detector.accept(&text[start..end], next) {
            Some(length) => {
                let end = text.ceil_char_boundary(start + length);
                self.take((found.start, found.end), (start, end))?;
                Ok(end.max(after(text, at)))
            }
            None => Ok(after(text, start.max(at))),
        }
    }

    fn phrases(&mut self, phrases: &Phrases) -> Result<(), ScanError> {
        let view = self.view;
        let text = view.text.as_ref();
        self.budget.searched(text.len())?;
        for found in phrases.automaton.find_overlapping_iter(text) {
            self.budget.candidate()?;
            let (start, end) = (found.start(), found.end());
            if is_whole_word(text, start, end) {
                self.take((start, end), (start, end))?;
            }
        }
        Ok(())
    }

    /// Keeps a value, unless something is missing beside it or it is allowed.
    fn take(&mut self, all: (usize, usize), value: (usize, usize)) -> Result<(), ScanError> {
        let place = Place {
            text: &self.view.text,
            all,
            value,
        };
        if !self.detector.counts(&place) || !self.has_required(value)? {
            return Ok(());
        }
        let original = self.view.original(value.0, value.1);
        let strength = self.strength(value, original);
        if strength == Strength::None {
            return Ok(());
        }
        self.found.push(Found {
            detector: self.index,
            original,
            strength,
            view: self.number,
            span: value,
        });
        // Each view may show the same values.
        within(
            self.found.len(),
            MAX_FINDINGS * FOUND_PER_FINDING,
            "findings",
        )
    }

    fn strength(&self, value: (usize, usize), original: (usize, usize)) -> Strength {
        let Some(context) = &self.detector.context else {
            return self.detector.strength;
        };
        let near = context.is_near(&self.view.text, value.0, value.1)
            || context.is_near(self.original, original.0, original.1);
        if near {
            context.strength
        } else {
            self.detector.strength
        }
    }

    /// True where every pattern of `all_of` matches near enough.
    fn has_required(&mut self, (start, end): (usize, usize)) -> Result<bool, ScanError> {
        let (detector, view) = (self.detector, self.view);
        if detector.all_of.is_empty() {
            return Ok(true);
        }
        let (low, high) = around(&view.text, start, end, detector.within);
        let required = match self.required.take() {
            Some(required) => required,
            None => self.look_for_required()?,
        };
        let near = |spans: &Vec<(usize, usize)>| {
            let first = spans.partition_point(|(start, _)| *start < low);
            spans.get(first).is_some_and(|(_, end)| *end <= high)
        };
        let all = required.iter().all(near);
        self.required = Some(required);
        Ok(all)
    }

    fn look_for_required(&mut self) -> Result<Vec<Vec<(usize, usize)>>, ScanError> {
        let (detector, view) = (self.detector, self.view);
        let mut required = Vec::new();
        for pattern in &detector.all_of {
            self.budget.searched(view.text.len())?;
            let mut spans = Vec::new();
            for span in pattern.all(&view.text) {
                self.budget.candidate()?;
                spans.push(span);
            }
            required.push(spans);
        }
        Ok(required)
    }
}

impl Detectors {
    /// The detectors that have a keyword in the view, or need none.
    fn called_by(&self, view: &View<'_>) -> Vec<usize> {
        let mut called: Vec<bool> = self
            .list
            .iter()
            .map(|detector| detector.keywords.is_empty())
            .collect();
        // The automaton ignores case in ASCII only.
        let folded = if view.text.is_ascii() {
            None
        } else {
            Some(view.text.to_lowercase())
        };
        for keyword in self
            .keywords
            .find_overlapping_iter(folded.as_deref().unwrap_or(&view.text))
        {
            called[self.keyword_owner[keyword.pattern().as_usize()]] = true;
        }
        (0..called.len()).filter(|index| called[*index]).collect()
    }
}

/// One finding per detector and span, by start: the first view stays, the greater strength counts, all values do.
fn hits(mut found: Vec<Found>, views: &[View<'_>], key: &HashKey) -> Vec<Hit> {
    found.sort_by_key(|one| (one.original, one.detector, one.view));
    let same = |one: &Found, other: &Found| {
        (one.original, one.detector) == (other.original, other.detector)
    };
    let value = |one: &Found| key.hash(&views[one.view].text[one.span.0..one.span.1]);
    let hit = |group: &[Found]| {
        let first = group.first()?;
        let values: BTreeSet<ValueHash> = group.iter().map(value).collect();
        Some(Hit {
            detector: first.detector,
            start: first.original.0,
            end: first.original.1,
            strength: group.iter().map(|one| one.strength).max()?,
            view: views[first.view].name,
            values: values.into_iter().collect(),
        })
    };
    found.chunk_by(same).filter_map(hit).collect()
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

/// Byte after the character at `at`.
fn after(text: &str, at: usize) -> usize {
    at + text[at..].chars().next().map_or(1, char::len_utf8)
}
