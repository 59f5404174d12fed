//! Rooms that are shown to those who were not invited, each with what is known of its label.

use ruma_common::CanonicalJsonObject as Object;
use sluice_policy::ids;
use sluice_policy::label::RoomLabel;

use super::{Collector, Condemned, Material, broken_journal};
use crate::exchange::Way;
use crate::listing;
use crate::refusal::Refusal;
use crate::route::{Op, UnitKind};

/// A room in a list, a hierarchy or behind an alias.
#[derive(Debug)]
pub struct ListedRoom {
    /// Its id.
    pub room_id: String,
    /// The entry, from its known keys.
    pub tree: Object,
    /// What is known of the room's label.
    pub room: RoomLabel,
}

/// The rule of a room that the other side may not know of.
const ROOM_HIDDEN: &str = "protocol.room_hidden";

impl Collector<'_> {
    /// An entry of its known keys, if its room may be known on the other side.
    pub(super) fn listed(
        &self,
        kind: UnitKind,
        pattern: &'static str,
        object: Object,
    ) -> Result<Result<Material, Condemned>, Refusal> {
        let sees = |room: &str| self.sees(room);
        let (active, exchange) = (self.active, self.exchange);
        let admits = |server: &str| active.admits(exchange, self.way, server);
        // Within our own zone every server is known that anybody here may speak to.
        let knows = |server: &str| match exchange.is_own_zone() {
            true => admits(server),
            false => active.is_local(server) || exchange.peer.speaks_for(server),
        };
        let read = match kind {
            UnitKind::Directory => listing::room(object),
            UnitKind::Alias => listing::alias(object, &knows),
            _ => listing::summary(object, &sees, (&knows, &admits))?,
        };
        let Some((room_id, mut tree)) = read else {
            return Ok(Err(Condemned::new(rule(kind))));
        };
        // Its alias may name a server that does not exist for the other side.
        let alias = tree.get("canonical_alias").and_then(super::text);
        if alias
            .and_then(ids::alias_server)
            .is_some_and(|server| !admits(server))
        {
            tree.remove("canonical_alias");
        }
        let asked = (pattern == "/room").then(|| self.exchange.route.room_id());
        if asked.is_some_and(|asked| asked != Some(room_id.as_str())) {
            return Ok(Err(Condemned::new("protocol.room_mismatch")));
        }
        if !self.sees(&room_id)? {
            let condemned = Condemned::new(ROOM_HIDDEN);
            return Ok(Err(Condemned {
                room_id: Some(room_id),
                ..condemned
            }));
        }
        let room = self.gateway.known_room(&room_id)?;
        Ok(Ok(Material::Listed(Box::new(ListedRoom {
            room_id,
            tree,
            room,
        }))))
    }

    /// Whether the other side may know of a room: it is open, and its label granted. Of our rooms that label must be known
    /// where the link demands labels; what a peer shows of its own tells nothing that it does not know.
    fn sees(&self, room_id: &str) -> Result<bool, Refusal> {
        for way in [Way::Request, Way::Answer] {
            let closed = self
                .gateway
                .journal
                .closed(&self.exchange.link(way), room_id);
            if closed.map_err(broken_journal)?.is_some() {
                return Ok(false);
            }
        }
        if !self.gateway.knows_room_label(room_id)? {
            return Ok(!(self.demanded && self.exchange.outbound(self.way)));
        }
        match self.gateway.known_room(room_id)?.label {
            Some(label) => self.active.grants(self.exchange, self.way, &label),
            None => Ok(true),
        }
    }

    /// Whether somebody would join, knock at or be invited to a room that is encrypted, as far as the journal or the state
    /// in this body says so.
    pub(super) fn enters_an_encrypted_room(&self, shows_it: bool) -> Result<bool, Refusal> {
        let route = &self.exchange.route;
        let enters = matches!(
            route.endpoint.op,
            Op::Invite | Op::MakeJoin | Op::SendJoin | Op::MakeKnock | Op::SendKnock
        );
        let Some(room_id) = route.room_id().filter(|_| enters) else {
            return Ok(false);
        };
        let known = self.gateway.journal.room(room_id).map_err(broken_journal)?;
        Ok(shows_it || known.is_some_and(|room| room.encrypted))
    }
}

/// Whether a unit is the state that turns encryption on. It is not verified, and so it can refuse and never release.
pub(crate) fn turns_encryption_on(unit: &crate::parse::Unit) -> bool {
    let Ok(object) = &unit.value else {
        return false;
    };
    let is = |key: &str, text: &str| object.get(key).and_then(super::text) == Some(text);
    matches!(unit.kind, UnitKind::StrippedState | UnitKind::Pdu)
        && unit.pattern != "/auth_chain/*"
        && is("type", "m.room.encryption")
        && is("state_key", "")
}

const fn rule(kind: UnitKind) -> &'static str {
    match kind {
        UnitKind::Directory => "protocol.directory",
        UnitKind::Alias => "protocol.alias",
        _ => "protocol.summary",
    }
}
