//! The other side is away for a while; and refusals, which must look to a homeserver like nothing of that kind.

use std::time::Instant;

use serde_json::json;
use sluice::demo::client::until;
use sluice::demo::world::{ARRIVES_WITHIN, GEHEIM, VS_NFD, World, labelled, plain};
use sluice::demo::zone::Way;
use sluice_tests::evidence::events;
use sluice_tests::{own_world, world};

/// Messages that alice sends into the void.
const MISSED: usize = 3;

#[test]
fn what_was_said_while_the_peers_gateway_was_down_arrives_later() {
    let mut world = own_world(Way::Connect, Way::Hook);
    let room = world.room("12", Some(VS_NFD)).unwrap();
    world
        .say(&room, &world.alice, &world.bob, &labelled("vorher", VS_NFD))
        .unwrap();

    world.low.stop_gateway().unwrap();
    let missed: Vec<String> = (0..MISSED)
        .map(|number| {
            let content = labelled(&format!("ins Leere {number}"), VS_NFD);
            world.alice.send(&room, "m.room.message", &content).unwrap()
        })
        .collect();
    let secret = world
        .alice
        .send(&room, "m.room.message", &labelled("canary-void", GEHEIM))
        .unwrap();
    let low = world.low.server_name().to_owned();
    until("alice's homeserver notices", ARRIVES_WITHIN, || {
        Ok((world.alice.retry_interval(&low)? > 0).then_some(()))
    })
    .unwrap();
    let there = events(&world.low.synapse, &room);
    assert!(missed.iter().all(|event| !there.contains_key(event)));

    world.low.start_gateway().unwrap();
    let back = Instant::now();
    // A signed request of bob's homeserver shows alice's that it is back; nothing of alice's is said again.
    let reply = world
        .bob
        .send(&room, "m.room.message", &plain("wieder da"))
        .unwrap();
    for event in &missed {
        let arrived = world.bob.wait_event(&room, event, ARRIVES_WITHIN).unwrap();
        assert!(
            arrived["content"]["body"]
                .as_str()
                .unwrap()
                .starts_with("ins Leere")
        );
    }
    let denied = world
        .bob
        .wait_event(&room, &secret, ARRIVES_WITHIN)
        .unwrap();
    assert_eq!(denied["content"], json!({}));
    world
        .alice
        .wait_event(&room, &reply, ARRIVES_WITHIN)
        .unwrap();
    println!(
        "arrived {:.1} s after the return",
        back.elapsed().as_secs_f64()
    );
    until("no back-off is left", ARRIVES_WITHIN, || {
        Ok((world.alice.retry_interval(&low)? == 0).then_some(()))
    })
    .unwrap();
}

#[test]
fn no_refusal_of_the_policy_makes_a_homeserver_back_off_by_the_hook() {
    refusals_without_back_off(world(Way::Hook));
}

#[test]
fn no_refusal_of_the_policy_makes_a_homeserver_back_off_by_connect() {
    refusals_without_back_off(world(Way::Connect));
}

/// One refusal of each kind, and after each the question.
fn refusals_without_back_off(world: &World) {
    let room = world.room("12", Some(VS_NFD)).unwrap();
    let none = |what: &str| {
        let (high, low) = (world.high.server_name(), world.low.server_name());
        assert_eq!(world.alice.retry_interval(low).unwrap(), 0, "after {what}");
        assert_eq!(world.bob.retry_interval(high).unwrap(), 0, "after {what}");
    };
    let denied = |content, what| {
        let crossing = world
            .say(&room, &world.alice, &world.bob, &content)
            .unwrap();
        assert!(crossing.empty(), "{what}");
        none(what);
    };
    denied(labelled("streng", GEHEIM), "a label above the clearance");
    denied(labelled("Steuer-ID 86 095 742 719", VS_NFD), "a detector");
    let name = json!({"name": "GEHEIM: Vorhaben"});
    let named = world.set(&room, &world.alice, &world.bob, "m.room.name", &name);
    assert!(named.unwrap().empty());
    none("a room name");
    let eve = world.alice.invite(&room, "@eve:third.test");
    assert_eq!(eve.unwrap_err().status(), Some(403));
    none("a third server");
    let stranger = world.alice.profile("@eve:third.test");
    stranger.expect_err("a third server has no profile here");
    none("a profile of a third server");
    let status = json!({"presence": "online", "status_msg": "GEHEIM"});
    let path = format!(
        "/_matrix/client/v3/presence/{}/status",
        world.alice.user_id()
    );
    world.alice.put(&path, &status).unwrap();
    world
        .alice
        .to_device(
            "org.example.note",
            world.bob.user_id(),
            &json!({"body": "GEHEIM"}),
        )
        .unwrap();
    let next = world.say(
        &room,
        &world.alice,
        &world.bob,
        &labelled("und weiter", VS_NFD),
    );
    assert_eq!(next.unwrap().content["body"], "und weiter");
    none("presence and a message to devices");
}
