//! Every pattern tried on long runs of one letter and of one digit before it meets a message.

use std::sync::LazyLock;

use crate::dlp::{
    budget::{Budget, ScanError},
    detector::{Detector, Source},
    pattern::{Group, Pattern},
    values::Values,
};

/// Length of a text that patterns are tried on, in bytes.
pub const PROBE_BYTES: usize = 64 * 1024;

static PROBES: LazyLock<[String; 2]> =
    LazyLock::new(|| ["a", "1"].map(|sign| sign.repeat(PROBE_BYTES)));

/// # Errors
/// A pattern needs more than the budget.
pub(super) fn probe(detector: &Detector) -> Result<(), String> {
    let patterns = match &detector.source {
        Source::Text { patterns, .. } => patterns.as_slice(),
        Source::Check(_) | Source::Index(_) => &[],
    };
    let required = detector
        .all_of
        .iter()
        .map(|pattern| (pattern, Group::Number(0)));
    let found = patterns.iter().map(|(pattern, group)| (pattern, *group));
    for (pattern, group) in found.chain(required) {
        for text in PROBES.iter() {
            tried(detector, pattern, group, text).map_err(|error| {
                format!(
                    "on {PROBE_BYTES} times the same sign {error}; bound its repetitions, and say what stands before \
                     and after the value"
                )
            })?;
        }
    }
    Ok(())
}

fn tried(
    detector: &Detector,
    pattern: &Pattern,
    group: Group,
    text: &str,
) -> Result<(), ScanError> {
    let mut budget = Budget::default();
    budget.unit(text.len())?;
    let whole = [(0, text.len())];
    let mut values = Values::new(detector, pattern, group, text, &whole);
    while values.next(&mut budget)?.is_some() {}
    Ok(())
}
