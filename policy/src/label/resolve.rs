//! Is a label or a clearance true under its policy? Names become places in the policy; every demand is checked.

use time::OffsetDateTime;

use super::{
    clearance::Clearance,
    name::Key,
    spif::{Classification, Group, Spif, Tag, TagKind, TagValue, within},
    wire::{Category, Label},
};

/// A label under its policy: the level and the chosen values.
pub(super) struct Resolved<'a> {
    pub(super) level: &'a Classification,
    pub(super) selections: Vec<Selection<'a>>,
    /// Set name of a permissive category without values: nobody is permitted.
    pub(super) nobody: Option<&'a str>,
}

/// One value of a tag, by place.
#[derive(Clone, Copy)]
pub(super) struct Selection<'a> {
    /// Positions of set and tag in the policy: the grouping key of the decision.
    pub(super) place: (usize, usize),
    pub(super) kind: TagKind,
    enumerated: bool,
    pub(super) value: &'a TagValue,
}

/// Checks a label against its policy: names, types, obsolescence, periods, cardinality, required and excluded.
///
/// # Errors
/// The first demand that does not hold, in words of the policy, never of the label.
pub(super) fn label<'a>(
    label: &Label,
    spif: &'a Spif,
    at: OffsetDateTime,
) -> Result<Resolved<'a>, String> {
    let Some(level) = spif.classification(label.classification()) else {
        return Err(format!("the classification is not in policy {}", spif.name));
    };
    let selections = select(label.categories(), spif)?;
    let resolved = Resolved {
        level,
        selections,
        nobody: nobody(label.categories(), spif),
    };
    check_age(&resolved, label, spif)?;
    check_periods(&resolved, at)?;
    check_counts(&resolved, spif)?;
    check_classes(&resolved)?;
    check_required(&resolved)?;
    check_excluded(&resolved)?;
    Ok(resolved)
}

/// A clearance under its policy: levels and values that may pass.
pub(super) struct Cleared<'a> {
    pub(super) levels: Vec<&'a Classification>,
    pub(super) selections: Vec<Selection<'a>>,
}

/// Checks that every name of a clearance is in its policy.
///
/// # Errors
/// The first that is not.
pub(super) fn clearance<'a>(clearance: &Clearance, spif: &'a Spif) -> Result<Cleared<'a>, String> {
    let level = |name: &String| {
        spif.classification(name)
            .ok_or(format!("{name} is not in policy {}", spif.name))
    };
    Ok(Cleared {
        levels: clearance
            .classifications
            .iter()
            .map(level)
            .collect::<Result<_, _>>()?,
        selections: select(&clearance.categories, spif)?,
    })
}

/// Every value of every category by place. A value that stands in several tags of the type counts in each.
fn select<'a>(categories: &[Category], spif: &'a Spif) -> Result<Vec<Selection<'a>>, String> {
    let mut selections: Vec<Selection<'a>> = Vec::new();
    for category in categories {
        let (set_index, set) = spif
            .tag_set(&category.tag_name)
            .ok_or(format!("a tag set is not in policy {}", spif.name))?;
        let tags: Vec<(usize, &Tag)> = set
            .tags
            .iter()
            .enumerate()
            .filter(|(_, tag)| tag.kind == category.kind)
            .collect();
        if tags.is_empty() {
            return Err(format!(
                "tag set {} has another type in policy {}",
                set.name, spif.name
            ));
        }
        for value in &category.values {
            let before = selections.len();
            let key = Key::of(value);
            for (tag_index, tag) in &tags {
                let place = (set_index, *tag_index);
                let found = tag.values.iter().filter(|value| value.key == key);
                selections.extend(found.map(|value| Selection {
                    place,
                    kind: tag.kind,
                    enumerated: tag.enumerated,
                    value,
                }));
            }
            if selections.len() == before {
                return Err(format!(
                    "a value of tag set {} is not in policy {}",
                    set.name, spif.name
                ));
            }
        }
    }
    Ok(selections)
}

fn nobody<'a>(categories: &[Category], spif: &'a Spif) -> Option<&'a str> {
    let empty =
        |category: &&Category| category.kind == TagKind::Permissive && category.values.is_empty();
    let category = categories.iter().find(empty)?;
    spif.tag_set(&category.tag_name)
        .map(|(_, set)| set.name.as_str())
}

/// LB-11: obsolete names are read in labels older than the policy only; an age that is not known is no age.
fn check_age(label: &Resolved<'_>, written: &Label, spif: &Spif) -> Result<(), String> {
    let old =
        matches!((written.created(), spif.created), (Some(label), Some(policy)) if label <= policy);
    let levels = std::iter::once((label.level.obsolete, &label.level.name));
    let values = label
        .selections
        .iter()
        .map(|chosen| (chosen.value.obsolete, &chosen.value.name));
    match levels.chain(values).find(|(obsolete, _)| *obsolete && !old) {
        Some((_, name)) => Err(format!("{name} is obsolete in policy {}", spif.name)),
        None => Ok(()),
    }
}

fn check_periods(label: &Resolved<'_>, at: OffsetDateTime) -> Result<(), String> {
    let out =
        |chosen: &&Selection<'_>| !within(chosen.value.not_before, chosen.value.not_after, at);
    match label.selections.iter().find(out) {
        Some(chosen) => Err(format!(
            "{} is outside its period of validity",
            chosen.value.name
        )),
        None => Ok(()),
    }
}

/// Cardinality per tag; a tag that the label leaves out counts as zero values (SP-12).
fn check_counts(label: &Resolved<'_>, spif: &Spif) -> Result<(), String> {
    for (set_index, set) in spif.tag_sets.iter().enumerate() {
        for (tag_index, tag) in set.tags.iter().enumerate() {
            let chosen = label
                .selections
                .iter()
                .filter(|chosen| chosen.place == (set_index, tag_index));
            let mut names: Vec<&Key> = chosen.map(|chosen| &chosen.value.key).collect();
            names.sort();
            names.dedup();
            let count = u32::try_from(names.len()).unwrap_or(u32::MAX);
            if count < tag.min || tag.max.is_some_and(|max| count > max) {
                return Err(format!(
                    "tag set {} has too few or too many values",
                    set.name
                ));
            }
        }
    }
    Ok(())
}

fn check_classes(label: &Resolved<'_>) -> Result<(), String> {
    let level = &label.level.key;
    for value in label.selections.iter().map(|chosen| chosen.value) {
        let excluded = value.excluded_classes.contains(level);
        if excluded
            || value
                .required_class
                .as_ref()
                .is_some_and(|class| class != level)
        {
            return Err(format!(
                "{} may not stand with {}",
                value.name, label.level.name
            ));
        }
    }
    Ok(())
}

fn check_required(label: &Resolved<'_>) -> Result<(), String> {
    let present = |group: &Group| label.selections.iter().any(|chosen| chosen.is_in(group));
    let level = label
        .level
        .required
        .iter()
        .map(|required| (&label.level.name, required));
    let values = label.selections.iter().map(|chosen| chosen.value);
    let values = values.flat_map(|value| {
        value
            .required
            .iter()
            .map(move |required| (&value.name, required))
    });
    match level
        .chain(values)
        .find(|(_, required)| !required.holds(present))
    {
        Some((name, _)) => Err(format!("a category that {name} requires is missing")),
        None => Ok(()),
    }
}

/// A value never excludes itself: one that excludes its whole set must stand alone in it.
fn check_excluded(label: &Resolved<'_>) -> Result<(), String> {
    for chosen in &label.selections {
        let others = || {
            label
                .selections
                .iter()
                .filter(|other| other.value.key != chosen.value.key || other.place != chosen.place)
        };
        let clash = |group: &Group| others().any(|other| other.is_in(group));
        if chosen.value.excluded.iter().any(clash) {
            return Err(format!(
                "a category that {} excludes is present",
                chosen.value.name
            ));
        }
    }
    Ok(())
}

impl Selection<'_> {
    fn is_in(&self, group: &Group) -> bool {
        let tag = self.place.0 == group.set
            && self.kind == group.kind
            && self.enumerated == group.enumerated;
        tag && group
            .lacv
            .as_ref()
            .is_none_or(|lacv| self.value.lacv == *lacv)
    }
}
