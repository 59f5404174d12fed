//! Equivalences: which policies this one names, and what their levels, values and sets stand for. Whether a target
//! exists is known only where its policy is loaded, so that is for lint and translation to say.

use super::{
    category::tag_type,
    constraint::selector,
    element::{Element, Unique},
};
use crate::label::{
    name::Key,
    spif::{
        Applied, EquivalentClassification, EquivalentPolicy, EquivalentTagSet, EquivalentValue,
        Operation, SpifError, Wanted, WantedGroup,
    },
};

/// Names of the policies that equivalences may refer to, by their place.
pub(super) struct Policies(Vec<Key>);

/// Reads the list of other policies.
pub(super) fn policies(
    root: Element<'_, '_>,
    errors: &mut Vec<SpifError>,
) -> (Policies, Vec<EquivalentPolicy>) {
    let mut seen = Unique::default();
    let mut keys = Vec::new();
    let mut policies = Vec::new();
    let lists = root.children("equivalentPolicies");
    for policy in lists.flat_map(|list| list.children("equivalentPolicy")) {
        let (Some(name), Some(oid)) = (policy.name(errors), policy.oid("id", errors)) else {
            continue;
        };
        let key = Key::of(&name);
        seen.add(policy, "name", format!("{key:?}"), errors);
        seen.add(policy, "id", oid.clone(), errors);
        keys.push(key);
        policies.push(EquivalentPolicy {
            name,
            oid,
            required: wanted(policy, errors),
            line: policy.line(),
        });
    }
    (Policies(keys), policies)
}

impl Policies {
    pub(super) fn classifications(
        &self,
        level: Element<'_, '_>,
        errors: &mut Vec<SpifError>,
    ) -> Vec<EquivalentClassification> {
        let entries = level.children("equivalentClassification");
        let read = |entry: Element<'_, '_>| {
            let required = wanted(entry, errors);
            Some(EquivalentClassification {
                policy: self.find(entry, errors)?,
                lacv: entry.number("lacv", errors)?,
                applied: applied(entry, errors)?,
                required,
                line: entry.line(),
            })
        };
        entries.filter_map(read).collect()
    }

    pub(super) fn values(
        &self,
        value: Element<'_, '_>,
        errors: &mut Vec<SpifError>,
    ) -> Vec<EquivalentValue> {
        let entries = value.children("equivalentSecCategoryTag");
        let read = |entry: Element<'_, '_>| {
            let (kind, enumerated) = tag_type(entry, errors)?;
            Some(EquivalentValue {
                policy: self.find(entry, errors)?,
                tag_set: entry.oid("tagSetId", errors)?,
                kind,
                enumerated,
                lacv: entry.required("lacv", errors)?.trim().to_owned(),
                applied: applied(entry, errors)?,
                discard: discard(entry, errors)?,
                line: entry.line(),
            })
        };
        entries.filter_map(read).collect()
    }

    pub(super) fn tag_sets(
        &self,
        set: Element<'_, '_>,
        errors: &mut Vec<SpifError>,
    ) -> Vec<EquivalentTagSet> {
        let entries = set.children("equivalentSecurityCategoryTagSet");
        let read = |entry: Element<'_, '_>| {
            let oid = entry.attribute("id").and_then(|_| entry.oid("id", errors));
            Some(EquivalentTagSet {
                policy: self.find(entry, errors)?,
                name: entry.attribute("name").map(|name| name.trim().to_owned()),
                oid,
                required: wanted(entry, errors),
                line: entry.line(),
            })
        };
        entries.filter_map(read).collect()
    }

    fn find(&self, entry: Element<'_, '_>, errors: &mut Vec<SpifError>) -> Option<usize> {
        let name = entry.required("policyRef", errors)?;
        let key = Key::of(name);
        let found = self.0.iter().position(|known| *known == key);
        if found.is_none() {
            let message = format!(
                "policyRef {name:?} is not an equivalentPolicy; add it or correct the reference"
            );
            entry.error("unknown-reference", message, errors);
        }
        found
    }
}

fn applied(entry: Element<'_, '_>, errors: &mut Vec<SpifError>) -> Option<Applied> {
    let remedy = "must be encrypt, decrypt or both";
    entry.word("applied", Applied::from_name, remedy, errors)
}

/// `action`, of which there is only one.
fn discard(entry: Element<'_, '_>, errors: &mut Vec<SpifError>) -> Option<bool> {
    if entry.attribute("action").is_none() {
        return Some(false);
    }
    let read = |word: &str| (word == "discard").then_some(true);
    entry.word("action", read, "must be discard", errors)
}

/// What the other policy demands. A mistake here is one in this file; whether the names exist there is not asked.
fn wanted(parent: Element<'_, '_>, errors: &mut Vec<SpifError>) -> Vec<Wanted> {
    let required = parent.children("requiredCategory");
    let read = |element: Element<'_, '_>| {
        let remedy = "must be onlyOne, oneOrMore or all";
        let operation = element.word("operation", Operation::from_name, remedy, errors)?;
        let groups = element.children("categoryGroup");
        let groups: Vec<WantedGroup> = groups
            .filter_map(|group| wanted_group(group, errors))
            .collect();
        if element.children("categoryGroup").next().is_none() {
            element.error("missing-element", "no categoryGroup; add one", errors);
        }
        Some(Wanted { operation, groups })
    };
    required.filter_map(read).collect()
}

fn wanted_group(group: Element<'_, '_>, errors: &mut Vec<SpifError>) -> Option<WantedGroup> {
    let tag_set = group.required("tagSetRef", errors)?.trim().to_owned();
    let (kind, enumerated) = tag_type(group, errors)?;
    Some(WantedGroup {
        tag_set,
        kind,
        enumerated,
        lacv: selector(group, errors)?,
        line: group.line(),
    })
}
