//! The road of an event: its version, its shape, its place, the keys of those who had to sign it, their signatures, its
//! hash and residue.
//!
//! ```text
//! unit ─ pdu ─> Signed ─ verify_all (many on several threads) ─> Verified ─ checked ─> PduCase, or Condemned
//! ```

use std::collections::BTreeSet;

use ruma_common::CanonicalJsonObject;
use sluice_policy::ids;
use sluice_policy::json::Fault;
use sluice_policy::parallel;
use sluice_policy::pdu::{Integrity, Pdu};

use super::{Collector, Condemned, Material, PduCase, Returned, THIRD_SERVER, text};
use crate::exchange::Way;
use crate::refusal::Refusal;
use crate::route::Op;

/// The rule of an event that cannot be verified while a third server's keys are missing.
const KEYS_MISSING: &str = "protocol.keys_missing";

/// A unit on its way to a [`super::Case`].
#[expect(
    clippy::large_enum_variant,
    reason = "one a unit, made once and moved twice"
)]
pub(super) enum Step {
    Done(Result<Material, Condemned>),
    Signed(Signed),
}

/// An event whose keys are at hand and whose signatures are still to be verified.
pub(super) struct Signed {
    pub(super) pdu: Pdu,
    servers: BTreeSet<String>,
}

/// What was found of a [`Signed`] event.
pub(super) struct Verified {
    integrity: Result<Integrity, Fault>,
    residue: Result<(), Fault>,
}

impl Collector<'_> {
    pub(super) async fn pdu(
        &mut self,
        object: CanonicalJsonObject,
        pattern: &'static str,
    ) -> Result<Result<Signed, Condemned>, Refusal> {
        if self.names_another_room(&object) {
            return Ok(Err(Condemned::new("protocol.room_mismatch")));
        }
        let Some(version) = self.version_of(&object).await? else {
            return Ok(Err(Condemned::new("protocol.room_version")));
        };
        let pdu = match Pdu::read(object, version) {
            Ok(pdu) => pdu,
            Err(fault) => return Ok(Err(Condemned::new(fault.rule()))),
        };
        if let Err(rule) = self.belongs_here(&pdu, pattern) {
            return Ok(Err(Condemned::of(rule, &pdu)));
        }
        let servers = pdu.required_servers();
        for server in &servers {
            if !self
                .gateway
                .knows_server(self.active, self.exchange, server)
            {
                return Ok(Err(self.of_a_stranger(&pdu)));
            }
            if !self.has_keys(&pdu, server).await? {
                return self.unverifiable(&pdu).map(Err);
            }
        }
        Ok(Ok(Signed { pdu, servers }))
    }

    /// Signatures, hash and residue of events; of many of them on several threads.
    pub(super) fn verify_all(&self, signed: &[&Signed]) -> Vec<Verified> {
        let one = |signed: &&Signed| Verified {
            integrity: self.verify(&signed.pdu, &signed.servers),
            residue: signed.pdu.check_residue(),
        };
        if signed.len() < parallel::FROM {
            return signed.iter().map(one).collect();
        }
        tokio::task::block_in_place(|| parallel::map(signed, one))
    }

    /// An event whose signatures and hash were looked at, whole again where it came back to our zone without its content.
    pub(super) async fn checked(
        &mut self,
        pdu: Pdu,
        verified: Verified,
        pattern: &'static str,
    ) -> Result<Result<Material, Condemned>, Refusal> {
        let (pdu, integrity, returned) =
            match self.returned(pdu, verified.integrity, pattern).await? {
                Ok(checked) => checked,
                Err(condemned) => return Ok(Err(condemned)),
            };
        let residue = match returned {
            // Another copy than the one that was looked at.
            Some(Returned::Redacted | Returned::Tampered) => pdu.check_residue(),
            Some(Returned::Whole) | None => verified.residue,
        };
        if let Err(fault) = residue {
            return Ok(Err(Condemned::of(fault.rule(), &pdu)));
        }
        let case = self.surround(pdu, integrity).await?;
        Ok(Ok(Material::Pdu(Box::new(PduCase { returned, ..case }))))
    }

    /// Whether the keys of a homeserver that had to sign an event are at hand.
    ///
    /// # Errors
    /// [`Refusal`] where it is at an end of the exchange and does not give them.
    pub(super) async fn has_keys(&mut self, pdu: &Pdu, server: &str) -> Result<bool, Refusal> {
        let (active, exchange, key_id) = (self.active, self.exchange, pdu.key_id_of(server));
        self.gateway
            .has_keys(active, exchange, server, key_id, &mut self.keys)
            .await
    }

    /// An event that nobody can verify now, because the gateway of a server that is at neither end of the exchange is away:
    /// it is left out, and the rest crosses.
    ///
    /// # Errors
    /// [`Refusal`] where it is of the room that a join enters: what is left out there might be the very member for whom
    /// the room may not be entered.
    fn unverifiable(&self, pdu: &Pdu) -> Result<Condemned, Refusal> {
        if (self.exchange.route.endpoint.op, self.way) == (Op::SendJoin, Way::Answer) {
            let detail = "keys of a server in the room are missing; its gateway does not give them";
            return Err(Refusal::forbidden(KEYS_MISSING, detail));
        }
        Ok(Condemned::of(KEYS_MISSING, pdu))
    }

    /// Whether an event says itself that it is not of the room in the path: nobody is asked about such a room.
    fn names_another_room(&self, event: &CanonicalJsonObject) -> bool {
        let stated = event.get("room_id").and_then(text);
        let asked = self.exchange.route.room_id();
        matches!((stated, asked), (Some(stated), Some(asked)) if stated != asked)
    }

    /// Condemned because a server that we do not know had to sign it.
    fn of_a_stranger(&self, pdu: &Pdu) -> Condemned {
        let member = pdu.state_key().and_then(ids::user_server);
        let unknown = member.is_none_or(|server| {
            !self
                .gateway
                .knows_server(self.active, self.exchange, server)
        });
        Condemned {
            stranger: pdu.brings_a_member() && unknown,
            ..Condemned::of(THIRD_SERVER, pdu)
        }
    }

    /// A join is on its way to the server that will countersign it; everything else must have all its signatures.
    fn verify(&self, pdu: &Pdu, servers: &BTreeSet<String>) -> Result<Integrity, Fault> {
        let keys = self.gateway.keys.view(servers);
        match (self.exchange.route.endpoint.op, self.way) {
            (Op::SendJoin, Way::Request) => {
                pdu.verify_join_request(&keys, self.exchange.destination())
            }
            _ => pdu.verify(&keys),
        }
    }

    /// The event stands in the room and under the id that the path names, and its sender may speak here.
    fn belongs_here(&self, pdu: &Pdu, pattern: &'static str) -> Result<(), &'static str> {
        let route = &self.exchange.route;
        if route.room_id().is_some_and(|room| room != pdu.room_id()) {
            return Err("protocol.room_mismatch");
        }
        let names_this_event = matches!(
            route.endpoint.op,
            Op::Event | Op::SendJoin | Op::SendKnock | Op::SendLeave | Op::Invite
        ) && matches!(pattern, "" | "/event" | "/pdus/*");
        if names_this_event && route.params.get("event") != Some(pdu.event_id()) {
            return Err("protocol.event_id");
        }
        let made_by = pdu.room_id().split_once(':').map(|(_, server)| server);
        if pdu.kind() == "m.room.create" && made_by.is_some_and(|by| by != pdu.sender_server()) {
            return Err("protocol.sender");
        }
        let author = self.exchange.author(self.way);
        let must_be_author = self.way == Way::Request && pattern != "/invite_room_state/*";
        if must_be_author && pdu.sender_server() != author && !self.is_brought(pdu) {
            return Err("protocol.sender");
        }
        Ok(())
    }
}
