//! A room that a peer may not know of answers as one that never existed (MX-9).

use serde_json::{Value, json};
use sluice_policy::pdu::RoomVersion;
use sluice_tests::stub::World;
use sluice_tests::stub::labels::*;
use sluice_tests::stub::room::{Room, VERSIONS};
use sluice_tests::stub::wire::Reply;

const V1: &str = "/_matrix/federation/v1";
const V2: &str = "/_matrix/federation/v2";

/// One way to ask about a room.
struct Ask {
    name: &'static str,
    method: &'static str,
    path: String,
    query: String,
    body: Option<String>,
}

/// Every operation that names a room and is relayed, leaves apart, as the peer's homeserver would ask.
fn asks(world: &World, room: &Room) -> Vec<Ask> {
    let mut room = room.clone();
    let (room_id, event) = (encoded(&room.id), encoded(&room.create.id));
    let get = |name, path: String, query: &str| Ask {
        name,
        method: "GET",
        path,
        query: query.to_owned(),
        body: None,
    };
    let join = room.member(&world.bob(), "@bob:low.test", "join");
    let invite = room.member(&world.bob(), "@alice:high.test", "invite");
    let invited = json!({"event": invite.json, "room_version": room.version.as_str(), "invite_room_state": []});
    let missing = json!({"earliest_events": [], "latest_events": [room.create.id], "limit": 10, "min_depth": 0});
    let put = |name, path: String, body: String| Ask {
        name,
        method: "PUT",
        path,
        query: String::new(),
        body: Some(body),
    };
    let at = format!("?event_id={event}");
    vec![
        get(
            "backfill",
            format!("{V1}/backfill/{room_id}"),
            &format!("?v={event}&limit=10"),
        ),
        get("state", format!("{V1}/state/{room_id}"), &at),
        get("state_ids", format!("{V1}/state_ids/{room_id}"), &at),
        get(
            "event_auth",
            format!("{V1}/event_auth/{room_id}/{event}"),
            "",
        ),
        get(
            "make_join",
            format!("{V1}/make_join/{room_id}/%40bob%3Alow.test"),
            "?ver=10&ver=11&ver=12",
        ),
        put(
            "send_join",
            format!("{V2}/send_join/{room_id}/{}", encoded(&join.id)),
            join.text(),
        ),
        put(
            "invite",
            format!("{V2}/invite/{room_id}/{}", encoded(&invite.id)),
            invited.to_string(),
        ),
        Ask {
            method: "POST",
            ..put(
                "get_missing_events",
                format!("{V1}/get_missing_events/{room_id}"),
                missing.to_string(),
            )
        },
    ]
}

fn ask(world: &World, ask: &Ask) -> Reply {
    let target = format!("{}{}", ask.path, ask.query);
    world.from_peer(ask.method, &target, ask.body.as_deref().map(str::as_bytes))
}

/// Everything of an answer that could tell one room from another.
fn bytes(reply: &Reply) -> (u16, String, String) {
    let fields = reply.head.lines().filter(|line| {
        let name = line.split(':').next().unwrap_or_default();
        !name.eq_ignore_ascii_case("date")
    });
    (reply.status, fields.collect(), reply.text())
}

/// A room that our homeserver does not let the peer see.
fn refused_room(world: &World, version: RoomVersion) -> Room {
    let room = Room::create(version, &world.alice());
    let forbidden = json!({"errcode": "M_FORBIDDEN", "error": "Host not in room."});
    for ask in asks(world, &room) {
        let what = format!("{} {}", ask.method, ask.path);
        world.homeserver.far.on(&what, 403, &forbidden);
    }
    room
}

fn hidden_room(world: &World, version: RoomVersion) -> Room {
    let mut room = world.alices_room(version);
    let state = room.labels(&world.alice(), json!({"label": label(GEHEIM)}));
    assert_eq!(world.judged_one(Side::Ours, &state), "label.classification");
    world.forget();
    room
}

#[test]
fn mx_9_a_hidden_room_one_that_never_was_and_one_that_is_refused_answer_alike_byte_for_byte() {
    let world = World::under(&demanding());
    for version in VERSIONS {
        let hidden = hidden_room(&world, version);
        let never = Room::create(version, &world.alice());
        let refused = refused_room(&world, version);
        for at in 0..asks(&world, &hidden).len() {
            let rooms = [&hidden, &never, &refused].map(|room| asks(&world, room).remove(at));
            let [first, ..] = &rooms;
            let story = format!("{} in version {}", first.name, version.as_str());
            let expected = bytes(&ask(&world, first));
            assert_eq!(expected.0, 404, "{story}: {expected:?}");
            world.nothing_reached_the_homeserver(&story);
            for room in &rooms {
                let answered = bytes(&ask(&world, room));
                assert_eq!(answered, expected, "{story}\n{}", world.gateway.log());
            }
            world.forget();
            for room in &rooms {
                assert_eq!(bytes(&ask(&world, room)), expected, "{story}, asked again");
            }
            world.nothing_reached_the_homeserver(&story);
        }
    }
}

#[test]
fn mx_9_a_broken_request_tells_a_hidden_room_from_none_as_little() {
    let world = World::under(&demanding());
    let hidden = hidden_room(&world, RoomVersion::V12);
    let never = Room::create(RoomVersion::V12, &world.alice());
    let [one, other] = [&hidden, &never].map(|room| {
        let target = format!("{V1}/get_missing_events/{}", encoded(&room.id));
        bytes(&world.from_peer("POST", &target, Some(b"{\"limit\":1.5}")))
    });
    assert_eq!(one, other);
}

#[test]
fn mx_9_an_event_of_a_hidden_room_and_one_that_never_was_answer_alike() {
    let world = World::under(&demanding());
    let mut hidden = hidden_room(&world, RoomVersion::V11);
    let message = hidden.says(&world.alice(), labelled("the canteen", &label(OFFEN)));
    let pull = |id: &str| world.from_peer("GET", &format!("{V1}/event/{}", encoded(id)), None);
    let never = bytes(&pull("$aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"));
    assert_eq!(never.0, 404);
    let forbidden = json!({"errcode": "M_FORBIDDEN", "error": "not in room"});
    let answer = sluice_tests::stub::answer_of("pdus", "high.test", std::slice::from_ref(&message));
    let far = &world.homeserver.far;
    far.on(&format!("GET {V1}/event/"), 403, &forbidden);
    assert_eq!(bytes(&pull(&message.id)), never, "our homeserver refuses");
    far.on(&format!("GET {V1}/event/"), 200, &answer);
    assert_eq!(bytes(&pull(&message.id)), never, "our homeserver gives it");
}

#[test]
fn mx_9_whoever_was_in_a_room_when_it_was_hidden_can_leave_it() {
    let world = World::under(&demanding());
    let mut room = hidden_room(&world, RoomVersion::V12);
    let template = json!({
        "room_version": "12",
        "event": {
            "type": "m.room.member", "room_id": room.id, "sender": "@bob:low.test", "state_key": "@bob:low.test",
            "content": {"membership": "leave"}, "depth": 9, "prev_events": [room.create.id], "auth_events": [],
            "origin_server_ts": 1,
        },
    });
    let path = format!("{V1}/make_leave/{}/%40bob%3Alow.test", encoded(&room.id));
    let far = &world.homeserver.far;
    far.on(&format!("GET {path}"), 200, &template);
    let reply = world.from_peer("GET", &path, None);
    assert_eq!(reply.status, 200, "{}", world.gateway.log());
    let leave = room.member(&world.bob(), "@bob:low.test", "leave");
    let path = format!(
        "{V2}/send_leave/{}/{}",
        encoded(&room.id),
        encoded(&leave.id)
    );
    far.on(&format!("PUT {path}"), 200, &json!({}));
    let reply = world.from_peer("PUT", &path, Some(leave.text().as_bytes()));
    assert_eq!(reply.status, 200, "{}", world.gateway.log());
    assert_eq!(far.requests_of(&format!("PUT {path}")).len(), 1);
}

#[test]
fn mx_9_a_room_whose_label_is_granted_is_shown_and_our_own_users_are_told_why_not() {
    let world = World::under(&demanding());
    let room = world.labelled_room(json!({"label": label(OFFEN)}));
    let backfill = &asks(&world, &room)[0];
    let answer: Value =
        json!({"origin": "high.test", "origin_server_ts": 1, "pdus": [room.create.json]});
    let far = &world.homeserver.far;
    far.on(&format!("GET {}", backfill.path), 200, &answer);
    assert_eq!(ask(&world, backfill).status, 200);

    let mut hidden = hidden_room(&world, RoomVersion::V12);
    let alice = world.alice();
    let state = hidden.labels(&alice, json!({"label": label(GEHEIM)}));
    let invite = hidden.member(&alice, "@bob:low.test", "invite");
    let target = format!(
        "{V2}/invite/{}/{}",
        encoded(&hidden.id),
        encoded(&invite.id)
    );
    for shown in [json!([hidden.create.json, state.json]), json!([])] {
        let body = json!({"event": invite.json, "room_version": "12", "invite_room_state": shown});
        world.forget();
        let reply = world.from_homeserver("PUT", &target, Some(body.to_string().as_bytes()));
        assert_eq!(reply.status, 403, "{}", reply.text());
        assert_eq!(reply.json()["errcode"], "M_FORBIDDEN");
        assert!(!world.peer.far.saw(&hidden.id), "{shown}");
    }
}

#[test]
fn mx_9_a_room_above_the_clearance_is_hidden_also_where_no_label_is_demanded() {
    let world = World::new();
    let hidden = hidden_room(&world, RoomVersion::V12);
    for asked in asks(&world, &hidden) {
        assert_eq!(ask(&world, &asked).status, 404, "{}", asked.name);
        world.nothing_reached_the_homeserver(asked.name);
    }
}
