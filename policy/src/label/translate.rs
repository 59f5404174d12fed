//! A label in the words of another policy (labels.md 3.5): for the decision, the audit record and `explain` only. The
//! event itself crosses unchanged.
//!
//! ```text
//!  label ─→ valid in its policy ─→ level ─→ values ─→ what the equivalences require ─→ valid in the target ─→ label
//!                                    └────────┴── road: whose entries are followed, in which direction
//! ```
//!
//! Nothing is guessed: every level and value follows an equivalence that a loaded policy states, each to one place.
//! Permissive values never meet in one tag from two sources unless both admit them, because "one of these" would then
//! mean less than it did.

mod draft;
mod required;
mod road;

use serde::{Deserialize, Serialize};
use time::OffsetDateTime;

use super::{
    clearance::Clearance,
    decide::{Cleared, LabelDecision, decide},
    index::Loaded,
    resolve::{self, Placed},
    spell,
    spif::{Resolved, Spifs},
    valid,
    wire::{Label, Role},
};
use draft::Draft;
use road::Road;

/// Whose equivalences a translation follows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Use {
    /// Outbound: the entries of the label's own policy that are applied to encrypt or both.
    Encrypt,
    /// Inbound: the entries of the target policy that are applied to decrypt or both, read in reverse.
    Decrypt,
}

/// For which categories `action="discard"` is honoured (LB-9).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Discard {
    /// Only for those that are no part of access control.
    #[default]
    Informative,
    /// For all, and an access control value may become an informative one. The operator answers for what is lost.
    Any,
}

/// Why a label cannot be said in another policy.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{message} [{code}]")]
pub struct TranslateError {
    /// Kebab-case word for the kind of failure; listed at [`Spifs::translate`].
    pub code: &'static str,
    /// In words of the loaded policies; safe to log.
    pub message: String,
}

impl TranslateError {
    fn new(code: &'static str, message: impl Into<String>) -> TranslateError {
        let message = message.into();
        TranslateError { code, message }
    }
}

impl Spifs {
    /// The label in policy `to`, given by name or dotted object identifier: an alternative of the originator's label,
    /// with its dates, valid in the target policy at `at`. In its own policy a label is only respelt.
    ///
    /// # Errors
    /// - `policy-unknown`, `policy-mismatch`, `policy-expired`, `label-invalid`: the label in its own policy
    /// - `target-unknown`: `to` is not loaded; `policy-expired`: it is not in force
    /// - `policy-unmapped`: the policy whose entries are followed does not know the other
    /// - `classification-unmapped`, `classification-ambiguous`: no level, or several
    /// - `category-unmapped`, `category-ambiguous`: no value, or several that cannot be told apart
    /// - `category-wider`: the only value that stands for a permissive one admits more than it
    /// - `category-conflict`: two demands meet in one permissive tag and no value satisfies both
    /// - `category-weakened`, `discard-refused`: a value of access control would become informative, or be left out
    /// - `target-value-unknown`: an equivalence names what its target does not have
    /// - `required-missing`, `required-ambiguous`, `required-conflict`: what the equivalences require is not in the
    ///   label, could be chosen in several ways, or contradicts what it has
    /// - `target-invalid`: the result breaks a demand of the target policy
    pub fn translate(
        &self,
        label: &Label,
        to: &str,
        usage: Use,
        at: OffsetDateTime,
    ) -> Result<Label, TranslateError> {
        let placed = self.placed(label, at);
        let placed = placed.map_err(|fault| TranslateError::new(fault.code, fault.message))?;
        let target = self.loaded_by_oid(to).or_else(|| self.loaded_by_name(to));
        let target = target.ok_or_else(|| {
            TranslateError::new("target-unknown", "the target policy is not loaded; load it")
        })?;
        valid::in_force(target, at).map_err(|(code, reason)| TranslateError::new(code, reason))?;
        let (role, (level, chosen)) = match std::ptr::eq(placed.policy, target) {
            true => (label.role, (placed.level, placed.chosen.clone())),
            false => (
                Role::Alternative,
                travel(&placed, target, usage, self.discard())?,
            ),
        };
        let translated = Label {
            role,
            created: label.created.clone(),
            review: label.review.clone(),
            ..spell::label(target, level, &chosen)
        };
        check(&translated, target, &chosen, at)?;
        Ok(translated)
    }
}

/// Level and values in the target policy.
fn travel<'a>(
    label: &Placed<'a>,
    target: &'a Loaded,
    usage: Use,
    discard: Discard,
) -> Result<(usize, resolve::Chosen<'a>), TranslateError> {
    let road = Road::new(label, target, usage)?;
    let level = road.level()?;
    let mut draft = Draft::new(target);
    let unmapped = road.values(&mut draft, discard)?;
    road.required(level, &mut draft, &unmapped)?;
    Ok((level, draft.into_chosen()))
}

/// The result must be valid, and must mean what was meant: a name that stands in a second tag of its kind would say
/// more.
fn check(
    label: &Label,
    target: &Loaded,
    meant: &resolve::Chosen<'_>,
    at: OffsetDateTime,
) -> Result<(), TranslateError> {
    let invalid = |reason| TranslateError::new("target-invalid", reason);
    let read = resolve::label(label, target, at).map_err(invalid)?;
    if read.chosen.says_the_same_as(meant) {
        return Ok(());
    }
    let message = "a value's name stands in several tags of its set in the target policy";
    Err(TranslateError::new("category-ambiguous", message))
}

/// [`decide()`] across policies: where label and clearance are written in different ones, the label is translated into
/// the clearance's policy and decided there. An alternative that the sender put beside the label, in the clearance's
/// policy, is decided too where it is not less restrictive than our own translation, and all must be granted: ranks say
/// nothing about a clearance, which lists its levels. One that is less restrictive counts for nothing.
#[must_use]
pub fn decide_across(
    label: &Label,
    clearance: &Clearance,
    spifs: &Spifs,
    usage: Use,
    at: OffsetDateTime,
) -> LabelDecision {
    match spifs.resolve(&clearance.policy) {
        Resolved::One(other) => across(label, other, spifs, usage, at, |label| {
            decide(label, clearance, spifs, at)
        }),
        Resolved::Unknown | Resolved::Mismatch => decide(label, clearance, spifs, at),
    }
}

impl Cleared<'_> {
    /// What [`decide_across()`] says of the label under this clearance.
    #[must_use]
    pub fn decide_across(&self, label: &Label, usage: Use, at: OffsetDateTime) -> LabelDecision {
        across(label, self.policy(), self.spifs(), usage, at, |label| {
            self.decide(label, at)
        })
    }
}

/// Decides on the label in the policy `other`, which is the clearance's.
fn across(
    label: &Label,
    other: &Loaded,
    spifs: &Spifs,
    usage: Use,
    at: OffsetDateTime,
    decide: impl Fn(&Label) -> LabelDecision,
) -> LabelDecision {
    match spifs.resolve(label.policy()) {
        Resolved::One(own) if !std::ptr::eq(own, other) => {}
        Resolved::One(_) | Resolved::Unknown | Resolved::Mismatch => return decide(label),
    }
    let ours = match spifs.translate(label, &other.oid, usage, at) {
        Ok(ours) => ours,
        Err(error) => return untranslated(&error),
    };
    let stated = spifs.counting(label, &ours, at);
    let stated: Vec<Label> = stated.filter_map(|stated| spifs.normal(stated)).collect();
    let decide = |label: Label| LabelDecision {
        translated: Some(label.clone()),
        ..decide(&label)
    };
    let mut last = decide(ours);
    for label in stated {
        if !last.grant {
            break;
        }
        last = decide(label);
    }
    last
}

fn untranslated(error: &TranslateError) -> LabelDecision {
    LabelDecision {
        grant: false,
        rule: "translation",
        reason: error.to_string().into(),
        translated: None,
    }
}

#[cfg(test)]
mod tests;
