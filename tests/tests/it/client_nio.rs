//! A Matrix client that others wrote (matrix-nio) on both sides of the border: what it does is what any client does.

use serde_json::{Value, json};
use sluice::demo::world::{
    ALICE_PASSWORD, ARRIVES_WITHIN, BOB_PASSWORD, GEHEIM, VS_NFD, World, label,
};
use sluice::demo::zone::Way;
use sluice_tests::{nio, world};

const STORY: &str = include_str!("../../nio/story.py");

#[test]
fn alice_and_bob_talk_across_the_border_with_a_client_that_others_wrote() {
    let world = world(Way::Connect);
    let room = world.room_of_one(&world.alice, "12", Some(VS_NFD)).unwrap();
    world.alice.invite(&room, world.bob.user_id()).unwrap();
    let said = |body: &str, level: &str| json!({"body": body, "label": label(level)});
    let received = nio::play(
        STORY,
        &json!({
            "room": room, "seconds": ARRIVES_WITHIN.as_secs(),
            "alice": user(world, "alice"), "bob": user(world, "bob"),
            "to_bob": [said("Guten Morgen", VS_NFD), said("streng geheim", GEHEIM), said("Ende", VS_NFD)],
            "to_alice": [said("Moin", VS_NFD), said("Ende auch hier", VS_NFD)],
        }),
    );
    // An event whose content was taken away has no body, so the client does not show it as a message.
    assert_eq!(received["bob"], json!(["Guten Morgen", "Ende"]));
    assert_eq!(received["alice"], json!(["Moin", "Ende auch hier"]));
}

fn user(world: &World, name: &str) -> Value {
    let (zone, client, password) = match name {
        "alice" => (&world.high, &world.alice, ALICE_PASSWORD),
        _ => (&world.low, &world.bob, BOB_PASSWORD),
    };
    json!({"homeserver": zone.synapse.base(), "id": client.user_id(), "password": password})
}
