//! Tag sets and tags, then the constraints that refer to them.

use super::{
    super::{
        Classification, Group, Key, Operation, Required, Spif, SpifError, Tag, TagKind, TagSet,
        TagValue,
    },
    element::{Element, Unique},
};

/// Reads all tag sets, without the constraints of their values.
pub(super) fn tag_sets(root: Element<'_, '_>, errors: &mut Vec<SpifError>) -> Vec<TagSet> {
    let mut seen = Unique::default();
    let mut sets = Vec::new();
    for set in set_elements(root) {
        let (Some(name), Some(oid)) = (set.name(errors), set.oid("id", errors)) else {
            continue;
        };
        let key = Key::of(&name);
        seen.add(set, "name", format!("{key:?}"), errors);
        seen.add(set, "id", oid.clone(), errors);
        let tags = set
            .children("securityCategoryTag")
            .filter_map(|element| tag(element, errors))
            .collect();
        sets.push(TagSet {
            name,
            oid,
            tags,
            key,
        });
    }
    sets
}

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
            let Some(key) = self.class(class, class.text(), errors) else {
                continue;
            };
            seen.add(class, "excludedClass", format!("{key:?}"), errors);
            excluded_classes.push(key);
        }
        ValueConstraints {
            excluded_classes,
            required_class: value
                .attribute("requiredClass")
                .and_then(|name| self.class(value, name, errors)),
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
        let operation = match element.required("operation", errors)? {
            "onlyOne" => Operation::OnlyOne,
            "oneOrMore" => Operation::OneOrMore,
            "all" => Operation::All,
            other => {
                let message = format!("operation {other:?} must be onlyOne, oneOrMore or all");
                element.error("attribute-value", message, errors);
                return None;
            }
        };
        let groups: Vec<Group> = element
            .children("categoryGroup")
            .filter_map(|group| self.group(group, errors))
            .collect();
        if groups.is_empty() {
            element.error("missing-element", "no categoryGroup; add one", errors);
        }
        Some(Required { operation, groups })
    }

    fn class(
        &self,
        element: Element<'_, '_>,
        name: &str,
        errors: &mut Vec<SpifError>,
    ) -> Option<Key> {
        let key = Key::of(name);
        if self.levels.iter().any(|level| level.key == key) {
            return Some(key);
        }
        let message = format!("class {name:?} is not a securityClassification; correct the name");
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
                "tagType does not occur in the tag set; correct it",
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
    /// Puts the constraints where they belong. Without errors, levels and values were read in the same order.
    pub(super) fn apply(self, spif: &mut Spif) {
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

fn tag(element: Element<'_, '_>, errors: &mut Vec<SpifError>) -> Option<Tag> {
    let (kind, enumerated) = tag_type(element, errors)?;
    let single = element.boolean("singleSelection", errors);
    let max = element.count("maxSelection", errors);
    let min = element.count("minSelection", errors).unwrap_or(0);
    let max = if single {
        Some(max.map_or(1, |max| max.min(1)))
    } else {
        max
    };
    if max.is_some_and(|max| max < min) {
        element.error(
            "attribute-value",
            "minSelection is greater than what may be selected; correct it",
            errors,
        );
    }
    let values = element
        .children("tagCategory")
        .filter_map(|value| tag_value(value, errors))
        .collect();
    Some(Tag {
        kind,
        enumerated,
        min,
        max,
        values,
    })
}

fn tag_value(element: Element<'_, '_>, errors: &mut Vec<SpifError>) -> Option<TagValue> {
    if element.attribute("userInput").is_some() {
        let remedy =
            "userInput is not supported in this version; list the permitted values as tagCategory";
        element.error("not-supported", remedy, errors);
    }
    let name = element.name(errors)?;
    Some(TagValue {
        key: Key::of(&name),
        name,
        lacv: element.required("lacv", errors)?.trim().to_owned(),
        obsolete: element.boolean("obsolete", errors),
        not_before: element.date("notBefore", errors),
        not_after: element.date("notAfter", errors),
        excluded_classes: Vec::new(),
        required_class: None,
        required: Vec::new(),
        excluded: Vec::new(),
    })
}

/// Kind, and whether the encoding is enumerated. An unknown type is an error, never informative: a typo in
/// `restrictive` would lift the control.
fn tag_type(element: Element<'_, '_>, errors: &mut Vec<SpifError>) -> Option<(TagKind, bool)> {
    let kind = |name| match name {
        "restrictive" => Some(TagKind::Restrictive),
        "permissive" => Some(TagKind::Permissive),
        _ => None,
    };
    let written = element.required("tagType", errors)?;
    let read = match (written, element.attribute("enumType")) {
        ("tagType7", None) => Some((TagKind::Informative, false)),
        ("enumerated", Some(name)) => kind(name).map(|kind| (kind, true)),
        (name, None) => kind(name).map(|kind| (kind, false)),
        _ => None,
    };
    if read.is_none() {
        let remedy = "must be restrictive, permissive, tagType7, or enumerated with enumType restrictive or permissive";
        element.error("tag-type", format!("tagType {written:?} {remedy}"), errors);
    }
    read
}

/// `lacv`, or `None` for `all="true"`; exactly one of both.
fn selector(element: Element<'_, '_>, errors: &mut Vec<SpifError>) -> Option<Option<String>> {
    let all = element
        .attribute("all")
        .map(|_| element.boolean("all", errors));
    match (element.attribute("lacv"), all) {
        (Some(lacv), None) => Some(Some(lacv.trim().to_owned())),
        (None, Some(true)) => Some(None),
        _ => {
            element.error(
                "attribute-value",
                "exactly one of lacv and all=\"true\" must be given",
                errors,
            );
            None
        }
    }
}

fn set_elements<'a, 'i>(root: Element<'a, 'i>) -> impl Iterator<Item = Element<'a, 'i>> {
    root.children("securityCategoryTagSets")
        .flat_map(|list| list.children("securityCategoryTagSet"))
}

fn value_elements<'a, 'i>(root: Element<'a, 'i>) -> impl Iterator<Item = Element<'a, 'i>> {
    set_elements(root)
        .flat_map(|set| set.children("securityCategoryTag"))
        .flat_map(|tag| tag.children("tagCategory"))
}
