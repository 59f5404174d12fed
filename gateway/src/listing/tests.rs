#![expect(clippy::unwrap_used, reason = "a failing test may panic")]

use serde_json::json;

use super::*;

const ROOM_ID: &str = "!lage:high.test";
const CHILD: &str = "!child:high.test";
const HIDDEN: &str = "!hidden:high.test";

fn object(value: serde_json::Value) -> Object {
    match value.try_into().unwrap() {
        Value::Object(object) => object,
        _ => Object::new(),
    }
}

fn written(object: &Object) -> String {
    serde_json::to_string(object).unwrap()
}

#[expect(
    clippy::unnecessary_wraps,
    reason = "the journal, which this stands for, may fail"
)]
fn sees(room: &str) -> Result<bool, Refusal> {
    Ok(room != HIDDEN)
}

fn knows(server: &str) -> bool {
    server == "high.test"
}

/// What Synapse wrote for a public room.
fn entry() -> serde_json::Value {
    json!({
        "room_id": ROOM_ID, "name": "Lage", "topic": "für alle", "canonical_alias": "#lage:high.test", "room_type": null,
        "num_joined_members": 1, "world_readable": false, "guest_can_join": false, "join_rule": "public",
    })
}

#[test]
fn a_room_keeps_what_the_specification_names() {
    let mut said = entry();
    said["note"] = json!("canary");
    let (room_id, kept) = room(object(said)).unwrap();
    assert_eq!(room_id, ROOM_ID);
    assert!(!written(&kept).contains("canary") && !kept.contains_key("room_type"));
    assert_eq!(kept.len(), 8);
}

#[test]
fn a_room_with_a_key_that_does_not_fit_is_none() {
    for (key, value) in [
        ("room_id", json!("lage")),
        ("room_id", serde_json::Value::Null),
        ("name", json!({"canary": 1})),
        ("join_rule", json!("any text at all")),
        ("canonical_alias", json!("the canteen")),
        ("num_joined_members", json!(-1)),
        ("world_readable", json!("yes")),
    ] {
        let mut said = entry();
        said[key] = value.clone();
        assert_eq!(room(object(said)), None, "{key} {value}");
    }
}

#[test]
fn a_space_names_those_children_alone_that_may_be_known() {
    let child = |room: &str| {
        json!({
            "type": "m.space.child", "state_key": room, "sender": "@alice:high.test", "origin_server_ts": 1, "note": "canary",
            "content": {"via": ["high.test", "third.test"], "order": "a", "suggested": true, "note": "canary"},
        })
    };
    let mut said = entry();
    said["children_state"] =
        json!([child(CHILD), child(HIDDEN), {"type": "m.room.name", "state_key": CHILD}, "canary"]);
    said["allowed_room_ids"] = json!([CHILD, HIDDEN]);
    let (_, kept) = summary(object(said.clone()), &sees, (&knows, &knows))
        .unwrap()
        .unwrap();
    let text = written(&kept);
    assert!(
        !text.contains(HIDDEN) && !text.contains("canary") && !text.contains("third.test"),
        "{text}"
    );
    assert_eq!(
        kept["children_state"].as_array().map(<[Value]>::len),
        Some(1)
    );
    said["allowed_room_ids"] = json!(["a text"]);
    assert_eq!(
        summary(object(said), &sees, (&knows, &knows)).unwrap(),
        None
    );
}

#[test]
fn a_space_does_not_name_users_of_servers_that_may_not_be_there() {
    let by = |user: &str| {
        let via = json!({"via": ["high.test"]});
        json!({"type": "m.space.child", "state_key": CHILD, "sender": user, "origin_server_ts": 1, "content": via})
    };
    let mut said = entry();
    said["children_state"] = json!([by("@alice:high.test"), by("@carol:third.test")]);
    let children = |admits: Knows<'_>| {
        let shown = summary(object(said.clone()), &sees, (&knows, admits));
        written(&shown.unwrap().unwrap().1)
    };
    let here = children(&knows);
    assert!(here.contains("@alice:high.test") && !here.contains("third.test"));
    assert!(children(&|_| true).contains("@carol:third.test"));
}

#[test]
fn an_alias_names_its_room_and_servers_of_the_link() {
    let said = json!({"room_id": ROOM_ID, "servers": ["third.test", "high.test", "a text"], "note": "canary"});
    let (room_id, kept) = alias(object(said), &knows).unwrap();
    assert_eq!(room_id, ROOM_ID);
    assert_eq!(
        written(&kept),
        format!(r#"{{"room_id":"{ROOM_ID}","servers":["high.test"]}}"#)
    );
    assert_eq!(
        alias(object(json!({"room_id": "x", "servers": []})), &knows),
        None
    );
}

#[test]
fn a_search_keeps_term_and_types_and_asks_for_the_whole_list() {
    let said = json!({
        "limit": 10, "since": "canary", "include_all_networks": false, "third_party_instance_id": "canary",
        "filter": {"generic_search_term": "Lage", "room_types": ["m.space", null], "note": "canary"},
    });
    assert_eq!(
        written(&search(object(said)).unwrap()),
        r#"{"filter":{"generic_search_term":"Lage","room_types":["m.space",null]},"limit":500}"#
    );
    assert_eq!(written(&search(Object::new()).unwrap()), r#"{"limit":500}"#);
    for filter in [
        json!("x"),
        json!({"room_types": ["two words"]}),
        json!({"generic_search_term": 1}),
    ] {
        assert_eq!(search(object(json!({ "filter": filter }))), None);
    }
}
