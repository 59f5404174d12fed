//! One peer that floods us, hangs, or is flooded by ours, costs its own link and no other.

use std::io::{Read, Write};
use std::os::unix::net::UnixStream;
use std::time::{Duration, Instant};

use serde_json::json;
use sluice_policy::pdu::RoomVersion;
use sluice_tests::stub::peer::{StubPeer, x_matrix};
use sluice_tests::stub::room::now_ms;
use sluice_tests::stub::wire::{read_reply, request_bytes};
use sluice_tests::stub::{World, errors, next_send};

/// How long a stub hangs: longer than any test.
const FOR_EVER: Duration = Duration::from_secs(120);
/// A message of another link needs no longer than this beside the hanging one, on a busy machine.
const AT_FULL_SPEED: Duration = Duration::from_secs(3);
/// An answer that has come is read at once.
const A_MOMENT: Duration = Duration::from_millis(50);
const BACKFILL: &str = "/_matrix/federation/v1/backfill/%21a%3Ahigh.test?v=%24V8LEfOw78wseB9PIBVfxK3sgrHQ_56ACTuchJxBgp0w&limit=10";
const STATE: &str = "/_matrix/federation/v1/state_ids/%21a%3Ahigh.test?event_id=%24V8LEfOw78wseB9PIBVfxK3sgrHQ_56ACTuchJxBgp0w";

fn world_with(limits: &str) -> World {
    let mut world = World::new();
    world.gateway.edit("sluice.toml", |text| {
        format!("{text}\n[limits]\n{limits}\n")
    });
    world.gateway.restart();
    world
}

/// A request of our homeserver to a peer's, whose answer nobody reads yet.
fn asked_of(world: &World, peer: &StubPeer, target: &str) -> UnixStream {
    let (us, them) = (&world.homeserver, &peer.server);
    let fields = [
        format!(
            "Proxy-Authorization: Bearer {}",
            world.gateway.inside_secret()
        ),
        x_matrix(&us.key, "GET", target, &us.name, them, None),
    ];
    let absolute = format!("matrix-federation://{them}{target}");
    let mut stream = UnixStream::connect(world.gateway.file("hook.sock")).unwrap();
    stream.set_read_timeout(Some(A_MOMENT)).unwrap();
    stream
        .write_all(&request_bytes(
            "GET",
            &absolute,
            &format!("{them}:80"),
            &fields,
            None,
        ))
        .unwrap();
    stream
}

/// The same of a peer's homeserver to ours.
fn asked_by(world: &World, peer: &StubPeer, target: &str) -> sluice_tests::stub::peer::Line {
    let mut line = peer.dial(&world.record, world.gateway.border()).unwrap();
    line.write_all(&peer.request("GET", target, "high.test", None))
        .unwrap();
    line.flush().unwrap();
    line
}

/// The statuses that come within a moment; the others hang.
fn statuses(streams: &mut [impl Read]) -> Vec<u16> {
    streams
        .iter_mut()
        .filter_map(|stream| read_reply(stream).ok())
        .map(|reply| reply.status)
        .collect()
}

#[test]
fn a_peer_that_hangs_costs_its_own_link_and_the_next_goes_on_at_full_speed() {
    let world = World::new();
    let mid = world.another_peer("mid");
    let mut room = world.alices_room(RoomVersion::V12);
    world
        .peer
        .far
        .slow("GET /_matrix/federation/v1/backfill", FOR_EVER);
    let mut hanging: Vec<UnixStream> = (0..100)
        .map(|_| asked_of(&world, &world.peer, BACKFILL))
        .collect();
    std::thread::sleep(Duration::from_secs(1));
    for number in 0..10 {
        let event = room.message(&world.alice(), &number.to_string());
        let start = Instant::now();
        let reply = world.alice_sends_to(&mid, &[event]);
        assert_eq!((reply.status, errors(&reply)), (200, Vec::new()));
        assert!(start.elapsed() < AT_FULL_SPEED, "{:?}", start.elapsed());
    }
    // Half of the lane hangs; the other pulls were refused at once, by a status that silences nobody.
    let refused = statuses(&mut hanging);
    assert!(refused.len() >= 40, "{refused:?}");
    assert!(refused.iter().all(|status| *status == 403), "{refused:?}");
    let metrics = world.gateway.page("/metrics").text();
    assert!(metrics.contains("protocol.overload.peer"), "{metrics}");
}

#[test]
fn our_homeserver_that_hangs_on_one_peers_pulls_goes_on_with_anothers() {
    let world = World::new();
    let mid = world.another_peer("mid");
    world
        .homeserver
        .far
        .slow("GET /_matrix/federation/v1/backfill", FOR_EVER);
    let mut hanging: Vec<_> = (0..60)
        .map(|_| asked_by(&world, &world.peer, BACKFILL))
        .collect();
    std::thread::sleep(Duration::from_secs(1));
    for _ in 0..10 {
        let body =
            json!({"origin": "mid.test", "origin_server_ts": now_ms(), "pdus": [], "edus": []})
                .to_string();
        let bytes = mid.request("PUT", &next_send(), "high.test", Some(body.as_bytes()));
        let start = Instant::now();
        let mut line = mid.dial(&world.record, world.gateway.border()).unwrap();
        let reply = sluice_tests::stub::peer::exchange(&mut line, &bytes).unwrap();
        assert_eq!(reply.status, 200);
        assert!(start.elapsed() < AT_FULL_SPEED, "{:?}", start.elapsed());
    }
    for line in &mut hanging {
        line.sock.set_read_timeout(Some(A_MOMENT)).unwrap();
    }
    // A peer's gateway knows what 429 means, and tells its homeserver 403.
    let refused = statuses(&mut hanging);
    assert!(refused.len() >= 10, "{refused:?}");
    assert!(refused.iter().all(|status| *status == 429), "{refused:?}");
}

#[test]
fn load_is_shed_history_first_then_state_and_transactions_last() {
    let world = world_with("peer_requests = 16\nrequests = 64");
    let mut room = world.alices_room(RoomVersion::V12);
    world.peer.far.slow("GET /_matrix/federation/v1/", FOR_EVER);
    let ask = |target: &str, times: usize| -> Vec<UnixStream> {
        let asked = (0..times)
            .map(|_| asked_of(&world, &world.peer, target))
            .collect();
        std::thread::sleep(Duration::from_secs(1));
        asked
    };
    let _history = ask(BACKFILL, 8);
    let mut shed = ask(BACKFILL, 2);
    assert_eq!(statuses(&mut shed), [403, 403]);
    let _state = ask(STATE, 4);
    let mut shed = ask(STATE, 2);
    assert_eq!(statuses(&mut shed), [403, 403]);
    let event = room.message(&world.alice(), "the last that goes");
    let reply = world.alice_sends(&[event]);
    assert_eq!((reply.status, errors(&reply)), (200, Vec::new()));
}

#[test]
fn who_asks_for_too_much_of_one_kind_is_refused_that_kind_in_both_directions() {
    let world = world_with("backfill_per_minute = 3\nkey_claims_per_minute = 2");
    let mid = world.another_peer("mid");
    let claim = json!({"one_time_keys": {}}).to_string();
    let claims = "/_matrix/federation/v1/user/keys/claim";
    for outbound in [true, false] {
        let ask = |method: &str, target: &str, body: Option<&[u8]>| match outbound {
            true => world.from_homeserver(method, target, body),
            false => world.from_peer(method, target, body),
        };
        let pulls: Vec<u16> = (0..5).map(|_| ask("GET", BACKFILL, None).status).collect();
        assert_eq!(pulls, [404, 404, 404, 403, 403], "outbound: {outbound}");
        let last = ask("GET", BACKFILL, None);
        assert_eq!(
            last.json()["errcode"],
            "M_LIMIT_EXCEEDED",
            "{}",
            last.text()
        );
        let refused = (0..4).filter(|_| ask("POST", claims, Some(claim.as_bytes())).status == 403);
        assert_eq!(refused.count(), 2, "outbound: {outbound}");
        assert_ne!(ask("GET", STATE, None).status, 403, "another kind goes on");
    }
    let other = world.from_homeserver_to(&mid, "GET", BACKFILL, None);
    assert_eq!(other.status, 404, "another peer goes on");
    let metrics = world.gateway.page("/metrics").text();
    for rule in ["protocol.rate.backfill", "protocol.rate.key_claims"] {
        assert!(metrics.contains(rule), "{metrics}");
    }
}

#[test]
fn messages_to_devices_beyond_the_limit_are_dropped_and_recorded_and_the_transaction_crosses() {
    let world = world_with("to_device_per_minute = 2");
    let edu = |number: usize| {
        json!({"edu_type": "m.direct_to_device", "content": {
            "sender": "@bob:low.test", "type": "m.room_key_request", "message_id": number.to_string(),
            "messages": {"@alice:high.test": {"*": {"action": "request_cancellation", "request_id": "1", "requesting_device_id": "B"}}},
        }})
    };
    let edus: Vec<_> = (0..5).map(edu).collect();
    let body =
        json!({"origin": "low.test", "origin_server_ts": now_ms(), "pdus": [], "edus": edus})
            .to_string();
    let before = world.gateway.audit().len();
    let reply = world.from_peer("PUT", &next_send(), Some(body.as_bytes()));
    assert_eq!(reply.status, 200, "{}", reply.text());
    let rules = world.rules_since(before);
    let dropped = rules
        .iter()
        .filter(|rule| *rule == "protocol.rate.to_device")
        .count();
    assert_eq!(dropped, 3, "{rules:?}");
}

#[test]
fn transactions_beyond_the_limit_wait_and_none_is_refused() {
    let world = world_with("transactions_per_minute = 30");
    let body = json!({"origin": "low.test", "origin_server_ts": now_ms(), "pdus": [], "edus": []})
        .to_string();
    let mut last = Duration::ZERO;
    for _ in 0..31 {
        let start = Instant::now();
        let reply = world.from_peer("PUT", &next_send(), Some(body.as_bytes()));
        assert_eq!(reply.status, 200, "{}", reply.text());
        last = start.elapsed();
    }
    assert!(last > Duration::from_millis(500), "{last:?}");
    let metrics = world.gateway.page("/metrics").text();
    assert!(metrics.contains("sluice_slowed_seconds_count"), "{metrics}");
}

#[test]
fn transactions_that_wait_take_no_place_and_all_of_them_pass() {
    let world = world_with("transactions_per_minute = 30\npeer_requests = 8\nrequests = 64");
    let body = json!({"origin": "low.test", "origin_server_ts": now_ms(), "pdus": [], "edus": []})
        .to_string();
    let statuses: Vec<u16> = std::thread::scope(|scope| {
        let sending: Vec<_> = (0..44)
            .map(|_| {
                scope.spawn(|| {
                    world
                        .from_peer("PUT", &next_send(), Some(body.as_bytes()))
                        .status
                })
            })
            .collect();
        // Thirty have passed by now, and the others sleep: more than the lane has places.
        std::thread::sleep(Duration::from_secs(3));
        let start = Instant::now();
        let pull = world.from_peer("GET", BACKFILL, None);
        assert_eq!(pull.status, 404, "history goes on: {}", pull.text());
        assert!(start.elapsed() < AT_FULL_SPEED, "{:?}", start.elapsed());
        sending
            .into_iter()
            .map(|sent| sent.join().unwrap())
            .collect()
    });
    assert_eq!(statuses, [200; 44]);
}

#[test]
fn a_transaction_waits_for_a_place_until_one_falls_free() {
    let world = world_with("peer_requests = 8\nrequests = 64");
    let mut room = world.alices_room(RoomVersion::V12);
    let pause = Duration::from_secs(4);
    world
        .peer
        .far
        .slow("PUT /_matrix/federation/v1/send/", pause);
    let events: Vec<_> = (0..16)
        .map(|number| room.message(&world.alice(), &number.to_string()))
        .collect();
    let world = &world;
    let statuses: Vec<u16> = std::thread::scope(|scope| {
        let sending: Vec<_> = events
            .iter()
            .map(|event| scope.spawn(move || world.alice_sends(std::slice::from_ref(event)).status))
            .collect();
        sending
            .into_iter()
            .map(|sent| sent.join().unwrap())
            .collect()
    });
    assert_eq!(statuses, [200; 16]);
}
