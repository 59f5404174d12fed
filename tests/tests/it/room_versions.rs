//! Events that are never redacted, in every room version: their denial closes the room for the link, and costs nothing
//! else.

use std::time::Duration;

use serde_json::{Value, json};
use sluice::demo::client::{RoomOptions, escape, until};
use sluice::demo::pull::{Pull, pull};
use sluice::demo::trail::{self, Ruling};
use sluice::demo::world::{ARRIVES_WITHIN, VS_NFD, World, labelled, room_label};
use sluice::demo::zone::Way;
use sluice_tests::evidence::{events, files_with};
use sluice_tests::world;

/// What alice may set in a room of hers, with a place for words in it.
const KINDS: [&str; 3] = [
    "m.room.power_levels",
    "m.room.server_acl",
    "m.room.join_rules",
];

#[test]
fn a_denied_event_that_is_never_redacted_closes_the_room_in_version_10() {
    closes_the_room("10", Way::Hook);
}

#[test]
fn a_denied_event_that_is_never_redacted_closes_the_room_in_version_11() {
    closes_the_room("11", Way::Connect);
}

#[test]
fn a_denied_event_that_is_never_redacted_closes_the_room_in_version_12() {
    closes_the_room("12", Way::Hook);
}

fn closes_the_room(version: &str, way: Way) {
    let world = world(way);
    for kind in KINDS {
        let room = world.room(version, Some(VS_NFD)).unwrap();
        let before = world
            .say(&room, &world.alice, &world.bob, &labelled("vorher", VS_NFD))
            .unwrap();
        assert_eq!(before.content["body"], "vorher");
        let canary = format!("canary-{kind}-{version}-{}", world.next_number());
        let content = content(world, &room, kind, &format!("GEHEIM: {canary}"));
        let denied = world.alice.send_state(&room, kind, "", &content).unwrap();
        let ruling = ruling(world, &denied);
        assert!(
            ruling.verdict == "drop" && ruling.rule.starts_with("dlp.marking."),
            "{kind}: {ruling:?}"
        );
        nothing_more_crosses(world, &room, &denied);
        leaving_is_possible(world, &room);
        no_back_off(world);
        assert!(files_with(world.low.synapse.folder(), &canary).is_empty());
        assert!(!files_with(world.high.synapse.folder(), &canary).is_empty());
    }
}

/// A state of this kind that changes nothing in the room but for the words, in a key that no rule of the room reads.
fn content(world: &World, room: &str, kind: &str, words: &str) -> Value {
    let mut content = match kind {
        "m.room.server_acl" => json!({"allow": ["*"], "deny": [], "allow_ip_literals": false}),
        _ => world.alice.state(room, kind, "").unwrap(),
    };
    content["org.example.remark"] = words.into();
    content
}

fn nothing_more_crosses(world: &World, room: &str, denied: &str) {
    let content = labelled("danach", VS_NFD);
    let next = world.alice.send(room, "m.room.message", &content).unwrap();
    assert_eq!(ruling(world, &next).rule, "protocol.room_closed");
    world.alice.typing(room, true).unwrap();
    until("the refused typing", ARRIVES_WITHIN, || {
        let edus = trail::of_kind(&world.high.audit(), "edu")?;
        let refused =
            |line: &Value| line["room_id"] == room && line["rule"] == "protocol.room_closed";
        Ok(edus.iter().any(refused).then_some(()))
    })
    .unwrap();
    let part = escape(room);
    for uri in [
        format!(
            "/_matrix/federation/v1/backfill/{part}?v={}&limit=10",
            escape(denied)
        ),
        format!(
            "/_matrix/federation/v1/state/{part}?event_id={}",
            escape(denied)
        ),
    ] {
        let ask = Pull {
            destination: world.high.server_name(),
            method: "GET",
            uri: &uri,
            body: None,
        };
        assert_eq!(pull(&world.low, &ask).unwrap().0, 404, "{uri}");
    }
    // Whatever the homeservers did about it meanwhile, neither event is there.
    std::thread::sleep(Duration::from_millis(300));
    let there = events(&world.low.synapse, room);
    assert!(!there.contains_key(denied) && !there.contains_key(&next));
}

fn leaving_is_possible(world: &World, room: &str) {
    world.bob.leave(room).unwrap();
    until("bob's leave at alice's", ARRIVES_WITHIN, || {
        let members = world.alice.members(room)?;
        let gone = |(id, membership): &(String, String)| {
            id == world.bob.user_id() && membership == "leave"
        };
        Ok(members.iter().any(gone).then_some(()))
    })
    .unwrap();
}

fn no_back_off(world: &World) {
    let (high, low) = (world.high.server_name(), world.low.server_name());
    assert_eq!(world.alice.retry_interval(low).unwrap(), 0);
    assert_eq!(world.bob.retry_interval(high).unwrap(), 0);
}

/// The first decision of alice's gateway.
fn ruling(world: &World, event_id: &str) -> Ruling {
    let audit = world.high.audit();
    until("a decision", ARRIVES_WITHIN, || {
        Ok(trail::rulings(&audit, event_id)?.into_iter().next())
    })
    .unwrap()
}

#[test]
fn a_labelled_room_joined_without_an_invitation_keeps_its_name_and_goes_on() {
    let world = world(Way::Hook);
    for version in ["10", "11", "12"] {
        let room = world
            .alice
            .create_room(&RoomOptions {
                version: Some(version),
                name: Some("Lagebild"),
                preset: Some("public_chat"),
                initial_state: vec![room_label(VS_NFD)],
                ..RoomOptions::default()
            })
            .unwrap();
        world.bob.join(&room, &[world.high.server_name()]).unwrap();
        let name = world.bob.state(&room, "m.room.name", "").unwrap();
        assert_eq!(name["name"], "Lagebild", "version {version}");
        let content = json!({"msgtype": "m.text", "body": "nach der Kennzeichnung des Raumes"});
        let crossing = world
            .say(&room, &world.alice, &world.bob, &content)
            .unwrap();
        assert_eq!(crossing.content, content);
    }
}

#[test]
fn a_restricted_room_lets_in_across_the_border_whom_another_room_vouches_for() {
    let world = world(Way::Hook);
    for version in ["10", "11", "12"] {
        let vouching = world
            .alice
            .create_room(&RoomOptions {
                version: Some(version),
                preset: Some("public_chat"),
                initial_state: vec![room_label(VS_NFD)],
                ..RoomOptions::default()
            })
            .unwrap();
        world
            .bob
            .join(&vouching, &[world.high.server_name()])
            .unwrap();
        let allow = json!([{"type": "m.room_membership", "room_id": vouching}]);
        let rules = json!({"type": "m.room.join_rules", "state_key": "", "content": {"join_rule": "restricted", "allow": allow}});
        let restricted = world
            .alice
            .create_room(&RoomOptions {
                version: Some(version),
                initial_state: vec![room_label(VS_NFD), rules],
                ..RoomOptions::default()
            })
            .unwrap();
        world
            .bob
            .join(&restricted, &[world.high.server_name()])
            .unwrap_or_else(|error| panic!("version {version}: {error}"));
        let content =
            json!({"msgtype": "m.text", "body": "wer in dem einen Raum ist, darf in den anderen"});
        let crossing = world
            .say(&restricted, &world.alice, &world.bob, &content)
            .unwrap();
        assert_eq!(crossing.content, content, "version {version}");
    }
}
