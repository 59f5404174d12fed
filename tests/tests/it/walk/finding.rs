//! How people and rooms are found, and what of a room's past.

use super::*;

pub(super) fn profiles(walk: &mut Walk) {
    let World { alice, bob, .. } = &walk.world;
    for (by, to, name) in [(alice, bob, "Alice Ahlers"), (bob, alice, "Bob Berg")] {
        by.set_displayname(name).unwrap();
        assert_eq!(to.profile(by.user_id()).unwrap()["displayname"], name);
        let what = format!("the name of {} in the room", by.user_id());
        until(&what, ARRIVES_WITHIN, || {
            let member = to.state(&walk.room, "m.room.member", by.user_id())?;
            Ok((member["displayname"] == name).then_some(()))
        })
        .unwrap();
    }
}

/// Dora joins a room that her homeserver knows, and one that it does not know; she reads what was said before.
pub(super) fn history_of_a_late_joiner(walk: &mut Walk) {
    let World { alice, bob, .. } = &walk.world;
    let dora = walk.world.newcomer(&walk.world.low, "dora").unwrap();
    let known = walk.fresh_room();
    let alone = walk
        .world
        .room_of_one(alice, walk.version, Some(VS_NFD))
        .unwrap();
    for room in [&known, &alone] {
        let said: Vec<String> = (0..LONG_AGO)
            .map(|number| {
                let content = labelled(&format!("früher {number}"), VS_NFD);
                alice.send(room, "m.room.message", &content).unwrap()
            })
            .collect();
        walk.world.bring(alice, &dora, room).unwrap();
        until("dora reads what was said before", ARRIVES_WITHIN, || {
            let seen = dora.messages(room)?;
            let whole = |id: &String| {
                seen.iter().any(|event| {
                    event["event_id"] == id.as_str() && event["content"]["body"].is_string()
                })
            };
            Ok(said.iter().all(whole).then_some(()))
        })
        .unwrap();
    }
    bob.wait_event(&known, &dora_says(&dora, &known), ARRIVES_WITHIN)
        .unwrap();
    alice
        .wait_event(&alone, &dora_says(&dora, &alone), ARRIVES_WITHIN)
        .unwrap();
}

fn dora_says(dora: &Client, room: &str) -> String {
    dora.send(room, "m.room.message", &labelled("bin da", VS_NFD))
        .unwrap()
}

/// More than one page of a homeserver's questions for history.
const LONG_AGO: usize = 30;
