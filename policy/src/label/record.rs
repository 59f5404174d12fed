//! A label or clearance as it may be kept and logged: in the policy's own words. A text that its author wrote for a
//! category that asks for one could be content, so none is kept.

use time::{OffsetDateTime, UtcOffset, format_description::well_known::Rfc3339};

use super::{
    clearance::Clearance,
    index::Loaded,
    resolve::{self, Chosen, Placed, Text},
    spell,
    spif::{Resolved, Spifs, TagKind, UserInput},
    wire::{Label, Role},
};

impl Spifs {
    /// The label in its policy's spelling: what decides, and its dates in whole seconds. A free text of an informative
    /// category, which decides nothing, becomes an example of its form.
    ///
    /// `None` where the label is not valid at `at`, in force or not, and where a free text decides: then only that there
    /// was a label may be kept.
    ///
    /// Alternatives are kept in the same way, because they may deny. One whose names are of no loaded policy could never
    /// be decided on and is left out; where another cannot be kept, `None` is the answer.
    #[must_use]
    pub fn recordable(&self, label: &Label, at: OffsetDateTime) -> Option<Label> {
        let Resolved::One(policy) = self.resolve(label.policy()) else {
            return None;
        };
        let placed = resolve::label(label, policy, at).ok()?;
        let spelt = spelt(label, &placed)?;
        // Two texts that become one example might be too few.
        resolve::label(&spelt, policy, at).ok()?;
        let alternatives = label.alternatives.iter();
        let alternatives = alternatives.filter_map(|label| self.recordable_alternative(label, at));
        let kept = Label {
            alternatives: alternatives.collect::<Option<_>>()?,
            ..spelt
        };
        (kept.alternatives.is_empty() || can_be_read_again(&kept)).then_some(kept)
    }

    /// `None` where the alternative says nothing under the loaded policies, `Some(None)` where it may not be kept. One
    /// that is not valid now may be so later, and is kept.
    fn recordable_alternative(&self, label: &Label, at: OffsetDateTime) -> Option<Option<Label>> {
        let Resolved::One(policy) = self.resolve(label.policy()) else {
            return None;
        };
        let placed = resolve::place(label, policy).ok()?;
        let is_valid = |label: &Label| resolve::label(label, policy, at).is_ok();
        let spelt = spelt(label, &placed).filter(|spelt| is_valid(spelt) == is_valid(label));
        Some(spelt.map(|spelt| Label {
            role: Role::Alternative,
            ..spelt
        }))
    }

    /// The clearance in its policy's spelling, without free texts: what may pass can only become less. `None` where one
    /// of its names is not one of a loaded policy.
    #[must_use]
    pub fn recordable_clearance(&self, clearance: &Clearance) -> Option<Clearance> {
        let Resolved::One(policy) = self.resolve(&clearance.policy) else {
            return None;
        };
        let held = resolve::clearance(clearance, policy).ok()?;
        let mut chosen = held.chosen;
        chosen.texts.retain(|text| !is_free(text, policy));
        chosen.nobody.clear();
        let levels = held.levels.iter();
        Some(Clearance {
            policy: spell::identifier(policy),
            classifications: levels
                .map(|level| policy.classifications[level].name.clone())
                .collect(),
            categories: spell::categories(policy, &chosen),
        })
    }
}

/// The label in its policy's words, without its alternatives; `None` where a free text decides.
fn spelt(label: &Label, placed: &Placed<'_>) -> Option<Label> {
    let Placed { policy, chosen, .. } = placed;
    if has_deciding_text(chosen, policy) {
        return None;
    }
    let examples = examples(chosen, policy);
    let chosen = Chosen {
        texts: texts(chosen, &examples),
        ..chosen.clone()
    };
    Some(Label {
        created: label.created().and_then(whole_seconds),
        review: label.review().and_then(whole_seconds),
        ..spell::label(policy, placed.level, &chosen)
    })
}

/// In the policies' words a label may be longer than it was written.
fn can_be_read_again(label: &Label) -> bool {
    serde_json::from_value(label.to_record()).is_ok_and(|read: Label| read == *label)
}

/// Whether anything may stand there; a date says no more than a date.
fn is_free(text: &Text<'_>, policy: &Loaded) -> bool {
    let input = policy.value(text.value).user_input.as_ref();
    !matches!(input, Some(UserInput::Date(_)))
}

fn has_deciding_text(chosen: &Chosen<'_>, policy: &Loaded) -> bool {
    let mut deciding = policy
        .tags()
        .iter()
        .filter(|tag| tag.kind != TagKind::Informative);
    deciding.any(|tag| chosen.texts_of(tag).any(|text| is_free(text, policy)))
}

/// What stands in place of each text: the text itself, or an example of its form.
fn examples(chosen: &Chosen<'_>, policy: &Loaded) -> Vec<String> {
    let shown = |text: &Text<'_>| match &policy.value(text.value).user_input {
        Some(input) if is_free(text, policy) => input.example(),
        _ => text.text.to_owned(),
    };
    chosen.texts.iter().map(shown).collect()
}

fn texts<'a>(chosen: &Chosen<'_>, examples: &'a [String]) -> Vec<Text<'a>> {
    let replaced = |(text, example): (&Text<'_>, &'a String)| Text {
        value: text.value,
        key: text.key.clone(),
        text: example,
    };
    chosen.texts.iter().zip(examples).map(replaced).collect()
}

fn whole_seconds(at: OffsetDateTime) -> Option<String> {
    let at = at.to_offset(UtcOffset::UTC).replace_nanosecond(0).ok()?;
    at.format(&Rfc3339).ok()
}

#[cfg(test)]
mod tests;
