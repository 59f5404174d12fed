//! What a failing disk leaves of one judgement: an event for a reviewer, and one for a check.
#![allow(clippy::unwrap_used, reason = "tests")]

use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use ruma_common::CanonicalJsonValue;
use serde_json::json;
use sluice_policy::keys::SigningKey;
use sluice_policy::pdu::{Pdu, RoomVersion};
use tempfile::TempDir;
use time::OffsetDateTime;
use zeroize::Zeroizing;

use super::*;
use crate::audit::entry::{EventEntry, HoldAct, HoldEntry, WaitEntry};
use crate::audit::{AuditConfig, SEGMENT_BYTES};
use crate::hold::{HELD, Presented, item_of};
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
    /// Whether the log's writer breaks off when its next lines are durable.
    breaks: Arc<AtomicBool>,
    _work: Inbox,
}

fn log(folder: &Path, journal: &Arc<Journal>, breaks: &Arc<AtomicBool>) -> Audit {
    let breaks = Arc::clone(breaks);
    let opened = Audit::open(AuditConfig {
        dir: folder.join("audit"),
        key: Arc::new(SigningKey::from_seed("audit", &[7; 32]).unwrap()),
        segment_bytes: SEGMENT_BYTES,
        journal: Arc::clone(journal),
        clock: Arc::new(OffsetDateTime::now_utc),
        observe: Arc::new(move |_, _| assert!(!breaks.load(Ordering::SeqCst), "a defect")),
    });
    opened.unwrap()
}

impl World {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let path = |name: &str| folder.path().join(name);
        let journal = Arc::new(Journal::open(&path("journal.db")).unwrap());
        let breaks = Arc::default();
        let audit = log(folder.path(), &journal, &breaks);
        let windows = Windows::open(&path("windows.db"), &path("windows.key"), Now::read());
        let (waits, work) = Waits::new(Vec::new());
        let durable = Durable {
            audit: Arc::new(audit),
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
            breaks,
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

    /// Takes the journal's file away until [`World::journal_is_back`].
    fn journal_is_away(&self) {
        std::fs::rename(self.path("journal.db"), self.path("aside.db")).unwrap();
    }

    fn journal_is_back(&self) {
        std::fs::rename(self.path("aside.db"), self.path("journal.db")).unwrap();
    }

    /// A reviewer has released what alice said.
    async fn releases(&self) {
        let entries = vec![
            Entry::Held(held()),
            Entry::Hold(HoldEntry {
                item: held_item().into(),
                act: HoldAct::Released,
                likeness: self.durable.holds.likeness(&said(1)).map(Into::into),
                until: Some(i64::MAX),
                ..HoldEntry::default()
            }),
        ];
        self.durable.audit.note(entries).await.unwrap();
    }

    /// The ticket that an event finds.
    fn ticket_for(&self, event: &Pdu) -> Option<Presented> {
        let holds = &self.durable.holds;
        holds.present(&self.journal, LINK, event, 0).unwrap()
    }

    /// An event crosses by its ticket, as far as what is recorded lets it.
    async fn spends(&self, event: &Pdu, ticket: Presented) -> Result<Cleared, Refusal> {
        let spent = Entry::Hold(HoldEntry {
            item: held_item().into(),
            act: HoldAct::Spent,
            event_id: Some(event.event_id().into()),
            ..HoldEntry::default()
        });
        let reviews = Reviews {
            presented: vec![ticket],
            ..Reviews::default()
        };
        let judged = Judged::of(vec![spent], Spoken::default(), reviews);
        record_part(self.durable.clone(), judged, None).await
    }

    /// The journal after a start, and what is kept beside it.
    fn after_a_restart(self) -> (TempDir, Arc<Journal>, Holds) {
        let Self {
            folder,
            journal,
            durable,
            ..
        } = self;
        drop((durable, journal));
        let journal = Arc::new(Journal::open(&folder.path().join("journal.db")).unwrap());
        drop(log(folder.path(), &journal, &Arc::default()));
        let holds = Holds::open(&folder.path().join("held"), &journal).unwrap();
        (folder, journal, holds)
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

fn held() -> HeldEntry {
    HeldEntry {
        item: held_item().into(),
        link: LINK.into(),
        room_id: ROOM.into(),
        event_id: "$for-carol".into(),
        sender: ALICE.into(),
        ..HeldEntry::default()
    }
}

/// What alice says, at some moment: each time another event of the same words.
fn said(at: i64) -> Pdu {
    let event = json!({
        "type": "m.room.message", "room_id": ROOM, "sender": ALICE, "content": {"body": "the plan"}, "depth": 1,
        "auth_events": [], "prev_events": [], "origin_server_ts": at, "hashes": {"sha256": "A".repeat(43)},
        "signatures": {},
    });
    let CanonicalJsonValue::Object(event) = event.try_into().unwrap() else {
        unreachable!("it is an object");
    };
    Pdu::read(event, RoomVersion::V10).unwrap()
}

/// alice said two things; one is for a reviewer, the other for a check.
fn judged() -> Judged {
    let event = |event_id: &str| EventEntry {
        link: LINK.into(),
        event_id: Some(event_id.into()),
        ..EventEntry::default()
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
            line: held(),
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
    world.journal_is_away();
    let refusal = world.records().await.unwrap_err();
    assert_eq!(refusal.rule, "gateway.audit");
    assert_eq!((world.sealed(), world.known()), (2, (1, 1)));
    world.journal_is_back();
    world.durable.audit.probe().await.unwrap();
    assert_eq!(world.recorded(), (true, true));
    let lost = world.durable.holds.settle(&world.journal).unwrap();
    assert_eq!((lost, world.sealed()), (Vec::new(), 2));
}

#[tokio::test]
async fn a_ticket_that_the_log_alone_knows_to_be_spent_is_there_for_its_event_and_no_other() {
    let world = World::new();
    let (first, second) = (said(1), said(2));
    world.releases().await;
    let ticket = world.ticket_for(&first).unwrap();
    world.journal_is_away();
    let refusal = world.spends(&first, ticket).await.unwrap_err();
    assert_eq!(refusal.rule, "gateway.audit");
    world.journal_is_back();
    // Nothing was written since: the journal shows the ticket as open.
    assert!(world.ticket_for(&second).is_none());
    let again = world.ticket_for(&first).unwrap();
    world.spends(&first, again).await.unwrap();
    assert!(world.ticket_for(&second).is_none(), "the journal has it");
    assert!(world.ticket_for(&first).is_some());
}

#[tokio::test]
async fn a_ticket_that_the_log_alone_knows_to_be_spent_is_so_after_a_start() {
    let world = World::new();
    let (first, second) = (said(1), said(2));
    world.releases().await;
    let ticket = world.ticket_for(&first).unwrap();
    world.journal_is_away();
    world.spends(&first, ticket).await.unwrap_err();
    world.journal_is_back();
    let (_folder, journal, holds) = world.after_a_restart();
    let found = |event| holds.present(&journal, LINK, event, 0).unwrap();
    assert!(found(&second).is_none());
    assert!(found(&first).is_some());
}

#[tokio::test]
async fn a_ticket_whose_spending_the_log_does_not_have_is_there_for_another_event() {
    let world = World::new();
    let (first, second) = (said(1), said(2));
    world.releases().await;
    let ticket = world.ticket_for(&first).unwrap();
    let aside = world.path("aside");
    std::fs::rename(world.path("audit"), &aside).unwrap();
    world.spends(&first, ticket).await.unwrap_err();
    std::fs::rename(&aside, world.path("audit")).unwrap();
    assert!(world.ticket_for(&second).is_some());
}

#[tokio::test]
async fn what_nobody_knows_to_be_in_the_log_is_left_as_it_is_for_the_next_start() {
    let world = World::new();
    let (first, second) = (said(1), said(2));
    world.releases().await;
    let ticket = world.ticket_for(&first).unwrap();
    world.breaks.store(true, Ordering::SeqCst);
    world.records().await.unwrap_err();
    world.spends(&first, ticket).await.unwrap_err();
    assert!(world.durable.audit.failing().is_some(), "and it is told");
    assert!(world.ticket_for(&second).is_none());
    assert_eq!((world.sealed(), world.known()), (2, (0, 0)));
    let (_folder, journal, holds) = world.after_a_restart();
    assert_eq!(holds.settle(&journal), Ok(Vec::new()));
    let there = |item: &str| holds.read(item).unwrap().is_some();
    assert!(
        there(&held_item()) && there(&wait_item()),
        "the log has them"
    );
    assert!(
        holds.present(&journal, LINK, &second, 0).unwrap().is_some(),
        "the log does not have what came after"
    );
}
