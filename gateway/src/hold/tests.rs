//! Bounds and names of what is held.
#![allow(clippy::unwrap_used, reason = "tests")]

use super::*;

fn slot(link: &str, sender: &str, bytes: u64) -> Slot {
    Slot {
        link: link.to_owned(),
        sender: sender.to_owned(),
        bytes,
        brought: 1,
    }
}

fn kept(number: usize, slot: &Slot) -> BTreeMap<String, Slot> {
    (0..number)
        .map(|at| (at.to_string(), slot.clone()))
        .collect()
}

#[test]
fn a_sender_a_link_and_all_together_may_have_so_much_waiting_and_no_more() {
    let alice = slot("high->low", "@alice:high.test", 1);
    let bob = slot("high->low", "@bob:high.test", 1);
    let elsewhere = slot("high->eu", "@alice:high.test", 1);
    assert!(has_room(&kept(SENDER_ITEMS - 1, &alice), &alice));
    let full = kept(SENDER_ITEMS, &alice);
    assert!(!has_room(&full, &alice));
    assert!(has_room(&full, &bob) && has_room(&full, &elsewhere));
    let full = kept(LINK_ITEMS, &bob);
    assert!(!has_room(&full, &alice) && has_room(&full, &elsewhere));
    assert!(!has_room(&kept(ITEMS, &bob), &elsewhere));
    let large = slot("high->low", "@bob:high.test", BYTES);
    assert!(!has_room(&kept(1, &large), &elsewhere));
}

#[test]
fn what_does_not_fit_is_not_written() {
    let folder = tempfile::tempdir().unwrap();
    let journal = Journal::open(&folder.path().join("journal.db")).unwrap();
    let holds = Arc::new(Holds::open(&folder.path().join("held"), &journal).unwrap());
    let candidates = (0..=SENDER_ITEMS).map(|at| Candidate {
        entry: at,
        line: HeldEntry {
            item: item_of("high->low", &at.to_string()).into(),
            link: "high->low".into(),
            sender: "@alice:high.test".into(),
            bytes: 7,
            ..HeldEntry::default()
        },
        content: Zeroizing::new(b"content".to_vec()),
    });
    let mut sealed = Sealed::none(Arc::clone(&holds));
    let kept = sealed.keep(candidates.collect(), 5);
    sealed.recorded();
    assert_eq!(
        kept.last().map(|(at, kept)| (*at, kept.clone().err())),
        Some((SENDER_ITEMS, Some(HOLD_FULL)))
    );
    assert_eq!(holds.waiting(), SENDER_ITEMS);
    assert!(
        kept.iter()
            .take(SENDER_ITEMS)
            .all(|(_, kept)| kept.as_ref().is_ok_and(|line| line.until == 5))
    );
    assert_eq!(holds.vault.items().unwrap().len(), SENDER_ITEMS);
    assert!(holds.settle(&journal).unwrap().is_empty());
    assert!(
        holds.vault.items().unwrap().is_empty(),
        "no line of the log knows them"
    );
}

#[test]
fn an_items_id_is_of_link_and_event_and_can_be_part_of_a_path() {
    let item = item_of("high->low", "$a");
    assert!(is_item(&item));
    assert_ne!(item, item_of("high->eu", "$a"));
    assert!(!is_item("../../etc/passwd") && !is_item("") && !is_item("AAAAAAAAAAAAAAAA"));
}

/// A folder, and a journal in it.
fn place() -> (tempfile::TempDir, Journal) {
    let folder = tempfile::tempdir().unwrap();
    let journal = Journal::open(&folder.path().join("journal.db")).unwrap();
    (folder, journal)
}

/// Keeps what an event says, for a request of its own.
fn sealed(holds: &Arc<Holds>, event: &str) -> Sealed {
    let mut sealed = Sealed::none(Arc::clone(holds));
    assert!(sealed.keep(vec![candidate(event)], 5)[0].1.is_ok());
    sealed
}

fn candidate(event: &str) -> Candidate {
    Candidate {
        entry: 0,
        line: HeldEntry {
            item: item_of("high->low", event).into(),
            link: "high->low".into(),
            room_id: "!room".into(),
            sender: "@alice:high.test".into(),
            event_id: event.into(),
            ..HeldEntry::default()
        },
        content: Zeroizing::new(b"content".to_vec()),
    }
}

/// Writes down that something was held and released, or what became of it.
fn note(journal: &Journal, entries: Vec<Entry>) {
    for entry in entries {
        let line = crate::audit::entry::Line {
            seq: 1,
            time: "2026-02-02T02:40:00.000Z".to_owned(),
            prev: String::new(),
            entry,
        };
        let head = crate::audit::Head::of(1, b"line");
        journal.apply(&[line], &head).unwrap();
    }
}

fn act(item: &str, act: HoldAct, event: Option<&str>) -> Entry {
    Entry::Hold(HoldEntry {
        item: item.into(),
        act,
        link: Some("high->low".into()),
        event_id: event.map(Into::into),
        likeness: Some("alike".into()),
        until: Some(1_000),
        ..HoldEntry::default()
    })
}

const PLACE: (&str, &str, &str) = ("high->low", "!room", "@alice:high.test");

/// Something of alice's that a reviewer has released, and its ticket.
fn released(journal: &Journal) -> (String, Ticket) {
    let held = candidate("$first").line;
    let item = held.item.to_string();
    let lines = vec![Entry::Held(held), act(&item, HoldAct::Released, None)];
    note(journal, lines);
    let ticket = journal.open_tickets(PLACE, 5).unwrap().pop();
    (item, ticket.unwrap())
}

#[test]
fn one_released_event_passes_to_all_homeservers_of_the_zone_and_another_event_does_not() {
    let (folder, journal) = place();
    let holds = Holds::open(&folder.path().join("held"), &journal).unwrap();
    let (item, ticket) = released(&journal);
    let take = |event| {
        holds
            .take(&journal, PLACE, event, ticket.clone(), 5)
            .unwrap()
    };
    let (to_low, to_second) = (take("$again"), take("$again"));
    assert!(to_low.is_some() && to_second.is_some(), "at the same time");
    assert!(take("$another").is_none(), "one event alone");
    drop(to_low);
    assert!(
        take("$another").is_none(),
        "the second homeserver's is under way"
    );
    note(&journal, vec![act(&item, HoldAct::Spent, Some("$again"))]);
    drop(to_second);
    assert!(take("$another").is_none(), "it is spent");
    let later = take("$again").unwrap();
    assert_eq!(later.ticket.event_id.as_deref(), Some("$again"));
}

#[test]
fn a_ticket_that_was_not_spent_is_there_for_the_next() {
    let (folder, journal) = place();
    let holds = Holds::open(&folder.path().join("held"), &journal).unwrap();
    let (_, ticket) = released(&journal);
    let take = |event| {
        holds
            .take(&journal, PLACE, event, ticket.clone(), 5)
            .unwrap()
    };
    drop(take("$again"));
    assert!(take("$another").is_some());
}

#[test]
fn what_one_request_could_not_record_stays_for_the_other_that_brought_it_too() {
    let (folder, journal) = place();
    let holds = Arc::new(Holds::open(&folder.path().join("held"), &journal).unwrap());
    let item = item_of("high->low", "$first");
    let (one, other) = (sealed(&holds, "$first"), sealed(&holds, "$first"));
    one.give_back();
    assert!(holds.read(&item).unwrap().is_some());
    other.give_back();
    assert!(holds.read(&item).unwrap().is_none());
    assert_eq!(holds.waiting(), 0);
}

#[test]
fn what_broke_off_before_it_was_recorded_leaves_its_place_and_its_content_is_for_the_next_start() {
    let (folder, journal) = place();
    let holds = Holds::open(&folder.path().join("held"), &journal).unwrap();
    let holds = Arc::new(holds);
    let item = item_of("high->low", "$first");
    drop(sealed(&holds, "$first"));
    assert_eq!(holds.waiting(), 0);
    assert!(holds.read(&item).unwrap().is_some(), "the log may have it");
    sealed(&holds, "$first").give_back();
    assert_eq!(holds.waiting(), 0);
    assert!(holds.read(&item).unwrap().is_none());
    sealed(&holds, "$first").recorded();
    assert_eq!(holds.waiting(), 1);
}

#[test]
fn what_cannot_be_destroyed_now_is_tried_again() {
    let (folder, journal) = place();
    let holds = Arc::new(Holds::open(&folder.path().join("held"), &journal).unwrap());
    sealed(&holds, "$first").recorded();
    let item = item_of("high->low", "$first");
    let key = folder.path().join("held/keys").join(&item);
    let bytes = std::fs::read(&key).unwrap();
    std::fs::remove_file(&key).unwrap();
    std::fs::create_dir(&key).unwrap();
    assert!(holds.destroy(&item).is_err());
    std::fs::remove_dir(&key).unwrap();
    std::fs::write(&key, bytes).unwrap();
    assert!(holds.read(&item).unwrap().is_some(), "it is there still");
    holds.destroy_left();
    assert!(holds.read(&item).unwrap().is_none());
    assert!(holds.vault.items().unwrap().is_empty());
}

/// Puts a pipe where an item's key was: whoever overwrites that key waits until [`let_go`].
fn stuck(key: &Path) {
    std::fs::remove_file(key).unwrap();
    let made = std::process::Command::new("mkfifo").arg(key).status();
    assert!(made.unwrap().success());
}

/// Reads from the pipe, so that whoever waits to write goes on.
fn let_go(key: &Path) {
    drop(std::fs::File::open(key).unwrap());
}

#[test]
fn what_is_destroyed_a_second_time_is_not_what_was_sealed_meanwhile() {
    let (folder, journal) = place();
    let holds = Holds::open(&folder.path().join("held"), &journal).unwrap();
    let (first, second) = ("0000000000000000", "1111111111111111");
    for item in [first, second] {
        holds.seal(item, b"what has arrived").unwrap();
        lock(&holds.undestroyed).insert(item.to_owned());
    }
    let key = folder.path().join("held/keys").join(first);
    stuck(&key);
    std::thread::scope(|scope| {
        let again = scope.spawn(|| holds.destroy_left());
        std::thread::sleep(std::time::Duration::from_millis(100));
        assert!(!again.is_finished(), "it is at the first item");
        // The second item's event comes again, and waits again.
        let seals = scope.spawn(|| holds.seal(second, b"what waits"));
        std::thread::sleep(std::time::Duration::from_millis(200));
        let_go(&key);
        again.join().unwrap();
        seals.join().unwrap().unwrap();
    });
    let there = holds.read(second).unwrap();
    assert_eq!(
        there.as_deref().map(Vec::as_slice),
        Some(&b"what waits"[..])
    );
    // Nothing that is left to be destroyed is this item.
    std::fs::remove_file(&key).unwrap();
    holds.destroy_left();
    assert!(holds.read(second).unwrap().is_some());
    assert!(holds.read(first).unwrap().is_none());
}
