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

/// Alice finds bob's room in the list of his server, and joins it by its alias.
pub(super) fn join_by_alias(walk: &mut Walk) {
    let World { alice, bob, .. } = &walk.world;
    let room = public_room(walk, bob, "kantine", &json!({}));
    let list = format!(
        "/_matrix/client/v3/publicRooms?server={}&limit=50",
        server(bob)
    );
    assert!(rooms(&alice.get(&list).unwrap()["chunk"]).contains(&room));
    let asked = json!({"limit": 50, "filter": {"generic_search_term": "kantine"}});
    let search = format!("/_matrix/client/v3/publicRooms?server={}", server(bob));
    let found = alice.post(&search, &asked).unwrap();
    assert_eq!(rooms(&found["chunk"]), std::slice::from_ref(&room));
    alice
        .join(&format!("#kantine:{}", server(bob)), &[])
        .unwrap();
    walk.both_see(&room, alice, Some("join"));
    walk.lives(&room);
}

/// Alice looks into a space of bob's and sees a room in it that she is not in.
pub(super) fn a_space_and_its_rooms(walk: &mut Walk) {
    let World { alice, bob, .. } = &walk.world;
    let space = public_room(
        walk,
        bob,
        "haus",
        &json!({"creation_content": {"type": "m.space"}}),
    );
    let child = public_room(walk, bob, "stube", &json!({}));
    let via = json!({"via": [server(bob)], "suggested": true});
    bob.send_state(&space, "m.space.child", &child, &via)
        .unwrap();
    alice.join(&space, &[server(bob)]).unwrap();
    let path = format!("/_matrix/client/v1/rooms/{}/hierarchy", escape(&space));
    until("the space with its room", ARRIVES_WITHIN, || {
        let seen = rooms(&alice.get(&path)?["rooms"]);
        Ok((seen == [space.clone(), child.clone()]).then_some(()))
    })
    .unwrap();
    alice.join(&child, &[server(bob)]).unwrap();
    walk.both_see(&child, alice, Some("join"));
}

fn public_room(walk: &Walk, host: &Client, word: &str, more: &Value) -> String {
    let mut body = json!({"preset": "public_chat", "visibility": "public", "room_version": walk.version, "name": word,
        "room_alias_name": word});
    for (key, value) in more.as_object().into_iter().flatten() {
        body[key] = value.clone();
    }
    let made = host.post("/_matrix/client/v3/createRoom", &body).unwrap();
    made["room_id"].as_str().unwrap().to_owned()
}

fn rooms(list: &Value) -> Vec<String> {
    let list = list.as_array().cloned().unwrap_or_default();
    let id = |room: &Value| room["room_id"].as_str().map(str::to_owned);
    list.iter().filter_map(id).collect()
}
