//! What an operator tells the running gateway about links and rooms. Closing a link counts first and is recorded then, so
//! that a full disk does not keep it open; all else is recorded first. What the audit log has is done: it holds after the next
//! start, and until the journal has taken it over nothing crosses.

use std::collections::BTreeSet;
use std::sync::Arc;

use sluice_policy::ids::is_room_id;
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

use super::{Active, Gateway, renamed};
use crate::admin::{AdminAnswer, LinkState, Operator, RoomState};
use crate::audit::AuditError;
use crate::audit::entry::{ClosedEntry, Entry, LinkEntry, Text};
use crate::journal::{ClosedRoom, JournalError};

/// Rooms in one answer; a link narrows the list down.
pub const ROOMS_LISTED: u32 = 5000;
/// The rule of a room that was closed by hand.
const BY_HAND: &str = "operator";
const UNCHANGED: &str = "nothing was changed";

type Answered = Result<AdminAnswer, AdminAnswer>;

impl Gateway {
    /// Closes what operators closed before the start, for [`Gateway::record_closed`].
    ///
    /// # Errors
    /// [`JournalError`]: then nothing may start.
    pub fn restore_links(&self) -> Result<Vec<Entry>, JournalError> {
        let closed = self.journal.closed_links()?;
        for closed in &closed {
            tracing::warn!(
                peer = closed.peer,
                operator = closed.operator,
                "link closed"
            );
        }
        Ok(Self::close_again(&self.active(), &closed))
    }

    /// Every link, open or closed.
    pub fn list_links(&self) -> AdminAnswer {
        let active = self.active();
        let closed = match self.closed_by_now() {
            Ok(closed) => closed,
            Err(error) => return AdminAnswer::refused(error.to_string(), Vec::new()),
        };
        let states = self.peers_known(&active).into_iter().flat_map(|peer| {
            let open = !active.links.gate(&peer).is_closed();
            let by = closed.iter().find(|closed| !open && closed.peer == peer);
            both(&active.config.zone, &peer).map(|link| LinkState {
                link,
                peer: peer.clone(),
                open,
                since: by.and_then(|by| rfc3339(by.since)),
                operator: by.map(|by| by.operator.clone()),
                reason: by.and_then(|by| by.reason.clone()),
            })
        });
        let states: Vec<LinkState> = states.collect();
        AdminAnswer {
            links: Some(states.clone()),
            ..AdminAnswer::done(format!("{} links", states.len()))
        }
    }

    /// Closes or opens the links with a peer, or with all.
    pub async fn set_links(
        self: &Arc<Self>,
        operator: &Operator,
        link: Option<&str>,
        open: bool,
        reason: Option<&str>,
    ) -> AdminAnswer {
        let done = self.try_set_links(operator, link, open, reason).await;
        done.unwrap_or_else(|refused| refused)
    }

    async fn try_set_links(
        self: &Arc<Self>,
        operator: &Operator,
        link: Option<&str>,
        open: bool,
        reason: Option<&str>,
    ) -> Answered {
        let active = self.active();
        let reason = bounded(reason)?;
        let peers: Vec<String> = match link {
            Some(link) => vec![self.peer_of(&active, link)?.0],
            None => self.peers_known(&active).into_iter().collect(),
        };
        let close = || peers.iter().for_each(|peer| shut(&active, peer));
        // At once, whoever else is at it; and again when it is our turn, because he may have opened it meanwhile.
        if !open {
            close();
        }
        let _turn = self.links_turn.lock().await;
        if !open {
            close();
        }
        let lines = self.link_lines(&active, &peers, open, (operator, reason.as_ref()));
        let recorded = match lines.is_empty() {
            true => Ok(()),
            false => {
                let entries = lines.iter().cloned().map(Entry::Link);
                self.audit.note(entries.collect()).await
            }
        };
        let word = if open { "open" } else { "closed" };
        if open {
            recorded.map_err(|error| unrecorded("nothing was opened", &error))?;
            tracing::warn!(?peers, operator = operator.name, word, "links set");
            self.forget_closed(&lines);
            self.open_gates(&active, &peers);
        } else {
            tracing::warn!(?peers, operator = operator.name, word, "links set");
            self.forget_closed(&lines);
            if recorded.is_err() {
                let closed = lines.iter().map(renamed::as_closed);
                self.unrecorded().extend(closed);
            }
            self.close_renamed(&lines).await;
            recorded.map_err(|error| {
                let message = format!(
                    "closed, until the next start at least, because it could not be recorded: {error}; mend that and \
                     close it again"
                );
                AdminAnswer::refused(message, Vec::new())
            })?;
        }
        Ok(AdminAnswer::done(format!("{word}: {}", peers.join(", "))))
    }

    /// What is recorded of peers that are closed or opened.
    fn link_lines(
        &self,
        active: &Active,
        peers: &[String],
        open: bool,
        (operator, reason): (&Operator, Option<&Text>),
    ) -> Vec<LinkEntry> {
        // What cannot be read now was read at the start, and nothing less is recorded than the peer of today.
        let before = self.closed_by_now().unwrap_or_default();
        let line = |peer: &String| LinkEntry {
            peer: peer.as_str().into(),
            open,
            operator: operator.name.as_str().into(),
            reason: reason.cloned(),
            known_as: match open {
                true => renamed::opened_as(active, peer),
                false => renamed::closed_as(active, peer, &before),
            },
        };
        peers.iter().map(line).collect()
    }

    /// Lets requests begin again, and wakes the homeservers that have backed off: none has from a link that was open.
    fn open_gates(self: &Arc<Self>, active: &Active, peers: &[String]) {
        for peer in peers {
            let gate = active.links.gate(peer);
            let was_closed = gate.is_closed();
            gate.open();
            if was_closed {
                tokio::spawn(Arc::clone(self).wake(peer.clone()));
            }
        }
    }

    /// The closed rooms.
    pub fn list_rooms(&self, link: Option<&str>) -> AdminAnswer {
        self.try_list_rooms(link).unwrap_or_else(|refused| refused)
    }

    fn try_list_rooms(&self, link: Option<&str>) -> Answered {
        let active = self.active();
        let wanted = link.map(|link| self.links_of(&active, link)).transpose()?;
        let closed = self.journal.closed_rooms(ROOMS_LISTED);
        let closed = closed.map_err(|error| AdminAnswer::refused(error.to_string(), Vec::new()))?;
        let cut = closed.len() == ROOMS_LISTED as usize;
        let rooms: Vec<RoomState> = closed
            .into_iter()
            .filter(|room| {
                wanted
                    .as_ref()
                    .is_none_or(|wanted| wanted.contains(&room.link))
            })
            .map(state)
            .collect();
        let message = match cut {
            true => format!(
                "{} closed rooms among the first {ROOMS_LISTED}; `sluice audit show` has all lines of kind closed",
                rooms.len()
            ),
            false => format!("{} closed rooms", rooms.len()),
        };
        Ok(AdminAnswer {
            rooms: Some(rooms),
            ..AdminAnswer::done(message)
        })
    }

    /// Closes or opens a room on a link, or on both with a peer.
    pub async fn set_room(
        &self,
        operator: &Operator,
        (room_id, link): (&str, &str),
        open: bool,
        reason: Option<&str>,
    ) -> AdminAnswer {
        let done = self.try_set_room(operator, (room_id, link), open, reason);
        done.await.unwrap_or_else(|refused| refused)
    }

    async fn try_set_room(
        &self,
        operator: &Operator,
        (room_id, link): (&str, &str),
        open: bool,
        reason: Option<&str>,
    ) -> Answered {
        let active = self.active();
        let reason = bounded(reason)?;
        if !is_room_id(room_id) {
            let message = "this is not a room id; write one such as '!id:high.example'";
            return Err(AdminAnswer::refused(message, Vec::new()));
        }
        let mut links = self.links_of(&active, link)?;
        if open {
            let known = self.audit.caught_up().await;
            known.map_err(|error| {
                AdminAnswer::refused(format!("{UNCHANGED}: {error}"), Vec::new())
            })?;
            let mut closed = BTreeSet::new();
            for link in &links {
                let found = self.journal.closed(link, room_id);
                let found =
                    found.map_err(|error| AdminAnswer::refused(error.to_string(), Vec::new()))?;
                closed.extend(found.map(|_| link.clone()));
            }
            links.retain(|link| closed.contains(link));
        }
        if links.is_empty() {
            let message = "the room is not closed there; `sluice room list` tells where it is";
            return Err(AdminAnswer::refused(message, Vec::new()));
        }
        let lines = links.iter().map(|link| {
            Entry::Closed(ClosedEntry {
                link: link.as_str().into(),
                room_id: room_id.into(),
                rule: BY_HAND.into(),
                open,
                operator: Some(operator.name.as_str().into()),
                reason: reason.clone(),
            })
        });
        let recorded = self.audit.note(lines.collect()).await;
        recorded.map_err(|error| unrecorded(UNCHANGED, &error))?;
        let word = if open { "open" } else { "closed" };
        tracing::warn!(room_id, ?links, operator = operator.name, word, "room set");
        Ok(AdminAnswer::done(format!(
            "{word}: {room_id} on {}",
            links.join(", ")
        )))
    }

    /// The peers of the records, and those whose links are closed though their record is gone.
    fn peers_known(&self, active: &Active) -> BTreeSet<String> {
        let closed = self.closed_by_now().unwrap_or_default();
        let recorded = active.peers.iter().map(|peer| peer.zone().to_owned());
        recorded
            .chain(closed.into_iter().map(|closed| closed.peer))
            .collect()
    }

    /// The links that a text names: one, or both with a peer.
    fn links_of(&self, active: &Active, text: &str) -> Result<Vec<String>, AdminAnswer> {
        let (peer, one) = self.peer_of(active, text)?;
        Ok(match one {
            true => vec![text.to_owned()],
            false => both(&active.config.zone, &peer).to_vec(),
        })
    }

    /// The peer that a text names by its zone or by a link, and whether by a link.
    fn peer_of(&self, active: &Active, text: &str) -> Result<(String, bool), AdminAnswer> {
        let ours = active.config.zone.as_str();
        let zone = match text.split_once("->") {
            Some((from, to)) if from == ours => to,
            Some((from, to)) if to == ours => from,
            _ => text,
        };
        let known = self.peers_known(active);
        if known.contains(zone) {
            return Ok((zone.to_owned(), zone != text));
        }
        let message = format!("{text:?} is no link of this gateway; name a peer's zone or a link");
        let links = known.iter().flat_map(|peer| both(ours, peer)).collect();
        Err(AdminAnswer::refused(message, links))
    }
}

/// Closes the gate, and ends the connections to the peer that nobody uses.
fn shut(active: &Active, peer: &str) {
    active.links.gate(peer).close();
    if let Some(client) = active.clients.get(peer) {
        client.forget_idle();
    }
}

/// The two links with a peer.
pub(super) fn both(ours: &str, theirs: &str) -> [String; 2] {
    [format!("{ours}->{theirs}"), format!("{theirs}->{ours}")]
}

/// The answer where nothing was done, because it is not recorded.
fn unrecorded(what: &str, error: &AuditError) -> AdminAnswer {
    AdminAnswer::refused(error.without(what), Vec::new())
}

fn bounded(reason: Option<&str>) -> Result<Option<Text>, AdminAnswer> {
    if reason.is_some_and(|reason| reason.len() > Text::BYTES) {
        let message = format!(
            "the reason is longer than {} bytes; shorten it",
            Text::BYTES
        );
        return Err(AdminAnswer::refused(message, Vec::new()));
    }
    Ok(reason.map(Into::into))
}

fn state(room: ClosedRoom) -> RoomState {
    RoomState {
        since: rfc3339(room.since),
        link: room.link,
        room_id: room.room_id,
        rule: room.rule,
        operator: room.operator,
        reason: room.reason,
    }
}

fn rfc3339(millis: i64) -> Option<String> {
    let at = OffsetDateTime::from_unix_timestamp_nanos(i128::from(millis) * 1_000_000).ok()?;
    (millis > 0).then(|| at.format(&Rfc3339).ok()).flatten()
}
