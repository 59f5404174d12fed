//! What journal, rooms and windows know around an event, and what its room says: known, shown, or asked for.

use std::collections::BTreeMap;
use std::time::Instant;

use sluice_policy::decide::SIGHTING_MS;
use sluice_policy::dlp::{self, Part};
use sluice_policy::label::RoomLabel;
use sluice_policy::pdu::{Integrity, Pdu};
use time::OffsetDateTime;

use super::{Case, Collector, Material, PduCase, broken_journal};
use crate::exchange::Way;
use crate::gateway::Gateway;
use crate::hold::Presented;
use crate::parse::Unit;
use crate::refusal::Refusal;
use crate::rooms::truthful;
use crate::route::{Op, UnitKind};
use crate::window::{Speaker, Visit};

/// Our homeserver is asked so often about a room for one body: the first events may stand where it knows nothing, but
/// an answer with ten thousand of them must not become as many requests.
const ASKS_A_ROOM: usize = 3;

impl Collector<'_> {
    /// Adds what journal and rooms know.
    pub(super) async fn surround(
        &mut self,
        pdu: Pdu,
        integrity: Integrity,
    ) -> Result<PduCase, Refusal> {
        let (active, exchange) = (self.active, self.exchange);
        self.gateway.caught_up().await?;
        self.gateway
            .refuse_event_of_hidden_room(active, exchange, self.way, pdu.room_id())?;
        let link = self.exchange.link(self.way);
        let is_sent = self.exchange.route.endpoint.op == Op::Send && self.is_sent_now();
        if !is_sent {
            // Its verdict is on its way, and a denial must be seen here.
            self.gateway.waits.settled(&link, pdu.event_id()).await?;
            self.gateway.caught_up().await?;
        }
        let waits_already = self.queued.1.contains(pdu.event_id());
        let journal = &self.gateway.journal;
        let third = self.third(&pdu);
        let newcomer = self.newcomer(&pdu)?;
        let denial = self.denial(pdu.event_id(), third.as_deref())?;
        let closed = self.closed(pdu.room_id())?;
        let outbound = self.exchange.outbound(self.way);
        let room = if let Some(said) = self.said.get(pdu.room_id()) {
            Some(said.clone())
        } else if let Some(shown) = self.shown.clone().filter(|_| self.demanded) {
            Some(shown)
        } else if self.demanded {
            self.room_label(&pdu, outbound).await?
        } else {
            Some(self.known_room(pdu.room_id())?)
        };
        if !self.water.contains_key(pdu.room_id()) {
            let water = self.gateway.water(self.active, &link, pdu.room_id())?;
            self.water.insert(pdu.room_id().to_owned(), water);
        }
        if !self.seen.contains_key(pdu.room_id()) {
            let since = crate::gateway::now_ms().saturating_sub(SIGHTING_MS);
            let seen = journal.sightings(&link, pdu.room_id(), since);
            let seen = seen.map_err(broken_journal)?;
            self.seen.insert(pdu.room_id().to_owned(), seen);
        }
        let lowering_refused =
            pdu.is_label_state() && self.gateway.is_refused_lowering(pdu.event_id())?;
        // A label that the peer's gateway kept back stands here in its redacted form: anything may follow it.
        let kept_back = !outbound && room.as_ref().is_some_and(RoomLabel::is_nobodys);
        let is_news = self.exchange.route.endpoint.op == Op::Send && !kept_back;
        let asked = self.asked.get(pdu.room_id());
        let unasked = room.is_none() && asked.is_some_and(|asked| *asked > ASKS_A_ROOM);
        let mut case = PduCase {
            pdu,
            integrity,
            denial,
            closed,
            targets: Vec::new(),
            room,
            lowering_refused,
            is_news,
            unasked,
            said: None,
            returned: None,
            third,
            newcomer,
            ticket: None,
            waits_already,
        };
        case.ticket = self.ticket_for(&case, &link)?;
        case.said = self.said_in(&case, &link);
        self.as_first_seen(&mut case)?;
        self.hear(&case)?;
        Ok(case)
    }

    /// The rule that closed a room for this half's link. A pull by event id names no room, so that only here it can be
    /// refused where the room is closed in the other direction, as pulls by room id are.
    fn closed(&self, room_id: &str) -> Result<Option<String>, Refusal> {
        let ways = match self.exchange.route.endpoint.op {
            Op::Event => vec![Way::Request, Way::Answer],
            _ => vec![self.way],
        };
        for way in ways {
            let link = self.exchange.link(way);
            let closed = self
                .gateway
                .journal
                .closed(&link, room_id)
                .map_err(broken_journal)?;
            if closed.is_some() {
                return Ok(closed);
            }
        }
        Ok(None)
    }

    /// The ticket that a reviewer's release has made for what this event says.
    fn ticket_for(&self, case: &PduCase, link: &str) -> Result<Option<Presented>, Refusal> {
        if case.denial.is_some() || case.integrity != Integrity::Whole {
            return Ok(None);
        }
        let Gateway { holds, journal, .. } = self.gateway;
        let presented = holds.present(journal, link, &case.pdu, self.came_ms);
        presented.map_err(broken_journal)
    }

    /// Whether events are brought to us as they are said, and not pulled from what was said once.
    const fn is_sent_now(&self) -> bool {
        matches!(self.way, Way::Request)
    }

    /// What an event says that may cross and is read with what its sender says around it. Not in the state of a room: that
    /// has one event a key, and each was read so when it was sent.
    fn said_in(&self, case: &PduCase, link: &str) -> Option<(Speaker, Part)> {
        let bulk = matches!(
            (self.exchange.route.endpoint.op, self.way),
            (Op::State | Op::EventAuth | Op::SendJoin, Way::Answer)
        );
        let unjudged = self.exchange.is_own_zone() || case.returned.is_some();
        if bulk || unjudged || case.integrity != Integrity::Whole || case.denial.is_some() {
            return None;
        }
        let pdu = &case.pdu;
        let said = dlp::said(pdu.kind(), pdu.content(), "");
        let speaker = Speaker {
            link: link.to_owned(),
            room: pdu.room_id().to_owned(),
            sender: pdu.sender().to_owned(),
        };
        let sent_ms = pdu.origin_server_ts();
        let part = Part {
            // Whoever writes the time of sending may lie, to keep two halves apart or to push one out.
            sent_ms: if self.is_sent_now() {
                self.came_ms
            } else {
                sent_ms.min(self.came_ms)
            },
            is_news: self.is_sent_now(),
            ..Part::new(pdu.event_id(), sent_ms, &said)
        };
        (!part.is_empty()).then_some((speaker, part))
    }

    /// What the room of an event says: known, or asked for; `None` where nobody knows. Where enough was asked for one body,
    /// it is what our homeserver answered for an event before, so that a burst of events is not denied for its length. Not
    /// in a pull, whose events lie far apart, and not after an event that changes the label.
    pub(super) async fn room_label(
        &mut self,
        pdu: &Pdu,
        outbound: bool,
    ) -> Result<Option<RoomLabel>, Refusal> {
        let room_id = pdu.room_id();
        if self.may_ask(room_id) {
            let label = self
                .gateway
                .room_label(
                    self.active,
                    self.exchange,
                    pdu,
                    outbound,
                    &mut self.patience,
                )
                .await?;
            let holds = self.exchange.route.endpoint.op == Op::Send && !pdu.is_label_state();
            match label.clone().filter(|_| holds) {
                Some(answered) => self.answered.insert(room_id.to_owned(), answered),
                None => self.answered.remove(room_id),
            };
            return Ok(label);
        }
        if self.gateway.knows_room_label(room_id)? {
            return self.gateway.known_room(room_id).map(Some);
        }
        if pdu.is_label_state() {
            self.answered.remove(room_id);
        }
        Ok(self.answered.get(room_id).cloned())
    }

    /// The label in a whole, signed event of `invite_room_state` or of the state that answers a join: our homeserver
    /// gives no state of a room to a peer that is only invited, and has none of a room that it is joining. A stripped
    /// event proves nothing and is not looked at.
    pub(super) async fn label_shown(
        &mut self,
        units: &[Unit],
    ) -> Result<Option<RoomLabel>, Refusal> {
        let room = self.exchange.route.room_id().unwrap_or_default();
        let Some(version) = self.versions.get(room) else {
            return Ok(None);
        };
        let shown = units
            .iter()
            .filter(|unit| self.shows_state(unit))
            .filter_map(|unit| Pdu::read(unit.value.as_ref().ok()?.clone(), *version).ok())
            .find(|pdu| pdu.is_label_state() && pdu.room_id() == room);
        let Some(pdu) = shown else { return Ok(None) };
        if self.gateway.is_refused_lowering(pdu.event_id())? {
            return self.gateway.known_room(room).map(Some);
        }
        let servers = pdu.required_servers();
        for server in &servers {
            if !self
                .gateway
                .knows_server(self.active, self.exchange, server)
            {
                return Ok(None);
            }
            if !self.has_keys(&pdu, server).await? {
                return Ok(None);
            }
        }
        if pdu.verify(&self.gateway.keys.view(&servers)) != Ok(Integrity::Whole) {
            return Ok(None);
        }
        let at = OffsetDateTime::now_utc();
        let read = RoomLabel::from_content(pdu.content());
        let said = truthful(self.active.bundle()?, read, at);
        // A peer's word may raise what is known here, and never lower it.
        let sender = self.exchange.outbound(self.way).then(|| pdu.sender());
        let (gateway, active) = (self.gateway, self.active);
        gateway
            .in_force(active, self.exchange, room, said, sender)
            .map(Some)
    }

    fn shows_state(&self, unit: &Unit) -> bool {
        let joining = self.exchange.route.endpoint.op == Op::SendJoin && self.way == Way::Answer;
        unit.kind == UnitKind::StrippedState || (joining && unit.pattern == "/state/*")
    }

    pub(super) fn may_ask(&mut self, room_id: &str) -> bool {
        let asked = self.asked.entry(room_id.to_owned()).or_default();
        *asked += 1;
        *asked <= ASKS_A_ROOM
    }
}

/// Opens the windows of all who say something in a body, and shows to others what they say.
pub(super) fn enter(gateway: &Gateway, cases: &[Case]) -> Result<Visit, Refusal> {
    let mut says: BTreeMap<Speaker, Vec<Part>> = BTreeMap::new();
    for case in cases {
        if let Ok(Material::Pdu(case)) = &case.material
            && let Some((speaker, part)) = &case.said
        {
            says.entry(speaker.clone()).or_default().push(part.clone());
        }
    }
    let visit = gateway.windows.enter(says, Instant::now());
    visit.map_err(|error| Refusal::ourselves("gateway.windows", error.to_string()))
}
