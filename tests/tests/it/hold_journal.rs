//! What is held, and what waits, while the audit log can be written and the journal cannot: what the log says holds, is said once,
//! and what it says is spent serves nobody else.

use std::time::{Duration, Instant};

use rusqlite::Connection;
use serde_json::{Value, json};
use sluice_policy::pdu::RoomVersion;
use sluice_tests::stub::labels::{OFFEN, clearance};
use sluice_tests::stub::room::{Event, Room};
use sluice_tests::stub::service::Service;
use sluice_tests::stub::{World, errors};

use crate::hold::{self, PART, THREE, done, the_item};
use crate::hold_wait::{self, CHECK, WORD, acts, arrived, settled, wait_for};

/// Time in which the gateway tries again what it can.
const A_WHILE: Duration = Duration::from_millis(2500);
/// Time for what the gateway does by itself.
const SOON: Duration = Duration::from_secs(30);

/// The journal of a running gateway, which refuses lines of one kind until [`Failing::mend`].
pub(crate) struct Failing(Connection);

impl Failing {
    /// `what` is a change of a table, as `INSERT ON denials`.
    pub(crate) fn at(world: &World, what: &str) -> Self {
        let journal = Connection::open(world.gateway.file("state/journal.db")).unwrap();
        journal.busy_timeout(Duration::from_secs(10)).unwrap();
        let refuse = format!(
            "CREATE TRIGGER failing BEFORE {what} BEGIN SELECT RAISE(FAIL, 'a disk that fails'); END"
        );
        journal.execute_batch(&refuse).unwrap();
        Self(journal)
    }

    pub(crate) fn mend(self) {
        self.0.execute_batch("DROP TRIGGER failing").unwrap();
    }
}

/// A world that also writes its notices into a file.
fn telling(mut world: World) -> World {
    let more = "\n[notify]\nfile = \"notices.jsonl\"\n";
    world
        .gateway
        .edit("sluice.toml", |text| format!("{text}{more}"));
    world.gateway.restart();
    world
}

/// How often somebody was told that this became of an event.
fn told(world: &World, what: &str, event: &Event) -> usize {
    let text = std::fs::read_to_string(world.gateway.file("notices.jsonl")).unwrap_or_default();
    let lines = text
        .lines()
        .map(|line| serde_json::from_str::<Value>(line).unwrap());
    lines
        .filter(|line| line["what"] == what && line["event_id"] == event.id.as_str())
        .count()
}

fn words(acts: &[Value]) -> Vec<&str> {
    acts.iter().filter_map(|act| act["act"].as_str()).collect()
}

/// The journal is mended: the event crosses, in its redacted form.
fn crosses_empty(world: &World, journal: Failing, event: &Event) {
    assert!(arrived(world).is_empty());
    journal.mend();
    let there = wait_for(world, &[event]);
    assert_eq!(there[0].1, json!({}));
    settled(world);
    assert!(!world.peer.far.saw(WORD));
}

/// Something of alice's that waits for a reviewer, in its room.
fn held() -> (World, Room, String) {
    let world = World::new();
    let mut room = world.alices_room(RoomVersion::V12);
    assert!(!hold::says(&world, &mut room, THREE).1);
    let item = the_item(&world.gateway);
    (world, room, item)
}

#[test]
fn a_ticket_that_the_log_alone_knows_to_be_spent_is_there_for_no_other_event() {
    let (world, mut room, item) = held();
    done(&world.gateway, &["release", &item]);
    let sends = |event: &Event| world.alice_sends(std::slice::from_ref(event));
    let (first, second) = (
        room.message(&world.alice(), THREE),
        room.message(&world.alice(), THREE),
    );
    let journal = Failing::at(&world, "UPDATE ON tickets");
    assert_eq!(
        sends(&first).status,
        503,
        "spent in the log, and nothing crosses"
    );
    journal.mend();
    assert_eq!(errors(&sends(&second)), [second.id.as_str()]);
    assert!(!world.peer.far.saw(PART), "{}", world.gateway.log());
    assert_eq!(errors(&sends(&first)), Vec::<String>::new());
    assert!(world.peer.far.saw(PART), "it is the first event's");
    let mut spent = world.gateway.audit();
    spent.retain(|line| line["act"] == "spent");
    assert_eq!(spent.len(), 1, "{spent:?}");
    assert_eq!(spent[0]["event_id"], first.id.as_str());
}

#[test]
fn what_a_reviewer_decided_counts_where_the_log_has_it() {
    let (world, mut room, item) = held();
    let journal = Failing::at(&world, "INSERT ON tickets");
    done(&world.gateway, &["release", &item]);
    let keys = world.gateway.file("state/held/keys");
    assert_eq!(std::fs::read_dir(keys).unwrap().count(), 0, "destroyed");
    journal.mend();
    let start = Instant::now();
    while !done(&world.gateway, &["list", "--json"]).is_empty() {
        assert!(start.elapsed() < SOON, "the journal catches up by itself");
        std::thread::sleep(Duration::from_millis(50));
    }
    assert!(hold::says(&world, &mut room, THREE).1);
    let mut released = world.gateway.audit();
    released.retain(|line| line["act"] == "released");
    assert_eq!(released.len(), 1);
}

#[test]
fn what_one_reviewer_decided_no_other_decides_again() {
    let (world, _, item) = held();
    let journal = Failing::at(&world, "INSERT ON tickets");
    done(&world.gateway, &["release", &item]);
    let again = hold::refused(&world.gateway, &["reject", &item]);
    assert!(again.contains("nothing was done"), "{again}");
    journal.mend();
    let again = hold::refused(&world.gateway, &["reject", &item]);
    assert!(again.contains("nothing is held under"), "{again}");
    let mut decided = world.gateway.audit();
    decided.retain(|line| line["act"] == "released" || line["act"] == "rejected");
    assert_eq!(decided.len(), 1, "{decided:?}");
}

#[test]
fn a_checks_word_is_recorded_and_told_once_and_counts_when_the_journal_has_caught_up() {
    let check = Service::start();
    check.far.on(CHECK, 200, &json!({"verdict": "redact"}));
    check.far.shut(CHECK);
    let world = telling(hold_wait::world(&check));
    let mut room = world.alices_room(RoomVersion::V12);
    let event = hold_wait::says(&world, &mut room, WORD);
    let journal = Failing::at(&world, "INSERT ON denials");
    check.far.open(CHECK);
    acts(&world, &event, 1);
    std::thread::sleep(A_WHILE);
    crosses_empty(&world, journal, &event);
    assert_eq!(words(&acts(&world, &event, 2)), ["stopped", "sent"]);
    assert_eq!(told(&world, "stopped", &event), 1);
}

#[test]
fn what_is_called_back_is_recorded_and_told_once_and_crosses_when_the_journal_has_caught_up() {
    let check = Service::start();
    check.far.on(CHECK, 200, &json!({"verdict": "release"}));
    check.far.shut(CHECK);
    let world = telling(hold_wait::world(&check));
    let mut room = world.alices_room(RoomVersion::V12);
    let event = hold_wait::says(&world, &mut room, WORD);
    world.gateway.command(&["link", "close", "low"], "");
    check.far.open(CHECK);
    acts(&world, &event, 1);
    let lower = clearance("DE-SAMPLE", &[OFFEN], &[]).to_string();
    world
        .gateway
        .import_for(&world.peer.record(), &lower, &lower);
    world.gateway.reload();
    let journal = Failing::at(&world, "INSERT ON denials");
    world.gateway.command(&["link", "open", "low"], "");
    acts(&world, &event, 2);
    std::thread::sleep(A_WHILE);
    crosses_empty(&world, journal, &event);
    assert_eq!(
        words(&acts(&world, &event, 3)),
        ["passed", "stopped", "sent"]
    );
    assert_eq!(told(&world, "called_back", &event), 1);
}
