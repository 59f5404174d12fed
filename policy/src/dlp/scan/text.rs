//! One text: its views, the detectors that are called for, their values.

use std::collections::BTreeSet;

use super::Scanner;
use crate::dlp::{
    Strength,
    allow::Place,
    budget::{Budget, MAX_FINDINGS, ScanError, within},
    check::{self, Check},
    context::around,
    detector::{Detector, Source},
    detectors::Detectors,
    hash::{HashKey, ValueHash},
    pattern::{Group, Pattern},
    phrases::Phrases,
    prefilter::Facts,
    values::Values,
    view::{View, ViewName, views},
};

/// Values that one text may show in all its views before those of one place become one finding, for each finding.
const FOUND_PER_FINDING: usize = 8;

/// What was found in one text, in bytes of the original.
#[derive(Clone)]
pub(in crate::dlp) struct Hit {
    pub(in crate::dlp) detector: usize,
    pub(in crate::dlp) start: usize,
    pub(in crate::dlp) end: usize,
    pub(in crate::dlp) strength: Strength,
    pub(in crate::dlp) view: ViewName,
    /// All that were found at this place: what was packed has one place.
    pub(in crate::dlp) values: Vec<ValueHash>,
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
    facts: &'s Facts<'t>,
    /// Matches of each pattern of `all_of` in the view; looked for once, when a value asks.
    required: Option<Vec<Vec<(usize, usize)>>>,
    found: &'s mut Vec<Found>,
    budget: &'s mut Budget,
}

impl Scanner<'_> {
    /// All that is found in one text, by start.
    pub(in crate::dlp) fn look(&mut self, text: &str) -> Result<Vec<Hit>, ScanError> {
        self.budget.unit(text.len())?;
        if self.detectors.prefilter.is_too_short(text) {
            return Ok(Vec::new());
        }
        let mut found = Vec::new();
        let views = views(text, &mut self.budget)?;
        let mut original = None;
        for (number, view) in views.iter().enumerate() {
            self.budget.view(view.text.len())?;
            self.budget.enter_view(view.name == ViewName::Decoded);
            let (facts, called) =
                self.detectors
                    .prefilter
                    .look(&view.text, original.as_ref(), &mut self.budget)?;
            for index in called.into_iter().map(|index| index as usize) {
                if !self.runs(index) {
                    continue;
                }
                let mut search = Search {
                    index,
                    detector: &self.detectors.list[index],
                    original: text,
                    view,
                    number,
                    facts: &facts,
                    required: None,
                    found: &mut found,
                    budget: &mut self.budget,
                };
                search.run()?;
            }
            original.get_or_insert(facts);
        }
        let hits = hits(found, &views, self.detectors, self.key());
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
        if self.view.name != ViewName::Raw || self.facts.is_plain() {
            return Ok(());
        }
        let spans = check::run(check, self.original);
        spans.into_iter().try_for_each(|span| self.take(span, span))
    }

    fn pattern(&mut self, pattern: &Pattern, group: Group) -> Result<(), ScanError> {
        if !pattern.needs().allow(self.facts, self.budget)? {
            return Ok(());
        }
        let view = self.view;
        let parts = pattern.needs().parts(self.facts);
        let mut values = Values::new(self.detector, pattern, group, &view.text, &parts);
        while let Some((all, value)) = values.next(self.budget)? {
            self.take(all, value)?;
        }
        Ok(())
    }

    fn phrases(&mut self, phrases: &Phrases) -> Result<(), ScanError> {
        let spans = phrases.find(&self.view.text, self.budget)?;
        spans.into_iter().try_for_each(|span| self.take(span, span))
    }

    /// Keeps a value, unless something is missing beside it or it is allowed.
    fn take(&mut self, all: (usize, usize), value: (usize, usize)) -> Result<(), ScanError> {
        let place = Place {
            text: &self.view.text,
            all,
            value,
        };
        self.budget.searched(self.detector.allow_cost(&place))?;
        if !self.detector.counts(&place)? || !self.has_required(value)? {
            return Ok(());
        }
        let original = self.view.original(value.0, value.1);
        let strength = self.strength(value, original)?;
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

    fn strength(
        &mut self,
        value: (usize, usize),
        original: (usize, usize),
    ) -> Result<Strength, ScanError> {
        let alone = self.detector.alone(&self.view.text[value.0..value.1]);
        let Some(context) = &self.detector.context else {
            return Ok(alone);
        };
        // Both sides, in the view and in the original, as far as they go.
        let around = |text: &str| text.len().min(2 * context.within);
        self.budget
            .searched(around(&self.view.text) + around(self.original))?;
        let near = context.is_near(&self.view.text, value.0, value.1)
            || context.is_near(self.original, original.0, original.1);
        Ok(if near { context.strength } else { alone })
    }

    /// True where every pattern of `all_of` matches near enough.
    fn has_required(&mut self, (start, end): (usize, usize)) -> Result<bool, ScanError> {
        let (detector, view) = (self.detector, self.view);
        if detector.all_of.is_empty() {
            return Ok(true);
        }
        self.budget
            .searched(view.text.len().min(2 * detector.within))?;
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
        let patterns = detector.all_of.iter();
        patterns
            .map(|pattern| pattern.all(&view.text, self.budget))
            .collect()
    }
}

/// One finding per detector and span, by start: the first view stays, the greater strength counts, all values do.
fn hits(
    mut found: Vec<Found>,
    views: &[View<'_>],
    detectors: &Detectors,
    key: &HashKey,
) -> Vec<Hit> {
    // By id and not by number: the order of rules must not show.
    let id = |one: &Found| detectors.list[one.detector].id.as_str();
    found.sort_by(|one, other| {
        let order = one.original.cmp(&other.original);
        order
            .then_with(|| id(one).cmp(id(other)))
            .then(one.view.cmp(&other.view))
    });
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
