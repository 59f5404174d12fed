//! The constraints of levels and values, which refer to other levels and values of the policy.

use super::{
    category::{set_elements, tag_type},
    element::{Element, Unique},
};
use crate::label::{
    name::Key,
    spif::{Classification, Group, Operation, Required, Spif, SpifError, Tag, TagSet},
};

/// The constraints of a policy, read and resolved, in document order.
#[derive(Default)]
pub(super) struct Constraints {
    levels: Vec<Vec<Required>>,
    values: Vec<ValueConstraints>,
}

#[derive(Default)]
struct ValueConstraints {
    excluded_classes: Vec<Key>,
    required_class: Option<Key>,
    required: Vec<Required>,
    excluded: Vec<Group>,
}

/// What constraints may refer to.
pub(super) struct References<'a> {
    levels: &'a [Classification],
    sets: &'a [TagSet],
}

impl<'a> References<'a> {
    pub(super) fn new(spif: &'a Spif) -> Self {
        References {
            levels: &spif.classifications,
            sets: &spif.tag_sets,
        }
    }

    /// Reads the constraints of every level and value; an unknown reference is an error.
    pub(super) fn link(&self, root: Element<'_, '_>, errors: &mut Vec<SpifError>) -> Constraints {
        let levels = root
            .children("securityClassifications")
            .flat_map(|list| list.children("securityClassification"));
        Constraints {
            levels: levels.map(|level| self.required(level, errors)).collect(),
            values: value_elements(root)
                .map(|value| self.value(value, errors))
                .collect(),
        }
    }

    fn value(&self, value: Element<'_, '_>, errors: &mut Vec<SpifError>) -> ValueConstraints {
        let mut seen = Unique::default();
        let mut excluded_classes = Vec::new();
        for class in value.children("excludedClass") {
            let Some(key) = self.class(class, "excludedClass", &class.text(), errors) else {
                continue;
            };
            seen.add(class, "excludedClass", format!("{key:?}"), errors);
            excluded_classes.push(key);
        }
        ValueConstraints {
            excluded_classes,
            required_class: value
                .attribute("requiredClass")
                .and_then(|name| self.class(value, "requiredClass", name, errors)),
            required: self.required(value, errors),
            excluded: value
                .children("excludedCategory")
                .filter_map(|group| self.group(group, errors))
                .collect(),
        }
    }

    fn required(&self, parent: Element<'_, '_>, errors: &mut Vec<SpifError>) -> Vec<Required> {
        parent
            .children("requiredCategory")
            .filter_map(|element| self.one_required(element, errors))
            .collect()
    }

    fn one_required(
        &self,
        element: Element<'_, '_>,
        errors: &mut Vec<SpifError>,
    ) -> Option<Required> {
        let remedy = "must be onlyOne, oneOrMore or all";
        let operation = element.word("operation", Operation::from_name, remedy, errors)?;
        let groups: Vec<Group> = element
            .children("categoryGroup")
            .filter_map(|group| self.group(group, errors))
            .collect();
        if element.children("categoryGroup").next().is_none() {
            element.error("missing-element", "no categoryGroup; add one", errors);
        }
        Some(Required { operation, groups })
    }

    fn class(
        &self,
        element: Element<'_, '_>,
        what: &str,
        name: &str,
        errors: &mut Vec<SpifError>,
    ) -> Option<Key> {
        let key = Key::of(name);
        if self.levels.iter().any(|level| level.key == key) {
            return Some(key);
        }
        let message = format!("{what} {name:?} is not a securityClassification; correct the name");
        element.error("unknown-reference", message, errors);
        None
    }

    fn group(&self, element: Element<'_, '_>, errors: &mut Vec<SpifError>) -> Option<Group> {
        let name = element.required("tagSetRef", errors)?;
        let (kind, enumerated) = tag_type(element, errors)?;
        let key = Key::of(name);
        let Some(set) = self.sets.iter().position(|set| set.key == key) else {
            let message =
                format!("tagSetRef {name:?} is not a securityCategoryTagSet; correct the name");
            element.error("unknown-reference", message, errors);
            return None;
        };
        let lacv = selector(element, errors)?;
        let group = Group {
            set,
            kind,
            enumerated,
            lacv,
        };
        self.check_group(element, &group, errors);
        Some(group)
    }

    /// The set must have tags of the type, and the value must stand in them exactly once.
    fn check_group(&self, element: Element<'_, '_>, group: &Group, errors: &mut Vec<SpifError>) {
        let fits = |tag: &&Tag| tag.kind == group.kind && tag.enumerated == group.enumerated;
        let tags: Vec<&Tag> = self.sets[group.set].tags.iter().filter(fits).collect();
        if tags.is_empty() {
            element.error(
                "unknown-reference",
                format!(
                    "tagType {} does not occur in the tag set; correct it",
                    group.kind.name().to_lowercase()
                ),
                errors,
            );
            return;
        }
        let Some(lacv) = &group.lacv else { return };
        match tags
            .iter()
            .flat_map(|tag| &tag.values)
            .filter(|value| value.lacv == *lacv)
            .count()
        {
            0 => element.error(
                "unknown-reference",
                format!("lacv {lacv:?} is not in the tag set; correct it"),
                errors,
            ),
            1 => {}
            _ => {
                let message = format!(
                    "lacv {lacv:?} stands more than once in the tag set; make it unique there"
                );
                element.error("ambiguous-reference", message, errors);
            }
        }
    }
}

impl Constraints {
    /// Puts the constraints where they belong, if nothing was skipped: only then are levels and values in the order in
    /// which they were read. With errors there will be no policy.
    pub(super) fn apply(self, spif: &mut Spif, complete: bool) {
        if !complete {
            return;
        }
        for (level, required) in spif.classifications.iter_mut().zip(self.levels) {
            level.required = required;
        }
        let values = spif
            .tag_sets
            .iter_mut()
            .flat_map(|set| &mut set.tags)
            .flat_map(|tag| &mut tag.values);
        for (value, constraints) in values.zip(self.values) {
            value.excluded_classes = constraints.excluded_classes;
            value.required_class = constraints.required_class;
            value.required = constraints.required;
            value.excluded = constraints.excluded;
        }
    }
}

/// `lacv`, or `None` for `all="true"`; exactly one of both, except in the mode in which neither means the whole set.
pub(super) fn selector(
    element: Element<'_, '_>,
    errors: &mut Vec<SpifError>,
) -> Option<Option<String>> {
    let all = element
        .attribute("all")
        .map(|_| element.boolean("all", errors));
    match (element.attribute("lacv"), all) {
        (Some(lacv), None | Some(false)) => Some(Some(lacv.trim().to_owned())),
        (None, Some(true)) => Some(None),
        (None, None) if element.options().missing_lacv_is_whole_set => Some(None),
        _ => {
            let remedy = "exactly one of lacv and all=\"true\" must be given";
            element.error("attribute-value", remedy, errors);
            None
        }
    }
}

fn value_elements<'a, 'i>(root: Element<'a, 'i>) -> impl Iterator<Item = Element<'a, 'i>> {
    set_elements(root)
        .flat_map(|set| set.children("securityCategoryTag"))
        .flat_map(|tag| tag.children("tagCategory"))
}
