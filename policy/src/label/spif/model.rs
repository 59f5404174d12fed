//! What a policy is made of: levels, tag sets, tags and their values.

use serde::{Deserialize, Serialize};
use time::OffsetDateTime;

use super::{
    constraint::{Group, Required},
    equivalent::{EquivalentClassification, EquivalentTagSet, EquivalentValue},
    input::UserInput,
    marking::{Marking, Qualifier},
};
use crate::label::name::Key;

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
    pub markings: Vec<Marking>,
    /// What stands around the phrases.
    pub qualifiers: Vec<Qualifier>,
    /// What it is in other policies.
    pub equivalents: Vec<EquivalentClassification>,
    pub(in crate::label) key: Key,
    pub(in crate::label) required: Vec<Required>,
    pub(in crate::label) line: u32,
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
    /// The sets of other policies that stand for this one as a whole.
    pub equivalents: Vec<EquivalentTagSet>,
    pub(in crate::label) key: Key,
    pub(in crate::label) line: u32,
}

/// One tag of a set. Where a set has several of one kind, each decides for itself.
#[derive(Clone, Debug)]
pub struct Tag {
    /// Name; often, but not always, that of the set.
    pub name: Option<String>,
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
    /// What stands around and between the phrases of the values.
    pub qualifiers: Vec<Qualifier>,
    pub(in crate::label) line: u32,
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
    /// Where this is given, the author of a label writes a text of this form in place of the name.
    pub user_input: Option<UserInput>,
    /// Phrases that mark text with this value.
    pub markings: Vec<Marking>,
    /// What stands around the phrases.
    pub qualifiers: Vec<Qualifier>,
    /// What it is in other policies.
    pub equivalents: Vec<EquivalentValue>,
    /// Names of the values of the same tag that this one, a group, stands for. Empty unless
    /// [`super::SpifOptions::expand_memberships`] is on. A permissive group in a label admits its members too; in a
    /// clearance, and in tags of other kinds, it is one value like any other.
    pub members: Vec<String>,
    pub(in crate::label) key: Key,
    pub(in crate::label) excluded_classes: Vec<Key>,
    pub(in crate::label) required_class: Option<Key>,
    pub(in crate::label) required: Vec<Required>,
    pub(in crate::label) excluded: Vec<Group>,
    pub(in crate::label) line: u32,
}

/// What the values of a category do in a decision.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "UPPERCASE")]
pub enum TagKind {
    /// The reader must be cleared for all of them.
    Restrictive,
    /// The reader must be cleared for one of them.
    Permissive,
    /// Not part of access control.
    Informative,
}

impl TagKind {
    /// Reads `RESTRICTIVE`, `PERMISSIVE` or `INFORMATIVE`; case counts, as in the XML schema of labels.
    pub(in crate::label) fn from_name(name: &str) -> Option<TagKind> {
        match name {
            "RESTRICTIVE" => Some(TagKind::Restrictive),
            "PERMISSIVE" => Some(TagKind::Permissive),
            "INFORMATIVE" => Some(TagKind::Informative),
            _ => None,
        }
    }

    /// The name that [`TagKind::from_name`] reads.
    pub(in crate::label) fn name(self) -> &'static str {
        match self {
            TagKind::Restrictive => "RESTRICTIVE",
            TagKind::Permissive => "PERMISSIVE",
            TagKind::Informative => "INFORMATIVE",
        }
    }
}
