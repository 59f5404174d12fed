//! Holding for people: an event that policy wants looked at crosses in its redacted form at once, so that its room lives
//! on, and its content waits here. A reviewer reads it and releases or rejects it.
//!
//! ```text
//! judge ─ Candidate ─▶ record: keep (vault) ─▶ audit `held` ─▶ the redacted form leaves
//!                                                  │
//!   sluice hold show | release | reject ─ desk ────┴─▶ audit `hold` ─▶ key destroyed
//!                              │ release
//!                              ▼
//!                           ticket: the same, sent again, passes once ─▶ audit `hold`, act `spent` ─▶ it leaves whole
//! ```
//!
//! Which items exist is said by the audit log, and the journal is its view; here is only the content, each item under a
//! key of its own. Whatever ends an item - release, rejection, expiry - is audited first and destroys the key then; what a
//! crash leaves between the two is destroyed at the next start.
//!
//! A ticket is bound to sender, room, link and likeness ([`sluice_policy::likeness`]). It waives the rule that held the
//! event and the findings that the reviewer was shown; all else is judged as always. It is spent with the audit line of the
//! event that crosses by it, and that event alone goes on to be shown to whoever pulls it.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use sha2::{Digest, Sha256};
use sluice_policy::json;
use sluice_policy::likeness::likeness;
use sluice_policy::pdu::Pdu;
use zeroize::Zeroizing;

use crate::audit::entry::{Entry, HeldEntry, HoldAct, HoldEntry};
use crate::audit::text_hex;
use crate::journal::{HeldItem, Journal, JournalError, Ticket};

pub mod cli;
mod desk;
#[cfg(test)]
mod tests;
mod vault;

pub use desk::HoldAsk;
pub(crate) use desk::names_user;
use vault::Vault;

/// Items that wait at most.
pub const ITEMS: usize = 10_000;
/// Bytes of events that wait at most.
pub const BYTES: u64 = 256 * 1024 * 1024;
/// Items of one link that wait at most.
pub const LINK_ITEMS: usize = 5_000;
/// Items of one sender that wait at most on a link.
pub const SENDER_ITEMS: usize = 100;

/// Reason of an event's line: its content waits.
pub const HELD: &str = "held";
/// Nothing waits: as much waits as may.
pub const HOLD_FULL: &str = "hold_full";
/// Nothing waits: the disk did not take it.
pub const HOLD_FAILED: &str = "hold_failed";
/// Nothing waits: what enters is not reviewed here.
pub const HOLD_INBOUND: &str = "hold_inbound";
/// Nothing waits: state cannot be sent again as it was.
pub const HOLD_STATE: &str = "hold_state";
/// Nothing waits: nobody here can read ciphertext.
pub const HOLD_ENCRYPTED: &str = "hold_encrypted";
/// Nothing waits: relation, mentions or label have not the shape that a second sending could be compared in.
pub const HOLD_SHAPE: &str = "hold_shape";
/// Nothing waits: more findings than a reviewer can be shown.
pub const HOLD_FINDINGS: &str = "hold_findings";
/// Nothing waits: the body that carried it was refused.
pub const HOLD_REFUSED: &str = "hold_refused";

const BROKE_OFF: &str = "work on it broke off by a defect of the gateway's own; please report this";
/// Bytes of an item's id, of which it is the hexadecimal form.
const ITEM_BYTES: usize = 8;

/// An event that a reviewer should see, on its way from `judge` to `record`.
#[derive(Debug)]
pub struct Candidate {
    /// Place of the event's line among the entries of the judgement.
    pub entry: usize,
    /// Its line, where it can be kept; `until` is not set yet.
    pub line: HeldEntry,
    /// The event.
    pub content: Zeroizing<Vec<u8>>,
}

/// The held content of a gateway, and who is using a ticket.
#[derive(Debug)]
pub struct Holds {
    vault: Vault,
    kept: Mutex<BTreeMap<String, Slot>>,
    in_use: Arc<Mutex<InUse>>,
    /// What could not be destroyed, and is tried again. Locked while an item of it is destroyed or replaced, so that what
    /// replaces it is not destroyed.
    undestroyed: Mutex<BTreeSet<String>>,
}

/// Tickets in the hands of judgements: by item, the event that each is for and how many judge it now.
type InUse = BTreeMap<String, (String, usize)>;

/// Whose room an item takes.
#[derive(Clone, Debug)]
struct Slot {
    link: String,
    sender: String,
    bytes: u64,
    /// How many requests brought it: what one of them could not record another one may have.
    brought: usize,
}

/// A ticket in the hands of the judgement of one event: until this is dropped, no other event finds it. The same event may be
/// judged for several homeservers at once, and is one event.
#[derive(Debug)]
pub struct Presented {
    /// The ticket.
    pub ticket: Ticket,
    in_use: Option<Arc<Mutex<InUse>>>,
}

impl Drop for Presented {
    fn drop(&mut self) {
        let Some(in_use) = &self.in_use else { return };
        let mut in_use = lock(in_use);
        if let Some((_, users)) = in_use.get_mut(&self.ticket.item) {
            *users -= 1;
            if *users == 0 {
                in_use.remove(&self.ticket.item);
            }
        }
    }
}

/// Tickets whose spending is being recorded. Where nobody says how that ended, the log may have it and the journal not: then no
/// other event finds them again before the next start, which fills the journal from the log. No more are kept so than there are
/// tickets ([`crate::journal::TICKETS`]).
#[derive(Debug)]
pub(crate) struct Spending(Vec<Presented>);

impl Spending {
    /// It begins.
    pub(crate) const fn of(presented: Vec<Presented>) -> Self {
        Self(presented)
    }

    /// It has ended: the journal says what the log says.
    pub(crate) fn over(mut self) {
        self.0.clear();
    }
}

impl Drop for Spending {
    fn drop(&mut self) {
        // Whoever does not say that he is done with a ticket has it for good.
        let tickets = self.0.iter_mut();
        tickets.for_each(|presented| presented.in_use = None);
    }
}

/// Items that a request has kept and that are being recorded. Where nobody says how that ended, they leave their places to
/// others, and their content to the next start, which sees whether the log has them.
#[derive(Debug)]
pub(crate) struct Sealed {
    holds: Arc<Holds>,
    items: Vec<String>,
}

impl Sealed {
    /// None yet.
    pub(crate) const fn none(holds: Arc<Holds>) -> Self {
        let items = Vec::new();
        Self { holds, items }
    }

    /// Whether there are none.
    pub(crate) const fn is_empty(&self) -> bool {
        self.items.is_empty()
    }

    /// Keeps what should wait until a moment, in milliseconds since 1970; the line of what does, or why it does not. Blocks
    /// for the disk.
    pub(crate) fn keep(
        &mut self,
        candidates: Vec<Candidate>,
        until: i64,
    ) -> Vec<(usize, Result<HeldEntry, &'static str>)> {
        let holds = Arc::clone(&self.holds);
        let mut kept = lock(&holds.kept);
        let mut one = |candidate: Candidate| {
            let line = holds.keep_one(&mut kept, candidate, until)?;
            self.items.push(line.item.to_string());
            Ok(line)
        };
        candidates
            .into_iter()
            .map(|candidate| (candidate.entry, one(candidate)))
            .collect()
    }

    /// The log has them.
    pub(crate) fn recorded(mut self) {
        self.items.clear();
    }

    /// It does not: destroys those that no other request has brought too. Blocks for the disk.
    pub(crate) fn give_back(mut self) {
        for item in std::mem::take(&mut self.items) {
            self.holds.give_back(&item);
        }
    }
}

impl Drop for Sealed {
    fn drop(&mut self) {
        // Most requests have none, and need not wait for those that have.
        if self.items.is_empty() {
            return;
        }
        let mut kept = lock(&self.holds.kept);
        for item in &self.items {
            let _nobody_has_it = leave(&mut kept, item);
        }
    }
}

impl Holds {
    /// Opens the folder.
    ///
    /// # Errors
    /// A sentence with the remedy.
    pub fn open(folder: &Path, journal: &Journal) -> Result<Self, String> {
        let failed = |error: std::io::Error| {
            let place = folder.display();
            format!("held content {place}: {error}; make the folder writable for this user alone")
        };
        let vault = Vault::open(folder).map_err(failed)?;
        let items = journal.held_after(0, ITEMS.saturating_mul(2));
        let kept = items.map_err(|error| error.to_string())?;
        let kept = kept.into_iter().map(|item| {
            let slot = Slot {
                link: item.link,
                sender: item.sender,
                bytes: item.bytes,
                brought: 1,
            };
            (item.item, slot)
        });
        Ok(Self {
            vault,
            kept: Mutex::new(kept.collect()),
            in_use: Arc::default(),
            undestroyed: Mutex::default(),
        })
    }

    fn keep_one(
        &self,
        kept: &mut BTreeMap<String, Slot>,
        candidate: Candidate,
        until: i64,
    ) -> Result<HeldEntry, &'static str> {
        let line = HeldEntry {
            until,
            ..candidate.line
        };
        // The same event in two requests at once: one file, and the second line changes nothing.
        if let Some(slot) = kept.get_mut(line.item.as_str()) {
            slot.brought += 1;
            return Ok(line);
        }
        let slot = Slot {
            link: line.link.to_string(),
            sender: line.sender.to_string(),
            bytes: line.bytes,
            brought: 1,
        };
        if !has_room(kept, &slot) {
            return Err(HOLD_FULL);
        }
        if let Err(error) = self.seal(&line.item, &candidate.content) {
            tracing::error!(%error, "an event that should be reviewed could not be kept");
            return Err(HOLD_FAILED);
        }
        kept.insert(line.item.to_string(), slot);
        Ok(line)
    }

    /// Seals content. Blocks for the disk. Whoever seals an item sees to it that nobody ends the same one meanwhile.
    pub(crate) fn seal(&self, item: &str, content: &[u8]) -> std::io::Result<()> {
        let mut left = lock(&self.undestroyed);
        if !left.contains(item) {
            drop(left);
            return self.vault.keep(item, content);
        }
        self.vault.keep(item, content)?;
        left.remove(item);
        Ok(())
    }

    /// The content of an item; `None` where it is gone.
    pub(crate) fn read(&self, item: &str) -> std::io::Result<Option<Zeroizing<Vec<u8>>>> {
        self.vault.read(item)
    }

    /// A request could not record what it kept: destroys it where no other request has brought it too.
    fn give_back(&self, item: &str) {
        let mut kept = lock(&self.kept);
        if leave(&mut kept, item) {
            // Nobody brings it again before this is done.
            let _later = self.end(item);
        }
    }

    /// Destroys the key of an item, and what is left of it.
    ///
    /// # Errors
    /// The disk's: [`Holds::destroy_left`] tries it again.
    pub(crate) fn destroy(&self, item: &str) -> std::io::Result<()> {
        let mut kept = lock(&self.kept);
        kept.remove(item);
        // Nobody brings it again before this is done.
        self.end(item)
    }

    /// As [`Holds::destroy`], where nobody waits for it.
    pub(crate) fn destroy_soon(&self, item: &str) {
        // It is logged, and tried again.
        let _later = self.destroy(item);
    }

    fn end(&self, item: &str) -> std::io::Result<()> {
        let mut left = lock(&self.undestroyed);
        // First, so that it is tried again also where this breaks off.
        left.insert(item.to_owned());
        let destroyed = self.vault.destroy(item);
        match &destroyed {
            Ok(()) => drop(left.remove(item)),
            Err(error) => tell_undestroyed(item, error),
        }
        destroyed
    }

    /// Tries again what could not be destroyed. Blocks for the disk; costs nothing where there is nothing.
    pub(crate) fn destroy_left(&self) {
        let items = lock(&self.undestroyed).clone();
        for item in items {
            let mut left = lock(&self.undestroyed);
            // Replaced meanwhile, it stays.
            if !left.contains(&item) {
                continue;
            }
            match self.vault.destroy(&item) {
                Ok(()) => drop(left.remove(&item)),
                Err(error) => tell_undestroyed(&item, &error),
            }
        }
    }

    /// How many items wait.
    #[must_use]
    pub fn waiting(&self) -> usize {
        lock(&self.kept).len()
    }

    /// At the start: destroys what no line of the log knows, and gives the lines of what the log knows and the disk has not.
    ///
    /// # Errors
    /// [`JournalError`], or that the folder cannot be read.
    pub fn settle(&self, journal: &Journal) -> Result<Vec<Entry>, String> {
        let broken = |error: JournalError| error.to_string();
        let items = self
            .vault
            .items()
            .map_err(|error| format!("the held content cannot be listed: {error}"))?;
        for item in items {
            let held = journal.held(&item).map_err(broken)?.is_some();
            if !held && !journal.has_wait(&item).map_err(broken)? {
                tracing::warn!(
                    item,
                    "held content without a line in the audit log is destroyed"
                );
                self.destroy_soon(&item);
            }
        }
        let mut lost = Vec::new();
        for item in journal.held_after(0, usize::MAX).map_err(broken)? {
            let has = self.vault.has(&item.item);
            if !has.map_err(|error| format!("the held content cannot be looked at: {error}"))? {
                lost.push(acted(&item, HoldAct::Lost));
            }
        }
        Ok(lost)
    }

    /// The ticket by which an event crossed before, else one that is open for it.
    ///
    /// # Errors
    /// [`JournalError`]: not the same as "there is none".
    pub fn present(
        &self,
        journal: &Journal,
        link: &str,
        pdu: &Pdu,
        now_ms: i64,
    ) -> Result<Option<Presented>, JournalError> {
        if !journal.has_tickets(link)? {
            return Ok(None);
        }
        if let Some(ticket) = journal.ticket_of(pdu.event_id(), link)? {
            // The same event with a content that its hash vouches for: nothing need be compared, and nobody kept from it.
            return Ok(Some(Presented {
                ticket,
                in_use: None,
            }));
        }
        let place = (link, pdu.room_id(), pdu.sender());
        let open = journal.open_tickets(place, now_ms)?;
        if open.is_empty() {
            return Ok(None);
        }
        let Some(like) = self.likeness(pdu) else {
            return Ok(None);
        };
        let fits = |ticket: &Ticket| ticket.likeness == like;
        for ticket in open.into_iter().filter(fits) {
            if let Some(presented) = self.take(journal, place, pdu.event_id(), ticket, now_ms)? {
                return Ok(Some(presented));
            }
        }
        Ok(None)
    }

    /// A ticket that the judgement of another event holds, or that was spent meanwhile, is none.
    fn take(
        &self,
        journal: &Journal,
        place: (&str, &str, &str),
        event_id: &str,
        ticket: Ticket,
        now_ms: i64,
    ) -> Result<Option<Presented>, JournalError> {
        let mut in_use = lock(&self.in_use);
        let user = in_use.entry(ticket.item.clone());
        let (used_for, users) = user.or_insert_with(|| (event_id.to_owned(), 0));
        if used_for != event_id {
            return Ok(None);
        }
        *users += 1;
        drop(in_use);
        let presented = Presented {
            ticket,
            in_use: Some(Arc::clone(&self.in_use)),
        };
        if journal
            .open_tickets(place, now_ms)?
            .contains(&presented.ticket)
        {
            return Ok(Some(presented));
        }
        // Spent meanwhile: for this event, or for another one.
        let spent = journal.ticket_of(event_id, place.0)?;
        let ours = spent.filter(|spent| spent.item == presented.ticket.item);
        Ok(ours.map(|ticket| Presented {
            ticket,
            in_use: None,
        }))
    }

    /// The keyed hash of what an event says; `None` where nothing can be compared with it.
    pub(crate) fn likeness(&self, pdu: &Pdu) -> Option<String> {
        let hash = likeness(pdu.kind(), pdu.content())?;
        Some(self.vault.blind(&hash))
    }

    /// The keyed hash of what a held event said.
    pub(crate) fn likeness_of(&self, content: &[u8]) -> Option<String> {
        let Ok(json::Tree::Object(event)) = json::parse(content, &json::Limits::PDU) else {
            return None;
        };
        let kind = event.get("type")?.as_str()?;
        let json::Tree::Object(said) = event.get("content")? else {
            return None;
        };
        Some(self.vault.blind(&likeness(kind, said)?))
    }
}

/// Work on the disk, on a thread that may wait for it. What a defect says of itself may hold anything, and is told to nobody.
pub(crate) async fn on_disk<T: Send + 'static>(
    work: impl FnOnce() -> std::io::Result<T> + Send + 'static,
) -> std::io::Result<T> {
    let done = tokio::task::spawn_blocking(work).await;
    done.unwrap_or_else(|_| Err(std::io::Error::other(BROKE_OFF)))
}

/// The id of what is held of an event on a link.
#[must_use]
pub fn item_of(link: &str, event_id: &str) -> String {
    let hash = Sha256::digest(format!("{link}\0{event_id}"));
    text_hex(&hash[..ITEM_BYTES])
}

/// Whether a text can be an item's id, and so part of a path.
#[must_use]
pub fn is_item(text: &str) -> bool {
    let hex = |byte: u8| byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte);
    text.len() == 2 * ITEM_BYTES && text.bytes().all(hex)
}

/// The line of what became of an item.
fn acted(item: &HeldItem, act: HoldAct) -> Entry {
    Entry::Hold(HoldEntry {
        item: item.item.as_str().into(),
        act,
        link: Some(item.link.as_str().into()),
        room_id: Some(item.room_id.as_str().into()),
        event_id: Some(item.event_id.as_str().into()),
        ..HoldEntry::default()
    })
}

fn tell_undestroyed(item: &str, error: &std::io::Error) {
    tracing::error!(item, %error, "held content could not be destroyed; it is tried again");
}

/// Takes back that one request has brought an item; whether no other has.
fn leave(kept: &mut BTreeMap<String, Slot>, item: &str) -> bool {
    let Some(slot) = kept.get_mut(item) else {
        return false;
    };
    slot.brought -= 1;
    let nobody = slot.brought == 0;
    if nobody {
        kept.remove(item);
    }
    nobody
}

fn has_room(kept: &BTreeMap<String, Slot>, new: &Slot) -> bool {
    let bytes: u64 = kept.values().map(|slot| slot.bytes).sum();
    let on_link = || kept.values().filter(|slot| slot.link == new.link);
    let of_sender = on_link().filter(|slot| slot.sender == new.sender).count();
    kept.len() < ITEMS
        && bytes.saturating_add(new.bytes) <= BYTES
        && on_link().count() < LINK_ITEMS
        && of_sender < SENDER_ITEMS
}

fn lock<T>(shared: &Mutex<T>) -> MutexGuard<'_, T> {
    shared.lock().unwrap_or_else(PoisonError::into_inner)
}
