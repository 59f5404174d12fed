//! Security policies: what one SPIF says. The set of those loaded is [`Spifs`].
//!
//! ```text
//!  text ─→ xml (hardened) ─→ structure (order, spelling) ─→ read (attributes, references) ─→ Spif
//! ```

mod constraint;
mod display;
mod equivalent;
mod input;
mod marking;
mod model;
mod read;
mod set;
pub(super) mod structure;

use std::fmt;

use time::OffsetDateTime;

pub use constraint::Operation;
pub(super) use constraint::{Group, Required};
pub use equivalent::{
    Applied, EquivalentClassification, EquivalentPolicy, EquivalentTagSet, EquivalentValue, Wanted,
    WantedGroup,
};
pub use input::{DateFormat, UserInput};
pub use marking::{Marking, MarkingCode, Markings, Qualifier, QualifierKind};
pub use model::{Classification, Tag, TagKind, TagSet, TagValue};
pub(super) use set::Resolved;
pub use set::Spifs;

use super::{
    name::{Key, RESERVED_PREFIX},
    wire::PolicyIdentifier,
};

/// A security policy read from an Open XML SPIF 2.0 or 2.1.
#[derive(Clone, Debug)]
pub struct Spif {
    /// Name of the policy.
    pub name: String,
    /// Its object identifier, dotted.
    pub oid: String,
    /// `version` as written, `1` where it is not given.
    pub version: String,
    /// SHA-256 of the file's bytes, in lower-case hexadecimal.
    pub sha256: String,
    /// First instant at which the policy holds, where it says one.
    pub not_before: Option<OffsetDateTime>,
    /// Last instant at which the policy holds, where it says one.
    pub not_after: Option<OffsetDateTime>,
    /// When the policy was made, where that can be read; an obsolete value is valid only in labels older than this.
    pub created: Option<OffsetDateTime>,
    /// The policy for data that arrives without a label, where this one names one. A hint to the operator: no link takes
    /// it by itself (LB-6).
    pub default_policy: Option<PolicyIdentifier>,
    /// The levels.
    pub classifications: Vec<Classification>,
    /// The categories.
    pub tag_sets: Vec<TagSet>,
    /// Marks that are shown and never decide.
    pub privacy_marks: Vec<PrivacyMark>,
    /// How many privacy marks a label must have at least; a label has one at most.
    pub privacy_marks_min: u32,
    /// The policies in which this one names equivalents.
    pub equivalents: Vec<EquivalentPolicy>,
    /// Markings of the policy as a whole.
    pub markings: Markings,
    pub(super) line: u32,
}

/// A privacy mark.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PrivacyMark {
    /// Name, in the policy's spelling.
    pub name: String,
    /// True where new labels may not use it.
    pub obsolete: bool,
    /// Phrases for it.
    pub markings: Vec<Marking>,
    pub(super) key: Key,
}

/// Switches for policies that the strict reading refuses. All are off by default.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct SpifOptions {
    /// Read `schemaVersion` 3.0 by the structure of 2.1; what 3.0 has beyond that is still refused.
    pub allow_version_3: bool,
    /// A `categoryGroup` or `excludedCategory` with neither `lacv` nor `all` means the whole tag set.
    pub missing_lacv_is_whole_set: bool,
    /// Groups listed under `extensions` as `memberships` stand for their members ([`TagValue::members`]).
    pub expand_memberships: bool,
}

impl SpifOptions {
    /// Names of the switches, as operators write them.
    pub const NAMES: [&str; 3] = ["version-3", "whole-set", "memberships"];

    /// The options with the named switches on.
    ///
    /// # Errors
    /// The first name that is not one of [`SpifOptions::NAMES`].
    pub fn named<S: AsRef<str>>(names: &[S]) -> Result<SpifOptions, &str> {
        let mut options = SpifOptions::default();
        for name in names.iter().map(S::as_ref) {
            match name {
                "version-3" => options.allow_version_3 = true,
                "whole-set" => options.missing_lacv_is_whole_set = true,
                "memberships" => options.expand_memberships = true,
                unknown => return Err(unknown),
            }
        }
        Ok(options)
    }
}

/// What is wrong with a SPIF.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SpifError {
    /// Short kebab-case word for the kind of mistake, such as `dtd-forbidden` or `unknown-reference`.
    pub code: &'static str,
    /// Line in the file, from 1, where one is known.
    pub line: Option<u32>,
    /// What is wrong and what to do.
    pub message: String,
}

impl Spif {
    /// Reads a SPIF. Every construct is understood, known to change no decision, or an error: nothing that restricts
    /// is passed over.
    ///
    /// # Errors
    /// All mistakes found, each with its line.
    pub fn parse(xml: &str) -> Result<Spif, Vec<SpifError>> {
        Spif::parse_with(xml, SpifOptions::default())
    }

    /// Reads a SPIF as [`Spif::parse`] does, with some of the strictness switched off.
    ///
    /// # Errors
    /// All mistakes found, each with its line.
    pub fn parse_with(xml: &str, options: SpifOptions) -> Result<Spif, Vec<SpifError>> {
        read::spif(xml, options)
    }

    /// True where the policy holds at `at`; both ends are part of the period.
    #[must_use]
    pub fn is_valid_at(&self, at: OffsetDateTime) -> bool {
        within(self.not_before, self.not_after, at)
    }

    /// The level of this name, in any spelling that LB-4 calls equal.
    #[must_use]
    pub fn classification(&self, name: &str) -> Option<&Classification> {
        let key = Key::of(name);
        self.classifications.iter().find(|level| level.key == key)
    }

    /// Position and tag set of this name.
    pub(super) fn tag_set(&self, name: &str) -> Option<(usize, &TagSet)> {
        let key = Key::of(name);
        self.tag_sets
            .iter()
            .enumerate()
            .find(|(_, set)| set.key == key)
    }
}

impl SpifError {
    pub(super) fn new(
        code: &'static str,
        line: Option<u32>,
        message: impl Into<String>,
    ) -> SpifError {
        SpifError {
            code,
            line,
            message: message.into(),
        }
    }
}

impl SpifError {
    /// A policy with the name of the label that stands for "nobody".
    pub(super) fn reserved(line: Option<u32>) -> SpifError {
        let message = format!(
            "names of policies that begin with {RESERVED_PREFIX} are reserved; give it another name"
        );
        SpifError::new("reserved-name", line, message)
    }
}

impl fmt::Display for SpifError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.line {
            Some(line) => write!(f, "line {line}: {} [{}]", self.message, self.code),
            None => write!(f, "{} [{}]", self.message, self.code),
        }
    }
}

impl std::error::Error for SpifError {}

/// True where `at` lies in the period; an end that is not given is open.
pub(super) fn within(
    from: Option<OffsetDateTime>,
    to: Option<OffsetDateTime>,
    at: OffsetDateTime,
) -> bool {
    from.is_none_or(|from| from <= at) && to.is_none_or(|to| at <= to)
}

#[cfg(test)]
mod tests;
