//! What waits for automatic checks: an event that policy lets a program look at is taken over - journaled, acknowledged,
//! and sent by the gateway itself once the checks have answered.
//!
//! ```text
//! /send ─ judge: hold with checks ─▶ record: seal, audit `wait` ─▶ 200 ─┐
//!         later events of the room ─▶ the same, decided already ────────┤
//!                                                                        ▼
//!           check ─ all let it pass, before the deadline? ─▶ audit ─▶ queue of the pair ─▶ own transaction ─▶ audit `sent`
//!                              no: its redacted form ──────────┘          in order, room by room
//! ```
//!
//! Invariants: nothing of a room overtakes what waits in it, between the same two homeservers; an event waits once for a
//! pair, whatever transactions bring it ([`Waits::take_over`]); own transactions and relayed ones of a pair take turns
//! ([`Waits::turn`]); what was acknowledged is sent at least once, whole or redacted, also after a kill, because the audit log
//! says what waits and the vault keeps it until it has arrived, or a line says why it is given up. What was released crosses
//! whole only under what it was judged under (`wait/fate.rs`). A pull that meets an event without a verdict waits for that
//! ([`Waits::settled`]).

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use sha2::{Digest, Sha256};
use tokio::sync::{Notify, OwnedRwLockReadGuard, OwnedRwLockWriteGuard, RwLock, Semaphore, mpsc};
use zeroize::Zeroizing;

use crate::audit::entry::{Entry, HoldAct, HoldEntry, Verdict, WaitEntry};
use crate::audit::text_hex;
use crate::gateway::now_ms;
use crate::refusal::Refusal;

mod check;
mod fate;
mod send;
mod space;
mod take;
mod tasks;

pub(crate) use fate::{in_words, judged_under};
pub use space::{BYTES, LINK_BYTES, PAIR_BYTES, PAIR_ITEMS};
pub(crate) use take::full;
pub(crate) use tasks::work;

/// How long an event is kept for a destination that takes nothing: 7 days.
pub const KEEP_MS: i64 = 7 * 86_400_000;
/// Events of one link that checks are asked about at the same time; others of this link wait, within their deadline. No link
/// takes the places of another.
pub const ASKED_AT_ONCE: usize = 16;
/// How long a pull waits for a verdict beyond its deadline.
const SETTLE_GRACE: Duration = Duration::from_secs(5);
/// Longest wait of a pull.
const SETTLE: Duration = Duration::from_secs(25);
/// Bytes of an item's id.
const ITEM_BYTES: usize = 8;

/// Reason of an event's line: it waits for checks.
pub const WAITING: &str = "waiting";
/// Rule of an event that comes again while it waits.
pub const WAITS_ALREADY: &str = "protocol.waiting";

/// Two homeservers, the one that sends first.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Pair {
    /// Server name of the one that sends.
    pub origin: String,
    /// Server name of the one that receives.
    pub destination: String,
}

/// An event on its way from `judge` to `record`, that is to be sent later.
#[derive(Debug)]
pub struct Later {
    /// Its line.
    pub line: WaitEntry,
    /// Both forms of it, as [`forms`] writes them.
    pub content: Zeroizing<Vec<u8>>,
}

/// The queues of all pairs.
#[derive(Debug)]
pub struct Waits {
    queues: Mutex<BTreeMap<Pair, Vec<WaitEntry>>>,
    space: Mutex<space::Space>,
    turns: Mutex<BTreeMap<Pair, Arc<RwLock<()>>>>,
    /// Turns of those who take events over.
    takings: Mutex<BTreeMap<Pair, Arc<tokio::sync::Mutex<()>>>>,
    /// Places of those who ask checks, by link.
    asking: Mutex<BTreeMap<String, Arc<Semaphore>>>,
    changed: Notify,
    inbox: mpsc::UnboundedSender<Vec<WaitEntry>>,
}

/// What is new in the queues, for the task that works on them. Bounded by them.
pub type Inbox = mpsc::UnboundedReceiver<Vec<WaitEntry>>;

impl Waits {
    /// Queues with what the log says was acknowledged and not sent.
    #[must_use]
    pub fn new(waiting: Vec<WaitEntry>) -> (Self, Inbox) {
        let (inbox, work) = mpsc::unbounded_channel();
        let waits = Self {
            queues: Mutex::default(),
            space: Mutex::default(),
            turns: Mutex::default(),
            takings: Mutex::default(),
            asking: Mutex::default(),
            changed: Notify::new(),
            inbox,
        };
        {
            let mut space = lock(&waits.space);
            waiting.iter().for_each(|line| space.add(line));
        }
        waits.enqueue(waiting);
        (waits, work)
    }

    /// Waits until nothing of the pair is judged or sent, and keeps it so until the guard is dropped: for own transactions.
    pub async fn turn(&self, pair: &Pair) -> OwnedRwLockWriteGuard<()> {
        self.turn_of(pair).write_owned().await
    }

    /// Waits until no own transaction of the pair is sent, and keeps it so: for relayed ones, of which a homeserver sends one
    /// at a time by itself.
    pub async fn relayed_turn(&self, pair: &Pair) -> OwnedRwLockReadGuard<()> {
        self.turn_of(pair).read_owned().await
    }

    fn turn_of(&self, pair: &Pair) -> Arc<RwLock<()>> {
        Arc::clone(lock(&self.turns).entry(pair.clone()).or_default())
    }

    /// The places of those who ask checks about events of a link.
    fn asking(&self, link: &str) -> Arc<Semaphore> {
        let mut asking = lock(&self.asking);
        let places = asking.entry(link.to_owned());
        Arc::clone(places.or_insert_with(|| Arc::new(Semaphore::new(ASKED_AT_ONCE))))
    }

    /// Adds recorded events, for which there is room, at the end of their queues.
    fn enqueue(&self, lines: Vec<WaitEntry>) {
        if lines.is_empty() {
            return;
        }
        let mut queues = lock(&self.queues);
        for line in &lines {
            queues.entry(pair_of(line)).or_default().push(line.clone());
        }
        // The task ends with the gateway; what is not worked on then is at the next start.
        let _stopping = self.inbox.send(lines);
        drop(queues);
        self.changed.notify_waiters();
    }

    /// All that waits, for a task that begins. Nothing of it comes out of the inbox again.
    fn anew(&self, inbox: &mut Inbox) -> Vec<WaitEntry> {
        let queues = lock(&self.queues);
        while inbox.try_recv().is_ok() {}
        queues.values().flatten().cloned().collect()
    }

    /// Whether a pair may have nothing more waiting: then nothing of it is taken, because it may have to queue. Where only
    /// its link or the gateway is full, what need not wait crosses.
    #[must_use]
    pub fn is_full(&self, pair: &Pair) -> bool {
        lock(&self.space).is_full(pair)
    }

    /// The rooms of a pair in which something waits, and the events that do.
    #[must_use]
    pub fn queued(&self, pair: &Pair) -> (BTreeSet<String>, BTreeSet<String>) {
        let queues = lock(&self.queues);
        let lines = queues.get(pair).into_iter().flatten();
        let of = |line: &WaitEntry| (line.room_id.to_string(), line.event_id.to_string());
        lines.map(of).unzip()
    }

    /// Returns when an event has a verdict on a link, at once if it does not wait.
    ///
    /// # Errors
    /// [`Refusal`] where none comes: a failure of the gateway, and no verdict.
    pub async fn settled(&self, link: &str, event_id: &str) -> Result<(), Refusal> {
        let settled = async {
            loop {
                let changed = self.changed.notified();
                if !self.is_open(link, event_id) {
                    return;
                }
                changed.await;
            }
        };
        let waited = tokio::time::timeout(SETTLE + SETTLE_GRACE, settled).await;
        waited.map_err(|_| {
            Refusal::ourselves(
                "gateway.hold",
                "an event that is asked for has no verdict yet",
            )
        })
    }

    fn is_open(&self, link: &str, event_id: &str) -> bool {
        let queues = lock(&self.queues);
        let mut lines = queues.values().flatten();
        lines.any(|line| line.verdict.is_none() && line.link == link && line.event_id == event_id)
    }

    /// Notes the verdict on an item. The first one stands, but that redaction takes a release back.
    fn decide(&self, item: &WaitEntry, verdict: Verdict) {
        let mut queues = lock(&self.queues);
        let queue = queues.get_mut(&pair_of(item));
        let line = queue.and_then(|queue| queue.iter_mut().find(|line| line.item == item.item));
        if let Some(line) = line.filter(|line| line.verdict.is_none_or(|first| verdict > first)) {
            line.verdict = Some(verdict);
        }
        drop(queues);
        self.changed.notify_waiters();
    }

    /// What of a pair can be sent now, oldest first: of each room what stands before the first event without a verdict.
    fn ready(&self, pair: &Pair, most: usize) -> Vec<WaitEntry> {
        let queues = lock(&self.queues);
        let mut blocked = BTreeSet::new();
        let mut ready = Vec::new();
        for line in queues.get(pair).into_iter().flatten() {
            if line.verdict.is_none() {
                blocked.insert(line.room_id.as_str());
            } else if !blocked.contains(line.room_id.as_str()) && ready.len() < most {
                ready.push(line.clone());
            }
        }
        ready
    }

    fn remove(&self, pair: &Pair, items: &[WaitEntry]) {
        let mut queues = lock(&self.queues);
        let mut gone = Vec::new();
        if let Some(queue) = queues.get_mut(pair) {
            let is_gone = |line: &WaitEntry| items.iter().any(|item| item.item == line.item);
            gone.extend(queue.extract_if(.., |line| is_gone(line)));
            if queue.is_empty() {
                queues.remove(pair);
            }
        }
        drop(queues);
        let mut space = lock(&self.space);
        gone.iter().for_each(|line| space.give_back(line));
        drop(space);
        self.changed.notify_waiters();
    }

    fn is_empty(&self, pair: &Pair) -> bool {
        !lock(&self.queues).contains_key(pair)
    }
}

/// The id of an event that waits for a destination on a link.
#[must_use]
pub fn item_of(link: &str, event_id: &str, destination: &str) -> String {
    let hash = Sha256::digest(format!("wait\0{link}\0{event_id}\0{destination}"));
    text_hex(&hash[..ITEM_BYTES])
}

/// The line of what became of an item, and why where that does not go without saying.
fn acted(line: &WaitEntry, act: HoldAct, why: Option<&str>) -> Entry {
    Entry::Hold(HoldEntry {
        reason: why.map(Into::into),
        item: line.item.clone(),
        act,
        link: Some(line.link.clone()),
        room_id: Some(line.room_id.clone()),
        event_id: Some(line.event_id.clone()),
        ..HoldEntry::default()
    })
}

fn pair_of(line: &WaitEntry) -> Pair {
    Pair {
        origin: line.origin.to_string(),
        destination: line.destination.to_string(),
    }
}

/// How long until a deadline.
fn left(deadline_ms: i64) -> Duration {
    let ms = deadline_ms.saturating_sub(now_ms());
    Duration::from_millis(u64::try_from(ms).unwrap_or(0))
}

fn lock<T>(shared: &Mutex<T>) -> MutexGuard<'_, T> {
    shared.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a failing test may panic")]
mod tests {
    use super::*;

    fn line(room: &str, event: &str, verdict: Option<Verdict>) -> WaitEntry {
        WaitEntry {
            item: event.into(),
            link: "high->low".into(),
            origin: "high.test".into(),
            destination: "low.test".into(),
            room_id: room.into(),
            event_id: event.into(),
            verdict,
            ..WaitEntry::default()
        }
    }

    fn events(lines: &[WaitEntry]) -> Vec<&str> {
        lines.iter().map(|line| line.event_id.as_str()).collect()
    }

    #[test]
    fn nothing_of_a_room_overtakes_what_waits_in_it_and_other_rooms_go_on() {
        let (waits, _work) = Waits::new(vec![
            line("!a", "$1", Some(Verdict::Release)),
            line("!a", "$2", None),
            line("!a", "$3", Some(Verdict::Release)),
            line("!b", "$4", Some(Verdict::Redact)),
        ]);
        let pair = pair_of(&line("!a", "$1", None));
        assert_eq!(events(&waits.ready(&pair, 50)), ["$1", "$4"]);
        assert_eq!(events(&waits.ready(&pair, 1)), ["$1"]);
        waits.decide(&line("!a", "$2", None), Verdict::Redact);
        assert_eq!(events(&waits.ready(&pair, 50)), ["$1", "$2", "$3", "$4"]);
        waits.remove(&pair, &waits.ready(&pair, 50));
        assert!(waits.is_empty(&pair));
    }

    #[test]
    fn the_first_verdict_stands_and_redaction_alone_takes_a_release_back() {
        let item = line("!a", "$1", None);
        let pair = pair_of(&item);
        let (waits, _work) = Waits::new(vec![item.clone()]);
        let verdict = || waits.ready(&pair, 1)[0].verdict;
        waits.decide(&item, Verdict::Release);
        waits.decide(&item, Verdict::Redact);
        assert_eq!(verdict(), Some(Verdict::Redact));
        waits.decide(&item, Verdict::Release);
        assert_eq!(verdict(), Some(Verdict::Redact));
    }

    #[test]
    fn a_flood_on_one_link_takes_no_place_of_another() {
        let (waits, _work) = Waits::new(Vec::new());
        let (flooded, other) = (waits.asking("high->low"), waits.asking("high->eu"));
        let places: Vec<_> = (0..ASKED_AT_ONCE).map(|_| flooded.try_acquire()).collect();
        assert!(places.iter().all(Result::is_ok));
        assert!(waits.asking("high->low").try_acquire().is_err());
        assert!(other.try_acquire().is_ok());
    }

    #[test]
    fn what_is_gone_leaves_its_room_to_others() {
        let (waits, _work) = Waits::new(vec![WaitEntry {
            bytes: PAIR_BYTES,
            ..line("!a", "$1", Some(Verdict::Redact))
        }]);
        let pair = pair_of(&line("!a", "$1", None));
        assert!(waits.is_full(&pair), "a start counts what waits");
        waits.remove(&pair, &waits.ready(&pair, 50));
        assert!(!waits.is_full(&pair));
    }

    struct Vault {
        _folder: tempfile::TempDir,
        holds: Arc<crate::hold::Holds>,
    }

    fn vault() -> Vault {
        let folder = tempfile::tempdir().unwrap();
        let journal = crate::journal::Journal::open(&folder.path().join("journal.db")).unwrap();
        let holds = crate::hold::Holds::open(&folder.path().join("held"), &journal).unwrap();
        Vault {
            _folder: folder,
            holds: Arc::new(holds),
        }
    }

    fn later(event: &str, bytes: u64) -> Later {
        let line = line("!a", event, None);
        Later {
            line: WaitEntry {
                item: item_of("high->low", event, "low.test").into(),
                bytes,
                ..line
            },
            content: Zeroizing::new(b"both forms".to_vec()),
        }
    }

    #[tokio::test]
    async fn one_event_is_taken_over_once_by_whatever_transactions_bring_it() {
        let (vault, (waits, _work)) = (vault(), Waits::new(Vec::new()));
        let waits = Arc::new(waits);
        let taken = waits
            .take_over(&vault.holds, vec![later("$1", 7), later("$1", 7)])
            .await
            .unwrap();
        assert_eq!(taken.entries().len(), 1, "twice in one transaction");
        let second = tokio::spawn({
            let (waits, holds) = (Arc::clone(&waits), Arc::clone(&vault.holds));
            async move {
                waits
                    .take_over(&holds, vec![later("$1", 7), later("$2", 7)])
                    .await
            }
        });
        tokio::time::sleep(Duration::from_millis(50)).await;
        assert!(!second.is_finished(), "the first is not recorded yet");
        taken.queue();
        let second = second.await.unwrap().unwrap();
        assert_eq!(second.entries().len(), 1, "the other event alone");
        second.give_back(&vault.holds);
        let (rooms, events) = waits.queued(&pair_of(&line("!a", "$1", None)));
        assert_eq!((rooms.len(), events.len()), (1, 1));
        let sealed = |event| vault.holds.read(&item_of("high->low", event, "low.test"));
        assert!(sealed("$1").unwrap().is_some() && sealed("$2").unwrap().is_none());
    }

    #[tokio::test]
    async fn what_the_first_transaction_could_not_record_the_second_takes_over() {
        let (vault, (waits, _work)) = (vault(), Waits::new(Vec::new()));
        let waits = Arc::new(waits);
        let first = waits.take_over(&vault.holds, vec![later("$1", 7)]).await;
        let second = tokio::spawn({
            let (waits, holds) = (Arc::clone(&waits), Arc::clone(&vault.holds));
            async move { waits.take_over(&holds, vec![later("$1", 7)]).await }
        });
        tokio::time::sleep(Duration::from_millis(50)).await;
        first.unwrap().give_back(&vault.holds);
        let second = second.await.unwrap().unwrap();
        assert_eq!(second.entries().len(), 1);
        let item = item_of("high->low", "$1", "low.test");
        assert!(vault.holds.read(&item).unwrap().is_some());
    }

    #[tokio::test]
    async fn what_broke_off_before_it_was_recorded_leaves_its_room_to_others_and_its_content_to_the_next_start()
     {
        let (vault, (waits, _work)) = (vault(), Waits::new(Vec::new()));
        let waits = Arc::new(waits);
        let full = vec![later("$1", PAIR_BYTES)];
        let taken = waits.take_over(&vault.holds, full).await.unwrap();
        let pair = pair_of(&line("!a", "$1", None));
        assert!(waits.is_full(&pair));
        drop(taken);
        assert!(!waits.is_full(&pair));
        let item = item_of("high->low", "$1", "low.test");
        assert!(vault.holds.read(&item).unwrap().is_some());
    }

    #[tokio::test]
    async fn what_does_not_fit_is_not_sealed_and_the_homeserver_keeps_it() {
        let (vault, (waits, _work)) = (vault(), Waits::new(Vec::new()));
        let waits = Arc::new(waits);
        let whole = vec![later("$1", 7), later("$2", PAIR_BYTES)];
        let refused = waits.take_over(&vault.holds, whole).await.unwrap_err();
        assert_eq!(refused.rule, "gateway.hold_full");
        let item = item_of("high->low", "$1", "low.test");
        assert!(vault.holds.read(&item).unwrap().is_none());
        let fits = waits.take_over(&vault.holds, vec![later("$1", 7)]).await;
        assert_eq!(fits.unwrap().entries().len(), 1);
    }

    #[tokio::test]
    async fn a_pull_waits_for_the_verdict_and_no_longer() {
        let (waits, _work) = Waits::new(vec![line("!a", "$1", None)]);
        let waits = Arc::new(waits);
        assert_eq!(waits.settled("high->low", "$2").await, Ok(()));
        assert_eq!(waits.settled("high->eu", "$1").await, Ok(()));
        let pull = tokio::spawn({
            let waits = Arc::clone(&waits);
            async move { waits.settled("high->low", "$1").await }
        });
        tokio::time::sleep(Duration::from_millis(50)).await;
        assert!(!pull.is_finished());
        waits.decide(&line("!a", "$1", None), Verdict::Release);
        assert!(matches!(pull.await, Ok(Ok(()))));
    }
}
