//! Attributes that the schema does not have (SP-10: no error, but a misspelt `singleSelection` restricts nothing), and
//! those that it demands and no decision needs.

use roxmltree::Node;

use super::Found;
use crate::label::{
    spif::structure::{self, EXTENSIONS},
    xml::Lines,
};

/// Findings at most, so that a file in a private dialect does not hide the others.
const MAX_FOUND: usize = 20;

pub(super) fn check(xml: &str) -> Vec<Found> {
    let Ok(document) = structure::document(xml) else {
        return Vec::new();
    };
    let lines = Lines::new(xml);
    let root = document.root_element();
    let mut found = missing(root, &lines);
    let elements = root.descendants().filter(|node| node.is_element());
    let ours = elements.filter(|node| {
        node.ancestors()
            .all(|above| !above.has_tag_name(EXTENSIONS_NAME))
    });
    found.extend(ours.flat_map(|node| unknown(node, &lines)).take(MAX_FOUND));
    found
}

const EXTENSIONS_NAME: (&str, &str) = (structure::NAMESPACE, EXTENSIONS);

/// The schema demands these of the root; published policies leave some out.
fn missing(root: Node<'_, '_>, lines: &Lines) -> Vec<Found> {
    let demanded = [
        "creationDate",
        "originatorDN",
        "keyIdentifier",
        "privilegeId",
        "rbacId",
    ];
    let missing = demanded
        .iter()
        .filter(|name| root.attribute(**name).is_none());
    let report = |name: &&str| {
        let message = format!("SPIF: {name} is missing, which the schema demands; add it");
        Found::new("missing-attribute", Some(lines.of(&root)), message)
    };
    missing.map(report).collect()
}

fn unknown(node: Node<'_, '_>, lines: &Lines) -> Vec<Found> {
    let element = node.tag_name().name();
    let known = attributes_of(element);
    let unqualified = node
        .attributes()
        .filter(|attribute| attribute.namespace().is_none());
    let unknown = unqualified.filter(|attribute| !known.contains(&attribute.name()));
    let report = |attribute: roxmltree::Attribute<'_, '_>| {
        let name = attribute.name();
        let message = format!(
            "{element}: attribute {name} is not known and does nothing; correct its spelling or remove it"
        );
        Found::new("unknown-attribute", Some(lines.of(&node)), message)
    };
    unknown.map(report).collect()
}

/// The attributes of each element (Open XML SPIF 2.1).
fn attributes_of(element: &str) -> &'static [&'static str] {
    match element {
        "SPIF" => &[
            "schemaVersion",
            "version",
            "creationDate",
            "originatorDN",
            "keyIdentifier",
            "privilegeId",
            "rbacId",
            "userRefURI",
            "docRefURI",
            "notBefore",
            "notAfter",
        ],
        "securityPolicyId" | "defaultSecurityPolicyId" | "securityCategoryTagSet" => {
            &["name", "id"]
        }
        "securityClassifications" => &["name"],
        "securityClassification" => &["name", "lacv", "hierarchy", "color", "obsolete"],
        "equivalentClassification" => &["policyRef", "lacv", "applied"],
        "securityCategoryTag" => &[
            "name",
            "tagType",
            "enumType",
            "tag7Encoding",
            "singleSelection",
            "maxSelection",
            "minSelection",
        ],
        "tagCategory" => &[
            "name",
            "lacv",
            "requiredClass",
            "obsolete",
            "userInput",
            "dateFormat",
            "notBefore",
            "notAfter",
        ],
        "equivalentSecCategoryTag" => &[
            "policyRef",
            "tagSetId",
            "tagType",
            "enumType",
            "lacv",
            "applied",
            "action",
        ],
        "equivalentSecurityCategoryTagSet" => &["policyRef", "name", "id"],
        "privacyMarks" => &["minSelection", "maxSelection"],
        "privacyMark" => &["name", "obsolete"],
        "equivalentPolicy" => &["name", "id", "userRefURI", "docRefURI"],
        "requiredCategory" => &["operation"],
        "categoryGroup" | "excludedCategory" => {
            &["tagSetRef", "tagType", "enumType", "lacv", "all"]
        }
        "markingData" => &["phrase"],
        "markingQualifier" => &["markingCode"],
        "qualifier" => &["markingQualifier", "qualifierCode"],
        _ => &[],
    }
}
