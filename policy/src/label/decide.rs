//! The access decision: may this label pass under this clearance? One fixed function; no rule file changes it.
//!
//! ```text
//!  one policy, loaded and in force ─→ label valid ─→ clearance valid ─→ classification ─→ restrictive ─→ permissive
//! ```
//!
//! Every way out but the last line is a denial, and a label without categories is decided like any other. A label with
//! two permissive tag sets, such as "Only" and "Releasable To", must satisfy both, even where its marking reads as if
//! one of them were enough.

use std::borrow::Cow;

use serde::Serialize;
use time::OffsetDateTime;

use super::{
    bits::Bits,
    clearance::Clearance,
    index::{Loaded, TagIndex},
    resolve::{self, Chosen, Held, Placed, Text},
    spif::{self, Spifs, TagKind},
    valid,
    wire::Label,
};

/// Whether a label may pass, and the one rule that decided.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct LabelDecision {
    /// True only for rule `granted`.
    pub grant: bool,
    /// `granted`, `policy-unknown`, `policy-mismatch`, `policy-expired`, `label-invalid`, `clearance-invalid`,
    /// `classification`, `restrictive` or `permissive`; from [`super::decide_across`] also `translation`.
    pub rule: &'static str,
    /// For the operator, in names of the loaded policies; safe to log.
    pub reason: Cow<'static, str>,
    /// The label that was decided on in place of the given one, where [`super::decide_across`] needed another policy.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub translated: Option<Label>,
}

/// A clearance looked up in its policy once, for callers that decide many labels under it.
#[derive(Clone, Debug)]
pub struct Cleared<'a> {
    spifs: &'a Spifs,
    policy: &'a Loaded,
    held: Held<'a>,
}

/// Names of one side that a reason lists at most.
const MAX_NAMES_IN_REASON: usize = 16;

/// The access decision of ADatP-4774, at the instant `at`. Label and clearance must be written in one policy; see
/// [`super::decide_across`] where they may not be.
#[must_use]
pub fn decide(
    label: &Label,
    clearance: &Clearance,
    spifs: &Spifs,
    at: OffsetDateTime,
) -> LabelDecision {
    answer(judge(label, clearance, spifs, at))
}

impl Spifs {
    /// Looks a clearance up.
    ///
    /// # Errors
    /// The denial of every label under it: its policy or one of its names is not known.
    #[expect(
        clippy::result_large_err,
        reason = "the denial is the answer to the caller's caller, not a rare failure"
    )]
    pub fn clear<'a>(&'a self, clearance: &'a Clearance) -> Result<Cleared<'a>, LabelDecision> {
        let cleared = || {
            let policy = match self.resolve(&clearance.policy) {
                spif::Resolved::One(policy) => policy,
                spif::Resolved::Mismatch => return Err(clearance_mismatch()),
                spif::Resolved::Unknown => return Err(clearance_unknown()),
            };
            let held = held(clearance, policy)?;
            Ok(Cleared {
                spifs: self,
                policy,
                held,
            })
        };
        cleared().map_err(|denial| answer(Err(denial)))
    }
}

impl<'a> Cleared<'a> {
    pub(super) fn spifs(&self) -> &'a Spifs {
        self.spifs
    }

    /// The policy that the clearance is written in.
    pub(super) fn policy(&self) -> &'a Loaded {
        self.policy
    }

    /// What [`decide()`] says of the label under this clearance.
    #[must_use]
    pub fn decide(&self, label: &Label, at: OffsetDateTime) -> LabelDecision {
        let judge = || {
            let policy = valid::policy(label, self.spifs)?;
            same(policy, self.policy)?;
            let label = valid::label(label, policy, at)?;
            permit(&label, &self.held)
        };
        answer(judge())
    }
}

/// Rule and reason of a denial.
pub(super) type Denial = (&'static str, Cow<'static, str>);

fn judge(
    label: &Label,
    clearance: &Clearance,
    spifs: &Spifs,
    at: OffsetDateTime,
) -> Result<Cow<'static, str>, Denial> {
    let policy = valid::policy(label, spifs)?;
    match spifs.resolve(&clearance.policy) {
        spif::Resolved::One(other) => same(policy, other)?,
        spif::Resolved::Mismatch => return Err(clearance_mismatch()),
        spif::Resolved::Unknown => return Err(clearance_unknown()),
    }
    let label = valid::label(label, policy, at)?;
    permit(&label, &held(clearance, policy)?)
}

fn answer(judged: Result<Cow<'static, str>, Denial>) -> LabelDecision {
    let (grant, (rule, reason)) = match judged {
        Ok(reason) => (true, ("granted", reason)),
        Err(denial) => (false, denial),
    };
    LabelDecision {
        grant,
        rule,
        reason,
        translated: None,
    }
}

fn same(label: &Loaded, clearance: &Loaded) -> Result<(), Denial> {
    if std::ptr::eq(label, clearance) {
        return Ok(());
    }
    let name = &label.name;
    Err((
        "policy-mismatch",
        format!("the clearance is not written in policy {name}").into(),
    ))
}

fn clearance_unknown() -> Denial {
    let reason = "the clearance's policy is not loaded";
    ("policy-mismatch", reason.into())
}

fn clearance_mismatch() -> Denial {
    let reason = "name and uri of the clearance's policy mean different policies";
    ("clearance-invalid", reason.into())
}

fn held<'a>(clearance: &'a Clearance, policy: &'a Loaded) -> Result<Held<'a>, Denial> {
    resolve::clearance(clearance, policy).map_err(|reason| ("clearance-invalid", reason.into()))
}

/// The decision proper, over a valid label and a valid clearance of one policy.
fn permit(label: &Placed<'_>, held: &Held<'_>) -> Result<Cow<'static, str>, Denial> {
    classification(label, held)?;
    restrictive(label, held)?;
    permissive(label, held)?;
    Ok(match label.obsolete() {
        None => "within the clearance".into(),
        Some(name) => {
            format!("within the clearance; {name} is obsolete, but the label is old").into()
        }
    })
}

/// The level must be in the clearance's list; a higher one in the list does not help.
fn classification(label: &Placed<'_>, held: &Held<'_>) -> Result<(), Denial> {
    if held.levels.contains(label.level) {
        return Ok(());
    }
    let name = &label.level().name;
    Err((
        "classification",
        format!("{name} is not in the clearance's list").into(),
    ))
}

/// Of each restrictive tag, the clearance must have all values.
fn restrictive(label: &Placed<'_>, held: &Held<'_>) -> Result<(), Denial> {
    for tag in tags(label, TagKind::Restrictive) {
        let named = label.chosen.named.and(&tag.all);
        let has = |text: &Text<'_>| held.chosen.has_text(tag, &text.key);
        let texts = || label.chosen.texts_of(tag).all(has);
        if !named.without(&held.chosen.named).is_empty() || !texts() {
            return Err(("restrictive", differ(label, held, tag, "⊄", "").into()));
        }
    }
    Ok(())
}

/// Of each permissive tag that the label uses, the clearance must have one value.
fn permissive(label: &Placed<'_>, held: &Held<'_>) -> Result<(), Denial> {
    if let Some(set) = label.chosen.nobody.first() {
        let oid = &label.policy.tag_sets[*set].oid;
        return Err((
            "permissive",
            format!("PERMISSIVE {oid} {{}} permits nobody").into(),
        ));
    }
    for tag in tags(label, TagKind::Permissive).filter(|tag| label.chosen.uses(tag)) {
        let admitted = label.chosen.named.or(&label.chosen.members).and(&tag.all);
        let has = |text: &Text<'_>| held.chosen.has_text(tag, &text.key);
        let texts = || label.chosen.texts_of(tag).any(has);
        if admitted.and(&held.chosen.named).is_empty() && !texts() {
            return Err(("permissive", differ(label, held, tag, "∩", " = ∅").into()));
        }
    }
    Ok(())
}

fn tags<'a>(label: &Placed<'a>, kind: TagKind) -> impl Iterator<Item = &'a TagIndex> {
    let tags = label.policy.tags().iter();
    tags.filter(move |tag| tag.kind == kind)
}

/// `KIND oid {label} RELATION {clearance}`, in the policy's spelling (LB-7).
fn differ(
    label: &Placed<'_>,
    held: &Held<'_>,
    tag: &TagIndex,
    relation: &str,
    end: &str,
) -> String {
    let kind = match tag.kind {
        TagKind::Restrictive => "RESTRICTIVE",
        TagKind::Permissive => "PERMISSIVE",
        TagKind::Informative => "INFORMATIVE",
    };
    let policy = label.policy;
    let oid = &policy.tag_sets[tag.set].oid;
    let left = names(&label.chosen, tag, policy);
    let right = names(&held.chosen, tag, policy);
    format!("{kind} {oid} {left} {relation} {right}{end}")
}

/// `{A,B}`: names of the policy. A text that the author wrote is shown as the category that asked for it.
fn names(chosen: &Chosen<'_>, tag: &TagIndex, policy: &Loaded) -> String {
    let texts: Bits = chosen.texts_of(tag).map(|text| text.value).collect();
    let all = chosen.named.and(&tag.all).or(&texts);
    let shown = all.iter().take(MAX_NAMES_IN_REASON);
    let mut shown: Vec<&str> = shown
        .map(|value| policy.value(value).name.as_str())
        .collect();
    shown.dedup();
    if all.count() > MAX_NAMES_IN_REASON {
        shown.push("…");
    }
    format!("{{{}}}", shown.join(","))
}

#[cfg(test)]
mod tests;
