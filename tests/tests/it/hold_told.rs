//! Who is told what became of a held event, how often, and that telling never changes what happens.

use std::time::{Duration, Instant};

use serde_json::{Value, json};
use sluice_policy::pdu::RoomVersion;
use sluice_tests::stub::World;
use sluice_tests::stub::labels::{OFFEN, clearance};
use sluice_tests::stub::service::Service;

use crate::hold::{PART, THREE, done, hold, says, the_item};
use crate::hold_wait::{self, CHECK, WORD, acts};

/// Time for what the gateway does by itself.
const SOON: Duration = Duration::from_secs(30);
/// The token of an administrator, as a homeserver would make it.
const TOKEN: &str = "syt_Ym9yZGVy_aaaaaaaaaaaaaaaaaaaa_111111";

/// A world whose gateway tells a homeserver, a webhook and a file.
fn telling(homeserver: &Service, webhook: &Service) -> World {
    let mut world = World::new();
    tells(&mut world, homeserver, webhook);
    world
}

fn tells(world: &mut World, homeserver: &Service, webhook: &Service) {
    let token = world.gateway.file("keys/connector.token");
    std::fs::write(&token, TOKEN).unwrap();
    use std::os::unix::fs::PermissionsExt as _;
    std::fs::set_permissions(&token, std::fs::Permissions::from_mode(0o600)).unwrap();
    let more = format!(
        "\n[notify]\nwebhook = \"{}/hook\"\nfile = \"notices.jsonl\"\n[connector]\naddress = \"{}\"\ntoken = \"keys/connector.token\"\n",
        webhook.base(),
        homeserver.base()
    );
    world
        .gateway
        .edit("sluice.toml", |text| format!("{text}{more}"));
    world.gateway.restart();
}

/// The lines of the file as soon as there are so many: it is written beside everything else.
fn file(world: &World, number: usize) -> Vec<Value> {
    let start = Instant::now();
    loop {
        let lines = lines(world);
        if lines.len() >= number {
            return lines;
        }
        assert!(start.elapsed() < SOON, "{lines:?}");
        std::thread::sleep(Duration::from_millis(20));
    }
}

/// Waits until the gateway counts one of these.
fn counts(world: &World, counters: &[&str]) {
    let start = Instant::now();
    loop {
        let told = world.gateway.page("/metrics").text();
        if counters.iter().any(|counter| told.contains(counter)) {
            return;
        }
        assert!(start.elapsed() < SOON, "{told}");
        std::thread::sleep(Duration::from_millis(20));
    }
}

fn lines(world: &World) -> Vec<Value> {
    let text = std::fs::read_to_string(world.gateway.file("notices.jsonl")).unwrap_or_default();
    text.lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect()
}

#[test]
fn sender_webhook_and_file_are_told_of_each_step_and_never_of_content() {
    let (homeserver, webhook) = (Service::start(), Service::start());
    homeserver.far.on(
        "POST /_synapse/admin/v1/send_server_notice",
        200,
        &json!({"event_id": "$n"}),
    );
    webhook.far.on("POST /hook", 204, &json!({}));
    let world = telling(&homeserver, &webhook);
    let mut room = world.alices_room(RoomVersion::V12);
    let (event, _) = says(&world, &mut room, THREE);
    done(&world.gateway, &["release", &the_item(&world.gateway)]);
    assert!(says(&world, &mut room, THREE).1);
    says(&world, &mut room, THREE);
    done(&world.gateway, &["reject", &the_item(&world.gateway)]);
    let levels = json!({"users": {"@alice:high.test": 100}, "note": "Anlage (GEHEIM)"});
    let closing = room.event(&world.alice(), "m.room.power_levels", Some(""), levels);
    let _closed = world.alice_sends(std::slice::from_ref(&closing));
    let steps = ["held", "released", "held", "rejected", "room_closed"];
    for service in [&homeserver, &webhook] {
        let heard = service.wait(steps.len());
        assert_eq!(heard.len(), steps.len());
        assert!(!service.far.saw(PART) && !service.far.saw("Anlage"));
    }
    let hooked: Vec<Value> = webhook
        .far
        .requests()
        .iter()
        .map(|request| request.json()["what"].clone())
        .collect();
    assert_eq!(hooked, steps);
    assert_eq!(
        file(&world, steps.len())
            .iter()
            .map(|line| line["what"].clone())
            .collect::<Vec<_>>(),
        steps
    );
    let first = &homeserver.far.requests()[0];
    assert!(
        first.head.contains(&format!("Bearer {TOKEN}")),
        "{}",
        first.head
    );
    assert_eq!(first.json()["user_id"], "@alice:high.test");
    let text = first.json()["content"]["body"].as_str().unwrap().to_owned();
    for part in [
        event.id.as_str(),
        room.id.as_str(),
        "dlp.de.iban (",
        "high->low",
    ] {
        assert!(text.contains(part), "{part}: {text}");
    }
    assert!(!world.gateway.log().contains(TOKEN) && !world.gateway.audit_text().contains(TOKEN));
    counts(
        &world,
        &["sluice_notices_total{way=\"sender\",outcome=\"told\"} 5"],
    );
}

#[test]
fn a_webhook_and_a_homeserver_that_do_not_answer_hold_up_nobody() {
    let (homeserver, webhook) = (Service::start(), Service::start());
    homeserver
        .far
        .on("POST /", 401, &json!({"errcode": "M_UNKNOWN_TOKEN"}));
    webhook.far.slow("POST /hook", Duration::from_secs(60));
    let mut world = telling(&homeserver, &webhook);
    let mut room = world.alices_room(RoomVersion::V12);
    let start = Instant::now();
    assert!(!says(&world, &mut room, THREE).1);
    let item = the_item(&world.gateway);
    assert_eq!(
        hold(&world.gateway, &["release", &item]).status.code(),
        Some(0)
    );
    assert!(says(&world, &mut room, THREE).1);
    // Whoever waited for the webhook would have waited for it twice.
    assert!(
        start.elapsed() < sluice::tell::PATIENCE * 2,
        "{:?}",
        start.elapsed()
    );
    assert_eq!(homeserver.wait(2).len(), 2);
    counts(&world, &["way=\"sender\",outcome=\"failed\"} 2"]);
    assert_eq!(file(&world, 2).len(), 2, "the file is told all the same");
    let start = Instant::now();
    world.gateway.stop();
    assert!(
        start.elapsed() < Duration::from_secs(15),
        "{:?}",
        start.elapsed()
    );
}

#[test]
fn a_sender_who_is_held_back_all_the_time_is_not_told_all_the_time() {
    let (homeserver, webhook) = (Service::start(), Service::start());
    homeserver.far.on("POST /", 200, &json!({}));
    webhook.far.on("POST /hook", 200, &json!({}));
    let world = telling(&homeserver, &webhook);
    let mut room = world.alices_room(RoomVersion::V12);
    let events: Vec<_> = (0..25)
        .map(|_| room.message(&world.alice(), THREE))
        .collect();
    let _held = world.alice_sends(&events);
    assert_eq!(webhook.wait(25).len(), 25);
    assert_eq!(file(&world, 25).len(), 25);
    // The others are counted as not told; a minute later there would be one fewer.
    let others = [15, 14, 13].map(|not| format!("way=\"sender\",outcome=\"failed\"}} {not}"));
    counts(&world, &others.each_ref().map(String::as_str));
    let told = homeserver.wait(10).len();
    assert!((10..=12).contains(&told), "{told}");
}

#[test]
fn sender_webhook_and_file_are_told_what_became_of_an_event_that_waited_and_did_not_cross_whole() {
    let (homeserver, webhook, check) = (Service::start(), Service::start(), Service::start());
    homeserver.far.on("POST /", 200, &json!({}));
    webhook.far.on("POST /hook", 204, &json!({}));
    let mut world = hold_wait::world(&check);
    tells(&mut world, &homeserver, &webhook);
    let mut rooms = [(); 4].map(|()| world.alices_room(RoomVersion::V12));
    let mut says = |at: usize| hold_wait::says(&world, &mut rooms[at], WORD);
    // What crosses is nothing to tell.
    check.far.on(CHECK, 200, &json!({"verdict": "release"}));
    let crosses = says(0);
    acts(&world, &crosses, 2);
    // A check denies.
    check.far.on(CHECK, 200, &json!({"verdict": "redact"}));
    let stopped = says(1);
    acts(&world, &stopped, 2);
    // Its room was closed meanwhile.
    check.far.on(CHECK, 200, &json!({"verdict": "release"}));
    check.far.shut(CHECK);
    let given_up = says(2);
    let room_id = given_up.json["room_id"].as_str().unwrap();
    world
        .gateway
        .command(&["room", "close", room_id, "low"], "");
    check.far.open(CHECK);
    acts(&world, &given_up, 2);
    // The other side's clearance was lowered meanwhile.
    check.far.shut(CHECK);
    let called_back = says(3);
    world.gateway.command(&["link", "close", "low"], "");
    check.far.open(CHECK);
    acts(&world, &called_back, 1);
    let lower = clearance("DE-SAMPLE", &[OFFEN], &[]).to_string();
    world
        .gateway
        .import_for(&world.peer.record(), &lower, &lower);
    world.gateway.reload();
    world.gateway.command(&["link", "open", "low"], "");
    acts(&world, &called_back, 3);

    let told = [
        ("stopped", json!("check_refused"), &stopped),
        ("given_up", json!("room_closed"), &given_up),
        ("called_back", json!("judged_before"), &called_back),
    ];
    let expected = told.each_ref().map(|(what, reason, event)| {
        let rule = "dlp.de.iban";
        json!({"what": what, "reason": reason, "link": "high->low", "sender": "@alice:high.test",
               "room_id": event.json["room_id"], "event_id": event.id, "rule": rule})
    });
    let seen = |line: &Value| {
        let mut line = line.clone();
        line["reason"] = line["reason"].clone();
        line.as_object_mut().unwrap().remove("time").unwrap();
        line
    };
    assert_eq!(
        file(&world, told.len())
            .iter()
            .map(seen)
            .collect::<Vec<_>>(),
        expected
    );
    let hooked = webhook.wait(told.len());
    let hooked: Vec<Value> = hooked.iter().map(|told| seen(&told.json())).collect();
    assert_eq!(hooked, expected);
    for (notice, (_, _, event)) in homeserver.wait(told.len()).iter().zip(&told) {
        let notice = notice.json();
        assert_eq!(notice["user_id"], "@alice:high.test");
        let text = notice["content"]["body"].as_str().unwrap().to_owned();
        let room_id = event.json["room_id"].as_str().unwrap();
        for part in [event.id.as_str(), room_id, "dlp.de.iban (", "high->low"] {
            assert!(text.contains(part), "{part}: {text}");
        }
    }
    for service in [&homeserver, &webhook] {
        assert_eq!(service.far.requests().len(), told.len());
        assert!(!service.far.saw(WORD));
    }
}
