//! Several homeservers in one zone: what they say to each other, and what of theirs comes back from outside.

use serde_json::{Value, json};
use sluice::route::encode;
use sluice_policy::link::ThirdServers;
use sluice_policy::pdu::RoomVersion;
use sluice_tests::stub::room::{Event, Room, VERSIONS, transaction};
use sluice_tests::stub::wire::Reply;
use sluice_tests::stub::{TAX_ID, World, errors, next_send, pdus, policy};

const V1: &str = "/_matrix/federation/v1";
const V2: &str = "/_matrix/federation/v2";
const BACKFILL: &str = "/_matrix/federation/v1/backfill/%21a%3Ahigh.test?v=%24V8LEfOw78wseB9PIBVfxK3sgrHQ_56ACTuchJxBgp0w&limit=10";

fn world() -> World {
    World::of_two_homeservers(&policy())
}

/// alice's homeserver sends events to anna's, or to bob's.
fn alice_sends_to(world: &World, them: &str, events: &[Event]) -> Reply {
    let body = transaction("high.test", events).to_string();
    let target = next_send();
    world.through_the_hook(
        &world.homeserver,
        them,
        "PUT",
        &target,
        Some(body.as_bytes()),
    )
}

/// anna's homeserver asks bob's for an event, and gets this copy.
fn anna_pulls(world: &World, copy: &Event) -> Reply {
    let target = format!("{V1}/event/{}", encode(&copy.id));
    let answer = json!({"origin": "low.test", "origin_server_ts": 1, "pdus": [copy.json]});
    world.peer.far.on(&format!("GET {target}"), 200, &answer);
    world.through_the_hook(world.second(), "low.test", "GET", &target, None)
}

/// alice's homeserver answers whoever asks for an event with this copy of it.
fn alices_homeserver_has(world: &World, copy: &Event) {
    let target = format!("GET {V1}/event/{}", encode(&copy.id));
    let answer = json!({"origin": "high.test", "origin_server_ts": 1, "pdus": [copy.json]});
    world.homeserver.far.on(&target, 200, &answer);
}

/// A room of alice's, and a message of hers that the link to bob denied.
fn denied_message(world: &World, version: RoomVersion) -> (Room, Event) {
    let mut room = world.alices_room(version);
    let message = room.message(&world.alice(), &format!("pay to {TAX_ID}"));
    let reply = world.alice_sends(std::slice::from_ref(&message));
    assert_eq!(errors(&reply), std::slice::from_ref(&message.id));
    assert!(!world.peer.far.saw(TAX_ID));
    (room, message)
}

#[test]
fn between_two_homeservers_of_a_zone_what_no_link_would_let_out_is_relayed_as_it_is() {
    let world = world();
    for version in VERSIONS {
        let (_, message) = denied_message(&world, version);
        let before = world.gateway.audit().len();
        let reply = alice_sends_to(&world, "second.test", std::slice::from_ref(&message));
        assert_eq!((reply.status, errors(&reply)), (200, Vec::new()));
        let arrived = world.second().far.requests_of("PUT ");
        assert_eq!(
            pdus(&arrived.last().unwrap().json()),
            std::slice::from_ref(&message.json)
        );
        assert_eq!(world.rules_since(before), ["protocol.own_zone"]);
        let lines = world.gateway.audit();
        let line = lines
            .iter()
            .skip(before)
            .find(|line| line["kind"] == "event");
        assert_eq!(line.unwrap()["link"], "high->high");
        // It is signed by the gateway in the sender's name, with the key that the gateway publishes for it.
        let head = &arrived.last().unwrap().head;
        assert!(head.contains("origin=\"high.test\""), "{head}");
        assert!(
            !world.peer.far.saw(TAX_ID),
            "the link to bob goes on to deny it"
        );
        assert_eq!(
            errors(&world.alice_sends(std::slice::from_ref(&message))),
            [message.id]
        );
    }
}

#[test]
fn what_is_broken_or_of_somebody_else_does_not_cross_within_a_zone_either() {
    let world = world();
    let mut room = world.alices_room(RoomVersion::V12);
    let true_one = room.message(&world.alice(), "true");
    let mut tampered = true_one.clone();
    tampered.json["content"]["body"] = json!("false");
    let bobs = room.message(&world.bob(), "in bob's name");
    let mut forged = room.message(&world.alice(), "forged").json;
    forged["signatures"] = true_one.json["signatures"].clone();
    let forged = Event {
        id: String::new(),
        json: forged,
    };
    let before = world.gateway.audit().len();
    let reply = alice_sends_to(&world, "second.test", &[tampered, bobs, forged]);
    assert_eq!((reply.status, errors(&reply).len()), (200, 3));
    assert!(world.second().far.requests_of("PUT ").is_empty());
    let rules = world.rules_since(before);
    for rule in ["protocol.hash", "protocol.sender", "protocol.signature"] {
        assert!(rules.iter().any(|seen| seen == rule), "{rule}: {rules:?}");
    }
    let itself = alice_sends_to(&world, "high.test", &[true_one]);
    assert_eq!(itself.status, 403, "{}", itself.text());
}

#[test]
fn a_homeserver_learns_the_real_keys_of_another_of_its_zone_and_the_gateways() {
    let world = world();
    let keys = world.through_the_hook(
        world.second(),
        "high.test",
        "GET",
        "/_matrix/key/v2/server",
        None,
    );
    assert_eq!(keys.status, 200, "{}", keys.text());
    let keys = keys.json();
    let listed = keys["verify_keys"].as_object().unwrap();
    assert!(listed.contains_key(world.homeserver.key.id()), "{listed:?}");
    assert_eq!(listed.len(), 2, "its own and the injected one: {listed:?}");
}

#[test]
fn a_join_of_the_second_homeserver_is_told_by_the_first_and_a_strangers_is_not() {
    let world = world();
    for version in VERSIONS {
        let mut room = world.alices_room(version);
        let anna = world.anna();
        let join = room.member(&anna, &anna.user, "join");
        let reply = alice_sends_to(&world, "low.test", std::slice::from_ref(&join));
        assert_eq!(
            errors(&reply),
            Vec::<String>::new(),
            "{}",
            world.gateway.log()
        );
        let arrived = world.peer.far.requests_of("PUT ");
        assert_eq!(pdus(&arrived.last().unwrap().json()), [join.json]);
        // What she says, only her own homeserver brings.
        let said = room.message(&anna, "hello");
        let reply = alice_sends_to(&world, "low.test", std::slice::from_ref(&said));
        assert_eq!(errors(&reply), [said.id]);
        let bobs = room.member(&world.bob(), "@bob:low.test", "join");
        let reply = alice_sends_to(&world, "low.test", std::slice::from_ref(&bobs));
        assert_eq!(errors(&reply), [bobs.id], "bob's is for bob's homeserver");
        world.forget();
    }
}

#[test]
fn an_event_of_our_zone_that_comes_back_redacted_is_restored_from_its_own_homeserver() {
    let world = world();
    for version in VERSIONS {
        let (_, message) = denied_message(&world, version);
        alices_homeserver_has(&world, &message);
        let before = world.gateway.audit().len();
        let reply = anna_pulls(&world, &message.redacted(version));
        assert_eq!(reply.status, 200, "{}", world.gateway.log());
        assert_eq!(
            reply.json()["pdus"],
            json!([message.json]),
            "whole, as alice wrote it"
        );
        assert_eq!(world.rules_since(before), ["protocol.own_event_restored"]);
        let asked = world
            .homeserver
            .far
            .requests_of(&format!("GET {V1}/event/"));
        assert_eq!(asked.len(), 1);
        assert!(
            asked[0].head.contains("origin=\"second.test\""),
            "in the name of who is to get it: {}",
            asked[0].head
        );
        world.forget();
    }
    let audit = world.gateway.audit_text();
    assert!(
        !audit.contains(TAX_ID) && !world.gateway.log().contains(TAX_ID),
        "nothing of it is kept"
    );
    let journal = std::fs::read(world.gateway.file("state/journal.db")).unwrap();
    assert!(!sluice_tests::stub::wire::contains(&journal, TAX_ID));
}

#[test]
fn a_tampered_copy_of_our_own_event_is_replaced_and_alarmed() {
    let world = world();
    let (_, message) = denied_message(&world, RoomVersion::V12);
    alices_homeserver_has(&world, &message);
    let mut tampered = message.clone();
    tampered.json["content"]["body"] = json!("what alice never said");
    let before = world.gateway.audit().len();
    let reply = anna_pulls(&world, &tampered);
    assert_eq!(reply.json()["pdus"], json!([message.json]));
    let rules = world.rules_since(before);
    assert!(
        rules.contains(&"protocol.hash".to_owned())
            && rules.contains(&"protocol.own_event_restored".to_owned()),
        "{rules:?}"
    );
    let lines = world.gateway.audit();
    let mut new = lines.iter().skip(before);
    assert!(new.any(|line| line["kind"] == "alarm" && line["event_id"] == *message.id));
}

#[test]
fn what_its_homeserver_does_not_give_is_left_out_and_never_passed_on_empty() {
    let world = world();
    let (room, message) = denied_message(&world, RoomVersion::V11);
    let empty = message.redacted(room.version);
    let forbidden = json!({"errcode": "M_FORBIDDEN", "error": "Host not in room."});
    let mut other = room.clone().message(&world.alice(), "another event");
    other.id.clone_from(&message.id);
    let mut lie = message.clone();
    lie.json["content"]["body"] = json!("not what was hashed");
    let gives =
        |copy: &Event| json!({"origin": "high.test", "origin_server_ts": 1, "pdus": [copy.json]});
    let path = format!("GET {V1}/event/");
    for (story, status, answer) in [
        ("it refuses", 403, forbidden.clone()),
        ("it does not know it", 404, forbidden),
        ("it fails", 500, json!({})),
        ("it gives another event", 200, gives(&other)),
        ("it gives a copy that is not true", 200, gives(&lie)),
        (
            "it gives nothing",
            200,
            json!({"origin": "high.test", "origin_server_ts": 1, "pdus": []}),
        ),
    ] {
        world.homeserver.far.on(&path, status, &answer);
        let before = world.gateway.audit().len();
        let reply = anna_pulls(&world, &empty);
        assert_eq!(reply.status, 403, "{story}: {}", reply.text());
        assert!(
            world
                .rules_since(before)
                .contains(&"protocol.own_event_lost".to_owned()),
            "{story}: {:?}",
            world.rules_since(before)
        );
        // Beside others it is left out, and they cross.
        let backfill = format!(
            "{V1}/backfill/{}?v={}&limit=5",
            encode(&room.id),
            encode(&message.id)
        );
        let both = json!({"origin": "low.test", "origin_server_ts": 1, "pdus": [empty.json, room.create.json]});
        world
            .peer
            .far
            .on(&format!("GET {V1}/backfill/"), 200, &both);
        let reply = world.through_the_hook(world.second(), "low.test", "GET", &backfill, None);
        assert_eq!(reply.status, 200, "{story}: {}", reply.text());
        assert_eq!(reply.json()["pdus"], json!([room.create.json]), "{story}");
    }
}

#[test]
fn an_event_that_its_own_side_redacted_stays_redacted() {
    let world = world();
    let mut room = world.alices_room(RoomVersion::V12);
    let message = room.message(&world.alice(), "said and taken back");
    let empty = message.redacted(room.version);
    alices_homeserver_has(&world, &empty);
    let before = world.gateway.audit().len();
    let reply = anna_pulls(&world, &empty);
    assert_eq!(reply.json()["pdus"], json!([empty.json]));
    assert_eq!(world.rules_since(before), ["protocol.already_redacted"]);
}

#[test]
fn an_event_of_our_zone_that_comes_back_whole_is_not_judged_as_the_peers() {
    let world = world();
    let (_, message) = denied_message(&world, RoomVersion::V12);
    // Only a peer that got it by another way could do this; on the link from low it would be denied, and be empty.
    let before = world.gateway.audit().len();
    let reply = anna_pulls(&world, &message);
    assert_eq!(reply.json()["pdus"], json!([message.json]));
    assert_eq!(world.rules_since(before), ["protocol.own_event"]);
    let bobs = world
        .bobs_room(RoomVersion::V12)
        .message(&world.bob(), TAX_ID);
    let reply = anna_pulls(&world, &bobs);
    assert!(!reply.text().contains(TAX_ID), "bob's own is judged");
}

#[test]
fn state_that_answers_a_join_by_the_peer_is_restored_too() {
    let world = world();
    for version in VERSIONS {
        let mut room = world.alices_room(version);
        let alice = world.alice();
        let topic = room.event(
            &alice,
            "m.room.topic",
            Some(""),
            json!({"topic": format!("pay to {TAX_ID}")}),
        );
        assert_eq!(
            errors(&world.alice_sends(std::slice::from_ref(&topic))),
            std::slice::from_ref(&topic.id)
        );
        alices_homeserver_has(&world, &topic);
        let anna = world.anna();
        let join = room.member(&anna, &anna.user, "join");
        let target = format!("{V2}/send_join/{}/{}", encode(&room.id), encode(&join.id));
        let answer = json!({
            "event": join.json, "origin": "low.test", "members_omitted": false,
            "servers_in_room": ["high.test", "low.test", "second.test"],
            "state": [room.create.json, topic.redacted(version).json], "auth_chain": [room.create.json],
        });
        world.peer.far.on(&format!("PUT {target}"), 200, &answer);
        let reply = world.through_the_hook(
            world.second(),
            "low.test",
            "PUT",
            &target,
            Some(join.text().as_bytes()),
        );
        assert_eq!(reply.status, 200, "{}", world.gateway.log());
        let state: Vec<Value> = reply.json()["state"].as_array().cloned().unwrap();
        assert!(state.contains(&topic.json), "{}", reply.text());
    }
}

#[test]
fn what_ones_own_homeserver_may_not_see_is_asked_in_the_name_of_who_gave_it_and_no_more_than_that()
{
    let world = world();
    let (_, message) = denied_message(&world, RoomVersion::V12);
    let empty = message.redacted(RoomVersion::V12);
    // anna came later: her homeserver gets it empty from alice's too.
    alices_homeserver_has(&world, &empty);
    let reply = anna_pulls(&world, &empty);
    assert_eq!(reply.json()["pdus"], json!([empty.json]));
    let asked = world
        .homeserver
        .far
        .requests_of(&format!("GET {V1}/event/"));
    let names: Vec<bool> = asked
        .iter()
        .map(|asked| asked.head.contains("origin=\"low.test\""))
        .collect();
    assert_eq!(names, [false, true], "its own name first");
}

#[test]
fn so_many_events_as_a_backfill_has_are_restored_for_one_body_and_those_beyond_are_left_out() {
    const RESTORED: usize = 100;
    let world = world();
    let mut room = world.alices_room(RoomVersion::V12);
    let alice = world.alice();
    let mut empty: Vec<Value> = Vec::new();
    for number in 0..RESTORED + 20 {
        let event = room.message(&alice, &format!("number {number}"));
        alices_homeserver_has(&world, &event);
        empty.push(event.redacted(room.version).json);
    }
    let bobs = room.message(&world.bob(), "bob's");
    empty.push(bobs.json.clone());
    let answer = json!({"origin": "low.test", "origin_server_ts": 1, "pdus": empty});
    let far = &world.peer.far;
    far.on(&format!("GET {V1}/backfill/"), 200, &answer);
    let target = format!(
        "{V1}/backfill/{}?v={}&limit=100",
        encode(&room.id),
        encode(&bobs.id)
    );
    let reply = world.through_the_hook(world.second(), "low.test", "GET", &target, None);
    assert_eq!(reply.status, 200, "{}", reply.text());
    let came = pdus(&reply.json());
    assert_eq!(came.len(), RESTORED + 1);
    assert_eq!(came.last(), Some(&bobs.json), "bob's crosses all the same");
    let is_whole = |event: &Value| event["content"]["body"].is_string();
    assert!(came.iter().all(is_whole), "none is passed on empty");
    let asked = world
        .homeserver
        .far
        .requests_of(&format!("GET {V1}/event/"));
    assert_eq!(asked.len(), RESTORED);
}

#[test]
fn no_links_list_of_profile_fields_cuts_a_profile_within_the_zone() {
    let world = world();
    let profile =
        json!({"displayname": "Alice", "m.tz": "Europe/Berlin", "org.example.rank": "Hptm"});
    let path = format!("{V1}/query/profile?user_id=%40alice%3Ahigh.test");
    let far = &world.homeserver.far;
    far.on(&format!("GET {path}"), 200, &profile);
    let reply = world.through_the_hook(world.second(), "high.test", "GET", &path, None);
    assert_eq!((reply.status, reply.json()), (200, profile));
    let path = format!("{path}&field=m.tz");
    let zone = json!({"m.tz": "Europe/Berlin"});
    far.on(&format!("GET {path}"), 200, &zone);
    let reply = world.through_the_hook(world.second(), "high.test", "GET", &path, None);
    assert_eq!((reply.status, reply.json()), (200, zone));
    // Across the border it is cut, and the name of a field tells nothing.
    let reply = world.from_peer("GET", &path, None);
    assert_eq!(reply.status, 404, "{}", reply.text());
}

#[test]
fn what_no_link_opens_is_open_within_the_zone() {
    let world = world();
    let room = world.alices_room(RoomVersion::V12);
    let entry = json!({
        "room_id": room.id, "name": "Lage", "num_joined_members": 1, "world_readable": false,
        "guest_can_join": false, "join_rule": "public",
    });
    let child = json!({
        "type": "m.space.child", "state_key": room.id, "sender": "@bob:low.test", "origin_server_ts": 1,
        "content": {"via": ["high.test", "low.test"]},
    });
    let mut space = entry.clone();
    space["children_state"] = json!([child]);
    let hierarchy = format!("{V1}/hierarchy/{}", encode(&room.id));
    let alias = format!("{V1}/query/directory?room_alias=%23lage%3Ahigh.test");
    let far = &world.homeserver.far;
    for (path, answer) in [
        (format!("{V1}/publicRooms"), json!({"chunk": [entry]})),
        (
            hierarchy,
            json!({"room": space, "children": [], "inaccessible_children": []}),
        ),
        (
            alias,
            json!({"room_id": room.id, "servers": ["high.test", "low.test"]}),
        ),
    ] {
        far.on(&format!("GET {path}"), 200, &answer);
        let reply = world.through_the_hook(world.second(), "high.test", "GET", &path, None);
        assert_eq!((reply.status, reply.json()), (200, answer), "{path}");
        let reply = world.from_peer("GET", &path, None);
        assert!(!reply.text().contains(&room.id), "{path}: {}", reply.text());
    }
}

#[test]
fn encrypted_rooms_are_entered_and_spoken_in_within_the_zone_whatever_the_links_refuse() {
    let world = world();
    let (alice, anna) = (world.alice(), world.anna());
    let mut room = world.alices_room(RoomVersion::V12);
    let megolm = "m.megolm.v1.aes-sha2";
    let on = json!({"algorithm": megolm});
    let on = room.event(&alice, "m.room.encryption", Some(""), on);
    assert_eq!(
        errors(&world.alice_sends(std::slice::from_ref(&on))),
        Vec::<String>::new()
    );
    let invite = room.member(&alice, &anna.user, "invite");
    let target = format!("{V2}/invite/{}/{}", encode(&room.id), encode(&invite.id));
    let far = &world.second().far;
    far.on(
        &format!("PUT {target}"),
        200,
        &json!({"event": invite.json}),
    );
    let body = json!({
        "event": invite.json, "room_version": "12", "invite_room_state": [room.create.json, on.json],
    });
    let body = body.to_string().into_bytes();
    let us = &world.homeserver;
    let reply = world.through_the_hook(us, "second.test", "PUT", &target, Some(&body));
    assert_eq!(reply.status, 200, "{}", reply.text());
    let said = json!({
        "algorithm": megolm, "ciphertext": "AwgAEnAC", "sender_key": "IlRMeOPX2e0MurIyfWEucYBRVOEEUMrOHqn/8mLqMjA",
        "device_id": "RJYKSTBOIE", "session_id": "IlRMeOPX2e0MurIyfWEucYBRVOEEUMrOHqn/8mLqMjA",
    });
    let said = room.event(&alice, "m.room.encrypted", None, said);
    let reply = alice_sends_to(&world, "second.test", std::slice::from_ref(&said));
    assert_eq!(errors(&reply), Vec::<String>::new());
    let arrived = world
        .second()
        .far
        .requests_of("PUT /_matrix/federation/v1/send/");
    assert_eq!(
        pdus(&arrived.last().unwrap().json()),
        std::slice::from_ref(&said.json)
    );
    // bob is not invited there: the default of a link refuses ciphertext.
    let invite = room.member(&alice, "@bob:low.test", "invite");
    let target = format!("{V2}/invite/{}/{}", encode(&room.id), encode(&invite.id));
    let body = json!({"event": invite.json, "room_version": "12", "invite_room_state": []});
    let body = body.to_string().into_bytes();
    let reply = world.from_homeserver("PUT", &target, Some(&body));
    assert_eq!(reply.status, 403, "{}", reply.text());
}

#[test]
fn the_default_of_a_link_is_to_refuse_third_servers() {
    assert_eq!(policy().links["*"].third_servers, ThirdServers::Refuse);
}

fn world_with(limits: &str) -> World {
    let mut world = world();
    world.gateway.edit("sluice.toml", |text| {
        format!("{text}\n[limits]\n{limits}\n")
    });
    world.gateway.restart();
    world
}

#[test]
fn what_the_homeservers_of_a_zone_say_to_each_other_is_counted_by_no_peers_limit() {
    let world =
        world_with("to_device_per_minute = 1\ninvites_per_minute = 1\nbackfill_per_minute = 1");
    let edu = |number: usize| {
        json!({"edu_type": "m.direct_to_device", "content": {
            "sender": "@alice:high.test", "type": "m.room_key_request", "message_id": number.to_string(),
            "messages": {"@anna:second.test": {"*": {"action": "request_cancellation", "request_id": "1", "requesting_device_id": "A"}}},
        }})
    };
    let edus: Vec<_> = (0..5).map(edu).collect();
    let body =
        json!({"origin": "high.test", "origin_server_ts": 1, "pdus": [], "edus": edus}).to_string();
    let reply = world.through_the_hook(
        &world.homeserver,
        "second.test",
        "PUT",
        &next_send(),
        Some(body.as_bytes()),
    );
    assert_eq!(reply.status, 200, "{}", reply.text());
    let arrived = world.second().far.requests_of("PUT ");
    let edus = &arrived.last().unwrap().json()["edus"];
    assert_eq!(edus.as_array().map(Vec::len), Some(5), "{edus}");
    let pulls: Vec<u16> = (0..4)
        .map(|_| {
            world
                .through_the_hook(world.second(), "high.test", "GET", BACKFILL, None)
                .status
        })
        .collect();
    assert_eq!(pulls, [404; 4]);
}

#[test]
fn a_homeserver_that_waits_for_another_of_its_zone_takes_no_place_of_a_third() {
    let world = world_with("peer_requests = 8\nrequests = 64");
    let hangs = std::time::Duration::from_secs(20);
    world
        .second()
        .far
        .slow("GET /_matrix/federation/v1/backfill", hangs);
    let world = &world;
    std::thread::scope(|scope| {
        let asked: Vec<_> = (0..8)
            .map(|_| {
                scope.spawn(move || {
                    let us = &world.homeserver;
                    world
                        .through_the_hook(us, "second.test", "GET", BACKFILL, None)
                        .status
                })
            })
            .collect();
        std::thread::sleep(std::time::Duration::from_secs(2));
        let reply = world.through_the_hook(world.second(), "high.test", "GET", BACKFILL, None);
        assert_eq!(reply.status, 404, "{}", reply.text());
        let statuses: Vec<u16> = asked
            .into_iter()
            .map(|asked| asked.join().unwrap())
            .collect();
        let refused = statuses.iter().filter(|status| **status == 403).count();
        assert_eq!(refused, 4, "its own lane was full: {statuses:?}");
    });
}
