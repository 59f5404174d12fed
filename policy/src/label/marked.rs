//! May a text that is marked with a level stand under a label? (LV-3, DL-9)
//!
//! A marking is a word, and words are false friends: `RESERVADO` is secret in one country and restricted in the next.
//! So a detector names the policy and the level that its marking means, and the label is said in that policy before
//! the two are compared by rank. Invariant: what cannot be compared is not covered.

use std::borrow::Cow;

use time::OffsetDateTime;

use super::{
    spif::{Resolved, Spifs},
    translate::Use,
    wire::Label,
};

impl Spifs {
    /// Whether `label` is at least as restrictive as the level `classification` of the policy with this name or dotted
    /// object identifier. Where the label is written in another policy, it is first translated for `usage`. Anything
    /// that is not clear, such as a label that is not valid at `at` or that has no counterpart there, is false.
    #[must_use]
    pub fn covers(
        &self,
        label: &Label,
        policy: &str,
        classification: &str,
        usage: Use,
        at: OffsetDateTime,
    ) -> bool {
        let rank = || {
            let by_oid = self.loaded_by_oid(policy);
            let policy = by_oid.or_else(|| self.loaded_by_name(policy))?;
            let floor = policy.spif().classification(classification)?;
            let Resolved::One(own) = self.resolve(label.policy()) else {
                return None;
            };
            let label = match std::ptr::eq(own, policy) {
                true => Cow::Borrowed(label),
                false => Cow::Owned(self.translate(label, &policy.oid, usage, at).ok()?),
            };
            let placed = self.placed(&label, at).ok()?;
            Some(std::ptr::eq(placed.policy, policy) && placed.level().hierarchy >= floor.hierarchy)
        };
        rank() == Some(true)
    }
}

#[cfg(test)]
mod tests;
