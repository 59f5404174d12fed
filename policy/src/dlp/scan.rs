//! The walk over a tree: every string, key and number, and what of it becomes a finding.

mod text;

use std::collections::{BTreeMap, BTreeSet};

use ruma_common::{CanonicalJsonObject as Object, CanonicalJsonValue as Tree};

pub(super) use self::text::Hit;
use super::{
    Finding,
    budget::{Budget, MAX_DEPTH, MAX_FINDINGS, ScanError, within},
    check::{Check, html_differs},
    detector::Source,
    detectors::{Detectors, Scan},
    hash::{HashKey, ValueHash},
    window::{Around, Said},
};

/// Keys longer than this, in bytes, do not stand in the pointer of a finding.
const MAX_SEGMENT_BYTES: usize = 128;
/// Stands in a pointer for a key that is not shown.
const HIDDEN: &str = "*";

/// One scan under way.
pub(super) struct Scanner<'d> {
    detectors: &'d Detectors,
    options: Scan<'d>,
    pointer: String,
    found: Vec<(usize, Finding)>,
    /// Different values of each detector, also of what was said around the unit.
    values: BTreeMap<usize, BTreeSet<ValueHash>>,
    budget: Budget,
}

impl<'d> Scanner<'d> {
    pub(super) fn new(detectors: &'d Detectors, options: Scan<'d>, pointer: &str) -> Self {
        Scanner {
            detectors,
            options,
            pointer: pointer.to_owned(),
            found: Vec::new(),
            values: BTreeMap::new(),
            budget: Budget::default(),
        }
    }

    pub(super) fn run(mut self, tree: &Tree) -> Result<Vec<Finding>, ScanError> {
        self.walk(tree, 0)?;
        Ok(self.finish())
    }

    pub(super) fn run_object(mut self, object: &Object) -> Result<Vec<Finding>, ScanError> {
        self.object(object, 0)?;
        Ok(self.finish())
    }

    /// A tree, and what its texts show only together with those around it: one unit, with one budget and one count of
    /// different values.
    pub(super) fn run_together(
        mut self,
        tree: &Tree,
        around: &Around<'_>,
        said: &[Said<'_>],
    ) -> Result<Vec<Finding>, ScanError> {
        self.walk(tree, 0)?;
        self.window(around, said)?;
        Ok(self.finish())
    }

    #[cfg(test)]
    pub(super) fn budget(&self) -> &Budget {
        &self.budget
    }

    pub(super) fn walk(&mut self, tree: &Tree, depth: usize) -> Result<(), ScanError> {
        within(depth, MAX_DEPTH, "levels")?;
        match tree {
            Tree::Null | Tree::Bool(_) => Ok(()),
            Tree::Integer(number) => self.field(&number.to_string()),
            Tree::String(text) => self.field(text),
            Tree::Array(list) => {
                list.iter()
                    .enumerate()
                    .try_for_each(|(index, item)| self.below(&index.to_string(), item, depth))?;
                self.joined(list)
            }
            Tree::Object(object) => self.object(object, depth),
        }
    }

    fn object(&mut self, object: &Object, depth: usize) -> Result<(), ScanError> {
        object
            .iter()
            .try_for_each(|(key, value)| self.member(key, value, depth))?;
        self.html(object)
    }

    /// A key and its value. A key that holds a value of its own must not carry it into pointers, and so into logs.
    fn member(&mut self, key: &str, value: &Tree, depth: usize) -> Result<(), ScanError> {
        let hits = self.look(key)?;
        let hidden = !hits.is_empty() || key.len() > MAX_SEGMENT_BYTES;
        let segment = if hidden {
            HIDDEN.to_owned()
        } else {
            key.replace('~', "~0").replace('/', "~1")
        };
        let length = self.enter(&segment);
        self.report(hits, true)?;
        self.walk(value, depth + 1)?;
        self.pointer.truncate(length);
        Ok(())
    }

    fn below(&mut self, segment: &str, value: &Tree, depth: usize) -> Result<(), ScanError> {
        let length = self.enter(segment);
        self.walk(value, depth + 1)?;
        self.pointer.truncate(length);
        Ok(())
    }

    /// The strings of a list as one text with blanks between them, for values that were cut into items; what stands in
    /// one item was found there. Numbers stay apart: a voice message brings its loudness as a hundred of them.
    fn joined(&mut self, list: &[Tree]) -> Result<(), ScanError> {
        let texts: Vec<&str> = list
            .iter()
            .filter_map(|item| match item {
                Tree::String(text) => Some(text.as_str()),
                _ => None,
            })
            .collect();
        if texts.len() < 2 {
            return Ok(());
        }
        let ends = texts.iter().scan(0, |end, text| {
            *end += text.len() + 1;
            Some(*end)
        });
        let ends: Vec<usize> = ends.collect();
        let item = |byte: usize| ends.partition_point(|end| *end <= byte);
        let mut hits = self.look(&texts.join(" "))?;
        hits.retain(|hit| item(hit.start) < item(hit.end.saturating_sub(1)));
        self.report(hits, false)
    }

    /// Lengthens the pointer; returns what to cut it back to.
    fn enter(&mut self, segment: &str) -> usize {
        let length = self.pointer.len();
        self.pointer.push('/');
        self.pointer.push_str(segment);
        length
    }

    pub(super) fn field(&mut self, text: &str) -> Result<(), ScanError> {
        let hits = self.look(text)?;
        self.report(hits, false)
    }

    /// A message's HTML that shows something else than its plain text, where a detector asks for that.
    fn html(&mut self, object: &Object) -> Result<(), ScanError> {
        let (Some(Tree::String(body)), Some(Tree::String(html))) =
            (object.get("body"), object.get("formatted_body"))
        else {
            return Ok(());
        };
        let asked = self.detectors.html.iter();
        let asked: Vec<usize> = asked.copied().filter(|index| self.runs(*index)).collect();
        if asked.is_empty() || !html_differs(body, html, &mut self.budget)? {
            return Ok(());
        }
        let hits = asked.into_iter().map(|index| Hit {
            detector: index,
            start: 0,
            end: html.len(),
            strength: self.detectors.list[index].strength,
            view: super::view::ViewName::Raw,
            values: vec![self.key().hash(html)],
        });
        let hits = hits.collect();
        let length = self.enter("formatted_body");
        self.report(hits, false)?;
        self.pointer.truncate(length);
        Ok(())
    }

    fn key(&self) -> &'d HashKey {
        self.options.key.unwrap_or(&self.detectors.key)
    }

    fn runs(&self, index: usize) -> bool {
        self.detectors.list[index].runs_on(self.options.link, self.options.room)
    }

    fn report(&mut self, hits: Vec<Hit>, key: bool) -> Result<(), ScanError> {
        within(self.found.len() + hits.len(), MAX_FINDINGS, "findings")?;
        for hit in hits {
            self.count(&hit);
            let detector = hit.detector;
            let finding = self.finding(self.pointer.clone(), hit, key);
            self.found.push((detector, finding));
        }
        Ok(())
    }

    fn finding(&self, field: String, hit: Hit, key: bool) -> Finding {
        Finding {
            detector: self.detectors.list[hit.detector].id.clone(),
            strength: hit.strength,
            field,
            start: hit.start,
            end: hit.end,
            view: hit.view.as_str(),
            key,
            values: hit.values,
        }
    }

    /// Keeps a finding at a place of a field; one finding per detector, field and span, with all its values and the
    /// greatest strength.
    pub(super) fn keep(
        &mut self,
        field: &str,
        (start, end): (usize, usize),
        hit: Hit,
    ) -> Result<(), ScanError> {
        let same = |(detector, known): &&mut (usize, Finding)| {
            (*detector, known.start, known.end) == (hit.detector, start, end)
                && !known.key
                && known.field == field
        };
        if let Some((_, known)) = self.found.iter_mut().find(same) {
            known.strength = known.strength.max(hit.strength);
            known.values.extend(hit.values);
            known.values.sort_unstable();
            known.values.dedup();
            return Ok(());
        }
        within(self.found.len() + 1, MAX_FINDINGS, "findings")?;
        let detector = hit.detector;
        let finding = self.finding(field.to_owned(), hit, false);
        let finding = Finding {
            start,
            end,
            ..finding
        };
        self.found.push((detector, finding));
        Ok(())
    }

    /// Counts the values of a hit, wherever it stands.
    pub(super) fn count(&mut self, hit: &Hit) {
        let values = self.values.entry(hit.detector).or_default();
        values.extend(&hit.values);
    }

    /// Leaves out what too few different values were found of.
    pub(super) fn finish(self) -> Vec<Finding> {
        let enough = |detector: &usize| {
            let distinct = self.values.get(detector).map_or(0, BTreeSet::len);
            distinct >= self.detectors.list[*detector].min_distinct
        };
        let found = self.found.into_iter();
        found
            .filter(|(detector, _)| enough(detector))
            .map(|(_, finding)| finding)
            .collect()
    }
}

impl Detectors {
    /// The detectors whose check compares a message's HTML with its plain text.
    pub(super) fn html_checks(list: &[super::detector::Detector]) -> Vec<usize> {
        let asks = |index: &usize| matches!(list[*index].source, Source::Check(Check::Html));
        (0..list.len()).filter(asks).collect()
    }
}
