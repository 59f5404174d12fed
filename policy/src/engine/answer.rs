//! Reading the policy's answer: an object keyed by index, each value exactly `{"verdict", "rule"}`, with `"checks"`
//! where something is held until these have looked at it.

use std::collections::BTreeMap;

use serde::Deserialize;
use serde_json::Value;

use super::{ANSWER_BYTES, AUTHOR_PACKAGE, Asked, failure::EventFailure};
use crate::verdict::{Decision, Verdict};

/// Bytes of an answer beside those for each unit.
const FRAME_BYTES: usize = 256;

/// Characters of a rule's name at most.
const RULE_CHARS: usize = 64;

/// Checks that one unit may wait for at most.
const MAX_CHECKS: usize = 4;

/// The answers of one call, not yet believed.
pub(super) struct Answers(BTreeMap<String, Value>);

/// OPA's result set for one entry point.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Outcome {
    result: BTreeMap<String, Value>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Said {
    verdict: Verdict,
    rule: String,
    #[serde(default)]
    checks: Vec<String>,
}

impl Answers {
    /// Reads what the module wrote for `units` units.
    pub(super) fn read(text: &str, units: usize) -> Result<Self, EventFailure> {
        if text.len() > FRAME_BYTES + ANSWER_BYTES * units {
            return Err(EventFailure::Output);
        }
        let outcomes: Vec<Outcome> = serde_json::from_str(text).map_err(|_| EventFailure::Shape)?;
        match <[Outcome; 1]>::try_from(outcomes) {
            Ok([outcome]) => Ok(Self(outcome.result)),
            Err(outcomes) if outcomes.is_empty() => Err(EventFailure::Undefined),
            Err(_) => Err(EventFailure::Count),
        }
    }

    /// As many answers as units?
    pub(super) fn check_count(&self, units: usize) -> Result<(), EventFailure> {
        if self.0.len() == units {
            Ok(())
        } else {
            Err(EventFailure::Count)
        }
    }

    /// The answer on a unit that was asked about alone.
    pub(super) fn only(&self, facts: &impl Asked) -> Result<Decision, EventFailure> {
        if self.0.is_empty() {
            return Err(EventFailure::Undefined);
        }
        self.check_count(1)?;
        self.at(0, facts)
    }

    /// The answer on the unit with this index and these facts.
    pub(super) fn at(&self, index: usize, facts: &impl Asked) -> Result<Decision, EventFailure> {
        let said = self
            .0
            .get(&index.to_string())
            .ok_or(EventFailure::Undefined)?;
        let said = Said::deserialize(said).map_err(|_| EventFailure::Shape)?;
        let rule = rule_id(&said.rule, facts).ok_or(EventFailure::Shape)?;
        let held = said.verdict == Verdict::Hold || said.checks.is_empty();
        let named = said.checks.iter().all(|check| is_rule_name(check));
        if !held || !named || said.checks.len() > MAX_CHECKS {
            return Err(EventFailure::Shape);
        }
        Ok(Decision {
            verdict: said.verdict,
            rule,
            checks: said.checks,
        })
    }
}

/// The full id of a rule, or nothing where the name is none, or names a detector that found nothing.
fn rule_id(name: &str, facts: &impl Asked) -> Option<String> {
    match name.strip_prefix("dlp.") {
        Some(detector) => facts.has_finding(detector).then(|| name.to_owned()),
        None => is_rule_name(name).then(|| format!("rego.{AUTHOR_PACKAGE}.{name}")),
    }
}

/// Rule names go into logs and metrics: lower case, digits and underscores.
fn is_rule_name(name: &str) -> bool {
    let plain = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'_';
    !name.is_empty() && name.len() <= RULE_CHARS && name.bytes().all(plain)
}
