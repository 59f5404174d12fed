//! What a room's label is, and whose word counts for it.

use serde_json::{Value, json};
use sluice_policy::bundle::BundleParts;
use sluice_policy::link::RequireLabel;
use sluice_policy::pdu::RoomVersion;
use sluice_tests::stub::room::{Actor, Event, Room};
use sluice_tests::stub::{World, errors, policy};

const ROOM_LABEL: &str = "org.sluice.room_confidentiality";
const LABEL: &str = "org.sluice.confidentiality";

/// What people write to low must be labelled.
fn demanding() -> BundleParts {
    let mut parts = policy();
    for link in parts.links.values_mut() {
        link.require_label = RequireLabel::Event;
    }
    parts
}

fn label(classification: &str) -> Value {
    json!({"PolicyIdentifier": {"name": "DE-SAMPLE"}, "Classification": classification, "Category": []})
}

fn room_label(room: &mut Room, sender: &Actor, classification: &str) -> Event {
    let content = json!({"label": label(classification)});
    room.event(sender, ROOM_LABEL, Some(""), content)
}

#[test]
fn a_peer_cannot_plant_the_label_of_our_room() {
    let world = World::under(&demanding());
    let (alice, bob) = (world.alice(), world.bob());
    let mut room = world.alices_room(RoomVersion::V12);
    let open = room_label(&mut room, &alice, "OFFEN");
    assert!(errors(&world.alice_sends(&[open])).is_empty());
    let before = room.message(&alice, "the canteen is open");
    assert!(errors(&world.alice_sends(&[before])).is_empty());
    let secret = room_label(&mut room, &alice, "GEHEIM");
    assert_eq!(
        errors(&world.alice_sends(std::slice::from_ref(&secret))),
        [secret.id]
    );
    let raised = room.message(&alice, "the plan");
    assert_eq!(
        errors(&world.alice_sends(std::slice::from_ref(&raised))),
        [raised.id],
        "a label above the link's clearance is redacted on the way, and learned all the same"
    );
    let planted = room_label(&mut room, &bob, "OFFEN");
    assert_eq!(world.bob_sends(&[planted]).status, 200);
    let after = room.message(&alice, "the rest of the plan");
    assert_eq!(
        errors(&world.alice_sends(std::slice::from_ref(&after))),
        [after.id],
        "bob's homeserver has no say in what alice's room is"
    );
}

#[test]
fn an_edit_is_judged_by_what_it_edits_also_after_that_was_pulled_again() {
    let world = World::under(&demanding());
    let alice = world.alice();
    let mut room = world.alices_room(RoomVersion::V12);
    let open = room_label(&mut room, &alice, "OFFEN");
    assert!(errors(&world.alice_sends(&[open])).is_empty());
    let content = json!({"msgtype": "m.text", "body": "the plan", LABEL: label("GEHEIM")});
    let secret = room.event(&alice, "m.room.message", None, content);
    for _ in 0..2 {
        let reply = world.alice_sends(std::slice::from_ref(&secret));
        assert_eq!(errors(&reply), std::slice::from_ref(&secret.id));
    }
    let edit = json!({
        "msgtype": "m.text", "body": "* the plan, corrected",
        "m.new_content": {"msgtype": "m.text", "body": "the plan, corrected"},
        "m.relates_to": {"rel_type": "m.replace", "event_id": secret.id},
    });
    let edit = room.event(&alice, "m.room.message", None, edit);
    assert_eq!(
        errors(&world.alice_sends(std::slice::from_ref(&edit))),
        [edit.id]
    );
}

#[test]
fn a_type_that_needs_no_label_as_state_needs_one_as_a_message() {
    let world = World::under(&demanding());
    let alice = world.alice();
    let mut room = world.alices_room(RoomVersion::V12);
    let access = room.event(
        &alice,
        "m.room.guest_access",
        Some(""),
        json!({"guest_access": "forbidden"}),
    );
    assert!(errors(&world.alice_sends(&[access])).is_empty());
    for (story, state_key, content) in [
        ("as a message", None, json!({"body": "the plan"})),
        (
            "with a key that it has not",
            Some(""),
            json!({"guest_access": "forbidden", "x": "the plan"}),
        ),
    ] {
        let hidden = room.event(&alice, "m.room.guest_access", state_key, content);
        let reply = world.alice_sends(std::slice::from_ref(&hidden));
        assert_eq!(errors(&reply), [hidden.id], "{story}");
    }
}

#[test]
fn what_a_detector_knows_crosses_neither_in_a_state_key_nor_in_a_path() {
    let world = World::new();
    let alice = world.alice();
    let mut room = world.alices_room(RoomVersion::V12);
    world.forget();
    let hidden = room.event(&alice, "org.example.note", Some("86095742719"), json!({}));
    let reply = world.alice_sends(std::slice::from_ref(&hidden));
    assert_eq!(errors(&reply), [hidden.id]);
    let target = "/_matrix/federation/v1/query/profile?user_id=%4086095742719%3Alow.test";
    assert_eq!(world.from_homeserver("GET", target, None).status, 403);
    assert!(!world.peer.far.saw("86095742719"));
}
