//! Hidden rooms: a room above a peer's clearance answers as one that never existed (statement MX-9).
//!
//! ```text
//! a peer asks about a room ─> label granted? ───────────────────────────────> asked of our homeserver
//!                          ─> label not granted: hidden ────────────────────> 404, our homeserver is not asked
//!                          ─> label unknown, and lately refused ────────────> 404, our homeserver is not asked
//!                          ─> label unknown ─> our homeserver says 403, 404 ─> 404
//! ```
//!
//! The three 404 are the same bytes, and so are those about a request that is refused before our homeserver sees it, and
//! about an event of a hidden room. Leaves always go to our homeserver: whoever was in a room when its label was raised
//! must get out of it.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use ruma_common::{CanonicalJsonObject, CanonicalJsonValue};

use super::{Active, Gateway};
use crate::exchange::{Exchange, Face, Way};
use crate::refusal::{Blame, Refusal};
use crate::route::Op;

/// The rule of every answer about a room that a peer may not know of.
pub(super) const ROOM_HIDDEN: &str = "protocol.room_hidden";
/// The rule of a room whose version nobody here knows.
const ROOM_UNKNOWN: &str = "protocol.room_version";
/// Rooms that our homeserver refused lately, at most; the oldest go first.
const REFUSED_ROOMS: usize = 10_000;
/// For how long our homeserver is not asked again about a room that it refused to a peer.
const REFUSED_FOR: Duration = Duration::from_secs(60);

/// What a peer may know of the room that its request names.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Sight {
    /// It may know the room, or the request names none.
    Shown,
    /// Nobody here knows the room's label, so that its being there is not shown either.
    Unknown,
    /// The room's label is above the peer's clearance.
    Hidden,
}

/// Rooms that our homeserver refused to a peer, so that the second question takes no longer than one about a hidden room.
#[derive(Debug, Default)]
pub(super) struct RefusedRooms(Mutex<BTreeMap<(String, String), Instant>>);

impl RefusedRooms {
    fn add(&self, peer: &str, room_id: &str, now: Instant) {
        let mut rooms = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if rooms.len() >= REFUSED_ROOMS {
            rooms.retain(|_, at| now.duration_since(*at) < REFUSED_FOR);
        }
        if rooms.len() >= REFUSED_ROOMS {
            let oldest = rooms
                .iter()
                .min_by_key(|(_, at)| **at)
                .map(|(key, _)| key.clone());
            oldest.map(|key| rooms.remove(&key));
        }
        rooms.insert((peer.to_owned(), room_id.to_owned()), now);
    }

    fn holds(&self, peer: &str, room_id: &str, now: Instant) -> bool {
        let rooms = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let key = (peer.to_owned(), room_id.to_owned());
        rooms
            .get(&key)
            .is_some_and(|at| now.duration_since(*at) < REFUSED_FOR)
    }
}

impl Gateway {
    /// What the peer may know of the room in the path. Our own homeserver may know all of them.
    ///
    /// # Errors
    /// [`Refusal`] where journal or policy cannot say now.
    pub(super) fn sight(&self, active: &Active, exchange: &Exchange) -> Result<Sight, Refusal> {
        let names_no_room = matches!(exchange.route.endpoint.op, Op::Event);
        match (exchange.face, exchange.route.room_id()) {
            (Face::Border, Some(room_id)) => self.sight_of(active, exchange, room_id),
            // Which room it is in, its answer tells.
            (Face::Border, None) if names_no_room => Ok(sight_of_unlabelled(active, exchange)),
            (Face::Border, None) if exchange.route.endpoint.op == Op::QueryDirectory => {
                Ok(Sight::Unknown)
            }
            _ => Ok(Sight::Shown),
        }
    }

    fn sight_of(
        &self,
        active: &Active,
        exchange: &Exchange,
        room_id: &str,
    ) -> Result<Sight, Refusal> {
        if !self.knows_room_label(room_id)? {
            // A peer that is in no room of ours asks these, so its questions must tell nothing whatever the link demands.
            return Ok(match asks_as_stranger(exchange) {
                true => Sight::Unknown,
                false => sight_of_unlabelled(active, exchange),
            });
        }
        let granted = match self.known_room(room_id)?.label {
            Some(label) => active.grants(exchange, Way::Answer, &label)?,
            None => true,
        };
        Ok(if granted { Sight::Shown } else { Sight::Hidden })
    }

    /// Refuses the answer to a pull by event id where the event is one of a hidden room.
    ///
    /// # Errors
    /// [`Refusal`]: not found; or where journal or policy cannot say now.
    pub(crate) fn refuse_event_of_hidden_room(
        &self,
        active: &Active,
        exchange: &Exchange,
        way: Way,
        room_id: &str,
    ) -> Result<(), Refusal> {
        let is_pulled = exchange.route.endpoint.op == Op::Event && way == Way::Answer;
        if !is_pulled || exchange.face != Face::Border {
            return Ok(());
        }
        match self.sight_of(active, exchange, room_id)? {
            Sight::Hidden => Err(hidden(
                "the label of the event's room is above the peer's clearance",
            )),
            Sight::Shown | Sight::Unknown => Ok(()),
        }
    }

    /// Refuses an answer that names an event which is denied on its link.
    ///
    /// # Errors
    /// [`Refusal`]: not found; or where the journal cannot say now, or no event is named.
    pub(super) fn refuse_denied_name(
        &self,
        exchange: &Exchange,
        fields: &CanonicalJsonObject,
    ) -> Result<(), Refusal> {
        if exchange.route.endpoint.op != Op::TimestampToEvent {
            return Ok(());
        }
        let Some(CanonicalJsonValue::String(event_id)) = fields.get("event_id") else {
            let detail = "the answer names no event";
            return Err(Refusal::new(
                "protocol.missing_unit",
                Blame::FarSide,
                detail,
            ));
        };
        let denial = self.journal.denial(event_id, &exchange.link(Way::Answer));
        match denial.map_err(crate::collect::broken_journal)? {
            None => Ok(()),
            Some(denial) => Err(hidden(&format!("the event was denied by {}", denial.rule))),
        }
    }

    /// The gateway's own refusal of a request about a room that the peer may not know of, as if there was no such room.
    pub(super) fn hide_own_refusal(
        &self,
        exchange: &Exchange,
        sight: Sight,
        refusal: Refusal,
    ) -> Refusal {
        let tells = matches!(
            refusal.blame,
            Blame::Forbidden | Blame::EncryptedRoom | Blame::Malformed | Blame::NotFound
        );
        let Some(room_id) = exchange.route.room_id().filter(|_| !is_leave(exchange)) else {
            return refusal;
        };
        if sight == Sight::Shown || !tells {
            return refusal;
        }
        // A peer's invitation that policy denies says nothing about the next one.
        if exchange.route.endpoint.op != Op::Invite || refusal.rule == ROOM_UNKNOWN {
            let peer = exchange.peer.zone();
            self.refused_rooms.add(peer, room_id, Instant::now());
        }
        hidden(&format!("refused by {}: {}", refusal.rule, refusal.detail))
    }

    /// Refuses what names a hidden room, or one that our homeserver refused to this peer a moment ago.
    ///
    /// # Errors
    /// [`Refusal`]: not found.
    pub(super) fn refuse_hidden_room(
        &self,
        active: &Active,
        exchange: &Exchange,
        sight: Sight,
    ) -> Result<(), Refusal> {
        let Some(room_id) = exchange.route.room_id().filter(|_| !is_leave(exchange)) else {
            return Ok(());
        };
        let peer = exchange.peer.zone();
        match sight {
            Sight::Hidden => Err(hidden("the room's label is above the peer's clearance")),
            Sight::Unknown
                if exchange.route.endpoint.opens.is_some()
                    && active.demands_labels(&exchange.link(Way::Answer)) =>
            {
                Err(hidden("nobody here knows the room's label"))
            }
            Sight::Unknown if self.refused_rooms.holds(peer, room_id, Instant::now()) => Err(
                hidden("our homeserver refused it to this peer a moment ago"),
            ),
            Sight::Shown | Sight::Unknown => Ok(()),
        }
    }

    /// Our homeserver's refusal about a room that the peer may not know of, as if there was no such room.
    ///
    /// # Errors
    /// [`Refusal`]: not found.
    pub(super) fn hide_refusal(
        &self,
        exchange: &Exchange,
        sight: Sight,
        status: u16,
    ) -> Result<(), Refusal> {
        if sight == Sight::Shown || !matches!(status, 403 | 404) {
            return Ok(());
        }
        // That there is no event near a time says nothing about the next question.
        let says_much = exchange.route.endpoint.op != Op::TimestampToEvent && !is_leave(exchange);
        if let Some(room_id) = exchange.route.room_id().filter(|_| says_much) {
            let peer = exchange.peer.zone();
            self.refused_rooms.add(peer, room_id, Instant::now());
        }
        Err(hidden("our homeserver refused it"))
    }
}

/// Where nobody here knows the room's label: hidden or not is open only where the link demands labels.
fn sight_of_unlabelled(active: &Active, exchange: &Exchange) -> Sight {
    match active.demands_labels(&exchange.link(Way::Answer)) {
        true => Sight::Unknown,
        false => Sight::Shown,
    }
}

/// Operations that are asked about rooms which the asking side is not in.
fn asks_as_stranger(exchange: &Exchange) -> bool {
    let endpoint = exchange.route.endpoint;
    endpoint.opens.is_some() || endpoint.op == Op::TimestampToEvent
}

fn is_leave(exchange: &Exchange) -> bool {
    matches!(exchange.route.endpoint.op, Op::MakeLeave | Op::SendLeave)
}

fn hidden(detail: &str) -> Refusal {
    Refusal::new(ROOM_HIDDEN, Blame::NotFound, detail)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_refused_room_is_forgotten_after_a_while_and_the_oldest_when_there_are_too_many() {
        let rooms = RefusedRooms::default();
        let start = Instant::now();
        rooms.add("low", "!first:high.test", start);
        assert!(rooms.holds("low", "!first:high.test", start));
        assert!(!rooms.holds("other", "!first:high.test", start));
        assert!(!rooms.holds("low", "!first:high.test", start + REFUSED_FOR));
        for index in 1..=REFUSED_ROOMS as u64 {
            let at = start + Duration::from_micros(index);
            rooms.add("low", &format!("!{index}:high.test"), at);
        }
        let later = start + Duration::from_secs(1);
        assert!(!rooms.holds("low", "!first:high.test", later));
        assert!(rooms.holds("low", "!1:high.test", later));
        assert!(rooms.holds("low", &format!("!{REFUSED_ROOMS}:high.test"), later));
    }
}
