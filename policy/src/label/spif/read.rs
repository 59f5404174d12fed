//! From checked XML to [`Spif`]: attributes, references, uniqueness. All mistakes are collected.

mod category;
mod element;

use roxmltree::Node;

use super::{Classification, Key, Spif, SpifError, structure};
use category::References;
use element::Element;

/// Reads a whole SPIF.
pub(super) fn spif(xml: &str) -> Result<Spif, Vec<SpifError>> {
    let document = structure::document(xml).map_err(|error| vec![error])?;
    let errors = structure::check(&document);
    if !errors.is_empty() {
        return Err(errors);
    }
    let mut errors = Vec::new();
    let spif = read(Element::new(document.root_element()), &mut errors);
    errors.truncate(structure::MAX_ERRORS);
    match spif {
        Some(spif) if errors.is_empty() => Ok(spif),
        _ => Err(errors),
    }
}

fn read(root: Element<'_, '_>, errors: &mut Vec<SpifError>) -> Option<Spif> {
    let id = root.one("securityPolicyId", errors)?;
    let classifications = classifications(root, errors)?;
    check_equivalences(root, errors);
    check_markings(root, errors);
    let tag_sets = category::tag_sets(root, errors);
    let mut spif = Spif {
        name: id.name(errors)?,
        oid: id.oid("id", errors)?,
        not_before: root.date("notBefore", errors),
        not_after: root.date("notAfter", errors),
        created: root.generalized_time("creationDate"),
        classifications,
        tag_sets,
    };
    // Constraints refer to levels and tag sets, so they are read when all of these are known.
    References::new(&spif).link(root, errors).apply(&mut spif);
    Some(spif)
}

fn classifications(
    root: Element<'_, '_>,
    errors: &mut Vec<SpifError>,
) -> Option<Vec<Classification>> {
    let list = root.one("securityClassifications", errors)?;
    let mut seen = element::Unique::default();
    let mut levels = Vec::new();
    for level in list.children("securityClassification") {
        let Some(read) = classification(level, errors) else {
            continue;
        };
        seen.add(level, "name", format!("{:?}", read.key), errors);
        seen.add(level, "lacv", read.lacv.to_string(), errors);
        seen.add(level, "hierarchy", read.hierarchy.to_string(), errors);
        if let Some(color) = &read.color {
            seen.add(level, "color", color.to_ascii_lowercase(), errors);
        }
        levels.push(read);
    }
    if levels.is_empty() {
        list.error(
            "missing-element",
            "no securityClassification; a policy needs at least one",
            errors,
        );
    }
    Some(levels)
}

fn classification(level: Element<'_, '_>, errors: &mut Vec<SpifError>) -> Option<Classification> {
    let name = level.name(errors);
    let lacv = level.number("lacv", errors);
    let hierarchy = level.number("hierarchy", errors);
    let obsolete = level.boolean("obsolete", errors);
    let name = name?;
    Some(Classification {
        key: Key::of(&name),
        name,
        lacv: lacv?,
        hierarchy: hierarchy?,
        obsolete,
        color: level.attribute("color").map(str::to_owned),
        markings: level
            .children("markingData")
            .filter_map(|data| data.attribute("phrase"))
            .map(str::to_owned)
            .collect(),
        required: Vec::new(),
    })
}

/// Equivalences are for translation; here only their references must hold (SP-4).
fn check_equivalences(root: Element<'_, '_>, errors: &mut Vec<SpifError>) {
    let mut names = element::Unique::default();
    let policies = root
        .children("equivalentPolicies")
        .flat_map(|list| list.children("equivalentPolicy"));
    let known: Vec<Key> = policies
        .filter_map(|policy| {
            let name = policy.name(errors)?;
            names.add(policy, "name", format!("{:?}", Key::of(&name)), errors);
            let oid = policy.oid("id", errors)?;
            names.add(policy, "id", oid, errors);
            Some(Key::of(&name))
        })
        .collect();
    for node in root.node().descendants().filter(Node::is_element) {
        let element = Element::new(node);
        let Some(policy) = element.attribute("policyRef") else {
            continue;
        };
        if !known.contains(&Key::of(policy)) {
            let message = format!(
                "policyRef {policy} is not an equivalentPolicy; add it or correct the reference"
            );
            element.error("unknown-reference", message, errors);
        }
    }
}

/// Markings are for display; a misspelt code would hide one.
fn check_markings(root: Element<'_, '_>, errors: &mut Vec<SpifError>) {
    let codes = root
        .node()
        .descendants()
        .filter(|node| node.is_element() && node.tag_name().name() == "code");
    for code in codes.filter(|code| code.tag_name().namespace() == Some(structure::NAMESPACE)) {
        let text = code.text().unwrap_or("").trim();
        if !MARKING_CODES.contains(&text) {
            Element::new(code).error(
                "marking-code",
                format!("code {text} is not a marking code; correct it"),
                errors,
            );
        }
    }
}

const MARKING_CODES: [&str; 16] = [
    "pageTop",
    "pageBottom",
    "pageTopBottom",
    "documentStart",
    "documentEnd",
    "noNameDisplay",
    "noMarkingDisplay",
    "suppressClassName",
    "firstLineOfText",
    "lastLineOfText",
    "subject",
    "xHeader",
    "portionMarking",
    "inputTitle",
    "waterMark",
    "replacePolicy",
];
