//! Who else is in a room: servers that are neither ours nor the peer's.
//!
//! ```text
//! a user is brought into a room ─> servers that were seen in it ─> third ones ─> our homeserver, asked in the name of each
//!                                                                                  knows it in the room: 403
//! ```
//!
//! Which servers came into a room is learned from what crosses. Whether one is still there, our homeserver says: it tells
//! only servers that are in a room which event of it came last. A homeserver that knows no such question is asked for the
//! event before the one that brings somebody; what it does not know of a room in which it is says nothing, and nobody
//! comes in.

use ruma_common::CanonicalJsonObject as Object;
use sluice_policy::ids::user_server;
use sluice_policy::pdu::Pdu;

use super::{Collector, broken_journal};
use crate::asks::Said;
use crate::exchange::{Face, Way};
use crate::journal::Denial;
use crate::refusal::Refusal;
use crate::rooms::first_previous;
use crate::route::{Op, UnitKind, encode};

/// The rule of what a third server keeps from crossing.
pub(crate) const THIRD_SERVER: &str = "protocol.third_server";

impl Collector<'_> {
    /// The zone of an event's sender, where it is a third one.
    pub(super) fn third(&mut self, pdu: &Pdu) -> Option<String> {
        let zone = self.active.third(self.exchange, pdu.sender_server())?;
        self.thirds.insert(zone.to_owned());
        Some(zone.to_owned())
    }

    /// An earlier denial on this link, or on the link from the zone of a third sender.
    ///
    /// # Errors
    /// [`Refusal`] where the journal cannot be read.
    pub(super) fn denial(
        &self,
        event_id: &str,
        third: Option<&str>,
    ) -> Result<Option<Denial>, Refusal> {
        let journal = &self.gateway.journal;
        let link = self.exchange.link(self.way);
        let denial = journal.denial(event_id, &link).map_err(broken_journal)?;
        match (denial, third) {
            (None, Some(zone)) => journal
                .denial(event_id, &self.active.name_from(zone))
                .map_err(broken_journal),
            (denial, _) => Ok(denial),
        }
    }

    /// Whether it is a membership that another homeserver brings than that of its user: the one through which the user
    /// came or went tells all others. A user's of our zone may come back so; a third one's, where those are listed.
    pub(super) fn is_brought(&self, pdu: &Pdu) -> bool {
        let is_own = pdu.membership().is_some() && pdu.state_key() == Some(pdu.sender());
        if self.exchange.route.endpoint.op != Op::Send || !is_own {
            return false;
        }
        let (active, exchange) = (self.active, self.exchange);
        let (server, author) = (pdu.sender_server(), exchange.author(self.way));
        // Of its own users a homeserver is told by nobody; of those of another homeserver of its zone it is.
        if exchange.peer.speaks_for(server) && !exchange.is_own_zone() {
            return exchange.peer.speaks_for(author) || server != exchange.destination();
        }
        active.admits(exchange, self.way, server)
    }

    /// The server that an event brings into its room and that was not seen there before.
    ///
    /// # Errors
    /// [`Refusal`] where the journal cannot be read.
    pub(super) fn newcomer(&mut self, pdu: &Pdu) -> Result<Option<String>, Refusal> {
        let server = pdu.state_key().and_then(user_server);
        let Some(server) = server.filter(|_| pdu.brings_a_member()) else {
            return Ok(None);
        };
        if self.active.is_local(server) || self.active.peers.by_server(server).is_none() {
            return Ok(None);
        }
        let here = (pdu.room_id().to_owned(), server.to_owned());
        // The journal is asked once a body, however many members come.
        if !self.newcomers.insert(here) {
            return Ok(None);
        }
        let known = self.gateway.journal.servers(pdu.room_id());
        let known = known.map_err(broken_journal)?;
        let is_new = !known.iter().any(|known| known == server);
        Ok(is_new.then(|| server.to_owned()))
    }

    /// Refuses what brings a user of one side into a room in which a third server's users are, where the link refuses
    /// such rooms.
    ///
    /// # Errors
    /// [`Refusal`]: forbidden; or where journal or homeserver cannot say now.
    pub(super) async fn refuse_company(
        &self,
        unit: &Object,
        kind: UnitKind,
    ) -> Result<(), Refusal> {
        if !self.brings_somebody(kind) || self.lists_thirds() {
            return Ok(());
        }
        let Some(room_id) = self.exchange.route.room_id() else {
            return Ok(());
        };
        let seen = self.gateway.journal.servers(room_id);
        for server in seen.map_err(broken_journal)? {
            let is_third = self.active.third(self.exchange, &server).is_some();
            if is_third && self.is_in_room(&server, room_id, unit).await? {
                let detail = "users of a third server are in the room";
                return Err(Refusal::forbidden(THIRD_SERVER, detail));
            }
        }
        Ok(())
    }

    /// Whether the unit is the one by which somebody is about to come into the room in the path.
    fn brings_somebody(&self, kind: UnitKind) -> bool {
        matches!(
            (self.exchange.route.endpoint.op, self.way, kind),
            (
                Op::Invite | Op::SendJoin | Op::SendKnock,
                Way::Request,
                UnitKind::Pdu
            ) | (
                Op::MakeJoin | Op::MakeKnock,
                Way::Answer,
                UnitKind::Template
            )
        )
    }

    fn lists_thirds(&self) -> bool {
        let lists = |way| self.active.lists_thirds(self.exchange, way);
        lists(Way::Request) && lists(Way::Answer)
    }

    /// Whether our homeserver says that a server is in a room now.
    async fn is_in_room(
        &self,
        server: &str,
        room_id: &str,
        unit: &Object,
    ) -> Result<bool, Refusal> {
        let last = format!(
            "/_matrix/federation/v1/timestamp_to_event/{}?ts={}&dir=b",
            encode(room_id),
            self.came_ms
        );
        match self.said_to(server, &last).await? {
            Said::Found(_) => return Ok(true),
            Said::Forbidden => return Ok(false),
            Said::NotFound => {}
        }
        let before = first_previous(unit);
        let before = before.map(|id| format!("/_matrix/federation/v1/event/{}", encode(&id)));
        let said = match before {
            Some(before) => self.said_to(server, &before).await?,
            None => Said::NotFound,
        };
        // Whoever comes in over the border chose that event, or our homeserver did, which knows it then.
        let enters_ours =
            self.exchange.face == Face::Border && self.exchange.route.endpoint.op != Op::Invite;
        Ok(match said {
            Said::Found(_) => true,
            Said::Forbidden => false,
            Said::NotFound => enters_ours,
        })
    }

    /// What our homeserver answers to a server.
    async fn said_to(&self, server: &str, target: &str) -> Result<Said, Refusal> {
        let names = (server, self.exchange.local.as_str());
        self.gateway
            .said(self.active, self.exchange, names, target)
            .await
    }
}
