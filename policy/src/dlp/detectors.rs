//! The set of detectors, as everybody outside uses it.

use std::collections::BTreeMap;

use ruma_common::{CanonicalJsonObject as Object, CanonicalJsonValue as Tree};

use super::{
    Around, Finding, HashKey, Index, Said, TestReport,
    budget::ScanError,
    detector::{Detector, Marking},
    load,
    prefilter::Prefilter,
    scan::Scanner,
    self_test,
};
use crate::label::Spifs;

/// A compiled pattern's size at most where nothing else is said, in bytes.
pub const DEFAULT_SIZE_LIMIT: usize = 10 * 1024 * 1024;

/// All detectors that are loaded, with one search for the keywords of all of them.
#[derive(Clone, Debug)]
pub struct Detectors {
    pub(super) list: Vec<Detector>,
    pub(super) prefilter: Prefilter,
    /// Where each id stands in `list`.
    pub(super) by_id: BTreeMap<String, usize>,
    /// Detectors that compare HTML with plain text.
    pub(super) html: Vec<usize>,
    pub(super) key: HashKey,
}

/// How rule files are loaded.
#[derive(Clone, Debug)]
pub struct LoadOptions {
    /// A compiled pattern's size at most, in bytes.
    pub size_limit: usize,
    /// Indexes that detectors name.
    pub indexes: BTreeMap<String, Index>,
    /// True where an example that fails is a mistake. `dlp test` loads without and shows all of them.
    pub run_examples: bool,
    /// True for rules that were loaded without this before somebody signed them: patterns are compiled when a text first
    /// calls for them, nothing is tried on long texts, and no example runs. A pattern that then does not compile makes the
    /// scan fail.
    pub trusted: bool,
}

/// Where the scanned text crosses, and how its values are hashed. What is not given is not known.
#[derive(Clone, Copy, Debug, Default)]
pub struct Scan<'a> {
    /// Name of the link, `high->low`. Detectors for other links do not run.
    pub link: Option<&'a str>,
    /// Room id. Detectors for other rooms do not run.
    pub room: Option<&'a str>,
    /// Key of value hashes, instead of the one that these detectors drew.
    pub key: Option<&'a HashKey>,
}

impl Default for LoadOptions {
    fn default() -> Self {
        LoadOptions {
            size_limit: DEFAULT_SIZE_LIMIT,
            indexes: BTreeMap::new(),
            run_examples: true,
            trusted: false,
        }
    }
}

impl Detectors {
    /// Reads rule files, each a name for messages and its TOML, all or nothing; runs every example.
    ///
    /// # Errors
    /// Every mistake found, each with file, line and id.
    pub fn parse(files: &[(String, String)], spifs: &Spifs) -> Result<Detectors, Vec<String>> {
        Self::parse_with(files, spifs, &LoadOptions::default())
    }

    /// The same with other limits, with indexes, or without running the examples.
    ///
    /// # Errors
    /// Every mistake found, each with file, line and id.
    pub fn parse_with(
        files: &[(String, String)],
        spifs: &Spifs,
        options: &LoadOptions,
    ) -> Result<Detectors, Vec<String>> {
        let detectors = load::detectors(files, spifs, options)?;
        if options.run_examples && !options.trusted {
            detectors.self_test()?;
        }
        Ok(detectors)
    }

    /// Looks at every string, key and number of `tree`, which stands at the JSON pointer `pointer` of its document.
    ///
    /// # Errors
    /// Over a limit, see [`ScanError`]: part of the tree was not looked at, so the caller must deny.
    pub fn scan(&self, tree: &Tree, pointer: &str) -> Result<Vec<Finding>, ScanError> {
        self.scan_with(&Scan::default(), tree, pointer)
    }

    /// The same for an object, such as an event's content.
    ///
    /// # Errors
    /// See [`Detectors::scan`].
    pub fn scan_object(&self, object: &Object, pointer: &str) -> Result<Vec<Finding>, ScanError> {
        self.scan_object_with(&Scan::default(), object, pointer)
    }

    /// [`Detectors::scan`] where link, room or key are known.
    ///
    /// # Errors
    /// See [`Detectors::scan`].
    pub fn scan_with(
        &self,
        options: &Scan<'_>,
        tree: &Tree,
        pointer: &str,
    ) -> Result<Vec<Finding>, ScanError> {
        Scanner::new(self, *options, pointer).run(tree)
    }

    /// [`Detectors::scan_object`] where link, room or key are known.
    ///
    /// # Errors
    /// See [`Detectors::scan`].
    pub fn scan_object_with(
        &self,
        options: &Scan<'_>,
        object: &Object,
        pointer: &str,
    ) -> Result<Vec<Finding>, ScanError> {
        Scanner::new(self, *options, pointer).run_object(object)
    }

    /// [`Detectors::scan_with`] and [`Detectors::scan_window`] as one unit: `tree`, whose texts are `said`, and what was
    /// said around it. All of it has one budget, and `min_distinct` counts over all of it.
    ///
    /// # Errors
    /// See [`Detectors::scan`].
    pub fn scan_together(
        &self,
        options: &Scan<'_>,
        (tree, pointer): (&Tree, &str),
        around: &Around<'_>,
        said: &[Said<'_>],
    ) -> Result<Vec<Finding>, ScanError> {
        Scanner::new(self, *options, pointer).run_together(tree, around, said)
    }

    /// Holds every detector against its own examples; returns how many examples passed.
    ///
    /// # Errors
    /// Every example that fails, with file, line and id.
    pub fn self_test(&self) -> Result<usize, Vec<String>> {
        let report = self.test_report();
        let failures = report.failures();
        if failures.is_empty() {
            Ok(report.passed())
        } else {
            Err(failures)
        }
    }

    /// What became of every example.
    #[must_use]
    pub fn test_report(&self) -> TestReport {
        self_test::run(self)
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
        self.list[*self.by_id.get(id)?].marking.as_ref()
    }
}
