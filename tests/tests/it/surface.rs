//! What is shown to those who were not invited: opened by the link, judged entry by entry, and otherwise as if it was not
//! there. And what never crosses: files, addresses, tokens, unknown paths.

use serde_json::{Value, json};
use sluice_policy::bundle::BundleParts;
use sluice_policy::link::{Encryption, Opening};
use sluice_policy::pdu::RoomVersion;
use sluice_tests::stub::labels::*;
use sluice_tests::stub::room::{Actor, Room};
use sluice_tests::stub::wire::Reply;
use sluice_tests::stub::{TAX_ID, World, next_send, policy};

const V1: &str = "/_matrix/federation/v1";
const V2: &str = "/_matrix/federation/v2";
const NEVER: &str = "!4aNnUXW2oq3PQlPdTDcv9fHiNiC2k1DFyrV8CkMKOvM";

/// Every link opens everything.
fn open(mut parts: BundleParts) -> BundleParts {
    for link in parts.links.values_mut() {
        link.opens = vec![
            Opening::PublicRooms,
            Opening::Aliases,
            Opening::Hierarchy,
            Opening::Knock,
        ];
    }
    parts
}

fn hidden_room(world: &World) -> Room {
    world.labelled_room(json!({"label": label(GEHEIM)}))
}

fn shown_room(world: &World) -> Room {
    world.labelled_room(json!({"label": label(OFFEN)}))
}

/// Everything of an answer that could tell one room from another.
fn bytes(reply: &Reply) -> (u16, String, String) {
    let fields = reply.head.lines().filter(|line| {
        let name = line.split(':').next().unwrap_or_default();
        !name.eq_ignore_ascii_case("date")
    });
    (reply.status, fields.collect(), reply.text())
}

fn entry(room: &str, name: &str) -> Value {
    json!({
        "room_id": room, "name": name, "num_joined_members": 3, "world_readable": false, "guest_can_join": false,
        "join_rule": "public",
    })
}

fn names(list: &Value) -> Vec<&str> {
    let rooms = list.as_array().map(Vec::as_slice).unwrap_or_default();
    rooms
        .iter()
        .filter_map(|room| room["name"].as_str())
        .collect()
}

/// What a peer asks of the operations that a link may open, about a room.
fn asks(world: &World, room: &Room) -> Vec<(&'static str, String, Option<String>)> {
    let (id, bob) = (encoded(&room.id), encoded("@bob:low.test"));
    let knock = room.clone().member(&world.bob(), "@bob:low.test", "knock");
    vec![
        (
            "GET",
            format!("{V1}/make_knock/{id}/{bob}?ver=11&ver=12"),
            None,
        ),
        (
            "PUT",
            format!("{V1}/send_knock/{id}/{}", encoded(&knock.id)),
            Some(knock.text()),
        ),
        ("GET", format!("{V1}/hierarchy/{id}"), None),
        (
            "GET",
            format!("{V1}/timestamp_to_event/{id}?ts=1&dir=f"),
            None,
        ),
    ]
}

#[test]
fn mx_9_whoever_was_not_invited_learns_nothing_of_a_hidden_room_byte_for_byte() {
    for (parts, opened) in [
        (open(demanding()), true),
        (open(policy()), true),
        (demanding(), false),
    ] {
        let world = World::under(&parts);
        let hidden = hidden_room(&world);
        let never = Room::create(RoomVersion::V12, &world.alice());
        let refused = Room::create(RoomVersion::V12, &world.alice());
        for (method, target, _) in asks(&world, &refused) {
            let path = target.split('?').next().unwrap();
            let forbidden = json!({"errcode": "M_FORBIDDEN", "error": "the canteen is private"});
            world
                .homeserver
                .far
                .on(&format!("{method} {path}"), 403, &forbidden);
        }
        for at in 0..asks(&world, &hidden).len() {
            let answers = [&never, &hidden, &refused].map(|room| {
                let (method, target, body) = asks(&world, room).remove(at);
                bytes(&world.from_peer(method, &target, body.as_deref().map(str::as_bytes)))
            });
            let (_, target, _) = &asks(&world, &never)[at];
            assert_eq!(answers[0].0, 404, "{target}: {:?}", answers[0]);
            assert_eq!(answers[0], answers[1], "{target} {opened}");
            assert_eq!(answers[0], answers[2], "{target} {opened}");
        }
        assert!(!world.homeserver.far.saw(&encoded(&hidden.id)), "{opened}");
    }
}

#[test]
fn mx_9_lists_hierarchies_and_aliases_name_the_rooms_alone_that_the_peer_may_know() {
    let world = World::under(&open(demanding()));
    let (shown, hidden) = (shown_room(&world), hidden_room(&world));
    let far = &world.homeserver.far;
    let rooms = [
        entry(&shown.id, "shown"),
        entry(&hidden.id, "hidden"),
        entry(NEVER, "unknown"),
    ];
    let listed = json!({"chunk": rooms, "next_batch": hidden.id, "prev_batch": hidden.id, "total_room_count_estimate": 3});
    far.on(&format!("GET {V1}/publicRooms"), 200, &listed);
    far.on(&format!("POST {V1}/publicRooms"), 200, &listed);
    let search = json!({"limit": 1, "filter": {"generic_search_term": "shown"}}).to_string();
    for reply in [
        world.from_peer("GET", &format!("{V1}/publicRooms?limit=1&since=x"), None),
        world.from_peer(
            "POST",
            &format!("{V1}/publicRooms"),
            Some(search.as_bytes()),
        ),
    ] {
        assert_eq!(
            reply.status,
            200,
            "{}\n{}",
            reply.text(),
            world.gateway.log()
        );
        assert_eq!(names(&reply.json()["chunk"]), ["shown"]);
        assert!(!reply.text().contains(&hidden.id), "{}", reply.text());
        assert_eq!(reply.json().as_object().unwrap().len(), 1);
    }

    let child = |room: &str| json!({"type": "m.space.child", "state_key": room, "sender": "@alice:high.test", "origin_server_ts": 1, "content": {"via": ["high.test"]}});
    let mut space = entry(&shown.id, "space");
    space["children_state"] = json!([child(&shown.id), child(&hidden.id), child(NEVER)]);
    space["allowed_room_ids"] = json!([hidden.id]);
    let answer = json!({"room": space, "children": rooms, "inaccessible_children": [hidden.id]});
    let target = format!("{V1}/hierarchy/{}", encoded(&shown.id));
    far.on(&format!("GET {target}"), 200, &answer);
    let reply = world.from_peer("GET", &target, None);
    assert_eq!(
        reply.status,
        200,
        "{}\n{}",
        reply.text(),
        world.gateway.log()
    );
    assert_eq!(names(&reply.json()["children"]), ["shown"]);
    let told = reply.text();
    assert!(
        !told.contains(&hidden.id) && !told.contains(NEVER),
        "{told}"
    );
    assert!(told.contains("m.space.child"));

    let asked = |alias: &str| format!("{V1}/query/directory?room_alias=%23{alias}%3Ahigh.test");
    let aliased = |room: &str| {
        let answer = json!({"room_id": room, "servers": ["high.test", "third.test"]});
        far.on(&format!("GET {V1}/query/directory"), 200, &answer);
        world.from_peer("GET", &asked("lage"), None)
    };
    let reply = aliased(&shown.id);
    assert_eq!(
        reply.json(),
        json!({"room_id": shown.id, "servers": ["high.test"]})
    );
    let (hidden, unknown) = (bytes(&aliased(&hidden.id)), bytes(&aliased(NEVER)));
    let missing = json!({"errcode": "M_NOT_FOUND", "error": "no such alias"});
    far.on(&format!("GET {V1}/query/directory"), 404, &missing);
    let never = bytes(&world.from_peer("GET", &asked("never"), None));
    assert_eq!(never.0, 404);
    assert_eq!(hidden, never, "a hidden room's alias was never given");
    assert_eq!(unknown, never, "nor one of a room that nobody knows");
}

#[test]
fn what_a_link_does_not_open_looks_empty_and_nobody_is_asked() {
    let world = World::new();
    // Both sides' keys are known before.
    let _ours = world.alices_room(RoomVersion::V12);
    let room = world.bobs_room(RoomVersion::V12);
    let (id, alice) = (encoded(&room.id), encoded("@alice:high.test"));
    let ours = |method: &str, target: &str, body: Option<&[u8]>| {
        world.from_homeserver(method, &format!("{V1}/{target}"), body)
    };
    let theirs = |method: &str, target: &str, body: Option<&[u8]>| {
        world.from_peer(method, &format!("{V1}/{target}"), body)
    };
    for reply in [
        ours("GET", "publicRooms?limit=5", None),
        ours("POST", "publicRooms", Some(b"{}")),
        theirs("GET", "publicRooms", None),
        theirs("POST", "publicRooms", Some(b"{\"limit\":1}")),
    ] {
        assert_eq!((reply.status, reply.json()), (200, json!({"chunk": []})));
    }
    let alias = |server: &str| format!("query/directory?room_alias=%23lage%3A{server}");
    for reply in [
        ours("GET", &alias("low.test"), None),
        theirs("GET", &alias("high.test"), None),
        ours("GET", &format!("hierarchy/{id}"), None),
        theirs("GET", &format!("hierarchy/{id}"), None),
        theirs(
            "GET",
            &format!("make_knock/{id}/%40bob%3Alow.test?ver=12"),
            None,
        ),
    ] {
        assert_eq!(
            (reply.status, reply.json()["errcode"].clone()),
            (404, json!("M_NOT_FOUND"))
        );
    }
    let told = ours("GET", &format!("make_knock/{id}/{alice}?ver=12"), None);
    assert_eq!(
        (told.status, told.json()["errcode"].clone()),
        (403, json!("M_FORBIDDEN"))
    );
    assert!(
        world.peer.far.requests().is_empty(),
        "{:?}",
        world.peer.far.requests()
    );
    world.nothing_reached_the_homeserver("closed operations");
}

#[test]
fn a_search_is_judged_as_what_people_write_is() {
    let world = World::under(&open(policy()));
    let far = &world.peer.far;
    far.on(
        &format!("POST {V1}/publicRooms"),
        200,
        &json!({"chunk": []}),
    );
    let search = |term: &str| {
        let body = json!({"filter": {"generic_search_term": term}}).to_string();
        world.from_homeserver("POST", &format!("{V1}/publicRooms"), Some(body.as_bytes()))
    };
    assert_eq!(search("Lage").status, 200, "{}", world.gateway.log());
    assert!(far.saw("Lage"));
    assert_eq!(search(TAX_ID).status, 403);
    assert!(!far.saw(TAX_ID));
}

#[test]
fn a_knock_is_judged_as_a_join_is_and_shows_what_an_invitation_would() {
    let world = World::under(&open(demanding()));
    let room = shown_room(&world);
    let mut events = room.clone();
    let (alice, bob) = (world.alice(), world.bob());
    let far = &world.homeserver.far;
    let mut template = room.draft(
        &bob,
        "m.room.member",
        json!({"membership": "knock", "note": TAX_ID}),
    );
    template["state_key"] = json!(bob.user);
    let target = format!("{V1}/make_knock/{}/%40bob%3Alow.test", encoded(&room.id));
    far.on(
        &format!("GET {target}"),
        200,
        &json!({"room_version": "12", "event": template}),
    );
    let reply = world.from_peer("GET", &format!("{target}?ver=12"), None);
    assert_eq!(
        reply.status,
        200,
        "{}\n{}",
        reply.text(),
        world.gateway.log()
    );
    assert_eq!(
        reply.json()["event"]["content"],
        json!({"membership": "knock"})
    );

    let stripped = |kind: &str, content: Value| json!({"type": kind, "state_key": "", "sender": alice.user, "content": content});
    let rules = events.event(
        &alice,
        "m.room.join_rules",
        Some(""),
        json!({"join_rule": "knock"}),
    );
    let shown = json!({"knock_room_state": [
        room.create.json, rules.json, stripped("m.room.name", json!({"name": "Lage"})),
        stripped("m.room.topic", json!({"topic": TAX_ID})),
    ]});
    let content = json!({"membership": "knock", "reason": "let me in", "displayname": "Bob"});
    let knock = events.event(&bob, "m.room.member", Some(&bob.user), content);
    let target = format!(
        "{V1}/send_knock/{}/{}",
        encoded(&room.id),
        encoded(&knock.id)
    );
    far.on(&format!("PUT {target}"), 200, &shown);
    let reply = world.from_peer("PUT", &target, Some(knock.text().as_bytes()));
    assert_eq!(
        reply.status,
        200,
        "{}\n{}",
        reply.text(),
        world.gateway.log()
    );
    let kinds: Vec<Value> = reply.json()["knock_room_state"]
        .as_array()
        .unwrap()
        .iter()
        .map(|state| state["type"].clone())
        .collect();
    assert_eq!(kinds, ["m.room.create", "m.room.join_rules", "m.room.name"]);
    let sent = far.requests_of(&format!("PUT {target}"));
    assert_eq!(sent[0].json()["content"]["reason"], "let me in");
}

#[test]
fn an_event_that_was_denied_is_not_named_by_its_time() {
    let world = World::new();
    let mut room = world.alices_room(RoomVersion::V12);
    let (said, denied) = (
        room.message(&world.alice(), "Guten Morgen"),
        room.message(&world.alice(), TAX_ID),
    );
    assert_eq!(world.judged_one(Side::Ours, &said), "");
    assert_eq!(world.judged_one(Side::Ours, &denied), "dlp.de.steuer_id");
    let path = format!("{V1}/timestamp_to_event/{}", encoded(&room.id));
    let ask = |named: &Value| {
        world.homeserver.far.on(&format!("GET {path}"), 200, named);
        world.from_peer("GET", &format!("{path}?ts=5&dir=b"), None)
    };
    let named = |id: &str| json!({"event_id": id, "origin_server_ts": 5, "note": "x"});
    let reply = ask(&named(&said.id));
    assert_eq!(
        (reply.status, reply.json()),
        (200, json!({"event_id": said.id, "origin_server_ts": 5}))
    );
    assert_eq!(ask(&named(&denied.id)).status, 404);
    assert_eq!(ask(&json!({"origin_server_ts": 5})).status, 502);
}

#[test]
fn profile_fields_are_the_links_own_and_no_other_is_asked_for() {
    let mut parts = policy();
    for link in parts.links.values_mut() {
        link.profile_fields.push("m.tz".to_owned());
    }
    let world = World::under(&parts);
    let path = format!("{V1}/query/profile");
    let bob = json!({"displayname": "Bob", "m.tz": "Europe/Berlin", "org.example.rank": "Hptm"});
    world.peer.far.on(&format!("GET {path}"), 200, &bob);
    let ask = |query: &str| {
        world.from_homeserver(
            "GET",
            &format!("{path}?user_id=%40bob%3Alow.test{query}"),
            None,
        )
    };
    assert_eq!(
        ask("").json(),
        json!({"displayname": "Bob", "m.tz": "Europe/Berlin"})
    );
    assert_eq!(ask("&field=m.tz").status, 200);
    world.forget();
    let unlisted = ask("&field=org.example.rank");
    assert_eq!(
        (unlisted.status, unlisted.json()["errcode"].clone()),
        (404, json!("M_NOT_FOUND"))
    );
    assert!(world.peer.far.requests().is_empty());
}

#[test]
fn files_are_refused_in_a_way_that_makes_nobody_try_older_paths() {
    let world = World::under(&open(policy()));
    for target in [
        "download/abc?timeout_ms=20000",
        "thumbnail/abc?width=1&height=1",
    ] {
        let target = format!("{V1}/media/{target}");
        for reply in [
            world.from_homeserver("GET", &target, None),
            world.from_peer("GET", &target, None),
        ] {
            assert_eq!(
                (reply.status, reply.json()["errcode"].clone()),
                (404, json!("M_NOT_FOUND"))
            );
            assert!(!reply.head.to_lowercase().contains("location:"));
        }
    }
    for legacy in [
        "/_matrix/media/v3/download/low.test/abc",
        "/_matrix/media/r0/thumbnail/low.test/abc",
        "/_matrix/federation/unstable/rooms/x/complexity",
        "/_matrix/federation/v1/send_join/a/b",
        "/_matrix/federation/unstable/user/keys/claim",
    ] {
        let reply = world.from_homeserver("GET", legacy, None);
        assert_eq!(
            (reply.status, reply.json()["errcode"].clone()),
            (404, json!("M_UNRECOGNIZED")),
            "{legacy}"
        );
    }
    assert!(world.peer.far.requests().is_empty());
    world.nothing_reached_the_homeserver("files and older paths");
}

/// An encrypted room, as alice's homeserver tells of it in a transaction.
fn encrypted_room(world: &World) -> Room {
    let mut room = world.alices_room(RoomVersion::V12);
    let on = json!({"algorithm": "m.megolm.v1.aes-sha2"});
    let on = room.event(&world.alice(), "m.room.encryption", Some(""), on);
    assert_eq!(world.judged_one(Side::Ours, &on), "");
    world.forget();
    room
}

fn invitation(room: &Room, from: &Actor, to: &str, shown: &Value) -> (String, String) {
    let invite = room.clone().member(from, to, "invite");
    let body = json!({"event": invite.json, "room_version": "12", "invite_room_state": shown});
    let target = format!("{V2}/invite/{}/{}", encoded(&room.id), encoded(&invite.id));
    (target, body.to_string())
}

const WHY: &str = "Encrypted rooms are not allowed";

#[test]
fn an_encrypted_room_is_neither_joined_nor_invited_to_where_the_link_refuses_ciphertext() {
    let world = World::new();
    let room = encrypted_room(&world);
    let (alice, bob) = (world.alice(), world.bob());

    let (target, body) = invitation(&room, &alice, "@bob:low.test", &json!([]));
    let reply = world.from_homeserver("PUT", &target, Some(body.as_bytes()));
    assert!(
        reply.status == 403 && reply.text().contains(WHY),
        "{}",
        reply.text()
    );
    assert!(world.peer.far.requests().is_empty(), "by the journal");

    let fresh = Room::create(RoomVersion::V12, &alice);
    let on = json!({"type": "m.room.encryption", "state_key": "", "sender": alice.user, "content": {"algorithm": "x"}});
    let (target, body) = invitation(&fresh, &alice, "@bob:low.test", &json!([on]));
    let reply = world.from_homeserver("PUT", &target, Some(body.as_bytes()));
    assert!(
        reply.status == 403 && reply.text().contains(WHY),
        "by the state of the invitation: {}",
        reply.text()
    );

    let path = format!("{V1}/make_join/{}/%40bob%3Alow.test", encoded(&room.id));
    let reply = world.from_peer("GET", &format!("{path}?ver=12"), None);
    assert!(
        reply.status == 403 && reply.text().contains(WHY),
        "{}",
        reply.text()
    );
    let join = room.clone().member(&bob, "@bob:low.test", "join");
    let path = format!("{V2}/send_join/{}/{}", encoded(&room.id), encoded(&join.id));
    let reply = world.from_peer("PUT", &path, Some(join.text().as_bytes()));
    assert!(
        reply.status == 403 && reply.text().contains(WHY),
        "{}",
        reply.text()
    );
    world.nothing_reached_the_homeserver("a join into an encrypted room");
}

#[test]
fn a_join_whose_answer_shows_an_encrypted_room_is_refused_with_that_reason() {
    let world = World::new();
    let (alice, bob) = (world.alice(), world.bob());
    let mut room = world.bobs_room(RoomVersion::V12);
    let on = json!({"algorithm": "m.megolm.v1.aes-sha2"});
    let on = room.event(&bob, "m.room.encryption", Some(""), on);
    let join = room.member(&alice, "@alice:high.test", "join");
    let path = format!("{V2}/send_join/{}/{}", encoded(&room.id), encoded(&join.id));
    let answer = json!({
        "event": join.json, "origin": "low.test", "members_omitted": false, "servers_in_room": ["low.test"],
        "state": [room.create.json, on.json], "auth_chain": [room.create.json],
    });
    world.peer.far.on(&format!("PUT {path}"), 200, &answer);
    for _ in 0..2 {
        let reply = world.from_homeserver("PUT", &path, Some(join.text().as_bytes()));
        assert!(
            reply.status == 403 && reply.text().contains(WHY),
            "{}",
            reply.text()
        );
    }
    let asked = world.peer.far.requests_of(&format!("PUT {path}"));
    assert_eq!(asked.len(), 1, "the second time it is known");
}

#[test]
fn a_room_that_becomes_encrypted_later_lives_on_and_its_ciphertext_is_redacted() {
    let world = World::new();
    let mut room = encrypted_room(&world);
    let cipher = json!({"algorithm": "m.megolm.v1.aes-sha2", "ciphertext": "AAAA", "sender_key": "k", "device_id": "D", "session_id": "s"});
    let secret = room.event(&world.alice(), "m.room.encrypted", None, cipher);
    let plain = room.message(&world.alice(), "in clear");
    assert_eq!(
        world.judged(Side::Ours, &[secret.clone(), plain]),
        ["protocol.encryption_refused", ""]
    );
    assert_eq!(world.decision(&secret.id)["encryption"], "refuse");
    assert!(world.peer.far.saw("in clear") && world.peer.far.saw("m.room.encrypted"));
    let member = room.member(&world.alice(), "@alice:high.test", "join");
    assert_eq!(world.judged_one(Side::Ours, &member), "");
}

#[test]
fn mx_8_what_a_room_is_labelled_counts_for_its_ciphertext_too() {
    let world = World::under(&links(|link| link.encryption = Encryption::LabelOnly));
    let story = |level: &str| {
        let mut room = world
            .labelled_room(json!({"label": label(level), "clearance": wide(level)["clearance"]}));
        let mut content = json!({"algorithm": "m.megolm.v1.aes-sha2", "ciphertext": "AAAA", "device_id": "D", "session_id": "s"});
        content[LABEL] = label(OFFEN);
        let secret = room.event(&world.alice(), "m.room.encrypted", None, content);
        world.judged_one(Side::Ours, &secret)
    };
    assert_eq!(story(OFFEN), "");
    assert_eq!(story(GEHEIM), "label.classification");
}

#[test]
fn messages_to_devices_are_for_users_of_the_homeserver_that_gets_them() {
    let mut parts = policy();
    for link in parts.links.values_mut() {
        link.encryption = Encryption::LabelOnly;
        link.edus.push("m.direct_to_device".to_owned());
    }
    let world = World::under(&parts);
    let send = |to: &str, kind: &str, message: Value| {
        world.forget();
        let content = json!({"sender": "@alice:high.test", "type": kind, "message_id": "m1", "messages": {to: {"DEV": message}}});
        let body = json!({"origin": "high.test", "origin_server_ts": 1, "pdus": [], "edus": [
            {"edu_type": "m.direct_to_device", "content": content},
        ]});
        let sent = world.from_homeserver("PUT", &next_send(), Some(body.to_string().as_bytes()));
        assert_eq!(sent.status, 200, "{}", sent.text());
        world.peer.far.saw("m.direct_to_device")
    };
    let done = || json!({"transaction_id": "t1", "note": "the canteen"});
    assert!(send("@bob:low.test", "m.key.verification.done", done()));
    assert!(!world.peer.far.saw("canteen"));
    assert!(!send("@bob:third.test", "m.key.verification.done", done()));
    assert!(!send("@bob:low.test", "m.dummy", done()));
    let rules: Vec<String> = world.rules_since(0);
    assert!(rules.contains(&"protocol.edu.user".to_owned()));
    assert!(rules.contains(&"protocol.edu.shape".to_owned()));
}
