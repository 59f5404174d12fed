//! Who is in a room.

use super::*;
use sluice::demo::client::RoomOptions;
use sluice::demo::world::room_label;

pub(super) fn create_invite_join(walk: &mut Walk) {
    let World { alice, bob, .. } = &walk.world;
    alice.invite(&walk.room, bob.user_id()).unwrap();
    let invited = bob.wait_for("the invitation", None, ARRIVES_WITHIN, |answer| {
        answer["rooms"]["invite"].get(&walk.room).cloned()
    });
    let state = invited.unwrap();
    assert!(state.to_string().contains("m.room.create"), "{state}");
    sees(alice, &walk.room, bob.user_id(), Some("invite"));
    bob.join(&walk.room, &[server(alice)]).unwrap();
    walk.both_see(&walk.room, bob, Some("join"));
    walk.both_see(&walk.room, alice, Some("join"));
    walk.lives(&walk.room);
}

pub(super) fn reject_an_invitation(walk: &mut Walk) {
    let World { alice, bob, .. } = &walk.world;
    let room = walk
        .world
        .room_of_one(alice, walk.version, Some(VS_NFD))
        .unwrap();
    alice.invite(&room, bob.user_id()).unwrap();
    bob.leave(&room).unwrap();
    sees(alice, &room, bob.user_id(), Some("leave"));
    let back = walk
        .world
        .room_of_one(bob, walk.version, Some(VS_NFD))
        .unwrap();
    bob.invite(&back, alice.user_id()).unwrap();
    alice.leave(&back).unwrap();
    sees(bob, &back, alice.user_id(), Some("leave"));
}

pub(super) fn join_a_public_room(walk: &mut Walk) {
    let World { alice, bob, .. } = &walk.world;
    for (host, guest) in [(alice, bob), (bob, alice)] {
        let made = host.create_room(&RoomOptions {
            version: Some(walk.version),
            preset: Some("public_chat"),
            initial_state: vec![room_label(VS_NFD)],
            ..RoomOptions::default()
        });
        let room = made.unwrap();
        guest.join(&room, &[server(host)]).unwrap();
        walk.both_see(&room, guest, Some("join"));
        walk.lives(&room);
    }
}

/// Who is in the space may join the room; the homeserver that lets them in vouches for it.
pub(super) fn restricted_join_through_a_space(walk: &mut Walk) {
    let World { alice, bob, .. } = &walk.world;
    let space = alice.create_room(&RoomOptions {
        version: Some(walk.version),
        initial_state: vec![room_label(VS_NFD)],
        creation_content: Some(json!({"type": "m.space"})),
        ..RoomOptions::default()
    });
    let space = space.unwrap();
    walk.world.bring(alice, bob, &space).unwrap();
    walk.both_see(&space, bob, Some("join"));
    let rule = json!({"join_rule": "restricted", "allow": [{"type": "m.room_membership", "room_id": space}]});
    let room = alice.create_room(&RoomOptions {
        version: Some(walk.version),
        initial_state: vec![
            room_label(VS_NFD),
            json!({"type": "m.room.join_rules", "state_key": "", "content": rule}),
        ],
        ..RoomOptions::default()
    });
    let room = room.unwrap();
    let child = json!({"via": [server(alice)]});
    walk.sets(alice, bob, &space, "m.space.child", &room, &child);
    bob.join(&room, &[server(alice)]).unwrap();
    walk.both_see(&room, bob, Some("join"));
    let member = bob.state(&room, "m.room.member", bob.user_id()).unwrap();
    assert_eq!(member["join_authorised_via_users_server"], alice.user_id());
    walk.lives(&room);
    let carol = walk.world.newcomer(&walk.world.low, "carol").unwrap();
    let refused = carol.join(&room, &[server(alice)]).unwrap_err();
    assert_eq!(refused.status(), Some(403), "not of the space: {refused}");
}

pub(super) fn leave_kick_ban_unban(walk: &mut Walk) {
    let World { alice, bob, .. } = &walk.world;
    let room = walk.fresh_room();
    bob.leave(&room).unwrap();
    sees(alice, &room, bob.user_id(), Some("leave"));
    walk.world.bring(alice, bob, &room).unwrap();
    walk.both_see(&room, bob, Some("join"));
    alice.kick(&room, bob.user_id(), "Pause").unwrap();
    left_with(bob, &room, "Pause");
    walk.world.bring(alice, bob, &room).unwrap();
    walk.both_see(&room, bob, Some("join"));
    let ban = json!({"user_id": bob.user_id(), "reason": "Sperre"});
    alice.post(&room_path(&room, "ban"), &ban).unwrap();
    left_with(bob, &room, "Sperre");
    sees(alice, &room, bob.user_id(), Some("ban"));
    let refused = bob.join(&room, &[server(alice)]).unwrap_err();
    assert_eq!(refused.status(), Some(403), "{refused}");
    let unban = json!({"user_id": bob.user_id()});
    alice.post(&room_path(&room, "unban"), &unban).unwrap();
    sees(alice, &room, bob.user_id(), Some("leave"));
    walk.world.bring(alice, bob, &room).unwrap();
    walk.both_see(&room, bob, Some("join"));
    walk.lives(&room);
}

/// The user's own client learns that he is out of the room, and why.
fn left_with(user: &Client, room: &str, reason: &str) {
    let told = user.wait_for("being out", None, ARRIVES_WITHIN, |answer| {
        let left = answer["rooms"]["leave"].get(room)?;
        left.to_string().contains(reason).then_some(())
    });
    // Synapse leaves rooms that were left out of a first sync unless the filter asks for them.
    told.unwrap();
}
