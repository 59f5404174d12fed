//! What happens to an event while it waits: it comes again, its content is damaged, nobody takes it, or the world changes.

use std::time::Duration;

use serde_json::{Value, json};
use sluice_policy::link::ThirdServers;
use sluice_policy::pdu::RoomVersion;
use sluice_tests::stub::labels::{OFFEN, clearance};
use sluice_tests::stub::room::{Event, Room};
use sluice_tests::stub::service::Service;
use sluice_tests::stub::{World, errors, pdus};

use crate::hold_wait::{
    CHECK, WORD, acts, arrived, content_at_rest, hash_of, says, settled, wait_for, waiting_for,
    world, world_under,
};
use crate::thirds::carol;
use crate::thirds_away::alices_homeserver_pulls;

fn releasing() -> Service {
    let check = Service::start();
    check.far.on(CHECK, 200, &json!({"verdict": "release"}));
    check
}

/// alice says what a check lets pass while the link is closed: it waits for its destination.
fn says_while_the_link_is_closed(world: &World, check: &Service, room: &mut Room) -> Event {
    check.far.shut(CHECK);
    let event = says(world, room, WORD);
    world.gateway.command(&["link", "close", "low"], "");
    check.far.open(CHECK);
    assert_eq!(acts(world, &event, 1)[0]["act"], "passed");
    event
}

fn opens(world: &World) {
    world.gateway.command(&["link", "open", "low"], "");
}

fn waits_of(world: &World, event: &Event) -> usize {
    let lines = world.gateway.audit();
    let of_event = |line: &&Value| line["kind"] == "wait" && line["event_id"] == event.id.as_str();
    lines.iter().filter(of_event).count()
}

/// The last line of an event's verdict.
fn verdict(world: &World, event: &Event) -> Value {
    let mut lines = world.gateway.audit();
    lines.retain(|line| line["kind"] == "event" && line["event_id"] == event.id.as_str());
    lines.pop().unwrap_or_default()
}

#[test]
fn an_event_that_comes_in_several_transactions_at_once_waits_once_and_crosses_once() {
    let check = releasing();
    check.far.shut(CHECK);
    let world = world(&check);
    let mut room = world.alices_room(RoomVersion::V12);
    let event = room.message(&world.alice(), WORD);
    let behind = room.message(&world.alice(), "danach");
    let both = [event.clone(), event.clone(), behind.clone()];
    std::thread::scope(|scope| {
        for _ in 0..8 {
            scope.spawn(|| {
                let reply = world.alice_sends(&both);
                assert_eq!((reply.status, errors(&reply)), (200, Vec::new()));
            });
        }
    });
    let _asked = check.wait(1);
    assert_eq!(
        (waits_of(&world, &event), waits_of(&world, &behind)),
        (1, 1)
    );
    assert_eq!(content_at_rest(&world), 2);
    check.far.open(CHECK);
    let there = wait_for(&world, &[&event, &behind]);
    settled(&world);
    assert_eq!(arrived(&world).len(), 2, "{there:?}");
    assert_eq!(there[0].1["body"], WORD);
    assert_eq!(check.far.requests().len(), 1);
    let acts: Vec<Value> = acts(&world, &event, 2)
        .iter()
        .map(|act| act["act"].clone())
        .collect();
    assert_eq!(acts, ["passed", "sent"]);
}

#[test]
fn a_damaged_file_costs_its_own_event_and_no_other() {
    let check = releasing();
    let world = world(&check);
    let mut room = world.alices_room(RoomVersion::V12);
    let mut other = world.alices_room(RoomVersion::V12);
    check.far.shut(CHECK);
    let (lost, behind) = (
        says(&world, &mut room, WORD),
        says(&world, &mut room, "danach"),
    );
    let elsewhere = says(&world, &mut other, WORD);
    world.gateway.command(&["link", "close", "low"], "");
    check.far.open(CHECK);
    let item = acts(&world, &lost, 1)[0]["item"]
        .as_str()
        .unwrap()
        .to_owned();
    acts(&world, &elsewhere, 1);
    let sealed = world.gateway.file(&format!("state/held/{item}.sealed"));
    std::fs::write(&sealed, "damaged").unwrap();
    opens(&world);
    let there = wait_for(&world, &[&behind, &elsewhere]);
    assert!(there.iter().all(|(hash, _)| *hash != hash_of(&lost.json)));
    let lost = &acts(&world, &lost, 2)[1];
    assert_eq!(
        (&lost["act"], &lost["reason"]),
        (&json!("given_up"), &json!("content_lost"))
    );
    settled(&world);
    assert!(!sealed.exists());
}

#[test]
fn what_a_check_released_crosses_redacted_when_the_clearance_was_lowered_meanwhile() {
    let check = releasing();
    let world = world(&check);
    let mut room = world.alices_room(RoomVersion::V12);
    let event = says_while_the_link_is_closed(&world, &check, &mut room);
    let lower = clearance("DE-SAMPLE", &[OFFEN], &[]).to_string();
    world
        .gateway
        .import_for(&world.peer.record(), &lower, &lower);
    world.gateway.reload();
    opens(&world);
    let there = wait_for(&world, &[&event]);
    assert_eq!(there[0].1, json!({}));
    assert!(!world.peer.far.saw(WORD));
    let line = verdict(&world, &event);
    assert_eq!(
        (&line["verdict"], &line["reason"], &line["remember"]),
        (&json!("redact"), &json!("judged_before"), &json!(true))
    );
    let acts = acts(&world, &event, 3);
    assert_eq!(
        (&acts[1]["act"], &acts[1]["reason"]),
        (&json!("stopped"), &json!("judged_before"))
    );
    assert_eq!(acts[2]["act"], "sent");
}

#[test]
fn what_a_check_released_is_given_up_when_its_room_was_closed_meanwhile_and_a_leave_crosses() {
    let check = releasing();
    let world = world(&check);
    let mut room = world.alices_room(RoomVersion::V12);
    check.far.shut(CHECK);
    let event = says(&world, &mut room, WORD);
    let leave = room.member(&world.alice(), "@alice:high.test", "leave");
    let reply = world.alice_sends(std::slice::from_ref(&leave));
    assert_eq!((reply.status, errors(&reply)), (200, Vec::new()));
    world
        .gateway
        .command(&["room", "close", &room.id, "low"], "");
    check.far.open(CHECK);
    let there = wait_for(&world, &[&leave]);
    assert_eq!(there.len(), 1, "{there:?}");
    let act = &acts(&world, &event, 2)[1];
    assert_eq!(
        (&act["act"], &act["reason"]),
        (&json!("given_up"), &json!("room_closed"))
    );
    assert!(!world.peer.far.saw(WORD));
    settled(&world);
}

#[test]
fn what_nobody_took_for_seven_days_is_given_up_with_a_line_also_while_its_link_is_closed() {
    let check = releasing();
    let mut world = world(&check);
    let mut room = world.alices_room(RoomVersion::V12);
    let event = says_while_the_link_is_closed(&world, &check, &mut room);
    world.gateway.stop();
    let journal = rusqlite::Connection::open(world.gateway.file("state/journal.db")).unwrap();
    let sql = "UPDATE waits SET line = json_set(line, '$.came', 1)";
    assert_eq!(journal.execute(sql, []).unwrap(), 1);
    drop(journal);
    world.gateway.start();
    let act = &acts(&world, &event, 2)[1];
    assert_eq!(
        (&act["act"], &act["reason"]),
        (&json!("given_up"), &json!("expired"))
    );
    settled(&world);
    assert!(arrived(&world).is_empty());
}

#[test]
fn a_homeserver_that_hangs_up_at_any_moment_and_sends_again_leaves_nothing_half_done() {
    let check = releasing();
    check.far.shut(CHECK);
    let world = world(&check);
    let mut room = world.alices_room(RoomVersion::V12);
    let events: Vec<Event> = (0..24)
        .map(|number| {
            let event = room.message(&world.alice(), &format!("{WORD} {number}"));
            let sent = std::slice::from_ref(&event);
            world.alice_sends_and_hangs_up(sent, Duration::from_micros(750 * number));
            let reply = world.alice_sends(sent);
            assert_eq!((reply.status, errors(&reply)), (200, Vec::new()));
            event
        })
        .collect();
    for event in &events {
        assert_eq!(waits_of(&world, event), 1);
    }
    assert_eq!(content_at_rest(&world), events.len());
    check.far.open(CHECK);
    let there = wait_for(&world, &events.iter().collect::<Vec<_>>());
    settled(&world);
    assert_eq!(arrived(&world).len(), events.len(), "{there:?}");
    assert_eq!(check.far.requests().len(), events.len());
}

#[test]
fn while_a_third_zones_link_is_closed_what_its_user_did_and_waits_crosses_empty_and_is_whole_when_it_is_open()
 {
    let check = releasing();
    let mut parts = waiting_for(&["scanner"]);
    for link in parts.links.values_mut() {
        link.third_servers = ThirdServers::Listed;
    }
    let world = world_under(&parts, &check, 20);
    let third = world.another_peer("third");
    let (carol, bob) = (carol(&third), world.bob());
    let mut room = world.bobs_room(RoomVersion::V12);
    let join = room.member(&carol, &carol.user, "join");
    assert!(errors(&world.bob_sends(std::slice::from_ref(&join))).is_empty());
    check.far.shut(CHECK);
    let his = room.message(&bob, WORD);
    // What another homeserver may tell of her: a membership, here with a new name.
    let renamed = json!({"membership": "join", "displayname": "Carol, behind bob's"});
    let hers = room.event(&carol, "m.room.member", Some(&carol.user), renamed);
    let reply = world.bob_sends(&[his.clone(), hers.clone()]);
    assert_eq!((reply.status, errors(&reply)), (200, Vec::new()));
    world.gateway.command(&["link", "close", "third"], "");
    world.homeserver.far.forget();
    check.far.open(CHECK);
    let acts = acts(&world, &hers, 2);
    assert_eq!(
        (&acts[0]["act"], &acts[0]["reason"], &acts[1]["act"]),
        (&json!("stopped"), &json!("link_closed"), &json!("sent"))
    );
    let arrived: Vec<Value> = world
        .homeserver
        .far
        .requests_of("PUT ")
        .iter()
        .flat_map(|request| pdus(&request.json()))
        .collect();
    assert_eq!(arrived, [his.json, hers.redacted(room.version).json]);
    assert_eq!(verdict(&world, &hers)["remember"], Value::Null);
    // Opened: it was no verdict on what she said.
    world.gateway.command(&["link", "open", "third"], "");
    let reply = alices_homeserver_pulls(&world, &room, std::slice::from_ref(&hers));
    assert_eq!(
        reply.json()["pdus"],
        json!([hers.json]),
        "{}",
        world.gateway.log()
    );
}
