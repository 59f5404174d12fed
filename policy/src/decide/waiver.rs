//! What a person, or the checks that a policy names, has looked at and let pass: the one rule and the findings that were
//! shown. Everything else is decided as if there was no waiver.

use std::collections::BTreeSet;

use super::{SCAN_BUDGET, UnitDecision};
use crate::{
    dlp::{Finding, ScanError},
    engine::EventFailure,
    verdict::{Decision, Verdict},
};

/// What the rule of a detector begins with.
const DETECTOR: &str = "dlp.";

/// The rule that held an event, and what detectors had found in it.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Waiver {
    /// The rule that held it.
    pub rule: String,
    /// Detector and keyed hash of each value that was shown.
    pub findings: BTreeSet<(String, String)>,
}

impl Waiver {
    /// Everything that held a unit.
    #[must_use]
    pub fn of(decision: &UnitDecision) -> Self {
        let pairs = |finding: &Finding| {
            let detector = finding.detector.clone();
            let values = finding.values.clone();
            values
                .into_iter()
                .map(move |value| (detector.clone(), value.to_string()))
        };
        Self {
            rule: decision.decision.rule.clone(),
            findings: decision.findings.iter().flat_map(pairs).collect(),
        }
    }

    /// What is left of the findings: those with a value that was not shown.
    pub(super) fn left(
        &self,
        found: Result<Vec<Finding>, ScanError>,
    ) -> Result<Vec<Finding>, ScanError> {
        match found {
            Err(_) if self.rule == SCAN_BUDGET => Ok(Vec::new()),
            found => found.map(|findings| {
                findings
                    .into_iter()
                    .filter(|finding| !self.covers(finding))
                    .collect()
            }),
        }
    }

    /// A finding without a value cannot be told from another one, and is not covered.
    fn covers(&self, finding: &Finding) -> bool {
        let shown = |value: String| self.findings.contains(&(finding.detector.clone(), value));
        !finding.values.is_empty() && finding.values.iter().all(|value| shown(value.to_string()))
    }

    /// The policy's answer without the rule that was waived. A detector's rule falls with its findings: what it still says
    /// is about others.
    pub(super) fn answer(
        &self,
        answer: Result<Decision, EventFailure>,
    ) -> Result<Decision, EventFailure> {
        answer.map(|decision| {
            let same = decision.verdict == Verdict::Hold && decision.rule == self.rule;
            if same && !self.rule.starts_with(DETECTOR) {
                Decision::new(Verdict::Release, decision.rule)
            } else {
                decision
            }
        })
    }
}
