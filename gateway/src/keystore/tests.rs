#![expect(clippy::unwrap_used, reason = "a failing test may panic")]

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicUsize, Ordering};

use super::*;

const NOW: i64 = 1_700_000_000_000;
const HOUR: i64 = 3_600_000;
const SECOND: Duration = Duration::from_secs(1);
const CAROLS: &str = "third.test";
const KEY: &str = "ed25519:a";

/// carol's homeserver's document, fetched at `at` and valid for two hours.
fn document(at: i64) -> Known {
    let document = KeyDocument {
        server_name: CAROLS.to_owned(),
        verify_keys: BTreeMap::from([(KEY.to_owned(), [1; 32])]),
        old_verify_keys: BTreeMap::new(),
        valid_until_ts: at + 2 * HOUR,
    };
    Known::new(document, CanonicalJsonObject::new(), at)
}

/// A store, and how often carol's gateway was asked.
#[derive(Default)]
struct Store {
    store: KeyStore,
    asked: AtomicUsize,
}

impl Store {
    async fn ask(
        &self,
        key_id: &str,
        now: i64,
        need: Need,
        answer: Result<Known, Refusal>,
    ) -> Result<Arc<Known>, Refusal> {
        let fetch = async || {
            self.asked.fetch_add(1, Ordering::Relaxed);
            answer
        };
        let key_id = Some(key_id);
        self.store.ensure(CAROLS, key_id, now, need, fetch).await
    }

    fn asked(&self) -> usize {
        self.asked.swap(0, Ordering::Relaxed)
    }
}

fn dead() -> Result<Known, Refusal> {
    Err(Refusal::ourselves("gateway.relay", "unreachable"))
}

async fn hangs() -> Result<Known, Refusal> {
    std::future::pending().await
}

const OTHER: Need = Need::Other(FOREIGN_WAIT);

#[tokio::test]
async fn keys_of_a_gateway_that_is_away_count_until_they_end_and_it_is_not_asked_each_time() {
    for need in [OTHER, Need::End] {
        let carols = Store::default();
        let first = carols.ask(KEY, NOW, need, Ok(document(NOW))).await;
        assert_eq!(first.unwrap().fetched_ms, NOW);
        carols.ask(KEY, NOW + HOUR - 1, need, dead()).await.unwrap();
        assert_eq!(carols.asked(), 1, "fresh, so nobody is asked");
        // Older than half their time: it is asked, and what is known counts.
        let late = NOW + HOUR;
        for _ in 0..5 {
            carols.ask(KEY, late, need, dead()).await.unwrap();
        }
        assert_eq!(carols.asked(), 1);
        let again = late + RENEW_PAUSE_MS;
        carols.ask(KEY, again, need, dead()).await.unwrap();
        assert_eq!(carols.asked(), 1);
        // It is back.
        let back = again + RENEW_PAUSE_MS;
        let renewed = carols.ask(KEY, back, need, Ok(document(back))).await;
        assert_eq!(renewed.unwrap().fetched_ms, back);
        // After their end they count no more.
        let ended = back + 2 * HOUR;
        assert!(carols.ask(KEY, ended, need, dead()).await.is_err());
    }
}

#[tokio::test]
async fn keys_that_are_missing_are_asked_for_seldom_and_by_an_end_of_the_exchange_each_time() {
    let carols = Store::default();
    for _ in 0..5 {
        assert!(carols.ask(KEY, NOW, OTHER, dead()).await.is_err());
    }
    assert_eq!(carols.asked(), 1);
    let later = NOW + MISSING_PAUSE_MS;
    assert!(carols.ask(KEY, later, OTHER, dead()).await.is_err());
    assert_eq!(carols.asked(), 1);
    // Who speaks is there: its keys may have come meanwhile.
    for _ in 0..2 {
        assert!(carols.ask(KEY, later, Need::End, dead()).await.is_err());
    }
    assert_eq!(carols.asked(), 2);
    let found = carols.ask(KEY, later, Need::End, Ok(document(later))).await;
    found.unwrap();
    carols.ask(KEY, later, OTHER, dead()).await.unwrap();
    // Whoever has no patience left asks nobody.
    let (none, ended) = (Need::Other(Duration::ZERO), later + 3 * HOUR);
    carols.asked();
    assert!(carols.ask(KEY, ended, none, dead()).await.is_err());
    assert_eq!(carols.asked(), 0);
}

#[tokio::test]
async fn a_forged_key_id_drives_no_traffic() {
    let carols = Store::default();
    carols
        .ask(KEY, NOW, OTHER, Ok(document(NOW)))
        .await
        .unwrap();
    carols.asked();
    for _ in 0..5 {
        let known = carols.ask("ed25519:forged", NOW + 1, OTHER, dead()).await;
        known.unwrap();
    }
    assert_eq!(carols.asked(), 0);
    let later = NOW + REFETCH_PAUSE_MS;
    for _ in 0..5 {
        let known = carols.ask("ed25519:forged", later, OTHER, dead()).await;
        assert!(known.is_err(), "it may be new, and nobody tells");
    }
    assert_eq!(carols.asked(), 1);
    carols.ask(KEY, later, OTHER, dead()).await.unwrap();
}

#[tokio::test]
async fn a_gateway_that_hangs_is_waited_for_shortly_and_once() {
    let carols = Store::default();
    let mut patience = KeyPatience::default();
    assert_eq!(patience.need(), OTHER);
    let start = Instant::now();
    let shortly = Need::Other(Duration::from_millis(100));
    let asked = carols.store.ensure(CAROLS, None, NOW, shortly, hangs);
    assert!(asked.await.is_err());
    assert!(start.elapsed() < FOREIGN_WAIT);
    patience.spend(start);
    assert_ne!(
        patience.need(),
        OTHER,
        "what one server took, no other gets"
    );
    assert!(carols.ask(KEY, NOW, OTHER, dead()).await.is_err());
    assert_eq!(carols.asked(), 0, "it was asked a moment ago");
    carols
        .ask(KEY, NOW, Need::End, Ok(document(NOW)))
        .await
        .unwrap();
    let start = Instant::now();
    let due = NOW + HOUR;
    for _ in 0..3 {
        let known = carols.store.ensure(CAROLS, None, due, OTHER, hangs).await;
        known.unwrap();
    }
    let waited = start.elapsed();
    assert!(waited < 2 * RENEW_WAIT, "by the first alone: {waited:?}");
}

#[tokio::test]
async fn nobody_waits_for_a_renewal_that_somebody_else_asks_for() {
    let carols = Store::default();
    carols
        .ask(KEY, NOW, OTHER, Ok(document(NOW)))
        .await
        .unwrap();
    let due = NOW + HOUR;
    let slow = async || {
        tokio::time::sleep(SECOND).await;
        Ok(document(due))
    };
    let first = carols.store.ensure(CAROLS, None, due, OTHER, slow);
    let start = Instant::now();
    let second = async {
        tokio::task::yield_now().await;
        let known = carols.ask(KEY, due, OTHER, dead()).await;
        (known.unwrap().fetched_ms, start.elapsed())
    };
    let (first, second) = tokio::join!(first, second);
    assert!(second.0 == NOW && second.1 < SECOND, "{second:?}");
    assert_eq!(first.unwrap().fetched_ms, due);
}

#[tokio::test]
async fn a_changed_record_forgets_its_servers_keys_and_asks_for_all_others_anew() {
    let carols = Store::default();
    carols
        .ask(KEY, NOW, OTHER, Ok(document(NOW)))
        .await
        .unwrap();
    carols.asked();
    carols.store.review(|_| true);
    // Away, and what it said before counts.
    carols.ask(KEY, NOW + 1, OTHER, dead()).await.unwrap();
    assert_eq!(carols.asked(), 1);
    carols.store.review(|_| false);
    assert!(carols.ask(KEY, NOW + 2, OTHER, dead()).await.is_err());
}

#[tokio::test]
async fn who_has_no_patience_left_uses_the_old_keys_at_once() {
    let store = Store::default();
    let old = store.ask(KEY, NOW, Need::End, Ok(document(NOW))).await;
    assert!(old.is_ok() && store.asked() == 1);
    let late = NOW + HOUR + 1;
    let spent = Need::Other(Duration::ZERO);
    assert!(store.ask(KEY, late, spent, dead()).await.is_ok());
    assert_eq!(store.asked(), 0);
    let fetch = async || hangs().await;
    let short = Need::Other(Duration::from_millis(20));
    let asked = store.store.ensure(CAROLS, Some(KEY), late, short, fetch);
    let asked = tokio::time::timeout(SECOND, asked).await;
    assert!(matches!(asked, Ok(Ok(_))), "no longer than it may");
}

#[tokio::test]
async fn what_a_gateway_answers_after_its_record_was_changed_counts_no_more() {
    let store = Store::default();
    let fetch = async || {
        store.store.review(|_| false);
        Ok(document(NOW))
    };
    let late = store.store.ensure(CAROLS, Some(KEY), NOW, Need::End, fetch);
    assert_eq!(late.await.map(drop).unwrap_err().rule, KEYS_FAILED);
    let view = store.store.view(&BTreeSet::from([CAROLS.to_owned()]));
    assert!(view.0.is_empty());
    let new = store.ask(KEY, NOW, Need::End, Ok(document(NOW))).await;
    assert!(new.is_ok() && store.asked() == 1);
}
