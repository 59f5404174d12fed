//! The decision a second time, slowly, from the words of labels.md 2.2 and 3.4: sets of names, no index, no bits.

use std::collections::BTreeSet;

use super::model::{Categories, Cleared, Group, Kind, Marked, Policy, Tag};

/// Whether the label is valid and within the clearance.
pub fn grants(policy: &Policy, label: &Marked, clearance: &Cleared) -> bool {
    is_valid(policy, label)
        && are_known(policy, &clearance.categories)
        && clearance
            .levels
            .iter()
            .all(|level| *level < policy.levels.len())
        && clearance.levels.contains(&label.level)
        && tags(policy).all(|(set, tag)| {
            let wanted = of(&label.categories, set, tag);
            let held = of(&clearance.categories, set, tag);
            match tag.kind {
                Kind::Restrictive => wanted.is_subset(&held),
                Kind::Permissive => wanted.is_empty() || !wanted.is_disjoint(&held),
                Kind::Informative => true,
            }
        })
        && !label
            .categories
            .iter()
            .any(|(_, kind, values)| *kind == Kind::Permissive && values.is_empty())
}

fn is_valid(policy: &Policy, label: &Marked) -> bool {
    let Some((_, required)) = policy.levels.get(label.level) else {
        return false;
    };
    are_known(policy, &label.categories)
        && required.is_none_or(|group| has(policy, label, group))
        && tags(policy).all(|(set, tag)| {
            let chosen = of(&label.categories, set, tag);
            let values = || {
                tag.values
                    .iter()
                    .filter(|value| chosen.contains(value.name))
            };
            (tag.min..=tag.max).contains(&chosen.len())
                && values().all(|value| value.excluded_class != Some(label.level))
                && values()
                    .all(|value| value.required.is_none_or(|group| has(policy, label, group)))
                && values().all(|value| {
                    // A name never excludes itself in its own tag.
                    value.excluded.is_none_or(|group| {
                        let own = |other: &Tag| std::ptr::eq(other, tag);
                        !matches(policy, label, group, |other, name| {
                            own(other) && name == value.name
                        })
                    })
                })
        })
}

/// Every name stands in some tag of the set, and the set has that kind.
fn are_known(policy: &Policy, categories: &Categories) -> bool {
    categories.iter().all(|(set, kind, values)| {
        let tags = || policy.sets[*set].iter().filter(|tag| tag.kind == *kind);
        let known = |name: &String| {
            tags()
                .flat_map(|tag| &tag.values)
                .any(|value| value.name == name)
        };
        tags().next().is_some() && values.iter().all(known)
    })
}

fn has(policy: &Policy, label: &Marked, group: Group) -> bool {
    matches(policy, label, group, |_, _| false)
}

/// Whether the label has a value of the group, but for those left out.
fn matches(
    policy: &Policy,
    label: &Marked,
    group: Group,
    but: impl Fn(&Tag, &str) -> bool,
) -> bool {
    policy.sets[group.set]
        .iter()
        .enumerate()
        .any(|(number, tag)| {
            let chosen = of(&label.categories, group.set, tag);
            let values = tag.values.iter().enumerate();
            let here = values
                .filter(|(value, _)| group.value.is_none_or(|wanted| wanted == (number, *value)));
            let mut names = here.map(|(_, value)| value.name);
            names.any(|name| chosen.contains(name) && !but(tag, name))
        })
}

fn tags(policy: &Policy) -> impl Iterator<Item = (usize, &Tag)> {
    let sets = policy.sets.iter().enumerate();
    sets.flat_map(|(number, set)| set.iter().map(move |tag| (number, tag)))
}

/// The names of a label or clearance that stand in a tag.
fn of<'a>(categories: &'a Categories, set: usize, tag: &Tag) -> BTreeSet<&'a str> {
    let here = categories.iter().filter(|(number, _, _)| *number == set);
    let names = here.flat_map(|(_, _, values)| values).map(String::as_str);
    names
        .filter(|name| tag.values.iter().any(|value| value.name == *name))
        .collect()
}
