#![allow(clippy::unwrap_used, reason = "a test may stop at the first surprise")]

use super::{
    super::{
        Label,
        test_kit::{
            Chosen, RESTRICTIVE, at, clearance, dated, label, level, now, policy, set, spifs, value,
        },
    },
    *,
};

const RED: Chosen<'_> = ("Box", "RESTRICTIVE", &["RED"]);
const OLD: Chosen<'_> = ("Box", "RESTRICTIVE", &["OLD"]);

/// P with an obsolete value, and Q.
fn world() -> Spifs {
    let old = r#"<tagCategory name="OLD" lacv="2" obsolete="true"/>"#;
    let values = [value("RED", "1", ""), old.to_owned()].concat();
    let sets = set("Box", "2.25.7.1", RESTRICTIVE, &values);
    let low = level("LOW", 1, "");
    spifs(&[
        &policy("P", "2.25.7", &low, &sets, ""),
        &policy("Q", "2.25.8", &low, "", ""),
    ])
}

/// The label with an identifier that is not its policy's.
fn torn(label: &Label) -> Label {
    let mut json = label.to_json();
    json["PolicyIdentifier"]["uri"] = "urn:oid:2.25.8".into();
    serde_json::from_value(json).unwrap()
}

#[test]
fn a_clearance_is_valid_where_one_loaded_policy_has_all_its_names() {
    let valid = |clearance: &Clearance| world().is_valid_clearance(clearance);
    let good = clearance("P", &["LOW"], &[RED]);
    assert!(valid(&good));
    assert!(!valid(&clearance("P", &["LOW", "TOP"], &[])));
    assert!(!valid(&clearance("Q", &["LOW"], &[RED])));
    assert!(!valid(&clearance("R", &["LOW"], &[])));
    let mut two = good;
    two.policy.uri = Some("urn:oid:2.25.8".into());
    assert!(!valid(&two), "name and identifier disagree");
}

#[test]
fn a_label_is_valid_where_one_loaded_policy_has_all_its_names() {
    let valid = |label: &Label| {
        let valid = world().is_valid(label, now());
        assert_eq!(world().validate(label, now()).is_ok(), valid);
        valid
    };
    assert!(valid(&label("P", "LOW", &[RED])));
    assert!(!valid(&label("P", "TOP", &[])));
    assert!(!valid(&label("R", "LOW", &[])));
    assert!(!valid(&torn(&label("P", "LOW", &[RED]))));
}

#[test]
fn lb_11_a_label_is_obsolete_where_a_name_of_it_is_no_longer_given() {
    let obsolete = |label: &Label| world().is_obsolete(label);
    assert!(obsolete(&label("P", "LOW", &[OLD, RED])));
    assert!(!obsolete(&label("P", "LOW", &[RED])));
    assert!(!obsolete(&label("Q", "LOW", &[OLD])), "no name of Q");
    assert!(!obsolete(&label("R", "LOW", &[OLD])));
    assert!(!obsolete(&torn(&label("P", "LOW", &[OLD]))));
    let made = "2025-01-01T00:00:00Z";
    let old = dated(&label("P", "LOW", &[OLD]), made, "2031-01-01T00:00:00Z");
    assert!(obsolete(&old) && world().is_valid(&old, at(made)));
}

#[test]
fn without_a_policy_nothing_is_valid() {
    let none = Spifs::default();
    assert!(none.is_empty() && !world().is_empty());
    assert!(!none.is_valid(&label("P", "LOW", &[]), now()));
    assert!(!none.is_valid_clearance(&clearance("P", &["LOW"], &[])));
}
