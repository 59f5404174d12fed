//! A detector as it runs, and the set of them.

use aho_corasick::AhoCorasick;
use regex::{Captures, Regex};
use ruma_common::{CanonicalJsonObject as Object, CanonicalJsonValue as Tree};
use serde::Deserialize;

use super::{
    Finding, Strength, load,
    scan::{ScanError, Scanner},
    validator::Validator,
};
use crate::label::Spifs;

/// All detectors that are loaded, with one search for the keywords of all of them.
#[derive(Clone, Debug)]
pub struct Detectors {
    pub(super) list: Vec<Detector>,
    /// Finds keywords; `keyword_owner` says whose each one is.
    pub(super) keywords: AhoCorasick,
    pub(super) keyword_owner: Vec<usize>,
}

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
    pub(super) has_keywords: bool,
    pub(super) regex: Regex,
    pub(super) validator: Option<Validator>,
    pub(super) context: Option<Context>,
    pub(super) strength: Strength,
    pub(super) marking: Option<Marking>,
    pub(super) examples: Vec<String>,
    pub(super) negative_examples: Vec<String>,
}

/// Words near a value that raise its strength by one step.
#[derive(Clone, Debug)]
pub(super) struct Context {
    /// In lower case.
    pub(super) words: Vec<String>,
    /// How far from the value a word may stand, in characters.
    pub(super) within: usize,
}

impl Detectors {
    /// Reads rule files, each a name for messages and its TOML, all or nothing; runs every example.
    ///
    /// # Errors
    /// Every mistake found, each with file, line and id.
    pub fn parse(files: &[(String, String)], spifs: &Spifs) -> Result<Detectors, Vec<String>> {
        let detectors = load::detectors(files, spifs)?;
        detectors.self_test()?;
        Ok(detectors)
    }

    /// Looks at every string, key and number of `tree`, which stands at the JSON pointer `pointer` of its document.
    ///
    /// # Errors
    /// Over a limit, see [`ScanError`]: part of the tree was not looked at, so the caller must deny.
    pub fn scan(&self, tree: &Tree, pointer: &str) -> Result<Vec<Finding>, ScanError> {
        Scanner::new(self, pointer).run(tree)
    }

    /// The same for an object, such as an event's content.
    ///
    /// # Errors
    /// See [`Detectors::scan`].
    pub fn scan_object(&self, object: &Object, pointer: &str) -> Result<Vec<Finding>, ScanError> {
        Scanner::new(self, pointer).run_object(object)
    }

    /// Holds every detector against its own examples; returns how many examples passed.
    ///
    /// # Errors
    /// Every example that fails, with file, line and id.
    pub fn self_test(&self) -> Result<usize, Vec<String>> {
        let mut failed = Vec::new();
        let mut passed = 0;
        for detector in &self.list {
            for (kind, examples, expected) in detector.tests() {
                for (number, example) in (1..).zip(examples) {
                    match self.hits(detector, example) {
                        Ok(hit) if hit == expected => passed += 1,
                        Ok(_) => failed.push(format!(
                            "{}: {kind} {number} of {} is {}found; correct the example or the rule",
                            detector.origin,
                            detector.id,
                            if expected { "not " } else { "" },
                        )),
                        Err(error) => {
                            failed.push(format!("{}: {kind} {number}: {error}", detector.origin))
                        }
                    }
                }
            }
        }
        if failed.is_empty() {
            Ok(passed)
        } else {
            Err(failed)
        }
    }

    /// Ids of all detectors with their descriptions, in the order of the files.
    pub fn ids(&self) -> impl Iterator<Item = (&str, &str)> {
        self.list
            .iter()
            .map(|detector| (detector.id.as_str(), detector.description.as_str()))
    }

    /// The level that a finding of this detector stands for, where it is a marking.
    #[must_use]
    pub fn marking(&self, id: &str) -> Option<&Marking> {
        self.list
            .iter()
            .find(|detector| detector.id == id)?
            .marking
            .as_ref()
    }

    fn hits(&self, detector: &Detector, example: &str) -> Result<bool, ScanError> {
        let findings = self.scan(&Tree::String(example.to_owned()), "")?;
        Ok(findings
            .iter()
            .any(|finding| finding.detector == detector.id))
    }
}

impl Detector {
    /// What of `text` a match takes for the value: the first group, where the pattern has one, else all of it.
    /// A match in which that group takes no part stands for text that must not be found.
    pub(super) fn value<'t>(&self, captures: &Captures<'t>) -> Option<regex::Match<'t>> {
        captures.get(usize::from(self.regex.captures_len() > 1))
    }

    /// Length of the value in `candidate`, which `next` follows.
    pub(super) fn accept(&self, candidate: &str, next: Option<char>) -> Option<usize> {
        match self.validator {
            Some(validator) => validator.accept(candidate, next),
            None => Some(candidate.len()),
        }
    }

    /// How sure a value at `start..end` of `text` is.
    pub(super) fn strength_at(&self, text: &str, start: usize, end: usize) -> Strength {
        let near = self
            .context
            .as_ref()
            .is_some_and(|context| context.is_near(text, start, end));
        if near {
            self.strength.raised()
        } else {
            self.strength
        }
    }

    fn tests(&self) -> [(&'static str, &[String], bool); 2] {
        [
            ("example", &self.examples, true),
            ("negative example", &self.negative_examples, false),
        ]
    }
}

impl Context {
    fn is_near(&self, text: &str, start: usize, end: usize) -> bool {
        let before = text[..start]
            .char_indices()
            .rev()
            .take(self.within)
            .last()
            .map_or(start, |(at, _)| at);
        let after = text[end..]
            .char_indices()
            .nth(self.within)
            .map_or(text.len(), |(at, _)| end + at);
        let near = [
            text[before..start].to_lowercase(),
            text[end..after].to_lowercase(),
        ];
        self.words
            .iter()
            .any(|word| near.iter().any(|part| part.contains(word.as_str())))
    }
}
