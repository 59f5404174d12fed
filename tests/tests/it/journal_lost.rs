//! A gateway that lost its memory goes on: from its audit log, or where that is lost too, from its own homeserver.

use serde_json::{Value, json};
use sluice::demo::client::{escape, until};
use sluice::demo::pull::{Pull, pull};
use sluice::demo::trail;
use sluice::demo::world::{ARRIVES_WITHIN, GEHEIM, VS_NFD, World, labelled};
use sluice::demo::zone::{Way, Zone};
use sluice_tests::danger::{delete_journal, move_audit_away};
use sluice_tests::own_world;

/// A room with something denied in it.
struct Room {
    id: String,
    denied: String,
}

#[test]
fn a_deleted_journal_is_rebuilt_from_the_audit_log_and_what_was_denied_stays_denied() {
    let mut world = own_world(Way::Hook, Way::Connect);
    let rooms = ["10", "11", "12"].map(|version| room(&world, version));
    let shut = closed_room(&world);
    let asked = states_asked(&world.high);

    world.high.kill_gateway();
    world.low.stop_gateway().unwrap();
    delete_journal(&world.high);
    delete_journal(&world.low);
    world.high.start_gateway().unwrap();
    world.low.start_gateway().unwrap();

    for room in &rooms {
        talks_go_on(&world, &room.id);
        let line = asked_again(&world, room);
        assert_eq!(line["sticky"], true, "the denial itself came back: {line}");
        assert!(line["rule"].as_str().unwrap().starts_with("label."));
    }
    let next = world
        .alice
        .send(&shut, "m.room.message", &labelled("danach", VS_NFD));
    assert_eq!(
        decision(&world.high, &next.unwrap())["rule"],
        "protocol.room_closed"
    );
    assert_eq!(
        states_asked(&world.high),
        asked,
        "the audit log knew the rooms"
    );
    let recoveries = trail::of_kind(&world.high.audit(), "recovery").unwrap();
    let replayed = recoveries
        .iter()
        .filter_map(|line| line["replayed"].as_u64());
    assert!(replayed.sum::<u64>() > 0, "{recoveries:?}");
    logs_verify(&world);
}

#[test]
fn with_the_audit_log_lost_too_the_homeserver_is_asked_and_what_is_denied_is_denied_again() {
    let mut world = own_world(Way::Connect, Way::Hook);
    let rooms = ["10", "11", "12"].map(|version| room(&world, version));

    // Bob's gateway is away while alice's homeserver restarts, which then goes over to catching up: it sends only the
    // newest event of a room, whose predecessors bob's homeserver does not know.
    world.low.stop_gateway().unwrap();
    let missed: Vec<[String; 3]> = rooms
        .iter()
        .map(|room| {
            [("eins", VS_NFD), ("canary-zwei", GEHEIM), ("drei", VS_NFD)].map(|(text, level)| {
                let content = labelled(text, level);
                world
                    .alice
                    .send(&room.id, "m.room.message", &content)
                    .unwrap()
            })
        })
        .collect();
    let low = world.low.server_name().to_owned();
    until("alice's homeserver notices", ARRIVES_WITHIN, || {
        Ok((world.alice.retry_interval(&low)? > 0).then_some(()))
    })
    .unwrap();
    world.high.stop_gateway().unwrap();
    world.high.synapse.stop().unwrap();
    world.high.synapse.start().unwrap();
    for zone in [&world.high, &world.low] {
        delete_journal(zone);
        move_audit_away(zone);
    }
    world.high.start_gateway().unwrap();
    world.low.start_gateway().unwrap();

    for (room, [first, second, third]) in rooms.iter().zip(&missed) {
        // A request of bob's homeserver, so that alice's sees it is back; nothing in it tells bob's gateway of the room.
        world.bob.typing(&room.id, true).unwrap();
        let content = |event: &str| {
            world
                .bob
                .wait_event(&room.id, event, ARRIVES_WITHIN)
                .unwrap()["content"]
                .clone()
        };
        assert_eq!(content(third)["body"], "drei");
        assert_eq!(content(first)["body"], "eins");
        assert_eq!(content(second), json!({}));
        talks_go_on(&world, &room.id);
        let line = asked_again(&world, room);
        assert!(
            line["rule"].as_str().unwrap().starts_with("label."),
            "{line}"
        );
    }
    assert!(states_asked(&world.high) > 0 && states_asked(&world.low) > 0);
    logs_verify(&world);
}

/// A labelled room in which something GEHEIM was said.
fn room(world: &World, version: &str) -> Room {
    let id = world.room(version, Some(VS_NFD)).unwrap();
    let secret = labelled("canary-lost", GEHEIM);
    let denied = world.say(&id, &world.alice, &world.bob, &secret).unwrap();
    assert!(denied.empty());
    let denied = denied.event_id;
    talks_go_on(world, &id);
    Room { id, denied }
}

/// A room that is closed for the link to low.
fn closed_room(world: &World) -> String {
    let room = world.room("11", Some(VS_NFD)).unwrap();
    let acl = json!({"allow": ["*"], "deny": [], "org.example.remark": "GEHEIM"});
    let denied = world.alice.send_state(&room, "m.room.server_acl", "", &acl);
    assert_eq!(decision(&world.high, &denied.unwrap())["verdict"], "drop");
    room
}

fn talks_go_on(world: &World, room: &str) {
    let (alice, bob) = (&world.alice, &world.bob);
    for (speaker, listener) in [(alice, bob), (bob, alice)] {
        let crossing = world.say(room, speaker, listener, &labelled("weiter", VS_NFD));
        assert_eq!(crossing.unwrap().content["body"], "weiter");
    }
}

/// Bob's homeserver asks for the denied event and gets it empty; returns what alice's gateway wrote about it.
fn asked_again(world: &World, room: &Room) -> Value {
    let uri = format!("/_matrix/federation/v1/event/{}", escape(&room.denied));
    let ask = Pull {
        destination: world.high.server_name(),
        method: "GET",
        uri: &uri,
        body: None,
    };
    let (status, answer) = pull(&world.low, &ask).unwrap();
    assert_eq!((status, &answer["pdus"][0]["content"]), (200, &json!({})));
    assert!(!answer.to_string().contains("canary-"));
    decision(&world.high, &room.denied)
}

/// The newest decision of a gateway on an event.
fn decision(zone: &Zone, event_id: &str) -> Value {
    until("a decision", ARRIVES_WITHIN, || {
        let events = trail::of_kind(&zone.audit(), "event")?;
        let about = |line: &Value| line["event_id"] == event_id;
        Ok(events.into_iter().rev().find(about))
    })
    .unwrap()
}

/// How often a gateway asked its own homeserver about a room.
fn states_asked(zone: &Zone) -> usize {
    let requests = trail::of_kind(&zone.audit(), "request").unwrap();
    let asks = |line: &&Value| line["face"] == "own" && line["op"] == "state";
    requests.iter().filter(asks).count()
}

fn logs_verify(world: &World) {
    for zone in [&world.high, &world.low] {
        let (code, answer) = zone.verify_audit(&zone.audit(), true).unwrap();
        assert_eq!(code, 0, "{answer}");
    }
}
