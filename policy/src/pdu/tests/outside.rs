//! What those who are not in a room are shown: stripped state and templates.

use serde_json::json;

use crate::json::Fault;
use crate::pdu::{RoomStateElement, RoomVersion, StrippedState, Template};
use crate::test_world::{EVENT, ROOM, fields, object, signed_pdu, traffic, tree};

#[test]
fn stripped_state_has_four_keys() {
    let good = json!({"type": "m.room.name", "state_key": "", "sender": "@alice:high.test", "content": {"name": "r1"}});
    let state = StrippedState::read(fields(good.clone())).unwrap();
    assert_eq!(
        (state.kind(), state.state_key(), state.sender()),
        ("m.room.name", "", "@alice:high.test")
    );
    for (key, value) in [
        ("type", json!(1)),
        ("state_key", json!(null)),
        ("sender", json!("alice")),
        ("content", json!([])),
        ("unsigned", json!({})),
    ] {
        let mut bad = good.clone();
        bad[key] = value;
        assert_eq!(
            StrippedState::read(fields(bad)),
            Err(Fault::Shape("stripped state")),
            "{key}"
        );
    }
    for (key, value) in [
        ("type", json!("m".repeat(256))),
        ("content", json!({"name": "x".repeat(65_536)})),
    ] {
        let mut bad = good.clone();
        bad[key] = value;
        assert_eq!(
            StrippedState::read(fields(bad)),
            Err(Fault::EventSize("stripped state"))
        );
    }
    assert!(matches!(
        RoomStateElement::read(fields(good.clone()), RoomVersion::V12),
        Ok(RoomStateElement::Stripped(_))
    ));
    let full = signed_pdu(
        RoomVersion::V12,
        json!({"type": "m.room.name", "state_key": ""}),
    )
    .outgoing();
    assert!(matches!(
        RoomStateElement::read(full, RoomVersion::V12),
        Ok(RoomStateElement::Full(_))
    ));
    // Half an event is neither.
    let mut half = fields(good);
    half.insert("hashes".to_owned(), tree(json!({})));
    assert!(RoomStateElement::read(half, RoomVersion::V12).is_err());
}

#[test]
fn recorded_stripped_state_and_templates_are_read() {
    let (mut templates, mut stripped) = (0, 0);
    for exchange in traffic() {
        let membership = ["join", "leave", "knock"]
            .into_iter()
            .find(|kind| exchange.path.contains(&format!("/make_{kind}/")));
        if let Some(membership) = membership {
            let answer = object(&exchange.response);
            let event = answer["event"].as_object().unwrap().clone();
            let template = Template::read(event.clone(), RoomVersion::V12, membership).unwrap();
            assert_eq!(*template.object(), event);
            templates += 1;
        }
        if exchange.path.contains("/v2/invite/") {
            let body = object(&exchange.request);
            let unsigned = body["event"].as_object().unwrap()["unsigned"]
                .as_object()
                .unwrap();
            for state in unsigned["invite_room_state"].as_array().unwrap() {
                StrippedState::read(state.as_object().unwrap().clone()).unwrap();
                stripped += 1;
            }
        }
    }
    assert!(templates >= 3 && stripped >= 5, "{templates} {stripped}");
}

#[test]
fn a_template_keeps_known_keys_only() {
    let good = json!({
        "auth_events": [EVENT], "content": {"membership": "join"}, "depth": 3, "prev_events": [EVENT],
        "room_id": ROOM, "sender": "@bob:low.test", "state_key": "@bob:low.test", "type": "m.room.member",
    });
    let mut odd = good.clone();
    odd["canary"] = json!("canary");
    odd["unsigned"] = json!("canary");
    odd["content"]["canary"] = json!("canary");
    let template = Template::read(fields(odd), RoomVersion::V12, "join").unwrap();
    assert_eq!(*template.object(), fields(good.clone()));
    assert_eq!(
        (template.room_id(), template.sender()),
        (ROOM, "@bob:low.test")
    );
    for (key, value, fault) in [
        ("type", json!("m.room.name"), Fault::Shape("type")),
        ("room_id", json!("!a:high.test"), Fault::Shape("room_id")),
        ("sender", json!("@alice:high.test"), Fault::Shape("sender")),
        (
            "content",
            json!({"membership": "leave"}),
            Fault::Shape("membership"),
        ),
        (
            "content",
            json!({"membership": "join", "join_authorised_via_users_server": "x"}),
            Fault::Shape("join_authorised_via_users_server"),
        ),
        ("content", json!(1), Fault::Shape("content")),
        ("depth", json!(-1), Fault::Shape("depth")),
        (
            "origin_server_ts",
            json!("x"),
            Fault::Shape("origin_server_ts"),
        ),
        ("prev_events", json!(["free"]), Fault::Shape("prev_events")),
        (
            "auth_events",
            json!([
                EVENT, EVENT, EVENT, EVENT, EVENT, EVENT, EVENT, EVENT, EVENT, EVENT, EVENT
            ]),
            Fault::EventSize("auth_events"),
        ),
    ] {
        let mut bad = good.clone();
        bad[key] = value;
        assert_eq!(
            Template::read(fields(bad), RoomVersion::V12, "join"),
            Err(fault),
            "{key}"
        );
    }
}
