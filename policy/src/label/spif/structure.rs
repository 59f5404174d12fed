//! The shape of a SPIF, checked before anything is read from it: namespace, order of elements, stray text, limits.
//!
//! Order and spelling matter because a reader that skips what it does not know loses restrictions: a misspelt
//! `excludedClass` would lift the exclusion.

use roxmltree::{Document, Node, ParsingOptions};

use super::SpifError;

/// The one namespace of Open XML SPIF; others that circulate are misspellings or inventions.
pub(super) const NAMESPACE: &str = "http://www.xmlspif.org/spif";
/// Versions of the schema that are read. 3.0 has another structure.
const SCHEMA_VERSIONS: [&str; 2] = ["2.0", "2.1"];
/// Size of a SPIF at most, in bytes. Published ones have some 100 KiB.
const MAX_BYTES: usize = 4 * 1024 * 1024;
/// XML nodes in a SPIF at most.
const MAX_NODES: u32 = 200_000;
/// Depth of elements at most, foreign ones under `extensions` included.
const MAX_DEPTH: usize = 32;
/// Mistakes reported at most.
pub(super) const MAX_ERRORS: usize = 50;

/// Parses the XML, hardened: no DTD, so no entities; bounded in size, nodes and depth.
pub(super) fn document(xml: &str) -> Result<Document<'_>, SpifError> {
    if xml.len() > MAX_BYTES {
        let message =
            format!("the file is larger than {MAX_BYTES} bytes; split or shorten the policy");
        return Err(SpifError::new("too-large", None, message));
    }
    // An empty DOCTYPE is no DTD to the parser, but it is to us.
    if let Some(at) = xml.find("<!DOCTYPE") {
        let line = u32::try_from(xml[..at].matches('\n').count() + 1).ok();
        return Err(SpifError::new(
            "dtd-forbidden",
            line,
            "a DTD (DOCTYPE) is not allowed; remove it",
        ));
    }
    let options = ParsingOptions {
        allow_dtd: false,
        nodes_limit: MAX_NODES,
        ..ParsingOptions::default()
    };
    let document = Document::parse_with_options(xml, options).map_err(malformed)?;
    check_depth(&document)?;
    Ok(document)
}

/// Checks the root element, then every element below it; all mistakes are collected.
pub(super) fn check(document: &Document<'_>) -> Vec<SpifError> {
    let root = document.root_element();
    if root.tag_name().name() != "SPIF" || root.tag_name().namespace() != Some(NAMESPACE) {
        let message =
            format!("the root element is not SPIF in the namespace {NAMESPACE}; correct it");
        return vec![SpifError::new("namespace", Some(line(&root)), message)];
    }
    let version = root.attribute("schemaVersion").unwrap_or("none");
    if !SCHEMA_VERSIONS.contains(&version) {
        let message = format!("schemaVersion {version} is not read; convert the policy to 2.1");
        return vec![SpifError::new("schema-version", Some(line(&root)), message)];
    }
    let mut errors = Vec::new();
    check_children(root, &mut errors);
    errors.truncate(MAX_ERRORS);
    errors
}

/// Line on which a node begins, from 1.
pub(super) fn line(node: &Node<'_, '_>) -> u32 {
    node.document().text_pos_at(node.range().start).row
}

fn malformed(error: roxmltree::Error) -> SpifError {
    match error {
        roxmltree::Error::NodesLimitReached => {
            let message =
                format!("the file has more than {MAX_NODES} nodes; split or shorten the policy");
            SpifError::new("too-large", None, message)
        }
        error => SpifError::new(
            "malformed",
            Some(error.pos().row),
            format!("not well-formed XML: {error}"),
        ),
    }
}

/// Bounds the depth without recursion: a walk in document order that counts the open elements.
fn check_depth(document: &Document<'_>) -> Result<(), SpifError> {
    let too_deep =
        |node: &Node<'_, '_>| node.ancestors().take(MAX_DEPTH + 2).count() > MAX_DEPTH + 1;
    match document.descendants().find(too_deep) {
        None => Ok(()),
        Some(node) => {
            let message = format!("elements are nested deeper than {MAX_DEPTH}; flatten them");
            Err(SpifError::new("too-large", Some(line(&node)), message))
        }
    }
}

/// Checks the children of one element and, by recursion bounded by [`MAX_DEPTH`], all below it.
fn check_children(parent: Node<'_, '_>, errors: &mut Vec<SpifError>) {
    let name = parent.tag_name().name();
    if name == "extensions" {
        return;
    }
    let allowed = children_of(name);
    let mut reached = 0;
    for child in parent.children() {
        if child.is_text() && !holds_text(name) && !child.text().unwrap_or("").trim().is_empty() {
            let message = format!("stray text in {name}; remove it");
            errors.push(SpifError::new("stray-text", Some(line(&child)), message));
        }
        if child.is_element() {
            check_child(name, child, allowed, &mut reached, errors);
        }
    }
}

fn check_child(
    parent: &str,
    child: Node<'_, '_>,
    allowed: &[&str],
    reached: &mut usize,
    errors: &mut Vec<SpifError>,
) {
    let name = child.tag_name().name();
    let place = allowed.iter().position(|other| *other == name);
    let at = Some(line(&child));
    match place {
        _ if child.tag_name().namespace() != Some(NAMESPACE) => errors.push(SpifError::new(
            "namespace",
            at,
            format!("{name} in {parent} is not in the namespace {NAMESPACE}; qualify or remove it"),
        )),
        None => errors.push(SpifError::new(
            "unknown-element",
            at,
            format!("{name} is not known in {parent}; correct its spelling or remove it"),
        )),
        Some(place) if place < *reached => errors.push(SpifError::new(
            "element-order",
            at,
            format!(
                "{name} stands too late in {parent}; move it before {}",
                allowed[*reached]
            ),
        )),
        Some(place) => {
            *reached = place;
            check_children(child, errors);
        }
    }
}

/// Elements whose content is text.
fn holds_text(name: &str) -> bool {
    matches!(name, "code" | "excludedClass")
}

/// The children that an element may have, in their order (Open XML SPIF 2.1).
fn children_of(name: &str) -> &'static [&'static str] {
    match name {
        "SPIF" => &[
            "defaultSecurityPolicyId",
            "securityPolicyId",
            "updateInfo",
            "securityClassifications",
            "securityCategoryTagSets",
            "privacyMarks",
            "equivalentPolicies",
            "markingData",
            "markingQualifier",
            "extensions",
        ],
        "securityPolicyId" | "defaultSecurityPolicyId" | "privacyMark" => {
            &["markingData", "markingQualifier"]
        }
        "securityClassifications" => &["securityClassification", "markingData", "markingQualifier"],
        "securityClassification" => &[
            "equivalentClassification",
            "markingData",
            "markingQualifier",
            "requiredCategory",
        ],
        "equivalentClassification" | "equivalentPolicy" | "equivalentSecurityCategoryTagSet" => {
            &["requiredCategory"]
        }
        "securityCategoryTagSets" => &["securityCategoryTagSet"],
        "securityCategoryTagSet" => &["securityCategoryTag", "equivalentSecurityCategoryTagSet"],
        "securityCategoryTag" => &["tagCategory", "markingQualifier"],
        "tagCategory" => &[
            "equivalentSecCategoryTag",
            "markingData",
            "markingQualifier",
            "excludedClass",
            "requiredCategory",
            "excludedCategory",
        ],
        "privacyMarks" => &["privacyMark", "markingData", "markingQualifier"],
        "equivalentPolicies" => &["equivalentPolicy"],
        "requiredCategory" => &["categoryGroup"],
        "markingData" => &["code"],
        "markingQualifier" => &["qualifier"],
        _ => &[],
    }
}
