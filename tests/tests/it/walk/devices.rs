//! What clients tell each other beside messages: receipts, typing, presence, devices.

use super::*;

pub(super) fn read_markers_and_typing(walk: &mut Walk) {
    let World { alice, bob, .. } = &walk.world;
    let said = walk.alice_says(&walk.room, &labelled("gelesen?", VS_NFD));
    let markers = json!({"m.fully_read": said, "m.read": said});
    bob.post(&room_path(&walk.room, "read_markers"), &markers)
        .unwrap();
    ephemeral(walk, alice, "m.receipt", |content| {
        content[&said]["m.read"].get(bob.user_id()).is_some()
    });
    for (by, to) in [(alice, bob), (bob, alice)] {
        by.typing(&walk.room, true).unwrap();
        ephemeral(walk, to, "m.typing", |content| {
            content.to_string().contains(by.user_id())
        });
        by.typing(&walk.room, false).unwrap();
    }
}

/// Waits until a user's client is shown something that does not last.
fn ephemeral(walk: &Walk, user: &Client, kind: &str, fits: impl Fn(&Value) -> bool) {
    let seen = user.wait_for(kind, None, ARRIVES_WITHIN, |answer| {
        let room = &answer["rooms"]["join"][&walk.room];
        let events = room["ephemeral"]["events"].as_array()?;
        events
            .iter()
            .any(|event| event["type"] == kind && fits(&event["content"]))
            .then_some(())
    });
    seen.unwrap();
}

pub(super) fn presence(walk: &mut Walk) {
    let World { alice, bob, .. } = &walk.world;
    for (by, to) in [(alice, bob), (bob, alice)] {
        for state in ["unavailable", "online"] {
            let path = format!(
                "/_matrix/client/v3/presence/{}/status",
                escape(by.user_id())
            );
            by.put(&path, &json!({"presence": state, "status_msg": "im Haus"}))
                .unwrap();
            let what = format!("{} is {state} for {}", by.user_id(), to.user_id());
            until(&what, ARRIVES_WITHIN, || {
                let seen = to.get(&path)?;
                // A status is free text and stays behind; whoever is there does not.
                assert_ne!(seen["status_msg"], "im Haus");
                Ok((seen["presence"] == state).then_some(()))
            })
            .unwrap();
        }
    }
}

pub(super) fn device_lists(walk: &mut Walk) {
    let World { alice, bob, .. } = &walk.world;
    let since = alice.sync(None, Duration::ZERO).unwrap()["next_batch"].clone();
    let keys = keys_of(bob);
    bob.upload_keys(&json!({"device_keys": keys})).unwrap();
    let changed = alice.wait_for(
        "a change of bob's devices",
        since.as_str(),
        ARRIVES_WITHIN,
        |answer| {
            let list = answer["device_lists"]["changed"].as_array()?;
            list.iter().any(|user| user == bob.user_id()).then_some(())
        },
    );
    changed.unwrap();
    let seen = until("bob's keys", ARRIVES_WITHIN, || {
        let answer = alice.query_keys(bob.user_id())?;
        let key = &answer["device_keys"][bob.user_id()][bob.device_id()];
        Ok(key.is_object().then(|| key.clone()))
    });
    assert_eq!(seen.unwrap()["keys"], keys["keys"]);
}

/// A request for a room's key goes to the other devices of a user's own, and to those of the sender.
pub(super) fn key_requests(walk: &mut Walk) {
    let World { alice, bob, .. } = &walk.world;
    let request = json!({"action": "request", "requesting_device_id": alice.device_id(), "request_id": "r1",
        "body": {"algorithm": "m.megolm.v1.aes-sha2", "room_id": walk.room, "session_id": "c2Vzc2lvbg",
            "sender_key": "RF3s+E7RkTQTGF2d8Deol0FkQvgII2aJDf3/Jp5mxVU"}});
    let since = bob.sync(None, Duration::ZERO).unwrap()["next_batch"].clone();
    alice
        .to_device("m.room_key_request", bob.user_id(), &request)
        .unwrap();
    let got = bob.wait_for(
        "the request for a key",
        since.as_str(),
        ARRIVES_WITHIN,
        |answer| {
            let events = answer["to_device"]["events"].as_array()?;
            events
                .iter()
                .find(|event| event["type"] == "m.room_key_request")
                .cloned()
        },
    );
    let got = got.unwrap();
    assert_eq!(
        (&got["sender"], &got["content"]),
        (&json!(alice.user_id()), &request)
    );
}

/// Public keys in the shape that clients upload; nobody uses them.
fn keys_of(user: &Client) -> Value {
    let (id, device) = (user.user_id(), user.device_id());
    let key = |letter: &str| format!("{}A", letter.repeat(42));
    let signature = format!("{}A", "s".repeat(85));
    json!({"user_id": id, "device_id": device, "algorithms": ["m.olm.v1.curve25519-aes-sha2", "m.megolm.v1.aes-sha2"],
        "keys": {format!("curve25519:{device}"): key("c"), format!("ed25519:{device}"): key("e")},
        "signatures": {id: {format!("ed25519:{device}"): signature}}})
}
