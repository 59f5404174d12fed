//! The shape of a SPIF, checked before anything is read from it: namespace, order of elements, stray text, limits.
//!
//! Order and spelling matter because a reader that skips what it does not know loses restrictions: a misspelt
//! `excludedClass` would lift the exclusion.

use roxmltree::{Document, Node};

use super::{SpifError, SpifOptions};
use crate::label::xml::{self, Limits, Lines};

/// The one namespace of Open XML SPIF; others that circulate are misspellings or inventions.
pub(in crate::label) const NAMESPACE: &str = "http://www.xmlspif.org/spif";
/// Versions of the schema that are read.
const SCHEMA_VERSIONS: [&str; 2] = ["2.0", "2.1"];
/// The version that is read only where it is switched on, and then by the structure of 2.1.
const SCHEMA_VERSION_3: &str = "3.0";
/// What a SPIF may have at most. Published ones have some 100 KiB, 10,000 nodes and 10 levels.
const LIMITS: Limits = Limits {
    bytes: 4 * 1024 * 1024,
    nodes: 200_000,
    depth: 32,
};
/// Mistakes reported at most.
pub(in crate::label) const MAX_ERRORS: usize = 50;

/// Parses the XML, hardened: no DTD, so no entities; bounded in size, nodes and depth.
pub(in crate::label) fn document(xml: &str) -> Result<Document<'_>, SpifError> {
    xml::document(xml, LIMITS)
        .map_err(|error| SpifError::new(error.code, error.line, error.message))
}

/// Checks the root element, then every element below it; all mistakes are collected.
pub(in crate::label) fn check(
    document: &Document<'_>,
    lines: &Lines,
    options: SpifOptions,
) -> Vec<SpifError> {
    let root = document.root_element();
    let at = Some(lines.of(&root));
    if root.tag_name().name() != "SPIF" || root.tag_name().namespace() != Some(NAMESPACE) {
        let message =
            format!("the root element is not SPIF in the namespace {NAMESPACE}; correct it");
        return vec![SpifError::new("namespace", at, message)];
    }
    if let Some(error) = check_version(root.attribute("schemaVersion"), at, options) {
        return vec![error];
    }
    let mut errors = Vec::new();
    check_children(root, lines, &mut errors);
    errors.truncate(MAX_ERRORS);
    errors
}

fn check_version(
    written: Option<&str>,
    at: Option<u32>,
    options: SpifOptions,
) -> Option<SpifError> {
    let message = match written.map(str::trim) {
        Some(version) if SCHEMA_VERSIONS.contains(&version) => return None,
        Some(SCHEMA_VERSION_3) if options.allow_version_3 => return None,
        Some(SCHEMA_VERSION_3) => {
            "schemaVersion 3.0 has another structure and is not read; convert the policy to 2.1"
                .to_owned()
        }
        Some(version) => {
            format!("schemaVersion {version:?} is not read; convert the policy to 2.1")
        }
        None => "SPIF: schemaVersion is missing; state 2.0 or 2.1".to_owned(),
    };
    Some(SpifError::new("schema-version", at, message))
}

/// Checks the children of one element and, by recursion bounded by [`LIMITS`], all below it.
fn check_children(parent: Node<'_, '_>, lines: &Lines, errors: &mut Vec<SpifError>) {
    let name = parent.tag_name().name();
    let mut siblings = Siblings {
        parent: name,
        allowed: children_of(name),
        reached: 0,
        seen: Vec::new(),
    };
    for child in parent.children() {
        if errors.len() >= MAX_ERRORS {
            return;
        }
        let at = Some(lines.of(&child));
        if child.is_text() && !holds_text(name) && !child.text().unwrap_or("").trim().is_empty() {
            let message = format!("stray text in {name}; remove it");
            errors.push(SpifError::new("stray-text", at, message));
        }
        if child.is_element() {
            match siblings.check(child) {
                Ok(()) if child.tag_name().name() == EXTENSIONS => {}
                Ok(()) => check_children(child, lines, errors),
                Err((code, message)) => errors.push(SpifError::new(code, at, message)),
            }
        }
    }
}

/// The element that may have anything below it.
pub(in crate::label) const EXTENSIONS: &str = "extensions";

/// The children of one element, as far as they were read.
struct Siblings<'a> {
    parent: &'a str,
    allowed: &'static [&'static str],
    /// Place in `allowed` of the last child.
    reached: usize,
    seen: Vec<&'a str>,
}

impl<'a> Siblings<'a> {
    /// Whether `child` may stand here: code and message of the mistake otherwise.
    fn check(&mut self, child: Node<'a, '_>) -> Result<(), (&'static str, String)> {
        let (parent, name) = (self.parent, child.tag_name().name());
        if child.tag_name().namespace() != Some(NAMESPACE) {
            let message = format!(
                "{name} in {parent} is not in the namespace {NAMESPACE}; qualify or remove it"
            );
            return Err(("namespace", message));
        }
        let Some(place) = self.allowed.iter().position(|other| *other == name) else {
            let message =
                format!("{name} is not known in {parent}; correct its spelling or remove it");
            return Err(("unknown-element", message));
        };
        if place < self.reached {
            let before = self.allowed[self.reached];
            let message = format!("{name} stands too late in {parent}; move it before {before}");
            return Err(("element-order", message));
        }
        if self.seen.contains(&name) && stands_once(parent, name) {
            let message = format!("{name} stands twice in {parent}; remove one");
            return Err(("duplicate-element", message));
        }
        // Editions of the schema disagree about the place of extensions, which restrict nothing.
        if name != EXTENSIONS {
            self.reached = place;
        }
        if stands_once(parent, name) {
            self.seen.push(name);
        }
        Ok(())
    }
}

/// Of the children of the root, all but the markings stand once. A second list would have to be read as well.
fn stands_once(parent: &str, name: &str) -> bool {
    parent == "SPIF" && !name.starts_with("marking")
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
            EXTENSIONS,
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
