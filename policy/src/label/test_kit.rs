//! Labels, clearances and small policies for tests: the ordinary world, so that a test shows only what is odd.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    reason = "a test may stop at the first surprise"
)]

use serde_json::{Value, json};
use time::{OffsetDateTime, format_description::well_known::Rfc3339};

use super::{Clearance, Label, Role, Spif, Spifs};

/// A category: tag set, type, values.
pub(super) type Chosen<'a> = (&'a str, &'a str, &'a [&'a str]);

/// The instant of every test that does not care.
pub(super) const NOW: &str = "2026-06-01T00:00:00Z";

pub(super) fn at(text: &str) -> OffsetDateTime {
    OffsetDateTime::parse(text, &Rfc3339).unwrap()
}

pub(super) fn now() -> OffsetDateTime {
    at(NOW)
}

pub(super) fn categories(list: &[Chosen<'_>]) -> Value {
    let category = |(tag, kind, values): &Chosen<'_>| json!({"TagName": tag, "Type": kind, "GenericValue": values});
    list.iter().map(category).collect()
}

pub(super) fn label(policy: &str, level: &str, list: &[Chosen<'_>]) -> Label {
    let label = json!({"PolicyIdentifier": {"name": policy}, "Classification": level, "Category": categories(list)});
    serde_json::from_value(label).unwrap()
}

/// The label with alternatives that its sender put beside it.
pub(super) fn with_alternatives(label: &Label, alternatives: &[&Label]) -> Label {
    let beside = |label: &&Label| Label {
        role: Role::Alternative,
        ..(*label).clone()
    };
    Label {
        alternatives: alternatives.iter().map(beside).collect(),
        ..label.clone()
    }
}

pub(super) fn dated(label: &Label, created: &str, review: &str) -> Label {
    let mut json = label.to_json();
    json["CreationDateTime"] = json!(created);
    json["ReviewDateTime"] = json!(review);
    serde_json::from_value(json).unwrap()
}

pub(super) fn clearance(policy: &str, levels: &[&str], list: &[Chosen<'_>]) -> Clearance {
    let json = json!({
        "PolicyIdentifier": {"name": policy}, "ClassificationList": levels, "Category": categories(list)
    });
    Clearance::parse(&json.to_string()).unwrap()
}

pub(super) fn spifs(policies: &[&str]) -> Spifs {
    Spifs::new(policies.iter().map(|xml| spif(xml)).collect()).unwrap()
}

fn spif(xml: &str) -> Spif {
    Spif::parse(xml).unwrap_or_else(|errors| panic!("{errors:?}\n{xml}"))
}

/// A policy of these parts: attributes of the root, levels, tag sets, equivalent policies.
pub(super) fn policy(name: &str, oid: &str, levels: &str, sets: &str, others: &str) -> String {
    let wrap = |element: &str, inner: &str| match inner {
        "" => String::new(),
        _ => format!("<{element}>{inner}</{element}>"),
    };
    format!(
        r#"<SPIF xmlns="http://www.xmlspif.org/spif" schemaVersion="2.1" creationDate="20260101000000Z">
<securityPolicyId name="{name}" id="{oid}"/>{}{}{}</SPIF>"#,
        wrap("securityClassifications", levels),
        wrap("securityCategoryTagSets", sets),
        wrap("equivalentPolicies", others),
    )
}

pub(super) fn level(name: &str, number: u8, inner: &str) -> String {
    format!(
        r#"<securityClassification name="{name}" lacv="{number}" hierarchy="{number}">{inner}</securityClassification>"#
    )
}

/// A tag set with one tag of the type attributes and values given.
pub(super) fn set(name: &str, oid: &str, tag: &str, values: &str) -> String {
    format!(
        r#"<securityCategoryTagSet name="{name}" id="{oid}">{}</securityCategoryTagSet>"#,
        self::tag(tag, values)
    )
}

pub(super) fn tag(attributes: &str, values: &str) -> String {
    format!("<securityCategoryTag {attributes}>{values}</securityCategoryTag>")
}

pub(super) fn value(name: &str, lacv: &str, inner: &str) -> String {
    format!(r#"<tagCategory name="{name}" lacv="{lacv}">{inner}</tagCategory>"#)
}

pub(super) const RESTRICTIVE: &str = r#"tagType="restrictive""#;
pub(super) const PERMISSIVE: &str = r#"tagType="permissive""#;
pub(super) const INFORMATIVE: &str = r#"tagType="tagType7" tag7Encoding="bitSetAttributes""#;
