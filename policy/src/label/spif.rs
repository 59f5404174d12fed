//! Security policies: what one SPIF says, as far as decisions need it, and the set of those loaded.

mod constraint;
mod read;
mod structure;

use std::fmt;

use serde::{Deserialize, Serialize};
use time::OffsetDateTime;

pub(super) use constraint::{Group, Operation, Required};

use super::{
    name::{Key, OID_PREFIX},
    wire::{Label, PolicyIdentifier},
};

/// A security policy read from an Open XML SPIF 2.0 or 2.1.
#[derive(Clone, Debug)]
pub struct Spif {
    /// Name of the policy.
    pub name: String,
    /// Its object identifier, dotted.
    pub oid: String,
    /// First instant at which the policy holds, where it says one.
    pub not_before: Option<OffsetDateTime>,
    /// Last instant at which the policy holds, where it says one.
    pub not_after: Option<OffsetDateTime>,
    /// When the policy was made, where that can be read; an obsolete value is valid only in labels older than this.
    pub created: Option<OffsetDateTime>,
    /// The levels.
    pub classifications: Vec<Classification>,
    /// The categories.
    pub tag_sets: Vec<TagSet>,
}

/// One level of a policy.
#[derive(Clone, Debug)]
pub struct Classification {
    /// Name, in the policy's spelling.
    pub name: String,
    /// Number in binary labels; no rank.
    pub lacv: i64,
    /// Rank: greater dominates.
    pub hierarchy: i64,
    /// True where new labels may not use it.
    pub obsolete: bool,
    /// Colour for display, as written.
    pub color: Option<String>,
    /// Phrases that mark text of this level.
    pub markings: Vec<String>,
    pub(super) key: Key,
    pub(super) required: Vec<Required>,
}

/// A set of categories, named in a label by `TagName`.
#[derive(Clone, Debug)]
pub struct TagSet {
    /// Name, in the policy's spelling.
    pub name: String,
    /// Object identifier, dotted.
    pub oid: String,
    /// The tags; usually one.
    pub tags: Vec<Tag>,
    pub(super) key: Key,
}

/// One tag of a set. Where a set has several of one kind, each decides for itself.
#[derive(Clone, Debug)]
pub struct Tag {
    /// What its values do.
    pub kind: TagKind,
    /// True for `tagType="enumerated"`, which changes the encoding only.
    pub enumerated: bool,
    /// How many values a label must have at least.
    pub min: u32,
    /// How many values a label may have at most.
    pub max: Option<u32>,
    /// The values.
    pub values: Vec<TagValue>,
}

/// One value of a tag.
#[derive(Clone, Debug)]
pub struct TagValue {
    /// Name, in the policy's spelling.
    pub name: String,
    /// Value in binary labels, a number or a text.
    pub lacv: String,
    /// True where new labels may not use it.
    pub obsolete: bool,
    /// First instant at which the value may be used.
    pub not_before: Option<OffsetDateTime>,
    /// Last instant at which the value may be used.
    pub not_after: Option<OffsetDateTime>,
    pub(super) key: Key,
    pub(super) excluded_classes: Vec<Key>,
    pub(super) required_class: Option<Key>,
    pub(super) required: Vec<Required>,
    pub(super) excluded: Vec<Group>,
}

/// What the values of a category do in a decision.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "UPPERCASE")]
pub enum TagKind {
    /// The reader must be cleared for all of them.
    Restrictive,
    /// The reader must be cleared for one of them.
    Permissive,
    /// Not part of access control.
    Informative,
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

/// The policies that are loaded, looked up by object identifier or name.
#[derive(Clone, Debug, Default)]
pub struct Spifs(Vec<Spif>);

impl Spif {
    /// Reads a SPIF. Every construct is understood, known to change no decision, or an error: nothing that restricts
    /// is passed over.
    ///
    /// # Errors
    /// All mistakes found, each with its line.
    pub fn parse(xml: &str) -> Result<Spif, Vec<SpifError>> {
        read::spif(xml)
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

impl Spifs {
    /// The set of `spifs`.
    ///
    /// # Errors
    /// Two policies with one name or one object identifier (SP-8): which of them a label means could not be said.
    pub fn new(spifs: Vec<Spif>) -> Result<Spifs, Vec<SpifError>> {
        let mut errors = Vec::new();
        for (index, spif) in spifs.iter().enumerate() {
            let twin = |other: &&Spif| {
                other.oid == spif.oid || Key::of(&other.name) == Key::of(&spif.name)
            };
            if let Some(other) = spifs[..index].iter().find(twin) {
                errors.push(SpifError::new("duplicate-policy", None, format!(
                    "policies {} ({}) and {} ({}) share a name or object identifier; load one of them",
                    other.name, other.oid, spif.name, spif.oid
                )));
            }
        }
        if errors.is_empty() {
            Ok(Spifs(spifs))
        } else {
            Err(errors)
        }
    }

    /// The loaded policies, in the order in which they were given.
    pub fn iter(&self) -> impl Iterator<Item = &Spif> {
        self.0.iter()
    }

    /// True where no policy is loaded; every decision is then a denial.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The policy with this dotted object identifier.
    #[must_use]
    pub fn by_oid(&self, oid: &str) -> Option<&Spif> {
        self.0.iter().find(|spif| spif.oid == oid)
    }

    /// The policy with this name.
    #[must_use]
    pub fn by_name(&self, name: &str) -> Option<&Spif> {
        let key = Key::of(name);
        self.0.iter().find(|spif| Key::of(&spif.name) == key)
    }

    /// True where the policy of this name or dotted object identifier is loaded and has this classification.
    #[must_use]
    pub fn marking(&self, policy: &str, classification: &str) -> bool {
        let spif = self.by_oid(policy).or_else(|| self.by_name(policy));
        spif.is_some_and(|spif| spif.classification(classification).is_some())
    }

    /// The level that a label names, in the policy's spelling and with its rank; `None` where policy or level are
    /// unknown or the label's policy name and identifier disagree.
    #[must_use]
    pub fn classification(&self, label: &Label) -> Option<&Classification> {
        match self.resolve(label.policy()) {
            Resolved::One(spif) => spif.classification(label.classification()),
            Resolved::Unknown | Resolved::Mismatch => None,
        }
    }

    /// The policy that an identifier means (LB-3): name and object identifier must mean the same one.
    pub(super) fn resolve(&self, policy: &PolicyIdentifier) -> Resolved<'_> {
        let by_name = self.by_name(&policy.name);
        let Some(uri) = &policy.uri else {
            return by_name.map_or(Resolved::Unknown, Resolved::One);
        };
        let by_oid = uri
            .strip_prefix(OID_PREFIX)
            .and_then(|oid| self.by_oid(oid));
        match (by_name, by_oid) {
            (None, None) => Resolved::Unknown,
            (Some(one), Some(other)) if std::ptr::eq(one, other) => Resolved::One(one),
            _ => Resolved::Mismatch,
        }
    }
}

/// What a policy identifier means among the loaded policies.
pub(super) enum Resolved<'a> {
    /// Exactly this policy.
    One(&'a Spif),
    /// None of them.
    Unknown,
    /// Name and identifier mean different things.
    Mismatch,
}

impl TagKind {
    /// Reads `RESTRICTIVE`, `PERMISSIVE` or `INFORMATIVE`; case counts, as in the XML schema of labels.
    pub(super) fn from_name(name: &str) -> Option<TagKind> {
        match name {
            "RESTRICTIVE" => Some(TagKind::Restrictive),
            "PERMISSIVE" => Some(TagKind::Permissive),
            "INFORMATIVE" => Some(TagKind::Informative),
            _ => None,
        }
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
