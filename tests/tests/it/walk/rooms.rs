//! What a room is: its rights, its name, its successor.

use super::*;

pub(super) fn power_levels(walk: &mut Walk) {
    let World { alice, bob, .. } = &walk.world;
    let room = walk.fresh_room();
    let topic = json!({"topic": "von bob"});
    let refused = bob
        .send_state(&room, "m.room.topic", "", &topic)
        .unwrap_err();
    assert_eq!(refused.status(), Some(403), "{refused}");
    let mut levels = alice.state(&room, "m.room.power_levels", "").unwrap();
    levels["users"][bob.user_id()] = 50.into();
    walk.sets(alice, bob, &room, "m.room.power_levels", "", &levels);
    walk.sets(bob, alice, &room, "m.room.topic", "", &topic);
    walk.lives(&room);
}

pub(super) fn server_acl(walk: &mut Walk) {
    let World { alice, bob, .. } = &walk.world;
    let room = walk.fresh_room();
    let acl = json!({"allow": ["*"], "deny": ["evil.test"], "allow_ip_literals": false});
    walk.sets(alice, bob, &room, "m.room.server_acl", "", &acl);
    walk.lives(&room);
}

pub(super) fn topic_name_avatar_pinned(walk: &mut Walk) {
    let World { alice, bob, .. } = &walk.world;
    let room = walk.fresh_room();
    let pinned = walk.alice_says(&room, &labelled("wichtig", VS_NFD));
    for (kind, content) in [
        ("m.room.name", json!({"name": "Lagebesprechung"})),
        ("m.room.topic", json!({"topic": "Tagesordnung"})),
        (
            "m.room.avatar",
            json!({"url": "mxc://high.test/abcdefghijkl"}),
        ),
        ("m.room.pinned_events", json!({"pinned": [pinned]})),
        (
            "m.room.history_visibility",
            json!({"history_visibility": "joined"}),
        ),
        ("m.room.guest_access", json!({"guest_access": "forbidden"})),
    ] {
        walk.sets(alice, bob, &room, kind, "", &content);
    }
    walk.lives(&room);
}

/// The room gets a successor, to which bob follows.
pub(super) fn upgrade(walk: &mut Walk) {
    let World { alice, bob, .. } = &walk.world;
    let room = walk.fresh_room();
    let asked = json!({"new_version": walk.version});
    let made = alice.post(&room_path(&room, "upgrade"), &asked).unwrap();
    let next = made["replacement_room"].as_str().unwrap().to_owned();
    let tomb = until("the tombstone", ARRIVES_WITHIN, || {
        Ok(bob.state(&room, "m.room.tombstone", "").ok())
    });
    assert_eq!(tomb.unwrap()["replacement_room"], next.as_str());
    // Synapse copies the state that it knows into the new room, and not the label's.
    let label = sluice::demo::world::room_label(VS_NFD);
    let (kind, content) = (label["type"].as_str().unwrap(), &label["content"]);
    alice.send_state(&next, kind, "", content).unwrap();
    walk.world.bring(alice, bob, &next).unwrap();
    walk.both_see(&next, bob, Some("join"));
    let created = bob.state(&next, "m.room.create", "").unwrap();
    assert_eq!(created["predecessor"]["room_id"], room.as_str());
    walk.lives(&next);
}
