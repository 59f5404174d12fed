//! What a real homeserver makes of each of our refusals: what its user sees, and that it goes on speaking to the other
//! side. The table in docs/look-up/refusals.md is made of these.

use serde_json::{Value, json};
use sluice::demo::client::{Client, escape};
use sluice::demo::error::DemoError;
use sluice::demo::world::{GEHEIM, VS_NFD, World, labelled};
use sluice::demo::zone::Way;
use sluice_tests::world;

/// A user whose name is a tax id with a right check digit.
const TELLS: &str = "@86095742719:low.test";
const POLICY: &str = "Refused by the policy of the border gateway";

/// Status, error code and text that a client got.
fn seen(answer: Result<Value, DemoError>) -> (u16, String, String) {
    match answer {
        Ok(answer) => (200, String::new(), answer.to_string()),
        Err(DemoError::Api {
            status,
            errcode,
            text,
            ..
        }) => (status, errcode, text),
        Err(other) => panic!("{other}"),
    }
}

/// Asserts what the client saw, and that neither homeserver backs off from the other.
fn told(world: &World, what: &str, answer: Result<Value, DemoError>, expected: (u16, &str, &str)) {
    let (status, errcode, text) = seen(answer);
    println!("{what}: {status} {errcode} {text}");
    assert_eq!(
        (status, errcode.as_str()),
        (expected.0, expected.1),
        "{what}: {text}"
    );
    assert!(text.contains(expected.2), "{what}: {text}");
    no_back_off(world, what);
}

fn no_back_off(world: &World, what: &str) {
    let (high, low) = (world.high.server_name(), world.low.server_name());
    assert_eq!(world.alice.retry_interval(low).unwrap(), 0, "after {what}");
    assert_eq!(world.bob.retry_interval(high).unwrap(), 0, "after {what}");
}

fn done(answer: Result<(), DemoError>) -> Result<Value, DemoError> {
    answer.map(|()| Value::Null)
}

#[test]
fn an_invitation_above_the_clearance_is_told_to_who_invites() {
    let world = world(Way::Hook);
    let room = world.wide_room_of_one(&world.alice, "12").unwrap();
    let secret = sluice::demo::world::room_label(GEHEIM);
    let set = world.alice.send_state(
        &room,
        secret["type"].as_str().unwrap(),
        "",
        &secret["content"],
    );
    set.unwrap();
    let invited = done(world.alice.invite(&room, world.bob.user_id()));
    told(world, "invite", invited, (403, "M_FORBIDDEN", POLICY));
}

/// A room of alice's that bob's side may not know of.
fn hidden_room(world: &World) -> String {
    world.room_of_one(&world.alice, "12", Some(GEHEIM)).unwrap()
}

#[test]
fn a_join_to_a_hidden_room_fails_as_one_to_no_room() {
    let world = world(Way::Hook);
    let joined = |room: &str| done(world.bob.join(room, &["high.test"]));
    let hidden = hidden_room(world);
    let nowhere = "!V8LEfOw78wseB9PIBVfxK3sgrHQ_56ACTuchJxBgp0w";
    // The homeserver's own words, whatever the room: it has asked all servers that it knew of.
    let nobody = (502, "M_UNKNOWN", "Failed to make_join via any server");
    told(world, "make_join", joined(&hidden), nobody);
    told(world, "make_join of no room", joined(nowhere), nobody);
}

#[test]
fn a_knock_is_told_to_who_knocks() {
    let world = world(Way::Hook);
    let room = world.room_of_one(&world.alice, "12", Some(VS_NFD)).unwrap();
    let path = format!(
        "/_matrix/client/v3/knock/{}?via=high.test&server_name=high.test",
        escape(&room)
    );
    let knocked = world.bob.post(&path, &json!({}));
    told(world, "make_knock", knocked, (403, "M_FORBIDDEN", POLICY));
}

#[test]
fn a_profile_whose_user_id_tells_something_is_refused_with_the_gateways_words() {
    let world = world(Way::Hook);
    told(
        world,
        "query_profile",
        world.alice.profile(TELLS),
        (403, "M_FORBIDDEN", POLICY),
    );
}

#[test]
fn the_other_sides_public_rooms_are_refused_in_the_homeservers_words() {
    let world = world(Way::Hook);
    let path = "/_matrix/client/v3/publicRooms?server=low.test";
    told(
        world,
        "public_rooms",
        world.alice.get(path),
        (403, "M_FORBIDDEN", ""),
    );
    let search = json!({"filter": {"generic_search_term": "Lage"}});
    told(
        world,
        "public_rooms_search",
        world.alice.post(path, &search),
        (403, "M_FORBIDDEN", ""),
    );
}

#[test]
fn an_alias_of_the_other_side_is_not_found() {
    let world = world(Way::Hook);
    let path = "/_matrix/client/v3/directory/room/%23lage%3Alow.test";
    told(
        world,
        "query_directory",
        world.alice.get(path),
        (404, "M_NOT_FOUND", ""),
    );
}

#[test]
fn media_of_the_other_side_is_not_found() {
    let world = world(Way::Hook);
    let path = "/_matrix/client/v1/media/download/low.test/abcdefghijklmnop";
    told(
        world,
        "media_download",
        world.alice.get(path),
        (404, "M_NOT_FOUND", ""),
    );
}

#[test]
fn keys_that_are_refused_stand_among_the_failures() {
    let world = world(Way::Hook);
    let failed = |answer: Result<Value, DemoError>| answer.map(|answer| answer["failures"].clone());
    let claim = json!({TELLS: {"DEVICE": "signed_curve25519"}});
    let (queried, claimed) = (
        world.alice.query_keys(TELLS),
        world.alice.claim_keys(&claim),
    );
    told(world, "keys_query", failed(queried), (200, "", "low.test"));
    told(world, "keys_claim", failed(claimed), (200, "", "low.test"));
}

#[test]
fn a_denied_event_in_a_transaction_is_no_error_to_its_sender() {
    let world = world(Way::Hook);
    let room = world.room("12", Some(VS_NFD)).unwrap();
    let speak = |user: &Client, body: &str, level: &str| {
        world
            .say(&room, user, &world.bob, &labelled(body, level))
            .unwrap()
    };
    assert!(speak(&world.alice, "streng", GEHEIM).empty());
    no_back_off(world, "send with a denied event");
    assert_eq!(
        speak(&world.alice, "und weiter", VS_NFD).content["body"],
        "und weiter"
    );
}

#[test]
fn pulls_of_a_closed_room_are_not_found_and_the_room_goes_on_when_it_is_opened() {
    let world = world(Way::Hook);
    let room = world.room("12", Some(VS_NFD)).unwrap();
    let before = world.say(&room, &world.alice, &world.bob, &labelled("vorher", VS_NFD));
    assert_eq!(before.unwrap().content["body"], "vorher");
    let configuration = world.high.configuration().display().to_string();
    let sluice = |word| {
        world
            .high
            .sluice(&["room", word, &room, "low", "-c", &configuration])
            .unwrap()
    };
    sluice("close");
    let missed: Vec<String> = (0..3)
        .map(|number| {
            let content = labelled(&format!("verpasst {number}"), VS_NFD);
            world.alice.send(&room, "m.room.message", &content).unwrap()
        })
        .collect();
    sluice::demo::client::until(
        "the events are refused",
        sluice::demo::world::ARRIVES_WITHIN,
        || {
            let lines = sluice::demo::trail::of_kind(&world.high.audit(), "event")?;
            let refused = lines.iter().any(|line| {
                line["event_id"] == missed[2].as_str() && line["rule"] == "protocol.room_closed"
            });
            Ok(refused.then_some(()))
        },
    )
    .unwrap();
    // Bob's homeserver asks for more of the past than it has, in vain.
    let _scrolled = world.bob.messages(&room).unwrap();
    no_back_off(world, "pulls of a closed room");
    sluice("open");
    let next = labelled("wieder offen", VS_NFD);
    let next = world.say(&room, &world.alice, &world.bob, &next).unwrap();
    assert_eq!(next.content["body"], "wieder offen");
    for event in &missed {
        let arrived = world
            .bob
            .wait_event(&room, event, sluice::demo::world::ARRIVES_WITHIN)
            .unwrap();
        assert!(
            arrived["content"]["body"]
                .as_str()
                .unwrap()
                .starts_with("verpasst"),
            "{arrived}"
        );
    }
    no_back_off(world, "the room was opened");
}
