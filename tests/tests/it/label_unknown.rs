//! What is not known yet is no verdict for ever, and what hangs on it does not cross meanwhile.

use serde_json::{Value, json};
use sluice_policy::link::RequireLabel;
use sluice_policy::pdu::RoomVersion;
use sluice_tests::stub::labels::*;
use sluice_tests::stub::room::Room;
use sluice_tests::stub::{SEND, World, next_send, policy};

const V1: &str = "/_matrix/federation/v1";
const V2: &str = "/_matrix/federation/v2";

#[test]
fn mx_5_what_relates_to_an_event_that_is_known_later_is_released_later() {
    let world = World::under(&demanding());
    for side in SIDES {
        let by = world.speaker(side);
        let mut room = world.labelled_room(json!({"label": label(OFFEN)}));
        let first = room.says(&world.alice(), plain("said before the gateway stood here"));
        let reply = room.says(&by, answering(plain("indeed"), &first));
        assert_eq!(world.judged_one(side, &reply), "label.target_unknown");
        world.homeserver_has(&first);
        assert_eq!(world.judged_one(side, &reply), "", "{side:?}");
    }
}

#[test]
fn mx_5_what_hung_on_an_unknown_event_does_not_hand_on_the_rooms_label() {
    let world = World::under(&demanding());
    for side in SIDES {
        let by = world.speaker(side);
        let mut room = world.labelled_room(wide(OFFEN));
        let first = room.says(&world.alice(), labelled("the plan", &label(GEHEIM)));
        let reply = room.says(&by, answering(plain("indeed"), &first));
        assert_eq!(world.judged_one(side, &reply), "label.target_unknown");
        world.homeserver_has(&first);
        world.homeserver_has(&reply);
        let answer = room.says(&by, answering(plain("quite so"), &reply));
        assert_eq!(
            world.judged_one(side, &answer),
            "label.classification",
            "{side:?}"
        );
    }
}

/// alice's homeserver tells who types and who has read.
fn ephemeral(world: &World, edus: &[Value]) {
    let body = json!({"origin": "high.test", "origin_server_ts": 1, "pdus": [], "edus": edus});
    let body = body.to_string();
    let reply = world.from_homeserver("PUT", &next_send(), Some(body.as_bytes()));
    assert_eq!(reply.status, 200, "{}", reply.text());
}

fn typing(room: &Room) -> Value {
    let content = json!({"room_id": room.id, "user_id": "@alice:high.test", "typing": true});
    json!({"edu_type": "m.typing", "content": content})
}

fn receipt(rooms: &[&Room]) -> Value {
    let read = json!({"m.read": {"@alice:high.test": {"event_ids": ["$4aNnUXW2oq3PQlPdTDcv9fHiNiC2k1DFyrV8CkMKOvM"], "data": {"ts": 1}}}});
    let content: serde_json::Map<String, Value> = rooms
        .iter()
        .map(|room| (room.id.clone(), read.clone()))
        .collect();
    json!({"edu_type": "m.receipt", "content": content})
}

/// The rules of EDUs that were dropped since the record of lines began.
fn dropped(world: &World, before: usize) -> Vec<String> {
    let lines = world.gateway.audit().into_iter().skip(before);
    let edus = lines.filter(|line| line["kind"] == "edu");
    edus.map(|line| line["rule"].as_str().unwrap_or_default().to_owned())
        .collect()
}

#[test]
fn mx_10_who_types_in_a_room_whose_label_nobody_knows_is_not_told() {
    let world = World::under(&demanding());
    let alice = world.alice();
    let unknown = world.alices_room(RoomVersion::V12);
    let open = world.labelled_room(json!({"label": label(OFFEN)}));
    let high = world.labelled_room(json!({"label": label(GEHEIM)}));
    let mut bare = world.alices_room(RoomVersion::V12);
    world.homeserver_says(&bare, None, &[&bare.create]);
    let message = bare.says(&alice, labelled("hello", &label(OFFEN)));
    assert_eq!(
        world.judged_one(Side::Ours, &message),
        "",
        "no label, as is known now"
    );
    for (room, rules) in [
        (&unknown, &["label.room_unknown"][..]),
        (&high, &["label.classification"]),
        (&open, &[]),
        (&bare, &[]),
    ] {
        for edu in [typing(room), receipt(&[room])] {
            let before = world.gateway.audit().len();
            world.forget();
            ephemeral(&world, std::slice::from_ref(&edu));
            assert_eq!(dropped(&world, before), rules, "{edu}");
            assert_eq!(world.peer.far.saw(&room.id), rules.is_empty(), "{edu}");
        }
    }
    world.forget();
    ephemeral(&world, &[receipt(&[&unknown, &open])]);
    assert!(world.peer.far.saw(&open.id) && !world.peer.far.saw(&unknown.id));
    assert_eq!(world.peer.far.requests_of(&format!("PUT {SEND}")).len(), 1);
}

#[test]
fn who_types_is_told_where_no_label_is_demanded() {
    let world = World::under(&policy());
    let room = world.alices_room(RoomVersion::V12);
    ephemeral(&world, &[typing(&room)]);
    assert!(world.peer.far.saw("m.typing"));
}

/// A template by which bob would join or leave.
fn template(world: &World, room: &Room, membership: &str) -> u16 {
    let event = json!({
        "type": "m.room.member", "room_id": room.id, "sender": "@bob:low.test", "state_key": "@bob:low.test",
        "content": {"membership": membership}, "depth": 9, "prev_events": [room.create.id], "auth_events": [],
        "origin_server_ts": 1,
    });
    let answer = json!({"room_version": "12", "event": event});
    let path = format!(
        "{V1}/make_{membership}/{}/%40bob%3Alow.test",
        encoded(&room.id)
    );
    let query = if membership == "join" { "?ver=12" } else { "" };
    let far = &world.homeserver.far;
    far.on(&format!("GET {path}"), 200, &answer);
    world
        .from_peer("GET", &format!("{path}{query}"), None)
        .status
}

#[test]
fn lb_6_where_a_room_label_is_demanded_its_members_and_templates_take_it_and_everybody_may_leave() {
    let world = World::under(&links(|link| link.require_label = RequireLabel::Room));
    let alice = world.alice();
    let room_that_says = |content: Value| {
        let mut room = Room::create(RoomVersion::V12, &alice);
        world.homeserver_says(&room, None, &[&room.create]);
        let state = room.labels(&alice, content);
        let _denied = world.judged_one(Side::Ours, &state);
        room
    };
    let mut open = room_that_says(json!({"label": label(OFFEN)}));
    let mut bare = room_that_says(json!({}));
    for (room, join, rule) in [(&mut open, 200, ""), (&mut bare, 403, "label.missing")] {
        assert_eq!(template(&world, room, "join"), join, "{rule}");
        assert_eq!(template(&world, room, "leave"), 200, "{rule}");
        let member = room.member(&alice, &alice.user, "join");
        assert_eq!(world.judged_one(Side::Ours, &member), rule);
        let verdict = if rule.is_empty() { "release" } else { "drop" };
        assert_eq!(
            world.decision(&member.id)["verdict"],
            verdict,
            "not even redacted"
        );
        let before = world.gateway.audit().len();
        ephemeral(&world, &[typing(room)]);
        assert_eq!(dropped(&world, before).concat(), rule);
        let member = room.member(&alice, "@bob:low.test", "invite");
        let body = json!({"event": member.json, "room_version": "12", "invite_room_state": [
            {"type": "m.room.name", "state_key": "", "sender": alice.user, "content": {"name": "canteen"}},
        ]});
        let target = format!("{V2}/invite/{}/{}", encoded(&room.id), encoded(&member.id));
        world.forget();
        let _reply = world.from_homeserver("PUT", &target, Some(body.to_string().as_bytes()));
        assert_eq!(world.peer.far.saw("canteen"), rule.is_empty(), "{rule}");
    }
}
