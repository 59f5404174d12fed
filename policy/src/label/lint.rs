//! What is wrong or dangerous in security policies, said to their authors before anybody depends on them.
//!
//! Errors are what the loader refuses. Warnings (SP-9) are what it takes and an author should look at: combinations
//! that nobody can satisfy, equivalences that lead nowhere, translations there and back that lose a restriction.
//!
//! ```text
//!  file, file, … ─→ Spif::parse ─→ errors
//!                        └─→ attributes, shape, names, satisfy   each policy alone
//!                        └─→ targets, trips                       all policies together
//! ```

mod attributes;
mod names;
mod satisfy;
mod shape;
mod targets;
mod trips;

use serde::{Serialize, Serializer, ser::SerializeStruct};
use time::OffsetDateTime;

use super::{
    name::Key,
    spif::{Spif, SpifError, SpifOptions, Spifs},
};

pub use trips::LossyRoundTrip;

/// Something to look at in a policy.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct LintFinding {
    /// Short kebab-case word for the kind of finding.
    pub code: &'static str,
    /// Line in the file, from 1, where one is known.
    pub line: Option<u32>,
    /// What is wrong and what to do.
    pub message: String,
    /// Name of the file, as it was given.
    pub file: String,
}

/// All findings over one or several policies. JSON: `{"ok","errors":[…],"warnings":[…]}`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct LintReport {
    /// What keeps a policy from being loaded.
    pub errors: Vec<LintFinding>,
    /// What can be loaded and is doubtful.
    pub warnings: Vec<LintFinding>,
}

impl LintReport {
    /// True where every policy can be loaded beside the others; warnings do not count.
    #[must_use]
    pub fn ok(&self) -> bool {
        self.errors.is_empty()
    }
}

impl Serialize for LintReport {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut report = serializer.serialize_struct("LintReport", 3)?;
        report.serialize_field("ok", &self.ok())?;
        report.serialize_field("errors", &self.errors)?;
        report.serialize_field("warnings", &self.warnings)?;
        report.end()
    }
}

/// Checks policies, given as file name and text, alone and together. Whether a period is over is not asked.
#[must_use]
pub fn lint(files: &[(String, String)]) -> LintReport {
    lint_at(files, SpifOptions::default(), None)
}

/// As [`lint()`], with the switches of the loader, and with the instant at which periods should hold.
#[must_use]
pub fn lint_at(
    files: &[(String, String)],
    options: SpifOptions,
    at: Option<OffsetDateTime>,
) -> LintReport {
    let mut report = LintReport::default();
    let mut loaded: Vec<(&str, Spif)> = Vec::new();
    for (file, xml) in files {
        match Spif::parse_with(xml, options) {
            Err(errors) => {
                let errors = errors.into_iter().map(|error| finding(file, error));
                report.errors.extend(errors);
            }
            Ok(spif) => match twin(&loaded, &spif) {
                Some(error) => report.errors.push(finding(file, error)),
                None => {
                    let found = alone(&spif, xml, at);
                    let found = found.into_iter().map(|warning| finding(file, warning));
                    report.warnings.extend(found);
                    loaded.push((file, spif));
                }
            },
        }
    }
    together(&loaded, &mut report);
    report
}

/// A mistake or doubt without its file: the shape that every check gives.
type Found = SpifError;

fn finding(file: &str, found: Found) -> LintFinding {
    LintFinding {
        code: found.code,
        line: found.line,
        message: found.message,
        file: file.to_owned(),
    }
}

/// SP-8: of two policies with one name or identifier, nobody could say which is meant.
fn twin(loaded: &[(&str, Spif)], spif: &Spif) -> Option<Found> {
    let key = Key::of(&spif.name);
    let same = |other: &Spif| other.oid == spif.oid || Key::of(&other.name) == key;
    let (file, other) = loaded.iter().find(|(_, other)| same(other))?;
    let message = format!(
        "policy {} ({}) shares its name or object identifier with {} ({}) in {file}; load one of them",
        spif.name, spif.oid, other.name, other.oid
    );
    Some(Found::new("duplicate-policy", Some(spif.line), message))
}

fn alone(spif: &Spif, xml: &str, at: Option<OffsetDateTime>) -> Vec<Found> {
    let mut found = attributes::check(xml);
    found.extend(shape::check(spif, at));
    found.extend(names::check(spif));
    found.extend(satisfy::check(spif));
    found
}

fn together(loaded: &[(&str, Spif)], report: &mut LintReport) {
    let (files, spifs): (Vec<&str>, Vec<Spif>) = loaded.iter().cloned().unzip();
    // Twins were left out above, so the set is always made; without it there is nothing to compare.
    let Ok(spifs) = Spifs::new(spifs) else { return };
    for (file, spif) in files.iter().zip(spifs.iter()) {
        let found = targets::check(spif, &spifs);
        let found = found.into_iter().map(|warning| finding(file, warning));
        report.warnings.extend(found);
    }
    for trip in spifs.lossy_round_trips() {
        let mut from = files.iter().zip(spifs.iter());
        let Some((file, spif)) = from.find(|(_, spif)| spif.name == trip.from) else {
            continue;
        };
        let message = format!(
            "from {} to {} and back loses a restriction: {}; correct the equivalences, or the pair is refused",
            trip.from, trip.to, trip.example
        );
        let found = Found::new("lossy-round-trip", Some(spif.line), message);
        report.warnings.push(finding(file, found));
    }
}

#[cfg(test)]
mod tests;
