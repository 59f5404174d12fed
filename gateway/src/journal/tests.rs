//! What the journal remembers, and what it forgets.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a failing test may panic"
)]

use serde_json::json;
use time::{Duration, OffsetDateTime};

use super::{DENIAL_DAYS, Journal, JournalError, Remembered};
use crate::audit::Head;
use crate::audit::entry::{
    Entry, EventEntry, LabelEntry, LabelValue, Line, LinkEntry, RoomEntry, Verdict, WaterEntry,
};

const LINK: &str = "high->low";

struct Book {
    home: tempfile::TempDir,
    journal: Journal,
}

impl Book {
    fn new() -> Self {
        let home = tempfile::tempdir().unwrap();
        let journal = Journal::open(&home.path().join("journal.db")).unwrap();
        Self { home, journal }
    }

    fn take(&self, time: &str, entry: Entry) {
        let line = Line {
            seq: 1,
            time: time.to_owned(),
            prev: String::new(),
            entry,
        };
        self.journal.apply(&[line], &Head::of(1, b"line")).unwrap();
    }
}

const NOW: &str = "2026-02-02T02:40:00.000Z";

fn now() -> OffsetDateTime {
    OffsetDateTime::from_unix_timestamp(1_770_000_000).unwrap()
}

fn event(verdict: Verdict, rule: &str, remember: bool) -> Entry {
    let event_id = Some("$plans".into());
    Entry::Event(EventEntry {
        event_id,
        link: LINK.into(),
        verdict,
        rule: rule.into(),
        remember,
        ..Default::default()
    })
}

#[test]
fn only_a_denial_of_a_true_copy_is_remembered() {
    let book = Book::new();
    book.take(NOW, event(Verdict::Redact, "protocol.hash", false));
    assert_eq!(
        book.journal.denial("$plans", LINK).unwrap(),
        None,
        "a tampered copy stores nothing"
    );
    book.take(NOW, event(Verdict::Release, "label.granted", true));
    assert_eq!(
        book.journal.denial("$plans", LINK).unwrap(),
        None,
        "releases are not sticky"
    );
    book.take(NOW, event(Verdict::Redact, "dlp.iban", true));
    book.take(NOW, event(Verdict::Drop, "dlp.other", true));
    let denial = book.journal.denial("$plans", LINK).unwrap().unwrap();
    assert_eq!(
        (denial.verdict, denial.rule.as_str()),
        (Verdict::Redact, "dlp.iban"),
        "the first one stays"
    );
    assert_eq!(
        book.journal.denial("$plans", "low->high").unwrap(),
        None,
        "another link, another verdict"
    );
}

#[test]
fn an_over_long_event_id_is_found_again() {
    let book = Book::new();
    let long = "$".repeat(1000);
    let entry = EventEntry {
        event_id: Some(long.as_str().into()),
        link: LINK.into(),
        remember: true,
        ..Default::default()
    };
    book.take(NOW, Entry::Event(entry));
    assert!(book.journal.denial(&long, LINK).unwrap().is_some());
    assert!(
        book.journal
            .denial(&"$".repeat(999), LINK)
            .unwrap()
            .is_none()
    );
}

#[test]
fn room_knowledge_is_added_to() {
    let book = Book::new();
    let learn = |entry: RoomEntry| {
        book.take(
            NOW,
            Entry::Room(RoomEntry {
                room_id: "!plans".into(),
                ..entry
            }),
        )
    };
    assert_eq!(book.journal.room("!plans").unwrap(), None);
    learn(RoomEntry {
        version: Some("11".into()),
        creator: Some("@alice:high.test".into()),
        ..Default::default()
    });
    assert_eq!(book.journal.room("!plans").unwrap().unwrap().label, None);
    learn(RoomEntry {
        label: Some(LabelValue::new(json!({"Classification": "OFFEN"}))),
        ..Default::default()
    });
    let room = book.journal.room("!plans").unwrap().unwrap();
    assert_eq!(
        (room.version.as_deref(), room.creator.as_deref()),
        (Some("11"), Some("@alice:high.test"))
    );
    assert_eq!(room.label, Some(Some(json!({"Classification": "OFFEN"}))));
    learn(RoomEntry {
        label: Some(None),
        ..Default::default()
    });
    assert_eq!(
        book.journal.room("!plans").unwrap().unwrap().label,
        Some(None),
        "its label was taken away"
    );
}

#[test]
fn labels_of_events_are_remembered() {
    let book = Book::new();
    assert_eq!(book.journal.label("$plans", "high->low").unwrap(), None);
    book.take(
        NOW,
        Entry::Label(LabelEntry {
            link: None,
            seen: LINK.into(),
            event_id: "$plans".into(),
            room_id: Some("!a".into()),
            label: None,
        }),
    );
    let unlabelled = Remembered {
        room_id: Some("!a".to_owned()),
        ..Remembered::default()
    };
    assert_eq!(
        book.journal.label("$plans", "high->low").unwrap().as_ref(),
        Some(&unlabelled)
    );
    assert!(unlabelled.is_of("!a") && !unlabelled.is_of("!b"));
    let label = LabelValue::new(json!({"Classification": "OFFEN"}));
    book.take(
        NOW,
        Entry::Label(LabelEntry {
            link: None,
            seen: LINK.into(),
            event_id: "$plans".into(),
            room_id: Some("!b".into()),
            label,
        }),
    );
    assert_eq!(
        book.journal.label("$plans", "high->low").unwrap(),
        Some(unlabelled),
        "what was remembered first holds: a later word must not unlabel or relabel an event"
    );
}

#[test]
fn servers_that_came_into_a_room_are_remembered_once_and_for_that_room_alone() {
    let book = Book::new();
    for servers in [
        vec!["low.test".into()],
        vec!["low.test".into(), "third.test".into()],
    ] {
        let room_id = "!a".into();
        book.take(
            NOW,
            Entry::Room(RoomEntry {
                room_id,
                servers,
                ..RoomEntry::default()
            }),
        );
    }
    assert_eq!(
        book.journal.servers("!a").unwrap(),
        ["low.test", "third.test"]
    );
    assert!(book.journal.servers("!b").unwrap().is_empty());
}

#[test]
fn a_denial_is_forgotten_after_400_days() {
    let book = Book::new();
    book.take(NOW, event(Verdict::Redact, "dlp.iban", true));
    book.journal
        .prune(now() + Duration::days(DENIAL_DAYS))
        .unwrap();
    assert!(book.journal.denial("$plans", LINK).unwrap().is_some());
    book.journal
        .prune(now() + Duration::days(DENIAL_DAYS) + Duration::seconds(1))
        .unwrap();
    assert!(book.journal.denial("$plans", LINK).unwrap().is_none());
}

#[test]
fn the_oldest_labels_go_when_there_are_too_many() {
    let book = Book::new();
    for second in 0..5 {
        let entry = LabelEntry {
            event_id: format!("${second}").into(),
            ..Default::default()
        };
        book.take(
            &format!("2026-02-02T02:40:0{second}.000Z"),
            Entry::Label(entry),
        );
    }
    let mut writer = book.journal.writer();
    let transaction = writer.transaction().unwrap();
    super::labels::cap(&transaction, 3).unwrap();
    transaction.commit().unwrap();
    drop(writer);
    let kept = (0..5).filter(|second| {
        book.journal
            .label(&format!("${second}"), "high->low")
            .unwrap()
            .is_some()
    });
    assert_eq!(kept.collect::<Vec<_>>(), [2, 3, 4]);
}

#[test]
fn a_label_that_hangs_on_a_link_counts_there_alone_and_before_what_counts_on_all() {
    let book = Book::new();
    let learn = |link: Option<&str>, level: &str| {
        let entry = LabelEntry {
            link: link.map(Into::into),
            seen: LINK.into(),
            event_id: "$plans".into(),
            room_id: Some("!a".into()),
            label: LabelValue::new(json!({"Classification": level})),
        };
        book.take(NOW, Entry::Label(entry));
    };
    let known = |link: &str| {
        let found = book.journal.label("$plans", link).unwrap()?;
        let level = found.label.unwrap()["Classification"].clone();
        Some((level, found.by_link))
    };
    learn(Some("high->low"), "OFFEN");
    assert_eq!(known("high->low"), Some((json!("OFFEN"), true)));
    assert_eq!(known("high->third"), None);
    learn(None, "GEHEIM");
    assert_eq!(known("high->low"), Some((json!("OFFEN"), true)));
    assert_eq!(known("high->third"), Some((json!("GEHEIM"), false)));
}

#[test]
fn a_denial_is_found_by_its_rule_on_whichever_link() {
    let book = Book::new();
    book.take(NOW, event(Verdict::Redact, "label.room_lowered", true));
    for (rule, found) in [("label.room_lowered", true), ("label.missing", false)] {
        let denied = book.journal.was_denied_by("$plans", rule).unwrap();
        assert_eq!(denied, found, "{rule}");
    }
}

#[test]
fn a_journal_of_the_first_schema_keeps_its_denials_and_forgets_the_labels_of_rooms() {
    let home = tempfile::tempdir().unwrap();
    let path = home.path().join("journal.db");
    let old = rusqlite::Connection::open(&path).unwrap();
    old.execute_batch(super::schema::STEPS[0]).unwrap();
    old.execute_batch(
        "INSERT INTO denials VALUES ('$plans', 'high->low', 'redact', 'dlp.iban', 1);
         INSERT INTO rooms VALUES ('!plans', '12', '@alice:high.test', '{\"Classification\":\"OFFEN\"}');
         INSERT INTO labels VALUES ('$plans', '{\"Classification\":\"OFFEN\"}', 1);
         INSERT INTO closed VALUES ('high->low', '!shut', 'dlp.iban');
         INSERT INTO head VALUES (1, 7, 'abc');
         PRAGMA user_version = 1;",
    )
    .unwrap();
    drop(old);
    let journal = Journal::open(&path).unwrap();
    assert_eq!(journal.head().unwrap().seq, 7);
    assert!(journal.denial("$plans", LINK).unwrap().is_some());
    assert!(journal.closed(LINK, "!shut").unwrap().is_some());
    let room = journal.room("!plans").unwrap().unwrap();
    assert_eq!(
        (room.version.as_deref(), room.label),
        (Some("12"), None),
        "what may be said in the room is not known without asking for its label anew"
    );
    let remembered = journal.label("$plans", "high->low").unwrap().unwrap();
    assert!(remembered.label.is_some() && remembered.is_of("!any"));
}

#[test]
fn mx_12_the_mark_is_of_the_newest_events_and_of_the_latest_hours_of_one_room_and_link() {
    let book = Book::new();
    let rise = |second: u8, room: &str, link: &str, level: &str| {
        let label = LabelValue::new(json!({"Classification": level})).unwrap();
        let time = format!("2026-02-02T02:40:0{second}.000Z");
        book.take(
            &time,
            Entry::Water(WaterEntry {
                link: link.into(),
                room_id: room.into(),
                event_id: format!("${room}{link}{second}").into(),
                label,
            }),
        );
    };
    for (second, level) in [(1, "A"), (2, "B"), (3, "C"), (4, "C")] {
        rise(second, "!plans", LINK, level);
    }
    rise(5, "!other", LINK, "X");
    rise(5, "!plans", "low->high", "Y");
    let start = now().unix_timestamp() * 1000;
    let water = |since: i64, most: u32| {
        let labels = book.journal.water(LINK, "!plans", since, most).unwrap();
        let mut levels: Vec<String> = labels
            .iter()
            .map(|label| label["Classification"].as_str().unwrap().to_owned())
            .collect();
        levels.sort();
        levels.concat()
    };
    let late = start + 60_000;
    assert_eq!(water(late, 2), "C");
    assert_eq!(water(late, 3), "BC", "by number");
    assert_eq!(water(start + 2_000, 1), "BC", "by time");
    assert_eq!(water(start, 1), "ABC");
}

#[test]
fn a_journal_of_a_newer_gateway_is_refused() {
    let book = Book::new();
    book.journal
        .writer()
        .pragma_update(None, "user_version", 99)
        .unwrap();
    let error = Journal::open(&book.home.path().join("journal.db")).unwrap_err();
    assert!(matches!(error, JournalError::Schema { found: 99, .. }));
    assert!(error.to_string().contains("start the newer gateway"));
}

#[test]
fn nobody_else_reads_the_journal() {
    use std::os::unix::fs::PermissionsExt;
    let book = Book::new();
    let mode = std::fs::metadata(book.home.path().join("journal.db"))
        .unwrap()
        .permissions()
        .mode();
    assert_eq!(mode & 0o777, 0o600);
}

/// A changed key would hide that a link or room is closed, who came into it, or that it is encrypted.
#[test]
fn a_key_that_was_changed_in_its_table_or_beside_it_is_found_at_the_start() {
    const KEY: &[u8] = b"kestrel";
    for row in [
        "denials (event_id, link, verdict, rule, time) VALUES ('kestrel', 'high->low', 'redact', 'x', 1)",
        "links (zone, operator, time) VALUES ('kestrel', 'olga', 1)",
        "closed (link, room_id, rule) VALUES ('high->low', 'kestrel', 'operator')",
        "servers (room_id, server) VALUES ('kestrel', 'third.test')",
        "rooms (room_id, encrypted) VALUES ('kestrel', 1)",
    ] {
        let home = tempfile::tempdir().unwrap();
        let path = home.path().join("journal.db");
        drop(Journal::open(&path).unwrap());
        let writer = rusqlite::Connection::open(&path).unwrap();
        writer.execute(&format!("INSERT INTO {row}"), []).unwrap();
        writer.close().unwrap();
        let whole = std::fs::read(&path).unwrap();
        let windows = whole.windows(KEY.len()).enumerate();
        let places: Vec<usize> = windows
            .filter_map(|(at, window)| (window == KEY).then_some(at))
            .collect();
        assert_eq!(places.len(), 2, "in the table and beside it: {row}");
        for place in places {
            let mut bytes = whole.clone();
            bytes[place + 1] = b'a';
            std::fs::write(&path, bytes).unwrap();
            let found = Journal::open(&path);
            let is_damaged = matches!(found, Err(JournalError::Damaged { .. }));
            assert!(is_damaged, "{row} at {place}");
        }
        std::fs::write(&path, whole).unwrap();
        Journal::open(&path).unwrap();
    }
}

#[test]
fn a_file_that_is_no_journal_is_refused_with_the_remedy() {
    let home = tempfile::tempdir().unwrap();
    let path = home.path().join("journal.db");
    std::fs::write(
        &path,
        "not a database, but long enough to look at: ".repeat(50),
    )
    .unwrap();
    assert!(
        Journal::open(&path)
            .unwrap_err()
            .to_string()
            .contains("rebuilt from the audit log")
    );
    assert!(Journal::read_head(&home.path().join("nothing.db")).is_err());
}

#[test]
fn an_opened_peer_takes_its_names_from_every_closing_and_no_other_closing_away() {
    let book = Book::new();
    let set = |peer: &str, open: bool, names: &[&str]| {
        let entry = LinkEntry {
            peer: peer.into(),
            open,
            operator: "olga".into(),
            reason: None,
            known_as: names.iter().map(|name| (*name).into()).collect(),
        };
        book.take(NOW, Entry::Link(entry));
    };
    let closed = || -> Vec<(String, Vec<String>)> {
        let links = book.journal.closed_links().unwrap().into_iter();
        links.map(|link| (link.peer, link.known_as)).collect()
    };
    set("low", false, &["gw.low.test", "low.test", "moved.test"]);
    set("mid", false, &["gw.mid.test", "moved.test"]);
    set("mid", true, &["gw.mid.test", "moved.test"]);
    let names = ["gw.low.test", "low.test"].map(str::to_owned).to_vec();
    assert_eq!(closed(), [("low".to_owned(), names)]);
    set("low", true, &[]);
    assert!(closed().is_empty());
}

#[test]
fn a_peers_large_rooms_push_out_labels_of_its_own_link_and_of_no_other() {
    let book = Book::new();
    let learn = |link: &str, number: u32| {
        let entry = LabelEntry {
            event_id: format!("${link}{number}").into(),
            seen: link.into(),
            ..Default::default()
        };
        let time = format!("2026-02-02T02:{:02}:{:02}.000Z", number / 60, number % 60);
        book.take(&time, Entry::Label(entry));
    };
    for number in 0..20 {
        learn("high->mid", number);
    }
    for number in 100..400 {
        learn("low->high", number);
    }
    let mut writer = book.journal.writer();
    let transaction = writer.transaction().unwrap();
    super::labels::cap(&transaction, 100).unwrap();
    transaction.commit().unwrap();
    drop(writer);
    let known = |link: &str, number: u32| {
        let id = format!("${link}{number}");
        book.journal.label(&id, LINK).unwrap().is_some()
    };
    assert!((0..20).all(|number| known("high->mid", number)));
    let left: Vec<u32> = (100..400)
        .filter(|number| known("low->high", *number))
        .collect();
    assert_eq!(left, (320..400).collect::<Vec<_>>(), "the youngest");
}
