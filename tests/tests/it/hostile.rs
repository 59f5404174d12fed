//! A hostile peer with a certificate and keys of its own: every attack has a rule id, and not one byte of it reaches our
//! homeserver.

use std::io::Write as _;

use serde_json::{Value, json};
use sluice_policy::pdu::RoomVersion;
use sluice_tests::stub::peer::{exchange, x_matrix};
use sluice_tests::stub::room::{Event, Room};
use sluice_tests::stub::wire::{Reply, request_bytes};
use sluice_tests::stub::{World, errors, next_send, pdus};

mod poison;

use self::poison::{poisoned_edus, poisoned_pdus};

/// Most memory that a gateway may ever hold under this suite.
const MOST_MEMORY_KIB: u64 = 200 * 1024;

/// A `/send` body of texts, which need not be JSON.
fn transaction(pdus: &[String], edus: &[String]) -> Vec<u8> {
    let (pdus, edus) = (pdus.join(","), edus.join(","));
    format!(r#"{{"edus":[{edus}],"origin":"low.test","origin_server_ts":1,"pdus":[{pdus}]}}"#)
        .into_bytes()
}

fn send(world: &World, body: &[u8]) -> Reply {
    world.from_peer("PUT", &next_send(), Some(body))
}

/// An EDU that crosses.
fn typing(room: &Room) -> String {
    let content = json!({"room_id": room.id, "user_id": "@bob:low.test", "typing": true});
    json!({"edu_type": "m.typing", "content": content}).to_string()
}

#[test]
fn one_poisoned_element_has_its_rule_and_reaches_nobody_and_its_good_neighbours_cross() {
    let world = World::new();
    let bob = world.bob();
    let mut room = world.bobs_room(RoomVersion::V12);
    let pdu_attacks = poisoned_pdus(&mut room, &bob);
    let attacks = pdu_attacks
        .into_iter()
        .map(|(story, text, rule)| (story, text, rule, true));
    let attacks: Vec<_> = attacks
        .chain(
            poisoned_edus(&room)
                .into_iter()
                .map(|(story, text, rule)| (story, text, rule, false)),
        )
        .collect();
    for (story, text, rule, is_pdu) in &attacks {
        let before = world.gateway.audit().len();
        let (pdu, edu) = if *is_pdu {
            (vec![text.clone()], vec![])
        } else {
            (vec![], vec![text.clone()])
        };
        let reply = send(&world, &transaction(&pdu, &edu));
        assert_eq!(
            reply.status,
            200,
            "{story}: {} {:?}",
            reply.text(),
            world.rules_since(before)
        );
        world.nothing_reached_the_homeserver(story);
        let rules = world.rules_since(before);
        assert!(rules.iter().any(|seen| seen == rule), "{story}: {rules:?}");
        assert!(rules.iter().all(|seen| seen == rule), "{story}: {rules:?}");
    }
    for (story, text, _, is_pdu) in &attacks {
        let good: Vec<Event> = (0..3)
            .map(|at| room.message(&bob, &format!("good {at}")))
            .collect();
        let mut pdu: Vec<String> = good.iter().map(Event::text).collect();
        let mut edu = vec![typing(&room), typing(&room)];
        if *is_pdu {
            pdu.insert(1, text.clone())
        } else {
            edu.insert(1, text.clone())
        }
        let reply = send(&world, &transaction(&pdu, &edu));
        assert_eq!(reply.status, 200, "{story}: {}", reply.text());
        let arrived = world.homeserver.far.requests_of("PUT ");
        assert_eq!(arrived.len(), 1, "{story}");
        let body = arrived[0].json();
        assert_eq!(
            pdus(&body),
            good.iter()
                .map(|event| event.json.clone())
                .collect::<Vec<_>>(),
            "{story}"
        );
        assert_eq!(body["edus"].as_array().unwrap().len(), 2, "{story}: {body}");
        let answer = reply.json();
        assert!(
            good.iter()
                .all(|event| answer["pdus"][&event.id] == json!({})),
            "{story}: {answer}"
        );
        assert!(
            errors(&reply).len() <= usize::from(*is_pdu),
            "{story}: {answer}"
        );
        world.forget();
    }
    assert_peak_memory(&world, "poisoned elements");
}

#[test]
fn a_broken_envelope_is_refused_as_a_whole() {
    let world = World::new();
    let bob = world.bob();
    let mut room = world.bobs_room(RoomVersion::V12);
    let many: Vec<String> = (0..51)
        .map(|at| room.message(&bob, &at.to_string()).text())
        .collect();
    let edus = vec![typing(&room); 101];
    let good = String::from_utf8(transaction(&many[..1], &[])).unwrap();
    let deep = format!(
        r#"{{"origin":"low.test","pdus":[],"x":{}{}}}"#,
        "[".repeat(5000),
        "]".repeat(5000)
    );
    let cases: Vec<(&str, Vec<u8>, &str)> = vec![
        (
            "51 PDUs",
            transaction(&many, &[]),
            "protocol.envelope.count",
        ),
        (
            "101 EDUs",
            transaction(&[], &edus),
            "protocol.envelope.count",
        ),
        (
            "two lists of PDUs",
            good.replacen('{', r#"{"pdus":[],"#, 1).into(),
            "protocol.json.duplicate_key",
        ),
        (
            "two lists, one escaped",
            good.replacen('{', r#"{"\u0070dus":[],"#, 1).into(),
            "protocol.json.duplicate_key",
        ),
        (
            "a float beside the events",
            good.replacen(r#""origin_server_ts":1"#, r#""origin_server_ts":1.0"#, 1)
                .into(),
            "protocol.json.float",
        ),
        (
            "a list that is none",
            good.replacen("\"pdus\":[", "\"pdus\":{\"a\":[", 1)
                .replacen("]}", "]}}", 1)
                .into(),
            "protocol.json.not_an_array",
        ),
        (
            "an origin that is no name",
            good.replacen("low.test", "LOW.test", 1).into(),
            "protocol.envelope.field",
        ),
        ("a thousand levels", deep.into(), "protocol.json.depth"),
        ("no JSON", b"pdus".to_vec(), "protocol.xmatrix_signature"),
        (
            "two values",
            format!("{good}{good}").into(),
            "protocol.xmatrix_signature",
        ),
        (
            "a value that breaks out of what is signed",
            format!(r#"{good},"origin":"x""#).into(),
            "protocol.xmatrix_signature",
        ),
    ];
    for (story, body, rule) in cases {
        let before = world.gateway.audit().len();
        let reply = send(&world, &body);
        let status = if rule == "protocol.xmatrix_signature" {
            401
        } else {
            400
        };
        assert_eq!(
            (reply.status, world.rules_since(before)),
            (status, vec![rule.to_owned()]),
            "{story}: {}",
            reply.text()
        );
        world.nothing_reached_the_homeserver(story);
    }
    let before = world.gateway.audit().len();
    let target = next_send();
    let authorization = world
        .peer
        .authorization("PUT", &target, "high.test", Some(b"{}"));
    let head = format!(
        "PUT {target} HTTP/1.1\r\nHost: high.test\r\n{authorization}\r\nContent-Length: 11000000\r\n\r\n"
    );
    assert_eq!(
        world.raw(head.as_bytes()).status,
        413,
        "11 MB, announced and refused before a byte of it came"
    );
    assert_eq!(world.rules_since(before), ["protocol.body"]);
    world.nothing_reached_the_homeserver("a body over the limit");
    assert_peak_memory(&world, "broken envelopes");
}

#[test]
fn http_with_two_readings_is_refused_and_counted() {
    let mut world = World::new();
    let body = br#"{"origin":"low.test","origin_server_ts":1,"pdus":[]}"#;
    let target = next_send();
    let signed = |target: &str| {
        world
            .peer
            .authorization("PUT", target, "high.test", Some(body))
    };
    let authorization = signed(&target);
    let with = |fields: &str| {
        let head = format!("PUT {target} HTTP/1.1\r\nHost: high.test\r\n{fields}\r\n\r\n");
        [head.as_bytes(), body].concat()
    };
    let length = body.len();
    let cases: Vec<(&str, Vec<u8>)> = vec![
        (
            "two authorisations",
            with(&format!(
                "{authorization}\r\n{authorization}\r\nContent-Length: {length}"
            )),
        ),
        (
            "length and chunks",
            with(&format!(
                "{authorization}\r\nContent-Length: {length}\r\nTransfer-Encoding: chunked"
            )),
        ),
        (
            "chunks",
            with(&format!("{authorization}\r\nTransfer-Encoding: chunked")),
        ),
        (
            "two lengths",
            with(&format!(
                "{authorization}\r\nContent-Length: {length}\r\nContent-Length: 3"
            )),
        ),
        (
            "a list of lengths",
            with(&format!(
                "{authorization}\r\nContent-Length: {length}, {length}"
            )),
        ),
        (
            "a length with a sign",
            with(&format!("{authorization}\r\nContent-Length: +{length}")),
        ),
        (
            "a folded line",
            with(&format!(
                "{authorization}\r\n folded\r\nContent-Length: {length}"
            )),
        ),
        (
            "two hosts",
            with(&format!(
                "{authorization}\r\nHost: other.test\r\nContent-Length: {length}"
            )),
        ),
        (
            "an expectation",
            with(&format!(
                "{authorization}\r\nExpect: 100-continue\r\nContent-Length: {length}"
            )),
        ),
        (
            "an upgrade",
            with(&format!(
                "{authorization}\r\nUpgrade: h2c\r\nConnection: upgrade\r\nContent-Length: {length}"
            )),
        ),
        (
            "an encoding",
            with(&format!(
                "{authorization}\r\nContent-Encoding: gzip\r\nContent-Length: {length}"
            )),
        ),
        (
            "HTTP/1.0",
            String::from_utf8(with(&format!(
                "{authorization}\r\nContent-Length: {length}"
            )))
            .unwrap()
            .replacen("HTTP/1.1", "HTTP/1.0", 1)
            .into(),
        ),
    ];
    for (story, bytes) in &cases {
        let mut line = world
            .peer
            .dial(&world.record, world.gateway.border())
            .unwrap();
        if let Ok(reply) = exchange(&mut line, bytes) {
            assert!(
                (400..600).contains(&reply.status) && reply.status != 401,
                "{story}: {} {}",
                reply.status,
                reply.text()
            );
        }
        world.nothing_reached_the_homeserver(story);
    }
    let attacks = cases.len() as u64;
    world.gateway.stop();
    let lines = world.gateway.audit();
    let counted: u64 = lines
        .iter()
        .filter_map(|line| line["counts"]["http"].as_u64())
        .sum();
    assert_eq!(counted, attacks, "{lines:?}");
}

#[test]
fn a_body_of_another_length_than_announced_is_never_completed_by_guesswork() {
    let world = World::new();
    let target = next_send();
    let body = br#"{"origin":"low.test","origin_server_ts":1,"pdus":[]}"#;
    let authorization = world
        .peer
        .authorization("PUT", &target, "high.test", Some(body));
    let bytes = |length: usize| {
        let head = format!(
            "PUT {target} HTTP/1.1\r\nHost: high.test\r\n{authorization}\r\nContent-Length: {length}\r\n\r\n"
        );
        [head.as_bytes(), body].concat()
    };
    let before = world.gateway.audit().len();
    assert_eq!(
        world.raw(&bytes(body.len() - 1)).status,
        401,
        "cut: the signature covers more"
    );
    assert_eq!(world.rules_since(before), ["protocol.xmatrix_signature"]);
    world.nothing_reached_the_homeserver("a body cut by its length");

    let before = world.gateway.audit().len();
    let mut line = world
        .peer
        .dial(&world.record, world.gateway.border())
        .unwrap();
    line.write_all(&bytes(body.len() + 1)).unwrap();
    line.conn.send_close_notify();
    line.flush().unwrap();
    // hyper may close without an answer; the audit log tells.
    let _answered_or_not = sluice_tests::stub::wire::read_reply(&mut line);
    let start = std::time::Instant::now();
    while world.rules_since(before).is_empty() && start.elapsed().as_secs() < 20 {
        std::thread::sleep(std::time::Duration::from_millis(50));
    }
    assert_eq!(world.rules_since(before), ["protocol.body"]);
    world.nothing_reached_the_homeserver("a body that ends early");
}

#[test]
fn paths_and_queries_have_one_spelling_and_no_way_around_the_table() {
    let world = World::new();
    let room = world.bobs_room(RoomVersion::V12);
    let id = room.create.id.replace('$', "%24");
    let v1 = "/_matrix/federation/v1";
    let cases = [
        (
            format!("{v1}/event/{id}%2F..%2Fx"),
            "protocol.route.path_parameter",
        ),
        (
            format!("{v1}/event/..%2Fstate"),
            "protocol.route.path_parameter",
        ),
        (
            format!("{v1}/event/%2524x"),
            "protocol.route.path_parameter",
        ),
        (
            format!("{v1}/event/{id};x"),
            "protocol.route.path_parameter",
        ),
        (format!("{v1}/event/%zz"), "protocol.route.path_parameter"),
        (format!("{v1}//event/{id}"), "protocol.route.unknown_path"),
        (format!("{v1}/event/{id}/"), "protocol.route.unknown_path"),
        (
            format!("{v1}/../v1/event/{id}"),
            "protocol.route.unknown_path",
        ),
        (
            format!("/_matrix%2Ffederation/v1/event/{id}"),
            "protocol.route.unknown_path",
        ),
        (
            format!("/_matrix/federation/v9/event/{id}"),
            "protocol.route.unknown_path",
        ),
        (
            "/_matrix/client/v3/sync".to_owned(),
            "protocol.route.unknown_path",
        ),
        (
            "/_synapse/admin/v1/users".to_owned(),
            "protocol.route.unknown_path",
        ),
        (
            format!("{v1}/event/{id}?x=1"),
            "protocol.route.query_parameter",
        ),
        (
            format!("{v1}/state/{}?event_id={id}&event_id={id}", room.id),
            "protocol.route.query_parameter",
        ),
        (
            format!("{v1}/state/{}?event_id={id}%26x", room.id),
            "protocol.route.query_parameter",
        ),
        (
            format!("{v1}/publicRooms?since=%zz"),
            "protocol.route.query_parameter",
        ),
        (
            format!("{v1}/query/directory?room_alias=%23x%3Ahigh.test"),
            "protocol.not_opened",
        ),
        (
            format!("{v1}/query/directory?room_alias=x"),
            "protocol.route.query_parameter",
        ),
        (
            "/_matrix/key/v2/query/third.test".to_owned(),
            "protocol.route.refused",
        ),
    ];
    for (target, rule) in cases {
        let before = world.gateway.audit().len();
        let reply = world.from_peer("GET", &target, None);
        assert!(
            [400, 403, 404].contains(&reply.status),
            "{target}: {} {}",
            reply.status,
            reply.text()
        );
        assert_eq!(world.rules_since(before), [rule], "{target}");
        world.nothing_reached_the_homeserver(&target);
    }
    let reply = world.from_peer("DELETE", &format!("{v1}/event/{id}"), None);
    assert_eq!(
        (reply.status, reply.json()["errcode"].as_str()),
        (405, Some("M_UNRECOGNIZED"))
    );
    world.nothing_reached_the_homeserver("a method that the table does not have");
}

#[test]
fn a_replayed_transaction_is_refused_over_another_certificate_and_changes_nothing_over_its_own() {
    let world = World::new();
    let other = world.another_peer("other");
    let mut room = world.bobs_room(RoomVersion::V12);
    let message = room.message(&world.bob(), "once");
    let (target, body) = (next_send(), transaction(&[message.text()], &[]));
    let request = world.peer.request("PUT", &target, "high.test", Some(&body));

    let before = world.gateway.audit().len();
    let mut line = other.dial(&world.record, world.gateway.border()).unwrap();
    let reply = exchange(&mut line, &request).unwrap();
    assert_eq!(
        (reply.status, world.rules_since(before)),
        (403, vec!["protocol.origin".to_owned()])
    );
    world.nothing_reached_the_homeserver("low's request over other's certificate");

    let first = world.raw(&request);
    let second = world.raw(&request);
    assert_eq!((first.status, first.text()), (second.status, second.text()));
    let arrived = world.homeserver.far.requests_of("PUT ");
    assert_eq!(arrived.len(), 2);
    assert_eq!(
        (&arrived[0].target, &arrived[0].body),
        (&arrived[1].target, &arrived[1].body),
        "the same id each time, so that the homeserver knows a replay"
    );
    assert_ne!(arrived[0].target, target, "and it is the gateway's own");
}

#[test]
fn a_peer_cannot_speak_for_the_room_or_the_event_that_it_does_not_name() {
    let world = World::new();
    let bob = world.bob();
    let (mut room, mut elsewhere) = (
        world.bobs_room(RoomVersion::V12),
        world.bobs_room(RoomVersion::V12),
    );
    let join = room.member(&bob, "@bob:low.test", "join");
    let foreign = elsewhere.member(&bob, "@bob:low.test", "join");
    let path = |room: &str, id: &str| {
        format!(
            "/_matrix/federation/v2/send_join/{}/{}",
            room.replace('!', "%21"),
            id.replace('$', "%24")
        )
    };
    let cases = [
        (
            "a forged event id",
            path(&room.id, &foreign.id),
            &join,
            "protocol.event_id",
        ),
        (
            "an event of another room",
            path(&room.id, &foreign.id),
            &foreign,
            "protocol.room_mismatch",
        ),
    ];
    for (story, target, event, rule) in cases {
        let before = world.gateway.audit().len();
        let reply = world.from_peer("PUT", &target, Some(event.text().as_bytes()));
        assert_eq!(reply.status, 403, "{story}: {}", reply.text());
        assert!(
            world.rules_since(before).iter().all(|seen| seen == rule),
            "{story}: {:?}",
            world.rules_since(before)
        );
        world.nothing_reached_the_homeserver(story);
    }
}

/// The other face: our homeserver asks, and the hostile peer answers.
#[test]
fn what_a_hostile_peer_answers_is_judged_like_what_it_sends() {
    let world = World::new();
    let bob = world.bob();
    let (mut room, mut elsewhere) = (
        world.bobs_room(RoomVersion::V12),
        world.bobs_room(RoomVersion::V12),
    );
    let (asked, other) = (room.message(&bob, "asked"), room.message(&bob, "other"));
    let foreign = elsewhere.message(&bob, "foreign");
    let mut tampered = asked.json.clone();
    tampered["content"]["body"] = json!("tampered");
    let v1 = "/_matrix/federation/v1";
    let event = format!("{v1}/event/{}", asked.id.replace('$', "%24"));
    let answer =
        |list: &[Value]| json!({"origin": "low.test", "origin_server_ts": 1, "pdus": list});
    for (story, body, rule) in [
        (
            "another event than the one asked for",
            answer(std::slice::from_ref(&other.json)),
            "protocol.event_id",
        ),
        (
            "a tampered copy",
            answer(std::slice::from_ref(&tampered)),
            "protocol.hash",
        ),
        (
            "no event at all",
            json!({"origin": "low.test", "pdus": [[]]}),
            "protocol.json.not_an_object",
        ),
    ] {
        world.peer.far.on(&format!("GET {v1}/event/"), 200, &body);
        let before = world.gateway.audit().len();
        let reply = world.from_homeserver("GET", &event, None);
        assert_ne!(reply.status, 200, "{story}: {}", reply.text());
        assert!(
            !reply.text().contains("tampered") && !reply.text().contains("other"),
            "{story}: {}",
            reply.text()
        );
        assert!(
            world.rules_since(before).iter().any(|seen| seen == rule),
            "{story}: {:?}",
            world.rules_since(before)
        );
    }
    let backfill = format!(
        "{v1}/backfill/{}?v={}&limit=10",
        room.id.replace('!', "%21"),
        asked.id.replace('$', "%24")
    );
    world.peer.far.on(
        &format!("GET {v1}/backfill/"),
        200,
        &answer(&[tampered, foreign.json, asked.json.clone()]),
    );
    let before = world.gateway.audit().len();
    let reply = world.from_homeserver("GET", &backfill, None);
    assert_eq!(
        (reply.status, pdus(&reply.json())),
        (200, vec![asked.json]),
        "only the true event of this room"
    );
    let rules = world.rules_since(before);
    assert!(
        rules.contains(&"protocol.room_mismatch".to_owned())
            && rules.contains(&"protocol.hash".to_owned()),
        "{rules:?}"
    );
    for (story, bytes, status) in [
        (
            "an envelope with a duplicate key",
            br#"{"pdus":[],"pdus":[]}"#.to_vec(),
            502,
        ),
        ("no JSON", b"<html>".to_vec(), 502),
        (
            "an error text",
            br#"{"errcode":"M_FORBIDDEN","error":"whisper"}"#.to_vec(),
            502,
        ),
    ] {
        world.peer.far.on_bytes(
            &format!("GET {v1}/backfill/"),
            if story == "an error text" { 403 } else { 200 },
            &bytes,
        );
        let reply = world.from_homeserver("GET", &backfill, None);
        let expected = if story == "an error text" {
            403
        } else {
            status
        };
        assert_eq!(reply.status, expected, "{story}: {}", reply.text());
        assert!(!reply.text().contains("whisper"), "{story}");
    }
}

#[test]
fn the_largest_bodies_that_are_allowed_do_not_cost_more_than_200_mib() {
    let world = World::new();
    let bob = world.bob();
    let mut room = world.bobs_room(RoomVersion::V12);
    // Many small values cost a parser most: a 60 kB event is 30,000 of them.
    let brackets = |room: &mut Room| {
        room.event(
            &bob,
            "m.room.message",
            None,
            json!({"x": vec![json!([]); 20_000]}),
        )
    };
    let full: Vec<String> = (0..50).map(|_| brackets(&mut room).text()).collect();
    let body = transaction(&full, &[]);
    assert!(body.len() > 3_000_000, "{}", body.len());
    assert_eq!(send(&world, &body).status, 200);
    let noise = format!(
        r#"{{"origin":"low.test","pdus":[],"x":[{}[]]}}"#,
        "[],".repeat(1_300_000)
    );
    assert_eq!(send(&world, noise.as_bytes()).status, 400);
    let wide: String = (0..350_000).map(|at| format!(r#""{at}":0,"#)).collect();
    let wide = format!(r#"{{"origin":"low.test","pdus":[],{wide}"x":0}}"#);
    assert_eq!(send(&world, wide.as_bytes()).status, 400);
    assert_peak_memory(&world, "bodies of several MiB");
}

fn assert_peak_memory(world: &World, what: &str) {
    let peak = world.gateway.peak_memory_kib();
    println!("peak memory of the gateway, {what}: {} MiB", peak / 1024);
    assert!(peak < MOST_MEMORY_KIB, "{what}: {peak} KiB");
}

#[test]
fn a_signature_header_is_read_strictly() {
    let world = World::new();
    let (target, body) = (
        next_send(),
        br#"{"origin":"low.test","origin_server_ts":1,"pdus":[]}"#,
    );
    let good = x_matrix(
        &world.peer.signing,
        "PUT",
        &target,
        "low.test",
        "high.test",
        Some(body),
    );
    for (story, header) in [
        (
            "an origin twice",
            good.replacen(
                "origin=\"low.test\"",
                "origin=\"high.test\",origin=\"low.test\"",
                1,
            ),
        ),
        (
            "no destination",
            good.replacen(",destination=\"high.test\"", "", 1),
        ),
        (
            "a port",
            good.replacen("\"low.test\"", "\"low.test:8448\"", 1),
        ),
        (
            "an address",
            good.replacen("\"low.test\"", "\"127.0.0.1\"", 1),
        ),
    ] {
        let reply = world.raw(&request_bytes(
            "PUT",
            &target,
            "high.test",
            &[header],
            Some(body),
        ));
        assert!(
            [401, 403].contains(&reply.status),
            "{story}: {}",
            reply.text()
        );
        world.nothing_reached_the_homeserver(story);
    }
}

#[test]
fn the_largest_answer_that_a_peer_may_give_does_not_cost_more_than_200_mib() {
    let world = World::new();
    let bob = world.bob();
    let mut room = world.bobs_room(RoomVersion::V12);
    let state: Vec<Value> = (0..500)
        .map(|at| {
            room.event(
                &bob,
                "org.example.state",
                Some(&at.to_string()),
                json!({"x": "x".repeat(60_000)}),
            )
            .json
        })
        .collect();
    let body = json!({"pdus": state, "auth_chain": [room.create.json]});
    assert!(body.to_string().len() > 30_000_000);
    let v1 = "/_matrix/federation/v1";
    world.peer.far.on(&format!("GET {v1}/state/"), 200, &body);
    let target = format!(
        "{v1}/state/{}?event_id={}",
        room.id.replace('!', "%21"),
        room.create.id.replace('$', "%24")
    );
    let reply = world.from_homeserver("GET", &target, None);
    assert_eq!(
        (reply.status, pdus(&reply.json()).len()),
        (200, 500),
        "{}",
        world.gateway.log()
    );
    assert_peak_memory(&world, "an answer of 30 MB");
}
