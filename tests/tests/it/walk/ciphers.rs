//! Two clients that others wrote talk end to end encrypted, on links that judge ciphertext by the label beside it.

use super::*;
use sluice::demo::world::{ALICE_PASSWORD, BOB_PASSWORD, GEHEIM, LABEL_KEY, label};
use sluice_tests::nio;

const STORY: &str = include_str!("../../../nio/encrypted.py");

pub(super) fn two_clients_talk(walk: &mut Walk) {
    let world = &walk.world;
    let room = world
        .room_of_one(&world.alice, walk.version, Some(VS_NFD))
        .unwrap();
    let on = json!({"algorithm": "m.megolm.v1.aes-sha2"});
    world
        .alice
        .send_state(&room, "m.room.encryption", "", &on)
        .unwrap();
    world.alice.invite(&room, world.bob.user_id()).unwrap();
    let user = |zone: &sluice::demo::zone::Zone, client: &Client, password: &str| json!({"homeserver": zone.synapse.base(), "id": client.user_id(), "password": password});
    let said = |body: &str, level: &str| json!({"body": body, LABEL_KEY: label(level)});
    let received = nio::play(
        STORY,
        &json!({
            "room": room, "seconds": SETTLES_WITHIN.as_secs(),
            "alice": user(&world.high, &world.alice, ALICE_PASSWORD),
            "bob": user(&world.low, &world.bob, BOB_PASSWORD),
            "to_bob": [said("verschlüsselt", VS_NFD), said("kanarie", GEHEIM), said("Ende", VS_NFD)],
            "to_alice": [said("auch verschlüsselt", VS_NFD), said("Ende auch hier", VS_NFD)],
        }),
    );
    assert_eq!(received["bob"], json!(["verschlüsselt", "Ende"]));
    assert_eq!(
        received["alice"],
        json!(["auch verschlüsselt", "Ende auch hier"])
    );
}

const SETTLES_WITHIN: Duration = Duration::from_secs(60);
