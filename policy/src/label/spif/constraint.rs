//! What a level or value demands of the rest of a label: required and excluded categories.

use super::model::TagKind;

/// A `requiredCategory`: some of its groups must be in the label.
#[derive(Clone, Debug)]
pub(in crate::label) struct Required {
    pub(in crate::label) operation: Operation,
    pub(in crate::label) groups: Vec<Group>,
}

/// How many of the groups of a `requiredCategory` must be there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Operation {
    /// Exactly one.
    OnlyOne,
    /// At least one.
    OneOrMore,
    /// Every one.
    All,
}

impl Operation {
    pub(in crate::label) fn from_name(name: &str) -> Option<Operation> {
        match name {
            "onlyOne" => Some(Operation::OnlyOne),
            "oneOrMore" => Some(Operation::OneOrMore),
            "all" => Some(Operation::All),
            _ => None,
        }
    }

    /// True where `found` of `all` groups are enough and not too many.
    #[must_use]
    pub fn holds(self, found: usize, all: usize) -> bool {
        match self {
            Operation::OnlyOne => found == 1,
            Operation::OneOrMore => found >= 1,
            Operation::All => found == all,
        }
    }
}

/// A `categoryGroup` or `excludedCategory`: one value, or any value, of the tags of one type in a set.
#[derive(Clone, Debug)]
pub(in crate::label) struct Group {
    /// Position of the tag set in the policy.
    pub(in crate::label) set: usize,
    pub(in crate::label) kind: TagKind,
    pub(in crate::label) enumerated: bool,
    /// The value's `lacv`; `None` for `all="true"`.
    pub(in crate::label) lacv: Option<String>,
}

impl Required {
    /// True where as many of the groups match as the operation asks for.
    pub(in crate::label) fn holds(&self, matches: impl Fn(&Group) -> bool) -> bool {
        let found = self.groups.iter().filter(|group| matches(group)).count();
        self.operation.holds(found, self.groups.len())
    }
}
