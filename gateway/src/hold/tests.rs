//! Bounds and names of what is held.
#![allow(clippy::unwrap_used, reason = "tests")]

use super::*;

fn slot(link: &str, sender: &str, bytes: u64) -> Slot {
    Slot {
        link: link.to_owned(),
        sender: sender.to_owned(),
        bytes,
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
    let holds = Holds::open(&folder.path().join("held"), &journal).unwrap();
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
    let kept = holds.keep(candidates.collect(), 5);
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
