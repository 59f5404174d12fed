//! Is one label at least as restrictive as another, and how does the policy spell it?
//!
//! Two questions that look alike. [`Placed::dominates`] asks by rank, as people do: a higher level is more restrictive.
//! [`Placed::escapes`] asks the decision itself, which knows no rank: is there a clearance that grants one label and
//! denies the other? Clearances list levels one by one, so that between two levels there always is.

use std::{borrow::Cow, collections::BTreeSet};

use time::OffsetDateTime;

use super::{
    index::TagIndex,
    name::Key,
    resolve::{self, Placed},
    spell,
    spif::{Resolved, Spifs, TagKind},
    translate::Use,
    wire::Label,
};

impl Spifs {
    /// True where `label` is not less restrictive than `floor`: its level ranks as high or higher, it has all
    /// restrictive values of `floor`, and for each permissive tag of `floor` it has that tag too and admits nobody
    /// beyond. Where the two are written in different policies, `label` is first translated for `usage`. Each
    /// alternative of `floor` that may deny must be met too, by the translation of `label` or by an alternative of its
    /// own. Anything that is not clear, such as a label that is not valid at `at`, is false.
    #[must_use]
    pub fn at_least(&self, label: &Label, floor: &Label, usage: Use, at: OffsetDateTime) -> bool {
        let met = |stated: &Label| {
            !self.may_deny(stated, floor, usage, at) || self.meets(label, stated, usage, at)
        };
        self.compare(label, floor, usage, at) == Some(true) && floor.alternatives.iter().all(met)
    }

    /// The alternatives of `label` that are decided on beside `ours`, its translation into their policy.
    pub(super) fn counting<'l>(
        &self,
        label: &'l Label,
        ours: &Label,
        at: OffsetDateTime,
    ) -> impl Iterator<Item = &'l Label> {
        let alternatives = label.alternatives.iter();
        alternatives.filter(move |stated| {
            self.is_one_policy(stated, ours) && self.in_one_policy(stated, ours, at) == Some(true)
        })
    }

    /// Whether an alternative of `label` could be decided on: what cannot be translated now may be so in the other
    /// direction.
    fn may_deny(&self, stated: &Label, label: &Label, usage: Use, at: OffsetDateTime) -> bool {
        if self.is_one_policy(stated, label) || self.placed(stated, at).is_err() {
            return false;
        }
        match self.in_policy_of(label, stated, usage, at) {
            Some(ours) => self.in_one_policy(stated, &ours, at) == Some(true),
            None => true,
        }
    }

    /// Whether `label` restricts as `stated` does, itself or by an alternative that counts.
    fn meets(&self, label: &Label, stated: &Label, usage: Use, at: OffsetDateTime) -> bool {
        let restricts = |own: &Label| self.in_one_policy(own, stated, at) == Some(true);
        let mut alternatives = label
            .alternatives
            .iter()
            .filter(|own| self.is_one_policy(own, stated) && !self.is_one_policy(own, label));
        match self.in_policy_of(label, stated, usage, at) {
            Some(ours) => {
                restricts(&ours)
                    || alternatives.any(|own| {
                        restricts(own) && self.in_one_policy(own, &ours, at) == Some(true)
                    })
            }
            None => alternatives.any(restricts),
        }
    }

    fn compare(
        &self,
        label: &Label,
        floor: &Label,
        usage: Use,
        at: OffsetDateTime,
    ) -> Option<bool> {
        let label = self.in_policy_of(label, floor, usage, at)?;
        self.in_one_policy(&label, floor, at)
    }

    /// By rank and tag alone; both are written in one policy.
    fn in_one_policy(&self, label: &Label, floor: &Label, at: OffsetDateTime) -> Option<bool> {
        let (label, floor) = (self.placed(label, at).ok()?, self.placed(floor, at).ok()?);
        Some(std::ptr::eq(label.policy, floor.policy) && label.dominates(&floor))
    }

    /// The label in the policy of `other`, translated where it needs to be.
    fn in_policy_of<'l>(
        &self,
        label: &'l Label,
        other: &Label,
        usage: Use,
        at: OffsetDateTime,
    ) -> Option<Cow<'l, Label>> {
        match (self.resolve(label.policy()), self.resolve(other.policy())) {
            (Resolved::One(own), Resolved::One(other)) if std::ptr::eq(own, other) => {
                Some(Cow::Borrowed(label))
            }
            (Resolved::One(_), Resolved::One(other)) => self
                .translate(label, &other.oid, usage, at)
                .ok()
                .map(Cow::Owned),
            _ => None,
        }
    }

    fn is_one_policy(&self, one: &Label, other: &Label) -> bool {
        match (self.resolve(one.policy()), self.resolve(other.policy())) {
            (Resolved::One(one), Resolved::One(other)) => std::ptr::eq(one, other),
            _ => false,
        }
    }

    /// The label with every name in the policy's spelling, for output; what is no part of the decision stays as it is.
    /// `None` where a name is not known.
    #[must_use]
    pub fn normal(&self, label: &Label) -> Option<Label> {
        let Resolved::One(policy) = self.resolve(label.policy()) else {
            return None;
        };
        let placed = resolve::place(label, policy).ok()?;
        let spelt = spell::label(policy, placed.level, &placed.chosen);
        Some(Label {
            policy: spelt.policy,
            classification: spelt.classification,
            categories: spelt.categories,
            ..label.clone()
        })
    }
}

/// Names by which values of one tag are compared.
type Keys<'a> = BTreeSet<&'a Key>;

impl Placed<'_> {
    /// True where this label is at least as restrictive as `floor`, by rank and by tag. Both are of one policy.
    pub(super) fn dominates(&self, floor: &Placed<'_>) -> bool {
        let permissive = || {
            self.is_for_nobody()
                || !floor.is_for_nobody()
                    && floor.used(TagKind::Permissive).all(|tag| {
                        self.chosen.uses(tag) && self.keys(tag).is_subset(&floor.keys(tag))
                    })
        };
        let restrictive = || {
            let mut tags = floor.used(TagKind::Restrictive);
            tags.all(|tag| floor.keys(tag).is_subset(&self.keys(tag)))
        };
        self.level().hierarchy >= floor.level().hierarchy && restrictive() && permissive()
    }

    /// True exactly where some clearance of the policy grants this label and denies `other`. Both are valid and of one
    /// policy.
    ///
    /// The clearance looked for has everything but what `other` needs: all levels but its level, or all names but one
    /// that it restricts, or all names but those that one of its permissive tags admits. It denies `other`; what is
    /// left to ask is whether it still grants this label. A clearance holds names of a tag set, so a name that is left
    /// out is left out of every tag of its kind in the set.
    pub(super) fn escapes(&self, other: &Placed<'_>) -> bool {
        if self.is_for_nobody() {
            return false;
        }
        self.level != other.level
            || other.is_for_nobody()
            || self.escapes_restrictive(other)
            || self.escapes_permissive(other)
    }

    fn escapes_restrictive(&self, other: &Placed<'_>) -> bool {
        other.used(TagKind::Restrictive).any(|tag| {
            let needs = |key: &Key| {
                let mut tags = self
                    .used(TagKind::Restrictive)
                    .filter(|own| own.set == tag.set);
                tags.any(|own| self.keys(own).contains(key))
            };
            other.keys(tag).into_iter().any(|key| !needs(key))
        })
    }

    fn escapes_permissive(&self, other: &Placed<'_>) -> bool {
        other.used(TagKind::Permissive).any(|tag| {
            let gone = other.keys(tag);
            let left = |own: &TagIndex| self.keys(own).into_iter().any(|key| !gone.contains(key));
            let mut tags = self.used(TagKind::Permissive);
            tags.all(|own| own.set != tag.set || left(own))
        })
    }

    fn is_for_nobody(&self) -> bool {
        !self.chosen.nobody.is_empty()
    }

    /// The tags of a kind in which the label has values.
    fn used(&self, kind: TagKind) -> impl Iterator<Item = &TagIndex> {
        let tags = self.policy.tags().iter();
        tags.filter(move |tag| tag.kind == kind && self.chosen.uses(tag))
    }

    /// The names and texts that the label has, and its groups admit, in a tag.
    fn keys(&self, tag: &TagIndex) -> Keys<'_> {
        let named = self.chosen.named.or(&self.chosen.members).and(&tag.all);
        let named: Vec<usize> = named.iter().collect();
        let named = named.into_iter().map(|value| &self.policy.value(value).key);
        let texts = self.chosen.texts_of(tag).map(|text| &text.key);
        named.chain(texts).collect()
    }
}

#[cfg(test)]
mod tests;
