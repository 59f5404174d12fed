//! What a policy says about other policies: which level and value of theirs stands for one of its own.

use super::{constraint::Operation, model::TagKind};

/// A policy that this one knows equivalents in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EquivalentPolicy {
    /// Its name.
    pub name: String,
    /// Its object identifier, dotted.
    pub oid: String,
    /// What every translated label must have there.
    pub required: Vec<Wanted>,
    pub(in crate::label) line: u32,
}

/// In which direction an equivalence may be followed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Applied {
    /// Where a label is made or leaves: from this policy to the other.
    Encrypt,
    /// Where a label arrives: from the other policy to this one.
    Decrypt,
    /// Both.
    Both,
}

/// The level of another policy that stands for a level of this one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EquivalentClassification {
    /// Position in [`super::Spif::equivalents`].
    pub policy: usize,
    /// The other level's number.
    pub lacv: i64,
    /// Direction.
    pub applied: Applied,
    /// What a label translated so must have there.
    pub required: Vec<Wanted>,
    pub(in crate::label) line: u32,
}

/// The value of another policy that stands for a value of this one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EquivalentValue {
    /// Position in [`super::Spif::equivalents`].
    pub policy: usize,
    /// Object identifier of the other tag set, dotted.
    pub tag_set: String,
    /// Kind of the other tag.
    pub kind: TagKind,
    /// True for `tagType="enumerated"`.
    pub enumerated: bool,
    /// The other value's `lacv`.
    pub lacv: String,
    /// Direction.
    pub applied: Applied,
    /// True for `action="discard"`: the value is left out in the other policy.
    pub discard: bool,
    pub(in crate::label) line: u32,
}

/// The tag set of another policy that stands for a whole tag set of this one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EquivalentTagSet {
    /// Position in [`super::Spif::equivalents`].
    pub policy: usize,
    /// Name of the other tag set.
    pub name: Option<String>,
    /// Object identifier of the other tag set, dotted.
    pub oid: Option<String>,
    /// What a label translated so must have there.
    pub required: Vec<Wanted>,
    pub(in crate::label) line: u32,
}

/// A `requiredCategory` in terms of another policy, which may not be loaded: names, not places.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Wanted {
    /// How many of the groups must be there.
    pub operation: Operation,
    /// The groups.
    pub groups: Vec<WantedGroup>,
}

/// One value, or any value, of the tags of one type in a tag set of another policy.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WantedGroup {
    /// Name of the other tag set.
    pub tag_set: String,
    /// Kind of the other tag.
    pub kind: TagKind,
    /// True for `tagType="enumerated"`.
    pub enumerated: bool,
    /// The other value's `lacv`; `None` for any value.
    pub lacv: Option<String>,
    pub(in crate::label) line: u32,
}

impl Applied {
    pub(in crate::label) fn from_name(name: &str) -> Option<Applied> {
        match name {
            "encrypt" => Some(Applied::Encrypt),
            "decrypt" => Some(Applied::Decrypt),
            "both" => Some(Applied::Both),
            _ => None,
        }
    }

    /// True where the entry may be followed from this policy to the other.
    #[must_use]
    pub fn encrypts(self) -> bool {
        matches!(self, Applied::Encrypt | Applied::Both)
    }

    /// True where the entry may be followed, in reverse, from the other policy to this one.
    #[must_use]
    pub fn decrypts(self) -> bool {
        matches!(self, Applied::Decrypt | Applied::Both)
    }
}
