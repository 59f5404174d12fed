//! Tag sets, their tags and values, without the constraints that refer to others.

use super::{
    element::{Element, Unique},
    equivalent::Policies,
    marking,
};
use crate::label::{
    name::Key,
    spif::{DateFormat, SpifError, Tag, TagKind, TagSet, TagValue, UserInput},
};

/// Reads all tag sets, without the constraints of their values.
pub(super) fn tag_sets(
    root: Element<'_, '_>,
    policies: &Policies,
    errors: &mut Vec<SpifError>,
) -> Vec<TagSet> {
    let mut seen = Unique::default();
    let mut sets = Vec::new();
    for set in set_elements(root) {
        let tags = tags(set, policies, errors);
        let equivalents = policies.tag_sets(set, errors);
        let (Some(name), Some(oid)) = (set.name(errors), set.oid("id", errors)) else {
            continue;
        };
        let key = Key::of(&name);
        seen.add(set, "name", format!("{key:?}"), errors);
        seen.add(set, "id", oid.clone(), errors);
        sets.push(TagSet {
            name,
            oid,
            tags,
            equivalents,
            key,
            line: set.line(),
        });
    }
    sets
}

fn tags(set: Element<'_, '_>, policies: &Policies, errors: &mut Vec<SpifError>) -> Vec<Tag> {
    let mut encodings = Vec::new();
    let mut tags = Vec::new();
    for element in set.children("securityCategoryTag") {
        if element.attribute("tagType") == Some("tagType7") {
            encodings.push(element.attribute("tag7Encoding"));
            check_encoding(element, encodings[0], errors);
        }
        tags.extend(tag(element, policies, errors));
    }
    if set.children("securityCategoryTag").next().is_none() {
        let remedy = "no securityCategoryTag; add one or remove the set";
        set.error("missing-element", remedy, errors);
    }
    tags
}

/// All informative tags of a set are encoded alike.
fn check_encoding(element: Element<'_, '_>, first: Option<&str>, errors: &mut Vec<SpifError>) {
    let written = element.attribute("tag7Encoding");
    if written != first {
        let remedy = "differs from that of another tag of the set; make them equal";
        element.error("tag7-encoding", format!("tag7Encoding {remedy}"), errors);
    } else if !matches!(
        written,
        None | Some("bitSetAttributes" | "securityAttributes")
    ) {
        let remedy = "must be bitSetAttributes or securityAttributes";
        element.error("attribute-value", format!("tag7Encoding {remedy}"), errors);
    }
}

fn tag(element: Element<'_, '_>, policies: &Policies, errors: &mut Vec<SpifError>) -> Option<Tag> {
    let values = element.children("tagCategory");
    let values = values
        .filter_map(|value| tag_value(value, policies, errors))
        .collect();
    let (min, max) = selection(element, errors);
    let (_, qualifiers) = marking::of(element, errors);
    let (kind, enumerated) = tag_type(element, errors)?;
    Some(Tag {
        name: element.attribute("name").map(|name| name.trim().to_owned()),
        kind,
        enumerated,
        min,
        max,
        values,
        qualifiers,
        line: element.line(),
    })
}

/// How many values a label must and may have.
fn selection(element: Element<'_, '_>, errors: &mut Vec<SpifError>) -> (u32, Option<u32>) {
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
    (min, max)
}

fn tag_value(
    element: Element<'_, '_>,
    policies: &Policies,
    errors: &mut Vec<SpifError>,
) -> Option<TagValue> {
    let user_input = user_input(element, errors);
    let equivalents = policies.values(element, errors);
    let (markings, qualifiers) = marking::of(element, errors);
    let (not_before, not_after) = element.period(errors);
    let lacv = element.required("lacv", errors);
    let name = element.name(errors)?;
    Some(TagValue {
        key: Key::of(&name),
        name,
        lacv: lacv?.trim().to_owned(),
        obsolete: element.boolean("obsolete", errors),
        not_before,
        not_after,
        user_input,
        markings,
        qualifiers,
        equivalents,
        members: Vec::new(),
        excluded_classes: Vec::new(),
        required_class: None,
        required: Vec::new(),
        excluded: Vec::new(),
        line: element.line(),
    })
}

/// The form of a value that the author of a label writes himself.
fn user_input(element: Element<'_, '_>, errors: &mut Vec<SpifError>) -> Option<UserInput> {
    element.attribute("userInput")?;
    let read = |word: &str| match word {
        "string" => Some(UserInput::String),
        "integer" => Some(UserInput::Integer),
        "date" => Some(UserInput::Date(DateFormat::default())),
        _ => None,
    };
    let input = element.word("userInput", read, "must be string, integer or date", errors)?;
    match input {
        UserInput::Date(_) if element.attribute("dateFormat").is_some() => {
            let read = |text: &str| DateFormat::parse(text).map(UserInput::Date);
            let remedy = "must be made of yyyy, MM, dd, HH, mm, ss and signs, such as yyyy-MM-dd";
            element.word("dateFormat", read, remedy, errors)
        }
        input => Some(input),
    }
}

/// Kind, and whether the encoding is enumerated. An unknown type is an error, never informative: a typo in
/// `restrictive` would lift the control.
pub(super) fn tag_type(
    element: Element<'_, '_>,
    errors: &mut Vec<SpifError>,
) -> Option<(TagKind, bool)> {
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
        // Needless, and some write it all the same; it must not contradict.
        (name, Some(same)) if name == same => kind(name).map(|kind| (kind, false)),
        _ => None,
    };
    if read.is_none() {
        let remedy = "must be restrictive, permissive, tagType7, or enumerated with enumType restrictive or permissive";
        element.error("tag-type", format!("tagType {written:?} {remedy}"), errors);
    }
    read
}

/// The tag sets of the policy, in document order.
pub(super) fn set_elements<'a, 'i>(root: Element<'a, 'i>) -> impl Iterator<Item = Element<'a, 'i>> {
    root.children("securityCategoryTagSets")
        .flat_map(|list| list.children("securityCategoryTagSet"))
}
