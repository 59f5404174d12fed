#![expect(clippy::unwrap_used, reason = "a failing test may panic")]

use serde_json::json;

use super::{
    super::test_kit::{
        self, Chosen, PERMISSIVE, RESTRICTIVE, level, policy, set, spifs, tag, value,
    },
    *,
};
use crate::test_world::fields;

fn label() -> serde_json::Value {
    json!({"PolicyIdentifier": {"name": "DE-SAMPLE"}, "Classification": "OFFEN", "Category": []})
}

fn clearance() -> serde_json::Value {
    json!({"PolicyIdentifier": {"name": "DE-SAMPLE"}, "ClassificationList": ["OFFEN"], "Category": []})
}

#[test]
fn a_room_says_its_label_its_ceiling_and_who_may_lower() {
    let content =
        json!({"label": label(), "clearance": clearance(), "may_lower": ["@chief:high.test"]});
    let room = RoomLabel::from_content(&fields(content.clone())).unwrap();
    assert_eq!(room.label.as_ref().unwrap().classification(), "OFFEN");
    assert_eq!(room.clearance.as_ref().unwrap().classifications, ["OFFEN"]);
    assert!(room.lets_lower("@chief:high.test"));
    assert!(!room.lets_lower("@alice:high.test"));
    assert_eq!(room.to_json(), content);
    assert_eq!(RoomLabel::from_json(&content).unwrap(), room);
}

#[test]
fn redacted_label_state_is_a_room_without_label() {
    let room = RoomLabel::from_content(&Object::new()).unwrap();
    assert_eq!(room, RoomLabel::default());
    assert_eq!(room.to_json(), json!({}));
}

#[test]
fn a_room_with_a_label_alone_says_nothing_else() {
    let room = RoomLabel::from(test_kit::label("DE-SAMPLE", "OFFEN", &[]));
    assert_eq!(room.to_json(), json!({"label": label()}));
    assert!(!room.is_nobodys());
    assert!(!RoomLabel::default().is_nobodys());
    assert!(RoomLabel::from(Label::nobody()).is_nobodys());
}

#[test]
fn a_room_may_name_as_many_users_as_the_limit_says() {
    let users = vec!["@chief:high.test"; MAX_MAY_LOWER];
    let room = RoomLabel::from_content(&fields(json!({"may_lower": users}))).unwrap();
    assert_eq!(room.may_lower.len(), MAX_MAY_LOWER);
}

#[test]
fn what_is_no_label_state_is_refused() {
    for wrong in [
        json!({"lable": label()}),
        json!({"label": "OFFEN"}),
        json!({"label": label(), "clearance": {"ClassificationList": []}}),
        json!({"label": label(), "clearance": "all"}),
        json!({"label": label(), "may_lower": "@chief:high.test"}),
        json!({"label": label(), "may_lower": ["chief"]}),
        json!({"label": label(), "may_lower": ["the plan for noon"]}),
        json!({"label": label(), "may_lower": ["@the plan:high.test"]}),
        json!({"label": label(), "may_lower": ["@chi\u{1b}[2Jef:high.test"]}),
        json!({"label": label(), "may_lower": ["@chief:high.test\n@alice:high.test"]}),
        json!({"label": label(), "may_lower": [format!("@{}:high.test", "c".repeat(255))]}),
        json!({"label": label(), "may_lower": [7]}),
        json!({"label": label(), "may_lower": vec!["@chief:high.test"; MAX_MAY_LOWER + 1]}),
    ] {
        assert!(
            RoomLabel::from_content(&fields(wrong.clone())).is_err(),
            "{wrong}"
        );
    }
    assert!(RoomLabel::from_json(&json!("OFFEN")).is_err());
    assert!(RoomLabel::from_json(&json!({"label": 1.5})).is_err());
}

/// HERE and FAR of the same levels; in HERE a set with a permissive and a restrictive RED, and another of that name.
fn two_policies() -> Spifs {
    let red = value("RED", "1", "");
    let first = set(
        "Box",
        "2.25.5.1",
        PERMISSIVE,
        &[value("BLUE", "2", ""), red.clone()].concat(),
    );
    let end = "</securityCategoryTagSet>";
    let sets = [
        first.replace(end, &(tag(RESTRICTIVE, &red) + end)),
        set("Only", "2.25.5.2", PERMISSIVE, &red),
    ];
    let levels = [level("LOW", 1, ""), level("TOP", 2, "")].concat();
    spifs(&[
        &policy("HERE", "2.25.5", &levels, &sets.concat(), ""),
        &policy("FAR", "2.25.6", &levels, "", ""),
    ])
}

const BOTH: &[&str] = &["LOW", "TOP"];
const RED: Chosen<'_> = ("Box", "PERMISSIVE", &["RED"]);
const RED_BLUE: Chosen<'_> = ("Box", "PERMISSIVE", &["RED", "BLUE"]);

/// Whether a clearance of HERE is within another of HERE.
fn within(narrow: (&[&str], &[Chosen<'_>]), wide: (&[&str], &[Chosen<'_>])) -> bool {
    let here = |(levels, list): (&[&str], &[Chosen<'_>])| test_kit::clearance("HERE", levels, list);
    clearance_within(&here(narrow), &here(wide), &two_policies())
}

#[test]
fn a_clearance_is_within_one_that_names_all_of_it_in_any_spelling() {
    assert!(within((BOTH, &[RED_BLUE]), (BOTH, &[RED_BLUE])));
    assert!(within((&["TOP"], &[RED]), (BOTH, &[RED_BLUE])));
    assert!(within((&[], &[]), (BOTH, &[])));
    let spelt: Chosen<'_> = (" box", "PERMISSIVE", &["Red "]);
    assert!(within((&["top"], &[spelt]), (BOTH, &[RED])));
    assert!(within((BOTH, &[RED]), (&["low", "top"], &[spelt])));
}

#[test]
fn a_clearance_with_anything_of_its_own_is_not_within_another() {
    assert!(!within((BOTH, &[]), (&["TOP"], &[])), "no rank counts");
    assert!(!within((&["LOW"], &[]), (&["TOP"], &[])));
    assert!(!within((BOTH, &[RED_BLUE]), (BOTH, &[RED])));
    assert!(!within((BOTH, &[RED]), (BOTH, &[])));
    let only: Chosen<'_> = ("Only", "PERMISSIVE", &["RED"]);
    assert!(!within((BOTH, &[only]), (BOTH, &[RED])), "of another set");
    let restrictive: Chosen<'_> = ("Box", "RESTRICTIVE", &["RED"]);
    assert!(
        !within((BOTH, &[RED]), (BOTH, &[restrictive])),
        "of another type"
    );
}

#[test]
fn only_clearances_of_one_loaded_policy_are_within_each_other() {
    let of = |policy| test_kit::clearance(policy, BOTH, &[]);
    let identified = |uri: &str| Clearance {
        policy: PolicyIdentifier {
            uri: Some(uri.to_owned()),
            ..of("HERE").policy
        },
        ..of("HERE")
    };
    let within =
        |narrow: &Clearance, wide: &Clearance| clearance_within(narrow, wide, &two_policies());
    assert!(within(&of("HERE"), &of("here")));
    assert!(within(&of("HERE"), &identified("urn:oid:2.25.5")));
    assert!(!within(&of("HERE"), &of("FAR")));
    assert!(!within(&of("NOWHERE"), &of("NOWHERE")));
    let torn = identified("urn:oid:2.25.6");
    assert!(!within(&torn, &torn), "name and identifier disagree");
}
