//! What a failing disk leaves of one judgement: an event for a reviewer, and one for a check.
#![allow(clippy::unwrap_used, reason = "tests")]

use std::path::PathBuf;
use std::time::Duration;

use sluice_policy::keys::SigningKey;
use tempfile::TempDir;
use time::OffsetDateTime;
use zeroize::Zeroizing;

use super::*;
use crate::audit::entry::{EventEntry, WaitEntry};
use crate::audit::{AuditConfig, SEGMENT_BYTES};
use crate::hold::{HELD, item_of};
use crate::journal::Journal;
use crate::judge::{Reviews, Spoken};
use crate::operations::Metrics;
use crate::tell;
use crate::wait::{self, Inbox, Later, Pair};
use crate::window::Now;

const LINK: &str = "high->low";
const ALICE: &str = "@alice:high.test";
const ROOM: &str = "!plans:high.test";

struct World {
    folder: TempDir,
    journal: Arc<Journal>,
    durable: Durable,
    _work: Inbox,
}

impl World {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let path = |name: &str| folder.path().join(name);
        let journal = Arc::new(Journal::open(&path("journal.db")).unwrap());
        let audit = Audit::open(AuditConfig {
            dir: path("audit"),
            key: Arc::new(SigningKey::from_seed("audit", &[7; 32]).unwrap()),
            segment_bytes: SEGMENT_BYTES,
            journal: Arc::clone(&journal),
            clock: Arc::new(OffsetDateTime::now_utc),
            observe: Arc::new(|_, _| {}),
        });
        let windows = Windows::open(&path("windows.db"), &path("windows.key"), Now::read());
        let (waits, work) = Waits::new(Vec::new());
        let durable = Durable {
            audit: Arc::new(audit.unwrap()),
            windows: Arc::new(windows.unwrap()),
            holds: Arc::new(Holds::open(&path("held"), &journal).unwrap()),
            waits: Arc::new(waits),
            teller: Arc::new(tell::queues(Metrics::new()).0),
            held_until: i64::MAX,
        };
        Self {
            folder,
            journal,
            durable,
            _work: work,
        }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    async fn records(&self) -> Result<Cleared, Refusal> {
        record_part(self.durable.clone(), judged(), None).await
    }

    /// Whether the content of both events is kept, that of one, or of none.
    fn sealed(&self) -> usize {
        let items = [held_item(), wait_item()];
        let there = items.map(|item| self.durable.holds.read(&item).unwrap());
        there.iter().flatten().count()
    }

    /// Whether reviewers and the task that sends know of their event.
    fn known(&self) -> (usize, usize) {
        let pair = Pair {
            origin: "high.test".to_owned(),
            destination: "low.test".to_owned(),
        };
        (
            self.durable.holds.waiting(),
            self.durable.waits.queued(&pair).1.len(),
        )
    }

    /// What the log says of them, as far as the journal has it.
    fn recorded(&self) -> (bool, bool) {
        (
            self.journal.held(&held_item()).unwrap().is_some(),
            self.journal.has_wait(&wait_item()).unwrap(),
        )
    }
}

fn held_item() -> String {
    item_of(LINK, "$for-carol")
}

fn wait_item() -> String {
    wait::item_of(LINK, "$for-a-check", "low.test")
}

/// alice said two things; one is for a reviewer, the other for a check.
fn judged() -> Judged {
    let event = |event_id: &str| EventEntry {
        link: LINK.into(),
        event_id: Some(event_id.into()),
        ..EventEntry::default()
    };
    let held = HeldEntry {
        item: held_item().into(),
        link: LINK.into(),
        room_id: ROOM.into(),
        event_id: "$for-carol".into(),
        sender: ALICE.into(),
        ..HeldEntry::default()
    };
    let waiting = WaitEntry {
        item: wait_item().into(),
        link: LINK.into(),
        origin: "high.test".into(),
        destination: "low.test".into(),
        room_id: ROOM.into(),
        event_id: "$for-a-check".into(),
        bytes: 7,
        ..WaitEntry::default()
    };
    let entries = vec![
        Entry::Event(EventEntry {
            reason: Some(HELD.into()),
            ..event("$for-carol")
        }),
        Entry::Event(event("$for-a-check")),
    ];
    let speaker = Speaker {
        link: LINK.to_owned(),
        room: ROOM.to_owned(),
        sender: ALICE.to_owned(),
    };
    let part = Part {
        event_id: "$for-a-check".to_owned(),
        sent_ms: crate::gateway::now_ms(),
        is_news: true,
        texts: vec!["what a check looks at".to_owned()],
        html: Vec::new(),
    };
    let reviews = Reviews {
        candidates: vec![Candidate {
            entry: 0,
            line: held,
            content: Zeroizing::new(b"what a reviewer reads".to_vec()),
        }],
        laters: vec![Later {
            line: waiting,
            content: Zeroizing::new(b"both forms".to_vec()),
        }],
        presented: Vec::new(),
    };
    let spoken = Spoken {
        released: vec![(speaker, part)],
        visit: None,
    };
    Judged::of(entries, spoken, reviews)
}

/// Time in which a write that nobody waits for would come about.
async fn a_while() {
    tokio::time::sleep(Duration::from_millis(300)).await;
}

#[tokio::test]
async fn what_is_recorded_is_kept_and_known() {
    let world = World::new();
    world.records().await.unwrap();
    assert_eq!((world.sealed(), world.known()), (2, (1, 1)));
    assert_eq!(world.recorded(), (true, true));
    assert!(
        world
            .durable
            .holds
            .settle(&world.journal)
            .unwrap()
            .is_empty()
    );
    assert_eq!(world.sealed(), 2);
}

#[tokio::test]
async fn where_what_was_said_cannot_be_kept_no_line_says_that_anything_waits() {
    let world = World::new();
    let other = rusqlite::Connection::open(world.path("windows.db")).unwrap();
    other.execute("DROP TABLE texts", []).unwrap();
    let refusal = world.records().await.unwrap_err();
    assert_eq!(refusal.rule, "gateway.windows");
    a_while().await;
    assert_eq!(world.recorded(), (false, false));
    assert_eq!((world.sealed(), world.known()), (0, (0, 0)));
}

#[tokio::test]
async fn where_the_log_cannot_be_written_nothing_is_kept() {
    let world = World::new();
    let aside = world.path("aside");
    std::fs::rename(world.path("audit"), &aside).unwrap();
    let refusal = world.records().await.unwrap_err();
    assert_eq!(refusal.rule, "gateway.audit");
    std::fs::rename(&aside, world.path("audit")).unwrap();
    world.durable.audit.probe().await.unwrap();
    assert_eq!(world.recorded(), (false, false));
    assert_eq!((world.sealed(), world.known()), (0, (0, 0)));
}

#[tokio::test]
async fn what_the_log_has_and_the_journal_has_not_yet_is_kept_and_nothing_crosses() {
    let world = World::new();
    let aside = world.path("aside.db");
    std::fs::rename(world.path("journal.db"), &aside).unwrap();
    let refusal = world.records().await.unwrap_err();
    assert_eq!(refusal.rule, "gateway.audit");
    assert_eq!((world.sealed(), world.known()), (2, (1, 1)));
    std::fs::rename(&aside, world.path("journal.db")).unwrap();
    world.durable.audit.probe().await.unwrap();
    assert_eq!(world.recorded(), (true, true));
    let lost = world.durable.holds.settle(&world.journal).unwrap();
    assert_eq!((lost, world.sealed()), (Vec::new(), 2));
}
