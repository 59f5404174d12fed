//! Templates of memberships, and the state that an invitation or a knock shows.

use ruma_common::CanonicalJsonObject;
use sluice_policy::pdu::{Pdu, RoomStateElement, Template};

use super::{Collector, Condemned, Material};
use crate::route::Op;

impl Collector<'_> {
    /// The template is for the room and the user that were asked for, in a version that the gateway judges.
    pub(super) fn template(&self, object: CanonicalJsonObject) -> Result<Material, Condemned> {
        let route = &self.exchange.route;
        let membership = match route.endpoint.op {
            Op::MakeJoin => "join",
            Op::MakeKnock => "knock",
            _ => "leave",
        };
        let room = route.room_id().unwrap_or_default();
        let version = self
            .versions
            .get(room)
            .ok_or_else(|| Condemned::new("protocol.room_version"))?;
        let template = Template::read(object, *version, membership)
            .map_err(|fault| Condemned::new(fault.rule()))?;
        if template.room_id() != room || Some(template.sender()) != route.params.get("user") {
            return Err(Condemned::new("protocol.template"));
        }
        Ok(Material::Plain(template.object().clone()))
    }

    /// State shown to the invited user: whole events lose `unsigned` and foreign signatures, both kinds unknown keys.
    pub(super) fn stripped(&self, object: CanonicalJsonObject) -> Result<Material, Condemned> {
        let room = self.exchange.route.room_id().unwrap_or_default();
        let version = self
            .versions
            .get(room)
            .ok_or_else(|| Condemned::new("protocol.room_version"))?;
        let element = RoomStateElement::read(object, *version)
            .map_err(|fault| Condemned::new(fault.rule()))?;
        match element {
            RoomStateElement::Full(pdu) if pdu.room_id() != room => {
                Err(Condemned::new("protocol.room_mismatch"))
            }
            RoomStateElement::Full(pdu) => self.shown_event(&pdu),
            RoomStateElement::Stripped(state) => Ok(Material::Plain(state.object().clone())),
        }
    }

    /// A whole event that an invite shows: with a clean residue, and not denied before.
    fn shown_event(&self, pdu: &Pdu) -> Result<Material, Condemned> {
        pdu.check_residue()
            .map_err(|fault| Condemned::of(fault.rule(), pdu))?;
        let link = self.exchange.link(self.way);
        match self.gateway.journal.denial(pdu.event_id(), &link) {
            Ok(None) => Ok(Material::Plain(pdu.outgoing())),
            Ok(Some(denial)) => Err(Condemned::of(&denial.rule, pdu)),
            Err(_) => Err(Condemned::of("gateway.journal", pdu)),
        }
    }
}
