//! The walk over a tree: every string, key and number, in every view, by every detector whose keywords are there.

use ruma_common::{CanonicalJsonObject as Object, CanonicalJsonValue as Tree};

use super::{
    Finding, Strength,
    detector::{Detector, Detectors},
    view::View,
};

/// Text that one scan looks at, at most, in bytes of keys, strings and numbers together.
pub const MAX_UNIT_BYTES: usize = 1024 * 1024;
/// Findings of one scan at most.
pub const MAX_FINDINGS: usize = 256;
/// Places that patterns of one scan may match at most, found or not.
pub const MAX_CANDIDATES: usize = 100_000;
/// Depth of a tree at most.
pub const MAX_DEPTH: usize = 128;
/// Keys longer than this, in bytes, do not stand in the pointer of a finding.
const MAX_SEGMENT_BYTES: usize = 128;
/// Stands in a pointer for a key that is not shown.
const HIDDEN: &str = "*";

/// Why a scan did not come to its end. Nothing is known about what is left, so the caller denies.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ScanError {
    /// More work than a scan may do.
    #[error("the scan is over its budget of {limit} {what}")]
    Budget {
        /// What is counted.
        what: &'static str,
        /// How much of it a scan may take.
        limit: usize,
    },
}

/// One scan under way.
pub(super) struct Scanner<'d> {
    detectors: &'d Detectors,
    pointer: String,
    findings: Vec<Finding>,
    bytes: usize,
    candidates: usize,
}

/// What was found in one text, in bytes of the original.
struct Hit {
    detector: usize,
    start: usize,
    end: usize,
    strength: Strength,
    view: &'static str,
    value: super::ValueHash,
}

impl<'d> Scanner<'d> {
    pub(super) fn new(detectors: &'d Detectors, pointer: &str) -> Self {
        Scanner {
            detectors,
            pointer: pointer.to_owned(),
            findings: Vec::new(),
            bytes: 0,
            candidates: 0,
        }
    }

    pub(super) fn run(mut self, tree: &Tree) -> Result<Vec<Finding>, ScanError> {
        self.walk(tree, 0)?;
        Ok(self.findings)
    }

    pub(super) fn run_object(mut self, object: &Object) -> Result<Vec<Finding>, ScanError> {
        object
            .iter()
            .try_for_each(|(key, value)| self.member(key, value, 0))?;
        Ok(self.findings)
    }

    fn walk(&mut self, tree: &Tree, depth: usize) -> Result<(), ScanError> {
        spend(depth, MAX_DEPTH, "levels")?;
        match tree {
            Tree::Null | Tree::Bool(_) => Ok(()),
            Tree::Integer(number) => self.field(&number.to_string()),
            Tree::String(text) => self.field(text),
            Tree::Array(list) => list
                .iter()
                .enumerate()
                .try_for_each(|(index, item)| self.below(&index.to_string(), item, depth)),
            Tree::Object(object) => object
                .iter()
                .try_for_each(|(key, value)| self.member(key, value, depth)),
        }
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

    /// Lengthens the pointer; returns what to cut it back to.
    fn enter(&mut self, segment: &str) -> usize {
        let length = self.pointer.len();
        self.pointer.push('/');
        self.pointer.push_str(segment);
        length
    }

    fn field(&mut self, text: &str) -> Result<(), ScanError> {
        let hits = self.look(text)?;
        self.report(hits, false)
    }

    fn report(&mut self, hits: Vec<Hit>, key: bool) -> Result<(), ScanError> {
        spend(self.findings.len() + hits.len(), MAX_FINDINGS, "findings")?;
        self.findings.extend(hits.into_iter().map(|hit| Finding {
            detector: self.detectors.list[hit.detector].id.clone(),
            strength: hit.strength,
            field: self.pointer.clone(),
            start: hit.start,
            end: hit.end,
            view: hit.view,
            value: hit.value,
            key,
        }));
        Ok(())
    }

    /// All that is found in one text, by start.
    fn look(&mut self, text: &str) -> Result<Vec<Hit>, ScanError> {
        self.bytes += text.len();
        spend(self.bytes, MAX_UNIT_BYTES, "bytes")?;
        let mut hits = Vec::new();
        for view in View::all(text) {
            for detector in self.detectors.called_by(&view.text) {
                self.search(detector, &view, &mut hits)?;
            }
        }
        hits.sort_by_key(|hit| (hit.start, hit.end, hit.detector));
        Ok(hits)
    }

    fn search(
        &mut self,
        index: usize,
        view: &View<'_>,
        hits: &mut Vec<Hit>,
    ) -> Result<(), ScanError> {
        let detector = &self.detectors.list[index];
        let mut at = 0;
        while let Some((found, next)) = next_value(detector, &view.text, at) {
            self.candidates += 1;
            spend(self.candidates, MAX_CANDIDATES, "candidates")?;
            if let Some((start, end)) = found {
                let strength = detector.strength_at(&view.text, start, end);
                let value: String = view.text[start..end].chars().filter(|c| c.is_alphanumeric()).collect();
                let value = super::ValueHash(value.bytes().map(|b| format!("{b:02x}")).collect());
                let (start, end) = view.original(start, end);
                add(
                    hits,
                    Hit {
                        detector: index,
                        start,
                        end,
                        strength,
                        view: view.name,
                        value,
                    },
                );
                spend(hits.len(), MAX_FINDINGS, "findings")?;
            }
            at = next;
        }
        Ok(())
    }
}

impl Detectors {
    /// The detectors that have a keyword in `text`, or need none.
    fn called_by(&self, text: &str) -> Vec<usize> {
        let mut called: Vec<bool> = self
            .list
            .iter()
            .map(|detector| !detector.has_keywords)
            .collect();
        // The automaton ignores case in ASCII only.
        let folded = if text.is_ascii() {
            None
        } else {
            Some(text.to_lowercase())
        };
        for keyword in self
            .keywords
            .find_overlapping_iter(folded.as_deref().unwrap_or(text))
        {
            called[self.keyword_owner[keyword.pattern().as_usize()]] = true;
        }
        (0..called.len()).filter(|index| called[*index]).collect()
    }
}

/// The value at a place, if it is one, and where to go on.
type Place = (Option<(usize, usize)>, usize);

/// The next place at or after `at` where the pattern matches: the value there, if it is one, and where to go on.
///
/// After a match that is no value the search goes on one character further, so that a number in front cannot hide the
/// value behind it.
fn next_value(detector: &Detector, text: &str, at: usize) -> Option<Place> {
    if at > text.len() {
        return None;
    }
    let captures = detector.regex.captures_at(text, at)?;
    let Some(value) = detector.value(&captures) else {
        let end = captures.get(0).map_or(text.len(), |all| all.end());
        return Some((None, end.max(after(text, at))));
    };
    match detector.accept(value.as_str(), text[value.end()..].chars().next()) {
        Some(length) => {
            let end = value.start() + length;
            Some((Some((value.start(), end)), end.max(after(text, at))))
        }
        None => Some((None, after(text, value.start()))),
    }
}

/// Byte after the character at `at`.
fn after(text: &str, at: usize) -> usize {
    at + text[at..].chars().next().map_or(1, char::len_utf8)
}

/// One finding per detector and span: the first view stays, the greater strength counts.
fn add(hits: &mut Vec<Hit>, hit: Hit) {
    let same = |other: &&mut Hit| {
        (other.detector, other.start, other.end) == (hit.detector, hit.start, hit.end)
    };
    match hits.iter_mut().find(same) {
        Some(known) => known.strength = known.strength.max(hit.strength),
        None => hits.push(hit),
    }
}

fn spend(used: usize, limit: usize, what: &'static str) -> Result<(), ScanError> {
    if used > limit {
        Err(ScanError::Budget { what, limit })
    } else {
        Ok(())
    }
}
