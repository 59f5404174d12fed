#![expect(clippy::unwrap_used, reason = "a failing test may panic")]

use serde_json::json;

use super::*;
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
