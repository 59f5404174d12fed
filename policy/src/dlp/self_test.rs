//! Detectors held against their own examples.

use ruma_common::CanonicalJsonValue as Tree;

use super::{
    Detectors, Strength,
    budget::ScanError,
    check::Check,
    detector::{Detector, Example, Source},
};

/// What became of every example.
#[derive(Clone, Debug, Default)]
pub struct TestReport {
    /// In the order of the files.
    pub detectors: Vec<DetectorTest>,
}

/// What became of one detector's examples.
#[derive(Clone, Debug)]
pub struct DetectorTest {
    /// Its id.
    pub id: String,
    /// File and line.
    pub origin: String,
    /// True for one with `origin = "import"`, which needs no examples.
    pub imported: bool,
    /// Positive ones first, in their order.
    pub examples: Vec<ExampleTest>,
}

/// What became of one example.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ExampleTest {
    /// True where nothing may be found.
    pub negative: bool,
    /// Its place in its list, from 1.
    pub number: usize,
    /// The strength that it demands, where it demands one.
    pub expected: Option<Strength>,
    /// The greatest strength found, `None` where nothing was.
    pub saw: Result<Option<Strength>, ScanError>,
}

impl TestReport {
    /// Examples that did as they say.
    #[must_use]
    pub fn passed(&self) -> usize {
        self.examples()
            .filter(|(_, example)| example.passed())
            .count()
    }

    /// One line for each example that failed: file, line, id, and why.
    #[must_use]
    pub fn failures(&self) -> Vec<String> {
        self.examples()
            .filter(|(_, example)| !example.passed())
            .map(|(detector, example)| {
                format!("{}: {}: {}", detector.origin, detector.id, example.says())
            })
            .collect()
    }

    /// Imported detectors that have no examples.
    pub fn untested(&self) -> impl Iterator<Item = &DetectorTest> {
        self.detectors
            .iter()
            .filter(|detector| detector.examples.is_empty())
    }

    fn examples(&self) -> impl Iterator<Item = (&DetectorTest, &ExampleTest)> {
        self.detectors.iter().flat_map(|detector| {
            let examples = detector.examples.iter();
            examples.map(move |example| (detector, example))
        })
    }
}

impl ExampleTest {
    /// True where it did as it says.
    #[must_use]
    pub fn passed(&self) -> bool {
        match (self.saw, self.negative, self.expected) {
            (Err(_), _, _) => false,
            (Ok(saw), true, _) => saw.is_none(),
            (Ok(saw), false, None) => saw.is_some(),
            (Ok(saw), false, expected) => saw == expected,
        }
    }

    /// What happened, in words that do not show the example.
    #[must_use]
    pub fn says(&self) -> String {
        let kind = if self.negative {
            "negative example"
        } else {
            "example"
        };
        let what = match (self.saw, self.expected) {
            (Err(error), _) => return format!("{kind} {}: {error}; shorten it", self.number),
            (Ok(None), _) => "is not found".to_owned(),
            (Ok(Some(saw)), Some(expected)) if !self.negative => {
                format!("is {} and not {}", saw.as_str(), expected.as_str())
            }
            (Ok(Some(saw)), _) => format!("is found as {}", saw.as_str()),
        };
        format!(
            "{kind} {} {what}; correct the example or the rule",
            self.number
        )
    }
}

pub(super) fn run(detectors: &Detectors) -> TestReport {
    let test = |detector: &Detector| DetectorTest {
        id: detector.id.clone(),
        origin: detector.origin.clone(),
        imported: detector.imported,
        examples: examples(detectors, detector),
    };
    TestReport {
        detectors: detectors.list.iter().map(test).collect(),
    }
}

fn examples(detectors: &Detectors, detector: &Detector) -> Vec<ExampleTest> {
    let lists = [
        (false, &detector.examples),
        (true, &detector.negative_examples),
    ];
    let numbered = lists.into_iter().flat_map(|(negative, list)| {
        let numbered = (1..).zip(list);
        numbered.map(move |(number, example)| (negative, number, example))
    });
    numbered
        .map(|(negative, number, example)| ExampleTest {
            negative,
            number,
            expected: example.strength,
            saw: saw(detectors, detector, example),
        })
        .collect()
}

fn saw(
    detectors: &Detectors,
    detector: &Detector,
    example: &Example,
) -> Result<Option<Strength>, ScanError> {
    let findings = detectors.scan(&tree(detector, &example.text), "")?;
    Ok(findings
        .iter()
        .filter(|finding| finding.detector == detector.id)
        .map(|finding| finding.strength)
        .max())
}

/// An example as it is scanned: a text, or for what compares two fields the content of a message in JSON.
fn tree(detector: &Detector, example: &str) -> Tree {
    let content = matches!(detector.source, Source::Check(Check::Html))
        .then(|| serde_json::from_str(example).ok())
        .flatten();
    content.unwrap_or_else(|| Tree::String(example.to_owned()))
}
