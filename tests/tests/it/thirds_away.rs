//! A third zone whose gateway is away, or whose link an operator has closed: it costs its own users' events, and nobody
//! else anything.

use std::time::{Duration, Instant};

use serde_json::json;
use sluice::route::encode;
use sluice_policy::pdu::RoomVersion;
use sluice_tests::stub::room::{Event, Room, key_document_until, now_ms, transaction};
use sluice_tests::stub::wire::Reply;
use sluice_tests::stub::{World, answer_of, errors, next_send, pdus};

use crate::thirds::{carol, listed};

const V1: &str = "/_matrix/federation/v1";
const V2: &str = "/_matrix/federation/v2";
const KEYS: &str = "GET /_matrix/key/v2/server";
/// What a body takes at most whose third server's gateway hangs; a homeserver gives up after 60 s.
const SOON: Duration = Duration::from_secs(15);
/// How long a stub hangs: longer than any test.
const FOR_EVER: Duration = Duration::from_secs(300);

/// bob's homeserver gives ours these events as the history of a room.
pub fn alices_homeserver_pulls(world: &World, room: &Room, events: &[Event]) -> Reply {
    let last = events.last().unwrap();
    let target = format!(
        "{V1}/backfill/{}?v={}&limit=10",
        encode(&room.id),
        encode(&last.id)
    );
    let answer = answer_of("pdus", "low.test", events);
    world
        .peer
        .far
        .on(&format!("GET {V1}/backfill/"), 200, &answer);
    world.from_homeserver("GET", &target, None)
}

/// The events that reached our homeserver with the last transaction.
fn arrived(world: &World) -> Vec<serde_json::Value> {
    let sent = world.homeserver.far.requests_of("PUT ");
    sent.last()
        .map(|last| pdus(&last.json()))
        .unwrap_or_default()
}

fn sleep_until(ms: i64) {
    let left = u64::try_from(ms - now_ms()).unwrap_or(0);
    std::thread::sleep(Duration::from_millis(left));
}

#[test]
fn keys_of_a_third_gateway_that_is_dead_count_until_they_end_and_then_its_users_alone_are_left_out()
{
    const VALID_MS: i64 = 30_000;
    let world = World::under(&listed());
    let third = world.another_peer("third");
    let (carol, bob) = (carol(&third), world.bob());
    let begin = now_ms();
    let document = key_document_until(&third.server, &third.key, begin + VALID_MS);
    third.far.on(KEYS, 200, &document);
    let mut room = world.bobs_room(RoomVersion::V12);
    let join = room.member(&carol, &carol.user, "join");
    let reply = world.bob_sends(std::slice::from_ref(&join));
    assert_eq!(errors(&reply), Vec::<String>::new());
    assert_eq!(third.far.requests_of(KEYS).len(), 1, "her keys are known");
    drop(third);

    // Older than half their time, and nobody gives new ones.
    sleep_until(begin + VALID_MS / 2 + 3000);
    let started = Instant::now();
    let hers = room.message(&carol, "carol's");
    let his = room.message(&bob, "bob's");
    let reply = alices_homeserver_pulls(&world, &room, &[hers.clone(), his.clone()]);
    assert_eq!(reply.status, 200, "{}", reply.text());
    assert_eq!(reply.json()["pdus"], json!([hers.json, his.json]));
    let renamed = room.member(&carol, &carol.user, "join");
    let his = room.message(&bob, "bob's next");
    let reply = world.bob_sends(&[renamed, his]);
    assert_eq!(
        (reply.status, errors(&reply)),
        (200, Vec::new()),
        "{}",
        world.gateway.log()
    );
    assert!(started.elapsed() < SOON, "{:?}", started.elapsed());

    // After their end nobody can verify what she says; bob's messages cross.
    sleep_until(begin + VALID_MS + 500);
    let started = Instant::now();
    let before = world.gateway.audit().len();
    let leave = room.member(&carol, &carol.user, "leave");
    let his = room.message(&bob, "bob's third");
    let reply = world.bob_sends(&[leave.clone(), his.clone()]);
    assert_eq!((reply.status, errors(&reply)), (200, vec![leave.id]));
    assert_eq!(arrived(&world), [his.json]);
    assert!(
        world
            .rules_since(before)
            .contains(&"protocol.keys_missing".to_owned())
    );
    let his = room.message(&bob, "bob's fourth");
    let reply = alices_homeserver_pulls(&world, &room, &[hers, his.clone()]);
    assert_eq!(reply.json()["pdus"], json!([his.json]), "{}", reply.text());
    assert!(started.elapsed() < SOON, "{:?}", started.elapsed());
}

#[test]
fn a_third_gateway_that_hangs_is_waited_for_once_and_shortly_and_nothing_of_it_is_remembered() {
    let world = World::under(&listed());
    let third = world.another_peer("third");
    let (carol, bob) = (carol(&third), world.bob());
    third.far.slow(KEYS, FOR_EVER);
    let mut room = world.bobs_room(RoomVersion::V12);
    let join = room.member(&carol, &carol.user, "join");
    let hers = room.message(&carol, "carol's");
    let said = |room: &mut Room, text| room.message(&bob, text);
    let started = Instant::now();
    let his = said(&mut room, "first");
    let reply = world.bob_sends(&[join.clone(), his.clone()]);
    assert_eq!(
        (reply.status, errors(&reply)),
        (200, vec![join.id.clone()]),
        "{}",
        world.gateway.log()
    );
    assert_eq!(arrived(&world), [his.json]);
    let his = said(&mut room, "second");
    let reply = alices_homeserver_pulls(&world, &room, &[hers.clone(), his.clone()]);
    assert_eq!(reply.json()["pdus"], json!([his.json]), "{}", reply.text());
    assert!(started.elapsed() < SOON, "{:?}", started.elapsed());
    let asked = String::from_utf8_lossy(&third.far.raw()).into_owned();
    assert_eq!(asked.matches(KEYS).count(), 1, "it is not asked each time");
    // Nobody enters a room of which a part cannot be verified, and the homeserver does not back off for it.
    let alice = world.alice();
    let enters = room.member(&alice, &alice.user, "join");
    let target = format!("{V2}/send_join/{}/{}", encode(&room.id), encode(&enters.id));
    let answer = json!({
        "event": enters.json, "origin": "low.test", "members_omitted": false,
        "servers_in_room": ["low.test", "third.test"],
        "state": [room.create.json, join.json], "auth_chain": [room.create.json],
    });
    world.peer.far.on(&format!("PUT {target}"), 200, &answer);
    let joins = || world.from_homeserver("PUT", &target, Some(enters.text().as_bytes()));
    let reply = joins();
    assert_eq!(reply.status, 403, "{}", reply.text());
    assert!(started.elapsed() < 2 * SOON, "{:?}", started.elapsed());

    // It is back, and all of it crosses.
    third.far.slow(KEYS, Duration::ZERO);
    world.gateway.reload();
    let reply = alices_homeserver_pulls(&world, &room, std::slice::from_ref(&hers));
    assert_eq!(reply.json()["pdus"], json!([hers.json]), "{}", reply.text());
    let reply = world.bob_sends(std::slice::from_ref(&join));
    assert_eq!(errors(&reply), Vec::<String>::new());
    assert_eq!(joins().status, 200, "{}", world.gateway.log());
}

#[test]
fn while_a_third_zones_link_is_closed_its_users_events_are_empty_elsewhere_and_whole_when_it_is_open()
 {
    let mut world = World::under(&listed());
    let third = world.another_peer("third");
    let (carol, bob) = (carol(&third), world.bob());
    let mut room = world.bobs_room(RoomVersion::V12);
    let join = room.member(&carol, &carol.user, "join");
    assert_eq!(
        errors(&world.bob_sends(std::slice::from_ref(&join))),
        Vec::<String>::new()
    );
    let hers = room.message(&carol, "carol's");
    let power = json!({"users": {carol.user.clone(): 50}});
    let power = room.event(&carol, "m.room.power_levels", Some(""), power);
    let his = room.message(&bob, "bob's");
    let events = [hers.clone(), power.clone(), his.clone()];

    world
        .gateway
        .command(&["link", "close", "third", "--json"], "");
    let before = world.gateway.audit().len();
    let reply = alices_homeserver_pulls(&world, &room, &events);
    assert_eq!(reply.status, 200, "{}", reply.text());
    let empty = hers.redacted(room.version);
    assert_eq!(
        reply.json()["pdus"],
        json!([empty.json, his.json]),
        "what must never be redacted is left out"
    );
    let closed = "protocol.link_closed".to_owned();
    assert!(world.rules_since(before).contains(&closed));
    let lines = world.gateway.audit();
    assert!(
        lines.iter().all(|line| line["kind"] != "closed"),
        "the room lives on"
    );

    // After a restart even her keys are missing; bob's homeserver is never refused for that.
    world.gateway.restart();
    let leave = room.member(&carol, &carol.user, "leave");
    let more = room.message(&bob, "bob's next");
    let reply = world.bob_sends(&[leave.clone(), more.clone()]);
    assert_eq!(
        (reply.status, errors(&reply)),
        (200, vec![leave.id.clone()]),
        "{}",
        reply.text()
    );
    assert_eq!(arrived(&world), [more.json]);
    let reply = alices_homeserver_pulls(&world, &room, &events);
    assert_eq!(reply.json()["pdus"], json!([his.json]), "{}", reply.text());

    // Opened: nothing of that was a verdict.
    world
        .gateway
        .command(&["link", "open", "third", "--json"], "");
    let reply = alices_homeserver_pulls(&world, &room, &events);
    assert_eq!(
        reply.json()["pdus"],
        json!([hers.json, power.json, his.json]),
        "{}",
        world.gateway.log()
    );
    assert_eq!(errors(&world.bob_sends(&[leave])), Vec::<String>::new());
}

#[test]
fn between_two_homeservers_of_our_zone_a_third_gateway_that_is_away_stops_nothing() {
    let world = World::of_two_homeservers(&listed());
    let third = world.another_peer("third");
    let (carol, alice) = (carol(&third), world.alice());
    drop(third);
    let mut room = world.alices_room(RoomVersion::V12);
    let join = room.member(&carol, &carol.user, "join");
    let said = room.message(&alice, "to anna");
    let started = Instant::now();
    let send = |events: &[Event]| {
        let body = transaction("high.test", events).to_string();
        let (us, body) = (&world.homeserver, body.into_bytes());
        world.through_the_hook(us, "second.test", "PUT", &next_send(), Some(&body))
    };
    let reply = send(&[join.clone(), said.clone()]);
    assert_eq!((reply.status, errors(&reply)), (200, vec![join.id.clone()]));
    let sent = world.second().far.requests_of("PUT ");
    assert_eq!(pdus(&sent[0].json()), std::slice::from_ref(&said.json));
    let target = format!(
        "{V1}/backfill/{}?v={}&limit=10",
        encode(&room.id),
        encode(&said.id)
    );
    let answer = answer_of("pdus", "high.test", &[join, said.clone()]);
    let far = &world.homeserver.far;
    far.on(&format!("GET {V1}/backfill/"), 200, &answer);
    let reply = world.through_the_hook(world.second(), "high.test", "GET", &target, None);
    assert_eq!(
        (reply.status, &reply.json()["pdus"]),
        (200, &json!([said.json]))
    );
    assert!(started.elapsed() < SOON, "{:?}", started.elapsed());
}
