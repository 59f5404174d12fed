//! The homeservers' signing keys: our own homeserver's from its federation listener, a peer's from the gateway that
//! vouches for it. Nobody else is ever asked.
//!
//! Documents are kept in memory for half of their validity; a key that is unknown makes the document be fetched anew,
//! at most once in [`REFETCH_PAUSE_MS`], so that a forged key id cannot drive traffic.

use std::collections::{BTreeSet, HashMap};
use std::sync::{Arc, Mutex, PoisonError};

use ruma_common::CanonicalJsonObject;
use sluice_policy::keys::KeyDocument;
use sluice_policy::pdu::Keys;

use crate::refusal::Refusal;

/// Shortest time between two fetches of one server's keys for an unknown key id.
const REFETCH_PAUSE_MS: i64 = 10_000;

/// A verified key document.
#[derive(Debug, Clone)]
pub struct Known {
    /// The keys.
    pub document: KeyDocument,
    /// The document as its homeserver signed it, for our own homeserver's answer to peers.
    pub signed: CanonicalJsonObject,
    fetched_ms: i64,
}

impl Known {
    /// A document that was verified at `now_ms`.
    #[must_use]
    pub const fn new(document: KeyDocument, signed: CanonicalJsonObject, now_ms: i64) -> Self {
        Self {
            document,
            signed,
            fetched_ms: now_ms,
        }
    }

    fn is_fresh(&self, now_ms: i64) -> bool {
        let half_life = (self.document.valid_until_ts - self.fetched_ms) / 2;
        now_ms < self.fetched_ms + half_life
    }
}

/// The cache.
#[derive(Debug, Default)]
pub struct KeyStore {
    known: Mutex<HashMap<String, Arc<Known>>>,
    fetching: Mutex<HashMap<String, Arc<tokio::sync::Mutex<()>>>>,
}

impl KeyStore {
    /// The document of `server`, fetched by `fetch` if there is no fresh one that has `key_id`.
    ///
    /// # Errors
    /// What `fetch` reports; a stale document is never used instead.
    pub async fn ensure<F>(
        &self,
        server: &str,
        key_id: Option<&str>,
        now_ms: i64,
        fetch: F,
    ) -> Result<Arc<Known>, Refusal>
    where
        F: AsyncFnOnce() -> Result<Known, Refusal>,
    {
        if let Some(known) = self.usable(server, key_id, now_ms) {
            return Ok(known);
        }
        let turn = self.turn(server);
        let _one_at_a_time = turn.lock().await;
        if let Some(known) = self.usable(server, key_id, now_ms) {
            return Ok(known);
        }
        let known = Arc::new(fetch().await?);
        self.lock().insert(server.to_owned(), Arc::clone(&known));
        Ok(known)
    }

    /// The cached documents of `servers`, for a judgement without I/O.
    #[must_use]
    pub fn view(&self, servers: &BTreeSet<String>) -> KeyView {
        let known = self.lock();
        KeyView(
            servers
                .iter()
                .filter_map(|name| Some((name.clone(), Arc::clone(known.get(name)?))))
                .collect(),
        )
    }

    /// Forgets everything, as after a change of the peer records.
    pub fn clear(&self) {
        self.lock().clear();
    }

    /// One fetch a server at a time; a server that does not answer keeps nobody waiting for another. Only names that stand
    /// in configuration or peer records come this far, so the table is bounded by them.
    fn turn(&self, server: &str) -> Arc<tokio::sync::Mutex<()>> {
        let mut turns = self.fetching.lock().unwrap_or_else(PoisonError::into_inner);
        Arc::clone(turns.entry(server.to_owned()).or_default())
    }

    fn usable(&self, server: &str, key_id: Option<&str>, now_ms: i64) -> Option<Arc<Known>> {
        let known = Arc::clone(self.lock().get(server)?);
        let has_key = key_id.is_none_or(|id| {
            known.document.verify_keys.contains_key(id)
                || known.document.old_verify_keys.contains_key(id)
        });
        let too_soon = now_ms < known.fetched_ms + REFETCH_PAUSE_MS;
        (known.is_fresh(now_ms) && (has_key || too_soon)).then_some(known)
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, HashMap<String, Arc<Known>>> {
        // A panic while holding the lock cannot leave a half-written map: every write is one insert.
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The keys that one judgement may use.
#[derive(Debug, Default, Clone)]
pub struct KeyView(HashMap<String, Arc<Known>>);

impl Keys for KeyView {
    fn verify_key(&self, server: &str, key_id: &str, at_ms: i64) -> Option<[u8; 32]> {
        self.0.get(server)?.document.event_key(key_id, at_ms)
    }
}
