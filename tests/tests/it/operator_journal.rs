//! What an operator says of links and rooms while the journal cannot be written. What the audit log has by then holds at once
//! and after the next start, and he is told so; what it has not is not opened, and is closed until the next start.

use serde_json::json;
use sluice_policy::pdu::RoomVersion;
use sluice_tests::stub::{World, errors};

use crate::hold_journal::Failing;
use crate::links::{BACKFILL, lines_of, sluice, told, until};

/// Change of a table without which the journal takes nothing over.
const ALL: &str = "INSERT ON head";

/// What our homeserver is answered that asks low for something: 403 on a closed link, 503 while nothing can be recorded, 404
/// by low's own homeserver.
fn pull(world: &World) -> u16 {
    world.from_homeserver("GET", BACKFILL, None).status
}

fn is_open(world: &World, zone: &str) -> bool {
    let links = told(world, &["link", "list"])["links"].clone();
    let mut all = links.as_array().unwrap().iter();
    all.find(|link| link["peer"] == zone).unwrap()["open"] == true
}

/// How often links, or rooms, were closed and opened, in their order.
fn recorded(world: &World, kind: &str) -> Vec<bool> {
    let lines = lines_of(world, kind);
    lines.iter().map(|line| line["open"] == true).collect()
}

#[test]
fn a_link_whose_closing_the_log_alone_has_is_closed_now_and_after_the_next_start() {
    let mut world = World::new();
    let journal = Failing::at(&world, ALL);
    let answer = told(&world, &["link", "close", "low"]);
    assert_eq!(answer["message"], "closed: low");
    assert_eq!(pull(&world), 403);
    world.gateway.kill();
    journal.mend();
    world.gateway.start();
    assert_eq!(pull(&world), 403);
    assert!(!is_open(&world, "low"));
    assert_eq!(recorded(&world, "link"), [false]);
}

#[test]
fn a_link_whose_opening_the_log_alone_has_is_open_now_and_after_the_next_start() {
    let mut world = World::new();
    told(&world, &["link", "close", "low"]);
    let journal = Failing::at(&world, ALL);
    let answer = told(&world, &["link", "open", "low"]);
    assert_eq!(answer["message"], "open: low");
    assert!(is_open(&world, "low"));
    assert_eq!(pull(&world), 503, "and nothing crosses yet");
    let (code, answer) = sluice(&world, &["reload"]);
    assert_eq!(code, 1, "it would go by the journal: {answer}");
    assert!(is_open(&world, "low"), "{answer}");
    journal.mend();
    until("the journal catches up", || pull(&world) == 404);
    world.gateway.reload();
    assert_eq!(pull(&world), 404);
    world.gateway.restart();
    assert_eq!(pull(&world), 404);
    assert_eq!(recorded(&world, "link"), [false, true]);
}

#[test]
fn a_peer_whose_closing_the_log_alone_has_does_not_come_back_open_under_another_zone_name() {
    let world = World::new();
    let journal = Failing::at(&world, ALL);
    told(&world, &["link", "close", "low"]);
    rename(&world, "tiefland");
    let (code, answer) = sluice(&world, &["reload"]);
    let message = answer["message"].as_str().unwrap();
    assert!(
        code == 1 && message.contains("nothing was changed"),
        "{answer}"
    );
    journal.mend();
    reloads(&world);
    assert_eq!(pull(&world), 403);
    assert!(!is_open(&world, "tiefland"));
}

/// The peer's record under another zone name, for the next reload.
fn rename(world: &World, zone: &str) {
    std::fs::remove_file(world.gateway.file("peers/low.json")).unwrap();
    let mut record = world.peer.record();
    record["zone"] = json!(zone);
    world.gateway.import(&record);
}

fn reloads(world: &World) {
    until("it is read in", || sluice(world, &["reload"]).0 == 0);
}

#[test]
fn a_peer_whose_closing_could_not_be_recorded_does_not_come_back_open_under_another_zone_name() {
    let world = World::new();
    let journal = Failing::at(&world, ALL);
    assert_eq!(pull(&world), 503);
    let (code, answer) = sluice(&world, &["link", "close", "low"]);
    assert_eq!(code, 1, "{answer}");
    journal.mend();
    rename(&world, "tiefland");
    reloads(&world);
    assert_eq!(pull(&world), 403);
    assert!(!is_open(&world, "tiefland"));
    told(&world, &["link", "open", "tiefland"]);
    world.gateway.reload();
    assert_eq!(pull(&world), 404, "no closing is left over");
}

#[test]
fn a_peer_whose_closing_could_not_be_recorded_is_known_without_its_record_and_closed_again() {
    let mut world = World::new();
    let journal = Failing::at(&world, ALL);
    assert_eq!(pull(&world), 503);
    assert_eq!(sluice(&world, &["link", "close", "low"]).0, 1);
    journal.mend();
    std::fs::remove_file(world.gateway.file("peers/low.json")).unwrap();
    reloads(&world);
    let answer = told(&world, &["link", "close", "low"]);
    assert_eq!(answer["message"], "closed: low");
    world.gateway.import(&world.peer.record());
    world.gateway.restart();
    assert!(!is_open(&world, "low"));
    assert_eq!(pull(&world), 403);
}

#[test]
fn what_is_said_in_a_room_whose_closing_the_log_alone_has_does_not_cross_when_the_journal_is_mended()
 {
    let world = World::new();
    let mut room = world.alices_room(RoomVersion::V12);
    let id = room.id.clone();
    let event = room.message(&world.alice(), "Lage um zwölf");
    let journal = Failing::at(&world, ALL);
    told(&world, &["room", "close", &id, "high->low"]);
    // The request that finds it mended is judged by what the log has.
    journal.mend();
    let reply = world.alice_sends(std::slice::from_ref(&event));
    assert_eq!(errors(&reply), [event.id.as_str()]);
    assert!(!world.peer.far.saw("Lage um zwölf"));
}

#[test]
fn a_room_is_closed_and_open_as_the_log_has_it() {
    let mut world = World::new();
    let mut room = world.alices_room(RoomVersion::V12);
    let id = room.id.clone();
    let mut denied = |world: &World| {
        let event = room.message(&world.alice(), "Lage um zwölf");
        let reply = world.alice_sends(std::slice::from_ref(&event));
        (
            reply.status,
            reply.status == 200 && !errors(&reply).is_empty(),
        )
    };
    let rooms = |world: &World| told(world, &["room", "list"])["rooms"].clone();
    let journal = Failing::at(&world, ALL);
    let answer = told(&world, &["room", "close", &id, "high->low"]);
    assert_eq!(answer["message"], format!("closed: {id} on high->low"));
    assert_eq!(denied(&world).0, 503, "nothing crosses");
    let (code, answer) = sluice(&world, &["room", "open", &id, "high->low"]);
    let message = answer["message"].as_str().unwrap();
    assert!(
        code == 1 && message.contains("nothing was changed"),
        "{answer}"
    );
    world.gateway.kill();
    journal.mend();
    world.gateway.start();
    assert_eq!(rooms(&world).as_array().unwrap().len(), 1);
    assert_eq!(denied(&world), (200, true));

    let journal = Failing::at(&world, ALL);
    let answer = told(&world, &["room", "open", &id, "high->low"]);
    assert_eq!(answer["message"], format!("open: {id} on high->low"));
    world.gateway.kill();
    journal.mend();
    world.gateway.start();
    assert_eq!(rooms(&world), json!([]));
    assert_eq!(denied(&world), (200, false));
    assert_eq!(recorded(&world, "closed"), [false, true]);
}

#[test]
fn what_cannot_be_recorded_is_closed_all_the_same_and_not_opened() {
    let world = World::new();
    let journal = Failing::at(&world, ALL);
    assert_eq!(
        pull(&world),
        503,
        "the log runs ahead by one write and stops"
    );
    let refused = |args: &[&str], why: &str| {
        let (code, answer) = sluice(&world, args);
        let message = answer["message"].as_str().unwrap();
        assert!(code == 1 && message.contains(why), "{args:?}: {answer}");
    };
    refused(&["link", "close", "low"], "until the next start");
    assert_eq!(pull(&world), 403);
    refused(&["link", "open", "low"], "nothing was opened");
    assert_eq!(pull(&world), 403);
    let room = ["room", "close", "!a:high.test", "low"];
    refused(&room, "nothing was changed");
    assert_eq!(recorded(&world, "link"), Vec::<bool>::new());
    assert_eq!(recorded(&world, "closed"), Vec::<bool>::new());
    journal.mend();
    until("the record is written again", || {
        sluice(&world, &["link", "open", "low"]).0 == 0
    });
    assert_eq!(
        pull(&world),
        404,
        "our homeserver is answered by the other side again"
    );
}
