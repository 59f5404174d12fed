//! The homeservers' signing keys: our own homeserver's from its federation listener, a peer's from the gateway that
//! vouches for it. Nobody else is ever asked.
//!
//! ```text
//! no document, or it has ended ──> missing: asked for, and without it nothing of its users is verified
//! the second half of its time  ──> due: asked for, and the old one counts where nobody answers
//! the first half               ──> good
//! ```
//!
//! A verified document counts until its `valid_until_ts`, so that a server that is away costs nobody else anything. Whoever
//! needs a server that is at neither end of an exchange waits for it shortly, and not again and again.
//!
//! A key that is unknown makes the document be fetched anew, at most once in [`REFETCH_PAUSE_MS`], so that a forged key id
//! cannot drive traffic.

use std::collections::{BTreeSet, HashMap};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use ruma_common::CanonicalJsonObject;
use sluice_policy::keys::KeyDocument;
use sluice_policy::pdu::Keys;

use crate::links::LINK_CLOSED;
use crate::refusal::Refusal;

/// The rule where a server's keys are not at hand.
pub(crate) const KEYS_FAILED: &str = "gateway.keys";
/// Shortest time between two fetches of one server's keys for an unknown key id.
const REFETCH_PAUSE_MS: i64 = 10_000;
/// How long nobody asks a server for a new document that did not give one, while the old one counts.
const RENEW_PAUSE_MS: i64 = 60_000;
/// How long a server that did not give its keys is not asked by those who can do without.
const MISSING_PAUSE_MS: i64 = 20_000;
/// How long a request waits for a new document while the old one counts.
const RENEW_WAIT: Duration = Duration::from_secs(2);
/// How long one body waits for keys of servers that are at neither end of its exchange, for all of them together: far below
/// the 60 s after which a homeserver gives up.
const FOREIGN_WAIT: Duration = Duration::from_secs(5);

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

    const fn counts(&self, now_ms: i64) -> bool {
        now_ms < self.document.valid_until_ts
    }

    const fn is_fresh(&self, now_ms: i64) -> bool {
        let half_life = (self.document.valid_until_ts - self.fetched_ms) / 2;
        now_ms < self.fetched_ms + half_life
    }

    fn has(&self, key_id: Option<&str>) -> bool {
        let KeyDocument {
            verify_keys,
            old_verify_keys,
            ..
        } = &self.document;
        key_id.is_none_or(|id| verify_keys.contains_key(id) || old_verify_keys.contains_key(id))
    }
}

/// Whose keys are wanted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Need {
    /// Those of an end of the exchange: nothing goes on without them, and whoever speaks is there to be asked.
    End,
    /// Those of anybody else, which are waited for so long.
    Other(Duration),
}

/// How long one body may still wait for keys of servers that are at neither end of its exchange.
#[derive(Debug)]
pub(crate) struct KeyPatience(Duration);

impl Default for KeyPatience {
    fn default() -> Self {
        Self(FOREIGN_WAIT)
    }
}

impl KeyPatience {
    pub(crate) const fn need(&self) -> Need {
        Need::Other(self.0)
    }

    pub(crate) fn spend(&mut self, since: Instant) {
        self.0 = self.0.saturating_sub(since.elapsed());
    }
}

/// What is remembered of one server.
#[derive(Debug, Default)]
struct Entry {
    known: Option<Arc<Known>>,
    /// Whether a new document is asked for although this one is fresh.
    renew: bool,
    /// When it last failed to give its keys.
    failed_ms: Option<i64>,
}

impl Entry {
    fn failed_within(&self, pause_ms: i64, now_ms: i64) -> bool {
        // A clock that was set back must not make the pause longer.
        let since = self.failed_ms.map(|at| now_ms - at);
        since.is_some_and(|since| (0..pause_ms).contains(&since))
    }
}

/// How matters stand with one server.
enum State {
    Good(Arc<Known>),
    Due(Arc<Known>),
    Missing,
    /// Missing, and asked for a moment ago.
    Away,
}

/// The cache.
#[derive(Debug, Default)]
pub struct KeyStore {
    entries: Mutex<HashMap<String, Entry>>,
    /// How often the records behind the keys changed; it changes while `entries` is locked.
    era: AtomicU64,
    fetching: Mutex<HashMap<String, Arc<tokio::sync::Mutex<()>>>>,
}

impl KeyStore {
    /// The document of `server`, fetched by `fetch` where there is none that has `key_id`, or where it is in the second half
    /// of its time; then the old one counts where `fetch` fails.
    ///
    /// # Errors
    /// What `fetch` reports where there is no document that counts; [`KEYS_FAILED`] where it takes too long or failed a
    /// moment ago.
    pub async fn ensure<F>(
        &self,
        server: &str,
        key_id: Option<&str>,
        now_ms: i64,
        need: Need,
        fetch: F,
    ) -> Result<Arc<Known>, Refusal>
    where
        F: AsyncFnOnce() -> Result<Known, Refusal>,
    {
        match (self.state(server, key_id, now_ms, need), need) {
            (State::Good(known), _) => Ok(known),
            (State::Due(old), Need::Other(Duration::ZERO)) => Ok(old),
            (State::Due(old), _) => {
                let wait = match need {
                    Need::End => RENEW_WAIT,
                    Need::Other(wait) => wait.min(RENEW_WAIT),
                };
                let asking = self.renewed(server, now_ms, fetch);
                let renewed = tokio::time::timeout(wait, asking).await;
                if renewed.is_err() {
                    self.note_failure(server, now_ms);
                }
                Ok(renewed.ok().flatten().unwrap_or(old))
            }
            (State::Away, _) => Err(away(server)),
            (State::Missing, Need::Other(wait)) if wait.is_zero() => Err(away(server)),
            (State::Missing, Need::End) => self.fetched(server, key_id, now_ms, need, fetch).await,
            (State::Missing, Need::Other(wait)) => {
                let asking = self.fetched(server, key_id, now_ms, need, fetch);
                let fetched = tokio::time::timeout(wait, asking).await;
                fetched.unwrap_or_else(|_| {
                    self.note_failure(server, now_ms);
                    Err(away(server))
                })
            }
        }
    }

    /// A new document, if nobody else is asking for one.
    async fn renewed<F>(&self, server: &str, now_ms: i64, fetch: F) -> Option<Arc<Known>>
    where
        F: AsyncFnOnce() -> Result<Known, Refusal>,
    {
        let turn = self.turn(server);
        let _one_at_a_time = turn.try_lock().ok()?;
        if let State::Good(known) = self.state(server, None, now_ms, Need::End) {
            return Some(known);
        }
        let era = self.era();
        let fetched = self.keep(server, now_ms, era, fetch().await);
        if let Err(Refusal { rule, detail, .. }) = &fetched
            && rule != LINK_CLOSED
        {
            tracing::warn!(
                server,
                rule,
                detail,
                "keys are not renewed; those that are known count until they end"
            );
        }
        fetched.ok()
    }

    async fn fetched<F>(
        &self,
        server: &str,
        key_id: Option<&str>,
        now_ms: i64,
        need: Need,
        fetch: F,
    ) -> Result<Arc<Known>, Refusal>
    where
        F: AsyncFnOnce() -> Result<Known, Refusal>,
    {
        let turn = self.turn(server);
        let _one_at_a_time = turn.lock().await;
        match self.state(server, key_id, now_ms, need) {
            State::Good(known) | State::Due(known) => Ok(known),
            State::Away => Err(away(server)),
            State::Missing => {
                let era = self.era();
                self.keep(server, now_ms, era, fetch().await)
            }
        }
    }

    fn keep(
        &self,
        server: &str,
        now_ms: i64,
        era: u64,
        fetched: Result<Known, Refusal>,
    ) -> Result<Arc<Known>, Refusal> {
        let known = match fetched {
            Ok(known) => Arc::new(known),
            // Nobody was asked: the link is closed, and may be open at any moment.
            Err(closed) if closed.rule == LINK_CLOSED => return Err(closed),
            Err(refusal) => {
                self.note_failure(server, now_ms);
                return Err(refusal);
            }
        };
        let entry = Entry {
            known: Some(Arc::clone(&known)),
            ..Entry::default()
        };
        let mut entries = self.lock();
        if self.era() != era {
            return Err(Refusal::ourselves(
                KEYS_FAILED,
                format!(
                    "the records changed while {server} was asked for its keys; it is asked again"
                ),
            ));
        }
        entries.insert(server.to_owned(), entry);
        Ok(known)
    }

    fn era(&self) -> u64 {
        self.era.load(Ordering::SeqCst)
    }

    fn note_failure(&self, server: &str, now_ms: i64) {
        let mut entries = self.lock();
        entries.entry(server.to_owned()).or_default().failed_ms = Some(now_ms);
    }

    /// The cached documents of `servers`, for a judgement without I/O.
    #[must_use]
    pub fn view(&self, servers: &BTreeSet<String>) -> KeyView {
        let entries = self.lock();
        let known = |name: &String| {
            let known = entries.get(name)?.known.as_ref()?;
            Some((name.clone(), Arc::clone(known)))
        };
        KeyView(servers.iter().filter_map(known).collect())
    }

    /// After a change of the peer records: forgets the keys that another gateway vouches for now, and asks for all others
    /// anew, which count meanwhile.
    pub fn review(&self, same_source: impl Fn(&str) -> bool) {
        let mut entries = self.lock();
        // What is on its way was asked of the gateways from before.
        self.era.fetch_add(1, Ordering::SeqCst);
        entries.retain(|server, entry| {
            *entry = Entry {
                known: entry.known.take(),
                renew: true,
                failed_ms: None,
            };
            same_source(server)
        });
    }

    /// One fetch a server at a time; a server that does not answer keeps nobody waiting for another. Only names that stand
    /// in configuration or peer records come this far, so the tables are bounded by them.
    fn turn(&self, server: &str) -> Arc<tokio::sync::Mutex<()>> {
        let mut turns = self.fetching.lock().unwrap_or_else(PoisonError::into_inner);
        Arc::clone(turns.entry(server.to_owned()).or_default())
    }

    fn state(&self, server: &str, key_id: Option<&str>, now_ms: i64, need: Need) -> State {
        let entries = self.lock();
        let Some(entry) = entries.get(server) else {
            return State::Missing;
        };
        let known = entry.known.as_ref().filter(|known| known.counts(now_ms));
        // An unknown key that was asked for a moment ago is none of that server's.
        let known = known.filter(|known| {
            known.has(key_id) || now_ms < known.fetched_ms.saturating_add(REFETCH_PAUSE_MS)
        });
        match known {
            None if need != Need::End && entry.failed_within(MISSING_PAUSE_MS, now_ms) => {
                State::Away
            }
            None => State::Missing,
            Some(known) if known.is_fresh(now_ms) && !entry.renew => State::Good(Arc::clone(known)),
            Some(known) if entry.failed_within(RENEW_PAUSE_MS, now_ms) => {
                State::Good(Arc::clone(known))
            }
            Some(known) => State::Due(Arc::clone(known)),
        }
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, HashMap<String, Entry>> {
        // A panic while holding the lock cannot leave a half-written map: every write is one insert.
        self.entries.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn away(server: &str) -> Refusal {
    Refusal::ourselves(
        KEYS_FAILED,
        format!("the keys of {server} are not at hand; its gateway does not give them"),
    )
}

/// The keys that one judgement may use.
#[derive(Debug, Default, Clone)]
pub struct KeyView(HashMap<String, Arc<Known>>);

impl Keys for KeyView {
    fn verify_key(&self, server: &str, key_id: &str, at_ms: i64) -> Option<[u8; 32]> {
        self.0.get(server)?.document.event_key(key_id, at_ms)
    }
}

#[cfg(test)]
mod tests;
