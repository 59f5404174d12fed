//! From checked XML to [`Spif`]: attributes, references, uniqueness. All mistakes are collected.

mod category;
mod constraint;
mod element;
mod equivalent;
mod marking;
mod membership;

use sha2::{Digest, Sha256};

use super::{Classification, Key, PrivacyMark, Spif, SpifError, SpifOptions, structure};
use crate::label::{
    name::{OID_PREFIX, is_reserved},
    wire::PolicyIdentifier,
    xml::Lines,
};
use constraint::References;
use element::{Context, Element};
use equivalent::Policies;

/// Reads a whole SPIF.
pub(super) fn spif(xml: &str, options: SpifOptions) -> Result<Spif, Vec<SpifError>> {
    let document = structure::document(xml).map_err(|error| vec![error])?;
    let lines = Lines::new(xml);
    let errors = structure::check(&document, &lines, options);
    if !errors.is_empty() {
        return Err(errors);
    }
    let mut errors = Vec::new();
    let context = Context { lines, options };
    let root = Element::new(document.root_element(), &context);
    let spif = read(root, &mut errors);
    match spif {
        Some(spif) if errors.is_empty() => Ok(Spif {
            sha256: sha256(xml),
            ..spif
        }),
        _ => Err(errors),
    }
}

fn read(root: Element<'_, '_>, errors: &mut Vec<SpifError>) -> Option<Spif> {
    let id = root.one("securityPolicyId", errors)?;
    let list = root.one("securityClassifications", errors)?;
    let (policies, equivalents) = equivalent::policies(root, errors);
    let classifications = classifications(list, &policies, errors);
    let tag_sets = category::tag_sets(root, &policies, errors);
    let (privacy_marks, privacy_marks_min) = privacy_marks(root, errors);
    let (not_before, not_after) = root.period(errors);
    let name = id.name(errors)?;
    if is_reserved(&name) {
        errors.push(SpifError::reserved(Some(id.line())));
    }
    let mut spif = Spif {
        name,
        oid: id.oid("id", errors)?,
        version: version(root, errors),
        sha256: String::new(),
        not_before,
        not_after,
        created: root.generalized_time("creationDate"),
        default_policy: default_policy(root, errors),
        classifications,
        tag_sets,
        privacy_marks,
        privacy_marks_min,
        equivalents,
        markings: marking::of_policy(root, id, list, errors),
        line: root.line(),
    };
    // Constraints refer to levels and tag sets, so they are read when all of these are known.
    References::new(&spif)
        .link(root, errors)
        .apply(&mut spif, errors.is_empty());
    if root.options().expand_memberships {
        membership::expand(root, &mut spif, errors);
    }
    Some(spif)
}

fn sha256(text: &str) -> String {
    let digest = Sha256::digest(text.as_bytes());
    digest.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// `version`, an integer; versions are compared when a policy is replaced (SP-7).
fn version(root: Element<'_, '_>, errors: &mut Vec<SpifError>) -> String {
    const FIRST: &str = "1";
    let written = root.attribute("version").unwrap_or(FIRST).trim();
    if written.parse::<u64>().is_err() {
        let message = format!("version {written:?} must be a whole number");
        root.error("attribute-value", message, errors);
    }
    written.to_owned()
}

fn default_policy(root: Element<'_, '_>, errors: &mut Vec<SpifError>) -> Option<PolicyIdentifier> {
    let element = root.children("defaultSecurityPolicyId").next()?;
    let oid = element.oid("id", errors)?;
    Some(PolicyIdentifier {
        name: element.name(errors)?,
        uri: Some(format!("{OID_PREFIX}{oid}")),
    })
}

fn classifications(
    list: Element<'_, '_>,
    policies: &Policies,
    errors: &mut Vec<SpifError>,
) -> Vec<Classification> {
    let mut seen = element::Unique::default();
    let mut levels = Vec::new();
    for level in list.children("securityClassification") {
        let Some(read) = classification(level, policies, errors) else {
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
        let remedy = "no securityClassification; a policy needs at least one";
        list.error("missing-element", remedy, errors);
    }
    levels
}

fn classification(
    level: Element<'_, '_>,
    policies: &Policies,
    errors: &mut Vec<SpifError>,
) -> Option<Classification> {
    let name = level.name(errors);
    let lacv = level.number("lacv", errors);
    let hierarchy = level.number("hierarchy", errors);
    let obsolete = level.boolean("obsolete", errors);
    let equivalents = policies.classifications(level, errors);
    let (markings, qualifiers) = marking::of(level, errors);
    let name = name?;
    Some(Classification {
        key: Key::of(&name),
        name,
        lacv: lacv?,
        hierarchy: hierarchy?,
        obsolete,
        color: level.attribute("color").map(str::to_owned),
        markings,
        qualifiers,
        equivalents,
        required: Vec::new(),
        line: level.line(),
    })
}

/// The privacy marks, and how many a label must have.
fn privacy_marks(root: Element<'_, '_>, errors: &mut Vec<SpifError>) -> (Vec<PrivacyMark>, u32) {
    let Some(list) = root.children("privacyMarks").next() else {
        return (Vec::new(), 0);
    };
    let (_, _) = marking::of(list, errors);
    let marks = list.children("privacyMark").filter_map(|mark| {
        let name = mark.name(errors)?;
        Some(PrivacyMark {
            key: Key::of(&name),
            name,
            obsolete: mark.boolean("obsolete", errors),
            markings: marking::of(mark, errors).0,
        })
    });
    let marks = marks.collect();
    let _ = list.count("maxSelection", errors);
    (marks, list.count("minSelection", errors).unwrap_or(0))
}
