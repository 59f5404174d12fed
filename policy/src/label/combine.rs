//! The label of several things taken together: the dominant label (labels.md 3.5).
//!
//! Its level is the highest of the parts', restrictive and informative values are those of any part, and a permissive
//! tag admits whom every part admits; it is dropped where one part does not have it. Tags are told apart by tag set and
//! place, never by type alone. A permissive tag that then admits nobody becomes a category without values: left out it
//! would admit everybody. The result must be a valid label of the policy, else a person must decide.

use time::OffsetDateTime;

use super::{
    bits::Bits,
    index::{Loaded, TagIndex},
    resolve::{self, Chosen, Placed, Text},
    spell,
    spif::{Spifs, TagKind},
    wire::Label,
};

/// What several labels amount to.
#[derive(Clone, Debug, PartialEq, Eq)]
#[expect(
    clippy::large_enum_variant,
    reason = "made once and taken apart at once; never stored"
)]
pub enum Combined {
    /// The dominant label.
    Label {
        /// In the policy's spelling. Its dates are the latest of the parts', none where a part has none.
        label: Label,
        /// True exactly where some clearance of the policy would grant the result and deny one of the parts: the
        /// result admits somebody, and a part has another level (clearances list levels one by one), admits nobody, or
        /// has a permissive tag that the result dropped. The gateway never decides on a combined label for this reason.
        wider_than_parts: bool,
    },
    /// Why a person must decide, in words of the loaded policies.
    Undecided(String),
}

impl Spifs {
    /// The dominant label of `labels`, all valid at `at` and of one policy.
    #[must_use]
    pub fn combine(&self, labels: &[Label], at: OffsetDateTime) -> Combined {
        self.dominant(labels, at)
            .unwrap_or_else(Combined::Undecided)
    }

    fn dominant(&self, labels: &[Label], at: OffsetDateTime) -> Result<Combined, String> {
        let parts = self.parts(labels, at)?;
        let first = parts.first().ok_or("there is no label to combine")?;
        let policy = first.policy;
        if let Some(other) = parts.iter().find(|part| !std::ptr::eq(part.policy, policy)) {
            let (one, other) = (&policy.name, &other.policy.name);
            return Err(format!(
                "labels of policies {one} and {other} have no common dominant label"
            ));
        }
        let rank = |part: &&Placed<'_>| part.level().hierarchy;
        let level = parts
            .iter()
            .max_by_key(rank)
            .map_or(first.level, |part| part.level);
        let label = Label {
            created: latest(labels, Label::created, |label| &label.created),
            review: latest(labels, Label::review, |label| &label.review),
            ..spell::label(policy, level, &together(policy, &parts))
        };
        let result = resolve::label(&label, policy, at)
            .map_err(|reason| format!("the dominant label is not valid: {reason}"))?;
        let wider_than_parts = parts.iter().any(|part| result.escapes(part));
        Ok(Combined::Label {
            label,
            wider_than_parts,
        })
    }

    fn parts<'a>(
        &'a self,
        labels: &'a [Label],
        at: OffsetDateTime,
    ) -> Result<Vec<Placed<'a>>, String> {
        let numbered = labels.iter().zip(1..);
        let part = |(label, number): (&'a Label, usize)| {
            let placed = self.placed(label, at);
            placed.map_err(|fault| format!("label {number}: {}", fault.message))
        };
        numbered.map(part).collect()
    }
}

/// The latest of a date, as it was written; none where a label has none.
fn latest(
    labels: &[Label],
    date: fn(&Label) -> Option<OffsetDateTime>,
    written: fn(&Label) -> &Option<String>,
) -> Option<String> {
    if labels.iter().any(|label| date(label).is_none()) {
        return None;
    }
    let last = labels.iter().max_by_key(|label| date(label))?;
    written(last).clone()
}

/// The values of all parts together.
fn together<'a>(policy: &Loaded, parts: &[Placed<'a>]) -> Chosen<'a> {
    let mut result = Chosen::default();
    for tag in policy.tags() {
        match tag.kind {
            TagKind::Restrictive | TagKind::Informative => union(tag, parts, &mut result),
            TagKind::Permissive => intersection(policy, tag, parts, &mut result),
        }
    }
    result
}

fn union<'a>(tag: &TagIndex, parts: &[Placed<'a>], result: &mut Chosen<'a>) {
    for part in parts {
        result.named = result.named.or(&part.chosen.named.and(&tag.all));
        for text in part.chosen.texts_of(tag) {
            if !result.has_text(tag, &text.key) {
                result.texts.push(text.clone());
            }
        }
    }
}

fn intersection<'a>(
    policy: &Loaded,
    tag: &TagIndex,
    parts: &[Placed<'a>],
    result: &mut Chosen<'a>,
) {
    let nobody = |part: &Placed<'_>| part.chosen.nobody.contains(&tag.set);
    if !parts
        .iter()
        .all(|part| part.chosen.uses(tag) || nobody(part))
    {
        return;
    }
    let mut named = tag.all.clone();
    let mut texts: Vec<Text<'a>> = parts[0].chosen.texts_of(tag).cloned().collect();
    for part in parts {
        let admitted = part.chosen.named.or(&part.chosen.members);
        named = named.and(&admitted);
        texts.retain(|text| part.chosen.has_text(tag, &text.key));
    }
    let named = without_larger_groups(policy, named);
    let empty = named.is_empty() && texts.is_empty();
    if empty || parts.iter().any(nobody) {
        result.nobody.push(tag.set);
        return;
    }
    result.named = result.named.or(&named);
    result.texts.extend(texts);
}

/// Leaves out groups with a member that is not admitted itself: by their name they would admit it again.
fn without_larger_groups(policy: &Loaded, mut named: Bits) -> Bits {
    loop {
        let larger = |group: &usize| policy.members(*group).any(|member| !named.contains(member));
        let groups: Bits = named.iter().filter(larger).collect();
        if groups.is_empty() {
            return named;
        }
        named = named.without(&groups);
    }
}

#[cfg(test)]
mod tests;
