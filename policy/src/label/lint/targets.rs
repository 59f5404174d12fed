//! Equivalences that lead nowhere, to two places, or are not there.

use super::Found;
use crate::label::{
    name::Key,
    spif::{
        Applied, Classification, EquivalentPolicy, EquivalentTagSet, EquivalentValue, Spif, Spifs,
        Tag, TagKind, TagSet, TagValue, Wanted, WantedGroup,
    },
};

pub(super) fn check(spif: &Spif, spifs: &Spifs) -> Vec<Found> {
    let mut found = Vec::new();
    for (index, policy) in spif.equivalents.iter().enumerate() {
        match target(policy, spifs) {
            Err(warning) => found.push(warning),
            Ok(other) => Pair { spif, index, other }.check(&mut found),
        }
    }
    found
}

/// The loaded policy that an entry means.
fn target<'a>(policy: &EquivalentPolicy, spifs: &'a Spifs) -> Result<&'a Spif, Found> {
    let found = |code, message| Err(Found::new(code, Some(policy.line), message));
    let (by_oid, by_name) = (spifs.by_oid(&policy.oid), spifs.by_name(&policy.name));
    match (by_oid, by_name) {
        (Some(one), Some(other)) if std::ptr::eq(one, other) => Ok(one),
        (None, None) => found(
            "equivalent-policy-not-loaded",
            format!(
                "policy {} is not among those loaded; its equivalences cannot be checked",
                policy.name
            ),
        ),
        _ => found(
            "equivalent-policy-mismatch",
            format!(
                "name {} and id {} do not mean the same loaded policy; correct one of them",
                policy.name, policy.oid
            ),
        ),
    }
}

/// A policy and one other in which it names equivalents.
struct Pair<'a> {
    spif: &'a Spif,
    /// Place of `other` among the equivalent policies of `spif`.
    index: usize,
    other: &'a Spif,
}

impl Pair<'_> {
    fn check(&self, found: &mut Vec<Found>) {
        for level in &self.spif.classifications {
            self.level(level, found);
        }
        for set in &self.spif.tag_sets {
            let entries = set
                .equivalents
                .iter()
                .filter(|entry| entry.policy == self.index);
            for entry in entries {
                found.extend(self.tag_set(set, entry));
                self.wanted(&entry.required, found);
            }
            for value in set.tags.iter().flat_map(|tag| &tag.values) {
                self.value(set, value, found);
            }
            found.extend(self.unmapped_values(set));
        }
        self.wanted(&self.spif.equivalents[self.index].required, found);
        self.two_for_one(found);
        found.extend(self.unmapped_levels());
    }

    fn level(&self, level: &Classification, found: &mut Vec<Found>) {
        let entries: Vec<_> = level
            .equivalents
            .iter()
            .filter(|entry| entry.policy == self.index)
            .collect();
        for entry in &entries {
            if !self
                .other
                .classifications
                .iter()
                .any(|other| other.lacv == entry.lacv)
            {
                let message = format!(
                    "{}: {} has no classification with lacv {}",
                    level.name, self.other.name, entry.lacv
                );
                found.push(Found::new("equivalent-unknown", Some(entry.line), message));
            }
            self.wanted(&entry.required, found);
        }
        for (index, entry) in entries.iter().enumerate() {
            let clash = |other: &&&crate::label::EquivalentClassification| {
                meet(entry.applied, other.applied)
            };
            if entries[..index].iter().any(|other| clash(&other)) {
                let message = format!(
                    "{}: two classifications of {} stand for it in one direction, so it is not translated; remove one",
                    level.name, self.other.name
                );
                found.push(Found::new(
                    "equivalent-ambiguous",
                    Some(entry.line),
                    message,
                ));
            }
        }
    }

    /// Read in reverse, one level of the other policy must not mean two of this one.
    fn two_for_one(&self, found: &mut Vec<Found>) {
        let levels = self
            .spif
            .classifications
            .iter()
            .filter(|level| !level.obsolete);
        let entries: Vec<_> = levels
            .flat_map(|level| level.equivalents.iter().map(move |entry| (level, entry)))
            .filter(|(_, entry)| entry.policy == self.index && entry.applied.decrypts())
            .collect();
        for (index, (level, entry)) in entries.iter().enumerate() {
            let same = entries[..index]
                .iter()
                .find(|(_, other)| other.lacv == entry.lacv);
            if let Some((other, _)) = same {
                let message = format!(
                    "{} and {} both stand for lacv {} of {}, which is then not translated in reverse",
                    other.name, level.name, entry.lacv, self.other.name
                );
                found.push(Found::new(
                    "equivalent-ambiguous",
                    Some(entry.line),
                    message,
                ));
            }
        }
    }

    fn tag_set(&self, set: &TagSet, entry: &EquivalentTagSet) -> Option<Found> {
        let by_oid = entry
            .oid
            .as_ref()
            .map(|oid| self.other.tag_sets.iter().any(|set| set.oid == *oid));
        let by_name = entry
            .name
            .as_ref()
            .map(|name| self.other.tag_set(name).is_some());
        if by_oid.unwrap_or(true)
            && by_name.unwrap_or(true)
            && (by_oid.is_some() || by_name.is_some())
        {
            return None;
        }
        let message = format!(
            "tag set {}: its equivalent is not in {}",
            set.name, self.other.name
        );
        Some(Found::new("equivalent-unknown", Some(entry.line), message))
    }

    fn value(&self, set: &TagSet, value: &TagValue, found: &mut Vec<Found>) {
        let entries = value
            .equivalents
            .iter()
            .filter(|entry| entry.policy == self.index && !entry.discard);
        for entry in entries {
            if let Err(what) = self.find(entry) {
                let message = format!(
                    "{} of tag set {}: {} has no {what}",
                    value.name, set.name, self.other.name
                );
                found.push(Found::new("equivalent-unknown", Some(entry.line), message));
            }
        }
    }

    /// What of the target is missing.
    fn find(&self, entry: &EquivalentValue) -> Result<(), String> {
        let set = self
            .other
            .tag_sets
            .iter()
            .find(|set| set.oid == entry.tag_set);
        let set = set.ok_or_else(|| format!("tag set {}", entry.tag_set))?;
        holds(set, entry.kind, entry.enumerated, Some(&entry.lacv))
    }

    fn wanted(&self, wanted: &[Wanted], found: &mut Vec<Found>) {
        for group in wanted.iter().flat_map(|wanted| &wanted.groups) {
            if let Err(what) = self.wanted_group(group) {
                let message = format!("requiredCategory: {} has no {what}", self.other.name);
                found.push(Found::new("equivalent-unknown", Some(group.line), message));
            }
        }
    }

    fn wanted_group(&self, group: &WantedGroup) -> Result<(), String> {
        let key = Key::of(&group.tag_set);
        let set = self.other.tag_sets.iter().find(|set| set.key == key);
        let set = set.ok_or_else(|| format!("tag set {:?}", group.tag_set))?;
        holds(set, group.kind, group.enumerated, group.lacv.as_ref())
    }

    fn unmapped_levels(&self) -> Option<Found> {
        let levels = self
            .spif
            .classifications
            .iter()
            .filter(|level| !level.obsolete);
        let mapped = |level: &&Classification| {
            level
                .equivalents
                .iter()
                .any(|entry| entry.policy == self.index)
        };
        let names: Vec<&str> = levels
            .filter(|level| !mapped(level))
            .map(|level| level.name.as_str())
            .collect();
        let line = self.spif.equivalents[self.index].line;
        let message = format!(
            "no equivalent in {} for {}; such labels are not translated",
            self.other.name,
            list(&names)
        );
        (!names.is_empty()).then(|| Found::new("missing-equivalence", Some(line), message))
    }

    fn unmapped_values(&self, set: &TagSet) -> Option<Found> {
        let values = set
            .tags
            .iter()
            .flat_map(|tag| &tag.values)
            .filter(|value| !value.obsolete);
        let mapped = |value: &&TagValue| {
            value
                .equivalents
                .iter()
                .any(|entry| entry.policy == self.index)
        };
        let names: Vec<&str> = values
            .filter(|value| !mapped(value))
            .map(|value| value.name.as_str())
            .collect();
        let message = format!(
            "tag set {}: no equivalent in {} for {}; labels with these are not translated",
            set.name,
            self.other.name,
            list(&names)
        );
        (!names.is_empty()).then(|| Found::new("missing-equivalence", Some(set.line), message))
    }
}

/// Whether a set has a tag of the type with exactly one such value, or any where none is asked for.
fn holds(
    set: &TagSet,
    kind: TagKind,
    enumerated: bool,
    lacv: Option<&String>,
) -> Result<(), String> {
    let fits = |tag: &&Tag| tag.kind == kind && tag.enumerated == enumerated;
    let tags: Vec<&Tag> = set.tags.iter().filter(fits).collect();
    if tags.is_empty() {
        return Err(format!("tag of this type in tag set {}", set.name));
    }
    let Some(lacv) = lacv else { return Ok(()) };
    let values = tags.iter().flat_map(|tag| &tag.values);
    match values.filter(|value| value.lacv == *lacv).count() {
        0 => Err(format!("lacv {lacv} in tag set {}", set.name)),
        1 => Ok(()),
        _ => Err(format!(
            "single value with lacv {lacv} in tag set {}",
            set.name
        )),
    }
}

/// True where two entries are both followed in one direction.
fn meet(one: Applied, other: Applied) -> bool {
    (one.encrypts() && other.encrypts()) || (one.decrypts() && other.decrypts())
}

/// Names shown at most.
const MAX_SHOWN: usize = 8;

fn list(names: &[&str]) -> String {
    let shown = names
        .iter()
        .take(MAX_SHOWN)
        .copied()
        .collect::<Vec<_>>()
        .join(", ");
    match names.len().saturating_sub(MAX_SHOWN) {
        0 => shown,
        more => format!("{shown} and {more} more"),
    }
}
