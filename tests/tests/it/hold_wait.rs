//! What waits for a check: acknowledged, sent by the gateway itself in order, and never lost - whatever the check does, and
//! whenever the gateway dies.

use std::time::{Duration, Instant};

use serde_json::{Value, json};
use sluice_policy::bundle::BundleParts;
use sluice_policy::pdu::RoomVersion;
use sluice_tests::stub::room::{Event, Room};
use sluice_tests::stub::service::Service;
use sluice_tests::stub::{World, answer_of, errors, pdus, policy};

/// What the policy of these tests lets a check look at.
pub const WORD: &str = "DE89 3704 0044 0532 0130 00";
const SEND: &str = "PUT /_matrix/federation/v1/send/";
pub const CHECK: &str = "POST /check";
/// Time for what the gateway does by itself.
pub const SOON: Duration = Duration::from_secs(40);

/// The shipped policy, but that account numbers wait for these checks.
pub fn waiting_for(checks: &[&str]) -> BundleParts {
    let mut parts = policy();
    let mut data: Value = serde_json::from_slice(&parts.data).unwrap();
    let table = data
        .pointer_mut("/settings/dlp/ordinary")
        .unwrap()
        .as_array_mut()
        .unwrap();
    table.retain(|row| !row["detector"].as_str().unwrap().ends_with(".iban"));
    for detector in ["de.iban", "eu.iban"] {
        table.push(
            json!({"detector": detector, "strength": "medium", "action": "wait", "checks": checks}),
        );
    }
    parts.data = data.to_string().into_bytes();
    parts
}

/// A world with a check of the name `scanner`, which has as long as can be: a test that opens and shuts it should not be
/// surprised by the deadline.
pub fn world(check: &Service) -> World {
    world_that_waits_for(check, &["scanner"], 20)
}

fn world_that_waits_for(check: &Service, checks: &[&str], seconds: u32) -> World {
    world_under(&waiting_for(checks), check, seconds)
}

/// A world under a policy that names the check `scanner`.
pub fn world_under(parts: &BundleParts, check: &Service, seconds: u32) -> World {
    let mut world = World::under(parts);
    let more = format!(
        "\n[hold]\nwait_seconds = {seconds}\n[[checks]]\nname = \"scanner\"\naddress = \"{}/check\"\n",
        check.base()
    );
    world
        .gateway
        .edit("sluice.toml", |text| format!("{text}{more}"));
    world.gateway.restart();
    world
}

pub fn says(world: &World, room: &mut Room, text: &str) -> Event {
    let event = room.message(&world.alice(), text);
    let reply = world.alice_sends(std::slice::from_ref(&event));
    assert_eq!((reply.status, errors(&reply)), (200, Vec::new()), "{text}");
    event
}

/// The events that reached the peer, in order, as id and content; what came twice stands twice.
pub fn arrived(world: &World) -> Vec<(String, Value)> {
    let requests = world.peer.far.requests_of(SEND);
    let events = requests.iter().flat_map(|request| pdus(&request.json()));
    events
        .map(|event| (hash_of(&event), event["content"].clone()))
        .collect()
}

/// The content hash, which tells events apart here in either form.
pub fn hash_of(event: &Value) -> String {
    event["hashes"]["sha256"].as_str().unwrap().to_owned()
}

pub fn wait_for(world: &World, events: &[&Event]) -> Vec<(String, Value)> {
    let start = Instant::now();
    loop {
        let there = arrived(world);
        if events
            .iter()
            .all(|event| there.iter().any(|(hash, _)| *hash == hash_of(&event.json)))
        {
            return there;
        }
        assert!(start.elapsed() < SOON, "{there:?} {}", world.gateway.log());
        std::thread::sleep(Duration::from_millis(50));
    }
}

fn order(there: &[(String, Value)], events: &[&Event]) -> Vec<usize> {
    let place = |event: &&Event| {
        there
            .iter()
            .position(|(hash, _)| *hash == hash_of(&event.json))
            .unwrap()
    };
    events.iter().map(place).collect()
}

fn reasons(world: &World, event: &Event) -> Vec<Value> {
    let lines = world.gateway.audit();
    let of_event = lines
        .iter()
        .filter(|line| line["kind"] == "event" && line["event_id"] == event.id.as_str());
    of_event.map(|line| line["reason"].clone()).collect()
}

pub fn content_at_rest(world: &World) -> usize {
    std::fs::read_dir(world.gateway.file("state/held/keys"))
        .unwrap()
        .count()
}

#[test]
fn a_check_that_says_release_lets_the_event_and_those_behind_it_cross_in_order() {
    let check = Service::start();
    check.far.on(
        CHECK,
        200,
        &json!({"verdict": "release", "reason": "clean"}),
    );
    check.far.shut(CHECK);
    let world = world(&check);
    let (mut room, mut other) = (
        world.alices_room(RoomVersion::V12),
        world.alices_room(RoomVersion::V12),
    );
    let first = says(&world, &mut room, &format!("an {WORD}"));
    let second = says(&world, &mut room, "danach");
    let elsewhere = says(&world, &mut other, "anderswo");
    let at_once = arrived(&world);
    assert_eq!(at_once.len(), 1, "another room goes on: {at_once:?}");
    assert_eq!(at_once[0].0, hash_of(&elsewhere.json));
    check.far.open(CHECK);
    let there = wait_for(&world, &[&first, &second]);
    assert!(order(&there, &[&first, &second]).is_sorted());
    assert_eq!(
        there[order(&there, &[&first])[0]].1["body"],
        format!("an {WORD}")
    );
    let asked = &check.far.requests()[0].json();
    assert_eq!(asked["event"]["content"]["body"], format!("an {WORD}"));
    assert_eq!(
        (&asked["link"], &asked["event_id"]),
        (&json!("high->low"), &json!(first.id))
    );
    assert_eq!(asked["findings"][0]["detector"], "de.iban");
    let third = says(&world, &mut room, "und weiter");
    assert_eq!(
        arrived(&world).last().unwrap().0,
        hash_of(&third.json),
        "nothing waits any more: at once"
    );
    assert_eq!(content_at_rest(&world), 0);
    assert!(!world.gateway.audit_text().contains("clean"));
}

#[test]
fn what_a_check_refuses_or_does_not_answer_crosses_redacted_and_the_room_lives_on() {
    let check = Service::start();
    let world = world_that_waits_for(&check, &["scanner"], 5);
    let mut room = world.alices_room(RoomVersion::V12);
    for (status, answer, pause, reason) in [
        (
            200,
            json!({"verdict": "redact", "reason": "dirty"}),
            0,
            "check_refused",
        ),
        (200, json!({"verdict": "maybe"}), 0, "check_failed"),
        (
            200,
            json!({"verdict": "release", "more": 1}),
            0,
            "check_failed",
        ),
        (500, json!({"verdict": "release"}), 0, "check_failed"),
        (200, json!({"verdict": "release"}), 30, "check_late"),
    ] {
        check.far.on(CHECK, status, &answer);
        check.far.slow(CHECK, Duration::from_secs(pause));
        let event = says(&world, &mut room, WORD);
        let next = says(&world, &mut room, "weiter");
        let there = wait_for(&world, &[&event, &next]);
        let places = order(&there, &[&event, &next]);
        assert!(places.is_sorted());
        assert_eq!(there[places[0]].1, json!({}), "{reason}");
        assert_eq!(there[places[1]].1["body"], "weiter");
        assert_eq!(reasons(&world, &event), ["waiting", reason]);
    }
    assert!(!world.peer.far.saw(WORD));
    settled(&world);
}

#[test]
fn a_check_that_nobody_declared_lets_nothing_pass() {
    let check = Service::start();
    check.far.on(CHECK, 200, &json!({"verdict": "release"}));
    let world = world_that_waits_for(&check, &["scanner", "oracle"], 5);
    let mut room = world.alices_room(RoomVersion::V12);
    let event = says(&world, &mut room, WORD);
    let there = wait_for(&world, &[&event]);
    assert_eq!(there[0].1, json!({}));
    assert_eq!(reasons(&world, &event)[1], "check_unknown");
}

#[test]
fn a_pull_that_meets_a_waiting_event_waits_for_its_verdict() {
    let check = Service::start();
    let world = world(&check);
    let mut room = world.alices_room(RoomVersion::V12);
    for (verdict, whole) in [("release", true), ("redact", false)] {
        check.far.on(CHECK, 200, &json!({ "verdict": verdict }));
        check.far.shut(CHECK);
        let event = says(&world, &mut room, WORD);
        world.homeserver.far.on(
            "GET /_matrix/federation/v1/event/",
            200,
            &answer_of("pdus", "high.test", std::slice::from_ref(&event)),
        );
        let target = format!(
            "/_matrix/federation/v1/event/{}",
            event.id.replace('$', "%24")
        );
        let pulled = std::thread::scope(|scope| {
            let pull = scope.spawn(|| world.from_peer("GET", &target, None));
            std::thread::sleep(Duration::from_millis(500));
            assert!(!pull.is_finished(), "it waits");
            check.far.open(CHECK);
            pull.join().unwrap()
        });
        wait_for(&world, &[&event]);
        let later = world.from_peer("GET", &target, None);
        for reply in [pulled, later] {
            assert_eq!((reply.status, reply.text().contains(WORD)), (200, whole));
        }
    }
}

#[test]
fn what_enters_waits_too_and_a_homeserver_that_sends_again_changes_nothing() {
    let check = Service::start();
    check.far.on(CHECK, 200, &json!({"verdict": "release"}));
    check.far.shut(CHECK);
    let world = world(&check);
    let mut room = world.bobs_room(RoomVersion::V12);
    let event = room.message(&world.bob(), WORD);
    for _ in 0..2 {
        let reply = world.bob_sends(std::slice::from_ref(&event));
        assert_eq!((reply.status, errors(&reply)), (200, Vec::new()));
    }
    let _asked = check.wait(1);
    assert!(!world.homeserver.far.saw(WORD));
    check.far.open(CHECK);
    let start = Instant::now();
    while !world.homeserver.far.saw(WORD) {
        assert!(start.elapsed() < SOON, "{}", world.gateway.log());
        std::thread::sleep(Duration::from_millis(50));
    }
    let sent = world.homeserver.far.requests_of(SEND);
    let times = sent
        .iter()
        .flat_map(|request| pdus(&request.json()))
        .count();
    assert_eq!(times, 1);
    assert_eq!(check.far.requests().len(), 1);
}

#[test]
fn a_gateway_that_is_killed_while_events_wait_sends_them_after_its_start() {
    let check = Service::start();
    check.far.on(CHECK, 200, &json!({"verdict": "release"}));
    check.far.slow(CHECK, Duration::from_secs(2));
    // A start takes its time on a busy machine.
    let mut world = world_that_waits_for(&check, &["scanner"], 20);
    let mut room = world.alices_room(RoomVersion::V12);
    for pause in [0, 300, 1500, 2100] {
        let first = says(&world, &mut room, &format!("{WORD} {pause}"));
        let second = says(&world, &mut room, &format!("danach {pause}"));
        assert!(
            sluice_tests::evidence::files_with(&world.gateway.file("state"), "DE89").is_empty()
        );
        std::thread::sleep(Duration::from_millis(pause));
        world.gateway.kill();
        world.gateway.start();
        let there = wait_for(&world, &[&first, &second]);
        let places = order(&there, &[&first, &second]);
        assert!(places.is_sorted(), "{pause}");
        assert_eq!(there[places[0]].1["body"], format!("{WORD} {pause}"));
    }
    settled(&world);
    world.gateway.edit("sluice.toml", |text| {
        text.replace("wait_seconds = 20", "wait_seconds = 5")
    });
    world.gateway.restart();
    // The deadline goes on while nobody runs.
    check.far.shut(CHECK);
    let late = says(&world, &mut room, WORD);
    world.gateway.kill();
    check.far.open(CHECK);
    std::thread::sleep(Duration::from_secs(6));
    world.gateway.start();
    let there = wait_for(&world, &[&late]);
    assert_eq!(there[order(&there, &[&late])[0]].1, json!({}));
    settled(&world);
    world.gateway.stop();
    let audit = world.gateway.file("state/audit").display().to_string();
    world.gateway.command(&["audit", "verify", &audit], "");
}

/// Nothing is left at rest once the last line says that it has arrived.
pub fn settled(world: &World) {
    let start = Instant::now();
    while content_at_rest(world) > 0 {
        assert!(start.elapsed() < SOON);
        std::thread::sleep(Duration::from_millis(50));
    }
}

#[test]
fn what_the_other_side_does_not_take_is_sent_again_until_it_does() {
    let check = Service::start();
    check.far.on(CHECK, 200, &json!({"verdict": "release"}));
    let world = world(&check);
    let mut room = world.alices_room(RoomVersion::V12);
    world.peer.far.on(SEND, 503, &json!({}));
    let event = says(&world, &mut room, WORD);
    let start = Instant::now();
    while world.peer.far.requests_of(SEND).len() < 2 {
        assert!(start.elapsed() < SOON);
        std::thread::sleep(Duration::from_millis(50));
    }
    assert_eq!(content_at_rest(&world), 1);
    world.peer.far.on(SEND, 200, &json!({"pdus": {}}));
    world.peer.far.forget();
    wait_for(&world, &[&event]);
    settled(&world);
}

#[test]
fn what_a_check_released_stays_while_an_operator_has_closed_the_link_and_crosses_when_it_is_open() {
    let check = Service::start();
    check.far.on(CHECK, 200, &json!({"verdict": "release"}));
    check.far.shut(CHECK);
    let world = world(&check);
    let mut room = world.alices_room(RoomVersion::V12);
    let event = says(&world, &mut room, WORD);
    world.gateway.command(&["link", "close", "low"], "");
    check.far.open(CHECK);
    acts(&world, &event, 1);
    // What changes nothing for it does not call it back.
    world.gateway.reload();
    std::thread::sleep(Duration::from_secs(2));
    assert!(arrived(&world).is_empty(), "nothing crosses a closed link");
    world.gateway.command(&["link", "open", "low"], "");
    let there = wait_for(&world, &[&event]);
    assert_eq!(there[0].1, event.json["content"]);
    let acts: Vec<Value> = acts(&world, &event, 2);
    assert_eq!(
        (&acts[0]["act"], &acts[1]["act"]),
        (&json!("passed"), &json!("sent"))
    );
}

/// What became of an event that waits, in order; at least `number` lines of it.
pub fn acts(world: &World, event: &Event, number: usize) -> Vec<Value> {
    let start = Instant::now();
    loop {
        let mut lines = world.gateway.audit();
        lines.retain(|line| line["kind"] == "hold" && line["event_id"] == event.id.as_str());
        if lines.len() >= number {
            return lines;
        }
        assert!(start.elapsed() < SOON, "{lines:?} {}", world.gateway.log());
        std::thread::sleep(Duration::from_millis(50));
    }
}
