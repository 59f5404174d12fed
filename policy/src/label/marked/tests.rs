#![expect(clippy::unwrap_used, reason = "a failing test may panic")]

use serde_json::json;

use super::*;
use crate::{json::Tree, label::Spif};

const DE: &str = "DE-SAMPLE";
const NATO: &str = "NATO";

fn spifs() -> Spifs {
    let texts = [
        include_str!("../../../../rules/spif/de-sample.xml"),
        include_str!("../../../../rules/spif/nato-sample.xml"),
    ];
    Spifs::new(texts.iter().map(|xml| Spif::parse(xml).unwrap()).collect()).unwrap()
}

fn label(policy: &str, level: &str) -> Label {
    let written = json!({"PolicyIdentifier": {"name": policy}, "Classification": level, "Category": [],
        "CreationDateTime": "2026-03-01T12:00:00Z", "ReviewDateTime": "2031-03-01T00:00:00Z"});
    let tree: Tree = serde_json::from_value(written).unwrap();
    Label::from_tree(&tree).unwrap()
}

fn covers(label: &Label, policy: &str, level: &str) -> bool {
    let at = OffsetDateTime::from_unix_timestamp(1_780_000_000).unwrap();
    spifs().covers(label, policy, level, Use::Encrypt, at)
}

#[test]
fn lv_3_a_marking_may_stand_under_its_own_level_and_those_above() {
    let secret = label(DE, "GEHEIM");
    assert!(covers(&secret, DE, "GEHEIM"));
    assert!(covers(&secret, DE, "OFFEN"));
    assert!(
        covers(&secret, "2.25.999001", "GEHEIM"),
        "by object identifier"
    );
    assert!(!covers(&secret, DE, "STRENG GEHEIM"));
}

#[test]
fn dl_9_a_marking_of_another_policy_is_compared_by_translation_and_not_by_its_word() {
    assert!(covers(&label(DE, "GEHEIM"), NATO, "SECRET"));
    assert!(!covers(&label(DE, "VS-VERTRAULICH"), NATO, "SECRET"));
    assert!(covers(&label(NATO, "SECRET"), DE, "VS-VERTRAULICH"));
    assert!(
        !covers(&label(DE, "OFFEN"), NATO, "UNCLASSIFIED"),
        "no counterpart"
    );
}

#[test]
fn dl_9_what_cannot_be_compared_is_not_covered() {
    let secret = label(DE, "GEHEIM");
    assert!(!covers(&secret, "UNKNOWN", "GEHEIM"));
    assert!(!covers(&secret, DE, "SECRET"));
    assert!(!covers(&label("UNKNOWN", "GEHEIM"), DE, "GEHEIM"));
    assert!(!covers(&label(DE, "SECRET"), DE, "OFFEN"), "not valid");
}
