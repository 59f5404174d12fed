//! A denied event stays denied, whichever way it is asked for, whoever asks first, and whatever the gateway forgets.

use serde_json::{Value, json};
use sluice_policy::bundle::BundleParts;
use sluice_policy::pdu::RoomVersion;
use sluice_tests::stub::labels::encoded;
use sluice_tests::stub::room::{Actor, Event, Room, VERSIONS, value};
use sluice_tests::stub::wire::Reply;
use sluice_tests::stub::{TAX_ID, World, errors, pdus, policy};

const V1: &str = "/_matrix/federation/v1";
const V2: &str = "/_matrix/federation/v2";

/// The sample policy without its detectors: under it nothing of these tests would be denied anew.
fn lax() -> BundleParts {
    BundleParts {
        dlp: Vec::new(),
        ..policy()
    }
}

/// One way to ask for an event: the request, and the full answer of a homeserver that hides nothing.
struct Pull {
    name: &'static str,
    method: &'static str,
    target: String,
    body: Option<String>,
    answer: Value,
}

/// Every way in which the peer's homeserver can ask ours for `event`, a state event of `room`.
fn pulls(room: &Room, event: &Event, join: &Event) -> Vec<Pull> {
    let (id, room_id) = (encoded(&event.id), encoded(&room.id));
    let list =
        |name: &str| json!({"origin": "high.test", "origin_server_ts": 1, name: [event.json]});
    let get = |name, target: String, answer| Pull {
        name,
        method: "GET",
        target,
        body: None,
        answer,
    };
    vec![
        get("event", format!("{V1}/event/{id}"), list("pdus")),
        get("backfill", format!("{V1}/backfill/{room_id}?v={id}&limit=10"), list("pdus")),
        Pull {
            name: "get_missing_events",
            method: "POST",
            target: format!("{V1}/get_missing_events/{room_id}"),
            body: Some(json!({"earliest_events": [], "latest_events": [event.id], "limit": 10, "min_depth": 0}).to_string()),
            answer: list("events"),
        },
        get("state", format!("{V1}/state/{room_id}?event_id={id}"), json!({"pdus": [event.json], "auth_chain": [room.create.json]})),
        get("event_auth", format!("{V1}/event_auth/{room_id}/{id}"), json!({"auth_chain": [room.create.json, event.json]})),
        Pull {
            name: "send_join",
            method: "PUT",
            target: format!("{V2}/send_join/{room_id}/{}", encoded(&join.id)),
            body: Some(join.text()),
            answer: json!({
                "event": join.json, "origin": "high.test", "members_omitted": false, "servers_in_room": ["high.test"],
                "state": [room.create.json, event.json], "auth_chain": [room.create.json, event.json],
            }),
        },
    ]
}

/// Every event in an answer, wherever it stands.
fn events_in(answer: &Value) -> Vec<Value> {
    let lists = ["pdus", "events", "auth_chain", "state"]
        .map(|list| answer[list].as_array().cloned().unwrap_or_default());
    lists.concat()
}

fn pull(world: &World, pull: &Pull) -> Reply {
    let start = pull
        .target
        .split_once('?')
        .map_or(pull.target.as_str(), |(path, _)| path);
    world
        .homeserver
        .far
        .on(&format!("{} {start}", pull.method), 200, &pull.answer);
    world.from_peer(
        pull.method,
        &pull.target,
        pull.body.as_deref().map(str::as_bytes),
    )
}

/// Asks every way and demands the redacted form each time.
fn every_pull_is_redacted(world: &World, room: &Room, event: &Event, join: &Event, when: &str) {
    let redacted = event.redacted(room.version).json;
    for asked in pulls(room, event, join) {
        let reply = pull(world, &asked);
        let story = format!("{} {when} in version {}", asked.name, room.version.as_str());
        assert_eq!(
            reply.status,
            200,
            "{story}: {}\n{}",
            reply.text(),
            world.gateway.log()
        );
        assert!(!reply.text().contains(TAX_ID), "{story}: {}", reply.text());
        assert!(
            events_in(&reply.json()).contains(&redacted),
            "{story}: {}",
            reply.text()
        );
    }
}

/// A topic that the sample policy denies, in a room of alice's that bob may join.
fn denied_topic(world: &World, version: RoomVersion) -> (Room, Event, Event) {
    let mut room = world.alices_room(version);
    let invite = room.member(&world.alice(), "@bob:low.test", "invite");
    assert_eq!(errors(&world.alice_sends(&[invite])), Vec::<String>::new());
    let topic = room.event(
        &world.alice(),
        "m.room.topic",
        Some(""),
        json!({"topic": format!("pay to {TAX_ID}")}),
    );
    let join = room.member(&world.bob(), "@bob:low.test", "join");
    (room, topic, join)
}

#[test]
fn a_denied_event_asked_for_any_other_way_is_denied_again() {
    let world = World::new();
    for version in VERSIONS {
        let (room, topic, join) = denied_topic(&world, version);
        world.forget();
        let reply = world.alice_sends(std::slice::from_ref(&topic));
        assert_eq!(
            (reply.status, errors(&reply)),
            (200, vec![topic.id.clone()])
        );
        let arrived = world.peer.far.requests_of("PUT ");
        assert_eq!(
            pdus(&arrived[0].json()),
            [topic.redacted(version).json],
            "the peer gets the empty event at once"
        );
        assert!(!world.peer.far.saw(TAX_ID));
        every_pull_is_redacted(&world, &room, &topic, &join, "after it was sent");
    }
}

#[test]
fn an_event_that_was_never_sent_is_judged_when_it_is_first_pulled() {
    let world = World::new();
    for version in VERSIONS {
        for at in 0..6 {
            let (room, topic, join) = denied_topic(&world, version);
            let asked = pulls(&room, &topic, &join).swap_remove(at);
            let reply = pull(&world, &asked);
            assert_eq!(reply.status, 200, "{}: {}", asked.name, reply.text());
            assert!(
                !reply.text().contains(TAX_ID),
                "{}: {}",
                asked.name,
                reply.text()
            );
            assert!(
                events_in(&reply.json()).contains(&topic.redacted(version).json),
                "{}: {}",
                asked.name,
                reply.text()
            );
        }
    }
}

#[test]
fn a_denial_outlives_a_laxer_policy_a_restart_and_the_loss_of_the_journal() {
    let mut world = World::new();
    let (room, topic, join) = denied_topic(&world, RoomVersion::V12);
    assert_eq!(
        errors(&world.alice_sends(std::slice::from_ref(&topic))),
        std::slice::from_ref(&topic.id)
    );
    world.gateway.install(&lax());
    world.gateway.reload();
    every_pull_is_redacted(&world, &room, &topic, &join, "under a laxer policy");
    world.gateway.restart();
    every_pull_is_redacted(&world, &room, &topic, &join, "after a restart");
    world.gateway.stop();
    for file in ["journal.db", "journal.db-wal", "journal.db-shm"] {
        // The latter two are only there while it is open.
        let _removed = std::fs::remove_file(world.gateway.file("state").join(file));
    }
    assert!(!world.gateway.file("state/journal.db").exists());
    world.gateway.start();
    world.forget();
    every_pull_is_redacted(
        &world,
        &room,
        &topic,
        &join,
        "after the journal was deleted",
    );
    assert!(
        world
            .homeserver
            .far
            .requests_of("GET /_matrix/federation/v1/state/")
            .len()
            <= 1,
        "the version is known again"
    );

    // The control: under this policy the same text in another event crosses.
    let (mut room, _, _) = denied_topic(&world, RoomVersion::V12);
    let fresh = room.message(&world.alice(), TAX_ID);
    assert_eq!(errors(&world.alice_sends(&[fresh])), Vec::<String>::new());
    assert!(world.peer.far.saw(TAX_ID));
}

/// A copy of an event with other content: hash and content disagree, signature and event id do not.
fn tampered(event: &Event, body: &str) -> Event {
    let mut json = event.json.clone();
    json["content"]["body"] = json!(body);
    Event {
        id: event.id.clone(),
        json,
    }
}

#[test]
fn a_tampered_copy_before_or_after_the_true_one_changes_no_verdict() {
    let world = World::new();
    for version in VERSIONS {
        let bob = world.bob();
        let mut room = world.bobs_room(version);
        // First a harmless event, whose tampered copy is denied and would be remembered if it counted.
        let harmless = room.message(&bob, "all is well");
        let before = world.gateway.audit().len();
        assert_eq!(
            errors(&world.bob_sends(&[tampered(&harmless, TAX_ID)])),
            std::slice::from_ref(&harmless.id)
        );
        world.nothing_reached_the_homeserver("a tampered copy");
        assert_eq!(
            world.rules_since(before),
            ["protocol.hash", "protocol.hash"],
            "an alarm and the event's line"
        );
        let lines = world.gateway.audit();
        let alarms: Vec<&Value> = lines
            .iter()
            .skip(before)
            .filter(|line| line["kind"] == "alarm")
            .collect();
        assert_eq!(
            (alarms.len(), alarms[0]["event_id"].as_str()),
            (1, Some(harmless.id.as_str()))
        );
        assert_eq!(
            errors(&world.bob_sends(std::slice::from_ref(&harmless))),
            Vec::<String>::new(),
            "the true one crosses"
        );
        assert_eq!(
            pdus(&world.homeserver.far.requests_of("PUT ")[0].json()),
            [harmless.json]
        );
        world.forget();

        // Then the reverse: a denied event, whose tampered copy would pass if content counted.
        let denied = room.message(&bob, TAX_ID);
        assert_eq!(
            errors(&world.bob_sends(std::slice::from_ref(&denied))),
            std::slice::from_ref(&denied.id)
        );
        assert_eq!(
            pdus(&world.homeserver.far.requests_of("PUT ")[0].json()),
            [denied.redacted(version).json]
        );
        world.forget();
        assert_eq!(
            errors(&world.bob_sends(&[tampered(&denied, "all is well")])),
            std::slice::from_ref(&denied.id)
        );
        world.nothing_reached_the_homeserver("a tampered copy of a denied event");
        let before = world.gateway.audit().len();
        assert_eq!(
            errors(&world.bob_sends(std::slice::from_ref(&denied))),
            std::slice::from_ref(&denied.id)
        );
        assert!(!world.homeserver.far.saw(TAX_ID));
        let lines = world.gateway.audit();
        assert!(
            lines.iter().skip(before).any(|line| line["sticky"] == true),
            "the first verdict, not a new one"
        );
        world.forget();
    }
}

#[test]
fn an_event_already_redacted_passes_without_alarm_and_says_nothing_of_the_true_one() {
    let world = World::new();
    for version in VERSIONS {
        let bob = world.bob();
        let mut room = world.bobs_room(version);
        for (body, denied) in [("all is well", false), (TAX_ID, true)] {
            let event = room.message(&bob, body);
            let empty = event.redacted(version);
            let before = world.gateway.audit().len();
            assert_eq!(
                errors(&world.bob_sends(std::slice::from_ref(&empty))),
                Vec::<String>::new()
            );
            assert_eq!(
                pdus(&world.homeserver.far.requests_of("PUT ")[0].json()),
                std::slice::from_ref(&empty.json)
            );
            assert_eq!(world.rules_since(before), ["protocol.already_redacted"]);
            world.forget();
            let expected = if denied {
                (vec![event.id.clone()], empty.json)
            } else {
                (Vec::new(), event.json.clone())
            };
            let reply = world.bob_sends(&[event]);
            assert_eq!(
                (
                    errors(&reply),
                    pdus(&world.homeserver.far.requests_of("PUT ")[0].json())
                ),
                (expected.0, vec![expected.1])
            );
            world.forget();
        }
    }
}

/// Events that must never be redacted, each with something in it that the sample policy denies.
fn never_redacted(room: &mut Room, bob: &Actor) -> Vec<Event> {
    let denied = |mut content: Value| {
        content["note"] = json!(TAX_ID);
        content
    };
    let mut events = vec![
        room.event(
            bob,
            "m.room.power_levels",
            Some(""),
            denied(json!({"users": {"@bob:low.test": 100}})),
        ),
        room.event(
            bob,
            "m.room.join_rules",
            Some(""),
            denied(json!({"join_rule": "invite"})),
        ),
        room.event(
            bob,
            "m.room.server_acl",
            Some(""),
            denied(json!({"allow": ["*"], "deny": []})),
        ),
        room.event(
            bob,
            "m.room.encryption",
            Some(""),
            denied(json!({"algorithm": "m.megolm.v1.aes-sha2"})),
        ),
        room.event(
            bob,
            "m.room.policy",
            Some(""),
            denied(json!({"via": "low.test"})),
        ),
    ];
    if room.version == RoomVersion::V10 {
        let signed = json!({"mxid": "@dave:high.test", "token": "t", "signatures": {}});
        let content = json!({"membership": "invite", "third_party_invite": {"display_name": TAX_ID, "signed": signed}});
        events.push(room.event(bob, "m.room.member", Some("@dave:high.test"), content));
    }
    events
}

#[test]
fn a_denied_event_that_must_not_be_redacted_closes_its_room_and_no_other() {
    let mut world = World::new();
    let bob = world.bob();
    let mut closed_rooms = Vec::new();
    for version in VERSIONS {
        let count = never_redacted(&mut world.bobs_room(version), &bob).len();
        for at in 0..count {
            let mut room = world.bobs_room(version);
            let denied = never_redacted(&mut room, &bob).swap_remove(at);
            let story = format!("{} in version {}", denied.json["type"], version.as_str());
            assert_eq!(
                errors(&world.bob_sends(std::slice::from_ref(&denied))),
                std::slice::from_ref(&denied.id),
                "{story}"
            );
            world.nothing_reached_the_homeserver(&story);
            let lines = world.gateway.audit();
            let closed = lines
                .iter()
                .rev()
                .find(|line| line["kind"] == "closed")
                .cloned()
                .unwrap_or_default();
            assert_eq!(
                (closed["room_id"].as_str(), closed["link"].as_str()),
                (Some(room.id.as_str()), Some("low->high")),
                "{story}"
            );
            closed_rooms.push(room);
        }
    }
    let open = world.bobs_room(RoomVersion::V12);
    for kept in ["with its journal", "without its journal"] {
        for room in &mut closed_rooms {
            a_closed_room_is_closed(&world, room, kept);
        }
        let mut open = open.clone();
        assert_eq!(
            errors(&world.bob_sends(&[open.message(&bob, kept)])),
            Vec::<String>::new(),
            "{kept}: other rooms go on"
        );
        world.gateway.stop();
        std::fs::remove_file(world.gateway.file("state/journal.db")).unwrap();
        world.gateway.start();
    }
}

fn a_closed_room_is_closed(world: &World, room: &mut Room, when: &str) {
    let (bob, version) = (world.bob(), room.version);
    let story = format!("{when}, version {}", version.as_str());
    world.forget();
    let message = room.message(&bob, "anybody there?");
    let reply = world.bob_sends(std::slice::from_ref(&message));
    assert_eq!(
        (reply.status, errors(&reply)),
        (200, vec![message.id.clone()]),
        "{story}"
    );
    let typing = json!({"edu_type": "m.typing", "content": {"room_id": room.id, "user_id": "@bob:low.test", "typing": true}});
    let body = json!({"origin": "low.test", "origin_server_ts": 1, "pdus": [], "edus": [typing]})
        .to_string();
    let reply = world.from_peer(
        "PUT",
        &sluice_tests::stub::next_send(),
        Some(body.as_bytes()),
    );
    assert_eq!(reply.status, 200, "{story}");
    world.nothing_reached_the_homeserver(&format!("{story}: events of a closed room"));
    let join = room.member(&bob, "@bob:low.test", "join");
    for asked in pulls(room, &message, &join)
        .into_iter()
        .filter(|asked| asked.name != "event")
    {
        let reply = pull(world, &asked);
        assert_eq!(
            reply.status,
            404,
            "{story}: {}: {}",
            asked.name,
            reply.text()
        );
    }
    world.nothing_reached_the_homeserver(&format!("{story}: pulls of a closed room"));
    let asked = pulls(room, &message, &join).swap_remove(0);
    let reply = pull(world, &asked);
    assert_eq!(reply.status, 404, "{story}: event: {}", reply.text());
    world.forget();
    let leave = room.member(&bob, "@bob:low.test", "leave");
    assert_eq!(
        errors(&world.bob_sends(std::slice::from_ref(&leave))),
        Vec::<String>::new(),
        "{story}: nobody is locked in"
    );
    assert_eq!(
        pdus(&world.homeserver.far.requests_of("PUT ")[0].json()),
        [leave.json],
        "{story}"
    );
}

#[test]
fn a_join_whose_answer_holds_what_must_not_be_redacted_is_refused_and_closes_the_room() {
    let world = World::new();
    for version in VERSIONS {
        let alice = world.alice();
        let (mut room, _, _) = denied_topic(&world, version);
        let levels = json!({"users": {"@alice:high.test": 100}, "note": TAX_ID});
        let levels = room.event(&alice, "m.room.power_levels", Some(""), levels);
        let join = room.member(&world.bob(), "@bob:low.test", "join");
        let asked = pulls(&room, &levels, &join)
            .into_iter()
            .find(|pull| pull.name == "send_join")
            .unwrap();
        let reply = pull(&world, &asked);
        assert_eq!(reply.status, 403, "{}: {}", version.as_str(), reply.text());
        assert!(!reply.text().contains(TAX_ID));
        world.forget();
        let again = pull(&world, &asked);
        assert_eq!(again.status, 404, "{}: {}", version.as_str(), again.text());
        world.nothing_reached_the_homeserver("a join to a closed room");
    }
}

#[test]
fn a_room_that_gains_a_member_of_a_third_server_is_closed() {
    let world = World::new();
    for version in VERSIONS {
        let bob = world.bob();
        let mut room = world.bobs_room(version);
        let stranger = room.member(&bob, "@carol:third.test", "invite");
        assert_eq!(
            errors(&world.bob_sends(std::slice::from_ref(&stranger))),
            std::slice::from_ref(&stranger.id)
        );
        world.nothing_reached_the_homeserver("a member of a third server");
        let message = room.message(&bob, "hello, all three");
        assert_eq!(
            errors(&world.bob_sends(std::slice::from_ref(&message))),
            [message.id]
        );
        world.nothing_reached_the_homeserver("the room is closed");
    }
}

#[test]
fn the_redacted_form_is_the_one_that_every_homeserver_makes() {
    // Key set and bytes: what crosses is exactly the redacted event, nothing beside it.
    let world = World::new();
    for version in VERSIONS {
        let bob = world.bob();
        let room = world.bobs_room(version);
        let mut json = room.draft(
            &bob,
            "m.room.member",
            json!({"membership": "join", "displayname": TAX_ID, "reason": "x"}),
        );
        json["state_key"] = json!("@bob:low.test");
        let member = sluice_tests::stub::room::seal(version, json, &bob.key, "low.test");
        let mut sent = member.clone();
        sent.json["unsigned"] = json!({"prev_content": {"displayname": TAX_ID}, "age": 1});
        assert_eq!(
            errors(&world.bob_sends(&[sent])),
            std::slice::from_ref(&member.id)
        );
        let arrived = world.homeserver.far.requests_of("PUT ");
        let crossed = pdus(&arrived[0].json());
        assert_eq!(
            crossed,
            [value(sluice_tests::stub::room::object(
                &member.redacted(version).json
            ))]
        );
        assert_eq!(crossed[0]["content"], json!({"membership": "join"}));
        world.forget();
    }
}
